/* SPDX-License-Identifier: MIT */
#include "pipeline/hours/hours.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/clock.h"

static const char *const day_names[TYTO_HOURS_DAYS] = {"mon", "tue", "wed", "thu",
                                                       "fri", "sat", "sun"};

struct tyto_time_zone {
    GTimeZone *zone; /* NULL: the host's */
};

enum tyto_err tyto_time_zone_create(const char *name, struct tyto_time_zone **ret_zone,
                                    struct tyto_fault *ret_fault)
{
    GTimeZone *found = NULL;
    if (name && name[0]) {
        found = g_time_zone_new_identifier(name);
        if (!found)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "'%.60s' is no time zone that this system knows: write "
                                  "Europe/Berlin, or UTC, or +02:00",
                                  name);
    }
    struct tyto_time_zone *zone = calloc(1, sizeof(*zone));
    if (!zone) {
        if (found)
            g_time_zone_unref(found);
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    }
    zone->zone = found;
    *ret_zone = zone;
    return TYTO_OK;
}

void tyto_time_zone_destroy(struct tyto_time_zone **zone)
{
    if (!zone || !*zone)
        return;
    if ((*zone)->zone)
        g_time_zone_unref((*zone)->zone);
    free(*zone);
    *zone = NULL;
}

struct tyto_wall_time tyto_time_zone_wall(const struct tyto_time_zone *zone, int64_t unix_ns)
{
    const int64_t s = unix_ns / (int64_t)TYTO_NS_PER_S - (unix_ns % (int64_t)TYTO_NS_PER_S < 0);
    GTimeZone *local = zone->zone ? g_time_zone_ref(zone->zone) : g_time_zone_new_local();
    const gint interval = g_time_zone_find_interval(local, G_TIME_TYPE_UNIVERSAL, s);
    const int64_t shown_s = s + (interval >= 0 ? g_time_zone_get_offset(local, interval) : 0);
    g_time_zone_unref(local);
    const int64_t min = shown_s / 60 - (shown_s % 60 < 0);
    const int64_t day = min / TYTO_HOURS_DAY_MIN - (min % TYTO_HOURS_DAY_MIN < 0);
    const int64_t weekday = ((day + 3) % TYTO_HOURS_DAYS + TYTO_HOURS_DAYS) % TYTO_HOURS_DAYS;
    return (struct tyto_wall_time){.day = (uint32_t)weekday, /* 1970 began on a Thursday */
                                   .min = (uint32_t)(min - day * TYTO_HOURS_DAY_MIN)};
}

bool tyto_hours_hold(const struct tyto_hours *hours, struct tyto_wall_time wall)
{
    const uint32_t days = hours->days ? hours->days : TYTO_HOURS_ALL_DAYS;
    const bool is_today = days >> wall.day & 1;
    const bool was_yesterday = days >> (wall.day + TYTO_HOURS_DAYS - 1) % TYTO_HOURS_DAYS & 1;
    if (hours->begin_min < hours->end_min)
        return is_today && wall.min >= hours->begin_min && wall.min < hours->end_min;
    return (is_today && wall.min >= hours->begin_min) ||
           (was_yesterday && wall.min < hours->end_min);
}

/* --- text ------------------------------------------------------------------------------------- */

/* "06:30", to "24:00". */
static bool read_min(const char *text, size_t num, uint32_t *ret_min)
{
    static const char digits[] = "0123456789";
    if (num != 5 || text[2] != ':' || strspn(text, digits) < 2 || strspn(text + 3, digits) < 2)
        return false;
    const uint32_t hour = (uint32_t)(text[0] - '0') * 10 + (uint32_t)(text[1] - '0');
    const uint32_t min = (uint32_t)(text[3] - '0') * 10 + (uint32_t)(text[4] - '0');
    *ret_min = hour * 60 + min;
    return min < 60 && *ret_min <= TYTO_HOURS_DAY_MIN;
}

enum tyto_err tyto_hours_read(const char *text, struct tyto_hours *ret_hours,
                              struct tyto_fault *ret_fault)
{
    const char *dash = strchr(text, '-');
    uint32_t begin_min = 0, end_min = 0;
    if (!dash || !read_min(text, (size_t)(dash - text), &begin_min) ||
        !read_min(dash + 1, strlen(dash + 1), &end_min) || begin_min == TYTO_HOURS_DAY_MIN)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.60s' must be two times of the day, like 22:00-06:30", text);
    if (begin_min == end_min)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.60s' ends when it begins: write 00:00-24:00 for all of the day",
                              text);
    ret_hours->begin_min = begin_min;
    ret_hours->end_min = end_min;
    return TYTO_OK;
}

void tyto_hours_print(const struct tyto_hours *hours, char *ret_text, size_t text_bytes)
{
    ret_text[0] = '\0';
    if (hours->begin_min != hours->end_min)
        snprintf(ret_text, text_bytes, "%02u:%02u-%02u:%02u", hours->begin_min / 60,
                 hours->begin_min % 60, hours->end_min / 60, hours->end_min % 60);
}

static bool find_day(const char *text, size_t num, uint32_t *ret_day)
{
    uint32_t day = 0;
    while (day < TYTO_HOURS_DAYS &&
           (strlen(day_names[day]) != num || strncmp(day_names[day], text, num) != 0))
        day++;
    *ret_day = day;
    return day < TYTO_HOURS_DAYS;
}

enum tyto_err tyto_hours_add_days(const char *text, uint32_t *days, struct tyto_fault *ret_fault)
{
    const size_t num = strcspn(text, "-");
    uint32_t first = 0, last = 0;
    bool good = find_day(text, num, &first);
    if (good && text[num] == '-')
        good = find_day(text + num + 1, strlen(text + num + 1), &last);
    else
        last = first;
    if (!good)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.60s' must be a day (mon, tue, wed, thu, fri, sat, sun), or days "
                              "like mon-fri",
                              text);
    for (uint32_t day = first; day != last; day = (day + 1) % TYTO_HOURS_DAYS)
        *days |= 1u << day;
    *days |= 1u << last;
    return TYTO_OK;
}

void tyto_hours_print_days(uint32_t days, char *ret_text, size_t text_bytes)
{
    size_t len = 0;
    ret_text[0] = '\0';
    for (uint32_t day = 0; day < TYTO_HOURS_DAYS && len < text_bytes; day++) {
        if (!(days >> day & 1))
            continue;
        const int num =
            snprintf(ret_text + len, text_bytes - len, "%s%s", len > 0 ? ", " : "", day_names[day]);
        len += num > 0 ? (size_t)num : 0;
    }
}
