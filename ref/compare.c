/* compare.c -- two passes over each pair of tensors, a chunk at a time, so that files of any size need little memory
 *
 * Pass 1: counts, maxima, the first bit that differs. Pass 2: sums of squares and products in binary64, ascending, each scaled by
 * a power of two (the exponent of the largest magnitude, exact), so that no finite input overflows or vanishes. With a
 * tolerance a third pass finds the first bad index, for which the norms must be known.
 * A gap of two F64 beyond the largest number counts as infinity.
 */
#include "ref/compare.h"
#include "ref/run.h"
#include "tensor/mem.h"
#include "tensor/sha256.h"
#include "weights/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- units in the last place ---- */

/* The place of x among the numbers of `type`: neighbours are 1 apart, both zeros are 0. */
static int64_t place(double x, StDtype type)
{
    uint64_t bits = 0, sign = 0;
    if (type == ST_F64) {
        memcpy(&bits, &x, sizeof bits);
        sign = (uint64_t)1 << 63;
    } else if (type == ST_F32) {
        const float narrow = f32_from_f64(x);
        uint32_t word;
        memcpy(&word, &narrow, sizeof word);
        bits = word;
        sign = (uint64_t)1 << 31;
    } else {
        bits = type == ST_F16 ? f16_from_f64(x) : bf16_from_f64(x);
        sign = (uint64_t)1 << 15;
    }
    return bits & sign ? -(int64_t)(bits & (sign - 1)) : (int64_t)bits;
}

uint64_t ulp_distance(double a, double b, StDtype type)
{
    BUG_IF(!st_dtype_is_float(type), "ulp of %s", st_dtype_name(type));
    if (isnan(a) || isnan(b)) return ULP_NONE;
    const int64_t infinity = place((double)INFINITY, type), pa = place(a, type), pb = place(b, type);
    if (pa == pb) return 0;
    if (pa == infinity || pa == -infinity || pb == infinity || pb == -infinity) return ULP_NONE;
    return pa > pb ? (uint64_t)pa - (uint64_t)pb : (uint64_t)pb - (uint64_t)pa;
}

static StDtype coarser(StDtype a, StDtype b)
{
    static const StDtype by_precision[] = { ST_BF16, ST_F16, ST_F32 };
    for (int i = 0; i < 3; i++)
        if (a == by_precision[i] || b == by_precision[i]) return by_precision[i];
    return ST_F64;
}

/* ---- one pair of tensors ---- */

enum { CHUNK = 4096 };
typedef struct Chunk {
    int n;
    double a[CHUNK], b[CHUNK], gap[CHUNK];
    uint64_t ulp[CHUNK];            /* 0 too where bits differ but numbers do not: -0 and 0 */
    unsigned char other[CHUNK];     /* 1: not the same bits */
    int64_t ia[CHUNK], ib[CHUNK];
} Chunk;

/* Elements [at, at + n) of t as a tensor. */
static StTensor part_of(const StTensor *t, int64_t at, int n)
{
    StTensor part = *t;
    const size_t size = (size_t)st_dtype_bits(t->dtype) / 8;
    part.bytes = t->bytes + (size_t)at * size;
    part.nbytes = (size_t)n * size;
    part.count = n;
    return part;
}

static void chunk_gaps(Chunk *k, const StTensor *a, const StTensor *b, int floats)
{
    const StDtype type = floats ? coarser(a->dtype, b->dtype) : a->dtype;
    const size_t size = a->dtype == b->dtype ? (size_t)st_dtype_bits(a->dtype) / 8 : 0;
    for (int i = 0; i < k->n; i++) {
        if (floats) {
            k->ulp[i] = ulp_distance(k->a[i], k->b[i], type);
            k->gap[i] = k->a[i] == k->b[i] ? 0.0 : fabs(k->a[i] - k->b[i]);
        } else {
            const int64_t lo = k->ia[i] < k->ib[i] ? k->ia[i] : k->ib[i], hi = k->ia[i] < k->ib[i] ? k->ib[i] : k->ia[i];
            k->a[i] = (double)k->ia[i];
            k->b[i] = (double)k->ib[i];
            k->ulp[i] = (uint64_t)hi - (uint64_t)lo;
            k->gap[i] = (double)k->ulp[i];
        }
        if (size == 0) k->other[i] = !(k->gap[i] == 0.0);
        else k->other[i] = memcmp(a->bytes + (size_t)i * size, b->bytes + (size_t)i * size, size) != 0;
    }
}

