/* SPDX-License-Identifier: MIT */
/* Answers: what every one of them carries, and how they are written. One thread. */
#ifndef TYTO_WEB_HTTP_H
#define TYTO_WEB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/json.h"

typedef struct _SoupServerMessage SoupServerMessage;
typedef struct _GHashTable GHashTable;
typedef struct _GSocket GSocket;

enum { TYTO_HTTP_MAX_BODY = 64 << 10 };

/* Headers that keep a page to this server and to its own scripts: to be set before anything else.
 */
void tyto_http_protect(SoupServerMessage *msg, bool is_tls);
/* Answers with json, which is *taken*; NULL counts as out of memory. */
void tyto_http_json(SoupServerMessage *msg, unsigned status, struct tyto_json *json);
/* The same with text that is JSON already; text is *taken* (g_free). */
void tyto_http_json_text(SoupServerMessage *msg, char *text);
/* Answers with {"error": text}. */
void tyto_http_error(SoupServerMessage *msg, unsigned status, const char *text);

/* Whether the name in a Host header ("localhost:8571") means this machine itself, so that a foreign
 * page that has pointed its own name here is not served. */
bool tyto_http_host_is_local(const char *host);
/* The value of a cookie of the request; false: there is none, or it is longer. */
bool tyto_http_cookie(SoupServerMessage *msg, const char *name, char *ret_value,
                      size_t value_bytes);
/* A number of the query, fallback where it is not there; false where it is no number in
 * [min, max]. query may be NULL. */
bool tyto_http_number(GHashTable *query, const char *key, int64_t min, int64_t max,
                      int64_t fallback, int64_t *ret_value);
/* Whether neither side has ended it: soup keeps what the other side has closed for some seconds. */
bool tyto_http_socket_is_open(GSocket *socket);
/* Whether the client of an answer that is waited for is still there. */
bool tyto_http_is_open(SoupServerMessage *msg);
/* A text of the query, or NULL. */
const char *tyto_http_text(GHashTable *query, const char *key);
/* The request's body as an object, owned; NULL where it is none, which has been answered. */
struct tyto_json *tyto_http_body(SoupServerMessage *msg);

#endif
