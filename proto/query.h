/* SPDX-License-Identifier: MIT */
/* What may be asked of tytod and what it answers, as plain structs, and their way to and from
 * protobuf bytes (query.proto). Everything that comes from the wire is bounded and checked here. */
#ifndef TYTO_PROTO_QUERY_H
#define TYTO_PROTO_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/event.h"

enum {
    TYTO_REQUEST_MAX_BYTES = 16384,
    TYTO_REQUEST_MAX_NAMES = 64, /* cameras and classes each */
    TYTO_REQUEST_MAX_PREFIXES = 512,
    TYTO_REPLY_MAX_BYTES = 256 * 1024,
    TYTO_REPLY_MAX_ENVELOPES = 64,
    TYTO_REPLY_MAX_SEGMENTS = 1024,
    TYTO_REPLY_MAX_CLASSES = 256,
    TYTO_REPLY_MAX_READABLE = 32,
    TYTO_CURSOR_MAX_BYTES = 64,
    TYTO_QUERY_MAX_CREDIT = 8, /* chunks on their way */
};

enum tyto_request_kind {
    TYTO_REQUEST_NONE = 0, /* one that this version does not know */
    TYTO_REQUEST_HELLO = 2,
    TYTO_REQUEST_SNAPSHOT = 3,
    TYTO_REQUEST_REPLAY = 4,
    TYTO_REQUEST_CREDIT = 5,
    TYTO_REQUEST_LIST = 6,
    TYTO_REQUEST_GET = 7,
    TYTO_REQUEST_SCHEMA = 8,
    TYTO_REQUEST_SCORES = 9,
    TYTO_REQUEST_FIND = 10,
};

/* Which of an event's embeddings; OWN: of each sense its own. */
enum tyto_among { TYTO_AMONG_OWN, TYTO_AMONG_SOUNDS, TYTO_AMONG_PICTURES };

struct tyto_cursor {    /* opaque to who asks */
    uint32_t num_bytes; /* 0: none */
    uint8_t bytes[TYTO_CURSOR_MAX_BYTES];
};

struct tyto_request {
    uint64_t id; /* not 0 */
    enum tyto_request_kind kind;
    bool has_log_id; /* of a replay */
    uint8_t log_id[TYTO_UUID_BYTES];
    uint64_t from_seq, to_seq;
    int64_t since_unix_ns;
    uint32_t credit; /* of snapshot, replay, credit: 1..TYTO_QUERY_MAX_CREDIT */
    uint32_t num_prefixes;
    char (*prefixes)[TYTO_TOPIC_MAX_BYTES]; /* borrowed when packing; owned when unpacked */
    int64_t from_unix_ns, to_unix_ns;       /* of a list or scores */
    uint32_t num_cameras, num_classes;      /* of scores: one camera */
    char cameras[TYTO_REQUEST_MAX_NAMES][TYTO_ID_MAX + 1];
    char classes[TYTO_REQUEST_MAX_NAMES][TYTO_ID_MAX + 1];
    uint32_t limit; /* 1..TYTO_REPLY_MAX_ENVELOPES; 0: that many */
    bool is_newest_first, is_open;
    struct tyto_cursor cursor;
    char event_id[TYTO_ULID_CHARS + 1]; /* of get; of find: left out, "": nothing is */
    struct tyto_embeddings like;        /* of find; what it has is looked for */
    enum tyto_among among;              /* not OWN: `like` has one */
};

enum tyto_reply_kind {
    TYTO_REPLY_NONE = 0,
    TYTO_REPLY_ERROR = 2,
    TYTO_REPLY_HELLO = 3,
    TYTO_REPLY_CHUNK = 4,
    TYTO_REPLY_PAGE = 5,
    TYTO_REPLY_SCHEMA = 6,
    TYTO_REPLY_SCORES = 7,
};

enum tyto_query_error {
    TYTO_QUERY_BAD_REQUEST = 1,
    TYTO_QUERY_TOO_OLD = 2,
    TYTO_QUERY_UNKNOWN_LOG = 3,
    TYTO_QUERY_RATE_LIMITED = 4,
    TYTO_QUERY_DENIED = 5,
    TYTO_QUERY_NOT_FOUND = 6,
    TYTO_QUERY_NO_JOURNAL = 7,
    TYTO_QUERY_INTERNAL = 8,
};

