/* SPDX-License-Identifier: MIT */
/* A camera by RTSP: rtspsrc, kept from what it would do without being asked. It gets a description
 * cut down to what is wanted, and it connects once: where a camera sends it on to another address,
 * or it would connect anew, the session is told and goes there at its own pace. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <gst/gst.h>
#include <gst/sdp/gstsdpmessage.h>

#include "base/clock.h"
#include "pipeline/source/internal.h"
#include "pipeline/source/sdp.h"

enum { TCP_TIMEOUT_US = 10 * 1000 * 1000, HOLD_US = 10 * 1000 };

/* How long rtspsrc is held before it would connect a second time, and how long it may take after
 * that until it has been told to stop. */
#define HOLD_NS (30 * TYTO_NS_PER_S)
#define STOP_NS (1 * TYTO_NS_PER_S)

/* --- streams ----------------------------------------------------------------------------- */

static void on_sdp(GstElement *element, GstSDPMessage *sdp, gpointer user)
{
    struct tyto_source *source = user;
    (void)element;
    const bool wanted[TYTO_NUM_STREAMS] = {
        [TYTO_STREAM_AUDIO] = !source->options.no_audio,
        [TYTO_STREAM_VIDEO] = !source->options.no_video,
    };
    char text[TYTO_SOURCE_NOTE_MAX];
    if (tyto_sdp_cut(sdp, wanted, text, sizeof(text)) != TYTO_OK)
        tyto_source_set_note(source, text);
}

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

/* What tyto_sdp_cut() has left is set up, each kind once. */
static gboolean on_select_stream(GstElement *element, guint idx, GstCaps *caps, gpointer user)
{
    struct tyto_source *source = user;
    enum tyto_stream which;
    (void)element;
    (void)idx;
    return kind_of_media(caps, &which) && !atomic_exchange(&source->streams[which].claimed, true);
}

/* In the thread that decodes it, before it does. */
static GstPadProbeReturn on_packet(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    struct tyto_source_stream *stream = user;
    int64_t ns;
    if (tyto_source_running_ns(pad, GST_PAD_PROBE_INFO_BUFFER(info), &ns))
        atomic_store(&stream->newest_ns, ns);
    return GST_PAD_PROBE_OK;
}

static void watch_packets(struct tyto_source *source, GstPad *pad)
{
    GstCaps *caps = gst_pad_get_current_caps(pad);
    enum tyto_stream which;
    if (caps && kind_of_media(caps, &which))
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_packet, &source->streams[which], NULL);
    if (caps)
        gst_caps_unref(caps);
}

static void on_rtp_pad(GstElement *element, GstPad *pad, gpointer user)
{
    struct tyto_source *source = user;
    (void)element;
    GstElement *parser = tyto_source_add_parser(source);
    if (!parser)
        return;
    GstPad *sink = gst_element_get_static_pad(parser, "sink");
    gst_element_sync_state_with_parent(parser);
    watch_packets(source, pad);
    if (gst_pad_link(pad, sink) != GST_PAD_LINK_OK)
        tyto_source_set_note(source, "an RTP stream could not be linked");
    gst_object_unref(sink);
}

static void on_no_more_pads(GstElement *element, gpointer user)
{
    struct tyto_source *source = user;
    /* Until here a camera may close its connection after each answer; from here on it ended. */
    tyto_source_set_if_has(element, "udp-reconnect", "false");
    atomic_store(&source->no_more_pads, true);
}

/* --- connections ------------------------------------------------------------------------- */

/* Keeps rtspsrc's thread from connecting until it is being stopped: then connecting is cancelled
 * before it begins. */
static void hold(struct tyto_source *source, GstElement *element)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    while (!atomic_load(&source->stopping) && tyto_clock_mono_ns() - begin_ns < HOLD_NS)
        usleep(HOLD_US);
    const uint64_t stop_ns = tyto_clock_mono_ns();
    while (GST_STATE(element) > GST_STATE_READY && tyto_clock_mono_ns() - stop_ns < STOP_NS)
        usleep(HOLD_US);
}

/* rtspsrc is about to connect. What is told of it on the bus comes in its own thread, and before.
 */
static void on_connecting(struct tyto_source *source, GstElement *element)
{
    if (atomic_fetch_add(&source->num_connects, 1) == 0)
        return;
    gchar *location = NULL;
    g_object_get(element, "location", &location, NULL);
    pthread_mutex_lock(&source->note_lock);
    snprintf(source->redirect, sizeof(source->redirect), "%s", location ? location : "");
    pthread_mutex_unlock(&source->note_lock);
    g_free(location);
    atomic_store(&source->redirected, true);
    hold(source, element);
}

static GstBusSyncReply on_message(GstBus *bus, GstMessage *message, gpointer user)
{
    struct tyto_source *source = user;
    (void)bus;
    if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_PROGRESS)
        return GST_BUS_PASS;
    GstProgressType type;
    gchar *code = NULL;
    gst_message_parse_progress(message, &type, &code, NULL);
    const bool connects = g_strcmp0(code, "connect") == 0;
    g_free(code);
    if (connects && type == GST_PROGRESS_TYPE_CONTINUE)
        on_connecting(source, GST_ELEMENT(GST_MESSAGE_SRC(message)));
    else if (type == GST_PROGRESS_TYPE_START)
        atomic_store(&source->busy, true);
    else if (type != GST_PROGRESS_TYPE_CONTINUE)
        atomic_store(&source->busy, false);
    return GST_BUS_PASS;
}

enum tyto_err tyto_source_build_rtsp(struct tyto_source *source)
{
    GstElement *element = tyto_source_make(source, "rtspsrc");
    if (!element)
        return TYTO_ERR_UNSUPPORTED;
    if (!tyto_source_limits_bodies())
        tyto_log_write(source->log, TYTO_LOG_DEBUG, "pipeline",
                       "the length of what RTSP cameras answer is not bounded in this program");
    const char *protocols = source->options.transport == TYTO_TRANSPORT_UDP ? "udp" : "tcp";
    const guint latency_ms =
        source->options.latency_ms ? source->options.latency_ms : TYTO_SOURCE_DEFAULT_LATENCY_MS;
    /* What is recorded shall have no holes: on_coded() looks after lateness then. */
    const gboolean drops = source->tap == NULL;
    g_object_set(element, "location", source->uri, "latency", latency_ms, "drop-on-latency", drops,
                 "tcp-timeout", (guint64)TCP_TIMEOUT_US, "do-retransmission", FALSE, "user-agent",
                 "tyto", NULL);
    tyto_source_set_if_has(element, "protocols", protocols);
    tyto_source_set_if_has(element, "udp-reconnect", source->reconnects ? "true" : "false");
    tyto_source_set_if_has(element, "add-reference-timestamp-meta", "true");
    g_signal_connect(element, "on-sdp", G_CALLBACK(on_sdp), source);
    g_signal_connect(element, "select-stream", G_CALLBACK(on_select_stream), source);
    g_signal_connect(element, "pad-added", G_CALLBACK(on_rtp_pad), source);
    g_signal_connect(element, "no-more-pads", G_CALLBACK(on_no_more_pads), source);
    gst_bin_add(GST_BIN(source->pipeline), element);
    GstBus *bus = gst_element_get_bus(source->pipeline);
    gst_bus_set_sync_handler(bus, on_message, source, NULL);
    gst_object_unref(bus);
    return TYTO_OK;
}
