/* regularise_step.h -- the regularisers of the steps of a run: maps rendered beside each picture, their cotangents, values
 *
 * In a step: regularise_begin; for each view regularise_beside, the picture with it, regularise_maps, the way back; regularise_grid.
 */
#ifndef SDREF_REF_REGULARISE_STEP_H
#define SDREF_REF_REGULARISE_STEP_H

#include "ref/regularisers.h"
#include "render/volume.h"

typedef struct RegulariseStep {
    Regularising r;
    size_t pixels;                    /* of a view */
    real *memory;                     /* maps and cotangents; NULL when no regulariser reads a map */
    Maps maps, cotangent;
    RenderBeside beside;
    real weight[REGULARISERS];        /* in this step */
    real value[REGULARISERS];         /* y, mean over the views so far; 0 where the weight is 0 */
} RegulariseStep;

/* Memory may fail: err is set. */
void regularise_new(RegulariseStep *s, const Regularising *r, size_t pixels, Err *err);
void regularise_free(RegulariseStep *s);

void regularise_begin(RegulariseStep *s, long step);
/* What to render beside the next picture, cotangents 0; NULL: nothing. */
const RenderBeside *regularise_beside(RegulariseStep *s);
/* Of the view that was rendered: its cotangents, divided by over. views: K. */
void regularise_maps(RegulariseStep *s, const Camera *c, real over, int views);
/* Of the grid: dtheta += weight dy/dtheta. */
void regularise_grid(RegulariseStep *s, real *dtheta, const Field *f);

#endif
