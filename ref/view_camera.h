/* view_camera.h -- glue between sampler/view.h and render/camera.h: the camera of a view */
#ifndef SDREF_REF_VIEW_CAMERA_H
#define SDREF_REF_VIEW_CAMERA_H

#include "render/camera.h"
#include "sampler/view.h"

/* The camera that a view names: from its place it looks at the origin, z up. */
void camera_of_view(Camera *c, const View *view, int h, int w);
/* The same with a jitter; one whose offset, target and up are zeros has the very bits of camera_of_view. -1: camera_look_from's refusal. */
int camera_of_jittered_view(Camera *c, const View *view, const ViewJitter *jitter, int h, int w, Err *err);

#endif
