#!/usr/bin/env python3
"""elem_tables.py -- every polynomial and constant of tensor/elem_*.h from its definition (needs mpmath)

Weighted minimax by the exchange algorithm of Remez, 60 digits: sum c_j z^j is to be near f(z) on [a, b], the error
counted as w(z) |error|. The first coefficients are rounded to binary64 one after the other and the rest fitted again,
so that it makes up for the rounding. The error printed is that of the rounded polynomial.
"""
from mpmath import mp, mpf, exp, log, atanh, sin, cos, asin, atan, erf, erfc, sqrt, pi, lu_solve, matrix, ldexp
mp.dps = 60
LN2 = log(2)


def remez(f, w, a, b, n, fixed=()):
    """c_j for j = len(fixed) .. n-1, the coefficients before them given"""
    m = len(fixed)
    rest = lambda g: f(g) - sum(mpf(c) * g ** j for j, c in enumerate(fixed))
    k = n - m
    x = [(a + b) / 2 - (b - a) / 2 * cos(pi * (j + mpf(1) / 2) / (k + 1)) for j in range(k + 1)]
    grid = [(a + b) / 2 - (b - a) / 2 * cos(pi * (j + mpf(1) / 2) / (30 * n)) for j in range(30 * n)]
    wf = [(w(g), rest(g)) for g in grid]
    for _ in range(15):
        A, B = matrix(k + 1, k + 1), matrix(k + 1, 1)
        for i, xi in enumerate(x):
            for j in range(k):
                A[i, j] = w(xi) * xi ** (m + j)
            A[i, k] = (-1) ** i
            B[i] = w(xi) * rest(xi)
        c = lu_solve(A, B)
        e = [wi * (fi - g ** m * polyval(c, g, k)) for g, (wi, fi) in zip(grid, wf)]
        peaks = []                                     # the extremum of each run of equal sign
        for i, v in enumerate(e):
            if peaks and (e[peaks[-1]] > 0) == (v > 0):
                if abs(v) > abs(e[peaks[-1]]):
                    peaks[-1] = i
            else:
                peaks.append(i)
        while len(peaks) > k + 1:
            peaks.pop(0 if abs(e[peaks[0]]) < abs(e[peaks[-1]]) else -1)
        if len(peaks) < k + 1 or max(map(abs, e)) < abs(c[k]) * (1 + mpf(10) ** -3):
            break
        x = [grid[i] for i in peaks]
    return list(fixed) + [c[j] for j in range(k)]


def polyval(c, x, n):
    y = mpf(0)
    for j in reversed(range(n)):
        y = y * x + c[j]
    return y


def fit(f, w, a, b, n, first=4):
    """round the first coefficients one after the other, refitting those that follow"""
    a, b = mpf(a), mpf(b)
    fixed = []
    for j in range(first):
        fixed.append(float(remez(f, w, a, b, n, fixed)[j]))
    r = [float(v) for v in remez(f, w, a, b, n, fixed)]
    grid = [a + (b - a) * (j + mpf(1) / 2) / 997 for j in range(997)]
    return r, max(abs(w(g) * (f(g) - polyval([mpf(v) for v in r], g, n))) for g in grid)


def show(name, f, w, a, b, n, first=4):
    c, worst = fit(f, w, a, b, n, first)
    print(f"{name}: {n} coefficients on [{float(a):.6g}, {float(b):.6g}], error 2^{float(log(worst, 2)):.1f}")
    for v in c:
        print(f"    {v.hex()}")


def parts(name, v, n):
    out = []
    for _ in range(n):
        out.append(float(v))
        v -= mpf(out[-1])
    print(f"{name}: " + "  ".join(o.hex() for o in out))


def near0(f, *series):
    """f is 0/0 at 0: its Taylor series there"""
    return lambda z: f(z) if abs(z) > mpf(10) ** -7 else polyval([mpf(c) for c in series], z, len(series))


