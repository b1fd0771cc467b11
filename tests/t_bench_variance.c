/* t_bench_variance.c -- variances of estimators where they are known: a prior that says the same whatever the noise, and fields of a few numbers
 *
 * With eps_hat = p, SDS is w (p - eps): its mean w p, its variance w^2 n; what the other estimators then are is plain algebra.
 */
#include "ref/bench_variance.h"
#include "render/bytes.h"
#include "tensor/elem.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tests/harness.h"
#include "weights/file.h"

#include <math.h>
#include <unistd.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, N = 3 * PIXELS };
static Err err;
static Schedule *S;

/* ---- the prior: p_i = base_kind + curve x_i^2, + of_view cos(azimuth) for even i, + of_time t/1000 for odd i ---- */

typedef struct Toy { real base[3], of_view, of_time, curve; int nan_at, calls; } Toy;

static int toy_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *why)
{
    Toy *toy = self;
    const double azimuth = D_PI / 180 * (double)cond->view.azimuth;
    (void)why;
    toy->calls++;
    for (int i = 0; i < N; i++) {
        const real more = i % 2 == 0 ? toy->of_view * (real)d_cos(azimuth) : toy->of_time * (real)t / R(1000.0);
        eps[i] = toy->base[cond->kind] + toy->curve * xt[i] * xt[i] + more;
    }
    if (toy->calls == toy->nan_at) eps[7] = (real)NAN;
    return 0;
}

/* ---- what is measured ---- */

static DistillConfig config_of(const char *name, FieldKind field)
{
    const Estimator *e = estimator_find(name);
    return (DistillConfig){
        .field = field, .grid = 4, .blob_peak = 2, .blob_slope = 1, .resolution = SIDE, .samples = 8, .background = { R(0.5), R(0.5), R(0.5) },
        .views = 1, .range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(2.5), R(40.0), R(40.0) }, .steps = 1, .lr = 1, .lr_end = 1,
        .phi = PHI_QUADRATIC, .mu = e->grad == ssd_grad ? MU_FIT : MU_NUMBER,
        .draw = {
            .estimator = e, .inversion_steps = 10, .tau_max = 1.0 / 30, .apart = 80, .spread = 200,
            .settings = { .weight = WEIGHT_SDS, .guidance = 1, .w1 = 1, .threshold = 200, .guidance_inverse = -1, .noise_scale = R(0.3),
                          .delta_s = 200, .guidance_baseline = 1, .ode_steps = 10, .mu1 = 1 },
        },
    };
}

typedef struct Case {
    Toy toy;
    Denoiser D;
    Distill *d;
    DistillConfig each[VARIANCE_ROWS];
    int rows;
    VarianceConfig config;
    BenchVariance b;
} Case;

/* names: "sds asd", in that order; t between the two shares. The prior says 0.3 with the prompt, 0.1 without. */
static void start(Case *c, FieldKind field, const char *names, double t_min, double t_max, int count)
{
    char list[128];
    *c = (Case){ .toy = { .base = { R(0.3), R(0.1), R(-0.2) } }, .config = { count, t_min, t_max, 5, 1 } };
    c->D = (Denoiser){ 3, SIDE, SIDE, toy_predict, NULL };
    snprintf(list, sizeof list, "%s", names);
    for (char *at = strtok(list, " "); at != NULL; at = strtok(NULL, " ")) c->each[c->rows++] = config_of(at, field);
    const DistillConfig config = config_of("sds", field);
    c->d = distill_new(&config, S, &c->D, &err);
    if (c->d == NULL) exit(1);
}
static void run(Case *c)
{
    c->D.self = &c->toy;
    CHECK_OK(bench_variance(&c->b, c->d, c->each, c->rows, &c->config, &err), &err);
}
static void stop(Case *c) { distill_free(c->d); }

static const VarianceFigures *image_of(const Case *c, int row) { return &c->b.row[row].space[SPACE_IMAGE]; }
static const VarianceFigures *theta_of(const Case *c, int row) { return &c->b.row[row].space[SPACE_THETA]; }

