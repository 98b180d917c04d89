/* SPDX-License-Identifier: MIT */
/* The numbers of messages: seq over all, cam_seq over a camera, class_seq over a class of a camera.
 * They are given where a message is handed in, before it is queued: whatever becomes of it then,
 * its loss is a gap for everyone who would have got it. With a
 * journal they go on from run to run. */
#ifndef TYTO_DAEMON_PUBLISH_NUMBERING_H
#define TYTO_DAEMON_PUBLISH_NUMBERING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ring.h"
#include "proto/event.h"

struct tyto_numbering;

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_numbering_create(struct tyto_numbering **ret_numbering);
void tyto_numbering_destroy(struct tyto_numbering **numbering);

/* Before anything has a number: they go on behind these, over all, of a camera (class_name NULL),
 * of a class of a camera. NOMEM. */
void tyto_numbering_restore(struct tyto_numbering *numbering, uint64_t seq);
TYTO_MUST_CHECK
enum tyto_err tyto_numbering_restore_counter(struct tyto_numbering *numbering, const char *camera,
                                             const char *class_name, uint64_t num);

/* Numbers the envelope, which is *taken*, and queues it as one step: the queue has the order of the
 * numbers. A full queue is waited for until wait_ms are over, by one caller at a time. FULL,
 * CLOSED, NOMEM: it is lost, and its number with it. Any thread; the queue's own with wait_ms 0,
 * which waits for nobody: FULL also when another one is at it. */
TYTO_MUST_CHECK
enum tyto_err tyto_numbering_push(struct tyto_numbering *numbering, struct tyto_ring *ring,
                                  struct tyto_envelope *envelope, uint32_t wait_ms);
/* A message for which there was no memory: its number is skipped. class_name NULL: no event; camera
 * NULL, too: of no camera. Any thread. */
void tyto_numbering_skip(struct tyto_numbering *numbering, const char *camera,
                         const char *class_name);
uint64_t tyto_numbering_num_lost(const struct tyto_numbering *numbering); /* any thread */

/* --- the publisher's thread ----------------------------------------------------------------- */

/* Numbers an envelope that is sent at once: nothing may be queued. NOMEM: seq has moved. */
TYTO_MUST_CHECK
enum tyto_err tyto_numbering_number(struct tyto_numbering *numbering,
                                    struct tyto_envelope *envelope);
/* It has been sent: heartbeats and repeated states tell of it from now on. */
void tyto_numbering_note_sent(struct tyto_numbering *numbering,
                              const struct tyto_envelope *envelope);
/* Of what has been sent, and of what was lost since when nothing is queued: has_none tells whether
 * that is so, at a moment at which nothing can be queued. */
uint64_t tyto_numbering_last_seq(struct tyto_numbering *numbering,
                                 bool (*has_none)(const void *user), const void *user);
uint32_t tyto_numbering_num_cameras(struct tyto_numbering *numbering);
/* camera_idx < num_cameras, as the last call of last_seq() found it. */
void tyto_numbering_get_camera(struct tyto_numbering *numbering, uint32_t camera_idx,
                               struct tyto_camera_seq *ret_seq);
/* False: none was sent yet. */
bool tyto_numbering_get_state(struct tyto_numbering *numbering, uint32_t camera_idx,
                              struct tyto_camera_state *ret_state);

#endif
