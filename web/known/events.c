/* SPDX-License-Identifier: MIT */
#include "web/known/events.h"

#include <glib.h>
#include <math.h>
#include <string.h>

struct names {
    GPtrArray *list;     /* of owned strings */
    GHashTable *by_name; /* -> index + 1 */
};

struct tyto_web_events {
    GPtrArray *list;   /* of struct tyto_web_event */
    GHashTable *by_id; /* borrowed id -> event */
    GQueue details;    /* events that have one, oldest first */
    struct names cameras, classes, zones;
};

static void free_event(gpointer data)
{
    struct tyto_web_event *event = data;
    g_free(event->clip);
    g_free(event->zones);
    g_free(event->detail);
    g_free(event);
}

static void init_names(struct names *names)
{
    names->list = g_ptr_array_new_with_free_func(g_free);
    names->by_name = g_hash_table_new(g_str_hash, g_str_equal);
}

static void finish_names(struct names *names)
{
    g_hash_table_destroy(names->by_name);
    g_ptr_array_free(names->list, TRUE);
}

/* False: there are too many. */
static bool find_name(struct names *names, const char *name, uint16_t *ret_idx)
{
    guint idx = GPOINTER_TO_UINT(g_hash_table_lookup(names->by_name, name));
    if (idx == 0) {
        if (names->list->len >= TYTO_WEB_MAX_NAMES)
            return false;
        char *copy = g_strdup(name);
        g_ptr_array_add(names->list, copy);
        idx = names->list->len;
        g_hash_table_insert(names->by_name, copy, GUINT_TO_POINTER(idx));
    }
    *ret_idx = (uint16_t)(idx - 1);
    return true;
}

struct tyto_web_events *tyto_web_events_new(void)
{
    struct tyto_web_events *events = g_new0(struct tyto_web_events, 1);
    events->list = g_ptr_array_new_with_free_func(free_event);
    events->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    g_queue_init(&events->details);
    init_names(&events->cameras);
    init_names(&events->classes);
    init_names(&events->zones);
    return events;
}

void tyto_web_events_free(struct tyto_web_events *events)
{
    if (!events)
        return;
    g_queue_clear(&events->details);
    g_hash_table_destroy(events->by_id);
    g_ptr_array_free(events->list, TRUE);
    finish_names(&events->cameras);
    finish_names(&events->classes);
    finish_names(&events->zones);
    g_free(events);
}

/* The oldest tenth at once, so that the list moves rarely. */
static void drop_oldest(struct tyto_web_events *events)
{
    const guint num = TYTO_WEB_MAX_EVENTS / 10;
    for (guint i = 0; i < num; i++) {
        struct tyto_web_event *event = g_ptr_array_index(events->list, i);
        (void)g_hash_table_remove(events->by_id, event->id);
        if (event->detail)
            (void)g_queue_remove(&events->details, event);
    }
    g_ptr_array_remove_range(events->list, 0, num);
}

static struct tyto_web_event *add(struct tyto_web_events *events, const char *id,
                                  const char *camera, const char *class_name)
{
    uint16_t camera_idx = 0, class_idx = 0;
    if (!find_name(&events->cameras, camera, &camera_idx) ||
        !find_name(&events->classes, class_name, &class_idx))
        return NULL;
    if (events->list->len >= TYTO_WEB_MAX_EVENTS)
        drop_oldest(events);
    struct tyto_web_event *event = g_new0(struct tyto_web_event, 1);
    (void)g_strlcpy(event->id, id, sizeof(event->id));
    event->camera = camera_idx;
    event->class = class_idx;
    g_ptr_array_add(events->list, event);
    g_hash_table_insert(events->by_id, event->id, event);
    return event;
}

static void keep_detail(struct tyto_web_events *events, struct tyto_web_event *event,
                        const struct tyto_event *detail)
{
    if (!event->detail) {
        g_queue_push_tail(&events->details, event);
        if (g_queue_get_length(&events->details) > TYTO_WEB_MAX_DETAILS) {
            struct tyto_web_event *oldest = g_queue_pop_head(&events->details);
            g_clear_pointer(&oldest->detail, g_free);
        }
        event->detail = g_new(struct tyto_event, 1);
    }
    *event->detail = *detail;
}

/* There are never fewer than before; those for whose names there is no room are left out. */
static void take_zones(struct tyto_web_events *events, struct tyto_web_event *event,
                       const struct tyto_event *told)
{
    if (told->num_zones <= event->num_zones)
        return;
    uint16_t *zones = g_renew(uint16_t, event->zones, told->num_zones);
    event->zones = zones;
    event->num_zones = 0;
    for (uint32_t i = 0; i < told->num_zones; i++)
        event->num_zones += find_name(&events->zones, told->zones[i], &zones[event->num_zones]);
}

static void take_back(struct tyto_web_events *events, struct tyto_web_event *event)
{
    if (!event)
        return;
    if (event->detail)
        (void)g_queue_remove(&events->details, event);
    (void)g_hash_table_remove(events->by_id, event->id);
    (void)g_ptr_array_remove(events->list, event);
}

