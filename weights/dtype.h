/* dtype.h -- the element types of safetensors files, and rounding between the floating ones
 *
 * All types are little-endian. Widening is exact. Narrowing rounds once, to nearest even, keeps subnormals, goes to
 * infinity beyond the largest number, and keeps a NaN a NaN: its sign and as many leading bits of its payload as fit,
 * made quiet. The integers in and out are the bits, so that the result is the same on machines that treat NaN
 * otherwise.
 */
#ifndef SDREF_WEIGHTS_DTYPE_H
#define SDREF_WEIGHTS_DTYPE_H

#include <stdint.h>

/* In the order of the format's reference implementation, which is the order of files (alignment never falls). */
typedef enum {
    ST_BOOL, ST_F4, ST_F6_E2M3, ST_F6_E3M2, ST_U8, ST_I8, ST_F8_E5M2, ST_F8_E4M3, ST_F8_E8M0, ST_F8_E4M3FNUZ, ST_F8_E5M2FNUZ,
    ST_I16, ST_U16, ST_F16, ST_BF16, ST_I32, ST_U32, ST_F32, ST_C64, ST_F64, ST_I64, ST_U64, ST_DTYPES
} StDtype;

const char *st_dtype_name(StDtype d);                     /* as in files: "F32" */
int st_dtype_bits(StDtype d);                             /* of one element: 1 byte is 8; F4 4, F6_* 6 */
int st_dtype_find(StDtype *out, const char *name);        /* -1: no such type */
int st_dtype_is_float(StDtype d);                         /* 1: F64 F32 F16 BF16, what st_read_real takes */
int st_dtype_is_int(StDtype d);                           /* 1: U8..I64, BOOL: what st_read_i64 takes */

float    f32_from_f16(uint16_t h);
float    f32_from_bf16(uint16_t h);
double   f64_from_f32(float x);
float    f32_from_f64(double x);
uint16_t f16_from_f64(double x);                          /* of a float: f16_from_f64(f64_from_f32(x)) */
uint16_t bf16_from_f64(double x);

#endif
