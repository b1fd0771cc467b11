/* mesh_colour.h -- the colour that a point of a mesh should have */
#ifndef SDREF_TESTS_MESH_COLOUR_H
#define SDREF_TESTS_MESH_COLOUR_H

#include "render/field.h"

#include <math.h>

/* mesh_colours in binary64, from the field's raw values: a quarter of a unit along -n in eight steps, sum w c / sum w. */
static void looked_up(double colour[3], const Field *f, const real *p, const real *n)
{
    double sum[3] = { 0 }, opacity = 0, T = 1;
    for (int s = 0; s < 8; s++) {
        real at[3], d[3], raw[4];
        for (int j = 0; j < 3; j++) {
            at[j] = p[j] - n[j] * (real)(2 * s + 1) / 64;
            d[j] = -n[j];
        }
        field_eval(raw, at, d, f, 1, NULL);
        const double alpha = 1 - exp(-log1p(exp((double)raw[0])) / 32);
        for (int j = 0; j < 3; j++) sum[j] += T * alpha / (1 + exp(-(double)raw[j + 1]));
        opacity += T * alpha;
        T *= 1 - alpha;
    }
    for (int j = 0; j < 3; j++) colour[j] = sum[j] / opacity;
}

#endif
