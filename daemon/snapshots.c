/* SPDX-License-Identifier: MIT */
#include "daemon/snapshots.h"

#include <inttypes.h>
#include <stdlib.h>

struct tyto_picturing {
    const struct tyto_log *log;
    struct tyto_publisher *publisher;
    struct tyto_snapshots *snapshots;
    bool was_failing, is_withholding_told; /* main thread's */
    uint64_t num_dropped;
};

static bool is_wanted(void *user)
{
    const struct tyto_picturing *picturing = user;
    return tyto_publisher_wants_thumbnails(picturing->publisher);
}

static bool is_live_wanted(void *user)
{
    const struct tyto_picturing *picturing = user;
    return tyto_publisher_wants_live(picturing->publisher);
}

static void on_thumbnail(void *user, const struct tyto_thumbnail *thumbnail, uint8_t *bytes)
{
    struct tyto_picturing *picturing = user;
    tyto_publisher_thumbnail(picturing->publisher, thumbnail, bytes);
}

static struct tyto_snapshots_params params_of(struct tyto_picturing *picturing,
                                              const struct tyto_config *config)
{
    return (struct tyto_snapshots_params){
        .store = tyto_config_store_params(&config->snapshots.store),
        .sends = config->snapshots.sends,
        .width = config->snapshots.width,
        .quality = config->snapshots.quality,
        .draws_box = config->snapshots.draws_box,
        .hides_people = config->snapshots.blur != TYTO_CONFIG_BLUR_NONE,
        .is_wanted = is_wanted,
        .is_live_wanted = is_live_wanted,
        .on_thumbnail = on_thumbnail,
        .user = picturing,
    };
}

static void tell(const struct tyto_picturing *picturing, const struct tyto_config *config)
{
    const bool is_on = config->snapshots.store.dir[0] || config->snapshots.sends;
    if (is_on && !tyto_snapshots_can_code())
        tyto_log_write(picturing->log, TYTO_LOG_WARNING, "snapshot",
                       "no pictures are made: this tytod was built without libjpeg");
    else if (is_on)
        tyto_log_write(picturing->log, TYTO_LOG_INFO, "snapshot",
                       "events have pictures%s%s, people in them %s",
                       config->snapshots.store.dir[0] ? " in " : "", config->snapshots.store.dir,
                       config->snapshots.blur != TYTO_CONFIG_BLUR_NONE
                           ? "made unrecognizable where they are found"
                           : "as they are");
}

enum tyto_err tyto_picturing_create(const struct tyto_config *config, const struct tyto_log *log,
                                    struct tyto_publisher *publisher,
                                    struct tyto_picturing **ret_picturing,
                                    struct tyto_fault *ret_fault)
{
    struct tyto_picturing *picturing = calloc(1, sizeof(*picturing));
    if (!picturing)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    picturing->log = log;
    picturing->publisher = publisher;
    const struct tyto_snapshots_params params = params_of(picturing, config);
    const enum tyto_err err = tyto_snapshots_create(&params, &picturing->snapshots);
    if (err) {
        free(picturing);
        return tyto_fault_set(ret_fault, err, config->file, 0, "snapshots",
                              "pictures cannot be made: %s", tyto_err_text(err));
    }
    tell(picturing, config);
    *ret_picturing = picturing;
    return TYTO_OK;
}

bool tyto_picturing_destroy(struct tyto_picturing **picturing)
{
    if (!picturing || !*picturing)
        return true;
    const bool is_over = tyto_snapshots_destroy(&(*picturing)->snapshots);
    if (is_over)
        free(*picturing);
    *picturing = NULL; /* else the thread that is left behind goes on using it */
    return is_over;
}

uint64_t tyto_picturing_num_turns(const struct tyto_picturing *picturing)
{
    return tyto_snapshots_num_turns(picturing->snapshots);
}

void tyto_picturing_change(struct tyto_picturing *picturing, const struct tyto_config *config)
{
    const struct tyto_snapshots_params params = params_of(picturing, config);
    const enum tyto_err err = tyto_snapshots_change(picturing->snapshots, &params);
    if (err)
        tyto_log_write(picturing->log, TYTO_LOG_WARNING, "snapshot",
                       "pictures are made as before: %s", tyto_err_text(err));
    else
        tell(picturing, config);
}

void tyto_picturing_segment(struct tyto_picturing *picturing,
                            const struct tyto_segment_result *result)
{
    const struct tyto_snapshot_segment segment = {
        .camera = result->camera,
        .picture = result->picture,
        .unix_offset_ns = result->unix_offset_ns,
        .evidence = &result->evidence,
        .num_classes = result->num_classes,
        .class_names = result->class_names,
        .detector = result->detector,
        .is_looked_at = result->is_looked_at,
        .num_found = result->num_found,
        .found = result->found,
        .masks = result->masks,
        .num_masks = result->num_masks,
    };
    tyto_snapshots_segment(picturing->snapshots, &segment);
}

void tyto_picturing_event(struct tyto_picturing *picturing, struct tyto_event *event)
{
    tyto_snapshots_event(picturing->snapshots, event);
}

void tyto_picturing_tick(struct tyto_picturing *picturing, struct tyto_engine *engine)
{
    struct tyto_snapshots_status status;
    tyto_engine_keep_pictures(engine, tyto_snapshots_can_code() &&
                                          tyto_snapshots_are_wanted(picturing->snapshots));
    tyto_snapshots_get_status(picturing->snapshots, &status);
    if (status.is_failing && !picturing->was_failing)
        tyto_log_write(picturing->log, TYTO_LOG_WARNING, "snapshot",
                       "%s; pictures are not kept, tried again", status.text);
    if (!status.is_failing && picturing->was_failing)
        tyto_log_write(picturing->log, TYTO_LOG_INFO, "snapshot", "pictures are kept again");
    if (status.num_withheld > 0 && !picturing->is_withholding_told)
        tyto_log_write(picturing->log, TYTO_LOG_WARNING, "snapshot",
                       "no picture is made: no detector of people has looked at it, so that nobody "
                       "in it could be hidden (snapshots.blur: none makes one nevertheless)");
    if (status.num_dropped > picturing->num_dropped)
        tyto_log_write(picturing->log, TYTO_LOG_DEBUG, "snapshot",
                       "%" PRIu64
                       " pictures were dropped: they are made more slowly than asked for",
                       status.num_dropped);
    picturing->was_failing = status.is_failing;
    picturing->is_withholding_told |= status.num_withheld > 0;
    picturing->num_dropped = status.num_dropped;
}

void tyto_picturing_get_status(const struct tyto_picturing *picturing,
                               struct tyto_snapshots_status *ret_status)
{
    tyto_snapshots_get_status(picturing->snapshots, ret_status);
}
