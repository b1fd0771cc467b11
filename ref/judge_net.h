/* judge_net.h -- what the judge (ref/judge.h) and its training share */
#ifndef SDREF_REF_JUDGE_NET_H
#define SDREF_REF_JUDGE_NET_H

#include "nn/net.h"
#include "ref/dataset.h"
#include "ref/judge.h"

enum { JUDGE_GRID = JUDGE_SIDE / 2 };
Tensor *judge_input(Tape *t, int n);                                    /* (n,3,32,32), values not set; NULL: memory */
/* x (n,3,32,32) -> logits (n, objects + colours + views), in the order of the heads; features (n,2048). NULL with n->err set. */
Tensor *judge_walk(Tensor **features, Net *n, Tensor *x);
void    judge_truth(int is[JUDGE_HEADS], const DatasetItem *item);      /* the right classes */
void    judge_blur(real *x, real *scratch, int side);                   /* x (3,side,side): means of 3x3, edges repeated; scratch (side,side) */

#endif
