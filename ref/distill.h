/* distill.h -- the distillation loop: camera -> render -> estimate -> pull back -> Adam
 *
 * One step k of N, views j = 0..K-1:
 *   1. camera c_kj (of an image: always image_view) with what it strays from its view, the estimator's timesteps and noise (draw.h), jitter u_kj:
 *      all addressed by (seed, j, k), none consumed. The prior and the LoRA are told the view, not how far the camera strays from it
 *   2. x0 = 2 g(theta, c) - 1, on the tape; g of another size than the prior's is resampled by area first
 *   3. gradient of the estimator at x0, not on the tape, divided by K
 *   4. pulled back, together with the cotangents that regularisers add to the view's other maps (regularise_step.h): one view after the other is
 *      added to the one gradient, each in the order of render_pull (mvsdi.c). One view's tape at a time. With consensus 3 is not divided, each view
 *      has a gradient of its own, and they are added with weights. At last that of a reference picture, rendered like a view K, and that of the
 *      grid's total variation
 *   5. Adam with a learning rate that falls geometrically from lr to lr_end; a learnt background has an Adam of its own (backdrop.h)
 * With dsd_star, for an image of one view, 3 is one step of its ODE, whose state is the run's as theta is.
 * With ssd's leave-one-out a pass over the views comes first that does 1 to 3 and keeps what stein.h says.
 * VSD: of P particles, each a field with moments of its own, the step is of one, RNG_PARTICLE at (seed, 0, k); in 3. the score of the renders is the
 * LoRA network's (lora_score.h), or the exact one of all particles' renders from this camera, with the same jitter (render_score.h);
 *   6. the LoRA learns from the K renders
 * All particles start alike: their draws part them with their first steps.
 * With an occupancy grid the renders of a step skip what it sees nothing in (occupied.h); pictures do not.
 * With a budget the run ends with the first step that reaches it, and k / N in all schedules is the share of the budget that is spent; with
 * truncated_anneal t goes by k / N still, and the budget ends the run before t is at its end. Weights of regularisers go by k itself.
 * So a step is a pure function of (theta, Adam's m and v, what else a checkpoint holds, k): a run that is stopped and resumed gives the same bytes.
 */
#ifndef SDREF_REF_DISTILL_H
#define SDREF_REF_DISTILL_H

#include "ref/backdrop.h"
#include "ref/draw.h"
#include "ref/lora_score.h"
#include "ref/mvsdi.h"
#include "ref/phi_view.h"
#include "ref/reference.h"
#include "ref/regularise_step.h"
#include "ref/shading.h"
#include "ref/stein.h"
#include "render/volume.h"

enum { PARTICLES_MAX = 16 };
typedef struct DistillConfig {
    FieldKind field;
    int grid;                       /* voxel, sh: nodes a side */
    FieldConfig shape;              /* what else hashgrid, mlp and sh are; kind, size, peak and slope are said here */
    int start_levels;               /* of hashgrid: levels that count at first; 0: all. See distill_levels */
    real blob_peak, blob_slope;     /* start density, see field_start */
    int resolution;                 /* pixels a side, of what the prior sees */
    int render;                     /* of the renders that are averaged to it; 0: the same. Not of an image, nor with ssd's baselines of a render */
    int samples;                    /* a ray */
    int occupancy;                  /* cells a side of the grid by which training renders skip samples (occupied.h); 0: none. Never of an image */
    int jitter;                     /* samples jittered in training */
    Normals normals;                /* of renders and pictures; analytic: of voxel and sh alone */
    real background[3];
    int learnt;                     /* the background is, and as background_config says; never with consensus or an image */
    BackgroundConfig background_config;
    real background_lr;             /* its Adam's at the start, falling as lr does */
    int views;                      /* K */
    ViewMode view_mode;
    ViewRange range;
    JitterScale jitter_scale;       /* of the cameras; of an image 0 */
    ShadingSchedule shading;
    int consensus;                  /* views are weighted by their agreement (mvsdi.c) */
    long steps;                     /* N */
    long budget;                    /* calls of the prior's network after which the run ends, in place of N steps; 0: none */
    int truncated_anneal;           /* t goes by steps of N, budget or not */
    uint64_t seed;
    real lr, lr_end;
    DrawConfig draw;                /* the estimator, its settings and what it draws */
    MuKind mu;                      /* of ssd: found (stein.h), or draw.settings.mu; leave-one-out: K >= 2 */
    PhiKind phi;                    /* of ssd; what it compares with is the render's own */
    const DepthNet *depth_net;      /* of phi depth and normals; borrowed */
    const Reference *reference;     /* NULL: none; borrowed */
    Regularising regularising;      /* of an image: none; tv of voxels alone */
    int negative;                   /* guidance goes away from the negative prompt */
    PerpNegRule perp_neg;           /* and from other views' prompts */
    ViewThresholds thresholds;      /* of the words for a view; the prior has the same */
    int particles;                  /* of vsd, 1..PARTICLES_MAX; 0: one */
} DistillConfig;

