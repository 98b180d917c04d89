/* SPDX-License-Identifier: MIT */
/* A camera's connection thread: connects, watches, tells, and connects again, at the pace of the
 * limiter and of the camera's own back-off. It waits for as long as its camera takes; nobody waits
 * for it. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/secret.h"
#include "files/file_end.h"
#include "pipeline/isolate/isolate.h"
#include "pipeline/session/internal.h"
#include "pipeline/session/watch.h"

enum { TICK_MS = 100, MAX_REDIRECTS = 4, MAX_NEWS = 3, URI_BYTES = 2048, WHY_BYTES = 144 };

#define TEARDOWN_NS (5 * TYTO_NS_PER_S)
/* A file from which nothing comes for this long, though there is room for it, cannot be read. */
#define FILE_STALL_NS (20 * TYTO_NS_PER_S)
/* A connection that held this long was a good one: back-off starts over. */
#define GOOD_NS (10 * TYTO_NS_PER_S)
/* Between a connection and the one that it sends us on to. */
#define REDIRECT_NS (TYTO_NS_PER_S / 2)

/* What a connection thread has learnt of its camera. */
struct connector {
    struct tyto_session *session;
    struct tyto_watch watch;
    uint32_t num_failures;  /* in a row */
    bool was_live;          /* ever */
    bool is_good;           /* the connection at hand held for a while */
    bool uses_udp;          /* transport AUTO: it refuses TCP */
    bool reconnects;        /* it closes its connection after an answer */
    bool was_redirected;    /* ever */
    uint32_t num_news;      /* connections in a row that ended for a stream that came later */
    uint32_t num_redirects; /* followed since session->uri */
    struct tyto_file_end file_end;
    char trail[MAX_REDIRECTS][URI_BYTES];
};

/* --- telling ------------------------------------------------------------------------------- */

static void set_state(struct tyto_session *session, enum tyto_camera_status status,
                      const bool missing[TYTO_NUM_STREAMS], const char *words)
{
    char hidden[TYTO_STATE_TEXT_MAX + 1], text[TYTO_STATE_TEXT_MAX + 1];
    /* They may be of a library that has been told the URI. */
    tyto_secret_hide(session->uri, words, hidden, sizeof(hidden));
    tyto_secret_scrub(hidden, text, sizeof(text));
    pthread_mutex_lock(&session->lock);
    const bool changed = session->status != status || strcmp(session->text, text) != 0 ||
                         memcmp(session->missing, missing, sizeof(session->missing)) != 0;
    if (changed) {
        if (session->status != status)
            session->since_unix_ns = (int64_t)tyto_clock_unix_ns();
        session->status = status;
        memcpy(session->missing, missing, sizeof(session->missing));
        snprintf(session->text, sizeof(session->text), "%s", text);
        session->state_rev++;
    }
    pthread_mutex_unlock(&session->lock);
    if (changed)
        tyto_log_write(session->log, TYTO_LOG_DEBUG, "pipeline", "camera %s: %s: %s", session->id,
                       tyto_camera_status_name(status), text);
}

static void set_status(struct tyto_session *session, enum tyto_camera_status status,
                       const char *text)
{
    static const bool none[TYTO_NUM_STREAMS];
    set_state(session, status, none, text);
}

static void tell_live(struct tyto_session *session, const struct tyto_source *source,
                      const bool missing[TYTO_NUM_STREAMS])
{
    const char *text = tyto_watch_missing_text(missing);
    if (!text[0] && tyto_source_waits_for_key(source))
        text = "no picture yet: its next keyframe is waited for";
    if (!text[0])
        text = tyto_source_note(source);
    set_state(session, TYTO_CAMERA_STATUS_LIVE, missing, text[0] ? text : "connected");
}

static void tell_tap(struct tyto_session *session, bool is_connected)
{
    pthread_mutex_lock(&session->lock);
    if (session->camera.tap)
        session->camera.tap->on_connected(session->camera.tap, is_connected);
    pthread_mutex_unlock(&session->lock);
}

