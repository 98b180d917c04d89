/* SPDX-License-Identifier: MIT */
/* A sink that publishes to an MQTT broker (3.1.1, QoS 1):
 *
 *   PREFIX/status                 online, offline (retained; also the last will)
 *   PREFIX/CAMERA/events          each message about an event, JSON
 *   PREFIX/CAMERA/state           the camera's state, JSON (retained)
 *   PREFIX/CAMERA/availability    online while it is live, else offline (retained)
 *   PREFIX/CAMERA/picture         the newest picture of an event, JPEG (retained)
 *   PREFIX/CAMERA/picture/event   of which event, when, where: JSON (retained)
 *   PREFIX/CAMERA/class/CLASS     ON while an event of the class is open, else OFF (retained)
 *
 * and what Home Assistant's discovery wants to know. A delivery is acknowledged when the broker has
 * acknowledged all that it sent. What the broker has not acknowledged when the connection breaks is
 * sent again on the next one. Pictures are sent as they come, one at a time and only the newest of
 * a camera; those of a size at which the connection broke twice are left out for ten minutes. */
#ifndef TYTO_CLI_BRIDGE_MQTT_MQTT_H
#define TYTO_CLI_BRIDGE_MQTT_MQTT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "cli/bridge/core/phases.h"
#include "cli/bridge/core/sink.h"

enum { TYTO_MQTT_MAX_WINDOW = 64, TYTO_MQTT_DEFAULT_WINDOW = 16 };

struct tyto_mqtt_params {
    const char *url; /* mqtt://HOST[:PORT] or mqtts://; texts are borrowed until the end */
    const char *user, *password;           /* NULL: none */
    const char *ca_file;                   /* PEM; NULL: the system's */
    const char *cert_file, *key_file;      /* of this client, PEM; NULL: none */
    const char *client_id;                 /* NULL: the broker makes one */
    const char *prefix, *discovery_prefix; /* the latter NULL: no discovery */
    const char *version;                   /* of tyto */
    enum tyto_phases phases;
    uint32_t window;                        /* deliveries that wait for the broker, at most */
    uint32_t retry_first_ms, retry_last_ms; /* between two tries to connect */
    uint32_t max_picture_bytes;             /* larger ones are left out; 0: none are asked for */
    bool allows_plain;                      /* the password may go to other hosts without TLS */
    const struct tyto_log *log;
};

/* Does not wait for the broker: it may start later. *ret_sink is owned: ret_sink->destroy().
 * INVALID (no address of a broker, a bad prefix, certificates, a password that would go in the
 * open), UNSUPPORTED (built without libmosquitto), NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_mqtt_create(const struct tyto_mqtt_params *params, struct tyto_sink *ret_sink,
                               struct tyto_fault *ret_fault);

#endif
