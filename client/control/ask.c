/* SPDX-License-Identifier: MIT */
#include "client/control/ask.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/local_socket.h"
#include "base/paths.h"

enum { MAX_ANSWER_BYTES = 4 << 20, CONNECT_S = 5 };

const char *tyto_ask_default_path(void)
{
    static char path[108];
    if (!tyto_paths_meeting("control.sock", path, sizeof(path)) || access(path, F_OK) != 0)
        (void)tyto_paths_system("control.sock", path, sizeof(path));
    return path;
}

static enum tyto_err fail(struct tyto_fault *ret_fault, enum tyto_err err, const char *path,
                          const char *text)
{
    return tyto_fault_set(ret_fault, err, path, 0, NULL, "%s", text);
}

static enum tyto_err open_socket(const char *path, uint32_t timeout_s, int *ret_fd,
                                 struct tyto_fault *ret_fault)
{
    const struct timeval timeout = {.tv_sec = (time_t)timeout_s};
    const enum tyto_err err =
        tyto_local_connect(path, CONNECT_S * TYTO_NS_PER_S, ret_fd, ret_fault);
    if (err == TYTO_ERR_NOT_FOUND)
        return fail(ret_fault, err, path,
                    "no tytod listens there: is it running? --socket names another one");
    if (err)
        return err;
    (void)setsockopt(*ret_fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(*ret_fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    return TYTO_OK;
}

static enum tyto_err send_line(int fd, const char *path, const struct tyto_json *request,
                               struct tyto_fault *ret_fault)
{
    char *text = tyto_json_print(request);
    if (!text)
        return fail(ret_fault, TYTO_ERR_NOMEM, path, "out of memory");
    const size_t num = strlen(text) + 1;
    text[num - 1] = '\n'; /* in place of the terminator */
    enum tyto_err err = TYTO_OK;
    for (size_t at = 0; !err && at < num;) {
        const ssize_t sent = send(fd, text + at, num - at, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            err = fail(ret_fault, TYTO_ERR_IO, path, strerror(errno));
        at += sent > 0 ? (size_t)sent : 0;
    }
    free(text);
    return err;
}

static enum tyto_err take_line(int fd, const char *path, struct tyto_json **ret_answer,
                               struct tyto_fault *ret_fault)
{
    char *text = malloc(MAX_ANSWER_BYTES);
    size_t num = 0;
    enum tyto_err err = text ? TYTO_OK : fail(ret_fault, TYTO_ERR_NOMEM, path, "out of memory");
    while (!err && (num == 0 || text[num - 1] != '\n')) {
        const ssize_t got = recv(fd, text + num, MAX_ANSWER_BYTES - num, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            err = fail(ret_fault, TYTO_ERR_TIMEOUT, path, "tytod does not answer");
        else if (got < 0)
            err = fail(ret_fault, TYTO_ERR_IO, path, strerror(errno));
        else if (got == 0)
            err = fail(ret_fault, TYTO_ERR_CLOSED, path, "tytod closed the connection");
        num += got > 0 ? (size_t)got : 0;
    }
    if (!err && (tyto_json_parse(text, num, ret_answer, NULL, 0) != TYTO_OK ||
                 !tyto_json_is_object(*ret_answer))) {
        tyto_json_destroy(ret_answer);
        err = fail(ret_fault, TYTO_ERR_FORMAT, path, "that is no answer of tytod");
    }
    free(text);
    return err;
}

enum tyto_err tyto_ask_daemon(const char *path, const struct tyto_json *request,
                              struct tyto_json **ret_answer, struct tyto_fault *ret_fault)
{
    return tyto_ask_daemon_within(path, request, TYTO_ASK_TIMEOUT_S, ret_answer, ret_fault);
}

enum tyto_err tyto_ask_daemon_within(const char *path, const struct tyto_json *request,
                                     uint32_t timeout_s, struct tyto_json **ret_answer,
                                     struct tyto_fault *ret_fault)
{
    struct tyto_json *answer = NULL;
    int fd = -1;
    if (!path)
        path = tyto_ask_default_path();
    enum tyto_err err = open_socket(path, timeout_s, &fd, ret_fault);
    if (!err)
        err = send_line(fd, path, request, ret_fault);
    if (!err)
        err = take_line(fd, path, &answer, ret_fault);
    if (fd >= 0)
        close(fd);
    if (!err)
        *ret_answer = answer;
    return err;
}
