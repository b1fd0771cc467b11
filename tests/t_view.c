/* t_view.c -- timestep policies and views, against hand tables and distributions that are known */
#include "sampler/timestep.h"
#include "sampler/view.h"
#include "tensor/rng.h"
#include "tests/harness.h"

/* ---- timesteps ---- */

static void timestep_policies(void)
{
    static const struct { TimestepPolicy p; long step, steps; double u; int t; } known[] = {
        { { TIMESTEP_UNIFORM, .02, .98, 0, 0 }, 7, 10, 0.0, 20 },            /* 961 values, both ends reached */
        { { TIMESTEP_UNIFORM, .02, .98, 0, 0 }, 7, 10, 1.0 - 0x1p-53, 980 },
        { { TIMESTEP_UNIFORM, .02, .98, 0, 0 }, 7, 10, 0.5, 500 },           /* 20 + floor(480.5) */
        { { TIMESTEP_UNIFORM, .02, .98, 0, 0 }, 7, 10, 1.5 / 961, 21 },
        { { TIMESTEP_UNIFORM, .5, .5, 0, 0 }, 0, 1, 0.9, 500 },
        { { TIMESTEP_UNIFORM, 0, 1, 0, 0 }, 0, 1, 0.9999, 999 },             /* int(1000) is clamped */
        { { TIMESTEP_LINEAR, .25, .98, 0, 0 }, 0, 10000, 0, 980 },
        { { TIMESTEP_LINEAR, .25, .98, 0, 0 }, 1, 10000, 0, 979 },           /* 979.927 */
        { { TIMESTEP_LINEAR, .25, .98, 0, 0 }, 13, 10000, 0, 979 },          /* 979.051 */
        { { TIMESTEP_LINEAR, .25, .98, 0, 0 }, 14, 10000, 0, 978 },          /* 978.978 */
        { { TIMESTEP_LINEAR, .25, .98, 0, 0 }, 2500, 10000, 0, 797 },        /* 797.5 */
        { { TIMESTEP_LINEAR, .25, .98, 0, 0 }, 9999, 10000, 0, 250 },
        { { TIMESTEP_LINEAR, .25, .98, 0, 0 }, 20000, 10000, 0, 250 },       /* stays at the end */
        { { TIMESTEP_LINEAR, .2, 1, 0, 0 }, 0, 100, 0, 999 },
        { { TIMESTEP_HIFA, .3, .98, 0, 0 }, 0, 25000, 0, 980 },
        { { TIMESTEP_HIFA, .3, .98, 0, 0 }, 1, 25000, 0, 975 },              /* 980 - 680 / 158.11 */
        { { TIMESTEP_HIFA, .3, .98, 0, 0 }, 100, 25000, 0, 936 },            /* 980 - 43.007 */
        { { TIMESTEP_HIFA, .3, .98, 0, 0 }, 12500, 25000, 0, 499 },          /* 499.167 */
        { { TIMESTEP_HIFA, .3, .98, 0, 0 }, 25000, 25000, 0, 300 },
        { { TIMESTEP_SQRT, .32, .98, 0, 0 }, 1, 10000, 0, 973 },             /* 973.4 */
        { { TIMESTEP_SQRT, .32, .98, 0, 0 }, 5000, 10000, 0, 513 },          /* 513.31 */
        { { TIMESTEP_SQRT, .32, .98, 0, 0 }, 100, 10000, 0, 913 },           /* 914 exactly, */
        { { TIMESTEP_HIFA, .32, .98, 0, 0 }, 100, 10000, 0, 914 },           /* and binary64 tells the two forms apart */
        { { TIMESTEP_TWO_STAGE, .02, .98, .5, .2 }, 4999, 25000, 1.0 - 0x1p-53, 980 },
        { { TIMESTEP_TWO_STAGE, .02, .98, .5, .2 }, 5000, 25000, 1.0 - 0x1p-53, 500 },
        { { TIMESTEP_TWO_STAGE, .02, .98, .5, .2 }, 5000, 25000, 0.0, 20 },
        { { TIMESTEP_TWO_STAGE, .02, .98, .5, .2 }, 5000, 25000, 0.5, 260 }, /* 20 + floor(240.5) */
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        Err err = { 0 };
        CHECK_OK(timestep_policy_check(&known[i].p, &err), &err);
        const int t = timestep_at(&known[i].p, 1000, known[i].step, known[i].steps, known[i].u);
        CHECK(t == known[i].t, "row %zu: %d, expected %d", i, t, known[i].t);
    }
    int hits[3] = { 0, 0, 0 };                             /* equally likely: 3000 even draws over 20, 21, 22 */
    for (int i = 0; i < 3000; i++) {
        const int t = timestep_uniform(1000, .02, .022, (i + 0.5) / 3000.0);
        if (t >= 20 && t <= 22) hits[t - 20]++;
    }
    CHECK(hits[0] == 1000 && hits[1] == 1000 && hits[2] == 1000, "%d %d %d", hits[0], hits[1], hits[2]);
}

