/* SPDX-License-Identifier: MIT */
/* Every key of the configuration: type, unit, range, words and text. Defaults are in config.c and
 * in the rooms that use the values. */
#include "daemon/config/schema.h"

#include <string.h>

#include "daemon/config/shard.h"
#include "daemon/config/zones.h"
#include "model/cman/cman.h"
#include "options/common.h"
#include "pipeline/engine/options.h"
#include "pipeline/snapshot/snapshot.h"
#include "pipeline/track/options.h"

#define WEIGHTS_LIST(X) X(0, "weights", NULL)
#define LOOK_AHEAD_LIST(X) X(TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS, "weights", NULL)
#define UNLIMITED_LIST(X) X(0, "unlimited", NULL)

/* Of a place that may be switched off. */
static enum tyto_err check_place(const char *text, struct tyto_fault *ret_fault)
{
    if (text[0] == '/' || strcmp(text, "off") == 0)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          "'%.60s' is neither an absolute path nor 'off'", text);
}

static enum tyto_err check_time_zone(const char *text, struct tyto_fault *ret_fault)
{
    struct tyto_time_zone *zone = NULL;
    const enum tyto_err err = tyto_time_zone_create(text, &zone, ret_fault);
    tyto_time_zone_destroy(&zone);
    return err;
}

static enum tyto_err check_shard(const char *text, struct tyto_fault *ret_fault)
{
    return tyto_shard_parse(text, NULL, NULL, ret_fault);
}

static enum tyto_err check_listen(const char *text, struct tyto_fault *ret_fault)
{
    return strcmp(text, "off") == 0 ? TYTO_OK : tyto_http_check_address(text, NULL, ret_fault);
}

static enum tyto_err check_endpoint(const char *text, struct tyto_fault *ret_fault)
{
    /* Whether other hosts can reach it is looked at when it is known whether there are keys. */
    return strcmp(text, "ipc") == 0 ? TYTO_OK
                                    : tyto_publisher_check_endpoint(text, true, ret_fault);
}

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct tyto_config, field)
#define PATH(key_, field, absent_, example_, help_)                                                \
    {.key = key_, .type = TYTO_OPTION_CHARS, AT(field), .is_place = true, .value = "PATH",         \
     .absent = absent_, .example = example_, .help = help_}
#define NUMBER(key_, type_, field, min_, max_, unit_, help_)                                       \
    {.key = key_, .type = type_, AT(field), .min = min_, .max = max_, .unit = unit_, .help = help_}

static const struct tyto_option models[] = {
    {.key = "dir", .name = "models", .type = TYTO_OPTION_CHARS, AT(models.dir), .is_place = true,
     .value = "DIR", .absent = "beside the program, ../share/tyto/models",
     .example = "/usr/share/tyto/models",
     .help = "folder of visual.safetensors, audio.safetensors and head.safetensors; "
             "embedding.safetensors, if it is there"},
    PATH("visual", models.visual, "visual.safetensors of dir", NULL, "the picture encoder's file"),
    PATH("audio", models.audio, "audio.safetensors of dir", NULL, "the sound encoder's file"),
    PATH("head", models.head, "head.safetensors of dir", NULL,
         "the file of the network that judges both; `tyto model push` changes it while tytod runs"),
};

static const struct tyto_option inference[] = {
    TYTO_OPTION_DEVICE(TYTO_OPTION_CHARS, struct tyto_config, device),
    TYTO_ENGINE_OPTION_EXEC(struct tyto_config, exec),
    NUMBER("threads", TYTO_OPTION_U32, num_threads, 1, 256, NULL,
           "of the encoders on the CPU; decoding wants the other cores"),
    NUMBER("max_batch", TYTO_OPTION_U32, max_batch, 1, TYTO_ENGINE_MAX_BATCH, "segments",
           "how many segments of all cameras are judged at a time, at most"),
    {.key = "segments", .type = TYTO_OPTION_U32, AT(num_segments), .min = 1,
     .max = TYTO_CMAN_MAX_SEGMENTS, .unit = "segments", .words = TYTO_WORDS(WEIGHTS_LIST),
     .help = "what the network looks back on; weights: as it was trained"},
    TYTO_ENGINE_OPTION_HOP(struct tyto_config, hop_ns),
    {.key = "look_ahead", .type = TYTO_OPTION_U32, AT(look_ahead), .min = 0,
     .max = TYTO_CMAN_MAX_SEGMENTS - 1, .unit = "segments", .words = TYTO_WORDS(LOOK_AHEAD_LIST),
     .help = "segments of future that a decision waits for: more is surer, and later; weights: as "
             "it was trained"},
    {.key = "validate", .type = TYTO_OPTION_FLAG, AT(validate),
     .help = "Vulkan's validation layers, for developers"},
};

