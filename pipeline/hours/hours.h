/* SPDX-License-Identifier: MIT */
/* Hours of the week by the clock on the wall, and whether a moment lies in them. A moment is UTC,
 * and what the wall shows then is asked anew each time: so days on which the clocks change, and a
 * host's clock that is set, need nothing of their own. Any thread. */
#ifndef TYTO_PIPELINE_HOURS_HOURS_H
#define TYTO_PIPELINE_HOURS_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

enum {
    TYTO_HOURS_DAYS = 7, /* Monday is the first */
    TYTO_HOURS_ALL_DAYS = (1 << TYTO_HOURS_DAYS) - 1,
    TYTO_HOURS_DAY_MIN = 24 * 60,
};

/* From begin on, before end, as a wall clock shows them. An end that is not after the begin is of
 * the next day; the days are those of the begin. */
struct tyto_hours {
    uint32_t days;               /* bit i: day i of the week; 0: every day */
    uint32_t begin_min, end_min; /* of the day, end at most TYTO_HOURS_DAY_MIN */
};

/* What a wall clock shows. */
struct tyto_wall_time {
    uint32_t day, min; /* of the week, of the day */
};

struct tyto_time_zone;

/* "" or NULL: the host's, as it is at each moment that is asked for. INVALID, with the whole
 * complaint in ret_fault->text (may be NULL), for a name that the system does not know; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_time_zone_create(const char *name, struct tyto_time_zone **ret_zone,
                                    struct tyto_fault *ret_fault);
void tyto_time_zone_destroy(struct tyto_time_zone **zone);
struct tyto_wall_time tyto_time_zone_wall(const struct tyto_time_zone *zone, int64_t unix_ns);

bool tyto_hours_hold(const struct tyto_hours *hours, struct tyto_wall_time wall);

/* "22:00-06:30", "00:00-24:00"; INVALID with the whole complaint in ret_fault->text. */
TYTO_MUST_CHECK
enum tyto_err tyto_hours_read(const char *text, struct tyto_hours *ret_hours,
                              struct tyto_fault *ret_fault);
void tyto_hours_print(const struct tyto_hours *hours, char *ret_text, size_t text_bytes);
/* Adds "mon", or "mon-fri", to a set of days; INVALID as above. */
TYTO_MUST_CHECK
enum tyto_err tyto_hours_add_days(const char *text, uint32_t *days, struct tyto_fault *ret_fault);
/* "mon, tue"; "" for none. */
void tyto_hours_print_days(uint32_t days, char *ret_text, size_t text_bytes);

#endif
