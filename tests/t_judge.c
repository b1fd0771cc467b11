/* t_judge.c -- the judge: what it sees of the stream it was not trained on, how it is trained, what it refuses
 *
 * Truth is the stream's own: which object and colour a picture shows, and from where. Of 120 pictures the shipped judge is to recognise
 * 95 % of objects, of colours, and 90 % of views; it was found at 99.9, 97.7 and 95.2 % of 2000 others, so that by chance these bars
 * would be missed once in 10^9, 20 and 100 streams; the streams are fixed.
 */
#include "ref/dataset.h"
#include "ref/judge.h"
#include "ref/judge_net.h"
#include "tensor/elem.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tests/pipeline_folder.h"

#include <unistd.h>

enum { PIXELS = 3 * JUDGE_SIDE * JUDGE_SIDE };
static Err err;
static char folder[] = "/tmp/sdref-judge-XXXXXX";

static Judge *shipped(void)
{
    Judge *j = judge_open(JUDGE_FOLDER, &err);
    CHECK(j != NULL, "%s", err.msg);
    if (j == NULL) exit(1);
    return j;
}

/* Pictures 0..n-1 of a stream; free with mem_free. */
static real *pictures(int n, uint64_t seed)
{
    real *x = mem_new((size_t)(n + 1) * PIXELS, sizeof *x, "pictures", &err);
    if (x == NULL) exit(1);
    for (int i = 0; i < n; i++) {
        DatasetItem item;
        dataset_item(&item, seed, (uint64_t)i);
        dataset_picture(x + (size_t)i * PIXELS, x + (size_t)n * PIXELS, &item, seed, JUDGE_SIDE, JUDGE_SIDE);
    }
    return x;
}

/* ---- what it says ---- */

static void classes(void)
{
    static const char *const views[] = { "front", "left", "right", "back", "overhead" };
    static const ViewLabel labels[] = { VIEW_FRONT, VIEW_LEFT, VIEW_RIGHT, VIEW_BACK, VIEW_OVERHEAD };
    CHECK(judge_classes(JUDGE_OBJECT) == 30 && judge_classes(JUDGE_COLOUR) == 12 && judge_classes(JUDGE_VIEW) == 5, "sizes of the heads");
    CHECK(strcmp(judge_class_name(JUDGE_OBJECT, 0), "mug") == 0 && strcmp(judge_class_name(JUDGE_COLOUR, 5), "blue") == 0, "names");
    for (int i = 0; i < JUDGE_VIEWS; i++) {
        CHECK(judge_view_class(labels[i]) == i, "%s", views[i]);
        CHECK(strcmp(judge_class_name(JUDGE_VIEW, i), views[i]) == 0, "%s", views[i]);
    }
}

static void fresh_pictures(void)
{
    static const struct { real noise; int blur, seed; } how[] = { { R(0.0), 0, 501 }, { R(0.05), 0, 502 }, { R(0.0), 1, 503 } };
    enum { N = 120 };
    Judge *j = shipped();
    for (int k = 0; k < 3; k++) {
        JudgeScore s;
        int sum = 0, right = 0;
        CHECK_OK(judge_measure(&s, NULL, j, (uint64_t)how[k].seed, 0, N, how[k].noise, how[k].blur, &err), &err);
        CHECK(s.count == N && s.right[JUDGE_OBJECT] >= N * 95 / 100, "%d objects of %d", s.right[JUDGE_OBJECT], s.count);
        CHECK(s.right[JUDGE_COLOUR] >= N * 95 / 100, "%d colours of %d", s.right[JUDGE_COLOUR], N);
        CHECK(s.right[JUDGE_VIEW] >= N * 90 / 100, "%d views of %d", s.right[JUDGE_VIEW], N);
        CHECK(s.both <= s.right[JUDGE_COLOUR] && s.both <= s.right[JUDGE_OBJECT] && s.both >= s.right[JUDGE_OBJECT] + s.right[JUDGE_COLOUR] - N,
              "%d both", s.both);
        for (int i = 0; i < JUDGE_VIEWS * JUDGE_VIEWS; i++) {
            sum += s.taken[JUDGE_VIEW][i / JUDGE_VIEWS][i % JUDGE_VIEWS];
            right += i / JUDGE_VIEWS == i % JUDGE_VIEWS ? s.taken[JUDGE_VIEW][i / JUDGE_VIEWS][i % JUDGE_VIEWS] : 0;
        }
        CHECK(sum == N && right == s.right[JUDGE_VIEW], "the table of views holds %d, %d of them right", sum, right);
    }
    judge_free(j);
}

