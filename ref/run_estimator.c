/* run_estimator.c -- the estimator that a run names: what it reads, its defaults, its settings */
#include "ref/run.h"
#include "tensor/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int run_choose(Options *o, const char *name, const char *value, Err *err)
{
    return opt_has(o, name) ? 0 : opt_load(o, name, value, "default", err);
}

const Estimator *run_estimator(const Options *o)
{
    for (int i = 0; i < distill_command.noptions; i++)
        if (strcmp(distill_command.options[i].name, "estimator") == 0) return estimator_find(opt_text(o, i));
    return NULL;
}

/* Who reads that option, as "csd" or "sdi, ism". */
static void readers(char *out, size_t room, const char *option)
{
    out[0] = '\0';
    for (int i = 0; i < estimator_count(); i++) {
        const size_t at = strlen(out);
        if (list_has(estimator_at(i)->options, option)) snprintf(out + at, room - at, "%s%s", at > 0 ? ", " : "", estimator_at(i)->name);
    }
}

static int check_given(const Estimator *e, const Options *o, Err *err)
{
    char who[128];
    for (int i = 0; i < distill_command.noptions; i++) {
        const Option *d = &distill_command.options[i];
        if (strcmp(d->group, OWN_GROUP) != 0 || !opt_given(o, d->name) || list_has(e->options, d->name)) continue;
        readers(who, sizeof who, d->name);
        return err_set(err, "--%s: found with --estimator %s, which does not read it; expected one of %s", d->name, e->name, who);
    }
    return 0;
}

static int choose_number(Options *o, const char *name, double value, Err *err)
{
    char text[32];
    snprintf(text, sizeof text, "%g", value);
    return run_choose(o, name, text, err);
}

/* vsd: who knows the score of the renders */
static int choose_score(const Estimator *e, Options *o, Err *err)
{
    const int exact = strcmp(opt_string(o, "prior"), "exact") == 0;
    if (run_choose(o, "particle-score", exact ? "exact" : "lora", err) != 0) return -1;
    if (strcmp(e->name, "vsd") != 0) return 0;
    if (opt_choice(o, "particle-score") == 0 && exact)
        return err_set(err, "--particle-score: found lora with --prior exact, expected exact, or a folder: the exact prior has no network for a LoRA");
    if (opt_choice(o, "particle-score") != 0 && opt_given(o, "lora-lr"))
        return err_set(err, "--lora-lr: found with --particle-score exact, expected with lora: nothing is learnt");
    return 0;
}

/* Networks take small steps; NeRF's, which has no table beside it, still learns in the last of them. */
static int choose_rate(Options *o, Err *err)
{
    const int kind = opt_choice(o, "field");
    if (run_choose(o, "lr", kind == FIELD_HASHGRID || kind == FIELD_MLP ? "0.01" : "0.2", err) != 0) return -1;
    return choose_number(o, "lr-end", kind == FIELD_MLP ? opt_double(o, "lr") : opt_double(o, "lr") / 10, err);
}

int run_estimator_open(Options *o, Err *err)
{
    static const char *const policies[] = { "uniform", "linear", "hifa", "sqrt", "two-stage" };
    const Estimator *e = run_estimator(o);
    if (check_given(e, o, err) != 0 || run_refuse(o, err) != 0) return -1;
    if (choose_rate(o, err) != 0) return -1;
    if (run_choose(o, "anneal", policies[e->anneal], err) != 0) return -1;
    if (choose_number(o, "t-min", e->t_min, err) != 0 || choose_number(o, "t-max", e->t_max, err) != 0) return -1;
    if (choose_number(o, "guidance-inverse", -opt_double(o, "guidance"), err) != 0) return -1;
    if (e->weight[0] != '\0' && run_choose(o, "weight", e->weight, err) != 0) return -1;
    if (choose_score(e, o, err) != 0) return -1;
    return run_choose(o, "delta-t", strcmp(e->name, "cds") == 0 ? "100" : "80", err);
}

static int is_ssd(const Options *o) { return run_estimator(o)->grad == ssd_grad; }

enum { MU_MOST = 1000000 };

static int mu_read(DistillConfig *c, const Options *o, Err *err)
{
    const char *text = opt_string(o, "mu");
    double value;
    if (strcmp(text, "fit") == 0) c->mu = MU_FIT;
    else if (strcmp(text, "leave-one-out") == 0) c->mu = MU_LEAVE_ONE_OUT;
    else if (text_to_double(&value, text) != 0 || !(fabs(value) <= MU_MOST))
        return err_set(err, "--mu: found '%.40s', expected a number, fit or leave-one-out, the number from -%d to %d", text, MU_MOST, MU_MOST);
    else c->draw.settings.mu = (real)value;
    if (c->mu != MU_LEAVE_ONE_OUT || c->views > 1) return 0;
    return err_set(err, "--mu: found leave-one-out with --views 1, expected --views 2 or more, or fit: mu of a view comes from the others of its "
                   "step");
}

