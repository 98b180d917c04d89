/* SPDX-License-Identifier: MIT */
#include "cli/bridge/mqtt/pictures.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cli/bridge/core/album.h"

enum { MAX_FAILS = 2, LEFT_OUT_S = 600 };

struct tyto_mqtt_pictures {
    uint32_t max_bytes;
    const struct tyto_log *log;
    struct tyto_album *album;
    /* Of the one that is on its way: how large, and the message behind it. */
    uint32_t num_bytes;
    int mid; /* 0: none is */
    /* At how many, one after the other, the connection broke; which are left out until when. */
    uint32_t num_fails, least_failed_bytes;
    uint64_t left_out_until_ns; /* 0: none are */
};

enum tyto_err tyto_mqtt_pictures_create(uint32_t max_bytes, const struct tyto_log *log,
                                        struct tyto_mqtt_pictures **ret_pictures)
{
    struct tyto_mqtt_pictures *pictures = calloc(1, sizeof(*pictures));
    if (pictures && tyto_album_create(&pictures->album)) {
        free(pictures);
        pictures = NULL;
    }
    *ret_pictures = pictures;
    if (!pictures)
        return TYTO_ERR_NOMEM;
    pictures->max_bytes = max_bytes;
    pictures->log = log;
    return TYTO_OK;
}

void tyto_mqtt_pictures_destroy(struct tyto_mqtt_pictures **pictures)
{
    if (!*pictures)
        return;
    tyto_album_destroy(&(*pictures)->album);
    free(*pictures);
    *pictures = NULL;
}

bool tyto_mqtt_pictures_add(struct tyto_mqtt_pictures *pictures,
                            const struct tyto_event_picture *picture)
{
    return picture->about.num_bytes <= pictures->max_bytes &&
           tyto_album_add(pictures->album, picture) == TYTO_OK;
}

static bool is_left_out(struct tyto_mqtt_pictures *pictures,
                        const struct tyto_event_picture *picture)
{
    if (pictures->left_out_until_ns && tyto_clock_mono_ns() > pictures->left_out_until_ns)
        pictures->left_out_until_ns = 0;
    return pictures->left_out_until_ns && picture->about.num_bytes >= pictures->least_failed_bytes;
}

const struct tyto_event_picture *tyto_mqtt_pictures_next(struct tyto_mqtt_pictures *pictures)
{
    const struct tyto_event_picture *picture = NULL;
    while (pictures->mid == 0 && (picture = tyto_album_take(pictures->album)) != NULL) {
        if (!is_left_out(pictures, picture))
            return picture;
    }
    return NULL;
}

void tyto_mqtt_pictures_sent(struct tyto_mqtt_pictures *pictures,
                             const struct tyto_event_picture *picture, int mid)
{
    pictures->num_bytes = picture->about.num_bytes;
    pictures->mid = mid;
}

void tyto_mqtt_pictures_acked(struct tyto_mqtt_pictures *pictures, int mid)
{
    if (mid != pictures->mid)
        return;
    pictures->mid = 0;
    pictures->num_fails = 0;
}

void tyto_mqtt_pictures_broke(struct tyto_mqtt_pictures *pictures)
{
    if (pictures->mid == 0)
        return;
    pictures->mid = 0;
    if (pictures->num_fails++ == 0 || pictures->num_bytes < pictures->least_failed_bytes)
        pictures->least_failed_bytes = pictures->num_bytes;
    if (pictures->num_fails < MAX_FAILS)
        return;
    tyto_log_write(pictures->log, TYTO_LOG_WARNING, "mqtt",
                   "the connection broke at pictures %u times: those of %u bytes and more are left "
                   "out for %d minutes; does the broker take such messages? (--max-picture-kib)",
                   pictures->num_fails, pictures->least_failed_bytes, LEFT_OUT_S / 60);
    pictures->left_out_until_ns = tyto_clock_mono_ns() + LEFT_OUT_S * TYTO_NS_PER_S;
    pictures->num_fails = 0;
}

void tyto_mqtt_pictures_connected(struct tyto_mqtt_pictures *pictures)
{
    tyto_album_return(pictures->album);
}
