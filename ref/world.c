/* world.c -- glue between render/scene.h and sampler/exact.h */
#include "ref/world.h"
#include "ref/view_camera.h"
#include "render/scene.h"
#include "tensor/mem.h"

static void layers(const void *self, real *base, real *shade, int object, const View *view, int m)
{
    const World *world = self;
    SceneLook look;
    Camera camera;
    scene_look(&look, world->seed, object, m);
    camera_of_view(&camera, view, world->h, world->w);
    scene_render(base, shade, NULL, &look, object, &camera);
}

int world_open(World *world, int h, int w, uint64_t seed, Err *err)
{
    const int colours = scene_colour_count();
    *world = (World){ .h = h, .w = w, .seed = seed };
    world->colour = mem_new((size_t)colours * 3, sizeof(real), "colours", err);
    if (world->colour == NULL) return -1;
    for (int i = 0; i < colours; i++) scene_colour_rgb(world->colour + 3 * i, i);
    world->source = (ExactSource){ scene_object_count(), colours, world->colour, layers, world };
    return 0;
}

void world_close(World *world)
{
    mem_free(world->colour);
    *world = (World){ 0 };
}

int world_truth(real *rgb, real *mask, int object, int colour, const View *view, int h, int w, Err *err)
{
    real *shade = mem_new((size_t)h * (size_t)w, sizeof(real), "truth", err);
    if (shade == NULL) return -1;
    SceneLook look;
    Camera camera;
    real c[3];
    scene_look(&look, 0, object, 0);
    camera_of_view(&camera, view, h, w);
    scene_colour_rgb(c, colour);
    scene_render(rgb, shade, mask, &look, object, &camera);
    scene_paint(rgb, rgb, shade, c, h, w);
    mem_free(shade);
    return 0;
}

void world_background(real rgb[3])
{
    SceneLook look;
    scene_look(&look, 0, 0, 0);
    for (int i = 0; i < 3; i++) rgb[i] = look.ground;
}

void held_out_views(View view[HELD_OUT], const ViewRange *range)
{
    for (int i = 0; i < HELD_OUT; i++)
        view[i] = (View){
            .elevation = r_clamp(i % 2 == 0 ? R(5.0) : R(25.0), range->elevation_min, range->elevation_max),
            .azimuth = wrap_azimuth(R(22.5) + R(45.0) * (real)i),
            .distance = R(0.5) * (range->distance_min + range->distance_max),
            .fovy = R(0.5) * (range->fovy_min + range->fovy_max),
        };
}
