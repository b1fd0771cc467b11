/* attention.h -- softmax attention, never holding a full matrix of scores
 *
 * Per batch entry and head h (columns h d .. h d + d - 1 of q, k, v, d = C / heads), for query i:
 *     s_j = scale * (sum_c fma(q_ic, k_jc), from 0, c ascending)    (causal: s_j = -infinity for j > i)
 *     m = max_j s_j,  e_j = exp(s_j - m),  Z = sum16(e)
 *     o_ic = (sum_j fma(e_j, v_jc), from 0, j ascending) / Z
 * over all Tk keys: causal ones that take no part have e_j = 0, which changes no sum of finite numbers. Backward recomputes e:
 *     p_j = e_j / Z,  dp_j = sum_c fma(do_ic, v_jc), from 0,  D = dot16(p, dp),  ds_j = p_j (dp_j - D) scale, left to right
 *     dq_ic += sum_j fma(ds_j, k_jc)   j ascending,   dk_jc += sum_i fma(ds_ij, q_ic),   dv_jc += sum_i fma(p_ij, do_ic)   i ascending,
 * each chain going on from the gradient already there. Every order is that of one output, so blocks and threads decide no bit.
 *
 * Held at a time, in reals, beside the tensors: keys and values once more for a group of heads (4 M, or one head if that is larger),
 * and (Tk, 32) scores a thread forward; backward some (Tk, 5 d + 64) a thread. Threads work across (batch, head, block of
 * queries) forward and across (batch, head) backward.
 */
#ifndef SDREF_TENSOR_ATTENTION_H
#define SDREF_TENSOR_ATTENTION_H

#include "tensor/tape.h"

/* q (B,Tq,C), k (B,Tk,C), v (B,Tk,C); y (B,Tq,C). heads divides C. causal: Tq == Tk. With gradients q, k, v are three tensors. */
Tensor *op_attention(Tape *t, Tensor *q, Tensor *k, Tensor *v, int heads, real scale, int causal, const char *name);
/* The definition, one thread, with all scores of a row at hand. The way back adds to dq, dk, dv, each of which may be NULL. */
void attention_plain(real *y, const real *q, const real *k, const real *v, int B, int Tq, int Tk, int C, int heads,
                     real scale, int causal, real *work);                                                   /* work (Tk) */
void attention_plain_pull(real *dq, real *dk, real *dv, const real *dy, const real *q, const real *k, const real *v,
                          int B, int Tq, int Tk, int C, int heads, real scale, int causal, real *work);     /* work (2 Tk) */

#endif
