/* SPDX-License-Identifier: MIT */
/* What holds for one camera: its own word before what is said for all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/config/config.h"
#include "daemon/config/schema.h"
#include "pipeline/track/options.h"

#define S ((int64_t)TYTO_NS_PER_S)
/* What a camera's segments may wait for the networks; a file is read that far ahead. */
#define LIVE_WAIT_NS (7 * S)
#define FILE_WAIT_NS (16 * S)

static const struct tyto_config_rule *find_rule(const struct tyto_config_rules *rules,
                                                const char *class_name)
{
    for (uint32_t i = 0; i < rules->num; i++) {
        if (strcmp(rules->items[i].rule.class_name, class_name) == 0)
            return &rules->items[i];
    }
    return NULL;
}

/* The camera's rule on top of that for all; either may be NULL. */
static struct tyto_class_rule merge_rule(const struct tyto_config_rule *all,
                                         const struct tyto_config_rule *own)
{
    struct tyto_config_rule rule = all ? *all : *own;
    if (all && own)
        tyto_options_overlay(tyto_config_class_group.rows, tyto_config_class_group.num_rows, own,
                             own->given, &rule);
    rule.rule.off = !rule.publish;
    return rule.rule;
}

enum tyto_err tyto_config_make_tracker(const struct tyto_config *config,
                                       const struct tyto_config_camera *camera,
                                       struct tyto_tracker_params *ret_params)
{
    static const struct tyto_config_rules none;
    const struct tyto_config_rules *all = &config->rules;
    const struct tyto_config_rules *own = camera ? &camera->rules : &none;
    struct tyto_class_rule *rules = calloc((size_t)all->num + own->num + 1, sizeof(*rules));
    if (!rules)
        return TYTO_ERR_NOMEM;
    uint32_t num = 0;
    for (uint32_t i = 0; i < all->num; i++)
        rules[num++] = merge_rule(&all->items[i], find_rule(own, all->items[i].rule.class_name));
    for (uint32_t i = 0; i < own->num; i++) {
        if (!find_rule(all, own->items[i].rule.class_name))
            rules[num++] = merge_rule(NULL, &own->items[i]);
    }
    *ret_params = config->tracker;
    if (camera)
        tyto_options_overlay(tyto_tracker_options, TYTO_TRACKER_NUM_OPTIONS, &camera->tracker,
                             camera->tracker_given, ret_params);
    tyto_tracker_params_settle(ret_params);
    ret_params->rules = rules;
    ret_params->num_rules = num;
    const struct tyto_config_quiet *quiet =
        camera && camera->quiet.num > 0 ? &camera->quiet : &config->quiet;
    ret_params->zones = camera ? &camera->zones : NULL;
    ret_params->quiet = quiet->items;
    ret_params->num_quiet = quiet->num;
    ret_params->time_zone = config->time_zone;
    return TYTO_OK;
}

void tyto_config_key(const struct tyto_config_camera *camera, const char *key,
                     char ret_key[TYTO_CONFIG_KEY_MAX])
{
    if (camera)
        snprintf(ret_key, TYTO_CONFIG_KEY_MAX, "cameras[%s].%s", camera->id, key);
    else
        snprintf(ret_key, TYTO_CONFIG_KEY_MAX, "%s", key);
}

uint32_t tyto_config_find_camera(const struct tyto_config *config, const char *id)
{
    uint32_t i = 0;
    while (i < config->num_cameras && strcmp(config->cameras[i].id, id) != 0)
        i++;
    return i;
}

bool tyto_config_is_recorded(const struct tyto_config *config,
                             const struct tyto_config_camera *camera)
{
    bool is_named = config->record.cameras.num == 0;
    for (uint32_t i = 0; i < config->record.cameras.num && !is_named; i++)
        is_named = strcmp(config->record.cameras.texts[i], camera->id) == 0;
    return config->record.store.dir[0] && is_named;
}

uint32_t tyto_config_num_recorded(const struct tyto_config *config)
{
    uint32_t num = 0;
    for (uint32_t i = 0; i < config->num_cameras; i++)
        num += tyto_config_is_recorded(config, &config->cameras[i]);
    return num;
}

int64_t tyto_config_decide_ns(const struct tyto_config *config,
                              const struct tyto_config_camera *camera)
{
    struct tyto_tracker_params tracker = config->tracker;
    tyto_options_overlay(tyto_tracker_options, TYTO_TRACKER_NUM_OPTIONS, &camera->tracker,
                         camera->tracker_given, &tracker);
    tyto_tracker_params_settle(&tracker);
    const int64_t begin_ns = tracker.onset_window * config->hop_ns + tracker.min_duration_ns;
    const int64_t end_ns = tracker.hang_over_ns;
    return (begin_ns > end_ns ? begin_ns : end_ns) + 2 * config->hop_ns;
}

int64_t tyto_config_lag_ns(const struct tyto_config *config,
                           const struct tyto_config_camera *camera, uint32_t look_ahead)
{
    bool is_file = false;
    if (tyto_source_check_uri(camera->uri, &is_file, NULL) != TYTO_OK)
        is_file = true;
    return tyto_config_decide_ns(config, camera) + (int64_t)look_ahead * config->hop_ns +
           (is_file ? FILE_WAIT_NS : LIVE_WAIT_NS) + camera->lateness_ns;
}
