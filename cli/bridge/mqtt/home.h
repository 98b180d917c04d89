/* SPDX-License-Identifier: MIT */
/* What Home Assistant is told about tyto's cameras: a device for each camera, with an entity for
 * its events, one for its pictures and a binary sensor for each class (MQTT discovery). Cameras and
 * classes are learned from what tytod tells. Knows topics and payloads; somebody else sends them.
 * One thread. */
#ifndef TYTO_CLI_BRIDGE_MQTT_HOME_H
#define TYTO_CLI_BRIDGE_MQTT_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "client/tyto.h"

enum {
    TYTO_HOME_MAX_CAMERAS = 256,
    TYTO_HOME_MAX_CLASSES = 128,
    TYTO_HOME_PREFIX_MAX = 64,
    TYTO_HOME_TOPIC_BYTES = 2 * TYTO_HOME_PREFIX_MAX + 2 * TYTO_ID_MAX + 64,
};

struct tyto_home_params {
    const char *prefix;           /* of tyto's topics; texts are borrowed until the end */
    const char *discovery_prefix; /* of Home Assistant's; NULL: no discovery */
    const char *version;          /* of tyto */
};

struct tyto_home;

/* A message to be sent, QoS 1. */
struct tyto_home_message {
    char topic[TYTO_HOME_TOPIC_BYTES];
    char *payload; /* owned, free() */
    bool is_retained;
};

/* Letters, digits, _ and -, in levels with / between; at most TYTO_HOME_PREFIX_MAX characters. */
bool tyto_home_prefix_is_valid(const char *prefix);

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_home_create(const struct tyto_home_params *params, struct tyto_home **ret_home);
void tyto_home_destroy(struct tyto_home **home);

/* Learns of a camera, of classes. What is new waits to be told. NOMEM; what is more than the table
 * holds is left out. */
TYTO_MUST_CHECK
enum tyto_err tyto_home_add_camera(struct tyto_home *home, const char *camera);
void tyto_home_add_class(struct tyto_home *home, const char *class_name);
/* The camera has pictures of events. Nothing where nobody knows the camera. */
void tyto_home_add_picture(struct tyto_home *home, const char *camera);
/* An event has changed what its class's sensor shows; false: it has not, or nobody knows the
 * sensor. */
bool tyto_home_take_event(struct tyto_home *home, const struct tyto_event *event);
/* Nothing is known about which events are open: sensors are off until one says otherwise, and wait
 * to be told. */
void tyto_home_forget_events(struct tyto_home *home);

/* All of it waits to be told again: Home Assistant or the broker was started. */
void tyto_home_tell_again(struct tyto_home *home);
/* Whether something waits, and takes it: a discovery message or a sensor's state. NOMEM: try again
 * later. EMPTY: nothing waits. */
TYTO_MUST_CHECK
enum tyto_err tyto_home_next(struct tyto_home *home, struct tyto_home_message *ret_message);

/* --- topics ------------------------------------------------------------------------------------
 */

/* PREFIX/status, PREFIX/CAMERA/LEAF, PREFIX/CAMERA/class/CLASS. */
void tyto_home_status_topic(const char *prefix, char ret_topic[TYTO_HOME_TOPIC_BYTES]);
void tyto_home_camera_topic(const char *prefix, const char *camera, const char *leaf,
                            char ret_topic[TYTO_HOME_TOPIC_BYTES]);
void tyto_home_class_topic(const char *prefix, const char *camera, const char *class_name,
                           char ret_topic[TYTO_HOME_TOPIC_BYTES]);

#endif
