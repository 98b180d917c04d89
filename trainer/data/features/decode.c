/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/replace.h"
#include "trainer/data/features/internal.h"

static bool should_stop(void *queue)
{
    return tyto_features_queue_is_closed(queue);
}

/* --- what a recording holds ---------------------------------------------------------- */

/* Hashing a large archive takes minutes: the digest of a file is kept, under a name made of what
 * changes whenever the file does. */
static char *memo_path(const struct tyto_features *features, const struct stat *info)
{
    char text[256], name[TYTO_DIGEST_HEX_BYTES], *path = NULL;
    const int len =
        snprintf(text, sizeof(text), "%llu %llu %lld %lld.%09ld %lld.%09ld",
                 (unsigned long long)info->st_dev, (unsigned long long)info->st_ino,
                 (long long)info->st_size, (long long)info->st_mtim.tv_sec, info->st_mtim.tv_nsec,
                 (long long)info->st_ctim.tv_sec, info->st_ctim.tv_nsec);
    tyto_digest_hex(text, (size_t)len, name);
    return asprintf(&path, "%s/%s.content", features->cache_dir, name) < 0 ? NULL : path;
}

static bool read_memo(const char *path, char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    char hex[TYTO_DIGEST_HEX_BYTES] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    const ssize_t num = read(fd, hex, sizeof(hex));
    close(fd);
    if (num != sizeof(hex) - 1 || strspn(hex, "0123456789abcdef") != sizeof(hex) - 1)
        return false;
    memcpy(ret_hex, hex, sizeof(hex));
    return true;
}

static enum tyto_err hash(struct tyto_features *features, const char *path,
                          char ret_hex[TYTO_DIGEST_HEX_BYTES], struct tyto_fault *ret_fault)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0) {
        const int error = errno;
        if (fd >= 0)
            close(fd);
        return tyto_fault_set(ret_fault, error == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, NULL,
                              0, NULL, "%s", strerror(error));
    }
    if (!S_ISREG(info.st_mode)) {
        close(fd);
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                              "is not a file: name the recordings themselves");
    }
    char *memo = memo_path(features, &info);
    enum tyto_err err = TYTO_OK;
    if (!memo || !read_memo(memo, ret_hex)) {
        err = tyto_digest_fd(fd, should_stop, features->queue, ret_hex);
        if (err)
            tyto_fault_set(ret_fault, err, NULL, 0, NULL, "cannot be read: %s",
                           err == TYTO_ERR_IO ? strerror(errno) : tyto_err_text(err));
        else if (memo) /* if it fails the file is hashed again next time */
            (void)!tyto_replace_all(memo, 0644, ret_hex, strlen(ret_hex));
    }
    free(memo);
    close(fd);
    return err;
}

/* Key and shard by content. */
static enum tyto_err find_shard(struct tyto_features *features,
                                struct tyto_features_recording *recording,
                                struct tyto_fault *ret_fault)
{
    char content[TYTO_DIGEST_HEX_BYTES], text[512];
    const enum tyto_err err = hash(features, recording->path, content, ret_fault);
    if (err)
        return err;
    const int len = snprintf(text, sizeof(text),
                             "features 1\ncontent %s\naudio %s\nvisual %s\nsegment_ns %lld\n"
                             "pictures %d\n%s",
                             content, features->audio_digest, features->visual_digest,
                             (long long)features->params.segment_ns, (int)features->params.pictures,
                             features->params.taps_visual ? "tap last\n" : "");
    tyto_digest_hex(text, (size_t)len, recording->key);
    const size_t num_bytes = strlen(features->cache_dir) + sizeof("/.features") + sizeof(content);
    char *shard = malloc(num_bytes);
    if (!shard)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    snprintf(shard, num_bytes, "%s/%s.features", features->cache_dir, recording->key);
    recording->shard = shard;
    return TYTO_OK;
}

/* --- decoding ------------------------------------------------------------------------- */

