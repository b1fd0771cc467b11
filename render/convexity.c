/* convexity.c -- the "hollow face" loss: normals that turn inward, as those of a face seen from inside its mask, cost        [SDI24 App.A.2]
 *
 *     y = -(mean c_h + mean c_v)
 *     c_h = e_x . turn(n_left, n_right),  c_v = e_y . turn(n_down, n_up) of neighbouring cells: the sine by which the normal turns towards the step,
 *           in the plane of the step and the axis of view:   c_h = l_z r_x - l_x r_z = (l x r)_y,   c_v = d_z u_y - d_y u_z = -(d x u)_x
 * cells: the normals of the picture on a grid of 8 x 8, bilinear, samples at the middle of the cells, no wider filter when it shrinks (PyTorch's
 * interpolate with align_corners=False: of a large picture 4 pixels a cell count). Normals of the picture, by form:
 *     camera     opacity n/|n| in the camera's axes (x right, y up, z towards it), signed
 *     released   opacity (n/|n| + 1)/2 in the world's axes, and c_h = (l x r)_z, c_v = (d x u)_z
 * Convex is good: on a sphere of radius 1 about the axis of view n = (x, y, z), and c_h = z x' - x z' > 0 for x' > x; a bowl has n = (-x, -y, z) and
 * the same with the other sign; a plane has 0, and so has a view of nothing.
 * DIFFERS: the paper speaks of sines, and its code takes the z of both cross products, of displayed normals in the world's axes. That is about a sine
 * only for c_h of a camera at the horizon; c_v is next to nothing there. TRAP: nor is z right in the camera's axes: on the sphere (l x r)_z =
 * -y (x' - x), so that sphere and bowl alike come out as 0. Hence the components above.
 * |n| is taken as at least 1e-6. Order: c row by row, left to right, in tensor/sum.h; gradients c_h and c_v in turn, cells in that order.
 */
#include "render/regularise.h"
#include "tensor/sum.h"

enum { CELLS = 8, PAIRS = CELLS * (CELLS - 1) };
#define LENGTH_LEAST R(1e-6)

const char *const convex_form_words[] = { "camera", "released", NULL };

/* A form: u = opacity (scale axis^T n/|n| + shift) of a pixel, and which component of which cross product is a sine. */
typedef struct Form { real axis[3][3], scale, shift; int h_part, v_part; real v_sign; } Form;

static Form form_of(ConvexForm kind, const real c2w[3][4])
{
    if (kind == CONVEX_RELEASED) return (Form){ { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }, R(0.5), R(0.5), 2, 2, R(1.0) };
    Form f = { .scale = 1, .shift = 0, .h_part = 1, .v_part = 0, .v_sign = R(-1.0) };
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) f.axis[i][k] = c2w[i][k];
    return f;
}

static real length(const real n[3]) { return r_sqrt(r_fma(n[2], n[2], r_fma(n[1], n[1], n[0] * n[0]))); }

/* unit (3) = n / |n|, shown (3) = scale axis^T unit + shift; returns the divisor. */
static real unit_of(real unit[3], real shown[3], const real n[3], const Form *f)
{
    const real divisor = r_max(length(n), LENGTH_LEAST);
    for (int i = 0; i < 3; i++) unit[i] = n[i] / divisor;
    for (int k = 0; k < 3; k++) {
        const real along = r_fma(f->axis[2][k], unit[2], r_fma(f->axis[1][k], unit[1], f->axis[0][k] * unit[0]));
        shown[k] = r_fma(f->scale, along, f->shift);
    }
    return divisor;
}

/* The adjoint of u = opacity shown.  d opacity = du . shown;  d unit = opacity scale axis du;
 * d n = (d unit - unit (unit . d unit)) / |n|, without the second term where |n| was cut. */
static void pixel_pull(real d_normal[3], real *d_opacity, const real du[3], const real n[3], real opacity, const Form *f)
{
    real unit[3], shown[3], d_unit[3], along = 0, sum = 0;
    const real divisor = unit_of(unit, shown, n, f);
    for (int k = 0; k < 3; k++) sum = r_fma(du[k], shown[k], sum);
    for (int i = 0; i < 3; i++) {
        d_unit[i] = opacity * f->scale * r_fma(f->axis[i][2], du[2], r_fma(f->axis[i][1], du[1], f->axis[i][0] * du[0]));
        along = r_fma(unit[i], d_unit[i], along);
    }
    if (!(divisor > LENGTH_LEAST)) along = 0;
    for (int i = 0; i < 3; i++) d_normal[i] += (d_unit[i] - unit[i] * along) / divisor;
    *d_opacity += sum;
}

