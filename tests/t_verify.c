/* t_verify.c -- verify on PyTorch's files, and on the same files with one thing broken */
#include "ref/verify.h"
#include "tensor/mem.h"
#include "tests/command.h"

#include <math.h>

static const struct { const char *path; int results; } goldens[] = {
    { "tests/golden/render/voxel.safetensors", 7 },         { "tests/golden/render/voxel_wide.safetensors", 7 },
    { "tests/golden/render/voxel_shaded.safetensors", 8 },  { "tests/golden/render/textureless_wide.safetensors", 9 },
    { "tests/golden/render/normal_inside.safetensors", 9 }, { "tests/golden/render/background_colour.safetensors", 10 },
    { "tests/golden/render/background_mlp.safetensors", 11 },
    { "tests/golden/render/hashgrid.safetensors", 12 },     { "tests/golden/render/hashgrid_wide.safetensors", 12 },
    { "tests/golden/render/mlp.safetensors", 13 },          { "tests/golden/render/sh.safetensors", 7 },
    { "tests/golden/estimators/asd_D0.safetensors", 7 }, { "tests/golden/estimators/asd_D20.safetensors", 7 },
    { "tests/golden/estimators/cds.safetensors", 5 }, { "tests/golden/estimators/csd_w2_0.0.safetensors", 5 },
    { "tests/golden/estimators/csd_w2_0.5.safetensors", 5 }, { "tests/golden/estimators/dsd.safetensors", 15 },
    { "tests/golden/estimators/dsd_D0.safetensors", 15 }, { "tests/golden/estimators/dsd_equal_cfg.safetensors", 15 },
    { "tests/golden/estimators/dsd_star.safetensors", 24 }, { "tests/golden/estimators/fsd.safetensors", 5 },
    { "tests/golden/estimators/ism_dS100.safetensors", 19 }, { "tests/golden/estimators/ism_dS200.safetensors", 15 },
    { "tests/golden/estimators/nfsd_t150.safetensors", 7 }, { "tests/golden/estimators/nfsd_t500.safetensors", 7 },
    { "tests/golden/estimators/perp_neg.safetensors", 6 },
    { "tests/golden/estimators/sdi_n10_inv-7.5_fwd7.5.safetensors", 19 },
    { "tests/golden/estimators/sdi_n10_inv0.0_fwd0.0.safetensors", 19 },
    { "tests/golden/estimators/sdi_n10_inv7.5_fwd7.5.safetensors", 19 },
    { "tests/golden/estimators/sdi_n3_inv-7.5_fwd7.5.safetensors", 11 },
    { "tests/golden/estimators/sdi_official_t250.safetensors", 16 }, { "tests/golden/estimators/sdi_official_t980.safetensors", 30 },
    { "tests/golden/estimators/sds_fantasia3d.safetensors", 7 }, { "tests/golden/estimators/sds_sds.safetensors", 7 },
    { "tests/golden/estimators/sds_uniform.safetensors", 7 },
    { "tests/golden/estimators/ssd_pearson_depth.safetensors", 8 },
    { "tests/golden/estimators/ssd_quadratic.safetensors", 8 }, { "tests/golden/estimators/vsd.safetensors", 107 },
    { "tests/golden/nets/sd15/io.safetensors", 91 },        { "tests/golden/nets/sd21/io.safetensors", 70 },
    { "tests/golden/nets/if/io.safetensors", 80 },          { "tests/golden/nets/sdxl/io.safetensors", 114 },
    { "tests/golden/nets/ddpm/io.safetensors", 96 },        { "tests/golden/vae_io.safetensors", 5 },
    { "tests/golden/taesd_io.safetensors", 4 },             { "tests/golden/clip_io.safetensors", 4 },
    { "tests/golden/depth_io.safetensors", 5 },             /* of the shipped weights/depth and weights/prior */
    { "tests/golden/prior_io.safetensors", 6 },             { "tests/golden/prior_text_io.safetensors", 5 },
    /* PyTorch in binary32, binary16 and bfloat16: backends that are right */
    { "tests/golden/verify/clean_f32.safetensors", 33 },    { "tests/golden/verify/clean_f16.safetensors", 33 },
    { "tests/golden/verify/clean_bf16.safetensors", 33 },
};
enum { GOLDENS = sizeof goldens / sizeof goldens[0], RENDERS = 11 };       /* renders first: every result of theirs is in the file */
static const char hashgrid[] = "tests/golden/render/hashgrid.safetensors", sh[] = "tests/golden/render/sh.safetensors";
static const char one_sample[] = "tests/golden/render/one_sample.safetensors", ball[] = "tests/golden/render/ball_f32.safetensors";
static const char lit[] = "tests/golden/render/lit_hashgrid_f32.safetensors";
static const char mlp[] = "tests/golden/render/mlp.safetensors";
static const char voxel[] = "tests/golden/render/voxel.safetensors", sds[] = "tests/golden/estimators/sds_sds.safetensors";
static const char sd15[] = "tests/golden/nets/sd15/io.safetensors";

