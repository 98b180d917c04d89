/* SPDX-License-Identifier: MIT */
/* How the file nests its keys, and what a person must give. */
#include "daemon/config/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/parse.h"
#include "daemon/config/zones.h"

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* --- classes ------------------------------------------------------------------------------ */

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
    *rule = (struct tyto_config_rule){.publish = true, .line = yaml->key_line};
    rules->num = idx + 1;
    snprintf(rule->rule.class_name, sizeof(rule->rule.class_name), "%s", key);
    return tyto_yaml_mapping(yaml, node, &tyto_config_class_group, NULL, 0, rule);
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

/* --- quiet hours ------------------------------------------------------------------------------ */

static enum tyto_err read_camera_quiet(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                       void *target)
{
    struct tyto_config_camera *camera = target;
    return tyto_config_read_quiet(yaml, node, &camera->quiet);
}

static enum tyto_err read_quiet(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                void *target)
{
    struct tyto_config *config = target;
    return tyto_config_read_quiet(yaml, node, &config->quiet);
}

/* --- cameras --------------------------------------------------------------------------- */

static enum tyto_err read_camera(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                 uint32_t idx, void *user)
{
    static const struct tyto_yaml_part parts[] = {
        {.key = "tracker", .group = &tyto_config_camera_tracker_group},
        {.key = "classes", .read = read_camera_classes},
        {.key = "zones", .read = tyto_config_read_zones},
        {.key = "masks", .read = tyto_config_read_masks},
        {.key = "quiet_hours", .read = read_camera_quiet},
    };
    struct tyto_config *config = *(struct tyto_config **)user;
    (void)idx;
    struct tyto_config_camera *camera = tyto_config_new_camera(config);
    if (!camera)
        return tyto_fault_set(yaml->fault, TYTO_ERR_NOMEM, yaml->file, 0, NULL, "out of memory");
    camera->line = tyto_yaml_line(node);
    tyto_yaml_name_item(yaml, node, "id", tyto_id_is_valid);
    const enum tyto_err err =
        tyto_yaml_mapping(yaml, node, &tyto_config_camera_group, parts, COUNT(parts), camera);
    if (err)
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
    const enum tyto_err err =
        tyto_yaml_sequence(yaml, node, TYTO_ENGINE_MAX_CAMERAS, read_camera, &config);
    config->has_empty_list = !err && config->num_cameras == 0;
    return err;
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum tyto_err read_record(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                 void *target)
{
    struct tyto_config *config = target;
    config->record.line = tyto_yaml_line(node);
    config->record.cameras_line = tyto_yaml_key_line(yaml, node, "cameras");
    return tyto_yaml_mapping(yaml, node, &tyto_config_groups[TYTO_CONFIG_RECORD], NULL, 0, target);
}

static enum tyto_err read_publish(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                  void *target)
{
    struct tyto_config *config = target;
    config->endpoints_line = tyto_yaml_key_line(yaml, node, "endpoints");
    return tyto_yaml_mapping(yaml, node, &tyto_config_groups[TYTO_CONFIG_PUBLISH], NULL, 0, target);
}

enum tyto_err tyto_config_read_root(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                    void *target)
{
    static const struct tyto_yaml_part parts[] = {
        {.key = "cameras", .read = read_cameras},
        {.key = "models", .group = &tyto_config_groups[TYTO_CONFIG_MODELS]},
        {.key = "inference", .group = &tyto_config_groups[TYTO_CONFIG_INFERENCE]},
        {.key = "tracker", .group = &tyto_config_groups[TYTO_CONFIG_TRACKER]},
        {.key = "classes", .read = read_classes},
        {.key = "quiet_hours", .read = read_quiet},
        {.key = "publish", .read = read_publish},
        {.key = "journal", .group = &tyto_config_groups[TYTO_CONFIG_JOURNAL]},
        {.key = "record", .read = read_record},
        {.key = "snapshots", .group = &tyto_config_groups[TYTO_CONFIG_SNAPSHOTS]},
        {.key = "log", .group = &tyto_config_groups[TYTO_CONFIG_LOG]},
        {.key = "metrics", .group = &tyto_config_groups[TYTO_CONFIG_METRICS]},
    };
    return tyto_yaml_mapping(yaml, node, &tyto_config_groups[TYTO_CONFIG_TOP], parts, COUNT(parts),
                             target);
}
