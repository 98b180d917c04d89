/* SPDX-License-Identifier: MIT */
#include "files/open.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/encoding.h"

enum { WAIT_MS = 5000, LOOKED_AT_BYTES = 64, MAX_TEXT_BYTES = 256 << 20 };

/* Whether what is open can be read to its end. */
static bool is_ready(int fd)
{
    struct stat info;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    const int flags = fcntl(fd, F_GETFL);
    if (fstat(fd, &info) != 0 || flags < 0)
        return false;
    const int num = S_ISFIFO(info.st_mode) ? poll(&ready, 1, WAIT_MS) : 1;
    if (num == 0)
        errno = ENODATA;
    return num > 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

int tyto_open_input(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || is_ready(fd))
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

FILE *tyto_fopen_input(const char *path)
{
    const int fd = tyto_open_input(path);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (file || fd < 0)
        return file;
    const int error = errno;
    close(fd);
    errno = error;
    return NULL;
}

/* All of a file that is no larger than text may be; NULL with errno. */
static char *read_all(FILE *file, size_t *ret_bytes)
{
    struct stat info;
    if (fstat(fileno(file), &info) != 0)
        return NULL;
    if (info.st_size > MAX_TEXT_BYTES) {
        errno = EFBIG;
        return NULL;
    }
    char *text = malloc((size_t)info.st_size + 1);
    if (!text)
        return NULL;
    *ret_bytes = fread(text, 1, (size_t)info.st_size, file);
    text[*ret_bytes] = '\0';
    return text;
}

/* A stream that has what text says; NULL with errno. */
static FILE *open_memory(const char *text, size_t num_bytes)
{
    FILE *file = fmemopen(NULL, num_bytes + 1, "w+");
    if (file && (fwrite(text, 1, num_bytes, file) != num_bytes || fseek(file, 0, SEEK_SET) != 0)) {
        (void)fclose(file);
        return NULL;
    }
    return file;
}

FILE *tyto_fopen_text(const char *path)
{
    char begin[LOOKED_AT_BYTES];
    FILE *file = tyto_fopen_input(path), *made = NULL;
    const ssize_t num = file ? pread(fileno(file), begin, sizeof(begin), 0) : 0;
    if (num <= 0 || !tyto_encoding_is_other(begin, (size_t)num))
        return file;
    size_t num_bytes = 0;
    char *text = read_all(file, &num_bytes);
    const enum tyto_err err = text ? tyto_encoding_make_utf8(&text, &num_bytes) : TYTO_OK;
    if (err)
        errno = err == TYTO_ERR_NOMEM ? ENOMEM : EILSEQ;
    else if (text)
        made = open_memory(text, num_bytes);
    const int error = errno;
    free(text);
    (void)fclose(file);
    errno = error;
    return made;
}

const char *tyto_open_reason(int error)
{
    if (error == EILSEQ)
        return "it is damaged UTF-16 or UTF-32: save it as UTF-8";
    return error == ENODATA ? "it is a pipe, and nobody writes to it" : strerror(error);
}