static void goldens_are_within_their_bars(void)
{
    for (int i = 0; i < GOLDENS; i++) {
        const char *path = goldens[i].path;
        Err err = { 0 };
        Report r;
        CHECK_OK(verify_file(&r, path, 0, &err), &err);
        for (int k = 0; k < r.count; k++) {
            const Row *row = &r.rows[k];
            CHECK(row->kind == ROW_CHECKED || (i >= RENDERS && row->kind == ROW_OURS), "%s: '%s' was not checked", path, row->name);
            if (row->kind != ROW_CHECKED) continue;
            CHECK_LE(row->accumulated, row->bar.accumulated, "%s: %s accumulated", path, row->name);
            CHECK_LE(row->local, row->bar.local, "%s: %s local", path, row->name);
        }
        CHECK(r.checked == goldens[i].results, "%s: %d tensors checked", path, r.checked);
        CHECK(r.failed == 0 && r.culprit == -1, "%s: %d failed", path, r.failed);
        report_free(&r);
    }
}

/* A copy lies elsewhere, so it names the network by its whole path. */
static const char *network_of(char out[1024], const char *from, const char *network)
{
    char here[512];
    CHECK(getcwd(here, sizeof here) != NULL, "getcwd");
    snprintf(out, 1024, "%.500s/%.*s/%.200s", here, (int)(strrchr(from, '/') - from), from, network);
    return out;
}

/* A copy of `from` in which tensor `name` (F64) has `change` added at its middle element (infinity: all its elements are 0); name NULL: nothing changed. `left_out`: a
 * tensor that the copy lacks, "out." all that begin so; `as`: its name becomes this one. */
static void copy_with(char *to, const char *from, const char *name, double change, const char *left_out, const char *as)
{
    Err err = { 0 };
    StFile *f = st_open(from, &err);
    CHECK(f != NULL, "%s", err.msg);
    if (f == NULL) return;
    StWriter *w = stw_new(&err);
    char folder[1024];
    double *changed = NULL;
    for (int i = 0; i < st_meta_count(f); i++) {
        const char *key, *value;
        st_meta_at(&key, &value, f, i);
        if (strcmp(key, "network") == 0) value = network_of(folder, from, value);
        stw_meta(w, key, value);
    }
    for (int i = 0; i < st_count(f); i++) {
        const StTensor *t = st_at(f, i);
        const void *bytes = t->bytes;
        if (left_out != NULL && as == NULL && strncmp(t->name, left_out, strlen(left_out)) == 0) continue;
        if (name != NULL && strcmp(t->name, name) == 0) {
            changed = mem_new((size_t)t->count, sizeof *changed, "copy", &err);
            CHECK_OK(st_read_f64(changed, t, &err), &err);
            changed[t->count / 2] += change;
            for (int64_t k = 0; isinf(change) && k < t->count; k++) changed[k] = 0;
            bytes = changed;
        }
        stw_add(w, left_out != NULL && strcmp(t->name, left_out) == 0 ? as : t->name, bytes == t->bytes ? t->dtype : ST_F64, t->ndim, t->dim, bytes);
    }
    strcpy(to, "/tmp/sdref-verify-XXXXXX");
    const int fd = mkstemp(to);
    CHECK(fd >= 0, "mkstemp");
    close(fd);
    CHECK_OK(stw_write(w, to, &err), &err);
    stw_free(w);
    st_close(f);
    mem_free(changed);
}

