/* SPDX-License-Identifier: MIT */
#include "web/http.h"

#include <errno.h>
#include <libsoup/soup.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Nothing from elsewhere, no inline script, no frame around it. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

void tyto_http_protect(SoupServerMessage *msg, bool is_tls)
{
    SoupMessageHeaders *headers = soup_server_message_get_response_headers(msg);
    /* libsoup 3.2 forgets a connection that its client ends between two requests, descriptor and
     * all: none is kept for another request. */
    soup_message_headers_replace(headers, "Connection", "close");
    soup_message_headers_replace(headers, "Content-Security-Policy", policy);
    soup_message_headers_replace(headers, "X-Content-Type-Options", "nosniff");
    soup_message_headers_replace(headers, "X-Frame-Options", "DENY");
    soup_message_headers_replace(headers, "Referrer-Policy", "no-referrer");
    soup_message_headers_replace(headers, "Cross-Origin-Opener-Policy", "same-origin");
    soup_message_headers_replace(headers, "Cross-Origin-Resource-Policy", "same-origin");
    soup_message_headers_replace(headers, "Permissions-Policy",
                                 "camera=(), microphone=(), geolocation=()");
    soup_message_headers_replace(headers, "Cache-Control", "no-store");
    if (is_tls)
        soup_message_headers_replace(headers, "Strict-Transport-Security", "max-age=31536000");
}

void tyto_http_json_text(SoupServerMessage *msg, char *text)
{
    soup_server_message_set_status(msg, SOUP_STATUS_OK, NULL);
    soup_server_message_set_response(msg, "application/json", SOUP_MEMORY_TAKE, text, strlen(text));
}

void tyto_http_json(SoupServerMessage *msg, unsigned status, struct tyto_json *json)
{
    char *text = tyto_json_print(json);
    tyto_json_destroy(&json);
    if (!text) {
        soup_server_message_set_status(msg, SOUP_STATUS_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    soup_server_message_set_status(msg, status, NULL);
    soup_server_message_set_response(msg, "application/json", SOUP_MEMORY_COPY, text, strlen(text));
    free(text);
}

void tyto_http_error(SoupServerMessage *msg, unsigned status, const char *text)
{
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "error", tyto_json_new_name(text));
    tyto_http_json(msg, status, json);
}

bool tyto_http_host_is_local(const char *host)
{
    if (g_str_has_prefix(host, "[::1]"))
        return host[5] == '\0' || host[5] == ':';
    const size_t len = strcspn(host, ":");
    char name[64];
    if (len >= sizeof(name))
        return false;
    (void)g_strlcpy(name, host, len + 1);
    if (g_ascii_strcasecmp(name, "localhost") == 0)
        return true;
    GInetAddress *address = g_inet_address_new_from_string(name);
    const bool is_local = address && g_inet_address_get_is_loopback(address);
    g_clear_object(&address);
    return is_local;
}

bool tyto_http_cookie(SoupServerMessage *msg, const char *name, char *ret_value, size_t value_bytes)
{
    SoupMessageHeaders *headers = soup_server_message_get_request_headers(msg);
    const char *at = soup_message_headers_get_list(headers, "Cookie");
    const size_t name_chars = strlen(name);
    while (at && *at) {
        at += strspn(at, " ;,");
        const size_t num = strcspn(at, ";,");
        if (num > name_chars && at[name_chars] == '=' && strncmp(at, name, name_chars) == 0)
            break;
        at += num;
    }
    const size_t num = at ? strcspn(at, ";,") : 0;
    if (num <= name_chars || num - name_chars > value_bytes)
        return false;
    (void)g_strlcpy(ret_value, at + name_chars + 1, num - name_chars);
    return true;
}

bool tyto_http_socket_is_open(GSocket *socket)
{
    struct tcp_info info;
    socklen_t num = sizeof(info);
    return !g_socket_is_closed(socket) &&
           getsockopt(g_socket_get_fd(socket), IPPROTO_TCP, TCP_INFO, &info, &num) == 0 &&
           info.tcpi_state == TCP_ESTABLISHED;
}

bool tyto_http_is_open(SoupServerMessage *msg)
{
    GSocket *socket = soup_server_message_get_socket(msg);
    return socket && tyto_http_socket_is_open(socket);
}

const char *tyto_http_text(GHashTable *query, const char *key)
{
    return query ? g_hash_table_lookup(query, key) : NULL;
}

bool tyto_http_number(GHashTable *query, const char *key, int64_t min, int64_t max,
                      int64_t fallback, int64_t *ret_value)
{
    const char *text = tyto_http_text(query, key);
    *ret_value = fallback;
    if (!text)
        return true;
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end != '\0' || value < min || value > max)
        return false;
    *ret_value = value;
    return true;
}

struct tyto_json *tyto_http_body(SoupServerMessage *msg)
{
    SoupMessageBody *body = soup_server_message_get_request_body(msg);
    GBytes *bytes = soup_message_body_flatten(body);
    gsize num_bytes = 0;
    const char *text = g_bytes_get_data(bytes, &num_bytes);
    struct tyto_json *json = NULL;
    if (num_bytes == 0 || num_bytes > TYTO_HTTP_MAX_BODY ||
        tyto_json_parse(text, num_bytes, &json, NULL, 0) != TYTO_OK || !tyto_json_is_object(json)) {
        tyto_json_destroy(&json);
        tyto_http_error(msg, SOUP_STATUS_BAD_REQUEST, "the request's body is no JSON object");
    }
    g_bytes_unref(bytes);
    return json;
}
