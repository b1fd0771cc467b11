/* t_norm.c -- group and layer norm: closed forms, the stated order bit for bit, invariances, threads, errors */
#include "tests/harness.h"

#include "tensor/norm.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tensor/sum.h"

#include <setjmp.h>

static Err err;
static Tape *tape;

static void setup(void)
{
    memset(&err, 0, sizeof err);
    tape = tape_new(&err);
}
static void teardown(void)
{
    CHECK(!err.set, "%s", err.msg);
    tape_free(tape);
}

static Weight weight_of(real *v, real *g, size_t n) { return (Weight){ { 1, { (int64_t)n } }, n, STORE_REAL, v, g, "w" }; }

static int same(const real *a, const real *b, size_t n) { return memcmp(a, b, n * sizeof(real)) == 0; }

/* ---- small cases by hand ---- */

/* {1,3}: mean 2, var 1. eps 0: {-1,1}; eps 3: {-1/2,1/2}. All exact. */
static void two_values_by_hand(void)
{
    setup();
    real v[] = { 1, 3, 10, 14 }, gamma[] = { 2, -4, 8, 1 }, beta[] = { 5, 0, -1, R(0.5) };
    const Weight g2 = weight_of(gamma, NULL, 2), b2 = weight_of(beta, NULL, 2);
    const Weight g4 = weight_of(gamma, NULL, 4), b4 = weight_of(beta, NULL, 4);
    Tensor *rows = tensor_view(tape, (Shape){ 2, { 2, 2 } }, v, NULL, "rows");
    Tensor *flat = tensor_view(tape, (Shape){ 2, { 1, 4 } }, v, NULL, "flat");
    CHECK(same(op_layer_norm(tape, rows, NULL, NULL, R(0.0), "y")->v, (real[]){ -1, 1, -1, 1 }, 4), "layer, eps 0");
    CHECK(same(op_layer_norm(tape, rows, &g2, &b2, R(0.0), "y")->v, (real[]){ 3, -4, 3, -4 }, 4), "layer, gamma and beta");
    CHECK(same(op_layer_norm(tape, rows, &g2, NULL, R(0.0), "y")->v, (real[]){ -2, -4, -2, -4 }, 4), "layer, gamma alone");
    CHECK(same(op_layer_norm(tape, rows, NULL, &b2, R(0.0), "y")->v, (real[]){ 4, 1, 4, 1 }, 4), "layer, beta alone");
    rows->v[2] = 1;
    rows->v[3] = 3;
    CHECK(same(op_layer_norm(tape, rows, &g2, NULL, R(3.0), "y")->v, (real[]){ -1, -2, -1, -2 }, 4), "layer, eps 3");
    CHECK(same(op_group_norm(tape, flat, &g4, &b4, 2, R(3.0), "y")->v, (real[]){ 4, -2, -5, 1 }, 4), "group, eps 3");
    teardown();
}

/* Two positions of two channels in one group: {0,2,4,6} has mean 3 and var 5; eps 4: rstd = 1/3, y = (x - 3)/3 gamma + beta. */
static void channels_of_a_group_share_statistics(void)
{
    setup();
    real v[] = { 0, 2, 4, 6 }, gamma[] = { 3, 6 }, beta[] = { 1, 0 };
    const Weight g = weight_of(gamma, NULL, 2), b = weight_of(beta, NULL, 2);
    Tensor *x = tensor_view(tape, (Shape){ 3, { 1, 2, 2 } }, v, NULL, "x");
    const Tensor *y = op_group_norm(tape, x, &g, &b, 1, R(4.0), "y");
    const real expected[] = { -2, 0, 2, 6 };
    for (int i = 0; i < 4; i++) CHECK_LE(r_abs(y->v[i] - expected[i]), 8 * REAL_EPS, "value %d", i);
    teardown();
}

