/* cmd_sample.c -- sdref sample: images of a prompt from a diffusers folder or from the exact prior, or training pictures, as a sheet */
#include "ref/cli.h"
#include "ref/compare.h"
#include "ref/dataset.h"
#include "ref/pipeline.h"
#include "ref/progress.h"
#include "ref/sample.h"
#include "ref/world.h"
#include "render/picture.h"
#include "render/png.h"
#include "render/scene.h"
#include "sampler/exact.h"
#include "sampler/step.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "weights/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STEPS_MAX = 1000, COUNT_MAX = 256 };
enum { CELL = 128, DATA = 64 };      /* pixels of a side: in the sheet, at least; of a training picture */

static const char *const examples[] = {
    "sdref sample \"a red mug\" --out mug.png",
    "sdref sample \"a photo of a cat\" --prior stable-diffusion-2-1-base --count 1 --out cat.png",
    "sdref sample \"\" --prior ddpm-cifar10-32 --count 16 --out cifar.png",
    "sdref sample --data --count 24 --out data.png",
    NULL
};
static const char *const generators[] = { "philox", "torch-cpu", NULL };
static const Option options[] = {
    { "Options", "prior", OPT_STRING, OPT_RESULT, "exact", "FOLDER", "a diffusers folder (model_index.json), or exact", 0, 0, NULL },
    { "Options", "out", OPT_STRING, OPT_HOST, "sample.png", "FILE", "the sheet; an older one is replaced", 0, 0, NULL },
    { "Options", "count", OPT_INT, OPT_RESULT, "4", "N", "images, of seeds SEED, SEED+1, ...", 1, COUNT_MAX, NULL },
    { "Options", "seed", OPT_UINT64, OPT_RESULT, "0", NULL, "of the first image; with --data: of all", 0, 0, NULL },
    { "Options", "data", OPT_FLAG, OPT_RESULT, NULL, NULL, "no PROMPT: the first pictures that networks are trained on, with their "
      "captions", 0, 0, NULL },
    { "Options", "steps", OPT_INT, OPT_RESULT, "25", "N", "DDIM steps", 1, STEPS_MAX, NULL },
    { "Options", "guidance", OPT_REAL, OPT_RESULT, "7.5", "S", "e = e_uncond + S (e_cond - e_uncond)", -1000, 1000, NULL },
    { "Options", "eta", OPT_REAL, OPT_RESULT, "0", NULL, "0: DDIM; 1: as much noise as DDPM", 0, 1, NULL },
    { "Options", "rng", OPT_CHOICE, OPT_RESULT, "philox", NULL, "torch-cpu: the noise of diffusers with torch.Generator().manual_seed(seed)",
      0, 0, generators },
    { "Options", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
    { "Options", "quiet", OPT_FLAG, OPT_HOST, NULL, NULL, "no list of parts, no progress", 0, 0, NULL },
    { "Folder", "negative", OPT_STRING, OPT_RESULT, NULL, "TEXT", "negative prompt, in the place of the empty one", 0, 0, NULL },
    { "Folder", "height", OPT_INT, OPT_RESULT, NULL, "N", "pixels; default: what the UNet was trained for", 8, 4096, NULL },
    { "Folder", "width", OPT_INT, OPT_RESULT, NULL, "N", "pixels; default: the height", 8, 4096, NULL },
    { "Folder", "embeddings", OPT_STRING, OPT_RESULT, NULL, "FILE", "prompt_embeds, negative_prompt_embeds: text states from a file, for "
      "encoders such as T5 (PROMPT is a label then)", 0, 0, NULL },
};
static const Command command = {
    "sample", "images of a prompt, sampled from a prior", "sdref sample PROMPT|--data [options]", examples,
    options, sizeof options / sizeof options[0], 0, 1, "PROMPT",
};

/* What is sampled from: a pipeline or the exact prior. */
typedef struct Source {
    Pipeline *p;
    Prior *prior;
    World world;
    ExactPrior *exact;
    Schedule *own;
    const Schedule *S;
    Denoiser D;
    int scale;                /* pixels of an image per value of D's, a side */
    int prompted;             /* does it listen to a prompt? */
} Source;

/* Pixels: as asked for, or as trained. */
static int size_of(int *h, int *w, const Pipeline *p, const Options *o, Err *err)
{
    const int scale = pipeline_scale(p), *trained = p->unet->config.sample_size;
    const int known = trained[0] > 0 && trained[1] > 0;
    if (!known && !opt_has(o, "height"))
        return err_set(err, "--height: none found, expected one: %s/config.json has no 'sample_size'", p->unet_folder);
    *h = opt_has(o, "height") ? opt_int(o, "height") : trained[0] * scale;
    *w = opt_has(o, "width") ? opt_int(o, "width") : opt_has(o, "height") ? *h : trained[1] * scale;
    if (*h % scale == 0 && *w % scale == 0) return 0;
    return err_set(err, "--height, --width: found %d and %d, expected multiples of %d", *h, *w, scale);
}

static int check_steps(const Schedule *S, const Options *o, Err *err)
{
    int timestep[STEPS_MAX];
    Err why = { 0 };
    if (inference_timesteps(timestep, S, opt_int(o, "steps"), &why) == 0) return 0;
    return err_set(err, "--steps: %s", why.msg);
}

/* What the options say must fit the folder. */
static int check_options(const Pipeline *p, const Options *o, Err *err)
{
    if (!p->unet->config.uses_text && (opt_arg(o, 0)[0] != 0 || opt_has(o, "negative")))
        return err_set(err, "PROMPT: found \"%.40s\", expected \"\" and no --negative: the UNet of %s takes no text", opt_arg(o, 0),
                       p->folder);
    if (p->embeddings != NULL && opt_has(o, "negative"))
        return err_set(err, "--negative: found with --embeddings, expected the tensor negative_prompt_embeds in that file alone");
    return check_steps(p->S, o, err);
}

static void say_dropped(const Source *s, CondKind kind, const char *what)
{
    const int dropped = prior_dropped(s->prior, kind);
    if (dropped == 0) return;
    fprintf(stderr, "the %s is too long: of its %d tokens the last %d were cut off\n", what, s->p->tokens - 2 + dropped, dropped);
}

static int open_pipeline(Source *s, const Options *o, Err *err)
{
    int h = 0, w = 0;
    s->p = pipeline_open(opt_string(o, "prior"), opt_string(o, "embeddings"), err);
    if (s->p == NULL || size_of(&h, &w, s->p, o, err) != 0 || check_options(s->p, o, err) != 0) return -1;
    if (!opt_flag(o, "quiet")) fprintf(stderr, "%s: %s\n%s", s->p->folder, s->p->class, s->p->found);
    s->scale = pipeline_scale(s->p);
    s->prior = prior_new(s->p, opt_arg(o, 0), opt_string(o, "negative"), h / s->scale, w / s->scale, err);
    if (s->prior == NULL) return -1;
    say_dropped(s, COND_TEXT, "prompt");
    say_dropped(s, COND_NEGATIVE, "negative prompt");
    s->S = s->p->S;
    s->D = prior_denoiser(s->prior);
    s->prompted = s->p->unet->config.uses_text;
    return 0;
}

static int open_exact(Source *s, const Options *o, Err *err)
{
    static const char *const only[] = { "negative", "height", "width", "embeddings" };
    const ScheduleConfig sd = schedule_config_sd();
    const ExactConfig config = {
        .h = 64, .w = 64, .cameras = 40, .looks = 1, .range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(2.5), R(40.0), R(40.0) },
        .thresholds = view_thresholds_default(), .condition = CONDITION_PROMPT, .sigma_d = R(0.02),
    };
    int object, colour;
    for (size_t i = 0; i < sizeof only / sizeof only[0]; i++)
        if (opt_has(o, only[i])) return err_set(err, "--%s: found with the exact prior, expected a folder given with --prior", only[i]);
    if (scene_prompt_parse(&object, &colour, opt_arg(o, 0), err) != 0 || world_open(&s->world, 64, 64, 0, err) != 0) return -1;
    s->S = s->own = schedule_new(&sd, err);
    s->scale = 1;
    if (s->S != NULL && check_steps(s->S, o, err) == 0) s->exact = exact_new(&s->world.source, &config, object, colour, s->S, err);
    if (s->exact == NULL) return -1;
    s->D = exact_denoiser(s->exact);
    s->prompted = 1;
    return 0;
}

