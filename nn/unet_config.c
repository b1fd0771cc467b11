/* unet_config.c -- config.json of the two UNets of diffusers (0.21.4, and the keys that later versions add), key by key
 *
 * Defaults are those of the two constructors. Null is the default, but where it has a meaning of its own: mid_block_type (no
 * middle block) and, in UNet2DModel, attention_head_dim (one head).
 */
#include "nn/unet_config.h"

#include "nn/config.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH_MAX = 1 << 16, COUNT_MAX = 1 << 24 };
#define COUNT(list) ((int)(sizeof(list) / sizeof(list)[0]))

/* What many keys say, one entry a level, from the image downwards. */
typedef struct Levels {
    int channels[UNET_LEVELS], layers[UNET_LEVELS], depth[UNET_LEVELS], heads[UNET_LEVELS], head_dim[UNET_LEVELS];
    int text_width[UNET_LEVELS], only_cross[UNET_LEVELS];
    int mid_only_cross, skip_time_act, down_resnet, up_resnet;
    double out_scale, mid_scale;
} Levels;

/* ---- readers ---- */

static int is_null(const Config *c, const char *key)
{
    const Json *v = json_get(c->object, key);
    return v != NULL && json_type(v) == JSON_NULL;
}

static void refuse_null(Config *c, const char *key, const char *expected)
{
    if (is_null(c, key)) config_refuse(c, key, "null", expected);
}