static void constants_give_beta(void)
{
    setup();
    real v[3 * 6 * 5], gamma[6], beta[6];
    for (int i = 0; i < 90; i++) v[i] = R(7.0);
    rng_normal(gamma, (RngAt){ 1, 0, 0, RNG_INIT }, 6);
    rng_normal(beta, (RngAt){ 2, 0, 0, RNG_INIT }, 6);
    const Weight g = weight_of(gamma, NULL, 6), b = weight_of(beta, NULL, 6);
    Tensor *x = tensor_view(tape, (Shape){ 3, { 3, 6, 5 } }, v, NULL, "x");
    for (int groups = 1; groups <= 6; groups++) {
        if (6 % groups != 0) continue;
        const Tensor *y = op_group_norm(tape, x, &g, &b, groups, R(1e-5), "y");
        for (int i = 0; i < 90; i++) CHECK(y->v[i] == beta[i / 5 % 6], "%d groups, value %d", groups, i);
    }
    Tensor *rows = tensor_view(tape, (Shape){ 2, { 15, 6 } }, v, NULL, "rows");
    const Tensor *y = op_layer_norm(tape, rows, &g, &b, R(1e-5), "y");
    for (int i = 0; i < 90; i++) CHECK(y->v[i] == beta[i % 6], "layer, value %d", i);
    teardown();
}

/* ---- against binary64, and the statistics of y ---- */

/* A block of n standard normal values: the mean is off by at most (n/16 + 4) u mean|x|, u = REAL_EPS/2, and rstd by (n/16 + 6) u
 * relative, so y by about (n/16 + 10) u (|h| + 1) before gamma; doubled for the reference, which has the same errors in sdref-f64. */
static void check_block(const real *y, const real *x, size_t n, real gamma, real beta, real eps)
{
    double mean = 0, var = 0;
    for (size_t i = 0; i < n; i++) mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++) var += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
    const double bar = ((double)n / 16 + 10) * (double)REAL_EPS;
    for (size_t i = 0; i < n; i++) {
        const double h = ((double)x[i] - mean) / sqrt(var + (double)eps);
        CHECK_LE(fabs((double)y[i] - (h * (double)gamma + (double)beta)), bar * fabs((double)gamma) * (fabs(h) + 1) + (double)REAL_EPS,
                 "value %zu of %zu", i, n);
    }
}

static void near_the_truth(void)
{
    const size_t lengths[] = { 1, 2, 15, 16, 17, 320, 4096, 40961 };
    setup();
    real *v = tape_real(tape, 3 * 40961, "v");
    rng_normal(v, (RngAt){ 3, 0, 0, RNG_INIT }, 3 * 40961);
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        const size_t n = lengths[k];
        real gamma[] = { R(1.5), R(-0.75), R(2.0) }, beta[] = { R(0.25), R(3.0), R(-1.0) };
        const Weight g = weight_of(gamma, NULL, 3), b = weight_of(beta, NULL, 3);
        Tensor *rows = tensor_view(tape, (Shape){ 2, { 3, (int64_t)n } }, v, NULL, "rows");
        Tensor *image = tensor_view(tape, (Shape){ 3, { 1, 3, (int64_t)n } }, v, NULL, "image");
        const Tensor *y = op_layer_norm(tape, rows, NULL, NULL, R(1e-5), "y");
        const Tensor *z = op_group_norm(tape, image, &g, &b, 3, R(1e-6), "z");
        for (size_t r = 0; r < 3; r++) {
            check_block(y->v + r * n, v + r * n, n, 1, 0, R(1e-5));
            check_block(z->v + r * n, v + r * n, n, gamma[r], beta[r], R(1e-6));
        }
    }
    teardown();
}

/* mean 0 and var 1 (times var/(var + eps)), also where |mean| is 1000 spreads: two passes lose no more than the mean's own rounding,
 * (n/16 + 4) u 1000 spreads, which moves all of h alike and is the first bar. */
