/* depth_net.c -- opening the depth network, its prediction and the way back, and the truth */
#include "ref/depth_net.h"
#include "ref/scheduler.h"
#include "tensor/sum.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

static int check(const DepthNet *d, Err *err)
{
    const UNetConfig *u = &d->unet->config;
    if (u->conditional)
        return err_set(err, "%s/config.json: '_class_name' is UNet2DConditionModel, expected UNet2DModel: a depth network takes no text", d->folder);
    if (u->in_channels != 3 || u->out_channels != DEPTH_CHANNELS)
        return err_set(err, "%s/config.json: found %d channels in and %d out, expected 3 and %d: nearness and a normal", d->folder, u->in_channels,
                       u->out_channels, DEPTH_CHANNELS);
    if (u->class_kind != CLASS_NONE) return err_set(err, "%s/config.json: found a UNet that takes class labels, expected one that takes none", d->folder);
    if (d->h < 1 || d->w < 1) return err_set(err, "%s/config.json: 'sample_size' is not said, expected that of the pictures", d->folder);
    return 0;
}

DepthNet *depth_open(const char *folder, Err *err)
{
    ScheduleConfig config;
    DepthNet *d = mem_new(1, sizeof *d, "depth network", err);
    if (d == NULL) return NULL;
    int status = snprintf(d->folder, sizeof d->folder, "%s", folder) < (int)sizeof d->folder ? 0 : err_set(err, "%.200s...: the path is too long", folder);
    if (status == 0 && (d->unet = unet_open(folder, err)) == NULL) status = -1;
    if (status == 0) {
        d->h = d->unet->config.sample_size[0];
        d->w = d->unet->config.sample_size[1];
        status = check(d, err);
    }
    if (status == 0) status = scheduler_read(&config, folder, err);
    if (status == 0 && (d->S = schedule_new(&config, err)) == NULL) status = -1;
    if (status == 0) return d;
    depth_close(d);
    return NULL;
}

void depth_close(DepthNet *d)
{
    if (d == NULL) return;
    unet_free(d->unet);
    schedule_free(d->S);
    mem_free(d);
}

static Tensor *forward(Tensor **in, Tape *tape, const DepthNet *d, const real *x, int t, int wants_gradient, Err *err)
{
    const double timestep = t;
    Net net;
    BUG_IF(t < 0 || t >= d->S->T, "t = %d, expected 0 .. %d", t, d->S->T - 1);
    *in = tensor_new(tape, (Shape){ 4, { 1, 3, d->h, d->w } }, wants_gradient, "x_t");
    if (*in == NULL) return NULL;
    memcpy((*in)->v, x, (*in)->n * sizeof *x);
    net_begin(&net, tape, d->unet->params, err);
    return unet_forward(&net, d->unet, &(UNetInput){ .sample = *in, .timestep = &timestep });
}

static int finite(const DepthNet *d, const real *v, size_t n, const char *what, int t, Err *err)
{
    const long bad = first_not_finite(v, n);
    return bad < 0 ? 0 : err_set(err, "%s: %s at t = %d has %g at %ld, expected finite values", d->folder, what, t, text_shown((double)v[bad]), bad);
}

int depth_predict(real *y, const DepthNet *d, const real *x, int t, Err *err)
{
    Tensor *in;
    Tape *tape = tape_new(err);
    if (tape == NULL) return -1;
    tape_recording(tape, 0);
    const Tensor *out = forward(&in, tape, d, x, t, 0, err);
    int status = out == NULL ? -1 : finite(d, out->v, out->n, "the prediction", t, err);
    if (status == 0) memcpy(y, out->v, out->n * sizeof *y);
    tape_free(tape);
    return status;
}

int depth_pull(real *gx, const DepthNet *d, const real *x, int t, const real *gy, Err *err)
{
    Tensor *in;
    Tape *tape = tape_new(err);
    if (tape == NULL) return -1;
    Tensor *out = forward(&in, tape, d, x, t, 1, err);
    int status = out == NULL ? -1 : 0;
    if (status == 0) {
        tape_seed(out, gy);
        status = tape_backward(tape);
    }
    if (status == 0) status = finite(d, in->g, in->n, "the gradient", t, err);
    if (status == 0) memcpy(gx, in->g, in->n * sizeof *gx);
    tape_free(tape);
    return status;
}

void depth_truth(real *y, real *mask, const DatasetItem *item, uint64_t seed, int h, int w)
{
    const size_t pixels = (size_t)h * (size_t)w;
    dataset_geometry(y, y + pixels, mask, item, seed, h, w);
    for (size_t i = 0; i < pixels; i++) {
        y[i] = mask[i] * (R(0.5) * (item->view.distance + R(1.0) - y[i]));
        for (size_t c = 1; c < DEPTH_CHANNELS; c++) y[c * pixels + i] *= mask[i];
    }
}
