/* t_run.c -- runs as folders: defaults that follow the prior and the field, the same bytes however a run came about, what the log, the
 * summary and the pictures hold, what is refused, and when another model has come under the same name
 */
#include "ref/compare.h"
#include "ref/run.h"
#include "render/png.h"
#include "tensor/par.h"
#include "tests/command.h"
#include "tests/pipeline_folder.h"

/* ---- settings ---- */

/* A run opened from a line of options; closed again. */
static int open_line(Options **o, const char *prompt, const char *options, const char *prior, Err *err)
{
    Line line;
    Run run;
    line_split(&line, options, prior, "");
    *o = opt_new(&distill_command, err);
    if (*o == NULL || opt_parse(*o, line.n, line.word, err) != 0 || run_open(&run, *o, prompt, "none", err) != 0) return -1;
    run_close(&run);
    return 0;
}

static void defaults(void)
{
    static const struct { const char *options, *condition, *guidance, *resolution, *views, *mode; } cases[] = {
        { "--cameras 5", "view-lr", "1", "64", "4", "antipodal" },
        { "--cameras 5 --field image", "prompt", "1", "64", "1", "independent" },
        { "--cameras 5 --field image --condition posed --views 3 --resolution 16", "posed", "1", "16", "3", "antipodal" },
        { "--cameras 2 --field image --condition view --resolution 8", "view", "1", "8", "1", "independent" },      /* of one label */
        { "--cameras 1 --condition prompt --resolution 8", "prompt", "1", "8", "4", "antipodal" },
        { "--cameras 9 --elevation-min 60 --elevation-max 61 --resolution 8", "view-lr", "1", "8", "4", "antipodal" },
        { "--cameras 1 --front-threshold 0 --back-threshold 180 --condition view --resolution 8", "view", "1", "8", "4", "antipodal" },
        { "--prior PRIOR --views 1", "view", "7.5", "8", "1", "independent" },
        { "--prior PRIOR --views 3 --view-mode stratified", "view", "7.5", "8", "3", "stratified" },
        { "--prior PRIOR --views 8 --view-mode quadruple", "view", "7.5", "8", "8", "quadruple" },
        { "--prior PRIOR --views 6 --view-mode octahedral --consensus --budget 30 --truncated-anneal", "view", "7.5", "8", "6", "octahedral" },
        { "--prior PRIOR --field image", "prompt", "7.5", "8", "1", "independent" },
        { "--prior PRIOR --condition view-lr --guidance 3 --resolution 12", "view-lr", "3", "12", "4", "antipodal" },
    };
    enum { NAMES = 5 };
    static const char *const names[NAMES] = { "condition", "guidance", "resolution", "views", "view-mode" };
    char folder[FOLDER_PATH];
    folder_pixels(folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const want[NAMES] = { cases[i].condition, cases[i].guidance, cases[i].resolution, cases[i].views, cases[i].mode };
        Err err = { 0 };
        Options *o;
        CHECK_OK(open_line(&o, "a red mug", cases[i].options, folder, &err), &err);
        for (int k = 0; k < NAMES; k++)
            for (int j = 0; j < distill_command.noptions; j++)
                if (strcmp(distill_command.options[j].name, names[k]) == 0)
                    CHECK(opt_text(o, j) != NULL && strcmp(opt_text(o, j), want[k]) == 0, "%s: --%s", cases[i].options, names[k]);
        opt_free(o);
    }
    folder_end(folder);
}

/* The exact prior, the network and the loop have the same ones. */
static void thresholds_reach_the_prior(void)
{
    Err err = { 0 };
    Line line;
    Run run;
    Options *o = opt_new(&distill_command, &err);
    line_split(&line, "--cameras 5 --front-threshold 30 --back-threshold 20 --overhead-threshold 50", "", "");
    CHECK_OK(opt_parse(o, line.n, line.word, &err), &err);
    CHECK_OK(run_open(&run, o, "a red mug", "none", &err), &err);
    const ViewThresholds *th[2] = { &run.exact_config.thresholds, &run.distill->config.thresholds };
    for (int i = 0; i < 2; i++) CHECK(th[i]->front == R(30.0) && th[i]->back == R(20.0) && th[i]->overhead == R(50.0), "thresholds %d", i);
    run_close(&run);
    opt_free(o);
}

static void refused(const char *prompt, const char *options, const char *prior, const char *const says[4])
{
    Err err = { 0 };
    Options *o;
    CHECK(open_line(&o, prompt, options, prior, &err) != 0 && err.set, "%s was taken", options);
    CHECK(strchr(err.msg, '\n') == NULL, "%s", err.msg);
    for (int i = 0; i < 4 && says[i] != NULL; i++) CHECK(strstr(err.msg, says[i]) != NULL, "%s: no '%s' in '%s'", options, says[i], err.msg);
    opt_free(o);
}

