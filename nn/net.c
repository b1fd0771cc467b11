/* net.c -- scopes, parameters by path, and the layers that every network is made of */
#include "nn/net.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void net_begin(Net *n, Tape *tape, Params *params, Err *err)
{
    *n = (Net){ .tape = tape, .params = params, .err = err };
}

static void enter(Net *n, int opens, const char *format, va_list args)
{
    BUG_IF(n->depth == NET_DEPTH, "%s: modules more than %d deep", n->path, (int)NET_DEPTH);
    const size_t at = strlen(n->path);
    n->scope[n->depth].length = (int)at;
    n->scope[n->depth].opens = opens;
    n->scope[n->depth].mark = tape_mark(n->tape);
    n->depth++;
    const int dot = at > 0;
    if (dot) n->path[at] = '.';
    const int wrote = vsnprintf(n->path + at + (size_t)dot, NET_PATH - at - (size_t)dot, format, args);
    BUG_IF(wrote < 0 || at + (size_t)wrote + 2 > NET_PATH, "%s: a path of more than %d bytes", n->path, (int)NET_PATH);
}

void net_enter(Net *n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enter(n, 0, format, args);
    va_end(args);
}

void net_enter_open(Net *n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enter(n, 1, format, args);
    va_end(args);
}

static void hear(Net *n, Tensor *y)
{
    if (y == NULL || n->err->set || n->tap == NULL) return;
    if (n->tap->put(n->tap->self, n->path, y, n->err) != 0 && !n->err->set) err_set(n->err, "%s: the listener failed", n->path);
}

Tensor *net_leave(Net *n, Tensor *y)
{
    BUG_IF(n->depth == 0, "left a module that was not entered");
    hear(n, y);
    n->depth--;
    n->path[n->scope[n->depth].length] = 0;
    if (n->err->set) return NULL;
    return n->scope[n->depth].opens ? y : tape_keep(n->tape, n->scope[n->depth].mark, y);
}

Tensor *net_say(Net *n, const char *name, Tensor *y)
{
    net_enter_open(n, "%s", name);
    return net_leave(n, y);
}

static void full_name(char out[NET_PATH], const Net *n, const char *name)
{
    const int wrote = snprintf(out, NET_PATH, "%s%s%s", n->path, n->path[0] == 0 ? "" : ".", name);
    BUG_IF(wrote < 0 || wrote >= NET_PATH, "%s.%s: a name of more than %d bytes", n->path, name, (int)NET_PATH);
}

const Weight *net_weight(Net *n, const char *name, Shape s, Init init)
{
    char full[NET_PATH];
    if (n->err->set) return NULL;
    full_name(full, n, name);
    return params_need(n->params, full, s, init, n->err);
}

int net_has(const Net *n, const char *name)
{
    char full[NET_PATH];
    full_name(full, n, name);
    return params_has(n->params, full);
}

/* ---- layers ---- */

/* PyTorch's default for linear and convolution layers: uniform in +-1/sqrt(inputs of one output), weight and bias alike. */
static Init init_of(int64_t fan_in) { return (Init){ INIT_UNIFORM, 1.0 / sqrt((double)fan_in) }; }
static const Init one = { INIT_ONE, 0 }, zero = { INIT_ZERO, 0 };

/* y + scale up (down x), if the module we are in has such a change. */
static Tensor *add_lora(Net *n, Tensor *y, Tensor *x)
{
    char full[NET_PATH];
    if (n->lora == NULL || y == NULL) return y;
    full_name(full, n, "lora.down.weight");
    const Weight *down = params_get(n->lora->params, full);
    full_name(full, n, "lora.up.weight");
    const Weight *up = params_get(n->lora->params, full);
    if (down == NULL && up == NULL) return y;
    const int64_t in = x->s.d[x->s.nd - 1], out = y->s.d[y->s.nd - 1];
    if (down == NULL || up == NULL || down->s.nd != 2 || up->s.nd != 2 || down->s.d[1] != in || up->s.d[0] != out || down->s.d[0] != up->s.d[1]) {
        char a[64] = "absent", b[64] = "absent";
        if (down != NULL) shape_text(a, sizeof a, down->s);
        if (up != NULL) shape_text(b, sizeof b, up->s);
        err_set(n->err, "%s: LoRA of '%s' has down %s and up %s, expected Rx%" PRId64 " and %" PRId64 "xR", params_source(n->lora->params),
                n->path, a, b, in, out);
        return NULL;
    }
    Tensor *low = op_linear(n->tape, x, down, NULL, "lora.down");
    Tensor *change = op_linear(n->tape, low, up, NULL, "lora.up");
    return op_add(n->tape, y, op_affine(n->tape, change, n->lora->scale, R(0.0), "lora"), "lora");
}

