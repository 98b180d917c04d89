/* SPDX-License-Identifier: MIT */
/* A journal, the publisher that commits to it and the query socket, as the daemon has them. */
#ifndef TYTO_TESTS_JOURNAL_RIG_H
#define TYTO_TESTS_JOURNAL_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/query.h"
#include "client/tyto.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"
#include "tests/folder.h"

extern char folder[FOLDER_MAX];
extern char path[96], endpoint[96], query_endpoint[96];

/* All three, as the daemon has them. */
struct rig {
    struct tyto_journal *journal;
    struct tyto_publisher *publisher;
    struct tyto_query_server *server;
    struct tyto_query *query;
};

enum { MAX_TAKEN = 4096 };
struct taken {
    uint32_t num, max;
    uint64_t seqs[MAX_TAKEN];
    struct tyto_event first, last;
};

struct tyto_journal *open_journal(uint64_t max_messages);
struct tyto_publisher *start_publisher(struct tyto_journal *journal);
void start(struct rig *rig, uint64_t max_messages);
void stop(struct rig *rig);
struct tyto_event make_event(const char *camera, const char *class_name, int64_t begin_s);
void publish(struct rig *rig, const struct tyto_event *event);
/* NEW and END. */
struct tyto_event publish_whole(struct rig *rig, const char *camera, const char *class_name,
                                int64_t begin_s);
void wait_until_sent(struct rig *rig, uint64_t seq);
bool take(void *user, const struct tyto_message *message);
struct taken replay(struct rig *rig, uint64_t from_seq, uint64_t to_seq, const char *prefix,
                    uint64_t *ret_num_missing);
int set_up(void **state);
/* Of a group: the folder, and what is in it. */
int make_folder(void **state);
int remove_folder(void **state);

#endif
