/* estimator.h -- what every estimator is given, and what it gives back
 *
 * An estimator turns one image x0 and its random inputs into the gradient with respect to x0 of ONE view: un-averaged, the
 * weight w(t) included. Averages over views and batch, and the way on through the renderer, belong to distill.c.
 * Estimators take no tape: the gradient cannot run through the denoiser. Everything random is an argument.
 *
 * All have one signature, EstimatorGrad, so that `diff ref/sds.c ref/sdi.c` shows a paper's contribution and one table
 * (estimators.h) serves the command line, traces, their verification and the benches.
 *
 * Symbols, the same in every file (they collide between papers):
 *     here          C           DDPM          DDIM       DreamFusion    SDI
 *     abar_t        abar        alpha-bar_t   alpha_t    alpha_t^2      alpha-bar
 *     alpha_t       at          sqrt of it               alpha_t
 *     sigma_t       st                                   sigma_t
 *     r_t = st/at   rt                                                  sigma(t)
 *     guidance s    guidance    e = e_uncond + s (e_cond - e_uncond) everywhere [CFG22]; DreamFusion's w is s - 1
 */
#ifndef SDREF_REF_ESTIMATOR_H
#define SDREF_REF_ESTIMATOR_H

#include "ref/trace.h"
#include "sampler/denoiser.h"
#include "sampler/schedule.h"

typedef enum { WEIGHT_SDS, WEIGHT_UNIFORM, WEIGHT_FANTASIA3D, WEIGHT_RATIO } TimeWeight;
typedef enum { SDI_PAPER, SDI_OFFICIAL } SdiForm;
/* Where SDI's kappa comes from; all but the first are its ablation. KAPPA_FIXED is one noise for the whole run, to a step KAPPA_RANDOM. */
typedef enum { KAPPA_INVERSION, KAPPA_RANDOM, KAPPA_FIXED_POINT, KAPPA_GRADIENT_DESCENT, KAPPA_FIXED } Kappa;
typedef enum { CDS_RELEASED, CDS_OPPOSITE } CdsSign;
typedef enum { SSD_UNBIASED, SSD_PRINTED } SsdSign;

/* What one step is told besides the image: settings of the method, and everything random. Which fields an estimator reads is
 * said in its file and in estimators.c; the others stay 0. */
typedef struct Step {
    int t;                        /* timestep of the prediction */
    TimeWeight weight;            /* w(t) */
    real guidance;                /* s */
    const real *noise;            /* (n) eps ~ N(0,I), fresh; FSD, CDS, DSD: eps*, the same in every step of a run */

    real w1, w2;                  /* CSD: of the prompt, of the negative prompt */
    int threshold;                /* NFSD: below this t the second term is the unconditional prediction */
    SdiForm sdi_form;
    Kappa kappa;
    int tau, inversion_steps;     /* SDI: inversion ends at t + tau, after so many moves */
    real guidance_inverse, noise_scale;
    int s, delta_s;               /* ISM: level before t, steps of the inversion to it; CDS, a step of DSD*: s, the level after t */
    int t_baseline;               /* ASD, DSD: where the baseline is predicted, t + D */
    real guidance_baseline;       /* DSD */
    int ode_steps;                /* DSD: of the whole range of t */
    CdsSign cds_sign;
    SsdSign ssd_sign;
    real mu1, mu;                 /* SSD: of the noise, of the Stein term */
} Step;

/* SSD's baseline: phi (1) and its gradient (n) at x_t. 0, or -1 with err set. Kinds are in phi.h. */
typedef struct Phi {
    int (*at)(void *self, real *phi, real *grad, const real *xt, int t, Err *err);
    void *self;
} Phi;

/* Perp-Neg: what guidance goes away from besides nothing at all, each with its weight (<= 0), and the prompt that it goes to: guidance.c. */
enum { PERP_NEG_MAX = 2 };
typedef struct PerpNeg { int count; Cond negative[PERP_NEG_MAX]; real w[PERP_NEG_MAX]; Blend positive; } PerpNeg;
/* Whose weights, by the view: perp_neg.c. */
typedef enum { PERP_NEG_OFF, PERP_NEG_OFFICIAL, PERP_NEG_THREESTUDIO } PerpNegRule;
/* That of a view, in *out, which is returned; NULL when off. Of the thresholds only overhead is read. */
const PerpNeg *perp_neg_of_view(PerpNeg *out, PerpNegRule rule, const View *view, const ViewThresholds *thresholds);

