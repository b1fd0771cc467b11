/* tokenizer_bytes.h -- what the reader and the writer of a vocabulary share, for tokenizer*.c and bpe.c alone
 *
 * CLIP's alphabet: a byte is spelt as itself where Latin-1 prints it, the others in order as U+0100, U+0101, ...; the symbol
 * of a word's last byte has </w> behind.
 */
#ifndef SDREF_WEIGHTS_TOKENIZER_BYTES_H
#define SDREF_WEIGHTS_TOKENIZER_BYTES_H

#include "weights/unicode.h"

#include <string.h>

/* openai/CLIP reads no more merges; a longer model_max_length counts as none. */
enum { MERGES_USED = 48894, LENGTH_MAX = 1 << 20 };

/* Words of their own in a prompt, and the start and end token's names where no file gives others. */
static const char *const literal_text[2] = { "<|startoftext|>", "<|endoftext|>" };

enum { BYTE_SYMBOLS = 512 };
typedef struct { unsigned char byte; char text[8]; } ByteSymbol;

/* In the order of CLIP's ids, which is that of the characters' code points: 256 bytes, then 256 with </w>. */
static inline void byte_symbols(ByteSymbol symbol[BYTE_SYMBOLS])
{
    int used = 0;
    uint32_t other = 0x100;
    memset(symbol, 0, BYTE_SYMBOLS * sizeof symbol[0]);
    for (int printing = 1; printing >= 0; printing--) {
        for (uint32_t b = 0; b < 256; b++) {
            const int prints = (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad);
            if (prints != printing) continue;
            ByteSymbol *s = &symbol[used++];
            s->byte = (unsigned char)b;
            const size_t n = unicode_write((unsigned char *)s->text, prints ? b : other++);
            s[256] = *s;
            memcpy(s[256].text + n, "</w>", 4);
        }
    }
}

#endif