static void culprit_is(const char *from, const char *broken, double change, const char *culprit, int failed)
{
    char path[64];
    Err err = { 0 };
    Report r;
    copy_with(path, from, broken, change, NULL, NULL);
    CHECK_OK(verify_file(&r, path, 0, &err), &err);
    CHECK(failed < 0 ? r.failed > 0 : r.failed == failed, "%s broken: %d tensors failed, expected %d", broken, r.failed, failed);
    CHECK(r.culprit >= 0 && strcmp(r.rows[r.culprit].name, culprit) == 0, "%s broken: culprit %s", broken,
          r.culprit < 0 ? "none" : r.rows[r.culprit].name);
    report_free(&r);
    unlink(path);
}

static void the_broken_tensor_is_named(void)
{
    culprit_is(voxel, "out.rgb", 1e-2, "out.rgb", 1);
    culprit_is(voxel, "out.grad.grid", 1.0, "out.grad.grid", 1);
    culprit_is(voxel, "out.rgb", (double)NAN, "out.rgb", 1);
    culprit_is(voxel, "out.z_variance", (double)INFINITY, "out.z_variance", 1);
    culprit_is("tests/golden/render/normal_inside.safetensors", "out.normal", 1e-2, "out.normal", 1);
    culprit_is("tests/golden/render/background_mlp.safetensors", "out.grad.background.w1", 1.0, "out.grad.background.w1", 1);
    culprit_is(hashgrid, "out.encoding", 1e-2, "out.encoding", 1);
    culprit_is(hashgrid, "out.grad.table", 1.0, "out.grad.table", 1);
    culprit_is(hashgrid, "in.table", 1.0, "out.rgb", -1);
    culprit_is(sh, "in.sh", 1.0, "out.rgb", -1);
    /* a wrong x_t: x_t itself, and what continues from the file's x_t: both predictions and x0_hat */
    culprit_is(sds, "x_t", 1e-1, "x_t", 4);
    culprit_is(sds, "w", 1e-3, "w", 2);
    culprit_is(sds, "grad", 10.0, "grad", 1);
    /* a wrong input: x_t, which reads it, and all that inherits it, but w */
    culprit_is(sds, "in.noise", 10.0, "x_t", 6);
    culprit_is(sds, "in.embed.cond", 10.0, "eps_cond", 4);
    /* a wrong prediction, and eps_cfg, which reads it */
    culprit_is(sds, "eps_uncond", 1.0, "eps_uncond", 2);
}

static void the_broken_module_is_named(void)
{
    /* and the next one heard, which reads it, and gradients, which are taken at the file's own values */
    culprit_is(sd15, "act.mid_block.resnets.0.time_emb_proj", 1.0, "act.mid_block.resnets.0.time_emb_proj", -1);
    culprit_is(sd15, "act.conv_norm_out", 1.0, "act.conv_norm_out", -1);
    culprit_is(sd15, "out.grad_sample", 1.0, "out.grad_sample", 1);
    culprit_is(sd15, "act.up_blocks.0.resnets.1", (double)NAN, "act.up_blocks.0.resnets.1", -1);
    culprit_is("tests/golden/taesd_io.safetensors", "out.latent", 1.0, "out.latent", 1);
    culprit_is("tests/golden/clip_io.safetensors", "out.text_embeds", 1.0, "out.text_embeds", 1);
    culprit_is("tests/golden/vae_io.safetensors", "in.latent", 1.0, "out.image", 2);
}

/* PyTorch's own runs of a network with something wrong planted in it, the stored weights left right:
 * tests/oracle/nets.py make unet DIR --config sd_minimal --dtype f16 --grads none --seed 3 --trace PRECISION --fault KIND@MODULE */
static void faults_of_backends_are_named(void)
{
    static const struct { const char *file, *fault, *culprit; } faults[] = {
        { "fault_eps", "norm-eps@mid_block.resnets.0.norm1, 1e-5 to 1e-3", "act.mid_block.resnets.0" },
        { "fault_skip", "skip@up_blocks.0.resnets.0, mirrored", "act.up_blocks.0.resnets.0" },
        { "fault_padding", "conv-padding@down_blocks.0.downsamplers.0.conv, shifted", "act.down_blocks.0.downsamplers.0" },
        { "fault_heads", "attention-heads@mid_block.attentions.0.transformer_blocks.0.attn1, 8 to 16", "act.mid_block.attentions.0.proj_out" },
        { "fault_kernel", "kernel-flipped@up_blocks.1.resnets.0.conv1, binary16", "act.up_blocks.1.resnets.0" },
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        char path[128];
        Err err = { 0 };
        Report r;
        snprintf(path, sizeof path, "tests/golden/verify/%s.safetensors", faults[i].file);
        CHECK_OK(verify_file(&r, path, 0, &err), &err);
        const Row *row = r.culprit < 0 ? NULL : &r.rows[r.culprit];
        CHECK(row != NULL && strcmp(row->name, faults[i].culprit) == 0 && !(row->local <= row->bar.local), "%s: culprit %s", faults[i].fault,
              row == NULL ? "none" : row->name);
        report_free(&r);
    }
}

