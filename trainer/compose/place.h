/* SPDX-License-Identifier: MIT */
/* Places that no picture shows: walls, floors, skies, boards, with coarse texture. */
#ifndef TYTO_TRAINER_COMPOSE_PLACE_H
#define TYTO_TRAINER_COMPOSE_PLACE_H

#include "trainer/compose/image.h"

/* The same for the same seed. SHAPE, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_make_place(uint64_t seed, uint32_t width_px, uint32_t height_px,
                                      struct tyto_compose_rgba *ret_image);

#endif