/* Within so many stated errors, which are not absurd. */
static void near(Figure f, double want, const char *what)
{
    CHECK_LE(fabs(f.value - want), 4 * f.error, "%s is %g +- %g, expected %g", what, f.value, f.error, want);
    CHECK_LE(f.error, 0.3 * fabs(want), "the error of %s, expected %g", what, want);
}
static void exactly(Figure f, double want, double size, const char *what)
{
    CHECK_LE(fabs(f.value - want), 100 * (double)REAL_EPS * size, "%s is %.9g, expected %.9g", what, f.value, want);
    CHECK_LE(f.error, 100 * (double)REAL_EPS * size, "the error of %s", what);
}

static double w_at(int t) { return 1 - sched_abar64(S, t); }

/* ---- one t: closed forms ---- */

enum { SDS, CSD, ASD, FSD, NFSD };
static void constant_prediction(void)
{
    Case c;
    start(&c, FIELD_IMAGE, "sds csd asd fsd nfsd", 0.5, 0.5, 256);
    run(&c);
    const double w2 = w_at(500) * w_at(500), p2 = N * 0.3 * 0.3;
    near(image_of(&c, SDS)->g.variance, w2 * N, "the variance of sds");
    near(image_of(&c, SDS)->g.noise, w2 * N, "its noise");
    CHECK_LE(fabs(image_of(&c, SDS)->g.t.value), 4 * image_of(&c, SDS)->g.t.error, "its V_t");
    near(image_of(&c, SDS)->g.mean2, w2 * p2, "its squared mean");
    near(image_of(&c, SDS)->g.ratio, N / p2, "its ratio");
    CHECK(image_of(&c, SDS)->g.view.value == 0 && c.b.views == 1 && c.b.blocks == 128 && c.b.noises == 2, "an image has one view");

    exactly(image_of(&c, CSD)->g.variance, 0, 1e-3, "the variance of csd");
    exactly(image_of(&c, CSD)->g.mean2, w2 * N * 0.2 * 0.2, w2 * N * 0.04, "its squared mean");
    exactly(image_of(&c, CSD)->bias2, w2 * N * 0.1 * 0.1, w2 * N * 0.09, "its bias: mean w (p - u), reference w p");
    exactly(image_of(&c, ASD)->g.variance, 0, 1e-3, "the variance of asd");
    exactly(image_of(&c, ASD)->bias2, w2 * p2, w2 * p2, "its bias");
    exactly(image_of(&c, FSD)->g.variance, 0, 1e-3, "the variance of fsd, given its noise");
    /* nfsd at guidance 1, t >= threshold: (u - negative) + (p - u) = p - negative */
    exactly(image_of(&c, NFSD)->g.mean2, w2 * N * 0.5 * 0.5, w2 * N * 0.25, "the squared mean of nfsd");

    CHECK_LE(fabs(image_of(&c, SDS)->bias2.value), 4 * image_of(&c, SDS)->bias2.error, "sds has a bias of %g", image_of(&c, SDS)->bias2.value);
    CHECK_LE(fabs(image_of(&c, SDS)->reference2 - w2 * p2), 1e-5 * w2 * p2, "the reference is w p, %g", image_of(&c, SDS)->reference2);
    CHECK_LE(image_of(&c, SDS)->reference_error2, 1e-10, "its error");
    stop(&c);
}

/* bias2 of fsd: the mean is w (p - eps*), so it is w^2 |eps*|^2, by the noise that a run with this seed has. */
static void bias_of_one_noise(void)
{
    static real noise[N];
    double square = 0;
    Case c;
    start(&c, FIELD_IMAGE, "fsd", 0.5, 0.5, 64);
    run(&c);
    rng_normal(noise, (RngAt){ 5, UINT32_MAX, 0, RNG_NOISE }, N);
    for (int i = 0; i < N; i++) square += (double)noise[i] * (double)noise[i];
    exactly(image_of(&c, 0)->bias2, w_at(500) * w_at(500) * square, N, "squared bias");
    CHECK(c.b.row[0].mean == MEAN_SDS_OF_RUNS, "%d", (int)c.b.row[0].mean);
    stop(&c);
}

