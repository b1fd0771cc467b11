/* background.h -- what lies behind the object, when it is learnt: one colour, or a function of the ray's direction
 *
 *   colour  theta (3): sigmoid(theta)
 *   mlp     code = (d, sin(pi d), cos(pi d), sin(2 pi d), cos(2 pi d), .. 2^(F-1) pi), 3 + 6F values, d the unit direction
 *           sigmoid(w2 max(0, w1 code + b1) + b2),   w1 (hidden, 3 + 6F), b1 (hidden), w2 (3, hidden), b2 (3), one after the other in theta
 * The gradient lies beside the parameters: render_pull adds to it. Every sum is one chain from the bias, inputs ascending.
 */
#ifndef SDREF_RENDER_BACKGROUND_H
#define SDREF_RENDER_BACKGROUND_H

#include "render/field.h"
#include "tensor/rng.h"

typedef enum { BACKGROUND_COLOUR, BACKGROUND_MLP, BACKGROUND_KINDS } BackgroundKind;
extern const char *const background_kind_names[];         /* "colour", "mlp", NULL */

enum { BACKGROUND_FREQUENCIES = 8, BACKGROUND_HIDDEN = 64, BACKGROUND_PARTS = 4 };                      /* at most */
enum { BACKGROUND_ROOM = BACKGROUND_HIDDEN * (3 + 6 * BACKGROUND_FREQUENCIES + 4) + 3 };                /* length of theta, at most */

typedef struct BackgroundConfig {
    BackgroundKind kind;
    int frequencies;      /* of mlp: F, 0..8 */
    int hidden;           /* of mlp: 1..64 */
} BackgroundConfig;

typedef struct Background {
    BackgroundConfig config;
    size_t n;             /* length of theta */
    real *theta;          /* owned */
    real *gradient;       /* (n), owned; the caller zeroes it */
} Background;

/* theta and gradient are 0. NULL with err set when out of range or memory. */
Background *background_new(const BackgroundConfig *config, Err *err);
void background_free(Background *b);

/* Mid grey everywhere: theta = 0, but w1 and b1 of mlp uniform in +-1/sqrt(3 + 6F): draws 0, 1, .. of `at`. */
void background_start(Background *b, RngAt at);

void background_eval(real colour[3], const Background *b, const real d[3]);
/* dtheta (n) += J^T dcolour */
void background_pull(real *dtheta, const real dcolour[3], const Background *b, const real d[3]);

/* theta as named tensors, as field_parts has it: "" of colour; "w1", "b1", "w2", "b2" of mlp. */
int background_parts(FieldPart part[BACKGROUND_PARTS], const Background *b);

#endif
