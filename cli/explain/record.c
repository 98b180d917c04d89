/* SPDX-License-Identifier: MIT */
#include "cli/explain/record.h"

#include <stdlib.h>
#include <string.h>

/* Room for one more of a list; false when there is none. */
static bool grow(struct tyto_explain_run *run, void **list, uint32_t num, uint32_t *capacity,
                 size_t bytes, uint32_t max)
{
    if (run->err || num < *capacity)
        return !run->err;
    const uint32_t wanted = *capacity ? 2 * *capacity : 64;
    void *grown = num < max ? realloc(*list, wanted * bytes) : NULL;
    if (!grown) {
        run->err = num < max ? TYTO_ERR_NOMEM : TYTO_ERR_FULL;
        return false;
    }
    *list = grown;
    *capacity = wanted;
    return true;
}

static float *copy(float **at, const float *from, uint32_t num)
{
    float *to = *at;
    if (from)
        memcpy(to, from, num * sizeof(*to));
    *at += num;
    return to;
}

void tyto_explain_run_put_segment(struct tyto_explain_run *run,
                                  const struct tyto_segment_result *result)
{
    void *list = run->segments;
    if (!grow(run, &list, run->num_segments, &run->capacity_segments, sizeof(*run->segments),
              TYTO_EXPLAIN_MAX_SEGMENTS))
        return;
    run->segments = list;
    struct tyto_explain_segment *segment = &run->segments[run->num_segments];
    struct tyto_evidence *evidence = &segment->result.evidence;
    const uint32_t num = result->num_classes;
    *segment = (struct tyto_explain_segment){
        .result = *result,
        .floats = calloc(3 * (size_t)num + 2 * (size_t)result->evidence.num_align, sizeof(float)),
        .found = calloc(result->num_found + 1, sizeof(*segment->found)),
    };
    if (!segment->floats || !segment->found) {
        free(segment->floats);
        free(segment->found);
        run->err = TYTO_ERR_NOMEM;
        return;
    }
    float *at = segment->floats;
    evidence->joint = copy(&at, evidence->joint, num);
    evidence->heard = copy(&at, evidence->heard, num);
    evidence->seen = copy(&at, evidence->seen, num);
    evidence->align_audio = copy(&at, evidence->align_audio, evidence->num_align);
    evidence->align_visual = copy(&at, evidence->align_visual, evidence->num_align);
    if (result->num_found > 0)
        memcpy(segment->found, result->found, result->num_found * sizeof(*result->found));
    segment->result.found = segment->found;
    run->num_segments++;
}

void tyto_explain_run_put_event(struct tyto_explain_run *run, const struct tyto_event *event)
{
    void *list = run->events;
    if (event->phase != TYTO_EVENT_PHASE_END ||
        !grow(run, &list, run->num_events, &run->capacity_events, sizeof(*run->events),
              TYTO_EXPLAIN_MAX_EVENTS))
        return;
    run->events = list;
    run->events[run->num_events++] = *event;
}

void tyto_explain_run_finish(struct tyto_explain_run *run)
{
    for (uint32_t i = 0; i < run->num_segments; i++) {
        free(run->segments[i].floats);
        free(run->segments[i].found);
    }
    free(run->segments);
    free(run->events);
    *run = (struct tyto_explain_run){0};
}
