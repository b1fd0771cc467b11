/* timestep.c -- policies for t, and the piecewise linear schedule literal
 *
 * TRAP: int() truncates, so a share like 0.29 gives T * 0.29 as binary64 has it; the form of each formula is kept
 * because it decides the last integer.
 */
#include "sampler/timestep.h"

#include "sampler/names.h"
#include "tensor/text.h"

static int truncated(int T, double share)
{
    const int t = (int)((double)T * share);
    return t < T ? t : T - 1;
}

int timestep_uniform(int T, double min, double max, double u)
{
    const int lo = truncated(T, min), hi = truncated(T, max);
    const int above = (int)floor(u * (double)(hi - lo + 1));
    return above < hi - lo ? lo + above : hi;
}

int timestep_at(const TimestepPolicy *p, int T, long step, long steps, double u)
{
    BUG_IF(T < 1 || steps < 1 || step < 0, "timestep at step %ld of %ld, T %d", step, steps, T);
    BUG_IF(!(u >= 0.0 && u < 1.0), "timestep draw %g", u);
    const double done = step < steps ? (double)step / (double)steps : 1.0;
    switch (p->kind) {
    case TIMESTEP_UNIFORM:
        return timestep_uniform(T, p->min, p->max, u);
    case TIMESTEP_LINEAR:
        return truncated(T, p->min + (p->max - p->min) * (1.0 - done));
    case TIMESTEP_HIFA:
        return truncated(T, p->max - (p->max - p->min) * sqrt(done));
    case TIMESTEP_SQRT:
        return truncated(T, p->min + (p->max - p->min) * (1.0 - sqrt(done)));
    case TIMESTEP_TWO_STAGE:
        return timestep_uniform(T, p->min, (double)step < p->share * (double)steps ? p->max : p->max_late, u);
    }
    bug(__FILE__, __LINE__, "timestep policy %d", (int)p->kind);
    return 0;
}

int timestep_policy_check(const TimestepPolicy *p, Err *err)
{
    if (!(p->min >= 0.0 && p->min <= p->max && p->max <= 1.0))
        return err_set(err, "timestep range %g..%g: expected 0 <= min <= max <= 1", text_shown(p->min), text_shown(p->max));
    if (p->kind != TIMESTEP_TWO_STAGE) return 0;
    if (!(p->max_late >= p->min && p->max_late <= 1.0))
        return err_set(err, "timestep range %g..%g of the second stage: expected min <= max <= 1", text_shown(p->min), text_shown(p->max_late));
    if (!(p->share >= 0.0 && p->share <= 1.0))
        return err_set(err, "share %g of the first stage: expected 0..1", text_shown(p->share));
    return 0;
}

int timestep_kind_parse(TimestepKind *out, const char *name, Err *err)
{
    static const NameValue table[] = { { "uniform", TIMESTEP_UNIFORM }, { "linear", TIMESTEP_LINEAR },
                                       { "hifa", TIMESTEP_HIFA }, { "sqrt", TIMESTEP_SQRT },
                                       { "two-stage", TIMESTEP_TWO_STAGE } };
    int value;
    if (name_parse(&value, "timestep policy", name, table, 5, err) != 0) return -1;
    *out = (TimestepKind)value;
    return 0;
}

/* Knot k of a literal of count >= 4: the first is (s0, v0), the others (v, s). */
static double knot_step(const double *literal, int k) { return k == 0 ? literal[0] : literal[2 * k + 1]; }
static double knot_value(const double *literal, int k) { return k == 0 ? literal[1] : literal[2 * k]; }

int ramp_check(const double *literal, int count, Err *err)
{
    if (count != 3 && (count < 4 || count % 2 != 0))
        return err_set(err, "schedule of %d numbers: expected v0,v1,s1 or s0,v0,v1,s1 and further pairs v,s", count);
    for (int i = 0; i < count; i++)
        if (!isfinite(literal[i])) return err_set(err, "schedule: number %d is not finite", i + 1);
    if (count == 3) {
        if (!(literal[2] > 0.0)) return err_set(err, "schedule: step %g after step 0, expected ascending", literal[2]);
        return 0;
    }
    for (int k = 1; k < count / 2; k++) {
        const double s0 = knot_step(literal, k - 1), s1 = knot_step(literal, k);
        if (!(s1 > s0)) return err_set(err, "schedule: step %g after step %g, expected ascending", s1, s0);
    }
    return 0;
}

/* v0 + (v1 - v0) clamp((step - s0)/(s1 - s0), 0, 1) */
static double ramp_part(double s0, double v0, double v1, double s1, double step)
{
    double part = (step - s0) / (s1 - s0);
    if (part < 0.0) part = 0.0;
    if (part > 1.0) part = 1.0;
    return v0 + (v1 - v0) * part;
}

double ramp_at(const double *literal, int count, double step)
{
    BUG_IF(count != 3 && (count < 4 || count % 2 != 0), "a schedule of %d numbers", count);
    if (count == 3) return ramp_part(0.0, literal[0], literal[1], literal[2], step);
    int k = 1;                                                /* the part that ends after step, else the last */
    while (k < count / 2 - 1 && step >= knot_step(literal, k)) k++;
    return ramp_part(knot_step(literal, k - 1), knot_value(literal, k - 1), knot_value(literal, k),
                     knot_step(literal, k), step);
}
