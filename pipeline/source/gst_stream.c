/* SPDX-License-Identifier: MIT */
/* One elementary stream: pad -> [queue] -> decoder -> convert -> appsink. Probes
 * before and after the decoder leave out what sampler.c does not want. No queue
 * for RTSP: its jitter buffers have a thread per stream already. */
#include <stdio.h>
#include <string.h>

#include <gst/gst.h>

#include "base/clock.h"
#include "base/frame.h"
#include "pipeline/source/internal.h"

/* audioconvert crashes with more channels than it can mix, and audioresample makes room by the
 * ratio of rates: a process that asks GLib for more memory than there is ends. */
enum { MAX_CHAIN = 8, MAX_CHANNELS = 63, MIN_RATE_HZ = 1000, MAX_RATE_HZ = 768000 };

/* Coded data waiting in front of a decoder. In files it evens out interleaving. */
enum { FILE_QUEUE_BYTES = 16 << 20, LIVE_QUEUE_BYTES = 2 << 20 };

static const char audio_caps[] =
    "audio/x-raw,format=F32LE,rate=16000,channels=1,layout=interleaved";
/* Pixels are square, and a side is what tyto_frame_check() takes: videoscale sees to it. */
static const char video_caps[] = "video/x-raw,format={I420,NV12,RGB},width=[1,8192],"
                                 "height=[1,8192],pixel-aspect-ratio=1/1";
_Static_assert(TYTO_FRAME_MAX_SIDE == 8192, "as above");

/* Of a picture: twice what TYTO_FRAME_MAX_SIDE allows, for still ones are that large. */
#define MAX_PIXELS (128ll << 20)

/* A camera's jitter and its network's; then keyframes are left out before they are decoded. */
#define LATE_NS (2ll * 1000000000)

/* --- probes -------------------------------------------------------------------------- */

bool tyto_source_running_ns(GstPad *pad, GstBuffer *buffer, int64_t *ret_ns)
{
    if (!GST_BUFFER_PTS_IS_VALID(buffer))
        return false;
    GstEvent *event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    if (!event)
        return false;
    const GstSegment *segment;
    gst_event_parse_segment(event, &segment);
    guint64 ns = GST_CLOCK_TIME_NONE;
    if (segment->format == GST_FORMAT_TIME) /* a still picture's counts bytes */
        ns = gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    gst_event_unref(event);
    if (!GST_CLOCK_TIME_IS_VALID(ns) || ns > INT64_MAX)
        return false;
    *ret_ns = (int64_t)ns;
    return true;
}

/* With this flag a decoder gives each keyframe out at once instead of waiting
 * for the pictures that would be shown before it: they never come. */
static void mark_keys_only(struct tyto_source_stream *stream, GstPad *pad)
{
    const bool only_keys = stream->sampler.only_keys && !stream->looking;
    if (stream->marked_keys_only == only_keys)
        return;
    GstEvent *event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    if (!event)
        return;
    const GstSegment *old;
    gst_event_parse_segment(event, &old);
    GstSegment *segment = gst_segment_copy(old);
    if (only_keys)
        segment->flags |= GST_SEGMENT_FLAG_TRICKMODE_KEY_UNITS;
    else
        segment->flags &= ~(GstSegmentFlags)GST_SEGMENT_FLAG_TRICKMODE_KEY_UNITS;
    GstEvent *marked = gst_event_new_segment(segment);
    gst_event_set_seqnum(marked, gst_event_get_seqnum(event));
    gst_segment_free(segment);
    gst_event_unref(event);
    stream->marked_keys_only = only_keys;
    gst_pad_send_event(pad, marked);
}

/* This thread cannot keep up with the camera: packets wait before it takes them. Not the picture's
 * own time tells, for a parser holds it until the next one comes, which may be seconds later. */
static bool is_late(const struct tyto_source_stream *stream)
{
    const struct tyto_source *source = stream->source;
    if (source->kind != TYTO_URI_RTSP)
        return false;
    const int64_t ns = atomic_load(&stream->newest_ns);
    const GstClockTime now_ns = gst_element_get_current_running_time(source->pipeline);
    return GST_CLOCK_TIME_IS_VALID(now_ns) && now_ns < INT64_MAX && (int64_t)now_ns - ns > LATE_NS;
}

/* --- keyframes that stay away ---------------------------------------------------------------- */

/* Decodes what was left out since the last keyframe, and everything from now on. The decoder is
 * given it past the probes, which have seen it: this is its own thread, under its pad's lock. */
