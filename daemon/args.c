/* SPDX-License-Identifier: MIT */
#include "daemon/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "daemon/config/reference.h"
#include "daemon/config/schema.h"
#include "daemon/config/shard.h"

/* What is written for the tree and by the build. */
#define PRINT_LIST(X)                                                                              \
    X(PRINT_NOTHING, "nothing", NULL)                                                              \
    X(PRINT_REFERENCE, "reference", NULL)   /* doc/configuration.md */                             \
    X(PRINT_EXAMPLE, "example", NULL)       /* daemon/tytod.yaml */                                \
    X(PRINT_MAN, "man", NULL)               /* tytod.8 */                                          \
    X(PRINT_CONFIG_MAN, "config-man", NULL) /* tytod.yaml.5 */                                     \
    X(PRINT_BASH, "bash", NULL)                                                                    \
    X(PRINT_ZSH, "zsh", NULL)                                                                      \
    X(PRINT_FISH, "fish", NULL)
enum print { PRINT_LIST(TYTO_WORD_ENUM) };

struct target {
    struct tyto_args args;
    enum print print;
    struct tyto_config config;
};

#define AT(field) TYTO_OPTION_AT(struct target, field)
static const struct tyto_option own_rows[] = {
    {.key = "config",
     .type = TYTO_OPTION_TEXT,
     AT(args.config_path),
     .value = "FILE",
     .help = "read a YAML file; the options here override it"},
    {.key = "check",
     .type = TYTO_OPTION_FLAG,
     AT(args.check),
     .help = "only say whether the configuration is good"},
    {.key = "once",
     .type = TYTO_OPTION_FLAG,
     AT(args.once),
     .help = "exit when every camera has ended (files do)"},
    {.key = "print",
     .type = TYTO_OPTION_WORD,
     AT(print),
     .words = TYTO_WORDS(PRINT_LIST),
     .is_hidden = true,
     .help = "for the build"},
};
#undef AT

static const struct tyto_command_argument arguments[] = {
    {"URI", "file, rtsp://, http(s)://, srt://, v4l2:///dev/video0; NAME=URI names the camera, "
            "otherwise they are cam1, cam2, ..."},
    {NULL, NULL}};

static enum tyto_err init_target(void *memory)
{
    struct target *target = memory;
    return tyto_config_init(&target->config);
}

/* The command, with the configuration's groups moved to where the target has it. */
static const struct tyto_command *get_command(void)
{
    static struct tyto_option_group groups[1 + TYTO_CONFIG_NUM_GROUPS];
    static const struct tyto_command command = {
        .name = "tytod",
        .summary = "listen to and look at cameras, and publish what is heard and seen",
        .usage = "tytod [OPTION...] URI...\ntytod [OPTION...] --config FILE",
        .text =
            "tytod connects to each camera, cuts its sound and picture into segments of a second, "
            "scores the classes that are heard and seen, and publishes events over ZeroMQ: tyto "
            "watch shows them. Cameras that are lost are tried again for ever. It runs in the "
            "foreground and logs to stderr.",
        .arguments = arguments,
        .groups = groups,
        .num_groups = 1 + TYTO_CONFIG_NUM_GROUPS,
        .notes =
            "An endpoint 'ipc' is a socket file in the user's run-time folder. A configuration "
            "file has the same keys, in groups, and those of each camera: tytod.yaml(5). A "
            "file to begin with is share/tyto/tytod.yaml.\n\n"
            "SIGHUP reads the configuration and the model again and applies what differs; SIGINT "
            "and "
            "SIGTERM end open events and exit.\n\n"
            "Exit status: 0 asked to end, 1 failed, 2 wrong usage.",
        .examples = "tytod rtsp://camera.local/stream            # then, elsewhere: tyto watch\n"
                    "tytod door=rtsp://10.0.0.7/s garden=rtsp://10.0.0.8/s\n"
                    "tytod --check --config /etc/tyto/tytod.yaml\n",
        .version = TYTO_VERSION,
        .target_bytes = sizeof(struct target),
        .init = init_target,
    };
    groups[0] = (struct tyto_option_group){.rows = own_rows, .num_rows = TYTO_NUM_ROWS(own_rows)};
    for (int i = 0; i < TYTO_CONFIG_NUM_GROUPS; i++) {
        struct tyto_option_group *group = &groups[1 + i];
        *group = tyto_config_groups[i];
        group->offset += offsetof(struct target, config);
        group->marks += group->marks ? offsetof(struct target, config) : 0;
    }
    return &command;
}

/* --- first reading ---------------------------------------------------------------------------- */

static enum tyto_command_result print_text(enum print print)
{
    const struct tyto_command *command = get_command();
    enum tyto_err err = TYTO_OK;
    if (print == PRINT_REFERENCE)
        err = tyto_config_put_reference(stdout);
    else if (print == PRINT_EXAMPLE)
        err = tyto_config_put_example(stdout);
    else if (print == PRINT_MAN)
        err = tyto_command_put_man(command, 8, TYTO_VERSION,
                                   "tytod.yaml(5), tyto(1), tyto-watch(1)", stdout);
    else if (print == PRINT_CONFIG_MAN)
        err = tyto_config_put_man(TYTO_VERSION, stdout);
    else
        tyto_commands_put_completion(&command, 1, (enum tyto_shell)(print - PRINT_BASH), stdout);
    return !err && fflush(stdout) == 0 ? TYTO_COMMAND_DONE : TYTO_COMMAND_WRONG;
}

