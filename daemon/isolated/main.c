/* SPDX-License-Identifier: MIT */
/* tyto-source: the process of one camera (isolate: true). tytod begins it, with a socket as its
 * descriptor 3, and tells it by that what to connect to; it is of no use to anybody else. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/standard_fds.h"
#include "daemon/isolated/sandbox.h"
#include "pipeline/isolate/isolate.h"
#include "pipeline/isolate/process.h"

enum { MAX_ARENAS = 1 };

static bool has_socket(void)
{
    int kind = 0;
    socklen_t num_bytes = sizeof(kind);
    return getsockopt(TYTO_CHILD_SOCKET_FD, SOL_SOCKET, SO_TYPE, &kind, &num_bytes) == 0;
}

/* It ends when its parent lets go of it, or is no more; not by what is sent to the whole group. */
static void settle_signals(void)
{
    const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t all;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)sigaction(ignored[i], &ignore, NULL);
    sigfillset(&all);
    (void)sigprocmask(SIG_UNBLOCK, &all, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Where memory runs out a camera goes before the daemon does. */
static void be_first_to_go(void)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "we");
    if (!file)
        return;
    (void)fputs("500", file);
    (void)fclose(file);
}

int main(int argc, char **argv)
{
    (void)argc;
    tyto_standard_fds_open();
    if (!has_socket()) {
        fprintf(stderr,
                "%s: begun by tytod for a camera with `isolate: true`, and by nobody else\n",
                argv[0] ? argv[0] : "tyto-source");
        return 2;
    }
    settle_signals();
    (void)close_range(TYTO_CHILD_SOCKET_FD + 1, ~0U, 0);
    /* Its memory holds the camera's password, and a crash is told of by the parent. */
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    be_first_to_go();
    (void)mallopt(M_ARENA_MAX, MAX_ARENAS);
    /* Threads of a pipeline that hangs may still use what exit handlers take down. */
    _exit(tyto_isolate_serve(TYTO_CHILD_SOCKET_FD, tyto_sandbox_enter));
}