/* A backend whose module puts out zeros: any error is infinite beside nothing, and no bar may be. */
static void zeros_are_blamed(void)
{
    char path[64];
    Err err = { 0 };
    Report r;
    copy_with(path, sd15, "act.mid_block.resnets.1", (double)INFINITY, NULL, NULL);
    CHECK_OK(verify_file(&r, path, 0, &err), &err);
    const Row *row = r.culprit < 0 ? NULL : &r.rows[r.culprit];
    CHECK(row != NULL && strcmp(row->name, "act.mid_block.resnets.1") == 0 && !(row->local <= row->bar.local) && isfinite(row->bar.local), "culprit %s",
          row == NULL ? "none" : row->name);
    CHECK(r.before >= 0 && r.before < r.culprit, "the last that is right before it: %d", r.before);
    report_free(&r);
    unlink(path);
}

static void expect_trouble(const char *path, const char *words)
{
    Err err = { 0 };
    Report r;
    CHECK(verify_file(&r, path, 0, &err) != 0, "%s was judged", path);
    CHECK(strstr(err.msg, words) != NULL, "message '%s' lacks '%s'", err.msg, words);
    CHECK(strstr(err.msg, path) != NULL, "message '%s' does not name the file", err.msg);
}

static void what_is_missing_or_strange(void)
{
    char path[64];
    Err err = { 0 };
    Report r;
    copy_with(path, voxel, NULL, 0, "in.grid", NULL);
    expect_trouble(path, "no tensor 'in.grid'");
    unlink(path);
    copy_with(path, hashgrid, NULL, 0, "in.b1", NULL);
    expect_trouble(path, "no tensor 'in.b1'");
    unlink(path);
    copy_with(path, hashgrid, NULL, 0, "in.w1", NULL);
    expect_trouble(path, "no tensor 'in.w1'");
    unlink(path);
    copy_with(path, mlp, NULL, 0, "in.w3", NULL);
    expect_trouble(path, "tensor 'in.w2' is F64 [13, 13], expected 52 values");
    unlink(path);
    copy_with(path, sh, NULL, 0, "in.cotangent.rgb", "in.points");
    expect_trouble(path, "'in.points' with a field of kind sh");
    unlink(path);
    copy_with(path, sds, NULL, 0, "in.embed.cond", NULL);
    expect_trouble(path, "no tensor 'in.embed.cond'");
    unlink(path);
    copy_with(path, sd15, NULL, 0, "in.sample", NULL);
    expect_trouble(path, "in.sample: not there");
    unlink(path);
    /* a result under another name is unknown, and that is a failure; the known one is then our own */
    copy_with(path, voxel, NULL, 0, "out.rgb", "out.colour");
    CHECK_OK(verify_file(&r, path, 0, &err), &err);
    CHECK(r.failed == 1 && r.checked == 6, "%d failed, %d checked", r.failed, r.checked);
    report_free(&r);
    unlink(path);
    expect_trouble("tests/golden/schedules.safetensors", "'format' is absent");
    expect_trouble("tests/golden/no-such-file.safetensors", "No such file");
}

/* A copy of a render in which one word of the metadata is another. */
static void expect_trouble_with(const char *from, const char *key, const char *value, const char *words)
{
    char to[] = "/tmp/sdref-verify-XXXXXX";
    Err err = { 0 };
    StFile *f = st_open(from, &err);
    CHECK(f != NULL, "%s", err.msg);
    if (f == NULL) return;
    StWriter *w = stw_new(&err);
    for (int i = 0; i < st_meta_count(f); i++) {
        const char *k, *v;
        st_meta_at(&k, &v, f, i);
        if (strcmp(k, key) != 0) stw_meta(w, k, v);
    }
    if (value != NULL) stw_meta(w, key, value);
    for (int i = 0; i < st_count(f); i++) {
        const StTensor *t = st_at(f, i);
        stw_add(w, t->name, t->dtype, t->ndim, t->dim, t->bytes);
    }
    const int fd = mkstemp(to);
    CHECK(fd >= 0, "mkstemp");
    close(fd);
    CHECK_OK(stw_write(w, to, &err), &err);
    stw_free(w);
    st_close(f);
    expect_trouble(to, words);
    unlink(to);
}

