/* tokenizer_files.c -- opens a tokenizer's folder: vocabulary, merges, special tokens, held against each other */
#include "tensor/mem.h"
#include "weights/file.h"
#include "weights/tokenizer_table.h"

#include <stdio.h>

enum { MERGES_BYTES = 1 << 26, TOKENS_MAX = 1 << 24 };

/* At least 2 n slots. */
static uint32_t table_mask(size_t n)
{
    uint32_t size = 16;
    while (size < 2 * n) size *= 2;
    return size - 1;
}

/* A number as written, or what there is instead. */
static const char *found_show(char out[SHOW_ROOM], const Json *v)
{
    return json_number(v) != NULL ? json_show(out, json_number(v)) : json_type_name(v);
}

/* ---- vocab.json ---- */

static int vocab_fill(Tokenizer *k, const char *path, Err *err)
{
    char name[SHOW_ROOM], other[SHOW_ROOM];               /* in messages */
    for (const Json *v = json_first(k->vocab); v != NULL; v = json_next(v)) {
        int64_t id;
        const char *key = json_key(v);
        if (json_int64(&id, v) != 0 || id < 0 || id >= k->size)
            return err_set(err, "%s: byte %zu: token \"%s\": found %s, expected an id from 0 to %d", path, json_offset(v),
                           json_show(name, key), found_show(other, v), k->size - 1);
        if (k->text[id] != NULL)
            return err_set(err, "%s: byte %zu: token \"%s\": found id %d, which \"%s\" has, expected each id once", path,
                           json_offset(v), json_show(name, key), (int)id, json_show(other, k->text[id]));
        if (key[0] == '\0')
            return err_set(err, "%s: byte %zu: found an empty token, expected a spelling", path, json_offset(v));
        k->text[id] = key;
        k->token[token_slot(k, key, strlen(key))] = (int32_t)id + 1;
    }
    return 0;
}

static int vocab_read(Tokenizer *k, const char *path, Err *err)
{
    k->vocab = json_read(path, err);
    if (k->vocab == NULL) return -1;
    if (json_type(k->vocab) != JSON_OBJECT)
        return err_set(err, "%s: found %s, expected an object of tokens and ids", path, json_type_name(k->vocab));
    const size_t n = json_count(k->vocab);
    if (n == 0 || n > TOKENS_MAX)
        return err_set(err, "%s: found %zu tokens, expected 1 to %d", path, n, TOKENS_MAX);
    k->size = (int)n;
    k->token_mask = table_mask(n);
    k->text = mem_new(n, sizeof k->text[0], "tokens", err);
    k->token = mem_new((size_t)k->token_mask + 1, sizeof k->token[0], "tokens", err);
    if (k->text == NULL || k->token == NULL) return -1;
    return vocab_fill(k, path, err);
}

static void bytes_find(Tokenizer *k)
{
    ByteSymbol symbol[BYTE_SYMBOLS];
    byte_symbols(symbol);
    for (int i = 0; i < BYTE_SYMBOLS; i++)
        k->byte[i / 256][symbol[i].byte] = token_id(k, symbol[i].text, strlen(symbol[i].text));
}

/* ---- merges.txt ---- */

static int line_refuse(Err *err, const char *path, int line, const char *s, size_t n, const char *expected)
{
    char copy[SHOW_ROOM + 1], name[SHOW_ROOM];
    if (n > SHOW_ROOM) n = SHOW_ROOM;
    memcpy(copy, s, n);
    copy[n] = '\0';
    return err_set(err, "%s: line %d: found \"%s\", expected %s", path, line, json_show(name, copy), expected);
}

/* The line s[0..n), which is written over. */
static int merge_add(Tokenizer *k, const char *path, int line, char *s, size_t n, Err *err)
{
    char *space = memchr(s, ' ', n);
    const size_t a = space == NULL ? 0 : (size_t)(space - s), b = space == NULL ? 0 : n - a - 1;
    if (memchr(s, '\0', n) != NULL)
        return err_set(err, "%s: line %d: found a NUL byte, expected text", path, line);
    if (a == 0 || b == 0 || memchr(space + 1, ' ', b) != NULL)
        return line_refuse(err, path, line, s, n, "two tokens with one space between them");
    const int32_t left = token_id(k, s, a);
    const int32_t right = token_id(k, space + 1, b);
    if (left == NO_ID) return line_refuse(err, path, line, s, a, "a token of vocab.json");
    if (right == NO_ID) return line_refuse(err, path, line, space + 1, b, "a token of vocab.json");
    Merge *m = merge_slot(k, left, right);
    if (m->rank != 0) return line_refuse(err, path, line, s, n, "each pair once");
    memmove(s + 1, s, a);
    const int32_t whole = token_id(k, s + 1, a + b);
    if (whole == NO_ID)
        return line_refuse(err, path, line, s + 1, a + b, "that a merge makes a token of vocab.json");
    k->merges++;
    *m = (Merge){ left, right, whole, (uint32_t)k->merges };
    k->whole[k->merges] = whole;
    return 0;
}

