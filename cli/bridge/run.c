/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/paths.h"
#include "base/secret.h"
#include "cli/bridge/core/pump.h"
#include "cli/bridge/internal.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/common/topics.h"
#include "client/feed.h"
#include "client/pictures.h"
#include "pipeline/track/options.h"

enum { STORE_EVERY_MS = 250, LINGER_MS = 5000, MS_PER_S = 1000, MAX_NAMES = 64 };

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct tyto_bridge_options, field)
const struct tyto_option tyto_bridge_rows[TYTO_BRIDGE_NUM_OPTIONS] = {
    {.key = "endpoint", .letter = 'e', .type = TYTO_OPTION_TEXT, AT(endpoint), .value = "ENDPOINT",
     .absent = TYTO_CLIENT_DEFAULT_ENDPOINT,
     .help = "where tytod publishes; 'ipc' means the socket file in the user's run-time folder"},
    {.key = "query", .type = TYTO_OPTION_TEXT, AT(query), .value = "ENDPOINT",
     .absent = "where tytod says", .help = "where tytod is asked for what was missed"},
    {.key = "camera", .letter = 'c', .type = TYTO_OPTION_TEXTS, AT(cameras), .max = MAX_NAMES,
     .value = "ID", .absent = "all", .check = tyto_option_check_id,
     .help = "only this camera; may be given again"},
    {.key = "class", .letter = 'k', .type = TYTO_OPTION_TEXTS, AT(classes), .max = MAX_NAMES,
     .value = "NAME", .absent = "all", .check = tyto_option_check_id,
     .help = "only this class; may be given again"},
    {.key = "phases", .type = TYTO_OPTION_WORD, AT(phases), .words = TYTO_WORDS(TYTO_PHASES_LIST),
     .help = "what of an event is delivered"},
    {.key = "state", .type = TYTO_OPTION_TEXT, AT(state), .value = "FILE", .is_place = true,
     .absent = "in $XDG_STATE_HOME/tyto, by the bridge's kind",
     .help = "where the bridge keeps how far it has come; each bridge needs its own"},
    {.key = "from", .type = TYTO_OPTION_WORD, AT(from), .words = TYTO_WORDS(TYTO_BRIDGE_FROM_LIST),
     .help = "where to begin when that file is not there yet"},
    {.key = "refused", .type = TYTO_OPTION_TEXT, AT(dead), .value = "FILE", .is_place = true,
     .absent = "the file of --state with .refused behind it",
     .help = "JSON lines of what the other side refused for good; 8 MiB at most"},
    {.key = "retry_s", .type = TYTO_OPTION_RANGE, AT(retry_s), .min = 0.01, .max = 3600,
     .unit = "s", .help = "the pause before what failed is tried again, and the longest: it doubles"},
};
#undef AT
/* clang-format on */

void tyto_bridge_options_init(struct tyto_bridge_options *options)
{
    options->retry_s[0] = 1;
    options->retry_s[1] = 60;
}

/* --- the source --------------------------------------------------------------------------------
 */

struct source {
    const struct tyto_bridge_options *options;
    struct tyto_feed *feed;
    struct tyto_pictures *pictures; /* NULL: the sink wants none */
    struct tyto_link link;
};

static enum tyto_err next(void *self, int timeout_ms, const struct tyto_feed_item **ret_item,
                          struct tyto_bridge_place *reterr_place)
{
    struct source *source = self;
    const enum tyto_err err = tyto_feed_next(source->feed, timeout_ms, ret_item);
    struct tyto_feed_position position;
    if (!err && !tyto_feed_get_position(source->feed, &position))
        *reterr_place = (struct tyto_bridge_place){.is_known = true, .at = position};
    return err;
}

static const struct tyto_event_picture *next_picture(void *self)
{
    struct source *source = self;
    const struct tyto_event_picture *picture = NULL;
    const bool is_there =
        source->pictures && tyto_pictures_next(source->pictures, 0, &picture) == TYTO_OK;
    return is_there ? picture : NULL;
}

static enum tyto_err open_pictures(struct source *source, struct tyto_fault *ret_fault)
{
    const struct tyto_link *link = &source->link;
    const struct tyto_texts *cameras = &source->options->cameras;
    const struct tyto_pictures_params params = {
        .endpoint = link->endpoint,
        .cameras = (const char *const *)cameras->texts,
        .num_cameras = cameras->num,
        .server_key = link->server_key,
        .secret_key = link->key,
    };
    const enum tyto_err err = tyto_pictures_open(&params, &source->pictures);
    return err == TYTO_ERR_IO
               ? tyto_fault_set(ret_fault, err, NULL, 0, NULL, "no socket for pictures")
               : err;
}

