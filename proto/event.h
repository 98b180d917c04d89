/* SPDX-License-Identifier: MIT */
/* What tytod publishes, as plain structs without pointers, and its way to and
 * from protobuf bytes (event.proto). Everything that comes from the wire is
 * bounded and checked here. Unknown enum numbers are kept as they are. */
#ifndef TYTO_PROTO_EVENT_H
#define TYTO_PROTO_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The default endpoint of tytod and of subscribers. */
#define TYTO_DEFAULT_ENDPOINT "tcp://127.0.0.1:5571"

enum {
    TYTO_SCHEMA_MAJOR = 1,
    TYTO_SCHEMA_MINOR = 7,
    TYTO_ENVELOPE_MAX_BYTES = 4096,
    TYTO_TOPIC_MAX_BYTES = 160,
    TYTO_ID_MAX = 64, /* characters of a camera id or class name */
    TYTO_ULID_CHARS = 26,
    TYTO_DIGEST_MAX = 64,
    TYTO_UUID_BYTES = 16,
    TYTO_EVENT_MAX_ZONES = 16,
    TYTO_ZONE_NAME_MAX = 32,      /* characters, as an id's */
    TYTO_EVENT_MAX_SEGMENTS = 32, /* latest ones kept */
    TYTO_PLACE_MAX_SIDE = 32,
    TYTO_STATE_TEXT_MAX = 200,
    TYTO_CLIP_URI_MAX = 480,
    TYTO_HEARTBEAT_MAX_CAMERAS = 40, /* in one message */
    TYTO_DEBUG_MAX_TOP = 8,
    TYTO_MODEL_MAX_NAMES = 40, /* class names in one message */
    TYTO_HELLO_MAX_QUERY_ENDPOINTS = 8,
    TYTO_THUMBNAIL_MAX_BYTES = 256 * 1024, /* of a picture's JPEG */
    TYTO_SHA256_BYTES = 32,
    TYTO_EMBEDDING_NUM = 64, /* signed bytes */
    TYTO_ALIGNMENT_MAX_ROWS = 12,
    TYTO_ALIGNMENT_MAX_COLS = 16,
};

enum tyto_event_phase {
    TYTO_EVENT_PHASE_NEW = 1,
    TYTO_EVENT_PHASE_UPDATE = 2,
    TYTO_EVENT_PHASE_END = 3,
    TYTO_EVENT_PHASE_RETRACTED = 4,
};

enum tyto_event_reason {
    TYTO_EVENT_REASON_ONSET = 1,
    TYTO_EVENT_REASON_PROGRESS = 2,
    TYTO_EVENT_REASON_OFFSET = 3,
    TYTO_EVENT_REASON_MAX_DURATION = 4,
    TYTO_EVENT_REASON_SOURCE_LOST = 5,
    TYTO_EVENT_REASON_SOURCE_ENDED = 6,
    TYTO_EVENT_REASON_SHUTDOWN = 7,
    TYTO_EVENT_REASON_RECOVERED = 8,
    TYTO_EVENT_REASON_MODEL_CHANGED = 9,
    TYTO_EVENT_REASON_TOO_SHORT = 10,
};

enum tyto_modality {
    TYTO_MODALITY_AV = 1,
    TYTO_MODALITY_A = 2,
    TYTO_MODALITY_V = 3,
};

enum tyto_clock_quality {
    TYTO_CLOCK_QUALITY_ARRIVAL = 1,
    TYTO_CLOCK_QUALITY_CAMERA = 2,
    TYTO_CLOCK_QUALITY_FILE = 3,
    TYTO_CLOCK_QUALITY_DISCONTINUOUS = 4,
};

enum tyto_camera_status {
    TYTO_CAMERA_STATUS_CONNECTING = 1,
    TYTO_CAMERA_STATUS_LIVE = 2,
    TYTO_CAMERA_STATUS_STALLED = 3,
    TYTO_CAMERA_STATUS_LOST = 4,
    TYTO_CAMERA_STATUS_ENDED = 5,
    TYTO_CAMERA_STATUS_FAILED = 6,
};

enum tyto_stage {
    TYTO_STAGE_CAPTURE, /* into the source ring, out of it */
    TYTO_STAGE_SEGMENT,
    TYTO_STAGE_ENCODE,
    TYTO_STAGE_ATTEND,
    TYTO_STAGE_TRACK,
    TYTO_NUM_STAGES,
};

