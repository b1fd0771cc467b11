/* t_json.c -- decimal conversion against the C library (which is exact in the C locale), the JSON reader and writer */
#include "tensor/decimal.h"
#include "tests/fuzz.h"
#include "tests/harness.h"

#include <inttypes.h>

static uint64_t state = 1;

/* xorshift64*: plenty for picking inputs. */
static uint64_t draw(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717);
}

static double from_bits(uint64_t b) { double x; memcpy(&x, &b, sizeof x); return x; }
static uint64_t to_bits(double x) { uint64_t b; memcpy(&b, &x, sizeof b); return b; }

/* ---- decimal ---- */

static void read_check(const char *text)
{
    double ours = 0;
    const double theirs = strtod(text, NULL);
    const int status = decimal_read(&ours, text, strlen(text));
    CHECK(to_bits(ours) == to_bits(theirs), "%.60s: %a, strtod %a", text, ours, theirs);
    CHECK((status != 0) == (isinf(theirs) != 0), "%.60s: status %d", text, status);
}

/* (x + next(x))/2, exactly, in decimal: the sum of two exact expansions, times 5, shifted by a digit. Finite x >= 0. */
static void middle_write(char *out, double x)
{
    static char a[1500], b[1500];
    snprintf(a, sizeof a, "%0*.1074f", 1400, x);
    snprintf(b, sizeof b, "%0*.1074f", 1400, from_bits(to_bits(x) + 1));
    int carry = 0;
    const int n = (int)strlen(a);
    for (int i = n - 1; i >= 0; i--) {
        if (a[i] == '.') continue;
        const int sum = a[i] - '0' + b[i] - '0' + carry;
        a[i] = (char)('0' + sum % 10);
        carry = sum / 10;
    }
    for (int i = n - 1; i >= 0; i--) {
        if (a[i] == '.') continue;
        const int product = (a[i] - '0') * 5 + carry;
        a[i] = (char)('0' + product % 10);
        carry = product / 10;
    }
    const char *start = a;
    while (start[0] == '0' && start[1] != '.') start++;
    strcpy(out, start);
}

/* At a tie, just below it and just above it; also beyond the digits that decimal.c keeps. */
static void ties_check(double x)
{
    static char text[3000], more[4000];
    middle_write(text, x);
    snprintf(more, sizeof more, "%se-1", text);
    read_check(more);
    snprintf(more, sizeof more, "%s%0300d1e-1", text, 0);
    read_check(more);
    size_t last = strlen(text) - 1;
    while (text[last] == '0' || text[last] == '.') last--;
    text[last]--;
    for (size_t i = last + 1; text[i] != '\0'; i++) if (text[i] != '.') text[i] = '9';
    snprintf(more, sizeof more, "%s9e-1", text);
    read_check(more);
}

static void decimals_are_read_exactly(void)
{
    static const char *const fixed[] = {
        "0", "-0", "0.0", "1", "-1", "0.1", "1e22", "1e23", "9007199254740993", "9007199254740992.9999999999999999999", "1e308",
        "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e309", "-1e309", "1e400", "2.2250738585072014e-308",
        "2.2250738585072011e-308", "2.2250738585072012e-308", "4.9406564584124654e-324", "2.4703282292062327e-324",
        "2.4703282292062328e-324", "2.48e-324", "1e-323", "1e-400", "0e999999999", "0e-999999999", "1e-99999999999999999999",
        "1e99999999999999999999", "123456789012345678901234567890", "6.02214076e23", "8.5e-5", "179769313486231580793e289",
        "1.00000000000000011102230246251565404236316680908203125", "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126", "0.000000000000000000000000000000000000000000000001e48",
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) read_check(fixed[i]);
    char text[1500];
    for (int i = 0; i < 20000; i++) {                     /* every exponent, 1 to 20 digits */
        const int n = 1 + (int)(draw() % 20);
        snprintf(text, sizeof text, "%" PRIu64 "%0*" PRIu64 "e%d", 1 + draw() % 9, n, draw() % 1000000007u, (int)(draw() % 700) - 360);
        read_check(text);
    }
    for (int i = 0; i < 20000; i++) {                     /* every kind of double, as printed */
        const double x = from_bits(draw());
        if (!isfinite(x)) continue;
        snprintf(text, sizeof text, "%.*e", (int)(draw() % 25), x);
        read_check(text);
    }
    for (int i = 0; i < 300; i++) ties_check(from_bits(draw() >> 1 & ~(UINT64_C(1) << 62)));   /* below 2 */
    for (int i = 0; i < 100; i++) ties_check(from_bits(draw() >> 13));                         /* subnormal */
    for (int i = 0; i < 100; i++) ties_check(from_bits(UINT64_C(0x3ff) << 52 | draw() >> 12));
    ties_check(0);                                        /* half of the smallest */
    ties_check(from_bits((UINT64_C(1) << 52) - 1));       /* the largest subnormal */
    ties_check(from_bits((UINT64_C(0x7fe) << 52) - 1));
    memset(text, '0', sizeof text);                       /* 1 far behind the point, brought back */
    memcpy(text, "0.", 2);
    strcpy(text + 1400, "1e1399");
    read_check(text);
}

