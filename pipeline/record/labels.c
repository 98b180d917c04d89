/* SPDX-License-Identifier: MIT */
/* labels.csv beside the recordings. A person may edit it, or put another in its
 * place, at any time: it is opened for each addition, and rows are only taken out
 * whole, of recordings that are gone. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "files/replace.h"
#include "pipeline/record/store.h"

static const char header[] = "file,class,begin_s,end_s,modality\n";

enum { MAX_ROW = 512, MAX_BYTES = 1 << 28 };

static void labels_path(char ret_path[TYTO_CLIP_PATH_MAX], const char *dir)
{
    snprintf(ret_path, TYTO_CLIP_PATH_MAX, "%s/labels.csv", dir);
}

static const char *truth_of(enum tyto_modality modality)
{
    return modality == TYTO_MODALITY_A ? "heard" : modality == TYTO_MODALITY_V ? "seen" : "both";
}

static size_t print_row(char *row, size_t row_bytes, const char *file,
                        const struct tyto_clip_label *label)
{
    const int64_t begin_ms = label->begin_ns / 1000000, end_ms = label->end_ns / 1000000;
    const int num =
        snprintf(row, row_bytes, "%s,%s,%" PRId64 ".%03" PRId64 ",%" PRId64 ".%03" PRId64 ",%s\n",
                 file, label->class_name, begin_ms / 1000, begin_ms % 1000, end_ms / 1000,
                 end_ms % 1000, truth_of(label->modality));
    return num > 0 && (size_t)num < row_bytes ? (size_t)num : 0;
}

/* All or nothing, as far as a disk allows that. */
static enum tyto_err append(int fd, const char *text, size_t num_bytes)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return TYTO_ERR_IO;
    const ssize_t num = write(fd, text, num_bytes);
    if (num == (ssize_t)num_bytes && fsync(fd) == 0)
        return TYTO_OK;
    if (num > 0)
        (void)!ftruncate(fd, status.st_size);
    return TYTO_ERR_IO;
}

enum tyto_err tyto_clip_labels_add(const char *dir, const char *file,
                                   const struct tyto_clip_label *labels, uint32_t num_labels)
{
    char path[TYTO_CLIP_PATH_MAX];
    labels_path(path, dir);
    const size_t max_bytes = sizeof(header) + 1 + ((size_t)num_labels + 1) * MAX_ROW;
    char *text = malloc(max_bytes);
    if (!text)
        return TYTO_ERR_NOMEM;
    const int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    struct stat status;
    enum tyto_err err = fd >= 0 && fstat(fd, &status) == 0 ? TYTO_OK : TYTO_ERR_IO;
    if (!err) {
        size_t num = 0;
        char last = '\n'; /* an editor may have left the last line open */
        if (status.st_size == 0)
            num += (size_t)snprintf(text, max_bytes, "%s", header);
        else if (pread(fd, &last, 1, status.st_size - 1) == 1 && last != '\n')
            text[num++] = '\n';
        for (uint32_t i = 0; i < num_labels; i++)
            num += print_row(text + num, max_bytes - num, file, &labels[i]);
        err = append(fd, text, num);
    }
    if (fd >= 0)
        close(fd);
    free(text);
    return err;
}

static char *read_all(const char *path, size_t *ret_bytes)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    char *text = NULL;
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size < MAX_BYTES) {
        const size_t num = (size_t)status.st_size;
        text = malloc(num + 1);
        size_t got = 0;
        for (ssize_t n = 1; text && n > 0 && got < num; got += (size_t)(n > 0 ? n : 0))
            n = read(fd, text + got, num - got);
        if (text && got != num) {
            free(text);
            text = NULL;
        } else if (text) {
            text[num] = '\0';
            *ret_bytes = num;
        }
    }
    if (fd >= 0)
        close(fd);
    return text;
}

/* The first field of a row, which a spreadsheet may have put in quotes; "" where they are wrong. */
static const char *first_field(const char *row, size_t num_bytes, char text[MAX_ROW])
{
    char *field = NULL, *next = NULL;
    const size_t num = num_bytes < MAX_ROW ? num_bytes : MAX_ROW - 1;
    memcpy(text, row, num);
    text[num] = '\0';
    return tyto_text_csv_field(text, &field, &next) ? field : "";
}

enum tyto_err tyto_clip_labels_remove(const char *dir,
                                      bool (*is_gone)(void *user, const char *file), void *user)
{
    char path[TYTO_CLIP_PATH_MAX], file[MAX_ROW];
    labels_path(path, dir);
    size_t num_bytes = 0, num_kept = 0;
    char *text = read_all(path, &num_bytes);
    if (!text)
        return access(path, F_OK) == 0 ? TYTO_ERR_IO : TYTO_OK;
    for (size_t at = 0; at < num_bytes;) {
        const char *end = memchr(text + at, '\n', num_bytes - at);
        const size_t num = end ? (size_t)(end - (text + at)) + 1 : num_bytes - at;
        if (!is_gone(user, first_field(text + at, num, file))) {
            memmove(text + num_kept, text + at, num);
            num_kept += num;
        }
        at += num;
    }
    const enum tyto_err err =
        num_kept < num_bytes ? tyto_replace_all(path, 0640, text, num_kept) : TYTO_OK;
    free(text);
    return err;
}
