/* SPDX-License-Identifier: MIT */
/* Hours in which events of some classes do not begin, or only with a higher score. */
#ifndef TYTO_PIPELINE_TRACK_QUIET_H
#define TYTO_PIPELINE_TRACK_QUIET_H

#include "options/options.h"
#include "pipeline/hours/hours.h"

enum { TYTO_QUIET_MAX = 32 /* for one camera */ };

struct tyto_quiet {
    struct tyto_hours hours;
    struct tyto_texts classes; /* none: all */
    float threshold;           /* of any sense, where that is higher; 0: nothing of them begins */
};

/* Those of one camera, for the classes of a head. */
struct tyto_quiets {
    struct tyto_quiet *items; /* owned, as all of it */
    uint32_t num, num_classes;
    bool *concerns; /* (num, K) */
    struct tyto_time_zone *zone;
    /* (K) what quiet() found: 0: nothing is quiet; else the least score, 2: never. */
    float *least;
};

/* time_zone "" or NULL: the host's. INVALID for one that is none, a class that is none of names, a
 * threshold out of range; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_quiets_init(struct tyto_quiets *quiets, const struct tyto_quiet *items,
                               uint32_t num, const char *time_zone, uint32_t num_classes,
                               const char *const *class_names);
void tyto_quiets_finish(struct tyto_quiets *quiets);
/* Fills least for that moment. */
void tyto_quiets_look(struct tyto_quiets *quiets, int64_t unix_ns);

TYTO_MUST_CHECK
enum tyto_err tyto_quiet_copy(const struct tyto_quiet *quiet, struct tyto_quiet *ret_quiet);
void tyto_quiet_finish(struct tyto_quiet *quiet);

#endif
