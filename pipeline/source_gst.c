/* SPDX-License-Identifier: MIT */
/* A source's life and its two rings: what appsinks give on GStreamer's threads,
 * the inference thread pops. build_gst.c makes the pipeline, end_gst.c tells its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include "base/clock.h"
#include "pipeline/source_parts.h"

/* Pictures are big and one a hop is enough; sound comes in pieces of 20-64 ms. */
enum { RING_PICTURES = 6, RING_SOUNDS = 256, BLOCK_US = 2000, BUSY_US = 10000 };

/* For rtspsrc to end what it is doing by itself; what it cleans up meanwhile is not looked at. */
#define SETTLE_NS (2 * TYTO_NS_PER_S)

static pthread_once_t gst_once = PTHREAD_ONCE_INIT;
static bool gst_is_up;

static void start_gst(void)
{
    gst_is_up = gst_init_check(NULL, NULL, NULL);
}

void tyto_source_touch(struct tyto_source_stream *stream)
{
    atomic_store(&stream->last_data_ns, tyto_clock_mono_ns());
    if (stream->source->kind != TYTO_URI_RTSP)
        atomic_store(&stream->source->num_pending, 0);
}

static void step(struct tyto_source *source)
{
    atomic_store(&source->last_step_ns, tyto_clock_mono_ns());
}

void tyto_source_pass(struct tyto_source_stream *stream, int64_t ns)
{
    if (ns <= atomic_load(&stream->pos_ns))
        return;
    atomic_store(&stream->pos_ns, ns);
    step(stream->source);
}

/* --- GStreamer's threads ---------------------------------------------------------- */

/* object is taken. */
static GstFlowReturn push(struct tyto_source_stream *stream, GstMiniObject *object)
{
    struct tyto_source *source = stream->source;
    struct tyto_source_item *item =
        tyto_source_new_item(object, (enum tyto_turn)atomic_load(&stream->turn));
    if (!item) {
        gst_mini_object_unref(object);
        return GST_FLOW_ERROR;
    }
    enum tyto_err err;
    if (source->is_file) {
        while ((err = tyto_ring_push(stream->ring, item)) == TYTO_ERR_FULL) {
            if (atomic_load(&source->stopping))
                break;
            usleep(BLOCK_US);
            tyto_source_stamp_item(item);
            step(source);
        }
    } else {
        void *dropped = NULL;
        err = tyto_ring_push_drop_oldest(stream->ring, item, &dropped);
        if (err == TYTO_OK)
            tyto_source_free_item(dropped);
    }
    if (err == TYTO_OK) {
        step(source);
        return GST_FLOW_OK;
    }
    tyto_source_free_item(item);
    return GST_FLOW_FLUSHING;
}

static GstFlowReturn on_sample(GstAppSink *sink, gpointer user)
{
    struct tyto_source_stream *stream = user;
    GstSample *sample = gst_app_sink_try_pull_sample(sink, 0);
    if (!sample)
        return GST_FLOW_OK;
    tyto_source_touch(stream);
    return push(stream, GST_MINI_OBJECT_CAST(sample));
}

static void on_eos(GstAppSink *sink, gpointer user)
{
    struct tyto_source_stream *stream = user;
    (void)sink;
    if (stream->source->kind != TYTO_URI_RTSP)
        atomic_store(&stream->source->num_pending, 0); /* no data came, nor will */
    if (!atomic_exchange(&stream->ended, true))
        (void)push(stream, GST_MINI_OBJECT_CAST(gst_event_new_eos()));
}

/* "flip-rotate-90": mirrored, then turned right. */
static enum tyto_turn turn_of(const char *tag)
{
    static const struct {
        const char *tag;
        enum tyto_turn turn;
    } turns[] = {
        {"rotate-90", TYTO_TURN_RIGHT},           {"rotate-180", TYTO_TURN_180},
        {"rotate-270", TYTO_TURN_LEFT},           {"flip-rotate-0", TYTO_TURN_MIRROR},
        {"flip-rotate-90", TYTO_TURN_TRANSVERSE}, {"flip-rotate-180", TYTO_TURN_UPSIDE_DOWN},
        {"flip-rotate-270", TYTO_TURN_TRANSPOSE},
    };
    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        if (strcmp(tag, turns[i].tag) == 0)
            return turns[i].turn;
    }
    return TYTO_TURN_NONE;
}

