/* ramp.h -- a number that goes by the step: a schedule literal of timestep.h, or one number throughout, as text
 *
 *     "0.15"                 0.15 in every step
 *     "S0,FROM,TO,S1"        FROM up to step S0, then linear to TO at step S1, and TO from there on; "FROM,TO,S1" is the same with S0 = 0
 *     "S0,A,B,S1,C,S2"       and on to C at S2
 * A zeroed Ramp is 0 throughout. threestudio's C() with whole S1. SDI's "0,0.15,0,3000" is 0.15 (1 - k/3000) in step k < 3000.
 */
#ifndef SDREF_SAMPLER_RAMP_H
#define SDREF_SAMPLER_RAMP_H

#include "tensor/text.h"

enum { RAMP_NUMBERS = 8, RAMP_TEXT = RAMP_NUMBERS * TEXT_DOUBLE_MAX };
typedef struct Ramp { double literal[RAMP_NUMBERS]; int count; } Ramp;      /* count 0, 1, 4, 6 or 8 */

/* The whole of text, without spaces: 0, or -1 (and *ramp as it was): not so many numbers, or steps that do not ascend. */
int    ramp_parse(Ramp *ramp, const char *text);
/* In the fewest digits, with S0; ramp_parse reads the same back. */
void   ramp_print(char text[RAMP_TEXT], const Ramp *ramp);
double ramp_value(const Ramp *ramp, double step);
/* The least and the largest value over all steps. */
void   ramp_range(double *least, double *most, const Ramp *ramp);

#endif