static enum tyto_err open_source(struct source *source, const struct tyto_bridge_place *place,
                                 struct tyto_fault *ret_fault)
{
    static const struct tyto_texts all_classes = {.num = 0};
    struct tyto_link *link = &source->link;
    *link = source->options->link;
    enum tyto_err err = tyto_link_prepare(link, source->options->endpoint, ret_fault);
    if (err)
        return err;
    struct tyto_feed_params params = {
        .endpoint = link->endpoint,
        .query_endpoint = source->options->query,
        .server_key = link->server_key,
        .secret_key = link->key,
        .start = source->options->from == TYTO_BRIDGE_FROM_OLDEST ? TYTO_FEED_FROM_OLDEST
                                                                  : TYTO_FEED_FROM_NOW,
        .with_snapshot = true,
        .patience_ms = -1, /* nothing is given up because tytod takes its time */
    };
    /* Of all classes: the pump passes by events that are not wanted. */
    params.prefixes = tyto_topics_of(&source->options->cameras, &all_classes, &params.num_prefixes);
    if (place->is_known) {
        params.start = TYTO_FEED_AFTER;
        params.position = place->at;
    }
    err = tyto_feed_open(&params, &source->feed);
    if (err == TYTO_ERR_INVALID)
        return tyto_fault_set(ret_fault, err, NULL, 0, NULL,
                              "--endpoint '%s' is no endpoint, or --query is none", link->endpoint);
    return err;
}

/* --- running -----------------------------------------------------------------------------------
 */

void tyto_bridge_tell(void *user, enum tyto_log_level level, const char *room, const char *text)
{
    (void)user;
    (void)level;
    fprintf(stderr, "tyto bridge %s: %s\n", room, text);
}

static bool put_paths(const char *name, const struct tyto_bridge_options *options,
                      char ret_state[PATH_MAX], char ret_dead[PATH_MAX])
{
    char file[64];
    snprintf(file, sizeof(file), "bridge-%s.position", name);
    int num = 0;
    if (options->state)
        num = snprintf(ret_state, PATH_MAX, "%s", options->state);
    else if (!tyto_paths_state(file, ret_state, PATH_MAX))
        return false;
    if (num >= PATH_MAX)
        return false;
    num = options->dead ? snprintf(ret_dead, PATH_MAX, "%s", options->dead)
                        : snprintf(ret_dead, PATH_MAX, "%.*s.refused", PATH_MAX - 16, ret_state);
    return num < PATH_MAX;
}

static enum tyto_err run(const char *name, struct source *source, struct tyto_sink *sink,
                         struct tyto_fault *ret_fault)
{
    const struct tyto_bridge_options *options = source->options;
    const struct tyto_log log = {tyto_bridge_tell, NULL, TYTO_LOG_INFO};
    static char state[PATH_MAX], dead[PATH_MAX];
    struct tyto_bridge_counts counts = {0};
    struct tyto_bridge_position *position = NULL;
    struct tyto_bridge_place place;
    if (!put_paths(name, options, state, dead))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "--state",
                              "no folder for it is known: give a file");
    enum tyto_err err = tyto_bridge_position_open(state, &position, &place, ret_fault);
    if (!err)
        err = open_source(source, &place, ret_fault);
    if (!err && sink->picture)
        err = open_pictures(source, ret_fault);
    if (!err) {
        const struct tyto_bridge_source from = {
            .self = source, .next = next, .picture = next_picture};
        const struct tyto_pump_params params = {
            .source = &from,
            .sink = sink,
            .position = position,
            .place = place,
            .classes = (const char *const *)options->classes.texts,
            .num_classes = options->classes.num,
            .dead_path = dead,
            .log = &log,
            .should_stop = tyto_interrupt_should_stop,
            .retry_first_ms = (uint32_t)(options->retry_s[0] * MS_PER_S),
            .retry_last_ms = (uint32_t)(options->retry_s[1] * MS_PER_S),
            .store_every_ms = STORE_EVERY_MS,
            .linger_ms = LINGER_MS,
        };
        err = tyto_pump_run(&params, &counts, ret_fault);
        tyto_log_write(
            &log, TYTO_LOG_INFO, name, "%llu delivered, %llu refused, %llu tries failed, %llu lost",
            (unsigned long long)counts.num_taken, (unsigned long long)counts.num_refused,
            (unsigned long long)counts.num_tries_failed, (unsigned long long)counts.num_lost);
    }
    tyto_bridge_position_close(&position);
    return err;
}

bool tyto_bridge_take_address(const struct tyto_command *command, char *argument, char *ret_url,
                              size_t url_bytes, int *ret_status)
{
    if (strlen(argument) >= url_bytes) {
        *ret_status = tyto_options_complain(command, "the address is too long");
        return false;
    }
    snprintf(ret_url, url_bytes, "%s", argument);
    tyto_secret_blank(argument);
    return true;
}

int tyto_bridge_fail(const char *name, const struct tyto_fault *fault, enum tyto_err err)
{
    char command[32];
    snprintf(command, sizeof(command), "bridge %s", name);
    tyto_fault_tell(command, fault, err);
    return err == TYTO_ERR_INVALID ? 2 : 1;
}

int tyto_bridge_run(const char *name, const struct tyto_bridge_options *options,
                    struct tyto_sink *sink)
{
    struct tyto_fault fault = {.text = ""};
    struct source *source = calloc(1, sizeof(*source));
    enum tyto_err err = TYTO_ERR_NOMEM;
    if (source) {
        source->options = options;
        err = run(name, source, sink, &fault);
        tyto_feed_close(&source->feed);
        tyto_pictures_close(&source->pictures);
        explicit_bzero(source, sizeof(*source));
        free(source);
    }
    sink->destroy(sink->self, LINGER_MS);
    return err ? tyto_bridge_fail(name, &fault, err) : 0;
}
