/* arrange.h -- operations that move values about, or add one array to another along some sides; backward beside each
 *
 * A gradient of a value that went to one place is += dy. Where several dy meet, the order is stated; a sum over the positions of
 * an image is sum16 of its dy, then +=.
 */
#ifndef SDREF_TENSOR_ARRANGE_H
#define SDREF_TENSOR_ARRANGE_H

#include "tensor/weight.h"

/* arrange.c: every value goes to one place */
Tensor *op_concat_channels(Tape *t, Tensor *a, Tensor *b, const char *name);   /* (N,Ca,...) and (N,Cb,...) -> (N,Ca+Cb,...) */
Tensor *op_concat_rows(Tape *t, Tensor *a, Tensor *b, const char *name);       /* (B,Ta,C) and (B,Tb,C) -> (B,Ta+Tb,C); nd 2: columns */
Tensor *op_rows(Tape *t, Tensor *x, int first, int count, const char *name);   /* (B,T,C) -> (B,count,C) */
Tensor *op_columns(Tape *t, Tensor *x, int first, int count, const char *name);/* (...,C) -> (...,count) */
Tensor *op_to_tokens(Tape *t, Tensor *x, const char *name);                    /* (N,C,H,W) -> (N,HW,C) */
Tensor *op_to_image(Tape *t, Tensor *x, int h, int w, const char *name);       /* (N,HW,C) -> (N,C,H,W) */
Tensor *op_swap_last(Tape *t, Tensor *x, const char *name);                    /* (N,A,B) -> (N,B,A) */
/* The same values under another shape: y shares x's memory, and its gradient; nothing is recorded. */
Tensor *op_reshape(Tape *t, Tensor *x, Shape s, const char *name);
Tensor *op_pick_rows(Tape *t, Tensor *x, const int *row, const char *name);    /* (B,T,C), row (B) -> (B,C) */

/* broadcast.c: one array along some sides of another */
Tensor *op_add_channels(Tape *t, Tensor *x, Tensor *b, const char *name);      /* (N,C,...) + (N,C); db_nc += sum16(dy) */
/* (N,C,...), e (N,2C): y = fma(x, 1 + scale, shift), scale = e[:, :C], shift = e[:, C:];
 * dx = fma(dy, 1 + scale, dx), dscale += dot16(dy, x), dshift += sum16(dy) */
Tensor *op_scale_shift(Tape *t, Tensor *x, Tensor *e, const char *name);
Tensor *op_add_rows(Tape *t, Tensor *x, const Weight *p, const char *name);    /* (B,T,C) + p (T',C), T <= T'; dp: B ascending */
/* ids (B,T), in range, copied; table (V,C) -> (B,T,C); dtable: (b,t) ascending */
Tensor *op_embedding(Tape *t, const int64_t *ids, int B, int T, const Weight *table, const char *name);
Tensor *op_mean_rows(Tape *t, Tensor *x, const char *name);                    /* (B,T,C) -> (B,1,C): T ascending, / T; dx += dy / T */
Tensor *op_repeat_rows(Tape *t, const Weight *p, int B, const char *name);     /* p (C) or (T,C) -> (B,1,C) or (B,T,C); dp: B ascending */

/* resample.c: x (N,C,H,W) -> (N,C,h,w); y_ij = x at floor(i H / h), floor(j W / w); dx: (i,j) ascending */
Tensor *op_upsample_nearest(Tape *t, Tensor *x, int h, int w, const char *name);
/* 2x2, stride 2, sides rounded down: ((x00 + x01) + x10 + x11)/4; dx = fma(1/4, dy, dx) */
Tensor *op_avg_pool2(Tape *t, Tensor *x, const char *name);
/* x (H,W,C) -> (h,w,C), a box filter: y_ij = sum of o_ir/H o_jc/W x_rc, where o_ir = min((i+1) H, (r+1) h) - max(i H, r h) is how much of row r
 * lies in row i, in units of 1/(h H) of the height (columns likewise); larger or smaller, h = H changes nothing. Chains (r,c) ascending from 0;
 * dx: (i,j) ascending from what is there. */
Tensor *op_resample_area(Tape *t, Tensor *x, int h, int w, const char *name);

#endif
