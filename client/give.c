/* SPDX-License-Identifier: MIT */
/* What a feed gives, one after the other. */
#include <stdio.h>
#include <string.h>

#include "client/ask.h"
#include "client/follow.h"

/* True: it is a message for who follows. */
static bool fill(struct tyto_feed_item *ret_item, const struct tyto_envelope *envelope)
{
    ret_item->kind = TYTO_FEED_MESSAGE;
    return tyto_message_of(envelope, &ret_item->message);
}

static enum tyto_err lose(struct tyto_follow *self, struct tyto_feed_item *ret_item,
                          enum tyto_feed_loss why, uint64_t from_seq, uint64_t to_seq,
                          uint64_t num_lost)
{
    static const char *const texts[] = {
        [TYTO_FEED_TOO_OLD] = "it is not in the journal",
        [TYTO_FEED_OTHER_LOG] = "another journal, or none: numbers begin anew",
        [TYTO_FEED_UNREACHABLE] = "the query socket does not answer",
        [TYTO_FEED_NOT_KEPT] = "nothing can be fetched from this tytod",
    };
    ret_item->kind = TYTO_FEED_LOST;
    ret_item->why = why;
    ret_item->from_seq = from_seq;
    ret_item->to_seq = to_seq;
    ret_item->num_lost = num_lost;
    if (why == TYTO_FEED_UNREACHABLE && self->refusal[0])
        snprintf(self->text, sizeof(self->text), "%s: %s", texts[why], self->refusal);
    else
        snprintf(self->text, sizeof(self->text), "%s", texts[why]);
    self->counts.num_lost += num_lost;
    self->is_snapshot_due |= self->params.with_snapshot;
    return TYTO_OK;
}

/* Everything from last + 1 to to_seq is lost; how many, where all topics are wanted. */
static enum tyto_err lose_up_to(struct tyto_follow *self, struct tyto_feed_item *ret_item,
                                enum tyto_feed_loss why, uint64_t to_seq)
{
    const uint64_t from_seq = self->last + 1;
    self->last = to_seq;
    return lose(self, ret_item, why, from_seq, to_seq,
                self->params.is_filtered ? 0 : to_seq - from_seq + 1);
}

/* --- what was fetched ----------------------------------------------------------------------------
 */

/* Gives the held one that is in the queue first, and counts it as not missing. */
static enum tyto_err give_held(struct tyto_follow *self, struct tyto_feed_item *ret_item)
{
    const struct tyto_held_one *first = tyto_held_first(&self->held);
    const uint64_t seq = first->seq;
    const bool is_good =
        tyto_envelope_unpack(first->bytes, first->num_bytes, &self->unpacked) == TYTO_OK &&
        fill(ret_item, &self->unpacked);
    tyto_held_drop(&self->held);
    if (seq > 0)
        self->last = seq;
    self->counts.num_given += is_good;
    return is_good ? TYTO_OK : TYTO_ERR_EMPTY;
}

static bool is_of_log(const struct tyto_follow *self, const struct tyto_held_one *one)
{
    return memcmp(one->log_id, self->log_id, TYTO_UUID_BYTES) == 0;
}

/* Those that have been given by now go. */
static const struct tyto_held_one *first_to_give(struct tyto_follow *self)
{
    const struct tyto_held_one *first = tyto_held_first(&self->held);
    while (first && first->seq > 0 && is_of_log(self, first) && first->seq <= self->last) {
        self->counts.num_doubled++;
        tyto_held_drop(&self->held);
        first = tyto_held_first(&self->held);
    }
    return first;
}

/* A held one that comes before seq; the journal does not have it, or not yet. */
static bool comes_held(struct tyto_follow *self, uint64_t seq)
{
    const struct tyto_held_one *first = first_to_give(self);
    return first && first->seq > 0 && is_of_log(self, first) && first->seq < seq;
}

static enum tyto_err give_held_between(struct tyto_follow *self, struct tyto_feed_item *ret_item)
{
    if (self->chunk.num_missing > 0)
        self->chunk.num_missing--;
    return give_held(self, ret_item);
}

static void end_chunk(struct tyto_follow *self)
{
    const uint64_t told = self->chunk.next_seq > 0 ? self->chunk.next_seq - 1 : 0;
    const bool is_last = self->chunk.is_last;
    tyto_reply_clear(&self->chunk);
    self->fetch = TYTO_FOLLOW_IDLE;
    if (!self->is_snapshot) {
        self->is_since_due = false;
        if (told > self->last)
            self->last = told;
    }
    if (!is_last && self->fetch_id > 0) {
        self->fetch = TYTO_FOLLOW_ASKED;
        self->wants_credit = true;
        return;
    }
    if (self->is_snapshot && is_last) {
        if (self->is_snapshot_start && told > self->last)
            self->last = told;
        self->is_snapshot_due = self->is_snapshot_start = false;
    }
    if (self->last > self->known)
        self->known = self->last;
}

