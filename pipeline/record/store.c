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
#include <unistd.h>

#include "base/clock.h"
#include "base/folder.h"
#include "files/replace.h"

static const char clip_ending[] = ".mkv";

/* By whatever clock a file's time was made, tyto was not there before. */
#define FIRST_UNIX_NS (1577836800 * (int64_t)TYTO_NS_PER_S) /* 2020 */
#define DAY_NS (86400 * (int64_t)TYTO_NS_PER_S)

struct clip {
    char camera[TYTO_ID_MAX + 1];
    char name[TYTO_FILE_NAME_MAX]; /* begins with the event's time, by the camera's clock maybe */
    int64_t written_ns; /* when the file was written, by tyto_clock_boot_ns(): nothing sets it */
    uint64_t num_bytes;
    bool is_gone; /* deleted; its labels not yet */
};

/* Being written. */
struct part {
    struct part *next;
    char path[TYTO_CLIP_PATH_MAX];
};

struct tyto_clip_store {
    struct tyto_clip_store_params params;
    char *dir;
    char ending[TYTO_CLIP_ENDING_MAX + 1], part_ending[TYTO_CLIP_ENDING_MAX + 8];
    bool has_labels;
    int lock_fd;
    int64_t boot_offset_ns; /* UTC minus tyto_clock_boot_ns(), when the folder was read */
    struct clip *clips;     /* owned, oldest first */
    uint32_t num_clips, capacity;
    struct part *parts; /* owned */
    uint64_t num_bytes, num_reserved;
    uint64_t num_deleted;
    uint32_t num_gone;
};

/* --- names ---------------------------------------------------------------------------- */

/* A name as tyto_file_name() makes them, followed by exactly this ending. */
static bool read_name(const char *file, const char *with_ending, int64_t *ret_unix_s,
                      char ret_name[TYTO_FILE_NAME_MAX])
{
    char id[TYTO_ULID_CHARS + 1];
    const size_t len = strlen(file), num_ending = strlen(with_ending);
    if (len <= num_ending || strcmp(file + len - num_ending, with_ending) != 0 ||
        !tyto_file_name_read(file, len - num_ending, ret_unix_s, id))
        return false;
    snprintf(ret_name, TYTO_FILE_NAME_MAX, "%.*s", (int)(len - num_ending), file);
    return true;
}

static void path_of(const struct tyto_clip_store *store, const char *camera, const char *name,
                    const char *with_ending, char ret_path[TYTO_CLIP_PATH_MAX])
{
    snprintf(ret_path, TYTO_CLIP_PATH_MAX, "%s/%s/%s%s", store->dir, camera, name, with_ending);
}

char *tyto_clip_dir_uri(const char *dir)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    char full[TYTO_CLIP_PATH_MAX], here[TYTO_CLIP_PATH_MAX] = "";
    if (dir[0] != '/' && !getcwd(here, sizeof(here)))
        return NULL;
    snprintf(full, sizeof(full), "%.700s%s%.600s", here, here[0] ? "/" : "", dir);
    const size_t max_bytes = sizeof("file://") + 3 * strlen(full);
    char *uri = malloc(max_bytes);
    if (!uri)
        return NULL;
    size_t num = (size_t)snprintf(uri, max_bytes, "file://");
    for (const char *c = full; *c; c++)
        num += (size_t)snprintf(uri + num, max_bytes - num, strchr(plain, *c) ? "%c" : "%%%02X",
                                (unsigned char)*c);
    return uri;
}

/* --- what is there ---------------------------------------------------------------------- */

/* Behind all that are there. */
static enum tyto_err add_clip(struct tyto_clip_store *store, const char *camera, const char *name,
                              int64_t written_ns, uint64_t num_bytes)
{
    if (store->num_clips == store->capacity) {
        const uint32_t capacity = store->capacity ? store->capacity * 2 : 64;
        struct clip *grown = realloc(store->clips, capacity * sizeof(*grown));
        if (!grown)
            return TYTO_ERR_NOMEM;
        store->clips = grown;
        store->capacity = capacity;
    }
    struct clip *clip = &store->clips[store->num_clips++];
    *clip = (struct clip){.written_ns = written_ns, .num_bytes = num_bytes};
    snprintf(clip->camera, sizeof(clip->camera), "%s", camera);
    snprintf(clip->name, sizeof(clip->name), "%s", name);
    store->num_bytes += num_bytes;
    return TYTO_OK;
}

static bool is_plausible(int64_t unix_ns, int64_t now_ns)
{
    return unix_ns >= FIRST_UNIX_NS && unix_ns <= now_ns + DAY_NS;
}

