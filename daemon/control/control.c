/* SPDX-License-Identifier: MIT */
#include "daemon/control/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/local_socket.h"
#include "base/thread.h"
#include "daemon/gate/gate.h"

enum { BACKLOG = 16, POLL_MS = 1000, FULL_POLL_MS = 50 };

/* A daemon that was killed may still hold the path; one that goes on asks nobody to wait longer. */
#define PATIENCE_NS (2 * TYTO_NS_PER_S)
/* What a request that is being answered may still take. */
#define AGAIN_NS (TYTO_NS_PER_S / 2)
/* Who has just come or was just answered has so long to ask before it can be let go for another;
 * who takes an answer, so long for each piece of it. */
#define GRACE_NS (TYTO_NS_PER_S / 4)
#define SLOW_NS (2 * TYTO_NS_PER_S)
#define LOOK_AT_PATH_NS TYTO_NS_PER_S
#define END_NS (2 * TYTO_NS_PER_S)

struct client {
    int fd;
    uint64_t let_go_ns; /* unless something moves before */
    uint64_t idle_ns;   /* since then no request was whole, and nothing of an answer taken */
    size_t num_in;
    char in[TYTO_CONTROL_LINE_MAX];
    char *out; /* owned; NULL: nothing to send */
    size_t num_out, at_out;
    bool is_last; /* once out is sent: reads on in vain until the other end has closed, for a
                   * close with bytes unread would take the answer back */
};

struct tyto_control {
    struct tyto_control_params p;
    char path[TYTO_CONTROL_PATH_MAX];
    int listen_fd, stop_fd;
    bool is_running;
    pthread_t thread;
    atomic_uint_fast64_t num_turns;
    atomic_uint_fast64_t answers_since_ns; /* 0: it does not */

    /* The thread's. */
    struct client *clients[TYTO_CONTROL_MAX_CLIENTS];
    uint32_t num_clients;
    uint64_t listen_again_ns; /* nobody is let in before */
    uint64_t next_look_ns;    /* at path, whose file was: */
    ino_t inode;
    dev_t device;
    bool is_path_told; /* that it cannot be made anew */
};

struct tyto_json *tyto_control_refuse(enum tyto_err err, const struct tyto_fault *fault)
{
    struct tyto_json *json = tyto_json_new_object();
    char text[sizeof(fault->text) + sizeof(fault->file) + sizeof(fault->key) + 16];
    tyto_fault_print(fault, text, sizeof(text));
    bool ok = tyto_json_set(json, "ok", tyto_json_new_bool(false)) &&
              tyto_json_set(json, "error", tyto_json_new_string(tyto_err_text(err))) &&
              tyto_json_set(json, "text", tyto_json_new_string(text));
    if (ok && fault->file[0])
        ok = tyto_json_set(json, "file", tyto_json_new_string(fault->file));
    if (ok && fault->line)
        ok = tyto_json_set(json, "line", tyto_json_new_u64(fault->line));
    if (ok && fault->key[0])
        ok = tyto_json_set(json, "key", tyto_json_new_string(fault->key));
    if (!ok)
        tyto_json_destroy(&json);
    return json;
}

/* Which file is ours. */
static void remember_path(struct tyto_control *control)
{
    struct stat status;
    if (lstat(control->path, &status) != 0)
        status = (struct stat){0};
    control->inode = status.st_ino;
    control->device = status.st_dev;
}

/* --- one client --------------------------------------------------------------------------------
 */

static void touch(struct client *client)
{
    if (!client->is_last)
        client->let_go_ns = tyto_clock_mono_ns() + TYTO_CONTROL_IDLE_S * TYTO_NS_PER_S;
}

static void drop(struct tyto_control *control, uint32_t idx)
{
    struct client *client = control->clients[idx];
    close(client->fd);
    free(client->out);
    free(client);
    control->clients[idx] = control->clients[--control->num_clients];
}

/* Takes json (NULL: no memory for an answer: the client is let go). */
static void put_answer(struct client *client, struct tyto_json *json)
{
    char *text = json ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    const size_t num = text ? strlen(text) : 0;
    client->out = text ? realloc(text, num + 2) : NULL;
    if (!client->out) {
        free(text);
        (void)shutdown(client->fd, SHUT_RDWR); /* seen as its end in the next turn */
        return;
    }
    memcpy(client->out + num, "\n", 2);
    client->num_out = num + 1;
    client->at_out = 0;
}

static void refuse(struct client *client, enum tyto_err err, const char *text)
{
    struct tyto_fault fault = {0};
    (void)tyto_fault_set(&fault, err, NULL, 0, NULL, "%s", text);
    put_answer(client, tyto_control_refuse(err, &fault));
}

static struct tyto_json *answer(struct tyto_control *control, const struct tyto_json *request)
{
    atomic_store(&control->answers_since_ns, tyto_clock_mono_ns());
    struct tyto_json *json = control->p.answer(control->p.user, request);
    atomic_store(&control->answers_since_ns, 0);
    return json;
}

