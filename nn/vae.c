/* vae.c -- AutoencoderKL: convolutional encoder and decoder with attention in the middle  (diffusers 0.21.4, and keys of later versions)
 *
 *     encode   conv_in, down_blocks (resnets, stride-2 convolution but in the last), mid_block, norm, silu, conv_out, quant_conv
 *     decode   post_quant_conv, conv_in, mid_block, up_blocks (one resnet more, nearest x2 and convolution but in the last), norm, silu, conv_out
 * Every norm has norm_num_groups groups and eps 1e-6; the activation before conv_out is silu whatever act_fn says.
 */
#include "nn/vae.h"

#include "nn/config.h"
#include "nn/unet_blocks.h"

#include <stdio.h>
#include <string.h>

#define VAE_EPS 1e-6

static const Conv same = { 1, 1, 1 }, point = { 1, 0, 0 };
/* TRAP: downsampling pads the far sides only; (1,1) would shift the image by half a pixel. */
static const Conv halve = { 2, 0, 1 };

/* ---- blocks ---- */

/* The resnet and the attention are a UNet's: no time, one head over all positions of the normalised x. */
typedef struct Parts { UNetConfig u; UNetBlock b; UNetWalk w; } Parts;

static void parts(Parts *p, Net *n, const VaeConfig *v, int channels)
{
    p->u = (UNetConfig){ .norm_groups = v->norm_num_groups, .norm_eps = VAE_EPS, .act = v->act_fn };
    p->b = (UNetBlock){ .attend = ATTEND_SELF, .channels = channels, .heads = 1, .head_dim = channels, .group_norm = 1, .out_scale = 1 };
    p->w = (UNetWalk){ .n = n, .u = &p->u };
}

/* x (N,C,H,W) -> (N,out,H,W) */
static Tensor *resnet(Net *n, int i, const VaeConfig *v, Tensor *x, int out)
{
    Parts p;
    parts(&p, n, v, out);
    return unet_resnet(&p.w, &p.b, i, x);
}

static Tensor *attention(Net *n, int i, const VaeConfig *v, Tensor *x)
{
    Parts p;
    if (x == NULL) return NULL;
    parts(&p, n, v, (int)x->s.d[1]);
    return unet_attention(&p.w, &p.b, i, x);
}

static Tensor *mid_block(Net *n, const VaeConfig *v, Tensor *x)
{
    if (x == NULL || n->err->set) return NULL;
    const int C = (int)x->s.d[1];
    net_enter(n, "mid_block");
    Tensor *h = resnet(n, 0, v, x, C);
    if (v->mid_block_add_attention) h = attention(n, 0, v, h);
    return net_leave(n, resnet(n, 1, v, h, C));
}

/* x (N,C,H,W) -> (N,out,H',W'): resnets, each with attention after it if `attends`; no change of size here */
static Tensor *resnets(Net *n, const VaeConfig *v, Tensor *x, int out, int count, int attends)
{
    for (int i = 0; i < count; i++) {
        x = resnet(n, i, v, x, out);
        if (attends) x = attention(n, i, v, x);
    }
    return x;
}

static Tensor *downsample(Net *n, Tensor *x, int out)
{
    net_enter(n, "downsamplers.0");
    return net_leave(n, nn_conv2d(n, "conv", x, out, 3, halve, 1));
}

static Tensor *upsample(Net *n, Tensor *x, int out)
{
    if (x == NULL || n->err->set) return NULL;
    net_enter(n, "upsamplers.0");
    Tensor *h = op_upsample_nearest(n->tape, x, 2 * (int)x->s.d[2], 2 * (int)x->s.d[3], "upsample");
    return net_leave(n, nn_conv2d(n, "conv", h, out, 3, same, 1));
}

static Tensor *head(Net *n, const VaeConfig *v, Tensor *x, int out)
{
    x = nn_group_norm(n, "conv_norm_out", x, v->norm_num_groups, (real)VAE_EPS);
    x = nn_act(n, "conv_act", x, ACT_SILU);
    return nn_conv2d(n, "conv_out", x, out, 3, same, 1);
}

/* ---- encoder and decoder ---- */