static void source_close(Source *s)
{
    exact_free(s->exact);
    world_close(&s->world);
    prior_free(s->prior);
    pipeline_free(s->p);
    schedule_free(s->own);
}

/* ---- one image ---- */

typedef struct Steps { Progress progress; int before; } Steps;

static void step_done(void *self, int done)
{
    Steps *s = self;
    progress_step(&s->progress, s->before + done, NULL);
}

/* How many times as large a sample is shown: small ones with each pixel as a square, so that labels fit. */
static int enlarged(const Source *s)
{
    const int least = s->scale * (s->D.h < s->D.w ? s->D.h : s->D.w);
    return least >= CELL ? 1 : (CELL + least - 1) / least;
}

static int to_picture(Picture *cell, const Source *s, const real *x, Err *err)
{
    const int h = s->D.h * s->scale, w = s->D.w * s->scale;
    Picture plain = { 0 };
    real *image = mem_new(3 * (size_t)h * (size_t)w, sizeof *image, "image", err);
    int status = image == NULL ? -1 : 0;
    if (status == 0 && s->p != NULL) status = pipeline_image(image, s->p, x, s->D.h, s->D.w, err);
    for (size_t i = 0; status == 0 && s->p == NULL && i < 3 * (size_t)h * (size_t)w; i++) image[i] = r_fma(x[i], R(0.5), R(0.5));
    if (status == 0) status = picture_from_planar(&plain, image, h, w, "sample", err);
    if (status == 0) status = picture_enlarge(cell, &plain, enlarged(s), err);
    picture_free(&plain);
    mem_free(image);
    return status;
}

