/* t_sum.c -- sums over many values against their definition, bit for bit; searches; SHA-256 against FIPS 180-4 */
#include "tests/harness.h"

#include "tensor/sha256.h"
#include "tensor/sum.h"

enum { MOST = 12288 };
static real a[MOST + 1], b[MOST + 1];

/* A cheap independent source of values of both signs and many sizes. */
static void fill(uint32_t seed)
{
    for (int i = 0; i <= MOST; i++) {
        seed = seed * 1664525u + 1013904223u;
        a[i] = (real)ldexp((double)(int32_t)seed, -31 - (int)(seed >> 5 & 15));
        seed = seed * 1664525u + 1013904223u;
        b[i] = (real)ldexp((double)(int32_t)seed, -31);
    }
}

enum { SUM, DOT, SUMSQ, ABOUT, DIFF, KINDS };

static real term(int kind, size_t i, real p, real scalar)
{
    if (kind == SUM) return p + a[i];
    if (kind == DOT) return r_fma(a[i], b[i], p);
    if (kind == SUMSQ) return r_fma(a[i], a[i], p);
    if (kind == ABOUT) return r_fma(a[i] - scalar, a[i] - scalar, p);
    const real t = r_fma(-scalar, b[i], a[i]);
    return r_fma(t, t, p);
}

/* The definition, one lane after another. */
static real by_definition(int kind, real scalar, size_t n)
{
    real p[16];
    for (size_t lane = 0; lane < 16; lane++) {
        p[lane] = 0;
        for (size_t i = lane; i < n; i += 16) p[lane] = term(kind, i, p[lane], scalar);
    }
    const real q[8] = { p[0] + p[8], p[1] + p[9], p[2] + p[10], p[3] + p[11],
                        p[4] + p[12], p[5] + p[13], p[6] + p[14], p[7] + p[15] };
    const real r[4] = { q[0] + q[4], q[1] + q[5], q[2] + q[6], q[3] + q[7] };
    return (r[0] + r[2]) + (r[1] + r[3]);
}

static real by_library(int kind, real scalar, size_t n)
{
    if (kind == SUM) return sum16(a, n);
    if (kind == DOT) return dot16(a, b, n);
    if (kind == SUMSQ) return sumsq16(a, n);
    if (kind == ABOUT) return sumsq_about16(a, scalar, n);
    return sumsq_diff16(a, b, scalar, n);
}

static void sums_follow_the_definition(void)
{
    for (uint32_t seed = 1; seed <= 3; seed++) {
        fill(seed);
        for (size_t n = 0; n <= MOST; n += n < 100 ? 1 : n < 400 ? 37 : 2971) {
            for (int kind = 0; kind < KINDS; kind++) {
                const real x = by_library(kind, R(0.37), n), y = by_definition(kind, R(0.37), n);
                CHECK(memcmp(&x, &y, sizeof x) == 0, "kind %d n %zu: %.9g, defined %.9g", kind, n, (double)x, (double)y);
            }
            Sum16 s = { {0}, 0 };
            for (size_t i = 0; i < n; i++) sum16_add(&s, a[i]);
            const real x = sum16_end(&s), y = sum16(a, n);
            CHECK(memcmp(&x, &y, sizeof x) == 0, "one by one, n %zu", n);
        }
    }
}

/* |error| <= (n/16 + 4) u sum |term| to first order, u = REAL_EPS/2; twice that for the rounding inside a term. */
static void sums_are_near_the_truth(void)
{
    fill(9);
    for (int kind = 0; kind < KINDS; kind++) {
        long double sum = 0, size = 0;
        for (size_t i = 0; i < MOST; i++) {
            const long double x = (long double)a[i], y = (long double)b[i], s = (long double)R(0.37);
            const long double t = kind == SUM ? x : kind == DOT ? x * y : kind == SUMSQ ? x * x
                                : kind == ABOUT ? (x - s) * (x - s) : (x - s * y) * (x - s * y);
            sum += t;
            size += fabsl(kind == DIFF ? (fabsl(x) + fabsl(s * y)) * (fabsl(x) + fabsl(s * y)) : t);
        }
        const double bound = (MOST / 16 + 4 + 4) * (double)REAL_EPS * (double)size;
        CHECK_LE(fabsl((long double)by_library(kind, R(0.37), MOST) - sum), bound, "kind %d", kind);
    }
    CHECK(sum16(a, 0) == 0 && dot16(a, b, 0) == 0, "a sum of nothing");
}

