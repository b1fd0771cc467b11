/* tape.c -- nodes, backward, print, and the operations that have no mathematics to speak of */
#include "tensor/tape.h"

#include "tensor/loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct Node { const char *op; Pull *pull; const void *saved; Tensor *y; struct Node *previous; int index; size_t mark; } Node;
struct Tape { Arena *arena; Node *last; int recording, shapes_only; Err *err; };

Shape shape_of(int nd, const int64_t *d)
{
    BUG_IF(nd < 0 || nd > SHAPE_MAX, "a shape of %d dimensions", nd);
    Shape s = { .nd = nd };
    for (int i = 0; i < nd; i++) {
        BUG_IF(d[i] < 0, "a shape with side %" PRId64, d[i]);
        s.d[i] = d[i];
    }
    return s;
}

size_t shape_count(Shape s)
{
    size_t n = 1;
    for (int i = 0; i < s.nd; i++) n *= (size_t)s.d[i];
    return n;
}

int shape_equal(Shape a, Shape b)
{
    if (a.nd != b.nd) return 0;
    for (int i = 0; i < a.nd; i++)
        if (a.d[i] != b.d[i]) return 0;
    return 1;
}

const char *shape_text(char *text, size_t cap, Shape s)
{
    size_t at = 0;
    if (cap > 0) text[0] = 0;
    for (int i = 0; i < s.nd && at < cap; i++) {
        const int wrote = snprintf(text + at, cap - at, "%s%" PRId64, i == 0 ? "" : "x", s.d[i]);
        at += (size_t)wrote;
    }
    return s.nd == 0 ? "scalar" : text;
}

Tape *tape_new(Err *err)
{
    Tape *t = mem_new(1, sizeof *t, "tape", err);
    if (t == NULL) return NULL;
    t->err = err;
    t->recording = 1;
    t->arena = arena_new(err);
    if (t->arena == NULL) {
        mem_free(t);
        return NULL;
    }
    return t;
}

void tape_free(Tape *t)
{
    if (t == NULL) return;
    arena_free(t->arena);
    mem_free(t);
}

void tape_recording(Tape *t, int on) { t->recording = on; }
int  tape_is_recording(const Tape *t) { return t->recording; }
void tape_shapes_only(Tape *t, int on) { t->shapes_only = on; }
int  tape_failed(const Tape *t) { return t->err->set; }
size_t tape_peak(const Tape *t) { return arena_peak(t->arena); }

real *tape_real(Tape *t, size_t count, const char *what)
{
    if (t->err->set) return NULL;
    return arena_real(t->arena, count, what);
}

real *tape_raw(Tape *t, size_t count, const char *what)
{
    if (t->err->set) return NULL;
    return arena_raw(t->arena, count, sizeof(real), what);
}

Tensor *tensor_view(Tape *t, Shape s, real *v, real *g, const char *name)
{
    if (t->err->set) return NULL;
    Tensor *x = arena_take(t->arena, 1, sizeof *x, name);
    if (x == NULL) return NULL;
    *x = (Tensor){ s, shape_count(s), v, g, name };
    return x;
}

Tensor *tensor_new(Tape *t, Shape s, int wants_gradient, const char *name)
{
    const size_t n = shape_count(s);
    if (t->shapes_only) return tensor_view(t, s, NULL, NULL, name);
    real *v = tape_raw(t, n, name);
    real *g = wants_gradient ? tape_real(t, n, name) : NULL;
    return tensor_view(t, s, v, g, name);
}

int tape_wants(const Tape *t, const Tensor *const *inputs, int count)
{
    for (int i = 0; i < count && t->recording; i++)
        if (inputs[i] != NULL && inputs[i]->g != NULL) return 1;
    return 0;
}

void tape_record(Tape *t, const char *op, Pull *pull, const void *saved, size_t size, Tensor *y)
{
    if (y == NULL || y->g == NULL) return;
    const size_t mark = arena_mark(t->arena);
    Node *node = arena_take(t->arena, 1, sizeof *node, op);
    void *copy = arena_take(t->arena, 1, size, op);
    if (node == NULL || copy == NULL) return;
    memcpy(copy, saved, size);
    *node = (Node){ op, pull, copy, y, t->last, t->last == NULL ? 0 : t->last->index + 1, mark };
    t->last = node;
}

