/* SPDX-License-Identifier: MIT */
/* What every bridge can be told, and how it runs. */
#ifndef TYTO_CLI_BRIDGE_INTERNAL_H
#define TYTO_CLI_BRIDGE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/words.h"
#include "cli/bridge/core/phases.h"
#include "cli/bridge/core/sink.h"
#include "cli/common/link.h"
#include "options/command.h"
#include "options/options.h"

/* Where a bridge begins that has no position yet. */
#define TYTO_BRIDGE_FROM_LIST(X)                                                                   \
    X(TYTO_BRIDGE_FROM_NOW, "now", NULL)                                                           \
    X(TYTO_BRIDGE_FROM_OLDEST, "oldest", "all that tytod's journal has")
enum tyto_bridge_from { TYTO_BRIDGE_FROM_LIST(TYTO_WORD_ENUM) };

struct tyto_bridge_options {
    struct tyto_link link;
    char *endpoint, *query, *state, *dead; /* owned; NULL: not given */
    struct tyto_texts cameras, classes;
    enum tyto_bridge_from from;
    enum tyto_phases phases;
    double retry_s[2];
};

enum { TYTO_BRIDGE_NUM_OPTIONS = 9 };
/* Rows over struct tyto_bridge_options; those of its link are beside them. */
extern const struct tyto_option tyto_bridge_rows[TYTO_BRIDGE_NUM_OPTIONS];
void tyto_bridge_options_init(struct tyto_bridge_options *options);

/* The groups of options that every bridge has, over a type whose struct tyto_bridge_options is its
 * member `bridge`. */
#define TYTO_BRIDGE_GROUPS(type)                                                                   \
    {.title = "Which events, from where",                                                          \
     .rows = tyto_bridge_rows,                                                                     \
     .num_rows = TYTO_BRIDGE_NUM_OPTIONS,                                                          \
     .offset = offsetof(type, bridge)},                                                            \
    {                                                                                              \
        .rows = tyto_link_rows, .num_rows = TYTO_LINK_NUM_ROWS,                                    \
        .offset = offsetof(type, bridge.link)                                                      \
    }

/* The address, which may hold a password, from the command line, where it is blanked then. False
 * with the exit status: it is too long, which is told. */
bool tyto_bridge_take_address(const struct tyto_command *command, char *argument, char *ret_url,
                              size_t url_bytes, int *ret_status);
/* Tells it; gives the exit status. */
int tyto_bridge_fail(const char *name, const struct tyto_fault *fault, enum tyto_err err);
/* Runs until SIGINT or SIGTERM; the sink is *taken*. name: "webhook". Gives the exit status;
 * faults are told. */
int tyto_bridge_run(const char *name, const struct tyto_bridge_options *options,
                    struct tyto_sink *sink);

/* A log's sink: "tyto bridge ROOM: text" on stderr. */
void tyto_bridge_tell(void *user, enum tyto_log_level level, const char *room, const char *text);

int tyto_cmd_bridge_kafka(int argc, char **argv);
int tyto_cmd_bridge_mqtt(int argc, char **argv);
int tyto_cmd_bridge_webhook(int argc, char **argv);

#endif
