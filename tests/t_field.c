/* t_field.c -- fields of every kind: fast forms against their definitions bit for bit, closed forms, what must not change a bit, refusals
 * (PyTorch's files: t_verify.c; gradients: t64_field_grad.c) */
#include "render/field_kinds.h"
#include "render/hashgrid.h"
#include "render/volume.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tensor/sum.h"
#include "tests/harness.h"

#include <math.h>

static Err err;

/* One of each kind, small and odd. */
static const FieldConfig configs[] = {
    { .kind = FIELD_IMAGE, .size = { 3, 5, 7 } },
    { .kind = FIELD_VOXEL, .size = { 3, 5, 4 }, .peak = 1, .slope = 2 },
    { .kind = FIELD_HASHGRID, .levels = 5, .features = 2, .table = 64, .base = 2, .growth = 1.7, .hidden = 19, .peak = 1, .slope = 2 },
    { .kind = FIELD_HASHGRID, .levels = 4, .features = 3, .table = 128, .base = 3, .growth = 1.5, .hidden = 37 },
    { .kind = FIELD_HASHGRID, .levels = 1, .features = 1, .table = 1, .base = 1, .growth = 1, .hidden = 1 },
    { .kind = FIELD_HASHGRID, .levels = 18, .features = 2, .table = 512, .base = 4, .growth = 1.3, .hidden = 64 },
    { .kind = FIELD_MLP, .frequencies = 3, .layers = 2, .hidden = 17, .peak = 1, .slope = 2 },
    { .kind = FIELD_MLP, .frequencies = 0, .layers = 8, .hidden = 5 },
    { .kind = FIELD_MLP, .frequencies = 10, .layers = 1, .hidden = 70 },
    { .kind = FIELD_SH, .size = { 3, 2, 4 }, .degree = 0, .peak = 1, .slope = 2 },
    { .kind = FIELD_SH, .size = { 4, 3, 2 }, .degree = 1 },
    { .kind = FIELD_SH, .size = { 2, 3, 3 }, .degree = 2 },
};
enum { CONFIGS = sizeof configs / sizeof configs[0], MOST = 100 };

/* A field of random values: of the table 1, of networks 1/2 */
static Field *field_of(const FieldConfig *c)
{
    Field *f = field_new(c, &err);
    CHECK(f != NULL, "%s", err.msg);
    rng_normal(f->theta, (RngAt){ 1, 0, 0, RNG_PROBE }, f->n);
    for (size_t i = c->kind == FIELD_HASHGRID ? hashgrid_table(c) : 0; i < f->n; i++) f->theta[i] *= R(0.5);
    return f;
}

/* p (3,P): in the cube, on its faces and corners, and a little outside; d: unit directions */
static void points(real *p, real *d, int P)
{
    rng_uniform(p, (RngAt){ 2, 0, 0, RNG_PROBE }, 3 * (size_t)P);
    rng_normal(d, (RngAt){ 2, 1, 0, RNG_PROBE }, 3 * (size_t)P);
    for (int i = 0; i < 3 * P; i++) p[i] = i % 7 == 0 ? R(1.0) : i % 11 == 0 ? R(-1.0) : i % 13 == 0 ? R(1.0001) : R(2.0) * p[i] - R(1.0);
    for (int i = 0; i < P; i++) {
        const real size = r_sqrt(d[i] * d[i] + d[P + i] * d[P + i] + d[2 * P + i] * d[2 * P + i]);
        for (int j = 0; j < 3; j++) d[j * P + i] /= size;
    }
}

typedef struct Work { real *p, *d, *raw, *draw, *kept, *grad, *raw2, *grad2; Arena *arena; } Work;
static Work work_of(const Field *f, int P)
{
    Work w = { .arena = arena_new(&err) };
    const size_t n = (size_t)P;
    w.p = arena_real(w.arena, 3 * n, "p");
    w.d = arena_real(w.arena, 3 * n, "d");
    w.raw = arena_real(w.arena, 4 * n, "raw");
    w.raw2 = arena_real(w.arena, 4 * n, "raw");
    w.draw = arena_real(w.arena, 4 * n, "draw");
    w.kept = arena_real(w.arena, (field_kept(f) + 1) * n, "kept");
    w.grad = arena_real(w.arena, f->n, "grad");
    w.grad2 = arena_real(w.arena, f->n, "grad");
    points(w.p, w.d, P);
    rng_normal(w.draw, (RngAt){ 3, 0, 0, RNG_PROBE }, 4 * n);
    rng_normal(w.grad, (RngAt){ 3, 1, 0, RNG_PROBE }, f->n);           /* a gradient that is there already */
    memcpy(w.grad2, w.grad, f->n * sizeof(real));
    return w;
}

