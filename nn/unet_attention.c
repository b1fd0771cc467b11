/* unet_attention.c -- the three kinds of attention in a UNet, between (B,C,H,W) and tokens (B,HW,C)
 *
 *     transformer   x + proj_out(blocks(proj_in(norm x))), group norm of eps 1e-6; a block adds attn1(norm1 .), attn2(norm2 .)
 *                   over the text, and ff(norm3 .), in that order, layer norms of eps 1e-5
 *     joint         x + to_out(attention), queries of the normalised image, keys and values of text and image, the text first
 *     self          (x + to_out(attention)) / out_scale over the normalised image
 * Scores are scaled by 1/sqrt(head_dim).
 */
#include "nn/unet_blocks.h"


#define TRANSFORMER_EPS R(1e-6)
#define NORM_EPS R(1e-5)
enum { CROSS_NORM_GROUPS = 32 };

static const Conv point = { 1, 0, 0 };

static Tensor *attend(Net *n, const UNetBlock *b, Tensor *q, Tensor *k, Tensor *v)
{
    return op_attention(n->tape, q, k, v, b->heads, R(1.0) / r_sqrt((real)b->head_dim), 0, "attention");
}

/* x (B,T,inner) -> (B,T,channels); to_out.1 is a dropout */
static Tensor *to_out(Net *n, Tensor *x, int channels)
{
    Tensor *y = nn_linear(n, "to_out.0", x, channels, 1);
    return net_say(n, "to_out.1", y);
}

/* ---- Transformer2DModel ---- */

/* x (B,T,inner) attends to `to` (B,L,E); no biases but to_out's */
static Tensor *cross_attention(Net *n, const char *name, const UNetBlock *b, Tensor *x, Tensor *to)
{
    const int inner = b->heads * b->head_dim;
    net_enter(n, "%s", name);
    Tensor *q = nn_linear(n, "to_q", x, inner, 0);
    Tensor *k = nn_linear(n, "to_k", to, inner, 0);
    Tensor *v = nn_linear(n, "to_v", to, inner, 0);
    Tensor *h = attend(n, b, q, k, v);
    return net_leave(n, to_out(n, h, inner));
}

/* x (B,T,C) -> (B,T,C): C -> 8C, GEGLU -> 4C -> C */
static Tensor *feed_forward(Net *n, Tensor *x, int C)
{
    net_enter(n, "ff");
    net_enter(n, "net.0");
    Tensor *h = nn_linear(n, "proj", x, 8 * C, 1);
    h = op_geglu(n->tape, h, "geglu");
    h = net_leave(n, h);
    h = net_say(n, "net.1", h);
    return net_leave(n, nn_linear(n, "net.2", h, C, 1));
}

static Tensor *transformer_block(const UNetWalk *w, const UNetBlock *b, int k, Tensor *x)
{
    Net *n = w->n;
    net_enter(n, "transformer_blocks.%d", k);
    Tensor *h = nn_layer_norm(n, "norm1", x, NORM_EPS);
    h = cross_attention(n, "attn1", b, h, b->only_cross ? w->text : h);
    x = op_add(n->tape, h, x, "attn1");
    h = nn_layer_norm(n, "norm2", x, NORM_EPS);
    h = cross_attention(n, "attn2", b, h, w->text);
    x = op_add(n->tape, h, x, "attn2");
    h = nn_layer_norm(n, "norm3", x, NORM_EPS);
    h = feed_forward(n, h, b->heads * b->head_dim);
    return net_leave(n, op_add(n->tape, h, x, "ff"));
}

static Tensor *transformer(const UNetWalk *w, const UNetBlock *b, Tensor *x)
{
    Net *n = w->n;
    const int inner = b->heads * b->head_dim, H = (int)x->s.d[2], W = (int)x->s.d[3], linear = w->u->linear_projection;
    Tensor *h = nn_group_norm(n, "norm", x, w->u->norm_groups, TRANSFORMER_EPS);
    if (!linear) h = nn_conv2d(n, "proj_in", h, inner, 1, point, 1);
    h = op_to_tokens(n->tape, h, "tokens");
    if (linear) h = nn_linear(n, "proj_in", h, inner, 1);
    for (int k = 0; k < b->depth; k++) h = transformer_block(w, b, k, h);
    if (linear) h = nn_linear(n, "proj_out", h, b->channels, 1);
    h = op_to_image(n->tape, h, H, W, "image");
    if (!linear) h = nn_conv2d(n, "proj_out", h, b->channels, 1, point, 1);
    return op_add(n->tape, h, x, "transformer");
}