/* A picture in a batch is judged as it is alone, with any number of threads. */
static void batches_and_threads(void)
{
    enum { N = 7 };
    Judge *j = shipped();
    real *x = pictures(N, 504), *features = mem_new(3 * N * JUDGE_FEATURES, sizeof *features, "features", &err);
    real *alone = features + N * JUDGE_FEATURES, *threads = alone + N * JUDGE_FEATURES;
    Verdict all[N], one[N];
    const int cores = par_threads();
    CHECK_OK(judge_pictures(all, features, j, x, N, &err), &err);
    for (int i = 0; i < N; i++) CHECK_OK(judge_pictures(&one[i], alone + i * JUDGE_FEATURES, j, x + (size_t)i * PIXELS, 1, &err), &err);
    CHECK(memcmp(all, one, sizeof all) == 0 && memcmp(features, alone, N * JUDGE_FEATURES * sizeof(real)) == 0, "a batch is not its pictures");
    par_threads_set(3);
    CHECK_OK(judge_pictures(all, threads, j, x, N, &err), &err);
    CHECK(memcmp(features, threads, N * JUDGE_FEATURES * sizeof(real)) == 0, "three threads");
    par_threads_set(cores);
    mem_free(features);
    mem_free(x);
    judge_free(j);
}

/* Pictures first .. first+n-1 are those of the stream, and their features come out in order. */
static void a_part_of_the_stream(void)
{
    enum { FIRST = 3, N = 4 };
    Judge *j = shipped();
    real *x = pictures(FIRST + N, 505), *features = mem_new(2 * N * JUDGE_FEATURES, sizeof *features, "features", &err);
    real *measured = features + N * JUDGE_FEATURES;
    Verdict v[N];
    JudgeScore s;
    int right = 0;
    CHECK_OK(judge_pictures(v, features, j, x + (size_t)FIRST * PIXELS, N, &err), &err);
    CHECK_OK(judge_measure(&s, measured, j, 505, FIRST, N, R(0.0), 0, &err), &err);
    CHECK(memcmp(features, measured, N * JUDGE_FEATURES * sizeof *features) == 0, "other features");
    for (int i = 0; i < N; i++) {
        DatasetItem item;
        dataset_item(&item, 505, (uint64_t)(FIRST + i));
        right += v[i].is[JUDGE_OBJECT] == item.object;
    }
    CHECK(s.right[JUDGE_OBJECT] == right && s.count == N, "%d right, expected %d", s.right[JUDGE_OBJECT], right);
    mem_free(features);
    mem_free(x);
    judge_free(j);
}

/* The judge sees means of 2x2 pixels: what changes the pixels of a square and not their sum is not seen, what changes the sum is. Steps are
 * powers of two, so all sums are exact. */
static void squares_of_pixels(void)
{
    static const int change[2][2] = { { 3, -1 }, { -1, -1 } };      /* no part of the square keeps its sum */
    Judge *j = shipped();
    real *x = mem_new(3 * PIXELS, sizeof *x, "pictures", &err), *features = mem_new(3 * JUDGE_FEATURES, sizeof *features, "features", &err);
    Verdict v[3];
    for (int i = 0; i < PIXELS; i++) {
        const int row = i / JUDGE_SIDE % JUDGE_SIDE, col = i % JUDGE_SIDE;
        x[i] = (real)((row / 2 * 5 + col / 2 * 3) % 16) / R(16.0) - R(0.5);
        x[PIXELS + i] = x[i] + R(0.125) * (real)change[row % 2][col % 2];
        x[2 * PIXELS + i] = x[i] + (row % 2 == 0 ? R(0.25) : R(0.0));
    }
    CHECK_OK(judge_pictures(v, features, j, x, 3, &err), &err);
    CHECK(memcmp(features, features + JUDGE_FEATURES, JUDGE_FEATURES * sizeof *features) == 0, "the same means, other features");
    CHECK(memcmp(features, features + 2 * JUDGE_FEATURES, JUDGE_FEATURES * sizeof *features) != 0, "other means, the same features");
    mem_free(features);
    mem_free(x);
    judge_free(j);
}

/* Means of 3x3: of a constant, of one pixel inside, of one in a corner. */
static void a_blur(void)
{
    enum { S = 5 };
    real x[3 * S * S], scratch[S * S];
    for (int i = 0; i < 3 * S * S; i++) x[i] = i < S * S ? R(2.0) : R(0.0);
    x[S * S + 2 * S + 2] = R(9.0);                        /* the second channel: one bright pixel in the middle */
    x[2 * S * S] = R(9.0);                                /* the third: one in the corner, which the edge repeats */
    judge_blur(x, scratch, S);
    for (int i = 0; i < S * S; i++) CHECK(x[i] == R(2.0), "%g", (double)x[i]);
    for (int i = 0; i < S * S; i++) {
        const int near = abs(i / S - 2) <= 1 && abs(i % S - 2) <= 1;
        CHECK(x[S * S + i] == (near ? R(1.0) : R(0.0)), "(%d,%d): %g", i / S, i % S, (double)x[S * S + i]);
    }
    CHECK(x[2 * S * S] == R(4.0) && x[2 * S * S + 1] == R(2.0) && x[2 * S * S + S + 1] == R(1.0) && x[2 * S * S + 2] == R(0.0), "the corner");
}