static Tensor *encoder(Net *n, const VaeConfig *v, Tensor *x)
{
    net_enter(n, "encoder");
    x = nn_conv2d(n, "conv_in", x, v->block_out_channels[0], 3, same, 1);
    for (int i = 0; i < v->blocks; i++) {
        const int out = v->block_out_channels[i];
        net_enter(n, "down_blocks.%d", i);
        x = resnets(n, v, x, out, v->layers_per_block, v->down_attends[i]);
        if (i + 1 < v->blocks) x = downsample(n, x, out);
        x = net_leave(n, x);
    }
    x = mid_block(n, v, x);
    return net_leave(n, head(n, v, x, 2 * v->latent_channels));
}

static Tensor *decoder(Net *n, const VaeConfig *v, Tensor *x)
{
    net_enter(n, "decoder");
    x = nn_conv2d(n, "conv_in", x, v->block_out_channels[v->blocks - 1], 3, same, 1);
    x = mid_block(n, v, x);
    for (int i = 0; i < v->blocks; i++) {
        const int out = v->block_out_channels[v->blocks - 1 - i];
        net_enter(n, "up_blocks.%d", i);
        x = resnets(n, v, x, out, v->layers_per_block + 1, v->up_attends[i]);
        if (i + 1 < v->blocks) x = upsample(n, x, out);
        x = net_leave(n, x);
    }
    return net_leave(n, head(n, v, x, v->out_channels));
}

static int check_input(Net *n, const char *what, const Tensor *x, int channels)
{
    char found[64];
    if (x == NULL || n->err->set) return -1;
    if (x->s.nd == 4 && x->s.d[0] > 0 && x->s.d[1] == channels && x->s.d[2] > 0 && x->s.d[3] > 0) return 0;
    return err_set(n->err, "%s: %s is %s, expected Nx%dxHxW", params_source(n->params), what, shape_text(found, sizeof found, x->s), channels);
}

Tensor *vae_encode(Net *n, const Vae *v, Tensor *image)
{
    if (check_input(n, "image", image, v->config.in_channels) != 0) return NULL;
    const size_t mark = tape_mark(n->tape);
    Tensor *h = encoder(n, &v->config, image);
    if (v->config.use_quant_conv) h = nn_conv2d(n, "quant_conv", h, 2 * v->config.latent_channels, 1, point, 1);
    return tape_keep(n->tape, mark, h);
}

Tensor *vae_decode(Net *n, const Vae *v, Tensor *latent)
{
    const int C = v->config.latent_channels;
    if (check_input(n, "latent", latent, C) != 0) return NULL;
    const size_t mark = tape_mark(n->tape);
    Tensor *h = v->config.use_post_quant_conv ? nn_conv2d(n, "post_quant_conv", latent, C, 1, point, 1) : latent;
    h = decoder(n, &v->config, h);
    return tape_keep(n->tape, mark, h);
}

/* ---- config ---- */

/* A list of block types, of `count` entries: attends[i] says whether the i-th is `with`; anything but `with` and `without` is refused. */
static void read_types(int *attends, Config *c, const char *key, int count, const char *without, const char *with)
{
    char found[SHOW_ROOM], expected[96];
    const Json *list = config_value(c, key);
    const int entries = list == NULL ? 1 : (int)json_count(list);
    if (entries != count || (list != NULL && json_type(list) != JSON_ARRAY)) {
        snprintf(found, sizeof found, "%s of %d", list == NULL ? "absent, which is a list" : json_type_name(list), entries);
        snprintf(expected, sizeof expected, "a list of %d, as many as block_out_channels", count);
        config_refuse(c, key, found, expected);
        return;
    }
    for (int i = 0; list != NULL && i < count; i++) {
        const char *type = json_string(json_at(list, (size_t)i));
        attends[i] = type != NULL && strcmp(type, with) == 0;
        if (attends[i] || (type != NULL && strcmp(type, without) == 0)) continue;
        snprintf(expected, sizeof expected, "%s or %s", without, with);
        config_refuse(c, key, type == NULL ? "not a list of strings" : json_show(found, type), expected);
    }
}

