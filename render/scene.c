/* scene.c -- names, colours, looks and the sphere tracer of the procedural objects
 *
 * A ray is marched by sdf / SCENE_SLACK, which cannot step through a surface, until the sdf is below HIT (a hit), the
 * ray has left the cube (a miss) or STEPS are used up (a miss: it grazes). A tile of pixels first marches one beam:
 * while the free ball about a point of the tile's central ray covers the beam there, no ray of the tile can hit before
 * it. Its quarters go on from there, down to single pixels and then their rays; most of the background costs little.
 * Normal: forward differences of the sdf with step NORMAL_STEP.
 * Order of sums: the four samples of a pixel in row-major order, then times 1/4; of depth and normal, those that hit.
 */
#include "render/scene.h"
#include "render/scene_shapes.h"
#include "tensor/rng.h"
#include "tensor/text.h"

#include <string.h>

enum { STEPS = 64, TILE = 8 };
#define HIT R(0.002)
#define NORMAL_STEP R(0.002)
#define REACH R(1.7)                    /* the cube lies within this distance of the origin */

#define NAME(name, size) #name,
#define FUNCTION(name, size) scene_##name,
#define SIZE(name, size) R(size),
static const char *const object_names[] = { SCENE_OBJECTS(NAME) };
static SceneObject *const objects[] = { SCENE_OBJECTS(FUNCTION) };
static const real sizes[] = { SCENE_OBJECTS(SIZE) };

static const char *const colour_names[] = {
    "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown", "white", "grey", "black",
};
static const real colours[][3] = {
    { R(0.86), R(0.10), R(0.10) }, { R(0.98), R(0.50), R(0.05) }, { R(0.97), R(0.86), R(0.12) }, { R(0.13), R(0.60), R(0.16) },
    { R(0.10), R(0.78), R(0.80) }, { R(0.10), R(0.26), R(0.88) }, { R(0.50), R(0.14), R(0.72) }, { R(0.99), R(0.56), R(0.74) },
    { R(0.46), R(0.24), R(0.08) }, { R(0.97), R(0.97), R(0.97) }, { R(0.36), R(0.36), R(0.36) }, { R(0.05), R(0.05), R(0.05) },
};

/* Albedos in the order of the enum in scene_shapes.h; MAIN's is never read. */
static const real materials[MATERIALS][3] = {
    { R(0.00), R(0.00), R(0.00) }, { R(0.03), R(0.03), R(0.03) }, { R(0.95), R(0.95), R(0.93) }, { R(0.55), R(0.57), R(0.60) },
    { R(0.20), R(0.20), R(0.23) }, { R(0.85), R(0.12), R(0.10) }, { R(0.98), R(0.52), R(0.06) }, { R(0.98), R(0.85), R(0.20) },
    { R(0.22), R(0.62), R(0.22) }, { R(0.15), R(0.32), R(0.85) }, { R(0.45), R(0.27), R(0.13) }, { R(0.98), R(0.55), R(0.62) },
    { R(0.95), R(0.87), R(0.70) }, { R(0.60), R(0.83), R(0.97) },
};

enum { OBJECTS = sizeof objects / sizeof objects[0], COLOURS = sizeof colours / sizeof colours[0] };

static void check(int i, int n, const char *what) { BUG_IF(i < 0 || i >= n, "%s %d, expected 0 .. %d", what, i, n - 1); }

int scene_object_count(void) { return OBJECTS; }
int scene_colour_count(void) { return COLOURS; }

const char *scene_object_name(int object)
{
    check(object, OBJECTS, "object");
    return object_names[object];
}

const char *scene_colour_name(int colour)
{
    check(colour, COLOURS, "colour");
    return colour_names[colour];
}

void scene_colour_rgb(real rgb[3], int colour)
{
    check(colour, COLOURS, "colour");
    memcpy(rgb, colours[colour], sizeof colours[colour]);
}

void scene_material_rgb(real rgb[3], int material)
{
    check(material, MATERIALS, "material");
    memcpy(rgb, materials[material], sizeof materials[material]);
}

/* ---- prompts ---- */