static void timestep_refuses(void)
{
    static const TimestepPolicy bad[] = {
        { TIMESTEP_UNIFORM, .5, .4, 0, 0 }, { TIMESTEP_LINEAR, -.1, .4, 0, 0 }, { TIMESTEP_SQRT, .1, 1.1, 0, 0 },
        { TIMESTEP_HIFA, (double)NAN, .4, 0, 0 }, { TIMESTEP_TWO_STAGE, .1, .4, .05, .5 }, { TIMESTEP_TWO_STAGE, .1, .4, .5, 2 } };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Err err = { 0 };
        CHECK(timestep_policy_check(&bad[i], &err) == -1 && err.set, "bad policy %zu was taken", i);
    }
    Err err = { 0 };
    TimestepKind kind = TIMESTEP_UNIFORM;
    CHECK(timestep_kind_parse(&kind, "two-stage", &err) == 0 && kind == TIMESTEP_TWO_STAGE, "two-stage");
    CHECK(timestep_kind_parse(&kind, "cosine", &err) == -1 && strstr(err.msg, "hifa") != NULL, "%s", err.msg);
}

static void ramps_by_hand(void)
{
    static const double four[] = { 100, 2, 8, 300 }, three[] = { 0, 10, 1000 }, step_function[] = { 5000, .98, .5, 5001 };
    static const double six[] = { 0, 1, 3, 10, 0, 30 }, eight[] = { 0, 0, 4, 4, 4, 8, 0, 16 };
    static const struct { const double *c; int count; double step, value; } known[] = {
        { four, 4, 0, 2 }, { four, 4, 100, 2 }, { four, 4, 150, 3.5 }, { four, 4, 300, 8 }, { four, 4, 1e9, 8 },
        { three, 3, 0, 0 }, { three, 3, 250, 2.5 }, { three, 3, 2000, 10 },
        { step_function, 4, 4999, .98 }, { step_function, 4, 5000, .98 }, { step_function, 4, 5001, .5 },
        { six, 6, -5, 1 }, { six, 6, 5, 2 }, { six, 6, 10, 3 }, { six, 6, 20, 1.5 }, { six, 6, 30, 0 }, { six, 6, 99, 0 },
        { eight, 8, 2, 2 }, { eight, 8, 6, 4 }, { eight, 8, 8, 4 }, { eight, 8, 12, 2 }, { eight, 8, 16, 0 }, { eight, 8, 20, 0 } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        Err err = { 0 };
        CHECK_OK(ramp_check(known[i].c, known[i].count, &err), &err);
        const double value = ramp_at(known[i].c, known[i].count, known[i].step);
        CHECK_LE(fabs(value - known[i].value), 1e-15, "row %zu: %g, expected %g", i, value, known[i].value);
    }
    static const double falls[] = { 0, 1, 3, 10, 0, 10 }, infinite[] = { 0, 1, (double)INFINITY, 10 };
    Err err = { 0 };
    CHECK(ramp_check(six, 5, &err) == -1 && ramp_check(six, 2, &err) == -1, "a wrong count was taken");
    CHECK(ramp_check(falls, 6, &err) == -1 && ramp_check(infinite, 4, &err) == -1, "a bad schedule was taken");
}

/* ---- views ---- */

