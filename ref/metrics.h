/* metrics.h -- how close a picture is to the truth */
#ifndef SDREF_REF_METRICS_H
#define SDREF_REF_METRICS_H

#include "tensor/real.h"

/* Peak signal-to-noise ratio in dB of images in [0,1], (3,H,W): -10 log10 of the mean squared error over all values, or, with
 * mask (H,W), over the pixels where mask > 0.5. Equal images: 99. No pixel in the mask: NaN. */
double psnr(const real *a, const real *b, const real *mask, size_t pixels);

#endif