static void catch_up(struct tyto_source_stream *stream, GstPad *pad)
{
    GstObject *decoder = gst_pad_get_parent(pad);
    GstFlowReturn flow = GST_FLOW_OK;
    tyto_sampler_decode_all(&stream->sampler);
    mark_keys_only(stream, pad);
    stream->caught_up_ns = atomic_load(&stream->pos_ns);
    for (uint32_t i = 0; decoder && flow == GST_FLOW_OK && i < stream->num_held; i++)
        flow = GST_PAD_CHAINFUNC(pad)(pad, decoder, gst_buffer_ref(stream->held[i]));
    if (decoder)
        gst_object_unref(decoder);
    tyto_source_drop_held(stream);
}

/* --- probes of coded and decoded pictures ----------------------------------------------------- */

static GstPadProbeReturn on_coded(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    struct tyto_source_stream *stream = user;
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    int64_t ns;
    tyto_source_touch(stream);
    if (!tyto_source_running_ns(pad, buffer, &ns))
        return GST_PAD_PROBE_OK;
    const bool is_key = !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    bool wanted = tyto_sampler_wants_coded(&stream->sampler, ns, is_key);
    atomic_store(&stream->source->waits_for_key, tyto_sampler_waits_for_key(&stream->sampler));
    if (is_key) {
        stream->skipping = atomic_load(&stream->source->behind) || is_late(stream);
        stream->looking = atomic_load(&stream->source->looking);
        tyto_source_drop_held(stream);
        stream->caught_up_ns = INT64_MIN;
        stream->is_held_whole = wanted && !stream->skipping;
    }
    wanted |= stream->looking;
    if (!wanted && stream->is_held_whole && tyto_sampler_lacks_key(&stream->sampler, ns)) {
        catch_up(stream, pad);
        return GST_PAD_PROBE_OK;
    }
    if (wanted && !stream->skipping) {
        if (is_key)
            mark_keys_only(stream, pad);
        return GST_PAD_PROBE_OK;
    }
    if (wanted)
        atomic_fetch_add(&stream->num_skipped, 1);
    else
        tyto_source_hold(stream, buffer);
    /* Decoding is done in this thread: all pictures before are in the ring. */
    tyto_source_pass(stream, ns);
    return GST_PAD_PROBE_DROP;
}

static GstPadProbeReturn on_decoded(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    struct tyto_source_stream *stream = user;
    int64_t ns;
    const bool has_time = tyto_source_running_ns(pad, GST_PAD_PROBE_INFO_BUFFER(info), &ns);
    atomic_fetch_add(has_time ? &stream->num_timed : &stream->num_untimed, 1);
    if (!has_time || ns <= stream->caught_up_ns)
        return GST_PAD_PROBE_DROP;
    if (stream->is_raw)
        stream->looking = atomic_load(&stream->source->looking);
    if (stream->looking)
        tyto_source_keep_look(stream, pad, GST_PAD_PROBE_INFO_BUFFER(info), ns);
    if (tyto_sampler_wants_decoded(&stream->sampler, ns, stream->looking))
        return GST_PAD_PROBE_OK;
    tyto_source_touch(stream);
    tyto_source_pass(stream, ns);
    return GST_PAD_PROBE_DROP;
}

static void add_probe(GstElement *element, const char *pad_name, GstPadProbeCallback callback,
                      struct tyto_source_stream *stream)
{
    GstPad *pad = gst_element_get_static_pad(element, pad_name);
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, callback, stream, NULL);
    gst_object_unref(pad);
}

/* --- what a file's container says of its times ------------------------------------------------ */

/* Of less nothing is made: pictures come once in a while, packets get lost. */
#define LEAST_GAP_NS (2ll * 1000000000)

static void take_start(struct tyto_source_stream *stream, GstPad *pad, const GstBuffer *buffer)
{
    GstEvent *event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    const GstSegment *segment;
    if (!event)
        return;
    gst_event_parse_segment(event, &segment);
    /* Matroska's duration counts from 0, whenever its first stream begins. */
    const guint64 ns =
        atomic_load(&stream->source->is_matroska)
            ? segment->start
            : gst_segment_to_stream_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    if (GST_CLOCK_TIME_IS_VALID(ns) && ns < INT64_MAX)
        atomic_store(&stream->start_ns, (int64_t)ns);
    gst_event_unref(event);
}

static GstPadProbeReturn on_container(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    struct tyto_source_stream *stream = user;
    int64_t ns;
    if (!tyto_source_running_ns(pad, GST_PAD_PROBE_INFO_BUFFER(info), &ns))
        return GST_PAD_PROBE_OK;
    if (stream->coded_ns == INT64_MIN)
        take_start(stream, pad, GST_PAD_PROBE_INFO_BUFFER(info));
    else if (ns - stream->coded_ns > LEAST_GAP_NS)
        atomic_fetch_add(&stream->gap_ns, ns - stream->coded_ns - stream->source->hop_ns);
    stream->coded_ns = ns > stream->coded_ns ? ns : stream->coded_ns;
    return GST_PAD_PROBE_OK;
}

