/* SPDX-License-Identifier: MIT */
/* Reading beside a writer: each call is one transaction, short enough that the write-ahead log can
 * be written back between two of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "daemon/journal/internal.h"

enum { CACHE_KIB = 4096 };
/* Looked back from the begin of a list's time for events that reach into it. */
#define LONGEST_EVENT_NS (24 * 3600 * (int64_t)TYTO_NS_PER_S)

struct tyto_journal_reader {
    struct tyto_sql sql;
    sqlite3_stmt *read, *find_time;
    dev_t device;
    ino_t inode;
};

bool tyto_journal_reader_is_current(const struct tyto_journal_reader *reader)
{
    struct stat status;
    return stat(reader->sql.path, &status) != 0 ||
           (status.st_ino == reader->inode && status.st_dev == reader->device);
}

enum tyto_err tyto_journal_reader_open(const char *path, struct tyto_journal_reader **ret_reader,
                                       struct tyto_fault *ret_fault)
{
    struct tyto_journal_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    char text[64];
    struct stat status = {0};
    struct tyto_sql *sql = &reader->sql;
    if (stat(path, &status) == 0) {
        reader->device = status.st_dev;
        reader->inode = status.st_ino;
    }
    snprintf(text, sizeof(text), "PRAGMA cache_size = -%d; PRAGMA query_only = ON", CACHE_KIB);
    enum tyto_err err = tyto_sql_open(sql, path, SQLITE_OPEN_READWRITE, ret_fault);
    if (!err)
        err = tyto_sql_run(sql, text, ret_fault);
    if (!err)
        err = tyto_sql_prepare(sql,
                               "SELECT seq, topic, bytes FROM messages WHERE seq >= ?1 AND"
                               " seq <= ?2 ORDER BY seq LIMIT ?3",
                               &reader->read, ret_fault);
    if (!err)
        err = tyto_sql_prepare(sql,
                               "SELECT seq, unix_ns FROM messages WHERE seq >= ?1 ORDER BY seq"
                               " LIMIT 1",
                               &reader->find_time, ret_fault);
    if (err)
        tyto_journal_reader_close(&reader);
    else
        *ret_reader = reader;
    return err;
}

void tyto_journal_reader_close(struct tyto_journal_reader **reader)
{
    if (!reader || !*reader)
        return;
    (void)sqlite3_finalize((*reader)->read);
    (void)sqlite3_finalize((*reader)->find_time);
    tyto_sql_leave_log(&(*reader)->sql);
    tyto_sql_close(&(*reader)->sql);
    free(*reader);
    *reader = NULL;
}

struct tyto_sql *tyto_journal_reader_sql(struct tyto_journal_reader *reader)
{
    return &reader->sql;
}

struct tyto_journal_row tyto_journal_row_of(sqlite3_stmt *stmt, int first)
{
    return (struct tyto_journal_row){
        .seq = (uint64_t)sqlite3_column_int64(stmt, first),
        .topic = tyto_sql_text(stmt, first + 1),
        .bytes = sqlite3_column_blob(stmt, first + 2),
        .num_bytes = (size_t)sqlite3_column_bytes(stmt, first + 2),
    };
}

enum tyto_err tyto_journal_read(struct tyto_journal_reader *reader, uint64_t from_seq,
                                uint64_t to_seq, uint32_t max_rows, tyto_journal_visit visit,
                                void *user, uint64_t *ret_next_seq)
{
    sqlite3_stmt *stmt = reader->read;
    uint32_t num = 0;
    int rc = SQLITE_DONE;
    bool is_taken = true;
    *ret_next_seq = from_seq;
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)from_seq);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)to_seq);
    (void)sqlite3_bind_int64(stmt, 3, max_rows);
    while (is_taken && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct tyto_journal_row row = tyto_journal_row_of(stmt, 0);
        is_taken = visit(user, &row);
        *ret_next_seq = is_taken ? row.seq + 1 : row.seq;
        num += is_taken;
    }
    const enum tyto_err err = tyto_sql_result(&reader->sql, rc, NULL);
    (void)sqlite3_reset(stmt);
    if (!err && is_taken && num < max_rows)
        *ret_next_seq = to_seq + 1;
    return err;
}

