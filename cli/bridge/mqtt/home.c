/* SPDX-License-Identifier: MIT */
#include "cli/bridge/mqtt/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/json.h"

/* A class's sensor at a camera. */
struct sensor {
    bool is_config_due, is_state_due;
    char open_id[TYTO_ULID_CHARS + 1]; /* the event that has it on; "": off */
};

struct camera {
    char id[TYTO_ID_MAX + 1];
    bool is_config_due; /* of its event entity */
    bool has_picture, is_picture_due;
    struct sensor sensors[TYTO_HOME_MAX_CLASSES];
};

struct tyto_home {
    struct tyto_home_params params;
    struct camera *cameras[TYTO_HOME_MAX_CAMERAS]; /* owned */
    char classes[TYTO_HOME_MAX_CLASSES][TYTO_ID_MAX + 1];
    uint32_t num_cameras, num_classes;
    uint32_t num_due; /* marks in all of them */
};

bool tyto_home_prefix_is_valid(const char *prefix)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/";
    const size_t num = strlen(prefix);
    return num > 0 && num <= TYTO_HOME_PREFIX_MAX && strspn(prefix, good) == num &&
           prefix[0] != '/' && prefix[num - 1] != '/' && !strstr(prefix, "//");
}

/* --- topics ------------------------------------------------------------------------------------
 */

void tyto_home_status_topic(const char *prefix, char ret_topic[TYTO_HOME_TOPIC_BYTES])
{
    snprintf(ret_topic, TYTO_HOME_TOPIC_BYTES, "%.*s/status", TYTO_HOME_PREFIX_MAX, prefix);
}

void tyto_home_camera_topic(const char *prefix, const char *camera, const char *leaf,
                            char ret_topic[TYTO_HOME_TOPIC_BYTES])
{
    snprintf(ret_topic, TYTO_HOME_TOPIC_BYTES, "%.*s/%.*s/%.32s", TYTO_HOME_PREFIX_MAX, prefix,
             TYTO_ID_MAX, camera, leaf);
}

void tyto_home_class_topic(const char *prefix, const char *camera, const char *class_name,
                           char ret_topic[TYTO_HOME_TOPIC_BYTES])
{
    snprintf(ret_topic, TYTO_HOME_TOPIC_BYTES, "%.*s/%.*s/class/%.*s", TYTO_HOME_PREFIX_MAX, prefix,
             TYTO_ID_MAX, camera, TYTO_ID_MAX, class_name);
}

/* The prefix as one level of a topic. */
static void put_node(const struct tyto_home *home, const char *camera,
                     char ret_text[TYTO_HOME_TOPIC_BYTES])
{
    snprintf(ret_text, TYTO_HOME_TOPIC_BYTES, "%.*s_%.*s", TYTO_HOME_PREFIX_MAX,
             home->params.prefix, TYTO_ID_MAX, camera);
    for (char *c = ret_text; *c; c++)
        *c = *c == '/' ? '_' : *c;
}

static void put_config_topic(const struct tyto_home *home, const char *component,
                             const char *camera, const char *object,
                             char ret_topic[TYTO_HOME_TOPIC_BYTES])
{
    char node[TYTO_HOME_TOPIC_BYTES];
    put_node(home, camera, node);
    snprintf(ret_topic, TYTO_HOME_TOPIC_BYTES, "%.*s/%s/%.*s/%.*s/config", TYTO_HOME_PREFIX_MAX,
             home->params.discovery_prefix, component, TYTO_HOME_PREFIX_MAX + 1 + TYTO_ID_MAX, node,
             TYTO_ID_MAX, object);
}

/* --- payloads ----------------------------------------------------------------------------------
 */

static struct tyto_json *make_device(const struct tyto_home *home, const char *camera)
{
    char node[TYTO_HOME_TOPIC_BYTES];
    struct tyto_json *device = tyto_json_new_object();
    struct tyto_json *identifiers = tyto_json_new_array();
    put_node(home, camera, node);
    tyto_json_push(&identifiers, tyto_json_new_string(node));
    tyto_json_put(&device, "identifiers", identifiers);
    tyto_json_put(&device, "name", tyto_json_new_string(camera));
    tyto_json_put(&device, "manufacturer", tyto_json_new_string("tyto"));
    tyto_json_put(&device, "model", tyto_json_new_string("camera"));
    tyto_json_put(&device, "sw_version", tyto_json_new_string(home->params.version));
    return device;
}