static void view_labels_by_hand(void)
{
    static const struct { double elevation, azimuth; ViewLabel four, five; } known[] = {
        { 0, 0, VIEW_FRONT, VIEW_FRONT },        { 0, 44.9, VIEW_FRONT, VIEW_FRONT },    { 0, -44.9, VIEW_FRONT, VIEW_FRONT },
        { 0, 45, VIEW_SIDE, VIEW_LEFT },         { 0, -45, VIEW_SIDE, VIEW_RIGHT },      { 0, 90, VIEW_SIDE, VIEW_LEFT },
        { 0, -90, VIEW_SIDE, VIEW_RIGHT },       { 0, 270, VIEW_SIDE, VIEW_RIGHT },      { 0, 135, VIEW_SIDE, VIEW_LEFT },
        { 0, -135, VIEW_SIDE, VIEW_RIGHT },      { 0, 135.1, VIEW_BACK, VIEW_BACK },     { 0, -135.1, VIEW_BACK, VIEW_BACK },
        { 0, 180, VIEW_BACK, VIEW_BACK },        { 0, -180, VIEW_BACK, VIEW_BACK },      { 0, 540, VIEW_BACK, VIEW_BACK },
        { 0, 360, VIEW_FRONT, VIEW_FRONT },      { 0, -405, VIEW_SIDE, VIEW_RIGHT },     { 0, 405, VIEW_SIDE, VIEW_LEFT },
        { 60, 0, VIEW_FRONT, VIEW_FRONT },       { 60, 90, VIEW_SIDE, VIEW_LEFT },       { 60.1, 0, VIEW_OVERHEAD, VIEW_OVERHEAD },
        { 60.1, 90, VIEW_OVERHEAD, VIEW_OVERHEAD }, { 90, 180, VIEW_OVERHEAD, VIEW_OVERHEAD }, { -89, 180, VIEW_BACK, VIEW_BACK } };
    const ViewThresholds th = view_thresholds_default();
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const real el = (real)known[i].elevation, az = (real)known[i].azimuth;
        CHECK(view_label(el, az, &th) == known[i].four, "row %zu: %s", i, view_label_name(view_label(el, az, &th)));
        CHECK(view_label_lr(el, az, &th) == known[i].five, "row %zu: %s", i, view_label_name(view_label_lr(el, az, &th)));
    }
    const ViewThresholds narrow = { R(30.0), R(30.0), R(60.0) }, wide = { R(100.0), R(100.0), R(60.0) };
    CHECK(view_label(R(0.0), R(40.0), &narrow) == VIEW_SIDE && view_label(R(0.0), R(-160.0), &narrow) == VIEW_BACK, "30 degrees");
    CHECK(view_label(R(0.0), R(90.0), &wide) == VIEW_BACK, "the later rule wins");
}

static void azimuths_wrap(void)
{
    static const struct { double in, out; } known[] = {
        { 0, 0 }, { 180, -180 }, { -180, -180 }, { 181, -179 }, { -181, 179 }, { 360, 0 }, { 540, -180 }, { -540, -180 },
        { 179.5, 179.5 }, { 359.75, -0.25 }, { 1080.5, 0.5 }, { -1000.25, 79.75 } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        CHECK((double)wrap_azimuth((real)known[i].in) == known[i].out, "%g", known[i].in);
    for (int i = 1; i <= 100; i++) {                           /* the numbers next to 180, on either side, and a turn on */
        const real d = (real)i * R(128.0) * REAL_EPS, d2 = R(4.0) * d;
        CHECK(wrap_azimuth(R(180.0) - d) == R(180.0) - d && wrap_azimuth(R(-180.0) + d) == R(-180.0) + d, "inside, %d", i);
        CHECK(wrap_azimuth(R(180.0) + d) == R(-180.0) + d && wrap_azimuth(R(-180.0) - d) == R(180.0) - d, "outside, %d", i);
        CHECK(wrap_azimuth(R(540.0) - d2) == R(180.0) - d2 && wrap_azimuth(R(-540.0) - d2) == R(180.0) - d2, "a turn on, %d", i);
    }
    CHECK(isnan(wrap_azimuth((real)NAN)), "NaN was replaced");
}

static const ViewRange sdi_range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(1.5), R(2.0), R(40.0), R(70.0) };

static int same_view(const View *a, const View *b)
{
    return a->elevation == b->elevation && a->azimuth == b->azimuth && a->distance == b->distance && a->fovy == b->fovy;
}

