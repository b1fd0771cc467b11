/* conv.c -- 2-D convolution and its gradients as matrix products whose one operand is made of patches
 *
 * The image is copied once with its margin of zeros, so that a tap of an output is base(output) + offset(tap) without a
 * question. With P the matrix of patches, P[t,u] = tap t = (channel, p, q) of pixel u = (n, i, j):
 *     y  (O, N h w)  = W (O, C kh kw) P(x)
 *     dx (C, N H W) += W^T (C, O kh kw) P'(dy):  dy spread by the stride with zeros between, taps turned round
 *     dw (O, C kh kw) += dy (O, N h w) P(x)^T
 * A run of pixels in one row of the image is a run of P's row: where the stride is 1 the product reads it in the image, else parts
 * of P are copied into panels as they are asked for. For dw the image is turned once, channels last, so that channels of a tap lie
 * side by side, and the columns of dw with it; but where dw is the larger of the two, P is turned panel by panel. The images of a
 * batch are columns of one product, so weights are widened once for all.
 * Tests hold every bit to conv_plain.c.
 */
#include "tensor/conv.h"

#include "tensor/loop.h"

#include <string.h>

/* ---- patches ---- */

typedef struct Patches {
    const real *at;                       /* tap 0 of pixel 0 */
    ptrdiff_t image, plane;               /* steps: image to image, channel to channel, */
    ptrdiff_t tap_row, tap_col;           /* p to p + 1, q to q + 1 (backwards when turned round), */
    ptrdiff_t row, col;                   /* i to i + 1, j to j + 1 */
    int kh, kw;
    int width, pixels;                    /* pixels side by side, pixels of an image */
} Patches;

/* A run of n pixels for taps t0 .. t0 + taps - 1; n is a constant where that matters, so that the copy is one move. */
static inline void copy_taps(real *out, int step, const Patches *s, const real *base, int t0, int taps, int n)
{
    const int inside = t0 % (s->kh * s->kw);
    const real *plane = base + t0 / (s->kh * s->kw) * s->plane;
    int p = inside / s->kw, q = inside % s->kw;
    for (int t = 0; t < taps; t++) {
        const real *from = plane + p * s->tap_row + q * s->tap_col;
        if (s->col == 1) memcpy(out + (ptrdiff_t)t * step, from, (size_t)n * sizeof(real));
        else for (int j = 0; j < n; j++) out[(ptrdiff_t)t * step + j] = from[j * s->col];
        q++;
        if (q == s->kw) {
            q = 0;
            p++;
        }
        if (p == s->kh) {
            p = 0;
            plane += s->plane;
        }
    }
}

/* out[t step + u] = P[t0 + t, u0 + u] for t < taps, u < count */
static void patches_read(real *out, int step, const Patches *s, int t0, int taps, int u0, int count)
{
    for (int u = 0, n; u < count; u += n) {
        const int image = (u0 + u) / s->pixels, pixel = (u0 + u) % s->pixels, i = pixel / s->width, j = pixel % s->width;
        const real *base = s->at + image * s->image + i * s->row + j * s->col;
        n = s->width - j < count - u ? s->width - j : count - u;
        switch (s->col == 1 ? n : 0) {
        case 32: copy_taps(out + u, step, s, base, t0, taps, 32); break;
        case 16: copy_taps(out + u, step, s, base, t0, taps, 16); break;
        case 8:  copy_taps(out + u, step, s, base, t0, taps, 8); break;
        case 4:  copy_taps(out + u, step, s, base, t0, taps, 4); break;
        default: copy_taps(out + u, step, s, base, t0, taps, n); break;
        }
    }
}

static void pack_pixels(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth)
{
    patches_read(panel, step, from, k0, depth, lane0, lanes);
}

static const real *place_pixels(const void *from, int lane0, int lanes)
{
    const Patches *s = from;
    const int image = lane0 / s->pixels, pixel = lane0 % s->pixels, i = pixel / s->width, j = pixel % s->width;
    return s->col == 1 && s->width - j >= lanes ? s->at + image * s->image + i * s->row + j : NULL;
}

/* a step[0] + b step[1] + c step[2] for numbers k0 .. k0 + depth - 1 of (a, b < B, c < C), c fastest */
static void offsets_of(ptrdiff_t *offset, const ptrdiff_t step[3], int B, int C, int k0, int depth)
{
    ptrdiff_t a = k0 / C / B;
    int b = k0 / C % B, c = k0 % C;
    for (int k = 0; k < depth; k++) {
        offset[k] = a * step[0] + b * step[1] + c * step[2];
        c++;
        if (c < C) continue;
        c = 0;
        b++;
        if (b < B) continue;
        b = 0;
        a++;
    }
}