static int same(const real *a, const real *b, size_t n) { return memcmp(a, b, n * sizeof(real)) == 0; }

static void the_hash_grid_equals_its_definition(void)
{
    static const int counts[] = { 1, 31, 32, 33, MOST };
    for (int k = 0; k < CONFIGS; k++) {
        if (configs[k].kind != FIELD_HASHGRID) continue;
        Field *f = field_of(&configs[k]);
        for (int active = 0; active <= configs[k].levels; active += active == 0 || active + 3 > configs[k].levels ? 1 : 3)
            for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
                const int P = counts[i];
                Work w = work_of(f, P);
                real *one = arena_real(w.arena, field_kept(f), "one");
                f->active = active;
                field_eval(w.raw, w.p, NULL, f, P, w.kept);
                hashgrid_eval_plain(w.raw2, w.p, f, P, one);
                CHECK(same(w.raw, w.raw2, 4 * (size_t)P), "config %d, %d of %d levels, %d points: values", k, active, configs[k].levels, P);
                field_pull(w.grad, w.draw, w.p, NULL, f, P, w.kept);
                hashgrid_pull_plain(w.grad2, w.draw, w.p, f, P, one);
                CHECK(same(w.grad, w.grad2, f->n), "config %d, %d of %d levels, %d points: gradient", k, active, configs[k].levels, P);
                arena_free(w.arena);
            }
        field_free(f);
    }
}

/* From the field's own encoding on, which has a test of its own. */
static void the_mlp_equals_its_definition(void)
{
    enum { KEPT = 700 };
    for (int k = 0; k < CONFIGS; k++) {
        const FieldConfig *c = &configs[k];
        if (c->kind != FIELD_MLP) continue;
        Field *f = field_of(c);
        Work w = work_of(f, MOST);
        Mlp m = { .layers = c->layers + 1, .width = { 3 + 6 * c->frequencies } };
        for (int l = 1; l <= c->layers; l++) m.width[l] = c->hidden;
        m.width[m.layers] = MLP_OUT;
        CHECK(mlp_count(&m) == f->n && mlp_kept(&m) == field_kept(f) && mlp_kept(&m) <= KEPT && field_encoding(f) == m.width[0], "sizes of config %d", k);
        field_eval(w.raw, w.p, NULL, f, MOST, w.kept);
        field_pull(w.grad, w.draw, w.p, NULL, f, MOST, w.kept);
        for (int i = 0; i < MOST; i++) {
            const real point[3] = { w.p[i], w.p[MOST + i], w.p[2 * MOST + i] };
            const real d[4] = { w.draw[i], w.draw[MOST + i], w.draw[2 * MOST + i], w.draw[3 * MOST + i] };
            real kept[KEPT], raw[4];
            field_encode(kept, point, f, 1);
            mlp_eval_plain(raw, kept, f->theta, &m);
            raw[0] += field_blob(c, point[0], point[1], point[2]);
            for (int j = 0; j < 4; j++) w.raw2[j * MOST + i] = raw[j];
            mlp_pull_plain(w.grad2, d, kept, f->theta, &m);
        }
        CHECK(same(w.raw, w.raw2, 4 * MOST), "values of config %d", k);
        CHECK(same(w.grad, w.grad2, f->n), "gradient of config %d", k);
        arena_free(w.arena);
        field_free(f);
    }
}

