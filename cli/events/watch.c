/* SPDX-License-Identifier: MIT */
/* tyto watch: what a running tytod publishes, from now on or from where it stopped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/position.h"
#include "cli/common/topics.h"
#include "cli/common/when.h"
#include "cli/events/events.h"
#include "cli/events/internal.h"
#include "client/feed.h"
#include "files/json.h"

/* Storing syncs the disk: what comes without a pause is stored so often. */
#define STORE_NS (500 * TYTO_NS_PER_MS)
enum { TURN_MS = 100 };

struct watch {
    struct tyto_tell_filter filter;
    struct tyto_tell tell;
    struct tyto_link link;
    int64_t since_unix_ns;
    bool wants_all;
    char *position;        /* file */
    uint64_t max_count;    /* 0: no end */
    int64_t exit_after_ns; /* 0: never */
    uint64_t num_ended;
    bool was_connected, is_refused, is_to_store;
    uint64_t stored_ns;
};

#define NEVER_LIST(X) X(0, "never", NULL)
/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct watch, field)
static const struct tyto_option begin_rows[] = {
    {.key = "since", .letter = 's', TYTO_OPTION_WHEN(struct watch, since_unix_ns),
     .absent = "from now on",
     .help = "what was told from then on, out of tytod's journal, and then what happens: " TYTO_WHEN_HELP},
    {.key = "all", .letter = 'a', .type = TYTO_OPTION_FLAG, AT(wants_all),
     .help = "all that tytod's journal keeps, and then what happens"},
    {.key = "position", .letter = 'p', .type = TYTO_OPTION_TEXT, AT(position), .value = "FILE",
     .absent = "it is not stored",
     .help = "go on where this file says, and store there what has been shown: nothing is missed between "
             "two runs; where there is no such file --since, --all or now is where to begin"},
};
static const struct tyto_option end_rows[] = {
    {.key = "count", .type = TYTO_OPTION_U64, AT(max_count), .min = 1, .max = 1e9,
     .words = TYTO_WORDS(NEVER_LIST), .help = "exit after so many ended events"},
    {.key = "exit_after", .type = TYTO_OPTION_TIME, AT(exit_after_ns), .min = 1e-3, .max = 1e9,
     .unit = "s", .words = TYTO_WORDS(NEVER_LIST),
     .help = "exit after so many seconds (status 1 if --count was not reached)"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {
    {.rows = tyto_tell_filter_rows,
     .num_rows = TYTO_TELL_FILTER_NUM_ROWS,
     .offset = offsetof(struct watch, filter)},
    {.rows = begin_rows, .num_rows = TYTO_NUM_ROWS(begin_rows)},
    {.rows = tyto_tell_rows,
     .num_rows = TYTO_TELL_NUM_ROWS,
     .offset = offsetof(struct watch, tell)},
    {.rows = end_rows, .num_rows = TYTO_NUM_ROWS(end_rows)},
    {.rows = tyto_link_rows,
     .num_rows = TYTO_LINK_NUM_ROWS,
     .offset = offsetof(struct watch, link)},
};
static const struct tyto_command_argument arguments[] = {{"ENDPOINT", TYTO_LINK_ENDPOINT_HELP},
                                                         {NULL, NULL}};

const struct tyto_command tyto_command_watch = {
    .name = "tyto watch",
    .summary = "show what a running tytod sees and hears",
    .usage = "tyto watch [ENDPOINT] [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes =
        "In the lines, heard and seen are how sure tytod is that the class is in the sound and "
        "in the picture. First come cameras, the model and open events as they stand. What did "
        "not come is fetched from tytod's journal; what is lost for good, a silent daemon and "
        "keys that are refused are told in red. With --position, what was shown in the half second "
        "before it was killed (not by Ctrl-C) may be shown again.",
    .examples = "tyto watch\n"
                "tyto watch --camera front-door --class dog\n"
                "tyto watch --since 2h                  # the last two hours, and on\n"
                "tyto watch --json --position seen.pos >> events.jsonl   # nothing is missed\n"
                "tyto watch --json --count 1 | jq .scores\n",
    .target_bytes = sizeof(struct watch),
};

/* --- what is told --------------------------------------------------------------------------------
 */

static void tell_lost(struct watch *watch, const struct tyto_feed_item *item)
{
    struct tyto_json *json = tyto_json_new_object();
    char text[512], range[64] = "";
    tyto_json_set(json, "why", tyto_json_new_string(tyto_feed_loss_name(item->why)));
    if (item->num_lost > 0)
        tyto_json_set(json, "num", tyto_json_new_u64(item->num_lost));
    if (item->from_seq > 0)
        tyto_json_set(json, "from_seq", tyto_json_new_u64(item->from_seq));
    if (item->to_seq > 0)
        tyto_json_set(json, "to_seq", tyto_json_new_u64(item->to_seq));
    if (item->to_seq > 0)
        snprintf(range, sizeof(range), " (%llu to %llu)", (unsigned long long)item->from_seq,
                 (unsigned long long)item->to_seq);
    if (item->num_lost > 0)
        snprintf(text, sizeof(text), "%llu messages are lost%s: %s",
                 (unsigned long long)item->num_lost, range, item->text);
    else
        snprintf(text, sizeof(text), "messages may be lost%s: %s", range, item->text);
    tyto_tell_notice(&watch->tell, "lost", true, text, json);
}

static void tell_connected(struct watch *watch, const struct tyto_feed_item *item)
{
    struct tyto_json *json = tyto_json_new_object();
    char text[128];
    const char *version = item->message.has_hello ? item->message.u.hello.version : "";
    if (version[0])
        tyto_json_set(json, "version", tyto_json_new_string(version));
    snprintf(text, sizeof(text), "connected%s%s", version[0] ? " to tytod " : "", version);
    tyto_tell_notice(&watch->tell, "connected", false, text, json);
    watch->was_connected = true;
}

static void tell(struct watch *watch, const struct tyto_feed_item *item)
{
    switch (item->kind) {
    case TYTO_FEED_MESSAGE:
        if (!tyto_tell_is_wanted(&watch->filter, &item->message))
            return;
        watch->tell.is_snapshot = item->is_snapshot;
        tyto_tell_message(&watch->tell, &item->message);
        watch->num_ended += item->message.kind == TYTO_MESSAGE_EVENT && !item->is_snapshot &&
                            item->message.u.event.phase == TYTO_EVENT_PHASE_END;
        return;
    case TYTO_FEED_LOST:
        tell_lost(watch, item);
        return;
    case TYTO_FEED_CONNECTED:
        tell_connected(watch, item);
        return;
    case TYTO_FEED_LIVE_ONLY:
        tyto_tell_notice(&watch->tell, "live_only", watch->position || watch->since_unix_ns,
                         item->text, NULL);
        return;
    case TYTO_FEED_RESTARTED:
        tyto_tell_notice(&watch->tell, "restarted", false, "tytod was restarted", NULL);
        return;
    case TYTO_FEED_SILENT:
        tyto_tell_notice(&watch->tell, "silent", true,
                         "no heartbeat from tytod: stopped, or unreachable", NULL);
        return;
    case TYTO_FEED_ALIVE:
        tyto_tell_notice(&watch->tell, "alive", false, "tytod is back", NULL);
        return;
    case TYTO_FEED_REFUSED:
        tyto_tell_notice(&watch->tell, "refused", true, item->text, NULL);
        watch->is_refused = !watch->was_connected;
        return;
    case TYTO_FEED_CAUGHT_UP:
        if (watch->tell.is_json)
            tyto_tell_notice(&watch->tell, "caught_up", false, "all that there was is told", NULL);
        return;
    }
}

/* --- running -------------------------------------------------------------------------------------
 */

/* False: told why. */
static bool store(struct watch *watch, const struct tyto_feed *feed)
{
    struct tyto_feed_position position;
    struct tyto_fault fault = {.text = ""};
    if (!watch->position || !watch->is_to_store ||
        tyto_feed_get_position(feed, &position) != TYTO_OK)
        return true;
    const enum tyto_err err = tyto_position_write(watch->position, &position, &fault);
    watch->stored_ns = tyto_clock_mono_ns();
    watch->is_to_store = false;
    if (err)
        tyto_fault_tell("watch", &fault, err);
    return !err;
}

static bool is_over(const struct watch *watch, uint64_t begin_ns)
{
    return tyto_interrupt_came() || ferror(stdout) || watch->is_refused ||
           (watch->max_count > 0 && watch->num_ended >= watch->max_count) ||
           (watch->exit_after_ns > 0 &&
            tyto_clock_mono_ns() - begin_ns >= (uint64_t)watch->exit_after_ns);
}

/* Shows what comes until it is enough. */
static enum tyto_err follow(struct watch *watch, struct tyto_feed *feed)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    const struct tyto_feed_item *item = NULL;
    enum tyto_err err = TYTO_OK;
    while ((!err || err == TYTO_ERR_TIMEOUT) && !is_over(watch, begin_ns)) {
        err = tyto_feed_next(feed, watch->is_to_store ? 0 : TURN_MS, &item);
        if (!err) {
            tell(watch, item);
            watch->is_to_store = true;
        }
        /* What was shown is stored before there is a pause, and every now and then. */
        const bool is_due = err || tyto_clock_mono_ns() - watch->stored_ns >= STORE_NS;
        if (watch->is_to_store && !watch->position)
            watch->is_to_store = false;
        if (is_due && !ferror(stdout) && !store(watch, feed))
            return TYTO_ERR_IO;
    }
    return store(watch, feed) ? err : TYTO_ERR_IO;
}

/* False: told why. */
static bool choose_start(const struct watch *watch, struct tyto_feed_params *params)
{
    struct tyto_fault fault = {.text = ""};
    params->start = TYTO_FEED_FROM_NOW;
    if (watch->since_unix_ns)
        params->start = TYTO_FEED_FROM_TIME;
    if (watch->wants_all)
        params->start = TYTO_FEED_FROM_OLDEST;
    params->since_unix_ns = watch->since_unix_ns;
    if (!watch->position)
        return true;
    const enum tyto_err err = tyto_position_read(watch->position, &params->position, &fault);
    if (!err)
        params->start = TYTO_FEED_AFTER;
    if (err && err != TYTO_ERR_NOT_FOUND)
        tyto_fault_tell("watch", &fault, err);
    return !err || err == TYTO_ERR_NOT_FOUND;
}

static int run(struct watch *watch)
{
    struct tyto_feed *feed = NULL;
    struct tyto_feed_params params = {.endpoint = watch->link.endpoint,
                                      .server_key = watch->link.server_key,
                                      .secret_key = watch->link.key,
                                      .with_snapshot = true};
    if (!choose_start(watch, &params))
        return 1;
    params.prefixes =
        tyto_topics_of(&watch->filter.cameras, &watch->filter.classes, &params.num_prefixes);
    enum tyto_err err = tyto_feed_open(&params, &feed);
    if (err) {
        fprintf(stderr, "tyto watch: cannot watch %s: %s\n", watch->link.endpoint,
                tyto_err_text(err));
        return err == TYTO_ERR_INVALID ? 2 : 1;
    }
    tyto_interrupt_catch(0);
    fprintf(stderr, "waiting for tytod at %s\n", watch->link.endpoint);
    tyto_tell_begin(&watch->tell);
    err = follow(watch, feed);
    tyto_feed_close(&feed);
    if (err && err != TYTO_ERR_TIMEOUT) {
        fprintf(stderr, "tyto watch: %s\n", tyto_err_text(err));
        return 1;
    }
    if (watch->is_refused) {
        fprintf(stderr, "tyto watch: tytod refuses: see --server-key and --key\n");
        return 1;
    }
    if (watch->max_count > 0 && watch->num_ended < watch->max_count && !tyto_interrupt_came()) {
        fprintf(stderr, "tyto watch: only %llu of %llu events ended in time\n",
                (unsigned long long)watch->num_ended, (unsigned long long)watch->max_count);
        return 1;
    }
    return 0;
}

int tyto_cmd_watch(int argc, char **argv)
{
    static struct watch watch;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_watch, argc, argv, &watch, &num_arguments, &status)) {
        if (num_arguments > 1)
            status = tyto_options_complain(&tyto_command_watch, "one endpoint is enough");
        else if (watch.wants_all && watch.since_unix_ns)
            status = tyto_options_complain(&tyto_command_watch, "--all and --since are two begins");
        else
            status = tyto_link_find(&watch.link, num_arguments > 0 ? argv[1] : NULL, "watch")
                         ? run(&watch)
                         : 1;
    }
    tyto_command_finish(&tyto_command_watch, &watch);
    return status;
}
