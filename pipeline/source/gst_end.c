/* SPDX-License-Identifier: MIT */
/* How a source ends: what its pipeline says of it, in words that say what to do. */
#include <stdio.h>
#include <string.h>

#include <gst/gst.h>

#include "pipeline/source/internal.h"

/* A playlist's pieces that are not there: GStreamer asks for one after the other without pause. */
enum { DEAD_WAITS = 5, MAX_REFUSED = 8 };

static enum tyto_err err_of(const GError *error)
{
    if (error->domain == GST_RESOURCE_ERROR)
        return error->code == GST_RESOURCE_ERROR_NOT_FOUND ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO;
    if (error->domain == GST_STREAM_ERROR)
        return error->code == GST_STREAM_ERROR_CODEC_NOT_FOUND ? TYTO_ERR_UNSUPPORTED
                                                               : TYTO_ERR_FORMAT;
    if (error->domain == GST_CORE_ERROR && error->code == GST_CORE_ERROR_MISSING_PLUGIN)
        return TYTO_ERR_UNSUPPORTED;
    return TYTO_ERR_INTERNAL;
}

static gboolean is_running(GstElement *element, GstPad *pad, gpointer user)
{
    (void)element;
    GST_OBJECT_LOCK(pad);
    const bool running = GST_PAD_TASK(pad) && GST_TASK_STATE(GST_PAD_TASK(pad)) == GST_TASK_STARTED;
    GST_OBJECT_UNLOCK(pad);
    *(bool *)user |= running;
    return TRUE;
}

static void look_for_tasks(const GValue *value, gpointer user)
{
    gst_element_foreach_pad(GST_ELEMENT(g_value_get_object(value)), is_running, user);
}

/* parsebin swallows the error of a demuxer that fails while it is being tried
 * out. Then no task runs, no data come and no message either. */
static bool is_dead(struct tyto_source *source)
{
    bool running = !source->is_file;
    for (int i = 0; i < TYTO_NUM_STREAMS && !running; i++)
        running = atomic_load(&source->streams[i].last_data_ns) != 0;
    if (!running) {
        GstIterator *elements = gst_bin_iterate_recurse(GST_BIN(source->pipeline));
        const GstIteratorResult result = gst_iterator_foreach(elements, look_for_tasks, &running);
        running |= result != GST_ITERATOR_DONE; /* changed meanwhile */
        gst_iterator_free(elements);
    }
    source->num_idle = running ? 0 : source->num_idle + 1;
    return source->num_idle >= DEAD_WAITS;
}

/* --- words --------------------------------------------------------------------------------- */

static bool has_password(const char *uri)
{
    const char *host = strstr(uri, "://");
    host = host ? host + 3 : uri;
    const char *at = strchr(host, '@');
    return at && at < host + strcspn(host, "/?#");
}

static bool has_come(const struct tyto_source *source)
{
    bool any = false;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        any |= atomic_load(&source->streams[i].last_data_ns) != 0;
    return any;
}

static const char *words_of_resource(const struct tyto_source *source, const GError *error)
{
    switch (error->code) {
    case GST_RESOURCE_ERROR_NOT_AUTHORIZED:
        return has_password(source->uri)
                   ? "refused (401): its user name or password is another one"
                   : "refused (401): it asks for a user name and password in its URI";
    case GST_RESOURCE_ERROR_NOT_FOUND:
        return "it has no such stream (404): check the URI's path";
    case GST_RESOURCE_ERROR_OPEN_READ:
    case GST_RESOURCE_ERROR_OPEN_READ_WRITE:
        return "cannot be reached";
    case GST_RESOURCE_ERROR_READ:
        return "it closed the connection";
    case GST_RESOURCE_ERROR_SEEK:
        if (has_come(source))
            return "it closed the connection";
        return "its index comes at its end: make it anew, as with ffmpeg -i IN -c copy -movflags "
               "+faststart OUT.mp4";
    default:
        return NULL;
    }
}