/* A copy in which tensor `name` lies as dim has it, with as many values as before. */
static void copy_reshaped(char *to, const char *from, const char *name, int ndim, const int64_t *dim)
{
    Err err = { 0 };
    StFile *f = st_open(from, &err);
    CHECK(f != NULL, "%s", err.msg);
    if (f == NULL) return;
    StWriter *w = stw_new(&err);
    for (int i = 0; i < st_meta_count(f); i++) {
        const char *key, *value;
        st_meta_at(&key, &value, f, i);
        stw_meta(w, key, value);
    }
    for (int i = 0; i < st_count(f); i++) {
        const StTensor *t = st_at(f, i);
        const int other = strcmp(t->name, name) == 0;
        stw_add(w, t->name, t->dtype, other ? ndim : t->ndim, other ? dim : t->dim, t->bytes);
    }
    strcpy(to, "/tmp/sdref-verify-XXXXXX");
    const int fd = mkstemp(to);
    CHECK(fd >= 0, "mkstemp");
    close(fd);
    CHECK_OK(stw_write(w, to, &err), &err);
    stw_free(w);
    st_close(f);
}

/* The same number of values in another order is no fault of the renderer, and is found before anything is rendered. */
static void renders_of_other_shapes(void)
{
    static const struct { const char *name; int ndim; int64_t dim[4]; const char *words; } cases[] = {
        { "in.cotangent.rgb", 3, { 3, 8, 8 }, "'in.cotangent.rgb' is F64 [3, 8, 8], expected 8x8x3" },
        { "in.cotangent.depth", 1, { 64 }, "'in.cotangent.depth' is F64 [64], expected 8x8" },
        { "out.rgb", 3, { 3, 8, 8 }, "'out.rgb' is F64 [3, 8, 8], expected 8x8x3" },
        { "out.ray_d", 3, { 3, 8, 8 }, "'out.ray_d' is F64 [3, 8, 8], expected 8x8x3" },
        { "out.c2w", 2, { 4, 3 }, "'out.c2w' is F64 [4, 3], expected 3x4" },
        { "out.grad.grid", 4, { 6, 6, 6, 4 }, "'out.grad.grid' is F64 [6, 6, 6, 4], expected 4x6x6x6" },
    };
    static const int64_t batch[] = { 1, 8, 8, 3 };
    static const int64_t jitter[] = { 16, 6, 10 };
    char path[64];
    Err err = { 0 };
    Report r;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        copy_reshaped(path, voxel, cases[i].name, cases[i].ndim, cases[i].dim);
        expect_trouble(path, cases[i].words);
        unlink(path);
    }
    copy_reshaped(path, goldens[1].path, "in.jitter", 3, jitter);
    expect_trouble(path, "'in.jitter' is F64 [16, 6, 10], expected 6x10x16");
    unlink(path);
    expect_trouble_with(voxel, "h", "8192", "expected 8192x8x3");
    copy_reshaped(path, voxel, "out.rgb", 4, batch);
    CHECK_OK(verify_file(&r, path, 0, &err), &err);
    CHECK(r.failed == 0 && r.checked == 7, "a side of 1: %d failed, %d checked", r.failed, r.checked);
    report_free(&r);
    unlink(path);
}

/* An input that is no number is no fault of the renderer. */
static void inputs_that_are_no_numbers(void)
{
    static const struct { const char *from, *name, *words; } cases[] = {
        { voxel, "in.grid", "'in.grid' has nan at 432, expected finite numbers" },
        { voxel, "in.cotangent.depth", "'in.cotangent.depth' has nan at 32, expected finite numbers" },
        { "tests/golden/render/voxel_wide.safetensors", "in.jitter", "'in.jitter' has nan at 480, expected finite numbers" },
        { hashgrid, "in.points", "'in.points' has nan at 48, expected finite numbers" },
        { hashgrid, "in.table", "'in.table' has nan at 1024, expected finite numbers" },
        { sds, "in.noise", "'in.noise' has nan at " },
    };
    char path[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        copy_with(path, cases[i].from, cases[i].name, (double)NAN, NULL, NULL);
        expect_trouble(path, cases[i].words);
        unlink(path);
    }
    if (sizeof(real) == sizeof(float)) expect_trouble_with(voxel, "distance", "1e39", "distance 1e+39, fovy 40; expected a camera of finite numbers");
    expect_trouble_with(voxel, "fovy", sizeof(real) == sizeof(float) ? "1e-300" : "1e-308", "expected a camera of finite numbers");
}

