/* SPDX-License-Identifier: MIT */
#include "pipeline/source/sdp.h"

#include <stdio.h>
#include <string.h>

#include <gst/sdp/gstsdpmessage.h>

static bool kind_of(const GstSDPMedia *media, enum tyto_stream *ret_which)
{
    const gchar *kind = gst_sdp_media_get_media(media);
    if (g_strcmp0(kind, "audio") == 0)
        *ret_which = TYTO_STREAM_AUDIO;
    else if (g_strcmp0(kind, "video") == 0)
        *ret_which = TYTO_STREAM_VIDEO;
    else
        return false;
    return true;
}

/* From the end on, so that each removal moves nothing. */
static void cut_media(GstSDPMedia *media)
{
    for (guint num = gst_sdp_media_formats_len(media); num > TYTO_SDP_MAX_FORMATS; num--)
        gst_sdp_media_remove_format(media, num - 1);
    for (guint num = gst_sdp_media_attributes_len(media); num > TYTO_SDP_MAX_ATTRIBUTES; num--)
        gst_sdp_media_remove_attribute(media, num - 1);
}

static void remove_media(GstSDPMessage *sdp, guint idx)
{
    gst_sdp_media_uninit(&g_array_index(sdp->medias, GstSDPMedia, idx));
    g_array_remove_index(sdp->medias, idx);
}

enum tyto_err tyto_sdp_cut(void *message, const bool wanted[TYTO_NUM_STREAMS], char *text,
                           uint32_t text_bytes)
{
    GstSDPMessage *sdp = message;
    const guint num_media = gst_sdp_message_medias_len(sdp);
    int first[TYTO_NUM_STREAMS] = {-1, -1};
    for (guint i = 0; i < num_media && num_media <= TYTO_SDP_MAX_MEDIA; i++) {
        enum tyto_stream which;
        GstSDPMedia *media = &g_array_index(sdp->medias, GstSDPMedia, i);
        if (kind_of(media, &which) && wanted[which] && first[which] < 0) {
            first[which] = (int)i;
            cut_media(media);
        }
    }
    for (guint i = num_media; i-- > 0;) {
        if ((int)i != first[TYTO_STREAM_AUDIO] && (int)i != first[TYTO_STREAM_VIDEO])
            remove_media(sdp, i);
    }
    for (guint num = gst_sdp_message_attributes_len(sdp); num > TYTO_SDP_MAX_ATTRIBUTES; num--)
        gst_sdp_message_remove_attribute(sdp, num - 1);
    if (gst_sdp_message_medias_len(sdp) > 0)
        return TYTO_OK;
    if (num_media > TYTO_SDP_MAX_MEDIA)
        snprintf(text, text_bytes, "its description names %u streams, more than %d: not opened",
                 num_media, TYTO_SDP_MAX_MEDIA);
    else
        snprintf(text, text_bytes, "its description names no sound or picture that is wanted");
    return TYTO_ERR_UNSUPPORTED;
}
