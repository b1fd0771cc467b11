/* deflate.h -- lossless compression: RFC 1951 (deflate) in an RFC 1950 (zlib) envelope, and the two checksums
 *
 * Same bytes in, same bytes out, on every machine. Within about a tenth of zlib level 6 on rendered pictures.
 */
#ifndef SDREF_DEFLATE_H
#define SDREF_DEFLATE_H

#include "render/bytes.h"

/* Appends data[0..n) as one zlib stream. -1: out of memory. */
int zlib_pack(Bytes *out, const unsigned char *data, size_t n, Err *err);

/* Running checksums: start adler at 1, crc at 0, and pass the last result back in for the next piece. */
uint32_t adler32_of(uint32_t adler, const unsigned char *data, size_t n);   /* RFC 1950, section 8 */
uint32_t crc32_of(uint32_t crc, const unsigned char *data, size_t n);       /* PNG specification, annex D */

#endif
