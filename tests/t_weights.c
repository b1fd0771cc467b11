/* t_weights.c -- files, element types, safetensors (reader, writer), shards
 *
 * Truth: files spelled out byte by byte here, the format's reject list, torch's published random numbers in a golden file, binary16
 * and bfloat16 by their definition. Faults: every cut of a file, every failing allocation, every failing step of a write.
 */
#include "tests/fuzz.h"
#include "tests/harness.h"
#include "weights/shards.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/sdref-test-XXXXXX";          /* made and removed by main */

/* folder/name, in one of four buffers. */
static const char *in_folder(const char *name)
{
    static char path[4][256];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

/* Removes what is in a folder, and counts it. */
static int folder_clear(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    if (d == NULL) return 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char name[1024];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (unlink(name) != 0) { folder_clear(name); rmdir(name); }
        n++;
    }
    closedir(d);
    return n;
}

static int file_is(const char *path, const void *bytes, size_t n)
{
    Err err = { 0 };
    void *have = NULL;
    size_t m = 0;
    const int same = file_read(&have, &m, path, 1 << 20, &err) == 0 && m == n && (n == 0 || memcmp(have, bytes, n) == 0);
    mem_free(have);
    return same;
}

/* ---- files ---- */

static void files_appear_whole(void)
{
    Err err = { 0 };
    const char *path = in_folder("file");
    CHECK_OK(file_write(path, "old", 3, &err), &err);
    long n = 1;
    for (; n < 50; n++) {
        Err why = { 0 };
        file_fail_at(n);
        const int status = file_write(path, "newer", 5, &why);
        file_fail_at(0);
        if (status == 0) break;
        CHECK(file_is(path, "old", 3) || file_is(path, "newer", 5), "%ld: neither old nor new", n);
        if (n <= 5) CHECK(file_is(path, "old", 3), "step %ld: the old file is gone", n);   /* up to the rename */
        CHECK(why.set && strstr(why.msg, path) == why.msg && strstr(why.msg, strerror(EIO)) != NULL, "%s", why.msg);
        Err again = { 0 };
        CHECK_OK(file_write(path, "old", 3, &again), &again);
    }
    CHECK(n == 8, "%ld steps, expected 7: open, write, sync, close, rename, open and sync of the folder", n - 1);
    CHECK(file_is(path, "newer", 5), "the new file");
    const FilePart part[] = { { "a", 1 }, { "", 0 }, { NULL, 0 }, { "bc", 2 } };
    CHECK_OK(file_write_parts(path, part, 4, &err), &err);
    CHECK(file_is(path, "abc", 3), "parts");
    CHECK_OK(file_write(path, NULL, 0, &err), &err);
    CHECK(file_is(path, "", 0), "empty");
    CHECK(mkfifo(in_folder("pipe"), 0600) == 0, "mkfifo");
    CHECK(file_write(in_folder("pipe"), "x", 1, &err) == -1 && strstr(err.msg, "pipe: found a device or pipe, expected a file or nothing") != NULL, "%s", err.msg);
    CHECK(unlink(in_folder("pipe")) == 0, "the pipe is gone");
    err = (Err){ 0 };
    CHECK(file_write(folder, "x", 1, &err) == -1 && strstr(err.msg, ": found a folder, expected a file or nothing") != NULL, "%s", err.msg);
    err = (Err){ 0 };
    CHECK(file_write(in_folder("none/file"), "x", 1, &err) == -1 && strstr(err.msg, "none/file: cannot make") != NULL, "%s", err.msg);
    CHECK(folder_clear(folder) == 1, "a temporary file was left");
}

static void files_are_read_and_mapped(void)
{
    Err err = { 0 };
    void *bytes = NULL;
    size_t n = 99;
    FileMap map = { 0 };
    CHECK_OK(file_write(in_folder("f"), "12345", 5, &err), &err);
    CHECK_OK(file_write(in_folder("empty"), "", 0, &err), &err);
    CHECK_OK(file_read(&bytes, &n, in_folder("f"), 5, &err), &err);
    CHECK(n == 5 && strcmp(bytes, "12345") == 0, "%zu", n);
    mem_free(bytes);
    CHECK_OK(file_read(&bytes, &n, in_folder("empty"), 0, &err), &err);
    CHECK(n == 0 && *(char *)bytes == '\0', "%zu", n);
    mem_free(bytes);
    CHECK_OK(file_map(&map, in_folder("f"), &err), &err);
    CHECK(map.n == 5 && memcmp(map.bytes, "12345", 5) == 0, "%zu", map.n);
    file_unmap(&map);
    CHECK(map.n == 0, "unmapped");
    CHECK_OK(file_map(&map, in_folder("empty"), &err), &err);
    CHECK(map.n == 0 && map.bytes != NULL, "%zu", map.n);
    file_unmap(&map);
    CHECK(file_read(&bytes, &n, in_folder("f"), 4, &err) == -1 && strstr(err.msg, "/f: found 5 bytes, expected at most 4"), "%s", err.msg);
    err = (Err){ 0 };
    CHECK(file_map(&map, folder, &err) == -1 && strstr(err.msg, "found a folder, expected a regular file"), "%s", err.msg);
    err = (Err){ 0 };
    CHECK(file_map(&map, in_folder("no"), &err) == -1 && strstr(err.msg, "/no: cannot open: No such file"), "%s", err.msg);
    err = (Err){ 0 };
    CHECK(mkfifo(in_folder("fifo"), 0600) == 0, "fifo");
    CHECK(file_map(&map, in_folder("fifo"), &err) == -1 && strstr(err.msg, "found a device or pipe"), "%s", err.msg);
    CHECK(file_exists(in_folder("f")) && !file_exists(in_folder("no")), "exists");
    folder_clear(folder);
}

