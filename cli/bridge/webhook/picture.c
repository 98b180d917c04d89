/* SPDX-License-Identifier: MIT */
#include "cli/bridge/webhook/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bridge/core/album.h"
#include "proto/file_name.h"

struct tyto_webhook_album {
    enum tyto_pictures_mode mode;
    uint32_t wait_ms;
    char *base; /* owned, without / at its end; NULL with ATTACH */
    struct tyto_album *album;
};

enum tyto_err tyto_webhook_album_create(enum tyto_pictures_mode mode, const char *base,
                                        uint32_t wait_ms, struct tyto_webhook_album **ret_album)
{
    *ret_album = NULL;
    if (mode == TYTO_PICTURES_NONE)
        return TYTO_OK;
    struct tyto_webhook_album *album = calloc(1, sizeof(*album));
    if (!album)
        return TYTO_ERR_NOMEM;
    album->mode = mode;
    album->wait_ms = wait_ms;
    enum tyto_err err = tyto_album_create(&album->album);
    if (!err && base && !(album->base = strdup(base)))
        err = TYTO_ERR_NOMEM;
    for (size_t num = album->base ? strlen(album->base) : 0; num > 0 && album->base[num - 1] == '/';
         num--)
        album->base[num - 1] = '\0';
    *ret_album = album;
    if (err)
        tyto_webhook_album_destroy(ret_album);
    return err;
}

void tyto_webhook_album_destroy(struct tyto_webhook_album **album)
{
    if (!*album)
        return;
    tyto_album_destroy(&(*album)->album);
    free((*album)->base);
    free(*album);
    *album = NULL;
}

void tyto_webhook_album_add(struct tyto_webhook_album *album,
                            const struct tyto_event_picture *picture)
{
    if (album && tyto_album_add(album->album, picture))
        tyto_album_drop(album->album, picture->about.event_id);
}

/* As tytod names the file. */
static void put_url(const struct tyto_webhook_album *album, const struct tyto_event *event,
                    char ret_url[TYTO_PICTURE_URL_BYTES])
{
    char name[TYTO_FILE_NAME_MAX];
    tyto_file_name(name, event->begin_unix_ns, event->class_name, event->id);
    const int num =
        snprintf(ret_url, TYTO_PICTURE_URL_BYTES, "%s/%s/%s.jpg", album->base, event->camera, name);
    if (num >= TYTO_PICTURE_URL_BYTES)
        ret_url[0] = '\0';
}

bool tyto_webhook_album_find(const struct tyto_webhook_album *album,
                             const struct tyto_message *message,
                             struct tyto_webhook_picture *ret_picture)
{
    const struct tyto_event *event = &message->u.event;
    *ret_picture = (struct tyto_webhook_picture){.attached = NULL};
    if (!album || event->phase == TYTO_EVENT_PHASE_RETRACTED)
        return true;
    const struct tyto_event_picture *picture = tyto_album_of(album->album, event->id);
    if (album->mode == TYTO_PICTURES_LINK && (picture || event->snapshot_uri[0]))
        put_url(album, event, ret_picture->url);
    else if (picture)
        ret_picture->attached = picture;
    else
        return (int64_t)tyto_clock_unix_ns() - message->publish_unix_ns >
               (int64_t)(album->wait_ms * TYTO_NS_PER_MS);
    return true;
}