static void take_line(struct tyto_control *control, struct client *client, size_t num_bytes)
{
    struct tyto_json *request = NULL;
    char reason[128] = "";
    if (tyto_json_parse(client->in, num_bytes, &request, reason, sizeof(reason)) != TYTO_OK)
        refuse(client, TYTO_ERR_FORMAT, reason[0] ? reason : "not JSON");
    else if (!tyto_json_is_object(request))
        refuse(client, TYTO_ERR_FORMAT, "a request is a JSON object: {\"command\":\"status\"}");
    else
        put_answer(client, answer(control, request));
    tyto_json_destroy(&request);
}

/* The first whole line, if there is one and nothing waits to be sent. */
static void take_lines(struct tyto_control *control, struct client *client)
{
    while (!client->out && !client->is_last) {
        const char *end = memchr(client->in, '\n', client->num_in);
        if (!end && client->num_in == sizeof(client->in)) {
            refuse(client, TYTO_ERR_FULL, "the line is longer than 4096 bytes");
            client->is_last = true;
            client->num_in = 0;
        }
        if (!end)
            return;
        const size_t num = (size_t)(end - client->in) + 1;
        if (num > 1) {
            take_line(control, client, num - 1);
            client->idle_ns = tyto_clock_mono_ns();
        }
        client->num_in -= num;
        memmove(client->in, client->in + num, client->num_in);
    }
}

