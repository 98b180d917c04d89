/* SPDX-License-Identifier: MIT */
#include "pipeline/session/session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pipeline/session/internal.h"

#define STOP_NS (10 * TYTO_NS_PER_S)
/* Files cannot be late, only badly interleaved. */
#define FILE_LATENESS_NS (5ll * 1000000000)
/* Well below the segmenter's window, well above what a batch takes. */
#define BEHIND_NS (2ll * 1000000000)
/* A camera's clock is told of again when it is off by so much more or less. */
#define CLOCK_OFF_STEP_NS (60ll * 1000000000)

/* --- owner ----------------------------------------------------------------------------- */

static enum tyto_err start_connector(struct tyto_session *session)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    session->num_owners = 2;
    const int rc = pthread_create(&thread, &attr, tyto_session_keep, session);
    pthread_attr_destroy(&attr);
    return rc == 0 ? TYTO_OK : TYTO_ERR_NOMEM;
}

enum tyto_err tyto_session_create(const struct tyto_session_params *params,
                                  struct tyto_session **ret_session)
{
    struct tyto_session *session = calloc(1, sizeof(*session));
    if (!session)
        return TYTO_ERR_NOMEM;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&session->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&session->lock, NULL);
    session->camera = *params->camera;
    snprintf(session->id, sizeof(session->id), "%s", params->camera->id);
    session->uri = strdup(params->camera->uri);
    session->camera.id = session->id;
    session->camera.uri = session->uri;
    session->is_file = params->is_file;
    session->hop_ns = params->hop_ns;
    session->length_ns = params->length_ns;
    session->limiter = params->limiter;
    session->log = params->log;
    session->created_ns = tyto_clock_mono_ns();
    session->status = TYTO_CAMERA_STATUS_CONNECTING;
    session->since_unix_ns = (int64_t)tyto_clock_unix_ns();
    const struct tyto_segmenter_params segmenter_params = {
        .hop_ns = params->hop_ns,
        .length_ns = params->length_ns,
        .lateness_ns = params->is_file ? FILE_LATENESS_NS : params->camera->lateness_ns,
        .av_offset_ns = params->camera->av_offset_ns,
        .live = !params->is_file,
    };
    enum tyto_err err = session->uri ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_segmenter_create(&segmenter_params, &session->segmenter);
    if (!err)
        err = tyto_align_init(
            &session->align, params->is_file ? TYTO_ALIGN_OFF : params->camera->align,
            params->camera->av_offset_ns, params->camera->masks, params->camera->num_masks);
    session->camera.masks = NULL; /* borrowed, and used up */
    session->camera.num_masks = 0;
    if (!err)
        err = start_connector(session);
    if (err) {
        tyto_session_free(session);
        return err;
    }
    *ret_session = session;
    return TYTO_OK;
}

void tyto_session_stop(struct tyto_session *session)
{
    pthread_mutex_lock(&session->lock);
    if (!session->stop) {
        session->stop_ns = tyto_clock_mono_ns();
        const uint64_t until_ns = session->stop_ns + TYTO_SESSION_LETS_GO_NS;
        if (atomic_load(&session->teardown_until_ns) > until_ns)
            atomic_store(&session->teardown_until_ns, until_ns);
    }
    session->stop = true;
    pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

bool tyto_session_is_stopped(struct tyto_session *session, bool *ret_abandoned)
{
    pthread_mutex_lock(&session->lock);
    const bool done = session->connector_done;
    const bool late = session->stop && session->link == LINK_NONE &&
                      tyto_clock_mono_ns() - session->stop_ns > STOP_NS;
    *ret_abandoned = !done && late;
    pthread_mutex_unlock(&session->lock);
    return done || late;
}

void tyto_session_destroy(struct tyto_session **session)
{
    if (!session || !*session)
        return;
    pthread_mutex_lock(&(*session)->lock);
    (*session)->limiter = NULL;
    (*session)->camera.tap = NULL;
    (*session)->camera.isolation = NULL;
    (*session)->log = NULL; /* a connector that hangs must not use what the owner frees now */
    tyto_session_give_up(*session);
    *session = NULL;
}

const char *tyto_session_id(const struct tyto_session *session)
{
    return session->id;
}

/* --- the inference thread --------------------------------------------------------------- */

/* For how long a stream may stay the same until it is told. */
static uint64_t still_ns(const struct tyto_session *session)
{
    const uint64_t stall_ns = session->camera.stall_ns;
    return 2 * (stall_ns ? stall_ns : TYTO_CAMERA_DEFAULT_STALL_NS);
}

/* A source that was just handed over. */
static void begin_feeding(struct tyto_session *session, struct tyto_source *source, int64_t base_ns)
{
    tyto_segmenter_reset(session->segmenter);
    tyto_feeder_init(&session->feeder, source, session->segmenter, &session->align,
                     session->is_file, base_ns);
    tyto_still_init(&session->feeder.still, still_ns(session));
    session->feeding = true;
    session->over = false;
}

/* Segments that could be evaluated but have no place in a batch are so far behind:
 * then no more pictures are decoded until the networks have caught up. */
static void note_backlog(struct tyto_session *session, struct tyto_source *source)
{
    if (!session->is_file)
        tyto_source_set_behind(source, tyto_segmenter_backlog_ns(session->segmenter) > BEHIND_NS);
}

/* What the data show of the camera's state: which streams there are and whether they change, how
 * right its clock is. */
static void note_state(struct tyto_session *session, const struct tyto_source *source)
{
    bool audio = session->has_audio, video = session->has_video;
    (void)tyto_source_get_streams(source, &audio, &video);
    const int64_t off_ns = session->feeder.clock.off_ns;
    /* Only this thread writes clock_off_ns. */
    const bool is_off = llabs(off_ns - session->clock_off_ns) > CLOCK_OFF_STEP_NS ||
                        (off_ns == 0) != (session->clock_off_ns == 0);
    bool is_still[TYTO_NUM_STREAMS], is_changed = false; /* likewise */
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        is_still[i] = session->feeder.still.streams[i].is_told;
        is_changed |= is_still[i] != session->is_still[i];
    }
    if (session->has_audio == audio && session->has_video == video && !is_off && !is_changed)
        return;
    session->has_audio = audio;
    session->has_video = video;
    pthread_mutex_lock(&session->lock);
    if (is_off)
        session->clock_off_ns = off_ns;
    memcpy(session->is_still, is_still, sizeof(session->is_still));
    session->state_rev += session->status == TYTO_CAMERA_STATUS_LIVE;
    pthread_mutex_unlock(&session->lock);
}