/* --- waiting --------------------------------------------------------------------------------- */

/* By then the connection thread will have been heard of again: whoever looks at it need not wait
 * for it. */
static void promise(struct tyto_session *session, uint64_t ns)
{
    atomic_store(&session->connector_due_ns, tyto_clock_mono_ns() + ns + TYTO_SESSION_CONNECTOR_NS);
}

/* Sleeps; false when asked to stop. */
static bool pause_connector(struct tyto_session *session, uint64_t ns)
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

static uint64_t next_wait_ns(const struct connector *connector)
{
    uint32_t chance;
    if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
        chance = (uint32_t)tyto_clock_mono_ns() ^ (uint32_t)(uintptr_t)connector->session;
    return tyto_backoff_ns(connector->num_failures, chance);
}

/* --- a connection ------------------------------------------------------------------------------
 */

/* The media clock goes on over reconnects, in whole hops, and never back: a camera's own may have
 * run ahead. */
static int64_t next_base_ns(struct tyto_session *session)
{
    int64_t ns = (int64_t)(tyto_clock_mono_ns() - session->created_ns);
    pthread_mutex_lock(&session->lock);
    const bool first = session->num_connects == 0;
    ns = session->end_ns > ns ? session->end_ns : ns;
    pthread_mutex_unlock(&session->lock);
    return first ? 0 : (ns / session->hop_ns + 1) * session->hop_ns;
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
    const uint64_t now_ns = tyto_clock_mono_ns();
    atomic_store(&session->teardown_until_ns,
                 now_ns + (session->stop ? TYTO_SESSION_LETS_GO_NS : TEARDOWN_NS));
    pthread_mutex_unlock(&session->lock);
    const bool is_gone = tyto_source_destroy_until(&source, &session->teardown_until_ns);
    pthread_mutex_lock(&session->lock);
    session->num_abandoned += !is_gone;
    session->pid = 0;
    pthread_mutex_unlock(&session->lock);
}

static enum tyto_err look_at_file(const struct tyto_source *source, uint64_t now_ns, char *text,
                                  uint32_t text_bytes)
{
    const uint64_t step_ns = tyto_source_last_step_ns(source);
    if (now_ns <= step_ns || now_ns - step_ns < FILE_STALL_NS)
        return TYTO_OK;
    snprintf(text, text_bytes,
             "nothing has come out of it for %llu s: convert it, as with ffmpeg -i IN OUT.mp4",
             (unsigned long long)(FILE_STALL_NS / TYTO_NS_PER_S));
    return TYTO_ERR_FORMAT;
}

static enum tyto_err look_at_camera(struct connector *connector, const struct tyto_source *source,
                                    uint64_t now_ns, char *text, uint32_t text_bytes)
{
    struct tyto_watch_sight sight = {.now_ns = now_ns};
    bool missing[TYTO_NUM_STREAMS];
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        sight.expects[i] = tyto_source_expects(source, (enum tyto_stream)i);
        sight.last_data_ns[i] = tyto_source_last_data_ns(source, (enum tyto_stream)i);
    }
    switch (tyto_watch_judge(&connector->watch, &sight, missing, text, text_bytes)) {
    case TYTO_WATCH_CONNECTING:
        return TYTO_OK;
    case TYTO_WATCH_LIVE:
        tell_live(connector->session, source, missing);
        connector->is_good = now_ns - connector->watch.begin_ns > GOOD_NS;
        return TYTO_OK;
    case TYTO_WATCH_STALLED:
        set_state(connector->session, TYTO_CAMERA_STATUS_STALLED, missing, text);
        return TYTO_ERR_TIMEOUT;
    case TYTO_WATCH_NO_DATA:
        if (tyto_source_note(source)[0])
            snprintf(text, text_bytes, "no data after connecting: %s", tyto_source_note(source));
        break;
    }
    return TYTO_ERR_TIMEOUT;
}

