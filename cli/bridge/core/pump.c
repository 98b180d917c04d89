/* SPDX-License-Identifier: MIT */
#include "cli/bridge/core/pump.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "cli/bridge/core/dead.h"
#include "cli/bridge/core/pause.h"

enum { IDLE_MS = 100, BUSY_MS = 50, MAX_PICTURES = 8 };

/* One delivery. */
struct entry {
    struct tyto_bridge_place place; /* all is told up to here when this one is done */
    bool is_put, is_done;
    uint32_t num_tries; /* that ended without a word for good */
    uint64_t due_ns;    /* not put before; 0: at once */
    bool is_snapshot;
    struct tyto_message message;
};

struct pump {
    const struct tyto_pump_params *params;
    const struct tyto_sink *sink;
    struct entry *entries; /* a ring of sink->window; ticket N is entry N % window */
    uint64_t first, next;  /* tickets: first is the oldest that is kept */
    struct tyto_bridge_place settled, stored;
    uint64_t stored_ns;
    bool is_troubled; /* the last delivery that ended did so without success */
    struct tyto_bridge_counts counts;
    uint64_t chance;
};

static struct entry *entry_of(struct pump *pump, uint64_t ticket)
{
    return &pump->entries[ticket % pump->sink->window];
}

/* --- the position ------------------------------------------------------------------------------
 */

static void settle(struct pump *pump)
{
    while (pump->first < pump->next && entry_of(pump, pump->first)->is_done) {
        pump->settled = entry_of(pump, pump->first)->place;
        pump->first++;
    }
}

static enum tyto_err store(struct pump *pump, bool is_end, struct tyto_fault *ret_fault)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    const uint64_t every_ns = (uint64_t)pump->params->store_every_ms * TYTO_NS_PER_MS;
    if (!pump->settled.is_known || tyto_bridge_place_is_same(&pump->settled, &pump->stored) ||
        (!is_end && now_ns - pump->stored_ns < every_ns))
        return TYTO_OK;
    const enum tyto_err err =
        tyto_bridge_position_store(pump->params->position, &pump->settled, ret_fault);
    if (!err) {
        pump->stored = pump->settled;
        pump->stored_ns = now_ns;
    }
    return err;
}

/* --- what became of deliveries -----------------------------------------------------------------
 */

/* Doubled from try to try, and spread, so that many bridges do not come back together. */
static uint64_t pause_ns(struct pump *pump, uint32_t num_tries, uint32_t after_ms)
{
    uint64_t ms = tyto_bridge_pause_ms(pump->params->retry_first_ms, pump->params->retry_last_ms,
                                       num_tries - 1);
    ms = (uint64_t)((double)ms * (0.75 + 0.5 * tyto_random_share(&pump->chance)));
    return (ms > after_ms ? ms : after_ms) * TYTO_NS_PER_MS;
}

static void postpone(struct pump *pump, struct entry *entry,
                     const struct tyto_delivery_report *report)
{
    const struct tyto_log *log = pump->params->log;
    entry->is_put = false;
    entry->num_tries++;
    const uint64_t wait_ns = pause_ns(pump, entry->num_tries, report->after_ms);
    entry->due_ns = tyto_clock_mono_ns() + wait_ns;
    pump->counts.num_tries_failed++;
    tyto_log_write(log, pump->is_troubled ? TYTO_LOG_DEBUG : TYTO_LOG_WARNING, pump->sink->name,
                   "not delivered: %s; tried again until it is, the next time in %.1f s",
                   report->text, (double)wait_ns / 1e9);
    pump->is_troubled = true;
}

/* False: the refused event could be neither delivered nor kept. */
static enum tyto_err bury(struct pump *pump, struct entry *entry,
                          const struct tyto_delivery_report *report, struct tyto_fault *ret_fault)
{
    const struct tyto_log *log = pump->params->log;
    const struct tyto_event *event = &entry->message.u.event;
    pump->counts.num_refused++;
    tyto_log_write(log, TYTO_LOG_WARNING, pump->sink->name,
                   "event %s rev %u was refused and is skipped (%llu so far): %s",
                   entry->message.kind == TYTO_MESSAGE_EVENT ? event->id : "-",
                   entry->message.kind == TYTO_MESSAGE_EVENT ? event->rev : 0,
                   (unsigned long long)pump->counts.num_refused, report->text);
    if (!pump->params->dead_path)
        return TYTO_OK;
    const enum tyto_err err =
        tyto_bridge_dead_add(pump->params->dead_path, &entry->message, report->text, ret_fault);
    if (err != TYTO_ERR_FULL)
        return err;
    tyto_log_write(log, TYTO_LOG_WARNING, pump->sink->name, "%s: %s", pump->params->dead_path,
                   ret_fault->text);
    *ret_fault = (struct tyto_fault){.text = ""};
    return TYTO_OK;
}

