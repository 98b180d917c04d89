/* SPDX-License-Identifier: MIT */
/* tyto watch: what a running tytod publishes, live. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/paths.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/event/json.h"
#include "cli/event/line.h"
#include "cli/events/events.h"
#include "client/tyto.h"
#include "files/key_file.h"
#include "pipeline/track/options.h"

struct watch {
    struct tyto_client_params params;
    struct tyto_texts cameras, classes;
    struct tyto_line_style style;
    enum tyto_color color;
    char *server_key, *key; /* files */
    bool is_json, with_segments, with_updates;
    uint64_t max_count;    /* 0: no end */
    int64_t exit_after_ns; /* 0: never */
    uint64_t num_ended;
};

#define NEVER_LIST(X) X(0, "never", NULL)
/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct watch, field)
static const struct tyto_option rows[] = {
    {.key = "camera", .letter = 'c', .type = TYTO_OPTION_TEXTS, AT(cameras),
     .max = TYTO_CLIENT_MAX_CAMERAS, .value = "ID", .absent = "all", .check = tyto_option_check_id,
     .help = "only this camera; may be given again"},
    {.key = "class", .letter = 'k', .type = TYTO_OPTION_TEXTS, AT(classes),
     .max = TYTO_CLIENT_MAX_CLASSES, .value = "NAME", .absent = "all", .check = tyto_option_check_id,
     .help = "only this class; may be given again"},
    {.key = "json", .letter = 'j', .type = TYTO_OPTION_FLAG, AT(is_json),
     .help = "JSON lines instead of readable ones"},
    {.key = "segments", .type = TYTO_OPTION_FLAG, AT(with_segments),
     .help = "with --json: the scores of each segment of an event"},
    {.key = "map", .type = TYTO_OPTION_FLAG, AT(style.map),
     .help = "the place map below NEW and END"},
    {.key = "updates", .type = TYTO_OPTION_FLAG, AT(with_updates),
     .help = "show UPDATE messages, too"},
    {.key = "count", .type = TYTO_OPTION_U64, AT(max_count), .min = 1, .max = 1e9,
     .words = TYTO_WORDS(NEVER_LIST), .help = "exit after so many ended events"},
    {.key = "exit_after", .type = TYTO_OPTION_TIME, AT(exit_after_ns), .min = 1e-3, .max = 1e9,
     .unit = "s", .words = TYTO_WORDS(NEVER_LIST),
     .help = "exit after so many seconds (status 1 if --count was not reached)"},
    {.key = "server_key", .type = TYTO_OPTION_TEXT, AT(server_key), .value = "FILE",
     .absent = "no keys", .help = "tytod's public key, where it asks for keys"},
    {.key = "key", .type = TYTO_OPTION_TEXT, AT(key), .value = "FILE", .absent = "no keys",
     .help = "your secret key; tytod knows you by the public one (tyto keygen)"},
    {.key = "color", .type = TYTO_OPTION_WORD, AT(color), .words = TYTO_WORDS(TYTO_COLOR_LIST),
     .help = "coloured lines"},
    {.key = "ascii", .type = TYTO_OPTION_FLAG, AT(style.ascii), .help = "no block characters"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {{.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)}};
static const struct tyto_command_argument arguments[] = {
    {"ENDPOINT", "where tytod publishes (default: " TYTO_CLIENT_DEFAULT_ENDPOINT
                 "); 'ipc' means the socket file in the user's run-time folder"},
    {NULL, NULL}};

const struct tyto_command tyto_command_watch = {
    .name = "tyto watch",
    .summary = "show what a running tytod sees and hears",
    .usage = "tyto watch [ENDPOINT] [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = 1,
    .notes =
        "In the lines, heard and seen are how sure tytod is that the class is in the sound and "
        "in the picture. Lost messages and a silent daemon are told in red.",
    .examples = "tyto watch\n"
                "tyto watch --camera front-door --class dog\n"
                "tyto watch --json --count 1 | jq .scores\n",
    .target_bytes = sizeof(struct watch),
};

static void put_json_model(struct tyto_json *json, const struct tyto_model_state *model)
{
    struct tyto_json *names = tyto_json_new_array();
    const bool is_rejected = model->outcome == TYTO_MODEL_OUTCOME_REJECTED;
    for (uint32_t i = 0; i < model->num_names; i++)
        (void)tyto_json_append(names, tyto_json_new_string(model->class_names[i]));
    tyto_json_set(json, "digest", tyto_json_new_string(model->digest));
    tyto_json_set(json, "outcome", tyto_json_new_string(is_rejected ? "rejected" : "loaded"));
    tyto_json_set(json, "previous_digest", tyto_json_new_string(model->previous_digest));
    tyto_json_set(json, "text", tyto_json_new_string(model->text));
    tyto_json_set(json, "device", tyto_json_new_string(model->device));
    tyto_json_set(json, "exec", tyto_json_new_string(model->exec));
    tyto_json_set(json, "num_classes", tyto_json_new_u64(model->num_classes));
    tyto_json_set(json, "classes", names);
}

static void put_json_notice(const char *type, const struct tyto_message *message)
{
    struct tyto_json *json = tyto_json_new_object();
    char utc[48];
    tyto_utc_text((int64_t)tyto_clock_unix_ns(), utc, sizeof(utc));
    tyto_json_set(json, "type", tyto_json_new_string(type));
    tyto_json_set(json, "utc", tyto_json_new_string(utc));
    if (message->kind == TYTO_MESSAGE_LOST)
        tyto_json_set(json, "num", tyto_json_new_u64(message->num_lost));
    if (message->kind == TYTO_MESSAGE_REFUSED)
        tyto_json_set(json, "text", tyto_json_new_string(tyto_refusal_text(message->refusal)));
    if (message->kind == TYTO_MESSAGE_CONNECTED && message->has_hello)
        tyto_json_set(json, "version", tyto_json_new_string(message->u.hello.version));
    if (message->kind == TYTO_MESSAGE_MODEL_STATE)
        put_json_model(json, &message->u.model_state);
    (void)tyto_json_put_line(&json);
}

static void put_model(const struct tyto_model_state *model, char *ret_text, size_t text_bytes)
{
    if (model->outcome == TYTO_MODEL_OUTCOME_REJECTED)
        snprintf(ret_text, text_bytes, "a model was refused, %.12s goes on: %s", model->digest,
                 model->text);
    else if (model->previous_digest[0])
        snprintf(ret_text, text_bytes, "model %.12s has taken over from %.12s, %u classes",
                 model->digest, model->previous_digest, model->num_classes);
    else
        snprintf(ret_text, text_bytes, "model %.12s, %u classes, %s on %s", model->digest,
                 model->num_classes, model->exec, model->device);
}

static void put_notice(const struct watch *watch, const struct tyto_message *message)
{
    char text[512] = "";
    const char *type = "";
    bool is_bad = false;
    const struct tyto_model_state *model = &message->u.model_state;
    switch (message->kind) {
    case TYTO_MESSAGE_CONNECTED:
        type = "connected";
        snprintf(text, sizeof(text), "connected%s%s", message->has_hello ? " to tytod " : "",
                 message->has_hello ? message->u.hello.version : "");
        break;
    case TYTO_MESSAGE_LOST:
        type = "lost";
        is_bad = true;
        snprintf(text, sizeof(text), "%llu messages lost: this reader is too slow",
                 (unsigned long long)message->num_lost);
        break;
    case TYTO_MESSAGE_SILENT:
        type = "silent";
        is_bad = true;
        snprintf(text, sizeof(text), "no heartbeat from tytod: stopped, or unreachable");
        break;
    case TYTO_MESSAGE_ALIVE:
        type = "alive";
        snprintf(text, sizeof(text), "tytod is back");
        break;
    case TYTO_MESSAGE_RESTARTED:
        type = "restarted";
        snprintf(text, sizeof(text), "tytod was restarted; events in between are not known");
        break;
    case TYTO_MESSAGE_REFUSED:
        type = "refused";
        is_bad = true;
        snprintf(text, sizeof(text), "%s; tried again", tyto_refusal_text(message->refusal));
        break;
    case TYTO_MESSAGE_MODEL_STATE:
        type = "model";
        put_model(model, text, sizeof(text));
        is_bad = model->outcome == TYTO_MODEL_OUTCOME_REJECTED;
        break;
    case TYTO_MESSAGE_EVENT:
    case TYTO_MESSAGE_CAMERA_STATE:
    case TYTO_MESSAGE_DEBUG_SCORES:
        return;
    }
    if (watch->is_json)
        put_json_notice(type, message);
    else
        tyto_line_notice(&watch->style, is_bad, (int64_t)tyto_clock_unix_ns(), text, stdout);
}

static void put_event(struct watch *watch, const struct tyto_message *message)
{
    const struct tyto_event *event = &message->u.event;
    if (event->phase == TYTO_EVENT_PHASE_END)
        watch->num_ended++;
    if (event->phase == TYTO_EVENT_PHASE_UPDATE && !watch->with_updates && !watch->is_json)
        return;
    if (!watch->is_json) {
        tyto_line_event(&watch->style, event, (int64_t)tyto_clock_unix_ns(), stdout);
        return;
    }
    struct tyto_json *json = tyto_event_to_json(event, watch->with_segments);
    if (json) {
        char utc[48];
        tyto_utc_text(message->publish_unix_ns, utc, sizeof(utc));
        tyto_json_set(json, "told_utc", tyto_json_new_string(utc));
        tyto_json_set(json, "seq", tyto_json_new_u64(message->seq));
        (void)tyto_json_put_line(&json);
    }
}

static void put_message(struct watch *watch, const struct tyto_message *message)
{
    if (message->kind == TYTO_MESSAGE_EVENT) {
        put_event(watch, message);
    } else if (message->kind == TYTO_MESSAGE_CAMERA_STATE && watch->is_json) {
        struct tyto_json *json = tyto_camera_state_to_json(&message->u.camera_state);
        if (json)
            (void)tyto_json_put_line(&json);
    } else if (message->kind == TYTO_MESSAGE_CAMERA_STATE) {
        tyto_line_camera(&watch->style, &message->u.camera_state, (int64_t)tyto_clock_unix_ns(),
                         stdout);
    } else {
        put_notice(watch, message);
    }
    (void)fflush(stdout);
}

static int run(struct watch *watch)
{
    struct tyto_client *client = NULL;
    enum tyto_err err = tyto_client_create(&watch->params, &client);
    const char *endpoint =
        watch->params.endpoint ? watch->params.endpoint : TYTO_CLIENT_DEFAULT_ENDPOINT;
    if (err) {
        fprintf(stderr, "tyto watch: cannot watch %s: %s\n", endpoint, tyto_err_text(err));
        return err == TYTO_ERR_INVALID ? 2 : 1;
    }
    tyto_interrupt_catch(0);
    fprintf(stderr, "waiting for tytod at %s\n", endpoint);
    if (!watch->is_json)
        tyto_line_head(&watch->style, stdout);
    (void)fflush(stdout);
    const uint64_t begin_ns = tyto_clock_mono_ns();
    bool is_late = false;
    while (!tyto_interrupt_came() && !is_late && !ferror(stdout) &&
           (watch->max_count == 0 || watch->num_ended < watch->max_count)) {
        static struct tyto_message message;
        err = tyto_client_next(client, 100, &message);
        if (!err)
            put_message(watch, &message);
        else if (err != TYTO_ERR_TIMEOUT)
            break;
        is_late = watch->exit_after_ns > 0 &&
                  tyto_clock_mono_ns() - begin_ns >= (uint64_t)watch->exit_after_ns;
    }
    tyto_client_destroy(&client);
    if (err && err != TYTO_ERR_TIMEOUT) {
        fprintf(stderr, "tyto watch: %s\n", tyto_err_text(err));
        return 1;
    }
    if (watch->max_count > 0 && watch->num_ended < watch->max_count && !tyto_interrupt_came()) {
        fprintf(stderr, "tyto watch: only %llu of %llu events ended in time\n",
                (unsigned long long)watch->num_ended, (unsigned long long)watch->max_count);
        return 1;
    }
    return 0;
}

/* 'ipc' in full, as tytod's --endpoint has it. */
static const char *expand_endpoint(const char *endpoint)
{
    static char text[128];
    char path[100];
    if (strcmp(endpoint, "ipc") != 0)
        return endpoint;
    if (!tyto_paths_meeting("events.sock", path, sizeof(path)))
        (void)tyto_paths_system("events.sock", path, sizeof(path));
    snprintf(text, sizeof(text), "ipc://%s", path);
    return text;
}

/* False: told why. */
static bool read_keys(struct watch *watch)
{
    static char server_key[TYTO_KEY_CHARS + 1], key[TYTO_KEY_CHARS + 1];
    struct tyto_fault fault = {.text = ""};
    if (!watch->server_key && !watch->key)
        return true;
    enum tyto_err err = TYTO_OK;
    if (!watch->server_key || !watch->key)
        err = tyto_fault_set(&fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                             "--server-key and --key belong together");
    if (!err)
        err = tyto_key_file_read(watch->server_key, false, server_key, &fault);
    if (!err)
        err = tyto_key_file_read(watch->key, true, key, &fault);
    if (err) {
        tyto_fault_tell("watch", &fault, err);
        return false;
    }
    watch->params.server_key = server_key;
    watch->params.secret_key = key;
    return true;
}

int tyto_cmd_watch(int argc, char **argv)
{
    static struct watch watch;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_watch, argc, argv, &watch, &num_arguments, &status)) {
        watch.style.color = tyto_color_is_wanted(watch.color);
        watch.params.endpoint = num_arguments > 0 ? expand_endpoint(argv[1]) : NULL;
        watch.params.cameras = (const char *const *)watch.cameras.texts;
        watch.params.num_cameras = watch.cameras.num;
        watch.params.classes = (const char *const *)watch.classes.texts;
        watch.params.num_classes = watch.classes.num;
        if (num_arguments > 1)
            status = tyto_options_complain(&tyto_command_watch, "one endpoint is enough");
        else
            status = read_keys(&watch) ? run(&watch) : 1;
    }
    tyto_command_finish(&tyto_command_watch, &watch);
    return status;
}
