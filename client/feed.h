/* SPDX-License-Identifier: MIT */
/* libtyto: follow a tytod for good. A feed gives each message exactly once and in order, over lost
 * messages, over restarts of either side and over kill -9, or says what is lost and why: it listens
 * (tyto.h), notices what is missing by the numbers, and fetches it (query.h).
 *
 *     struct tyto_feed_params params = {.start = TYTO_FEED_FROM_OLDEST};
 *     struct tyto_feed_position position;
 *     if (there_is_a_file && tyto_feed_position_parse(line, &position) == TYTO_OK) {
 *         params.start = TYTO_FEED_AFTER;
 *         params.position = position;
 *     }
 *     tyto_feed_open(&params, &feed);
 *     while (tyto_feed_next(feed, -1, &item) == TYTO_OK) {
 *         if (item->kind == TYTO_FEED_MESSAGE)
 *             work on item->message, until it is done;
 *         tyto_feed_get_position(feed, &position);
 *         store tyto_feed_position_format(&position);
 *     }
 *
 * Whoever is killed between the work and the storing is given that one message again: its event's
 * id and rev tell. One thread per feed; no callbacks; memory is bounded (TYTO_FEED_MAX_HELD). */
#ifndef TYTO_CLIENT_FEED_H
#define TYTO_CLIENT_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "client/tyto.h"
#include "proto/event.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    /* Messages, of 4 KiB each at most, that are kept while what was before them is fetched. What is
     * more is let go, and fetched in its turn. */
    TYTO_FEED_MAX_HELD = 1024,
    TYTO_FEED_MAX_PREFIXES = 400,
    TYTO_FEED_POSITION_CHARS = 53, /* of a position as text: 32 + 1 + 20 */
};

/* Whose numbers, and the last one that was given. */
struct tyto_feed_position {
    uint8_t log_id[TYTO_UUID_BYTES];
    uint64_t seq;
};

enum tyto_feed_start {
    TYTO_FEED_FROM_NOW,    /* what is published from the first contact on */
    TYTO_FEED_FROM_OLDEST, /* all that the journal keeps */
    TYTO_FEED_FROM_TIME,   /* what was committed at since_unix_ns or later */
    TYTO_FEED_AFTER,       /* what came after `position` */
};

struct tyto_feed_params {
    const char *endpoint;       /* where events are published; NULL: TYTO_CLIENT_DEFAULT_ENDPOINT */
    const char *query_endpoint; /* where to fetch; NULL: where tytod says on `endpoint` */
    /* Of topics: "ev/", "ev/front-door/", "st/". None: all of ev/, st/ and md/. With prefixes a
     * message may come half a second later, as what is missing before it has to be asked for. */
    const char *const *prefixes;
    uint32_t num_prefixes;
    enum tyto_feed_start start;
    int64_t since_unix_ns;
    struct tyto_feed_position position;
    /* At the first contact, and when something was lost for good: the newest states and the latest
     * message of each open event, as messages with is_snapshot. */
    bool with_snapshot;
    int answer_ms; /* how long to wait for an answer before asking again; 0: 5000 */
    /* How long to try while tytod is heard but does not answer, before what is missing is given up
     * (TYTO_FEED_UNREACHABLE); 0: 30000, -1: for ever. */
    int64_t patience_ms;
    const char *server_key, *secret_key; /* as of tyto_client_params */
};

enum tyto_feed_kind {
    TYTO_FEED_MESSAGE,   /* message: EVENT, CAMERA_STATE or MODEL_STATE */
    TYTO_FEED_LOST,      /* why, from_seq, to_seq, num_lost: messages that will not come */
    TYTO_FEED_CONNECTED, /* the first sign of life */
    TYTO_FEED_CAUGHT_UP, /* all that there was has been given; told once after each time of fetching
                          */
    TYTO_FEED_LIVE_ONLY, /* nothing can be fetched from this tytod, text says why: what is missed is
                            lost. Told once for each of its runs */
    TYTO_FEED_RESTARTED, /* another run of tytod */
    TYTO_FEED_SILENT,    /* no heartbeat for three intervals */
    TYTO_FEED_ALIVE,     /* heartbeats again */
    TYTO_FEED_REFUSED,   /* tytod does not let us in (keys), text says so; the feed goes on trying.
                            Told again at most once a minute */
};

enum tyto_feed_loss {
    TYTO_FEED_TOO_OLD,     /* the journal keeps it no more, or never had it */
    TYTO_FEED_OTHER_LOG,   /* the journal was deleted or replaced; numbers begin anew */
    TYTO_FEED_UNREACHABLE, /* nobody answered in patience_ms */
    TYTO_FEED_NOT_KEPT,    /* there is no journal, or none that may be asked */
};

struct tyto_feed_item {
    enum tyto_feed_kind kind;
    /* Of MESSAGE; seq 0: a repeat, from a tytod without journal. Of CONNECTED and RESTARTED:
     * has_hello, u.hello, the last one that came. */
    struct tyto_message message;
    bool is_snapshot;        /* of MESSAGE: how it stands, not what has just happened */
    enum tyto_feed_loss why; /* of LOST */
    /* Numbers between which something is lost, both included. 0: not known, or without end. */
    uint64_t from_seq, to_seq;
    uint64_t num_lost; /* of these; 0: not known. Other topics may be counted */
    const char *text;  /* for people, one line, never NULL; borrowed until the next call */
};

struct tyto_feed;

/* Does not wait for the daemon: it may start later. INVALID for a bad endpoint, prefix or key, or
 * too many prefixes; NOMEM, IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_feed_open(const struct tyto_feed_params *params, struct tyto_feed **ret_feed);
void tyto_feed_close(struct tyto_feed **feed);

/* The next item, borrowed until the next call; waits timeout_ms at most (-1: for ever, 0: not at
 * all). TIMEOUT: there is none, or a signal came; IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_feed_next(struct tyto_feed *feed, int timeout_ms,
                             const struct tyto_feed_item **ret_item);

/* As tyto_client_fd(): readable when tyto_feed_next(feed, 0, ...) should be called until it answers
 * TIMEOUT; edge-like. It does not tell of answers to what is fetched: a poll() loop wakes a few
 * times a second besides. -1: there is none. */
int tyto_feed_fd(const struct tyto_feed *feed);

/* What to store when the item that was given last has been worked on. EMPTY: there was no contact
 * yet, and no position to start from. */
TYTO_MUST_CHECK
enum tyto_err tyto_feed_get_position(const struct tyto_feed *feed,
                                     struct tyto_feed_position *ret_position);
/* As text of one line without its end, and back; FORMAT for what is none. */
void tyto_feed_position_format(const struct tyto_feed_position *position,
                               char ret_text[TYTO_FEED_POSITION_CHARS + 1]);
TYTO_MUST_CHECK
enum tyto_err tyto_feed_position_parse(const char *text, struct tyto_feed_position *ret_position);

struct tyto_feed_counts {
    uint64_t num_given;     /* messages, without snapshots */
    uint64_t num_fetched;   /* of these by asking */
    uint64_t num_doubled;   /* came more than once, given once */
    uint64_t num_let_go;    /* came while too many were held */
    uint64_t num_lost;      /* as told in items */
    uint64_t num_malformed; /* not understood: dropped */
    uint32_t num_replays;   /* asked for */
    uint32_t num_held;      /* now */
};
void tyto_feed_get_counts(const struct tyto_feed *feed, struct tyto_feed_counts *ret_counts);

/* "too old", "other log", "unreachable", "not kept". Static. */
const char *tyto_feed_loss_name(enum tyto_feed_loss loss);

#ifdef __cplusplus
}
#endif

#endif
