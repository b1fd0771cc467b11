/* act.h -- activations, element by element, forward and backward
 *
 *     silu        x sigmoid(x)                         (also called swish)
 *     gelu        x (1 + erf(x / sqrt 2)) / 2
 *     gelu_tanh   x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2     (gelu_new, gelu_pytorch_tanh)
 *     quick_gelu  x sigmoid(1.702 x)
 *     relu        max(x, 0)                            mish        x tanh(softplus(x))
 * The .c file states the order of operations of each, which is the definition.
 */
#ifndef SDREF_TENSOR_ACT_H
#define SDREF_TENSOR_ACT_H

#include "tensor/tape.h"

typedef enum { ACT_SILU, ACT_GELU, ACT_GELU_TANH, ACT_QUICK_GELU, ACT_RELU, ACT_MISH } Act;

Tensor *op_act(Tape *t, Tensor *x, Act act, const char *name);
/* x (..., 2C): the first half times gelu of the second; y (..., C). */
Tensor *op_geglu(Tape *t, Tensor *x, const char *name);
Tensor *op_tanh(Tape *t, Tensor *x, const char *name);

void act_values(real *y, const real *x, size_t n, Act act);          /* y may be x */
/* name as in config files: silu, swish, gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, relu, mish; -1: unknown. */
int  act_parse(Act *out, const char *name);

#endif
