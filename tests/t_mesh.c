/* t_mesh.c -- surfaces of closed forms, of every case of a cell and of noise: closed, manifold, outwards, where they should be
 *
 * A mesh is taken apart by its directed edges alone, so nothing of how it was made is trusted. (Its files: t_mesh_files.c)
 */
#include "render/mesh.h"
#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tests/harness.h"
#include "tests/mesh_colour.h"

#include <math.h>
#include <string.h>

/* ---- what a mesh is ---- */

typedef struct Side { uint32_t from, to, opposite; int seen; } Side;      /* a directed edge, and the third corner of its triangle */

static int side_order(const void *a, const void *b)
{
    const Side *p = a, *q = b;
    if (p->from != q->from) return p->from < q->from ? -1 : 1;
    return p->to != q->to ? (p->to < q->to ? -1 : 1) : 0;
}

static Side *side_find(Side *sides, size_t n, uint32_t from, uint32_t to)
{
    return bsearch(&(Side){ .from = from, .to = to }, sides, n, sizeof *sides, side_order);
}

/* Every directed edge once, and its reverse once; the triangles around every vertex are one ring. -1: not so. *euler: V - E + F. */
static int manifold(long *euler, const Mesh *m)
{
    const size_t n = 3 * m->triangles;
    Side *sides = malloc((n + 1) * sizeof *sides);
    size_t rings = 0, wrong = 0;
    if (sides == NULL) return -1;
    for (size_t i = 0; i < n; i++) {
        const uint32_t *v = m->index + i / 3 * 3;
        wrong += v[i % 3] >= m->vertices;
        sides[i] = (Side){ v[i % 3], v[(i + 1) % 3], v[(i + 2) % 3], 0 };
    }
    qsort(sides, n, sizeof *sides, side_order);
    for (size_t i = 0; i + 1 < n; i++) wrong += side_order(&sides[i], &sides[i + 1]) == 0;
    for (size_t i = 0; i < n; i++) wrong += side_find(sides, n, sides[i].to, sides[i].from) == NULL;
    for (size_t i = 0; i < n && wrong == 0; i++) {          /* around `from`: the triangle (v, a, b) is followed by that on the edge v b */
        if (sides[i].seen) continue;
        rings++;
        for (Side *s = &sides[i]; !s->seen; s = side_find(sides, n, s->from, s->opposite)) s->seen = 1;
    }
    free(sides);
    *euler = (long)m->vertices - (long)(n / 2) + (long)m->triangles;
    return wrong == 0 && n > 0 && rings == m->vertices ? 0 : -1;
}

typedef struct Measure { double volume, area, smallest; } Measure;        /* volume: positive when triangles face outwards */

static Measure measure(const Mesh *m)
{
    Measure q = { 0, 0, 1e9 };
    for (size_t t = 0; t < m->triangles; t++) {
        double a[3], u[3], v[3], n[3];
        for (size_t j = 0; j < 3; j++) {
            a[j] = (double)m->position[3 * m->index[3 * t] + j];
            u[j] = (double)m->position[3 * m->index[3 * t + 1] + j] - a[j];
            v[j] = (double)m->position[3 * m->index[3 * t + 2] + j] - a[j];
        }
        for (int j = 0; j < 3; j++) n[j] = u[(j + 1) % 3] * v[(j + 2) % 3] - u[(j + 2) % 3] * v[(j + 1) % 3];
        const double area = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) / 2;
        q.volume += (a[0] * n[0] + a[1] * n[1] + a[2] * n[2]) / 6;
        q.area += area;
        q.smallest = area < q.smallest ? area : q.smallest;
    }
    return q;
}

/* ---- closed forms ---- */

