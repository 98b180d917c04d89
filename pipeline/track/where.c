/* SPDX-License-Identifier: MIT */
#include "pipeline/track/where.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/cman/cman.h"

static bool share_ok(float value)
{
    return value >= 0 && value <= 1; /* false for NaN */
}

static enum tyto_err set_zone(struct tyto_where *where, uint32_t idx, const char *const *names)
{
    const struct tyto_zone *zone = &where->zones.zones[idx];
    for (uint32_t i = 0; i < zone->only.num; i++) {
        if (tyto_text_find(names, where->num_classes, zone->only.texts[i]) == where->num_classes)
            return TYTO_ERR_INVALID;
    }
    for (uint32_t k = 0; k < where->num_classes; k++)
        where->is_for[k] |= (uint32_t)tyto_zone_is_for(zone, names[k]) << idx;
    for (uint32_t i = 0; i < zone->num_classes; i++) {
        const struct tyto_zone_class *class = &zone->classes[i];
        const uint32_t k = tyto_text_find(names, where->num_classes, class->class_name);
        if (k == where->num_classes || !share_ok(class->threshold) ||
            !share_ok(class->threshold_seen))
            return TYTO_ERR_INVALID;
        struct tyto_where_threshold *t = &where->thresholds[(size_t)idx * where->num_classes + k];
        t->joint = class->threshold;
        t->seen = class->threshold_seen;
        if (t->seen == 0 && t->joint > 0)
            t->seen = tyto_cman_single_threshold(t->joint);
        if (t->joint > 0)
            where->least[k] = fminf(where->least[k], t->joint);
        if (t->seen > 0)
            where->least[k] = fminf(where->least[k], t->seen);
    }
    return TYTO_OK;
}

static enum tyto_err set_required(struct tyto_where *where, const struct tyto_class_rule *rule,
                                  const char *const *names)
{
    const uint32_t k = tyto_text_find(names, where->num_classes, rule->class_name);
    if (k == where->num_classes)
        return TYTO_ERR_INVALID;
    for (uint32_t i = 0; i < rule->required_zones.num; i++) {
        uint32_t idx = 0;
        while (idx < where->zones.num_zones &&
               strcmp(where->zones.zones[idx].name, rule->required_zones.names[i]) != 0)
            idx++;
        if (idx == where->zones.num_zones)
            return TYTO_ERR_INVALID;
        where->required[k] |= 1u << idx;
    }
    return TYTO_OK;
}

enum tyto_err tyto_where_init(struct tyto_where *where, const struct tyto_tracker_params *params,
                              uint32_t num_classes, const char *const *class_names)
{
    *where = (struct tyto_where){.num_classes = num_classes};
    enum tyto_err err = tyto_zones_copy(params->zones, &where->zones);
    if (err)
        return err;
    if (where->zones.num_zones > TYTO_ZONES_MAX)
        return TYTO_ERR_INVALID;
    where->is_for = calloc(num_classes, sizeof(*where->is_for));
    where->required = calloc(num_classes, sizeof(*where->required));
    where->least = calloc(num_classes, sizeof(*where->least));
    where->thresholds =
        calloc((size_t)num_classes * where->zones.num_zones + 1, sizeof(*where->thresholds));
    if (!where->is_for || !where->required || !where->least || !where->thresholds)
        return TYTO_ERR_NOMEM;
    for (uint32_t k = 0; k < num_classes; k++)
        where->least[k] = 2;
    for (uint32_t i = 0; !err && i < where->zones.num_zones; i++)
        err = set_zone(where, i, class_names);
    for (uint32_t i = 0; !err && i < params->num_rules; i++)
        err = set_required(where, &params->rules[i], class_names);
    return err;
}

void tyto_where_finish(struct tyto_where *where)
{
    tyto_zones_finish(&where->zones);
    free(where->is_for);
    free(where->required);
    free(where->least);
    free(where->thresholds);
    *where = (struct tyto_where){0};
}

static float lower(float one, float other)
{
    return one == 0 || (other > 0 && other < one) ? other : one;
}

struct tyto_where_threshold tyto_where_thresholds(const struct tyto_where *where, uint32_t k,
                                                  uint32_t touched)
{
    struct tyto_where_threshold least = {0};
    for (uint32_t i = 0; i < where->zones.num_zones; i++) {
        const struct tyto_where_threshold *t =
            &where->thresholds[(size_t)i * where->num_classes + k];
        if (!(touched >> i & 1))
            continue;
        least.joint = lower(least.joint, t->joint);
        least.seen = lower(least.seen, t->seen);
    }
    return least;
}
