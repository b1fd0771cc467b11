/* adam.h -- Adam [Kingma & Ba 2015, algorithm 1] and AdamW [Loshchilov & Hutter 2019, algorithm 2], as PyTorch has them
 *
 *     g  <- g + weight_decay theta                 (Adam);     theta <- theta (1 - lr weight_decay)   (AdamW)
 *     m  <- beta1 m + (1 - beta1) g
 *     v  <- beta2 v + (1 - beta2) g^2
 *     theta <- theta - lr / (1 - beta1^step)  m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
 */
#ifndef SDREF_ADAM_H
#define SDREF_ADAM_H

#include "tensor/real.h"

typedef struct {
    double lr, beta1, beta2, eps;   /* PyTorch's defaults: 1e-3, 0.9, 0.999, 1e-8 */
    double weight_decay;            /* 0: none */
    int    decoupled;               /* 0: Adam, the decay is part of the gradient; 1: AdamW */
} AdamConfig;

/* One step on n values. theta, m, v (n) are updated; g (n) is the gradient; m and v start as 0; step counts from 1. */
void adam_step(real *theta, real *m, real *v, const real *g, size_t n, AdamConfig c, int64_t step);

#endif
