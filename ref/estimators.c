/* estimators.c -- the table of estimators, the table of their settings */
#include "ref/estimators.h"
#include "tensor/text.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define NOISE "in.noise"

static const Estimator estimators[] = {
    { "sds", "ref/sds.c", "DreamFusion, arXiv:2209.14988", "Eq. 3", "the noise", "t guidance weight", NOISE, "sds", 0, sds_grad },
    { "csd", "ref/csd.c", "CSD, arXiv:2310.19415", "its code", "nothing", "t w1 w2 weight", NOISE, "sds", 0, csd_grad },
    { "nfsd", "ref/nfsd.c", "NFSD, arXiv:2310.17590", "its reviews", "nothing; the negative prompt's prediction", "t guidance threshold weight", NOISE,
      "sds", 0, nfsd_grad },
    { "sdi", "ref/sdi.c", "SDI, arXiv:2405.15891", "Eq. 10", "kappa, by inversion with the prompt",
      "t tau guidance guidance_inverse inversion_steps noise_scale form kappa", NOISE, "", 0, sdi_grad },
    { "ism", "ref/ism.c", "LucidDreamer, arXiv:2311.11284", "Eq. 17", "the prediction at s < t, by inversion without a prompt", "t s delta_S guidance",
      NOISE, "", 0, ism_grad },
    { "vsd", "ref/vsd.c", "ProlificDreamer, arXiv:2305.16213", "its code", "the score of the renders", "t guidance weight", NOISE, "sds", 0, vsd_grad },
    { "asd", "ref/asd.c", "ScaleDreamer, arXiv:2407.02040", "its code", "the prediction at t + D, same noise", "t t_baseline guidance weight", NOISE, "sds",
      0, asd_grad },
    { "dsd", "ref/dsd.c", "DSD, arXiv:2412.06780", "its code", "the prediction at t + D, noise of an ODE", "t t_baseline guidance guidance_baseline ode_steps weight",
      "in.eps_star", "sds", 1, dsd_grad },
    { "dsd_star", "ref/dsd.c", "DSD, arXiv:2412.06780", "its figure of DDIM", "the prediction one DDIM step before", "guidance ode_steps", "in.eps_star", "", 1,
      dsd_star_grad },
    { "cds", "ref/cds.c", "Consistent3D, arXiv:2401.09050", "its code", "the prediction at s < t, one Euler step on", "t s guidance weight sign", NOISE,
      "uniform", 1, cds_grad },
    { "fsd", "ref/fsd.c", "Flow Score Distillation, arXiv:2405.10988", "its code", "one noise for the whole run", "t guidance weight", NOISE, "sigma/alpha", 1,
      fsd_grad },
    { "ssd", "ref/ssd.c", "SteinDreamer, arXiv:2401.00604", "its page", "the noise, and a Stein term of mean 0", "t guidance weight mu1 mu stein_sign", NOISE,
      "sds", 0, ssd_grad },
};
enum { ESTIMATORS = sizeof estimators / sizeof estimators[0] };

static const char *const weights[] = { "sds", "uniform", "fantasia3d", "sigma/alpha", NULL };
static const char *const forms[] = { "paper", "official", NULL };
static const char *const kappas[] = { "inversion", "random", "fixed-point", NULL };
static const char *const cds_signs[] = { "released", "opposite", NULL };
static const char *const stein_signs[] = { "unbiased", "printed", NULL };