static enum tyto_err take_report(struct pump *pump, const struct tyto_delivery_report *report,
                                 struct tyto_fault *ret_fault)
{
    if (report->ticket < pump->first || report->ticket >= pump->next)
        return TYTO_ERR_INTERNAL;
    struct entry *entry = entry_of(pump, report->ticket);
    enum tyto_err err = TYTO_OK;
    switch (report->outcome) {
    case TYTO_DELIVERY_LATER:
        postpone(pump, entry, report);
        return TYTO_OK;
    case TYTO_DELIVERY_REFUSED:
        err = bury(pump, entry, report, ret_fault);
        break;
    case TYTO_DELIVERY_TAKEN:
        pump->counts.num_taken++;
        if (pump->is_troubled)
            tyto_log_write(pump->params->log, TYTO_LOG_WARNING, pump->sink->name,
                           "delivered again, after %u tries", entry->num_tries + 1);
        pump->is_troubled = false;
        break;
    }
    if (!err)
        entry->is_done = true;
    return err;
}

static enum tyto_err take_reports(struct pump *pump, struct tyto_fault *ret_fault)
{
    struct tyto_delivery_report report;
    enum tyto_err err = TYTO_OK;
    while (!err && pump->sink->report(pump->sink->self, &report))
        err = take_report(pump, &report, ret_fault);
    settle(pump);
    return err;
}

/* --- deliveries --------------------------------------------------------------------------------
 */

/* Begins what is due, the oldest first. *ret_waits: something is not begun yet. *ret_due_ns: when
 * the first of it may be. */
static enum tyto_err put_due(struct pump *pump, bool *ret_waits, uint64_t *ret_due_ns,
                             struct tyto_fault *ret_fault)
{
    const struct tyto_sink *sink = pump->sink;
    *ret_waits = false;
    *ret_due_ns = 0;
    for (uint64_t ticket = pump->first; ticket < pump->next; ticket++) {
        struct entry *entry = entry_of(pump, ticket);
        if (entry->is_put || entry->is_done)
            continue;
        if (tyto_clock_mono_ns() < entry->due_ns || !sink->is_ready(sink->self)) {
            *ret_waits = true;
            *ret_due_ns = entry->due_ns;
            return TYTO_OK;
        }
        entry->is_put = true;
        const struct tyto_parcel parcel = {ticket, entry->num_tries, entry->is_snapshot,
                                           &entry->message};
        const enum tyto_err err = sink->put(sink->self, &parcel, ret_fault);
        if (err)
            return err;
    }
    return TYTO_OK;
}

static void tell_note(struct pump *pump, const struct tyto_feed_item *item)
{
    const struct tyto_log *log = pump->params->log;
    const char *name = pump->sink->name;
    switch (item->kind) {
    case TYTO_FEED_LOST:
        pump->counts.num_lost += item->num_lost;
        tyto_log_write(log, TYTO_LOG_WARNING, name, "messages are lost (%s, %llu): %s",
                       tyto_feed_loss_name(item->why), (unsigned long long)item->num_lost,
                       item->text);
        break;
    case TYTO_FEED_SILENT:
        tyto_log_write(log, TYTO_LOG_WARNING, name, "tytod is silent: stopped, or unreachable");
        break;
    case TYTO_FEED_LIVE_ONLY:
    case TYTO_FEED_REFUSED:
        tyto_log_write(log, TYTO_LOG_WARNING, name, "%s", item->text);
        break;
    case TYTO_FEED_CONNECTED:
        tyto_log_write(log, TYTO_LOG_INFO, name, "connected to tytod");
        break;
    case TYTO_FEED_RESTARTED:
        tyto_log_write(log, TYTO_LOG_INFO, name, "tytod was started again");
        break;
    case TYTO_FEED_ALIVE:
        tyto_log_write(log, TYTO_LOG_INFO, name, "tytod is back");
        break;
    case TYTO_FEED_CAUGHT_UP:
    case TYTO_FEED_MESSAGE:
        break;
    }
    if (pump->sink->note)
        pump->sink->note(pump->sink->self, item);
}

static bool is_of_class(const struct pump *pump, const char *class_name)
{
    const struct tyto_pump_params *params = pump->params;
    bool is_found = params->num_classes == 0;
    for (uint32_t i = 0; !is_found && i < params->num_classes; i++)
        is_found = strcmp(class_name, params->classes[i]) == 0;
    return is_found;
}

static bool is_wanted(const struct pump *pump, const struct tyto_message *message)
{
    return message->kind != TYTO_MESSAGE_EVENT || is_of_class(pump, message->u.event.class_name);
}

