/* scene_shapes.h -- solids from which the objects of scene.h are built (private to render/scene*.c)
 *
 * Every function is negative inside and, outside, the distance to the solid or less. Unions (min) and cuts (max) keep
 * that; smooth unions keep it where the gradients of both are at most 1, which is all but eggs far from their surface:
 * SCENE_SLACK covers those.
 */
#ifndef SDREF_RENDER_SCENE_SHAPES_H
#define SDREF_RENDER_SCENE_SHAPES_H

#include "tensor/real.h"

typedef struct Vec { real x, y, z; } Vec;
#define V(a, b, c) ((Vec){ R(a), R(b), R(c) })           /* V(0.5, -1.0, 0.0): literals with a point */

/* Materials; the albedos stand in scene.c in this order. */
enum { MAIN, BLACK, WHITE, GREY, DARK, RED, ORANGE, YELLOW, GREEN, BLUE, BROWN, PINK, CREAM, GLASS, MATERIALS };

/* The nearest surface so far: start as {R(10.0), MAIN}. */
typedef struct Surf { real d; int material; } Surf;

static inline void put(Surf *s, real d, int material)
{
    if (d < s->d) {
        s->d = d;
        s->material = material;
    }
}

static inline Vec  sub(Vec a, Vec b) { return (Vec){ a.x - b.x, a.y - b.y, a.z - b.z }; }
static inline real dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline real len2(real a, real b) { return r_sqrt(a * a + b * b); }
static inline real len(Vec a) { return r_sqrt(dot(a, a)); }
static inline real sq(real x) { return x * x; }
static inline real pos(real x) { return r_max(x, R(0.0)); }

/* Mirrored parts are written once, for y > 0. */
static inline Vec fold_y(Vec p) { return (Vec){ p.x, r_abs(p.y), p.z }; }
static inline Vec fold_xy(Vec p) { return (Vec){ r_abs(p.x), r_abs(p.y), p.z }; }

/* p in a frame turned by the angle whose cosine and sine are c and s (c^2 + s^2 = 1), about an axis through o: the
 * solid appears turned from x to y, y to z, z to x respectively. */
static inline Vec turn_z(Vec p, Vec o, real c, real s)
{
    const Vec q = sub(p, o);
    return (Vec){ o.x + c * q.x + s * q.y, o.y - s * q.x + c * q.y, p.z };
}
static inline Vec turn_x(Vec p, Vec o, real c, real s)
{
    const Vec q = sub(p, o);
    return (Vec){ p.x, o.y + c * q.y + s * q.z, o.z - s * q.y + c * q.z };
}
static inline Vec turn_y(Vec p, Vec o, real c, real s)
{
    const Vec q = sub(p, o);
    return (Vec){ o.x + c * q.x - s * q.z, p.y, o.z + s * q.x + c * q.z };
}

/* Smooth union: min(a,b) - h^2 k / 4, h = max(0, 1 - |a-b|/k). */
static inline real blend(real a, real b, real k)
{
    const real h = pos(k - r_abs(a - b));
    return r_min(a, b) - h * h / (R(4.0) * k);
}
static inline real cut(real a, real b) { return r_max(a, -b); }   /* a without b */

/* |p - c| - r */
static inline real ball(Vec p, Vec c, real r) { return len(sub(p, c)) - r; }

/* Ellipsoid with semi-axes r: k0 (k0 - 1) / k1, k0 = |q/r|, k1 = |q/r^2|. That is (k0 - 1) / |grad k0|, and k0 is convex,
 * so outside it is at most the distance.
 * Inside it stops at -0.3 times the shortest axis, which the centre (0/0) gets too: r_max gives its second argument. */
static inline real egg(Vec p, Vec c, Vec r)
{
    const Vec q = sub(p, c), k = { R(1.0) / r.x, R(1.0) / r.y, R(1.0) / r.z };     /* constants once inlined */
    const Vec u = { q.x * k.x, q.y * k.y, q.z * k.z };
    const Vec v = { u.x * k.x, u.y * k.y, u.z * k.z };
    const real k0 = len(u);
    return r_max(k0 * (k0 - R(1.0)) / len(v), -R(0.3) * r_min(r.x, r_min(r.y, r.z)));
}

/* |max(q,0)| + min(max q, 0) - round, q = |p - c| - (half - round): box of half extents `half`, edges rounded. */
static inline real box(Vec p, Vec c, Vec half, real round)
{
    const Vec e = sub(p, c);
    const Vec q = { r_abs(e.x) - half.x + round, r_abs(e.y) - half.y + round, r_abs(e.z) - half.z + round };
    const Vec o = { pos(q.x), pos(q.y), pos(q.z) };
    return len(o) + r_min(r_max(q.x, r_max(q.y, q.z)), R(0.0)) - round;
}