/* When a file that is found was written: its time, unless this machine's clock was not set then;
 * else its name's; else it counts from now on. From here on it ages by a clock that nobody sets. */
static int64_t written_ns_of(const struct tyto_clip_store *store, const struct stat *status,
                             int64_t name_unix_s)
{
    const int64_t s_ns = (int64_t)TYTO_NS_PER_S;
    const int64_t now_ns = (int64_t)tyto_clock_unix_ns();
    const int64_t file_ns = (int64_t)status->st_mtim.tv_sec * s_ns + status->st_mtim.tv_nsec;
    int64_t written_ns = now_ns;
    if (is_plausible(file_ns, now_ns))
        written_ns = file_ns;
    else if (is_plausible(name_unix_s * s_ns, now_ns))
        written_ns = name_unix_s * s_ns;
    return written_ns - store->boot_offset_ns;
}

static int compare_written(const void *left, const void *right)
{
    const struct clip *a = left, *b = right;
    if (a->written_ns != b->written_ns)
        return a->written_ns < b->written_ns ? -1 : 1;
    return strcmp(a->name, b->name);
}

static enum tyto_err scan_camera(struct tyto_clip_store *store, const char *camera)
{
    char path[TYTO_CLIP_PATH_MAX], name[TYTO_FILE_NAME_MAX];
    snprintf(path, sizeof(path), "%s/%s", store->dir, camera);
    DIR *folder = opendir(path);
    enum tyto_err err = TYTO_OK;
    for (struct dirent *entry; folder && !err && (entry = readdir(folder));) {
        int64_t unix_s;
        struct stat status;
        if (read_name(entry->d_name, store->part_ending, &unix_s, name)) {
            path_of(store, camera, name, store->part_ending, path);
            unlink(path);
        } else if (read_name(entry->d_name, store->ending, &unix_s, name)) {
            path_of(store, camera, name, store->ending, path);
            if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
                err = add_clip(store, camera, name, written_ns_of(store, &status, unix_s),
                               (uint64_t)status.st_size);
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
    store->boot_offset_ns = (int64_t)tyto_clock_unix_ns() - (int64_t)tyto_clock_boot_ns();
    for (struct dirent *entry; !err && (entry = readdir(folder));) {
        if (tyto_id_is_valid(entry->d_name))
            err = scan_camera(store, entry->d_name);
    }
    if (folder)
        closedir(folder);
    if (store->num_clips > 0)
        qsort(store->clips, store->num_clips, sizeof(*store->clips), compare_written);
    return err;
}

/* --- life ---------------------------------------------------------------------------------- */

static enum tyto_err fail(struct tyto_fault *ret_fault, const char *path, const char *what)
{
    const int reason = errno;
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s: %s", what, strerror(reason));
}

static const char *what_of(const struct tyto_clip_store *store)
{
    return store->has_labels ? "recordings" : "snapshots";
}

/* Of the configuration. */
static const char *key_of(const struct tyto_clip_store *store)
{
    return store->has_labels ? "record" : "snapshots";
}

static enum tyto_err fail_folder(const struct tyto_clip_store *store, const char *what,
                                 struct tyto_fault *ret_fault)
{
    char text[96];
    const int reason = errno;
    snprintf(text, sizeof(text), "the folder for %s cannot be %s", what_of(store), what);
    errno = reason;
    return fail(ret_fault, store->dir, text);
}

static enum tyto_err lock_folder(struct tyto_clip_store *store, struct tyto_fault *ret_fault)
{
    char path[TYTO_CLIP_PATH_MAX];
    if (tyto_folder_make(store->dir, 0750))
        return fail_folder(store, "made", ret_fault);
    snprintf(path, sizeof(path), "%s/.lock", store->dir);
    if (store->lock_fd >= 0 && access(path, F_OK) == 0)
        return TYTO_OK;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return fail_folder(store, "written to", ret_fault);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return tyto_fault_set(ret_fault, TYTO_ERR_EXISTS, store->dir, 0, NULL,
                              "another process records there: give each its own folder");
    }
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    store->lock_fd = fd;
    return TYTO_OK;
}

static enum tyto_err open_folder(struct tyto_clip_store *store, struct tyto_fault *ret_fault)
{
    enum tyto_err err = lock_folder(store, ret_fault);
    if (err)
        return err;
    err = scan(store);
    if (err == TYTO_ERR_IO)
        return fail_folder(store, "read", ret_fault);
    return err;
}

void tyto_clip_store_set_limits(struct tyto_clip_store *store,
                                const struct tyto_clip_store_params *params)
{
    store->params = *params;
    store->params.dir = store->dir;
    store->params.ending = store->has_labels ? NULL : store->ending;
    if (store->params.max_bytes == 0)
        store->params.max_bytes = TYTO_CLIP_STORE_DEFAULT_MAX_BYTES;
    if (store->params.min_free_bytes == 0)
        store->params.min_free_bytes = TYTO_CLIP_STORE_DEFAULT_MIN_FREE_BYTES;
}

enum tyto_err tyto_clip_store_create(const struct tyto_clip_store_params *params,
                                     struct tyto_clip_store **ret_store,
                                     struct tyto_fault *ret_fault)
{
    struct tyto_clip_store *store = calloc(1, sizeof(*store));
    if (!store)
        return TYTO_ERR_NOMEM;
    store->lock_fd = -1;
    store->has_labels = params->ending == NULL;
    snprintf(store->ending, sizeof(store->ending), "%s",
             params->ending ? params->ending : clip_ending);
    snprintf(store->part_ending, sizeof(store->part_ending), "%s.part", store->ending);
    store->dir = strdup(params->dir);
    tyto_clip_store_set_limits(store, params);
    const enum tyto_err err = store->dir ? open_folder(store, ret_fault) : TYTO_ERR_NOMEM;
    if (err) {
        tyto_clip_store_destroy(&store);
        return err;
    }
    *ret_store = store;
    return TYTO_OK;
}

static void drop_part(struct tyto_clip_store *store, const char *path)
{
    for (struct part **at = &store->parts; *at; at = &(*at)->next) {
        struct part *part = *at;
        if (strcmp(part->path, path) != 0)
            continue;
        *at = part->next;
        free(part);
        return;
    }
}

void tyto_clip_store_destroy(struct tyto_clip_store **store)
{
    if (!store || !*store)
        return;
    if ((*store)->lock_fd >= 0)
        close((*store)->lock_fd);
    while ((*store)->parts)
        drop_part(*store, (*store)->parts->path);
    free((*store)->clips);
    free((*store)->dir);
    free(*store);
    *store = NULL;
}

/* --- deleting --------------------------------------------------------------------------------- */

/* What was deleted, sorted. */
struct gone {
    char (*files)[TYTO_ID_MAX + TYTO_FILE_NAME_MAX + TYTO_CLIP_ENDING_MAX + 2];
    uint32_t num;
};

static int compare_files(const void *left, const void *right)
{
    return strcmp(left, right);
}

static bool is_gone(void *user, const char *file)
{
    const struct gone *gone = user;
    return bsearch(file, gone->files, gone->num, sizeof(*gone->files), compare_files) != NULL;
}

/* Labels of recordings that are gone do no harm (`tyto label check` names them): without memory, or
 * when the disk refuses, they stay. */
static void remove_labels(const struct tyto_clip_store *store)
{
    struct gone gone = {.files = calloc(store->num_gone, sizeof(*gone.files))};
    if (!gone.files)
        return;
    for (uint32_t i = 0; i < store->num_clips; i++) {
        if (store->clips[i].is_gone)
            snprintf(gone.files[gone.num++], sizeof(*gone.files), "%s/%s%s", store->clips[i].camera,
                     store->clips[i].name, store->ending);
    }
    qsort(gone.files, gone.num, sizeof(*gone.files), compare_files);
    (void)!tyto_clip_labels_remove(store->dir, is_gone, &gone);
    free(gone.files);
}

/* Takes the labels of what was deleted out, and then forgets it. */
static void forget_gone(struct tyto_clip_store *store)
{
    if (store->num_gone == 0)
        return;
    if (store->has_labels)
        remove_labels(store);
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
    path_of(store, clip->camera, clip->name, store->ending, path);
    if (unlink(path) != 0 && errno != ENOENT)
        return false;
    clip->is_gone = true;
    store->num_bytes -= clip->num_bytes;
    store->num_deleted++;
    store->num_gone++;
    return true;
}

/* Of what is reserved, those bytes that the disk does not have yet. */
static uint64_t num_unwritten(const struct tyto_clip_store *store)
{
    uint64_t num_written = 0;
    for (const struct part *part = store->parts; part; part = part->next) {
        struct stat status;
        if (stat(part->path, &status) == 0)
            num_written += (uint64_t)status.st_size;
    }
    return store->num_reserved > num_written ? store->num_reserved - num_written : 0;
}

static bool fits(const struct tyto_clip_store *store, uint64_t num_bytes)
{
    if (store->num_bytes + store->num_reserved + num_bytes > store->params.max_bytes)
        return false;
    struct statvfs disk;
    return statvfs(store->dir, &disk) != 0 ||
           (uint64_t)disk.f_bavail * disk.f_frsize >=
               store->params.min_free_bytes + num_unwritten(store) + num_bytes;
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
                              "no room for %s: raise %s.max_gib or free disk space "
                              "(%s.min_free_gib stays free)",
                              what_of(store), key_of(store), key_of(store));
    store->num_reserved += num_bytes;
    return TYTO_OK;
}

