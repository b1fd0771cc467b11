/* t_vae.c -- AutoencoderKL and AutoencoderTiny against PyTorch's files, and what is refused
 *
 * Bars: relative L2, binary64 1e-10; binary32 5e-6 for results and 3e-5 for gradients, which PyTorch's own binary32 keeps too.
 */
#include "nn/taesd.h"
#include "nn/vae.h"
#include "tests/golden_read.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef SDREF_F64
#define BAR_RESULT 1e-10
#define BAR_GRADIENT 1e-10
#else
#define BAR_RESULT 5e-6
#define BAR_GRADIENT 3e-5
#endif

/* Either of the two networks. */
typedef struct Auto { int tiny; Vae *vae; Taesd *taesd; Params *params; } Auto;

static Auto open_auto(int tiny, const char *folder)
{
    Err err = { 0 };
    Auto a = { tiny, NULL, NULL, NULL };
    if (tiny) a.taesd = taesd_open(folder, &err);
    else a.vae = vae_open(folder, &err);
    CHECK(a.taesd != NULL || a.vae != NULL, "%s", err.msg);
    if (a.taesd == NULL && a.vae == NULL) exit(1);
    a.params = tiny ? a.taesd->params : a.vae->params;
    return a;
}

static void close_auto(Auto a)
{
    vae_free(a.vae);
    taesd_free(a.taesd);
}

static Tensor *encode(Net *n, const Auto *a, Tensor *x) { return a->tiny ? taesd_encode(n, a->taesd, x) : vae_encode(n, a->vae, x); }
static Tensor *decode(Net *n, const Auto *a, Tensor *z) { return a->tiny ? taesd_decode(n, a->taesd, z) : vae_decode(n, a->vae, z); }

/* ---- PyTorch's results ---- */

static Tensor *input(Tape *t, const StFile *f, const char *name, int wants)
{
    const StTensor *in = st_find(f, name);
    CHECK(in != NULL, "%s: no %s", st_path(f), name);
    if (in == NULL) exit(1);
    Tensor *x = tensor_new(t, shape_of(in->ndim, in->dim), wants, name);
    golden_real(x->v, f, name, x->n);
    return x;
}

/* ||ours - file|| / ||file|| <= bar; shapes too. ours is `parts` pieces of n/parts values, `step` apart. */
static void compare(const real *ours, Shape s, int parts, size_t step, const StFile *f, const char *name, double bar)
{
    Err err = { 0 };
    const size_t n = shape_count(s), each = n / (size_t)parts;
    const StTensor *t = golden_find(f, name, n);
    CHECK(shape_equal(shape_of(t->ndim, t->dim), s), "%s has another shape", name);
    double *file = mem_new(n, sizeof *file, name, &err), off = 0, norm = 0;
    golden_f64(file, f, name, n);
    for (size_t i = 0; i < n; i++) {
        const double d = (double)ours[i / each * step + i % each] - file[i];
        off += d * d;
        norm += file[i] * file[i];
    }
    CHECK_LE(sqrt(off / norm), bar, "%s: %s", st_path(f), name);
    mem_free(file);
}

static void compare_all(const real *ours, Shape s, const StFile *f, const char *name, double bar) { compare(ours, s, 1, 0, f, name, bar); }

static void encode_like(const Auto *a, const StFile *f)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    Net n;
    net_begin(&n, t, a->params, &err);
    Tensor *x = input(t, f, "in.image", 1);
    Tensor *y = encode(&n, a, x);
    CHECK(y != NULL, "%s", err.msg);
    if (y == NULL) exit(1);
    const Tensor *c = input(t, f, a->tiny ? "in.cotangent_latent" : "in.cotangent_mean", 0);
    Shape s = y->s;
    if (a->tiny) compare_all(y->v, s, f, "out.latent", BAR_RESULT);
    else {
        const int N = (int)s.d[0];
        const size_t half = y->n / (size_t)N / 2;
        s.d[1] /= 2;
        compare(y->v, s, N, 2 * half, f, "out.mean", BAR_RESULT);
        compare(y->v + half, s, N, 2 * half, f, "out.logvar", BAR_RESULT);
    }
    const size_t each = c->n / (size_t)s.d[0], step = y->n / (size_t)s.d[0];
    for (size_t i = 0; i < c->n; i++) y->g[i / each * step + i % each] = c->v[i];
    CHECK_OK(tape_backward(t), &err);
    compare_all(x->g, x->s, f, "out.grad_image", BAR_GRADIENT);
    tape_free(t);
}

