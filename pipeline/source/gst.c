/* SPDX-License-Identifier: MIT */
/* A source's life and its two rings: what appsinks give on GStreamer's threads,
 * the inference thread pops. gst_build.c makes the pipeline, gst_end.c tells its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include "base/clock.h"
#include "pipeline/source/internal.h"

enum { RING_LOOKS = 128, BUSY_US = 10000 };

/* For rtspsrc to end what it is doing by itself; what it cleans up meanwhile is not looked at. */
#define SETTLE_NS (2 * TYTO_NS_PER_S)
#define LOOK_NS (100 * TYTO_NS_PER_MS)

static pthread_once_t gst_once = PTHREAD_ONCE_INIT;
static bool gst_is_up;

static void start_gst(void)
{
    gst_is_up = gst_init_check(NULL, NULL, NULL);
}

const char *tyto_source_note(const struct tyto_source *source)
{
    return source->note; /* set once, ends in 0 at any time */
}

/* --- life --------------------------------------------------------------------------- */

static void free_source(struct tyto_source *source)
{
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        void *item;
        while (source->streams[i].ring && tyto_ring_pop(source->streams[i].ring, &item) == TYTO_OK)
            tyto_source_free_item(item);
        tyto_ring_destroy(&source->streams[i].ring);
        tyto_source_drop_held(&source->streams[i]);
        tyto_coded_free_coding(source->streams[i].coding);
    }
    void *look;
    while (source->looks && tyto_ring_pop(source->looks, &look) == TYTO_OK)
        free(look);
    tyto_ring_destroy(&source->looks);
    if (source->tap)
        source->tap->unref(source->tap);
    pthread_mutex_destroy(&source->note_lock);
    free(source->table);
    free(source->uri);
    g_free(source->path);
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
    source->takes_news = params->takes_news;
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
        stream->caught_up_ns = stream->coded_ns = INT64_MIN;
        atomic_store(&stream->newest_ns, INT64_MAX); /* never late, as long as nothing is known */
        atomic_store(&stream->turn, TYTO_TURN_NONE);
        tyto_sampler_init(&stream->sampler, params->options.keyframes, params->hop_ns,
                          params->length_ns, !source->is_file);
        const enum tyto_err err = tyto_ring_create(
            i == TYTO_STREAM_VIDEO ? TYTO_SOURCE_RING_PICTURES : TYTO_SOURCE_RING_SOUNDS,
            &stream->ring);
        if (err)
            return err;
    }
    return source->is_file ? TYTO_OK : tyto_ring_create(RING_LOOKS, &source->looks);
}