/* x0 = 0: p = base + curve s^2 eps^2, the same for eps and -eps; each pair's variance is 2 w^2 curve^2 s^4 n. */
static void the_reference_states_its_error(void)
{
    const double s2 = 1 - sched_abar64(S, 500), w2 = w_at(500) * w_at(500), curve = 0.5;
    Case c;
    start(&c, FIELD_IMAGE, "sds", 0.5, 0.5, 512);
    c.toy.curve = (real)curve;
    run(&c);
    const double pair = 2 * w2 * curve * curve * s2 * s2 * N;
    CHECK_LE(fabs(image_of(&c, 0)->reference_error2 / (pair / 512) - 1), 0.03, "%g", image_of(&c, 0)->reference_error2);
    CHECK_LE(fabs(image_of(&c, 0)->reference2 / (w2 * N * pow(0.3 + curve * s2, 2)) - 1), 0.02, "%g", image_of(&c, 0)->reference2);
    CHECK_LE(fabs(image_of(&c, 0)->bias2.value), 4 * image_of(&c, 0)->bias2.error, "sds has a bias of %g", image_of(&c, 0)->bias2.value);
    stop(&c);
}

/* theta = 0 is x0 = 0 and dx0/dtheta = 1/2, exactly; theta = 1: 2 y (1 - y). Squares have the square of the factor. */
static void an_image_field_scales(void)
{
    static const double at[2] = { 0, 1 };
    for (int k = 0; k < 2; k++) {
        Case c;
        start(&c, FIELD_IMAGE, "sds", 0.1, 0.9, 64);
        for (size_t i = 0; i < c.d->field->n; i++) c.d->field->theta[i] = (real)at[k];
        run(&c);
        const double y = 1 / (1 + d_exp(-at[k])), f = 4 * y * y * (1 - y) * (1 - y), tol = 40 * (double)REAL_EPS;
        const AnovaFigures *image = &image_of(&c, 0)->g, *theta = &theta_of(&c, 0)->g;
        CHECK_LE(fabs(theta->variance.value / (f * image->variance.value) - 1), tol, "variance");
        CHECK_LE(fabs(theta->noise.value / (f * image->noise.value) - 1), tol, "noise");
        CHECK_LE(fabs(theta->variance.error / (f * image->variance.error) - 1), tol, "error");
        CHECK_LE(fabs(theta->ratio.value / image->ratio.value - 1), tol, "ratio");
        stop(&c);
    }
}

/* One particle: its score is the noise, and vsd is sds. Two, d standard deviations of the noise apart: with s the noise along the way to the other,
 * that one has the weight q = 1 / (1 + exp(d^2/2 - d s)), and the score is the noise less q d that way. So the bias is w d E q. */
static void vsd_has_the_score_of_its_particles(void)
{
    const double r = sqrt(w_at(500) / sched_abar64(S, 500)), w2 = w_at(500) * w_at(500), d = 2;
    const double gap = r * d / sqrt(N);
    double q = 0;
    for (int i = -1000; i <= 1000; i++) q += 0.008 * d_exp(-0.5 * pow(0.008 * i, 2)) / sqrt(2 * D_PI) / (1 + d_exp(d * d / 2 - d * 0.008 * i));
    for (int particles = 1; particles <= 2; particles++) {
        Case c;
        start(&c, FIELD_IMAGE, "sds vsd", 0.5, 0.5, particles == 1 ? 64 : 1024);
        distill_free(c.d);
        DistillConfig config = config_of("vsd", FIELD_IMAGE);
        config.particles = particles;
        c.d = distill_new(&config, S, &c.D, &err);
        if (c.d == NULL) exit(1);
        for (size_t i = 0; particles == 2 && i < N; i++) c.d->particle[1].field->theta[i] = (real)d_log((1 + gap) / (1 - gap));      /* x0 = gap */
        run(&c);
        const VarianceFigures *sds = image_of(&c, 0), *vsd = image_of(&c, 1);
        if (particles == 1) {
            CHECK_LE(fabs(vsd->g.variance.value / sds->g.variance.value - 1), 100 * (double)REAL_EPS, "the variance of vsd");
            CHECK_LE(fabs(vsd->g.mean2.value - sds->g.mean2.value), 100 * (double)REAL_EPS * w2 * N, "its squared mean");
            CHECK_LE(fabs(vsd->bias2.value), 4 * vsd->bias2.error, "a bias of %g", vsd->bias2.value);
        } else near(vsd->bias2, w2 * d * d * q * q, "the squared bias of vsd");
        CHECK(c.b.row[1].mean == (particles == 1 ? MEAN_SDS : MEAN_OTHER) && c.b.row[1].calls == 1, "mean %d, %g calls", (int)c.b.row[1].mean, c.b.row[1].calls);
        stop(&c);
    }
}

