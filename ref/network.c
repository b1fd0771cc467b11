/* network.c -- the runs of the four kinds: forward, every module heard, backward from the cotangents given */
#include "ref/network.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

const char *const *network_inputs(ModelKind kind)
{
    static const char *const unet[] = { "in.sample", "in.timestep", "in.encoder_hidden_states", "in.class_labels", "in.text_embeds", "in.time_ids",
                                        "in.image_embeds", "in.timestep_cond", "in.cotangent", NULL };
    static const char *const vae[] = { "in.image", "in.latent", "in.cotangent_mean", "in.cotangent_image", NULL };
    static const char *const taesd[] = { "in.image", "in.latent", "in.cotangent_latent", "in.cotangent_image", NULL };
    static const char *const clip[] = { "in.input_ids", "in.pixel_values", "in.cotangent_image_embeds", NULL };
    static const char *const *const names[MODEL_KINDS] = { unet, vae, taesd, clip };
    return names[kind];
}

int network_input_read(NetInput *in, const StFile *file, const char *name, Arena *arena, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    const StTensor *t = st_find(file, name);
    if (t->ndim > SHAPE_MAX || t->count == 0)
        return err_set(err, "%s: tensor '%s' is %s, expected values in at most %d dimensions", st_path(file), name, st_shape(shape, t), (int)SHAPE_MAX);
    const size_t n = (size_t)t->count;
    double *v = arena_take(arena, n, sizeof *v, name);
    if (v == NULL) return -1;
    if (st_dtype_is_int(t->dtype)) {
        int64_t *whole = mem_new(n, sizeof *whole, name, err);
        int status = whole == NULL ? -1 : st_read_i64(whole, t, err);
        for (size_t i = 0; i < n && status == 0; i++) v[i] = (double)whole[i];
        mem_free(whole);
        if (status != 0) return -1;
    } else if (st_read_f64(v, t, err) != 0) return -1;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i])) return err_set(err, "%s: tensor '%s' has %g at %zu, expected finite values", st_path(file), name, text_shown(v[i]), i);
    *in = (NetInput){ .name = name, .v = v };
    in->s.nd = t->ndim;
    for (int i = 0; i < t->ndim; i++) in->s.d[i] = t->dim[i];
    return 0;
}

typedef struct Run {
    const Model *m;
    const NetInputs *in;
    const Trace *trace;
    Net net;
    NetTap tap;
    Tape *tape;
    Err *err;
} Run;

static const NetInput *find(const Run *r, const char *name)
{
    for (int i = 0; i < r->in->count; i++)
        if (strcmp(r->in->at[i].name, name) == 0) return &r->in->at[i];
    return NULL;
}

/* An input on the tape; NULL when it is not there. */
static Tensor *tensor(Run *r, const char *name, int wants_gradient)
{
    const NetInput *in = find(r, name);
    if (in == NULL || r->err->set) return NULL;
    Tensor *x = tensor_new(r->tape, in->s, wants_gradient, in->name);
    for (size_t i = 0; x != NULL && i < x->n; i++) x->v[i] = (real)in->v[i];
    return x;
}

static int hear(void *self, const char *path, Tensor *y, Err *err)
{
    const Run *r = self;
    char name[NET_PATH + 8];
    snprintf(name, sizeof name, "act.%s", path);
    return trace_put(r->trace, name, y->v, y->s, err);
}

static int put(Run *r, const char *name, real *v, Shape s)
{
    return r->err->set ? -1 : trace_put(r->trace, name, v, s, r->err);
}