static void mean_0_and_variance_1(void)
{
    enum { N = 1280 };
    setup();
    real v[N];
    for (int far = 0; far < 2; far++) {
        rng_normal(v, (RngAt){ 4, 0, 0, RNG_INIT }, N);
        for (int i = 0; i < N && far; i++) v[i] += R(1000.0);
        Tensor *x = tensor_view(tape, (Shape){ 2, { 1, N } }, v, NULL, "x");
        const Tensor *y = op_layer_norm(tape, x, NULL, NULL, R(0.0), "y");
        double mean = 0, square = 0;
        for (int i = 0; i < N; i++) mean += (double)y->v[i] / N;
        for (int i = 0; i < N; i++) square += ((double)y->v[i] - mean) * ((double)y->v[i] - mean) / N;
        CHECK_LE(fabs(mean), (far ? 1000 : 1) * (N / 16 + 4) * (double)REAL_EPS, "mean, far %d", far);
        CHECK_LE(fabs(square - 1), (N / 16 + 16) * (double)REAL_EPS + (far ? 1e-7 : 0), "variance, far %d", far);
    }
    teardown();
}

/* ---- the order stated in norm.h, written as plainly as possible ---- */

typedef struct { real *dx, *dgamma, *dbeta, *y; } Norm;

/* x (N,groups,channels,P) */
static void group_plain(Norm *o, const real *x, const real *dy, const real *gamma, const real *beta, size_t N, size_t groups,
                        size_t channels, size_t P, real eps)
{
    const size_t n = channels * P;
    for (size_t block = 0; block < N * groups; block++) {
        const size_t c0 = block % groups * channels, at = block * n;
        const real mean = sum16(x + at, n) / (real)n;
        const real rstd = R(1.0) / r_sqrt(sumsq_about16(x + at, mean, n) / (real)n + eps);
        real *h = tape_real(tape, n, "h"), *a = tape_real(tape, channels, "a"), *b = tape_real(tape, channels, "b");
        for (size_t i = 0; i < n; i++) h[i] = (x[at + i] - mean) * rstd;
        for (size_t i = 0; i < n; i++) o->y[at + i] = r_fma(h[i], gamma[c0 + i / P], beta[c0 + i / P]);
        for (size_t c = 0; c < channels; c++) {
            a[c] = sum16(dy + at + c * P, P);
            b[c] = dot16(dy + at + c * P, h + c * P, P);
            o->dbeta[c0 + c] += a[c];
            o->dgamma[c0 + c] += b[c];
        }
        const real m1 = dot16(gamma + c0, a, channels) / (real)n, m2 = dot16(gamma + c0, b, channels) / (real)n;
        for (size_t i = 0; i < n; i++) {
            const real e = dy[at + i] * gamma[c0 + i / P];
            o->dx[at + i] = r_fma(rstd, r_fma(-h[i], m2, e - m1), o->dx[at + i]);
        }
    }
}

static void layer_plain(Norm *o, const real *x, const real *dy, const real *gamma, const real *beta, size_t rows, size_t n, real eps)
{
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * n;
        const real mean = sum16(x + at, n) / (real)n;
        const real rstd = R(1.0) / r_sqrt(sumsq_about16(x + at, mean, n) / (real)n + eps);
        real *h = tape_real(tape, n, "h"), *e = tape_real(tape, n, "e");
        for (size_t i = 0; i < n; i++) h[i] = (x[at + i] - mean) * rstd;
        for (size_t i = 0; i < n; i++) e[i] = dy[at + i] * gamma[i];
        for (size_t i = 0; i < n; i++) o->y[at + i] = r_fma(h[i], gamma[i], beta[i]);
        for (size_t i = 0; i < n; i++) o->dbeta[i] += dy[at + i];
        for (size_t i = 0; i < n; i++) o->dgamma[i] = r_fma(dy[at + i], h[i], o->dgamma[i]);
        const real m1 = sum16(e, n) / (real)n, m2 = dot16(e, h, n) / (real)n;
        for (size_t i = 0; i < n; i++) o->dx[at + i] = r_fma(rstd, r_fma(-h[i], m2, e[i] - m1), o->dx[at + i]);
    }
}

