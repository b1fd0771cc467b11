/* sha256.h -- SHA-256 [FIPS 180-4], for digests of tensors and files */
#ifndef SDREF_SHA256_H
#define SDREF_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct { uint32_t h[8]; unsigned char block[64]; uint64_t bytes; } Sha256;

void sha256_start(Sha256 *s);
void sha256_add(Sha256 *s, const void *data, size_t bytes);
void sha256_end(Sha256 *s, unsigned char digest[32]);                            /* s is used up */
void sha256(unsigned char digest[32], const void *data, size_t bytes);
void sha256_hex(char hex[65], const unsigned char digest[32]);                   /* 64 lower-case digits and a 0 byte */

#endif