typedef double Depth(const double p[3]);                                  /* how far inside */
static double distance(const double p[3], double x, double y, double z)
{
    return sqrt((p[0] - x) * (p[0] - x) + (p[1] - y) * (p[1] - y) + (p[2] - z) * (p[2] - z));
}
static double ball(const double p[3]) { return 0.6 - distance(p, 0.11, -0.07, 0.05); }
static double two_balls(const double p[3]) { return fmax(0.3 - distance(p, -0.5, 0.1, 0.2), 0.35 - distance(p, 0.4, -0.3, -0.1)); }
static double cut_ball(const double p[3]) { return 0.5 - distance(p, 0.9, 0.1, -0.2); }
static double all_inside(const double p[3]) { return p[0] > 2 ? 0 : 1; }
static double torus(const double p[3])
{
    const double ring = sqrt(p[0] * p[0] + p[1] * p[1]) - 0.55;
    return 0.25 - sqrt(ring * ring + (p[2] - 0.1) * (p[2] - 0.1));
}

/* Density 5 + depth, threshold 5, N samples a side. */
static int march(Mesh *m, Depth *depth, int N, Err *err)
{
    real *density = malloc(sizeof(real) * (size_t)(N * N * N));
    for (int i = 0; density != NULL && i < N * N * N; i++) {
        const int at[3] = { i % N, i / N % N, i / N / N };
        double p[3];
        for (int j = 0; j < 3; j++) p[j] = 2.0 * at[j] / (N - 1) - 1;
        density[i] = (real)(5 + depth(p));
    }
    const int status = density == NULL ? -1 : mesh_march(m, density, N, R(5.0), err);
    free(density);
    return status;
}

static const struct { const char *name; Depth *depth; long euler; double volume, area, radius; } forms[] = {       /* radius: of the tightest curve */
    { "ball", ball, 2, 4.0 / 3 * D_PI * 0.216, 4 * D_PI * 0.36, 0.6 },
    { "two balls", two_balls, 4, 4.0 / 3 * D_PI * (0.027 + 0.042875), 4 * D_PI * (0.09 + 0.1225), 0.3 },
    { "torus", torus, 0, 2 * D_PI * D_PI * 0.55 * 0.0625, 4 * D_PI * D_PI * 0.55 * 0.25, 0.25 },
    /* a ball of radius 1/2 less its cap of height 0.4 beyond the face: pi h^2 (3r - h)/3, 2 pi r h, and the disc that closes it */
    { "cut ball", cut_ball, 2, 4.0 / 3 * D_PI * 0.125 - D_PI * 0.16 * 1.1 / 3, 4 * D_PI * 0.25 - 2 * D_PI * 0.5 * 0.4 + D_PI * 0.24, 0.5 },
};

static void closed_forms(void)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        double gap[2][2] = { { 0 } };
        for (int fine = 0; fine < 2; fine++) {
            const int N = fine ? 58 : 20;                                 /* cells of a third */
            Err err = { 0 };
            Mesh m;
            long euler = 0;
            CHECK_OK(march(&m, forms[i].depth, N, &err), &err);
            CHECK(manifold(&euler, &m) == 0 && euler == forms[i].euler, "%s: Euler characteristic %ld, expected %ld", forms[i].name, euler, forms[i].euler);
            const Measure q = measure(&m);
            gap[fine][0] = fabs(q.volume / forms[i].volume - 1);
            gap[fine][1] = fabs(q.area / forms[i].area - 1);
            CHECK(q.smallest > 0, "%s has a triangle without area", forms[i].name);
            mesh_free(&m);
        }
        for (int k = 0; k < 2; k++) {
            const double h = 2.0 / 19;                                    /* chords of length h lie up to h^2/8r inside a circle */
            CHECK_LE(gap[0][k], h * h / (forms[i].radius * forms[i].radius), "%s, %s at 20", forms[i].name, k ? "area" : "volume");
            CHECK_LE(gap[1][k], gap[0][k] / 5, "%s, %s at 58 against 20: h^2 says 1/9", forms[i].name, k ? "area" : "volume");
        }
    }
}

/* The whole cube: the surface is its faces, a 64th of a cell outside at most, edges bevelled by as little. */
static void whole_cube(void)
{
    Err err = { 0 };
    Mesh m;
    long euler = 0;
    CHECK_OK(march(&m, all_inside, 9, &err), &err);
    CHECK(manifold(&euler, &m) == 0 && euler == 2, "Euler characteristic %ld", euler);
    const Measure q = measure(&m);
    CHECK_LE(fabs(q.volume - 8), 8 * 3 * 0.25 / 64, "volume %g", q.volume);
    for (size_t i = 0; i < 3 * m.vertices; i++) CHECK_LE(r_abs(m.position[i]), 1 + 0.25 / 64, "vertex %zu", i / 3);
    mesh_free(&m);
}

