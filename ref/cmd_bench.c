/* cmd_bench.c -- sdref bench WHAT: what can be measured, by name */
#include "ref/cli.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

CommandMain cmd_bench_prior, cmd_bench_depth, cmd_bench_judge, cmd_bench_variance, cmd_bench_estimators;
static const struct { const char *name, *summary; CommandMain *run; } topics[] = {
    { "prior", "how good a prior is: its samples, judged, and its loss", cmd_bench_prior },
    { "variance", "how much the estimators' gradients vary, and what that costs", cmd_bench_variance },
    { "estimators", "every estimator's pictures at one budget, side by side", cmd_bench_estimators },
    { "depth", "how good a depth network is: nearness, mask and normals", cmd_bench_depth },
    { "judge", "how often the judge of those samples is right", cmd_bench_judge },
};
enum { TOPICS = sizeof topics / sizeof topics[0] };

static int usage(void)
{
    printf("Usage: sdref bench WHAT [options]\n\n");
    for (int i = 0; i < TOPICS; i++) printf("  %-10s %s\n", topics[i].name, topics[i].summary);
    printf("\n`sdref bench WHAT --help` says more.\n");
    return EXIT_FINE;
}

int cmd_bench(int argc, char *const *argv)
{
    const char *what = argc > 0 ? argv[0] : "", *names[TOPICS];
    Err err = { 0 };
    if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0) return usage();
    for (int i = 0; i < TOPICS; i++) {
        names[i] = topics[i].name;
        if (strcmp(what, names[i]) == 0) return topics[i].run(argc - 1, argv + 1);
    }
    const char *near = text_nearest(what, names, TOPICS);
    err_set(&err, "bench: found '%.40s', expected %s first%s%s%s", what, "prior, variance, estimators, depth or judge", near == NULL ? "" : "; did you mean '",
            near == NULL ? "" : near, near == NULL ? "" : "'?");
    return cli_trouble(&err);
}
