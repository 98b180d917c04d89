/* SPDX-License-Identifier: MIT */
/* tyto status: how a running tytod is. tyto model push: another head for it. Both ask through its
 * control socket. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/fault.h"
#include "cli/common/options.h"
#include "cli/events/events.h"
#include "client/control/ask.h"
#include "model/cman/weights.h"

struct ask_options {
    char *socket;
    bool is_json, wants_config, wants_metrics, goes_back;
};

#define AT(field) TYTO_OPTION_AT(struct ask_options, field)
static const struct tyto_option rows[] = {
    {.key = "socket",
     .type = TYTO_OPTION_TEXT,
     AT(socket),
     .value = "PATH",
     .absent = "in the user's run-time folder, else /run/tyto/control.sock",
     .help = "tytod's control socket"},
    {.key = "json", .type = TYTO_OPTION_FLAG, AT(is_json), .help = "the answer as tytod gives it"},
};
static const struct tyto_option status_rows[] = {
    {.key = "config",
     .type = TYTO_OPTION_FLAG,
     AT(wants_config),
     .help = "the configuration that it runs with instead, defaults included, as JSON"},
    {.key = "metrics",
     .type = TYTO_OPTION_FLAG,
     AT(wants_metrics),
     .help = "its figures instead, as Prometheus reads them"},
};
static const struct tyto_option push_rows[] = {
    {.key = "back",
     .type = TYTO_OPTION_FLAG,
     AT(goes_back),
     .help = "no file: the model that served before the last push; a second time undoes that"},
};
static const struct tyto_option_group push_groups[] = {
    {.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    {.rows = push_rows, .num_rows = TYTO_NUM_ROWS(push_rows)},
};
static const struct tyto_option_group groups[] = {
    {.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    {.rows = status_rows, .num_rows = TYTO_NUM_ROWS(status_rows)},
};
static const struct tyto_command_argument push_arguments[] = {
    {"FILE", "the model; checked here first, then by tytod, which must be able to read it"},
    {NULL, NULL}};

const struct tyto_command tyto_command_status = {
    .name = "tyto status",
    .summary = "how a running tytod is",
    .usage = "tyto status [--socket PATH] [--json] [--config|--metrics]",
    .groups = groups,
    .num_groups = 2,
    .examples = "tyto status\n"
                "tyto status --json | jq .model.digest\n"
                "tyto status --config | jq .config.tracker\n",
    .target_bytes = sizeof(struct ask_options),
};

const struct tyto_command tyto_command_model_push = {
    .name = "tyto model push",
    .summary = "change the model of a running tytod; no segment is lost",
    .usage = "tyto model push FILE.safetensors [--socket PATH] [--json]\n"
             "tyto model push --back [--socket PATH] [--json]",
    .arguments = push_arguments,
    .groups = push_groups,
    .num_groups = 2,
    .notes =
        "tytod checks the model against its encoders and the configuration, tries it beside the "
        "old one, and goes on with the old one when anything is wrong. Open events of classes "
        "that both know go on. tytod keeps a copy in its folder for state and starts with it from "
        "then on, until another one is pushed or the file that its configuration names is another "
        "one.",
    .examples = "tyto model push runs/7/model.safetensors\n"
                "tyto model push model.safetensors --socket /run/tyto/control.sock --json\n"
                "tyto model push --back\n",
    .target_bytes = sizeof(struct ask_options),
};

enum { GO_ON = -1, FAILED = 1 };

static int fault_error(const char *name, const struct tyto_fault *fault)
{
    tyto_fault_tell(name, fault, TYTO_ERR_INTERNAL);
    return FAILED;
}

/* Asks, and prints the answer where that is wanted as it is or is a refusal. GO_ON with *ret_answer
 * owned, or the exit status. Takes request. */
static int ask(const char *name, const struct ask_options *options, struct tyto_json *request,
               struct tyto_json **ret_answer)
{
    struct tyto_json *answer = NULL;
    struct tyto_fault fault = {.text = ""};
    const enum tyto_err err = tyto_ask_daemon(options->socket, request, &answer, &fault);
    tyto_json_destroy(&request);
    if (err)
        return fault_error(name, &fault);
    bool ok = false;
    (void)tyto_json_bool(tyto_json_get(answer, "ok"), &ok);
    char *text = options->is_json ? tyto_json_print(answer) : NULL;
    if (text)
        printf("%s\n", text);
    free(text);
    if (!ok) {
        const char *reason = tyto_json_string(tyto_json_get(answer, "text"));
        fprintf(stderr, "tyto %s: tytod refuses: %s\n", name, reason ? reason : "without a reason");
    }
    if (!ok || options->is_json) {
        tyto_json_destroy(&answer);
        return ok ? 0 : FAILED;
    }
    *ret_answer = answer;
    return GO_ON;
}

