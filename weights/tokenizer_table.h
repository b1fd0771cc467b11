/* tokenizer_table.h -- what an open tokenizer holds, for tokenizer.c and tokenizer_files.c alone
 *
 * Tokens are found by their spelling, merges by the ids of their two parts. Both tables are open-addressed, a power of
 * two in size and at most half full.
 */
#ifndef SDREF_WEIGHTS_TOKENIZER_TABLE_H
#define SDREF_WEIGHTS_TOKENIZER_TABLE_H

#include "weights/json.h"
#include "weights/tokenizer.h"
#include "weights/tokenizer_bytes.h"

enum { NO_ID = -1 };

/* Ids of the parts and of what they make; rank: the place in merges.txt, from 1; 0: a free slot. */
typedef struct { int32_t left, right, whole; uint32_t rank; } Merge;

struct Tokenizer {
    Json *vocab;                                          /* owns the spellings */
    int size, length, merges;
    const char **text;                                    /* (size) spelling of an id */
    int32_t *token;                                       /* (token_mask + 1) id + 1; 0: free */
    uint32_t token_mask, merge_mask;
    Merge *merge;                                         /* (merge_mask + 1) */
    int32_t *whole;                                       /* (merges + 1) id that the merge of this rank makes */
    int32_t byte[2][256];                                 /* id of a byte's symbol, [1]: at a word's end; or NO_ID */
    int32_t literal[2];                                   /* ids of literal_text; NO_ID: not in the vocabulary */
    int32_t start, end, unknown, pad;
};

/* FNV-1a (Fowler, Noll, Vo), 32 bits. */
static inline uint32_t spelling_hash(const char *s, size_t n)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h ^ h >> 15;
}

/* The slot of the spelling s[0..n), or the free one where it belongs. */
static inline uint32_t token_slot(const Tokenizer *k, const char *s, size_t n)
{
    uint32_t at = spelling_hash(s, n) & k->token_mask;
    for (; k->token[at] != 0; at = (at + 1) & k->token_mask) {
        const char *other = k->text[k->token[at] - 1];
        if (strncmp(other, s, n) == 0 && other[n] == '\0') break;   /* s has no NUL, so other has n bytes */
    }
    return at;
}

static inline int32_t token_id(const Tokenizer *k, const char *s, size_t n) { return k->token[token_slot(k, s, n)] - 1; }

static inline Merge *merge_slot(const Tokenizer *k, int32_t left, int32_t right)
{
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    uint32_t at = (uint32_t)(pair * UINT64_C(0x9e3779b97f4a7c15) >> 32) & k->merge_mask;
    for (; k->merge[at].rank != 0; at = (at + 1) & k->merge_mask)
        if (k->merge[at].left == left && k->merge[at].right == right) break;
    return k->merge + at;
}

#endif
