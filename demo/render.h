/* SPDX-License-Identifier: MIT */
/* A scene as an MP4 file: H.264 with one keyframe a second, and AAC. */
#ifndef TYTO_DEMO_RENDER_H
#define TYTO_DEMO_RENDER_H

#include <stdint.h>

#include "base/err.h"
#include "demo/decode.h"
#include "demo/paint.h"
#include "demo/scene.h"

struct demo_render_params {
    const struct demo_scene *scene;
    /* One per row of the stamp table; an unused one may be empty. All borrowed until the return. */
    const struct demo_picture *pictures;
    const struct demo_sound *sounds;
    uint32_t width_px, height_px;
    uint32_t rate_fps;
    const char *path;                          /* replaced when it exists */
    void (*progress)(void *user, double done); /* 0..1, may be NULL */
    void *user;
};

/* TYTO_ERR_IO when the file cannot be written, UNSUPPORTED when an encoder plugin is missing; no
 * half-written file stays at path. */
TYTO_MUST_CHECK
enum tyto_err demo_render(const struct demo_render_params *params);

#endif
