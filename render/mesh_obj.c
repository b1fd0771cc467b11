/* mesh_obj.c -- Wavefront OBJ files: "v x y z r g b", "vn x y z", "f a//a b//b c//c", counted from 1
 *
 * The format itself knows no colours of vertices; many programs read them behind the position, in [0,1]. Positions are rounded to 1e-7,
 * colours and normals to 1e-4, halves up, and printed in as few digits as that takes.
 */
#include "render/mesh.h"
#include "tensor/decimal.h"

#include <stdio.h>
#include <string.h>

/* " x" for each of v, rounded to multiples of 1/scale */
static void put_numbers(Bytes *out, const real v[3], double scale, Err *err)
{
    for (int j = 0; j < 3; j++) {
        char digits[DECIMAL_ROOM];
        const double rounded = floor(fma((double)v[j], scale, 0.5)) / scale;
        const size_t n = decimal_write(digits, rounded);
        bytes_byte(out, ' ', err);
        bytes_put(out, digits, n, err);
    }
}

int mesh_obj(Bytes *out, const Mesh *m, Err *err)
{
    static const char head[] = "# sdref; z is up, the object faces +x\n";
    char line[128];
    bytes_put(out, head, sizeof head - 1, err);
    for (size_t i = 0; i < m->vertices; i++) {
        bytes_byte(out, 'v', err);
        put_numbers(out, m->position + 3 * i, 1e7, err);
        put_numbers(out, m->colour + 3 * i, 1e4, err);
        bytes_put(out, "\nvn", 3, err);
        put_numbers(out, m->normal + 3 * i, 1e4, err);
        bytes_byte(out, '\n', err);
    }
    for (size_t t = 0; t < m->triangles; t++) {
        unsigned long v[3];
        for (size_t k = 0; k < 3; k++) v[k] = 1ul + m->index[3 * t + k];
        const int n = snprintf(line, sizeof line, "f %lu//%lu %lu//%lu %lu//%lu\n", v[0], v[0], v[1], v[1], v[2], v[2]);
        bytes_put(out, line, (size_t)n, err);
    }
    return err->set ? -1 : 0;
}