/* From the cotangent `name` of y back to x's gradient, which is put as `as`. Without that cotangent: nothing. */
static int pull(Run *r, const char *name, Tensor *y, const Tensor *x, const char *as)
{
    const NetInput *in = find(r, name);
    char found[64], expected[64];
    if (in == NULL || r->err->set) return r->err->set ? -1 : 0;
    if (y == NULL || x == NULL) return err_set(r->err, "%s: there, but not the input whose result it belongs to", name);
    if (!shape_equal(in->s, y->s))
        return err_set(r->err, "%s: is %s, expected %s", name, shape_text(found, sizeof found, in->s), shape_text(expected, sizeof expected, y->s));
    Tensor *cotangent = tensor(r, name, 0);
    if (cotangent == NULL) return -1;
    tape_seed(y, cotangent->v);
    if (tape_backward(r->tape) != 0) return -1;
    return put(r, as, x->g, x->s);
}

static int put_parameter_gradients(Run *r)
{
    char name[NET_PATH + 16];
    for (int i = 0; i < params_count(r->m->params); i++) {
        const Weight *w = params_at(r->m->params, i);
        if (w->g == NULL) continue;
        snprintf(name, sizeof name, "out.grad.%s", w->name);
        if (put(r, name, w->g, w->s) != 0) return -1;
    }
    return 0;
}

static int run_unet(Run *r)
{
    const NetInput *t = find(r, "in.timestep"), *sample = find(r, "in.sample");
    const int back = find(r, "in.cotangent") != NULL;
    if (sample == NULL || t == NULL) return err_set(r->err, "%s: not there, expected for a UNet", sample == NULL ? "in.sample" : "in.timestep");
    if (sample->s.nd != 4 || shape_count(t->s) != (size_t)sample->s.d[0])
        return err_set(r->err, "in.sample, in.timestep: expected (B,C,H,W) and (B)");
    const UNetInput in = {
        .sample = tensor(r, "in.sample", back), .timestep = t->v, .encoder_hidden_states = tensor(r, "in.encoder_hidden_states", 0),
        .class_labels = tensor(r, "in.class_labels", 0), .text_embeds = tensor(r, "in.text_embeds", 0), .time_ids = tensor(r, "in.time_ids", 0),
        .image_embeds = tensor(r, "in.image_embeds", 0), .timestep_cond = tensor(r, "in.timestep_cond", 0),
    };
    if (r->err->set) return -1;
    Tensor *y = unet_forward(&r->net, r->m->unet, &in);
    if (y == NULL || put(r, "out.sample", y->v, y->s) != 0) return -1;
    return pull(r, "in.cotangent", y, in.sample, "out.grad_sample");
}

/* mean and logvar are the halves of the channels. */
static int encode_vae(Run *r)
{
    if (find(r, "in.image") == NULL) return 0;
    Tensor *x = tensor(r, "in.image", find(r, "in.cotangent_mean") != NULL);
    if (x == NULL) return -1;
    Tensor *moments = vae_encode(&r->net, r->m->vae, x);
    if (moments == NULL) return -1;
    const int B = (int)moments->s.d[0], half = (int)moments->s.d[1] / 2;
    const Shape rows = { 3, { B, moments->s.d[1], moments->s.d[2] * moments->s.d[3] } }, s = { 4, { B, half, moments->s.d[2], moments->s.d[3] } };
    Tensor *flat = op_reshape(r->tape, moments, rows, "moments");
    Tensor *mean = op_reshape(r->tape, op_rows(r->tape, flat, 0, half, "mean"), s, "mean");
    Tensor *logvar = op_reshape(r->tape, op_rows(r->tape, flat, half, half, "logvar"), s, "logvar");
    if (logvar == NULL || put(r, "out.mean", mean->v, s) != 0 || put(r, "out.logvar", logvar->v, s) != 0) return -1;
    return pull(r, "in.cotangent_mean", mean, x, "out.grad_image");
}

static int encode_taesd(Run *r)
{
    if (find(r, "in.image") == NULL) return 0;
    Tensor *x = tensor(r, "in.image", find(r, "in.cotangent_latent") != NULL);
    Tensor *y = x == NULL ? NULL : taesd_encode(&r->net, r->m->taesd, x);
    if (y == NULL || put(r, "out.latent", y->v, y->s) != 0) return -1;
    return pull(r, "in.cotangent_latent", y, x, "out.grad_image");
}