static void free_texts(char **texts, int num)
{
    for (int i = 0; texts && i < num; i++)
        free(texts[i]);
    free(texts);
}

static char **copy_texts(int num, char *const *texts)
{
    char **copy = calloc((size_t)num + 1, sizeof(*copy));
    bool good = copy != NULL;
    for (int i = 0; good && i < num; i++) {
        copy[i] = strdup(texts[i]);
        good = copy[i] != NULL;
    }
    if (good)
        return copy;
    free_texts(copy, num);
    return NULL;
}

enum tyto_command_result tyto_args_read(int argc, char **argv, struct tyto_args *ret_args)
{
    const struct tyto_command *command = get_command();
    struct target *target = tyto_command_target(command);
    char **copy = copy_texts(argc, argv);
    int num_uris = 0;
    memset(ret_args, 0, sizeof(*ret_args));
    enum tyto_command_result result = TYTO_COMMAND_WRONG;
    if (target && copy) {
        result = tyto_command_read(command, argc, argv, target, &num_uris);
    } else {
        fputs("tytod: out of memory\n", stderr);
    }
    if (result == TYTO_COMMAND_RUN && target->print != PRINT_NOTHING)
        result = print_text(target->print);
    if (result == TYTO_COMMAND_RUN && !target->args.config_path && num_uris == 0)
        result = tyto_command_complain(command,
                                       "nothing to watch: name a camera's URI or a --config file");
    if (result == TYTO_COMMAND_RUN) {
        *ret_args = target->args;
        ret_args->argc = argc;
        ret_args->argv = copy;
        copy = NULL;
        target->args.config_path = NULL; /* moved */
    }
    free_texts(copy, argc);
    tyto_command_free(command, (void **)&target);
    return result;
}

void tyto_args_finish(struct tyto_args *args)
{
    free(args->config_path);
    free_texts(args->argv, args->argc);
    *args = (struct tyto_args){0};
}

/* --- second reading, over the file -------------------------------------------------------------
 */

/* 'ipc' in full. */
static enum tyto_err expand_endpoints(struct tyto_texts *endpoints)
{
    for (uint32_t i = 0; i < endpoints->num; i++) {
        char path[100], text[128];
        if (strcmp(endpoints->texts[i], "ipc") != 0)
            continue;
        if (!tyto_paths_meeting("events.sock", path, sizeof(path)))
            (void)tyto_paths_system("events.sock", path, sizeof(path));
        snprintf(text, sizeof(text), "ipc://%s", path);
        char *full = strdup(text);
        if (!full)
            return TYTO_ERR_NOMEM;
        free(endpoints->texts[i]);
        endpoints->texts[i] = full;
    }
    return TYTO_OK;
}

/* What the command line says goes before the file: it is read over it. argv is of as many pointers
 * as args has, and is left in another order. */
static enum tyto_err override_by(const struct tyto_args *args, char **argv, struct target *target,
                                 struct tyto_fault *ret_fault)
{
    struct tyto_config *config = &target->config;
    int num_uris = 0;
    config->models.given = 0;
    if (tyto_command_read(get_command(), args->argc, argv, target, &num_uris) != TYTO_COMMAND_RUN)
        return TYTO_ERR_INVALID;
    /* Another folder is meant whole: files that the configuration names apart are left, too. */
    char *const files[] = {config->models.visual, config->models.audio, config->models.head};
    for (int i = 0; i < 3; i++) {
        if ((config->models.given & 1) && !(config->models.given >> (i + 1) & 1))
            files[i][0] = '\0';
    }
    enum tyto_err err = expand_endpoints(&config->endpoints);
    for (int i = 0; !err && i < num_uris; i++)
        err = tyto_config_add_uri(config, argv[1 + i], ret_fault);
    /* All of the file is looked at, whoever's it is: a bad one is bad on every machine. */
    if (!err)
        err = tyto_config_check(config, ret_fault);
    if (!err)
        tyto_config_take_shard(config);
    return err;
}

static enum tyto_err override(const struct tyto_args *args, struct target *target,
                              struct tyto_fault *ret_fault)
{
    const size_t bytes = ((size_t)args->argc + 1) * sizeof(*args->argv);
    char **argv = malloc(bytes);
    if (!argv)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    memcpy(argv, args->argv, bytes);
    const enum tyto_err err = override_by(args, argv, target, ret_fault);
    free(argv);
    return err;
}

enum tyto_err tyto_args_to_config(const struct tyto_args *args, struct tyto_config **ret_config,
                                  struct tyto_fault *ret_fault)
{
    struct target *target = calloc(1, sizeof(*target));
    struct tyto_config *config = NULL;
    enum tyto_err err = target ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = args->config_path ? tyto_config_load(args->config_path, &config, ret_fault)
                                : tyto_config_create(&config);
    if (!err) {
        target->config = *config;
        err = override(args, target, ret_fault);
        *config = target->config;
        free(target->args.config_path);
    }
    free(target);
    if (err)
        tyto_config_destroy(&config);
    else
        *ret_config = config;
    return err;
}
