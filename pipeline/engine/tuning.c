/* SPDX-License-Identifier: MIT */
/* How cameras are to be judged, as the inference thread keeps it: a copy that outlives whoever
 * asked for it. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/engine/internal.h"

static enum tyto_err copy_params(const struct tyto_tracker_params *from,
                                 struct tyto_tracker_params *ret_params)
{
    *ret_params = *from;
    ret_params->rules = NULL;
    ret_params->num_rules = 0;
    if (from->num_rules == 0)
        return TYTO_OK;
    struct tyto_class_rule *rules = calloc(from->num_rules, sizeof(*rules));
    if (!rules)
        return TYTO_ERR_NOMEM;
    memcpy(rules, from->rules, from->num_rules * sizeof(*rules));
    ret_params->rules = rules;
    ret_params->num_rules = from->num_rules;
    return TYTO_OK;
}

static void free_params(struct tyto_tracker_params *params)
{
    free((void *)(uintptr_t)params->rules);
}

void tyto_tuning_destroy(struct tyto_tuning **tuning)
{
    if (!tuning || !*tuning)
        return;
    free_params(&(*tuning)->tracker);
    for (uint32_t i = 0; i < (*tuning)->num_cameras; i++)
        free_params(&(*tuning)->cameras[i].tracker);
    free((*tuning)->cameras);
    free(*tuning);
    *tuning = NULL;
}

enum tyto_err tyto_tuning_copy(const struct tyto_engine_tuning *from,
                               struct tyto_tuning **ret_tuning)
{
    struct tyto_tuning *tuning = calloc(1, sizeof(*tuning));
    if (!tuning)
        return TYTO_ERR_NOMEM;
    tuning->config_generation = from->config_generation;
    tuning->connects_per_s = from->connects_per_s;
    tuning->cameras = calloc((size_t)from->num_cameras + 1, sizeof(*tuning->cameras));
    enum tyto_err err =
        tuning->cameras ? copy_params(from->tracker, &tuning->tracker) : TYTO_ERR_NOMEM;
    for (uint32_t i = 0; !err && i < from->num_cameras; i++) {
        struct tyto_tuned_camera *camera = &tuning->cameras[tuning->num_cameras++];
        memcpy(camera->id, from->cameras[i].id, strnlen(from->cameras[i].id, TYTO_ID_MAX));
        err = copy_params(from->cameras[i].tracker, &camera->tracker);
    }
    if (err)
        tyto_tuning_destroy(&tuning);
    else
        *ret_tuning = tuning;
    return err;
}

const struct tyto_tracker_params *tyto_tuning_find(const struct tyto_tuning *tuning, const char *id)
{
    for (uint32_t i = 0; i < tuning->num_cameras; i++) {
        if (strcmp(tuning->cameras[i].id, id) == 0)
            return &tuning->cameras[i].tracker;
    }
    return NULL;
}