static void tap_offsets(ptrdiff_t *offset, const void *from, int k0, int depth)
{
    const Patches *s = from;
    offsets_of(offset, (ptrdiff_t[]){ s->plane, s->tap_row, s->tap_col }, s->kh, s->kw, k0, depth);
}

static void pack_taps(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth)
{
    patches_read(panel, step, from, lane0, lanes, k0, depth);
}

/* ---- margins ---- */

/* How planes (H, W) become planes (rows, cols): (r,c) holds (r + up, c + left) / gap where that is whole and inside,
 * else 0. */
typedef struct Margin { int H, W, rows, cols, up, left, gap; } Margin;

static void plane_with_margin(real *out, const real *x, Margin m)
{
    for (int r = 0; r < m.rows; r++, out += m.cols) {
        const int i = r + m.up;
        memset(out, 0, (size_t)m.cols * sizeof(real));
        if (i < 0 || i % m.gap != 0 || i / m.gap >= m.H) continue;
        const real *row = x + (ptrdiff_t)(i / m.gap) * m.W;
        const int first = m.left > 0 ? (m.left + m.gap - 1) / m.gap : 0, room = m.cols - 1 + m.left;
        const int end = room < 0 ? 0 : room / m.gap + 1 < m.W ? room / m.gap + 1 : m.W;
        if (m.gap == 1 && first < end) memcpy(out + first - m.left, row + first, (size_t)(end - first) * sizeof(real));
        else for (int j = first; j < end; j++) out[j * m.gap - m.left] = row[j];
    }
}

typedef struct { real *out; const real *x; Margin m; } Planes;

static void margin_piece(const void *job, size_t plane)
{
    const Planes *k = job;
    const size_t from = (size_t)k->m.H * (size_t)k->m.W, to = (size_t)k->m.rows * (size_t)k->m.cols;
    plane_with_margin(k->out + plane * to, k->x + plane * from, k->m);
}

/* All planes with their margin, in the tape's memory; x itself when there is none. NULL: out of memory. */
static const real *with_margin(Tape *t, const real *x, int planes, Margin m)
{
    if (m.rows == m.H && m.cols == m.W && m.up == 0 && m.left == 0 && m.gap == 1) return x;
    const size_t values = (size_t)planes * (size_t)m.rows * (size_t)m.cols;
    const Planes job = { tape_raw(t, values, "image with its margin"), x, m };
    if (job.out != NULL) loop_run(margin_piece, &job, (size_t)planes, values);
    return job.out;
}

/* Whole images of which every row is used are one long row. */
static Patches joined(Patches s)
{
    if (s.col == 1 && s.row == s.width) s.width = s.pixels;
    return s;
}

/* P(x). */
static Patches patches_of_x(Tape *t, const real *x, ConvSizes s, Conv c)
{
    const int h = conv_size(s.H, s.kh, c), width = conv_size(s.W, s.kw, c);
    const int none = c.before == 0 && c.after == 0;
    const Margin m = { .H = s.H, .W = s.W, .up = -c.before, .left = -c.before, .gap = 1,
                       .rows = none ? s.H : (h - 1) * c.stride + s.kh, .cols = none ? s.W : (width - 1) * c.stride + s.kw };
    const ptrdiff_t plane = (ptrdiff_t)m.rows * m.cols;
    const real *at = with_margin(t, x, s.N * s.C, m);
    const ptrdiff_t row = (ptrdiff_t)c.stride * m.cols;
    return joined((Patches){ at, s.C * plane, plane, m.cols, 1, row, c.stride, s.kh, s.kw, width, h * width });
}

/* P'(dy): what tap (p,q) of pixel (i,j) of x multiplies lies at row i + kh - 1 - p, column j + kw - 1 - q. */
static Patches patches_of_dy(Tape *t, const real *dy, ConvSizes s, Conv c)
{
    const Margin m = { .H = conv_size(s.H, s.kh, c), .W = conv_size(s.W, s.kw, c), .gap = c.stride,
                       .rows = s.H + s.kh - 1, .cols = s.W + s.kw - 1,
                       .up = c.before - (s.kh - 1), .left = c.before - (s.kw - 1) };
    const ptrdiff_t plane = (ptrdiff_t)m.rows * m.cols, last_tap = (ptrdiff_t)(s.kh - 1) * m.cols + s.kw - 1;
    const real *at = with_margin(t, dy, s.N * s.O, m);
    if (at != NULL) at += last_tap;
    return joined((Patches){ at, s.O * plane, plane, -m.cols, -1, m.cols, 1, s.kh, s.kw, s.W, s.H * s.W });
}

