/* SPDX-License-Identifier: MIT */
/* tyto: everything a person types, by sub-command. */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/cmd/cmd.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *text;
};

static const struct command commands[] = {
    {"watch", tyto_cmd_watch, "show what a running tytod sees and hears"},
    {"localize", tyto_cmd_localize, "find the events in files"},
    {"label", tyto_cmd_label, "check label files, or make one CSV of them"},
    {"compose", tyto_cmd_compose, "build labelled footage out of sounds and pictures"},
    {"features", tyto_cmd_features, "compute the features of recordings ahead of training"},
    {"train", tyto_cmd_train, "learn a head from labelled recordings"},
    {"eval", tyto_cmd_eval, "how good a head is, or what a daemon told"},
    {"model", tyto_cmd_model, "import networks, look into weights files, change a running tytod's"},
    {"status", tyto_cmd_status, "how a running tytod is"},
    {"devices", tyto_cmd_devices, "list the Vulkan devices"},
};

enum { NUM_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *out)
{
    fprintf(out, "tyto: events that are heard, seen, or both.\n\n"
                 "usage: tyto COMMAND [OPTION...]\n\n");
    for (int i = 0; i < NUM_COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].text);
    fprintf(out, "\n  tyto COMMAND --help explains a command; tyto --version says the version.\n"
                 "\nexamples:\n"
                 "  tytod rtsp://camera.local/stream &   # watch a camera (tytod --help)\n"
                 "  tyto watch                           # and see its events\n"
                 "  tyto localize clip.mp4 --json        # events of a file, as JSON lines\n"
                 "  tyto devices                         # what --device may name\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        (strcmp(name, "help") == 0 && argc == 2)) {
        print_help(name ? stdout : stderr);
        return name ? 0 : 2;
    }
    if (strcmp(name, "--version") == 0) {
        printf("tyto " TYTO_VERSION "\n");
        return 0;
    }
    const char *names[NUM_COMMANDS];
    for (int i = 0; i < NUM_COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(name, names[i]) == 0)
            return commands[i].run(argc - 1, argv + 1);
        if (strcmp(name, "help") == 0 && strcmp(argv[2], names[i]) == 0) {
            char help[] = "--help";
            char *help_argv[] = {argv[2], help, NULL};
            return commands[i].run(2, help_argv);
        }
    }
    const char *near = tyto_nearest(name, names, NUM_COMMANDS);
    fprintf(stderr, "tyto: there is no command '%s'.%s%s%s See tyto --help.\n", name,
            near ? " Did you mean '" : "", near ? near : "", near ? "'?" : "");
    return 2;
}
