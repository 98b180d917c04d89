/* SPDX-License-Identifier: MIT */
#include "cli/bridge/webhook/webhook.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/loopback.h"
#include "base/text.h"
#include "cli/bridge/core/secret_file.h"

enum { HEADER_BYTES = 512, SAID_BYTES = 96, MS_PER_S = 1000 };

struct webhook {
    CURLM *multi;
    CURL *easy;
    char *url, *secret, *token, *ca_file; /* owned; the last three may be NULL */
    enum tyto_template template;
    enum tyto_phases phases;
    struct tyto_webhook_album *album; /* NULL: no pictures */
    uint64_t bare_ticket; /* of the delivery whose picture was not taken; UINT64_MAX: none */
    /* Of the delivery that waits for its picture. */
    bool is_waiting;
    struct tyto_message message;
    uint32_t num_tries, picture_wait_ms;
    uint64_t wait_end_ns; /* also where the clocks of two machines differ */
    /* Of the delivery that is under way or whose report waits. */
    bool is_busy, has_report, has_picture;
    uint64_t ticket;
    struct tyto_webhook_body body;
    struct curl_slist *headers;
    size_t head_bytes, body_bytes; /* of the answer */
    bool is_head_whole;
    char said[SAID_BYTES]; /* the beginning of its body */
    struct tyto_delivery_report report;
};

/* --- what the server says ----------------------------------------------------------------------
 */

static size_t on_head(char *bytes, size_t size, size_t num, void *user)
{
    struct webhook *webhook = user;
    const size_t num_bytes = size * num;
    webhook->head_bytes += num_bytes;
    /* Line by line: the first one of a head, and the empty one at its end. */
    if (num_bytes > 5 && memcmp(bytes, "HTTP/", 5) == 0)
        webhook->is_head_whole = false;
    else if (bytes[0] == '\r' || bytes[0] == '\n')
        webhook->is_head_whole = true;
    return webhook->head_bytes > TYTO_WEBHOOK_MAX_ANSWER_BYTES ? 0 : num_bytes;
}

static size_t on_body(char *bytes, size_t size, size_t num, void *user)
{
    struct webhook *webhook = user;
    const size_t num_bytes = size * num;
    if (webhook->body_bytes == 0) {
        const size_t kept = num_bytes < SAID_BYTES - 1 ? num_bytes : SAID_BYTES - 1;
        memcpy(webhook->said, bytes, kept);
        webhook->said[kept] = '\0';
    }
    webhook->body_bytes += num_bytes;
    return webhook->body_bytes > TYTO_WEBHOOK_MAX_ANSWER_BYTES ? 0 : num_bytes;
}

/* The server's words for a person, if they cannot be a secret's echo. */
static void put_said(const struct webhook *webhook, char *ret_text, size_t text_bytes)
{
    const char *path = strstr(webhook->url, "://");
    path = path ? strchr(path + 3, '/') : NULL;
    const bool is_echo = (webhook->token && strstr(webhook->said, webhook->token)) ||
                         (webhook->secret && strstr(webhook->said, webhook->secret)) ||
                         (path && path[1] && strstr(webhook->said, path + 1));
    tyto_text_clean(ret_text, text_bytes, is_echo ? "" : webhook->said);
}

static bool is_passing(long status)
{
    return status >= 500 || status == 429 || status == 408 || status == 425;
}

