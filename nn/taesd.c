/* taesd.c -- AutoencoderTiny: a row of layers down, a row of layers up  (diffusers 0.21.4, and keys of later versions)
 *
 *     encoder.layers   for each stage: a convolution (stride 2 and no bias but in the first), blocks; then a convolution to the latent
 *     decoder.layers   a convolution, act_fn; for each stage: blocks, nearest upsampling (but in the last), a convolution (bias in the last)
 *     block            relu(conv(act(conv(act(conv(x))))) + x)
 * All channels of one half are the same number: the layers between stages do not change it, and neither can we.
 */
#include "nn/taesd.h"

#include "nn/config.h"

#include <stdio.h>
#include <string.h>

static const Conv same = { 1, 1, 1 }, halve = { 2, 1, 1 };

/* ---- layers; `at` is the place in the row, which each layer moves on ---- */

static Tensor *convolution(Net *n, int *at, Tensor *x, int out, Conv c, int bias)
{
    char name[16];
    snprintf(name, sizeof name, "%d", *at);
    (*at)++;
    return nn_conv2d(n, name, x, out, 3, c, bias);
}

/* TRAP: PyTorch has one activation under conv.1 and conv.3, and its list of modules names it once, as conv.1. */
static Tensor *block(Net *n, int *at, Tensor *x, Act act)
{
    if (x == NULL || n->err->set) return NULL;
    const int C = (int)x->s.d[1];
    net_enter(n, "%d", *at);
    (*at)++;
    net_enter(n, "conv");
    Tensor *h = nn_conv2d(n, "0", x, C, 3, same, 1);
    h = nn_act(n, "1", h, act);
    h = nn_conv2d(n, "2", h, C, 3, same, 1);
    h = nn_act(n, "1", h, act);
    h = net_leave(n, nn_conv2d(n, "4", h, C, 3, same, 1));
    Tensor *skip = net_say(n, "skip", x);
    h = op_add(n->tape, h, skip, "sum");
    return net_leave(n, nn_act(n, "fuse", h, ACT_RELU));
}

static Tensor *upsample(Net *n, int *at, Tensor *x, int factor)
{
    if (x == NULL || n->err->set) return NULL;
    net_enter(n, "%d", *at);
    (*at)++;
    return net_leave(n, op_upsample_nearest(n->tape, x, factor * (int)x->s.d[2], factor * (int)x->s.d[3], "upsample"));
}

static Tensor *encoder_layers(Net *n, const TaesdConfig *k, Tensor *x)
{
    int at = 0;
    net_enter(n, "layers");
    for (int i = 0; i < k->encoder_stages; i++) {
        x = convolution(n, &at, x, k->encoder_block_out_channels[i], i == 0 ? same : halve, i == 0);
        for (int b = 0; b < k->num_encoder_blocks[i]; b++) x = block(n, &at, x, k->act_fn);
    }
    return net_leave(n, convolution(n, &at, x, k->latent_channels, same, 1));
}

static Tensor *decoder_layers(Net *n, const TaesdConfig *k, Tensor *x)
{
    int at = 0;
    net_enter(n, "layers");
    x = convolution(n, &at, x, k->decoder_block_out_channels[0], same, 1);
    x = nn_act(n, "1", x, k->act_fn);
    at++;
    for (int i = 0; i < k->decoder_stages; i++) {
        const int last = i + 1 == k->decoder_stages;
        for (int b = 0; b < k->num_decoder_blocks[i]; b++) x = block(n, &at, x, k->act_fn);
        if (!last) x = upsample(n, &at, x, k->upsampling_scaling_factor);
        x = convolution(n, &at, x, last ? k->out_channels : k->decoder_block_out_channels[i], same, last);
    }
    return net_leave(n, x);
}

static int check_input(Net *n, const char *what, const Tensor *x, int channels)
{
    char found[64];
    if (x == NULL || n->err->set) return -1;
    if (x->s.nd == 4 && x->s.d[0] > 0 && x->s.d[1] == channels && x->s.d[2] > 0 && x->s.d[3] > 0) return 0;
    return err_set(n->err, "%s: %s is %s, expected Nx%dxHxW", params_source(n->params), what, shape_text(found, sizeof found, x->s), channels);
}

Tensor *taesd_encode(Net *n, const Taesd *v, Tensor *image)
{
    if (check_input(n, "image", image, v->config.in_channels) != 0) return NULL;
    net_enter(n, "encoder");
    Tensor *x = op_affine(n->tape, image, R(0.5), R(0.5), "image in [0,1]");
    return net_leave(n, encoder_layers(n, &v->config, x));
}

Tensor *taesd_decode(Net *n, const Taesd *v, Tensor *latent)
{
    if (check_input(n, "latent", latent, v->config.latent_channels) != 0) return NULL;
    net_enter(n, "decoder");
    Tensor *x = op_affine(n->tape, latent, R(1.0) / R(3.0), R(0.0), "latent/3");
    x = op_tanh(n->tape, x, "tanh");
    x = op_affine(n->tape, x, R(3.0), R(0.0), "bounded latent");
    x = decoder_layers(n, &v->config, x);
    return net_leave(n, op_affine(n->tape, x, R(2.0), R(-1.0), "image in [-1,1]"));
}

