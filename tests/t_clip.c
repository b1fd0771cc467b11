/* t_clip.c -- CLIP's towers against PyTorch, module by module; what is refused, and how
 *
 * Bars: relative L2 of the golden files, 1e-10 in binary64; in binary32 5e-6 for results, 3e-5 for gradients.
 */
#include "nn/clip.h"
#include "tests/golden_read.h"
#include "weights/file.h"

#include <sys/stat.h>
#include <unistd.h>

#ifdef SDREF_F64
static const double result_bar = 1e-10, gradient_bar = 1e-10;
#else
static const double result_bar = 5e-6, gradient_bar = 3e-5;
#endif

enum { B = 2, T = 77, C = 64, P = 32, S = 64, PIXELS = B * 3 * S * S, VISION = 128, PATCHES = 17 };     /* golden/clip */
enum { TB = 3, TT = 6, TC = 32, TP = 24 };                                                              /* golden/clip_text */

/* ||ours - file|| <= bar ||file|| over all n values of the file's `name`. */
static void check_real(const real *ours, const StFile *f, const char *name, double bar, size_t n)
{
    Err err = { 0 };
    double *file = mem_new(n, sizeof *file, name, &err), off = 0, norm = 0;
    if (file == NULL) exit(1);
    golden_f64(file, f, name, n);
    for (size_t i = 0; i < n; i++) {
        const double d = (double)ours[i] - file[i];
        off += d * d;
        norm += file[i] * file[i];
    }
    mem_free(file);
    CHECK_LE(sqrt(off / norm), bar, "%s", name);
}

/* The same, and the shapes agree. */
static void check(const Tensor *ours, const StFile *f, const char *name, double bar)
{
    const StTensor *t = st_find(f, name);
    char found[64], file[ST_SHAPE_ROOM];
    int same = ours != NULL && t != NULL && t->ndim == ours->s.nd;
    for (int i = 0; same && i < t->ndim; i++) same = t->dim[i] == ours->s.d[i];
    CHECK(same, "%s: ours is %s, the file's %s", name, ours == NULL ? "absent" : shape_text(found, sizeof found, ours->s),
          t == NULL ? "absent" : st_shape(file, t));
    if (same) check_real(ours->v, f, name, bar, ours->n);
}

/* ---- one run of a network ---- */

typedef struct Run { Err err; Clip *clip; Tape *tape; Net net; } Run;

static void run_begin(Run *r, const char *folder)
{
    *r = (Run){ 0 };
    r->clip = clip_open(folder, &r->err);
    r->tape = tape_new(&r->err);
    CHECK(r->clip != NULL && r->tape != NULL, "%s", r->err.msg);
    if (r->clip == NULL || r->tape == NULL) exit(1);
    net_begin(&r->net, r->tape, r->clip->params, &r->err);
}

static void run_end(Run *r)
{
    CHECK(!r->err.set, "%s", r->err.msg);
    CHECK(r->net.depth == 0 && r->net.path[0] == 0, "left in '%s'", r->net.path);
    tape_free(r->tape);
    clip_free(r->clip);
}

static void check_parameter_gradients(const Clip *c, const StFile *f, const char *prefix)
{
    int count = 0;
    for (int i = 0; i < st_count(f); i++) {
        const char *name = st_at(f, i)->name;
        if (strncmp(name, prefix, strlen(prefix)) != 0) continue;
        const Weight *w = params_get(c->params, name + strlen(prefix));
        CHECK(w != NULL, "%s", name);
        if (w != NULL) check_real(w->g, f, name, gradient_bar, w->n);
        count++;
    }
    CHECK(count > 5, "%d gradients", count);
}

/* ---- listeners ---- */

typedef struct Heard { char *text; size_t n; const StFile *file; } Heard;

/* "path 2x3x4" lines; with a file, each output is checked against the file's act.path, where there is one. */
static int hear(void *self, const char *path, Tensor *y, Err *err)
{
    Heard *h = self;
    char shape[64], name[300];
    (void)err;
    h->n += (size_t)snprintf(h->text + h->n, 16384 - h->n, "%s%s %s", h->n == 0 ? "" : "\n", path, shape_text(shape, sizeof shape, y->s));
    snprintf(name, sizeof name, "act.%s", path);
    if (h->file != NULL && st_find(h->file, name) != NULL) check(y, h->file, name, result_bar);
    return 0;
}