/* A head that has come whole is the server's word, also where its body did not come to an end. */
static void judge(struct webhook *webhook, CURLcode code)
{
    struct tyto_delivery_report *report = &webhook->report;
    long status = 0;
    curl_off_t after_s = 0;
    char said[SAID_BYTES];
    curl_easy_getinfo(webhook->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(webhook->easy, CURLINFO_RETRY_AFTER, &after_s);
    *report = (struct tyto_delivery_report){.ticket = webhook->ticket};
    if (!webhook->is_head_whole)
        status = 0;
    put_said(webhook, said, sizeof(said));
    if (status >= 200 && status < 300) {
        report->outcome = TYTO_DELIVERY_TAKEN;
    } else if (status >= 300 && !is_passing(status)) {
        /* It may be the picture that it does not take. */
        report->outcome = webhook->has_picture ? TYTO_DELIVERY_LATER : TYTO_DELIVERY_REFUSED;
        if (webhook->has_picture)
            webhook->bare_ticket = webhook->ticket;
        snprintf(report->text, sizeof(report->text), "the server answers %ld%s%s%s%s", status,
                 webhook->has_picture ? " to an event with a picture" : "",
                 status < 400 ? " (redirects are not followed)" : "", said[0] ? ": " : "", said);
    } else {
        report->outcome = TYTO_DELIVERY_LATER;
        if (after_s > TYTO_WEBHOOK_MAX_AFTER_S)
            after_s = TYTO_WEBHOOK_MAX_AFTER_S;
        report->after_ms = after_s > 0 ? (uint32_t)after_s * MS_PER_S : 0;
        if (status >= 300)
            snprintf(report->text, sizeof(report->text), "the server answers %ld", status);
        else
            snprintf(report->text, sizeof(report->text), "%s", curl_easy_strerror(code));
    }
    webhook->has_report = true;
}

/* --- one try -----------------------------------------------------------------------------------
 */

static bool add_header(struct webhook *webhook, const char *name, const char *value)
{
    char line[TYTO_PICTURE_URL_BYTES + HEADER_BYTES];
    const int num = snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *more =
        num < (int)sizeof(line) ? curl_slist_append(webhook->headers, line) : NULL;
    if (more)
        webhook->headers = more;
    return more != NULL;
}

/* Of a picture that goes with a notification. */
static bool add_picture_headers(struct webhook *webhook, const struct tyto_event *event,
                                const struct tyto_webhook_picture *picture)
{
    char text[HEADER_BYTES];
    bool ok = true;
    if (picture->attached) { /* the body is the picture */
        tyto_webhook_sentence(event, text);
        ok = add_header(webhook, "Message", text);
    } else if (picture->url[0]) {
        ok = add_header(webhook, "Attach", picture->url);
    }
    snprintf(text, sizeof(text), "%s-%s.jpg", event->class_name, event->id);
    return ok && (!webhook->has_picture || add_header(webhook, "Filename", text));
}

static bool add_headers(struct webhook *webhook, const struct tyto_event *event, uint32_t num_tries,
                        const struct tyto_webhook_picture *picture)
{
    char text[HEADER_BYTES];
    bool ok = add_header(webhook, "Content-Type", webhook->body.content_type) &&
              add_header(webhook, "Expect", "");
    ok = ok && add_header(webhook, "X-Tyto-Event", event->id);
    snprintf(text, sizeof(text), "%u", event->rev);
    ok = ok && add_header(webhook, "X-Tyto-Rev", text);
    snprintf(text, sizeof(text), "\"%s-%u\"", event->id, event->rev);
    ok = ok && add_header(webhook, "Idempotency-Key", text);
    snprintf(text, sizeof(text), "%u", num_tries + 1);
    ok = ok && add_header(webhook, "X-Tyto-Try", text);
    if (webhook->template == TYTO_TEMPLATE_NTFY) {
        char title[TYTO_TITLE_BYTES];
        tyto_webhook_title(event, title);
        ok = ok && add_header(webhook, "Title", title);
        snprintf(text, sizeof(text), "%s,%s", event->class_name, event->camera);
        ok =
            ok && add_header(webhook, "Tags", text) && add_picture_headers(webhook, event, picture);
    }
    if (webhook->secret) {
        char signature[TYTO_SIGNATURE_BYTES];
        tyto_webhook_sign(webhook->secret, (int64_t)(tyto_clock_unix_ns() / TYTO_NS_PER_S),
                          webhook->body.bytes, webhook->body.num_bytes, signature);
        ok = ok && add_header(webhook, "X-Tyto-Signature", signature);
    }
    return ok;
}

static void finish_try(struct webhook *webhook)
{
    if (webhook->is_busy)
        curl_multi_remove_handle(webhook->multi, webhook->easy);
    webhook->is_busy = false;
    curl_easy_setopt(webhook->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(webhook->easy, CURLOPT_POSTFIELDS, NULL);
    curl_slist_free_all(webhook->headers);
    webhook->headers = NULL;
    free(webhook->body.bytes);
    webhook->body.bytes = NULL;
}

static enum tyto_err begin(struct webhook *webhook, const struct tyto_webhook_picture *picture)
{
    const struct tyto_message *message = &webhook->message;
    webhook->is_waiting = false;
    webhook->head_bytes = webhook->body_bytes = 0;
    webhook->is_head_whole = false;
    webhook->said[0] = '\0';
    webhook->has_picture = picture->attached || picture->url[0];
    if (tyto_webhook_body_make(webhook->template, message, picture, &webhook->body) ||
        !add_headers(webhook, &message->u.event, webhook->num_tries, picture)) {
        finish_try(webhook);
        return TYTO_ERR_NOMEM;
    }
    curl_easy_setopt(webhook->easy, CURLOPT_POSTFIELDS, webhook->body.bytes);
    curl_easy_setopt(webhook->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)webhook->body.num_bytes);
    curl_easy_setopt(webhook->easy, CURLOPT_HTTPHEADER, webhook->headers);
    if (curl_multi_add_handle(webhook->multi, webhook->easy) != CURLM_OK) {
        finish_try(webhook);
        return TYTO_ERR_NOMEM;
    }
    webhook->is_busy = true;
    return TYTO_OK;
}

/* Begins what waits for its picture, when that is there or will not come. */
static enum tyto_err begin_if_due(struct webhook *webhook)
{
    struct tyto_webhook_picture picture = {.attached = NULL};
    if (!webhook->is_waiting)
        return TYTO_OK;
    if (webhook->ticket != webhook->bare_ticket &&
        !tyto_webhook_album_find(webhook->album, &webhook->message, &picture) &&
        tyto_clock_mono_ns() < webhook->wait_end_ns)
        return TYTO_OK;
    return begin(webhook, &picture);
}

static enum tyto_err put(void *self, const struct tyto_parcel *parcel, struct tyto_fault *ret_fault)
{
    struct webhook *webhook = self;
    (void)ret_fault;
    webhook->ticket = parcel->ticket;
    webhook->num_tries = parcel->num_tries;
    webhook->message = *parcel->message;
    webhook->is_waiting = true;
    webhook->wait_end_ns = tyto_clock_mono_ns() + webhook->picture_wait_ms * TYTO_NS_PER_MS;
    return begin_if_due(webhook);
}

static void take_picture(void *self, const struct tyto_event_picture *picture)
{
    struct webhook *webhook = self;
    tyto_webhook_album_add(webhook->album, picture);
}

static bool wants(void *self, const struct tyto_parcel *parcel)
{
    const struct webhook *webhook = self;
    const struct tyto_message *message = parcel->message;
    return !parcel->is_snapshot && message->kind == TYTO_MESSAGE_EVENT &&
           tyto_phases_want(webhook->phases, message->u.event.phase);
}

static bool is_ready(void *self)
{
    const struct webhook *webhook = self;
    return !webhook->is_busy && !webhook->has_report && !webhook->is_waiting;
}

static enum tyto_err turn(void *self, int timeout_ms, struct tyto_fault *ret_fault)
{
    struct webhook *webhook = self;
    int num_running = 0, num_left = 0;
    if (timeout_ms > 0 && !webhook->has_report)
        (void)curl_multi_poll(webhook->multi, NULL, 0, timeout_ms, NULL);
    const enum tyto_err err = begin_if_due(webhook);
    if (err)
        return err;
    const CURLMcode code = curl_multi_perform(webhook->multi, &num_running);
    if (code != CURLM_OK)
        return tyto_fault_set(ret_fault, TYTO_ERR_INTERNAL, NULL, 0, NULL, "libcurl: %s",
                              curl_multi_strerror(code));
    const CURLMsg *message = curl_multi_info_read(webhook->multi, &num_left);
    if (message && message->msg == CURLMSG_DONE) {
        judge(webhook, message->data.result);
        finish_try(webhook);
    }
    return TYTO_OK;
}

static bool report(void *self, struct tyto_delivery_report *ret_report)
{
    struct webhook *webhook = self;
    if (!webhook->has_report)
        return false;
    *ret_report = webhook->report;
    webhook->has_report = false;
    return true;
}

/* --- begin and end -----------------------------------------------------------------------------
 */

static void destroy(void *self, int timeout_ms)
{
    struct webhook *webhook = self;
    (void)timeout_ms;
    if (webhook->easy)
        finish_try(webhook);
    curl_easy_cleanup(webhook->easy);
    curl_multi_cleanup(webhook->multi);
    tyto_webhook_album_destroy(&webhook->album);
    tyto_bridge_secret_free(&webhook->url);
    tyto_bridge_secret_free(&webhook->secret);
    tyto_bridge_secret_free(&webhook->token);
    free(webhook->ca_file);
    free(webhook);
    curl_global_cleanup();
}

static bool set_options(struct webhook *webhook, uint32_t timeout_ms)
{
    CURL *easy = webhook->easy;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "tyto");
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, webhook);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, webhook);
    if (webhook->token) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        if (curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, webhook->token) != CURLE_OK)
            return false;
    }
    return (!webhook->ca_file ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, webhook->ca_file) == CURLE_OK) &&
           curl_easy_setopt(easy, CURLOPT_URL, webhook->url) == CURLE_OK;
}