static void take_tags(struct tyto_source_stream *stream, GstEvent *event)
{
    GstTagList *tags = NULL;
    gchar *text = NULL;
    gst_event_parse_tag(event, &tags);
    if (gst_tag_list_get_string(tags, GST_TAG_IMAGE_ORIENTATION, &text))
        atomic_store(&stream->turn, (int)turn_of(text));
    g_free(text);
}

/* Holes that the demuxer knows of; running time is put into the event we keep. */
static GstPadProbeReturn on_sink_event(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    struct tyto_source_stream *stream = user;
    GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);
    GstClockTime pts, duration;
    if (GST_EVENT_TYPE(event) == GST_EVENT_TAG)
        take_tags(stream, event);
    if (GST_EVENT_TYPE(event) != GST_EVENT_GAP)
        return GST_PAD_PROBE_OK;
    gst_event_parse_gap(event, &pts, &duration);
    GstEvent *segment_event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    if (!segment_event)
        return GST_PAD_PROBE_OK;
    const GstSegment *segment;
    gst_event_parse_segment(segment_event, &segment);
    if (GST_CLOCK_TIME_IS_VALID(pts) && GST_CLOCK_TIME_IS_VALID(duration))
        pts += duration;
    const guint64 running_ns = segment->format == GST_FORMAT_TIME
                                   ? gst_segment_to_running_time(segment, GST_FORMAT_TIME, pts)
                                   : GST_CLOCK_TIME_NONE;
    if (GST_CLOCK_TIME_IS_VALID(running_ns))
        (void)push(stream, GST_MINI_OBJECT_CAST(gst_event_new_gap(running_ns, 0)));
    gst_event_unref(segment_event);
    return GST_PAD_PROBE_OK;
}

/* Decoders may then hand out their own frames, strides and all, without a copy. */
static GstPadProbeReturn on_sink_query(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    (void)pad;
    (void)user;
    GstQuery *query = GST_PAD_PROBE_INFO_QUERY(info);
    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION)
        return GST_PAD_PROBE_OK;
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
    return GST_PAD_PROBE_HANDLED;
}

void tyto_source_connect_sink(struct tyto_source_stream *stream, GstElement *sink)
{
    GstAppSinkCallbacks callbacks = {.new_sample = on_sample, .eos = on_eos};
    /* HTTP may serve a recording at once: then its own time is kept to. */
    const gboolean sync = stream->source->kind == TYTO_URI_HTTP;
    g_object_set(sink, "sync", sync, "async", FALSE, "max-buffers", 1, "enable-last-sample", FALSE,
                 "qos", FALSE, NULL);
    gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, stream, NULL);
    GstPad *pad = gst_element_get_static_pad(sink, "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_sink_event, stream, NULL);
    if (stream->which == TYTO_STREAM_VIDEO)
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, on_sink_query, NULL, NULL);
    gst_object_unref(pad);
}

void tyto_source_set_note(struct tyto_source *source, const char *text)
{
    pthread_mutex_lock(&source->note_lock);
    if (source->note[0] == '\0')
        snprintf(source->note, sizeof(source->note), "%s", text);
    pthread_mutex_unlock(&source->note_lock);
}

const char *tyto_source_note(const struct tyto_source *source)
{
    return source->note; /* set once, ends in 0 at any time */
}

GstElement *tyto_source_make(struct tyto_source *source, const char *factory)
{
    GstElement *element = gst_element_factory_make(factory, NULL);
    if (!element) {
        char text[TYTO_SOURCE_NOTE_MAX];
        snprintf(text, sizeof(text), "GStreamer element '%s' is not installed", factory);
        tyto_source_set_note(source, text);
    }
    return element;
}

/* --- life --------------------------------------------------------------------------- */

static void free_source(struct tyto_source *source)
{
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        void *item;
        while (source->streams[i].ring && tyto_ring_pop(source->streams[i].ring, &item) == TYTO_OK)
            tyto_source_free_item(item);
        tyto_ring_destroy(&source->streams[i].ring);
    }
    if (source->tap)
        source->tap->unref(source->tap);
    pthread_mutex_destroy(&source->note_lock);
    free(source->uri);
    free(source);
}

