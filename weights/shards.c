/* shards.c -- finds a model's weights in its folder: one file, or an index and every shard, held to the index's word */
#include "weights/shards.h"
#include "tensor/mem.h"
#include "weights/file.h"
#include "weights/json.h"

#include <stdio.h>
#include <string.h>

/* What follows the stem, in order of preference. */
static const struct { const char *ending; int is_index; } candidates[] = {
    { ".safetensors", 0 },
    { ".safetensors.index.json", 1 },
    { ".fp16.safetensors", 0 },
    { ".safetensors.index.fp16.json", 1 },
    { ".safetensors.fp16.index.json", 1 },
    { ".fp16.safetensors.index.json", 1 },
};
enum { CANDIDATES = sizeof candidates / sizeof candidates[0], SHARDS = 4096 };

struct StSet {
    char *source;
    StFile **file;
    char **file_name;                                     /* without folder */
    int files, room;
};

/* "folder/a b" in new memory. */
static char *path_new(const char *folder, const char *a, const char *b, Err *err)
{
    const size_t n = strlen(folder) + strlen(a) + strlen(b) + 2;
    char *p = mem_new(n, 1, folder, err);
    if (p != NULL) snprintf(p, n, "%s/%s%s", folder, a, b);
    return p;
}

static char *text_new(const char *s, Err *err)
{
    char *p = mem_new(strlen(s) + 1, 1, "weights", err);
    if (p != NULL) strcpy(p, s);
    return p;
}

/* ---- the files ---- */

static int file_add(StSet *s, const char *folder, const char *name, Err *err)
{
    if (s->files == s->room) return err_set(err, "%s: found more than %d shards", folder, s->room);
    s->file_name[s->files] = text_new(name, err);
    if (s->file_name[s->files] == NULL) return -1;
    s->files++;                                           /* from here on st_set_close frees the name */
    char *path = path_new(folder, name, "", err);
    if (path == NULL) return -1;
    s->file[s->files - 1] = st_open(path, err);
    mem_free(path);
    return s->file[s->files - 1] == NULL ? -1 : 0;
}

static int room_make(StSet *s, int room, Err *err)
{
    s->file = mem_new((size_t)room, sizeof s->file[0], "weights", err);
    s->file_name = mem_new((size_t)room, sizeof s->file_name[0], "weights", err);
    s->room = room;
    return s->file == NULL || s->file_name == NULL ? -1 : 0;
}

static int file_index(const StSet *s, const char *name)   /* -1: not open */
{
    for (int i = 0; i < s->files; i++)
        if (strcmp(s->file_name[i], name) == 0) return i;
    return -1;
}

/* ---- the index ---- */

static int shard_name_is_plain(const char *name)
{
    static const char ending[] = ".safetensors";
    const size_t n = strlen(name), e = sizeof ending - 1;
    return n > e && strcmp(name + n - e, ending) == 0 && name[0] != '.' && strpbrk(name, "/\\:") == NULL;
}

/* Opens every file that the map names, once, and finds each tensor in its file. */
static int map_follow(StSet *s, const Json *map, const char *folder, const char *index, Err *err)
{
    char shown[SHOW_ROOM], tensor[SHOW_ROOM];
    for (const Json *v = json_first(map); v != NULL; v = json_next(v)) {
        const char *name = json_string(v);
        json_show(tensor, json_key(v));
        if (name == NULL)
            return err_set(err, "%s: weight_map: tensor \"%s\": found %s, expected a file name", index, tensor,
                           json_type_name(v));
        if (!shard_name_is_plain(name))
            return err_set(err, "%s: weight_map: tensor \"%s\": found file \"%s\", expected a plain name ending in "
                           ".safetensors, in the same folder", index, tensor, json_show(shown, name));
        int i = file_index(s, name);
        if (i < 0) {
            if (file_add(s, folder, name, err) != 0) return -1;
            i = s->files - 1;
        }
        if (st_find(s->file[i], json_key(v)) == NULL)
            return err_set(err, "%s: weight_map: tensor \"%s\": found none of that name in %s, expected it there", index,
                           tensor, json_show(shown, name));
    }
    return 0;
}

