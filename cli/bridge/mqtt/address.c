/* SPDX-License-Identifier: MIT */
#include "cli/bridge/mqtt/address.h"

#include <stdlib.h>
#include <string.h>

#include "base/loopback.h"

enum { PLAIN_PORT = 1883, SECURE_PORT = 8883, MAX_PORT = 65535 };

static enum tyto_err refuse(struct tyto_fault *ret_fault, const char *text)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "URL", "%s", text);
}

static bool take_host(const char *text, size_t num, struct tyto_mqtt_address *ret_address)
{
    if (num == 0 || num >= TYTO_MQTT_HOST_BYTES)
        return false;
    memcpy(ret_address->host, text, num);
    ret_address->host[num] = '\0';
    ret_address->is_this_machine = tyto_host_is_loopback(ret_address->host) ||
                                   strcmp(ret_address->host, "::1") == 0; /* out of its brackets */
    return true;
}

static bool take_port(const char *text, struct tyto_mqtt_address *ret_address)
{
    const size_t num = strlen(text);
    if (num == 0 || num > 5 || strspn(text, "0123456789") != num)
        return false;
    const long port = strtol(text, NULL, 10);
    ret_address->port = (uint16_t)port;
    return port > 0 && port <= MAX_PORT;
}

enum tyto_err tyto_mqtt_address_parse(const char *url, struct tyto_mqtt_address *ret_address,
                                      struct tyto_fault *ret_fault)
{
    static const char wrong[] =
        "is no broker's address: mqtt:// or mqtts://, its host and, if need "
        "be, a colon and its port";
    struct tyto_mqtt_address address = {.port = PLAIN_PORT};
    const char *rest = strstr(url, "://");
    if (strncmp(url, "mqtts://", 8) == 0) {
        address.is_secure = true;
        address.port = SECURE_PORT;
    } else if (strncmp(url, "mqtt://", 7) != 0) {
        return refuse(ret_fault, wrong);
    }
    rest += 3;
    if (strchr(rest, '@'))
        return refuse(ret_fault, "must not hold a user or password: see --user, --password-file");
    size_t num = strlen(rest);
    if (num > 0 && rest[num - 1] == '/')
        num--;
    char text[TYTO_MQTT_HOST_BYTES + 16];
    if (num >= sizeof(text))
        return refuse(ret_fault, "is too long");
    memcpy(text, rest, num);
    text[num] = '\0';
    const char *begin = text, *end = text + strcspn(text, ":"), *port = end;
    if (text[0] == '[') { /* an IPv6 address */
        begin = text + 1;
        end = begin + strcspn(begin, "]");
        port = *end ? end + 1 : "?"; /* not closed: no port is good */
    }
    if (strpbrk(text, "/?# ") || !take_host(begin, (size_t)(end - begin), &address) ||
        (*port && (*port != ':' || !take_port(port + 1, &address))))
        return refuse(ret_fault, wrong);
    *ret_address = address;
    return TYTO_OK;
}
