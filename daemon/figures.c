/* SPDX-License-Identifier: MIT */
#include "daemon/figures.h"

#include <stdlib.h>
#include <sys/statvfs.h>

#include "daemon/service/process.h"

/* clang-format off */
#define ROW(name_, kind_, type_, struct_, field_, help_)                                           \
    {.name = name_, .kind = TYTO_METRIC_##kind_, .type = TYTO_METRIC_##type_,                      \
     .offset = offsetof(struct_, field_), .help = help_}
#define SECONDS(name_, kind_, type_, struct_, field_, help_)                                       \
    {.name = name_, .kind = TYTO_METRIC_##kind_, .type = TYTO_METRIC_##type_,                      \
     .offset = offsetof(struct_, field_), .scale = 1e-9, .help = help_}

/* --- engine ----------------------------------------------------------------------------------- */

#define ENGINE struct tyto_engine_counts
static const struct tyto_metric engine_rows[] = {
    ROW("tyto_cameras", GAUGE, U32, ENGINE, num_cameras, "Cameras that run."),
    ROW("tyto_segments_total", COUNTER, U64, ENGINE, num_segments, "Segments judged."),
    ROW("tyto_events_total", COUNTER, U64, ENGINE, num_events, "Messages of events: begins, progress and ends."),
    ROW("tyto_batches_total", COUNTER, U64, ENGINE, num_steps, "Batches judged."),
    ROW("tyto_batch_segments_total", COUNTER, U64, ENGINE, num_batch_items, "Segments in them."),
    ROW("tyto_dropped_total", COUNTER, U64, ENGINE, num_dropped, "Pieces dropped before the networks, of the cameras there are."),
    SECONDS("tyto_inference_cpu_seconds_total", COUNTER, U64, ENGINE, cpu_ns, "CPU time of the thread of the networks."),
    ROW("tyto_heads_total", COUNTER, U32, ENGINE, num_heads, "Heads that have served: 1 and the changes."),
    ROW("tyto_device_losses_total", COUNTER, U32, ENGINE, num_device_losses, "Devices of the networks that failed and were set up anew."),
    ROW("tyto_device_fallback", GAUGE, BOOL, ENGINE, is_fallback, "Whether the CPU serves because the device failed too often."),
    ROW("tyto_segments_given_up_total", COUNTER, U64, ENGINE, num_given_up, "Segments lost with a device; they count as dropped, too."),
    ROW("tyto_teardowns_abandoned_total", COUNTER, U64, ENGINE, num_abandoned, "Pipelines of cameras that did not stop in time."),
    ROW("tyto_teardowns_hanging", GAUGE, U32, ENGINE, num_hanging, "Those of them that have not stopped since."),
};

static void put_engine(struct tyto_engine *engine, struct tyto_metrics_text *text)
{
    struct tyto_engine_counts counts;
    tyto_engine_get_counts(engine, &counts);
    tyto_metrics_put_one(text, engine_rows, TYTO_METRIC_NUM_ROWS(engine_rows), &counts);
    tyto_metrics_head(text, "tyto_stage_seconds", "histogram",
                      "Time in each stage: of a segment; of a batch in encode, attend and track.");
    for (int s = 0; s < TYTO_NUM_STAGES; s++) {
        const struct tyto_metric_label label = {"stage", tyto_stage_name((enum tyto_stage)s)};
        tyto_metrics_histogram(text, "tyto_stage_seconds", &label, &counts.stages[s]);
    }
    const struct tyto_metric_label none = {NULL, NULL};
    tyto_metrics_head(text, "tyto_segment_latency_seconds", "histogram",
                      "From when a segment was whole until it was judged.");
    tyto_metrics_histogram(text, "tyto_segment_latency_seconds", &none, &counts.latency);
}

/* --- cameras ---------------------------------------------------------------------------------- */

/* As rows need it. */
struct camera_view {
    struct tyto_camera_counts counts;
    bool is_status[TYTO_CAMERA_STATUS_FAILED + 1];
    bool has_offset;
    double offset_s;
};

