/* mesh.c -- from a field to a mesh: its density on a grid, the surface (marching.c), normals and colours at the vertices
 *
 * Threads share layers of samples and blocks of points, whose outputs are disjoint; the surface itself is made by one.
 */
#include "render/mesh.h"

#include "tensor/elem.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/sum.h"
#include "tensor/text.h"

#define STEP R(0.01)                          /* of the central differences, as in shaded renders */

enum { BLOCK = MESH_SIDE_MAX };               /* points evaluated together; a row of samples is at most that; does not change a bit */

typedef struct Probe {                        /* scratch of one thread; planes lie as far apart as there are points */
    real *p, *d, *raw;                        /* (3,P), (3,P), (4,P), P <= BLOCK */
    real *kept;                               /* (P, field_kept) */
} Probe;
typedef struct Probes { real *memory; size_t each; } Probes;

static int probes_open(Probes *all, const Field *f, Err *err)
{
    all->each = BLOCK * (10 + field_kept(f));
    all->memory = mem_new((size_t)par_threads() * all->each, sizeof(real), "mesh", err);
    return all->memory == NULL ? -1 : 0;
}

static Probe probe_self(const Probes *all)
{
    real *at = all->memory + (size_t)par_self() * all->each;
    return (Probe){ at, at + 3 * BLOCK, at + 6 * BLOCK, at + 10 * BLOCK };
}

/* Densities at the probe's points; they do not depend on its directions, which are unit all the same. */
static void densities(real *out, const Probe *k, const Field *f, int P)
{
    for (int i = 0; i < 3 * P; i++) k->d[i] = R(0.57735026918962576);
    field_eval(k->raw, k->p, k->d, f, P, k->kept);
    for (int i = 0; i < P; i++) {
        const int inside = r_abs(k->p[i]) <= R(1.0) && r_abs(k->p[P + i]) <= R(1.0) && r_abs(k->p[2 * P + i]) <= R(1.0);
        out[i] = inside ? r_softplus(k->raw[i]) : R(0.0);
    }
}

/* density: (side,side,side), the samples of mesh_march */
static int sample_grid(real *density, const Field *f, int side, Err *err)
{
    Probes all;
    if (probes_open(&all, f, err) != 0) return -1;
    PAR_FOR_DYNAMIC
    for (int z = 0; z < side; z++) {
        const Probe k = probe_self(&all);
        for (int y = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                const int at[3] = { x, y, z };
                for (int j = 0; j < 3; j++) k.p[j * side + x] = (real)(2 * at[j] - (side - 1)) / (real)(side - 1);
            }
            densities(density + ((size_t)z * (size_t)side + (size_t)y) * (size_t)side, &k, f, side);
        }
    }
    mem_free(all.memory);
    const long bad = first_not_finite(density, (size_t)side * (size_t)side * (size_t)side);
    if (bad < 0) return 0;
    return err_set(err, "mesh: density of sample %ld of %d^3: found %g, expected a finite number", bad, side, text_shown((double)density[bad]));
}

/* ---- normals ---- */

#define SMALL R(0x1p-50)

/* 0, or -1 where v has no direction. TRAP: squares of steep fields' smallest areas are subnormal and have lost their digits: powers of two come first. */
static int unit(real v[3])
{
    real most = r_max(r_abs(v[0]), r_max(r_abs(v[1]), r_abs(v[2])));
    for (; most > 0 && most < SMALL; most /= SMALL)
        for (int j = 0; j < 3; j++) v[j] /= SMALL;
    const real length = r_sqrt(r_fma(v[2], v[2], r_fma(v[1], v[1], v[0] * v[0])));
    if (!(length > 0) || !(length <= R(1e30))) return -1;
    for (int j = 0; j < 3; j++) v[j] /= length;
    return 0;
}

/* Each triangle adds (b - a) x (c - a), twice its area long, to its three corners. */
static void triangle_normals(Mesh *m)
{
    for (size_t t = 0; t < m->triangles; t++) {
        const real *corner[3];
        real u[3], v[3];
        for (int k = 0; k < 3; k++) corner[k] = m->position + 3 * (size_t)m->index[3 * t + (size_t)k];
        for (int j = 0; j < 3; j++) {
            u[j] = corner[1][j] - corner[0][j];
            v[j] = corner[2][j] - corner[0][j];
        }
        for (int k = 0; k < 3; k++) {
            real *n = m->normal + 3 * (size_t)m->index[3 * t + (size_t)k];
            for (int j = 0; j < 3; j++) {
                const int a = (j + 1) % 3, b = (j + 2) % 3;
                n[j] += r_fma(u[a], v[b], -(u[b] * v[a]));
            }
        }
    }
}

/* fall: (n,3) what density loses along the axes around the points of `position` (n,3), n <= BLOCK/2 */
static void density_falls(real *fall, const real *position, const Probe *k, const Field *f, int n)
{
    real density[BLOCK];
    const int P = 2 * n;
    for (int axis = 0; axis < 3; axis++) {
        for (int i = 0; i < P; i++)
            for (int j = 0; j < 3; j++) k->p[j * P + i] = position[3 * (i % n) + j] + (j != axis ? R(0.0) : i < n ? STEP : -STEP);
        densities(density, k, f, P);
        for (int i = 0; i < n; i++) fall[3 * i + axis] = density[n + i] - density[i];
    }
}