/* The elements from `at` on, at most CHUNK; their number. -1: not numbers that can be compared (a type without values
 * here, a float against an integer, a BOOL of 2, a U64 of 2^63 or more). */
static int chunk_load(Chunk *k, const StTensor *a, const StTensor *b, int64_t at)
{
    Err why = { 0 };
    const int64_t left = a->count - at;
    k->n = left < CHUNK ? (int)left : CHUNK;
    const StTensor pa = part_of(a, at, k->n), pb = part_of(b, at, k->n);
    const int floats = st_dtype_is_float(a->dtype);
    if (floats != st_dtype_is_float(b->dtype)) return -1;
    if (floats) {
        if (st_read_f64(k->a, &pa, &why) != 0 || st_read_f64(k->b, &pb, &why) != 0) return -1;
    } else {
        if (st_read_i64(k->ia, &pa, &why) != 0 || st_read_i64(k->ib, &pb, &why) != 0) return -1;
    }
    chunk_gaps(k, &pa, &pb, floats);
    return k->n;
}

/* NaN has no value, and equal infinities no gap: neither enters maxima or norms. */
static int has_value(const Chunk *k, int i)
{
    if (isnan(k->a[i]) || isnan(k->b[i])) return 0;
    return !(isinf(k->a[i]) && k->a[i] == k->b[i]);
}

typedef struct Extent { double a, b, gap; int64_t n; } Extent;       /* largest magnitudes; elements with a value */

/* Pass 1. -1: not numbers. */
static int pass_extremes(CompareRow *r, Extent *most, Chunk *k)
{
    for (int64_t at = 0; at < r->a->count; at += k->n) {
        if (chunk_load(k, r->a, r->b, at) < 0) return -1;
        for (int i = 0; i < k->n; i++) {
            r->nan_a += isnan(k->a[i]) != 0;
            r->nan_b += isnan(k->b[i]) != 0;
            const int nan = isnan(k->a[i]) || isnan(k->b[i]);
            if ((nan || k->other[i]) && r->first < 0) r->first = at + i;
            if (!has_value(k, i)) continue;
            most->n++;
            if (fabs(k->a[i]) > most->a) most->a = fabs(k->a[i]);
            if (fabs(k->b[i]) > most->b) most->b = fabs(k->b[i]);
            if (k->gap[i] > most->gap) most->gap = k->gap[i];
            if (k->ulp[i] > r->max_ulp) r->max_ulp = k->ulp[i];
        }
    }
    r->max_abs = most->gap;
    return 0;
}

static int exponent(double x)
{
    int e = 0;
    frexp(x, &e);
    return e;
}

