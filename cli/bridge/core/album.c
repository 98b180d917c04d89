/* SPDX-License-Identifier: MIT */
#include "cli/bridge/core/album.h"

#include <stdlib.h>
#include <string.h>

#include "files/digest.h"

struct entry {
    struct tyto_event_picture picture;
    uint8_t *jpeg; /* owned */
    bool is_taken;
};

/* From the oldest to the newest. */
struct tyto_album {
    struct entry entries[TYTO_ALBUM_MAX_PICTURES];
    uint32_t num;
    uint64_t num_bytes;
};

enum tyto_err tyto_album_create(struct tyto_album **ret_album)
{
    *ret_album = calloc(1, sizeof(**ret_album));
    return *ret_album ? TYTO_OK : TYTO_ERR_NOMEM;
}

void tyto_album_destroy(struct tyto_album **album)
{
    if (!*album)
        return;
    for (uint32_t i = 0; i < (*album)->num; i++)
        free((*album)->entries[i].jpeg);
    free(*album);
    *album = NULL;
}

static void remove_at(struct tyto_album *album, uint32_t idx)
{
    album->num_bytes -= album->entries[idx].picture.about.num_bytes;
    free(album->entries[idx].jpeg);
    album->num--;
    memmove(&album->entries[idx], &album->entries[idx + 1],
            (album->num - idx) * sizeof(album->entries[0]));
}

void tyto_album_drop(struct tyto_album *album, const char *event_id)
{
    for (uint32_t i = album->num; i-- > 0;) {
        if (strcmp(album->entries[i].picture.about.event_id, event_id) == 0)
            remove_at(album, i);
    }
}

enum tyto_err tyto_album_add(struct tyto_album *album, const struct tyto_event_picture *picture)
{
    const uint32_t num_bytes = picture->about.num_bytes;
    uint8_t digest[TYTO_DIGEST_BYTES];
    tyto_digest_bytes(picture->jpeg, num_bytes, digest);
    if (memcmp(digest, picture->about.sha256, sizeof(digest)) != 0)
        return TYTO_OK;
    uint8_t *jpeg = malloc(num_bytes);
    if (!jpeg)
        return TYTO_ERR_NOMEM;
    memcpy(jpeg, picture->jpeg, num_bytes);
    tyto_album_drop(album, picture->about.event_id);
    while (album->num > 0 && (album->num == TYTO_ALBUM_MAX_PICTURES ||
                              album->num_bytes + num_bytes > TYTO_ALBUM_MAX_BYTES))
        remove_at(album, 0);
    struct entry *entry = &album->entries[album->num++];
    *entry = (struct entry){.picture = {picture->about, jpeg}, .jpeg = jpeg};
    album->num_bytes += num_bytes;
    return TYTO_OK;
}

const struct tyto_event_picture *tyto_album_of(const struct tyto_album *album, const char *event_id)
{
    for (uint32_t i = 0; i < album->num; i++) {
        if (strcmp(album->entries[i].picture.about.event_id, event_id) == 0)
            return &album->entries[i].picture;
    }
    return NULL;
}

static bool is_of_camera(const struct entry *entry, const char *camera)
{
    return strcmp(entry->picture.about.camera, camera) == 0;
}

const struct tyto_event_picture *tyto_album_take(struct tyto_album *album)
{
    for (uint32_t i = album->num; i-- > 0;) {
        struct entry *found = &album->entries[i];
        if (found->is_taken)
            continue;
        for (uint32_t k = 0; k <= i; k++)
            album->entries[k].is_taken |=
                is_of_camera(&album->entries[k], found->picture.about.camera);
        return &found->picture;
    }
    return NULL;
}

static bool is_newest(const struct tyto_album *album, uint32_t idx)
{
    for (uint32_t i = idx + 1; i < album->num; i++) {
        if (is_of_camera(&album->entries[i], album->entries[idx].picture.about.camera))
            return false;
    }
    return true;
}

void tyto_album_return(struct tyto_album *album)
{
    for (uint32_t i = 0; i < album->num; i++)
        album->entries[i].is_taken = !is_newest(album, i);
}
