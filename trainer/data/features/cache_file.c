/* SPDX-License-Identifier: MIT */
#include "trainer/data/features/cache_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"
#include "files/replace.h"
#include "files/safetensors.h"

/* The head: offsets in bytes. Numbers are little-endian, as every machine is that runs this. */
enum {
    AT_VERSION = 8,
    AT_SHAPE = 16,
    AT_KEY = 32,
    AT_DIGEST = 448,
    HEX_BYTES = 64,
    VERSION = 1,
    HAS_AUDIO = 1,
    HAS_VISUAL = 2,
};

static const char magic[8] = {'T', 'Y', 'T', 'O', 'F', 'E', 'A', 'T'};

struct tyto_cache_file {
    struct tyto_cache_shape shape;
    const uint8_t *bytes;
    size_t num_bytes;
    bool is_mapped;
    size_t record_bytes;
    const uint8_t *flags; /* (num_segments) */
};

static size_t record_bytes(const struct tyto_cache_shape *shape)
{
    return (shape->audio_in + (size_t)shape->num_places * shape->visual_in) * sizeof(uint16_t);
}

static bool is_sane(const struct tyto_cache_shape *shape)
{
    return shape->num_segments <= TYTO_CACHE_FILE_MAX_SEGMENTS &&
           shape->audio_in <= TYTO_CACHE_FILE_MAX_WIDTH &&
           shape->num_places <= TYTO_CACHE_FILE_MAX_PLACES &&
           shape->visual_in <= TYTO_CACHE_FILE_MAX_WIDTH && record_bytes(shape) > 0;
}

static void fill_head(uint8_t head[TYTO_CACHE_FILE_HEAD_BYTES],
                      const struct tyto_cache_shape *shape, const char *key)
{
    const uint32_t version[2] = {VERSION, TYTO_CACHE_FILE_HEAD_BYTES};
    const uint32_t sizes[4] = {shape->num_segments, shape->audio_in, shape->num_places,
                               shape->visual_in};
    char digest[TYTO_DIGEST_HEX_BYTES];
    memset(head, 0, TYTO_CACHE_FILE_HEAD_BYTES);
    memcpy(head, magic, sizeof(magic));
    memcpy(head + AT_VERSION, version, sizeof(version));
    memcpy(head + AT_SHAPE, sizes, sizeof(sizes));
    memcpy(head + AT_KEY, key, strnlen(key, HEX_BYTES));
    tyto_digest_hex(head, AT_DIGEST, digest);
    memcpy(head + AT_DIGEST, digest, HEX_BYTES);
}

/* --- reading ------------------------------------------------------------------------- */

static const char *check(struct tyto_cache_file *file, const char *key)
{
    uint32_t version[2], sizes[4];
    char digest[TYTO_DIGEST_HEX_BYTES];
    const uint8_t *bytes = file->bytes;
    if (file->num_bytes < TYTO_CACHE_FILE_HEAD_BYTES || memcmp(bytes, magic, sizeof(magic)) != 0)
        return "is no shard of features";
    memcpy(version, bytes + AT_VERSION, sizeof(version));
    if (version[0] != VERSION || version[1] != TYTO_CACHE_FILE_HEAD_BYTES)
        return "was made by another version of tyto";
    tyto_digest_hex(bytes, AT_DIGEST, digest);
    if (memcmp(digest, bytes + AT_DIGEST, HEX_BYTES) != 0)
        return "has a damaged head";
    if (key && memcmp(key, bytes + AT_KEY, HEX_BYTES) != 0)
        return "was made from another recording or by other encoders";
    memcpy(sizes, bytes + AT_SHAPE, sizeof(sizes));
    file->shape = (struct tyto_cache_shape){sizes[0], sizes[1], sizes[2], sizes[3]};
    if (!is_sane(&file->shape))
        return "has an impossible shape";
    file->record_bytes = record_bytes(&file->shape);
    const uint64_t records = (uint64_t)file->record_bytes * file->shape.num_segments;
    if (file->num_bytes != TYTO_CACHE_FILE_HEAD_BYTES + records + file->shape.num_segments)
        return "is not whole";
    file->flags = bytes + TYTO_CACHE_FILE_HEAD_BYTES + records;
    return NULL;
}