#define PNG "tests/corpus/png/"
static void refusals(void)
{
    static const struct { const char *prompt, *options, *says[4]; } cases[] = {
        { "a red mug", "--prior exat", { "--prior", "'exat'", "did you mean 'exact'" } },
        { "a red mug", "--prior none/there", { "--prior", "'none/there'", "no folder", "exact" } },
        { "a red mug", "--prior tests/golden", { "tests/golden/model_index.json" } },
        { "a cat", "--prior exact", { "\"cat\"" } },
        { "a red mug", "--perp-neg official", { "--perp-neg", "--prior exact", "with a folder" } },
        { "a cat", "--prior PRIOR --perp-neg official --field image", { "--perp-neg", "--condition view" } },
        { "a cat", "--prior PRIOR --perp-neg threestudio --condition view-lr", { "--perp-neg", "--condition view" } },
        { "a cat", "--prior PRIOR --perp-neg threestudio --estimator nfsd", { "--perp-neg", "--estimator nfsd", "expected one of sds, sdi" } },
        { "a cat", "--prior PRIOR --front-threshold 181", { "--front-threshold", "'181'", "0 to 180" } },
        { "a red mug", "--views 3", { "--views", "found 3", "antipodal, which draws pairs", "--view-mode stratified" } },
        { "a red mug", "--views 1 --view-mode antipodal", { "--views", "found 1", "multiple of 2" } },
        { "a red mug", "--views 5 --view-mode negated", { "--views", "negated, which draws pairs", "multiple of 2" } },
        { "a red mug", "--views 6 --view-mode quadruple", { "--views", "fours", "multiple of 4" } },
        { "a red mug", "--views 4 --view-mode octahedral", { "--views", "sixes", "multiple of 6" } },
        { "a red mug", "--views 2 --view-mode negated --elevation-min 5", { "--view-mode", "negated", "5 to 45", "holds 0" } },
        { "a red mug", "--views 6 --view-mode octahedral --elevation-max -1", { "--view-mode", "octahedral", "-10 to -1", "holds 0" } },
        { "a red mug", "--views 1 --consensus", { "--consensus", "--views 1", "at least 2" } },
        { "a red mug", "--truncated-anneal", { "--truncated-anneal", "--budget" } },
        { "a red mug", "--cameras 2 --resolution 8", { "--cameras: found 2, of which none is a view 'left', which --condition view-lr asks for; expected more, such as 8, or --condition prompt" } },
        { "a red mug", "--cameras 1 --resolution 8 --condition view", { "--cameras: found 1, of which none is a view 'front', which --condition view asks for; expected more, such as 4," } },
        { "a red mug", "--cameras 9 --resolution 8 --elevation-max 61", { "--cameras: found 9, of which none is a view 'overhead'", "expected more, such as " } },
        { "a red mug", "--cameras 1 --resolution 8 --field image --condition view", { "--cameras: found 1, of which none is a view 'front'", "such as 2" } },
        { "a red mug", "--cameras 5 --particles 2", { "--particles", "sds", "expected one of vsd" } },
        { "a red mug", "--cameras 5 --estimator vsd --particle-score lora", { "--particle-score: found lora", "--prior exact", "expected exact" } },
        { "a red mug", "--cameras 5 --estimator vsd --lora-lr 0.1", { "--lora-lr", "--particle-score exact", "expected with lora" } },
        { "a cat", "--prior PRIOR --cameras 300", { "--cameras", "PIPELINE", "--prior exact" } },
        { "a cat", "--prior PRIOR --looks 1", { "--looks" } },
        { "a cat", "--prior PRIOR --sigma-d 0.02", { "--sigma-d" } },
        { "a cat", "--prior PRIOR --prior-seed 0", { "--prior-seed" } },
        { "a cat", "--prior PRIOR --condition posed", { "--condition", "posed", "view, view-lr or prompt" } },
        { "a cat", "--prior PRIOR --resolution 9", { "/unet", "sample", "multiples of 2" } },
        { "a cat", "--prior tests/golden/pipelines/sd1", { "pipelines/sd1/model_index.json", "'vae'", "latents", "pixels" } },
        { "a cat", "--prior tests/golden/pipelines/ddpm", { "PROMPT", "\"a cat\"", "expected \"\"", "takes no text" } },
        { "", "--prior tests/golden/pipelines/ddpm --condition view", { "--condition", "expected prompt", "takes no text" } },
        { "a cat", "--prior tests/golden/pipelines/if", { "T5EncoderModel", "expected CLIPTextModel" } },
        { "a cat", "--prior PRIOR --field image --grid 8", { "--grid", "--field image", "expected --field voxel" } },
        { "a cat", "--prior PRIOR --field image --jitter=false", { "--jitter", "--field image", "expected --field voxel" } },
        { "a cat", "--prior PRIOR --field image --camera-jitter 0.1", { "--camera-jitter", "--field image", "expected --field voxel" } },
        { "a cat", "--prior PRIOR --field image --albedo-share 0.1", { "--albedo-share", "no light falls on", "expected --field voxel" } },
        { "a cat", "--prior PRIOR --diffuse-prob 0.5", { "--diffuse-prob", "--albedo-share 1", "below 1" } },
        { "a cat", "--prior PRIOR --textureless-prob 0.5", { "--textureless-prob", "--albedo-share 1", "below 1" } },
        { "a red mug", "--condition posed --target-jitter 0.2", { "--target-jitter: found 0.2", "--condition posed", "expected 0" } },
        { "a red mug", "--condition posed --preset sdi --camera-jitter 0 --target-jitter 0", { "--up-jitter: found 0.02", "--condition posed" } },
        { "a cat", "--prior PRIOR --field image --view-mode antipodal", { "--view-mode", "--field image", "expected --field voxel" } },
        { "a cat", "--prior PRIOR --estimator sdi --form official --kappa random", { "--kappa", "--form official", "expected --form paper" } },
        { "a cat", "--prior PRIOR --estimator sdi --form official --tau-max 0.1", { "--tau-max", "--form official", "expected --form paper" } },
        { "a cat", "--prior PRIOR --estimator sdi --kappa fixed --guidance-inverse 0", { "--guidance-inverse", "expected --kappa inversion" } },
        { "a cat", "--prior PRIOR --estimator sdi --noise-scale 0.1 --kappa gradient-descent", { "--noise-scale", "expected --kappa inversion" } },
        { "a cat", "--prior PRIOR --estimator csd --guidance 3", { "--guidance", "--estimator csd", "--w1 and --w2" } },
        { "a cat", "--prior PRIOR --estimator csd --cfg-convention text", { "--cfg-convention", "--estimator csd", "--w1 and --w2" } },
        { "a cat", "--prior PRIOR --reference none.png --reference-view 0,0", { "none.png" } },
        { "a cat", "--prior PRIOR --reference " PNG "good_rgb_5x7 --reference-view 0,0", { "rgb_5x7", "7 x 5", "8 x 8", "--resolution" } },
        { "a cat", "--prior PRIOR --reference " PNG "good_rgb_5x7", { "--reference-view", "found none", "AZIMUTH,ELEVATION" } },
        { "a cat", "--prior PRIOR --reference " PNG "good_rgb_5x7 --reference-view 30", { "--reference-view", "'30'", "AZIMUTH,ELEVATION" } },
        { "a cat", "--prior PRIOR --reference " PNG "good_rgb_5x7 --reference-view 30,90", { "--reference-view", "'30,90'" } },
        { "a cat", "--prior PRIOR --reference " PNG "good_rgb_5x7 --reference-view 3,1 --field image", { "--reference-view", "--field image", "none" } },
        { "a cat", "--prior PRIOR --reference-view 30,15", { "--reference-view", "without --reference" } },
        { "a cat", "--prior PRIOR --reference-weight 3", { "--reference-weight", "without --reference" } },
        { "a cat", "--prior PRIOR --estimator dsd_star", { "--estimator", "dsd_star with --field voxel", "--field image", "dsd" } },
        { "a cat", "--prior PRIOR --estimator dsd_star --field image --views 2", { "--views", "found 2", "expected 1" } },
        { "a cat", "--prior PRIOR --estimator dsd_star --field image --budget 9", { "--budget", "dsd_star", "--steps" } },
        { "a cat", "--prior PRIOR --estimator dsd_star --field image --t-min 0.1", { "--t-min", "dsd_star", "DDIM" } },
        { "a cat", "--prior PRIOR --estimator dsd_star --field image --steps 1000", { "--steps", "found 1000", "at most 999", "1000 levels" } },
        { "a cat", "--prior PRIOR --estimator ssd --phi depth --field image", { "--phi", "depth", "no depth", "--field voxel" } },
        { "a cat", "--prior PRIOR --estimator ssd --phi normals --field image", { "--phi", "normals", "no depth", "--field voxel" } },
        { "a cat", "--prior PRIOR --estimator ssd --phi depth", { "--phi", "--resolution 8", "expected 64", "weights/depth" } },
        { "a cat", "--prior PRIOR --estimator ssd --phi depth --depth-net tests/golden/none", { "tests/golden/none" } },
        { "a cat", "--prior PRIOR --estimator ssd --phi normals --depth-net tests/golden/phi --render-resolution 32", { "--render-resolution: found with --phi normals" } },
        { "a cat", "--prior PRIOR --field image --render-resolution 32", { "--render-resolution: found with --field image" } },
        { "a cat", "--prior PRIOR --grid 0", { "--grid", "'0'", "2 to 256" } },
        { "a cat", "--prior PRIOR --field sh --grid 1", { "--grid", "'1'", "2 to 256" } },
        { "a cat", "--prior PRIOR --field sh --sh-degree 3", { "--sh-degree", "'3'", "0 to 2" } },
        { "a cat", "--prior PRIOR --field hashgrid --hash-levels 0", { "--hash-levels", "'0'", "1 to 24" } },
        { "a cat", "--prior PRIOR --field hashgrid --hash-table 1", { "--hash-table", "'1'", "2 to 16777216" } },
        { "a cat", "--prior PRIOR --field mlp --layers 0", { "--layers", "'0'", "1 to 8" } },
        { "a cat", "--prior PRIOR --field mlp --hidden 0", { "--hidden", "'0'", "1 to 256" } },
        { "a cat", "--prior PRIOR --samples 0", { "--samples", "'0'", "1 to 1024" } },
        { "a cat", "--prior PRIOR --hash-levels 4", { "--hash-levels: found with --field voxel", "--field hashgrid" } },
        { "a cat", "--prior PRIOR --field mlp --grid 4", { "--grid: found with --field mlp", "voxel or sh" } },
        { "a cat", "--prior PRIOR --field hashgrid --hash-levels 4 --hash-start 5", { "--hash-start: found 5", "at most --hash-levels, 4" } },
        { "a cat", "--prior PRIOR --field hashgrid --hash-table 100", { "--hash-table: found 100, expected a power of two" } },
        { "a red mug", "--t-max 0", { "--t-min 0.02, --t-max 0: expected the first to be at most the second" } },
        { "a red mug", "--t-min 1", { "--t-min 1, --t-max 0.98: expected" } },
        { "a red mug", "--elevation-min 50", { "--elevation-min 50, --elevation-max 45: expected" } },
        { "a red mug", "--distance-min 100", { "--distance-min 100, --distance-max 2.5: expected" } },
        { "a red mug", "--fovy-min 100", { "--fovy-min 100, --fovy-max 40: expected" } },
        { "a red mug", "--anneal two-stage --t-min 0.6", { "--t-min with --anneal two-stage: ", "0.6..0.5 of the second stage: expected" } },
        { "a cat", "--prior PRIOR --field hashgrid --tv 1", { "--tv: found 1 with --field hashgrid", "--field voxel" } },
        { "a cat", "--prior PRIOR --field image --normals analytic", { "--normals: found with --field image", "expected --field voxel" } },
        { "a cat", "--prior PRIOR --field hashgrid --normals analytic", { "--normals: found analytic with --field hashgrid", "expected differences, or --field voxel or sh" } },
        { "a cat", "--prior PRIOR --field mlp --normals analytic", { "--normals: found analytic with --field mlp", "expected differences" } },
        { "a cat", "--prior PRIOR --normals exact", { "--normals", "'exact'", "analytic" } },
        { "a cat", "--prior PRIOR --field image --occupancy 16", { "--occupancy: found with --field image", "expected --field voxel" } },
        { "a cat", "--prior PRIOR --occupancy 16 --steps 16", { "--occupancy: found 16 with --steps 16", "more than 16 steps" } },
        { "a cat", "--prior PRIOR --occupancy 257", { "--occupancy", "'257'", "0 to 256" } },
        { "a cat", "--prior PRIOR --background-lr 0.1", { "--background-lr: found with --background fixed", "colour or mlp" } },
        { "a cat", "--prior PRIOR --background mlp --consensus --views 2", { "--consensus: found with a --background that is learnt" } },
        { "a cat", "--prior PRIOR --background mlp --field image", { "--background: found with --field image" } },
        { "a cat", "--prior PRIOR --estimator ssd --depth-net tests/golden/phi", { "--depth-net", "--phi quadratic", "depth or normals" } },
        { "a cat", "--prior PRIOR --depth-net tests/golden/phi", { "--depth-net", "--estimator sds", "ssd" } },
        { "a cat", "--prior PRIOR --estimator ssd --mu leave-one-out --views 1", { "--mu", "leave-one-out", "--views 1", "--views 2 or more" } },
        { "a cat", "--prior PRIOR --estimator ssd --mu leave-two-out", { "--mu", "'leave-two-out'", "number, fit or leave-one-out" } },
        { "a cat", "--prior PRIOR --sparsity 0,1", { "--sparsity", "'0,1'", "[STEP,]FROM,TO,STEP" } },
        { "a cat", "--prior PRIOR --sparsity -1", { "--sparsity", "'-1'", "0 to 1000000" } },
        { "a cat", "--prior PRIOR --opaqueness 10,0,1,9", { "--opaqueness", "steps that ascend" } },
        { "a cat", "--prior PRIOR --z-variance 5,0,50 --field image", { "--z-variance: found 0,5,0,50", "--field image", "no geometry", "--field voxel" } },
        { "a cat", "--prior PRIOR --tv 1 --field image", { "--tv: found 1", "--field image", "expected --field voxel" } },
        { "a cat", "--prior PRIOR --convexity-form released", { "--convexity-form", "without --convexity" } },
    };
    char folder[FOLDER_PATH];
    folder_pixels(folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *says[4];
        for (int k = 0; k < 4; k++) says[k] = cases[i].says[k] != NULL && strcmp(cases[i].says[k], "PIPELINE") == 0 ? folder : cases[i].says[k];
        refused(cases[i].prompt, cases[i].options, folder, says);
    }
    static const char *const channels[4] = { "/unet/config.json", "'in_channels' is 4", "expected 3" };
    static const char *const unknown[4] = { "--resolution", "expected one", "/unet/config.json", "'sample_size'" };
    static const char *const oblong[4] = { "--resolution", "expected one", "8 x 16", "square" };
    folder_swap(folder, "unet", "nets/sd15/unet");
    refused("a cat", "--prior PRIOR", folder, channels);
    folder_swap(folder, "unet", "pipelines/if/unet");
    folder_edit(folder, "unet/config.json", "\"sample_size\": 8", "\"sample_size\": [8, 16]");
    refused("a cat", "--prior PRIOR", folder, oblong);
    folder_edit(folder, "unet/config.json", "\"sample_size\": [8, 16]", "\"sample_size\": null");
    refused("a cat", "--prior PRIOR", folder, unknown);
    folder_end(folder);
}

