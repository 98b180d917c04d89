/* SPDX-License-Identifier: MIT */
#include "pipeline/session/session.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/secret.h"
#include "pipeline/session/feed.h"
#include "pipeline/source/source.h"

enum { TICK_MS = 100 };

/* A keeper that says nothing for so long beyond what it waits for stands still. */
#define KEEPER_NS (10 * TYTO_NS_PER_S)
#define TEARDOWN_NS (5 * TYTO_NS_PER_S)
#define STOP_NS (10 * TYTO_NS_PER_S)
/* Until the first data, setting up and the first keyframe included. */
#define CONNECT_NS (20 * TYTO_NS_PER_S)
/* A connection that held this long was a good one: back-off starts over. */
#define GOOD_NS (10 * TYTO_NS_PER_S)
/* Files cannot be late, only badly interleaved. */
#define FILE_SKEW_NS (5ll * 1000000000)
/* Well below the segmenter's window, well above what a batch takes. */
#define BEHIND_NS (2ll * 1000000000)

enum link_state { LINK_NONE, LINK_UP, LINK_DRAINING };

struct tyto_session {
    /* Set once. */
    char id[TYTO_ID_MAX + 1];
    char *uri;
    struct tyto_camera_params camera;
    bool is_file;
    int64_t hop_ns, length_ns;
    uint64_t created_ns;
    struct tyto_limiter *limiter;
    const struct tyto_log *log;

    pthread_mutex_t lock;   /* guards the next block */
    pthread_cond_t changed; /* link or stop */
    enum link_state link;
    struct tyto_source *source; /* the keeper's; the inference thread's while UP or DRAINING */
    int64_t base_ns;            /* of this source */
    enum tyto_event_reason over_reason;
    bool stop, keeper_done;
    uint64_t stop_ns;
    uint32_t num_owners;
    uint32_t state_rev;
    enum tyto_camera_status status;
    char text[TYTO_STATE_TEXT_MAX + 1];
    int64_t since_unix_ns;
    uint32_t num_connects, num_losses, num_abandoned;
    int64_t duration_ns;
    uint64_t num_dropped[TYTO_NUM_STREAMS];        /* of this source */
    uint64_t num_dropped_before[TYTO_NUM_STREAMS]; /* of earlier ones */
    uint64_t num_skipped, num_skipped_before;

    atomic_uint_fast64_t keeper_due_ns; /* 0: nothing is heard from the keeper any more */

    /* The inference thread's. */
    struct tyto_segmenter *segmenter;
    struct tyto_align align;
    struct tyto_pump pump;
    bool pumping, over;
    bool has_audio, has_video;
    uint32_t taken_rev;
    bool is_keeper_late; /* told */
    int64_t media_ns;
};

static void free_session(struct tyto_session *session)
{
    pthread_cond_destroy(&session->changed);
    pthread_mutex_destroy(&session->lock);
    tyto_segmenter_destroy(&session->segmenter);
    tyto_align_finish(&session->align);
    free(session->uri);
    free(session);
}

/* Called locked; unlocks. The last owner frees. */
static void give_up(struct tyto_session *session)
{
    const bool last = --session->num_owners == 0;
    pthread_mutex_unlock(&session->lock);
    if (last)
        free_session(session);
}

static void set_status(struct tyto_session *session, enum tyto_camera_status status,
                       const char *words)
{
    char hidden[TYTO_STATE_TEXT_MAX + 1], text[TYTO_STATE_TEXT_MAX + 1];
    /* They may be of a library that has been told the URI. */
    tyto_secret_hide(session->uri, words, hidden, sizeof(hidden));
    tyto_secret_scrub(hidden, text, sizeof(text));
    pthread_mutex_lock(&session->lock);
    if (session->status != status || strcmp(session->text, text) != 0) {
        if (session->status != status)
            session->since_unix_ns = (int64_t)tyto_clock_unix_ns();
        session->status = status;
        snprintf(session->text, sizeof(session->text), "%s", text);
        session->state_rev++;
    }
    pthread_mutex_unlock(&session->lock);
    tyto_log_write(session->log, TYTO_LOG_DEBUG, "pipeline", "camera %s: %s: %s", session->id,
                   tyto_camera_status_name(status), text);
}