static unsigned long long number_of(const struct tyto_json *json, const char *key)
{
    uint64_t value = 0;
    (void)tyto_json_u64(tyto_json_get(json, key), &value);
    return value;
}

static double real_of(const struct tyto_json *json, const char *key)
{
    double value = 0;
    (void)tyto_json_f64(tyto_json_get(json, key), &value);
    return value;
}

static const char *text_of(const struct tyto_json *json, const char *key)
{
    const char *text = tyto_json_string(tyto_json_get(json, key));
    return text ? text : "";
}

static void print_names(const char *before, const struct tyto_json *names)
{
    for (uint32_t i = 0; i < tyto_json_num_items(names); i++) {
        const char *name = tyto_json_string(tyto_json_at(names, i));
        printf("%s%s", i == 0 ? before : ", ", name ? name : "?");
    }
}

/* One line below a camera's, where it says anything. */
static void print_alignment(const struct tyto_json *alignment)
{
    const char *status = text_of(alignment, "status");
    if (!alignment || !status[0])
        return;
    printf("  %-16s sound and picture: ", "");
    if (tyto_json_get(alignment, "offset_ms"))
        printf("%+.0f ms (%+.0f to %+.0f), confidence %.4f", real_of(alignment, "offset_ms"),
               real_of(alignment, "low_ms"), real_of(alignment, "high_ms"),
               real_of(alignment, "confidence"));
    else
        printf("%s, %.0f s of evidence", status, real_of(alignment, "evidence_s"));
    if (tyto_json_get(alignment, "drift_ppm"))
        printf(", drift %+.0f ppm", real_of(alignment, "drift_ppm"));
    printf("; %+.0f ms applied\n", real_of(alignment, "applied_ms"));
}

/* --- status --------------------------------------------------------------------------------------
 */

/* What there is to say of reloads. */
static void print_config(const struct tyto_json *config)
{
    const struct tyto_json *keys = tyto_json_get(config, "needs_restart");
    if (number_of(config, "generation") > 1)
        printf("configuration %llu\n", number_of(config, "generation"));
    print_names("needs a restart: ", keys);
    if (tyto_json_num_items(keys) > 0)
        printf("\n");
    if (!text_of(config, "error")[0])
        return;
    printf("the last reload was refused: %s", text_of(config, "file"));
    if (number_of(config, "line") > 0)
        printf(":%llu", number_of(config, "line"));
    const char *key = text_of(config, "key");
    printf("%s%s: %s\n", key[0] ? ": " : "", key, text_of(config, "error"));
}

static void print_status(const struct tyto_json *answer)
{
    const struct tyto_json *model = tyto_json_get(answer, "model");
    const struct tyto_json *cameras = tyto_json_get(answer, "cameras");
    const unsigned long long seconds = number_of(answer, "uptime_s");
    printf("tytod %s, process %llu, up %llu:%02llu:%02llu\n", text_of(answer, "version"),
           number_of(answer, "pid"), seconds / 3600, seconds / 60 % 60, seconds % 60);
    printf("model %.12s (%s), on %s\n", text_of(model, "digest"), text_of(model, "path"),
           text_of(model, "device"));
    print_config(tyto_json_get(answer, "config"));
    print_names("classes: ", tyto_json_get(model, "classes"));
    printf("\n%llu segments in %llu batches, %llu messages of events, %llu published, %llu lost, "
           "%llu models so far\n",
           number_of(answer, "segments"), number_of(answer, "batches"), number_of(answer, "events"),
           number_of(answer, "messages"), number_of(answer, "messages_lost"),
           number_of(answer, "heads"));
    if (number_of(answer, "abandoned") > 0)
        printf("%llu pipelines did not stop in time, %llu of them hang\n",
               number_of(answer, "abandoned"), number_of(answer, "hanging"));
    for (uint32_t i = 0; i < tyto_json_num_items(cameras); i++) {
        const struct tyto_json *camera = tyto_json_at(cameras, i);
        printf("  %-16s %-10s %8llu segments %6llu dropped %4llu times lost  %s\n",
               text_of(camera, "id"), text_of(camera, "status"), number_of(camera, "segments"),
               number_of(camera, "dropped"), number_of(camera, "losses"), text_of(camera, "text"));
        print_alignment(tyto_json_get(camera, "alignment"));
    }
}

