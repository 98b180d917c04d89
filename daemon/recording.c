/* SPDX-License-Identifier: MIT */
#include "daemon/recording.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct tyto_recording {
    char dir[TYTO_CONFIG_PATH_MAX];
    const struct tyto_log *log;
    struct tyto_recorder *recorder;
    bool was_failing;
    uint64_t num_failed, num_cut; /* told */
};

static struct tyto_recorder_params params_of(const struct tyto_config *config)
{
    return (struct tyto_recorder_params){
        .store = tyto_config_store_params(&config->record.store),
        .pre_ns = config->record.pre_ns,
        .post_ns = config->record.post_ns,
        .max_clip_ns = config->record.max_clip_ns,
        .preroll_max_bytes = config->record.max_memory_bytes,
    };
}

enum tyto_err tyto_recording_create(const struct tyto_config *config, const struct tyto_log *log,
                                    struct tyto_recording **ret_recording,
                                    struct tyto_fault *ret_fault)
{
    if (!config->record.store.dir[0]) {
        *ret_recording = NULL;
        return TYTO_OK;
    }
    struct tyto_recording *recording = calloc(1, sizeof(*recording));
    if (!recording)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    memcpy(recording->dir, config->record.store.dir, sizeof(recording->dir));
    recording->log = log;
    const struct tyto_recorder_params params = params_of(config);
    const enum tyto_err err = tyto_recorder_create(&params, &recording->recorder);
    if (err) {
        free(recording);
        return tyto_fault_set(ret_fault, err, config->file, config->record.line, "record",
                              "recording cannot be started: %s", tyto_err_text(err));
    }
    tyto_log_write(log, TYTO_LOG_INFO, "record", "events are recorded in %s",
                   config->record.store.dir);
    *ret_recording = recording;
    return TYTO_OK;
}

bool tyto_recording_destroy(struct tyto_recording **recording)
{
    if (!recording || !*recording)
        return true;
    const bool is_over = tyto_recorder_destroy(&(*recording)->recorder);
    free(*recording);
    *recording = NULL;
    return is_over;
}

uint64_t tyto_recording_num_turns(const struct tyto_recording *recording)
{
    return tyto_recorder_num_turns(recording->recorder);
}

enum tyto_err tyto_recording_add_camera(struct tyto_recording *recording,
                                        const struct tyto_config *config,
                                        const struct tyto_config_camera *camera,
                                        uint32_t look_ahead, struct tyto_tap **ret_tap)
{
    *ret_tap = NULL;
    if (!recording || !tyto_config_is_recorded(config, camera))
        return TYTO_OK;
    return tyto_recorder_add_camera(recording->recorder, camera->id, camera->av_offset_ns,
                                    tyto_config_decide_ns(config, camera),
                                    tyto_config_lag_ns(config, camera, look_ahead), ret_tap);
}

void tyto_recording_remove_camera(struct tyto_recording *recording, const char *camera_id)
{
    if (recording)
        tyto_recorder_remove_camera(recording->recorder, camera_id);
}

void tyto_recording_change(struct tyto_recording *recording, const struct tyto_config *config,
                           uint32_t look_ahead)
{
    if (!recording)
        return;
    const struct tyto_recorder_params params = params_of(config);
    const enum tyto_err err = tyto_recorder_change(recording->recorder, &params);
    if (err)
        tyto_log_write(recording->log, TYTO_LOG_WARNING, "record",
                       "recording goes on as it was: %s", tyto_err_text(err));
    for (uint32_t i = 0; !err && i < config->num_cameras; i++) {
        const struct tyto_config_camera *camera = &config->cameras[i];
        tyto_recorder_change_camera(recording->recorder, camera->id,
                                    tyto_config_decide_ns(config, camera),
                                    tyto_config_lag_ns(config, camera, look_ahead));
    }
}

void tyto_recording_progress(struct tyto_recording *recording, const char *camera_id,
                             int64_t end_media_ns)
{
    if (recording)
        tyto_recorder_progress(recording->recorder, camera_id, end_media_ns);
}

void tyto_recording_event(struct tyto_recording *recording, struct tyto_event *event)
{
    if (recording)
        tyto_recorder_event(recording->recorder, event);
}

void tyto_recording_tick(struct tyto_recording *recording)
{
    if (!recording)
        return;
    struct tyto_recorder_status status;
    tyto_recorder_get_status(recording->recorder, &status);
    if (status.is_failing && !recording->was_failing)
        tyto_log_write(recording->log, TYTO_LOG_WARNING, "record",
                       "%s; events go on unrecorded, tried again every 30 s", status.text);
    if (!status.is_failing && recording->was_failing && status.num_failed == recording->num_failed)
        tyto_log_write(recording->log, TYTO_LOG_INFO, "record", "recording again");
    recording->was_failing = status.is_failing;
    recording->num_failed = status.num_failed;
}

void tyto_recording_get_status(const struct tyto_recording *recording,
                               struct tyto_recorder_status *ret_status)
{
    tyto_recorder_get_status(recording->recorder, ret_status);
}

const char *tyto_recording_dir(const struct tyto_recording *recording)
{
    return recording->dir;
}

void tyto_recording_summary(struct tyto_recording *recording)
{
    if (!recording)
        return;
    struct tyto_recorder_status status;
    tyto_recorder_get_status(recording->recorder, &status);
    tyto_log_write(recording->log, TYTO_LOG_INFO, "record",
                   "%" PRIu64 " recordings written, %" PRIu64 " failed, %" PRIu64 " cut short; "
                   "%" PRIu32 " there, %.1f MiB, %" PRIu64 " deleted; %.1f MiB held in memory",
                   status.num_written, status.num_failed, status.num_cut, status.store.num_clips,
                   (double)status.store.num_bytes / (1024.0 * 1024.0), status.store.num_deleted,
                   (double)status.preroll_bytes / (1024.0 * 1024.0));
}
