/* par.h -- threads, when the compiler has OpenMP; the same bits without
 *
 * Loops are cut over outputs only. PAR_FOR stands before a for loop whose iterations write disjoint outputs.
 * There is no reduction clause and no atomic in this project, and a test keeps it so.
 */
#ifndef SDREF_PAR_H
#define SDREF_PAR_H

#ifdef _OPENMP
#include <omp.h>
#define PAR_FOR _Pragma("omp parallel for schedule(static)")
#define PAR_FOR_DYNAMIC _Pragma("omp parallel for schedule(dynamic, 1)")
static inline void par_threads_set(int n) { omp_set_num_threads(n); }
static inline int  par_threads(void) { return omp_get_max_threads(); }
static inline int  par_self(void) { return omp_get_thread_num(); }       /* of the loop we are in: 0 .. par_threads() - 1; for scratch memory alone */
#else
#define PAR_FOR
#define PAR_FOR_DYNAMIC
static inline void par_threads_set(int n) { (void)n; }
static inline int  par_threads(void) { return 1; }
static inline int  par_self(void) { return 0; }
#endif

#endif
