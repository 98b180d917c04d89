/* SPDX-License-Identifier: MIT */
#include "cli/common/interrupt.h"

#include <signal.h>
#include <stddef.h>

static atomic_bool has_come; /* lock-free, so a handler may write it and any thread read it */

static void on_interrupt(int number)
{
    (void)number;
    atomic_store(&has_come, true);
}

void tyto_interrupt_catch(void)
{
    const struct sigaction action = {.sa_handler = on_interrupt};
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
