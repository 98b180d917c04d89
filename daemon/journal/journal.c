/* SPDX-License-Identifier: MIT */
/* Opening, closing, and what a writer does. */
#include "daemon/journal/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/folder.h"
#include "base/thread.h"
#include "daemon/journal/internal.h"
#include "files/replace.h"

#define PRUNE_EVERY_NS TYTO_NS_PER_S
#define RESERVE_EVERY_NS (10 * TYTO_NS_PER_S)
enum { PRUNE_ROWS = 1000, CHECKPOINT_PAGES = 1000, MIN_FREE_PAGES = 4096, VACUUM_PAGES = 512 };

/* --- life ----------------------------------------------------------------------------------------
 */

static int on_wal(void *user, sqlite3 *db, const char *name, int num_pages)
{
    struct tyto_journal *journal = user;
    (void)db;
    (void)name;
    journal->num_wal_pages = num_pages;
    return SQLITE_OK;
}

static void note_place(struct tyto_journal *journal)
{
    int64_t has_log = 0;
    (void)sqlite3_wal_hook(journal->sql.db, on_wal, journal);
    /* Where the folder cannot have one, SQLite has gone on without. */
    (void)!tyto_sql_number(&journal->sql, "SELECT journal_mode = 'wal' FROM pragma_journal_mode",
                           &has_log, NULL);
    journal->has_log = has_log != 0;
    tyto_journal_note_place(journal);
}

static void close_database(struct tyto_journal *journal)
{
    for (int i = 0; i < TYTO_JOURNAL_NUM_STATEMENTS; i++) {
        (void)sqlite3_finalize(journal->stmts[i]);
        journal->stmts[i] = NULL;
    }
    tyto_sql_close(&journal->sql);
    tyto_reserve_close(&journal->reserve);
}

static enum tyto_err pass_counter(void *user, const char *camera, const char *class_name,
                                  uint64_t num)
{
    (void)user, (void)camera, (void)class_name, (void)num;
    return TYTO_OK;
}

static enum tyto_err pass_event(void *user, const struct tyto_event *event)
{
    (void)user, (void)event;
    return TYTO_OK;
}

/* What this run begins with can be read: else the journal is of no use to it. */
static enum tyto_err check_left(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    enum tyto_err err = tyto_journal_each_counter(journal, pass_counter, NULL);
    if (!err)
        err = tyto_journal_each_open(journal, pass_event, NULL);
    if (!err)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, err, journal->sql.path, 0, NULL,
                          "what an earlier run has left cannot be read: %s", tyto_err_text(err));
}

static enum tyto_err open_database(struct tyto_journal *journal,
                                   const struct tyto_journal_params *params,
                                   struct tyto_fault *ret_fault)
{
    enum tyto_err err = tyto_sql_open(&journal->sql, params->path,
                                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, ret_fault);
    journal->is_synced = params->is_synced;
    if (!err)
        err = tyto_journal_set_up(journal, ret_fault);
    if (!err)
        err = check_left(journal, ret_fault);
    if (err) {
        close_database(journal);
        return err;
    }
    note_place(journal);
    return TYTO_OK;
}

enum tyto_err tyto_journal_exchange(struct tyto_journal *journal, const char *path,
                                    struct tyto_fault *ret_fault)
{
    tyto_sql_leave_log(&journal->sql);
    close_database(journal);
    enum tyto_err err = tyto_sql_open(&journal->sql, path, SQLITE_OPEN_READWRITE, ret_fault);
    if (!err)
        err = tyto_journal_prepare(journal, ret_fault);
    if (err) {
        close_database(journal);
        return err;
    }
    note_place(journal);
    journal->next_reserve_ns = 0;
    return TYTO_OK;
}