static enum tyto_err open_bytes(const struct tyto_cache_file *from, const char *path,
                                const char *key, struct tyto_cache_file **ret_file,
                                struct tyto_fault *ret_fault)
{
    struct tyto_cache_file *file = malloc(sizeof(*file));
    if (!file)
        return TYTO_ERR_NOMEM;
    *file = *from;
    const char *wrong = check(file, key && strlen(key) == HEX_BYTES ? key : NULL);
    if (wrong) {
        free(file);
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL,
                              "%s: delete it, it is made again", wrong);
    }
    *ret_file = file;
    return TYTO_OK;
}

enum tyto_err tyto_cache_file_open_memory(const void *bytes, size_t num_bytes, const char *key,
                                          struct tyto_cache_file **ret_file,
                                          struct tyto_fault *ret_fault)
{
    const struct tyto_cache_file from = {.bytes = bytes, .num_bytes = num_bytes};
    return open_bytes(&from, "", key, ret_file, ret_fault);
}

enum tyto_err tyto_cache_file_open(const char *path, const char *key,
                                   struct tyto_cache_file **ret_file, struct tyto_fault *ret_fault)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0) {
        const enum tyto_err err = errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO;
        tyto_fault_set(ret_fault, err, path, 0, NULL, "%s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return err;
    }
    if (!S_ISREG(info.st_mode) || info.st_size < TYTO_CACHE_FILE_HEAD_BYTES) {
        close(fd);
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL,
                              "is no shard of features: delete it, it is made again");
    }
    struct tyto_cache_file from = {.num_bytes = (size_t)info.st_size, .is_mapped = true};
    void *map = mmap(NULL, from.num_bytes, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(errno));
    from.bytes = map;
    const enum tyto_err err = open_bytes(&from, path, key, ret_file, ret_fault);
    if (err)
        munmap(map, from.num_bytes);
    return err;
}

void tyto_cache_file_close(struct tyto_cache_file **file)
{
    if (!file || !*file)
        return;
    if ((*file)->is_mapped)
        munmap((void *)(uintptr_t)(*file)->bytes, (*file)->num_bytes);
    free(*file);
    *file = NULL;
}

const struct tyto_cache_shape *tyto_cache_file_shape(const struct tyto_cache_file *file)
{
    return &file->shape;
}

/* False when a number is not finite. */
static bool read_halves(const uint8_t *bytes, size_t num, bool has, float *ret_values)
{
    bool finite = true;
    if (!has) {
        memset(ret_values, 0, num * sizeof(*ret_values));
        return true;
    }
    for (size_t i = 0; i < num; i++) {
        uint16_t half;
        memcpy(&half, bytes + i * sizeof(half), sizeof(half));
        finite &= (half & 0x7c00u) != 0x7c00u;
        ret_values[i] = tyto_half_to_f32(half);
    }
    return finite;
}

enum tyto_err tyto_cache_file_read(const struct tyto_cache_file *file, uint32_t idx,
                                   float *ret_audio, float *ret_visual, bool *ret_has_audio,
                                   bool *ret_has_visual)
{
    const struct tyto_cache_shape *shape = &file->shape;
    if (idx >= shape->num_segments)
        return TYTO_ERR_INVALID;
    const uint8_t *record = file->bytes + TYTO_CACHE_FILE_HEAD_BYTES + idx * file->record_bytes;
    const bool has_audio = file->flags[idx] & HAS_AUDIO, has_visual = file->flags[idx] & HAS_VISUAL;
    bool finite = true;
    if (ret_audio)
        finite = read_halves(record, shape->audio_in, has_audio, ret_audio);
    if (ret_visual)
        finite &= read_halves(record + shape->audio_in * sizeof(uint16_t),
                              (size_t)shape->num_places * shape->visual_in, has_visual, ret_visual);
    if (!finite)
        return TYTO_ERR_FORMAT;
    *ret_has_audio = has_audio;
    *ret_has_visual = has_visual;
    return TYTO_OK;
}

/* --- writing ------------------------------------------------------------------------- */

struct tyto_cache_writer {
    struct tyto_replace *replace;
    char *path;
    char key[TYTO_DIGEST_HEX_BYTES];
    struct tyto_cache_shape shape;
    uint16_t *record;
    uint8_t *flags;
    uint32_t flags_cap;
};

