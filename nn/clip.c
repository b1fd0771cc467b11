/* clip.c -- CLIP's two towers: config.json, the walk, the constants of its images
 *
 * Both towers are the same pre-norm transformer, x += attention(norm(x)), x += mlp(norm(x)), head size d, scale d^-1/2:
 *     text     token + position embedding, causal layers, final norm; pooled is the row of the end token
 *     vision   convolution of patches, the class embedding before them, position embedding, pre_layrnorm (so spelled), layers;
 *              pooled is the class row after post_layernorm, and the hidden state is not normed
 * transformers scales q before the product, we scale the product: the same but for rounding.
 * Source: transformers 4.35, models/clip.
 */
#include "nn/clip.h"

#include "nn/config.h"
#include "tensor/par.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- config.json ---- */

enum { WIDTH_MAX = 1 << 20, LAYERS_MAX = 1000, IMAGE_MAX = 4096 };

/* What transformers writes into any config and CLIP's forward pass never reads: start values, dropouts (no influence outside
 * training), storage type, labels, and how a language model would generate text. */
static const char *const idle[] = {
    "add_cross_attention", "architectures", "attention_dropout", "bad_words_ids", "begin_suppress_tokens", "bos_token_id",
    "chunk_size_feed_forward", "cross_attention_hidden_size", "decoder_start_token_id", "diversity_penalty", "do_sample", "dropout", "dtype",
    "early_stopping", "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id",
    "forced_eos_token_id", "id2label", "initializer_factor", "initializer_range", "is_decoder", "is_encoder_decoder", "label2id",
    "length_penalty", "logit_scale_init_value", "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_return_sequences", "output_attentions", "output_hidden_states", "output_scores", "pad_token_id", "prefix", "problem_type",
    "remove_invalid_values", "repetition_penalty", "return_dict", "return_dict_in_generate", "sep_token_id", "suppress_tokens",
    "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder", "tie_word_embeddings", "tokenizer_class", "top_k",
    "top_p", "torch_dtype", "torchscript", "transformers_version", "typical_p", "use_bfloat16",
};

static void read_common(Config *c, const char *model_type)
{
    char found[64];
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++) config_ignore(c, idle[i]);
    config_only(c, "model_type", model_type);
    const Json *pruned = config_value(c, "pruned_heads");
    if (pruned == NULL || (json_type(pruned) == JSON_OBJECT && json_count(pruned) == 0)) return;
    snprintf(found, sizeof found, "%s of %zu", json_type_name(pruned), json_count(pruned));
    config_refuse(c, "pruned_heads", found, "an empty object (pruning is not supported)");
}

static void read_tower(ClipTower *w, Config *c, const char *model_type, int width, int heads)
{
    char found[64], show[SHOW_ROOM];
    read_common(c, model_type);
    w->present = 1;
    w->hidden_size = config_int(c, "hidden_size", width, 1, WIDTH_MAX);
    w->intermediate_size = config_int(c, "intermediate_size", 4 * width, 1, WIDTH_MAX);
    w->num_attention_heads = config_int(c, "num_attention_heads", heads, 1, WIDTH_MAX);
    w->num_hidden_layers = config_int(c, "num_hidden_layers", 12, 1, LAYERS_MAX);
    w->layer_norm_eps = config_double(c, "layer_norm_eps", 1e-5);
    const char *act = config_string(c, "hidden_act", "quick_gelu");
    if (act_parse(&w->hidden_act, act) != 0)
        config_refuse(c, "hidden_act", json_show(show, act), "quick_gelu, gelu, gelu_new, gelu_pytorch_tanh, silu, relu or mish");
    if (w->hidden_size % w->num_attention_heads == 0) return;
    snprintf(found, sizeof found, "%d for a hidden_size of %d", w->num_attention_heads, w->hidden_size);
    config_refuse(c, "num_attention_heads", found, "a divisor of it");
}