static void fit(void)
{
    JudgeScore s = { .count = 100, .right = { 95, 95, 95 } };
    CHECK(judge_fit(&s), "95 of 100");
    for (int head = 0; head < JUDGE_HEADS; head++) {
        s = (JudgeScore){ .count = 100, .right = { 100, 100, 100 } };
        s.right[head] = 94;
        CHECK(!judge_fit(&s), "94 of 100, head %d", head);
    }
}

/* ---- training ---- */

static void short_training(const char *to, long steps, int threads)
{
    TrainConfig c = judge_recipe();
    const int cores = par_threads();
    c.steps = steps;
    c.batch = 4;
    c.slot = 2;
    par_threads_set(threads);
    CHECK_OK(judge_train(to, &c, steps, NULL, NULL, &err), &err);
    par_threads_set(cores);
}

static void any_threads(void)
{
    char a[FOLDER_ROOM], b[FOLDER_ROOM], file[2][FOLDER_ROOM + 32];
    void *bytes[2];
    size_t n[2];
    folder_path(a, folder, "one");
    folder_path(b, folder, "three");
    short_training(a, 2, 1);
    short_training(b, 2, 3);
    for (int i = 0; i < 2; i++) {
        snprintf(file[i], sizeof file[i], "%s/model.safetensors", i == 0 ? a : b);
        CHECK_OK(file_read(&bytes[i], &n[i], file[i], 1 << 24, &err), &err);
    }
    CHECK(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0, "one thread and three");
    CHECK(n[0] < 1 << 20, "%zu bytes, expected less than a megabyte", n[0]);
    mem_free(bytes[0]);
    mem_free(bytes[1]);
}

static void note_loss(void *self, long steps, double loss)
{
    double *at = self;
    at[steps - 1] = loss;
}

/* A recipe's first steps are those of the whole; a folder that cannot be made is found before the first step. */
static void first_steps(void)
{
    double all[3] = { 0 }, some[3] = { 0 };
    char to[FOLDER_ROOM];
    Err why = { 0 };
    TrainConfig c = judge_recipe();
    c.steps = 3;
    c.warmup = 1;
    c.decay = 1;                                          /* the rate falls from the first step on, by the number of all steps */
    c.batch = c.slot = 2;
    folder_path(to, folder, "first");
    CHECK_OK(judge_train(to, &c, 3, note_loss, all, &err), &err);
    CHECK_OK(judge_train(to, &c, 2, note_loss, some, &err), &err);
    CHECK(some[0] == all[0] && some[1] == all[1] && all[2] > 0 && some[2] == 0, "%g %g %g, stopped: %g %g %g", all[0], all[1], all[2], some[0],
          some[1], some[2]);
    some[0] = 0;
    CHECK(judge_train("/dev/null/judge", &c, 3, note_loss, some, &why) != 0 && strstr(why.msg, "/dev/null") != NULL, "'%s'", why.msg);
    CHECK(some[0] == 0, "a step was made");
}

/* Who knows nothing gives every class the same probability: ln 30 + ln 12 + ln 5 = 7.49. An untrained network is near that, and learns. */
static void learns(void)
{
    enum { STEPS = 24 };
    char to[FOLDER_ROOM];
    double loss[STEPS], first = 0, last = 0;
    TrainConfig c = judge_recipe();
    c.steps = STEPS;
    c.warmup = 2;
    c.batch = 16;
    folder_path(to, folder, "learns");
    CHECK_OK(judge_train(to, &c, STEPS, note_loss, loss, &err), &err);
    for (int i = 0; i < 4; i++) {
        first += loss[i] / 4;
        last += loss[STEPS - 1 - i] / 4;
    }
    CHECK_LE(fabs(loss[0] - (d_log(30) + d_log(12) + d_log(5))), 0.5, "the first loss is %g", loss[0]);
    CHECK_LE(last, first - 0.5, "from %g", first);
}

#ifdef SDREF_F64
/* The slot's loss along a random direction: central differences, twice, extrapolated: (4 D(h/2) - D(h))/3 is off by O(h^4). */
static double loss_at(const TrainTask *task, Params *const *twin, real *theta, const real *start, const real *direction, size_t n, double h)
{
    Tape *t = tape_new(&err);
    double loss = 0;
    for (size_t i = 0; i < n; i++) theta[i] = r_fma(h, direction[i], start[i]);
    CHECK_OK(task->slot(task->self, &loss, t, twin, 0, 3, 2, &err), &err);
    tape_free(t);
    return loss;
}

