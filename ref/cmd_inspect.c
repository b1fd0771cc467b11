/* cmd_inspect.c -- sdref inspect FILE|FOLDER: what is in a safetensors file, a run, a model, or a diffusers pipeline, and what of it
 * is supported
 *
 * min, max and mean are of the values that are no NaN; the mean is a sum in binary64, ascending, over their number. The digest of a
 * tensor is of its bytes as they stand in the file.
 */
#include "nn/model.h"
#include "ref/cli.h"
#include "ref/compare.h"
#include "ref/pipeline.h"
#include "ref/run.h"
#include "ref/scheduler.h"
#include "tensor/mem.h"
#include "tensor/sha256.h"
#include "tensor/text.h"
#include "weights/file.h"
#include "weights/json.h"
#include "weights/shards.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const examples[] = {
    "sdref inspect trace.safetensors",
    "sdref inspect runs/mug",
    "sdref inspect stable-diffusion-2-1-base",
    "sdref inspect stable-diffusion-2-1-base/unet",
    NULL
};
static const Command command = {
    "inspect", "tensors, types, shapes and digests of a file, a run, a model; the parts of a pipeline", "sdref inspect FILE|FOLDER", examples,
    NULL, 0, 1, 1, "FILE|FOLDER (safetensors, a run, a model, a pipeline)",
};

/* ---- one tensor ---- */

typedef struct Summary { int64_t nan, n; double min, max, sum; } Summary;     /* n: values that are no NaN */

enum { CHUNK = 4096 };
typedef struct Values { double x[CHUNK]; int64_t i[CHUNK]; } Values;

/* -1: a type without values here, or a value out of range. */
static int summarise(Summary *s, const StTensor *t, Values *v)
{
    *s = (Summary){ 0, 0, (double)INFINITY, -(double)INFINITY, 0 };
    const int floats = st_dtype_is_float(t->dtype);
    if (!floats && !st_dtype_is_int(t->dtype)) return -1;
    const size_t size = (size_t)st_dtype_bits(t->dtype) / 8;
    for (int64_t at = 0; at < t->count; at += CHUNK) {
        Err why = { 0 };
        StTensor part = *t;
        part.count = t->count - at < CHUNK ? t->count - at : CHUNK;
        part.bytes = t->bytes + (size_t)at * size;
        part.nbytes = (size_t)part.count * size;
        if ((floats ? st_read_f64(v->x, &part, &why) : st_read_i64(v->i, &part, &why)) != 0) return -1;
        for (int64_t i = 0; i < part.count; i++) {
            const double x = floats ? v->x[i] : (double)v->i[i];
            if (isnan(x)) { s->nan++; continue; }
            s->n++;
            s->sum += x;
            if (x < s->min) s->min = x;
            if (x > s->max) s->max = x;
        }
    }
    return 0;
}

static void print_tensor(const StTensor *t, int width, Values *v)
{
    char name[SHOW_ROOM], shape[ST_SHAPE_ROOM], hex[65];
    unsigned char digest[32];
    Summary s;
    sha256(digest, t->bytes, t->nbytes);
    sha256_hex(hex, digest);
    printf("  %-*s %-22s %10" PRId64, width, json_show(name, t->name), st_shape(shape, t), t->count);
    if (summarise(&s, t, v) != 0 || s.n == 0) printf(" %11s %11s %11s", "-", "-", "-");
    else printf(" %11.4g %11.4g %11.4g", s.min, s.max, text_shown(s.sum / (double)s.n));
    printf(" %6" PRId64 "  %.16s\n", s.nan, hex);
}

typedef const StTensor *TensorAt(const void *from, int i);
static const StTensor *in_file(const void *from, int i) { return st_at(from, i); }
static const StTensor *in_set(const void *from, int i) { return st_set_at(from, i); }

static int print_tensors(TensorAt *tensor_at, const void *from, int count, Err *err)
{
    int width = 6;
    int64_t values = 0;
    uint64_t bytes = 0;
    Values *v = mem_new(1, sizeof *v, "values", err);
    if (v == NULL) return -1;
    for (int i = 0; i < count; i++) {
        char name[SHOW_ROOM];
        const int n = (int)strlen(json_show(name, tensor_at(from, i)->name));
        if (n > width) width = n;
    }
    printf("  %-*s %-22s %10s %11s %11s %11s %6s  %s\n", width, "tensor", "type, shape", "count", "min", "max", "mean", "NaN", "sha256");
    for (int i = 0; i < count; i++) {
        const StTensor *t = tensor_at(from, i);
        print_tensor(t, width, v);
        values += t->count;
        bytes += t->nbytes;
    }
    printf("%d tensors, %" PRId64 " values, %" PRIu64 " bytes of data\n", count, values, bytes);
    mem_free(v);
    return 0;
}

/* ---- files ---- */

static void print_meta(const StFile *f)
{
    for (int i = 0; i < st_meta_count(f); i++) {
        const char *key, *value;
        char shown_key[SHOW_ROOM], shown[SHOW_ROOM];
        st_meta_at(&key, &value, f, i);
        printf("  %s: %s\n", json_show(shown_key, key), json_show(shown, value));
    }
}