static int sample_one(Picture *cell, const Source *s, Steps *steps, uint64_t seed, const Options *o, Err *err)
{
    const SampleConfig config = {
        .steps = opt_int(o, "steps"), .guidance = s->prompted ? opt_real(o, "guidance") : R(1.0), .eta = opt_double(o, "eta"),
        .view = { R(15.0), R(0.0), R(2.5), R(40.0) }, .noise = (NoiseKind)opt_choice(o, "rng"), .seed = seed,
    };
    const SampleListener listener = { step_done, steps };
    real *x = mem_new((size_t)s->D.channels * (size_t)s->D.h * (size_t)s->D.w, sizeof *x, "sample", err);
    int status = x == NULL ? -1 : sample_ddim(x, &config, s->S, &s->D, &listener, err);
    if (status == 0) status = to_picture(cell, s, x, err);
    mem_free(x);
    return status;
}

/* ---- the sheet ---- */

static int write_sheet(const Picture *cells, const char *const *labels, int count, const PngText *texts, int ntexts, const Options *o, Err *err)
{
    int columns = 1;
    Picture sheet = { 0 };
    Bytes b = { 0 };
    while (columns * columns < count) columns++;
    int status = picture_sheet(&sheet, cells, labels, count, columns, 4, 1, err);
    if (status == 0) status = png_encode(&b, sheet.rgb, sheet.h, sheet.w, 3, texts, ntexts, err);
    if (status == 0) status = file_write(opt_string(o, "out"), b.p, b.n, err);
    bytes_free(&b);
    picture_free(&sheet);
    return status;
}

static const PngText software = { "software", "sdref " SDREF_VERSION " (" REAL_NAME ")" };

static int write_samples(const Picture *cells, const char *const *labels, int count, const char *seeds, const Options *o, Err *err)
{
    static const char *const stored[] = { "prior", "steps", "guidance", "eta", "rng", "negative", "embeddings" };
    PngText texts[16] = { { "prompt", opt_arg(o, 0) }, { "seeds", seeds }, software };
    int ntexts = 3;
    for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++)
        for (int k = 0; k < command.noptions; k++)
            if (strcmp(options[k].name, stored[i]) == 0 && opt_text(o, k) != NULL) texts[ntexts++] = (PngText){ stored[i], opt_text(o, k) };
    return write_sheet(cells, labels, count, texts, ntexts, o, err);
}

static int sample_all(const Source *s, const Options *o, Err *err)
{
    enum { LABEL = 32 };
    const int count = opt_int(o, "count"), per = opt_int(o, "steps");
    const uint64_t seed = opt_uint64(o, "seed");
    char label[COUNT_MAX][LABEL], seeds[COUNT_MAX * LABEL] = "";
    const char *labels[COUNT_MAX];
    Picture cells[COUNT_MAX] = { { 0 } };
    Steps steps = { .before = 0 };
    int status = 0;
    progress_start(&steps.progress, "step", 0, (long)count * per, opt_flag(o, "quiet"));
    for (int i = 0; i < count && status == 0; i++) {
        const size_t at = strlen(seeds);
        snprintf(label[i], LABEL, "seed %" PRIu64, seed + (uint64_t)i);
        snprintf(seeds + at, sizeof seeds - at, "%s%" PRIu64, i == 0 ? "" : " ", seed + (uint64_t)i);
        labels[i] = label[i];
        steps.before = i * per;
        status = sample_one(&cells[i], s, &steps, seed + (uint64_t)i, o, err);
    }
    progress_end(&steps.progress);
    if (status == 0) status = write_samples(cells, labels, count, seeds, o, err);
    if (status == 0) {
        printf("%s: \"%s\", %d x %d pixels", opt_string(o, "out"), opt_arg(o, 0), s->D.w * s->scale, s->D.h * s->scale);
        if (enlarged(s) > 1) printf(" (shown %d times as large)", enlarged(s));
        printf(", seeds %s\n", seeds);
    }
    for (int i = 0; i < count; i++) picture_free(&cells[i]);
    return status;
}

/* ---- training pictures ---- */

