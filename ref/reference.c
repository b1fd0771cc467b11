/* reference.c -- reading the picture, its loss and the gradient of that */
#include "ref/reference.h"
#include "ref/view_camera.h"
#include "render/png.h"
#include "tensor/mem.h"
#include "tensor/sum.h"
#include "weights/file.h"

enum { FILE_MOST = 1 << 28 };
#define MASK_SHARE R(0.1)

/* The mean of the k x k pixels behind pixel (y, x), composed over the background, and of their alpha. */
static void compose(Reference *ref, const PngImage *image, const real background[3], int y, int x)
{
    const int k = image->h / ref->side, channels = image->channels, alpha_at = channels % 2 == 0 ? channels - 1 : -1;
    const size_t at = (size_t)(y * ref->side + x);
    real sum[3] = { 0 }, covered = 0;
    for (int i = 0; i < k * k; i++) {
        const unsigned char *p = image->pixels + ((size_t)(y * k + i / k) * (size_t)image->w + (size_t)(x * k + i % k)) * (size_t)channels;
        const real alpha = alpha_at < 0 ? R(1.0) : (real)p[alpha_at] / R(255.0);
        covered += alpha;
        for (int j = 0; j < 3; j++) sum[j] += r_fma(alpha, (real)p[channels < 3 ? 0 : j] / R(255.0) - background[j], background[j]);
    }
    for (size_t j = 0; j < 3; j++) ref->target[3 * at + j] = sum[j] / (real)(k * k);
    ref->mask[at] = covered / (real)(k * k);
}

static int read_picture(Reference *ref, const char *path, const real background[3], Err *err)
{
    void *bytes = NULL;
    size_t n = 0;
    PngImage image = { 0 };
    int status = file_read(&bytes, &n, path, FILE_MOST, err);
    if (status == 0) status = png_decode(&image, bytes, n, path, err);
    if (status == 0 && (image.h != image.w || image.h % ref->side != 0))
        status = err_set(err, "%s: found %d x %d pixels, expected %d x %d as --resolution has them, or a multiple", path, image.w, image.h, ref->side,
                         ref->side);
    for (int i = 0; status == 0 && i < ref->side * ref->side; i++) compose(ref, &image, background, i / ref->side, i % ref->side);
    ref->has_mask = image.channels % 2 == 0;
    png_free(&image);
    mem_free(bytes);
    return status;
}

Reference *reference_open(const char *path, const real background[3], int side, Err *err)
{
    const size_t pixels = (size_t)side * (size_t)side;
    Reference *ref = mem_new(1, sizeof *ref, "reference", err);
    if (ref == NULL) return NULL;
    ref->side = side;
    ref->target = mem_new(8 * pixels, sizeof(real), "reference", err);
    int status = ref->target == NULL ? -1 : 0;
    if (status == 0) {
        ref->mask = ref->target + 3 * pixels;
        ref->rgb = ref->target + 4 * pixels;
        ref->opacity = ref->target + 7 * pixels;
        status = read_picture(ref, path, background, err);
    }
    if (status == 0) return ref;
    reference_free(ref);
    return NULL;
}

void reference_free(Reference *ref)
{
    if (ref == NULL) return;
    mem_free(ref->target);
    mem_free(ref);
}

void reference_pull(real *dtheta, real *loss, const Reference *ref, Renderer *r, const Field *f, const RenderSettings *s)
{
    const size_t pixels = (size_t)ref->side * (size_t)ref->side;
    const int masked = ref->has_mask && f->config.kind != FIELD_IMAGE;
    const real rgb_weight = ref->weight / (real)(3 * pixels), mask_weight = ref->weight * (MASK_SHARE / (real)pixels);
    Camera c;
    camera_of_view(&c, &ref->view, ref->side, ref->side);
    render_view(&(RenderOut){ .rgb = ref->rgb, .opacity = ref->opacity }, r, f, &c, s);
    for (size_t i = 0; i < 3 * pixels; i++) ref->rgb[i] -= ref->target[i];
    for (size_t i = 0; i < pixels; i++) ref->opacity[i] -= ref->mask[i];
    *loss = rgb_weight * sumsq16(ref->rgb, 3 * pixels);
    if (masked) *loss += mask_weight * sumsq16(ref->opacity, pixels);
    for (size_t i = 0; i < 3 * pixels; i++) ref->rgb[i] *= R(2.0) * rgb_weight;
    for (size_t i = 0; i < pixels; i++) ref->opacity[i] *= R(2.0) * mask_weight;
    render_pull(dtheta, r, f, &c, s, &(RenderOut){ .rgb = ref->rgb, .opacity = masked ? ref->opacity : NULL });
}
