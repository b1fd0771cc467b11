/* mem.h -- the only place that asks the C library for memory
 *
 * mem_new/mem_free for what lives as long as its owner; an Arena for everything that lives for one step:
 * mark, take, rewind. All memory comes zeroed and aligned to 64 bytes. Nobody frees one thing out of an arena.
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
size_t arena_mark(const Arena *a);
void   arena_rewind(Arena *a, size_t mark);               /* what was taken since the mark is gone */
size_t arena_peak(const Arena *a);                        /* bytes, high-water mark */

#endif
