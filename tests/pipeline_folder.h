/* pipeline_folder.h -- a golden pipeline as a folder of links under a temporary one, to be spoiled file by file */
#ifndef SDREF_TESTS_PIPELINE_FOLDER_H
#define SDREF_TESTS_PIPELINE_FOLDER_H

#include "tensor/mem.h"
#include "tests/golden_read.h"
#include "weights/file.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_PATH = 1024, FOLDER_ROOM = 2 * FOLDER_PATH };      /* of a folder; of what lies below it */

static inline void folder_path(char out[FOLDER_ROOM], const char *folder, const char *name)
{
    if (snprintf(out, FOLDER_ROOM, "%s/%s", folder, name) >= FOLDER_ROOM) exit(1);
}

static inline void folder_link(const char *to, const char *from)      /* the tree `from`, its files as links */
{
    char a[FOLDER_ROOM], b[FOLDER_ROOM];
    DIR *d = opendir(from);
    CHECK(d != NULL && mkdir(to, 0777) == 0, "%s, %s", from, to);
    if (d == NULL) exit(1);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        struct stat s;
        if (e->d_name[0] == '.') continue;
        folder_path(a, from, e->d_name);
        folder_path(b, to, e->d_name);
        if (stat(a, &s) == 0 && S_ISDIR(s.st_mode)) folder_link(b, a);
        else CHECK(symlink(a, b) == 0, "%s", b);
    }
    closedir(d);
}

static inline void folder_remove(const char *folder)
{
    char path[FOLDER_ROOM];
    DIR *d = opendir(folder);
    for (const struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d)) {
        struct stat s;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        folder_path(path, folder, e->d_name);
        if (lstat(path, &s) == 0 && S_ISDIR(s.st_mode)) folder_remove(path);
        else unlink(path);
    }
    if (d != NULL) closedir(d);
    rmdir(folder);
}

/* A new temporary folder with golden/NAME linked below it; the path of that goes to out. */
static inline void folder_new(char out[FOLDER_PATH], const char *name)
{
    char base[] = "/tmp/sdref-pipeline-XXXXXX", here[FOLDER_PATH + 32], from[FOLDER_ROOM];
    CHECK(mkdtemp(base) != NULL && getcwd(here, FOLDER_PATH) != NULL, "no temporary folder");
    strcat(here, "/tests/golden/pipelines");
    folder_path(from, here, name);
    snprintf(out, FOLDER_PATH, "%s/%.64s", base, name);
    folder_link(out, from);
}

static inline void folder_end(char folder[FOLDER_PATH])
{
    *strrchr(folder, '/') = 0;
    folder_remove(folder);
}

static inline void folder_drop(const char *folder, const char *file)
{
    char path[FOLDER_ROOM];
    folder_path(path, folder, file);
    CHECK(unlink(path) == 0, "%s", path);
}

/* The first `from` in a text file becomes `to`. */
static inline void folder_edit(const char *folder, const char *file, const char *from, const char *to)
{
    char path[FOLDER_ROOM];
    void *bytes = NULL;
    size_t n = 0;
    Err err = { 0 };
    folder_path(path, folder, file);
    CHECK_OK(file_read(&bytes, &n, path, 1 << 20, &err), &err);
    const char *text = bytes, *at = strstr(text, from);
    CHECK(at != NULL, "%s: no %s", file, from);
    if (at == NULL) exit(1);
    unlink(path);
    const FilePart parts[] = { { text, (size_t)(at - text) }, { to, strlen(to) }, { at + strlen(from), n - (size_t)(at - text) - strlen(from) } };
    CHECK_OK(file_write_parts(path, parts, 3, &err), &err);
    mem_free(bytes);
}

typedef enum { SPOIL_DROP, SPOIL_ROW, SPOIL_NAN, SPOIL_TYPE, SPOIL_ADD } Spoil;

/* A weight file again with one tensor spoiled: not there; with a row less; its first value NaN (f16 or f32); of type I32 or I16; or
 * as it is, with class_embedding.weight beside it, a copy. */
static inline void folder_spoil(const char *folder, const char *file, const char *tensor, Spoil spoil)
{
    static const uint32_t nan_bits = 0x7fc00000, half_nan = 0x7e00;
    char path[FOLDER_ROOM];
    Err err = { 0 };
    folder_path(path, folder, file);
    StFile *f = golden_open(path);
    StWriter *w = stw_new(&err);
    unsigned char *copy = NULL;
    for (int i = 0; i < st_count(f); i++) {
        const StTensor *t = st_at(f, i);
        StTensor u = *t;
        if (strcmp(t->name, tensor) == 0) {
            copy = mem_new(t->nbytes, 1, "tensor", &err);
            memcpy(copy, t->bytes, t->nbytes);
            u.bytes = copy;
            if (spoil == SPOIL_DROP) continue;
            if (spoil == SPOIL_ROW) u.dim[0]--;
            if (spoil == SPOIL_NAN) memcpy(copy, t->dtype == ST_F32 ? &nan_bits : &half_nan, t->dtype == ST_F32 ? 4 : 2);
            if (spoil == SPOIL_TYPE) u.dtype = t->dtype == ST_F32 ? ST_I32 : ST_I16;
            if (spoil == SPOIL_ADD) stw_add(w, "class_embedding.weight", t->dtype, t->ndim, t->dim, copy);
        }
        stw_add(w, u.name, u.dtype, u.ndim, u.dim, u.bytes);
    }
    CHECK(copy != NULL, "%s: no %s", path, tensor);
    unlink(path);
    CHECK_OK(stw_write(w, path, &err), &err);
    stw_free(w);
    st_close(f);
    mem_free(copy);
}

/* The folder `part` becomes links to another golden folder. */
static inline void folder_swap(const char *folder, const char *part, const char *golden)
{
    char path[FOLDER_ROOM], here[FOLDER_PATH + 32], from[FOLDER_ROOM];
    CHECK(getcwd(here, FOLDER_PATH) != NULL, "no folder");
    strcat(here, "/tests/golden");
    folder_path(path, folder, part);
    folder_path(from, here, golden);
    folder_remove(path);
    folder_link(path, from);
}

/* A new folder that works on 8x8 pixels and takes text: the UNet of DeepFloyd IF with the second text encoder of SDXL, which has its width. */
static inline void folder_pixels(char folder[FOLDER_PATH])
{
    folder_new(folder, "sd1");
    folder_edit(folder, "model_index.json", "\"diffusers\",\n    \"AutoencoderKL\"", "null, null");
    folder_swap(folder, "unet", "pipelines/if/unet");
    folder_swap(folder, "text_encoder", "pipelines/sdxl/text_encoder_2");
    folder_swap(folder, "tokenizer", "pipelines/sdxl/tokenizer_2");
}

#endif
