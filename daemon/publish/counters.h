/* SPDX-License-Identifier: MIT */
/* The sequence numbers below the global one (per camera, and per class of a
 * camera), and each camera's latest state. One thread. Cameras keep their order
 * of first appearance. */
#ifndef TYTO_DAEMON_PUBLISH_COUNTERS_H
#define TYTO_DAEMON_PUBLISH_COUNTERS_H

#include <stdint.h>

#include "base/err.h"
#include "proto/event.h"

struct tyto_counters;

TYTO_MUST_CHECK
enum tyto_err tyto_counters_create(struct tyto_counters **ret_counters);
void tyto_counters_destroy(struct tyto_counters **counters);
/* The next number of the camera, and of the class when class_name is not NULL
 * (else *ret_class_seq is 0). NOMEM: neither has moved. */
TYTO_MUST_CHECK
enum tyto_err tyto_counters_next(struct tyto_counters *counters, const char *camera,
                                 const char *class_name, uint64_t *ret_cam_seq,
                                 uint64_t *ret_class_seq);
/* The last number of a camera, or of a class of it, is this one or a higher one that was said
 * before; it counts as sent. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_counters_restore(struct tyto_counters *counters, const char *camera,
                                    const char *class_name, uint64_t num);
uint32_t tyto_counters_num_cameras(const struct tyto_counters *counters);
/* Up to this number the camera's messages have been sent, or lost. */
void tyto_counters_note_sent(struct tyto_counters *counters, const char *camera, uint64_t cam_seq);
void tyto_counters_note_all_sent(struct tyto_counters *counters);
/* What has been sent. camera_idx < num_cameras. */
void tyto_counters_get_camera(const struct tyto_counters *counters, uint32_t camera_idx,
                              struct tyto_camera_seq *ret_seq);

/* Remembers the state of a camera that has been counted before. */
void tyto_counters_keep_state(struct tyto_counters *counters,
                              const struct tyto_camera_state *state);
/* camera_idx < num_cameras. NULL: none yet. Borrowed until the next call that counts. */
const struct tyto_camera_state *tyto_counters_get_state(const struct tyto_counters *counters,
                                                        uint32_t camera_idx);

#endif
