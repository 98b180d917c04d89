/* SPDX-License-Identifier: MIT */
/* What comes in, and what to ask. What is given stands in give.c. */
#include "client/follow.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* A daemon names where to ask a moment after it has begun to publish; one with a journal, which
 * takes long, is waited for longer. */
#define GRACE_NS (3 * TYTO_NS_PER_S)
#define LONG_GRACE_NS (30 * TYTO_NS_PER_S)
/* How often what may be of other topics is asked for, where nothing else calls for it. */
#define CONFIRM_NS (5 * TYTO_NS_PER_S)
/* As many asks as ask_ns holds, in this time: a little less than a daemon bears. */
#define ASKS_NS (2200 * TYTO_NS_PER_MS)
#define RETRY_NS (1 * TYTO_NS_PER_S)
/* Who did not answer for as long as the caller's patience lasts is tried again after that. */
#define GIVEN_UP_NS (30 * TYTO_NS_PER_S)

enum { NUM_ASKS = sizeof(((struct tyto_follow *)0)->ask_ns) / sizeof(uint64_t) };

static bool is_same(const uint8_t a[TYTO_UUID_BYTES], const uint8_t b[TYTO_UUID_BYTES])
{
    return memcmp(a, b, TYTO_UUID_BYTES) == 0;
}

void tyto_follow_init(struct tyto_follow *self, const struct tyto_follow_params *params)
{
    self->params = *params;
    tyto_gaps_init(&self->gaps, TYTO_GAP_CLASS);
    if (params->start != TYTO_FEED_AFTER)
        return;
    self->has_log = true;
    memcpy(self->log_id, params->position.log_id, TYTO_UUID_BYTES);
    self->last = self->known = params->position.seq;
    self->is_snapshot_due = params->with_snapshot;
}

void tyto_follow_finish(struct tyto_follow *self)
{
    tyto_held_clear(&self->held);
    if (self->fetch == TYTO_FOLLOW_HAS_CHUNK)
        tyto_reply_clear(&self->chunk);
    self->fetch = TYTO_FOLLOW_IDLE;
}

/* --- what comes in -------------------------------------------------------------------------------
 */

/* The first log that is heard of, where no position was given. */
static void choose_start(struct tyto_follow *self, const struct tyto_follow_log *log)
{
    self->has_log = true;
    memcpy(self->log_id, log->log_id, TYTO_UUID_BYTES);
    self->known = log->last_seq;
    self->oldest = log->oldest_seq;
    self->is_first_ask = true;
    self->is_snapshot_due = self->params.with_snapshot;
    switch (self->params.start) {
    case TYTO_FEED_FROM_OLDEST:
        self->last = log->oldest_seq > 0 ? log->oldest_seq - 1 : 0;
        break;
    case TYTO_FEED_FROM_TIME:
        self->last = 0;
        self->is_since_due = true;
        break;
    case TYTO_FEED_FROM_NOW:
    case TYTO_FEED_AFTER:
        self->last = log->last_seq;
        self->is_now_open = true;
        self->is_snapshot_start = self->params.with_snapshot;
        break;
    }
}

/* Nothing that was asked will be answered by this run of the daemon. */
static void begin_boot(struct tyto_follow *self, uint64_t now_ns,
                       const uint8_t boot_id[TYTO_UUID_BYTES])
{
    self->is_connected_due |= !self->has_boot;
    self->is_restarted_due |= self->has_boot;
    self->has_boot = true;
    memcpy(self->boot_id, boot_id, TYTO_UUID_BYTES);
    self->boot_ns = now_ns;
    self->may_ask = self->is_live_only = self->is_unnamed = false;
    self->is_caught_up_due = true;
    if (self->fetch == TYTO_FOLLOW_ASKED)
        self->fetch = TYTO_FOLLOW_IDLE;
    self->fetch_id = 0;
    self->trouble_ns = self->ask_after_ns = 0;
    self->num_asks = 0;
    self->wants_credit = false;
    self->wants_new_socket = true;
    tyto_repeats_restart(&self->repeats);
    tyto_gaps_restart(&self->gaps);
}

void tyto_follow_heard(struct tyto_follow *self, uint64_t now_ns,
                       const uint8_t boot_id[TYTO_UUID_BYTES], const struct tyto_follow_log *log,
                       bool is_beat)
{
    const bool is_new = !self->has_boot || !is_same(boot_id, self->boot_id);
    if (is_new)
        begin_boot(self, now_ns, boot_id);
    if (!self->has_log)
        choose_start(self, log);
    if (is_new)
        self->last_at_boot = self->last;
    if (self->is_now_open && is_same(log->log_id, self->log_id) && log->last_seq > self->last)
        self->last = log->last_seq; /* a hello is a moment old */
    self->is_now_open &= !is_beat;
    /* A log that ends before what it has told is an older copy of it. A hello may be a moment old,
     * and so may a beat be that waited while messages were fetched: what was given before this run
     * was heard of is what counts. */
    const bool is_set_back = is_beat && log->last_seq < self->last_at_boot;
    if (!is_same(log->log_id, self->log_id) || is_set_back) {
        self->has_next = true;
        self->next = *log;
        return;
    }
    self->oldest = log->oldest_seq;
    if (log->last_seq > self->known)
        self->known = log->last_seq;
}

