/* judge.c -- the judge's layers, its verdicts, its mistakes
 *
 * A verdict is the class with the largest logit, the first of equals.
 */
#include "ref/judge.h"
#include "ref/dataset.h"
#include "ref/judge_net.h"
#include "render/scene.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tensor/sum.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

struct Judge { Params *params; };

/* ---- classes ---- */

static const ViewLabel view_of_class[JUDGE_VIEWS] = { VIEW_FRONT, VIEW_LEFT, VIEW_RIGHT, VIEW_BACK, VIEW_OVERHEAD };

int judge_classes(int head)
{
    return head == JUDGE_OBJECT ? scene_object_count() : head == JUDGE_COLOUR ? scene_colour_count() : JUDGE_VIEWS;
}

const char *judge_class_name(int head, int i)
{
    BUG_IF(head == JUDGE_VIEW && (i < 0 || i >= JUDGE_VIEWS), "view %d, expected 0 .. %d", i, JUDGE_VIEWS - 1);
    return head == JUDGE_OBJECT ? scene_object_name(i) : head == JUDGE_COLOUR ? scene_colour_name(i) : view_label_name(view_of_class[i]);
}

int judge_view_class(ViewLabel label)
{
    for (int i = 0; i < JUDGE_VIEWS; i++)
        if (view_of_class[i] == label) return i;
    BUG_IF(1, "view label %d is none of the judge's", (int)label);
    return -1;
}

void judge_truth(int is[JUDGE_HEADS], const DatasetItem *item)
{
    const ViewThresholds thresholds = view_thresholds_default();
    is[JUDGE_OBJECT] = item->object;
    is[JUDGE_COLOUR] = item->colour;
    is[JUDGE_VIEW] = judge_view_class(view_label_lr(item->view.elevation, item->view.azimuth, &thresholds));
}

/* ---- the network ---- */

static Tensor *block(Net *n, const char *name, Tensor *x, int out, int stride)
{
    net_enter(n, "%s", name);
    Tensor *h = nn_conv2d(n, "conv", x, out, 3, (Conv){ stride, 1, 1 }, 1);
    h = nn_group_norm(n, "norm", h, 8, R(1e-5));
    h = nn_act(n, "act", h, ACT_SILU);
    return net_leave(n, h);
}

Tensor *judge_walk(Tensor **features, Net *n, Tensor *x)
{
    static const struct { const char *name; int out, stride; } blocks[] = {
        { "a", 16, 1 }, { "b", 32, 2 }, { "c", 32, 1 }, { "d", 64, 2 }, { "e", 64, 1 }, { "f", 128, 2 }, { "g", 128, 1 },
    };
    int outputs = 0;
    for (int head = 0; head < JUDGE_HEADS; head++) outputs += judge_classes(head);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) x = block(n, blocks[i].name, x, blocks[i].out, blocks[i].stride);
    if (x == NULL) return NULL;
    *features = op_reshape(n->tape, x, (Shape){ 2, { x->s.d[0], JUDGE_FEATURES } }, "features");
    return nn_linear(n, "head", *features, outputs, 1);
}

Tensor *judge_input(Tape *t, int n)
{
    return tensor_new(t, (Shape){ 4, { n, 3, JUDGE_GRID, JUDGE_GRID } }, 0, "pictures");
}

Judge *judge_open(const char *folder, Err *err)
{
    Judge *j = mem_new(1, sizeof *j, "judge", err);
    Tape *t = j == NULL ? NULL : tape_new(err);
    if (t != NULL) j->params = params_open(folder, "model", err);
    int status = t == NULL || j->params == NULL ? -1 : 0;
    if (status == 0) {
        Net n;
        Tensor *features;
        tape_shapes_only(t, 1);
        net_begin(&n, t, j->params, err);
        if (judge_walk(&features, &n, judge_input(t, 1)) == NULL || params_all_used(j->params, err) != 0) status = -1;
    }
    tape_free(t);
    if (status == 0) return j;
    judge_free(j);
    return NULL;
}

void judge_free(Judge *j)
{
    if (j == NULL) return;
    params_free(j->params);
    mem_free(j);
}

/* ---- verdicts ---- */

/* Means of 2x2: ((x00 + x01) + (x10 + x11)) / 4. */
static void halve(real *out, const real *x)
{
    enum { G = JUDGE_GRID, S = JUDGE_SIDE };
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < G; i++)
            for (int j = 0; j < G; j++) {
                const real *p = x + ((size_t)c * S + 2 * (size_t)i) * S + 2 * (size_t)j;
                out[((size_t)c * G + (size_t)i) * G + (size_t)j] = R(0.25) * ((p[0] + p[1]) + (p[S] + p[S + 1]));
            }
}

static void verdict(Verdict *out, const real *logit)
{
    for (int head = 0; head < JUDGE_HEADS; head++) {
        int best = 0;
        for (int i = 1; i < judge_classes(head); i++)
            if (logit[i] > logit[best]) best = i;
        out->is[head] = best;
        logit += judge_classes(head);
    }
}