static void views_follow_their_mode(void)
{
    const ViewMode modes[] = { VIEWS_INDEPENDENT, VIEWS_STRATIFIED, VIEWS_ANTIPODAL };
    for (int m = 0; m < 3; m++) {
        for (uint32_t step = 0; step < 300; step++) {
            const int K = 1 + (int)(step % 5);
            View v[5], again[5];
            view_sample(v, K, &sdi_range, modes[m], 7, step);
            view_sample(again, K, &sdi_range, modes[m], 7, step);
            for (int k = 0; k < K; k++) {
                CHECK(same_view(&v[k], &again[k]), "not a function of its arguments");
                CHECK(v[k].azimuth >= R(-180.0) && v[k].azimuth < R(180.0), "azimuth %g", (double)v[k].azimuth);
                CHECK(v[k].elevation >= R(-10.0) && v[k].elevation <= R(45.0), "elevation %g", (double)v[k].elevation);
                const RngAt at = { 7, (uint32_t)k, step, RNG_CAMERA };
                CHECK(v[k].distance == (real)(1.5 + 0.5 * rng_uniform_at(at, 3)), "distance of view %d", k);
                CHECK(v[k].fovy == (real)(40.0 + 30.0 * rng_uniform_at(at, 4)), "fovy of view %d", k);
                if (modes[m] != VIEWS_ANTIPODAL) {
                    const double low = sin(-10.0 * D_PI / 180.0), high = sin(45.0 * D_PI / 180.0), u = rng_uniform_at(at, 2);
                    const double el = (double)v[k].elevation, area = asin(low + (high - low) * u) * 180.0 / D_PI;
                    CHECK_LE(fabs(el - (rng_uniform_at(at, 1) < 0.5 ? -10.0 + 55.0 * u : area)), 45.0 * (double)REAL_EPS,
                             "view %d", k);
                }
                if (modes[m] == VIEWS_INDEPENDENT)
                    CHECK(v[k].azimuth == (real)(-180.0 + 360.0 * rng_uniform_at(at, 0)), "azimuth of view %d", k);
                if (modes[m] == VIEWS_STRATIFIED)               /* its own part of the circle */
                    CHECK(v[k].azimuth >= R(-180.0) + R(360.0) * (real)k / (real)K - R(1e-3)
                          && v[k].azimuth <= R(-180.0) + R(360.0) * (real)(k + 1) / (real)K + R(1e-3), "view %d of %d", k, K);
                if (modes[m] == VIEWS_ANTIPODAL && k % 2 == 1) {
                    CHECK_LE(fabs(fabs((double)(v[k].azimuth - v[k - 1].azimuth)) - 180.0), 3e-5, "pair at %d", k);
                    CHECK(v[k].elevation == v[k - 1].elevation, "pair at %d", k);
                    CHECK(v[k].distance != v[k - 1].distance, "pair at %d shares its distance", k);
                }
            }
            if (modes[m] == VIEWS_ANTIPODAL && K % 2 == 1) {
                CHECK(v[K - 1].elevation == v[0].elevation, "odd view");
                if (K > 1) CHECK(v[K - 1].azimuth != v[0].azimuth, "odd view has its own azimuth");
            }
        }
    }
    View two[2], four[4], other[2];
    view_sample(two, 2, &sdi_range, VIEWS_ANTIPODAL, 3, 5);
    view_sample(four, 4, &sdi_range, VIEWS_ANTIPODAL, 3, 5);
    CHECK(same_view(&two[0], &four[0]) && same_view(&two[1], &four[1]), "K = 2 does not begin K = 4");
    CHECK(four[2].azimuth != four[0].azimuth && four[2].elevation != four[0].elevation, "two pairs are alike");
    view_sample(other, 2, &sdi_range, VIEWS_ANTIPODAL, 3, 6);
    CHECK(!same_view(&two[0], &other[0]), "two steps are alike");
}

/* Where the camera stands, from the centre at distance 1 */
static void stands(double p[3], const View *v)
{
    const double el = (double)v->elevation * D_PI / 180.0, az = (double)v->azimuth * D_PI / 180.0;
    p[0] = cos(el) * cos(az);
    p[1] = cos(el) * sin(az);
    p[2] = sin(el);
}

/* p . q = cosine; a camera is off by a rounding of 180 degrees and one of the sum. */
static void check_apart(const View *a, const View *b, double cosine, const char *what)
{
    double p[3], q[3];
    stands(p, a);
    stands(q, b);
    CHECK_LE(fabs(p[0] * q[0] + p[1] * q[1] + p[2] * q[2] - cosine), 8.0 * (double)REAL_EPS, "%s", what);
}

