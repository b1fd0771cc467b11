/* occupancy.c -- see occupancy.h; layers of cells are dealt to threads, and every cell's peak is its own */
#include "render/occupancy.h"
#include "tensor/elem.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tensor/text.h"

#define DECAY R(0.95)

enum { SLABS = 8, CELLS = 64, POINTS = 2 * CELLS };       /* CELLS of a layer are evaluated together; does not change a bit */

/* Reals of one slab's work: points and directions (3,P), raw values (4,P), what the field keeps. */
static size_t work_of(const Field *f) { return (10 + field_kept(f)) * POINTS; }

Occupancy *occupancy_new(const Field *f, int side, real threshold, Err *err)
{
    if (side < 1 || side > 256 || !(threshold >= R(0.0))) {
        err_set(err, "occupancy: %d cells a side and threshold %g, expected 1 to 256 and 0 or more", side, text_shown((double)threshold));
        return NULL;
    }
    Occupancy *o = mem_new(1, sizeof *o, "occupancy", err);
    if (o == NULL) return NULL;
    o->side = side;
    o->threshold = threshold;
    o->n = (size_t)side * (size_t)side * (size_t)side;
    o->work_slab = work_of(f);
    o->peak = mem_new(o->n + SLABS * o->work_slab, sizeof(real), "occupancy", err);
    if (o->peak == NULL) {
        mem_free(o);
        return NULL;
    }
    o->work = o->peak + o->n;
    return o;
}

void occupancy_free(Occupancy *o)
{
    if (o == NULL) return;
    mem_free(o->peak);
    mem_free(o);
}

/* Cells first .. first + count - 1: the centre and the drawn point of each, side by side. */
static void place(real *p, const Occupancy *o, uint64_t seed, size_t first, int count)
{
    const RngAt at = { seed, 0, o->updates, RNG_OCCUPANCY };
    const size_t side = (size_t)o->side, P = 2 * (size_t)count;
    for (size_t i = 0; i < (size_t)count; i++) {
        const size_t cell = first + i, corner[3] = { cell % side, cell / side % side, cell / (side * side) };
        for (size_t j = 0; j < 3; j++) {
            const real u = (real)rng_uniform_at(at, (uint32_t)(3 * cell + j)), step = R(2.0) / (real)side;
            p[j * P + 2 * i] = r_fma((real)corner[j] + R(0.5), step, R(-1.0));
            p[j * P + 2 * i + 1] = r_fma((real)corner[j] + u, step, R(-1.0));
        }
    }
}

/* TRAP: r_max takes its second argument where either is NaN, so that the field's NaN stays, and an old one does not. */
static void look(Occupancy *o, const Field *f, uint64_t seed, size_t first, int count, real *work)
{
    const int P = 2 * count;
    real *p = work, *d = p + 3 * P, *raw = d + 3 * P, *kept = raw + 4 * P;
    place(p, o, seed, first, count);
    for (int i = 0; i < 3 * P; i++) d[i] = i < 2 * P ? R(0.0) : R(1.0);        /* any direction: density has none */
    field_eval(raw, p, d, f, P, kept);
    for (int i = 0; i < count; i++) {
        const real old = o->updates == 0 ? R(0.0) : DECAY * o->peak[first + (size_t)i];
        const real centre = r_max(old, r_softplus(raw[2 * i])), point = r_softplus(raw[2 * i + 1]);
        o->peak[first + (size_t)i] = centre != centre ? centre : r_max(centre, point);
    }
}

void occupancy_update(Occupancy *o, const Field *f, uint64_t seed)
{
    const size_t layer = (size_t)o->side * (size_t)o->side;
    BUG_IF(o->work_slab != work_of(f), "occupancy made for another field");
    PAR_FOR_DYNAMIC
    for (int k = 0; k < SLABS; k++)
        for (size_t z = (size_t)k; z < (size_t)o->side; z += SLABS)
            for (size_t i = 0; i < layer; i += CELLS)
                look(o, f, seed, z * layer + i, layer - i < CELLS ? (int)(layer - i) : CELLS, o->work + (size_t)k * o->work_slab);
    o->updates++;
}

static int cell(real p, int side)
{
    const int i = (int)((p + R(1.0)) * (R(0.5) * (real)side));
    return i < 0 ? 0 : i > side - 1 ? side - 1 : i;
}

static int is_live(const Occupancy *o, real peak) { return !(peak < o->threshold); }

int occupancy_has(const Occupancy *o, const real p[3])
{
    if (o->updates == 0) return 1;
    const int side = o->side, x = cell(p[0], side), y = cell(p[1], side), z = cell(p[2], side);
    return is_live(o, o->peak[((size_t)z * (size_t)side + (size_t)y) * (size_t)side + (size_t)x]);
}

double occupancy_share(const Occupancy *o)
{
    size_t live = 0;
    for (size_t i = 0; i < o->n; i++) live += o->updates == 0 || is_live(o, o->peak[i]);
    return (double)live / (double)o->n;
}
