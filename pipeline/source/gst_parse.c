/* SPDX-License-Identifier: MIT */
/* parsebin: a byte stream becomes elementary streams, whose pads are attached as they show. */
#include <stdio.h>
#include <string.h>

#include <gst/gst.h>

#include "pipeline/source/internal.h"

void tyto_source_set_if_has(GstElement *element, const char *property, const char *value)
{
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(element), property))
        gst_util_set_object_arg(G_OBJECT(element), property, value);
}

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
    snprintf(text, sizeof(text),
             "nothing installed that reads %s: convert it, as with ffmpeg -i IN OUT.mp4",
             gst_structure_get_name(structure));
    tyto_source_set_note(source, text);
    const char *name = gst_structure_get_name(structure);
    const char *media = gst_structure_get_string(structure, "media"); /* of RTP */
    if (g_str_has_prefix(name, "audio/") || g_strcmp0(media, "audio") == 0)
        atomic_store(&source->streams[TYTO_STREAM_AUDIO].unusable, true);
    if (g_str_has_prefix(name, "video/") || g_strcmp0(media, "video") == 0)
        atomic_store(&source->streams[TYTO_STREAM_VIDEO].unusable, true);
}

/* What would open files and connections of its own: a playlist, a description of RTP streams. */
static bool goes_elsewhere(const struct tyto_source *source, GstElementFactory *factory)
{
    const char *klass = gst_element_factory_get_metadata(factory, GST_ELEMENT_METADATA_KLASS);
    const bool is_playlist = klass && strstr(klass, "Adaptive");
    const bool is_rtp = klass && strstr(klass, "Network");
    return (is_playlist && source->kind != TYTO_URI_HTTP) || is_rtp;
}

/* Of a playlist whose pieces are not there (404) the newer demuxers ask for one without pause, and
 * end the process by an assertion when the playlist comes anew meanwhile. The older ones ask
 * through elements whose answers we see. */
static bool ends_the_process(GstElementFactory *factory)
{
    const char *name = GST_OBJECT_NAME(factory);
    const char *klass = gst_element_factory_get_metadata(factory, GST_ELEMENT_METADATA_KLASS);
    return klass && strstr(klass, "Adaptive") && g_str_has_suffix(name, "2");
}

/* avdemux_gif does not notice the end of its file and never comes back from it. */
static gint on_select_element(GstElement *parser, GstPad *pad, GstCaps *caps,
                              GstElementFactory *factory, gpointer user)
{
    enum { SELECT_TRY = 0, SELECT_SKIP = 2 }; /* of GstAutoplugSelectResult, which has no header */
    struct tyto_source *source = user;
    (void)parser;
    (void)pad;
    (void)caps;
    if (g_strcmp0(GST_OBJECT_NAME(factory), "avdemux_gif") == 0 || ends_the_process(factory))
        return SELECT_SKIP;
    if (source->kind == TYTO_URI_RTSP || !goes_elsewhere(source, factory))
        return SELECT_TRY;
    tyto_source_set_note(source, "it holds names of other files or addresses, and nothing else: "
                                 "name one of those");
    return SELECT_SKIP;
}

/* wavparse reckons the times of what is coded from bytes a second, which writers get wrong by a
 * factor of two and more. The samples are what counts: so only the first piece keeps its time. */
static GstPadProbeReturn on_wav_piece(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    GstCaps *caps = gst_pad_get_current_caps(pad);
    (void)user;
    const bool is_raw =
        caps && gst_structure_has_name(gst_caps_get_structure(caps, 0), "audio/x-raw");
    if (caps)
        gst_caps_unref(caps);
    if (is_raw)
        return GST_PAD_PROBE_REMOVE;
    if (!GST_BUFFER_PTS_IS_VALID(buffer) || GST_BUFFER_PTS(buffer) == 0)
        return GST_PAD_PROBE_OK;
    buffer = gst_buffer_make_writable(buffer);
    GST_BUFFER_PTS(buffer) = GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
    GST_BUFFER_DURATION(buffer) = GST_CLOCK_TIME_NONE;
    GST_PAD_PROBE_INFO_DATA(info) = buffer;
    return GST_PAD_PROBE_OK;
}

static void on_element(GstBin *parser, GstElement *element, gpointer user)
{
    GstElementFactory *factory = gst_element_get_factory(element);
    struct tyto_source *source = user;
    (void)parser;
    if (factory && strcmp(GST_OBJECT_NAME(factory), "matroskademux") == 0)
        atomic_store(&source->is_matroska, true);
    if (!factory || strcmp(GST_OBJECT_NAME(factory), "wavparse") != 0)
        return;
    GstPad *pad = gst_element_get_static_pad(element, "src");
    if (!pad)
        return;
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_wav_piece, user, NULL);
    gst_object_unref(pad);
}

GstElement *tyto_source_add_parser(struct tyto_source *source)
{
    GstElement *parser = tyto_source_make(source, "parsebin");
    if (!parser)
        return NULL;
    atomic_fetch_add(&source->num_pending, 1);
    g_signal_connect(parser, "element-added", G_CALLBACK(on_element), source);
    g_signal_connect(parser, "pad-added", G_CALLBACK(on_parsed_pad), source);
    g_signal_connect(parser, "autoplug-select", G_CALLBACK(on_select_element), source);
    g_signal_connect(parser, "unknown-type", G_CALLBACK(on_unknown_type), source);
    gst_bin_add(GST_BIN(source->pipeline), parser);
    return parser;
}
