/* mem.c -- zeroed, 64-byte aligned memory; arenas that grow in blocks and are rewound, never picked apart */
#include "tensor/mem.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, BLOCK = 1 << 20 };

static long fail_countdown;                               /* test hook, see mem_fail_at */

void mem_fail_at(long n) { fail_countdown = n; }

void *mem_new(size_t count, size_t size, const char *what, Err *err)
{
    const int overflow = size != 0 && count > (SIZE_MAX - ALIGN) / size;
    int refuse = overflow;
    if (fail_countdown > 0) {
        fail_countdown--;
        if (fail_countdown == 0) refuse = 1;
    }
    void *p = NULL;
    if (!refuse) {
        const size_t bytes = (count * size + ALIGN) / ALIGN * ALIGN;
        p = aligned_alloc(ALIGN, bytes);
        if (p != NULL) memset(p, 0, bytes);
    }
    if (p == NULL) err_set(err, "%s: out of memory (%zu x %zu bytes wanted)", what, count, size);
    return p;
}

void mem_free(void *p) { free(p); }

/* ---- arena: a list of blocks; a position is (bytes in all earlier blocks) + (bytes used in this one) ---- */

typedef struct Block { struct Block *previous; size_t start, used, size; unsigned char *p; } Block;
struct Arena { Block *last; size_t peak; Err *err; };

Arena *arena_new(Err *err)
{
    Arena *a = mem_new(1, sizeof *a, "arena", err);
    if (a != NULL) a->err = err;
    return a;
}

static void block_drop(Arena *a)
{
    Block *b = a->last;
    a->last = b->previous;
    mem_free(b->p);
    mem_free(b);
}

void arena_free(Arena *a)
{
    if (a == NULL) return;
    while (a->last != NULL) block_drop(a);
    mem_free(a);
}

static int block_add(Arena *a, size_t bytes, const char *what)
{
    Block *b = mem_new(1, sizeof *b, what, a->err);
    if (b == NULL) return -1;
    b->size = bytes > BLOCK ? bytes : BLOCK;
    b->p = mem_new(b->size, 1, what, a->err);
    if (b->p == NULL) { mem_free(b); return -1; }
    b->previous = a->last;
    b->start = a->last == NULL ? 0 : a->last->start + a->last->used;
    a->last = b;
    return 0;
}

void *arena_take(Arena *a, size_t count, size_t size, const char *what)
{
    if (size != 0 && count > (SIZE_MAX - ALIGN) / size) {
        err_set(a->err, "%s: out of memory (%zu x %zu bytes wanted)", what, count, size);
        return NULL;
    }
    const size_t bytes = (count * size + ALIGN - 1) / ALIGN * ALIGN;
    if (a->last == NULL || a->last->size - a->last->used < bytes)
        if (block_add(a, bytes, what) != 0) return NULL;
    Block *b = a->last;
    void *p = b->p + b->used;
    b->used += bytes;
    if (b->start + b->used > a->peak) a->peak = b->start + b->used;
    memset(p, 0, bytes);
    return p;
}

real *arena_real(Arena *a, size_t count, const char *what) { return arena_take(a, count, sizeof(real), what); }

size_t arena_mark(const Arena *a) { return a->last == NULL ? 0 : a->last->start + a->last->used; }

void arena_rewind(Arena *a, size_t mark)
{
    while (a->last != NULL && a->last->start > mark) block_drop(a);
    if (a->last == NULL) return;
    BUG_IF(mark > a->last->start + a->last->used, "arena rewound to %zu, beyond its end", mark);
    a->last->used = mark - a->last->start;
}

size_t arena_peak(const Arena *a) { return a->peak; }
