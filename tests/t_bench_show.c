/* t_bench_show.c -- the measurements of a prior, made up here, as table, CSV, SVG and sheet: what was put in is what is read there */
#include "ref/bench_prior.h"
#include "tests/pipeline_folder.h"

enum { PIXELS = 3 * JUDGE_SIDE * JUDGE_SIDE, COUNT = 12, CELL = 2 * JUDGE_SIDE };
static Err err;
static char folder[] = "/tmp/sdref-show-XXXXXX";
static const Schedule *S;

/* Guidance 1 and 7.5. Row i: "row I", of every kind in turn, 0.1 and 0.2 + i, i/2 for the stream, 100 + i samples. */
static BenchPrior made_up(void)
{
    BenchPrior b = { .config = { .count = COUNT, .guidance = { R(1.0), R(7.5) }, .guidances = 2, .seed = 7 }, .pictures = 6, .shown = 1 };
    b.judge = (JudgeScore){ .count = 200, .right = { 199, 195, 190 } };
    b.noisy = b.blurred = (JudgeScore){ .count = 50, .right = { 50, 49, 48 } };
    for (int i = 0; i < BENCH_ROWS; i++) {
        b.row[i] = (BenchRow){ .kind = (BenchKind)(i % 3), .samples = 100 + i, .stream = 0.5 * i, .value = { 0.1, 0.2 + i } };
        snprintf(b.row[i].name, sizeof b.row[i].name, i == BENCH_VIEW ? "    \"row %d\"" : "row %d", i);
    }
    for (int i = 0; i < BENCH_BINS; i++) {
        b.loss[i] = 0.25 * (i + 1);
        b.bound[i] = 0.125;
    }
    b.sample = mem_new(COUNT, sizeof *b.sample, "samples", &err);
    b.picture = mem_new(COUNT * PIXELS, sizeof *b.picture, "samples", &err);
    if (b.sample == NULL || b.picture == NULL) exit(1);
    for (int i = 0; i < COUNT; i++) b.sample[i] = (BenchSample){ i, i, { { i, i, 0 } } };
    b.sample[2].verdict.is[JUDGE_COLOUR] = 5;
    b.sample[11].verdict.is[JUDGE_OBJECT] = 1;
    for (int i = 0; i < COUNT * PIXELS; i++) b.picture[i] = R(-1.0);      /* black */
    return b;
}

static BenchModel model(void) { return (BenchModel){ .name = "a model", .steps = 25, .S = S }; }

/* A whole file; free with mem_free. One zero byte follows. */
static char *contents(size_t *n, const char *path)
{
    void *bytes = NULL;
    CHECK_OK(file_read(&bytes, n, path, 1 << 24, &err), &err);
    char *text = mem_new(*n + 1, 1, "text", &err);
    if (text == NULL || bytes == NULL) exit(1);
    memcpy(text, bytes, *n);
    mem_free(bytes);
    return text;
}

static void has_lines(const char *text, const char *const *lines)
{
    for (; *lines != NULL; lines++) CHECK(strstr(text, *lines) != NULL, "no line '%s' in\n%s", *lines + 1, text);
}

static void table(void)
{
    static const char *const lines[] = {
        "a model: 25 DDIM steps, seed 7\n",
        "\n  as they are        200 pictures: object  99.5 %  colour  97.5 %  view  95.0 %\n",
        "\n  blurred 3x3         50 pictures: object 100.0 %  colour  98.0 %  view  96.0 %\n",
        "\nguidance                                  1      7.5   stream  samples\n",
        "\nrow 0                                 10.0%    20.0%     0.0%      100\n",
        "\nrow 1                                   0.1      1.2      0.5      101\n",
        "\nrow 2                                  0.10     2.20     1.00      102\n",
        "\n0 to 99              0.25      0.125\n", "\n900 to 999            2.5      0.125\n", "\nmean                 1.38      0.125\n", NULL
    };
    char path[FOLDER_ROOM];
    size_t n;
    BenchPrior b = made_up();
    const BenchModel m = model();
    folder_path(path, folder, "a.txt");
    FILE *out = fopen(path, "w");
    CHECK(out != NULL, "%s", path);
    if (out == NULL) exit(1);
    bench_prior_print(out, &b, &m);
    CHECK(fclose(out) == 0, "%s", path);
    char *text = contents(&n, path);
    has_lines(text, lines);
    mem_free(text);
    bench_prior_free(&b);
}

