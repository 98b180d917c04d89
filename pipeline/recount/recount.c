/* SPDX-License-Identifier: MIT */
#include "pipeline/recount/recount.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pipeline/track/options.h"

/* What a page says of all its segments, kept for as long as a tracker needs it. */
struct rules {
    uint32_t num_classes;
    char (*names)[TYTO_ID_MAX + 1];
    const char **name_ptrs;
    float *thresholds; /* (3, K) */
    char digest[TYTO_DIGEST_MAX + 1];
    struct tyto_decision decision; /* its thresholds are those above */
};

struct tyto_recount {
    struct tyto_recount_params params;
    char camera[TYTO_ID_MAX + 1];
    struct rules *rules; /* NULL: none yet */
    struct tyto_tracker *tracker;
    float *scores;                /* (3, K) */
    float of_code[UINT8_MAX + 1]; /* tyto_score_of() each */
};

enum tyto_err tyto_recount_create(const struct tyto_recount_params *params,
                                  struct tyto_recount **ret_recount)
{
    if (!tyto_id_is_valid(params->camera) || !params->sink)
        return TYTO_ERR_INVALID;
    struct tyto_recount *recount = calloc(1, sizeof(*recount));
    if (!recount)
        return TYTO_ERR_NOMEM;
    recount->params = *params;
    snprintf(recount->camera, sizeof(recount->camera), "%s", params->camera);
    for (unsigned code = 0; code <= UINT8_MAX; code++)
        recount->of_code[code] = tyto_score_of((uint8_t)code);
    *ret_recount = recount;
    return TYTO_OK;
}

static void free_rules(struct rules *rules)
{
    if (!rules)
        return;
    free(rules->names);
    free(rules->name_ptrs);
    free(rules->thresholds);
    free(rules);
}

void tyto_recount_destroy(struct tyto_recount **recount)
{
    if (!recount || !*recount)
        return;
    tyto_tracker_destroy(&(*recount)->tracker);
    free_rules((*recount)->rules);
    free((*recount)->scores);
    free(*recount);
    *recount = NULL;
}

/* --- another decision ------------------------------------------------------------------------- */

static bool is_same(const struct rules *rules, const struct tyto_reply *page)
{
    const struct tyto_decision *a = &rules->decision, *b = &page->decision;
    if (rules->num_classes != page->num_classes || strcmp(rules->digest, page->model_digest) != 0 ||
        memcmp(rules->thresholds, b->thresholds, 3 * sizeof(float) * page->num_classes) != 0 ||
        memcmp(&a->off_ratio, &b->off_ratio, sizeof(a->off_ratio)) != 0 ||
        a->onset_num != b->onset_num || a->onset_window != b->onset_window ||
        a->hang_over_ns != b->hang_over_ns || a->min_duration_ns != b->min_duration_ns ||
        a->max_duration_ns != b->max_duration_ns || a->only_joint != b->only_joint ||
        memcmp(&a->peak, &b->peak, sizeof(a->peak)) != 0)
        return false;
    for (uint32_t k = 0; k < page->num_classes; k++) {
        if (strcmp(rules->names[k], page->class_names[k]) != 0)
            return false;
    }
    return true;
}

static struct rules *copy_rules(const struct tyto_reply *page)
{
    const size_t num = page->num_classes;
    struct rules *rules = calloc(1, sizeof(*rules));
    if (!rules)
        return NULL;
    rules->num_classes = page->num_classes;
    rules->names = calloc(num, sizeof(*rules->names));
    rules->name_ptrs = calloc(num, sizeof(*rules->name_ptrs));
    rules->thresholds = calloc(3 * num, sizeof(float));
    if (!rules->names || !rules->name_ptrs || !rules->thresholds) {
        free_rules(rules);
        return NULL;
    }
    for (size_t k = 0; k < num; k++) {
        snprintf(rules->names[k], sizeof(rules->names[k]), "%s", page->class_names[k]);
        rules->name_ptrs[k] = rules->names[k];
    }
    memcpy(rules->thresholds, page->decision.thresholds, 3 * num * sizeof(float));
    memcpy(rules->digest, page->model_digest, sizeof(rules->digest));
    rules->decision = page->decision;
    rules->decision.thresholds = rules->thresholds;
    return rules;
}

static const struct tyto_class_rule *wish_for(const struct tyto_recount_params *params,
                                              const char *class_name)
{
    for (uint32_t i = 0; i < params->num_rules; i++) {
        if (strcmp(params->rules[i].class_name, class_name) == 0)
            return &params->rules[i];
    }
    return NULL;
}

/* What is asked for single classes that there are; those that were off stay off. *ret_num of them;
 * NULL: out of memory. */
