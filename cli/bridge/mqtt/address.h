/* SPDX-License-Identifier: MIT */
/* A broker's address. */
#ifndef TYTO_CLI_BRIDGE_MQTT_ADDRESS_H
#define TYTO_CLI_BRIDGE_MQTT_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_MQTT_HOST_BYTES = 256 };

struct tyto_mqtt_address {
    char host[TYTO_MQTT_HOST_BYTES]; /* without [ ] */
    uint16_t port;
    bool is_secure;       /* mqtts */
    bool is_this_machine; /* nobody else is on the way */
};

/* "mqtt://HOST[:PORT]", "mqtts://HOST[:PORT]", "mqtt://[::1]:1883". INVALID with *ret_fault, which
 * repeats nothing of it. */
TYTO_MUST_CHECK
enum tyto_err tyto_mqtt_address_parse(const char *url, struct tyto_mqtt_address *ret_address,
                                      struct tyto_fault *ret_fault);

#endif
