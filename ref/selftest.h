/* selftest.h -- does this machine keep the numeric contract (tensor/real.h)?
 *
 * Probes ask the arithmetic directly. Digests are SHA-256 over the results of the library on inputs that are drawn by address,
 * as bytes: -0 differs from 0; every NaN counts as the same NaN, for which one comes out is the one thing IEEE-754 leaves open.
 */
#ifndef SDREF_REF_SELFTEST_H
#define SDREF_REF_SELFTEST_H

#include "tensor/err.h"
#include "tensor/real.h"
#include "tensor/sha256.h"

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

/* Items: what they compute is added to s. */
typedef int SelftestItem(Sha256 *s, Err *err);
SelftestItem selftest_unet;                               /* selftest_unet.c: a small UNet's output and gradients, array by array */
/* selftest_field.c: a view of a small random field, and the pull of random cotangents; a mesh; resampling by area */
SelftestItem selftest_voxel, selftest_hashgrid, selftest_mlp, selftest_sh, selftest_lambertian, selftest_mesh, selftest_resample;

void selftest_put(Sha256 *s, const real *x, size_t n);    /* bytes of x, of NaN always the same ones */

#endif