static enum tyto_err give_fetched(struct tyto_follow *self, struct tyto_feed_item *ret_item)
{
    const bool is_good = fill(ret_item, &self->unpacked);
    self->chunk_at++;
    if (self->is_snapshot) {
        ret_item->is_snapshot = true;
        return is_good ? TYTO_OK : TYTO_ERR_EMPTY;
    }
    self->last = self->unpacked.seq;
    self->is_since_due = false;
    self->counts.num_given += is_good;
    self->counts.num_fetched += is_good;
    return is_good ? TYTO_OK : TYTO_ERR_EMPTY;
}

/* EMPTY: go on; the fetch is over, or a message was none. */
static enum tyto_err give_chunk(struct tyto_follow *self, struct tyto_feed_item *ret_item)
{
    const struct tyto_reply *chunk = &self->chunk;
    if (self->chunk_at < chunk->num_envelopes) {
        const struct tyto_bytes *bytes = &chunk->envelopes[self->chunk_at];
        if (tyto_envelope_unpack(bytes->bytes, bytes->num_bytes, &self->unpacked) != TYTO_OK) {
            self->counts.num_malformed++;
            self->chunk_at++;
            return TYTO_ERR_EMPTY;
        }
        if (self->is_snapshot)
            return give_fetched(self, ret_item);
        if (comes_held(self, self->unpacked.seq))
            return give_held_between(self, ret_item);
        if (self->unpacked.seq > self->last)
            return give_fetched(self, ret_item);
        self->counts.num_doubled++;
        self->chunk_at++;
        return TYTO_ERR_EMPTY;
    }
    if (!self->is_snapshot && comes_held(self, chunk->next_seq))
        return give_held_between(self, ret_item);
    const uint64_t to_seq = chunk->next_seq > 0 ? chunk->next_seq - 1 : 0;
    const uint64_t num_missing = self->is_snapshot ? 0 : chunk->num_missing;
    end_chunk(self);
    return num_missing > 0
               ? lose(self, ret_item, TYTO_FEED_TOO_OLD, self->chunk_from, to_seq, num_missing)
               : TYTO_ERR_EMPTY;
}

/* --- what is live --------------------------------------------------------------------------------
 */

/* This log has told all that came of it. What had not come is lost. */
static enum tyto_err go_over(struct tyto_follow *self, struct tyto_feed_item *ret_item)
{
    const bool is_set_back = memcmp(self->log_id, self->next.log_id, TYTO_UUID_BYTES) == 0;
    const uint64_t from_seq = is_set_back ? 0 : self->last + 1;
    memcpy(self->log_id, self->next.log_id, TYTO_UUID_BYTES);
    self->last = self->last_at_boot = is_set_back ? self->next.last_seq : 0;
    self->known = self->next.last_seq;
    self->oldest = self->next.oldest_seq;
    self->has_next = self->is_since_due = self->is_snapshot_start = self->is_too_old = false;
    self->is_first_ask = self->is_now_open = false;
    self->is_caught_up_due = true;
    return lose(self, ret_item, TYTO_FEED_OTHER_LOG, from_seq, 0, 0);
}

/* One that is not counted: a state, or an END, that this daemon tells newcomers. */
static enum tyto_err give_repeat(struct tyto_follow *self, struct tyto_feed_item *ret_item)
{
    const struct tyto_held_one *first = tyto_held_first(&self->held);
    if (tyto_envelope_unpack(first->bytes, first->num_bytes, &self->unpacked) != TYTO_OK ||
        tyto_repeats_take(&self->repeats, &self->unpacked)) {
        tyto_held_drop(&self->held);
        return TYTO_ERR_EMPTY;
    }
    return give_held(self, ret_item);
}

/* Where nothing can be asked a message is given as it comes, and what is missing before it is lost.
 */
static enum tyto_err give_live_only(struct tyto_follow *self, const struct tyto_held_one *first,
                                    struct tyto_feed_item *ret_item)
{
    uint64_t num_lost = 0;
    if (!self->params.is_filtered && first->seq > self->last + 1)
        return lose_up_to(self, ret_item, TYTO_FEED_NOT_KEPT, first->seq - 1);
    if (tyto_envelope_unpack(first->bytes, first->num_bytes, &self->unpacked) == TYTO_OK) {
        (void)tyto_repeats_take(&self->repeats, &self->unpacked);
        num_lost = tyto_gaps_message(&self->gaps, &self->unpacked);
    }
    if (self->params.is_filtered && num_lost > 0)
        return lose(self, ret_item, TYTO_FEED_NOT_KEPT, self->last + 1, first->seq - 1, num_lost);
    return give_held(self, ret_item);
}

