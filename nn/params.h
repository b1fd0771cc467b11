/* params.h -- the parameters of one network, by name
 *
 * Either opened from a model folder: each tensor of the file set stays in the read-only map in its own type; or declared: a
 * network that walks over its config on a tape of shapes asks for its parameters, and each one asked for comes to be
 * (`sdref init`). Asking marks a parameter as used, so that after a walk the file's strangers are known.
 */
#ifndef SDREF_NN_PARAMS_H
#define SDREF_NN_PARAMS_H

#include "tensor/weight.h"
#include "weights/shards.h"

typedef enum { INIT_UNIFORM, INIT_NORMAL, INIT_ONE, INIT_ZERO } InitKind;
typedef struct Init { InitKind kind; double scale; } Init;       /* uniform in +-scale, normal of that deviation */

typedef struct Params Params;
/* folder/stem.safetensors or its variants and shards (weights/shards.h). NULL on error. */
Params *params_open(const char *folder, const char *stem, Err *err);
Params *params_new(const char *name, Err *err);                  /* empty, to be declared; `name` for messages (copied) */
void    params_free(Params *p);                                  /* NULL is fine */
/* Files from before diffusers 0.17 call the projections of an attention over positions query, key, value, proj_attn, and may have
 * them as 1x1 convolutions: from here on they are to_q, to_k, to_v, to_out.0, and matrices. Before the walk. */
int     params_modern_names(Params *p, Err *err);

const char *params_source(const Params *p);                      /* "unet/diffusion_pytorch_model.fp16.safetensors", for messages */
const char *params_variant(const Params *p);                     /* the file or index found, without folder; "" when declared */
int           params_count(const Params *p);
const Weight *params_at(const Params *p, int i);                 /* in the file's order, or in the order of declaration */
Init          params_init(const Params *p, int i);               /* of declared ones */

int           params_has(const Params *p, const char *name);     /* does not mark it as used */
/* NULL: not there. Marks it as used. */
const Weight *params_get(Params *p, const char *name);
/* Found and of this shape, or an error that names file, tensor, found and expected. When declaring: made on first asking. */
const Weight *params_need(Params *p, const char *name, Shape s, Init init, Err *err);
/* After a walk: an error that names the first tensor that nobody asked for. Integer tensors (position_ids) do not count. */
int params_all_used(const Params *p, Err *err);

/* Gradient memory (zeroed) for one parameter, or for all of them (name NULL). */
int  params_want_gradient(Params *p, const char *name, Err *err);
/* Copies a parameter (or all: name NULL) into memory as real, to be trained. The map is no longer read for it. */
int  params_own(Params *p, const char *name, Err *err);
/* For a declared parameter: its values (n, real; owned by Params), zeroed. */
real *params_values(Params *p, int i, Err *err);

/* For training, where all values of a network lie in one array, parameter after parameter. */
size_t  params_total(const Params *p);                           /* values of all parameters */
/* Declared parameters find their values in `values` (params_total) from now on; borrowed. */
void    params_bind(Params *p, real *values);
/* The same parameters, gradients going to `gradient` (params_total): one for each thread. Borrows p and gradient. */
Params *params_twin(const Params *p, real *gradient, Err *err);
/* Value k of declared parameter i at the start: the draw addressed by (seed, number, k), number being the parameter's. */
double  params_draw(const Params *p, int i, uint64_t seed, uint32_t number, uint32_t k);

#endif
