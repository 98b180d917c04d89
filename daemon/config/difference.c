/* SPDX-License-Identifier: MIT */
#include "daemon/config/difference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options/options.h"
#include "pipeline/track/options.h"

/* --- what holds at once ------------------------------------------------------------------------
 */

/* Rows of a group by key; a group that is not named here, and a row of it that is not, waits for a
 * restart: so does whatever is added to the tables and not thought of here. */
static const struct {
    enum tyto_config_group group;
    const char *keys[12]; /* ends with NULL; none: all of them */
} live[] = {
    {TYTO_CONFIG_MODELS, {"head"}},
    {TYTO_CONFIG_TRACKER, {NULL}},
    {TYTO_CONFIG_RECORD,
     {"pre_s", "post_s", "max_clip_s", "max_gib", "min_free_gib", "max_days", "max_memory_mib",
      "cameras"}},
    {TYTO_CONFIG_SNAPSHOTS, {NULL}},
    {TYTO_CONFIG_LOG, {"level", "summary_every_s"}},
    {TYTO_CONFIG_TOP, {"time_zone", "shard", "connects_per_s"}},
};

bool tyto_config_is_live(enum tyto_config_group group, uint32_t row_idx)
{
    const char *key = tyto_config_groups[group].rows[row_idx].key;
    for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
        if (live[i].group != group)
            continue;
        bool is_named = !live[i].keys[0];
        for (int k = 0; live[i].keys[k] && !is_named; k++)
            is_named = strcmp(live[i].keys[k], key) == 0;
        return is_named;
    }
    return false;
}

/* --- what waits --------------------------------------------------------------------------------
 */

static void note_kept(struct tyto_config_difference *difference,
                      const struct tyto_option_group *group, const struct tyto_option *row)
{
    if (difference->num_kept == TYTO_CONFIG_MAX_KEPT)
        return;
    char *text = difference->kept[difference->num_kept++];
    snprintf(text, sizeof(difference->kept[0]), "%s%s%s", group->key ? group->key : "",
             group->key ? "." : "", row->key);
}

static enum tyto_err compare_row(const struct tyto_config *running, struct tyto_config *next,
                                 enum tyto_config_group group_idx, uint32_t row_idx,
                                 struct tyto_config_difference *difference)
{
    const struct tyto_option_group *group = &tyto_config_groups[group_idx];
    const struct tyto_option *row = &group->rows[row_idx];
    const void *was = tyto_option_value(group, row_idx, running);
    void *is = tyto_option_value(group, row_idx, next);
    if (tyto_option_is_same(row, was, is))
        return TYTO_OK;
    if (tyto_config_is_live(group_idx, row_idx)) {
        const bool is_tuning =
            group_idx == TYTO_CONFIG_TRACKER || strcmp(row->key, "time_zone") == 0;
        difference->is_tuned |= is_tuning;
        difference->is_other |= !is_tuning;
        return TYTO_OK;
    }
    note_kept(difference, group, row);
    return tyto_option_copy(row, was, is);
}

/* The head belongs to its encoders: where those have to wait, so does it. `dir` says nothing beside
 * the three paths that were found by it. */
static void compare_models(const struct tyto_config *running, struct tyto_config *next,
                           struct tyto_config_difference *difference)
{
    const struct tyto_option_group *group = &tyto_config_groups[TYTO_CONFIG_MODELS];
    const bool is_same_eye = strcmp(running->models.visual, next->models.visual) == 0;
    const bool is_same_ear = strcmp(running->models.audio, next->models.audio) == 0;
    const bool is_same_head = strcmp(running->models.head, next->models.head) == 0;
    for (uint32_t i = 0; i < group->num_rows; i++) {
        const char *key = group->rows[i].key;
        if ((!is_same_eye && strcmp(key, "visual") == 0) ||
            (!is_same_ear && strcmp(key, "audio") == 0) ||
            (!(is_same_eye && is_same_ear) && !is_same_head && strcmp(key, "head") == 0))
            note_kept(difference, group, &group->rows[i]);
    }
    difference->has_head = is_same_eye && is_same_ear && !is_same_head;
    if (!is_same_eye || !is_same_ear)
        next->models = running->models;
}