/* The fewest digits that read back, by the C library. */
static void write_check(double x)
{
    char ours[DECIMAL_ROOM], theirs[64];
    double back = 0;
    const size_t n = decimal_write(ours, x);
    CHECK(n == strlen(ours) && n < DECIMAL_ROOM, "%s: length %zu", ours, n);
    CHECK(decimal_read(&back, ours, n) == 0 && to_bits(back) == to_bits(x), "%s is not %a", ours, x);
    int p = 0;
    do snprintf(theirs, sizeof theirs, "%.*e", p++, x); while (strtod(theirs, NULL) != x && p < 18);
    CHECK(strtod(ours, NULL) == x, "%s, %s", ours, theirs);
    int digits = 0, zeros = 0;                            /* significant digits of ours, trailing zeros not counted */
    for (const char *s = ours; *s != '\0' && *s != 'e'; s++) {
        if (*s < '0' || *s > '9' || (digits == 0 && *s == '0')) continue;
        if (*s == '0') zeros++;
        else { digits += zeros + 1; zeros = 0; }
    }
    if (x != 0) CHECK(digits <= p, "%s has %d digits, %s has %d", ours, digits, theirs, p);
}

static void decimals_are_written_shortest(void)
{
    static const struct { double x; const char *text; } known[] = {
        { 0, "0" }, { -0.0, "-0" }, { 1, "1" }, { -1.5, "-1.5" }, { 0.1, "0.1" }, { 100, "100" }, { 1e16, "10000000000000000" },
        { 1e17, "1e17" }, { 1e22, "1e22" }, { 123456.75, "123456.75" }, { 1e-5, "0.00001" }, { 1.25e-5, "0.0000125" }, { 1e-6, "1e-6" },
        { 0.3, "0.3" }, { 1.0 / 3.0, "0.3333333333333333" }, { 5e-324, "5e-324" }, { DBL_MAX, "1.7976931348623157e308" },
        { DBL_MIN, "2.2250738585072014e-308" }, { 9007199254740993.0, "9007199254740992" }, { 0.00085, "0.00085" },
        { 2.0 / 3.0, "0.6666666666666666" }, { 9.995e-5, "0.00009995" }, { -1e-10, "-1e-10" },
        { 1125899906842624.25, "1125899906842624.2" }, { 1125899906842624.75, "1125899906842624.8" },   /* ties go to even */
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char text[DECIMAL_ROOM];
        decimal_write(text, known[i].x);
        CHECK(strcmp(text, known[i].text) == 0, "%s, expected %s", text, known[i].text);
        write_check(known[i].x);
    }
    for (int i = 0; i < 6000; i++) {
        const double x = from_bits(draw());
        if (isfinite(x)) write_check(x);
    }
    for (int i = 0; i < 3000; i++) write_check((double)(draw() % 100000) / 1000.0);
    for (int e = -1074; e < 1024; e += 3) write_check(ldexp(1.0, e));
}

/* ---- the reader ---- */

static Json *parse(const char *text, Err *err) { return json_parse(text, strlen(text), "doc", err); }