static void check_modules(const char *ours, const StFile *f, const char *key)
{
    const char *file = st_meta(f, key);
    CHECK(file != NULL && strcmp(ours, file) == 0, "%s: ours are\n%s\nthe file's\n%s", key, ours, file == NULL ? "absent" : file);
}

/* ---- tests ---- */

/* Both towers, results and gradients, with and without a way back, which must not change a bit. */
static void both_towers(int recording)
{
    static int64_t ids[B * T];
    static real pixels[PIXELS], grad[PIXELS], cotangent[B * P];
    static char text_of_modules[16384];
    StFile *f = golden_open("tests/golden/clip_io.safetensors"), *more = golden_open("tests/golden/clip_more.safetensors");
    Run r;
    run_begin(&r, "tests/golden/clip");
    golden_i64(ids, f, "in.input_ids", B * T);
    golden_real(pixels, f, "in.pixel_values", PIXELS);
    golden_real(cotangent, f, "in.cotangent_image_embeds", B * P);
    memset(grad, 0, sizeof grad);
    Heard heard = { text_of_modules, 0, NULL };
    const NetTap tap = { hear, &heard };
    r.net.tap = &tap;
    tape_recording(r.tape, recording);
    if (recording) CHECK_OK(params_want_gradient(r.clip->params, NULL, &r.err), &r.err);

    ClipText text;
    CHECK_OK(clip_text(&text, &r.net, r.clip, ids, B, T), &r.err);
    check(text.last_hidden_state, f, "out.text.last_hidden_state", result_bar);
    check(text.text_embeds, f, "out.text_embeds", result_bar);

    ClipVision vision;
    Tensor *x = tensor_view(r.tape, (Shape){ 4, { B, 3, S, S } }, pixels, recording ? grad : NULL, "pixel_values");
    CHECK_OK(clip_vision(&vision, &r.net, r.clip, x), &r.err);
    check(vision.image_embeds, f, "out.image_embeds", result_bar);
    check(vision.pooled, more, "vision.pooler_output", result_bar);
    CHECK(shape_equal(vision.last_hidden_state->s, (Shape){ 3, { B, PATCHES, VISION } }), "last_hidden_state");
    check_modules(text_of_modules, more, "clip.modules");
    if (recording) {
        tape_seed(vision.image_embeds, cotangent);
        CHECK_OK(tape_backward(r.tape), &r.err);
        check_real(grad, f, "out.grad_pixel_values", gradient_bar, PIXELS);
        check_parameter_gradients(r.clip, more, "vision.grad.");
    }
    run_end(&r);
    st_close(f);
    st_close(more);
}

static void the_golden_network_forward(void) { both_towers(0); }
static void the_golden_network_and_back(void) { both_towers(1); }

/* GELU, a projection, binary16 weights, T below the maximum, an end token that is not the largest id. */
static void the_text_encoder_with_projection(void)
{
    int64_t ids[TB * TT];
    real cotangent[TB * TP];
    static char text_of_modules[16384];
    StFile *f = golden_open("tests/golden/clip_text_io.safetensors"), *more = golden_open("tests/golden/clip_more.safetensors");
    Run r;
    run_begin(&r, "tests/golden/clip_text");
    golden_i64(ids, f, "in.input_ids", TB * TT);
    golden_real(cotangent, more, "text.cotangent", TB * TP);
    Heard heard = { text_of_modules, 0, f };
    const NetTap tap = { hear, &heard };
    r.net.tap = &tap;
    CHECK_OK(params_want_gradient(r.clip->params, NULL, &r.err), &r.err);
    ClipText text;
    CHECK_OK(clip_text(&text, &r.net, r.clip, ids, TB, TT), &r.err);
    check(text.last_hidden_state, f, "out.text.last_hidden_state", result_bar);
    check(text.penultimate, f, "act.text_model.encoder.layers.0", result_bar);          /* hidden_states[-2] of two layers */
    check(text.pooled, f, "out.text.pooler_output", result_bar);
    check(text.text_embeds, f, "out.text_embeds", result_bar);
    check_modules(text_of_modules, more, "text.modules");
    tape_seed(text.text_embeds, cotangent);
    CHECK_OK(tape_backward(r.tape), &r.err);
    check_parameter_gradients(r.clip, more, "text.grad.");

    r.net.tap = NULL;
    r.clip->config.eos_token_id = 2;
    CHECK_OK(clip_text(&text, &r.net, r.clip, ids, TB, TT), &r.err);
    check(text.text_embeds, more, "text.legacy_embeds", result_bar);
    run_end(&r);
    st_close(f);
    st_close(more);
}

