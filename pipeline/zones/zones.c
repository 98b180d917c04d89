/* SPDX-License-Identifier: MIT */
#include "pipeline/zones/zones.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Boxes are as coarse as the places, or as a detector's: an edge that just reaches over is none. */
static const double least_share = 0.1;

static enum tyto_err copy_zone(const struct tyto_zone *from, struct tyto_zone *to)
{
    *to = *from;
    to->classes = NULL;
    to->num_classes = 0;
    const enum tyto_err err = tyto_texts_copy(&from->only, &to->only);
    if (err || from->num_classes == 0)
        return err;
    to->classes = calloc(from->num_classes, sizeof(*to->classes));
    if (!to->classes)
        return TYTO_ERR_NOMEM;
    memcpy(to->classes, from->classes, from->num_classes * sizeof(*to->classes));
    to->num_classes = from->num_classes;
    return TYTO_OK;
}

enum tyto_err tyto_zones_copy(const struct tyto_zones *zones, struct tyto_zones *ret_zones)
{
    struct tyto_zones copy = {0};
    enum tyto_err err = TYTO_OK;
    if (zones && zones->num_zones > 0)
        copy.zones = calloc(zones->num_zones, sizeof(*copy.zones));
    if (zones && zones->num_masks > 0)
        copy.masks = calloc(zones->num_masks, sizeof(*copy.masks));
    if (zones && ((zones->num_zones > 0 && !copy.zones) || (zones->num_masks > 0 && !copy.masks)))
        err = TYTO_ERR_NOMEM;
    if (!err && zones && zones->num_masks > 0) {
        memcpy(copy.masks, zones->masks, zones->num_masks * sizeof(*copy.masks));
        copy.num_masks = zones->num_masks;
    }
    for (uint32_t i = 0; !err && zones && i < zones->num_zones; i++) {
        err = copy_zone(&zones->zones[i], &copy.zones[i]);
        copy.num_zones = i + 1;
    }
    if (err)
        tyto_zones_finish(&copy);
    *ret_zones = copy;
    return err;
}

void tyto_zones_finish(struct tyto_zones *zones)
{
    for (uint32_t i = 0; i < zones->num_zones; i++) {
        struct tyto_zone *zone = &zones->zones[i];
        tyto_texts_finish(&zone->only);
        free(zone->classes);
    }
    free(zones->zones);
    free(zones->masks);
    *zones = (struct tyto_zones){0};
}

uint32_t tyto_zones_touched(const struct tyto_zones *zones, const struct tyto_box *box)
{
    uint32_t touched = 0;
    const double box_area =
        ((double)box->x1 - (double)box->x0) * ((double)box->y1 - (double)box->y0);
    for (uint32_t i = 0; i < zones->num_zones; i++) {
        const struct tyto_polygon *polygon = &zones->zones[i].polygon;
        const double least = least_share * fmin(box_area, tyto_polygon_area(polygon));
        const double shared = tyto_polygon_shared(polygon, box);
        touched |= (uint32_t)(shared > 0 && shared >= least) << i;
    }
    return touched;
}

bool tyto_zone_is_for(const struct tyto_zone *zone, const char *class_name)
{
    bool is_for = zone->only.num == 0;
    for (uint32_t i = 0; i < zone->only.num && !is_for; i++)
        is_for = strcmp(zone->only.texts[i], class_name) == 0;
    return is_for;
}