/* The next word of *text into word[64], longer ones cut; its length, 0 at the end. */
static int next_word(char word[64], const char **text)
{
    int n = 0;
    while (**text == ' ') (*text)++;
    while (**text != '\0' && **text != ' ') {
        if (n < 63) word[n++] = **text;
        (*text)++;
    }
    word[n] = '\0';
    return n;
}

static int unknown(const char *prompt, const char *what, const char *word, const char *const *names, int n, Err *err)
{
    const char *all = "`sdref help prompts` lists all";
    if (word[0] == '\0') return err_set(err, "prompt \"%.200s\": no %s, expected \"a COLOUR OBJECT\"; %s", prompt, what, all);
    const char *near = text_nearest(word, names, n);
    if (near == NULL) return err_set(err, "prompt \"%.200s\": unknown %s \"%s\"; %s", prompt, what, word, all);
    return err_set(err, "prompt \"%.200s\": unknown %s \"%s\", did you mean \"%s\"? %s", prompt, what, word, near, all);
}

static int find(const char *word, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(word, names[i]) == 0) return i;
    return -1;
}

int scene_prompt_parse(int *object, int *colour, const char *prompt, Err *err)
{
    static const char *const articles[] = { "a", "an" };
    char article[64], hue[64], thing[64], extra[64];
    const char *rest = prompt;
    next_word(article, &rest);
    next_word(hue, &rest);
    next_word(thing, &rest);
    next_word(extra, &rest);
    if (find(article, articles, 2) < 0)
        return err_set(err, "prompt \"%.200s\": begins with \"%s\", expected \"a COLOUR OBJECT\"; `sdref help prompts` lists all",
                       prompt, article);
    const int c = find(hue, colour_names, COLOURS);
    if (c < 0) return unknown(prompt, "colour", hue, colour_names, COLOURS, err);
    const int o = find(thing, object_names, OBJECTS);
    if (o < 0) return unknown(prompt, "object", thing, object_names, OBJECTS, err);
    if (extra[0] != '\0')
        return err_set(err, "prompt \"%.200s\": \"%s\" is left over after \"a COLOUR OBJECT\"; `sdref help prompts` lists all",
                       prompt, extra);
    *object = o;
    *colour = c;
    return 0;
}

/* ---- looks ---- */

void scene_look(SceneLook *look, uint64_t seed, int object, int m)
{
    check(object, OBJECTS, "object");
    BUG_IF(m < 0, "look %d, expected 0 or more", m);
    const real size = sizes[object];
    if (m == 0) {
        *look = (SceneLook){ { size, size, size }, { R(0.60), R(0.36), R(0.7144228) }, R(0.50) };   /* |light| = 1 */
        return;
    }
    real u[8];
    rng_uniform(u, (RngAt){ seed, (uint32_t)object, (uint32_t)m, RNG_SCENE }, 8);
    real s[3], largest = 0;
    for (int i = 0; i < 3; i++) {
        s[i] = R(0.85) + R(0.30) * u[i];
        largest = r_max(largest, s[i]);
    }
    for (int i = 0; i < 3; i++) look->size[i] = size * s[i] / largest;
    /* light: z uniform in [0.35, 0.95), azimuth that of a point of the square [-1,1)^2 */
    const real x = R(2.0) * u[3] - R(1.0), y = R(2.0) * u[4] - R(1.0), z = R(0.35) + R(0.6) * u[5];
    const real flat = r_sqrt(R(1.0) - z * z) / r_max(len2(x, y), R(1e-6));
    look->light[0] = flat * x;
    look->light[1] = flat * y;
    look->light[2] = z;
    look->ground = R(0.38) + R(0.24) * u[6];
}

/* ---- distance and shade ---- */

typedef struct Scene {
    const SceneLook *look;
    SceneObject *sdf;
    Vec shrink;                         /* 1 / size */
    real least;                         /* of size */
    const Camera *cam;
    Vec eye;
    real near, far;                     /* range of t in which the object can lie */
} Scene;

static Scene scene_of(const SceneLook *look, int object, const Camera *cam)
{
    const real *k = look->size;
    Scene s = { look, objects[object], { R(1.0) / k[0], R(1.0) / k[1], R(1.0) / k[2] }, r_min(k[0], r_min(k[1], k[2])),
                cam, { R(0.0), R(0.0), R(0.0) }, R(0.0), R(0.0) };
    if (cam) {
        s.eye = (Vec){ cam->c2w[0][3], cam->c2w[1][3], cam->c2w[2][3] };
        s.near = pos(len(s.eye) - REACH);
        s.far = len(s.eye) + REACH;
    }
    return s;
}

