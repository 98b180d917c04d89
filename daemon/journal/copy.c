/* SPDX-License-Identifier: MIT */
/* All that is in the journal that is open, to where its file should be. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "daemon/journal/internal.h"
#include "files/replace.h"

enum { COPY_PAGES = 500 };
/* At a time: others wait for this thread. */
#define COPY_NS TYTO_NS_PER_S

static void copy_path(const struct tyto_journal *journal, char ret_path[TYTO_JOURNAL_PATH_MAX + 8])
{
    snprintf(ret_path, TYTO_JOURNAL_PATH_MAX + 8, "%s.copy", journal->sql.path);
}

void tyto_journal_drop_copy(struct tyto_journal *journal)
{
    char path[TYTO_JOURNAL_PATH_MAX + 8];
    if (!journal->copying)
        return;
    (void)sqlite3_backup_finish(journal->copying);
    journal->copying = NULL;
    tyto_sql_close(&journal->copy);
    copy_path(journal, path);
    (void)unlink(path);
}

static enum tyto_err begin_copy(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    char path[TYTO_JOURNAL_PATH_MAX + 8];
    copy_path(journal, path);
    (void)unlink(path);
    enum tyto_err err =
        tyto_sql_open(&journal->copy, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, ret_fault);
    if (!err) /* one that breaks off is begun anew */
        err = tyto_sql_run(&journal->copy, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF",
                           ret_fault);
    if (!err)
        journal->copying = sqlite3_backup_init(journal->copy.db, "main", journal->sql.db, "main");
    if (!err && !journal->copying)
        err = tyto_fault_set(ret_fault, TYTO_ERR_IO, journal->sql.path, 0, NULL,
                             "it cannot be copied to its place");
    if (err)
        tyto_sql_close(&journal->copy);
    return err;
}

/* A piece of it. TIMEOUT: there is more. */
static enum tyto_err go_on(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    char path[TYTO_JOURNAL_PATH_MAX + 8];
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && tyto_clock_mono_ns() - begin_ns < COPY_NS)
        rc = sqlite3_backup_step(journal->copying, COPY_PAGES);
    if (rc == SQLITE_OK)
        return tyto_fault_set(ret_fault, TYTO_ERR_TIMEOUT, journal->sql.path, 0, NULL,
                              "it is being copied to its place");
    if (rc != SQLITE_DONE) {
        const enum tyto_err err = tyto_sql_result(&journal->copy, rc, ret_fault);
        tyto_journal_drop_copy(journal);
        return err ? err : TYTO_ERR_IO;
    }
    rc = sqlite3_backup_finish(journal->copying);
    journal->copying = NULL;
    enum tyto_err err = tyto_sql_result(&journal->copy, rc, ret_fault);
    tyto_sql_close(&journal->copy);
    copy_path(journal, path);
    if (!err && tyto_replace_with(journal->sql.path, path) != TYTO_OK)
        err = tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(errno));
    return err;
}

enum tyto_err tyto_journal_copy(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    const enum tyto_err err = journal->copying ? TYTO_OK : begin_copy(journal, ret_fault);
    return err ? err : go_on(journal, ret_fault);
}
