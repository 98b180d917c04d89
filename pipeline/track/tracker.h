/* SPDX-License-Identifier: MIT */
/* Scores per segment in, events out: per class an onset after N of the last M
 * segments, hysteresis, hang-over, shortest and longest duration. Heard, seen
 * and both (joint) are scored apart, so an event says by what it was noticed.
 * Every NEW gets its END. Plain computation: no threads, no clocks.
 *
 * WHETHER. How far an event reaches and whether it is told are two questions. Thresholds begin it
 * and hold it; it is told once a score has stood well above its threshold (peak), so that what
 * hovers about a threshold is no event, and what is one keeps its faint begin.
 *
 * BY WHAT. The joint score says that a class is there; whether it was heard, seen or both is said
 * by its own two scores, at off_ratio of their thresholds, at any moment of the event: what is only
 * seen can raise joint far enough to be told. By neither: both, for then nothing but joint is
 * known.
 *
 * WHERE. A segment's place for a class is the box in which the class was seen, else the box of
 * where the sound is in the picture. What is only heard has no place. An event names the zones that
 * its places have touched. A class that requires zones begins an event by segments in one of them
 * only; once begun it goes on wherever it goes. A threshold that a zone has for the class is held
 * against what lies there, in the place of the class's own; the lowest, where several do.
 *
 * LIKE WHAT. An event's embedding of sound is the mean of its segments in which it was heard, that
 * of the picture of those in which it was seen.
 *
 * WHICH. An END says for the event's last seconds which second of picture answered which of sound.
 *
 * WHEN. Quiet hours decide about the begin: an event that has begun goes on through them. */
#ifndef TYTO_PIPELINE_TRACK_TRACKER_H
#define TYTO_PIPELINE_TRACK_TRACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "pipeline/track/evidence.h"
#include "pipeline/track/quiet.h"
#include "pipeline/zones/zones.h"
#include "proto/event.h"

enum { TYTO_TRACKER_MAX_WINDOW = 16 };

/* Wishes for one class, by name. */
struct tyto_class_rule {
    char class_name[TYTO_ID_MAX + 1];
    float threshold;       /* of joint; 0: the weights file's */
    float threshold_heard; /* of heard alone; 0: the weights' or derived from threshold */
    float threshold_seen;
    bool off; /* never publish this class */
    /* Its events begin in one of these only; none: anywhere. */
    struct tyto_zone_names required_zones;
};

/* The joint threshold of a class that neither the params nor the weights have one for. */
#define TYTO_TRACKER_THRESHOLD 0.5

struct tyto_tracker_params {
    float threshold;        /* joint, for all classes; 0: what the weights say */
    float threshold_single; /* heard or seen alone; 0: the weights', or derived from the joint */
    float off_ratio;        /* an open event goes on while score >= off_ratio * threshold */
    float peak;         /* tyto_tracker_peak_of(): told once a score has reached it; 0: at once */
    uint32_t onset_num; /* N */
    uint32_t onset_window;   /* of M; 0: 4, or N where that is more */
    int64_t hang_over_ns;    /* so long without a positive segment ends an event */
    int64_t min_duration_ns; /* shorter ones are not published */
    int64_t max_duration_ns;
    int64_t update_every_ns; /* of media time between UPDATEs; modality changes at once */
    bool only_joint;         /* publish AV events only */
    const struct tyto_class_rule *rules; /* borrowed until create has returned */
    uint32_t num_rules;
    const struct tyto_zones *zones; /* NULL: none. It and what follows: borrowed as the rules are */
    const struct tyto_quiet *quiet;
    uint32_t num_quiet;
    const char *time_zone; /* of quiet; NULL or "": the host's */
};

/* What is known of one segment; pointers are borrowed until update returns. */
struct tyto_observation {
    int64_t begin_ns, end_ns; /* media clock; begin never goes back within a tracker */
    int64_t unix_offset_ns;   /* UTC = media + this */
    enum tyto_clock_quality clock_quality;
    struct tyto_evidence evidence; /* its box is of any class: box_of may know better */
    /* Where class k is seen: false when nobody knows. NULL: nobody does. */
    bool (*box_of)(const void *user, uint32_t k, struct tyto_box *ret_box);
    const void *box_user;
    const struct tyto_embeddings *embeddings; /* of the segment; NULL: nobody knows */
    struct tyto_stamp stamps[TYTO_NUM_STAGES];
};