/* Points in pieces, and a ray's neighbours, are nothing to a point; its gradient goes on from those before. */
static void blocks_change_no_bit(void)
{
    static const int sizes[] = { 1, 7, 32, 45 };
    for (int k = 1; k < CONFIGS; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            Field *f = field_of(&configs[k]);
            Work w = work_of(f, MOST);
            field_eval(w.raw, w.p, w.d, f, MOST, w.kept);
            field_pull(w.grad, w.draw, w.p, w.d, f, MOST, w.kept);
            for (int at = 0; at < MOST; at += sizes[s]) {
                const int n = MOST - at < sizes[s] ? MOST - at : sizes[s];
                real p[3 * MOST], d[3 * MOST], raw[4 * MOST], draw[4 * MOST];
                for (int j = 0; j < 3; j++) memcpy(p + j * n, w.p + j * MOST + at, (size_t)n * sizeof(real));
                for (int j = 0; j < 3; j++) memcpy(d + j * n, w.d + j * MOST + at, (size_t)n * sizeof(real));
                for (int j = 0; j < 4; j++) memcpy(draw + j * n, w.draw + j * MOST + at, (size_t)n * sizeof(real));
                field_eval(raw, p, d, f, n, w.kept);
                field_pull(w.grad2, draw, p, d, f, n, w.kept);
                for (int j = 0; j < 4; j++) memcpy(w.raw2 + j * MOST + at, raw + j * n, (size_t)n * sizeof(real));
            }
            CHECK(same(w.raw, w.raw2, 4 * MOST), "values of config %d by %d", k, sizes[s]);
            CHECK(same(w.grad, w.grad2, f->n), "gradient of config %d by %d", k, sizes[s]);
            arena_free(w.arena);
            field_free(f);
        }
}

static void threads_change_no_bit(void)
{
    enum { S = 20, N = 13 };
    static const int threads[] = { 1, 2, 3, 8 };
    const int before = par_threads();
    real first_rgb[S * S * 3], rgb[S * S * 3], cotangent[S * S * 3];
    rng_normal(cotangent, (RngAt){ 4, 0, 0, RNG_PROBE }, S * S * 3);
    Camera camera;
    camera_look_at(&camera, 25, 40, 2.0, 60, S, S);
    const RenderSettings s = { .samples = N, .background = { 0 }, .jitter = NULL };
    for (int k = 1; k < CONFIGS; k++) {
        Field *f = field_of(&configs[k]);
        Renderer *r = renderer_new(f, N, &err);
        Work w = work_of(f, 1);
        for (int i = 0; i < 4; i++) {
            real *grad = i == 0 ? w.grad : w.grad2;
            memset(grad, 0, f->n * sizeof(real));
            par_threads_set(threads[i]);
            render_view(&(RenderOut){ .rgb = i == 0 ? first_rgb : rgb }, r, f, &camera, &s);
            render_pull(grad, r, f, &camera, &s, &(RenderOut){ .rgb = cotangent });
            CHECK(i == 0 || same(first_rgb, rgb, S * S * 3), "image of config %d with %d threads", k, threads[i]);
            CHECK(i == 0 || same(w.grad, w.grad2, f->n), "gradient of config %d with %d threads", k, threads[i]);
        }
        double size = 0;
        for (size_t i = 0; i < f->n; i++) size += fabs((double)w.grad[i]);
        CHECK(size > 1e-3, "a gradient of nothing: config %d", k);
        arena_free(w.arena);
        renderer_free(r);
        field_free(f);
    }
    par_threads_set(before);
}

static void parts_cover_theta_once(void)
{
    for (int k = 0; k < CONFIGS; k++) {
        Field *f = field_of(&configs[k]);
        FieldPart part[FIELD_PARTS];
        const int n = field_parts(part, f);
        size_t at = 0;
        CHECK(n >= 1 && n <= FIELD_PARTS, "%d parts", n);
        for (int i = 0; i < n; i++) {
            CHECK(part[i].at == at, "part %s of config %d begins at %zu, not %zu", part[i].name, k, part[i].at, at);
            at += shape_count(part[i].s);
            for (int j = 0; j < i; j++) CHECK(strcmp(part[i].name, part[j].name) != 0, "two parts '%s'", part[i].name);
        }
        CHECK(at == f->n, "parts of config %d end at %zu of %zu", k, at, f->n);
        field_free(f);
    }
}