/* From the source into the segmenter. False: nothing is connected. *ret_drained:
 * nothing more comes. */
static bool feed(struct tyto_session *session, uint64_t now_ns, bool *ret_stop, bool *ret_drained)
{
    pthread_mutex_lock(&session->lock);
    const enum link_state link = session->link;
    struct tyto_source *source = session->source;
    const int64_t base_ns = session->base_ns;
    *ret_stop = session->stop;
    pthread_mutex_unlock(&session->lock);
    *ret_drained = false;
    if (link == LINK_NONE || session->over)
        return false;
    if (!session->feeding)
        begin_feeding(session, source, base_ns);
    if (*ret_stop)
        *ret_drained = link == LINK_DRAINING; /* what is left does not matter any more */
    else if (link == LINK_DRAINING)
        *ret_drained = tyto_feeder_drain(&session->feeder, now_ns);
    else
        tyto_feeder_step(&session->feeder, now_ns);
    if (tyto_align_update(&session->align))
        tyto_segmenter_set_av_offset(session->segmenter, session->align.alignment.applied_ns);
    note_backlog(session, source);
    if (session->camera.tap)
        session->camera.tap->on_shift(session->camera.tap,
                                      tyto_segmenter_shift_ns(session->segmenter));
    note_state(session, source);
    return true;
}

void tyto_session_feed(struct tyto_session *session, uint64_t now_ns)
{
    bool stop, drained;
    (void)feed(session, now_ns, &stop, &drained);
}

enum tyto_session_poll tyto_session_poll(struct tyto_session *session, uint64_t now_ns,
                                         struct tyto_segment *ret_segment)
{
    bool stop, drained;
    if (!feed(session, now_ns, &stop, &drained))
        return TYTO_SESSION_NOTHING;
    if (!stop) {
        const enum tyto_err err = tyto_segmenter_poll(session->segmenter, now_ns, ret_segment);
        if (!err) {
            session->media_ns = ret_segment->begin_ns;
            pthread_mutex_lock(&session->lock);
            if (session->end_ns == 0)
                session->begin_ns = ret_segment->begin_ns;
            session->end_ns = ret_segment->end_ns;
            pthread_mutex_unlock(&session->lock);
            return TYTO_SESSION_SEGMENT;
        }
        drained = drained && err == TYTO_ERR_CLOSED;
    }
    if (!drained)
        return TYTO_SESSION_NOTHING;
    tyto_feeder_finish(&session->feeder);
    session->feeding = false;
    session->over = true;
    return TYTO_SESSION_OVER;
}

enum tyto_event_reason tyto_session_over_reason(const struct tyto_session *session)
{
    return session->over_reason; /* written before DRAINING, which poll() has seen */
}