struct tyto_stamp { /* monotonic clock; 0 = not stamped */
    uint64_t in_ns;
    uint64_t out_ns;
};

struct tyto_scores { /* 0..1 */
    float joint;
    float heard;
    float seen;
    float threshold; /* that joint was held against */
};

struct tyto_box { /* of the picture, 0..1, y downwards */
    float x0, y0, x1, y1;
};

/* rows*cols bytes, row-major, 255 = the peak; rows 0: no map. */
struct tyto_place_map {
    uint32_t rows, cols;
    float peak; /* the value that 255 stands for; the values sum to 1 */
    uint8_t cells[TYTO_PLACE_MAX_SIDE * TYTO_PLACE_MAX_SIDE];
};

/* Where a sound and a picture lie among others, in one space; alike is what has a large cosine. */
struct tyto_embeddings {
    uint64_t space; /* those of another one cannot be compared; 0: nothing is known */
    bool has_sound, has_picture;
    int8_t sound[TYTO_EMBEDDING_NUM], picture[TYTO_EMBEDDING_NUM];
};

/* Which second of picture answered which of sound, and the other way round, for the last of an
 * event's segments: a row for each, over the seconds about it. byte / 255 is a share. */
struct tyto_event_alignment {
    uint32_t rows, cols; /* 0: nothing is known */
    uint32_t before;     /* < cols: the column of the row's own second */
    uint8_t audio[TYTO_ALIGNMENT_MAX_ROWS][TYTO_ALIGNMENT_MAX_COLS];  /* (rows, cols): sound asks */
    uint8_t visual[TYTO_ALIGNMENT_MAX_ROWS][TYTO_ALIGNMENT_MAX_COLS]; /* picture asks */
    uint8_t trust[TYTO_ALIGNMENT_MAX_ROWS]; /* (rows): in the sound; the rest was in the picture */
};

struct tyto_event {
    char id[TYTO_ULID_CHARS + 1];
    char camera[TYTO_ID_MAX + 1];
    char class_name[TYTO_ID_MAX + 1];
    uint32_t class_id;
    enum tyto_event_phase phase;
    enum tyto_event_reason reason;
    uint32_t rev;
    bool has_end; /* false: still open, the end times mean nothing */
    int64_t begin_media_ns, end_media_ns;
    int64_t begin_unix_ns; /* UTC as of its NEW; it stays, also when a clock is set after that */
    int64_t end_unix_ns;   /* UTC as of its END: may be before the begin, then clocks were set */
    enum tyto_clock_quality clock_quality;
    float onset_confidence;
    float offset_confidence; /* of an END */
    struct tyto_scores scores;
    enum tyto_modality modality;
    float weight_audio, weight_visual; /* sum to 1 */
    struct tyto_place_map place;
    bool has_box;
    struct tyto_box box;
    bool has_av_offset;
    float av_offset_ms; /* sound behind picture is positive */
    /* Scores of the event's last segments, oldest first. */
    uint32_t num_segments;
    int64_t segments_begin_media_ns;
    int64_t segment_hop_ns;
    float segment_joint[TYTO_EVENT_MAX_SEGMENTS];
    float segment_heard[TYTO_EVENT_MAX_SEGMENTS];
    float segment_seen[TYTO_EVENT_MAX_SEGMENTS];
    char model_digest[TYTO_DIGEST_MAX + 1];
    uint32_t config_generation;
    /* The recording that will hold it, "" for none: complete some seconds after END, never when
     * writing fails. Printable ASCII. */
    char clip_uri[TYTO_CLIP_URI_MAX + 1];
    char snapshot_uri[TYTO_CLIP_URI_MAX + 1];  /* a picture of it, "" for none; as clip_uri */
    struct tyto_stamp stamps[TYTO_NUM_STAGES]; /* of the newest segment */
    /* Zones of the camera's picture that it has touched so far, in the order of its begin. */
    uint32_t num_zones;
    char zones[TYTO_EVENT_MAX_ZONES][TYTO_ZONE_NAME_MAX + 1];
    struct tyto_embeddings embeddings;     /* of what it has sounded and looked like so far */
    struct tyto_event_alignment alignment; /* with END */
};

