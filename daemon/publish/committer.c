/* SPDX-License-Identifier: MIT */
#include "daemon/publish/committer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"
#include "daemon/publish/backlog.h"

enum {
    QUEUE_ITEMS = 2048,
    GROUP = 512,
    WAIT_MS = 500,
    MIN_BUSY_MS = 20, /* while there is something to tend */
    SCORE_ROWS = 512, /* that wait: of each of 256 cameras two */
    SCORE_GROUP = 32,
};
#define SCORES_EVERY_NS (5 * TYTO_NS_PER_S)
#define RETRY_NS TYTO_NS_PER_S
#define REMIND_NS (600 * TYTO_NS_PER_S)

struct tyto_committer {
    struct tyto_ring *from, *ring;
    struct tyto_ring *scores; /* of struct tyto_journal_scores *, owned by it */
    uint64_t next_scores_ns;
    bool is_failing_scores; /* told */
    struct tyto_journal *journal;
    const struct tyto_sender *sender;
    const struct tyto_log *log;
    pthread_t thread;
    bool is_running;
    struct tyto_outgoing *group[GROUP];
    struct tyto_backlog *backlog;
    uint64_t next_try_ns, next_reminder_ns;
    bool is_failing;
    bool is_in_memory_alone; /* what could not be committed could not be set aside, either; told */

    /* Read by any thread. */
    atomic_bool is_busy;
    atomic_uint_fast64_t num_turns, num_committed, num_commits, num_unwritten;
    atomic_bool tells_failing;
};

/* --- committing ------------------------------------------------------------------------------- */

static void tell_failure(struct tyto_committer *self, enum tyto_err err,
                         const struct tyto_fault *fault)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    if (!self->is_failing || now_ns >= self->next_reminder_ns) {
        tyto_log_write(self->log, TYTO_LOG_ERROR, "journal",
                       "%s cannot be written: %s%s; events are published all the same, and the "
                       "last %d are kept in memory; tried again every second",
                       tyto_journal_path(self->journal), fault->text[0] ? fault->text : "",
                       fault->text[0] ? "" : tyto_err_text(err), TYTO_BACKLOG_MAX);
        self->next_reminder_ns = now_ns + REMIND_NS;
    }
    self->is_failing = true;
    atomic_store(&self->tells_failing, true);
    self->next_try_ns = now_ns + RETRY_NS;
}

static void tell_healed(struct tyto_committer *self)
{
    tyto_log_write(self->log, TYTO_LOG_INFO, "journal",
                   "%s is written again; %llu messages so far are missing in it",
                   tyto_journal_path(self->journal),
                   (unsigned long long)atomic_load(&self->num_unwritten));
    self->is_failing = self->is_in_memory_alone = false;
    atomic_store(&self->tells_failing, false);
}

/* Told once for each time at which the journal cannot be written. */
static void set_aside(struct tyto_committer *self, const struct tyto_outgoing *outgoing)
{
    const struct tyto_journal_entry entry = {&outgoing->envelope, outgoing->topic, outgoing->bytes,
                                             outgoing->num_bytes};
    const enum tyto_err err = tyto_journal_set_aside(self->journal, &entry);
    if (err && !self->is_in_memory_alone)
        tyto_log_write(
            self->log, TYTO_LOG_ERROR, "journal",
            "%s.reserve %s: what is published from now on is lost should the process end "
            "before the journal can be written again",
            tyto_journal_path(self->journal),
            err == TYTO_ERR_FULL ? "has no room left" : "cannot be written, either");
    self->is_in_memory_alone |= (bool)err;
}

static enum tyto_err commit(struct tyto_committer *self, struct tyto_outgoing *const *group,
                            uint32_t num)
{
    static _Thread_local struct tyto_journal_entry entries[GROUP];
    struct tyto_fault fault = {.text = ""};
    uint32_t num_entries = 0;
    for (uint32_t i = 0; i < num; i++) {
        const struct tyto_outgoing *outgoing = group[i];
        if (outgoing->num_bytes > 0)
            entries[num_entries++] = (struct tyto_journal_entry){
                &outgoing->envelope, outgoing->topic, outgoing->bytes, outgoing->num_bytes};
    }
    const enum tyto_err err = tyto_journal_commit(self->journal, entries, num_entries, &fault);
    if (err) {
        tell_failure(self, err, &fault);
        return err;
    }
    atomic_fetch_add(&self->num_committed, num_entries);
    atomic_fetch_add(&self->num_commits, 1);
    return TYTO_OK;
}

