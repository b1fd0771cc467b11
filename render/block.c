/* block.c -- samples of some rays: where they are, which of them the field is asked for, activations, weights, normals, colours */
#include "render/block.h"
#include "tensor/elem.h"
#include "tensor/rng.h"

#include <string.h>

enum { REALS = 4 + 4 * 3 + 2 + 2 * 3 + 2 * 4 };           /* a point, without what the field keeps */

size_t block_reals(int room, size_t kept) { return (size_t)room * (REALS + kept); }

void block_place(Block *k, real *at, BlockRay *ray, int *place, int samples, int room)
{
    real **const part[] = { &k->t, &k->w, &k->through, &k->dw, &k->normal, &k->albedo, &k->dalbedo, &k->lit,
                            &k->density, &k->ddensity, &k->p, &k->dir, &k->raw, &k->draw, &k->kept };
    const int planes[] = { 1, 1, 1, 1, 3, 3, 3, 3, 1, 1, 3, 3, 4, 4, 0 };          /* kept is last */
    for (size_t i = 0; i < sizeof planes / sizeof planes[0]; i++) {
        *part[i] = at;
        at += (size_t)planes[i] * (size_t)room;
    }
    k->ray = ray;
    k->place = place;
    k->N = samples;
    k->room = room;
}

void block_move(real *v, int n, const Block *k, Shake kind, int at)
{
    const RenderSettings *s = k->settings;
    const RngAt draws = { s->draw / 2, (uint32_t)kind, k->first, RNG_PROBE };
    const real share = s->draw % 2 == 0 ? s->rounding : -s->rounding;
    for (int i = 0; i < n; i++) {
        const real u = (real)rng_uniform_at(draws, (uint32_t)(at + i)) - R(0.5);
        const real size = kind == SHAKE_THROUGH ? R(1.0) : v[i];
        v[i] = r_fma(size * share, u < R(0.0) ? u - R(0.5) : u + R(0.5), v[i]);
    }
}

static void place_ray(BlockRay *ray, real *t, const real o[3], const Camera *c, const RenderSettings *s, int row, int col)
{
    const real *u = s->jitter == NULL ? NULL : s->jitter + ((size_t)row * (size_t)c->w + (size_t)col) * (size_t)s->samples;
    real near = 0, far = 0;
    camera_ray(ray->d, c, (real)row, (real)col);
    ray->hit = cube_intersect(&near, &far, o, ray->d);
    ray->near = near;
    ray->delta = (far - near) / (real)s->samples;
    for (int i = 0; i < s->samples && ray->hit; i++) t[i] = r_fma((real)i + (u == NULL ? R(0.5) : u[i]), ray->delta, near);
    for (int j = 0; j < 3; j++) ray->background[j] = s->background[j];
    if (s->learnt != NULL) background_eval(ray->background, s->learnt, ray->d);
}

static inline void put_point(Block *k, int m, int place, const real p[3], const real d[3])
{
    for (int j = 0; j < 3; j++) k->p[j * k->room + m] = p[j];
    for (int j = 0; j < 3; j++) k->dir[j * k->room + m] = d[j];
    k->place[m] = place;
}

/* Those of one ray, from point m on; returns where they end. */
static int choose_on_ray(Block *k, int m, const BlockRay *ray, int base)
{
    const Occupancy *occupancy = k->settings->occupancy;
    const int S = k->S, taps = k->planes == TAPS ? TAPS : 1, end = base + k->N;
    for (int s = base; s < end; s++) {
        real p[3], q[3];
        for (int j = 0; j < 3; j++) p[j] = r_fma(k->t[s], ray->d[j], k->o[j]);
        block_shake(p, 3, k, SHAKE_SAMPLE, 3 * s);
        if (occupancy != NULL && !occupancy_has(occupancy, p)) continue;
        put_point(k, m++, s, p, ray->d);
        for (int tap = 1; tap < taps; tap++)
            if (normal_tap(q, p, tap - 1)) put_point(k, m++, tap * S + s, q, ray->d);
    }
    return m;
}