/* A source that nothing fills yet; free_source() frees it. */
static enum tyto_err make_source(const struct tyto_source_params *params,
                                 struct tyto_source **ret_source, struct tyto_fault *ret_fault)
{
    struct tyto_source *source = calloc(1, sizeof(*source));
    if (!source)
        return TYTO_ERR_NOMEM;
    enum tyto_err err = tyto_uri_kind_of(params->uri, &source->kind, ret_fault);
    if (!err)
        err = tyto_source_check_uri(params->uri, &source->is_file, ret_fault);
    if (!err)
        err = init_source(source, params);
    if (err)
        free_source(source);
    else
        *ret_source = source;
    return err;
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
    struct tyto_source *source;
    enum tyto_err err = make_source(params, &source, ret_fault);
    if (err)
        return err;
    err = tyto_source_build(source, ret_fault);
    if (err) {
        if (source->pipeline) {
            gst_element_set_state(source->pipeline, GST_STATE_NULL);
            gst_object_unref(source->pipeline);
        }
        free_source(source);
        return err;
    }
    tyto_source_step(source);
    if (gst_element_set_state(source->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
        source->failed_early = true; /* the reason is on the bus: tyto_source_wait() */
    *ret_source = source;
    return TYTO_OK;
}

void tyto_source_warm(void)
{
    static const char *const elements[] = {
        "rtspsrc",      "rtpbin",   "rtph264depay", "rtpmp4gdepay", "parsebin",
        "h264parse",    "aacparse", "avdec_h264",   "audioconvert", "audioresample",
        "videoconvert", "appsink",  "identity",     "udpsrc",
    };
    pthread_once(&gst_once, start_gst);
    for (size_t i = 0; gst_is_up && i < sizeof(elements) / sizeof(elements[0]); i++) {
        GstElementFactory *factory = gst_element_factory_find(elements[i]);
        GstPluginFeature *loaded =
            factory ? gst_plugin_feature_load(GST_PLUGIN_FEATURE(factory)) : NULL;
        if (loaded)
            gst_object_unref(loaded);
        if (factory)
            gst_object_unref(factory);
    }
}

enum tyto_err tyto_source_create_filled(const struct tyto_source_params *params,
                                        const struct tyto_source_filler *filler,
                                        struct tyto_source **ret_source,
                                        struct tyto_fault *ret_fault)
{
    if (params->tap) /* what is coded comes in GStreamer's samples */
        pthread_once(&gst_once, start_gst);
    struct tyto_source *source;
    const enum tyto_err err = make_source(params, &source, ret_fault);
    if (err)
        return err;
    source->filler = *filler;
    tyto_source_step(source);
    *ret_source = source;
    return TYTO_OK;
}

static atomic_uint num_hanging; /* of the whole process, like the pipelines that hang in it */

uint32_t tyto_source_num_hanging(void)
{
    return atomic_load(&num_hanging);
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
    if (abandoned) {
        atomic_fetch_sub(&num_hanging, 1);
        finish_teardown(teardown);
    }
    return NULL;
}

/* With the lock held. False: it is not done by *until_ns, which may come nearer meanwhile. */
static bool wait_for_teardown(struct teardown *teardown, const atomic_uint_fast64_t *until_ns)
{
    for (;;) {
        const uint64_t now_ns = tyto_clock_mono_ns(), end_ns = atomic_load(until_ns);
        if (teardown->done || now_ns >= end_ns)
            return teardown->done;
        const uint64_t look_ns = end_ns - now_ns < LOOK_NS ? end_ns : now_ns + LOOK_NS;
        const struct timespec look = {.tv_sec = (time_t)(look_ns / TYTO_NS_PER_S),
                                      .tv_nsec = (long)(look_ns % TYTO_NS_PER_S)};
        (void)pthread_cond_timedwait(&teardown->done_cond, &teardown->lock, &look);
    }
}

bool tyto_source_destroy(struct tyto_source **source, uint64_t deadline_ns)
{
    const atomic_uint_fast64_t until_ns = tyto_clock_mono_ns() + deadline_ns;
    return tyto_source_destroy_until(source, &until_ns);
}

bool tyto_source_destroy_until(struct tyto_source **source, const atomic_uint_fast64_t *until_ns)
{
    if (!source || !*source)
        return true;
    if ((*source)->filler.destroy) {
        const uint64_t now_ns = tyto_clock_mono_ns(), end_ns = atomic_load(until_ns);
        const bool is_gone = (*source)->filler.destroy((*source)->filler.user,
                                                       end_ns > now_ns ? end_ns - now_ns : 0);
        free_source(*source);
        *source = NULL;
        return is_gone;
    }
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
    pthread_mutex_lock(&teardown->lock);
    const bool done = wait_for_teardown(teardown, until_ns);
    teardown->abandoned = !done;
    if (!done)
        atomic_fetch_add(&num_hanging, 1);
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
    const struct tyto_source_stream *at = &source->streams[stream];
    return atomic_load(&at->linked) || (source->kind == TYTO_URI_RTSP &&
                                        atomic_load(&at->claimed) && !atomic_load(&at->unusable));
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
    tyto_uri_keep_user(source->uri, source->redirect, ret_uri, uri_bytes);
    pthread_mutex_unlock(&source->note_lock);
    /* A camera may send us to a camera, and to nothing else. */
    return ret_uri[0] != '\0' && tyto_uri_kind_of(ret_uri, &kind, NULL) == TYTO_OK &&
           kind == source->kind;
}

bool tyto_source_has_news(const struct tyto_source *source)
{
    return source->has_news;
}

bool tyto_source_refuses_transport(const struct tyto_source *source)
{
    return source->refuses_transport;
}

uint64_t tyto_source_num_dropped(const struct tyto_source *source, enum tyto_stream stream)
{
    return tyto_ring_num_dropped(source->streams[stream].ring) +
           atomic_load(&source->streams[stream].num_dropped_there);
}

void tyto_source_set_behind(struct tyto_source *source, bool is_behind)
{
    if (atomic_exchange(&source->behind, is_behind) != is_behind && source->filler.on_wish)
        source->filler.on_wish(source->filler.user);
}

uint64_t tyto_source_num_skipped(const struct tyto_source *source)
{
    return atomic_load(&source->streams[TYTO_STREAM_VIDEO].num_skipped);
}

int tyto_source_fd(const struct tyto_source *source, enum tyto_stream stream)
{
    return tyto_ring_fd(source->streams[stream].ring);
}

const struct tyto_whole *tyto_source_whole(const struct tyto_source *source)
{
    return &source->whole;
}

bool tyto_source_has_grown(const struct tyto_source *source)
{
    struct stat status;
    if (!source->pipeline)
        return source->has_grown;
    return source->path && stat(source->path, &status) == 0 &&
           (uint64_t)status.st_size > source->whole.num_bytes;
}

/* Of the streams that are read; 0 where there is none. field: an _Atomic int64_t of each. */
static int64_t least_of(const struct tyto_source *source, size_t field)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        const struct tyto_source_stream *stream = &source->streams[i];
        const int64_t value =
            atomic_load((const _Atomic int64_t *)(const void *)((const char *)stream + field));
        if (atomic_load(&stream->linked) && value < least)
            least = value;
    }
    return least == INT64_MAX ? 0 : least;
}

int64_t tyto_source_duration_ns(const struct tyto_source *source)
{
    gint64 duration_ns = 0;
    if (!source->pipeline)
        return atomic_load(&source->duration_ns);
    if (!source->is_file ||
        !gst_element_query_duration(source->pipeline, GST_FORMAT_TIME, &duration_ns))
        return 0;
    duration_ns -= least_of(source, offsetof(struct tyto_source_stream, start_ns));
    return duration_ns > 0 ? duration_ns : 0;
}

int64_t tyto_source_gap_ns(const struct tyto_source *source)
{
    return least_of(source, offsetof(struct tyto_source_stream, gap_ns));
}
