/* exact.c -- the closed-form score of a finite image set
 *
 * Order: squared distances by sumsq_diff16 over (C,H,W); the largest log weight is subtracted before exp; sums over images by
 * the 16-lane scheme in the set's order (object, camera, look, colour); the mean image by one fma chain a pixel, images ascending.
 */
#include "sampler/exact.h"
#include "tensor/elem.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/sum.h"

#include <string.h>

/* Steps of view_sample from here on belong to the image set, so that no optimisation step shares its draws. */
enum { SET_STEP = 1 << 30 };

struct ExactPrior {
    const ExactSource *source;
    const Schedule *S;
    ExactConfig config;
    int object, colour;
    size_t pixels;             /* H W */
    int images;                /* of one prompt: cameras x looks, look fastest */
    View *view;                /* (cameras) */
    real **layers;             /* (objects) -> (images, 4, H, W): base 3, shade 1, in [-1,1] units; NULL: not made yet */
    real *posed;               /* (looks, 4, H, W) */
};

/* One element of the mixture in view: which layers, which colour. */
typedef struct Item { const real *layers; const real *colour; } Item;

/* [0,1] to the prior's [-1,1]: x = 2 (base + shade c) - 1 */
static void to_prior_units(real *layers, size_t pixels)
{
    for (size_t i = 0; i < 3 * pixels; i++) layers[i] = r_fma(R(2.0), layers[i], R(-1.0));
    for (size_t i = 3 * pixels; i < 4 * pixels; i++) layers[i] *= R(2.0);
}

static void make_image(real *layers, const ExactPrior *p, int object, const View *view, int look)
{
    p->source->layers(p->source->self, layers, layers + 3 * p->pixels, object, view, look);
    to_prior_units(layers, p->pixels);
}

static int need_object(ExactPrior *p, int object, Err *err)
{
    if (p->layers[object] != NULL) return 0;
    real *layers = mem_new((size_t)p->images * 4 * p->pixels, sizeof(real), "image set", err);
    if (layers == NULL) return -1;
    PAR_FOR_DYNAMIC
    for (int i = 0; i < p->images; i++)
        make_image(layers + (size_t)i * 4 * p->pixels, p, object, &p->view[i / p->config.looks], i % p->config.looks);
    p->layers[object] = layers;
    return 0;
}

static int need_all(ExactPrior *p, Err *err)
{
    for (int o = 0; o < p->source->objects; o++)
        if (need_object(p, o, err) != 0) return -1;
    return 0;
}

void exact_cameras(View *view, const ExactConfig *c) { view_sample(view, c->cameras, &c->range, VIEWS_STRATIFIED, c->seed, SET_STEP); }

ViewLabel exact_label(const ExactConfig *c, const View *view)
{
    return (c->condition == CONDITION_VIEW_LR ? view_label_lr : view_label)(view->elevation, view->azimuth, &c->thresholds);
}

ExactPrior *exact_new(const ExactSource *source, const ExactConfig *config, int object, int colour, const Schedule *S,
                      Err *err)
{
    BUG_IF(object < 0 || object >= source->objects || colour < 0 || colour >= source->colours, "prompt (%d, %d) of %d x %d",
           object, colour, source->objects, source->colours);
    if (view_range_check(&config->range, err) != 0) return NULL;
    ExactPrior *p = mem_new(1, sizeof *p, "exact prior", err);
    if (p == NULL) return NULL;
    p->source = source;
    p->S = S;
    p->config = *config;
    p->object = object;
    p->colour = colour;
    p->pixels = (size_t)config->h * (size_t)config->w;
    p->images = config->cameras * config->looks;
    p->view = mem_new((size_t)config->cameras, sizeof *p->view, "exact prior", err);
    p->layers = mem_new((size_t)source->objects, sizeof *p->layers, "exact prior", err);
    p->posed = mem_new((size_t)config->looks * 4 * p->pixels, sizeof(real), "exact prior", err);
    if (p->view != NULL) exact_cameras(p->view, config);
    const int is_posed = config->condition == CONDITION_POSED;
    if (p->view == NULL || p->layers == NULL || p->posed == NULL || (!is_posed && need_object(p, object, err) != 0)) {
        exact_free(p);
        return NULL;
    }
    return p;
}

