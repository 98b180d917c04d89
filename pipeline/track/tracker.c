/* SPDX-License-Identifier: MIT */
#include "pipeline/track/tracker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/cman/cman.h"
#include "pipeline/track/internal.h"

static bool share_ok(float value)
{
    return value >= 0 && value <= 1; /* false for NaN */
}

static enum tyto_err check_params(const struct tyto_tracker_params *p)
{
    if (!share_ok(p->threshold) || !share_ok(p->threshold_single) || !share_ok(p->off_ratio) ||
        !share_ok(p->peak) || p->onset_window > TYTO_TRACKER_MAX_WINDOW ||
        p->onset_num > p->onset_window || p->hang_over_ns < 0 || p->min_duration_ns < 0 ||
        p->max_duration_ns <= 0 || p->update_every_ns <= 0)
        return TYTO_ERR_INVALID;
    return TYTO_OK;
}

static enum tyto_err apply_rules(struct tyto_tracker *tracker)
{
    for (uint32_t r = 0; r < tracker->params.num_rules; r++) {
        const struct tyto_class_rule *rule = &tracker->params.rules[r];
        const uint32_t k = tyto_text_find(tracker->context.class_names,
                                          tracker->context.num_classes, rule->class_name);
        if (k == tracker->context.num_classes || !share_ok(rule->threshold) ||
            !share_ok(rule->threshold_heard) || !share_ok(rule->threshold_seen))
            return TYTO_ERR_INVALID;
        struct tyto_track_thresholds *t = &tracker->thresholds[k];
        t->off = rule->off;
        if (rule->threshold > 0)
            t->joint = rule->threshold;
        t->heard = rule->threshold_heard;
        t->seen = rule->threshold_seen;
    }
    return TYTO_OK;
}

/* Of one sense alone: what a rule says, what was asked for all classes, what the weights say, or so
 * far beyond the joint threshold. A joint threshold that a person set carries the latter, because
 * the weights' single ones belong to the weights' joint one. */
static float single_threshold(const struct tyto_tracker *tracker, uint32_t k, float of_rule,
                              const float *of_weights, bool is_set)
{
    const float joint = tracker->thresholds[k].joint;
    if (of_rule > 0)
        return of_rule;
    if (tracker->params.threshold_single > 0)
        return tracker->params.threshold_single;
    if (!is_set && of_weights && of_weights[k] > 0 && of_weights[k] <= 1)
        return of_weights[k];
    return tyto_cman_single_threshold(joint);
}

static enum tyto_err set_thresholds(struct tyto_tracker *tracker)
{
    const size_t num = tracker->context.num_classes;
    const float *weights = tracker->context.weights_thresholds;
    for (uint32_t k = 0; k < num; k++) {
        tracker->thresholds[k].joint = (float)TYTO_TRACKER_THRESHOLD;
        if (tracker->params.threshold > 0)
            tracker->thresholds[k].joint = tracker->params.threshold;
        else if (weights && weights[k] > 0 && weights[k] <= 1)
            tracker->thresholds[k].joint = weights[k];
    }
    const enum tyto_err err = apply_rules(tracker);
    for (uint32_t k = 0; k < num; k++) {
        struct tyto_track_thresholds *t = &tracker->thresholds[k];
        const bool is_set = !weights || t->joint != weights[k];
        t->heard = single_threshold(tracker, k, t->heard, weights ? weights + num : NULL, is_set);
        t->seen = single_threshold(tracker, k, t->seen, weights ? weights + 2 * num : NULL, is_set);
    }
    return err;
}