static void refuse_string(Config *c, const char *key, const char *found, const char *const *names, int count)
{
    char show[SHOW_ROOM], quoted[SHOW_ROOM + 2], expected[256] = "";
    for (int i = 0; i < count; i++) {
        const size_t at = strlen(expected);
        snprintf(expected + at, sizeof expected - at, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", names[i]);
    }
    snprintf(quoted, sizeof quoted, "\"%s\"", json_show(show, found));
    config_refuse(c, key, quoted, expected);
}

/* The place of a string among names, counted from 1; 0: absent or null. */
static int choice(Config *c, const char *key, const char *const *names, int count)
{
    const char *found = config_string(c, key, NULL);
    if (found == NULL) return 0;
    for (int i = 0; i < count; i++)
        if (strcmp(found, names[i]) == 0) return i + 1;
    refuse_string(c, key, found, names, count);
    return 0;
}

/* 0: absent or null, *out is left alone */
static int activation(Act *out, Config *c, const char *key)
{
    static const char *const names[] = { "silu", "swish", "mish", "gelu", "relu" };
    const char *found = config_string(c, key, NULL);
    if (found == NULL) return 0;
    if (act_parse(out, found) != 0) refuse_string(c, key, found, names, COUNT(names));
    return 1;
}

/* A list, whose count is put to *count; NULL: absent or null, or not a list of 1 to UNET_LEVELS (refused). */
static const Json *list(int *count, Config *c, const char *key)
{
    char found[64];
    const Json *v = config_value(c, key);
    if (v == NULL) return NULL;
    if (json_type(v) == JSON_ARRAY && json_count(v) >= 1 && json_count(v) <= UNET_LEVELS) {
        *count = (int)json_count(v);
        return v;
    }
    if (json_type(v) == JSON_ARRAY) snprintf(found, sizeof found, "a list of %zu", json_count(v));
    config_refuse(c, key, json_type(v) == JSON_ARRAY ? found : json_type_name(v), "a list of 1 to 8, one entry a level");
    return NULL;
}

/* One truth value for all levels, or a list of them. Returns 1 if it was one. */
static int flags(int *out, Config *c, const char *key, int levels)
{
    int count = 0;
    for (int i = 0; i < levels; i++) out[i] = 0;
    const Json *v = config_value(c, key);
    if (v == NULL || json_bool(&out[0], v) == 0) {
        for (int i = 1; i < levels; i++) out[i] = out[0];
        return 1;
    }
    v = list(&count, c, key);
    if (v != NULL && count != levels) config_refuse(c, key, "a list of another length", "one entry for each of block_out_channels");
    for (int i = 0; v != NULL && i < levels && i < count; i++)
        if (json_bool(&out[i], json_at(v, (size_t)i)) != 0) config_refuse(c, key, "a list of other things", "true or false");
    return 0;
}

/* ---- blocks ---- */

static const struct BlockType { const char *down, *up; UNetAttend attend; UNetResample resample; int conditional; } block_types[] = {
    { "DownBlock2D", "UpBlock2D", ATTEND_NONE, RESAMPLE_CONV, 0 },
    { "ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D", ATTEND_NONE, RESAMPLE_RESNET, 0 },
    { "AttnDownBlock2D", "AttnUpBlock2D", ATTEND_SELF, RESAMPLE_CONV, 0 },
    { "CrossAttnDownBlock2D", "CrossAttnUpBlock2D", ATTEND_TRANSFORMER, RESAMPLE_CONV, 1 },
    { "SimpleCrossAttnDownBlock2D", "SimpleCrossAttnUpBlock2D", ATTEND_JOINT, RESAMPLE_RESNET, 1 },
};

/* The type by its name ("UNetResDownBlock2D" is an old spelling of "DownBlock2D"); refused: the first one. */
static const struct BlockType *block_type(Config *c, const char *key, const char *name, int up, int conditional)
{
    const char *names[COUNT(block_types)];
    int known = 0;
    for (int i = 0; i < COUNT(block_types); i++) {
        if (block_types[i].conditional && !conditional) continue;
        names[known++] = up ? block_types[i].up : block_types[i].down;
        if (strcmp(strncmp(name, "UNetRes", 7) == 0 ? name + 7 : name, names[known - 1]) == 0) return &block_types[i];
    }
    refuse_string(c, key, name, names, known);
    return &block_types[0];
}

/* Name of the i-th block: of the file, or the default of the class. */
static const char *type_name(Config *c, const char *key, const Json *v, int up, int conditional, int i)
{
    static const char *const cross_down = "CrossAttnDownBlock2D", *const cross_up = "CrossAttnUpBlock2D";
    if (v == NULL && conditional) return up ? (i == 0 ? "UpBlock2D" : cross_up) : i == 3 ? "DownBlock2D" : cross_down;
    if (v == NULL) return up ? (i == 3 ? "UpBlock2D" : "AttnUpBlock2D") : i == 0 ? "DownBlock2D" : "AttnDownBlock2D";
    const char *name = json_string(json_at(v, (size_t)i));
    if (name == NULL) config_refuse(c, key, "a list of other things", "a list of block names");
    return name == NULL ? "" : name;
}

/* Heads of a block from its channels, and from the entries of its level. TRAP: in the cross-attention blocks `attention_head_dim`
 * counts heads; in the others it is what it says. */
static void set_heads(UNetBlock *b, Config *c, int heads, int head_dim)
{
    char found[80];
    if (b->attend == ATTEND_NONE) return;
    if (b->attend != ATTEND_TRANSFORMER && head_dim == 0) head_dim = b->channels;
    b->heads = b->attend == ATTEND_TRANSFORMER ? heads : b->channels / head_dim;
    b->head_dim = b->attend == ATTEND_TRANSFORMER ? b->channels / heads : head_dim;
    if (b->heads > 0 && b->head_dim > 0) return;
    snprintf(found, sizeof found, "%d for a block of %d channels", b->attend == ATTEND_TRANSFORMER ? heads : head_dim, b->channels);
    config_refuse(c, "attention_head_dim", found, "at most the channels");
}

/* Settings that follow from the type of a block and its level. */
static void set_block(UNetBlock *b, const UNetConfig *u, const struct BlockType *type, const Levels *l, int level)
{
    b->attend = type->attend;
    b->channels = l->channels[level];
    b->depth = l->depth[level];
    b->text_width = l->text_width[level];
    b->only_cross = l->only_cross[level];
    b->group_norm = 1;
    b->out_scale = 1;
    if (u->conditional && type->resample == RESAMPLE_RESNET) {
        b->out_scale = l->out_scale;
        b->skip_time_act = l->skip_time_act;
    }
}

static void read_blocks(UNetConfig *u, Config *c, const Levels *l, int up)
{
    const char *key = up ? "up_block_types" : "down_block_types";
    const int last = u->levels - 1;
    int count = 4;
    const Json *v = list(&count, c, key);
    if (count != u->levels) config_refuse(c, key, "a list of another length", "one entry for each of block_out_channels");
    for (int i = 0; i <= last && !c->err->set; i++) {
        UNetBlock *b = up ? &u->up[i] : &u->down[i];
        const int level = up ? last - i : i;
        const char *name = type_name(c, key, v, up, u->conditional, i);
        const struct BlockType *type = block_type(c, key, name, up, u->conditional);
        set_block(b, u, type, l, level);
        b->layers = l->layers[level] + up;
        b->resample = i == last ? RESAMPLE_NONE : type->resample;
        if (type->attend == ATTEND_SELF && i != last && (up ? l->up_resnet : l->down_resnet)) b->resample = RESAMPLE_RESNET;
        b->fits_skip = u->conditional && type->attend != ATTEND_SELF && type->resample == RESAMPLE_CONV;
        /* TRAP: diffusers reverses every list for the up blocks but this one. */
        set_heads(b, c, l->heads[level], l->head_dim[i]);
    }
}

static void read_mid(UNetConfig *u, Config *c, const Levels *l, int add_attention)
{
    static const char *const conditional[] = { "UNetMidBlock2DCrossAttn", "UNetMidBlock2DSimpleCrossAttn", "UNetMidBlock2D" };
    static const char *const plain[] = { "UNetMidBlock2D" };
    static const struct BlockType types[] = {
        { NULL, NULL, ATTEND_TRANSFORMER, RESAMPLE_CONV, 1 },
        { NULL, NULL, ATTEND_JOINT, RESAMPLE_CONV, 1 },
        { NULL, NULL, ATTEND_NONE, RESAMPLE_CONV, 1 },
    };
    const int last = u->levels - 1;
    UNetBlock *b = &u->mid;
    u->has_mid = !is_null(c, "mid_block_type");
    int kind = u->conditional ? choice(c, "mid_block_type", conditional, COUNT(conditional)) : choice(c, "mid_block_type", plain, 1);
    if (c->err->set) return;
    kind = !u->conditional ? 3 : kind == 0 ? 1 : kind;
    set_block(b, u, &types[kind - 1], l, last);
    b->layers = u->conditional && kind == 3 ? 0 : 1;      /* there UNetMidBlock2D is a single resnet */
    b->out_scale = l->mid_scale;
    b->only_cross = b->attend == ATTEND_JOINT && l->mid_only_cross;
    b->skip_time_act = b->attend == ATTEND_JOINT && l->skip_time_act;
    if (!u->conditional && add_attention) b->attend = ATTEND_SELF;
    b->group_norm = !u->scale_shift;
    set_heads(b, c, l->heads[last], l->head_dim[last]);
}

/* ---- groups of keys ---- */

static void read_levels(UNetConfig *u, Config *c, Levels *l)
{
    static const int conditional[4] = { 320, 640, 1280, 1280 }, plain[4] = { 224, 448, 672, 896 };
    static const char key[] = "block_out_channels";
    u->levels = 4;
    const Json *v = list(&u->levels, c, key);
    if (c->err->set) return;
    if (v != NULL) config_ints(l->channels, c, key, u->levels, 1, 1, WIDTH_MAX);
    else memcpy(l->channels, u->conditional ? conditional : plain, sizeof conditional);
    config_ints(l->layers, c, "layers_per_block", u->levels, 2, 1, UNET_LAYERS - 1);
    u->base = l->channels[0];
    l->mid_scale = config_double(c, "mid_block_scale_factor", 1);
    if (!(l->mid_scale > 0)) config_refuse(c, "mid_block_scale_factor", "not above 0", "a number above 0");
}

/* Keys that UNet2DConditionModel alone has, and which concern its blocks. */
static void read_conditional_blocks(UNetConfig *u, Config *c, Levels *l)
{
    static const char *const norms[] = { "layer_norm", "group_norm" };
    refuse_null(c, "attention_head_dim", "a whole number, or a list of them");
    refuse_null(c, "cross_attention_dim", "a whole number, or a list of them");
    config_ints(l->depth, c, "transformer_layers_per_block", u->levels, 1, 0, 64);
    config_ints(l->text_width, c, "cross_attention_dim", u->levels, 1280, 1, WIDTH_MAX);
    config_ints(l->head_dim, c, "attention_head_dim", u->levels, 8, 1, WIDTH_MAX);
    if (!config_ints(l->heads, c, "num_attention_heads", u->levels, 8, 1, WIDTH_MAX)) memcpy(l->heads, l->head_dim, sizeof l->heads);
    const int one = flags(l->only_cross, c, "only_cross_attention", u->levels);
    l->mid_only_cross = config_bool(c, "mid_block_only_cross_attention", one && l->only_cross[0]);
    l->skip_time_act = config_bool(c, "resnet_skip_time_act", 0);
    l->out_scale = config_double(c, "resnet_out_scale_factor", 1);
    if (!(l->out_scale > 0)) config_refuse(c, "resnet_out_scale_factor", "not above 0", "a number above 0");
    u->cross_norm = (UNetCrossNorm)choice(c, "cross_attention_norm", norms, COUNT(norms));
    u->linear_projection = config_bool(c, "use_linear_projection", 0);
    u->conv_in_kernel = config_int(c, "conv_in_kernel", 3, 1, 31);
    u->conv_out_kernel = config_int(c, "conv_out_kernel", 3, 1, 31);
    if (u->conv_in_kernel % 2 == 0) config_refuse(c, "conv_in_kernel", "even", "an odd number");
    if (u->conv_out_kernel % 2 == 0) config_refuse(c, "conv_out_kernel", "even", "an odd number");
    config_bool(c, "upcast_attention", 0);                /* a precision, and ours is not below it */
    config_only(c, "dual_cross_attention", "false");
    config_only(c, "attention_type", "\"default\"");
    config_only(c, "reverse_transformer_layers_per_block", "null");
}

static void read_plain_blocks(Config *c, Levels *l)
{
    static const char *const ways[] = { "conv", "resnet" };
    const int head_dim = is_null(c, "attention_head_dim") ? 0 : 8;
    l->head_dim[0] = config_int(c, "attention_head_dim", head_dim, 1, WIDTH_MAX);
    for (int i = 1; i < UNET_LEVELS; i++) l->head_dim[i] = l->head_dim[0];
    l->down_resnet = choice(c, "downsample_type", ways, COUNT(ways)) == 2;
    l->up_resnet = choice(c, "upsample_type", ways, COUNT(ways)) == 2;
    config_only(c, "attn_norm_num_groups", "null");
    config_ignore(c, "num_train_timesteps");              /* the size of a learned time embedding, which is refused */
}

static void read_norms(UNetConfig *u, Config *c)
{
    static const char *const shifts[] = { "default", "scale_shift" };
    u->norm_groups = config_int(c, "norm_num_groups", 32, 1, WIDTH_MAX);
    u->norm_eps = config_double(c, "norm_eps", 1e-5);
    if (!(u->norm_eps > 0)) config_refuse(c, "norm_eps", "not above 0", "a number above 0");
    u->scale_shift = choice(c, "resnet_time_scale_shift", shifts, COUNT(shifts)) == 2;
    activation(&u->act, c, "act_fn");                     /* ACT_SILU is 0, the default of all three */
    if (u->conditional) u->time_act = u->out_act = u->act;
}

static void read_time(UNetConfig *u, Config *c)
{
    static const char *const kinds[] = { "positional", "fourier" };
    u->time = choice(c, "time_embedding_type", kinds, COUNT(kinds)) == 2 ? TIME_FOURIER : TIME_POSITIONAL;
    u->flip_sin_to_cos = config_bool(c, "flip_sin_to_cos", 1);
    u->freq_shift = config_double(c, "freq_shift", 0);
    u->time_width = 4 * u->base;
    u->time_in = u->base;
    if (u->conditional) {
        u->time_width = config_int(c, "time_embedding_dim", (u->time == TIME_FOURIER ? 2 : 4) * u->base, 1, WIDTH_MAX);
        u->time_cond = config_int(c, "time_cond_proj_dim", 0, 1, WIDTH_MAX);
        u->has_post_act = activation(&u->post_act, c, "timestep_post_act");
        u->has_emb_act = activation(&u->emb_act, c, "time_embedding_act_fn");
    }
    if (u->time == TIME_FOURIER) {
        u->time_in = u->conditional ? u->time_width : 2 * u->base;
        if (u->time_in % 2 != 0) config_refuse(c, "time_embedding_dim", "odd", "an even number with time_embedding_type fourier");
    } else if (u->freq_shift == u->time_in / 2)
        config_refuse(c, "freq_shift", "half the channels", "another number (the embedding divides by the difference)");
}

static void read_class(UNetConfig *u, Config *c)
{
    static const char *const kinds[] = { "timestep", "identity", "projection", "simple_projection" };
    u->class_count = config_int(c, "num_class_embeds", 0, 1, COUNT_MAX);
    const int kind = choice(c, "class_embed_type", kinds, u->conditional ? 4 : 2);
    u->class_kind = kind > 0 ? (UNetClass)(CLASS_TABLE + kind) : u->class_count > 0 ? CLASS_TABLE : CLASS_NONE;
    if (!u->conditional) return;
    u->projection_in = config_int(c, "projection_class_embeddings_input_dim", 0, 1, WIDTH_MAX);
    if ((u->class_kind == CLASS_PROJECTION || u->class_kind == CLASS_LINEAR) && u->projection_in == 0)
        config_refuse(c, "projection_class_embeddings_input_dim", "absent", "a width for that class_embed_type");
    u->class_concat = config_bool(c, "class_embeddings_concat", 0);
    if (u->class_concat && u->class_kind == CLASS_NONE)
        config_refuse(c, "class_embeddings_concat", "true", "false without a class embedding");
}

static void read_added(UNetConfig *u, Config *c)
{
    static const char *const adds[] = { "text", "text_time", "text_image", "image" };
    static const char *const hids[] = { "text_proj", "text_image_proj", "image_proj" };
    char found[96];
    u->add = (UNetAdd)choice(c, "addition_embed_type", adds, COUNT(adds));
    u->add_time_width = config_int(c, "addition_time_embed_dim", 0, 1, WIDTH_MAX);
    u->add_heads = config_int(c, "addition_embed_type_num_heads", 64, 1, WIDTH_MAX);
    u->hid_width = config_int(c, "encoder_hid_dim", 0, 1, WIDTH_MAX);
    u->hid = (UNetHid)choice(c, "encoder_hid_dim_type", hids, COUNT(hids));
    if (u->hid == HID_NONE && u->hid_width > 0) u->hid = HID_TEXT;
    if (u->hid_width == 0 && (u->hid != HID_NONE || u->add == ADD_IMAGE))
        config_refuse(c, "encoder_hid_dim", "absent", "a width for that encoder_hid_dim_type or addition_embed_type");
    if (u->add != ADD_NONE && u->class_concat)
        config_refuse(c, "class_embeddings_concat", "true", "false with an addition_embed_type");
    if (u->add != ADD_TEXT_TIME) return;
    snprintf(found, sizeof found, "%d with addition_time_embed_dim %d", u->projection_in, u->add_time_width);
    if (u->add_time_width == 0) config_refuse(c, "addition_time_embed_dim", "absent", "a width for addition_embed_type text_time");
    else if (u->projection_in <= u->add_time_width)
        config_refuse(c, "projection_class_embeddings_input_dim", found, "more: text and times");
    if (u->freq_shift == u->add_time_width / 2)
        config_refuse(c, "freq_shift", "half of addition_time_embed_dim", "another number (the embedding divides by the difference)");
}

/* The text that blocks attend to has one width; so has what is projected to it. */
static void set_text(UNetConfig *u, Config *c, const Levels *l)
{
    int attends = 0;
    char found[96];
    u->text_width = l->text_width[0];
    for (int i = 0; i <= 2 * u->levels; i++) {
        const UNetBlock *b = i < u->levels ? &u->down[i] : i == u->levels ? &u->mid : &u->up[i - u->levels - 1];
        if ((b->attend != ATTEND_TRANSFORMER && b->attend != ATTEND_JOINT) || (i == u->levels && !u->has_mid)) continue;
        snprintf(found, sizeof found, "%d in one block that attends to text, %d in another", u->text_width, b->text_width);
        if (attends && b->text_width != u->text_width) config_refuse(c, "cross_attention_dim", found, "one width for all of them");
        u->text_width = b->text_width;
        attends = 1;
    }
    const int projected = u->hid != HID_NONE || u->add == ADD_TEXT || u->add == ADD_TEXT_IMAGE;
    for (int i = 0; projected && i < u->levels; i++)
        if (l->text_width[i] != u->text_width)
            config_refuse(c, "cross_attention_dim", "a list of several widths", "one width with encoder_hid_dim_type or addition_embed_type");
    u->text_in = u->hid_width > 0 ? u->hid_width : u->text_width;
    u->uses_text = u->add == ADD_TEXT || u->hid == HID_TEXT || u->hid == HID_TEXT_IMAGE || (u->hid == HID_NONE && attends);
    snprintf(found, sizeof found, "%d for a width of %d", u->add_heads, u->text_in);
    if (u->add == ADD_TEXT && u->text_in % u->add_heads != 0) config_refuse(c, "addition_embed_type_num_heads", found, "a divisor");
}

int unet_config_read(UNetConfig *u, const Json *config, const char *name, Err *err)
{
    static const char *const classes[] = { "UNet2DConditionModel", "UNet2DModel" };
    Config c;
    Levels l = { .out_scale = 1 };
    *u = (UNetConfig){ .conv_in_kernel = 3, .conv_out_kernel = 3 };
    config_begin(&c, config, name, err);
    if (err->set) return -1;
    const int class = choice(&c, "_class_name", classes, COUNT(classes));
    if (class == 0) return config_refuse(&c, "_class_name", "absent", "UNet2DConditionModel or UNet2DModel");
    u->conditional = class == 1;
    u->in_channels = config_int(&c, "in_channels", u->conditional ? 4 : 3, 1, WIDTH_MAX);
    u->out_channels = config_int(&c, "out_channels", u->conditional ? 4 : 3, 1, WIDTH_MAX);
    u->center_input = config_bool(&c, "center_input_sample", 0);
    u->downsample_padding = config_int(&c, "downsample_padding", 1, 0, 1);
    config_ints(u->sample_size, &c, "sample_size", 2, 0, 1, 65536);
    config_double(&c, "dropout", 0);                      /* of training */
    read_levels(u, &c, &l);
    read_norms(u, &c);
    if (err->set) return -1;
    if (u->conditional) read_conditional_blocks(u, &c, &l);
    else read_plain_blocks(&c, &l);
    const int add_attention = u->conditional ? 0 : config_bool(&c, "add_attention", 1);
    read_time(u, &c);
    read_class(u, &c);
    if (u->conditional) read_added(u, &c);
    if (err->set) return -1;
    read_blocks(u, &c, &l, 0);
    read_mid(u, &c, &l, add_attention);
    read_blocks(u, &c, &l, 1);
    set_text(u, &c, &l);
    refuse_null(&c, "norm_num_groups", "a whole number");
    return config_end(&c);
}
