/* SPDX-License-Identifier: MIT */
/* The event log on the disk (SQLite, write-ahead): every event and state that has a number, kept
 * before it is published. One writer (tyto_journal, of one thread at a time) and any number of
 * readers (tyto_journal_reader, each of one thread), which never wait for one another.
 *
 * A commit survives the death of the process; that of the machine only with is_synced. Built
 * without SQLite, opening gives UNSUPPORTED. */
#ifndef TYTO_DAEMON_JOURNAL_JOURNAL_H
#define TYTO_DAEMON_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "proto/event.h"
#include "proto/query.h"

enum {
    TYTO_JOURNAL_PATH_MAX = 1024,
    TYTO_JOURNAL_MAX_GROUP = 1024,   /* entries of one commit */
    TYTO_JOURNAL_MAX_HISTORY = 1024, /* messages that are read about one event: its latest */
    TYTO_JOURNAL_MAX_NAMES = 64,     /* cameras, and classes, of one filter */
    TYTO_JOURNAL_MAX_RULES = 32768,  /* bytes */
};

struct tyto_journal_params {
    const char *path;           /* of the database; others beside it: -wal, -shm, .lock,
                                   .reserve; copied */
    int64_t max_age_ns;         /* older messages are deleted; 0: unlimited */
    uint64_t max_messages;      /* the oldest of more are deleted; 0: unlimited */
    int64_t max_score_age_ns;   /* older rows of scores are deleted; 0: unlimited */
    uint64_t max_score_bytes;   /* the oldest of more are deleted */
    bool is_synced;             /* each commit reaches the disk before anyone hears of it */
    const struct tyto_log *log; /* borrowed until close */
};

struct tyto_journal;

/* Opens it or makes it, with its folder. What is no journal is moved aside (PATH.damaged) and told
 * to the log. IO (in use by another process, no space, no permission), UNSUPPORTED, NOMEM with
 * *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_open(const struct tyto_journal_params *params,
                                struct tyto_journal **ret_journal, struct tyto_fault *ret_fault);
void tyto_journal_close(struct tyto_journal **journal);

const char *tyto_journal_path(const struct tyto_journal *journal);
/* Of TYTO_UUID_BYTES: whose numbers these are. The same for as long as the file lives. */
const uint8_t *tyto_journal_log_id(const struct tyto_journal *journal);
/* Any thread. The oldest number that can be replayed; last + 1 while there is none. */
uint64_t tyto_journal_oldest_seq(const struct tyto_journal *journal);
/* Any thread: the last number that is committed. */
uint64_t tyto_journal_last_seq(const struct tyto_journal *journal);

/* --- what earlier runs have left; before the first commit ------------------------------------ */

/* The last number that an earlier run has given, to anything. Those after it were given to nobody.
 * It may lie beyond what is in the journal: see tyto_journal_note_unwritten(). */
uint64_t tyto_journal_first_free(const struct tyto_journal *journal);
/* Visits numbers that were given for each camera (class_name NULL) and each class of a camera, the
 * same perhaps twice: the highest is the last. IO, NOMEM; an error of visit ends it and is given
 * back. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_each_counter(struct tyto_journal *journal,
                                        enum tyto_err (*visit)(void *user, const char *camera,
                                                               const char *class_name,
                                                               uint64_t num),
                                        void *user);
/* Visits the latest message of each event that has no END. The same errors. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_each_open(struct tyto_journal *journal,
                                     enum tyto_err (*visit)(void *user,
                                                            const struct tyto_event *event),
                                     void *user);

/* Visits what earlier runs have set aside, in the order of the numbers: to be committed before
 * anything else. The same errors. */
TYTO_MUST_CHECK
enum tyto_err
tyto_journal_each_set_aside(struct tyto_journal *journal,
                            enum tyto_err (*visit)(void *user, const struct tyto_envelope *envelope,
                                                   const uint8_t *bytes, size_t num_bytes),
                            void *user);

/* --- writing --------------------------------------------------------------------------------- */

struct tyto_journal_entry {
    const struct tyto_envelope *envelope; /* numbered; an event or a state */
    const char *topic;
    const uint8_t *bytes; /* the envelope as it is sent */
    size_t num_bytes;
};

/* All of them or none, in the order of their numbers; num <= TYTO_JOURNAL_MAX_GROUP. FULL: no space
 * on the disk; IO, NOMEM: *ret_fault says what. It may be tried again. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_commit(struct tyto_journal *journal,
                                  const struct tyto_journal_entry *entries, uint32_t num,
                                  struct tyto_fault *ret_fault);
/* One that is published though it cannot be committed: it is kept in a file that takes no more
 * space (PATH.reserve) until all of them are committed, by this run or a later one. In the order of
 * their numbers. FULL: that file has no room; IO: it is not there, or the disk is bad. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_set_aside(struct tyto_journal *journal,
                                     const struct tyto_journal_entry *entry);
/* A number that was published though it could not be committed: no later run gives it again. Takes
 * no space on the disk. */
void tyto_journal_note_unwritten(struct tyto_journal *journal, uint64_t seq);
/* Whether its files are where they were made, looked at once a second; where they are not, they are
 * made anew there, a piece at a time, with all that was in them and the same log_id. IO and others:
 * not yet, *ret_fault says why; to be asked again before anything is committed. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_stay(struct tyto_journal *journal, struct tyto_fault *ret_fault);
/* A bounded piece of what has to be done now and then: write the log back, delete what is too old.
 * True: there is more to do. Errors are told to the log; the next commit will meet them, too. */
bool tyto_journal_tend(struct tyto_journal *journal);

