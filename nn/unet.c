/* unet.c -- the walk over a UNet, the checks before it, and opening one
 *
 *     conv_in, down blocks, middle block, up blocks with the skip connections in reverse, norm, activation, conv_out
 * UNet2DModel with a Fourier time embedding divides its output by the time (a product with 1/t, rounded once).
 */
#include "nn/unet.h"

#include "nn/unet_blocks.h"
#include "nn/unet_embed.h"
#include "tensor/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- what comes in ---- */

/* Is an input there, with these sides? 0 in `want` is any size from 1, written in messages as its letter. */
static int check(Net *n, const char *name, const Tensor *x, Shape want, const char *letters)
{
    char room[64], expected[96] = "";
    int fits = x != NULL && x->s.nd == want.nd;
    for (int i = 0; i < want.nd; i++) {
        const size_t at = strlen(expected);
        const char *times = i == 0 ? "" : "x";
        if (want.d[i] > 0) snprintf(expected + at, sizeof expected - at, "%s%" PRId64, times, want.d[i]);
        else snprintf(expected + at, sizeof expected - at, "%s%c", times, letters[i]);
        if (fits && (want.d[i] > 0 ? x->s.d[i] != want.d[i] : x->s.d[i] < 1)) fits = 0;
    }
    if (fits) return 0;
    return err_set(n->err, "%s: input '%s' is %s, expected %s", params_source(n->params), name,
                   x == NULL ? "absent" : shape_text(room, sizeof room, x->s), expected);
}

static int check_times(Net *n, const UNetConfig *u, const char *name, double t)
{
    const int above_0 = u->time == TIME_FOURIER && !u->conditional;
    if (isfinite(t) && (!above_0 || t > 0)) return 0;
    return err_set(n->err, "%s: input '%s' holds %g, expected %s", params_source(n->params), name, text_shown(t),
                   above_0 ? "times above 0, for its logarithm is taken" : "finite numbers");
}

/* Sizes level by level; an up block that doubles must meet a skip connection of that size. */
static int check_size(Net *n, const UNetConfig *u, const Tensor *sample, int side)
{
    char found[64];
    int64_t size[UNET_LEVELS];
    const int last = u->levels - 1;
    size[0] = sample->s.d[side];
    for (int i = 0; i < last; i++) {
        const int up = u->down[i].resample == RESAMPLE_CONV && u->downsample_padding == 1;
        size[i + 1] = (size[i] + up) / 2;
        if (size[i + 1] < 1)
            return err_set(n->err, "%s: input 'sample' is %s, expected sides of at least %d", params_source(n->params),
                           shape_text(found, sizeof found, sample->s), 1 << last);
    }
    for (int i = 0; i < last; i++)
        if (!u->up[i].fits_skip && 2 * size[last - i] != size[last - i - 1])
            return err_set(n->err, "%s: input 'sample' is %s, expected sides that are multiples of %d (up_blocks.%d can only double)",
                           params_source(n->params), shape_text(found, sizeof found, sample->s), 1 << last, i);
    return 0;
}

static int check_labels(Net *n, const UNetConfig *u, const Tensor *x, int64_t B)
{
    const Shape each = { 1, { B } }, wide = { 2, { B, u->class_kind == CLASS_IDENTITY ? u->time_width : u->projection_in } };
    const int one = u->class_kind == CLASS_TABLE || u->class_kind == CLASS_TIMESTEP;
    if (u->class_kind == CLASS_NONE) return 0;
    if (check(n, "class_labels", x, one ? each : wide, "") != 0) return -1;
    for (int64_t i = 0; one && x->v != NULL && i < B; i++) {
        const double label = (double)x->v[i];
        if (u->class_kind == CLASS_TIMESTEP && check_times(n, u, "class_labels", label) != 0) return -1;
        if (u->class_kind == CLASS_TABLE && !(label >= 0 && label < u->class_count && label == floor(label)))
            return err_set(n->err, "%s: input 'class_labels' holds %g, expected whole numbers from 0 to %d", params_source(n->params),
                           text_shown(label), u->class_count - 1);
    }
    return 0;
}

static int check_camera(Net *n, const Tensor *camera, int64_t B)
{
    if (camera == NULL) return 0;
    if (n->lora == NULL || n->lora->camera == 0)
        return err_set(n->err, "%s: input 'camera' is there, expected none without a LoRA that has one", params_source(n->params));
    return check(n, "camera", camera, (Shape){ 2, { B, n->lora->camera } }, "");
}

