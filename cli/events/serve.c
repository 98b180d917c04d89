/* SPDX-License-Identifier: MIT */
/* tyto serve: the page where people look. */
#include <stdio.h>
#include <unistd.h>

#include "base/paths.h"
#include "cli/common/fault.h"
#include "cli/common/link.h"
#include "cli/common/options.h"
#include "cli/events/events.h"
#include "cli/events/internal.h"
#include "client/tyto.h"
#include "web/serve.h"

struct serve {
    char *listen, *recordings, *pictures, *corrections, *teach, *models, *config, *socket, *users,
        *tls_cert, *tls_key, *proxy;
    struct tyto_texts names;
    bool is_plain;
    struct tyto_link link;
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
    {.key = "pictures", .letter = 'p', .type = TYTO_OPTION_TEXT, AT(pictures), .value = "DIR",
     .is_place = true, .absent = "none are shown",
     .help = "tytod's folder of pictures of events (snapshots.dir)"},
    {.key = "corrections", .letter = 'c', .type = TYTO_OPTION_TEXT, AT(corrections), .value = "DIR",
     .is_place = true, .absent = "none are taken",
     .help = "where corrected recordings and their labels.csv go, for `tyto train --labels`; made if "
             "it is not there"},
    {.key = "teach", .letter = 't', .type = TYTO_OPTION_TEXT, AT(teach), .value = "DIR",
     .is_place = true, .absent = "no model is taught",
     .help = "where models go that learn from the corrections (tyto adapt), for admins to start and "
             "to bring into tytod; made if it is not there"},
    {.key = "models", .type = TYTO_OPTION_TEXT, AT(models), .value = "DIR", .is_place = true,
     .absent = "the installed ones", .help = "the networks that they begin with"},
    {.key = "config", .type = TYTO_OPTION_TEXT, AT(config), .value = "FILE", .is_place = true,
     .absent = "the page writes lines to be pasted in",
     .help = "tytod's configuration: thresholds are changed in it, if it belongs to who runs this"},
    {.key = "socket", .type = TYTO_OPTION_TEXT, AT(socket), .value = "PATH", .is_place = true,
     .absent = "the user's or the service's",
     .help = "tytod's control socket, by which Health's figures come, and thresholds and models go"},
    {.key = "users", .letter = 'u', .type = TYTO_OPTION_TEXT, AT(users), .value = "FILE",
     .is_place = true, .absent = "whoever uses this machine may do everything",
     .help = "who may come in, and as what (tyto user)"},
    {.key = "name", .type = TYTO_OPTION_TEXTS, AT(names), .max = 16, .value = "NAME",
     .absent = "those of this machine; any, where --listen goes beyond it",
     .help = "by what name people call this server; requests to others are refused"},
    {.key = "proxy", .type = TYTO_OPTION_TEXT, AT(proxy), .value = "ADDRESS", .absent = "none",
     .help = "the proxy in front of it, which does TLS: it alone is served, and what it says of "
             "where people come from is believed (X-Forwarded-For)"},
    {.key = "tls_cert", .type = TYTO_OPTION_TEXT, AT(tls_cert), .value = "FILE", .is_place = true,
     .absent = "no TLS", .help = "the server's certificate, PEM"},
    {.key = "tls_key", .type = TYTO_OPTION_TEXT, AT(tls_key), .value = "FILE", .is_place = true,
     .absent = "no TLS", .help = "its key, PEM"},
    {.key = "plain", .type = TYTO_OPTION_FLAG, AT(is_plain),
     .help = "beyond this machine without TLS: whoever is on the way reads passwords and pictures"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {
    {.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    {.rows = tyto_link_rows,
     .num_rows = TYTO_LINK_NUM_ROWS,
     .offset = offsetof(struct serve, link)},
};
static const struct tyto_command_argument arguments[] = {{"ENDPOINT", TYTO_LINK_ENDPOINT_HELP},
                                                         {NULL, NULL}};

const struct tyto_command tyto_command_serve = {
    .name = "tyto serve",
    .summary = "the page where people look: what happens now, what happened, whether all is well",
    .usage = "tyto serve [ENDPOINT] [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes = "It follows tytod as `tyto watch` does; what goes wrong here cannot touch a camera. "
             "Its address is printed once it answers.\n\n"
             "Beyond this machine (--listen) it takes users, and TLS: its own, or a proxy's. A "
             "certificate is read again at SIGHUP, the file of users when it changes.",
    .examples =
        "tyto serve\n"
        "tyto serve --recordings /var/lib/tyto/clips --corrections /var/lib/tyto/corrections\n"
        "tyto serve ipc:///run/tyto/events.sock --listen 127.0.0.1:9000\n"
        "tyto user add anna --role admin --users serve.users\n"
        "tyto serve --users serve.users --listen 0.0.0.0:8571 --tls-cert crt.pem --tls-key "
        "key.pem\n"
        "tyto serve --users serve.users --proxy 127.0.0.1 --name tyto.example.org\n",
    .target_bytes = sizeof(struct serve),
};

static void put_address(void *user, const char *address)
{
    (void)user;
    printf("%s\n", address);
    (void)fflush(stdout);
}

/* tyto itself: this program, where it is whole; else the one that hands on to its parts. */
static void find_program(char *ret_path, size_t path_bytes)
{
    if ((!tyto_paths_program("../bin/tyto", ret_path, path_bytes) || access(ret_path, X_OK) != 0) &&
        (!tyto_paths_program("tyto", ret_path, path_bytes) || access(ret_path, X_OK) != 0))
        snprintf(ret_path, path_bytes, "%s", "tyto");
}

static int run(struct serve *serve, const char *argument)
{
    struct tyto_fault fault = {0};
    char program[4096];
    find_program(program, sizeof(program));
    enum tyto_err err = tyto_link_prepare(&serve->link, argument, &fault);
    const struct tyto_serve_params params = {
        .endpoint = serve->link.endpoint,
        .server_key = serve->link.server_key,
        .key = serve->link.key,
        .listen = serve->listen,
        .recordings = serve->recordings,
        .pictures = serve->pictures,
        .corrections = serve->corrections,
        .teach = serve->teach,
        .models = serve->models,
        .program = program,
        .config = serve->config,
        .socket = serve->socket,
        .users = serve->users,
        .proxy = serve->proxy,
        .names = (const char *const *)serve->names.texts,
        .num_names = serve->names.num,
        .tls_cert = serve->tls_cert,
        .tls_key = serve->tls_key,
        .allows_plain = serve->is_plain,
        .version = TYTO_VERSION,
        .ready = put_address,
    };
    if (!err)
        err = tyto_serve_run(&params, &fault);
    if (!err)
        return 0;
    tyto_fault_tell("serve", &fault, err);
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
