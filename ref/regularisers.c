/* regularisers.c -- the table of regularisers; see regularisers.h. Weights: configs/sdi.yaml of SDI's code, dsd.yaml of DSD's */
#include "ref/regularisers.h"

const RegulariserInfo regulariser_info[REGULARISERS] = {
    [REG_ORIENTATION]   = { "orientation", "0.1", "0.1", MAP_ORIENTATION | MAP_OPACITY },
    [REG_SPARSITY]      = { "sparsity", "0,0.15,0,3000", "0,0.15,0,3000", MAP_OPACITY },
    [REG_OPAQUENESS]    = { "opaqueness", "0.1", "0.1", MAP_OPACITY },
    [REG_Z_VARIANCE]    = { "z-variance", "1", "1", MAP_Z_VARIANCE | MAP_OPACITY },
    [REG_TV]            = { "tv", "0", "0", 0 },
    [REG_NORMAL_SMOOTH] = { "normal-smooth", "0", "0", MAP_NORMAL },
    [REG_CONVEXITY]     = { "convexity", "0,1,0.1,4000", "0,1,1,5000", MAP_NORMAL | MAP_OPACITY },
};

int regulariser_used(const Regularising *r, Regulariser i)
{
    double least, most;
    ramp_range(&least, &most, &r->weight[i]);
    return least != 0 || most != 0;
}

void regulariser_weights(real weight[REGULARISERS], const Regularising *r, long step)
{
    for (int i = 0; i < REGULARISERS; i++) weight[i] = (real)ramp_value(&r->weight[i], (double)step);
}

int regulariser_maps(const real weight[REGULARISERS])
{
    int maps = 0;
    for (int i = 0; i < REGULARISERS; i++)
        if (weight[i] != 0) maps |= regulariser_info[i].maps;
    return maps;
}

void regularise_view(Maps *d, real value[REGULARISERS], const Maps *m, const real weight[REGULARISERS], ConvexForm convex, const Camera *c)
{
    const size_t pixels = (size_t)c->h * (size_t)c->w;
    for (int i = 0; i < REGULARISERS; i++) {
        const real k = weight[i];
        real y = 0;
        if (k == 0) continue;
        switch ((Regulariser)i) {
        case REG_ORIENTATION:   y = reg_orientation(d->orientation, m->orientation, m->opacity, k, pixels); break;
        case REG_SPARSITY:      y = reg_sparsity(d->opacity, m->opacity, k, pixels); break;
        case REG_OPAQUENESS:    y = reg_opaqueness(d->opacity, m->opacity, k, pixels); break;
        case REG_Z_VARIANCE:    y = reg_z_variance(d->z_variance, m->z_variance, m->opacity, k, pixels); break;
        case REG_NORMAL_SMOOTH: y = reg_normal_smooth(d->normal, m->normal, k, c->h, c->w); break;
        case REG_CONVEXITY:     y = reg_convexity(d->normal, d->opacity, m->normal, m->opacity, c->c2w, convex, k, c->h, c->w); break;
        case REG_TV: case REGULARISERS: break;                         /* not of a view */
        }
        value[i] += y;
    }
}
