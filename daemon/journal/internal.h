/* SPDX-License-Identifier: MIT */
/* What the files of the journal share. Internal. */
#ifndef TYTO_DAEMON_JOURNAL_INTERNAL_H
#define TYTO_DAEMON_JOURNAL_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fault.h"
#include "daemon/journal/journal.h"
#include "daemon/journal/reserve.h"

/* Of sqlite3.h, which the sources include. */
typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
typedef struct sqlite3_backup sqlite3_backup;

/* --- sql.c: a database and its statements; of one thread at a time -------------------------- */

struct tyto_sql {
    sqlite3 *db;
    char path[TYTO_JOURNAL_PATH_MAX];
};

/* NULL is closed, too. */
void tyto_sql_close(struct tyto_sql *sql);
/* Before a close while another database stands, or will stand, at the path: SQLite removes the
 * write-ahead log of that name with its last connection, whosever it is. */
void tyto_sql_leave_log(struct tyto_sql *sql);
/* flags: of sqlite3_open_v2. IO, NOT_FOUND, NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_sql_open(struct tyto_sql *sql, const char *path, int flags,
                            struct tyto_fault *ret_fault);
/* What the last call's result means: OK, FULL, FORMAT (no journal, or a damaged one), NOMEM, IO;
 * *ret_fault (may be NULL) says it in words. */
TYTO_MUST_CHECK
enum tyto_err tyto_sql_result(struct tyto_sql *sql, int rc, struct tyto_fault *ret_fault);
TYTO_MUST_CHECK
enum tyto_err tyto_sql_run(struct tyto_sql *sql, const char *text, struct tyto_fault *ret_fault);
TYTO_MUST_CHECK
enum tyto_err tyto_sql_prepare(struct tyto_sql *sql, const char *text, sqlite3_stmt **ret_stmt,
                               struct tyto_fault *ret_fault);
/* Steps a statement without rows, and makes it ready for the next time. */
TYTO_MUST_CHECK
enum tyto_err tyto_sql_step(struct tyto_sql *sql, sqlite3_stmt *stmt, struct tyto_fault *ret_fault);
/* One number, 0 when there is no row. */
TYTO_MUST_CHECK
enum tyto_err tyto_sql_number(struct tyto_sql *sql, const char *text, int64_t *ret_number,
                              struct tyto_fault *ret_fault);
/* Statements for the while between BEGIN and COMMIT; ROLLBACK where err is set. Gives err back, or
 * what COMMIT met. */
TYTO_MUST_CHECK
enum tyto_err tyto_sql_end(struct tyto_sql *sql, enum tyto_err err, struct tyto_fault *ret_fault);
/* The text of a column, "" for none. Borrowed until the next step. */
const char *tyto_sql_text(sqlite3_stmt *stmt, int column);

/* --- the writer ------------------------------------------------------------------------------ */

enum tyto_journal_statement {
    TYTO_JOURNAL_PUT_MESSAGE,
    TYTO_JOURNAL_PUT_COUNTER,
    TYTO_JOURNAL_PUT_STATE,
    TYTO_JOURNAL_FIND_EVENT,
    TYTO_JOURNAL_PUT_EVENT,
    TYTO_JOURNAL_PUT_EMBEDDINGS,
    TYTO_JOURNAL_DROP_EMBEDDINGS,
    TYTO_JOURNAL_NUM_STATEMENTS,
};

/* Where the disk fails for a moment. */
#define TYTO_JOURNAL_TRY_AGAIN_NS (TYTO_NS_PER_S / 5)
enum { TYTO_JOURNAL_MAX_TRIES = 4 };
/* What may go well a moment later: a disk that fails, or memory. SQLite calls a file damaged, too,
 * that could not be read for once. */
static inline bool tyto_journal_may_pass(enum tyto_err err)
{
    return err == TYTO_ERR_IO || err == TYTO_ERR_FORMAT || err == TYTO_ERR_NOMEM;
}

/* Which file one is, whatever its name is by now. */
struct tyto_journal_file {
    uint64_t device, inode;
};

/* What this machine's clock was, and how often it was set: age.c. */
struct tyto_journal_clock {
    int64_t mono_offset_ns, boot_offset_ns; /* UTC minus each, as it was last */
    int64_t last_score_id;                  /* of earlier runs */
    int64_t gap_ns;   /* by the clock at open, since the run before; less what was wrong of it */
    int64_t ahead_ns; /* by so much the clock was set forward in this run, and not yet back */
    uint64_t aged_from_ns; /* monotonic: until then nothing is too old */
};

