/* SPDX-License-Identifier: MIT */
#include "web/serve.h"

#include <glib-unix.h>
#include <libsoup/soup.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "web/api.h"
#include "web/http.h"
#include "web/pages.h"
#include "web/serving.h"

enum {
    MAX_CONNECTIONS = 256,
    MAX_OF_ADDRESS = 64, /* of one that is no proxy */
    MAX_WAITING = 1024,  /* that have said nothing yet */
    FIRST_S = 10,        /* until a connection has said what it wants */
    SILENT_S = 1,        /* the same where the system has waited already */
    IDLE_S = 40          /* then, while nothing moves on it */
};

struct server {
    const struct tyto_serve_params *params;
    struct tyto_serving *serving;
    SoupServer *soup;
    GMainLoop *loop;
    GPtrArray *connections; /* of struct held, owned */
    bool is_tls;
    bool has_waited; /* the system did, for a connection's first words */
};

/* A connection that is open. */
struct held {
    GSocket *socket; /* held */
    char place[TYTO_DOOR_ADDRESS_BYTES];
    bool has_asked; /* a request has come whole, but for its body */
};

/* --- what comes in -------------------------------------------------------------------------- */

static void hang_up(SoupServerMessage *msg)
{
    GSocket *socket = soup_server_message_get_socket(msg);
    if (socket)
        (void)g_socket_shutdown(socket, TRUE, TRUE, NULL);
}

static void note_asked(struct server *server, const GSocket *socket)
{
    for (guint i = 0; i < server->connections->len; i++) {
        struct held *held = g_ptr_array_index(server->connections, i);
        held->has_asked |= held->socket == socket;
    }
}

/* The length that a request claims is looked at before its body is read. */
static void on_headers(SoupServerMessage *msg, struct server *server)
{
    GSocket *socket = soup_server_message_get_socket(msg);
    if (socket) {
        g_socket_set_timeout(socket, IDLE_S);
        note_asked(server, socket);
    }
    SoupMessageHeaders *headers = soup_server_message_get_request_headers(msg);
    if (soup_message_headers_get_content_length(headers) > TYTO_HTTP_MAX_BODY)
        hang_up(msg);
}

static void on_chunk(SoupServerMessage *msg, GBytes *chunk, struct server *server)
{
    (void)server;
    (void)chunk;
    if (soup_server_message_get_request_body(msg)->length > TYTO_HTTP_MAX_BODY)
        hang_up(msg);
}

static void free_held(gpointer data)
{
    struct held *held = data;
    g_object_unref(held->socket);
    g_free(held);
}

/* Forgets connections that are over: soup tells of requests that end, but not of connections that
 * end without one. Then how many there are of that place. */
static guint count_connections(struct server *server, const char *place)
{
    guint num = 0;
    for (guint i = server->connections->len; i-- > 0;) {
        const struct held *held = g_ptr_array_index(server->connections, i);
        if (tyto_http_socket_is_open(held->socket))
            num += strcmp(held->place, place) == 0;
        else
            (void)g_ptr_array_remove_index(server->connections, i);
    }
    return num;
}

/* Who came first of those that have asked for nothing yet goes, of this place if there are too many
 * of it: so clients that say nothing keep nobody out. False: all have asked for something. */
static bool make_room(struct server *server, const char *place)
{
    for (guint i = 0; i < server->connections->len; i++) {
        const struct held *held = g_ptr_array_index(server->connections, i);
        if (held->has_asked || (place && strcmp(held->place, place) != 0))
            continue;
        (void)g_socket_shutdown(held->socket, TRUE, TRUE, NULL);
        (void)g_ptr_array_remove_index(server->connections, i);
        return true;
    }
    return false;
}

