/* SPDX-License-Identifier: MIT */
/* rtspsrc reads the body of an answer into memory whatever its length is said to be, and lets
 * nobody near its connection. What makes one is therefore ours: in a program that is linked with
 * this file it takes the place of the library's own function, calls that, and sets a limit. */
#include <dlfcn.h>
#include <string.h>

#include <gst/rtsp/rtsp.h>

#include "pipeline/source/internal.h"

/* A description of sixteen streams has some 10 KiB. */
enum { MAX_BODY_BYTES = 256 * 1024 };

typedef GstRTSPResult (*create_connection)(const GstRTSPUrl *url, GstRTSPConnection **ret);

static create_connection next;
static pthread_once_t next_once = PTHREAD_ONCE_INIT;

static void find_next(void)
{
    *(void **)&next = dlsym(RTLD_NEXT, "gst_rtsp_connection_create");
}

GstRTSPResult gst_rtsp_connection_create(const GstRTSPUrl *url, GstRTSPConnection **conn)
{
    pthread_once(&next_once, find_next);
    const GstRTSPResult result = next ? next(url, conn) : GST_RTSP_ENOTIMPL;
    if (result == GST_RTSP_OK)
        gst_rtsp_connection_set_content_length_limit(*conn, MAX_BODY_BYTES);
    return result;
}

bool tyto_source_limits_bodies(void)
{
    const create_connection own = gst_rtsp_connection_create;
    void *used = dlsym(RTLD_DEFAULT, "gst_rtsp_connection_create");
    return memcmp(&used, &own, sizeof(used)) == 0;
}