/* A row of scores: of one camera, a minute or so. */
struct tyto_journal_scores {
    char camera[TYTO_ID_MAX + 1];
    int64_t begin_unix_ns, end_unix_ns;
    uint8_t *rules; /* by what they were decided, a packed reply of scores without segments */
    size_t num_rules;
    uint8_t *bytes; /* daemon/scores/block.h */
    size_t num_bytes;
    uint8_t memory[]; /* of both */
};
/* Without bytes, with room for max_bytes. NULL: out of memory. */
struct tyto_journal_scores *tyto_journal_scores_new(const char *camera, const uint8_t *rules,
                                                    size_t num_rules, size_t max_bytes);
void tyto_journal_scores_free(struct tyto_journal_scores **scores);
/* All of them or none, in a transaction of their own. Errors as of commit. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_put_scores(struct tyto_journal *journal,
                                      struct tyto_journal_scores *const *rows, uint32_t num,
                                      struct tyto_fault *ret_fault);

/* --- reading --------------------------------------------------------------------------------- */

struct tyto_journal_reader;

/* False: another file stands at its path than the one that it reads. */
bool tyto_journal_reader_is_current(const struct tyto_journal_reader *reader);
/* NOT_FOUND: no such journal; IO, UNSUPPORTED, NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_reader_open(const char *path, struct tyto_journal_reader **ret_reader,
                                       struct tyto_fault *ret_fault);
void tyto_journal_reader_close(struct tyto_journal_reader **reader);

struct tyto_journal_row {
    uint64_t seq;
    const char *topic;    /* all borrowed until visit returns */
    const uint8_t *bytes; /* an Envelope */
    size_t num_bytes;
};
/* False: no more, this one was not taken. */
typedef bool (*tyto_journal_visit)(void *user, const struct tyto_journal_row *row);

/* Visits messages from from_seq to to_seq in order, looking at max_rows at most. *ret_next_seq is
 * where to go on: behind to_seq when all are seen, also of what is not there. Every call sees a
 * moment of its own. IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_read(struct tyto_journal_reader *reader, uint64_t from_seq,
                                uint64_t to_seq, uint32_t max_rows, tyto_journal_visit visit,
                                void *user, uint64_t *ret_next_seq);
/* The first number that was committed at unix_ns or later; last + 1 when there is none. By the
 * clock of the host, which may have been set meanwhile. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_find_time(struct tyto_journal_reader *reader, int64_t unix_ns,
                                     uint64_t *ret_seq);
/* What there is now: visits the newest state of each camera, the model's, and the latest message of
 * each open event, as of *ret_seq. False from visit ends it with FULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_snapshot(struct tyto_journal_reader *reader, tyto_journal_visit visit,
                                    void *user, uint64_t *ret_seq);

/* Where a list goes on: behind the event of this begin and id. */
struct tyto_journal_cursor {
    int64_t begin_unix_ns;
    char id[TYTO_ULID_CHARS + 1]; /* "": from the beginning */
};
struct tyto_journal_filter {
    /* Events that touch this time, and have begun at most 24 h before it; 0: unlimited. */
    int64_t from_unix_ns, to_unix_ns;
    uint32_t num_cameras, num_classes; /* 0: all */
    char cameras[TYTO_JOURNAL_MAX_NAMES][TYTO_ID_MAX + 1];
    char classes[TYTO_JOURNAL_MAX_NAMES][TYTO_ID_MAX + 1];
    bool is_newest_first;
    bool is_open; /* only those without END */
};
/* Visits the latest message of each event in the order of their begins, retracted ones left out,
 * looking at max_rows at most. cursor: where to begin, and afterwards where to go on;
 * *ret_has_more: whether there may be more. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_list(struct tyto_journal_reader *reader,
                                const struct tyto_journal_filter *filter, uint32_t max_rows,
                                tyto_journal_visit visit, void *user,
                                struct tyto_journal_cursor *reterr_cursor, bool *ret_has_more);
/* Visits the messages about one event, the latest first. NOT_FOUND. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_get(struct tyto_journal_reader *reader, const char *id,
                               tyto_journal_visit visit, void *user);

enum { TYTO_JOURNAL_MAX_ALIKE = 64 };
struct tyto_journal_likeness {
    struct tyto_embeddings like;       /* what it has is looked for */
    enum tyto_among among;             /* not OWN: `like` has one, which is held against these */
    struct tyto_journal_filter filter; /* its order and is_open mean nothing */
    char but_id[TYTO_ULID_CHARS + 1];  /* left out, with what its camera told of the same moment */
    uint32_t max;                      /* <= TYTO_JOURNAL_MAX_ALIKE */
    bool (*may)(void *user, const char *camera, const char *class_name); /* or it is left out */
    void *user;
};
typedef bool (*tyto_journal_visit_alike)(void *user, const struct tyto_journal_row *row,
                                         float similarity);
/* Visits the latest message of the events that are the most alike, the most alike first, of the
 * latest 300,000 events whose embeddings are kept. Those of what is looked for are in the same
 * space. IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_find_alike(struct tyto_journal_reader *reader,
                                      const struct tyto_journal_likeness *likeness,
                                      tyto_journal_visit_alike visit, void *user);

struct tyto_journal_score_row {
    int64_t id, rules_id;
    const uint8_t *rules, *bytes; /* borrowed until visit returns */
    size_t num_rules, num_bytes;
};
/* False: no more. */
typedef bool (*tyto_journal_visit_scores)(void *user, const struct tyto_journal_score_row *row);
/* Visits rows of a camera from row from_id on, in the order in which they were put, that touch this
 * time (to 0: unlimited). IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_read_scores(struct tyto_journal_reader *reader, const char *camera,
                                       int64_t from_id, int64_t from_unix_ns, int64_t to_unix_ns,
                                       tyto_journal_visit_scores visit, void *user);

#endif
