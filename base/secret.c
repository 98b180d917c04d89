/* SPDX-License-Identifier: MIT */
#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_HIDDEN = 3, SECRET_BYTES = 2048, MAX_SECRETS = 10 };

/* Parts of a URI, as lengths from its beginning. */
struct parts {
    size_t begin;     /* behind "://"; 0 without a scheme */
    size_t authority; /* its end by the rules */
    size_t at;        /* the '@' that ends user and password, however they are written; 0: none */
    size_t end;       /* where '?' or '#' begins */
    size_t length;
};

static bool has_port(const char *host, size_t num_bytes)
{
    const char *bracket = memchr(host, ']', num_bytes); /* of an IPv6 address */
    const char *from = bracket ? bracket : host;
    const char *colon = memchr(from, ':', num_bytes - (size_t)(from - host));
    if (!colon)
        return true;
    const size_t num_port = num_bytes - (size_t)(colon + 1 - host);
    return num_port <= 5 && strspn(colon + 1, "0123456789") >= num_port;
}

/* Schemes of cameras: others have no users. */
static bool may_have_user(const char *uri)
{
    static const char *const without[] = {"file://", "v4l2://", "test://", "tcp://", "ipc://"};
    bool may = true;
    for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
        may &= strncmp(uri, without[i], strlen(without[i])) != 0;
    return may;
}

static const char *find_code(const char *text, size_t num_bytes, const char *code)
{
    const size_t num_code = strlen(code);
    for (size_t i = 0; i + num_code <= num_bytes; i++) {
        if (strncasecmp(text + i, code, num_code) == 0)
            return text + i;
    }
    return NULL;
}

/* Typed with another sign than "://" behind the scheme, or encoded as a whole: no URI to anyone
 * else, but nothing that may be shown. */
static bool is_mistyped(const char *uri)
{
    static const char *const schemes[] = {"rtsp", "http", "srt"};
    const char *equals = strchr(uri, '='); /* NAME=URI */
    const char *begins[] = {uri, equals ? equals + 1 : uri};
    bool is_like = false;
    for (size_t i = 0; i < 2 * sizeof(schemes) / sizeof(schemes[0]); i++)
        is_like |= strncasecmp(begins[i % 2], schemes[i / 2], strlen(schemes[i / 2])) == 0;
    return is_like;
}

static struct parts parse(const char *uri)
{
    const char *scheme_end = strstr(uri, "://");
    struct parts parts = {.length = strlen(uri)};
    if (scheme_end && strcspn(uri, "/@") >= (size_t)(scheme_end - uri))
        parts.begin = (size_t)(scheme_end - uri) + 3;
    const char *host = uri + parts.begin;
    parts.authority = parts.begin + strcspn(host, "/?#");
    const char *last_at = strrchr(host, '@');
    const bool is_path = parts.begin == 0 && (uri[0] == '/' || uri[0] == '.');
    /* An '@' behind the authority is a path's own, unless something like a password comes before.
     */
    const bool is_late = last_at && (size_t)(last_at - uri) > parts.authority;
    const size_t num_before = parts.authority - parts.begin;
    const char *colon = strchr(host, ':');
    const bool is_alone = parts.begin ? num_before == 0 && may_have_user(uri) : is_mistyped(uri);
    const bool is_meant = !is_late || memchr(host, '@', num_before) ||
                          memchr(host, ':', num_before) ||
                          (is_alone && colon && colon < last_at); /* rtsp:///USER:PASSWORD@HOST */
    if (last_at && !is_path && is_meant && (parts.begin || strchr(host, ':')))
        parts.at = (size_t)(last_at - uri);
    /* A password whose '@' is missing, or was cut off. */
    if (!parts.at && parts.begin && may_have_user(uri) && !has_port(host, num_before))
        parts.at = parts.authority;
    /* An encoded '@' makes a host of all that is before it, too. */
    const char *code = parts.at == 0 ? find_code(host, num_before, "%40") : NULL;
    if (code && (parts.begin ? may_have_user(uri) : is_mistyped(uri)))
        parts.at = parts.authority;
    const size_t rest = parts.at ? parts.at : parts.begin;
    parts.end = rest + strcspn(uri + rest, "?#");
    if (parts.begin == 0)
        parts.end = parts.length; /* a file's name may hold them */
    return parts;
}

