/* SPDX-License-Identifier: MIT */
/* The picture that goes with a posted event: which, for how long it is waited for, and the address
 * at which others find it. One thread. */
#ifndef TYTO_CLI_BRIDGE_WEBHOOK_PICTURE_H
#define TYTO_CLI_BRIDGE_WEBHOOK_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/words.h"
#include "client/pictures.h"
#include "client/tyto.h"

#define TYTO_PICTURES_LIST(X)                                                                      \
    X(TYTO_PICTURES_NONE, "none", NULL)                                                            \
    X(TYTO_PICTURES_ATTACH, "attach", "in the message itself: ntfy, json")                         \
    X(TYTO_PICTURES_LINK, "link", "as an address below --picture-base: slack shows it")
enum tyto_pictures_mode { TYTO_PICTURES_LIST(TYTO_WORD_ENUM) };

enum { TYTO_PICTURE_URL_BYTES = 1024 };

/* What goes with a message; all zeroes: nothing. */
struct tyto_webhook_picture {
    const struct tyto_event_picture *attached; /* borrowed; NULL: none */
    char url[TYTO_PICTURE_URL_BYTES];          /* "": none */
};

struct tyto_webhook_album;

/* NONE gives NULL, which all below take. base: the address of the folder that tytod keeps pictures
 * in, with LINK; copied. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_webhook_album_create(enum tyto_pictures_mode mode, const char *base,
                                        uint32_t wait_ms, struct tyto_webhook_album **ret_album);
void tyto_webhook_album_destroy(struct tyto_webhook_album **album);
/* Copies it; without memory it is left out. */
void tyto_webhook_album_add(struct tyto_webhook_album *album,
                            const struct tyto_event_picture *picture);
/* What goes with a message about an event. False: a picture of it may come yet; that is so for
 * wait_ms after the message was told. */
bool tyto_webhook_album_find(const struct tyto_webhook_album *album,
                             const struct tyto_message *message,
                             struct tyto_webhook_picture *ret_picture);

#endif
