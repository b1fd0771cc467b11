/* metrics.c -- sums by the 16-lane scheme (tensor/sum.h) over (C,H,W), in `real` */
#include "ref/metrics.h"
#include "tensor/elem.h"
#include "tensor/sum.h"

double psnr(const real *a, const real *b, const real *mask, size_t pixels)
{
    Sum16 total = { { 0 }, 0 };
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < pixels; i++) {
            if (mask != NULL && !(mask[i] > R(0.5))) continue;
            const real gap = a[c * pixels + i] - b[c * pixels + i];
            sum16_add(&total, gap * gap);
        }
    const double mse = (double)sum16_end(&total) / (double)total.n;    /* no pixel: 0/0, NaN */
    if (mse == 0.0) return 99.0;
    return -10.0 * d_log(mse) / d_log(10.0);
}
