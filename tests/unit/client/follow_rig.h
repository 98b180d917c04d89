/* SPDX-License-Identifier: MIT */
/* What follows a log, against a daemon that is made of a few numbers. */
#ifndef TYTO_TESTS_FOLLOW_RIG_H
#define TYTO_TESTS_FOLLOW_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/follow.h"

enum { MAX_GIVEN = 8000, CHUNK = 64, MS = 1000000 };

struct made_daemon {
    uint8_t log, boot;           /* stand for ids that hold only this */
    uint64_t last, oldest;       /* of its journal; oldest 0: none */
    uint64_t num_uncommitted;    /* the newest ones: not in the journal yet */
    bool is_silent;              /* it does not answer */
    enum tyto_query_error error; /* it answers that; 0: it does not */
    /* What it works on. */
    uint64_t id, next, to;
    bool is_snapshot;
    int credit;
};

extern struct rig {
    struct made_daemon daemon;
    struct tyto_follow follow;
    uint64_t now_ns;
    uint64_t given[MAX_GIVEN];
    uint32_t num_given, num_snapshot;
    uint64_t lost_from[64], lost_to[64], lost_num[64];
    enum tyto_feed_loss lost_why[64];
    uint32_t num_lost;
    uint32_t num_of_kind[TYTO_FEED_REFUSED + 1];
    uint32_t num_sockets;
} rig;

static const struct tyto_follow_params from_oldest = {.start = TYTO_FEED_FROM_OLDEST};
static const struct tyto_follow_params from_now = {.start = TYTO_FEED_FROM_NOW};

bool is_wanted(uint64_t seq);
void publish(uint64_t seq);
void hear(bool is_beat);
void answer(void);
/* One turn; true when anything came of it. */
bool turn(bool answers);
/* Until nothing comes of it for `ms` of its time. */
void run(uint64_t ms);
void begin(const struct tyto_follow_params *params);
struct tyto_follow_params after(uint8_t log, uint64_t seq);
/* What was given is from..to, as far as it is wanted, once and in order. */
void expect_given(uint64_t from, uint64_t to);
void expect_position(uint8_t log, uint64_t seq);

#endif