static void decode_like(const Auto *a, const StFile *f)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    Net n;
    net_begin(&n, t, a->params, &err);
    Tensor *z = input(t, f, "in.latent", 1);
    Tensor *y = decode(&n, a, z);
    CHECK(y != NULL, "%s", err.msg);
    if (y == NULL) exit(1);
    compare_all(y->v, y->s, f, "out.image", BAR_RESULT);
    const Tensor *c = input(t, f, "in.cotangent_image", 0);
    tape_seed(y, c->v);
    CHECK_OK(tape_backward(t), &err);
    compare_all(z->g, z->s, f, "out.grad_latent", BAR_GRADIENT);
    tape_free(t);
}

static void like(int tiny, const char *folder, const char *io)
{
    const Auto a = open_auto(tiny, folder);
    StFile *f = golden_open(io);
    encode_like(&a, f);
    decode_like(&a, f);
    st_close(f);
    close_auto(a);
}

static void vae_is_pytorchs(void) { like(0, "tests/golden/vae", "tests/golden/vae_io.safetensors"); }
static void taesd_is_pytorchs(void) { like(1, "tests/golden/taesd", "tests/golden/taesd_io.safetensors"); }

/* 13 x 10 images and 3 x 5 latents, two at a time: strides round as PyTorch's do. */
static void odd_sides_are_pytorchs(void)
{
    like(0, "tests/golden/vae", "tests/golden/vae_odd_io.safetensors");
    like(1, "tests/golden/taesd", "tests/golden/taesd_odd_io.safetensors");
}

/* ---- what listeners hear ---- */

enum { CALLS_ROOM = 16384 };
typedef struct Calls { char text[CALLS_ROOM]; size_t at; } Calls;

static int note(void *self, const char *path, Tensor *y, Err *err)
{
    Calls *c = self;
    const size_t n = strlen(path);
    if (c->at + n + 2 > CALLS_ROOM) return err_set(err, "too many calls");
    if (c->at > 0) c->text[c->at++] = ' ';
    memcpy(c->text + c->at, path, n + 1);
    c->at += n;
    return y->v == NULL ? err_set(err, "%s: no values", path) : 0;
}

static void modules_are_pytorchs(void)
{
    for (int tiny = 0; tiny < 2; tiny++)
        for (int way = 0; way < 2; way++) {
            static Calls calls;
            Err err = { 0 };
            const Auto a = open_auto(tiny, tiny ? "tests/golden/taesd" : "tests/golden/vae");
            StFile *f = golden_open(tiny ? "tests/golden/taesd_odd_io.safetensors" : "tests/golden/vae_odd_io.safetensors");
            const NetTap tap = { note, &calls };
            Tape *t = tape_new(&err);
            Net n;
            calls.at = 0;
            net_begin(&n, t, a.params, &err);
            n.tap = &tap;
            const Tensor *y = way == 0 ? encode(&n, &a, input(t, f, "in.image", 0)) : decode(&n, &a, input(t, f, "in.latent", 0));
            const char *expected = st_meta(f, way == 0 ? "encode" : "decode");
            CHECK(y != NULL && expected != NULL && strcmp(calls.text, expected) == 0, "%s\n  %s", err.msg, calls.text);
            tape_free(t);
            st_close(f);
            close_auto(a);
        }
}

static int silence(void *self, const char *path, Tensor *y, Err *err)
{
    (void)self;
    (void)err;
    if (strcmp(path, "encoder") == 0) memset(y->v, 0, y->n * sizeof(real));
    return 0;
}

