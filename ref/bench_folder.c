/* bench_folder.c -- a diffusers folder as something to be measured */
#include "ref/bench_prior.h"
#include "ref/pipeline.h"
#include "ref/sample.h"
#include "sampler/step.h"

struct BenchFolder { Pipeline *p; int steps; };

static int draw(const void *self, real *x, const char *prompt, real guidance, uint64_t seed, Err *err)
{
    const BenchFolder *f = self;
    const SampleConfig config = { .steps = f->steps, .guidance = guidance, .seed = seed };
    Prior *prior = prior_new(f->p, prompt, NULL, JUDGE_SIDE, JUDGE_SIDE, err);
    if (prior == NULL) return -1;
    const Denoiser D = prior_denoiser(prior);
    int status = sample_ddim(x, &config, f->p->S, &D, NULL, err);
    if (status == 0) status = pipeline_image(x, f->p, x, JUDGE_SIDE, JUDGE_SIDE, err);
    for (size_t i = 0; i < 3 * (size_t)JUDGE_SIDE * JUDGE_SIDE; i++) x[i] = r_fma(R(2.0), x[i], R(-1.0));
    prior_free(prior);
    return status;
}

static int noise(const void *self, real *eps, const real *xt, const int *t, int n, const char *caption, Err *err)
{
    const BenchFolder *f = self;
    const Cond cond = { .kind = COND_TEXT };
    const size_t size = 3 * (size_t)JUDGE_SIDE * JUDGE_SIDE;
    Prior *prior = prior_new(f->p, caption, NULL, JUDGE_SIDE, JUDGE_SIDE, err);
    if (prior == NULL) return -1;
    const Denoiser D = prior_denoiser(prior);
    int status = 0;
    for (size_t i = 0; i < (size_t)n && status == 0; i++) status = D.predict(D.self, eps + i * size, xt + i * size, t[i], &cond, err);
    prior_free(prior);
    return status;
}

static int check(const Pipeline *p, int steps, Err *err)
{
    int timestep[BENCH_STEPS_MAX];
    Err why = { 0 };
    const UNetConfig *u = &p->unet->config;
    if (p->vae != NULL || p->taesd != NULL) return err_set(err, "%s: found a VAE, expected a prior that works on pixels", p->folder);
    if (!u->uses_text) return err_set(err, "%s: found a UNet that takes no text, expected one that takes prompts", p->folder);
    if (u->in_channels != 3 || u->sample_size[0] != JUDGE_SIDE || u->sample_size[1] != JUDGE_SIDE)
        return err_set(err, "%s/config.json: found %d channels, sample_size %d x %d, expected 3 channels, %d x %d: what the judge knows", p->unet_folder,
                       u->in_channels, u->sample_size[0], u->sample_size[1], JUDGE_SIDE, JUDGE_SIDE);
    BUG_IF(steps > BENCH_STEPS_MAX, "%d steps", steps);
    if (inference_timesteps(timestep, p->S, steps, &why) != 0) return err_set(err, "--steps: %s", why.msg);
    return 0;
}

BenchFolder *bench_folder_open(BenchModel *model, const char *folder, int steps, Err *err)
{
    BenchFolder *f = mem_new(1, sizeof *f, "prior", err);
    if (f == NULL) return NULL;
    f->steps = steps;
    f->p = pipeline_open(folder, NULL, err);
    if (f->p == NULL || check(f->p, steps, err) != 0) {
        bench_folder_close(f);
        return NULL;
    }
    *model = (BenchModel){ f->p->folder, steps, draw, noise, f->p->S, f };
    return f;
}

void bench_folder_close(BenchFolder *f)
{
    if (f == NULL) return;
    pipeline_free(f->p);
    mem_free(f);
}