static int same_bits(const real *a, const real *b, size_t n) { return memcmp(a, b, n * sizeof *a) == 0; }

/* A row knows neither of other rows nor of what comes after it: bit for bit. */
static void rows_and_prefixes_stand_alone(void)
{
    int64_t ids[TB * TT];
    StFile *f = golden_open("tests/golden/clip_text_io.safetensors");
    Run r;
    run_begin(&r, "tests/golden/clip_text");
    golden_i64(ids, f, "in.input_ids", TB * TT);
    ClipText all, one;
    CHECK_OK(clip_text(&all, &r.net, r.clip, ids, TB, TT), &r.err);
    for (int b = 0; b < TB; b++) {
        const size_t at = (size_t)b * TT * TC;
        for (int t = 1; t <= TT; t++) {
            CHECK_OK(clip_text(&one, &r.net, r.clip, ids + b * TT, 1, t), &r.err);
            CHECK(same_bits(one.last_hidden_state->v, all.last_hidden_state->v + at, (size_t)t * TC), "row %d, %d ids", b, t);
            CHECK(same_bits(one.penultimate->v, all.penultimate->v + at, (size_t)t * TC), "row %d, %d ids", b, t);
        }
        CHECK(same_bits(one.text_embeds->v, all.text_embeds->v + b * TP, TP), "row %d", b);
    }
    ids[2] = 98;                                            /* and it does know of what is in it */
    CHECK_OK(clip_text(&one, &r.net, r.clip, ids, 1, TT), &r.err);
    CHECK(same_bits(one.last_hidden_state->v, all.last_hidden_state->v, 2 * TC), "before a change");
    CHECK(!same_bits(one.last_hidden_state->v + 2 * TC, all.last_hidden_state->v + 2 * TC, TC), "at a change");
    CHECK(!same_bits(one.last_hidden_state->v + 3 * TC, all.last_hidden_state->v + 3 * TC, TC), "behind a change");
    run_end(&r);
    st_close(f);
}

/* What a listener writes is what the network goes on with: positions set to 0 leave the tokens alone. */
static int clear_positions(void *self, const char *path, Tensor *y, Err *err)
{
    Tensor **kept = self;
    (void)err;
    if (strcmp(path, "text_model.embeddings.position_embedding") == 0) memset(y->v, 0, y->n * sizeof *y->v);
    if (strcmp(path, "text_model.embeddings.token_embedding") == 0) kept[0] = y;
    if (strcmp(path, "text_model.embeddings") == 0) CHECK(same_bits(kept[0]->v, y->v, y->n), "%s", path);
    return 0;
}

static void listeners_may_write(void)
{
    const int64_t ids[3] = { 5, 6, 90 };
    Run r;
    Tensor *kept[1] = { NULL };
    const NetTap tap = { clear_positions, kept };
    run_begin(&r, "tests/golden/clip_text");
    r.net.tap = &tap;
    ClipText text;
    CHECK_OK(clip_text(&text, &r.net, r.clip, ids, 1, 3), &r.err);
    run_end(&r);
}

