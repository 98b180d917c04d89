/* SPDX-License-Identifier: MIT */
/* Rows of scores, beside the messages in the same file. What they were held against is the same for
 * many of them, and kept once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "daemon/journal/internal.h"

enum { PRUNE_ROWS = 200 };

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS score_rules(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS scores(id INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL,"
    " begin_unix_ns INTEGER NOT NULL, end_unix_ns INTEGER NOT NULL, rules INTEGER NOT NULL,"
    " bytes BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS scores_by_camera ON scores(camera, id, begin_unix_ns, end_unix_ns)";

enum tyto_err tyto_journal_set_up_scores(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    enum tyto_err err = tyto_sql_run(&journal->sql, tables, ret_fault);
    if (!err)
        err = tyto_sql_number(&journal->sql, "SELECT total(length(bytes)) FROM scores",
                              &journal->score_bytes, ret_fault);
    return err;
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum tyto_err put_row(struct tyto_sql *sql, sqlite3_stmt *put_rules,
                             sqlite3_stmt *put_scores, const struct tyto_journal_scores *row,
                             struct tyto_fault *ret_fault)
{
    (void)sqlite3_bind_blob64(put_rules, 1, row->rules, row->num_rules, SQLITE_STATIC);
    const enum tyto_err err = tyto_sql_step(sql, put_rules, ret_fault);
    if (err)
        return err;
    (void)sqlite3_bind_text(put_scores, 1, row->camera, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(put_scores, 2, row->begin_unix_ns);
    (void)sqlite3_bind_int64(put_scores, 3, row->end_unix_ns);
    (void)sqlite3_bind_blob64(put_scores, 4, row->rules, row->num_rules, SQLITE_STATIC);
    (void)sqlite3_bind_blob64(put_scores, 5, row->bytes, row->num_bytes, SQLITE_STATIC);
    return tyto_sql_step(sql, put_scores, ret_fault);
}

enum tyto_err tyto_journal_put_scores(struct tyto_journal *journal,
                                      struct tyto_journal_scores *const *rows, uint32_t num,
                                      struct tyto_fault *ret_fault)
{
    struct tyto_sql *sql = &journal->sql;
    sqlite3_stmt *put_rules = NULL, *put_scores = NULL;
    int64_t num_bytes = 0;
    enum tyto_err err = tyto_sql_run(sql, "BEGIN IMMEDIATE", ret_fault);
    if (err)
        return err;
    const struct tyto_journal_clock clock = journal->clock;
    err = tyto_journal_look_at_clock(journal, ret_fault);
    if (!err)
        err = tyto_sql_prepare(sql, "INSERT OR IGNORE INTO score_rules(bytes) VALUES(?1)",
                               &put_rules, ret_fault);
    if (!err)
        err =
            tyto_sql_prepare(sql,
                             "INSERT INTO scores(camera, begin_unix_ns, end_unix_ns, rules, bytes)"
                             " SELECT ?1, ?2, ?3, id, ?5 FROM score_rules WHERE bytes = ?4",
                             &put_scores, ret_fault);
    for (uint32_t i = 0; !err && i < num; i++) {
        err = put_row(sql, put_rules, put_scores, rows[i], ret_fault);
        num_bytes += (int64_t)rows[i]->num_bytes;
    }
    (void)sqlite3_finalize(put_rules);
    (void)sqlite3_finalize(put_scores);
    err = tyto_sql_end(sql, err, ret_fault);
    if (!err)
        journal->score_bytes += num_bytes;
    else
        journal->clock = clock;
    return err;
}

/* The oldest ones, in the order in which they were put: at most PRUNE_ROWS, that are too old or
 * too many. */