/* ---- whole runs ---- */

static void same_runs(const char *a, const char *b)
{
    Err err = { 0 };
    Comparison c;
    CHECK_OK(compare_runs(&c, a, b, -1, &err), &err);
    CHECK(c.fine && c.files_bad == 0 && c.files >= 4, "%s and %s: %d tensors and %d of %d files differ", a, b, c.tensors_bad, c.files_bad, c.files);
    comparison_free(&c);
}

static int is_there(const char *folder, const char *name)
{
    char path[FOLDER_ROOM];
    folder_path(path, folder, name);
    return file_exists(path);
}

/* As if stopped after some of the steps: the state of the last of them, made by one thread, and the log of more. */
static void stop_after(int steps, const char *half, const char *whole, const char *prompt, const char *options, const char *prior)
{
    Line line;
    Run run;
    StepLog log;
    Err err = { 0 };
    char from[FOLDER_ROOM], path[FOLDER_ROOM];
    void *rows = NULL;
    size_t n;
    line_split(&line, options, prior, half);
    Options *o = opt_new(&distill_command, &err);
    CHECK_OK(opt_parse(o, line.n, line.word, &err), &err);
    CHECK_OK(dir_make(half, &err), &err);
    CHECK_OK(run_open(&run, o, prompt, half, &err), &err);
    CHECK_OK(run_settings_write(&run, o, &err), &err);
    par_threads_set(1);
    for (int i = 0; i < steps; i++) CHECK_OK(distill_step(run.distill, &log), &err);
    folder_path(path, half, "state.safetensors");
    CHECK_OK(distill_save(run.distill, path, &err), &err);
    folder_path(from, whole, "log.csv");
    folder_path(path, half, "log.csv");
    CHECK_OK(file_read(&rows, &n, from, 1 << 20, &err), &err);
    CHECK_OK(file_write(path, rows, n, &err), &err);
    mem_free(rows);
    run_close(&run);
    opt_free(o);
}

