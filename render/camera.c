/* camera.c -- camera-to-world matrix from spherical coordinates, and rays
 *
 * forward = -p/|p|, right = forward x z, up = right x forward; in closed form, with e elevation and a azimuth:
 *   p = distance (cos e cos a, cos e sin a, sin e)    right = (-sin a, cos a, 0)    up = (-sin e cos a, -sin e sin a, cos e)
 */
#include "render/camera.h"
#include "tensor/elem.h"

void camera_look_at(Camera *c, double elevation, double azimuth, double distance, double fovy, int h, int w)
{
    const double rad = D_PI / 180.0;
    const double ce = d_cos(elevation * rad), se = d_sin(elevation * rad);
    const double ca = d_cos(azimuth * rad), sa = d_sin(azimuth * rad);
    const double column[4][3] = {
        { -sa, ca, 0.0 },                                              /* right */
        { -se * ca, -se * sa, ce },                                    /* up */
        { ce * ca, ce * sa, se },                                      /* -forward */
        { distance * (ce * ca), distance * (ce * sa), distance * se }, /* position */
    };
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) c->c2w[i][j] = (real)column[j][i];
    const double half = 0.5 * fovy * rad;
    c->focal = (real)(0.5 * h * d_cos(half) / d_sin(half));
    c->h = h;
    c->w = w;
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
