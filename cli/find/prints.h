/* SPDX-License-Identifier: MIT */
/* What events sounded and looked like, by the scores that tytod has kept of their seconds, and
 * which of them are alike. An event's print of sound is how sure each class was to be heard in the
 * second in which its own class was heard best, its print of the picture the same of what was seen.
 * Both are numbers by class, so that a sound can be held against pictures. One thread. */
#ifndef TYTO_CLI_FIND_PRINTS_H
#define TYTO_CLI_FIND_PRINTS_H

#include <stdint.h>

#include "base/err.h"
#include "base/words.h"
#include "proto/event.h"
#include "proto/query.h"

#define TYTO_PRINT_LIST(X)                                                                         \
    X(TYTO_PRINT_ANY, "any", "both")                                                               \
    X(TYTO_PRINT_SOUND, "sound", NULL)                                                             \
    X(TYTO_PRINT_PICTURE, "picture", NULL)
enum tyto_print { TYTO_PRINT_LIST(TYTO_WORD_ENUM) };

enum {
    TYTO_PRINTS_MAX_CLASSES = 256, /* what a model has more is left out */
    TYTO_PRINTS_MAX_EVENTS = 200000,
};

struct tyto_prints;

/* What is kept of an event. */
struct tyto_print_event {
    char id[TYTO_ULID_CHARS + 1], camera[TYTO_ID_MAX + 1], class_name[TYTO_ID_MAX + 1];
    int64_t begin_unix_ns, end_unix_ns;
    float heard, seen; /* its scores */
};
struct tyto_print_match {
    const struct tyto_print_event *event; /* borrowed until the next one is added */
    float similarity;                     /* 0..1, cosine */
};

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_prints_create(struct tyto_prints **ret_prints);
void tyto_prints_destroy(struct tyto_prints **prints);

/* An event that can be found; again: nothing changes. Before the scores of its time. FULL, NOMEM.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_prints_add(struct tyto_prints *prints, const struct tyto_event *event);
/* A piece of a camera's scores (a reply of kind SCORES), any piece in any order. */
void tyto_prints_take(struct tyto_prints *prints, const char *camera,
                      const struct tyto_reply *page);

/* The events whose `among` is most like the `by` of the event of this id, the most alike first, at
 * most max of them; with ANY (then of both) the mean of what sound and picture say. Left out is
 * what its camera told of the same moment. NOT_FOUND: there is no such event; EMPTY: nothing is
 * kept of its sound or picture, or there was nothing that the model knows. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_prints_find(const struct tyto_prints *prints, const char *id, enum tyto_print by,
                               enum tyto_print among, uint32_t max,
                               struct tyto_print_match *ret_matches, uint32_t *ret_num);

#endif