/* Available when both the bridge hears tytod and tytod has the camera. */
static struct tyto_json *make_availability(const struct tyto_home *home, const char *camera)
{
    char topic[TYTO_HOME_TOPIC_BYTES];
    struct tyto_json *list = tyto_json_new_array();
    for (int i = 0; i < 2; i++) {
        struct tyto_json *entry = tyto_json_new_object();
        if (i == 0)
            tyto_home_status_topic(home->params.prefix, topic);
        else
            tyto_home_camera_topic(home->params.prefix, camera, "availability", topic);
        tyto_json_put(&entry, "topic", tyto_json_new_string(topic));
        tyto_json_push(&list, entry);
    }
    return list;
}

/* What all components have; id: behind the camera's in unique_id, between dots, which no name has.
 */
static struct tyto_json *make_entity(const struct tyto_home *home, const char *camera,
                                     const char *id, const char *name)
{
    char unique[2 * TYTO_HOME_TOPIC_BYTES];
    struct tyto_json *entity = tyto_json_new_object();
    struct tyto_json *origin = tyto_json_new_object();
    snprintf(unique, sizeof(unique), "%s.%s.%s", home->params.prefix, camera, id);
    tyto_json_put(&origin, "name", tyto_json_new_string("tyto bridge mqtt"));
    tyto_json_put(&origin, "sw_version", tyto_json_new_string(home->params.version));
    tyto_json_put(&entity, "name", tyto_json_new_string(name));
    tyto_json_put(&entity, "unique_id", tyto_json_new_string(unique));
    tyto_json_put(&entity, "availability", make_availability(home, camera));
    tyto_json_put(&entity, "availability_mode", tyto_json_new_string("all"));
    tyto_json_put(&entity, "device", make_device(home, camera));
    tyto_json_put(&entity, "origin", origin);
    return entity;
}

static void put_state_topic(struct tyto_json **entity, const char *topic)
{
    tyto_json_put(entity, "state_topic", tyto_json_new_string(topic));
    tyto_json_put(entity, "qos", tyto_json_new_u64(1));
}

static struct tyto_json *make_sensor(const struct tyto_home *home, const char *camera,
                                     const char *class_name)
{
    char topic[TYTO_HOME_TOPIC_BYTES], id[TYTO_ID_MAX + 8];
    tyto_home_class_topic(home->params.prefix, camera, class_name, topic);
    snprintf(id, sizeof(id), "class.%s", class_name);
    struct tyto_json *entity = make_entity(home, camera, id, class_name);
    put_state_topic(&entity, topic);
    tyto_json_put(&entity, "payload_on", tyto_json_new_string("ON"));
    tyto_json_put(&entity, "payload_off", tyto_json_new_string("OFF"));
    return entity;
}

static struct tyto_json *make_events(const struct tyto_home *home, const char *camera)
{
    static const enum tyto_event_phase phases[] = {TYTO_EVENT_PHASE_NEW, TYTO_EVENT_PHASE_UPDATE,
                                                   TYTO_EVENT_PHASE_END,
                                                   TYTO_EVENT_PHASE_RETRACTED};
    char topic[TYTO_HOME_TOPIC_BYTES];
    tyto_home_camera_topic(home->params.prefix, camera, "events", topic);
    struct tyto_json *entity = make_entity(home, camera, "events", "events");
    put_state_topic(&entity, topic);
    struct tyto_json *types = tyto_json_new_array();
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
        tyto_json_push(&types, tyto_json_new_string(tyto_event_phase_name(phases[i])));
    tyto_json_put(&entity, "event_types", types);
    /* The event as it is, and its phase where Home Assistant looks for the type. */
    tyto_json_put(&entity, "value_template",
                  tyto_json_new_string("{{ dict(value_json, event_type=value_json.phase) | to_json "
                                       "}}"));
    return entity;
}

