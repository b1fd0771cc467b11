/* mvsdi.c -- many views in one step                             [MVSDI26] Lupascu et al. 2026, arXiv:2606.29964; read through its code
 *
 *     g = 1/K sum_k g_k,   g_k = J_k^T grad_x0(view k)                         K cameras, one step of the optimiser
 *
 * A plain Monte-Carlo mean over cameras, for any estimator: the paper's is SDI. The variance of g is that of one view over K when cameras are drawn
 * on their own, and less when g_k of cameras drawn together (sampler/view.h: pairs, fours, sixes) are negatively correlated.
 *
 *     consensus:  g = sum_k p_k g_k,   p = softmax(s a),   a_k = cos(g_k, sum_j g_j),   s = softplus(tau)
 *     tau <- Adam(d/dtau [ -<p, a> + KL(p | 1/K) ]),   tau_0 = -6, lr 0.01;  a is held fixed
 *
 * Symbols: J_k = d render / d theta at camera k; theta the field's n parameters; grad_x0 what an estimator returns.
 * Order of sums: views in order, each added to the gradient by the renderer's adjoint (render/volume.h: slab by slab), grad_x0 divided by K
 *   first. Consensus: g_k each from 0; sum_j g_j and sum_k p_k g_k with k ascending; norms and products by tensor/sum.h.
 * Memory: the mean holds one view, whatever K: its render, its prediction, and one gradient. Consensus holds one view's render and
 *   prediction, too, but K gradients: no p_k is known before all g_k are.
 * Missing on purpose: a learning rate that grows with K (the paper has none). Regularisers of a view are part of its g_k, as the paper's are.
 * TRAP: the released runs stop after 10000 / K steps while the schedule of t goes to step 10000, so t never gets low: 0.615 for K = 2,
 *   0.889 for K = 8 in place of 0.25. --truncated-anneal gives that; without it schedules follow the share of the budget.
 * TRAP: what the loss of tau learns is known: with P the variance of a under p its derivative by s is (s - 1) P, so s goes to 1 and stays there.
 * DIFFERS: a budget counts predictions of the network, the paper's one for every view, however many its inversion takes. A NaN stops the
 *   run, where the released code makes an agreement of 0 of it; so is one here of a gradient that is 0. Adam's constants are distill.c's.
 * Check: the mean of single views bit for bit, at the peak memory of one; consensus on gradients made by hand; tests/t_mvsdi.c.
 */
#include "ref/mvsdi.h"
#include "tensor/adam.h"
#include "tensor/elem.h"
#include "tensor/err.h"
#include "tensor/sum.h"

#include <string.h>

int mvsdi_mean(real *gradient, const ViewSet *views)
{
    memset(gradient, 0, views->n * sizeof *gradient);
    for (int k = 0; k < views->K; k++)
        if (views->pull(views->self, gradient, k, (real)views->K) != 0) return -1;
    return 0;
}

Consensus consensus_start(void) { return (Consensus){ .tau = R(-6.0) }; }

/* a_k = cos(g_k, total); 0 where one of them is 0 */
static void agreements(real *a, const real *each, const real *total, size_t n, int K)
{
    const real size = r_sqrt(sumsq16(total, n));
    for (int k = 0; k < K; k++) {
        const real *g = each + (size_t)k * n;
        const real both = r_sqrt(sumsq16(g, n)) * size;
        a[k] = both > 0 ? dot16(g, total, n) / both : R(0.0);
    }
}

/* p = softmax(s a) */
static void weights(real *p, const real *a, real s, int K)
{
    real most = a[0], sum = 0;
    for (int k = 1; k < K; k++) most = r_max(most, a[k]);
    for (int k = 0; k < K; k++) {
        p[k] = r_exp(s * (a[k] - most));
        sum += p[k];
    }
    for (int k = 0; k < K; k++) p[k] = p[k] / sum;
}

/* d/dtau [-<p,a> + KL(p | 1/K)] = (s - 1) P ds/dtau, P = sum p_k (a_k - <p,a>)^2, ds/dtau = sigmoid(tau):
 * d p_k / ds = p_k (a_k - <p,a>), so d<p,a>/ds = P, and d KL / ds = sum d p_k / ds (log p_k + 1) = s P. */
static real tau_gradient(real tau, const real *p, const real *a, int K)
{
    real mean = 0, P = 0;
    for (int k = 0; k < K; k++) mean = r_fma(p[k], a[k], mean);
    for (int k = 0; k < K; k++) P = r_fma(p[k], (a[k] - mean) * (a[k] - mean), P);
    return (r_softplus(tau) - R(1.0)) * P * r_sigmoid(tau);
}

int mvsdi_consensus(real *gradient, real *p, real *each, Consensus *c, long step, const ViewSet *views)
{
    const size_t n = views->n;
    const int K = views->K;
    real a[MVSDI_VIEWS];
    BUG_IF(K > MVSDI_VIEWS, "%d views", K);

    /* 1. every view's gradient, and their sum */
    memset(each, 0, (size_t)K * n * sizeof *each);
    memset(gradient, 0, n * sizeof *gradient);
    for (int k = 0; k < K; k++) {
        real *g = each + (size_t)k * n;
        if (views->pull(views->self, g, k, R(1.0)) != 0) return -1;
        for (size_t i = 0; i < n; i++) gradient[i] += g[i];
    }

    /* 2. agreement with the sum, and the weights */
    agreements(a, each, gradient, n, K);
    weights(p, a, r_softplus(c->tau), K);

    /* 3. the weighted mean:  g = sum_k p_k g_k */
    memset(gradient, 0, n * sizeof *gradient);
    for (int k = 0; k < K; k++)
        for (size_t i = 0; i < n; i++) gradient[i] = r_fma(p[k], each[(size_t)k * n + i], gradient[i]);

    /* 4. Adam on tau */
    const real d_tau = tau_gradient(c->tau, p, a, K);
    adam_step(&c->tau, &c->m, &c->v, &d_tau, 1, (AdamConfig){ .lr = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-15 }, step + 1);
    return 0;
}
