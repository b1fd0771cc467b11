/* verify.h -- recompute a trace from its inputs and say which tensor is wrong
 *
 * Every result is recomputed twice: *accumulated* from the inputs alone, and *locally*, where the run continues from the
 * file's own tensors, so that each step is judged on what that backend fed it. The first tensor whose local error is out of line
 * is the culprit; later ones may only have inherited it. A tensor of a render that agrees with the inputs to within its local bar is right,
 * whatever the file's own camera, which may have been rounded to be stored, makes of it.
 * A network is recomputed a third time, locally, with every module's output moved by a random rounding of the type that the
 * backend computed in. How far a tensor moves is its *noise*: what rounding alone is worth there. The local bar of a module
 * is a multiple of that, so that a wrong epsilon stands out where rounding is quiet, and a module that amplifies
 * rounding is not blamed.
 * In a render rounding is measured where a result is beyond its bars, and its worth taken off each value's gap (verify_rounding.h).
 * Error: relative L2, |ours - file| / max(|file|, c |p|) (see Combines in vocabulary.h). NaN is out of line.
 */
#ifndef SDREF_REF_VERIFY_H
#define SDREF_REF_VERIFY_H

#include "ref/vocabulary.h"

typedef enum {
    ROW_CHECKED,      /* recomputed and compared */
    ROW_GIVEN,        /* taken from the file, which names no network that could recompute it */
    ROW_OURS,         /* the file lacks it: taken from our own run */
    ROW_UNKNOWN       /* in the file, but not in the vocabulary of this trace: not checked, and that is a failure */
} RowKind;

typedef struct Row {
    char name[288], shape[64];
    StDtype dtype;
    RowKind kind;
    double accumulated, local;      /* relative L2 */
    double noise;                   /* relative L2; 0: not measured */
    double accumulated_beyond, local_beyond;     /* what is judged: the errors, of a render in doubt without what rounding is worth */
    real *ours;                     /* of the local pass, until the noise is measured; owned by the report */
    real *whole, *moves;            /* of a render: of the accumulated pass; how far each of `ours` was moved at most; owned by the report */
    int gradient;                   /* of family gradient */
    int misfit;                     /* the last output under this name has another number of values than the file's */
    int calls, seen;                /* a module may run several times under one name: the file has its last output */
    Bar bar;
    int64_t worst;                  /* index of the largest local gap */
    int ok, rounding;               /* rounding: within its bars only without what that is worth */
} Row;

typedef struct Report {
    Row *rows;                      /* in the order of computation; owned */
    int count, room;
    char kind[32], notes[512];      /* what a reader should know: unknown metadata, no network; "; " between */
    int checked, failed, rounding;  /* rows that were recomputed, that are not ok, and that are but for rounding */
    StDtype dtype;                  /* the coarsest type among the results: what the backend computed in */
    int culprit;                    /* first row with its local error beyond the bar, else the first with the accumulated one, else -1 */
    int nearest;                    /* the row whose local error is the largest share of its bar */
    int before;                     /* the last row before the culprit that was checked and is fine by itself, or -1 */
    int unsaid;                     /* outputs of modules, and gradients, that the file does not have */
} Report;

/* tolerance > 0 replaces every bar. -1: err says why the file cannot be judged. */
int  verify_file(Report *report, const char *path, double tolerance, Err *err);
void report_free(Report *report);

#endif
