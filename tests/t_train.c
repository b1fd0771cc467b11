/* t_train.c -- the trainer on a task of 26 values whose whole course is known in closed form
 *
 * Every picture's loss is linear in the values, its slope that of the value times a factor of its place in the batch; the factors'
 * mean is 1. A constant gradient g, by whatever clipped to c g, gives m = c g (1 - beta1^s), v = c^2 g^2 (1 - beta2^s) after s steps,
 * and a step of -lr c g / (c |g| + eps).
 */
#include "ref/train.h"
#include "ref/train_prior.h"
#include "ref/trace.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tests/golden_read.h"
#include "tests/pipeline_folder.h"

enum { BATCH = 6, SLOT = 2, STEPS = 20, PIECES = 5, VALUES = 26, PICTURES = BATCH * STEPS };

static char folder[] = "/tmp/sdref-train-XXXXXX";
static const char *const nothing[] = { NULL };
/* The second part learns half as fast. */
static const double rates[2] = { 1, 0.5 };
static const TrainStart starts[] = { { "out.weight", 0 }, { "none", 0 }, { "body.weight", 3 }, { NULL, 0 } };

typedef enum { LINEAR, RANDOM, TIES, NAN_LOSS, HUGE_SLOPE, REFUSES } Kind;
typedef struct Toy {
    Kind kind;
    long at;                          /* the step in which trouble comes */
    long *seen;                       /* (PICTURES) step + 1 of each picture asked for */
    Params *part[2];
    TrainTask task;
    TrainConfig config;
    Trainer *t;
    Err err;
} Toy;

static const struct { int part; const char *name; Shape s; Init init; int matrix; } piece[PIECES] = {
    { 0, "body.weight", { 2, { 3, 4 } }, { INIT_NORMAL, 0.5 }, 1 },
    { 0, "body.bias", { 1, { 3 } }, { INIT_ZERO, 0 }, 0 },
    { 1, "norm.weight", { 1, { 4 } }, { INIT_ONE, 0 }, 0 },
    { 1, "norm.bias", { 1, { 3 } }, { INIT_UNIFORM, 0.25 }, 0 },
    { 1, "out.weight", { 4, { 2, 2, 1, 1 } }, { INIT_NORMAL, 0.5 }, 1 },
};

/* Eighths, so that slopes are exact; one in eleven is 0. */
static double slope_of(int number, size_t k) { return ((int)(7 * k + 3 * (size_t)number) % 11 - 5) / 8.0; }

static real gradient_of(const Toy *toy, int number, size_t k, uint64_t picture)
{
    const int place = (int)(picture % BATCH);
    const RngAt at = { 5, (uint32_t)number, (uint32_t)picture, RNG_PROBE };
    if (toy->kind == RANDOM) return (real)rng_normal_at(at, (uint32_t)k);
    if (toy->kind == TIES) return place == 0 ? R(1.0) : place % SLOT == 0 ? REAL_EPS / 2 : R(0.0);
    return (real)(slope_of(number, k) * 2 * (place + 1) / (BATCH + 1) / BATCH);
}

static int slot(const void *self, double *loss, Tape *tape, Params *const *twin, long step, uint64_t first, int count, Err *err)
{
    const Toy *toy = self;
    const int trouble = step == toy->at;
    (void)tape;
    for (uint64_t i = first; i < first + (uint64_t)count; i++) {
        *loss += 1.5 * 2 * (double)(i % BATCH + 1) / (BATCH + 1);
        if (i < PICTURES && toy->seen != NULL) toy->seen[i] = step + 1;
        for (int number = 0, in_part = 0; number < PIECES; number++) {
            in_part = number > 0 && piece[number].part == piece[number - 1].part ? in_part + 1 : 0;
            const Weight *w = params_at(twin[piece[number].part], in_part);
            for (size_t k = 0; k < w->n; k++) w->g[k] += gradient_of(toy, number, k, i);
            if (toy->kind == HUGE_SLOPE && trouble) w->g[0] = (real)INFINITY;
        }
    }
    if (toy->kind == NAN_LOSS && trouble && first % BATCH == SLOT) *loss = (double)NAN;
    if (toy->kind == REFUSES && trouble && first % BATCH != 0) return err_set(err, "picture %d is torn", (int)first);
    return 0;
}