static enum tyto_err init_source(struct tyto_source *source,
                                 const struct tyto_source_params *params)
{
    pthread_mutex_init(&source->note_lock, NULL);
    source->options = params->options;
    source->hop_ns = params->hop_ns;
    source->length_ns = params->length_ns;
    source->log = params->log;
    source->base_ns = params->base_ns;
    source->reconnects = params->reconnects;
    source->tap = params->tap;
    if (source->tap)
        source->tap->ref(source->tap);
    source->uri = strdup(params->uri);
    if (!source->uri)
        return TYTO_ERR_NOMEM;
    tyto_uri_lower_scheme(source->uri);
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        struct tyto_source_stream *stream = &source->streams[i];
        stream->source = source;
        stream->which = (enum tyto_stream)i;
        atomic_store(&stream->pos_ns, INT64_MIN);
        atomic_store(&stream->turn, TYTO_TURN_NONE);
        tyto_sampler_init(&stream->sampler, params->options.keyframes, params->hop_ns,
                          params->length_ns, !source->is_file);
        const enum tyto_err err =
            tyto_ring_create(i == TYTO_STREAM_VIDEO ? RING_PICTURES : RING_SOUNDS, &stream->ring);
        if (err != TYTO_OK)
            return err;
    }
    return TYTO_OK;
}

enum tyto_err tyto_source_create(const struct tyto_source_params *params,
                                 struct tyto_source **ret_source, struct tyto_fault *ret_fault)
{
    pthread_once(&gst_once, start_gst);
    if (!gst_is_up)
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                              "GStreamer cannot be started");
    if (params->hop_ns <= 0 || params->length_ns <= 0)
        return TYTO_ERR_INVALID;
    struct tyto_source *source = calloc(1, sizeof(*source));
    if (!source)
        return TYTO_ERR_NOMEM;
    enum tyto_err err = tyto_uri_kind_of(params->uri, &source->kind, ret_fault);
    if (err == TYTO_OK)
        err = tyto_source_check_uri(params->uri, &source->is_file, ret_fault);
    if (err == TYTO_OK)
        err = init_source(source, params);
    if (err == TYTO_OK)
        err = tyto_source_build(source, ret_fault);
    if (err != TYTO_OK) {
        if (source->pipeline) {
            gst_element_set_state(source->pipeline, GST_STATE_NULL);
            gst_object_unref(source->pipeline);
        }
        free_source(source);
        return err;
    }
    step(source);
    if (gst_element_set_state(source->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
        source->failed_early = true; /* the reason is on the bus: tyto_source_wait() */
    *ret_source = source;
    return TYTO_OK;
}

struct teardown {
    struct tyto_source *source;
    pthread_mutex_t lock; /* guards the two below */
    pthread_cond_t done_cond;
    bool done, abandoned;
};

static void finish_teardown(struct teardown *teardown)
{
    pthread_cond_destroy(&teardown->done_cond);
    pthread_mutex_destroy(&teardown->lock);
    free(teardown);
}

static void *tear_down(void *arg)
{
    struct teardown *teardown = arg;
    struct tyto_source *source = teardown->source;
    /* After an error of its own rtspsrc frees its streams, which stopping it would walk over. */
    const uint64_t begin_ns = tyto_clock_mono_ns();
    while (source->has_failed && atomic_load(&source->busy) && !atomic_load(&source->redirected) &&
           tyto_clock_mono_ns() - begin_ns < SETTLE_NS)
        usleep(BUSY_US);
    gst_element_set_state(source->pipeline, GST_STATE_NULL);
    gst_object_unref(source->pipeline);
    free_source(source);
    pthread_mutex_lock(&teardown->lock);
    teardown->done = true;
    const bool abandoned = teardown->abandoned;
    pthread_cond_signal(&teardown->done_cond);
    pthread_mutex_unlock(&teardown->lock);
    if (abandoned)
        finish_teardown(teardown);
    return NULL;
}

bool tyto_source_destroy(struct tyto_source **source, uint64_t deadline_ns)
{
    if (!source || !*source)
        return true;
    struct teardown *teardown = calloc(1, sizeof(*teardown));
    atomic_store(&(*source)->stopping, true);
    pthread_t thread;
    if (!teardown) {
        *source = NULL;
        return false;
    }
    teardown->source = *source;
    *source = NULL;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&teardown->lock, NULL);
    pthread_cond_init(&teardown->done_cond, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&thread, NULL, tear_down, teardown) != 0) {
        finish_teardown(teardown);
        return false;
    }
    pthread_detach(thread);
    const uint64_t until_ns = tyto_clock_mono_ns() + deadline_ns;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / TYTO_NS_PER_S),
                                   .tv_nsec = (long)(until_ns % TYTO_NS_PER_S)};
    pthread_mutex_lock(&teardown->lock);
    int rc = 0;
    while (!teardown->done && rc == 0)
        rc = pthread_cond_timedwait(&teardown->done_cond, &teardown->lock, &until);
    const bool done = teardown->done;
    teardown->abandoned = !done;
    pthread_mutex_unlock(&teardown->lock);
    if (done)
        finish_teardown(teardown);
    return done;
}

