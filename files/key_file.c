/* SPDX-License-Identifier: MIT */
#include "files/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

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

static enum tyto_err read_open(int fd, const char *path, bool is_secret,
                               char ret_key[TYTO_KEY_CHARS + 1], struct tyto_fault *ret_fault)
{
    char text[MAX_BYTES + 1];
    struct stat stat;
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        return refuse(ret_fault, TYTO_ERR_FORMAT, path, "is no regular file");
    if (is_secret && stat.st_mode & (S_IRWXG | S_IRWXO))
        return refuse(ret_fault, TYTO_ERR_INVALID, path,
                      "holds a secret key that others may use: chmod 600");
    const ssize_t num = read(fd, text, sizeof(text) - 1);
    if (num < 0)
        return refuse(ret_fault, TYTO_ERR_IO, path, strerror(errno));
    text[num] = '\0';
    const char *key = tyto_text_trim(text);
    if (!tyto_key_is_valid(key))
        return refuse(
            ret_fault, TYTO_ERR_FORMAT, path,
            "is no key: one line of 40 characters is expected, as `tyto keygen` writes it");
    memcpy(ret_key, key, TYTO_KEY_CHARS + 1);
    explicit_bzero(text, sizeof(text));
    return TYTO_OK;
}

enum tyto_err tyto_key_file_read(const char *path, bool is_secret, char ret_key[TYTO_KEY_CHARS + 1],
                                 struct tyto_fault *ret_fault)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return refuse(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                      strerror(errno));
    const enum tyto_err err = read_open(fd, path, is_secret, ret_key, ret_fault);
    close(fd);
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