struct tyto_camera_state {
    char camera[TYTO_ID_MAX + 1];
    char text[TYTO_STATE_TEXT_MAX + 1]; /* for people; never holds credentials */
    enum tyto_camera_status status;
    bool has_audio, has_video;
    int64_t since_unix_ns;
    uint64_t num_segments;
    uint64_t num_dropped;
    uint32_t num_reconnects;
    bool has_av_offset;
    float av_offset_ms;
    enum tyto_clock_quality clock_quality;
};

enum tyto_model_outcome {
    TYTO_MODEL_OUTCOME_LOADED = 1,
    TYTO_MODEL_OUTCOME_REJECTED = 2, /* another one was refused, this one goes on */
};

struct tyto_model_state {
    char digest[TYTO_DIGEST_MAX + 1];
    char device[TYTO_STATE_TEXT_MAX + 1];
    char exec[TYTO_ID_MAX + 1];
    uint32_t config_generation;
    uint32_t num_classes;
    enum tyto_model_outcome outcome; /* 0, from daemons of version 1.0: LOADED */
    char previous_digest[TYTO_DIGEST_MAX + 1];
    char text[TYTO_STATE_TEXT_MAX + 1]; /* why it was refused, for people */
    uint32_t num_names;                 /* <= num_classes: those below */
    char class_names[TYTO_MODEL_MAX_NAMES][TYTO_ID_MAX + 1];
};

struct tyto_camera_seq {
    char camera[TYTO_ID_MAX + 1];
    uint64_t cam_seq;
};

struct tyto_heartbeat {
    uint64_t last_seq;
    uint64_t oldest_seq; /* oldest replayable; 0: no journal */
    uint64_t num_dropped;
    uint32_t part, num_parts;
    uint32_t interval_ms;
    char model_digest[TYTO_DIGEST_MAX + 1];
    uint32_t num_cameras;
    struct tyto_camera_seq cameras[TYTO_HEARTBEAT_MAX_CAMERAS];
};

struct tyto_class_score {
    char class_name[TYTO_ID_MAX + 1];
    float joint, heard, seen;
};

struct tyto_debug_scores {
    char camera[TYTO_ID_MAX + 1];
    int64_t begin_media_ns, end_media_ns;
    bool has_audio, has_video;
    uint32_t num_top;
    struct tyto_class_score top[TYTO_DEBUG_MAX_TOP];
};

/* A picture of an event, or of what a camera sees now: then event_id and class_name are "". The
 * JPEG itself goes beside the envelope. */
struct tyto_thumbnail {
    char event_id[TYTO_ULID_CHARS + 1];
    char camera[TYTO_ID_MAX + 1];
    char class_name[TYTO_ID_MAX + 1];
    int64_t media_ns, unix_ns;
    uint32_t width, height;
    float score;
    bool has_box;
    struct tyto_box box;
    bool is_blurred;
    uint32_t num_bytes; /* of the JPEG; 1..TYTO_THUMBNAIL_MAX_BYTES */
    uint8_t sha256[TYTO_SHA256_BYTES];
};

enum tyto_envelope_kind {
    TYTO_ENVELOPE_NONE = 0, /* a body that this version does not know */
    TYTO_ENVELOPE_EVENT = 16,
    TYTO_ENVELOPE_CAMERA_STATE = 17,
    TYTO_ENVELOPE_MODEL_STATE = 18,
    TYTO_ENVELOPE_HEARTBEAT = 19,
    TYTO_ENVELOPE_DEBUG_SCORES = 20,
    TYTO_ENVELOPE_THUMBNAIL = 21,
};

struct tyto_envelope {
    uint8_t log_id[TYTO_UUID_BYTES];
    uint8_t boot_id[TYTO_UUID_BYTES];
    uint64_t seq, cam_seq, class_seq; /* 0 where not counted */
    int64_t publish_unix_ns;
    int64_t publish_mono_ns;
    uint32_t schema_minor;
    enum tyto_envelope_kind kind;
    union {
        struct tyto_event event;
        struct tyto_camera_state camera_state;
        struct tyto_model_state model_state;
        struct tyto_heartbeat heartbeat;
        struct tyto_debug_scores debug_scores;
        struct tyto_thumbnail thumbnail;
    } body;
};

