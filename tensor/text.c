/* text.c -- words, and numbers read strictly: the grammar here, the value of a decimal by decimal.h */
#include "tensor/text.h"

#include <math.h>
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

static const char *skip_digits(const char *s)
{
    while (is_digit(*s)) s++;
    return s;
}

int text_to_double(double *value, const char *text)
{
    const char *whole = text + (*text == '-' || *text == '+'), *s = skip_digits(whole);
    int seen = s > whole;
    if (*s == '.') {
        const char *fraction = s + 1;
        s = skip_digits(fraction);
        seen |= s > fraction;
    }
    if (!seen) return -1;
    if (*s == 'e' || *s == 'E') {
        const char *power = s + 1 + (s[1] == '-' || s[1] == '+');
        s = skip_digits(power);
        if (s == power) return -1;
    }
    if (*s != '\0') return -1;
    double v;
    if (decimal_read(&v, text, (size_t)(s - text)) != 0) return 1;
    *value = v;
    return 0;
}

void text_from_double(char text[TEXT_DOUBLE_MAX], double x) { decimal_write(text, x); }

double text_shown(double x) { return isnan(x) ? fabs(x) : x; }