static void choose_points(Block *k)
{
    k->M = 0;
    for (int ray = 0; ray < k->rays; ray++)
        if (k->ray[ray].hit) k->M = choose_on_ray(k, k->M, &k->ray[ray], ray * k->N);
    for (int j = 1; j < 3; j++) {                                      /* planes of room become planes of M */
        memmove(k->p + j * k->M, k->p + j * k->room, (size_t)k->M * sizeof(real));
        memmove(k->dir + j * k->M, k->dir + j * k->room, (size_t)k->M * sizeof(real));
    }
}

/* In the first two draws taps that rounding may have set apart (each was moved by up to one `rounding`, and comes with about as much) are alike: in another's
 * arithmetic they may be so, and there the normal is 0 and its adjoint a million times what is above it. */
static void level_taps(Block *k)
{
    if (!(k->settings->rounding > R(0.0)) || k->settings->draw > 1 || k->planes != TAPS) return;
    for (int m = 0; m + NORMAL_TAPS < k->M; m++) {
        if (k->place[m] >= k->S || k->place[m + NORMAL_TAPS] != NORMAL_TAPS * k->S + k->place[m]) continue;       /* not all taps are in the cube */
        real least = k->raw[m + 1], most = least;
        for (int tap = 2; tap <= NORMAL_TAPS; tap++) {
            least = r_min(least, k->raw[m + tap]);
            most = r_max(most, k->raw[m + tap]);
        }
        for (int tap = 1; tap <= NORMAL_TAPS && most - least <= R(4.0) * k->settings->rounding * r_abs(k->raw[m]); tap++) k->raw[m + tap] = k->raw[m];
    }
}

/* density = softplus(raw), its gradient sigmoid(raw) slope, albedo = sigmoid(raw); draw lends its room */
static void ask(Block *k, const Field *f)
{
    const int M = k->M, S = k->S;
    real *density = k->draw;
    memset(k->density, 0, (size_t)(k->planes * S) * sizeof(real));
    memset(k->albedo, 0, (size_t)(3 * S) * sizeof(real));
    block_shake(k->p, 3 * M, k, SHAKE_POINT, 0);
    if (M > 0 && k->planes == SLOPES) field_eval_slope(k->raw, k->p, k->dir, f, M);
    else if (M > 0) field_eval(k->raw, k->p, k->dir, f, M, k->kept);
    block_shake(k->raw, (k->planes == SLOPES ? 7 : 4) * M, k, SHAKE_RAW, 0);
    level_taps(k);
    for (int m = 0; m < M; m++) density[m] = r_softplus(k->raw[m]);
    for (int m = 0; m < M; m++) k->density[k->place[m]] = density[m];
    for (int m = 0; m < M && k->planes == SLOPES; m++) {
        const real y = r_sigmoid(k->raw[m]);
        for (int j = 1; j < SLOPES; j++) k->density[j * S + k->place[m]] = y * k->raw[(j + 3) * M + m];
    }
    for (int j = 0; j < 3; j++)
        for (int m = 0; m < M; m++)
            if (k->place[m] < S) k->albedo[j * S + k->place[m]] = k->raw[(j + 1) * M + m];
    for (int i = 0; i < 3 * S; i++) k->albedo[i] = r_sigmoid(k->albedo[i]);
}

/* w_i and T_{i+1} of the ray whose samples start at `base` */
static void weigh(Block *k, int base, real delta)
{
    real T = 1;
    for (int i = base; i < base + k->N; i++) k->through[i] = r_exp(-(k->density[i] * delta));          /* 1 - alpha_i */
    block_shake(k->through + base, k->N, k, SHAKE_THROUGH, base);
    for (int i = base; i < base + k->N; i++) {
        k->w[i] = T * (R(1.0) - k->through[i]);
        T = T * k->through[i];
        k->through[i] = T;
    }
}