/* Zones and quiet hours, whose copies the parameters refer to from then on. */
static enum tyto_err copy_limits(struct tyto_tracker *tracker, const struct tyto_tracker_params *p)
{
    const struct tyto_tracker_context *context = &tracker->context;
    enum tyto_err err =
        tyto_where_init(&tracker->where, p, context->num_classes, context->class_names);
    if (!err)
        err = tyto_quiets_init(&tracker->quiet, p->quiet, p->num_quiet, p->time_zone,
                               context->num_classes, context->class_names);
    if (!err && p->time_zone && !(tracker->time_zone = strdup(p->time_zone)))
        err = TYTO_ERR_NOMEM;
    tracker->params.zones = &tracker->where.zones;
    tracker->params.quiet = tracker->quiet.items;
    tracker->params.time_zone = tracker->time_zone;
    return err;
}

static enum tyto_err copy_rules(struct tyto_tracker *tracker, const struct tyto_tracker_params *p)
{
    if (p->num_rules == 0)
        return TYTO_OK;
    tracker->rules = calloc(p->num_rules, sizeof(*tracker->rules));
    if (!tracker->rules)
        return TYTO_ERR_NOMEM;
    memcpy(tracker->rules, p->rules, p->num_rules * sizeof(*tracker->rules));
    tracker->params.rules = tracker->rules;
    return TYTO_OK;
}

enum tyto_err tyto_tracker_create(const struct tyto_tracker_params *params,
                                  const struct tyto_tracker_context *context,
                                  struct tyto_tracker **ret_tracker)
{
    struct tyto_tracker_params p = *params;
    tyto_tracker_params_settle(&p);
    if (check_params(&p) != TYTO_OK || context->num_classes == 0 || !context->class_names ||
        !context->sink || !context->camera || !tyto_id_is_valid(context->camera) ||
        context->hop_ns <= 0)
        return TYTO_ERR_INVALID;
    struct tyto_tracker *tracker = calloc(1, sizeof(*tracker));
    if (!tracker)
        return TYTO_ERR_NOMEM;
    tracker->params = p;
    tracker->params.rules = NULL;
    tracker->context = *context;
    memcpy(tracker->camera, context->camera, strlen(context->camera) + 1);
    if (context->model_digest) {
        const size_t num = strnlen(context->model_digest, TYTO_DIGEST_MAX);
        memcpy(tracker->digest, context->model_digest, num);
    }
    tracker->thresholds = calloc(context->num_classes, sizeof(*tracker->thresholds));
    tracker->tracks = calloc(context->num_classes, sizeof(*tracker->tracks));
    enum tyto_err err = TYTO_ERR_NOMEM;
    if (tracker->thresholds && tracker->tracks)
        err = copy_rules(tracker, &p);
    if (!err)
        err = copy_limits(tracker, &p);
    if (!err)
        err = set_thresholds(tracker);
    if (err) {
        tyto_tracker_destroy(&tracker);
        return err;
    }
    /* What was borrowed for create only. */
    tracker->context.weights_thresholds = NULL;
    tracker->context.camera = tracker->camera;
    tracker->context.model_digest = tracker->digest;
    *ret_tracker = tracker;
    return TYTO_OK;
}

void tyto_tracker_destroy(struct tyto_tracker **tracker)
{
    if (!tracker || !*tracker)
        return;
    free((*tracker)->thresholds);
    free((*tracker)->tracks);
    free((*tracker)->rules);
    tyto_where_finish(&(*tracker)->where);
    tyto_quiets_finish(&(*tracker)->quiet);
    free((*tracker)->time_zone);
    free(*tracker);
    *tracker = NULL;
}

enum tyto_err tyto_tracker_create_like(const struct tyto_tracker *like, uint32_t num_classes,
                                       const char *const *class_names,
                                       const float *weights_thresholds, const char *model_digest,
                                       struct tyto_tracker **ret_tracker)
{
    struct tyto_tracker_context context = like->context;
    context.num_classes = num_classes;
    context.class_names = class_names;
    context.weights_thresholds = weights_thresholds;
    context.model_digest = model_digest;
    return tyto_tracker_create(&like->params, &context, ret_tracker);
}