static enum tyto_err check_query(const char *text, struct tyto_fault *ret_fault)
{
    return strcmp(text, "off") == 0 ? TYTO_OK : tyto_publisher_check_endpoint(text, true, ret_fault);
}

static const struct tyto_option publish[] = {
    {.key = "endpoints", .name = "endpoint", .type = TYTO_OPTION_TEXTS, AT(endpoints),
     .max = TYTO_PUBLISHER_MAX_ENDPOINTS, .value = "ENDPOINT", .check = check_endpoint,
     .is_same = tyto_publisher_is_same_endpoint,
     .help = "where events are published: tcp:// with an address of this machine, ipc:// with a path, "
             "or 'ipc' for a socket in the user's run-time folder; may be several"},
    PATH("server_key", server_key, "there are no keys: who reaches an endpoint reads it",
         "/etc/tyto/server.key",
         "file of tytod's secret key, written by `tyto keygen`; with clients, only they may connect"),
    PATH("clients", clients, "there are no keys", "/etc/tyto/clients",
         "file of who may connect, read again at SIGHUP; on each line NAME ROLE PUBLIC-KEY "
         "[TOPIC-PREFIX...], ROLE is viewer or admin"),
    NUMBER("max_users", TYTO_OPTION_U32, max_users, 1, TYTO_CONFIG_MAX_USERS, NULL,
           "subscribers at a time, each of whom may make tytod hold 1000 messages"),
    NUMBER("heartbeat_s", TYTO_OPTION_TIME, heartbeat_ns, 0.1, 60, "s",
           "how often subscribers are told that tytod lives"),
    {.key = "query", .name = "query", .type = TYTO_OPTION_TEXTS, AT(query_endpoints),
     .max = TYTO_HELLO_MAX_QUERY_ENDPOINTS, .value = "ENDPOINT", .check = check_query,
     .is_same = tyto_publisher_is_same_endpoint,
     .absent = "beside each endpoint: the next port, or PATH.query",
     .help = "where subscribers fetch what they have missed, and lists of events: tcp:// or ipc:// "
             "as above; may be several; off: nowhere"},
};

static const struct tyto_option journal[] = {
    {.key = "path", .type = TYTO_OPTION_CHARS, AT(journal.path), .value = "PATH",
     .absent = "in the folder for state, named after the first endpoint",
     .example = "/var/lib/tyto/events.journal", .check = check_place,
     .help = "database that keeps what was published, so that nothing is lost to who comes back; "
             "off: none"},
    {.key = "max_days", .type = TYTO_OPTION_TIME, AT(journal.max_age_ns), .min = 0.0001,
     .max = 36500, .unit = "days", .words = TYTO_WORDS(UNLIMITED_LIST),
     .help = "older messages are deleted"},
    {.key = "max_messages", .type = TYTO_OPTION_U64, AT(journal.max_messages), .min = 100,
     .max = 1e12, .words = TYTO_WORDS(UNLIMITED_LIST),
     .help = "the oldest of more are deleted; an event is a message at its begin, one at its end, "
             "and some between"},
    {.key = "scores_days", .type = TYTO_OPTION_TIME, AT(journal.max_score_age_ns), .min = 0.0001,
     .max = 36500, .unit = "days", .words = TYTO_WORDS(UNLIMITED_LIST),
     .help = "scores of each second are kept as long, so that other thresholds can be tried on them "
             "(tyto scores)"},
    {.key = "scores_mib", .type = TYTO_OPTION_BYTES, AT(journal.max_score_bytes), .min = 0,
     .max = 1e6, .unit = "MiB",
     .help = "of all cameras' scores, the oldest of more are deleted; 0: none are kept"},
    {.key = "sync", .type = TYTO_OPTION_FLAG, AT(journal.is_synced),
     .help = "whether the disk must have a message before it is published: then a machine that "
             "loses power loses none, and each takes some milliseconds more"},
};