/* Cell i of CELLS along a side of n pixels: pixels at[0], at[1] with weights share. */
typedef struct Tap { int at[2]; real share[2]; } Tap;
static Tap tap_of(int i, int n)
{
    const real place = r_max(((real)i + R(0.5)) * (real)n / (real)CELLS - R(0.5), R(0.0));
    const int low = (int)place;
    const real rest = place - (real)low;
    return (Tap){ { low, low + 1 < n ? low + 1 : low }, { R(1.0) - rest, rest } };
}

static void cells_of(real cell[CELLS][CELLS][3], const real *normal, const real *opacity, const Form *f, int h, int w)
{
    for (int y = 0; y < CELLS; y++)
        for (int x = 0; x < CELLS; x++) {
            const Tap rows = tap_of(y, h), columns = tap_of(x, w);
            real *u = cell[y][x], unit[3], shown[3];
            for (int k = 0; k < 3; k++) u[k] = 0;
            for (int t = 0; t < 4; t++) {
                const size_t at = (size_t)rows.at[t / 2] * (size_t)w + (size_t)columns.at[t % 2];
                const real share = rows.share[t / 2] * columns.share[t % 2] * opacity[at];
                unit_of(unit, shown, normal + 3 * at, f);
                for (int k = 0; k < 3; k++) u[k] = r_fma(share, shown[k], u[k]);
            }
        }
}

static void cells_pull(real *d_normal, real *d_opacity, real d_cell[CELLS][CELLS][3], const real *normal, const real *opacity, const Form *f,
                       int h, int w)
{
    for (int y = 0; y < CELLS; y++)
        for (int x = 0; x < CELLS; x++) {
            const Tap rows = tap_of(y, h), columns = tap_of(x, w);
            for (int t = 0; t < 4; t++) {
                const size_t at = (size_t)rows.at[t / 2] * (size_t)w + (size_t)columns.at[t % 2];
                const real share = rows.share[t / 2] * columns.share[t % 2];
                real du[3];
                for (int k = 0; k < 3; k++) du[k] = share * d_cell[y][x][k];
                pixel_pull(d_normal + 3 * at, d_opacity + at, du, normal + 3 * at, opacity[at], f);
            }
        }
}

/* c = sign (a x b)_k, and its adjoint with cotangent g. */
static real sine(real da[3], real db[3], const real a[3], const real b[3], int k, real sign, real g)
{
    const int i = (k + 1) % 3, j = (k + 2) % 3;
    const real s = sign * g;
    da[i] = r_fma(s, b[j], da[i]);
    da[j] = r_fma(-s, b[i], da[j]);
    db[j] = r_fma(s, a[i], db[j]);
    db[i] = r_fma(-s, a[j], db[i]);
    return sign * (a[i] * b[j] - a[j] * b[i]);
}

real reg_convexity(real *d_normal, real *d_opacity, const real *normal, const real *opacity, const real c2w[3][4], ConvexForm form, real weight,
                   int h, int w)
{
    const Form f = form_of(form, c2w);
    const real g = -weight / (real)PAIRS;
    real cell[CELLS][CELLS][3], d_cell[CELLS][CELLS][3] = { { { 0 } } };
    Sum16 across = { { 0 }, 0 }, up = { { 0 }, 0 };
    cells_of(cell, normal, opacity, &f, h, w);
    for (int y = 0; y < CELLS; y++)
        for (int x = 0; x < CELLS; x++) {
            if (x + 1 < CELLS) sum16_add(&across, sine(d_cell[y][x], d_cell[y][x + 1], cell[y][x], cell[y][x + 1], f.h_part, R(1.0), g));
            if (y + 1 < CELLS) sum16_add(&up, sine(d_cell[y + 1][x], d_cell[y][x], cell[y + 1][x], cell[y][x], f.v_part, f.v_sign, g));
        }
    cells_pull(d_normal, d_opacity, d_cell, normal, opacity, &f, h, w);
    return -(sum16_end(&across) + sum16_end(&up)) / (real)PAIRS;
}