static int check_added(Net *n, const UNetConfig *u, const UNetInput *in, int64_t B)
{
    const Shape any = { 2, { B, 0 } }, text = { 2, { B, u->text_width } }, hid = { 2, { B, u->hid_width } };
    const Tensor *e = in->text_embeds, *ids = in->time_ids;
    if (u->add == ADD_TEXT_TIME) {
        if (check(n, "text_embeds", e, any, "BD") != 0 || check(n, "time_ids", ids, any, "BK") != 0) return -1;
        if (e->s.d[1] + ids->s.d[1] * u->add_time_width != u->projection_in)
            return err_set(n->err, "%s: inputs 'text_embeds' and 'time_ids' make %" PRId64 " + %" PRId64 " x %d values, expected %d",
                           params_source(n->params), e->s.d[1], ids->s.d[1], u->add_time_width, u->projection_in);
    }
    if (u->add == ADD_TEXT_IMAGE && check(n, "text_embeds", e, text, "") != 0) return -1;
    if ((u->add == ADD_TEXT_IMAGE || u->hid == HID_TEXT_IMAGE) && check(n, "image_embeds", in->image_embeds, text, "") != 0) return -1;
    if ((u->add == ADD_IMAGE || u->hid == HID_IMAGE) && check(n, "image_embeds", in->image_embeds, hid, "") != 0) return -1;
    return 0;
}

static int check_inputs(Net *n, const UNetConfig *u, const UNetInput *in)
{
    if (n->err->set || check(n, "sample", in->sample, (Shape){ 4, { 0, u->in_channels, 0, 0 } }, "BCHW") != 0) return -1;
    const int64_t B = in->sample->s.d[0];
    if (check_size(n, u, in->sample, 2) != 0 || check_size(n, u, in->sample, 3) != 0) return -1;
    if (in->timestep == NULL)
        return err_set(n->err, "%s: input 'timestep' is absent, expected %" PRId64 " numbers", params_source(n->params), B);
    for (int64_t i = 0; in->sample->v != NULL && i < B; i++)
        if (check_times(n, u, "timestep", in->timestep[i]) != 0) return -1;
    const Shape text = { 3, { B, 0, u->text_in } }, cond = { 2, { B, u->time_cond } };
    if (u->uses_text && check(n, "encoder_hidden_states", in->encoder_hidden_states, text, "BLE") != 0) return -1;
    if (in->timestep_cond != NULL && u->time_cond == 0)
        return err_set(n->err, "%s: input 'timestep_cond' is there, expected none (time_cond_proj_dim is null)", params_source(n->params));
    if (in->timestep_cond != NULL && check(n, "timestep_cond", in->timestep_cond, cond, "") != 0) return -1;
    if (check_labels(n, u, in->class_labels, B) != 0 || check_camera(n, in->camera, B) != 0) return -1;
    return check_added(n, u, in, B);
}

/* ---- the walk ---- */

static Tensor *divide_by_time(Net *n, Tensor *x, const double *t)
{
    if (x == NULL) return NULL;
    Tensor *factor = tensor_new(n->tape, x->s, 0, "1/t");
    const size_t one = x->n / (size_t)x->s.d[0];
    for (size_t i = 0; factor != NULL && factor->v != NULL && i < x->n; i++) factor->v[i] = (real)(1 / t[i / one]);
    return op_mul(n->tape, x, factor, "by_time");
}

static Tensor *head(Net *n, const UNetConfig *u, Tensor *x)
{
    const int pad = (u->conv_out_kernel - 1) / 2;
    x = nn_group_norm(n, "conv_norm_out", x, u->norm_groups, (real)u->norm_eps);
    x = nn_act(n, "conv_act", x, u->out_act);
    return nn_conv2d(n, "conv_out", x, u->out_channels, u->conv_out_kernel, (Conv){ 1, pad, pad }, 1);
}

