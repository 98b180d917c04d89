/* SPDX-License-Identifier: MIT */
#include "daemon/monitor/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/monitor/http.h"

static enum tyto_err complain(struct tyto_fault *ret_fault, const char *text)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          "'%.60s' is no address to listen on: write a port (9466), "
                          "127.0.0.1:9466 or [::1]:9466",
                          text);
}

static bool read_port(const char *text, in_port_t *ret_port)
{
    char *end;
    errno = 0;
    const unsigned long port = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || port > 65535)
        return false;
    *ret_port = htons((in_port_t)port);
    return true;
}

static bool is_loopback(const struct sockaddr_storage *addr)
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)addr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
    if (addr->ss_family == AF_INET)
        return ntohl(in4->sin_addr.s_addr) >> 24 == 127;
    const uint8_t *bytes = in6->sin6_addr.s6_addr;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && bytes[12] == 127);
}

enum tyto_err tyto_http_read_address(const char *text, struct sockaddr_storage *ret_addr,
                                     socklen_t *ret_bytes, bool *ret_is_loopback,
                                     struct tyto_fault *ret_fault)
{
    char host[TYTO_HTTP_ADDRESS_MAX] = "127.0.0.1";
    const char *colon = strrchr(text, ':');
    struct sockaddr_storage addr;
    struct sockaddr_in *in4 = (struct sockaddr_in *)&addr;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;
    memset(&addr, 0, sizeof(addr));
    if (colon) {
        const size_t num = (size_t)(colon - text);
        if (num == 0 || num >= sizeof(host))
            return complain(ret_fault, text);
        memcpy(host, text, num);
        host[num] = '\0';
    }
    const size_t num_host = strlen(host);
    bool is_good;
    if (host[0] == '[' && host[num_host - 1] == ']') {
        host[num_host - 1] = '\0';
        addr.ss_family = AF_INET6;
        is_good = inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1;
    } else {
        addr.ss_family = AF_INET;
        is_good = inet_pton(AF_INET, host, &in4->sin_addr) == 1;
    }
    in_port_t port = 0;
    is_good = is_good && read_port(colon ? colon + 1 : text, &port);
    if (!is_good)
        return complain(ret_fault, text);
    if (addr.ss_family == AF_INET)
        in4->sin_port = port;
    else
        in6->sin6_port = port;
    *ret_addr = addr;
    *ret_bytes = addr.ss_family == AF_INET ? sizeof(*in4) : sizeof(*in6);
    *ret_is_loopback = is_loopback(&addr);
    return TYTO_OK;
}

enum tyto_err tyto_http_check_address(const char *text, bool *ret_is_loopback,
                                      struct tyto_fault *ret_fault)
{
    struct sockaddr_storage addr;
    socklen_t num;
    bool is_loopback_too;
    return tyto_http_read_address(text, &addr, &num,
                                  ret_is_loopback ? ret_is_loopback : &is_loopback_too, ret_fault);
}

void tyto_http_print_address(const struct sockaddr_storage *addr, char *ret_text, size_t text_bytes)
{
    char host[INET6_ADDRSTRLEN] = "";
    const bool is_4 = addr->ss_family == AF_INET;
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)addr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
    (void)inet_ntop(addr->ss_family,
                    is_4 ? (const void *)&in4->sin_addr : (const void *)&in6->sin6_addr, host,
                    sizeof(host));
    snprintf(ret_text, text_bytes, is_4 ? "%s:%u" : "[%s]:%u", host,
             ntohs(is_4 ? in4->sin_port : in6->sin6_port));
}