typedef struct Particle {
    Field *field;
    real *m, *v;                    /* (field->n) Adam's moments */
    Backdrop backdrop;
    Occupancy *occupancy;           /* updated by its own steps; NULL: none */
    long step;                      /* steps that were of this one */
} Particle;

typedef struct Distill {
    DistillConfig config;
    const Schedule *S;              /* borrowed */
    const Denoiser *D;              /* borrowed */
    LoraScore *lora;                /* borrowed, set by hand: VSD's score of the renders; NULL: the exact one */
    Particle *particle;             /* (particles) */
    Field *field;                   /* of the particle in hand: between steps the first, see distill_look */
    real *m, *v, *gradient;         /* (field->n) its moments; gradient of the step */
    Background *background;         /* its learnt one, or NULL */
    Occupancy *occupancy;           /* likewise */
    long step;                      /* steps done */
    long calls;                     /* of the prior, in these steps: one a prediction; of the LoRA network one a prediction and one a loss */
    Consensus consensus;            /* what it has learned; part of the state */
    real *each;                     /* (K, field->n) gradients of the views, for consensus */
    Denoiser counted, counted_lora; /* D and lora's, counting */
    Stein stein;                    /* what mu is fitted to; part of the state */
    SteinStep *views;               /* (K) leave-one-out: of the step's views; else NULL */
    real *kept;                     /* (K,n) their predictions */
    real *ode;                      /* (n) of dsd_star: where its ODE stands, from step 1 on; part of the state; else NULL */
    RegulariseStep regularise;
    Renderer *renderer;
    real *jitter;                   /* (H,W,N) */
    View *view;                     /* (K) */
    ViewJitter *view_jitter;        /* (K) */
    Tape *tape;
    Err *err;
} Distill;

/* What a step reports. */
typedef struct StepLog {
    int t;                          /* of view 0 */
    real grad_rms;                  /* root mean square of d/dx0 over the views */
    real lora_loss;                 /* of VSD's LoRA, mean over the views */
    real reference;                 /* loss of the reference picture before the step */
    real regulariser[REGULARISERS]; /* their y before the step, mean over the views; 0 where the weight is 0 */
} StepLog;

/* NULL with err set. err, S and D must outlive the result. */
Distill *distill_new(const DistillConfig *config, const Schedule *S, const Denoiser *D, Err *err);
void     distill_free(Distill *d);
/* Pixels a side of the renders. */
int      distill_side(const DistillConfig *c);
/* Takes particle i in hand: d->field, and so pictures, are its. */
void     distill_look(Distill *d, int i);
/* What an image field is a picture of, as far as the prior is told: three quarters from the front, a little from above, at the middle
 * distance and field of view. Its cameras are all this one. */
View     image_view(const ViewRange *range);
/* How far the run is: steps done of N, or of a budget calls made. Schedules of t and of the learning rate go by this share. */
long     distill_done(const Distill *d);
long     distill_length(const Distill *d);
/* Levels of a hash grid that count when `done` of `length` are behind: start_levels + floor((levels - start_levels) 2 done / length), at most all. */
int      distill_levels(const DistillConfig *c, long done, long length);
/* One step. -1 with err set: memory, the denoiser's or a baseline's error, or a value that is not finite (its tensor and index), each after "step K, ESTIMATOR: ". */
int      distill_step(Distill *d, StepLog *log);
/* theta, m, v and the occupancy grid of every particle, the step, the calls, of a fitted mu its averages, consensus, of dsd_star the ODE's state and
 * of a LoRA all that it is, to and from a file; a file of other sizes or another field is refused, and one with a value that is not finite. Written
 * whole. */
int      distill_save(const Distill *d, const char *path, Err *err);
int      distill_load(Distill *d, const char *path, Err *err);

/* The field as pictures: rgb (3,H,W), depth (H,W), opacity (H,W) and normal (3,H,W), each may be NULL, from one camera, unjittered. */
int      distill_picture(real *rgb, real *depth, real *opacity, real *normal, const Distill *d, const View *view, int h, int w, Err *err);

#endif
