/* t_invert.c -- DDIM inversion: grids by hand, moves against PyTorch, and what Gaussian data lets one know exactly
 *
 * Golden bars, relative L2: 1e-10 in binary64; in binary32 4 roundings a move, at most 6 moves: 24 2^-24 = 1.4e-6,
 * the project's bar being 5e-6.
 */
#include "sampler/invert.h"
#include "sampler/step.h"
#include "tests/golden_read.h"

#ifdef SDREF_F64
#define BAR 1e-10
#else
#define BAR 5e-6
#endif

static Schedule *schedule_sd(void)
{
    Err err = { 0 };
    ScheduleConfig c = schedule_config_sd();
    Schedule *S = schedule_new(&c, &err);
    CHECK(S != NULL, "%s", err.msg);
    return S;
}

static void check_grid(const int *ours, int count, const int *hand, int hand_count, const char *what)
{
    CHECK(count == hand_count, "%s: %d levels, expected %d", what, count, hand_count);
    for (int i = 0; i < hand_count && i < count; i++)
        CHECK(ours[i] == hand[i], "%s[%d] is %d, expected %d", what, i, ours[i], hand[i]);
}

static void grids_by_hand(void)
{
    static const int a[] = { -1, 100, 200, 300, 400, 500, 599, 699, 799, 899, 999 };   /* 499.5 -> 500 */
    static const int b[] = { -1, 2, 5 }, c[] = { -1, 8, 15 }, d[] = { -1, 0, 0, 0 };   /* 2.5 -> 2, 7.5 -> 8 */
    static const int e[] = { 0, 100, 200, 300, 400, 450 }, g[] = { 0, 200, 400 }, h[] = { 0, 1 }, j[] = { 0, 420 };
    int grid[32];
    check_grid(grid, invert_grid_sdi(grid, 999, 10), a, 11, "sdi 999/10");
    check_grid(grid, invert_grid_sdi(grid, 5, 2), b, 3, "sdi 5/2");
    check_grid(grid, invert_grid_sdi(grid, 15, 2), c, 3, "sdi 15/2");
    check_grid(grid, invert_grid_sdi(grid, 0, 3), d, 4, "sdi 0/3");
    check_grid(grid, invert_grid_ism(grid, 450, 100), e, 6, "ism 450/100");
    check_grid(grid, invert_grid_ism(grid, 400, 200), g, 3, "ism 400/200");
    check_grid(grid, invert_grid_ism(grid, 1, 1), h, 2, "ism 1/1");
    check_grid(grid, invert_grid_ism(grid, 420, 500), j, 2, "ism 420/500");
    CHECK(invert_grid_ism_count(450, 100) == 6, "count");
}

/* PyTorch's inversions: given its eps of each move and its x before, the x after. */
static void moves_against_pytorch(void)
{
    enum { N = 1024 };
    static const struct { const char *file, *start; int ism, count; } cases[] = {
        { "tests/golden/estimators/sdi_n10_inv-7.5_fwd7.5.safetensors", "in.x0", 0, 6 },
        { "tests/golden/estimators/ism_dS100.safetensors", "x_start", 1, 6 } };
    static real x[N], e[N];
    Schedule *S = schedule_sd();
    for (int k = 0; k < 2; k++) {
        int ours[16];
        int64_t grid[16];
        StFile *f = golden_open(cases[k].file);
        const int count = cases[k].ism ? invert_grid_ism(ours, 450, 100) : invert_grid_sdi(ours, 520, 5);
        golden_i64(grid, f, "grid", (size_t)cases[k].count + (cases[k].ism ? 1 : 0));
        CHECK(count == cases[k].count, "%s: %d levels", cases[k].file, count);
        for (int i = 0; i < count; i++) CHECK(ours[i] == grid[i], "%s: level %d", cases[k].file, i);
        golden_real(x, f, cases[k].start, N);
        for (int i = 0; i + 1 < count; i++) {
            char key[64];
            snprintf(key, sizeof key, "inv.%d.eps", i);
            golden_real(e, f, key, N);
            ddim_move(x, e, S, ours[i], ours[i + 1], N);
            snprintf(key, sizeof key, "inv.%d.x", i);
            golden_check(x, f, key, BAR, N);
        }
        st_close(f);
    }
    schedule_free(S);
}

/* Data N(mu, q^2): the true eps at level p is s_p (x - a_p mu)/v_p with v_p = abar_p q^2 + s_p^2. The ODE keeps
 * (x - a mu)/sqrt(v) constant, so both inversion and sampling have a closed form. */
static const double data_mu = 0.3, data_q = 0.5;

static double spread(const Schedule *S, int p)
{
    const double abar = sched_abar64(S, p);
    return abar * data_q * data_q + (1.0 - abar);
}

static void gaussian_eps(real *e, const real *x, const Schedule *S, int p, size_t n)
{
    const real s_over_v = (real)((double)sched_sigma(S, p) / spread(S, p)), centre = sched_alpha(S, p) * (real)data_mu;
    for (size_t i = 0; i < n; i++) e[i] = s_over_v * (x[i] - centre);
}

static double ode_answer(const Schedule *S, double x, int p, int q)
{
    const double ap = sqrt(sched_abar64(S, p)), aq = sqrt(sched_abar64(S, q));
    return aq * data_mu + sqrt(spread(S, q) / spread(S, p)) * (x - ap * data_mu);
}

static void walk(real *x, const Schedule *S, const int *grid, int count, size_t n)
{
    real e[8];
    for (int i = 0; i + 1 < count; i++) {
        gaussian_eps(e, x, S, grid[i], n);
        ddim_move(x, e, S, grid[i], grid[i + 1], n);
    }
}

