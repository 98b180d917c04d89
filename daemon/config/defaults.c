/* SPDX-License-Identifier: MIT */
/* What an empty file means: the defaults of the rooms that use the values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/config/config.h"
#include "daemon/config/schema.h"
#include "model/cman/cman.h"
#include "pipeline/record/record.h"
#include "pipeline/segment/segment.h"
#include "pipeline/snapshot/snapshot.h"

#define DEFAULT_JOURNAL_NS (7 * 24 * 3600 * (int64_t)TYTO_NS_PER_S)
enum { DEFAULT_JOURNAL_MESSAGES = 1000000, DEFAULT_SCORES_MIB = 256 };
#define DEFAULT_SUMMARY_NS (60 * (int64_t)TYTO_NS_PER_S)

enum tyto_err tyto_config_init(struct tyto_config *ret_config)
{
    snprintf(ret_config->device, sizeof(ret_config->device), "auto");
    ret_config->num_threads = TYTO_ENGINE_DEFAULT_THREADS;
    ret_config->look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS;
    ret_config->hop_ns = TYTO_ENGINE_DEFAULT_HOP_NS;
    ret_config->max_batch = TYTO_ENGINE_DEFAULT_BATCH;
    ret_config->connects_per_s = TYTO_ENGINE_DEFAULT_CONNECTS_PER_S;
    ret_config->tracker = tyto_tracker_params_default();
    ret_config->heartbeat_ns = TYTO_PUBLISHER_DEFAULT_HEARTBEAT_MS * (int64_t)TYTO_NS_PER_MS;
    ret_config->max_users = TYTO_CONFIG_DEFAULT_USERS;
    ret_config->journal.max_age_ns = DEFAULT_JOURNAL_NS;
    ret_config->journal.max_messages = DEFAULT_JOURNAL_MESSAGES;
    ret_config->journal.max_score_age_ns = DEFAULT_JOURNAL_NS;
    ret_config->journal.max_score_bytes = DEFAULT_SCORES_MIB << 20;
    ret_config->record.pre_ns = ret_config->record.post_ns = TYTO_RECORDER_DEFAULT_PREROLL_NS;
    ret_config->record.max_clip_ns = TYTO_RECORDER_DEFAULT_MAX_CLIP_NS;
    ret_config->record.max_memory_bytes = TYTO_RECORDER_DEFAULT_PREROLL_BYTES;
    ret_config->record.store.max_bytes = TYTO_CLIP_STORE_DEFAULT_MAX_BYTES;
    ret_config->record.store.min_free_bytes = TYTO_CLIP_STORE_DEFAULT_MIN_FREE_BYTES;
    ret_config->snapshots.width = TYTO_SNAPSHOTS_DEFAULT_WIDTH;
    ret_config->snapshots.quality = TYTO_SNAPSHOTS_DEFAULT_QUALITY;
    ret_config->snapshots.draws_box = true;
    ret_config->snapshots.store.max_bytes = TYTO_SNAPSHOTS_DEFAULT_MAX_BYTES;
    ret_config->snapshots.store.min_free_bytes = TYTO_CLIP_STORE_DEFAULT_MIN_FREE_BYTES;
    ret_config->log_level = TYTO_LOG_INFO;
    ret_config->summary_every_ns = DEFAULT_SUMMARY_NS;
    return tyto_option_set(&tyto_config_groups[TYTO_CONFIG_PUBLISH].rows[0], &ret_config->endpoints,
                           TYTO_DEFAULT_ENDPOINT, NULL);
}

enum tyto_err tyto_config_create(struct tyto_config **ret_config)
{
    struct tyto_config *config = calloc(1, sizeof(*config));
    if (!config)
        return TYTO_ERR_NOMEM;
    const enum tyto_err err = tyto_config_init(config);
    if (err)
        tyto_config_destroy(&config);
    else
        *ret_config = config;
    return err;
}

static void finish_quiet(struct tyto_config_quiet *quiet)
{
    for (uint32_t i = 0; i < quiet->num; i++)
        tyto_quiet_finish(&quiet->items[i]);
    free(quiet->items);
    *quiet = (struct tyto_config_quiet){0};
}

void tyto_config_camera_finish(struct tyto_config_camera *camera)
{
    free(camera->rules.items);
    tyto_zones_finish(&camera->zones);
    finish_quiet(&camera->quiet);
}

void tyto_config_destroy(struct tyto_config **config)
{
    if (!config || !*config)
        return;
    tyto_options_finish(tyto_config_groups, TYTO_CONFIG_NUM_GROUPS, *config);
    for (uint32_t i = 0; i < (*config)->num_cameras; i++)
        tyto_config_camera_finish(&(*config)->cameras[i]);
    finish_quiet(&(*config)->quiet);
    free((*config)->cameras);
    free((*config)->rules.items);
    free(*config);
    *config = NULL;
}

void tyto_config_camera_init(struct tyto_config_camera *ret_camera)
{
    memset(ret_camera, 0, sizeof(*ret_camera));
    ret_camera->source.latency_ms = TYTO_SOURCE_DEFAULT_LATENCY_MS;
    ret_camera->audio = true;
    ret_camera->video = true;
    ret_camera->lateness_ns = TYTO_SEGMENTER_DEFAULT_LATENESS_NS;
    ret_camera->stall_ns = (int64_t)TYTO_CAMERA_DEFAULT_STALL_NS;
}

struct tyto_config_camera *tyto_config_new_camera(struct tyto_config *config)
{
    const size_t num = (size_t)config->num_cameras + 1;
    struct tyto_config_camera *grown = realloc(config->cameras, num * sizeof(*grown));
    if (!grown)
        return NULL;
    config->cameras = grown;
    struct tyto_config_camera *camera = &grown[config->num_cameras++];
    tyto_config_camera_init(camera);
    return camera;
}