static struct tyto_json *make_picture(const struct tyto_home *home, const char *camera)
{
    char topic[TYTO_HOME_TOPIC_BYTES];
    struct tyto_json *entity = make_entity(home, camera, "picture", "picture");
    tyto_home_camera_topic(home->params.prefix, camera, "picture", topic);
    tyto_json_put(&entity, "image_topic", tyto_json_new_string(topic));
    tyto_json_put(&entity, "content_type", tyto_json_new_string("image/jpeg"));
    tyto_home_camera_topic(home->params.prefix, camera, "picture/event", topic);
    tyto_json_put(&entity, "json_attributes_topic", tyto_json_new_string(topic));
    return entity;
}

/* --- what is known -----------------------------------------------------------------------------
 */

enum tyto_err tyto_home_create(const struct tyto_home_params *params, struct tyto_home **ret_home)
{
    *ret_home = calloc(1, sizeof(**ret_home));
    if (!*ret_home)
        return TYTO_ERR_NOMEM;
    (*ret_home)->params = *params;
    return TYTO_OK;
}

void tyto_home_destroy(struct tyto_home **home)
{
    if (!*home)
        return;
    for (uint32_t i = 0; i < (*home)->num_cameras; i++)
        free((*home)->cameras[i]);
    free(*home);
    *home = NULL;
}

static void mark(struct tyto_home *home, bool *ret_mark)
{
    home->num_due += !*ret_mark;
    *ret_mark = true;
}

static void mark_config(struct tyto_home *home, bool *ret_mark)
{
    if (home->params.discovery_prefix)
        mark(home, ret_mark);
}

static void mark_camera(struct tyto_home *home, struct camera *camera)
{
    mark_config(home, &camera->is_config_due);
    if (camera->has_picture)
        mark_config(home, &camera->is_picture_due);
}

static void mark_sensor(struct tyto_home *home, struct sensor *sensor)
{
    mark_config(home, &sensor->is_config_due);
    mark(home, &sensor->is_state_due);
}

static struct camera *find_camera(struct tyto_home *home, const char *id)
{
    for (uint32_t i = 0; i < home->num_cameras; i++) {
        if (strcmp(home->cameras[i]->id, id) == 0)
            return home->cameras[i];
    }
    return NULL;
}

static struct sensor *find_sensor(struct tyto_home *home, const char *camera_id,
                                  const char *class_name)
{
    struct camera *camera = find_camera(home, camera_id);
    for (uint32_t i = 0; camera && i < home->num_classes; i++) {
        if (strcmp(home->classes[i], class_name) == 0)
            return &camera->sensors[i];
    }
    return NULL;
}

enum tyto_err tyto_home_add_camera(struct tyto_home *home, const char *camera)
{
    if (find_camera(home, camera) || home->num_cameras == TYTO_HOME_MAX_CAMERAS)
        return TYTO_OK;
    struct camera *added = calloc(1, sizeof(*added));
    if (!added)
        return TYTO_ERR_NOMEM;
    snprintf(added->id, sizeof(added->id), "%s", camera);
    home->cameras[home->num_cameras++] = added;
    mark_camera(home, added);
    for (uint32_t i = 0; i < home->num_classes; i++)
        mark_sensor(home, &added->sensors[i]);
    return TYTO_OK;
}

void tyto_home_add_class(struct tyto_home *home, const char *class_name)
{
    for (uint32_t i = 0; i < home->num_classes; i++) {
        if (strcmp(home->classes[i], class_name) == 0)
            return;
    }
    if (home->num_classes == TYTO_HOME_MAX_CLASSES)
        return;
    snprintf(home->classes[home->num_classes], sizeof(home->classes[0]), "%s", class_name);
    for (uint32_t i = 0; i < home->num_cameras; i++)
        mark_sensor(home, &home->cameras[i]->sensors[home->num_classes]);
    home->num_classes++;
}

void tyto_home_add_picture(struct tyto_home *home, const char *camera_id)
{
    struct camera *camera = find_camera(home, camera_id);
    if (!camera || camera->has_picture)
        return;
    camera->has_picture = true;
    mark_config(home, &camera->is_picture_due);
}