static const StepKey keys[] = {
    { "t", KEY_WHOLE, offsetof(Step, t), 0, 999, NULL, NULL, "timestep, 0..999" },
    { "weight", KEY_WORD, offsetof(Step, weight), 0, 0, weights, NULL, "sds, uniform, fantasia3d or sigma/alpha" },
    { "guidance", KEY_NUMBER, offsetof(Step, guidance), 0, 0, NULL, NULL, "s of e_uncond + s (e_cond - e_uncond)" },
    { "w1", KEY_NUMBER, offsetof(Step, w1), 0, 0, NULL, NULL, "csd: of the prompt" },
    { "w2", KEY_NUMBER, offsetof(Step, w2), 0, 0, NULL, NULL, "csd: of the negative prompt" },
    { "threshold", KEY_WHOLE, offsetof(Step, threshold), 0, 1000, NULL, NULL, "nfsd: below this t no negative prompt" },
    { "tau", KEY_WHOLE, offsetof(Step, tau), 0, 999, NULL, NULL, "sdi: inversion ends at t + tau" },
    { "guidance_inverse", KEY_NUMBER, offsetof(Step, guidance_inverse), 0, 0, NULL, NULL, "sdi: of the inversion" },
    { "inversion_steps", KEY_WHOLE, offsetof(Step, inversion_steps), 1, 1000, NULL, NULL, "sdi: moves of the inversion" },
    { "noise_scale", KEY_NUMBER, offsetof(Step, noise_scale), 0, 0, NULL, NULL, "sdi: H = noise_scale sigma_t noise" },
    { "form", KEY_WORD, offsetof(Step, sdi_form), 0, 0, forms, "paper", "sdi: paper or official" },
    { "kappa", KEY_WORD, offsetof(Step, kappa), 0, 0, kappas, "inversion", "sdi: inversion, random or fixed-point" },
    { "s", KEY_WHOLE, offsetof(Step, s), 0, 999, NULL, NULL, "ism, cds: the other timestep, below t" },
    { "delta_S", KEY_WHOLE, offsetof(Step, delta_s), 1, 999, NULL, NULL, "ism: step of the inversion" },
    { "t_baseline", KEY_WHOLE, offsetof(Step, t_baseline), 0, 999, NULL, NULL, "asd, dsd: timestep of the baseline" },
    { "guidance_baseline", KEY_NUMBER, offsetof(Step, guidance_baseline), 0, 0, NULL, NULL, "dsd: of the baseline" },
    { "ode_steps", KEY_WHOLE, offsetof(Step, ode_steps), 1, 999, NULL, "10", "dsd: steps of the whole range of t" },
    { "sign", KEY_WORD, offsetof(Step, cds_sign), 0, 0, cds_signs, "released", "cds: released or opposite" },
    { "stein_sign", KEY_WORD, offsetof(Step, ssd_sign), 0, 0, stein_signs, "unbiased", "ssd: unbiased or printed" },
    { "mu1", KEY_NUMBER, offsetof(Step, mu1), 0, 0, NULL, NULL, "ssd: of the noise" },
    { "mu", KEY_NUMBER, offsetof(Step, mu), 0, 0, NULL, NULL, "ssd: of the Stein term" },
};
enum { KEYS = sizeof keys / sizeof keys[0] };

int estimator_count(void) { return ESTIMATORS; }
const Estimator *estimator_at(int i) { return &estimators[i]; }

const Estimator *estimator_find(const char *name)
{
    for (int i = 0; i < ESTIMATORS; i++)
        if (strcmp(estimators[i].name, name) == 0) return &estimators[i];
    return NULL;
}

const StepKey *step_key_find(const char *name)
{
    for (int i = 0; i < KEYS; i++)
        if (strcmp(keys[i].name, name) == 0) return &keys[i];
    return NULL;
}

/* The i-th word of the list into out; 0: no more. */
enum { WORD_ROOM = 32 };
static int word_of(char out[WORD_ROOM], const char *list, int i)
{
    for (; i > 0 && *list != '\0'; i--) {
        list += strcspn(list, " ");
        list += strspn(list, " ");
    }
    const size_t n = strcspn(list, " ");
    snprintf(out, WORD_ROOM, "%.*s", (int)n, list);
    return n > 0;
}

const StepKey *estimator_key(const Estimator *e, int i)
{
    char name[WORD_ROOM];
    if (!word_of(name, e->keys, i)) return NULL;
    const StepKey *key = step_key_find(name);
    BUG_IF(key == NULL, "%s reads '%s', which is no setting of a step", e->name, name);
    return key;
}

int estimator_reads(const Estimator *e, const char *key)
{
    const StepKey *found;
    for (int i = 0; (found = estimator_key(e, i)) != NULL; i++)
        if (strcmp(found->name, key) == 0) return 1;
    return 0;
}

static int set_word(Step *p, const StepKey *key, const char *text, Err *err)
{
    char list[128] = "";
    for (int i = 0; key->words[i] != NULL; i++) {
        if (strcmp(key->words[i], text) == 0) {
            memcpy((char *)p + key->at, &i, sizeof i);     /* an enum of one of these is an int */
            return 0;
        }
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i == 0 ? "" : ", ", key->words[i]);
    }
    return err_set(err, "is '%.40s', expected one of %s", text, list);
}

int step_key_set(Step *p, const StepKey *key, const char *text, Err *err)
{
    char *field = (char *)p + key->at;
    if (key->kind == KEY_WORD) return set_word(p, key, text, err);
    if (key->kind == KEY_NUMBER) {
        double value;
        if (text_to_double(&value, text) != 0 || !isfinite(value)) return err_set(err, "is '%.40s', expected a number", text);
        const real rounded = (real)value;
        memcpy(field, &rounded, sizeof rounded);
        return 0;
    }
    int64_t value;
    if (text_to_int64(&value, text) != 0 || (double)value < key->lo || (double)value > key->hi)
        return err_set(err, "is '%.40s', expected a whole number from %.0f to %.0f", text, key->lo, key->hi);
    const int whole = (int)value;
    memcpy(field, &whole, sizeof whole);
    return 0;
}
