/* SPDX-License-Identifier: MIT */
/* chaos_stage NAME=LAUNCH...: an RTSP server of small live cameras, each at
 * rtsp://127.0.0.1:PORT/NAME and made by a pipeline of GStreamer's own with elements pay0 and pay1.
 * All who look at one see the same. Says "ready PORT" when it listens. What is to go wrong with
 * them lies between them and tytod: bad_camera.py. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>

static void add(GstRTSPMountPoints *mounts, const char *argument)
{
    const char *equals = strchr(argument, '=');
    if (!equals)
        return;
    gchar *path = g_strdup_printf("/%.*s", (int)(equals - argument), argument);
    gchar *launch = g_strdup_printf("( %s )", equals + 1);
    GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
    gst_rtsp_media_factory_set_launch(factory, launch);
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    gst_rtsp_mount_points_add_factory(mounts, path, factory);
    g_free(launch);
    g_free(path);
}

/* Clients that went without a word leave sessions behind; these end after a minute. */
static gboolean clean_up(gpointer server)
{
    GstRTSPSessionPool *pool = gst_rtsp_server_get_session_pool(server);
    (void)gst_rtsp_session_pool_cleanup(pool);
    g_object_unref(pool);
    return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves none behind */
    gst_init(NULL, NULL);
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    GstRTSPServer *server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(server, "127.0.0.1");
    gst_rtsp_server_set_service(server, "0");
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(server);
    for (int i = 1; i < argc; i++)
        add(mounts, argv[i]);
    g_object_unref(mounts);
    if (gst_rtsp_server_attach(server, NULL) == 0)
        return 1;
    (void)g_timeout_add_seconds(10, clean_up, server);
    printf("ready %d\n", gst_rtsp_server_get_bound_port(server));
    fflush(stdout);
    g_main_loop_run(loop);
    return 0;
}
