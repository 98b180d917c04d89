/* SPDX-License-Identifier: MIT */
/* The journal's files at their place. Whoever removes or renames it, or its folder, while it is
 * written leaves us a file that nobody will find again: all of it is copied to where it belongs,
 * from what is still open, and written there from then on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "daemon/journal/internal.h"

#define LOOK_EVERY_NS TYTO_NS_PER_S

enum where { AT_PLACE, GONE, REPLACED };

static enum where look(const char *path, const struct tyto_journal_file *file)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return GONE;
    /* Where the path is a link, what it leads to. */
    if (S_ISLNK(status.st_mode) && stat(path, &status) != 0)
        return GONE;
    return (uint64_t)status.st_dev == file->device && (uint64_t)status.st_ino == file->inode
               ? AT_PLACE
               : REPLACED;
}

/* The first one that is not where it was, or was taken away before it was looked at: the last
 * reader of a file that stood there before may do that. ret_path has room for it. */
static enum where look_at_log(const struct tyto_journal *journal, char *ret_path, size_t path_bytes)
{
    for (int i = 0; i < 2; i++) {
        const struct tyto_journal_file *file = &journal->log_files[i];
        snprintf(ret_path, path_bytes, "%s%s", journal->sql.path, tyto_journal_log_endings[i]);
        const enum where where = journal->has_log ? look(ret_path, file) : AT_PLACE;
        if (where != AT_PLACE)
            return where;
    }
    return AT_PLACE;
}

/* The copy has all that was in the log; one that stands there is of another file. */
static void drop_log(const struct tyto_journal *journal)
{
    char path[TYTO_JOURNAL_PATH_MAX + 8];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s%s", journal->sql.path, tyto_journal_log_endings[i]);
        (void)unlink(path);
    }
}

static enum tyto_err bring_back(struct tyto_journal *journal, bool is_log_lost,
                                struct tyto_fault *ret_fault)
{
    char path[TYTO_JOURNAL_PATH_MAX];
    const enum tyto_err err = tyto_journal_copy(journal, ret_fault);
    if (err)
        return err;
    if (is_log_lost)
        drop_log(journal);
    snprintf(path, sizeof(path), "%s", journal->sql.path);
    return tyto_journal_exchange(journal, path, ret_fault);
}

static enum tyto_err come_back(struct tyto_journal *journal, enum where file, enum where lock,
                               enum where log, struct tyto_fault *ret_fault)
{
    const char *path = journal->sql.path;
    if (file == REPLACED && journal->sql.db)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL,
                              "another file has been put in its place: move that one away");
    if (tyto_folder_make_for(path) != TYTO_OK)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL,
                              "it was removed, and its folder cannot be made: %s", strerror(errno));
    enum tyto_err err = TYTO_OK;
    if (lock != AT_PLACE)
        err = tyto_journal_lock_anew(journal, ret_fault);
    if (!err && !journal->sql.db) /* an exchange that failed half-way */
        err = tyto_journal_exchange(journal, path, ret_fault);
    else if (!err && (file == GONE || log != AT_PLACE))
        err = bring_back(journal, log != AT_PLACE, ret_fault);
    return err;
}

enum tyto_err tyto_journal_stay(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    char lock_path[TYTO_JOURNAL_PATH_MAX + 8], log_path[TYTO_JOURNAL_PATH_MAX + 8];
    const uint64_t now_ns = tyto_clock_mono_ns();
    if (!journal->is_away && now_ns < journal->next_look_ns)
        return TYTO_OK;
    journal->next_look_ns = now_ns + LOOK_EVERY_NS;
    snprintf(lock_path, sizeof(lock_path), "%s.lock", journal->sql.path);
    const enum where file = look(journal->sql.path, &journal->file);
    const enum where lock = look(lock_path, &journal->lock_file);
    const enum where log =
        journal->sql.db ? look_at_log(journal, log_path, sizeof(log_path)) : AT_PLACE;
    enum tyto_err err = TYTO_OK;
    if (file == AT_PLACE && lock == AT_PLACE && log == AT_PLACE && journal->sql.db) {
        tyto_journal_drop_copy(journal); /* somebody has put it back */
    } else {
        if (!journal->is_away)
            tyto_log_write(&journal->log, TYTO_LOG_ERROR, "journal",
                           "%s was removed, renamed or replaced while it is written: what is in it "
                           "is copied to its place",
                           file != AT_PLACE  ? journal->sql.path
                           : log != AT_PLACE ? log_path
                                             : lock_path);
        if (file != AT_PLACE) /* that one is gone, too */
            tyto_reserve_close(&journal->reserve);
        err = come_back(journal, file, lock, log, ret_fault);
        if (!err)
            tyto_log_write(&journal->log, TYTO_LOG_INFO, "journal", "%s is at its place again",
                           journal->sql.path);
    }
    journal->is_away = (bool)err;
    return err;
}
