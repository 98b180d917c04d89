/* SPDX-License-Identifier: MIT */
/* A message as the JSON that bridges deliver: what `tyto watch --json` prints. */
#ifndef TYTO_CLI_BRIDGE_CORE_LETTER_H
#define TYTO_CLI_BRIDGE_CORE_LETTER_H

#include "client/tyto.h"
#include "files/json.h"

/* Of an EVENT or CAMERA_STATE; owned. NULL when out of memory, and for other kinds. */
struct tyto_json *tyto_bridge_letter(const struct tyto_message *message);
/* The same as text; owned, free(). */
char *tyto_bridge_letter_text(const struct tyto_message *message);
/* Of which event a picture is; owned, free(). NULL when out of memory. */
char *tyto_bridge_picture_text(const struct tyto_thumbnail *about);

#endif