static int merges_parse(Tokenizer *k, const char *path, char *s, size_t n, Err *err)
{
    static const char head[] = "#version";
    while (n > 0 && strchr(" \t\r\n", s[n - 1]) != NULL && s[n - 1] != '\0') n--;
    size_t lines = 1;
    for (size_t i = 0; i < n; i++) lines += s[i] == '\n';
    if (lines > MERGES_USED + 1) lines = MERGES_USED + 1;
    k->merge_mask = table_mask(lines);
    k->merge = mem_new((size_t)k->merge_mask + 1, sizeof k->merge[0], "merges", err);
    k->whole = mem_new(lines, sizeof k->whole[0], "merges", err);
    if (k->merge == NULL || k->whole == NULL) return -1;
    for (int line = 1; (size_t)line <= lines; line++) {
        const char *newline = memchr(s, '\n', n);
        const size_t step = newline == NULL ? n : (size_t)(newline - s) + 1;
        size_t bytes = newline == NULL ? n : step - 1;
        if (bytes > 0 && s[bytes - 1] == '\r') bytes--;
        if (line > 1) { if (merge_add(k, path, line, s, bytes, err) != 0) return -1; }
        else if (bytes < sizeof head - 1 || memcmp(s, head, sizeof head - 1) != 0)
            return line_refuse(err, path, line, s, bytes, "#version: ...");
        s += step;
        n -= step;
    }
    return 0;
}

static int merges_read(Tokenizer *k, const char *path, Err *err)
{
    void *bytes = NULL;
    size_t n = 0;
    if (file_read(&bytes, &n, path, MERGES_BYTES, err) != 0) return -1;
    const int status = merges_parse(k, path, bytes, n, err);
    mem_free(bytes);
    return status;
}

/* Every token is a byte, made by a merge, or special: else merges.txt is not whole, or belongs to another vocabulary. */
static int tokens_reached(const Tokenizer *k, const char *path, Err *err)
{
    unsigned char *made = mem_new((size_t)k->size, 1, "tokens", err);
    if (made == NULL) return -1;
    for (int i = 0; i < 512; i++) if (k->byte[i / 256][i % 256] != NO_ID) made[k->byte[i / 256][i % 256]] = 1;
    for (int i = 1; i <= k->merges; i++) made[k->whole[i]] = 1;
    for (int i = 0; i < 2; i++) if (k->literal[i] != NO_ID) made[k->literal[i]] = 1;
    made[k->start] = made[k->end] = made[k->unknown] = made[k->pad] = 1;
    const unsigned char *missing = memchr(made, 0, (size_t)k->size);
    const int id = missing == NULL ? NO_ID : (int)(missing - made);
    mem_free(made);
    if (id == NO_ID) return 0;
    char name[SHOW_ROOM];
    return err_set(err, "%s: found %d merges, none of which makes \"%s\" (id %d of vocab.json), expected one", path,
                   k->merges, json_show(name, k->text[id]), id);
}

/* ---- special tokens ---- */

enum { MAP, CONFIG, ADDED, EXTRAS };                      /* the files that may be there, the one that wins first */
static const char *const extra_name[EXTRAS] = { "special_tokens_map.json", "tokenizer_config.json", "added_tokens.json" };

typedef struct { const char *folder; Json *root[EXTRAS]; } Extras;   /* NULL: no such file */

/* A token given as "text" or as { "content": "text" }: its id; absent in both files, that of `text`. */
static int special_id(int32_t *id, const Tokenizer *k, const Extras *x, const char *key, const char *text, Err *err)
{
    char name[SHOW_ROOM];
    const char *file = NULL;
    for (int i = MAP; i <= CONFIG; i++) {
        const Json *v = json_get(x->root[i], key);
        if (v == NULL || json_type(v) == JSON_NULL) continue;
        file = extra_name[i];
        text = json_string(json_type(v) == JSON_OBJECT ? json_get(v, "content") : v);
        if (text == NULL)
            return err_set(err, "%s/%s: %s: found %s, expected a string, or an object with a string \"content\"", x->folder,
                           file, key, json_type_name(v));
        break;
    }
    *id = token_id(k, text, strlen(text));
    if (*id != NO_ID) return 0;
    json_show(name, text);
    if (file == NULL)
        return err_set(err, "%s/vocab.json: found no token \"%s\", expected it (%s)", x->folder, name, key);
    return err_set(err, "%s/%s: %s: found \"%s\", expected a token of vocab.json", x->folder, file, key, name);
}

