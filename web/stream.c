/* SPDX-License-Identifier: MIT */
#include "web/stream.h"

#include <libsoup/soup.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_ALIVE_S = 15 };

struct viewer {
    struct tyto_stream *stream;
    SoupServerMessage *msg; /* held */
    uint64_t session_id;    /* 0: there are no users */
    size_t num_waiting;     /* bytes, of the body */
    bool wants_seconds;
    bool is_over; /* nothing more for it; it goes when its connection is closed */
};

struct tyto_stream {
    void (*on_watched)(void *user, bool is_watched);
    void *user;
    GPtrArray *viewers; /* of struct viewer, owned */
    guint keep_alive;   /* source */
    guint tell;         /* idle source; 0: none */
    bool was_watched;   /* as told */
};

/* seconds_only: of those alone who want what each second brings. */
static guint count_viewers(const struct tyto_stream *stream, bool seconds_only)
{
    guint num = 0;
    for (guint i = 0; i < stream->viewers->len; i++) {
        const struct viewer *viewer = g_ptr_array_index(stream->viewers, i);
        num += !seconds_only || viewer->wants_seconds;
    }
    return num;
}

static gboolean tell_watched(gpointer user)
{
    struct tyto_stream *stream = user;
    const bool is_watched = count_viewers(stream, true) > 0;
    stream->tell = 0;
    if (is_watched != stream->was_watched) {
        stream->was_watched = is_watched;
        stream->on_watched(stream->user, is_watched);
    }
    return G_SOURCE_REMOVE;
}

static void look_watched(struct tyto_stream *stream)
{
    if (stream->tell == 0)
        stream->tell = g_idle_add(tell_watched, stream);
}

static void let_go(struct viewer *viewer)
{
    viewer->is_over = true;
    GSocket *socket = soup_server_message_get_socket(viewer->msg);
    if (socket)
        (void)g_socket_shutdown(socket, TRUE, TRUE, NULL);
}

static void push(struct viewer *viewer, GBytes *bytes)
{
    if (viewer->is_over)
        return;
    viewer->num_waiting += g_bytes_get_size(bytes);
    if (viewer->num_waiting > TYTO_STREAM_MAX_WAITING) {
        let_go(viewer);
        return;
    }
    soup_message_body_append_bytes(soup_server_message_get_response_body(viewer->msg), bytes);
    soup_server_message_unpause(viewer->msg);
}

static void push_all(struct tyto_stream *stream, bool seconds_only, GBytes *bytes)
{
    for (guint i = 0; i < stream->viewers->len; i++) {
        struct viewer *viewer = g_ptr_array_index(stream->viewers, i);
        if (!seconds_only || viewer->wants_seconds)
            push(viewer, bytes);
    }
}

static gboolean keep_alive(gpointer user)
{
    static const char text[] = ": still here\n\n";
    GBytes *bytes = g_bytes_new_static(text, sizeof(text) - 1);
    push_all(user, false, bytes);
    g_bytes_unref(bytes);
    return G_SOURCE_CONTINUE;
}

static void free_viewer(gpointer data)
{
    struct viewer *viewer = data;
    g_signal_handlers_disconnect_by_data(viewer->msg, viewer);
    g_object_unref(viewer->msg);
    g_free(viewer);
}

struct tyto_stream *tyto_stream_new(void (*on_watched)(void *user, bool is_watched), void *user)
{
    struct tyto_stream *stream = g_new0(struct tyto_stream, 1);
    stream->on_watched = on_watched;
    stream->user = user;
    stream->viewers = g_ptr_array_new_with_free_func(free_viewer);
    stream->keep_alive = g_timeout_add_seconds(KEEP_ALIVE_S, keep_alive, stream);
    return stream;
}

void tyto_stream_free(struct tyto_stream *stream)
{
    if (!stream)
        return;
    g_source_remove(stream->keep_alive);
    if (stream->tell != 0)
        g_source_remove(stream->tell);
    g_ptr_array_free(stream->viewers, TRUE);
    g_free(stream);
}

static void on_wrote(SoupServerMessage *msg, guint num_bytes, struct viewer *viewer)
{
    (void)msg;
    viewer->num_waiting -= num_bytes < viewer->num_waiting ? num_bytes : viewer->num_waiting;
}

static void on_finished(SoupServerMessage *msg, struct viewer *viewer)
{
    (void)msg;
    struct tyto_stream *stream = viewer->stream;
    (void)g_ptr_array_remove_fast(stream->viewers, viewer);
    look_watched(stream);
}

void tyto_stream_join(struct tyto_stream *stream, SoupServerMessage *msg, uint64_t session_id,
                      bool wants_seconds)
{
    static const char hello[] = "retry: 2000\n\n";
    if (stream->viewers->len >= TYTO_STREAM_MAX_VIEWERS) {
        tyto_http_error(msg, SOUP_STATUS_SERVICE_UNAVAILABLE, "too many pages are open");
        return;
    }
    SoupMessageHeaders *headers = soup_server_message_get_response_headers(msg);
    soup_message_headers_set_content_type(headers, "text/event-stream", NULL);
    soup_message_headers_set_encoding(headers, SOUP_ENCODING_CHUNKED);
    soup_message_body_set_accumulate(soup_server_message_get_response_body(msg), FALSE);
    soup_server_message_set_status(msg, SOUP_STATUS_OK, NULL);
    struct viewer *viewer = g_new0(struct viewer, 1);
    viewer->stream = stream;
    viewer->session_id = session_id;
    viewer->wants_seconds = wants_seconds;
    viewer->msg = g_object_ref(msg);
    g_signal_connect(msg, "wrote-body-data", G_CALLBACK(on_wrote), viewer);
    g_signal_connect(msg, "finished", G_CALLBACK(on_finished), viewer);
    g_ptr_array_add(stream->viewers, viewer);
    GBytes *bytes = g_bytes_new_static(hello, sizeof(hello) - 1);
    push(viewer, bytes);
    g_bytes_unref(bytes);
    look_watched(stream);
}

void tyto_stream_drop(struct tyto_stream *stream, uint64_t session_id)
{
    for (guint i = 0; i < stream->viewers->len; i++) {
        struct viewer *viewer = g_ptr_array_index(stream->viewers, i);
        if (viewer->session_id == session_id && !viewer->is_over)
            let_go(viewer);
    }
}

static void send_to(struct tyto_stream *stream, bool seconds_only, const char *name,
                    struct tyto_json *json)
{
    char *data = count_viewers(stream, seconds_only) > 0 ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    if (!data)
        return;
    /* Compact JSON has no line breaks. */
    char *text = g_strdup_printf("event: %s\ndata: %s\n\n", name, data);
    GBytes *bytes = g_bytes_new_take(text, strlen(text));
    push_all(stream, seconds_only, bytes);
    g_bytes_unref(bytes);
    free(data);
}

void tyto_stream_send(struct tyto_stream *stream, const char *name, struct tyto_json *json)
{
    send_to(stream, false, name, json);
}

void tyto_stream_send_second(struct tyto_stream *stream, const char *name, struct tyto_json *json)
{
    send_to(stream, true, name, json);
}

uint32_t tyto_stream_num_viewers(const struct tyto_stream *stream)
{
    return stream->viewers->len;
}
