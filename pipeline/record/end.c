/* SPDX-License-Identifier: MIT */
/* How a recording ends: whole, cut where a disk was full, or not at all. The recorder's thread's.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "pipeline/record/internal.h"

#define RETRY_NS (30 * TYTO_NS_PER_S)
/* Less of a recording is not worth a file. */
#define MIN_LENGTH_NS ((int64_t)TYTO_NS_PER_S)

/* --- telling -------------------------------------------------------------------------- */

void tyto_record_tell_failure(struct tyto_recorder *recorder, const struct tyto_fault *fault)
{
    atomic_store(&recorder->is_failing, true);
    recorder->retry_ns = tyto_clock_mono_ns() + RETRY_NS;
    pthread_mutex_lock(&recorder->lock);
    recorder->status.num_failed++;
    snprintf(recorder->status.text, sizeof(recorder->status.text), "%.120s%s%.250s", fault->file,
             fault->file[0] ? ": " : "", fault->text);
    pthread_mutex_unlock(&recorder->lock);
}

void tyto_record_tell_counts(struct tyto_recorder *recorder)
{
    struct tyto_clip_store_counts counts = {0};
    if (recorder->store)
        tyto_clip_store_get_counts(recorder->store, &counts);
    pthread_mutex_lock(&recorder->lock);
    recorder->status.store = counts;
    pthread_mutex_unlock(&recorder->lock);
}

/* --- ending a recording ------------------------------------------------------------------- */

static void pop_plan(struct tyto_record_camera *camera)
{
    pthread_mutex_lock(&camera->lock);
    camera->num_plans--;
    memmove(camera->plans, camera->plans + 1, camera->num_plans * sizeof(*camera->plans));
    pthread_mutex_unlock(&camera->lock);
    camera->num_reserved = camera->num_used = camera->num_pushed = 0;
}

void tyto_record_throw_away(struct tyto_recorder *recorder, struct tyto_record_camera *camera)
{
    const bool was_begun = camera->clip || camera->num_reserved > 0;
    tyto_clip_abandon(&camera->clip);
    if (was_begun)
        tyto_clip_store_discard(recorder->store, camera->id, camera->plans[0].name,
                                camera->num_reserved);
    pop_plan(camera);
}

/* Labels in the recording's own time, what is outside of it cut off. */
static uint32_t make_labels(const struct tyto_record_camera *camera, int64_t length_ns,
                            struct tyto_clip_label ret_labels[TYTO_RECORD_MAX_LABELS])
{
    const struct tyto_record_plan *plan = &camera->plans[0];
    uint32_t num = 0;
    for (uint32_t i = 0; i < plan->num_labels; i++) {
        struct tyto_clip_label label = plan->labels[i].label;
        label.begin_ns -= camera->zero_ns;
        label.end_ns = plan->labels[i].is_open ? length_ns : label.end_ns - camera->zero_ns;
        if (label.begin_ns < 0)
            label.begin_ns = 0;
        if (label.end_ns > length_ns)
            label.end_ns = length_ns;
        if (label.end_ns > label.begin_ns)
            ret_labels[num++] = label;
    }
    return num;
}

/* How much of what was handed in is in a file that could not be ended: as much as its bytes say. */
static int64_t salvaged_ns(const struct tyto_recorder *recorder,
                           const struct tyto_record_camera *camera)
{
    const int64_t length_ns = camera->last_ns - camera->zero_ns;
    const uint64_t num_bytes =
        tyto_clip_store_part_bytes(recorder->store, camera->id, camera->plans[0].name);
    if (num_bytes >= camera->num_pushed)
        return length_ns;
    return (int64_t)((double)length_ns * (double)num_bytes / (double)camera->num_pushed);
}

/* The file is written, up to length_ns. Only closed plans come here: nobody else changes them. */
static void keep(struct tyto_recorder *recorder, struct tyto_record_camera *camera,
                 int64_t length_ns, bool is_cut)
{
    struct tyto_clip_label labels[TYTO_RECORD_MAX_LABELS];
    const uint32_t num_labels = make_labels(camera, length_ns, labels);
    struct tyto_fault fault = {0};
    const enum tyto_err err =
        tyto_clip_store_commit(recorder->store, camera->id, camera->plans[0].name,
                               camera->num_reserved, labels, num_labels, &fault);
    pop_plan(camera);
    if (err) {
        tyto_record_tell_failure(recorder, &fault);
        return;
    }
    pthread_mutex_lock(&recorder->lock);
    recorder->status.num_written++;
    recorder->status.num_cut += is_cut;
    pthread_mutex_unlock(&recorder->lock);
}

void tyto_record_salvage(struct tyto_recorder *recorder, struct tyto_record_camera *camera)
{
    tyto_clip_abandon(&camera->clip); /* Matroska is read without its end */
    const int64_t length_ns = salvaged_ns(recorder, camera);
    if (camera->plans[0].is_retracted || length_ns < MIN_LENGTH_NS)
        tyto_record_throw_away(recorder, camera);
    else
        keep(recorder, camera, length_ns, true);
}

void tyto_record_finish(struct tyto_recorder *recorder, struct tyto_record_camera *camera,
                        bool is_cut)
{
    struct tyto_fault fault = {0};
    if (camera->plans[0].is_retracted) {
        tyto_record_throw_away(recorder, camera);
        return;
    }
    if (tyto_clip_finish(&camera->clip, &fault) != TYTO_OK) {
        tyto_record_salvage(recorder, camera);
        tyto_record_tell_failure(recorder, &fault);
        return;
    }
    atomic_store(&recorder->is_failing, false);
    keep(recorder, camera, camera->last_ns - camera->zero_ns, is_cut);
}
