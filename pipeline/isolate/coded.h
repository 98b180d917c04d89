/* SPDX-License-Identifier: MIT */
/* What is coded, on its way from GStreamer's threads to the parent's recordings: a tap that keeps
 * until it is sent, bounded in number and bytes. */
#ifndef TYTO_PIPELINE_ISOLATE_CODED_H
#define TYTO_PIPELINE_ISOLATE_CODED_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/ring.h"
#include "pipeline/source/tap.h"

struct tyto_coded_queue {
    struct tyto_tap tap; /* of the source */
    struct tyto_ring *ring;
    atomic_uint_fast64_t num_bytes;  /* in it */
    void *codings[TYTO_NUM_STREAMS]; /* that were sent last; owned */
};

/* The queue stays where it is, and is never freed: a pipeline that hangs may still use its tap. */
TYTO_MUST_CHECK
enum tyto_err tyto_coded_queue_init(struct tyto_coded_queue *queue, int64_t av_offset_ns);
/* Sends all that waits. CLOSED: there is no parent any more; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_coded_queue_send(struct tyto_coded_queue *queue, int fd);

#endif