/* The first of a group draws at its own place, uniform in degrees from lo to hi. */
static void check_first(const View *v, uint32_t k, uint32_t step, double lo, double hi)
{
    const RngAt at = { 7, k, step, RNG_CAMERA };
    CHECK(v->azimuth == (real)(-180.0 + 360.0 * rng_uniform_at(at, 0)), "azimuth of view %u", k);
    CHECK_LE(fabs((double)v->elevation - (lo + (hi - lo) * rng_uniform_at(at, 2))), 45.0 * (double)REAL_EPS, "elevation of view %u", k);
}

static void groups_have_their_geometry(void)
{
    static const struct { ViewMode mode; int group; } size[] = { { VIEWS_INDEPENDENT, 1 }, { VIEWS_STRATIFIED, 1 }, { VIEWS_ANTIPODAL, 2 },
                                                                 { VIEWS_NEGATED, 2 }, { VIEWS_QUADRUPLE, 4 }, { VIEWS_OCTAHEDRAL, 6 } };
    ViewRange low = sdi_range;
    low.elevation_min = R(-30.0);
    low.elevation_max = R(12.0);
    for (int m = 0; m < 6; m++) CHECK(view_group(size[m].mode) == size[m].group, "mode %d", m);
    for (uint32_t step = 0; step < 200; step++) {
        View v[12], begun[9];
        view_sample(v, 12, &sdi_range, VIEWS_NEGATED, 7, step);
        for (uint32_t k = 0; k < 12; k += 2) {
            check_first(&v[k], k, step, -10, 10);              /* of -10..45 its negation shares -10..10 */
            check_apart(&v[k], &v[k + 1], -1, "negated");
        }
        view_sample(v, 2, &low, VIEWS_NEGATED, 7, step);
        check_first(&v[0], 0, step, -12, 12);
        view_sample(v, 12, &sdi_range, VIEWS_QUADRUPLE, 7, step);
        for (uint32_t k = 0; k < 12; k += 4) {
            check_first(&v[k], k, step, -10, 45);
            CHECK(v[k + 1].elevation == v[k].elevation, "the pair's elevation");
            CHECK_LE(fabs(fabs((double)(v[k + 1].azimuth - v[k].azimuth)) - 180.0), 3e-5, "pair at %u", k);
            CHECK(v[k + 2].azimuth == (real)(-180.0 + 360.0 * rng_uniform_at((RngAt){ 7, k + 2, step, RNG_CAMERA }, 0)), "an azimuth of its own");
            CHECK(v[k + 3].azimuth == v[k + 2].azimuth && v[k + 2].elevation == R(45.0) && v[k + 3].elevation == R(-10.0), "above and below");
        }
        view_sample(v, 12, &sdi_range, VIEWS_OCTAHEDRAL, 7, step);
        for (uint32_t k = 0; k < 12; k += 6) {
            check_first(&v[k], k, step, 0, 0);
            for (uint32_t i = 0; i < 4; i++) CHECK(v[k + i].elevation == 0, "view %u is not at the horizon", k + i);
            check_apart(&v[k], &v[k + 1], -1, "a and a + 180");
            check_apart(&v[k + 2], &v[k + 3], -1, "a + 90 and a + 270");
            check_apart(&v[k], &v[k + 2], 0, "a and a + 90");
            CHECK(v[k + 4].elevation == R(45.0) && v[k + 5].elevation == R(-10.0) && v[k + 4].azimuth != v[k + 5].azimuth, "the poles of the range");
            CHECK(v[k + 4].azimuth == (real)(-180.0 + 360.0 * rng_uniform_at((RngAt){ 7, k + 4, step, RNG_CAMERA }, 0)), "an azimuth of its own");
        }
        for (int m = 3; m < 6; m++) {
            view_sample(v, 12, &sdi_range, size[m].mode, 7, step);
            view_sample(begun, 9, &sdi_range, size[m].mode, 7, step);
            for (int k = 0; k < 9; k++) CHECK(same_view(&v[k], &begun[k]), "mode %d: a group cut short is not its beginning", m);
            for (int k = 0; k < 12; k++) {
                CHECK(v[k].azimuth >= R(-180.0) && v[k].azimuth < R(180.0), "mode %d: azimuth %g", m, (double)v[k].azimuth);
                for (int j = 0; j < k; j++) CHECK(v[j].distance != v[k].distance && v[j].fovy != v[k].fovy, "mode %d: distances are shared", m);
            }
        }
    }
}

