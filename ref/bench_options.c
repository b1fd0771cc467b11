/* bench_options.c -- options of distill in other commands' tables, and lists of estimators */
#include "ref/bench_options.h"

#include <stdio.h>
#include <string.h>

void bench_table(BenchTable *t, const Command *command, const char *left_out)
{
    int n = command->noptions;
    memcpy(t->option, command->options, (size_t)n * sizeof *t->option);
    for (int i = 0; i < distill_command.noptions; i++) {
        BUG_IF(n == BENCH_OPTIONS_MAX, "%d options", n);
        if (!list_has(left_out, distill_command.options[i].name)) t->option[n++] = distill_command.options[i];
    }
    t->command = *command;
    t->command.options = t->option;
    t->command.noptions = n;
    t->own = command->noptions;
}

/* Is the name, of n letters, in "a,b,c"? */
static int in_list(const char *list, const char *name, size_t n)
{
    for (const char *at = list; *at != '\0'; at += *at == ',') {
        const size_t m = strcspn(at, ",");
        if (m == n && memcmp(at, name, n) == 0) return 1;
        at += m;
    }
    return 0;
}

int bench_read_estimators(BenchAsked *a, const char *standard, const char *all, const char *others, Err *err)
{
    const char *list = opt_has(a->o, "estimators") ? opt_string(a->o, "estimators") : standard;
    for (const char *at = list;; at++) {
        char name[32];
        const size_t n = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name), at);
        const Estimator *e = estimator_find(name);
        if (e == NULL || !in_list(all, at, n))
            return err_set(err, "--estimators: found '%s', expected names out of %s with commas between them%s%s", name, all, e == NULL ? "" : "; ",
                           e == NULL ? "" : others);
        for (int i = 0; i < a->count; i++)
            if (a->estimator[i] == e) return err_set(err, "--estimators: found '%s' twice, expected it once", name);
        BUG_IF(a->count == BENCH_ESTIMATORS, "%d estimators", a->count);
        a->estimator[a->count++] = e;
        at += n;
        if (*at == '\0') return 0;
    }
}

int bench_is_own(const Option *d) { return strcmp(d->group, OWN_GROUP) == 0; }

static int is_read(const BenchAsked *a, const char *name)
{
    for (int j = 0; j < a->count; j++)
        if (list_has(a->estimator[j]->options, name)) return 1;
    return 0;
}

int bench_check_own(const BenchAsked *a, Err *err)
{
    for (int i = a->table->own; i < a->table->command.noptions; i++) {
        const Option *d = &a->table->option[i];
        if (opt_given(a->o, d->name) && bench_is_own(d) && !is_read(a, d->name))
            return err_set(err, "--%s: found, but none of --estimators reads it", d->name);
    }
    return 0;
}

int bench_load_given(Options *settings, const BenchAsked *a, const Estimator *e, Err *err)
{
    for (int i = a->table->own; i < a->table->command.noptions; i++) {
        const Option *d = &a->table->option[i];
        if (!opt_given(a->o, d->name) || d->scope == OPT_HOST || (bench_is_own(d) && !list_has(e->options, d->name))) continue;
        if (opt_load(settings, d->name, opt_text(a->o, i), "the command line", err) != 0) return -1;
    }
    return 0;
}

/* ---- settings of one estimator each ---- */

typedef struct Each { char estimator[16], option[32], value[160]; } Each;

/* The entry at `at`, up to a comma or the end, in its three parts. */
static int each_read(Each *x, const char *at, Err *err)
{
    const size_t n = strcspn(at, ","), name = strcspn(at, ":,"), option = strcspn(at, "=,");
    if (name == 0 || option == n || option < name + 2 || name >= sizeof x->estimator || option - name > sizeof x->option || n - option > sizeof x->value)
        return err_set(err, "--each: found '%.*s', expected NAME:OPTION=VALUE, with commas between such", (int)(n < 60 ? n : 60), at);
    snprintf(x->estimator, sizeof x->estimator, "%.*s", (int)name, at);
    snprintf(x->option, sizeof x->option, "%.*s", (int)(option - name - 1), at + name + 1);
    snprintf(x->value, sizeof x->value, "%.*s", (int)(n - option - 1), at + option + 1);
    return 0;
}

static const Option *each_option(const BenchAsked *a, const char *name)
{
    for (int i = a->table->own; i < a->table->command.noptions; i++)
        if (strcmp(a->table->option[i].name, name) == 0 && a->table->option[i].scope != OPT_HOST) return &a->table->option[i];
    return NULL;
}

int bench_load_each(Options *settings, const BenchAsked *a, const char *list, const Estimator *e, Err *err)
{
    Each x;
    for (const char *at = list; at != NULL && *at != '\0'; at += *at == ',') {
        if (each_read(&x, at, err) != 0) return -1;
        at += strcspn(at, ",");
        if (strcmp(x.estimator, e->name) != 0) continue;
        const Option *d = each_option(a, x.option);
        if (d == NULL) return err_set(err, "--each: found '%s:%s', expected an option of the runs of this bench", x.estimator, x.option);
        if (bench_is_own(d) && !list_has(e->options, d->name)) return err_set(err, "--each: found '%s:%s', but %s does not read it", x.estimator, x.option, e->name);
        if (opt_load(settings, x.option, x.value, "--each", err) != 0) return -1;
    }
    return 0;
}

int bench_check_each(const BenchAsked *a, const char *list, Err *err)
{
    Each x;
    for (const char *at = list; at != NULL && *at != '\0'; at += *at == ',') {
        if (each_read(&x, at, err) != 0) return -1;
        at += strcspn(at, ",");
        int i = 0;
        while (i < a->count && strcmp(a->estimator[i]->name, x.estimator) != 0) i++;
        if (i == a->count) return err_set(err, "--each: found '%s', expected one of the estimators of this bench", x.estimator);
        Options *o = opt_new(&distill_command, err);
        const int status = o == NULL ? -1 : bench_load_each(o, a, list, a->estimator[i], err);
        opt_free(o);
        if (status != 0) return -1;
    }
    return 0;
}
