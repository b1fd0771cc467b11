/* cmd_estimators.c -- sdref estimators: the table of estimators.h for people, as text or as the README's Markdown */
#include "ref/cli.h"
#include "ref/estimators.h"

#include <stdio.h>
#include <string.h>

static const char *const examples[] = {
    "sdref estimators",
    "sdref estimators sdi          # its settings, as traces and `sdref trace --set` call them",
    "sdref estimators --markdown   # the README's table",
    NULL
};
static const Command command = {
    "estimators", "the estimators, and what each pairs with the prediction", "sdref estimators [NAME] [--markdown]", examples, cli_table_options, 1, 0, 1, "NAME",
};

static const char *const anneals[] = { "uniform", "linear", "hifa", "sqrt", "two-stage" };

static void schedule_text(char out[48], const Estimator *e)
{
    if (e->t_max > 0) snprintf(out, 48, "%s, %g to %g", anneals[e->anneal], e->t_max, e->t_min);
    else snprintf(out, 48, "all steps of DDIM");
}

static void print_markdown(void)
{
    char schedule[48];
    printf("| estimator | file | paper | equation | paired with the prediction | w(t) | t | network calls a step and view |\n|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < estimator_count(); i++) {
        const Estimator *e = estimator_at(i);
        schedule_text(schedule, e);
        printf("| %s | `%s` | %s | %s | %s | %s | %s | %s |\n", e->name, e->file, e->paper, e->equation, e->pairs, e->weight[0] == '\0' ? "r_t" : e->weight,
               schedule, e->calls);
    }
}

static void print_table(void)
{
    char schedule[48];
    for (int i = 0; i < estimator_count(); i++) {
        const Estimator *e = estimator_at(i);
        schedule_text(schedule, e);
        printf("%-9s %s, %s (%s)\n", e->name, e->paper, e->equation, e->file);
        printf("          pairs the prediction with %s\n", e->pairs);
        printf("          w(t) %s; t %s; calls of the network: %s\n", e->weight[0] == '\0' ? "r_t" : e->weight, schedule, e->calls);
    }
    printf("MV-SDI, arXiv:2606.29964 (ref/mvsdi.c), is how the gradients of several views become one, of any of these: `sdref distill --views K`\n");
    printf("r_t = sigma_t / alpha_t. Calls: at a guidance other than 0 and 1.\n");
}

static int print_one(const char *name, Err *err)
{
    const Estimator *e = estimator_find(name);
    const StepKey *key;
    if (e == NULL) return err_set(err, "NAME: found '%.40s', expected one that `sdref estimators` lists", name);
    printf("%s: %s, %s (%s)\n\nsettings of a step, as metadata of a trace:\n", e->name, e->paper, e->equation, e->file);
    for (int i = 0; (key = estimator_key(e, i)) != NULL; i++) printf("  %-18s %s; `sdref trace` takes %s\n", key->name, key->meaning, key->trial);
    printf("its noise is %s%s\n", e->noise, e->noise_of_run ? ", the same in every step of a run" : "");
    return 0;
}

int cmd_estimators(int argc, char *const *argv)
{
    static const TableShow show = { print_table, print_markdown, print_one };
    return cli_table(&command, &show, argc, argv);
}
