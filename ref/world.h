/* world.h -- the procedural scenes as the image set of the exact prior, and as the truth to be compared with */
#ifndef SDREF_REF_WORLD_H
#define SDREF_REF_WORLD_H

#include "sampler/exact.h"

typedef struct World {
    int h, w;                     /* pixels of the prior's images */
    uint64_t seed;                /* of the looks */
    real *colour;                 /* (colours,3), owned */
    ExactSource source;           /* borrows all of the above: do not move a World */
} World;

int  world_open(World *world, int h, int w, uint64_t seed, Err *err);
void world_close(World *world);

/* The canonical image of a prompt from a camera: rgb (3,h,w) in [0,1]; mask (h,w), the share of a pixel that the object covers. */
int world_truth(real *rgb, real *mask, int object, int colour, const View *view, int h, int w, Err *err);
/* Its background, the same for every object. */
void world_background(real rgb[3]);

enum { HELD_OUT = 8 };
/* Views that belong to no image set: all around (azimuth 22.5, 67.5, ... at elevation 5 and 25 in turn), at the middle distance and field of view. */
void held_out_views(View view[HELD_OUT], const ViewRange *range);

#endif