/* Pass 2: relative, cosine; *rms: the larger root mean square. */
static void pass_norms(CompareRow *r, double *rms, const Extent *most, Chunk *k)
{
    const int ea = exponent(most->a), eb = exponent(most->b), eg = exponent(most->gap);
    double aa = 0, bb = 0, ab = 0, gg = 0;
    for (int64_t at = 0; at < r->a->count; at += k->n) {
        chunk_load(k, r->a, r->b, at);
        for (int i = 0; i < k->n; i++) {
            if (!has_value(k, i)) continue;
            const double a = ldexp(k->a[i], -ea), b = ldexp(k->b[i], -eb), g = ldexp(k->gap[i], -eg);
            aa = fma(a, a, aa);
            bb = fma(b, b, bb);
            ab = fma(a, b, ab);
            gg = fma(g, g, gg);
        }
    }
    const int a_larger = aa > 0 && (bb == 0 || ldexp(sqrt(aa), ea - eb) > sqrt(bb));
    const double norm = a_larger ? sqrt(aa) : sqrt(bb);
    const int e = a_larger ? ea : eb;
    *rms = most->n == 0 ? 0.0 : ldexp(norm / sqrt((double)most->n), e);
    r->relative = gg == 0 ? 0.0 : ldexp(sqrt(gg) / norm, eg - e);
    const double cosine = ab / sqrt(aa * bb);               /* exactly 1 for equal tensors */
    r->cosine = aa == 0 && bb == 0 ? 1.0 : aa == 0 || bb == 0 ? 0.0 : cosine > 1.0 ? 1.0 : cosine < -1.0 ? -1.0 : cosine;
}

/* Pass 3. If no gap exceeded tolerance x rms, the L2 gap would not exceed tolerance x norm: the factor makes that hold in
 * rounded arithmetic, so that a tensor beyond the tolerance always has a first bad index. */
static int64_t pass_first(const CompareRow *r, double tolerance, double rms, Chunk *k)
{
    const double bound = tolerance * rms * (1.0 - 1e-9);
    for (int64_t at = 0; at < r->a->count; at += k->n) {
        chunk_load(k, r->a, r->b, at);
        for (int i = 0; i < k->n; i++) {
            if (isnan(k->a[i]) || isnan(k->b[i])) return at + i;
            if (has_value(k, i) && !(k->gap[i] <= bound)) return at + i;
        }
    }
    return -1;
}

/* Types whose values this program does not read (F8_*, C64, ...): bytes. */
static void judge_bytes(CompareRow *r)
{
    const StTensor *a = r->a, *b = r->b;
    r->first = -1;
    r->nan_a = r->nan_b = 0;
    if (a->dtype != b->dtype) return;
    for (size_t i = 0; i < a->nbytes && r->first < 0; i++)
        if (a->bytes[i] != b->bytes[i]) r->first = (int64_t)(i * 8 / (size_t)st_dtype_bits(a->dtype));
    r->verdict = r->first < 0 ? COMPARE_SAME : COMPARE_FAR;
}

static int same_shape(const StTensor *a, const StTensor *b)
{
    return a->ndim == b->ndim && memcmp(a->dim, b->dim, (size_t)a->ndim * sizeof a->dim[0]) == 0;
}

static void judge(CompareRow *r, double tolerance, Chunk *k)
{
    r->first = -1;
    if (r->a == NULL || r->b == NULL) {
        r->verdict = r->b == NULL ? COMPARE_ONLY_A : COMPARE_ONLY_B;
        return;
    }
    r->verdict = same_shape(r->a, r->b) ? COMPARE_TYPE : COMPARE_SHAPE;
    if (r->verdict == COMPARE_SHAPE) return;
    Extent most = { 0 };
    double rms = 0;
    if (st_dtype_bits(r->a->dtype) % 8 != 0 || st_dtype_bits(r->b->dtype) % 8 != 0 || pass_extremes(r, &most, k) != 0) {
        judge_bytes(r);
        return;
    }
    const int same_bits = r->first < 0;
    r->measured = 1;
    if (most.gap > 0 && isinf(most.gap)) {                 /* no norm is finite */
        r->relative = (double)INFINITY;
        r->cosine = (double)NAN;
        if (tolerance >= 0) r->first = pass_first(r, 0.0, 0.0, k);
    } else {
        pass_norms(r, &rms, &most, k);
        if (tolerance >= 0) r->first = pass_first(r, tolerance, rms, k);
    }
    if (r->nan_a > 0 || r->nan_b > 0) r->relative = (double)NAN;
    if (r->a->dtype != r->b->dtype) return;
    if (r->nan_a > 0 || r->nan_b > 0) r->verdict = COMPARE_NAN;
    else if (same_bits) r->verdict = COMPARE_SAME;
    else r->verdict = tolerance >= 0 && r->relative <= tolerance ? COMPARE_CLOSE : COMPARE_FAR;
}

