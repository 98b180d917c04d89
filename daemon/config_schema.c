/* SPDX-License-Identifier: MIT */
/* Every key of the configuration file, with its range. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_schema.h"
#include "daemon/config_yaml.h"

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define TEXT(name, kind_, type, field)                                                             \
    {                                                                                              \
        .key = name, .kind = kind_, .offset = offsetof(type, field),                               \
        .size = sizeof(((type *)0)->field)                                                         \
    }
#define NUMBER(name, kind_, type, field, min_, max_)                                               \
    {                                                                                              \
        .key = name, .kind = kind_, .offset = offsetof(type, field), .min = min_, .max = max_      \
    }
#define FLAG(name, type, field)                                                                    \
    {                                                                                              \
        .key = name, .kind = TYTO_YAML_BOOL, .offset = offsetof(type, field)                       \
    }
#define CHOICE(name, type, field, words)                                                           \
    {                                                                                              \
        .key = name, .kind = TYTO_YAML_CHOICE, .offset = offsetof(type, field), .choices = words,  \
        .num_choices = COUNT(words)                                                                \
    }
/* Its reader gets the whole struct. */
#define OTHER(name, read_)                                                                         \
    {                                                                                              \
        .key = name, .kind = TYTO_YAML_OTHER, .read = read_                                        \
    }

/* In the order of enum tyto_keyframes, tyto_transport, tyto_exec, tyto_log_level, _format. */
static const char *const keyframes_words[] = {"auto", "always", "never"};
static const char *const transport_words[] = {"auto", "tcp", "udp"};
static const char *const exec_words[] = {"auto", "vulkan", "cpu"};
static const char *const level_words[] = {"error", "warning", "info", "debug"};
static const char *const format_words[] = {"auto", "human", "json"};

/* --- classes ------------------------------------------------------------------------------ */

static enum tyto_err read_publish(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                  void *target)
{
    static const struct tyto_yaml_field field = {.key = "publish", .kind = TYTO_YAML_BOOL};
    bool is_on = true;
    struct tyto_config_rule *rule = target;
    const enum tyto_err err = tyto_yaml_value(yaml, node, &field, &is_on);
    if (err == TYTO_OK) {
        rule->rule.off = !is_on;
        rule->has_publish = true;
    }
    return err;
}

static const struct tyto_yaml_field class_fields[] = {
    NUMBER("threshold", TYTO_YAML_F32, struct tyto_config_rule, rule.threshold, 0.01, 1),
    NUMBER("threshold_heard", TYTO_YAML_F32, struct tyto_config_rule, rule.threshold_heard, 0.01,
           1),
    NUMBER("threshold_seen", TYTO_YAML_F32, struct tyto_config_rule, rule.threshold_seen, 0.01, 1),
    OTHER("publish", read_publish),
};

static enum tyto_err read_class(struct tyto_yaml *yaml, const char *key,
                                const struct yaml_node_s *node, uint32_t idx, void *user)
{
    struct tyto_config_rules *rules = user;
    if (!tyto_id_is_valid(key))
        return tyto_yaml_fail(yaml, node, key,
                              "is no class name (a-z, 0-9, '_' and '-'); "
                              "`tyto model info` lists them");
    struct tyto_config_rule *grown =
        realloc(rules->items, ((size_t)idx + 1) * sizeof(*rules->items));
    if (!grown)
        return tyto_fault_set(yaml->fault, TYTO_ERR_NOMEM, yaml->file, 0, NULL, "out of memory");
    rules->items = grown;
    struct tyto_config_rule *rule = &grown[idx];
    memset(rule, 0, sizeof(*rule));
    rule->line = yaml->key_line;
    rules->num = idx + 1;
    snprintf(rule->rule.class_name, sizeof(rule->rule.class_name), "%s", key);
    return tyto_yaml_mapping(yaml, node, class_fields, COUNT(class_fields), rule);
}

static enum tyto_err read_classes(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                  void *target)
{
    struct tyto_config *config = target;
    return tyto_yaml_members(yaml, node, TYTO_CONFIG_MAX_RULES, read_class, &config->rules);
}

static enum tyto_err read_camera_classes(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                         void *target)
{
    struct tyto_config_camera *camera = target;
    return tyto_yaml_members(yaml, node, TYTO_CONFIG_MAX_RULES, read_class, &camera->rules);
}

