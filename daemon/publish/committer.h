/* SPDX-License-Identifier: MIT */
/* Between the queue of what was handed in and the queue of what is to be sent: a thread that
 * commits messages to the journal, as many at a time as wait, and then passes them on. Where the
 * journal cannot be written they are passed on all the same, told about, and kept in memory for a
 * while: once it can be written again they are committed after the fact. */
#ifndef TYTO_DAEMON_PUBLISH_COMMITTER_H
#define TYTO_DAEMON_PUBLISH_COMMITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/ring.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/outgoing.h"

struct tyto_committer_params {
    struct tyto_ring *from;       /* of struct tyto_envelope *, owned by the ring */
    struct tyto_journal *journal; /* all borrowed until destroy */
    const struct tyto_sender *sender;
    const struct tyto_log *log;
};

struct tyto_committer;

/* NOMEM, IO. Starts the thread, which ends when `from` is closed and empty. */
TYTO_MUST_CHECK
enum tyto_err tyto_committer_create(const struct tyto_committer_params *params,
                                    struct tyto_committer **ret_committer);
/* After the thread has ended: see tyto_committer_join(). */
void tyto_committer_destroy(struct tyto_committer **committer);

/* Of struct tyto_outgoing *, a reference each; closed at the end. To be popped by one thread. */
struct tyto_ring *tyto_committer_ring(struct tyto_committer *committer);
/* Whether everything that was popped from `from` is in the ring. Ask while nothing can be pushed
 * and `from` is empty, and look into the ring afterwards. */
bool tyto_committer_is_idle(const struct tyto_committer *committer);
/* Messages that were published and are not in the journal yet, from from_seq on, in order, all as
 * of one moment: at most max, a reference each. Returns how many. Any thread; never waits for the
 * disk. */
uint32_t tyto_committer_take_waiting(struct tyto_committer *committer, uint64_t from_seq,
                                     struct tyto_outgoing **ret_outgoing, uint32_t max);
/* False when the thread has not ended within timeout_ns. */
bool tyto_committer_join(struct tyto_committer *committer, uint64_t timeout_ns);
/* Commits one more message, by the caller, after the ring was seen closed. Failure is told. */
void tyto_committer_commit(struct tyto_committer *committer, struct tyto_outgoing *outgoing);

/* Rows of scores, owned, for the journal: written when messages have been passed on, every some
 * seconds. What is too much at a time, or cannot be written, is dropped. Any thread; never waits.
 */
void tyto_committer_keep_scores(struct tyto_committer *committer,
                                struct tyto_journal_scores *scores);

struct tyto_committer_counts {
    uint64_t num_turns;     /* of the thread: one a second at least */
    uint64_t num_committed; /* messages */
    uint64_t num_commits;
    uint64_t num_unwritten; /* given up: not in the journal, and not going to be */
    uint32_t num_waiting;   /* published, to be committed yet */
    bool is_failing;        /* the journal cannot be written at the moment */
};
/* Any thread. */
void tyto_committer_get_counts(const struct tyto_committer *committer,
                               struct tyto_committer_counts *ret_counts);

#endif
