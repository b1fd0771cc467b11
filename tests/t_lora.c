/* t_lora.c -- LoRA files against diffusers, new LoRAs, gradients, and what is refused
 *
 * Bars: relative L2 per tensor, binary64 1e-10; binary32 5e-6 for results and 3e-5 for gradients.
 */
#include "nn/lora.h"
#include "nn/unet.h"
#include "tensor/rng.h"
#include "tests/golden_read.h"

#include <math.h>
#include <unistd.h>

#ifdef SDREF_F64
#define BAR_RESULT 1e-10
#define BAR_GRADIENT 1e-10
#else
#define BAR_RESULT 5e-6
#define BAR_GRADIENT 3e-5
#endif

#define SD15 "tests/golden/nets/sd15/unet"
#define TRANSFORMER "mid_block.attentions.0.transformer_blocks.0."
enum { NAME = 320, SD15_MODULES = 48 };                   /* 6 transformers of 1 block, 2 attentions each, 4 projections each */

static UNet *open_unet(const char *folder)
{
    Err err = { 0 };
    UNet *u = unet_open(folder, &err);
    CHECK(u != NULL, "%s", err.msg);
    if (u == NULL) exit(1);
    return u;
}

static Lora open_lora(const char *path, UNet *u)
{
    Err err = { 0 };
    Lora l;
    const int status = lora_open(&l, path, u->params, &err);
    CHECK(status == 0, "%s", err.msg);
    if (status != 0) exit(1);
    return l;
}

static Tensor *input(Tape *t, const StFile *f, const char *name, int wants)
{
    const StTensor *in = st_find(f, name);
    CHECK(in != NULL, "%s: no %s", st_path(f), name);
    if (in == NULL) exit(1);
    Tensor *x = tensor_new(t, shape_of(in->ndim, in->dim), wants, name);
    golden_real(x->v, f, name, x->n);
    return x;
}

/* ||ours - file|| / ||file|| <= bar */
static void check(const real *ours, const StFile *f, const char *name, double bar, size_t n)
{
    Err err = { 0 };
    double *file = mem_new(n, sizeof *file, name, &err), off = 0, norm = 0;
    golden_f64(file, f, name, n);
    for (size_t i = 0; i < n; i++) {
        off += ((double)ours[i] - file[i]) * ((double)ours[i] - file[i]);
        norm += file[i] * file[i];
    }
    CHECK_LE(sqrt(off / norm), bar, "%s", name);
    mem_free(file);
}

/* sd15 on the inputs of its golden file; y is the tape's. */
static Tensor *run_sd15(Tape *t, UNet *u, const Lora *l, const StFile *in, Err *err)
{
    Net n;
    int64_t step[4];
    double time[4];
    net_begin(&n, t, u->params, err);
    n.lora = l;
    Tensor *x = input(t, in, "in.sample", 0);
    golden_i64(step, in, "in.timestep", (size_t)x->s.d[0]);
    for (int i = 0; i < x->s.d[0]; i++) time[i] = (double)step[i];
    const UNetInput given = { .sample = x, .timestep = time, .encoder_hidden_states = input(t, in, "in.encoder_hidden_states", 0) };
    Tensor *y = unet_forward(&n, u, &given);
    CHECK(y != NULL, "%s", err->msg);
    if (y == NULL) exit(1);
    return y;
}

/* ---- files of diffusers ---- */

