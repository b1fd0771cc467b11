/* background.c -- see background.h
 *
 * Adjoint of mlp, with h = max(0, z), z = w1 code + b1, y = w2 h + b2, c = sigmoid(y):
 *   dy = dc c (1 - c),  dw2_jk += dy_j h_k,  db2 += dy,   dz_k = sum_j dy_j w2_jk (j ascending) where z_k > 0,  dw1_ke += dz_k code_e,  db1 += dz
 */
#include "render/background.h"
#include "tensor/elem.h"
#include "tensor/mem.h"

const char *const background_kind_names[] = { "colour", "mlp", NULL };

enum { CODE = 3 + 6 * BACKGROUND_FREQUENCIES };

static int code_length(const BackgroundConfig *c) { return 3 + 6 * c->frequencies; }

static size_t count(const BackgroundConfig *c)
{
    return c->kind == BACKGROUND_COLOUR ? 3 : (size_t)(c->hidden * (code_length(c) + 4) + 3);
}

Background *background_new(const BackgroundConfig *config, Err *err)
{
    const int F = config->frequencies, hidden = config->hidden;
    if (config->kind == BACKGROUND_MLP && (F < 0 || F > BACKGROUND_FREQUENCIES || hidden < 1 || hidden > BACKGROUND_HIDDEN)) {
        err_set(err, "background: %d frequencies and %d hidden units, expected 0 to %d and 1 to %d", F, hidden, BACKGROUND_FREQUENCIES, BACKGROUND_HIDDEN);
        return NULL;
    }
    Background *b = mem_new(1, sizeof *b, "background", err);
    if (b == NULL) return NULL;
    b->config = *config;
    b->n = count(config);
    b->theta = mem_new(2 * b->n, sizeof(real), "background", err);
    if (b->theta == NULL) {
        mem_free(b);
        return NULL;
    }
    b->gradient = b->theta + b->n;
    return b;
}

void background_free(Background *b)
{
    if (b == NULL) return;
    mem_free(b->theta);
    mem_free(b);
}

void background_start(Background *b, RngAt at)
{
    const int E = code_length(&b->config);
    const size_t first = b->config.kind == BACKGROUND_MLP ? (size_t)(b->config.hidden * (E + 1)) : 0;
    const real bound = R(1.0) / r_sqrt((real)E);
    for (size_t i = 0; i < b->n; i++) b->theta[i] = 0;
    rng_uniform(b->theta, at, first);
    for (size_t i = 0; i < first; i++) b->theta[i] = r_fma(R(2.0), b->theta[i], R(-1.0)) * bound;
}

typedef struct Layers { const real *w1, *b1, *w2, *b2; int E, hidden; } Layers;

static Layers layers_of(const Background *b)
{
    const int E = code_length(&b->config), hidden = b->config.hidden;
    const real *b1 = b->theta + hidden * E;
    return (Layers){ b->theta, b1, b1 + hidden, b1 + hidden + 3 * hidden, E, hidden };
}

static void encode(real code[CODE], const real d[3], int frequencies)
{
    real scale = R_PI;
    for (int j = 0; j < 3; j++) code[j] = d[j];
    for (int k = 0; k < frequencies; k++, scale *= R(2.0))
        for (int j = 0; j < 3; j++) {
            code[3 + 6 * k + j] = r_sin(scale * d[j]);
            code[6 + 6 * k + j] = r_cos(scale * d[j]);
        }
}

/* z before and h after the kink, and the colour */
static void forward(real colour[3], real z[BACKGROUND_HIDDEN], real h[BACKGROUND_HIDDEN], const real *code, const Layers *m)
{
    for (int k = 0; k < m->hidden; k++) {
        z[k] = m->b1[k];
        for (int e = 0; e < m->E; e++) z[k] = r_fma(m->w1[k * m->E + e], code[e], z[k]);
        h[k] = r_max(R(0.0), z[k]);                                    /* TRAP: 0 first, so that NaN stays */
    }
    for (int j = 0; j < 3; j++) {
        real y = m->b2[j];
        for (int k = 0; k < m->hidden; k++) y = r_fma(m->w2[j * m->hidden + k], h[k], y);
        colour[j] = r_sigmoid(y);
    }
}

void background_eval(real colour[3], const Background *b, const real d[3])
{
    real code[CODE], z[BACKGROUND_HIDDEN], h[BACKGROUND_HIDDEN];
    if (b->config.kind == BACKGROUND_COLOUR) {
        for (int j = 0; j < 3; j++) colour[j] = r_sigmoid(b->theta[j]);
        return;
    }
    const Layers m = layers_of(b);
    encode(code, d, b->config.frequencies);
    forward(colour, z, h, code, &m);
}

static void mlp_pull(real *dtheta, const real dcolour[3], const Background *b, const real d[3])
{
    const Layers m = layers_of(b);
    real code[CODE], z[BACKGROUND_HIDDEN], h[BACKGROUND_HIDDEN], c[3], dy[3];
    real *dw1 = dtheta, *db1 = dw1 + (m.b1 - m.w1), *dw2 = dw1 + (m.w2 - m.w1), *db2 = dw1 + (m.b2 - m.w1);
    encode(code, d, b->config.frequencies);
    forward(c, z, h, code, &m);
    for (int j = 0; j < 3; j++) {
        dy[j] = dcolour[j] * (c[j] * (R(1.0) - c[j]));
        db2[j] += dy[j];
        for (int k = 0; k < m.hidden; k++) dw2[j * m.hidden + k] = r_fma(dy[j], h[k], dw2[j * m.hidden + k]);
    }
    for (int k = 0; k < m.hidden; k++) {
        real dz = 0;
        for (int j = 0; j < 3; j++) dz = r_fma(dy[j], m.w2[j * m.hidden + k], dz);
        if (z[k] <= R(0.0)) continue;                                  /* NaN goes on */
        db1[k] += dz;
        for (int e = 0; e < m.E; e++) dw1[k * m.E + e] = r_fma(dz, code[e], dw1[k * m.E + e]);
    }
}

void background_pull(real *dtheta, const real dcolour[3], const Background *b, const real d[3])
{
    if (b->config.kind == BACKGROUND_MLP) {
        mlp_pull(dtheta, dcolour, b, d);
        return;
    }
    for (int j = 0; j < 3; j++) {
        const real c = r_sigmoid(b->theta[j]);
        dtheta[j] = r_fma(dcolour[j], c * (R(1.0) - c), dtheta[j]);
    }
}

int background_parts(FieldPart part[BACKGROUND_PARTS], const Background *b)
{
    part[0] = (FieldPart){ "", 0, (Shape){ 1, { 3 } } };
    if (b->config.kind == BACKGROUND_COLOUR) return 1;
    const Layers m = layers_of(b);
    part[0] = (FieldPart){ "w1", 0, (Shape){ 2, { m.hidden, m.E } } };
    part[1] = (FieldPart){ "b1", (size_t)(m.b1 - m.w1), (Shape){ 1, { m.hidden } } };
    part[2] = (FieldPart){ "w2", (size_t)(m.w2 - m.w1), (Shape){ 2, { 3, m.hidden } } };
    part[3] = (FieldPart){ "b2", (size_t)(m.b2 - m.w1), (Shape){ 1, { 3 } } };
    return 4;
}