/* A level that is not active is one whose table holds zeros, and its gradient stays as it is. */
static void inactive_levels_are_nothing(void)
{
    const FieldConfig *c = &configs[2];
    Field *f = field_of(c);
    Work w = work_of(f, MOST);
    const size_t level = (size_t)c->table * (size_t)c->features;
    f->active = 3;
    field_eval(w.raw, w.p, NULL, f, MOST, w.kept);
    field_pull(w.grad, w.draw, w.p, NULL, f, MOST, w.kept);
    CHECK(same(w.grad + 3 * level, w.grad2 + 3 * level, 2 * level), "a gradient of a level that is not active");
    CHECK(!same(w.grad, w.grad2, level) && !same(w.grad + 2 * level, w.grad2 + 2 * level, level), "no gradient of one that is");
    f->active = c->levels;
    memset(f->theta + 3 * level, 0, 2 * level * sizeof(real));
    field_eval(w.raw2, w.p, NULL, f, MOST, w.kept);
    CHECK(same(w.raw, w.raw2, 4 * MOST), "values");
    arena_free(w.arena);
    field_free(f);
}

/* floor(base growth^l), worked out by hand for growths whose powers are exact, and near whole numbers that they are not. */
static void levels_have_their_cells(void)
{
    static const struct { int base, level, cells, table, dense; double growth; } cases[] = {
        { 4, 0, 4, 125, 1, 1.5 },  { 4, 1, 6, 256, 0, 1.5 },   { 4, 2, 9, 1024, 1, 1.5 }, { 4, 3, 13, 2048, 0, 1.5 }, { 16, 10, 16384, 1 << 20, 0, 2.0 },
        { 4, 15, 501, 1 << 15, 0, 1.38 }, { 1, 0, 1, 8, 1, 1.0 }, { 1, 0, 1, 4, 0, 1.0 },   { 10, 1, 11, 4096, 1, 1.1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const FieldConfig c = { .base = cases[i].base, .growth = cases[i].growth, .table = cases[i].table };
        const HashLevel level = hashgrid_level(&c, cases[i].level);
        CHECK(level.cells == cases[i].cells && level.dense == cases[i].dense, "case %zu: %d cells, dense %d", i, level.cells, level.dense);
    }
}

/* A dense level whose nodes hold a trilinear function gives that function; hashed, one and the same value everywhere is left as it is. */
static void encodings_have_closed_forms(void)
{
    enum { P = 40, N = 6 };
    Field *f = field_of(&(FieldConfig){ .kind = FIELD_HASHGRID, .levels = 2, .features = 2, .table = 512, .base = N, .growth = 2, .hidden = 1 });
    real p[3 * P], d[3 * P], e[4 * P];
    for (int z = 0; z <= N; z++)
        for (int y = 0; y <= N; y++)
            for (int x = 0; x <= N; x++)
                for (int k = 0; k < 2; k++)
                    f->theta[2 * (x + (N + 1) * (y + (N + 1) * z)) + k] = (real)(k + 1) * (R(0.3) * (real)x - R(0.2) * (real)y * (real)z + R(0.05) * (real)(x * z));
    for (int i = 0; i < 512; i++) f->theta[1024 + 2 * i] = 2;
    for (int i = 0; i < 512; i++) f->theta[1024 + 2 * i + 1] = -3;
    points(p, d, P);                                                    /* here taken as (P,3) */
    field_encode(e, p, f, P);
    for (int i = 0; i < P; i++) {
        double u[3];
        for (int j = 0; j < 3; j++) u[j] = N * (fmin((double)p[3 * i + j], 1) + 1) / 2;
        for (int k = 0; k < 2; k++) {
            const double want = (k + 1) * (0.3 * u[0] - 0.2 * u[1] * u[2] + 0.05 * u[0] * u[2]);
            CHECK_LE(fabs((double)e[4 * i + k] - want), 400 * (double)REAL_EPS, "point %d, feature %d", i, k);   /* terms up to 15, each with a few roundings */
        }
        CHECK_LE(fabs((double)e[4 * i + 2] - 2) + fabs((double)e[4 * i + 3] + 3), 40 * (double)REAL_EPS, "point %d, the hashed level", i);
    }
    field_free(f);
    f = field_of(&(FieldConfig){ .kind = FIELD_MLP, .frequencies = 9, .layers = 1, .hidden = 1 });
    real s[P * 57];
    CHECK(field_encoding(f) == 57, "%d values", field_encoding(f));
    field_encode(s, p, f, P);
    for (int i = 0; i < P; i++)
        for (int j = 0; j < 3; j++) {
            const double x = (double)p[3 * i + j];
            CHECK(s[57 * i + j] == p[3 * i + j], "the point itself");
            for (int k = 0; k < 9; k++) {                               /* rounding of pi times at most 1; libm is the oracle */
                const double bound = 6 * (double)REAL_EPS + 1e-13, angle = ldexp(3.14159265358979323846, k) * x;
                CHECK_LE(fabs((double)s[57 * i + 3 + 6 * k + j] - sin(angle)), bound, "sine %d of %g", k, x);
                CHECK_LE(fabs((double)s[57 * i + 6 + 6 * k + j] - cos(angle)), bound, "cosine %d of %g", k, x);
            }
        }
    field_free(f);
}

/* A grid that is the same everywhere, coefficient k of green 1 and the others 0: green is Y_k(d), by the textbook's square roots. */
static void harmonics_are_the_textbooks(void)
{
    enum { P = 30 };
    const double pi = 3.14159265358979323846;
    Field *f = field_of(&configs[CONFIGS - 1]);
    real p[3 * P], d[3 * P], raw[4 * P];
    points(p, d, P);
    for (int k = 0; k < 9; k++) {
        for (size_t i = 0; i < f->n; i++) f->theta[i] = i % 28 == 0 ? R(0.7) : i % 28 == (size_t)(1 + 9 + k) ? R(1.0) : R(0.0);
        field_eval(raw, p, d, f, P, NULL);
        for (int i = 0; i < P; i++) {
            const double x = (double)d[i], y = (double)d[P + i], z = (double)d[2 * P + i], one = sqrt(3 / pi) / 2, two = sqrt(15 / pi) / 2;
            const double Y[9] = { sqrt(1 / pi) / 2, -one * y, one * z, -one * x, two * x * y, -two * y * z, sqrt(5 / pi) / 4 * (2 * z * z - x * x - y * y),
                                  -two * x * z, two / 2 * (x * x - y * y) };
            CHECK_LE(fabs((double)raw[2 * P + i] - Y[k]), 12 * (double)REAL_EPS, "Y_%d of direction %d", k, i);
            CHECK(raw[P + i] == 0 && raw[3 * P + i] == 0, "red and blue have none");
            CHECK_LE(fabs((double)raw[i] - 0.7), 8 * (double)REAL_EPS, "density");
        }
    }
    field_free(f);
}

static void starts_are_drawn(void)
{
    for (int k = 1; k < CONFIGS; k++) {
        const FieldConfig *c = &configs[k];
        const int drawn = c->kind == FIELD_HASHGRID || c->kind == FIELD_MLP;
        Field *f = field_of(c), *g = field_of(c);
        field_start(f, 5);
        field_start(g, 5);
        CHECK(same(f->theta, g->theta, f->n), "config %d: the same seed", k);
        field_start(g, 6);
        CHECK(same(f->theta, g->theta, f->n) == !drawn, "config %d: another seed", k);
        FieldPart part[FIELD_PARTS];
        const int n = field_parts(part, f);
        for (int i = 0; i < n && drawn; i++) {
            const Shape w = part[i].s;
            const double bound = w.nd == 3 ? 1e-4 : w.nd == 1 ? 0 : sqrt(6 / (double)w.d[1]);
            double most = 0, sum = 0;
            for (size_t j = 0; j < shape_count(part[i].s); j++) most = fmax(most, fabs((double)f->theta[part[i].at + j]));
            for (size_t j = 0; j < shape_count(part[i].s); j++) sum += (double)f->theta[part[i].at + j];
            const double count = (double)shape_count(part[i].s);
            CHECK_LE(most, bound * (1 + 1e-6), "config %d: %s", k, part[i].name);
            CHECK(count < 20 || most >= 0.8 * bound, "config %d: %s reaches %g of %g", k, part[i].name, most, bound);
            CHECK_LE(fabs(sum), 4 * bound * sqrt(count / 3), "config %d: mean of %s", k, part[i].name);
        }
        field_free(f);
        field_free(g);
    }
}

/* peak - slope |p| is what the density starts as: at nodes exactly, else up to what a network's own start adds. */
static void the_start_is_a_ball(void)
{
    const real p[6] = { 0, R(0.6), 0, 0, 0, R(-0.8) }, d[6] = { 0, 0, 0, 0, 1, 1 };       /* the middle, and (0.6, 0, -0.8) */
    for (int k = 1; k < CONFIGS; k++) {
        if (!(configs[k].slope > 0)) continue;
        FieldConfig c = configs[k];
        c.size[0] = c.size[1] = c.size[2] = 41;                         /* nodes a twentieth apart */
        Field *f = field_of(&c);
        real raw[8], kept[2 * 200], flat[8];
        field_start(f, 0);
        field_eval(raw, p, d, f, 2, kept);
        c.peak = c.slope = 0;
        f->config = c;
        if (c.kind == FIELD_VOXEL || c.kind == FIELD_SH) memset(flat, 0, sizeof flat);
        else field_eval(flat, p, d, f, 2, kept);
        for (int i = 0; i < 2; i++) CHECK_LE(fabs((double)(raw[i] - flat[i]) - (i == 0 ? 1 : -1)), 1e-5, "config %d: raw density %d", k, i);
        for (int i = 2; i < 8; i++) CHECK(raw[i] == flat[i], "config %d: raw colour", k);
        field_free(f);
    }
}

/* With light, from outside, from within the cube and from one of its faces. A field without density is its background and asks for nothing; one that
 * is dense everywhere is its first sample, (far - near)/2N behind near, which within the cube is 0. */
static void empty_and_full_fields_have_closed_forms(void)
{
    enum { S = 9, N = 6, OUT = 10 * S * S };                            /* odd: a ray along an axis */
    static const real distances[] = { R(2.5), R(0.3), R(1.0) };
    static real y[OUT], dy[OUT];
    RenderOut out = { 0 }, cotangent = { 0 };
    real *at = y, *dat = dy;
    rng_normal(dy, (RngAt){ 5, 0, 0, RNG_PROBE }, OUT);
    for (int i = 0; i < RENDER_OUTPUTS; i++) {
        *render_output(&out, i) = at;
        *render_output(&cotangent, i) = dat;
        at += render_outputs[i].channels * S * S;
        dat += render_outputs[i].channels * S * S;
    }
    const RenderSettings s = { .samples = N, .background = { R(0.2), R(0.5), R(0.8) }, .shading = SHADE_LAMBERTIAN, .light = { R(1.5), R(-2.0), R(2.5) } };
    for (int k = 1; k < CONFIGS; k++)
        for (int full = 0; full < 2; full++) {
            FieldConfig c = configs[k];
            c.peak = full ? R(1e6) : R(-1000.0);
            c.slope = 0;
            Field *f = field_of(&c);
            Renderer *r = renderer_new(f, N, &err);
            real *grad = mem_new(f->n, sizeof *grad, "gradient", &err);
            const size_t channels = c.kind == FIELD_VOXEL ? 4 : c.kind == FIELD_SH ? 1 + 3 * (size_t)((c.degree + 1) * (c.degree + 1)) : f->n;
            for (size_t i = 0; i < f->n && channels < f->n; i += channels) f->theta[i] = c.peak;
            for (size_t v = 0; v < sizeof distances / sizeof distances[0]; v++) {
                Camera camera;
                size_t hits = 0, wrong = 0;
                camera_look_at(&camera, v == 2 ? 0 : 20, v == 2 ? 0 : 35, (double)distances[v], 60, S, S);
                memset(grad, 0, f->n * sizeof *grad);
                render_view(&out, r, f, &camera, &s);
                render_pull(grad, r, f, &camera, &s, &cotangent);
                for (size_t i = 0; i < S * S; i++) {
                    real near, far, d[3];
                    const real o[3] = { camera.c2w[0][3], camera.c2w[1][3], camera.c2w[2][3] };
                    camera_ray(d, &camera, (real)(i / S), (real)(i % S));
                    const int hit = cube_intersect(&near, &far, o, d);
                    const real first = hit ? near + R(0.5) * ((far - near) / N) : 0;
                    hits += hit != 0;
                    CHECK(v != 1 || (hit && near == 0), "pixel %zu from within", i);
                    CHECK(out.opacity[i] == (real)(full && hit), "config %d, full %d, pixel %zu: opacity %g", k, full, i, (double)out.opacity[i]);
                    if (full && hit) CHECK_LE(fabs((double)(out.depth[i] - first)), 4 * (double)REAL_EPS * (double)first, "depth of pixel %zu", i);
                    if (full && hit) continue;
                    wrong += out.depth[i] != 0 || out.z_variance[i] != 0 || out.orientation[i] != 0;
                    for (size_t j = 0; j < 3; j++) wrong += out.rgb[3 * i + j] != s.background[j] || out.normal[3 * i + j] != 0;
                }
                CHECK(hits > 0 && wrong == 0, "config %d, full %d, distance %g: %zu hits, %zu wrong", k, full, (double)distances[v], hits, wrong);
                CHECK(first_not_finite(y, OUT) == -1, "config %d: value %ld", k, first_not_finite(y, OUT));
                CHECK(first_not_finite(grad, f->n) == -1, "config %d: gradient %ld", k, first_not_finite(grad, f->n));
                for (size_t i = 0; i < f->n && !full; i++) wrong += grad[i] != 0;
                CHECK(wrong == 0, "config %d: %zu values want to move", k, wrong);
            }
            mem_free(grad);
            renderer_free(r);
            field_free(f);
        }
}

static void refused(FieldConfig c, const char *words)
{
    Err e = { 0 };
    Field *f = field_new(&c, &e);
    CHECK(f == NULL && e.set && strstr(e.msg, words) != NULL, "'%s' lacks '%s'", e.msg, words);
    field_free(f);
}

static void what_is_out_of_range_is_refused(void)
{
    const FieldConfig image = configs[0], voxel = configs[1], hash = configs[2], mlp = configs[6], sh = configs[10];
    FieldConfig c;
    refused((c = hash, c.levels = 0, c), "0 levels, expected 1 to 32");
    refused((c = hash, c.levels = 33, c.growth = 1, c), "33 levels");
    refused((c = hash, c.features = 9, c), "9 features a level, expected 1 to 8");
    refused((c = hash, c.table = 48, c), "48 entries, expected a power of two");
    refused((c = hash, c.table = 1 << 25, c), "at most 16777216");
    refused((c = hash, c.base = 0, c), "base 0 and growth 1.7");
    refused((c = hash, c.growth = 0.9, c), "growth 0.9");
    refused((c = hash, c.growth = (double)NAN, c), "growth nan");
    refused((c = hash, c.growth = 100, c), "at most 1048576 cells");
    refused((c = hash, c.hidden = 257, c), "257 hidden values, expected 1 to 256");
    refused((c = mlp, c.frequencies = 17, c), "17 frequencies, expected 0 to 16");
    refused((c = mlp, c.layers = 9, c), "9 hidden layers, expected 1 to 8");
    refused((c = mlp, c.hidden = 0, c), "0 hidden values");
    refused((c = mlp, c.layers = 0, c), "0 hidden layers");
    refused((c = voxel, c.size[2] = 0, c), "3 x 5 x 0, expected 2 to 512");
    refused((c = voxel, c.size[0] = 513, c), "513 x 5 x 4");
    refused((c = image, c.size[1] = 0, c), "3 x 0 x 7");
    refused((c = sh, c.degree = 3, c), "degree 3, expected 0 to 2");
    refused((c = sh, c.size[1] = 1, c), "4 x 1 x 2, expected 2 to 512");
}

int main(void)
{
    TEST(the_hash_grid_equals_its_definition);
    TEST(the_mlp_equals_its_definition);
    TEST(blocks_change_no_bit);
    TEST(threads_change_no_bit);
    TEST(parts_cover_theta_once);
    TEST(inactive_levels_are_nothing);
    TEST(levels_have_their_cells);
    TEST(encodings_have_closed_forms);
    TEST(harmonics_are_the_textbooks);
    TEST(starts_are_drawn);
    TEST(the_start_is_a_ball);
    TEST(empty_and_full_fields_have_closed_forms);
    TEST(what_is_out_of_range_is_refused);
    return test_end();
}
