/* t_options.c -- the command line: every message, every kind, help, settings; numbers as text; the progress line */
#include "ref/options.h"
#include "ref/progress.h"
#include "tensor/mem.h"
#include "tensor/text.h"
#include "tests/harness.h"

#include <limits.h>
#include <locale.h>

static const char *const estimators[] = { "sds", "csd", "sdi", NULL };
static const char *const examples[] = { "sdref distill \"a red mug\" --out runs/mug", "sdref distill --resume --out runs/mug", NULL };
static const Option table[] = {
    { "Estimator", "estimator", OPT_CHOICE, OPT_RESULT, "sds", NULL, "how the prior pulls", 0, 0, estimators },
    { "Estimator", "guidance", OPT_REAL, OPT_RESULT, "7.5", "S", "scale of classifier-free guidance", -1000, 1000, NULL },
    { "Estimator", "shift", OPT_REAL, OPT_RESULT, NULL, NULL, "any real number", 0, 0, NULL },
    { "Run", "steps", OPT_INT, OPT_RESULT, "0500", NULL, "number of steps, a help line that is long enough to need two lines of eighty", 1, 1000000, NULL },
    { "Run", "offset", OPT_INT, OPT_RESULT, "-3", NULL, "any whole number", 0, 0, NULL },
    { "Run", "seed", OPT_UINT64, OPT_RESULT, "0", NULL, "seed", 0, 0, NULL },
    { "Run", "jitter", OPT_FLAG, OPT_RESULT, "true", NULL, "jitter samples", 0, 0, NULL },
    { "Run", "smooth", OPT_RAMP, OPT_RESULT, "0.10", "W", "a weight", 0, 10, NULL },
    { "Run", "sway", OPT_RAMP, OPT_RESULT, "0", NULL, "any weight", 0, 0, NULL },
    { "Machine", "out", OPT_STRING, OPT_HOST, NULL, "FOLDER", "where the run goes", 0, 0, NULL },
    { "Machine", "threads", OPT_INT, OPT_HOST, NULL, "N", "threads", 1, 64, NULL },
    { "Machine", "a-name-too-long-for-its-column", OPT_FLAG, OPT_HOST, NULL, NULL, "quiet", 0, 0, NULL },
    { "Machine", "note", OPT_STRING, OPT_HOST, NULL, NULL, "any text", 0, 0, NULL },
    { "Machine", "mask", OPT_STRING, OPT_HOST, "", "FILE", "a file or none", 0, 0, NULL },
};
enum { COUNT = sizeof table / sizeof *table };
static const Command command = { "distill", "Text to 3D.", "sdref distill PROMPT [options]", examples, table, COUNT, 1, 2, "PROMPT" };

/* Words separated by '|' as arguments; the status of opt_parse, the values in *o (to free) and the message in err. */
static int parse(Options **o, const char *words, Err *err)
{
    static char copy[600];
    char *argv[32] = { NULL };
    int argc = 0;
    *err = (Err){0};
    snprintf(copy, sizeof copy, "%s", words);
    for (char *s = copy; *words != '\0' && s != NULL; ) {
        argv[argc++] = s;
        s = strchr(s, '|');
        if (s != NULL) *s++ = '\0';
    }
    *o = opt_new(&command, err);
    return *o == NULL ? -1 : opt_parse(*o, argc, argv, err);
}

static void defaults(void)
{
    Options *o;
    Err err;
    CHECK_OK(parse(&o, "a red mug", &err), &err);
    CHECK(opt_choice(o, "estimator") == 0 && opt_int(o, "steps") == 500 && opt_int(o, "offset") == -3, "whole");
    CHECK(opt_real(o, "guidance") == R(7.5) && opt_double(o, "guidance") == 7.5 && opt_uint64(o, "seed") == 0, "numbers");
    CHECK(opt_ramp(o, "smooth").count == 1 && opt_ramp(o, "smooth").literal[0] == 0.1, "ramps");
    CHECK(opt_flag(o, "jitter") == 1 && opt_flag(o, "a-name-too-long-for-its-column") == 0, "flags");
    CHECK(opt_string(o, "out") == NULL && !opt_has(o, "out") && !opt_has(o, "threads") && opt_has(o, "steps"), "no value");
    CHECK(opt_args(o) == 1 && strcmp(opt_arg(o, 0), "a red mug") == 0 && !opt_given(o, "steps"), "arguments");
    opt_free(o);
}