typedef void (*tyto_tracker_sink)(void *user, const struct tyto_event *event);

struct tyto_tracker_context {
    const char *camera; /* copied */
    uint32_t num_classes;
    const char *const *class_names; /* (K), borrowed until the tracker is destroyed */
    /* (3, K): joint, heard alone, seen alone; 0: not said. NULL: nothing is. Copied. */
    const float *weights_thresholds;
    const char *model_digest; /* copied */
    uint32_t config_generation;
    int64_t hop_ns;
    tyto_tracker_sink sink; /* called within update and end; the event is borrowed */
    void *user;
};

struct tyto_tracker;

/* So much of the way from a threshold to 1. */
static inline float tyto_tracker_peak_of(float threshold, float peak)
{
    return threshold + peak * (1 - threshold);
}

/* What holds when nothing is asked for; no rules. */
struct tyto_tracker_params tyto_tracker_params_default(void);
/* Puts the default for each zero, and an onset_window that follows from onset_num. The thresholds
 * stay 0 where they are: they follow from each class. tyto_tracker_create() does it, too. */
void tyto_tracker_params_settle(struct tyto_tracker_params *params);
/* A copy that owns all that it refers to; finish() frees that. NOMEM: *ret_params owns nothing. */
TYTO_MUST_CHECK
enum tyto_err tyto_tracker_params_copy(const struct tyto_tracker_params *params,
                                       struct tyto_tracker_params *ret_params);
void tyto_tracker_params_finish(struct tyto_tracker_params *params);
/* The first class that rules, zones or quiet hours name and that is none of the (num) names; NULL:
 * there is none. Borrowed from params. */
const char *tyto_tracker_params_stranger(const struct tyto_tracker_params *params,
                                         const char *const *class_names, uint32_t num);

/* TYTO_ERR_INVALID when a parameter is out of range or a rule names no class; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_tracker_create(const struct tyto_tracker_params *params,
                                  const struct tyto_tracker_context *context,
                                  struct tyto_tracker **ret_tracker);
/* A tracker with the parameters and rules of `like`, for another head's classes: INVALID when
 * a rule names none of them; NOMEM. names are borrowed until destroy, the rest is copied.
 * like may be in use elsewhere meanwhile. */
TYTO_MUST_CHECK
enum tyto_err tyto_tracker_create_like(const struct tyto_tracker *like, uint32_t num_classes,
                                       const char *const *class_names,
                                       const float *weights_thresholds, const char *model_digest,
                                       struct tyto_tracker **ret_tracker);
/* Takes over what `before` knows. Its open events go on where this tracker has a class of the
 * same name (ids stay; messages from now on carry this tracker's digest, generation and class id),
 * the others END with MODEL_CHANGED. before is as if new. */
void tyto_tracker_adopt(struct tyto_tracker *tracker, struct tyto_tracker *before);
/* Open events are not ended: call tyto_tracker_end() first. */
void tyto_tracker_destroy(struct tyto_tracker **tracker);
/* One more segment. Scores that are not finite count as 0. */
void tyto_tracker_update(struct tyto_tracker *tracker, const struct tyto_observation *observation);
/* Ends all open events at the end of their last positive segment, for reason
 * SOURCE_LOST, SOURCE_ENDED, SHUTDOWN or MODEL_CHANGED, and forgets the past. */
void tyto_tracker_end(struct tyto_tracker *tracker, enum tyto_event_reason reason);
/* (3, K): what joint, heard alone and seen alone are held against; 2 for a class that is off. They
 * do not change after create. */
void tyto_tracker_get_thresholds(const struct tyto_tracker *tracker, float *ret_thresholds);
/* Settled; rules are the tracker's. Digest: of its model, "" for none. Borrowed. */
const struct tyto_tracker_params *tyto_tracker_get_params(const struct tyto_tracker *tracker);
const char *tyto_tracker_digest(const struct tyto_tracker *tracker);
/* Whether an event is open, or a score of the evidence is at least half of what it is held against:
 * an event may come of it. */
bool tyto_tracker_is_stirred(const struct tyto_tracker *tracker,
                             const struct tyto_evidence *evidence);
uint32_t tyto_tracker_num_open(const struct tyto_tracker *tracker);

#endif
