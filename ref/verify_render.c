/* verify_render.c -- traces of kind render: camera, rays, outputs, and the gradient of the grid */
#include "ref/verify_internal.h"
#include "render/volume.h"
#include "tensor/mem.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

static int read_camera(Camera *camera, const Check *c, Err *err)
{
    double elevation, azimuth, distance, fovy;
    int h, w;
    if (meta_number(&elevation, c, "elevation", err) != 0 || meta_number(&azimuth, c, "azimuth", err) != 0 ||
        meta_number(&distance, c, "distance", err) != 0 || meta_number(&fovy, c, "fovy", err) != 0 ||
        meta_whole(&h, c, "h", 1, 8192, err) != 0 || meta_whole(&w, c, "w", 1, 8192, err) != 0)
        return -1;
    if (!(distance > 0) || !(fovy > 0 && fovy < 180) || !(elevation > -90 && elevation < 90))
        return err_set(err, "%s: distance %g, fovy %g, elevation %g; expected > 0, 0 to 180, -90 to 90", st_path(c->file), distance, fovy, elevation);
    camera_look_at(camera, elevation, azimuth, distance, fovy, h, w);
    return 0;
}

static int read_background(real background[3], const Check *c, Err *err)
{
    const char *text = meta_text(c, "background", err);
    if (text == NULL) return -1;
    const char *at = text;
    for (int i = 0; i < 3; i++) {
        char number[40];
        double v;
        at += strspn(at, " ");
        const size_t n = strcspn(at, " ");
        snprintf(number, sizeof number, "%.*s", n < sizeof number ? (int)n : 0, at);
        at += n;
        if (text_to_double(&v, number) != 0 || (i == 2 && at[strspn(at, " ")] != 0))
            return err_set(err, "%s: metadata 'background' is '%.60s', expected three numbers", st_path(c->file), text);
        background[i] = (real)v;
    }
    return 0;
}

static int expect_text(const Check *c, const char *key, const char *wanted, Err *err)
{
    const char *text = meta_text(c, key, err);
    if (text == NULL) return -1;
    if (strcmp(text, wanted) != 0)
        return err_set(err, "%s: metadata '%s' is '%.60s', expected %s (others follow in a later version)", st_path(c->file), key, text, wanted);
    return 0;
}

/* The outputs, and the gradient with the file's cotangents. Buffers are in the arena. */
static int views(const Check *c, const Trace *trace, Field *field, const Camera *camera, const RenderSettings *s, Arena *arena, Err *err)
{
    static const char *const names[4] = { "rgb", "opacity", "depth", "z_variance" };
    const int64_t h = camera->h, w = camera->w;
    const size_t pixels = (size_t)h * (size_t)w;
    real *out[4], *cotangent[4] = { 0 };
    Renderer *r = renderer_new(field, s->samples, err);
    real *grad = arena_real(arena, field->n, "gradient"), *planes = arena_real(arena, field->n, "gradient");
    for (int i = 0; i < 4; i++) out[i] = arena_real(arena, (i == 0 ? 3 : 1) * pixels, names[i]);
    int status = r == NULL || err->set ? -1 : 0;
    if (status == 0) render_view(&(RenderOut){ out[0], out[1], out[2], out[3] }, r, field, camera, s);
    for (int i = 0; i < 4 && status == 0; i++) {
        char name[48];
        snprintf(name, sizeof name, "out.%s", names[i]);
        status = trace_put(trace, name, out[i], (Shape){ i == 0 ? 3 : 2, { h, w, 3 } }, err);
        snprintf(name, sizeof name, "in.cotangent.%s", names[i]);
        if (status == 0 && check_has(c, name)) {
            cotangent[i] = check_read(c, name, (i == 0 ? 3 : 1) * pixels, err);
            status = cotangent[i] == NULL ? -1 : 0;
        }
    }
    if (status == 0) {
        render_pull(grad, r, field, camera, s, &(RenderOut){ cotangent[0], cotangent[1], cotangent[2], cotangent[3] });
        voxel_to_planes(planes, grad, field);
        status = trace_put(trace, "out.grad.grid", planes, (Shape){ 4, { 4, field->config.size[0], field->config.size[1], field->config.size[2] } }, err);
    }
    for (int i = 0; i < 4; i++) mem_free(cotangent[i]);
    renderer_free(r);
    return status;
}

static Field *read_grid(const Check *c, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    const StTensor *t = st_find(c->file, "in.grid");
    real *planes = check_read(c, "in.grid", 0, err);
    Field *f = NULL;
    if (planes == NULL) return NULL;
    if (t->ndim != 4 || t->dim[0] != 4 || t->dim[1] > 512 || t->dim[2] > 512 || t->dim[3] > 512)
        err_set(err, "%s: tensor 'in.grid' is %s, expected (4,Z,Y,X) with sides of 2 to 512", st_path(c->file), st_shape(shape, t));
    else f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { (int)t->dim[1], (int)t->dim[2], (int)t->dim[3] } }, err);
    if (f != NULL) voxel_from_planes(f, planes);
    mem_free(planes);
    return f;
}

static int with_field(Check *c, Field *field, Camera *camera, RenderSettings *s, Arena *arena, Err *err)
{
    const Trace trace = { .put = check_put, .self = c };
    const size_t h = (size_t)camera->h, w = (size_t)camera->w;
    real *jitter = NULL, *ray = arena_real(arena, 3 * h * w, "rays");
    if (ray == NULL) return -1;
    /* 1. the camera; in the local pass the rest continues from the file's */
    if (trace_put(&trace, "out.c2w", &camera->c2w[0][0], (Shape){ 2, { 3, 4 } }, err) != 0) return -1;
    /* 2. rays */
    for (size_t i = 0; i < h * w; i++) camera_ray(ray + 3 * i, camera, (real)(i / w), (real)(i % w));
    if (trace_put(&trace, "out.ray_d", ray, (Shape){ 3, { (int64_t)h, (int64_t)w, 3 } }, err) != 0) return -1;
    /* 3. outputs and gradient */
    if (check_has(c, "in.jitter")) {
        jitter = check_read(c, "in.jitter", h * w * (size_t)s->samples, err);
        if (jitter == NULL) return -1;
        s->jitter = jitter;
    }
    const int status = views(c, &trace, field, camera, s, arena, err);
    mem_free(jitter);
    return status;
}

int verify_render(Check *c, Err *err)
{
    Camera camera;
    RenderSettings s = { 0 };
    if (expect_text(c, "field", "voxel", err) != 0 || expect_text(c, "shading", "albedo", err) != 0 ||
        read_camera(&camera, c, err) != 0 || read_background(s.background, c, err) != 0 ||
        meta_whole(&s.samples, c, "samples", 1, 1024, err) != 0)
        return -1;
    Field *field = read_grid(c, err);
    Arena *arena = field == NULL ? NULL : arena_new(err);
    const int status = arena == NULL ? -1 : with_field(c, field, &camera, &s, arena, err);
    arena_free(arena);
    field_free(field);
    return status;
}
