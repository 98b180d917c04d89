/* SPDX-License-Identifier: MIT */
#include "daemon/service/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "daemon/gate/gate.h"

enum {
    MOST = 65536,
    /* Networks, a GPU's driver, sockets, threads' wake-ups: some 40 of them. */
    OF_DAEMON = 64,
    OF_CONTROL = 16,
    /* A pipeline has 10 to 13; the one before may not have let go yet. */
    OF_CAMERA = 20,
    OF_RECORDING = 2,
    MIN_CONNECTIONS = 16,
    MAX_CONNECTIONS = 128,
};

enum tyto_err tyto_limits_raise(uint32_t num_cameras, uint32_t num_recorded,
                                uint32_t *ret_max_connections, struct tyto_fault *ret_fault)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL,
                              "the limit on file descriptors cannot be read: %s", strerror(errno));
    const rlim_t wanted = limit.rlim_max < MOST ? limit.rlim_max : MOST;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    const rlim_t taken = OF_DAEMON + OF_CONTROL + (rlim_t)num_cameras * OF_CAMERA +
                         (rlim_t)num_recorded * OF_RECORDING;
    const rlim_t needed = taken + 3 * MIN_CONNECTIONS;
    if (limit.rlim_cur < needed)
        return tyto_fault_set(
            ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
            "%u cameras may take %llu file descriptors, and only %llu are allowed: "
            "raise the limit (LimitNOFILE= of the service, ulimit -n of a shell)",
            num_cameras, (unsigned long long)needed, (unsigned long long)limit.rlim_cur);
    if (tyto_gate_set((int)(limit.rlim_cur - taken)) != TYTO_OK)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL,
                              "not even one file descriptor can be kept free: %s", strerror(errno));
    /* Whoever is turned away has been let in first: twice as many are left free. */
    const rlim_t rest = (limit.rlim_cur - taken) / 3;
    *ret_max_connections = rest < MAX_CONNECTIONS ? (uint32_t)rest : MAX_CONNECTIONS;
    return TYTO_OK;
}
