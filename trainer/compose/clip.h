/* SPDX-License-Identifier: MIT */
/* One clip: pictures and sounds read, painted, mixed and written. */
#ifndef TYTO_TRAINER_COMPOSE_CLIP_H
#define TYTO_TRAINER_COMPOSE_CLIP_H

#include "base/fault.h"
#include "trainer/compose/mix.h"
#include "trainer/compose/paint.h"

struct tyto_compose_clip_params {
    const struct tyto_compose_options *options;
    struct tyto_compose_pictures pictures;
    struct tyto_compose_sounds sounds;
    const char *path;
    void *user;
    /* Each frame before it is written; may be NULL. */
    void (*on_frame)(void *user, uint32_t frame, uint32_t num_frames, const uint8_t *i420);
};

/* Files of an asset list. user: const struct tyto_compose_assets. */
struct tyto_compose_pictures tyto_compose_pictures_of(const struct tyto_compose_assets *assets);
struct tyto_compose_sounds tyto_compose_sounds_of(const struct tyto_compose_assets *assets);

/* Sets the objects' aspects in *scene; *ret_gain as tyto_compose_mix says. What painting, mixing
 * and writing say. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_clip_make(struct tyto_compose_scene *scene,
                                     const struct tyto_compose_clip_params *params, float *ret_gain,
                                     struct tyto_fault *ret_fault);

#endif
