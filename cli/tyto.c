/* SPDX-License-Identifier: MIT */
/* tyto: everything a person types, by sub-command. */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/standard_fds.h"
#include "cli/bridge/bridge.h"
#include "cli/events/events.h"
#include "cli/learn/learn.h"
#include "cli/look/look.h"
#include "cli/model/model.h"
#include "cli/parts.h"

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const struct tyto_command *command;
};

static const struct subcommand subcommands[] = {
    {"watch", tyto_cmd_watch, &tyto_command_watch},
    {"replay", tyto_cmd_replay, &tyto_command_replay},
    {"list", tyto_cmd_list, &tyto_command_list},
    {"show", tyto_cmd_show, &tyto_command_show},
    {"find", tyto_cmd_find, &tyto_command_find},
    {"scores", tyto_cmd_scores, &tyto_command_scores},
    {"localize", tyto_cmd_localize, &tyto_command_localize},
    {"sync", tyto_cmd_sync, &tyto_command_sync},
#if TYTO_HAS_TRAINER
    {"explain", tyto_cmd_explain, &tyto_command_explain},
    {"label", tyto_cmd_label, &tyto_command_label},
    {"compose", tyto_cmd_compose, &tyto_command_compose},
    {"features", tyto_cmd_features, &tyto_command_features},
    {"train", tyto_cmd_train, &tyto_command_train},
    {"adapt", tyto_cmd_adapt, &tyto_command_adapt},
    {"eval", tyto_cmd_eval, &tyto_command_eval},
#endif
    {"model", tyto_cmd_model, &tyto_command_model},
    {"status", tyto_cmd_status, &tyto_command_status},
    {"devices", tyto_cmd_devices, &tyto_command_devices},
#if TYTO_HAS_WEB
    {"serve", tyto_cmd_serve, &tyto_command_serve},
    {"user", tyto_cmd_user, &tyto_command_user},
#endif
    {"bridge", tyto_cmd_bridge, &tyto_command_bridge},
    {"keygen", tyto_cmd_keygen, &tyto_command_keygen},
};

enum { NUM_SUBCOMMANDS = sizeof(subcommands) / sizeof(subcommands[0]) };

/* Those of a second level, which run from tyto_cmd_model and tyto_cmd_bridge. */
static const struct tyto_command *const second[] = {
    &tyto_command_model_import, &tyto_command_model_fetch, &tyto_command_model_info,
    &tyto_command_model_push,   &tyto_command_bridge_mqtt, &tyto_command_bridge_webhook,
    &tyto_command_bridge_kafka};

enum {
    NUM_SECOND = sizeof(second) / sizeof(second[0]),
    NUM_ALL = 1 + NUM_SUBCOMMANDS + NUM_SECOND
};

static struct tyto_command_argument names[NUM_SUBCOMMANDS + 1]; /* name and summary of each */

static const struct tyto_command tyto = {
    .name = "tyto",
    .summary = "events that are heard, seen, or both",
    .usage = "tyto COMMAND [OPTION...]",
    .arguments = names,
    .notes = "tyto COMMAND --help explains a command." TYTO_PARTS_NOTE,
    .examples = "tytod rtsp://camera.local/stream &   # watch a camera (tytod --help)\n"
                "tyto watch                           # and see its events\n"
                "tyto list --since 2h                 # what has been\n"
                "tyto localize clip.mp4 --json        # events of a file, as JSON lines\n"
                "tyto devices                         # what --device may name\n",
    .version = TYTO_VERSION,
};

static int put_help(FILE *out)
{
    return tyto_command_put_help(&tyto, out) == TYTO_OK && fflush(out) == 0 ? 0 : 1;
}

/* --- for the build: `tyto --print man "tyto train"`, `tyto --print bash` ------------------------
 */

static int print_man(const char *name, const struct tyto_command *const *all)
{
    for (int i = 0; i < NUM_ALL; i++) {
        if (strcmp(all[i]->name, name) == 0)
            return tyto_command_put_man(all[i], 1, TYTO_VERSION,
                                        all[i] == &tyto ? "tytod(8), tyto-watch(1), tyto-train(1)"
                                                        : "tyto(1), tytod(8)",
                                        stdout);
    }
    return 1;
}

static int print_text(const char *what, const char *name)
{
    const struct tyto_command *all[NUM_ALL] = {&tyto};
    uint32_t shell = 0;
    for (int i = 0; i < NUM_SUBCOMMANDS; i++)
        all[1 + i] = subcommands[i].command;
    for (int i = 0; i < NUM_SECOND; i++)
        all[1 + NUM_SUBCOMMANDS + i] = second[i];
    int status = 1;
    if (strcmp(what, "man") == 0) {
        status = print_man(name ? name : tyto.name, all);
    } else if (tyto_word_find(TYTO_WORDS(TYTO_SHELL_LIST), what, &shell)) {
        tyto_commands_put_completion(all, NUM_ALL, (enum tyto_shell)shell, stdout);
        status = 0;
    }
    return status == 0 && fflush(stdout) == 0 ? 0 : 1;
}

/* --- running -----------------------------------------------------------------------------------
 */

static void list_names(void)
{
    for (int i = 0; i < NUM_SUBCOMMANDS; i++)
        names[i] =
            (struct tyto_command_argument){subcommands[i].name, subcommands[i].command->summary};
}

static int run_help(char *name, const struct subcommand *subcommand)
{
    char help[] = "--help";
    char *help_argv[] = {name, help, NULL};
    return subcommand->run(2, help_argv);
}

/* Nothing is called name; the exit status of wrong usage. */
static int complain(const char *name)
{
    const char *all[NUM_SUBCOMMANDS];
    if (tyto_parts_explain(name))
        return 2;
    for (int i = 0; i < NUM_SUBCOMMANDS; i++)
        all[i] = subcommands[i].name;
    const char *near = tyto_nearest(name, all, NUM_SUBCOMMANDS);
    fprintf(stderr, "tyto: there is no command '%s'.%s%s%s See tyto --help.\n", name,
            near ? " Did you mean '" : "", near ? near : "", near ? "'?" : "");
    return 2;
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        (strcmp(name, "help") == 0 && argc == 2))
        return name ? put_help(stdout) : (put_help(stderr), 2);
    if (strcmp(name, "--version") == 0) {
        printf("tyto " TYTO_VERSION "\n");
        return 0;
    }
    if (strcmp(name, "--print") == 0 && argc > 2)
        return print_text(argv[2], argc > 3 ? argv[3] : NULL);
    const bool is_help = strcmp(name, "help") == 0;
    const char *wanted = is_help ? argv[2] : name;
    for (int i = 0; i < NUM_SUBCOMMANDS; i++) {
        if (strcmp(wanted, subcommands[i].name) == 0)
            return is_help ? run_help(argv[2], &subcommands[i])
                           : subcommands[i].run(argc - 1, argv + 1);
    }
    tyto_parts_run(wanted, argv);
    return complain(wanted);
}

int main(int argc, char **argv)
{
    tyto_standard_fds_open();
#if TYTO_HAS_TRAINER
    tyto_command_train_setup();
#endif
    list_names();
    return tyto_standard_out_end("tyto", run(argc, argv));
}