Tensor *nn_linear(Net *n, const char *name, Tensor *x, int out, int bias)
{
    if (x == NULL || n->err->set) return NULL;
    const int64_t in = x->s.d[x->s.nd - 1];
    net_enter(n, "%s", name);
    const Weight *w = net_weight(n, "weight", (Shape){ 2, { out, in } }, init_of(in));
    const Weight *b = bias ? net_weight(n, "bias", (Shape){ 1, { out } }, init_of(in)) : NULL;
    Tensor *y = w == NULL || (bias && b == NULL) ? NULL : op_linear(n->tape, x, w, b, "linear");
    return net_leave(n, add_lora(n, y, x));
}

Tensor *nn_conv2d(Net *n, const char *name, Tensor *x, int out, int kernel, Conv c, int bias)
{
    if (x == NULL || n->err->set) return NULL;
    const int64_t in = x->s.d[1], fan_in = in * kernel * kernel;
    net_enter(n, "%s", name);
    if (conv_size((int)x->s.d[2], kernel, c) < 1 || conv_size((int)x->s.d[3], kernel, c) < 1)
        err_set(n->err, "%s: an image of %" PRId64 "x%" PRId64 " is too small for a convolution of kernel %d, stride %d", n->path, x->s.d[2],
                x->s.d[3], kernel, c.stride);
    const Weight *w = net_weight(n, "weight", (Shape){ 4, { out, in, kernel, kernel } }, init_of(fan_in));
    const Weight *b = bias ? net_weight(n, "bias", (Shape){ 1, { out } }, init_of(fan_in)) : NULL;
    return net_leave(n, w == NULL || (bias && b == NULL) ? NULL : op_conv2d(n->tape, x, w, b, c, "conv2d"));
}

Tensor *nn_group_norm(Net *n, const char *name, Tensor *x, int groups, real eps)
{
    if (x == NULL || n->err->set) return NULL;
    const Shape s = { 1, { x->s.d[1] } };
    net_enter(n, "%s", name);
    if (groups < 1 || x->s.d[1] % groups != 0)
        err_set(n->err, "%s: %" PRId64 " channels do not fall into %d groups", n->path, x->s.d[1], groups);
    const Weight *gamma = net_weight(n, "weight", s, one), *beta = net_weight(n, "bias", s, zero);
    return net_leave(n, gamma == NULL || beta == NULL ? NULL : op_group_norm(n->tape, x, gamma, beta, groups, eps, "group_norm"));
}

Tensor *nn_layer_norm(Net *n, const char *name, Tensor *x, real eps)
{
    if (x == NULL || n->err->set) return NULL;
    const Shape s = { 1, { x->s.d[x->s.nd - 1] } };
    net_enter(n, "%s", name);
    const Weight *gamma = net_weight(n, "weight", s, one), *beta = net_weight(n, "bias", s, zero);
    return net_leave(n, gamma == NULL || beta == NULL ? NULL : op_layer_norm(n->tape, x, gamma, beta, eps, "layer_norm"));
}

Tensor *nn_act(Net *n, const char *name, Tensor *x, Act act)
{
    if (x == NULL || n->err->set) return NULL;
    net_enter(n, "%s", name);
    return net_leave(n, op_act(n->tape, x, act, "act"));
}

Tensor *nn_mlp(Net *n, const char *name, Tensor *x, int hidden, int out, Act act)
{
    net_enter(n, "%s", name);
    Tensor *h = nn_linear(n, "linear_1", x, hidden, 1);
    h = nn_act(n, "act", h, act);
    return net_leave(n, nn_linear(n, "linear_2", h, out, 1));
}