static int length_read(int *length, const Extras *x, Err *err)
{
    const Json *v = json_get(x->root[CONFIG], "model_max_length");
    int64_t n;
    double large;
    char name[SHOW_ROOM];
    *length = TOKENIZER_LENGTH;
    if (v == NULL || json_type(v) == JSON_NULL) return 0;
    if (json_double(&large, v) == 0 && large > LENGTH_MAX) return 0;   /* transformers writes 10^30 where none was given */
    if (json_int64(&n, v) != 0 || n < 2)
        return err_set(err, "%s/%s: model_max_length: found %s, expected an integer of at least 2", x->folder,
                       extra_name[CONFIG], found_show(name, v));
    *length = (int)n;
    return 0;
}

/* added_tokens.json: { "text": id, .. }; added_tokens_decoder: { "id": { "content": "text" }, .. }. They list special
 * tokens, which the vocabulary has, and tokens that were taught later, which it has not. */
static int added_check(const Tokenizer *k, const Extras *x, Err *err)
{
    for (int i = CONFIG; i <= ADDED; i++) {
        const Json *list = i == ADDED ? x->root[ADDED] : json_get(x->root[CONFIG], "added_tokens_decoder");
        for (const Json *v = json_first(list); v != NULL; v = json_next(v)) {
            char name[SHOW_ROOM];
            const char *text = i == ADDED ? json_key(v) : json_string(json_get(v, "content"));
            if (text == NULL) text = "";
            if (token_id(k, text, strlen(text)) == NO_ID)
                return err_set(err, "%s/%s: found the added token \"%s\", expected only tokens of vocab.json", x->folder,
                               extra_name[i], json_show(name, text));
        }
    }
    return 0;
}

/* ---- a folder ---- */

/* "folder/name"; mem_free it. */
static char *path_new(const char *folder, const char *name, Err *err)
{
    const size_t n = strlen(folder) + strlen(name) + 2;
    char *path = mem_new(n, 1, "a path", err);
    if (path != NULL) snprintf(path, n, "%s/%s", folder, name);
    return path;
}

static int extra_read(Json **root, const char *folder, const char *name, Err *err)
{
    char *path = path_new(folder, name, err);
    if (path == NULL) return -1;
    int status = 0;
    if (file_exists(path)) {
        *root = json_read(path, err);
        if (*root == NULL) status = -1;
        else if (json_type(*root) != JSON_OBJECT)
            status = err_set(err, "%s: found %s, expected an object", path, json_type_name(*root));
    }
    mem_free(path);
    return status;
}

static int specials_read(Tokenizer *k, const char *folder, Err *err)
{
    Extras x = { .folder = folder };
    int status = 0;
    for (int i = 0; i < EXTRAS && status == 0; i++) status = extra_read(&x.root[i], folder, extra_name[i], err);
    if (status == 0) status = special_id(&k->start, k, &x, "bos_token", literal_text[0], err);
    if (status == 0) status = special_id(&k->end, k, &x, "eos_token", literal_text[1], err);
    if (status == 0) status = special_id(&k->unknown, k, &x, "unk_token", literal_text[1], err);
    if (status == 0) status = special_id(&k->pad, k, &x, "pad_token", k->text[k->end], err);
    if (status == 0) status = length_read(&k->length, &x, err);
    if (status == 0) status = added_check(k, &x, err);
    for (int i = 0; i < 2; i++) k->literal[i] = token_id(k, literal_text[i], strlen(literal_text[i]));
    for (int i = 0; i < EXTRAS; i++) json_free(x.root[i]);
    return status;
}

Tokenizer *tokenizer_open(const char *folder, Err *err)
{
    Tokenizer *k = mem_new(1, sizeof *k, "a tokenizer", err);
    char *vocab = path_new(folder, "vocab.json", err);
    char *merges = path_new(folder, "merges.txt", err);
    int status = k == NULL || vocab == NULL || merges == NULL ? -1 : 0;
    if (status == 0) status = vocab_read(k, vocab, err);
    if (status == 0) bytes_find(k);
    if (status == 0) status = merges_read(k, merges, err);
    if (status == 0) status = specials_read(k, folder, err);
    if (status == 0) status = tokens_reached(k, merges, err);
    mem_free(vocab);
    mem_free(merges);
    if (status == 0) return k;
    tokenizer_free(k);
    return NULL;
}

void tokenizer_free(Tokenizer *k)
{
    if (k == NULL) return;
    json_free(k->vocab);
    mem_free(k->text);
    mem_free(k->token);
    mem_free(k->merge);
    mem_free(k->whole);
    mem_free(k);
}
