/* gemm.c -- C += A B, one chain of fused multiply-adds per output, k ascending
 *
 * Method: as BLIS [Van Zee & van de Geijn 2015]. K is cut into blocks of at most GEMM_DEPTH, columns into blocks of
 * BLOCK_N. A block of B is copied ("packed") into panels of GEMM_NR lanes, k by k, or read where it lies; then for every
 * GEMM_MR rows of A one panel is packed, row by row, and meets all panels of B while it is in a near cache. A tile of rows
 * x GEMM_NR outputs is a loop over k of one rank-1 update each, with the outputs in registers; it loads C at the start of
 * every K block, so the chain of each output goes through all blocks unbroken. Fewer rows than GEMM_MR have a tile of their
 * own height; columns that do not exist are lanes of 0 and go through a scratch tile of which only the part inside C is kept.
 * Threads: C is cut into as many regions, each packs what it needs and has its own part of `work`. There is nothing to
 * wait for but the end, so that a thread that loses its core for a while does not stop the others.
 */
#include "tensor/gemm.h"

#include "tensor/err.h"
#include "tensor/par.h"

#include <string.h>

/* One short file per instruction set defines GEMM_MR, GEMM_NR, a vector of half a tile's row, and how to transpose. */
#if defined(__AVX512F__)
#include "tensor/gemm_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__)
#include "tensor/gemm_avx2.h"
#else
enum { GEMM_MR = 4, GEMM_NR = 8 };
#define GEMM_KERNEL "plain"
#endif

enum { HALF = GEMM_NR / 2, BLOCK_N = 512, A_ROWS = (GEMM_MR + HALF - 1) / HALF * HALF };

#ifdef __GNUC__
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define FETCH(address) __builtin_prefetch(address, 0, 2)   /* into the second cache */
#else
#define ALWAYS_INLINE inline
#define FETCH(address) ((void)(address))
#endif

/* Outputs of a tile: row i of its left half is left + i row, of its right half right + i row. */
typedef struct { real *left, *right; ptrdiff_t row; } TileOut;

/* GEMM_NR columns of B, in a panel or where they lie: row k of the left half is left + at[k], of the right half right + at[k]. */
typedef struct { const real *left, *right; const ptrdiff_t *at; } TileB;

#ifdef VEC_FMA
/* c (rows, GEMM_NR or, if not wide, HALF) += a (rows, depth; GEMM_DEPTH apart) b (depth, GEMM_NR).
 * TRAP: the loops over i must unroll, or the accumulators live in memory; gcc and clang do at -O2 and above. */
static ALWAYS_INLINE void tile_of(TileOut c, const real *a, TileB b, int rows, int wide, int depth)
{
    Vec left[GEMM_MR], right[GEMM_MR];
    for (int i = 0; i < rows; i++) {
        left[i] = VEC_LOAD(c.left + i * c.row);
        if (wide) right[i] = VEC_LOAD(c.right + i * c.row);
    }
    for (int k = 0; k < depth; k++) {
        const Vec b0 = VEC_LOAD(b.left + b.at[k]);
        const Vec b1 = VEC_LOAD(b.right + b.at[k]);
        for (int i = 0; i < rows; i++) {
            const Vec ai = VEC_ALL(a[i * GEMM_DEPTH + k]);
            left[i] = VEC_FMA(ai, b0, left[i]);
            if (wide) right[i] = VEC_FMA(ai, b1, right[i]);
        }
    }
    for (int i = 0; i < rows; i++) {
        VEC_STORE(c.left + i * c.row, left[i]);
        if (wide) VEC_STORE(c.right + i * c.row, right[i]);
    }
}

