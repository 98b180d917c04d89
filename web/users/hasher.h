/* SPDX-License-Identifier: MIT */
/* Passwords are checked on one thread of its own, one after the other: however many come at once,
 * that costs one processor and the memory of one check. What comes from known browsers goes first,
 * and what there is no room for is refused. Called, and calling back, on the main loop's thread. */
#ifndef TYTO_WEB_USERS_HASHER_H
#define TYTO_WEB_USERS_HASHER_H

#include <stdbool.h>

enum { TYTO_HASHER_MAX_WAITING = 24 /* of known browsers, and as many of others */ };

struct tyto_hasher;

struct tyto_hasher *tyto_hasher_new(void);
/* Waits for the check that goes on; what waits is dropped: done is not called any more. */
void tyto_hasher_free(struct tyto_hasher *hasher);

/* Copies both texts (hash NULL: nobody's). done gets job and whether the password is right. False:
 * too many wait, and done is not called. */
bool tyto_hasher_check(struct tyto_hasher *hasher, const char *hash, const char *password,
                       bool is_known, void (*done)(void *job, bool is_right), void *job);

#endif