/* A caption is at most "an orange television, right side view": two lines of a cell, parted at the comma. */
static void data_label(char label[CAPTION_BYTES], const char *caption)
{
    snprintf(label, CAPTION_BYTES, "%s", caption[0] == '\0' ? "(no caption)" : caption);
    char *comma = strchr(label, ',');
    if (comma != NULL) comma[1] = '\n';
}

/* Pictures 0 .. count-1 of the stream into cells. */
static int data_pictures(Picture *cells, const DatasetItem *items, uint64_t seed, int count, Err *err)
{
    const size_t plane = DATA * DATA;
    real *x = mem_new((size_t)count * 3 * plane, sizeof *x, "pictures", err), *shade = mem_new((size_t)count * plane, sizeof *shade, "shades", err);
    int status = x == NULL || shade == NULL ? -1 : 0;
    if (status == 0) {
        PAR_FOR
        for (int i = 0; i < count; i++) dataset_picture(x + (size_t)i * 3 * plane, shade + (size_t)i * plane, &items[i], seed, DATA, DATA);
        for (size_t i = 0; i < (size_t)count * 3 * plane; i++) x[i] = r_fma(x[i], R(0.5), R(0.5));
    }
    for (int i = 0; i < count && status == 0; i++) {
        Picture plain = { 0 };
        status = picture_from_planar(&plain, x + (size_t)i * 3 * plane, DATA, DATA, "training picture", err);
        if (status == 0) status = picture_enlarge(&cells[i], &plain, CELL / DATA, err);
        picture_free(&plain);
    }
    mem_free(shade);
    mem_free(x);
    return status;
}

static int data_all(const Options *o, Err *err)
{
    const int count = opt_int(o, "count");
    const uint64_t seed = opt_uint64(o, "seed");
    char label[COUNT_MAX][CAPTION_BYTES], seed_text[32], range[64];
    const char *labels[COUNT_MAX];
    DatasetItem items[COUNT_MAX];
    Picture cells[COUNT_MAX] = { { 0 } };
    for (int i = 0; i < count; i++) {
        dataset_item(&items[i], seed, (uint64_t)i);
        data_label(label[i], items[i].caption);
        labels[i] = label[i];
    }
    snprintf(seed_text, sizeof seed_text, "%" PRIu64, seed);
    snprintf(range, sizeof range, "training pictures 0 to %d", count - 1);
    const PngText texts[] = { { "data", range }, { "seed", seed_text }, software };
    int status = data_pictures(cells, items, seed, count, err);
    if (status == 0) status = write_sheet(cells, labels, count, texts, 3, o, err);
    if (status == 0)
        printf("%s: %s, %d x %d pixels (shown %d times as large), seed %s\n", opt_string(o, "out"), range, DATA, DATA, CELL / DATA, seed_text);
    for (int i = 0; i < count; i++) picture_free(&cells[i]);
    return status;
}

/* PROMPT or --data, and what goes with it. */
static int check_kind(const Options *o, Err *err)
{
    static const char *const sampling[] = { "prior", "steps", "guidance", "eta", "rng", "negative", "height", "width", "embeddings" };
    if (!opt_flag(o, "data")) return opt_args(o) == 1 ? 0 : err_set(err, "PROMPT: found none, expected one, or --data");
    if (opt_args(o) > 0)
        return err_set(err, "PROMPT: found \"%.40s\" with --data, expected none: training pictures have captions of their own", opt_arg(o, 0));
    for (size_t i = 0; i < sizeof sampling / sizeof sampling[0]; i++)
        if (opt_given(o, sampling[i])) return err_set(err, "--%s: found with --data, expected a PROMPT: nothing is sampled", sampling[i]);
    return 0;
}

/* The folder of --out must be there before hours of work. */
static int check_out(const Options *o, Err *err)
{
    char folder[4096];
    const char *out = opt_string(o, "out"), *slash = strrchr(out, '/');
    const int wrote = snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 0 : (int)(slash - out), out);
    if (is_folder(out)) return err_set(err, "--out: found the folder '%s', expected a file", out);
    if (slash == NULL || slash == out || (wrote < (int)sizeof folder && is_folder(folder))) return 0;
    return err_set(err, "--out: found '%s', expected a file in a folder that is there", out);
}

int cmd_sample(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    Source s = { 0 };
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    int status = check_kind(o, &err);
    if (status == 0) status = check_out(o, &err);
    const int data = opt_flag(o, "data");
    if (status == 0 && !data) status = strcmp(opt_string(o, "prior"), "exact") == 0 ? open_exact(&s, o, &err) : open_pipeline(&s, o, &err);
    if (status == 0) status = data ? data_all(o, &err) : sample_all(&s, o, &err);
    source_close(&s);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