bool tyto_home_take_event(struct tyto_home *home, const struct tyto_event *event)
{
    struct sensor *sensor = find_sensor(home, event->camera, event->class_name);
    if (!sensor)
        return false;
    const bool was_on = sensor->open_id[0] != '\0';
    const bool is_open = event->phase == TYTO_EVENT_PHASE_NEW ||
                         (event->phase == TYTO_EVENT_PHASE_UPDATE && !event->has_end);
    if (is_open)
        memcpy(sensor->open_id, event->id, sizeof(sensor->open_id));
    else if (strcmp(sensor->open_id, event->id) == 0)
        sensor->open_id[0] = '\0';
    return was_on != (sensor->open_id[0] != '\0');
}

void tyto_home_forget_events(struct tyto_home *home)
{
    for (uint32_t i = 0; i < home->num_cameras; i++) {
        for (uint32_t k = 0; k < home->num_classes; k++) {
            home->cameras[i]->sensors[k].open_id[0] = '\0';
            mark(home, &home->cameras[i]->sensors[k].is_state_due);
        }
    }
}

void tyto_home_tell_again(struct tyto_home *home)
{
    for (uint32_t i = 0; i < home->num_cameras; i++) {
        mark_camera(home, home->cameras[i]);
        for (uint32_t k = 0; k < home->num_classes; k++)
            mark_sensor(home, &home->cameras[i]->sensors[k]);
    }
}

/* --- what waits --------------------------------------------------------------------------------
 */

/* Prints and frees json, and takes the mark away when there is a payload. */
static enum tyto_err take(struct tyto_home *home, bool *ret_mark, struct tyto_json *json,
                          struct tyto_home_message *ret_message)
{
    ret_message->payload = json ? tyto_json_print(json) : NULL;
    ret_message->is_retained = true;
    tyto_json_destroy(&json);
    if (!ret_message->payload)
        return TYTO_ERR_NOMEM;
    *ret_mark = false;
    home->num_due--;
    return TYTO_OK;
}

static enum tyto_err take_state(struct tyto_home *home, struct camera *camera, uint32_t class_idx,
                                struct tyto_home_message *ret_message)
{
    struct sensor *sensor = &camera->sensors[class_idx];
    tyto_home_class_topic(home->params.prefix, camera->id, home->classes[class_idx],
                          ret_message->topic);
    ret_message->payload = strdup(sensor->open_id[0] ? "ON" : "OFF");
    ret_message->is_retained = true;
    if (!ret_message->payload)
        return TYTO_ERR_NOMEM;
    sensor->is_state_due = false;
    home->num_due--;
    return TYTO_OK;
}

static enum tyto_err take_of_camera(struct tyto_home *home, struct camera *camera,
                                    struct tyto_home_message *ret_message)
{
    if (camera->is_config_due) {
        put_config_topic(home, "event", camera->id, "events", ret_message->topic);
        return take(home, &camera->is_config_due, make_events(home, camera->id), ret_message);
    }
    if (camera->is_picture_due) {
        put_config_topic(home, "image", camera->id, "picture", ret_message->topic);
        return take(home, &camera->is_picture_due, make_picture(home, camera->id), ret_message);
    }
    for (uint32_t i = 0; i < home->num_classes; i++) {
        struct sensor *sensor = &camera->sensors[i];
        if (sensor->is_config_due) {
            put_config_topic(home, "binary_sensor", camera->id, home->classes[i],
                             ret_message->topic);
            return take(home, &sensor->is_config_due,
                        make_sensor(home, camera->id, home->classes[i]), ret_message);
        }
        if (sensor->is_state_due)
            return take_state(home, camera, i, ret_message);
    }
    return TYTO_ERR_EMPTY;
}

enum tyto_err tyto_home_next(struct tyto_home *home, struct tyto_home_message *ret_message)
{
    for (uint32_t i = 0; home->num_due > 0 && i < home->num_cameras; i++) {
        const enum tyto_err err = take_of_camera(home, home->cameras[i], ret_message);
        if (err != TYTO_ERR_EMPTY)
            return err;
    }
    return TYTO_ERR_EMPTY;
}