/* As soon as data come. */
static void look_at_container(struct tyto_session *session, const struct tyto_source *source)
{
    static const bool none[TYTO_NUM_STREAMS];
    if (tyto_source_last_data_ns(source, TYTO_STREAM_AUDIO) == 0 &&
        tyto_source_last_data_ns(source, TYTO_STREAM_VIDEO) == 0)
        return;
    const int64_t duration_ns = session->is_file ? tyto_source_duration_ns(source) : 0;
    pthread_mutex_lock(&session->lock);
    session->duration_ns = duration_ns > 0 ? session->begin_ns + duration_ns : 0;
    const bool is_told = session->status == TYTO_CAMERA_STATUS_LIVE;
    pthread_mutex_unlock(&session->lock);
    if (!is_told)
        tell_live(session, source, none);
}

/* Watches until the connection is over. Returns why, with text. TYTO_OK: asked to stop. */
static enum tyto_err watch(struct connector *connector, struct tyto_source *source, char *text,
                           uint32_t text_bytes)
{
    struct tyto_session *session = connector->session;
    for (;;) {
        promise(session, 0);
        enum tyto_err err = tyto_source_wait(source, TICK_MS, text, text_bytes);
        const uint64_t now_ns = tyto_clock_mono_ns();
        look_at_container(session, source);
        if (err != TYTO_ERR_TIMEOUT)
            return err;
        if (is_stopping(session))
            return TYTO_OK;
        err = session->is_file ? look_at_file(source, now_ns, text, text_bytes)
                               : look_at_camera(connector, source, now_ns, text, text_bytes);
        if (err)
            return err;
    }
}

/* --- what comes after it -------------------------------------------------------------------------
 */

static const char *uri_of(const struct connector *connector)
{
    return connector->num_redirects > 0 ? connector->trail[connector->num_redirects - 1]
                                        : connector->session->uri;
}

/* Whether to go where the camera sends us; text says why not. */
static bool follow(struct connector *connector, const char *uri, char *text, uint32_t text_bytes)
{
    bool is_circle = strcmp(uri, connector->session->uri) == 0;
    for (uint32_t i = 0; i < connector->num_redirects; i++)
        is_circle |= strcmp(uri, connector->trail[i]) == 0;
    if (is_circle)
        snprintf(text, text_bytes, "it sends us round in a circle (redirect to itself)");
    else if (connector->num_redirects == MAX_REDIRECTS)
        snprintf(text, text_bytes, "it sends us on more than %d times (redirects)", MAX_REDIRECTS);
    else
        snprintf(connector->trail[connector->num_redirects++], URI_BYTES, "%s", uri);
    return !is_circle && text[0] == '\0';
}

/* Learns from how a connection ended. True: the next one is to another address. */
static bool learn(struct connector *connector, struct tyto_source *source, enum tyto_err err,
                  char *text, uint32_t text_bytes)
{
    char uri[URI_BYTES];
    if (!err || err == TYTO_ERR_CLOSED || connector->session->is_file)
        return false;
    connector->num_news = tyto_source_has_news(source) ? connector->num_news + 1 : 0;
    if (tyto_source_redirect(source, uri, sizeof(uri))) {
        connector->was_redirected = true;
        connector->reconnects = false;
        text[0] = '\0';
        return follow(connector, uri, text, text_bytes);
    }
    if (connector->session->camera.source.transport == TYTO_TRANSPORT_AUTO &&
        tyto_source_refuses_transport(source)) {
        snprintf(text, text_bytes, "%s",
                 connector->uses_udp ? "nothing comes by UDP: TCP is tried next"
                                     : "it refuses TCP (461): UDP is tried next");
        connector->uses_udp = !connector->uses_udp;
    } else if (tyto_source_last_data_ns(source, TYTO_STREAM_AUDIO) == 0 &&
               tyto_source_last_data_ns(source, TYTO_STREAM_VIDEO) == 0) {
        connector->reconnects = !connector->reconnects && !connector->was_redirected;
    }
    return false;
}