static TrainConfig plain(void)
{
    return (TrainConfig){ .steps = STEPS, .warmup = 4, .batch = BATCH, .slot = SLOT, .lr = 0.01, .decay = 0.5, .weight_decay = 0.1,
                          .beta1 = 0.9, .beta2 = 0.99, .clip = 1e3, .ema = 0.2, .seed = 9 };
}

/* trainer: make one, too */
static void toy_new(Toy *toy, Kind kind, TrainConfig config)
{
    *toy = (Toy){ .kind = kind, .at = -1, .config = config };
    for (int part = 0; part < 2; part++) toy->part[part] = params_new("toy", &toy->err);
    for (int i = 0; i < PIECES; i++) params_need(toy->part[piece[i].part], piece[i].name, piece[i].s, piece[i].init, &toy->err);
    toy->task = (TrainTask){ 2, { "left", "right" }, { toy->part[0], toy->part[1] }, { rates[0], rates[1] }, slot, toy };
    toy->t = train_new(&toy->config, &toy->task, starts, &toy->err);
    CHECK(toy->t != NULL, "%s", toy->err.msg);
    if (toy->t == NULL) exit(1);
}

static void toy_free(Toy *toy)
{
    train_free(toy->t);
    params_free(toy->part[0]);
    params_free(toy->part[1]);
}

static void toy_steps(Toy *toy, int count, TrainLog *log)
{
    for (int i = 0; i < count; i++) CHECK_OK(train_step(toy->t, log), &toy->err);
}

static void path_of(char out[FOLDER_ROOM], const char *name) { folder_path(out, folder, name); }

/* What a saved state holds of one array, in the order of `piece`. */
static void saved(double out[VALUES], const StFile *f, const char *array)
{
    static const char *const part[] = { "left", "right" };
    char name[64];
    for (int i = 0; i < PIECES; i++) {
        snprintf(name, sizeof name, "%s.%s.%s", array, part[piece[i].part], piece[i].name);
        golden_f64(out, f, name, shape_count(piece[i].s));
        out += shape_count(piece[i].s);
    }
}

static StFile *save(Toy *toy, const char *name)
{
    char path[FOLDER_ROOM];
    path_of(path, name);
    CHECK_OK(train_save(toy->t, nothing, path, &toy->err), &toy->err);
    return golden_open(path);
}

static int same_file(const char *a, const char *b)
{
    char path[2][FOLDER_ROOM];
    FileMap map[2] = { { 0 } };
    Err err = { 0 };
    path_of(path[0], a);
    path_of(path[1], b);
    for (int i = 0; i < 2; i++) CHECK_OK(file_map(&map[i], path[i], &err), &err);
    const int same = map[0].n > 0 && map[0].n == map[1].n && memcmp(map[0].bytes, map[1].bytes, map[0].n) == 0;
    file_unmap(&map[0]);
    file_unmap(&map[1]);
    return same;
}

/* ---- learning rate ---- */

static void learning_rate(void)
{
    TrainConfig c = plain();                                /* of 20 steps the last 10 fall */
    static const double expected[STEPS] = { 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1 };
    for (long s = 0; s < STEPS; s++) CHECK_LE(fabs(train_lr(&c, s) - 0.01 * expected[s]), 1e-17, "step %ld", s);
    c.steps = 40;
    for (long s = 0; s <= 10; s++) CHECK(train_lr(&c, s) == 0.01 * (s < 4 ? (double)(s + 1) / 4 : 1), "step %ld of a longer run", s);
    c.warmup = 0;
    c.decay = 0;
    for (long s = 0; s < 40; s += 39) CHECK(train_lr(&c, s) == 0.01, "step %ld: neither rises nor falls", s);
    c.decay = 1;
    for (long s = 0; s < 40; s += 13) CHECK_LE(fabs(train_lr(&c, s) - 0.01 * (double)(40 - s) / 40), 1e-17, "step %ld: falls from the first on", s);
    c.warmup = 40;
    CHECK_LE(fabs(train_lr(&c, 19) - 0.01 * 0.5 * 21 / 40), 1e-17, "rises and falls at once");
}

/* ---- the first values ---- */

