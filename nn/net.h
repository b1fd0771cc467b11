/* net.h -- walking through a network: where we are, what is found there, who listens
 *
 * A network is a function that walks over its config and calls layers by their names in the checkpoint. One walk serves every
 * purpose: on a tape of shapes it checks a file against its config before any work, or declares the parameters of a new
 * model; with values it is the forward pass, and the tape is the way back. A listener (NetTap) hears every module's
 * output under the module's path, in the order of computation, and may replace its values: that is how traces are written and
 * verified.
 *
 *     net_enter(n, "resnets.%d", i);           the path grows; what is computed from here on is this module's
 *     Tensor *h = nn_group_norm(n, "norm1", x, groups, eps);
 *     ...
 *     return net_leave(n, y);                  listeners hear y; all memory since net_enter but y's is given back
 *
 * After an error (n->err set) every call returns NULL and does nothing: check once, at the end.
 */
#ifndef SDREF_NN_NET_H
#define SDREF_NN_NET_H

#include "nn/params.h"
#include "tensor/act.h"
#include "tensor/arrange.h"
#include "tensor/attention.h"
#include "tensor/conv.h"
#include "tensor/linear.h"
#include "tensor/norm.h"

typedef struct NetTap {
    int (*put)(void *self, const char *path, Tensor *y, Err *err);     /* may write to y->v; 0, or -1 with err set */
    void *self;
} NetTap;

/* Low-rank changes of projections: y = W x + b + scale * up (down x), for every module M that has M.lora.down.weight (r,in) and
 * M.lora.up.weight (out,r) here. camera: width of a vector whose projection by class_embedding.linear_1, linear_2 here is added to a UNet's
 * time embedding [VSD23]; 0: none. */
typedef struct Lora { Params *params; real scale; int camera; } Lora;

enum { NET_DEPTH = 16, NET_PATH = 256 };
typedef struct Net {
    Tape *tape;
    Params *params;
    const NetTap *tap;        /* NULL: nobody listens */
    const Lora *lora;         /* NULL: none */
    Err *err;
    char path[NET_PATH];      /* of the module we are in; "" at the top */
    struct { int length, opens; size_t mark; } scope[NET_DEPTH];
    int depth;
} Net;

/* At the top of the network. tape, params and err outlive it; tap and lora are set by hand. */
void net_begin(Net *n, Tape *tape, Params *params, Err *err);
void net_enter(Net *n, const char *format, ...);
/* A module of several outputs (a down block, which leaves skip connections behind): its memory is not given back. */
void net_enter_open(Net *n, const char *format, ...);
Tensor *net_leave(Net *n, Tensor *y);
/* Says y under the path of the module we are in plus .name, without entering (a module that computes nothing: Dropout, Identity). */
Tensor *net_say(Net *n, const char *name, Tensor *y);

/* A parameter of the module we are in: path.name. NULL after an error. */
const Weight *net_weight(Net *n, const char *name, Shape s, Init init);
/* Is there a parameter path.name in the file? (older files have other names.) When declaring: no. Does not mark it as used. */
int net_has(const Net *n, const char *name);

/* Layers. Each enters `name`, asks for weight (and bias, if any), computes, leaves. Sizes of the input are the tensor's. */
Tensor *nn_linear(Net *n, const char *name, Tensor *x, int out, int bias);                     /* (..., in) -> (..., out); LoRA if any */
Tensor *nn_conv2d(Net *n, const char *name, Tensor *x, int out, int kernel, Conv c, int bias); /* (N,C,H,W) -> (N,out,H',W') */
Tensor *nn_group_norm(Net *n, const char *name, Tensor *x, int groups, real eps);
Tensor *nn_layer_norm(Net *n, const char *name, Tensor *x, real eps);
Tensor *nn_act(Net *n, const char *name, Tensor *x, Act act);
/* Linear, activation, Linear, under linear_1, act, linear_2 of the module `name`. */
Tensor *nn_mlp(Net *n, const char *name, Tensor *x, int hidden, int out, Act act);

#endif
