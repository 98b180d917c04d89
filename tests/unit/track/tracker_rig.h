/* SPDX-License-Identifier: MIT */
/* A tracker of three classes, what it is told of a second, and what it tells. */
#ifndef TYTO_TESTS_TRACKER_RIG_H
#define TYTO_TESTS_TRACKER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pipeline/track/tracker.h"

#define S 1000000000ll

enum { K = 3, MAX_EVENTS = 64 };

extern const char *const names[K]; /* dog, guitar, bell */
extern int64_t unix_offset_ns;     /* of what is fed */

struct log {
    uint32_t num;
    struct tyto_event events[MAX_EVENTS];
};

/* A sink whose user is a log. */
void keep(void *user, const struct tyto_event *event);
struct tyto_tracker *make(struct tyto_tracker_params params, tyto_tracker_sink sink, void *user);
/* The second t, in which the first class has these scores. */
void feed(struct tyto_tracker *tracker, int64_t t, float joint, float heard, float seen);

#endif
