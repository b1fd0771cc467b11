/* t_mesh_files.c -- PLY, OBJ and GLB files read again by small readers of their own; what bilinear filtering finds in the texture
 *
 * The field is a soft ball with raw colours linear in the position.
 */
#include "render/mesh.h"
#include "render/png.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tests/harness.h"
#include "tests/mesh_colour.h"
#include "weights/json.h"

#include <math.h>

enum { NODES = 9, SAMPLES = 12 };

static Field *ball(Err *err)
{
    Field *f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { NODES, NODES, NODES }, .peak = R(6.0), .slope = R(8.0) }, err);
    if (f == NULL) return NULL;
    field_start(f, 1);
    for (size_t node = 0; node < f->n / 4; node++)
        for (size_t j = 0; j < 3; j++) {
            const size_t at = j == 0 ? node % NODES : j == 1 ? node / NODES % NODES : node / NODES / NODES;
            f->theta[4 * node + 1 + j] = R(2.0) * (R(2.0) * (real)at / (NODES - 1) - 1);
        }
    return f;
}

/* Everything that the tests need: a field, its mesh, and one file; 0 or -1 with err set. */
typedef struct Case { Field *f; Mesh m; Bytes file; Err err; } Case;
static int case_open(Case *c, int samples)
{
    *c = (Case){ 0 };
    c->f = ball(&c->err);
    return c->f == NULL ? -1 : mesh_extract(&c->m, c->f, samples, R(1.3), &c->err);
}
static void case_close(Case *c)
{
    field_free(c->f);
    mesh_free(&c->m);
    bytes_free(&c->file);
}

/* ---- PLY ---- */

static void ply(void)
{
    Case c;
    char head[512];
    CHECK_OK(case_open(&c, SAMPLES), &c.err);
    CHECK_OK(mesh_ply(&c.file, &c.m, &c.err), &c.err);
    snprintf(head, sizeof head, "element vertex %zu\nproperty float x\nproperty float y\nproperty float z\nproperty float nx\nproperty float ny\n"
             "property float nz\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nelement face %zu\n"
             "property list uchar int vertex_indices\nend_header\n", c.m.vertices, c.m.triangles);
    const char *text = (const char *)c.file.p;
    CHECK(strncmp(text, "ply\nformat binary_little_endian 1.0\ncomment ", 44) == 0, "'%.60s'", text);
    const char *found = strstr(text, head);
    CHECK(found != NULL, "the header lacks %s", head);
    if (found == NULL) return;
    const unsigned char *p = (const unsigned char *)found + strlen(head), *end = c.file.p + c.file.n;
    CHECK((size_t)(end - p) == 27 * c.m.vertices + 13 * c.m.triangles, "%td bytes of data", end - p);
    for (size_t i = 0; i < c.m.vertices; i++, p += 27) {
        float v[6];
        memcpy(v, p, sizeof v);
        for (size_t j = 0; j < 3; j++) {
            CHECK(v[j] == (float)c.m.position[3 * i + j] && v[3 + j] == (float)c.m.normal[3 * i + j], "vertex %zu", i);
            CHECK_LE(fabs(p[24 + j] - 255 * (double)c.m.colour[3 * i + j]), 0.51, "colour of vertex %zu", i);
        }
    }
    for (size_t t = 0; t < c.m.triangles; t++, p += 13)
        CHECK(p[0] == 3 && memcmp(p + 1, c.m.index + 3 * t, 12) == 0, "triangle %zu", t);
    case_close(&c);
}

/* ---- OBJ ---- */

