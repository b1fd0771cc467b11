/* mesh_glb.c -- GLB files (binary glTF 2.0): one mesh, its colours a PNG texture
 *
 *     "glTF", 2, length     header
 *     n, "JSON", text       what the buffer holds, padded with spaces to a multiple of 4
 *     n, "BIN\0", bytes     positions (float32 x 3), normals (float32 x 3), texture coordinates (float32 x 2), indices (uint32), PNG
 *
 * Every triangle has a patch of the texture of its own (mesh_atlas.c), so it has three vertices of its own: vertex i is corner i mod 3 of triangle
 * i/3, and index i is i. Texture coordinates are exact multiples of a texel before rounding, (0,0) the picture's upper left corner.
 */
#include "render/mesh.h"
#include "render/png.h"
#include "tensor/decimal.h"
#include "tensor/mem.h"

#include <stdio.h>
#include <string.h>

enum { VIEWS = 5 };
typedef struct Parts {
    size_t at[VIEWS + 1];                     /* where each part begins in the buffer, and its end */
    float low[3], high[3];                    /* bounds of the positions as written */
} Parts;

static void put_u32(Bytes *out, size_t value, Err *err)
{
    const uint32_t u = (uint32_t)value;
    bytes_put(out, &u, sizeof u, err);
}

/* (x,y,z) -> (y,z,x) */
static void turn(float out[3], const real v[3])
{
    for (int j = 0; j < 3; j++) out[j] = (float)v[(j + 1) % 3];
}

static void put_positions(Bytes *out, Parts *parts, const Mesh *m, Err *err)
{
    for (size_t i = 0; i < 3 * m->triangles; i++) {
        float p[3];
        turn(p, m->position + 3 * (size_t)m->index[i]);
        for (int j = 0; j < 3; j++) {
            if (i == 0 || p[j] < parts->low[j]) parts->low[j] = p[j];
            if (i == 0 || p[j] > parts->high[j]) parts->high[j] = p[j];
        }
        bytes_put(out, p, sizeof p, err);
    }
}

static void put_normals(Bytes *out, const Mesh *m, Err *err)
{
    for (size_t i = 0; i < 3 * m->triangles; i++) {
        float n[3];
        turn(n, m->normal + 3 * (size_t)m->index[i]);
        bytes_put(out, n, sizeof n, err);
    }
}

static void put_coordinates(Bytes *out, const Mesh *m, const Atlas *a, Err *err)
{
    const double width = (double)(a->columns * a->cell), height = (double)(a->rows * a->cell);
    for (size_t t = 0; t < m->triangles; t++) {
        int corner[3][2];
        atlas_corners(corner, a, t);
        for (int k = 0; k < 3; k++) {
            const float uv[2] = { (float)((double)corner[k][0] / width), (float)((double)corner[k][1] / height) };
            bytes_put(out, uv, sizeof uv, err);
        }
    }
}

static int put_texture(Bytes *out, const Mesh *m, const Atlas *a, const Field *f, Err *err)
{
    const int w = a->columns * a->cell, h = a->rows * a->cell;
    unsigned char *pixels = mem_new((size_t)w * (size_t)h, 3, "texture", err);
    int status = pixels == NULL ? -1 : atlas_bake(pixels, a, m, f, err);
    if (status == 0) status = png_encode(out, pixels, h, w, 3, NULL, 0, err);
    mem_free(pixels);
    return status;
}

static int put_buffer(Bytes *out, Parts *parts, const Mesh *m, const Field *f, Err *err)
{
    Atlas a;
    if (atlas_plan(&a, m, err) != 0) return -1;
    put_positions(out, parts, m, err);
    parts->at[1] = out->n;
    put_normals(out, m, err);
    parts->at[2] = out->n;
    put_coordinates(out, m, &a, err);
    parts->at[3] = out->n;
    for (size_t i = 0; i < 3 * m->triangles; i++) put_u32(out, i, err);
    parts->at[4] = out->n;
    put_texture(out, m, &a, f, err);
    parts->at[VIEWS] = out->n;
    return err->set ? -1 : 0;
}

/* ---- the text ---- */

static void put_text(Bytes *out, const char *text, Err *err) { bytes_put(out, text, strlen(text), err); }

