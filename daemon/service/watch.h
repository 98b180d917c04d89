/* SPDX-License-Identifier: MIT */
/* Looks whether the threads that everything depends on still turn, in a thread of its own that
 * waits for none of them. It alone feeds systemd's watchdog, and only when each of them has turned
 * since it did so last. */
#ifndef TYTO_DAEMON_SERVICE_WATCH_H
#define TYTO_DAEMON_SERVICE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

enum {
    TYTO_WATCH_MAX = 16,
    TYTO_WATCH_TELL_S = 10, /* a thread that stands still for so long is told of; no more food */
    TYTO_WATCH_END_S = 20,  /* and after so long the process is ended */
};

struct tyto_watched {
    const char *name; /* "inference"; static */
    /* A number that grows as long as the thread does its work. Never waits. */
    uint64_t (*num_turns)(const void *user);
    const void *user;
    /* As the kernel calls a thread that may wait for a disk: as long as it does it is told of, and
     * counts as turning, as nothing else needs it. Static; NULL: whatever it waits for. */
    const char *disk_thread;
};

struct tyto_watch_params {
    struct tyto_watched threads[TYTO_WATCH_MAX];
    uint32_t num_threads;
    /* On the watch's thread. A thread (or NULL: the teardown) stands still for good: say goodbye to
     * subscribers and leave with _exit(). */
    void (*on_end)(void *user, const char *name);
    void (*on_tell)(void *user); /* the same; something was logged. NULL: nothing more is done */
    void *user;
    uint64_t feed_every_ns;     /* WATCHDOG=1; 0: nobody wants any */
    uint32_t scale_ms;          /* what counts as a second; 0: 1000. For tests */
    const struct tyto_log *log; /* borrowed until destroy */
};

struct tyto_watch;

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_watch_create(const struct tyto_watch_params *params,
                                struct tyto_watch **ret_watch);
/* The process is ending: the threads may rest now, but it must be over within limit_s. */
void tyto_watch_expect_end(struct tyto_watch *watch, uint32_t limit_s);
/* Of the watch's own thread, which looks four times a second; somebody else may look whether it
 * does. Any thread; never waits. NULL: 0. */
uint64_t tyto_watch_num_looks(const struct tyto_watch *watch);
/* The name of a thread that stands still, NULL when all is well. Static. Any thread. */
const char *tyto_watch_standing(const struct tyto_watch *watch);
void tyto_watch_destroy(struct tyto_watch **watch);

#endif