/* 0, or -1 with err set. projection: NULL, or where the tower's own projection_dim goes. */
static int read_text(ClipConfig *out, int *projection, const Json *object, const char *name, Err *err)
{
    Config c;
    config_begin(&c, object, name, err);
    read_tower(&out->text, &c, "\"clip_text_model\"", 512, 8);
    out->vocab_size = config_int(&c, "vocab_size", 49408, 1, 1 << 30);
    out->max_position_embeddings = config_int(&c, "max_position_embeddings", 77, 1, WIDTH_MAX);
    out->eos_token_id = config_int(&c, "eos_token_id", 49407, 0, 1 << 30);
    config_only(&c, "use_attention_mask", "false");
    const int dim = config_int(&c, "projection_dim", 512, 1, WIDTH_MAX);
    if (projection != NULL) *projection = dim;
    return config_end(&c);
}

static int read_vision(ClipConfig *out, int *projection, const Json *object, const char *name, Err *err)
{
    Config c;
    char found[64];
    config_begin(&c, object, name, err);
    read_tower(&out->vision, &c, "\"clip_vision_model\"", 768, 12);
    config_ignore(&c, "eos_token_id");
    out->image_size = config_int(&c, "image_size", 224, 1, IMAGE_MAX);
    out->patch_size = config_int(&c, "patch_size", 32, 1, IMAGE_MAX);
    out->num_channels = config_int(&c, "num_channels", 3, 1, WIDTH_MAX);
    const int dim = config_int(&c, "projection_dim", 512, 1, WIDTH_MAX);
    if (projection != NULL) *projection = dim;
    snprintf(found, sizeof found, "%d for an image_size of %d", out->patch_size, out->image_size);
    if (out->patch_size > out->image_size) config_refuse(&c, "patch_size", found, "at most that");
    return config_end(&c);
}

/* TRAP: the older KEY_dict, where there is one, replaces KEY altogether, defaults included. */
static const Json *nested(Config *c, const char *key, const char *key_dict)
{
    const Json *plain = config_value(c, key), *dict = config_value(c, key_dict);
    if (plain == NULL && dict == NULL) config_refuse(c, key, "absent", "an object");
    return dict != NULL ? dict : plain;
}

static int read_both(ClipConfig *out, const Json *object, const char *name, Err *err)
{
    Config c;
    char text_name[640], vision_name[640];
    snprintf(text_name, sizeof text_name, "%s: text_config", name);
    snprintf(vision_name, sizeof vision_name, "%s: vision_config", name);
    config_begin(&c, object, name, err);
    read_common(&c, "\"clip\"");
    config_ignore(&c, "eos_token_id");
    out->projection_dim = config_int(&c, "projection_dim", 512, 1, WIDTH_MAX);
    const Json *text = nested(&c, "text_config", "text_config_dict"), *vision = nested(&c, "vision_config", "vision_config_dict");
    if (config_end(&c) != 0 || read_text(out, NULL, text, text_name, err) != 0) return -1;
    return read_vision(out, NULL, vision, vision_name, err);
}

static int read_config(ClipConfig *out, const Json *object, const char *name, Err *err)
{
    char show[SHOW_ROOM];
    *out = (ClipConfig){ 0 };
    const char *class = json_string(json_get(object, "_class_name"));
    if (class == NULL) class = json_string(json_at(json_get(object, "architectures"), 0));
    if (class == NULL) return err_set(err, "%s: 'architectures' is absent, expected [\"CLIPTextModel\"] or another class of CLIP", name);
    if (strcmp(class, "CLIPModel") == 0) return read_both(out, object, name, err);
    if (strcmp(class, "CLIPTextModel") == 0) return read_text(out, NULL, object, name, err);
    if (strcmp(class, "CLIPTextModelWithProjection") == 0) return read_text(out, &out->projection_dim, object, name, err);
    if (strcmp(class, "CLIPVisionModel") == 0) return read_vision(out, NULL, object, name, err);
    if (strcmp(class, "CLIPVisionModelWithProjection") == 0) return read_vision(out, &out->projection_dim, object, name, err);
    return err_set(err, "%s: the class is '%s', expected CLIPTextModel, CLIPTextModelWithProjection, CLIPVisionModel, "
                   "CLIPVisionModelWithProjection or CLIPModel", name, json_show(show, class));
}

/* ---- opening: one walk on a tape of shapes checks or declares ---- */