/* ---- what the variance comes from ---- */

/* t uniform: V_t = Var(w(t) p(t)), V_noise = n E w^2, by summing over all t. */
static void parts_of_t_and_noise(void)
{
    Case c;
    start(&c, FIELD_IMAGE, "sds", 0.1, 0.9, 2048);
    c.toy.of_time = 5;
    run(&c);
    double mean[2] = { 0 }, square[2] = { 0 }, w2 = 0;
    for (int t = 100; t <= 900; t++) {
        const double g[2] = { w_at(t) * 0.3, w_at(t) * (0.3 + 5 * t / 1000.0) };
        w2 += w_at(t) * w_at(t) / 801;
        for (int k = 0; k < 2; k++) {
            mean[k] += g[k] / 801;
            square[k] += g[k] * g[k] / 801;
        }
    }
    double Vt = 0, mean2 = 0;
    for (int k = 0; k < 2; k++) {
        Vt += N / 2 * (square[k] - mean[k] * mean[k]);
        mean2 += N / 2 * mean[k] * mean[k];
    }
    near(image_of(&c, 0)->g.t, Vt, "V_t");
    near(image_of(&c, 0)->g.noise, N * w2, "V_noise");
    near(image_of(&c, 0)->g.variance, Vt + N * w2, "V");
    near(image_of(&c, 0)->g.mean2, mean2, "squared mean");
    CHECK_LE(image_of(&c, 0)->reference_error2, 1e-10, "t is no error of the reference");
    stop(&c);
}

/* cos(azimuth) of an azimuth on the whole circle: mean 0, variance 1/2. */
static void part_of_the_view(void)
{
    Case c;
    start(&c, FIELD_VOXEL, "sds", 0.5, 0.5, 1024);
    c.toy.of_view = 3;
    run(&c);
    const double w2 = w_at(500) * w_at(500);
    near(image_of(&c, 0)->g.view, w2 * 9 * N / 4, "V_view");
    near(image_of(&c, 0)->g.noise, w2 * N, "V_noise");
    near(image_of(&c, 0)->g.within, w2 * (9 * N / 4.0 + N), "V_view + V_noise");
    CHECK_LE(fabs(image_of(&c, 0)->g.t.value), 4 * image_of(&c, 0)->g.t.error, "V_t is %g", image_of(&c, 0)->g.t.value);
    CHECK(c.b.views == 2 && c.b.blocks == 256 && c.b.ring_blocks == 32, "%d blocks", c.b.blocks);
    stop(&c);
}

/* ---- through the renderer ---- */

/* J^T of one view, by pulling (n) through the renderer. */
static void pull(real *out, const double *g, const Case *c, double azimuth, double elevation)
{
    Camera camera;
    real cotangent[N];
    const RenderSettings settings = { .samples = 8, .background = { R(0.5), R(0.5), R(0.5) } };
    camera_look_at(&camera, elevation, azimuth, 2.5, 40, SIDE, SIDE);
    for (int i = 0; i < PIXELS; i++)
        for (int j = 0; j < 3; j++) cotangent[3 * i + j] = (real)(2 * g[j * PIXELS + i]);
    memset(out, 0, c->d->field->n * sizeof *out);
    render_pull(out, c->d->renderer, c->d->field, &camera, &settings, &(RenderOut){ .rgb = cotangent });
}

