/* t_rng.c -- Philox against Random123's known answers, addresses, distributions; PyTorch's generators against PyTorch */
#include "tests/harness.h"

#include "tensor/par.h"
#include "tensor/rng.h"
#include "tensor/sha256.h"
#include "weights/safetensors.h"

static const RngAt pi_at = { 0x299f31d0a4093822u, 0x85a308d3u, 0x13198a2eu, 0x03707344u };   /* counter words 1, 2, 3 */
static const uint32_t pi_index = 4u * 0x243f6a88u;                                           /* counter word 0 */
static const uint32_t pi_words[4] = { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 };

static void philox_known_answers(void)
{
    /* Random123, tests/kat_vectors, philox4x32-10. */
    static const uint32_t known[3][10] = {
        { 0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 },
        { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd },
        { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 },
    };
    for (int k = 0; k < 3; k++) {
        uint32_t out[4];
        philox4x32(out, known[k], known[k] + 4);
        for (int j = 0; j < 4; j++) CHECK(out[j] == known[k][6 + j], "answer %d word %d: %08x", k, j, out[j]);
    }
}

/* The digits of pi once more, through the address: seed, index, view, step and stream are where rng.h says. */
static void addresses_are_where_stated(void)
{
    for (uint32_t j = 0; j < 4; j++) {
        const double u = floor(pi_words[j] / 256.0) / 16777216.0;
        CHECK(rng_uniform_at(pi_at, pi_index + j) == u, "word %u", j);
        CHECK(rng_below(pi_at, pi_index + j, 1000) == (uint32_t)floor(1000.0 * pi_words[j] / 4294967296.0), "below, word %u", j);
    }
    for (uint32_t j = 0; j < 4; j++) {
        const double u1 = (pi_words[j & 2] + 1.0) / 4294967296.0, u2 = pi_words[(j & 2) + 1] / 4294967296.0;
        const double z = sqrt(-2.0 * log(u1)) * (j & 1 ? sin(2.0 * D_PI * u2) : cos(2.0 * D_PI * u2));
        CHECK_LE(fabs(rng_normal_at(pi_at, pi_index + j) - z), 16 * DBL_EPSILON, "normal %u", j);   /* a few ulp of values below 4 */
    }
    CHECK(rng_below(pi_at, 7, 1) == 0, "one choice");
}

static void one_draw_alone(void)
{
    enum { N = 4096 * 3 + 5 };
    static real u[N], z[N], again[N];
    const RngAt at = { 77, 3, 9, RNG_NOISE };
    rng_uniform(u, at, N);
    rng_normal(z, at, N);
    for (uint32_t i = 0; i < N; i++) {
        CHECK(u[i] == (real)rng_uniform_at(at, i), "uniform %u", i);
        CHECK(z[i] == (real)rng_normal_at(at, i), "normal %u", i);
    }
    const int before = par_threads(), threads[3] = { 2, 3, 8 };
    for (int k = 0; k < 3; k++) {
        par_threads_set(threads[k]);
        rng_normal(again, at, N);
        CHECK(memcmp(z, again, sizeof z) == 0, "%d threads", threads[k]);
    }
    par_threads_set(before);
    for (size_t n = 0; n < 9; n++) {   /* any n is a prefix; nothing is written past it */
        memset(again, 0, sizeof again);
        rng_normal(again, at, n);
        CHECK(memcmp(z, again, n * sizeof z[0]) == 0 && again[n] == 0, "normal, n %zu", n);
        memset(again, 0, sizeof again);
        rng_uniform(again, at, n);
        CHECK(memcmp(u, again, n * sizeof u[0]) == 0 && again[n] == 0, "uniform, n %zu", n);
    }
}

static void addresses_are_apart(void)
{
    const RngAt at[7] = { { 1, 0, 0, 0 }, { 2, 0, 0, 0 }, { 1 + ((uint64_t)1 << 32), 0, 0, 0 },
                          { 1, 1, 0, 0 }, { 1, 0, 1, 0 }, { 1, 0, 0, 1 }, { 0, 1, 0, 0 } };
    for (int i = 0; i < 7; i++) {
        for (int j = 0; j < i; j++) {
            int same = 0;
            for (uint32_t k = 0; k < 64; k++) same += rng_uniform_at(at[i], k) == rng_uniform_at(at[j], k);
            CHECK(same == 0, "addresses %d and %d share %d draws", i, j, same);
        }
    }
}

/* Moments and the Kolmogorov-Smirnov distance of a million draws; bars at five
 * standard deviations (KS: 2.2 / sqrt n, p = 1e-4). */