static void diffusers_processors_and_their_gradients(void)
{
    Err err = { 0 };
    UNet *u = open_unet(SD15);
    Lora l = open_lora("tests/golden/lora/processors.safetensors", u);
    StFile *in = golden_open("tests/golden/nets/sd15/io.safetensors"), *out = golden_open("tests/golden/lora/io.safetensors");
    Tape *t = tape_new(&err);
    l.scale = R(0.7);
    CHECK_OK(params_want_gradient(l.params, NULL, &err), &err);
    Tensor *y = run_sd15(t, u, &l, in, &err);
    check(y->v, out, "sample.processors", BAR_RESULT, y->n);
    const Tensor *c = input(t, in, "in.cotangent", 0);
    tape_seed(y, c->v);
    CHECK_OK(tape_backward(t), &err);
    CHECK(params_count(l.params) == 2 * SD15_MODULES, "%d tensors", params_count(l.params));
    for (int i = 0; i < params_count(l.params); i++) {
        char name[NAME];
        const Weight *w = params_at(l.params, i);
        snprintf(name, sizeof name, "grad.%s", w->name);
        check(w->g, out, name, BAR_GRADIENT, w->n);
    }
    tape_free(t);
    st_close(in);
    st_close(out);
    lora_close(&l);
    unet_free(u);
}

static void diffusers_layers_with_alpha(void)
{
    Err err = { 0 };
    UNet *u = open_unet(SD15);
    Lora l = open_lora("tests/golden/lora/layers.safetensors", u);
    StFile *in = golden_open("tests/golden/nets/sd15/io.safetensors"), *out = golden_open("tests/golden/lora/io.safetensors");
    Tape *t = tape_new(&err);
    const Tensor *y = run_sd15(t, u, &l, in, &err);
    check(y->v, out, "sample.layers", BAR_RESULT, y->n);
    tape_free(t);
    st_close(in);
    st_close(out);
    lora_close(&l);
    unet_free(u);
}

/* ---- VSD: one step of the LoRA's own training, with a camera ---- */

static void file_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(text, 1, strlen(text), f) == strlen(text), "%s", path);
    if (f != NULL) fclose(f);
}

static void swap_text(char *text, size_t room, const char *from, const char *to)
{
    char *at = strstr(text, from);
    CHECK(at != NULL && strlen(text) + strlen(to) < room, "no %s", from);
    if (at == NULL) exit(1);
    memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
    memcpy(at, to, strlen(to));
}

/* sd15 with a class embedding of 16 numbers, whose weights are in.class_embedding.* of the trace; and its LoRA as a file. */
static void write_camera_unet(const char *folder, const StFile *trace)
{
    char path[128], config[8192] = "";
    Err err = { 0 };
    FILE *f = fopen(SD15 "/config.json", "rb");
    CHECK(f != NULL && fread(config, 1, sizeof config - 1, f) > 0, "config.json");
    if (f != NULL) fclose(f);
    swap_text(config, sizeof config, "\"class_embed_type\": null", "\"class_embed_type\": \"projection\"");
    swap_text(config, sizeof config, "\"projection_class_embeddings_input_dim\": null", "\"projection_class_embeddings_input_dim\": 16");
    snprintf(path, sizeof path, "%s/config.json", folder);
    file_write(path, config);
    StFile *weights = golden_open(SD15 "/diffusion_pytorch_model.safetensors");
    StWriter *net = stw_new(&err), *lora = stw_new(&err);
    for (int i = 0; i < st_count(weights); i++) {
        const StTensor *w = st_at(weights, i);
        stw_add(net, w->name, w->dtype, w->ndim, w->dim, w->bytes);
    }
    for (int i = 0; i < st_count(trace); i++) {
        const StTensor *w = st_at(trace, i);
        if (strncmp(w->name, "in.class_embedding.", 19) == 0) stw_add(net, w->name + 3, w->dtype, w->ndim, w->dim, w->bytes);
        if (strncmp(w->name, "in.", 3) == 0 && strstr(w->name, ".lora.") != NULL) stw_add(lora, w->name, w->dtype, w->ndim, w->dim, w->bytes);
    }
    snprintf(path, sizeof path, "%s/diffusion_pytorch_model.safetensors", folder);
    CHECK_OK(stw_write(net, path, &err), &err);
    snprintf(path, sizeof path, "%s/lora.safetensors", folder);
    CHECK_OK(stw_write(lora, path, &err), &err);
    stw_free(net);
    stw_free(lora);
    st_close(weights);
}

