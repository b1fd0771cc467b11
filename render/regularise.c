/* regularise.c -- regularisers of opacity, orientation, z-variance, of neighbouring normals and of a grid; see regularise.h */
#include "render/regularise.h"
#include "tensor/elem.h"
#include "tensor/sum.h"

#define OPAQUE_LEAST R(0.001)
#define OPAQUE_MOST R(0.999)

real reg_orientation(real *d_orientation, const real *orientation, const real *opacity, real weight, size_t pixels)
{
    size_t seen = 0;
    for (size_t i = 0; i < pixels; i++) seen += opacity[i] > 0;
    if (seen == 0) return 0;
    for (size_t i = 0; i < pixels; i++) d_orientation[i] += weight / (real)seen;
    return sum16(orientation, pixels) / (real)seen;
}

/* dy/do = o / sqrt(o^2 + 0.01) / pixels */
real reg_sparsity(real *d_opacity, const real *opacity, real weight, size_t pixels)
{
    const real share = weight / (real)pixels;
    Sum16 sum = { { 0 }, 0 };
    for (size_t i = 0; i < pixels; i++) {
        const real root = r_sqrt(r_fma(opacity[i], opacity[i], R(0.01)));
        d_opacity[i] = r_fma(share, opacity[i] / root, d_opacity[i]);
        sum16_add(&sum, root);
    }
    return sum16_end(&sum) / (real)pixels;
}

/* y is the entropy of o: the cross entropy of o with itself, both arguments live.  dy/do = log(1-o) - log o, and 0 where the clamp cut.
 * TRAP: with the target held fixed the gradient is -(o/o - (1-o)/(1-o)) = 0, everywhere. */
real reg_opaqueness(real *d_opacity, const real *opacity, real weight, size_t pixels)
{
    const real share = weight / (real)pixels;
    Sum16 sum = { { 0 }, 0 };
    for (size_t i = 0; i < pixels; i++) {
        const real o = r_clamp(opacity[i], OPAQUE_LEAST, OPAQUE_MOST), log_o = r_log(o), log_rest = r_log(R(1.0) - o);
        sum16_add(&sum, -r_fma(o, log_o, (R(1.0) - o) * log_rest));
        if (opacity[i] == o) d_opacity[i] = r_fma(share, log_rest - log_o, d_opacity[i]);
    }
    return sum16_end(&sum) / (real)pixels;
}

real reg_z_variance(real *d_z_variance, const real *z_variance, const real *opacity, real weight, size_t pixels)
{
    Sum16 sum = { { 0 }, 0 };
    for (size_t i = 0; i < pixels; i++)
        if (opacity[i] > R(0.5)) sum16_add(&sum, z_variance[i]);
    if (sum.n == 0) return 0;
    for (size_t i = 0; i < pixels; i++)
        if (opacity[i] > R(0.5)) d_z_variance[i] += weight / (real)sum.n;
    return sum16_end(&sum) / (real)sum.n;
}

/* y = mean (x[i+1] - x[i])^2 along one axis of n entries, each of `stride` values, of `blocks` such; dy/dx[i+1] = 2/pairs (x[i+1] - x[i]) = -dy/dx[i].
 * Order: within a block by sum16, then the blocks likewise; gradients block by block, i ascending, x[i+1]'s before x[i]'s. */
static real neighbours(real *dx, const real *x, real weight, size_t stride, size_t n, size_t blocks)
{
    const size_t pairs = (n - 1) * stride;                             /* of a block */
    if (blocks * pairs == 0) return 0;
    const real count = (real)(blocks * pairs), slope = R(2.0) * weight / count;
    Sum16 sum = { { 0 }, 0 };
    for (size_t b = 0; b < blocks; b++) {
        const real *at = x + b * n * stride;
        real *d = dx + b * n * stride;
        sum16_add(&sum, sumsq_diff16(at + stride, at, R(1.0), pairs));
        for (size_t i = 0; i < pairs; i++) {
            const real step = slope * (at[stride + i] - at[i]);
            d[stride + i] += step;
            d[i] -= step;
        }
    }
    return sum16_end(&sum) / count;
}

/* x first, then y: rows of normals of 3 values, and the picture as rows of 3 w. */
real reg_normal_smooth(real *d_normal, const real *normal, real weight, int h, int w)
{
    const size_t H = (size_t)h, W = (size_t)w;
    const real across = neighbours(d_normal, normal, weight, 3, W, H);
    return across + neighbours(d_normal, normal, weight, 3 * W, H, 1);
}

real reg_tv(real *dtheta, const real *theta, real weight, const int size[3], int channels)
{
    const size_t Z = (size_t)size[0], Y = (size_t)size[1], X = (size_t)size[2], C = (size_t)channels;
    real sum = neighbours(dtheta, theta, weight, C, X, Z * Y);
    sum += neighbours(dtheta, theta, weight, C * X, Y, Z);
    sum += neighbours(dtheta, theta, weight, C * X * Y, Z, 1);
    return sum;
}