/* --- the keeper --------------------------------------------------------------------- */

/* By then the keeper will have been heard of again: whoever looks at it need not wait for it. */
static void promise(struct tyto_session *session, uint64_t ns)
{
    atomic_store(&session->keeper_due_ns, tyto_clock_mono_ns() + ns + KEEPER_NS);
}

/* Sleeps; false when asked to stop. */
static bool pause_keeper(struct tyto_session *session, uint64_t ns)
{
    promise(session, ns);
    const uint64_t until_ns = tyto_clock_mono_ns() + ns;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / TYTO_NS_PER_S),
                                   .tv_nsec = (long)(until_ns % TYTO_NS_PER_S)};
    pthread_mutex_lock(&session->lock);
    while (!session->stop && pthread_cond_timedwait(&session->changed, &session->lock, &until) == 0)
        ;
    const bool go_on = !session->stop;
    pthread_mutex_unlock(&session->lock);
    return go_on;
}

static bool is_stopping(struct tyto_session *session)
{
    pthread_mutex_lock(&session->lock);
    const bool stopping = session->stop;
    pthread_mutex_unlock(&session->lock);
    return stopping;
}

/* The media clock goes on over reconnects, in whole hops. */
static int64_t next_base_ns(struct tyto_session *session)
{
    const int64_t age_ns = (int64_t)(tyto_clock_mono_ns() - session->created_ns);
    pthread_mutex_lock(&session->lock);
    const bool first = session->num_connects == 0;
    pthread_mutex_unlock(&session->lock);
    return first ? 0 : (age_ns / session->hop_ns + 1) * session->hop_ns;
}

static void hand_over(struct tyto_session *session, struct tyto_source *source, int64_t base_ns)
{
    pthread_mutex_lock(&session->lock);
    session->base_ns = base_ns;
    session->source = source;
    session->link = LINK_UP;
    session->num_connects++;
    pthread_mutex_unlock(&session->lock);
}

/* Lets the inference thread finish, then tears the source down. */
static void take_back(struct tyto_session *session, struct tyto_source *source,
                      enum tyto_event_reason reason)
{
    promise(session, TEARDOWN_NS);
    pthread_mutex_lock(&session->lock);
    session->over_reason = reason;
    session->link = LINK_DRAINING;
    while (session->link != LINK_NONE)
        pthread_cond_wait(&session->changed, &session->lock);
    session->source = NULL;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        session->num_dropped_before[i] += tyto_source_num_dropped(source, (enum tyto_stream)i);
        session->num_dropped[i] = 0;
    }
    session->num_skipped_before += tyto_source_num_skipped(source);
    session->num_skipped = 0;
    pthread_mutex_unlock(&session->lock);
    if (!tyto_source_destroy(&source, TEARDOWN_NS)) {
        pthread_mutex_lock(&session->lock);
        session->num_abandoned++;
        pthread_mutex_unlock(&session->lock);
    }
}

/* Watches until the connection is over. Returns why, with text. */
static enum tyto_err watch(struct tyto_session *session, struct tyto_source *source, bool *ret_good,
                           char *text, uint32_t text_bytes)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    const uint64_t stall_ns =
        session->camera.stall_ns ? session->camera.stall_ns : TYTO_CAMERA_DEFAULT_STALL_NS;
    bool live = false;
    for (;;) {
        promise(session, 0);
        const enum tyto_err err = tyto_source_wait(source, TICK_MS, text, text_bytes);
        const uint64_t now_ns = tyto_clock_mono_ns();
        const uint64_t last_ns = tyto_source_last_data_ns(source);
        if (last_ns != 0 && !live) {
            const char *note = tyto_source_note(source);
            live = true;
            set_status(session, TYTO_CAMERA_STATUS_LIVE, note[0] ? note : "connected");
            const int64_t duration_ns = tyto_source_duration_ns(source);
            pthread_mutex_lock(&session->lock);
            session->duration_ns = duration_ns;
            pthread_mutex_unlock(&session->lock);
        }
        *ret_good = live && now_ns - begin_ns > GOOD_NS;
        if (err != TYTO_ERR_TIMEOUT)
            return err;
        if (is_stopping(session))
            return TYTO_OK;
        if (session->is_file)
            continue;
        if (live && now_ns > last_ns && now_ns - last_ns > stall_ns) {
            snprintf(text, text_bytes, "connected, but no data for %llu s",
                     (unsigned long long)(stall_ns / TYTO_NS_PER_S));
            set_status(session, TYTO_CAMERA_STATUS_STALLED, text);
            return TYTO_ERR_TIMEOUT;
        }
        if (!live && now_ns - begin_ns > (stall_ns > CONNECT_NS ? stall_ns : CONNECT_NS)) {
            snprintf(text, text_bytes, "no data after connecting");
            return TYTO_ERR_TIMEOUT;
        }
    }
}

