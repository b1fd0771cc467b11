/* verify_render.c -- traces of kind render: camera, rays, outputs, and the gradient of the field */
#include "ref/trace_field.h"
#include "ref/verify_internal.h"
#include "render/volume.h"
#include "tensor/mem.h"
#include "tensor/text.h"

#include <math.h>
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
    if (!isfinite(camera->focal) || !isfinite(camera->c2w[0][3]) || !isfinite(camera->c2w[1][3]) || !isfinite(camera->c2w[2][3]))
        return err_set(err, "%s: distance %g, fovy %g; expected a camera of finite numbers", st_path(c->file), distance, fovy);
    return 0;
}

static int read_three(real out[3], const Check *c, const char *key, Err *err)
{
    const char *text = meta_text(c, key, err);
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
            return err_set(err, "%s: metadata '%s' is '%.60s', expected three numbers", st_path(c->file), key, text);
        out[i] = (real)v;
    }
    return 0;
}

static int read_shading(RenderSettings *s, const Check *c, Err *err)
{
    const char *text = meta_text(c, "shading", err);
    if (text == NULL) return -1;
    for (int i = 0; i < SHADINGS; i++)
        if (strcmp(text, shading_names[i]) == 0) {
            s->shading = (Shading)i;
            return shading_is_lit(s->shading) ? read_three(s->light, c, "light", err) : 0;
        }
    return err_set(err, "%s: metadata 'shading' is '%.60s', expected albedo, lambertian, textureless or normal", st_path(c->file), text);
}

/* "in.background", "out.grad.background.w1" .. of a part of a background */
static const char *background_name(char name[48], const char *prefix, const FieldPart *part)
{
    snprintf(name, 48, "%sbackground%s%s", prefix, part->name[0] == 0 ? "" : ".", part->name);
    return name;
}

/* Of the kind mlp, whose sizes are those of w1: (hidden, 3 + 6F). */
static int mlp_config(BackgroundConfig *config, const Check *c, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    const StTensor *w1 = st_find(c->file, "in.background.w1");
    if (w1 == NULL) return err_set(err, "%s: no tensor 'in.background.w1', which the background mlp needs", st_path(c->file));
    if (w1->ndim != 2 || w1->dim[0] > BACKGROUND_HIDDEN || w1->dim[1] > 3 + 6 * BACKGROUND_FREQUENCIES || w1->dim[1] % 6 != 3)
        return err_set(err, "%s: tensor 'in.background.w1' is %s, expected (hidden,3+6F), hidden at most %d, F at most %d", st_path(c->file),
                       st_shape(shape, w1), BACKGROUND_HIDDEN, BACKGROUND_FREQUENCIES);
    config->hidden = (int)w1->dim[0];
    config->frequencies = (int)(w1->dim[1] - 3) / 6;
    return 0;
}

/* Three numbers, or the name of a kind: then s->learnt is a new one, the caller's to free. */
static int read_background(RenderSettings *s, const Check *c, Err *err)
{
    const char *text = meta_text(c, "background", err);
    BackgroundConfig config = { .kind = BACKGROUND_COLOUR };
    FieldPart part[BACKGROUND_PARTS];
    if (text == NULL) return -1;
    while (config.kind < BACKGROUND_KINDS && strcmp(text, background_kind_names[config.kind]) != 0) config.kind++;
    if (config.kind == BACKGROUND_KINDS) return read_three(s->background, c, "background", err);
    if (config.kind == BACKGROUND_MLP && mlp_config(&config, c, err) != 0) return -1;
    s->learnt = background_new(&config, err);
    if (s->learnt == NULL) return -1;
    const int parts = background_parts(part, s->learnt);
    for (int i = 0; i < parts; i++) {
        char name[48];
        const size_t n = shape_count(part[i].s);
        real *v = check_read(c, background_name(name, "in.", &part[i]), n, err);
        if (v == NULL || check_shape(c, name, part[i].s, err) != 0) {
            mem_free(v);
            return -1;
        }
        memcpy(s->learnt->theta + part[i].at, v, n * sizeof *v);
        mem_free(v);
    }
    return 0;
}

static Shape output_shape(int output, const Camera *camera)
{
    return (Shape){ render_outputs[output].channels == 3 ? 3 : 2, { camera->h, camera->w, 3 } };
}

static const char *output_name(char name[48], const char *prefix, int output)
{
    snprintf(name, 48, "%s%s", prefix, render_outputs[output].name);
    return name;
}

