/* SPDX-License-Identifier: MIT */
/* tyto find: events that sounded or looked like another one. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/when.h"
#include "cli/event/json.h"
#include "cli/events/events.h"
#include "cli/events/internal.h"
#include "cli/find/file.h"
#include "cli/find/prints.h"
#include "options/common.h"
#include "pipeline/track/options.h"

enum { DEFAULT_LIMIT = 10, MAX_LIMIT = TYTO_REPLY_MAX_ENVELOPES, MAX_CAMERAS = 256 };

struct find {
    struct tyto_texts cameras, classes;
    struct tyto_link link;
    char *like, *models_dir, *device; /* owned */
    bool is_file;                     /* like is */
    enum tyto_print by, among;
    int64_t since_unix_ns, until_unix_ns;
    uint32_t limit;
    bool is_json;
};

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct find, field)
static const struct tyto_option rows[] = {
    {.key = "like", .letter = 'l', .type = TYTO_OPTION_TEXT, AT(like), .value = "ID|FILE",
     .is_needed = true, .help = "the event's id, as `tyto list` tells it, or a recording"},
    {.key = "by", .letter = 'b', .type = TYTO_OPTION_WORD, AT(by),
     .words = TYTO_WORDS(TYTO_PRINT_LIST), .help = "by what of it"},
    {.key = "among", .letter = 'a', .type = TYTO_OPTION_WORD, AT(among),
     .words = TYTO_WORDS(TYTO_PRINT_LIST), .help = "what of the others is held against it; any: the same"},
    {.key = "since", .letter = 's', TYTO_OPTION_WHEN(struct find, since_unix_ns),
     .absent = "a day ago", .help = "among events that last then or later: " TYTO_WHEN_HELP},
    {.key = "until", .letter = 'u', TYTO_OPTION_WHEN(struct find, until_unix_ns),
     .absent = "all that there is", .help = "among events that have begun by then"},
    {.key = "camera", .letter = 'c', .type = TYTO_OPTION_TEXTS, AT(cameras), .max = TYTO_CLIENT_MAX_CAMERAS,
     .value = "ID", .absent = "all", .check = tyto_option_check_id,
     .help = "only of this camera; may be given again"},
    {.key = "class", .letter = 'k', .type = TYTO_OPTION_TEXTS, AT(classes), .max = TYTO_CLIENT_MAX_CLASSES,
     .value = "NAME", .absent = "all", .check = tyto_option_check_id,
     .help = "only of this class; may be given again"},
    {.key = "limit", .letter = 'n', .type = TYTO_OPTION_U32, AT(limit), .min = 1, .max = MAX_LIMIT,
     .help = "so many at most"},
    {.key = "json", .letter = 'j', .type = TYTO_OPTION_FLAG, AT(is_json),
     .help = "JSON lines instead of a table"},
};
static const struct tyto_option model_rows[] = {
    TYTO_OPTION_MODELS(struct find, models_dir),
    TYTO_OPTION_DEVICE(TYTO_OPTION_TEXT, struct find, device),
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {
    {.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    {.title = "For a FILE, the model", .rows = model_rows, .num_rows = TYTO_NUM_ROWS(model_rows)},
    {.title = "The daemon",
     .rows = tyto_link_rows,
     .num_rows = TYTO_LINK_NUM_ROWS,
     .offset = offsetof(struct find, link)},
};
static const struct tyto_command_argument arguments[] = {{"ENDPOINT", TYTO_LINK_ENDPOINT_HELP},
                                                         {NULL, NULL}};

static enum tyto_err init(void *target)
{
    struct find *find = target;
    find->limit = DEFAULT_LIMIT;
    return TYTO_OK;
}

const struct tyto_command tyto_command_find = {
    .name = "tyto find",
    .summary = "find events that sounded or looked like another one, or like a file",
    .usage = "tyto find --like ID|FILE [ENDPOINT] [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes =
        "An event carries where its sound and its picture lie among others, 64 signed bytes each, "
        "in "
        "one space, so that a sound can be held against pictures (--by sound --among picture). "
        "tytod searches all that its journal has in one go. Of a FILE the event is taken of which "
        "the model is the most sure; the model has to be the daemon's.\n\n"
        "Events of before version 1.5 of the protocol, or of a model without such a space, carry "
        "none. Then the scores that tytod keeps of each second are held against each other, in the "
        "second in which each event was heard or seen best: what is younger than a minute or older "
        "than journal.scores_days is not kept, a day of a camera takes two seconds to ask for, and "
        "with keys it takes the right to dbg/CAMERA/.",
    .examples =
        "tyto find --like 01ARZ3NDEKTSV4RRFFQ69G5FAV\n"
        "tyto find --like 01ARZ3NDEKTSV4RRFFQ69G5FAV --by sound --among picture --since 7d\n"
        "tyto find --like bark.wav --by sound\n",
    .target_bytes = sizeof(struct find),
    .init = init,
};

/* --- asking ------------------------------------------------------------------------------------
 */

struct asking {
    struct tyto_prints *prints;
    char cameras[MAX_CAMERAS][TYTO_ID_MAX + 1];
    uint32_t num_cameras;
    const char *camera; /* whose scores come */
    int64_t from_unix_ns, to_unix_ns;
    struct tyto_event like; /* id "": not there */
    enum tyto_err err;
};

static void note_camera(struct asking *asking, const char *camera)
{
    for (uint32_t i = 0; i < asking->num_cameras; i++) {
        if (strcmp(asking->cameras[i], camera) == 0)
            return;
    }
    if (asking->num_cameras < MAX_CAMERAS)
        snprintf(asking->cameras[asking->num_cameras++], sizeof(asking->cameras[0]), "%s", camera);
}

static bool take_like(void *user, const struct tyto_message *message)
{
    struct asking *asking = user;
    if (message->kind == TYTO_MESSAGE_EVENT)
        asking->like = message->u.event;
    return false; /* the latest is the first */
}

static bool take_event(void *user, const struct tyto_message *message)
{
    struct asking *asking = user;
    if (message->kind != TYTO_MESSAGE_EVENT)
        return true;
    const struct tyto_event *event = &message->u.event;
    asking->err = tyto_prints_add(asking->prints, event);
    if (asking->from_unix_ns == 0 || event->begin_unix_ns < asking->from_unix_ns)
        asking->from_unix_ns = event->begin_unix_ns;
    note_camera(asking, event->camera);
    return !asking->err && !tyto_interrupt_came();
}

static bool take_page(void *user, const struct tyto_reply *page)
{
    struct asking *asking = user;
    tyto_prints_take(asking->prints, asking->camera, page);
    return !tyto_interrupt_came();
}

static enum tyto_err ask_scores(struct tyto_query *query, struct asking *asking, const char *camera,
                                int64_t from_unix_ns, int64_t to_unix_ns)
{
    const struct tyto_query_scores which = {
        .camera = camera, .from_unix_ns = from_unix_ns, .to_unix_ns = to_unix_ns};
    asking->camera = camera;
    return tyto_query_scores(query, &which, take_page, asking);
}

static struct tyto_query_filter filter_of(const struct find *find)
{
    return (struct tyto_query_filter){
        .from_unix_ns = find->since_unix_ns,
        .to_unix_ns = find->until_unix_ns,
        .cameras = (const char *const *)find->cameras.texts,
        .num_cameras = find->cameras.num,
        .classes = (const char *const *)find->classes.texts,
        .num_classes = find->classes.num,
    };
}

/* By the scores that are kept. */
static enum tyto_err ask_prints(const struct find *find, struct tyto_query *query,
                                struct asking *asking)
{
    const struct tyto_event *like = &asking->like;
    const struct tyto_query_filter filter = filter_of(find);
    enum tyto_err err = tyto_query_list(query, &filter, NULL, take_event, asking);
    if (!err && !asking->err)
        asking->err = tyto_prints_add(asking->prints, like);
    if (!err && !asking->err)
        err = ask_scores(query, asking, like->camera, like->begin_unix_ns,
                         like->begin_unix_ns + (like->end_media_ns - like->begin_media_ns) +
                             (int64_t)TYTO_NS_PER_S);
    for (uint32_t i = 0; !err && !asking->err && i < asking->num_cameras && !tyto_interrupt_came();
         i++)
        err = ask_scores(query, asking, asking->cameras[i], asking->from_unix_ns,
                         find->until_unix_ns);
    return err;
}

/* --- telling -----------------------------------------------------------------------------------
 */

static void put_head(const struct find *find)
{
    if (!find->is_json)
        printf("%5s  %-21s  %-12s %-16s %5s %5s  %s\n", "alike", "begin", "camera", "class",
               "heard", "seen", "id");
}

static void put_match(const struct find *find, const struct tyto_print_match *match)
{
    const struct tyto_print_event *event = match->event;
    char begin[32];
    if (!find->is_json) {
        tyto_tell_time(event->begin_unix_ns, begin);
        printf("%5.0f  %-21s  %-12s %-16s %5.0f %5.0f  %s\n", (double)(match->similarity * 100.0f),
               begin, event->camera, event->class_name, (double)(event->heard * 100.0f),
               (double)(event->seen * 100.0f), event->id);
        return;
    }
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_put(&json, "similarity", tyto_json_new_score((double)match->similarity));
    tyto_json_put(&json, "id", tyto_json_new_string(event->id));
    tyto_json_put(&json, "camera", tyto_json_new_string(event->camera));
    tyto_json_put(&json, "class", tyto_json_new_string(event->class_name));
    tyto_json_put(&json, "begin_utc", tyto_json_new_utc(event->begin_unix_ns));
    tyto_json_put(&json, "heard", tyto_json_new_score((double)event->heard));
    tyto_json_put(&json, "seen", tyto_json_new_score((double)event->seen));
    (void)tyto_json_put_line(&json);
}

static const char *sense_words(enum tyto_print by)
{
    return by == TYTO_PRINT_SOUND     ? "sounded"
           : by == TYTO_PRINT_PICTURE ? "looked"
                                      : "sounded and looked";
}

static int tell_prints(const struct find *find, const struct asking *asking)
{
    static struct tyto_print_match matches[MAX_LIMIT];
    uint32_t num = 0;
    const enum tyto_print among = find->among == TYTO_PRINT_ANY ? find->by : find->among;
    const enum tyto_err err =
        tyto_prints_find(asking->prints, find->like, find->by, among, find->limit, matches, &num);
    if (err == TYTO_ERR_EMPTY) {
        fprintf(stderr,
                "tyto find: nothing is kept of how event %s %s: it is younger than a minute "
                "or older than journal.scores_days, or the model knew nothing in it\n",
                find->like, sense_words(find->by));
        return 1;
    }
    if (err) {
        fprintf(stderr, "tyto find: %s\n", tyto_err_text(err));
        return 1;
    }
    put_head(find);
    for (uint32_t i = 0; i < num; i++)
        put_match(find, &matches[i]);
    return 0;
}

static int find_by_scores(const struct find *find, struct tyto_query *query, struct asking *asking)
{
    enum tyto_err err = tyto_prints_create(&asking->prints);
    int status = 1;
    if (!err)
        err = ask_prints(find, query, asking);
    if (err)
        status = tyto_link_complain(query, "find", err);
    else if (asking->err)
        fprintf(stderr, "tyto find: %s\n", tyto_err_text(asking->err));
    else
        status = tell_prints(find, asking);
    tyto_prints_destroy(&asking->prints);
    return status;
}

/* --- by embeddings -----------------------------------------------------------------------------
 */

static bool put_alike(void *user, const struct tyto_message *message, float similarity)
{
    const struct find *find = user;
    const struct tyto_event *event = &message->u.event;
    struct tyto_print_event kept = {.begin_unix_ns = event->begin_unix_ns,
                                    .heard = event->scores.heard,
                                    .seen = event->scores.seen};
    if (message->kind != TYTO_MESSAGE_EVENT)
        return true;
    memcpy(kept.id, event->id, sizeof(kept.id));
    memcpy(kept.camera, event->camera, sizeof(kept.camera));
    memcpy(kept.class_name, event->class_name, sizeof(kept.class_name));
    put_match(find, &(struct tyto_print_match){&kept, similarity});
    return true;
}

/* What of it is looked for. False: it has nothing of that, or no embedding at all. */
static bool choose(const struct find *find, const struct tyto_event *event,
                   struct tyto_embeddings *ret_like)
{
    *ret_like = event->embeddings;
    ret_like->has_sound &= find->by != TYTO_PRINT_PICTURE;
    ret_like->has_picture &= find->by != TYTO_PRINT_SOUND;
    return ret_like->space != 0 && (ret_like->has_sound || ret_like->has_picture);
}

static int find_by_embeddings(const struct find *find, struct tyto_query *query,
                              const struct tyto_embeddings *like)
{
    struct tyto_query_likeness likeness = {
        .like = *like, .but_id = find->is_file ? NULL : find->like, .filter = filter_of(find)};
    likeness.filter.limit = find->limit;
    if (find->among != TYTO_PRINT_ANY)
        likeness.among = find->among == TYTO_PRINT_SOUND ? TYTO_AMONG_SOUNDS : TYTO_AMONG_PICTURES;
    put_head(find);
    const enum tyto_err err = tyto_query_find(query, &likeness, put_alike, (void *)(uintptr_t)find);
    return err ? tyto_link_complain(query, "find", err) : 0;
}

static bool goes_on(void)
{
    return !tyto_interrupt_came();
}

/* The event in the file. */
static int read_file(const struct find *find, struct tyto_event *ret_event)
{
    const struct tyto_find_file params = {.path = find->like,
                                          .models_dir = find->models_dir,
                                          .device = find->device,
                                          .go_on = goes_on};
    struct tyto_fault fault = {0};
    const enum tyto_err err = tyto_find_file(&params, ret_event, &fault);
    if (err)
        tyto_fault_tell("find", &fault, err);
    else if (!find->is_json)
        fprintf(stderr, "tyto find: by %s at %.1f to %.1f s\n", ret_event->class_name,
                (double)ret_event->begin_media_ns / 1e9, (double)ret_event->end_media_ns / 1e9);
    return err ? 1 : 0;
}

static int search(const struct find *find, struct tyto_query *query, struct asking *asking)
{
    struct tyto_embeddings like;
    if (choose(find, &asking->like, &like))
        return find_by_embeddings(find, query, &like);
    if (!find->is_file && asking->like.embeddings.space == 0)
        return find_by_scores(find, query, asking);
    fprintf(stderr, "tyto find: it is not known how %s %s: it was not %s\n", find->like,
            sense_words(find->by), find->by == TYTO_PRINT_SOUND ? "heard" : "seen");
    return 1;
}

static int run(const struct find *find)
{
    static struct asking asking;
    int status = 0;
    tyto_interrupt_catch(1);
    if (find->is_file)
        status = read_file(find, &asking.like);
    if (status)
        return status;
    struct tyto_query *query = tyto_link_query(&find->link, "find", &status);
    if (!query)
        return status;
    const enum tyto_err err =
        find->is_file ? TYTO_OK : tyto_query_get(query, find->like, take_like, &asking);
    status = err ? tyto_link_complain(query, "find", err) : search(find, query, &asking);
    tyto_query_destroy(&query);
    return status;
}

int tyto_cmd_find(int argc, char **argv)
{
    static struct find find;
    const struct tyto_command *command = &tyto_command_find;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(command, argc, argv, &find, &num_arguments, &status)) {
        if (!find.since_unix_ns)
            find.since_unix_ns = (int64_t)(tyto_clock_unix_ns() - 24 * 3600 * TYTO_NS_PER_S);
        find.is_file = find.like && !tyto_event_id_is_valid(find.like);
        if (num_arguments > 1)
            status = tyto_options_complain(command, "one endpoint is enough");
        else if (!find.like || !find.like[0] || (find.is_file && access(find.like, R_OK) != 0))
            status = tyto_options_complain(command,
                                           "--like needs an event's id or a file that can be read");
        else if (find.by == TYTO_PRINT_ANY && find.among != TYTO_PRINT_ANY)
            status = tyto_options_complain(command, "--among needs --by sound or --by picture");
        else if (find.until_unix_ns && find.since_unix_ns > find.until_unix_ns)
            status = tyto_options_complain(command, "--until is before --since");
        else
            status = tyto_link_find(&find.link, num_arguments > 0 ? argv[1] : NULL, "find")
                         ? run(&find)
                         : 1;
    }
    tyto_command_finish(command, &find);
    return status;
}
