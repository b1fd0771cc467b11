/* run_regularise.c -- the regularisers that a run names: their weights, and what refuses them */
#include "ref/run.h"

static int check(const DistillConfig *c, Regulariser i, Err *err)
{
    const RegulariserInfo *info = &regulariser_info[i];
    char weight[RAMP_TEXT];
    if (!regulariser_used(&c->regularising, i)) return 0;
    ramp_print(weight, &c->regularising.weight[i]);
    if (i == REG_TV && c->field != FIELD_VOXEL)
        return err_set(err, "--%s: found %s with --field %s, expected --field voxel: it is of neighbouring nodes", info->name, weight,
                       field_kind_names[c->field]);
    if (c->field == FIELD_IMAGE)
        return err_set(err, "--%s: found %s with --field image, which has no geometry; expected --field voxel", info->name, weight);
    return 0;
}

int run_regularise_config(DistillConfig *c, const Options *o, Err *err)
{
    Regularising *r = &c->regularising;
    for (int i = 0; i < REGULARISERS; i++) r->weight[i] = opt_ramp(o, regulariser_info[i].name);
    r->convex = (ConvexForm)opt_choice(o, "convexity-form");
    if (opt_given(o, "convexity-form") && !regulariser_used(r, REG_CONVEXITY))
        return err_set(err, "--convexity-form: found without --convexity, expected with a weight of it");
    for (int i = 0; i < REGULARISERS; i++)
        if (check(c, (Regulariser)i, err) != 0) return -1;
    return 0;
}