/* --- channels ------------------------------------------------------------------------ */

/* Each as loud as any other. */
static void mix_evenly(GstElement *convert, gint num_channels)
{
    GValue matrix = G_VALUE_INIT, row = G_VALUE_INIT, share = G_VALUE_INIT;
    g_value_init(&matrix, GST_TYPE_ARRAY);
    g_value_init(&row, GST_TYPE_ARRAY);
    g_value_init(&share, G_TYPE_FLOAT);
    g_value_set_float(&share, 1.f / (float)num_channels);
    for (gint i = 0; i < num_channels; i++)
        gst_value_array_append_value(&row, &share);
    gst_value_array_append_value(&matrix, &row);
    g_object_set_property(G_OBJECT(convert), "mix-matrix", &matrix);
    g_value_unset(&share);
    g_value_unset(&row);
    g_value_unset(&matrix);
}

/* False, with the note set: more than can be mixed or resampled. */
static bool can_mix(struct tyto_source *source, const GstStructure *structure)
{
    char text[TYTO_SOURCE_NOTE_MAX];
    gint num_channels = 0, rate_hz = MAX_RATE_HZ;
    (void)gst_structure_get_int(structure, "channels", &num_channels);
    (void)gst_structure_get_int(structure, "rate", &rate_hz);
    if (num_channels <= MAX_CHANNELS && rate_hz >= MIN_RATE_HZ && rate_hz <= MAX_RATE_HZ)
        return true;
    if (num_channels > MAX_CHANNELS)
        snprintf(text, sizeof(text),
                 "its sound has %d channels, more than %d: take fewer, as with ffmpeg -i IN -ac 1 "
                 "OUT.wav",
                 num_channels, MAX_CHANNELS);
    else
        snprintf(text, sizeof(text),
                 "its sound has %d samples a second, not %d to %d: convert it, as with ffmpeg -i "
                 "IN -ar 48000 OUT.wav",
                 rate_hz, MIN_RATE_HZ, MAX_RATE_HZ);
    tyto_source_set_note(source, text);
    return false;
}

/* A field recorder's channels have no places (or more of them than there are names for):
 * audioconvert cannot mix what it does not know, and takes no caps that do not even say so. */
static GstPadProbeReturn on_sound_caps(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    struct tyto_source_stream *stream = user;
    GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);
    GstCaps *caps;
    gint num_channels = 0;
    guint64 mask = 0;
    if (GST_EVENT_TYPE(event) != GST_EVENT_CAPS)
        return GST_PAD_PROBE_OK;
    gst_event_parse_caps(event, &caps);
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    if (!can_mix(stream->source, structure))
        return GST_PAD_PROBE_DROP; /* without caps no sound passes */
    if (!gst_structure_get_int(structure, "channels", &num_channels) || num_channels < 2)
        return GST_PAD_PROBE_OK;
    const bool has_mask =
        gst_structure_get(structure, "channel-mask", GST_TYPE_BITMASK, &mask, NULL);
    if (mask != 0 || (!has_mask && num_channels == 2))
        return GST_PAD_PROBE_OK;
    GstElement *convert = gst_pad_get_parent_element(pad);
    if (!convert)
        return GST_PAD_PROBE_OK;
    mix_evenly(convert, num_channels);
    gst_object_unref(convert);
    if (!has_mask) {
        GstCaps *whole = gst_caps_copy(caps);
        gst_caps_set_simple(whole, "channel-mask", GST_TYPE_BITMASK, (guint64)0, NULL);
        GST_PAD_PROBE_INFO_DATA(info) = gst_event_new_caps(whole);
        gst_caps_unref(whole);
        gst_event_unref(event);
    }
    return GST_PAD_PROBE_OK;
}

