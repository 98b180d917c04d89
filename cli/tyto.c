/* SPDX-License-Identifier: MIT */
/* tyto: everything a person types, by sub-command. */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/cmd/cmd.h"

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const struct tyto_command *command;
};

static const struct subcommand subcommands[] = {
    {"watch", tyto_cmd_watch, &tyto_command_watch},
    {"localize", tyto_cmd_localize, &tyto_command_localize},
    {"sync", tyto_cmd_sync, &tyto_command_sync},
    {"label", tyto_cmd_label, &tyto_command_label},
    {"compose", tyto_cmd_compose, &tyto_command_compose},
    {"features", tyto_cmd_features, &tyto_command_features},
    {"train", tyto_cmd_train, &tyto_command_train},
    {"eval", tyto_cmd_eval, &tyto_command_eval},
    {"model", tyto_cmd_model, &tyto_command_model},
    {"status", tyto_cmd_status, &tyto_command_status},
    {"devices", tyto_cmd_devices, &tyto_command_devices},
};

enum { NUM_SUBCOMMANDS = sizeof(subcommands) / sizeof(subcommands[0]) };

/* Those of a second level, which run from tyto_cmd_model. */
static const struct tyto_command *const second[] = {
    &tyto_command_model_import, &tyto_command_model_info, &tyto_command_model_push};

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
    .notes = "tyto COMMAND --help explains a command.",
    .examples = "tytod rtsp://camera.local/stream &   # watch a camera (tytod --help)\n"
                "tyto watch                           # and see its events\n"
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

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    tyto_command_train_setup();
    list_names();
    if (!name || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        (strcmp(name, "help") == 0 && argc == 2))
        return name ? put_help(stdout) : (put_help(stderr), 2);
    if (strcmp(name, "--version") == 0) {
        printf("tyto " TYTO_VERSION "\n");
        return 0;
    }
    if (strcmp(name, "--print") == 0 && argc > 2)
        return print_text(argv[2], argc > 3 ? argv[3] : NULL);
    const char *all[NUM_SUBCOMMANDS];
    for (int i = 0; i < NUM_SUBCOMMANDS; i++) {
        all[i] = subcommands[i].name;
        if (strcmp(name, all[i]) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
        if (strcmp(name, "help") == 0 && strcmp(argv[2], all[i]) == 0)
            return run_help(argv[2], &subcommands[i]);
    }
    const char *near = tyto_nearest(name, all, NUM_SUBCOMMANDS);
    fprintf(stderr, "tyto: there is no command '%s'.%s%s%s See tyto --help.\n", name,
            near ? " Did you mean '" : "", near ? near : "", near ? "'?" : "");
    return 2;
}
