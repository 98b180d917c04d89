/* SPDX-License-Identifier: MIT */
/* tyto replay: what a running tytod has published, out of its journal. */
#include <stdio.h>
#include <string.h>

#include "cli/common/interrupt.h"
#include "cli/common/topics.h"
#include "cli/common/when.h"
#include "cli/events/events.h"
#include "cli/events/internal.h"

struct replay {
    struct tyto_tell_filter filter;
    struct tyto_tell tell;
    struct tyto_link link;
    int64_t since_unix_ns, until_unix_ns;
    uint64_t from_seq, to_seq; /* 0: not given */
    bool with_states;
    uint64_t num_told;
};

#define OLDEST_LIST(X) X(0, "oldest", NULL)
#define LAST_LIST(X) X(0, "last", NULL)
/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct replay, field)
static const struct tyto_option range_rows[] = {
    {.key = "from", .letter = 'f', .type = TYTO_OPTION_U64, AT(from_seq), .min = 1, .max = 9e15,
     .words = TYTO_WORDS(OLDEST_LIST), .value = "NUMBER", .help = "from this message on (seq in --json)"},
    {.key = "to", .letter = 't', .type = TYTO_OPTION_U64, AT(to_seq), .min = 1, .max = 9e15,
     .words = TYTO_WORDS(LAST_LIST), .value = "NUMBER", .help = "up to this message"},
    {.key = "since", .letter = 's', TYTO_OPTION_WHEN(struct replay, since_unix_ns),
     .absent = "from --from on",
     .help = "what was told from then on: " TYTO_WHEN_HELP},
    {.key = "until", .letter = 'u', TYTO_OPTION_WHEN(struct replay, until_unix_ns),
     .absent = "up to --to",
     .help = "what was told up to then"},
    {.key = "states", .type = TYTO_OPTION_FLAG, AT(with_states),
     .help = "states of cameras and the model, too"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {
    {.rows = range_rows, .num_rows = TYTO_NUM_ROWS(range_rows)},
    {.rows = tyto_tell_filter_rows,
     .num_rows = TYTO_TELL_FILTER_NUM_ROWS,
     .offset = offsetof(struct replay, filter)},
    {.rows = tyto_tell_rows,
     .num_rows = TYTO_TELL_NUM_ROWS,
     .offset = offsetof(struct replay, tell)},
    {.rows = tyto_link_rows,
     .num_rows = TYTO_LINK_NUM_ROWS,
     .offset = offsetof(struct replay, link)},
};
static const struct tyto_command_argument arguments[] = {{"ENDPOINT", TYTO_LINK_ENDPOINT_HELP},
                                                         {NULL, NULL}};

const struct tyto_command tyto_command_replay = {
    .name = "tyto replay",
    .summary = "show what tytod has published, out of its journal",
    .usage = "tyto replay [ENDPOINT] [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes = "Messages as `tyto watch` would have shown them, each when it was told; an event "
             "has several. `tyto list` shows each event once. What the journal does not keep any "
             "more is said on stderr, and the exit status is 1 then. `tyto watch --since` goes on "
             "with what happens.",
    .examples = "tyto replay --since 2h\n"
                "tyto replay --since 2026-11-27T18:00 --until 2026-11-27T19:00 --class dog\n"
                "tyto replay --camera front-door --modality heard --json > heard.jsonl\n"
                "tyto replay --from 4711 --to 4720 --states\n",
    .target_bytes = sizeof(struct replay),
};

static bool take(void *user, const struct tyto_message *message)
{
    struct replay *replay = user;
    if (tyto_interrupt_came() || ferror(stdout))
        return false;
    if (replay->until_unix_ns && message->publish_unix_ns > replay->until_unix_ns)
        return false;
    const bool is_event = message->kind == TYTO_MESSAGE_EVENT;
    if ((!is_event && !replay->with_states) || !tyto_tell_is_wanted(&replay->filter, message))
        return true;
    tyto_tell_message(&replay->tell, message);
    replay->num_told++;
    return true;
}

static int run(struct replay *replay)
{
    static const char *const events_alone[] = {"ev/"};
    int status = 0;
    uint64_t next_seq = 0, num_missing = 0;
    struct tyto_query_range range = {.from_seq = replay->from_seq,
                                     .to_seq = replay->to_seq,
                                     .since_unix_ns = replay->since_unix_ns};
    struct tyto_query *query = tyto_link_query(&replay->link, "replay", &status);
    if (!query)
        return status;
    range.prefixes =
        tyto_topics_of(&replay->filter.cameras, &replay->filter.classes, &range.num_prefixes);
    if (range.num_prefixes == 0 && !replay->with_states) {
        range.prefixes = events_alone;
        range.num_prefixes = 1;
    }
    tyto_interrupt_catch(1);
    replay->tell.is_past = true;
    tyto_tell_begin(&replay->tell);
    const enum tyto_err err =
        tyto_query_replay(query, &range, take, replay, &next_seq, &num_missing);
    status = err ? tyto_link_complain(query, "replay", err) : 0;
    if (!err && num_missing > 0) {
        fprintf(stderr, "tyto replay: %llu messages of these are not in the journal (any more)\n",
                (unsigned long long)num_missing);
        status = 1;
    }
    if (!err && tyto_query_num_withheld(query) > 0)
        fprintf(stderr, "tyto replay: %llu messages of these are not for this key\n",
                (unsigned long long)tyto_query_num_withheld(query));
    tyto_query_destroy(&query);
    return status;
}

/* What goes together badly, or NULL. */
static const char *find_wrong(const struct replay *replay, int num_arguments)
{
    if (num_arguments > 1)
        return "one endpoint is enough";
    if (replay->from_seq && replay->since_unix_ns)
        return "--from and --since are two begins";
    if (replay->to_seq && replay->until_unix_ns)
        return "--to and --until are two ends";
    if (replay->to_seq && replay->from_seq > replay->to_seq)
        return "--to is before --from";
    if (replay->until_unix_ns && replay->since_unix_ns > replay->until_unix_ns)
        return "--until is before --since";
    return NULL;
}

int tyto_cmd_replay(int argc, char **argv)
{
    static struct replay replay;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_replay, argc, argv, &replay, &num_arguments, &status)) {
        const char *wrong = find_wrong(&replay, num_arguments);
        if (wrong)
            status = tyto_options_complain(&tyto_command_replay, wrong);
        else
            status = tyto_link_find(&replay.link, num_arguments > 0 ? argv[1] : NULL, "replay")
                         ? run(&replay)
                         : 1;
    }
    tyto_command_finish(&tyto_command_replay, &replay);
    return status;
}
