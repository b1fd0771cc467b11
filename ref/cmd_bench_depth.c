/* cmd_bench_depth.c -- sdref bench depth: a depth network against the renderer's truth */
#include "ref/bench_depth.h"
#include "ref/cli.h"
#include "tensor/par.h"
#include "tensor/text.h"

#include <stdio.h>

static const char *const examples[] = {
    "sdref bench depth                               # the shipped network",
    "sdref bench depth runs/depth/model --count 20   # a quick look at another one",
    NULL
};
static const Option options[] = {
    { "Options", "count", OPT_INT, OPT_RESULT, "200", "N", "pictures", 1, 100000, NULL },
    { "Options", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
};
static const Command command = {
    "bench depth", "how good a depth network is: nearness, mask and normals", "sdref bench depth [FOLDER] [options]", examples,
    options, sizeof options / sizeof options[0], 0, 1, "FOLDER",
};

static void print_row(const char *name, const DepthScore *s)
{
    printf("%-26s %11.3f %9.3f %9.1f %9.4f\n", name, text_shown(s->correlation), text_shown(s->mask), text_shown(s->angle), text_shown(s->loss));
}

static void print(const BenchDepth *b, const DepthNet *d)
{
    char name[32];
    printf("%s on %d pictures that nothing was trained on, %s\n\n", d->folder, b->count, REAL_NAME);
    printf("%-26s %11s %9s %9s %9s\n", "", "nearness:", "mask:", "normals:", "mean");
    printf("%-26s %11s %9s %9s %9s\n", "", "correlation", "IoU", "degrees", "square");
    for (int k = 0; k < BENCH_DEPTH_TIMES; k++) {
        snprintf(name, sizeof name, k == 0 ? "without noise" : "t = %d", b->t[k]);
        print_row(name, &b->score[k]);
    }
    print_row("the mean of other pictures", &b->blind);
}

int cmd_bench_depth(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    BenchDepth b;
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    DepthNet *d = depth_open(opt_args(o) > 0 ? opt_arg(o, 0) : DEPTH_FOLDER, &err);
    const int status = d == NULL ? -1 : bench_depth(&b, d, opt_int(o, "count"), &err);
    if (status == 0) print(&b, d);
    depth_close(d);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