void tyto_tracker_get_thresholds(const struct tyto_tracker *tracker, float *ret_thresholds)
{
    const size_t num = tracker->context.num_classes;
    for (size_t k = 0; k < num; k++) {
        const struct tyto_track_thresholds *t = &tracker->thresholds[k];
        ret_thresholds[k] = t->off ? 2 : t->joint;
        ret_thresholds[num + k] = t->off ? 2 : t->heard;
        ret_thresholds[2 * num + k] = t->off ? 2 : t->seen;
    }
}

const struct tyto_tracker_params *tyto_tracker_get_params(const struct tyto_tracker *tracker)
{
    return &tracker->params;
}

const char *tyto_tracker_digest(const struct tyto_tracker *tracker)
{
    return tracker->digest;
}

uint32_t tyto_tracker_num_open(const struct tyto_tracker *tracker)
{
    return tracker->num_open;
}

/* --- one class, one segment ------------------------------------------------------- */

static float score_of(const float *scores, uint32_t k)
{
    if (!scores || !isfinite(scores[k]))
        return 0;
    return scores[k] < 0 ? 0 : scores[k] > 1 ? 1 : scores[k];
}

static enum tyto_modality modality_of(const struct tyto_track *track)
{
    const bool is_heard = track->claims & TYTO_SENSE_HEARD,
               is_seen = track->claims & TYTO_SENSE_SEEN;
    if (is_heard != is_seen)
        return is_heard ? TYTO_MODALITY_A : TYTO_MODALITY_V;
    if (is_heard || track->senses & TYTO_SENSE_JOINT)
        return TYTO_MODALITY_AV;
    return track->senses & TYTO_SENSE_HEARD ? TYTO_MODALITY_A : TYTO_MODALITY_V;
}

/* Whether it has stood out, and is of the kind that is wanted. */
static bool is_worth_telling(const struct tyto_tracker *tracker, const struct tyto_track *track)
{
    return track->peaked && (!tracker->params.only_joint || modality_of(track) == TYTO_MODALITY_AV);
}

/* The score that says most for the class, against its own threshold. */
static float confidence_of(const struct tyto_scores *s, uint32_t senses)
{
    if (senses & TYTO_SENSE_JOINT)
        return s->joint;
    if (senses & TYTO_SENSE_HEARD)
        return s->heard > s->joint ? s->heard : s->joint;
    if (senses & TYTO_SENSE_SEEN)
        return s->seen > s->joint ? s->seen : s->joint;
    return fmaxf(s->joint, fmaxf(s->heard, s->seen));
}

static void push_scores(struct tyto_event *event, const struct tyto_scores *s, int64_t begin_ns)
{
    if (event->num_segments == TYTO_EVENT_MAX_SEGMENTS) {
        const size_t rest = sizeof(float) * (TYTO_EVENT_MAX_SEGMENTS - 1);
        memmove(event->segment_joint, event->segment_joint + 1, rest);
        memmove(event->segment_heard, event->segment_heard + 1, rest);
        memmove(event->segment_seen, event->segment_seen + 1, rest);
        event->num_segments--;
        event->segments_begin_media_ns += event->segment_hop_ns;
    }
    if (event->num_segments == 0)
        event->segments_begin_media_ns = begin_ns;
    event->segment_joint[event->num_segments] = s->joint;
    event->segment_heard[event->num_segments] = s->heard;
    event->segment_seen[event->num_segments] = s->seen;
    event->num_segments++;
}

