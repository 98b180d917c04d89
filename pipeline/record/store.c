/* SPDX-License-Identifier: MIT */
#include "pipeline/record/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/folder.h"
#include "files/replace.h"

static const char ending[] = ".mkv";
static const char part_ending[] = ".mkv.part"; /* being written */

struct clip {
    char camera[TYTO_ID_MAX + 1];
    char name[TYTO_CLIP_NAME_MAX]; /* begins with its time, so that names sort by it */
    int64_t unix_s;
    uint64_t num_bytes;
    bool is_gone; /* deleted; its labels not yet */
};

struct tyto_clip_store {
    struct tyto_clip_store_params params;
    char *dir;
    int lock_fd;
    struct clip *clips; /* owned, oldest first */
    uint32_t num_clips, capacity;
    uint64_t num_bytes, num_reserved;
    uint64_t num_deleted;
    uint32_t num_gone;
};

/* --- names ---------------------------------------------------------------------------- */

void tyto_clip_name(char ret_name[TYTO_CLIP_NAME_MAX], int64_t unix_ns, const char *class_name,
                    const char *event_id)
{
    const time_t seconds = (time_t)(unix_ns / (int64_t)TYTO_NS_PER_S);
    struct tm utc;
    char time_text[32] = "19700101T000000Z";
    if (gmtime_r(&seconds, &utc))
        (void)strftime(time_text, sizeof(time_text), "%Y%m%dT%H%M%SZ", &utc);
    snprintf(ret_name, TYTO_CLIP_NAME_MAX, "%s-%s-%s", time_text, class_name, event_id);
}

static bool is_digits(const char *text, size_t num)
{
    return strspn(text, "0123456789") >= num;
}

/* A name as tyto_clip_name() makes them, followed by exactly this ending. */
static bool read_name(const char *file, const char *with_ending, int64_t *ret_unix_s,
                      char ret_name[TYTO_CLIP_NAME_MAX])
{
    const size_t len = strlen(file), num_ending = strlen(with_ending);
    const size_t num_fixed = sizeof("20000101T000000Z-") - 1 + 1 + TYTO_ULID_CHARS;
    if (len <= num_fixed + num_ending || len - num_ending >= TYTO_CLIP_NAME_MAX ||
        strcmp(file + len - num_ending, with_ending) != 0)
        return false;
    snprintf(ret_name, TYTO_CLIP_NAME_MAX, "%.*s", (int)(len - num_ending), file);
    const char *id = ret_name + strlen(ret_name) - TYTO_ULID_CHARS;
    if (!is_digits(ret_name, 8) || ret_name[8] != 'T' || !is_digits(ret_name + 9, 6) ||
        ret_name[15] != 'Z' || ret_name[16] != '-' || id[-1] != '-' || !tyto_event_id_is_valid(id))
        return false;
    const char *t = ret_name;
#define PAIR(at) ((t[at] - '0') * 10 + t[(at) + 1] - '0')
    struct tm utc = {.tm_year = PAIR(0) * 100 + PAIR(2) - 1900,
                     .tm_mon = PAIR(4) - 1,
                     .tm_mday = PAIR(6),
                     .tm_hour = PAIR(9),
                     .tm_min = PAIR(11),
                     .tm_sec = PAIR(13)};
#undef PAIR
    *ret_unix_s = (int64_t)timegm(&utc);
    return true;
}

static void path_of(const struct tyto_clip_store *store, const char *camera, const char *name,
                    const char *with_ending, char ret_path[TYTO_CLIP_PATH_MAX])
{
    snprintf(ret_path, TYTO_CLIP_PATH_MAX, "%s/%s/%s%s", store->dir, camera, name, with_ending);
}

/* --- what is there ---------------------------------------------------------------------- */

static enum tyto_err add_clip(struct tyto_clip_store *store, const char *camera, const char *name,
                              int64_t unix_s, uint64_t num_bytes)
{
    if (store->num_clips == store->capacity) {
        const uint32_t capacity = store->capacity ? store->capacity * 2 : 64;
        struct clip *grown = realloc(store->clips, capacity * sizeof(*grown));
        if (!grown)
            return TYTO_ERR_NOMEM;
        store->clips = grown;
        store->capacity = capacity;
    }
    uint32_t at = store->num_clips++;
    for (; at > 0 && strcmp(store->clips[at - 1].name, name) > 0; at--)
        store->clips[at] = store->clips[at - 1];
    struct clip *clip = &store->clips[at];
    *clip = (struct clip){.unix_s = unix_s, .num_bytes = num_bytes};
    snprintf(clip->camera, sizeof(clip->camera), "%s", camera);
    snprintf(clip->name, sizeof(clip->name), "%s", name);
    store->num_bytes += num_bytes;
    return TYTO_OK;
}

