/* SPDX-License-Identifier: MIT */
#include "daemon/service/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

/* What would end the process though nobody asked it to end: a write to who has gone, or beyond the
 * largest file that is allowed (both are errors of that write), and what tools send to daemons that
 * do something else with it. */
static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM, SIGIO};

enum tyto_err tyto_signals_settle(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t kept;
    sigemptyset(&kept);
    sigaddset(&kept, SIGHUP);
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        if (sigaction(ignored[i], &ignore, NULL) != 0)
            return TYTO_ERR_IO;
    }
    return pthread_sigmask(SIG_BLOCK, &kept, NULL) == 0 ? TYTO_OK : TYTO_ERR_IO;
}

enum tyto_err tyto_signals_block(int *ret_signal_fd)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
        return TYTO_ERR_IO;
    const int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return TYTO_ERR_IO;
    *ret_signal_fd = fd;
    return TYTO_OK;
}
