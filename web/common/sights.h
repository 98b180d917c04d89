/* SPDX-License-Identifier: MIT */
/* What cameras see now: the newest small picture of each, where tytod sends them (snapshots.send),
 * while somebody wants to see them. One thread, on its main loop. */
#ifndef TYTO_WEB_COMMON_SIGHTS_H
#define TYTO_WEB_COMMON_SIGHTS_H

#include <stdbool.h>

typedef struct _GBytes GBytes; /* of glib.h, which the sources include */

struct tyto_sights_params {
    const char *endpoint;         /* NULL: libtyto's default */
    const char *server_key, *key; /* NULL: none */
    /* A camera has a newer one. */
    void (*on_sight)(void *user, const char *camera);
    void *user;
};

struct tyto_sights;

/* params' texts are borrowed for good. */
struct tyto_sights *tyto_sights_new(const struct tyto_sights_params *params);
void tyto_sights_free(struct tyto_sights *sights);
/* false: nothing is listened to any more, and all are forgotten. */
void tyto_sights_want(struct tyto_sights *sights, bool wants);
/* A JPEG, referred to; NULL: there is none. */
GBytes *tyto_sights_get(const struct tyto_sights *sights, const char *camera);

#endif
