/* SPDX-License-Identifier: MIT */
#include "client/gaps.h"

#include <stdio.h>
#include <string.h>

void tyto_gaps_init(struct tyto_gaps *gaps, enum tyto_gap_level level)
{
    memset(gaps, 0, sizeof(*gaps));
    gaps->level = level;
}

void tyto_gaps_restart(struct tyto_gaps *gaps)
{
    tyto_gaps_init(gaps, gaps->level);
}

static struct tyto_gap_counter *find(struct tyto_gaps *gaps, const char *camera,
                                     const char *class_name)
{
    for (uint32_t i = 0; i < gaps->num_counters; i++) {
        struct tyto_gap_counter *counter = &gaps->counters[i];
        if (strcmp(counter->camera, camera) == 0 && strcmp(counter->class_name, class_name) == 0)
            return counter;
    }
    if (gaps->num_counters == TYTO_CLIENT_MAX_FILTERS)
        return NULL;
    struct tyto_gap_counter *counter = &gaps->counters[gaps->num_counters++];
    memset(counter, 0, sizeof(*counter));
    snprintf(counter->camera, sizeof(counter->camera), "%s", camera);
    snprintf(counter->class_name, sizeof(counter->class_name), "%s", class_name);
    return counter;
}

/* seq has arrived: how many lie between the last one and it? */
static uint64_t advance(bool *is_known, uint64_t *last_seq, uint64_t seq)
{
    const uint64_t num_lost = *is_known && seq > *last_seq + 1 ? seq - *last_seq - 1 : 0;
    if (!*is_known || seq > *last_seq)
        *last_seq = seq;
    *is_known = true;
    return num_lost;
}

/* Everything up to seq has been sent: how many of it have not come? */
static uint64_t catch_up(bool *is_known, uint64_t *last_seq, uint64_t seq)
{
    const uint64_t num_lost = *is_known && seq > *last_seq ? seq - *last_seq : 0;
    if (!*is_known || seq > *last_seq)
        *last_seq = seq;
    *is_known = true;
    return num_lost;
}

uint64_t tyto_gaps_message(struct tyto_gaps *gaps, const struct tyto_envelope *envelope)
{
    if (envelope->seq == 0) /* a repeat for newcomers */
        return 0;
    if (gaps->level == TYTO_GAP_ALL)
        return advance(&gaps->is_all_known, &gaps->last_seq, envelope->seq);
    const bool is_event = envelope->kind == TYTO_ENVELOPE_EVENT;
    const char *camera = NULL;
    if (is_event)
        camera = envelope->body.event.camera;
    else if (envelope->kind == TYTO_ENVELOPE_CAMERA_STATE)
        camera = envelope->body.camera_state.camera;
    if (!camera || (gaps->level == TYTO_GAP_CLASS && !is_event))
        return 0;
    const bool by_class = gaps->level == TYTO_GAP_CLASS;
    struct tyto_gap_counter *counter =
        find(gaps, camera, by_class ? envelope->body.event.class_name : "");
    if (!counter)
        return 0;
    return advance(&counter->is_known, &counter->last_seq,
                   by_class ? envelope->class_seq : envelope->cam_seq);
}

uint64_t tyto_gaps_heartbeat(struct tyto_gaps *gaps, const struct tyto_heartbeat *heartbeat)
{
    if (gaps->level == TYTO_GAP_ALL)
        return catch_up(&gaps->is_all_known, &gaps->last_seq, heartbeat->last_seq);
    if (gaps->level == TYTO_GAP_CLASS)
        return 0; /* a heartbeat does not count classes: the next event of the class tells */
    uint64_t num_lost = 0;
    for (uint32_t i = 0; i < heartbeat->num_cameras; i++) {
        const struct tyto_camera_seq *camera = &heartbeat->cameras[i];
        for (uint32_t c = 0; c < gaps->num_counters; c++) {
            struct tyto_gap_counter *counter = &gaps->counters[c];
            if (strcmp(counter->camera, camera->camera) == 0)
                num_lost += catch_up(&counter->is_known, &counter->last_seq, camera->cam_seq);
        }
    }
    return num_lost;
}
