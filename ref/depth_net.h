/* depth_net.h -- how near, and which way round, the surface is that a picture shows: a network that was told by the renderer
 *
 * A UNet2DModel with 3 channels in and 4 out, from a folder with config.json, weights and scheduler_config.json. It takes a picture x (3,h,w) in
 * [-1,1], clean (t = 0) or with noise, x_t = alpha_t x0 + sigma_t eps by that schedule, and puts out y (4,h,w), its guess of
 *
 *     y0 = mask (distance + 1 - depth)/2        nearness: depth along the ray, distance from the camera to the origin; 1/2 at the origin's distance.
 *                                               Surfaces of the stream lie in [0.12, 0.94] (600 pictures), the background at 0
 *     y1..y3 = mask normal                      camera space: x right, y up, z towards the camera
 *
 * of the picture without noise. Trained by squares (ref/train_depth.h), so under noise y is a mean over what the picture may show:
 * normals that are uncertain are shorter than 1. y is affine in depth inside the object, and so is every correlation of it the same.
 */
#ifndef SDREF_REF_DEPTH_NET_H
#define SDREF_REF_DEPTH_NET_H

#include "nn/unet.h"
#include "ref/dataset.h"
#include "sampler/schedule.h"

#define DEPTH_FOLDER "weights/depth"
#define DEPTH_EDGE R(0.25)            /* nearness from which on there is a surface: half the usual one */
enum { DEPTH_CHANNELS = 4 };

typedef struct DepthNet {
    char folder[512];
    UNet *unet;
    Schedule *S;                      /* what t means */
    int h, w;                         /* of a picture */
} DepthNet;

/* NULL: a file is missing or spoiled, or the network is of another kind, named with what was found and expected. */
DepthNet *depth_open(const char *folder, Err *err);
void      depth_close(DepthNet *d);   /* NULL is fine */

/* y (4,h,w) of x (3,h,w) at t, 0..T-1. Several threads may call it at once. -1: memory, or a value that is not finite. */
int depth_predict(real *y, const DepthNet *d, const real *x, int t, Err *err);
/* gx (3,h,w) = (dy/dx)^T gy, gy (4,h,w): the gradient with respect to x of any f(y), given that with respect to y. Runs forward again. */
int depth_pull(real *gx, const DepthNet *d, const real *x, int t, const real *gy, Err *err);

/* y (4,h,w) as it should be for a picture of the stream `seed`; mask (h,w): share of a pixel's rays that hit. */
void depth_truth(real *y, real *mask, const DatasetItem *item, uint64_t seed, int h, int w);

#endif