static void decode(const char *text, size_t num_bytes, char *ret_text, size_t text_bytes)
{
    size_t at = 0;
    for (size_t i = 0; i < num_bytes && at + 1 < text_bytes; i++) {
        char digits[3] = "";
        if (text[i] == '%' && i + 2 < num_bytes) {
            memcpy(digits, text + i + 1, 2);
            char *end;
            const long value = strtol(digits, &end, 16);
            if (*end == '\0' && value > 0) {
                ret_text[at++] = (char)value;
                i += 2;
                continue;
            }
        }
        ret_text[at++] = text[i];
    }
    ret_text[at] = '\0';
}

/* --- parts of a path ---------------------------------------------------------------------------
 */

enum letter { OTHER, DIGIT, LOWER, UPPER };
enum {
    MIN_DRAWN = 12,       /* letters and digits: shorter ones are names */
    MIN_DRAWN_ALONE = 14, /* with nothing between them */
    MIN_DRAWN_LONG = 24,  /* of one kind, and no name is as long */
    MAX_PART = 256,
    MAX_ENDING = 6, /* ".m3u8" */
};

static enum letter letter_of(char at)
{
    if (at >= '0' && at <= '9')
        return DIGIT;
    if (at >= 'a' && at <= 'z')
        return LOWER;
    return at >= 'A' && at <= 'Z' ? UPPER : OTHER;
}

/* What distinguishes a token from a name. */
struct looks {
    uint32_t num;     /* letters and digits */
    uint32_t changes; /* from one kind to another, but where a Word begins */
    uint32_t longest; /* of small letters and digits in a row */
    uint32_t digits, hex_letters;
    bool is_alone, is_hex;
};

static struct looks look_at(const char *part)
{
    struct looks looks = {.is_alone = true, .is_hex = true};
    enum letter before = OTHER;
    uint32_t in_a_row = 0;
    for (const char *at = part; *at; at++) {
        const enum letter letter = letter_of(*at);
        const bool is_word = letter == UPPER && letter_of(at[1]) == LOWER;
        const bool goes_on_word =
            before == UPPER && letter == LOWER && (at - part < 2 || letter_of(at[-2]) != UPPER);
        looks.num += letter != OTHER;
        looks.is_alone &= letter != OTHER;
        looks.digits += letter == DIGIT;
        looks.hex_letters += letter >= LOWER && strchr("abcdefABCDEF", *at) != NULL;
        looks.is_hex &= letter == DIGIT || *at == '-' || strchr("abcdefABCDEF", *at) != NULL;
        looks.changes +=
            letter != OTHER && before != OTHER && letter != before && !is_word && !goes_on_word;
        in_a_row = letter == DIGIT || letter == LOWER ? in_a_row + 1 : 0;
        looks.longest = in_a_row > looks.longest ? in_a_row : looks.longest;
        before = letter;
    }
    return looks;
}

/* Whether a part of a path looks drawn by lot. */
static bool is_drawn(const char *part, size_t num_bytes)
{
    char plain[MAX_PART];
    decode(part, num_bytes < MAX_PART ? num_bytes : MAX_PART - 1, plain, sizeof(plain));
    char *ending = strrchr(plain, '.');
    if (ending && ending != plain && strlen(ending) <= MAX_ENDING)
        *ending = '\0';
    const struct looks looks = look_at(plain);
    if (looks.num < MIN_DRAWN)
        return false;
    const bool is_hex = looks.is_hex && looks.digits >= 2 && looks.hex_letters >= 2;
    const bool is_mixed = looks.changes * 10 >= looks.num * 3;
    const bool is_mixed_alone =
        looks.is_alone && looks.num >= MIN_DRAWN_ALONE && looks.changes * 100 >= looks.num * 22;
    return is_hex || is_mixed || is_mixed_alone || looks.longest >= MIN_DRAWN_LONG;
}

/* The first part of a path that is secret as a whole. What comes before the first '/' is no part of
 * it. */
static bool find_part(const char *path, size_t num_bytes, size_t *ret_begin, size_t *ret_end)
{
    const char *slash = memchr(path, '/', num_bytes);
    while (slash) {
        const char *begin = slash + 1;
        const size_t num_left = num_bytes - (size_t)(begin - path);
        slash = memchr(begin, '/', num_left);
        const size_t num = slash ? (size_t)(slash - begin) : num_left;
        const char *colon = memchr(begin, ':', num);
        const bool is_pair = colon && colon > begin && colon + 1 < begin + num;
        *ret_begin = (size_t)(begin - path);
        *ret_end = *ret_begin + num;
        if (is_pair || is_drawn(begin, num))
            return true;
    }
    return false;
}