#define CAMERA struct camera_view
#define STATUS(status_, word_)                                                                     \
    {.name = "tyto_camera_status", .kind = TYTO_METRIC_GAUGE, .type = TYTO_METRIC_BOOL,            \
     .offset = offsetof(CAMERA, is_status[TYTO_CAMERA_STATUS_##status_]),                          \
     .help = "1 for the status that the camera is in.", .label = {"status", word_}}
static const struct tyto_metric camera_rows[] = {
    ROW("tyto_camera_up", GAUGE, BOOL, CAMERA, is_status[TYTO_CAMERA_STATUS_LIVE], "Whether the camera is live."),
    STATUS(CONNECTING, "connecting"), STATUS(LIVE, "live"), STATUS(STALLED, "stalled"),
    STATUS(LOST, "lost"), STATUS(ENDED, "ended"), STATUS(FAILED, "failed"),
    ROW("tyto_camera_segments_total", COUNTER, U64, CAMERA, counts.segmenter.num_segments, "Segments of the camera."),
    ROW("tyto_camera_overrun_total", COUNTER, U64, CAMERA, counts.segmenter.num_overrun, "Segments given up because the networks were behind."),
    {.name = "tyto_camera_dropped_total", .kind = TYTO_METRIC_COUNTER, .type = TYTO_METRIC_U64,
     .offset = offsetof(CAMERA, counts.num_dropped_audio), .help = "Pieces dropped from the camera's full queue.",
     .label = {"stream", "audio"}},
    {.name = "tyto_camera_dropped_total", .kind = TYTO_METRIC_COUNTER, .type = TYTO_METRIC_U64,
     .offset = offsetof(CAMERA, counts.num_dropped_video), .label = {"stream", "video"}},
    ROW("tyto_camera_skipped_pictures_total", COUNTER, U64, CAMERA, counts.num_skipped, "Pictures not decoded because the networks were behind."),
    ROW("tyto_camera_connects_total", COUNTER, U32, CAMERA, counts.num_connects, "Connections begun."),
    ROW("tyto_camera_losses_total", COUNTER, U32, CAMERA, counts.num_losses, "Connections lost."),
    ROW("tyto_camera_teardowns_abandoned_total", COUNTER, U32, CAMERA, counts.num_abandoned, "Its pipelines that did not stop in time."),
    ROW("tyto_camera_processes_total", COUNTER, U32, CAMERA, counts.num_processes, "Processes of its own (isolate) that were begun: one a connection."),
};

static void put_cameras(const struct tyto_figures *figures, struct tyto_metrics_text *text)
{
    struct tyto_running_camera *cameras = NULL;
    uint32_t num = 0;
    if (tyto_running_get_cameras(figures->running, figures->engine, &cameras, &num) != TYTO_OK)
        return;
    struct camera_view *views = calloc(num, sizeof(*views));
    struct tyto_metric_subject *subjects = calloc(num, sizeof(*subjects));
    for (uint32_t i = 0; views && subjects && i < num; i++) {
        const struct tyto_sync_estimate *estimate = &cameras[i].counts.alignment.estimate;
        const unsigned status = cameras[i].state.status ? cameras[i].state.status
                                                        : TYTO_CAMERA_STATUS_CONNECTING;
        views[i].counts = cameras[i].counts;
        if (status <= TYTO_CAMERA_STATUS_FAILED)
            views[i].is_status[status] = true;
        views[i].has_offset = cameras[i].counts.alignment.is_watched &&
                              estimate->status == TYTO_SYNC_CONFIDENT;
        views[i].offset_s = (double)estimate->offset_ns / 1e9;
        subjects[i] = (struct tyto_metric_subject){&views[i], {"camera", cameras[i].id}};
    }
    if (views && subjects) {
        tyto_metrics_put(text, camera_rows, TYTO_METRIC_NUM_ROWS(camera_rows), subjects, num);
        tyto_metrics_head(text, "tyto_camera_av_offset_seconds", "gauge",
                          "How far its sound lags behind its picture, where that is known.");
        for (uint32_t i = 0; i < num; i++) {
            if (views[i].has_offset)
                tyto_metrics_value(text, "tyto_camera_av_offset_seconds", &subjects[i].label, 1,
                                   views[i].offset_s);
        }
    }
    free(views);
    free(subjects);
    free(cameras);
}

/* --- model and configuration ------------------------------------------------------------------ */

static void put_info(struct tyto_metrics_text *text, const char *name, const char *help,
                     const struct tyto_metric_label *labels, uint32_t num_labels)
{
    tyto_metrics_head(text, name, "gauge", help);
    tyto_metrics_value(text, name, labels, num_labels, 1);
}

static void put_model(struct tyto_engine *engine, struct tyto_metrics_text *text)
{
    struct tyto_engine_head head;
    if (tyto_engine_get_head(engine, &head) != TYTO_OK)
        return;
    const struct tyto_metric_label labels[] = {
        {"digest", head.digest},
        {"device", tyto_engine_device_name(engine)},
        {"exec", tyto_engine_exec(engine) == TYTO_EXEC_CPU ? "cpu" : "vulkan"}};
    put_info(text, "tyto_model_info", "The head that serves, and where.", labels, 3);
    tyto_metrics_head(text, "tyto_model_classes", "gauge", "Classes that it knows.");
    tyto_metrics_value(text, "tyto_model_classes", NULL, 0, head.num_classes);
    tyto_engine_head_finish(&head);
}

static void put_reloads(struct tyto_reload *reload, struct tyto_metrics_text *text)
{
    struct tyto_reload_status status;
    tyto_reload_get_status(reload, &status);
    const struct tyto_metric_label applied = {"outcome", "applied"}, refused = {"outcome", "refused"};
    tyto_metrics_head(text, "tyto_config_generation", "gauge", "Number of the configuration that runs: 1 and the reloads that were applied.");
    tyto_metrics_value(text, "tyto_config_generation", NULL, 0, status.generation);
    tyto_metrics_head(text, "tyto_config_reloads_total", "counter", "Configurations read while it ran.");
    tyto_metrics_value(text, "tyto_config_reloads_total", &applied, 1, (double)status.num_applied);
    tyto_metrics_value(text, "tyto_config_reloads_total", &refused, 1, (double)status.num_refused);
    tyto_metrics_head(text, "tyto_config_refused", "gauge", "Whether the last one was refused: the file is not what runs.");
    tyto_metrics_value(text, "tyto_config_refused", NULL, 0, status.is_refused);
    tyto_metrics_head(text, "tyto_config_waiting_keys", "gauge", "Keys of the file that take a restart to hold.");
    tyto_metrics_value(text, "tyto_config_waiting_keys", NULL, 0, status.num_kept);
}

/* --- sockets ---------------------------------------------------------------------------------- */

#define PUBLISHED struct tyto_publisher_counts
static const struct tyto_metric publisher_rows[] = {
    ROW("tyto_messages_total", COUNTER, U64, PUBLISHED, num_events, "Messages published."),
    ROW("tyto_messages_lost_total", COUNTER, U64, PUBLISHED, num_lost, "Messages that were never sent: queue full, or out of limits."),
    ROW("tyto_debug_scores_dropped_total", COUNTER, U64, PUBLISHED, num_dropped, "Debug scores dropped."),
    ROW("tyto_thumbnails_total", COUNTER, U64, PUBLISHED, num_thumbnails, "Pictures published."),
    ROW("tyto_thumbnails_dropped_total", COUNTER, U64, PUBLISHED, num_thumbnails_dropped, "Pictures not published: slow subscribers hold too many, or too many came at once."),
    ROW("tyto_thumbnail_bytes", GAUGE, U64, PUBLISHED, thumbnail_bytes, "Of pictures that subscribers have not fetched."),
    ROW("tyto_last_seq", GAUGE, U64, PUBLISHED, last_seq, "Sequence number of the last message."),
    ROW("tyto_publish_queue_messages", GAUGE, U32, PUBLISHED, num_queued, "Messages that wait for the publisher's thread."),
    ROW("tyto_subscribers", GAUGE, U32, PUBLISHED, num_connections, "Connections of subscribers."),
    ROW("tyto_subscriptions", GAUGE, U32, PUBLISHED, num_subscriptions, "Their subscriptions."),
    ROW("tyto_subscribers_cut_off_total", COUNTER, U64, PUBLISHED, num_cut_off, "Connections that took more than their share, or were too many."),
    ROW("tyto_journal_committed_total", COUNTER, U64, PUBLISHED, journal.num_committed, "Messages committed to the journal."),
    ROW("tyto_journal_commits_total", COUNTER, U64, PUBLISHED, journal.num_commits, "Commits that they came in."),
    ROW("tyto_journal_unwritten_total", COUNTER, U64, PUBLISHED, journal.num_unwritten, "Messages that are not in the journal, and are not going to be."),
    ROW("tyto_journal_waiting", GAUGE, U32, PUBLISHED, journal.num_waiting, "Messages published, to be committed yet."),
    ROW("tyto_journal_failing", GAUGE, BOOL, PUBLISHED, journal.is_failing, "Whether the journal cannot be written now."),
};

/* --- recordings ------------------------------------------------------------------------------- */

#define RECORDED struct tyto_recorder_status
static const struct tyto_metric recording_rows[] = {
    ROW("tyto_recordings_written_total", COUNTER, U64, RECORDED, num_written, "Recordings written."),
    ROW("tyto_recordings_failed_total", COUNTER, U64, RECORDED, num_failed, "Recordings not written, or thrown away."),
    ROW("tyto_recordings_cut_total", COUNTER, U64, RECORDED, num_cut, "Recordings that ended early."),
    ROW("tyto_recordings_deleted_total", COUNTER, U64, RECORDED, store.num_deleted, "Recordings deleted for quota or age."),
    ROW("tyto_recordings", GAUGE, U32, RECORDED, store.num_clips, "Recordings there."),
    ROW("tyto_recordings_bytes", GAUGE, U64, RECORDED, store.num_bytes, "Their bytes, and what is reserved."),
    ROW("tyto_recording_failing", GAUGE, BOOL, RECORDED, is_failing, "Whether the last try to record failed."),
    ROW("tyto_preroll_bytes", GAUGE, U64, RECORDED, preroll_bytes, "Held in memory of all cameras' last seconds."),
};

/* --- pictures --------------------------------------------------------------------------------- */

#define PICTURED struct tyto_snapshots_status
static const struct tyto_metric picturing_rows[] = {
    ROW("tyto_snapshots_made_total", COUNTER, U64, PICTURED, num_made, "Pictures of events made."),
    ROW("tyto_snapshots_sent_total", COUNTER, U64, PICTURED, num_sent, "Of them handed on to be sent."),
    ROW("tyto_snapshots_written_total", COUNTER, U64, PICTURED, num_written, "Of them written as files."),
    ROW("tyto_snapshots_dropped_total", COUNTER, U64, PICTURED, num_dropped, "Pictures not made because too many waited."),
    ROW("tyto_snapshots_failed_total", COUNTER, U64, PICTURED, num_failed, "Pictures that could not be made or written."),
    ROW("tyto_snapshots_withheld_total", COUNTER, U64, PICTURED, num_withheld, "Pictures not made because people in them could not be hidden."),
    ROW("tyto_snapshots_waiting", GAUGE, U32, PICTURED, num_waiting, "Pictures to be made."),
    ROW("tyto_snapshots_deleted_total", COUNTER, U64, PICTURED, store.num_deleted, "Files deleted for quota or age."),
    ROW("tyto_snapshots", GAUGE, U32, PICTURED, store.num_clips, "Files there."),
    ROW("tyto_snapshots_bytes", GAUGE, U64, PICTURED, store.num_bytes, "Their bytes."),
    ROW("tyto_snapshots_failing", GAUGE, BOOL, PICTURED, is_failing, "Whether the last try to write one failed."),
};

/* --- disk, process ---------------------------------------------------------------------------- */

static void put_disk(struct tyto_metrics_text *text, const char *dir)
{
    struct statvfs disk;
    const struct tyto_metric_label label = {"use", "recordings"};
    if (!dir[0] || statvfs(dir, &disk) != 0)
        return;
    tyto_metrics_head(text, "tyto_disk_free_bytes", "gauge", "Free on the disk, for this user.");
    tyto_metrics_value(text, "tyto_disk_free_bytes", &label, 1,
                       (double)disk.f_bavail * (double)disk.f_frsize);
    tyto_metrics_head(text, "tyto_disk_size_bytes", "gauge", "Size of the disk.");
    tyto_metrics_value(text, "tyto_disk_size_bytes", &label, 1,
                       (double)disk.f_blocks * (double)disk.f_frsize);
}

#define PROCESS struct tyto_process
static const struct tyto_metric process_rows[] = {
    ROW("process_cpu_seconds_total", COUNTER, F64, PROCESS, cpu_s, "CPU time, user and system."),
    ROW("process_resident_memory_bytes", GAUGE, U64, PROCESS, resident_bytes, "Resident memory."),
    ROW("process_open_fds", GAUGE, U32, PROCESS, num_fds, "Open file descriptors."),
    ROW("process_max_fds", GAUGE, U64, PROCESS, max_fds, "How many may be open."),
    ROW("tyto_threads", GAUGE, U32, PROCESS, num_threads, "Threads."),
    ROW("tyto_heap_bytes", GAUGE, U64, PROCESS, heap_bytes, "Held by the allocator."),
    ROW("tyto_heap_used_bytes", GAUGE, U64, PROCESS, heap_used_bytes, "Of it in use."),
};
/* clang-format on */

static void put_process(struct tyto_metrics_text *text, double begin_s)
{
    struct tyto_process process;
    tyto_process_look(&process);
    tyto_metrics_put_one(text, process_rows, TYTO_METRIC_NUM_ROWS(process_rows), &process);
    tyto_metrics_head(text, "process_start_time_seconds", "gauge",
                      "When the process began, since 1970.");
    tyto_metrics_value(text, "process_start_time_seconds", NULL, 0, begin_s);
}

/* --- all -------------------------------------------------------------------------------------- */

void tyto_figures_put_base(void *user, struct tyto_metrics_text *text)
{
    const struct tyto_figures *figures = user;
    const struct tyto_metric_label version = {"version", TYTO_VERSION};
    put_info(text, "tyto_build_info", "What runs.", &version, 1);
    put_process(text, figures->begin_unix_s);
    struct tyto_publisher_counts counts;
    tyto_publisher_get_counts(figures->publisher, &counts);
    tyto_metrics_put_one(text, publisher_rows, TYTO_METRIC_NUM_ROWS(publisher_rows), &counts);
    if (figures->recording) {
        struct tyto_recorder_status status;
        tyto_recording_get_status(figures->recording, &status);
        tyto_metrics_put_one(text, recording_rows, TYTO_METRIC_NUM_ROWS(recording_rows), &status);
        put_disk(text, tyto_recording_dir(figures->recording));
    }
    struct tyto_snapshots_status pictured;
    tyto_picturing_get_status(figures->picturing, &pictured);
    tyto_metrics_put_one(text, picturing_rows, TYTO_METRIC_NUM_ROWS(picturing_rows), &pictured);
    tyto_metrics_head(text, "tyto_log_lines_left_out_total", "counter",
                      "Lines of the log left out: nobody read them fast enough.");
    tyto_metrics_value(text, "tyto_log_lines_left_out_total", NULL, 0,
                       (double)tyto_log_sink_num_left_out(figures->sink));
}

void tyto_figures_put_engine(void *user, struct tyto_metrics_text *text)
{
    const struct tyto_figures *figures = user;
    put_engine(figures->engine, text);
    put_model(figures->engine, text);
    put_reloads(figures->reload, text);
    put_cameras(figures, text);
}