/* Of all that has the image's sides, before anything is computed: (3,H,W) has as many values as (H,W,3), and 8192 x 8192 pixels take days. */
static int shapes(const Check *c, const Camera *camera, int samples, Err *err)
{
    char name[48];
    if (check_shape(c, "out.c2w", (Shape){ 2, { 3, 4 } }, err) != 0 || check_shape(c, "out.ray_d", (Shape){ 3, { camera->h, camera->w, 3 } }, err) != 0 ||
        check_shape(c, "in.jitter", (Shape){ 3, { camera->h, camera->w, samples } }, err) != 0)
        return -1;
    for (int i = 0; i < RENDER_OUTPUTS; i++)
        if (check_shape(c, output_name(name, "out.", i), output_shape(i, camera), err) != 0 ||
            check_shape(c, output_name(name, "in.cotangent.", i), output_shape(i, camera), err) != 0)
            return -1;
    return 0;
}

/* Normals and orientation are computed where the file has to do with them, the others always. */
static int outputs(const Check *c, const Trace *trace, Renderer *r, const Field *field, const Camera *camera, const RenderSettings *s,
                   Arena *arena, Err *err)
{
    char name[48];
    RenderOut out = { 0 };
    const size_t pixels = (size_t)camera->h * (size_t)camera->w;
    for (int i = 0; i < RENDER_OUTPUTS; i++) {
        const int needed = check_has(c, output_name(name, "out.", i)) || check_has(c, output_name(name, "in.cotangent.", i));
        if (needed || i < 4) *render_output(&out, i) = arena_real(arena, (size_t)render_outputs[i].channels * pixels, render_outputs[i].name);
    }
    if (err->set) return -1;
    render_view(&out, r, field, camera, s);
    for (int i = 0; i < RENDER_OUTPUTS; i++) {
        real *v = *render_output(&out, i);
        if (v != NULL && trace_put(trace, output_name(name, "out.", i), v, output_shape(i, camera), err) != 0) return -1;
    }
    return 0;
}

static int background_gradient(const Trace *trace, const Background *b, Err *err)
{
    FieldPart part[BACKGROUND_PARTS];
    const int parts = background_parts(part, b);
    for (int i = 0; i < parts; i++) {
        char name[48];
        if (trace_put(trace, background_name(name, "out.grad.", &part[i]), b->gradient + part[i].at, part[i].s, err) != 0) return -1;
    }
    return 0;
}

/* With the file's cotangents. */
static int gradients(const Check *c, const Trace *trace, Renderer *r, const Field *field, const Camera *camera, const RenderSettings *s,
                     Arena *arena, Err *err)
{
    char name[48];
    const size_t pixels = (size_t)camera->h * (size_t)camera->w;
    RenderOut cotangent = { 0 };
    real *grad = arena_real(arena, field->n, "gradient");
    int status = err->set ? -1 : 0;
    for (int i = 0; i < RENDER_OUTPUTS && status == 0; i++) {
        real **v = render_output(&cotangent, i);
        if (!check_has(c, output_name(name, "in.cotangent.", i))) continue;
        *v = check_read(c, name, (size_t)render_outputs[i].channels * pixels, err);
        status = *v == NULL ? -1 : 0;
    }
    if (status == 0) {
        render_pull(grad, r, field, camera, s, &cotangent);
        status = trace_field_put(trace, "out.grad", grad, field, arena, err);
    }
    if (status == 0 && s->learnt != NULL) status = background_gradient(trace, s->learnt, err);
    for (int i = 0; i < RENDER_OUTPUTS; i++) mem_free(*render_output(&cotangent, i));
    return status;
}

static int views(const Check *c, const Trace *trace, const Field *field, const Camera *camera, const RenderSettings *s, Arena *arena, Err *err)
{
    Renderer *r = renderer_new(field, s->samples, err);
    int status = r == NULL ? -1 : outputs(c, trace, r, field, camera, s, arena, err);
    if (status == 0) status = gradients(c, trace, r, field, camera, s, arena, err);
    renderer_free(r);
    return status;
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
    if (check_encoding(c, &trace, field, arena, err) != 0) return -1;
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
    RenderSettings s = { .rounding = c->pass == PASS_NOISE ? (real)(2 * c->unit) : 0, .draw = (uint32_t)c->draw };
    int status = read_shading(&s, c, err);
    if (status == 0) status = read_camera(&camera, c, err);
    if (status == 0) status = meta_whole(&s.samples, c, "samples", 1, 1024, err);
    if (status == 0) status = shapes(c, &camera, s.samples, err);
    if (status == 0) status = read_background(&s, c, err);
    Field *field = status == 0 ? check_field(c, err) : NULL;
    Arena *arena = field == NULL ? NULL : arena_new(err);
    status = arena == NULL ? -1 : with_field(c, field, &camera, &s, arena, err);
    arena_free(arena);
    field_free(field);
    background_free(s.learnt);
    return status;
}
