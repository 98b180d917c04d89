/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "pipeline/track/internal.h"

/* By which of its own scores, heard and seen, a class is there, held against ratio * threshold; 0:
 * by neither, or nobody knows. */
static uint32_t own_senses_of(const struct tyto_track_thresholds *t, float ratio,
                              const struct tyto_scores *s, const struct tyto_observation *o)
{
    uint32_t senses = 0;
    if (!o->evidence.has_heard_seen)
        return 0;
    if (o->evidence.has_audio && s->heard >= ratio * t->heard)
        senses |= TYTO_SENSE_HEARD;
    if (o->evidence.has_video && s->seen >= ratio * t->seen)
        senses |= TYTO_SENSE_SEEN;
    return senses;
}

/* Senses by which a class is there, held against ratio * threshold. */
static uint32_t senses_of(const struct tyto_tracker *tracker, const struct tyto_track_thresholds *t,
                          float ratio, const struct tyto_scores *s,
                          const struct tyto_observation *o)
{
    if (t->off)
        return 0;
    if (!o->evidence.has_heard_seen) /* a single score: by every stream that was there */
        return s->joint < ratio * t->joint                      ? 0u
               : o->evidence.has_audio && o->evidence.has_video ? TYTO_SENSE_JOINT
               : o->evidence.has_audio                          ? TYTO_SENSE_HEARD
                                                                : TYTO_SENSE_SEEN;
    uint32_t senses = own_senses_of(t, ratio, s, o);
    if (o->evidence.has_audio && o->evidence.has_video && s->joint >= ratio * t->joint)
        senses |= TYTO_SENSE_JOINT;
    return tracker->params.only_joint ? senses & TYTO_SENSE_JOINT : senses;
}

/* Whether one of the scores by which the class is there has reached its peak. */
static bool is_peak(float peak, const struct tyto_track_thresholds *t, uint32_t senses,
                    const struct tyto_scores *s, const struct tyto_observation *o)
{
    if (!o->evidence.has_heard_seen)
        return senses != 0 && s->joint >= tyto_tracker_peak_of(t->joint, peak);
    return (senses & TYTO_SENSE_JOINT && s->joint >= tyto_tracker_peak_of(t->joint, peak)) ||
           (senses & TYTO_SENSE_HEARD && s->heard >= tyto_tracker_peak_of(t->heard, peak)) ||
           (senses & TYTO_SENSE_SEEN && s->seen >= tyto_tracker_peak_of(t->seen, peak));
}

/* Whether the class may be there by the thresholds of any zone: most classes are not, and need no
 * place to be looked for. */
static bool may_be_there(const struct tyto_tracker *tracker, uint32_t k, float ratio,
                         const struct tyto_scores *s)
{
    const struct tyto_track_thresholds *t = &tracker->thresholds[k];
    const float least = fminf(fminf(t->joint, t->seen), tracker->where.least[k]);
    return fmaxf(s->joint, s->seen) >= ratio * least;
}

static uint32_t touched_by(const struct tyto_tracker *tracker, uint32_t k,
                           const struct tyto_observation *o)
{
    struct tyto_box box;
    bool has_box = o->box_of && o->box_of(o->box_user, k, &box);
    if (!has_box && o->evidence.has_box) {
        box = o->evidence.box;
        has_box = true;
    }
    return has_box ? tyto_zones_touched(&tracker->where.zones, &box) & tracker->where.is_for[k] : 0;
}

struct tyto_finding tyto_tracker_find(const struct tyto_tracker *tracker, uint32_t k, float ratio,
                                      const struct tyto_scores *s, const struct tyto_observation *o)
{
    struct tyto_track_thresholds t = tracker->thresholds[k];
    struct tyto_finding found = {0};
    uint32_t touched = 0;
    if (tracker->where.zones.num_zones > 0 && may_be_there(tracker, k, ratio, s)) {
        touched = touched_by(tracker, k, o);
        const struct tyto_where_threshold here = tyto_where_thresholds(&tracker->where, k, touched);
        t.joint = here.joint > 0 ? here.joint : t.joint;
        t.seen = here.seen > 0 ? here.seen : t.seen;
    }
    const float quiet =
        tracker->tracks[k].open || tracker->quiet.num == 0 ? 0 : tracker->quiet.least[k];
    t.off |= quiet > 1;
    t.joint = fmaxf(t.joint, quiet);
    t.heard = fmaxf(t.heard, quiet);
    t.seen = fmaxf(t.seen, quiet);
    found.senses = senses_of(tracker, &t, ratio, s, o);
    if (found.senses & (TYTO_SENSE_JOINT | TYTO_SENSE_SEEN))
        found.zones = touched;
    const uint32_t required = tracker->where.required[k];
    if (!tracker->tracks[k].open && required != 0 && !(found.zones & required))
        found.senses = 0;
    if (found.senses != 0)
        found.claims = own_senses_of(&t, tracker->params.off_ratio, s, o);
    found.is_peak = is_peak(tracker->params.peak, &t, found.senses, s, o);
    return found;
}

static bool reaches(const float *scores, uint32_t k, float threshold)
{
    return scores && scores[k] >= 0.5f * threshold;
}

bool tyto_tracker_is_stirred(const struct tyto_tracker *tracker,
                             const struct tyto_evidence *evidence)
{
    bool is_stirred = tracker->num_open > 0;
    for (uint32_t k = 0; k < tracker->context.num_classes && !is_stirred; k++) {
        const struct tyto_track_thresholds *t = &tracker->thresholds[k];
        is_stirred =
            !t->off && (reaches(evidence->joint, k, t->joint) ||
                        (evidence->has_heard_seen && (reaches(evidence->heard, k, t->heard) ||
                                                      reaches(evidence->seen, k, t->seen))));
    }
    return is_stirred;
}