static int by_size(const void *x, const void *y)
{
    const real a = *(const real *)x, b = *(const real *)y;
    return (a > b) - (a < b);
}
static void distributions(void)
{
    enum { N = 1000000 };
    static real x[N];
    for (int normal = 0; normal < 2; normal++) {
        const RngAt at = { 5, 1, 2, RNG_PROBE };
        if (normal) rng_normal(x, at, N);
        else rng_uniform(x, at, N);
        double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag = 0, far = 0;
        const double centre = normal ? 0.0 : 0.5;
        for (int i = 0; i < N; i++) {
            const double d = (double)x[i] - centre;
            m1 += d / N;
            m2 += d * d / N;
            m3 += d * d * d / N;
            m4 += d * d * d * d / N;
            if (i > 0) lag += d * ((double)x[i - 1] - centre) / N;
        }
        const double v = normal ? 1.0 : 1.0 / 12.0, v4 = normal ? 3.0 : 1.0 / 80.0;      /* central moments */
        const double v6 = normal ? 15.0 : 1.0 / 448.0, v8 = normal ? 105.0 : 1.0 / 2304.0;
        CHECK_LE(fabs(m1), 5 * sqrt(v / N), "mean, normal %d", normal);
        CHECK_LE(fabs(m2 - v), 5 * sqrt((v4 - v * v) / N), "variance, normal %d", normal);
        CHECK_LE(fabs(m3), 5 * sqrt(v6 / N), "skewness, normal %d", normal);
        CHECK_LE(fabs(m4 - v4), 5 * sqrt((v8 - v4 * v4) / N), "fourth moment, normal %d", normal);
        CHECK_LE(fabs(lag), 5 * v / sqrt(N), "neighbours, normal %d", normal);
        qsort(x, N, sizeof x[0], by_size);
        for (int i = 0; i < N; i++) {
            const double cdf = normal ? 0.5 * erfc(-(double)x[i] / sqrt(2.0)) : (double)x[i];
            far = fmax(far, fabs(cdf - (i + 0.5) / N));
        }
        CHECK_LE(far, 2.2 / sqrt(N), "Kolmogorov-Smirnov, normal %d", normal);
        if (!normal) CHECK(x[0] >= 0 && x[N - 1] < 1, "range %g %g", (double)x[0], (double)x[N - 1]);
    }
    int count[10] = {0};
    for (uint32_t i = 0; i < 100000; i++) count[rng_below((RngAt){ 6, 0, 0, RNG_TIMESTEP }, i, 10)]++;
    for (int k = 0; k < 10; k++) CHECK_LE(abs(count[k] - 10000), 5 * 95, "below: %d came %d times", k, count[k]);
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static void check_bits(const float *x, const uint32_t *bits, int n, const char *what)
{
    for (int i = 0; i < n; i++) CHECK(bits_of(x[i]) == bits[i], "%s[%d] %08x, PyTorch %08x", what, i, bits_of(x[i]), bits[i]);
}

/* Printed by PyTorch 1.13.1 with torch.manual_seed(42). */
static void torch_cpu_known_answers(void)
{
    static TorchCpu g;
    static float x[4 * 64 * 64];
    static const uint32_t rand4[] = { 0x3f61dc66, 0x3f6a3db3, 0x3ec406b8, 0x3f75950e };
    static const uint32_t randn4[] = { 0x3eac62ae, 0x3e03e69d, 0x3e7016e7, 0x3e6bdc6c };
    static const uint32_t randn16[] = { 0x3ff6a529, 0x3fbe5f53, 0x3f669567, 0xc006c0db, 0x3f2dacd5, 0xbf9e0591, 0xbd306786, 0xbfcd65ba,
                                        0xbf408bf0, 0x3fd3095b, 0xbec8f2f6, 0xbfb3a966, 0xbf3a566e, 0xbf0f36d1, 0xbf44d2a0, 0x3f432f9f };
    static const uint32_t last17[] = { 0xbe9e9482 }, last16384[] = { 0xbf4fa71f, 0xbf22c08b, 0x3f790a0f, 0xbe963953 };
    static const int64_t randint4[] = { 542, 67, 876, 414 };
    int64_t k[4];
    torch_seed(&g, 42); torch_rand_f32(&g, x, 4); check_bits(x, rand4, 4, "rand(4)");
    torch_seed(&g, 42); torch_randn_f32(&g, x, 4); check_bits(x, randn4, 4, "randn(4)");
    torch_seed(&g, 42); torch_randn_f32(&g, x, 16); check_bits(x, randn16, 16, "randn(16)");
    torch_seed(&g, 42); torch_randn_f32(&g, x, 17); check_bits(x + 16, last17, 1, "randn(17)[16]");
    torch_seed(&g, 42); torch_randn_f32(&g, x, 16384); check_bits(x + 16380, last16384, 4, "randn(4,64,64)[-4:]");
    torch_seed(&g, 42 + ((uint64_t)1 << 32)); torch_rand_f32(&g, x, 4); check_bits(x, rand4, 4, "seed 42 + 2^32");
    /* A uniform of exactly 0 makes radius -0; PyTorch adds the mean, so +0 comes out whatever the signs of sine and cosine. */
    static const uint64_t seed0[2] = { 3109716, 2934939 };
    static const int at0[2] = { 6, 5 };
    static const uint32_t zero[] = { 0 };
    for (int j = 0; j < 2; j++) {
        torch_seed(&g, seed0[j]);
        torch_randn_f32(&g, x, 16);
        check_bits(x + at0[j], zero, 1, "a uniform of 0: cosine");
        check_bits(x + at0[j] + 8, zero, 1, "a uniform of 0: sine");
    }
    torch_seed(&g, 42); torch_randint(&g, k, 0, 1000, 4);
    for (int i = 0; i < 4; i++) CHECK(k[i] == randint4[i], "randint %lld", (long long)k[i]);
}

/* Calls in a row: the second normal of a small randn waits for the next small one, over large ones. */
static void torch_cpu_keeps_its_state(void)
{
    static TorchCpu g;
    float x[17];
    static const uint32_t a[] = { 0x3eac62ae, 0x3e03e69d, 0x3e7016e7 }, b[] = { 0x3e6bdc6c };
    static const uint32_t c[] = { 0x3fe4d648, 0xbf2fc686, 0xbefc9934, 0x3e774893, 0xbf8e3219, 0x3dbb7c4a, 0xc0144876, 0xbe5e020f, 0xbfb13cfd,
                                  0xbeca9a91, 0x3f4dac3c, 0xbf1f20e0, 0xbf178d59, 0xbd812d24, 0xbf541c22, 0x3ea96b85, 0xbfc75e89 };
    static const uint32_t d[] = { 0x3f8f8b70, 0xbf2918f7 }, e[] = { 0xbc55e41b, 0x3fcb0139, 0xbf8261da, 0xbed60801, 0xbe96456c };
    torch_seed(&g, 42);
    torch_randn_f32(&g, x, 3); check_bits(x, a, 3, "randn(3)");
    torch_randn_f32(&g, x, 1); check_bits(x, b, 1, "then randn(1)");
    torch_randn_f32(&g, x, 17); check_bits(x, c, 17, "then randn(17)");
    torch_randn_f32(&g, x, 2); check_bits(x, d, 2, "then randn(2)");
    torch_randn_f32(&g, x, 5); check_bits(x, e, 5, "then randn(5)");
    static const int64_t wide[] = { 327741610, 976413887, 1202242063, 1369975281, 1882953278, 2053951689 };
    static const int64_t t[] = { 48, 781, 738, 171, 28 };
    int64_t k[6];
    torch_seed(&g, 7); torch_randint(&g, k, -5, (int64_t)1 << 31, 6);
    for (int i = 0; i < 6; i++) CHECK(k[i] == wide[i], "randint(-5, 2^31) %lld", (long long)k[i]);
    torch_randint(&g, k, 3, 4, 2);
    CHECK(k[0] == 3 && k[1] == 3, "one choice still takes a word each");
    torch_randint(&g, k, 20, 980, 5);
    for (int i = 0; i < 5; i++) CHECK(k[i] == t[i], "randint(20, 980) %lld", (long long)k[i]);
}

/* SHA-256 of the 1000003 floats that PyTorch 1.13.1 gives for seed 7. */
static void torch_cpu_a_million(void)
{
    enum { N = 1000003 };
    static TorchCpu g;
    static float x[N];
    unsigned char digest[32];
    char hex[65];
    torch_seed(&g, 7); torch_randn_f32(&g, x, N); sha256(digest, x, sizeof x); sha256_hex(hex, digest);
    CHECK(strcmp(hex, "ad521dccb4bc1400508eba77a38e216ff822aacff4dfe42f28f64d0438e817e8") == 0, "randn %s", hex);
    torch_seed(&g, 7); torch_rand_f32(&g, x, N); sha256(digest, x, sizeof x); sha256_hex(hex, digest);
    CHECK(strcmp(hex, "102692c11d9df7561399b9edcc65ac754b763e284fb874390f528a5d437d3415") == 0, "rand %s", hex);
}

/* Every tensor of tests/golden/torch_cpu_rng.safetensors: randn|rand|randint1000 . seed . n, each from a fresh generator. */
static void torch_cpu_golden_file(void)
{
    Err err = {0};
    StFile *file = st_open("tests/golden/torch_cpu_rng.safetensors", &err);
    CHECK(file != NULL, "%s", err.msg);
    if (!file) return;
    CHECK(st_count(file) == 63, "%d tensors", st_count(file));
    for (int k = 0; k < st_count(file); k++) {
        static TorchCpu g;
        static float x[1000];
        static int64_t integer[1000];
        const StTensor *t = st_at(file, k);
        char kind[16];
        unsigned long long seed;
        int n;
        const int read = sscanf(t->name, "%15[a-z0-9].%llu.%d", kind, &seed, &n);
        CHECK(read == 3 && n >= 1 && n <= 1000 && t->count == n, "%s", t->name);
        if (read != 3 || n < 1 || n > 1000 || t->count != n) continue;
        torch_seed(&g, seed);
        const void *made = x;
        if (strcmp(kind, "randn") == 0) torch_randn_f32(&g, x, (size_t)n);
        else if (strcmp(kind, "rand") == 0) torch_rand_f32(&g, x, (size_t)n);
        else torch_randint(&g, integer, 0, 1000, (size_t)n);
        if (strcmp(kind, "randint1000") == 0) made = integer;
        const size_t size = made == x ? sizeof x[0] : sizeof integer[0];
        CHECK(t->nbytes == (size_t)n * size && memcmp(t->bytes, made, t->nbytes) == 0, "%s", t->name);
    }
    st_close(file);
}

static void torch_cuda(void)
{
    static float x[3000], y[3000];
    /* torch.manual_seed(0); torch.rand(4, device="cuda"), and randn(4), as PyTorch prints them. */
    static const double rand4[4] = { 0.3990, 0.5167, 0.0249, 0.9401 }, randn4[4] = { -0.9247, -0.4253, -2.6438, 0.1452 };
    uint64_t next = torch_cuda_rand(x, 0, 0, 40, 1024, 4);
    CHECK(next == 4, "offset %llu", (unsigned long long)next);
    for (int i = 0; i < 4; i++) CHECK_LE(fabs((double)x[i] - rand4[i]), 0.5001e-4, "rand[%d] %.6f", i, (double)x[i]);
    torch_cuda_randn(x, 0, 0, 40, 1024, 4);
    for (int i = 0; i < 4; i++) CHECK_LE(fabs((double)x[i] - randn4[i]), 0.5001e-4, "randn[%d] %.6f", i, (double)x[i]);

    /* A GPU of one multiprocessor and 512 threads: T = 512. Words of (seed 0, block 0): element 0, T, 2T, 3T take one each. */
    static const uint32_t zero[4] = { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 };
    next = torch_cuda_rand(x, 0, 0, 1, 512, 3000);
    CHECK(next == 8, "two steps: offset %llu", (unsigned long long)next);
    for (int j = 0; j < 4; j++) CHECK(x[512 * j] == (float)zero[j] * 0x1p-32f + 0x1p-33f, "word %d of thread 0", j);
    uint32_t w[4];
    philox4x32(w, (const uint32_t[4]){ 1, 0, 300, 0 }, (const uint32_t[4]){ 0, 0 });
    CHECK(x[2048 + 300] == (float)w[0] * 0x1p-32f + 0x1p-33f, "second step, thread 300");
    torch_cuda_rand(y, 0, 4, 1, 512, 2048);
    CHECK(memcmp(y, x + 2048, 952 * sizeof y[0]) == 0, "offset 4 goes on where one step ended");
    philox4x32(w, (const uint32_t[4]){ 0, 0, 5, 0 }, (const uint32_t[4]){ 0x9abcdef0, 0x12345678 });
    torch_cuda_randn(x, 0x123456789abcdef0u, 0, 1, 512, 2048);
    for (int j = 0; j < 4; j++) {
        const double u = w[j & 2] * 0x1p-32 + 0x1p-33, v = (w[(j & 2) + 1] + 0.5) * 0x1p-32 * 2.0 * D_PI;
        const double z = sqrt(-2.0 * log(u)) * (j & 1 ? cos(v) : sin(v));
        /* u and v are floats: relative 2^-24 in u, absolute 2^-22 in v < 2 pi, times a radius below 6.7. */
        CHECK_LE(fabs((double)x[512 * j + 5] - z), 4e-6, "normal, component %d", j);
    }
    for (size_t n = 0; n < 40; n++) {
        memset(x, 0, sizeof x);
        torch_cuda_rand(x, 3, 0, 1, 512, n);
        CHECK(x[n] == 0, "nothing past n %zu", n);
    }
}

int main(void)
{
    TEST(philox_known_answers);
    TEST(addresses_are_where_stated);
    TEST(one_draw_alone);
    TEST(addresses_are_apart);
    TEST(distributions);
    TEST(torch_cpu_known_answers);
    TEST(torch_cpu_keeps_its_state);
    TEST(torch_cpu_a_million);
    TEST(torch_cpu_golden_file);
    TEST(torch_cuda);
    return test_end();
}
