/* regularise_step.c -- the regularisers of a step; see regularise_step.h */
#include "ref/regularise_step.h"
#include "tensor/mem.h"

#include <string.h>

enum { PLANES = 6 };                          /* of Maps: three of one value a pixel, the normals */

void regularise_new(RegulariseStep *s, const Regularising *r, size_t pixels, Err *err)
{
    int maps = 0;
    *s = (RegulariseStep){ .r = *r, .pixels = pixels };
    for (int i = 0; i < REGULARISERS; i++)
        if (regulariser_used(r, (Regulariser)i)) maps |= regulariser_info[i].maps;
    if (maps == 0) return;
    s->memory = mem_new(2 * PLANES * pixels, sizeof(real), "maps of the regularisers", err);
    if (s->memory == NULL) return;
    Maps *const both[] = { &s->maps, &s->cotangent };
    for (size_t k = 0; k < 2; k++) {
        real *at = s->memory + k * PLANES * pixels;
        *both[k] = (Maps){ .opacity = at, .z_variance = at + pixels, .orientation = at + 2 * pixels, .normal = at + 3 * pixels };
    }
}

void regularise_free(RegulariseStep *s) { mem_free(s->memory); }

void regularise_begin(RegulariseStep *s, long step)
{
    regulariser_weights(s->weight, &s->r, step);
    for (int i = 0; i < REGULARISERS; i++) s->value[i] = 0;
}

/* Those of a set of maps, for the renderer to make or to pull back. */
static RenderOut render_out(const Maps *m, int maps)
{
    return (RenderOut){
        .opacity = maps & MAP_OPACITY ? m->opacity : NULL,
        .z_variance = maps & MAP_Z_VARIANCE ? m->z_variance : NULL,
        .normal = maps & MAP_NORMAL ? m->normal : NULL,
        .orientation = maps & MAP_ORIENTATION ? m->orientation : NULL,
    };
}

const RenderBeside *regularise_beside(RegulariseStep *s)
{
    const int maps = regulariser_maps(s->weight);
    if (maps == 0) return NULL;
    memset(s->memory + PLANES * s->pixels, 0, PLANES * s->pixels * sizeof *s->memory);
    s->beside = (RenderBeside){ render_out(&s->maps, maps), render_out(&s->cotangent, maps) };
    return &s->beside;
}

void regularise_maps(RegulariseStep *s, const Camera *c, real over, int views)
{
    real weight[REGULARISERS], value[REGULARISERS] = { 0 };
    for (int i = 0; i < REGULARISERS; i++) weight[i] = s->weight[i] / over;
    regularise_view(&s->cotangent, value, &s->maps, weight, s->r.convex, c);
    for (int i = 0; i < REGULARISERS; i++) s->value[i] += value[i] / (real)views;
}

void regularise_grid(RegulariseStep *s, real *dtheta, const Field *f)
{
    if (s->weight[REG_TV] == 0) return;
    BUG_IF(f->config.kind != FIELD_VOXEL, "total variation of a field of kind %s", field_kind_names[f->config.kind]);
    s->value[REG_TV] = reg_tv(dtheta, f->theta, s->weight[REG_TV], f->config.size, 4);
}
