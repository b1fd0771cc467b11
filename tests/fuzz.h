/* fuzz.h -- what the fuzz targets do with one input, and the corpus runner that `make test` shares with them
 *
 * A target says whether it took the input. Whatever the input, it must not crash, and a refusal must be one line; an
 * accepted input must keep what the headers promise (checked here by independent code; a broken promise aborts, as
 * fuzzers want). In a corpus folder good_* must be taken, bad_* refused, other files (found by fuzzing) merely
 * survived.
 */
#ifndef SDREF_TESTS_FUZZ_H
#define SDREF_TESTS_FUZZ_H

#include "tensor/mem.h"
#include "weights/file.h"
#include "weights/json.h"
#include "weights/safetensors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef int FuzzTarget(const unsigned char *bytes, size_t n, Err *err);   /* 1: taken; 0: refused, err says why */

#define PROMISE(ok) do { if (!(ok)) { fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #ok); abort(); } } while (0)

static void refusal_check(const Err *err)
{
    PROMISE(err->set && err->msg[0] != '\0');
    PROMISE(strpbrk(err->msg, "\n\r\t\x1b") == NULL);
}

/* ---- JSON: an accepted text survives writing and reading again ---- */

static void tree_write(JsonText *o, const Json *v)
{
    int truth = 0;
    double x = 0;
    int64_t i;
    size_t n = 0;
    const char *separator = "";
    switch (json_type(v)) {
    case JSON_NULL: json_put(o, "null"); break;
    case JSON_BOOL: PROMISE(json_bool(&truth, v) == 0); json_put(o, truth ? "true" : "false"); break;
    case JSON_STRING: json_put_string(o, json_string(v)); PROMISE(strlen(json_string(v)) == json_count(v)); break;
    case JSON_NUMBER:
        PROMISE(json_double(&x, v) == 0);
        if (json_int64(&i, v) == 0) json_put_int64(o, i);
        else json_put_double(o, x);
        break;
    default:
        json_put(o, json_type(v) == JSON_ARRAY ? "[" : "{");
        for (const Json *c = json_first(v); c != NULL; c = json_next(c), n++) {
            json_put(o, separator);
            separator = ",";
            if (json_type(v) == JSON_ARRAY) PROMISE(json_at(v, n) == c && json_key(c) == NULL);
            else {
                PROMISE(json_get(v, json_key(c)) == c);
                json_put_string(o, json_key(c));
                json_put(o, ":");
            }
            tree_write(o, c);
        }
        PROMISE(n == json_count(v) && json_at(v, n) == NULL);
        json_put(o, json_type(v) == JSON_ARRAY ? "]" : "}");
    }
}

static void trees_compare(const Json *a, const Json *b)
{
    double x = 0, y = 0;
    PROMISE(json_type(a) == json_type(b));
    if (json_type(a) == JSON_STRING) PROMISE(strcmp(json_string(a), json_string(b)) == 0);
    if (json_type(a) == JSON_NUMBER) {
        PROMISE(json_double(&x, a) == 0 && json_double(&y, b) == 0);
        PROMISE(x == y);
    }
    const Json *c = json_first(a), *d = json_first(b);
    for (; c != NULL && d != NULL; c = json_next(c), d = json_next(d)) {
        if (json_key(c) != NULL) PROMISE(strcmp(json_key(c), json_key(d)) == 0);
        trees_compare(c, d);
    }
    PROMISE(c == NULL && d == NULL);
}

static inline int fuzz_json_one(const unsigned char *bytes, size_t n, Err *err)
{
    Json *root = json_parse(bytes, n, "input", err);
    if (root == NULL) { refusal_check(err); return 0; }
    Err why = { 0 };
    JsonText text = { .err = &why };
    tree_write(&text, root);
    PROMISE(!text.failed);
    Json *again = json_parse(text.text, text.n, "again", &why);
    PROMISE(again != NULL);
    trees_compare(root, again);
    json_free(again);
    json_text_free(&text);
    json_free(root);
    return 1;
}

/* ---- safetensors: in an accepted file the tensors tile the data, and each can be read to its last byte ---- */

static void tensor_touch(const StTensor *t)
{
    Err err = { 0 };
    uint64_t bits = (uint64_t)st_dtype_bits(t->dtype);
    for (int i = 0; i < t->ndim; i++) bits *= (uint64_t)t->dim[i];
    PROMISE(bits == 8 * (uint64_t)t->nbytes);
    void *room = mem_new((size_t)t->count + 1, 8, "test", &err);
    PROMISE(room != NULL);
    if (st_dtype_is_float(t->dtype)) {
        PROMISE(st_read_real(room, t, &err) == 0);
        PROMISE(st_read_f64(room, t, &err) == 0);
        PROMISE(st_read_i64(room, t, &err) == -1);
    } else {
        PROMISE(st_read_real(room, t, &err) == -1);
        refusal_check(&err);
        const int status = st_read_i64(room, t, &err);
        if (st_dtype_is_int(t->dtype) && t->dtype != ST_BOOL && t->dtype != ST_U64) PROMISE(status == 0);
    }
    mem_free(room);
}

static inline int fuzz_safetensors_one(const unsigned char *bytes, size_t n, Err *err)
{
    StFile *f = st_open_memory(bytes, n, "input", err);
    if (f == NULL) { refusal_check(err); return 0; }
    uint64_t header;
    memcpy(&header, bytes, sizeof header);
    const unsigned char *at = bytes + 8 + header;
    for (int i = 0; i < st_count(f); i++) {
        const StTensor *t = st_at(f, i);
        PROMISE(t->bytes == at);
        PROMISE(st_find(f, t->name) == t);
        tensor_touch(t);
        at += t->nbytes;
    }
    PROMISE(at == bytes + n);
    for (int i = 0; i < st_meta_count(f); i++) {
        const char *key, *value;
        st_meta_at(&key, &value, f, i);
        PROMISE(st_meta(f, key) == value && value != NULL);
    }
    st_close(f);
    return 1;
}

/* ---- corpus ---- */

typedef struct { int passed, failed; } CorpusCount;

static void corpus_file(CorpusCount *count, FuzzTarget *target, const char *path)
{
    Err err = { 0 };
    void *bytes = NULL;
    size_t n = 0;
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    int ok = file_read(&bytes, &n, path, (size_t)1 << 30, &err) == 0;
    if (ok) {
        const int taken = target(bytes, n, &err);
        if (strncmp(name, "good_", 5) == 0) ok = taken;
        if (strncmp(name, "bad_", 4) == 0) ok = !taken;
    }
    mem_free(bytes);
    if (!ok) printf("  %s: %s\n", path, err.set ? err.msg : "taken, and should have been refused");
    if (ok) count->passed++;
    else count->failed++;
}

/* A file, or every file of a folder. */
static void corpus_run(CorpusCount *count, FuzzTarget *target, const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) { corpus_file(count, target, path); return; }
    for (struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        char file[1024];
        if (e->d_name[0] == '.') continue;
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        corpus_file(count, target, file);
    }
    closedir(folder);
}

static inline int corpus_main(FuzzTarget *target, int argc, char **argv)
{
    CorpusCount count = { 0, 0 };
    for (int i = 1; i < argc; i++) corpus_run(&count, target, argv[i]);
    printf("%d passed, %d failed\n", count.passed, count.failed);
    return count.failed > 0 || count.passed == 0;
}

#endif