/* Normals, and colours in their light. */
static void light_ray(Block *k, const BlockRay *ray, int base)
{
    const int S = k->S;
    for (int s = base; s < base + k->N; s++) {
        real around[NORMAL_TAPS], n[3], p[3], albedo[3], colour[3];
        for (int i = 1; i < k->planes; i++) around[i - 1] = k->density[i * S + s];
        if (k->planes == TAPS) normal_of(n, around);
        else normal_of_gradient(n, around);
        for (int j = 0; j < 3; j++) k->normal[j * S + s] = n[j];
        if (k->colour == k->albedo) continue;
        for (int j = 0; j < 3; j++) p[j] = r_fma(k->t[s], ray->d[j], k->o[j]);
        for (int j = 0; j < 3; j++) albedo[j] = k->albedo[j * S + s];
        shade(colour, albedo, n, p, k->settings->shading, k->settings->light);
        for (int j = 0; j < 3; j++) k->lit[j * S + s] = colour[j];
    }
}

void block_fill(Block *k, const Field *f, const Camera *c, const RenderSettings *s, int planes, int row, int col, int rays)
{
    for (int j = 0; j < 3; j++) k->o[j] = c->c2w[j][3];
    k->settings = s;
    k->first = (uint32_t)row * (uint32_t)c->w + (uint32_t)col;
    k->planes = planes;
    k->rays = rays;
    k->S = rays * k->N;
    k->colour = planes > 1 && s->shading != SHADE_ALBEDO ? k->lit : k->albedo;
    BUG_IF(k->S * k->planes > k->room, "%d rays of %d samples with %d planes, room for %d points", rays, k->N, k->planes, k->room);
    for (int ray = 0; ray < rays; ray++) place_ray(&k->ray[ray], k->t + ray * k->N, k->o, c, s, row, col + ray);
    for (int ray = 0; ray < rays; ray++)
        if (k->ray[ray].hit) block_shake(k->t + ray * k->N, k->N, k, SHAKE_T, ray * k->N);
    choose_points(k);
    ask(k, f);
    for (int ray = 0; ray < rays; ray++) {
        if (!k->ray[ray].hit) continue;
        weigh(k, ray * k->N, k->ray[ray].delta);
        if (planes > 1) light_ray(k, &k->ray[ray], ray * k->N);
    }
}

/* Of analytic normals, with y = sigmoid(raw) and g the cotangent of the density's gradient:  d slope = y g,  d raw += y (1 - y) (slope . g) */
static void gradients_pull(Block *k)
{
    const int M = k->M, S = k->S;
    for (int m = 0; m < M; m++) {
        const real y = r_sigmoid(k->raw[m]);
        real g[3], slope[3];
        for (int j = 0; j < 3; j++) {
            g[j] = k->ddensity[(j + 1) * S + k->place[m]];
            slope[j] = k->raw[(j + 4) * M + m];
            k->draw[(j + 4) * M + m] = y * g[j];
        }
        k->draw[m] = r_fma(y * (R(1.0) - y), dot3(slope, g), k->draw[m]);
    }
}

/* d raw density = d density sigmoid(raw), d raw colour = d albedo c (1 - c) */
void block_pull(real *dtheta, Block *k, const Field *f)
{
    const int M = k->M, S = k->S;
    if (M == 0) return;
    for (int m = 0; m < M; m++) k->draw[m] = k->ddensity[k->place[m]];
    for (int m = 0; m < M; m++) k->draw[m] *= r_sigmoid(k->raw[m]);
    if (k->planes == SLOPES) gradients_pull(k);
    for (int j = 0; j < 3; j++)
        for (int m = 0; m < M; m++) {
            const int s = j * S + k->place[m];
            k->draw[(j + 1) * M + m] = k->place[m] < S ? k->dalbedo[s] * (k->albedo[s] * (R(1.0) - k->albedo[s])) : R(0.0);
        }
    block_shake(k->draw, (k->planes == SLOPES ? 7 : 4) * M, k, SHAKE_PULL, 0);
    if (k->planes == SLOPES) field_pull_slope(dtheta, k->draw, k->p, k->dir, f, M);
    else field_pull(dtheta, k->draw, k->p, k->dir, f, M, k->kept);
}