static void watch_channels(struct tyto_source_stream *stream, GstElement *convert)
{
    GstPad *pad = gst_element_get_static_pad(convert, "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_sound_caps, stream, NULL);
    gst_object_unref(pad);
}

/* --- size ---------------------------------------------------------------------------- */

/* A picture as large as that is one of a camera that wants our memory, not to be looked at. */
static GstPadProbeReturn on_picture_caps(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    struct tyto_source_stream *stream = user;
    GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);
    char text[TYTO_SOURCE_NOTE_MAX];
    GstCaps *caps;
    gint width_px = 0, height_px = 0;
    (void)pad;
    if (GST_EVENT_TYPE(event) != GST_EVENT_CAPS)
        return GST_PAD_PROBE_OK;
    gst_event_parse_caps(event, &caps);
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    (void)gst_structure_get_int(structure, "width", &width_px);
    (void)gst_structure_get_int(structure, "height", &height_px);
    if ((int64_t)width_px * height_px <= MAX_PIXELS)
        return GST_PAD_PROBE_OK;
    snprintf(text, sizeof(text),
             "its pictures have %d x %d pixels, more than %lld together: make them smaller, as "
             "with ffmpeg -i IN -vf scale=1920:-2 OUT.mp4",
             width_px, height_px, (long long)MAX_PIXELS);
    tyto_source_set_note(stream->source, text);
    return GST_PAD_PROBE_DROP; /* without caps no picture passes */
}