/* A copy whose results are stored in binary16, of the same inputs. */
static void copy_halved(char *to, const char *from)
{
    Err err = { 0 };
    StFile *f = st_open(from, &err);
    CHECK(f != NULL, "%s", err.msg);
    if (f == NULL) return;
    StWriter *w = stw_new(&err);
    uint16_t *half[64] = { NULL };
    for (int i = 0; i < st_meta_count(f); i++) {
        const char *key, *value;
        st_meta_at(&key, &value, f, i);
        stw_meta(w, key, value);
    }
    for (int i = 0; i < st_count(f) && i < 64; i++) {
        const StTensor *t = st_at(f, i);
        if (strncmp(t->name, "out.", 4) != 0) {
            stw_add(w, t->name, t->dtype, t->ndim, t->dim, t->bytes);
            continue;
        }
        double *v = mem_new((size_t)t->count, sizeof *v, "copy", &err);
        half[i] = mem_new((size_t)t->count, sizeof *half[i], "copy", &err);
        CHECK_OK(st_read_f64(v, t, &err), &err);
        for (int64_t k = 0; k < t->count; k++) half[i][k] = f16_from_f64(v[k]);
        stw_add(w, t->name, ST_F16, t->ndim, t->dim, half[i]);
        mem_free(v);
    }
    strcpy(to, "/tmp/sdref-verify-XXXXXX");
    const int fd = mkstemp(to);
    CHECK(fd >= 0, "mkstemp");
    close(fd);
    CHECK_OK(stw_write(w, to, &err), &err);
    stw_free(w);
    st_close(f);
    for (int i = 0; i < 64; i++) mem_free(half[i]);
}

/* The camera too is rounded there, and normals and a hash grid's gradients feel that; but all of it is right. And a camera that is wrong
 * in the file, but not where the picture was made, is all that is blamed. */
static void renders_stored_in_half(void)
{
    static const char *const files[] = { voxel, "tests/golden/render/voxel_shaded.safetensors", hashgrid };
    char path[64];
    Err err = { 0 };
    Report r;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        copy_halved(path, files[i]);
        CHECK_OK(verify_file(&r, path, 0, &err), &err);
        CHECK(r.failed == 0 && r.culprit == -1, "%s in binary16: %d failed, first '%s'", files[i], r.failed, r.culprit < 0 ? "" : r.rows[r.culprit].name);
        report_free(&r);
        unlink(path);
    }
    culprit_is(voxel, "out.c2w", (double)NAN, "out.c2w", 1);
    culprit_is(voxel, "out.c2w", 0.1, "out.c2w", 1);
}

static void strange_renders(void)
{
    static const char shaded[] = "tests/golden/render/voxel_shaded.safetensors", backdrop[] = "tests/golden/render/background_mlp.safetensors";
    expect_trouble_with(shaded, "shading", "phong", "'shading' is 'phong', expected albedo, lambertian, textureless or normal");
    expect_trouble_with(shaded, "shading", NULL, "'shading'");
    expect_trouble_with(shaded, "light", NULL, "'light'");
    expect_trouble_with(shaded, "light", "1 2", "'light' is '1 2', expected three numbers");
    expect_trouble_with(shaded, "background", "1 2 x", "'background' is '1 2 x', expected three numbers");
    expect_trouble_with(shaded, "background", "mlp", "no tensor 'in.background.w1'");
    expect_trouble_with(backdrop, "background", "colour", "no tensor 'in.background'");
    char path[64];
    copy_with(path, backdrop, NULL, 0, "in.background.w1", "in.background.w");
    expect_trouble(path, "in.background.w1");
    unlink(path);
    copy_with(path, backdrop, NULL, 0, "in.background.b2", NULL);
    expect_trouble(path, "in.background.b2");
    unlink(path);
}