static void choose_normal(real normal[3], const real fall[3])
{
    real n[3] = { fall[0], fall[1], fall[2] };
    const int directed = unit(n) == 0;
    const int agrees = r_fma(n[2], normal[2], r_fma(n[1], normal[1], n[0] * normal[0])) > 0;
    if (directed && agrees) for (int j = 0; j < 3; j++) normal[j] = n[j];
    else if (unit(normal) != 0) for (int j = 0; j < 3; j++) normal[j] = j == 2 ? R(1.0) : R(0.0);    /* triangles that cancel */
}

static int vertex_normals(Mesh *m, const Field *f, Err *err)
{
    enum { SIZE = BLOCK / 2 };
    Probes all;
    m->normal = mem_new(m->vertices, 3 * sizeof(real), "mesh", err);
    if (m->normal == NULL || probes_open(&all, f, err) != 0) return -1;
    triangle_normals(m);
    PAR_FOR_DYNAMIC
    for (size_t first = 0; first < m->vertices; first += SIZE) {
        const Probe k = probe_self(&all);
        const int n = m->vertices - first < SIZE ? (int)(m->vertices - first) : SIZE;
        real fall[3 * SIZE];
        density_falls(fall, m->position + 3 * first, &k, f, n);
        for (int i = 0; i < n; i++) choose_normal(m->normal + 3 * (first + (size_t)i), fall + 3 * i);
    }
    mem_free(all.memory);
    return 0;
}

/* ---- colours ---- */

enum { DEEP = 8 };                            /* samples along minus a normal: closer than a view's */
#define DEPTH R(0.25)                         /* world units: at the default threshold half of what is seen from outside */

/* P points' samples: point i, sample s at s n + i, s/DEEP of DEPTH in; moved to the cube's faces, as rays that start there are. */
static void look_in(const Probe *k, const real *position, const real *normal, int n)
{
    const int P = DEEP * n;
    for (int s = 0; s < DEEP; s++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < 3; j++) {
                k->d[j * P + s * n + i] = -normal[3 * i + j];
                k->p[j * P + s * n + i] = r_clamp(r_fma(-normal[3 * i + j], ((real)s + R(0.5)) * (DEPTH / DEEP), position[3 * i + j]), R(-1.0), R(1.0));
            }
}

/* sum w c / sum w with the renderer's weights (volume.h), w_s = T_s (1 - exp(-density_s DEPTH/DEEP)); where there is nothing, the first sample's c. */
static void seen(real *colour, const Probe *k, int n)
{
    const int P = DEEP * n;
    for (int i = 0; i < n; i++) {
        real sum[3] = { 0 }, opacity = 0, T = 1;
        for (int s = 0; s < DEEP; s++) {
            const real through = r_exp(-(r_softplus(k->raw[s * n + i]) * (DEPTH / DEEP))), w = T * (R(1.0) - through);
            for (int j = 0; j < 3; j++) sum[j] = r_fma(w, r_sigmoid(k->raw[(j + 1) * P + s * n + i]), sum[j]);
            opacity += w;
            T = T * through;
        }
        for (int j = 0; j < 3; j++) colour[3 * i + j] = opacity > 0 ? sum[j] / opacity : r_sigmoid(k->raw[(j + 1) * P + i]);
    }
}

int mesh_colours(real *colour, const Field *f, const real *position, const real *normal, size_t n, Err *err)
{
    enum { SIZE = BLOCK / DEEP };
    Probes all;
    if (probes_open(&all, f, err) != 0) return -1;
    PAR_FOR_DYNAMIC
    for (size_t first = 0; first < n; first += SIZE) {
        const Probe k = probe_self(&all);
        const int some = n - first < SIZE ? (int)(n - first) : SIZE;
        look_in(&k, position + 3 * first, normal + 3 * first, some);
        field_eval(k.raw, k.p, k.d, f, DEEP * some, k.kept);
        seen(colour + 3 * first, &k, some);
    }
    mem_free(all.memory);
    const long bad = first_not_finite(colour, 3 * n);
    if (bad < 0) return 0;
    const real *p = position + 3 * (bad / 3);
    return err_set(err, "mesh: colour at (%.4g, %.4g, %.4g): found NaN, expected a number", (double)p[0], (double)p[1], (double)p[2]);
}

int mesh_extract(Mesh *out, const Field *f, int side, real threshold, Err *err)
{
    BUG_IF(side < MESH_SIDE_MIN || side > MESH_SIDE_MAX, "mesh of %d samples a side", side);
    *out = (Mesh){ 0 };
    real *density = mem_new((size_t)side * (size_t)side * (size_t)side, sizeof(real), "mesh", err);
    int status = density == NULL ? -1 : sample_grid(density, f, side, err);
    if (status == 0) status = mesh_march(out, density, side, threshold, err);
    mem_free(density);
    if (status == 0) status = vertex_normals(out, f, err);
    if (status == 0) out->colour = mem_new(out->vertices, 3 * sizeof(real), "mesh", err);
    if (status == 0) status = out->colour == NULL ? -1 : mesh_colours(out->colour, f, out->position, out->normal, out->vertices, err);
    if (status != 0) mesh_free(out);
    return status;
}

void mesh_free(Mesh *m)
{
    mem_free(m->position);
    mem_free(m->normal);
    mem_free(m->colour);
    mem_free(m->index);
    *m = (Mesh){ 0 };
}
