/* bytes.c -- a growing byte buffer: the capacity doubles, the first error stays */
#include "render/bytes.h"

#include "tensor/mem.h"

#include <string.h>

int bytes_put(Bytes *b, const void *data, size_t n, Err *err)
{
    if (err->set) return -1;
    if (n > b->cap - b->n) {
        size_t cap = b->cap < 4096 ? 4096 : b->cap;
        while (cap - b->n < n) cap = cap > SIZE_MAX / 2 ? SIZE_MAX : 2 * cap;
        unsigned char *p = mem_new(cap, 1, "file buffer", err);
        if (p == NULL) return -1;
        if (b->n > 0) memcpy(p, b->p, b->n);
        mem_free(b->p);
        b->p = p;
        b->cap = cap;
    }
    if (n > 0) memcpy(b->p + b->n, data, n);
    b->n += n;
    return 0;
}

int bytes_byte(Bytes *b, int value, Err *err)
{
    unsigned char c = (unsigned char)value;
    return bytes_put(b, &c, 1, err);
}

int bytes_be32(Bytes *b, uint32_t value, Err *err)
{
    unsigned char c[4] = { (unsigned char)(value >> 24), (unsigned char)(value >> 16),
                           (unsigned char)(value >> 8), (unsigned char)value };
    return bytes_put(b, c, 4, err);
}

int bytes_le16(Bytes *b, int value, Err *err)
{
    unsigned char c[2] = { (unsigned char)value, (unsigned char)(value >> 8) };
    return bytes_put(b, c, 2, err);
}

void bytes_free(Bytes *b)
{
    mem_free(b->p);
    *b = (Bytes){0};
}
