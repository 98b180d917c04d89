/* SPDX-License-Identifier: MIT */
/* A query socket with keys, clients with different rights, and a journal with events of which each
 * may read some. */
#ifndef TYTO_TESTS_KEYS_WORLD_H
#define TYTO_TESTS_KEYS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/query.h"
#include "client/tyto.h"
#include "daemon/access/access.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"
#include "files/key_file.h"
#include "tests/folder.h"

enum { VIEWER, DOOR, DOG, CHIEF, STRANGER, NUM_USERS, WAIT_S = 60, NUM_EACH = 20 };

extern struct keys {
    char public_key[TYTO_CLIENT_KEY_BYTES], secret_key[TYTO_CLIENT_KEY_BYTES];
} users[NUM_USERS], server_keys;
extern char folder[FOLDER_MAX], key_path[96], clients_path[96], journal_path[96], endpoint[108],
    query_endpoint[108];
extern struct tyto_access *access_to;
extern struct tyto_journal *journal;
extern struct tyto_publisher *publisher;
extern struct tyto_query_server *server;
extern char hall_event[TYTO_ULID_CHARS + 1], door_event[TYTO_ULID_CHARS + 1];

extern const struct tyto_log test_log;

struct taken {
    uint32_t num;
    bool saw_hall, saw_other_than_dog;
};

/* Without those from `num` on; the first of them with `key`'s key. */
void write_clients(int num, int key);
/* bytes_per_s: of a key; 0: the usual. */
void start_server(uint32_t bytes_per_s);
/* Each 20 times in turn: hall/cat, door/dog, door/cat, NEW and END; then a hall/dog that is open.
 */
int make_world(void **state);
int remove_world(void **state);
enum tyto_err try_as(int user, struct tyto_query **ret_query, enum tyto_refusal *ret_refusal);
/* Who comes before the next heartbeat may be told of no query socket yet. */
struct tyto_query *ask_as(int user);
bool take(void *user, const struct tyto_message *message);
enum tyto_err replay(struct tyto_query *query, const char *prefix, struct taken *ret_taken);

#endif