/* --- tracker ------------------------------------------------------------------------------ */

static enum tyto_err read_tracker_into(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                       struct tyto_tracker_params *ret_tracker)
{
    static const struct tyto_yaml_field fields[] = {
        NUMBER("threshold", TYTO_YAML_F32, struct tyto_tracker_params, threshold, 0.01, 1),
        NUMBER("threshold_single", TYTO_YAML_F32, struct tyto_tracker_params, threshold_single,
               0.01, 1),
        NUMBER("off_ratio", TYTO_YAML_F32, struct tyto_tracker_params, off_ratio, 0.05, 1),
        NUMBER("onset_num", TYTO_YAML_U32, struct tyto_tracker_params, onset_num, 1,
               TYTO_TRACKER_MAX_WINDOW),
        NUMBER("onset_window", TYTO_YAML_U32, struct tyto_tracker_params, onset_window, 1,
               TYTO_TRACKER_MAX_WINDOW),
        NUMBER("hang_over_s", TYTO_YAML_SECONDS, struct tyto_tracker_params, hang_over_ns, 0.1,
               600),
        NUMBER("min_duration_s", TYTO_YAML_SECONDS, struct tyto_tracker_params, min_duration_ns, 0,
               600),
        NUMBER("max_duration_s", TYTO_YAML_SECONDS, struct tyto_tracker_params, max_duration_ns, 1,
               86400),
        NUMBER("update_every_s", TYTO_YAML_SECONDS, struct tyto_tracker_params, update_every_ns,
               0.1, 3600),
        FLAG("only_joint", struct tyto_tracker_params, only_joint),
    };
    return tyto_yaml_mapping(yaml, node, fields, COUNT(fields), ret_tracker);
}

static enum tyto_err read_tracker(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                  void *target)
{
    struct tyto_config *config = target;
    return read_tracker_into(yaml, node, &config->tracker);
}

static enum tyto_err read_camera_tracker(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                         void *target)
{
    struct tyto_config_camera *camera = target;
    return read_tracker_into(yaml, node, &camera->tracker);
}

/* --- cameras --------------------------------------------------------------------------- */

static const struct tyto_yaml_field camera_fields[] = {
    TEXT("id", TYTO_YAML_ID, struct tyto_config_camera, id),
    TEXT("uri", TYTO_YAML_URI, struct tyto_config_camera, uri),
    CHOICE("transport", struct tyto_config_camera, source.transport, transport_words),
    CHOICE("keyframes", struct tyto_config_camera, source.keyframes, keyframes_words),
    NUMBER("latency_ms", TYTO_YAML_U32, struct tyto_config_camera, source.latency_ms, 1, 10000),
    FLAG("audio", struct tyto_config_camera, audio),
    FLAG("video", struct tyto_config_camera, video),
    NUMBER("av_offset_ms", TYTO_YAML_MILLIS, struct tyto_config_camera, av_offset_ns, -5000, 5000),
    NUMBER("skew_s", TYTO_YAML_SECONDS, struct tyto_config_camera, skew_ns, 0.1, 30),
    NUMBER("stall_s", TYTO_YAML_SECONDS, struct tyto_config_camera, stall_ns, 1, 600),
    OTHER("tracker", read_camera_tracker),
    OTHER("classes", read_camera_classes),
};

static enum tyto_err read_camera(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                 uint32_t idx, void *user)
{
    struct tyto_config *config = *(struct tyto_config **)user;
    (void)idx;
    struct tyto_config_camera *camera = tyto_config_new_camera(config);
    if (!camera)
        return tyto_fault_set(yaml->fault, TYTO_ERR_NOMEM, yaml->file, 0, NULL, "out of memory");
    camera->line = tyto_yaml_line(node);
    const enum tyto_err err =
        tyto_yaml_mapping(yaml, node, camera_fields, COUNT(camera_fields), camera);
    if (err != TYTO_OK)
        return err;
    if (!camera->id[0])
        return tyto_yaml_fail(yaml, node, NULL, "lacks its 'id': give the camera a short name");
    if (!camera->uri[0])
        return tyto_yaml_fail(yaml, node, NULL,
                              "lacks its 'uri': e.g. rtsp://camera.local/stream or a file");
    if (!camera->audio && !camera->video)
        return tyto_yaml_fail(yaml, node, NULL,
                              "uses neither audio nor video: set one of them to true");
    for (uint32_t i = 0; i + 1 < config->num_cameras; i++) {
        if (strcmp(config->cameras[i].id, camera->id) == 0)
            return tyto_yaml_fail(yaml, node, camera->id,
                                  "is the id of the camera in line %u, too: ids must differ",
                                  config->cameras[i].line);
    }
    return TYTO_OK;
}