typedef struct Kind { const char *prompt, *options; int truth; const char *says[8]; } Kind;      /* says: "!no": is not said */

static int commas(const char *line)
{
    int n = 0;
    for (; *line != '\n' && *line != '\0'; line++) n += *line == ',';
    return n;
}

/* Only with a truth has log.csv a PSNR: here in its last row. Only a LoRA has a loss, a number above 0 at the end of every row. */
static void check_log(const char *folder, int truth, int lora)
{
    char path[FOLDER_ROOM];
    void *text = NULL;
    size_t n = 0;
    Err err = { 0 };
    folder_path(path, folder, "log.csv");
    CHECK_OK(file_read(&text, &n, path, 1 << 20, &err), &err);
    const char *s = text;
    const char *row = s + n;
    while (row > s && (row == s + n || row[-1] != '\n')) row--;
    CHECK(n > 3 && (strstr(row, ",,,") == NULL) == truth, "%s", s);
    CHECK((strstr(s, ",calls,lora_loss\n") != NULL) == lora && commas(row) == commas(s), "%s", s);
    if (lora) CHECK(strtod(strrchr(row, ',') + 1, NULL) > 0, "%s", row);
    mem_free(text);
}

/* Every particle has pictures, and they differ. */
static void check_particles(const char *folder, const char *const *names, int particles)
{
    char path[FOLDER_ROOM], digest[4][65];
    Err err = { 0 };
    for (int i = 0; i < particles; i++) {
        folder_path(path, folder, names[i]);
        CHECK_OK(file_digest(digest[i], path, &err), &err);
        for (int j = 0; j < i; j++) CHECK(strcmp(digest[i], digest[j]) != 0, "%s and %s are the same", names[j], names[i]);
    }
}

static void one_kind(const Kind *k, const char *prior)
{
    char base[] = "/tmp/sdref-run-XXXXXX", whole[64], half[64], out[OUTPUT], line[512];
    const int grid = strstr(k->options, "--occupancy") != NULL, steps = grid ? 20 : 3;      /* a grid is looked at after 16 */
    CHECK(mkdtemp(base) != NULL, "no temporary folder");
    snprintf(whole, sizeof whole, "%s/whole", base);
    snprintf(half, sizeof half, "%s/half", base);
    snprintf(line, sizeof line, "%s --steps %d --quiet --threads 2 --out OUT", k->options, steps);
    CHECK(command(out, cmd_distill, k->prompt, line, prior, whole) == EXIT_FINE, "%s", out);
    check_says(out, k->says, k->options);
    check_log(whole, k->truth, strstr(k->options, "--estimator vsd") != NULL && strstr(k->options, "PRIOR") != NULL);
    snprintf(line, sizeof line, "%s --steps %d", k->options, steps);
    stop_after(grid ? 18 : 1, half, whole, k->prompt, line, prior);
    CHECK(command(out, cmd_distill, NULL, "--resume --quiet --threads 3 --out OUT", prior, half) == EXIT_FINE, "%s", out);
    same_runs(whole, half);
    const int image = strstr(k->options, "image") != NULL;
    CHECK(is_there(whole, "views/00.png") && is_there(whole, "views/07.png") == !image && is_there(whole, "turntable.gif") == !image, "pictures");
    if (strstr(k->options, "--particles 3") != NULL) check_particles(whole, (const char *const[]){ "views/00.png", "views/01.png", "views/02.png" }, 3);
    if (strstr(k->options, "--particles 2") != NULL) {
        check_particles(whole, (const char *const[]){ "views/00.png", "views/particle-1-00.png" }, 2);
        check_particles(whole, (const char *const[]){ "views/07.png", "views/particle-1-07.png" }, 2);
        check_particles(whole, (const char *const[]){ "turntable.gif", "turntable-1.gif" }, 2);
    }
    CHECK(!is_there(whole, "views/particle-2-00.png") && !is_there(whole, "turntable-2.gif"), "a particle too many");
    CHECK(command(out, cmd_render, whole, image ? "" : "--size 16 --frames 3", prior, "") == EXIT_FINE, "%s", out);
    check_says(out, (const char *const[]){ "/render: ", "rgb.png", image ? "!normal.png" : "normal.png", NULL }, "render");
    check_says(out, (const char *const[]){ strstr(k->options, "--particles") != NULL ? ", of the first of " : "!particles", NULL }, "whose pictures");
    CHECK(is_there(whole, "render/rgb.png") && is_there(whole, "render/depth.png") == !image && is_there(whole, "render/normal.png") == !image, "rendered");
    folder_remove(base);
}

