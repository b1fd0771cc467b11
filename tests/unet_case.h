/* unet_case.h -- a traced UNet (tests/golden/nets): run ours on the file's inputs and measure every tensor that the file has
 *
 * The error of a tensor is ||ours - file|| / ||file||; one that we never say, or say in another shape, has error infinity.
 */
#ifndef SDREF_TESTS_UNET_CASE_H
#define SDREF_TESTS_UNET_CASE_H

#include "nn/unet.h"
#include "tests/golden_read.h"

enum { CASE_TENSORS = 512 };
typedef struct UNetCase {
    StFile *file;
    UNet *unet;
    Tape *tape;
    UNetInput in;
    Tensor *y;
    double timestep[16], error[CASE_TENSORS];             /* error of st_at(file, i) */
    int said;                                             /* modules heard */
    size_t said_bytes, held;                              /* all that they put out; the most of the tape in use when one was heard */
    Err err;
} UNetCase;

static inline double case_error(const StTensor *t, const real *v, Shape s)
{
    Err err = { 0 };
    int same = t->ndim == s.nd;
    for (int i = 0; same && i < s.nd; i++) same = t->dim[i] == s.d[i];
    double *file = same && v != NULL ? mem_new((size_t)t->count, sizeof *file, "file", &err) : NULL;
    if (file == NULL || st_read_f64(file, t, &err) != 0) return (double)INFINITY;
    double off = 0, norm = 0;
    for (int64_t i = 0; i < t->count; i++) {
        const double d = (double)v[i] - file[i];
        off += d * d;
        norm += file[i] * file[i];
    }
    mem_free(file);
    return off == 0 ? 0 : sqrt(off / norm);
}

/* A module that runs twice is judged by its last output, as a hook that overwrites would have it. */
static inline void case_measure(UNetCase *c, const char *name, const real *v, Shape s)
{
    for (int i = 0; i < st_count(c->file); i++)
        if (strcmp(st_at(c->file, i)->name, name) == 0) c->error[i] = case_error(st_at(c->file, i), v, s);
}

static inline int case_hear(void *self, const char *path, Tensor *y, Err *err)
{
    UNetCase *c = self;
    char name[NET_PATH + 8];
    (void)err;
    snprintf(name, sizeof name, "act.%s", path);
    case_measure(c, name, y->v, y->s);
    c->said++;
    c->said_bytes += y->n * sizeof(real);
    if (tape_mark(c->tape) > c->held) c->held = tape_mark(c->tape);
    return 0;
}

static inline Tensor *case_input(UNetCase *c, const char *name, int wants_gradient)
{
    const StTensor *t = st_find(c->file, name);
    if (t == NULL) return NULL;
    Tensor *x = tensor_new(c->tape, shape_of(t->ndim, t->dim), wants_gradient, name);
    if (st_dtype_is_float(t->dtype)) CHECK_OK(st_read_real(x->v, t, &c->err), &c->err);
    else {
        int64_t whole[64];
        CHECK(t->count <= 64, "%s: %d integers", name, (int)t->count);
        CHECK_OK(st_read_i64(whole, t, &c->err), &c->err);
        for (int64_t i = 0; i < t->count; i++) x->v[i] = (real)whole[i];
    }
    return x;
}

static inline void case_free(UNetCase *c)
{
    tape_free(c->tape);
    unet_free(c->unet);
    st_close(c->file);
}

/* folder/unet and folder/io, opened; inputs on a fresh tape. 0, or -1 with c->err set. */
static inline int case_open(UNetCase *c, const char *folder, const char *io, int recording)
{
    char path[512];
    *c = (UNetCase){ 0 };
    snprintf(path, sizeof path, "%s/%s", folder, io);
    c->file = golden_open(path);
    snprintf(path, sizeof path, "%s/unet", folder);
    c->unet = unet_open(path, &c->err);
    c->tape = tape_new(&c->err);
    if (c->unet == NULL || c->tape == NULL) return -1;
    CHECK(st_count(c->file) <= CASE_TENSORS, "%d tensors", st_count(c->file));
    for (int i = 0; i < st_count(c->file); i++) c->error[i] = (double)INFINITY;
    tape_recording(c->tape, recording);
    const StTensor *t = st_find(c->file, "in.timestep");
    CHECK(t != NULL && t->count <= 16, "in.timestep");
    if (st_dtype_is_float(t->dtype)) golden_f64(c->timestep, c->file, "in.timestep", (size_t)t->count);
    else {
        int64_t whole[16];
        golden_i64(whole, c->file, "in.timestep", (size_t)t->count);
        for (int64_t i = 0; i < t->count; i++) c->timestep[i] = (double)whole[i];
    }
    c->in = (UNetInput){
        .sample = case_input(c, "in.sample", recording), .timestep = c->timestep,
        .encoder_hidden_states = case_input(c, "in.encoder_hidden_states", 0), .class_labels = case_input(c, "in.class_labels", 0),
        .text_embeds = case_input(c, "in.text_embeds", 0), .time_ids = case_input(c, "in.time_ids", 0),
        .image_embeds = case_input(c, "in.image_embeds", 0), .timestep_cond = case_input(c, "in.timestep_cond", 0),
    };
    return 0;
}

static inline Tensor *case_forward(UNetCase *c)
{
    Net n;
    const NetTap tap = { case_hear, c };
    net_begin(&n, c->tape, c->unet->params, &c->err);
    n.tap = &tap;
    c->y = unet_forward(&n, c->unet, &c->in);
    CHECK(n.depth == 0 && n.path[0] == 0, "ends in %s", n.path);
    if (c->y != NULL) case_measure(c, "out.sample", c->y->v, c->y->s);
    return c->y;
}

/* Forward, then back from in.cotangent to the sample and to each parameter whose gradient the file has. */
static inline int case_run(UNetCase *c)
{
    static const char prefix[] = "out.grad.";
    for (int i = 0; i < st_count(c->file); i++) {
        const char *name = st_at(c->file, i)->name;
        if (strncmp(name, prefix, strlen(prefix)) != 0) continue;
        if (params_want_gradient(c->unet->params, name + strlen(prefix), &c->err) != 0) return -1;
    }
    if (case_forward(c) == NULL) return -1;
    const Tensor *cotangent = case_input(c, "in.cotangent", 0);
    if (st_find(c->file, "out.grad_sample") == NULL) return 0;
    tape_seed(c->y, cotangent->v);
    if (tape_backward(c->tape) != 0) return -1;
    case_measure(c, "out.grad_sample", c->in.sample->g, c->in.sample->s);
    for (int i = 0; i < st_count(c->file); i++) {
        const char *name = st_at(c->file, i)->name;
        if (strncmp(name, prefix, strlen(prefix)) != 0) continue;
        const Weight *w = params_get(c->unet->params, name + strlen(prefix));
        case_measure(c, name, w->g, w->s);
    }
    return 0;
}

#endif