static void csv(void)
{
    static const char *const lines[] = {
        "figure,guidance,value,stream,samples\n\"judge right about objects\",,0.995,,200\n", "\n\"judge right about views, blurred 3x3\",,0.96,,50\n",
        "\n\"row 1\",1,0.1,0.5,101\n\"row 1\",7.5,1.2,0.5,101\n", "\n\"\"\"row 5\"\"\",7.5,5.2,2.5,105\n", "\n\"loss, t 100 to 199\",1,0.5,,6\n",
        "\n\"bound, t 900 to 999\",,0.125,,6\n", NULL
    };
    char path[FOLDER_ROOM];
    size_t n;
    int rows = 0;
    BenchPrior b = made_up();
    const BenchModel m = model();
    folder_path(path, folder, "a.csv");
    CHECK_OK(bench_prior_csv(&b, &m, path, &err), &err);
    char *text = contents(&n, path);
    for (size_t i = 0; i < n; i++) rows += text[i] == '\n';
    CHECK(rows == 1 + 3 * JUDGE_HEADS + 2 * BENCH_ROWS + 2 * BENCH_BINS, "%d lines", rows);
    has_lines(text, lines);
    mem_free(text);
    bench_prior_free(&b);
}

static void svg(void)
{
    static const char *const names[] = { "<svg", "a model: share of samples", ">guidance<", ">row 2<", ">row 3<", ">row 4<", NULL };
    char path[FOLDER_ROOM];
    size_t n;
    BenchPrior b = made_up();
    const BenchModel m = model();
    CHECK(BENCH_BOTH == 2 && BENCH_NEAR == 3 && BENCH_VIEWED == 4, "rows");
    folder_path(path, folder, "a.svg");
    CHECK_OK(bench_prior_svg(&b, &m, path, &err), &err);
    char *text = contents(&n, path);
    has_lines(text, names);
    mem_free(text);
    bench_prior_free(&b);
}

/* size: width, height of the sheet */
static void sheet_size(int size[2], const BenchPrior *b)
{
    char path[FOLDER_ROOM];
    size_t n;
    const BenchModel m = model();
    size[0] = size[1] = 0;
    folder_path(path, folder, "a.png");
    CHECK_OK(bench_prior_sheet(b, &m, path, &err), &err);
    unsigned char *png = (unsigned char *)contents(&n, path);
    CHECK(n > 24 && memcmp(png, "\x89PNG", 4) == 0, "no PNG");
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 4; i++) size[k] = 256 * size[k] + png[16 + 4 * k + i];
    mem_free(png);
}

/* Two rows of ten cells: 4 pixels around each, 128 pixels of picture, below them lines of text of 8 pixels: two where one is judged to show
 * something else, and one if all are right. */
static void sheet(void)
{
    int wrong[2], right[2];
    BenchPrior b = made_up();
    sheet_size(wrong, &b);
    for (int i = 0; i < COUNT; i++) b.sample[i].verdict = (Verdict){ { i, i, 0 } };
    sheet_size(right, &b);
    CHECK(wrong[0] == 10 * (CELL + 4) + 4 && right[0] == wrong[0], "%d and %d wide", wrong[0], right[0]);
    CHECK(wrong[1] >= 2 * (CELL + 4 + 16) && wrong[1] <= 2 * (CELL + 4 + 16) + 40, "%d high", wrong[1]);
    CHECK(wrong[1] - right[1] >= 2 * 8, "%d and %d high", wrong[1], right[1]);
    bench_prior_free(&b);
}

static void files_refused(void)
{
    static const char nowhere[] = "/dev/null/a";
    Err why[3] = { { 0 } };
    BenchPrior b = made_up();
    const BenchModel m = model();
    CHECK(bench_prior_csv(&b, &m, nowhere, &why[0]) != 0, "a CSV in %s", nowhere);
    CHECK(bench_prior_svg(&b, &m, nowhere, &why[1]) != 0, "an SVG in %s", nowhere);
    CHECK(bench_prior_sheet(&b, &m, nowhere, &why[2]) != 0, "a PNG in %s", nowhere);
    for (int i = 0; i < 3; i++) CHECK(strstr(why[i].msg, nowhere) != NULL, "file %d: '%s'", i, why[i].msg);
    bench_prior_free(&b);
}

int main(void)
{
    const ScheduleConfig sd = schedule_config_sd();
    Schedule *own = schedule_new(&sd, &err);
    if (own == NULL || mkdtemp(folder) == NULL) return 1;
    S = own;
    TEST(table);
    TEST(csv);
    TEST(svg);
    TEST(sheet);
    TEST(files_refused);
    schedule_free(own);
    folder_remove(folder);
    return test_end();
}