/* None of the streams that were asked for could be set up: 461, or no packet came by UDP. */
static bool is_transport(const struct tyto_source *source, const GError *error)
{
    bool asked = false;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        asked |= atomic_load(&source->streams[i].claimed);
    const bool unset =
        error->domain == GST_STREAM_ERROR && (error->code == GST_STREAM_ERROR_CODEC_NOT_FOUND ||
                                              error->code == GST_STREAM_ERROR_WRONG_TYPE);
    const bool silent = source->options.transport == TYTO_TRANSPORT_UDP &&
                        error->domain == GST_RESOURCE_ERROR &&
                        error->code == GST_RESOURCE_ERROR_READ;
    return source->kind == TYTO_URI_RTSP && asked && (unset || silent) &&
           !atomic_load(&source->no_more_pads);
}

/* Of an error that says nothing by itself: the last line of what is meant for programmers does,
 * unless it only says that an element above stopped. Of a file alone: of a camera it may hold its
 * URI. */
static void say_plainly(const struct tyto_source *source, const GError *error, const char *debug,
                        char *text, uint32_t text_bytes)
{
    const char *line = debug ? strrchr(debug, '\n') : NULL;
    const bool is_telling = line && line[1] != '\0' && !strstr(line, "streaming stopped");
    const bool is_vague =
        error->domain == GST_STREAM_ERROR &&
        (error->code == GST_STREAM_ERROR_FAILED || error->code == GST_STREAM_ERROR_FORMAT ||
         error->code == GST_STREAM_ERROR_DECODE);
    if (!is_vague)
        snprintf(text, text_bytes, "%s", error->message);
    else if (!source->is_file)
        snprintf(text, text_bytes, "%s",
                 has_come(source) ? "its stream broke off, or cannot be decoded"
                                  : "cannot be reached, or gives no stream that can be read");
    else
        snprintf(text, text_bytes,
                 "it cannot be read%s%.60s: convert it, as with ffmpeg -i IN OUT.mp4",
                 is_telling ? ": " : "", is_telling ? line + 1 : "");
}

/* NULL: there are none better than GStreamer's. */
static const char *words_of(const struct tyto_source *source, const GError *error)
{
    if (source->refuses_transport)
        return source->options.transport == TYTO_TRANSPORT_UDP
                   ? "it gives nothing by UDP: set transport: tcp or auto"
                   : "it refuses TCP (461): set transport: udp or auto";
    if (source->note[0])
        return source->note;
    if (error->domain == GST_STREAM_ERROR && (error->code == GST_STREAM_ERROR_TYPE_NOT_FOUND ||
                                              error->code == GST_STREAM_ERROR_WRONG_TYPE))
        return "not a kind of media that can be read";
    return error->domain == GST_RESOURCE_ERROR && !source->is_file
               ? words_of_resource(source, error)
               : NULL;
}

static bool is_made_by(GstMessage *message, const char *factory_name)
{
    GstObject *from = GST_MESSAGE_SRC(message);
    GstElementFactory *factory =
        GST_IS_ELEMENT(from) ? gst_element_get_factory(GST_ELEMENT(from)) : NULL;
    return factory && strcmp(GST_OBJECT_NAME(factory), factory_name) == 0;
}

/* The parser of a stream that is of no use says so in an error of its own; the other one goes on.
 */
static bool is_of_unusable(const struct tyto_source *source, GstMessage *message)
{
    bool any_usable = false, any_unusable = false;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        const bool claimed = atomic_load(&source->streams[i].claimed);
        const bool unusable = atomic_load(&source->streams[i].unusable);
        any_usable |= claimed && !unusable;
        any_unusable |= claimed && unusable;
    }
    return source->kind == TYTO_URI_RTSP && any_usable && any_unusable &&
           is_made_by(message, "parsebin");
}

