/* trace_network.h -- a run of a network with every module's output, as a trace file */
#ifndef SDREF_REF_TRACE_NETWORK_H
#define SDREF_REF_TRACE_NETWORK_H

#include "ref/record.h"

typedef enum { TRACE_GRAD_NONE, TRACE_GRAD_INPUT, TRACE_GRAD_ALL } TraceGrad;

typedef struct TraceNetwork {
    const char *folder;       /* config.json and weights */
    const char *inputs;       /* a safetensors file of in.* tensors, or NULL: drawn from the seed */
    uint64_t seed;
    int batch, height, width; /* of the UNet's input or the image; 0: as the config says, or 64 */
    int tokens;               /* text states of a UNet; tokens of a text encoder */
    double t;                 /* timestep; below 0: drawn, 0..999 */
    TraceGrad grad;           /* cotangents are drawn where the inputs have none */
} TraceNetwork;

/* Opens the model; metadata, inputs and results into r, which is of the model's kind then: record_open is done here. The network is
 * named relative to the folder of `out` where it lies below it, else as given. */
int trace_network(Record *r, const TraceNetwork *c, const char *out, Err *err);

#endif