static void tile(TileOut c, const real *a, TileB b, int rows, int wide, int depth)
{
#define OF_ROWS(n) case n: if (wide) tile_of(c, a, b, n, 1, depth); else tile_of(c, a, b, n, 0, depth); return;
    switch (rows) { EACH_ROWS(OF_ROWS) }
#undef OF_ROWS
}
#else
static void tile(TileOut c, const real *a, TileB b, int rows, int wide, int depth)
{
    for (int j = 0; j < (wide ? GEMM_NR : HALF); j++) {
        real *const at = j < HALF ? c.left + j : c.right + j - HALF;
        const real *const from = j < HALF ? b.left + j : b.right + j - HALF;
        real sum[GEMM_MR];
        for (int i = 0; i < rows; i++) sum[i] = at[i * c.row];
        for (int k = 0; k < depth; k++)
            for (int i = 0; i < rows; i++) sum[i] = r_fma(a[i * GEMM_DEPTH + k], from[b.at[k]], sum[i]);
        for (int i = 0; i < rows; i++) at[i * c.row] = sum[i];
    }
}
#endif

static int smaller(int a, int b) { return a < b ? a : b; }
static int pieces(int n, int size) { return (n + size - 1) / size; }

/* ---- C ---- */

static real *column(const GemmOut *c, int j) { return c->at + j % c->cols + j / c->cols * c->next; }

/* How many columns from j on, of at most `cols`, lie side by side. */
static int run_of(const GemmOut *c, int j, int cols) { return smaller(c->cols - j % c->cols, cols); }

/* A tile of which rows x cols outputs exist, or that lies in more pieces than two halves. */
static void tile_in_parts(const GemmOut *c, const real *a, TileB b, int i0, int j0, int rows, int cols, int depth)
{
    real whole[GEMM_MR * GEMM_NR] = {0};
    for (int j = 0, run; j < cols; j += run) {
        run = run_of(c, j0 + j, cols - j);
        const real *at = column(c, j0 + j) + i0 * c->row;
        for (int i = 0; i < rows; i++) memcpy(whole + i * GEMM_NR + j, at + i * c->row, (size_t)run * sizeof(real));
    }
    tile((TileOut){ whole, whole + HALF, GEMM_NR }, a, b, rows, cols > HALF, depth);
    for (int j = 0, run; j < cols; j += run) {
        run = run_of(c, j0 + j, cols - j);
        real *at = column(c, j0 + j) + i0 * c->row;
        for (int i = 0; i < rows; i++) memcpy(at + i * c->row, whole + i * GEMM_NR + j, (size_t)run * sizeof(real));
    }
}

static void tile_at(const GemmOut *c, const real *a, TileB b, int i0, int j0, int rows, int cols, int depth)
{
    const int wide = cols > HALF, exact = cols == GEMM_NR || cols == HALF;
    const int whole_left = run_of(c, j0, HALF) == HALF, whole_right = !wide || run_of(c, j0 + HALF, HALF) == HALF;
    if (!exact || !whole_left || !whole_right) {
        tile_in_parts(c, a, b, i0, j0, rows, cols, depth);
        return;
    }
    real *left = column(c, j0) + i0 * c->row, *right = wide ? column(c, j0 + HALF) + i0 * c->row : left;
    tile((TileOut){ left, right, c->row }, a, b, rows, wide, depth);
}

/* The start of every sum in a part of C. */
static void start(const GemmOut *c, int i0, int rows, int j0, int cols)
{
    if (c->start == GEMM_HELD) return;
    for (int j = j0, run; j < j0 + cols; j += run) {
        run = run_of(c, j, j0 + cols - j);
        for (int i = i0; i < i0 + rows; i++) {
            real *at = column(c, j) + i * c->row;
            if (c->bias == NULL) memset(at, 0, (size_t)run * sizeof(real));
            else if (c->start == GEMM_COLS) memcpy(at, c->bias + j, (size_t)run * sizeof(real));
            else for (int u = 0; u < run; u++) at[u] = c->bias[i];
        }
    }
}

/* ---- packing ---- */

