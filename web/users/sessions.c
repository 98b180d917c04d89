/* SPDX-License-Identifier: MIT */
#include "web/users/sessions.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_BYTES = TYTO_SESSION_SECRET_CHARS / 2, HASH_BYTES = 32 };

struct entry {
    struct tyto_session session; /* id 0: free */
    uint8_t secret_hash[HASH_BYTES], user_hash[HASH_BYTES];
    int64_t begin_s, used_s;
};

struct tyto_sessions {
    void (*on_over)(void *user, uint64_t id);
    void *user;
    uint64_t num_begun;
    uint32_t num;
    struct entry entries[TYTO_SESSIONS_MAX];
};

static void hash_of(const void *bytes, size_t num_bytes, uint8_t ret_hash[HASH_BYTES])
{
    (void)crypto_generichash(ret_hash, HASH_BYTES, bytes, num_bytes, NULL, 0);
}

/* Changes with everything that ends a user's sessions. */
static void hash_user(const struct tyto_user *user, uint8_t ret_hash[HASH_BYTES])
{
    char text[sizeof(*user) + 16];
    const int num =
        snprintf(text, sizeof(text), "%s %d %s", user->name, (int)user->role, user->hash);
    hash_of(text, (size_t)num, ret_hash);
}

struct tyto_sessions *tyto_sessions_new(void (*on_over)(void *user, uint64_t id), void *user)
{
    struct tyto_sessions *sessions = sodium_init() < 0 ? NULL : calloc(1, sizeof(*sessions));
    if (sessions) {
        sessions->on_over = on_over;
        sessions->user = user;
    }
    return sessions;
}

void tyto_sessions_free(struct tyto_sessions *sessions)
{
    free(sessions);
}

static void end(struct tyto_sessions *sessions, struct entry *entry)
{
    const uint64_t id = entry->session.id;
    sodium_memzero(entry, sizeof(*entry));
    sessions->num--;
    sessions->on_over(sessions->user, id);
}

/* Of one user, or of all of them (name NULL). */
static struct entry *longest_unused(struct tyto_sessions *sessions, const char *name,
                                    uint32_t *ret_num)
{
    struct entry *found = NULL;
    *ret_num = 0;
    for (uint32_t i = 0; i < TYTO_SESSIONS_MAX; i++) {
        struct entry *entry = &sessions->entries[i];
        if (!entry->session.id || (name && strcmp(entry->session.name, name) != 0))
            continue;
        ++*ret_num;
        if (!found || entry->used_s < found->used_s)
            found = entry;
    }
    return found;
}

static void make_room(struct tyto_sessions *sessions, const char *name)
{
    uint32_t num = 0;
    struct entry *oldest = longest_unused(sessions, name, &num);
    if (num >= TYTO_SESSIONS_MAX_OF_USER)
        end(sessions, oldest);
    oldest = longest_unused(sessions, NULL, &num);
    if (num == TYTO_SESSIONS_MAX)
        end(sessions, oldest);
}

const struct tyto_session *tyto_sessions_begin(struct tyto_sessions *sessions,
                                               const struct tyto_user *user, int64_t now_s,
                                               char ret_secret[TYTO_SESSION_SECRET_CHARS + 1])
{
    uint8_t secret[SECRET_BYTES], token[16];
    make_room(sessions, user->name);
    struct entry *entry = sessions->entries;
    while (entry->session.id)
        entry++;
    randombytes_buf(secret, sizeof(secret));
    randombytes_buf(token, sizeof(token));
    (void)sodium_bin2hex(ret_secret, TYTO_SESSION_SECRET_CHARS + 1, secret, sizeof(secret));
    *entry = (struct entry){.session = {.id = ++sessions->num_begun, .role = user->role},
                            .begin_s = now_s,
                            .used_s = now_s};
    snprintf(entry->session.name, sizeof(entry->session.name), "%s", user->name);
    (void)sodium_bin2hex(entry->session.token, sizeof(entry->session.token), token, sizeof(token));
    hash_of(ret_secret, TYTO_SESSION_SECRET_CHARS, entry->secret_hash);
    hash_user(user, entry->user_hash);
    sodium_memzero(secret, sizeof(secret));
    sessions->num++;
    return &entry->session;
}

static bool is_over(const struct entry *entry, int64_t now_s)
{
    return now_s - entry->used_s >= TYTO_SESSION_IDLE_S ||
           now_s - entry->begin_s >= TYTO_SESSION_WHOLE_S;
}

const struct tyto_session *tyto_sessions_use(struct tyto_sessions *sessions, const char *secret,
                                             int64_t now_s)
{
    uint8_t hash[HASH_BYTES];
    if (strlen(secret) != TYTO_SESSION_SECRET_CHARS)
        return NULL;
    /* What is compared is a hash, so that how long it takes tells nothing of a secret. */
    hash_of(secret, TYTO_SESSION_SECRET_CHARS, hash);
    for (uint32_t i = 0; i < TYTO_SESSIONS_MAX; i++) {
        struct entry *entry = &sessions->entries[i];
        if (!entry->session.id || memcmp(entry->secret_hash, hash, sizeof(hash)) != 0)
            continue;
        if (is_over(entry, now_s)) {
            end(sessions, entry);
            return NULL;
        }
        entry->used_s = now_s;
        return &entry->session;
    }
    return NULL;
}

void tyto_sessions_end(struct tyto_sessions *sessions, uint64_t id)
{
    for (uint32_t i = 0; id && i < TYTO_SESSIONS_MAX; i++) {
        if (sessions->entries[i].session.id == id)
            end(sessions, &sessions->entries[i]);
    }
}

void tyto_sessions_sweep(struct tyto_sessions *sessions, int64_t now_s)
{
    for (uint32_t i = 0; i < TYTO_SESSIONS_MAX; i++) {
        struct entry *entry = &sessions->entries[i];
        if (entry->session.id && is_over(entry, now_s))
            end(sessions, entry);
    }
}

void tyto_sessions_follow(struct tyto_sessions *sessions, const struct tyto_users *users)
{
    for (uint32_t i = 0; i < TYTO_SESSIONS_MAX; i++) {
        struct entry *entry = &sessions->entries[i];
        uint8_t hash[HASH_BYTES];
        if (!entry->session.id)
            continue;
        const struct tyto_user *user = tyto_users_find(users, entry->session.name);
        if (user)
            hash_user(user, hash);
        if (!user || memcmp(hash, entry->user_hash, sizeof(hash)) != 0)
            end(sessions, entry);
    }
}

uint32_t tyto_sessions_num(const struct tyto_sessions *sessions)
{
    return sessions->num;
}