static enum tyto_err read_cameras(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                  void *target)
{
    struct tyto_config *config = target;
    return tyto_yaml_sequence(yaml, node, TYTO_ENGINE_MAX_CAMERAS, read_camera, &config);
}

/* --- the rest -------------------------------------------------------------------------------- */

static enum tyto_err read_models(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                 void *target)
{
    static const struct tyto_yaml_field fields[] = {
        TEXT("dir", TYTO_YAML_PATH, struct tyto_config, models.dir),
        TEXT("visual", TYTO_YAML_PATH, struct tyto_config, models.visual),
        TEXT("audio", TYTO_YAML_PATH, struct tyto_config, models.audio),
        TEXT("head", TYTO_YAML_PATH, struct tyto_config, models.head),
    };
    return tyto_yaml_mapping(yaml, node, fields, COUNT(fields), target);
}

static enum tyto_err read_device(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                 void *target)
{
    const char *text = tyto_yaml_text(yaml, node);
    if (!text)
        return TYTO_ERR_INVALID;
    struct tyto_config *config = target;
    struct tyto_fault fault;
    if (tyto_config_set_device(config, text, &fault) != TYTO_OK)
        return tyto_yaml_fail(yaml, node, NULL, "%.200s", fault.text);
    return TYTO_OK;
}

static enum tyto_err read_look_ahead(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                     void *target)
{
    static const struct tyto_yaml_field field = {
        .key = "look_ahead", .kind = TYTO_YAML_U32, .min = 0, .max = 63};
    struct tyto_config *config = target;
    return tyto_yaml_value(yaml, node, &field, &config->look_ahead);
}

static enum tyto_err read_inference(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                    void *target)
{
    static const struct tyto_yaml_field fields[] = {
        OTHER("device", read_device),
        CHOICE("exec", struct tyto_config, exec, exec_words),
        NUMBER("threads", TYTO_YAML_U32, struct tyto_config, num_threads, 1, 256),
        NUMBER("max_batch", TYTO_YAML_U32, struct tyto_config, max_batch, 1, TYTO_ENGINE_MAX_BATCH),
        NUMBER("segments", TYTO_YAML_U32, struct tyto_config, num_segments, 1, 64),
        NUMBER("hop_s", TYTO_YAML_SECONDS, struct tyto_config, hop_ns, 0.1, 4),
        OTHER("look_ahead", read_look_ahead),
        FLAG("validate", struct tyto_config, validate),
    };
    return tyto_yaml_mapping(yaml, node, fields, COUNT(fields), target);
}

static enum tyto_err read_endpoint(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                   uint32_t idx, void *user)
{
    struct tyto_config *config = *(struct tyto_config **)user;
    const char *text = tyto_yaml_text(yaml, node);
    struct tyto_fault fault;
    if (!text)
        return TYTO_ERR_INVALID;
    if (tyto_publisher_check_endpoint(text, &fault) != TYTO_OK)
        return tyto_yaml_fail(yaml, node, NULL, "%.260s", fault.text);
    snprintf(config->endpoints[idx], sizeof(config->endpoints[idx]), "%s", text);
    config->num_endpoints = idx + 1;
    return TYTO_OK;
}

static enum tyto_err read_endpoints(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                    void *target)
{
    struct tyto_config *config = target;
    config->num_endpoints = 0;
    if (!tyto_yaml_is_sequence(node))
        return read_endpoint(yaml, node, 0, &config);
    return tyto_yaml_sequence(yaml, node, TYTO_PUBLISHER_MAX_ENDPOINTS, read_endpoint, &config);
}

static enum tyto_err read_publishing(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                     void *target)
{
    static const struct tyto_yaml_field fields[] = {
        OTHER("endpoints", read_endpoints),
        NUMBER("heartbeat_s", TYTO_YAML_SECONDS, struct tyto_config, heartbeat_ns, 0.1, 60),
    };
    return tyto_yaml_mapping(yaml, node, fields, COUNT(fields), target);
}

