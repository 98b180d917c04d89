/* SPDX-License-Identifier: MIT */
/* Recordings out: frames and samples become one .mp4 file (H.264 by libx264, else MPEG-4; AAC),
 * with exact timestamps. The file appears under its name only when it is whole. With
 * read.h the only code here that knows libav (web/media copies what is coded). */
#ifndef TYTO_TRAINER_MEDIA_WRITE_H
#define TYTO_TRAINER_MEDIA_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

struct tyto_sink;

struct tyto_sink_params {
    const char *path;             /* ends in .mp4; written as PATH.part until it is whole */
    uint32_t width_px, height_px; /* even, 16..4096; both 0: no video */
    uint32_t fps_num, fps_den;    /* frames per second: 25/2 is 12.5 */
    uint32_t rate_hz;             /* of mono samples; 0: no audio */
    uint32_t gop_frames;          /* from one keyframe to the next; 0: one second */
    uint32_t quality;             /* x264's CRF, 10 (fine) to 45 (coarse) */
};

/* INVALID for parameters out of range, UNSUPPORTED when this libavcodec has no encoder, IO when the
 * file cannot be written, NOMEM; with a fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_sink_create(const struct tyto_sink_params *params, struct tyto_sink **ret_sink,
                               struct tyto_fault *ret_fault);
/* The next frame: I420 (BT.601, limited range), planes without padding. Frame n is shown from
 * n fps_den / fps_num seconds on. Borrowed during the call. IO, NOMEM with a fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_sink_put_frame(struct tyto_sink *sink, const uint8_t *i420,
                                  struct tyto_fault *ret_fault);
/* The next samples, -1..1; sample n is heard at n / rate_hz seconds. Frames and samples may come
 * in any order, best side by side. Borrowed during the call. IO, NOMEM with a fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_sink_put_samples(struct tyto_sink *sink, const float *samples,
                                    uint32_t num_samples, struct tyto_fault *ret_fault);
/* Writes what is left and gives the file its name; the sink is destroyed, also on errors. */
TYTO_MUST_CHECK
enum tyto_err tyto_sink_finish(struct tyto_sink **sink, struct tyto_fault *ret_fault);
/* Gives up: nothing stays on disk. Takes &NULL. */
void tyto_sink_destroy(struct tyto_sink **sink);

/* One I420 picture as JPEG in memory; *ret_jpeg is owned: free(). quality 2 (fine) to 31. */
TYTO_MUST_CHECK
enum tyto_err tyto_sink_jpeg(const uint8_t *i420, uint32_t width_px, uint32_t height_px,
                             uint32_t quality, uint8_t **ret_jpeg, size_t *ret_bytes);

#endif