int tyto_cmd_status(int argc, char **argv)
{
    struct ask_options options = {0};
    struct tyto_json *answer = NULL;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_status, argc, argv, &options, &num_arguments, &status)) {
        struct tyto_json *request = tyto_json_new_object();
        options.is_json |= options.wants_config;
        const char *command = options.wants_config ? "config" : "status";
        if (options.wants_metrics)
            command = "metrics";
        (void)tyto_json_set(request, "command", tyto_json_new_string(command));
        status = GO_ON;
        if (num_arguments > 0)
            status = tyto_options_complain(&tyto_command_status, "takes no file");
        else if (options.wants_metrics && options.wants_config)
            status = tyto_options_complain(&tyto_command_status,
                                           "--config and --metrics are two questions");
        if (status == GO_ON)
            status = ask("status", &options, request, &answer);
        else
            tyto_json_destroy(&request);
    }
    if (status == GO_ON) {
        if (options.wants_metrics)
            fputs(text_of(answer, "metrics"), stdout);
        else
            print_status(answer);
        status = 0;
    }
    tyto_json_destroy(&answer);
    tyto_command_finish(&tyto_command_status, &options);
    return status;
}

/* --- push ----------------------------------------------------------------------------------------
 */

static void print_push(const struct tyto_json *answer)
{
    bool is_same = false, is_kept = false;
    (void)tyto_json_bool(tyto_json_get(answer, "same"), &is_same);
    if (is_same) {
        printf("%.12s serves already\n", text_of(answer, "digest"));
        return;
    }
    printf("%.12s serves in place of %.12s, after %.0f ms (%.1f ms without a batch)\n",
           text_of(answer, "digest"), text_of(answer, "old_digest"), real_of(answer, "took_ms"),
           real_of(answer, "stop_ms"));
    printf("%llu classes", number_of(answer, "num_classes"));
    print_names("; new: ", tyto_json_get(answer, "added"));
    print_names("; gone: ", tyto_json_get(answer, "removed"));
    printf("\n%llu open events go on, %llu ended\n", number_of(answer, "events_went_on"),
           number_of(answer, "events_ended"));
    (void)tyto_json_bool(tyto_json_get(answer, "kept"), &is_kept);
    if (is_kept)
        printf("tytod starts with it from now on (tyto model push --back takes it back)\n");
    else
        printf("it could not be kept: at its next start tytod reads %s; copy the model there\n",
               text_of(answer, "starts_with"));
}

/* What the file alone can tell, before tytod is bothered. */
static enum tyto_err check_head(const char *path, struct tyto_fault *ret_fault)
{
    struct tyto_cman_weights weights;
    const enum tyto_err err = tyto_cman_weights_load(path, &weights, ret_fault);
    tyto_cman_weights_finish(&weights);
    return err;
}

/* file NULL: the one before. */
static int push(const struct ask_options *options, const char *file)
{
    struct tyto_fault fault = {.text = ""};
    struct tyto_json *answer = NULL;
    if (file && check_head(file, &fault) != TYTO_OK)
        return fault_error("model push", &fault);
    char *path = file ? realpath(file, NULL) : NULL;
    if (file && !path)
        return tyto_options_complain(&tyto_command_model_push, "the file's place cannot be told");
    struct tyto_json *request = tyto_json_new_object();
    (void)tyto_json_set(request, "command", tyto_json_new_string("swap"));
    if (path)
        (void)tyto_json_set(request, "path", tyto_json_new_string(path));
    else
        (void)tyto_json_set(request, "back", tyto_json_new_bool(true));
    int status = ask("model push", options, request, &answer);
    if (status == GO_ON) {
        print_push(answer);
        tyto_json_destroy(&answer);
        status = 0;
    }
    free(path);
    return status;
}

int tyto_cmd_model_push(int argc, char **argv)
{
    struct ask_options options = {0};
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_model_push, argc, argv, &options, &num_arguments, &status))
        status = num_arguments == (options.goes_back ? 0 : 1)
                     ? push(&options, options.goes_back ? NULL : argv[1])
                     : tyto_options_complain(&tyto_command_model_push,
                                             "needs one file, or --back and none");
    tyto_command_finish(&tyto_command_model_push, &options);
    return status;
}
