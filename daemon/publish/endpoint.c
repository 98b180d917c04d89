/* SPDX-License-Identifier: MIT */
#include "daemon/publish/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/local_socket.h"
#include "base/loopback.h"
#include "daemon/publish/publisher.h"

enum { BACKLOG = 64 };

#define PATIENCE_NS (2 * TYTO_NS_PER_S)

static enum tyto_err refuse(struct tyto_fault *ret_fault, const char *endpoint, const char *text)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL, "%.200s: %s", endpoint, text);
}

static enum tyto_err check_tcp(const char *endpoint, const char *address, bool has_keys,
                               struct tyto_fault *ret_fault)
{
    const char *colon = strrchr(address, ':');
    char host[256];
    if (!colon || colon == address || (size_t)(colon - address) >= sizeof(host))
        return refuse(ret_fault, endpoint, "lacks a port: write it like tcp://127.0.0.1:5571");
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    char *end;
    const long port = strtol(colon + 1, &end, 10);
    if (strcmp(colon + 1, "*") != 0 && (end == colon + 1 || *end || port < 1 || port > 65535))
        return refuse(ret_fault, endpoint, "the port must be 1..65535");
    if (!has_keys && !tyto_host_is_loopback(host))
        return refuse(
            ret_fault, endpoint,
            "other hosts could reach this address and nothing is encrypted: give "
            "publish.server_key and publish.clients (tyto keygen --help), or bind 127.0.0.1 (or "
            "ipc://) and tunnel, e.g. with ssh -L 5571:127.0.0.1:5571");
    return TYTO_OK;
}

enum tyto_err tyto_publisher_check_endpoint(const char *endpoint, bool has_keys,
                                            struct tyto_fault *ret_fault)
{
    if (strlen(endpoint) > 200)
        return refuse(ret_fault, endpoint, "longer than 200 characters");
    if (strncmp(endpoint, "tcp://", 6) == 0)
        return check_tcp(endpoint, endpoint + 6, has_keys, ret_fault);
    if (strncmp(endpoint, "ipc://", 6) == 0) {
        /* sun_path holds 108 bytes */
        if (endpoint[6] != '/' || strlen(endpoint + 6) > 100)
            return refuse(ret_fault, endpoint,
                          "needs an absolute path of at most 100 characters: "
                          "ipc:///run/tyto/events.sock");
        return TYTO_OK;
    }
    return refuse(ret_fault, endpoint,
                  "is no endpoint: write tcp://127.0.0.1:PORT or ipc:///absolute/path");
}

/* A path without what changes nothing in it: "//", "/./". */
static void plain_path(const char *path, char *ret_path, size_t path_bytes)
{
    size_t at = 0;
    while (*path && at + 1 < path_bytes) {
        const bool is_nothing = path[0] == '/' && (path[1] == '/' || strncmp(path, "/./", 3) == 0);
        if (!is_nothing)
            ret_path[at++] = path[0];
        path += is_nothing && path[1] == '.' ? 2 : 1;
    }
    ret_path[at] = '\0';
}

bool tyto_publisher_is_same_endpoint(const char *endpoint, const char *other)
{
    char paths[2][256];
    const char *texts[2] = {endpoint, other};
    const char *hosts[2];
    size_t num_host[2];
    long ports[2];
    if (strcmp(endpoint, other) == 0)
        return strcmp(endpoint, "tcp://127.0.0.1:*") != 0; /* any port that is free */
    for (int i = 0; i < 2; i++) {
        if (strncmp(texts[i], endpoint, 6) != 0)
            return false;
        plain_path(texts[i] + 6, paths[i], sizeof(paths[i]));
        const char *colon = strrchr(texts[i], ':');
        ports[i] = strtol(colon + 1, NULL, 10);
        hosts[i] = texts[i] + 6;
        num_host[i] = (size_t)(colon - hosts[i]);
        if (num_host[i] == 9 && strncmp(hosts[i], "localhost", 9) == 0)
            hosts[i] = "127.0.0.1";
    }
    if (strncmp(endpoint, "tcp://", 6) != 0)
        return strcmp(paths[0], paths[1]) == 0;
    return ports[0] == ports[1] && ports[0] != 0 && num_host[0] == num_host[1] &&
           strncmp(hosts[0], hosts[1], num_host[0]) == 0;
}