void tyto_session_release(struct tyto_session *session)
{
    tyto_segmenter_reset(session->segmenter);
    session->over = false;
    pthread_mutex_lock(&session->lock);
    session->link = LINK_NONE;
    pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

bool tyto_session_can_look(const struct tyto_session *session)
{
    return session->align.sync && session->feeding && session->has_audio && session->has_video;
}

void tyto_session_set_looking(struct tyto_session *session, bool is_looking)
{
    if (session->feeding)
        tyto_source_set_looking(session->feeder.source, is_looking);
}

const struct tyto_alignment *tyto_session_alignment(const struct tyto_session *session)
{
    return &session->align.alignment;
}

int64_t tyto_session_unix_offset_ns(const struct tyto_session *session)
{
    return session->feeder.clock.unix_offset_ns;
}

enum tyto_clock_quality tyto_session_clock_quality(const struct tyto_session *session)
{
    return session->feeder.clock.quality;
}

/* What the connection thread says, and what the data say of the camera. Locked. */
static void print_text(const struct tyto_session *session, char *ret_text, size_t text_bytes)
{
    static const bool none[TYTO_NUM_STREAMS];
    char clock_text[96], still_text[96], text[2 * TYTO_STATE_TEXT_MAX];
    const bool is_live = session->status == TYTO_CAMERA_STATUS_LIVE;
    tyto_camera_clock_text(is_live ? session->clock_off_ns : 0, clock_text, sizeof(clock_text));
    tyto_still_text(is_live ? session->is_still : none, still_ns(session), still_text,
                    sizeof(still_text));
    snprintf(text, sizeof(text), "%s%s%s%s%s", session->text, still_text[0] ? "; " : "", still_text,
             clock_text[0] ? "; " : "", clock_text);
    snprintf(ret_text, text_bytes, "%.*s", (int)text_bytes - 1, text);
}

bool tyto_session_take_state(struct tyto_session *session, struct tyto_camera_state *ret_state)
{
    const uint64_t due_ns = atomic_load(&session->connector_due_ns);
    const bool is_late = due_ns != 0 && tyto_clock_mono_ns() > due_ns;
    pthread_mutex_lock(&session->lock);
    const bool changed =
        session->state_rev != session->taken_rev || is_late != session->is_connector_late;
    session->is_connector_late = is_late;
    if (changed) {
        session->taken_rev = session->state_rev;
        *ret_state = (struct tyto_camera_state){
            .status = session->status,
            .has_audio = session->has_audio && !session->missing[TYTO_STREAM_AUDIO],
            .has_video = session->has_video && !session->missing[TYTO_STREAM_VIDEO],
            .since_unix_ns = session->since_unix_ns,
            .num_reconnects = session->num_connects > 0 ? session->num_connects - 1 : 0,
            .clock_quality = session->feeder.clock.quality,
            .has_av_offset = session->align.alignment.estimate.status == TYTO_SYNC_CONFIDENT,
            .av_offset_ms = (float)session->align.alignment.estimate.offset_ns / 1e6f,
        };
        memcpy(ret_state->camera, session->id, sizeof(ret_state->camera));
        print_text(session, ret_state->text, sizeof(ret_state->text));
    }
    if (changed && is_late) {
        ret_state->status = TYTO_CAMERA_STATUS_STALLED;
        snprintf(ret_state->text, sizeof(ret_state->text),
                 "the thread that looks after it stands still, since %llu s or more",
                 (unsigned long long)(TYTO_SESSION_CONNECTOR_NS / TYTO_NS_PER_S));
    }
    pthread_mutex_unlock(&session->lock);
    if (changed) {
        struct tyto_camera_counts counts;
        tyto_session_get_counts(session, &counts);
        ret_state->num_segments = counts.segmenter.num_segments;
        ret_state->num_dropped = counts.num_dropped_audio + counts.num_dropped_video;
    }
    return changed;
}

bool tyto_session_has_ended(struct tyto_session *session)
{
    pthread_mutex_lock(&session->lock);
    const bool ended = session->connector_done && session->taken_rev == session->state_rev &&
                       (session->status == TYTO_CAMERA_STATUS_ENDED ||
                        session->status == TYTO_CAMERA_STATUS_FAILED);
    pthread_mutex_unlock(&session->lock);
    return ended;
}

void tyto_session_get_counts(struct tyto_session *session, struct tyto_camera_counts *ret_counts)
{
    *ret_counts = (struct tyto_camera_counts){.media_ns = session->media_ns,
                                              .alignment = session->align.alignment};
    tyto_segmenter_get_counts(session->segmenter, &ret_counts->segmenter);
    pthread_mutex_lock(&session->lock);
    for (int i = 0; session->feeding && i < TYTO_NUM_STREAMS; i++)
        session->num_dropped[i] =
            tyto_source_num_dropped(session->feeder.source, (enum tyto_stream)i);
    if (session->feeding)
        session->num_skipped = tyto_source_num_skipped(session->feeder.source);
    ret_counts->num_skipped = session->num_skipped + session->num_skipped_before;
    ret_counts->num_dropped_audio =
        session->num_dropped[TYTO_STREAM_AUDIO] + session->num_dropped_before[TYTO_STREAM_AUDIO];
    ret_counts->num_dropped_video =
        session->num_dropped[TYTO_STREAM_VIDEO] + session->num_dropped_before[TYTO_STREAM_VIDEO];
    ret_counts->duration_ns = session->duration_ns;
    ret_counts->num_connects = session->num_connects;
    ret_counts->num_losses = session->num_losses;
    ret_counts->num_abandoned = session->num_abandoned;
    ret_counts->num_processes = session->num_processes;
    ret_counts->pid = session->pid;
    pthread_mutex_unlock(&session->lock);
}
