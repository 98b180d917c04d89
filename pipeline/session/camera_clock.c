/* SPDX-License-Identifier: MIT */
#include "pipeline/session/camera_clock.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define MS ((int64_t)TYTO_NS_PER_MS)
#define S ((int64_t)TYTO_NS_PER_S)

/* Two capture times of a camera that agree this well are believed. */
#define CAPTURE_AGREE_NS (100 * MS)
/* ... and it is followed slowly after that. */
#define CAPTURE_SHARE 16
/* A camera that is further off than any network delays has not been set. */
#define MAX_OFF_NS (10 * S)
/* More is a clock that was set; less is one that is being disciplined. */
#define STEP_NS (S / 2)
#define DISCONTINUOUS_NS (10 * TYTO_NS_PER_S)
/* The quickest data of the last one or two of these say when things happened. */
#define ARRIVAL_WINDOW_NS (30 * S)

void tyto_camera_clock_init(struct tyto_camera_clock *clock, bool is_file)
{
    *clock = (struct tyto_camera_clock){
        .is_file = is_file,
        .quality = is_file ? TYTO_CLOCK_QUALITY_FILE : TYTO_CLOCK_QUALITY_ARRIVAL,
    };
}

/* No data come before they are captured, and all come late by something: the network, a decoder
 * without a processor, a server that first gives what it has saved. So the least delay of late is
 * the one to count from; an older one is forgotten, for clocks run at different speeds. */
static void hear_arrival(struct tyto_camera_clock *clock, int64_t media_ns, uint64_t in_ns)
{
    const int64_t offset_ns = (int64_t)in_ns - media_ns;
    const int64_t old_ns = clock->arrival_offset_ns;
    if (clock->is_file && clock->has_arrival)
        return; /* it is read as fast as it can be */
    if (!clock->has_arrival || (int64_t)in_ns - clock->window_begin_ns > ARRIVAL_WINDOW_NS) {
        clock->least_ns[1] = clock->has_arrival ? clock->least_ns[0] : offset_ns;
        clock->least_ns[0] = offset_ns;
        clock->window_begin_ns = (int64_t)in_ns;
    }
    if (offset_ns < clock->least_ns[0])
        clock->least_ns[0] = offset_ns;
    clock->arrival_offset_ns =
        clock->least_ns[0] < clock->least_ns[1] ? clock->least_ns[0] : clock->least_ns[1];
    if (clock->has_arrival && !clock->follows && llabs(clock->arrival_offset_ns - old_ns) > STEP_NS)
        clock->discontinuous_until_ns = in_ns + DISCONTINUOUS_NS;
}

/* One more time of capture: whether the camera's clock is to be followed. */
static void hear_camera(struct tyto_camera_clock *clock, int64_t offset_ns, int64_t host_offset_ns)
{
    const int64_t known_ns = clock->confirmed ? clock->unix_offset_ns : clock->capture_offset_ns;
    const bool agrees = clock->any_capture && llabs(offset_ns - known_ns) < CAPTURE_AGREE_NS;
    clock->any_capture = true;
    clock->capture_offset_ns = offset_ns;
    if (!agrees) {
        clock->confirmed = false; /* its first report, or it was set */
        return;
    }
    const int64_t off_ns = offset_ns - host_offset_ns;
    clock->off_ns = llabs(off_ns) > MAX_OFF_NS ? off_ns : 0;
    if (clock->off_ns == 0 && clock->confirmed)
        clock->unix_offset_ns += (offset_ns - clock->unix_offset_ns) / CAPTURE_SHARE;
    else if (clock->off_ns == 0)
        clock->unix_offset_ns = offset_ns;
    clock->confirmed = clock->follows = clock->off_ns == 0;
}

void tyto_camera_clock_learn(struct tyto_camera_clock *clock, int64_t media_ns, uint64_t in_ns,
                             uint64_t capture_unix_ns, int64_t wall_ns)
{
    hear_arrival(clock, media_ns, in_ns);
    if (clock->has_arrival && llabs(wall_ns - clock->wall_ns) > STEP_NS)
        clock->discontinuous_until_ns = in_ns + DISCONTINUOUS_NS;
    clock->has_arrival = true;
    clock->wall_ns = wall_ns;
    const int64_t host_offset_ns = clock->arrival_offset_ns + wall_ns;
    if (capture_unix_ns != 0)
        hear_camera(clock, (int64_t)capture_unix_ns - media_ns, host_offset_ns);
    if (llabs(clock->unix_offset_ns - host_offset_ns) > MAX_OFF_NS)
        clock->confirmed = clock->follows = false; /* since then this machine's clock was set */
    if (!clock->follows)
        clock->unix_offset_ns = host_offset_ns;
    if (clock->is_file)
        clock->quality = TYTO_CLOCK_QUALITY_FILE;
    else if (in_ns < clock->discontinuous_until_ns)
        clock->quality = TYTO_CLOCK_QUALITY_DISCONTINUOUS;
    else
        clock->quality = clock->confirmed ? TYTO_CLOCK_QUALITY_CAMERA : TYTO_CLOCK_QUALITY_ARRIVAL;
}

void tyto_camera_clock_text(int64_t off_ns, char *ret_text, uint32_t text_bytes)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"years", 365.2425 * 86400}, {"days", 86400}, {"hours", 3600}, {"s", 1}};
    ret_text[0] = '\0';
    if (off_ns == 0)
        return;
    const double seconds = (double)llabs(off_ns) / 1e9;
    size_t i = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    snprintf(ret_text, text_bytes, "its clock is %.1f %s %s this machine's: times are of arrival",
             seconds / units[i].seconds, units[i].name, off_ns < 0 ? "behind" : "ahead of");
}
