/* cmd_trace.c -- sdref trace: one step of an estimator, one render, or one run of a network, with every intermediate, as a trace file
 *
 * An estimator's step is taken on the exact prior, at the true image of a prompt; vsd's renders are that image alone. A render is of a random field, with
 * random cotangents. `sdref verify` accepts what is written here; a backend can start from its in.* tensors.
 */
#include "ref/cli.h"
#include "ref/estimators.h"
#include "ref/phi.h"
#include "ref/record.h"
#include "ref/render_score.h"
#include "ref/run.h"
#include "ref/trace_field.h"
#include "ref/trace_network.h"
#include "render/scene.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "weights/file.h"

#include <stdio.h>
#include <string.h>

static const char *const examples[] = {
    "sdref trace --out sds.safetensors",
    "sdref trace --t 200 --guidance 7.5 --rng torch-cpu --out sds.safetensors",
    "sdref trace --estimator sdi --set tau=0,inversion_steps=3 --out sdi.safetensors",
    "sdref-f64 trace --kind render --shading lambertian --out render.safetensors",
    "sdref trace --network sd21/unet --size 16 --grad input --out sd21/unet.safetensors",
    NULL
};
static const char *const kinds[] = { "estimator", "render", NULL };
static const char *const estimators[] = { "sds", "csd", "nfsd", "sdi", "ism", "vsd", "asd", "dsd", "dsd_star", "cds", "fsd", "ssd", NULL };
static const char *const conditions[] = { "posed", "view-lr", "view", "prompt", NULL };
static const char *const generators[] = { "philox", "torch-cpu", NULL };
static const char *const fields[] = { "voxel", "hashgrid", "mlp", "sh", NULL };
static const char *const grads[] = { "none", "input", "all", NULL };
static const Option options[] = {
    { "Options", "kind", OPT_CHOICE, OPT_RESULT, "estimator", NULL, "what is traced", 0, 0, kinds },
    { "Options", "out", OPT_STRING, OPT_HOST, NULL, "FILE", "the trace (needed); an older one is replaced", 0, 0, NULL },
    { "Options", "seed", OPT_UINT64, OPT_RESULT, "0", NULL, "of everything random", 0, 0, NULL },
    { "Options", "elevation", OPT_REAL, OPT_RESULT, "15", NULL, "of the camera, degrees", -89, 89, NULL },
    { "Options", "azimuth", OPT_REAL, OPT_RESULT, "30", NULL, "of the camera, degrees", -180, 180, NULL },
    { "Options", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
    { "Estimator", "estimator", OPT_CHOICE, OPT_RESULT, "sds", NULL, "`sdref estimators`", 0, 0, estimators },
    { "Estimator", "set", OPT_STRING, OPT_RESULT, NULL, "KEY=X,..", "other settings of its step (`sdref estimators NAME` lists them)", 0, 0, NULL },
    { "Estimator", "prompt", OPT_STRING, OPT_RESULT, "a red mug", "TEXT", "\"a COLOUR OBJECT\"", 0, 0, NULL },
    { "Estimator", "condition", OPT_CHOICE, OPT_RESULT, "view-lr", NULL, "of the exact prior", 0, 0, conditions },
    { "Estimator", "cameras", OPT_INT, OPT_RESULT, "40", "N", "images a prompt in the exact prior's set", 1, 100000, NULL },
    { "Estimator", "resolution", OPT_INT, OPT_RESULT, "64", "N", "pixels a side", 8, 512, NULL },
    { "Estimator", "t", OPT_INT, OPT_RESULT, "500", NULL, "timestep; of a UNet, too", 0, 999, NULL },
    { "Estimator", "guidance", OPT_REAL, OPT_RESULT, "7.5", "S", "e = e_uncond + S (e_cond - e_uncond)", -1000, 1000, NULL },
    { "Estimator", "weight", OPT_CHOICE, OPT_RESULT, "sds", NULL, "w(t)", 0, 0, time_weight_words },
    { "Estimator", "rng", OPT_CHOICE, OPT_RESULT, "philox", NULL, "torch-cpu: in.noise is torch.manual_seed(seed); torch.randn(1,3,H,W)", 0, 0, generators },
    { "Render", "field", OPT_CHOICE, OPT_RESULT, "voxel", NULL, "of a small size; voxel and sh of --grid", 0, 0, fields },
    { "Render", "grid", OPT_INT, OPT_RESULT, "6", "N", "nodes a side", 2, 128, NULL },
    { "Render", "height", OPT_INT, OPT_RESULT, "8", "N", "pixels", 1, 1024, NULL },
    { "Render", "width", OPT_INT, OPT_RESULT, "10", "N", "pixels", 1, 1024, NULL },
    { "Render", "samples", OPT_INT, OPT_RESULT, "16", "N", "a ray", 1, 1024, NULL },
    { "Render", "shading", OPT_CHOICE, OPT_RESULT, "albedo", NULL, "others than albedo: with normals and orientation too", 0, 0, shading_names },
    { "Render", "jitter", OPT_FLAG, OPT_RESULT, NULL, NULL, "samples jittered along the ray", 0, 0, NULL },
    { "Network", "network", OPT_STRING, OPT_RESULT, NULL, "FOLDER", "config.json and weights: what is traced is a run of it", 0, 0, NULL },
    { "Network", "inputs", OPT_STRING, OPT_RESULT, NULL, "FILE", "tensors in.* (`sdref help trace`); default: drawn from the seed", 0, 0, NULL },
    { "Network", "batch", OPT_INT, OPT_RESULT, "1", "N", "", 1, 1024, NULL },
    { "Network", "size", OPT_STRING, OPT_RESULT, NULL, "N|HxW", "of the UNet's input or the image; default: as trained", 0, 0, NULL },
    { "Network", "tokens", OPT_INT, OPT_RESULT, "77", "N", "of text", 1, 4096, NULL },
    { "Network", "grad", OPT_CHOICE, OPT_RESULT, "none", NULL, "gradients too: of the input, or of every parameter as well", 0, 0, grads },
};
static const Command command = {
    "trace", "one step with every intermediate, as a trace file", "sdref trace --out FILE [options]", examples,
    options, sizeof options / sizeof options[0], 0, 0, "",
};

static int draw_noise(real *noise, size_t n, const Options *o, Err *err)
{
    const uint64_t seed = opt_uint64(o, "seed");
    if (opt_choice(o, "rng") == 0) {
        rng_normal(noise, (RngAt){ seed, 0, 0, RNG_NOISE }, n);
        return 0;
    }
    float *draws = mem_new(n, sizeof *draws, "noise", err);
    TorchCpu g;
    if (draws == NULL) return -1;
    torch_seed(&g, seed);
    torch_randn_f32(&g, draws, n);
    for (size_t i = 0; i < n; i++) noise[i] = (real)draws[i];
    mem_free(draws);
    return 0;
}

/* The text of KEY in --set KEY=TEXT,KEY=TEXT, or of an option of that name; NULL: not said. */
static const char *said(char out[64], const Options *o, const char *key)
{
    static const char *const own[] = { "t", "guidance", "weight" };
    const size_t n = strlen(key);
    for (const char *at = opt_string(o, "set"); at != NULL && *at != '\0'; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, key, n) == 0 && at[n] == '=') {
            snprintf(out, 64, "%.*s", (int)strcspn(at + n + 1, ","), at + n + 1);
            return out;
        }
    for (int i = 0; i < 3; i++)
        for (int k = 0; strcmp(own[i], key) == 0 && k < command.noptions; k++)
            if (strcmp(options[k].name, key) == 0 && opt_given(o, key)) return opt_text(o, k);
    return NULL;
}

