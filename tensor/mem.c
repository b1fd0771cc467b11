/* mem.c -- zeroed, 64-byte aligned memory; arenas that grow in blocks and are rewound, never picked apart */
#include "tensor/mem.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, BLOCK = 1 << 20 };

static long fail_countdown;                               /* test hook, see mem_fail_at */

void mem_fail_at(long n) { fail_countdown = n; }

/* Not set. */
static void *mem_raw(size_t count, size_t size, const char *what, Err *err)
{
    const int overflow = size != 0 && count > (SIZE_MAX - ALIGN) / size;
    int refuse = overflow;
    if (fail_countdown > 0) {
        fail_countdown--;
        if (fail_countdown == 0) refuse = 1;
    }
    void *p = NULL;
    if (!refuse) p = aligned_alloc(ALIGN, (count * size + ALIGN) / ALIGN * ALIGN);
    if (p == NULL) err_set(err, "%s: out of memory (%zu x %zu bytes wanted)", what, count, size);
    return p;
}

void *mem_new(size_t count, size_t size, const char *what, Err *err)
{
    void *p = mem_raw(count, size, what, err);
    if (p != NULL) memset(p, 0, (count * size + ALIGN) / ALIGN * ALIGN);
    return p;
}

void mem_free(void *p) { free(p); }

/* ---- arena: a list of blocks; a position is (bytes in all earlier blocks) + (bytes used in this one) ----
 *
 * Blocks that a rewind leaves empty wait in `spare` for the next need: a network takes and gives back the same sizes again and
 * again, and fresh pages from the system cost as much as the arithmetic of a small layer. A new block is as large as all
 * others together, so that there are few. */

typedef struct Block { struct Block *previous; size_t start, used, size; unsigned char *p; } Block;
struct Arena { Block *last, *spare; size_t total, peak; Err *err; };

Arena *arena_new(Err *err)
{
    Arena *a = mem_new(1, sizeof *a, "arena", err);
    if (a != NULL) a->err = err;
    return a;
}

static void blocks_free(Block *b)
{
    while (b != NULL) {
        Block *previous = b->previous;
        mem_free(b->p);
        mem_free(b);
        b = previous;
    }
}

void arena_free(Arena *a)
{
    if (a == NULL) return;
    blocks_free(a->last);
    blocks_free(a->spare);
    mem_free(a);
}

/* The smallest spare block that holds `bytes`, out of the list; NULL: none. */
static Block *spare_take(Arena *a, size_t bytes)
{
    Block **best = NULL;
    for (Block **b = &a->spare; *b != NULL; b = &(*b)->previous)
        if ((*b)->size >= bytes && (best == NULL || (*b)->size < (*best)->size)) best = b;
    if (best == NULL) return NULL;
    Block *found = *best;
    *best = found->previous;
    return found;
}

static Block *block_new(Arena *a, size_t bytes, const char *what)
{
    Block *b = mem_new(1, sizeof *b, what, a->err);
    if (b == NULL) return NULL;
    b->size = a->total < BLOCK ? BLOCK : a->total;
    if (b->size < bytes) b->size = bytes;
    b->p = mem_raw(b->size, 1, what, a->err);
    if (b->p == NULL) { mem_free(b); return NULL; }
    a->total += b->size;
    return b;
}

static int block_add(Arena *a, size_t bytes, const char *what)
{
    Block *b = spare_take(a, bytes);
    if (b == NULL) b = block_new(a, bytes, what);
    if (b == NULL) return -1;
    b->start = a->last == NULL ? 0 : a->last->start + a->last->used;
    b->used = 0;
    b->previous = a->last;
    a->last = b;
    return 0;
}

void *arena_raw(Arena *a, size_t count, size_t size, const char *what)
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
    return p;
}

void *arena_take(Arena *a, size_t count, size_t size, const char *what)
{
    void *p = arena_raw(a, count, size, what);
    if (p != NULL) memset(p, 0, count * size);
    return p;
}

real *arena_real(Arena *a, size_t count, const char *what) { return arena_take(a, count, sizeof(real), what); }

size_t arena_mark(const Arena *a) { return a->last == NULL ? 0 : a->last->start + a->last->used; }

void arena_rewind(Arena *a, size_t mark)
{
    while (a->last != NULL && a->last->start >= mark) {
        Block *b = a->last;
        a->last = b->previous;
        b->previous = a->spare;
        a->spare = b;
    }
    if (a->last == NULL) return;
    BUG_IF(mark > a->last->start + a->last->used, "arena rewound to %zu, beyond its end", mark);
    a->last->used = mark - a->last->start;
}

int arena_since(const Arena *a, size_t mark, const void *p)
{
    const uintptr_t at = (uintptr_t)p;
    for (const Block *b = a->last; b != NULL && b->start + b->used > mark; b = b->previous) {
        const uintptr_t from = (uintptr_t)b->p + (b->start < mark ? mark - b->start : 0);
        if (at >= from && at < (uintptr_t)b->p + b->used) return 1;
    }
    return 0;
}

/* Rewinding leaves the bytes where they are, in the block or among the spare ones, so they can be moved afterwards. The spare
 * block that is taken may be the very one that holds p: then p's new place is its beginning. */
void *arena_keep(Arena *a, size_t mark, const void *p, size_t bytes)
{
    arena_rewind(a, mark);
    void *to = arena_raw(a, bytes, 1, "kept");
    if (to != NULL && to != p) memmove(to, p, bytes);
    return to;
}

size_t arena_peak(const Arena *a) { return a->peak; }
