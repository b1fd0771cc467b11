/* t_adam.c -- Adam and AdamW against PyTorch's numbers, and against the equations in binary64 */
#include "tests/harness.h"

#include "tensor/adam.h"
#include "tensor/par.h"

enum { N = 5 };

typedef struct {
    AdamConfig c;
    double theta[N], m[N], v[N];
} Known;

/* torch.optim.Adam and AdamW of PyTorch 1.13.1 in float64: theta_i = (-1)^i (i+1)/8; ten steps with the gradient
 * ((s (i+2)) mod 7 - 3)/4 + theta_i/2 in step s. */
static const Known known[3] = {
    { { 1e-2, 0.9, 0.999, 1e-8, 0.0, 0 },
      { 0.1114384300924685, -0.23904876982398598, 0.32958078067096697, -0.47880879725634834, 0.5526251280988462 },
      { 0.10497718589163127, -0.058298296977295994, 0.1268527936856981, -0.19228090874106069, 0.2804224682915752 },
      { 0.0025632188257254914, 0.0024025170222692566, 0.0027067858653552538, 0.0028580272478831016, 0.004378629767191625 } },
    { { 1e-2, 0.9, 0.99, 1e-6, 0.1, 0 },
      { 0.10926917136214812, -0.23473529598645626, 0.3245510326625587, -0.47061413633510213, 0.5491375332730949 },
      { 0.11238235073234383, -0.0734305378326286, 0.1484856406871901, -0.2228201941149055, 0.31779542793800336 },
      { 0.02509935655788225, 0.023553338101244586, 0.027462811805175645, 0.03010466627185675, 0.047180888746010057 } },
    { { 1e-2, 0.9, 0.99, 1e-15, 0.1, 1 },
      { 0.1102999474478173, -0.23667750570840843, 0.32620204289084126, -0.47403697722099225, 0.5466700949145331 },
      { 0.10477171432035075, -0.05787552580760132, 0.12624544481227687, -0.19143091659757716, 0.2793560831459913 },
      { 0.024763696317251758, 0.023146302909396062, 0.0260153230972804, 0.027562459990229767, 0.041802057036062476 } },
};

static void ten_steps_equal_pytorch(void)
{
    /* Ten steps of about ten roundings each, on values below 1 whose updates are 0.01: 100 units of REAL_EPS. */
    const double tol = 100.0 * (double)REAL_EPS;
    for (int k = 0; k < 3; k++) {
        real theta[N], m[N] = {0}, v[N] = {0}, g[N];
        for (int i = 0; i < N; i++) theta[i] = (real)((i % 2 ? -1 : 1) * (i + 1)) / R(8.0);
        for (int s = 1; s <= 10; s++) {
            for (int i = 0; i < N; i++) g[i] = (real)(s * (i + 2) % 7 - 3) / R(4.0) + theta[i] / R(2.0);
            adam_step(theta, m, v, g, N, known[k].c, s);
        }
        for (int i = 0; i < N; i++) {
            CHECK_LE(fabs((double)theta[i] - known[k].theta[i]), tol, "config %d theta[%d] %.17g", k, i, (double)theta[i]);
            CHECK_LE(fabs((double)m[i] - known[k].m[i]), tol, "config %d m[%d]", k, i);
            CHECK_LE(fabs((double)v[i] - known[k].v[i]), tol, "config %d v[%d]", k, i);
        }
    }
}

/* With a constant gradient g, m = (1 - b1^s) g and v = (1 - b2^s) g^2, so every step is -lr g / (|g| + eps). */
static void constant_gradient_moves_by_lr(void)
{
    const AdamConfig c = { 1e-3, 0.9, 0.999, 1e-8, 0.0, 0 };
    real theta[2] = {0}, m[2] = {0}, v[2] = {0};
    const real g[2] = { R(0.25), R(-3.0) };
    enum { STEPS = 2000 };
    for (int s = 1; s <= STEPS; s++) adam_step(theta, m, v, g, 2, c, s);
    /* m and v are weighted means: their errors are below about 1/(1-b1) = 10 and 1/(1-b2) = 1000 units; v's counts half. */
    CHECK_LE(fabs((double)theta[0] + STEPS * 1e-3), STEPS * 1e-3 * 1000 * (double)REAL_EPS + 1e-7, "%.9g", (double)theta[0]);
    CHECK_LE(fabs((double)theta[1] - STEPS * 1e-3), STEPS * 1e-3 * 1000 * (double)REAL_EPS + 1e-7, "%.9g", (double)theta[1]);
}

static void threads_and_cuts_do_not_matter(void)
{
    enum { MANY = 10007 };
    static real theta[4][MANY], m[4][MANY], v[4][MANY], g[MANY];
    const AdamConfig c = { 1e-2, 0.9, 0.99, 1e-8, 0.1, 1 };
    const int threads[4] = { 1, 2, 3, 8 }, before = par_threads();
    for (int k = 0; k < 4; k++) {
        par_threads_set(threads[k]);
        for (int i = 0; i < MANY; i++) theta[k][i] = (real)(i * 7919 % 1009) / R(1009.0) - R(0.5);
        for (int s = 1; s <= 3; s++) {
            for (int i = 0; i < MANY; i++) g[i] = (real)((i + s) * 104729 % 2003) / R(2003.0) - R(0.5);
            if (k == 3) {   /* in two parts */
                adam_step(theta[k], m[k], v[k], g, 777, c, s);
                adam_step(theta[k] + 777, m[k] + 777, v[k] + 777, g + 777, MANY - 777, c, s);
            } else {
                adam_step(theta[k], m[k], v[k], g, MANY, c, s);
            }
        }
        CHECK(memcmp(theta[0], theta[k], sizeof theta[0]) == 0, "%d threads", threads[k]);
        CHECK(memcmp(v[0], v[k], sizeof v[0]) == 0, "%d threads", threads[k]);
    }
    par_threads_set(before);
}

static void no_gradient_no_move(void)
{
    const AdamConfig c = { 1e-2, 0.9, 0.999, 1e-8, 0.0, 0 };
    real theta[1] = { R(0.7) }, m[1] = {0}, v[1] = {0};
    const real g[1] = {0};
    adam_step(theta, m, v, g, 1, c, 1);
    CHECK(theta[0] == R(0.7), "%.9g", (double)theta[0]);
    const AdamConfig w = { 1e-2, 0.9, 0.999, 1e-8, 0.5, 1 };
    adam_step(theta, m, v, g, 1, w, 2);
    CHECK_LE(fabs((double)theta[0] - 0.7 * 0.995), (double)REAL_EPS, "decay alone");
}

int main(void)
{
    TEST(ten_steps_equal_pytorch);
    TEST(constant_gradient_moves_by_lr);
    TEST(threads_and_cuts_do_not_matter);
    TEST(no_gradient_no_move);
    return test_end();
}
