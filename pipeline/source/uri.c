/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "pipeline/source/internal.h"

static const struct {
    const char *prefix;
    enum tyto_uri_kind kind;
} schemes[] = {
    {"file://", TYTO_URI_FILE},  {"rtsp://", TYTO_URI_RTSP}, {"rtsps://", TYTO_URI_RTSP},
    {"rtspt://", TYTO_URI_RTSP}, {"http://", TYTO_URI_HTTP}, {"https://", TYTO_URI_HTTP},
    {"srt://", TYTO_URI_SRT},    {"v4l2://", TYTO_URI_V4L2}, {"test://", TYTO_URI_TEST},
};

static bool has_control(const char *uri)
{
    while (*uri && !tyto_text_is_control(uri))
        uri++;
    return *uri != '\0';
}

/* RFC 3986, 3.1. */
static bool is_scheme(const char *text, size_t num_chars)
{
    for (size_t i = 0; i < num_chars; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("+-.", text[i]))
            return false;
    }
    return num_chars > 0 && isalpha((unsigned char)text[0]);
}

void tyto_uri_lower_scheme(char *uri)
{
    const char *colon = strstr(uri, "://");
    if (!colon || !is_scheme(uri, (size_t)(colon - uri)))
        return;
    for (char *c = uri; c < colon; c++)
        *c = (char)tolower((unsigned char)*c);
}

/* Where user and host begin, and how long they are; the user's '@' is not counted. */
static void find_authority(const char *uri, const char **ret_user, size_t *ret_num_user,
                           const char **ret_host, size_t *ret_num_host)
{
    const char *colon = strstr(uri, "://");
    const char *begin = colon ? colon + 3 : uri;
    const size_t num = strcspn(begin, "/?#");
    const char *at = memrchr(begin, '@', num);
    *ret_user = begin;
    *ret_num_user = at ? (size_t)(at - begin) : 0;
    *ret_host = at ? at + 1 : begin;
    const size_t num_rest = num - (size_t)(*ret_host - begin);
    const char *bracket = memchr(*ret_host, ']', num_rest); /* of an IPv6 address */
    const char *port = bracket ? memchr(bracket, ':', num_rest - (size_t)(bracket - *ret_host))
                               : memchr(*ret_host, ':', num_rest);
    *ret_num_host = port ? (size_t)(port - *ret_host) : num_rest;
}

/* What is typed by mistake around an address, or in it; NULL: nothing that can be told. */
static const char *doubt(const char *uri, enum tyto_uri_kind kind)
{
    const char *user, *host;
    size_t num_user, num_host;
    if (uri[strlen(uri) - 1] == ' ')
        return "it ends with a space: remove it";
    if (kind != TYTO_URI_RTSP && kind != TYTO_URI_HTTP)
        return NULL;
    find_authority(uri, &user, &num_user, &host, &num_host);
    if (num_host == 0)
        return "it names no host behind '//'";
    const char *port = host + num_host;
    if (*port != ':' || port[1] < '0' || port[1] > '9')
        return NULL;
    char *end;
    const unsigned long number = strtoul(port + 1, &end, 10);
    return number >= 1 && number <= 65535 ? NULL : "its port must be from 1 to 65535";
}

/* An address that begins with something else, as a quote of a word processor, or whose scheme lacks
 * a slash, is no path. */
static enum tyto_err refuse_meant(const char *uri, struct tyto_fault *ret_fault)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const char *prefix = schemes[i].prefix, *at = strcasestr(uri, prefix);
        const size_t num_chars = strlen(prefix) - 1;
        const bool is_network =
            schemes[i].kind != TYTO_URI_FILE && schemes[i].kind != TYTO_URI_TEST;
        if (at && !memchr(uri, '/', (size_t)(at - uri)))
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "'%.*s' stands before '%s': remove it", (int)(at - uri), uri,
                                  prefix);
        if (is_network && strncasecmp(uri, prefix, num_chars) == 0)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "a slash is missing: write '%s'", prefix);
    }
    return TYTO_OK;
}

/* A path may have any character but NUL. */
enum tyto_err tyto_uri_kind_of(const char *uri, enum tyto_uri_kind *ret_kind,
                               struct tyto_fault *ret_fault)
{
    const size_t num_chars = uri ? strnlen(uri, TYTO_URI_MAX) : 0;
    if (num_chars == 0 || num_chars == TYTO_URI_MAX)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "a URI or path has 1 to %d characters", TYTO_URI_MAX - 1);
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const size_t prefix_chars = strlen(schemes[i].prefix);
        if (strncasecmp(uri, schemes[i].prefix, prefix_chars) != 0)
            continue;
        if (has_control(uri))
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "control character in a URI: write it as %%0A and the like");
        if (uri[prefix_chars] == '\0' && schemes[i].kind != TYTO_URI_TEST)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL, "nothing after '%s'",
                                  schemes[i].prefix);
        const char *why = doubt(uri, schemes[i].kind);
        if (why)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL, "%s", why);
        *ret_kind = schemes[i].kind;
        return TYTO_OK;
    }
    const char *colon = strstr(uri, "://");
    if (colon && is_scheme(uri, (size_t)(colon - uri)))
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                              "unknown scheme '%.*s': use a path, file, rtsp, http, https, srt, "
                              "v4l2 or test",
                              (int)(colon - uri < 32 ? colon - uri : 32), uri);
    const enum tyto_err err = refuse_meant(uri, ret_fault);
    if (!err)
        *ret_kind = TYTO_URI_FILE;
    return err;
}

void tyto_uri_keep_user(const char *from, const char *to, char *ret_uri, size_t uri_bytes)
{
    const char *user, *host, *to_user, *to_host;
    size_t num_user, num_host, num_to_user, num_to_host;
    find_authority(from, &user, &num_user, &host, &num_host);
    find_authority(to, &to_user, &num_to_user, &to_host, &num_to_host);
    const bool is_kept = num_user > 0 && to_user == to_host && num_host == num_to_host &&
                         strncasecmp(host, to_host, num_host) == 0 && strstr(to, "://") &&
                         strncasecmp(from, to, (size_t)(to_host - to)) == 0;
    if (is_kept)
        snprintf(ret_uri, uri_bytes, "%.*s%.*s@%s", (int)(to_host - to), to, (int)num_user, user,
                 to_host);
    else
        snprintf(ret_uri, uri_bytes, "%s", to);
}

double tyto_uri_number(const char *uri, const char *key, double fallback)
{
    const size_t key_chars = strlen(key);
    const char *at = strchr(uri, '?');
    while (at) {
        at++;
        if (strncmp(at, key, key_chars) == 0 && at[key_chars] == '=') {
            char *end;
            const double value = strtod(at + key_chars + 1, &end);
            const bool whole = end != at + key_chars + 1 && (*end == '\0' || *end == '&');
            return whole && value >= -1e9 && value <= 1e9 ? value : fallback;
        }
        at = strchr(at, '&');
    }
    return fallback;
}

enum tyto_err tyto_source_check_uri(const char *uri, bool *ret_is_file,
                                    struct tyto_fault *ret_fault)
{
    enum tyto_uri_kind kind;
    const enum tyto_err err = tyto_uri_kind_of(uri, &kind, ret_fault);
    if (err)
        return err;
    *ret_is_file =
        kind == TYTO_URI_FILE || (kind == TYTO_URI_TEST && tyto_uri_number(uri, "live", 1) == 0);
    return TYTO_OK;
}
