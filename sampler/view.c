/* view.c -- view sampling and view labels */
#include "sampler/view.h"

#include "sampler/names.h"
#include "tensor/elem.h"
#include "tensor/rng.h"
#include "tensor/text.h"

#include <stdio.h>

/* Part of the numerics. TRAP: a normal draw takes two of its block's four words, so normals begin at a multiple of four. */
enum { DRAW_AZIMUTH, DRAW_LAW, DRAW_ELEVATION, DRAW_DISTANCE, DRAW_FOVY, DRAW_OFFSET, DRAW_TARGET = 8, DRAW_UP = 12, DRAW_LIGHT = 16,
       DRAW_LIGHT_DISTANCE = 20 };

int view_mode_parse(ViewMode *out, const char *name, Err *err)
{
    static const NameValue table[] = { { "independent", VIEWS_INDEPENDENT }, { "stratified", VIEWS_STRATIFIED },
                                       { "antipodal", VIEWS_ANTIPODAL }, { "negated", VIEWS_NEGATED },
                                       { "quadruple", VIEWS_QUADRUPLE }, { "octahedral", VIEWS_OCTAHEDRAL } };
    int value;
    if (name_parse(&value, "view mode", name, table, 6, err) != 0) return -1;
    *out = (ViewMode)value;
    return 0;
}

/* Where a view's elevation comes from: drawn by the law; that of `from`, negated; drawn uniform in degrees, on the range, on the part of it
 * that its negation shares; 0; the range's ends. */
typedef enum { BY_LAW, SAME, MINUS, EVEN, EVEN_SHARED, HORIZON, HIGHEST, LOWEST } Elevation;
/* A view of a group: the azimuth of view `from`, its own if it is that view, and `turn` more. */
typedef struct Place { int from; real turn; Elevation elevation; } Place;
static const struct { int size; Place place[6]; } groups[] = {
    [VIEWS_INDEPENDENT] = { 1, { { 0, R(0.0), BY_LAW } } },
    [VIEWS_STRATIFIED]  = { 1, { { 0, R(0.0), BY_LAW } } },
    [VIEWS_ANTIPODAL]   = { 2, { { 0, R(0.0), BY_LAW }, { 0, R(180.0), SAME } } },
    [VIEWS_NEGATED]     = { 2, { { 0, R(0.0), EVEN_SHARED }, { 0, R(180.0), MINUS } } },
    [VIEWS_QUADRUPLE]   = { 4, { { 0, R(0.0), EVEN }, { 0, R(180.0), SAME }, { 2, R(0.0), HIGHEST }, { 2, R(0.0), LOWEST } } },
    [VIEWS_OCTAHEDRAL]  = { 6, { { 0, R(0.0), HORIZON }, { 0, R(180.0), HORIZON }, { 0, R(90.0), HORIZON }, { 0, R(270.0), HORIZON },
                                 { 4, R(0.0), HIGHEST }, { 5, R(0.0), LOWEST } } },
};

int view_group(ViewMode mode)
{
    BUG_IF((unsigned)mode > VIEWS_OCTAHEDRAL, "view mode %d", (int)mode);
    return groups[mode].size;
}

int view_range_check(const ViewRange *r, Err *err)
{
    if (!(r->elevation_min >= R(-90.0) && r->elevation_min <= r->elevation_max && r->elevation_max <= R(90.0)))
        return err_set(err, "elevation %g..%g: expected -90 <= min <= max <= 90",
                       text_shown((double)r->elevation_min), text_shown((double)r->elevation_max));
    if (!(r->azimuth_min >= R(-360.0) && r->azimuth_min <= r->azimuth_max && r->azimuth_max <= R(360.0)
          && r->azimuth_max - r->azimuth_min <= R(360.0)))
        return err_set(err, "azimuth %g..%g: expected -360 <= min <= max <= 360, at most 360 apart",
                       text_shown((double)r->azimuth_min), text_shown((double)r->azimuth_max));
    if (!(r->distance_min > R(0.0) && r->distance_min <= r->distance_max && isfinite(r->distance_max)))
        return err_set(err, "distance %g..%g: expected 0 < min <= max",
                       text_shown((double)r->distance_min), text_shown((double)r->distance_max));
    if (!(r->fovy_min > R(0.0) && r->fovy_min <= r->fovy_max && r->fovy_max < R(180.0)))
        return err_set(err, "field of view %g..%g: expected 0 < min <= max < 180",
                       text_shown((double)r->fovy_min), text_shown((double)r->fovy_max));
    return 0;
}

