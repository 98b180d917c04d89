/* SPDX-License-Identifier: MIT */
/* The file of users: who may come to the page, as what, and the hash of his password (Argon2id).
 * One on each line, '#' begins a comment line:
 *     NAME ROLE HASH
 * Names are as those of cameras; at most 256 users, 64 KiB. One thread. */
#ifndef TYTO_WEB_USERS_USERS_H
#define TYTO_WEB_USERS_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/words.h"

enum {
    TYTO_USER_NAME_MAX = 31,
    TYTO_USER_HASH_BYTES = 128, /* with its terminator */
    TYTO_USER_MAX_PASSWORD = 256,
    TYTO_USER_MIN_PASSWORD = 10,
    TYTO_USERS_MAX = 256,
    TYTO_USERS_FILE_MAX_BYTES = 64 << 10,
};

#define TYTO_ROLE_LIST(X)                                                                          \
    X(TYTO_ROLE_VIEWER, "viewer", "looks")                                                         \
    X(TYTO_ROLE_ADMIN, "admin", "also changes what the page can change")
enum tyto_role { TYTO_ROLE_LIST(TYTO_WORD_ENUM) };
const char *tyto_role_name(enum tyto_role role);

struct tyto_user {
    char name[TYTO_USER_NAME_MAX + 1];
    enum tyto_role role;
    char hash[TYTO_USER_HASH_BYTES];
};

struct tyto_users {
    struct tyto_user *items; /* owned */
    uint32_t num;
};

/* NOT_FOUND, IO, FORMAT (with the line), INVALID (everybody may read it), NOMEM, with *ret_fault.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_users_read(const char *path, struct tyto_users *ret_users,
                              struct tyto_fault *ret_fault);
/* The file appears whole or stays as it was; a new one has mode 0600. Comments are not kept. IO,
 * NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_users_write(const char *path, const struct tyto_users *users,
                               struct tyto_fault *ret_fault);
void tyto_users_finish(struct tyto_users *users);

/* NULL: there is none. Borrowed until the users change. */
struct tyto_user *tyto_users_find(const struct tyto_users *users, const char *name);
/* A new user without a password, borrowed likewise. INVALID for a name that is none, EXISTS, FULL,
 * NOMEM, with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_users_add(struct tyto_users *users, const char *name, enum tyto_role role,
                             struct tyto_user **ret_user, struct tyto_fault *ret_fault);
void tyto_users_remove(struct tyto_users *users, struct tyto_user *user);

/* --- passwords: each time 32 MiB, and a processor for some tenths of a second; any thread
 * ---------
 */

/* INVALID for a password that is too short, too long, or not to be typed, with *ret_fault; NOMEM.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_password_hash(const char *password, char ret_hash[TYTO_USER_HASH_BYTES],
                                 struct tyto_fault *ret_fault);
/* hash NULL: nobody's; takes as long, and is never right. */
bool tyto_password_is_right(const char *hash, const char *password);

#endif
