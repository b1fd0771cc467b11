/* exhaustive.c -- the proof of tensor/elem.h in binary32: every input of every function of one argument
 *
 *     exhaustive [FUNCTION...] [--stride N]    all 2^32 inputs, or every N-th
 *     exhaustive [FUNCTION...] --list-hard     prints the inputs whose result lies within 5 (at most 10) binary64 ulp of a
 *                                              rounding boundary, in the format of tests/golden/hard_inputs.txt
 *
 * The oracle is independent of us: the C library's binary64 function (errors below 4 ulp) rounded to binary32. Where the
 * results 5 ulp to either side round differently, or where ours differs, MPFR decides. Blocks of inputs are cut over
 * threads and each block writes its own list of undecided inputs; MPFR then works through the lists in order.
 * The last line is "N passed, N failed", one count for each function; the status is 1 if any failed.
 */
#include "tests/elem_oracle.h"
#include "tensor/par.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef SDREF_F64
#error "exhaustive.c proves the binary32 build"
#endif

enum { KEEP = 60 };
typedef struct { uint32_t count, input[KEEP]; } Undecided;

static float from_bits(uint32_t u) { float x; memcpy(&x, &u, sizeof x); return x; }
static uint32_t bits_of(float x) { uint32_t u; memcpy(&u, &x, sizeof u); return u; }
static double seconds(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void scan_block(Undecided *u, const Function *f, uint32_t block, uint32_t stride)
{
    float x[BLOCK], y[BLOCK];
    for (uint32_t i = 0; i < BLOCK; i++) x[i] = from_bits((block * (uint32_t)BLOCK + i) * stride);
    f->ours(y, x);
    u->count = 0;
    for (uint32_t i = 0; i < BLOCK; i++) {
        double d = f->lib((double)x[i]);
        if (isnan(d) && isnan(y[i])) continue;
        float low = (float)(d * (1.0 - 0x1.4p-50)), high = (float)(d * (1.0 + 0x1.4p-50));
        if (bits_of(low) == bits_of(high) && bits_of(y[i]) == bits_of(low)) continue;
        if (u->count < KEEP) u->input[u->count] = bits_of(x[i]);
        u->count++;
    }
}

static void print_hard(const Function *f, uint32_t input, float right)
{
    double d = f->lib((double)from_bits(input));
    float g = (float)d;
    float other = nextafterf(g, d > (double)g || (d == (double)g && right > g) ? INFINITY : -INFINITY);
    double boundary = 0.5 * ((double)g + (double)other), ulp = nextafter(fabs(d), EL_INF) - fabs(d);
    printf("%s %08x %08x %.0f %s\n", f->name, input, bits_of(right), (d - boundary) / ulp,
           bits_of(g) == bits_of(right) ? "ok" : "DOUBLE-ROUTE-WRONG");
}

/* which function an argument names, or -1 */
static int function_named(const char *s)
{
    for (int k = 0; k < FUNCTIONS; k++) if (strcmp(s, functions[k].name) == 0) return k;
    return -1;
}

/* the number of wrong results; all has room for every block */
static uint64_t prove(int k, uint32_t stride, int list, Undecided *all)
{
    const Function *f = &functions[k];
    double start = seconds();
    const int blocks = (int)((UINT64_C(1) << 32) / stride / BLOCK);
    PAR_FOR_DYNAMIC
    for (int b = 0; b < blocks; b++) scan_block(&all[b], f, (uint32_t)b, stride);

    uint64_t wrong = 0, decided = 0;
    mpfr_t x, y;
    mpfr_inits2(MPFR_BITS, x, y, (mpfr_ptr)NULL);
    for (int b = 0; b < blocks; b++) {
        float in[BLOCK] = { 0 }, out[BLOCK];
        uint32_t n = all[b].count < KEEP ? all[b].count : KEEP;
        wrong += all[b].count - n;                      /* a block this full is wrong all over */
        for (uint32_t i = 0; i < n; i++) in[i] = from_bits(all[b].input[i]);
        if (n > 0) f->ours(out, in);
        for (uint32_t i = 0; i < n; i++) {
            mpfr_set_flt(x, in[i], MPFR_RNDN);
            mp_functions[k](y, x);
            float right = mpfr_get_flt(y, MPFR_RNDN);
            decided++;
            if (list) print_hard(f, bits_of(in[i]), right);
            if (bits_of(right) == bits_of(out[i])) continue;
            wrong++;
            if (wrong <= 100)
                fprintf(stderr, "  %s(%a = %08x) is %08x, not %08x\n", f->name, (double)in[i], bits_of(in[i]),
                        bits_of(right), bits_of(out[i]));
        }
    }
    mpfr_clears(x, y, (mpfr_ptr)NULL);
    fprintf(list ? stderr : stdout, "%-9s %10llu inputs  %llu wrong  %llu decided by MPFR  %.0f s\n", f->name,
            (unsigned long long)blocks * BLOCK, (unsigned long long)wrong, (unsigned long long)decided, seconds() - start);
    fflush(stdout);
    return wrong;
}

int main(int argc, char **argv)
{
    uint32_t stride = 1;
    int list = 0, chosen = 0, passed = 0, failed = 0, want[FUNCTIONS] = { 0 };
    for (int i = 1; i < argc; i++) {
        int k = function_named(argv[i]);
        if (k >= 0) { want[k] = 1; chosen++; }
        else if (strcmp(argv[i], "--list-hard") == 0) list = 1;
        else if (strcmp(argv[i], "--stride") == 0 && i + 1 < argc) stride = (uint32_t)strtoul(argv[++i], NULL, 10);
        else { fprintf(stderr, "exhaustive: '%s' is neither a function nor --stride N nor --list-hard\n", argv[i]); return 2; }
    }
    Undecided *all = stride > 0 ? calloc((UINT64_C(1) << 32) / stride / BLOCK + 1, sizeof *all) : NULL;
    if (!all) { fprintf(stderr, "exhaustive: out of memory, or --stride 0\n"); return 2; }
    for (int k = 0; k < FUNCTIONS; k++) {
        if (chosen && !want[k]) continue;
        if (prove(k, stride, list, all) == 0) passed++;
        else failed++;
    }
    free(all);
    fprintf(list ? stderr : stdout, "%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