static void runs_give_the_same_bytes(void)
{
#define FAR "--samples 6 --blob 4 --views 2 --distance-min 5 --distance-max 6 "      /* a turntable of 128 px is most of a small run */
#define VOXELS "--grid 6 " FAR
    static const Kind kinds[] = {
        { "a cat", "--prior PRIOR " VOXELS, 0, { "a cat, 3 steps", "none: the prompt is of no scene", "turntable.gif", "!posterior" } },
        { "a cat", "--prior PRIOR --perp-neg threestudio --overhead-threshold 20 " VOXELS, 0, { "a cat, 3 steps", "turntable.gif" } },
        { "a red mug", "--prior PRIOR --condition view-lr " VOXELS, 1, { "over 8 held-out views", "dB over the object's", "scenes' posterior says", "of 8 views" } },
        { "a cat", "--prior PRIOR --sparsity 3,0,2 --opaqueness 0,1,2,3 --z-variance 2 --tv 5 --orientation 1 --normal-smooth 2 --convexity 3 --albedo-share 0 --diffuse-prob 1 --background mlp --render-resolution 20 " VOXELS, 0, { "a cat, 3 steps" } },
        { "a cat", "--prior PRIOR --preset mvsdi " VOXELS, 0, { "a cat, 3 steps", "turntable.gif" } },
        { "a cat", "--prior PRIOR --field hashgrid --hash-levels 5 --hash-start 2 --hash-table 64 --hidden 8 " FAR "--normal-smooth 1 --estimator ssd --phi normals --depth-net tests/golden/phi", 0, { "a cat, 3 steps" } },
        { "a cat", "--prior PRIOR --field mlp --frequencies 3 --layers 2 --hidden 8 " FAR "--estimator vsd --particles 2", 0, { "a cat, 3 steps" } },
        { "a cat", "--prior PRIOR --field sh --sh-degree 2 " VOXELS, 0, { "a cat, 3 steps" } },
        { "a cat", "--prior PRIOR --field sh --normals analytic --albedo-share 0 --diffuse-prob 1 --orientation 1 " VOXELS, 0, { "a cat, 3 steps" } },
        { "a cat", "--prior PRIOR --occupancy 5 " VOXELS, 0, { "a cat, 20 steps", "occupancy grid", "% of its cells are live", "!100 % of its cells" } },
        { "a cat", "--prior PRIOR --field image", 0, { "none: the prompt is of no scene", "!turntable", "!posterior", "!occupancy" } },
        { "a cat", "--prior PRIOR --estimator dsd --reference " PNG "good_rgba_16x16 --reference-view 30,15 " VOXELS, 0, { "PSNR to the reference" } },
        { "a red mug", "--cameras 4 --resolution 8 --field image --reference " PNG "good_rgba_16x16", 0, { "PSNR to the reference" } },
        { "a cat", "--prior PRIOR --estimator ssd --phi depth --depth-net tests/golden/phi --mu leave-one-out " VOXELS, 0, { "a cat, 3 steps" } },
        { "a cat", "--prior PRIOR --estimator ssd --phi normals --depth-net tests/golden/phi " VOXELS, 0, { "a cat, 3 steps" } },
        { "a cat", "--prior PRIOR --field image --estimator dsd_star", 0, { "a cat, 3 steps" } },
        { "", "--prior tests/golden/pipelines/ddpm --field image", 0, { "none: the prompt is of no scene", "!turntable" } },
        { "a red mug", "--cameras 4 --resolution 8 --field image", 0, { "none: an image", "prior's posterior says", "of 1 view\n" } },
        { "a red mug", "--cameras 4 --resolution 8 --field image --condition posed", 1, { "PSNR  ", "dB over the object's", "of 1 view\n" } },
        { "a cat", "--prior PRIOR --field image --estimator vsd --particles 3", 0, { "none: the prompt is of no scene", "!turntable" } },
        { "a cat", "--prior PRIOR --estimator vsd " VOXELS, 0, { "none: the prompt is of no scene", "turntable.gif" } },
        { "a red mug", "--cameras 4 --resolution 8 --condition posed --estimator vsd --particles 2 --background colour " VOXELS, 1, { "PSNR over 16 pictures", "of 16 pictures" } },
        { "", "--prior tests/golden/pipelines/ddpm --field image --estimator vsd --particle-score exact", 0, { "none: the prompt" } },
    };
    char folder[FOLDER_PATH];
    folder_pixels(folder);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) one_kind(&kinds[i], folder);
    folder_end(folder);
}

/* The normals of a ball, and of nothing: in the middle of view i, at azimuth 45 i and elevation 15, the normal points to the camera; what is empty is
 * mid grey. Cells stand 4 pixels apart, four in a row. */