/* What could not be committed before, as far as that goes now. */
static enum tyto_err commit_backlog(struct tyto_committer *self)
{
    struct tyto_outgoing *group[GROUP];
    enum tyto_err err = TYTO_OK;
    while (!err && tyto_backlog_num(self->backlog) > 0) {
        const uint32_t num = tyto_backlog_take(self->backlog, 0, group, GROUP);
        err = commit(self, group, num);
        for (uint32_t i = 0; i < num; i++)
            tyto_outgoing_release(group[i]);
        /* Whoever reads the journal after having looked here finds each of them in one of both. */
        if (!err)
            tyto_backlog_drop(self->backlog, num);
    }
    return err;
}

static enum tyto_err stay(struct tyto_committer *self)
{
    struct tyto_fault fault = {.text = ""};
    const enum tyto_err err = tyto_journal_stay(self->journal, &fault);
    if (err)
        tell_failure(self, err, &fault);
    return err;
}

static void write_group(struct tyto_committer *self, struct tyto_outgoing *const *group,
                        uint32_t num)
{
    enum tyto_err err = TYTO_ERR_IO;
    if (!self->is_failing || tyto_clock_mono_ns() >= self->next_try_ns) {
        err = stay(self);
        if (!err && num == 0 && !self->is_failing && tyto_backlog_num(self->backlog) == 0)
            return;
        if (!err)
            err = commit_backlog(self);
        if (!err && num > 0)
            err = commit(self, group, num);
        if (!err && self->is_failing)
            tell_healed(self);
    }
    for (uint32_t i = 0; err && i < num; i++) {
        if (group[i]->num_bytes == 0)
            continue;
        set_aside(self, group[i]);
        atomic_fetch_add(&self->num_unwritten, tyto_backlog_put(self->backlog, group[i]));
    }
    if (err && num > 0)
        tyto_journal_note_unwritten(self->journal, group[num - 1]->envelope.seq);
}