/* What is there is kept for whoever wants to look at it, and is in nobody's way. */
static enum tyto_err move_aside(struct tyto_journal *journal,
                                const struct tyto_journal_params *params,
                                struct tyto_fault *ret_fault)
{
    const struct tyto_fault why = *ret_fault; /* what opening it has met */
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char from[TYTO_JOURNAL_PATH_MAX + 8], to[TYTO_JOURNAL_PATH_MAX + 24];
    tyto_log_write(&journal->log, TYTO_LOG_ERROR, "journal",
                   "%s: %s; it is kept as %s.damaged, and a new one is begun", params->path,
                   why.text, params->path);
    for (int i = 0; i < 3; i++) {
        snprintf(from, sizeof(from), "%s%s", params->path, suffixes[i]);
        snprintf(to, sizeof(to), "%s.damaged%s", params->path, suffixes[i]);
        if (access(from, F_OK) != 0)
            (void)unlink(to);
        else if (tyto_replace_with(to, from) != TYTO_OK)
            return tyto_fault_set(ret_fault, TYTO_ERR_IO, from, 0, NULL, "%s", strerror(errno));
    }
    tyto_journal_note_unwritten(journal, 0);
    return TYTO_OK;
}

static enum tyto_err start(struct tyto_journal *journal, const struct tyto_journal_params *params,
                           struct tyto_fault *ret_fault)
{
    if (tyto_folder_make_for(params->path) != TYTO_OK)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, params->path, 0, NULL,
                              "its folder cannot be made: %s", strerror(errno));
    const enum tyto_err err = tyto_journal_lock(journal, params->path, ret_fault);
    return !err ? open_database(journal, params, ret_fault) : err;
}

/* Another try or two: without a journal a whole run would be without it, and its numbers begin
 * anew. A file that is called damaged is moved away only if it goes on to be. */
static enum tyto_err start_patiently(struct tyto_journal *journal,
                                     const struct tyto_journal_params *params,
                                     struct tyto_fault *ret_fault)
{
    const struct timespec nap = {0, (long)TYTO_JOURNAL_TRY_AGAIN_NS};
    if (strlen(params->path) >= TYTO_JOURNAL_PATH_MAX)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL, "path too long");
    enum tyto_err err = start(journal, params, ret_fault);
    for (int i = 1;
         i < TYTO_JOURNAL_MAX_TRIES && !journal->is_anothers && tyto_journal_may_pass(err); i++) {
        tyto_log_write(&journal->log, TYTO_LOG_WARNING, "journal", "%s: %s; tried again",
                       params->path, ret_fault->text);
        if (journal->lock_fd >= 0)
            close(journal->lock_fd);
        journal->lock_fd = -1;
        nanosleep(&nap, NULL);
        err = start(journal, params, ret_fault);
    }
    if (err != TYTO_ERR_FORMAT)
        return err;
    err = move_aside(journal, params, ret_fault);
    return !err ? open_database(journal, params, ret_fault) : err;
}

enum tyto_err tyto_journal_open(const struct tyto_journal_params *params,
                                struct tyto_journal **ret_journal, struct tyto_fault *ret_fault)
{
    struct tyto_journal *journal = tyto_calloc_within(sizeof(*journal), TYTO_JOURNAL_TRY_AGAIN_NS);
    if (!journal)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    journal->lock_fd = journal->reserve.fd = -1;
    journal->max_age_ns = params->max_age_ns;
    journal->max_messages = params->max_messages;
    journal->max_score_age_ns = params->max_score_age_ns;
    journal->max_score_bytes = (int64_t)params->max_score_bytes;
    if (params->log)
        journal->log = *params->log;
    const enum tyto_err err = start_patiently(journal, params, ret_fault);
    if (err)
        tyto_journal_close(&journal);
    else
        *ret_journal = journal;
    return err;
}

void tyto_journal_close(struct tyto_journal **journal)
{
    if (!journal || !*journal)
        return;
    struct tyto_journal *self = *journal;
    *journal = NULL;
    tyto_journal_drop_copy(self);
    /* In order: nothing is lost with the power from here on. */
    if (self->sql.db && tyto_sql_run(&self->sql, "PRAGMA wal_checkpoint(PASSIVE)", NULL) == TYTO_OK)
        (void)!tyto_sql_run(&self->sql, "DELETE FROM meta WHERE key = 'unsynced_boot'", NULL);
    close_database(self);
    if (self->lock_fd >= 0)
        close(self->lock_fd);
    free(self);
}

const char *tyto_journal_path(const struct tyto_journal *journal)
{
    return journal->sql.path;
}