void tape_seed(Tensor *y, const real *cotangent)
{
    BUG_IF(y == NULL || y->g == NULL, "a cotangent for a tensor that wants no gradient");
    memcpy(y->g, cotangent, y->n * sizeof(real));
}

int tape_backward(Tape *t)
{
    if (t->err->set) return -1;
    for (const Node *node = t->last; node != NULL; node = node->previous) node->pull(node->saved, node->y);
    return t->err->set ? -1 : 0;
}

size_t tape_mark(const Tape *t) { return arena_mark(t->arena); }

void tape_rewind(Tape *t, size_t mark)
{
    while (t->last != NULL && t->last->mark >= mark) t->last = t->last->previous;
    arena_rewind(t->arena, mark);
}

Tensor *tape_keep(Tape *t, size_t mark, Tensor *y)
{
    if (y == NULL || t->err->set) return NULL;
    const int way_back = y->g != NULL || (t->last != NULL && t->last->mark >= mark);
    if (way_back) return y;
    if (!arena_since(t->arena, mark, y)) {
        tape_rewind(t, mark);
        return y;
    }
    Tensor kept = *y;
    if (y->v != NULL && arena_since(t->arena, mark, y->v)) kept.v = arena_keep(t->arena, mark, y->v, y->n * sizeof(real));
    else arena_rewind(t->arena, mark);
    return tensor_view(t, kept.s, kept.v, NULL, kept.name);
}

static size_t print_node(const Node *node, char *text, size_t cap)
{
    if (node == NULL) return 0;
    size_t at = print_node(node->previous, text, cap);
    char shape[64];
    if (at < cap)
        at += (size_t)snprintf(text + at, cap - at, "%3d %-12s %-16s %s\n", node->index, node->op, node->y->name,
                               shape_text(shape, sizeof shape, node->y->s));
    return at;
}

int tape_print(const Tape *t, char *text, size_t cap)
{
    if (cap > 0) text[0] = 0;
    print_node(t->last, text, cap);
    return t->last == NULL ? 0 : t->last->index + 1;
}

/* ---- operations ---- */

/* One operation on n values, or the gradients of one, in chunks. out overlaps none of the others. */
typedef struct { real *out; const real *a, *b; real scale, shift; size_t n; } Chunks;
#define CHUNK(f, expression) \
    static void f(const void *job, size_t piece) \
    { \
        const Chunks *s = job; \
        const size_t first = piece * LOOP_CHUNK, end = loop_end(first, s->n); \
        real *restrict out = s->out; \
        const real *a = s->a, *b = s->b, scale = s->scale, shift = s->shift; \
        (void)b, (void)scale, (void)shift; \
        for (size_t i = first; i < end; i++) out[i] = expression; \
    }
CHUNK(add_chunk,         a[i] + b[i])
CHUNK(add_pull_chunk,    out[i] + a[i])
CHUNK(mul_chunk,         a[i] * b[i])
CHUNK(mul_pull_chunk,    r_fma(a[i], b[i], out[i]))
CHUNK(affine_chunk,      r_fma(scale, a[i], shift))
CHUNK(affine_pull_chunk, r_fma(scale, a[i], out[i]))

static void chunks_run(LoopPiece *chunk, Chunks s)
{
    if (s.out != NULL) loop_run(chunk, &s, loop_chunks(s.n), s.n);
}

typedef struct { Tensor *a, *b; } PairSaved;

static void add_pull(const void *saved, const Tensor *y)
{
    const PairSaved *s = saved;
    chunks_run(add_pull_chunk, (Chunks){ .out = s->a->g, .a = y->g, .n = y->n });
    chunks_run(add_pull_chunk, (Chunks){ .out = s->b->g, .a = y->g, .n = y->n });
}

