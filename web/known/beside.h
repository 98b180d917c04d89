/* SPDX-License-Identifier: MIT */
/* The events before and after one, of those that are wanted, by their begins. */
#ifndef TYTO_WEB_KNOWN_BESIDE_H
#define TYTO_WEB_KNOWN_BESIDE_H

#include "web/known/events.h"

/* What is wanted; NULL and 0: all of them. */
struct tyto_web_wanted {
    const char *camera, *zone;
    const char *const *classes; /* NULL-terminated; any of them */
    enum tyto_modality modality;
    float
        score; /* the best of an event's scores is as high at least; events without scores are in */
};

struct tyto_web_beside {
    const struct tyto_web_event *before,
        *after;       /* NULL: there is none; borrowed until the next put */
    uint32_t at, num; /* the event is the at-th of num, from 1; 0: it is not wanted itself */
};

struct tyto_web_beside tyto_web_events_beside(const struct tyto_web_events *events,
                                              const struct tyto_web_event *event,
                                              const struct tyto_web_wanted *wanted);

#endif
