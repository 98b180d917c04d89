/* SPDX-License-Identifier: MIT */
/* Objects that act with their sound, as people who speak, dogs that bark and hammers that strike
 * do: how far each is moved at a time, by the loudness of its own sound before the room's echo.
 * Silent objects may move to a rhythm of their own, which nothing that is heard shares. */
#ifndef TYTO_TRAINER_COMPOSE_MOTION_H
#define TYTO_TRAINER_COMPOSE_MOTION_H

#include "trainer/compose/scene.h"

/* 0 (rest) to 1 (farthest), TYTO_COMPOSE_MOTION_HZ times a second of the pictures' timeline. */
enum { TYTO_COMPOSE_MOTION_HZ = 100 };

struct tyto_compose_motions {
    const struct tyto_compose_scene *scene; /* borrowed until finish */
    uint32_t num_values;
    float *values[TYTO_COMPOSE_MAX_OBJECTS]; /* owned; NULL: does not move */
};

/* Rhythms of silent objects are drawn here; sounds come by tyto_compose_motions_hear(). NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_motions_init(struct tyto_compose_motions *motions,
                                        const struct tyto_compose_scene *scene);
void tyto_compose_motions_finish(struct tyto_compose_motions *motions);

/* The scene's sound number sound_idx, dry, at 16 kHz: samples[begin] to before samples[end] of its
 * track. Moves the objects that make it. */
void tyto_compose_motions_hear(struct tyto_compose_motions *motions, uint32_t sound_idx,
                               const float *samples, uint32_t begin, uint32_t end);
/* Moves box, in pixels of the frame (x0, y0, x1, y1), as the object moves at time_ns; returns what
 * its brightness is multiplied by. */
float tyto_compose_motions_apply(const struct tyto_compose_motions *motions, uint32_t object_idx,
                                 int64_t time_ns, double box[4]);

#endif