static void values(void)
{
    Options *o;
    Err err;
    CHECK_OK(parse(&o, "--estimator|sdi|a mug|--guidance=-1.5e+1|--steps=+7|--offset|-2147483648|--seed|18446744073709551615|"
                       "--jitter=false|--smooth|1,.20,5e1|--sway=-1|--out=a=b|--threads|64|--a-name-too-long-for-its-column|--|--steps", &err), &err);
    CHECK(opt_choice(o, "estimator") == 2 && opt_double(o, "guidance") == -15 && opt_int(o, "steps") == 7, "numbers");
    CHECK(opt_int(o, "offset") == INT_MIN && opt_uint64(o, "seed") == UINT64_MAX, "limits");
    CHECK(opt_flag(o, "jitter") == 0 && opt_flag(o, "a-name-too-long-for-its-column") == 1, "flags");
    CHECK(opt_ramp(o, "smooth").count == 4 && opt_ramp(o, "smooth").literal[3] == 50 && opt_ramp(o, "sway").literal[0] == -1, "ramps");
    CHECK(strcmp(opt_string(o, "out"), "a=b") == 0 && opt_int(o, "threads") == 64, "text");
    CHECK(opt_given(o, "steps") && !opt_given(o, "shift") && opt_given(o, "jitter"), "given");
    CHECK(opt_args(o) == 2 && strcmp(opt_arg(o, 1), "--steps") == 0, "after --");
    static const char *const want[COUNT] = { "sdi", "-15", NULL, "7", "-2147483648", "18446744073709551615", "false", "0,1,0.2,50", "-1", "a=b", "64", "true", NULL, "" };
    for (int i = 0; i < COUNT; i++) {
        const char *got = opt_text(o, i);
        CHECK((got == NULL) == (want[i] == NULL) && (got == NULL || strcmp(got, want[i]) == 0), "%s: %s", table[i].name, got);
    }
    opt_free(o);
    CHECK_OK(parse(&o, "-|--note=|--mask=|--shift|-0.10", &err), &err);
    CHECK(strcmp(opt_arg(o, 0), "-") == 0 && strcmp(opt_string(o, "note"), "") == 0 && strcmp(opt_string(o, "mask"), "") == 0 && strcmp(opt_text(o, 2), "-0.1") == 0, "a lone dash; nothing");
    opt_free(o);
    for (int i = 0; i < 2; i++) {
        CHECK(parse(&o, i == 0 ? "--steps|3|--help|--nonsense" : "-h", &err) == 1 && !err.set, "help");
        opt_free(o);
    }
}

