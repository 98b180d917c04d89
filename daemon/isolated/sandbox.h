/* SPDX-License-Identifier: MIT */
/* What the process of a camera may no longer do once it has loaded its plug-ins. */
#ifndef TYTO_DAEMON_ISOLATED_SANDBOX_H
#define TYTO_DAEMON_ISOLATED_SANDBOX_H

/* From here on this process, with the threads that it has not begun yet: starts no program and no
 * process, signals none but itself, looks into none, changes nothing of the system, and (Landlock,
 * Linux 5.13) writes, makes and removes no file outside /dev. What the kernel does not know is left
 * out. To be called while it has one thread. */
void tyto_sandbox_enter(void);

#endif
