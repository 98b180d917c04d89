/* SPDX-License-Identifier: MIT */
#include "web/login.h"

#include <gio/gio.h>
#include <libsoup/soup.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "web/users/hasher.h"
#include "web/users/limits.h"

enum { TOO_MANY_REQUESTS = 429 /* libsoup has no name for it */ };

struct tyto_login {
    struct tyto_door *door;
    struct tyto_limits *limits;
    struct tyto_hasher *hasher;
    GQueue jobs; /* of struct job that are being checked, owned */
};

/* Somebody who waits for the answer. */
struct job {
    struct tyto_login *login;
    SoupServerMessage *msg; /* held */
    bool is_gone;           /* the connection is */
    char name[TYTO_USER_NAME_MAX + 1];
    char hash[TYTO_USER_HASH_BYTES]; /* that was checked against; "": nobody's */
    char address[TYTO_DOOR_ADDRESS_BYTES], browser[TYTO_DOOR_BROWSER_CHARS + 1];
    struct tyto_limits_try attempt; /* of the texts above */
};

static int64_t now_ms(void)
{
    return (int64_t)(tyto_clock_mono_ns() / TYTO_NS_PER_MS);
}

static void free_job(struct job *job)
{
    g_signal_handlers_disconnect_by_data(job->msg, job);
    g_object_unref(job->msg);
    g_free(job);
}

struct tyto_login *tyto_login_new(struct tyto_door *door)
{
    struct tyto_login *login = g_new0(struct tyto_login, 1);
    login->door = door;
    login->limits = tyto_limits_new();
    if (!login->limits)
        g_error("out of memory");
    login->hasher = tyto_hasher_new();
    g_queue_init(&login->jobs);
    return login;
}

void tyto_login_free(struct tyto_login *login)
{
    if (!login)
        return;
    tyto_hasher_free(login->hasher);
    for (struct job *job; (job = g_queue_pop_head(&login->jobs)) != NULL;)
        free_job(job);
    tyto_limits_free(login->limits);
    g_free(login);
}

static void refuse(SoupServerMessage *msg, unsigned status, uint32_t wait_s, const char *text)
{
    char seconds[16];
    g_snprintf(seconds, sizeof(seconds), "%u", wait_s);
    if (wait_s > 0)
        soup_message_headers_replace(soup_server_message_get_response_headers(msg), "Retry-After",
                                     seconds);
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "error", tyto_json_new_string(text));
    if (wait_s > 0)
        tyto_json_set(json, "wait_s", tyto_json_new_u64(wait_s));
    tyto_http_json(msg, status, json);
}

static void answer(struct job *job, bool is_right)
{
    /* He may have got another password, or have gone, while the old one was checked. */
    const struct tyto_user *user = tyto_door_user(job->login->door, job->name);
    if (!is_right || !user || strcmp(user->hash, job->hash) != 0) {
        refuse(job->msg, SOUP_STATUS_UNAUTHORIZED, 0, "name or password is wrong");
        return;
    }
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "name", tyto_json_new_string(user->name));
    tyto_json_set(json, "role", tyto_json_new_string(tyto_role_name(user->role)));
    tyto_door_let_in(job->login->door, job->msg, user);
    tyto_http_json(job->msg, SOUP_STATUS_OK, json);
}

static void on_checked(void *user, bool is_right)
{
    struct job *job = user;
    if (is_right)
        tyto_limits_give_back(job->login->limits, &job->attempt, now_ms());
    g_message("%s %s from %s", job->name,
              is_right ? "has logged in" : "is refused, the name or the password being wrong,",
              job->address);
    if (!job->is_gone) {
        answer(job, is_right);
        soup_server_message_unpause(job->msg);
    }
    (void)g_queue_remove(&job->login->jobs, job);
    free_job(job);
}

static void on_finished(SoupServerMessage *msg, struct job *job)
{
    (void)msg;
    job->is_gone = true;
}

static void begin(struct tyto_login *login, SoupServerMessage *msg, const char *name,
                  const char *password)
{
    const struct tyto_user *user = tyto_door_user(login->door, name);
    struct job *job = g_new0(struct job, 1);
    job->login = login;
    job->msg = g_object_ref(msg);
    (void)g_strlcpy(job->name, name, sizeof(job->name));
    (void)g_strlcpy(job->hash, user ? user->hash : "", sizeof(job->hash));
    tyto_door_address(login->door, msg, job->address);
    const bool is_known = user && tyto_door_knows_browser(login->door, msg, user, job->browser);
    job->attempt = (struct tyto_limits_try){.address = job->address,
                                            .name = job->name,
                                            .browser = is_known ? job->browser : NULL,
                                            .is_user = user != NULL};
    const uint32_t wait_s = tyto_limits_take(login->limits, &job->attempt, now_ms());
    if (wait_s > 0) {
        refuse(msg, TOO_MANY_REQUESTS, wait_s, "too many tries");
    } else if (!tyto_hasher_check(login->hasher, user ? user->hash : NULL, password, is_known,
                                  on_checked, job)) {
        tyto_limits_give_back(login->limits, &job->attempt, now_ms());
        refuse(msg, SOUP_STATUS_SERVICE_UNAVAILABLE, 1, "too many log in at once");
    } else {
        g_signal_connect(msg, "finished", G_CALLBACK(on_finished), job);
        g_queue_push_tail(&login->jobs, job);
        soup_server_message_pause(msg);
        return;
    }
    free_job(job);
}

void tyto_login_answer(struct tyto_login *login, SoupServerMessage *msg)
{
    struct tyto_json *body = tyto_http_body(msg);
    if (!body)
        return;
    const char *name = tyto_json_string(tyto_json_get(body, "name"));
    const char *password = tyto_json_string(tyto_json_get(body, "password"));
    if (!name || !password || strlen(password) > TYTO_USER_MAX_PASSWORD)
        tyto_http_error(msg, SOUP_STATUS_BAD_REQUEST, "name and password are expected");
    else if (!tyto_text_is_name(name, TYTO_USER_NAME_MAX + 1))
        refuse(msg, SOUP_STATUS_UNAUTHORIZED, 0, "name or password is wrong");
    else
        begin(login, msg, name, password);
    tyto_json_destroy(&body);
}
