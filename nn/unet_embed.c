/* unet_embed.c -- time, class and added conditions as one vector; the text as blocks see it
 *
 *     emb = time_embedding(time_proj(t)) (+ or beside) class_embedding(labels) + class_embedding(camera) + add_embedding(...),
 *     then time_embed_act
 * Times become numbers outside the tape: nothing asks for a gradient there. Layer norms have eps 1e-5.
 */
#include "nn/unet_embed.h"

#include "tensor/elem.h"

#define NORM_EPS R(1e-5)
#define LN_10000 9.210340371976182736
enum { IMAGE_TOKENS_TEXT_IMAGE = 10, IMAGE_TOKENS = 32 };     /* tokens made of one image embedding */

void sinusoid(real *out, const double *t, size_t rows, int width, int flip, double shift)
{
    const int half = width / 2;
    for (int i = 0; i < half; i++) {
        const double rate = d_exp(-LN_10000 * (double)i / ((double)half - shift));
        for (size_t r = 0; r < rows; r++) {
            real *row = out + r * (size_t)width;
            row[flip ? half + i : i] = (real)d_sin(t[r] * rate);
            row[flip ? i : half + i] = (real)d_cos(t[r] * rate);
        }
    }
    for (size_t r = 0; r < rows && width % 2 == 1; r++) out[r * (size_t)width + (size_t)width - 1] = R(0.0);
}

/* ---- time_proj ---- */

/* GaussianFourierProjection: [sin a, cos a], a = 2 pi w x, flipped likewise. UNet2DModel takes x = log t and has its weight under
 * two names; PyTorch loads W last, so that is the one that counts. */
static void fourier(real *out, const double *t, size_t rows, const UNetConfig *u, const Weight *w)
{
    const size_t half = w->n;
    const int flip = u->conditional && u->flip_sin_to_cos;
    for (size_t i = 0; i < half; i++) {
        real rate;
        weight_read(&rate, w, i, 1);
        for (size_t r = 0; r < rows; r++) {
            const double x = u->conditional ? t[r] : d_log(t[r]), a = x * (double)rate * 2 * D_PI;
            out[r * 2 * half + (flip ? half + i : i)] = (real)d_sin(a);
            out[r * 2 * half + (flip ? i : half + i)] = (real)d_cos(a);
        }
    }
}

static const Weight *fourier_weight(Net *n, const UNetConfig *u)
{
    const Shape s = { 1, { u->time_in / 2 } };
    const Init init = { INIT_NORMAL, u->conditional ? 1.0 : 16.0 };
    const int has_weight = net_has(n, "weight"), has_W = net_has(n, "W");
    const Weight *w = NULL;
    if (u->conditional || has_weight || !has_W) w = net_weight(n, "weight", s, init);
    if (!u->conditional && (has_W || !has_weight)) w = net_weight(n, "W", s, init);
    return w;
}

/* t (rows) -> (rows, time_in) */
static Tensor *time_proj(Net *n, const UNetConfig *u, const double *t, int rows)
{
    net_enter(n, "time_proj");
    const Weight *w = u->time == TIME_FOURIER ? fourier_weight(n, u) : NULL;
    Tensor *y = n->err->set ? NULL : tensor_new(n->tape, (Shape){ 2, { rows, u->time_in } }, 0, "time_proj");
    if (y != NULL && y->v != NULL) {
        if (w != NULL) fourier(y->v, t, (size_t)rows, u, w);
        else sinusoid(y->v, t, (size_t)rows, u->time_in, u->flip_sin_to_cos, u->freq_shift);
    }
    return net_leave(n, y);
}

/* The values of x as times; NULL on a tape of shapes, or after an error. To be freed. */
static double *times_of(Net *n, const Tensor *x)
{
    if (x->v == NULL || n->err->set) return NULL;
    double *t = mem_new(x->n, sizeof *t, "times", n->err);
    for (size_t i = 0; t != NULL && i < x->n; i++) t[i] = (double)x->v[i];
    return t;
}

/* ---- embeddings ---- */

/* TimestepEmbedding of diffusers with all it can have. */
static Tensor *time_embedding(Net *n, const UNetConfig *u, Tensor *x, Tensor *cond)
{
    net_enter(n, "time_embedding");
    if (cond != NULL) {
        Tensor *added = nn_linear(n, "cond_proj", cond, u->time_in, 0);
        x = op_add(n->tape, x, added, "time_cond");
    }
    Tensor *h = nn_linear(n, "linear_1", x, u->time_width, 1);
    h = nn_act(n, "act", h, u->time_act);
    h = nn_linear(n, "linear_2", h, u->time_width, 1);
    if (u->has_post_act) h = nn_act(n, "post_act", h, u->post_act);
    return net_leave(n, h);
}

