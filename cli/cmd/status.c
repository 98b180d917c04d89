/* SPDX-License-Identifier: MIT */
/* tyto status: how a running tytod is. tyto model push: another head for it. Both ask through its
 * control socket. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd/cmd.h"
#include "cli/common/ask.h"
#include "cli/common/fault.h"
#include "model/cman/weights.h"

static const char status_help[] =
    "tyto status: how a running tytod is.\n\n"
    "usage: tyto status [--socket PATH] [--json]\n\n"
    "  --socket PATH   tytod's control socket (default: in the user's run-time folder, else\n"
    "                  /run/tyto/control.sock)\n"
    "  --json          the answer as tytod gives it\n"
    "  --help          this text\n\n"
    "examples:\n"
    "  tyto status\n"
    "  tyto status --json | jq .model.digest\n";

static const char push_help[] =
    "tyto model push: change the head of a running tytod; no segment is lost.\n\n"
    "usage: tyto model push FILE.safetensors [--socket PATH] [--json]\n\n"
    "  FILE            the head; checked here first, then by tytod, which must be able to read it\n"
    "  --socket PATH   tytod's control socket (default: in the user's run-time folder, else\n"
    "                  /run/tyto/control.sock)\n"
    "  --json          the answer as tytod gives it\n"
    "  --help          this text\n\n"
    "tytod checks the head against its encoders and the configuration, tries it beside the old\n"
    "one, and goes on with the old one when anything is wrong. Open events of classes that both\n"
    "know go on. At its next start tytod reads the head of its configuration again.\n\n"
    "examples:\n"
    "  tyto model push runs/7/model.safetensors\n"
    "  tyto model push model.safetensors --socket /run/tyto/control.sock --json\n";

struct ask_options {
    const char *socket;
    const char *file; /* NULL where none is taken */
    bool is_json;
};

enum { GO_ON = -1, FAILED = 1, WRONG_USAGE = 2 };

static int complain(const char *name, const char *text)
{
    fprintf(stderr, "tyto %s: %s; see tyto %s --help\n", name, text, name);
    return WRONG_USAGE;
}

static int fault_error(const char *name, const struct tyto_fault *fault)
{
    tyto_fault_tell(name, fault, TYTO_ERR_INTERNAL);
    return FAILED;
}

/* GO_ON, or the exit status. */
static int read_options(int argc, char **argv, const char *name, const char *help,
                        struct ask_options *ret_options)
{
    static const struct option options[] = {{"socket", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const bool takes_file = ret_options->file != NULL;
    opterr = 0;
    optind = 0;
    for (int opt; (opt = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (opt == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (opt == '?')
            return complain(name, "unknown option, or its value is missing");
        if (opt == 's')
            ret_options->socket = optarg;
        else
            ret_options->is_json = true;
    }
    if (argc - optind != takes_file)
        return complain(name, takes_file ? "needs one file" : "takes no file");
    ret_options->file = takes_file ? argv[optind] : NULL;
    return GO_ON;
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
    if (err != TYTO_OK)
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

/* --- status --------------------------------------------------------------------------------------
 */

static void print_status(const struct tyto_json *answer)
{
    const struct tyto_json *model = tyto_json_get(answer, "model");
    const struct tyto_json *cameras = tyto_json_get(answer, "cameras");
    const unsigned long long seconds = number_of(answer, "uptime_s");
    printf("tytod %s, process %llu, up %llu:%02llu:%02llu\n", text_of(answer, "version"),
           number_of(answer, "pid"), seconds / 3600, seconds / 60 % 60, seconds % 60);
    printf("head %.12s (%s), on %s\n", text_of(model, "digest"), text_of(model, "path"),
           text_of(model, "device"));
    print_names("classes: ", tyto_json_get(model, "classes"));
    printf("\n%llu segments in %llu batches, %llu messages of events, %llu published, %llu lost, "
           "%llu heads so far\n",
           number_of(answer, "segments"), number_of(answer, "batches"), number_of(answer, "events"),
           number_of(answer, "messages"), number_of(answer, "messages_lost"),
           number_of(answer, "heads"));
    for (uint32_t i = 0; i < tyto_json_num_items(cameras); i++) {
        const struct tyto_json *camera = tyto_json_at(cameras, i);
        printf("  %-16s %-10s %8llu segments %6llu dropped %4llu times lost  %s\n",
               text_of(camera, "id"), text_of(camera, "status"), number_of(camera, "segments"),
               number_of(camera, "dropped"), number_of(camera, "losses"), text_of(camera, "text"));
    }
}

int tyto_cmd_status(int argc, char **argv)
{
    struct ask_options options = {.file = NULL};
    struct tyto_json *answer = NULL;
    int status = read_options(argc, argv, "status", status_help, &options);
    if (status != GO_ON)
        return status;
    struct tyto_json *request = tyto_json_new_object();
    (void)tyto_json_set(request, "command", tyto_json_new_string("status"));
    status = ask("status", &options, request, &answer);
    if (status != GO_ON)
        return status;
    print_status(answer);
    tyto_json_destroy(&answer);
    return 0;
}

/* --- push ----------------------------------------------------------------------------------------
 */

static void print_push(const struct tyto_json *answer, const char *path)
{
    bool is_same = false;
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
    if (strcmp(text_of(answer, "starts_with"), path) != 0)
        printf("at its next start tytod reads %s: copy the head there to keep it\n",
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

int tyto_cmd_model_push(int argc, char **argv)
{
    struct ask_options options = {.file = ""};
    struct tyto_fault fault = {.text = ""};
    struct tyto_json *answer = NULL;
    int status = read_options(argc, argv, "model push", push_help, &options);
    if (status != GO_ON)
        return status;
    if (check_head(options.file, &fault) != TYTO_OK)
        return fault_error("model push", &fault);
    char *path = realpath(options.file, NULL);
    if (!path)
        return complain("model push", "the file's place cannot be told");
    struct tyto_json *request = tyto_json_new_object();
    (void)tyto_json_set(request, "command", tyto_json_new_string("swap"));
    (void)tyto_json_set(request, "path", tyto_json_new_string(path));
    status = ask("model push", &options, request, &answer);
    if (status == GO_ON) {
        print_push(answer, path);
        tyto_json_destroy(&answer);
        status = 0;
    }
    free(path);
    return status;
}
