/* decimal.h -- between decimal text and binary64, exact, the same bits under every C library and locale */
#ifndef SDREF_DECIMAL_H
#define SDREF_DECIMAL_H

#include <stddef.h>

/* The double nearest to text[0..n), ties to even; too small: 0 with its sign. The caller has checked that it is
 * [+-]digits[.digits][e[+-]digits] with a digit before or after the point. -1 (and *out an infinity) when it rounds
 * beyond the largest double. */
int decimal_read(double *out, const char *text, size_t n);

enum { DECIMAL_ROOM = 32 };
/* Finite x, in JSON's grammar: the fewest significant digits to which x can be rounded so that decimal_read gives x
 * back. Positional for 1e-5 <= |x| < 1e17, else with an exponent: 0.1, -0, 100, 1e-7, 1.7976931348623157e308. Returns
 * the length; a NUL stands behind it. */
size_t decimal_write(char out[DECIMAL_ROOM], double x);

#endif