static int inspect_file(const char *path, Err *err)
{
    char hex[65], shown[SHOW_ROOM];
    StFile *f = st_open(path, err);
    if (f == NULL) return -1;
    int status = file_digest(hex, path, err);
    if (status == 0) {
        const char *format = st_meta(f, "format"), *kind = st_meta(f, "kind");
        const int trace = format != NULL && strcmp(format, "sdref-trace-1") == 0;
        printf("%s: safetensors", path);
        if (trace) printf(", a trace of kind %s", kind == NULL ? "(none given)" : json_show(shown, kind));
        printf("\n");
        if (st_meta_count(f) > 0) printf("metadata\n");
        print_meta(f);
        status = print_tensors(in_file, f, st_count(f), err);
        printf("sha256 %s\n", hex);
    }
    st_close(f);
    return status;
}

/* ---- folders ---- */

static void print_settings(const Json *root)
{
    for (const Json *v = json_first(root); v != NULL; v = json_next(v)) {
        char key[SHOW_ROOM], shown[SHOW_ROOM];
        if (json_type(v) == JSON_OBJECT) print_settings(v);
        else if (json_string(v) != NULL) printf("  %-16s %s\n", json_show(key, json_key(v)), json_show(shown, json_string(v)));
        else if (json_number(v) != NULL) printf("  %-16s %s\n", json_show(key, json_key(v)), json_show(shown, json_number(v)));
    }
}

/* The step of the last checkpoint: "(no checkpoint)" when there is none. */
static int print_step(const char *state, Err *err)
{
    char shown[SHOW_ROOM];
    if (!file_exists(state)) {
        printf("  %-16s %s\n", "step", "(no checkpoint)");
        return 0;
    }
    StFile *f = st_open(state, err);
    if (f == NULL) return -1;
    const char *step = st_meta(f, "step");
    printf("  %-16s %s\n", "step", step == NULL ? "(none given)" : json_show(shown, step));
    st_close(f);
    return 0;
}

static int print_file(const char *folder, const char *name, Err *err)
{
    char path[PATH_BYTES], hex[65], shown[SHOW_ROOM];
    if (run_path(path, folder, name, err) != 0 || file_digest(hex, path, err) != 0) return -1;
    printf("  %-20s sha256 %s\n", json_show(shown, name), hex);
    return 0;
}

static int inspect_run(const char *folder, Err *err)
{
    char path[PATH_BYTES], state[PATH_BYTES];
    if (run_path(path, folder, "run.json", err) != 0 || run_path(state, folder, "state.safetensors", err) != 0) return -1;
    Json *root = json_read(path, err);
    if (root == NULL) return -1;
    const char *format = json_string(json_get(root, "format"));
    if (format == NULL || strcmp(format, "sdref-run-1") != 0) {
        json_free(root);
        return err_set(err, "%s: found no \"format\": \"sdref-run-1\", expected the settings of a run", path);
    }
    printf("%s: a run\n", folder);
    print_settings(root);
    json_free(root);
    if (print_step(state, err) != 0) return -1;
    Listing files = { 0 };
    int status = run_listing(&files, folder, err);
    printf("files\n");
    if (status == 0 && file_exists(state)) status = print_file(folder, "state.safetensors", err);
    for (int i = 0; i < files.n && status == 0; i++) status = print_file(folder, files.name[i], err);
    mem_free(files.name);
    return status;
}

static int inspect_weights(StSet *set, const char *folder, Err *err)
{
    printf("%s: weights, from %s\n", folder, st_set_source(set));
    for (int i = 0; i < st_set_files(set); i++) {
        const StFile *f = st_set_file(set, i);
        char hex[65];
        if (file_digest(hex, st_path(f), err) != 0) return -1;
        printf("  %s: %d tensors, sha256 %s\n", st_path(f), st_count(f), hex);
    }
    return print_tensors(in_set, set, st_set_count(set), err);
}

/* Whether the networks here can run it, and if not, which key or tensor is in the way. */
static void print_support(const char *folder)
{
    char path[PATH_BYTES];
    Err why = { 0 };
    Model m;
    if (run_path(path, folder, "config.json", &why) != 0 || !file_exists(path)) return;
    if (model_open(&m, folder, &why) != 0) {
        printf("not supported: %s\n", why.msg);
        return;
    }
    printf("supported: a network of kind %s\n", model_kind_name(m.kind));
    model_close(&m);
}

/* ---- pipelines ---- */

/* "0.87 M parameters, 3.5 MB in diffusion_pytorch_model.safetensors" */
static void print_model(const Params *p)
{
    double values = 0, bytes = 0;
    for (int i = 0; i < params_count(p); i++) {
        values += (double)params_at(p, i)->n;
        bytes += (double)params_at(p, i)->n * (double)store_bytes(params_at(p, i)->store);
    }
    printf("supported: %.2f M parameters, %.1f MB in %s\n", values / 1e6, bytes / 1e6, params_variant(p));
}

