/* SPDX-License-Identifier: MIT */
/* Shared by event_pack.c and event_unpack.c only: what makes a message sound. */
#ifndef TYTO_PROTO_EVENT_WIRE_H
#define TYTO_PROTO_EVENT_WIRE_H

#include "proto/event.h"

/* True when every field of the body is within its limits: strings terminated,
 * ids well formed, numbers finite, counts within their arrays. */
bool tyto_envelope_is_sound(const struct tyto_envelope *envelope);
bool tyto_hello_is_sound(const struct tyto_hello *hello);

#endif