/* The system hands over what has said nothing when it has waited long enough. */
static bool is_silent(const struct server *server, GSocket *socket)
{
    char first = '\0';
    return server->is_tls && server->has_waited &&
           recv(g_socket_get_fd(socket), &first, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

static void take_connection(struct server *server, SoupServerMessage *msg, GSocket *socket)
{
    char place[TYTO_DOOR_ADDRESS_BYTES];
    tyto_door_peer(msg, place);
    const bool is_much =
        count_connections(server, place) >= MAX_OF_ADDRESS && !server->params->proxy;
    const bool is_full = server->connections->len >= MAX_CONNECTIONS;
    if ((is_much || is_full) && !make_room(server, is_much ? place : NULL)) {
        hang_up(msg);
        return;
    }
    struct held *held = g_new0(struct held, 1);
    held->socket = g_object_ref(socket);
    (void)g_strlcpy(held->place, place, sizeof(held->place));
    g_ptr_array_add(server->connections, held);
    g_object_set_data(G_OBJECT(socket), "tyto-is-held", GINT_TO_POINTER(1));
    g_socket_set_timeout(socket, is_silent(server, socket) ? SILENT_S : FIRST_S);
}

/* A connection, or the next request on it. */
static void on_started(SoupServer *soup, SoupServerMessage *msg, struct server *server)
{
    (void)soup;
    GSocket *socket = soup_server_message_get_socket(msg);
    if (socket && !g_object_get_data(G_OBJECT(socket), "tyto-is-held"))
        take_connection(server, msg, socket);
    g_signal_connect(msg, "got-headers", G_CALLBACK(on_headers), server);
    g_signal_connect(msg, "got-chunk", G_CALLBACK(on_chunk), server);
}

static void on_request(SoupServer *soup, SoupServerMessage *msg, const char *path,
                       GHashTable *query, gpointer user)
{
    (void)soup;
    struct server *server = user;
    const char *method = soup_server_message_get_method(msg);
    const bool is_get = method == SOUP_METHOD_GET || method == SOUP_METHOD_HEAD;
    tyto_http_protect(msg, server->is_tls || server->params->proxy);
    if (!tyto_door_is_addressed(server->serving->door, msg))
        return;
    if (!is_get && method != SOUP_METHOD_POST)
        tyto_http_error(msg, SOUP_STATUS_METHOD_NOT_ALLOWED, "GET, HEAD and POST are known");
    else if (is_get && tyto_pages_answer(msg, path))
        return;
    else
        tyto_api_answer(server->serving, msg, path, query);
}

/* --- where it listens ------------------------------------------------------------------------ */

static enum tyto_err fail(struct tyto_fault *ret_fault, enum tyto_err err, const char *key,
                          const char *text)
{
    return tyto_fault_set(ret_fault, err, NULL, 0, key, "%s", text);
}

/* "127.0.0.1:8571", "[::1]:0" */
static GSocketAddress *read_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    char host[64];
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof(host))
        return NULL;
    const bool has_brackets = text[0] == '[' && colon[-1] == ']';
    const size_t len = (size_t)(colon - text) - (has_brackets ? 2 : 0);
    (void)g_strlcpy(host, text + (has_brackets ? 1 : 0), len + 1);
    guint64 port = 0;
    if ((!has_brackets && strchr(host, ':')) ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
        return NULL;
    return g_inet_socket_address_new_from_string(
        g_ascii_strcasecmp(host, "localhost") == 0 ? "127.0.0.1" : host, (guint)port);
}

static bool is_loopback(GSocketAddress *address)
{
    return g_inet_address_get_is_loopback(
        g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(address)));
}

/* GLib shakes hands on few threads, each of which waits for its client: the system is to hold back
 * connections until the client has said something. */
static void wait_for_words(struct server *server)
{
    GSList *sockets = soup_server_get_listeners(server->soup);
    server->has_waited = true;
    for (GSList *at = sockets; at; at = at->next) {
        if (!g_socket_set_option(at->data, IPPROTO_TCP, TCP_DEFER_ACCEPT, FIRST_S, NULL))
            server->has_waited = false;
        /* Where there is no room to wait it hands them over at once; GLib has room for ten. */
        (void)listen(g_socket_get_fd(at->data), MAX_WAITING);
    }
    g_slist_free(sockets);
}

static enum tyto_err listen_at(struct server *server, GSocketAddress *address,
                               struct tyto_fault *ret_fault)
{
    GError *error = NULL;
    if (soup_server_listen(server->soup, address,
                           server->is_tls ? SOUP_SERVER_LISTEN_HTTPS : (SoupServerListenOptions)0,
                           &error)) {
        wait_for_words(server);
        return TYTO_OK;
    }
    (void)tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, "listen", "%s: %s",
                         server->params->listen ? server->params->listen
                                                : TYTO_SERVE_DEFAULT_LISTEN,
                         error->message);
    g_error_free(error);
    return TYTO_ERR_IO;
}

static enum tyto_err read_tls(struct server *server, struct tyto_fault *ret_fault)
{
    const struct tyto_serve_params *params = server->params;
    if (!params->tls_cert && !params->tls_key)
        return TYTO_OK;
    if (!params->tls_cert || !params->tls_key)
        return fail(ret_fault, TYTO_ERR_INVALID, "tls-cert",
                    "a certificate and its key belong together: give --tls-cert and --tls-key");
    GError *error = NULL;
    GTlsCertificate *cert =
        g_tls_certificate_new_from_files(params->tls_cert, params->tls_key, &error);
    if (!cert) {
        (void)tyto_fault_set(ret_fault, TYTO_ERR_IO, params->tls_cert, 0, NULL, "%s",
                             error->message);
        g_error_free(error);
        return TYTO_ERR_IO;
    }
    soup_server_set_tls_certificate(server->soup, cert);
    g_object_unref(cert);
    server->is_tls = true;
    return TYTO_OK;
}