/* Is everything in --set a setting of e? */
static int check_set(const Options *o, const Estimator *e, Err *err)
{
    for (const char *at = opt_string(o, "set"); at != NULL && *at != '\0'; at += strcspn(at, ","), at += *at == ',') {
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)strcspn(at, "=,"), at);
        if (!estimator_reads(e, key) || at[strlen(key)] != '=')
            return err_set(err, "--set: found '%.*s', expected KEY=VALUE with a KEY of %s: %s", (int)strcspn(at, ","), at, e->name, e->keys);
    }
    return 0;
}

/* The step's settings, into p and the metadata. */
static int set_step(Step *p, Record *r, const Options *o, const Estimator *e, Err *err)
{
    const StepKey *key;
    if (check_set(o, e, err) != 0) return -1;
    for (int i = 0; (key = estimator_key(e, i)) != NULL; i++) {
        char room[64];
        const char *text = said(room, o, key->name), *trial = strcmp(key->name, "weight") == 0 ? e->weight : key->trial;
        Err why = { 0 };
        if (text == NULL) text = trial;
        if (step_key_set(p, key, text, &why) != 0) return err_set(err, "--set: %s %s", key->name, why.msg);
        stw_meta(r->w, key->name, text);
    }
    return 0;
}

/* One step at the true image of the prompt, seen from the camera of the command line. */
static int trace_step(Record *r, const Options *o, const Schedule *S, const Denoiser *D, int object, int colour, const View *view, Err *err)
{
    const int side = opt_int(o, "resolution");
    const size_t n = 3 * (size_t)side * (size_t)side;
    const Shape shape = { 4, { 1, 3, side, side } };
    const Trace trace = { .put = record_put, .self = r };
    const Estimator *e = estimator_find(estimators[opt_choice(o, "estimator")]);
    Step p = { 0 };
    stw_meta(r->w, "estimator", e->name);
    if (set_step(&p, r, o, e, err) != 0) return -1;
    const int64_t many = p.sdi_form == SDI_OFFICIAL ? p.inversion_steps : 1;
    real *x0 = arena_real(r->arena, n, "x0"), *noise = arena_real(r->arena, (size_t)many * n, "noise"), *grad = arena_real(r->arena, n, "grad");
    if (err->set) return -1;
    if (world_truth(x0, NULL, object, colour, view, side, side, err) != 0) return -1;
    for (size_t i = 0; i < n; i++) x0[i] = r_fma(R(2.0), x0[i], R(-1.0));
    if (draw_noise(noise, (size_t)many * n, o, err) != 0) return -1;
    p.noise = noise;

    if (strcmp(e->name, "ssd") == 0) stw_meta(r->w, "phi", "quadratic");
    stw_meta(r->w, "prompt", opt_string(o, "prompt"));
    record_number(r, "seed", (double)opt_uint64(o, "seed"));
    if (record_put(r, "in.x0", x0, shape, err) != 0) return -1;
    if (record_put(r, e->noise, noise, (Shape){ 4, { many, 3, side, side } }, err) != 0) return -1;
    RenderScore score = { .S = S, .channels = 3, .h = side, .w = side, .count = 1, .image = { x0 } };
    const Denoiser D_phi = render_score_denoiser(&score);
    PhiSource source = { .kind = PHI_QUADRATIC, .channels = 3, .pixels = n / 3 };
    const Phi phi = phi_of(&source);
    Arena *arena = arena_new(err);                             /* the record keeps its copies in its own */
    if (arena == NULL) return -1;
    const Estimate k = { .S = S, .D = D, .D_phi = &D_phi, .phi = &phi, .view = *view, .arena = arena, .trace = &trace, .err = err };
    const int status = e->grad(grad, x0, &p, &k);
    arena_free(arena);
    return status;
}

