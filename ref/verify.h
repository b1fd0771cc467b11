/* verify.h -- recompute a trace from its inputs and say which tensor is wrong
 *
 * Every result is recomputed twice: *accumulated* from the inputs alone, and *locally*, where the run continues from the
 * file's own tensors, so that each step is judged on what that backend fed it. The first tensor whose local error is out of line
 * is the culprit; later ones may only have inherited it.
 * Error: relative L2, |ours - file| / max(|file|, c |p|) (see Combines in vocabulary.h). NaN is out of line.
 */
#ifndef SDREF_REF_VERIFY_H
#define SDREF_REF_VERIFY_H

#include "ref/vocabulary.h"

typedef enum {
    ROW_CHECKED,      /* recomputed and compared */
    ROW_GIVEN,        /* taken from the file: this program has no network that could recompute it */
    ROW_OURS,         /* the file lacks it: taken from our own run */
    ROW_UNKNOWN       /* in the file, but not in the vocabulary of this trace: not checked, and that is a failure */
} RowKind;

typedef struct Row {
    char name[96], shape[64];
    StDtype dtype;
    RowKind kind;
    double accumulated, local;      /* relative L2 */
    Bar bar;
    int64_t worst;                  /* index of the largest local gap */
    int ok;
} Row;

typedef struct Report {
    Row *rows;                      /* in the order of computation; owned */
    int count, room;
    char kind[32], notes[512];      /* what a reader should know: unknown metadata, no network; "; " between */
    int checked, failed;
    int culprit;                    /* first row with its local error beyond the bar, else the first with the accumulated one, else -1 */
} Report;

/* tolerance > 0 replaces every bar. -1: err says why the file cannot be judged. */
int  verify_file(Report *report, const char *path, double tolerance, Err *err);
void report_free(Report *report);

#endif
