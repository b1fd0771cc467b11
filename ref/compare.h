/* compare.h -- two safetensors files, tensor by tensor; two runs, file by file
 *
 * Tensors are matched by name. Without a tolerance two tensors are the same when type, shape and every bit are, and the
 * files' metadata must be the same too. With one, a tensor passes when its relative L2 gap does not exceed it, and
 * everything but tensors (metadata, digests of other files) is listed and does not count. A tensor that only one file has,
 * another type, another shape: a difference, always.
 *
 * NaN never passes, not even against the same NaN, with or without a tolerance: it is counted, and enters none of max_ulp,
 * max_abs and cosine; `relative` is then NaN. Infinities of one sign at one place are the same and enter no norm; an infinity against
 * anything else is a gap of infinity, ULP_NONE.
 */
#ifndef SDREF_REF_COMPARE_H
#define SDREF_REF_COMPARE_H

#include "weights/safetensors.h"

/* Numbers of `type` (F64 F32 F16 BF16) from a to b, both rounded to it first: 0 when they are the same number (-0 is 0), 1 for
 * neighbours; across zero the way is counted through zero, so that the smallest subnormal and its negative are 2 apart.
 * ULP_NONE, the largest value: a NaN on either side, or infinity against anything else. */
#define ULP_NONE UINT64_MAX
uint64_t ulp_distance(double a, double b, StDtype type);

typedef enum {
    COMPARE_SAME,                   /* type, shape and bits */
    COMPARE_CLOSE,                  /* within the tolerance */
    COMPARE_FAR,                    /* beyond it; without one: other bits */
    COMPARE_NAN, COMPARE_TYPE, COMPARE_SHAPE, COMPARE_ONLY_A, COMPARE_ONLY_B
} Verdict;

typedef struct CompareRow {
    const StTensor *a, *b;          /* NULL: that file lacks it */
    Verdict verdict;
    int measured;                   /* the numbers below mean something: same shape, types F64 F32 F16 BF16 or both integers */
    uint64_t max_ulp;               /* in the coarser of the two types; integers: the largest difference */
    double max_abs;
    double relative;                /* |a - b| / max(|a|, |b|), L2; 0 when both are zero */
    double cosine;                  /* 1 when both are zero, 0 when one is */
    int64_t first;                  /* first index that is bad, or -1. Without a tolerance: other bits (of two types: another
                                     * value), or NaN. With one: NaN, or a gap above tolerance x the larger root mean square; a
                                     * tensor beyond the tolerance has such an index, one within it may */
    int64_t nan_a, nan_b;
} CompareRow;

typedef struct CompareMeta { const char *key, *a, *b; } CompareMeta;          /* a or b NULL: that file lacks it */
enum { LISTED_NAME = 288 };
typedef struct CompareFile { char name[LISTED_NAME], a[65], b[65]; } CompareFile;     /* SHA-256; "": that run lacks it */

typedef struct Comparison {
    CompareRow *row;                /* A's tensors in the order of its data, then B's own */
    int rows;
    CompareMeta *meta;              /* the entries that differ, by key */
    int metas;
    CompareFile *file;              /* of runs: all files that digests cover, by name */
    int files;
    int tensors_bad, files_bad;     /* rows that do not pass; files that differ */
    int fine;                       /* 1: the answer to "are they the same?" */
    StFile *a, *b;                  /* owned; row and meta point into them */
} Comparison;

int compare_passes(Verdict v);                                                /* 1: same or close */

/* tolerance < 0: none (bit for bit). -1 with err set: a file cannot be read; *c is then empty. comparison_free in any case. */
int  compare_files(Comparison *c, const char *path_a, const char *path_b, double tolerance, Err *err);
/* The same for the state.safetensors of two run folders, and the digests of their other files (listed by run_listing). */
int  compare_runs(Comparison *c, const char *folder_a, const char *folder_b, double tolerance, Err *err);
void comparison_free(Comparison *c);

/* The files of a run that digests cover, as far as they are there: run.json, log.csv, sheet.png, turntable.gif, views/NAME (but for NAMEs
 * that begin with "." or end in ".tmp"). Added to *listing unless listed already, sorted. Free listing->name with mem_free. */
typedef struct Listing { char (*name)[LISTED_NAME]; int n, room; } Listing;
int run_listing(Listing *listing, const char *folder, Err *err);

int file_digest(char hex[65], const char *path, Err *err);                    /* SHA-256 of a whole file */
int is_folder(const char *path);

#endif
