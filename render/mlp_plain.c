/* mlp_plain.c -- the definition of mlp.h: one point, the loops of its equations */
#include "render/mlp.h"

void mlp_eval_plain(real raw[MLP_OUT], real *kept, const real *theta, const Mlp *m)
{
    for (int l = 0; l < m->layers; l++) {
        const int in = m->width[l], out = m->width[l + 1];
        const real *x = kept, *w = theta, *b = theta + out * in;
        real *y = l + 1 < m->layers ? kept + in : raw;
        for (int j = 0; j < out; j++) {
            real sum = b[j];
            for (int i = 0; i < in; i++) sum = r_fma(w[j * in + i], x[i], sum);
            y[j] = l + 1 < m->layers && sum < R(0.0) ? R(0.0) : sum;
        }
        kept += in;
        theta += out * in + out;
    }
}

void mlp_pull_plain(real *dtheta, const real draw[MLP_OUT], real *kept, const real *theta, const Mlp *m)
{
    real *x = kept;
    for (int l = 0; l < m->layers - 1; l++) {
        x += m->width[l];
        theta += m->width[l + 1] * (m->width[l] + 1);
        dtheta += m->width[l + 1] * (m->width[l] + 1);
    }
    const real *dy = draw;
    for (int l = m->layers - 1; l >= 0; l--) {
        const int in = m->width[l], out = m->width[l + 1];
        for (int j = 0; j < out; j++) {
            for (int i = 0; i < in; i++) dtheta[j * in + i] = r_fma(dy[j], x[i], dtheta[j * in + i]);
            dtheta[out * in + j] += dy[j];
        }
        for (int i = 0; i < in; i++) {
            real sum = 0;
            for (int j = 0; j < out; j++) sum = r_fma(theta[j * in + i], dy[j], sum);
            x[i] = l == 0 || x[i] > R(0.0) ? sum : R(0.0);
        }
        if (l == 0) return;
        dy = x;
        x -= m->width[l - 1];
        theta -= in * (m->width[l - 1] + 1);
        dtheta -= in * (m->width[l - 1] + 1);
    }
}
