/* verify_internal.h -- what verify.c gives to the kinds of trace: verify_render.c, verify_estimator.c, verify_network.c */
#ifndef SDREF_REF_VERIFY_INTERNAL_H
#define SDREF_REF_VERIFY_INTERNAL_H

#include "ref/trace.h"
#include "ref/verify.h"

typedef enum { PASS_ACCUMULATED, PASS_LOCAL, PASS_NOISE } Pass;

typedef struct Check {
    const StFile *file;
    const char *trace;              /* "render", "estimator", "unet" ... */
    Report *report;
    Pass pass;                      /* from the second on results are replaced by the file's own */
    int draw;                       /* of the noise */
    double unit;                    /* of the backend's rounding, in the noise pass */
    int heard;                      /* results put in this pass */
    double scale[COMBINES];         /* c |p| by Combines */
} Check;

/* Trace.put of a Check: compares, and in the local pass puts the file's values in place of ours. */
int check_put(void *self, const char *name, real *v, Shape s, Err *err);
/* A result that was taken from the file. */
int check_given(Check *c, const char *name, Err *err);

int check_heard(const Check *c, const char *name);        /* was it put or given in this pass? */

/* An input, which must be finite, or a result as real, of `count` values (0: any); mem_free it. NULL with err set; absent is an error. */
real *check_read(const Check *c, const char *name, size_t count, Err *err);
/* Where there is such a tensor, its sides must be those of s; sides of 1 may be more or fewer. */
int   check_shape(const Check *c, const char *name, Shape s, Err *err);
/* v (n) moved by up to two units in the noise pass, else as it was. */
int   check_shake(const Check *c, real *v, size_t n, Err *err);
int   check_has(const Check *c, const char *name);
int   meta_number(double *out, const Check *c, const char *key, Err *err);         /* absent or no number: an error */
int   meta_whole(int *out, const Check *c, const char *key, int lo, int hi, Err *err);
int   check_meta(const Check *c, const char *key);        /* is there such metadata? */
const char *meta_text(const Check *c, const char *key, Err *err);                  /* NULL: absent */

/* The folder of one of the file's networks: metadata `key`, relative to the file. */
int check_network(char *out, size_t cap, const Check *c, const char *key, Err *err);

int verify_render(Check *c, Err *err);                    /* one pass each */
int verify_estimator(Check *c, Err *err);
int verify_network(Check *c, Err *err);

#endif