/* --- listening ----------------------------------------------------------------------------- */

const char *tyto_endpoint_path(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
}

static enum tyto_err fail_bind(struct tyto_fault *ret_fault, const char *endpoint, int reason)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "cannot bind %.200s: %s%s",
                          endpoint, strerror(reason),
                          reason == EADDRINUSE ? " (does another tytod run? use --endpoint)" : "");
}

/* Tries until PATIENCE_NS are over. 0, or the reason. */
static int bind_patiently(int fd, const struct addrinfo *info)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    while (bind(fd, info->ai_addr, info->ai_addrlen) != 0) {
        const struct timespec nap = {0, 20 * (long)TYTO_NS_PER_MS};
        if (errno != EADDRINUSE || tyto_clock_mono_ns() - begin_ns >= PATIENCE_NS)
            return errno;
        nanosleep(&nap, NULL);
    }
    return listen(fd, BACKLOG) == 0 ? 0 : errno;
}

static enum tyto_err listen_tcp(const char *endpoint, int *ret_fd, struct tyto_fault *ret_fault)
{
    const char *address = endpoint + 6; /* behind tcp:// */
    const char *colon = strrchr(address, ':');
    const bool is_bracketed = address[0] == '[';
    const char *port = strcmp(colon + 1, "*") == 0 ? "0" : colon + 1;
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *info = NULL;
    char host[256];
    snprintf(host, sizeof(host), "%.*s", (int)(colon - address) - 2 * is_bracketed,
             address + is_bracketed);
    const int rc = getaddrinfo(host, port, &wanted, &info);
    if (rc != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "cannot bind %.200s: %s",
                              endpoint, gai_strerror(rc));
    const int one = 1;
    const int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int reason = fd < 0 ? errno : 0;
    if (fd >= 0) {
        const int defer_s = 5;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        /* A subscriber speaks first: who says nothing stays in the kernel, without a descriptor. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_s, sizeof(defer_s));
        reason = bind_patiently(fd, info);
    }
    freeaddrinfo(info);
    if (reason == 0) {
        *ret_fd = fd;
        return TYTO_OK;
    }
    if (fd >= 0)
        close(fd);
    return fail_bind(ret_fault, endpoint, reason);
}

enum tyto_err tyto_endpoint_listen(const char *endpoint, int *ret_fd, struct tyto_fault *ret_fault)
{
    const char *path = tyto_endpoint_path(endpoint);
    if (!path)
        return listen_tcp(endpoint, ret_fd, ret_fault);
    struct tyto_fault fault = {.text = ""};
    if (tyto_local_listen(path, BACKLOG, PATIENCE_NS, ret_fd, &fault) == TYTO_OK)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "cannot bind ipc://%.300s",
                          fault.text);
}

/* Whether fd is a connection that listen_fd has accepted. */
static bool is_of(int listen_fd, int fd)
{
    struct sockaddr_storage ours, theirs;
    socklen_t our_bytes = sizeof(ours), their_bytes = sizeof(theirs);
    memset(&ours, 0, sizeof(ours));
    memset(&theirs, 0, sizeof(theirs));
    return getsockname(listen_fd, (struct sockaddr *)&ours, &our_bytes) == 0 &&
           getsockname(fd, (struct sockaddr *)&theirs, &their_bytes) == 0 &&
           our_bytes == their_bytes && memcmp(&ours, &theirs, our_bytes) == 0;
}

/* A duplicate is looked at and shut down: nobody can put something else in its place meanwhile. */
bool tyto_endpoint_cut_off(const int *listen_fds, uint32_t num, int fd)
{
    const int held_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    bool is_ours = false;
    if (held_fd < 0)
        return false;
    for (uint32_t i = 0; i < num && !is_ours; i++)
        is_ours = is_of(listen_fds[i], held_fd);
    if (is_ours)
        (void)shutdown(held_fd, SHUT_RDWR);
    close(held_fd);
    return is_ours;
}

void tyto_endpoint_close(const char (*endpoints)[256], const int *listen_fds, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        const char *path = tyto_endpoint_path(endpoints[i]);
        if (path)
            tyto_local_unlink(path);
        close(listen_fds[i]);
    }
}
