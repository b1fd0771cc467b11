/* unet_blocks.c -- resnets, resampling, and the blocks made of them
 *
 *     resnet   h = conv1(resample(act(norm1 x))), e = time_emb_proj(act emb)
 *              default      h = norm2(h + e)              scale_shift   h = norm2(h) (1 + e_scale) + e_shift
 *              y = (shortcut(resample x) + conv2(act h)) / out_scale
 *     down     layers of (resnet, attention), then a stride-2 convolution or a resnet that pools 2x2
 *     up       layers of (concat with a skip connection, resnet, attention), then nearest upsampling and convolution or such a resnet
 * A division by s is a product with 1/s, rounded once.
 */
#include "nn/unet_blocks.h"

static const Conv same = { 1, 1, 1 }, point = { 1, 0, 0 };

typedef enum { SAMPLE_KEEP, SAMPLE_DOWN, SAMPLE_UP } Sample;

/* 2x2 means, or each value four times; the module has no parameters. */
static Tensor *resample(Net *n, Tensor *x, Sample sample)
{
    if (x == NULL || n->err->set || sample == SAMPLE_KEEP) return x;
    if (sample == SAMPLE_UP) {
        net_enter(n, "upsample");
        return net_leave(n, op_upsample_nearest(n->tape, x, 2 * (int)x->s.d[2], 2 * (int)x->s.d[3], "upsample"));
    }
    net_enter(n, "downsample");
    Tensor *y = net_say(n, "conv", op_avg_pool2(n->tape, x, "downsample"));
    return net_leave(n, y);
}

/* emb (B,T) -> (B,C), or (B,2C) for scale and shift */
static Tensor *project_time(const UNetWalk *w, const UNetBlock *b)
{
    Tensor *e = b->skip_time_act ? w->emb : nn_act(w->n, "nonlinearity", w->emb, w->u->act);
    return nn_linear(w->n, "time_emb_proj", e, (w->u->scale_shift ? 2 : 1) * b->channels, 1);
}

/* x (B,C,H,W) -> (B,channels,H',W'), in the module we are in */
static Tensor *resnet(const UNetWalk *w, const UNetBlock *b, Tensor *x, Sample sample)
{
    Net *n = w->n;
    const UNetConfig *u = w->u;
    const real eps = (real)u->norm_eps;
    if (x == NULL || n->err->set) return NULL;
    const size_t mark = tape_mark(n->tape);
    Tensor *h = nn_group_norm(n, "norm1", x, u->norm_groups, eps);
    h = nn_act(n, "nonlinearity", h, u->act);
    x = resample(n, x, sample);
    h = resample(n, h, sample);
    h = nn_conv2d(n, "conv1", h, b->channels, 3, same, 1);
    if (sample == SAMPLE_KEEP) h = tape_keep(n->tape, mark, h);       /* at full size norm1 and its activation are most of all memory */
    Tensor *e = w->emb == NULL ? NULL : project_time(w, b);
    if (e != NULL && !u->scale_shift) h = op_add_channels(n->tape, h, e, "time");
    h = nn_group_norm(n, "norm2", h, u->norm_groups, eps);
    if (e != NULL && u->scale_shift) h = op_scale_shift(n->tape, h, e, "time");
    h = nn_act(n, "nonlinearity", h, u->act);
    h = net_say(n, "dropout", h);
    h = nn_conv2d(n, "conv2", h, b->channels, 3, same, 1);
    if (x != NULL && x->s.d[1] != b->channels) x = nn_conv2d(n, "conv_shortcut", x, b->channels, 1, point, 1);
    h = op_add(n->tape, x, h, "resnet");
    return b->out_scale == 1 ? h : op_affine(n->tape, h, (real)(1 / b->out_scale), R(0.0), "out_scale");
}

Tensor *unet_resnet(const UNetWalk *w, const UNetBlock *b, int j, Tensor *x)
{
    net_enter(w->n, "resnets.%d", j);
    return net_leave(w->n, resnet(w, b, x, SAMPLE_KEEP));
}

/* resnets.j, then attentions.j: of all memory they take, the output stays. */
static Tensor *layer(const UNetWalk *w, const UNetBlock *b, int j, Tensor *x, size_t mark)
{
    Tensor *h = unet_resnet(w, b, j, x);
    if (b->attend != ATTEND_NONE) h = unet_attention(w, b, j, h);
    return tape_keep(w->n->tape, mark, h);
}

static Tensor *downsampler(const UNetWalk *w, const UNetBlock *b, Tensor *x)
{
    /* TRAP: without padding diffusers adds a row below and a column to the right; the image does not stay centred. */
    const Conv halve = { 2, w->u->downsample_padding, 1 };
    net_enter(w->n, "downsamplers.0");
    Tensor *y = b->resample == RESAMPLE_RESNET ? resnet(w, b, x, SAMPLE_DOWN) : nn_conv2d(w->n, "conv", x, b->channels, 3, halve, 1);
    return net_leave(w->n, y);
}

/* To twice the size, or to that of `like`: an image of odd size halves to (n+1)/2 and must come back to n. */
static Tensor *upsampler(const UNetWalk *w, const UNetBlock *b, Tensor *x, const Tensor *like)
{
    if (x == NULL || w->n->err->set) return NULL;
    net_enter(w->n, "upsamplers.0");
    if (b->resample == RESAMPLE_RESNET) return net_leave(w->n, resnet(w, b, x, SAMPLE_UP));
    const int height = (int)(b->fits_skip ? like->s.d[2] : 2 * x->s.d[2]), width = (int)(b->fits_skip ? like->s.d[3] : 2 * x->s.d[3]);
    Tensor *y = op_upsample_nearest(w->n->tape, x, height, width, "upsample");
    return net_leave(w->n, nn_conv2d(w->n, "conv", y, b->channels, 3, same, 1));
}

Tensor *unet_down_block(const UNetWalk *w, int i, Tensor *x, Tensor **skips, int *count)
{
    const UNetBlock *b = &w->u->down[i];
    net_enter_open(w->n, "down_blocks.%d", i);
    for (int j = 0; j < b->layers; j++) {
        x = layer(w, b, j, x, tape_mark(w->n->tape));
        skips[(*count)++] = x;
    }
    if (b->resample != RESAMPLE_NONE) {
        x = downsampler(w, b, x);
        skips[(*count)++] = x;
    }
    return net_leave(w->n, x);
}

Tensor *unet_mid_block(const UNetWalk *w, Tensor *x)
{
    const UNetBlock *b = &w->u->mid;
    net_enter(w->n, "mid_block");
    Tensor *h = unet_resnet(w, b, 0, x);
    for (int j = 0; j < b->layers; j++) {
        if (b->attend != ATTEND_NONE) h = unet_attention(w, b, j, h);
        h = unet_resnet(w, b, j + 1, h);
    }
    return net_leave(w->n, h);
}

Tensor *unet_up_block(const UNetWalk *w, int i, Tensor *x, Tensor *const *skips, int *count)
{
    const UNetBlock *b = &w->u->up[i];
    net_enter(w->n, "up_blocks.%d", i);
    for (int j = 0; j < b->layers; j++) {
        const size_t mark = tape_mark(w->n->tape);
        Tensor *both = op_concat_channels(w->n->tape, x, skips[--*count], "skip");
        x = layer(w, b, j, both, mark);
    }
    if (b->resample != RESAMPLE_NONE) x = upsampler(w, b, x, skips[*count - 1]);
    return net_leave(w->n, x);
}