static enum tyto_err check_pictures(const struct tyto_webhook_params *params,
                                    struct tyto_fault *ret_fault)
{
    const char *base = params->picture_base;
    const bool is_link = params->pictures == TYTO_PICTURES_LINK;
    if (params->pictures == TYTO_PICTURES_ATTACH && params->template == TYTO_TEMPLATE_SLACK)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "--pictures",
                              "attach: Slack's webhooks take no files, say link");
    if (is_link != (base != NULL))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "--picture-base",
                              is_link ? "is needed to link pictures" : "needs --pictures link");
    if (is_link &&
        ((strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0) ||
         strlen(base) > TYTO_PICTURE_URL_BYTES / 2 || strpbrk(base, " \t\r\n\"<>\\^`{|}")))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "--picture-base",
                              "is no http or https address");
    return TYTO_OK;
}

static enum tyto_err check_url(const struct tyto_webhook_params *params,
                               struct tyto_fault *ret_fault)
{
    CURLU *url = curl_url();
    char *scheme = NULL, *host = NULL;
    enum tyto_err err = TYTO_OK;
    if (!url)
        return TYTO_ERR_NOMEM;
    if (curl_url_set(url, CURLUPART_URL, params->url, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "URL",
                             "is no http or https address");
    else if (params->token && strcmp(scheme, "http") == 0 && !tyto_host_is_loopback(host) &&
             !params->allows_plain)
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "URL",
                             "is not https: everybody on the way could read the token "
                             "(--plain sends it nevertheless)");
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(url);
    return err;
}