static void first_values(void)
{
    Toy toy;
    toy_new(&toy, LINEAR, plain());
    StFile *f = save(&toy, "first");
    double theta[VALUES], other[VALUES], spread = 0;
    saved(theta, f, "theta");
    for (int i = 0, at = 0; i < PIECES; i++)
        for (uint32_t k = 0; k < shape_count(piece[i].s); k++, at++) {
            const RngAt address = { toy.config.seed, (uint32_t)i, 0, RNG_INIT };
            const double normal = 3 * (0.5 * rng_normal_at(address, k)), uniform = 0.25 * (2 * rng_uniform_at(address, k) - 1);
            const double expected[PIECES] = { normal, 0, 1, uniform, 0 };
            CHECK(theta[at] == (double)(real)expected[i], "%s %u: %g, expected %g", piece[i].name, k, theta[at], expected[i]);
            if (i == 0) spread += theta[at] * theta[at];
        }
    CHECK(spread > 4.5 && spread < 108, "twelve normal values of deviation 3/2 have the sum of squares %g", spread);
    saved(other, f, "ema");
    CHECK(memcmp(theta, other, sizeof theta) == 0, "the average starts elsewhere");
    for (int a = 0; a < 2; a++) {
        saved(other, f, a == 0 ? "m" : "v");
        for (int i = 0; i < VALUES; i++) CHECK(other[i] == 0, "moment %d of %d is %g", a, i, other[i]);
    }
    for (int part = 0, at = 0; part < 2; part++)
        for (size_t k = 0; k < params_total(toy.part[part]); k++, at++) {
            CHECK((double)train_theta(toy.t, part)[k] == theta[at], "value %d", at);
            CHECK((double)train_ema(toy.t, part)[k] == theta[at], "value %d", at);
        }
    st_close(f);
    toy_free(&toy);
}

/* ---- the course ---- */

/* All four arrays after `steps` steps from the values at the start. Errors: each step rounds a few times values below 2, and enlarges what
 * is there by no more than 1; the gradients carry 2 B roundings. Bar: 100 units of REAL_EPS for each step, which is what a wrong beta,
 * bias correction or decay exceeds a thousandfold. */
static void follows(Toy *toy, const double start[VALUES], const char *name, int steps)
{
    const TrainConfig *c = &toy->config;
    double length = 0, theta[VALUES], m[VALUES], v[VALUES], ema[VALUES];
    StFile *f = save(toy, name);
    saved(theta, f, "theta");
    saved(m, f, "m");
    saved(v, f, "v");
    saved(ema, f, "ema");
    for (int i = 0; i < PIECES; i++)
        for (size_t k = 0; k < shape_count(piece[i].s); k++) length += slope_of(i, k) * slope_of(i, k);
    length = sqrt(length);
    const double clipped = c->clip < length ? c->clip / (length + 1e-6) : 1, bar = 100 * steps * (double)REAL_EPS;
    for (int i = 0, at = 0; i < PIECES; i++)
        for (size_t k = 0; k < shape_count(piece[i].s); k++, at++) {
            const double g = clipped * slope_of(i, k);
            double x = start[at], mean = x;
            for (int s = 0; s < steps; s++) {
                const double rise = s < 4 ? (s + 1) / 4.0 : 1, fall = s > 10 ? (20 - s) / 10.0 : 1, lr = rates[piece[i].part] * 0.01 * rise * fall;
                const double d = s == 0 ? 1.0 / 10 : s == 1 ? 2.0 / 11 : 0.2;
                x = x * (1 - (piece[i].matrix ? lr * 0.1 : 0)) - lr * g / (fabs(g) + 1e-8);
                mean = d * mean + (1 - d) * x;
            }
            CHECK_LE(fabs(theta[at] - x), bar, "theta of %s %zu", piece[i].name, k);
            CHECK_LE(fabs(ema[at] - mean), bar, "ema of %s %zu", piece[i].name, k);
            CHECK_LE(fabs(m[at] - g * (1 - pow(0.9, steps))), bar, "m of %s %zu", piece[i].name, k);
            CHECK_LE(fabs(v[at] - g * g * (1 - pow(0.99, steps))), bar, "v of %s %zu", piece[i].name, k);
        }
    st_close(f);
}

