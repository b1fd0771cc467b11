/* attention_plain.c -- the definition of attention, row by row as attention.h states it, and of its way back */
#include "tensor/attention.h"

#include "tensor/elem.h"
#include "tensor/sum.h"

/* e_j (Tk) of query i of one head; the rows of q and k are C apart. Gives Z. */
static real plain_row(real *e, const real *q, const real *k, int i, int Tk, int C, int d, real scale, int causal)
{
    real most = -(real)INFINITY;
    for (int j = 0; j < Tk; j++) {
        real s = 0;
        for (int c = 0; c < d; c++) s = r_fma(q[(ptrdiff_t)i * C + c], k[(ptrdiff_t)j * C + c], s);
        e[j] = causal && j > i ? -(real)INFINITY : scale * s;
        most = r_max(e[j], most);
    }
    for (int j = 0; j < Tk; j++) e[j] = r_exp(e[j] - most);
    return sum16(e, (size_t)Tk);
}

void attention_plain(real *y, const real *q, const real *k, const real *v, int B, int Tq, int Tk, int C, int heads,
                     real scale, int causal, real *work)
{
    const int d = C / heads;
    for (int b = 0; b < B; b++) {
        for (int h = 0; h < heads; h++) {
            const real *qh = q + (ptrdiff_t)b * Tq * C + h * d, *kh = k + (ptrdiff_t)b * Tk * C + h * d;
            const real *vh = v + (ptrdiff_t)b * Tk * C + h * d;
            real *yh = y + (ptrdiff_t)b * Tq * C + h * d;
            for (int i = 0; i < Tq; i++) {
                const real Z = plain_row(work, qh, kh, i, Tk, C, d, scale, causal);
                for (int c = 0; c < d; c++) {
                    real sum = 0;
                    for (int j = 0; j < Tk; j++) sum = r_fma(work[j], vh[(ptrdiff_t)j * C + c], sum);
                    yh[(ptrdiff_t)i * C + c] = sum / Z;
                }
            }
        }
    }
}

void attention_plain_pull(real *dq, real *dk, real *dv, const real *dy, const real *q, const real *k, const real *v,
                          int B, int Tq, int Tk, int C, int heads, real scale, int causal, real *work)
{
    const int d = C / heads;
    real *const p = work, *const ds = work + Tk;
    for (int r = 0; r < B * heads; r++) {
        const ptrdiff_t at_q = (ptrdiff_t)(r / heads) * Tq * C + r % heads * d, at_k = (ptrdiff_t)(r / heads) * Tk * C + r % heads * d;
        for (int i = 0; i < Tq; i++) {
            const ptrdiff_t qi = at_q + (ptrdiff_t)i * C;
            const real Z = plain_row(p, q + at_q, k + at_k, i, Tk, C, d, scale, causal);
            for (int j = 0; j < Tk; j++) {
                p[j] = p[j] / Z;
                ds[j] = 0;
                for (int c = 0; c < d; c++) ds[j] = r_fma(dy[qi + c], v[at_k + (ptrdiff_t)j * C + c], ds[j]);
            }
            const real D = dot16(p, ds, (size_t)Tk);
            for (int j = 0; j < Tk; j++) {
                const ptrdiff_t kj = at_k + (ptrdiff_t)j * C;
                ds[j] = p[j] * (ds[j] - D) * scale;
                for (int c = 0; c < d; c++) {
                    if (dq != NULL) dq[qi + c] = r_fma(ds[j], k[kj + c], dq[qi + c]);
                    if (dk != NULL) dk[kj + c] = r_fma(ds[j], q[qi + c], dk[kj + c]);
                    if (dv != NULL) dv[kj + c] = r_fma(p[j], dy[qi + c], dv[kj + c]);
                }
            }
        }
    }
}
