/* mlp.h -- the small network at the end of a field: linear layers with relu between them, at many points at once
 *
 *     y_j = b_j + sum_i w_ji x_i,  w (out,in);  relu: x < 0 ? 0 : x after every layer but the last
 *     dx_i = sum_j w_ji dy_j,  dw_ji += dy_j x_i,  db_j += dy_j;  relu passes where its output is above 0
 *
 * Order: y_j is one chain of r_fma from b_j, i ascending; dx_i one from 0, j ascending; dw_ji and db_j go on from what is there, points
 * ascending. Parameters lie as w | b of the first layer, w | b of the second, and so on.
 *
 * Points are taken MLP_LANES at a time, side by side: n of them are a panel, the last of which has what is left, and k values of each lie as
 * (k,n). A network keeps of every panel its input and its hidden values, one behind the other, (mlp_kept, n); panel after panel.
 */
#ifndef SDREF_RENDER_MLP_H
#define SDREF_RENDER_MLP_H

#include "render/field.h"

enum { MLP_LANES = 32, MLP_LAYERS = 9, MLP_WIDTH = 256, MLP_OUT = 4 };

typedef struct Mlp {
    int layers;                       /* 1..MLP_LAYERS, the last included */
    int width[MLP_LAYERS + 1];        /* of the input, of each hidden layer, MLP_OUT; 1..MLP_WIDTH */
} Mlp;

size_t mlp_count(const Mlp *m);       /* parameters */
size_t mlp_kept(const Mlp *m);        /* values of one point */

/* w uniform in +-sqrt(6/in), which keeps the second moment of what passes relu [He15 Eq.10]; b = 0. w of layer l is draw `view + l` of stream RNG_INIT.
 * DIFFERS: torch.nn.Linear's +-1/sqrt(in) for w and b, with which every layer shrinks its input and a field learns more slowly. */
void mlp_start(real *theta, const Mlp *m, uint64_t seed, uint32_t view);
/* w1, b1, w2, ... of parameters that begin at `at` of a field's theta. Returns how many. */
int  mlp_parts(FieldPart *part, const Mlp *m, size_t at);

/* raw (MLP_OUT,P) of P points. kept: the inputs are there, the hidden values are written. */
void mlp_eval(real *raw, real *kept, const real *theta, const Mlp *m, int P);
/* dtheta (mlp_count) += J^T draw, draw (MLP_OUT,P). kept: as mlp_eval left it; of each panel the first width[0] rows become the cotangent of its
 * input, the rest is spent. */
void mlp_pull(real *dtheta, const real *draw, real *kept, const real *theta, const Mlp *m, int P);

/* The points of the panel that begins at point i. */
static inline int mlp_panel(int i, int P) { return P - i < MLP_LANES ? P - i : MLP_LANES; }

/* The definition, one point (mlp_plain.c): kept (mlp_kept). */
void mlp_eval_plain(real raw[MLP_OUT], real *kept, const real *theta, const Mlp *m);
void mlp_pull_plain(real *dtheta, const real draw[MLP_OUT], real *kept, const real *theta, const Mlp *m);

#endif