static void course(double clip)
{
    Toy toy;
    double start[VALUES];
    long seen[PICTURES] = { 0 };
    TrainConfig c = plain();
    c.clip = clip;
    toy_new(&toy, LINEAR, c);
    toy.seen = seen;
    StFile *f = save(&toy, "start");
    saved(start, f, "theta");
    st_close(f);
    for (int s = 0; s < STEPS; s++) {
        TrainLog log;
        CHECK_OK(train_step(toy.t, &log), &toy.err);
        CHECK_LE(fabs(log.loss - 1.5), 1e-14, "loss of step %d", s);
        CHECK(log.lr == train_lr(&toy.config, s), "learning rate of step %d", s);
        CHECK(train_step_number(toy.t) == s + 1, "step %d", s);
        if (s == 0 || s == 1 || s == STEPS - 1) follows(&toy, start, "course", s + 1);
        double length = 0;
        for (int i = 0; i < PIECES; i++)
            for (size_t k = 0; k < shape_count(piece[i].s); k++) length += slope_of(i, k) * slope_of(i, k);
        CHECK_LE(fabs(log.grad_norm / sqrt(length) - 1), 20 * (double)REAL_EPS, "length of the gradient, before it is cut");
    }
    for (int i = 0; i < PICTURES; i++) CHECK(seen[i] == i / BATCH + 1, "picture %d was asked for in step %ld", i, seen[i] - 1);
    toy_free(&toy);
}
static void course_unclipped(void) { course(1e3); }
static void course_clipped(void) { course(0.25); }

/* ---- the order of sums ---- */

/* Slots give 1, eps/2, eps/2, ..: added in their order the sum stays 1; in any other, or as a tree, it is more. */
static void slots_in_order(void)
{
    Toy toy;
    TrainLog log;
    double v[VALUES];
    TrainConfig c = plain();
    c.beta2 = 0.75;                                         /* v = g^2 / 4, exactly */
    toy_new(&toy, TIES, c);
    toy_steps(&toy, 1, &log);
    StFile *f = save(&toy, "ties");
    saved(v, f, "v");
    for (int i = 0; i < VALUES; i++) CHECK(v[i] == 0.25, "value %d: %.17g", i, v[i]);
    st_close(f);
    toy_free(&toy);
}

static void threads_change_nothing(void)
{
    const int threads[] = { 1, 2, 3, 8 }, before = par_threads();
    for (int i = 0; i < 4; i++) {
        Toy toy;
        TrainLog log;
        TrainConfig c = plain();
        c.clip = 2;
        par_threads_set(threads[i]);
        toy_new(&toy, RANDOM, c);
        toy_steps(&toy, 10, &log);
        st_close(save(&toy, i == 0 ? "one" : "more"));
        CHECK(i == 0 || same_file("one", "more"), "%d threads", threads[i]);
        toy_free(&toy);
    }
    par_threads_set(before);
}

/* ---- checkpoints ---- */

static void resumes(void)
{
    Toy whole, first, second;
    TrainLog log;
    char path[FOLDER_ROOM];
    toy_new(&whole, RANDOM, plain());
    toy_new(&first, RANDOM, plain());
    TrainConfig other = plain();
    other.seed = 10;                                        /* what is loaded takes the place of what was drawn */
    toy_new(&second, RANDOM, other);
    toy_steps(&whole, 7, &log);
    st_close(save(&whole, "whole"));
    toy_steps(&first, 3, &log);
    StFile *f = save(&first, "first");
    CHECK_OK(train_load(second.t, f, &second.err), &second.err);
    CHECK(train_step_number(second.t) == 3, "step %ld", train_step_number(second.t));
    st_close(f);
    st_close(save(&second, "second"));
    CHECK(same_file("first", "second"), "what was loaded is not what was saved");
    toy_steps(&second, 4, &log);
    st_close(save(&second, "second"));
    CHECK(same_file("whole", "second"), "resumed at step 3");
    static const char *const meta[] = { "task", "toy", "lr", "0.01", NULL };
    path_of(path, "meta");
    CHECK_OK(train_save(whole.t, meta, path, &whole.err), &whole.err);
    f = golden_open(path);
    const char *const expected[][2] = { { "task", "toy" }, { "lr", "0.01" }, { "step", "7" }, { "format", "sdref-training-1" } };
    CHECK(st_meta_count(f) == 4, "%d entries", st_meta_count(f));
    for (int i = 0; i < 4; i++) CHECK(st_meta(f, expected[i][0]) != NULL && strcmp(st_meta(f, expected[i][0]), expected[i][1]) == 0, "%s", expected[i][0]);
    st_close(f);
    toy_free(&whole);
    toy_free(&first);
    toy_free(&second);
}

