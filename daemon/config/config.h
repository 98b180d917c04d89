/* SPDX-License-Identifier: MIT */
/* The daemon's configuration: a YAML file, parsed once into a plain value. Defaults are those of
 * the rooms that use the values, and stand in them from the beginning. */
#ifndef TYTO_DAEMON_CONFIG_CONFIG_H
#define TYTO_DAEMON_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/words.h"
#include "daemon/control/control.h"
#include "daemon/monitor/http.h"
#include "daemon/publish/publisher.h"
#include "options/options.h"
#include "pipeline/engine/engine.h"
#include "pipeline/record/store.h"

enum {
    TYTO_CONFIG_URI_MAX = 1024,
    TYTO_CONFIG_PATH_MAX = 1024,
    TYTO_CONFIG_MAX_RULES = 512,
    TYTO_CONFIG_FILE_MAX_BYTES = 256 * 1024,
    TYTO_CONFIG_DEFAULT_USERS = 64,
    TYTO_CONFIG_MAX_USERS = 128,
};

/* A folder of files that are kept for a while. */
struct tyto_config_store {
    char dir[TYTO_CONFIG_PATH_MAX]; /* "": none */
    uint64_t max_bytes, min_free_bytes;
    int64_t max_age_ns; /* 0: for ever */
};

/* What is said about one class; what is not marked is as for all cameras, or classes. */
struct tyto_config_rule {
    struct tyto_class_rule rule;
    bool publish;
    uint64_t given; /* marks over tyto_config_class_group */
    uint32_t line;
};

struct tyto_config_rules {
    struct tyto_config_rule *items; /* owned */
    uint32_t num;
};

/* Hours in which some classes are not told. */
struct tyto_config_quiet {
    struct tyto_quiet *items; /* owned */
    uint32_t num;             /* <= TYTO_QUIET_MAX */
};

struct tyto_config_camera {
    char id[TYTO_ID_MAX + 1];
    char uri[TYTO_CONFIG_URI_MAX];
    struct tyto_source_options source;
    bool audio, video; /* whether to use that stream */
    int64_t av_offset_ns;
    enum tyto_align_mode align;
    int64_t lateness_ns;
    int64_t stall_ns;
    bool isolate;
    struct tyto_tracker_params tracker; /* what is marked; the rest is as for all. No rules in it */
    uint64_t tracker_given;             /* marks over tyto_tracker_options */
    struct tyto_config_rules rules;
    struct tyto_zones zones;        /* owned */
    struct tyto_config_quiet quiet; /* none: what is said for all cameras */
    uint32_t line;                  /* where it stands in the file; 0: command line */
};

#define TYTO_LOG_FORMAT_LIST(X)                                                                    \
    X(TYTO_LOG_FORMAT_AUTO, "auto", "human on a terminal, else json")                              \
    X(TYTO_LOG_FORMAT_HUMAN, "human", NULL)                                                        \
    X(TYTO_LOG_FORMAT_JSON, "json", NULL)
enum tyto_log_format { TYTO_LOG_FORMAT_LIST(TYTO_WORD_ENUM) };

#define TYTO_CONFIG_BLUR_LIST(X)                                                                   \
    X(TYTO_CONFIG_BLUR_PEOPLE, "people", NULL)                                                     \
    X(TYTO_CONFIG_BLUR_NONE, "none", NULL)
enum tyto_config_blur { TYTO_CONFIG_BLUR_LIST(TYTO_WORD_ENUM) };

struct tyto_config {
    char file[256];                     /* "" without one */
    struct tyto_config_camera *cameras; /* owned */
    uint32_t num_cameras;
    bool has_empty_list;    /* of cameras, written down: that there are none is meant */
    char shard[16];         /* "I/N"; "": all cameras */
    uint32_t num_elsewhere; /* cameras of the file that are other shards' */

    struct {
        char visual[TYTO_CONFIG_PATH_MAX]; /* "": DIR/visual.safetensors, and so on */
        char audio[TYTO_CONFIG_PATH_MAX];
        char head[TYTO_CONFIG_PATH_MAX];
        char dir[TYTO_CONFIG_PATH_MAX]; /* "": beside the program, ../share/tyto/models */
        /* What serves first, once the models are found: head, or the copy of the one that was
         * pushed last (pushed.h). */
        char first_head[TYTO_CONFIG_PATH_MAX];
        uint64_t given; /* marks over the rows of the models */
    } models;

    char device[64];
    enum tyto_exec exec;
    uint32_t num_threads;
    uint32_t num_segments; /* 0: the weights' */
    uint32_t look_ahead;   /* TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS or a number of segments */
    int64_t hop_ns;
    uint32_t max_batch;
    uint32_t connects_per_s;
    bool validate;

    struct tyto_tracker_params tracker; /* of all cameras, not settled; no rules in it */
    struct tyto_config_rules rules;
    struct tyto_config_quiet quiet; /* of cameras that say nothing of it */
    char time_zone[64];             /* of all quiet hours; "": the host's */

