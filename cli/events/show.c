/* SPDX-License-Identifier: MIT */
/* tyto show: one event in full. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/event/json.h"
#include "cli/events/events.h"
#include "cli/events/internal.h"

enum { MAX_HISTORY = 64 };

struct step { /* a message about the event */
    uint64_t seq;
    int64_t told_unix_ns;
    enum tyto_event_phase phase;
    enum tyto_event_reason reason;
    struct tyto_scores scores;
};

struct show {
    struct tyto_link link;
    bool is_json;
    bool is_found;
    struct tyto_event event; /* as its last message tells it */
    uint32_t num_steps;
    struct step steps[MAX_HISTORY]; /* the last one first */
};

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct show, field)
static const struct tyto_option rows[] = {
    {.key = "json", .letter = 'j', .type = TYTO_OPTION_FLAG, AT(is_json),
     .help = "the event as JSON, with its history, the scores of its segments and which of them "
             "answered which (alignment)"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {
    {.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    {.rows = tyto_link_rows, .num_rows = TYTO_LINK_NUM_ROWS, .offset = offsetof(struct show, link)},
};
static const struct tyto_command_argument arguments[] = {
    {"ID", "of the event, as `tyto list` shows it"},
    {"ENDPOINT", TYTO_LINK_ENDPOINT_HELP},
    {NULL, NULL}};

const struct tyto_command tyto_command_show = {
    .name = "tyto show",
    .summary = "show one event in full",
    .usage = "tyto show ID [ENDPOINT] [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes = "With where its recording is, where there is one: a path of the machine that tytod "
             "runs on, complete some seconds after the event's end.",
    .examples = "tyto show 01M84J0DCR3A85TD3GBA6TMY9D\n"
                "tyto show $(tyto list --limit 1 --json | jq -r .id)\n"
                "mpv \"$(tyto show 01M84J0DCR3A85TD3GBA6TMY9D --json | jq -r .clip_path)\"\n",
    .target_bytes = sizeof(struct show),
};

static bool take(void *user, const struct tyto_message *message)
{
    struct show *show = user;
    if (message->kind != TYTO_MESSAGE_EVENT)
        return true;
    const struct tyto_event *event = &message->u.event;
    if (!show->is_found)
        show->event = *event;
    show->is_found = true;
    if (show->num_steps < MAX_HISTORY)
        show->steps[show->num_steps++] = (struct step){.seq = message->seq,
                                                       .told_unix_ns = message->publish_unix_ns,
                                                       .phase = event->phase,
                                                       .reason = event->reason,
                                                       .scores = event->scores};
    return true;
}

/* --- for people ----------------------------------------------------------------------------------
 */

/* The path of a file:// URI; false: it is another. */
static bool path_of(const char *uri, char *ret_path, size_t path_bytes)
{
    size_t num = 0;
    if (strncmp(uri, "file:///", 8) != 0)
        return false;
    for (const char *at = uri + 7; *at && num + 1 < path_bytes; num++) {
        const int high = *at == '%' ? tyto_text_hex_digit(at[1]) : -1;
        const int low = high >= 0 ? tyto_text_hex_digit(at[2]) : -1;
        ret_path[num] = low >= 0 ? (char)(high << 4 | low) : *at;
        at += low >= 0 ? 3 : 1;
    }
    ret_path[num] = '\0';
    return true;
}

/* A file that belongs to the event, by its URI. */
static void put_file(const char *name, const char *uri)
{
    char path[TYTO_CLIP_URI_MAX + 1];
    if (!uri[0])
        printf("%-11s none\n", name);
    else if (!path_of(uri, path, sizeof(path)))
        printf("%-11s %s\n", name, uri);
    else
        printf("%-11s %s%s\n", name, path,
               access(path, R_OK) == 0 ? "" : "  (not to be read from here)");
}

static void put_scores(const struct tyto_event *event)
{
    const char *place = tyto_place_words(&event->place);
    const char *is_so = "heard and seen";
    if (event->modality == TYTO_MODALITY_A)
        is_so = "heard alone";
    else if (event->modality == TYTO_MODALITY_V)
        is_so = "seen alone";
    printf("modality    %s\n", is_so);
    printf("scores      heard %.2f, seen %.2f, both %.2f (threshold %.2f)\n",
           (double)event->scores.heard, (double)event->scores.seen, (double)event->scores.joint,
           (double)event->scores.threshold);
    printf("weights     sound %.2f, picture %.2f\n", (double)event->weight_audio,
           (double)event->weight_visual);
    if (event->has_box)
        printf("box         %.2f %.2f to %.2f %.2f of the picture\n", (double)event->box.x0,
               (double)event->box.y0, (double)event->box.x1, (double)event->box.y1);
    if (place[0])
        printf("place       %s\n", place);
    if (event->has_av_offset)
        printf("offset      sound %+.0f ms behind the picture\n", (double)event->av_offset_ms);
}

/* The shift in segments that most of what was asked went to: of the rows' sums along the diagonals.
 */
static int best_shift(const struct tyto_event_alignment *alignment,
                      const uint8_t shares[][TYTO_ALIGNMENT_MAX_COLS])
{
    uint32_t most = 0, best = alignment->before;
    for (uint32_t col = 0; col < alignment->cols; col++) {
        uint32_t sum = 0;
        for (uint32_t row = 0; row < alignment->rows; row++)
            sum += shares[row][col];
        if (sum > most) {
            most = sum;
            best = col;
        }
    }
    return (int)best - (int)alignment->before;
}

static void put_shift(const char *asked, int shift, double hop_s)
{
    if (shift == 0)
        printf("%s of the same second", asked);
    else
        printf("%s %.0f s %s", asked, fabs(shift * hop_s), shift < 0 ? "before" : "after");
}

/* Which second answered which, in a line; --json has all of it. */
static void put_alignment(const struct tyto_event *event)
{
    const struct tyto_event_alignment *alignment = &event->alignment;
    const double hop_s = (double)event->segment_hop_ns / (double)TYTO_NS_PER_S;
    uint32_t trust = 0;
    if (alignment->rows == 0)
        return;
    for (uint32_t row = 0; row < alignment->rows; row++)
        trust += alignment->trust[row];
    printf("alignment   sound was answered by ");
    put_shift("the picture", best_shift(alignment, alignment->audio), hop_s);
    printf(", picture by ");
    put_shift("the sound", best_shift(alignment, alignment->visual), hop_s);
    printf("; sound was trusted %.0f %% (last %u s)\n", trust / 2.55 / alignment->rows,
           (unsigned)lround(alignment->rows * hop_s));
}

static void put_text(const struct show *show)
{
    const struct tyto_event *event = &show->event;
    char begin[32], end[32] = "goes on", told[32];
    tyto_tell_time(event->begin_unix_ns, begin);
    if (event->has_end)
        tyto_tell_time(event->end_unix_ns, end);
    printf("event       %s\n", event->id);
    printf("camera      %s\n", event->camera);
    printf("class       %s\n", event->class_name);
    printf("begin       %s\n", begin);
    printf("end         %s", end);
    if (event->has_end)
        printf("  (%.1f s)",
               (double)(event->end_media_ns - event->begin_media_ns) / (double)TYTO_NS_PER_S);
    printf("\nclock       %s\n", tyto_clock_quality_name(event->clock_quality));
    put_scores(event);
    put_alignment(event);
    printf("model       %.12s\n", event->model_digest);
    put_file("recording", event->clip_uri);
    if (event->snapshot_uri[0])
        put_file("picture", event->snapshot_uri);
    for (uint32_t i = show->num_steps; i > 0; i--) {
        const struct step *step = &show->steps[i - 1];
        tyto_tell_time(step->told_unix_ns, told);
        printf("%-11s %s  %-9s %-12s heard %.2f seen %.2f  number %llu\n",
               i == show->num_steps ? "told" : "", told, tyto_event_phase_name(step->phase),
               tyto_event_reason_name(step->reason), (double)step->scores.heard,
               (double)step->scores.seen, (unsigned long long)step->seq);
    }
}

/* --- for programs --------------------------------------------------------------------------------
 */

static bool put_json(const struct show *show)
{
    char path[TYTO_CLIP_URI_MAX + 1];
    struct tyto_json *json = tyto_event_to_json(&show->event, true);
    struct tyto_json *history = tyto_json_new_array();
    for (uint32_t i = show->num_steps; i > 0; i--) {
        const struct step *step = &show->steps[i - 1];
        struct tyto_json *one = tyto_json_new_object();
        tyto_json_set(one, "seq", tyto_json_new_u64(step->seq));
        tyto_json_set(one, "told_utc", tyto_json_new_utc(step->told_unix_ns));
        tyto_json_set(one, "phase", tyto_json_new_string(tyto_event_phase_name(step->phase)));
        tyto_json_set(one, "reason", tyto_json_new_string(tyto_event_reason_name(step->reason)));
        tyto_json_set(one, "heard", tyto_json_new_score((double)step->scores.heard));
        tyto_json_set(one, "seen", tyto_json_new_score((double)step->scores.seen));
        tyto_json_append(history, one);
    }
    tyto_json_set(json, "history", history);
    if (path_of(show->event.clip_uri, path, sizeof(path)))
        tyto_json_set(json, "clip_path", tyto_json_new_name(path));
    return tyto_json_put_line(&json);
}

/* --- running -------------------------------------------------------------------------------------
 */

static int run(struct show *show, const char *id)
{
    int status = 0;
    struct tyto_query *query = tyto_link_query(&show->link, "show", &status);
    if (!query)
        return status;
    const enum tyto_err err = tyto_query_get(query, id, take, show);
    if (err)
        status = tyto_link_complain(query, "show", err);
    else if (show->is_json)
        status = put_json(show) ? 0 : 1;
    else
        status = (put_text(show), 0);
    tyto_query_destroy(&query);
    return status;
}

int tyto_cmd_show(int argc, char **argv)
{
    static struct show show;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_show, argc, argv, &show, &num_arguments, &status)) {
        if (num_arguments < 1 || num_arguments > 2)
            status = tyto_options_complain(&tyto_command_show, "needs the id of one event");
        else if (!tyto_event_id_is_valid(argv[1]))
            status = tyto_options_complain(
                &tyto_command_show, "that is no id: 26 digits and letters, as tyto list shows");
        else
            status = tyto_link_find(&show.link, num_arguments > 1 ? argv[2] : NULL, "show")
                         ? run(&show, argv[1])
                         : 1;
    }
    tyto_command_finish(&tyto_command_show, &show);
    return status;
}