/* A state with one fault. format, step: NULL to leave out. tensor: spoiled as `how` says. */
typedef enum { AS_IT_IS, ABSENT, OTHER_TYPE, OTHER_SHAPE, WITH_NAN, WITH_INFINITY } Fault;
static void refuses(const char *format, const char *step, const char *tensor, Fault how, const char *pattern)
{
    Toy toy;
    Err err = { 0 };
    char path[FOLDER_ROOM];
    toy_new(&toy, RANDOM, plain());
    StFile *good = save(&toy, "good");
    StWriter *w = stw_new(&err);
    double spoiled[VALUES] = { 0.5 };                       /* large enough for either type */
    real broken[VALUES] = { 0 };
    broken[2] = how == WITH_NAN ? (real)NAN : (real)INFINITY;
    if (format != NULL) stw_meta(w, "format", format);
    if (step != NULL) stw_meta(w, "step", step);
    for (int i = 0; i < st_count(good); i++) {
        const StTensor *t = st_at(good, i);
        const int64_t flat[] = { t->count };
        if (strcmp(t->name, tensor) != 0 || how == AS_IT_IS) stw_add(w, t->name, t->dtype, t->ndim, t->dim, t->bytes);
        else if (how == OTHER_TYPE) stw_add(w, t->name, ST_REAL == ST_F32 ? ST_F64 : ST_F32, t->ndim, t->dim, spoiled);
        else if (how == OTHER_SHAPE) stw_add(w, t->name, ST_REAL, 1, flat, t->bytes);
        else if (how != ABSENT) stw_add(w, t->name, ST_REAL, t->ndim, t->dim, broken);
    }
    path_of(path, "fault");
    CHECK_OK(stw_write(w, path, &err), &err);
    stw_free(w);
    st_close(good);
    StFile *f = golden_open(path);
    const int status = train_load(toy.t, f, &toy.err);
    if (pattern == NULL) CHECK(status == 0, "%s", toy.err.msg);
    else CHECK(status == -1 && strstr(toy.err.msg, path) == toy.err.msg && strstr(toy.err.msg, pattern) != NULL, "'%s', expected '%s'", toy.err.msg, pattern);
    st_close(f);
    toy_free(&toy);
}

static void loading_refuses(void)
{
    static const char ours[] = "sdref-training-1";
    refuses(ours, "3", "", AS_IT_IS, NULL);
    refuses(ours, "20", "", AS_IT_IS, NULL);
    refuses(NULL, "3", "", AS_IT_IS, "format is absent");
    refuses("sdref-trace-1", "3", "", AS_IT_IS, "format is sdref-trace-1");
    refuses(ours, NULL, "", AS_IT_IS, "at step (none), expected 0 to 20");
    refuses(ours, "21", "", AS_IT_IS, "at step 21, expected 0 to 20");
    refuses(ours, "-1", "", AS_IT_IS, "at step -1");
    refuses(ours, "3x", "", AS_IT_IS, "at step 3x");
    refuses(ours, "99999999999999999999", "", AS_IT_IS, "at step 9999");
    refuses(ours, "3", "theta.left.body.weight", ABSENT, "no tensor 'theta.left.body.weight'");
    refuses(ours, "3", "ema.right.out.weight", ABSENT, "no tensor 'ema.right.out.weight'");
    refuses(ours, "3", "v.right.norm.bias", OTHER_SHAPE, NULL);                 /* it has one dimension as it is */
    refuses(ours, "3", "v.left.body.weight", OTHER_SHAPE, "[12], expected");
    refuses(ours, "3", "m.right.norm.bias", OTHER_TYPE, ST_REAL == ST_F32 ? "'m.right.norm.bias' is F64 [3], expected F32" : "'m.right.norm.bias' is F32 [3], expected F64");
    refuses(ours, "3", "v.left.body.bias", WITH_NAN, "'v.left.body.bias' has");
    refuses(ours, "3", "theta.right.norm.weight", WITH_INFINITY, "has inf at 2");
}

/* ---- trouble on the way ---- */