void tyto_clip_store_expire(struct tyto_clip_store *store, uint64_t now_boot_ns)
{
    if (store->params.max_age_ns == 0)
        return;
    for (uint32_t i = 0; i < store->num_clips; i++) {
        if ((int64_t)now_boot_ns - store->clips[i].written_ns > store->params.max_age_ns)
            (void)delete_clip(store, &store->clips[i]);
    }
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
    /* Somebody may have removed all of it meanwhile. */
    const enum tyto_err err = lock_folder(store, ret_fault);
    if (err)
        return err;
    if (tyto_folder_make(path, 0750))
        return fail(ret_fault, path, "the camera's folder cannot be made");
    path_of(store, camera, name, store->part_ending, ret_path);
    struct part *part = malloc(sizeof(*part));
    if (!part)
        return TYTO_ERR_NOMEM;
    memcpy(part->path, ret_path, sizeof(part->path));
    part->next = store->parts;
    store->parts = part;
    return TYTO_OK;
}

/* One of this name, which has been replaced. The latest are behind. */
static void forget_same(struct tyto_clip_store *store, const char *camera, const char *name)
{
    for (uint32_t i = store->num_clips; i-- > 0;) {
        struct clip *clip = &store->clips[i];
        if (strcmp(clip->name, name) != 0 || strcmp(clip->camera, camera) != 0)
            continue;
        store->num_bytes -= clip->num_bytes;
        store->num_clips--;
        memmove(clip, clip + 1, (store->num_clips - i) * sizeof(*clip));
        return;
    }
}

