/* SPDX-License-Identifier: MIT */
#include "daemon/scores/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/scores/block.h"

enum { SEGMENTS_OF_ROW = 60 };
#define ROW_NS (60 * (int64_t)TYTO_NS_PER_S)

struct camera {
    struct tyto_journal_scores *row; /* being filled; NULL: none */
    char id[TYTO_ID_MAX + 1];
    bool goes_on;
    uint32_t num_classes, num_segments; /* of row */
    /* By what the row's segments are decided: thresholds (3, K), those of going on (3, K), peaks
     * (3, K), and what thresholds are now (3, K). */
    const struct tyto_tracker *tracker;
    float *boundaries;
    uint8_t *codes; /* (3, K) */
};

struct tyto_score_gatherer {
    struct tyto_score_gatherer_params params;
    struct camera *cameras;
    uint32_t num_cameras;
    struct tyto_reply rules; /* being packed */
    uint8_t packed[TYTO_JOURNAL_MAX_RULES];
};

enum tyto_err tyto_score_gatherer_create(const struct tyto_score_gatherer_params *params,
                                         struct tyto_score_gatherer **ret_gatherer)
{
    struct tyto_score_gatherer *gatherer = calloc(1, sizeof(*gatherer));
    if (!gatherer)
        return TYTO_ERR_NOMEM;
    gatherer->params = *params;
    gatherer->cameras = calloc(params->max_cameras + 1, sizeof(*gatherer->cameras));
    if (!gatherer->cameras) {
        free(gatherer);
        return TYTO_ERR_NOMEM;
    }
    *ret_gatherer = gatherer;
    return TYTO_OK;
}

static void hand_on(struct tyto_score_gatherer *gatherer, struct camera *camera)
{
    struct tyto_journal_scores *row = camera->row;
    camera->row = NULL;
    camera->num_segments = 0;
    if (row)
        gatherer->params.hand_on(gatherer->params.user, row);
}

void tyto_score_gatherer_destroy(struct tyto_score_gatherer **gatherer)
{
    if (!gatherer || !*gatherer)
        return;
    for (uint32_t i = 0; i < (*gatherer)->num_cameras; i++) {
        hand_on(*gatherer, &(*gatherer)->cameras[i]);
        free((*gatherer)->cameras[i].boundaries);
        free((*gatherer)->cameras[i].codes);
    }
    free((*gatherer)->cameras);
    free(*gatherer);
    *gatherer = NULL;
}

/* NULL: there are too many. One that is new takes the place of one that has no row. */
static struct camera *find_camera(struct tyto_score_gatherer *gatherer, const char *id,
                                  bool may_add)
{
    struct camera *idle = NULL;
    for (uint32_t i = 0; i < gatherer->num_cameras; i++) {
        if (strcmp(gatherer->cameras[i].id, id) == 0)
            return &gatherer->cameras[i];
        if (!gatherer->cameras[i].row)
            idle = &gatherer->cameras[i];
    }
    if (!may_add)
        return NULL;
    if (gatherer->num_cameras < gatherer->params.max_cameras)
        idle = &gatherer->cameras[gatherer->num_cameras++];
    if (!idle)
        return NULL;
    snprintf(idle->id, sizeof(idle->id), "%s", id);
    idle->goes_on = false;
    idle->tracker = NULL;
    return idle;
}

void tyto_score_gatherer_break(struct tyto_score_gatherer *gatherer, const char *camera)
{
    struct camera *found = find_camera(gatherer, camera, false);
    if (!found)
        return;
    found->goes_on = false;
    hand_on(gatherer, found);
}

/* --- what a row says of all its segments ------------------------------------------------------ */

static bool pack_rules(struct tyto_score_gatherer *gatherer, const struct camera *camera,
                       const struct tyto_scored_segment *segment, size_t *ret_num)
{
    const struct tyto_tracker_params *asked = tyto_tracker_get_params(segment->tracker);
    struct tyto_reply *rules = &gatherer->rules;
    memset(rules, 0, sizeof(*rules));
    rules->id = 1;
    rules->kind = TYTO_REPLY_SCORES;
    rules->num_classes = segment->num_classes;
    for (uint32_t k = 0; k < segment->num_classes; k++)
        rules->class_names[k] = segment->class_names[k];
    snprintf(rules->model_digest, sizeof(rules->model_digest), "%s",
             tyto_tracker_digest(segment->tracker));
    rules->decision = (struct tyto_decision){.thresholds = camera->boundaries,
                                             .off_ratio = asked->off_ratio,
                                             .onset_num = asked->onset_num,
                                             .onset_window = asked->onset_window,
                                             .hang_over_ns = asked->hang_over_ns,
                                             .min_duration_ns = asked->min_duration_ns,
                                             .max_duration_ns = asked->max_duration_ns,
                                             .only_joint = asked->only_joint,
                                             .peak = asked->peak};
    return tyto_reply_pack(rules, gatherer->packed, sizeof(gatherer->packed), ret_num) == TYTO_OK;
}