static void stops(Kind kind, double lr, const char *const pattern[3], long at)
{
    Toy toy;
    TrainLog log;
    TrainConfig c = plain();
    c.lr = lr;
    toy_new(&toy, kind, c);
    toy.at = 3;
    toy_steps(&toy, (int)at, &log);
    StFile *f = save(&toy, "before");
    CHECK(train_step(toy.t, &log) == -1, "went on");
    for (int i = 0; i < 3; i++) CHECK(pattern[i] == NULL || strstr(toy.err.msg, pattern[i]) != NULL, "'%s', expected '%s'", toy.err.msg, pattern[i]);
    CHECK(train_step_number(toy.t) == at, "at step %ld", train_step_number(toy.t));
    st_close(f);
    toy_free(&toy);
}

static void trouble(void)
{
    stops(NAN_LOSS, 0.01, (const char *const[3]){ "step 3:", "nan", "loss" }, 3);
    stops(HUGE_SLOPE, 0.01, (const char *const[3]){ "step 3:", "inf", "gradient" }, 3);
    stops(REFUSES, 0.01, (const char *const[3]){ "picture 20 is torn", NULL, NULL }, 3);       /* the first of two, whatever the threads */
    stops(LINEAR, 1e308, (const char *const[3]){ "step 0:", "parameter", NULL }, 0);
}

/* Every allocation refused once: an error, nothing lost. */
static void without_memory(void)
{
    Toy toy;
    int refused = 0;
    toy_new(&toy, LINEAR, plain());
    train_free(toy.t);
    toy.t = NULL;
    for (long n = 1; toy.t == NULL && n < 1000; n++) {
        Err err = { 0 };
        mem_fail_at(n);
        toy.t = train_new(&toy.config, &toy.task, starts, &err);
        mem_fail_at(0);
        CHECK((toy.t == NULL) == err.set, "'%s'", err.msg);
        refused += toy.t == NULL;
    }
    CHECK(toy.t != NULL && refused > 10, "%d allocations", refused);
    toy_free(&toy);
}

/* The prior's t: the batch's pictures of the highest fifth have one in each share of it, the others one in each share of the whole range. */
static void timesteps_of(long high_from, int every, long step, int places_high)
{
    enum { B = 16, T = 1000 };
    Schedule S = { .T = T };
    const PriorTask p = { .S = &S, .batch = B, .seed = 7, .high_from = high_from, .high_every = every };
    const int places = B - places_high;
    int all[B] = { 0 }, high[B] = { 0 };
    for (int place = 0; place < B; place++) {
        const int t = prior_timestep(&p, step, place);
        CHECK(t >= 0 && t < T, "step %ld, place %d: t is %d", step, place, t);
        if (places_high == 0 || place % every != every - 1) all[t * places / T]++;
        else if (t >= 800) high[(t - 800) * places_high / 200]++;
    }
    for (int i = 0; i < places; i++) CHECK(all[i] == 1, "step %ld, part %d: %d", step, i, all[i]);
    for (int i = 0; i < places_high; i++) CHECK(high[i] == 1, "step %ld, part %d of the highest fifth: %d", step, i, high[i]);
}

static void timesteps_of_the_prior(void)
{
    timesteps_of(PRIOR_HIGH_FROM, PRIOR_HIGH_EVERY, PRIOR_HIGH_FROM - 1, 0);
    timesteps_of(PRIOR_HIGH_FROM, PRIOR_HIGH_EVERY, PRIOR_HIGH_FROM, 8);
    timesteps_of(PRIOR_HIGH_FROM, PRIOR_HIGH_EVERY, PRIOR_HIGH_FROM + 1, 8);
    timesteps_of(0, PRIOR_HIGH_EVERY_ON, 0, 4);
    timesteps_of(0, PRIOR_HIGH_EVERY_ON, 5, 4);
}

static void clean(void) { folder_remove(folder); }

int main(void)
{
    if (mkdtemp(folder) == NULL || atexit(clean) != 0) return 1;
    TEST(learning_rate);
    TEST(first_values);
    TEST(course_unclipped);
    TEST(course_clipped);
    TEST(slots_in_order);
    TEST(threads_change_nothing);
    TEST(resumes);
    TEST(loading_refuses);
    TEST(trouble);
    TEST(without_memory);
    TEST(timesteps_of_the_prior);
    return test_end();
}
