/* main.c -- sdref COMMAND ...: finds the command and runs it */
#include "ref/cli.h"
#include "ref/regularisers.h"
#include "ref/verify.h"
#include "render/scene.h"
#include "tensor/real.h"
#include "tensor/text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef struct { const char *name, *summary; CommandMain *run; } Entry;

static const Entry entries[] = {
    { "distill", "a prompt goes in, a 3-D object comes out", cmd_distill },
    { "render", "turntable, colours, depth, opacity and normals of a run", cmd_render },
    { "export", "the surface of a run as a mesh: GLB, OBJ, PLY", cmd_export },
    { "sample", "images of a prompt, sampled from a prior", cmd_sample },
    { "verify", "recompute a trace and name the first tensor that is wrong", cmd_verify },
    { "compare", "two files, tensor by tensor", cmd_compare },
    { "trace", "one step with every intermediate, as a trace file", cmd_trace },
    { "estimators", "the estimators, and what each pairs with the prediction", cmd_estimators },
    { "presets", "settings of published configurations, for distill", cmd_presets },
    { "inspect", "tensors, types, shapes and digests of a file", cmd_inspect },
    { "init", "a model of random weights for a config.json", cmd_init },
    { "train", "the shipped networks, trained from nothing", cmd_train },
    { "bench", "how good a prior is, how much the estimators vary", cmd_bench },
    { "selftest", "digests of this machine beside the published ones", cmd_selftest },
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };

/* The words a prompt may be made of: "a COLOUR OBJECT". */
static void help_prompts(void)
{
    printf("a prompt is \"a COLOUR OBJECT\"\n\ncolours:");
    for (int i = 0; i < scene_colour_count(); i++) printf(" %s", scene_colour_name(i));
    printf("\nobjects:");
    for (int i = 0; i < scene_object_count(); i++) printf(" %s", scene_object_name(i));
    printf("\n");
}

/* The weights of the papers' released configurations. */
static void help_regularisers(void)
{
    printf("what a rendered view costs beside the estimator; a weight is a number, or S0,FROM,TO,S1: FROM up to step S0 (0 where it is left\n"
           "out), linear to TO at step S1, and that from there on. Formulae: render/regularise.h, render/convexity.c. SDI weighs them against\n"
           "the mean over its latents, an estimator here counts every value of the picture: for the same balance multiply by 3 x pixels.\n\n");
    printf("  %-14s  %-16s  %s\n", "weight of", "SDI", "DSD");
    for (int i = 0; i < REGULARISERS; i++)
        printf("  %-14s  %-16s  %s\n", regulariser_info[i].name, regulariser_info[i].sdi, regulariser_info[i].dsd);
}

static void usage(FILE *out)
{
    fprintf(out, "sdref %s (%s, numerics %d): the CPU reference of text-to-3D score distillation\n\n"
                 "  sdref distill \"a red mug\" --out runs/mug      a first object, in about a minute\n"
                 "  sdref render runs/mug --size 256              a larger turntable of it\n"
                 "  sdref verify trace.safetensors                is your backend right?\n\n", SDREF_VERSION, REAL_NAME, SDREF_NUMERICS);
    for (int i = 0; i < ENTRIES; i++) fprintf(out, "  %-10s %s\n", entries[i].name, entries[i].summary);
    fprintf(out, "  %-10s %s\n\n`sdref COMMAND --help` says more.\n", "help", "this text; `help prompts`, `help regularisers` and `help trace` list their words");
}

static const Entry *find(const char *name)
{
    for (int i = 0; i < ENTRIES; i++)
        if (strcmp(name, entries[i].name) == 0) return &entries[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[ENTRIES];
    Err err = { 0 };
    for (int i = 0; i < ENTRIES; i++) names[i] = entries[i].name;
    const char *near = text_nearest(name, names, ENTRIES);
    if (near != NULL) err_set(&err, "command '%s' is unknown; did you mean '%s'?", name, near);
    else err_set(&err, "command '%s' is unknown; `sdref --help` lists them", name);
    return cli_trouble(&err);
}

/* help [prompts|regularisers|trace|COMMAND] */
static int help(int argc, char *const *argv)
{
    char *const more[] = { "--help" };
    if (argc == 0) usage(stdout);
    else if (strcmp(argv[0], "prompts") == 0) help_prompts();
    else if (strcmp(argv[0], "regularisers") == 0) help_regularisers();
    else if (strcmp(argv[0], "trace") == 0) vocabulary_print(stdout);
    else {
        const Entry *entry = find(argv[0]);
        return entry == NULL ? unknown(argv[0]) : entry->run(1, more);
    }
    return EXIT_FINE;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    signal(SIGXFSZ, SIG_IGN);                             /* a file that may not grow is then an error with a name */
    if (name == NULL) {
        usage(stderr);
        return EXIT_TROUBLE;
    }
    if (strcmp(name, "--version") == 0) {
        printf("sdref %s (%s, numerics %d)\n", SDREF_VERSION, REAL_NAME, SDREF_NUMERICS);
        return EXIT_FINE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        usage(stdout);
        return EXIT_FINE;
    }
    const Entry *entry = find(name);
    int code = EXIT_FINE;
    if (strcmp(name, "help") == 0) code = help(argc - 2, argv + 2);
    else if (entry == NULL) code = unknown(name);
    else code = entry->run(argc - 2, argv + 2);

    const int unwritten = fflush(stdout) != 0 || ferror(stdout);
    if (unwritten && code != EXIT_TROUBLE) {
        Err err = { 0 };
        err_set(&err, "standard output: cannot be written");
        return cli_trouble(&err);
    }
    return code;
}
