/* SPDX-License-Identifier: MIT */
/* gst-rtsp-server does the work; each viewer gets a pipeline of its own, so
 * that its stream time starts at 0. */
#include "demo/serve.h"

#include <glib-unix.h>
#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <signal.h>

struct server {
    const struct demo_serve_params *params;
    GMainLoop *loop;
    bool is_counting; /* the first viewer has pressed play */
};

static gboolean stop(void *user)
{
    g_main_loop_quit(((struct server *)user)->loop);
    return G_SOURCE_REMOVE;
}

static void on_play(GstRTSPClient *client, GstRTSPContext *context, struct server *server)
{
    (void)client;
    (void)context;
    if (server->params->once && !server->is_counting) {
        server->is_counting = true;
        g_timeout_add((guint)(server->params->seconds * 1e3) + 300, stop, server);
    }
}

static void on_client(GstRTSPServer *rtsp, GstRTSPClient *client, struct server *server)
{
    (void)rtsp;
    g_signal_connect(client, "play-request", G_CALLBACK(on_play), server);
}

static void mount(GstRTSPServer *rtsp, const struct demo_serve_params *params)
{
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(rtsp);
    char *launch =
        g_strdup_printf("( filesrc location=\"%s\" ! qtdemux name=demux "
                        "demux.video_0 ! queue ! h264parse config-interval=-1 ! "
                        "rtph264pay name=pay0 pt=96 "
                        "demux.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97 )",
                        params->path);

    for (uint32_t i = 1; i <= params->num_cameras; i++) {
        GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
        char *path =
            params->num_cameras > 1 ? g_strdup_printf("/camera%u", i) : g_strdup("/camera");
        gst_rtsp_media_factory_set_launch(factory, launch);
        gst_rtsp_mount_points_add_factory(mounts, path, factory); /* takes the factory */
        g_free(path);
    }
    g_free(launch);
    g_object_unref(mounts);
}

enum tyto_err demo_serve(const struct demo_serve_params *params)
{
    struct server server = {.params = params};
    GstRTSPServer *rtsp = gst_rtsp_server_new();
    char *service = g_strdup_printf("%u", params->port);

    server.loop = g_main_loop_new(NULL, FALSE);
    gst_rtsp_server_set_address(rtsp, "127.0.0.1");
    gst_rtsp_server_set_service(rtsp, service);
    g_free(service);
    mount(rtsp, params);
    g_signal_connect(rtsp, "client-connected", G_CALLBACK(on_client), &server);
    guint source_id = gst_rtsp_server_attach(rtsp, NULL);
    if (source_id != 0) {
        g_unix_signal_add(SIGINT, stop, &server);
        g_unix_signal_add(SIGTERM, stop, &server);
        params->ready(params->user, (uint16_t)gst_rtsp_server_get_bound_port(rtsp));
        g_main_loop_run(server.loop);
        g_source_remove(source_id);
    }
    g_main_loop_unref(server.loop);
    g_object_unref(rtsp);
    return source_id != 0 ? TYTO_OK : TYTO_ERR_IO;
}
