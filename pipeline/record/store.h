/* SPDX-License-Identifier: MIT */
/* The folder that recordings go to: DIR/CAMERA/NAME.mkv, and DIR/labels.csv that
 * says what is in them (file,class,begin_s,end_s,modality: what `tyto label check`
 * reads). Keeps it within its quota by deleting the oldest recordings, and only
 * files named as it names them. One thread; blocks as disks do. */
#ifndef TYTO_PIPELINE_RECORD_STORE_H
#define TYTO_PIPELINE_RECORD_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "proto/event.h"
#include "proto/file_name.h"

enum { TYTO_CLIP_PATH_MAX = 1400, TYTO_CLIP_ENDING_MAX = 8 };

#define TYTO_CLIP_STORE_DEFAULT_MAX_BYTES (16ull << 30)
#define TYTO_CLIP_STORE_DEFAULT_MIN_FREE_BYTES (1ull << 30)

struct tyto_clip_store_params {
    const char *dir; /* made where it is not there; copied */
    /* What is kept: NULL: recordings (.mkv), with labels; else pictures with this ending, without.
     * Static. */
    const char *ending;
    uint64_t max_bytes;      /* of all recordings and labels together; 0: the default */
    uint64_t min_free_bytes; /* of the disk, left to others; 0: the default */
    int64_t max_age_ns;      /* 0: kept for ever */
};

struct tyto_clip_label {
    char class_name[TYTO_ID_MAX + 1];
    int64_t begin_ns, end_ns; /* in the recording */
    enum tyto_modality modality;
};

struct tyto_clip_store;

/* Makes the folder, looks through it, and removes what an earlier run left half-written. IO (no
 * permission, not a folder), EXISTS (another process records there) with *ret_fault; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_clip_store_create(const struct tyto_clip_store_params *params,
                                     struct tyto_clip_store **ret_store,
                                     struct tyto_fault *ret_fault);
/* Other limits, from now on; params->dir means nothing. */
void tyto_clip_store_set_limits(struct tyto_clip_store *store,
                                const struct tyto_clip_store_params *params);
void tyto_clip_store_destroy(struct tyto_clip_store **store);

/* file:// and the folder's path, what is not plain in it as %XX. Owned: free(); NULL: out of memory
 * or of place. */
char *tyto_clip_dir_uri(const char *dir);

/* Deletes the oldest until num_bytes more fit, and counts them as used. FULL when nothing is left
 * to delete. */
TYTO_MUST_CHECK
enum tyto_err tyto_clip_store_reserve(struct tyto_clip_store *store, uint64_t num_bytes,
                                      struct tyto_fault *ret_fault);
/* Where to write the recording, until its commit or discard. IO with *ret_fault when the camera's
 * folder cannot be made; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_clip_store_begin(struct tyto_clip_store *store, const char *camera,
                                    const char *name, char ret_path[TYTO_CLIP_PATH_MAX],
                                    struct tyto_fault *ret_fault);
/* It was written whole: gives it its name, in the place of what had it, and adds its labels.
 * num_reserved are those bytes that were reserved for it. IO: it is thrown away. */
TYTO_MUST_CHECK
enum tyto_err tyto_clip_store_commit(struct tyto_clip_store *store, const char *camera,
                                     const char *name, uint64_t num_reserved,
                                     const struct tyto_clip_label *labels, uint32_t num_labels,
                                     struct tyto_fault *ret_fault);
void tyto_clip_store_discard(struct tyto_clip_store *store, const char *camera, const char *name,
                             uint64_t num_reserved);
/* Deletes what was written longer ago than max_age_ns. now_boot_ns: tyto_clock_boot_ns(), so that
 * neither a camera's clock nor one that is set has a say in it. */
void tyto_clip_store_expire(struct tyto_clip_store *store, uint64_t now_boot_ns);

/* So much of a recording that was begun is on the disk. */
uint64_t tyto_clip_store_part_bytes(const struct tyto_clip_store *store, const char *camera,
                                    const char *name);
/* Whether that one is still there: somebody may have removed it. */
bool tyto_clip_store_has_part(const struct tyto_clip_store *store, const char *camera,
                              const char *name);

struct tyto_clip_store_counts {
    uint32_t num_clips;   /* there */
    uint64_t num_bytes;   /* of them, and what is reserved */
    uint64_t num_deleted; /* for quota or age */
};
void tyto_clip_store_get_counts(const struct tyto_clip_store *store,
                                struct tyto_clip_store_counts *ret_counts);

/* labels.c of the store, for it and for tests: adds a clip's rows to DIR/labels.csv. IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_clip_labels_add(const char *dir, const char *file,
                                   const struct tyto_clip_label *labels, uint32_t num_labels);
/* Takes out the rows of files for which is_gone says so; a person's changes stay. Atomic. IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_clip_labels_remove(const char *dir,
                                      bool (*is_gone)(void *user, const char *file), void *user);

#endif
