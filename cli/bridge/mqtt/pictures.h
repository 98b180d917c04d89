/* SPDX-License-Identifier: MIT */
/* Which picture goes to the broker next: the newest of each camera, one at a time. The picture
 * itself is not sent again when it is lost; a message behind it, whose acknowledgement counts for
 * both, says of which event it was. Sizes at which the connection broke twice, as a broker does
 * that takes no such message, are left out for ten minutes, so that they stand in no event's way.
 * One thread. */
#ifndef TYTO_CLI_BRIDGE_MQTT_PICTURES_H
#define TYTO_CLI_BRIDGE_MQTT_PICTURES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "client/pictures.h"

struct tyto_mqtt_pictures;

/* max_bytes: larger ones are left out. log is borrowed. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_mqtt_pictures_create(uint32_t max_bytes, const struct tyto_log *log,
                                        struct tyto_mqtt_pictures **ret_pictures);
void tyto_mqtt_pictures_destroy(struct tyto_mqtt_pictures **pictures);

/* Copies it; false: it is left out. */
bool tyto_mqtt_pictures_add(struct tyto_mqtt_pictures *pictures,
                            const struct tyto_event_picture *picture);
/* The next one to send; NULL: there is none, or one is on its way. Borrowed until the next is
 * added.
 */
const struct tyto_event_picture *tyto_mqtt_pictures_next(struct tyto_mqtt_pictures *pictures);
/* It was sent, and mid is the message behind it. */
void tyto_mqtt_pictures_sent(struct tyto_mqtt_pictures *pictures,
                             const struct tyto_event_picture *picture, int mid);
/* A message was acknowledged. */
void tyto_mqtt_pictures_acked(struct tyto_mqtt_pictures *pictures, int mid);
/* The connection broke. */
void tyto_mqtt_pictures_broke(struct tyto_mqtt_pictures *pictures);
/* There is a connection: the newest of each camera is to be sent again. */
void tyto_mqtt_pictures_connected(struct tyto_mqtt_pictures *pictures);

#endif
