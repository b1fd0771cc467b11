/* ramp.c -- schedule literals as text */
#include "sampler/ramp.h"
#include "sampler/timestep.h"

#include <string.h>

int ramp_parse(Ramp *ramp, const char *text)
{
    Ramp r = { .count = 0 };
    Err unsaid = { 0 };
    for (int more = 1; more;) {
        char number[TEXT_DOUBLE_MAX];
        const size_t n = strcspn(text, ",");
        if (r.count == RAMP_NUMBERS || n >= sizeof number) return -1;
        memcpy(number, text, n);
        number[n] = '\0';
        if (text_to_double(&r.literal[r.count], number) != 0) return -1;
        r.count++;
        more = text[n] == ',';
        text += n + 1;
    }
    if (r.count != 1 && ramp_check(r.literal, r.count, &unsaid) != 0) return -1;
    if (r.count == 3) {
        memmove(r.literal + 1, r.literal, 3 * sizeof *r.literal);
        r.literal[0] = 0;
        r.count = 4;
    }
    *ramp = r;
    return 0;
}

void ramp_print(char text[RAMP_TEXT], const Ramp *ramp)
{
    size_t at = 0;
    for (int i = 0; i < ramp->count; i++) {
        if (i > 0) text[at++] = ',';
        text_from_double(text + at, ramp->literal[i]);
        at += strlen(text + at);
    }
}

double ramp_value(const Ramp *ramp, double step)
{
    return ramp->count < 4 ? ramp->literal[0] : ramp_at(ramp->literal, ramp->count, step);
}

void ramp_range(double *least, double *most, const Ramp *ramp)
{
    const double *v = ramp->literal;
    *least = *most = v[ramp->count < 4 ? 0 : 1];
    for (int i = 2; i < ramp->count; i += 2) {
        *least = v[i] < *least ? v[i] : *least;
        *most = v[i] > *most ? v[i] : *most;
    }
}
