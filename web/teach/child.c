/* SPDX-License-Identifier: MIT */
#include "web/teach/child.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE_S = 10, NICE = 10, MAX_AT_ONCE = 16 };

/* One of its outputs. */
struct stream {
    int fd; /* -1: at its end */
    guint source;
    char line[TYTO_CHILD_MAX_LINE];
    size_t num;
    bool is_long; /* what comes until the line's end is dropped */
};

struct tyto_child {
    struct tyto_child_params params;
    GPid pid; /* 0: it is over */
    guint watch, deadline, kill_timer;
    struct stream out, err;
    char said[512];
    int status;
    bool was_late;
};

static void end_stream(struct stream *stream)
{
    if (stream->source != 0)
        g_source_remove(stream->source);
    if (stream->fd >= 0)
        (void)close(stream->fd);
    stream->source = 0;
    stream->fd = -1;
}

/* Everything is over when it has ended and both its outputs are read. */
static void look_end(struct tyto_child *child)
{
    if (child->pid == 0 && child->out.fd < 0 && child->err.fd < 0)
        child->params.on_end(child->params.user, child->status, child->was_late, child->said);
}

static void take_line(struct tyto_child *child, const struct stream *stream)
{
    if (stream == &child->out)
        child->params.on_line(child->params.user, stream->line);
    else if (stream->line[0] != '\0')
        (void)g_strlcpy(child->said, stream->line, sizeof(child->said));
}

static void take_bytes(struct tyto_child *child, struct stream *stream, const char *bytes,
                       size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (bytes[i] != '\n' && stream->num + 1 < sizeof(stream->line)) {
            stream->line[stream->num++] = bytes[i];
            continue;
        }
        if (bytes[i] != '\n') {
            stream->is_long = true;
            continue;
        }
        stream->line[stream->num] = '\0';
        if (!stream->is_long)
            take_line(child, stream);
        stream->num = 0;
        stream->is_long = false;
    }
}

/* False: the stream has ended. */
static bool read_stream(struct tyto_child *child, struct stream *stream)
{
    char bytes[4096];
    for (int i = 0; i < MAX_AT_ONCE; i++) {
        const ssize_t got = read(stream->fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (got <= 0)
            return false;
        take_bytes(child, stream, bytes, (size_t)got);
    }
    return true;
}

static gboolean on_stream(struct tyto_child *child, struct stream *stream)
{
    if (read_stream(child, stream))
        return G_SOURCE_CONTINUE;
    stream->source = 0;
    end_stream(stream);
    look_end(child);
    return G_SOURCE_REMOVE;
}

static gboolean on_out(gint fd, GIOCondition condition, gpointer user)
{
    (void)fd;
    (void)condition;
    struct tyto_child *child = user;
    return on_stream(child, &child->out);
}

static gboolean on_err(gint fd, GIOCondition condition, gpointer user)
{
    (void)fd;
    (void)condition;
    struct tyto_child *child = user;
    return on_stream(child, &child->err);
}

static void on_exit_of(GPid pid, gint status, gpointer user)
{
    struct tyto_child *child = user;
    g_spawn_close_pid(pid);
    child->pid = 0;
    child->watch = 0;
    child->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    look_end(child);
}

static gboolean on_grace(gpointer user)
{
    struct tyto_child *child = user;
    child->kill_timer = 0;
    if (child->pid != 0)
        (void)kill(child->pid, SIGKILL);
    return G_SOURCE_REMOVE;
}

void tyto_child_stop(struct tyto_child *child)
{
    if (child->pid == 0 || child->kill_timer != 0)
        return;
    (void)kill(child->pid, SIGTERM);
    child->kill_timer = g_timeout_add_seconds(GRACE_S, on_grace, child);
}

static gboolean on_deadline(gpointer user)
{
    struct tyto_child *child = user;
    child->deadline = 0;
    child->was_late = true;
    tyto_child_stop(child);
    return G_SOURCE_REMOVE;
}

/* In the child, before the program: this machine is there for its cameras first. */
static void set_up(gpointer user)
{
    (void)user;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpriority(PRIO_PROCESS, 0, NICE);
}

static void open_stream(struct tyto_child *child, struct stream *stream, GUnixFDSourceFunc take)
{
    (void)g_unix_set_fd_nonblocking(stream->fd, TRUE, NULL);
    stream->source = g_unix_fd_add(stream->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, take, child);
}

enum tyto_err tyto_child_start(const struct tyto_child_params *params,
                               struct tyto_child **ret_child, struct tyto_fault *ret_fault)
{
    struct tyto_child *child = g_new0(struct tyto_child, 1);
    GError *error = NULL;
    child->params = *params;
    if (!g_spawn_async_with_pipes(NULL, (char **)params->argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                  set_up, NULL, &child->pid, NULL, &child->out.fd, &child->err.fd,
                                  &error)) {
        (void)tyto_fault_set(ret_fault, TYTO_ERR_IO, params->argv[0], 0, NULL, "%s",
                             error->message);
        g_error_free(error);
        g_free(child);
        return TYTO_ERR_IO;
    }
    open_stream(child, &child->out, on_out);
    open_stream(child, &child->err, on_err);
    child->watch = g_child_watch_add(child->pid, on_exit_of, child);
    child->deadline = g_timeout_add_seconds(params->max_s, on_deadline, child);
    *ret_child = child;
    return TYTO_OK;
}

void tyto_child_free(struct tyto_child *child)
{
    if (!child)
        return;
    const guint sources[] = {child->watch, child->deadline, child->kill_timer};
    for (size_t i = 0; i < G_N_ELEMENTS(sources); i++) {
        if (sources[i] != 0)
            g_source_remove(sources[i]);
    }
    if (child->pid != 0) {
        (void)kill(child->pid, SIGKILL);
        (void)waitpid(child->pid, NULL, 0);
        g_spawn_close_pid(child->pid);
    }
    end_stream(&child->out);
    end_stream(&child->err);
    g_free(child);
}