/* |J|^2, by unit vectors. */
static double jacobian2(const Case *c, double azimuth, double elevation)
{
    real out[4 * 4 * 4 * 4];
    double square = 0;
    for (int i = 0; i < N; i++) {
        double g[N] = { 0 };
        g[i] = 1;
        pull(out, g, c, azimuth, elevation);
        for (size_t k = 0; k < c->d->field->n; k++) square += (double)out[k] * (double)out[k];
    }
    return square;
}

static void one_camera(Case *c)
{
    ViewRange *r = &c->d->config.range;
    r->elevation_min = r->elevation_max = 20;
    r->azimuth_min = r->azimuth_max = 30;
}

/* One camera: g = w (p - eps) has J^T g of variance w^2 |J|^2; views of the ring all the azimuths from there. */
static void variance_through_the_renderer(void)
{
    Case c;
    start(&c, FIELD_VOXEL, "sds", 0.5, 0.5, 512);
    c.toy.base[COND_TEXT] = 0;
    one_camera(&c);
    run(&c);
    const double w2 = w_at(500) * w_at(500);
    double ring = 0;
    for (int j = 0; j < RING_VIEWS; j++) ring += jacobian2(&c, 30 + 22.5 * j, 20) / RING_VIEWS;
    near(theta_of(&c, 0)->g.variance, w2 * jacobian2(&c, 30, 20), "variance of J^T g");
    near(c.b.row[0].ring[0], w2 * ring, "variance in the ring");
    double error = 0;
    for (int k = 1; k < RING_GAPS; k++) error = fmax(error, c.b.row[0].ring[k].error);
    for (int k = 1; k < RING_GAPS; k++) CHECK_LE(fabs(c.b.row[0].ring[k].value), 4 * error, "gap %d: %g", k, c.b.row[0].ring[k].value);
    CHECK_LE(error, 0.02 * w2 * ring, "errors up to %g", error);
    stop(&c);
}

/* CSD hangs on no noise here, so the covariances of a ring are those of J^T w (p - u) around it. */
static void ring_without_noise(void)
{
    static double g[N], u[RING_VIEWS][256];
    static real out[256];
    Case c;
    start(&c, FIELD_VOXEL, "csd", 0.5, 0.5, 64);
    one_camera(&c);
    run(&c);
    for (int i = 0; i < N; i++) g[i] = w_at(500) * 0.2;
    for (int j = 0; j < RING_VIEWS; j++) {
        pull(out, g, &c, 30 + 22.5 * j, 20);
        for (int i = 0; i < 256; i++) u[j][i] = (double)out[i];
    }
    for (int i = 0; i < 256; i++) {
        double mean = 0;
        for (int j = 0; j < RING_VIEWS; j++) mean += u[j][i] / RING_VIEWS;
        for (int j = 0; j < RING_VIEWS; j++) u[j][i] -= mean;
    }
    for (int k = 0; k < RING_GAPS; k++) {
        double want = 0;
        for (int j = 0; j < RING_VIEWS; j++)
            for (int i = 0; i < 256; i++) want += u[j][i] * u[(j + k) % RING_VIEWS][i] / RING_VIEWS;
        const Figure f = c.b.row[0].ring[k];
        CHECK_LE(fabs(f.value - want), 1e-4 * c.b.row[0].ring[0].value, "gap %d: %g, expected %g", k, f.value, want);
    }
    CHECK(c.b.row[0].ring[0].value > 1e-6, "%g", c.b.row[0].ring[0].value);
    stop(&c);
}

/* ---- ssd ---- */

/* phi = 1: h = eps, f = p - eps, so mu = -1 takes all the noise away. */
static void mu_of_no_phi(void)
{
    Case c;
    start(&c, FIELD_IMAGE, "ssd", 0.5, 0.5, 512);
    c.each[0].phi = PHI_NONE;
    run(&c);
    const VarianceMu *mu = &c.b.mu[5];
    CHECK(c.b.has_mu && mu->draws == 512 && c.b.mu[4].draws == 0 && c.b.mu[4].before.value == 0, "%d draws", mu->draws);
    CHECK_LE(fabs(mu->best + 1), 0.01, "mu is %g", mu->best);
    near(mu->before, w_at(500) * w_at(500) * N, "noise before");
    CHECK_LE(mu->after.value, 1e-3 * mu->before.value, "noise after");
    CHECK(mu->used == mu->best && c.b.row[0].mean == MEAN_SDS, "used %g", mu->used);
    stop(&c);
}

