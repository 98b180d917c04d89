/* SPDX-License-Identifier: MIT */
#include "pipeline/engine/camera.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum tyto_err tyto_camera_create(const char *id, const struct tyto_camera_context *context,
                                 struct tyto_camera **ret_camera)
{
    struct tyto_camera *camera = calloc(1, sizeof(*camera));
    if (!camera)
        return TYTO_ERR_NOMEM;
    memcpy(camera->id, id, strnlen(id, TYTO_ID_MAX));
    camera->restart = true;
    camera->look_ahead = context->look_ahead;
    camera->waiting = calloc(context->look_ahead + 1, sizeof(*camera->waiting));
    enum tyto_err err = camera->waiting ? TYTO_OK : TYTO_ERR_NOMEM;
    for (uint32_t i = 0; !err && i <= context->look_ahead; i++)
        err = tyto_reading_init(&camera->waiting[i].reading, context->num_classes);
    if (err) {
        tyto_camera_destroy(&camera);
        return err;
    }
    *ret_camera = camera;
    return TYTO_OK;
}

void tyto_camera_destroy(struct tyto_camera **camera)
{
    if (!camera || !*camera)
        return;
    for (uint32_t i = 0; (*camera)->waiting && i <= (*camera)->look_ahead; i++) {
        tyto_reading_finish(&(*camera)->waiting[i].reading);
        tyto_picture_unref(&(*camera)->waiting[i].segment.picture);
    }
    free((*camera)->waiting);
    free((*camera)->masks);
    tyto_camera_unprepare(*camera);
    tyto_tracker_destroy(&(*camera)->tracker);
    tyto_session_destroy(&(*camera)->session);
    free(*camera);
    *camera = NULL;
}

static void tell_segment(const struct tyto_camera *camera,
                         const struct tyto_camera_context *context,
                         const struct tyto_waiting *waiting)
{
    const struct tyto_segment_result result = {
        .camera = camera->id,
        .begin_ns = waiting->segment.begin_ns,
        .end_ns = waiting->segment.end_ns,
        .evidence = waiting->reading.evidence,
        .audio_lack = waiting->segment.audio_lack,
        .video_lack = waiting->segment.video_lack,
        .num_classes = context->num_classes,
        .class_names = context->class_names,
        .unix_offset_ns = waiting->unix_offset_ns,
        .tracker = camera->tracker,
        .detector = context->detector,
        .num_found = waiting->sight.num_found,
        .found = waiting->sight.found,
        .picture = waiting->segment.picture,
        .is_looked_at = waiting->sight.rows > 0,
        .masks = camera->masks,
        .num_masks = camera->num_masks,
    };
    context->callbacks->on_segment(context->callbacks->user, &result);
}

/* Whose boxes: a waiting segment's, by the names of the head's classes. */
struct box_source {
    const struct tyto_camera_context *context;
    const struct tyto_sight *sight;
};

static bool box_of(const void *user, uint32_t k, struct tyto_box *ret_box)
{
    const struct box_source *source = user;
    return tyto_sight_box(source->sight, source->context->detector, source->context->class_names[k],
                          ret_box);
}

/* The oldest waiting segment goes to the tracker and out of the queue. */
static void tell_oldest(struct tyto_camera *camera, const struct tyto_camera_context *context)
{
    struct tyto_waiting *oldest = &camera->waiting[0];
    const struct box_source boxes = {.context = context, .sight = &oldest->sight};
    const struct tyto_sync_estimate *offset = &tyto_session_alignment(camera->session)->estimate;
    struct tyto_observation observation = {
        .begin_ns = oldest->segment.begin_ns,
        .end_ns = oldest->segment.end_ns,
        .unix_offset_ns = oldest->unix_offset_ns,
        .clock_quality = oldest->clock_quality,
        .evidence = oldest->reading.evidence,
        .box_of = box_of,
        .box_user = &boxes,
        .embeddings = &oldest->embeddings,
    };
    if (offset->status == TYTO_SYNC_CONFIDENT) {
        /* What its streams have shown for long goes over what the network sees in one window. */
        observation.evidence.has_av_offset = true;
        observation.evidence.av_offset_ms = (float)offset->offset_ns / 1e6f;
    }
    oldest->stamps[TYTO_STAGE_TRACK].out_ns = tyto_clock_mono_ns();
    memcpy(observation.stamps, oldest->stamps, sizeof(observation.stamps));
    if (context->callbacks->on_segment)
        tell_segment(camera, context, oldest);
    tyto_tracker_update(camera->tracker, &observation);
    tyto_picture_unref(&oldest->segment.picture);

    const struct tyto_waiting used = *oldest; /* its score memory goes to the end */
    camera->num_waiting--;
    memmove(camera->waiting, camera->waiting + 1, camera->num_waiting * sizeof(used));
    camera->waiting[camera->num_waiting] = used;
}