/* In this process, or in one of its own. */
static enum tyto_err connect_source(struct tyto_session *session,
                                    const struct tyto_source_params *params,
                                    struct tyto_source **ret_source, struct tyto_fault *ret_fault)
{
    const struct tyto_isolation *isolation = session->camera.isolation;
    if (!isolation)
        return tyto_source_create(params, ret_source, ret_fault);
    int pid = 0;
    const enum tyto_err err =
        tyto_isolate_create(isolation, session->id, params, ret_source, &pid, ret_fault);
    if (err)
        return err;
    pthread_mutex_lock(&session->lock);
    session->pid = pid;
    session->num_processes++;
    pthread_mutex_unlock(&session->lock);
    return TYTO_OK;
}

/* One connection from beginning to end. TYTO_OK: asked to stop. */
static enum tyto_err run_once(struct connector *connector, bool *ret_moves, char *text,
                              uint32_t text_bytes)
{
    struct tyto_session *session = connector->session;
    struct tyto_source_params params = {
        .uri = uri_of(connector),
        .options = session->camera.source,
        .hop_ns = session->hop_ns,
        .length_ns = session->length_ns,
        .tap = session->camera.tap,
        .base_ns = next_base_ns(session),
        .reconnects = connector->reconnects,
        .takes_news = connector->num_news < MAX_NEWS,
        .log = session->log,
    };
    if (params.options.transport == TYTO_TRANSPORT_AUTO)
        params.options.transport = connector->uses_udp ? TYTO_TRANSPORT_UDP : TYTO_TRANSPORT_TCP;
    struct tyto_source *source = NULL;
    struct tyto_fault fault = {0};
    connector->is_good = *ret_moves = false;
    promise(session, 0);
    tell_tap(session, true);
    enum tyto_err err = connect_source(session, &params, &source, &fault);
    if (err) {
        tell_tap(session, false);
        snprintf(text, text_bytes, "%.*s", (int)text_bytes - 1,
                 fault.text[0] ? fault.text : tyto_err_text(err));
        return err;
    }
    hand_over(session, source, params.base_ns);
    tyto_watch_begin(&connector->watch, tyto_clock_mono_ns());
    err = watch(connector, source, text, text_bytes);
    enum tyto_event_reason reason = TYTO_EVENT_REASON_SOURCE_LOST;
    if (is_stopping(session))
        reason = TYTO_EVENT_REASON_SHUTDOWN;
    else if (err == TYTO_ERR_CLOSED && session->is_file)
        reason = TYTO_EVENT_REASON_SOURCE_ENDED;
    *ret_moves = learn(connector, source, err, text, text_bytes);
    connector->file_end.whole = *tyto_source_whole(source);
    connector->file_end.has_grown = tyto_source_has_grown(source);
    connector->file_end.gap_ns = tyto_source_gap_ns(source);
    take_back(session, source, reason);
    tell_tap(session, false);
    return is_stopping(session) ? TYTO_OK : err;
}

/* Says why, and how long to wait before the next connection. */
static uint64_t tell_loss(struct connector *connector, bool moves, const char *why)
{
    struct tyto_session *session = connector->session;
    char text[TYTO_STATE_TEXT_MAX + 1];
    pthread_mutex_lock(&session->lock);
    connector->was_live |=
        session->status == TYTO_CAMERA_STATUS_LIVE || session->status == TYTO_CAMERA_STATUS_STALLED;
    session->num_losses += connector->was_live && !moves;
    pthread_mutex_unlock(&session->lock);
    const enum tyto_camera_status status =
        connector->was_live ? TYTO_CAMERA_STATUS_LOST : TYTO_CAMERA_STATUS_CONNECTING;
    if (moves) {
        set_status(session, status, "it sends us on to another address");
        return REDIRECT_NS;
    }
    connector->num_redirects = 0;
    if (connector->is_good)
        connector->num_failures = 0;
    const uint64_t wait_ns = next_wait_ns(connector);
    connector->num_failures++;
    snprintf(text, sizeof(text), "%s%s; next try in %.1f s",
             connector->was_live ? "" : "never connected yet: ", why, (double)wait_ns / 1e9);
    set_status(session, status, text);
    return wait_ns;
}

