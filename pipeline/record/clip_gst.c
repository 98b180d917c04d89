/* SPDX-License-Identifier: MIT */
/* appsrc ! parser ! matroskamux ! filesink. The parser only changes how a stream
 * is framed (start codes to lengths, ADTS to raw); nothing is ever transcoded. */
#include "pipeline/record/clip.h"

#include <stdlib.h>

#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

enum { MAX_WAITING_BYTES = 8 << 20, FINISH_S = 10 };

struct tyto_clip {
    GstElement *pipeline;
    GstElement *inputs[TYTO_NUM_STREAMS]; /* borrowed from the pipeline; NULL: none */
    bool ended[TYTO_NUM_STREAMS];
    int64_t zero_ns;
};

/* --- coded data ------------------------------------------------------------------------- */

void tyto_coded_ref(const struct tyto_coded *coded)
{
    gst_sample_ref(coded->sample);
}

void tyto_coded_unref(struct tyto_coded *coded)
{
    if (coded->sample)
        gst_sample_unref(coded->sample);
    coded->sample = NULL;
}

bool tyto_coded_is_alike(const struct tyto_coded *a, const struct tyto_coded *b)
{
    const GstCaps *caps = gst_sample_get_caps(a->sample);
    const GstCaps *others = gst_sample_get_caps(b->sample);
    return caps == others || gst_caps_is_equal(caps, others);
}

/* --- making ------------------------------------------------------------------------------- */

static const struct {
    const char *media, *parser;
} parsers[] = {
    {"video/x-h264", "h264parse"},     {"video/x-h265", "h265parse"}, {"video/x-av1", "av1parse"},
    {"video/x-vp9", "vp9parse"},       {"audio/x-opus", "opusparse"}, {"audio/x-flac", "flacparse"},
    {"video/mpeg", "mpeg4videoparse"},
};

/* NULL: none is needed. */
static const char *parser_of(const GstCaps *caps)
{
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    const char *media = gst_structure_get_name(structure);
    gint version = 0;
    (void)gst_structure_get_int(structure, "mpegversion", &version);
    if (g_strcmp0(media, "audio/mpeg") == 0)
        return version == 1 ? "mpegaudioparse" : "aacparse";
    if (g_strcmp0(media, "video/mpeg") == 0 && version != 4)
        return "mpegvideoparse";
    for (size_t i = 0; i < sizeof(parsers) / sizeof(parsers[0]); i++) {
        if (g_strcmp0(media, parsers[i].media) == 0)
            return parsers[i].parser;
    }
    return NULL;
}

/* By the kind of media alone: the parser sees to the rest. */
static bool muxer_takes(GstElement *muxer, const GstCaps *caps)
{
    const char *media = gst_structure_get_name(gst_caps_get_structure(caps, 0));
    GList *templates = gst_element_class_get_pad_template_list(GST_ELEMENT_GET_CLASS(muxer));
    bool takes = false;
    for (GList *at = templates; at && !takes; at = at->next) {
        GstPadTemplate *template = at->data;
        if (GST_PAD_TEMPLATE_DIRECTION(template) != GST_PAD_SINK)
            continue;
        GstCaps *accepted = gst_pad_template_get_caps(template);
        for (guint i = 0; i < gst_caps_get_size(accepted) && !takes; i++)
            takes = gst_structure_has_name(gst_caps_get_structure(accepted, i), media);
        gst_caps_unref(accepted);
    }
    return takes;
}

static GstElement *add(struct tyto_clip *clip, const char *factory, struct tyto_fault *ret_fault)
{
    GstElement *element = gst_element_factory_make(factory, NULL);
    if (element)
        gst_bin_add(GST_BIN(clip->pipeline), element);
    else
        (void)tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                             "GStreamer element '%s' is not installed", factory);
    return element;
}

static bool add_stream(struct tyto_clip *clip, GstElement *muxer, enum tyto_stream stream,
                       GstCaps *caps, struct tyto_fault *ret_fault)
{
    const char *parser_name = parser_of(caps);
    GstElement *input = add(clip, "appsrc", ret_fault);
    GstElement *parser = parser_name ? add(clip, parser_name, ret_fault) : NULL;
    if (!input || (parser_name && !parser))
        return false;
    g_object_set(input, "caps", caps, "format", GST_FORMAT_TIME, "max-bytes",
                 (guint64)MAX_WAITING_BYTES, "block", FALSE, NULL);
    GstElement *last = parser ? parser : input;
    if (parser && !gst_element_link(input, parser))
        return false;
    if (!gst_element_link_pads(last, "src", muxer,
                               stream == TYTO_STREAM_VIDEO ? "video_%u" : "audio_%u"))
        return false;
    clip->inputs[stream] = input;
    return true;
}

