/* view_camera.c -- the camera of a view */
#include "ref/view_camera.h"

void camera_of_view(Camera *c, const View *view, int h, int w)
{
    camera_look_at(c, (double)view->elevation, (double)view->azimuth, (double)view->distance, (double)view->fovy, h, w);
}

static int is_zero(const real v[3]) { return v[0] == 0 && v[1] == 0 && v[2] == 0; }

int camera_of_jittered_view(Camera *c, const View *view, const ViewJitter *jitter, int h, int w, Err *err)
{
    double position[3], target[3], up[3] = { 0.0, 0.0, 1.0 };
    if (is_zero(jitter->offset) && is_zero(jitter->target) && is_zero(jitter->up)) {
        camera_of_view(c, view, h, w);
        return 0;
    }
    view_position(position, view);
    for (int i = 0; i < 3; i++) {
        position[i] += (double)jitter->offset[i];
        target[i] = (double)jitter->target[i];
        up[i] += (double)jitter->up[i];
    }
    return camera_look_from(c, position, target, up, (double)view->fovy, h, w, err);
}