static int walk(const Clip *c, Err *err)
{
    Tape *t = tape_new(err);
    if (t == NULL) return -1;
    tape_shapes_only(t, 1);
    Net n;
    net_begin(&n, t, c->params, err);
    if (c->config.text.present) {
        ClipText text;
        const int64_t id = 0;
        clip_text(&text, &n, c, &id, 1, 1);
    }
    if (c->config.vision.present) {
        ClipVision vision;
        const int64_t side = c->config.image_size;
        Tensor *pixels = tensor_new(t, (Shape){ 4, { 1, c->config.num_channels, side, side } }, 0, "pixel_values");
        clip_vision(&vision, &n, c, pixels);
    }
    tape_free(t);
    params_get(c->params, "logit_scale");                 /* of the loss in training; known, and used nowhere here */
    return err->set ? -1 : params_all_used(c->params, err);
}

/* params are Clip's from here on, even after an error. */
static Clip *clip_new(const ClipConfig *config, Params *params, Err *err)
{
    Clip *c = params == NULL ? NULL : mem_new(1, sizeof *c, "CLIP", err);
    if (c == NULL) {
        params_free(params);
        return NULL;
    }
    *c = (Clip){ *config, params };
    if (walk(c, err) == 0) return c;
    clip_free(c);
    return NULL;
}

Clip *clip_open(const char *folder, Err *err)
{
    char path[512];
    ClipConfig config;
    snprintf(path, sizeof path, "%s/config.json", folder);
    Json *json = json_read(path, err);
    const int status = json == NULL ? -1 : read_config(&config, json, path, err);
    json_free(json);
    if (status != 0) return NULL;
    Params *params = params_open(folder, "model", err);
    return clip_new(&config, params, err);
}

Clip *clip_declare(const Json *json, const char *name, Err *err)
{
    ClipConfig config;
    if (read_config(&config, json, name, err) != 0) return NULL;
    Params *params = params_new(name, err);
    return clip_new(&config, params, err);
}

void clip_free(Clip *c)
{
    if (c == NULL) return;
    params_free(c->params);
    mem_free(c);
}

/* ---- embeddings ---- */

static Tensor *embedding(Net *n, const char *name, const int64_t *ids, int B, int T, int rows, int C)
{
    net_enter(n, "%s", name);
    const Weight *w = net_weight(n, "weight", (Shape){ 2, { rows, C } }, (Init){ INIT_NORMAL, 0.02 });
    return net_leave(n, w == NULL ? NULL : op_embedding(n->tape, ids, B, T, w, "embedding"));
}

/* x (B,T,C) + rows 0..T-1 of the position embedding, which the module puts out as (1,T,C). The sum reads that output, not the
 * table, so that a listener's values count; to op_add_rows it is a weight. */
static Tensor *add_positions(Net *n, Tensor *x, int rows)
{
    if (x == NULL) return NULL;
    const int T = (int)x->s.d[1], C = (int)x->s.d[2];
    int64_t *ids = (int64_t *)(void *)tape_raw(n->tape, (size_t)T * sizeof *ids / sizeof(real), "position ids");
    if (ids == NULL) return NULL;
    for (int i = 0; i < T; i++) ids[i] = i;
    Tensor *p = embedding(n, "position_embedding", ids, 1, T, rows, C);
    Weight *w = (Weight *)(void *)tape_raw(n->tape, sizeof *w / sizeof(real) + 1, "position embedding");
    if (p == NULL || w == NULL) return NULL;
    *w = (Weight){ { 2, { T, C } }, p->n, STORE_REAL, p->v, p->g, p->name };
    return op_add_rows(n->tape, x, w, "positions");
}

/* (B,T,C) */
static Tensor *text_embeddings(Net *n, const ClipConfig *k, const int64_t *ids, int B, int T)
{
    net_enter(n, "embeddings");
    Tensor *x = embedding(n, "token_embedding", ids, B, T, k->vocab_size, k->text.hidden_size);
    return net_leave(n, add_positions(n, x, k->max_position_embeddings));
}

