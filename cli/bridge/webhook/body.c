/* SPDX-License-Identifier: MIT */
#include "cli/bridge/webhook/body.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bridge/core/letter.h"
#include "cli/event/json.h"
#include "files/digest.h"
#include "files/json.h"

enum { SENTENCE_BYTES = 320 };

void tyto_webhook_title(const struct tyto_event *event, char ret_text[TYTO_TITLE_BYTES])
{
    snprintf(ret_text, TYTO_TITLE_BYTES, "%s at %s", event->class_name, event->camera);
}

static const char *how(enum tyto_modality modality)
{
    switch (modality) {
    case TYTO_MODALITY_AV:
        return "heard and seen";
    case TYTO_MODALITY_A:
        return "heard";
    case TYTO_MODALITY_V:
        return "seen";
    }
    return "noticed";
}

/* "heard and seen at 2026-01-31T12:00:00.000Z, score 0.93". */
static void put_sentence(const struct tyto_event *event, char ret_text[SENTENCE_BYTES])
{
    char utc[48] = "", when[56] = "";
    if (event->begin_unix_ns) {
        tyto_utc_text(event->begin_unix_ns, utc, sizeof(utc));
        snprintf(when, sizeof(when), " at %s", utc);
    }
    const double lasted_s = (double)(event->end_media_ns - event->begin_media_ns) / 1e9;
    if (event->phase == TYTO_EVENT_PHASE_RETRACTED)
        snprintf(ret_text, SENTENCE_BYTES, "taken back: what was %s%s", how(event->modality), when);
    else if (event->phase == TYTO_EVENT_PHASE_END)
        snprintf(ret_text, SENTENCE_BYTES, "over after %.1f s: %s%s, score %.2f", lasted_s,
                 how(event->modality), when, (double)event->scores.joint);
    else
        snprintf(ret_text, SENTENCE_BYTES, "%s%s, score %.2f", how(event->modality), when,
                 (double)event->scores.joint);
}

/* Names hold no character that Slack reads as more than text: a-z 0-9 _ and -. */
static char *make_slack(const struct tyto_event *event)
{
    char title[TYTO_TITLE_BYTES], sentence[SENTENCE_BYTES],
        text[TYTO_TITLE_BYTES + SENTENCE_BYTES + 8];
    tyto_webhook_title(event, title);
    put_sentence(event, sentence);
    snprintf(text, sizeof(text), "*%s*: %s", title, sentence);
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_put(&json, "text", tyto_json_new_string(text));
    char *body = json ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    return body;
}

char *tyto_webhook_body(enum tyto_template template, const struct tyto_message *message)
{
    char sentence[SENTENCE_BYTES];
    switch (template) {
    case TYTO_TEMPLATE_NTFY:
        put_sentence(&message->u.event, sentence);
        return strdup(sentence);
    case TYTO_TEMPLATE_SLACK:
        return make_slack(&message->u.event);
    case TYTO_TEMPLATE_JSON:
        break;
    }
    return tyto_bridge_letter_text(message);
}

const char *tyto_webhook_content_type(enum tyto_template template)
{
    return template == TYTO_TEMPLATE_NTFY ? "text/plain; charset=utf-8" : "application/json";
}

void tyto_webhook_sign(const char *secret, int64_t unix_s, const char *body,
                       char ret_text[TYTO_SIGNATURE_BYTES])
{
    char time[24], hex[TYTO_DIGEST_HEX_BYTES];
    snprintf(time, sizeof(time), "%" PRId64, unix_s);
    const struct tyto_digest_part parts[] = {{time, strlen(time)}, {".", 1}, {body, strlen(body)}};
    tyto_digest_hmac_hex(secret, strlen(secret), parts, 3, hex);
    snprintf(ret_text, TYTO_SIGNATURE_BYTES, "t=%s,v1=%s", time, hex);
}