static void obj(void)
{
    Case c;
    CHECK_OK(case_open(&c, SAMPLES), &c.err);
    CHECK_OK(mesh_obj(&c.file, &c.m, &c.err), &c.err);
    bytes_byte(&c.file, 0, &c.err);
    size_t vertices = 0, normals = 0, triangles = 0, lines = 0;
    for (char *line = (char *)c.file.p, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        double v[6];
        unsigned long f[6];
        *end = '\0';
        if (line[0] == '#') continue;
        if (sscanf(line, "v %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]) == 6) {
            for (size_t j = 0; j < 3; j++) {
                CHECK_LE(fabs(v[j] - (double)c.m.position[3 * vertices + j]), 0.5001e-7, "%s", line);
                CHECK_LE(fabs(v[3 + j] - (double)c.m.colour[3 * vertices + j]), 0.51e-4, "%s", line);
            }
            vertices++;
        } else if (sscanf(line, "vn %lf %lf %lf", &v[0], &v[1], &v[2]) == 3) {
            for (size_t j = 0; j < 3; j++) CHECK_LE(fabs(v[j] - (double)c.m.normal[3 * normals + j]), 0.5001e-4, "%s", line);
            normals++;
        } else if (sscanf(line, "f %lu//%lu %lu//%lu %lu//%lu", &f[0], &f[1], &f[2], &f[3], &f[4], &f[5]) == 6) {
            for (size_t k = 0; k < 6; k++) CHECK(f[k] == 1ul + c.m.index[3 * triangles + k / 2], "%s", line);
            triangles++;
        } else CHECK(0, "line %zu: '%s'", lines, line);
    }
    CHECK(vertices == c.m.vertices && normals == c.m.vertices && triangles == c.m.triangles, "%zu v, %zu vn, %zu f", vertices, normals, triangles);
    case_close(&c);
}

/* ---- the texture ---- */

/* Barycentric coordinates of probe i of a triangle: corners, edges, inside. */
enum { CUTS = 6, PROBES = (CUTS + 1) * (CUTS + 2) / 2 };
static void probe(double b[3], int i)
{
    int row = 0;
    while (i > row) i -= ++row;
    b[1] = (double)i / CUTS;
    b[2] = (double)(row - i) / CUTS;
    b[0] = 1 - b[1] - b[2];
}

/* The four texels that bilinear filtering reads at (u, v), with weights. */
static void texels(int at[4][2], double weight[4], double u, double v)
{
    const int i = (int)floor(u - 0.5), j = (int)floor(v - 0.5);
    for (int k = 0; k < 4; k++) {
        at[k][0] = i + k % 2;
        at[k][1] = j + k / 2;
        weight[k] = (1 - fabs(u - 0.5 - at[k][0])) * (1 - fabs(v - 0.5 - at[k][1]));
    }
}

/* No texel belongs to two triangles, not even a little beyond their edges, and all lie in the picture. Weights below 1/256 are not seen. */
static void patches_do_not_touch(void)
{
    for (int k = ATLAS_CELL_MIN; k <= ATLAS_CELL; k++) {
        const Atlas a = { k, 3, 2 };
        const int w = 3 * k;
        unsigned char owner[3 * ATLAS_CELL * 2 * ATLAS_CELL] = { 0 };
        for (size_t t = 0; t < 12; t++) {
            int corner[3][2];
            atlas_corners(corner, &a, t);
            for (int i = 0; i < PROBES; i++) {
                double b[3], weight[4], u = 0, v = 0;
                int at[4][2];
                probe(b, i);
                for (int j = 0; j < 3; j++) {
                    const double out = 1.02 * (b[j] - 1.0 / 3) + 1.0 / 3;
                    u += out * corner[j][0];
                    v += out * corner[j][1];
                }
                texels(at, weight, u, v);
                for (int q = 0; q < 4; q++) {
                    if (weight[q] < 1.0 / 256) continue;
                    CHECK(at[q][0] >= 0 && at[q][0] < w && at[q][1] >= 0 && at[q][1] < 2 * k, "triangle %zu, texel %d, %d", t, at[q][0], at[q][1]);
                    unsigned char *o = &owner[at[q][1] * w + at[q][0]];
                    CHECK(*o == 0 || *o == t + 1, "cells of %d: texel %d, %d of triangle %zu is triangle %d's", k, at[q][0], at[q][1], t, *o - 1);
                    *o = (unsigned char)(t + 1);
                }
            }
        }
    }
}

static void atlas_sizes(void)
{
    static const struct { size_t triangles; Atlas a; } plans[] = {
        { 1, { 8, 1, 1 } }, { 3, { 8, 2, 1 } }, { 9, { 8, 3, 2 } }, { 2 * 512 * 512, { 8, 512, 512 } }, { 2 * 512 * 512 + 1, { 7, 513, 512 } },
        { 2 * 819 * 819, { 5, 819, 819 } },
    };
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        Err err = { 0 };
        Atlas a;
        CHECK_OK(atlas_plan(&a, &(Mesh){ .triangles = plans[i].triangles }, &err), &err);
        CHECK(memcmp(&a, &plans[i].a, sizeof a) == 0, "%zu triangles: %d texels, %d x %d cells", plans[i].triangles, a.cell, a.columns, a.rows);
    }
    Err err = { 0 };
    Atlas a;
    CHECK(atlas_plan(&a, &(Mesh){ .triangles = 2 * 819 * 819 + 1 }, &err) == -1 && strstr(err.msg, "1341523") != NULL, "'%s'", err.msg);
}