void tyto_committer_commit(struct tyto_committer *self, struct tyto_outgoing *outgoing)
{
    self->next_try_ns = 0;
    write_group(self, &outgoing, 1);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Takes what waits. CLOSED when the queue is closed and empty. */
static enum tyto_err take_group(struct tyto_committer *self, uint32_t *ret_num)
{
    enum tyto_err err = TYTO_OK;
    *ret_num = 0;
    while (!err && *ret_num < GROUP) {
        void *item = NULL;
        err = tyto_ring_pop(self->from, &item);
        if (err)
            break;
        struct tyto_outgoing *outgoing = NULL;
        const enum tyto_err made = tyto_outgoing_make(self->sender, item, &outgoing);
        if (made)
            tyto_log_write(self->log, TYTO_LOG_ERROR, "publisher",
                           "a message of kind %d is not sent: %s",
                           (int)((struct tyto_envelope *)item)->kind, tyto_err_text(made));
        free(item);
        if (outgoing)
            self->group[(*ret_num)++] = outgoing;
    }
    return err;
}

static void pass_on(struct tyto_committer *self, uint32_t num)
{
    const struct timespec one_ms = {0, (long)TYTO_NS_PER_MS};
    for (uint32_t i = 0; i < num; i++) {
        while (tyto_ring_push(self->ring, self->group[i]) == TYTO_ERR_FULL)
            nanosleep(&one_ms, NULL); /* the publisher stands still; it is watched */
    }
}

void tyto_committer_keep_scores(struct tyto_committer *self, struct tyto_journal_scores *scores)
{
    void *dropped = NULL;
    if (tyto_ring_push_drop_oldest(self->scores, scores, &dropped) != TYTO_OK)
        dropped = scores;
    struct tyto_journal_scores *lost = dropped;
    tyto_journal_scores_free(&lost);
}

/* Bounded, so that no message waits for long. True: there are more. */
static bool write_scores(struct tyto_committer *self)
{
    struct tyto_journal_scores *rows[SCORE_GROUP];
    struct tyto_fault fault = {.text = ""};
    uint32_t num = 0;
    void *item = NULL;
    while (num < SCORE_GROUP && tyto_ring_pop(self->scores, &item) == TYTO_OK)
        rows[num++] = item;
    const enum tyto_err err =
        num > 0 ? tyto_journal_put_scores(self->journal, rows, num, &fault) : TYTO_OK;
    if (err && !self->is_failing_scores)
        tyto_log_write(self->log, TYTO_LOG_ERROR, "journal",
                       "scores cannot be kept at the moment: %s", fault.text);
    if (num > 0)
        self->is_failing_scores = (bool)err;
    for (uint32_t i = 0; i < num; i++)
        tyto_journal_scores_free(&rows[i]);
    return num == SCORE_GROUP;
}

static void *run(void *user)
{
    struct tyto_committer *self = user;
    enum tyto_err err = TYTO_OK;
    bool has_more = false;
    pthread_setname_np(pthread_self(), "tyto-journal");
    while (err != TYTO_ERR_CLOSED) {
        uint32_t num = 0;
        (void)!tyto_ring_wait(self->from, has_more ? MIN_BUSY_MS : WAIT_MS);
        atomic_store(&self->is_busy, true);
        err = take_group(self, &num);
        write_group(self, self->group, num);
        pass_on(self, num);
        atomic_store(&self->is_busy, false);
        if (!self->is_failing)
            has_more = tyto_journal_tend(self->journal);
        if (!self->is_failing && tyto_clock_mono_ns() >= self->next_scores_ns) {
            const bool has_rows = write_scores(self);
            self->next_scores_ns = has_rows ? 0 : tyto_clock_mono_ns() + SCORES_EVERY_NS;
            has_more |= has_rows;
        }
        atomic_fetch_add(&self->num_turns, 1);
    }
    self->next_try_ns = 0; /* the last chance */
    write_group(self, self->group, 0);
    while (!self->is_failing && write_scores(self))
        ;
    tyto_ring_close(self->ring);
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static enum tyto_err take_left(void *user, const struct tyto_envelope *envelope,
                               const uint8_t *bytes, size_t num_bytes)
{
    struct tyto_committer *self = user;
    struct tyto_outgoing *outgoing = NULL;
    const enum tyto_err err = tyto_outgoing_of(envelope, bytes, num_bytes, &outgoing);
    if (!err)
        atomic_fetch_add(&self->num_unwritten, tyto_backlog_put(self->backlog, outgoing));
    tyto_outgoing_release(outgoing);
    return err;
}

enum tyto_err tyto_committer_create(const struct tyto_committer_params *params,
                                    struct tyto_committer **ret_committer)
{
    struct tyto_committer *self = calloc(1, sizeof(*self));
    if (!self)
        return TYTO_ERR_NOMEM;
    self->from = params->from;
    self->journal = params->journal;
    self->sender = params->sender;
    self->log = params->log;
    enum tyto_err err = tyto_backlog_create(&self->backlog);
    if (!err)
        err = tyto_ring_create(QUEUE_ITEMS, &self->ring);
    if (!err)
        err = tyto_ring_create(SCORE_ROWS, &self->scores);
    if (!err)
        err = tyto_journal_each_set_aside(self->journal, take_left, self);
    if (!err && pthread_create(&self->thread, NULL, run, self) != 0)
        err = TYTO_ERR_NOMEM;
    self->is_running = !err;
    if (err)
        tyto_committer_destroy(&self);
    else
        *ret_committer = self;
    return err;
}

void tyto_committer_destroy(struct tyto_committer **committer)
{
    if (!committer || !*committer)
        return;
    struct tyto_committer *self = *committer;
    *committer = NULL;
    void *item = NULL;
    while (self->ring && tyto_ring_pop(self->ring, &item) == TYTO_OK)
        tyto_outgoing_release(item);
    while (self->scores && tyto_ring_pop(self->scores, &item) == TYTO_OK) {
        struct tyto_journal_scores *scores = item;
        tyto_journal_scores_free(&scores);
    }
    tyto_ring_destroy(&self->scores);
    tyto_ring_destroy(&self->ring);
    tyto_backlog_destroy(&self->backlog);
    free(self);
}

struct tyto_ring *tyto_committer_ring(struct tyto_committer *committer)
{
    return committer->ring;
}

bool tyto_committer_is_idle(const struct tyto_committer *committer)
{
    return !atomic_load(&committer->is_busy);
}

uint32_t tyto_committer_take_waiting(struct tyto_committer *committer, uint64_t from_seq,
                                     struct tyto_outgoing **ret_outgoing, uint32_t max)
{
    return tyto_backlog_take(committer->backlog, from_seq, ret_outgoing, max);
}

bool tyto_committer_join(struct tyto_committer *committer, uint64_t timeout_ns)
{
    if (!committer->is_running)
        return true;
    committer->is_running = !tyto_thread_join(committer->thread, timeout_ns);
    return !committer->is_running;
}

void tyto_committer_get_counts(const struct tyto_committer *committer,
                               struct tyto_committer_counts *ret_counts)
{
    ret_counts->num_turns = atomic_load(&committer->num_turns);
    ret_counts->num_committed = atomic_load(&committer->num_committed);
    ret_counts->num_commits = atomic_load(&committer->num_commits);
    ret_counts->num_unwritten = atomic_load(&committer->num_unwritten);
    ret_counts->num_waiting = tyto_backlog_num(committer->backlog);
    ret_counts->is_failing = atomic_load(&committer->tells_failing);
}
