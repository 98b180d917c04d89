/* SPDX-License-Identifier: MIT */
/* libmicrohttpd, driven by a loop of ours: so nothing is locked, and a client that gives a byte now
 * and then is let go like one that gives none. */
#include "daemon/monitor/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "daemon/monitor/address.h"

enum { BACKLOG = 16, LOOK_MS = 500, FULL_LOOK_MS = 50 };

/* Who has just come has so long to ask before it can be let go for another. */
#define GRACE_NS (TYTO_NS_PER_S / 4)
#define END_NS (3 * TYTO_NS_PER_S)

struct client {
    int fd; /* -1: free */
    uint64_t let_go_ns;
};

struct tyto_http {
    struct tyto_http_params p;
    char address[TYTO_HTTP_ADDRESS_MAX];
    int listen_fd, stop_fd;
    struct MHD_Daemon *mhd;
    pthread_t thread;
    bool is_running;
    atomic_uint_fast64_t num_turns;               /* read by any thread */
    struct client clients[TYTO_HTTP_MAX_CLIENTS]; /* the thread's */
};

/* --- answers ---------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              char *text, size_t num_bytes, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(num_bytes, text, mode);
    if (!response) {
        if (mode == MHD_RESPMEM_MUST_FREE)
            free(text);
        return MHD_NO;
    }
    /* Nobody keeps a connection, so none has to be waited for. */
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    const enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_plain(struct MHD_Connection *connection, unsigned status,
                                    const char *text)
{
    char line[160];
    const int num = snprintf(line, sizeof(line), "%.150s\n", text);
    return answer(connection, status, "text/plain; charset=utf-8", line, (size_t)num,
                  MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result answer_metrics(struct tyto_http *http, struct MHD_Connection *connection)
{
    char *text = NULL;
    size_t num_bytes = 0;
    const enum tyto_err err = tyto_metrics_print(http->p.metrics, &text, &num_bytes);
    if (err)
        return answer_plain(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, tyto_err_text(err));
    return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text,
                  num_bytes, MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result answer_why(struct MHD_Connection *connection, const char *why)
{
    return answer_plain(connection, why ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
                        why ? why : "ok");
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **state)
{
    struct tyto_http *http = user;
    (void)version;
    (void)upload;
    (void)upload_bytes;
    (void)state;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_plain(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(http, connection);
    if (strcmp(url, "/healthz") == 0)
        return answer_why(connection, http->p.why_ill(http->p.user));
    if (strcmp(url, "/readyz") == 0) {
        const char *why = http->p.why_ill(http->p.user);
        return answer_why(connection, why ? why : http->p.why_not_ready(http->p.user));
    }
    if (strcmp(url, "/") == 0)
        return answer_plain(connection, MHD_HTTP_OK, "tytod: /metrics /healthz /readyz");
    return answer_plain(connection, MHD_HTTP_NOT_FOUND, "there are /metrics, /healthz, /readyz");
}

/* --- clients ---------------------------------------------------------------------------------- */

static void on_connection(void *user, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    struct tyto_http *http = user;
    struct client *client = *state;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (client)
            client->fd = -1;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    for (uint32_t i = 0; info && i < TYTO_HTTP_MAX_CLIENTS; i++) {
        if (http->clients[i].fd >= 0)
            continue;
        http->clients[i].fd = info->connect_fd;
        http->clients[i].let_go_ns = tyto_clock_mono_ns() + TYTO_HTTP_CLIENT_S * TYTO_NS_PER_S;
        *state = &http->clients[i];
        return;
    }
}

/* The library sees it as the other end's wish and closes. Clients that say nothing must not keep
 * others waiting: while all places are taken, the one that came first goes, and those that have had
 * twice the time. Whether all are. */
static bool let_go_late_ones(struct tyto_http *http)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    struct client *first = NULL;
    bool is_full = true;
    for (uint32_t i = 0; i < TYTO_HTTP_MAX_CLIENTS; i++) {
        struct client *client = &http->clients[i];
        is_full &= client->fd >= 0;
        if (client->fd >= 0 && (!first || client->let_go_ns < first->let_go_ns))
            first = client;
    }
    for (uint32_t i = 0; i < TYTO_HTTP_MAX_CLIENTS; i++) {
        struct client *client = &http->clients[i];
        const uint64_t grace_ns = client == first ? GRACE_NS : 2 * GRACE_NS;
        const uint64_t age_ns = now_ns + TYTO_HTTP_CLIENT_S * TYTO_NS_PER_S - client->let_go_ns;
        if (client->fd >= 0 && (now_ns > client->let_go_ns || (is_full && age_ns > grace_ns)))
            (void)shutdown(client->fd, SHUT_RDWR);
    }
    return is_full;
}

static void *run(void *user)
{
    struct tyto_http *http = user;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    bool is_full = false;
    pthread_setname_np(pthread_self(), "tyto-http");
    for (;;) {
        struct pollfd fds[] = {{.fd = http->stop_fd, .events = POLLIN},
                               {.fd = info->epoll_fd, .events = POLLIN}};
        MHD_UNSIGNED_LONG_LONG within_ms = LOOK_MS;
        const MHD_UNSIGNED_LONG_LONG most_ms = is_full ? FULL_LOOK_MS : LOOK_MS;
        if (MHD_get_timeout(http->mhd, &within_ms) != MHD_YES || within_ms > most_ms)
            within_ms = most_ms;
        if (poll(fds, 2, (int)within_ms) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            break;
        (void)MHD_run(http->mhd);
        is_full = let_go_late_ones(http);
        atomic_fetch_add(&http->num_turns, 1);
    }
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static enum tyto_err listen_at(struct tyto_http *http, struct tyto_fault *ret_fault)
{
    struct sockaddr_storage addr;
    socklen_t num;
    bool is_loopback;
    const int on = 1;
    const enum tyto_err err =
        tyto_http_read_address(http->p.address, &addr, &num, &is_loopback, ret_fault);
    if (err)
        return err;
    http->listen_fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_good = http->listen_fd >= 0 &&
                   setsockopt(http->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                   bind(http->listen_fd, (const struct sockaddr *)&addr, num) == 0 &&
                   listen(http->listen_fd, BACKLOG) == 0 &&
                   getsockname(http->listen_fd, (struct sockaddr *)&addr, &num) == 0;
    if (!is_good)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, "metrics.listen", "%s: %s",
                              http->p.address, strerror(errno));
    tyto_http_print_address(&addr, http->address, sizeof(http->address));
    return TYTO_OK;
}

static enum tyto_err start(struct tyto_http *http, struct tyto_fault *ret_fault)
{
    http->mhd = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, http,
                                 MHD_OPTION_LISTEN_SOCKET, http->listen_fd,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)TYTO_HTTP_MAX_CLIENTS,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)TYTO_HTTP_CLIENT_BYTES,
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TYTO_HTTP_CLIENT_S,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
    if (!http->mhd)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, "metrics.listen",
                              "the HTTP server does not start");
    http->listen_fd = -1; /* the library closes it */
    http->is_running = pthread_create(&http->thread, NULL, run, http) == 0;
    return http->is_running
               ? TYTO_OK
               : tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, "metrics.listen", "no thread");
}

enum tyto_err tyto_http_create(const struct tyto_http_params *params, struct tyto_http **ret_http,
                               struct tyto_fault *ret_fault)
{
    struct tyto_http *http = calloc(1, sizeof(*http));
    if (!http)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    http->p = *params;
    http->listen_fd = -1;
    for (uint32_t i = 0; i < TYTO_HTTP_MAX_CLIENTS; i++)
        http->clients[i].fd = -1;
    http->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum tyto_err err = http->stop_fd >= 0
                            ? listen_at(http, ret_fault)
                            : tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, "metrics.listen",
                                             "no eventfd: %s", strerror(errno));
    if (!err)
        err = start(http, ret_fault);
    http->p.address = NULL; /* the caller's */
    if (err)
        (void)tyto_http_destroy(&http);
    else
        *ret_http = http;
    return err;
}

const char *tyto_http_address(const struct tyto_http *http)
{
    return http->address;
}

uint64_t tyto_http_num_turns(const struct tyto_http *http)
{
    return atomic_load(&http->num_turns);
}

bool tyto_http_destroy(struct tyto_http **http)
{
    if (!http || !*http)
        return true;
    struct tyto_http *self = *http;
    const uint64_t one = 1;
    *http = NULL;
    if (self->is_running) {
        (void)!write(self->stop_fd, &one, sizeof(one));
        if (!tyto_thread_join(self->thread, END_NS))
            return false; /* its own until the process ends */
    }
    if (self->mhd)
        MHD_stop_daemon(self->mhd);
    if (self->listen_fd >= 0)
        close(self->listen_fd);
    if (self->stop_fd >= 0)
        close(self->stop_fd);
    free(self);
    return true;
}
