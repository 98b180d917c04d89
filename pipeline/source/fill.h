/* SPDX-License-Identifier: MIT */
/* A source whose pipeline runs elsewhere, in a child process (pipeline/isolate): whoever hears of
 * it puts in here what it gives and tells, and everybody else uses the source by source.h as any
 * other. What is put in has been checked. */
#ifndef TYTO_PIPELINE_SOURCE_FILL_H
#define TYTO_PIPELINE_SOURCE_FILL_H

#include "pipeline/source/source.h"

enum { TYTO_SOURCE_NOTE_MAX = 160, TYTO_URI_MAX = 2048 };

/* So many things of a stream wait to be popped at most: what a ring holds. Pictures are big and one
 * a hop is enough; sound comes in pieces of 20-64 ms. */
enum { TYTO_SOURCE_RING_PICTURES = 6, TYTO_SOURCE_RING_SOUNDS = 256 };

/* Who fills a source; stands in for its pipeline. */
struct tyto_source_filler {
    void *user;
    /* As tyto_source_wait(), on its thread. */
    enum tyto_err (*wait)(void *user, int timeout_ms, char *text, uint32_t text_bytes);
    /* Something was popped, or tyto_source_get_wishes() gives another answer. Any thread; must not
     * wait. */
    void (*on_wish)(void *user);
    /* As tyto_source_destroy(); the source itself is freed after it. */
    bool (*destroy)(void *user, uint64_t deadline_ns);
};

/* As tyto_source_create(), but nothing is built. filler is copied; its user is borrowed until its
 * destroy(). */
TYTO_MUST_CHECK
enum tyto_err tyto_source_create_filled(const struct tyto_source_params *params,
                                        const struct tyto_source_filler *filler,
                                        struct tyto_source **ret_source,
                                        struct tyto_fault *ret_fault);

/* Loads what a camera's pipeline is made of, so that its first data need not wait for that. */
void tyto_source_warm(void);

/* --- what it gives: one thread, in the order in which it came --------------------------------- */

/* A sound, picture, hole or end. The picture, and memory (what samples lie in; free()), are taken
 * on success. FULL: more than the ring holds. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_fill(struct tyto_source *source, enum tyto_stream stream,
                               const struct tyto_media *media, void *memory);
void tyto_source_fill_look(struct tyto_source *source, int64_t pts_ns,
                           const uint8_t grey[TYTO_SYNC_GREY_BYTES]);
/* Whatever was before this time has been put in. */
void tyto_source_fill_position(struct tyto_source *source, enum tyto_stream stream, int64_t ns);

/* What the tap of the source gets. caps: its coding, as GStreamer writes it; NULL: that of the
 * stream before. coded->sample is not looked at; data: coded->num_bytes, copied. FORMAT: it is not
 * a coding of such a stream, or there was none before. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_fill_coded(struct tyto_source *source, enum tyto_stream stream,
                                     const char *caps, const struct tyto_coded *coded,
                                     const uint8_t *data);

/* The other way round, of what a tap got: its bytes until unmap, and its coding where that is
 * another one than *coding, which then changes; both *coding and *ret_caps (NULL: the same) are
 * owned: free them by tyto_coded_free_coding() and free(). */
TYTO_MUST_CHECK
enum tyto_err tyto_coded_map(const struct tyto_coded *coded, void **coding, char **ret_caps,
                             const uint8_t **ret_data, void **ret_map);
void tyto_coded_unmap(const struct tyto_coded *coded, void *map);
void tyto_coded_free_coding(void *coding);
void tyto_coded_free(struct tyto_coded *coded);

/* --- what there is to know of it -------------------------------------------------------------- */

/* Each as the function of source.h tells it. */
struct tyto_source_status {
    bool is_settled; /* tyto_source_get_streams() */
    bool has[TYTO_NUM_STREAMS], expects[TYTO_NUM_STREAMS];
    bool waits_for_key;
    uint64_t last_data_ns[TYTO_NUM_STREAMS], last_step_ns;
    uint64_t num_dropped[TYTO_NUM_STREAMS], num_skipped;
    int64_t duration_ns;
    char note[TYTO_SOURCE_NOTE_MAX];
};

void tyto_source_get_status(const struct tyto_source *source,
                            struct tyto_source_status *ret_status);
void tyto_source_fill_status(struct tyto_source *source, const struct tyto_source_status *status);

/* After the end. */
struct tyto_source_ending {
    bool has_news, refuses_transport;
    bool has_grown; /* of a file, as is the next */
    struct tyto_whole whole;
    char redirect[TYTO_URI_MAX]; /* "": nowhere */
};

void tyto_source_get_ending(struct tyto_source *source, struct tyto_source_ending *ret_ending);
void tyto_source_fill_ending(struct tyto_source *source, const struct tyto_source_ending *ending);

/* --- what is wanted of it --------------------------------------------------------------------- */

struct tyto_source_wishes {
    uint64_t num_taken[TYTO_NUM_STREAMS]; /* things of the stream, since the beginning */
    bool is_looking, is_behind;
};

/* Any thread. */
void tyto_source_get_wishes(const struct tyto_source *source,
                            struct tyto_source_wishes *ret_wishes);

#endif