static void folders_are_made(void)
{
    Err err = { 0 };
    CHECK_OK(dir_make(in_folder("a//b/c/"), &err), &err);
    CHECK_OK(dir_make(in_folder("a/b/c"), &err), &err);
    CHECK_OK(dir_make("/", &err), &err);
    CHECK_OK(dir_make(".", &err), &err);
    CHECK_OK(file_write(in_folder("a/b/c/file"), "x", 1, &err), &err);
    CHECK(dir_make(in_folder("a/b/c/file"), &err) == -1 && strstr(err.msg, "file: found a file, expected a folder"), "%s", err.msg);
    err = (Err){ 0 };
    CHECK(dir_make(in_folder("a/b/c/file/d"), &err) == -1 && strstr(err.msg, "file: found a file, expected a folder"), "%s", err.msg);
    err = (Err){ 0 };
    CHECK(dir_make("", &err) == -1, "empty path");
    char name[302];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    err = (Err){ 0 };
    CHECK(dir_make(name, &err) == -1 && strstr(err.msg, "x: cannot make the folder: ") != NULL, "%s", err.msg);   /* too long */
    folder_clear(folder);
}

/* ---- element types ---- */

static double f64_of_bits(uint64_t b) { double x; memcpy(&x, &b, sizeof x); return x; }
static uint64_t bits_of_f64(double x) { uint64_t b; memcpy(&b, &x, sizeof b); return b; }
static uint32_t bits_of_f32(float x) { uint32_t b; memcpy(&b, &x, sizeof b); return b; }

/* A 16-bit float by definition: 1 sign bit, `fields` exponent bits, `mantissa` fraction bits; NaN as NAN. */
static double defined(uint16_t h, int fields, int mantissa)
{
    const int bias = (1 << (fields - 1)) - 1, e = h >> mantissa & ((1 << fields) - 1), f = h & ((1 << mantissa) - 1);
    const double sign = h >> 15 ? -1.0 : 1.0;
    if (e == (1 << fields) - 1) return f != 0 ? (double)NAN : sign * (double)INFINITY;
    if (e == 0) return sign * ldexp(f, 1 - bias - mantissa);
    return sign * ldexp(f + (1 << mantissa), e - bias - mantissa);
}

typedef struct { const char *name; int fields, mantissa; float (*widen)(uint16_t); uint16_t (*narrow)(double); } Half;

/* All 2^16 encodings, and between each neighbouring pair: the tie, and the doubles next to it. */
static void halves_are_exact(void)
{
    static const Half halves[] = { { "F16", 5, 10, f32_from_f16, f16_from_f64 }, { "BF16", 8, 7, f32_from_bf16, bf16_from_f64 } };
    for (int k = 0; k < 2; k++) {
        const Half *t = halves + k;
        const uint16_t top = (uint16_t)(((1 << t->fields) - 1) << t->mantissa), quiet = (uint16_t)(1 << (t->mantissa - 1));
        for (uint32_t i = 0; i < 65536; i++) {
            const uint16_t h = (uint16_t)i, sign = h & 0x8000, size = h & 0x7fff;
            const double want = defined(h, t->fields, t->mantissa);
            const float x = t->widen(h);
            const uint16_t back = t->narrow(f64_from_f32(x));
            if (size > top) {                             /* NaN: sign and payload stay, quiet from then on */
                CHECK(isnan(x) && back == (h | quiet), "%s NaN %04x -> %04x", t->name, h, back);
                continue;
            }
            CHECK(bits_of_f64((double)x) == bits_of_f64(want), "%s %04x: %a, expected %a", t->name, h, (double)x, want);
            CHECK(back == h, "%s %04x -> %04x", t->name, h, back);
            if (size >= top) continue;
            const uint16_t next = (uint16_t)(h + 1);      /* towards infinity */
            const int last = size + 1 == top;             /* the tie towards infinity lies half a unit above the largest number */
            const double step = last ? fabs(want) - fabs(defined((uint16_t)(h - 1), t->fields, t->mantissa))
                                     : fabs(defined(next, t->fields, t->mantissa)) - fabs(want);
            const double tie = copysign(fabs(want) + 0.5 * step, want);
            const uint16_t even = h & 1 ? next : h;
            CHECK(t->narrow(tie) == even, "%s tie above %04x -> %04x", t->name, h, t->narrow(tie));
            CHECK(t->narrow(f64_of_bits(bits_of_f64(tie) - 1)) == h, "%s below the tie above %04x", t->name, h);
            CHECK(t->narrow(f64_of_bits(bits_of_f64(tie) + 1)) == next, "%s above the tie above %04x", t->name, h);
            CHECK((t->narrow(tie) & 0x8000) == sign, "%s sign", t->name);
        }
        CHECK(t->narrow(DBL_MAX) == top && t->narrow(-DBL_MAX) == (top | 0x8000), "%s: beyond is infinity", t->name);
        CHECK(t->narrow(5e-324) == 0 && t->narrow(-5e-324) == 0x8000, "%s: far below is zero", t->name);
    }
    CHECK(f16_from_f64(65504) == 0x7bff && f16_from_f64(65519.999) == 0x7bff && f16_from_f64(65520) == 0x7c00, "F16 limit");
    CHECK(f16_from_f64(1) == 0x3c00 && bf16_from_f64(1) == 0x3f80 && f16_from_f64(-2) == 0xc000, "known encodings");
    /* TRAP this guards against: rounding by way of float rounds twice; this double is just above the tie 1 + 2^-11 */
    CHECK(f16_from_f64(1 + 0x1p-11 + 0x1p-40) == 0x3c01, "rounded twice: %04x", f16_from_f64(1 + 0x1p-11 + 0x1p-40));
}

