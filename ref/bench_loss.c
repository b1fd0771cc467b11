/* bench_loss.c -- a prior's loss on fresh pictures, and the bound of ref/bench_prior.h: that of the exact prior over a set with the picture
 *
 * Picture i of n is noised once in each of the BENCH_BINS ranges of t, with eps of its own, at t = floor(T (bin + (i + 1/2) / n) / BENCH_BINS).
 * An exact prior makes its images itself, from cameras; here it is handed them: under CONDITION_POSED it asks for `looks` images of one
 * camera, and gets the pictures of the set, wherever they were taken from.
 */
#include "ref/bench_prior.h"
#include "ref/dataset.h"
#include "ref/progress.h"
#include "ref/view_camera.h"
#include "render/scene.h"
#include "sampler/exact.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tensor/sum.h"

#include <string.h>

enum { PLANE = JUDGE_SIDE * JUDGE_SIDE, PIXELS = 3 * PLANE, LAYERS = 4 * PLANE };
#define FRESH (BENCH_STREAM + 1)

/* Room for one picture's work. */
typedef struct Room {
    real layers[BENCH_SET * LAYERS];                      /* (BENCH_SET,4,64,64) in [0,1]: base 3, shade 1; the picture is the first */
    real x0[PIXELS], eps[BENCH_BINS * PIXELS], xt[BENCH_BINS * PIXELS];
    real y[BENCH_BINS * PIXELS];                          /* predictions */
} Room;

static void layers_of(const void *self, real *base, real *shade, int object, const View *view, int look)
{
    const real *from = (const real *)self + (size_t)look * LAYERS;
    (void)object;
    (void)view;
    memcpy(base, from, PIXELS * sizeof *base);
    memcpy(shade, from + PIXELS, PLANE * sizeof *shade);
}

static void render_layers(real *out, const DatasetItem *item)
{
    SceneLook look;
    Camera camera;
    scene_look(&look, FRESH, item->object, item->look);
    camera_of_view(&camera, &item->view, JUDGE_SIDE, JUDGE_SIDE);
    scene_render(out, out + PIXELS, NULL, &look, item->object, &camera);
}

static ViewLabel label_of(const View *v, ViewLabel like)
{
    const ViewThresholds thresholds = view_thresholds_default();
    return like == VIEW_SIDE ? view_label(v->elevation, v->azimuth, &thresholds) : view_label_lr(v->elevation, v->azimuth, &thresholds);
}

/* The picture, and pictures drawn as it was: those of the stream from `other` on that are seen from where its caption says, if it says so,
 * with its object. (Colour is put on by the exact prior.) */
static void render_set(real *layers, const DatasetItem *item, uint64_t other)
{
    render_layers(layers, item);
    for (int k = 1; k < BENCH_SET; other++) {
        DatasetItem another;
        dataset_item(&another, FRESH, other);
        if (item->says_view && label_of(&another.view, item->label) != item->label) continue;
        another.object = item->object;
        render_layers(layers + (size_t)k * LAYERS, &another);
        k++;
    }
}

static double squared_error(const real *a, const real *b) { return (double)sumsq_diff16(a, b, R(1.0), PIXELS) / PIXELS; }

/* bound (BENCH_BINS): the losses of the exact prior over room->layers. */
static int exact_losses(double *bound, Room *room, const int *t, const DatasetItem *item, const Schedule *S, Err *err)
{
    real colour[3];
    const ExactSource source = { 1, 1, colour, layers_of, room->layers };
    const ExactConfig config = { .h = JUDGE_SIDE, .w = JUDGE_SIDE, .cameras = 1, .looks = BENCH_SET, .range = dataset_range(),
                                 .thresholds = view_thresholds_default(), .condition = CONDITION_POSED };
    const Cond cond = { .kind = COND_TEXT, .view = item->view };
    scene_colour_rgb(colour, item->colour);
    ExactPrior *p = exact_new(&source, &config, 0, 0, S, err);
    if (p == NULL) return -1;
    const Denoiser D = exact_denoiser(p);
    int status = 0;
    for (int bin = 0; bin < BENCH_BINS && status == 0; bin++) {
        real *y = room->y + (size_t)bin * PIXELS;
        status = D.predict(D.self, y, room->xt + (size_t)bin * PIXELS, t[bin], &cond, err);
        bound[bin] = squared_error(y, room->eps + (size_t)bin * PIXELS);
    }
    exact_free(p);
    return status;
}

typedef struct Losses { double loss[BENCH_BINS], bound[BENCH_BINS]; Err err; } Losses;

static int one_picture(Losses *out, Room *room, const BenchModel *model, int i, int n, Err *err)
{
    DatasetItem item;
    int t[BENCH_BINS];
    dataset_item(&item, FRESH, (uint64_t)i);
    dataset_picture(room->x0, room->y, &item, FRESH, JUDGE_SIDE, JUDGE_SIDE);
    for (int bin = 0; bin < BENCH_BINS; bin++) {
        real *eps = room->eps + (size_t)bin * PIXELS, *xt = room->xt + (size_t)bin * PIXELS;
        t[bin] = (int)(model->S->T * (bin + (i + 0.5) / n) / BENCH_BINS);
        const real alpha = sched_alpha(model->S, t[bin]), sigma = sched_sigma(model->S, t[bin]);
        rng_normal(eps, (RngAt){ FRESH, (uint32_t)bin, (uint32_t)i, RNG_NOISE }, PIXELS);
        for (size_t k = 0; k < PIXELS; k++) xt[k] = r_fma(sigma, eps[k], alpha * room->x0[k]);
    }
    if (model->noise(model->self, room->y, room->xt, t, BENCH_BINS, item.caption, err) != 0) return -1;
    for (int bin = 0; bin < BENCH_BINS; bin++) out->loss[bin] = squared_error(room->y + (size_t)bin * PIXELS, room->eps + (size_t)bin * PIXELS);
    render_set(room->layers, &item, (uint64_t)1000 * (uint64_t)(i + 1));
    return exact_losses(out->bound, room, t, &item, model->S, err);
}

/* room: one for each thread */
static int all_pictures(Losses *losses, Room *room, const BenchModel *model, int n, int quiet, Err *err)
{
    const int few = 2 * par_threads();
    Progress progress;
    int status = 0;
    progress_start(&progress, "picture", 0, n, quiet);
    for (int first = 0; first < n && status == 0; first += few) {
        const int end = first + few < n ? first + few : n;
        PAR_FOR_DYNAMIC
        for (int i = first; i < end; i++) one_picture(&losses[i], &room[par_self()], model, i, n, &losses[i].err);
        for (int i = first; i < end && status == 0; i++)
            if (losses[i].err.set) status = err_set(err, "%s", losses[i].err.msg);
        progress_step(&progress, end, NULL);
    }
    progress_end(&progress);
    return status;
}

int bench_loss(BenchPrior *out, const BenchModel *model, Err *err)
{
    const int n = out->pictures = out->config.count / 2;
    Losses *losses = mem_new((size_t)n, sizeof *losses, "losses", err);
    Room *room = mem_new((size_t)par_threads(), sizeof *room, "losses", err);
    int status = losses == NULL || room == NULL ? -1 : all_pictures(losses, room, model, n, out->config.quiet, err);
    for (int i = 0; i < n && status == 0; i++)
        for (int bin = 0; bin < BENCH_BINS; bin++) {
            out->loss[bin] += losses[i].loss[bin] / n;
            out->bound[bin] += losses[i].bound[bin] / n;
        }
    mem_free(losses);
    mem_free(room);
    return status;
}
