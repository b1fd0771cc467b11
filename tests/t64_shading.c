/* t64_shading.c -- gradients in binary64 of normals, shadings, backgrounds and orientation */
#include "tensor/par.h"
#include "tests/gradcheck.h"
#include "tests/shading_case.h"

#include <math.h>

enum { ORIENTATION = 5, ALL = 63, BUT_ORIENTATION = 31 };

/* Kinks (n . l = 0, where the light sets) are met within h |v| of none of the samples when h is small. */
static void check_case(ShadingCase *k, const char *name, double h)
{
    const size_t n = k->f->n + (k->s.learnt == NULL ? 0 : k->s.learnt->n);
    real x[CASE_THETA + BACKGROUND_ROOM];
    memcpy(x, k->f->theta, k->f->n * sizeof(real));
    if (k->s.learnt != NULL) memcpy(x + k->f->n, k->s.learnt->theta, k->s.learnt->n * sizeof(real));
    const GradCheck g = { name, n, CASE_OUT, case_view, case_back, k, h };
    gradcheck(&g, x);
}

static void every_shading(void)
{
    for (int shading = 0; shading < SHADINGS * NORMALS_WAYS; shading++)
        for (int view = 0; view < 3; view++) {
            ShadingCase k;
            case_open(&k, (Shading)(shading % SHADINGS));
            case_camera(&k, view);
            k.s.normals = (Normals)(shading / SHADINGS);
            k.outputs = BUT_ORIENTATION;
            check_case(&k, shading_names[shading % SHADINGS], 3e-5);
            k.outputs = 1;
            check_case(&k, "rgb alone", 3e-5);
            case_close(&k);
        }
}

static void normals_alone(void)
{
    for (int way = 0; way < NORMALS_WAYS; way++) {
        ShadingCase k;
        case_open(&k, SHADE_ALBEDO);
        k.s.normals = (Normals)way;
        k.outputs = 16;
        check_case(&k, normals_names[way], 3e-5);
        case_close(&k);
    }
}

/* Where the density's gradient is shorter than 1e-6 a normal is proportional to it. In a thin field gradient and weights are both so to exp(raw): along
 * a shift of all raw densities the composited normal grows by twice itself. */
static void short_normals(void)
{
    for (int way = 0; way < NORMALS_WAYS; way++) {
        ShadingCase k;
        real y[CASE_OUT], dy[CASE_OUT], g[CASE_THETA] = { 0 };
        double shift = 0, want = 0, size = 0;
        case_open(&k, SHADE_ALBEDO);
        k.s.normals = (Normals)way;
        k.outputs = 16;
        for (int i = 0; i < CASE_THETA; i += 4) k.f->theta[i] = R(0.2) * k.f->theta[i] - R(19.0);
        rng_normal(dy, (RngAt){ 4, 0, 0, RNG_PROBE }, CASE_OUT);
        case_view(&k, y, NULL);
        case_back(&k, g, dy, NULL);
        for (int i = 0; i < CASE_THETA; i += 4) shift += (double)g[i];
        for (int i = 0; i < CASE_OUT; i++) want += 2 * (double)(y[i] * dy[i]);
        for (int i = 0; i < CASE_OUT; i++) size += fabs((double)(y[i] * dy[i]));
        CHECK_LE(fabs(shift - want), 1e-5 * size, "%s: %g, expected %g", normals_names[way], shift, want);
        CHECK(fabs(want) > 1e-3 * size && size > 0, "%s: nothing is compared", normals_names[way]);
        case_close(&k);
    }
}

/* Weights count as constants in its adjoint. With the first sample of every ray opaque they are: 1 there and 0 behind, to the last bit that
 * the check can see. */
static void orientation_in_an_opaque_field(void)
{
    for (int view = 0; view < 3 * NORMALS_WAYS; view++) {
        ShadingCase k;
        case_open(&k, SHADE_ALBEDO);
        case_camera(&k, view % 3);
        k.s.normals = (Normals)(view / 3);
        for (size_t i = 0; i < k.f->n; i++) k.f->theta[i] = R(1e7) * (R(9.0) + k.f->theta[i]);
        k.outputs = 1 << ORIENTATION;
        check_case(&k, "orientation", 1e3);
        case_close(&k);
    }
}

/* And in a thin one: what is missing from the adjoint is the way through the weights, sum_i dw_i max(0, n_i . d)^2. Its size shows that it is missing. */
static void orientation_stops_at_the_weights(void)
{
    ShadingCase k;
    case_open(&k, SHADE_ALBEDO);
    k.outputs = 1 << ORIENTATION;
    real x[CASE_THETA];
    memcpy(x, k.f->theta, sizeof x);
    const GradCheck g = { "orientation", CASE_THETA, CASE_OUT, case_view, case_back, &k, 3e-5 };
    CHECK(gradcheck_run(&g, x, 1, 1) != 0, "the weights are differentiated");
    case_close(&k);
}

static void backgrounds(void)
{
    for (int kind = 0; kind < BACKGROUND_KINDS; kind++) {
        ShadingCase k;
        case_open(&k, SHADE_LAMBERTIAN);
        case_camera(&k, 1);
        case_learn(&k, (BackgroundKind)kind);
        k.outputs = BUT_ORIENTATION;
        check_case(&k, background_kind_names[kind], 3e-5);
        case_close(&k);
    }
}

/* Samples that are skipped are skipped on both ways. */
static void behind_an_occupancy_grid(void)
{
    Err err = { 0 };
    ShadingCase k;
    case_open(&k, SHADE_LAMBERTIAN);
    Occupancy *o = occupancy_new(k.f, 6, R(1.0), &err);
    CHECK(o != NULL, "%s", err.msg);
    occupancy_update(o, k.f, 0);
    CHECK(occupancy_share(o) > 0.2 && occupancy_share(o) < 0.8, "%g of the cells are live", occupancy_share(o));
    k.s.occupancy = o;
    k.outputs = BUT_ORIENTATION;
    check_case(&k, "occupancy", 3e-5);
    occupancy_free(o);
    case_close(&k);
}

int main(void)
{
    par_threads_set(1);                       /* views this small are not worth more */
    TEST(every_shading);
    TEST(normals_alone);
    TEST(short_normals);
    TEST(orientation_in_an_opaque_field);
    TEST(orientation_stops_at_the_weights);
    TEST(backgrounds);
    TEST(behind_an_occupancy_grid);
    return test_end();
}