static enum tyto_err scan_camera(struct tyto_clip_store *store, const char *camera)
{
    char path[TYTO_CLIP_PATH_MAX], name[TYTO_CLIP_NAME_MAX];
    snprintf(path, sizeof(path), "%s/%s", store->dir, camera);
    DIR *folder = opendir(path);
    enum tyto_err err = TYTO_OK;
    for (struct dirent *entry; folder && err == TYTO_OK && (entry = readdir(folder));) {
        int64_t unix_s;
        struct stat status;
        if (read_name(entry->d_name, part_ending, &unix_s, name)) {
            path_of(store, camera, name, part_ending, path);
            unlink(path);
        } else if (read_name(entry->d_name, ending, &unix_s, name)) {
            path_of(store, camera, name, ending, path);
            if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
                err = add_clip(store, camera, name, unix_s, (uint64_t)status.st_size);
        }
    }
    if (folder)
        closedir(folder);
    return err;
}

static enum tyto_err scan(struct tyto_clip_store *store)
{
    DIR *folder = opendir(store->dir);
    enum tyto_err err = folder ? TYTO_OK : TYTO_ERR_IO;
    for (struct dirent *entry; err == TYTO_OK && (entry = readdir(folder));) {
        if (tyto_id_is_valid(entry->d_name))
            err = scan_camera(store, entry->d_name);
    }
    if (folder)
        closedir(folder);
    return err;
}

/* --- life ---------------------------------------------------------------------------------- */

static enum tyto_err fail(struct tyto_fault *ret_fault, const char *path, const char *what)
{
    const int reason = errno;
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s: %s", what, strerror(reason));
}

static enum tyto_err open_folder(struct tyto_clip_store *store, struct tyto_fault *ret_fault)
{
    char path[TYTO_CLIP_PATH_MAX];
    if (tyto_folder_make(store->dir, 0750))
        return fail(ret_fault, store->dir, "the folder for recordings cannot be made");
    snprintf(path, sizeof(path), "%s/.lock", store->dir);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (store->lock_fd < 0)
        return fail(ret_fault, store->dir, "the folder for recordings cannot be written to");
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_EXISTS, store->dir, 0, NULL,
                              "another process records there: give each its own folder");
    const enum tyto_err err = scan(store);
    if (err == TYTO_ERR_IO)
        return fail(ret_fault, store->dir, "the folder for recordings cannot be read");
    return err;
}

enum tyto_err tyto_clip_store_create(const struct tyto_clip_store_params *params,
                                     struct tyto_clip_store **ret_store,
                                     struct tyto_fault *ret_fault)
{
    struct tyto_clip_store *store = calloc(1, sizeof(*store));
    if (!store)
        return TYTO_ERR_NOMEM;
    store->params = *params;
    store->lock_fd = -1;
    if (store->params.max_bytes == 0)
        store->params.max_bytes = TYTO_CLIP_STORE_DEFAULT_MAX_BYTES;
    if (store->params.min_free_bytes == 0)
        store->params.min_free_bytes = TYTO_CLIP_STORE_DEFAULT_MIN_FREE_BYTES;
    store->dir = strdup(params->dir);
    const enum tyto_err err = store->dir ? open_folder(store, ret_fault) : TYTO_ERR_NOMEM;
    if (err != TYTO_OK) {
        tyto_clip_store_destroy(&store);
        return err;
    }
    *ret_store = store;
    return TYTO_OK;
}

void tyto_clip_store_destroy(struct tyto_clip_store **store)
{
    if (!store || !*store)
        return;
    if ((*store)->lock_fd >= 0)
        close((*store)->lock_fd);
    free((*store)->clips);
    free((*store)->dir);
    free(*store);
    *store = NULL;
}

/* --- deleting --------------------------------------------------------------------------------- */

static bool is_gone(void *user, const char *file)
{
    const struct tyto_clip_store *store = user;
    char own[TYTO_CLIP_PATH_MAX];
    for (uint32_t i = 0; i < store->num_clips; i++) {
        if (!store->clips[i].is_gone)
            continue;
        snprintf(own, sizeof(own), "%s/%s%s", store->clips[i].camera, store->clips[i].name, ending);
        if (strcmp(own, file) == 0)
            return true;
    }
    return false;
}

/* Takes the labels of what was deleted out, and then forgets it. */
static void forget_gone(struct tyto_clip_store *store)
{
    if (store->num_gone == 0)
        return;
    /* Labels of recordings that are gone do no harm: `tyto label check` names them. */
    (void)!tyto_clip_labels_remove(store->dir, is_gone, store);
    uint32_t num = 0;
    for (uint32_t i = 0; i < store->num_clips; i++) {
        if (!store->clips[i].is_gone)
            store->clips[num++] = store->clips[i];
    }
    store->num_clips = num;
    store->num_gone = 0;
}

