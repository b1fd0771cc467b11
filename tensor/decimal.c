/* decimal.c -- decimal text <-> binary64 by whole-number arithmetic
 *
 * Method, reading. The text is D 10^e with D a whole number, so the value is num/den with num = D 10^max(e,0), den =
 *   10^max(-e,0). Scaled by a power of two to 1 <= num/den < 2, long division gives the bits one at a time: 53, fewer
 *   below 2^-1022. What is left over is compared with half a unit: above, up; below, down; equal, to even.
 * Method, writing. x = m 2^e = num/den is scaled by a power of ten to 1 <= num/den < 10; long division gives 18
 *   digits and tells whether anything is left. They are rounded (half to even) to 1, 2, ... digits until reading
 *   gives x back; 17 always do.
 * Size. A tie between doubles has at most 767 significant digits, so of a longer text 800 digits are kept and the
 *   rest becomes one digit 1 if any of it is not 0: that stays on the same side of every tie. Then 0 < D < 10^801,
 *   and with 10^-331 <= value < 10^310 no number here passes 10^1132 2^2 < 2^3770.
 * Accuracy. Correctly rounded for every text; read(write(x)) = x for every finite x.
 */
#include "tensor/decimal.h"
#include "tensor/err.h"

#include <stdint.h>
#include <string.h>

enum { BIG_WORDS = 128, DIGITS_KEPT = 800, DIGITS_MADE = 18 };

/* ---- whole numbers up to 2^4096: n words, least first, w[n-1] != 0 ---- */

typedef struct { int n; uint32_t w[BIG_WORDS]; } Big;

static void big_put(Big *a, uint32_t word)
{
    BUG_IF(a->n == BIG_WORDS, "decimal: a number beyond %d words", BIG_WORDS);
    a->w[a->n++] = word;
}

static void big_from(Big *a, uint64_t x)
{
    a->n = 0;
    for (; x != 0; x >>= 32) big_put(a, (uint32_t)x);
}

/* a = a f + c */
static void big_mul_add(Big *a, uint32_t f, uint32_t c)
{
    uint64_t carry = c;
    for (int i = 0; i < a->n; i++) {
        const uint64_t t = (uint64_t)a->w[i] * f + carry;
        a->w[i] = (uint32_t)t;
        carry = t >> 32;
    }
    if (carry != 0) big_put(a, (uint32_t)carry);
}

static void big_mul_pow10(Big *a, int power)
{
    for (; power >= 9; power -= 9) big_mul_add(a, 1000000000u, 0);
    for (; power > 0; power--) big_mul_add(a, 10, 0);
}

static int big_bits(const Big *a)
{
    int bits = 32 * a->n;
    if (a->n == 0) return 0;
    for (uint32_t top = a->w[a->n - 1]; !(top & 0x80000000u); top <<= 1) bits--;
    return bits;
}

/* a = a 2^shift */
static void big_shift(Big *a, int shift)
{
    const int words = shift / 32;
    if (a->n == 0) return;
    for (int i = 0; i < words; i++) big_put(a, 0);
    memmove(a->w + words, a->w, (size_t)(a->n - words) * sizeof a->w[0]);
    memset(a->w, 0, (size_t)words * sizeof a->w[0]);
    big_mul_add(a, (uint32_t)1 << (shift % 32), 0);
}

static int big_compare(const Big *a, const Big *b)        /* the sign of a - b */
{
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    for (int i = a->n - 1; i >= 0; i--)
        if (a->w[i] != b->w[i]) return a->w[i] < b->w[i] ? -1 : 1;
    return 0;
}

/* a = a - b, a >= b */
static void big_subtract(Big *a, const Big *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        const uint64_t t = (uint64_t)a->w[i] - (i < b->n ? b->w[i] : 0) - borrow;
        a->w[i] = (uint32_t)t;
        borrow = t >> 63;
    }
    while (a->n > 0 && a->w[a->n - 1] == 0) a->n--;
}

/* ---- reading ---- */

/* |text| = D 10^e: D to `num` (0 for a zero), the return value is e, held to +-10^12. */
static int64_t digits_read(Big *num, int *digits, const char *text, size_t n)
{
    int64_t e = 0;
    int rest = 0, in_fraction = 0;
    size_t i = text[0] == '-' || text[0] == '+';
    num->n = 0;
    *digits = 0;
    for (; i < n && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') { in_fraction = 1; continue; }
        const uint32_t d = (uint32_t)(text[i] - '0');
        if (*digits < DIGITS_KEPT) {
            big_mul_add(num, 10, d);
            *digits += num->n > 0;                        /* leading zeros are no digits */
            e -= in_fraction;
        } else {
            rest |= d != 0;
            e += !in_fraction;
        }
    }
    if (rest) { big_mul_add(num, 10, 1); e--; *digits += 1; }
    if (i == n) return e;
    i++;
    const int negative = text[i] == '-';
    i += text[i] == '-' || text[i] == '+';
    int64_t power = 0;
    for (; i < n; i++)
        if (power < INT64_C(100000000000)) power = 10 * power + (text[i] - '0');
    return negative ? e - power : e + power;
}

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