static void messages(void)
{
    static const char *const bad[][2] = {
        { "a|--steps|abc", "--steps: found 'abc', expected a whole number from 1 to 1000000" },
        { "a|--steps|0", "--steps: found '0', expected a whole number from 1 to 1000000" },
        { "a|--steps|1000001", "--steps: found '1000001', expected a whole number from 1 to 1000000" },
        { "a|--steps|3.0", "--steps: found '3.0', expected a whole number from 1 to 1000000" },
        { "a|--steps=", "--steps: found '', expected a whole number from 1 to 1000000" },
        { "a|--steps| 3", "--steps: found ' 3', expected a whole number from 1 to 1000000" },
        { "a|--steps|3 ", "--steps: found '3 ', expected a whole number from 1 to 1000000" },
        { "a|--steps|0x10", "--steps: found '0x10', expected a whole number from 1 to 1000000" },
        { "a|--offset|2147483648", "--offset: found '2147483648', expected a whole number from -2147483648 to 2147483647" },
        { "a|--offset|99999999999999999999", "--offset: found '99999999999999999999', expected a whole number from -2147483648 to 2147483647" },
        { "a|--offset|-2147483649", "--offset: found '-2147483649', expected a whole number from -2147483648 to 2147483647" },
        { "a|--seed|-1", "--seed: found '-1', expected a whole number from 0 to 18446744073709551615" },
        { "a|--seed|18446744073709551616", "--seed: found '18446744073709551616', expected a whole number from 0 to 18446744073709551615" },
        { "a|--guidance|nan", "--guidance: found 'nan', expected a number from -1000 to 1000" },
        { "a|--guidance|inf", "--guidance: found 'inf', expected a number from -1000 to 1000" },
        { "a|--guidance|1e4", "--guidance: found '1e4', expected a number from -1000 to 1000" },
        { "a|--guidance|-1000.5", "--guidance: found '-1000.5', expected a number from -1000 to 1000" },
        { "a|--guidance|1,5", "--guidance: found '1,5', expected a number from -1000 to 1000" },
        { "a|--guidance|7.5x", "--guidance: found '7.5x', expected a number from -1000 to 1000" },
        { "a|--shift|-1e400", "--shift: found '-1e400', expected a number in the range of " REAL_NAME },
        { "a|--shift|.", "--shift: found '.', expected a number in the range of " REAL_NAME },
        { "a|--shift|1e", "--shift: found '1e', expected a number in the range of " REAL_NAME },
        { "a|--shift|0x1p3", "--shift: found '0x1p3', expected a number in the range of " REAL_NAME },
        { "a|--smooth|0.1,", "--smooth: found '0.1,', expected a number from 0 to 10, or [STEP,]FROM,TO,STEP with steps that ascend" },
        { "a|--smooth|-0.1", "--smooth: found '-0.1', expected a number from 0 to 10, or [STEP,]FROM,TO,STEP with steps that ascend" },
        { "a|--smooth|0,1,11,9", "--smooth: found '0,1,11,9', expected a number from 0 to 10, or [STEP,]FROM,TO,STEP with steps that ascend" },
        { "a|--smooth|9,1,0,9", "--smooth: found '9,1,0,9', expected a number from 0 to 10, or [STEP,]FROM,TO,STEP with steps that ascend" },
        { "a|--sway|x", "--sway: found 'x', expected a number, or [STEP,]FROM,TO,STEP with steps that ascend" },
        { "a|--estimator|sdss", "--estimator: found 'sdss', expected sds, csd or sdi; did you mean 'sds'?" },
        { "a|--estimator|dreams", "--estimator: found 'dreams', expected sds, csd or sdi" },
        { "a|--jitter=yes", "--jitter: found 'yes', expected true or false" },
        { "a|--steps", "--steps: found no value, expected a whole number from 1 to 1000000" },
        { "a|--out", "--out: found no value, expected a path" },
        { "a|--note", "--note: found no value, expected a text" },
        { "a|--out=", "--out: found '', expected a path" },
        { "a|--out|--steps", "--out: found the option '--steps', expected a path (write --out=VALUE if that is the value)" },
        { "a|--steps|3|--steps=4", "--steps: found twice, '3' and '4', expected once" },
        { "a|--stpes|3", "--stpes: no such option of distill; did you mean --steps?" },
        { "a|--stpes=3", "--stpes: no such option of distill; did you mean --steps?" },
        { "a|-steps", "-steps: no such option of distill; did you mean --steps?" },
        { "a|--est|sdi", "--est: no such option of distill; did you mean --estimator?" },
        { "a|--hepl", "--hepl: no such option of distill; did you mean --help?" },
        { "a|--quality", "--quality: no such option of distill; --help lists them" },
        { "a|-q", "-q: no such option of distill; --help lists them" },
        { "a|--=3", "--: no such option of distill; --help lists them" },
        { "", "PROMPT: found 0 arguments, expected at least 1" },
        { "a|red|mug", "PROMPT: found 3 arguments, expected at most 2; 'mug' is too many (a text with spaces needs quotes)" },
        { "a|--out|b|--shift|two\nlines", "--shift: found 'two?lines', expected a number in the range of " REAL_NAME },
        { "a|--shift|1234567890123456789012345678901234567890123456789012345678901x",
          "--shift: found '123456789012345678901234567890123456789012345678901234567890...', expected a number in the range of " REAL_NAME },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Options *o;
        Err err;
        CHECK(parse(&o, bad[i][0], &err) == -1, "'%s' accepted", bad[i][0]);
        CHECK(strcmp(err.msg, bad[i][1]) == 0, "'%s'", err.msg);
        opt_free(o);
    }
    Options *o;
    Err err;
    CHECK(parse(&o, "a|--shift|1e39", &err) == (sizeof(real) == 4 ? -1 : 0), "beyond binary32");
    opt_free(o);
}

