/* camera.c -- camera-to-world matrices, and rays
 *
 * forward = (target - p)/|target - p|, right = forward x u/|forward x u|, up = right x forward, in binary64. Of target 0 and u = z in closed form,
 * with e elevation and a azimuth:
 *   p = distance (cos e cos a, cos e sin a, sin e)    right = (-sin a, cos a, 0)    up = (-sin e cos a, -sin e sin a, cos e)
 */
#include "render/camera.h"
#include "tensor/elem.h"
#include "tensor/text.h"

#include <stdio.h>

/* focal = 0.5 h / tan(fovy/2); the columns right, up, -forward, position. */
static void set(Camera *c, double column[4][3], double fovy, int h, int w)
{
    const double half = 0.5 * fovy * (D_PI / 180.0);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) c->c2w[i][j] = (real)column[j][i];
    c->focal = (real)(0.5 * h * d_cos(half) / d_sin(half));
    c->h = h;
    c->w = w;
}

void camera_look_at(Camera *c, double elevation, double azimuth, double distance, double fovy, int h, int w)
{
    const double rad = D_PI / 180.0;
    const double ce = d_cos(elevation * rad), se = d_sin(elevation * rad);
    const double ca = d_cos(azimuth * rad), sa = d_sin(azimuth * rad);
    double column[4][3] = {
        { -sa, ca, 0.0 },                                              /* right */
        { -se * ca, -se * sa, ce },                                    /* up */
        { ce * ca, ce * sa, se },                                      /* -forward */
        { distance * (ce * ca), distance * (ce * sa), distance * se }, /* position */
    };
    set(c, column, fovy, h, w);
}

static void cross(double c[3], const double a[3], const double b[3])
{
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        c[i] = fma(a[j], b[k], -(a[k] * b[j]));
    }
}

/* Divides v by its length, which is returned; the squares added in order. A v of zeros becomes NaN. */
static double normalise(double v[3])
{
    const double length = sqrt(fma(v[2], v[2], fma(v[1], v[1], v[0] * v[0])));
    for (int i = 0; i < 3; i++) v[i] /= length;
    return length;
}

static const char *point_text(char out[64], const double p[3])
{
    snprintf(out, 64, "(%g, %g, %g)", text_shown(p[0]), text_shown(p[1]), text_shown(p[2]));
    return out;
}

int camera_look_from(Camera *c, const double position[3], const double target[3], const double up[3], double fovy, int h, int w, Err *err)
{
    double forward[3], upright[3], column[4][3];
    char at[64], to[64], top[64];
    for (int i = 0; i < 3; i++) {
        forward[i] = target[i] - position[i];
        upright[i] = up[i];
        column[3][i] = position[i];
    }
    const double apart = normalise(forward);
    if (!(apart >= 1e-9 && isfinite(apart)))
        return err_set(err, "camera at %s: found that it looks at %s, expected a point apart from it", point_text(at, position), point_text(to, target));
    normalise(upright);
    cross(column[0], forward, upright);
    const double sine = normalise(column[0]);
    if (!(sine >= 1e-6))
        return err_set(err, "camera at %s, looking at %s: found up %s, expected one that is not along its line of sight", point_text(at, position),
                       point_text(to, target), point_text(top, up));
    cross(column[1], column[0], forward);
    for (int i = 0; i < 3; i++) column[2][i] = -forward[i];
    set(c, column, fovy, h, w);
    return 0;
}

void camera_ray(real d[3], const Camera *c, real row, real col)
{
    const real u = (col + R(0.5) - R(0.5) * (real)c->w) / c->focal;
    const real v = (R(0.5) * (real)c->h - (row + R(0.5))) / c->focal;
    real n = 0;
    for (int i = 0; i < 3; i++) {
        d[i] = r_fma(u, c->c2w[i][0], r_fma(v, c->c2w[i][1], -c->c2w[i][2]));
        n = r_fma(d[i], d[i], n);
    }
    n = r_sqrt(n);
    for (int i = 0; i < 3; i++) d[i] = d[i] / n;
}
