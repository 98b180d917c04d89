/* SPDX-License-Identifier: MIT */
/* A tracker's parameters with all that they refer to. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/track/tracker.h"

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
