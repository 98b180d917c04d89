/* SPDX-License-Identifier: MIT */
#include "client/pulse.h"

#include <string.h>

#include "base/clock.h"

enum {
    SILENT_BEATS = 3,
    RECONNECT_BEATS = 10,
    DEFAULT_BEAT_MS = 1000,
    MAX_BEAT_MS = 60000, /* what a daemon may claim */
};

void tyto_pulse_init(struct tyto_pulse *self)
{
    memset(self, 0, sizeof(*self));
    self->beat_ms = DEFAULT_BEAT_MS;
}

void tyto_pulse_set_beat(struct tyto_pulse *self, uint32_t beat_ms)
{
    if (beat_ms > 0 && beat_ms <= MAX_BEAT_MS)
        self->beat_ms = beat_ms;
}

enum tyto_pulse_change tyto_pulse_heard(struct tyto_pulse *self, uint64_t now_ns)
{
    const enum tyto_pulse_change later = self->is_silent ? TYTO_PULSE_ALIVE : TYTO_PULSE_SAME;
    const enum tyto_pulse_change change = self->is_connected ? later : TYTO_PULSE_FIRST;
    self->last_heard_ns = now_ns;
    self->has_slept = self->is_silent = false;
    self->is_connected = true;
    return change;
}

enum tyto_pulse_change tyto_pulse_look(struct tyto_pulse *self, uint64_t now_ns)
{
    const uint64_t beat_ns = self->beat_ms * TYTO_NS_PER_MS;
    if (!self->is_connected)
        return TYTO_PULSE_SAME;
    /* Who did not look for a while (a process that was stopped, a machine that slept) cannot say
     * that it was quiet: what came meanwhile waits in the socket, and is not to go with a new
     * connection. */
    if (now_ns - self->last_look_ns > 2 * beat_ns && !self->has_slept) {
        self->has_slept = true;
        self->last_heard_ns = now_ns;
    }
    self->last_look_ns = now_ns;
    const uint64_t quiet_ns = now_ns - self->last_heard_ns;
    if (quiet_ns > SILENT_BEATS * beat_ns && !self->is_silent) {
        self->is_silent = true;
        return TYTO_PULSE_SILENT;
    }
    if (quiet_ns > RECONNECT_BEATS * beat_ns &&
        now_ns - self->last_reconnect_ns > RECONNECT_BEATS * beat_ns) {
        self->last_reconnect_ns = now_ns;
        return TYTO_PULSE_RECONNECT;
    }
    return TYTO_PULSE_SAME;
}

long tyto_pulse_wait_ms(const struct tyto_pulse *self, uint64_t begin_ns, int timeout_ms)
{
    const long most_ms = self->beat_ms / 2 + 1;
    if (timeout_ms < 0)
        return most_ms;
    const uint64_t spent_ms = (tyto_clock_mono_ns() - begin_ns) / TYTO_NS_PER_MS;
    const long left_ms = spent_ms >= (uint64_t)timeout_ms ? 0 : timeout_ms - (long)spent_ms;
    return left_ms < most_ms ? left_ms : most_ms;
}