bool tyto_follow_gets_repeats(const struct tyto_follow *self)
{
    return self->is_live_only || (!self->may_ask && self->oldest == 0);
}

bool tyto_follow_may_get_repeats(const struct tyto_follow *self)
{
    return self->is_snapshot_start && self->oldest == 0;
}

void tyto_follow_live(struct tyto_follow *self, const struct tyto_envelope *envelope,
                      const uint8_t *bytes, size_t num_bytes)
{
    const uint64_t seq = envelope->seq;
    if (seq == 0 && !tyto_follow_gets_repeats(self) && !tyto_follow_may_get_repeats(self))
        return; /* its number comes, or has come */
    if (seq > 0 && self->has_log && is_same(envelope->log_id, self->log_id)) {
        if (seq > self->known)
            self->known = seq;
        if (self->is_now_open && seq > self->last)
            self->last = seq - 1;
        self->is_now_open = false;
        if (seq <= self->last && !self->is_since_due) {
            self->counts.num_doubled++;
            return;
        }
    } else if (seq > 0 && self->has_log) {
        if (!self->has_next || !is_same(envelope->log_id, self->next.log_id)) {
            self->has_next = true;
            self->next = (struct tyto_follow_log){.oldest_seq = 0};
            memcpy(self->next.log_id, envelope->log_id, TYTO_UUID_BYTES);
        }
        if (seq > self->next.last_seq)
            self->next.last_seq = seq;
    }
    if (!tyto_held_put(&self->held, envelope->log_id, seq, bytes, num_bytes))
        self->counts.num_let_go++;
}

void tyto_follow_set_may_ask(struct tyto_follow *self, bool may_ask)
{
    self->may_ask = may_ask;
    if (may_ask && self->is_unnamed)
        self->is_live_only = self->is_unnamed = false;
}

void tyto_follow_set_silent(struct tyto_follow *self, bool is_silent)
{
    self->is_silent = is_silent;
}

/* --- answers -------------------------------------------------------------------------------------
 */

static void go_live_only(struct tyto_follow *self, const char *why)
{
    self->is_live_only = self->is_live_only_due = true;
    snprintf(self->refusal, sizeof(self->refusal), "%s", why);
}

static void take_error(struct tyto_follow *self, uint64_t now_ns, const struct tyto_reply *reply)
{
    self->ask_after_ns = now_ns + RETRY_NS;
    snprintf(self->refusal, sizeof(self->refusal), "%s", reply->text);
    switch (reply->error) {
    case TYTO_QUERY_TOO_OLD:
        self->ask_after_ns = 0;
        self->oldest = reply->oldest_seq;
        self->is_too_old = reply->oldest_seq > self->last + 1;
        break;
    case TYTO_QUERY_NO_JOURNAL:
    case TYTO_QUERY_DENIED:
        go_live_only(self, reply->text);
        break;
    case TYTO_QUERY_RATE_LIMITED:
        self->trouble_ns = 0; /* it does answer */
        break;
    case TYTO_QUERY_UNKNOWN_LOG: /* the other one will be heard of */
    case TYTO_QUERY_BAD_REQUEST:
    case TYTO_QUERY_NOT_FOUND:
    case TYTO_QUERY_INTERNAL:
        break;
    }
}

void tyto_follow_reply(struct tyto_follow *self, uint64_t now_ns, struct tyto_reply *reply)
{
    if (self->fetch != TYTO_FOLLOW_ASKED || reply->id != self->fetch_id) {
        tyto_reply_clear(reply);
        return;
    }
    self->fetch = TYTO_FOLLOW_IDLE;
    if (reply->kind == TYTO_REPLY_CHUNK) {
        self->chunk = *reply;
        memset(reply, 0, sizeof(*reply));
        self->fetch = TYTO_FOLLOW_HAS_CHUNK;
        self->chunk_at = 0;
        self->chunk_from = self->is_since_due ? 0 : self->last + 1;
        self->trouble_ns = 0;
        self->is_first_ask &= self->is_snapshot;
        return;
    }
    if (reply->kind == TYTO_REPLY_ERROR)
        take_error(self, now_ns, reply);
    else
        self->ask_after_ns = now_ns + RETRY_NS;
    tyto_reply_clear(reply);
}

/* --- asking --------------------------------------------------------------------------------------
 */