/* The processor's own conversion is IEEE's: the same bits for every number; NaN by definition. */
static void f64_is_narrowed_as_ieee_says(void)
{
    uint64_t s = 88172645463325252u;
    for (int i = 0; i < 1000000; i++) {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        uint64_t b = s;
        if (i & 1) b = (b & 0x800fffffffffffffu) | (uint64_t)(1023 - 160 + (b >> 52 & 0x3ff) * 300 / 1024) << 52;   /* near float's range */
        if (i & 2) b &= ~(uint64_t)0x0fffffff;            /* ties */
        const double x = f64_of_bits(b);
        if (isnan(x)) continue;
        CHECK(bits_of_f32(f32_from_f64(x)) == bits_of_f32((float)x), "%a: %a, expected %a", x, (double)f32_from_f64(x), (double)(float)x);
    }
    CHECK(bits_of_f32(f32_from_f64(f64_of_bits(0xfff0000020000000u))) == 0xffc00001u, "a signalling NaN");
    CHECK(bits_of_f64(f64_from_f32(f32_from_bf16(0xff81))) == 0xfff8000000000000u + ((uint64_t)0x10000 << 29), "widened NaN");
}

static void types_have_names_and_sizes(void)
{
    StDtype d;
    for (int i = 0; i < ST_DTYPES; i++)
        CHECK(st_dtype_find(&d, st_dtype_name((StDtype)i)) == 0 && (int)d == i && st_dtype_bits(d) >= 4, "%d", i);
    CHECK(st_dtype_find(&d, "F33") == -1 && st_dtype_find(&d, "") == -1, "unknown");
    CHECK(st_dtype_find(&d, "BF16") == 0 && d == ST_BF16 && st_dtype_bits(d) == 16 && st_dtype_is_float(d), "BF16");
    CHECK(st_dtype_bits(ST_F8_E4M3) == 8 && !st_dtype_is_float(ST_F8_E4M3) && !st_dtype_is_int(ST_F8_E4M3), "F8 is known, not read");
}

/* ---- safetensors ---- */

/* A file in memory: the length, the header, n bytes of data. mem_free it. */
static unsigned char *st_bytes(size_t *total, const char *header, const void *data, size_t n)
{
    Err err = { 0 };
    const size_t h = strlen(header);
    *total = 8 + h + n;
    unsigned char *p = mem_new(*total, 1, "test", &err);
    for (int i = 0; i < 8; i++) p[i] = (unsigned char)((uint64_t)h >> 8 * i);
    memcpy(p + 8, header, h);
    if (n > 0) memcpy(p + 8 + h, data, n);
    return p;
}

/* The header is 121 bytes long, so b begins at byte 130: nothing is aligned. */
static void unaligned_files_are_read(void)
{
    const char header[] = "{\"b\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[1,17]}, \"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}        ";
    unsigned char data[17] = { 7 };
    const double values[2] = { 0.1, -1e300 };
    memcpy(data + 1, values, 16);
    size_t n;
    unsigned char *bytes = st_bytes(&n, header, data, sizeof data);
    Err err = { 0 };
    StFile *f = st_open_memory(bytes, n, "odd", &err);
    CHECK(f != NULL && strlen(header) % 8 != 0, "%s", err.msg);
    if (f == NULL) return;
    double d[2];
    real r[2];
    int64_t i;
    CHECK_OK(st_read_f64(d, st_find(f, "b"), &err), &err);
    CHECK(memcmp(d, values, 16) == 0, "%g %g", d[0], d[1]);
    CHECK_OK(st_read_real(r, st_find(f, "b"), &err), &err);
    CHECK(r[0] == R(0.1) && r[1] == (real)-1e300, "%g %g", (double)r[0], (double)r[1]);
    CHECK_OK(st_read_i64(&i, st_find(f, "a"), &err), &err);
    CHECK(i == 7 && st_at(f, 0) == st_find(f, "a") && st_find(f, "c") == NULL, "order of the data");
    st_close(f);
    mem_free(bytes);
}

/* torch.manual_seed(s); torch.randn(5), as printed in PyTorch's documentation and forums to four places. */
static void the_golden_file_is_read(void)
{
    static const double seed0[] = { 1.5410, -0.2934, -2.1788, 0.5684, -1.0845 }, seed42[] = { 0.3367, 0.1288, 0.2345, 0.2303, -1.1229 };
    Err err = { 0 };
    StFile *f = st_open("tests/golden/torch_cpu_rng.safetensors", &err);
    CHECK(f != NULL, "%s", err.msg);
    if (f == NULL) return;
    real x[5];
    const StTensor *t = st_find(f, "randn.0.5");
    CHECK(t != NULL && t->ndim == 1 && t->dim[0] == 5 && t->count == 5 && t->dtype == ST_F32 && t->nbytes == 20, "randn.0.5");
    CHECK_OK(st_read_real(x, t, &err), &err);
    for (int i = 0; i < 5; i++) CHECK_LE(fabs((double)x[i] - seed0[i]), 0.5001e-4, "seed 0, %d", i);
    CHECK_OK(st_read_real(x, st_find(f, "randn.42.5"), &err), &err);
    for (int i = 0; i < 5; i++) CHECK_LE(fabs((double)x[i] - seed42[i]), 0.5001e-4, "seed 42, %d", i);
    const char *made = st_meta(f, "made_with");
    CHECK(made != NULL && strncmp(made, "PyTorch", 7) == 0 && st_meta(f, "no") == NULL && st_meta_count(f) == 1, "metadata");
    t = st_find(f, "randint1000.0.5");
    int64_t v[5] = { -1, -1, -1, -1, -1 };
    CHECK_OK(st_read_i64(v, t, &err), &err);
    for (int i = 0; i < 5; i++) CHECK(v[i] >= 0 && v[i] < 1000, "%" PRId64, v[i]);
    CHECK(st_read_real(x, t, &err) == -1 && strstr(err.msg, "torch_cpu_rng.safetensors: tensor \"randint1000.0.5\": found dtype I64, "
          "expected one of F64 F32 F16 BF16") != NULL, "%s", err.msg);
    err = (Err){ 0 };
    CHECK(st_read_i64(v, st_find(f, "randn.0.5"), &err) == -1 && strstr(err.msg, "\"randn.0.5\": found dtype F32") != NULL, "%s", err.msg);
    st_close(f);
}

