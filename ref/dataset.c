/* dataset.c -- what picture i of the stream shows, and what its caption says */
#include "ref/dataset.h"

#include "ref/view_camera.h"
#include "render/scene.h"
#include "tensor/rng.h"

#include <stdio.h>
#include <string.h>

/* Draws of one picture: stream RNG_BATCH for the scene, RNG_DROP for the caption, at step i; part of the numerics. */
enum { DRAW_OBJECT, DRAW_COLOUR, DRAW_LOOK };
enum { DRAW_WORDS, DRAW_VIEW, DRAW_SIDE };

ViewRange dataset_range(void)
{
    return (ViewRange){ R(-10.0), R(85.0), R(-180.0), R(180.0), R(2.4), R(2.6), R(39.0), R(41.0) };
}

void dataset_prompt(char *text, int object, int colour)
{
    const char *hue = colour < 0 ? "" : scene_colour_name(colour), *thing = object < 0 ? "thing" : scene_object_name(object);
    const char *first = colour < 0 ? thing : hue;
    const char *article = strchr("aeiou", first[0]) != NULL ? "an" : "a";
    snprintf(text, CAPTION_BYTES, "%s %s%s%s", article, hue, colour < 0 ? "" : " ", thing);
}

static void caption(DatasetItem *item, RngAt at)
{
    const double words = rng_uniform_at(at, DRAW_WORDS);
    const ViewThresholds thresholds = view_thresholds_default();
    item->caption[0] = '\0';
    item->says_object = words < 0.79;
    item->says_colour = words < 0.71 || (words >= 0.79 && words < 0.87);
    item->says_view = words < 0.87 && rng_uniform_at(at, DRAW_VIEW) < 0.75;
    const int sided = rng_uniform_at(at, DRAW_SIDE) < 0.5;
    item->label = (sided ? view_label_lr : view_label)(item->view.elevation, item->view.azimuth, &thresholds);
    if (words >= 0.87) return;
    char plain[CAPTION_BYTES];
    Err err = { 0 };
    dataset_prompt(item->says_view ? plain : item->caption, item->says_object ? item->object : -1, item->says_colour ? item->colour : -1);
    if (item->says_view) BUG_IF(view_prompt(item->caption, CAPTION_BYTES, plain, item->label, &err) != 0, "%s", err.msg);
}

void dataset_item(DatasetItem *item, uint64_t seed, uint64_t i)
{
    BUG_IF(i > UINT32_MAX, "picture %llu of the stream, expected at most 2^32 - 1", (unsigned long long)i);
    const RngAt at = { seed, 0, (uint32_t)i, RNG_BATCH };
    const ViewRange range = dataset_range();
    *item = (DatasetItem){
        .object = (int)rng_below(at, DRAW_OBJECT, (uint32_t)scene_object_count()),
        .colour = (int)rng_below(at, DRAW_COLOUR, (uint32_t)scene_colour_count()),
        .look = 1 + (int)rng_below(at, DRAW_LOOK, INT32_MAX),
    };
    view_sample(&item->view, 1, &range, VIEWS_INDEPENDENT, seed, (uint32_t)i);
    caption(item, (RngAt){ seed, 0, (uint32_t)i, RNG_DROP });
}

static void scene_of(SceneLook *look, Camera *camera, const DatasetItem *item, uint64_t seed, int h, int w)
{
    scene_look(look, seed, item->object, item->look);
    camera_of_view(camera, &item->view, h, w);
}

void dataset_picture(real *x, real *shade, const DatasetItem *item, uint64_t seed, int h, int w)
{
    SceneLook look;
    Camera camera;
    real colour[3];
    scene_of(&look, &camera, item, seed, h, w);
    scene_colour_rgb(colour, item->colour);
    scene_render(x, shade, NULL, &look, item->object, &camera);
    scene_paint(x, x, shade, colour, h, w);
    for (size_t i = 0; i < 3 * (size_t)h * (size_t)w; i++) x[i] = r_fma(R(2.0), x[i], R(-1.0));
}

void dataset_geometry(real *depth, real *normal, real *mask, const DatasetItem *item, uint64_t seed, int h, int w)
{
    SceneLook look;
    Camera camera;
    scene_of(&look, &camera, item, seed, h, w);
    scene_geometry(depth, normal, mask, &look, item->object, &camera);
}
