/* tokenizer.c -- a prompt: clean-up, words, symbols, merges, padding
 *
 * A word is merged in place: an array of ids beside an array of ranks, each that of the pair which begins there. A round
 * finds the lowest rank, merges wherever it stands and marks the pairs that this made, which the next round looks up.
 * A round costs the word's length, and there are fewer rounds than the word has bytes.
 */
#include "tensor/mem.h"
#include "weights/tokenizer_table.h"
#include "weights/unicode.h"

enum { LONG_S = 0x17f, YPOGEGRAMMENI = 0x345 };
#define NO_RANK UINT32_MAX
#define STALE   (UINT32_MAX - 1)                          /* a rank still to be looked up */

int tokenizer_size(const Tokenizer *k) { return k->size; }
int tokenizer_length(const Tokenizer *k) { return k->length; }
const char *tokenizer_text(const Tokenizer *k, int64_t id) { return id >= 0 && id < k->size ? k->text[id] : NULL; }

/* ---- words: arrays of code points in lower case ---- */

/* str.strip()'s white space: str.isspace(), which has four characters more than White_Space. */
static int strips(uint32_t c) { return unicode_class(c) == UNICODE_SPACE || (c >= 0x1c && c <= 0x1f); }

/* UNICODE_SPACE: no word holds it. */
static UnicodeClass kind(uint32_t c) { return c == YPOGEGRAMMENI ? UNICODE_SPACE : unicode_class(c); }

/* The length of `fixed` when s[0..n) begins with it, the character `also_s` counting as an s too; else 0. */
static size_t fixed_length(const uint32_t *s, size_t n, const char *fixed, uint32_t also_s)
{
    size_t i = 0;
    for (; fixed[i] != '\0'; i++) {
        if (i == n) return 0;
        const uint32_t c = s[i] == also_s ? 's' : s[i];
        if (c != (unsigned char)fixed[i]) return 0;
    }
    return i;
}

/* The length of the word that s[0..n), n > 0, begins with; 0: none begins here. */
static size_t word_length(const uint32_t *s, size_t n)
{
    static const char *const fixed[9] = { "<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
    for (int i = 0; i < 9; i++) {
        const size_t length = fixed_length(s, n, fixed[i], LONG_S);
        if (length > 0) return length;
    }
    const UnicodeClass first = kind(s[0]);
    if (first == UNICODE_SPACE) return 0;
    size_t i = 1;
    if (first != UNICODE_NUMBER) while (i < n && kind(s[i]) == first) i++;
    return i;
}

/* ---- symbols ---- */

/* The word's bytes as symbols; how many. */
static size_t word_symbols(int32_t *id, const Tokenizer *k, const uint32_t *s, size_t n)
{
    size_t used = 0;
    unsigned char utf8[4] = { 0 };
    for (size_t i = 0; i < n; i++) {
        const size_t bytes = unicode_write(utf8, s[i]);
        for (size_t j = 0; j < bytes; j++) id[used++] = k->byte[i == n - 1 && j == bytes - 1][utf8[j]];
    }
    return used;
}

static uint32_t pair_rank(const Tokenizer *k, int32_t left, int32_t right)
{
    const uint32_t rank = merge_slot(k, left, right)->rank;
    return rank == 0 ? NO_RANK : rank;
}

/* id[0..n) -> merged, in place; how many are left. rank is scratch of the same length. */
static size_t word_merge(int32_t *id, uint32_t *rank, const Tokenizer *k, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) rank[i] = STALE;
    for (;;) {
        uint32_t best = NO_RANK;
        for (size_t i = 0; i + 1 < n; i++) {
            if (rank[i] == STALE) rank[i] = pair_rank(k, id[i], id[i + 1]);
            if (rank[i] < best) best = rank[i];
        }
        if (best == NO_RANK) return n;
        size_t used = 0;
        for (size_t i = 0; i < n; used++) {
            if (i + 1 < n && rank[i] == best) {
                id[used] = k->whole[best];
                rank[used] = STALE;
                if (used > 0) rank[used - 1] = STALE;
                i += 2;
            } else {
                id[used] = id[i];
                rank[used] = rank[i];
                i++;
            }
        }
        n = used;
    }
}

/* ---- a prompt ---- */

typedef struct { uint32_t *wide, *low, *rank; int32_t *id; } Room;   /* (n) (2 n) (2 n) (2 n), n the prompt's bytes */

/* The prompt's code points, without white space at the ends, in lower case; how many are in room->low. */
static int text_clean(size_t *count, Room *room, const char *text, size_t bytes, Err *err)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = 0;
    for (size_t at = 0; at < bytes; n++) {
        const size_t step = unicode_read(&room->wide[n], s + at, bytes - at);
        if (step == 0) return err_set(err, "prompt: byte %zu: found byte 0x%02x, expected UTF-8", at, s[at]);
        at += step;
    }
    size_t first = 0;
    while (n > 0 && strips(room->wide[n - 1])) n--;
    while (first < n && strips(room->wide[first])) first++;
    *count = unicode_lower(room->low, room->wide + first, n - first);
    return 0;
}

/* The tokens of one word, into room->id; how many. */
static size_t word_encode(Room *room, const Tokenizer *k, const uint32_t *s, size_t n)
{
    for (int i = 0; i < 2; i++) {
        if (fixed_length(s, n, literal_text[i], 's') != n) continue;
        room->id[0] = k->literal[i];
        return 1;
    }
    const size_t symbols = word_symbols(room->id, k, s, n);
    return word_merge(room->id, room->rank, k, symbols);
}

static void text_encode(int64_t *ids, int *count, int *dropped, Room *room, const Tokenizer *k, size_t n, int length)
{
    int used = 0, over = 0;
    ids[used++] = k->start;
    for (size_t at = 0; at < n;) {
        const size_t word = word_length(room->low + at, n - at);
        const size_t tokens = word == 0 ? 0 : word_encode(room, k, room->low + at, word);
        for (size_t i = 0; i < tokens; i++) {
            if (used == length - 1) over++;
            else ids[used++] = room->id[i] == NO_ID ? k->unknown : room->id[i];
        }
        at += word == 0 ? 1 : word;
    }
    ids[used++] = k->end;
    *count = used;
    *dropped = over;
    while (used < length) ids[used++] = k->pad;
}

int tokenizer_encode(int64_t *ids, int *count, int *dropped, const Tokenizer *k, const char *text, int length, Err *err)
{
    const size_t n = strlen(text);
    if (length < 2) return err_set(err, "prompt: found a length of %d tokens, expected at least 2", length);
    if (n > TOKENIZER_TEXT_BYTES)
        return err_set(err, "prompt: found %zu bytes, expected at most %d", n, TOKENIZER_TEXT_BYTES);
    uint32_t *wide = mem_new(5 * n + 1, sizeof wide[0], "a prompt", err);
    int32_t *id = mem_new(2 * n + 1, sizeof id[0], "a prompt", err);
    Room room = { .wide = wide, .id = id };
    size_t points = 0;
    int status = wide == NULL || id == NULL ? -1 : 0;
    if (status == 0) {
        room.low = wide + n;
        room.rank = room.low + 2 * n;
        status = text_clean(&points, &room, text, n, err);
    }
    if (status == 0) text_encode(ids, count, dropped, &room, k, points, length);
    mem_free(wide);
    mem_free(id);
    return status;
}
