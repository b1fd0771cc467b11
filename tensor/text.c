/* text.c -- words and numbers as text
 *
 * Decimal to binary: the decimal is kept exactly, as digits, and doubled or halved until it lies in [2^52, 2^53) (or
 * the exponent reaches that of the subnormals); its integer part, rounded half to even by the digits behind the
 * point, is the significand. Binary to decimal: the same steps backwards, then as many digits as are needed.
 * Special cases: digits past DIGITS are dropped with a mark. A tie between two doubles has at most 768 digits, so a
 * marked decimal is never a tie and the mark decides right.
 * Accuracy: correctly rounded both ways.
 */
#include "tensor/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WORD = 63 };

static int min3(int a, int b, int c)
{
    int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

int text_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    int n = la < WORD ? (int)la : WORD, m = lb < WORD ? (int)lb : WORD;
    int d[WORD + 1][WORD + 1];                            /* d[i][j]: edits from a[0..i) to b[0..j) */
    for (int i = 0; i <= n; i++) d[i][0] = i;
    for (int j = 0; j <= m; j++) d[0][j] = j;
    for (int i = 1; i <= n; i++) {
        for (int j = 1; j <= m; j++) {
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            int swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && d[i - 2][j - 2] + 1 < d[i][j]) d[i][j] = d[i - 2][j - 2] + 1;
        }
    }
    return d[n][m];
}