/* ---- attention over text and image at once ---- */

/* text (B,L,E) -> (B,L,E). TRAP: the group norm runs over channels, so it sees (B,E,L), and has 32 groups whatever norm_num_groups is. */
static Tensor *norm_cross(const UNetWalk *w, Tensor *text)
{
    Net *n = w->n;
    if (w->u->cross_norm == CROSS_NORM_NONE) return text;
    if (w->u->cross_norm == CROSS_NORM_LAYER) return nn_layer_norm(n, "norm_cross", text, NORM_EPS);
    Tensor *h = op_swap_last(n->tape, text, "text");
    h = nn_group_norm(n, "norm_cross", h, CROSS_NORM_GROUPS, NORM_EPS);
    return op_swap_last(n->tape, h, "text");
}

/* x (B,C,H,W) -> (B,HW,C), normalised over groups of channels if `norm`; the norm's output is (B,C,HW) */
static Tensor *normal_tokens(Net *n, const UNetConfig *u, Tensor *x, int norm, real eps)
{
    Tensor *h = op_reshape(n->tape, x, (Shape){ 3, { x->s.d[0], x->s.d[1], x->s.d[2] * x->s.d[3] } }, "flat");
    if (norm) h = nn_group_norm(n, "group_norm", h, u->norm_groups, eps);
    return op_swap_last(n->tape, h, "tokens");
}

static Tensor *joint_attention(const UNetWalk *w, const UNetBlock *b, Tensor *x)
{
    Net *n = w->n;
    const int inner = b->heads * b->head_dim, H = (int)x->s.d[2], W = (int)x->s.d[3];
    Tensor *text = norm_cross(w, w->text);
    Tensor *h = normal_tokens(n, w->u, x, 1, NORM_EPS);
    Tensor *q = nn_linear(n, "to_q", h, inner, 1);
    Tensor *k = nn_linear(n, "add_k_proj", text, inner, 1);
    Tensor *v = nn_linear(n, "add_v_proj", text, inner, 1);
    if (!b->only_cross) {
        Tensor *own = nn_linear(n, "to_k", h, inner, 1);
        k = op_concat_rows(n->tape, k, own, "keys");
        own = nn_linear(n, "to_v", h, inner, 1);
        v = op_concat_rows(n->tape, v, own, "values");
    }
    h = attend(n, b, q, k, v);
    h = to_out(n, h, b->channels);
    h = op_to_image(n->tape, h, H, W, "image");
    return op_add(n->tape, h, x, "joint");
}

/* ---- attention over the image ---- */

static Tensor *self_attention(const UNetWalk *w, const UNetBlock *b, Tensor *x)
{
    Net *n = w->n;
    const int inner = b->heads * b->head_dim, H = (int)x->s.d[2], W = (int)x->s.d[3];
    Tensor *h = normal_tokens(n, w->u, x, b->group_norm, (real)w->u->norm_eps);
    Tensor *q = nn_linear(n, "to_q", h, inner, 1);
    Tensor *k = nn_linear(n, "to_k", h, inner, 1);
    Tensor *v = nn_linear(n, "to_v", h, inner, 1);
    h = attend(n, b, q, k, v);
    h = nn_linear(n, "to_out.0", h, b->channels, 1);
    h = net_say(n, "to_out.1", h);
    h = op_to_image(n->tape, h, H, W, "image");
    h = op_add(n->tape, h, x, "self");
    return b->out_scale == 1 ? h : op_affine(n->tape, h, (real)(1 / b->out_scale), R(0.0), "out_scale");
}

Tensor *unet_attention(const UNetWalk *w, const UNetBlock *b, int j, Tensor *x)
{
    if (x == NULL || w->n->err->set) return NULL;
    net_enter(w->n, "attentions.%d", j);
    Tensor *h = b->attend == ATTEND_TRANSFORMER ? transformer(w, b, x) : b->attend == ATTEND_JOINT ? joint_attention(w, b, x)
              : self_attention(w, b, x);
    return net_leave(w->n, h);
}
