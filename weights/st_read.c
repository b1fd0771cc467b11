/* st_read.c -- elements of a safetensors tensor into real, double or int64, from bytes of any alignment */
#include "tensor/mem.h"
#include "weights/json.h"
#include "weights/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *st_shape(char out[ST_SHAPE_ROOM], const StTensor *t)
{
    size_t n = (size_t)snprintf(out, ST_SHAPE_ROOM, "%s [", st_dtype_name(t->dtype));
    for (int i = 0; i < t->ndim; i++)
        n += (size_t)snprintf(out + n, ST_SHAPE_ROOM - n, "%s%" PRId64, i > 0 ? ", " : "", t->dim[i]);
    snprintf(out + n, ST_SHAPE_ROOM - n, "]");
    return out;
}

static int type_refuse(const StTensor *t, const char *expected, Err *err)
{
    char name[SHOW_ROOM];
    return err_set(err, "%s: tensor \"%s\": found dtype %s, expected one of %s", t->file, json_show(name, t->name),
                   st_dtype_name(t->dtype), expected);
}

static uint16_t u16_at(const StTensor *t, int64_t i) { uint16_t x; memcpy(&x, t->bytes + 2 * i, sizeof x); return x; }
static uint32_t u32_at(const StTensor *t, int64_t i) { uint32_t x; memcpy(&x, t->bytes + 4 * i, sizeof x); return x; }
static uint64_t u64_at(const StTensor *t, int64_t i) { uint64_t x; memcpy(&x, t->bytes + 8 * i, sizeof x); return x; }
static float    f32_at(const StTensor *t, int64_t i) { float x; memcpy(&x, t->bytes + 4 * i, sizeof x); return x; }
#ifndef SDREF_F64
static double   f64_at(const StTensor *t, int64_t i) { double x; memcpy(&x, t->bytes + 8 * i, sizeof x); return x; }
#endif

int st_read_f64(double *out, const StTensor *t, Err *err)
{
    const int64_t n = t->count;
    if (!st_dtype_is_float(t->dtype)) return type_refuse(t, "F64 F32 F16 BF16", err);
    if (n == 0) return 0;
    if (t->dtype == ST_F64) memcpy(out, t->bytes, t->nbytes);
    else if (t->dtype == ST_F32) for (int64_t i = 0; i < n; i++) out[i] = f64_from_f32(f32_at(t, i));
    else if (t->dtype == ST_F16) for (int64_t i = 0; i < n; i++) out[i] = f64_from_f32(f32_from_f16(u16_at(t, i)));
    else for (int64_t i = 0; i < n; i++) out[i] = f64_from_f32(f32_from_bf16(u16_at(t, i)));
    return 0;
}

#ifdef SDREF_F64
int st_read_real(real *out, const StTensor *t, Err *err) { return st_read_f64(out, t, err); }
#else
int st_read_real(real *out, const StTensor *t, Err *err)
{
    const int64_t n = t->count;
    if (!st_dtype_is_float(t->dtype)) return type_refuse(t, "F64 F32 F16 BF16", err);
    if (n == 0) return 0;
    if (t->dtype == ST_F32) memcpy(out, t->bytes, t->nbytes);
    else if (t->dtype == ST_F64) for (int64_t i = 0; i < n; i++) out[i] = f32_from_f64(f64_at(t, i));
    else if (t->dtype == ST_F16) for (int64_t i = 0; i < n; i++) out[i] = f32_from_f16(u16_at(t, i));
    else for (int64_t i = 0; i < n; i++) out[i] = f32_from_bf16(u16_at(t, i));
    return 0;
}
#endif

int st_read_i64(int64_t *out, const StTensor *t, Err *err)
{
    char name[SHOW_ROOM];
    if (!st_dtype_is_int(t->dtype)) return type_refuse(t, "U8 I8 U16 I16 U32 I32 U64 I64 BOOL", err);
    for (int64_t i = 0; i < t->count; i++) {
        switch ((int)t->dtype) {
        case ST_I64: out[i] = (int64_t)u64_at(t, i); break;
        case ST_I32: out[i] = (int32_t)u32_at(t, i); break;
        case ST_U32: out[i] = u32_at(t, i); break;
        case ST_I16: out[i] = (int16_t)u16_at(t, i); break;
        case ST_U16: out[i] = u16_at(t, i); break;
        case ST_I8:  out[i] = (int8_t)t->bytes[i]; break;
        case ST_U8:  out[i] = t->bytes[i]; break;
        case ST_BOOL:
            if (t->bytes[i] > 1)
                return err_set(err, "%s: tensor \"%s\": element %" PRId64 ": found byte %d, expected a BOOL of 0 or 1",
                               t->file, json_show(name, t->name), i, t->bytes[i]);
            out[i] = t->bytes[i];
            break;
        default:                                          /* U64 */
            if (u64_at(t, i) > INT64_MAX)
                return err_set(err, "%s: tensor \"%s\": element %" PRId64 ": found %" PRIu64 ", expected less than 2^63",
                               t->file, json_show(name, t->name), i, u64_at(t, i));
            out[i] = (int64_t)u64_at(t, i);
        }
    }
    return 0;
}