#define ONE "\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]"
#define U8_(shape, begin, end) "{\"dtype\":\"U8\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"
#define F32_(shape) "{\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[0,16]}}"

/* The format's reject list, and ours: what each message must say after the file's name. */
static void bad_files_are_refused_by_name(void)
{
    static const struct { const char *header; size_t data; const char *message; } bad[] = {
        { "{\"a\xff\":1}", 0, "header: byte 3: found byte 0xff, expected UTF-8" },
        { "hello", 0, "header: byte 0: found 'h', expected a JSON value" },
        { "[]", 0, "header: found an array, expected an object" },
        { "", 0, "header: byte 0: found the end, expected a JSON value" },
        { "{\"a\":{" ONE "},\"a\":{" ONE "}}", 16, "header: byte 59: found key \"a\" again, expected it once in an object (first value at byte 5)" },
        { "{\"a\":{" ONE "},\"b\":{" ONE "},\"c\":{" ONE "}}", 16,
          "tensor \"b\": found begin 0, an overlap, expected 16, the end of tensor \"a\"" },
        { "{\"a\":" U8_("[4]", 0, 4) ",\"b\":" U8_("[4]", 2, 6) "}", 6, "tensor \"b\": found begin 2, an overlap, expected 4, the end of tensor \"a\"" },
        { "{\"b\":" U8_("[4]", 5, 9) ",\"a\":" U8_("[4]", 0, 4) "}", 9, "tensor \"b\": found begin 5, a hole, expected 4, the end of tensor \"a\"" },
        { "{\"a\":" U8_("[4]", 2, 6) "}", 6, "tensor \"a\": found begin 2, a hole, expected 0, the start of the data" },
        { F32_("[4]"), 17, "found 17 bytes of data, expected 16: 1 trailing bytes belong to no tensor" },
        { "{}", 3, "found 3 bytes of data, expected 0: 3 trailing bytes belong to no tensor" },
        { F32_("[4]"), 15, "tensor \"a\": found data_offsets [0, 16], expected at most 15, the bytes of data in the file" },
        { F32_("[3]"), 16, "tensor \"a\": found data_offsets [0, 16], expected 12 bytes for F32 [3]" },
        { F32_("[2,3]"), 16, "tensor \"a\": found data_offsets [0, 16], expected 24 bytes for F32 [2, 3]" },
        { F32_("[2,18446744073709551614]"), 16, "tensor \"a\": found dimension 18446744073709551614, expected a whole number of at most 2^48-1" },
        { F32_("[2,9223372036854775807]"), 16, "tensor \"a\": found dimension 9223372036854775807, expected a whole number of at most 2^48-1" },
        { F32_("[281474976710656]"), 16, "tensor \"a\": found dimension 281474976710656, expected a whole number of at most 2^48-1" },
        { F32_("[281474976710655,281474976710655]"), 16, "tensor \"a\": found F32 [281474976710655, 281474976710655], expected a size below 2^64 bits" },
        { F32_("[281474976710655,281474976710655,0]"), 16, "expected a size below 2^64 bits" },
        { F32_("[1073741824,1073741824]"), 16, "tensor \"a\": found F32 [1073741824, 1073741824], expected a size below 2^64 bits" },
        { F32_("[-4]"), 16, "tensor \"a\": found dimension -4, expected a whole number of at most 2^48-1" },
        { F32_("[4.0]"), 16, "tensor \"a\": found dimension 4.0, expected a whole number of at most 2^48-1" },
        { F32_("[\"4\"]"), 16, "tensor \"a\": found dimension that is a string, expected a whole number of at most 2^48-1" },
        { F32_("4"), 16, "tensor \"a\": found shape: a number, expected an array of dimensions" },
        { F32_("[1,1,1,1,1,1,1,1,4]"), 16, "tensor \"a\": found 9 dimensions, expected at most 8" },
        { "{\"a\":{\"dtype\":\"F33\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16,
          "tensor \"a\": found dtype \"F33\", expected a type of the format, such as F32, F16, BF16, I64" },
        { "{\"a\":{\"shape\":[4],\"data_offsets\":[0,16]}}", 16, "tensor \"a\": found dtype: nothing, expected a type" },
        { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,16]}}", 16, "tensor \"a\": found shape: nothing, expected an array" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}", 16, "tensor \"a\": found data_offsets: nothing of 0, expected an array of 2: begin and end" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0]}}", 16, "tensor \"a\": found data_offsets: an array of 1, expected" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]}}", 16,
          "tensor \"a\": found data_offsets [16, 0], expected begin not beyond end" },
        { "{\"a\":{" ONE ",\"strides\":[1]}}", 16, "tensor \"a\": found key \"strides\", expected an object with the keys dtype, shape, data_offsets and no other" },
        { "{\"a\":7}", 0, "tensor \"a\": found a number, expected an object with the keys dtype, shape, data_offsets and no other" },
        { "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1, "tensor \"a\": found F4 [3], expected a whole number of bytes" },
        { "{\"__metadata__\":[]}", 0, "__metadata__: found an array, expected an object of strings" },
        { "{\"__metadata__\":{\"k\":\"v\",\"n\":1}}", 0, "__metadata__: key \"n\": found a number, expected a string" },
        { "{\"a\\u0000\":{" ONE "}}", 16, "header: byte 3: found \\u0000, expected a string without NUL" },
    };
    char data[32] = { 0 };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n;
        Err err = { 0 };
        unsigned char *bytes = st_bytes(&n, bad[i].header, data, bad[i].data);
        StFile *f = st_open_memory(bytes, n, "FILE", &err);
        CHECK(f == NULL && strncmp(err.msg, "FILE: ", 6) == 0 && strstr(err.msg, bad[i].message) != NULL, "%s\n    found    %s\n    expected %s",
              bad[i].header, err.msg, bad[i].message);
        st_close(f);
        mem_free(bytes);
    }
    Err err = { 0 };
    CHECK(st_open_memory("\7\0\0\0\0\0\0", 7, "FILE", &err) == NULL, "7 bytes");
    CHECK(strcmp(err.msg, "FILE: found 7 bytes, expected at least the 8 of the header's length") == 0, "%s", err.msg);
    err = (Err){ 0 };
    CHECK(st_open_memory("\3\0\0\0\0\0\0\0{}", 10, "FILE", &err) == NULL, "header beyond the file");
    CHECK(strcmp(err.msg, "FILE: byte 0: found a header of 3 bytes, expected at most 2, what follows in the file") == 0, "%s", err.msg);
    err = (Err){ 0 };
    CHECK(st_open_memory("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "FILE", &err) == NULL, "header of 2^64-1");
    CHECK(strcmp(err.msg, "FILE: byte 0: found a header of 18446744073709551615 bytes, expected at most 100000000; is it a safetensors file?") == 0, "%s", err.msg);
}

/* 100,000,000 bytes of header are legal (nearly all white space), one more is not. */
static void huge_headers_are_judged(void)
{
    const size_t most = ST_HEADER_BYTES;
    unsigned char *p = malloc(8 + most + 1);
    CHECK(p != NULL, "100 MB");
    if (p == NULL) return;
    memset(p + 8, ' ', most + 1);
    memcpy(p + 8, "{}", 2);
    for (size_t n = most; n <= most + 1; n++) {
        Err err = { 0 };
        for (int i = 0; i < 8; i++) p[i] = (unsigned char)((uint64_t)n >> 8 * i);
        StFile *f = st_open_memory(p, 8 + n, "FILE", &err);
        CHECK((f != NULL) == (n == most), "%zu: %s", n, err.msg);
        if (f == NULL) CHECK(strcmp(err.msg, "FILE: byte 0: found a header of 100000001 bytes, expected at most 100000000; is it a safetensors file?") == 0, "%s", err.msg);
        st_close(f);
    }
    free(p);
}

/* ---- the writer ---- */

static const float  w_f32[3] = { 1.5f, -0.0f, 3e38f };
static const int64_t w_i64[1] = { -5 };
static const uint16_t w_f16[2] = { 0x3c00, 0x8001 };
static const int64_t dim1[] = { 1 }, dim2[] = { 2 }, dim31[] = { 3, 1 }, dim0[] = { 0, 7 };

/* Two orders of adding. */
static StWriter *writer_filled(int order, Err *err)
{
    StWriter *w = stw_new(err);
    for (int step = 0; step < 8; step++)
        switch (order ? 7 - step : step) {
        case 0: stw_meta(w, "format", "t\"1\n"); break;
        case 1: stw_meta(w, "a", "\xc3\xa9"); break;
        case 2: stw_add(w, "x", ST_F32, 2, dim31, w_f32); break;
        case 3: stw_add(w, "h", ST_F16, 1, dim2, w_f16); break;
        case 4: stw_add(w, "b", ST_F32, 0, NULL, w_f32); break;
        case 5: stw_add(w, "n", ST_U8, 2, dim0, NULL); break;
        case 6: stw_add(w, "z", ST_I64, 1, dim1, w_i64); break;
        default: stw_add(w, "y", ST_BOOL, 1, dim1, "\1");
        }
    return w;
}

static const char w_header[] =
    "{\"__metadata__\":{\"a\":\"\xc3\xa9\",\"format\":\"t\\\"1\\n\"},"
    "\"z\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
    "\"x\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[12,24]},"
    "\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[24,28]},"
    "\"n\":{\"dtype\":\"U8\",\"shape\":[0,7],\"data_offsets\":[28,28]},"
    "\"y\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[28,29]}}";

static void written_bytes_are_these(void)
{
    char header[sizeof w_header + 8], data[29];
    size_t n;
    strcpy(header, w_header);
    while (strlen(header) % 8 != 0) strcat(header, " ");
    memcpy(data, w_i64, 8);
    memcpy(data + 8, w_f32, 4);
    memcpy(data + 12, w_f32, 12);
    memcpy(data + 24, w_f16, 4);
    data[28] = 1;
    unsigned char *want = st_bytes(&n, header, data, sizeof data);
    for (int order = 0; order < 2; order++) {
        Err err = { 0 };
        StWriter *w = writer_filled(order, &err);
        CHECK_OK(stw_write(w, in_folder("w.safetensors"), &err), &err);
        CHECK(file_is(in_folder("w.safetensors"), want, n), "order %d", order);
        stw_free(w);
    }
    Err err = { 0 };
    StFile *f = st_open(in_folder("w.safetensors"), &err);
    CHECK(f != NULL, "%s", err.msg);
    if (f != NULL) {
        real x[3] = { 0 };
        CHECK(st_count(f) == 6 && strcmp(st_at(f, 0)->name, "z") == 0 && strcmp(st_path(f), in_folder("w.safetensors")) == 0, "%d", st_count(f));
        CHECK(st_find(f, "b")->ndim == 0 && st_find(f, "b")->count == 1 && st_find(f, "n")->count == 0, "rank 0, no element");
        CHECK_OK(st_read_real(x, st_find(f, "x"), &err), &err);
        CHECK(x[0] == R(1.5) && x[1] == 0 && signbit(x[1]) && x[2] == (real)w_f32[2], "%g", (double)x[2]);
        CHECK_OK(st_read_real(x, st_find(f, "h"), &err), &err);
        CHECK(x[0] == 1 && x[1] == (real)-0x1p-24, "%a", (double)x[1]);
        CHECK_OK(st_read_i64(NULL, st_find(f, "n"), &err), &err);
    }
    st_close(f);
    mem_free(want);
    folder_clear(folder);
}

/* Every shorter file is refused, in memory (its own block, so that the sanitizer sees a byte too far) and on disk. */
static void every_cut_is_refused(void)
{
    Err err = { 0 };
    void *whole = NULL;
    size_t n = 0;
    StWriter *w = writer_filled(0, &err);
    CHECK_OK(stw_write(w, in_folder("w"), &err), &err);
    stw_free(w);
    CHECK_OK(file_read(&whole, &n, in_folder("w"), 1 << 20, &err), &err);
    CHECK(n > 300, "%zu bytes", n);
    for (size_t cut = 0; cut < n; cut++) {
        Err why = { 0 };
        char *part = malloc(cut + 1);
        memcpy(part, whole, cut);
        StFile *f = st_open_memory(part, cut, "FILE", &why);
        CHECK(f == NULL && strncmp(why.msg, "FILE: ", 6) == 0, "%zu bytes were taken", cut);
        st_close(f);
        free(part);
        if (cut % 8 != 0) continue;
        CHECK(truncate(in_folder("w"), (off_t)(n - 1 - cut)) == 0, "truncate");
        why = (Err){ 0 };
        f = st_open(in_folder("w"), &why);
        CHECK(f == NULL && strstr(why.msg, in_folder("w")) == why.msg, "%zu bytes were taken", n - 1 - cut);
        st_close(f);
    }
    mem_free(whole);
    folder_clear(folder);
}

static void writer_mistakes_are_reported(void)
{
    const int64_t huge[] = { (int64_t)1 << 40, (int64_t)1 << 40 }, minus[] = { -1 }, odd[] = { 3 };
    static const char *const message[] = {
        "tensor \"a\": found it twice, expected once", "metadata key \"k\": found it twice, expected once", "found byte 0xff at 1, expected UTF-8",
        "tensor \"__metadata__\": found the format's own key", "found 9 dimensions, expected 0 to 8", "found dimension 1099511627776",
        "found dimension -1", "found 12 bits, expected a whole number of bytes",
    };
    for (int i = 0; i < 8; i++) {
        Err err = { 0 };
        StWriter *w = stw_new(&err);
        stw_add(w, "a", ST_F32, 0, NULL, w_f32);
        if (i == 0) stw_add(w, "a", ST_U8, 0, NULL, w_f32);
        if (i == 1) { stw_meta(w, "k", "1"); stw_meta(w, "k", "2"); }
        if (i == 2) stw_add(w, "n\xff", ST_U8, 0, NULL, w_f32);
        if (i == 3) stw_add(w, "__metadata__", ST_U8, 0, NULL, w_f32);
        if (i == 4) stw_add(w, "b", ST_U8, 9, huge, w_f32);
        if (i == 5) stw_add(w, "b", ST_U8, 2, huge, w_f32);
        if (i == 6) stw_add(w, "b", ST_U8, 1, minus, w_f32);
        if (i == 7) stw_add(w, "b", ST_F4, 1, odd, w_f32);
        CHECK(stw_write(w, in_folder("w"), &err) == -1, "%d was taken", i);
        CHECK(strstr(err.msg, in_folder("w: ")) == err.msg && strstr(err.msg, message[i]) != NULL, "%s, expected %s", err.msg, message[i]);
        stw_free(w);
    }
    CHECK(folder_clear(folder) == 0, "something was written");
}

static void integers_are_checked(void)
{
    const char header[] = "{\"b\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[0,2]},\"u\":{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[2,10]},"
                          "\"s\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[10,11]},\"i\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[11,13]},"
                          "\"j\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[13,17]},\"v\":{\"dtype\":\"U32\",\"shape\":[1],\"data_offsets\":[17,21]},"
                          "\"w\":{\"dtype\":\"U16\",\"shape\":[1],\"data_offsets\":[21,23]},\"f\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[23,24]}}";
    unsigned char data[24];
    size_t n;
    Err err = { 0 };
    memset(data, 0xff, sizeof data);
    data[0] = 1;
    data[1] = 2;
    memset(data + 2, 0, 7);                               /* u = 0x80 << 56 */
    data[9] = 0x80;
    unsigned char *bytes = st_bytes(&n, header, data, sizeof data);
    StFile *f = st_open_memory(bytes, n, "FILE", &err);
    CHECK(f != NULL, "%s", err.msg);
    if (f == NULL) return;
    static const struct { const char *name; int64_t value; } good[] = { { "s", -1 }, { "i", -1 }, { "j", -1 }, { "v", 4294967295 }, { "w", 65535 } };
    int64_t x[2];
    real r;
    for (int k = 0; k < 5; k++) {
        CHECK_OK(st_read_i64(x, st_find(f, good[k].name), &err), &err);
        CHECK(x[0] == good[k].value, "%s: %" PRId64, good[k].name, x[0]);
    }
    CHECK(st_read_i64(x, st_find(f, "b"), &err) == -1, "BOOL of 2");
    CHECK(strcmp(err.msg, "FILE: tensor \"b\": element 1: found byte 2, expected a BOOL of 0 or 1") == 0, "%s", err.msg);
    err = (Err){ 0 };
    CHECK(st_read_i64(x, st_find(f, "u"), &err) == -1, "U64 of 2^63");
    CHECK(strcmp(err.msg, "FILE: tensor \"u\": element 0: found 9223372036854775808, expected less than 2^63") == 0, "%s", err.msg);
    err = (Err){ 0 };
    CHECK(st_read_real(&r, st_find(f, "f"), &err) == -1 && strstr(err.msg, "tensor \"f\": found dtype F8_E4M3, expected one of") != NULL, "%s", err.msg);
    st_close(f);
    mem_free(bytes);
}

/* ---- faults ---- */

static int write_one(const char *path, Err *err)
{
    StWriter *w = writer_filled(0, err);
    const int status = stw_write(w, path, err);
    stw_free(w);
    return status;
}

/* Each allocation on the way fails once: an error each time, the old file whole; the sanitizer build sees leaks. */
static void lack_of_memory_is_an_error(void)
{
    Err err = { 0 };
    const char *path = in_folder("w");
    int writes = 0, opens = 0;
    CHECK_OK(file_write(path, "old", 3, &err), &err);
    for (long n = 1; n < 200 && !writes; n++) {
        Err why = { 0 };
        mem_fail_at(n);
        const int status = write_one(path, &why);
        mem_fail_at(0);
        CHECK((status == 0) == !why.set, "%ld: %s", n, why.msg);
        if (status != 0) CHECK(file_is(path, "old", 3), "%ld: the old file is gone", n);
        if (status == 0 && n > 10) writes = 1;
    }
    for (long n = 1; n < 200 && !opens; n++) {
        Err why = { 0 };
        mem_fail_at(n);
        StFile *f = st_open(path, &why);
        mem_fail_at(0);
        CHECK((f != NULL) == !why.set, "%ld: %s", n, why.msg);
        if (f != NULL && n > 4) opens = 1;
        st_close(f);
    }
    CHECK(writes && opens, "never succeeded, or no allocation failed");
    folder_clear(folder);
}

static void failing_writes_leave_the_old_file(void)
{
    Err err = { 0 };
    const char *path = in_folder("w");
    long n = 1;
    CHECK_OK(file_write(path, "old", 3, &err), &err);
    for (; n < 50; n++) {
        Err why = { 0 };
        file_fail_at(n);
        const int status = write_one(path, &why);
        file_fail_at(0);
        if (status == 0) break;
        CHECK(why.set && (file_is(path, "old", 3) || n > 11), "%ld: %s", n, why.msg);
    }
    CHECK(n == 14, "%ld steps, expected 13: 7 writes and 6 others", n - 1);   /* 6 tensors, one of them empty; length, header */
    CHECK(folder_clear(folder) == 1, "a temporary file was left");
}

/* ---- shards ---- */

static void shard_write(const char *name, const char *tensor, float value)
{
    Err err = { 0 };
    StWriter *w = stw_new(&err);
    if (tensor != NULL) stw_add(w, tensor, ST_F32, 0, NULL, &value);
    CHECK_OK(stw_write(w, in_folder(name), &err), &err);
    stw_free(w);
}

static void index_write(const char *name, const char *text)
{
    Err err = { 0 };
    CHECK_OK(file_write(in_folder(name), text, strlen(text), &err), &err);
}

/* Later names are found as long as no earlier one is there. */
static void weights_are_found_by_every_name(void)
{
    static const struct { const char *name; int is_index; } last_to_first[] = {
        { "model.fp16.safetensors.index.json", 1 }, { "model.safetensors.fp16.index.json", 1 }, { "model.safetensors.index.fp16.json", 1 },
        { "model.fp16.safetensors", 0 }, { "model.safetensors.index.json", 1 }, { "model.safetensors", 0 },
    };
    shard_write("model-00001-of-00002.fp16.safetensors", "a", 1);
    shard_write("model.fp16-00002-of-00002.safetensors", "b", 2);
    for (int i = 0; i < 6; i++) {
        const char *name = last_to_first[i].name;
        Err err = { 0 };
        if (last_to_first[i].is_index)
            index_write(name, "{\"metadata\":{\"total_size\":8,\"more\":[]},\"weight_map\":{\"b\":\"model.fp16-00002-of-00002.safetensors\","
                              "\"a\":\"model-00001-of-00002.fp16.safetensors\"}}");
        else shard_write(name, "a", 3);
        StSet *s = st_set_open(folder, "model", &err);
        CHECK(s != NULL && strcmp(st_set_source(s), name) == 0, "%s: %s", name, err.msg);
        if (s == NULL) continue;
        real x = 0;
        CHECK(st_set_count(s) == (last_to_first[i].is_index ? 2 : 1) && st_set_files(s) == st_set_count(s), "%d", st_set_count(s));
        CHECK_OK(st_read_real(&x, st_set_find(s, "a"), &err), &err);
        CHECK(x == (last_to_first[i].is_index ? 1 : 3) && st_set_find(s, "c") == NULL, "%g", (double)x);
        CHECK(strcmp(st_set_at(s, 0)->name, last_to_first[i].is_index ? "b" : "a") == 0, "order of the map");
        CHECK(st_count(st_set_file(s, 0)) == 1, "file");
        st_set_close(s);
    }
    folder_clear(folder);
    Err err = { 0 };
    CHECK(st_set_open(folder, "model", &err) == NULL && strstr(err.msg, "found no weights, expected model.safetensors") != NULL, "%s", err.msg);
}

static void bad_indexes_are_refused(void)
{
#define MAP(tensor, file) "{\"weight_map\":{\"" tensor "\":" file "}}"
    static const struct { const char *text, *message; } bad[] = {
        { MAP("a", "\"../one.safetensors\""), "weight_map: tensor \"a\": found file \"../one.safetensors\", expected a plain name" },
        { MAP("a", "\"/tmp/one.safetensors\""), "found file \"/tmp/one.safetensors\", expected a plain name ending in .safetensors" },
        { MAP("a", "\"sub/one.safetensors\""), "expected a plain name" }, { MAP("a", "\"sub\\\\one.safetensors\""), "expected a plain name" },
        { MAP("a", "\"C:one.safetensors\""), "expected a plain name" }, { MAP("a", "\"..safetensors\""), "expected a plain name" },
        { MAP("a", "\".safetensors\""), "expected a plain name" }, { MAP("a", "\"\""), "expected a plain name" },
        { MAP("a", "\"..\""), "expected a plain name" }, { MAP("a", "\"one.bin\""), "expected a plain name" },
        { MAP("a", "\"\\n/x.safetensors\""), "found file \"?/x.safetensors\", expected a plain name" },
        { MAP("a", "1"), "weight_map: tensor \"a\": found a number, expected a file name" },
        { MAP("a", "\"none.safetensors\""), "none.safetensors: cannot open: No such file" },
        { MAP("x", "\"one.safetensors\""), "weight_map: tensor \"x\": found none of that name in one.safetensors, expected it there" },
        { MAP("b", "\"two.safetensors\""), "tensor \"a\": found in two.safetensors, expected every tensor of a shard in the weight_map" },
        { "{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}",
          "tensor \"a\": found in two.safetensors too, expected only in one.safetensors as the weight_map says" },
        { "{\"weight_map\":{\"a\":\"one.safetensors\",\"a\":\"one.safetensors\"}}", "found key \"a\" again" },
        { "{\"weight_map\":{}}", "weight_map: found an object of 0, expected an object of at least one tensor" },
        { "{}", "weight_map: found nothing of 0, expected an object" }, { "[]", "weight_map: found nothing of 0" },
        { "{\"weight_map\":[\"a\"]}", "weight_map: found an array of 1" }, { "{", "model.safetensors.index.json: byte 1: found the end" },
        { MAP("a", "\"cut.safetensors\""), "cut.safetensors: found 3 bytes" },
    };
    const float x = 1;
    Err err = { 0 };
    StWriter *w = stw_new(&err);
    stw_add(w, "a", ST_F32, 0, NULL, &x);
    stw_add(w, "b", ST_F32, 0, NULL, &x);
    CHECK_OK(stw_write(w, in_folder("two.safetensors"), &err), &err);
    stw_free(w);
    shard_write("one.safetensors", "a", 1);
    index_write("cut.safetensors", "123");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err = (Err){ 0 };
        index_write("model.safetensors.index.json", bad[i].text);
        StSet *s = st_set_open(folder, "model", &err);
        CHECK(s == NULL && strstr(err.msg, bad[i].message) != NULL && strstr(err.msg, folder) == err.msg, "%s\n    found    %s\n    expected %s",
              bad[i].text, err.msg, bad[i].message);
        st_set_close(s);
    }
    index_write("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"two.safetensors\"}}");
    long n = 1;
    for (; n < 100; n++) {                                /* every allocation fails once */
        err = (Err){ 0 };
        mem_fail_at(n);
        StSet *s = st_set_open(folder, "model", &err);
        mem_fail_at(0);
        CHECK((s != NULL) == !err.set, "%ld: %s", n, err.msg);
        st_set_close(s);
        if (s != NULL) break;
    }
    CHECK(n > 10 && n < 100, "%ld allocations", n);
    folder_clear(folder);
}

static void corpus_is_judged_right(void)
{
    CorpusCount count = { 0, 0 };
    corpus_run(&count, fuzz_safetensors_one, "tests/corpus/safetensors");
    CHECK(count.passed >= 75 && count.failed == 0, "%d passed, %d failed", count.passed, count.failed);
}

int main(void)
{
    if (mkdtemp(folder) == NULL) return 1;
    TEST(files_appear_whole);
    TEST(files_are_read_and_mapped);
    TEST(folders_are_made);
    TEST(halves_are_exact);
    TEST(f64_is_narrowed_as_ieee_says);
    TEST(types_have_names_and_sizes);
    TEST(unaligned_files_are_read);
    TEST(the_golden_file_is_read);
    TEST(bad_files_are_refused_by_name);
    TEST(huge_headers_are_judged);
    TEST(written_bytes_are_these);
    TEST(every_cut_is_refused);
    TEST(writer_mistakes_are_reported);
    TEST(integers_are_checked);
    TEST(lack_of_memory_is_an_error);
    TEST(failing_writes_leave_the_old_file);
    TEST(weights_are_found_by_every_name);
    TEST(bad_indexes_are_refused);
    TEST(corpus_is_judged_right);
    rmdir(folder);
    return test_end();
}