void gemm_transpose(real *to, ptrdiff_t to_step, const real *from, ptrdiff_t from_step, int rows, int cols)
{
    int whole_rows = 0, whole_cols = 0;
#ifdef TRANSPOSE_ROWS
    whole_rows = rows / TRANSPOSE_ROWS * TRANSPOSE_ROWS;
    whole_cols = cols / 4 * 4;
    for (int j = 0; j < whole_cols; j += 4)
        for (int i = 0; i < whole_rows; i += TRANSPOSE_ROWS)
            transpose_strip(to + j * to_step + i, to_step, from + i * from_step + j, from_step);
#endif
    for (int i = 0; i < rows; i++)
        for (int j = i < whole_rows ? whole_cols : 0; j < cols; j++) to[j * to_step + i] = from[i * from_step + j];
}

/* panel (depth, GEMM_NR). Lanes that do not exist are 0: their sums are thrown away, but nothing is computed from memory
 * that was never set. turned: GEMM_NR GEMM_DEPTH reals. */
static void pack_b(real *panel, GemmOperand b, int lane0, int lanes, int k0, int depth, real *turned)
{
    if (b.along_k) {
        for (int l = lanes; l < GEMM_NR; l++) memset(turned + l * GEMM_DEPTH, 0, (size_t)depth * sizeof(real));
        b.pack(turned, b.from, GEMM_DEPTH, lane0, lanes, k0, depth);
        gemm_transpose(panel, GEMM_NR, turned, GEMM_DEPTH, GEMM_NR, depth);
        return;
    }
    if (lanes < GEMM_NR) memset(panel, 0, (size_t)(GEMM_NR * depth) * sizeof(real));
    b.pack(panel, b.from, GEMM_NR, lane0, lanes, k0, depth);
}

/* panel (rows, depth), rows GEMM_DEPTH apart. turned: as above. */
static void pack_a(real *panel, GemmOperand a, int lane0, int rows, int k0, int depth, real *turned)
{
    if (a.along_k) {
        a.pack(panel, a.from, GEMM_DEPTH, lane0, rows, k0, depth);
        return;
    }
    a.pack(turned, a.from, A_ROWS, lane0, rows, k0, depth);
    gemm_transpose(panel, GEMM_DEPTH, turned, A_ROWS, depth, rows);
}

/* Asks for rows of A (or none: lane1 <= lane0) ahead of time. */
static void fetch(GemmOperand a, int lane0, int lane1, int k0, int depth)
{
    enum { LINE = 64 };
    if (a.at == NULL) return;
    for (int l = lane0; l < lane1; l++) {
        const char *row = (const char *)a.at + (size_t)l * a.lane_bytes + (size_t)k0 * a.k_bytes;
        for (size_t byte = 0; byte < (size_t)depth * a.k_bytes; byte += LINE) FETCH(row + byte);
    }
}

/* ---- blocks and regions ---- */

/* A part of C: rows i0 .. i1-1, columns j0 .. j1-1. */
typedef struct { int i0, i1, j0, j1; } Part;

/* Panel u of A begins here: the rows of p are cut into panels of equal height, but for one row. */
static int panel_row(Part p, int u, int panels)
{
    return p.i0 + (int)((int64_t)(p.i1 - p.i0) * smaller(u, panels) / panels);
}

/* Columns where they lie; left NULL: not side by side, or not a whole tile or half of one. */
static TileB lying(GemmOperand b, int lane0, int lanes, const ptrdiff_t *at)
{
    TileB t = { NULL, NULL, at };
    if (b.place == NULL || (lanes != GEMM_NR && lanes != HALF)) return t;
    t.left = b.place(b.from, lane0, HALF);
    t.right = lanes == HALF ? t.left : b.place(b.from, lane0 + HALF, HALF);
    if (t.right == NULL) t.left = NULL;
    return t;
}