/* Whether something is missing that only asking brings. */
static bool has_gap(const struct tyto_follow *self, uint64_t now_ns)
{
    const struct tyto_held_one *first = tyto_held_first(&self->held);
    if (first && first->seq > 0)
        return first->seq > self->last + 1;
    if (self->known <= self->last)
        return false;
    const uint64_t before_ns = self->ask_ns[(self->num_asks + NUM_ASKS - 1) % NUM_ASKS];
    return !self->params.is_filtered || self->is_caught_up_due || self->num_asks == 0 ||
           now_ns - before_ns >= CONFIRM_NS;
}

static bool has_need(const struct tyto_follow *self, uint64_t now_ns)
{
    return self->is_snapshot_start || self->is_since_due || has_gap(self, now_ns) ||
           (self->is_snapshot_due && self->last >= self->known);
}

void tyto_follow_look(struct tyto_follow *self, uint64_t now_ns)
{
    if (self->is_silent) { /* who is not there cannot answer */
        self->trouble_ns = self->trouble_ns ? now_ns : 0;
        return;
    }
    if (self->fetch == TYTO_FOLLOW_ASKED && now_ns - self->asked_ns > self->params.answer_ns) {
        self->fetch = TYTO_FOLLOW_IDLE;
        self->wants_new_socket = true;
        self->is_snapshot_start &= !self->is_snapshot; /* what is live does not wait for it */
    }
    if (!self->may_ask && now_ns - self->boot_ns > GRACE_NS)
        self->is_snapshot_start = false;
    if (self->is_live_only && self->retry_ns > 0 && now_ns >= self->retry_ns) {
        self->is_live_only = false;
        self->retry_ns = 0;
    }
    if (self->has_boot && !self->may_ask && !self->is_live_only &&
        now_ns - self->boot_ns > (self->oldest > 0 ? LONG_GRACE_NS : GRACE_NS)) {
        go_live_only(self, "it has no query socket");
        self->is_unnamed = true;
    }
    if (self->trouble_ns > 0 && self->params.patience_ns != UINT64_MAX &&
        now_ns - self->trouble_ns > self->params.patience_ns) {
        self->is_given_up = self->is_live_only = true;
        self->retry_ns = now_ns + GIVEN_UP_NS;
        self->trouble_ns = 0;
        self->wants_new_socket = true;
        if (self->fetch == TYTO_FOLLOW_ASKED)
            self->fetch = TYTO_FOLLOW_IDLE;
    }
}

bool tyto_follow_wants(struct tyto_follow *self, uint64_t now_ns, struct tyto_request *ret_request)
{
    const bool is_soon =
        self->num_asks >= NUM_ASKS && now_ns - self->ask_ns[self->num_asks % NUM_ASKS] < ASKS_NS;
    if (!self->has_log || !self->may_ask || self->is_live_only || self->has_next ||
        self->is_silent || self->fetch != TYTO_FOLLOW_IDLE || self->is_too_old || is_soon ||
        now_ns < self->ask_after_ns || !has_need(self, now_ns))
        return false;
    memset(ret_request, 0, sizeof(*ret_request));
    ret_request->credit = 2;
    self->is_snapshot = self->is_snapshot_start || (!self->is_since_due && !has_gap(self, now_ns));
    ret_request->kind = self->is_snapshot ? TYTO_REQUEST_SNAPSHOT : TYTO_REQUEST_REPLAY;
    if (self->is_snapshot)
        return true;
    ret_request->has_log_id = true;
    memcpy(ret_request->log_id, self->log_id, TYTO_UUID_BYTES);
    if (self->is_since_due)
        ret_request->since_unix_ns = self->params.since_unix_ns;
    else
        ret_request->from_seq = self->last + 1;
    ret_request->to_seq = self->known;
    return true;
}

void tyto_follow_asked(struct tyto_follow *self, uint64_t now_ns, uint64_t id)
{
    if (self->trouble_ns == 0)
        self->trouble_ns = now_ns;
    if (id == 0) {
        self->ask_after_ns = now_ns + RETRY_NS;
        return;
    }
    self->fetch = TYTO_FOLLOW_ASKED;
    self->fetch_id = id;
    self->asked_ns = now_ns;
    self->ask_ns[self->num_asks++ % NUM_ASKS] = now_ns;
    self->counts.num_replays += !self->is_snapshot;
}

bool tyto_follow_wants_credit(struct tyto_follow *self, uint64_t *ret_id)
{
    const bool wants = self->wants_credit;
    self->wants_credit = false;
    *ret_id = self->fetch_id;
    return wants;
}

bool tyto_follow_wants_new_socket(struct tyto_follow *self)
{
    const bool wants = self->wants_new_socket;
    self->wants_new_socket = false;
    return wants;
}

enum tyto_err tyto_follow_position(const struct tyto_follow *self,
                                   struct tyto_feed_position *ret_position)
{
    if (!self->has_log || self->is_since_due || self->is_snapshot_start)
        return TYTO_ERR_EMPTY;
    memcpy(ret_position->log_id, self->log_id, TYTO_UUID_BYTES);
    ret_position->seq = self->last;
    return TYTO_OK;
}