/* What cannot be fetched any more, at once. EMPTY: there is nothing of that kind. */
static enum tyto_err give_up(struct tyto_follow *self, const struct tyto_held_one *first,
                             struct tyto_feed_item *ret_item)
{
    const bool is_first = first && first->seq > 0 && is_of_log(self, first);
    const uint64_t to_seq = is_first ? first->seq - 1 : self->known;
    const bool was_since = self->is_since_due;
    const enum tyto_feed_loss why =
        self->is_given_up || self->retry_ns > 0 ? TYTO_FEED_UNREACHABLE : TYTO_FEED_NOT_KEPT;
    if (!self->is_given_up && !self->is_live_only)
        return TYTO_ERR_EMPTY;
    const bool is_once = self->is_given_up || was_since;
    self->is_given_up = self->is_since_due = false;
    self->is_snapshot_start = self->is_snapshot_due = false;
    /* Not all topics: what is missing in the end may be of others. */
    if (to_seq <= self->last || (self->params.is_filtered && !is_once))
        return TYTO_ERR_EMPTY;
    const enum tyto_err err = lose_up_to(self, ret_item, why, to_seq);
    self->is_snapshot_due = false;
    return err;
}

static enum tyto_err give_live(struct tyto_follow *self, struct tyto_feed_item *ret_item)
{
    const struct tyto_held_one *first = first_to_give(self);
    if (first && first->seq == 0 && !tyto_follow_gets_repeats(self)) {
        if (tyto_follow_may_get_repeats(self))
            return TYTO_ERR_TIMEOUT;
        if (self->params.with_snapshot) { /* which has it */
            tyto_held_drop(&self->held);
            return TYTO_ERR_EMPTY;
        }
    }
    if (first && first->seq == 0)
        return give_repeat(self, ret_item);
    if (give_up(self, first, ret_item) == TYTO_OK)
        return TYTO_OK;
    const bool is_of_this = first && is_of_log(self, first);
    if (self->is_too_old) {
        self->is_too_old = false;
        if (!self->is_first_ask)
            return lose_up_to(self, ret_item, TYTO_FEED_TOO_OLD, self->oldest - 1);
        self->last = self->oldest - 1;
        self->is_since_due = false;
        return TYTO_ERR_EMPTY;
    }
    if (is_of_this && (self->is_since_due || self->is_snapshot_start) && !self->has_next)
        return TYTO_ERR_TIMEOUT;
    if (is_of_this && self->is_live_only)
        return give_live_only(self, first, ret_item);
    if (is_of_this && first->seq == self->last + 1)
        return give_held(self, ret_item);
    if (is_of_this && self->has_next)
        return lose_up_to(self, ret_item, TYTO_FEED_OTHER_LOG, first->seq - 1);
    if (self->has_next)
        return go_over(self, ret_item);
    if (first && !is_of_this) { /* of a log that was there between two that were heard of */
        tyto_held_drop(&self->held);
        return TYTO_ERR_EMPTY;
    }
    return TYTO_ERR_TIMEOUT;
}

/* --- all -----------------------------------------------------------------------------------------
 */

static bool take_due(bool *is_due, struct tyto_feed_item *ret_item, enum tyto_feed_kind kind)
{
    const bool was_due = *is_due;
    *is_due = false;
    if (was_due)
        ret_item->kind = kind;
    return was_due;
}

/* False: none. */
static bool give_notice(struct tyto_follow *self, struct tyto_feed_item *ret_item)
{
    if (take_due(&self->is_connected_due, ret_item, TYTO_FEED_CONNECTED) ||
        take_due(&self->is_restarted_due, ret_item, TYTO_FEED_RESTARTED))
        return true;
    if (!take_due(&self->is_live_only_due, ret_item, TYTO_FEED_LIVE_ONLY))
        return false;
    snprintf(self->text, sizeof(self->text), "nothing can be fetched from this tytod: %s",
             self->refusal);
    return true;
}

static bool is_caught_up(const struct tyto_follow *self)
{
    return self->has_log && self->has_boot && !self->has_next && self->fetch == TYTO_FOLLOW_IDLE &&
           !self->is_since_due && !self->is_snapshot_due && self->held.num == 0 &&
           self->last >= self->known;
}

enum tyto_err tyto_follow_next(struct tyto_follow *self, struct tyto_feed_item *ret_item)
{
    memset(ret_item, 0, sizeof(*ret_item));
    self->text[0] = '\0';
    ret_item->text = self->text;
    if (give_notice(self, ret_item))
        return TYTO_OK;
    enum tyto_err err = self->has_log ? TYTO_ERR_EMPTY : TYTO_ERR_TIMEOUT;
    while (err == TYTO_ERR_EMPTY)
        err = self->fetch == TYTO_FOLLOW_HAS_CHUNK ? give_chunk(self, ret_item)
                                                   : give_live(self, ret_item);
    if (!err)
        return TYTO_OK;
    if (self->is_caught_up_due && is_caught_up(self)) {
        self->is_caught_up_due = false;
        ret_item->kind = TYTO_FEED_CAUGHT_UP;
        return TYTO_OK;
    }
    return TYTO_ERR_EMPTY;
}
