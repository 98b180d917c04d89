/* SPDX-License-Identifier: MIT */
/* rtsp_camera FILE PORT: serves a file (H.264 + AAC in MP4) at
 * rtsp://127.0.0.1:PORT/camera until it is killed; prints "ready" when it listens. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves none behind */
    gst_init(NULL, NULL);
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    GstRTSPServer *server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(server, "127.0.0.1");
    gst_rtsp_server_set_service(server, argv[2]);
    GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
    gchar *launch = g_strdup_printf(
        "( filesrc location=%s ! qtdemux name=d d.video_0 ! queue ! "
        "h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 d.audio_0 ! queue ! aacparse ! "
        "rtpmp4gpay name=pay1 pt=97 )",
        argv[1]);
    gst_rtsp_media_factory_set_launch(factory, launch);
    g_free(launch);
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