Tensor *unet_forward(Net *n, const UNet *net, const UNetInput *in)
{
    const UNetConfig *u = &net->config;
    Tensor *skips[UNET_SKIPS];
    int count = 0;
    BUG_IF(n->params != net->params, "a UNet walked with the parameters of another network");
    if (check_inputs(n, u, in) != 0) return NULL;
    const size_t start = tape_mark(n->tape);
    UNetWalk w = { .n = n, .u = u };
    w.emb = unet_embedding(n, u, in);
    w.text = unet_text(n, u, in);
    Tensor *x = u->center_input ? op_affine(n->tape, in->sample, R(2.0), R(-1.0), "centred") : in->sample;
    const int pad = (u->conv_in_kernel - 1) / 2;
    x = nn_conv2d(n, "conv_in", x, u->base, u->conv_in_kernel, (Conv){ 1, pad, pad }, 1);
    skips[count++] = x;
    for (int i = 0; i < u->levels; i++) x = unet_down_block(&w, i, x, skips, &count);
    if (u->has_mid) x = unet_mid_block(&w, x);
    for (int i = 0; i < u->levels; i++) x = unet_up_block(&w, i, x, skips, &count);
    x = head(n, u, x);
    if (!u->conditional && u->time == TIME_FOURIER) x = divide_by_time(n, x, in->timestep);
    return n->err->set ? NULL : tape_keep(n->tape, start, x);
}

/* ---- opening ---- */

static Tensor *blank(Tape *t, Shape s, const char *name) { return tensor_new(t, s, 0, name); }

/* The walk on a tape of shapes, one image with every input: the parameters are checked, or declared. */
static int walk(const UNet *net, Err *err)
{
    const UNetConfig *u = &net->config;
    const double t = 0;
    Tape *tape = tape_new(err);
    if (tape == NULL) return -1;
    Net n;
    tape_shapes_only(tape, 1);
    net_begin(&n, tape, net->params, err);
    const int64_t side = (int64_t)1 << u->levels;
    UNetInput in = { .timestep = &t };
    in.sample = blank(tape, (Shape){ 4, { 1, u->in_channels, side, side } }, "sample");
    if (u->uses_text) in.encoder_hidden_states = blank(tape, (Shape){ 3, { 1, 1, u->text_in } }, "encoder_hidden_states");
    if (u->time_cond > 0) in.timestep_cond = blank(tape, (Shape){ 2, { 1, u->time_cond } }, "timestep_cond");
    const int labels = u->class_kind == CLASS_IDENTITY ? u->time_width : u->projection_in;
    const int one = u->class_kind == CLASS_TABLE || u->class_kind == CLASS_TIMESTEP;
    in.class_labels = blank(tape, one ? (Shape){ 1, { 1 } } : (Shape){ 2, { 1, labels } }, "class_labels");
    in.time_ids = blank(tape, (Shape){ 2, { 1, 1 } }, "time_ids");
    const int pooled = u->add == ADD_TEXT_TIME ? u->projection_in - u->add_time_width : u->text_width;
    in.text_embeds = blank(tape, (Shape){ 2, { 1, pooled } }, "text_embeds");
    const int by_text = u->add == ADD_TEXT_IMAGE || u->hid == HID_TEXT_IMAGE;
    in.image_embeds = blank(tape, (Shape){ 2, { 1, by_text ? u->text_width : u->hid_width } }, "image_embeds");
    unet_forward(&n, net, &in);
    tape_free(tape);
    return err->set ? -1 : params_all_used(net->params, err);
}

/* params is taken, also on error. */
static UNet *make(const Json *config, const char *name, Params *params, Err *err)
{
    UNet *u = mem_new(1, sizeof *u, "unet", err);
    if (u == NULL) {
        params_free(params);
        return NULL;
    }
    u->params = params;
    if (params == NULL || config == NULL || unet_config_read(&u->config, config, name, err) != 0 || walk(u, err) != 0) {
        unet_free(u);
        return NULL;
    }
    return u;
}

UNet *unet_open(const char *folder, Err *err)
{
    char path[512];
    snprintf(path, sizeof path, "%s/config.json", folder);
    Json *config = json_read(path, err);
    Params *params = config == NULL ? NULL : params_open(folder, "diffusion_pytorch_model", err);
    if (params != NULL && params_modern_names(params, err) != 0) {
        params_free(params);
        params = NULL;
    }
    UNet *u = make(config, path, params, err);
    json_free(config);
    return u;
}

UNet *unet_declare(const Json *config, const char *name, Err *err)
{
    Params *params = params_new(name, err);
    return make(config, name, params, err);
}

void unet_free(UNet *u)
{
    if (u == NULL) return;
    params_free(u->params);
    mem_free(u);
}