struct tyto_hello {
    uint32_t schema_major, schema_minor;
    uint8_t log_id[TYTO_UUID_BYTES];
    uint8_t boot_id[TYTO_UUID_BYTES];
    uint64_t seq;
    uint32_t num_query_endpoints; /* 0: nothing can be asked */
    char query_endpoints[TYTO_HELLO_MAX_QUERY_ENDPOINTS][256];
    uint64_t oldest_seq; /* that can be replayed; 0: none */
    int64_t server_unix_ns;
    uint32_t heartbeat_ms;
    char version[32];
};

/* --- bytes -------------------------------------------------------------------- */

/* Writes the envelope to buf and its length to *ret_bytes. TYTO_ERR_INVALID
 * when a field is out of its limits (bad id, unterminated string, number not
 * finite, count too large), FULL when it would be over buf_bytes or over
 * TYTO_ENVELOPE_MAX_BYTES, for which an event's alignment is left out first; NOMEM. Any thread. */
TYTO_MUST_CHECK
enum tyto_err tyto_envelope_pack(const struct tyto_envelope *envelope, uint8_t *buf,
                                 size_t buf_bytes, size_t *ret_bytes);
/* Reads untrusted bytes. TYTO_ERR_FORMAT when they are not a sound Envelope or
 * over TYTO_ENVELOPE_MAX_BYTES; NOMEM. *ret_envelope is written on success only. */
TYTO_MUST_CHECK
enum tyto_err tyto_envelope_unpack(const uint8_t *bytes, size_t num_bytes,
                                   struct tyto_envelope *ret_envelope);
/* The same for Hello (without the topic in front). */
TYTO_MUST_CHECK
enum tyto_err tyto_hello_pack(const struct tyto_hello *hello, uint8_t *buf, size_t buf_bytes,
                              size_t *ret_bytes);
TYTO_MUST_CHECK
enum tyto_err tyto_hello_unpack(const uint8_t *bytes, size_t num_bytes,
                                struct tyto_hello *ret_hello);

/* --- names -------------------------------------------------------------------- */

/* 1..TYTO_ID_MAX characters of [a-z0-9_-]: camera ids and class names. */
bool tyto_id_is_valid(const char *id);
/* The same, of at most TYTO_ZONE_NAME_MAX characters. */
bool tyto_zone_name_is_valid(const char *name);
/* The topic of an envelope ("ev/<cam>/<class>/", "st/<cam>/", "md/", "hb/",
 * "dbg/<cam>/", "th/<cam>/", "lv/<cam>/"). TYTO_ERR_INVALID for a kind or an id without one, FULL
 * when buf (TYTO_TOPIC_MAX_BYTES do) is too small. */
TYTO_MUST_CHECK
enum tyto_err tyto_envelope_topic(const struct tyto_envelope *envelope, char *buf,
                                  size_t buf_bytes);
/* The prefix to subscribe to for events of camera and class; NULL or "" for
 * all. A class without a camera cannot be a prefix: TYTO_ERR_INVALID. */
TYTO_MUST_CHECK
enum tyto_err tyto_event_topic(const char *camera, const char *class_name, char *buf,
                               size_t buf_bytes);

/* Fills ret_id with a new ULID of the given time. IO when there is no randomness. */
TYTO_MUST_CHECK
enum tyto_err tyto_event_id_make(uint64_t unix_ns, char ret_id[TYTO_ULID_CHARS + 1]);
/* The same from given randomness; for tests that want to repeat themselves. */
void tyto_event_id_format(uint64_t unix_ns, const uint8_t entropy[10],
                          char ret_id[TYTO_ULID_CHARS + 1]);
bool tyto_event_id_is_valid(const char *id);

/* Lower-case words; "unknown" for a number that this version does not know. Static. */
const char *tyto_event_phase_name(enum tyto_event_phase phase);
const char *tyto_event_reason_name(enum tyto_event_reason reason);
const char *tyto_modality_name(enum tyto_modality modality);
const char *tyto_clock_quality_name(enum tyto_clock_quality quality);
const char *tyto_camera_status_name(enum tyto_camera_status status);
const char *tyto_stage_name(enum tyto_stage stage);

#endif
