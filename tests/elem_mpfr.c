/* elem_mpfr.c -- the binary64 functions of tensor/elem.h against MPFR
 *
 *     elem_mpfr [N]        the largest error in ulp over N random inputs of each function; each must be below 1
 *     elem_mpfr --golden   prints tests/golden/elem_f64.txt: function, input (two for pow and atan2), result rounded to
 *                          binary64 (all in hex), and (exact - rounded) in ulp of the result
 *
 * An ulp is that of the rounded exact result, 2^-1074 for subnormals. Inputs: a quarter uniform where the function has
 * something to show, a quarter random bit patterns, a quarter of random magnitude from 2^-64 to 2^15, a quarter in (-3, 3).
 * The golden file adds special values, range ends, and both neighbours of every point where the method changes.
 * The last line is "N passed, N failed".
 */
#include "tests/elem_oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1;
static uint64_t draw(void)                              /* splitmix64 */
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static double unit(void) { return (double)(draw() >> 11) * 0x1p-53; }
static double pattern(void) { return el_from(draw()); }

static mpfr_t mx, my, mz, mt;

typedef struct { double rounded, rest; } Exact;         /* exact = rounded + rest ulp */

static double ulp_exponent(double d)
{
    int e;
    frexp(d, &e);
    return d == 0.0 || e - 53 < -1074 ? -1074 : e - 53;
}

static Exact exact_of(mpfr_t z)
{
    Exact e = { mpfr_get_d(z, MPFR_RNDN), 0.0 };
    if (!isfinite(e.rounded)) return e;
    mpfr_sub_d(mt, z, e.rounded, MPFR_RNDN);
    mpfr_mul_2si(mt, mt, -(long)ulp_exponent(e.rounded), MPFR_RNDN);
    e.rest = mpfr_get_d(mt, MPFR_RNDN);
    return e;
}
static Exact exact1(int k, double x)
{
    mpfr_set_d(mx, x, MPFR_RNDN);
    mp_functions[k](mz, mx);
    return exact_of(mz);
}
static Exact exact2(int is_pow, double x, double y)     /* pow(x, y) or atan2(x, y) */
{
    mpfr_set_d(mx, x, MPFR_RNDN);
    mpfr_set_d(my, y, MPFR_RNDN);
    if (is_pow) mpfr_pow(mz, mx, my, MPFR_RNDN);
    else mpfr_atan2(mz, mx, my, MPFR_RNDN);
    return exact_of(mz);
}

/* error of ours in ulp; infinite for a wrong special value */
static double error_of(double ours, Exact e)
{
    if (isnan(e.rounded) || isnan(ours)) return isnan(e.rounded) && isnan(ours) ? 0.0 : EL_INF;
    if (ours == e.rounded) return signbit(ours) == signbit(e.rounded) ? fabs(e.rest) : EL_INF;
    if (!isfinite(e.rounded)) return EL_INF;
    return fabs(ldexp(ours - e.rounded, -(int)ulp_exponent(e.rounded)) - e.rest);
}

static double input1(const Function *f, int j)
{
    if (j % 4 == 0) return f->lo + (f->hi - f->lo) * unit();
    if (j % 4 == 1) return pattern();
    if (j % 4 == 2) {
        uint64_t r = draw();
        double m = 1.0 + unit();
        return ldexp(r % 2 ? m : -m, (int)(r / 2 % 80) - 64);
    }
    return 6.0 * unit() - 3.0;
}
static void input2(double *x, double *y, int is_pow, int j)
{
    if (j % 4 == 0) {
        *x = pattern();
        *y = pattern();
        return;
    }
    if (!is_pow) {
        int e = j % 4 == 1 ? 0 : (int)(draw() % 2100) - 1060;
        int apart = j % 4 == 1 ? 0 : (int)(draw() % 120) - 60;
        *x = ldexp(2.0 * unit() - 1.0, e);
        *y = ldexp(2.0 * unit() - 1.0, e + apart);
        return;
    }
    int e = (int)(draw() % 2100);
    double u = unit();
    *x = j % 4 == 1 ? 0.5 + u : j % 4 == 2 ? ldexp(1.0 + u, e - 1060) : 1.0 + ldexp(u - 0.5, -(e % 50));
    double l = log(*x);
    *y = (2.0 * unit() - 1.0) * 750.0 / (l == 0.0 ? 1.0 : l);
}