/* NULL stays NULL; false: no memory. */
static bool copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return !text || *ret_copy;
}

enum tyto_err tyto_webhook_create(const struct tyto_webhook_params *params,
                                  struct tyto_sink *ret_sink, struct tyto_fault *ret_fault)
{
    enum tyto_err err = check_url(params, ret_fault);
    if (!err)
        err = check_pictures(params, ret_fault);
    if (err)
        return err;
    struct webhook *webhook = calloc(1, sizeof(*webhook));
    if (!webhook || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(webhook);
        return TYTO_ERR_NOMEM;
    }
    webhook->template = params->template;
    webhook->phases = params->phases;
    if (params->phases == TYTO_PHASES_AUTO && params->template != TYTO_TEMPLATE_JSON)
        webhook->phases = TYTO_PHASES_NEW;
    webhook->bare_ticket = UINT64_MAX;
    webhook->picture_wait_ms = params->picture_wait_ms;
    webhook->multi = curl_multi_init();
    webhook->easy = curl_easy_init();
    if (!webhook->multi || !webhook->easy || !copy_text(params->url, &webhook->url) ||
        !copy_text(params->secret, &webhook->secret) ||
        !copy_text(params->token, &webhook->token) ||
        !copy_text(params->ca_file, &webhook->ca_file) ||
        tyto_webhook_album_create(params->pictures, params->picture_base, params->picture_wait_ms,
                                  &webhook->album) ||
        !set_options(webhook, params->timeout_ms)) {
        destroy(webhook, 0);
        return TYTO_ERR_NOMEM;
    }
    *ret_sink = (struct tyto_sink){.self = webhook,
                                   .name = "webhook",
                                   .window = 1,
                                   .wants = wants,
                                   .is_ready = is_ready,
                                   .put = put,
                                   .picture = webhook->album ? take_picture : NULL,
                                   .turn = turn,
                                   .report = report,
                                   .destroy = destroy};
    return TYTO_OK;
}