static void mul_pull(const void *saved, const Tensor *y)
{
    const PairSaved *s = saved;
    chunks_run(mul_pull_chunk, (Chunks){ .out = s->a->g, .a = y->g, .b = s->b->v, .n = y->n });
    chunks_run(mul_pull_chunk, (Chunks){ .out = s->b->g, .a = y->g, .b = s->a->v, .n = y->n });
}

/* y for a pair of equal shapes, not yet filled; NULL after an error. */
static Tensor *pair_output(Tape *t, Tensor *a, Tensor *b, const char *name)
{
    if (a == NULL || b == NULL || t->err->set) return NULL;
    char sa[64], sb[64];
    BUG_IF(!shape_equal(a->s, b->s), "%s: %s is %s, %s is %s", name, a->name, shape_text(sa, sizeof sa, a->s), b->name,
           shape_text(sb, sizeof sb, b->s));
    const Tensor *const inputs[] = { a, b };
    const int wants = tape_wants(t, inputs, 2);
    return tensor_new(t, a->s, wants, name);
}

Tensor *op_add(Tape *t, Tensor *a, Tensor *b, const char *name)
{
    Tensor *y = pair_output(t, a, b, name);
    if (y == NULL || y->v == NULL) return y;
    chunks_run(add_chunk, (Chunks){ .out = y->v, .a = a->v, .b = b->v, .n = y->n });
    tape_record(t, "add", add_pull, &(PairSaved){ a, b }, sizeof(PairSaved), y);
    return y;
}

Tensor *op_mul(Tape *t, Tensor *a, Tensor *b, const char *name)
{
    Tensor *y = pair_output(t, a, b, name);
    if (y == NULL || y->v == NULL) return y;
    chunks_run(mul_chunk, (Chunks){ .out = y->v, .a = a->v, .b = b->v, .n = y->n });
    tape_record(t, "mul", mul_pull, &(PairSaved){ a, b }, sizeof(PairSaved), y);
    return y;
}

typedef struct { Tensor *x; real scale; } AffineSaved;

static void affine_pull(const void *saved, const Tensor *y)
{
    const AffineSaved *s = saved;
    chunks_run(affine_pull_chunk, (Chunks){ .out = s->x->g, .a = y->g, .scale = s->scale, .n = y->n });
}

Tensor *op_affine(Tape *t, Tensor *x, real scale, real shift, const char *name)
{
    if (x == NULL) return NULL;
    const Tensor *const inputs[] = { x };
    Tensor *y = tensor_new(t, x->s, tape_wants(t, inputs, 1), name);
    if (y == NULL || y->v == NULL) return y;
    chunks_run(affine_chunk, (Chunks){ .out = y->v, .a = x->v, .scale = scale, .shift = shift, .n = y->n });
    tape_record(t, "affine", affine_pull, &(AffineSaved){ x, scale }, sizeof(AffineSaved), y);
    return y;
}

typedef struct { Tensor *x; } ChannelsSaved;

static void hwc_to_chw_pull(const void *saved, const Tensor *y)
{
    const ChannelsSaved *s = saved;
    const size_t channels = (size_t)y->s.d[0], pixels = y->n / channels;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < channels; c++) s->x->g[i * channels + c] += y->g[c * pixels + i];
}

Tensor *op_hwc_to_chw(Tape *t, Tensor *x, const char *name)
{
    if (x == NULL) return NULL;
    BUG_IF(x->s.nd != 3 || x->s.d[2] == 0, "%s: expected (H,W,C), found %d dimensions", name, x->s.nd);
    const Shape s = { 3, { x->s.d[2], x->s.d[0], x->s.d[1] } };
    const Tensor *const inputs[] = { x };
    Tensor *y = tensor_new(t, s, tape_wants(t, inputs, 1), name);
    if (y == NULL || y->v == NULL) return y;
    const size_t channels = (size_t)s.d[0], pixels = y->n / channels;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < channels; c++) y->v[c * pixels + i] = x->v[i * channels + c];
    tape_record(t, "hwc_to_chw", hwc_to_chw_pull, &(ChannelsSaved){ x }, sizeof(ChannelsSaved), y);
    return y;
}