/* ---- the other operands ---- */

/* W^T as rows of A: lane c, k = (o, p, q). */
typedef struct Turned { const Weight *w; int C, taps; } Turned;

/* Rows of n values, next to each other in `from`, to rows `step` apart. */
static void put_rows(real *to, int step, const real *from, int rows, int n)
{
    for (int r = 0; r < rows; r++) {
        if (n == 9) memcpy(to + (ptrdiff_t)r * step, from + r * 9, 9 * sizeof(real));
        else memcpy(to + (ptrdiff_t)r * step, from + r * n, (size_t)n * sizeof(real));
    }
}

static void pack_turned(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth)
{
    const Turned *s = from;
    real part[1024];
    for (int k = 0, n; k < depth; k += n) {
        const int o = (k0 + k) / s->taps, tap = (k0 + k) % s->taps;
        const size_t first = ((size_t)o * (size_t)s->C + (size_t)lane0) * (size_t)s->taps + (size_t)tap;
        n = s->taps - tap < depth - k ? s->taps - tap : depth - k;
        if (n < s->taps || lanes * n > 1024) {
            weight_read_rows(panel + k, step, s->w, first, (size_t)s->taps, lanes, (size_t)n);
            continue;
        }
        weight_read(part, s->w, first, (size_t)(lanes * n));
        put_rows(panel + k, step, part, lanes, n);
    }
}

/* dy as rows of A: lane o, k = (n, i, j). */
typedef struct DyRows { const real *at; int O, pixels; } DyRows;

static void pack_dy(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth)
{
    const DyRows *s = from;
    for (int k = 0, n; k < depth; k += n) {
        const int image = (k0 + k) / s->pixels, pixel = (k0 + k) % s->pixels;
        n = s->pixels - pixel < depth - k ? s->pixels - pixel : depth - k;
        for (int l = 0; l < lanes; l++) {
            const real *plane = s->at + ((ptrdiff_t)image * s->O + lane0 + l) * s->pixels;
            memcpy(panel + (ptrdiff_t)l * step + k, plane + pixel, (size_t)n * sizeof(real));
        }
    }
}

/* ---- channels last, for dw ---- */

/* x as (N, rows, cols, C), with its margin: what taps (p, q, c) of a pixel multiply lies side by side for all (q, c). */
typedef struct LastChannels { const real *at; int C, rows, cols, stride, run, h, width; } LastChannels;    /* run: kw C */

typedef struct { real *out; const real *x; ConvSizes s; int rows, cols, before; } TurnRows;

static void turn_row(const void *job, size_t row)
{
    const TurnRows *k = job;
    const ConvSizes s = k->s;
    const int i = (int)(row % (size_t)k->rows) - k->before, n = (int)(row / (size_t)k->rows);
    const int columns = k->cols - k->before < s.W ? k->cols - k->before : s.W;
    real *out = k->out + row * (size_t)k->cols * (size_t)s.C;
    memset(out, 0, (size_t)k->cols * (size_t)s.C * sizeof(real));
    if (i < 0 || i >= s.H || columns < 1) return;
    const ptrdiff_t plane = (ptrdiff_t)s.H * s.W;
    gemm_transpose(out + (ptrdiff_t)k->before * s.C, s.C, k->x + n * s.C * plane + (ptrdiff_t)i * s.W, plane, s.C, columns);
}

static LastChannels last_channels(Tape *t, const real *x, ConvSizes s, Conv c)
{
    const int h = conv_size(s.H, s.kh, c), width = conv_size(s.W, s.kw, c);
    const int rows = (h - 1) * c.stride + s.kh, cols = (width - 1) * c.stride + s.kw;
    const size_t values = (size_t)s.N * (size_t)s.C * (size_t)rows * (size_t)cols;
    const TurnRows job = { tape_raw(t, values, "image with channels last"), x, s, rows, cols, c.before };
    if (job.out != NULL) loop_run(turn_row, &job, (size_t)s.N * (size_t)rows, values);
    return (LastChannels){ job.out, s.C, rows, cols, c.stride, s.kw * s.C, h, width };
}

static const real *place_last(const void *from, int lane0, int lanes)
{
    const LastChannels *s = from;
    const int p = lane0 / s->run, inside = lane0 % s->run;
    return s->run - inside >= lanes ? s->at + (ptrdiff_t)p * s->cols * s->C + inside : NULL;
}

