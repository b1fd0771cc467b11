/* estimators.c -- the table of estimators, the table of their settings */
#include "ref/estimators.h"
#include "tensor/text.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define NOISE "in.noise"

/* Schedules: of sdi, ism, dsd, cds, fsd those of the papers, which belong to the method; the others draw t anywhere in .02 to .98 there, and have
 * one falling line here, which suits short runs. */
static const Estimator estimators[] = {
    { .name = "sds", .file = "ref/sds.c", .paper = "DreamFusion, arXiv:2209.14988", .equation = "Eq. 3", .pairs = "the noise", .keys = "t guidance weight",
      .noise = NOISE, .weight = "sds", .options = "weight negative perp-neg", .anneal = TIMESTEP_LINEAR, .t_min = 0.02, .t_max = 0.98, .calls = "2", .grad = sds_grad },
    { .name = "csd", .file = "ref/csd.c", .paper = "CSD, arXiv:2310.19415", .equation = "its code", .pairs = "nothing", .keys = "t w1 w2 weight",
      .noise = NOISE, .weight = "sds", .options = "weight w1 w2 negative", .anneal = TIMESTEP_LINEAR, .t_min = 0.02, .t_max = 0.98, .calls = "2, 3 with w2",
      .grad = csd_grad },
    { .name = "nfsd", .file = "ref/nfsd.c", .paper = "NFSD, arXiv:2310.17590", .equation = "its reviews", .pairs = "nothing", .keys = "t guidance threshold weight",
      .noise = NOISE, .weight = "sds", .options = "weight threshold negative", .anneal = TIMESTEP_LINEAR, .t_min = 0.02, .t_max = 0.98,
      .calls = "2, 3 from t = threshold on", .grad = nfsd_grad },
    { .name = "sdi", .file = "ref/sdi.c", .paper = "SDI, arXiv:2405.15891", .equation = "Eq. 10", .pairs = "kappa, by inversion with the prompt",
      .keys = "t tau guidance guidance_inverse inversion_steps noise_scale form kappa", .noise = NOISE, .weight = "",
      .options = "guidance-inverse inversion-steps noise-scale tau-max form kappa negative perp-neg", .anneal = TIMESTEP_LINEAR, .t_min = 0.2, .t_max = 0.98,
      .calls = "2 + 2 int(10 t / 1000)", .grad = sdi_grad },
    { .name = "ism", .file = "ref/ism.c", .paper = "LucidDreamer, arXiv:2311.11284", .equation = "Eq. 17, as SDI cites it",
      .pairs = "the prediction at s < t, by inversion without a prompt", .keys = "t s delta_S guidance", .noise = NOISE, .weight = "",
      .options = "delta-t delta-s negative perp-neg", .anneal = TIMESTEP_UNIFORM, .t_min = 0.02, .t_max = 0.5, .calls = "3 + ceil(s / delta_s)", .grad = ism_grad },
    { .name = "vsd", .file = "ref/vsd.c", .paper = "ProlificDreamer, arXiv:2305.16213", .equation = "its code", .pairs = "the score of the renders",
      .keys = "t guidance weight", .noise = NOISE, .weight = "sds", .options = "weight particles particle-score lora-lr negative perp-neg", .anneal = TIMESTEP_TWO_STAGE,
      .t_min = 0.02, .t_max = 0.98, .calls = "2; with a LoRA 4: its prediction, its loss", .grad = vsd_grad },
    { .name = "asd", .file = "ref/asd.c", .paper = "ScaleDreamer, arXiv:2407.02040", .equation = "its code", .pairs = "the prediction at t + D, same noise",
      .keys = "t t_baseline guidance weight", .noise = NOISE, .weight = "sds", .options = "weight negative perp-neg", .anneal = TIMESTEP_LINEAR, .t_min = 0.02, .t_max = 0.98,
      .calls = "3", .grad = asd_grad },
    { .name = "dsd", .file = "ref/dsd.c", .paper = "DSD, arXiv:2412.06780", .equation = "its code", .pairs = "the prediction at t + D, noise of an ODE",
      .keys = "t t_baseline guidance guidance_baseline ode_steps weight", .noise = "in.eps_star", .noise_of_run = 1, .weight = "sds",
      .options = "weight guidance-baseline ode-steps negative perp-neg", .anneal = TIMESTEP_SQRT, .t_min = 0.32, .t_max = 0.98, .calls = "5 + 2 (levels above t + D)",
      .grad = dsd_grad },
    { .name = "dsd_star", .file = "ref/dsd.c", .paper = "DSD, arXiv:2412.06780", .equation = "its figure of DDIM", .pairs = "the prediction one DDIM step before",
      .keys = "guidance ode_steps", .noise = "in.eps_star", .noise_of_run = 1, .weight = "", .options = "negative", .calls = "4, one step of DDIM",
      .grad = dsd_star_grad },
    { .name = "cds", .file = "ref/cds.c", .paper = "Consistent3D, arXiv:2401.09050", .equation = "its code", .pairs = "the prediction at s < t, one Euler step on",
      .keys = "t s guidance weight sign", .noise = NOISE, .noise_of_run = 1, .weight = "uniform", .options = "weight delta-t spread cds-sign negative perp-neg",
      .anneal = TIMESTEP_HIFA, .t_min = 0.1, .t_max = 0.7, .calls = "4", .grad = cds_grad },
    { .name = "fsd", .file = "ref/fsd.c", .paper = "Flow Score Distillation, arXiv:2405.10988", .equation = "its code", .pairs = "one noise for the whole run",
      .keys = "t guidance weight", .noise = NOISE, .noise_of_run = 1, .weight = "sigma/alpha", .options = "weight negative perp-neg", .anneal = TIMESTEP_LINEAR,
      .t_min = 0.02, .t_max = 0.98, .calls = "2", .grad = fsd_grad },
    { .name = "ssd", .file = "ref/ssd.c", .paper = "SteinDreamer, arXiv:2401.00604", .equation = "its page", .pairs = "the noise, and a Stein term of mean 0",
      .keys = "t guidance weight mu1 mu stein_sign", .noise = NOISE, .weight = "sds",
      .options = "weight mu1 mu phi depth-net stein-sign negative perp-neg", .anneal = TIMESTEP_LINEAR, .t_min = 0.02, .t_max = 0.98,
      .calls = "2, and phi's network", .grad = ssd_grad },
};
enum { ESTIMATORS = sizeof estimators / sizeof estimators[0] };