/* What run.json holds, loaded anew, gives the same values; what the command line gave stays. */
static void stored_settings(void)
{
    Options *from, *to;
    Err err;
    CHECK_OK(parse(&from, "a|--estimator=csd|--guidance=0.1|--seed=9|--steps=20|--jitter=false|--smooth=0,1,2,30|--out=x", &err), &err);
    CHECK_OK(parse(&to, "a|--steps=30|--out=y", &err), &err);
    for (int i = 0; i < COUNT; i++)
        if (opt_text(from, i) != NULL) CHECK_OK(opt_load(to, table[i].name, opt_text(from, i), "run.json", &err), &err);
    for (int i = 0; i < COUNT; i++) {
        const char *a = opt_text(from, i), *b = opt_text(to, i);
        const char *want = strcmp(table[i].name, "steps") == 0 ? "30" : strcmp(table[i].name, "out") == 0 ? "y" : a;
        CHECK(want == NULL ? b == NULL : b != NULL && strcmp(b, want) == 0, "%s: %s for %s", table[i].name, b, want);
    }
    CHECK(opt_choice(to, "estimator") == 1 && opt_double(to, "guidance") == 0.1 && opt_uint64(to, "seed") == 9, "values");
    CHECK(opt_ramp(to, "smooth").count == 4 && opt_ramp(to, "smooth").literal[2] == 2, "ramps");
    CHECK(opt_flag(to, "jitter") == 0 && opt_given(to, "steps") && !opt_given(to, "seed"), "given");
    static const char *const bad[][3] = {
        { "stepz", "1", "run.json: setting 'stepz': no such option of distill" },
        { "steps", "-1", "run.json: setting 'steps': found '-1', expected a whole number from 1 to 1000000" },
        { "estimator", "vsd", "run.json: setting 'estimator': found 'vsd', expected sds, csd or sdi; did you mean 'csd'?" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Err e = {0};
        CHECK(opt_load(to, bad[i][0], bad[i][1], "run.json", &e) == -1 && strcmp(e.msg, bad[i][2]) == 0, "'%s'", e.msg);
    }
    CHECK(opt_int(to, "steps") == 30, "an error changes nothing");
    opt_free(from);
    opt_free(to);
}

static void help_text(void)
{
    char text[8000] = "";
    FILE *f = tmpfile();
    CHECK(f != NULL, "no temporary file");
    if (f == NULL) return;
    opt_help(f, &command);
    rewind(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    CHECK(n > 500 && text[n - 1] == '\n', "%zu bytes", n);
    CHECK(strncmp(text, "Examples:\n  sdref distill \"a red mug\" --out runs/mug\n", 51) == 0, "begins: %.60s", text);
    for (char *s = text, *end; (end = strchr(s, '\n')) != NULL; s = end + 1) {
        CHECK(end - s <= 80, "%d columns: %.*s", (int)(end - s), (int)(end - s), s);
        CHECK(end == s || end[-1] != ' ', "blank at the end: %.*s", (int)(end - s), s);
    }
    for (int i = 0; i < COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "\n  --%s", table[i].name);
        CHECK(strstr(text, name) != NULL, "no %s", table[i].name);
    }
    static const char *const lines[] = {
        "\n\nUsage: sdref distill PROMPT [options]\nText to 3D.\n\nEstimator:\n",
        "\n  --estimator NAME        how the prior pulls; sds, csd or sdi [sds]\n",
        "\n  --guidance S            scale of classifier-free guidance; -1000 to 1000\n                          [7.5]\n",
        "\n  --smooth W              a weight; 0 to 10 [0.10]\n  --sway RAMP             any weight [0]\n",
        "\n  --out FOLDER            where the run goes\n",
        "\n  --a-name-too-long-for-its-column\n                          quiet\n",
        "\n  -h, --help              this text\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) CHECK(strstr(text, lines[i]) != NULL, "missing:%s", lines[i]);
    const char *run = strstr(text, "\nRun:\n"), *machine = strstr(text, "\nMachine:\n");
    CHECK(run != NULL && machine != NULL && run < machine && strstr(run + 1, "\nRun:\n") == NULL, "groups");
}

static void options_out_of_memory(void)
{
    char *argv[] = { "a mug", "--out", "x", "--steps=4" };
    int status = -1;
    long n = 1;
    for (; status != 0 && n < 100; n++) {
        Err err = {0};
        mem_fail_at(n);
        Options *o = opt_new(&command, &err);
        status = o == NULL ? -1 : opt_parse(o, 4, argv, &err);
        if (status == 0) status = opt_load(o, "seed", "5", "run.json", &err);
        mem_fail_at(0);
        CHECK(status == 0 || strstr(err.msg, "out of memory") != NULL, "allocation %ld: '%s'", n, err.msg);
        opt_free(o);
    }
    CHECK(status == 0 && n > 10, "%ld allocations", n);
}

/* ---- tensor/text.h ---- */

static void nearest_names(void)
{
    static const char *const names[] = { "sphere", "cube", "torus", "hashgrid", "ism" };
    static const struct { const char *a, *b; int d; } pair[] = {
        { "", "", 0 }, { "", "abc", 3 }, { "abc", "abc", 0 }, { "kitten", "sitting", 3 }, { "ab", "ba", 1 }, { "abcd", "acbd", 1 },
        { "ca", "abc", 3 }, { "steps", "stpes", 1 }, { "saturday", "sunday", 3 }, { "a", "b", 1 } };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        CHECK(text_distance(pair[i].a, pair[i].b) == pair[i].d, "%s, %s: %d", pair[i].a, pair[i].b, text_distance(pair[i].a, pair[i].b));
        CHECK(text_distance(pair[i].b, pair[i].a) == pair[i].d, "%s, %s", pair[i].b, pair[i].a);
    }
    static const char *const near[][2] = { { "spere", "sphere" }, { "cub", "cube" }, { "cbue", "cube" }, { "hashgird", "hashgrid" },
                                           { "hash", "hashgrid" }, { "ims", "ism" }, { "tours", "torus" }, { "torus", "torus" } };
    for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
        const char *got = text_nearest(near[i][0], names, 5);
        CHECK(got != NULL && strcmp(got, near[i][1]) == 0, "%s: %s", near[i][0], got == NULL ? "none" : got);
    }
    CHECK(text_nearest("pyramid", names, 5) == NULL && text_nearest("", names, 5) == NULL && text_nearest("cube", names, 0) == NULL, "far");
    char longer[200];
    memset(longer, 'x', 199);
    longer[199] = '\0';
    CHECK(text_distance(longer, "x") == 62 && text_nearest(longer, names, 5) == NULL, "cut at 63");
}

