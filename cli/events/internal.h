/* SPDX-License-Identifier: MIT */
/* What commands that ask or follow a running tytod share. */
#ifndef TYTO_CLI_EVENTS_INTERNAL_H
#define TYTO_CLI_EVENTS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/common/link.h"
#include "cli/common/options.h"
#include "cli/event/line.h"
#include "client/query.h"
#include "client/tyto.h"
#include "files/json.h"

/* --- question.c: where tytod is, and asking it ------------------------------------------------ */

/* The argument ENDPOINT. */
#define TYTO_LINK_ENDPOINT_HELP                                                                    \
    "where tytod publishes (default: " TYTO_CLIENT_DEFAULT_ENDPOINT                                \
    "); 'ipc' means the socket file in the user's run-time folder"

/* tyto_link_prepare(). False: told why, as the command `name` ("watch"). */
bool tyto_link_find(struct tyto_link *link, const char *argument, const char *name);
/* Asks the daemon where it can be asked. NULL: told why, *ret_status is the exit status. */
struct tyto_query *tyto_link_query(const struct tyto_link *link, const char *name, int *ret_status);
/* An error of a question, for people; gives the exit status. */
int tyto_link_complain(const struct tyto_query *query, const char *name, enum tyto_err err);

/* --- tell.c: messages, as lines or JSON ------------------------------------------------------- */

/* Which modality an event has. */
#define TYTO_TELL_MODALITY_LIST(X)                                                                 \
    X(TYTO_TELL_ANY, "any", NULL)                                                                  \
    X(TYTO_TELL_BOTH, "both", "heard and seen")                                                    \
    X(TYTO_TELL_HEARD, "heard", "heard alone")                                                     \
    X(TYTO_TELL_SEEN, "seen", "seen alone")
enum tyto_tell_modality { TYTO_TELL_MODALITY_LIST(TYTO_WORD_ENUM) };

/* Options about which events, of a struct tyto_tell_filter. */
struct tyto_tell_filter {
    struct tyto_texts cameras, classes, zones;
    enum tyto_tell_modality modality;
};
enum { TYTO_TELL_FILTER_NUM_ROWS = 4 };
extern const struct tyto_option tyto_tell_filter_rows[TYTO_TELL_FILTER_NUM_ROWS];

bool tyto_tell_is_wanted(const struct tyto_tell_filter *filter, const struct tyto_message *message);

/* Options about how events are told, of a struct tyto_tell. */
struct tyto_tell {
    struct tyto_line_style style;
    enum tyto_color color;
    bool is_json, with_segments, with_updates;
    bool is_snapshot;    /* the next message is how it stands, not what has just happened */
    bool is_past;        /* the first column is when it was told, with its day where that changes */
    int64_t day_unix_ns; /* of the last line; 0: none */
};
enum { TYTO_TELL_NUM_ROWS = 6 };
extern const struct tyto_option tyto_tell_rows[TYTO_TELL_NUM_ROWS];

/* The head of lines. */
void tyto_tell_begin(struct tyto_tell *tell);
/* One message on stdout: an event, or a state. */
void tyto_tell_message(struct tyto_tell *tell, const struct tyto_message *message);
/* Something about the link. type: of JSON; text: of the line. json: more members, taken, or NULL.
 */
void tyto_tell_notice(struct tyto_tell *tell, const char *type, bool is_bad, const char *text,
                      struct tyto_json *json);
/* "2026-11-27 18:30:05.1" of this machine's zone. */
void tyto_tell_time(int64_t unix_ns, char ret_text[32]);

#endif