static void normals_are_drawn(void)
{
    enum { SIZE = 17, STEP = SIZE + 4 };
    char folder[FOLDER_PATH], base[] = "/tmp/sdref-run-XXXXXX", run[64], path[FOLDER_ROOM], out[OUTPUT], line[256];
    CHECK(mkdtemp(base) != NULL, "no temporary folder");
    snprintf(run, sizeof run, "%s/run", base);
    folder_pixels(folder);
    for (int ball = 0; ball < 2; ball++) {
        Err err = { 0 };
        PngImage png = { 0 };
        void *bytes = NULL;
        size_t n = 0;
        snprintf(line, sizeof line, "--prior PRIOR --steps 1 --lr 1e-6 --grid 16 --samples 20 --views 2 --blob %s --quiet --overwrite --out OUT", ball ? "40 --blob-slope 60" : "-100");
        CHECK(command(out, cmd_distill, "a cat", line, folder, run) == EXIT_FINE, "%s", out);
        CHECK(command(out, cmd_render, run, "--size 17 --frames 1", folder, "") == EXIT_FINE, "%s", out);
        folder_path(path, run, "render/normal.png");
        CHECK_OK(file_read(&bytes, &n, path, 1 << 20, &err), &err);
        CHECK_OK(png_decode(&png, bytes, n, path, &err), &err);
        CHECK(png.h == 2 * STEP + 4 && png.w == 4 * STEP + 4 && png.channels == 3, "%d x %d, %d channels", png.h, png.w, png.channels);
        for (int i = 0; i < 8 && err.set == 0; i++) {
            const unsigned char *corner = png.pixels + 3 * (((size_t)(i / 4) * STEP + 4) * (size_t)png.w + (size_t)(i % 4) * STEP + 4);
            const unsigned char *middle = corner + 3 * (SIZE / 2) * (png.w + 1);
            const double up = 15 * (double)R_PI / 180, around = 45 * i * (double)R_PI / 180;
            const double camera[3] = { cos(up) * cos(around), cos(up) * sin(around), sin(up) };
            for (int j = 0; j < 3; j++) {
                CHECK_LE(fabs(corner[j] - 127.5), 0.5, "view %d: empty is %d", i, corner[j]);
                CHECK_LE(fabs(middle[j] / 127.5 - 1 - (ball ? camera[j] : 0)), ball ? 0.1 : 0.004, "view %d, axis %d: %d", i, j, middle[j]);
            }
        }
        png_free(&png);
        mem_free(bytes);
    }
    folder_remove(base);
    folder_end(folder);
}

/* A column for each regulariser that the run has, empty where its weight is 0; run.json has weights as they are written. A log of other columns is
 * another run's. */
static void regularisers_are_logged(void)
{
    char folder[FOLDER_PATH], base[] = "/tmp/sdref-run-XXXXXX", run[64], path[FOLDER_ROOM], out[OUTPUT];
    void *text = NULL;
    size_t n = 0;
    Err err = { 0 };
    CHECK(mkdtemp(base) != NULL, "no temporary folder");
    snprintf(run, sizeof run, "%s/run", base);
    folder_pixels(folder);
    CHECK(command(out, cmd_distill, "a cat", "--prior PRIOR --z-variance 2.50 --sparsity 3,0,2 --steps 3 --quiet --out OUT " VOXELS, folder, run) == EXIT_FINE,
          "%s", out);
    folder_path(path, run, "log.csv");
    CHECK_OK(file_read(&text, &n, path, 1 << 20, &err), &err);
    long step, calls[3];
    double sparsity[2], z[3];
    const char *row = text;
    CHECK(strncmp(row, "step,t,grad_rms,psnr,psnr_object,calls,sparsity,z_variance\n", 59) == 0, "%s", row);
    for (int k = 0; k < 3; k++) {
        row = strchr(row, '\n') + 1;
        const int found = k < 2 ? sscanf(row, "%ld,%*d,%*f,,,%ld,%lf,%lf\n", &step, &calls[k], &sparsity[k], &z[k])
                                : 1 + sscanf(row, "%ld,%*d,%*f,,,%ld,,%lf\n", &step, &calls[k], &z[k]);
        CHECK(found == 4 && step == k && z[k] > 0, "row %d: %s", k, row);
    }
    CHECK(sparsity[0] > 0.1 && sparsity[0] < 1.1 && sparsity[1] > 0.1 && sparsity[1] < 1.1, "%g %g", sparsity[0], sparsity[1]);
    mem_free(text);
    folder_path(path, run, "run.json");
    CHECK_OK(file_read(&text, &n, path, 1 << 20, &err), &err);
    CHECK(strstr(text, "\"sparsity\": \"0,3,0,2\"") != NULL && strstr(text, "\"z-variance\": \"2.5\"") != NULL, "%s", (char *)text);
    mem_free(text);
    folder_edit(run, "log.csv", "z_variance", "z_variants");
    CHECK(command(out, cmd_distill, NULL, "--resume --quiet --out OUT", folder, run) == EXIT_TROUBLE, "%s", out);
    check_says(out, (const char *const[]){ "log.csv", "heading", NULL }, "another heading");
    folder_remove(base);
    folder_end(folder);
}

/* Nothing there, all full, or cameras within: every map and regulariser has values, and the run ends as others do. A mesh of nothing is no file. */
static void extreme_fields_and_cameras(void)
{
    static const char rest[] = "--prior PRIOR --samples 3 --views 2 --orientation 1 --sparsity 1 --opaqueness 1 --z-variance 1 --normal-smooth 1 --convexity 1 "
                               "--albedo-share 0 --diffuse-prob 1 --steps 3 --quiet --out OUT";
    static const struct { const char *options; int solid; } cases[] = {
        { "--blob -100 --grid 6 --tv 1 --consensus", 0 }, { "--blob 100 --grid 6 --background colour", 1 },
        { "--blob 100 --distance-min 0.3 --distance-max 0.3 --grid 6", 1 },
        { "--blob -100 --field hashgrid --hash-levels 4 --hash-start 2 --hash-table 64 --hidden 8", 0 },
        { "--blob 2 --distance-min 0.3 --distance-max 0.3 --field sh --grid 5", 0 },
    };
    char folder[FOLDER_PATH];
    folder_pixels(folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char base[] = "/tmp/sdref-run-XXXXXX", run[64], path[FOLDER_ROOM], out[OUTPUT], line[1024];
        void *text = NULL;
        size_t n = 0;
        Err err = { 0 };
        CHECK(mkdtemp(base) != NULL, "no temporary folder");
        snprintf(run, sizeof run, "%s/run", base);
        snprintf(line, sizeof line, "%s %s", cases[i].options, rest);
        CHECK(command(out, cmd_distill, "a cat", line, folder, run) == EXIT_FINE, "%s: %s", cases[i].options, out);
        folder_path(path, run, "log.csv");
        CHECK_OK(file_read(&text, &n, path, 1 << 20, &err), &err);
        CHECK(text != NULL && strstr(text, "nan") == NULL && strstr(text, "inf") == NULL, "%s: %s", cases[i].options, (const char *)text);
        mem_free(text);
        const int code = command(out, cmd_export, run, "--resolution 12", "", ""), solid = cases[i].solid;
        CHECK(code == (solid ? EXIT_FINE : EXIT_TROUBLE) && is_there(run, "mesh.glb") == solid, "%s: %s", cases[i].options, out);
        if (!solid) check_says(out, (const char *const[]){ "mesh: the largest density is ", "expected one above the threshold 2.77", NULL }, cases[i].options);
        folder_remove(base);
    }
    folder_end(folder);
}

