/* SPDX-License-Identifier: MIT */
/* What a feed does, without its sockets: what came in goes in, what to ask and what to give comes
 * out. Time is what the caller says (tyto_clock_mono_ns()). Of client/ alone.
 *
 * `last` is the one number that counts: all up to it has been given, or told as lost. A message
 * that came is given when it is the next one; when it is not, everything from `last` + 1 on is
 * fetched, and what came meanwhile is held, or let go where it is too much: it is fetched in its
 * turn. Where not all topics are wanted a number that is not the next one may be of another topic:
 * then it is asked, too, and mostly nothing comes of it. */
#ifndef TYTO_CLIENT_FOLLOW_H
#define TYTO_CLIENT_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/feed.h"
#include "client/gaps.h"
#include "client/held.h"
#include "client/repeats.h"
#include "proto/query.h"

struct tyto_follow_params {
    bool is_filtered; /* not all topics are subscribed to */
    enum tyto_feed_start start;
    int64_t since_unix_ns;
    struct tyto_feed_position position;
    bool with_snapshot;
    uint64_t answer_ns, patience_ns; /* patience UINT64_MAX: for ever */
};

enum tyto_follow_fetch {
    TYTO_FOLLOW_IDLE,
    TYTO_FOLLOW_ASKED,    /* an answer, or the next piece of one, is to come */
    TYTO_FOLLOW_HAS_CHUNK /* a piece is being given */
};

/* A log, as the daemon tells of it. */
struct tyto_follow_log {
    uint8_t log_id[TYTO_UUID_BYTES];
    uint64_t last_seq, oldest_seq; /* oldest 0: it keeps nothing */
};

struct tyto_follow {
    struct tyto_follow_params params;
    bool has_log;
    uint8_t log_id[TYTO_UUID_BYTES];
    uint64_t last, known; /* known: the highest number that there is */
    uint64_t oldest;
    bool is_since_due; /* where to begin is to be asked by time */
    bool is_first_ask; /* what is too old is not lost: nobody has waited for it */
    bool is_now_open;  /* "now" is when the first message or beat comes: it has not */
    /* Of this run of the daemon. */
    bool has_boot;
    uint8_t boot_id[TYTO_UUID_BYTES];
    uint64_t boot_ns, last_at_boot;
    bool may_ask, is_live_only, is_silent;
    bool is_unnamed; /* live_only because nobody says where to ask */
    /* Another log is there; it is gone over to when the held ones of this one have been given. */
    bool has_next;
    struct tyto_follow_log next;
    struct tyto_held held;
    struct tyto_gaps gaps; /* where nothing can be asked and not all topics are wanted */
    struct tyto_repeats repeats;
    /* The fetch. */
    enum tyto_follow_fetch fetch;
    bool is_snapshot;       /* it is one */
    bool is_snapshot_due;   /* one is to come, once all that there is has been given */
    bool is_snapshot_start; /* that one says where to begin */
    uint64_t fetch_id;      /* 0: whoever was asked is gone */
    uint64_t asked_ns;      /* the last request, or sign of it */
    uint64_t trouble_ns;    /* since when there is no progress; 0: there is */
    uint64_t ask_after_ns;  /* not before */
    uint64_t retry_ns;      /* live_only ends then; 0: it does not */
    bool is_too_old;        /* what is asked next is below `oldest` */
    bool is_given_up;       /* patience is over */
    uint64_t ask_ns[4];     /* the last ones, of which no more are made than a daemon bears */
    uint32_t num_asks;
    bool wants_credit, wants_new_socket;
    struct tyto_reply chunk; /* owned; num_missing: without what was held meanwhile */
    uint32_t chunk_at;
    uint64_t chunk_from;
    char refusal[TYTO_STATE_TEXT_MAX + 1]; /* why the last request was not answered */
    /* What is to be told when there is time. */
    bool is_connected_due, is_restarted_due, is_live_only_due, is_caught_up_due;
    struct tyto_feed_counts counts;
    struct tyto_envelope unpacked;
    char text[512];
};

/* All zeroes before. */
void tyto_follow_init(struct tyto_follow *self, const struct tyto_follow_params *params);
void tyto_follow_finish(struct tyto_follow *self);

/* A hello or a heartbeat: log.log_id is there, up to last_seq. is_beat: it was sent after all
 * messages up to last_seq. */
void tyto_follow_heard(struct tyto_follow *self, uint64_t now_ns,
                       const uint8_t boot_id[TYTO_UUID_BYTES], const struct tyto_follow_log *log,
                       bool is_beat);
/* Whether what a daemon repeats for newcomers is all that tells of it: nothing can be asked. */
bool tyto_follow_gets_repeats(const struct tyto_follow *self);
/* Whether that may turn out: who is asked for a snapshot has not answered yet, and seems to keep
 * nothing. Repeats wait. */
bool tyto_follow_may_get_repeats(const struct tyto_follow *self);
/* A message that was published; bytes: it, packed. */
void tyto_follow_live(struct tyto_follow *self, const struct tyto_envelope *envelope,
                      const uint8_t *bytes, size_t num_bytes);
/* Whether there is somebody to ask, of this run of the daemon. */
void tyto_follow_set_may_ask(struct tyto_follow *self, bool may_ask);
void tyto_follow_set_silent(struct tyto_follow *self, bool is_silent);
/* An answer; what it holds is taken. */
void tyto_follow_reply(struct tyto_follow *self, uint64_t now_ns, struct tyto_reply *reply);
/* Looks at what takes too long. Before each wants. */
void tyto_follow_look(struct tyto_follow *self, uint64_t now_ns);

/* Fills what is to be asked: SNAPSHOT or REPLAY, without prefixes and id. False: nothing. */
bool tyto_follow_wants(struct tyto_follow *self, uint64_t now_ns, struct tyto_request *ret_request);
/* It was sent, with this id; or it could not be (id 0). */
void tyto_follow_asked(struct tyto_follow *self, uint64_t now_ns, uint64_t id);
/* True, once: the id of whose answers more may come. */
bool tyto_follow_wants_credit(struct tyto_follow *self, uint64_t *ret_id);
/* True, once: who is asked does not answer, and a new connection might. */
bool tyto_follow_wants_new_socket(struct tyto_follow *self);

/* The next item. EMPTY: none at the moment. */
TYTO_MUST_CHECK
enum tyto_err tyto_follow_next(struct tyto_follow *self, struct tyto_feed_item *ret_item);
/* EMPTY: none yet. */
TYTO_MUST_CHECK
enum tyto_err tyto_follow_position(const struct tyto_follow *self,
                                   struct tyto_feed_position *ret_position);

#endif
