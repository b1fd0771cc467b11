/* conv_plain.c -- the definitions of 2-D convolution and its gradients: the loops of conv.h, one thread */
#include "tensor/conv.h"

int conv_size(int size, int kernel, Conv c)
{
    const int room = size + c.before + c.after - kernel;
    return room < 0 ? 0 : room / c.stride + 1;
}

/* Element (a,b,i,j) of an array whose last three sides are B, I, J. */
static ptrdiff_t at4(int a, int b, int i, int j, int B, int I, int J)
{
    return (((ptrdiff_t)a * B + b) * I + i) * J + j;
}

/* x[n,c,i,j], or 0 outside the image */
static real pixel(const real *x, ConvSizes s, int n, int c, int i, int j)
{
    if (i < 0 || i >= s.H || j < 0 || j >= s.W) return 0;
    return x[at4(n, c, i, j, s.C, s.H, s.W)];
}

static real y_value(const real *x, const real *w, real start, ConvSizes s, Conv v, int n, int o, int i, int j)
{
    real sum = start;
    for (int c = 0; c < s.C; c++)
        for (int p = 0; p < s.kh; p++)
            for (int q = 0; q < s.kw; q++)
                sum = r_fma(w[at4(o, c, p, q, s.C, s.kh, s.kw)],
                            pixel(x, s, n, c, i * v.stride + p - v.before, j * v.stride + q - v.before), sum);
    return sum;
}

void conv2d_plain(real *y, const real *x, const real *w, const real *b, ConvSizes s, Conv v)
{
    const int h = conv_size(s.H, s.kh, v), width = conv_size(s.W, s.kw, v);
    for (int n = 0; n < s.N; n++)
        for (int o = 0; o < s.O; o++)
            for (int i = 0; i < h; i++)
                for (int j = 0; j < width; j++)
                    y[at4(n, o, i, j, s.O, h, width)] = y_value(x, w, b == NULL ? R(0.0) : b[o], s, v, n, o, i, j);
}

/* The output whose tap lies on row (column) `at` of the image: output stride + tap - before = at; -1: none. */
static int output_at(int at, int tap, int outputs, Conv v)
{
    const int moved = at + v.before - tap;
    return moved < 0 || moved % v.stride != 0 || moved / v.stride >= outputs ? -1 : moved / v.stride;
}

static real dx_value(const real *dy, const real *w, real start, ConvSizes s, Conv v, int n, int c, int i, int j)
{
    const int h = conv_size(s.H, s.kh, v), width = conv_size(s.W, s.kw, v);
    real sum = start;
    for (int o = 0; o < s.O; o++) {
        for (int p = 0; p < s.kh; p++) {
            for (int q = 0; q < s.kw; q++) {
                const int oi = output_at(i, p, h, v), oj = output_at(j, q, width, v);
                const real g = oi < 0 || oj < 0 ? R(0.0) : dy[at4(n, o, oi, oj, s.O, h, width)];
                sum = r_fma(w[at4(o, c, p, q, s.C, s.kh, s.kw)], g, sum);
            }
        }
    }
    return sum;
}

void conv2d_dx_plain(real *dx, const real *dy, const real *w, ConvSizes s, Conv v)
{
    for (int n = 0; n < s.N; n++)
        for (int c = 0; c < s.C; c++)
            for (int i = 0; i < s.H; i++)
                for (int j = 0; j < s.W; j++) {
                    real *at = dx + at4(n, c, i, j, s.C, s.H, s.W);
                    *at = dx_value(dy, w, *at, s, v, n, c, i, j);
                }
}

static real dw_value(const real *dy, const real *x, real start, ConvSizes s, Conv v, int o, int c, int p, int q)
{
    const int h = conv_size(s.H, s.kh, v), width = conv_size(s.W, s.kw, v);
    real sum = start;
    for (int n = 0; n < s.N; n++)
        for (int i = 0; i < h; i++)
            for (int j = 0; j < width; j++)
                sum = r_fma(dy[at4(n, o, i, j, s.O, h, width)],
                            pixel(x, s, n, c, i * v.stride + p - v.before, j * v.stride + q - v.before), sum);
    return sum;
}

void conv2d_dw_plain(real *dw, real *db, const real *dy, const real *x, ConvSizes s, Conv v)
{
    const int pixels = conv_size(s.H, s.kh, v) * conv_size(s.W, s.kw, v);
    for (int o = 0; o < s.O; o++) {
        for (int c = 0; c < s.C; c++)
            for (int p = 0; p < s.kh; p++)
                for (int q = 0; q < s.kw; q++) {
                    real *at = dw + at4(o, c, p, q, s.C, s.kh, s.kw);
                    *at = dw_value(dy, x, *at, s, v, o, c, p, q);
                }
        for (int n = 0; n < s.N && db != NULL; n++)
            for (int i = 0; i < pixels; i++) db[o] += dy[((ptrdiff_t)n * s.O + o) * pixels + i];
    }
}
