/* SPDX-License-Identifier: MIT */
/* Who is logged in: by a secret that only his browser has. Bounded: of one user the session that
 * was used longest ago makes room, and so it is for all of them. Times are of a clock that is never
 * set, in seconds; the caller says what it is. One thread. */
#ifndef TYTO_WEB_USERS_SESSIONS_H
#define TYTO_WEB_USERS_SESSIONS_H

#include <stdint.h>

#include "web/users/users.h"

enum {
    TYTO_SESSION_SECRET_CHARS = 64, /* hexadecimal, of 32 random bytes */
    TYTO_SESSIONS_MAX = 1024,
    TYTO_SESSIONS_MAX_OF_USER = 16,
    TYTO_SESSION_IDLE_S = 24 * 3600,
    TYTO_SESSION_WHOLE_S = 14 * 24 * 3600,
};

struct tyto_session {
    uint64_t id; /* never 0; of no other session of this process */
    char name[TYTO_USER_NAME_MAX + 1];
    enum tyto_role role;
    char token[33]; /* that a page must send with what changes something */
};

struct tyto_sessions;

/* on_over is called when a session is over, whyever; not by free. NULL: out of memory. */
struct tyto_sessions *tyto_sessions_new(void (*on_over)(void *user, uint64_t id), void *user);
void tyto_sessions_free(struct tyto_sessions *sessions);

/* Borrowed until the next call. *ret_secret is for the browser, and kept nowhere: sessions are
 * found by its hash. */
const struct tyto_session *tyto_sessions_begin(struct tyto_sessions *sessions,
                                               const struct tyto_user *user, int64_t now_s,
                                               char ret_secret[TYTO_SESSION_SECRET_CHARS + 1]);
/* Finds the session and counts it as used now; NULL: there is none, or it is over. Borrowed until
 * the next call. */
const struct tyto_session *tyto_sessions_use(struct tyto_sessions *sessions, const char *secret,
                                             int64_t now_s);
/* By its id. */
void tyto_sessions_end(struct tyto_sessions *sessions, uint64_t id);
/* Ends what has lasted or rested too long. */
void tyto_sessions_sweep(struct tyto_sessions *sessions, int64_t now_s);
/* Ends those of users who are gone, or have another role or password. */
void tyto_sessions_follow(struct tyto_sessions *sessions, const struct tyto_users *users);
uint32_t tyto_sessions_num(const struct tyto_sessions *sessions);

#endif