/* ---- GLB ---- */

typedef struct Glb { const unsigned char *text, *bin; uint32_t text_n, bin_n; Json *root; } Glb;

static uint32_t u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int64_t number(const Json *object, const char *key)
{
    int64_t x = -1;
    return json_int64(&x, json_get(object, key)) == 0 ? x : -1;
}

static int glb_open(Glb *g, const Bytes *file, Err *err)
{
    const unsigned char *p = file->p;
    if (file->n < 28 || memcmp(p, "glTF", 4) != 0 || u32(p + 4) != 2 || u32(p + 8) != file->n) return err_set(err, "header");
    g->text_n = u32(p + 12);
    g->text = p + 20;
    if (memcmp(p + 16, "JSON", 4) != 0 || g->text_n % 4 != 0 || g->text_n > file->n - 28) return err_set(err, "JSON chunk of %u bytes", g->text_n);
    p = g->text + g->text_n;
    g->bin_n = u32(p);
    g->bin = p + 8;
    if (memcmp(p + 4, "BIN\0", 4) != 0 || g->bin_n % 4 != 0 || 28 + g->text_n + g->bin_n != file->n) return err_set(err, "BIN chunk of %u bytes", g->bin_n);
    g->root = json_parse(g->text, g->text_n, "JSON chunk", err);
    return g->root == NULL ? -1 : 0;
}

/* Bytes of a buffer view, and how many. */
static const unsigned char *view(size_t *n, const Glb *g, int64_t i)
{
    const Json *v = json_at(json_get(g->root, "bufferViews"), (size_t)i);
    const int64_t offset = number(v, "byteOffset"), length = number(v, "byteLength");
    CHECK(offset >= 0 && length > 0 && offset + length <= (int64_t)g->bin_n && number(v, "buffer") == 0, "buffer view %d: %d + %d", (int)i,
          (int)offset, (int)length);
    CHECK(i > 3 || (offset % 4 == 0 && number(v, "target") == (i == 3 ? 34963 : 34962)), "buffer view %d", (int)i);
    *n = (size_t)length;
    return g->bin + offset;
}

static const unsigned char *accessor(const Glb *g, const Json *in, const char *key, size_t count, int64_t component, const char *type, size_t bytes)
{
    const Json *a = json_at(json_get(g->root, "accessors"), (size_t)number(in, key));
    const char *found = json_string(json_get(a, "type"));
    size_t n = 0;
    CHECK(number(a, "count") == (int64_t)count && number(a, "componentType") == component && found != NULL && strcmp(found, type) == 0, "%s", key);
    const unsigned char *p = view(&n, g, number(a, "bufferView"));
    CHECK(n == count * bytes, "%s: %zu bytes", key, n);
    return p;
}

