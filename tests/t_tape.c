/* t_tape.c -- arenas that are rewound and kept, and the tape on top of them
 *
 * A model of the arena: every array that should be alive holds a pattern of its own, checked after each step of a random
 * walk over take, mark and keep. An array that was moved to the wrong place, or overwritten, shows.
 */
#include "tensor/rng.h"
#include "tensor/tape.h"
#include "tests/harness.h"

static void fill(unsigned char *p, size_t n, unsigned salt)
{
    for (size_t i = 0; i < n; i++) p[i] = (unsigned char)(i * 31 + salt * 97);
}

static int filled(const unsigned char *p, size_t n, unsigned salt)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != (unsigned char)(i * 31 + salt * 97)) return 0;
    return 1;
}

enum { LIVE = 64 };
typedef struct { unsigned char *p; size_t n, mark; unsigned salt; } Live;

static void kept_arrays_survive(void)
{
    Err err = { 0 };
    Arena *a = arena_new(&err);
    TorchCpu g;
    Live live[LIVE];
    int count = 0, keeps = 0;
    torch_seed(&g, 1);
    for (unsigned step = 0; step < 4000; step++) {
        int64_t draw[3];
        torch_randint(&g, draw, 0, 1000, 3);
        const size_t n = (size_t)(draw[1] < 30 ? 100000 * (draw[2] % 40 + 1) : draw[2] * 7 + 1);
        if (count < LIVE && draw[0] < 700) {
            live[count] = (Live){ .n = n, .mark = arena_mark(a), .salt = step };
            live[count].p = arena_raw(a, n, 1, "array");
            fill(live[count].p, n, step);
            CHECK((uintptr_t)live[count].p % 64 == 0, "array %u is not aligned", step);
            count++;
        } else if (count > 1) {
            /* keep the last array at the mark of an earlier one; what lies between is gone */
            const int at = (int)(draw[1] % count);
            Live last = live[count - 1];
            CHECK(arena_since(a, live[at].mark, last.p) && (at == 0 || !arena_since(a, live[at].mark, live[at - 1].p)), "since, step %u", step);
            last.p = arena_keep(a, live[at].mark, last.p, last.n);
            last.mark = live[at].mark;
            live[at] = last;
            count = at + 1;
            keeps++;
        }
        for (int i = 0; i < count; i++)
            CHECK(filled(live[i].p, live[i].n < 5000 ? live[i].n : 5000, live[i].salt), "array %d after step %u", i, step);
        CHECK(count == 0 || filled(live[count - 1].p, live[count - 1].n, live[count - 1].salt), "last array after step %u", step);
    }
    CHECK(keeps > 500, "%d keeps", keeps);
    const unsigned char *zeroed = arena_take(a, 1 << 20, 1, "zeroed");
    int clean = 1;
    for (size_t i = 0; i < 1 << 20; i++) clean &= zeroed[i] == 0;
    CHECK(clean, "arena_take gave memory that was used before");
    arena_free(a);
}

static Tensor *made(Tape *t, int n, real value, int wants)
{
    Tensor *x = tensor_new(t, (Shape){ 1, { n } }, wants, "x");
    for (size_t i = 0; i < x->n; i++) x->v[i] = value;
    return x;
}

static void keep_gives_back_what_is_over(void)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    Tensor *x = made(t, 1000, R(1.0), 0);
    const size_t mark = tape_mark(t);
    for (int i = 0; i < 100; i++) {
        const size_t here = tape_mark(t);
        Tensor *y = op_affine(t, x, R(1.0), R(1.0), "step");
        y = op_affine(t, op_add(t, y, x, "sum"), R(1.0), R(0.0), "copy");
        y = tape_keep(t, here, op_affine(t, y, R(1.0), R(-1.0) * x->v[0], "y"));
        x = tape_keep(t, mark, y);
        CHECK(x->v[0] == (real)(i + 2) && x->v[999] == (real)(i + 2), "step %d: %g", i, (double)x->v[999]);
    }
    CHECK(tape_peak(t) < 10 * 1000 * sizeof(real), "peak %zu bytes", tape_peak(t));
    CHECK(tape_keep(t, tape_mark(t), x) == x, "an older tensor was moved");
    tape_free(t);
}

static void keep_leaves_the_way_back(void)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    Tensor *x = made(t, 10, R(3.0), 1);
    const size_t mark = tape_mark(t);
    Tensor *y = op_mul(t, x, op_affine(t, x, R(2.0), R(1.0), "inner"), "y");
    CHECK(tape_keep(t, mark, y) == y, "a tensor with a way back was moved");
    const real ones[10] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    tape_seed(y, ones);
    CHECK(tape_backward(t) == 0 && x->g[7] == R(13.0), "d x (2x + 1) = 4x + 1 at 3: %g", (double)x->g[7]);
    tape_free(t);
}

static void only_shapes(void)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    tape_shapes_only(t, 1);
    Tensor *x = tensor_new(t, (Shape){ 2, { 1 << 20, 1 << 20 } }, 1, "x");
    Tensor *y = op_add(t, op_affine(t, x, R(1.0), R(2.0), "a"), op_mul(t, x, x, "b"), "y");
    CHECK(y != NULL && y->v == NULL && y->g == NULL && shape_equal(y->s, x->s), "a shape that no memory could hold");
    CHECK(tape_peak(t) < 4096, "peak %zu bytes", tape_peak(t));
    CHECK(tape_print(t, NULL, 0) == 0, "recorded");
    tape_free(t);
}

int main(void)
{
    TEST(kept_arrays_survive);
    TEST(keep_gives_back_what_is_over);
    TEST(keep_leaves_the_way_back);
    TEST(only_shapes);
    return test_end();
}
