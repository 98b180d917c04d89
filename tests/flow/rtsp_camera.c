/* SPDX-License-Identifier: MIT */
/* rtsp_camera FILE PORT [--udp] [--no video|audio]: serves a file (H.264 + AAC in MP4) at
 * rtsp://127.0.0.1:PORT/camera until it is killed; prints "ready" when it listens. --udp: by no
 * other transport. --no: two seconds after somebody came, one stream gives nothing any more. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>

enum { DROP_AFTER_MS = 2000 };

static gboolean drop(gpointer valve)
{
    g_object_set(valve, "drop", TRUE, NULL);
    return G_SOURCE_REMOVE;
}

static void on_media(GstRTSPMediaFactory *factory, GstRTSPMedia *media, gpointer name)
{
    (void)factory;
    GstElement *element = gst_rtsp_media_get_element(media);
    GstElement *valve = gst_bin_get_by_name(GST_BIN(element), name);
    g_timeout_add_full(G_PRIORITY_DEFAULT, DROP_AFTER_MS, drop, valve, gst_object_unref);
    gst_object_unref(element);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves none behind */
    gst_init(NULL, NULL);
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    GstRTSPServer *server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(server, "127.0.0.1");
    gst_rtsp_server_set_service(server, argv[2]);
    GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
    gchar *launch = g_strdup_printf(
        "( filesrc location=%s ! qtdemux name=d d.video_0 ! queue ! valve name=video ! "
        "h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 d.audio_0 ! queue ! "
        "valve name=audio ! aacparse ! rtpmp4gpay name=pay1 pt=97 )",
        argv[1]);
    gst_rtsp_media_factory_set_launch(factory, launch);
    g_free(launch);
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--udp") == 0)
            gst_rtsp_media_factory_set_protocols(factory, GST_RTSP_LOWER_TRANS_UDP);
        else if (strcmp(argv[i], "--no") == 0 && i + 1 < argc)
            g_signal_connect(factory, "media-configure", G_CALLBACK(on_media), argv[++i]);
    }
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(server);
    gst_rtsp_mount_points_add_factory(mounts, "/camera", factory);
    g_object_unref(mounts);
    if (gst_rtsp_server_attach(server, NULL) == 0)
        return 1;
    printf("ready %d\n", gst_rtsp_server_get_bound_port(server));
    fflush(stdout);
    g_main_loop_run(loop);
    return 0;
}
