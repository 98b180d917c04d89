/* SPDX-License-Identifier: MIT */
#include "web/users/users.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "files/guarded.h"
#include "files/replace.h"

/* What a hash may ask of this machine. */
enum { MAX_HASH_KIB = 256 << 10, MAX_HASH_PASSES = 16 };

/* What a new one takes: more than OWASP asks of Argon2id at least (19 MiB, 2 passes), and little
 * enough for a small machine. */
enum { HASH_BYTES = 32 << 20, HASH_PASSES = 2 };

static const struct tyto_word *const roles = TYTO_WORDS(TYTO_ROLE_LIST);

const char *tyto_role_name(enum tyto_role role)
{
    return tyto_word_of(roles, (uint32_t)role);
}

/* --- reading --------------------------------------------------------------------------------- */

struct reading {
    const char *path;
    uint32_t line;
    struct tyto_users *users;
    struct tyto_fault *ret_fault;
};

static enum tyto_err refuse(const struct reading *reading, const char *key, const char *text)
{
    return tyto_fault_set(reading->ret_fault, TYTO_ERR_FORMAT, reading->path, reading->line, key,
                          "%s", text);
}

static bool is_hash(const char *text)
{
    static const char begin[] = "$argon2id$v=19$m=";
    char *rest = NULL;
    if (strlen(text) >= TYTO_USER_HASH_BYTES || strncmp(text, begin, sizeof(begin) - 1) != 0)
        return false;
    const unsigned long kib = strtoul(text + sizeof(begin) - 1, &rest, 10);
    if (kib > MAX_HASH_KIB || strncmp(rest, ",t=", 3) != 0)
        return false;
    const unsigned long passes = strtoul(rest + 3, &rest, 10);
    return passes <= MAX_HASH_PASSES && strncmp(rest, ",p=1$", 5) == 0;
}

static enum tyto_err read_line(struct reading *reading, char *text)
{
    char *rest = NULL;
    const char *name = strtok_r(text, " \t\r", &rest);
    if (!name || name[0] == '#')
        return TYTO_OK;
    const char *role_text = strtok_r(NULL, " \t\r", &rest);
    const char *hash = strtok_r(NULL, " \t\r", &rest);
    uint32_t role = 0;
    struct tyto_user *user = NULL;
    if (!role_text || !tyto_word_find(roles, role_text, &role))
        return refuse(reading, NULL, "a line is NAME ROLE HASH, and a role viewer or admin");
    if (!hash || !is_hash(hash) || strtok_r(NULL, " \t\r", &rest))
        return refuse(reading, NULL,
                      "has no hash of a password behind the role, as `tyto user` writes it");
    struct tyto_fault fault = {.text = ""};
    const enum tyto_err err =
        tyto_users_add(reading->users, name, (enum tyto_role)role, &user, &fault);
    if (err)
        return err == TYTO_ERR_NOMEM ? err : refuse(reading, NULL, fault.text);
    snprintf(user->hash, sizeof(user->hash), "%s", hash);
    return TYTO_OK;
}

static enum tyto_err read_all(struct reading *reading, char *text)
{
    enum tyto_err err = TYTO_OK;
    for (char *line = text; !err && line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        reading->line++;
        err = read_line(reading, line);
        line = end ? end + 1 : NULL;
    }
    return err;
}

enum tyto_err tyto_users_read(const char *path, struct tyto_users *ret_users,
                              struct tyto_fault *ret_fault)
{
    struct tyto_users users = {.num = 0};
    struct reading reading = {.path = path, .users = &users, .ret_fault = ret_fault};
    const size_t text_bytes = TYTO_USERS_FILE_MAX_BYTES + 1;
    char *text = malloc(text_bytes);
    enum tyto_err err = text ? tyto_guarded_read(path, TYTO_GUARD_OTHERS, "passwords' hashes", text,
                                                 text_bytes, ret_fault)
                             : TYTO_ERR_NOMEM;
    if (!err)
        err = read_all(&reading, text);
    free(text);
    if (err)
        tyto_users_finish(&users);
    else
        *ret_users = users;
    return err;
}

/* --- writing --------------------------------------------------------------------------------- */