static bool begin_row(struct tyto_score_gatherer *gatherer, struct camera *camera,
                      const struct tyto_scored_segment *segment)
{
    const size_t num = segment->num_classes;
    size_t num_rules = 0;
    if (num == 0 || num > TYTO_REPLY_MAX_CLASSES)
        return false;
    float *boundaries = realloc(camera->boundaries, 12 * num * sizeof(float));
    if (boundaries)
        camera->boundaries = boundaries;
    uint8_t *codes = realloc(camera->codes, 3 * num);
    if (codes)
        camera->codes = codes;
    if (!boundaries || !codes)
        return false;
    camera->tracker = segment->tracker;
    camera->num_classes = segment->num_classes;
    tyto_tracker_get_thresholds(segment->tracker, boundaries);
    const struct tyto_tracker_params *asked = tyto_tracker_get_params(segment->tracker);
    for (size_t i = 0; i < 3 * num; i++) {
        boundaries[3 * num + i] = asked->off_ratio * boundaries[i];
        boundaries[6 * num + i] = tyto_tracker_peak_of(boundaries[i], asked->peak);
    }
    if (!pack_rules(gatherer, camera, segment, &num_rules))
        return false;
    camera->row =
        tyto_journal_scores_new(segment->camera, gatherer->packed, num_rules,
                                SEGMENTS_OF_ROW * tyto_scores_segment_max(segment->num_classes));
    return camera->row != NULL;
}

/* --- segments --------------------------------------------------------------------------------- */

static uint8_t code_of(const struct camera *camera, const float *scores, size_t task, uint32_t k)
{
    const size_t num = 3 * (size_t)camera->num_classes, at = task * camera->num_classes + k;
    const float boundaries[] = {camera->boundaries[at], camera->boundaries[num + at],
                                camera->boundaries[2 * num + at]};
    uint8_t code = 0;
    (void)!tyto_score_code(scores ? scores[k] : 0, boundaries, 3, &code);
    return code;
}

static void add(struct camera *camera, const struct tyto_scored_segment *segment)
{
    const struct tyto_evidence *evidence = segment->evidence;
    const uint32_t num = camera->num_classes;
    const float *tasks[] = {evidence->joint, evidence->has_heard_seen ? evidence->heard : NULL,
                            evidence->has_heard_seen ? evidence->seen : NULL};
    struct tyto_journal_scores *row = camera->row;
    for (size_t task = 0; task < 3; task++) {
        for (uint32_t k = 0; k < num; k++)
            camera->codes[task * num + k] = code_of(camera, tasks[task], task, k);
    }
    const struct tyto_segment_scores scores = {
        .begin_unix_ns = segment->begin_ns + segment->unix_offset_ns,
        .end_unix_ns = segment->end_ns + segment->unix_offset_ns,
        .begin_media_ns = segment->begin_ns,
        .has_audio = evidence->has_audio,
        .has_video = evidence->has_video,
        .has_heard_seen = evidence->has_heard_seen,
        .goes_on = camera->goes_on,
        .weight_audio = (uint8_t)(255.0f * evidence->weight_audio + 0.5f),
        .has_av_offset = evidence->has_av_offset,
        .av_offset_ms = evidence->has_av_offset ? (int32_t)evidence->av_offset_ms : 0,
        .joint = camera->codes,
        .heard = camera->codes + num,
        .seen = camera->codes + 2 * (size_t)num,
    };
    if (camera->num_segments == 0 || scores.begin_unix_ns < row->begin_unix_ns)
        row->begin_unix_ns = scores.begin_unix_ns;
    if (camera->num_segments == 0 || scores.end_unix_ns > row->end_unix_ns)
        row->end_unix_ns = scores.end_unix_ns;
    row->num_bytes += tyto_scores_segment_write(&scores, num, row->bytes + row->num_bytes);
    camera->num_segments++;
    camera->goes_on = true;
}

static bool is_whole(const struct camera *camera, const struct tyto_scored_segment *segment)
{
    const size_t num = 3 * (size_t)camera->num_classes;
    if (camera->tracker != segment->tracker || camera->num_classes != segment->num_classes ||
        segment->end_ns + segment->unix_offset_ns - camera->row->begin_unix_ns > ROW_NS)
        return true;
    /* Another tracker may lie where the one before it lay. */
    tyto_tracker_get_thresholds(segment->tracker, camera->boundaries + 3 * num);
    return memcmp(camera->boundaries, camera->boundaries + 3 * num, num * sizeof(float)) != 0;
}

void tyto_score_gatherer_take(struct tyto_score_gatherer *gatherer,
                              const struct tyto_scored_segment *segment)
{
    struct camera *camera = find_camera(gatherer, segment->camera, true);
    if (!camera)
        return;
    if (camera->row && is_whole(camera, segment))
        hand_on(gatherer, camera);
    if (!camera->row && !begin_row(gatherer, camera, segment))
        return;
    add(camera, segment);
    if (camera->num_segments == SEGMENTS_OF_ROW)
        hand_on(gatherer, camera);
}