void tyto_camera_observe(struct tyto_camera *camera, const struct tyto_camera_context *context,
                         const struct tyto_segment *segment, const struct tyto_looked *looked,
                         const struct tyto_cman_result *result,
                         const struct tyto_stamp stamps[TYTO_NUM_STAGES])
{
    struct tyto_waiting *newest = &camera->waiting[camera->num_waiting++];
    newest->segment = *segment;
    newest->segment.pcm = NULL;
    newest->segment.picture = NULL;
    newest->reading.evidence.has_audio = segment->has_audio;
    newest->reading.evidence.has_video = segment->has_video;
    newest->sight = *looked->sight;
    newest->embeddings = *looked->embeddings;
    newest->sight.masks = camera->masks;
    newest->sight.num_masks = camera->num_masks;
    newest->unix_offset_ns = tyto_session_unix_offset_ns(camera->session);
    newest->clock_quality = segment->discontinuous ? TYTO_CLOCK_QUALITY_DISCONTINUOUS
                                                   : tyto_session_clock_quality(camera->session);
    memcpy(newest->stamps, stamps, sizeof(newest->stamps));
    newest->stamps[TYTO_STAGE_TRACK].in_ns = stamps[TYTO_STAGE_ATTEND].out_ns;
    for (uint32_t i = 0; i < camera->num_waiting; i++) {
        const uint32_t age = camera->num_waiting - 1 - i;
        struct tyto_waiting *waiting = &camera->waiting[i];
        if (age < result->num_valid)
            tyto_reading_take(&waiting->reading, context->reader, result,
                              result->num_valid - 1 - age, waiting->segment.has_audio,
                              waiting->segment.has_video, &waiting->sight);
    }
    if (context->keeps_pictures && segment->has_video &&
        tyto_tracker_is_stirred(camera->tracker, &newest->reading.evidence))
        newest->segment.picture = tyto_picture_ref(segment->picture);
    if (camera->num_waiting > camera->look_ahead)
        tell_oldest(camera, context);
}

void tyto_camera_flush(struct tyto_camera *camera, const struct tyto_camera_context *context)
{
    while (camera->num_waiting > 0)
        tell_oldest(camera, context);
}

/* --- another head ------------------------------------------------------------------------ */

enum tyto_err tyto_camera_prepare(struct tyto_camera *camera, uint32_t num_classes,
                                  struct tyto_tracker *tracker)
{
    camera->next_head.tracker = tracker;
    if (num_classes == 0)
        return TYTO_OK;
    struct tyto_reading *readings = calloc(camera->look_ahead + 1, sizeof(*readings));
    enum tyto_err err = readings ? TYTO_OK : TYTO_ERR_NOMEM;
    camera->next_head.readings = readings;
    for (uint32_t i = 0; !err && i <= camera->look_ahead; i++)
        err = tyto_reading_init(&readings[i], num_classes);
    return err;
}

void tyto_camera_foresee(struct tyto_camera *camera, const struct tyto_reader *reader,
                         const struct tyto_cman_result *result)
{
    for (uint32_t i = 0; i < camera->num_waiting; i++) {
        const struct tyto_segment *segment = &camera->waiting[i].segment;
        const uint32_t age = camera->num_waiting - 1 - i;
        if (age < result->num_valid)
            tyto_reading_take(&camera->next_head.readings[i], reader, result,
                              result->num_valid - 1 - age, segment->has_audio, segment->has_video,
                              &camera->waiting[i].sight);
    }
}

void tyto_camera_change(struct tyto_camera *camera)
{
    struct tyto_tracker *tracker = camera->next_head.tracker;
    tyto_tracker_adopt(tracker, camera->tracker);
    camera->next_head.tracker = camera->tracker;
    camera->tracker = tracker;
    for (uint32_t i = 0; camera->next_head.readings && i <= camera->look_ahead; i++) {
        const struct tyto_reading reading = camera->waiting[i].reading;
        camera->waiting[i].reading = camera->next_head.readings[i];
        camera->next_head.readings[i] = reading;
    }
}

void tyto_camera_unprepare(struct tyto_camera *camera)
{
    tyto_tracker_destroy(&camera->next_head.tracker);
    for (uint32_t i = 0; camera->next_head.readings && i <= camera->look_ahead; i++)
        tyto_reading_finish(&camera->next_head.readings[i]);
    free(camera->next_head.readings);
    camera->next_head.readings = NULL;
}