/* (B, 1 + patches, C): the class embedding, then the patches row by row */
static Tensor *vision_embeddings(Net *n, const ClipConfig *k, Tensor *pixels)
{
    const int C = k->vision.hidden_size, side = k->image_size / k->patch_size;
    net_enter(n, "embeddings");
    const Weight *class = net_weight(n, "class_embedding", (Shape){ 1, { C } }, (Init){ INIT_NORMAL, 1.0 / sqrt((double)C) });
    Tensor *x = nn_conv2d(n, "patch_embedding", pixels, C, k->patch_size, (Conv){ k->patch_size, 0, 0 }, 0);
    x = op_to_tokens(n->tape, x, "patches");
    Tensor *first = class == NULL ? NULL : op_repeat_rows(n->tape, class, (int)pixels->s.d[0], "class");
    x = op_concat_rows(n->tape, first, x, "tokens");
    return net_leave(n, add_positions(n, x, 1 + side * side));
}

/* ---- layers ---- */

static Tensor *self_attention(Net *n, const ClipTower *w, Tensor *x, int causal)
{
    const int C = w->hidden_size;
    const real scale = (real)(1.0 / sqrt((double)C / w->num_attention_heads));
    net_enter(n, "self_attn");
    Tensor *q = nn_linear(n, "q_proj", x, C, 1);
    Tensor *k = nn_linear(n, "k_proj", x, C, 1);
    Tensor *v = nn_linear(n, "v_proj", x, C, 1);
    Tensor *y = op_attention(n->tape, q, k, v, w->num_attention_heads, scale, causal, "attention");
    return net_leave(n, nn_linear(n, "out_proj", y, C, 1));
}

static Tensor *mlp(Net *n, const ClipTower *w, Tensor *x)
{
    net_enter(n, "mlp");
    Tensor *h = nn_linear(n, "fc1", x, w->intermediate_size, 1);
    h = nn_act(n, "activation_fn", h, w->hidden_act);
    return net_leave(n, nn_linear(n, "fc2", h, w->hidden_size, 1));
}

static Tensor *layer(Net *n, const ClipTower *w, Tensor *x, int i, int causal)
{
    const real eps = (real)w->layer_norm_eps;
    net_enter(n, "layers.%d", i);
    Tensor *h = nn_layer_norm(n, "layer_norm1", x, eps);
    h = self_attention(n, w, h, causal);
    x = op_add(n->tape, x, h, "after_attention");
    h = nn_layer_norm(n, "layer_norm2", x, eps);
    h = mlp(n, w, h);
    return net_leave(n, op_add(n->tape, x, h, "after_mlp"));
}

/* Leaves the input of the last layer behind, so it is open. */
static Tensor *encoder(Tensor **penultimate, Net *n, const ClipTower *w, Tensor *x, int causal)
{
    net_enter_open(n, "encoder");
    for (int i = 0; i < w->num_hidden_layers; i++) {
        *penultimate = x;
        x = layer(n, w, x, i, causal);
    }
    return net_leave(n, x);
}

/* ---- the towers ---- */

static int check_ids(Net *n, const Clip *c, const int64_t *ids, int B, int T)
{
    const char *source = params_source(c->params);
    if (n->err->set) return -1;
    if (!c->config.text.present) return err_set(n->err, "%s: has no text tower", source);
    if (B < 1 || T < 1 || T > c->config.max_position_embeddings)
        return err_set(n->err, "%s: %d rows of %d token ids, expected 1 to %d ids a row", source, B, T, c->config.max_position_embeddings);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)B * T; i++)
        if (ids[i] < 0 || ids[i] >= c->config.vocab_size)
            return err_set(n->err, "%s: token id %" PRId64 " at row %d, position %d, expected 0 to %d", source, ids[i], (int)(i / T),
                           (int)(i % T), c->config.vocab_size - 1);
    return 0;
}

/* The end token of one row of ids (T). TRAP: files from before transformers 4.31 say eos_token_id 2, which is no token of theirs; there
 * the end is the largest id, the first of them. Otherwise it is the first id that equals eos_token_id, and position 0 if none does. */
static int end_token(const ClipConfig *k, const int64_t *ids, int T)
{
    int end = 0;
    for (int i = 0; i < T; i++) {
        if (k->eos_token_id != 2 && ids[i] == k->eos_token_id) return i;
        if (k->eos_token_id == 2 && ids[i] > ids[end]) end = i;
    }
    return end;
}