static const struct tyto_option record[] = {
    PATH("dir", record.store.dir, "nothing is recorded", "/var/lib/tyto/clips",
         "folder of the recordings, made if it is not there: DIR/CAMERA/TIME-CLASS-ID.mkv and "
         "DIR/labels.csv"),
    NUMBER("pre_s", TYTO_OPTION_TIME, record.pre_ns, 0, 120, "s",
           "kept before an event; it begins at the keyframe before that"),
    NUMBER("post_s", TYTO_OPTION_TIME, record.post_ns, 0, 120, "s", "kept after an event"),
    NUMBER("max_clip_s", TYTO_OPTION_TIME, record.max_clip_ns, 5, 86400, "s",
           "longer events go on in another recording"),
    NUMBER("max_gib", TYTO_OPTION_BYTES, record.store.max_bytes, 0.001, 1e6, "GiB",
           "of all recordings: the oldest are deleted, with their labels"),
    NUMBER("min_free_gib", TYTO_OPTION_BYTES, record.store.min_free_bytes, 0.001, 1e6, "GiB",
           "of the disk, left to others"),
    {.key = "max_days", .type = TYTO_OPTION_TIME, AT(record.store.max_age_ns), .min = 0.01, .max = 36500,
     .unit = "days", .words = TYTO_WORDS(UNLIMITED_LIST), .help = "older recordings are deleted"},
    NUMBER("max_memory_mib", TYTO_OPTION_BYTES, record.max_memory_bytes, 1, 4096, "MiB",
           "of each camera's last seconds, at most"),
    {.key = "cameras", .type = TYTO_OPTION_TEXTS, AT(record.cameras), .max = TYTO_ENGINE_MAX_CAMERAS,
     .value = "ID", .absent = "all of them", .example = "[front-door]",
     .check = tyto_option_check_id, .help = "which cameras are recorded"},
};

static const struct tyto_option snapshots[] = {
    {.key = "send", .type = TYTO_OPTION_FLAG, AT(snapshots.sends),
     .help = "whether whoever subscribes to th/CAMERA/ is sent a picture of each event, as bridges to "
             "MQTT do, and to lv/CAMERA/ one each second, as the page does while somebody looks"},
    PATH("dir", snapshots.store.dir, "pictures are not kept", "/var/lib/tyto/snapshots",
         "folder of the pictures, made if it is not there: DIR/CAMERA/TIME-CLASS-ID.jpg; not that of "
         "the recordings"),
    NUMBER("width", TYTO_OPTION_U32, snapshots.width, TYTO_SNAPSHOTS_MIN_WIDTH,
           TYTO_SNAPSHOTS_MAX_WIDTH, "pixels", "of a picture at most; none is larger than it came"),
    NUMBER("quality", TYTO_OPTION_U32, snapshots.quality, 10, 95, NULL, "of the JPEG"),
    {.key = "box", .type = TYTO_OPTION_FLAG, AT(snapshots.draws_box),
     .help = "whether a box is drawn around where the class is, where that is known"},
    {.key = "blur", .type = TYTO_OPTION_WORD, AT(snapshots.blur),
     .words = TYTO_WORDS(TYTO_CONFIG_BLUR_LIST),
     .help = "people: whom the detector finds is made unrecognizable before a picture is coded, and "
             "without a detector of people none is made; whom it does not find is seen, and so are "
             "number plates. none: all is seen but what masks hide"},
    NUMBER("max_gib", TYTO_OPTION_BYTES, snapshots.store.max_bytes, 0.0001, 1e6, "GiB",
           "of all pictures: the oldest are deleted"),
    NUMBER("min_free_gib", TYTO_OPTION_BYTES, snapshots.store.min_free_bytes, 0.001, 1e6, "GiB",
           "of the disk, left to others"),
    {.key = "max_days", .type = TYTO_OPTION_TIME, AT(snapshots.store.max_age_ns), .min = 0.0001,
     .max = 36500, .unit = "days", .words = TYTO_WORDS(UNLIMITED_LIST),
     .help = "older pictures are deleted"},
};

static const struct tyto_option log_rows[] = {
    {.key = "level", .type = TYTO_OPTION_WORD, AT(log_level),
     .words = TYTO_WORDS(TYTO_LOG_LEVEL_LIST), .help = "what is logged"},
    {.key = "format", .name = "log", .type = TYTO_OPTION_WORD, AT(log_format),
     .words = TYTO_WORDS(TYTO_LOG_FORMAT_LIST), .help = "how it is logged"},
    NUMBER("summary_every_s", TYTO_OPTION_TIME, summary_every_ns, 1, 86400, "s",
           "from one line of figures to the next"),
};

