/* marching.c -- marching cubes: the surface density = threshold among the samples of a regular grid
 *
 * A vertex lies on every edge of the grid that leads from inside (density > threshold) to outside, where the density, taken as linear,
 * is the threshold. A face of a cell is passed anticlockwise, seen from outside the cell: each run of inside corners is entered by
 * one edge and left by another, and a segment joins the two. So where opposite corners are inside and the others not, the inside is kept
 * apart, seen from either cell. Following segments from "entered" to "left" gives closed loops around the cell, anticlockwise seen from
 * outside the surface, and each loop is cut into a fan of triangles from the first of its corners of which no diagonal lies in a face
 * of the cell. All 256 cases have one (tests/t_mesh.c); loops have 3 to 7 corners.
 *
 * Manifold: the two cells of a face agree on its segments and pass them in opposite directions, so an edge of the mesh in a face has one
 * triangle in either cell; a diagonal is inside a cell and has two triangles of one loop. Around a vertex stand four cells with one loop each.
 *
 * Special cases: a density equal to the threshold is outside. A vertex keeps MARGIN of its edge's length away from both ends, so
 * corners of a triangle lie on different edges of a box and never in one line. Outside the cube density is 0: a layer of such samples lies
 * MARGIN cells outside each face, and the surface that closes there is no farther off than that. Serial: cells in ascending order (z, y, x)
 * decide the order of everything.
 */
#include "render/mesh.h"
#include "tensor/mem.h"
#include "tensor/sum.h"

#include <string.h>

#define MARGIN (R(1.0) / R(64.0))

/* Corners of a cell are sums of 1 (x), 2 (y), 4 (z). The edge that leaves corner c along axis a is 3 c + a. */
enum { EDGES = 3 * 8, LOOP = 7, NONE = 255 };

/* Corners of each face, anticlockwise seen from outside the cell. */
static const unsigned char faces[6][4] = { { 4, 6, 2, 0 }, { 1, 3, 7, 5 }, { 1, 5, 4, 0 }, { 2, 6, 7, 3 }, { 2, 3, 1, 0 }, { 4, 5, 7, 6 } };

typedef struct March {
    int side;                                 /* samples a side, padding included */
    real threshold;
    int z;                                    /* lower of the two layers at hand */
    real *plane[2];                           /* (side,side) their densities */
    uint32_t *vertex[2];                      /* (side,side,3) 1 + the vertex on the edge that leaves a sample along each axis; 0: none yet */
    Mesh *mesh;
    size_t vertex_room, triangle_room;
    Err *err;
} March;

/* p (n of `room` items) with room for one more; NULL: out of memory, p stands. */
static void *grown(void *p, size_t n, size_t *room, size_t size, Err *err)
{
    if (n < *room) return p;
    const size_t more = *room == 0 ? 4096 : 2 * *room;
    void *q = mem_new(more, size, "mesh", err);
    if (q == NULL) return NULL;
    if (n > 0) memcpy(q, p, n * size);
    mem_free(p);
    *room = more;
    return q;
}

/* Coordinate of sample i = 0 .. side-1 along any axis. */
static real coordinate(int i, int side)
{
    const int cells = side - 3;
    if (i == 0 || i == side - 1) return (i == 0 ? R(-1.0) : R(1.0)) * r_fma(MARGIN, R(2.0) / (real)cells, R(1.0));
    return (real)(2 * (i - 1) - cells) / (real)cells;
}

/* A vertex between the samples `from` and `to`, whose densities are a and b. */
static uint32_t vertex_new(March *m, const int from[3], const int to[3], real a, real b)
{
    Mesh *mesh = m->mesh;
    if (mesh->vertices == UINT32_MAX) err_set(m->err, "mesh: found more than %u vertices", UINT32_MAX);
    real *position = m->err->set ? NULL : grown(mesh->position, mesh->vertices, &m->vertex_room, 3 * sizeof(real), m->err);
    if (position == NULL) return 0;
    mesh->position = position;
    const real t = r_clamp((m->threshold - a) / (b - a), MARGIN, R(1.0) - MARGIN);
    for (int j = 0; j < 3; j++) {
        const real start = coordinate(from[j], m->side), end = coordinate(to[j], m->side);
        position[3 * mesh->vertices + (size_t)j] = r_fma(t, end - start, start);
    }
    return (uint32_t)mesh->vertices++;
}

/* The vertex on an edge of cell (x, y). */
static uint32_t edge_vertex(March *m, int x, int y, int edge)
{
    const int corner = edge / 3, axis = edge % 3, layer = corner >> 2;
    const int from[3] = { x + (corner & 1), y + (corner >> 1 & 1), m->z + layer };
    const int to[3] = { from[0] + (axis == 0), from[1] + (axis == 1), from[2] + (axis == 2) };
    const size_t at = (size_t)from[1] * (size_t)m->side + (size_t)from[0], end = (size_t)to[1] * (size_t)m->side + (size_t)to[0];
    uint32_t *known = &m->vertex[layer][3 * at + (size_t)axis];
    if (*known == 0) *known = 1 + vertex_new(m, from, to, m->plane[layer][at], m->plane[to[2] - m->z][end]);
    return *known - 1;
}

static void triangle_new(March *m, uint32_t a, uint32_t b, uint32_t c)
{
    Mesh *mesh = m->mesh;
    uint32_t *index = m->err->set ? NULL : grown(mesh->index, mesh->triangles, &m->triangle_room, 3 * sizeof(uint32_t), m->err);
    if (index == NULL) return;
    mesh->index = index;
    memcpy(index + 3 * mesh->triangles, (const uint32_t[]){ a, b, c }, 3 * sizeof(uint32_t));
    mesh->triangles++;
}