static int measure(long n)
{
    int passed = 0, failed = 0;
    for (int k = 0; k < FUNCTIONS + 2; k++) {
        const char *name = k < FUNCTIONS ? functions[k].name : k == FUNCTIONS ? "pow" : "atan2";
        double worst = 0.0, at_x = 0.0, at_y = 0.0;
        for (long j = 0; j < n; j++) {
            double x, y = 0.0, e;
            if (k < FUNCTIONS) {
                x = input1(&functions[k], (int)(j % 4));
                e = error_of(functions[k].ours64(x), exact1(k, x));
            } else {
                input2(&x, &y, k == FUNCTIONS, (int)(j % 4));
                e = error_of(k == FUNCTIONS ? d_pow(x, y) : d_atan2(x, y), exact2(k == FUNCTIONS, x, y));
            }
            if (e > worst) { worst = e; at_x = x; at_y = y; }
        }
        printf("%-9s %ld inputs  largest error %.4f ulp at %a %a\n", name, n, worst, at_x, at_y);
        fflush(stdout);
        if (worst < 1.0) passed++;
        else failed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}

static void print_line(const char *name, double x, const double *y, Exact e)
{
    uint64_t r = isnan(e.rounded) ? UINT64_C(0x7ff8000000000000) : el_bits(e.rounded);
    printf("%s %016llx ", name, (unsigned long long)el_bits(x));
    if (y) printf("%016llx ", (unsigned long long)el_bits(*y));
    printf("%016llx %.4f\n", (unsigned long long)r, e.rest);
}

static void golden1(int k)
{
    static const double points[] = {                    /* each with its neighbours, and negated */
        0.0, 0x1p-1074, 0x1p-1022, 0x1p-54, 0x1p-53, 0x1p-28, 0x1p-27, 0.25, 0.5, 0x1.6a09e667f3bcdp-1, 0.75, 1.0,
        0x1.6a09e667f3bcdp+0, 2.0, 6.0, 20.0, 22.0, 37.0, 0x1p28, 0x1p53, 0x1.6ac5b262ca1ffp+849, 0x1.fffffffffffffp+1023,
        0x1.62e42fefa39efp-2, 0x1.0a2b23f3bab73p+0, 0x1.62e42fefa39efp+9, 0x1.74385446d71c3p+9, 0x1.74910d52d3051p+9,
        1022.0, 1023.5, 1024.0, 1074.0, 1075.0, 0x1.921fb54442d18p-1, 0x1.921fb54442d18p+0, 0x1.921fb54442d18p+1,
        0x1.2d97c7f3321d2p+2, 0x1.921fb54442d18p+27, 0x1.921fb54442d18p+100
    };
    const double special[] = { EL_INF, -EL_INF, EL_NAN };
    for (int i = 0; i < 3; i++) print_line(functions[k].name, special[i], NULL, exact1(k, special[i]));
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        for (int j = 0; j < 6; j++) {
            if (i == 0 && j % 3 != 0) continue;
            double x = j % 3 == 0 ? points[i] : nextafter(points[i], j % 3 == 1 ? 0.0 : 1e308);
            x = j < 3 ? x : -x;
            print_line(functions[k].name, x, NULL, exact1(k, x));
        }
    for (int j = 0; j < 160; j++) {
        double x = input1(&functions[k], j);
        if (!isnan(x)) print_line(functions[k].name, x, NULL, exact1(k, x));
    }
}

static void golden2(int is_pow)
{
    const double special[] = { 0.0, -0.0, 0x1p-1074, 0.5, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, -2.5, 0x1p53,
                               -0x1.fffffffffffffp+52, 0x1p1023, -0x1p1023, EL_INF,
                               -EL_INF, EL_NAN };
    const int n = sizeof special / sizeof *special;
    const char *name = is_pow ? "pow" : "atan2";
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) print_line(name, special[i], &special[j], exact2(is_pow, special[i], special[j]));
    for (int j = 0; j < 400; j++) {
        double x, y;
        input2(&x, &y, is_pow, j);
        if (!isnan(x) && !isnan(y)) print_line(name, x, &y, exact2(is_pow, x, y));
    }
}

int main(int argc, char **argv)
{
    mpfr_inits2(MPFR_BITS, mx, my, mz, mt, (mpfr_ptr)NULL);
    if (argc > 1 && strcmp(argv[1], "--golden") == 0) {
        for (int k = 0; k < FUNCTIONS; k++) golden1(k);
        golden2(1);
        golden2(0);
        return 0;
    }
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    if (n < 1) { fprintf(stderr, "elem_mpfr: '%s' is neither a count nor --golden\n", argv[1]); return 2; }
    return measure(n);
}
