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
#include "files/page.h"

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

void tyto_webhook_sentence(const struct tyto_event *event, char ret_text[TYTO_SENTENCE_BYTES])
{
    char utc[48] = "", when[56] = "";
    if (event->begin_unix_ns) {
        tyto_utc_text(event->begin_unix_ns, utc, sizeof(utc));
        snprintf(when, sizeof(when), " at %s", utc);
    }
    const double lasted_s = (double)(event->end_media_ns - event->begin_media_ns) / 1e9;
    if (event->phase == TYTO_EVENT_PHASE_RETRACTED)
        snprintf(ret_text, TYTO_SENTENCE_BYTES, "taken back: what was %s%s", how(event->modality),
                 when);
    else if (event->phase == TYTO_EVENT_PHASE_END)
        snprintf(ret_text, TYTO_SENTENCE_BYTES, "over after %.1f s: %s%s, score %.2f", lasted_s,
                 how(event->modality), when, (double)event->scores.joint);
    else
        snprintf(ret_text, TYTO_SENTENCE_BYTES, "%s%s, score %.2f", how(event->modality), when,
                 (double)event->scores.joint);
}

/* --- bodies ------------------------------------------------------------------------------------
 */

/* Names hold no character that Slack reads as more than text: a-z 0-9 _ and -. Where there are
 * blocks, the text is what a notification shows. */
static struct tyto_json *make_slack(const struct tyto_event *event,
                                    const struct tyto_webhook_picture *picture)
{
    char title[TYTO_TITLE_BYTES], sentence[TYTO_SENTENCE_BYTES],
        text[TYTO_TITLE_BYTES + TYTO_SENTENCE_BYTES + 8];
    tyto_webhook_title(event, title);
    tyto_webhook_sentence(event, sentence);
    snprintf(text, sizeof(text), "*%s*: %s", title, sentence);
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_put(&json, "text", tyto_json_new_string(text));
    if (!picture->url[0])
        return json;
    struct tyto_json *blocks = tyto_json_new_array(), *section = tyto_json_new_object(),
                     *said = tyto_json_new_object(), *image = tyto_json_new_object();
    tyto_json_put(&said, "type", tyto_json_new_string("mrkdwn"));
    tyto_json_put(&said, "text", tyto_json_new_string(text));
    tyto_json_put(&section, "type", tyto_json_new_string("section"));
    tyto_json_put(&section, "text", said);
    tyto_json_push(&blocks, section);
    tyto_json_put(&image, "type", tyto_json_new_string("image"));
    tyto_json_put(&image, "image_url", tyto_json_new_string(picture->url));
    tyto_json_put(&image, "alt_text", tyto_json_new_string(title));
    tyto_json_push(&blocks, image);
    tyto_json_put(&json, "blocks", blocks);
    return json;
}

static struct tyto_json *make_letter(const struct tyto_message *message,
                                     const struct tyto_webhook_picture *picture)
{
    const struct tyto_event_picture *attached = picture->attached;
    struct tyto_json *json = tyto_bridge_letter(message);
    if (attached)
        tyto_json_put(&json, "picture",
                      tyto_page_data_url("image/jpeg", attached->jpeg, attached->about.num_bytes));
    if (picture->url[0])
        tyto_json_put(&json, "picture_url", tyto_json_new_string(picture->url));
    return json;
}

static char *make_ntfy(const struct tyto_event *event, const struct tyto_webhook_picture *picture,
                       size_t *ret_num_bytes)
{
    char sentence[TYTO_SENTENCE_BYTES];
    tyto_webhook_sentence(event, sentence);
    const char *from = picture->attached ? (const char *)picture->attached->jpeg : sentence;
    *ret_num_bytes = picture->attached ? picture->attached->about.num_bytes : strlen(sentence);
    char *bytes = malloc(*ret_num_bytes);
    if (bytes)
        memcpy(bytes, from, *ret_num_bytes);
    return bytes;
}

enum tyto_err tyto_webhook_body_make(enum tyto_template template,
                                     const struct tyto_message *message,
                                     const struct tyto_webhook_picture *picture,
                                     struct tyto_webhook_body *ret_body)
{
    struct tyto_json *json = NULL;
    *ret_body = (struct tyto_webhook_body){.content_type = "application/json"};
    switch (template) {
    case TYTO_TEMPLATE_NTFY:
        ret_body->content_type = picture->attached ? "image/jpeg" : "text/plain; charset=utf-8";
        ret_body->bytes = make_ntfy(&message->u.event, picture, &ret_body->num_bytes);
        return ret_body->bytes ? TYTO_OK : TYTO_ERR_NOMEM;
    case TYTO_TEMPLATE_SLACK:
        json = make_slack(&message->u.event, picture);
        break;
    case TYTO_TEMPLATE_JSON:
        json = make_letter(message, picture);
        break;
    }
    ret_body->bytes = json ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    if (!ret_body->bytes)
        return TYTO_ERR_NOMEM;
    ret_body->num_bytes = strlen(ret_body->bytes);
    return TYTO_OK;
}

void tyto_webhook_sign(const char *secret, int64_t unix_s, const void *body, size_t num_bytes,
                       char ret_text[TYTO_SIGNATURE_BYTES])
{
    char time[24], hex[TYTO_DIGEST_HEX_BYTES];
    snprintf(time, sizeof(time), "%" PRId64, unix_s);
    const struct tyto_digest_part parts[] = {{time, strlen(time)}, {".", 1}, {body, num_bytes}};
    tyto_digest_hmac_hex(secret, strlen(secret), parts, 3, hex);
    snprintf(ret_text, TYTO_SIGNATURE_BYTES, "t=%s,v1=%s", time, hex);
}
