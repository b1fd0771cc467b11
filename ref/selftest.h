/* selftest.h -- does this machine keep the numeric contract (tensor/real.h)?
 *
 * Probes ask the arithmetic directly. Digests are SHA-256 over the results of the library on inputs that are drawn by address,
 * as bytes: -0 differs from 0; every NaN counts as the same NaN, for which one comes out is the one thing IEEE-754 leaves open.
 */
#ifndef SDREF_REF_SELFTEST_H
#define SDREF_REF_SELFTEST_H

#include "tensor/err.h"
#include "tensor/real.h"

typedef struct Probe { const char *name, *promise; int ok; } Probe;
enum { PROBES = 7 };
void selftest_probes(Probe probe[PROBES]);

enum { DIGEST_DIGITS = 16 };
typedef struct Digest {
    const char *name;
    char found[DIGEST_DIGITS + 1];                        /* of this machine: the first hex digits */
    const char *binary32, *binary64;                      /* published; "" for none */
    int ok;                                               /* found is the one published for this program */
} Digest;

int selftest_count(void);
/* digest (selftest_count()). -1 with err set: out of memory. */
int selftest_digests(Digest *digest, Err *err);

/* selftest_unet.c: a small UNet's output and gradients, array by array. */
int selftest_unet(void (*put)(void *to, const real *x, size_t n), void *to, Err *err);

#endif