enum tyto_err tyto_users_write(const char *path, const struct tyto_users *users,
                               struct tyto_fault *ret_fault)
{
    struct tyto_replace *replace = NULL;
    enum tyto_err err = tyto_replace_begin(path, 0600, &replace);
    FILE *file = err ? NULL : tyto_replace_file(replace);
    if (!err && !file)
        err = TYTO_ERR_NOMEM;
    if (!err) {
        fprintf(file,
                "# Who may come to the page of tyto serve: NAME ROLE HASH. By `tyto user`.\n");
        for (uint32_t i = 0; i < users->num; i++)
            fprintf(file, "%s %s %s\n", users->items[i].name, tyto_role_name(users->items[i].role),
                    users->items[i].hash);
        err = tyto_replace_commit(&replace);
    }
    if (err) {
        (void)tyto_fault_set(ret_fault, err, path, 0, NULL, "%s",
                             err == TYTO_ERR_IO ? strerror(errno) : tyto_err_text(err));
        tyto_replace_abandon(&replace);
    }
    return err;
}

/* --- who there is ---------------------------------------------------------------------------- */

void tyto_users_finish(struct tyto_users *users)
{
    free(users->items);
    *users = (struct tyto_users){.num = 0};
}

struct tyto_user *tyto_users_find(const struct tyto_users *users, const char *name)
{
    for (uint32_t i = 0; i < users->num; i++) {
        if (strcmp(users->items[i].name, name) == 0)
            return &users->items[i];
    }
    return NULL;
}

enum tyto_err tyto_users_add(struct tyto_users *users, const char *name, enum tyto_role role,
                             struct tyto_user **ret_user, struct tyto_fault *ret_fault)
{
    if (!tyto_text_is_name(name, TYTO_USER_NAME_MAX + 1))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "a user's name has 1 to 31 characters of a-z 0-9 _ -");
    if (tyto_users_find(users, name))
        return tyto_fault_set(ret_fault, TYTO_ERR_EXISTS, NULL, 0, NULL,
                              "there is a user '%s' already", name);
    if (users->num == TYTO_USERS_MAX)
        return tyto_fault_set(ret_fault, TYTO_ERR_FULL, NULL, 0, NULL, "more than %d users",
                              TYTO_USERS_MAX);
    struct tyto_user *grown = realloc(users->items, (users->num + 1) * sizeof(*grown));
    if (!grown)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    users->items = grown;
    *ret_user = &grown[users->num++];
    **ret_user = (struct tyto_user){.role = role};
    snprintf((*ret_user)->name, sizeof((*ret_user)->name), "%s", name);
    return TYTO_OK;
}

void tyto_users_remove(struct tyto_users *users, struct tyto_user *user)
{
    const size_t idx = (size_t)(user - users->items);
    users->num--;
    memmove(user, user + 1, (users->num - idx) * sizeof(*user));
}

/* --- passwords ------------------------------------------------------------------------------- */

enum tyto_err tyto_password_hash(const char *password, char ret_hash[TYTO_USER_HASH_BYTES],
                                 struct tyto_fault *ret_fault)
{
    _Static_assert(crypto_pwhash_STRBYTES <= TYTO_USER_HASH_BYTES, "a hash fits");
    const size_t len = strlen(password);
    bool is_text = tyto_text_is_utf8(password, len);
    for (const char *c = password; is_text && *c; c++)
        is_text = !tyto_text_is_control(c);
    if (!is_text || len < TYTO_USER_MIN_PASSWORD || len > TYTO_USER_MAX_PASSWORD)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "a password has %d to %d bytes of UTF-8, and no control characters",
                              TYTO_USER_MIN_PASSWORD, TYTO_USER_MAX_PASSWORD);
    if (sodium_init() < 0 ||
        crypto_pwhash_str(ret_hash, password, len, HASH_PASSES, HASH_BYTES) != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    return TYTO_OK;
}

bool tyto_password_is_right(const char *hash, const char *password)
{
    /* Of random bytes that nobody kept, and as costly. */
    static const char nobodys[] = "$argon2id$v=19$m=32768,t=2,p=1$N5F2YAl4VtK4Rkn8KLI/"
                                  "wA$pfSksMzphOSuhZQG/frzyS2STotwzQx9n3GwRXMt1Nc";
    char padded[TYTO_USER_HASH_BYTES] = "";
    snprintf(padded, sizeof(padded), "%s", hash ? hash : nobodys);
    const bool is_right =
        sodium_init() >= 0 && crypto_pwhash_str_verify(padded, password, strlen(password)) == 0;
    return hash && is_right;
}