/* P(elevation <= x) = (x + 10)/110 + (sin x - sin -10)/(2 (sin 45 - sin -10)), and azimuths are even. A share of 20000
 * draws is off by 0.0035 at one sigma; 4 sigma. */
static void view_distribution(void)
{
    enum { DRAWS = 20000 };
    static const double at[] = { 0.0, 10.0, 20.0, 35.0 };
    int below[4] = { 0 }, sector[4] = { 0 };
    for (uint32_t step = 0; step < DRAWS; step++) {
        View v;
        view_sample(&v, 1, &sdi_range, VIEWS_INDEPENDENT, 11, step);
        for (int i = 0; i < 4; i++) below[i] += (double)v.elevation <= at[i];
        sector[(int)(((double)v.azimuth + 180.0) / 90.0)]++;
    }
    const double s0 = sin(-10.0 * D_PI / 180.0), s1 = sin(45.0 * D_PI / 180.0);
    for (int i = 0; i < 4; i++) {
        const double p = (at[i] + 10.0) / 110.0 + (sin(at[i] * D_PI / 180.0) - s0) / (2.0 * (s1 - s0));
        CHECK_LE(fabs((double)below[i] / DRAWS - p), 4.0 * 0.0036,
                 "elevation up to %g: %g, expected %g", at[i], (double)below[i] / DRAWS, p);
        CHECK_LE(fabs((double)sector[i] / DRAWS - 0.25), 4.0 * 0.0031, "sector %d", i);
    }
}

/* ---- jitter and light ---- */

static const JitterScale as_threestudio = { R(0.1), R(0.2), R(0.02) };

/* Every number from its own address, by the formulas of view.h. */
static void jitter_is_addressed(void)
{
    static const JitterScale none = { 0 };
    for (uint32_t step = 0; step < 200; step++)
        for (uint32_t k = 0; k < 3; k++) {
            const RngAt at = { 7, k, step, RNG_CAMERA };
            View v[3], again[3];
            ViewJitter j, still;
            double p[3], direction[3], n = 0;
            view_sample(v, 3, &sdi_range, VIEWS_INDEPENDENT, 7, step);
            view_jitter(&j, &v[k], &as_threestudio, 7, k, step);
            view_jitter(&still, &v[k], &none, 7, k, step);
            view_sample(again, 3, &sdi_range, VIEWS_INDEPENDENT, 7, step);
            CHECK(same_view(&v[k], &again[k]), "the view changed");
            stands(p, &v[k]);
            for (uint32_t i = 0; i < 3; i++) {
                const double a = (double)R(0.1), s = (double)R(0.2), tilt = (double)R(0.02);
                CHECK(j.offset[i] == (real)(a * (2 * rng_uniform_at(at, 5 + i) - 1)), "offset %u of view %u", i, k);
                CHECK(j.target[i] == (real)(s * rng_normal_at(at, 8 + i)), "target %u of view %u", i, k);
                CHECK(j.up[i] == (real)(tilt * rng_normal_at(at, 12 + i)), "up %u of view %u", i, k);
                CHECK(still.offset[i] == 0 && still.target[i] == 0 && still.up[i] == 0, "scale 0");
                direction[i] = p[i] * (double)v[k].distance + (double)j.offset[i] + rng_normal_at(at, 16 + i);
                n += direction[i] * direction[i];
            }
            const double distance = 0.8 + 0.7 * rng_uniform_at(at, 20);
            for (int i = 0; i < 3; i++)
                CHECK_LE(fabs((double)j.light[i] - distance * direction[i] / sqrt(n)), 2 * (double)REAL_EPS + 1e-14, "light %d of view %u", i, k);
        }
}

enum { JITTERS = 20000, NUMBERS = 14 };
/* A view's numbers and its jitter's, centred and at most some units large. */
static void numbers_of(double x[NUMBERS], uint32_t step)
{
    View v;
    ViewJitter j;
    double square = 0;
    view_sample(&v, 1, &sdi_range, VIEWS_INDEPENDENT, 5, step);
    view_jitter(&j, &v, &as_threestudio, 5, 0, step);
    for (int i = 0; i < 3; i++) {
        x[i] = (double)j.offset[i] / 0.1;
        x[3 + i] = (double)j.target[i] / 0.2;
        x[6 + i] = (double)j.up[i] / 0.02;
        square += (double)j.light[i] * (double)j.light[i];
    }
    x[9] = (sqrt(square) - 1.15) / 0.35;
    x[10] = (double)v.azimuth / 180;
    x[11] = ((double)v.elevation - 17.5) / 27.5;
    x[12] = ((double)v.distance - 1.75) / 0.25;
    x[13] = ((double)v.fovy - 55) / 15;
}

