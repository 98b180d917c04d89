/* SPDX-License-Identifier: MIT */
/* A camera's session description (SDP) cut down to what is used of it, before anything is built
 * from it: rtspsrc keeps elements and lists for each stream that is named. */
#ifndef TYTO_PIPELINE_SDP_H
#define TYTO_PIPELINE_SDP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "pipeline/segment/segment.h"

enum {
    TYTO_SDP_MAX_MEDIA = 16,      /* m= lines; a camera has two to four */
    TYTO_SDP_MAX_FORMATS = 16,    /* payload types of one of them */
    TYTO_SDP_MAX_ATTRIBUTES = 64, /* a= lines of one of them, and of the whole */
};

/* Leaves of sdp (a GstSDPMessage) the first stream of each wanted kind, with so many formats and
 * attributes. UNSUPPORTED when it names more streams than MAX_MEDIA or none that is wanted: then
 * nothing is left, and text says why. */
TYTO_MUST_CHECK
enum tyto_err tyto_sdp_cut(void *sdp, const bool wanted[TYTO_NUM_STREAMS], char *text,
                           uint32_t text_bytes);

#endif
