/* mesh_ply.c -- PLY files: binary, little-endian, float32 positions and normals, 8-bit colours, triangles as lists of int */
#include "render/mesh.h"

#include <stdio.h>
#include <string.h>

static void put_floats(Bytes *out, const real v[3], Err *err)
{
    float f[3];
    for (int j = 0; j < 3; j++) f[j] = (float)v[j];
    bytes_put(out, f, sizeof f, err);
}

int mesh_ply(Bytes *out, const Mesh *m, Err *err)
{
    char head[512];
    if (m->vertices > INT32_MAX || m->triangles > INT32_MAX)
        return err_set(err, "PLY: found %zu vertices and %zu triangles, expected at most %d", m->vertices, m->triangles, INT32_MAX);
    snprintf(head, sizeof head,
             "ply\nformat binary_little_endian 1.0\ncomment sdref; z is up, the object faces +x\n"
             "element vertex %zu\nproperty float x\nproperty float y\nproperty float z\nproperty float nx\nproperty float ny\nproperty float nz\n"
             "property uchar red\nproperty uchar green\nproperty uchar blue\n"
             "element face %zu\nproperty list uchar int vertex_indices\nend_header\n", m->vertices, m->triangles);
    bytes_put(out, head, strlen(head), err);
    for (size_t i = 0; i < m->vertices; i++) {
        put_floats(out, m->position + 3 * i, err);
        put_floats(out, m->normal + 3 * i, err);
        for (size_t j = 0; j < 3; j++) bytes_byte(out, mesh_byte(m->colour[3 * i + j]), err);
    }
    for (size_t t = 0; t < m->triangles; t++) {
        bytes_byte(out, 3, err);
        bytes_put(out, m->index + 3 * t, 3 * sizeof(uint32_t), err);
    }
    return err->set ? -1 : 0;
}
