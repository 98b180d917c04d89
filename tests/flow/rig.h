/* SPDX-License-Identifier: MIT */
/* For flow tests: makes media, and drives one camera session as the inference
 * thread would, without networks. */
#ifndef TYTO_TESTS_FLOW_RIG_H
#define TYTO_TESTS_FLOW_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/session/session.h"

enum { RIG_MAX_SEGMENTS = 256, RIG_MAX_STATES = 64 };

struct rig {
    struct tyto_limiter limiter;
    struct tyto_session *session;
    bool stopping;
    uint32_t num_segments;
    struct tyto_segment segments[RIG_MAX_SEGMENTS]; /* pointers cleared */
    int64_t picture_off_ns[RIG_MAX_SEGMENTS];       /* of its picture, from the segment's begin */
    uint32_t width_px[RIG_MAX_SEGMENTS], height_px[RIG_MAX_SEGMENTS]; /* of its picture */
    uint64_t sums[RIG_MAX_SEGMENTS];                                  /* of its sound and picture */
    uint32_t num_states;
    struct tyto_camera_state states[RIG_MAX_STATES];
    uint32_t num_over;
    enum tyto_event_reason over_reason; /* of the last one */
};

/* The directory for this run's media; removed by rig_finish_media(), and by rig_remove_media(),
 * which a group of tests ends with. */
const char *rig_media_dir(void);
void rig_finish_media(void);
int rig_remove_media(void **state);
/* DIR/name, in a buffer of its own for each of the last 8 calls. */
const char *rig_path(const char *name);
/* Runs a gst-launch line to its end; %s in it is the path of name. */
void rig_make(const char *name, const char *launch);
/* Copies a file, each byte through edit (NULL: as it is), the first keep_bytes only (0: all). */
void rig_copy(const char *from, const char *to, uint64_t keep_bytes,
              uint8_t (*edit)(uint64_t idx, uint8_t byte));
/* Replaces text of the same length everywhere in the file. */
void rig_patch(const char *name, const char *old_text, const char *new_text);

/* A program on loopback, as cameras are; its first line is "ready PORT". */
struct rig_server {
    int pid, port;
    int out_fd; /* what else it prints */
};
struct rig_server rig_start_server(char *const argv[]);
/* Ends it by the signal of that number. */
void rig_stop_server(struct rig_server *server, int number);
/* How many lines it has printed since it was ready, or since the last call. Never blocks. */
uint32_t rig_num_lines(const struct rig_server *server);

/* From here on each connection has a process of its own; NULL: no more. program: borrowed. */
void rig_isolate(const char *program);
/* The same by "--isolate PROGRAM" at the end of a test's arguments, which are then fewer. */
void rig_take_isolate(int *argc, char **argv);
/* How many lines processes have written to their standard error; the last of them. */
uint32_t rig_num_process_lines(void);
const char *rig_process_line(void);

void rig_open(struct rig *rig, const struct tyto_camera_params *camera);
/* Turns until done(rig) or timeout; whether done. NULL: until the file has ended. */
bool rig_run(struct rig *rig, double timeout_s, bool (*done)(const struct rig *rig));
/* Stops and frees; fails the test when the session does not let go. */
void rig_close(struct rig *rig);
/* The newest state, or a zero one. */
const struct tyto_camera_state *rig_state(const struct rig *rig);

#endif