/* ---- two files ---- */

int compare_passes(Verdict v) { return v == COMPARE_SAME || v == COMPARE_CLOSE; }

/* Both are sorted by key: a merge. */
static int metadata(Comparison *c, Err *err)
{
    const int na = st_meta_count(c->a), nb = st_meta_count(c->b);
    c->meta = mem_new((size_t)na + (size_t)nb + 1, sizeof *c->meta, "comparison", err);
    if (c->meta == NULL) return -1;
    for (int i = 0, j = 0; i < na || j < nb; ) {
        CompareMeta m = { NULL, NULL, NULL };
        const char *ka = NULL, *kb = NULL, *va = NULL, *vb = NULL;
        if (i < na) st_meta_at(&ka, &va, c->a, i);
        if (j < nb) st_meta_at(&kb, &vb, c->b, j);
        const int order = ka == NULL ? 1 : kb == NULL ? -1 : strcmp(ka, kb);
        m.key = order <= 0 ? ka : kb;
        if (order <= 0) m.a = va;
        if (order >= 0) m.b = vb;
        i += order <= 0;
        j += order >= 0;
        if (m.a == NULL || m.b == NULL || strcmp(m.a, m.b) != 0) c->meta[c->metas++] = m;
    }
    return 0;
}

int compare_files(Comparison *c, const char *path_a, const char *path_b, double tolerance, Err *err)
{
    *c = (Comparison){ 0 };
    Chunk *k = mem_new(1, sizeof *k, "comparison", err);
    if (k != NULL) c->a = st_open(path_a, err);
    if (c->a != NULL) c->b = st_open(path_b, err);
    if (c->b != NULL) c->row = mem_new((size_t)st_count(c->a) + (size_t)st_count(c->b) + 1, sizeof *c->row, "comparison", err);
    if (c->row == NULL || metadata(c, err) != 0) {
        mem_free(k);
        comparison_free(c);
        return -1;
    }
    for (int i = 0; i < st_count(c->a); i++) {
        const StTensor *t = st_at(c->a, i);
        c->row[c->rows++] = (CompareRow){ .a = t, .b = st_find(c->b, t->name) };
    }
    for (int i = 0; i < st_count(c->b); i++) {
        const StTensor *t = st_at(c->b, i);
        if (st_find(c->a, t->name) == NULL) c->row[c->rows++] = (CompareRow){ .b = t };
    }
    for (int i = 0; i < c->rows; i++) {
        judge(&c->row[i], tolerance, k);
        c->tensors_bad += !compare_passes(c->row[i].verdict);
    }
    c->fine = c->tensors_bad == 0 && (tolerance >= 0 || c->metas == 0);
    mem_free(k);
    return 0;
}

void comparison_free(Comparison *c)
{
    mem_free(c->row);
    mem_free(c->meta);
    mem_free(c->file);
    st_close(c->a);
    st_close(c->b);
    *c = (Comparison){ 0 };
}

/* ---- two runs ---- */

int file_digest(char hex[65], const char *path, Err *err)
{
    FileMap map;
    unsigned char digest[32];
    if (file_map(&map, path, err) != 0) return -1;
    sha256(digest, map.bytes, map.n);
    sha256_hex(hex, digest);
    file_unmap(&map);
    return 0;
}