/* Each of the 255 patterns that a cell can have, on its own between padding. */
static void every_cell(void)
{
    for (unsigned inside = 1; inside < 256; inside++) {
        Err err = { 0 };
        Mesh m;
        long euler = 0;
        real density[8];
        for (int c = 0; c < 8; c++) density[c] = inside >> c & 1 ? R(2.0) : R(0.5);
        CHECK_OK(mesh_march(&m, density, 2, R(1.0), &err), &err);
        CHECK(manifold(&euler, &m) == 0, "pattern %u", inside);
        const Measure q = measure(&m);
        CHECK(q.volume > 0 && q.smallest > 0, "pattern %u: volume %g, smallest triangle %g", inside, q.volume, q.smallest);
        mesh_free(&m);
    }
}

/* Densities 0, 1, 2 at random and threshold 1: a third of the samples lies on the threshold. */
static void values_at_the_threshold(void)
{
    enum { N = 17 };
    Err err = { 0 };
    Mesh m;
    long euler = 0;
    real density[N * N * N];
    for (uint32_t i = 0; i < N * N * N; i++) density[i] = (real)rng_below((RngAt){ 5, 0, 0, RNG_PROBE }, i, 3);
    CHECK_OK(mesh_march(&m, density, N, R(1.0), &err), &err);
    CHECK(manifold(&euler, &m) == 0, "not manifold");
    const Measure q = measure(&m);
    CHECK(q.volume > 0 && q.smallest > 1e-7, "volume %g, smallest triangle %g", q.volume, q.smallest);
    mesh_free(&m);
}

/* ---- fields ---- */

static Field *field(int z, int y, int x, Err *err)
{
    return field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { z, y, x }, .peak = R(6.0), .slope = R(8.0) }, err);
}

/* How many vertices have a normal that points against their triangles, taken by area. Across them, to rounding, is not against. */
static size_t against_triangles(const Mesh *m)
{
    double *sum = calloc(3 * m->vertices, sizeof *sum);
    size_t count = 0;
    for (size_t t = 0; t < m->triangles && sum != NULL; t++) {
        const uint32_t *v = m->index + 3 * t;
        double e[2][3];
        for (size_t k = 0; k < 2; k++)
            for (size_t j = 0; j < 3; j++) e[k][j] = (double)m->position[3 * v[k + 1] + j] - (double)m->position[3 * v[0] + j];
        for (size_t k = 0; k < 9; k++) {
            const size_t j = k % 3, a = (j + 1) % 3, b = (j + 2) % 3;
            sum[3 * v[k / 3] + j] += e[0][a] * e[1][b] - e[0][b] * e[1][a];
        }
    }
    for (size_t i = 0; i < m->vertices && sum != NULL; i++) {
        double dot = 0, length = 0;
        for (size_t j = 0; j < 3; j++) length += fabs(sum[3 * i + j]);
        for (size_t j = 0; j < 3; j++) dot += sum[3 * i + j] * (double)m->normal[3 * i + j];
        count += !(dot >= -8 * (double)REAL_EPS * length);
    }
    if (sum == NULL) count = m->vertices;
    free(sum);
    return count;
}

/* Noise on a grid of odd sizes, coarsely sampled, so that some gradients point against the triangles. Steep: such that the density around many vertices
 * falls by less than the root of the smallest number. */
