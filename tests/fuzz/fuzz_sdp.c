/* SPDX-License-Identifier: MIT */
/* Any bytes as a camera's session description: cut down to its bounds, or refused with a reason. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gst/sdp/gstsdpmessage.h>

#include "pipeline/source/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

static void check(const GstSDPMessage *sdp, enum tyto_err err, const char *text)
{
    const guint num = gst_sdp_message_medias_len(sdp);
    if ((!err) != (num > 0) || num > TYTO_NUM_STREAMS || (!err) != (text[0] == '\0') ||
        gst_sdp_message_attributes_len(sdp) > TYTO_SDP_MAX_ATTRIBUTES)
        abort();
    for (guint i = 0; i < num; i++) {
        const GstSDPMedia *media = gst_sdp_message_get_media(sdp, i);
        if (gst_sdp_media_formats_len(media) > TYTO_SDP_MAX_FORMATS ||
            gst_sdp_media_attributes_len(media) > TYTO_SDP_MAX_ATTRIBUTES)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    static const bool both[TYTO_NUM_STREAMS] = {true, true};
    GstSDPMessage *sdp = NULL;
    char text[160] = "";
    if (num_bytes == 0)
        return 0;
    /* GStreamer's parser reads to the terminator. */
    char *copy = malloc(num_bytes + 1);
    if (!copy || gst_sdp_message_new(&sdp) != GST_SDP_OK)
        abort();
    memcpy(copy, data, num_bytes);
    copy[num_bytes] = '\0';
    if (gst_sdp_message_parse_buffer((const guint8 *)copy, (guint)num_bytes, sdp) == GST_SDP_OK) {
        const enum tyto_err err = tyto_sdp_cut(sdp, both, text, sizeof(text));
        check(sdp, err, text);
    }
    gst_sdp_message_free(sdp);
    free(copy);
    return 0;
}