static void publish(struct tyto_tracker *tracker, struct tyto_track *track,
                    enum tyto_event_phase phase, enum tyto_event_reason reason, int64_t now_ns)
{
    struct tyto_event *event = &track->event;
    event->phase = phase;
    event->reason = reason;
    event->rev = phase == TYTO_EVENT_PHASE_NEW ? 0 : event->rev + 1;
    event->modality = modality_of(track);
    const float sum = track->weight_sum_audio + track->weight_sum_visual;
    event->weight_audio = sum > 0 ? track->weight_sum_audio / sum : 0.5f;
    event->weight_visual = 1 - event->weight_audio;
    event->has_av_offset = track->num_offsets > 0;
    event->av_offset_ms =
        track->num_offsets > 0 ? (float)(track->offset_sum_ms / track->num_offsets) : 0;
    if (phase == TYTO_EVENT_PHASE_NEW) /* and from then on, also when a clock is set */
        event->begin_unix_ns = event->begin_media_ns + tracker->unix_offset_ns;
    if (event->has_end) /* it lasts as long as it lasts, whatever a clock was set to meanwhile */
        event->end_unix_ns = event->begin_unix_ns + event->end_media_ns - event->begin_media_ns;
    if (phase == TYTO_EVENT_PHASE_END)
        tyto_track_aligned(track, &event->alignment);
    track->last_published_ns = now_ns;
    tracker->context.sink(tracker->context.user, event);
}

static void open_event(struct tyto_tracker *tracker, uint32_t k, int64_t begin_ns)
{
    struct tyto_track *track = &tracker->tracks[k];
    struct tyto_event *event = &track->event;
    *event = (struct tyto_event){
        .class_id = k,
        .begin_media_ns = begin_ns,
        .segment_hop_ns = tracker->context.hop_ns,
        .config_generation = tracker->context.config_generation,
    };
    memcpy(event->camera, tracker->camera, sizeof(event->camera));
    memcpy(event->model_digest, tracker->digest, sizeof(event->model_digest));
    const char *name = tracker->context.class_names[k];
    memcpy(event->class_name, name, strnlen(name, TYTO_ID_MAX));
    const int64_t unix_ns = begin_ns + tracker->unix_offset_ns;
    /* Without randomness the id stays "": the publisher refuses such an event. */
    (void)!tyto_event_id_make(unix_ns > 0 ? (uint64_t)unix_ns : 0, event->id);
    track->open = true;
    track->published = false;
    tracker->num_open++;
}

static void close_event(struct tyto_tracker *tracker, struct tyto_track *track,
                        enum tyto_event_reason reason, int64_t now_ns)
{
    struct tyto_event *event = &track->event;
    event->has_end = true;
    event->end_media_ns = track->last_positive_end_ns;
    const bool long_enough =
        event->end_media_ns - event->begin_media_ns >= tracker->params.min_duration_ns;
    const bool is_told = track->published || (long_enough && is_worth_telling(tracker, track));
    if (!track->published && is_told)
        publish(tracker, track, TYTO_EVENT_PHASE_NEW, TYTO_EVENT_REASON_ONSET, now_ns);
    if (is_told)
        publish(tracker, track, TYTO_EVENT_PHASE_END, reason, now_ns);
    *track = (struct tyto_track){.had_event = true, .last_end_ns = event->end_media_ns};
    tracker->num_open--;
}

/* The event's list has room for every zone of a camera. */
static void absorb_zones(const struct tyto_tracker *tracker, struct tyto_track *track,
                         uint32_t zones)
{
    struct tyto_event *event = &track->event;
    for (uint32_t i = 0; i < tracker->where.zones.num_zones; i++) {
        if (zones >> i & 1 && !(track->zones >> i & 1))
            memcpy(event->zones[event->num_zones++], tracker->where.zones.zones[i].name,
                   sizeof(event->zones[0]));
    }
    track->zones |= zones;
}