static void noise(real steep)
{
    Err err = { 0 };
    Mesh m = { 0 };
    long euler = 0;
    Field *f = field(17, 25, 21, &err);
    CHECK(f != NULL, "%s", err.msg);
    rng_normal(f->theta, (RngAt){ 9, 0, 0, RNG_PROBE }, f->n);
    for (size_t i = 0; i < f->n; i++) f->theta[i] *= steep;
    CHECK_OK(mesh_extract(&m, f, 23, R(1.5), &err), &err);
    CHECK(manifold(&euler, &m) == 0, "not manifold");
    CHECK(m.triangles > 1000 && measure(&m).volume > 0, "%zu triangles", m.triangles);
    for (size_t i = 0; i < m.vertices; i++) {
        const double x = (double)m.normal[3 * i], y = (double)m.normal[3 * i + 1], z = (double)m.normal[3 * i + 2];
        CHECK_LE(fabs(x * x + y * y + z * z - 1), 8 * (double)REAL_EPS, "normal of vertex %zu", i);
    }
    CHECK(against_triangles(&m) == 0, "%zu normals point inwards", against_triangles(&m));
    mesh_free(&m);
    field_free(f);
}

static void noises(void)
{
    noise(R(3.0));
    noise(R(3000.0));
}

/* A soft ball: raw density 6 - 8 |p| is 1, density log(1 + e), at radius 5/8. Raw colour is linear in p, which interpolation keeps. */
static void normals_and_colours(void)
{
    enum { N = 33 };
    Err err = { 0 };
    Mesh m = { 0 };
    Field *f = field(N, N, N, &err);
    CHECK(f != NULL, "%s", err.msg);
    field_start(f, 1);
    for (size_t node = 0; node < f->n / 4; node++)
        for (size_t j = 0; j < 3; j++) {
            const size_t at = j == 0 ? node % N : j == 1 ? node / N % N : node / N / N;
            f->theta[4 * node + 1 + j] = R(0.3) + R(2.0) * (R(2.0) * (real)at / (N - 1) - 1);
        }
    CHECK_OK(mesh_extract(&m, f, 40, (real)log1p(exp(1.0)), &err), &err);
    for (size_t i = 0; i < m.vertices; i++) {
        const real *p = m.position + 3 * i, *n = m.normal + 3 * i;
        const double radius = sqrt((double)(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]));
        CHECK_LE(fabs(radius - 0.625), 2e-3, "radius of vertex %zu", i);
        CHECK_LE(1 - (double)(p[0] * n[0] + p[1] * n[1] + p[2] * n[2]) / radius, 2e-3, "normal of vertex %zu", i);
        double want[3];
        looked_up(want, f, p, n);
        for (int j = 0; j < 3; j++) CHECK_LE(fabs((double)m.colour[3 * i + (size_t)j] - want[j]), 64 * (double)REAL_EPS, "colour of vertex %zu", i);
    }
    mesh_free(&m);
    field_free(f);
}

/* A field of one density everywhere: between the faces there is no gradient, at them it points outwards. */
static void faces_of_a_full_field(void)
{
    Err err = { 0 };
    Mesh m = { 0 };
    Field *f = field(2, 2, 2, &err);
    CHECK(f != NULL, "%s", err.msg);
    CHECK_OK(mesh_extract(&m, f, 8, R(0.5), &err), &err);
    size_t flat = 0;
    for (size_t i = 0; i < m.vertices; i++)
        for (size_t j = 0; j < 3; j++) {
            if (r_abs(m.normal[3 * i + j]) < 1) continue;
            flat++;
            CHECK(m.normal[3 * i + j] * m.position[3 * i + j] >= 1, "vertex %zu has its normal inwards", i);
        }
    CHECK(flat > m.vertices / 2, "%zu of %zu vertices", flat, m.vertices);
    mesh_free(&m);
    field_free(f);
}

