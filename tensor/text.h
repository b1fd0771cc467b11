/* text.h -- words and numbers as text, without the C library's locale
 *
 * Numbers are read strictly: the whole text or nothing. Decimal fractions are rounded once, correctly, and printed
 * in the fewest digits that read back as the same double.
 */
#ifndef SDREF_TEXT_H
#define SDREF_TEXT_H

#include "tensor/decimal.h"

#include <stdint.h>

enum { TEXT_DOUBLE_MAX = DECIMAL_ROOM };                  /* bytes for any text_from_double, with the NUL */

/* Edits between two words: insertions, deletions, substitutions, swaps of neighbours (each pair of places is edited
 * at most once: the "optimal string alignment" form of Damerau-Levenshtein). Bytes, not letters. Words longer than
 * 63 bytes are compared by their first 63. */
int text_distance(const char *a, const char *b);

/* The one of names[0..n) nearest to `word`, the first of equals; NULL when none is near: more than one edit for
 * every three bytes of `word` (at least one). A name that begins with `word` (two bytes or more) counts as one edit. */
const char *text_nearest(const char *word, const char *const *names, int n);

/* The whole of `text` as a number: 0, or -1 when it is not one ([+-]digits; [+-]digits[.digits][e[+-]digits] with a
 * digit before or after the point; no spaces, hex, nan or inf), or +1 when it is one but does not fit the type.
 * text_to_uint64 takes no minus. *value is written only for 0. A decimal too small for a double reads as 0
 * with its sign. */
int text_to_int64(int64_t *value, const char *text);
int text_to_uint64(uint64_t *value, const char *text);
int text_to_double(double *value, const char *text);

/* `x` (finite) in as few digits as text_to_double reads back as `x`, each time the decimal nearest to x of that many
 * digits, in the form of decimal_write: "0.1", "1000", "0.00001", "1e-6", "-2.5e20". */
void text_from_double(char text[TEXT_DOUBLE_MAX], double x);

/* x for printf in a message or table: a NaN without its sign, which is the machine's own affair and would be printed. */
double text_shown(double x);

#endif