/* --- what there is to know ------------------------------------------------------------ */

int64_t tyto_source_position(const struct tyto_source *source, enum tyto_stream stream)
{
    return atomic_load(&source->streams[stream].pos_ns);
}

bool tyto_source_get_streams(const struct tyto_source *source, bool *ret_audio, bool *ret_video)
{
    if (!atomic_load(&source->no_more_pads) || atomic_load(&source->num_pending) > 0)
        return false;
    *ret_audio = atomic_load(&source->streams[TYTO_STREAM_AUDIO].linked);
    *ret_video = atomic_load(&source->streams[TYTO_STREAM_VIDEO].linked);
    return true;
}

bool tyto_source_expects(const struct tyto_source *source, enum tyto_stream stream)
{
    return atomic_load(&source->streams[stream].linked) ||
           (source->kind == TYTO_URI_RTSP && atomic_load(&source->streams[stream].claimed));
}

uint64_t tyto_source_last_data_ns(const struct tyto_source *source, enum tyto_stream stream)
{
    return atomic_load(&source->streams[stream].last_data_ns);
}

uint64_t tyto_source_last_step_ns(const struct tyto_source *source)
{
    return atomic_load(&source->last_step_ns);
}

bool tyto_source_waits_for_key(const struct tyto_source *source)
{
    return atomic_load(&source->waits_for_key);
}

bool tyto_source_redirect(struct tyto_source *source, char *ret_uri, uint32_t uri_bytes)
{
    enum tyto_uri_kind kind;
    pthread_mutex_lock(&source->note_lock);
    snprintf(ret_uri, uri_bytes, "%s", source->redirect);
    pthread_mutex_unlock(&source->note_lock);
    /* A camera may send us to a camera, and to nothing else. */
    return ret_uri[0] != '\0' && tyto_uri_kind_of(ret_uri, &kind, NULL) == TYTO_OK &&
           kind == source->kind;
}

bool tyto_source_refuses_transport(const struct tyto_source *source)
{
    return source->refuses_transport;
}

uint64_t tyto_source_num_dropped(const struct tyto_source *source, enum tyto_stream stream)
{
    return tyto_ring_num_dropped(source->streams[stream].ring);
}

void tyto_source_set_behind(struct tyto_source *source, bool is_behind)
{
    atomic_store(&source->behind, is_behind);
}

uint64_t tyto_source_num_skipped(const struct tyto_source *source)
{
    return atomic_load(&source->streams[TYTO_STREAM_VIDEO].num_skipped);
}

int tyto_source_fd(const struct tyto_source *source, enum tyto_stream stream)
{
    return tyto_ring_fd(source->streams[stream].ring);
}

int64_t tyto_source_duration_ns(const struct tyto_source *source)
{
    gint64 duration_ns = 0;
    if (!source->is_file ||
        !gst_element_query_duration(source->pipeline, GST_FORMAT_TIME, &duration_ns))
        return 0;
    return duration_ns > 0 ? duration_ns : 0;
}