static void pixel_offsets(ptrdiff_t *offset, const void *from, int k0, int depth)
{
    const LastChannels *s = from;
    const ptrdiff_t col = s->C, row = col * s->cols;
    offsets_of(offset, (ptrdiff_t[]){ row * s->rows, row * s->stride, col * s->stride }, s->h, s->width, k0, depth);
}

static void pack_last(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth)
{
    const LastChannels *s = from;
    ptrdiff_t offset[GEMM_DEPTH];
    pixel_offsets(offset, from, k0, depth);
    for (int l = 0, n; l < lanes; l += n) {
        const int room = s->run - (lane0 + l) % s->run;
        n = room < lanes - l ? room : lanes - l;
        const real *at = place_last(from, lane0 + l, n);
        for (int k = 0; k < depth; k++) memcpy(panel + (ptrdiff_t)k * step + l, at + offset[k], (size_t)n * sizeof(real));
    }
}

/* ---- the products ---- */

static void product(Tape *t, GemmOut c, GemmOperand a, GemmOperand b, int M, int N, int K)
{
    const int threads = par_threads();
    real *work = tape_raw(t, gemm_work(M, N, K, threads), "work of a convolution");
    if (work != NULL) gemm_into(&c, a, b, M, N, K, work, threads);
}

static void conv_y(Tape *t, real *y, const real *x, const Weight *w, const Weight *b, ConvSizes s, Conv c)
{
    const size_t mark = tape_mark(t);
    const real *bias = weight_all(t, b);
    const Patches patches = patches_of_x(t, x, s, c);
    const ptrdiff_t pixels = patches.pixels;
    const GemmOut out = { .at = y, .row = pixels, .next = s.O * pixels, .cols = patches.pixels,
                          .start = GEMM_ROWS, .bias = bias };
    const GemmOperand columns = { .pack = pack_pixels, .from = &patches, .place = place_pixels, .offsets = tap_offsets };
    if (patches.at != NULL)
        product(t, out, gemm_weight_rows(w), columns, s.O, s.N * patches.pixels, s.C * s.kh * s.kw);
    tape_rewind(t, mark);
}

static void conv_dx(Tape *t, real *dx, const real *dy, const Weight *w, ConvSizes s, Conv c)
{
    const size_t mark = tape_mark(t);
    const Patches patches = patches_of_dy(t, dy, s, c);
    const Turned turned = { w, s.C, s.kh * s.kw };
    const ptrdiff_t pixels = patches.pixels;
    const GemmOut out = { .at = dx, .row = pixels, .next = s.C * pixels, .cols = patches.pixels };
    const GemmOperand by_taps = { .pack = pack_turned, .from = &turned, .along_k = 1 };
    const GemmOperand rows = turned.taps == 1 ? gemm_weight_cols(w) : by_taps;
    const GemmOperand columns = { .pack = pack_pixels, .from = &patches, .place = place_pixels, .offsets = tap_offsets };
    if (patches.at != NULL) product(t, out, rows, columns, s.C, s.N * patches.pixels, s.O * turned.taps);
    tape_rewind(t, mark);
}

static void dw_by_taps(Tape *t, real *dw, GemmOperand rows, const real *x, ConvSizes s, Conv c)
{
    const Patches patches = patches_of_x(t, x, s, c);
    const int K = s.C * s.kh * s.kw;
    const GemmOperand columns = { .pack = pack_taps, .from = &patches, .along_k = 1 };
    const GemmOut out = { .at = dw, .row = K, .cols = K };
    if (patches.at != NULL) product(t, out, rows, columns, s.O, K, s.N * patches.pixels);
}

/* With the columns of dw in the order (p, q, c), so that nothing but x, once, and dw are turned. */
static void dw_by_channels(Tape *t, real *dw, GemmOperand rows, const real *x, ConvSizes s, Conv c)
{
    const int taps = s.kh * s.kw, K = s.C * taps;
    const LastChannels image = last_channels(t, x, s, c);
    const GemmOperand columns = { .pack = pack_last, .from = &image, .place = place_last, .offsets = pixel_offsets };
    real *turned = taps == 1 ? dw : tape_raw(t, (size_t)s.O * (size_t)K, "gradient with channels last");
    const GemmOut out = { .at = turned, .row = K, .cols = K };
    if (tape_failed(t)) return;
    for (ptrdiff_t o = 0; o < s.O && taps > 1; o++) gemm_transpose(turned + o * K, s.C, dw + o * K, taps, s.C, taps);
    product(t, out, rows, columns, s.O, K, s.N * image.h * image.width);
    for (ptrdiff_t o = 0; o < s.O && taps > 1; o++) gemm_transpose(dw + o * K, taps, turned + o * K, s.C, taps, s.C);
}

