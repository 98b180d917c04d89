/* SPDX-License-Identifier: MIT */
/* The frames of a scene: a part of the place, objects on top, then what the camera does to them. */
#ifndef TYTO_TRAINER_COMPOSE_PAINT_H
#define TYTO_TRAINER_COMPOSE_PAINT_H

#include "base/fault.h"
#include "trainer/compose/image.h"
#include "trainer/compose/motion.h"
#include "trainer/compose/scene.h"

/* Reads the picture of an entry of the asset list; *ret_image is owned by the caller. Any thread.
 */
struct tyto_compose_pictures {
    void *user;
    enum tyto_err (*read)(void *user, uint32_t entry_idx, struct tyto_compose_rgba *ret_image,
                          struct tyto_fault *ret_fault);
};

struct tyto_compose_painter;

/* Reads the pictures of the scene, cuts objects out, and sets their aspects and what has become of
 * their look in *scene, which is borrowed until destroy, as are motions (NULL: nothing moves with
 * its sound). NOMEM, and what reading says. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_painter_create(struct tyto_compose_scene *scene,
                                          const struct tyto_compose_options *options,
                                          const struct tyto_compose_pictures *pictures,
                                          const struct tyto_compose_motions *motions,
                                          struct tyto_compose_painter **ret_painter,
                                          struct tyto_fault *ret_fault);
void tyto_compose_painter_destroy(struct tyto_compose_painter **painter);

/* The frame shown at time_ns, as I420 without padding; out has width * height * 3 / 2 bytes. The
 * noise goes on from frame to frame: paint them in order. */
void tyto_compose_painter_paint(struct tyto_compose_painter *painter, int64_t time_ns,
                                uint8_t *out);

#endif