/* Where the next value of a key like password= begins within path, and its end; false: none. */
static bool find_keyed(const char *path, size_t num_bytes, size_t *ret_begin, size_t *ret_end)
{
    static const char *const keys[] = {
        "password", "passwd", "passphrase", "pass",      "pwd",         "token", "secret",
        "key",      "auth",   "sessionid",  "signature", "credentials", "pw",    "psw"};
    for (size_t at = 0; at < num_bytes; at++) {
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
            const size_t num_key = strlen(keys[k]);
            if (num_bytes - at <= num_key || strncasecmp(path + at, keys[k], num_key) != 0)
                continue;
            const char *sign = path + at + num_key;
            const size_t num_sign = sign[0] == '=' || sign[0] == ':' ? 1 : 3;
            if (num_sign == 3 && find_code(sign, num_bytes - at - num_key, "%3D") != sign)
                continue;
            *ret_begin = at + num_key + num_sign;
            *ret_end = *ret_begin;
            while (*ret_end < num_bytes && !strchr("/&;", path[*ret_end]))
                ++*ret_end;
            return true;
        }
    }
    return false;
}

/* The next secret in a path: the first of both kinds. */
static bool find_value(const char *path, size_t num_bytes, size_t *ret_begin, size_t *ret_end)
{
    size_t begin, end;
    const bool has_keyed = find_keyed(path, num_bytes, ret_begin, ret_end);
    if (!find_part(path, num_bytes, &begin, &end) || (has_keyed && *ret_begin < end))
        return has_keyed;
    *ret_begin = begin;
    *ret_end = end;
    return true;
}

static void put(char *text, size_t text_bytes, size_t *at, const char *more, size_t num_bytes)
{
    if (*at + 1 >= text_bytes)
        return;
    const size_t room = text_bytes - 1 - *at;
    const size_t num = num_bytes < room ? num_bytes : room;
    memcpy(text + *at, more, num);
    *at += num;
    text[*at] = '\0';
}

void tyto_secret_redact(const char *uri, char *ret_text, size_t text_bytes)
{
    const struct parts parts = parse(uri);
    size_t at = 0, begin, end;
    ret_text[0] = '\0';
    put(ret_text, text_bytes, &at, uri, parts.begin);
    if (parts.at)
        put(ret_text, text_bytes, &at, "***", 3);
    const char *rest = uri + (parts.at ? parts.at : parts.begin);
    size_t num_rest = (size_t)(uri + parts.end - rest);
    while (parts.begin && find_value(rest, num_rest, &begin, &end)) {
        put(ret_text, text_bytes, &at, rest, begin);
        put(ret_text, text_bytes, &at, "***", 3);
        rest += end;
        num_rest -= end;
    }
    put(ret_text, text_bytes, &at, rest, num_rest);
    if (parts.end < parts.length) {
        put(ret_text, text_bytes, &at, uri + parts.end, 1);
        put(ret_text, text_bytes, &at, "***", 3);
    }
}

void tyto_secret_blank(char *argument)
{
    const struct parts parts = parse(argument);
    size_t begin, end;
    if (parts.at)
        memset(argument + parts.begin, '*', parts.at - parts.begin);
    char *rest = argument + (parts.at ? parts.at : parts.begin);
    size_t num_rest = (size_t)(argument + parts.end - rest);
    while (parts.begin && find_value(rest, num_rest, &begin, &end)) {
        memset(rest + begin, '*', end - begin);
        rest += end;
        num_rest -= end;
    }
    if (parts.end < parts.length)
        memset(argument + parts.end + 1, '*', parts.length - parts.end - 1);
}

/* --- how it is written --------------------------------------------------------------------------
 */

const char *tyto_secret_doubt(const char *uri)
{
    const struct parts parts = parse(uri);
    if (parts.begin == 0 || !may_have_user(uri))
        return NULL;
    const char *host = uri + parts.begin;
    const size_t num_authority = parts.authority - parts.begin;
    const char *first_at = memchr(host, '@', num_authority);
    const bool is_late = strchr(uri + parts.authority, '@') && parts.at;
    const bool is_encoded = !first_at && find_code(host, num_authority, "%40");
    if (is_encoded)
        return "the @ between password and host is encoded: write that one as @ (and in user and "
               "password @ as %40, / as %2F, ? as %3F, # as %23)";
    if (is_late || (first_at && first_at != uri + parts.at))
        return "it cannot be told where user and password end: in them write @ as %40, / as %2F, ? "
               "as %3F, # as %23, : as %3A (and an @ behind the host as %40)";
    const char *begin = first_at ? first_at + 1 : host;
    if (!has_port(begin, num_authority - (size_t)(begin - host)))
        return "the port is no number; in a user and a password write @ as %40, / as %2F, ? as "
               "%3F, "
               "# as %23";
    return NULL;
}