static void put_count(Bytes *out, const char *name, size_t value, Err *err)
{
    char text[96];
    snprintf(text, sizeof text, "\"%s\":%zu", name, value);
    put_text(out, text, err);
}

static void put_bound(Bytes *out, const char *name, const float v[3], Err *err)
{
    put_text(out, ",\"", err);
    put_text(out, name, err);
    for (int j = 0; j < 3; j++) {
        char digits[DECIMAL_ROOM];
        decimal_write(digits, (double)v[j]);
        put_text(out, j == 0 ? "\":[" : ",", err);
        put_text(out, digits, err);
    }
    put_text(out, "]", err);
}

static const char what[] =
    "{\"asset\":{\"version\":\"2.0\",\"generator\":\"sdref " SDREF_VERSION "\"},\"scene\":0,\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"mesh\":0}],"
    "\"meshes\":[{\"primitives\":[{\"attributes\":{\"POSITION\":0,\"NORMAL\":1,\"TEXCOORD_0\":2},\"indices\":3,\"material\":0}]}],"
    "\"materials\":[{\"pbrMetallicRoughness\":{\"baseColorTexture\":{\"index\":0},\"metallicFactor\":0,\"roughnessFactor\":1},\"doubleSided\":false}],"
    "\"textures\":[{\"sampler\":0,\"source\":0}],\"images\":[{\"bufferView\":4,\"mimeType\":\"image/png\"}],"
    "\"samplers\":[{\"magFilter\":9729,\"minFilter\":9729,\"wrapS\":33071,\"wrapT\":33071}],";       /* linear, without smaller levels; clamped */

static void put_json(Bytes *out, const Parts *parts, const Mesh *m, Err *err)
{
    static const char *const type[4] = { "5126,\"type\":\"VEC3\"", "5126,\"type\":\"VEC3\"", "5126,\"type\":\"VEC2\"", "5125,\"type\":\"SCALAR\"" };
    static const char *const target[VIEWS] = { ",\"target\":34962", ",\"target\":34962", ",\"target\":34962", ",\"target\":34963", "" };
    put_text(out, what, err);
    for (size_t i = 0; i < 4; i++) {
        put_text(out, i == 0 ? "\"accessors\":[{" : ",{", err);
        put_count(out, "bufferView", i, err);
        put_text(out, ",", err);
        put_count(out, "count", 3 * m->triangles, err);
        put_text(out, ",\"componentType\":", err);
        put_text(out, type[i], err);
        if (i == 0) put_bound(out, "min", parts->low, err);
        if (i == 0) put_bound(out, "max", parts->high, err);
        put_text(out, "}", err);
    }
    for (size_t i = 0; i < VIEWS; i++) {
        put_text(out, i == 0 ? "],\"bufferViews\":[{\"buffer\":0," : ",{\"buffer\":0,", err);
        put_count(out, "byteOffset", parts->at[i], err);
        put_text(out, ",", err);
        put_count(out, "byteLength", parts->at[i + 1] - parts->at[i], err);
        put_text(out, target[i], err);
        put_text(out, "}", err);
    }
    put_text(out, "],\"buffers\":[{", err);
    put_count(out, "byteLength", parts->at[VIEWS], err);
    put_text(out, "}]}", err);
    while (out->n % 4 != 0 && !err->set) bytes_byte(out, ' ', err);
}

static void put_chunk(Bytes *out, const char type[4], const Bytes *data, Err *err)
{
    put_u32(out, data->n, err);
    bytes_put(out, type, 4, err);
    bytes_put(out, data->p, data->n, err);
}

int mesh_glb(Bytes *out, const Mesh *m, const Field *f, Err *err)
{
    Bytes json = { 0 }, buffer = { 0 };
    Parts parts = { 0 };
    int status = put_buffer(&buffer, &parts, m, f, err);
    while (buffer.n % 4 != 0 && !err->set) bytes_byte(&buffer, 0, err);
    if (status == 0) put_json(&json, &parts, m, err);
    put_text(out, "glTF", err);
    put_u32(out, 2, err);
    put_u32(out, 12 + 8 + json.n + 8 + buffer.n, err);      /* below 2^32: the texture has room for few enough triangles */
    put_chunk(out, "JSON", &json, err);
    put_chunk(out, "BIN", &buffer, err);
    bytes_free(&json);
    bytes_free(&buffer);
    return err->set ? -1 : 0;
}
