/* SPDX-License-Identifier: MIT */
/* Which endpoints the daemon may bind. */
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "daemon/publisher.h"

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