void exact_free(ExactPrior *p)
{
    if (p == NULL) return;
    for (int o = 0; o < p->source->objects && p->layers != NULL; o++) mem_free(p->layers[o]);
    mem_free(p->view);
    mem_free(p->layers);
    mem_free(p->posed);
    mem_free(p);
}

/* ---- mixtures ---- */

static void compose(real *x, Item item, size_t pixels)
{
    const real *shade = item.layers + 3 * pixels;
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < pixels; i++) x[c * pixels + i] = r_fma(shade[i], item.colour[c], item.layers[c * pixels + i]);
}

/* log_weight (n): -|x_t - alpha x_i|^2 / (2 v) */
static void log_weights(real *log_weight, const ExactPrior *p, const Item *item, int n, const real *xt, real alpha, real v,
                        real *scratch)
{
    const size_t d = 3 * p->pixels;
    const int threads = par_threads();
    PAR_FOR
    for (int k = 0; k < threads; k++) {
        real *x = scratch + (size_t)k * d;
        for (int i = (int)((int64_t)n * k / threads); i < (int)((int64_t)n * (k + 1) / threads); i++) {
            compose(x, item[i], p->pixels);
            log_weight[i] = sumsq_diff16(xt, x, alpha, d) / (R(-2.0) * v);
        }
    }
}

/* weight (n): log weights become weights that sum to 1. */
static void softmax(real *weight, int n)
{
    real top = weight[0];
    for (int i = 1; i < n; i++) top = r_max(top, weight[i]);
    for (int i = 0; i < n; i++) weight[i] = r_exp(weight[i] - top);
    const real total = sum16(weight, (size_t)n);
    for (int i = 0; i < n; i++) weight[i] = weight[i] / total;
}

/* eps = sigma (x_t - alpha m) / v,  m = sum w_i x_i.  An image whose weight is 0 adds nothing and is not read. */
static void mixture_eps(real *eps, const ExactPrior *p, const Item *item, const real *weight, int n, const real *xt,
                        real alpha, real sigma, real v)
{
    const size_t pixels = p->pixels;
    const real gain = sigma / v;
    PAR_FOR
    for (size_t row = 0; row < (size_t)p->config.h; row++) {
        const size_t w = (size_t)p->config.w, at = row * w;
        for (size_t c = 0; c < 3; c++) {
            real *m = eps + c * pixels + at;
            memset(m, 0, w * sizeof(real));
            for (int i = 0; i < n; i++) {
                if (weight[i] == R(0.0)) continue;
                const real *base = item[i].layers + c * pixels + at, *shade = item[i].layers + 3 * pixels + at;
                for (size_t j = 0; j < w; j++)
                    m[j] = r_fma(weight[i], r_fma(shade[j], item[i].colour[c], base[j]), m[j]);
            }
            for (size_t j = 0; j < w; j++) m[j] = gain * r_fma(-alpha, m[j], xt[c * pixels + at + j]);
        }
    }
}

/* The images of the prompt at exactly this camera, into p->posed; items for them. */
static int posed_items(Item *item, ExactPrior *p, const View *view)
{
    PAR_FOR_DYNAMIC
    for (int look = 0; look < p->config.looks; look++)
        make_image(p->posed + (size_t)look * 4 * p->pixels, p, p->object, view, look);
    for (int look = 0; look < p->config.looks; look++)
        item[look] = (Item){ p->posed + (size_t)look * 4 * p->pixels, p->source->colour + 3 * p->colour };
    return p->config.looks;
}