/* Both, for x (N,C,P), groups 0: layer norm over the last index, with C from P. Gradients start from what is there already. */
static void follows_the_order(size_t N, size_t C, size_t P, size_t groups)
{
    setup();
    const size_t n = N * C * P, width = groups == 0 ? P : C;
    real *in = tape_real(tape, 3 * n + 4 * width, "in"), *out = tape_real(tape, 2 * (2 * n + 2 * width), "out");
    rng_normal(in, (RngAt){ 5, 0, 0, RNG_INIT }, 3 * n + 4 * width);
    real *x = in, *dy = x + n, *gamma = dy + 2 * n, *beta = gamma + width, *start = beta + width;
    Norm plain = { out, out + n, out + n + width, out + n + 2 * width }, fast = plain;
    fast.dx = plain.y + n;
    fast.dgamma = fast.dx + n;
    fast.dbeta = fast.dgamma + width;
    for (int k = 0; k < 2; k++) {
        const Norm *o = k == 0 ? &plain : &fast;
        memcpy(o->dx, dy + n, n * sizeof(real));
        memcpy(o->dgamma, start, 2 * width * sizeof(real));
    }
    if (groups == 0) layer_plain(&plain, x, dy, gamma, beta, N * C, P, R(1e-5));
    else group_plain(&plain, x, dy, gamma, beta, N, groups, C / groups, P, R(1e-5));
    const Weight g = weight_of(gamma, fast.dgamma, width), b = weight_of(beta, fast.dbeta, width);
    Tensor *xt = tensor_view(tape, (Shape){ 3, { (int64_t)N, (int64_t)C, (int64_t)P } }, x, fast.dx, "x");
    Tensor *y = groups == 0 ? op_layer_norm(tape, xt, &g, &b, R(1e-5), "y") : op_group_norm(tape, xt, &g, &b, (int)groups, R(1e-5), "y");
    tape_seed(y, dy);
    tape_backward(tape);
    CHECK(same(y->v, plain.y, n), "y of %zu x %zu x %zu, %zu groups", N, C, P, groups);
    CHECK(same(fast.dx, plain.dx, n), "dx of %zu x %zu x %zu, %zu groups", N, C, P, groups);
    CHECK(same(fast.dgamma, plain.dgamma, width), "dgamma of %zu x %zu x %zu, %zu groups", N, C, P, groups);
    CHECK(same(fast.dbeta, plain.dbeta, width), "dbeta of %zu x %zu x %zu, %zu groups", N, C, P, groups);
    teardown();
}

static void order_bit_for_bit(void)
{
    const size_t shapes[][4] = {
        { 3, 6, 1, 2 }, { 3, 6, 1, 6 }, { 1, 4, 5, 1 }, { 3, 6, 15, 3 }, { 2, 40, 16, 1 }, { 2, 64, 64, 32 }, { 3, 32, 961, 32 },
        { 1, 320, 256, 32 }, { 1, 1, 1, 0 }, { 3, 5, 7, 0 }, { 2, 20, 16, 0 }, { 1, 17, 130, 0 }, { 2, 37, 321, 0 }, { 1, 77, 768, 0 }, { 3, 2, 40961, 0 },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        follows_the_order(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3]);
}

/* ---- invariances ---- */

