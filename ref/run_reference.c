/* run_reference.c -- the picture that a run goes by: its file, its camera, how near the run came */
#include "ref/metrics.h"
#include "ref/run.h"
#include "tensor/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "30,15": azimuth and elevation in degrees. */
static int view_read(View *view, const char *text, Err *err)
{
    const char *comma = strchr(text, ',');
    char azimuth[32] = "";
    double a = 0, e = 0;
    if (comma != NULL) snprintf(azimuth, sizeof azimuth, "%.*s", (int)(comma - text), text);
    if (comma == NULL || text_to_double(&a, azimuth) != 0 || text_to_double(&e, comma + 1) != 0 || !(fabs(a) <= 360) || !(fabs(e) < 90))
        return err_set(err, "--reference-view: found '%.40s', expected AZIMUTH,ELEVATION in degrees, such as 30,15, elevation within 90", text);
    view->azimuth = (real)a;
    view->elevation = (real)e;
    return 0;
}

static int check(const DistillConfig *c, const Options *o, Err *err)
{
    static const char *const names[] = { "reference-view", "reference-weight" };
    const int given = opt_string(o, "reference")[0] != '\0', has_view = opt_string(o, "reference-view")[0] != '\0';
    for (int i = 0; i < 2 && !given; i++)
        if (opt_given(o, names[i])) return err_set(err, "--%s: found without --reference, expected --reference FILE beside it", names[i]);
    if (given && c->field == FIELD_IMAGE && has_view)
        return err_set(err, "--reference-view: found with --field image, which no camera looks at; expected none, or --field voxel");
    if (given && c->field != FIELD_IMAGE && !has_view)
        return err_set(err, "--reference-view: found none, expected AZIMUTH,ELEVATION, such as 30,15: where --reference was taken from");
    return 0;
}

int run_reference_open(Run *run, DistillConfig *c, const Options *o, Err *err)
{
    const char *path = opt_string(o, "reference");
    View view = image_view(&c->range);
    if (check(c, o, err) != 0) return -1;
    if (path[0] == '\0') return 0;
    if (c->field != FIELD_IMAGE && view_read(&view, opt_string(o, "reference-view"), err) != 0) return -1;
    run->reference = reference_open(path, c->background, c->resolution, err);
    if (run->reference == NULL) return -1;
    run->reference_path = path;
    run->reference->view = view;
    run->reference->weight = opt_real(o, "reference-weight");
    c->reference = run->reference;
    return 0;
}

int run_reference_score(double *db, const Run *run, Err *err)
{
    const Reference *ref = run->reference;
    const size_t pixels = (size_t)ref->side * (size_t)ref->side;
    real *rgb = mem_new(6 * pixels, sizeof *rgb, "reference", err);
    if (rgb == NULL) return -1;
    const int status = distill_picture(rgb, NULL, NULL, NULL, run->distill, &ref->view, ref->side, ref->side, err);
    for (size_t i = 0; i < pixels; i++)
        for (size_t j = 0; j < 3; j++) rgb[(3 + j) * pixels + i] = ref->target[3 * i + j];
    *db = psnr(rgb, rgb + 3 * pixels, NULL, pixels);
    mem_free(rgb);
    return status;
}
