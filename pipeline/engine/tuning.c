/* SPDX-License-Identifier: MIT */
/* How cameras are to be judged, as the inference thread keeps it: a copy that outlives whoever
 * asked for it. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/engine/internal.h"

void tyto_engine_leave_to_cameras(struct tyto_tracker_params *params)
{
    params->zones = NULL;
    params->quiet = NULL;
    params->num_quiet = 0;
    params->time_zone = NULL;
}

void tyto_tuning_destroy(struct tyto_tuning **tuning)
{
    if (!tuning || !*tuning)
        return;
    tyto_tracker_params_finish(&(*tuning)->tracker);
    for (uint32_t i = 0; i < (*tuning)->num_cameras; i++)
        tyto_tracker_params_finish(&(*tuning)->cameras[i].tracker);
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
    enum tyto_err err = tuning->cameras ? tyto_tracker_params_copy(from->tracker, &tuning->tracker)
                                        : TYTO_ERR_NOMEM;
    for (uint32_t i = 0; !err && i < from->num_cameras; i++) {
        struct tyto_tuned_camera *camera = &tuning->cameras[tuning->num_cameras++];
        memcpy(camera->id, from->cameras[i].id, strnlen(from->cameras[i].id, TYTO_ID_MAX));
        err = tyto_tracker_params_copy(from->cameras[i].tracker, &camera->tracker);
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
