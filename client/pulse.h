/* SPDX-License-Identifier: MIT */
/* Whether the daemon is heard, by its heartbeats. Of client/ alone. */
#ifndef TYTO_CLIENT_PULSE_H
#define TYTO_CLIENT_PULSE_H

#include <stdbool.h>
#include <stdint.h>

struct tyto_pulse {
    uint32_t beat_ms;  /* how often the daemon says something */
    bool is_connected; /* something was heard, ever */
    bool is_silent;
    bool has_slept;                                          /* since something was heard */
    uint64_t last_heard_ns, last_look_ns, last_reconnect_ns; /* tyto_clock_mono_ns() */
};

enum tyto_pulse_change {
    TYTO_PULSE_SAME,
    TYTO_PULSE_FIRST,     /* heard for the first time */
    TYTO_PULSE_ALIVE,     /* heard again after it was silent */
    TYTO_PULSE_SILENT,    /* three beats are missing; once */
    TYTO_PULSE_RECONNECT, /* ten are, and it is time for another connection */
};

void tyto_pulse_init(struct tyto_pulse *self);
/* What the daemon claims, where it can be. */
void tyto_pulse_set_beat(struct tyto_pulse *self, uint32_t beat_ms);
/* Anything came from the daemon. */
enum tyto_pulse_change tyto_pulse_heard(struct tyto_pulse *self, uint64_t now_ns);
/* At least every half beat. */
enum tyto_pulse_change tyto_pulse_look(struct tyto_pulse *self, uint64_t now_ns);
/* How long to wait for something until the next look: what is left of timeout_ms (-1: no end) since
 * begin_ns, and half a beat at most. */
long tyto_pulse_wait_ms(const struct tyto_pulse *self, uint64_t begin_ns, int timeout_ms);

#endif
