/* SPDX-License-Identifier: MIT */
/* tyto list: events of a time, each once. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/common/interrupt.h"
#include "cli/common/when.h"
#include "cli/event/json.h"
#include "cli/events/events.h"
#include "cli/events/internal.h"

enum { DEFAULT_LIMIT = 50 };

struct list {
    struct tyto_tell_filter filter;
    struct tyto_link link;
    int64_t since_unix_ns, until_unix_ns;
    uint64_t limit; /* 0: none */
    char *after;    /* a cursor as it was printed; NULL: from the begin */
    bool is_json, is_oldest_first, is_open;
    uint64_t num_told;
};

#define NONE_LIST(X) X(0, "none", NULL)
/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct list, field)
static const struct tyto_option rows[] = {
    {.key = "since", .letter = 's', TYTO_OPTION_WHEN(struct list, since_unix_ns),
     .absent = "the oldest that is kept",
     .help = "events that last then or later: " TYTO_WHEN_HELP},
    {.key = "until", .letter = 'u', TYTO_OPTION_WHEN(struct list, until_unix_ns),
     .absent = "all that there is",
     .help = "events that have begun by then"},
    {.key = "open", .type = TYTO_OPTION_FLAG, AT(is_open), .help = "only events that go on"},
    {.key = "limit", .letter = 'n', .type = TYTO_OPTION_U64, AT(limit), .min = 1, .max = 1e9,
     .words = TYTO_WORDS(NONE_LIST), .help = "so many at most"},
    {.key = "after", .type = TYTO_OPTION_TEXT, AT(after), .value = "CURSOR", .absent = "at the begin",
     .help = "go on behind an earlier list, as its last line says; with the same other options"},
    {.key = "oldest_first", .type = TYTO_OPTION_FLAG, AT(is_oldest_first),
     .help = "the oldest first; the newest are it otherwise"},
    {.key = "json", .letter = 'j', .type = TYTO_OPTION_FLAG, AT(is_json),
     .help = "JSON lines instead of a table"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {
    {.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    {.rows = tyto_tell_filter_rows,
     .num_rows = TYTO_TELL_FILTER_NUM_ROWS,
     .offset = offsetof(struct list, filter)},
    {.rows = tyto_link_rows, .num_rows = TYTO_LINK_NUM_ROWS, .offset = offsetof(struct list, link)},
};
static const struct tyto_command_argument arguments[] = {{"ENDPOINT", TYTO_LINK_ENDPOINT_HELP},
                                                         {NULL, NULL}};

static enum tyto_err init(void *target)
{
    struct list *list = target;
    list->limit = DEFAULT_LIMIT;
    return TYTO_OK;
}

const struct tyto_command tyto_command_list = {
    .name = "tyto list",
    .summary = "list events that tytod has seen and heard",
    .usage = "tyto list [ENDPOINT] [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes = "Each event once, as its last message tells it, out of tytod's journal; retracted "
             "ones are left out. In the table, heard and seen are how sure tytod is in percent. "
             "Where there are more than --limit, the last line (on stderr) says how to go on.",
    .examples = "tyto list\n"
                "tyto list --since 2026-11-27 --until 2026-11-28 --class dog --class cat\n"
                "tyto list --open --json | jq -r .id\n"
                "tyto list --since 7d --limit none --json > week.jsonl\n",
    .target_bytes = sizeof(struct list),
    .init = init,
};

/* --- rows ----------------------------------------------------------------------------------------
 */

static void put_row(const struct tyto_event *event)
{
    char begin[32], length[16] = "goes on";
    tyto_tell_time(event->begin_unix_ns, begin);
    if (event->has_end)
        snprintf(length, sizeof(length), "%.1f s",
                 (double)(event->end_media_ns - event->begin_media_ns) / (double)TYTO_NS_PER_S);
    printf("%-21s  %9s  %-12s %-16s %5.0f %5.0f  %s\n", begin, length, event->camera,
           event->class_name, (double)(event->scores.heard * 100.0f),
           (double)(event->scores.seen * 100.0f), event->id);
}

static bool take(void *user, const struct tyto_message *message)
{
    struct list *list = user;
    if (tyto_interrupt_came() || ferror(stdout))
        return false;
    if (message->kind != TYTO_MESSAGE_EVENT || !tyto_tell_is_wanted(&list->filter, message))
        return true;
    list->num_told++;
    if (!list->is_json) {
        put_row(&message->u.event);
        return true;
    }
    struct tyto_json *json = tyto_event_to_json(&message->u.event, false);
    if (json) {
        tyto_json_set(json, "seq", tyto_json_new_u64(message->seq));
        (void)tyto_json_put_line(&json);
    }
    return true;
}

/* --- where to go on ------------------------------------------------------------------------------
 */

static bool read_cursor(const char *text, struct tyto_cursor *ret_cursor)
{
    const size_t num = strlen(text);
    if (num == 0 || num % 2 != 0 || num / 2 > TYTO_CURSOR_MAX_BYTES ||
        strspn(text, "0123456789abcdef") != num)
        return false;
    for (size_t i = 0; i < num / 2; i++)
        ret_cursor->bytes[i] =
            (uint8_t)(tyto_text_hex_digit(text[2 * i]) << 4 | tyto_text_hex_digit(text[2 * i + 1]));
    ret_cursor->num_bytes = (uint32_t)(num / 2);
    return true;
}

static void say_more(const struct tyto_cursor *cursor)
{
    fprintf(stderr, "there may be more: --after ");
    for (uint32_t i = 0; i < cursor->num_bytes; i++)
        fprintf(stderr, "%02x", cursor->bytes[i]);
    fputc('\n', stderr);
}

/* --- running -------------------------------------------------------------------------------------
 */

/* Asks until there are as many as are wanted: who filters by modality gets less than he asks for.
 */
static enum tyto_err list_all(struct list *list, struct tyto_query *query,
                              struct tyto_query_filter *filter, struct tyto_cursor *cursor)
{
    enum tyto_err err = TYTO_OK;
    do {
        const uint64_t left = list->limit - list->num_told;
        filter->limit = list->limit == 0 ? 0 : left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
        err = tyto_query_list(query, filter, cursor, take, list);
    } while (!err && cursor->num_bytes > 0 && list->limit > 0 && list->num_told < list->limit &&
             !tyto_interrupt_came() && !ferror(stdout));
    return err;
}

static int run(struct list *list)
{
    struct tyto_cursor cursor = {.num_bytes = 0};
    struct tyto_query_filter filter = {
        .from_unix_ns = list->since_unix_ns,
        .to_unix_ns = list->until_unix_ns,
        .cameras = (const char *const *)list->filter.cameras.texts,
        .num_cameras = list->filter.cameras.num,
        .classes = (const char *const *)list->filter.classes.texts,
        .num_classes = list->filter.classes.num,
        .is_newest_first = !list->is_oldest_first,
        .is_open = list->is_open,
    };
    int status = 0;
    if (list->after && !read_cursor(list->after, &cursor))
        return tyto_options_complain(&tyto_command_list, "--after: that is not what a list said");
    struct tyto_query *query = tyto_link_query(&list->link, "list", &status);
    if (!query)
        return status;
    tyto_interrupt_catch(1);
    if (!list->is_json)
        printf("%-21s  %9s  %-12s %-16s %5s %5s  %s\n", "begin", "length", "camera", "class",
               "heard", "seen", "id");
    const enum tyto_err err = list_all(list, query, &filter, &cursor);
    (void)fflush(stdout);
    if (!err && cursor.num_bytes > 0)
        say_more(&cursor);
    status = err ? tyto_link_complain(query, "list", err) : 0;
    tyto_query_destroy(&query);
    return status;
}

int tyto_cmd_list(int argc, char **argv)
{
    static struct list list;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_list, argc, argv, &list, &num_arguments, &status)) {
        if (num_arguments > 1)
            status = tyto_options_complain(&tyto_command_list, "one endpoint is enough");
        else if (list.until_unix_ns && list.since_unix_ns > list.until_unix_ns)
            status = tyto_options_complain(&tyto_command_list, "--until is before --since");
        else
            status = tyto_link_find(&list.link, num_arguments > 0 ? argv[1] : NULL, "list")
                         ? run(&list)
                         : 1;
    }
    tyto_command_finish(&tyto_command_list, &list);
    return status;
}