/* phi = |x_t|^2 / 2n with x_t = a + s eps: E<eps,h> and E<h,h> by moments of the normal distribution. */
static void mu_of_a_quadratic(void)
{
    const double n = N, x = 0.9, a2 = sched_abar64(S, 500) * n * x * x, s2 = 1 - sched_abar64(S, 500), s = sqrt(s2);
    const double eh = (a2 + s2 * (n + 2)) / 2 - s2;
    const double phi2 = (a2 * a2 * n + 4 * s2 * a2 * (n + 2) + s2 * s2 * n * (n + 2) * (n + 4) + 2 * a2 * s2 * n * (n + 2)) / (4 * n * n);
    const double cross = (a2 * s * n + 2 * s * a2 + s2 * s * n * (n + 2)) / (2 * n);
    const double hh = phi2 - 2 * s / n * cross + s2 / (n * n) * (a2 + s2 * n);
    Case c;
    start(&c, FIELD_IMAGE, "ssd sds", 0.5, 0.5, 1024);
    c.toy.base[COND_TEXT] = 0;
    for (size_t i = 0; i < c.d->field->n; i++) c.d->field->theta[i] = (real)d_log(1.9 / 0.1);      /* x0 = 0.9 */
    run(&c);
    const double w2 = w_at(500) * w_at(500);
    CHECK_LE(fabs(c.b.mu[5].best / (-eh / hh) - 1), 0.01, "mu is %g, expected %g", c.b.mu[5].best, -eh / hh);
    near(c.b.mu[5].before, w2 * n, "noise before");
    near(c.b.mu[5].after, w2 * (n - eh * eh / hh), "noise after");
    near(image_of(&c, 0)->g.variance, w2 * (n - eh * eh / hh), "the variance of ssd");
    CHECK(c.b.mu[5].after.value < 0.2 * c.b.mu[5].before.value, "it helps");
    CHECK_LE(fabs(image_of(&c, 0)->bias2.value), 4 * image_of(&c, 0)->bias2.error, "a bias of %g", image_of(&c, 0)->bias2.value);
    stop(&c);

    start(&c, FIELD_IMAGE, "ssd", 0.5, 0.5, 64);           /* a mu that is given is used */
    c.toy.base[COND_TEXT] = 0;
    c.each[0].mu = MU_NUMBER;
    c.each[0].draw.settings.mu = -2;
    c.each[0].draw.settings.ssd_sign = SSD_PRINTED;
    run(&c);
    const double used = (1 - s2) * (1 - s2);               /* theta = 0: about (1 - 2 phi)^2, phi = s^2 / 2 */
    CHECK(c.b.mu[5].used == -2 && c.b.mu[5].best != -2 && c.b.row[0].mean == MEAN_OTHER, "used %g", c.b.mu[5].used);
    CHECK_LE(fabs(c.b.mu[5].after.value / (w2 * n * used) - 1), 0.2, "noise %g, expected %g", c.b.mu[5].after.value, w2 * n * used);
    stop(&c);
}

/* ---- calls, threads, errors ---- */

static void calls_are_counted(void)
{
    static const struct { const char *name; double calls; } cases[] = {
        { "sds", 2 }, { "csd", 2 }, { "nfsd", 3 }, { "asd", 3 }, { "cds", 4 }, { "fsd", 2 }, { "ssd", 2 }, { "sdi", 12 }, { "vsd", 2 },
    };
    enum { CASES = sizeof cases / sizeof cases[0] };
    Case c;
    start(&c, FIELD_IMAGE, "sds csd nfsd asd cds fsd ssd sdi vsd", 0.5, 0.5, 64);
    for (int i = 0; i < CASES; i++) {
        c.each[i].draw.settings.guidance = 2;
        if (strcmp(cases[i].name, "cds") == 0) c.each[i].draw.settings.weight = WEIGHT_UNIFORM;
    }
    run(&c);
    for (int i = 0; i < CASES; i++)
        CHECK(strcmp(c.b.row[i].estimator->name, cases[i].name) == 0 && c.b.row[i].calls == cases[i].calls, "%s: %g calls, expected %g",
              cases[i].name, c.b.row[i].calls, cases[i].calls);
    CHECK(c.b.row[4].weight == WEIGHT_UNIFORM && c.b.row[7].weight == WEIGHT_RATIO, "weights");
    for (int i = 0; i < estimator_count(); i++)
        CHECK(variance_measures(estimator_at(i)) == (strcmp(estimator_at(i)->name, "dsd_star") != 0), "%s", estimator_at(i)->name);
    stop(&c);
}