typedef struct Estimate {         /* borrowed, all of it */
    const Schedule *S;
    const Denoiser *D;            /* the prior */
    const Denoiser *D_phi;        /* VSD: the score of the renders. NULL elsewhere */
    const Phi *phi;               /* SSD. NULL elsewhere */
    const PerpNeg *perp_neg;      /* NULL: guidance is classifier-free guidance alone */
    View view;                    /* of the image, for the prompt's view suffix */
    int negative;                 /* guidance goes away from the negative prompt, not from none */
    Arena *arena;                 /* scratch, partly rewound in between: a listener keeps nothing there; the caller rewinds the rest */
    const Trace *trace;           /* or NULL */
    Err *err;
} Estimate;

/* grad, x0: (n). 0, or -1 with k->err set. */
typedef int EstimatorGrad(real *grad, const real *x0, const Step *p, const Estimate *k);
EstimatorGrad sds_grad;           /* Score Distillation Sampling                  sds.c */
EstimatorGrad csd_grad;           /* Classifier Score Distillation                csd.c */
EstimatorGrad nfsd_grad;          /* Noise-Free Score Distillation                nfsd.c */
EstimatorGrad sdi_grad;           /* Score Distillation via Inversion             sdi.c */
EstimatorGrad ism_grad;           /* Interval Score Matching                      ism.c */
EstimatorGrad vsd_grad;           /* Variational Score Distillation               vsd.c */
EstimatorGrad asd_grad;           /* Asynchronous Score Distillation              asd.c */
EstimatorGrad dsd_grad;           /* Diverse Score Distillation                   dsd.c */
EstimatorGrad dsd_star_grad;      /* DSD*, the identity DSD is built on           dsd.c */
EstimatorGrad dsd_star_step;      /* one step of it, in a run                     dsd.c */
EstimatorGrad cds_grad;           /* Consistency Distillation Sampling            cds.c */
EstimatorGrad fsd_grad;           /* SDS with one noise for the whole run         fsd.c */
EstimatorGrad ssd_grad;           /* Stein Score Distillation                     ssd.c */

/* ---- what they are written with: guidance.c ---- */

size_t estimate_n(const Estimate *k);                                 /* C H W */
Shape  estimate_shape(const Estimate *k);                             /* (1,C,H,W) */
/* An array of n values that lives as long as the arena; without memory NULL, and k->err is set. */
real  *estimate_new(const Estimate *k, const char *what);
/* v (n), or one number, to the trace under `name`. */
int    estimate_say(const Estimate *k, const char *name, real *v);
int    estimate_say_number(const Estimate *k, const char *name, real *v);
/* The levels of an inversion or an ODE, said as "grid". count: at most ESTIMATE_LEVELS. */
enum { ESTIMATE_LEVELS = 1002 };
int    estimate_say_grid(const Estimate *k, const int *grid, int count);

/* w(t): sds 1 - abar = sigma^2; uniform 1; fantasia3d alpha (1 - abar); sigma/alpha r. */
real weight_at(TimeWeight weight, const Schedule *S, int t);

/* One prediction, said as `name`. The prompt is that of k->view, or k->perp_neg's blend. */
int predicted_eps(real *eps, const char *name, const real *xt, int t, CondKind kind, const Estimate *k);
/* Classifier-free guidance: eps (n) = e_uncond + s (e_cond - e_uncond)                                [CFG22]
 * Said as `name`; its parts as NAME.cond, NAME.uncond, or where name is eps_cfg as eps_cond, eps_uncond. s = 1 is the conditional
 * prediction itself: the other one is then not asked for.
 * With k->perp_neg, whose `positive` may stand for the prompt: e_uncond + s (d + sum_i w_i perp_i), d = e_cond - e_uncond, perp_i = n_i - <n_i,d> / max(<d,d>, 1e-6) d,
 * n_i = e_negative_i - e_uncond                                                                       [PN23] */
int guided_eps(real *eps, const char *name, const real *xt, int t, real guidance, const Estimate *k);
/* The same, away from the negative prompt in place of none: it is e_uncond, for Perp-Neg too. */
int guided_eps_negative(real *eps, const char *name, const real *xt, int t, real guidance, const Estimate *k);

/* DDIM without noise from level grid[0], where x is, along the grid: x <- level grid[i+1] by the guided prediction at (x, grid[i]), asked at 0 for
 * level -1. Says WALK.i.eps and WALK.i.STATE.                                                         [DDIM20 Eq.12] */
int guided_walk(real *x, const int *grid, int count, real guidance, const char *walk, const char *state, const Estimate *k);

/* x0_hat = (x_t - sigma_t eps) / alpha_t, the image the denoiser sees, said as "x0_hat" for the eye: nothing depends on it. */
int estimate_say_x0_hat(const real *xt, const real *eps, int t, const Estimate *k);

#endif