static enum tyto_err compare_rows(const struct tyto_config *running, struct tyto_config *next,
                                  struct tyto_config_difference *difference)
{
    enum tyto_err err = TYTO_OK;
    compare_models(running, next, difference);
    for (int g = 0; g < TYTO_CONFIG_NUM_GROUPS; g++) {
        for (uint32_t i = 0; !err && g != TYTO_CONFIG_MODELS && i < tyto_config_groups[g].num_rows;
             i++)
            err = compare_row(running, next, (enum tyto_config_group)g, i, difference);
    }
    return err;
}

/* --- cameras -----------------------------------------------------------------------------------
 */

/* Rows that have no marks: whether all values are the same. */
static bool are_same_rows(const struct tyto_option_group *group, const void *value,
                          const void *other)
{
    bool are_same = true;
    for (uint32_t i = 0; are_same && i < group->num_rows; i++)
        are_same = tyto_option_is_same(&group->rows[i], tyto_option_value(group, i, value),
                                       tyto_option_value(group, i, other));
    return are_same;
}

static bool are_same_quiet(const struct tyto_config_quiet *quiet,
                           const struct tyto_config_quiet *other)
{
    bool are_same = quiet->num == other->num;
    for (uint32_t i = 0; are_same && i < quiet->num; i++)
        are_same = are_same_rows(&tyto_config_quiet_group, &quiet->items[i], &other->items[i]);
    return are_same;
}

static bool is_same_zone(const struct tyto_zone *zone, const struct tyto_zone *other)
{
    bool is_same = zone->num_classes == other->num_classes &&
                   are_same_rows(&tyto_config_zone_group, zone, other);
    for (uint32_t i = 0; is_same && i < zone->num_classes; i++)
        is_same =
            strcmp(zone->classes[i].class_name, other->classes[i].class_name) == 0 &&
            are_same_rows(&tyto_config_zone_class_group, &zone->classes[i], &other->classes[i]);
    return is_same;
}

static bool are_same_zones(const struct tyto_zones *zones, const struct tyto_zones *others)
{
    bool are_same = zones->num_zones == others->num_zones;
    for (uint32_t i = 0; are_same && i < zones->num_zones; i++)
        are_same = is_same_zone(&zones->zones[i], &others->zones[i]);
    return are_same;
}

static bool are_same_masks(const struct tyto_zones *zones, const struct tyto_zones *others)
{
    bool are_same = zones->num_masks == others->num_masks;
    for (uint32_t i = 0; are_same && i < zones->num_masks; i++)
        are_same = are_same_rows(&tyto_config_mask_group, &zones->masks[i], &others->masks[i]);
    return are_same;
}

static bool are_same_rules(const struct tyto_config_rules *rules,
                           const struct tyto_config_rules *others)
{
    const struct tyto_option_group *group = &tyto_config_class_group;
    bool are_same = rules->num == others->num;
    for (uint32_t i = 0; are_same && i < rules->num; i++) {
        const struct tyto_config_rule *rule = &rules->items[i], *other = &others->items[i];
        are_same = strcmp(rule->rule.class_name, other->rule.class_name) == 0 &&
                   rule->given == other->given;
        for (uint32_t k = 0; are_same && k < group->num_rows; k++)
            are_same = tyto_option_is_same(&group->rows[k], tyto_option_value(group, k, rule),
                                           tyto_option_value(group, k, other));
    }
    return are_same;
}

static bool is_same_tracker(const struct tyto_config_camera *camera,
                            const struct tyto_config_camera *other)
{
    const struct tyto_option_group *group = &tyto_config_camera_tracker_group;
    bool is_same = camera->tracker_given == other->tracker_given;
    for (uint32_t i = 0; is_same && i < group->num_rows; i++)
        is_same = !(camera->tracker_given >> i & 1) ||
                  tyto_option_is_same(&group->rows[i], tyto_option_value(group, i, camera),
                                      tyto_option_value(group, i, other));
    return is_same && are_same_rules(&camera->rules, &other->rules) &&
           are_same_zones(&camera->zones, &other->zones) &&
           are_same_quiet(&camera->quiet, &other->quiet);
}

