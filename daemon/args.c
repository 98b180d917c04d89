/* SPDX-License-Identifier: MIT */
#include "daemon/args.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/reference.h"
#include "daemon/config/schema.h"

static const char help[] =
    "tytod: listens to and looks at cameras, and publishes what it hears and sees.\n\n"
    "usage: tytod [OPTION...] URI...\n"
    "       tytod [OPTION...] --config FILE\n\n"
    "  URI                 file, rtsp://, http(s)://, srt://, v4l2:///dev/video0; NAME=URI names\n"
    "                      the camera, otherwise they are cam1, cam2, ...\n"
    "  --config FILE       read a YAML file; the options here override it\n"
    "  --check             only say whether the configuration is good\n"
    "  --endpoint E        publish here (default tcp://127.0.0.1:5571); may be given again;\n"
    "                      'ipc' means a socket file in the user's run-time folder\n"
    "  --device D          auto, gpu, cpu or an index of `tyto devices`\n"
    "  --exec E            run the encoders by auto, vulkan or cpu (XNNPACK)\n"
    "  --models DIR        folder of visual, audio and head.safetensors\n"
    "  --control PATH      socket for `tyto status` and `tyto model push`; off: none (default: in\n"
    "                      the user's run-time folder)\n"
    "  --once              exit when every camera has ended (files do)\n"
    "  --log FORMAT        auto, human or json\n"
    "  --log-level LEVEL   error, warning, info or debug\n"
    "  --help, --version\n\n"
    "examples:\n"
    "  tytod rtsp://camera.local/stream            # then, elsewhere: tyto watch\n"
    "  tytod door=rtsp://10.0.0.7/s garden=rtsp://10.0.0.8/s\n"
    "  tytod --check --config /etc/tyto/tytod.yaml\n\n"
    "a configuration file:\n"
    "  cameras:\n"
    "    - id: door\n"
    "      uri: rtsp://user:password@10.0.0.7/stream\n"
    "  tracker: {threshold: 0.6}\n"
    "  classes:\n"
    "    dog: {threshold: 0.4}\n";

enum {
    OPT_CHECK = 256,
    OPT_ENDPOINT,
    OPT_DEVICE,
    OPT_EXEC,
    OPT_MODELS,
    OPT_CONTROL,
    OPT_ONCE,
    OPT_LOG,
    OPT_LEVEL,
    OPT_PRINT_REFERENCE,
    OPT_PRINT_EXAMPLE,
};

static enum tyto_args_result complain(const char *text, const char *value)
{
    fprintf(stderr, "tytod: %s%s%s%s See tytod --help.\n", text, value ? " '" : "",
            value ? value : "", value ? "'." : "");
    return TYTO_ARGS_WRONG;
}

static bool find_word(const char *word, const char *const *words, uint32_t num, uint32_t *ret_idx)
{
    for (uint32_t i = 0; i < num; i++) {
        if (strcmp(word, words[i]) == 0) {
            *ret_idx = i;
            return true;
        }
    }
    return false;
}

static void expand_endpoint(const char *value, char *ret_text, size_t text_bytes)
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    if (strcmp(value, "ipc") != 0)
        snprintf(ret_text, text_bytes, "%s", value);
    else
        snprintf(ret_text, text_bytes, "ipc://%.80s/tyto/events.sock",
                 folder && folder[0] == '/' ? folder : "/run");
}

static enum tyto_args_result take_option(struct tyto_args *args, int opt, const char *value)
{
    static const char *const formats[] = {"auto", "human", "json"};
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    uint32_t idx = 0;
    switch (opt) {
    case 'c':
        args->config_path = value;
        break;
    case OPT_CHECK:
        args->check = true;
        break;
    case OPT_ONCE:
        args->once = true;
        break;
    case OPT_DEVICE:
        args->device = value;
        break;
    case OPT_EXEC:
        args->exec = value;
        break;
    case OPT_MODELS:
        args->models = value;
        break;
    case OPT_CONTROL:
        if (strlen(value) >= TYTO_CONTROL_PATH_MAX)
            return complain("--control takes at most 107 characters, not", value);
        args->control = value;
        break;
    case OPT_ENDPOINT:
        if (args->num_endpoints == TYTO_PUBLISHER_MAX_ENDPOINTS || strlen(value) > 200)
            return complain("too many or too long endpoints", NULL);
        expand_endpoint(value, args->endpoints[args->num_endpoints++], 256);
        break;
    case OPT_LOG:
        if (!find_word(value, formats, 3, &idx))
            return complain("--log must be auto, human or json, not", value);
        args->has_format = true;
        args->log_format = (enum tyto_log_format)idx;
        break;
    case OPT_LEVEL:
        if (!find_word(value, levels, 4, &idx))
            return complain("--log-level must be error, warning, info or debug, not", value);
        args->has_level = true;
        args->log_level = (enum tyto_log_level)idx;
        break;
    default:
        fputs("See tytod --help.\n", stderr);
        return TYTO_ARGS_WRONG;
    }
    return TYTO_ARGS_RUN;
}

