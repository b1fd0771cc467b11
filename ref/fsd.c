/* fsd.c -- SDS with one noise for the whole run                 [FSD24] Yan et al. 2024, Flow Score Distillation, arXiv:2405.10988
 *
 *     grad_x0 = w(t) (eps_hat(x_t; y, t) - eps*),   x_t = alpha_t x0 + sigma_t eps*,   w = r_t by default
 *
 * With t falling from step to step and w = r_t, a gradient step is a step of the probability-flow ODE that starts at eps*: another eps*
 * leads to another picture. It is SDS in all but who draws the noise, which the caller does once in a run.
 *
 * Reads: t, noise (eps*), guidance, weight.
 * Missing on purpose: noise that hangs on the camera (a world map in the paper, a noise field on the surface in its follow-up
 *   arXiv:2501.05445): eps* is the same for every view.
 * Check: equals SDS with that noise bit for bit; on the toy of tests/t_toy.c it covers the modes.
 */
#include "ref/estimator.h"

int fsd_grad(real *grad, const real *x0, const Step *p, const Estimate *k) { return sds_grad(grad, x0, p, k); }
