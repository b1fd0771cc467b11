/* mesh_outliers.c -- a mesh without its smallest parts: vertices that triangles join belong together */
#include "render/mesh.h"
#include "tensor/mem.h"

/* The part's first vertex, by which it is named; paths are halved on the way. */
static uint32_t part_of(uint32_t *up, uint32_t v)
{
    while (up[v] != v) {
        up[v] = up[up[v]];
        v = up[v];
    }
    return v;
}

static void join(uint32_t *up, uint32_t a, uint32_t b)
{
    a = part_of(up, a);
    b = part_of(up, b);
    if (a < b) up[b] = a;
    else up[a] = b;
}

/* Vertices of parts with at least `least` triangles move up; their new places take the place of `up`. */
static void keep_vertices(Mesh *m, uint32_t *up, const size_t *triangles, double least)
{
    size_t kept = 0;
    for (size_t v = 0; v < m->vertices; v++) up[v] = part_of(up, (uint32_t)v);
    for (size_t v = 0; v < m->vertices; v++) {
        if ((double)triangles[up[v]] < least) continue;
        for (size_t j = 0; j < 3; j++) {
            m->position[3 * kept + j] = m->position[3 * v + j];
            m->normal[3 * kept + j] = m->normal[3 * v + j];
            m->colour[3 * kept + j] = m->colour[3 * v + j];
        }
        kept++;
    }
    for (size_t v = 0, at = 0; v < m->vertices; v++) up[v] = (double)triangles[up[v]] < least ? UINT32_MAX : (uint32_t)at++;
    m->vertices = kept;
}

long mesh_drop_outliers(Mesh *m, real share, Err *err)
{
    long dropped = 0;
    size_t most = 0, kept = 0;
    uint32_t *up = mem_new(m->vertices, sizeof *up, "mesh", err);
    size_t *triangles = mem_new(m->vertices, sizeof *triangles, "mesh", err);
    if (up != NULL && triangles != NULL) {
        for (size_t v = 0; v < m->vertices; v++) up[v] = (uint32_t)v;
        for (size_t t = 0; t < m->triangles; t++)
            for (size_t k = 1; k < 3; k++) join(up, m->index[3 * t], m->index[3 * t + k]);
        for (size_t t = 0; t < m->triangles; t++) triangles[part_of(up, m->index[3 * t])]++;
        for (size_t v = 0; v < m->vertices; v++) most = triangles[v] > most ? triangles[v] : most;
        const double least = (double)share * (double)most;
        for (size_t v = 0; v < m->vertices; v++) dropped += triangles[v] > 0 && (double)triangles[v] < least;
        keep_vertices(m, up, triangles, least);
        for (size_t t = 0; t < m->triangles; t++) {
            if (up[m->index[3 * t]] == UINT32_MAX) continue;
            for (size_t k = 0; k < 3; k++) m->index[3 * kept + k] = up[m->index[3 * t + k]];
            kept++;
        }
        m->triangles = kept;
    }
    mem_free(up);
    mem_free(triangles);
    return err->set ? -1 : dropped;
}