/* The texts of the tree that are written from the tables. */
static enum tyto_args_result put_text(int opt)
{
    const enum tyto_err err = opt == OPT_PRINT_REFERENCE ? tyto_config_put_reference(stdout)
                                                         : tyto_config_put_example(stdout);
    return err == TYTO_OK && fflush(stdout) == 0 ? TYTO_ARGS_DONE : TYTO_ARGS_WRONG;
}

enum tyto_args_result tyto_args_read(int argc, char **argv, struct tyto_args *ret_args)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, OPT_CHECK},
        {"once", no_argument, NULL, OPT_ONCE},
        {"endpoint", required_argument, NULL, OPT_ENDPOINT},
        {"device", required_argument, NULL, OPT_DEVICE},
        {"exec", required_argument, NULL, OPT_EXEC},
        {"models", required_argument, NULL, OPT_MODELS},
        {"control", required_argument, NULL, OPT_CONTROL},
        {"log", required_argument, NULL, OPT_LOG},
        {"log-level", required_argument, NULL, OPT_LEVEL},
        {"print-reference", no_argument, NULL, OPT_PRINT_REFERENCE},
        {"print-example", no_argument, NULL, OPT_PRINT_EXAMPLE},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    memset(ret_args, 0, sizeof(*ret_args));
    for (int opt; (opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (opt == 'h' || opt == 'v') {
            fputs(opt == 'h' ? help : "tytod " TYTO_VERSION "\n", stdout);
            return TYTO_ARGS_DONE;
        }
        if (opt == OPT_PRINT_REFERENCE || opt == OPT_PRINT_EXAMPLE)
            return put_text(opt);
        const enum tyto_args_result result = take_option(ret_args, opt, optarg);
        if (result != TYTO_ARGS_RUN)
            return result;
    }
    ret_args->uris = argv + optind;
    ret_args->num_uris = argc - optind;
    if (!ret_args->config_path && ret_args->num_uris == 0)
        return complain("nothing to watch: name a camera's URI or a --config file.", NULL);
    return TYTO_ARGS_RUN;
}

static enum tyto_err give(struct tyto_config *config, enum tyto_config_group group, uint32_t row,
                          uint64_t *given, const char *text, struct tyto_fault *ret_fault)
{
    return tyto_option_give(&tyto_config_groups[group], row, config, given, text, ret_fault);
}

static enum tyto_err override(const struct tyto_args *args, struct tyto_config *config,
                              struct tyto_fault *ret_fault)
{
    uint64_t given = 0, endpoints_given = 0;
    enum tyto_err err = TYTO_OK;
    for (int i = 0; err == TYTO_OK && i < args->num_uris; i++)
        err = tyto_config_add_uri(config, args->uris[i], ret_fault);
    if (err == TYTO_OK && args->device)
        err = give(config, TYTO_CONFIG_INFERENCE, 0, &given, args->device, ret_fault);
    if (err == TYTO_OK && args->exec)
        err = give(config, TYTO_CONFIG_INFERENCE, 1, &given, args->exec, ret_fault);
    for (uint32_t i = 0; err == TYTO_OK && i < args->num_endpoints; i++)
        err = give(config, TYTO_CONFIG_PUBLISH, 0, &endpoints_given, args->endpoints[i], ret_fault);
    if (args->models) {
        memset(&config->models, 0, sizeof(config->models));
        snprintf(config->models.dir, sizeof(config->models.dir), "%s", args->models);
    }
    if (args->control)
        snprintf(config->control, sizeof(config->control), "%s", args->control);
    if (args->has_format)
        config->log_format = args->log_format;
    if (args->has_level)
        config->log_level = args->log_level;
    return err;
}

enum tyto_err tyto_args_to_config(const struct tyto_args *args, struct tyto_config **ret_config,
                                  struct tyto_fault *ret_fault)
{
    struct tyto_config *config = NULL;
    enum tyto_err err = args->config_path ? tyto_config_load(args->config_path, &config, ret_fault)
                                          : tyto_config_create(&config);
    if (err == TYTO_OK)
        err = override(args, config, ret_fault);
    if (err == TYTO_OK)
        err = tyto_config_check(config, ret_fault);
    if (err != TYTO_OK)
        tyto_config_destroy(&config);
    else
        *ret_config = config;
    return err;
}