/* What the newest segment adds to an open event. */
static void absorb(const struct tyto_tracker *tracker, struct tyto_track *track,
                   const struct tyto_scores *s, struct tyto_finding found,
                   const struct tyto_observation *o)
{
    struct tyto_event *event = &track->event;
    const uint32_t senses = found.senses;
    track->peaked |= found.is_peak;
    push_scores(event, s, o->begin_ns);
    tyto_track_align(track, &o->evidence);
    memcpy(event->stamps, o->stamps, sizeof(event->stamps));
    event->clock_quality = o->clock_quality;
    if (senses == 0)
        return;
    track->senses |= senses;
    track->claims |= found.claims;
    absorb_zones(tracker, track, found.zones);
    tyto_track_embed(track, senses, o->embeddings);
    track->last_positive_end_ns = o->end_ns;
    track->weight_sum_audio += o->evidence.weight_audio;
    track->weight_sum_visual += o->evidence.weight_visual;
    if (o->evidence.has_av_offset) {
        track->offset_sum_ms += (double)o->evidence.av_offset_ms;
        track->num_offsets++;
    }
    /* Scores and place of the segment that says it best; its box from a segment in which the class
     * was seen, if there is one. */
    const bool best = confidence_of(s, senses) >= confidence_of(&event->scores, track->senses);
    if (best) {
        event->scores = *s;
        event->place = o->evidence.place;
    }
    if (best && !track->has_seen_box) {
        event->has_box = o->evidence.has_box;
        event->box = o->evidence.box;
    }
    struct tyto_box box;
    if ((best || !track->has_seen_box) && o->box_of &&
        o->box_of(o->box_user, event->class_id, &box)) {
        track->has_seen_box = event->has_box = true;
        event->box = box;
    }
}

static void step_closed(struct tyto_tracker *tracker, uint32_t k, const struct tyto_scores *s,
                        struct tyto_finding found, const struct tyto_observation *o)
{
    struct tyto_track *track = &tracker->tracks[k];
    const uint32_t senses = found.senses;
    const uint32_t window = tracker->params.onset_window;
    if (track->history != 0 && o->begin_ns - track->begins_ns[0] >= tracker->params.hang_over_ns)
        track->history = track->peaks =
            0; /* a hole in the stream: what was before does not count */
    track->history = (track->history << 1 | (senses != 0)) & ((1u << window) - 1);
    track->peaks = (track->peaks << 1 | found.is_peak) & ((1u << window) - 1);
    memmove(track->begins_ns + 1, track->begins_ns, sizeof(int64_t) * (window - 1));
    track->begins_ns[0] = o->begin_ns;
    if (track->history == 0)
        return;
    uint32_t first = 0; /* the oldest positive one in the window */
    for (uint32_t i = 0; i < window; i++) {
        if (track->history & 1u << i)
            first = i;
    }
    if (senses == 0 || (uint32_t)__builtin_popcount(track->history) < tracker->params.onset_num)
        return;
    int64_t begin_ns = track->begins_ns[first];
    if (track->had_event && begin_ns < track->last_end_ns)
        begin_ns = track->last_end_ns;
    const float share = (float)__builtin_popcount(track->history) / (float)(first + 1);
    open_event(tracker, k, begin_ns);
    track->peaked = track->peaks != 0;
    absorb(tracker, track, s, found, o);
    track->event.onset_confidence = confidence_of(s, senses) * share;
}

static void step_open(struct tyto_tracker *tracker, uint32_t k, const struct tyto_scores *s,
                      const struct tyto_observation *o)
{
    struct tyto_track *track = &tracker->tracks[k];
    const int64_t hang_over_ns = tracker->params.hang_over_ns;
    if (o->begin_ns - track->last_positive_end_ns >= hang_over_ns) { /* a hole in the stream */
        close_event(tracker, track, TYTO_EVENT_REASON_OFFSET, o->begin_ns);
        step_closed(tracker, k, s, tyto_tracker_find(tracker, k, 1, s, o), o);
        return;
    }
    const struct tyto_finding found =
        tyto_tracker_find(tracker, k, tracker->params.off_ratio, s, o);
    absorb(tracker, track, s, found, o);
    if (found.senses == 0 && o->end_ns - track->last_positive_end_ns >= hang_over_ns) {
        track->event.offset_confidence = 1 - confidence_of(s, 0);
        close_event(tracker, track, TYTO_EVENT_REASON_OFFSET, o->end_ns);
    }
}

