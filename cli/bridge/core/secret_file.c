/* SPDX-License-Identifier: MIT */
#include "cli/bridge/core/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static enum tyto_err refuse(struct tyto_fault *ret_fault, enum tyto_err err, const char *path,
                            const char *text)
{
    return tyto_fault_set(ret_fault, err, path, 0, NULL, "%s", text);
}

static enum tyto_err read_open(int fd, const char *path, char *ret_text, size_t text_bytes,
                               struct tyto_fault *ret_fault)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        return refuse(ret_fault, TYTO_ERR_FORMAT, path, "is no regular file");
    /* A group may: systemd's credentials show the bits of their access list there. */
    if (stat.st_mode & S_IRWXO)
        return refuse(ret_fault, TYTO_ERR_INVALID, path,
                      "holds a secret that everybody may read: chmod 600");
    const ssize_t num = read(fd, ret_text, text_bytes);
    if (num < 0)
        return refuse(ret_fault, TYTO_ERR_IO, path, strerror(errno));
    if ((size_t)num == text_bytes)
        return refuse(ret_fault, TYTO_ERR_FORMAT, path, "is too long for a secret");
    ret_text[num] = '\0';
    return TYTO_OK;
}

enum tyto_err tyto_bridge_secret_read(const char *path, char **ret_secret,
                                      struct tyto_fault *ret_fault)
{
    char text[TYTO_SECRET_MAX_BYTES + 1];
    *ret_secret = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return refuse(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                      strerror(errno));
    enum tyto_err err = read_open(fd, path, text, sizeof(text), ret_fault);
    close(fd);
    const char *secret = err ? "" : tyto_text_trim(text);
    if (!err && !*secret)
        err = refuse(ret_fault, TYTO_ERR_FORMAT, path, "is empty, one line is expected");
    for (const char *c = secret; !err && *c; c++) {
        if (tyto_text_is_control(c))
            err = refuse(ret_fault, TYTO_ERR_FORMAT, path,
                         "has more than one line, or control characters in it");
    }
    if (!err && !(*ret_secret = strdup(secret)))
        err = TYTO_ERR_NOMEM;
    explicit_bzero(text, sizeof(text));
    return err;
}

void tyto_bridge_secret_free(char **secret)
{
    if (!*secret)
        return;
    explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}
