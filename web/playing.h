/* SPDX-License-Identifier: MIT */
/* Recordings as a browser plays them (media/remux.h), made on the way out: each on a thread of its
 * own, two at once, and kept for a while as files without a name, so that a player may ask for any
 * range of them. What nobody waits for any more is given up. */
#ifndef TYTO_WEB_PLAYING_H
#define TYTO_WEB_PLAYING_H

#include "web/request.h"

struct tyto_playing;

struct tyto_playing *tyto_playing_new(void);
/* Gives up what goes on; nobody is answered any more. */
void tyto_playing_free(struct tyto_playing *playing);

/* What is in the recording clip ("CAMERA/NAME.mkv"), as JSON. */
void tyto_playing_tell(const struct tyto_web_request *request, const char *clip);
/* The bytes, whole or in ranges. */
void tyto_playing_play(const struct tyto_web_request *request, const char *clip);

#endif
