/* SPDX-License-Identifier: MIT */
/* A camera's offset between sound and picture: what its streams show of it (pipeline/sync), and
 * what of that is applied, by hysteresis. Belongs to the inference thread. */
#ifndef TYTO_PIPELINE_SESSION_ALIGN_H
#define TYTO_PIPELINE_SESSION_ALIGN_H

#include "base/words.h"
#include "pipeline/source/source.h"
#include "pipeline/sync/sync.h"
#include "pipeline/zones/polygon.h"

#define TYTO_ALIGN_LIST(X)                                                                         \
    X(TYTO_ALIGN_APPLY, "apply", NULL) /* the offset that is believed is applied */                \
    X(TYTO_ALIGN_WATCH, "watch", NULL) /* it is only told */                                       \
    X(TYTO_ALIGN_OFF, "off", NULL)     /* nobody looks */
enum tyto_align_mode { TYTO_ALIGN_LIST(TYTO_WORD_ENUM) };

/* What is known of a camera's offset. */
struct tyto_alignment {
    bool is_watched; /* the rest means something */
    struct tyto_sync_estimate estimate;
    int64_t applied_ns; /* subtracted from the sound's times */
};

struct tyto_align {
    enum tyto_align_mode mode;
    struct tyto_sync *sync; /* owned; NULL: nobody looks */
    struct tyto_alignment alignment;
    int64_t seen_ns;     /* time of the estimate before */
    uint32_t num_agreed; /* estimates in a row that are off by the same */
    int64_t candidate_ns;
};

/* configured_ns is applied until something else is believed; what moves in the masks does not
 * count. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_align_init(struct tyto_align *align, enum tyto_align_mode mode,
                              int64_t configured_ns, const struct tyto_polygon *masks,
                              uint32_t num_masks);
void tyto_align_finish(struct tyto_align *align);
/* Sound and all small pictures that a source has, base_ns added to their times. */
void tyto_align_sound(struct tyto_align *align, int64_t pts_ns, const float *samples,
                      uint32_t num_samples);
void tyto_align_look(struct tyto_align *align, struct tyto_source *source, int64_t base_ns);
/* Takes a new estimate in. True when applied_ns became another. */
bool tyto_align_update(struct tyto_align *align);

#endif
