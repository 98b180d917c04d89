/* SPDX-License-Identifier: MIT */
/* How old what is kept is, whatever this machine's clock was set to meanwhile.
 *
 * A row has the time of that clock. When the clock is set, by how much and behind which row is
 * noted, and rows up to there count as if the clock had always been what it is now: one that jumps
 * ahead makes nothing old, and one that jumps back keeps nothing for ever.
 *
 * What passes while no tytod runs is known from the clock alone. One that is behind the last row at
 * the start was set back: no time has passed. One that is far ahead may be right, or may be wrong
 * until a time server is heard: for a while nothing is too old, and what it is set back by is taken
 * from that time first. */
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "daemon/journal/internal.h"

/* Less is a clock that is being disciplined. */
#define STEP_NS (60 * (int64_t)TYTO_NS_PER_S)
#define LONG_GAP_NS (24 * 3600 * (int64_t)TYTO_NS_PER_S)
#define HOLD_NS (600 * TYTO_NS_PER_S)

/* Rows up to both, of messages and of scores, count ns later. */
static const char table[] =
    "CREATE TABLE IF NOT EXISTS clock_steps(seq INTEGER NOT NULL, score_id INTEGER NOT NULL,"
    " ns INTEGER NOT NULL, PRIMARY KEY(seq, score_id)) WITHOUT ROWID";

static int64_t offset_ns(uint64_t of_ns)
{
    return (int64_t)tyto_clock_unix_ns() - (int64_t)of_ns;
}

enum tyto_err tyto_journal_set_up_clock(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    struct tyto_journal_clock *clock = &journal->clock;
    int64_t newest_ns = 0, last_score_id = 0;
    enum tyto_err err = tyto_sql_run(&journal->sql, table, ret_fault);
    if (!err)
        err = tyto_sql_number(&journal->sql,
                              "SELECT unix_ns + " TYTO_JOURNAL_SET_SINCE(
                                  "seq", "messages.seq") " FROM messages ORDER BY seq DESC LIMIT 1",
                              &newest_ns, ret_fault);
    if (!err)
        err =
            tyto_sql_number(&journal->sql, "SELECT max(id) FROM scores", &last_score_id, ret_fault);
    const int64_t gap_ns = newest_ns > 0 ? (int64_t)tyto_clock_unix_ns() - newest_ns : 0;
    *clock = (struct tyto_journal_clock){
        .mono_offset_ns = offset_ns(tyto_clock_mono_ns()),
        .boot_offset_ns = offset_ns(tyto_clock_boot_ns()),
        .last_score_id = last_score_id,
        .gap_ns = gap_ns > 0 ? gap_ns : 0,
        .aged_from_ns = gap_ns > LONG_GAP_NS ? tyto_clock_mono_ns() + HOLD_NS : 0,
    };
    if (gap_ns < -STEP_NS) { /* as it was then: the next look finds that it was set */
        clock->mono_offset_ns -= gap_ns;
        clock->boot_offset_ns -= gap_ns;
    }
    return err;
}

/* score_id: as SQL. */
static enum tyto_err note(struct tyto_journal *journal, uint64_t seq, const char *score_id,
                          int64_t step_ns, struct tyto_fault *ret_fault)
{
    char text[256];
    snprintf(text, sizeof(text),
             "INSERT INTO clock_steps(seq, score_id, ns) VALUES(%llu, %s, %lld)"
             " ON CONFLICT(seq, score_id) DO UPDATE SET ns = ns + excluded.ns",
             (unsigned long long)seq, score_id, (long long)step_ns);
    return tyto_sql_run(&journal->sql, text, ret_fault);
}

/* How much of it, being back, only takes away what a wrong clock has put between the run before and
 * this one. */
static int64_t take_from_gap(struct tyto_journal_clock *clock, int64_t step_ns)
{
    if (step_ns > 0) {
        clock->ahead_ns += step_ns;
        return 0;
    }
    const int64_t back_ns = clock->ahead_ns < -step_ns ? clock->ahead_ns : -step_ns;
    const int64_t rest_ns = -step_ns - back_ns;
    const int64_t taken_ns = clock->gap_ns < rest_ns ? clock->gap_ns : rest_ns;
    clock->ahead_ns -= back_ns;
    clock->gap_ns -= taken_ns;
    return taken_ns;
}

/* Behind all rows that there are; and what was taken behind those of earlier runs. */
static enum tyto_err note_set(struct tyto_journal *journal, struct tyto_journal_clock *clock,
                              int64_t step_ns, struct tyto_fault *ret_fault)
{
    char score_id[24];
    const int64_t taken_ns = take_from_gap(clock, step_ns);
    enum tyto_err err = note(journal, atomic_load(&journal->last_seq),
                             "(SELECT coalesce(max(id), 0) FROM scores)", step_ns, ret_fault);
    snprintf(score_id, sizeof(score_id), "%lld", (long long)clock->last_score_id);
    if (!err && taken_ns > 0)
        err = note(journal, journal->first_free, score_id, taken_ns, ret_fault);
    if (!err)
        tyto_log_write(&journal->log, TYTO_LOG_WARNING, "journal",
                       "this machine's clock was set %s by %lld s: what is kept grows no older by "
                       "it, and no younger",
                       step_ns > 0 ? "forward" : "back",
                       (long long)(llabs(step_ns) / (int64_t)TYTO_NS_PER_S));
    return err;
}

enum tyto_err tyto_journal_look_at_clock(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    struct tyto_journal_clock clock = journal->clock;
    clock.mono_offset_ns = offset_ns(tyto_clock_mono_ns());
    clock.boot_offset_ns = offset_ns(tyto_clock_boot_ns());
    const int64_t step_ns = clock.boot_offset_ns - journal->clock.boot_offset_ns;
    const enum tyto_err err =
        llabs(step_ns) > STEP_NS ? note_set(journal, &clock, step_ns, ret_fault) : TYTO_OK;
    if (!err)
        journal->clock = clock;
    return err;
}

int64_t tyto_journal_stamp(const struct tyto_journal *journal, const struct tyto_envelope *envelope)
{
    const bool is_of_this_run =
        envelope->seq > journal->first_free && envelope->publish_mono_ns != 0;
    return is_of_this_run ? envelope->publish_mono_ns + journal->clock.mono_offset_ns
                          : envelope->publish_unix_ns;
}

enum tyto_err tyto_journal_find_aged(struct tyto_journal *journal, uint32_t max_rows,
                                     uint64_t *ret_seq)
{
    char text[384];
    int64_t seq = 0;
    *ret_seq = 0;
    if (journal->max_age_ns == 0 || tyto_clock_mono_ns() < journal->clock.aged_from_ns)
        return TYTO_OK;
    snprintf(text, sizeof(text),
             "SELECT max(seq) FROM (SELECT seq, unix_ns FROM messages WHERE seq >= %llu"
             " ORDER BY seq LIMIT %u) AS m WHERE m.unix_ns + " TYTO_JOURNAL_SET_SINCE(
                 "clock_steps.seq", "m.seq") " < %lld",
             (unsigned long long)atomic_load(&journal->oldest_seq), max_rows,
             (long long)((int64_t)tyto_clock_unix_ns() - journal->max_age_ns));
    const enum tyto_err err = tyto_sql_number(&journal->sql, text, &seq, NULL);
    if (!err)
        *ret_seq = (uint64_t)seq;
    return err;
}
