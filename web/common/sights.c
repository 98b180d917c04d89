/* SPDX-License-Identifier: MIT */
#include "web/common/sights.h"

#include <glib.h>

#include "client/pictures.h"

enum {
    LOOK_MS = 200,
    MAX_AT_ONCE = 64,  /* pictures before others of the main loop have their turn */
    MAX_CAMERAS = 256, /* of 256 KiB each */
};

struct tyto_sights {
    struct tyto_sights_params params;
    struct tyto_pictures *pictures; /* NULL: nobody wants them, or they cannot be listened to */
    guint timer;                    /* source; 0: none */
    GHashTable *by_camera;          /* owned id -> GBytes */
};

struct tyto_sights *tyto_sights_new(const struct tyto_sights_params *params)
{
    struct tyto_sights *sights = g_new0(struct tyto_sights, 1);
    sights->params = *params;
    sights->by_camera =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    return sights;
}

void tyto_sights_free(struct tyto_sights *sights)
{
    if (!sights)
        return;
    tyto_sights_want(sights, false);
    g_hash_table_destroy(sights->by_camera);
    g_free(sights);
}

static gboolean look(gpointer user)
{
    struct tyto_sights *sights = user;
    const struct tyto_event_picture *picture = NULL;
    for (int i = 0; i < MAX_AT_ONCE && tyto_pictures_next(sights->pictures, 0, &picture) == TYTO_OK;
         i++) {
        const char *camera = picture->about.camera;
        if (picture->about.event_id[0] || (g_hash_table_size(sights->by_camera) >= MAX_CAMERAS &&
                                           !g_hash_table_contains(sights->by_camera, camera)))
            continue;
        (void)g_hash_table_replace(sights->by_camera, g_strdup(camera),
                                   g_bytes_new(picture->jpeg, picture->about.num_bytes));
        sights->params.on_sight(sights->params.user, camera);
    }
    return G_SOURCE_CONTINUE;
}

void tyto_sights_want(struct tyto_sights *sights, bool wants)
{
    const struct tyto_pictures_params params = {.endpoint = sights->params.endpoint,
                                                .server_key = sights->params.server_key,
                                                .secret_key = sights->params.key,
                                                .live = true};
    /* Without them the page has no pictures, no more. */
    if (wants && !sights->pictures && tyto_pictures_open(&params, &sights->pictures) == TYTO_OK)
        sights->timer = g_timeout_add(LOOK_MS, look, sights);
    if (wants || !sights->pictures)
        return;
    g_source_remove(sights->timer);
    tyto_pictures_close(&sights->pictures);
    g_hash_table_remove_all(sights->by_camera);
}

GBytes *tyto_sights_get(const struct tyto_sights *sights, const char *camera)
{
    GBytes *bytes = g_hash_table_lookup(sights->by_camera, camera);
    return bytes ? g_bytes_ref(bytes) : NULL;
}