/* False when the client is gone. */
static bool serve(struct tyto_control *control, struct client *client, short events)
{
    if (client->out && events & POLLOUT) {
        const ssize_t num = send(client->fd, client->out + client->at_out,
                                 client->num_out - client->at_out, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (num < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        client->at_out += num > 0 ? (size_t)num : 0;
        client->idle_ns = tyto_clock_mono_ns();
        touch(client);
        if (client->at_out == client->num_out) {
            free(client->out);
            client->out = NULL;
            if (client->is_last)
                (void)shutdown(client->fd, SHUT_WR);
        }
    } else if (!client->out && events & (POLLIN | POLLHUP)) {
        const ssize_t num = recv(client->fd, client->in + client->num_in,
                                 sizeof(client->in) - client->num_in, MSG_DONTWAIT);
        if (num == 0 || (num < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        client->num_in += num > 0 && !client->is_last ? (size_t)num : 0;
        touch(client);
    } else if (events & (POLLERR | POLLHUP | POLLNVAL)) {
        return false;
    }
    take_lines(control, client);
    return true;
}

/* --- all of them -------------------------------------------------------------------------------
 */

/* Clients that say nothing must not keep others waiting: for one more, the one that has been idle
 * longest goes. */
static bool make_room(struct tyto_control *control, uint64_t now_ns)
{
    uint32_t longest = TYTO_CONTROL_MAX_CLIENTS;
    if (control->num_clients < TYTO_CONTROL_MAX_CLIENTS)
        return true;
    for (uint32_t i = 0; i < control->num_clients; i++) {
        const struct client *client = control->clients[i];
        const bool may_go = now_ns - client->idle_ns >= (client->out ? SLOW_NS : GRACE_NS);
        if (may_go && (longest == TYTO_CONTROL_MAX_CLIENTS ||
                       client->idle_ns < control->clients[longest]->idle_ns))
            longest = i;
    }
    if (longest < TYTO_CONTROL_MAX_CLIENTS)
        drop(control, longest);
    return longest < TYTO_CONTROL_MAX_CLIENTS;
}

static void welcome(struct tyto_control *control)
{
    const int fd = tyto_gate_accept(control->listen_fd, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *client = fd >= 0 ? calloc(1, sizeof(*client)) : NULL;
    if (!client) {
        /* Who waits goes on waiting, and keeps the descriptor readable: not asked at once again. */
        control->listen_again_ns = tyto_clock_mono_ns() + AGAIN_NS;
        if (fd >= 0)
            close(fd);
        return;
    }
    client->fd = fd;
    client->idle_ns = tyto_clock_mono_ns();
    touch(client);
    control->clients[control->num_clients++] = client;
}

/* Whoever clears the folder takes the socket's file with it: nobody could ask any more. What stands
 * in its place and is none of ours stays. */
static void look_at_path(struct tyto_control *control)
{
    struct stat status;
    struct tyto_fault fault = {.text = ""};
    const uint64_t now_ns = tyto_clock_mono_ns();
    if (now_ns < control->next_look_ns)
        return;
    control->next_look_ns = now_ns + LOOK_AT_PATH_NS;
    const bool is_there = lstat(control->path, &status) == 0;
    if (is_there && status.st_ino == control->inode && status.st_dev == control->device)
        return;
    int fd = -1;
    const enum tyto_err err = tyto_local_listen(control->path, BACKLOG, 0, &fd, &fault);
    if (err && !control->is_path_told)
        tyto_log_write(control->p.log, TYTO_LOG_ERROR, "control",
                       "the socket's file is gone or another one's, and nobody can ask: %s; tried "
                       "again each second",
                       fault.text);
    control->is_path_told = (bool)err;
    if (err)
        return;
    close(control->listen_fd);
    control->listen_fd = fd;
    remember_path(control);
    tyto_log_write(control->p.log, TYTO_LOG_WARNING, "control",
                   "the socket's file was removed: %s is made anew", control->path);
}

static void *run(void *user)
{
    struct tyto_control *control = user;
    pthread_setname_np(pthread_self(), "tyto-control");
    for (;;) {
        look_at_path(control);
        const bool listens =
            control->listen_fd >= 0 && tyto_clock_mono_ns() >= control->listen_again_ns;
        struct pollfd fds[TYTO_CONTROL_MAX_CLIENTS + 2] = {
            {.fd = control->stop_fd, .events = POLLIN},
            {.fd = listens ? control->listen_fd : -1, .events = POLLIN}};
        for (uint32_t i = 0; i < control->num_clients; i++)
            fds[i + 2] = (struct pollfd){.fd = control->clients[i]->fd,
                                         .events = control->clients[i]->out ? POLLOUT : POLLIN};
        const uint32_t num = control->num_clients;
        if (poll(fds, num + 2, listens ? POLL_MS : FULL_POLL_MS) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            break;
        const uint64_t now_ns = tyto_clock_mono_ns();
        for (uint32_t i = num; i-- > 0;) { /* backwards: a drop moves the last one here */
            struct client *client = control->clients[i];
            const short events = fds[i + 2].revents;
            if ((events && !serve(control, client, events)) || now_ns > client->let_go_ns)
                drop(control, i);
        }
        const bool is_full = fds[1].revents && !make_room(control, now_ns);
        if (is_full) /* all of them have just come */
            control->listen_again_ns = now_ns + FULL_POLL_MS * TYTO_NS_PER_MS;
        else if (fds[1].revents)
            welcome(control);
        atomic_fetch_add(&control->num_turns, 1);
    }
    while (control->num_clients > 0)
        drop(control, 0);
    return NULL;
}

/* --- making --------------------------------------------------------------------------------------
 */

static enum tyto_err complain(struct tyto_fault *ret_fault, enum tyto_err err, const char *path,
                              const char *text)
{
    return tyto_fault_set(ret_fault, err, NULL, 0, "control socket", "%s: %s", path, text);
}

enum tyto_err tyto_control_create(const struct tyto_control_params *params,
                                  struct tyto_control **ret_control, struct tyto_fault *ret_fault)
{
    struct tyto_control *control = calloc(1, sizeof(*control));
    if (!control)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    control->p = *params;
    control->p.path = NULL;
    control->listen_fd = -1;
    snprintf(control->path, sizeof(control->path), "%s", params->path);
    control->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum tyto_err err =
        control->stop_fd >= 0
            ? tyto_local_listen(params->path, BACKLOG, PATIENCE_NS, &control->listen_fd, ret_fault)
            : complain(ret_fault, TYTO_ERR_IO, control->path, strerror(errno));
    if (ret_fault && err)
        snprintf(ret_fault->key, sizeof(ret_fault->key), "control socket");
    if (!err) {
        remember_path(control);
        control->is_running = pthread_create(&control->thread, NULL, run, control) == 0;
        if (!control->is_running)
            err = complain(ret_fault, TYTO_ERR_NOMEM, control->path, "no thread");
    }
    if (err)
        tyto_control_destroy(&control);
    else
        *ret_control = control;
    return err;
}

uint64_t tyto_control_num_turns(const struct tyto_control *control)
{
    const uint64_t since_ns = atomic_load(&control->answers_since_ns);
    const uint64_t now_ns = tyto_clock_mono_ns();
    const uint64_t age_s = since_ns && now_ns > since_ns ? (now_ns - since_ns) / TYTO_NS_PER_S : 0;
    /* As many as it could have made meanwhile. */
    return atomic_load(&control->num_turns) +
           (age_s < TYTO_CONTROL_ANSWER_S ? age_s : TYTO_CONTROL_ANSWER_S);
}

bool tyto_control_destroy(struct tyto_control **control)
{
    if (!control || !*control)
        return true;
    struct tyto_control *self = *control;
    const uint64_t one = 1;
    *control = NULL;
    /* The file goes after the thread, which would make it anew. */
    const bool is_over =
        !self->is_running || (write(self->stop_fd, &one, sizeof(one)) == (ssize_t)sizeof(one) &&
                              tyto_thread_join(self->thread, END_NS));
    if (self->is_running || self->listen_fd >= 0)
        tyto_local_unlink(self->path);
    if (!is_over)
        return false; /* its own until the process ends */
    if (self->listen_fd >= 0)
        close(self->listen_fd);
    if (self->stop_fd >= 0)
        close(self->stop_fd);
    free(self);
    return true;
}