static void threads_change_no_bit(void)
{
    BenchVariance b[2];
    memset(b, 0, sizeof b);
    for (int k = 0; k < 2; k++) {
        Case c;
        par_threads_set(1 + 2 * k);
        start(&c, FIELD_VOXEL, "sds sdi ssd", 0.02, 0.98, 64);
        c.toy.of_view = 1;
        c.d->config.jitter = 1;
        run(&c);
        b[k] = c.b;
        stop(&c);
    }
    par_threads_set(1);
    for (int i = 0; i < 3; i++) {
        CHECK(memcmp(b[0].row[i].space, b[1].row[i].space, sizeof b[0].row[i].space) == 0, "row %d", i);
        CHECK(memcmp(b[0].row[i].ring, b[1].row[i].ring, sizeof b[0].row[i].ring) == 0, "ring %d", i);
    }
    for (int i = 0; i < STEIN_BINS; i++) CHECK(b[0].mu[i].best == b[1].mu[i].best && b[0].mu[i].after.value == b[1].mu[i].after.value, "mu %d", i);
}

static void it_stops_in_words(void)
{
    Case c;
    Err why = { 0 };
    start(&c, FIELD_IMAGE, "sds csd", 0.5, 0.5, 64);
    c.toy.nan_at = 64 * 3 + 9;                              /* the reference's pairs, sds, and then csd with two calls a draw */
    c.D.self = &c.toy;
    CHECK(bench_variance(&c.b, c.d, c.each, c.rows, &c.config, &why) != 0, "no error");
    CHECK(strstr(why.msg, "csd: found nan at index 7 of its gradient in draw 133, t 500") == why.msg, "%s", why.msg);
    why = (Err){ 0 };
    c.each[0] = c.each[1] = config_of("ssd", FIELD_IMAGE);
    c.toy = (Toy){ .base = { 1, 1, 1 }, .nan_at = 64 * 2 + 5 };      /* while mu is fitted, where there is no J^T g */
    CHECK(bench_variance(&c.b, c.d, c.each, 1, &c.config, &why) != 0, "no error");
    CHECK(strstr(why.msg, "ssd: found nan at index 7 of its gradient in draw 69, t 500") == why.msg, "%s", why.msg);
    for (long n = 1; n < 20; n++) {
        Err memory = { 0 };
        c.toy = (Toy){ .base = { 1, 1, 1 } };
        mem_fail_at(n);
        const int status = bench_variance(&c.b, c.d, c.each, c.rows, &c.config, &memory);
        mem_fail_at(0);
        CHECK((status != 0) == memory.set, "memory %ld: '%s'", n, memory.msg);
        if (n < 12) CHECK(status != 0, "memory %ld", n);
    }
    stop(&c);
}

int main(void)
{
    const ScheduleConfig sd = schedule_config_sd();
    S = schedule_new(&sd, &err);
    if (S == NULL) return 1;
    TEST(constant_prediction);
    TEST(bias_of_one_noise);
    TEST(the_reference_states_its_error);
    TEST(an_image_field_scales);
    TEST(vsd_has_the_score_of_its_particles);
    TEST(parts_of_t_and_noise);
    TEST(part_of_the_view);
    TEST(variance_through_the_renderer);
    TEST(ring_without_noise);
    TEST(mu_of_no_phi);
    TEST(mu_of_a_quadratic);
    TEST(calls_are_counted);
    TEST(threads_change_no_bit);
    TEST(it_stops_in_words);
    schedule_free(S);
    return test_end();
}
