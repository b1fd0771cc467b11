/* selftest_field.c -- fields and what is made of them: views of every kind with their adjoints, light, a mesh; and resampling by area */
#include "ref/selftest.h"
#include "render/mesh.h"
#include "render/volume.h"
#include "tensor/arrange.h"
#include "tensor/mem.h"
#include "tensor/rng.h"

static const RngAt at = { 20230601, 1, 2, RNG_PROBE };
enum { GRID = 6, SAMPLES = 16, SIDE = 8, PIXELS = SIDE * SIDE, PLAIN = 4, CHANNELS = 10 };      /* PLAIN: outputs that need no normals */

static void draw(real *x, uint32_t number, size_t n) { rng_uniform(x, (RngAt){ at.seed, number, 0, RNG_PROBE }, n); }

/* theta in +-spread */
static Field *random_field(const FieldConfig *config, real spread, Err *err)
{
    Field *f = field_new(config, err);
    if (f == NULL) return NULL;
    rng_uniform(f->theta, at, f->n);
    for (size_t i = 0; i < f->n; i++) f->theta[i] = R(2.0) * spread * f->theta[i] - spread;
    return f;
}

/* The first `outputs` of RenderOut, then the gradient of random cotangents of all of them. */
static int view_and_pull(Sha256 *s, Renderer *r, const Field *f, Shading shading, int outputs, Err *err)
{
    const RenderSettings settings = { .samples = SAMPLES, .background = { R(0.2), R(0.5), R(0.8) }, .shading = shading,
                                      .light = { R(1.5), R(-2.0), R(2.5) } };
    real y[CHANNELS * PIXELS], dy[CHANNELS * PIXELS], *gradient = mem_new(f->n, sizeof(real), "gradient", err);
    RenderOut out = { 0 }, cotangent = { 0 };
    Camera camera;
    size_t n = 0;
    if (gradient == NULL) return -1;
    for (int i = 0; i < outputs; i++) {
        const size_t more = (size_t)render_outputs[i].channels * PIXELS;
        draw(dy + n, 20 + (uint32_t)i, more);
        *render_output(&out, i) = y + n;
        *render_output(&cotangent, i) = dy + n;
        n += more;
    }
    camera_look_at(&camera, 15.0, 30.0, 2.5, 40.0, SIDE, SIDE);
    render_view(&out, r, f, &camera, &settings);
    render_pull(gradient, r, f, &camera, &settings, &cotangent);
    selftest_put(s, y, n);
    selftest_put(s, gradient, f->n);
    mem_free(gradient);
    return 0;
}

static int view(Sha256 *s, FieldConfig config, real spread, Shading shading, int outputs, Err *err)
{
    Field *f = random_field(&config, spread, err);
    Renderer *r = f == NULL ? NULL : renderer_new(f, SAMPLES, err);
    const int status = r == NULL ? -1 : view_and_pull(s, r, f, shading, outputs, err);
    renderer_free(r);
    field_free(f);
    return status;
}

static const FieldConfig voxel = { .kind = FIELD_VOXEL, .size = { GRID, GRID, GRID } };
static const FieldConfig sh = { .kind = FIELD_SH, .size = { GRID, GRID, GRID }, .degree = 1 };
static const FieldConfig mlp = { .kind = FIELD_MLP, .frequencies = 4, .layers = 2, .hidden = 19, .peak = 1, .slope = 2 };
/* Two dense levels, three that are hashed. */
static const FieldConfig hashgrid = { .kind = FIELD_HASHGRID, .levels = 5, .features = 2, .table = 256, .base = 3, .growth = 1.5, .hidden = 19,
                                      .peak = 1, .slope = 2 };

int selftest_voxel(Sha256 *s, Err *err) { return view(s, voxel, R(4.0), SHADE_ALBEDO, PLAIN, err); }
int selftest_hashgrid(Sha256 *s, Err *err) { return view(s, hashgrid, R(0.75), SHADE_ALBEDO, PLAIN, err); }
int selftest_mlp(Sha256 *s, Err *err) { return view(s, mlp, R(0.5), SHADE_ALBEDO, PLAIN, err); }
int selftest_sh(Sha256 *s, Err *err) { return view(s, sh, R(4.0), SHADE_ALBEDO, PLAIN, err); }
int selftest_lambertian(Sha256 *s, Err *err) { return view(s, voxel, R(4.0), SHADE_LAMBERTIAN, RENDER_OUTPUTS, err); }

/* Of a field whose colours depend on the normals; its surface takes every way through a cell that noise takes. */
int selftest_mesh(Sha256 *s, Err *err)
{
    Mesh m = { 0 };
    Field *f = random_field(&sh, R(4.0), err);
    const int status = f == NULL ? -1 : mesh_extract(&m, f, 13, R(1.0), err);
    if (status == 0) {
        selftest_put(s, m.position, 3 * m.vertices);
        selftest_put(s, m.normal, 3 * m.vertices);
        selftest_put(s, m.colour, 3 * m.vertices);
        sha256_add(s, m.index, 3 * m.triangles * sizeof m.index[0]);
    }
    mesh_free(&m);
    field_free(f);
    return status;
}

/* To fewer rows and more columns, neither a divisor of the other. */
int selftest_resample(Sha256 *s, Err *err)
{
    Tape *tape = tape_new(err);
    Tensor *x = tape == NULL ? NULL : tensor_new(tape, (Shape){ 3, { 11, 7, 3 } }, 1, "x");
    if (x != NULL) draw(x->v, 20, x->n);
    Tensor *y = op_resample_area(tape, x, 4, 9, "y");
    Tensor *cotangent = y == NULL ? NULL : tensor_new(tape, y->s, 0, "dy");
    int status = cotangent == NULL ? -1 : 0;
    if (status == 0) {
        draw(cotangent->v, 21, y->n);
        tape_seed(y, cotangent->v);
        status = tape_backward(tape);
    }
    if (status == 0) {
        selftest_put(s, y->v, y->n);
        selftest_put(s, x->g, x->n);
    }
    tape_free(tape);
    return status;
}