/* The first message from seq on; false: there is none. */
static bool look_at(struct tyto_journal_reader *reader, uint64_t seq, uint64_t *ret_seq,
                    int64_t *ret_unix_ns, enum tyto_err *ret_err)
{
    sqlite3_stmt *stmt = reader->find_time;
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)seq);
    const int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *ret_seq = (uint64_t)sqlite3_column_int64(stmt, 0);
        *ret_unix_ns = sqlite3_column_int64(stmt, 1);
    }
    *ret_err = tyto_sql_result(&reader->sql, rc, NULL);
    (void)sqlite3_reset(stmt);
    return rc == SQLITE_ROW;
}

enum tyto_err tyto_journal_find_time(struct tyto_journal_reader *reader, int64_t unix_ns,
                                     uint64_t *ret_seq)
{
    int64_t oldest = 0, last = 0;
    enum tyto_err err = tyto_sql_number(
        &reader->sql, "SELECT value FROM meta WHERE key = 'oldest_seq'", &oldest, NULL);
    if (!err)
        err =
            tyto_sql_number(&reader->sql, "SELECT num FROM counters WHERE name = ''", &last, NULL);
    uint64_t low = oldest > 0 ? (uint64_t)oldest : 1, high = (uint64_t)last + 1;
    while (!err && low < high) {
        const uint64_t middle = low + (high - low) / 2;
        uint64_t seq = 0;
        int64_t at_ns = 0;
        if (!look_at(reader, middle, &seq, &at_ns, &err) || at_ns >= unix_ns)
            high = middle;
        else
            low = seq + 1;
    }
    *ret_seq = low;
    return err;
}

enum tyto_err tyto_journal_snapshot(struct tyto_journal_reader *reader, tyto_journal_visit visit,
                                    void *user, uint64_t *ret_seq)
{
    struct tyto_sql *sql = &reader->sql;
    sqlite3_stmt *stmt = NULL;
    int64_t last = 0;
    int rc = SQLITE_DONE;
    enum tyto_err err = tyto_sql_run(sql, "BEGIN", NULL);
    if (err)
        return err;
    err = tyto_sql_number(sql, "SELECT num FROM counters WHERE name = ''", &last, NULL);
    if (!err)
        err = tyto_sql_prepare(sql,
                               "SELECT m.seq, m.topic, m.bytes FROM messages m WHERE m.seq IN"
                               " (SELECT seq FROM states UNION SELECT seq FROM events WHERE"
                               " is_open) ORDER BY m.seq",
                               &stmt, NULL);
    while (!err && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct tyto_journal_row row = tyto_journal_row_of(stmt, 0);
        if (!visit(user, &row))
            err = TYTO_ERR_FULL;
    }
    if (!err)
        err = tyto_sql_result(sql, rc, NULL);
    (void)sqlite3_finalize(stmt);
    *ret_seq = (uint64_t)last;
    (void)sqlite3_exec(sql->db, "COMMIT", NULL, NULL, NULL);
    return err;
}

/* --- lists ---------------------------------------------------------------------------------------
 */

static bool is_among(const char *text, const char (*names)[TYTO_ID_MAX + 1], uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        if (strcmp(names[i], text) == 0)
            return true;
    }
    return num == 0;
}

