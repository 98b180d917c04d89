/* SPDX-License-Identifier: MIT */
/* What the process itself takes, as the kernel and the allocator say. */
#ifndef TYTO_DAEMON_SERVICE_PROCESS_H
#define TYTO_DAEMON_SERVICE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct tyto_process {
    double cpu_s; /* user and system */
    uint64_t resident_bytes;
    uint64_t heap_bytes, heap_used_bytes; /* held by the allocator, and in use of it */
    uint32_t num_fds, num_threads;
    uint64_t max_fds;
};

/* What cannot be read is 0. Any thread. */
void tyto_process_look(struct tyto_process *ret_process);

/* Whether a thread of this process with that name (pthread_setname_np) waits for a disk, or for a
 * file system that hangs, and cannot be disturbed: state D. Any thread. */
bool tyto_process_waits_for_disk(const char *thread_name);

/* The allocator keeps at most two arenas, unless MALLOC_ARENA_MAX says otherwise: threads that live
 * for one connection leave their memory to the next. Large blocks are the system's own each, unless
 * MALLOC_MMAP_THRESHOLD_ says otherwise: they go back to it with a camera, and what a new one has
 * not written to yet takes no memory. Before the first thread. */
void tyto_process_settle(void);
/* Gives back to the system what has been freed. Takes milliseconds. */
void tyto_process_trim(void);

#endif