static const struct tyto_option metrics[] = {
    {.key = "listen", .name = "metrics", .type = TYTO_OPTION_CHARS, AT(metrics.listen),
     .value = "[ADDRESS:]PORT", .absent = "off", .example = "127.0.0.1:9466", .check = check_listen,
     .help = "where /metrics (for Prometheus), /healthz and /readyz are told by HTTP: a port, of "
             "127.0.0.1 unless an address stands before it; off: nowhere. `tyto status --metrics` has "
             "the figures without it"},
    {.key = "beyond_loopback", .type = TYTO_OPTION_FLAG, AT(metrics.may_leave_loopback),
     .help = "whether listen may be an address that other hosts reach: whoever reaches it reads "
             "names and figures of cameras, unencrypted, and can change nothing"},
};

static const struct tyto_option top[] = {
    {.key = "control", .type = TYTO_OPTION_CHARS, AT(control), .value = "PATH",
     .absent = "in the user's or the service's run-time folder",
     .example = "/run/tyto/control.sock", .check = check_place,
     .help = "socket for `tyto status` and `tyto model push`; off: none"},
    {.key = "state", .type = TYTO_OPTION_CHARS, AT(state_dir), .value = "DIR",
     .absent = "in the user's or the service's folder for state", .example = "/var/lib/tyto",
     .check = check_place,
     .help = "folder of the journal; without a journal, of a small file of open events, so that the "
             "next run ends what a killed one left open; off: none of both"},
    {.key = "time_zone", .type = TYTO_OPTION_CHARS, AT(time_zone), .value = "NAME",
     .absent = "the host's", .example = "Europe/Berlin", .check = check_time_zone,
     .help = "of all quiet hours"},
    {.key = "shard", .type = TYTO_OPTION_CHARS, AT(shard), .value = "I/N", .absent = "all cameras",
     .example = "0/3", .check = check_shard,
     .help = "watch those cameras alone that fall to shard I of N, counted from 0: N machines share "
             "the cameras of one file by a hash of their ids"},
    NUMBER("connects_per_s", TYTO_OPTION_U32, connects_per_s, 1, 100, NULL,
           "connections to cameras that are begun in a second, all together"),
};

#define GROUP(key_, title_, prefix_, rows_)                                                        \
    {.key = key_, .title = title_, .prefix = prefix_, .rows = rows_, .num_rows = TYTO_NUM_ROWS(rows_)}

const struct tyto_option_group tyto_config_groups[TYTO_CONFIG_NUM_GROUPS] = {
    [TYTO_CONFIG_MODELS] = {.key = "models", .title = "Networks", .prefix = "models",
                            .rows = models, .num_rows = TYTO_NUM_ROWS(models),
                            .marks = offsetof(struct tyto_config, models.given)},
    [TYTO_CONFIG_INFERENCE] = GROUP("inference", "Inference", NULL, inference),
    [TYTO_CONFIG_TRACKER] = {.key = "tracker", .title = "From scores to events",
                             .rows = tyto_tracker_options, .num_rows = TYTO_TRACKER_NUM_OPTIONS,
                             .offset = offsetof(struct tyto_config, tracker)},
    [TYTO_CONFIG_PUBLISH] = GROUP("publish", "Publishing", NULL, publish),
    [TYTO_CONFIG_JOURNAL] = GROUP("journal", "Journal", "journal", journal),
    [TYTO_CONFIG_RECORD] = GROUP("record", "Recordings around events", "record", record),
    [TYTO_CONFIG_SNAPSHOTS] = GROUP("snapshots", "Pictures of events", "snapshots", snapshots),
    [TYTO_CONFIG_LOG] = GROUP("log", "Log", "log", log_rows),
    [TYTO_CONFIG_METRICS] = GROUP("metrics", "Figures for monitors", "metrics", metrics),
    [TYTO_CONFIG_TOP] = GROUP(NULL, "Control and connections", NULL, top),
};

/* --- of one camera, of one class -------------------------------------------------------------- */

#undef AT
#define AT(field) TYTO_OPTION_AT(struct tyto_config_camera, field)

