/* SPDX-License-Identifier: MIT */
/* What is posted about an event, by who is to understand it. */
#ifndef TYTO_CLI_BRIDGE_WEBHOOK_BODY_H
#define TYTO_CLI_BRIDGE_WEBHOOK_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/words.h"
#include "cli/bridge/webhook/picture.h"
#include "client/tyto.h"

#define TYTO_TEMPLATE_LIST(X)                                                                      \
    X(TYTO_TEMPLATE_JSON, "json", "the event, as `tyto watch --json` prints it")                   \
    X(TYTO_TEMPLATE_NTFY, "ntfy", "a notification for an ntfy topic")                              \
    X(TYTO_TEMPLATE_SLACK, "slack", "a message for a Slack incoming webhook")
enum tyto_template { TYTO_TEMPLATE_LIST(TYTO_WORD_ENUM) };

enum { TYTO_SIGNATURE_BYTES = 96, TYTO_TITLE_BYTES = 160, TYTO_SENTENCE_BYTES = 320 };

struct tyto_webhook_body {
    char *bytes; /* owned, free() */
    size_t num_bytes;
    const char *content_type; /* static */
};

/* What is posted about an EVENT and its picture: with ntfy a picture that is attached is the body,
 * and the sentence goes into a header; with json it is a data: URL, "picture". NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_webhook_body_make(enum tyto_template template,
                                     const struct tyto_message *message,
                                     const struct tyto_webhook_picture *picture,
                                     struct tyto_webhook_body *ret_body);
/* "dog at front-door". */
void tyto_webhook_title(const struct tyto_event *event, char ret_text[TYTO_TITLE_BYTES]);
/* "heard and seen at 2026-01-31T12:00:00.000Z, score 0.93". */
void tyto_webhook_sentence(const struct tyto_event *event, char ret_text[TYTO_SENTENCE_BYTES]);
/* "t=SECONDS,v1=HEX": the HMAC-SHA256 by secret over "SECONDS.BODY". */
void tyto_webhook_sign(const char *secret, int64_t unix_s, const void *body, size_t num_bytes,
                       char ret_text[TYTO_SIGNATURE_BYTES]);

#endif
