/* SPDX-License-Identifier: MIT */
/* Ctrl-C and SIGTERM as a wish: a command that has asked for it finishes what it is in the middle
 * of and ends cleanly. One for the process. */
#ifndef TYTO_CLI_COMMON_INTERRUPT_H
#define TYTO_CLI_COMMON_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

/* From here on SIGINT and SIGTERM no longer end the process; a second one does at once, with
 * second_status, unless that is 0. Once, on the main thread. */
void tyto_interrupt_catch(int second_status);
/* One of them came. Any thread. */
bool tyto_interrupt_came(void);
/* The same as a should_stop callback; user is not looked at. */
bool tyto_interrupt_should_stop(void *user);
/* The same as what becomes true; borrowed for good. */
const atomic_bool *tyto_interrupt_flag(void);

#endif
