/* SPDX-License-Identifier: MIT */
#include "pipeline/track/quiet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum tyto_err tyto_quiet_copy(const struct tyto_quiet *quiet, struct tyto_quiet *ret_quiet)
{
    *ret_quiet = *quiet;
    ret_quiet->classes = (struct tyto_texts){0};
    return tyto_texts_copy(&quiet->classes, &ret_quiet->classes);
}

void tyto_quiet_finish(struct tyto_quiet *quiet)
{
    tyto_texts_finish(&quiet->classes);
}

static enum tyto_err set_classes(struct tyto_quiets *quiets, uint32_t idx, const char *const *names)
{
    const struct tyto_texts *classes = &quiets->items[idx].classes;
    bool *concerns = quiets->concerns + (size_t)idx * quiets->num_classes;
    for (uint32_t k = 0; k < quiets->num_classes; k++)
        concerns[k] = classes->num == 0;
    for (uint32_t i = 0; i < classes->num; i++) {
        const uint32_t k = tyto_text_find(names, quiets->num_classes, classes->texts[i]);
        if (k == quiets->num_classes)
            return TYTO_ERR_INVALID;
        concerns[k] = true;
    }
    return TYTO_OK;
}

enum tyto_err tyto_quiets_init(struct tyto_quiets *quiets, const struct tyto_quiet *items,
                               uint32_t num, const char *time_zone, uint32_t num_classes,
                               const char *const *class_names)
{
    *quiets = (struct tyto_quiets){.num_classes = num_classes};
    if (num == 0)
        return TYTO_OK;
    quiets->items = calloc(num, sizeof(*quiets->items));
    quiets->concerns = calloc((size_t)num * num_classes, sizeof(*quiets->concerns));
    quiets->least = calloc(num_classes, sizeof(*quiets->least));
    if (!quiets->items || !quiets->concerns || !quiets->least)
        return TYTO_ERR_NOMEM;
    enum tyto_err err = tyto_time_zone_create(time_zone, &quiets->zone, NULL);
    while (!err && quiets->num < num) {
        const uint32_t idx = quiets->num++;
        err = tyto_quiet_copy(&items[idx], &quiets->items[idx]);
        if (!err && !(items[idx].threshold >= 0 && items[idx].threshold <= 1))
            err = TYTO_ERR_INVALID;
        if (!err)
            err = set_classes(quiets, idx, class_names);
    }
    return err;
}

void tyto_quiets_finish(struct tyto_quiets *quiets)
{
    for (uint32_t i = 0; i < quiets->num; i++)
        tyto_quiet_finish(&quiets->items[i]);
    free(quiets->items);
    free(quiets->concerns);
    free(quiets->least);
    tyto_time_zone_destroy(&quiets->zone);
    *quiets = (struct tyto_quiets){0};
}

void tyto_quiets_look(struct tyto_quiets *quiets, int64_t unix_ns)
{
    if (quiets->num == 0)
        return;
    const struct tyto_wall_time wall = tyto_time_zone_wall(quiets->zone, unix_ns);
    memset(quiets->least, 0, quiets->num_classes * sizeof(*quiets->least));
    for (uint32_t i = 0; i < quiets->num; i++) {
        const struct tyto_quiet *quiet = &quiets->items[i];
        const bool *concerns = quiets->concerns + (size_t)i * quiets->num_classes;
        const float least = quiet->threshold > 0 ? quiet->threshold : 2;
        if (!tyto_hours_hold(&quiet->hours, wall))
            continue;
        for (uint32_t k = 0; k < quiets->num_classes; k++) {
            if (concerns[k])
                quiets->least[k] = fmaxf(quiets->least[k], least);
        }
    }
}