/* Who others than this machine's own people can reach must know who they are, and nobody between
 * may read it. */
static enum tyto_err check_reach(const struct tyto_serve_params *params, bool is_local,
                                 struct tyto_fault *ret_fault)
{
    if (params->proxy && (params->tls_cert || params->tls_key))
        return fail(ret_fault, TYTO_ERR_INVALID, "proxy",
                    "the proxy does TLS: leave out --tls-cert and --tls-key, or --proxy");
    if (params->proxy && params->num_names == 0)
        return fail(ret_fault, TYTO_ERR_INVALID, "proxy",
                    "say by which name people call it: --name tyto.example.org");
    if (!is_local && !params->tls_cert && !params->proxy && !params->allows_plain)
        return fail(ret_fault, TYTO_ERR_INVALID, "listen",
                    "beyond this machine passwords and pictures would go over the network for all "
                    "to read: give --tls-cert and --tls-key, or --proxy ADDRESS if a proxy in "
                    "front of it does TLS, or --plain if nobody else is on the way");
    if ((!is_local || params->proxy) && !params->users)
        return fail(ret_fault, TYTO_ERR_INVALID, params->proxy ? "proxy" : "listen",
                    "beyond this machine there must be users: make one by `tyto user add NAME "
                    "--users FILE`, then tyto serve --users FILE");
    return TYTO_OK;
}

static enum tyto_err open_server(struct server *server, struct tyto_fault *ret_fault)
{
    const char *listen =
        server->params->listen ? server->params->listen : TYTO_SERVE_DEFAULT_LISTEN;
    GSocketAddress *address = read_address(listen);
    if (!address)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "listen",
                              "'%s' must be ADDRESS:PORT, such as 127.0.0.1:8571 or [::1]:8571",
                              listen);
    const bool is_local = is_loopback(address);
    enum tyto_err err = read_tls(server, ret_fault);
    if (!err)
        err = check_reach(server->params, is_local, ret_fault);
    if (!err)
        err = tyto_serving_create(server->params, is_local, &server->serving, ret_fault);
    if (!err)
        err = listen_at(server, address, ret_fault);
    g_object_unref(address);
    return err;
}

static void tell_ready(struct server *server)
{
    GSList *uris = soup_server_get_uris(server->soup);
    if (uris && server->params->ready) {
        char *text = g_uri_to_string(uris->data);
        server->params->ready(server->params->user, text);
        g_free(text);
    }
    g_slist_free_full(uris, (GDestroyNotify)g_uri_unref);
}

static gboolean stop(gpointer user)
{
    g_main_loop_quit(user);
    return G_SOURCE_CONTINUE;
}

/* A certificate that was renewed, say; what is wrong changes nothing. */
static gboolean read_again(gpointer user)
{
    struct server *server = user;
    struct tyto_fault fault = {.text = ""};
    char text[1024];
    if (read_tls(server, &fault) != TYTO_OK) {
        tyto_fault_print(&fault, text, sizeof(text));
        g_warning("the certificate stays as it was: %s", text);
    }
    tyto_door_follow(server->serving->door);
    return G_SOURCE_CONTINUE;
}

enum tyto_err tyto_serve_run(const struct tyto_serve_params *params, struct tyto_fault *ret_fault)
{
    struct server server = {.params = params};
    server.soup = soup_server_new("server-header", NULL, NULL);
    server.loop = g_main_loop_new(NULL, FALSE);
    server.connections = g_ptr_array_new_with_free_func(free_held);
    g_signal_connect(server.soup, "request-started", G_CALLBACK(on_started), &server);
    soup_server_add_handler(server.soup, NULL, on_request, &server, NULL);
    const enum tyto_err err = open_server(&server, ret_fault);
    if (!err) {
        const guint interrupt = g_unix_signal_add(SIGINT, stop, server.loop);
        const guint terminate = g_unix_signal_add(SIGTERM, stop, server.loop);
        const guint hang_up = g_unix_signal_add(SIGHUP, read_again, &server);
        tell_ready(&server);
        g_main_loop_run(server.loop);
        g_source_remove(interrupt);
        g_source_remove(terminate);
        g_source_remove(hang_up);
    }
    soup_server_disconnect(server.soup);
    tyto_serving_destroy(&server.serving);
    g_object_unref(server.soup);
    g_main_loop_unref(server.loop);
    g_ptr_array_free(server.connections, TRUE);
    return err;
}
