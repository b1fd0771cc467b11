/* bench_options.h -- the options of a bench that makes runs: its own, and those of distill that say what a run is
 */
#ifndef SDREF_REF_BENCH_OPTIONS_H
#define SDREF_REF_BENCH_OPTIONS_H

#include "ref/estimators.h"
#include "ref/run.h"

enum { BENCH_OPTIONS_MAX = 191, BENCH_ESTIMATORS = 16 };
typedef struct BenchTable { Command command; Option option[BENCH_OPTIONS_MAX]; int own; } BenchTable;

/* The options of `command`, which come first, and those of distill but for the names in left_out. */
void bench_table(BenchTable *t, const Command *command, const char *left_out);

typedef struct BenchAsked {
    const Options *o;                     /* the command line, of table */
    const BenchTable *table;
    const Estimator *estimator[BENCH_ESTIMATORS];
    int count;
} BenchAsked;

/* --estimators, or `standard`: names out of `all` with commas between them, each once. -1 with err set; `others` says why a name that is an
 * estimator's, but not in `all`, is not taken. */
int bench_read_estimators(BenchAsked *a, const char *standard, const char *all, const char *others, Err *err);
/* An option of some estimators alone needs one of those. */
int bench_check_own(const BenchAsked *a, Err *err);
/* What was given on the command line, into the settings of a run by estimator e. */
int bench_load_given(Options *settings, const BenchAsked *a, const Estimator *e, Err *err);
/* "sdi:guidance-inverse=0,ism:t-max=0.8": settings of one estimator each, after those above. `bench_check_each`: is every entry one of an asked estimator that reads
 * it, with a value of its kind? -1 with err set. `bench_load_each`: those of e into the settings of its run. list NULL: none. */
int bench_check_each(const BenchAsked *a, const char *list, Err *err);
int bench_load_each(Options *settings, const BenchAsked *a, const char *list, const Estimator *e, Err *err);
int bench_is_own(const Option *d);        /* is it an option that not every estimator reads? */

#endif
