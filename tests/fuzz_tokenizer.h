/* fuzz_tokenizer.h -- what the fuzz target for prompts does with one input, shared with t_tokenizer.c (see fuzz.h)
 *
 * The input is a prompt for the tokenizer of tests/golden/tokenizer. Promised: ids of the vocabulary between start and end;
 * a shorter row is the longer one cut; the tokens of an ASCII prompt spell it, in lower case and without white space.
 */
#ifndef SDREF_TESTS_FUZZ_TOKENIZER_H
#define SDREF_TESTS_FUZZ_TOKENIZER_H

#include "tests/fuzz.h"
#include "weights/tokenizer.h"

static const Tokenizer *fuzz_tokenizer(void)
{
    static Tokenizer *k;
    Err err = { 0 };
    if (k == NULL) k = tokenizer_open("tests/golden/tokenizer", &err);
    if (k == NULL) fprintf(stderr, "%s\n", err.msg);
    PROMISE(k != NULL);
    return k;
}

/* text, all ASCII, against the spellings of ids[0..n). */
static void spelling_check(const int64_t *ids, int n, const char *text)
{
    size_t first = 0, last = strlen(text);
    while (last > 0 && strchr("\t\n\v\f\r \x1c\x1d\x1e\x1f", text[last - 1]) != NULL) last--;
    while (first < last && strchr("\t\n\v\f\r \x1c\x1d\x1e\x1f", text[first]) != NULL) first++;
    for (int i = 0; i < n; i++) {
        const char *s = tokenizer_text(fuzz_tokenizer(), ids[i]);
        size_t bytes = strlen(s);
        if (bytes > 4 && strcmp(s + bytes - 4, "</w>") == 0) bytes -= 4;
        for (size_t j = 0; j < bytes; j++, first++) {
            while (first < last && strchr("\t\n\v\f\r ", text[first]) != NULL) first++;
            PROMISE(first < last);
            const unsigned c = (unsigned char)text[first], low = c >= 'A' && c <= 'Z' ? c + 32 : c;
            const unsigned code = low < 0x20 ? 0x100 + low : low == 0x7f ? 0x121 : low;   /* 0..32 and 127 are U+0100..U+0121 */
            if (code < 0x80) { PROMISE((unsigned char)s[j] == code); continue; }
            PROMISE((unsigned char)s[j] == 0xc4 && (unsigned char)s[j + 1] == (0x80 | (code & 0x3f)));
            j++;
        }
    }
    PROMISE(first == last);
}

static inline int fuzz_tokenizer_one(const unsigned char *bytes, size_t n, Err *err)
{
    int64_t row[TOKENIZER_LENGTH];
    const Tokenizer *k = fuzz_tokenizer();
    const int length = 2 * (n < 100000 ? (int)n : 100000) + 4;   /* lower case grows by half at most */
    int count = 0, dropped = -1, row_count = 0, row_dropped = -1, ascii = 1;
    char *text = mem_new(n + 1, 1, "test", err);
    int64_t *ids = mem_new((size_t)length, sizeof ids[0], "test", err);
    PROMISE(text != NULL && ids != NULL);
    if (n > 0) memcpy(text, bytes, n);
    const int status = tokenizer_encode(ids, &count, &dropped, k, text, length, err);
    if (status == 0) {
        PROMISE(dropped == 0 && count >= 2 && count < length);
        PROMISE(ids[0] == 49406 && ids[count - 1] == 49407 && ids[count] == 49407);
        for (int i = 0; i < count; i++) PROMISE(tokenizer_text(k, ids[i]) != NULL);
        PROMISE(tokenizer_encode(row, &row_count, &row_dropped, k, text, TOKENIZER_LENGTH, err) == 0);
        PROMISE(row_count == (count < TOKENIZER_LENGTH ? count : TOKENIZER_LENGTH) && row_dropped == count - row_count);
        for (int i = 0; i < TOKENIZER_LENGTH; i++) PROMISE(row[i] == (i < row_count - 1 ? ids[i] : 49407));
        for (const char *s = text; *s != '\0'; s++) ascii &= (unsigned char)*s < 0x80;
        if (ascii) spelling_check(ids + 1, count - 2, text);
    } else refusal_check(err);
    mem_free(text);
    mem_free(ids);
    return status == 0;
}

#endif