static void trees_are_walked(void)
{
    Err err = { 0 };
    Json *r = parse(" {\"z\": [1, -2, \"x\\u00e9\\ud83d\\ude00\", true, null, [], {\"k\":false}], \"a\": 2.5, \"big\": 18446744073709551615,"
                    "\"min\": -9223372036854775808, \"under\": -9223372036854775809, \"max\": 9223372036854775807, \"e\": 1e2, \"o\": {} } ", &err);
    CHECK(r != NULL, "%s", err.msg);
    if (r == NULL) return;
    int64_t i = 0;
    uint64_t u = 0;
    double d = 0;
    int b = -1;
    const Json *z = json_get(r, "z"), *v = json_first(r);
    CHECK(json_count(r) == 8 && json_type(r) == JSON_OBJECT && json_offset(r) == 1, "%zu", json_count(r));
    CHECK(v == z && strcmp(json_key(v), "z") == 0, "file order");
    CHECK(strcmp(json_key(json_next(v)), "a") == 0, "file order");
    CHECK(json_count(z) == 7 && json_at(z, 7) == NULL && json_at(r, 0) == NULL, "array");
    CHECK(json_int64(&i, json_at(z, 1)) == 0 && i == -2, "%" PRId64, i);
    CHECK(strcmp(json_string(json_at(z, 2)), "x\xc3\xa9\xf0\x9f\x98\x80") == 0, "%s", json_string(json_at(z, 2)));
    CHECK(json_count(json_at(z, 2)) == 7, "bytes of a string");
    CHECK(json_bool(&b, json_at(z, 3)) == 0 && b == 1, "true");
    CHECK(json_bool(&b, json_get(json_at(z, 6), "k")) == 0 && b == 0, "false");
    CHECK(json_first(json_at(z, 5)) == NULL && json_next(json_at(z, 6)) == NULL, "ends");
    CHECK(json_double(&d, json_get(r, "a")) == 0 && d == 2.5, "%g", d);
    CHECK(json_int64(&i, json_get(r, "a")) == -1 && json_int64(&i, json_get(r, "e")) == -1, "2.5 and 1e2 are not integers as written");
    CHECK(json_uint64(&u, json_get(r, "big")) == 0 && u == UINT64_MAX, "%" PRIu64, u);
    CHECK(json_int64(&i, json_get(r, "big")) == -1, "beyond int64");
    CHECK(json_int64(&i, json_get(r, "min")) == 0 && i == INT64_MIN, "%" PRId64, i);
    CHECK(json_int64(&i, json_get(r, "under")) == -1 && json_uint64(&u, json_get(r, "min")) == -1, "below");
    CHECK(json_int64(&i, json_get(r, "max")) == 0 && i == INT64_MAX, "%" PRId64, i);
    CHECK(json_get(r, "nothing") == NULL && json_get(z, "z") == NULL && json_get(NULL, "z") == NULL, "absent");
    CHECK(json_string(NULL) == NULL && json_double(&d, NULL) == -1 && json_string(r) == NULL, "absent");
    CHECK(strcmp(json_number(json_get(r, "e")), "1e2") == 0, "as written");
    json_free(r);
}