/* The edge between neighbouring corners of a cell. */
static unsigned char edge_between(int p, int q) { return (unsigned char)(3 * (p & q) + ((p ^ q) >> 1)); }

/* next[e]: the edge that follows e in its loop; NONE where the surface does not cut e. inside: bit c is set where corner c is. */
static void link_edges(unsigned char next[EDGES], unsigned inside)
{
    memset(next, NONE, EDGES);
    for (int f = 0; f < 6; f++) {
        const unsigned char *ring = faces[f];
        for (int k = 0; k < 4; k++) {
            int first = k;                                /* of the run of inside corners that ends with k */
            if (!(inside >> ring[k] & 1) || inside >> ring[(k + 1) % 4] & 1) continue;
            while (inside >> ring[(first + 3) % 4] & 1) first = (first + 3) % 4;
            next[edge_between(ring[(first + 3) % 4], ring[first])] = edge_between(ring[k], ring[(k + 1) % 4]);
        }
    }
}

/* Do two edges lie in one face of the cell? */
static int share_face(int e, int f)
{
    for (int axis = 0; axis < 3; axis++)
        if (e % 3 != axis && f % 3 != axis && (e / 3 >> axis & 1) == (f / 3 >> axis & 1)) return 1;
    return 0;
}

/* Where the fan of a loop of n starts. */
static int fan_start(const unsigned char loop[LOOP], int n)
{
    int start = 0;
    for (; start < n; start++) {
        int flat = 0;
        for (int k = 2; k < n - 1; k++) flat |= share_face(loop[start], loop[(start + k) % n]);
        if (!flat) break;
    }
    BUG_IF(start == n, "marching cubes: a loop of %d without a fan", n);
    return start;
}

static void cell(March *m, int x, int y)
{
    unsigned inside = 0;
    for (int c = 0; c < 8; c++) {
        const size_t at = (size_t)(y + (c >> 1 & 1)) * (size_t)m->side + (size_t)(x + (c & 1));
        inside |= (unsigned)(m->plane[c >> 2][at] > m->threshold) << c;
    }
    if (inside == 0 || inside == 255) return;
    unsigned char next[EDGES], loop[LOOP];
    uint32_t v[LOOP];
    link_edges(next, inside);
    for (int e = 0; e < EDGES; e++) {
        int n = 0;
        for (unsigned char at = (unsigned char)e; next[at] != NONE; n++) {      /* an edge that was passed is taken out */
            const unsigned char after = next[at];
            loop[n] = at;
            next[at] = NONE;
            at = after;
        }
        for (int k = 0; k < n; k++) v[k] = edge_vertex(m, x, y, loop[k]);
        const int start = n > 0 ? fan_start(loop, n) : 0;
        for (int k = 1; k + 1 < n; k++) triangle_new(m, v[start], v[(start + k) % n], v[(start + k + 1) % n]);
    }
}

/* Makes layer z + 1 the upper one: its densities, no vertex yet. What was the upper one becomes the lower. */
static void next_layer(March *m, const real *density)
{
    const size_t side = (size_t)m->side, n = side - 2, z = (size_t)m->z;
    real *const plane = m->plane[0];
    uint32_t *const vertex = m->vertex[0];
    m->plane[0] = m->plane[1];
    m->plane[1] = plane;
    m->vertex[0] = m->vertex[1];
    m->vertex[1] = vertex;
    memset(vertex, 0, side * side * 3 * sizeof *vertex);
    for (size_t i = 0; i < side * side; i++) plane[i] = 0;
    for (size_t y = 0; y < n && z < n; y++) memcpy(plane + (y + 1) * side + 1, density + (z * n + y) * n, n * sizeof(real));
}

static int march(March *m, const real *density)
{
    const size_t layer = (size_t)m->side * (size_t)m->side;
    real *planes = mem_new(2 * layer, sizeof(real), "mesh", m->err);
    uint32_t *vertices = planes == NULL ? NULL : mem_new(2 * layer, 3 * sizeof(uint32_t), "mesh", m->err);
    for (size_t k = 0; k < 2 && vertices != NULL; k++) {
        m->plane[k] = planes + k * layer;
        m->vertex[k] = vertices + k * layer * 3;
    }
    for (m->z = 0; m->z < m->side - 1 && !m->err->set; m->z++) {
        next_layer(m, density);
        for (int y = 0; y < m->side - 1 && !m->err->set; y++)
            for (int x = 0; x < m->side - 1; x++) cell(m, x, y);
    }
    mem_free(planes);
    mem_free(vertices);
    return m->err->set ? -1 : 0;
}

int mesh_march(Mesh *out, const real *density, int side, real threshold, Err *err)
{
    BUG_IF(side < 2 || !(threshold > 0), "mesh of %d samples a side, threshold %g", side, (double)threshold);
    *out = (Mesh){ 0 };
    const real most = max_abs(density, (size_t)side * (size_t)side * (size_t)side);
    if (!(most > threshold))
        return err_set(err, "mesh: the largest density is %.4g, expected one above the threshold %.4g", (double)most, (double)threshold);
    March m = { .side = side + 2, .threshold = threshold, .mesh = out, .err = err };
    if (march(&m, density) == 0) return 0;
    mesh_free(out);
    return -1;
}