static struct tyto_class_rule *make_rules(const struct tyto_recount *recount,
                                          const struct rules *rules, uint32_t *ret_num)
{
    struct tyto_class_rule *made = calloc(rules->num_classes, sizeof(*made));
    *ret_num = 0;
    for (uint32_t k = 0; made && k < rules->num_classes; k++) {
        const struct tyto_class_rule *wish = wish_for(&recount->params, rules->names[k]);
        const bool is_off = rules->thresholds[k] > 1;
        if (!is_off && !wish)
            continue;
        struct tyto_class_rule *rule = &made[(*ret_num)++];
        if (wish)
            *rule = *wish;
        memcpy(rule->class_name, rules->names[k], sizeof(rule->class_name));
        rule->off |= is_off;
    }
    return made;
}

static enum tyto_err make_tracker(struct tyto_recount *recount, const struct rules *rules,
                                  struct tyto_tracker **ret_tracker)
{
    struct tyto_tracker_params asked = tyto_tracker_params_default();
    struct tyto_class_rule *made = make_rules(recount, rules, &asked.num_rules);
    if (!made)
        return TYTO_ERR_NOMEM;
    asked.off_ratio = rules->decision.off_ratio;
    asked.onset_num = rules->decision.onset_num;
    asked.onset_window = rules->decision.onset_window;
    asked.hang_over_ns = rules->decision.hang_over_ns;
    asked.min_duration_ns = rules->decision.min_duration_ns;
    asked.max_duration_ns = rules->decision.max_duration_ns;
    asked.only_joint = rules->decision.only_joint;
    asked.peak = rules->decision.peak;
    tyto_options_overlay(tyto_tracker_options, TYTO_TRACKER_NUM_OPTIONS, &recount->params.wishes,
                         recount->params.wished, &asked);
    asked.rules = made;
    const struct tyto_tracker_context context = {
        .camera = recount->camera,
        .num_classes = rules->num_classes,
        .class_names = rules->name_ptrs,
        .weights_thresholds = rules->thresholds,
        .model_digest = rules->digest,
        .hop_ns = (int64_t)TYTO_NS_PER_S,
        .sink = recount->params.sink,
        .user = recount->params.user,
    };
    const enum tyto_err err = tyto_tracker_create(&asked, &context, ret_tracker);
    free(made);
    return err;
}

/* Open events go on, as they do when another model takes over. */
static enum tyto_err change_rules(struct tyto_recount *recount, const struct tyto_reply *page)
{
    struct rules *rules = copy_rules(page);
    float *scores = realloc(recount->scores, 3 * sizeof(float) * page->num_classes);
    struct tyto_tracker *tracker = NULL;
    if (scores)
        recount->scores = scores;
    enum tyto_err err = rules && scores ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = make_tracker(recount, rules, &tracker);
    if (err) {
        free_rules(rules);
        return err;
    }
    if (recount->tracker)
        tyto_tracker_adopt(tracker, recount->tracker);
    tyto_tracker_destroy(&recount->tracker);
    free_rules(recount->rules);
    recount->tracker = tracker;
    recount->rules = rules;
    return TYTO_OK;
}

/* --- segments --------------------------------------------------------------------------------- */

static void take_segment(struct tyto_recount *recount, const struct tyto_segment_scores *segment)
{
    const size_t num = recount->rules->num_classes;
    const uint8_t *const tasks[] = {segment->joint, segment->heard, segment->seen};
    for (size_t task = 0; task < 3; task++) {
        for (size_t k = 0; k < num; k++)
            recount->scores[task * num + k] = recount->of_code[tasks[task][k]];
    }
    const float weight_audio = (float)segment->weight_audio / 255.0f;
    const struct tyto_observation observation = {
        .begin_ns = segment->begin_media_ns,
        .end_ns = segment->begin_media_ns + (segment->end_unix_ns - segment->begin_unix_ns),
        .unix_offset_ns = segment->begin_unix_ns - segment->begin_media_ns,
        .evidence = {.has_audio = segment->has_audio,
                     .has_video = segment->has_video,
                     .has_heard_seen = segment->has_heard_seen,
                     .joint = recount->scores,
                     .heard = recount->scores + num,
                     .seen = recount->scores + 2 * num,
                     .weight_audio = weight_audio,
                     .weight_visual = 1 - weight_audio,
                     .has_av_offset = segment->has_av_offset,
                     .av_offset_ms = (float)segment->av_offset_ms},
    };
    if (!segment->goes_on)
        tyto_tracker_end(recount->tracker, TYTO_EVENT_REASON_SOURCE_LOST);
    tyto_tracker_update(recount->tracker, &observation);
}

enum tyto_err tyto_recount_take(struct tyto_recount *recount, const struct tyto_reply *page)
{
    if (page->num_classes == 0 || !page->decision.thresholds)
        return TYTO_OK;
    if (!recount->rules || !is_same(recount->rules, page)) {
        const enum tyto_err err = change_rules(recount, page);
        if (err)
            return err;
    }
    for (uint32_t i = 0; i < page->num_segments; i++)
        take_segment(recount, &page->segments[i]);
    return TYTO_OK;
}

void tyto_recount_end(struct tyto_recount *recount)
{
    if (recount->tracker)
        tyto_tracker_end(recount->tracker, TYTO_EVENT_REASON_SOURCE_ENDED);
}