/* The subset of the set that a condition names; item must hold `capacity()`. Returns its size. */
static int choose(Item *item, ExactPrior *p, const Cond *cond)
{
    int n = 0;
    const int everything = cond->kind != COND_TEXT;
    if (p->config.condition == CONDITION_POSED) n = posed_items(item, p, &cond->view);
    if (p->config.condition == CONDITION_POSED && !everything) return n;
    const int all_views = everything || p->config.condition == CONDITION_PROMPT;
    const ViewLabel wanted = exact_label(&p->config, &cond->view);
    for (int o = everything ? 0 : p->object; o < (everything ? p->source->objects : p->object + 1); o++)
        for (int i = 0; i < p->images; i++) {
            if (!all_views && exact_label(&p->config, &p->view[i / p->config.looks]) != wanted) continue;
            for (int c = everything ? 0 : p->colour; c < (everything ? p->source->colours : p->colour + 1); c++)
                item[n++] = (Item){ p->layers[o] + (size_t)i * 4 * p->pixels, p->source->colour + 3 * c };
        }
    return n;
}

static size_t capacity(const ExactPrior *p, int everything)
{
    const size_t prompts = everything ? (size_t)p->source->objects * (size_t)p->source->colours : 1;
    return prompts * (size_t)p->images + (size_t)p->config.looks;
}

/* Work space for one evaluation over `count` items. */
typedef struct Work { Item *item; real *weight, *scratch; } Work;

static int work_new(Work *w, const ExactPrior *p, size_t count, Err *err)
{
    w->item = mem_new(count, sizeof *w->item, "exact prior", err);
    w->weight = mem_new(count, sizeof(real), "exact prior", err);
    w->scratch = mem_new((size_t)par_threads() * 3 * p->pixels, sizeof(real), "exact prior", err);
    return w->item == NULL || w->weight == NULL || w->scratch == NULL ? -1 : 0;
}

static void work_free(Work *w)
{
    mem_free(w->item);
    mem_free(w->weight);
    mem_free(w->scratch);
}

static int exact_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    ExactPrior *p = self;
    const int everything = cond->kind != COND_TEXT;
    BUG_IF(cond->blend.on, "the exact prior knows no blend of prompts");
    if (everything && need_all(p, err) != 0) return -1;
    Work work = { 0 };
    int status = work_new(&work, p, capacity(p, everything), err);
    if (status == 0) {
        const real alpha = sched_alpha(p->S, t), sigma = sched_sigma(p->S, t), sd = p->config.sigma_d;
        const real v = r_fma(alpha * sd, alpha * sd, sigma * sigma);
        const int n = choose(work.item, p, cond);
        if (n == 0)
            status = err_set(err, "exact prior: no camera of the set has the label '%s'; expected at least one (more cameras?)",
                             view_label_name(exact_label(&p->config, &cond->view)));
        else {
            log_weights(work.weight, p, work.item, n, xt, alpha, v, work.scratch);
            softmax(work.weight, n);
            mixture_eps(eps, p, work.item, work.weight, n, xt, alpha, sigma, v);
        }
    }
    work_free(&work);
    return status;
}

Denoiser exact_denoiser(ExactPrior *p)
{
    return (Denoiser){ .channels = 3, .h = p->config.h, .w = p->config.w, .predict = exact_predict, .self = p };
}

int exact_posterior(real *posterior, ExactPrior *p, const real *x, Err *err)
{
    if (need_all(p, err) != 0) return -1;
    Work work = { 0 };
    int status = work_new(&work, p, capacity(p, 1), err);
    if (status == 0) {
        const int labels = p->source->objects * p->source->colours;
        int n = 0;
        for (int o = 0; o < p->source->objects; o++)
            for (int i = 0; i < p->images; i++)
                for (int c = 0; c < p->source->colours; c++)
                    work.item[n++] = (Item){ p->layers[o] + (size_t)i * 4 * p->pixels, p->source->colour + 3 * c };
        log_weights(work.weight, p, work.item, n, x, R(1.0), p->config.sigma_d * p->config.sigma_d, work.scratch);
        softmax(work.weight, n);
        for (int i = 0; i < labels; i++) posterior[i] = 0;
        for (int i = 0; i < n; i++)
            posterior[i / (p->images * p->source->colours) * p->source->colours + i % p->source->colours] += work.weight[i];
    }
    work_free(&work);
    return status;
}