struct tyto_journal {
    struct tyto_sql sql;
    struct tyto_log log;
    int64_t max_age_ns;
    uint64_t max_messages;
    int64_t max_score_age_ns, max_score_bytes;
    int64_t score_bytes;
    bool is_anothers;    /* another process has the lock */
    int lock_fd;         /* PATH.lock: held, and where unwritten numbers are noted */
    uint64_t noted_seq;  /* what stands there; 0: none */
    uint64_t first_free; /* the last number that was ever given, as of open */
    uint8_t log_id[TYTO_UUID_BYTES];
    struct tyto_reserve reserve;
    struct tyto_journal_clock clock;
    uint64_t next_reserve_ns; /* where it could not be made it is tried again */
    /* What this run has to leave in the database before its first commit: a full disk did not let
     * it at open. */
    bool is_begin_due, is_synced;
    uint64_t num_unwritten, num_set_aside; /* of earlier runs: lost; in the reserve */
    sqlite3_stmt *stmts[TYTO_JOURNAL_NUM_STATEMENTS];
    bool is_tend_failing; /* told */
    int num_wal_pages;    /* of the last commit */
    uint64_t next_prune_ns;
    struct tyto_journal_file file, lock_file; /* as they were opened */
    struct tyto_journal_file log_files[2];    /* PATH-wal, PATH-shm; zero: not there, or not ours */
    bool has_log;                             /* there must be such files */
    uint64_t next_look_ns;                    /* whether they are where they were */
    bool is_away;                             /* they are not */
    struct tyto_sql copy;                     /* what is in it, on its way to its place */
    sqlite3_backup *copying;                  /* NULL: it is not */
    atomic_uint_fast64_t last_seq, oldest_seq;
};

/* setup.c: tables, what is kept of an earlier run, and the pragmas; is_new: an empty database.
 * FORMAT: it is no journal of ours. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_set_up(struct tyto_journal *journal, struct tyto_fault *ret_fault);

/* The numbers of this run begin where those of earlier ones have ended; at the first time what
 * open() could not write for want of space. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_begin_run(struct tyto_journal *journal, struct tyto_fault *ret_fault);

/* setup.c: pragmas and statements of a database that has all the rest. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_prepare(struct tyto_journal *journal, struct tyto_fault *ret_fault);
/* journal.c: closes the database, and opens what stands at path and holds the same. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_exchange(struct tyto_journal *journal, const char *path,
                                    struct tyto_fault *ret_fault);
/* lock.c: IO, is_anothers where another process has it; and the same at a new file. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_lock(struct tyto_journal *journal, const char *path,
                                struct tyto_fault *ret_fault);
TYTO_MUST_CHECK
enum tyto_err tyto_journal_lock_anew(struct tyto_journal *journal, struct tyto_fault *ret_fault);
/* What SQLite keeps beside it: what was committed lately, and where in there. Without them others
 * read what is no longer so, and what is killed leaves it behind. */
extern const char *const tyto_journal_log_endings[2];
/* lock.c: which files are ours from now on. */
void tyto_journal_note_place(struct tyto_journal *journal);
/* copy.c: a piece of what is in it, to its path. TIMEOUT: there is more; IO, FULL: it is begun anew
 * the next time. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_copy(struct tyto_journal *journal, struct tyto_fault *ret_fault);
void tyto_journal_drop_copy(struct tyto_journal *journal);

/* age.c: the table of how the clock was set, and how it is; the numbers are known. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_set_up_clock(struct tyto_journal *journal, struct tyto_fault *ret_fault);
/* Notes by how much it was set, if it was. Before rows are written, and before any is too old. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_look_at_clock(struct tyto_journal *journal,
                                         struct tyto_fault *ret_fault);
/* When a message was made, by the clock that the rows before it count by. */
int64_t tyto_journal_stamp(const struct tyto_journal *journal,
                           const struct tyto_envelope *envelope);
/* The last of the max_rows oldest messages that is older than they may be; 0: none is. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_find_aged(struct tyto_journal *journal, uint32_t max_rows,
                                     uint64_t *ret_seq);
/* As SQL, to be added to a row's time: by how much the clock was set since. what: seq or score_id,
 * row: the column that has it. */
#define TYTO_JOURNAL_SET_SINCE(what, row)                                                          \
    "(SELECT coalesce(sum(ns), 0) FROM clock_steps WHERE " what " >= " row ")"

/* scores.c: their tables; deleting what is too old or too much, a piece at a time. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_set_up_scores(struct tyto_journal *journal,
                                         struct tyto_fault *ret_fault);
TYTO_MUST_CHECK
enum tyto_err tyto_journal_prune_scores(struct tyto_journal *journal, bool *ret_has_more);
/* alike.c: their table; what an event's message says of them. */
TYTO_MUST_CHECK
enum tyto_err tyto_journal_set_up_embeddings(struct tyto_journal *journal,
                                             struct tyto_fault *ret_fault);
TYTO_MUST_CHECK
enum tyto_err tyto_journal_put_embeddings(struct tyto_journal *journal,
                                          const struct tyto_event *event,
                                          struct tyto_fault *ret_fault);
/* read.c */
struct tyto_sql *tyto_journal_reader_sql(struct tyto_journal_reader *reader);
/* Columns seq, topic, bytes from `first` on. */
struct tyto_journal_row tyto_journal_row_of(sqlite3_stmt *stmt, int first);

#endif