/* One K block of a part of at most BLOCK_N columns. While tiles of one panel of A are computed the next is fetched. */
static void block(const GemmOut *c, GemmOperand a, GemmOperand b, Part p, int k0, int depth, real *work)
{
    TileB panel[BLOCK_N / GEMM_NR];
    ptrdiff_t packed_at[GEMM_DEPTH], lying_at[GEMM_DEPTH];
    const int cols = p.j1 - p.j0, panels = pieces(p.i1 - p.i0, GEMM_MR), tiles = pieces(cols, GEMM_NR);
    real *const packed_a = work, *const turned = packed_a + A_ROWS * GEMM_DEPTH;
    real *const packed_b = turned + GEMM_NR * GEMM_DEPTH;
    for (int k = 0; k < depth; k++) packed_at[k] = k * GEMM_NR;
    if (b.place != NULL) b.offsets(lying_at, b.from, k0, depth);
    for (int v = 0; v < tiles; v++) {
        const int j = v * GEMM_NR, lanes = smaller(GEMM_NR, cols - j);
        real *const packed = packed_b + (ptrdiff_t)j * depth;
        panel[v] = lying(b, p.j0 + j, lanes, lying_at);
        if (panel[v].left != NULL) continue;
        panel[v] = (TileB){ packed, packed + HALF, packed_at };
        pack_b(packed, b, p.j0 + j, lanes, k0, depth, turned);
    }
    for (int u = 0; u < panels; u++) {
        const int i0 = panel_row(p, u, panels), i1 = panel_row(p, u + 1, panels);
        const int next = panel_row(p, u + 2, panels) - i1;
        pack_a(packed_a, a, i0, i1 - i0, k0, depth, turned);
        if (k0 == 0) start(c, i0, i1 - i0, p.j0, cols);
        for (int v = 0; v < tiles; v++) {
            const int j = v * GEMM_NR;
            fetch(a, i1 + next * v / tiles, i1 + next * (v + 1) / tiles, k0, depth);
            tile_at(c, packed_a, panel[v], i0, p.j0 + j, i1 - i0, smaller(GEMM_NR, cols - j), depth);
        }
    }
}

static void region(const GemmOut *c, GemmOperand a, GemmOperand b, Part p, int K, real *work)
{
    const int depth = pieces(pieces(K, pieces(K, GEMM_DEPTH)), 16) * 16;        /* even blocks: of 400, 208 and 192 */
    for (int j = p.j0; j < p.j1; j += BLOCK_N)
        for (int k = 0; k < K; k += depth)
            block(c, a, b, (Part){ p.i0, p.i1, j, smaller(j + BLOCK_N, p.j1) }, k, smaller(depth, K - k), work);
}

/* C is cut into `down` x `across` regions of `rows` x `cols` outputs (whole panels of B), one a thread. */
typedef struct { int down, across, rows, cols; } Cut;

/* The cut that leaves the largest region least to do, when copying one element costs as much as COPY multiply-adds; one
 * region if the whole product is done before another thread has started. */
static Cut cut_of(int M, int N, int K, int threads)
{
    enum { COPY = 8, SMALL = 1 << 19 };
    if ((double)M * N * K < SMALL) threads = 1;
    Cut best = {0};
    double least = 0.0;
    for (int down = 1; down <= threads; down++) {
        Cut cut;
        cut.rows = pieces(M, down);
        cut.cols = pieces(pieces(N, GEMM_NR), threads / down) * GEMM_NR;
        cut.down = pieces(M, cut.rows);
        cut.across = pieces(N, cut.cols);
        const double cost = (double)cut.rows * cut.cols + COPY * ((double)cut.rows + cut.cols);
        if (down == 1 || cost < least) {
            best = cut;
            least = cost;
        }
    }
    return best;
}

/* Reals that one region needs. */
static size_t region_work(Cut cut)
{
    return (size_t)(A_ROWS + GEMM_NR + smaller(cut.cols, BLOCK_N)) * GEMM_DEPTH;
}

