/* SPDX-License-Identifier: MIT */
/* From a URI to elementary streams: one source element, parsebin behind it (one
 * per RTP stream), every wanted pad handed to stream_gst.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gst/gst.h>

#include "pipeline/source/internal.h"

enum { TCP_TIMEOUT_US = 10 * 1000 * 1000 };

static bool is_wanted(const struct tyto_source *source, enum tyto_stream which)
{
    return which == TYTO_STREAM_AUDIO ? !source->options.no_audio : !source->options.no_video;
}

static void set_if_has(GstElement *element, const char *property, const char *value)
{
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(element), property))
        gst_util_set_object_arg(G_OBJECT(element), property, value);
}

/* --- parsebin ------------------------------------------------------------------------ */

static void attach(struct tyto_source *source, GstPad *pad, const GstCaps *caps)
{
    tyto_source_attach(source, pad, caps);
    if (source->kind == TYTO_URI_RTSP) /* a parser for each stream: this was all of it */
        atomic_fetch_sub(&source->num_pending, 1);
}

/* A parser that has not seen enough yet shows a pad before its caps. */
static GstPadProbeReturn on_first_caps(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    struct tyto_source *source = user;
    GstCaps *caps;
    if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) != GST_EVENT_CAPS)
        return GST_PAD_PROBE_OK;
    gst_event_parse_caps(GST_PAD_PROBE_INFO_EVENT(info), &caps);
    attach(source, pad, caps);
    return GST_PAD_PROBE_REMOVE;
}

static void on_parsed_pad(GstElement *parser, GstPad *pad, gpointer user)
{
    struct tyto_source *source = user;
    (void)parser;
    GstCaps *caps = gst_pad_get_current_caps(pad);
    if (caps) {
        attach(source, pad, caps);
        gst_caps_unref(caps);
    } else {
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_first_caps, source, NULL);
    }
}

static void on_unknown_type(GstElement *parser, GstPad *pad, GstCaps *caps, gpointer user)
{
    struct tyto_source *source = user;
    (void)parser;
    (void)pad;
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    char text[TYTO_SOURCE_NOTE_MAX];
    snprintf(text, sizeof(text), "nothing installed that reads %s",
             gst_structure_get_name(structure));
    tyto_source_set_note(source, text);
}

static GstElement *add_parser(struct tyto_source *source)
{
    GstElement *parser = tyto_source_make(source, "parsebin");
    if (!parser)
        return NULL;
    atomic_fetch_add(&source->num_pending, 1);
    g_signal_connect(parser, "pad-added", G_CALLBACK(on_parsed_pad), source);
    g_signal_connect(parser, "unknown-type", G_CALLBACK(on_unknown_type), source);
    gst_bin_add(GST_BIN(source->pipeline), parser);
    return parser;
}

/* --- RTSP ----------------------------------------------------------------------------- */

static bool kind_of_media(const GstCaps *caps, enum tyto_stream *ret_which)
{
    const char *media = gst_structure_get_string(gst_caps_get_structure(caps, 0), "media");
    if (g_strcmp0(media, "audio") == 0)
        *ret_which = TYTO_STREAM_AUDIO;
    else if (g_strcmp0(media, "video") == 0)
        *ret_which = TYTO_STREAM_VIDEO;
    else
        return false;
    return true;
}

/* Only the first wanted stream of each kind is set up at the camera at all. */
static gboolean on_select_stream(GstElement *element, guint idx, GstCaps *caps, gpointer user)
{
    struct tyto_source *source = user;
    enum tyto_stream which;
    (void)element;
    (void)idx;
    return kind_of_media(caps, &which) && is_wanted(source, which) &&
           !atomic_exchange(&source->streams[which].claimed, true);
}

static void on_rtp_pad(GstElement *element, GstPad *pad, gpointer user)
{
    struct tyto_source *source = user;
    (void)element;
    GstElement *parser = add_parser(source);
    if (!parser)
        return;
    GstPad *sink = gst_element_get_static_pad(parser, "sink");
    gst_element_sync_state_with_parent(parser);
    if (gst_pad_link(pad, sink) != GST_PAD_LINK_OK)
        tyto_source_set_note(source, "an RTP stream could not be linked");
    gst_object_unref(sink);
}