/* Small whole numbers, 64 a row: sums and means are exact, so a shift changes no bit, and with eps 0 nor does a power of two. */
static void shift_and_scale_change_nothing(void)
{
    enum { ROWS = 5, C = 64 };
    setup();
    real v[3][ROWS * C];
    for (int i = 0; i < ROWS * C; i++) v[0][i] = (real)(i * 37 % 101 % 17 - 8);
    for (int i = 0; i < ROWS * C; i++) v[1][i] = v[0][i] + R(300.0);
    for (int i = 0; i < ROWS * C; i++) v[2][i] = v[0][i] * R(0x1p-20);
    Tensor *y[3], *z[3];
    for (int k = 0; k < 3; k++) {
        Tensor *x = tensor_view(tape, (Shape){ 2, { ROWS, C } }, v[k], NULL, "x");
        Tensor *image = tensor_view(tape, (Shape){ 3, { ROWS, 4, 16 } }, v[k], NULL, "image");
        y[k] = op_layer_norm(tape, x, NULL, NULL, R(0.0), "y");
        z[k] = op_group_norm(tape, image, NULL, NULL, 2, R(0.0), "z");
    }
    for (int k = 1; k < 3; k++) {
        CHECK(same(y[0]->v, y[k]->v, ROWS * C), "layer, %s", k == 1 ? "shift" : "scale");
        CHECK(same(z[0]->v, z[k]->v, ROWS * C), "group, %s", k == 1 ? "shift" : "scale");
    }
    teardown();
}

/* groups = C over (N,C,P) is layer norm over (N C,P); groups = 1 over (N,C) is layer norm, gamma and beta included. */
static void group_and_layer_agree(void)
{
    enum { N = 3, C = 6, P = 35 };
    setup();
    real v[N * C * P], gamma[C * P], beta[C * P];
    rng_normal(v, (RngAt){ 6, 0, 0, RNG_INIT }, N * C * P);
    rng_normal(gamma, (RngAt){ 7, 0, 0, RNG_INIT }, C * P);
    rng_normal(beta, (RngAt){ 8, 0, 0, RNG_INIT }, C * P);
    const Weight g = weight_of(gamma, NULL, C * P), b = weight_of(beta, NULL, C * P);
    Tensor *image = tensor_view(tape, (Shape){ 4, { N, C, 5, 7 } }, v, NULL, "image");
    Tensor *rows = tensor_view(tape, (Shape){ 2, { N * C, P } }, v, NULL, "rows");
    Tensor *flat = tensor_view(tape, (Shape){ 2, { N, C * P } }, v, NULL, "flat");
    const Tensor *a = op_group_norm(tape, image, NULL, NULL, C, R(1e-5), "a"), *c = op_layer_norm(tape, rows, NULL, NULL, R(1e-5), "c");
    const Tensor *d = op_group_norm(tape, flat, &g, &b, 1, R(1e-5), "d"), *e = op_layer_norm(tape, flat, &g, &b, R(1e-5), "e");
    CHECK(same(a->v, c->v, N * C * P), "groups = C");
    CHECK(same(d->v, e->v, N * C * P), "groups = 1");
    Tensor *last = tensor_view(tape, (Shape){ 4, { 1, C, 5, 7 } }, v + 2 * C * P, NULL, "last");
    CHECK(same(op_group_norm(tape, last, NULL, NULL, 3, R(1e-5), "y")->v,
               op_group_norm(tape, image, NULL, NULL, 3, R(1e-5), "y")->v + 2 * C * P, C * P), "an image by itself");
    teardown();
}

/* ---- threads ---- */

static void threads_change_nothing(void)
{
    enum { N = 2, C = 64, P = 1200 };
    real *first = NULL;
    const size_t n = N * C * P, total = 2 * (2 * n) + 2 * C + 2 * P;
    Err e = { 0 };
    first = mem_new(2 * total, sizeof(real), "results", &e);
    const int before = par_threads();
    for (int threads = 1; threads <= 4; threads++) {
        par_threads_set(threads);
        setup();
        real *out = first + (threads == 1 ? 0 : total), *in = tape_real(tape, 2 * n + 2 * C + 2 * P, "in");
        memset(out, 0, total * sizeof(real));
        rng_normal(in, (RngAt){ 9, 0, 0, RNG_INIT }, 2 * n + 2 * C + 2 * P);
        real *weights = in + 2 * n, *dw = out + 4 * n;
        const Weight g = weight_of(weights, dw, C), b = weight_of(weights + C, dw + C, C);
        const Weight lg = weight_of(weights + 2 * C, dw + 2 * C, P), lb = weight_of(weights + 2 * C + P, dw + 2 * C + P, P);
        Tensor *x = tensor_view(tape, (Shape){ 3, { N, C, P } }, in, out, "x");
        Tensor *y = op_group_norm(tape, x, &g, &b, 16, R(1e-5), "y");
        Tensor *z = op_layer_norm(tape, y, &lg, &lb, R(1e-5), "z");
        tape_seed(z, in + n);
        tape_backward(tape);
        memcpy(out + n, y->v, n * sizeof(real));
        memcpy(out + 2 * n, z->v, n * sizeof(real));
        memcpy(out + 3 * n, y->g, n * sizeof(real));
        CHECK(same(first, out, total), "%d threads", threads);
        teardown();
    }
    par_threads_set(before);
    mem_free(first);
}