static bool is_cached(const struct tyto_features_recording *recording)
{
    struct tyto_cache_file *file = NULL;
    const enum tyto_err err = tyto_cache_file_open(recording->shard, recording->key, &file, NULL);
    tyto_cache_file_close(&file);
    return !err; /* a bad shard is made again */
}

/* What was told of a recording that was read in part is kept beside its shard. */
static char *part_path(const struct tyto_features_recording *recording)
{
    char *path = NULL;
    return asprintf(&path, "%s.told", recording->shard) < 0 ? NULL : path;
}

static void keep_part(const struct tyto_features_recording *recording, const char *text)
{
    char *path = part_path(recording);
    if (path && text[0])
        (void)!tyto_replace_all(path, 0644, text, strlen(text));
    else if (path)
        (void)unlink(path);
    free(path);
}

static void recall_part(const struct tyto_features_recording *recording, char *ret_text,
                        size_t text_bytes)
{
    char *path = part_path(recording);
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    const ssize_t num = fd >= 0 ? read(fd, ret_text, text_bytes - 1) : 0;
    ret_text[num > 0 ? num : 0] = '\0';
    if (fd >= 0)
        close(fd);
    free(path);
}

static void add_fault(struct tyto_features_item *item, const struct tyto_fault *fault,
                      const char *path)
{
    item->fault = malloc(sizeof(*item->fault));
    if (!item->fault)
        return;
    *item->fault = *fault;
    snprintf(item->fault->file, sizeof(item->fault->file), "%s", path);
}

static enum tyto_err push(struct tyto_features *features, struct tyto_features_item *item)
{
    const enum tyto_err err = tyto_features_queue_push(features->queue, item);
    if (err)
        tyto_features_item_finish(item);
    return err;
}

/* CLOSED when the queue is; what is wrong with the recording is pushed, and OK. */
static enum tyto_err decode_one(struct tyto_features *features, uint32_t idx)
{
    struct tyto_features_recording *recording = &features->recordings[idx];
    const struct tyto_source_file_params params = {
        .path = recording->path,
        .segment_ns = features->params.segment_ns,
        .pictures = features->params.pictures,
    };
    struct tyto_features_item item = {.news = TYTO_FEATURES_CACHED, .recording_idx = idx};
    struct tyto_source_file *source = NULL;
    struct tyto_fault fault = {0};
    enum tyto_err err = find_shard(features, recording, &fault);
    if (!err && is_cached(recording)) {
        recall_part(recording, fault.text, sizeof(fault.text));
        if (fault.text[0])
            add_fault(&item, &fault, recording->path);
        return push(features, &item);
    }
    if (!err)
        err = tyto_source_file_open(&params, &source, &fault);
    while (!err) {
        item = (struct tyto_features_item){.news = TYTO_FEATURES_SEGMENT, .recording_idx = idx};
        err = tyto_source_file_next(source, &item.segment, &fault);
        if (err)
            break;
        err = push(features, &item);
        if (err) {
            tyto_source_file_close(&source);
            return err;
        }
    }
    item = (struct tyto_features_item){.news = TYTO_FEATURES_END, .recording_idx = idx};
    if (err == TYTO_ERR_EMPTY) {
        tyto_source_file_end_text(source, fault.text, sizeof(fault.text));
        keep_part(recording, fault.text);
    } else {
        item.news = TYTO_FEATURES_BAD;
        item.err = err;
    }
    tyto_source_file_close(&source);
    if (err != TYTO_ERR_EMPTY || fault.text[0])
        add_fault(&item, &fault, recording->path);
    return push(features, &item);
}

void *tyto_features_decode(void *user)
{
    struct tyto_features *features = user;
    for (;;) {
        const uint32_t idx = atomic_fetch_add(&features->next_recording, 1);
        if (idx >= features->num_recordings || decode_one(features, idx) != TYTO_OK)
            return NULL;
    }
}
