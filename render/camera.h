/* camera.h -- pinhole cameras
 *
 * World: right-handed, z up, the object inside [-1,1]^3. Azimuth 0 stands on +x, 90 on +y; elevation counts from the
 * horizon. Pixel (row, col) has its centre at (col + 0.5, row + 0.5), row 0 at the top.
 */
#ifndef SDREF_RENDER_CAMERA_H
#define SDREF_RENDER_CAMERA_H

#include "tensor/err.h"
#include "tensor/real.h"

typedef struct Camera {
    real c2w[3][4];       /* columns: right, up, -forward, position */
    real focal;           /* pixels: 0.5 h / tan(fovy / 2) */
    int h, w;             /* pixels */
} Camera;

/* Looks at the origin, z up. Degrees; distance > 0 from the origin in world units; -90 < elevation < 90. The result is rounded once from double. */
void camera_look_at(Camera *c, double elevation, double azimuth, double distance, double fovy, int h, int w);

/* Stands at `position`, looks at `target`; `up`, of any length, is upright in the picture. fovy in degrees, 0 < fovy < 180. Rounded once from double;
 * camera_look_at is the closed form of target 0 and up z, equal to it but for that rounding.
 * -1 with err set where there is no such picture: position and target within 1e-9, up within 1e-6 radians of the line of sight, or a value that is
 * not finite; c is then as it was. */
int camera_look_from(Camera *c, const double position[3], const double target[3], const double up[3], double fovy, int h, int w, Err *err);

/* d: unit direction in world space through the centre of pixel (row + drow, col + dcol); drow = dcol = 0 is the centre. */
void camera_ray(real d[3], const Camera *c, real row, real col);

#endif