const char *text_nearest(const char *word, const char *const *names, int n)
{
    size_t length = strlen(word);
    const char *nearest = NULL;
    int least = length < 6 ? 2 : length < WORD ? (int)(length / 3) + 1 : WORD / 3 + 1;   /* first distance too far */
    for (int i = 0; i < n; i++) {
        int distance = text_distance(word, names[i]);
        if (distance > 1 && length >= 2 && strncmp(word, names[i], length) == 0) distance = 1;
        if (distance < least) { least = distance; nearest = names[i]; }
    }
    return nearest;
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* [digits] -> *value; -1: none or something else follows, +1: more than 64 bits. */
static int read_digits(uint64_t *value, const char *s)
{
    uint64_t v = 0;
    int wide = 0;
    if (*s == '\0') return -1;
    for (; *s != '\0'; s++) {
        if (!is_digit(*s)) return -1;
        uint64_t digit = (uint64_t)(*s - '0');
        if (v > (UINT64_MAX - digit) / 10) wide = 1;
        else v = v * 10 + digit;
    }
    *value = v;
    return wide;
}

int text_to_uint64(uint64_t *value, const char *text)
{
    uint64_t v = 0;
    int status = read_digits(&v, text + (*text == '+'));
    if (status == 0) *value = v;
    return status;
}

int text_to_int64(int64_t *value, const char *text)
{
    uint64_t v = 0;
    int minus = *text == '-';
    int status = read_digits(&v, text + (minus || *text == '+'));
    if (status != 0) return status;
    if (v > (uint64_t)INT64_MAX + (uint64_t)minus) return 1;
    if (!minus) *value = (int64_t)v;
    else *value = v == 0 ? 0 : -(int64_t)(v - 1) - 1;     /* -2^63 without overflow */
    return 0;
}

enum { DIGITS = 1100 };
/* 0.d[0]d[1]...d[n-1] x 10^point, d[0] != 0; zero has n = 0. more: non-zero digits were dropped behind d[n-1]. */
typedef struct { int n, point, more; unsigned char d[DIGITS]; } Decimal;

static void trim(Decimal *x)
{
    while (x->n > 0 && x->d[x->n - 1] == 0) x->n--;
}

static void twice(Decimal *x)
{
    if (x->n == 0) return;
    int carry = 0;
    for (int i = x->n - 1; i >= 0; i--) {
        int v = 2 * x->d[i] + carry;
        x->d[i] = (unsigned char)(v % 10);
        carry = v / 10;
    }
    if (carry) {
        if (x->n == DIGITS) {
            x->n--;
            x->more |= x->d[x->n] != 0;
        }
        memmove(x->d + 1, x->d, (size_t)x->n);
        x->d[0] = 1;
        x->n++;
        x->point++;
    }
    trim(x);
}

static void half(Decimal *x)
{
    if (x->n == 0) return;
    int skip = x->d[0] == 1, rest = 0, n = 0;             /* a leading 1 halves to 0: every digit moves up a place */
    for (int i = 0; i < x->n; i++) {
        int v = 10 * rest + x->d[i];
        rest = v % 2;
        if (i >= skip) x->d[n++] = (unsigned char)(v / 2);
    }
    if (rest && n < DIGITS) x->d[n++] = 5;
    else x->more |= rest;
    x->n = n;
    x->point -= skip;
}

/* Integer part, or UINT64_MAX when it has more than 17 digits. */
static uint64_t whole(const Decimal *x)
{
    uint64_t v = 0;
    if (x->point > 17) return UINT64_MAX;
    for (int i = 0; i < x->point; i++) v = v * 10 + (i < x->n ? x->d[i] : 0);
    return v;
}

/* Whether the part behind the first `places` digits rounds up, half to even (`odd`: of the part kept). */
static int rounds_up(const Decimal *x, int places, int odd)
{
    if (places < 0 || places >= x->n) return 0;
    if (x->d[places] != 5) return x->d[places] > 5;
    return x->n > places + 1 || x->more || odd;
}

static double to_double(Decimal *x)
{
    int e = 0;                                            /* the value is x 2^e */
    for (; whole(x) >= (uint64_t)1 << 53; e++) half(x);
    for (; whole(x) < (uint64_t)1 << 52 && e > -1074; e--) twice(x);
    uint64_t m = whole(x);
    m += (uint64_t)rounds_up(x, x->point, (int)(m & 1));
    return ldexp((double)m, e);                           /* exact: m <= 2^53, e >= -1074 */
}

int text_to_double(double *value, const char *text)
{
    Decimal x = {0};
    const char *s = text;
    int minus = *s == '-', seen = 0, shift = 0;           /* shift: digits before the point, or minus zeros behind it */
    if (*s == '-' || *s == '+') s++;
    for (int behind = 0; is_digit(*s) || (*s == '.' && !behind); s++) {
        if (*s == '.') { behind = 1; continue; }
        seen = 1;
        if (x.n == 0 && *s == '0') shift -= behind;
        else {
            if (x.n < DIGITS) x.d[x.n++] = (unsigned char)(*s - '0');
            else x.more |= *s != '0';
            shift += !behind;
        }
    }
    if (!seen) return -1;
    int exponent = 0;
    if (*s == 'e' || *s == 'E') {
        s++;
        int down = *s == '-';
        if (*s == '-' || *s == '+') s++;
        if (!is_digit(*s)) return -1;
        for (; is_digit(*s); s++) if (exponent < 100000000) exponent = exponent * 10 + (*s - '0');
        if (down) exponent = -exponent;
    }
    if (*s != '\0') return -1;
    trim(&x);
    x.point = shift + exponent;
    double v = 0;
    if (x.n > 0 && x.point > 310) return 1;
    if (x.n > 0 && x.point > -330) v = to_double(&x);
    if (!isfinite(v)) return 1;
    *value = minus ? -v : v;
    return 0;
}

/* x > 0, finite, exactly: at most 767 digits. */
static void from_double(Decimal *out, double x)
{
    int e;
    uint64_t m = (uint64_t)ldexp(frexp(x, &e), 53);       /* x = m 2^(e - 53) */
    char digits[24];
    out->n = out->point = snprintf(digits, sizeof digits, "%llu", (unsigned long long)m);
    out->more = 0;
    for (int i = 0; i < out->n; i++) out->d[i] = (unsigned char)(digits[i] - '0');
    trim(out);
    for (; e > 53; e--) twice(out);
    for (; e < 53; e++) half(out);
}

/* `exact` rounded to `places` digits (half to even), as plain digits or with an exponent. */
static void print_digits(char *text, const Decimal *exact, int places, int minus)
{
    char d[20];
    int n = places < exact->n ? places : exact->n, point = exact->point, carry;
    for (int i = 0; i < n; i++) d[i] = (char)('0' + exact->d[i]);
    carry = rounds_up(exact, n, (d[n - 1] - '0') & 1);
    for (int i = n - 1; carry && i >= 0; i--) {
        carry = d[i] == '9';
        d[i] = (char)(carry ? '0' : d[i] + 1);
    }
    if (carry) { d[0] = '1'; n = 1; point++; }            /* 99.. became 100.. */
    while (n > 1 && d[n - 1] == '0') n--;

    char *s = text;
    if (minus) *s++ = '-';
    if (point > 16 || point < -3) {
        *s++ = d[0];
        if (n > 1) *s++ = '.';
        for (int i = 1; i < n; i++) *s++ = d[i];
        snprintf(s, TEXT_DOUBLE_MAX - 19, "e%c%02d", point < 1 ? '-' : '+', point < 1 ? 1 - point : point - 1);
        return;
    }
    if (point <= 0) *s++ = '0';
    for (int i = 0; i < point; i++) *s++ = i < n ? d[i] : '0';
    if (n > point) *s++ = '.';
    for (int i = point; i < n; i++) *s++ = i < 0 ? '0' : d[i];
    *s = '\0';
}

void text_from_double(char text[TEXT_DOUBLE_MAX], double x)
{
    int minus = signbit(x) != 0;
    double back = 0;
    Decimal exact;
    if (x == 0) {
        snprintf(text, TEXT_DOUBLE_MAX, minus ? "-0" : "0");
        return;
    }
    from_double(&exact, fabs(x));
    for (int places = 1; places <= 17; places++) {        /* 17 always suffice */
        print_digits(text, &exact, places, minus);
        if (text_to_double(&back, text) == 0 && back == x) return;
    }
}
