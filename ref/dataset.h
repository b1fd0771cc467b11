/* dataset.h -- the endless stream of captioned pictures that the shipped networks are trained on
 *
 * Picture i is a pure function of (seed, i): its scene, its caption and its pixels may be asked for in any order, on any core.
 *
 *     object, colour   uniform
 *     look             proportions, light and background of render/scene.h's scene_look, a new one for every picture
 *     camera           view_sample over dataset_range(): any azimuth, elevations from below the horizon to nearly overhead
 *     caption          "a COLOUR OBJECT" (71 %), without the colour (8 %), without the object, "a COLOUR thing" (8 %), empty (13 %);
 *                      with the view's suffix in three of four captions that are not empty (", front view"; a side view is "side",
 *                      or in half of the cases "left side" or "right side")
 */
#ifndef SDREF_REF_DATASET_H
#define SDREF_REF_DATASET_H

#include "sampler/view.h"
#include "tensor/err.h"
#include "tensor/real.h"

enum { CAPTION_BYTES = 96 };

typedef struct DatasetItem {
    int object, colour;               /* what is seen, whatever the caption says of it */
    int look;                         /* of scene_look, at the stream's seed; never the canonical one */
    View view;
    int says_object, says_colour, says_view;      /* what the caption says */
    ViewLabel label;                  /* what it says of the view, if it does: left and right are among the labels */
    char caption[CAPTION_BYTES];      /* "" for the empty one */
} DatasetItem;

ViewRange dataset_range(void);
void dataset_item(DatasetItem *item, uint64_t seed, uint64_t i);
/* x (3,h,w) in [-1,1]: the picture, as a network sees it. shade (h,w): scratch. */
void dataset_picture(real *x, real *shade, const DatasetItem *item, uint64_t seed, int h, int w);
/* What scene_geometry says of that picture: depth (h,w), normal (3,h,w), mask (h,w). */
void dataset_geometry(real *depth, real *normal, real *mask, const DatasetItem *item, uint64_t seed, int h, int w);
/* "a red mug", "an orange thing", "a mug"; -1 in place of what is not said. text has CAPTION_BYTES. */
void dataset_prompt(char *text, int object, int colour);

#endif
