/* SPDX-License-Identifier: MIT */
/* Everyone who has a page open, and what is sent to them as it happens (server-sent events). What
 * each second brings (scores, pictures) goes to those alone whose page shows it. A viewer that does
 * not read is let go. One thread. */
#ifndef TYTO_WEB_STREAM_H
#define TYTO_WEB_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "files/json.h"
#include "web/http.h"

enum { TYTO_STREAM_MAX_VIEWERS = 64, TYTO_STREAM_MAX_WAITING = 1 << 20 /* bytes of a viewer */ };

struct tyto_stream;

/* on_watched is called in a turn of the main loop of its own: the first viewer whose page shows
 * what each second brings has come, the last such one is gone. */
struct tyto_stream *tyto_stream_new(void (*on_watched)(void *user, bool is_watched), void *user);
void tyto_stream_free(struct tyto_stream *stream);
/* The answer to msg is the stream; an error where there are too many viewers. wants_seconds: with
 * what each second brings. */
void tyto_stream_join(struct tyto_stream *stream, SoupServerMessage *msg, uint64_t session_id,
                      bool wants_seconds);
/* Lets go who has joined in that session, which is not 0. */
void tyto_stream_drop(struct tyto_stream *stream, uint64_t session_id);
/* To all. json is *taken*; name is what the page listens for. */
void tyto_stream_send(struct tyto_stream *stream, const char *name, struct tyto_json *json);
/* The same to those who want what each second brings. */
void tyto_stream_send_second(struct tyto_stream *stream, const char *name, struct tyto_json *json);
uint32_t tyto_stream_num_viewers(const struct tyto_stream *stream);

#endif