enum tyto_err tyto_clip_store_commit(struct tyto_clip_store *store, const char *camera,
                                     const char *name, uint64_t num_reserved,
                                     const struct tyto_clip_label *labels, uint32_t num_labels,
                                     struct tyto_fault *ret_fault)
{
    char part[TYTO_CLIP_PATH_MAX], path[TYTO_CLIP_PATH_MAX], file[TYTO_CLIP_PATH_MAX];
    path_of(store, camera, name, store->part_ending, part);
    path_of(store, camera, name, store->ending, path);
    struct stat status;
    if (tyto_replace_with(path, part) != TYTO_OK || stat(path, &status) != 0) {
        const enum tyto_err err =
            fail(ret_fault, part,
                 store->has_labels ? "the recording cannot be kept" : "it cannot be kept");
        tyto_clip_store_discard(store, camera, name, num_reserved);
        return err;
    }
    drop_part(store, part);
    store->num_reserved -= num_reserved;
    forget_same(store, camera, name);
    enum tyto_err err =
        add_clip(store, camera, name, (int64_t)tyto_clock_boot_ns(), (uint64_t)status.st_size);
    snprintf(file, sizeof(file), "%s/%s%s", camera, name, store->ending);
    if (!err && store->has_labels)
        err = tyto_clip_labels_add(store->dir, file, labels, num_labels);
    if (err == TYTO_ERR_IO)
        return fail(ret_fault, store->dir, "labels.csv cannot be written");
    return err;
}

void tyto_clip_store_discard(struct tyto_clip_store *store, const char *camera, const char *name,
                             uint64_t num_reserved)
{
    char part[TYTO_CLIP_PATH_MAX];
    path_of(store, camera, name, store->part_ending, part);
    unlink(part);
    drop_part(store, part);
    store->num_reserved -= num_reserved;
}

uint64_t tyto_clip_store_part_bytes(const struct tyto_clip_store *store, const char *camera,
                                    const char *name)
{
    char path[TYTO_CLIP_PATH_MAX];
    struct stat status;
    path_of(store, camera, name, store->part_ending, path);
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

bool tyto_clip_store_has_part(const struct tyto_clip_store *store, const char *camera,
                              const char *name)
{
    char path[TYTO_CLIP_PATH_MAX];
    path_of(store, camera, name, store->part_ending, path);
    return access(path, F_OK) == 0;
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
