/* SPDX-License-Identifier: MIT */
/* The file of clients. Between the files of this folder. */
#ifndef TYTO_DAEMON_ACCESS_CLIENTS_H
#define TYTO_DAEMON_ACCESS_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "daemon/access/access.h"

enum { TYTO_ACCESS_KEY_BYTES = 32 };

struct tyto_access_client {
    char name[TYTO_ACCESS_NAME_MAX + 1];
    uint8_t key[TYTO_ACCESS_KEY_BYTES];
    bool is_admin;
    char *prefixes; /* one after the other, each terminated; owned */
    size_t num_prefix_bytes;
    uint32_t num_prefixes;
    uint64_t version;
};

struct tyto_access_clients {
    struct tyto_access_client *items; /* owned */
    uint32_t num;
};

/* NOT_FOUND, IO, FORMAT, NOMEM with *ret_fault. Versions are 0. */
TYTO_MUST_CHECK
enum tyto_err tyto_access_clients_read(const char *path, struct tyto_access_clients *ret_clients,
                                       struct tyto_fault *ret_fault);
void tyto_access_clients_finish(struct tyto_access_clients *clients);
/* Versions of those that are as they were; new numbers from *version on for the others. True when
 * anything differs. */
bool tyto_access_clients_follow(struct tyto_access_clients *clients,
                                const struct tyto_access_clients *before, uint64_t *version);
/* NULL: there is none. */
const struct tyto_access_client *
tyto_access_clients_named(const struct tyto_access_clients *clients, const char *name);
const struct tyto_access_client *
tyto_access_clients_keyed(const struct tyto_access_clients *clients,
                          const uint8_t key[TYTO_ACCESS_KEY_BYTES]);
void tyto_access_client_rights(const struct tyto_access_client *client,
                               struct tyto_rights *ret_rights);

#endif
