/* bpe.c -- byte-pair training over a list of words; the four files of a tokenizer's folder
 *
 * All words lie in one array of symbols, GAP behind each. For a merge every pair of neighbours is written down as one number
 * and the list sorted: the longest run of equal numbers is the most frequent pair. A symbol's number is its id in the
 * vocabulary.
 *
 * No two merges spell the same token: where two places of the words have become that token no merge went across their
 * ends, so inside both the same merges were made.
 */
#include "weights/bpe.h"
#include "tensor/mem.h"
#include "weights/file.h"
#include "weights/json.h"
#include "weights/tokenizer_bytes.h"

#include <stdio.h>
#include <stdlib.h>

enum { GAP = -1 };

typedef struct Bpe {
    ByteSymbol symbol[BYTE_SYMBOLS];
    const char **text;                                    /* (512 + merges) spelling of a symbol */
    uint64_t *merge;                                      /* (merges) the pairs in order */
    int merges;
    int32_t *id;                                          /* (n) all words */
    uint64_t *pair;                                       /* (n) scratch */
    size_t n;
} Bpe;

static uint64_t pair_of(int32_t left, int32_t right) { return (uint64_t)(uint32_t)left << 32 | (uint32_t)right; }
static int32_t pair_left(uint64_t pair) { return (int32_t)(pair >> 32); }
static int32_t pair_right(uint64_t pair) { return (int32_t)(pair & UINT32_MAX); }

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* ---- words ---- */