static bool delete_clip(struct tyto_clip_store *store, struct clip *clip)
{
    char path[TYTO_CLIP_PATH_MAX];
    path_of(store, clip->camera, clip->name, ending, path);
    if (unlink(path) != 0 && errno != ENOENT)
        return false;
    clip->is_gone = true;
    store->num_bytes -= clip->num_bytes;
    store->num_deleted++;
    store->num_gone++;
    return true;
}

static bool fits(const struct tyto_clip_store *store, uint64_t num_bytes)
{
    if (store->num_bytes + store->num_reserved + num_bytes > store->params.max_bytes)
        return false;
    struct statvfs disk;
    return statvfs(store->dir, &disk) != 0 ||
           (uint64_t)disk.f_bavail * disk.f_frsize >= store->params.min_free_bytes + num_bytes;
}

enum tyto_err tyto_clip_store_reserve(struct tyto_clip_store *store, uint64_t num_bytes,
                                      struct tyto_fault *ret_fault)
{
    bool is_room = fits(store, num_bytes);
    for (uint32_t i = 0; !is_room && i < store->num_clips; i++) {
        if (!store->clips[i].is_gone && delete_clip(store, &store->clips[i]))
            is_room = fits(store, num_bytes);
    }
    forget_gone(store);
    if (!is_room)
        return tyto_fault_set(ret_fault, TYTO_ERR_FULL, store->dir, 0, NULL,
                              "no room for recordings: raise record.max_gib or free disk space "
                              "(record.min_free_gib stays free)");
    store->num_reserved += num_bytes;
    return TYTO_OK;
}

void tyto_clip_store_expire(struct tyto_clip_store *store, int64_t now_unix_ns)
{
    if (store->params.max_age_ns == 0)
        return;
    const int64_t oldest_s = (now_unix_ns - store->params.max_age_ns) / (int64_t)TYTO_NS_PER_S;
    for (uint32_t i = 0; i < store->num_clips && store->clips[i].unix_s < oldest_s; i++)
        (void)delete_clip(store, &store->clips[i]);
    forget_gone(store);
}

/* --- recordings ---------------------------------------------------------------------------------
 */

enum tyto_err tyto_clip_store_begin(struct tyto_clip_store *store, const char *camera,
                                    const char *name, char ret_path[TYTO_CLIP_PATH_MAX],
                                    struct tyto_fault *ret_fault)
{
    char path[TYTO_CLIP_PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", store->dir, camera);
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return fail(ret_fault, path, "the camera's folder cannot be made");
    path_of(store, camera, name, part_ending, ret_path);
    return TYTO_OK;
}

enum tyto_err tyto_clip_store_commit(struct tyto_clip_store *store, const char *camera,
                                     const char *name, uint64_t num_reserved,
                                     const struct tyto_clip_label *labels, uint32_t num_labels,
                                     struct tyto_fault *ret_fault)
{
    char part[TYTO_CLIP_PATH_MAX], path[TYTO_CLIP_PATH_MAX], file[TYTO_CLIP_PATH_MAX];
    path_of(store, camera, name, part_ending, part);
    path_of(store, camera, name, ending, path);
    struct stat status;
    if (tyto_replace_with(path, part) != TYTO_OK || stat(path, &status) != 0) {
        const enum tyto_err err = fail(ret_fault, part, "the recording cannot be kept");
        tyto_clip_store_discard(store, camera, name, num_reserved);
        return err;
    }
    store->num_reserved -= num_reserved;
    int64_t unix_s = 0;
    char own_name[TYTO_CLIP_NAME_MAX];
    snprintf(file, sizeof(file), "%s%s", name, ending);
    (void)read_name(file, ending, &unix_s, own_name);
    enum tyto_err err = add_clip(store, camera, name, unix_s, (uint64_t)status.st_size);
    snprintf(file, sizeof(file), "%s/%s%s", camera, name, ending);
    if (err == TYTO_OK)
        err = tyto_clip_labels_add(store->dir, file, labels, num_labels);
    if (err == TYTO_ERR_IO)
        return fail(ret_fault, store->dir, "labels.csv cannot be written");
    return err;
}

void tyto_clip_store_discard(struct tyto_clip_store *store, const char *camera, const char *name,
                             uint64_t num_reserved)
{
    char part[TYTO_CLIP_PATH_MAX];
    path_of(store, camera, name, part_ending, part);
    unlink(part);
    store->num_reserved -= num_reserved;
}

void tyto_clip_store_get_counts(const struct tyto_clip_store *store,
                                struct tyto_clip_store_counts *ret_counts)
{
    *ret_counts = (struct tyto_clip_store_counts){
        .num_clips = store->num_clips,
        .num_bytes = store->num_bytes + store->num_reserved,
        .num_deleted = store->num_deleted,
    };
}