int decimal_read(double *out, const char *text, size_t n)
{
    const uint64_t sign = text[0] == '-' ? (uint64_t)1 << 63 : 0, infinity = (uint64_t)0x7ff << 52;
    Big num, den;
    int digits;
    const int64_t e = digits_read(&num, &digits, text, n);
    *out = from_bits(sign);
    if (num.n == 0 || digits + e < -330) return 0;        /* value < 10^(digits+e) <= 10^-331 */
    *out = from_bits(sign | infinity);
    if (digits + e > 310) return -1;                      /* value >= 10^(digits+e-1) */
    big_from(&den, 1);
    big_mul_pow10(e > 0 ? &num : &den, (int)(e > 0 ? e : -e));

    int power = big_bits(&num) - big_bits(&den);          /* value = (num/den) 2^power, 1 <= num/den < 2 */
    big_shift(power > 0 ? &den : &num, power > 0 ? power : -power);
    if (big_compare(&num, &den) < 0) { big_shift(&num, 1); power--; }

    const int bits = power >= -1022 ? 53 : power + 1075;  /* bits above 2^-1075 */
    uint64_t q = 0;
    for (int i = 0; i < bits; i++) {
        const int one = big_compare(&num, &den) >= 0;
        if (one) big_subtract(&num, &den);
        q = 2 * q + (uint64_t)one;
        big_shift(&num, 1);
    }
    const int half = bits < 0 ? -1 : big_compare(&num, &den);   /* what is left against half a unit */
    q += half > 0 || (half == 0 && (q & 1));
    /* a subnormal is q itself; else q's leading one adds 1 to the exponent field, and a carry into 2^53 adds another */
    const uint64_t exponent = power >= -1022 ? (uint64_t)(power + 1022) : 0;
    const uint64_t result = (exponent << 52) + q;
    if (result >= infinity) return -1;
    *out = from_bits(sign | result);
    return 0;
}

/* ---- writing ---- */

/* x > 0: 18 digits d of it, d[0] != 0; x = d[0].d[1]... 10^k; *rest: something follows. Returns k. */
static int digits_of(int d[DIGITS_MADE], int *rest, uint64_t bits)
{
    const int field = (int)(bits >> 52);
    const uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    const int e = (field == 0 ? 1 : field) - 1075;        /* x = m 2^e */
    Big num, den, ten;
    int k = 0;
    big_from(&num, field == 0 ? fraction : fraction | (uint64_t)1 << 52);
    big_from(&den, 1);
    big_shift(e > 0 ? &num : &den, e > 0 ? e : -e);
    for (; big_compare(&num, &den) < 0; k--) big_mul_add(&num, 10, 0);
    for (ten = den, big_mul_add(&ten, 10, 0); big_compare(&num, &ten) >= 0; k++) {
        den = ten;
        big_mul_add(&ten, 10, 0);
    }
    for (int i = 0; i < DIGITS_MADE; i++) {
        for (d[i] = 0; big_compare(&num, &den) >= 0; d[i]++) big_subtract(&num, &den);
        big_mul_add(&num, 10, 0);
    }
    *rest = num.n > 0;
    return k;
}

/* Rounds d (18 digits and a rest) half to even to p <= 17 digits, in r; 1 when a carry made it 10^p: 1 0 0 ... */
static int digits_round(int *r, const int d[DIGITS_MADE], int rest, int p)
{
    int beyond = rest;
    for (int i = p + 1; i < DIGITS_MADE; i++) beyond |= d[i] != 0;
    int up = d[p] > 5 || (d[p] == 5 && (beyond || (d[p - 1] & 1)));
    for (int i = p - 1; i >= 0; i--) {
        r[i] = (d[i] + up) % 10;
        up = d[i] + up > 9;
    }
    if (up) r[0] = 1;                                     /* the others are 0 already */
    return up;
}

static size_t digits_put(char *out, const int *r, int p, int k, int negative)
{
    size_t n = 0;
    if (negative) out[n++] = '-';
    const int positional = k >= -5 && k < 17;
    const int point = positional ? k : 0;                 /* the digit r[point] is the last before the point */
    for (int i = point < 0 ? point : 0; i < p || i <= point; i++) {
        out[n++] = (char)('0' + (i >= 0 && i < p ? r[i] : 0));
        if (i == point && i < p - 1) out[n++] = '.';
    }
    if (!positional) {
        out[n++] = 'e';
        if (k < 0) out[n++] = '-';
        const int size = k < 0 ? -k : k;
        if (size >= 100) out[n++] = (char)('0' + size / 100);
        if (size >= 10) out[n++] = (char)('0' + size / 10 % 10);
        out[n++] = (char)('0' + size % 10);
    }
    out[n] = '\0';
    return n;
}

size_t decimal_write(char out[DECIMAL_ROOM], double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int negative = (int)(bits >> 63);
    bits &= ~((uint64_t)1 << 63);
    BUG_IF(bits >= (uint64_t)0x7ff << 52, "decimal_write: a NaN or infinity has no decimal form");
    int d[DIGITS_MADE], r[DIGITS_MADE] = { 0 }, rest;
    if (bits == 0) return digits_put(out, r, 1, 0, negative);
    const int k = digits_of(d, &rest, bits);
    size_t n = 0;
    for (int p = 1; p < DIGITS_MADE; p++) {
        double back;
        const int carry = digits_round(r, d, rest, p);
        n = digits_put(out, r, p, k + carry, negative);
        if (decimal_read(&back, out, n) == 0 && back == x) break;
    }
    return n;
}
