/* SPDX-License-Identifier: MIT */
#include "daemon/config/json.h"
#include "base/secret.h"

#include "daemon/config/schema.h"
#include "options/json.h"

/* The rows that were given for the camera, and no others. */
static struct tyto_json *tracker_to_json(const struct tyto_config_camera *camera)
{
    struct tyto_option_group one = tyto_config_camera_tracker_group;
    struct tyto_json *json = tyto_json_new_object();
    for (uint32_t i = 0; i < tyto_config_camera_tracker_group.num_rows; i++) {
        if (!(camera->tracker_given >> i & 1))
            continue;
        one.rows = &tyto_config_camera_tracker_group.rows[i];
        one.num_rows = 1;
        if (!tyto_options_put_json(&one, camera, json))
            tyto_json_destroy(&json);
    }
    return json;
}

static struct tyto_json *class_to_json(const struct tyto_config_rules *rules)
{
    struct tyto_json *json = tyto_json_new_object();
    for (uint32_t i = 0; i < rules->num; i++) {
        const struct tyto_config_rule *rule = &rules->items[i];
        if (!tyto_json_set(json, rule->rule.class_name,
                           tyto_options_to_json(&tyto_config_class_group, 1, rule)))
            tyto_json_destroy(&json);
    }
    return json;
}

static struct tyto_json *zone_to_json(const struct tyto_zone *zone)
{
    struct tyto_json *json = tyto_options_to_json(&tyto_config_zone_group, 1, zone);
    struct tyto_json *classes = tyto_json_new_object();
    for (uint32_t i = 0; i < zone->num_classes; i++) {
        const struct tyto_zone_class *one = &zone->classes[i];
        if (!tyto_json_set(classes, one->class_name,
                           tyto_options_to_json(&tyto_config_zone_class_group, 1, one)))
            tyto_json_destroy(&classes);
    }
    if (!tyto_json_set(json, "classes", classes))
        tyto_json_destroy(&json);
    return json;
}

static struct tyto_json *zones_to_json(const struct tyto_zones *zones)
{
    struct tyto_json *json = tyto_json_new_array();
    for (uint32_t i = 0; i < zones->num_zones; i++)
        tyto_json_push(&json, zone_to_json(&zones->zones[i]));
    return json;
}

static struct tyto_json *masks_to_json(const struct tyto_zones *zones)
{
    struct tyto_json *json = tyto_json_new_array();
    for (uint32_t i = 0; i < zones->num_masks; i++)
        tyto_json_push(&json, tyto_options_to_json(&tyto_config_mask_group, 1, &zones->masks[i]));
    return json;
}

static struct tyto_json *quiet_to_json(const struct tyto_config_quiet *quiet)
{
    struct tyto_json *json = tyto_json_new_array();
    for (uint32_t i = 0; i < quiet->num; i++)
        tyto_json_push(&json, tyto_options_to_json(&tyto_config_quiet_group, 1, &quiet->items[i]));
    return json;
}

static struct tyto_json *camera_to_json(const struct tyto_config_camera *camera)
{
    char uri[TYTO_CONFIG_URI_MAX];
    struct tyto_json *json = tyto_options_to_json(&tyto_config_camera_group, 1, camera);
    tyto_secret_redact(camera->uri, uri, sizeof(uri));
    if (!tyto_json_set(json, "uri", tyto_json_new_string(uri)) ||
        !tyto_json_set(json, "tracker", tracker_to_json(camera)) ||
        !tyto_json_set(json, "zones", zones_to_json(&camera->zones)) ||
        !tyto_json_set(json, "masks", masks_to_json(&camera->zones)) ||
        !tyto_json_set(json, "quiet_hours", quiet_to_json(&camera->quiet)))
        tyto_json_destroy(&json);
    return json;
}

struct tyto_json *tyto_config_to_json(const struct tyto_config *config)
{
    const struct tyto_option_group *top = &tyto_config_groups[TYTO_CONFIG_TOP];
    struct tyto_json *json = tyto_options_to_json(top, 1, config);
    struct tyto_json *cameras = tyto_json_new_array();
    bool good = json && cameras;
    for (uint32_t i = 0; i < config->num_cameras; i++)
        good &= tyto_json_append(cameras, camera_to_json(&config->cameras[i]));
    good &= tyto_json_set(json, "cameras", cameras);
    good &= tyto_json_set(json, "classes", class_to_json(&config->rules));
    good &= tyto_json_set(json, "quiet_hours", quiet_to_json(&config->quiet));
    for (int i = 0; i < TYTO_CONFIG_NUM_GROUPS; i++) {
        const struct tyto_option_group *group = &tyto_config_groups[i];
        if (group->key)
            good &= tyto_json_set(json, group->key, tyto_options_to_json(group, 1, config));
    }
    if (!good)
        tyto_json_destroy(&json);
    return json;
}
