/* SPDX-License-Identifier: MIT */
/* Whether a host's name or address is this machine's own, so that nobody else is on the way. */
#ifndef TYTO_BASE_LOOPBACK_H
#define TYTO_BASE_LOOPBACK_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

/* As hosts are written in a URL: "localhost", "[::1]", 127.0.0.0/8 as four numbers. Names that only
 * begin like one ("127.example.org") are somebody else's. */
static inline bool tyto_host_is_loopback(const char *host)
{
    struct in_addr addr;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &addr) == 1 && ntohl(addr.s_addr) >> 24 == 127);
}

#endif