/* The encoder's output replaced by 0: quant_conv gives its bias, and nothing else. */
static void listeners_may_replace(void)
{
    Err err = { 0 };
    const Auto a = open_auto(0, "tests/golden/vae");
    const NetTap tap = { silence, NULL };
    Tape *t = tape_new(&err);
    Net n;
    net_begin(&n, t, a.params, &err);
    n.tap = &tap;
    Tensor *x = tensor_new(t, (Shape){ 4, { 1, 3, 6, 4 } }, 0, "image");
    for (size_t i = 0; i < x->n; i++) x->v[i] = R(0.125) * (real)(i % 7);
    const Tensor *y = encode(&n, &a, x);
    const real *bias = weight_all(t, params_get(a.params, "quant_conv.bias"));
    for (size_t i = 0; i < 8 * 6 && y != NULL && bias != NULL; i++) CHECK(y->v[i] == bias[i / 6], "value %zu", i);
    tape_free(t);
    close_auto(a);
}

/* With recording off only the result is left. If nothing were given back the values of the way back would still be there, half of its
 * memory (the rest is gradients): the peak is to stay well below. */
static void memory_is_given_back(void)
{
    for (int tiny = 0; tiny < 2; tiny++) {
        size_t peak[2];
        const Auto a = open_auto(tiny, tiny ? "tests/golden/taesd" : "tests/golden/vae");
        for (int record = 0; record < 2; record++) {
            Err err = { 0 };
            Tape *t = tape_new(&err);
            Net n;
            net_begin(&n, t, a.params, &err);
            tape_recording(t, record);
            Tensor *x = tensor_new(t, (Shape){ 4, { 1, 3, 96, 96 } }, record, "image");
            for (size_t i = 0; i < x->n; i++) x->v[i] = R(0.0);
            const size_t mark = tape_mark(t);
            const Tensor *y = encode(&n, &a, x);
            CHECK(y != NULL, "%s", err.msg);
            if (y != NULL && !record) CHECK_LE(tape_mark(t) - mark, y->n * sizeof(real) + 1024, "left behind by the encoder");
            peak[record] = tape_peak(t);
            tape_rewind(t, mark);
            Tensor *z = tensor_new(t, (Shape){ 4, { 1, 4, 4, 4 } }, 0, "latent");
            for (size_t i = 0; i < z->n; i++) z->v[i] = R(0.0);
            const size_t later = tape_mark(t);
            y = decode(&n, &a, z);
            CHECK(y != NULL, "%s", err.msg);
            if (y != NULL && !record) CHECK_LE(tape_mark(t) - later, y->n * sizeof(real) + 1024, "left behind by the decoder");
            tape_free(t);
        }
        CHECK_LE((double)peak[0], 0.4 * (double)peak[1], "peak without the way back");
        close_auto(a);
    }
}

static void declared_is_what_the_file_has(void)
{
    for (int tiny = 0; tiny < 2; tiny++) {
        Err err = { 0 };
        const Auto file = open_auto(tiny, tiny ? "tests/golden/taesd" : "tests/golden/vae");
        Json *config = json_read(tiny ? "tests/golden/taesd/config.json" : "tests/golden/vae/config.json", &err);
        Auto made = { tiny, NULL, NULL, NULL };
        if (tiny) made.taesd = taesd_declare(config, "config", &err);
        else made.vae = vae_declare(config, "config", &err);
        CHECK(made.taesd != NULL || made.vae != NULL, "%s", err.msg);
        if (made.taesd == NULL && made.vae == NULL) return;
        made.params = tiny ? made.taesd->params : made.vae->params;
        CHECK(params_count(made.params) == params_count(file.params), "%d parameters, the file has %d", params_count(made.params),
              params_count(file.params));
        for (int i = 0; i < params_count(made.params); i++) {
            const Weight *w = params_at(made.params, i), *in_file = params_get(file.params, w->name);
            CHECK(in_file != NULL && shape_equal(in_file->s, w->s), "%s", w->name);
        }
        close_auto(made);
        close_auto(file);
        json_free(config);
    }
}

/* ---- folders with one thing changed ---- */