static enum tyto_err explain(struct tyto_source *source, GstMessage *message, char *text,
                             uint32_t text_bytes)
{
    GError *error = NULL;
    gchar *debug = NULL;
    gst_message_parse_error(message, &error, &debug);
    const enum tyto_err err = err_of(error);
    source->has_failed = true;
    source->refuses_transport = is_transport(source, error);
    const char *words = words_of(source, error);
    const uint32_t status = source->http_status;
    if (atomic_load(&source->redirected))
        snprintf(text, text_bytes, "it sends us on to another address");
    else if (status >= 400 && status != 401 && status != 404)
        snprintf(text, text_bytes, "it answers with an error (%u)", status);
    else if (words)
        snprintf(text, text_bytes, "%s", words);
    else if (source->has_heard && !source->heard_of[TYTO_STREAM_AUDIO] &&
             !source->heard_of[TYTO_STREAM_VIDEO])
        snprintf(text, text_bytes, "it has neither sound nor picture");
    else
        say_plainly(source, error, debug, text, text_bytes);
    g_free(debug);
    g_error_free(error);
    return err;
}

/* --- the end ------------------------------------------------------------------------------- */

/* A bin forgets an EOS that comes while it still starts, as it does for short
 * files: what our sinks have seen counts as well. */
static bool all_ended(const struct tyto_source *source)
{
    bool linked[TYTO_NUM_STREAMS];
    bool ended =
        tyto_source_get_streams(source, &linked[TYTO_STREAM_AUDIO], &linked[TYTO_STREAM_VIDEO]);
    for (int i = 0; ended && i < TYTO_NUM_STREAMS; i++)
        ended = !linked[i] || atomic_load(&source->streams[i].ended);
    return ended;
}

static bool settled_without_streams(const struct tyto_source *source)
{
    bool audio, video;
    return tyto_source_get_streams(source, &audio, &video) && !audio && !video;
}

/* Whether of a file's picture nothing was seen, though there is one. */
static bool is_unseen(const struct tyto_source *source)
{
    const struct tyto_source_stream *video = &source->streams[TYTO_STREAM_VIDEO];
    return source->is_file && atomic_load(&video->linked) &&
           atomic_load(&video->num_timed) + atomic_load(&video->num_untimed) == 0;
}

/* A file's end is an error when something of it was left out. */
static enum tyto_err end_of(const struct tyto_source *source, char *text, uint32_t text_bytes)
{
    const struct tyto_source_stream *video = &source->streams[TYTO_STREAM_VIDEO];
    bool lacks = false, changes = false;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        lacks |= source->heard_of[i] && !atomic_load(&source->streams[i].linked);
        changes |= source->changes && source->has_left[i];
    }
    if (source->is_in_part && lacks)
        snprintf(text, text_bytes,
                 "read in part: a stream that it names later than at its begin was left out; "
                 "convert it, as with ffmpeg -i IN -c copy OUT.mp4");
    else if (source->is_file && atomic_load(&video->num_untimed) > atomic_load(&video->num_timed))
        snprintf(text, text_bytes,
                 "read in part: its pictures do not say when they are; convert it, as with "
                 "ffmpeg -i IN OUT.mp4");
    else if (source->is_file && changes)
        snprintf(text, text_bytes,
                 "read in part: a stream is coded in another way from some time on, and was left "
                 "out there; convert it, as with ffmpeg -i IN OUT.mp4");
    else if (is_unseen(source) && has_come(source))
        snprintf(text, text_bytes,
                 "read in part: none of its pictures can be decoded; convert it, as with ffmpeg "
                 "-i IN OUT.mp4");
    else if (source->is_file && !has_come(source))
        snprintf(text, text_bytes, "it ends before any sound or picture");
    else
        return TYTO_ERR_CLOSED;
    return TYTO_ERR_FORMAT;
}

