/* SPDX-License-Identifier: MIT */
/* A file of a fixed size beside the journal, made while there is space: messages that the journal
 * has no space for are set aside in it, which takes none, and outlive the process. Of one thread at
 * a time. */
#ifndef TYTO_DAEMON_JOURNAL_RESERVE_H
#define TYTO_DAEMON_JOURNAL_RESERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/event.h"

enum { TYTO_RESERVE_BYTES = 4 << 20 };

struct tyto_reserve {
    int fd; /* -1: it could not be made; nothing can be set aside */
    char path[1024 + 16];
    uint8_t log_id[TYTO_UUID_BYTES];
    size_t end;        /* where the next record comes to stand */
    uint64_t last_seq; /* of the last record; 0: it is empty */
};

/* Opens PATH.reserve, or makes it: FULL, IO. What it holds of another log, or up to committed_seq
 * alone, is forgotten. */
TYTO_MUST_CHECK
enum tyto_err tyto_reserve_open(struct tyto_reserve *self, const char *journal_path,
                                const uint8_t log_id[TYTO_UUID_BYTES], uint64_t committed_seq);
void tyto_reserve_close(struct tyto_reserve *self);

/* Behind those that are there; seq is above theirs, and above all that ever were. FULL: there is no
 * room; IO: it is not there. */
TYTO_MUST_CHECK
enum tyto_err tyto_reserve_put(struct tyto_reserve *self, uint64_t seq, const uint8_t *bytes,
                               size_t num_bytes);
/* Visits all of them in order, envelopes as they were sent. Ends at an error of visit, which is
 * given back; IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_reserve_each(struct tyto_reserve *self,
                                enum tyto_err (*visit)(void *user, uint64_t seq,
                                                       const uint8_t *bytes, size_t num_bytes),
                                void *user);
/* All of them are in the journal. */
void tyto_reserve_empty(struct tyto_reserve *self);

#endif
