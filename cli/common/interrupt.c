/* SPDX-License-Identifier: MIT */
#include "cli/common/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static atomic_int exit_status; /* of a second one; 0: it is the same wish again */
static atomic_bool has_come;   /* lock-free, so a handler may write it and any thread read it */

static void on_interrupt(int number)
{
    (void)number;
    if (atomic_exchange(&has_come, true) && atomic_load(&exit_status) > 0)
        _exit(atomic_load(&exit_status));
}

void tyto_interrupt_catch(int second_status)
{
    const struct sigaction action = {.sa_handler = on_interrupt};
    atomic_store(&exit_status, second_status);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool tyto_interrupt_came(void)
{
    return atomic_load(&has_come);
}

bool tyto_interrupt_should_stop(void *user)
{
    (void)user;
    return tyto_interrupt_came();
}

const atomic_bool *tyto_interrupt_flag(void)
{
    return &has_come;
}
