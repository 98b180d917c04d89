/* SPDX-License-Identifier: MIT */
/* What a camera's zones mean for the classes of a head. Internal to the folder. */
#ifndef TYTO_PIPELINE_TRACK_WHERE_H
#define TYTO_PIPELINE_TRACK_WHERE_H

#include "pipeline/track/tracker.h"

/* Of one class in one zone. */
struct tyto_where_threshold {
    float joint, seen; /* 0: as elsewhere */
};

struct tyto_where {
    struct tyto_zones zones; /* owned, as all of it */
    uint32_t num_classes;
    uint32_t *is_for;                        /* (K) bit i: zone i is for the class */
    uint32_t *required;                      /* (K) bit i: zone i is one that begins its events */
    float *least;                            /* (K) of its thresholds in any zone; 2: it has none */
    struct tyto_where_threshold *thresholds; /* (num_zones, K) */
};

/* INVALID for a class that is none of names, for a zone that is none; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_where_init(struct tyto_where *where, const struct tyto_tracker_params *params,
                              uint32_t num_classes, const char *const *class_names);
void tyto_where_finish(struct tyto_where *where);
/* The lowest thresholds of the class among the zones whose bits are set; 0: none of them has one.
 */
struct tyto_where_threshold tyto_where_thresholds(const struct tyto_where *where, uint32_t k,
                                                  uint32_t touched);

#endif