/* Walks up grid (count) and down again, from three points. error: of the way up and of the way down against the
 * closed form, and of there and back. */
static void walk_errors(double error[3], const Schedule *S, const int *grid, int count)
{
    enum { N = 3 };
    const real start[N] = { R(1.1), R(-0.7), R(0.45) };
    const int low = grid[0], high = grid[count - 1];
    int back[400];
    for (int i = 0; i < count; i++) back[i] = grid[count - 1 - i];
    real up[N], down[N], both[N];
    memcpy(up, start, sizeof up);
    walk(up, S, grid, count, N);
    memcpy(both, up, sizeof both);
    walk(both, S, back, count, N);
    for (int i = 0; i < N; i++) down[i] = (real)ode_answer(S, (double)start[i], low, high);
    walk(down, S, back, count, N);
    error[0] = error[1] = error[2] = 0;
    for (int i = 0; i < N; i++) {
        error[0] += fabs((double)up[i] - ode_answer(S, (double)start[i], low, high));
        error[1] += fabs((double)down[i] - (double)start[i]);
        error[2] += fabs((double)both[i] - (double)start[i]);
    }
}

/* Explicit Euler: halving the steps halves the error, with a second-order term of about a per cent. A grid uniform in t
 * that starts at the clean image is another matter: r grows as sqrt(t) there, the sum of (step in r)^2 as log(n)/n, and the
 * ratio is 2 log n / log 2n, about 1.7 to 1.8 at these n. binary32's rounding, 2^-24 a step, is under 1 per cent of
 * the error at 384 steps. */
static void inversion_is_first_order(void)
{
    int grid[400];
    double inner[4][3], clean[4][3];
    Schedule *S = schedule_sd();
    for (int k = 0; k < 4; k++) {
        const int steps = 48 << k;
        for (int i = 0; i <= steps; i++) grid[i] = 128 + 768 / steps * i;
        walk_errors(inner[k], S, grid, steps + 1);
        const int count = invert_grid_sdi(grid, 768, steps);
        walk_errors(clean[k], S, grid, count);
    }
    for (int w = 0; w < 3; w++) {
        for (int k = 0; k < 3; k++) {
            CHECK_LE(fabs(inner[k][w] / inner[k + 1][w] - 2.0), 0.05, "128..896, walk %d, %d steps: %g", w, 48 << k, inner[k][w]);
            CHECK_LE(fabs(clean[k][w] / clean[k + 1][w] - 1.75), 0.1, "from -1, walk %d, %d steps: %g", w, 48 << k, clean[k][w]);
        }
    }
    schedule_free(S);
}

/* Ten Euler steps from level 0 to t, then x0hat: (x0hat - mu)/(x0 - mu), worked out apart from this code; the exact
 * inversion gives a_t q / sqrt(v) = .2952 and .6583. */
static void inversion_known_answers(void)
{
    static const struct { int t; double euler, exact; } known[] = { { 500, .2625, .2952 }, { 200, .6294, .6583 } };
    Schedule *S = schedule_sd();
    for (int k = 0; k < 2; k++) {
        int grid[16];
        const int t = known[k].t, count = invert_grid_ism(grid, t, t / 10);
        real x = sched_alpha(S, 0) * R(1.1), e, x0;
        walk(&x, S, grid, count, 1);
        gaussian_eps(&e, &x, S, t, 1);
        to_x0(&x0, &x, &e, S, t, 1);
        CHECK_LE(fabs(((double)x0 - data_mu) / (1.1 - data_mu) - known[k].euler), 0.51e-4, "t %d, Euler", t);
        const double a = sqrt(sched_abar64(S, t));
        CHECK_LE(fabs(a * data_q / sqrt(spread(S, t)) - known[k].exact), 0.51e-4, "t %d, exact", t);
    }
    schedule_free(S);
}

/* DDIM carried in x0: x0(s) = x0(t) - r_s (eps(a_s x0(t) + s_s e_t, s) - e_t) is DDIM in x_t, step for step.
 * The two differ by rounding: 4 roundings a step of numbers up to r |e|, summed over 50 steps: 50 * 4 * 14.6 * 2
 * half-ulps at most, 3e-4 in binary32, 7e-13 in binary64. */
static void ddim_in_x0_space(void)
{
    enum { N = 3 };
    Err err = { 0 };
    int t[50];
    real z[N] = { R(1.3), R(-0.4), R(2.1) }, e[N], x0[N], zx[N], ex[N], next[N], hat[N];
    Schedule *S = schedule_sd();
    CHECK_OK(inference_timesteps(t, S, 50, &err), &err);
    gaussian_eps(e, z, S, t[0], N);
    to_x0(x0, z, e, S, t[0], N);
    memcpy(ex, e, sizeof ex);
    for (int k = 1; k < 50; k++) {
        ddim_move(z, e, S, t[k - 1], t[k], N);
        gaussian_eps(e, z, S, t[k], N);
        to_x0(hat, z, e, S, t[k], N);
        diffuse(zx, x0, ex, S, t[k], N);
        gaussian_eps(next, zx, S, t[k], N);
        for (int i = 0; i < N; i++) {
            x0[i] = x0[i] - sched_r(S, t[k]) * (next[i] - ex[i]);
            CHECK_LE(fabs((double)(x0[i] - hat[i])), REAL_EPS < R(1e-10) ? 1e-12 : 3e-4, "step %d", k);
        }
        memcpy(ex, next, sizeof ex);
    }
    schedule_free(S);
}

int main(void)
{
    TEST(grids_by_hand);
    TEST(moves_against_pytorch);
    TEST(inversion_is_first_order);
    TEST(inversion_known_answers);
    TEST(ddim_in_x0_space);
    return test_end();
}
