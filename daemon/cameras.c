/* SPDX-License-Identifier: MIT */
#include "daemon/cameras.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

enum tyto_err tyto_cameras_add(const struct tyto_cameras *cameras, const struct tyto_config *config,
                               const struct tyto_config_camera *camera,
                               struct tyto_fault *ret_fault)
{
    char shown[TYTO_CONFIG_URI_MAX];
    struct tyto_tracker_params tracker;
    struct tyto_camera_params params;
    memset(&params, 0, sizeof(params));
    enum tyto_err err = tyto_config_make_tracker(config, camera, &tracker);
    if (err)
        return err;
    params.id = camera->id;
    params.uri = camera->uri;
    params.source = camera->source;
    params.source.no_audio = !camera->audio;
    params.source.no_video = !camera->video;
    params.av_offset_ns = camera->av_offset_ns;
    params.align = camera->align;
    params.lateness_ns = camera->lateness_ns;
    params.stall_ns = (uint64_t)camera->stall_ns;
    params.isolation = camera->isolate ? cameras->isolation : NULL;
    params.tracker = &tracker;
    params.masks = camera->zones.masks;
    params.num_masks = camera->zones.num_masks;
    err = tyto_recording_add_camera(cameras->recording, config, camera,
                                    tyto_engine_look_ahead(cameras->engine), &params.tap);
    if (err)
        tyto_log_write(cameras->log, TYTO_LOG_WARNING, "record", "%s is not recorded: %s",
                       camera->id, tyto_err_text(err));
    tyto_secret_redact(camera->uri, shown, sizeof(shown));
    tyto_log_write(cameras->log, TYTO_LOG_INFO, "daemon", "camera %s is %s", camera->id, shown);
    err = tyto_engine_add_camera(cameras->engine, &params, ret_fault);
    free((void *)(uintptr_t)tracker.rules);
    if (err)
        tyto_recording_remove_camera(cameras->recording, camera->id);
    if (err && camera->line) {
        snprintf(ret_fault->file, sizeof(ret_fault->file), "%s", config->file);
        ret_fault->line = camera->line;
    }
    return err;
}

void tyto_cameras_tell_none(const struct tyto_cameras *cameras, const struct tyto_config *config)
{
    if (config->num_cameras > 0)
        return;
    if (config->num_elsewhere > 0)
        tyto_log_write(cameras->log, TYTO_LOG_WARNING, "daemon",
                       "no camera falls to shard %s; %u are for others", config->shard,
                       config->num_elsewhere);
    else
        tyto_log_write(cameras->log, TYTO_LOG_WARNING, "daemon",
                       "no camera is configured: name them in %s and reload (SIGHUP, systemctl "
                       "reload tytod)",
                       config->file);
}

void tyto_cameras_stop(const struct tyto_cameras *cameras, const char *id)
{
    (void)!tyto_engine_stop_camera(cameras->engine, id);
}

enum tyto_err tyto_cameras_finish(const struct tyto_cameras *cameras, const char *id)
{
    const enum tyto_err err = tyto_engine_remove_camera(cameras->engine, id);
    if (err == TYTO_ERR_TIMEOUT)
        return err;
    tyto_recording_remove_camera(cameras->recording, id); /* it may have gone since it was asked */
    return TYTO_OK;
}