/* ---- config ---- */

/* The two lists of one half: channels of each stage, all the same, and its number of blocks. */
static int read_stages(int *channels, int *blocks, Config *c, const char *channels_key, const char *blocks_key, const int fallback[4])
{
    char found[64];
    const Json *list = config_value(c, channels_key);
    const int count = list == NULL ? 4 : json_type(list) == JSON_ARRAY ? (int)json_count(list) : 0;
    if (count < 1 || count > TAESD_STAGES) {
        snprintf(found, sizeof found, "%s of %d", json_type_name(list), count);
        config_refuse(c, channels_key, found, "a list of 1 to 8");
        return 1;
    }
    config_ints(channels, c, channels_key, count, 64, 1, 1 << 16);
    for (int i = 1; i < count; i++) {
        snprintf(found, sizeof found, "%d at stage 0 and %d at stage %d", channels[0], channels[i], i);
        if (channels[i] != channels[0]) config_refuse(c, channels_key, found, "one number for all stages");
    }
    if (!config_ints(blocks, c, blocks_key, count, 0, 0, 64) && count != 4) config_refuse(c, blocks_key, "absent", "as many as there are stages");
    for (int i = 0; config_value(c, blocks_key) == NULL && i < count; i++) blocks[i] = fallback[i % 4];
    return count;
}

static int read_config(TaesdConfig *k, const Json *json, const char *name, Err *err)
{
    static const int down[4] = { 1, 3, 3, 3 }, up[4] = { 3, 3, 3, 1 };
    Config c;
    char show[SHOW_ROOM];
    config_begin(&c, json, name, err);
    config_only(&c, "_class_name", "\"AutoencoderTiny\"");
    k->in_channels = config_int(&c, "in_channels", 3, 1, 1 << 16);
    k->out_channels = config_int(&c, "out_channels", 3, 1, 1 << 16);
    k->latent_channels = config_int(&c, "latent_channels", 4, 1, 1 << 16);
    k->upsampling_scaling_factor = config_int(&c, "upsampling_scaling_factor", 2, 1, 8);
    k->encoder_stages = read_stages(k->encoder_block_out_channels, k->num_encoder_blocks, &c, "encoder_block_out_channels", "num_encoder_blocks", down);
    k->decoder_stages = read_stages(k->decoder_block_out_channels, k->num_decoder_blocks, &c, "decoder_block_out_channels", "num_decoder_blocks", up);
    const char *act = config_string(&c, "act_fn", "relu");
    if (act_parse(&k->act_fn, act) != 0) config_refuse(&c, "act_fn", json_show(show, act), "relu, silu, swish, mish or gelu");
    k->scaling_factor = config_double(&c, "scaling_factor", 1);
    k->shift_factor = config_double(&c, "shift_factor", 0);
    config_only(&c, "upsample_fn", "\"nearest\"");
    config_ignore(&c, "latent_magnitude");                /* latents shown in [0,1] */
    config_ignore(&c, "latent_shift");
    config_ignore(&c, "block_out_channels");              /* a copy of decoder_block_out_channels, for pipelines */
    config_ignore(&c, "force_upcast");                    /* half precision is not used */
    return config_end(&c);
}

/* ---- opening ---- */

/* Both walks on a tape of shapes: the parameters are checked, or declared. */
static int walk(const Taesd *v, Err *err)
{
    const TaesdConfig *k = &v->config;
    Tape *t = tape_new(err);
    if (t == NULL) return -1;
    Net n;
    tape_shapes_only(t, 1);
    net_begin(&n, t, v->params, err);
    Tensor *image = tensor_new(t, (Shape){ 4, { 1, k->in_channels, 8, 8 } }, 0, "image");
    taesd_encode(&n, v, image);
    Tensor *latent = tensor_new(t, (Shape){ 4, { 1, k->latent_channels, 1, 1 } }, 0, "latent");
    taesd_decode(&n, v, latent);
    tape_free(t);
    return err->set ? -1 : params_all_used(v->params, err);
}

/* params is taken, also on error. */
static Taesd *make(const Json *config, const char *name, Params *params, Err *err)
{
    Taesd *v = mem_new(1, sizeof *v, "taesd", err);
    if (v == NULL) {
        params_free(params);
        return NULL;
    }
    v->params = params;
    if (err->set || read_config(&v->config, config, name, err) != 0 || walk(v, err) != 0) {
        taesd_free(v);
        return NULL;
    }
    return v;
}

Taesd *taesd_open(const char *folder, Err *err)
{
    char path[512];
    snprintf(path, sizeof path, "%s/config.json", folder);
    Json *config = json_read(path, err);
    Taesd *v = make(config, path, config == NULL ? NULL : params_open(folder, "diffusion_pytorch_model", err), err);
    json_free(config);
    return v;
}

Taesd *taesd_declare(const Json *config, const char *name, Err *err) { return make(config, name, params_new(name, err), err); }

void taesd_free(Taesd *v)
{
    if (v == NULL) return;
    params_free(v->params);
    mem_free(v);
}
