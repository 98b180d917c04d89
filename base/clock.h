/* SPDX-License-Identifier: MIT */
/* The two clocks of a process, in nanoseconds. Logic uses the monotonic one;
 * the wall clock only ever labels things. */
#ifndef TYTO_BASE_CLOCK_H
#define TYTO_BASE_CLOCK_H

#include <stdint.h>

#define TYTO_NS_PER_S 1000000000ull
#define TYTO_NS_PER_MS 1000000ull

uint64_t tyto_clock_mono_ns(void); /* CLOCK_MONOTONIC */
uint64_t tyto_clock_unix_ns(void); /* CLOCK_REALTIME, since 1970 */
uint64_t tyto_clock_boot_ns(void); /* CLOCK_BOOTTIME: goes on while the machine sleeps */
uint64_t tyto_clock_cpu_ns(void);  /* CPU time of the calling thread */

#endif
