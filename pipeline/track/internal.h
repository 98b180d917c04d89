/* SPDX-License-Identifier: MIT */
/* What tracker.c (events of a class), find.c (what one segment says of it), align.c (which second
 * answered which) and embed.c (where they lie among others) share. Internal. */
#ifndef TYTO_PIPELINE_TRACK_INTERNAL_H
#define TYTO_PIPELINE_TRACK_INTERNAL_H

#include "pipeline/track/tracker.h"
#include "pipeline/track/where.h"

/* The modalities by which a segment shows a class; bits. */
enum tyto_sense { TYTO_SENSE_JOINT = 1, TYTO_SENSE_HEARD = 2, TYTO_SENSE_SEEN = 4 };

struct tyto_track_thresholds {
    float joint, heard, seen;
    bool off;
};

/* One class of one camera. */
struct tyto_track {
    /* What every segment looks at, of every class, stands first. */
    uint32_t history; /* bit i: positive i segments ago, of the last onset_window */
    uint32_t peaks;   /* likewise: bit i: its peak was reached i segments ago */
    bool open;
    bool peaked;                                /* by the open event */
    int64_t begins_ns[TYTO_TRACKER_MAX_WINDOW]; /* of those segments; [0] is the newest */
    bool published;    /* NEW has gone out (not before min_duration, nor peak) */
    uint32_t senses;   /* of all its positive segments */
    uint32_t claims;   /* likewise: what its modality is told by */
    bool has_seen_box; /* the event's box is one of box_of */
    uint32_t zones;    /* that its places have touched; bits */
    int64_t last_positive_end_ns;
    int64_t last_published_ns;
    int64_t last_end_ns; /* of the event before; the next one does not begin earlier */
    bool had_event;
    float weight_sum_audio, weight_sum_visual;
    double offset_sum_ms;
    uint32_t num_offsets;
    int32_t sound_sums[TYTO_EMBEDDING_NUM], picture_sums[TYTO_EMBEDDING_NUM];
    struct tyto_event_alignment alignment; /* of its last segments, over all columns */
    struct tyto_event event;
};

struct tyto_tracker {
    struct tyto_tracker_params params;
    struct tyto_tracker_context context;
    char camera[TYTO_ID_MAX + 1];
    char digest[TYTO_DIGEST_MAX + 1];
    struct tyto_track_thresholds *thresholds; /* (K) */
    struct tyto_track *tracks;                /* (K) */
    struct tyto_class_rule *rules;            /* params.rules, a copy */
    struct tyto_where where;                  /* params.zones is its copy */
    struct tyto_quiets quiet;                 /* params.quiet likewise */
    char *time_zone;                          /* params.time_zone, a copy */
    uint32_t num_open;
    int64_t unix_offset_ns;
};

/* What a segment says of a class. */
struct tyto_finding {
    uint32_t senses;
    uint32_t
        claims; /* HEARD and SEEN, where a score of its own holds the class, whatever joint is */
    uint32_t zones; /* that its place touches; bits */
    bool is_peak;   /* a score of these senses has reached the tracker's peak */
};

/* find.c: class k in a segment, held against ratio * threshold. */
struct tyto_finding tyto_tracker_find(const struct tyto_tracker *tracker, uint32_t k, float ratio,
                                      const struct tyto_scores *s,
                                      const struct tyto_observation *o);

/* embed.c: what a segment, of which the class is there by these senses, adds to where the event
 * lies among others. embeddings NULL: nobody knows. */
void tyto_track_embed(struct tyto_track *track, uint32_t senses,
                      const struct tyto_embeddings *embeddings);

/* align.c: what a segment's sound and picture looked at. */
void tyto_track_align(struct tyto_track *track, const struct tyto_evidence *evidence);
/* All of it, without columns that nothing looked at; rows 0: nothing is known. */
void tyto_track_aligned(const struct tyto_track *track, struct tyto_event_alignment *ret_alignment);

#endif
