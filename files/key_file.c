/* SPDX-License-Identifier: MIT */
#include "files/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "files/guarded.h"

enum { MAX_BYTES = 256 };

bool tyto_key_is_valid(const char *text)
{
    static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              ".-:+=^!/*?&<>()[]{}@%$#";
    return strlen(text) == TYTO_KEY_CHARS && strspn(text, z85) == TYTO_KEY_CHARS;
}

static enum tyto_err refuse(struct tyto_fault *ret_fault, enum tyto_err err, const char *path,
                            const char *text)
{
    return tyto_fault_set(ret_fault, err, path, 0, NULL, "%s", text);
}

enum tyto_err tyto_key_file_read(const char *path, bool is_secret, char ret_key[TYTO_KEY_CHARS + 1],
                                 struct tyto_fault *ret_fault)
{
    char text[MAX_BYTES + 1];
    const enum tyto_guard guard = is_secret ? TYTO_GUARD_ALL : TYTO_GUARD_NONE;
    enum tyto_err err =
        tyto_guarded_read(path, guard, "a secret key", text, sizeof(text), ret_fault);
    const char *key = err ? "" : tyto_text_trim(text);
    if (!err && !tyto_key_is_valid(key))
        err =
            refuse(ret_fault, TYTO_ERR_FORMAT, path,
                   "is no key: one line of 40 characters is expected, as `tyto keygen` writes it");
    if (!err)
        memcpy(ret_key, key, TYTO_KEY_CHARS + 1);
    explicit_bzero(text, sizeof(text));
    return err;
}

enum tyto_err tyto_key_file_write(const char *path, bool is_secret, const char *key,
                                  struct tyto_fault *ret_fault)
{
    char line[TYTO_KEY_CHARS + 2];
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, is_secret ? 0600 : 0644);
    if (fd < 0)
        return refuse(ret_fault, errno == EEXIST ? TYTO_ERR_EXISTS : TYTO_ERR_IO, path,
                      errno == EEXIST ? "is there already, and stays as it is" : strerror(errno));
    const int num = snprintf(line, sizeof(line), "%.40s\n", key);
    const bool is_whole = write(fd, line, (size_t)num) == num && fsync(fd) == 0;
    const int reason = errno;
    explicit_bzero(line, sizeof(line));
    close(fd);
    if (is_whole)
        return TYTO_OK;
    (void)unlink(path);
    return refuse(ret_fault, TYTO_ERR_IO, path, strerror(reason));
}
