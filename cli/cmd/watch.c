/* SPDX-License-Identifier: MIT */
/* tyto watch: what a running tytod publishes, live. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/paths.h"
#include "cli/cmd/cmd.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/event/json.h"
#include "cli/event/line.h"
#include "client/tyto.h"

static const char help[] =
    "tyto watch: show what a running tytod sees and hears.\n\n"
    "usage: tyto watch [ENDPOINT] [OPTION...]\n\n"
    "  ENDPOINT            where tytod publishes (default " TYTO_CLIENT_DEFAULT_ENDPOINT ");\n"
    "                      'ipc' means the socket file in the user's run-time folder\n"
    "  --camera ID         only this camera; may be given again\n"
    "  --class NAME        only this class; may be given again\n"
    "  --json              JSON lines instead of readable ones\n"
    "  --segments          with --json: the scores of each segment of an event\n"
    "  --map               the place map below NEW and END\n"
    "  --updates           show UPDATE messages, too\n"
    "  --count N           exit after N ended events\n"
    "  --exit-after S      exit after S seconds (status 1 if --count was not reached)\n"
    "  --color WHEN        auto (default), always, never\n"
    "  --ascii             no block characters\n"
    "  --help              this text\n\n"
    "In the lines, heard and seen are how sure tytod is that the class is in the sound and in\n"
    "the picture. Lost messages and a silent daemon are told in red.\n\n"
    "examples:\n"
    "  tyto watch\n"
    "  tyto watch --camera front-door --class dog\n"
    "  tyto watch --json --count 1 | jq .scores\n";

struct watch {
    struct tyto_client_params params;
    const char *cameras[TYTO_CLIENT_MAX_CAMERAS];
    const char *classes[TYTO_CLIENT_MAX_CLASSES];
    struct tyto_line_style style;
    bool is_json, with_segments, with_updates;
    uint64_t max_count;     /* 0: no end */
    uint64_t exit_after_ns; /* 0: never */
    uint64_t num_ended;
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
    if (err != TYTO_OK) {
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
        if (err == TYTO_OK)
            put_message(watch, &message);
        else if (err != TYTO_ERR_TIMEOUT)
            break;
        is_late =
            watch->exit_after_ns > 0 && tyto_clock_mono_ns() - begin_ns >= watch->exit_after_ns;
    }
    tyto_client_destroy(&client);
    if (err != TYTO_OK && err != TYTO_ERR_TIMEOUT) {
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

static int complain(const char *option, const char *value)
{
    fprintf(stderr, "tyto watch: %s cannot be '%s'. See tyto watch --help.\n", option, value);
    return 2;
}

enum { OPT_COLOR = 256, OPT_ASCII, OPT_SEGMENTS, OPT_COUNT, OPT_EXIT_AFTER, OPT_MAP, OPT_UPDATES };

/* 0, or the exit status of wrong usage. */
static int take_option(struct watch *watch, int opt, const char *value)
{
    double number = 0.0;
    switch (opt) {
    case 'c':
        if (!tyto_id_is_valid(value) || watch->params.num_cameras == TYTO_CLIENT_MAX_CAMERAS)
            return complain("--camera", value);
        watch->cameras[watch->params.num_cameras++] = value;
        return 0;
    case 'k':
        if (!tyto_id_is_valid(value) || watch->params.num_classes == TYTO_CLIENT_MAX_CLASSES)
            return complain("--class", value);
        watch->classes[watch->params.num_classes++] = value;
        return 0;
    case 'j':
        watch->is_json = true;
        return 0;
    case OPT_SEGMENTS:
        watch->with_segments = true;
        return 0;
    case OPT_MAP:
        watch->style.map = true;
        return 0;
    case OPT_UPDATES:
        watch->with_updates = true;
        return 0;
    case OPT_ASCII:
        watch->style.ascii = true;
        return 0;
    case OPT_COUNT:
        return tyto_option_count("watch", "count", value, 1, 1000000000, &watch->max_count) ? 0 : 2;
    case OPT_EXIT_AFTER:
        if (!tyto_option_number("watch", "exit-after", value, 1e-3, 1e9, &number))
            return 2;
        watch->exit_after_ns = (uint64_t)(number * (double)TYTO_NS_PER_S);
        return 0;
    case OPT_COLOR:
        if (strcmp(value, "always") != 0 && strcmp(value, "never") != 0 &&
            strcmp(value, "auto") != 0)
            return complain("--color", value);
        if (value[1] != 'u') /* not auto */
            watch->style.color = value[0] == 'a';
        return 0;
    default:
        fputs("See tyto watch --help.\n", stderr);
        return 2;
    }
}

int tyto_cmd_watch(int argc, char **argv)
{
    static const struct option options[] = {
        {"camera", required_argument, NULL, 'c'},
        {"class", required_argument, NULL, 'k'},
        {"json", no_argument, NULL, 'j'},
        {"segments", no_argument, NULL, OPT_SEGMENTS},
        {"map", no_argument, NULL, OPT_MAP},
        {"updates", no_argument, NULL, OPT_UPDATES},
        {"count", required_argument, NULL, OPT_COUNT},
        {"exit-after", required_argument, NULL, OPT_EXIT_AFTER},
        {"color", required_argument, NULL, OPT_COLOR},
        {"ascii", no_argument, NULL, OPT_ASCII},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static struct watch watch;
    watch.style.color = isatty(STDOUT_FILENO);
    optind = 0;
    for (int opt; (opt = getopt_long(argc, argv, "c:k:jh", options, NULL)) != -1;) {
        if (opt == 'h') {
            fputs(help, stdout);
            return 0;
        }
        const int status = take_option(&watch, opt, optarg);
        if (status != 0)
            return status;
    }
    static char ipc_endpoint[128];
    if (optind < argc)
        watch.params.endpoint = argv[optind++];
    if (watch.params.endpoint && strcmp(watch.params.endpoint, "ipc") == 0) {
        char path[100]; /* as tytod --endpoint ipc does */
        if (!tyto_paths_meeting("events.sock", path, sizeof(path)))
            (void)tyto_paths_system("events.sock", path, sizeof(path));
        snprintf(ipc_endpoint, sizeof(ipc_endpoint), "ipc://%s", path);
        watch.params.endpoint = ipc_endpoint;
    }
    if (optind < argc) {
        fprintf(stderr, "tyto watch: one endpoint is enough; what is '%s'?\n", argv[optind]);
        return 2;
    }
    watch.params.cameras = watch.cameras;
    watch.params.classes = watch.classes;
    return run(&watch);
}