typedef enum { AS_IT_IS, OLD_NAMES, OLD_CONVOLUTIONS, LEFT_OUT, STRANGER, MISSHAPEN } Change;

/* ".to_q." -> ".query." and so on; 1 if it was one of the four. */
static int old_name(char out[NET_PATH], const char *name)
{
    static const char *const pairs[4][2] = { { ".to_q.", ".query." }, { ".to_k.", ".key." }, { ".to_v.", ".value." }, { ".to_out.0.", ".proj_attn." } };
    for (int i = 0; i < 4; i++) {
        const char *at = strstr(name, pairs[i][0]);
        if (at == NULL) continue;
        snprintf(out, NET_PATH, "%.*s%s%s", (int)(at - name), name, pairs[i][1], at + strlen(pairs[i][0]));
        return 1;
    }
    snprintf(out, NET_PATH, "%s", name);
    return 0;
}

static void write_weights(const char *path, const char *from, Change change, const char *which)
{
    static const float nothing[4];
    Err err = { 0 };
    StFile *f = golden_open(from);
    StWriter *w = stw_new(&err);
    for (int i = 0; i < st_count(f); i++) {
        const StTensor *t = st_at(f, i);
        char name[NET_PATH];
        int64_t dim[4] = { 1, 1, 1, 1 };
        int ndim = t->ndim;
        for (int k = 0; k < ndim; k++) dim[k] = t->dim[k];
        snprintf(name, sizeof name, "%s", t->name);
        if (change == OLD_NAMES || change == OLD_CONVOLUTIONS) {
            const int renamed = old_name(name, t->name);
            if (renamed && change == OLD_CONVOLUTIONS && ndim == 2) ndim = 4;
        }
        if (change == LEFT_OUT && strcmp(name, which) == 0) continue;
        if (change == MISSHAPEN && strcmp(name, which) == 0) {
            dim[0] /= 2;
            dim[1] *= 2;
        }
        stw_add(w, name, t->dtype, ndim, dim, t->bytes);
    }
    if (change == STRANGER) stw_add(w, which, ST_F32, 1, (int64_t[]){ 4 }, nothing);
    CHECK_OK(stw_write(w, path, &err), &err);
    stw_free(w);
    st_close(f);
}

