/* SPDX-License-Identifier: MIT */
#include "daemon/service/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

enum tyto_err tyto_signals_block(int *ret_signal_fd)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, NULL) != 0 || pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
        return TYTO_ERR_IO;
    const int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return TYTO_ERR_IO;
    *ret_signal_fd = fd;
    return TYTO_OK;
}