/* ---- what is wanted, what is missing, what is wrong ---- */

static void frozen_inputs_and_weights(void)
{
    setup();
    real v[6] = { 1, 2, 4, 8, 16, 32 }, gamma[3] = { 1, 2, 3 }, dx[6] = { 0 }, dgamma[3] = { 0 }, dbeta[3] = { 0 };
    const real dy[6] = { 1, -2, 3, 4, 5, 6 };
    for (int k = 0; k < 8; k++) {
        memset(dx, 0, sizeof dx), memset(dgamma, 0, sizeof dgamma), memset(dbeta, 0, sizeof dbeta);
        const Weight g = weight_of(gamma, k & 1 ? dgamma : NULL, 3), b = weight_of(gamma, k & 2 ? dbeta : NULL, 3);
        Tensor *x = tensor_view(tape, (Shape){ 2, { 2, 3 } }, v, k & 4 ? dx : NULL, "x");
        for (int layer = 0; layer < 2; layer++) {
            const size_t mark = tape_mark(tape);
            Tensor *y = layer ? op_layer_norm(tape, x, &g, &b, R(1e-5), "y") : op_group_norm(tape, x, &g, &b, 1, R(1e-5), "y");
            CHECK((y->g != NULL) == (k != 0), "gradient wanted, case %d", k);
            if (y->g != NULL) tape_seed(y, dy);
            tape_backward(tape);
            tape_rewind(tape, mark);
        }
        CHECK((dgamma[2] != 0) == ((k & 1) != 0) && (dbeta[0] == 10) == ((k & 2) != 0) && (dx[0] != 0) == ((k & 4) != 0), "case %d", k);
        tape_recording(tape, 0);
        CHECK(op_layer_norm(tape, x, &g, &b, R(1e-5), "y")->g == NULL, "not recording");
        CHECK(op_group_norm(tape, x, &g, &b, 1, R(1e-5), "y")->g == NULL, "not recording");
        tape_recording(tape, 1);
    }
    teardown();
}

/* 1.5 and -2 as binary16, at an odd address. */
static void weights_of_a_file(void)
{
    setup();
    const unsigned char file[] = { 0xff, 0x00, 0x3e, 0x00, 0xc0 };
    real v[2] = { 1, 3 };
    const Weight g = { { 1, { 2 } }, 2, STORE_F16, file + 1, NULL, "gamma" };
    Tensor *x = tensor_view(tape, (Shape){ 2, { 1, 2 } }, v, NULL, "x");
    CHECK(same(op_layer_norm(tape, x, &g, NULL, R(0.0), "y")->v, (real[]){ R(-1.5), -2 }, 2), "layer");
    CHECK(same(op_group_norm(tape, x, &g, NULL, 1, R(0.0), "y")->v, (real[]){ R(-1.5), -2 }, 2), "group");
    teardown();
}

static jmp_buf caught;
static void catch_bug(const char *file, int line, const char *message)
{
    (void)file, (void)line, (void)message;
    longjmp(caught, 1);
}