int clip_text(ClipText *out, Net *n, const Clip *c, const int64_t *ids, int B, int T)
{
    const ClipConfig *k = &c->config;
    *out = (ClipText){ 0 };
    if (check_ids(n, c, ids, B, T) != 0) return -1;
    net_enter_open(n, "text_model");
    Tensor *x = text_embeddings(n, k, ids, B, T);
    x = encoder(&out->penultimate, n, &k->text, x, 1);
    out->last_hidden_state = nn_layer_norm(n, "final_layer_norm", x, (real)k->text.layer_norm_eps);
    int *row = (int *)(void *)tape_raw(n->tape, (size_t)B * sizeof *row / sizeof(real) + 1, "end tokens");
    for (int b = 0; b < B && row != NULL; b++) row[b] = end_token(k, ids + (ptrdiff_t)b * T, T);
    out->pooled = op_pick_rows(n->tape, out->last_hidden_state, row, "pooled");
    net_leave(n, out->last_hidden_state);
    if (k->projection_dim > 0) out->text_embeds = nn_linear(n, "text_projection", out->pooled, k->projection_dim, 0);
    return n->err->set ? -1 : 0;
}

int clip_vision(ClipVision *out, Net *n, const Clip *c, Tensor *pixels)
{
    char found[64], expected[64];
    const ClipConfig *k = &c->config;
    const char *source = params_source(c->params);
    *out = (ClipVision){ 0 };
    if (n->err->set || pixels == NULL) return -1;
    if (!k->vision.present) return err_set(n->err, "%s: has no vision tower", source);
    const Shape s = { 4, { pixels->s.d[0], k->num_channels, k->image_size, k->image_size } };
    if (s.d[0] < 1 || !shape_equal(pixels->s, s))
        return err_set(n->err, "%s: pixel values of shape %s, expected %s", source, shape_text(found, sizeof found, pixels->s),
                       shape_text(expected, sizeof expected, s));
    net_enter_open(n, "vision_model");
    Tensor *x = vision_embeddings(n, k, pixels), *penultimate;
    x = nn_layer_norm(n, "pre_layrnorm", x, (real)k->vision.layer_norm_eps);
    out->last_hidden_state = encoder(&penultimate, n, &k->vision, x, 0);
    x = op_rows(n->tape, out->last_hidden_state, 0, 1, "class");
    x = op_reshape(n->tape, x, (Shape){ 2, { s.d[0], k->vision.hidden_size } }, "class");
    out->pooled = nn_layer_norm(n, "post_layernorm", x, (real)k->vision.layer_norm_eps);
    net_leave(n, out->last_hidden_state);
    if (k->projection_dim > 0) out->image_embeds = nn_linear(n, "visual_projection", out->pooled, k->projection_dim, 0);
    return n->err->set ? -1 : 0;
}

/* ---- images ---- */

static const real image_mean[3] = { R(0.48145466), R(0.4578275), R(0.40821073) };
static const real image_std[3] = { R(0.26862954), R(0.26130258), R(0.27577711) };

typedef struct { Tensor *x; size_t pixels; } NormaliseSaved;

static void normalise_pull(const void *saved, const Tensor *y)
{
    const NormaliseSaved *s = saved;
    const int planes = (int)y->s.d[0] * 3;
    PAR_FOR
    for (int p = 0; p < planes; p++)
        for (size_t i = (size_t)p * s->pixels; i < ((size_t)p + 1) * s->pixels; i++) s->x->g[i] += y->g[i] / image_std[p % 3];
}

Tensor *clip_normalise(Tape *t, Tensor *image)
{
    if (image == NULL) return NULL;
    BUG_IF(image->s.nd != 4 || image->s.d[1] != 3, "an image of %d dimensions, expected (B,3,H,W)", image->s.nd);
    const Tensor *const inputs[] = { image };
    Tensor *y = tensor_new(t, image->s, tape_wants(t, inputs, 1), "normalised");
    if (y == NULL || y->v == NULL) return y;
    const NormaliseSaved s = { image, (size_t)(image->s.d[2] * image->s.d[3]) };
    const int planes = (int)image->s.d[0] * 3;
    PAR_FOR
    for (int p = 0; p < planes; p++)
        for (size_t i = (size_t)p * s.pixels; i < ((size_t)p + 1) * s.pixels; i++) y->v[i] = (image->v[i] - image_mean[p % 3]) / image_std[p % 3];
    tape_record(t, "clip_normalise", normalise_pull, &s, sizeof s, y);
    return y;
}