/* A value near the end of the numbers makes normals that are none: one line, and no folder of pictures. */
static void what_cannot_be_drawn_leaves_nothing(void)
{
    char folder[FOLDER_PATH], base[] = "/tmp/sdref-run-XXXXXX", whole[64], path[FOLDER_ROOM], out[OUTPUT], *prompt = NULL;
    Err err = { 0 };
    Run run = { 0 };
    CHECK(mkdtemp(base) != NULL, "no temporary folder");
    snprintf(whole, sizeof whole, "%s/run", base);
    folder_pixels(folder);
    CHECK(command(out, cmd_distill, "a cat", "--prior PRIOR " VOXELS "--steps 1 --quiet --out OUT", folder, whole) == EXIT_FINE, "%s", out);
    Options *o = opt_new(&distill_command, &err);
    CHECK_OK(run_settings_read(o, &prompt, whole, &err), &err);
    CHECK_OK(run_open_field(&run, o, prompt, whole, &err), &err);
    if (err.set) exit(1);
    folder_path(path, whole, "state.safetensors");
    CHECK_OK(distill_load(run.distill, path, &err), &err);
    run.distill->field->theta[run.distill->field->n / 8] = sizeof(real) == 4 ? R(3e38) : (real)1.7e308;
    CHECK_OK(distill_save(run.distill, path, &err), &err);
    run_close(&run);
    opt_free(o);
    mem_free(prompt);
    CHECK(command(out, cmd_render, whole, "--size 16 --frames 3", folder, "") == EXIT_TROUBLE, "%s", out);
    check_says(out, (const char *const[]){ "sdref: picture of normals: found nan", NULL }, "render");
    CHECK(!is_there(whole, "render"), "a folder is left");
    folder_remove(base);
    folder_end(folder);
}

/* A learning rate at which eight layers leave the range of binary32 (that of binary64 has room: t_distill has other causes): one line, the checkpoint
 * of the step before stays, and going on from it comes to the same end. */
static void a_run_that_blows_up_keeps_its_checkpoint(void)
{
    char folder[FOLDER_PATH], base[] = "/tmp/sdref-run-XXXXXX", run[64], path[FOLDER_ROOM], out[2][OUTPUT], digest[2][65];
    long step = -1;
    Err err = { 0 };
    CHECK(mkdtemp(base) != NULL, "no temporary folder");
    snprintf(run, sizeof run, "%s/run", base);
    folder_path(path, run, "state.safetensors");
    folder_pixels(folder);
    for (int i = 0; i < 2; i++) {
        CHECK(command(out[i], cmd_distill, i == 0 ? "a cat" : NULL, i == 0 ? "--prior PRIOR --field mlp --layers 8 --samples 6 --views 2 --lr 1000 --lr-end 1000 "
                      "--steps 100 --checkpoint-every 1 --quiet --out OUT" : "--resume --checkpoint-every 1 --quiet --out OUT", folder, run) == EXIT_TROUBLE, "%s", out[i]);
        CHECK_OK(file_digest(digest[i], path, &err), &err);
    }
    CHECK(strcmp(out[0], out[1]) == 0 && strcmp(digest[0], digest[1]) == 0, "first: %s, then: %s", out[0], out[1]);
    check_says(out[0], (const char *const[]){ "sdref: step ", ", sds: the rendered image: found nan at index ", ", expected finite values; the last checkpoint is as it was", NULL }, "message");
    CHECK(strchr(out[0], '\n') == out[0] + strlen(out[0]) - 1, "more than a line: %s", out[0]);
    CHECK(sscanf(out[0], "sdref: step %ld, sds: ", &step) == 1 && step > 0, "%s", out[0]);
    StFile *f = st_open(path, &err);
    const char *saved = f == NULL ? NULL : st_meta(f, "step");
    CHECK(saved != NULL && strtol(saved, NULL, 10) == step, "stopped in step %ld, saved after %s", step, saved == NULL ? "none" : saved);
    st_close(f);
    folder_remove(base);
    folder_end(folder);
}

/* Another picture under the same name: refused as another model is. */
static void another_picture_is_not_resumed(void)
{
    char folder[FOLDER_PATH], base[] = "/tmp/sdref-run-XXXXXX", run[64], png[64], out[OUTPUT], line[512];
    void *bytes = NULL;
    size_t n = 0;
    Err err = { 0 };
    CHECK(mkdtemp(base) != NULL, "no temporary folder");
    snprintf(run, sizeof run, "%s/run", base);
    snprintf(png, sizeof png, "%s/ref.png", base);
    folder_pixels(folder);
    CHECK_OK(file_read(&bytes, &n, "tests/corpus/png/good_rgba_16x16", 1 << 20, &err), &err);
    CHECK_OK(file_write(png, bytes, n, &err), &err);
    mem_free(bytes);
    snprintf(line, sizeof line, "--prior PRIOR --reference %s --reference-view 30,15 " VOXELS "--steps 2 --quiet --out OUT", png);
    CHECK(command(out, cmd_distill, "a cat", line, folder, run) == EXIT_FINE, "%s", out);
    CHECK(command(out, cmd_distill, NULL, "--resume --quiet --out OUT", folder, run) == EXIT_FINE, "%s", out);
    CHECK_OK(file_read(&bytes, &n, "tests/corpus/png/good_rgb_16x16", 1 << 20, &err), &err);
    CHECK_OK(file_write(png, bytes, n, &err), &err);
    mem_free(bytes);
    CHECK(command(out, cmd_distill, NULL, "--resume --quiet --out OUT", folder, run) == EXIT_TROUBLE, "%s", out);
    check_says(out, (const char *const[]){ png, "found sha256 ", "expected ", "run.json", "another picture", NULL }, "the picture");
    CHECK(unlink(png) == 0, "%s", png);
    CHECK(command(out, cmd_render, run, "--size 16 --frames 3", folder, "") == EXIT_FINE, "no picture is needed to render: %s", out);
    folder_remove(base);
    folder_end(folder);
}