static void tell_tap(struct tyto_session *session, bool is_connected)
{
    pthread_mutex_lock(&session->lock);
    if (session->camera.tap)
        session->camera.tap->on_connected(session->camera.tap, is_connected);
    pthread_mutex_unlock(&session->lock);
}

/* One connection from beginning to end. TYTO_OK: asked to stop. */
static enum tyto_err run_once(struct tyto_session *session, bool *ret_good, char *text,
                              uint32_t text_bytes)
{
    const struct tyto_source_params params = {
        .uri = session->uri,
        .options = session->camera.source,
        .hop_ns = session->hop_ns,
        .length_ns = session->length_ns,
        .tap = session->camera.tap,
        .base_ns = next_base_ns(session),
        .log = session->log,
    };
    struct tyto_source *source = NULL;
    struct tyto_fault fault = {0};
    *ret_good = false;
    promise(session, 0);
    tell_tap(session, true);
    enum tyto_err err = tyto_source_create(&params, &source, &fault);
    if (err != TYTO_OK) {
        tell_tap(session, false);
        snprintf(text, text_bytes, "%.*s", (int)text_bytes - 1,
                 fault.text[0] ? fault.text : tyto_err_text(err));
        return err;
    }
    hand_over(session, source, params.base_ns);
    err = watch(session, source, ret_good, text, text_bytes);
    enum tyto_event_reason reason = TYTO_EVENT_REASON_SOURCE_LOST;
    if (is_stopping(session))
        reason = TYTO_EVENT_REASON_SHUTDOWN;
    else if (err == TYTO_ERR_CLOSED && session->is_file)
        reason = TYTO_EVENT_REASON_SOURCE_ENDED;
    take_back(session, source, reason);
    tell_tap(session, false);
    return is_stopping(session) ? TYTO_OK : err;
}

static uint64_t next_wait_ns(struct tyto_session *session, uint32_t num_failures)
{
    uint32_t chance;
    if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
        chance = (uint32_t)tyto_clock_mono_ns() ^ (uint32_t)(uintptr_t)session;
    return tyto_backoff_ns(num_failures, chance);
}

static void keep_live(struct tyto_session *session)
{
    uint32_t num_failures = 0;
    bool was_live = false;
    while (!is_stopping(session)) {
        uint64_t wait_ns;
        while ((wait_ns = tyto_limiter_take(session->limiter, tyto_clock_mono_ns())) > 0) {
            if (!pause_keeper(session, wait_ns))
                return;
        }
        char why[TYTO_STATE_TEXT_MAX / 2 + 1] = "";
        char text[TYTO_STATE_TEXT_MAX + 1];
        bool good;
        set_status(session, was_live ? TYTO_CAMERA_STATUS_LOST : TYTO_CAMERA_STATUS_CONNECTING,
                   was_live ? "connecting again" : "connecting");
        const enum tyto_err err = run_once(session, &good, why, sizeof(why));
        if (err == TYTO_OK)
            return;
        if (err == TYTO_ERR_CLOSED)
            snprintf(why, sizeof(why), "the camera ended the stream");
        pthread_mutex_lock(&session->lock);
        was_live |= session->status == TYTO_CAMERA_STATUS_LIVE ||
                    session->status == TYTO_CAMERA_STATUS_STALLED;
        session->num_losses += was_live;
        pthread_mutex_unlock(&session->lock);
        if (good)
            num_failures = 0;
        wait_ns = next_wait_ns(session, num_failures);
        num_failures++;
        snprintf(text, sizeof(text), "%s%s; next try in %.1f s",
                 was_live ? "" : "never connected yet: ", why, (double)wait_ns / 1e9);
        set_status(session, was_live ? TYTO_CAMERA_STATUS_LOST : TYTO_CAMERA_STATUS_CONNECTING,
                   text);
        if (!pause_keeper(session, wait_ns))
            return;
    }
}