static void on_no_more_pads(GstElement *element, gpointer user)
{
    struct tyto_source *source = user;
    (void)element;
    atomic_store(&source->no_more_pads, true);
}

static enum tyto_err build_rtsp(struct tyto_source *source)
{
    GstElement *element = tyto_source_make(source, "rtspsrc");
    if (!element)
        return TYTO_ERR_UNSUPPORTED;
    const char *protocols = source->options.transport == TYTO_TRANSPORT_UDP    ? "udp"
                            : source->options.transport == TYTO_TRANSPORT_AUTO ? "tcp+udp"
                                                                               : "tcp";
    const guint latency_ms =
        source->options.latency_ms ? source->options.latency_ms : TYTO_SOURCE_DEFAULT_LATENCY_MS;
    /* What is recorded shall have no holes: on_coded() looks after lateness then. */
    const gboolean drops = source->tap == NULL;
    g_object_set(element, "location", source->uri, "latency", latency_ms, "drop-on-latency", drops,
                 "tcp-timeout", (guint64)TCP_TIMEOUT_US, "do-retransmission", FALSE, "user-agent",
                 "tyto", NULL);
    set_if_has(element, "protocols", protocols);
    set_if_has(element, "add-reference-timestamp-meta", "true");
    g_signal_connect(element, "select-stream", G_CALLBACK(on_select_stream), source);
    g_signal_connect(element, "pad-added", G_CALLBACK(on_rtp_pad), source);
    g_signal_connect(element, "no-more-pads", G_CALLBACK(on_no_more_pads), source);
    gst_bin_add(GST_BIN(source->pipeline), element);
    return TYTO_OK;
}

/* --- everything that is one byte stream (or one device) ------------------------------- */

static enum tyto_err link_to_parser(struct tyto_source *source, GstElement *element)
{
    gst_bin_add(GST_BIN(source->pipeline), element);
    GstElement *parser = add_parser(source);
    if (!parser)
        return TYTO_ERR_UNSUPPORTED;
    atomic_store(&source->no_more_pads, true);
    return gst_element_link(element, parser) ? TYTO_OK : TYTO_ERR_INTERNAL;
}

static enum tyto_err build_file(struct tyto_source *source, struct tyto_fault *ret_fault)
{
    char *path = NULL;
    if (strncmp(source->uri, "file://", 7) == 0) {
        path = g_filename_from_uri(source->uri, NULL, NULL);
        if (!path)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "not a file URI of this machine: '%s'", source->uri);
    } else {
        path = g_strdup(source->uri);
    }
    struct stat status;
    enum tyto_err err = TYTO_OK;
    if (stat(path, &status) != 0)
        err = tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path, 0,
                             NULL, "%s", strerror(errno));
    else if (S_ISDIR(status.st_mode))
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, path, 0, NULL, "is a directory");
    else if (status.st_size == 0 && S_ISREG(status.st_mode))
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL, "the file is empty");
    else if (access(path, R_OK) != 0)
        err = tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(errno));
    if (err == TYTO_OK) {
        GstElement *element = tyto_source_make(source, "filesrc");
        if (element) {
            g_object_set(element, "location", path, NULL);
            err = link_to_parser(source, element);
        } else {
            err = TYTO_ERR_UNSUPPORTED;
        }
    }
    g_free(path);
    return err;
}

static enum tyto_err build_stream(struct tyto_source *source, struct tyto_fault *ret_fault)
{
    GError *error = NULL;
    GstElement *element = gst_element_make_from_uri(GST_URI_SRC, source->uri, NULL, &error);
    if (!element) {
        const bool missing = error && error->code == GST_URI_ERROR_UNSUPPORTED_PROTOCOL;
        g_clear_error(&error);
        return tyto_fault_set(ret_fault, missing ? TYTO_ERR_UNSUPPORTED : TYTO_ERR_INVALID, NULL, 0,
                              NULL,
                              missing ? "no GStreamer plugin for this scheme is installed"
                                      : "not a URI that GStreamer understands");
    }
    if (source->kind == TYTO_URI_HTTP) {
        set_if_has(element, "is-live", "true");
        set_if_has(element, "do-timestamp", "true");
        set_if_has(element, "timeout", "10");
        set_if_has(element, "retries", "0");
        set_if_has(element, "user-agent", "tyto");
    } else if (source->kind == TYTO_URI_SRT) {
        char text[16];
        snprintf(text, sizeof(text), "%u",
                 source->options.latency_ms ? source->options.latency_ms
                                            : TYTO_SOURCE_DEFAULT_LATENCY_MS);
        set_if_has(element, "latency", text);
        set_if_has(element, "auto-reconnect", "false");
    }
    return link_to_parser(source, element);
}