static void whole_numbers(void)
{
    int64_t i = 0;
    uint64_t u = 0;
    CHECK(text_to_int64(&i, "-9223372036854775808") == 0 && i == INT64_MIN, "least");
    CHECK(text_to_int64(&i, "+9223372036854775807") == 0 && i == INT64_MAX, "greatest");
    CHECK(text_to_int64(&i, "9223372036854775808") == 1 && text_to_int64(&i, "-9223372036854775809") == 1, "too wide");
    CHECK(text_to_int64(&i, "-0") == 0 && i == 0, "minus zero");
    CHECK(text_to_uint64(&u, "18446744073709551615") == 0 && u == UINT64_MAX, "greatest");
    CHECK(text_to_uint64(&u, "18446744073709551616") == 1 && text_to_uint64(&u, "99999999999999999999999") == 1, "too wide");
    static const char *const bad[] = { "", "-", "+", " 1", "1 ", "1.0", "1e3", "0x1", "--1", "+-1", "1\n", "one" };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        CHECK(text_to_int64(&i, bad[k]) == -1 && text_to_uint64(&u, bad[k]) == -1, "'%s' accepted", bad[k]);
    CHECK(text_to_uint64(&u, "-0") == -1, "minus");
}

/* The C library in the "C" locale rounds correctly, here and wherever this test is run; we must agree. */
static void decimals(void)
{
    static const char *const text[] = {
        "0", "-0", "1", ".5", "5.", "+2.5", "-.5", "+5.e+1", "-5.E-1", "0.1", "1e23", "9007199254740993", "9007199254740993.00000000000000000000000000000001",
        "2.2250738585072011e-308", "2.2250738585072014e-308", "2.47e-324", "2.48e-324", "5e-324", "1.7976931348623157e308",
        "1.7976931348623158e308", "1e-99999999999", "0e99999999999", "000000000000000000000000000000000000000000000000.1e1",
        "8.988465674311579e307", "123456789012345678901234567890e-20", "6929495644600919.5", "6929495644600920.5", "1E5", "1e+05" };
    char shortest[TEXT_DOUBLE_MAX], printed[64];
    uint64_t s = 88172645463325252u;
    double x = 0, y = 0;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        CHECK(text_to_double(&x, text[i]) == 0, "'%s' refused", text[i]);
        y = strtod(text[i], NULL);
        CHECK(memcmp(&x, &y, sizeof x) == 0, "%s: %a, expected %a", text[i], x, y);
    }
    char far[1300];                                       /* a tie but for a digit beyond any buffer */
    snprintf(far, sizeof far, "9007199254740993.%01200d", 1);
    CHECK(text_to_double(&x, far) == 0 && x == 9007199254740994.0, "%a", x);
    snprintf(far, sizeof far, "9007199254740993.%01200d", 0);
    CHECK(text_to_double(&x, far) == 0 && x == 9007199254740992.0, "%a", x);
    CHECK(text_to_double(&x, "1.7976931348623159e308") == 1 && text_to_double(&x, "-1e999999999999") == 1, "too large");
    static const char *const bad[] = { "", ".", "-", "+", "-.", "+.e5", "+-1", "e5", "1e", "1e+", "1e5.", "1.2.3", "nan", "inf", "-inf", "infinity", "0x1p3", " 1", "1 ", "1,5", "1f" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(text_to_double(&x, bad[i]) == -1, "'%s' accepted", bad[i]);
    for (int i = 0; i < 1000; i++) {                      /* all exponents, then near 1 */
        s ^= s << 13; s ^= s >> 7; s ^= s << 17;
        uint64_t bits = i % 2 == 0 ? s : (s & 0x800fffffffffffffu) | (uint64_t)(1023 - 60 + (s >> 40) % 120) << 52;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) continue;
        text_from_double(shortest, x);
        CHECK(strtod(shortest, NULL) == x, "%s is not %a", shortest, x);
        int digits = 1;
        for (; digits < 17; digits++) {
            snprintf(printed, sizeof printed, "%.*e", digits - 1, x);
            if (strtod(printed, NULL) == x) break;
        }
        int place = 0, used = 0;                          /* significant digits: up to the last that is not 0 */
        for (const char *c = shortest + strspn(shortest, "-0."); *c != '\0' && *c != 'e'; c++) {
            place += *c != '.';
            if (*c != '.' && *c != '0') used = place;
        }
        CHECK(used <= digits, "%s has more than %d digits", shortest, digits);
        snprintf(printed, sizeof printed, "%.*e", (int)(s % 25), x);
        if (text_to_double(&y, printed) == 0) CHECK(y == strtod(printed, NULL), "%s: %a", printed, y);
        else CHECK(isinf(strtod(printed, NULL)), "%s refused", printed);
    }
    static const struct { double x; const char *text; } known[] = {
        { 0, "0" }, { -0.0, "-0" }, { 0.1, "0.1" }, { 1000, "1000" }, { 1e-5, "0.00001" }, { 1e-4, "0.0001" }, { -2.5e20, "-2.5e20" },
        { 1e15, "1000000000000000" }, { 1e16, "10000000000000000" }, { 1234.5678, "1234.5678" }, { 5e-324, "5e-324" }, { 1.0 / 3, "0.3333333333333333" },
        { 1.7976931348623157e308, "1.7976931348623157e308" }, { 9.5, "9.5" }, { 0.3, "0.3" } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        text_from_double(shortest, known[i].x);
        CHECK(strcmp(shortest, known[i].text) == 0, "%s, expected %s", shortest, known[i].text);
    }
    /* A locale with a decimal comma, where there is one, changes nothing. */
    if (setlocale(LC_ALL, "de_DE.UTF-8") != NULL) {
        text_from_double(shortest, 0.5);
        CHECK(strcmp(shortest, "0.5") == 0 && text_to_double(&x, "0.5") == 0 && x == 0.5, "locale: %s", shortest);
        setlocale(LC_ALL, "C");
    }
}

