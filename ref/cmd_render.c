/* cmd_render.c -- sdref render RUN: a turntable and sheets (colours, depth, opacity, normals) of the run's field, at any size, into RUN/render/ */
#include "ref/cli.h"
#include "ref/run.h"
#include "tensor/par.h"

#include <stdio.h>

static const char *const examples[] = {
    "sdref render runs/mug",
    "sdref render runs/mug --size 256 --frames 96",
    NULL
};
static const Option options[] = {
    { "Options", "size", OPT_INT, OPT_RESULT, "128", "N", "pixels a side; an image has its own", 8, 2048, NULL },
    { "Options", "frames", OPT_INT, OPT_RESULT, "48", "N", "of the turntable", 1, 1000, NULL },
    { "Options", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
};
static const Command command = {
    "render", "turntable, colours, depth, opacity and normals of a run, of its first particle", "sdref render RUN [options]", examples,
    options, sizeof options / sizeof options[0], 1, 1, "RUN (the folder of a run)",
};

static int render(const Options *o, const char *folder, Err *err)
{
    Run run = { 0 };
    char *prompt = NULL, path[PATH_BYTES];
    Options *settings = opt_new(&distill_command, err);
    int image = 0, particles = 1, status = settings == NULL ? -1 : run_settings_read(settings, &prompt, folder, err);
    if (status == 0) status = run_open_field(&run, settings, prompt, folder, err);
    if (status == 0) {
        const DistillConfig *c = &run.distill->config;
        image = c->field == FIELD_IMAGE;
        particles = c->particles;
        const int size = image && !opt_given(o, "size") ? c->resolution : opt_int(o, "size");
        status = run_path(path, folder, "state.safetensors", err);
        if (status == 0) status = distill_load(run.distill, path, err);
        if (status == 0) status = run_path(path, folder, "render", err);
        if (status == 0) status = run_tour(&run, path, size, opt_int(o, "frames"), err);
        run_close(&run);
    }
    if (status == 0) {
        printf("%s: %s", path, image ? "rgb.png" : "turntable.gif, rgb.png, depth.png, opacity.png, normal.png");
        if (particles > 1) printf(", of the first of %d particles", particles);
        putchar('\n');
    }
    mem_free(prompt);
    opt_free(settings);
    return status;
}

int cmd_render(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    const int status = render(o, opt_arg(o, 0), &err);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