const struct tyto_web_event *tyto_web_events_put(struct tyto_web_events *events,
                                                 const struct tyto_event *event, const char *clip)
{
    struct tyto_web_event *known = g_hash_table_lookup(events->by_id, event->id);
    if (event->phase == TYTO_EVENT_PHASE_RETRACTED) {
        take_back(events, known);
        return NULL;
    }
    if (!known)
        known = add(events, event->id, event->camera, event->class_name);
    if (!known)
        return NULL;
    known->phase = (uint8_t)event->phase;
    known->modality = (uint8_t)event->modality;
    known->begin_ms = event->begin_unix_ns / 1000000;
    known->end_ms = event->has_end ? event->end_unix_ns / 1000000 : 0;
    /* Clocks may have been set in between: an event is never shorter than nothing. */
    if (event->has_end && known->end_ms < known->begin_ms)
        known->end_ms = known->begin_ms + (event->end_media_ns - event->begin_media_ns) / 1000000;
    known->joint = event->scores.joint;
    known->heard = event->scores.heard;
    known->seen = event->scores.seen;
    if (clip && !known->clip)
        known->clip = g_strdup(clip);
    take_zones(events, known, event);
    keep_detail(events, known, event);
    return known;
}

void tyto_web_events_put_past(struct tyto_web_events *events, const struct tyto_event *event,
                              const char *clip, bool keeps_detail)
{
    struct tyto_web_event *known = g_hash_table_lookup(events->by_id, event->id);
    if (event->phase == TYTO_EVENT_PHASE_RETRACTED || (known && known->detail) ||
        !tyto_web_events_put(events, event, clip) || keeps_detail)
        return;
    known = g_hash_table_lookup(events->by_id, event->id);
    (void)g_queue_pop_tail(&events->details); /* it was put there just now */
    g_clear_pointer(&known->detail, g_free);
}

static gint by_begin(gconstpointer a, gconstpointer b)
{
    const struct tyto_web_event *left = *(struct tyto_web_event *const *)a;
    const struct tyto_web_event *right = *(struct tyto_web_event *const *)b;
    return left->begin_ms < right->begin_ms ? -1 : left->begin_ms > right->begin_ms;
}

void tyto_web_events_settle(struct tyto_web_events *events)
{
    GHashTable *clips = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < events->list->len; i++) {
        const struct tyto_web_event *event = g_ptr_array_index(events->list, i);
        if (event->clip && isfinite(event->joint))
            (void)g_hash_table_add(clips, event->clip);
    }
    for (guint i = events->list->len; i-- > 0;) {
        struct tyto_web_event *event = g_ptr_array_index(events->list, i);
        if (!isfinite(event->joint) && event->clip && g_hash_table_contains(clips, event->clip)) {
            (void)g_hash_table_remove(events->by_id, event->id);
            (void)g_ptr_array_remove_index_fast(events->list, i);
        }
    }
    g_hash_table_destroy(clips);
    g_ptr_array_sort(events->list, by_begin);
}

void tyto_web_events_put_label(struct tyto_web_events *events, const char *id, const char *camera,
                               const char *class_name, enum tyto_modality modality,
                               int64_t begin_ms, int64_t end_ms, const char *clip)
{
    if (g_hash_table_contains(events->by_id, id))
        return;
    struct tyto_web_event *event = add(events, id, camera, class_name);
    if (!event)
        return;
    event->phase = TYTO_EVENT_PHASE_END;
    event->modality = (uint8_t)modality;
    event->begin_ms = begin_ms;
    event->end_ms = end_ms;
    event->joint = event->heard = event->seen = NAN;
    event->clip = g_strdup(clip);
}

const struct tyto_web_event *tyto_web_events_get(const struct tyto_web_events *events,
                                                 const char *id)
{
    return g_hash_table_lookup(events->by_id, id);
}

uint32_t tyto_web_events_num(const struct tyto_web_events *events)
{
    return events->list->len;
}

const struct tyto_web_event *tyto_web_events_at(const struct tyto_web_events *events, uint32_t idx)
{
    return g_ptr_array_index(events->list, idx);
}

const char *tyto_web_events_camera(const struct tyto_web_events *events, uint32_t idx)
{
    return g_ptr_array_index(events->cameras.list, idx);
}

const char *tyto_web_events_class(const struct tyto_web_events *events, uint32_t idx)
{
    return g_ptr_array_index(events->classes.list, idx);
}

const char *tyto_web_events_zone(const struct tyto_web_events *events, uint32_t idx)
{
    return g_ptr_array_index(events->zones.list, idx);
}

uint32_t tyto_web_events_num_cameras(const struct tyto_web_events *events)
{
    return events->cameras.list->len;
}

uint32_t tyto_web_events_num_classes(const struct tyto_web_events *events)
{
    return events->classes.list->len;
}

uint32_t tyto_web_events_num_zones(const struct tyto_web_events *events)
{
    return events->zones.list->len;
}
