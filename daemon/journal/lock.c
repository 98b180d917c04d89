/* SPDX-License-Identifier: MIT */
/* PATH.lock: held while a process writes the journal, and where unwritten numbers are noted. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/journal/internal.h"

/* A process that was killed may still hold the lock. */
#define LOCK_PATIENCE_NS (2 * TYTO_NS_PER_S)

const char *const tyto_journal_log_endings[2] = {"-wal", "-shm"};

/* Whether this process has it open. SQLite does not tell its descriptors, so all of them are looked
 * at; where they cannot be (no /proc, no descriptor left), what is at the place is believed to be
 * ours. */
static bool is_ours(const struct stat *file)
{
    DIR *folder = opendir("/proc/self/fd");
    struct stat status;
    bool is_found = !folder;
    for (const struct dirent *entry; !is_found && (entry = readdir(folder)) != NULL;)
        is_found = fstatat(dirfd(folder), entry->d_name, &status, 0) == 0 &&
                   status.st_dev == file->st_dev && status.st_ino == file->st_ino;
    if (folder)
        closedir(folder);
    return is_found;
}

/* Between the opening of the log's files and this, the last reader of a file that stood there
 * before may have taken them away, and another one made its own: those are not noted. */
void tyto_journal_note_place(struct tyto_journal *journal)
{
    struct stat status = {0};
    char path[TYTO_JOURNAL_PATH_MAX + 8];
    if (stat(journal->sql.path, &status) == 0)
        journal->file = (struct tyto_journal_file){status.st_dev, status.st_ino};
    if (fstat(journal->lock_fd, &status) == 0)
        journal->lock_file = (struct tyto_journal_file){status.st_dev, status.st_ino};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s%s", journal->sql.path, tyto_journal_log_endings[i]);
        journal->log_files[i] = stat(path, &status) == 0 && is_ours(&status)
                                    ? (struct tyto_journal_file){status.st_dev, status.st_ino}
                                    : (struct tyto_journal_file){0, 0};
    }
}

/* Its file is never empty, so that noting a number in it takes no space. */
enum tyto_err tyto_journal_lock(struct tyto_journal *journal, const char *path,
                                struct tyto_fault *ret_fault)
{
    char lock_path[TYTO_JOURNAL_PATH_MAX + 8];
    const uint64_t begin_ns = tyto_clock_mono_ns();
    snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
    journal->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (journal->lock_fd < 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, lock_path, 0, NULL, "%s", strerror(errno));
    while (flock(journal->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        const struct timespec nap = {0, 20 * (long)TYTO_NS_PER_MS};
        if (errno != EWOULDBLOCK)
            return tyto_fault_set(ret_fault, TYTO_ERR_IO, lock_path, 0, NULL, "%s",
                                  strerror(errno));
        journal->is_anothers = tyto_clock_mono_ns() - begin_ns >= LOCK_PATIENCE_NS;
        if (journal->is_anothers)
            return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL,
                                  "another process writes this journal");
        nanosleep(&nap, NULL);
    }
    uint64_t noted = 0;
    const ssize_t num_read = pread(journal->lock_fd, &noted, sizeof(noted), 0);
    if (num_read < 0) /* a number that is noted there would be given again */
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, lock_path, 0, NULL, "%s", strerror(errno));
    if (num_read != (ssize_t)sizeof(noted)) {
        noted = 0;
        (void)!pwrite(journal->lock_fd, &noted, sizeof(noted), 0);
    }
    journal->noted_seq = noted;
    return TYTO_OK;
}

void tyto_journal_note_unwritten(struct tyto_journal *journal, uint64_t seq)
{
    journal->noted_seq = seq;
    (void)!pwrite(journal->lock_fd, &seq, sizeof(seq), 0);
}

enum tyto_err tyto_journal_lock_anew(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    const int old_fd = journal->lock_fd;
    const uint64_t noted_seq = journal->noted_seq;
    const enum tyto_err err = tyto_journal_lock(journal, journal->sql.path, ret_fault);
    if (err) {
        if (journal->lock_fd >= 0)
            close(journal->lock_fd);
        journal->lock_fd = old_fd;
    } else {
        close(old_fd);
        tyto_journal_note_place(journal);
    }
    tyto_journal_note_unwritten(journal, noted_seq);
    return err;
}
