/* SPDX-License-Identifier: MIT */
/* A tracker's parameters: their defaults, copies with all that they refer to, names of classes. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/track/tracker.h"

struct tyto_tracker_params tyto_tracker_params_default(void)
{
    return (struct tyto_tracker_params){
        .off_ratio = 0.8f,
        .peak = 0.4f,
        .onset_num = 2,
        .hang_over_ns = 3ll * (int64_t)TYTO_NS_PER_S,
        .max_duration_ns = 600ll * (int64_t)TYTO_NS_PER_S,
        .update_every_ns = 5ll * (int64_t)TYTO_NS_PER_S,
    };
}

void tyto_tracker_params_settle(struct tyto_tracker_params *params)
{
    const struct tyto_tracker_params standard = tyto_tracker_params_default();
    if (params->off_ratio == 0)
        params->off_ratio = standard.off_ratio;
    if (params->onset_num == 0)
        params->onset_num = standard.onset_num;
    if (params->onset_window == 0)
        params->onset_window = params->onset_num > 4 ? params->onset_num : 4;
    if (params->hang_over_ns == 0)
        params->hang_over_ns = standard.hang_over_ns;
    if (params->max_duration_ns == 0)
        params->max_duration_ns = standard.max_duration_ns;
    if (params->update_every_ns == 0)
        params->update_every_ns = standard.update_every_ns;
}

static enum tyto_err copy_rules(const struct tyto_tracker_params *from,
                                struct tyto_tracker_params *to)
{
    if (from->num_rules == 0)
        return TYTO_OK;
    struct tyto_class_rule *rules = calloc(from->num_rules, sizeof(*rules));
    if (!rules)
        return TYTO_ERR_NOMEM;
    memcpy(rules, from->rules, from->num_rules * sizeof(*rules));
    to->rules = rules;
    to->num_rules = from->num_rules;
    return TYTO_OK;
}

static enum tyto_err copy_zones(const struct tyto_tracker_params *from,
                                struct tyto_tracker_params *to)
{
    if (!from->zones)
        return TYTO_OK;
    struct tyto_zones *zones = calloc(1, sizeof(*zones));
    if (!zones)
        return TYTO_ERR_NOMEM;
    to->zones = zones;
    return tyto_zones_copy(from->zones, zones);
}

static enum tyto_err copy_quiet(const struct tyto_tracker_params *from,
                                struct tyto_tracker_params *to)
{
    enum tyto_err err = TYTO_OK;
    if (from->time_zone && !(to->time_zone = strdup(from->time_zone)))
        return TYTO_ERR_NOMEM;
    if (from->num_quiet == 0)
        return TYTO_OK;
    struct tyto_quiet *quiet = calloc(from->num_quiet, sizeof(*quiet));
    if (!quiet)
        return TYTO_ERR_NOMEM;
    to->quiet = quiet;
    while (!err && to->num_quiet < from->num_quiet) {
        err = tyto_quiet_copy(&from->quiet[to->num_quiet], &quiet[to->num_quiet]);
        to->num_quiet++;
    }
    return err;
}

enum tyto_err tyto_tracker_params_copy(const struct tyto_tracker_params *params,
                                       struct tyto_tracker_params *ret_params)
{
    struct tyto_tracker_params copy = *params;
    copy.rules = NULL;
    copy.zones = NULL;
    copy.quiet = NULL;
    copy.time_zone = NULL;
    copy.num_rules = copy.num_quiet = 0;
    enum tyto_err err = copy_rules(params, &copy);
    if (!err)
        err = copy_zones(params, &copy);
    if (!err)
        err = copy_quiet(params, &copy);
    if (err)
        tyto_tracker_params_finish(&copy);
    *ret_params = copy;
    return err;
}

void tyto_tracker_params_finish(struct tyto_tracker_params *params)
{
    struct tyto_zones *zones = (struct tyto_zones *)(uintptr_t)params->zones;
    struct tyto_quiet *quiet = (struct tyto_quiet *)(uintptr_t)params->quiet;
    if (zones)
        tyto_zones_finish(zones);
    for (uint32_t i = 0; i < params->num_quiet; i++)
        tyto_quiet_finish(&quiet[i]);
    free((void *)(uintptr_t)params->rules);
    free(zones);
    free(quiet);
    free((void *)(uintptr_t)params->time_zone);
    params->rules = NULL;
    params->zones = NULL;
    params->quiet = NULL;
    params->time_zone = NULL;
    params->num_rules = params->num_quiet = 0;
}

/* The first text that is no class; NULL: all are. */
static const char *find_stranger(const struct tyto_texts *texts, const char *const *class_names,
                                 uint32_t num)
{
    for (uint32_t i = 0; i < texts->num; i++) {
        if (tyto_text_find(class_names, num, texts->texts[i]) == num)
            return texts->texts[i];
    }
    return NULL;
}

static const char *find_stranger_in_zone(const struct tyto_zone *zone,
                                         const char *const *class_names, uint32_t num)
{
    const char *stranger = find_stranger(&zone->only, class_names, num);
    for (uint32_t i = 0; !stranger && i < zone->num_classes; i++) {
        if (tyto_text_find(class_names, num, zone->classes[i].class_name) == num)
            stranger = zone->classes[i].class_name;
    }
    return stranger;
}

const char *tyto_tracker_params_stranger(const struct tyto_tracker_params *params,
                                         const char *const *class_names, uint32_t num)
{
    const char *stranger = NULL;
    for (uint32_t i = 0; !stranger && i < params->num_rules; i++) {
        if (tyto_text_find(class_names, num, params->rules[i].class_name) == num)
            stranger = params->rules[i].class_name;
    }
    for (uint32_t i = 0; !stranger && params->zones && i < params->zones->num_zones; i++)
        stranger = find_stranger_in_zone(&params->zones->zones[i], class_names, num);
    for (uint32_t i = 0; !stranger && i < params->num_quiet; i++)
        stranger = find_stranger(&params->quiet[i].classes, class_names, num);
    return stranger;
}
