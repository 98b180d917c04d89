/* SPDX-License-Identifier: MIT */
/* Who the bridge is to the broker, and how both are sure of it: user and password, TLS. */
#ifndef TYTO_CLI_BRIDGE_MQTT_SECURITY_H
#define TYTO_CLI_BRIDGE_MQTT_SECURITY_H

#include "cli/bridge/mqtt/address.h"
#include "cli/bridge/mqtt/mqtt.h"

struct mosquitto;

/* Before it connects. INVALID with *ret_fault: a password that would go in the open or has no user,
 * a certificate or key that cannot be used; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_mqtt_secure(struct mosquitto *mosq, const struct tyto_mqtt_params *params,
                               const struct tyto_mqtt_address *address,
                               struct tyto_fault *ret_fault);

#endif