/* Inputs alone: nothing was compared, and the verdict does not praise it. */
static void a_trace_without_results(void)
{
    static const char *const says[] = { "short: the file has no result that could be recomputed", "!fine", NULL };
    char path[64], out[OUTPUT];
    copy_with(path, voxel, NULL, 0, "out.", NULL);
    CHECK(command(out, cmd_verify, NULL, "OUT", NULL, path) == EXIT_SHORT, "%s", out);
    check_says(out, says, "no results");
    unlink(path);
}

/* Files of backends that are right, where a result is further off than its bar: the spread of one sample, which is rounding alone; a ball in empty space,
 * whose rays beside it have an opacity of 1e-6; one density everywhere, whose normals have no direction; gradients of a
 * hash grid in its light, through differences of density. (By PyTorch, see oracle/render.py.) */
static void rounding_is_not_blamed(void)
{
    static const struct { const char *path, *moved; int results; } files[] = {
        { one_sample, "out.z_variance", 7 }, { ball, sizeof(real) == sizeof(double) ? "out.grad.grid" : NULL, 9 }, { lit, "out.grad.w2", 13 },
        { "tests/golden/render/even_density.safetensors", "out.grad.grid", 9 },
    };
    for (int i = 0; i < 4; i++) {
        Err err = { 0 };
        Report r;
        CHECK_OK(verify_file(&r, files[i].path, 0, &err), &err);
        CHECK(r.failed == 0 && r.checked == files[i].results, "%s: %d of %d failed", files[i].path, r.failed, r.checked);
        int found = files[i].moved == NULL;
        for (int k = 0; k < r.count; k++) {
            const Row *row = &r.rows[k];
            const int beyond = !(row->local <= row->bar.local && row->accumulated <= row->bar.accumulated);
            CHECK(row->rounding == beyond, "%s: %s, %g and %g", files[i].path, row->name, row->accumulated, row->local);
            found |= row->rounding && files[i].moved != NULL && strcmp(row->name, files[i].moved) == 0;
        }
        CHECK(found, "%s: '%s' is within its bar", files[i].path, files[i].moved);
        report_free(&r);
    }
}

/* Beside what rounding moves, and in it where it moves less. */
static void faults_beside_rounding_are_named(void)
{
    culprit_is(one_sample, "out.z_variance", 1e-9, "out.z_variance", 1);
    culprit_is(one_sample, "out.z_variance", (double)NAN, "out.z_variance", 1);
    culprit_is(one_sample, "out.depth", 1e-3, "out.depth", 1);
    culprit_is(ball, "out.rgb", 1e-3, "out.rgb", 1);
    culprit_is(ball, "out.normal", 1e-2, "out.normal", 1);
    culprit_is(ball, "out.grad.grid", (double)NAN, "out.grad.grid", 1);
    culprit_is(lit, "out.orientation", 1e-3, "out.orientation", 1);
    culprit_is(lit, "out.grad.table", 1e-2, "out.grad.table", 1);
    culprit_is(lit, "out.grad.w1", 1e-2, "out.grad.w1", 1);
    culprit_is(lit, "out.grad.w2", (double)INFINITY, "out.grad.w2", 1);
}

static void tolerance_overrides(void)
{
    Err err = { 0 };
    Report r;
    CHECK_OK(verify_file(&r, goldens[1].path, 1e-30, &err), &err);
    CHECK(r.failed > 0, "a tolerance of 1e-30 admits everything");
    report_free(&r);
    CHECK_OK(verify_file(&r, one_sample, 1e-5, &err), &err);
    CHECK(r.failed == 1, "a tolerance is not widened: %d failed", r.failed);
    report_free(&r);
}

int main(void)
{
    TEST(goldens_are_within_their_bars);
    TEST(the_broken_tensor_is_named);
    TEST(the_broken_module_is_named);
    TEST(faults_of_backends_are_named);
    TEST(zeros_are_blamed);
    TEST(what_is_missing_or_strange);
    TEST(strange_renders);
    TEST(renders_of_other_shapes);
    TEST(inputs_that_are_no_numbers);
    TEST(renders_stored_in_half);
    TEST(a_trace_without_results);
    TEST(rounding_is_not_blamed);
    TEST(faults_beside_rounding_are_named);
    TEST(tolerance_overrides);
    return test_end();
}