static void gradient(void)
{
    JudgeTask j;
    CHECK_OK(judge_task_open(&j, 1, 5, &err), &err);      /* a batch of one: the gradient is that of the sum */
    const TrainTask task = judge_task(&j);
    const size_t n = params_total(j.params);
    real *start = mem_new(5 * n, sizeof *start, "values", &err), *theta = start + n, *direction = start + 2 * n, *g = start + 3 * n, *rest = start + 4 * n;
    size_t at = 0;
    for (int i = 0; i < params_count(j.params); at += params_at(j.params, i)->n, i++)
        for (size_t k = 0; k < params_at(j.params, i)->n; k++) start[at + k] = (real)params_draw(j.params, i, 5, (uint32_t)i, (uint32_t)k);
    rng_normal(direction, (RngAt){ 5, 0, 0, RNG_PROBE }, n);
    params_bind(j.params, theta);
    Params *twin = params_twin(j.params, g, &err), *other = params_twin(j.params, rest, &err);
    loss_at(&task, &twin, theta, start, direction, n, 0);
    double along = 0;
    for (size_t i = 0; i < n; i++) along += g[i] * direction[i];
    const double h = 1e-5;
    const double whole = (loss_at(&task, &other, theta, start, direction, n, h) - loss_at(&task, &other, theta, start, direction, n, -h)) / (2 * h);
    const double half = (loss_at(&task, &other, theta, start, direction, n, h / 2) - loss_at(&task, &other, theta, start, direction, n, -h / 2)) / h;
    /* rounding: the loss, some 15, is good to some 1e-14, which h / 2 divides: 1e-9; the error of the differences goes with h^4; found 6e-10 */
    CHECK_LE(fabs((4 * half - whole) / 3 - along), 1e-8 * fabs(along), "gradient %.12g, differences %.12g", along, (4 * half - whole) / 3);
    CHECK_LE(1e-2, fabs(along), "no gradient to speak of");
    params_free(twin);
    params_free(other);
    mem_free(start);
    judge_task_close(&j);
}
#endif

/* ---- refusals ---- */

static void refuses(Spoil spoil, const char *tensor, const char *says)
{
    char to[FOLDER_ROOM], here[FOLDER_PATH], from[FOLDER_ROOM];
    Err why = { 0 };
    CHECK(getcwd(here, sizeof here) != NULL, "no folder");
    folder_path(from, here, JUDGE_FOLDER);
    folder_path(to, folder, "spoiled");
    folder_link(to, from);
    folder_spoil(to, "model.safetensors", tensor, spoil);
    Judge *j = judge_open(to, &why);
    CHECK(j == NULL && strstr(why.msg, says) != NULL, "'%s', expected '%s' in it", why.msg, says);
    judge_free(j);
    folder_remove(to);
}

static void spoiled_files(void)
{
    Err why = { 0 };
    CHECK(judge_open("weights/none", &why) == NULL && strstr(why.msg, "weights/none") != NULL, "%s", why.msg);
    refuses(SPOIL_ROW, "head.weight", "head.weight");
    refuses(SPOIL_DROP, "c.norm.bias", "c.norm.bias");
    refuses(SPOIL_ADD, "head.bias", "class_embedding.weight");
}

static void not_a_number(void)
{
    char to[FOLDER_ROOM], here[FOLDER_PATH], from[FOLDER_ROOM];
    Verdict v;
    Err why = { 0 };
    real *x = pictures(1, 1);
    CHECK(getcwd(here, sizeof here) != NULL, "no folder");
    folder_path(from, here, JUDGE_FOLDER);
    folder_path(to, folder, "nan");
    folder_link(to, from);
    folder_spoil(to, "model.safetensors", "head.bias", SPOIL_NAN);
    Judge *j = judge_open(to, &err);
    CHECK(j != NULL, "%s", err.msg);
    CHECK(j == NULL || (judge_pictures(&v, NULL, j, x, 1, &why) != 0 && strstr(why.msg, "nan at 0") != NULL), "%s", why.msg);
    judge_free(j);
    mem_free(x);
}

int main(void)
{
    if (mkdtemp(folder) == NULL) return 1;
    TEST(classes);
    TEST(fresh_pictures);
    TEST(batches_and_threads);
    TEST(a_part_of_the_stream);
    TEST(squares_of_pixels);
    TEST(a_blur);
    TEST(fit);
    TEST(any_threads);
    TEST(first_steps);
    TEST(learns);
#ifdef SDREF_F64
    TEST(gradient);
#endif
    TEST(spoiled_files);
    TEST(not_a_number);
    folder_remove(folder);
    return test_end();
}