const uint8_t *tyto_journal_log_id(const struct tyto_journal *journal)
{
    return journal->log_id;
}

uint64_t tyto_journal_oldest_seq(const struct tyto_journal *journal)
{
    return atomic_load(&journal->oldest_seq);
}

uint64_t tyto_journal_last_seq(const struct tyto_journal *journal)
{
    return atomic_load(&journal->last_seq);
}

uint64_t tyto_journal_first_free(const struct tyto_journal *journal)
{
    return journal->first_free;
}

/* --- committing ----------------------------------------------------------------------------------
 */

static enum tyto_err put_counter(struct tyto_journal *journal, const char *camera,
                                 const char *class_name, uint64_t num, uint64_t seq,
                                 struct tyto_fault *ret_fault)
{
    char name[2 * TYTO_ID_MAX + 3] = "";
    sqlite3_stmt *stmt = journal->stmts[TYTO_JOURNAL_PUT_COUNTER];
    if (camera)
        snprintf(name, sizeof(name), "%s/%s%s", camera, class_name ? class_name : "",
                 class_name ? "/" : "");
    (void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)num);
    (void)sqlite3_bind_int64(stmt, 3, (int64_t)seq);
    return tyto_sql_step(&journal->sql, stmt, ret_fault);
}

/* *ret_seq: of the message before about the same event, 0 for none. */
static enum tyto_err find_before(struct tyto_journal *journal, const struct tyto_event *event,
                                 int64_t *ret_seq, struct tyto_fault *ret_fault)
{
    sqlite3_stmt *stmt = journal->stmts[TYTO_JOURNAL_FIND_EVENT];
    (void)sqlite3_bind_text(stmt, 1, event->id, -1, SQLITE_STATIC);
    const int rc = sqlite3_step(stmt);
    *ret_seq = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    const enum tyto_err err = tyto_sql_result(&journal->sql, rc, ret_fault);
    (void)sqlite3_reset(stmt);
    return err;
}

static enum tyto_err put_event(struct tyto_journal *journal, const struct tyto_event *event,
                               uint64_t seq, struct tyto_fault *ret_fault)
{
    sqlite3_stmt *stmt = journal->stmts[TYTO_JOURNAL_PUT_EVENT];
    const bool is_open =
        event->phase == TYTO_EVENT_PHASE_NEW || event->phase == TYTO_EVENT_PHASE_UPDATE;
    (void)sqlite3_bind_text(stmt, 1, event->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 2, event->camera, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 3, event->class_name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int(stmt, 4, (int)event->phase);
    (void)sqlite3_bind_int(stmt, 5, is_open);
    (void)sqlite3_bind_int64(stmt, 6, event->begin_unix_ns);
    if (event->has_end)
        (void)sqlite3_bind_int64(stmt, 7, event->end_unix_ns);
    (void)sqlite3_bind_int64(stmt, 8, (int64_t)seq);
    return tyto_sql_step(&journal->sql, stmt, ret_fault);
}

static enum tyto_err put_state(struct tyto_journal *journal, const struct tyto_journal_entry *entry,
                               struct tyto_fault *ret_fault)
{
    sqlite3_stmt *stmt = journal->stmts[TYTO_JOURNAL_PUT_STATE];
    const struct tyto_envelope *envelope = entry->envelope;
    if (envelope->kind == TYTO_ENVELOPE_MODEL_STATE &&
        envelope->body.model_state.outcome == TYTO_MODEL_OUTCOME_REJECTED)
        return TYTO_OK; /* another one serves */
    (void)sqlite3_bind_text(stmt, 1, entry->topic, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)envelope->seq);
    return tyto_sql_step(&journal->sql, stmt, ret_fault);
}

