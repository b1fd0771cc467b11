/* linear.c -- y = x W^T + b and its gradients as matrix products
 *
 *     y (rows, out) = x W^T      dx (rows, in) += dy W      dW (out, in) += dy^T x
 * Tests hold every bit to linear_plain and to the loops of linear.h.
 */
#include "tensor/linear.h"

#include "tensor/loop.h"

void linear_plain(real *y, const real *x, const real *w, const real *b, int rows, int in, int out)
{
    for (int r = 0; r < rows; r++) {
        for (int o = 0; o < out; o++) {
            real sum = b == NULL ? R(0.0) : b[o];
            for (int i = 0; i < in; i++) sum = r_fma(x[(ptrdiff_t)r * in + i], w[(ptrdiff_t)o * in + i], sum);
            y[(ptrdiff_t)r * out + o] = sum;
        }
    }
}

/* c (M,N) with work from the tape, given back. */
static void product(Tape *t, GemmOut c, GemmOperand a, GemmOperand b, int M, int N, int K)
{
    const size_t mark = tape_mark(t);
    const int threads = par_threads();
    real *work = tape_raw(t, gemm_work(M, N, K, threads), "work of a linear layer");
    if (work != NULL) gemm_into(&c, a, b, M, N, K, work, threads);
    tape_rewind(t, mark);
}

/* db (out): sums over rows, side by side. */
enum { SIDE = 64 };
typedef struct { real *db; const real *dy; int rows, out; } Bias;

static void db_piece(const void *job, size_t piece)
{
    const Bias *k = job;
    const int o = (int)piece * SIDE, end = k->out - o < SIDE ? k->out : o + SIDE;
    for (int r = 0; r < k->rows; r++)
        for (int i = o; i < end; i++) k->db[i] += k->dy[(ptrdiff_t)r * k->out + i];
}

static void linear_db(real *db, const real *dy, int rows, int out)
{
    const Bias job = { db, dy, rows, out };
    loop_run(db_piece, &job, (size_t)((out + SIDE - 1) / SIDE), (size_t)rows * (size_t)out);
}

typedef struct { Tape *t; Tensor *x; const Weight *w, *b; int rows, in, out; } LinearSaved;

static void linear_pull(const void *saved, const Tensor *y)
{
    const LinearSaved *s = saved;
    const int rows = s->rows, in = s->in, out = s->out;
    const GemmMat dy = gemm_rows(y->g, out), turned = gemm_transposed(y->g, out), x = gemm_rows(s->x->v, in);
    const GemmOut dx = { .at = s->x->g, .row = in, .cols = in }, dw = { .at = s->w->g, .row = in, .cols = in };
    if (dx.at != NULL) product(s->t, dx, gemm_a(&dy), gemm_weight_cols(s->w), rows, in, out);
    if (dw.at != NULL) product(s->t, dw, gemm_a(&turned), gemm_b(&x), out, in, rows);
    if (s->b != NULL && s->b->g != NULL) linear_db(s->b->g, y->g, rows, out);
}

Tensor *op_linear(Tape *t, Tensor *x, const Weight *w, const Weight *b, const char *name)
{
    if (x == NULL || w == NULL) return NULL;
    char sx[64], sw[64];
    const int last = x->s.nd - 1, out = (int)w->s.d[0], in = (int)w->s.d[1];
    shape_text(sx, sizeof sx, x->s);
    shape_text(sw, sizeof sw, w->s);
    BUG_IF(last < 0 || w->s.nd < 2 || (size_t)out * (size_t)in != w->n || x->s.d[last] != in,
           "%s: x is %s, the weight %s %s", name, sx, w->name, sw);
    BUG_IF(b != NULL && b->n != (size_t)out, "%s: %s has %zu values, the weight %s is %s", name, b->name, b->n, w->name, sw);
    Shape s = x->s;
    s.d[last] = out;
    const int wants = tape_is_recording(t) && (x->g != NULL || w->g != NULL || (b != NULL && b->g != NULL));
    Tensor *y = tensor_new(t, s, wants, name);
    if (y == NULL || y->v == NULL) return y;
    int rows = 1;
    for (int i = 0; i < last; i++) rows *= (int)s.d[i];
    const size_t mark = tape_mark(t);
    const real *bias = weight_all(t, b);
    const GemmMat a = gemm_rows(x->v, in);
    const GemmOut c = { .at = y->v, .row = out, .cols = out, .start = GEMM_COLS, .bias = bias };
    if (!tape_failed(t)) product(t, c, gemm_a(&a), gemm_weight_rows(w), rows, out, in);
    tape_rewind(t, mark);
    tape_record(t, "linear", linear_pull, &(LinearSaved){ t, x, w, b, rows, in, out }, sizeof(LinearSaved), y);
    return tape_failed(t) ? NULL : y;
}