/* The scaled object, p -> p / size: distances shrink by at most the smallest factor. */
static Surf surface(const Scene *s, Vec p)
{
    Surf f = s->sdf((Vec){ p.x * s->shrink.x, p.y * s->shrink.y, p.z * s->shrink.z });
    f.d *= s->least;
    return f;
}

real scene_sdf(int *material, const SceneLook *look, int object, const real p[3])
{
    check(object, OBJECTS, "object");
    const Scene s = scene_of(look, object, NULL);
    const Surf f = surface(&s, (Vec){ p[0], p[1], p[2] });
    if (material) *material = f.material;
    return f.d;
}

static Vec along(Vec o, Vec d, real t) { return (Vec){ o.x + t * d.x, o.y + t * d.y, o.z + t * d.z }; }

/* Forward differences of the sdf at p, where it is d. */
static Vec normal_at(const Scene *s, Vec p, real d)
{
    const real h = NORMAL_STEP;
    const Vec n = { surface(s, (Vec){ p.x + h, p.y, p.z }).d - d, surface(s, (Vec){ p.x, p.y + h, p.z }).d - d,
                    surface(s, (Vec){ p.x, p.y, p.z + h }).d - d };
    const real l = r_max(len(n), R(1e-12));
    return (Vec){ n.x / l, n.y / l, n.z / l };
}

/* The formula in scene.h. */
static real shade_at(const Scene *s, Vec p, real d)
{
    const Vec n = normal_at(s, p, d), l = { s->look->light[0], s->look->light[1], s->look->light[2] };
    const real open = surface(s, along(p, n, R(0.15))).d / R(0.15);
    const real a = R(0.6) + R(0.4) * r_clamp(open, R(0.0), R(1.0));
    const real fill = R(0.56) + R(0.07) * (R(1.0) + n.z);
    return a * fill + (R(0.75) + R(0.25) * a) * R(0.30) * pos(dot(n, l));
}

/* ---- tracing ---- */

static Vec ray(const Camera *cam, real row, real col)
{
    real d[3];
    camera_ray(d, cam, row, col);
    return (Vec){ d[0], d[1], d[2] };
}

/* Where the rays of the n x n pixels at (row, col) may start: > far when none can hit. They make an angle with the
 * central ray whose sine is at most `spread`, so at distance t they lie in a ball of radius spread t around it. */
static real beam(const Scene *s, int row, int col, int n, real t)
{
    const real middle = R(0.5) * (real)(n - 1);
    const Vec d = ray(s->cam, (real)row + middle, (real)col + middle);
    const real spread = (R(0.7072) * (real)n - R(0.3535)) / s->cam->focal;
    for (int i = 0; i < STEPS && t <= s->far; i++) {
        const real open = surface(s, along(s->eye, d, t)).d / SCENE_SLACK;
        if (!(open > R(1.5) * spread * t + HIT)) break;
        t += (open - spread * t) / (R(1.0) + spread);
    }
    return t;
}

/* The hit beyond *t, and its *t; or a material of -1. */
static Surf march(const Scene *s, Vec *hit, real *t, Vec d)
{
    for (int i = 0; i < STEPS && *t <= s->far; i++) {
        const Vec p = along(s->eye, d, *t);
        const Surf f = surface(s, p);
        if (f.d < HIT) {
            *hit = p;
            return f;
        }
        *t += f.d / SCENE_SLACK;
    }
    return (Surf){ R(0.0), -1 };
}

/* Sample ray i of the four of a pixel. */
static Vec sample_ray(const Camera *cam, int row, int col, int i)
{
    const real drow = i < 2 ? R(-0.25) : R(0.25), dcol = i % 2 == 0 ? R(-0.25) : R(0.25);
    return ray(cam, (real)row + drow, (real)col + dcol);
}

/* Where one picture goes: its light, or its geometry (depth is then not NULL). */
typedef struct Planes { real *P, *Q, *depth, *normal, *mask; int h, w; } Planes;