static int trace_estimator(Record *r, const Options *o, Err *err)
{
    const int side = opt_int(o, "resolution");
    const View view = { opt_real(o, "elevation"), opt_real(o, "azimuth"), R(2.5), R(40.0) };
    const ScheduleConfig sd = schedule_config_sd();
    const ExactConfig exact = {
        .h = side, .w = side, .cameras = opt_int(o, "cameras"), .looks = 1,
        .range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(2.5), R(40.0), R(40.0) },
        .thresholds = view_thresholds_default(), .condition = (Condition)opt_choice(o, "condition"), .sigma_d = R(0.02),
    };
    World world = { 0 };
    Schedule *S = NULL;
    ExactPrior *prior = NULL;
    int object, colour;
    int status = scene_prompt_parse(&object, &colour, opt_string(o, "prompt"), err);
    if (status == 0) status = world_open(&world, side, side, 0, err);
    if (status == 0) S = schedule_new(&sd, err);
    if (S != NULL) prior = exact_new(&world.source, &exact, object, colour, S, err);
    if (prior != NULL) {
        const Denoiser D = exact_denoiser(prior);
        status = trace_step(r, o, S, &D, object, colour, &view, err);
    } else status = -1;
    exact_free(prior);
    schedule_free(S);
    world_close(&world);
    return status;
}

static void render_meta(Record *r, const Options *o, const Field *f)
{
    record_field(r, f);
    stw_meta(r->w, "shading", shading_names[opt_choice(o, "shading")]);
    if (shading_is_lit((Shading)opt_choice(o, "shading"))) stw_meta(r->w, "light", "1.5 -2 2.5");
    stw_meta(r->w, "background", "0.2 0.5 0.8");
    record_number(r, "elevation", opt_double(o, "elevation"));
    record_number(r, "azimuth", opt_double(o, "azimuth"));
    record_number(r, "distance", 2.5);
    record_number(r, "fovy", 40);
    record_number(r, "h", opt_int(o, "height"));
    record_number(r, "w", opt_int(o, "width"));
    record_number(r, "samples", opt_int(o, "samples"));
}

static void take_outputs(RenderOut *v, int count, size_t pixels, Arena *arena)
{
    for (int i = 0; i < count; i++)
        *render_output(v, i) = arena_real(arena, (size_t)render_outputs[i].channels * pixels, render_outputs[i].name);
}

