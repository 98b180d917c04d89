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

/* --- a coding as text -------------------------------------------------------------------------
 *
 * GStreamer's parser of such text loses memory, and uses what it has freed, where nothing has
 * written it. Only what it writes itself of one fixed coding is given to it: NAME, KEY=(TYPE)VALUE,
 * ..., where a value may be an array of them: < VALUE, VALUE >. */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Past what text begins with, or NULL. */
static const char *past(const char *text, const char *word)
{
    return g_str_has_prefix(text, word) ? text + strlen(word) : NULL;
}

/* Behind as many of these as there are, one at least. */
static const char *past_all(const char *text, const char *of)
{
    const size_t num = strspn(text, of);
    return num > 0 ? text + num : NULL;
}

static const char *past_quoted(const char *text)
{
    for (text++; *text && *text != '"'; text++) {
        if (*text < ' ' || *text > '~' || (*text == '\\' && !*++text))
            return NULL;
    }
    return *text ? text + 1 : NULL;
}

static const char *past_value(const char *text, bool is_buffer, bool is_string)
{
    const size_t num_hex = strspn(text, DIGITS "abcdefABCDEF");
    if (is_buffer)
        return num_hex > 0 && num_hex % 2 == 0 ? text + num_hex : NULL;
    if (is_string && *text == '"')
        return past_quoted(text);
    return past_all(text, LETTERS DIGITS "_-+/:.");
}

static const char *past_values(const char *text, bool is_buffer, bool is_string)
{
    const char *next = past(text, "< ");
    if (!next)
        return past_value(text, is_buffer, is_string);
    do {
        text = past_value(next, is_buffer, is_string);
        next = text ? past(text, ", ") : NULL;
    } while (next);
    return text ? past(text, " >") : NULL;
}

static const char *past_field(const char *text)
{
    static const char *const types[] = {"(int)",     "(uint)",     "(gint64)",
                                        "(guint64)", "(boolean)",  "(float)",
                                        "(double)",  "(fraction)", "(bitmask)",
                                        "(string)",  "(buffer)",   "(GstVideoMultiviewFlagsSet)"};
    const char *next = past(text, ", ");
    next = next ? past_all(next, LETTERS DIGITS "_-") : NULL;
    text = next ? past(next, "=") : NULL;
    for (size_t i = 0; text && i < G_N_ELEMENTS(types); i++) {
        next = past(text, types[i]);
        if (next)
            return past_values(next, strcmp(types[i], "(buffer)") == 0,
                               strcmp(types[i], "(string)") == 0);
    }
    return NULL;
}

static bool is_coding(const char *text)
{
    text = past_all(text, LETTERS);
    text = text ? past(text, "/") : NULL;
    text = text ? past_all(text, LETTERS DIGITS "_-+.") : NULL;
    while (text && *text)
        text = past_field(text);
    return text != NULL;
}

/* Of one fixed kind, and of this stream's. */
static GstCaps *read_coding(enum tyto_stream stream, const char *text)
{
    GstCaps *caps = is_coding(text) ? gst_caps_from_string(text) : NULL;
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