static enum tyto_err put_message(struct tyto_journal *journal,
                                 const struct tyto_journal_entry *entry, int64_t before_seq,
                                 struct tyto_fault *ret_fault)
{
    sqlite3_stmt *stmt = journal->stmts[TYTO_JOURNAL_PUT_MESSAGE];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)entry->envelope->seq);
    (void)sqlite3_bind_int64(stmt, 2, tyto_journal_stamp(journal, entry->envelope));
    (void)sqlite3_bind_text(stmt, 3, entry->topic, -1, SQLITE_STATIC);
    if (before_seq > 0)
        (void)sqlite3_bind_int64(stmt, 4, before_seq);
    (void)sqlite3_bind_blob64(stmt, 5, entry->bytes, entry->num_bytes, SQLITE_STATIC);
    return tyto_sql_step(&journal->sql, stmt, ret_fault);
}

static enum tyto_err put_entry(struct tyto_journal *journal, const struct tyto_journal_entry *entry,
                               struct tyto_fault *ret_fault)
{
    const struct tyto_envelope *envelope = entry->envelope;
    const struct tyto_event *event =
        envelope->kind == TYTO_ENVELOPE_EVENT ? &envelope->body.event : NULL;
    const char *camera = NULL;
    int64_t before_seq = 0;
    enum tyto_err err = TYTO_OK;
    if (envelope->kind == TYTO_ENVELOPE_CAMERA_STATE)
        camera = envelope->body.camera_state.camera;
    if (event)
        err = find_before(journal, event, &before_seq, ret_fault);
    if (!err)
        err = put_message(journal, entry, before_seq, ret_fault);
    if (!err)
        err = event ? put_event(journal, event, envelope->seq, ret_fault)
                    : put_state(journal, entry, ret_fault);
    if (!err && event)
        err = tyto_journal_put_embeddings(journal, event, ret_fault);
    if (!err && event)
        err = put_counter(journal, event->camera, event->class_name, envelope->class_seq,
                          envelope->seq, ret_fault);
    if (!err && (event || camera))
        err = put_counter(journal, event ? event->camera : camera, NULL, envelope->cam_seq,
                          envelope->seq, ret_fault);
    return err;
}

enum tyto_err tyto_journal_commit(struct tyto_journal *journal,
                                  const struct tyto_journal_entry *entries, uint32_t num,
                                  struct tyto_fault *ret_fault)
{
    if (num == 0)
        return TYTO_OK;
    const uint64_t last_seq = entries[num - 1].envelope->seq;
    enum tyto_err err =
        journal->is_begin_due ? tyto_journal_begin_run(journal, ret_fault) : TYTO_OK;
    if (!err)
        err = tyto_sql_run(&journal->sql, "BEGIN IMMEDIATE", ret_fault);
    if (err)
        return err;
    const struct tyto_journal_clock clock = journal->clock;
    err = tyto_journal_look_at_clock(journal, ret_fault);
    for (uint32_t i = 0; !err && i < num; i++)
        err = put_entry(journal, &entries[i], ret_fault);
    if (!err)
        err = put_counter(journal, NULL, NULL, last_seq, last_seq, ret_fault);
    err = tyto_sql_end(&journal->sql, err, ret_fault);
    if (err) {
        journal->clock = clock; /* what was noted of it is gone, too */
        return err;
    }
    atomic_store(&journal->last_seq, last_seq);
    if (journal->noted_seq > 0 && journal->noted_seq <= last_seq)
        tyto_journal_note_unwritten(journal, 0);
    if (journal->reserve.last_seq > 0 && journal->reserve.last_seq <= last_seq)
        tyto_reserve_empty(&journal->reserve);
    return TYTO_OK;
}

enum tyto_err tyto_journal_set_aside(struct tyto_journal *journal,
                                     const struct tyto_journal_entry *entry)
{
    return tyto_reserve_put(&journal->reserve, entry->envelope->seq, entry->bytes,
                            entry->num_bytes);
}

/* --- tending -------------------------------------------------------------------------------------
 */

/* Where the journal is to begin by count and age, at most PRUNE_ROWS behind where it does. */
static enum tyto_err find_begin(struct tyto_journal *journal, uint64_t *ret_seq)
{
    const uint64_t oldest = atomic_load(&journal->oldest_seq);
    const uint64_t last = atomic_load(&journal->last_seq);
    uint64_t begin = oldest;
    uint64_t aged = 0;
    enum tyto_err err = TYTO_OK;
    if (journal->max_messages > 0 && last >= oldest + journal->max_messages)
        begin = last - journal->max_messages + 1;
    if (begin == oldest)
        err = tyto_journal_find_aged(journal, PRUNE_ROWS, &aged);
    if (aged >= oldest)
        begin = aged + 1;
    *ret_seq = begin > oldest + PRUNE_ROWS ? oldest + PRUNE_ROWS : begin;
    return err;
}