static void positions_turned(const Glb *g, const Json *primitive, const Mesh *m)
{
    const Json *attributes = json_get(primitive, "attributes"), *a = json_at(json_get(g->root, "accessors"), (size_t)number(attributes, "POSITION"));
    const unsigned char *position = accessor(g, attributes, "POSITION", 3 * m->triangles, 5126, "VEC3", 12);
    const unsigned char *normal = accessor(g, attributes, "NORMAL", 3 * m->triangles, 5126, "VEC3", 12);
    const unsigned char *index = accessor(g, primitive, "indices", 3 * m->triangles, 5125, "SCALAR", 4);
    float low[3], high[3];
    for (size_t i = 0; i < 3 * m->triangles; i++) {
        float p[3], n[3];
        memcpy(p, position + 12 * i, sizeof p);
        memcpy(n, normal + 12 * i, sizeof n);
        const real *v = m->position + 3 * m->index[i], *w = m->normal + 3 * m->index[i];
        CHECK(u32(index + 4 * i) == i, "index %zu", i);
        CHECK(p[0] == (float)v[1] && p[1] == (float)v[2] && p[2] == (float)v[0], "position %zu", i);
        CHECK(n[0] == (float)w[1] && n[1] == (float)w[2] && n[2] == (float)w[0], "normal %zu", i);
        for (int j = 0; j < 3; j++) {
            low[j] = i == 0 || p[j] < low[j] ? p[j] : low[j];
            high[j] = i == 0 || p[j] > high[j] ? p[j] : high[j];
        }
    }
    for (size_t j = 0; j < 3; j++) {
        double min = 0, max = 0;
        json_double(&min, json_at(json_get(a, "min"), j));
        json_double(&max, json_at(json_get(a, "max"), j));
        CHECK(min == (double)low[j] && max == (double)high[j], "bounds %g to %g of axis %zu, found %g to %g", min, max, j, (double)low[j], (double)high[j]);
    }
}

/* Filtered colours all over every triangle. Rounding to 8 bits: 1/510; the sigmoid is not linear: its second derivative is at most 0.1 s^2,
 * s = 2 the slope of the raw colour, on texels of at most h/4, h sqrt(3) the longest edge. */
static void texture_is_the_field(const Glb *g, const Json *primitive, const Mesh *m, const Field *field, Err *err)
{
    size_t n = 0;
    const Json *image = json_at(json_get(g->root, "images"), 0);
    const char *mime = json_string(json_get(image, "mimeType"));
    const unsigned char *data = view(&n, g, number(image, "bufferView"));
    const unsigned char *uv = accessor(g, json_get(primitive, "attributes"), "TEXCOORD_0", 3 * m->triangles, 5126, "VEC2", 8);
    PngImage picture;
    CHECK(mime != NULL && strcmp(mime, "image/png") == 0, "type of the image");
    CHECK_OK(png_decode(&picture, data, n, "texture", err), err);
    const double h = sqrt(3.0) * 2 / (SAMPLES - 1), bound = 1.0 / 510 + 0.4 * h * h / 16;
    double worst = 0;
    for (size_t t = 0; t < m->triangles; t++)
        for (int i = 0; i < PROBES; i++) {
            double b[3], weight[4], u = 0, v = 0;
            int at[4][2];
            probe(b, i);
            for (size_t k = 0; k < 3; k++) {
                float c[2];
                memcpy(c, uv + 8 * (3 * t + k), sizeof c);
                u += b[k] * (double)c[0] * picture.w;
                v += b[k] * (double)c[1] * picture.h;
            }
            texels(at, weight, u, v);
            real p[3] = { 0 }, normal[3] = { 0 };
            for (size_t j = 0; j < 9; j++) {
                p[j % 3] += (real)b[j / 3] * m->position[3 * m->index[3 * t + j / 3] + j % 3];
                normal[j % 3] += (real)b[j / 3] * m->normal[3 * m->index[3 * t + j / 3] + j % 3];
            }
            const real length = (real)sqrt((double)(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]));
            for (size_t j = 0; j < 3; j++) normal[j] /= length;
            double want[3];
            looked_up(want, field, p, normal);
            for (size_t j = 0; j < 3; j++) {
                double found = 0;
                for (int q = 0; q < 4; q++) found += weight[q] * picture.pixels[3 * (at[q][1] * picture.w + at[q][0]) + (int)j] / 255.0;
                worst = fmax(worst, fabs(found - want[j]));
            }
        }
    CHECK_LE(worst, bound, "colour of the texture");
    png_free(&picture);
}