/* y = (x - mean_c) / std_c at 0, 1 and the mean; dx = dy / std_c. Within 2 roundings. */
static void normalising(void)
{
    static const double mean[3] = { 0.48145466, 0.4578275, 0.40821073 }, std[3] = { 0.26862954, 0.26130258, 0.27577711 };
    enum { N = 2 * 3 * 1 * 3 };
    real v[N], g[N] = { 0 }, ones[N];
    Err err = { 0 };
    Tape *t = tape_new(&err);
    for (int i = 0; i < N; i++) {
        v[i] = i % 3 == 0 ? R(0.0) : i % 3 == 1 ? R(1.0) : (real)mean[i / 3 % 3];
        ones[i] = R(1.0);
    }
    Tensor *x = tensor_view(t, (Shape){ 4, { 2, 3, 1, 3 } }, v, g, "image"), *y = clip_normalise(t, x);
    tape_seed(y, ones);
    CHECK_OK(tape_backward(t), &err);
    for (int i = 0; i < N; i++) {
        const int c = i / 3 % 3;
        const double expected = ((double)v[i] - mean[c]) / std[c];
        CHECK_LE(fabs((double)y->v[i] - expected), 4 * (double)REAL_EPS, "%d", i);
        CHECK_LE(fabs((double)g[i] - 1 / std[c]), 4 * (double)REAL_EPS, "gradient %d", i);
    }
    tape_free(t);
}

/* ---- configs and files ---- */

static Clip *declare(const char *json, Err *err)
{
    Json *config = json_parse(json, strlen(json), "config.json", err);
    Clip *c = config == NULL ? NULL : clip_declare(config, "config.json", err);
    json_free(config);
    return c;
}

/* Declaring a config gives the parameters that the file of the same config has. */
static void declared_is_what_the_file_has(void)
{
    static const char *const folders[] = { "tests/golden/clip", "tests/golden/clip_text" };
    for (int k = 0; k < 2; k++) {
        char path[64];
        Err err = { 0 };
        snprintf(path, sizeof path, "%s/config.json", folders[k]);
        Json *config = json_read(path, &err);
        Clip *made = clip_declare(config, path, &err), *file = clip_open(folders[k], &err);
        CHECK(made != NULL && file != NULL, "%s", err.msg);
        if (made == NULL || file == NULL) exit(1);
        CHECK(params_count(made->params) == params_count(file->params) - 1, "all but logit_scale, or position_ids");
        for (int i = 0; i < params_count(made->params); i++) {
            const Weight *w = params_at(made->params, i), *same = params_get(file->params, w->name);
            CHECK(same != NULL && shape_equal(same->s, w->s), "%s", w->name);
        }
        clip_free(made);
        clip_free(file);
        json_free(config);
    }
}

static void defaults_and_the_classes(void)
{
    Err err = { 0 };
    Clip *c = declare("{\"architectures\": [\"CLIPTextModel\"], \"torch_dtype\": \"float16\", \"projection_dim\": 768}", &err);
    CHECK(c != NULL, "%s", err.msg);
    if (c == NULL) exit(1);
    const ClipConfig *k = &c->config;
    CHECK(k->text.present && !k->vision.present && k->projection_dim == 0, "CLIPTextModel");
    CHECK(k->text.hidden_size == 512 && k->text.intermediate_size == 2048 && k->text.num_attention_heads == 8 && k->text.num_hidden_layers == 12,
          "text sizes");
    CHECK(k->vocab_size == 49408 && k->max_position_embeddings == 77 && k->eos_token_id == 49407, "text tokens");
    CHECK(k->text.hidden_act == ACT_QUICK_GELU && k->text.layer_norm_eps == 1e-5, "activation");
    CHECK(!params_has(c->params, "text_projection.weight"), "projection");
    clip_free(c);

    c = declare("{\"architectures\": [\"CLIPVisionModelWithProjection\"], \"num_hidden_layers\": 1, \"hidden_act\": \"gelu\"}", &err);
    CHECK(c != NULL && c->config.vision.present && !c->config.text.present && c->config.projection_dim == 512, "%s", err.msg);
    CHECK(c != NULL && c->config.image_size == 224 && c->config.patch_size == 32 && c->config.vision.hidden_act == ACT_GELU, "vision");
    CHECK(c != NULL && params_has(c->params, "visual_projection.weight"), "projection");
    clip_free(c);

    c = declare("{\"architectures\": [\"CLIPVisionModel\"], \"num_hidden_layers\": 1}", &err);
    CHECK(c != NULL && c->config.projection_dim == 0 && !params_has(c->params, "visual_projection.weight"), "%s", err.msg);
    clip_free(c);

    /* text_config_dict replaces text_config, defaults included */
    c = declare("{\"architectures\": [\"CLIPModel\"], \"projection_dim\": 8, \"vision_config\": {\"num_hidden_layers\": 1, \"top_k\": 50},"
                "\"text_config\": {\"hidden_size\": 64, \"num_hidden_layers\": 3, \"eos_token_id\": 2},"
                "\"text_config_dict\": {\"num_hidden_layers\": 1}, \"vision_config_dict\": null}", &err);
    CHECK(c != NULL && c->config.text.num_hidden_layers == 1 && c->config.text.hidden_size == 512 && c->config.eos_token_id == 49407,
          "%s", err.msg);
    CHECK(c != NULL && c->config.vision.num_hidden_layers == 1 && c->config.projection_dim == 8, "%s", err.msg);
    clip_free(c);
}

