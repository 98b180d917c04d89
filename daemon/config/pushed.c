/* SPDX-License-Identifier: MIT */
#include "daemon/config/pushed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/json.h"
#include "files/open.h"
#include "files/replace.h"

enum { MAX_RECORD_BYTES = 8192, COPY_BYTES = 1 << 20, SHORT_DIGITS = 12 };
static const uint64_t max_head_bytes = (uint64_t)1 << 30;

/* A head that was pushed; digest "": the configured one. */
struct entry {
    char digest[TYTO_DIGEST_HEX_BYTES];
    char from[TYTO_CONFIG_PATH_MAX];
};

struct record {
    char instead_of[TYTO_DIGEST_HEX_BYTES];
    struct entry now, before;
};

/* --- files ------------------------------------------------------------------------------------ */

static bool copy_path(const struct tyto_config *config, const char *digest,
                      char ret_path[TYTO_CONFIG_PATH_MAX])
{
    char suffix[64];
    snprintf(suffix, sizeof(suffix), "pushed-%.*s.safetensors", SHORT_DIGITS, digest);
    return tyto_config_find_state(config, suffix, ret_path, TYTO_CONFIG_PATH_MAX);
}

static bool digest_of(const char *path, char ret_digest[TYTO_DIGEST_HEX_BYTES])
{
    const int fd = tyto_open_input(path);
    const bool is_read = fd >= 0 && tyto_digest_fd(fd, NULL, NULL, ret_digest) == TYTO_OK;
    if (fd >= 0)
        (void)close(fd);
    return is_read;
}

static bool is_whole(const struct tyto_config *config, const struct entry *entry,
                     char ret_path[TYTO_CONFIG_PATH_MAX])
{
    char digest[TYTO_DIGEST_HEX_BYTES];
    return copy_path(config, entry->digest, ret_path) && digest_of(ret_path, digest) &&
           strcmp(digest, entry->digest) == 0;
}

/* Writes the head at path to its place in the folder for state. */
static enum tyto_err copy(const char *path, const char *to, const char *digest,
                          struct tyto_fault *ret_fault)
{
    char found[TYTO_DIGEST_HEX_BYTES];
    struct tyto_replace *replace = NULL;
    const int fd = tyto_open_input(path);
    char *bytes = malloc(COPY_BYTES);
    uint64_t num_all = 0;
    ssize_t num = -1;
    enum tyto_err err = bytes ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = fd < 0 ? TYTO_ERR_IO : tyto_replace_begin(to, 0600, &replace);
    while (!err && (num = read(fd, bytes, COPY_BYTES)) > 0) {
        num_all += (uint64_t)num;
        err = num_all > max_head_bytes ? TYTO_ERR_FULL
                                       : tyto_replace_write(replace, bytes, (size_t)num);
    }
    if (!err && num < 0)
        err = TYTO_ERR_IO;
    if (err == TYTO_ERR_IO)
        (void)tyto_fault_set(ret_fault, err, to, 0, NULL, "%s", strerror(errno));
    if (!err && (lseek(tyto_replace_fd(replace), 0, SEEK_SET) != 0 ||
                 tyto_digest_fd(tyto_replace_fd(replace), NULL, NULL, found) != TYTO_OK))
        err = tyto_fault_set(ret_fault, TYTO_ERR_IO, to, 0, NULL, "cannot be read again");
    if (!err && strcmp(found, digest) != 0)
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL,
                             "is another file than the one that serves");
    if (!err && (err = tyto_replace_commit(&replace)))
        (void)tyto_fault_set(ret_fault, err, to, 0, NULL, "%s", strerror(errno));
    tyto_replace_abandon(&replace);
    free(bytes);
    if (fd >= 0)
        (void)close(fd);
    return err;
}

/* --- the record ------------------------------------------------------------------------------- */

static bool take_text(const struct tyto_json *json, const char *key, char *ret_text, size_t bytes)
{
    const char *text = tyto_json_string(tyto_json_get(json, key));
    return text && snprintf(ret_text, bytes, "%s", text) < (int)bytes;
}

/* False where it is neither null nor an entry. */
static bool take_entry(const struct tyto_json *json, const char *key, struct entry *ret_entry)
{
    const struct tyto_json *entry = tyto_json_get(json, key);
    return tyto_json_is_null(entry) ||
           (take_text(entry, "digest", ret_entry->digest, sizeof(ret_entry->digest)) &&
            strlen(ret_entry->digest) == TYTO_DIGEST_HEX_BYTES - 1 &&
            take_text(entry, "from", ret_entry->from, sizeof(ret_entry->from)));
}