static int ssd_config(DistillConfig *c, const Options *o, Err *err)
{
    c->phi = (PhiKind)opt_choice(o, "phi");
    if (phi_asks_render(c->phi) && c->field == FIELD_IMAGE)
        return err_set(err, "--phi: found %s with --field image, which has no depth; expected quadratic, or --field voxel", phi_names[c->phi]);
    if (phi_asks_render(c->phi) && c->render > 0)
        return err_set(err, "--render-resolution: found with --phi %s, expected without: it compares with a render of the prior's size", phi_names[c->phi]);
    if (opt_given(o, "depth-net") && !phi_asks_network(c->phi))
        return err_set(err, "--depth-net: found with --phi %s, which asks no network; expected --phi depth or normals", phi_names[c->phi]);
    return mu_read(c, o, err);
}

/* DSD* is a matter of one image and one DDIM step a step. */
static int star_check(const DistillConfig *c, const Options *o, Err *err)
{
    static const char *const schedule[] = { "anneal", "t-min", "t-max" };
    if (c->field != FIELD_IMAGE)
        return err_set(err, "--estimator: found dsd_star with --field voxel, expected --field image, or --estimator dsd, which puts the render in "
                       "place of the ODE's image");
    if (c->views != 1) return err_set(err, "--views: found %d with --estimator dsd_star, expected 1: its ODE is one image's", c->views);
    if (c->budget > 0)
        return err_set(err, "--budget: found with --estimator dsd_star, expected --steps N: DDIM's N levels are chosen before; 4 predictions a step");
    for (int i = 0; i < 3; i++)
        if (opt_given(o, schedule[i]))
            return err_set(err, "--%s: found with --estimator dsd_star, expected none: t goes down DDIM's levels, one a step", schedule[i]);
    return 0;
}

int run_estimator_start(Run *run, DistillConfig *c, const Options *o, Err *err)
{
    const int most = run->S->T <= STAR_STEPS ? run->S->T - 1 : STAR_STEPS;
    if (run_estimator(o)->grad == dsd_star_grad && c->steps > most)
        return err_set(err, "--steps: found %ld with --estimator dsd_star, expected at most %d: each is a step of DDIM, and the prior has %d levels",
                       c->steps, most, run->S->T);
    if (run_estimator(o)->grad == sdi_grad && c->draw.settings.sdi_form == SDI_OFFICIAL && run->S->T % 10 != 0)
        return err_set(err, "--form: found official, but the prior has %d levels, expected a multiple of 10 for it, or --form paper", run->S->T);
    if (!is_ssd(o) || !phi_asks_network(c->phi)) return 0;
    run->depth_net = depth_open(opt_string(o, "depth-net"), err);
    if (run->depth_net == NULL) return -1;
    if (run->depth_net->h != c->resolution || run->depth_net->w != c->resolution)
        return err_set(err, "--phi: found %s with --resolution %d, expected %d: pictures of %s are %d x %d", phi_names[c->phi], c->resolution,
                       run->depth_net->h, run->depth_net->folder, run->depth_net->h, run->depth_net->w);
    c->depth_net = run->depth_net;
    return 0;
}

int run_estimator_config(DistillConfig *c, const Options *o, Err *err)
{
    const real extra = opt_choice(o, "cfg-convention") == 1 ? R(1.0) : R(0.0);      /* text: one more [ref/guidance.c] */
    const Estimator *e = run_estimator(o);
    c->draw = (DrawConfig){
        .estimator = e,
        .settings = {
            .weight = opt_has(o, "weight") ? (TimeWeight)opt_choice(o, "weight") : WEIGHT_SDS,
            .guidance = opt_real(o, "guidance") + extra,
            .w1 = opt_real(o, "w1"), .w2 = opt_real(o, "w2"), .threshold = opt_int(o, "threshold"),
            .sdi_form = (SdiForm)opt_choice(o, "form"), .kappa = (Kappa)opt_choice(o, "kappa"),
            .guidance_inverse = opt_real(o, "guidance-inverse"), .noise_scale = opt_real(o, "noise-scale"),
            .delta_s = opt_int(o, "delta-s"),
            .guidance_baseline = opt_real(o, "guidance-baseline"), .ode_steps = opt_int(o, "ode-steps"),
            .cds_sign = (CdsSign)opt_choice(o, "cds-sign"), .ssd_sign = (SsdSign)opt_choice(o, "stein-sign"),
            .mu1 = opt_real(o, "mu1"),
        },
        .timesteps = {
            .kind = (TimestepKind)opt_choice(o, "anneal"),
            .min = opt_double(o, "t-min"), .max = opt_double(o, "t-max"),
            .max_late = 0.5, .share = 0.2,                         /* two-stage, as VSD: 5000 of 25000 steps */
        },
        .inversion_steps = opt_int(o, "inversion-steps"), .tau_max = opt_double(o, "tau-max"),
        .apart = opt_int(o, "delta-t"), .spread = opt_int(o, "spread"),
    };
    c->particles = opt_int(o, "particles");
    c->negative = opt_string(o, "negative")[0] != '\0';
    c->perp_neg = (PerpNegRule)opt_choice(o, "perp-neg");
    if (is_ssd(o) && ssd_config(c, o, err) != 0) return -1;
    if (e->grad == dsd_star_grad && star_check(c, o, err) != 0) return -1;
    if (run_ordered(o, "t-min", "t-max", err) != 0) return -1;
    if (timestep_policy_check(&c->draw.timesteps, err) == 0) return 0;
    err_before(err, "--t-min with --anneal two-stage: ");               /* --t-min is not above --t-max here */
    return -1;
}
