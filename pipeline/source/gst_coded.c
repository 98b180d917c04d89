/* SPDX-License-Identifier: MIT */
/* Coded data on their way from one process to another: a sample of GStreamer taken apart, and made
 * again. */
#include <stdlib.h>
#include <string.h>

#include <gst/gst.h>

#include "pipeline/source/internal.h"

void tyto_coded_free_coding(void *coding)
{
    if (coding)
        gst_caps_unref(coding);
}

void tyto_coded_free(struct tyto_coded *coded)
{
    if (coded->sample)
        gst_sample_unref(coded->sample);
    coded->sample = NULL;
}

/* Of one fixed kind, and of this stream's. */
static GstCaps *read_coding(enum tyto_stream stream, const char *text)
{
    GstCaps *caps = gst_caps_from_string(text);
    const bool is_one = caps && gst_caps_get_size(caps) == 1 && gst_caps_is_fixed(caps);
    const char *media = is_one ? gst_structure_get_name(gst_caps_get_structure(caps, 0)) : "";
    if (g_str_has_prefix(media, stream == TYTO_STREAM_VIDEO ? "video/" : "audio/"))
        return caps;
    if (caps)
        gst_caps_unref(caps);
    return NULL;
}

enum tyto_err tyto_source_fill_coded(struct tyto_source *source, enum tyto_stream which,
                                     const char *caps, const struct tyto_coded *coded,
                                     const uint8_t *data)
{
    struct tyto_source_stream *stream = &source->streams[which];
    if (caps) {
        tyto_coded_free_coding(stream->coding);
        stream->coding = read_coding(which, caps);
    }
    if (!stream->coding || !source->tap)
        return TYTO_ERR_FORMAT;
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, coded->num_bytes, NULL);
    if (!buffer)
        return TYTO_ERR_NOMEM;
    (void)gst_buffer_fill(buffer, 0, data, coded->num_bytes);
    if (!coded->is_key)
        GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    if (coded->duration_ns > 0)
        GST_BUFFER_DURATION(buffer) = (GstClockTime)coded->duration_ns;
    struct tyto_coded own = *coded;
    own.sample = gst_sample_new(buffer, stream->coding, NULL, NULL);
    gst_buffer_unref(buffer);
    source->tap->on_coded(source->tap, which, &own);
    return TYTO_OK;
}

enum tyto_err tyto_coded_map(const struct tyto_coded *coded, void **coding, char **ret_caps,
                             const uint8_t **ret_data, void **ret_map)
{
    GstCaps *caps = gst_sample_get_caps(coded->sample);
    GstMapInfo *map = malloc(sizeof(*map));
    const bool is_same = *coding && (*coding == caps || gst_caps_is_equal(*coding, caps));
    gchar *text = is_same ? NULL : gst_caps_to_string(caps);
    char *own = text ? strdup(text) : NULL;
    g_free(text);
    if (!map || (!is_same && !own) ||
        !gst_buffer_map(gst_sample_get_buffer(coded->sample), map, GST_MAP_READ)) {
        free(own);
        free(map);
        return TYTO_ERR_NOMEM;
    }
    if (!is_same) {
        tyto_coded_free_coding(*coding);
        *coding = gst_caps_ref(caps);
    }
    *ret_caps = own;
    *ret_data = map->data;
    *ret_map = map;
    return TYTO_OK;
}

void tyto_coded_unmap(const struct tyto_coded *coded, void *map)
{
    gst_buffer_unmap(gst_sample_get_buffer(coded->sample), map);
    free(map);
}
