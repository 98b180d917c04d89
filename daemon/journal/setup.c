/* SPDX-License-Identifier: MIT */
/* The tables, and the way from a file that an earlier run has left to numbers that go on.
 *
 * Numbers that were published without being committed (the disk was full), or that a machine
 * without power has lost, must not be given again: then all counters go on behind them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <sqlite3.h>

#include "daemon/journal/internal.h"

enum {
    VERSION = 1,
    APPLICATION_ID = 0x7479746f,  /* "tyto" */
    LOST_WITH_THE_POWER = 100000, /* more than a machine can commit between two syncs */
    BOOT_ID_BYTES = 40,
};

/* Names of counters: "" over all, "cam/" of a camera, "cam/class/" of a class. A message that is
 * about an event knows the one before about the same. */
static const char tables[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE messages(seq INTEGER PRIMARY KEY, unix_ns INTEGER NOT NULL, topic TEXT NOT NULL,"
    " prev_seq INTEGER, bytes BLOB NOT NULL);"
    "CREATE TABLE counters(name TEXT PRIMARY KEY, num INTEGER NOT NULL, seq INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE states(topic TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE events(id TEXT PRIMARY KEY, camera TEXT NOT NULL, class TEXT NOT NULL,"
    " phase INTEGER NOT NULL, is_open INTEGER NOT NULL, begin_unix_ns INTEGER NOT NULL,"
    " end_unix_ns INTEGER, seq INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX events_by_begin ON events(begin_unix_ns, id);"
    "CREATE INDEX events_by_camera ON events(camera, begin_unix_ns, id);"
    "CREATE INDEX events_by_seq ON events(seq);"
    "CREATE INDEX events_open ON events(begin_unix_ns, id) WHERE is_open;";

static const char *const statements[TYTO_JOURNAL_NUM_STATEMENTS] = {
    [TYTO_JOURNAL_PUT_MESSAGE] =
        "INSERT INTO messages(seq, unix_ns, topic, prev_seq, bytes) VALUES(?1, ?2, ?3, ?4, ?5)",
    [TYTO_JOURNAL_PUT_COUNTER] =
        "INSERT INTO counters(name, num, seq) VALUES(?1, ?2, ?3) ON CONFLICT(name) DO UPDATE SET"
        " num = max(num, excluded.num), seq = max(seq, excluded.seq)",
    [TYTO_JOURNAL_PUT_STATE] = "INSERT OR REPLACE INTO states(topic, seq) VALUES(?1, ?2)",
    [TYTO_JOURNAL_FIND_EVENT] = "SELECT seq FROM events WHERE id = ?1",
    [TYTO_JOURNAL_PUT_EVENT] =
        "INSERT OR REPLACE INTO events(id, camera, class, phase, is_open, begin_unix_ns,"
        " end_unix_ns, seq) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [TYTO_JOURNAL_PUT_EMBEDDINGS] =
        "INSERT OR REPLACE INTO embeddings(id, vectors, begin_unix_ns, end_unix_ns, camera, class)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [TYTO_JOURNAL_DROP_EMBEDDINGS] = "DELETE FROM embeddings WHERE id = ?1",
};

static void read_boot_id(char ret_id[BOOT_ID_BYTES])
{
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    const ssize_t num = fd >= 0 ? read(fd, ret_id, BOOT_ID_BYTES - 1) : 0;
    if (fd >= 0)
        close(fd);
    ret_id[num > 0 ? num : 0] = '\0';
    ret_id[strcspn(ret_id, "\n")] = '\0';
}

static enum tyto_err put_meta(struct tyto_sql *sql, const char *key, const void *bytes,
                              int num_bytes, struct tyto_fault *ret_fault)
{
    sqlite3_stmt *stmt = NULL;
    enum tyto_err err = tyto_sql_prepare(
        sql, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)", &stmt, ret_fault);
    if (!err) {
        (void)sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
        (void)sqlite3_bind_blob(stmt, 2, bytes, num_bytes, SQLITE_STATIC);
        err = tyto_sql_step(sql, stmt, ret_fault);
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

/* Its length; 0 when it is not there, or too long. */
static enum tyto_err get_meta(struct tyto_sql *sql, const char *key, void *ret_bytes, int max_bytes,
                              int *ret_num, struct tyto_fault *ret_fault)
{
    sqlite3_stmt *stmt = NULL;
    enum tyto_err err =
        tyto_sql_prepare(sql, "SELECT value FROM meta WHERE key = ?1", &stmt, ret_fault);
    *ret_num = 0;
    if (!err) {
        (void)sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
        const int rc = sqlite3_step(stmt);
        err = tyto_sql_result(sql, rc, ret_fault);
        const int num = rc == SQLITE_ROW ? sqlite3_column_bytes(stmt, 0) : 0;
        if (num > 0 && num <= max_bytes) {
            memcpy(ret_bytes, sqlite3_column_blob(stmt, 0), (size_t)num);
            *ret_num = num;
        }
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

/* --- a new one --------------------------------------------------------------------------------
 */

static enum tyto_err make_tables(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    struct tyto_sql *sql = &journal->sql;
    char text[128];
    uint8_t *id = journal->log_id;
    if (getrandom(id, TYTO_UUID_BYTES, 0) != TYTO_UUID_BYTES)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "no randomness");
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40); /* version 4 */
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    snprintf(text, sizeof(text), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, VERSION);
    enum tyto_err err = tyto_sql_run(sql, "BEGIN IMMEDIATE", ret_fault);
    if (err)
        return err;
    err = tyto_sql_run(sql, tables, ret_fault);
    if (!err)
        err = put_meta(sql, "log_id", id, TYTO_UUID_BYTES, ret_fault);
    if (!err)
        err = tyto_sql_run(sql, text, ret_fault);
    return tyto_sql_end(sql, err, ret_fault);
}

/* --- one that is there ------------------------------------------------------------------------
 */

static enum tyto_err check(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    struct tyto_sql *sql = &journal->sql;
    int64_t application = 0, version = 0;
    int num = 0;
    enum tyto_err err = tyto_sql_number(sql, "PRAGMA application_id", &application, ret_fault);
    if (!err)
        err = tyto_sql_number(sql, "PRAGMA user_version", &version, ret_fault);
    if (!err && (application != APPLICATION_ID || version != VERSION))
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, sql->path, 0, NULL,
                              "is no journal of this version");
    if (!err)
        err = get_meta(sql, "log_id", journal->log_id, TYTO_UUID_BYTES, &num, ret_fault);
    if (!err && num != TYTO_UUID_BYTES)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, sql->path, 0, NULL, "has no log_id");
    return err;
}

/* The last number of each kind, by what is committed. */
static enum tyto_err find_numbers(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    struct tyto_sql *sql = &journal->sql;
    int64_t last = 0, oldest = 0;
    enum tyto_err err =
        tyto_sql_number(sql, "SELECT num FROM counters WHERE name = ''", &last, ret_fault);
    if (!err)
        err = tyto_sql_number(sql, "SELECT value FROM meta WHERE key = 'oldest_seq'", &oldest,
                              ret_fault);
    atomic_store(&journal->last_seq, (uint64_t)last);
    atomic_store(&journal->oldest_seq, oldest > 0 ? (uint64_t)oldest : 1);
    journal->first_free = (uint64_t)last;
    return err;
}

struct counting {
    uint64_t committed_seq, num;
};

static enum tyto_err count_one(void *user, uint64_t seq, const uint8_t *bytes, size_t num_bytes)
{
    struct counting *counting = user;
    (void)bytes;
    (void)num_bytes;
    counting->num += seq > counting->committed_seq;
    return TYTO_OK;
}

/* How far beyond the last committed one numbers may have been given, and how many of these are set
 * aside. What there is no space for a reserve for is told. */
static enum tyto_err find_unwritten(struct tyto_journal *journal, const char *boot_id,
                                    struct tyto_fault *ret_fault)
{
    const uint64_t last = journal->first_free;
    struct counting counting = {last, 0};
    char before[BOOT_ID_BYTES] = "";
    int num = 0;
    enum tyto_err err =
        tyto_reserve_open(&journal->reserve, journal->sql.path, journal->log_id, last);
    if (!err)
        err = tyto_reserve_each(&journal->reserve, count_one, &counting);
    if (err)
        tyto_log_write(&journal->log, TYTO_LOG_WARNING, "journal",
                       "%s.reserve: %s; what is published while the disk is full is lost with the "
                       "process",
                       journal->sql.path, tyto_err_text(err));
    err = get_meta(&journal->sql, "unsynced_boot", before, BOOT_ID_BYTES - 1, &num, ret_fault);
    uint64_t highest = journal->noted_seq > journal->reserve.last_seq ? journal->noted_seq
                                                                      : journal->reserve.last_seq;
    if (!err && num > 0 && strcmp(before, boot_id) != 0 && highest < last + LOST_WITH_THE_POWER)
        highest = last + LOST_WITH_THE_POWER;
    journal->num_set_aside = counting.num;
    journal->num_unwritten = highest > last ? highest - last - counting.num : 0;
    journal->first_free = highest > last ? highest : last;
    return err;
}

enum tyto_err tyto_journal_begin_run(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    struct tyto_sql *sql = &journal->sql;
    char text[320], boot_id[BOOT_ID_BYTES];
    read_boot_id(boot_id);
    enum tyto_err err = tyto_sql_run(sql, "BEGIN IMMEDIATE", ret_fault);
    if (err)
        return err;
    /* States are told anew by each run; counters of what nothing is kept of are forgotten. The one
     * over all says what is committed, as long as something is set aside. */
    snprintf(text, sizeof(text),
             "DELETE FROM states; DELETE FROM counters WHERE name != '' AND seq < %llu;"
             "UPDATE counters SET num = num + %llu WHERE name != '' OR %d",
             (unsigned long long)atomic_load(&journal->oldest_seq),
             (unsigned long long)journal->num_unwritten, journal->num_set_aside == 0);
    err = tyto_sql_run(sql, text, ret_fault);
    if (!err)
        err = put_meta(sql, "unsynced_boot", boot_id, journal->is_synced ? 0 : (int)strlen(boot_id),
                       ret_fault);
    err = tyto_sql_end(sql, err, ret_fault);
    journal->is_begin_due = (bool)err;
    return err;
}

static enum tyto_err go_on(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    char boot_id[BOOT_ID_BYTES];
    read_boot_id(boot_id);
    enum tyto_err err = find_numbers(journal, ret_fault);
    if (!err)
        err = find_unwritten(journal, boot_id, ret_fault);
    if (!err)
        err = tyto_journal_set_up_clock(journal, ret_fault);
    if (err)
        return err;
    if (journal->num_unwritten > 0)
        tyto_log_write(&journal->log, TYTO_LOG_WARNING, "journal",
                       "up to %llu messages of the run before are not in the journal; numbers go "
                       "on behind them",
                       (unsigned long long)journal->num_unwritten);
    if (journal->num_set_aside > 0)
        tyto_log_write(&journal->log, TYTO_LOG_INFO, "journal",
                       "%llu messages of the run before, when the disk was full, are yet to be "
                       "committed",
                       (unsigned long long)journal->num_set_aside);
    err = tyto_journal_begin_run(journal, ret_fault);
    /* A disk that is full is met again, and told, by the first commit. */
    return err == TYTO_ERR_FULL || err == TYTO_ERR_IO ? TYTO_OK : err;
}

static enum tyto_err configure(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    struct tyto_sql *sql = &journal->sql;
    const enum tyto_err err =
        tyto_sql_run(sql,
                     journal->is_synced ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"
                                        : "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
                     ret_fault);
    /* Written back by tyto_journal_tend(), so that no commit takes that long. */
    return err ? err
               : tyto_sql_run(sql,
                              "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 16777216",
                              ret_fault);
}

static enum tyto_err prepare_all(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    enum tyto_err err = TYTO_OK;
    for (int i = 0; !err && i < TYTO_JOURNAL_NUM_STATEMENTS; i++)
        err = tyto_sql_prepare(&journal->sql, statements[i], &journal->stmts[i], ret_fault);
    return err;
}

enum tyto_err tyto_journal_prepare(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    const enum tyto_err err = configure(journal, ret_fault);
    return err ? err : prepare_all(journal, ret_fault);
}

enum tyto_err tyto_journal_set_up(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    struct tyto_sql *sql = &journal->sql;
    int64_t num_tables = 0;
    enum tyto_err err =
        tyto_sql_number(sql, "SELECT count(*) FROM sqlite_master", &num_tables, ret_fault);
    if (!err && num_tables == 0) {
        /* Pages are given back to the disk when much was deleted. */
        err = tyto_sql_run(sql, "PRAGMA auto_vacuum = INCREMENTAL", ret_fault);
    }
    if (!err)
        err = configure(journal, ret_fault);
    if (!err)
        err = num_tables == 0 ? make_tables(journal, ret_fault) : check(journal, ret_fault);
    if (!err)
        err = tyto_journal_set_up_scores(journal, ret_fault);
    if (!err)
        err = tyto_journal_set_up_embeddings(journal, ret_fault);
    if (!err)
        err = go_on(journal, ret_fault);
    return err ? err : prepare_all(journal, ret_fault);
}