static void conv_dw(Tape *t, real *dw, const real *dy, const real *x, ConvSizes s, Conv c)
{
    enum { MANY = 4 };                    /* pixels for each row of dw: from where on turning dw is the lesser work */
    const size_t mark = tape_mark(t);
    const int pixels = conv_size(s.H, s.kh, c) * conv_size(s.W, s.kw, c);
    const DyRows dy_rows = { dy, s.O, pixels };
    const GemmOperand rows = { .pack = pack_dy, .from = &dy_rows, .along_k = 1 };
    if ((double)s.N * pixels > (double)MANY * s.O) dw_by_channels(t, dw, rows, x, s, c);
    else dw_by_taps(t, dw, rows, x, s, c);
    tape_rewind(t, mark);
}

/* db (O): one chain an output; several side by side, because each waits for its own last sum. */
enum { SIDE = 8 };
typedef struct { real *db; const real *dy; int N, O, pixels; } Bias;

static void db_piece(const void *job, size_t piece)
{
    const Bias *k = job;
    const int o = (int)piece * SIDE, count = k->O - o < SIDE ? k->O - o : SIDE;
    for (int n = 0; n < k->N; n++) {
        const real *dy = k->dy + ((ptrdiff_t)n * k->O + o) * k->pixels;
        for (int i = 0; i < k->pixels; i++)
            for (int u = 0; u < count; u++) k->db[o + u] += dy[(ptrdiff_t)u * k->pixels + i];
    }
}

static void conv_db(real *db, const real *dy, int N, int O, int pixels)
{
    const Bias job = { db, dy, N, O, pixels };
    loop_run(db_piece, &job, (size_t)((O + SIDE - 1) / SIDE), (size_t)N * (size_t)O * (size_t)pixels);
}

/* ---- the operation ---- */

typedef struct { Tape *t; Tensor *x; const Weight *w, *b; ConvSizes s; Conv c; } ConvSaved;

static void conv_pull(const void *saved, const Tensor *y)
{
    const ConvSaved *k = saved;
    const ConvSizes s = k->s;
    if (k->x->g != NULL) conv_dx(k->t, k->x->g, y->g, k->w, s, k->c);
    if (k->w->g != NULL) conv_dw(k->t, k->w->g, y->g, k->x->v, s, k->c);
    if (k->b != NULL && k->b->g != NULL) conv_db(k->b->g, y->g, s.N, s.O, (int)(y->s.d[2] * y->s.d[3]));
}

Tensor *op_conv2d(Tape *t, Tensor *x, const Weight *w, const Weight *b, Conv c, const char *name)
{
    if (x == NULL || w == NULL) return NULL;
    char sx[64], sw[64];
    shape_text(sx, sizeof sx, x->s);
    shape_text(sw, sizeof sw, w->s);
    BUG_IF(x->s.nd != 4 || w->s.nd != 4 || x->s.d[1] != w->s.d[1], "%s: x is %s, the weight %s %s", name, sx, w->name, sw);
    BUG_IF(b != NULL && (int64_t)b->n != w->s.d[0], "%s: %s has %zu values, the weight %s is %s", name, b->name, b->n,
           w->name, sw);
    BUG_IF(c.stride < 1 || c.before < 0 || c.after < 0, "%s: stride %d, padding %d and %d", name, c.stride, c.before, c.after);
    const int64_t *dx = x->s.d, *dw = w->s.d;
    const ConvSizes s = { (int)dx[0], (int)dx[1], (int)dx[2], (int)dx[3], (int)dw[0], (int)dw[2], (int)dw[3] };
    const int h = conv_size(s.H, s.kh, c), width = conv_size(s.W, s.kw, c);
    BUG_IF(h < 1 || width < 1, "%s: x is %s, the weight %s %s: nothing comes out", name, sx, w->name, sw);
    const int wants = tape_is_recording(t) && (x->g != NULL || w->g != NULL || (b != NULL && b->g != NULL));
    Tensor *y = tensor_new(t, (Shape){ 4, { s.N, s.O, h, width } }, wants, name);
    if (y == NULL || y->v == NULL) return y;
    conv_y(t, y->v, x->v, w, b, s, c);
    tape_record(t, "conv2d", conv_pull, &(ConvSaved){ t, x, w, b, s, c }, sizeof(ConvSaved), y);
    return tape_failed(t) ? NULL : y;
}