/* --- other people's words ----------------------------------------------------------------------
 */

static void add_secret(char ret_secrets[MAX_SECRETS][SECRET_BYTES], size_t *num, const char *begin,
                       size_t num_bytes)
{
    if (*num + 2 > MAX_SECRETS)
        return;
    snprintf(ret_secrets[(*num)++], SECRET_BYTES, "%.*s", (int)num_bytes, begin);
    decode(begin, num_bytes, ret_secrets[(*num)++], SECRET_BYTES);
}

/* The secrets of a URI, longest first of those at one place: as written, decoded. */
static size_t list_secrets(const char *uri, char ret_secrets[MAX_SECRETS][SECRET_BYTES])
{
    const struct parts parts = parse(uri);
    size_t num = 0, begin, end;
    if (parts.at) {
        const char *all = uri + parts.begin;
        const char *colon = memchr(all, ':', parts.at - parts.begin);
        const char *password = colon ? colon + 1 : all;
        add_secret(ret_secrets, &num, all, parts.at - parts.begin);
        add_secret(ret_secrets, &num, password, (size_t)(uri + parts.at - password));
    }
    if (parts.end < parts.length)
        add_secret(ret_secrets, &num, uri + parts.end + 1, parts.length - parts.end - 1);
    const char *rest = uri + (parts.at ? parts.at : parts.begin);
    size_t num_rest = (size_t)(uri + parts.end - rest);
    while (parts.begin && find_value(rest, num_rest, &begin, &end)) {
        add_secret(ret_secrets, &num, rest + begin, end - begin);
        rest += end;
        num_rest -= end;
    }
    return num;
}

void tyto_secret_hide(const char *uri, const char *text, char *ret_text, size_t text_bytes)
{
    char secrets[MAX_SECRETS][SECRET_BYTES];
    const size_t num_secrets = list_secrets(uri, secrets);
    size_t at = 0;
    ret_text[0] = '\0';
    while (*text) {
        size_t num_hidden = 0;
        for (size_t i = 0; i < num_secrets && num_hidden == 0; i++) {
            const size_t num = strlen(secrets[i]);
            /* A short one may stand in any word: it would hide nothing and spoil the text. */
            if (num >= MIN_HIDDEN && strncmp(text, secrets[i], num) == 0)
                num_hidden = num;
        }
        if (num_hidden > 0)
            put(ret_text, text_bytes, &at, "***", 3);
        else
            put(ret_text, text_bytes, &at, text, 1);
        text += num_hidden ? num_hidden : 1;
    }
}

static const char between[] = " \t\n'\"`()<>|";

/* How long the word at text is. What looks like a user with a password and has no '@' yet goes on
 * to the line's last one: passwords hold blanks and quotes, too. */
static size_t word_length(const char *text)
{
    const size_t num = strcspn(text, between);
    const char *scheme_end = memmem(text, num, "://", 3);
    if (!scheme_end || memchr(text, '@', num))
        return num;
    const char *host = scheme_end + 3;
    const size_t num_host = strcspn(host, "/?#\n");
    const size_t num_here = (size_t)(text + num - host);
    const size_t num_first = num_host < num_here ? num_host : num_here;
    const char *at = memrchr(host, '@', strcspn(host, "\n"));
    const bool is_host =
        has_port(host, num_first) && (num_first == 0 || host[num_first - 1] != ':');
    if (is_host || !at || memmem(text + num, (size_t)(at - text) - num, "://", 3))
        return num;
    return (size_t)(at - text) + strcspn(at, between);
}

void tyto_secret_scrub(const char *text, char *ret_text, size_t text_bytes)
{
    char word[SECRET_BYTES * 2], shown[SECRET_BYTES * 2];
    size_t at = 0;
    ret_text[0] = '\0';
    while (*text) {
        const size_t num_between = strspn(text, between);
        put(ret_text, text_bytes, &at, text, num_between);
        text += num_between;
        const size_t num_word = word_length(text);
        size_t num = num_word; /* without what ends a sentence or a place in a file */
        while (num > 0 && strchr(".,:;!?", text[num - 1]))
            num--;
        snprintf(word, sizeof(word), "%.*s", (int)num, text);
        const bool may_be_uri = strstr(word, "://") || strchr(word, '@') || strstr(word, "%40");
        if (may_be_uri)
            tyto_secret_redact(word, shown, sizeof(shown));
        put(ret_text, text_bytes, &at, may_be_uri ? shown : text, may_be_uri ? strlen(shown) : num);
        put(ret_text, text_bytes, &at, text + num, num_word - num);
        text += num_word;
    }
}