static void keep_file(struct tyto_session *session)
{
    char text[TYTO_STATE_TEXT_MAX + 1] = "";
    bool good;
    set_status(session, TYTO_CAMERA_STATUS_CONNECTING, "opening");
    const enum tyto_err err = run_once(session, &good, text, sizeof(text));
    if (err == TYTO_ERR_CLOSED)
        set_status(session, TYTO_CAMERA_STATUS_ENDED, "end of file");
    else if (err != TYTO_OK)
        set_status(session, TYTO_CAMERA_STATUS_FAILED, text[0] ? text : tyto_err_text(err));
}

static void *keep(void *arg)
{
    struct tyto_session *session = arg;
    pthread_setname_np(pthread_self(), "tyto-keep");
    if (session->is_file)
        keep_file(session);
    else
        keep_live(session);
    pthread_mutex_lock(&session->lock);
    session->keeper_done = true;
    atomic_store(&session->keeper_due_ns, 0);
    give_up(session);
    return NULL;
}

/* --- owner ----------------------------------------------------------------------------- */

static enum tyto_err start_keeper(struct tyto_session *session)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    session->num_owners = 2;
    const int rc = pthread_create(&thread, &attr, keep, session);
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
        .skew_ns = params->is_file ? FILE_SKEW_NS : params->camera->skew_ns,
        .av_offset_ns = params->camera->av_offset_ns,
        .live = !params->is_file,
    };
    enum tyto_err err = session->uri ? TYTO_OK : TYTO_ERR_NOMEM;
    if (err == TYTO_OK)
        err = tyto_segmenter_create(&segmenter_params, &session->segmenter);
    if (err == TYTO_OK)
        err = tyto_align_init(&session->align,
                              params->is_file ? TYTO_ALIGN_OFF : params->camera->align,
                              params->camera->av_offset_ns);
    if (err == TYTO_OK)
        err = start_keeper(session);
    if (err != TYTO_OK) {
        free_session(session);
        return err;
    }
    *ret_session = session;
    return TYTO_OK;
}

void tyto_session_stop(struct tyto_session *session)
{
    pthread_mutex_lock(&session->lock);
    if (!session->stop)
        session->stop_ns = tyto_clock_mono_ns();
    session->stop = true;
    pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

bool tyto_session_is_stopped(struct tyto_session *session, bool *ret_abandoned)
{
    pthread_mutex_lock(&session->lock);
    const bool done = session->keeper_done;
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
    (*session)->log = NULL; /* a keeper that hangs must not use what the owner frees now */
    give_up(*session);
    *session = NULL;
}

const char *tyto_session_id(const struct tyto_session *session)
{
    return session->id;
}

/* --- the inference thread --------------------------------------------------------------- */

/* A source that was just handed over. */
static void begin_pumping(struct tyto_session *session, struct tyto_source *source, int64_t base_ns)
{
    tyto_segmenter_reset(session->segmenter);
    tyto_pump_init(&session->pump, source, session->segmenter, &session->align, session->is_file,
                   base_ns);
    session->pumping = true;
    session->over = false;
}

/* Segments that could be evaluated but have no place in a batch are so far behind:
 * then no more pictures are decoded until the networks have caught up. */
static void note_backlog(struct tyto_session *session, struct tyto_source *source)
{
    if (!session->is_file)
        tyto_source_set_behind(source, tyto_segmenter_backlog_ns(session->segmenter) > BEHIND_NS);
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
    if (!session->pumping)
        begin_pumping(session, source, base_ns);
    if (*ret_stop)
        *ret_drained = link == LINK_DRAINING; /* what is left does not matter any more */
    else if (link == LINK_DRAINING)
        *ret_drained = tyto_pump_drain(&session->pump, now_ns);
    else
        tyto_pump_step(&session->pump, now_ns);
    if (tyto_align_update(&session->align))
        tyto_segmenter_set_av_offset(session->segmenter, session->align.alignment.applied_ns);
    note_backlog(session, source);
    if (session->camera.tap)
        session->camera.tap->on_shift(session->camera.tap,
                                      tyto_segmenter_shift_ns(session->segmenter));
    bool audio, video;
    if (tyto_source_get_streams(source, &audio, &video) &&
        (session->has_audio != audio || session->has_video != video)) {
        session->has_audio = audio;
        session->has_video = video;
        pthread_mutex_lock(&session->lock);
        session->state_rev += session->status == TYTO_CAMERA_STATUS_LIVE;
        pthread_mutex_unlock(&session->lock);
    }
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
        if (err == TYTO_OK) {
            session->media_ns = ret_segment->begin_ns;
            return TYTO_SESSION_SEGMENT;
        }
        drained = drained && err == TYTO_ERR_CLOSED;
    }
    if (!drained)
        return TYTO_SESSION_NOTHING;
    tyto_pump_finish(&session->pump);
    session->pumping = false;
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
    return session->align.sync && session->pumping && session->has_audio && session->has_video;
}

