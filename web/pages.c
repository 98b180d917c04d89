/* SPDX-License-Identifier: MIT */
#include "web/pages.h"

#include <gio/gio.h>
#include <libsoup/soup.h>
#include <string.h>

#include "web/page.gen.h"

enum { MAX_NAME = 40 };

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},         {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},     {".svg", "image/svg+xml"},
        {".webmanifest", "application/manifest+json"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_str_has_suffix(name, types[i][0]))
            return types[i][1];
    }
    return "application/octet-stream";
}

static bool is_name(const char *text)
{
    const size_t len = strlen(text);
    return len > 0 && len <= MAX_NAME && text[0] != '.' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len;
}

bool tyto_pages_answer(SoupServerMessage *msg, const char *path)
{
    const char *name = strcmp(path, "/") == 0 ? "index.html" : path + 1;
    if (path[0] != '/' || !is_name(name))
        return false;
    char full[MAX_NAME + 16];
    g_snprintf(full, sizeof(full), "/tyto/page/%s", name);
    GBytes *bytes =
        g_resource_lookup_data(tyto_page_get_resource(), full, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    if (!bytes)
        return false;
    char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
    char tag[40];
    g_snprintf(tag, sizeof(tag), "\"%.32s\"", sum);
    g_free(sum);
    SoupMessageHeaders *headers = soup_server_message_get_response_headers(msg);
    soup_message_headers_replace(headers, "ETag", tag);
    soup_message_headers_replace(headers, "Cache-Control", "no-cache");
    const char *known =
        soup_message_headers_get_one(soup_server_message_get_request_headers(msg), "If-None-Match");
    if (known && strcmp(known, tag) == 0) {
        soup_server_message_set_status(msg, SOUP_STATUS_NOT_MODIFIED, NULL);
    } else {
        soup_server_message_set_status(msg, SOUP_STATUS_OK, NULL);
        soup_message_headers_set_content_type(headers, type_of(name), NULL);
        soup_message_body_append_bytes(soup_server_message_get_response_body(msg), bytes);
    }
    g_bytes_unref(bytes);
    return true;
}