enum tyto_err tyto_cache_writer_create(const char *path, const char *key,
                                       const struct tyto_cache_shape *shape,
                                       struct tyto_cache_writer **ret_writer,
                                       struct tyto_fault *ret_fault)
{
    if (!is_sane(shape) || strlen(key) != HEX_BYTES)
        return TYTO_ERR_INVALID;
    struct tyto_cache_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return TYTO_ERR_NOMEM;
    memcpy(writer->key, key, HEX_BYTES);
    writer->shape = *shape;
    writer->shape.num_segments = 0;
    writer->path = strdup(path);
    writer->record = malloc(record_bytes(shape));
    enum tyto_err err = TYTO_ERR_NOMEM;
    if (writer->path && writer->record)
        err = tyto_replace_begin(path, 0644, &writer->replace);
    if (err == TYTO_ERR_IO)
        tyto_fault_set(ret_fault, err, path, 0, NULL, "cannot be written: %s", strerror(errno));
    if (err) {
        tyto_cache_writer_destroy(&writer);
        return err;
    }
    *ret_writer = writer;
    return TYTO_OK;
}

static bool write_at(int fd, const void *bytes, size_t num_bytes, uint64_t offset)
{
    for (size_t done = 0; done < num_bytes;) {
        const ssize_t num =
            pwrite(fd, (const char *)bytes + done, num_bytes - done, (off_t)(offset + done));
        if (num < 0 && errno == EINTR)
            continue;
        if (num <= 0)
            return false;
        done += (size_t)num;
    }
    return true;
}

static uint64_t record_offset(const struct tyto_cache_writer *writer)
{
    return TYTO_CACHE_FILE_HEAD_BYTES +
           (uint64_t)record_bytes(&writer->shape) * writer->shape.num_segments;
}

enum tyto_err tyto_cache_writer_put(struct tyto_cache_writer *writer, const float *audio,
                                    const float *visual)
{
    struct tyto_cache_shape *shape = &writer->shape;
    const size_t num_audio = shape->audio_in;
    const size_t num_visual = (size_t)shape->num_places * shape->visual_in;
    if (shape->num_segments == TYTO_CACHE_FILE_MAX_SEGMENTS)
        return TYTO_ERR_SHAPE;
    if (shape->num_segments == writer->flags_cap) {
        const uint32_t cap = writer->flags_cap * 2 + 64;
        uint8_t *flags = realloc(writer->flags, cap);
        if (!flags)
            return TYTO_ERR_NOMEM;
        writer->flags = flags;
        writer->flags_cap = cap;
    }
    memset(writer->record, 0, record_bytes(shape));
    for (size_t i = 0; audio && i < num_audio; i++)
        writer->record[i] = tyto_half_from_f32(audio[i]);
    for (size_t i = 0; visual && i < num_visual; i++)
        writer->record[num_audio + i] = tyto_half_from_f32(visual[i]);
    if (!write_at(tyto_replace_fd(writer->replace), writer->record, record_bytes(shape),
                  record_offset(writer)))
        return TYTO_ERR_IO;
    writer->flags[shape->num_segments++] =
        (uint8_t)((audio ? HAS_AUDIO : 0) | (visual ? HAS_VISUAL : 0));
    return TYTO_OK;
}

enum tyto_err tyto_cache_writer_commit(struct tyto_cache_writer **writer,
                                       struct tyto_fault *ret_fault)
{
    struct tyto_cache_writer *w = *writer;
    const int fd = tyto_replace_fd(w->replace);
    uint8_t head[TYTO_CACHE_FILE_HEAD_BYTES];
    enum tyto_err err = TYTO_ERR_IO;
    fill_head(head, &w->shape, w->key);
    if (write_at(fd, w->flags, w->shape.num_segments, record_offset(w)) &&
        write_at(fd, head, sizeof(head), 0))
        err = tyto_replace_commit(&w->replace);
    if (err)
        tyto_fault_set(ret_fault, err, w->path, 0, NULL, "cannot be written: %s", strerror(errno));
    tyto_cache_writer_destroy(writer);
    return err;
}

void tyto_cache_writer_destroy(struct tyto_cache_writer **writer)
{
    if (!writer || !*writer)
        return;
    struct tyto_cache_writer *w = *writer;
    tyto_replace_abandon(&w->replace);
    free(w->path);
    free(w->record);
    free(w->flags);
    free(w);
    *writer = NULL;
}
