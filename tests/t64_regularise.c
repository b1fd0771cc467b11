/* t64_regularise.c -- gradients of the regularisers in binary64: of maps, of a grid, and through the renderer to the field */
#include "ref/regularise_step.h"
#include "tests/gradcheck.h"

enum { H = 7, W = 9, P = H * W, INPUTS = 6 * P };

/* Maps side by side in one vector; opacities between the clamps, away from 1/2. */
static Maps split(real *x) { return (Maps){ .opacity = x, .z_variance = x + P, .orientation = x + 2 * P, .normal = x + 3 * P }; }

typedef struct One { real weight[REGULARISERS]; ConvexForm form; Camera c; } One;
static void value_of(void *self, real *y, const real *x)
{
    One *k = self;
    real copy[INPUTS], d[INPUTS] = { 0 }, value[REGULARISERS] = { 0 };
    memcpy(copy, x, sizeof copy);
    const Maps m = split(copy);
    Maps to = split(d);
    regularise_view(&to, value, &m, k->weight, k->form, &k->c);
    *y = 0;
    for (int i = 0; i < REGULARISERS; i++) *y += k->weight[i] * value[i];
}
static void pull_of(void *self, real *dx, const real *dy, const real *x)
{
    One *k = self;
    real copy[INPUTS], d[INPUTS] = { 0 }, value[REGULARISERS] = { 0 };
    memcpy(copy, x, sizeof copy);
    const Maps m = split(copy);
    Maps to = split(d);
    regularise_view(&to, value, &m, k->weight, k->form, &k->c);
    for (int i = 0; i < INPUTS; i++) dx[i] += *dy * d[i];
}

static void gradients_of_maps(void)
{
    real x[INPUTS];
    rng_normal(x, (RngAt){ 9, 0, 0, RNG_INIT }, INPUTS);
    rng_uniform(x, (RngAt){ 9, 1, 0, RNG_INIT }, 3 * P);
    for (int i = 0; i < P; i++) x[i] = x[i] < 0.5 ? 0.1 + 0.7 * x[i] : 0.55 + 0.7 * (x[i] - 0.5);
    One k = { .form = CONVEX_CAMERA };
    camera_look_at(&k.c, 25, 50, 2, 40, H, W);
    for (int i = 0; i < REGULARISERS; i++)
        for (int form = 0; form < (i == REG_CONVEXITY ? 2 : 1); form++) {
            if (i == REG_TV) continue;
            for (int j = 0; j < REGULARISERS; j++) k.weight[j] = j == i ? 1.7 : 0;
            k.form = (ConvexForm)form;
            const GradCheck g = { regulariser_info[i].name, INPUTS, 1, value_of, pull_of, &k, 1e-4 };
            gradcheck(&g, x);
        }
}

static void tv_value(void *self, real *y, const real *x)
{
    real d[4 * 3 * 5 * 4] = { 0 };
    (void)self;
    *y = reg_tv(d, x, 1, (const int[3]){ 4, 3, 5 }, 4);
}
static void tv_pull(void *self, real *dx, const real *dy, const real *x)
{
    (void)self;
    reg_tv(dx, x, *dy, (const int[3]){ 4, 3, 5 }, 4);
}
static void gradient_of_tv(void)
{
    real x[4 * 3 * 5 * 4];
    rng_normal(x, (RngAt){ 9, 2, 0, RNG_INIT }, 4 * 3 * 5 * 4);
    const GradCheck g = { "tv", 4 * 3 * 5 * 4, 1, tv_value, tv_pull, NULL, 0 };
    gradcheck(&g, x);
}

/* theta -> picture and maps beside it on a tape -> sum of rgb with a cotangent, regularisers of the maps and of the grid -> back, all in one pull. */
typedef struct Chain { Field *f; Renderer *r; Tape *tape; Camera c; RenderSettings s; RegulariseStep step; const real *cotangent; } Chain;

static void chain(Chain *k, real *y, real *dtheta, const real *x)
{
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    const size_t mark = tape_mark(k->tape);
    regularise_begin(&k->step, 0);
    const RenderBeside *beside = regularise_beside(&k->step);
    Tensor *theta = tensor_view(k->tape, (Shape){ 1, { (int64_t)k->f->n } }, k->f->theta, dtheta, "theta");
    Tensor *rgb = op_render(k->tape, theta, k->r, k->f, &k->c, &k->s, beside, "rgb");
    regularise_maps(&k->step, &k->c, 1, 1);
    if (dtheta != NULL) {
        tape_seed(rgb, k->cotangent);
        tape_backward(k->tape);
    }
    real none[4 * 5 * 3 * 4] = { 0 };
    regularise_grid(&k->step, dtheta == NULL ? none : dtheta, k->f);
    *y = 0;
    for (int i = 0; i < 3 * P; i++) *y += rgb->v[i] * k->cotangent[i];
    for (int i = 0; i < REGULARISERS; i++) *y += k->step.weight[i] * k->step.value[i];
    tape_rewind(k->tape, mark);
}
static void chain_value(void *self, real *y, const real *x) { chain(self, y, NULL, x); }
static void chain_pull(void *self, real *dx, const real *dy, const real *x)
{
    real y, d[4 * 5 * 3 * 4] = { 0 };
    chain(self, &y, d, x);
    for (int i = 0; i < 4 * 5 * 3 * 4; i++) dx[i] += *dy * d[i];
}

static void gradient_through_the_renderer(void)
{
    Err err = { 0 };
    real x[4 * 5 * 3 * 4], cotangent[3 * P];
    Chain k = { .f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 4, 5, 3 } }, &err), .tape = tape_new(&err), .cotangent = cotangent };
    k.r = renderer_new(k.f, 9, &err);
    k.s = (RenderSettings){ .samples = 9, .background = { 0.2, 0.5, 0.8 } };
    camera_look_at(&k.c, 20, 30, 2.5, 50, H, W);
    rng_normal(x, (RngAt){ 12, 3, 0, RNG_INIT }, k.f->n);
    rng_normal(cotangent, (RngAt){ 9, 4, 0, RNG_INIT }, 3 * P);
    Regularising r = { .convex = CONVEX_CAMERA };
    const double weight[REGULARISERS] = { [REG_SPARSITY] = 20, [REG_OPAQUENESS] = 30, [REG_Z_VARIANCE] = 500, [REG_TV] = 3 };
    for (int i = 0; i < REGULARISERS; i++) r.weight[i] = (Ramp){ { weight[i] }, 1 };
    regularise_new(&k.step, &r, P, &err);
    CHECK(!err.set, "%s", err.msg);
    const GradCheck g = { "chain", k.f->n, 1, chain_value, chain_pull, &k, 1e-4 };
    gradcheck(&g, x);
    for (int i = 0; i < P; i++) CHECK_LE(0.002, fabs(k.step.maps.opacity[i] - 0.5), "pixel %d may cross the threshold", i);
    for (int i = 0; i < REGULARISERS; i++) CHECK((k.step.value[i] != 0) == (weight[i] != 0), "%s", regulariser_info[i].name);
    regularise_free(&k.step);
    renderer_free(k.r);
    field_free(k.f);
    tape_free(k.tape);
}

int main(void)
{
    TEST(gradients_of_maps);
    TEST(gradient_of_tv);
    TEST(gradient_through_the_renderer);
    return test_end();
}