static void bad_configs_are_refused_by_name(void)
{
    static const struct { const char *json, *words[3]; } cases[] = {
        { "{}", { "config.json", "architectures", "CLIPTextModel" } },
        { "[]", { "config.json", "architectures", "absent" } },
        { "{\"architectures\": [\"T5EncoderModel\"]}", { "T5EncoderModel", "CLIPTextModelWithProjection", "CLIPVisionModel" } },
        { "{\"architectures\": [\"CLIPTextModel\"], \"model_type\": \"t5\"}", { "model_type", "t5", "clip_text_model" } },
        { "{\"architectures\": [\"CLIPTextModel\"], \"rope_theta\": 10}", { "rope_theta", "10", "unknown" } },
        { "{\"architectures\": [\"CLIPTextModel\"], \"use_attention_mask\": true}", { "use_attention_mask", "true", "false" } },
        { "{\"architectures\": [\"CLIPTextModel\"], \"pruned_heads\": {\"0\": [1]}}", { "pruned_heads", "an object of 1", "empty" } },
        { "{\"architectures\": [\"CLIPTextModel\"], \"hidden_act\": \"selu\"}", { "hidden_act", "selu", "quick_gelu" } },
        { "{\"architectures\": [\"CLIPTextModel\"], \"num_attention_heads\": 7}", { "num_attention_heads", "7 for a hidden_size of 512", "divisor" } },
        { "{\"architectures\": [\"CLIPTextModel\"], \"num_hidden_layers\": 0}", { "num_hidden_layers", "0", "1 to" } },
        { "{\"architectures\": [\"CLIPTextModel\"], \"text_config\": {}}", { "text_config", "an object", "unknown" } },
        { "{\"architectures\": [\"CLIPVisionModel\"], \"patch_size\": 300}", { "patch_size", "300 for an image_size of 224", "at most" } },
        { "{\"architectures\": [\"CLIPVisionModel\"], \"vocab_size\": 3}", { "vocab_size", "3", "unknown" } },
        { "{\"architectures\": [\"CLIPModel\"], \"text_config\": {}}", { "vision_config", "absent", "object" } },
        { "{\"architectures\": [\"CLIPModel\"], \"text_config\": 3, \"vision_config\": {}}", { "text_config", "a number", "an object" } },
        { "{\"architectures\": [\"CLIPModel\"], \"text_config\": {\"hidden_act\": \"tanh\"}, \"vision_config\": {}}",
          { "config.json: text_config", "hidden_act", "tanh" } },
        { "{\"architectures\": [\"CLIPModel\"], \"text_config\": {}, \"vision_config\": {\"image_size\": \"224\"}}",
          { "config.json: vision_config", "image_size", "224" } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Err err = { 0 };
        Clip *c = declare(cases[i].json, &err);
        CHECK(c == NULL && err.set, "%s", cases[i].json);
        for (int k = 0; k < 3; k++) CHECK(strstr(err.msg, cases[i].words[k]) != NULL, "'%s' is not in: %s", cases[i].words[k], err.msg);
        clip_free(c);
    }
}

static void bad_inputs_are_refused_by_name(void)
{
    static int64_t ids[17];
    ClipText text;
    ClipVision vision;
    for (int k = 0; k < 6; k++) {
        static const char *const words[] = { "token id 100 at row 1, position 2, expected 0 to 99", "token id -1 at row 0, position 1",
                                             "2 rows of 17 token ids, expected 1 to 16", "0 rows", "has no vision tower",
                                             "1x3x63x64, expected 1x3x64x64" };
        Run r;
        run_begin(&r, k < 5 ? "tests/golden/clip_text" : "tests/golden/clip");
        memset(ids, 0, sizeof ids);
        if (k == 0) ids[6] = 100;
        if (k == 1) ids[1] = -1;
        const Shape s = { 4, { 1, 3, 63, 64 } };
        Tensor *pixels = tensor_new(r.tape, s, 0, "pixel_values");
        const int status = k < 2 ? clip_text(&text, &r.net, r.clip, ids, 2, 4) : k == 2 ? clip_text(&text, &r.net, r.clip, ids, 2, 17)
                         : k == 3 ? clip_text(&text, &r.net, r.clip, ids, 0, 4) : clip_vision(&vision, &r.net, r.clip, pixels);
        CHECK(status == -1 && strstr(r.err.msg, words[k]) != NULL && strstr(r.err.msg, "model.safetensors") != NULL, "'%s' is not in: %s",
              words[k], r.err.msg);
        r.err = (Err){ 0 };
        run_end(&r);
    }
}

/* The text encoder's weights under a config with another size: clip_open says which tensor. */
static void files_and_configs_must_agree(void)
{
    static const struct { const char *from, *to, *words[2]; } cases[] = {
        { "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", { "text_model.encoder.layers.2.layer_norm1.weight", "expected one of shape 32" } },
        { "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", { "text_model.encoder.layers.1", "no part of the network" } },
        { "\"vocab_size\": 100", "\"vocab_size\": 101", { "token_embedding.weight' is 100x32", "expected 101x32" } },
        { "WithProjection", "", { "text_projection.weight", "no part of the network" } },
    };
    char folder[] = "/tmp/t_clip_XXXXXX", config[64], weights[64];
    Err err = { 0 };
    void *text = NULL, *bytes = NULL;
    size_t n, size;
    if (mkdtemp(folder) == NULL) exit(1);
    snprintf(config, sizeof config, "%s/config.json", folder);
    snprintf(weights, sizeof weights, "%s/model.safetensors", folder);
    CHECK_OK(file_read(&text, &n, "tests/golden/clip_text/config.json", 10000, &err), &err);
    CHECK_OK(file_read(&bytes, &size, "tests/golden/clip_text/model.safetensors", 100000, &err), &err);
    CHECK_OK(file_write(weights, bytes, size, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char changed[4096];
        const char *at = strstr(text, cases[i].from);
        if (at == NULL) exit(1);
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - (const char *)text), (const char *)text, cases[i].to, at + strlen(cases[i].from));
        err = (Err){ 0 };
        CHECK_OK(file_write(config, changed, strlen(changed), &err), &err);
        Clip *c = clip_open(folder, &err);
        CHECK(c == NULL, "%s", cases[i].to);
        for (int k = 0; k < 2; k++) CHECK(strstr(err.msg, cases[i].words[k]) != NULL, "'%s' is not in: %s", cases[i].words[k], err.msg);
        clip_free(c);
    }
    unlink(config);
    err = (Err){ 0 };
    CHECK(clip_open(folder, &err) == NULL && strstr(err.msg, "config.json") != NULL, "%s", err.msg);
    unlink(weights);
    rmdir(folder);
    mem_free(text);
    mem_free(bytes);
}

/* Whichever allocation fails, it is reported, and nothing is left behind (the sanitizers look). */
static void memory_may_run_out(void)
{
    long n = 1;
    for (int done = 0; !done; n++) {
        Err err = { 0 };
        mem_fail_at(n);
        Clip *c = clip_open("tests/golden/clip_text", &err);
        mem_fail_at(0);
        done = c != NULL;
        CHECK(done == !err.set, "allocation %ld: %s", n, err.msg);
        clip_free(c);
    }
    CHECK(n > 20, "only %ld allocations", n);
}

int main(void)
{
    TEST(the_golden_network_forward);
    TEST(the_golden_network_and_back);
    TEST(the_text_encoder_with_projection);
    TEST(rows_and_prefixes_stand_alone);
    TEST(listeners_may_write);
    TEST(normalising);
    TEST(declared_is_what_the_file_has);
    TEST(defaults_and_the_classes);
    TEST(bad_configs_are_refused_by_name);
    TEST(bad_inputs_are_refused_by_name);
    TEST(files_and_configs_must_agree);
    TEST(memory_may_run_out);
    return test_end();
}