/* Another model under the same name: refused, with file, found and expected; the run is as it was. */
static void another_model_is_not_resumed(void)
{
    static const struct { const char *file, *from, *to; } edits[] = {
        { "scheduler/scheduler_config.json", "0.012", "0.013" }, { "tokenizer/merges.txt", "#version", "#version " },
    };
    char folder[FOLDER_PATH], base[] = "/tmp/sdref-run-XXXXXX", run[64], out[OUTPUT];
    static const char options[] = "--prior PRIOR --field image --steps 2 --quiet --out OUT", resume[] = "--resume --quiet --out OUT";
    CHECK(mkdtemp(base) != NULL, "no temporary folder");
    snprintf(run, sizeof run, "%s/run", base);
    folder_pixels(folder);
    CHECK(command(out, cmd_distill, "a cat", options, folder, run) == EXIT_FINE, "%s", out);
    CHECK(command(out, cmd_distill, "a cat", "--prior PRIOR --resume --quiet --out OUT", folder, run) == EXIT_FINE, "%s", out);
    CHECK(command(out, cmd_distill, "a cat", "--prior exact --resume --quiet --out OUT", folder, run) == EXIT_TROUBLE, "%s", out);
    check_says(out, (const char *const[]){ "--prior: found exact", folder, NULL }, "another prior");
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        folder_edit(folder, edits[i].file, edits[i].from, edits[i].to);
        CHECK(command(out, cmd_distill, NULL, resume, folder, run) == EXIT_TROUBLE, "%s", out);
        check_says(out, (const char *const[]){ edits[i].file, "found sha256 ", "expected ", "run.json", "another model", NULL }, edits[i].file);
        folder_edit(folder, edits[i].file, edits[i].to, edits[i].from);
        CHECK(command(out, cmd_distill, NULL, resume, folder, run) == EXIT_FINE, "%s", out);
    }
    folder_spoil(folder, "unet/diffusion_pytorch_model.safetensors", "conv_in.bias", SPOIL_NAN);
    CHECK(command(out, cmd_distill, NULL, resume, folder, run) == EXIT_TROUBLE, "%s", out);
    check_says(out, (const char *const[]){ "unet/diffusion_pytorch_model.safetensors", "found sha256 ", "expected ", NULL }, "weights");
    folder_edit(run, "run.json", "unet/config.json", "unet/other.json");
    folder_swap(folder, "unet", "pipelines/if/unet");
    CHECK(command(out, cmd_distill, NULL, resume, folder, run) == EXIT_TROUBLE, "%s", out);
    check_says(out, (const char *const[]){ "unet/config.json", "run.json does not name", NULL }, "a file more");
    folder_edit(run, "run.json", "unet/other.json", "unet/config.json");
    folder_drop(folder, "tokenizer/special_tokens_map.json");
    CHECK(command(out, cmd_distill, NULL, resume, folder, run) == EXIT_TROUBLE, "%s", out);
    check_says(out, (const char *const[]){ "found 9 files", "expected 10", "run.json", NULL }, "a file less");
    folder_drop(folder, "model_index.json");
    CHECK(command(out, cmd_render, run, "", folder, "") == EXIT_FINE, "no prior is needed to render: %s", out);
    folder_edit(run, "run.json", "\"condition\": \"prompt\",", "");
    CHECK(command(out, cmd_render, run, "", folder, "") == EXIT_TROUBLE, "%s", out);
    check_says(out, (const char *const[]){ "run.json", "no setting 'condition'", NULL }, "a setting less");
    folder_edit(run, "run.json", "\"anneal\"", "\"condition\": \"prompt\",\n    \"anneal\"");
    folder_edit(run, "run.json", "\"samples\": \"64\",", "");
    CHECK(command(out, cmd_distill, NULL, resume, folder, run) == EXIT_TROUBLE, "%s", out);
    check_says(out, (const char *const[]){ "run.json", "no setting 'samples'", NULL }, "a setting less that has a default");
    folder_remove(base);
    folder_end(folder);
}

static void another_network_of_phi_is_not_resumed(void)
{
    char folder[FOLDER_PATH], base[] = "/tmp/sdref-run-XXXXXX", net[64], run[64], from[FOLDER_ROOM], out[OUTPUT], line[512];
    CHECK(mkdtemp(base) != NULL && getcwd(from, FOLDER_PATH) != NULL, "no temporary folder");
    snprintf(run, sizeof run, "%s/run", base);
    snprintf(net, sizeof net, "%s/net", base);
    strcat(from, "/tests/golden/phi");
    folder_link(net, from);
    folder_pixels(folder);
    snprintf(line, sizeof line, "--prior PRIOR --estimator ssd --phi depth --depth-net %s " VOXELS "--steps 2 --quiet --out OUT", net);
    CHECK(command(out, cmd_distill, "a cat", line, folder, run) == EXIT_FINE, "%s", out);
    folder_edit(net, "scheduler_config.json", "1000", "999");
    CHECK(command(out, cmd_distill, NULL, "--resume --quiet --out OUT", folder, run) == EXIT_TROUBLE, "%s", out);
    check_says(out, (const char *const[]){ net, "/scheduler_config.json: found sha256 ", "expected ", "run.json", "another model", NULL }, "phi");
    folder_edit(net, "scheduler_config.json", "999", "1000");
    CHECK(command(out, cmd_distill, NULL, "--resume --quiet --out OUT", folder, run) == EXIT_FINE, "%s", out);
    folder_drop(net, "scheduler_config.json");
    CHECK(command(out, cmd_render, run, "--size 16 --frames 3", folder, "") == EXIT_FINE, "no network is needed to render: %s", out);
    folder_remove(base);
    folder_end(folder);
}

int main(void)
{
    TEST(defaults);
    TEST(thresholds_reach_the_prior);
    TEST(refusals);
    TEST(runs_give_the_same_bytes);
    TEST(normals_are_drawn);
    TEST(regularisers_are_logged);
    TEST(extreme_fields_and_cameras);
    TEST(what_cannot_be_drawn_leaves_nothing);
    if (sizeof(real) == 4) TEST(a_run_that_blows_up_keeps_its_checkpoint);
    TEST(another_model_is_not_resumed);
    TEST(another_picture_is_not_resumed);
    TEST(another_network_of_phi_is_not_resumed);
    return test_end();
}