static void refusals_say_where_and_what(void)
{
    static const struct { const char *text, *message; } bad[] = {
        { "", "doc: byte 0: found the end, expected a JSON value" },
        { "[1,]", "doc: byte 3: found ']', expected a JSON value" },
        { "{\"a\" 1}", "doc: byte 5: found '1', expected ':' after a key" },
        { "{\"a\":1 \"b\":2}", "doc: byte 7: found '\"', expected ',' or '}'" },
        { "{,}", "doc: byte 1: found ',', expected a key in quotes or '}'" },
        { "[1 2]", "doc: byte 3: found '2', expected ',' or ']'" },
        { "{} x", "doc: byte 3: found 'x', expected the end after the value" },
        { "01", "doc: byte 1: found '1', expected the end after the value" },
        { "1.", "doc: byte 2: found the end, expected a digit" },
        { "\"a\x01\"", "doc: byte 2: found byte 0x01, expected control characters in a string escaped" },
        { "\"a\xff\"", "doc: byte 2: found byte 0xff, expected UTF-8" },
        { "\"\\q\"", "doc: byte 2: found 'q', expected one of \" \\ / b f n r t u after a backslash" },
        { "\"\\u12x4\"", "doc: byte 5: found 'x', expected four hex digits after \\u" },
        { "\"\\u0000\"", "doc: byte 1: found \\u0000, expected a string without NUL" },
        { "\"\\udc00\"", "doc: byte 1: found a low surrogate, expected a high one before it" },
        { "\"\\ud800x\"", "doc: byte 7: found 'x', expected \\u and the low surrogate of a pair" },
        { "[1e999]", "doc: byte 1: found 1e999, expected a number of magnitude below 1.8e308" },
        { "{\"a\":1, \"b\":{\"k\":1,\"c\":0,\"k\":2}}",
          "doc: byte 29: found key \"k\" again, expected it once in an object (first value at byte 17)" },
        { "{\"a\\n\":1,\"a\\u000a\":2}", "doc: byte 19: found key \"a?\" again, expected it once in an object (first value at byte 7)" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Err err = { 0 };
        Json *r = parse(bad[i].text, &err);
        CHECK(r == NULL && strcmp(err.msg, bad[i].message) == 0, "%s\n    found    %s\n    expected %s", bad[i].text, err.msg, bad[i].message);
        json_free(r);
    }
    char deep[JSON_DEPTH + 2];
    Err err = { 0 };
    CHECK(json_parse("\"\xe2\x82\xac\"", 3, "doc", &err) == NULL, "a character cut by the end");
    CHECK(strcmp(err.msg, "doc: byte 1: found byte 0xe2, expected UTF-8") == 0, "%s", err.msg);
    err = (Err){ 0 };
    memset(deep, '[', sizeof deep);
    CHECK(json_parse(deep, sizeof deep, "doc", &err) == NULL, "depth");
    CHECK(strcmp(err.msg, "doc: byte 64: found bracket 65 inside another, expected a nesting of at most 64") == 0, "%s", err.msg);
    err = (Err){ 0 };
    CHECK(json_parse("", (size_t)JSON_BYTES + 1, "doc", &err) == NULL, "size");   /* refused before it is looked at */
    CHECK(strcmp(err.msg, "doc: found 100000001 bytes of JSON, expected at most 100000000") == 0, "%s", err.msg);
    err = (Err){ 0 };
    CHECK(json_read("tests/corpus/no-such-file", &err) == NULL && strstr(err.msg, "no-such-file: cannot open") != NULL, "%s", err.msg);
}

static const char config[] = "{\"a\":[1,2.5e-3,\"x\\ny\"],\"b\":{\"c\":null,\"d\":true},\"\xc3\xa9\":-0.0}";

static void every_cut_is_refused(void)
{
    for (size_t n = 0; n < sizeof config - 1; n++) {
        Err err = { 0 };
        char *cut = malloc(n + 1);                        /* its own block: the sanitizer sees a byte too far */
        memcpy(cut, config, n);
        Json *r = json_parse(cut, n, "doc", &err);
        CHECK(r == NULL && err.set, "%zu bytes were taken", n);
        json_free(r);
        free(cut);
    }
}

static void lack_of_memory_is_an_error(void)
{
    for (long n = 1; n < 100; n++) {
        Err err = { 0 };
        JsonText o = { .err = &err };
        mem_fail_at(n);
        Json *r = parse(config, &err);
        if (r != NULL) tree_write(&o, r);
        mem_fail_at(0);
        const int whole = r != NULL && !o.failed;
        CHECK(whole == !err.set, "%ld: %s", n, err.msg);
        json_text_free(&o);
        json_free(r);
        if (!whole) continue;
        CHECK(n > 2, "the hook never fired");
        return;
    }
    CHECK(0, "never succeeded");
}

static void text_is_written(void)
{
    Err err = { 0 };
    JsonText o = { .err = &err };
    json_put_string(&o, "a\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9");
    json_put(&o, ",");
    json_put_double(&o, 0.1);
    json_put(&o, ",");
    json_put_int64(&o, INT64_MIN);
    CHECK(!o.failed && strcmp(o.text, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\",0.1,-9223372036854775808") == 0, "%s", o.text);
    json_put_double(&o, (double)NAN);
    CHECK(o.failed && strcmp(err.msg, "JSON number: found NaN, expected a finite number") == 0, "%s", err.msg);
    const size_t n = o.n;
    json_put(&o, "more");
    CHECK(o.n == n, "wrote on after a failure");
    json_text_free(&o);
    err = (Err){ 0 };
    o = (JsonText){ .err = &err };
    json_put_string(&o, "ab\xff");
    CHECK(o.failed && strstr(err.msg, "found byte 0xff at 2, expected UTF-8") != NULL, "%s", err.msg);
    json_text_free(&o);
    char shown[SHOW_ROOM], name[400];
    memset(name, 0xa9, sizeof name);
    for (size_t i = 0; i < sizeof name; i += 2) name[i] = (char)0xc3;
    name[1] = '\n';
    name[sizeof name - 1] = '\0';
    json_show(shown, name);
    CHECK(strlen(shown) < SHOW_ROOM && strcmp(shown + strlen(shown) - 5, "\xc3\xa9...") == 0 && shown[1] == '?', "%s", shown);
}

static void corpus_is_judged_right(void)
{
    CorpusCount count = { 0, 0 };
    corpus_run(&count, fuzz_json_one, "tests/corpus/json");
    CHECK(count.passed >= 90 && count.failed == 0, "%d passed, %d failed", count.passed, count.failed);
}

/* 300,000 keys: quadratic work would take minutes. */
static void many_keys_are_fast(void)
{
    Err err = { 0 };
    const int keys = 300000;
    char *text = malloc((size_t)keys * 16 + 16), *at = text;
    *at++ = '{';
    for (int i = 0; i < keys; i++) at += sprintf(at, "\"%06x\":%d,", (unsigned)i * 7919u % 0xffffffu, i);
    at[-1] = '}';
    Json *r = json_parse(text, (size_t)(at - text), "doc", &err);
    CHECK(r != NULL && json_count(r) == (size_t)keys, "%s", err.msg);
    int64_t v = -1;
    CHECK(r != NULL && json_int64(&v, json_get(r, "001eef")) == 0 && v == 1, "%" PRId64, v);   /* 7919 = 0x1eef */
    json_free(r);
    free(text);
}

int main(void)
{
    TEST(decimals_are_read_exactly);
    TEST(decimals_are_written_shortest);
    TEST(trees_are_walked);
    TEST(refusals_say_where_and_what);
    TEST(every_cut_is_refused);
    TEST(lack_of_memory_is_an_error);
    TEST(text_is_written);
    TEST(corpus_is_judged_right);
    TEST(many_keys_are_fast);
    return test_end();
}
