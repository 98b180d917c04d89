/* SPDX-License-Identifier: MIT */
/* What is posted about an event, by who is to understand it. */
#ifndef TYTO_CLI_BRIDGE_WEBHOOK_BODY_H
#define TYTO_CLI_BRIDGE_WEBHOOK_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/words.h"
#include "client/tyto.h"

#define TYTO_TEMPLATE_LIST(X)                                                                      \
    X(TYTO_TEMPLATE_JSON, "json", "the event, as `tyto watch --json` prints it")                   \
    X(TYTO_TEMPLATE_NTFY, "ntfy", "a notification for an ntfy topic")                              \
    X(TYTO_TEMPLATE_SLACK, "slack", "a message for a Slack incoming webhook")
enum tyto_template { TYTO_TEMPLATE_LIST(TYTO_WORD_ENUM) };

enum { TYTO_SIGNATURE_BYTES = 96, TYTO_TITLE_BYTES = 160 };

/* The body for an EVENT; owned, free(). NULL when out of memory. */
char *tyto_webhook_body(enum tyto_template template, const struct tyto_message *message);
const char *tyto_webhook_content_type(enum tyto_template template);
/* "dog at front-door". */
void tyto_webhook_title(const struct tyto_event *event, char ret_text[TYTO_TITLE_BYTES]);
/* "t=SECONDS,v1=HEX": the HMAC-SHA256 by secret over "SECONDS.BODY". */
void tyto_webhook_sign(const char *secret, int64_t unix_s, const char *body,
                       char ret_text[TYTO_SIGNATURE_BYTES]);

#endif