size_t gemm_work(int M, int N, int K, int threads)
{
    if (M <= 0 || N <= 0 || K <= 0) return 0;
    const Cut cut = cut_of(M, N, K, threads);
    return (size_t)(cut.down * cut.across) * region_work(cut);
}

void gemm_into(const GemmOut *c, GemmOperand a, GemmOperand b, int M, int N, int K, real *work, int threads)
{
    BUG_IF(M < 0 || N < 0 || K < 0 || threads < 1, "gemm: %d x %d x %d, %d threads", M, N, K, threads);
    if (M == 0 || N == 0) return;
    if (K == 0) {
        start(c, 0, M, 0, N);
        return;
    }
    const Cut cut = cut_of(M, N, K, threads);
    const int regions = cut.down * cut.across;
    if (regions == 1) {
        region(c, a, b, (Part){ 0, M, 0, N }, K, work);
        return;
    }
    PAR_FOR
    for (int r = 0; r < regions; r++) {
        const int i = r / cut.across * cut.rows, j = r % cut.across * cut.cols;
        const Part p = { i, smaller(i + cut.rows, M), j, smaller(j + cut.cols, N) };
        region(c, a, b, p, K, work + (size_t)r * region_work(cut));
    }
}

void gemm_packed(real *c, GemmOperand a, GemmOperand b, ptrdiff_t c_row, int M, int N, int K, real *work, int threads)
{
    gemm_into(&(GemmOut){ .at = c, .row = c_row, .cols = N }, a, b, M, N, K, work, threads);
}

/* ---- matrices in memory as operands ---- */

static void pack_rows(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth)
{
    const GemmMat *a = from;
    const real *at = a->at + lane0 * a->row + k0 * a->col;
    if (a->row == 1) {
        gemm_transpose(panel, step, at, a->col, depth, lanes);
        return;
    }
    for (int l = 0; l < lanes; l++) {
        if (a->col == 1) memcpy(panel + l * step, at + l * a->row, (size_t)depth * sizeof(real));
        else for (int k = 0; k < depth; k++) panel[l * step + k] = at[l * a->row + k * a->col];
    }
}

static void pack_cols(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth)
{
    const GemmMat *b = from;
    const real *at = b->at + lane0 * b->col + k0 * b->row;
    if (b->row == 1) {
        gemm_transpose(panel, step, at, b->col, lanes, depth);
        return;
    }
    for (int k = 0; k < depth; k++) {
        if (b->col == 1 && lanes == GEMM_NR) memcpy(panel + k * step, at + k * b->row, GEMM_NR * sizeof(real));
        else for (int l = 0; l < lanes; l++) panel[k * step + l] = at[l * b->col + k * b->row];
    }
}

GemmOperand gemm_a(const GemmMat *a)
{
    return (GemmOperand){ .pack = pack_rows, .from = a, .along_k = 1, .at = a->col == 1 ? a->at : NULL,
                          .lane_bytes = (size_t)a->row * sizeof(real), .k_bytes = sizeof(real) };
}

GemmOperand gemm_b(const GemmMat *b) { return (GemmOperand){ .pack = pack_cols, .from = b }; }

void gemm(real *c, GemmMat a, GemmMat b, ptrdiff_t c_row, int M, int N, int K, real *work, int threads)
{
    gemm_packed(c, gemm_a(&a), gemm_b(&b), c_row, M, N, K, work, threads);
}

void gemm_plain(real *c, GemmMat a, GemmMat b, ptrdiff_t c_row, int M, int N, int K)
{
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            real sum = c[i * c_row + j];
            for (int k = 0; k < K; k++) sum = r_fma(a.at[i * a.row + k * a.col], b.at[k * b.row + j * b.col], sum);
            c[i * c_row + j] = sum;
        }
    }
}

const char *gemm_kernel(void) { return GEMM_KERNEL; }
