/* SPDX-License-Identifier: MIT */
/* The process of one camera, as its parent has it. Not thread-safe. */
#ifndef TYTO_PIPELINE_ISOLATE_PROCESS_H
#define TYTO_PIPELINE_ISOLATE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_CHILD_SOCKET_FD = 3 };

struct tyto_child {
    pid_t pid;    /* 0: none, or it has been waited for */
    int fd;       /* of ours: the socket; owned */
    int lines_fd; /* what it writes to its standard error; owned, non-blocking */
    int status;   /* of waitpid(), once pid is 0 */
};

/* Begins program with title as its name and env as its environment (not this process's), and with
 * nothing open but a socket (TYTO_CHILD_SOCKET_FD) and its standard error. It gets SIGKILL when
 * this thread ends. IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_child_begin(const char *program, const char *title, char *const env[],
                               struct tyto_child *ret_child, struct tyto_fault *ret_fault);
/* Whether it has ended within timeout_ns, which is seen once in 5 ms. */
bool tyto_child_has_ended(struct tyto_child *child, uint64_t timeout_ns);
/* Closes the socket, which asks it to end, and kills it after grace_ns. False: it is there all the
 * same, since it waits for a disk, say; then it is left behind. lines_fd stays. */
bool tyto_child_end(struct tyto_child *child, uint64_t grace_ns);
/* How it ended: "was ended by signal 11 (Segmentation fault)". */
void tyto_child_print_end(const struct tyto_child *child, char *ret_text, uint32_t text_bytes);

#endif
