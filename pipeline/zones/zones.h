/* SPDX-License-Identifier: MIT */
/* What one camera's picture is divided into: zones, which events name, and masks, of which nothing
 * counts. Plain values; a copy owns all of it. */
#ifndef TYTO_PIPELINE_ZONES_ZONES_H
#define TYTO_PIPELINE_ZONES_ZONES_H

#include "options/options.h"
#include "pipeline/zones/polygon.h"

enum {
    TYTO_ZONES_MAX = TYTO_EVENT_MAX_ZONES, /* of a camera */
    TYTO_ZONES_MAX_MASKS = 16,
    TYTO_ZONES_MAX_CLASSES = 256, /* that one zone names */
};

/* A class within a zone has a threshold of its own. */
struct tyto_zone_class {
    char class_name[TYTO_ID_MAX + 1];
    float threshold;      /* of joint; 0: as elsewhere */
    float threshold_seen; /* of seen alone; 0: follows from threshold, if that is given */
};

struct tyto_zone {
    char name[TYTO_ZONE_NAME_MAX + 1];
    struct tyto_polygon polygon;
    struct tyto_texts only;          /* classes that it is for; none: all */
    struct tyto_zone_class *classes; /* owned */
    uint32_t num_classes;
};

/* Zones by name. */
struct tyto_zone_names {
    uint32_t num;
    char names[TYTO_ZONES_MAX][TYTO_ZONE_NAME_MAX + 1];
};

struct tyto_zones {
    struct tyto_zone *zones;    /* owned */
    uint32_t num_zones;         /* <= TYTO_ZONES_MAX */
    struct tyto_polygon *masks; /* owned */
    uint32_t num_masks;         /* <= TYTO_ZONES_MAX_MASKS */
};

/* A copy that shares nothing. NOMEM: *ret_zones is empty. */
TYTO_MUST_CHECK
enum tyto_err tyto_zones_copy(const struct tyto_zones *zones, struct tyto_zones *ret_zones);
void tyto_zones_finish(struct tyto_zones *zones);

/* A box touches a zone when they have a tenth of the smaller of both in common. Bit i: zone i. */
uint32_t tyto_zones_touched(const struct tyto_zones *zones, const struct tyto_box *box);
/* Whether the zone is for events of that class. */
bool tyto_zone_is_for(const struct tyto_zone *zone, const char *class_name);

#endif