static void watch_size(struct tyto_source_stream *stream, GstElement *element)
{
    GstPad *pad = gst_element_get_static_pad(element, "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_picture_caps, stream, NULL);
    gst_object_unref(pad);
}

/* --- decoder ------------------------------------------------------------------------- */

static gint by_rank(gconstpointer a, gconstpointer b)
{
    return gst_plugin_feature_rank_compare_func(a, b);
}

/* The best-ranked software decoder of the caps; NULL when there is none. */
static GstElement *make_decoder(const GstCaps *caps)
{
    GList *all =
        gst_element_factory_list_get_elements(GST_ELEMENT_FACTORY_TYPE_DECODER, GST_RANK_MARGINAL);
    /* Of caps that say all, a decoder takes only what is no less than it asks for: one for pictures
     * with transparency does not take those without. */
    GList *fit = gst_element_factory_list_filter(all, caps, GST_PAD_SINK, gst_caps_is_fixed(caps));
    fit = g_list_sort(fit, by_rank);
    GstElement *decoder = NULL;
    for (GList *at = fit; at && !decoder; at = at->next) {
        GstElementFactory *factory = GST_ELEMENT_FACTORY(at->data);
        if (gst_element_factory_list_is_type(factory, GST_ELEMENT_FACTORY_TYPE_HARDWARE) ||
            g_str_has_prefix(GST_OBJECT_NAME(factory), "decodebin") ||
            gst_element_factory_get_num_pad_templates(factory) != 2)
            continue;
        decoder = gst_element_factory_create(factory, NULL);
    }
    gst_plugin_feature_list_free(fit);
    gst_plugin_feature_list_free(all);
    if (!decoder)
        return NULL;
    GObjectClass *class = G_OBJECT_GET_CLASS(decoder);
    if (g_object_class_find_property(class, "max-threads"))
        g_object_set(decoder, "max-threads", 1, NULL);
    if (g_object_class_find_property(class, "qos"))
        g_object_set(decoder, "qos", FALSE, NULL);
    return decoder;
}

/* --- chain --------------------------------------------------------------------------- */

struct chain {
    GstElement *elements[MAX_CHAIN];
    int num;
    bool failed;
};

static GstElement *append(struct chain *chain, GstElement *element)
{
    if (!element || chain->num == MAX_CHAIN)
        chain->failed = true;
    else
        chain->elements[chain->num++] = element;
    return element;
}

static void drop_chain(struct chain *chain)
{
    for (int i = 0; i < chain->num; i++)
        gst_object_unref(gst_object_ref_sink(chain->elements[i]));
}

static void append_queue(struct tyto_source *source, struct chain *chain)
{
    GstElement *queue = append(chain, tyto_source_make(source, "queue"));
    if (queue)
        g_object_set(queue, "max-size-buffers", 0, "max-size-time", (guint64)0, "max-size-bytes",
                     source->is_file ? FILE_QUEUE_BYTES : LIVE_QUEUE_BYTES, "silent", TRUE, NULL);
}

static void append_sink(struct tyto_source_stream *stream, struct chain *chain, const char *text)
{
    GstElement *sink = append(chain, tyto_source_make(stream->source, "appsink"));
    if (!sink)
        return;
    GstCaps *caps = gst_caps_from_string(text);
    g_object_set(sink, "caps", caps, NULL);
    gst_caps_unref(caps);
    tyto_source_connect_sink(stream, sink);
}

/* Before any probe that leaves something out. Pictures that are not coded are too much to keep. */
static void tap_first(struct tyto_source_stream *stream, GstElement *element, bool is_raw)
{
    if (!stream->source->tap || !element || (is_raw && stream->which == TYTO_STREAM_VIDEO))
        return;
    GstPad *pad = gst_element_get_static_pad(element, "sink");
    tyto_source_tap(stream, pad);
    gst_object_unref(pad);
}

/* Adds the chain to the running pipeline and links pad to it. */
static bool install(struct tyto_source *source, GstPad *pad, struct chain *chain)
{
    for (int i = 0; i < chain->num; i++)
        gst_bin_add(GST_BIN(source->pipeline), chain->elements[i]);
    bool ok = true;
    for (int i = 0; i + 1 < chain->num; i++)
        ok &= gst_element_link(chain->elements[i], chain->elements[i + 1]);
    for (int i = chain->num - 1; i >= 0; i--)
        ok &= gst_element_sync_state_with_parent(chain->elements[i]) != FALSE;
    GstPad *sink = gst_element_get_static_pad(chain->elements[0], "sink");
    ok &= gst_pad_link(pad, sink) == GST_PAD_LINK_OK;
    gst_object_unref(sink);
    return ok;
}

static bool attach_chain(struct tyto_source_stream *stream, GstPad *pad, const GstCaps *caps)
{
    struct tyto_source *source = stream->source;
    const bool is_video = stream->which == TYTO_STREAM_VIDEO;
    const char *name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
    const bool is_raw = g_str_has_suffix(name, "/x-raw");
    struct chain chain = {.num = 0};
    if (!is_video && !can_mix(source, gst_caps_get_structure(caps, 0)))
        return false;
    stream->is_raw = is_raw;
    if (source->kind != TYTO_URI_RTSP && source->kind != TYTO_URI_TEST)
        append_queue(source, &chain);
    if (!is_raw) {
        GstElement *decoder = make_decoder(caps);
        if (!decoder) {
            char text[TYTO_SOURCE_NOTE_MAX];
            snprintf(text, sizeof(text), "no decoder for %s%s", name,
                     source->is_file ? ": convert it, as with ffmpeg -i IN OUT.mp4" : "");
            tyto_source_set_note(source, text);
            drop_chain(&chain);
            return false;
        }
        append(&chain, decoder);
        tap_first(stream, decoder, false);
        if (is_video)
            watch_size(stream, decoder);
        if (is_video)
            add_probe(decoder, "sink", on_coded, stream);
    }
    GstElement *convert =
        append(&chain, tyto_source_make(source, is_video ? "videoconvert" : "audioconvert"));
    if (is_raw)
        tap_first(stream, convert, true);
    if (is_video && convert)
        watch_size(stream, convert);
    if (is_video && convert)
        add_probe(convert, "sink", on_decoded, stream);
    if (!is_video && convert)
        watch_channels(stream, convert);
    GstElement *fit =
        append(&chain, tyto_source_make(source, is_video ? "videoscale" : "audioresample"));
    if (is_video && fit)
        g_object_set(fit, "add-borders", FALSE, NULL);
    append_sink(stream, &chain, is_video ? video_caps : audio_caps);
    if (chain.failed) {
        drop_chain(&chain);
        return false;
    }
    if (source->is_file)
        add_probe(chain.elements[0], "sink", on_container, stream);
    return install(source, pad, &chain);
}

/* rtspsrc gives up when no stream of it is linked, as it is the case while another one still comes:
 * what is of no use goes nowhere, but it goes. */
static void swallow(struct tyto_source *source, GstPad *pad)
{
    struct chain chain = {.num = 0};
    GstElement *sink = append(&chain, tyto_source_make(source, "fakesink"));
    if (!sink)
        return;
    g_object_set(sink, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE, NULL);
    (void)install(source, pad, &chain);
}

void tyto_source_attach(struct tyto_source *source, GstPad *pad, const GstCaps *caps)
{
    if (gst_caps_get_size(caps) == 0 || gst_caps_is_any(caps))
        return;
    const char *name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
    enum tyto_stream which;
    if (g_str_has_prefix(name, "video/") || g_str_has_prefix(name, "image/"))
        which = TYTO_STREAM_VIDEO;
    else if (g_str_has_prefix(name, "audio/"))
        which = TYTO_STREAM_AUDIO;
    else
        return;
    struct tyto_source_stream *stream = &source->streams[which];
    if (which == TYTO_STREAM_AUDIO ? source->options.no_audio : source->options.no_video)
        return;
    /* RTSP claims at SETUP; then the one pad that comes is it. */
    if (source->kind != TYTO_URI_RTSP && atomic_exchange(&stream->claimed, true))
        return;
    const bool is_linked = attach_chain(stream, pad, caps);
    atomic_store(is_linked ? &stream->linked : &stream->unusable, true);
    if (!is_linked && source->kind == TYTO_URI_RTSP)
        swallow(source, pad);
}