struct tyto_bytes {
    const uint8_t *bytes;
    size_t num_bytes;
};

struct tyto_segment_scores {
    int64_t begin_unix_ns, end_unix_ns, begin_media_ns;
    bool has_audio, has_video, has_heard_seen;
    bool goes_on;         /* false: what was before does not count */
    uint8_t weight_audio; /* 255 is 1 */
    bool has_av_offset;
    int32_t av_offset_ms;
    const uint8_t *joint, *heard, *seen; /* num_classes each: codes, tyto_score_of() */
};

/* By what events were made of scores: what a tracker has been asked for. */
struct tyto_decision {
    const float *thresholds; /* (3, num_classes): joint, heard, seen; 2: the class is off */
    float off_ratio;
    uint32_t onset_num, onset_window;
    int64_t hang_over_ns, min_duration_ns, max_duration_ns;
    bool only_joint;
    float peak;
};

/* Pointers are borrowed when packing. When unpacked they belong to the reply, until it is cleared.
 */
struct tyto_reply {
    uint64_t id;
    enum tyto_reply_kind kind;
    enum tyto_query_error error;
    char text[TYTO_STATE_TEXT_MAX + 1]; /* of an error, for people */
    uint64_t oldest_seq;                /* of TOO_OLD */
    struct tyto_hello hello;
    uint32_t num_readable; /* of a hello: topic prefixes; 0: there are no keys */
    const char *readable[TYTO_REPLY_MAX_READABLE];
    uint32_t num_envelopes; /* of a chunk or page */
    struct tyto_bytes envelopes[TYTO_REPLY_MAX_ENVELOPES];
    bool has_similarities; /* of a page: one for each envelope, -1..1 */
    float similarities[TYTO_REPLY_MAX_ENVELOPES];
    uint64_t next_seq, num_missing, num_withheld; /* of a chunk */
    bool is_last;
    struct tyto_cursor cursor; /* of a page or scores */
    const char *schema_event, *schema_query;
    uint32_t num_classes, num_segments; /* of scores */
    const char *class_names[TYTO_REPLY_MAX_CLASSES];
    struct tyto_segment_scores *segments;
    char model_digest[TYTO_DIGEST_MAX + 1];
    struct tyto_decision decision; /* thresholds NULL: not said */
    void *memory;
};

/* Writes it to buf, its length to *ret_bytes. INVALID (a value out of its limits), FULL, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_request_pack(const struct tyto_request *request, uint8_t *buf, size_t buf_bytes,
                                size_t *ret_bytes);
/* Reads untrusted bytes. FORMAT (with *ret_id, 0 when even that is not known), NOMEM. To be
 * cleared on success. */
TYTO_MUST_CHECK
enum tyto_err tyto_request_unpack(const uint8_t *bytes, size_t num_bytes,
                                  struct tyto_request *ret_request, uint64_t *ret_id);
void tyto_request_clear(struct tyto_request *request);
/* The same for replies. */
TYTO_MUST_CHECK
enum tyto_err tyto_reply_pack(const struct tyto_reply *reply, uint8_t *buf, size_t buf_bytes,
                              size_t *ret_bytes);
TYTO_MUST_CHECK
enum tyto_err tyto_reply_unpack(const uint8_t *bytes, size_t num_bytes,
                                struct tyto_reply *ret_reply);
void tyto_reply_clear(struct tyto_reply *reply);

/* A score, 0..1, as a byte and back: 0 is 0, 255 is 1, between them steps of 0.05 of the log-odds.
 * The byte is the nearest one whose score lies on the same side of each boundary (num), that is:
 * not below it when the score is not. False, with the nearest one: there is none, as two boundaries
 * lie too close. */
bool tyto_score_code(float score, const float *boundaries, uint32_t num, uint8_t *ret_code);
float tyto_score_of(uint8_t code);

/* "too old": of an error; "unknown" for a number that this version does not know. Static. */
const char *tyto_query_error_name(enum tyto_query_error error);
/* The texts of event.proto and query.proto, terminated. Static. */
const char *tyto_schema_event(void);
const char *tyto_schema_query(void);

#endif