static int put_outputs(Record *r, const char *prefix, RenderOut *v, int count, const Camera *c, Err *err)
{
    for (int i = 0; i < count; i++) {
        char name[48];
        snprintf(name, sizeof name, "%s%s", prefix, render_outputs[i].name);
        if (record_put(r, name, *render_output(v, i), (Shape){ render_outputs[i].channels == 3 ? 3 : 2, { c->h, c->w, 3 } }, err) != 0) return -1;
    }
    return 0;
}

/* Every value normal, but weights such that each layer's sums are. A voxel grid is drawn as traces have it. */
static int random_field(Field *f, uint64_t seed, Arena *arena)
{
    FieldPart part[FIELD_PARTS];
    const int parts = field_parts(part, f);
    real *v = arena_real(arena, f->n, "field");
    if (v == NULL) return -1;
    rng_normal(v, (RngAt){ seed, 0, 0, RNG_INIT }, f->n);
    for (int k = 0; k < parts; k++)
        for (size_t i = 0; part[k].s.nd == 2 && i < shape_count(part[k].s); i++) v[part[k].at + i] /= r_sqrt((real)part[k].s.d[1]);
    if (f->config.kind == FIELD_VOXEL) voxel_from_planes(f, v);
    else memcpy(f->theta, v, f->n * sizeof *v);
    return 0;
}

/* Points for a network's encoding, where there is one. */
enum { ENCODED = 16 };
static int put_points(real p[3 * ENCODED], Record *r, const Field *f, uint64_t seed, Err *err)
{
    if (field_encoding(f) == 0) return 0;
    rng_uniform(p, (RngAt){ seed, 9, 0, RNG_PROBE }, 3 * ENCODED);
    for (int i = 0; i < 3 * ENCODED; i++) p[i] = R(2.0) * p[i] - R(1.0);
    return record_put(r, "in.points", p, (Shape){ 2, { ENCODED, 3 } }, err);
}

/* Inputs first, then results, in the order of computation. */
static int trace_views(Record *r, const Options *o, Field *f, Renderer *renderer, Err *err)
{
    const int h = opt_int(o, "height"), w = opt_int(o, "width"), N = opt_int(o, "samples");
    const size_t pixels = (size_t)h * (size_t)w;
    const uint64_t seed = opt_uint64(o, "seed");
    RenderSettings s = { .samples = N, .background = { R(0.2), R(0.5), R(0.8) }, .shading = (Shading)opt_choice(o, "shading"),
                         .light = { R(1.5), R(-2.0), R(2.5) } };
    const int outputs = s.shading == SHADE_ALBEDO ? 4 : RENDER_OUTPUTS;
    Camera camera;
    const Trace trace = { .put = record_put, .self = r };
    real p[3 * ENCODED], *ray = arena_real(r->arena, 3 * pixels, "rays");
    real *jitter = arena_real(r->arena, pixels * (size_t)N, "jitter"), *grad = arena_real(r->arena, f->n, "gradient");
    RenderOut out = { 0 }, cotangent = { 0 };
    take_outputs(&out, outputs, pixels, r->arena);
    take_outputs(&cotangent, outputs, pixels, r->arena);
    if (err->set || random_field(f, seed, r->arena) != 0) return -1;
    rng_uniform(jitter, (RngAt){ seed, 0, 0, RNG_JITTER }, pixels * (size_t)N);
    camera_look_at(&camera, opt_double(o, "elevation"), opt_double(o, "azimuth"), 2.5, 40, h, w);

    if (trace_field_put(&trace, "in", f->theta, f, r->arena, err) != 0) return -1;
    if (put_points(p, r, f, seed, err) != 0) return -1;
    if (opt_flag(o, "jitter")) {
        s.jitter = jitter;
        if (record_put(r, "in.jitter", jitter, (Shape){ 3, { h, w, N } }, err) != 0) return -1;
    }
    for (int i = 0; i < outputs; i++)
        rng_normal(*render_output(&cotangent, i), (RngAt){ seed, (uint32_t)i, 0, RNG_PROBE }, (size_t)render_outputs[i].channels * pixels);
    if (put_outputs(r, "in.cotangent.", &cotangent, outputs, &camera, err) != 0) return -1;
    for (size_t i = 0; i < pixels; i++) camera_ray(ray + 3 * i, &camera, (real)(i / (size_t)w), (real)(i % (size_t)w));
    if (record_put(r, "out.c2w", &camera.c2w[0][0], (Shape){ 2, { 3, 4 } }, err) != 0) return -1;
    if (record_put(r, "out.ray_d", ray, (Shape){ 3, { h, w, 3 } }, err) != 0) return -1;
    if (field_encoding(f) > 0 && trace_encoding_put(&trace, p, f, ENCODED, r->arena, err) != 0) return -1;
    render_view(&out, renderer, f, &camera, &s);
    if (put_outputs(r, "out.", &out, outputs, &camera, err) != 0) return -1;
    render_pull(grad, renderer, f, &camera, &s, &cotangent);
    return trace_field_put(&trace, "out.grad", grad, f, r->arena, err);
}

