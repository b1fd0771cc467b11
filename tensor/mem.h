/* mem.h -- the only place that asks the C library for memory
 *
 * mem_new/mem_free for what lives as long as its owner; an Arena for everything that lives for one step:
 * mark, take, rewind. Memory comes zeroed (but for arena_raw) and aligned to 64 bytes. Nobody frees one thing out of an
 * arena; arena_keep gives back everything since a mark except one array.
 */
#ifndef SDREF_MEM_H
#define SDREF_MEM_H

#include "tensor/err.h"
#include "tensor/real.h"

/* count * size zeroed bytes, or NULL with `err` set to "what: ..." (overflow counts as out of memory). */
void *mem_new(size_t count, size_t size, const char *what, Err *err);
void  mem_free(void *p);                                  /* NULL is fine */
/* For tests: let the n-th mem_new from now on fail (0: none). */
void  mem_fail_at(long n);

typedef struct Arena Arena;                               /* grows in blocks; the first failure stays in its Err */
Arena *arena_new(Err *err);                               /* err outlives the arena and hears of failures */
void   arena_free(Arena *a);
void  *arena_take(Arena *a, size_t count, size_t size, const char *what);   /* zeroed; NULL when out of memory */
real  *arena_real(Arena *a, size_t count, const char *what);
void  *arena_raw(Arena *a, size_t count, size_t size, const char *what);    /* not set: for what is written in full at once */
size_t arena_mark(const Arena *a);
void   arena_rewind(Arena *a, size_t mark);               /* what was taken since the mark is gone */
/* Rewinds to the mark but for the array p (bytes), taken since: it is moved to the mark, and its new place returned. */
void  *arena_keep(Arena *a, size_t mark, const void *p, size_t bytes);
int    arena_since(const Arena *a, size_t mark, const void *p);             /* was p taken since the mark? */
size_t arena_peak(const Arena *a);                        /* bytes, high-water mark of what was taken */

#endif