static void glb(void)
{
    Case c;
    Glb g = { 0 };
    CHECK_OK(case_open(&c, SAMPLES), &c.err);
    CHECK_OK(mesh_glb(&c.file, &c.m, c.f, &c.err), &c.err);
    CHECK_OK(glb_open(&g, &c.file, &c.err), &c.err);
    if (g.root == NULL) return;
    const Json *mesh = json_at(json_get(g.root, "meshes"), 0), *primitive = json_at(json_get(mesh, "primitives"), 0);
    const Json *material = json_at(json_get(g.root, "materials"), (size_t)number(primitive, "material"));
    const Json *pbr = json_get(material, "pbrMetallicRoughness"), *buffer = json_at(json_get(g.root, "buffers"), 0);
    const char *version = json_string(json_get(json_get(g.root, "asset"), "version"));
    int sided = 1;
    CHECK(version != NULL && strcmp(version, "2.0") == 0, "version");
    CHECK(number(buffer, "byteLength") <= (int64_t)g.bin_n && number(buffer, "byteLength") + 3 >= (int64_t)g.bin_n, "length of the buffer");
    CHECK(json_bool(&sided, json_get(material, "doubleSided")) == 0 && sided == 0, "doubleSided");
    CHECK(number(pbr, "metallicFactor") == 0 && number(pbr, "roughnessFactor") == 1, "material");
    CHECK(number(json_get(pbr, "baseColorTexture"), "index") == 0 && json_count(json_get(g.root, "textures")) == 1, "texture");
    positions_turned(&g, primitive, &c.m);
    texture_is_the_field(&g, primitive, &c.m, c.f, &c.err);
    json_free(g.root);
    case_close(&c);
}

/* ---- bytes, memory ---- */

static int all_files(Bytes *out, int samples, Err *err)
{
    Case c;
    int status = case_open(&c, samples);
    if (status == 0) status = mesh_ply(out, &c.m, &c.err);
    if (status == 0) status = mesh_obj(out, &c.m, &c.err);
    if (status == 0) status = mesh_glb(out, &c.m, c.f, &c.err);
    *err = c.err;
    case_close(&c);
    return status;
}

static void threads_change_no_byte(void)
{
    const int before = par_threads();
    Bytes file[2] = { { 0 } };
    Err err = { 0 };
    for (int k = 0; k < 2; k++) {
        par_threads_set(k == 0 ? 1 : 3);
        CHECK_OK(all_files(&file[k], 40, &err), &err);
    }
    par_threads_set(before);
    CHECK(file[0].n > 1000 && file[0].n == file[1].n && memcmp(file[0].p, file[1].p, file[0].n) == 0, "bytes differ");
    for (int k = 0; k < 2; k++) bytes_free(&file[k]);
}

static void out_of_memory(void)
{
    long n = 1;
    for (int done = 0; !done && n < 500; n++) {
        Err err = { 0 };
        Bytes file = { 0 };
        mem_fail_at(n);
        done = all_files(&file, SAMPLES, &err) == 0;
        CHECK(done == !err.set, "allocation %ld: '%s'", n, err.msg);
        bytes_free(&file);
    }
    mem_fail_at(0);
    CHECK(n > 30 && n < 500, "%ld allocations", n);
}

int main(void)
{
    TEST(ply);
    TEST(obj);
    TEST(patches_do_not_touch);
    TEST(atlas_sizes);
    TEST(glb);
    TEST(threads_change_no_byte);
    TEST(out_of_memory);
    return test_end();
}