static Tensor *class_table(Net *n, const UNetConfig *u, const Tensor *labels)
{
    const int B = (int)labels->s.d[0];
    net_enter(n, "class_embedding");
    const Weight *table = net_weight(n, "weight", (Shape){ 2, { u->class_count, u->time_width } }, (Init){ INIT_NORMAL, 1 });
    int64_t *ids = table == NULL ? NULL : mem_new((size_t)B, sizeof *ids, "class_labels", n->err);
    for (int i = 0; ids != NULL && labels->v != NULL && i < B; i++) ids[i] = (int64_t)labels->v[i];
    Tensor *y = ids == NULL ? NULL : op_embedding(n->tape, ids, B, 1, table, "class_embedding");
    if (y != NULL) y = op_reshape(n->tape, y, (Shape){ 2, { B, u->time_width } }, "class_embedding");
    mem_free(ids);
    return net_leave(n, y);
}

static Tensor *class_times(Net *n, const UNetConfig *u, const Tensor *labels)
{
    double *t = times_of(n, labels);
    Tensor *x = time_proj(n, u, t, (int)labels->s.d[0]);
    mem_free(t);
    return nn_mlp(n, "class_embedding", x, u->time_width, u->time_width, u->time_act);
}

/* (B, time_width) */
static Tensor *class_embedding(Net *n, const UNetConfig *u, Tensor *labels)
{
    switch (u->class_kind) {
    case CLASS_TABLE:      return class_table(n, u, labels);
    case CLASS_TIMESTEP:   return class_times(n, u, labels);
    case CLASS_IDENTITY:   return net_say(n, "class_embedding", labels);
    case CLASS_PROJECTION: return nn_mlp(n, "class_embedding", labels, u->time_width, u->time_width, ACT_SILU);
    default:               return nn_linear(n, "class_embedding", labels, u->time_width, 1);
    }
}

/* Attention with one query, the mean of x (B,L,D) plus a learned vector, over itself and x: (B,D) */
static Tensor *attention_pooling(Net *n, Tensor *x, int heads)
{
    if (x == NULL || n->err->set) return NULL;
    const int B = (int)x->s.d[0], D = (int)x->s.d[2];
    net_enter(n, "pool");
    const Weight *position = net_weight(n, "positional_embedding", (Shape){ 2, { 1, D } }, (Init){ INIT_NORMAL, 1 / sqrt((double)D) });
    Tensor *token = op_mean_rows(n->tape, x, "mean");
    Tensor *learned = position == NULL ? NULL : op_repeat_rows(n->tape, position, B, "positional_embedding");
    token = op_add(n->tape, token, learned, "class_token");
    Tensor *all = op_concat_rows(n->tape, token, x, "tokens");
    Tensor *q = nn_linear(n, "q_proj", token, D, 1);
    Tensor *k = nn_linear(n, "k_proj", all, D, 1);
    Tensor *v = nn_linear(n, "v_proj", all, D, 1);
    Tensor *y = op_attention(n->tape, q, k, v, heads, R(1.0) / r_sqrt((real)(D / heads)), 0, "attention");
    return net_leave(n, y == NULL ? NULL : op_reshape(n->tape, y, (Shape){ 2, { B, D } }, "pooled"));
}

static Tensor *add_text(Net *n, const UNetConfig *u, Tensor *text)
{
    net_enter(n, "add_embedding");
    Tensor *h = nn_layer_norm(n, "norm1", text, NORM_EPS);
    h = attention_pooling(n, h, u->add_heads);
    h = nn_linear(n, "proj", h, u->time_width, 1);
    return net_leave(n, nn_layer_norm(n, "norm2", h, NORM_EPS));
}

/* text_embeds (B,D) beside the sinusoids of time_ids (B,k), k a each: B, D + k a values to the MLP */
static Tensor *add_text_time(Net *n, const UNetConfig *u, const UNetInput *in)
{
    const Tensor *ids = in->time_ids;
    const int B = (int)ids->s.d[0], k = (int)ids->s.d[1], a = u->add_time_width;
    double *t = times_of(n, ids);
    net_enter(n, "add_time_proj");
    Tensor *x = n->err->set ? NULL : tensor_new(n->tape, (Shape){ 2, { B * k, a } }, 0, "add_time_proj");
    if (x != NULL && x->v != NULL) sinusoid(x->v, t, ids->n, a, u->flip_sin_to_cos, u->freq_shift);
    x = net_leave(n, x);
    mem_free(t);
    if (x == NULL) return NULL;
    x = op_reshape(n->tape, x, (Shape){ 2, { B, k * a } }, "times");
    x = op_concat_rows(n->tape, in->text_embeds, x, "text_time");
    return nn_mlp(n, "add_embedding", x, u->time_width, u->time_width, ACT_SILU);
}