/* Offsets and the light's distance are uniform on [-1,1] in those units: means 0 and 1/3 of x and x^2, variances 1/3 and 4/45; target and up are
 * normal: means 0, 1, 3 of x, x^2, x^4, variances 1, 2, 96. Means of N draws: 5 sigma. */
static void jitter_distribution(void)
{
    static double sum[NUMBERS], square[NUMBERS], fourth[NUMBERS];
    for (uint32_t step = 0; step < JITTERS; step++) {
        double x[NUMBERS];
        numbers_of(x, step);
        for (int i = 0; i < NUMBERS; i++) {
            sum[i] += x[i] / JITTERS;
            square[i] += x[i] * x[i] / JITTERS;
            fourth[i] += x[i] * x[i] * x[i] * x[i] / JITTERS;
            if (i < 3 || i > 8) CHECK_LE(fabs(x[i]), 1 + 8 * (double)REAL_EPS, "number %d is out of its range", i);
        }
    }
    const double sigmas = 5 / sqrt(JITTERS);
    for (int i = 0; i < 10; i++) {
        const int uniform = i < 3 || i == 9;
        CHECK_LE(fabs(sum[i]), sigmas * sqrt(uniform ? 1 / 3.0 : 1), "mean of number %d", i);
        CHECK_LE(fabs(square[i] - (uniform ? 1 / 3.0 : 1)), sigmas * sqrt(uniform ? 4 / 45.0 : 2), "mean square of number %d", i);
        if (!uniform) CHECK_LE(fabs(fourth[i] - 3), sigmas * sqrt(96), "fourth moment of number %d", i);
    }
}

/* No two draws share a word: neither the numbers nor their squares are correlated, neither of a view nor of two steps. The
 * correlation of N independent draws is off 0 by 1/sqrt(N) at one sigma; 5 sigma. */
static void jitter_is_independent(void)
{
    static double x[2 * NUMBERS][JITTERS];
    for (uint32_t step = 0; step < JITTERS; step++) {
        double at[NUMBERS];
        numbers_of(at, step);
        for (int i = 0; i < NUMBERS; i++) {
            x[i][step] = at[i];
            x[NUMBERS + i][step] = at[i] * at[i];
        }
    }
    for (int i = 0; i < 2 * NUMBERS; i++) {
        double mean = 0, square = 0;
        for (int n = 0; n < JITTERS; n++) mean += x[i][n] / JITTERS;
        for (int n = 0; n < JITTERS; n++) square += (x[i][n] - mean) * (x[i][n] - mean) / JITTERS;
        for (int n = 0; n < JITTERS; n++) x[i][n] = (x[i][n] - mean) / sqrt(square);
    }
    for (int i = 0; i < 2 * NUMBERS; i++)
        for (int j = 0; j <= i; j++) {
            double same = 0, next = 0;
            for (int n = 0; n < JITTERS; n++) same += x[i][n] * x[j][n] / JITTERS;
            for (int n = 1; n < JITTERS; n++) next += x[i][n] * x[j][n - 1] / JITTERS;
            if (i % NUMBERS != j % NUMBERS) CHECK_LE(fabs(same), 5 / sqrt(JITTERS), "features %d and %d", i, j);
            CHECK_LE(fabs(next), 5 / sqrt(JITTERS), "features %d and %d of two steps", i, j);
        }
}

/* Light in the direction of p + n, |p| = r, n normal: the cosine to p has mean d/dr E|p + n| = (1 - 1/r^2) erf(r/sqrt 2) + sqrt(2/pi) e^(-r^2/2)/r,
 * a variance of at most (1 - m)(1 + m), and is negative with probability erfc(r/sqrt 2)/2; across p the mean is 0. 5 sigma. */