static enum tyto_err read_max_days(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                   void *target)
{
    static const struct tyto_yaml_field field = {
        .key = "max_days", .kind = TYTO_YAML_F32, .min = 0.01, .max = 36500};
    struct tyto_config *config = target;
    float days = 0;
    const enum tyto_err err = tyto_yaml_value(yaml, node, &field, &days);
    config->record.max_age_ns = (int64_t)((double)days * 86400e9);
    return err;
}

static enum tyto_err read_recorded(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                   uint32_t idx, void *user)
{
    struct tyto_config *config = *(struct tyto_config **)user;
    static const struct tyto_yaml_field field = {
        .key = "cameras", .kind = TYTO_YAML_ID, .size = TYTO_ID_MAX + 1};
    void *grown =
        realloc(config->record.cameras, ((size_t)idx + 1) * sizeof(*config->record.cameras));
    if (!grown)
        return tyto_fault_set(yaml->fault, TYTO_ERR_NOMEM, yaml->file, 0, NULL, "out of memory");
    config->record.cameras = grown;
    config->record.num_cameras = idx + 1;
    memset(config->record.cameras[idx], 0, sizeof(config->record.cameras[idx]));
    return tyto_yaml_value(yaml, node, &field, config->record.cameras[idx]);
}

static enum tyto_err read_recorded_cameras(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                           void *target)
{
    struct tyto_config *config = target;
    config->record.cameras_line = tyto_yaml_line(node);
    return tyto_yaml_sequence(yaml, node, TYTO_ENGINE_MAX_CAMERAS, read_recorded, &config);
}

static enum tyto_err read_record(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                 void *target)
{
    static const struct tyto_yaml_field fields[] = {
        TEXT("dir", TYTO_YAML_PATH, struct tyto_config, record.dir),
        NUMBER("pre_s", TYTO_YAML_SECONDS, struct tyto_config, record.pre_ns, 0, 120),
        NUMBER("post_s", TYTO_YAML_SECONDS, struct tyto_config, record.post_ns, 0, 120),
        NUMBER("max_clip_s", TYTO_YAML_SECONDS, struct tyto_config, record.max_clip_ns, 5, 86400),
        NUMBER("max_gib", TYTO_YAML_F32, struct tyto_config, record.max_gib, 0.001, 1e6),
        NUMBER("min_free_gib", TYTO_YAML_F32, struct tyto_config, record.min_free_gib, 0.001, 1e6),
        OTHER("max_days", read_max_days),
        NUMBER("max_memory_mib", TYTO_YAML_U32, struct tyto_config, record.max_memory_mib, 1, 4096),
        OTHER("cameras", read_recorded_cameras),
    };
    struct tyto_config *config = target;
    config->record.line = tyto_yaml_line(node);
    return tyto_yaml_mapping(yaml, node, fields, COUNT(fields), target);
}

static enum tyto_err read_log(struct tyto_yaml *yaml, const struct yaml_node_s *node, void *target)
{
    static const struct tyto_yaml_field fields[] = {
        CHOICE("level", struct tyto_config, log_level, level_words),
        CHOICE("format", struct tyto_config, log_format, format_words),
        NUMBER("summary_every_s", TYTO_YAML_SECONDS, struct tyto_config, summary_every_ns, 1,
               86400),
    };
    return tyto_yaml_mapping(yaml, node, fields, COUNT(fields), target);
}

enum tyto_err tyto_config_read_root(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                    void *target)
{
    static const struct tyto_yaml_field fields[] = {
        OTHER("cameras", read_cameras),
        OTHER("models", read_models),
        OTHER("inference", read_inference),
        OTHER("tracker", read_tracker),
        OTHER("classes", read_classes),
        OTHER("publish", read_publishing),
        OTHER("record", read_record),
        TEXT("control", TYTO_YAML_TEXT, struct tyto_config, control),
        OTHER("log", read_log),
        NUMBER("connects_per_s", TYTO_YAML_U32, struct tyto_config, connects_per_s, 1, 100),
    };
    return tyto_yaml_mapping(yaml, node, fields, COUNT(fields), target);
}