static Tensor *add_text_image(Net *n, const UNetConfig *u, const UNetInput *in)
{
    net_enter(n, "add_embedding");
    Tensor *text = nn_linear(n, "text_proj", in->text_embeds, u->time_width, 1);
    text = nn_layer_norm(n, "text_norm", text, NORM_EPS);
    Tensor *image = nn_linear(n, "image_proj", in->image_embeds, u->time_width, 1);
    return net_leave(n, op_add(n->tape, image, text, "text_image"));
}

static Tensor *add_image(Net *n, const UNetConfig *u, const UNetInput *in)
{
    net_enter(n, "add_embedding");
    Tensor *image = nn_linear(n, "image_proj", in->image_embeds, u->time_width, 1);
    return net_leave(n, nn_layer_norm(n, "image_norm", image, NORM_EPS));
}

/* (B, time_width); NULL without one */
static Tensor *add_embedding(Net *n, const UNetConfig *u, const UNetInput *in)
{
    switch (u->add) {
    case ADD_TEXT:       return add_text(n, u, in->encoder_hidden_states);
    case ADD_TEXT_TIME:  return add_text_time(n, u, in);
    case ADD_TEXT_IMAGE: return add_text_image(n, u, in);
    case ADD_IMAGE:      return add_image(n, u, in);
    default:             return NULL;
    }
}

/* (B, time_width): SiLU between two layers that belong to the LoRA, so that the network's own file stays as it is. */
static Tensor *camera_embedding(Net *n, const UNetConfig *u, Tensor *camera)
{
    Params *own = n->params;
    n->params = n->lora->params;
    Tensor *y = nn_mlp(n, "class_embedding", camera, u->time_width, u->time_width, ACT_SILU);
    n->params = own;
    return y;
}

Tensor *unet_embedding(Net *n, const UNetConfig *u, const UNetInput *in)
{
    Tensor *x = time_proj(n, u, in->timestep, (int)in->sample->s.d[0]);
    Tensor *emb = time_embedding(n, u, x, in->timestep_cond);
    if (u->class_kind != CLASS_NONE) {
        Tensor *class = class_embedding(n, u, in->class_labels);
        emb = u->class_concat ? op_concat_rows(n->tape, emb, class, "class") : op_add(n->tape, emb, class, "class");
    }
    if (in->camera != NULL) {
        Tensor *camera = camera_embedding(n, u, in->camera);
        emb = op_add(n->tape, emb, camera, "camera");
    }
    if (u->add != ADD_NONE) {
        Tensor *added = add_embedding(n, u, in);
        emb = op_add(n->tape, emb, added, "added");
    }
    return u->has_emb_act ? nn_act(n, "time_embed_act", emb, u->emb_act) : emb;
}

/* ---- text ---- */

/* image_embeds (B,E) -> (B,count,text_width) */
static Tensor *image_tokens(Net *n, const UNetConfig *u, Tensor *image, int count)
{
    const int B = (int)image->s.d[0];
    Tensor *y = nn_linear(n, "image_embeds", image, count * u->text_width, 1);
    return y == NULL ? NULL : op_reshape(n->tape, y, (Shape){ 3, { B, count, u->text_width } }, "image_tokens");
}

Tensor *unet_text(Net *n, const UNetConfig *u, const UNetInput *in)
{
    if (u->hid == HID_NONE || n->err->set) return in->encoder_hidden_states;
    if (u->hid == HID_TEXT) return nn_linear(n, "encoder_hid_proj", in->encoder_hidden_states, u->text_width, 1);
    net_enter(n, "encoder_hid_proj");
    if (u->hid == HID_IMAGE) {
        Tensor *tokens = image_tokens(n, u, in->image_embeds, IMAGE_TOKENS);
        return net_leave(n, nn_layer_norm(n, "norm", tokens, NORM_EPS));
    }
    Tensor *tokens = image_tokens(n, u, in->image_embeds, IMAGE_TOKENS_TEXT_IMAGE);
    Tensor *text = nn_linear(n, "text_proj", in->encoder_hidden_states, u->text_width, 1);
    return net_leave(n, op_concat_rows(n->tape, tokens, text, "image_text"));
}
