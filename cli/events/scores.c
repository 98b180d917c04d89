/* SPDX-License-Identifier: MIT */
/* tyto scores: how many events there would have been with other thresholds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/interrupt.h"
#include "cli/common/when.h"
#include "cli/event/json.h"
#include "cli/events/events.h"
#include "cli/events/internal.h"
#include "pipeline/recount/recount.h"
#include "pipeline/track/options.h"

enum { MAX_CLASSES = 1024 };

struct scores {
    struct tyto_texts cameras, classes;
    struct tyto_link link;
    int64_t since_unix_ns, until_unix_ns;
    bool is_json;
    struct tyto_tracker_params tracker;
    uint64_t given; /* marks over the tracker's options */
};

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct scores, field)
static const struct tyto_option rows[] = {
    {.key = "camera", .letter = 'c', .type = TYTO_OPTION_TEXTS, AT(cameras), .max = TYTO_CLIENT_MAX_CAMERAS,
     .value = "ID", .is_needed = true, .check = tyto_option_check_id,
     .help = "of this camera; may be given again"},
    {.key = "class", .letter = 'k', .type = TYTO_OPTION_TEXTS, AT(classes), .max = TYTO_CLIENT_MAX_CLASSES,
     .value = "NAME", .absent = "all", .check = tyto_option_check_id,
     .help = "only this class; may be given again"},
    {.key = "since", .letter = 's', TYTO_OPTION_WHEN(struct scores, since_unix_ns),
     .absent = "the oldest that is kept",
     .help = "from the minute then: " TYTO_WHEN_HELP},
    {.key = "until", .letter = 'u', TYTO_OPTION_WHEN(struct scores, until_unix_ns),
     .absent = "all that there is",
     .help = "to the minute then"},
    {.key = "json", .letter = 'j', .type = TYTO_OPTION_FLAG, AT(is_json),
     .help = "JSON lines instead of a table"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {
    {.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    {.title = "Asked for in place of what tytod was asked for, as in tytod.yaml",
     .rows = tyto_tracker_options,
     .num_rows = TYTO_TRACKER_NUM_OPTIONS,
     .offset = offsetof(struct scores, tracker),
     .marks = offsetof(struct scores, given)},
    {.rows = tyto_link_rows,
     .num_rows = TYTO_LINK_NUM_ROWS,
     .offset = offsetof(struct scores, link)},
};
static const struct tyto_command_argument arguments[] = {{"ENDPOINT", TYTO_LINK_ENDPOINT_HELP},
                                                         {NULL, NULL}};

static enum tyto_err init(void *target)
{
    struct scores *scores = target;
    scores->tracker = tyto_tracker_params_default();
    return TYTO_OK;
}

const struct tyto_command tyto_command_scores = {
    .name = "tyto scores",
    .summary = "count the events that other thresholds would have given",
    .usage = "tyto scores --camera ID [ENDPOINT] [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes =
        "tytod keeps the scores of each second for some days (journal.scores_days). They are gone "
        "through as tytod itself does, once with what it was asked for at that time and once with "
        "what is asked for here. Scores are kept in steps of 0.05 of their log-odds, so the second "
        "count may differ a little; the first one does not. Zones and quiet hours are not known "
        "here: what they keep from being told is counted. With keys it takes the right to "
        "dbg/CAMERA/.",
    .examples = "tyto scores --camera yard --class dog --since 7d --threshold 0.4\n"
                "tyto scores --camera yard --onset-num 3 --json\n",
    .target_bytes = sizeof(struct scores),
    .init = init,
};

/* --- counting --------------------------------------------------------------------------------- */

struct count {
    char class_name[TYTO_ID_MAX + 1];
    uint64_t num_was, num_would;
};

struct counts {
    struct count items[MAX_CLASSES];
    uint32_t num;
    uint64_t num_segments;
    int64_t from_unix_ns, to_unix_ns;
    struct tyto_recount *was, *would;
    enum tyto_err err;
};

static struct count *find(struct counts *counts, const char *class_name)
{
    for (uint32_t i = 0; i < counts->num; i++) {
        if (strcmp(counts->items[i].class_name, class_name) == 0)
            return &counts->items[i];
    }
    if (counts->num == MAX_CLASSES)
        return NULL;
    struct count *count = &counts->items[counts->num++];
    *count = (struct count){.num_was = 0};
    snprintf(count->class_name, sizeof(count->class_name), "%s", class_name);
    return count;
}

static void note_was(void *user, const struct tyto_event *event)
{
    struct count *count =
        event->phase == TYTO_EVENT_PHASE_END ? find(user, event->class_name) : NULL;
    if (count)
        count->num_was++;
}

static void note_would(void *user, const struct tyto_event *event)
{
    struct count *count =
        event->phase == TYTO_EVENT_PHASE_END ? find(user, event->class_name) : NULL;
    if (count)
        count->num_would++;
}

static bool take_page(void *user, const struct tyto_reply *page)
{
    struct counts *counts = user;
    if (page->num_segments > 0 && counts->num_segments == 0)
        counts->from_unix_ns = page->segments[0].begin_unix_ns;
    if (page->num_segments > 0)
        counts->to_unix_ns = page->segments[page->num_segments - 1].end_unix_ns;
    counts->num_segments += page->num_segments;
    counts->err = tyto_recount_take(counts->was, page);
    if (!counts->err)
        counts->err = tyto_recount_take(counts->would, page);
    return !counts->err && !tyto_interrupt_came();
}

static enum tyto_err make_counters(const struct scores *scores, const char *camera,
                                   struct counts *counts)
{
    struct tyto_recount_params params = {.camera = camera, .sink = note_was, .user = counts};
    enum tyto_err err = tyto_recount_create(&params, &counts->was);
    params.wishes = scores->tracker;
    params.wished = scores->given;
    params.sink = note_would;
    return !err ? tyto_recount_create(&params, &counts->would) : err;
}

/* --- telling ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct count *)a)->class_name, ((const struct count *)b)->class_name);
}

static void put_counts(const struct scores *scores, const char *camera, struct counts *counts)
{
    char from[32] = "", to[32] = "";
    qsort(counts->items, counts->num, sizeof(counts->items[0]), compare);
    if (counts->num_segments > 0) {
        tyto_tell_time(counts->from_unix_ns, from);
        tyto_tell_time(counts->to_unix_ns, to);
    }
    if (!scores->is_json)
        printf("%s: %.1f hours of scores%s%s%s%s\n%-24s %12s %12s\n", camera,
               (double)counts->num_segments / 3600.0, from[0] ? ", " : "", from,
               from[0] ? " to " : "", to, "class", "as it was", "as asked");
    for (uint32_t i = 0; i < counts->num; i++) {
        const struct count *count = &counts->items[i];
        if (!scores->is_json) {
            printf("%-24s %12llu %12llu\n", count->class_name, (unsigned long long)count->num_was,
                   (unsigned long long)count->num_would);
            continue;
        }
        struct tyto_json *json = tyto_json_new_object();
        tyto_json_set(json, "camera", tyto_json_new_string(camera));
        tyto_json_set(json, "class", tyto_json_new_string(count->class_name));
        tyto_json_set(json, "segments", tyto_json_new_u64(counts->num_segments));
        tyto_json_set(json, "was", tyto_json_new_u64(count->num_was));
        tyto_json_set(json, "would", tyto_json_new_u64(count->num_would));
        (void)tyto_json_put_line(&json);
    }
}

static int count_camera(const struct scores *scores, struct tyto_query *query, const char *camera)
{
    static struct counts counts;
    const struct tyto_query_scores which = {
        .camera = camera,
        .from_unix_ns = scores->since_unix_ns,
        .to_unix_ns = scores->until_unix_ns,
        .classes = (const char *const *)scores->classes.texts,
        .num_classes = scores->classes.num,
    };
    int status = 0;
    memset(&counts, 0, sizeof(counts));
    enum tyto_err err = make_counters(scores, camera, &counts);
    if (!err) {
        err = tyto_query_scores(query, &which, take_page, &counts);
        if (err)
            status = tyto_link_complain(query, "scores", err);
    }
    if (!status && (err || counts.err)) {
        fprintf(stderr, "tyto scores: %s\n", tyto_err_text(err ? err : counts.err));
        status = 1;
    }
    if (!status) {
        tyto_recount_end(counts.was);
        tyto_recount_end(counts.would);
        put_counts(scores, camera, &counts);
    }
    tyto_recount_destroy(&counts.was);
    tyto_recount_destroy(&counts.would);
    return status;
}

static int run(const struct scores *scores)
{
    int status = 0;
    struct tyto_query *query = tyto_link_query(&scores->link, "scores", &status);
    if (!query)
        return status;
    status = 0;
    tyto_interrupt_catch(1);
    for (uint32_t i = 0; !status && i < scores->cameras.num && !tyto_interrupt_came(); i++)
        status = count_camera(scores, query, scores->cameras.texts[i]);
    tyto_query_destroy(&query);
    return status;
}

int tyto_cmd_scores(int argc, char **argv)
{
    static struct scores scores;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_scores, argc, argv, &scores, &num_arguments, &status)) {
        if (num_arguments > 1)
            status = tyto_options_complain(&tyto_command_scores, "one endpoint is enough");
        else if (scores.cameras.num == 0)
            status = tyto_options_complain(&tyto_command_scores, "needs a --camera");
        else if (scores.until_unix_ns && scores.since_unix_ns > scores.until_unix_ns)
            status = tyto_options_complain(&tyto_command_scores, "--until is before --since");
        else
            status = tyto_link_find(&scores.link, num_arguments > 0 ? argv[1] : NULL, "scores")
                         ? run(&scores)
                         : 1;
    }
    tyto_command_finish(&tyto_command_scores, &scores);
    return status;
}