static int decode(Run *r)
{
    if (find(r, "in.latent") == NULL) return 0;
    Tensor *z = tensor(r, "in.latent", find(r, "in.cotangent_image") != NULL);
    if (z == NULL) return -1;
    Tensor *y = r->m->kind == MODEL_VAE ? vae_decode(&r->net, r->m->vae, z) : taesd_decode(&r->net, r->m->taesd, z);
    if (y == NULL || put(r, "out.image", y->v, y->s) != 0) return -1;
    return pull(r, "in.cotangent_image", y, z, "out.grad_latent");
}

static int run_text(Run *r)
{
    const NetInput *in = find(r, "in.input_ids");
    ClipText out;
    if (in == NULL) return 0;
    if (in->s.nd != 2) return err_set(r->err, "in.input_ids: has %d dimensions, expected (B,T)", in->s.nd);
    int64_t *ids = mem_new(shape_count(in->s), sizeof *ids, "in.input_ids", r->err);
    if (ids == NULL) return -1;
    for (size_t i = 0; i < shape_count(in->s); i++) ids[i] = (int64_t)in->v[i];
    int status = clip_text(&out, &r->net, r->m->clip, ids, (int)in->s.d[0], (int)in->s.d[1]);
    mem_free(ids);
    if (status == 0) status = put(r, "out.text.last_hidden_state", out.last_hidden_state->v, out.last_hidden_state->s);
    if (status == 0) status = put(r, "out.text.pooler_output", out.pooled->v, out.pooled->s);
    if (status == 0 && out.text_embeds != NULL) status = put(r, "out.text_embeds", out.text_embeds->v, out.text_embeds->s);
    return status;
}

static int run_vision(Run *r)
{
    ClipVision out;
    if (find(r, "in.pixel_values") == NULL) return 0;
    Tensor *x = tensor(r, "in.pixel_values", find(r, "in.cotangent_image_embeds") != NULL);
    if (x == NULL || clip_vision(&out, &r->net, r->m->clip, x) != 0) return -1;
    if (put(r, "out.vision.pooler_output", out.pooled->v, out.pooled->s) != 0) return -1;
    if (out.image_embeds != NULL && put(r, "out.image_embeds", out.image_embeds->v, out.image_embeds->s) != 0) return -1;
    return pull(r, "in.cotangent_image_embeds", out.image_embeds, x, "out.grad_pixel_values");
}

/* One part of a run on a tape of its own. */
static int part(Run *r, int (*f)(Run *))
{
    r->tape = tape_new(r->err);
    if (r->tape == NULL) return -1;
    int gradients = 0;
    for (int i = 0; i < r->in->count; i++) gradients |= strncmp(r->in->at[i].name, "in.cotangent", 12) == 0;
    tape_recording(r->tape, gradients);
    net_begin(&r->net, r->tape, r->m->params, r->err);
    r->net.tap = &r->tap;
    const int status = f(r);
    tape_free(r->tape);
    return status != 0 || r->err->set ? -1 : 0;
}

int network_run(const Model *m, const NetInputs *in, const Trace *trace, Err *err)
{
    static int (*const parts[MODEL_KINDS][2])(Run *) = {
        [MODEL_UNET] = { run_unet }, [MODEL_VAE] = { encode_vae, decode }, [MODEL_TAESD] = { encode_taesd, decode }, [MODEL_CLIP] = { run_text, run_vision },
    };
    Run r = { .m = m, .in = in, .trace = trace, .err = err };
    r.tap = (NetTap){ hear, &r };
    for (int i = 0; i < 2 && parts[m->kind][i] != NULL; i++)
        if (part(&r, parts[m->kind][i]) != 0) return err->set ? -1 : err_set(err, "the network failed");
    return put_parameter_gradients(&r);
}