static void keep_live(struct connector *connector)
{
    struct tyto_session *session = connector->session;
    tyto_watch_init(&connector->watch, session->camera.stall_ns);
    while (!is_stopping(session)) {
        uint64_t wait_ns;
        while ((wait_ns = tyto_limiter_take(session->limiter, tyto_clock_mono_ns())) > 0) {
            if (!pause_connector(session, wait_ns))
                return;
        }
        char why[WHY_BYTES] = "";
        bool moves;
        set_status(session,
                   connector->was_live ? TYTO_CAMERA_STATUS_LOST : TYTO_CAMERA_STATUS_CONNECTING,
                   connector->was_live ? "connecting again" : "connecting");
        const enum tyto_err err = run_once(connector, &moves, why, sizeof(why));
        if (!err)
            return;
        if (err == TYTO_ERR_CLOSED)
            snprintf(why, sizeof(why), "the camera ended the stream");
        if (!pause_connector(session, tell_loss(connector, moves, why)))
            return;
    }
}

/* All that came is judged by now. False: there is nothing to say of the file's end. */
static bool look_at_end(struct connector *connector, enum tyto_err err, char *text,
                        uint32_t text_bytes)
{
    struct tyto_session *session = connector->session;
    struct tyto_file_end *end = &connector->file_end;
    struct tyto_segmenter_counts counts; /* nothing is given out any more */
    char found[TYTO_STATE_TEXT_MAX + 1];
    if (!err || (err != TYTO_ERR_CLOSED && !end->whole.is_cut && !end->whole.is_damaged))
        return false; /* asked to stop, or it has said what is wrong */
    tyto_segmenter_get_counts(session->segmenter, &counts);
    end->duration_ns = session->duration_ns; /* only this thread writes it */
    end->begin_ns = session->begin_ns;
    end->wants_all = !session->camera.source.no_audio && !session->camera.source.no_video;
    end->read_ns = (int64_t)counts.num_segments * session->hop_ns;
    tyto_file_end_text(end, found, sizeof(found));
    if (found[0])
        snprintf(text, text_bytes, "%s", found);
    return found[0] != '\0';
}

static void keep_file(struct connector *connector)
{
    struct tyto_session *session = connector->session;
    char text[TYTO_STATE_TEXT_MAX + 1] = "";
    bool moves;
    set_status(session, TYTO_CAMERA_STATUS_CONNECTING, "opening");
    const enum tyto_err err = run_once(connector, &moves, text, sizeof(text));
    if (look_at_end(connector, err, text, sizeof(text)))
        set_status(session, TYTO_CAMERA_STATUS_FAILED, text);
    else if (err == TYTO_ERR_CLOSED)
        set_status(session, TYTO_CAMERA_STATUS_ENDED, "end of file");
    else if (err)
        set_status(session, TYTO_CAMERA_STATUS_FAILED, text[0] ? text : tyto_err_text(err));
}

void *tyto_session_keep(void *arg)
{
    struct tyto_session *session = arg;
    struct connector connector = {.session = session};
    pthread_setname_np(pthread_self(), "tyto-keep");
    if (session->is_file)
        keep_file(&connector);
    else
        keep_live(&connector);
    pthread_mutex_lock(&session->lock);
    session->connector_done = true;
    atomic_store(&session->connector_due_ns, 0);
    tyto_session_give_up(session);
    return NULL;
}