/* False: there is none, or none that makes sense. */
static bool read_record(const struct tyto_config *config, struct record *ret_record)
{
    char path[TYTO_CONFIG_PATH_MAX], text[MAX_RECORD_BYTES];
    struct tyto_json *json = NULL;
    memset(ret_record, 0, sizeof(*ret_record));
    FILE *file =
        tyto_config_find_state(config, "pushed", path, sizeof(path)) ? fopen(path, "re") : NULL;
    if (!file)
        return false;
    const size_t num = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    if (num == sizeof(text) || tyto_json_parse(text, num, &json, NULL, 0) != TYTO_OK)
        return false;
    const bool is_good =
        take_text(json, "instead_of", ret_record->instead_of, sizeof(ret_record->instead_of)) &&
        take_entry(json, "now", &ret_record->now) &&
        take_entry(json, "before", &ret_record->before);
    tyto_json_destroy(&json);
    return is_good;
}

static struct tyto_json *json_of(const struct entry *entry)
{
    if (!entry->digest[0])
        return tyto_json_new_null();
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_put(&json, "digest", tyto_json_new_string(entry->digest));
    tyto_json_put(&json, "from", tyto_json_new_name(entry->from));
    return json;
}

static enum tyto_err write_record(const char *path, const struct record *record,
                                  struct tyto_fault *ret_fault)
{
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_put(&json, "instead_of", tyto_json_new_string(record->instead_of));
    tyto_json_put(&json, "now", json_of(&record->now));
    tyto_json_put(&json, "before", json_of(&record->before));
    char *text = json ? tyto_json_print(json) : NULL;
    enum tyto_err err = text ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err && (err = tyto_replace_all(path, 0600, text, strlen(text))))
        (void)tyto_fault_set(ret_fault, err, path, 0, NULL, "%s", strerror(errno));
    tyto_json_destroy(&json);
    free(text);
    return err;
}

/* The copy of a head that the record does not speak of any more. */
static void drop(const struct tyto_config *config, const struct entry *entry,
                 const struct record *record)
{
    char path[TYTO_CONFIG_PATH_MAX];
    if (entry->digest[0] && strcmp(entry->digest, record->now.digest) != 0 &&
        strcmp(entry->digest, record->before.digest) != 0 && copy_path(config, entry->digest, path))
        (void)unlink(path);
}

/* --- the two of them -------------------------------------------------------------------------- */

void tyto_pushed_find(const struct tyto_config *config, struct tyto_pushed *ret_pushed)
{
    struct record record;
    char path[TYTO_CONFIG_PATH_MAX];
    memset(ret_pushed, 0, sizeof(*ret_pushed));
    memcpy(ret_pushed->first, config->models.head, sizeof(ret_pushed->first));
    const bool is_read = digest_of(config->models.head, ret_pushed->first_digest);
    if (!read_record(config, &record))
        return;
    if (!is_read || strcmp(ret_pushed->first_digest, record.instead_of) != 0) {
        ret_pushed->is_stale = record.now.digest[0] != '\0';
        return;
    }
    if (record.now.digest[0]) {
        ret_pushed->is_damaged = !is_whole(config, &record.now, path);
        if (!ret_pushed->is_damaged) {
            memcpy(ret_pushed->first, path, sizeof(path));
            memcpy(ret_pushed->first_digest, record.now.digest, sizeof(record.now.digest));
        }
    }
    if (!record.before.digest[0])
        memcpy(ret_pushed->before, config->models.head, sizeof(ret_pushed->before));
    else if (is_whole(config, &record.before, path))
        memcpy(ret_pushed->before, path, sizeof(path));
}

enum tyto_err tyto_pushed_keep(const struct tyto_config *config, const char *path,
                               const char *digest, struct tyto_pushed *ret_pushed,
                               struct tyto_fault *ret_fault)
{
    struct record old, record = {.instead_of = ""};
    char record_path[TYTO_CONFIG_PATH_MAX], to[TYTO_CONFIG_PATH_MAX];
    if (!tyto_config_find_state(config, "pushed", record_path, sizeof(record_path)) ||
        !copy_path(config, digest, to))
        return TYTO_ERR_CLOSED;
    if (!digest_of(config->models.head, record.instead_of))
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, config->models.head, 0, NULL,
                              "cannot be read any more");
    const bool was_there = read_record(config, &old);
    const bool holds = was_there && strcmp(old.instead_of, record.instead_of) == 0;
    if (strcmp(digest, record.instead_of) != 0) { /* else it is the configured one */
        snprintf(record.now.digest, sizeof(record.now.digest), "%s", digest);
        snprintf(record.now.from, sizeof(record.now.from), "%s", path);
    }
    if (holds && strcmp(old.now.digest, record.now.digest) == 0) {
        tyto_pushed_find(config, ret_pushed);
        if (!ret_pushed->is_damaged)
            return TYTO_OK;
        record.before = old.before;
    } else if (holds) {
        record.before = old.now;
    }
    enum tyto_err err = TYTO_OK;
    if (record.now.digest[0] && strcmp(path, to) != 0)
        err = copy(path, to, digest, ret_fault);
    if (!err)
        err = write_record(record_path, &record, ret_fault);
    if (err)
        return err;
    if (was_there) {
        drop(config, &old.now, &record);
        drop(config, &old.before, &record);
    }
    tyto_pushed_find(config, ret_pushed);
    return TYTO_OK;
}