static void remove_camera_unet(const char *folder)
{
    static const char *const files[] = { "config.json", "diffusion_pytorch_model.safetensors", "lora.safetensors" };
    for (int i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* alpha_t x0 + sigma_t noise for scaled_linear 0.00085 .. 0.012 */
static Tensor *noised(Tape *t, const StFile *f, const char *noise, int time)
{
    const double lo = sqrt(0.00085), hi = sqrt(0.012);
    double abar = 1;
    for (int i = 0; i <= time; i++) {
        const double root = lo + (hi - lo) * i / 999;
        abar *= 1 - root * root;
    }
    Tensor *x = input(t, f, "in.x0", 0), *e = input(t, f, noise, 0);
    for (size_t i = 0; i < x->n; i++) x->v[i] = (real)(sqrt(abar) * (double)x->v[i] + sqrt(1 - abar) * (double)e->v[i]);
    return x;
}

static Tensor *phi(Tape *t, UNet *u, const Lora *l, const StFile *f, Tensor *x, double time, Err *err)
{
    Net n;
    net_begin(&n, t, u->params, err);
    n.lora = l;
    const UNetInput given = { .sample = x, .timestep = &time, .encoder_hidden_states = input(t, f, "in.embed.cond", 0),
                              .class_labels = input(t, f, "in.camera", 0) };
    Tensor *y = unet_forward(&n, u, &given);
    CHECK(y != NULL, "%s", err->msg);
    if (y == NULL) exit(1);
    return y;
}

/* The gradients that w wants, against lora_grad.* of the file; how many. */
static int check_gradients(Params *p, const StFile *f)
{
    int count = 0;
    for (int i = 0; i < params_count(p); i++) {
        char name[NAME];
        const Weight *w = params_at(p, i);
        if (w->g == NULL) continue;
        snprintf(name, sizeof name, "lora_grad.%s", w->name);
        check(w->g, f, name, BAR_GRADIENT, w->n);
        count++;
    }
    return count;
}

static void vsd_trains_as_pytorch(void)
{
    char folder[64] = "/tmp/sdref-lora-XXXXXX", path[128];
    Err err = { 0 };
    CHECK(mkdtemp(folder) != NULL, "mkdtemp");
    StFile *f = golden_open("tests/golden/estimators/vsd.safetensors");
    write_camera_unet(folder, f);
    UNet *u = open_unet(folder);
    snprintf(path, sizeof path, "%s/lora.safetensors", folder);
    Lora l = open_lora(path, u);
    Tape *t = tape_new(&err);

    Tensor *x = noised(t, f, "in.noise", 500);
    const Tensor *eps = phi(t, u, &l, f, x, 500, &err);
    check(eps->v, f, "eps_phi", BAR_RESULT, eps->n);

    static const char *const trained[] = { "class_embedding.linear_1.weight", "class_embedding.linear_1.bias", "class_embedding.linear_2.weight",
                                           "class_embedding.linear_2.bias" };
    CHECK_OK(params_want_gradient(l.params, NULL, &err), &err);
    for (int i = 0; i < 4; i++) CHECK_OK(params_want_gradient(u->params, trained[i], &err), &err);
    x = noised(t, f, "in.lora_noise", 811);
    Tensor *y = phi(t, u, &l, f, x, 811, &err);
    const Tensor *noise = input(t, f, "in.lora_noise", 0);
    double loss = 0, expected;
    for (size_t i = 0; i < y->n; i++) {
        const double d = (double)y->v[i] - (double)noise->v[i];
        loss += d * d / (double)y->n;
        y->g[i] = (real)(2 * d / (double)y->n);
    }
    golden_f64(&expected, f, "lora_loss", 1);
    CHECK_LE(fabs(loss - expected), BAR_RESULT * expected, "lora_loss");
    CHECK_OK(tape_backward(t), &err);
    CHECK(check_gradients(l.params, f) == 2 * SD15_MODULES, "LoRA gradients");
    CHECK(check_gradients(u->params, f) == 4, "class embedding gradients");
    tape_free(t);
    lora_close(&l);
    unet_free(u);
    st_close(f);
    remove_camera_unet(folder);
}

/* ---- spellings ---- */

typedef enum { LAYER, LINEAR_LAYER, PEFT, PEFT_DEFAULT, GOLDEN, WAYS } Way;

/* X.processor.to_q_lora.down.weight in another spelling */
static void respell(char out[NAME], const char *name, Way way)
{
    static const char *const prefix[WAYS] = { "unet.", "", "base_model.model.", "base_model.model.unet.", "in." };
    static const char *const down[WAYS] = { "lora.down.weight", "lora_linear_layer.down.weight", "lora_A.weight", "lora_A.default.weight", "lora.down.weight" };
    static const char *const up[WAYS] = { "lora.up.weight", "lora_linear_layer.up.weight", "lora_B.weight", "lora_B.default.weight", "lora.up.weight" };
    static const char *const kinds[4][2] = { { "to_q_lora", "to_q" }, { "to_k_lora", "to_k" }, { "to_v_lora", "to_v" }, { "to_out_lora", "to_out.0" } };
    const char *at = strstr(name, ".processor.");
    for (int i = 0; i < 4; i++) {
        if (strstr(name, kinds[i][0]) == NULL) continue;
        snprintf(out, NAME, "%s%.*s.%s.%s", prefix[way], (int)(at - name), name, kinds[i][1], strstr(name, ".down.") != NULL ? down[way] : up[way]);
    }
}

static int same_values(Params *a, Params *b)
{
    if (params_count(a) != params_count(b)) return 0;
    for (int i = 0; i < params_count(a); i++) {
        const Weight *v = params_at(a, i), *w = params_get(b, v->name);
        if (w == NULL || !shape_equal(v->s, w->s) || memcmp(v->at, w->at, v->n * sizeof(real)) != 0) return 0;
    }
    return 1;
}

static void spellings_are_one(void)
{
    UNet *u = open_unet(SD15);
    Lora l = open_lora("tests/golden/lora/processors.safetensors", u);
    for (Way way = LAYER; way < WAYS; way++) {
        char path[] = "/tmp/sdref-lora-XXXXXX";
        Err err = { 0 };
        StFile *f = golden_open("tests/golden/lora/processors.safetensors");
        StWriter *w = stw_new(&err);
        for (int i = 0; i < st_count(f); i++) {
            char name[NAME] = "?";
            const StTensor *t = st_at(f, i);
            respell(name, t->name, way);
            stw_add(w, name, t->dtype, t->ndim, t->dim, t->bytes);
        }
        close(mkstemp(path));
        CHECK_OK(stw_write(w, path, &err), &err);
        Lora other = open_lora(path, u);
        CHECK(same_values(l.params, other.params), "spelling %d", (int)way);
        lora_close(&other);
        stw_free(w);
        st_close(f);
        unlink(path);
    }
    lora_close(&l);
    unet_free(u);
}

/* What we write has diffusers' own names and, in binary32, its bytes; reading it gives the same bits. */
static void saved_is_what_diffusers_saves(void)
{
    char path[] = "/tmp/sdref-lora-XXXXXX";
    Err err = { 0 };
    UNet *u = open_unet(SD15);
    Lora l = open_lora("tests/golden/lora/processors.safetensors", u);
    close(mkstemp(path));
    CHECK_OK(lora_save(path, &l, &err), &err);
    Lora again = open_lora(path, u);
    CHECK(same_values(l.params, again.params), "values change");
    StFile *ours = golden_open(path), *theirs = golden_open("tests/golden/lora/processors.safetensors");
    CHECK(st_count(ours) == st_count(theirs), "%d tensors", st_count(ours));
    for (int i = 0; i < st_count(theirs); i++) {
        const StTensor *a = st_at(theirs, i), *b = st_find(ours, a->name);
        const int found = b != NULL && b->count == a->count && (sizeof(real) == 8 || memcmp(a->bytes, b->bytes, (size_t)a->count * 4) == 0);
        CHECK(found, "%s", a->name);
    }
    st_close(ours);
    st_close(theirs);
    lora_close(&l);
    lora_close(&again);
    unet_free(u);
    unlink(path);
}

/* ---- new ones ---- */

static void new_changes_nothing(void)
{
    Err err = { 0 };
    UNet *u = open_unet(SD15);
    StFile *in = golden_open("tests/golden/nets/sd15/io.safetensors");
    Lora l;
    CHECK_OK(lora_new(&l, u->params, 4, 7, &err), &err);
    Tape *t = tape_new(&err);
    const Tensor *a = run_sd15(t, u, NULL, in, &err), *b = run_sd15(t, u, &l, in, &err);
    CHECK(memcmp(a->v, b->v, a->n * sizeof(real)) == 0, "the bits change");
    tape_free(t);
    st_close(in);
    lora_close(&l);
    unet_free(u);
}

static void new_is_what_it_says(void)
{
    Err err = { 0 };
    UNet *u = open_unet(SD15);
    Lora l;
    CHECK_OK(lora_new(&l, u->params, 4, 7, &err), &err);
    CHECK(params_count(l.params) == 2 * SD15_MODULES && l.scale == R(1.0), "%d tensors", params_count(l.params));
    const char *before = "";
    double sum = 0, squares = 0, count = 0;
    for (int i = 0; i < params_count(l.params); i += 2) {
        const Weight *down = params_at(l.params, i), *up = params_at(l.params, i + 1);
        const real *v = down->at, *w = up->at;
        CHECK(strcmp(before, down->name) < 0, "%s is not in the order of names", down->name);
        before = down->name;
        CHECK(down->s.d[0] == 4 && up->s.d[1] == 4, "rank of %s", down->name);
        for (size_t k = 0; k < up->n; k++) CHECK(w[k] == 0, "%s", up->name);
        for (size_t k = 0; k < down->n; k++) {
            const real x = (real)rng_normal_at((RngAt){ 7, (uint32_t)(i / 2), 1, RNG_INIT }, (uint32_t)k) / R(4.0);
            CHECK(v[k] == x, "%s, value %zu", down->name, k);
            sum += (double)v[k];
            squares += (double)v[k] * (double)v[k];
            count++;
        }
    }
    /* mean and variance of `count` draws of deviation 1/4, within 5 of their own deviations */
    CHECK_LE(fabs(sum / count), 5 * 0.25 / sqrt(count), "mean");
    CHECK_LE(fabs(squares / count - 0.0625), 5 * 0.0625 * sqrt(2 / count), "variance");
    lora_close(&l);
    unet_free(u);
}

/* The order of tensors in the network's file has no influence: a network declared from its config has them in the walk's order. */
static void new_depends_on_names_alone(void)
{
    Err err = { 0 };
    UNet *u = open_unet(SD15);
    Json *config = json_read(SD15 "/config.json", &err);
    UNet *declared = unet_declare(config, "config.json", &err);
    CHECK(declared != NULL, "%s", err.msg);
    if (declared == NULL) return;
    CHECK(strcmp(params_at(u->params, 0)->name, params_at(declared->params, 0)->name) != 0, "both in one order: nothing is tested");
    Lora a, b, other;
    CHECK_OK(lora_new(&a, u->params, 3, 7, &err), &err);
    CHECK_OK(lora_new(&b, declared->params, 3, 7, &err), &err);
    CHECK_OK(lora_new(&other, u->params, 3, 8, &err), &err);
    CHECK(same_values(a.params, b.params), "another order, another LoRA");
    CHECK(!same_values(a.params, other.params), "another seed, the same LoRA");
    lora_close(&a);
    lora_close(&b);
    lora_close(&other);
    unet_free(u);
    unet_free(declared);
    json_free(config);
}

#ifdef SDREF_F64
/* <c, y(lora + h v)> along a random direction v of all values: central differences, Richardson. */
static void gradient_is_a_derivative(void)
{
    Err err = { 0 };
    UNet *u = open_unet(SD15);
    Lora l = open_lora("tests/golden/lora/processors.safetensors", u);
    StFile *in = golden_open("tests/golden/nets/sd15/io.safetensors");
    double slope = 0, f[4];
    static const double steps[4] = { 1e-3, -1e-3, 5e-4, -5e-4 };
    for (int k = -1; k < 4; k++) {
        Tape *t = tape_new(&err);
        if (k == -1) CHECK_OK(params_want_gradient(l.params, NULL, &err), &err);
        Lora moved = open_lora("tests/golden/lora/processors.safetensors", u);
        for (int i = 0; i < params_count(l.params) && k >= 0; i++) {
            real *v = params_values(moved.params, i, &err);
            for (size_t j = 0; j < params_at(l.params, i)->n; j++) v[j] += steps[k] * rng_normal_at((RngAt){ 3, (uint32_t)i, 0, RNG_PROBE }, (uint32_t)j);
        }
        Tensor *y = run_sd15(t, u, k == -1 ? &l : &moved, in, &err);
        const Tensor *c = input(t, in, "in.cotangent", 0);
        for (size_t i = 0; i < y->n && k >= 0; i++) f[k] = (i == 0 ? 0 : f[k]) + y->v[i] * c->v[i];
        if (k == -1) {
            tape_seed(y, c->v);
            CHECK_OK(tape_backward(t), &err);
            for (int i = 0; i < params_count(l.params); i++)
                for (size_t j = 0; j < params_at(l.params, i)->n; j++)
                    slope += params_at(l.params, i)->g[j] * rng_normal_at((RngAt){ 3, (uint32_t)i, 0, RNG_PROBE }, (uint32_t)j);
        }
        lora_close(&moved);
        tape_free(t);
    }
    const double coarse = (f[0] - f[1]) / 2e-3, fine = (f[2] - f[3]) / 1e-3;
    CHECK_LE(fabs((4 * fine - coarse) / 3 - slope), 1e-7 * fabs(slope), "slope %.12g, differences %.12g %.12g", slope, coarse, fine);
    st_close(in);
    lora_close(&l);
    unet_free(u);
}
#endif

/* ---- refusals ---- */

typedef struct { const char *name; int64_t rows, cols; } Entry;              /* cols 0: one number, rank 0 */

static void refused(UNet *u, const Entry *e, int count, const char *words)
{
    static const float values[4096];
    char path[] = "/tmp/sdref-lora-XXXXXX";
    Err err = { 0 };
    StWriter *w = stw_new(&err);
    Lora l;
    for (int i = 0; i < count; i++)
        stw_add(w, e[i].name, ST_F32, e[i].cols == 0 ? 0 : 2, (int64_t[]){ e[i].rows, e[i].cols }, values);
    close(mkstemp(path));
    CHECK_OK(stw_write(w, path, &err), &err);
    const int status = lora_open(&l, path, u->params, &err);
    CHECK(status == -1 && l.params == NULL && strstr(err.msg, words) != NULL && strchr(err.msg, '\n') == NULL, "'%s' not in: %s", words, err.msg);
    stw_free(w);
    unlink(path);
}

static void strangers_are_refused(void)
{
    static const struct { int count; Entry e[3]; const char *words; } cases[] = {
        { 1, { { "weight", 4, 32 } }, "tensor 'weight' is not a LoRA's" },
        { 1, { { "text_encoder.layers.0.self_attn.to_q.lora.down.weight", 4, 32 } }, "changes no attention projection" },
        { 1, { { "mid_block.attentions.0.proj_in.lora.down.weight", 4, 32 } }, "changes no attention projection" },
        { 1, { { "mid_block.attentions.9.transformer_blocks.0.attn1.to_q.lora.down.weight", 4, 32 } }, "changes no attention projection" },
        { 1, { { TRANSFORMER "attn1.to_q.lora.down.weight", 4, 32 } }, "has down 4x32 and up absent, expected Rx32 and 32xR" },
        { 1, { { TRANSFORMER "attn1.to_q.lora_B.weight", 32, 4 } }, "has down absent and up 32x4, expected Rx32 and 32xR" },
        { 2, { { TRANSFORMER "attn2.processor.to_k_lora.down.weight", 4, 32 }, { TRANSFORMER "attn2.processor.to_k_lora.up.weight", 32, 4 } },
          "has down 4x32 and up 32x4, expected Rx24 and 32xR" },
        { 2, { { TRANSFORMER "attn1.to_q.lora.down.weight", 4, 32 }, { TRANSFORMER "attn1.to_q.lora.up.weight", 32, 3 } }, "has down 4x32 and up 32x3" },
        { 2, { { TRANSFORMER "attn1.to_q.lora.down.weight", 4, 32 }, { TRANSFORMER "attn1.processor.to_q_lora.down.weight", 4, 32 } }, "is there twice" },
        { 1, { { TRANSFORMER "attn1.to_q.lora.down.weight", 4, 0 } }, "expected a matrix" },
        { 1, { { TRANSFORMER "attn1.to_q.alpha", 2, 2 } }, "expected one number" },
        { 1, { { TRANSFORMER "attn1.to_q.alpha", 1, 0 } }, "has an alpha and nothing else" },
        { 3, { { TRANSFORMER "attn1.to_q.lora.down.weight", 4, 32 }, { TRANSFORMER "attn1.to_q.lora.up.weight", 32, 4 }, { "alpha", 1, 0 } },
          "tensor 'alpha' is not a LoRA's" },
        { 0, { { NULL, 0, 0 } }, "holds no tensor" },
    };
    UNet *u = open_unet(SD15);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) refused(u, cases[i].e, cases[i].count, cases[i].words);
    Err err = { 0 };
    Lora l;
    CHECK(lora_open(&l, "tests/golden/lora/none.safetensors", u->params, &err) == -1 && err.set, "a file that is not there");
    err = (Err){ 0 };
    CHECK(lora_new(&l, u->params, 0, 1, &err) == -1 && strstr(err.msg, "rank 0") != NULL, "%s", err.msg);
    unet_free(u);
}

/* Any of the allocations fails: an error, no crash. */
static void out_of_memory_is_an_error(void)
{
    UNet *u = open_unet(SD15);
    for (int way = 0; way < 2; way++) {
        int failed = 0;
        for (long k = 1;; k += 1 + k / 8) {
            Err err = { 0 };
            Lora l;
            mem_fail_at(k);
            const int status = way == 0 ? lora_open(&l, "tests/golden/lora/layers.safetensors", u->params, &err) : lora_new(&l, u->params, 2, 1, &err);
            mem_fail_at(0);
            if (status == 0) lora_close(&l);
            if (status == 0) break;
            CHECK(l.params == NULL && strstr(err.msg, "out of memory") != NULL, "allocation %ld: %s", k, err.msg);
            failed++;
        }
        CHECK(failed > 20, "%d allocations failed", failed);
    }
    unet_free(u);
}

int main(void)
{
    TEST(diffusers_processors_and_their_gradients);
    TEST(diffusers_layers_with_alpha);
    TEST(vsd_trains_as_pytorch);
    TEST(spellings_are_one);
    TEST(saved_is_what_diffusers_saves);
    TEST(new_changes_nothing);
    TEST(new_is_what_it_says);
    TEST(new_depends_on_names_alone);
#ifdef SDREF_F64
    TEST(gradient_is_a_derivative);
#endif
    TEST(strangers_are_refused);
    TEST(out_of_memory_is_an_error);
    return test_end();
}