def main():
    third, k, root2 = mpf(1) / 3, 2 / sqrt(pi), sqrt(mpf(2))

    h = LN2 / 2 + mpf(10) ** -3
    print("e^r = 1 + r + r^2/2 + r^3 P(r); error relative to e^r - 1")
    show("exp", near0(lambda r: (exp(r) - 1 - r - r * r / 2) / r ** 3, third / 2, mpf(1) / 24, mpf(1) / 120, mpf(1) / 720),
         lambda r: r * r, -h, h, 10, 0)

    h = LN2 / 2 + mpf(10) ** -4
    print("e^r = 1 + r + r^2 P(r), for binary32; error relative to e^r")
    show("exp_quick", near0(lambda r: (exp(r) - 1 - r) / r ** 2, mpf(1) / 2, third / 2, mpf(1) / 24, mpf(1) / 120),
         lambda r: r * r * exp(-r), -h, h, 9, 3)

    z = ((root2 - 1) / (root2 + 1)) ** 2
    series = [2 / mpf(j) for j in (3, 5, 7, 9, 11, 13)]
    print("2 atanh s = 2 s + s z P(z), z = s^2")
    show("log", near0(lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2) / z, *series), lambda z: z / 2, 0, z, 7)
    print("2 atanh s = 2 s + s (2z/3 + 2z^2/5 + z^3 P(z))")
    show("pow", near0(lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2 - 2 * z / 3 - 2 * z * z / 5) / z ** 3, *series[2:]),
         lambda z: z ** 3 / 2, 0, z, 7)

    z = (pi / 4 + mpf(10) ** -4) ** 2
    print("sin r = r + r z P(z), cos r = 1 - z/2 + z^2 Q(z), z = r^2")
    show("sin", near0(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, -third / 2, mpf(1) / 120, -mpf(1) / 5040, mpf(1) / 362880),
         lambda z: z, 0, z, 6)
    show("cos", near0(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z ** 2, mpf(1) / 24, -mpf(1) / 720, mpf(1) / 40320, -mpf(1) / 3628800),
         lambda z: z * z, 0, z, 6)

    split = mpf(3) / 4
    print("erf x = x + x P(x^2) below 3/4; 1 - exp(-x^2) Q(1/(x + 5/2) - 15/64) from there to 6")
    show("erf_near", near0(lambda z: erf(sqrt(z)) / sqrt(z) - 1, k - 1, -k / 3, k / 10, -k / 42), lambda z: 1, 0, split ** 2, 11)
    x = lambda u: 1 / (u + mpf(15) / 64) - mpf(5) / 2
    u = lambda x: 1 / (x + mpf(5) / 2) - mpf(15) / 64
    show("erf_far", lambda v: exp(x(v) ** 2) * erfc(x(v)), lambda v: exp(-x(v) ** 2), u(mpf(6)), u(split), 14)

    print("for binary32: erf x = x + c x + x z P(z), c = 2/sqrt(pi) - 1 in binary64; Q up to 4")
    c = mpf(float(k - 1))
    show("erf_quick_near", near0(lambda z: (erf(sqrt(z)) / sqrt(z) - 1 - c) / z, -k / 3, k / 10, -k / 42), lambda z: z, 0, split ** 2, 9, 3)
    show("erf_quick_far", lambda v: exp(x(v) ** 2) * erfc(x(v)), lambda v: exp(-x(v) ** 2), u(mpf(4)), u(split), 11)

    print("asin x = x + x z P(z), |x| <= 1/2; atan t = t + t z P(z), |t| <= sqrt(2) - 1")
    show("asin", near0(lambda z: (asin(sqrt(z)) / sqrt(z) - 1) / z, third / 2, mpf(3) / 40, mpf(15) / 336, mpf(105) / 3456),
         lambda z: z, 0, mpf(1) / 4, 13)
    show("atan", near0(lambda z: (atan(sqrt(z)) / sqrt(z) - 1) / z, -third, mpf(1) / 5, -mpf(1) / 7, mpf(1) / 9),
         lambda z: z, 0, (root2 - 1 + mpf(10) ** -6) ** 2, 11)

    parts("ln 2", LN2, 2)
    short = ldexp(int(ldexp(LN2, 42)), -42)
    parts("ln 2, first 42 bits and the rest", short, 1)
    parts("", LN2 - short, 1)
    parts("1/ln 2", 1 / LN2, 1)
    parts("pi/2", pi / 2, 3)
    parts("2/pi", 2 / pi, 1)
    parts("sqrt(1/2)", 1 / root2, 1)
    parts("sqrt(2) - 1", root2 - 1, 1)
    parts("2/3", 2 * third, 2)
    parts("2/5", mpf(2) / 5, 2)
    mp.prec = 1400
    bits = f"{int(ldexp(2 / +pi, 38 * 32)):0304x}"
    print("bits of 2/pi:", " ".join(bits[i:i + 8] for i in range(0, 304, 8)))


if __name__ == "__main__":
    main()