static int word_check(const char *word, Err *err)
{
    char name[SHOW_ROOM];
    size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz");
    if (n == 0) n = strspn(word, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
    if (n == 0) n = strspn(word, "0123456789") > 0;
    if (n > 0 && word[n] == '\0') return 0;
    return err_set(err, "vocabulary: found the word \"%s\", expected letters a to z, or signs, or one digit", json_show(name, word));
}

/* The words in byte order, each once; how many to *distinct, their bytes to *bytes. NULL on error. */
static const char **words_sort(int *distinct, size_t *bytes, const char *const *words, int count, Arena *a, Err *err)
{
    const char **sorted = arena_take(a, (size_t)count + 1, sizeof sorted[0], "words");
    if (sorted == NULL) return NULL;
    for (int i = 0; i < count; i++) {
        if (word_check(words[i], err) != 0) return NULL;
        sorted[i] = words[i];
    }
    qsort(sorted, (size_t)count, sizeof sorted[0], by_text);
    *distinct = 0;
    *bytes = 0;
    for (int i = 0; i < count; i++) {
        if (*distinct > 0 && strcmp(sorted[*distinct - 1], sorted[i]) == 0) continue;
        sorted[(*distinct)++] = sorted[i];
        *bytes += strlen(sorted[i]);
    }
    return sorted;
}

/* Room for the training of `merges` merges at most; symbols of the words, their last ones with </w>. */
static int words_lay(Bpe *b, const char *const *sorted, int distinct, size_t bytes, int merges, Arena *a)
{
    int32_t of_byte[256];
    b->text = arena_take(a, (size_t)BYTE_SYMBOLS + (size_t)merges, sizeof b->text[0], "symbols");
    b->merge = arena_take(a, (size_t)merges + 1, sizeof b->merge[0], "merges");
    b->id = arena_take(a, bytes + (size_t)distinct + 1, sizeof b->id[0], "words");
    b->pair = arena_take(a, bytes + 1, sizeof b->pair[0], "pairs");
    if (b->text == NULL || b->merge == NULL || b->id == NULL || b->pair == NULL) return -1;
    byte_symbols(b->symbol);
    for (int i = 0; i < BYTE_SYMBOLS; i++) b->text[i] = b->symbol[i].text;
    for (int i = 0; i < 256; i++) of_byte[b->symbol[i].byte] = i;
    for (int w = 0; w < distinct; w++) {
        for (const char *s = sorted[w]; *s != '\0'; s++) b->id[b->n++] = of_byte[(unsigned char)*s] + (s[1] == '\0' ? 256 : 0);
        b->id[b->n++] = GAP;
    }
    return 0;
}

/* ---- training ---- */

static int spelt_before(const Bpe *b, uint64_t x, uint64_t y)
{
    const int left = strcmp(b->text[pair_left(x)], b->text[pair_left(y)]);
    return left != 0 ? left < 0 : strcmp(b->text[pair_right(x)], b->text[pair_right(y)]) < 0;
}

/* The pair to merge next; 0: there is none, every word is one token. */
static int pair_find(uint64_t *best, const Bpe *b)
{
    size_t pairs = 0, most = 0;
    for (size_t i = 0; i + 1 < b->n; i++)
        if (b->id[i] != GAP && b->id[i + 1] != GAP) b->pair[pairs++] = pair_of(b->id[i], b->id[i + 1]);
    qsort(b->pair, pairs, sizeof b->pair[0], by_number);
    for (size_t i = 0, run = 0; i < pairs; i += run) {
        for (run = 1; i + run < pairs && b->pair[i + run] == b->pair[i];) run++;
        if (run < most || (run == most && !spelt_before(b, b->pair[i], *best))) continue;
        most = run;
        *best = b->pair[i];
    }
    return most > 0;
}

static int pair_merge(Bpe *b, uint64_t pair, Arena *a)
{
    const int32_t left = pair_left(pair), right = pair_right(pair), whole = BYTE_SYMBOLS + b->merges;
    const size_t room = strlen(b->text[left]) + strlen(b->text[right]) + 1;
    char *text = arena_take(a, room, 1, "a symbol");
    if (text == NULL) return -1;
    snprintf(text, room, "%s%s", b->text[left], b->text[right]);
    b->text[whole] = text;
    b->merge[b->merges++] = pair;
    size_t used = 0;
    for (size_t i = 0; i < b->n; used++) {
        const int here = i + 1 < b->n && b->id[i] == left && b->id[i + 1] == right;
        b->id[used] = here ? whole : b->id[i];
        i += here ? 2 : 1;
    }
    b->n = used;
    return 0;
}

static Bpe *train(const char *const *words, int count, int merges_max, Arena *a, Err *err)
{
    int distinct = 0;
    size_t bytes = 0;
    uint64_t pair = 0;
    const char **sorted = words_sort(&distinct, &bytes, words, count, a, err);
    Bpe *b = sorted == NULL ? NULL : arena_take(a, 1, sizeof *b, "a vocabulary");
    if (b == NULL) return NULL;
    const int merges = bytes < (size_t)merges_max ? (int)bytes : merges_max;   /* a merge takes at least one symbol away */
    if (words_lay(b, sorted, distinct, bytes, merges, a) != 0) return NULL;
    while (b->merges < merges && pair_find(&pair, b))
        if (pair_merge(b, pair, a) != 0) return NULL;
    return b;
}

/* ---- files ---- */

static void vocab_text(JsonText *o, const Bpe *b)
{
    const int size = BYTE_SYMBOLS + b->merges + 2;
    json_put(o, "{");
    for (int i = 0; i < size; i++) {
        json_put(o, i == 0 ? "\n  " : ",\n  ");
        json_put_string(o, i < size - 2 ? b->text[i] : literal_text[i - (size - 2)]);
        json_put(o, ": ");
        json_put_int64(o, i);
    }
    json_put(o, "\n}\n");
}

static void merges_text(JsonText *o, const Bpe *b)
{
    json_put(o, "#version: 0.2\n");
    for (int i = 0; i < b->merges; i++) {
        json_put(o, b->text[pair_left(b->merge[i])]);
        json_put(o, " ");
        json_put(o, b->text[pair_right(b->merge[i])]);
        json_put(o, "\n");
    }
}

/* length 0: special_tokens_map.json, else tokenizer_config.json. */
static void specials_text(JsonText *o, int length)
{
    static const char *const key[4] = { "bos_token", "eos_token", "pad_token", "unk_token" };
    json_put(o, "{");
    for (int i = 0; i < 4; i++) {
        json_put(o, i == 0 ? "\n  " : ",\n  ");
        json_put_string(o, key[i]);
        json_put(o, ": ");
        json_put_string(o, literal_text[i > 0]);
    }
    if (length > 0) {
        json_put(o, ",\n  \"model_max_length\": ");
        json_put_int64(o, length);
        json_put(o, ",\n  \"tokenizer_class\": \"CLIPTokenizer\"");
    }
    json_put(o, "\n}\n");
}

enum { VOCAB, MERGES, CONFIG, MAP, FILES };
static const char *const file_name[FILES] = { "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json" };

static int files_write(const char *folder, const Bpe *b, int length, Arena *a, Err *err)
{
    JsonText o[FILES] = { { .err = err }, { .err = err }, { .err = err }, { .err = err } };
    const size_t room = strlen(folder) + 32;
    char *path = arena_take(a, room, 1, "a path");
    int status = path == NULL ? -1 : 0;
    vocab_text(&o[VOCAB], b);
    merges_text(&o[MERGES], b);
    specials_text(&o[CONFIG], length);
    specials_text(&o[MAP], 0);
    for (int i = 0; i < FILES; i++) if (o[i].failed) status = -1;
    if (status == 0) status = dir_make(folder, err);
    for (int i = 0; i < FILES && status == 0; i++) {
        snprintf(path, room, "%s/%s", folder, file_name[i]);
        status = file_write(path, o[i].text, o[i].n, err);
    }
    for (int i = 0; i < FILES; i++) json_text_free(&o[i]);
    return status;
}

int bpe_write(const char *folder, const char *const *words, int count, int merges_max, int length, Err *err)
{
    BUG_IF(count < 0, "%d words", count);
    if (merges_max < 0 || merges_max > MERGES_USED)
        return err_set(err, "vocabulary: found %d merges, expected 0 to %d", merges_max, MERGES_USED);
    if (length < 2 || length > LENGTH_MAX)
        return err_set(err, "vocabulary: found a length of %d tokens, expected 2 to %d", length, LENGTH_MAX);
    Arena *a = arena_new(err);
    if (a == NULL) return -1;
    const Bpe *b = train(words, count, merges_max, a, err);
    const int status = b == NULL ? -1 : files_write(folder, b, length, a, err);
    arena_free(a);
    return status;
}
