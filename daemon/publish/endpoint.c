/* SPDX-License-Identifier: MIT */
/* Which endpoints the daemon may bind. */
#include "daemon/publish/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/publish/publisher.h"

static enum tyto_err refuse(struct tyto_fault *ret_fault, const char *endpoint, const char *text)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL, "%.200s: %s", endpoint, text);
}

static bool is_loopback(const char *host)
{
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    struct in_addr addr;
    return inet_pton(AF_INET, host, &addr) == 1 && ntohl(addr.s_addr) >> 24 == 127;
}

static enum tyto_err check_tcp(const char *endpoint, const char *address,
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
    if (!is_loopback(host))
        return refuse(
            ret_fault, endpoint,
            "other hosts could reach this address and nothing is encrypted: "
            "bind 127.0.0.1 (or ipc://) and tunnel, e.g. with ssh -L 5571:127.0.0.1:5571");
    return TYTO_OK;
}

enum tyto_err tyto_publisher_check_endpoint(const char *endpoint, struct tyto_fault *ret_fault)
{
    if (strlen(endpoint) > 200)
        return refuse(ret_fault, endpoint, "longer than 200 characters");
    if (strncmp(endpoint, "tcp://", 6) == 0)
        return check_tcp(endpoint, endpoint + 6, ret_fault);
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

static bool is_ipc_alive(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    const bool is_alive = connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0;
    close(fd);
    return is_alive;
}

enum tyto_err tyto_publisher_prepare_ipc(const char *endpoint, struct tyto_fault *ret_fault)
{
    const char *path = endpoint + 6; /* behind ipc:// */
    if (is_ipc_alive(path))
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL,
                              "cannot bind %.200s: another process listens there", endpoint);
    char folder[108];
    snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '/') = '\0';
    if (folder[0] && mkdir(folder, 0750) != 0 && errno != EEXIST)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL,
                              "cannot make the folder of %.200s: %s", endpoint, strerror(errno));
    return TYTO_OK;
}