/* Two balls, and one node alone: by what share of the larger ball's triangles they stay. What stays is what it was. */
static void outliers_are_left_out(void)
{
    enum { N = 41 };
    static const struct { double share; long dropped; } cases[] = { { 0, 0 }, { 1e-3, 0 }, { 0.05, 1 }, { 0.9, 2 }, { 1, 2 } };
    Err err = { 0 };
    Field *f = field(N, N, N, &err);
    CHECK(f != NULL, "%s", err.msg);
    for (size_t node = 0; node < f->n / 4; node++) {
        const double p[3] = { (double)(node % N) / 20 - 1, (double)(node / N % N) / 20 - 1, (double)(node / N / N) / 20 - 1 };
        const double large = hypot(hypot(p[0] + 0.4, p[1]), p[2]), small = hypot(hypot(p[0] - 0.5, p[1]), p[2]);
        f->theta[4 * node] = (real)fmax(20 - 50 * large, 10 - 50 * small);
    }
    f->theta[4 * (4 + N * (4 + N * 4))] = 50;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Mesh whole = { 0 }, m = { 0 };
        long euler = 0;
        CHECK_OK(mesh_extract(&whole, f, N, R(2.77), &err), &err);
        CHECK_OK(mesh_extract(&m, f, N, R(2.77), &err), &err);
        CHECK(mesh_drop_outliers(&m, (real)cases[i].share, &err) == cases[i].dropped, "share %g: %s", cases[i].share, err.msg);
        CHECK(manifold(&euler, &m) == 0 && euler == 2 * (3 - cases[i].dropped), "share %g: Euler's number %ld", cases[i].share, euler);
        CHECK(m.vertices - m.triangles / 2 == (size_t)euler, "share %g: %zu vertices, %zu triangles", cases[i].share, m.vertices, m.triangles);
        size_t at = 0;
        for (size_t t = 0; t < m.triangles; t++)
            for (size_t k = 0; k < 3; k++) CHECK(m.index[3 * t + k] < m.vertices, "triangle %zu", t);
        for (size_t v = 0; v < m.vertices; v++, at++) {
            while (at < whole.vertices && memcmp(whole.position + 3 * at, m.position + 3 * v, 3 * sizeof(real)) != 0) at++;
            CHECK(at < whole.vertices && memcmp(whole.normal + 3 * at, m.normal + 3 * v, 3 * sizeof(real)) == 0
                  && memcmp(whole.colour + 3 * at, m.colour + 3 * v, 3 * sizeof(real)) == 0, "share %g: vertex %zu", cases[i].share, v);
        }
        mesh_free(&whole);
        mesh_free(&m);
    }
    field_free(f);
}

/* ---- trouble ---- */

static void refused(void)
{
    Err err = { 0 };
    Mesh m = { 0 };
    Field *f = field(4, 4, 4, &err);
    CHECK(f != NULL, "%s", err.msg);
    f->theta[0] = 3;                                                      /* density 3.049 in one corner, log 2 elsewhere */
    CHECK(mesh_extract(&m, f, 8, R(3.1), &err) == -1 && strstr(err.msg, "3.049") != NULL && strstr(err.msg, "3.1") != NULL, "'%s'", err.msg);
    CHECK(m.position == NULL && m.triangles == 0, "something is left");
    f->theta[4 * 63] = (real)NAN;
    err = (Err){ 0 };
    CHECK(mesh_extract(&m, f, 8, R(1.0), &err) == -1 && strstr(err.msg, "density") != NULL && strstr(err.msg, "nan") != NULL, "'%s'", err.msg);
    f->theta[4 * 63] = 0;
    f->theta[2] = (real)NAN;
    err = (Err){ 0 };
    CHECK(mesh_extract(&m, f, 8, R(1.0), &err) == -1 && strstr(err.msg, "colour") != NULL && strstr(err.msg, "(-") != NULL, "'%s'", err.msg);
    f->theta[2] = 0;
    long n = 1;
    for (int done = 0; !done && n < 100; n++) {
        err = (Err){ 0 };
        mem_fail_at(n);
        done = mesh_extract(&m, f, 8, R(1.0), &err) == 0;
        CHECK(done == !err.set && (done || m.position == NULL), "allocation %ld: '%s'", n, err.msg);
    }
    mem_fail_at(0);
    CHECK(n > 8 && n < 100, "%ld allocations", n);
    mesh_free(&m);
    field_free(f);
}

int main(void)
{
    TEST(closed_forms);
    TEST(whole_cube);
    TEST(every_cell);
    TEST(values_at_the_threshold);
    TEST(noises);
    TEST(normals_and_colours);
    TEST(faces_of_a_full_field);
    TEST(outliers_are_left_out);
    TEST(refused);
    return test_end();
}