/* An item that has come, with which all is told up to place. */
static void take_item(struct pump *pump, const struct tyto_feed_item *item,
                      const struct tyto_bridge_place *place)
{
    const struct tyto_sink *sink = pump->sink;
    const enum tyto_message_kind kind = item->message.kind;
    const bool is_letter = item->kind == TYTO_FEED_MESSAGE &&
                           (kind == TYTO_MESSAGE_EVENT || kind == TYTO_MESSAGE_CAMERA_STATE);
    const struct tyto_parcel parcel = {.is_snapshot = item->is_snapshot, .message = &item->message};
    if (!is_letter)
        tell_note(pump, item);
    if (is_letter && is_wanted(pump, &item->message) && sink->wants(sink->self, &parcel)) {
        struct entry *entry = entry_of(pump, pump->next++);
        entry->place = *place;
        entry->is_put = entry->is_done = false;
        entry->num_tries = 0;
        entry->due_ns = 0;
        entry->is_snapshot = item->is_snapshot;
        entry->message = item->message;
        return;
    }
    pump->counts.num_skipped += is_letter;
    /* Nothing to wait for but what is on its way already. */
    if (pump->first < pump->next)
        entry_of(pump, pump->next - 1)->place = *place;
    else
        pump->settled = *place;
}

/* A bounded number at a time, so that events go on beside them. */
static void take_pictures(struct pump *pump)
{
    const struct tyto_bridge_source *source = pump->params->source;
    const struct tyto_event_picture *picture = NULL;
    for (int i = 0; i < MAX_PICTURES && source->picture && pump->sink->picture &&
                    (picture = source->picture(source->self)) != NULL;
         i++) {
        if (is_of_class(pump, picture->about.class_name))
            pump->sink->picture(pump->sink->self, picture);
    }
}

static int wait_ms(uint64_t due_ns)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    if (due_ns <= now_ns)
        return BUSY_MS;
    const uint64_t ms = (due_ns - now_ns) / TYTO_NS_PER_MS + 1;
    return ms < IDLE_MS ? (int)ms : IDLE_MS;
}

static enum tyto_err turn_once(struct pump *pump, bool is_ending, struct tyto_fault *ret_fault)
{
    const struct tyto_sink *sink = pump->sink;
    const struct tyto_bridge_source *source = pump->params->source;
    bool waits = false;
    uint64_t due_ns = 0;
    take_pictures(pump);
    enum tyto_err err = is_ending ? TYTO_OK : put_due(pump, &waits, &due_ns, ret_fault);
    if (err)
        return err;
    const bool is_idle = pump->first == pump->next;
    if (!is_ending && !waits && pump->next - pump->first < sink->window &&
        sink->is_ready(sink->self)) {
        const struct tyto_feed_item *item = NULL;
        struct tyto_bridge_place place =
            is_idle ? pump->settled : entry_of(pump, pump->next - 1)->place;
        err = source->next(source->self, is_idle ? IDLE_MS : 0, &item, &place);
        if (!err)
            take_item(pump, item, &place);
        else if (err != TYTO_ERR_TIMEOUT)
            return err;
        return sink->turn(sink->self, err && !is_idle ? BUSY_MS : 0, ret_fault);
    }
    return sink->turn(sink->self, waits ? wait_ms(due_ns) : BUSY_MS, ret_fault);
}

/* Whether an acknowledgement may still come. */
static bool is_owed(struct pump *pump)
{
    for (uint64_t ticket = pump->first; ticket < pump->next; ticket++) {
        if (entry_of(pump, ticket)->is_put && !entry_of(pump, ticket)->is_done)
            return true;
    }
    return false;
}

static enum tyto_err run(struct pump *pump, struct tyto_fault *ret_fault)
{
    const struct tyto_pump_params *params = pump->params;
    uint64_t end_ns = 0; /* 0: nobody wants it to end */
    enum tyto_err err = TYTO_OK;
    while (!err) {
        if (!end_ns && params->should_stop(params->user))
            end_ns = tyto_clock_mono_ns() + params->linger_ms * TYTO_NS_PER_MS;
        if (end_ns && (!is_owed(pump) || tyto_clock_mono_ns() >= end_ns))
            break;
        err = turn_once(pump, end_ns != 0, ret_fault);
        if (!err)
            err = take_reports(pump, ret_fault);
        if (!err)
            err = store(pump, false, ret_fault);
    }
    return err;
}

enum tyto_err tyto_pump_run(const struct tyto_pump_params *params,
                            struct tyto_bridge_counts *ret_counts, struct tyto_fault *ret_fault)
{
    struct pump *pump = calloc(1, sizeof(*pump));
    struct tyto_fault other = {.text = ""};
    if (!pump)
        return TYTO_ERR_NOMEM;
    pump->params = params;
    pump->sink = params->sink;
    pump->settled = pump->stored = params->place;
    pump->chance = tyto_clock_mono_ns();
    pump->entries = calloc(params->sink->window, sizeof(*pump->entries));
    enum tyto_err err = pump->entries ? run(pump, ret_fault) : TYTO_ERR_NOMEM;
    if (pump->entries) {
        const enum tyto_err store_err = store(pump, true, err ? &other : ret_fault);
        err = err ? err : store_err;
    }
    *ret_counts = pump->counts;
    free(pump->entries);
    free(pump);
    return err;
}
