/* SPDX-License-Identifier: MIT */
/* A picture of each event: made from pictures that were decoded anyway, at its begin and again
 * whenever a second of it scores higher than all before, small, with people made unrecognizable
 * where that is wanted. It goes to who asks for pictures and into a folder with a quota, as
 * DIR/CAMERA/UTC-CLASS-ID.jpg.
 *
 * All that takes time (scaling, hiding, coding, the disk) happens on a thread of its own, for which
 * TYTO_SNAPSHOTS_MAX_WAITING pictures wait at most, one of an event: a newer one takes the place of
 * an older, and what finds no room is dropped and counted.
 *
 * While somebody wants to see what cameras see now, each segment's picture is made as well, sent
 * and not kept: smaller, without a box, and only where there is room beside those of events.
 *
 * WHAT IS HIDDEN. Masks of the camera, always, as the networks do not see what lies in them. With
 * hides_people everything in the boxes of the detector's class "person"; all of the picture when
 * the detector found so much that it may have left a person out; and no picture is made at all
 * where there is no such detector, or the picture was not looked at. Whom the detector does not
 * find is seen. */
#ifndef TYTO_PIPELINE_SNAPSHOT_SNAPSHOT_H
#define TYTO_PIPELINE_SNAPSHOT_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "pipeline/record/store.h"
#include "pipeline/segment/segment.h"
#include "pipeline/track/evidence.h"
#include "pipeline/track/sight.h"
#include "proto/event.h"

enum {
    TYTO_SNAPSHOTS_MAX_WAITING = 16,
    TYTO_SNAPSHOTS_LIVE_WIDTH = 480, /* of a picture of now at most */
    TYTO_SNAPSHOTS_MAX_OPEN = 1024,  /* events; more have none */
    TYTO_SNAPSHOTS_TEXT_MAX = 384,
    TYTO_SNAPSHOTS_MIN_WIDTH = 64,
    TYTO_SNAPSHOTS_MAX_WIDTH = 1024,
    TYTO_SNAPSHOTS_DEFAULT_WIDTH = 640,
    TYTO_SNAPSHOTS_DEFAULT_QUALITY = 80,
};
#define TYTO_SNAPSHOTS_DEFAULT_MAX_BYTES (1ull << 30)

struct tyto_snapshots_params {
    struct tyto_clip_store_params store; /* dir "" or NULL: no files; copied */
    bool sends;                          /* whether anybody may be given pictures at all */
    uint32_t width, quality;             /* pixels at most; 1..100 */
    bool draws_box, hides_people;
    /* On any thread: whether someone wants a picture now. On the snapshots' thread: one was made;
     * bytes are *taken* (free()). Both the same from create to destroy. */
    bool (*is_wanted)(void *user);
    bool (*is_live_wanted)(void *user); /* pictures of now */
    void (*on_thumbnail)(void *user, const struct tyto_thumbnail *thumbnail, uint8_t *bytes);
    void *user;
};

struct tyto_snapshots;

/* Starts the thread. INVALID, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_snapshots_create(const struct tyto_snapshots_params *params,
                                    struct tyto_snapshots **ret_snapshots);
/* Whether this is built with what codes pictures. */
bool tyto_snapshots_can_code(void);
/* Makes what waits, for 5 s at most; no more may come. False: the thread hangs in a disk, and goes
 * on using what it was given. */
bool tyto_snapshots_destroy(struct tyto_snapshots **snapshots);
/* From now on. Any thread. INVALID: all stays. */
TYTO_MUST_CHECK
enum tyto_err tyto_snapshots_change(struct tyto_snapshots *snapshots,
                                    const struct tyto_snapshots_params *params);

/* One evaluated segment, borrowed. */
struct tyto_snapshot_segment {
    const char *camera;
    struct tyto_picture *picture; /* NULL: none is held; referred to as long as it is needed */
    int64_t unix_offset_ns;
    const struct tyto_evidence *evidence;
    uint32_t num_classes;
    const char *const *class_names;
    const struct tyto_detector *detector; /* NULL: there is none */
    bool is_looked_at;                    /* the detector has seen this picture */
    uint32_t num_found;
    const struct tyto_detection *found;
    const struct tyto_polygon *masks;
    uint32_t num_masks;
};

/* Whether pictures are of use at the moment. Any thread; never waits. */
bool tyto_snapshots_are_wanted(struct tyto_snapshots *snapshots);
/* A segment of the camera; what it makes of events comes next. The inference thread; never waits
 * for more than a lock that is held for moments. */
void tyto_snapshots_segment(struct tyto_snapshots *snapshots,
                            const struct tyto_snapshot_segment *segment);
/* Sets event->snapshot_uri: to its file once that is there; in END also when it is being written.
 * Else to "". The same thread. */
void tyto_snapshots_event(struct tyto_snapshots *snapshots, struct tyto_event *event);

struct tyto_snapshots_status {
    uint64_t num_made;     /* pictures coded */
    uint64_t num_sent;     /* given to on_thumbnail */
    uint64_t num_written;  /* files */
    uint64_t num_dropped;  /* no room in the queue */
    uint64_t num_failed;   /* could not be made or written */
    uint64_t num_withheld; /* not made because people could not be hidden */
    uint32_t num_waiting;
    struct tyto_clip_store_counts store;
    bool is_failing;                    /* the last try to write failed; until one succeeds */
    char text[TYTO_SNAPSHOTS_TEXT_MAX]; /* why */
};
/* Any thread. */
/* Of the thread: one a second at least, but while a disk keeps it. Any thread; never waits. */
uint64_t tyto_snapshots_num_turns(const struct tyto_snapshots *snapshots);
void tyto_snapshots_get_status(struct tyto_snapshots *snapshots,
                               struct tyto_snapshots_status *ret_status);

#endif