static void wrong_shapes_are_bugs(void)
{
    setup();
    real v[12] = { 0 };
    Tensor *x = tensor_view(tape, (Shape){ 3, { 2, 6, 1 } }, v, NULL, "x");
    Tensor *row = tensor_view(tape, (Shape){ 1, { 12 } }, v, NULL, "row");
    const Weight w = weight_of(v, NULL, 5);
    bug_handler_set(catch_bug);
    for (int k = 0; k < 5; k++) {
        volatile int found = 0;
        if (setjmp(caught) != 0) found = 1;
        else if (k == 0) op_group_norm(tape, x, NULL, NULL, 4, R(1e-5), "groups do not divide");
        else if (k == 1) op_group_norm(tape, x, NULL, NULL, 0, R(1e-5), "no groups");
        else if (k == 2) op_group_norm(tape, row, NULL, NULL, 1, R(1e-5), "no channels");
        else if (k == 3) op_group_norm(tape, x, &w, NULL, 2, R(1e-5), "gamma too short");
        else op_layer_norm(tape, x, NULL, &w, R(1e-5), "beta too long");
        CHECK(found, "case %d went through", k);
    }
    bug_handler_set(NULL);
    teardown();
}

static void null_and_shapes_pass_through(void)
{
    setup();
    const Weight w = { { 1, { 6 } }, 6, STORE_F16, NULL, NULL, "w" };
    CHECK(op_group_norm(tape, NULL, NULL, NULL, 2, R(1e-5), "y") == NULL, "group norm of NULL");
    CHECK(op_layer_norm(tape, NULL, NULL, NULL, R(1e-5), "y") == NULL, "layer norm of NULL");
    tape_shapes_only(tape, 1);
    Tensor *x = tensor_new(tape, (Shape){ 2, { 2, 6 } }, 0, "x");
    const Tensor *y = op_group_norm(tape, x, &w, &w, 3, R(1e-5), "y"), *z = op_layer_norm(tape, x, &w, &w, R(1e-5), "z");
    CHECK(y->v == NULL && shape_equal(y->s, x->s) && z->v == NULL && shape_equal(z->s, x->s), "shapes");
    teardown();
}

/* Every block of memory that a norm asks for is refused once: NULL and a message, until nothing is refused. */
static void out_of_memory_is_reported(void)
{
    enum { N = 300000 };
    for (int layer = 0; layer < 2; layer++) {
        long at = 0;
        for (int refused = 1; refused; ) {
            setup();
            real *v = tape_real(tape, N, "v"), *g = tape_real(tape, N, "g");
            const Weight w = { { 1, { N / 2 } }, N / 2, sizeof(real) == 4 ? STORE_F64 : STORE_F32, v, NULL, "w" };
            Tensor *x = tensor_view(tape, (Shape){ 2, { 1, N / 2 } }, v, g, "x");
            mem_fail_at(++at);
            const Tensor *y = layer ? op_layer_norm(tape, x, &w, NULL, R(1e-5), "y") : op_group_norm(tape, x, &w, NULL, 1, R(1e-5), "y");
            mem_fail_at(0);
            refused = err.set;
            CHECK((y == NULL) == (refused != 0), "refusal %ld: %s", at, err.msg);
            tape_free(tape);
        }
        CHECK(at > 1, "nothing was refused");
    }
}

int main(void)
{
    TEST(two_values_by_hand);
    TEST(channels_of_a_group_share_statistics);
    TEST(constants_give_beta);
    TEST(near_the_truth);
    TEST(mean_0_and_variance_1);
    TEST(order_bit_for_bit);
    TEST(shift_and_scale_change_nothing);
    TEST(group_and_layer_agree);
    TEST(threads_change_nothing);
    TEST(frozen_inputs_and_weights);
    TEST(weights_of_a_file);
    TEST(wrong_shapes_are_bugs);
    TEST(null_and_shapes_pass_through);
    TEST(out_of_memory_is_reported);
    return test_end();
}