/* One pixel of P and Q; returns hits out of 4. No ray hits before `start`; beyond `far` none does. */
static int light_pixel(const Planes *out, const Scene *s, int row, int col, real start)
{
    const size_t plane = (size_t)out->h * (size_t)out->w, at = (size_t)row * (size_t)out->w + (size_t)col;
    real fixed[3] = { R(0.0), R(0.0), R(0.0) }, shade = 0;
    const int empty = start > s->far;
    int hits = 0;
    for (int i = 0; i < 4 && !empty; i++) {
        const Vec d = sample_ray(s->cam, row, col, i);
        Vec p;
        real t = start;
        const Surf f = march(s, &p, &t, d);
        if (f.material < 0) {
            for (int k = 0; k < 3; k++) fixed[k] += s->look->ground;
            continue;
        }
        hits++;
        const real light = shade_at(s, p, f.d);
        if (f.material == MAIN) shade += light;
        else for (int k = 0; k < 3; k++) fixed[k] += light * materials[f.material][k];
    }
    for (size_t k = 0; k < 3; k++) out->P[k * plane + at] = empty ? s->look->ground : R(0.25) * fixed[k];
    out->Q[at] = R(0.25) * shade;
    return hits;
}

/* One pixel of depth and normal, likewise. */
static int geometry_pixel(const Planes *out, const Scene *s, int row, int col, real start)
{
    const size_t plane = (size_t)out->h * (size_t)out->w, at = (size_t)row * (size_t)out->w + (size_t)col;
    real distance = 0, n[3] = { R(0.0), R(0.0), R(0.0) };
    int hits = 0;
    for (int i = 0; i < 4 && start <= s->far; i++) {
        const Vec d = sample_ray(s->cam, row, col, i);
        Vec p;
        real t = start;
        const Surf f = march(s, &p, &t, d);
        if (f.material < 0) continue;
        const Vec m = normal_at(s, p, f.d);
        hits++;
        distance += t;
        for (int k = 0; k < 3; k++) n[k] += s->cam->c2w[0][k] * m.x + s->cam->c2w[1][k] * m.y + s->cam->c2w[2][k] * m.z;
    }
    const real l = r_max(len((Vec){ n[0], n[1], n[2] }), R(1e-12));
    out->depth[at] = hits > 0 ? distance / (real)hits : R(0.0);
    for (size_t k = 0; k < 3; k++) out->normal[k * plane + at] = n[k] / l;
    return hits;
}

/* The n x n pixels at (row, col), as far as they are in the picture; no hit before t. */
static void tile(const Planes *out, const Scene *s, int row, int col, int n, real t)
{
    if (row >= out->h || col >= out->w) return;
    if (t <= s->far) t = beam(s, row, col, n, t);
    if (n > 1) {
        for (int i = 0; i < 4; i++) tile(out, s, row + (i / 2) * (n / 2), col + (i % 2) * (n / 2), n / 2, t);
        return;
    }
    const int hits = (out->depth ? geometry_pixel : light_pixel)(out, s, row, col, t);
    if (out->mask) out->mask[(size_t)row * (size_t)out->w + (size_t)col] = R(0.25) * (real)hits;
}

static void trace(const Planes *out, const SceneLook *look, int object, const Camera *cam)
{
    check(object, OBJECTS, "object");
    const Scene s = scene_of(look, object, cam);
    for (int row = 0; row < cam->h; row += TILE)
        for (int col = 0; col < cam->w; col += TILE) tile(out, &s, row, col, TILE, s.near);
}

void scene_render(real *P, real *Q, real *mask, const SceneLook *look, int object, const Camera *cam)
{
    trace(&(Planes){ .P = P, .Q = Q, .mask = mask, .h = cam->h, .w = cam->w }, look, object, cam);
}

void scene_geometry(real *depth, real *normal, real *mask, const SceneLook *look, int object, const Camera *cam)
{
    trace(&(Planes){ .depth = depth, .normal = normal, .mask = mask, .h = cam->h, .w = cam->w }, look, object, cam);
}

void scene_paint(real *rgb, const real *P, const real *Q, const real colour[3], int h, int w)
{
    const size_t plane = (size_t)h * (size_t)w;
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < plane; i++) rgb[k * plane + i] = P[k * plane + i] + Q[i] * colour[k];
}