static void light_distribution(void)
{
    static const JitterScale none = { 0 };
    static const double r[] = { 0.7, 1.5, 2.5 };
    for (int i = 0; i < 3; i++) {
        const View v = { R(25.0), R(-70.0), (real)r[i], R(40.0) };
        const double m = (1 - 1 / (r[i] * r[i])) * erf(r[i] / sqrt(2)) + sqrt(2 / D_PI) * exp(-r[i] * r[i] / 2) / r[i];
        const double behind = erfc(r[i] / sqrt(2)) / 2, sigmas = 5 / sqrt(JITTERS);
        double p[3], along = 0, across[3] = { 0 }, share = 0;
        stands(p, &v);
        for (uint32_t step = 0; step < JITTERS; step++) {
            ViewJitter j;
            view_jitter(&j, &v, &none, 3, 1, step);
            double size = 0, cosine = 0;
            for (int k = 0; k < 3; k++) size += (double)j.light[k] * (double)j.light[k];
            for (int k = 0; k < 3; k++) cosine += (double)j.light[k] * p[k] / sqrt(size);
            for (int k = 0; k < 3; k++) across[k] += ((double)j.light[k] / sqrt(size) - cosine * p[k]) / JITTERS;
            along += cosine / JITTERS;
            share += (cosine < 0) / (double)JITTERS;
        }
        CHECK_LE(fabs(along - m), sigmas * sqrt((1 - m) * (1 + m)), "r %g: mean cosine %g, expected %g", r[i], along, m);
        CHECK_LE(fabs(share - behind), sigmas * sqrt(behind * (1 - behind)), "r %g: behind %g, expected %g", r[i], share, behind);
        for (int k = 0; k < 3; k++) CHECK_LE(fabs(across[k]), sigmas * sqrt(1 - m * m), "r %g: across", r[i]);
    }
}

static void view_prompts(void)
{
    static const char *const suffix[] = { ", front view", ", side view", ", back view", ", overhead view",
                                          ", left side view", ", right side view" };
    char out[64], expected[64];
    for (int label = VIEW_FRONT; label <= VIEW_RIGHT; label++) {
        Err err = { 0 };
        CHECK_OK(view_prompt(out, sizeof out, "a red mug", (ViewLabel)label, &err), &err);
        snprintf(expected, sizeof expected, "a red mug%s", suffix[label]);
        CHECK(strcmp(out, expected) == 0, "%s", out);
    }
    Err err = { 0 };
    CHECK_OK(view_prompt(out, 22, "a red mug", VIEW_FRONT, &err), &err);       /* 21 bytes and the zero */
    CHECK(view_prompt(out, 21, "a red mug", VIEW_FRONT, &err) == -1 && err.set && out[0] == '\0', "a cut prompt");
}

static void view_refuses(void)
{
    ViewRange bad[8];
    for (int i = 0; i < 8; i++) bad[i] = sdi_range;
    bad[0].elevation_min = R(50.0);
    bad[1].elevation_max = R(91.0);
    bad[2].azimuth_max = R(181.0);
    bad[3].distance_min = R(0.0);
    bad[4].distance_max = (real)NAN;
    bad[5].fovy_max = R(180.0);
    bad[6].azimuth_min = (real)NAN;
    bad[7].distance_max = (real)INFINITY;
    for (int i = 0; i < 8; i++) {
        Err err = { 0 };
        CHECK(view_range_check(&bad[i], &err) == -1 && err.set, "bad range %d was taken", i);
    }
    Err err = { 0 };
    ViewMode mode = VIEWS_INDEPENDENT;
    CHECK_OK(view_range_check(&sdi_range, &err), &err);
    CHECK(view_mode_parse(&mode, "antipodal", &err) == 0 && mode == VIEWS_ANTIPODAL, "antipodal");
    CHECK(view_mode_parse(&mode, "octahedral", &err) == 0 && mode == VIEWS_OCTAHEDRAL, "octahedral");
    CHECK(view_mode_parse(&mode, "antithetic", &err) == -1 && strstr(err.msg, "antipodal") != NULL, "%s", err.msg);
}

int main(void)
{
    TEST(timestep_policies);
    TEST(timestep_refuses);
    TEST(ramps_by_hand);
    TEST(view_labels_by_hand);
    TEST(azimuths_wrap);
    TEST(views_follow_their_mode);
    TEST(groups_have_their_geometry);
    TEST(view_distribution);
    TEST(jitter_is_addressed);
    TEST(jitter_distribution);
    TEST(jitter_is_independent);
    TEST(light_distribution);
    TEST(view_prompts);
    TEST(view_refuses);
    return test_end();
}