/* A copy of tests/golden/vae with the change; deleted by remove_folder. */
static void make_folder(char folder[64], Change change, const char *which)
{
    char path[128], text[4096];
    strcpy(folder, "/tmp/sdref-vae-XXXXXX");
    CHECK(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/config.json", folder);
    FILE *in = fopen("tests/golden/vae/config.json", "rb"), *out = fopen(path, "wb");
    CHECK(in != NULL && out != NULL, "config.json");
    if (in == NULL || out == NULL) exit(1);
    const size_t n = fread(text, 1, sizeof text, in);
    CHECK(fwrite(text, 1, n, out) == n, "config.json");
    fclose(in);
    fclose(out);
    snprintf(path, sizeof path, "%s/diffusion_pytorch_model.safetensors", folder);
    write_weights(path, "tests/golden/vae/diffusion_pytorch_model.safetensors", change, which);
}

static void remove_folder(const char *folder)
{
    char path[128];
    snprintf(path, sizeof path, "%s/config.json", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/diffusion_pytorch_model.safetensors", folder);
    unlink(path);
    rmdir(folder);
}

/* query, key, value, proj_attn in place of to_q.., also as 1x1 convolutions: PyTorch's results all the same. */
static void old_names_are_read(void)
{
    for (Change change = OLD_NAMES; change <= OLD_CONVOLUTIONS; change++) {
        char folder[64];
        make_folder(folder, change, NULL);
        like(0, folder, "tests/golden/vae_odd_io.safetensors");
        remove_folder(folder);
    }
}

static void wrong_files_are_refused(void)
{
    static const struct { Change change; const char *which, *words; } cases[] = {
        { LEFT_OUT, "encoder.mid_block.attentions.0.to_k.bias", "no tensor 'encoder.mid_block.attentions.0.to_k.bias', expected one of shape 32" },
        { LEFT_OUT, "post_quant_conv.weight", "no tensor 'post_quant_conv.weight'" },
        { STRANGER, "decoder.up_blocks.2.bias", "'decoder.up_blocks.2.bias'" },
        { MISSHAPEN, "decoder.conv_in.weight", "'decoder.conv_in.weight' is 16x8x3x3, expected 32x4x3x3" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char folder[64];
        Err err = { 0 };
        make_folder(folder, cases[i].change, cases[i].which);
        Vae *v = vae_open(folder, &err);
        CHECK(v == NULL && strstr(err.msg, cases[i].words) != NULL, "'%s' not in: %s", cases[i].words, err.msg);
        vae_free(v);
        remove_folder(folder);
    }
}

/* ---- configs ---- */

#define TWO "\"block_out_channels\": [16, 32], \"norm_num_groups\": 8, "
#define TYPES "\"down_block_types\": [\"DownEncoderBlock2D\", \"AttnDownEncoderBlock2D\"], \"up_block_types\": [\"AttnUpDecoderBlock2D\", \"UpDecoderBlock2D\"]"
static const struct { int tiny; const char *text, *words; } configs[] = {         /* words NULL: it is fine */
    { 0, "{}", NULL },
    { 0, "{" TWO TYPES "}", NULL },
    { 0, "{" TWO TYPES ", \"latents_mean\": null, \"shift_factor\": 0.1, \"use_quant_conv\": false, \"sample_size\": [8, 8]}", NULL },
    { 0, "{\"_class_name\": \"AsymmetricAutoencoderKL\"}", "'_class_name' is \"AsymmetricAutoencoderKL\", expected \"AutoencoderKL\"" },
    { 0, "{" TWO "\"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]}", "'down_block_types'" },
    { 0, "{\"down_block_types\": [\"DownBlock2D\"]}", "'down_block_types' is DownBlock2D, expected DownEncoderBlock2D or AttnDownEncoderBlock2D" },
    { 0, "{\"up_block_types\": \"UpDecoderBlock2D\"}", "'up_block_types'" },
    { 0, "{\"block_out_channels\": [1,1,1,1,1,1,1,1,1]}", "'block_out_channels' is a list of 9" },
    { 0, "{\"block_out_channels\": []}", "'block_out_channels' is a list of 0" },
    { 0, "{\"block_out_channels\": [48]}", "48 channels do not fall into 32 groups" },
    { 0, "{\"latents_mean\": [0, 0]}", "'latents_mean' is an array, expected null" },
    { 0, "{\"act_fn\": \"tanh\"}", "'act_fn' is tanh" },
    { 0, "{\"use_quant_conv\": 1}", "'use_quant_conv' is 1, expected true or false" },
    { 0, "{\"dropout\": 0.0}", "'dropout' is 0.0: a key that is unknown here" },
    { 0, "[]", "an array" },
    { 1, "{}", NULL },
    { 1, "{\"encoder_block_out_channels\": [8], \"num_encoder_blocks\": [0], \"block_out_channels\": [64], \"shift_factor\": 0.0}", NULL },
    { 1, "{\"encoder_block_out_channels\": [8, 16, 16, 16]}", "'encoder_block_out_channels' is 8 at stage 0 and 16 at stage 1" },
    { 1, "{\"decoder_block_out_channels\": [8, 8]}", "'num_decoder_blocks' is absent" },
    { 1, "{\"num_decoder_blocks\": [1, 2]}", "'num_decoder_blocks' is a list of 2" },
    { 1, "{\"decoder_block_out_channels\": \"8\"}", "'decoder_block_out_channels'" },
    { 1, "{\"upsample_fn\": \"bilinear\"}", "'upsample_fn' is \"bilinear\", expected \"nearest\"" },
    { 1, "{\"latent_scale\": 3}", "'latent_scale' is 3: a key that is unknown here" },
    { 1, "{\"_class_name\": \"AutoencoderKL\"}", "'_class_name'" },
};

static void configs_are_judged(void)
{
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        Err err = { 0 };
        Json *config = json_parse(configs[i].text, strlen(configs[i].text), "config", &err);
        CHECK(config != NULL, "%s", err.msg);
        if (config == NULL) continue;
        Vae *v = configs[i].tiny ? NULL : vae_declare(config, "config.json", &err);
        Taesd *w = configs[i].tiny ? taesd_declare(config, "config.json", &err) : NULL;
        if (configs[i].words == NULL) CHECK(v != NULL || w != NULL, "%s: %s", configs[i].text, err.msg);
        else CHECK(v == NULL && w == NULL && strstr(err.msg, configs[i].words) != NULL, "%s: %s", configs[i].text, err.msg);
        CHECK(strchr(err.msg, '\n') == NULL, "%s", err.msg);
        vae_free(v);
        taesd_free(w);
        json_free(config);
    }
}

static void wrong_inputs_are_refused(void)
{
    static const struct { int tiny, latent; Shape s; const char *words; } cases[] = {
        { 0, 0, { 4, { 1, 4, 8, 8 } }, "image is 1x4x8x8, expected Nx3xHxW" },
        { 0, 0, { 3, { 3, 8, 8 } }, "image is 3x8x8, expected Nx3xHxW" },
        { 0, 0, { 4, { 1, 3, 0, 8 } }, "image is 1x3x0x8, expected Nx3xHxW" },
        { 0, 0, { 4, { 1, 3, 8, 1 } }, "encoder.down_blocks.0.downsamplers.0.conv: an image of 8x1 is too small" },
        { 0, 1, { 4, { 1, 3, 8, 8 } }, "latent is 1x3x8x8, expected Nx4xHxW" },
        { 1, 0, { 4, { 2, 1, 8, 8 } }, "image is 2x1x8x8, expected Nx3xHxW" },
        { 1, 1, { 4, { 0, 4, 8, 8 } }, "latent is 0x4x8x8, expected Nx4xHxW" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Err err = { 0 };
        const Auto a = open_auto(cases[i].tiny, cases[i].tiny ? "tests/golden/taesd" : "tests/golden/vae");
        Tape *t = tape_new(&err);
        Net n;
        net_begin(&n, t, a.params, &err);
        Tensor *x = tensor_new(t, cases[i].s, 0, "x");
        for (size_t k = 0; k < x->n; k++) x->v[k] = R(0.5);
        const Tensor *y = cases[i].latent ? decode(&n, &a, x) : encode(&n, &a, x);
        CHECK(y == NULL && strstr(err.msg, cases[i].words) != NULL, "'%s' not in: %s", cases[i].words, err.msg);
        tape_free(t);
        close_auto(a);
    }
}

/* One allocation fails, in turn each of the first and ever fewer of the later ones: an error, no crash. */
static void out_of_memory_is_an_error(void)
{
    long failed = 0;
    for (int tiny = 0; tiny < 2; tiny++)
        for (long k = 1;; k += 1 + k / 8) {
            Err err = { 0 };
            mem_fail_at(k);
            Vae *v = tiny ? NULL : vae_open("tests/golden/vae", &err);
            Taesd *w = tiny ? taesd_open("tests/golden/taesd", &err) : NULL;
            mem_fail_at(0);
            const int opened = v != NULL || w != NULL;
            CHECK(opened || strstr(err.msg, "out of memory") != NULL, "allocation %ld: %s", k, err.msg);
            vae_free(v);
            taesd_free(w);
            if (opened) break;
            failed++;
        }
    CHECK(failed > 40, "%ld allocations failed", failed);
}

int main(void)
{
    TEST(vae_is_pytorchs);
    TEST(taesd_is_pytorchs);
    TEST(odd_sides_are_pytorchs);
    TEST(modules_are_pytorchs);
    TEST(listeners_may_replace);
    TEST(memory_is_given_back);
    TEST(declared_is_what_the_file_has);
    TEST(old_names_are_read);
    TEST(wrong_files_are_refused);
    TEST(configs_are_judged);
    TEST(wrong_inputs_are_refused);
    TEST(out_of_memory_is_an_error);
    return test_end();
}