real wrap_azimuth(real azimuth)
{
    real w = r_fma(R(-360.0), r_floor((azimuth + R(180.0)) / R(360.0)), azimuth);
    if (w < R(-180.0)) w += R(360.0);                         /* azimuth + 180 was rounded up to a multiple of 360 */
    return w;
}

static real between(real min, real max, double u)
{
    return (real)((double)min + ((double)max - (double)min) * u);
}

static real elevation_by_law(RngAt at, const ViewRange *r)
{
    const double law = rng_uniform_at(at, DRAW_LAW), u = rng_uniform_at(at, DRAW_ELEVATION);
    if (law < 0.5) return between(r->elevation_min, r->elevation_max, u);
    const double s0 = d_sin((double)r->elevation_min * (D_PI / 180.0));
    const double s1 = d_sin((double)r->elevation_max * (D_PI / 180.0));
    const real elevation = (real)(d_asin(s0 + (s1 - s0) * u) * (180.0 / D_PI));
    return r_clamp(elevation, r->elevation_min, r->elevation_max);
}

static real elevation_of(Elevation which, const View *from, RngAt at, const ViewRange *r)
{
    const real shared = r_min(-r->elevation_min, r->elevation_max);
    switch (which) {
    case BY_LAW:      return elevation_by_law(at, r);
    case SAME:        return from->elevation;
    case MINUS:       return -from->elevation;
    case EVEN:        return between(r->elevation_min, r->elevation_max, rng_uniform_at(at, DRAW_ELEVATION));
    case EVEN_SHARED: return between(-shared, shared, rng_uniform_at(at, DRAW_ELEVATION));
    case HORIZON:     return R(0.0);
    case HIGHEST:     return r->elevation_max;
    case LOWEST:      return r->elevation_min;
    }
    bug(__FILE__, __LINE__, "elevation %d", (int)which);
    return 0;
}

void view_sample(View *views, int K, const ViewRange *r, ViewMode mode, uint64_t seed, uint32_t step)
{
    const int size = view_group(mode);
    BUG_IF(K < 1, "%d views", K);
    for (int k = 0; k < K; k++) {
        const RngAt at = { seed, (uint32_t)k, step, RNG_CAMERA };
        const Place *place = &groups[mode].place[k % size];
        const View *from = &views[k - k % size + place->from];
        View *v = &views[k];
        v->distance = between(r->distance_min, r->distance_max, rng_uniform_at(at, DRAW_DISTANCE));
        v->fovy = between(r->fovy_min, r->fovy_max, rng_uniform_at(at, DRAW_FOVY));
        const double u = rng_uniform_at(at, DRAW_AZIMUTH);
        const double part = mode == VIEWS_STRATIFIED ? (u + (double)k) / (double)K : u;
        if (from == v) v->azimuth = wrap_azimuth(between(r->azimuth_min, r->azimuth_max, part));
        else v->azimuth = wrap_azimuth(from->azimuth + place->turn);
        v->elevation = elevation_of(place->elevation, from, at, r);
        if (mode == VIEWS_ANTIPODAL && k > 0 && k == K - 1 && from == v) v->elevation = views[0].elevation;
    }
}