static enum tyto_err build(struct tyto_clip *clip, const struct tyto_clip_params *params,
                           struct tyto_fault *ret_fault)
{
    clip->pipeline = gst_pipeline_new(NULL);
    GstElement *muxer = add(clip, "matroskamux", ret_fault);
    GstElement *sink = add(clip, "filesink", ret_fault);
    if (!muxer || !sink)
        return TYTO_ERR_UNSUPPORTED;
    g_object_set(muxer, "writing-app", "tyto", NULL);
    g_object_set(sink, "location", params->path, "async", FALSE, NULL);
    uint32_t num = 0;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        GstCaps *caps = params->first[i] ? gst_sample_get_caps(params->first[i]->sample) : NULL;
        if (!caps || !muxer_takes(muxer, caps))
            continue;
        if (!add_stream(clip, muxer, (enum tyto_stream)i, caps, ret_fault))
            return TYTO_ERR_UNSUPPORTED;
        num++;
    }
    if (num == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                              "the camera's coding cannot be put into Matroska as it is");
    return gst_element_link(muxer, sink) ? TYTO_OK : TYTO_ERR_INTERNAL;
}

/* --- errors --------------------------------------------------------------------------------------
 */

/* The reason of an ERROR; then the message is used up. */
static enum tyto_err explain(GstMessage *message, struct tyto_fault *ret_fault)
{
    GError *error = NULL;
    gst_message_parse_error(message, &error, NULL);
    (void)tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "a recording cannot be written: %s",
                         error->message);
    g_error_free(error);
    gst_message_unref(message);
    return TYTO_ERR_IO;
}

static enum tyto_err check_bus(struct tyto_clip *clip, struct tyto_fault *ret_fault)
{
    GstBus *bus = gst_element_get_bus(clip->pipeline);
    GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    gst_object_unref(bus);
    return message ? explain(message, ret_fault) : TYTO_OK;
}

enum tyto_err tyto_clip_create(const struct tyto_clip_params *params, struct tyto_clip **ret_clip,
                               bool ret_has[TYTO_NUM_STREAMS], struct tyto_fault *ret_fault)
{
    struct tyto_clip *clip = calloc(1, sizeof(*clip));
    if (!clip)
        return TYTO_ERR_NOMEM;
    clip->zero_ns = params->zero_ns;
    enum tyto_err err = build(clip, params, ret_fault);
    if (!err &&
        gst_element_set_state(clip->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
        err = check_bus(clip, ret_fault);
        if (!err)
            err = tyto_fault_set(ret_fault, TYTO_ERR_IO, params->path, 0, NULL,
                                 "the recording cannot be begun");
    }
    if (err) {
        tyto_clip_abandon(&clip);
        return err;
    }
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        ret_has[i] = clip->inputs[i] != NULL;
    *ret_clip = clip;
    return TYTO_OK;
}

/* --- writing
 * --------------------------------------------------------------------------------------- */

enum tyto_err tyto_clip_push(struct tyto_clip *clip, enum tyto_stream stream,
                             const struct tyto_coded *coded, struct tyto_fault *ret_fault)
{
    GstElement *input = clip->inputs[stream];
    if (!input || clip->ended[stream] || coded->pts_ns < clip->zero_ns)
        return TYTO_OK; /* what is shown before the first keyframe cannot be decoded */
    const enum tyto_err err = check_bus(clip, ret_fault);
    if (err)
        return err;
    if (gst_app_src_get_current_level_bytes(GST_APP_SRC(input)) >= MAX_WAITING_BYTES)
        return TYTO_ERR_FULL;
    GstBuffer *buffer = gst_buffer_copy(gst_sample_get_buffer(coded->sample));
    GST_BUFFER_PTS(buffer) = (GstClockTime)(coded->pts_ns - clip->zero_ns);
    GST_BUFFER_DTS(buffer) = coded->dts_ns != TYTO_CODED_NO_TIME && coded->dts_ns >= clip->zero_ns
                                 ? (GstClockTime)(coded->dts_ns - clip->zero_ns)
                                 : GST_CLOCK_TIME_NONE;
    GST_BUFFER_FLAGS(buffer) &= ~(guint)GST_BUFFER_FLAG_DISCONT;
    if (gst_app_src_push_buffer(GST_APP_SRC(input), buffer) == GST_FLOW_OK)
        return TYTO_OK;
    (void)check_bus(clip, ret_fault);
    return TYTO_ERR_IO;
}

void tyto_clip_end_stream(struct tyto_clip *clip, enum tyto_stream stream)
{
    if (clip->inputs[stream] && !clip->ended[stream])
        (void)gst_app_src_end_of_stream(GST_APP_SRC(clip->inputs[stream]));
    clip->ended[stream] = true;
}

enum tyto_err tyto_clip_finish(struct tyto_clip **clip, struct tyto_fault *ret_fault)
{
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        tyto_clip_end_stream(*clip, (enum tyto_stream)i);
    GstBus *bus = gst_element_get_bus((*clip)->pipeline);
    GstMessage *message =
        gst_bus_timed_pop_filtered(bus, FINISH_S * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
    gst_object_unref(bus);
    enum tyto_err err = TYTO_OK;
    if (!message)
        err = tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL,
                             "the disk of the recordings is too slow");
    else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
        err = explain(message, ret_fault);
    else
        gst_message_unref(message);
    tyto_clip_abandon(clip);
    return err;
}

void tyto_clip_abandon(struct tyto_clip **clip)
{
    if (!clip || !*clip)
        return;
    gst_element_set_state((*clip)->pipeline, GST_STATE_NULL);
    gst_object_unref((*clip)->pipeline);
    free(*clip);
    *clip = NULL;
}