/* All that a connection goes by: every row of a camera, and its masks. */
static bool is_same_source(const struct tyto_config_camera *camera,
                           const struct tyto_config_camera *other)
{
    return are_same_rows(&tyto_config_camera_group, camera, other) &&
           are_same_masks(&camera->zones, &other->zones);
}

static void compare_camera(const struct tyto_config *running, const struct tyto_config *next,
                           uint32_t new_idx, struct tyto_config_difference *difference)
{
    const struct tyto_config_camera *camera = &next->cameras[new_idx];
    const uint32_t old_idx = tyto_config_find_camera(running, camera->id);
    enum tyto_camera_fate fate = TYTO_CAMERA_COMES;
    if (old_idx < running->num_cameras) {
        const struct tyto_config_camera *was = &running->cameras[old_idx];
        /* Whether what is coded is kept is settled when its pipeline is built. */
        const bool is_same =
            is_same_source(was, camera) &&
            tyto_config_is_recorded(running, was) == tyto_config_is_recorded(next, camera);
        fate = is_same ? TYTO_CAMERA_STAYS : TYTO_CAMERA_RECONNECTS;
        difference->is_tuned |= is_same && !is_same_tracker(was, camera);
        difference->old_fates[old_idx] = fate;
    }
    difference->new_fates[new_idx] = fate;
    difference->num_coming += fate == TYTO_CAMERA_COMES;
    difference->num_reconnecting += fate == TYTO_CAMERA_RECONNECTS;
}

static enum tyto_err compare_cameras(const struct tyto_config *running,
                                     const struct tyto_config *next,
                                     struct tyto_config_difference *difference)
{
    const size_t num_old = (size_t)running->num_cameras + 1;
    const size_t num_new = (size_t)next->num_cameras + 1;
    difference->old_fates = calloc(num_old, sizeof(*difference->old_fates));
    difference->new_fates = calloc(num_new, sizeof(*difference->new_fates));
    if (!difference->old_fates || !difference->new_fates)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < running->num_cameras; i++)
        difference->old_fates[i] = TYTO_CAMERA_GOES;
    for (uint32_t i = 0; i < next->num_cameras; i++)
        compare_camera(running, next, i, difference);
    for (uint32_t i = 0; i < running->num_cameras; i++)
        difference->num_going += difference->old_fates[i] == TYTO_CAMERA_GOES;
    return TYTO_OK;
}

/* --- all ----------------------------------------------------------------------------------------
 */

enum tyto_err tyto_config_compare(const struct tyto_config *running, struct tyto_config *next,
                                  struct tyto_config_difference *ret_difference)
{
    struct tyto_config_difference difference = {.num_kept = 0};
    enum tyto_err err = compare_rows(running, next, &difference);
    difference.is_tuned |= !are_same_rules(&running->rules, &next->rules) ||
                           !are_same_quiet(&running->quiet, &next->quiet);
    if (!err)
        err = compare_cameras(running, next, &difference);
    if (err)
        tyto_config_difference_finish(&difference);
    else
        *ret_difference = difference;
    return err;
}

void tyto_config_difference_finish(struct tyto_config_difference *difference)
{
    free(difference->old_fates);
    free(difference->new_fates);
    difference->old_fates = difference->new_fates = NULL;
}

void tyto_config_print_kept(const struct tyto_config_difference *difference, char *ret_text,
                            size_t text_bytes)
{
    size_t num = 0;
    ret_text[0] = '\0';
    for (uint32_t i = 0; i < difference->num_kept && num < text_bytes; i++) {
        const int rc =
            snprintf(ret_text + num, text_bytes - num, "%s%s", i ? ", " : "", difference->kept[i]);
        num += rc > 0 ? (size_t)rc : 0;
    }
}
