/* SPDX-License-Identifier: MIT */
#include "web/known/beside.h"

#include <glib.h>
#include <math.h>
#include <string.h>

static bool has_zone(const struct tyto_web_events *events, const struct tyto_web_event *event,
                     const char *zone)
{
    bool has = false;
    for (uint32_t i = 0; i < event->num_zones && !has; i++)
        has = strcmp(tyto_web_events_zone(events, event->zones[i]), zone) == 0;
    return has;
}

static bool is_wanted(const struct tyto_web_events *events, const struct tyto_web_event *event,
                      const struct tyto_web_wanted *wanted)
{
    const float top = fmaxf(event->joint, fmaxf(event->heard, event->seen));
    return (!wanted->camera ||
            strcmp(tyto_web_events_camera(events, event->camera), wanted->camera) == 0) &&
           (!wanted->classes ||
            g_strv_contains(wanted->classes, tyto_web_events_class(events, event->class))) &&
           (wanted->modality == 0 || event->modality == (uint8_t)wanted->modality) &&
           (!wanted->zone || has_zone(events, event, wanted->zone)) &&
           (!isfinite(event->joint) || top >= wanted->score);
}

/* By begin, and where that is the same by id, so that no two are alike. */
static bool is_before(const struct tyto_web_event *left, const struct tyto_web_event *right)
{
    if (left->begin_ms != right->begin_ms)
        return left->begin_ms < right->begin_ms;
    return strcmp(left->id, right->id) < 0;
}

/* The list is in the order in which events came, which is nearly that of their begins, but not
 * quite. */
struct tyto_web_beside tyto_web_events_beside(const struct tyto_web_events *events,
                                              const struct tyto_web_event *event,
                                              const struct tyto_web_wanted *wanted)
{
    struct tyto_web_beside beside = {0};
    uint32_t num_before = 0;
    for (uint32_t i = 0; i < tyto_web_events_num(events); i++) {
        const struct tyto_web_event *other = tyto_web_events_at(events, i);
        if (!is_wanted(events, other, wanted))
            continue;
        beside.num++;
        if (is_before(other, event)) {
            num_before++;
            if (!beside.before || is_before(beside.before, other))
                beside.before = other;
        } else if (is_before(event, other) && (!beside.after || is_before(other, beside.after))) {
            beside.after = other;
        }
    }
    if (is_wanted(events, event, wanted))
        beside.at = num_before + 1;
    return beside;
}