/* As most classes are: not there, nor before, nor by any zone's threshold. */
static bool is_idle(const struct tyto_tracker *tracker, uint32_t k, const struct tyto_scores *s)
{
    const struct tyto_track_thresholds *t = &tracker->thresholds[k];
    return !tracker->tracks[k].open && tracker->tracks[k].history == 0 &&
           tracker->where.zones.num_zones == 0 && s->joint < t->joint && s->heard < t->heard &&
           s->seen < t->seen;
}

void tyto_tracker_update(struct tyto_tracker *tracker, const struct tyto_observation *o)
{
    const struct tyto_tracker_params *p = &tracker->params;
    tracker->unix_offset_ns = o->unix_offset_ns;
    tyto_quiets_look(&tracker->quiet, o->begin_ns + o->unix_offset_ns);
    for (uint32_t k = 0; k < tracker->context.num_classes; k++) {
        struct tyto_track *track = &tracker->tracks[k];
        const struct tyto_scores s = {
            .joint = score_of(o->evidence.joint, k),
            .heard = o->evidence.has_heard_seen ? score_of(o->evidence.heard, k) : 0,
            .seen = o->evidence.has_heard_seen ? score_of(o->evidence.seen, k) : 0,
            .threshold = tracker->thresholds[k].joint,
        };
        if (is_idle(tracker, k, &s))
            continue;
        const enum tyto_modality before = modality_of(track);
        const uint32_t zones_before = track->zones;
        if (track->open)
            step_open(tracker, k, &s, o);
        else
            step_closed(tracker, k, &s, tyto_tracker_find(tracker, k, 1, &s, o), o);
        if (!track->open)
            continue;
        const int64_t duration_ns = track->last_positive_end_ns - track->event.begin_media_ns;
        if (!track->published) {
            if (duration_ns >= p->min_duration_ns && is_worth_telling(tracker, track)) {
                track->published = true;
                publish(tracker, track, TYTO_EVENT_PHASE_NEW, TYTO_EVENT_REASON_ONSET, o->end_ns);
            }
        } else if (duration_ns >= p->max_duration_ns) {
            close_event(tracker, track, TYTO_EVENT_REASON_MAX_DURATION, o->end_ns);
        } else if (modality_of(track) != before || track->zones != zones_before ||
                   o->end_ns - track->last_published_ns >= p->update_every_ns) {
            publish(tracker, track, TYTO_EVENT_PHASE_UPDATE, TYTO_EVENT_REASON_PROGRESS, o->end_ns);
        }
    }
}

void tyto_tracker_end(struct tyto_tracker *tracker, enum tyto_event_reason reason)
{
    for (uint32_t k = 0; k < tracker->context.num_classes; k++) {
        struct tyto_track *track = &tracker->tracks[k];
        if (track->open)
            close_event(tracker, track, reason, track->last_positive_end_ns);
        track->history = track->peaks = 0;
    }
}

void tyto_tracker_adopt(struct tyto_tracker *tracker, struct tyto_tracker *before)
{
    tracker->unix_offset_ns = before->unix_offset_ns;
    for (uint32_t k = 0; k < tracker->context.num_classes; k++) {
        const uint32_t was =
            tyto_text_find(before->context.class_names, before->context.num_classes,
                           tracker->context.class_names[k]);
        if (was == before->context.num_classes)
            continue;
        struct tyto_track *track = &tracker->tracks[k];
        *track = before->tracks[was];
        before->tracks[was] = (struct tyto_track){0};
        if (!track->open)
            continue;
        before->num_open--;
        tracker->num_open++;
        track->event.class_id = k;
        track->event.config_generation = tracker->context.config_generation;
        memcpy(track->event.model_digest, tracker->digest, sizeof(tracker->digest));
    }
    tyto_tracker_end(before, TYTO_EVENT_REASON_MODEL_CHANGED);
}