void tyto_session_set_looking(struct tyto_session *session, bool is_looking)
{
    if (session->pumping)
        tyto_source_set_looking(session->pump.source, is_looking);
}

const struct tyto_alignment *tyto_session_alignment(const struct tyto_session *session)
{
    return &session->align.alignment;
}

int64_t tyto_session_unix_offset_ns(const struct tyto_session *session)
{
    return session->pump.unix_offset_ns;
}

enum tyto_clock_quality tyto_session_clock_quality(const struct tyto_session *session)
{
    return session->pump.clock_quality;
}

bool tyto_session_take_state(struct tyto_session *session, struct tyto_camera_state *ret_state)
{
    const uint64_t due_ns = atomic_load(&session->keeper_due_ns);
    const bool is_late = due_ns != 0 && tyto_clock_mono_ns() > due_ns;
    pthread_mutex_lock(&session->lock);
    const bool changed =
        session->state_rev != session->taken_rev || is_late != session->is_keeper_late;
    session->is_keeper_late = is_late;
    if (changed) {
        session->taken_rev = session->state_rev;
        *ret_state = (struct tyto_camera_state){
            .status = session->status,
            .has_audio = session->has_audio,
            .has_video = session->has_video,
            .since_unix_ns = session->since_unix_ns,
            .num_reconnects = session->num_connects > 0 ? session->num_connects - 1 : 0,
            .clock_quality = session->pump.clock_quality,
            .has_av_offset = session->align.alignment.estimate.status == TYTO_SYNC_CONFIDENT,
            .av_offset_ms = (float)session->align.alignment.estimate.offset_ns / 1e6f,
        };
        memcpy(ret_state->camera, session->id, sizeof(ret_state->camera));
        memcpy(ret_state->text, session->text, sizeof(ret_state->text));
    }
    if (changed && is_late) {
        ret_state->status = TYTO_CAMERA_STATUS_STALLED;
        snprintf(ret_state->text, sizeof(ret_state->text),
                 "the thread that looks after it stands still, since %llu s or more",
                 (unsigned long long)(KEEPER_NS / TYTO_NS_PER_S));
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
    const bool ended = session->keeper_done && session->taken_rev == session->state_rev &&
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
    for (int i = 0; session->pumping && i < TYTO_NUM_STREAMS; i++)
        session->num_dropped[i] =
            tyto_source_num_dropped(session->pump.source, (enum tyto_stream)i);
    if (session->pumping)
        session->num_skipped = tyto_source_num_skipped(session->pump.source);
    ret_counts->num_skipped = session->num_skipped + session->num_skipped_before;
    ret_counts->num_dropped_audio =
        session->num_dropped[TYTO_STREAM_AUDIO] + session->num_dropped_before[TYTO_STREAM_AUDIO];
    ret_counts->num_dropped_video =
        session->num_dropped[TYTO_STREAM_VIDEO] + session->num_dropped_before[TYTO_STREAM_VIDEO];
    ret_counts->duration_ns = session->duration_ns;
    ret_counts->num_connects = session->num_connects;
    ret_counts->num_losses = session->num_losses;
    ret_counts->num_abandoned = session->num_abandoned;
    pthread_mutex_unlock(&session->lock);
}
