/* SPDX-License-Identifier: MIT */
/* How far the sound of a camera lies behind its picture, from what both show: things move when they
 * sound. Onsets of sound are correlated with motion in each cell of the picture, for lags of up to
 * 2.5 s either way; evidence accumulates and is forgotten with time. The same is done with the
 * sound moved by many seconds, which shares nothing with the picture: how high that comes by
 * chance decides what is believed. Pure computation: no threads, no clocks, no GStreamer.
 *
 * Fed with pictures of at least 10 a second, decoded all, in any stretches: 20 s every few minutes
 * do. Sound should go on in between. An object takes some 4 MB (tyto_sync_bytes()), all of it at
 * its creation, and belongs to one thread at a time. */
#ifndef TYTO_PIPELINE_SYNC_SYNC_H
#define TYTO_PIPELINE_SYNC_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/frame.h"

enum {
    TYTO_SYNC_GREY_WIDTH = 64, /* of the small pictures */
    TYTO_SYNC_GREY_HEIGHT = 36,
    TYTO_SYNC_GREY_BYTES = TYTO_SYNC_GREY_WIDTH * TYTO_SYNC_GREY_HEIGHT,
    TYTO_SYNC_COLS = 16, /* cells */
    TYTO_SYNC_ROWS = 9,
    TYTO_SYNC_NUM_PLACES = TYTO_SYNC_COLS * TYTO_SYNC_ROWS,
    TYTO_SYNC_RATE_HZ = 16000, /* of the sound */
    TYTO_SYNC_LAG_MS = 20,     /* from one lag to the next; between them it is interpolated */
    TYTO_SYNC_REACH = 125,     /* lags to each side of 0 */
    TYTO_SYNC_NUM_LAGS = 2 * TYTO_SYNC_REACH + 1,
};

enum tyto_sync_status {
    TYTO_SYNC_LISTENING, /* too little moved or sounded yet to tell */
    TYTO_SYNC_UNRELATED, /* much did, and nothing of it together: not synchronizable */
    TYTO_SYNC_CONFIDENT, /* the offset is known */
    TYTO_SYNC_NUM_STATUSES,
};
/* "listening", "not synchronizable", "confident". Static. */
const char *tyto_sync_status_text(enum tyto_sync_status status);

struct tyto_sync_params {
    double memory_s; /* evidence counts 1/e after so much more of it came; 0: 120 */
    /* (GREY_HEIGHT, GREY_WIDTH): 1 where nothing that moves counts. Copied; NULL: all counts. */
    const uint8_t *hidden;
};

struct tyto_sync_estimate {
    enum tyto_sync_status status;
    int64_t offset_ns;       /* sound behind picture; CONFIDENT: the one believed, else the best */
    int64_t low_ns, high_ns; /* lags that the evidence hardly tells from the best, around it */
    double score;      /* -log10 of the chance that streams which share nothing come as high */
    double confidence; /* 0..1: that sound which shares nothing would not come as high */
    double evidence_s; /* seconds in which something moved and sounded, as remembered */
    bool has_drift;
    double drift_ppm; /* by which the offset grows; of CONFIDENT offsets since the last step */
    double drift_error_ppm; /* its standard error */
    uint32_t num_steps;     /* times the offset jumped */
    int64_t time_ns;        /* of the pictures that were looked at last */
};

struct tyto_sync;

/* INVALID, NOMEM. params may be NULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_sync_create(const struct tyto_sync_params *params, struct tyto_sync **ret_sync);
void tyto_sync_destroy(struct tyto_sync **sync);
/* What an object takes. */
size_t tyto_sync_bytes(void);

/* Mono at TYTO_SYNC_RATE_HZ, in order; times may jump. Borrowed during the call. */
void tyto_sync_sound(struct tyto_sync *sync, int64_t pts_ns, const float *samples,
                     uint32_t num_samples);
/* (TYTO_SYNC_GREY_HEIGHT, TYTO_SYNC_GREY_WIDTH) brightness, in order; times may jump. */
void tyto_sync_picture(struct tyto_sync *sync, int64_t pts_ns, const uint8_t *grey);
/* A small picture out of a frame, each of its pixels the mean of what it covers (of green, where
 * there is no brightness). */
void tyto_sync_shrink(const struct tyto_frame *frame, uint8_t grey[TYTO_SYNC_GREY_BYTES]);

/* What is known now. Cheap. */
void tyto_sync_get(const struct tyto_sync *sync, struct tyto_sync_estimate *ret_estimate);
/* For looking at: agreement of each lag from -REACH to REACH, and what sound that shares nothing
 * reaches in 1 of 20 such curves; of each cell (ROWS, COLS) at the offset, in standard deviations.
 */
void tyto_sync_get_curve(const struct tyto_sync *sync, float ret_curve[TYTO_SYNC_NUM_LAGS],
                         float *ret_null);
void tyto_sync_get_cells(const struct tyto_sync *sync, float ret_cells[TYTO_SYNC_NUM_PLACES]);

#endif