void view_position(double p[3], const View *v)
{
    const double rad = D_PI / 180.0, el = (double)v->elevation * rad, az = (double)v->azimuth * rad, ce = d_cos(el), distance = (double)v->distance;
    p[0] = distance * (ce * d_cos(az));
    p[1] = distance * (ce * d_sin(az));
    p[2] = distance * d_sin(el);
}

/* scale (2u - 1), and scale times a normal */
static real even(RngAt at, int draw, int i, real scale) { return (real)((double)scale * (2.0 * rng_uniform_at(at, (uint32_t)(draw + i)) - 1.0)); }
static real normal(RngAt at, int draw, int i, real scale) { return (real)((double)scale * rng_normal_at(at, (uint32_t)(draw + i))); }

void view_jitter(ViewJitter *jitter, const View *view, const JitterScale *scale, uint64_t seed, uint32_t k, uint32_t step)
{
    const RngAt at = { seed, k, step, RNG_CAMERA };
    double towards[3], square = 0;
    view_position(towards, view);
    for (int i = 0; i < 3; i++) {
        jitter->offset[i] = even(at, DRAW_OFFSET, i, scale->position);
        jitter->target[i] = normal(at, DRAW_TARGET, i, scale->target);
        jitter->up[i] = normal(at, DRAW_UP, i, scale->up);
        towards[i] += (double)jitter->offset[i] + rng_normal_at(at, (uint32_t)(DRAW_LIGHT + i));
        square = fma(towards[i], towards[i], square);
    }
    const double distance = 0.8 + (1.5 - 0.8) * rng_uniform_at(at, DRAW_LIGHT_DISTANCE);
    for (int i = 0; i < 3; i++) jitter->light[i] = (real)(distance * (towards[i] / sqrt(square)));
}

ViewThresholds view_thresholds_default(void)
{
    return (ViewThresholds){ R(45.0), R(45.0), R(60.0) };
}

ViewLabel view_label(real elevation, real azimuth, const ViewThresholds *th)
{
    const real az = wrap_azimuth(azimuth);
    ViewLabel label = VIEW_SIDE;
    if (-th->front < az && az < th->front) label = VIEW_FRONT;
    if (az > R(180.0) - th->back || az < R(-180.0) + th->back) label = VIEW_BACK;
    if (elevation > th->overhead) label = VIEW_OVERHEAD;
    return label;
}

ViewLabel view_label_lr(real elevation, real azimuth, const ViewThresholds *th)
{
    const ViewLabel label = view_label(elevation, azimuth, th);
    if (label != VIEW_SIDE) return label;
    return wrap_azimuth(azimuth) > R(0.0) ? VIEW_LEFT : VIEW_RIGHT;
}

static const struct { const char *name, *suffix; } label_text[] = {
    [VIEW_FRONT]    = { "front",    ", front view" },
    [VIEW_SIDE]     = { "side",     ", side view" },
    [VIEW_BACK]     = { "back",     ", back view" },
    [VIEW_OVERHEAD] = { "overhead", ", overhead view" },
    [VIEW_LEFT]     = { "left",     ", left side view" },
    [VIEW_RIGHT]    = { "right",    ", right side view" },
};

static void label_check(ViewLabel label)
{
    BUG_IF((unsigned)label > VIEW_RIGHT, "view label %d", (int)label);
}

const char *view_label_name(ViewLabel label)
{
    label_check(label);
    return label_text[label].name;
}

int view_prompt(char *out, size_t cap, const char *prompt, ViewLabel label, Err *err)
{
    label_check(label);
    const int length = snprintf(out, cap, "%s%s", prompt, label_text[label].suffix);
    if (length >= 0 && (size_t)length < cap) return 0;
    if (cap > 0) out[0] = '\0';
    return err_set(err, "prompt \"%.60s...\" with \"%s\": %d bytes, expected at most %zu",
                   prompt, label_text[label].suffix, length, cap > 0 ? cap - 1 : 0);
}
