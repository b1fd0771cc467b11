/* network.h -- one run of a network from named inputs to named results, as a trace of kind unet, vae, taesd or clip has them
 *
 * `sdref verify` gives the inputs of a file, `sdref trace` draws them; every module's output is put to the Trace as
 * act.<module path>, then the results as out.*, in the order of computation. Cotangents among the inputs ask for gradients.
 */
#ifndef SDREF_REF_NETWORK_H
#define SDREF_REF_NETWORK_H

#include "nn/model.h"
#include "ref/trace.h"

typedef struct NetInput { const char *name; Shape s; const double *v; } NetInput;      /* name as in the file: "in.sample" */
typedef struct NetInputs { const NetInput *at; int count; } NetInputs;

/* The names of inputs of a kind, NULL at the end: for messages and for reading. */
const char *const *network_inputs(ModelKind kind);

/* A tensor of a file as an input: values as double, in the arena; integers are taken too (timesteps, tokens), NaN and infinity are not. */
int network_input_read(NetInput *in, const StFile *file, const char *name, Arena *arena, Err *err);

/* Gradients of parameters are put as out.grad.<name> for each parameter that wants one (params_want_gradient). An input that is
 * missing or misshapen is an error that names it. */
int network_run(const Model *m, const NetInputs *in, const Trace *trace, Err *err);

#endif