int judge_pictures(Verdict *out, real *features, const Judge *j, const real *x, int n, Err *err)
{
    const size_t side = JUDGE_SIDE, grid = JUDGE_GRID;
    Tensor *last;
    Tape *t = tape_new(err);
    if (t == NULL) return -1;
    tape_recording(t, 0);
    Net net;
    net_begin(&net, t, j->params, err);
    Tensor *in = judge_input(t, n);
    for (size_t i = 0; in != NULL && i < (size_t)n; i++) halve(in->v + i * 3 * grid * grid, x + i * 3 * side * side);
    const Tensor *y = judge_walk(&last, &net, in);
    int status = y == NULL ? -1 : 0;
    const long bad = status == 0 ? first_not_finite(y->v, y->n) : -1;
    if (bad >= 0) status = err_set(err, "the judge's output has %g at %ld, expected finite values", text_shown((double)y->v[bad]), bad);
    if (status == 0 && features != NULL) memcpy(features, last->v, last->n * sizeof *features);
    for (size_t i = 0; status == 0 && i < (size_t)n; i++) verdict(&out[i], y->v + i * (size_t)y->s.d[1]);
    tape_free(t);
    return status;
}

/* ---- its mistakes ---- */

void judge_blur(real *x, real *scratch, int side)
{
    const int n = side * side;
    for (int c = 0; c < 3; c++, x += n) {
        memcpy(scratch, x, (size_t)n * sizeof *x);
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++) {
                real sum = 0;
                for (int p = i - 1; p <= i + 1; p++)
                    for (int q = j - 1; q <= j + 1; q++) {
                        const int row = p < 0 ? 0 : p < side ? p : side - 1, col = q < 0 ? 0 : q < side ? q : side - 1;
                        sum += scratch[row * side + col];
                    }
                x[i * side + j] = sum / R(9.0);
            }
    }
}

enum { PLANE = JUDGE_SIDE * JUDGE_SIDE, WORK = 7 * PLANE };            /* of one picture: 3 planes, noise 3, shade 1 */
typedef struct Fresh { int is[JUDGE_HEADS]; Verdict verdict; Err err; } Fresh;

static void one_fresh(Fresh *f, real *features, const Judge *j, uint64_t seed, uint64_t i, real noise, int blur, real *work)
{
    const size_t n = PLANE;
    real *x = work, *eps = work + 3 * n, *shade = work + 6 * n;
    DatasetItem item;
    dataset_item(&item, seed, i);
    dataset_picture(x, shade, &item, seed, JUDGE_SIDE, JUDGE_SIDE);
    judge_truth(f->is, &item);
    if (blur) judge_blur(x, shade, JUDGE_SIDE);
    if (noise > 0) {
        rng_normal(eps, (RngAt){ seed, 0, (uint32_t)i, RNG_PROBE }, 3 * n);
        for (size_t k = 0; k < 3 * n; k++) x[k] = r_fma(noise, eps[k], x[k]);
    }
    judge_pictures(&f->verdict, features, j, x, 1, &f->err);
}

int judge_measure(JudgeScore *score, real *features, const Judge *j, uint64_t seed, uint64_t first, int count, real noise, int blur, Err *err)
{
    Fresh *fresh = mem_new((size_t)count, sizeof *fresh, "pictures", err);
    real *work = fresh == NULL ? NULL : mem_new((size_t)par_threads() * WORK, sizeof *work, "pictures", err);
    int status = work == NULL ? -1 : 0;
    *score = (JudgeScore){ .count = count };
    if (status == 0) {
        PAR_FOR_DYNAMIC
        for (int i = 0; i < count; i++) {
            real *own = features == NULL ? NULL : features + (size_t)i * JUDGE_FEATURES;
            one_fresh(&fresh[i], own, j, seed, first + (uint64_t)i, noise, blur, work + (size_t)par_self() * WORK);
        }
    }
    for (int i = 0; i < count && status == 0; i++) {
        const int *is = fresh[i].is, *taken = fresh[i].verdict.is;
        if (fresh[i].err.set) status = err_set(err, "%s", fresh[i].err.msg);
        for (int head = 0; head < JUDGE_HEADS; head++) {
            score->right[head] += is[head] == taken[head];
            score->taken[head][is[head]][taken[head]]++;
        }
        score->both += is[JUDGE_OBJECT] == taken[JUDGE_OBJECT] && is[JUDGE_COLOUR] == taken[JUDGE_COLOUR];
    }
    mem_free(work);
    mem_free(fresh);
    return status;
}

int judge_fit(const JudgeScore *s)
{
    for (int head = 0; head < JUDGE_HEADS; head++)
        if (100 * s->right[head] < JUDGE_MUST * s->count) return 0;
    return 1;
}