int is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static int listing_add(Listing *l, const char *name, Err *err)
{
    BUG_IF(strlen(name) >= LISTED_NAME, "a name of %zu bytes", strlen(name));
    for (int i = 0; i < l->n; i++)
        if (strcmp(l->name[i], name) == 0) return 0;
    if (l->n == l->room) {
        const int room = 2 * l->room + 32;
        char (*more)[LISTED_NAME] = mem_new((size_t)room, sizeof *more, "list of files", err);
        if (more == NULL) return -1;
        if (l->n > 0) memcpy(more, l->name, (size_t)l->n * sizeof *more);
        mem_free(l->name);
        l->name = more;
        l->room = room;
    }
    strcpy(l->name[l->n++], name);
    return 0;
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

int run_listing(Listing *listing, const char *folder, Err *err)
{
    static const char *const fixed[] = { "run.json", "log.csv", "sheet.png", "turntable.gif" };
    char path[PATH_BYTES], name[LISTED_NAME];
    int status = 0;
    for (int i = 0; i < 4 && status == 0; i++) {
        status = run_path(path, folder, fixed[i], err);
        if (status == 0 && file_exists(path)) status = listing_add(listing, fixed[i], err);
    }
    for (int p = 1; p < PARTICLES_MAX && status == 0; p++) {
        snprintf(name, sizeof name, "turntable-%d.gif", p);
        status = run_path(path, folder, name, err);
        if (status == 0 && file_exists(path)) status = listing_add(listing, name, err);
    }
    if (status == 0) status = run_path(path, folder, "views", err);
    if (status != 0) return -1;
    if (!is_folder(path)) return 0;
    DIR *views = opendir(path);
    if (views == NULL) return err_set(err, "%s: cannot be listed: %s", path, strerror(errno));
    for (const struct dirent *e = readdir(views); e != NULL && status == 0; e = readdir(views)) {
        const size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.' || (n > 10 && strcmp(e->d_name + n - 10, ".sdref-tmp") == 0)) continue;       /* file_write's, left by a kill */
        snprintf(name, sizeof name, "views/%.255s", e->d_name);
        status = listing_add(listing, name, err);
    }
    closedir(views);
    if (status == 0 && listing->n > 0) qsort(listing->name, (size_t)listing->n, sizeof *listing->name, by_name);
    return status;
}

/* The digest of folder/name; "" when it is not there. */
static int digest_in(char hex[65], const char *folder, const char *name, Err *err)
{
    char path[PATH_BYTES];
    hex[0] = 0;
    if (run_path(path, folder, name, err) != 0) return -1;
    return file_exists(path) ? file_digest(hex, path, err) : 0;
}

static int digests(Comparison *c, const char *folder_a, const char *folder_b, Err *err)
{
    Listing all = { 0 };
    int status = run_listing(&all, folder_a, err);
    if (status == 0) status = run_listing(&all, folder_b, err);
    if (status == 0) c->file = mem_new((size_t)all.n + 1, sizeof *c->file, "comparison", err);
    if (c->file == NULL) status = -1;
    for (int i = 0; i < all.n && status == 0; i++) {
        CompareFile *f = &c->file[c->files++];
        strcpy(f->name, all.name[i]);
        status = digest_in(f->a, folder_a, f->name, err);
        if (status == 0) status = digest_in(f->b, folder_b, f->name, err);
        c->files_bad += strcmp(f->a, f->b) != 0;
    }
    mem_free(all.name);
    return status;
}

int compare_runs(Comparison *c, const char *folder_a, const char *folder_b, double tolerance, Err *err)
{
    char a[PATH_BYTES], b[PATH_BYTES];
    *c = (Comparison){ 0 };
    if (run_path(a, folder_a, "state.safetensors", err) != 0 || run_path(b, folder_b, "state.safetensors", err) != 0) return -1;
    if (compare_files(c, a, b, tolerance, err) != 0) return -1;
    if (digests(c, folder_a, folder_b, err) != 0) {
        comparison_free(c);
        return -1;
    }
    c->fine = c->fine && (tolerance >= 0 || c->files_bad == 0);
    return 0;
}
