/* unicode.h -- UTF-8 and code points; what a tokenizer asks of a character; lower case
 *
 * Unicode 14.0, the version of Python 3.11: a letter that came later is UNICODE_OTHER here. Code points are 0 to
 * 0x10ffff without the surrogates.
 */
#ifndef SDREF_WEIGHTS_UNICODE_H
#define SDREF_WEIGHTS_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* General categories L and N; the property White_Space (which is a regex's \s; not U+001C to U+001F, which Python's
 * str.isspace() takes too); all else. */
typedef enum { UNICODE_OTHER, UNICODE_LETTER, UNICODE_NUMBER, UNICODE_SPACE } UnicodeClass;
UnicodeClass unicode_class(uint32_t c);

/* Full lower case, as Python's str.lower(): U+0130 becomes two code points, a capital sigma at a word's end the final
 * one. in (n) -> out, another array with room for 2 n; returns how many are in out. As UTF-8 it grows by half at most. */
size_t unicode_lower(uint32_t *out, const uint32_t *in, size_t n);

/* One character of UTF-8: its bytes are counted and returned. unicode_read: 0 when s[0..n), n > 0, begins with none. */
size_t unicode_read(uint32_t *c, const unsigned char *s, size_t n);
size_t unicode_write(unsigned char s[4], uint32_t c);

#endif
