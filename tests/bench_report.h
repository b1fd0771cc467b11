/* bench_report.h -- time, the peak it is held against, and rows: a table on stdout, the same as CSV in a file
 *
 * Time is that of the fastest single call: what the machine does when nobody disturbs it. Peak is what this very run
 * reaches in a loop of independent fused multiply-adds on one thread; the share on N threads is of N times that.
 */
#ifndef SDREF_TESTS_BENCH_REPORT_H
#define SDREF_TESTS_BENCH_REPORT_H

#include "ref/progress.h"
#include "tensor/par.h"
#include "tensor/real.h"

#include <stdio.h>
#include <time.h>

typedef struct Bench {
    int full, threads;
    double budget;                        /* seconds for each figure of a kernel */
    double peak;                          /* GFLOP/s of one thread */
    double copy_1, copy_n;                /* GB/s of a plain copy, read and written, on one thread and on all */
    FILE *csv;
} Bench;

typedef void Work(void *self);

/* Seconds of the fastest call, of `least` calls and more while the budget lasts, after one that warms up. */
static inline double bench_seconds(Work *work, void *self, double budget, int least)
{
    double best = 1e30, used = 0;
    work(self);
    for (int calls = 0; calls < least || used < budget; calls++) {
        const double start = progress_clock();
        work(self);
        const double took = progress_clock() - start;
        used += took;
        if (took < best) best = took;
    }
    return best;
}

/* ---- the peak: chains that fit the registers, and are more than the latency of an operation ---- */
#ifdef __AVX512F__
enum { PEAK_BYTES = 12 * 64 };            /* twelve vectors */
#else
enum { PEAK_BYTES = 12 * 32 };
#endif
enum { PEAK_LANES = PEAK_BYTES / sizeof(real), PEAK_ROUNDS = 100000 };
static volatile real bench_sink;          /* results go here, so that they are computed */

static inline void bench_fma_loop(void *result)
{
    real a[PEAK_LANES], total = 0;
    for (int i = 0; i < (int)PEAK_LANES; i++) a[i] = (real)i;
    for (int r = 0; r < PEAK_ROUNDS; r++)
        for (int i = 0; i < (int)PEAK_LANES; i++) a[i] = r_fma(a[i], R(0.999), R(0.001));
    for (int i = 0; i < (int)PEAK_LANES; i++) total += a[i];
    *(volatile real *)result = total;
}

/* One such loop on each of *threads threads at once. */
static inline void bench_fma_loops(void *threads)
{
    enum { MANY = 1024, LINE = 16 };
    static real results[MANY][LINE];
    const int n = *(const int *)threads < MANY ? *(const int *)threads : MANY;
    PAR_FOR
    for (int i = 0; i < n; i++) bench_fma_loop(results[i]);
}

/* GFLOP/s; *had = the part of a core that this thread was given: below 1 other work runs here. */
static inline double bench_peak(double *had)
{
    const double start = progress_clock();
    const double used = (double)clock();
    real result;
    const double best = bench_seconds(bench_fma_loop, &result, 0.3, 3);
    *had = ((double)clock() - used) / CLOCKS_PER_SEC / (progress_clock() - start);
    return 2e-9 * (double)PEAK_LANES * PEAK_ROUNDS / best;
}
/* What all threads reach together. */
static inline double bench_peak_all(int threads)
{
    return 2e-9 * (double)PEAK_LANES * PEAK_ROUNDS * threads / bench_seconds(bench_fma_loops, &threads, 0.3, 3);
}

/* ---- rows ---- */

typedef enum { BENCH_FLOP, BENCH_BYTES } BenchUnit;

/* seconds_1 or mbyte 0: not measured. `work` is in GFLOP or GB. */
typedef struct BenchRow {
    const char *kernel, *size;
    BenchUnit unit;
    double work, seconds_1, seconds_n, mbyte;
} BenchRow;

static inline void bench_head(const Bench *b, const char *title, BenchUnit unit)
{
    const char *what = unit == BENCH_FLOP ? "GFLOP" : "GB", *rate = unit == BENCH_FLOP ? "GFLOP/s" : "GB/s";
    const char *share = unit == BENCH_FLOP ? "of peak" : "of copy";
    printf("\n%-72s %26s %19d threads\n", "", "1 thread", b->threads);
    printf("%-62s %9s %9s %8s %7s %10s %8s %7s %6s\n", title, what, "ms", rate, share, "ms", rate, share, "gain");
}

static inline void bench_row(const Bench *b, BenchRow r)
{
    const double top_1 = r.unit == BENCH_FLOP ? b->peak : b->copy_1;
    const double top_n = r.unit == BENCH_FLOP ? b->peak * b->threads : b->copy_n;
    const double rate_n = r.work / r.seconds_n, rate_1 = r.seconds_1 > 0 ? r.work / r.seconds_1 : 0;
    printf("  %-32s %-27s %9.4g ", r.kernel, r.size, r.work);
    if (r.seconds_1 > 0) printf("%9.4g %8.1f %5.1f %% ", 1e3 * r.seconds_1, rate_1, 100 * rate_1 / top_1);
    else printf("%9s %8s %7s ", "", "", "");
    printf("%10.4g %8.1f %5.1f %% ", 1e3 * r.seconds_n, rate_n, 100 * rate_n / top_n);
    if (r.seconds_1 > 0) printf("%6.2f", r.seconds_1 / r.seconds_n);
    if (r.mbyte > 0) printf("  peak %.0f MB", r.mbyte);
    printf("\n");
    fflush(stdout);
    fprintf(b->csv, "\"%s\",\"%s\",%s,%.6g,", r.kernel, r.size, r.unit == BENCH_FLOP ? "GFLOP" : "GB", r.work);
    if (r.seconds_1 > 0) fprintf(b->csv, "%.6g,%.6g,%.4f,", 1e3 * r.seconds_1, rate_1, rate_1 / top_1);
    else fprintf(b->csv, ",,,");
    fprintf(b->csv, "%d,%.6g,%.6g,%.4f,", b->threads, 1e3 * r.seconds_n, rate_n, rate_n / top_n);
    if (r.seconds_1 > 0) fprintf(b->csv, "%.4f", r.seconds_1 / r.seconds_n);
    if (r.mbyte > 0) fprintf(b->csv, ",%.1f\n", r.mbyte);
    else fprintf(b->csv, ",\n");
}
#define BENCH_CSV_HEAD "kernel,size,unit,work,ms_1,rate_1,share_1,threads,ms_n,rate_n,share_n,gain,peak_mb\n"

static inline void bench_left_out(BenchRow r)
{
    printf("  %-32s %-27s %9.4g  too much for this machine in a short run\n", r.kernel, r.size, r.work);
}

/* Both figures of one piece of work, then its row. What takes more than a second at peak is left out. */
static inline void bench_measure(const Bench *b, BenchRow r, Work *work, void *self)
{
    if (r.unit == BENCH_FLOP && r.work > b->peak) {
        bench_left_out(r);
        return;
    }
    par_threads_set(1);
    r.seconds_1 = bench_seconds(work, self, b->budget, 3);
    par_threads_set(b->threads);
    r.seconds_n = bench_seconds(work, self, b->budget, 3);
    bench_row(b, r);
}

#endif