static int trace_render(Record *r, const Options *o, Err *err)
{
    const int n = opt_int(o, "grid");
    const FieldConfig config = {
        .kind = (FieldKind)(FIELD_VOXEL + opt_choice(o, "field")), .size = { n, n, n }, .degree = 2,
        .levels = 4, .features = 2, .table = 256, .base = 4, .growth = 1.5, .hidden = 16, .frequencies = 4, .layers = 2,
    };
    Field *f = field_new(&config, err);
    Renderer *renderer = f == NULL ? NULL : renderer_new(f, opt_int(o, "samples"), err);
    if (f != NULL) render_meta(r, o, f);
    const int status = renderer == NULL ? -1 : trace_views(r, o, f, renderer, err);
    renderer_free(renderer);
    field_free(f);
    return status;
}

/* "64" or "48x80". */
static int read_size(TraceNetwork *c, const char *text, Err *err)
{
    char tail;
    const int n = sscanf(text, "%dx%d%c", &c->height, &c->width, &tail);
    if (n == 1 && strchr(text, 'x') == NULL) c->width = c->height;
    if (!((n == 1 && strspn(text, "0123456789") == strlen(text)) || n == 2) || c->height < 1 || c->width < 1 || c->height > 65536 || c->width > 65536)
        return err_set(err, "--size: found '%.40s', expected pixels such as 64 or 48x80", text);
    return 0;
}

static int trace_of_network(Record *r, const Options *o, const char *path, Err *err)
{
    TraceNetwork c = {
        .folder = opt_string(o, "network"), .inputs = opt_string(o, "inputs"), .seed = opt_uint64(o, "seed"), .batch = opt_int(o, "batch"),
        .tokens = opt_int(o, "tokens"), .t = opt_given(o, "t") ? opt_int(o, "t") : -1, .grad = (TraceGrad)opt_choice(o, "grad"),
    };
    if (opt_has(o, "size") && read_size(&c, opt_string(o, "size"), err) != 0) return -1;
    return trace_network(r, &c, path, err);
}

/* Options that were given though this kind of trace reads others. */
static int read_by_kind(const Options *o, Err *err)
{
    const int network = opt_has(o, "network"), render = !network && opt_choice(o, "kind") == 1;
    const char *const own = network ? "Network" : render ? "Render" : "Estimator";
    for (int i = 0; i < command.noptions; i++) {
        const char *name = options[i].name;
        const int of_all = strcmp(options[i].group, "Options") == 0, of_views = strcmp(name, "elevation") == 0 || strcmp(name, "azimuth") == 0;
        int read = of_all || strcmp(options[i].group, own) == 0;
        if (network) read = (read && !of_views && strcmp(name, "kind") != 0) || strcmp(name, "t") == 0;
        if (opt_given(o, name) && !read)
            return err_set(err, "--%s: found with %s, which does not read it; expected the options of \"%s\" (--help)", name,
                           network ? "--network" : render ? "--kind render" : "--kind estimator", own);
    }
    if (render && opt_given(o, "grid") && opt_choice(o, "field") != 0 && strcmp(fields[opt_choice(o, "field")], "sh") != 0)
        return err_set(err, "--grid: found with --field %s, expected --field voxel or sh", fields[opt_choice(o, "field")]);
    return 0;
}

int cmd_trace(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    Record r = { 0 };
    const char *path = opt_string(o, "out");
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    int status = path == NULL ? err_set(&err, "--out: none found, expected a file for the trace, such as sds.safetensors") : 0;
    if (status == 0) status = read_by_kind(o, &err);
    const int network = opt_has(o, "network");
    if (status == 0 && network) status = trace_of_network(&r, o, path, &err);
    if (status == 0 && !network) status = record_open(&r, kinds[opt_choice(o, "kind")], &err);
    if (status == 0 && !network) status = opt_choice(o, "kind") == 0 ? trace_estimator(&r, o, &err) : trace_render(&r, o, &err);
    if (status == 0) status = record_write(&r, path, &err);
    record_close(&r);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