/* No file holds a tensor that the map places elsewhere or nowhere. */
static int files_follow(const StSet *s, const Json *map, const char *index, Err *err)
{
    char tensor[SHOW_ROOM], expected[SHOW_ROOM];
    for (int k = 0; k < s->files; k++)
        for (int i = 0; i < st_count(s->file[k]); i++) {
            const char *name = st_at(s->file[k], i)->name, *place = json_string(json_get(map, name));
            if (place != NULL && strcmp(place, s->file_name[k]) == 0) continue;
            json_show(tensor, name);
            if (place == NULL)
                return err_set(err, "%s: tensor \"%s\": found in %s, expected every tensor of a shard in the weight_map",
                               index, tensor, s->file_name[k]);
            return err_set(err, "%s: tensor \"%s\": found in %s too, expected only in %s as the weight_map says",
                           index, tensor, s->file_name[k], json_show(expected, place));
        }
    return 0;
}

static int index_open(StSet *s, const char *folder, const char *index, Err *err)
{
    Json *root = json_read(index, err);
    if (root == NULL) return -1;
    const Json *map = json_get(root, "weight_map");
    int status = 0;
    if (map == NULL || json_type(map) != JSON_OBJECT || json_count(map) == 0)
        status = err_set(err, "%s: weight_map: found %s of %zu, expected an object of at least one tensor", index,
                         json_type_name(map), map == NULL ? (size_t)0 : json_count(map));
    if (status == 0) status = room_make(s, json_count(map) < SHARDS ? (int)json_count(map) : SHARDS, err);
    if (status == 0) status = map_follow(s, map, folder, index, err);
    if (status == 0) status = files_follow(s, map, index, err);
    json_free(root);
    return status;
}

/* ---- the set ---- */

/* The first candidate that exists: its number, its path to *path. -1: none, or out of memory. */
static int candidate_find(char **path, const char *folder, const char *stem, Err *err)
{
    for (int i = 0; i < CANDIDATES; i++) {
        char *p = path_new(folder, stem, candidates[i].ending, err);
        if (p == NULL) return -1;
        if (file_exists(p)) { *path = p; return i; }
        mem_free(p);
    }
    return err_set(err, "%s: found no weights, expected %s.safetensors, its .fp16 variant or an index .json", folder, stem);
}

static int set_open(StSet *s, const char *folder, const char *stem, Err *err)
{
    char *path = NULL;
    const int i = candidate_find(&path, folder, stem, err);
    if (i < 0) return -1;
    s->source = text_new(path + strlen(folder) + 1, err);
    int status = s->source == NULL ? -1 : 0;
    if (status == 0 && candidates[i].is_index) status = index_open(s, folder, path, err);
    else if (status == 0) {
        status = room_make(s, 1, err);
        if (status == 0) status = file_add(s, folder, s->source, err);
    }
    mem_free(path);
    return status;
}

StSet *st_set_open(const char *folder, const char *stem, Err *err)
{
    StSet *s = mem_new(1, sizeof *s, "weights", err);
    if (s == NULL) return NULL;
    if (set_open(s, folder, stem, err) == 0) return s;
    st_set_close(s);
    return NULL;
}

void st_set_close(StSet *s)
{
    if (s == NULL) return;
    for (int i = 0; i < s->files; i++) { st_close(s->file[i]); mem_free(s->file_name[i]); }
    mem_free(s->file);
    mem_free(s->file_name);
    mem_free(s->source);
    mem_free(s);
}

const char *st_set_source(const StSet *s) { return s->source; }
int st_set_files(const StSet *s) { return s->files; }

const StFile *st_set_file(const StSet *s, int i)
{
    BUG_IF(i < 0 || i >= s->files, "st_set_file: %d of %d files", i, s->files);
    return s->file[i];
}

int st_set_count(const StSet *s)
{
    int n = 0;
    for (int k = 0; k < s->files; k++) n += st_count(s->file[k]);
    return n;
}

const StTensor *st_set_at(const StSet *s, int i)
{
    int k = 0;
    for (; k < s->files && i >= st_count(s->file[k]); k++) i -= st_count(s->file[k]);
    BUG_IF(k == s->files, "st_set_at: beyond the last tensor");
    return st_at(s->file[k], i);
}

const StTensor *st_set_find(const StSet *s, const char *name)
{
    for (int k = 0; k < s->files; k++) {
        const StTensor *t = st_find(s->file[k], name);
        if (t != NULL) return t;
    }
    return NULL;
}