const char *const time_weight_words[] = { "sds", "uniform", "fantasia3d", "sigma/alpha", NULL };
const char *const sdi_form_words[] = { "paper", "official", NULL };
const char *const kappa_words[] = { "inversion", "random", "fixed-point", "gradient-descent", "fixed", NULL };
const char *const cds_sign_words[] = { "released", "opposite", NULL };
const char *const ssd_sign_words[] = { "unbiased", "printed", NULL };

static const StepKey keys[] = {
    { "t", KEY_WHOLE, offsetof(Step, t), 0, 999, NULL, NULL, "500", "timestep, 0..999" },
    { "weight", KEY_WORD, offsetof(Step, weight), 0, 0, time_weight_words, NULL, "sds", "sds, uniform, fantasia3d or sigma/alpha" },
    { "guidance", KEY_NUMBER, offsetof(Step, guidance), 0, 0, NULL, NULL, "7.5", "s of e_uncond + s (e_cond - e_uncond)" },
    { "w1", KEY_NUMBER, offsetof(Step, w1), 0, 0, NULL, NULL, "1", "csd: of the prompt" },
    { "w2", KEY_NUMBER, offsetof(Step, w2), 0, 0, NULL, NULL, "0.5", "csd: of the negative prompt" },
    { "threshold", KEY_WHOLE, offsetof(Step, threshold), 0, 1000, NULL, NULL, "200", "nfsd: below this t no negative prompt" },
    { "tau", KEY_WHOLE, offsetof(Step, tau), 0, 999, NULL, NULL, "20", "sdi: inversion ends at t + tau" },
    { "guidance_inverse", KEY_NUMBER, offsetof(Step, guidance_inverse), 0, 0, NULL, NULL, "-7.5", "sdi: of the inversion" },
    { "inversion_steps", KEY_WHOLE, offsetof(Step, inversion_steps), 1, 1000, NULL, NULL, "5", "sdi: moves of the inversion" },
    { "noise_scale", KEY_NUMBER, offsetof(Step, noise_scale), 0, 0, NULL, NULL, "0.3", "sdi: H = noise_scale sigma_t noise; official form: eta of its moves" },
    { "form", KEY_WORD, offsetof(Step, sdi_form), 0, 0, sdi_form_words, "paper", "paper", "sdi: paper or official" },
    { "kappa", KEY_WORD, offsetof(Step, kappa), 0, 0, kappa_words, "inversion", "inversion",
      "sdi: inversion, random, fixed-point, gradient-descent or fixed" },
    { "s", KEY_WHOLE, offsetof(Step, s), 0, 999, NULL, NULL, "420", "ism, cds: the other timestep, below t" },
    { "delta_S", KEY_WHOLE, offsetof(Step, delta_s), 1, 999, NULL, NULL, "200", "ism: step of the inversion" },
    { "t_baseline", KEY_WHOLE, offsetof(Step, t_baseline), 0, 999, NULL, NULL, "520", "asd, dsd: timestep of the baseline" },
    { "guidance_baseline", KEY_NUMBER, offsetof(Step, guidance_baseline), 0, 0, NULL, NULL, "1", "dsd: of the baseline" },
    { "ode_steps", KEY_WHOLE, offsetof(Step, ode_steps), 1, 999, NULL, "10", "10", "dsd: steps of the whole range of t" },
    { "sign", KEY_WORD, offsetof(Step, cds_sign), 0, 0, cds_sign_words, "released", "released", "cds: released or opposite" },
    { "stein_sign", KEY_WORD, offsetof(Step, ssd_sign), 0, 0, ssd_sign_words, "unbiased", "unbiased", "ssd: unbiased or printed" },
    { "mu1", KEY_NUMBER, offsetof(Step, mu1), 0, 0, NULL, NULL, "1", "ssd: of the noise" },
    { "mu", KEY_NUMBER, offsetof(Step, mu), 0, 0, NULL, NULL, "0.37", "ssd: of the Stein term" },
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

int list_has(const char *list, const char *name)
{
    char word[WORD_ROOM];
    for (int i = 0; word_of(word, list, i); i++)
        if (strcmp(word, name) == 0) return 1;
    return 0;
}

int estimator_reads(const Estimator *e, const char *key)
{
    return list_has(e->keys, key);
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
