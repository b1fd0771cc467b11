/* t_ism_cds.c -- ISM and CDS, whose second prediction lies on one trajectory with the first: closed forms on Gaussian data
 *
 * Tolerances count roundings, of the way up to t more than of one prediction: each move divides by alpha, and r_t multiplies what is left.
 */
#include "tests/gaussian.h"

static void straight_paths_have_no_gradient(void)
{
    Setup s;
    setup(&s);
    s.g.flat = 1;
    real x0[N], noise[N], grad[N];
    draw(x0, 1, N);
    draw(noise, 2, N);
    CHECK_OK(estimate(grad, x0, ism_grad, &(Step){ .t = 500, .s = 330, .delta_s = 100, .guidance = R(7.5), .noise = noise }, &s), &s.err);
    for (int j = 0; j < N; j++) CHECK(grad[j] == 0, "ISM, value %d: %g", j, (double)grad[j]);
    CHECK_OK(estimate(grad, x0, cds_grad, &(Step){ .t = 500, .s = 330, .guidance = R(7.5), .weight = WEIGHT_UNIFORM, .noise = noise }, &s), &s.err);
    for (int j = 0; j < N; j++) CHECK(grad[j] == 0, "CDS, value %d: %g", j, (double)grad[j]);
    teardown(&s);
}

/* Every move of the inversion without a prompt, the prediction at s from there too, guidance away from the negative prompt. The way up divides
 * by alpha and multiplies by r: 30 roundings of values of size r_t (4 s + 10). */
static void ism_is_its_closed_form(void)
{
    static const struct { int t, s, delta, moves; } cases[] = { { 500, 330, 100, 4 }, { 500, 400, 200, 2 }, { 40, 1, 200, 1 }, { 2, 1, 1, 1 } };
    Setup s;
    setup(&s);
    real x0[N], noise[N], grad[N];
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < 4; i++) {
        const int t = cases[i].t, low = cases[i].s;
        const Step p = { .t = t, .s = low, .delta_s = cases[i].delta, .guidance = R(7.5), .noise = noise };
        CHECK_OK(estimate(grad, x0, ism_grad, &p, &s), &s.err);
        CHECK(s.g.calls[COND_NULL] == cases[i].moves + 1 && s.g.calls[COND_TEXT] == 1 && s.g.calls[COND_NEGATIVE] == 1, "calls of case %d", i);
        for (int j = 0; j < N; j++) {
            double x = alpha64(s.S, 0) * (double)x0[j] + sigma64(s.S, 0) * (double)noise[j], e;
            for (int from = 0; from < low; from += cases[i].delta) {
                const int to = from + cases[i].delta < low ? from + cases[i].delta : low;
                x = move64(s.S, x, eps64(&s.g, COND_NULL, x, from), from, to);
            }
            e = eps64(&s.g, COND_NULL, x, low);
            x = move64(s.S, x, e, low, t);
            const double want = r64(s.S, t) * (cfg64(&s.g, COND_NEGATIVE, x, t, 7.5) - e);
            CHECK_NEAR(grad[j], want, 30, r64(s.S, t) * size_of(7.5), "t %d, s %d", t, low);
        }
    }
    static const int refused[][2] = { { 500, 0 }, { 500, 500 }, { 500, 501 }, { 500, -1 } };
    for (int i = 0; i < 4; i++) {
        check_refused(x0, ism_grad, &(Step){ .t = refused[i][0], .s = refused[i][1], .delta_s = 100, .noise = noise }, "expected 1 to 499", &s);
        CHECK(s.g.asked == 0, "%d predictions before it is refused", s.g.asked);
    }
    teardown(&s);
}

/* alpha sqrt(1 + r^2) = 1, so x_t = alpha v. At small s the step back to it multiplies rounding by r_t. */
static void cds_is_its_closed_form(void)
{
    static const int pairs[][2] = { { 500, 400 }, { 980, 700 }, { 40, 20 }, { 100, 0 } };
    Setup s;
    setup(&s);
    real x0[N], noise[N], grad[N], other[N];
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < 4; i++) {
        const int t = pairs[i][0], low = pairs[i][1];
        Step p = { .t = t, .s = low, .guidance = R(3.0), .weight = WEIGHT_SDS, .noise = noise };
        CHECK_OK(estimate(grad, x0, cds_grad, &p, &s), &s.err);
        p.cds_sign = CDS_OPPOSITE;
        CHECK_OK(estimate(other, x0, cds_grad, &p, &s), &s.err);
        const double w = 1 - sched_abar64(s.S, t), rt = r64(s.S, t), rs = r64(s.S, low);
        for (int j = 0; j < N; j++) {
            const double vt = (double)x0[j] + rt * (double)noise[j], et = cfg64(&s.g, COND_NULL, vt / sqrt(1 + rt * rt), t, 3);
            const double vs = vt + (rs - rt) * et, es = cfg64(&s.g, COND_NULL, vs / sqrt(1 + rs * rs), low, 3);
            CHECK_NEAR(grad[j], w * (et - es), 30, w * (1 + rt) * size_of(3), "t %d, s %d", t, low);
            CHECK(other[j] == -grad[j], "the other sign");
        }
    }
    for (int low = 500; low <= 501; low++) {
        check_refused(x0, cds_grad, &(Step){ .t = 500, .s = low, .noise = noise }, "expected below t, 500", &s);
        CHECK(s.g.asked == 0, "%d predictions before it is refused", s.g.asked);
    }
    teardown(&s);
}

int main(void)
{
    TEST(straight_paths_have_no_gradient);
    TEST(ism_is_its_closed_form);
    TEST(cds_is_its_closed_form);
    return test_end();
}