    char control[TYTO_CONTROL_PATH_MAX];  /* socket; "": in the run-time folder; "off": none */
    char state_dir[TYTO_CONFIG_PATH_MAX]; /* "": the service manager's or the user's; "off": none */
    /* Recordings around events; off while store.dir is "". */
    struct {
        struct tyto_config_store store;
        int64_t pre_ns, post_ns;
        int64_t max_clip_ns;
        uint64_t max_memory_bytes; /* of each camera's last seconds */
        struct tyto_texts cameras; /* those recorded; none: all */
        uint32_t line, cameras_line;
    } record;

    /* Pictures of events; none are made while store.dir is "" and sends false. */
    struct {
        bool sends;
        uint32_t width, quality;
        bool draws_box;
        enum tyto_config_blur blur;
        struct tyto_config_store store;
    } snapshots;

    struct tyto_texts endpoints; /* at least 1 after loading */
    uint32_t endpoints_line;     /* where the file names them; 0: it does not */
    int64_t heartbeat_ns;
    char server_key[TYTO_CONFIG_PATH_MAX]; /* with clients; "": no keys */
    char clients[TYTO_CONFIG_PATH_MAX];
    uint32_t max_users;
    struct tyto_texts query_endpoints; /* none: beside the endpoints; "off" alone: none */
    struct {
        char path[TYTO_CONFIG_PATH_MAX]; /* "": in the folder for state; "off": none */
        int64_t max_age_ns;              /* 0: unlimited, as below */
        uint64_t max_messages;
        int64_t max_score_age_ns;
        uint64_t max_score_bytes; /* 0: scores are not kept */
        bool is_synced;
    } journal;

    struct {
        char listen[TYTO_HTTP_ADDRESS_MAX]; /* "" and "off": nowhere */
        bool may_leave_loopback;
    } metrics;

    enum tyto_log_level log_level;
    enum tyto_log_format log_format;
    int64_t summary_every_ns; /* between the log's summaries */
};

/* Defaults, no cameras, into zeroed bytes. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_init(struct tyto_config *ret_config);
/* The same in new ones. NOMEM. Owned. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_create(struct tyto_config **ret_config);
void tyto_config_destroy(struct tyto_config **config);

/* Defaults, then what the file says. NOT_FOUND, IO, FORMAT (no YAML), INVALID
 * (not what is expected), NOMEM; *ret_fault names file, line, key, value and what
 * to do. Secrets in URIs never get into it. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_load(const char *path, struct tyto_config **ret_config,
                               struct tyto_fault *ret_fault);
/* The same from memory; file is only for messages and relative paths. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_parse(const char *text, size_t text_bytes, const char *file,
                                struct tyto_config **ret_config, struct tyto_fault *ret_fault);

/* One camera as typed on the command line: URI or NAME=URI (then ids are cam1,
 * cam2, ... by position). INVALID, EXISTS (id taken), NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_add_uri(struct tyto_config *config, const char *argument,
                                  struct tyto_fault *ret_fault);
/* What must hold between values; load has done it. After overrides call it again. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_check(const struct tyto_config *config, struct tyto_fault *ret_fault);

/* The tracker of one camera (NULL: of all): what is said for it, else what is said
 * for all; settled. ret_params->rules is owned: free() it through the const; its zones and quiet
 * hours are the configuration's. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_make_tracker(const struct tyto_config *config,
                                       const struct tyto_config_camera *camera,
                                       struct tyto_tracker_params *ret_params);

/* A file in the folder for state, of the daemon that publishes on the first endpoint: no two of
 * them can at one time. False: there is no such folder, or the path is too long. */
bool tyto_config_find_state(const struct tyto_config *config, const char *suffix, char *ret_path,
                            size_t path_bytes);

enum { TYTO_CONFIG_KEY_MAX = 160 };
/* How a key is named in a complaint: as it is (camera NULL), or cameras[ID].KEY. */
void tyto_config_key(const struct tyto_config_camera *camera, const char *key,
                     char ret_key[TYTO_CONFIG_KEY_MAX]);

/* The camera's place in the configuration; num_cameras: it has none. */
uint32_t tyto_config_find_camera(const struct tyto_config *config, const char *id);
/* Whether events of the camera are recorded. */
bool tyto_config_is_recorded(const struct tyto_config *config,
                             const struct tyto_config_camera *camera);
/* Of how many cameras they are. */
uint32_t tyto_config_num_recorded(const struct tyto_config *config);
/* How much later segments may still tell of the begin or the end of one of the camera's events. */
int64_t tyto_config_decide_ns(const struct tyto_config *config,
                              const struct tyto_config_camera *camera);
/* How far evaluation may lie behind what the camera gives, with that; look_ahead: the engine's. */
int64_t tyto_config_lag_ns(const struct tyto_config *config,
                           const struct tyto_config_camera *camera, uint32_t look_ahead);

/* As the store of the pipeline wants it; the folder's name is borrowed. */
static inline struct tyto_clip_store_params
tyto_config_store_params(const struct tyto_config_store *store)
{
    return (struct tyto_clip_store_params){.dir = store->dir,
                                           .max_bytes = store->max_bytes,
                                           .min_free_bytes = store->min_free_bytes,
                                           .max_age_ns = store->max_age_ns};
}

#endif