enum tyto_err tyto_journal_prune_scores(struct tyto_journal *journal, bool *ret_has_more)
{
    sqlite3_stmt *stmt = NULL;
    char text[160];
    int64_t num_bytes = 0, last_id = 0;
    uint32_t num = 0;
    int rc = SQLITE_DONE;
    const int64_t old_ns = (int64_t)tyto_clock_unix_ns() - journal->max_score_age_ns;
    const bool may_age =
        journal->max_score_age_ns > 0 && tyto_clock_mono_ns() >= journal->clock.aged_from_ns;
    enum tyto_err err =
        tyto_sql_prepare(&journal->sql,
                         "SELECT id, end_unix_ns + " TYTO_JOURNAL_SET_SINCE(
                             "score_id", "scores.id") ","
                                                      " length(bytes) FROM scores ORDER BY id",
                         &stmt, NULL);
    while (!err && num < PRUNE_ROWS && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const bool is_old = may_age && sqlite3_column_int64(stmt, 1) < old_ns;
        const bool is_much = journal->score_bytes - num_bytes > journal->max_score_bytes;
        if (!is_old && !is_much)
            break;
        last_id = sqlite3_column_int64(stmt, 0);
        num_bytes += sqlite3_column_int64(stmt, 2);
        num++;
    }
    if (!err)
        err = tyto_sql_result(&journal->sql, rc, NULL);
    (void)sqlite3_finalize(stmt);
    *ret_has_more = num == PRUNE_ROWS;
    if (err || num == 0)
        return err;
    snprintf(text, sizeof(text),
             "DELETE FROM scores WHERE id <= %lld; DELETE FROM score_rules WHERE id < (SELECT"
             " min(rules) FROM scores)",
             (long long)last_id);
    err = tyto_sql_run(&journal->sql, "BEGIN IMMEDIATE", NULL);
    if (err)
        return err;
    err = tyto_sql_end(&journal->sql, tyto_sql_run(&journal->sql, text, NULL), NULL);
    if (!err)
        journal->score_bytes -= num_bytes;
    return err;
}

/* --- reading ---------------------------------------------------------------------------------- */

enum tyto_err tyto_journal_read_scores(struct tyto_journal_reader *reader, const char *camera,
                                       int64_t from_id, int64_t from_unix_ns, int64_t to_unix_ns,
                                       tyto_journal_visit_scores visit, void *user)
{
    struct tyto_sql *sql = tyto_journal_reader_sql(reader);
    sqlite3_stmt *stmt = NULL;
    int64_t num_tables = 0;
    int rc = SQLITE_DONE;
    bool wants_more = true;
    enum tyto_err err = tyto_sql_number(
        sql, "SELECT count(*) FROM sqlite_master WHERE name = 'scores'", &num_tables, NULL);
    if (err || num_tables == 0)
        return err;
    err = tyto_sql_prepare(sql,
                           "SELECT s.id, s.rules, r.bytes, s.bytes FROM scores s JOIN score_rules r"
                           " ON r.id = s.rules WHERE s.camera = ?1 AND s.id >= ?2 AND"
                           " s.end_unix_ns >= ?3 AND s.begin_unix_ns <= ?4 ORDER BY s.id",
                           &stmt, NULL);
    if (!err) {
        (void)sqlite3_bind_text(stmt, 1, camera, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(stmt, 2, from_id);
        (void)sqlite3_bind_int64(stmt, 3, from_unix_ns);
        (void)sqlite3_bind_int64(stmt, 4, to_unix_ns > 0 ? to_unix_ns : INT64_MAX);
    }
    while (!err && wants_more && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct tyto_journal_score_row row = {
            .id = sqlite3_column_int64(stmt, 0),
            .rules_id = sqlite3_column_int64(stmt, 1),
            .rules = sqlite3_column_blob(stmt, 2),
            .num_rules = (size_t)sqlite3_column_bytes(stmt, 2),
            .bytes = sqlite3_column_blob(stmt, 3),
            .num_bytes = (size_t)sqlite3_column_bytes(stmt, 3),
        };
        wants_more = visit(user, &row);
    }
    if (!err)
        err = tyto_sql_result(sql, rc, NULL);
    (void)sqlite3_finalize(stmt);
    return err;
}
