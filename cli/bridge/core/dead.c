/* SPDX-License-Identifier: MIT */
#include "cli/bridge/core/dead.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/bridge/core/letter.h"
#include "cli/event/json.h"
#include "files/json.h"

static char *make_line(const struct tyto_message *message, const char *why)
{
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_put(&json, "refused_utc", tyto_json_new_utc((int64_t)tyto_clock_unix_ns()));
    tyto_json_put(&json, "why", tyto_json_new_name(why));
    tyto_json_put(&json, "event", tyto_bridge_letter(message));
    char *text = json ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    return text;
}

static enum tyto_err add(int fd, const char *path, const char *line, struct tyto_fault *ret_fault)
{
    struct stat stat;
    const size_t num_bytes = strlen(line);
    if (fstat(fd, &stat) != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(errno));
    if (stat.st_size + (off_t)num_bytes + 1 > TYTO_BRIDGE_DEAD_MAX_BYTES)
        return tyto_fault_set(ret_fault, TYTO_ERR_FULL, path, 0, NULL,
                              "holds %d MiB of refused events, no more are written there",
                              TYTO_BRIDGE_DEAD_MAX_BYTES >> 20);
    /* In one piece, so that a crash leaves at most one line that is cut. */
    char *text = malloc(num_bytes + 1);
    if (!text)
        return TYTO_ERR_NOMEM;
    memcpy(text, line, num_bytes);
    text[num_bytes] = '\n';
    const ssize_t num = write(fd, text, num_bytes + 1);
    int reason = num < 0 ? errno : num == (ssize_t)num_bytes + 1 ? 0 : ENOSPC;
    free(text);
    if (!reason && fsync(fd) != 0)
        reason = errno;
    if (reason)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(reason));
    return TYTO_OK;
}

enum tyto_err tyto_bridge_dead_add(const char *path, const struct tyto_message *message,
                                   const char *why, struct tyto_fault *ret_fault)
{
    char *line = make_line(message, why);
    if (!line)
        return TYTO_ERR_NOMEM;
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
    enum tyto_err err = TYTO_OK;
    if (fd < 0) {
        err = tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(errno));
    } else {
        err = add(fd, path, line, ret_fault);
        close(fd);
    }
    free(line);
    return err;
}
