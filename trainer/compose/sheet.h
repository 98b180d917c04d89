/* SPDX-License-Identifier: MIT */
/* What was composed, to look at: frames of the first clips and the truth below them, as one HTML
 * file that needs nothing else: sheet.html with these data in it. */
#ifndef TYTO_TRAINER_COMPOSE_SHEET_H
#define TYTO_TRAINER_COMPOSE_SHEET_H

#include "base/fault.h"
#include "trainer/compose/scene.h"

struct tyto_compose_sheet;

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_sheet_create(const struct tyto_compose_options *options,
                                        uint32_t num_clips, struct tyto_compose_sheet **ret_sheet);
void tyto_compose_sheet_destroy(struct tyto_compose_sheet **sheet);

/* Any thread, as long as no two have the same clip. Frames that are not shown are skipped; what
 * does not fit into memory stays empty. */
void tyto_compose_sheet_put_frame(struct tyto_compose_sheet *sheet, uint32_t clip, uint32_t frame,
                                  uint32_t num_frames, const uint8_t *i420);
void tyto_compose_sheet_put_scene(struct tyto_compose_sheet *sheet, uint32_t clip, const char *name,
                                  const struct tyto_compose_scene *scene,
                                  const struct tyto_compose_assets *assets);
/* Once. NOMEM; IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_sheet_write(struct tyto_compose_sheet *sheet, const char *path,
                                       struct tyto_fault *ret_fault);

#endif
