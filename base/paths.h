/* SPDX-License-Identifier: MIT */
/* The folders that the user's session, systemd and the installation give a process: the one place
 * that asks the environment for them. Variables that are not absolute paths count as not there.
 * Each fills ret_path; false: there is no such folder, or the path is too long. Before threads
 * begin. */
#ifndef TYTO_BASE_PATHS_H
#define TYTO_BASE_PATHS_H

#include <stdbool.h>
#include <stddef.h>

/* name ("": the folder itself) in the folder for what can be made again: systemd's
 * $CACHE_DIRECTORY, $XDG_CACHE_HOME/tyto, ~/.cache/tyto. */
bool tyto_paths_cache(const char *name, char *ret_path, size_t path_bytes);
/* name in the folder for what is to be found again after a restart: systemd's $STATE_DIRECTORY,
 * $XDG_STATE_HOME/tyto, ~/.local/state/tyto. */
bool tyto_paths_state(const char *name, char *ret_path, size_t path_bytes);
/* name in the folder for sockets of this process: systemd's $RUNTIME_DIRECTORY,
 * $XDG_RUNTIME_DIR/tyto. */
bool tyto_paths_runtime(const char *name, char *ret_path, size_t path_bytes);
/* name in the folder where a daemon and who looks for it meet: $XDG_RUNTIME_DIR/tyto, or the
 * system's, /run/tyto. */
bool tyto_paths_meeting(const char *name, char *ret_path, size_t path_bytes);
bool tyto_paths_system(const char *name, char *ret_path, size_t path_bytes);
/* name as seen from the folder of the running program ("../share/tyto"). */
bool tyto_paths_program(const char *name, char *ret_path, size_t path_bytes);

#endif
