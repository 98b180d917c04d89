/* SPDX-License-Identifier: MIT */
/* The newest pictures of events, for those who hand them on: bounded in number and bytes, the
 * oldest go first. An event has one, its latest. One thread. */
#ifndef TYTO_CLI_BRIDGE_CORE_ALBUM_H
#define TYTO_CLI_BRIDGE_CORE_ALBUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "client/pictures.h"

enum { TYTO_ALBUM_MAX_PICTURES = 64, TYTO_ALBUM_MAX_BYTES = 8 << 20 };

struct tyto_album;

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_album_create(struct tyto_album **ret_album);
void tyto_album_destroy(struct tyto_album **album);

/* Copies it; what is not what its SHA-256 says is left out. NOMEM: it is left out. */
TYTO_MUST_CHECK
enum tyto_err tyto_album_add(struct tyto_album *album, const struct tyto_event_picture *picture);
/* The event's; NULL: there is none. Borrowed until the next picture is added. */
const struct tyto_event_picture *tyto_album_of(const struct tyto_album *album,
                                               const char *event_id);
/* The newest of a camera that nobody has taken yet, and takes it with all of that camera that are
 * older; NULL: there is none. Borrowed as above. */
const struct tyto_event_picture *tyto_album_take(struct tyto_album *album);
/* The newest of each camera counts as not taken. */
void tyto_album_return(struct tyto_album *album);
/* The event's is gone, if there was one. */
void tyto_album_drop(struct tyto_album *album, const char *event_id);

#endif
