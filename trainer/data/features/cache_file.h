/* SPDX-License-Identifier: MIT */
/* A shard of the feature cache: the features of one recording in one file, mapped when read.
 *
 * Little-endian: a head of TYTO_CACHE_FILE_HEAD_BYTES (magic, sizes, what made it, SHA-256 of
 * itself), then one record of A + L V binary16 numbers for each segment, then a byte of flags for
 * each (bit 0: sound, bit 1: picture). A file is written under another name, synced and renamed: it
 * is whole or not there. */
#ifndef TYTO_TRAINER_DATA_FEATURES_CACHE_FILE_H
#define TYTO_TRAINER_DATA_FEATURES_CACHE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "files/digest.h"

enum {
    TYTO_CACHE_FILE_HEAD_BYTES = 512,
    TYTO_CACHE_FILE_MAX_SEGMENTS = 1 << 20, /* 12 days of seconds */
    TYTO_CACHE_FILE_MAX_WIDTH = 1 << 16,
    TYTO_CACHE_FILE_MAX_PLACES = 4096,
};

struct tyto_cache_shape {
    uint32_t num_segments;
    uint32_t audio_in;   /* A */
    uint32_t num_places; /* L */
    uint32_t visual_in;  /* V */
};

struct tyto_cache_file;

/* NOT_FOUND, IO, FORMAT (not whole, or another version), NOMEM. key: what it must have been made
 * from (tyto_cache_key), NULL: whatever. */
TYTO_MUST_CHECK
enum tyto_err tyto_cache_file_open(const char *path, const char *key,
                                   struct tyto_cache_file **ret_file, struct tyto_fault *ret_fault);
/* The same from memory (fuzzing), borrowed until close. */
TYTO_MUST_CHECK
enum tyto_err tyto_cache_file_open_memory(const void *bytes, size_t num_bytes, const char *key,
                                          struct tyto_cache_file **ret_file,
                                          struct tyto_fault *ret_fault);
void tyto_cache_file_close(struct tyto_cache_file **file);
const struct tyto_cache_shape *tyto_cache_file_shape(const struct tyto_cache_file *file);
/* Segment idx < num_segments: audio (A) and visual (L, V) as f32, zeros where there is none.
 * Either may be NULL. FORMAT when a number is not finite. Any number of threads. */
TYTO_MUST_CHECK
enum tyto_err tyto_cache_file_read(const struct tyto_cache_file *file, uint32_t idx,
                                   float *ret_audio, float *ret_visual, bool *ret_has_audio,
                                   bool *ret_has_visual);

struct tyto_cache_writer;

/* num_segments of shape is counted while writing. IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_cache_writer_create(const char *path, const char *key,
                                       const struct tyto_cache_shape *shape,
                                       struct tyto_cache_writer **ret_writer,
                                       struct tyto_fault *ret_fault);
/* The next segment; NULL: there is none. IO, SHAPE over the limit. */
TYTO_MUST_CHECK
enum tyto_err tyto_cache_writer_put(struct tyto_cache_writer *writer, const float *audio,
                                    const float *visual);
/* Makes the file appear at its path, and destroys the writer in any case. */
TYTO_MUST_CHECK
enum tyto_err tyto_cache_writer_commit(struct tyto_cache_writer **writer,
                                       struct tyto_fault *ret_fault);
/* Gives up: nothing is left behind. */
void tyto_cache_writer_destroy(struct tyto_cache_writer **writer);

#endif
