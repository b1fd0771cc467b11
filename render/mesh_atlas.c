/* mesh_atlas.c -- a patch of a texture for each triangle of a mesh
 *
 * Triangles 2c and 2c + 1 share cell c, k texels a side; cells lie in rows. In texels from the cell's upper left corner
 *
 *     even: (1, 1), (1 + m, 1), (1, 1 + m)      odd: the same from the lower right corner, turned by half a turn      m = k - 4
 *
 * Bilinear filtering at (u, v) reads the four texels whose middles (i + 1/2, j + 1/2) are nearest. In the even triangle u + v <= m + 2, so those
 * have i + j <= k - 2 and 0 <= i, j <= k - 3; in the odd one i + j >= k. Thus nothing bleeds, the texels of the diagonal i + j = k - 1 keep
 * the two apart, and half a texel's slack is left at the sides. (Smaller levels of a texture mix cells: the file asks for none.)
 *
 * The middle of a texel has barycentric coordinates b1 = (i - 1/2)/m, b2 = (j - 1/2)/m, b0 = 1 - b1 - b2, which just outside the triangle are
 * negative: colours there go on in its plane, so that filtering gives both triangles of an edge the same colours as far as they are linear.
 */
#include "render/mesh.h"
#include "tensor/mem.h"

int atlas_plan(Atlas *a, const Mesh *m, Err *err)
{
    const size_t cells = (m->triangles + 1) / 2, most = ATLAS_SIDE / ATLAS_CELL_MIN;
    if (cells > most * most)
        return err_set(err, "mesh: found %zu triangles, expected at most %zu, the room of a texture of %d x %d; "
                       "take fewer samples, or a format with colours of vertices", m->triangles, 2 * most * most, ATLAS_SIDE, ATLAS_SIDE);
    int columns = 1, side = ATLAS_CELL;
    while ((size_t)columns * (size_t)columns < cells) columns++;
    while (side * columns > ATLAS_SIDE) side--;
    *a = (Atlas){ side, columns, (int)((cells + (size_t)columns - 1) / (size_t)columns) };
    return 0;
}

void atlas_corners(int corner[3][2], const Atlas *a, size_t triangle)
{
    const int k = a->cell, c = (int)(triangle / 2), left = c % a->columns * k, top = c / a->columns * k;
    for (int i = 0; i < 3; i++) {
        const int x = i == 1 ? k - 3 : 1, y = i == 2 ? k - 3 : 1;
        corner[i][0] = left + (triangle % 2 == 0 ? x : k - x);
        corner[i][1] = top + (triangle % 2 == 0 ? y : k - y);
    }
}

/* Point and normal of one triangle at the middle of texel (i, j) of its cell, counted from its own corner of it. */
static void texel_point(real position[3], real normal[3], const Mesh *m, size_t triangle, int i, int j, int k)
{
    const real b1 = ((real)i - R(0.5)) / (real)(k - 4), b2 = ((real)j - R(0.5)) / (real)(k - 4), b0 = R(1.0) - b1 - b2;
    const uint32_t *v = m->index + 3 * triangle;
    const size_t a = 3 * (size_t)v[0], b = 3 * (size_t)v[1], c = 3 * (size_t)v[2];
    real n[3];
    for (size_t axis = 0; axis < 3; axis++) {
        position[axis] = r_fma(b2, m->position[c + axis], r_fma(b1, m->position[b + axis], b0 * m->position[a + axis]));
        n[axis] = r_fma(b2, m->normal[c + axis], r_fma(b1, m->normal[b + axis], b0 * m->normal[a + axis]));
    }
    const real length = r_sqrt(r_fma(n[2], n[2], r_fma(n[1], n[1], n[0] * n[0])));
    for (size_t axis = 0; axis < 3; axis++) normal[axis] = length > R(1e-6) ? n[axis] / length : m->normal[a + axis];
}

/* All texels of cell c: position, normal (cell cell, 3). */
static void cell_points(real *position, real *normal, const Atlas *a, const Mesh *m, size_t c)
{
    const int k = a->cell;
    for (int j = 0; j < k; j++)
        for (int i = 0; i < k; i++) {
            const int even = i + j < k || 2 * c + 1 >= m->triangles;
            const size_t at = 3 * ((size_t)j * (size_t)k + (size_t)i);
            if (even) texel_point(position + at, normal + at, m, 2 * c, i, j, k);
            else texel_point(position + at, normal + at, m, 2 * c + 1, k - 1 - i, k - 1 - j, k);
        }
}

/* One row of cells, the first of which is `first`; work: (9, texels) */
static int bake_row(unsigned char *pixels, real *work, const Atlas *a, const Mesh *m, const Field *f, size_t first, Err *err)
{
    const size_t k = (size_t)a->cell, columns = (size_t)a->columns, cells = (m->triangles + 1) / 2;
    const size_t here = cells - first < columns ? cells - first : columns, texels = columns * k * k;
    real *position = work, *normal = work + 3 * texels, *colour = work + 6 * texels;
    for (size_t c = 0; c < here; c++) cell_points(position + 3 * c * k * k, normal + 3 * c * k * k, a, m, first + c);
    if (mesh_colours(colour, f, position, normal, here * k * k, err) != 0) return -1;
    for (size_t c = 0; c < here; c++)
        for (size_t j = 0; j < k; j++)
            for (size_t i = 0; i < 3 * k; i++) pixels[3 * k * (j * columns + c) + i] = mesh_byte(colour[3 * k * (c * k + j) + i]);
    return 0;
}

int atlas_bake(unsigned char *pixels, const Atlas *a, const Mesh *m, const Field *f, Err *err)
{
    const size_t texels = (size_t)a->columns * (size_t)a->cell * (size_t)a->cell;         /* of a row of cells */
    real *work = mem_new(9 * texels, sizeof(real), "texture", err);
    int status = work == NULL ? -1 : 0;
    for (int row = 0; row < a->rows && status == 0; row++)
        status = bake_row(pixels + 3 * texels * (size_t)row, work, a, m, f, (size_t)row * (size_t)a->columns, err);
    mem_free(work);
    return status;
}
