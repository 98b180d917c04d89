/* SPDX-License-Identifier: MIT */
/* tyto serve: the page where people look. */
#include <stdio.h>

#include "base/paths.h"
#include "cli/common/fault.h"
#include "cli/common/options.h"
#include "cli/events/events.h"
#include "client/tyto.h"
#include "web/serve.h"

struct serve {
    char *listen, *recordings, *corrections, *tls_cert, *tls_key;
    bool is_plain;
};

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct serve, field)
static const struct tyto_option rows[] = {
    {.key = "listen", .letter = 'l', .type = TYTO_OPTION_TEXT, AT(listen), .value = "ADDRESS:PORT",
     .absent = TYTO_SERVE_DEFAULT_LISTEN,
     .help = "where the page is; port 0: any that is free; beyond this machine it needs TLS and users"},
    {.key = "recordings", .letter = 'r', .type = TYTO_OPTION_TEXT, AT(recordings), .value = "DIR",
     .is_place = true, .absent = "none are shown",
     .help = "tytod's folder of recordings (record.dir): events are played from it"},
    {.key = "corrections", .letter = 'c', .type = TYTO_OPTION_TEXT, AT(corrections), .value = "DIR",
     .is_place = true, .absent = "none are taken",
     .help = "where corrected recordings and their labels.csv go, for `tyto train --labels`; made if "
             "it is not there"},
    {.key = "tls_cert", .type = TYTO_OPTION_TEXT, AT(tls_cert), .value = "FILE", .is_place = true,
     .absent = "no TLS", .help = "the server's certificate, PEM"},
    {.key = "tls_key", .type = TYTO_OPTION_TEXT, AT(tls_key), .value = "FILE", .is_place = true,
     .absent = "no TLS", .help = "its key, PEM"},
    {.key = "plain", .type = TYTO_OPTION_FLAG, AT(is_plain),
     .help = "beyond this machine without TLS: for a proxy in front of it that has TLS"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {{.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)}};
static const struct tyto_command_argument arguments[] = {
    {"ENDPOINT", "where tytod publishes (default: " TYTO_CLIENT_DEFAULT_ENDPOINT ")"},
    {NULL, NULL}};

const struct tyto_command tyto_command_serve = {
    .name = "tyto serve",
    .summary = "the page where people look: what happens now, what happened, whether all is well",
    .usage = "tyto serve [ENDPOINT] [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = 1,
    .notes = "It follows tytod as `tyto watch` does; what goes wrong here cannot touch a camera. "
             "Its address is printed once it answers.",
    .examples =
        "tyto serve\n"
        "tyto serve --recordings /var/lib/tyto/clips --corrections /var/lib/tyto/corrections\n"
        "tyto serve ipc:///run/tyto/events.sock --listen 127.0.0.1:9000\n",
    .target_bytes = sizeof(struct serve),
};

static void put_address(void *user, const char *address)
{
    (void)user;
    printf("%s\n", address);
    (void)fflush(stdout);
}

static int run(const struct serve *serve, const char *endpoint)
{
    const struct tyto_serve_params params = {
        .endpoint = endpoint,
        .listen = serve->listen,
        .recordings = serve->recordings,
        .corrections = serve->corrections,
        .tls_cert = serve->tls_cert,
        .tls_key = serve->tls_key,
        .allows_plain = serve->is_plain,
        .version = TYTO_VERSION,
        .ready = put_address,
    };
    struct tyto_fault fault = {0};
    const enum tyto_err err = tyto_serve_run(&params, &fault);
    if (!err)
        return 0;
    tyto_fault_tell("tyto serve", &fault, err);
    return err == TYTO_ERR_INVALID ? 2 : 1;
}

int tyto_cmd_serve(int argc, char **argv)
{
    static struct serve serve;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_serve, argc, argv, &serve, &num_arguments, &status))
        status = num_arguments > 1
                     ? tyto_options_complain(&tyto_command_serve, "one endpoint is enough")
                     : run(&serve, num_arguments > 0 ? argv[1] : NULL);
    tyto_command_finish(&tyto_command_serve, &serve);
    return status;
}
