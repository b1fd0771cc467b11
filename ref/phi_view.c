/* phi_view.c -- maps of a render
 *
 * The raw density stands for the density: softplus rises, so both gradients point the same way, and far outside, where softplus is 0 to rounding, the
 * raw one still has a direction.
 */
#include "ref/phi_view.h"

#define STEP R(0.01)
enum { SIDES = 6 };                                        /* +x, -x, +y, -y, +z, -z */

/* p (3, 6 w): the six neighbours of each mean point of a row; dir: its ray's direction */
static void neighbours(real *p, real *dir, const Camera *c, const real *depth, const real *opacity, int row)
{
    const int P = SIDES * c->w;
    for (int col = 0; col < c->w; col++) {
        real d[3];
        camera_ray(d, c, (real)row, (real)col);
        const real t = depth[col] / r_max(opacity[col], R(1e-5));
        for (int side = 0; side < SIDES; side++)
            for (int k = 0; k < 3; k++) {
                const real move = side / 2 != k ? R(0.0) : side % 2 == 0 ? STEP : -STEP;
                p[k * P + SIDES * col + side] = r_fma(t, d[k], c->c2w[k][3]) + move;
                dir[k * P + SIDES * col + side] = d[k];
            }
    }
}

void phi_normals(real *normals, const Field *f, const Camera *c, const real *depth, const real *opacity, real *work)
{
    const int P = SIDES * c->w;
    const size_t pixels = (size_t)c->h * (size_t)c->w;
    real *p = work, *dir = work + 3 * P, *raw = work + 6 * P, *kept = work + 10 * P;
    for (int row = 0; row < c->h; row++) {
        const size_t first = (size_t)row * (size_t)c->w;
        neighbours(p, dir, c, depth + first, opacity + first, row);
        field_eval(raw, p, dir, f, P, kept);
        for (size_t col = 0; col < (size_t)c->w; col++) {
            const real *at = raw + SIDES * col;
            const real g[3] = { at[0] - at[1], at[2] - at[3], at[4] - at[5] };
            const real size = r_sqrt(r_fma(g[0], g[0], r_fma(g[1], g[1], g[2] * g[2])));
            const real scale = size > 0 ? -opacity[first + col] / size : R(0.0);
            for (size_t j = 0; j < 3; j++)
                normals[j * pixels + first + col] = scale * r_fma(c->c2w[0][j], g[0], r_fma(c->c2w[1][j], g[1], c->c2w[2][j] * g[2]));
        }
    }
}

int phi_view(PhiSource *source, Arena *arena, Renderer *r, const Field *f, const Camera *c, const RenderSettings *s, real distance)
{
    const size_t n = source->pixels;
    if (!phi_asks_render(source->kind)) return 0;
    BUG_IF(f->config.kind == FIELD_IMAGE, "normals and depth of an image");
    real *depth = arena_real(arena, n, "depth"), *opacity = arena_real(arena, n, "opacity");
    real *map = arena_real(arena, 3 * n, "normals"), *work = arena_real(arena, (10 + field_kept(f)) * SIDES * (size_t)c->w, "normals");
    if (depth == NULL || opacity == NULL || map == NULL || work == NULL) return -1;
    render_view(&(RenderOut){ .depth = depth, .opacity = opacity }, r, f, c, s);
    source->render = source->kind == PHI_PEARSON_DEPTH ? depth : map;
    if (source->kind == PHI_DEPTH)
        for (size_t i = 0; i < n; i++) map[i] = R(0.5) * r_fma(opacity[i], distance + R(1.0), -depth[i]);
    if (source->kind == PHI_NORMALS) phi_normals(map, f, c, depth, opacity, work);
    return 0;
}