/* No message has come: what else there is to see. */
static enum tyto_err look_around(struct tyto_source *source, char *text, uint32_t text_bytes)
{
    if (atomic_load(&source->redirected)) {
        snprintf(text, text_bytes, "it sends us on to another address");
        return TYTO_ERR_IO;
    }
    if (source->num_refused > MAX_REFUSED) {
        snprintf(text, text_bytes, "what its playlist names is refused (%u)", source->http_status);
        return TYTO_ERR_IO;
    }
    if (source->failed_early) {
        snprintf(text, text_bytes, "could not be started");
        return TYTO_ERR_IO;
    }
    if (is_dead(source)) {
        snprintf(text, text_bytes, "%s",
                 source->note[0] ? source->note : "it cannot be read: broken from its start on");
        return TYTO_ERR_FORMAT;
    }
    if (!settled_without_streams(source))
        return all_ended(source) ? end_of(source, text, text_bytes) : TYTO_ERR_TIMEOUT;
    snprintf(text, text_bytes, "nothing to see or hear in it%s%s", source->note[0] ? ": " : "",
             source->note);
    return TYTO_ERR_UNSUPPORTED;
}

/* One that was named before and is named no more: it has ended, or its coding is another one now,
 * which demuxers do not bring to the pad that it had. parsebin's lists have what all demuxers'
 * have. */
static void look_who_left(struct tyto_source *source, GstMessage *message,
                          const bool names[TYTO_NUM_STREAMS])
{
    if (!is_made_by(message, "parsebin"))
        return;
    for (int k = 0; k < TYTO_NUM_STREAMS; k++) {
        source->has_left[k] |=
            source->names_now[k] && !names[k] && atomic_load(&source->streams[k].linked);
        source->names_now[k] = names[k];
    }
}

/* Of a list of the container's streams: whether it names a kind that the lists before did not, or
 * one that they did no more. */
static bool is_news(struct tyto_source *source, GstMessage *message, char *text,
                    uint32_t text_bytes)
{
    static const GstStreamType types[TYTO_NUM_STREAMS] = {
        [TYTO_STREAM_AUDIO] = GST_STREAM_TYPE_AUDIO,
        [TYTO_STREAM_VIDEO] = GST_STREAM_TYPE_VIDEO,
    };
    const bool wanted[TYTO_NUM_STREAMS] = {
        [TYTO_STREAM_AUDIO] = !source->options.no_audio,
        [TYTO_STREAM_VIDEO] = !source->options.no_video,
    };
    GstStreamCollection *collection = NULL;
    bool is_new = false, names[TYTO_NUM_STREAMS] = {false};
    gst_message_parse_stream_collection(message, &collection);
    for (guint i = 0; i < gst_stream_collection_get_size(collection); i++) {
        GstStream *stream = gst_stream_collection_get_stream(collection, i);
        for (int k = 0; k < TYTO_NUM_STREAMS; k++) {
            names[k] |= (gst_stream_get_stream_type(stream) & types[k]) != 0;
            if (!(gst_stream_get_stream_type(stream) & types[k]) || source->heard_of[k])
                continue;
            source->heard_of[k] = true;
            if (source->has_heard && wanted[k] && !is_new)
                snprintf(text, text_bytes, "%s has come later: connecting again to get it",
                         k == TYTO_STREAM_AUDIO ? "sound" : "picture");
            is_new |= source->has_heard && wanted[k];
        }
    }
    source->has_heard = true;
    gst_object_unref(collection);
    look_who_left(source, message, names);
    for (int k = 0; k < TYTO_NUM_STREAMS && !is_new && !source->is_file; k++) {
        is_new = source->has_left[k];
        if (is_new)
            snprintf(text, text_bytes, "its %s has ended, or is another one now: connecting again",
                     k == TYTO_STREAM_AUDIO ? "sound" : "picture");
    }
    return is_new;
}

/* A camera may connect again for it. A file's tables have been exchanged before; where they could
 * not be, it is read in part, and that is an error at its end. */
static enum tyto_err take_news(struct tyto_source *source, GstMessage *message, char *text,
                               uint32_t text_bytes)
{
    char news[TYTO_SOURCE_NOTE_MAX];
    if (!is_news(source, message, news, sizeof(news)) || source->kind == TYTO_URI_RTSP)
        return TYTO_ERR_TIMEOUT;
    source->is_in_part = source->is_file;
    if (source->is_file || !source->takes_news)
        return TYTO_ERR_TIMEOUT;
    snprintf(text, text_bytes, "%s", news);
    source->has_news = true;
    return TYTO_ERR_IO;
}

