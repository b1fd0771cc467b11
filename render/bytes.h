/* bytes.h -- a growing byte buffer, for the writers of picture files
 *
 * The first error stays: when `err` is set, every put does nothing and returns -1, so a writer may put many things
 * and look at err->set once, at the end. `err` must not be NULL.
 */
#ifndef SDREF_BYTES_H
#define SDREF_BYTES_H

#include "tensor/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct { unsigned char *p; size_t n, cap; } Bytes;   /* start as {0}; n bytes used; owned: bytes_free */

int  bytes_put(Bytes *b, const void *data, size_t n, Err *err);
int  bytes_byte(Bytes *b, int value, Err *err);
int  bytes_be32(Bytes *b, uint32_t value, Err *err);         /* big-endian, as in PNG */
int  bytes_le16(Bytes *b, int value, Err *err);              /* little-endian, as in GIF */
void bytes_free(Bytes *b);                                   /* and back to {0} */

#endif