static void a_nan_is_not_lost(void)
{
    for (size_t n = 1; n <= 70; n++) {
        fill(3);
        a[n - 1] = (real)NAN;
        for (int kind = 0; kind < KINDS; kind++) {
            const real x = by_library(kind, R(0.37), n);
            CHECK(x != x, "kind %d n %zu", kind, n);
        }
        const real most = max_abs(a, n);
        CHECK(most != most, "max_abs n %zu", n);
    }
}

static void searches(void)
{
    fill(4);
    for (size_t n = 0; n < 700; n += 13) {
        real most = 0;
        for (size_t i = 0; i < n; i++) most = r_max(most, r_abs(a[i]));
        CHECK(max_abs(a, n) == most, "n %zu", n);
        CHECK(first_not_finite(a, n) == -1, "n %zu", n);
    }
    const real bad[3] = { (real)NAN, (real)INFINITY, -(real)INFINITY };
    for (int k = 0; k < 3; k++) {
        for (long at = 0; at < 600; at += k == 0 ? 1 : 97) {
            fill(4);
            a[at] = bad[k];
            a[at + 300] = bad[(k + 1) % 3];
            CHECK(first_not_finite(a, 1000) == at, "at %ld found %ld", at, first_not_finite(a, 1000));
            CHECK(first_not_finite(a, (size_t)at) == -1, "before %ld", at);
        }
    }
    const real big[2] = { sizeof(real) == 4 ? (real)FLT_MAX : (real)DBL_MAX, R(-1e-40) };
    CHECK(first_not_finite(big, 2) == -1, "the largest finite number is finite");
    CHECK(max_abs(big, 2) == big[0], "largest");
    CHECK(max_abs(big + 1, 1) == R(1e-40), "a small one");
}

static void hex_of(char hex[65], const void *data, size_t bytes)
{
    unsigned char digest[32];
    sha256(digest, data, bytes);
    sha256_hex(hex, digest);
}

static void sha256_known_answers(void)
{
    /* FIPS 180-4 example values (NIST "SHA256.pdf") and the empty message. */
    static const struct { const char *text, *hex; } known[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    char hex[65];
    for (int k = 0; k < 3; k++) {
        hex_of(hex, known[k].text, strlen(known[k].text));
        CHECK(strcmp(hex, known[k].hex) == 0, "\"%s\": %s", known[k].text, hex);
    }
    static char million[1000000];
    memset(million, 'a', sizeof million);
    hex_of(hex, million, sizeof million);
    CHECK(strcmp(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0") == 0, "a million a: %s", hex);
    for (size_t piece = 1; piece < 200; piece += 17) {   /* in pieces */
        Sha256 s;
        unsigned char digest[32];
        sha256_start(&s);
        for (size_t i = 0; i < sizeof million; i += piece)
            sha256_add(&s, million + i, sizeof million - i < piece ? sizeof million - i : piece);
        sha256_end(&s, digest);
        sha256_hex(hex, digest);
        CHECK(strncmp(hex, "cdc76e5c9914fb92", 16) == 0, "pieces of %zu: %s", piece, hex);
    }
}

int main(void)
{
    TEST(sums_follow_the_definition);
    TEST(sums_are_near_the_truth);
    TEST(a_nan_is_not_lost);
    TEST(searches);
    TEST(sha256_known_answers);
    return test_end();
}
