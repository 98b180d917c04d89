/* SPDX-License-Identifier: MIT */
#include "pipeline/isolate/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { LOOK_US = 5000 };

/* After SIGKILL. */
#define KILLED_NS (2 * TYTO_NS_PER_S)

/* --- begin ------------------------------------------------------------------------------------ */

/* Those that a terminal and a service manager send to all at once are blocked until the program
 * ignores them: it ends when its parent lets go of it. */
static int set_signals(posix_spawnattr_t *attr)
{
    sigset_t all, blocked;
    sigfillset(&all);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGHUP);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    int rc = posix_spawnattr_setsigdefault(attr, &all);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attr, &blocked);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    return rc;
}

/* Everything else is closed by exec, and by the program once more. */
static int set_files(posix_spawn_file_actions_t *actions, int socket_fd, int lines_fd)
{
    int rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, lines_fd, STDERR_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, socket_fd, TYTO_CHILD_SOCKET_FD);
    return rc;
}

static int spawn(const char *program, const char *title, char *const env[], int socket_fd,
                 int lines_fd, pid_t *ret_pid)
{
    char *const argv[] = {(char *)(uintptr_t)title, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    int rc = set_files(&actions, socket_fd, lines_fd);
    if (rc == 0)
        rc = set_signals(&attr);
    if (rc == 0)
        rc = posix_spawn(ret_pid, program, &actions, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* Above the descriptors that the process gets, so that none of them is one of these. */
static int move_up(int fd)
{
    if (fd < 0 || fd > TYTO_CHILD_SOCKET_FD)
        return fd;
    const int moved = fcntl(fd, F_DUPFD_CLOEXEC, TYTO_CHILD_SOCKET_FD + 1);
    close(fd);
    return moved;
}

static void close_all(const int *fds, int num_fds)
{
    for (int i = 0; i < num_fds; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

enum tyto_err tyto_child_begin(const char *program, const char *title, char *const env[],
                               struct tyto_child *ret_child, struct tyto_fault *ret_fault)
{
    int fds[4] = {-1, -1, -1, -1}; /* socket: ours, its; lines: ours, its */
    pid_t pid = 0;
    int rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0 &&
                     pipe2(fds + 2, O_CLOEXEC) == 0
                 ? 0
                 : errno;
    for (int i = 0; i < 4; i++)
        fds[i] = move_up(fds[i]);
    if (rc == 0 && (fds[0] < 0 || fds[1] < 0 || fds[2] < 0 || fds[3] < 0 ||
                    fcntl(fds[2], F_SETFL, O_NONBLOCK) != 0))
        rc = errno;
    if (rc == 0)
        rc = spawn(program, title, env, fds[1], fds[3], &pid);
    if (rc != 0) {
        close_all(fds, 4);
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, program, 0, NULL,
                              "a process of its own cannot be begun: %s", strerror(rc));
    }
    close(fds[1]);
    close(fds[3]);
    *ret_child = (struct tyto_child){.pid = pid, .fd = fds[0], .lines_fd = fds[2]};
    return TYTO_OK;
}

/* --- end -------------------------------------------------------------------------------------- */

bool tyto_child_has_ended(struct tyto_child *child, uint64_t timeout_ns)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + timeout_ns;
    while (child->pid > 0) {
        const pid_t pid = waitpid(child->pid, &child->status, WNOHANG);
        if (pid == child->pid || (pid < 0 && errno == ECHILD))
            child->pid = 0;
        else if (tyto_clock_mono_ns() >= until_ns)
            return false;
        else
            usleep(LOOK_US);
    }
    return true;
}

bool tyto_child_end(struct tyto_child *child, uint64_t grace_ns)
{
    close_all(&child->fd, 1);
    child->fd = -1;
    if (tyto_child_has_ended(child, grace_ns))
        return true;
    kill(child->pid, SIGKILL);
    return tyto_child_has_ended(child, KILLED_NS);
}

void tyto_child_print_end(const struct tyto_child *child, char *ret_text, uint32_t text_bytes)
{
    if (WIFSIGNALED(child->status)) {
        const int number = WTERMSIG(child->status);
        const char *name = sigdescr_np(number);
        snprintf(ret_text, text_bytes, "was ended by signal %d (%s)", number, name ? name : "?");
    } else {
        snprintf(ret_text, text_bytes, "ended with status %d", WEXITSTATUS(child->status));
    }
}