/* Its columns: begin, id, camera, class, end, phase, seq, topic, bytes. */
static enum tyto_err prepare_list(struct tyto_journal_reader *reader,
                                  const struct tyto_journal_filter *filter,
                                  const struct tyto_journal_cursor *cursor, sqlite3_stmt **ret_stmt)
{
    const char *order = filter->is_newest_first ? "DESC" : "ASC";
    const char *behind = filter->is_newest_first ? " AND (e.begin_unix_ns, e.id) < (?1, ?2)"
                                                 : " AND (e.begin_unix_ns, e.id) > (?1, ?2)";
    char text[768];
    snprintf(text, sizeof(text),
             "SELECT e.begin_unix_ns, e.id, e.camera, e.class, e.end_unix_ns, e.phase, m.seq,"
             " m.topic, m.bytes FROM events e JOIN messages m ON m.seq = e.seq WHERE %s%s%s%s%s"
             " ORDER BY e.begin_unix_ns %s, e.id %s",
             filter->is_open ? "e.is_open" : "1",
             filter->num_cameras == 1 ? " AND e.camera = ?3" : "",
             filter->from_unix_ns ? " AND e.begin_unix_ns >= ?4" : "",
             filter->to_unix_ns ? " AND e.begin_unix_ns < ?5" : "", cursor->id[0] ? behind : "",
             order, order);
    const enum tyto_err err = tyto_sql_prepare(&reader->sql, text, ret_stmt, NULL);
    if (err)
        return err;
    /* Those that are not in the text are refused without harm. */
    (void)sqlite3_bind_int64(*ret_stmt, 1, cursor->begin_unix_ns);
    (void)sqlite3_bind_text(*ret_stmt, 2, cursor->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(*ret_stmt, 3, filter->cameras[0], -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(*ret_stmt, 4, filter->from_unix_ns - LONGEST_EVENT_NS);
    (void)sqlite3_bind_int64(*ret_stmt, 5, filter->to_unix_ns);
    return TYTO_OK;
}

static bool is_wanted(sqlite3_stmt *stmt, const struct tyto_journal_filter *filter)
{
    const bool has_end = sqlite3_column_type(stmt, 4) != SQLITE_NULL;
    if (filter->from_unix_ns && has_end && sqlite3_column_int64(stmt, 4) < filter->from_unix_ns)
        return false;
    return sqlite3_column_int(stmt, 5) != TYTO_EVENT_PHASE_RETRACTED &&
           is_among(tyto_sql_text(stmt, 2), filter->cameras, filter->num_cameras) &&
           is_among(tyto_sql_text(stmt, 3), filter->classes, filter->num_classes);
}

enum tyto_err tyto_journal_list(struct tyto_journal_reader *reader,
                                const struct tyto_journal_filter *filter, uint32_t max_rows,
                                tyto_journal_visit visit, void *user,
                                struct tyto_journal_cursor *reterr_cursor, bool *ret_has_more)
{
    const struct tyto_journal_cursor cursor = *reterr_cursor;
    sqlite3_stmt *stmt = NULL;
    bool is_taken = true, is_over = false;
    int rc = SQLITE_DONE;
    enum tyto_err err = prepare_list(reader, filter, &cursor, &stmt);
    for (uint32_t i = 0; !err && is_taken && !is_over && i < max_rows; i++) {
        rc = sqlite3_step(stmt);
        is_over = rc != SQLITE_ROW;
        if (!is_over && is_wanted(stmt, filter)) {
            const struct tyto_journal_row row = tyto_journal_row_of(stmt, 6);
            is_taken = visit(user, &row);
        }
        if (!is_over && is_taken) {
            reterr_cursor->begin_unix_ns = sqlite3_column_int64(stmt, 0);
            snprintf(reterr_cursor->id, sizeof(reterr_cursor->id), "%s", tyto_sql_text(stmt, 1));
        }
    }
    if (!err)
        err = tyto_sql_result(&reader->sql, rc, NULL);
    (void)sqlite3_finalize(stmt);
    *ret_has_more = !is_over;
    return err;
}

enum tyto_err tyto_journal_get(struct tyto_journal_reader *reader, const char *id,
                               tyto_journal_visit visit, void *user)
{
    sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_DONE;
    uint32_t num = 0;
    enum tyto_err err = tyto_sql_prepare(
        &reader->sql,
        "WITH RECURSIVE chain(seq) AS (SELECT seq FROM events WHERE id = ?1 UNION ALL SELECT"
        " m.prev_seq FROM chain c JOIN messages m ON m.seq = c.seq WHERE m.prev_seq NOT NULL"
        " LIMIT ?2) SELECT m.seq, m.topic, m.bytes FROM chain c JOIN messages m ON m.seq = c.seq"
        " ORDER BY m.seq DESC",
        &stmt, NULL);
    if (!err) {
        (void)sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int(stmt, 2, TYTO_JOURNAL_MAX_HISTORY);
    }
    bool is_taken = true;
    while (!err && is_taken && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct tyto_journal_row row = tyto_journal_row_of(stmt, 0);
        is_taken = visit(user, &row);
        num++;
    }
    if (!err)
        err = tyto_sql_result(&reader->sql, rc, NULL);
    (void)sqlite3_finalize(stmt);
    return !err && num == 0 ? TYTO_ERR_NOT_FOUND : err;
}
