/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "daemon/journal/internal.h"

enum { BUSY_MS = 2000 };

void tyto_sql_close(struct tyto_sql *sql)
{
    (void)sqlite3_close(sql->db);
    sql->db = NULL;
}

enum tyto_err tyto_sql_open(struct tyto_sql *sql, const char *path, int flags,
                            struct tyto_fault *ret_fault)
{
    snprintf(sql->path, sizeof(sql->path), "%s", path);
    const int rc =
        sqlite3_open_v2(path, &sql->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    enum tyto_err err = tyto_sql_result(sql, rc, ret_fault);
    if (err) {
        tyto_sql_close(sql);
        return err;
    }
    (void)sqlite3_busy_timeout(sql->db, BUSY_MS);
    return TYTO_OK;
}

void tyto_sql_leave_log(struct tyto_sql *sql)
{
    int stays = 1;
    if (sql->db)
        (void)sqlite3_file_control(sql->db, "main", SQLITE_FCNTL_PERSIST_WAL, &stays);
}

static enum tyto_err error_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return TYTO_OK;
    case SQLITE_NOMEM:
        return TYTO_ERR_NOMEM;
    case SQLITE_FULL:
        return TYTO_ERR_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return TYTO_ERR_FORMAT;
    default:
        return TYTO_ERR_IO;
    }
}

enum tyto_err tyto_sql_result(struct tyto_sql *sql, int rc, struct tyto_fault *ret_fault)
{
    const enum tyto_err err = error_of(rc);
    if (!err)
        return TYTO_OK;
    const int reason = sql->db ? sqlite3_system_errno(sql->db) : 0;
    const bool has_reason = err == TYTO_ERR_IO && reason != 0;
    if (ret_fault)
        (void)tyto_fault_set(ret_fault, err, sql->path, 0, NULL, "%s%s%s", sqlite3_errstr(rc),
                             has_reason ? ": " : "", has_reason ? strerror(reason) : "");
    return has_reason && (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) ? TYTO_ERR_FULL
                                                                                   : err;
}

enum tyto_err tyto_sql_run(struct tyto_sql *sql, const char *text, struct tyto_fault *ret_fault)
{
    return tyto_sql_result(sql, sqlite3_exec(sql->db, text, NULL, NULL, NULL), ret_fault);
}

enum tyto_err tyto_sql_prepare(struct tyto_sql *sql, const char *text, sqlite3_stmt **ret_stmt,
                               struct tyto_fault *ret_fault)
{
    return tyto_sql_result(
        sql, sqlite3_prepare_v3(sql->db, text, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL),
        ret_fault);
}

enum tyto_err tyto_sql_step(struct tyto_sql *sql, sqlite3_stmt *stmt, struct tyto_fault *ret_fault)
{
    const int rc = sqlite3_step(stmt);
    const enum tyto_err err = tyto_sql_result(sql, rc, ret_fault);
    (void)sqlite3_reset(stmt);
    (void)sqlite3_clear_bindings(stmt);
    return err;
}

enum tyto_err tyto_sql_number(struct tyto_sql *sql, const char *text, int64_t *ret_number,
                              struct tyto_fault *ret_fault)
{
    sqlite3_stmt *stmt = NULL;
    enum tyto_err err = tyto_sql_prepare(sql, text, &stmt, ret_fault);
    *ret_number = 0;
    if (!err) {
        const int rc = sqlite3_step(stmt);
        err = tyto_sql_result(sql, rc, ret_fault);
        if (rc == SQLITE_ROW)
            *ret_number = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

enum tyto_err tyto_sql_end(struct tyto_sql *sql, enum tyto_err err, struct tyto_fault *ret_fault)
{
    if (!err)
        err = tyto_sql_run(sql, "COMMIT", ret_fault);
    /* SQLite may have rolled back by itself; then there is nothing to end. */
    if (err && sqlite3_get_autocommit(sql->db) == 0)
        (void)sqlite3_exec(sql->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

const char *tyto_sql_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    return text ? (const char *)text : "";
}