/* A part of model_index.json is of the kind that its name says. */
typedef enum { PART_MODEL, PART_TEXT, PART_TOKENIZER, PART_SCHEDULER, PART_OTHER } PartKind;

static PartKind part_kind(const char *part, const char *class)
{
    static const struct { const char *name; PartKind kind; } names[] = {
        { "unet", PART_MODEL }, { "vae", PART_MODEL }, { "image_encoder", PART_MODEL }, { "text_encoder", PART_TEXT },
        { "text_encoder_2", PART_TEXT }, { "tokenizer", PART_TOKENIZER }, { "tokenizer_2", PART_TOKENIZER }, { "scheduler", PART_SCHEDULER },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(part, names[i].name) != 0) continue;
        if (names[i].kind != PART_TEXT && names[i].kind != PART_TOKENIZER) return names[i].kind;
        return strncmp(class, "CLIP", 4) == 0 ? names[i].kind : PART_OTHER;
    }
    return PART_OTHER;
}

static void print_part(const char *folder, const char *part, const char *class)
{
    char path[PART_PATH], shown[SHOW_ROOM], name[SHOW_ROOM], text[SCHEDULER_TEXT];
    Err why = { 0 };
    Model m = { 0 };
    Tokenizer *k = NULL;
    ScheduleConfig schedule;
    const PartKind kind = part_kind(part, class);
    printf("  %-18s %-28s ", json_show(name, part), json_show(shown, class));
    if (kind == PART_OTHER && strncmp(part, "text_encoder", 12) == 0)
        printf("not supported: its states can be given as a file (sdref sample --embeddings)\n");
    else if (kind == PART_OTHER) printf("not used\n");
    else if (part_path(path, folder, part, kind == PART_SCHEDULER ? "scheduler_config.json" : "config.json") != 0)
        printf("not supported: its path is too long\n");
    else if (kind == PART_TOKENIZER && (k = tokenizer_open(path, &why)) != NULL) printf("supported: %d tokens\n", tokenizer_size(k));
    else if (kind == PART_SCHEDULER && scheduler_read(&schedule, path, &why) == 0) printf("supported: %s\n", scheduler_text(text, &schedule));
    else if ((kind == PART_MODEL || kind == PART_TEXT) && model_open(&m, path, &why) == 0) print_model(m.params);
    else printf("not supported: %s\n", why.msg);
    tokenizer_free(k);
    model_close(&m);
}

static int inspect_pipeline(const char *folder, const char *index_path, Err *err)
{
    char shown[SHOW_ROOM];
    Err why = { 0 };
    Json *index = json_read(index_path, err);
    if (index == NULL) return -1;
    const char *class = json_string(json_get(index, "_class_name"));
    printf("%s: a pipeline, %s\n", folder, class == NULL ? "of no class" : json_show(shown, class));
    for (const Json *v = json_first(index); v != NULL; v = json_next(v)) {
        const char *part = json_string(json_at(v, 1));
        if (part != NULL) print_part(folder, json_key(v), part);
    }
    json_free(index);
    Pipeline *p = pipeline_open(folder, NULL, &why);
    if (p != NULL) printf("as a prior: its parts fit each other\n");
    else printf("as a prior: refused: %s\n", why.msg);
    pipeline_free(p);
    return 0;
}

/* 1: the folder has a file STEM.*safetensors*, so weights under that stem are meant. */
static int has_weights(const char *folder, const char *stem)
{
    const size_t n = strlen(stem);
    int found = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d))
        if (strncmp(e->d_name, stem, n) == 0 && e->d_name[n] == '.' && strstr(e->d_name, ".safetensors") != NULL) found = 1;
    if (d != NULL) closedir(d);
    return found;
}

static int inspect_folder(const char *folder, Err *err)
{
    static const char *const stems[] = { "diffusion_pytorch_model", "model" };
    char path[PATH_BYTES];
    if (run_path(path, folder, "run.json", err) != 0) return -1;
    if (file_exists(path)) return inspect_run(folder, err);
    if (run_path(path, folder, "model_index.json", err) != 0) return -1;
    if (file_exists(path)) return inspect_pipeline(folder, path, err);
    for (int i = 0; i < 2; i++) {
        if (!has_weights(folder, stems[i])) continue;
        StSet *set = st_set_open(folder, stems[i], err);
        const int status = set == NULL ? -1 : inspect_weights(set, folder, err);
        st_set_close(set);
        if (status == 0) print_support(folder);
        return status;
    }
    return err_set(err, "%s: found a folder without run.json, model_index.json, diffusion_pytorch_model.* and model.*, expected a run, a pipeline "
                   "or a model", folder);
}

int cmd_inspect(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    const char *path = opt_arg(o, 0);
    if ((is_folder(path) ? inspect_folder(path, &err) : inspect_file(path, &err)) != 0) code = cli_trouble(&err);
    opt_free(o);
    return code;
}