/* What snapshots and the next run need stays: newest states, latest of open events. */
static enum tyto_err prune(struct tyto_journal *journal, bool *ret_has_more)
{
    char text[768];
    uint64_t begin = 0;
    enum tyto_err err = find_begin(journal, &begin);
    const unsigned long long oldest = atomic_load(&journal->oldest_seq), to = begin;
    *ret_has_more = !err && begin == oldest + PRUNE_ROWS;
    if (err || begin == oldest)
        return err;
    snprintf(text, sizeof(text),
             "DELETE FROM messages WHERE seq < %llu"
             " AND seq NOT IN (SELECT seq FROM events WHERE is_open)"
             " AND seq NOT IN (SELECT seq FROM states);"
             "DELETE FROM embeddings WHERE id IN"
             " (SELECT id FROM events WHERE seq < %llu AND NOT is_open);"
             "DELETE FROM events WHERE seq < %llu AND NOT is_open;"
             "DELETE FROM clock_steps WHERE seq < %llu AND score_id < (SELECT min(id) FROM scores);"
             "INSERT OR REPLACE INTO meta(key, value) VALUES('oldest_seq', %llu);",
             to, to, to, to, to);
    err = tyto_sql_run(&journal->sql, "BEGIN IMMEDIATE", NULL);
    if (err)
        return err;
    err = tyto_sql_run(&journal->sql, text, NULL);
    err = tyto_sql_end(&journal->sql, err, NULL);
    if (!err)
        atomic_store(&journal->oldest_seq, begin);
    return err;
}

static enum tyto_err give_back(struct tyto_journal *journal)
{
    char text[64];
    int64_t num_free = 0;
    enum tyto_err err = tyto_sql_number(&journal->sql, "PRAGMA freelist_count", &num_free, NULL);
    if (err || num_free < MIN_FREE_PAGES)
        return err;
    snprintf(text, sizeof(text), "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
    return tyto_sql_run(&journal->sql, text, NULL);
}

/* The disk was full at open. */
static void make_reserve(struct tyto_journal *journal, uint64_t now_ns)
{
    const uint64_t last_seq = atomic_load(&journal->last_seq);
    if (journal->reserve.fd >= 0 || now_ns < journal->next_reserve_ns)
        return;
    (void)!tyto_reserve_open(&journal->reserve, journal->sql.path, journal->log_id, last_seq);
    journal->next_reserve_ns = now_ns + RESERVE_EVERY_NS;
}

bool tyto_journal_tend(struct tyto_journal *journal)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    make_reserve(journal, now_ns);
    bool has_more = false;
    enum tyto_err err = TYTO_OK;
    if (journal->num_wal_pages >= CHECKPOINT_PAGES) {
        journal->num_wal_pages = 0;
        const int rc =
            sqlite3_wal_checkpoint_v2(journal->sql.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        err = rc == SQLITE_BUSY ? TYTO_OK : tyto_sql_result(&journal->sql, rc, NULL);
    }
    if (!err && now_ns >= journal->next_prune_ns) {
        bool has_more_scores = false;
        err = tyto_journal_look_at_clock(journal, NULL);
        if (!err)
            err = prune(journal, &has_more);
        if (!err)
            err = tyto_journal_prune_scores(journal, &has_more_scores);
        has_more |= has_more_scores;
        if (!err)
            err = give_back(journal);
        journal->next_prune_ns = has_more && !err ? now_ns : now_ns + PRUNE_EVERY_NS;
    }
    if (err && !journal->is_tend_failing)
        tyto_log_write(&journal->log, TYTO_LOG_WARNING, "journal",
                       "%s cannot be tidied up: %s; tried again", journal->sql.path,
                       tyto_err_text(err));
    journal->is_tend_failing = (bool)err;
    return has_more && !err;
}