/* ---- progress ---- */

static void progress_lines(void)
{
    Progress p = { .unit = "step", .first = 0, .total = 500 };
    char line[PROGRESS_WIDTH + 1], note[300];
    progress_line(line, &p, 120, "loss 0.0123", 120 * 0.0152);
    CHECK(strcmp(line, "step 120/500  loss 0.0123  15.2 ms/step  0:06 left") == 0, "%s", line);
    progress_line(line, &p, 0, NULL, 0);
    CHECK(strcmp(line, "step 0/500") == 0, "%s", line);
    p.first = 400;                                        /* resumed: only this session's steps count */
    progress_line(line, &p, 410, NULL, 25.0);
    CHECK(strcmp(line, "step 410/500  2.5 s/step  3:45 left") == 0, "%s", line);
    p.total = 100400;
    progress_line(line, &p, 401, NULL, 0.25);
    CHECK(strcmp(line, "step 401/100400  250 ms/step  6:56:40 left") == 0, "%s", line);
    memset(note, 'x', sizeof note);
    note[sizeof note - 1] = '\0';
    progress_line(line, &p, 401, note, 0.25);
    CHECK(strlen(line) == PROGRESS_WIDTH, "%zu columns", strlen(line));
    double before = progress_clock(), after = progress_clock();
    CHECK(before > 0 && after >= before, "the clock runs back: %g, %g", before, after);
    progress_start(&p, "step", 0, 10, 1);
    CHECK(!p.on, "quiet");
    progress_step(&p, 5, NULL);
    CHECK(!p.drawn, "drawn though quiet");
    progress_end(&p);
}

/* A NaN of either sign looks the same; nothing else changes. */
static void a_nan_has_no_sign(void)
{
    static const double same[] = { 0.0, -0.0, 1.5, -1.5, 5e-324, -1.7976931348623157e308, (double)INFINITY, -(double)INFINITY };
    char shown[16];
    for (int minus = 0; minus < 2; minus++) {
        snprintf(shown, sizeof shown, "%g", text_shown(copysign((double)NAN, minus ? -1.0 : 1.0)));
        CHECK(strcmp(shown, "nan") == 0, "sign %d: %s", minus, shown);
    }
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const double x = text_shown(same[i]);
        CHECK(memcmp(&x, &same[i], sizeof x) == 0, "%g became %g", same[i], x);
    }
}

int main(void)
{
    TEST(defaults);
    TEST(values);
    TEST(messages);
    TEST(stored_settings);
    TEST(help_text);
    TEST(options_out_of_memory);
    TEST(nearest_names);
    TEST(whole_numbers);
    TEST(decimals);
    TEST(a_nan_has_no_sign);
    TEST(progress_lines);
    return test_end();
}