/* When data came last, of either stream. */
static uint64_t last_data_ns(const struct tyto_source *source)
{
    const uint64_t audio_ns = tyto_source_last_data_ns(source, TYTO_STREAM_AUDIO);
    const uint64_t video_ns = tyto_source_last_data_ns(source, TYTO_STREAM_VIDEO);
    return audio_ns > video_ns ? audio_ns : video_ns;
}

static void count_refusal(struct tyto_source *source)
{
    const uint64_t data_ns = last_data_ns(source);
    char text[TYTO_SOURCE_NOTE_MAX];
    source->num_refused = data_ns == source->refused_after_ns ? source->num_refused + 1 : 1;
    source->refused_after_ns = data_ns;
    if (source->num_refused < 2) /* of the address itself, maybe: that ends it */
        return;
    /* It may as well stop asking: then the session gives it up for its silence, and says this. */
    snprintf(text, sizeof(text), "what its playlist names is refused (%u)", source->http_status);
    tyto_source_set_note(source, text);
}

/* What a web server has answered: a redirect is the session's to follow, at its own pace. */
static void take_answer(struct tyto_source *source, GstMessage *message)
{
    const GstStructure *structure = gst_message_get_structure(message);
    GstStructure *headers = NULL;
    guint status = 0;
    if (!structure || !gst_structure_has_name(structure, "http-headers") ||
        !gst_structure_get_uint(structure, "http-status-code", &status))
        return;
    source->http_status = status;
    if (status >= 400)
        count_refusal(source);
    gst_structure_get(structure, "response-headers", GST_TYPE_STRUCTURE, &headers, NULL);
    const char *location = headers ? gst_structure_get_string(headers, "Location") : NULL;
    char *uri = status >= 300 && status < 400 && location
                    ? g_uri_resolve_relative(source->uri, location, G_URI_FLAGS_ENCODED, NULL)
                    : NULL;
    if (uri && strlen(uri) < sizeof(source->redirect)) {
        pthread_mutex_lock(&source->note_lock);
        snprintf(source->redirect, sizeof(source->redirect), "%s", uri);
        pthread_mutex_unlock(&source->note_lock);
        atomic_store(&source->redirected, true);
    }
    g_free(uri);
    if (headers)
        gst_structure_free(headers);
}

enum tyto_err tyto_source_wait(struct tyto_source *source, int timeout_ms, char *text,
                               uint32_t text_bytes)
{
    if (source->filler.wait)
        return source->filler.wait(source->filler.user, timeout_ms, text, text_bytes);
    GstBus *bus = gst_element_get_bus(source->pipeline);
    const GstClockTime wait_ns = (GstClockTime)timeout_ms * GST_MSECOND;
    GstMessageType types = GST_MESSAGE_ERROR | GST_MESSAGE_EOS | GST_MESSAGE_STREAM_COLLECTION;
    if (source->kind == TYTO_URI_HTTP)
        types |= GST_MESSAGE_ELEMENT;
    GstMessage *message = gst_bus_timed_pop_filtered(bus, wait_ns, types);
    gst_object_unref(bus);
    if (message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_ELEMENT) {
        take_answer(source, message);
        gst_message_unref(message);
        message = NULL;
    }
    if (!message)
        return look_around(source, text, text_bytes);
    enum tyto_err err = TYTO_ERR_INTERNAL;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR && is_of_unusable(source, message))
        err = TYTO_ERR_TIMEOUT;
    else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
        err = explain(source, message, text, text_bytes);
    else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS)
        err = end_of(source, text, text_bytes);
    else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_STREAM_COLLECTION)
        err = take_news(source, message, text, text_bytes);
    else
        err = TYTO_ERR_TIMEOUT; /* GStreamer cannot tell extended types from each other */
    gst_message_unref(message);
    return err;
}