static const struct tyto_option camera[] = {
    {.key = "id", .type = TYTO_OPTION_CHARS, AT(id), .value = "ID", .is_needed = true,
     .example = "front-door", .check = tyto_option_check_id,
     .help = "its name in events: a-z, 0-9, '_' and '-'"},
    {.key = "uri", .type = TYTO_OPTION_CHARS, AT(uri), .is_place = true, .value = "URI",
     .is_needed = true, .example = "rtsp://user:password@192.168.1.20:554/stream",
     .help = "a file, rtsp://, http(s)://, srt:// or v4l2:///dev/video0"},
    {.key = "transport", .type = TYTO_OPTION_WORD, AT(source.transport),
     .words = TYTO_WORDS(TYTO_TRANSPORT_LIST), .help = "what RTSP's streams come over"},
    TYTO_SOURCE_OPTION_KEYFRAMES(struct tyto_config_camera, source.keyframes),
    NUMBER("latency_ms", TYTO_OPTION_U32, source.latency_ms, 1, 10000, "ms",
           "jitter buffer of RTSP and SRT"),
    {.key = "audio", .type = TYTO_OPTION_FLAG, AT(audio), .help = "whether its sound is used"},
    {.key = "video", .type = TYTO_OPTION_FLAG, AT(video), .help = "whether its picture is used"},
    NUMBER("av_offset_ms", TYTO_OPTION_TIME, av_offset_ns, -5000, 5000, "ms",
           "how far its sound lags behind its picture, until its streams show something else"),
    {.key = "align", .type = TYTO_OPTION_WORD, AT(align), .words = TYTO_WORDS(TYTO_ALIGN_LIST),
     .help = "what is done with the offset that a live camera's sound and picture show: apply it, "
             "only tell it, or do not look (some 0.05 cores while one camera is looked at)"},
    NUMBER("skew_s", TYTO_OPTION_TIME, lateness_ns, 0.1, 30, "s",
           "allowed lateness: how long the stream that is ahead waits for the other, from when it began "
           "to wait or the other last went on"),
    NUMBER("stall_s", TYTO_OPTION_TIME, stall_ns, 1, 600, "s",
           "no data, or no picture or no sound, for so long: connect again"),
    {.key = "isolate", .type = TYTO_OPTION_FLAG, AT(isolate),
     .help = "whether it is received and decoded in a process of its own, so that a decoder that "
             "crashes or hangs costs this camera its connection, and no other anything"},
};

const struct tyto_option_group tyto_config_camera_group = GROUP("cameras", "Cameras", NULL, camera);
const struct tyto_option_group tyto_config_camera_tracker_group = {
    .key = "tracker", .rows = tyto_tracker_options, .num_rows = TYTO_TRACKER_NUM_OPTIONS,
    .offset = offsetof(struct tyto_config_camera, tracker),
    .marks = offsetof(struct tyto_config_camera, tracker_given)};

#undef AT
#define AT(field) TYTO_OPTION_AT(struct tyto_config_rule, field)

static const struct tyto_option class_rows[] = {
    {.key = "threshold", .type = TYTO_OPTION_F32, AT(rule.threshold), .min = 0.01, .max = 1,
     .absent = "tracker.threshold", .example = "0.4", .help = "joint score from which on it counts"},
    {.key = "threshold_heard", .type = TYTO_OPTION_F32, AT(rule.threshold_heard), .min = 0.01,
     .max = 1, .absent = "tracker.threshold_single", .example = "0.6",
     .help = "the same when it is heard alone"},
    {.key = "threshold_seen", .type = TYTO_OPTION_F32, AT(rule.threshold_seen), .min = 0.01,
     .max = 1, .absent = "tracker.threshold_single", .example = "0.6",
     .help = "the same when it is seen alone"},
    {.key = "publish", .type = TYTO_OPTION_FLAG, AT(publish), .help = "false: never an event of it"},
    {.key = "required_zones", .type = TYTO_OPTION_OTHER, AT(rule.required_zones),
     .max = TYTO_ZONES_MAX, .value = "NAME, or a list of them", .absent = "none: anywhere",
     .example = "[drive]", .set = tyto_config_add_zone_name,
     .print = tyto_config_print_zone_names,
     .help = "of a camera only: its events begin in one of these zones; what is only heard has no "
             "place, and then begins none"},
};

const struct tyto_option_group tyto_config_class_group = {
    .key = "classes", .title = "Classes", .rows = class_rows, .num_rows = TYTO_NUM_ROWS(class_rows),
    .marks = offsetof(struct tyto_config_rule, given)};
/* clang-format on */
