/* SPDX-License-Identifier: MIT */
/* From a camera's media time to UTC. This machine's clock is the authority: it is compared again
 * and again, for it may be set; a camera's own clock (RTCP) is followed where it agrees with it,
 * and only told of where it does not. Plain computation: clocks are passed in. */
#ifndef TYTO_PIPELINE_CAMERA_CLOCK_H
#define TYTO_PIPELINE_CAMERA_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/event.h"

struct tyto_camera_clock {
    bool is_file;
    int64_t unix_offset_ns; /* UTC minus media time */
    enum tyto_clock_quality quality;
    int64_t off_ns; /* the camera's clock minus this machine's, where that is too much; else 0 */

    bool has_arrival;
    int64_t arrival_offset_ns;       /* monotonic minus media time, of the quickest data lately */
    int64_t window_begin_ns;         /* monotonic */
    int64_t least_ns[2];             /* the least offset since then, and in the window before */
    int64_t wall_ns;                 /* UTC minus monotonic time, as of the last data */
    uint64_t discontinuous_until_ns; /* monotonic: times jumped lately */
    bool follows;                    /* unix_offset_ns is the camera's */
    bool confirmed;                  /* and its last report agreed with it */
    bool any_capture;
    int64_t capture_offset_ns; /* of the report before: one counts once another agrees */
};

void tyto_camera_clock_init(struct tyto_camera_clock *clock, bool is_file);
/* Data of media_ns arrived at in_ns (monotonic). capture_unix_ns: when that was by the camera's
 * clock; 0: not known. wall_ns: this machine's UTC minus its monotonic time, now. */
void tyto_camera_clock_learn(struct tyto_camera_clock *clock, int64_t media_ns, uint64_t in_ns,
                             uint64_t capture_unix_ns, int64_t wall_ns);
/* "its clock is 26.8 years behind this machine's: times are of arrival", or "". */
void tyto_camera_clock_text(int64_t off_ns, char *ret_text, uint32_t text_bytes);

#endif