/* --- test:// ---------------------------------------------------------------------------- */

static void add_test_stream(struct tyto_source *source, const char *bin_text, bool *failed)
{
    GstElement *bin = gst_parse_bin_from_description(bin_text, TRUE, NULL);
    if (!bin) {
        *failed = true;
        return;
    }
    gst_bin_add(GST_BIN(source->pipeline), bin);
    GstPad *pad = gst_element_get_static_pad(bin, "src");
    GstCaps *caps = gst_pad_query_caps(pad, NULL);
    tyto_source_attach(source, pad, caps);
    gst_caps_unref(caps);
    gst_object_unref(pad);
}

/* ?live=1&audio=1&video=1&seconds=10&width=320&height=240&fps=10&pattern=0&wave=0 */
static enum tyto_err build_test(struct tyto_source *source, struct tyto_fault *ret_fault)
{
    const char *live = source->is_file ? "false" : "true";
    const double seconds = tyto_uri_number(source->uri, "seconds", -1);
    const int fps = (int)tyto_uri_number(source->uri, "fps", 10);
    const int width = (int)tyto_uri_number(source->uri, "width", 320);
    const int height = (int)tyto_uri_number(source->uri, "height", 240);
    const int pattern = (int)tyto_uri_number(source->uri, "pattern", 0);
    const int wave = (int)tyto_uri_number(source->uri, "wave", 0);
    if (fps < 1 || fps > 120 || width < 16 || width > 8192 || height < 16 || height > 8192 ||
        pattern < 0 || pattern > 25 || wave < 0 || wave > 12 || (source->is_file && seconds <= 0))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "test:// option out of range (live=0 needs seconds=N)");
    char text[320];
    bool failed = false;
    if (tyto_uri_number(source->uri, "video", 1) != 0) {
        snprintf(text, sizeof(text),
                 "videotestsrc is-live=%s num-buffers=%d pattern=%d ! "
                 "capsfilter caps=video/x-raw,format=I420,width=%d,height=%d,framerate=%d/1",
                 live, seconds < 0 ? -1 : (int)(seconds * fps), pattern, width, height, fps);
        add_test_stream(source, text, &failed);
    }
    if (tyto_uri_number(source->uri, "audio", 1) != 0) {
        snprintf(text, sizeof(text),
                 "audiotestsrc is-live=%s num-buffers=%d samplesperbuffer=320 wave=%d ! "
                 "capsfilter caps=audio/x-raw,format=F32LE,rate=16000,channels=1",
                 live, seconds < 0 ? -1 : (int)(seconds * 50), wave);
        add_test_stream(source, text, &failed);
    }
    atomic_store(&source->no_more_pads, true);
    return failed ? TYTO_ERR_UNSUPPORTED : TYTO_OK;
}

enum tyto_err tyto_source_build(struct tyto_source *source, struct tyto_fault *ret_fault)
{
    source->pipeline = gst_pipeline_new(NULL);
    if (!source->pipeline)
        return TYTO_ERR_NOMEM;
    if (source->tap)
        tyto_source_prepare_tap(source);
    enum tyto_err err = TYTO_ERR_INTERNAL;
    switch (source->kind) {
    case TYTO_URI_RTSP:
        err = build_rtsp(source);
        break;
    case TYTO_URI_FILE:
        err = build_file(source, ret_fault);
        break;
    case TYTO_URI_HTTP:
    case TYTO_URI_SRT:
    case TYTO_URI_V4L2:
        err = build_stream(source, ret_fault);
        break;
    case TYTO_URI_TEST:
        err = build_test(source, ret_fault);
        break;
    }
    if (err == TYTO_ERR_UNSUPPORTED && source->note[0])
        tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", source->note);
    return err;
}