/* Cylinder of radius r and half height h, edges rounded: the same in the plane of (radius, height). */
static inline real drum(real radius, real height, real r, real h, real round)
{
    const real a = radius - r + round, b = r_abs(height) - h + round;
    return len2(pos(a), pos(b)) + r_min(r_max(a, b), R(0.0)) - round;
}
static inline real drum_x(Vec p, Vec c, real r, real h, real round)
{
    return drum(len2(p.y - c.y, p.z - c.z), p.x - c.x, r, h, round);
}
static inline real drum_y(Vec p, Vec c, real r, real h, real round)
{
    return drum(len2(p.x - c.x, p.z - c.z), p.y - c.y, r, h, round);
}
static inline real drum_z(Vec p, Vec c, real r, real h, real round)
{
    return drum(len2(p.x - c.x, p.y - c.y), p.z - c.z, r, h, round);
}

/* Cut-off cone about an axis: radius falls from r0 at height -h to r1 at +h; max of the slope's plane and the ends. */
static inline real frustum(real radius, real height, real r0, real r1, real h)
{
    const real k = (r0 - r1) / (R(2.0) * h);
    const real side = (radius - R(0.5) * (r0 + r1) + k * height) * (R(1.0) / r_sqrt(R(1.0) + k * k));
    return r_max(side, r_abs(height) - h);
}
static inline real cone_z(Vec p, Vec c, real r0, real r1, real h)
{
    return frustum(len2(p.x - c.x, p.y - c.y), p.z - c.z, r0, r1, h);
}

/* Distance to the segment ab, minus a radius that goes from ra at a to rb at b, over sqrt(1 + ((ra - rb) / |b - a|)^2),
 * which is the length of its gradient: at most the distance. */
static inline real taper(Vec p, Vec a, Vec b, real ra, real rb)
{
    const Vec q = sub(p, a), e = sub(b, a);
    const real k = R(1.0) / dot(e, e), t = r_clamp(dot(q, e) * k, R(0.0), R(1.0));
    const Vec o = { q.x - t * e.x, q.y - t * e.y, q.z - t * e.z };
    return (len(o) - ra - t * (rb - ra)) * (R(1.0) / r_sqrt(R(1.0) + sq(ra - rb) * k));
}
static inline real capsule(Vec p, Vec a, Vec b, real r) { return taper(p, a, b, r, r); }

/* Ring of radius rho about c with axis x, y or z, thickness r: |(radius - rho, height)| - r. */
static inline real ring_x(Vec p, Vec c, real rho, real r) { return len2(len2(p.y - c.y, p.z - c.z) - rho, p.x - c.x) - r; }
static inline real ring_y(Vec p, Vec c, real rho, real r) { return len2(len2(p.x - c.x, p.z - c.z) - rho, p.y - c.y) - r; }
static inline real ring_z(Vec p, Vec c, real rho, real r) { return len2(len2(p.x - c.x, p.y - c.y) - rho, p.z - c.z) - r; }

/* 1 inside the ellipse with semi-axes a and b: for painting on a surface seen along an axis. */
static inline int spot(real x, real y, real a, real b) { return sq(x * (R(1.0) / a)) + sq(y * (R(1.0) / b)) < R(1.0); }

/* True when parts inside the ball (c, r) may be nearer than what is there. Leaving the others out keeps the surface and
 * the lower bound. TRAP: a part that sticks out of its ball gets holes. */
static inline int within(const Surf *s, Vec p, Vec c, real r)
{
    const Vec q = sub(p, c);
    return dot(q, q) < sq(pos(s->d) + r);
}

/* ---- the objects: scene_creatures.c, scene_figures.c, scene_vehicles.c, scene_things.c ----
 * This list is their one table: name (and function) and size of the canonical look, such that the object fits in the
 * picture from a distance of 2.5 at 40 degrees. Append, never reorder: an object's number addresses random draws. */
#define SCENE_OBJECTS(X) \
    X(mug, 0.86) X(house, 0.80) X(car, 0.86) X(robot, 0.88) X(duck, 0.92) X(cat, 0.86) X(teapot, 0.90) X(chair, 0.80) \
    X(rocket, 0.82) X(boat, 0.88) X(train, 0.78) X(dog, 0.86) X(penguin, 0.86) X(snowman, 0.86) X(mushroom, 0.88) \
    X(television, 0.80) X(guitar, 0.92) X(truck, 0.78) X(plane, 0.82) X(camera, 0.86) X(clock, 0.86) X(mailbox, 0.84) \
    X(rabbit, 0.86) X(bear, 0.80) X(elephant, 0.80) X(turtle, 0.84) X(frog, 0.84) X(fish, 0.88) X(owl, 0.84) X(ghost, 0.92)
typedef Surf SceneObject(Vec p);
#define PROTOTYPE(name, size) SceneObject scene_##name;
SCENE_OBJECTS(PROTOTYPE)
#undef PROTOTYPE

#endif