static void read_channels(VaeConfig *v, Config *c)
{
    static const char key[] = "block_out_channels";
    const Json *list = config_value(c, key);
    const size_t count = list != NULL && json_type(list) == JSON_ARRAY ? json_count(list) : 1;
    char found[64];
    v->blocks = 1;
    if (count < 1 || count > VAE_BLOCKS) {
        snprintf(found, sizeof found, "a list of %zu", count);
        config_refuse(c, key, found, "a list of 1 to 8");
        return;
    }
    v->blocks = (int)count;
    config_ints(v->block_out_channels, c, key, v->blocks, 64, 1, 1 << 16);
}

static int read_config(VaeConfig *v, const Json *json, const char *name, Err *err)
{
    Config c;
    char show[SHOW_ROOM];
    config_begin(&c, json, name, err);
    config_only(&c, "_class_name", "\"AutoencoderKL\"");
    v->in_channels = config_int(&c, "in_channels", 3, 1, 1 << 16);
    v->out_channels = config_int(&c, "out_channels", 3, 1, 1 << 16);
    v->latent_channels = config_int(&c, "latent_channels", 4, 1, 1 << 15);
    v->layers_per_block = config_int(&c, "layers_per_block", 1, 1, 64);
    v->norm_num_groups = config_int(&c, "norm_num_groups", 32, 1, 1 << 16);
    read_channels(v, &c);
    read_types(v->down_attends, &c, "down_block_types", v->blocks, "DownEncoderBlock2D", "AttnDownEncoderBlock2D");
    read_types(v->up_attends, &c, "up_block_types", v->blocks, "UpDecoderBlock2D", "AttnUpDecoderBlock2D");
    const char *act = config_string(&c, "act_fn", "silu");
    if (act_parse(&v->act_fn, act) != 0) config_refuse(&c, "act_fn", json_show(show, act), "silu, swish, mish, gelu or relu");
    v->scaling_factor = config_double(&c, "scaling_factor", 0.18215);
    v->shift_factor = config_double(&c, "shift_factor", 0);
    v->use_quant_conv = config_bool(&c, "use_quant_conv", 1);
    v->use_post_quant_conv = config_bool(&c, "use_post_quant_conv", 1);
    v->mid_block_add_attention = config_bool(&c, "mid_block_add_attention", 1);
    config_only(&c, "latents_mean", "null");
    config_only(&c, "latents_std", "null");
    config_ignore(&c, "sample_size");                     /* the size of tiles, which are not used */
    config_ignore(&c, "force_upcast");                    /* half precision is not used */
    return config_end(&c);
}

/* ---- opening ---- */

/* Both walks on a tape of shapes: the parameters are checked, or declared. */
static int walk(const Vae *v, Err *err)
{
    const VaeConfig *k = &v->config;
    Tape *t = tape_new(err);
    if (t == NULL) return -1;
    Net n;
    tape_shapes_only(t, 1);
    net_begin(&n, t, v->params, err);
    const int64_t side = 1 << k->blocks;
    Tensor *image = tensor_new(t, (Shape){ 4, { 1, k->in_channels, side, side } }, 0, "image");
    vae_encode(&n, v, image);
    Tensor *latent = tensor_new(t, (Shape){ 4, { 1, k->latent_channels, 2, 2 } }, 0, "latent");
    vae_decode(&n, v, latent);
    tape_free(t);
    return err->set ? -1 : params_all_used(v->params, err);
}

/* params is taken, also on error. */
static Vae *make(const Json *config, const char *name, Params *params, Err *err)
{
    Vae *v = mem_new(1, sizeof *v, "vae", err);
    if (v == NULL) {
        params_free(params);
        return NULL;
    }
    v->params = params;
    if (err->set || read_config(&v->config, config, name, err) != 0 || walk(v, err) != 0) {
        vae_free(v);
        return NULL;
    }
    return v;
}

Vae *vae_open(const char *folder, Err *err)
{
    char path[512];
    snprintf(path, sizeof path, "%s/config.json", folder);
    Json *config = json_read(path, err);
    Params *params = config == NULL ? NULL : params_open(folder, "diffusion_pytorch_model", err);
    if (params != NULL) params_modern_names(params, err);
    Vae *v = make(config, path, params, err);
    json_free(config);
    return v;
}

Vae *vae_declare(const Json *config, const char *name, Err *err) { return make(config, name, params_new(name, err), err); }

void vae_free(Vae *v)
{
    if (v == NULL) return;
    params_free(v->params);
    mem_free(v);
}
