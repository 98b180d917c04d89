/* SPDX-License-Identifier: MIT */
/* tytod: wiring only. Exit status: 0 asked to end, 1 failed, 2 wrong usage. */
#include <stdio.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/standard_fds.h"
#include "daemon/args.h"
#include "daemon/daemon.h"
#include "daemon/glib_log.h"
#include "daemon/models.h"
#include "daemon/service/isolation.h"
#include "daemon/service/log_sink.h"
#include "daemon/service/process.h"
#include "daemon/service/signals.h"
#include "pipeline/source/source.h"

static void complain(const struct tyto_fault *fault)
{
    char text[1024];
    tyto_fault_print(fault, text, sizeof(text));
    fprintf(stderr, "tytod: %s\n", text);
}

static int check_only(const struct tyto_args *args, const struct tyto_config *config)
{
    char others[64] = "";
    if (config->num_elsewhere > 0)
        snprintf(others, sizeof(others), " of shard %s, %u of others", config->shard,
                 config->num_elsewhere);
    printf("%s: good: %u camera%s%s, publishing on %s%s\n",
           args->config_path ? args->config_path : "command line", config->num_cameras,
           config->num_cameras == 1 ? "" : "s", others, config->endpoints.texts[0],
           config->endpoints.num > 1 ? " and more" : "");
    return 0;
}

static enum tyto_err read_again(void *user, struct tyto_config **ret_config,
                                struct tyto_fault *ret_fault)
{
    return tyto_args_to_config(user, ret_config, ret_fault);
}

static int run(struct tyto_args *args, const struct tyto_config *config)
{
    struct tyto_daemon *daemon = NULL;
    struct tyto_log_sink *sink = NULL;
    struct tyto_fault fault = {.text = ""};
    int signal_fd = -1;
    enum tyto_err err = tyto_signals_block(&signal_fd);
    if (err) {
        fprintf(stderr, "tytod: signals cannot be waited for: %s\n", tyto_err_text(err));
        return 1;
    }
    const struct tyto_log_sink_params params = {
        .fd = STDERR_FILENO, .format = config->log_format, .level = config->log_level};
    err = tyto_log_sink_create(&params, &sink);
    if (err) {
        fprintf(stderr, "tytod: no log: %s\n", tyto_err_text(err));
        return 1;
    }
    const struct tyto_log log = tyto_log_sink_log(sink);
    tyto_glib_log_begin(&log);
    tyto_log_write(&log, TYTO_LOG_INFO, "daemon", "tytod " TYTO_VERSION " begins");
    bool is_left = false;
    const struct tyto_daemon_params daemon_params = {.config = config,
                                                     .log = &log,
                                                     .sink = sink,
                                                     .signal_fd = signal_fd,
                                                     .read = read_again,
                                                     .user = args};
    err = tyto_daemon_create(&daemon_params, &daemon, &is_left, &fault);
    if (err == TYTO_ERR_CLOSED) {
        tyto_log_write(&log, TYTO_LOG_INFO, "daemon", "asked to end while it started");
        err = TYTO_OK;
    } else if (err) {
        char text[1024];
        if (!fault.text[0])
            (void)tyto_fault_set(&fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
        tyto_fault_print(&fault, text, sizeof(text));
        tyto_log_write(&log, TYTO_LOG_ERROR, "daemon", "%s", text);
    } else {
        err = tyto_daemon_run(daemon, args->once);
        is_left = !tyto_daemon_destroy(&daemon);
        if (is_left && !err)
            err = TYTO_ERR_TIMEOUT;
        is_left |= tyto_source_num_hanging() > 0; /* a pipeline; all has been told */
        tyto_log_write(&log, TYTO_LOG_INFO, "daemon", "ended");
    }
    close(signal_fd);
    if (is_left) { /* threads still use what exit handlers, and we, would take down */
        tyto_log_sink_flush(sink);
        _exit(!err ? 0 : 1);
    }
    tyto_glib_log_end();
    tyto_log_sink_destroy(&sink);
    return !err ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct tyto_args args;
    tyto_standard_fds_open();
    tyto_process_settle();
    const enum tyto_command_result result = tyto_args_read(argc, argv, &args);
    if (result != TYTO_COMMAND_RUN)
        return tyto_standard_out_end("tytod", result == TYTO_COMMAND_DONE ? 0 : 2);
    struct tyto_config *config = NULL;
    struct tyto_fault fault = {.text = ""};
    enum tyto_err err = tyto_signals_settle();
    if (err)
        (void)tyto_fault_set(&fault, err, NULL, 0, NULL, "signals cannot be waited for");
    else
        err = tyto_args_to_config(&args, &config, &fault);
    for (int i = 1; i < argc; i++) /* all has been copied: others need not see it, as with ps */
        tyto_secret_blank(argv[i]);
    if (!err)
        err = tyto_config_find_models(config, &fault);
    if (!err)
        err = tyto_isolation_check(config, &fault);
    if (err)
        complain(&fault);
    int status = 1;
    if (!err)
        status = args.check ? check_only(&args, config) : run(&args, config);
    tyto_config_destroy(&config);
    tyto_args_finish(&args);
    return tyto_standard_out_end("tytod", status);
}
