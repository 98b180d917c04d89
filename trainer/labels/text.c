/* SPDX-License-Identifier: MIT */
/* Lines, numbers and names in label files. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "trainer/labels/reader.h"
#include <stdarg.h>

/* --- what is wrong, told with its line -------------------------------------------------------- */

static void put_fault(struct tyto_label_reader *reader, bool is_error, uint32_t line,
                      const char *key, const char *text)
{
    const struct tyto_labels_params *params = reader->params;
    struct tyto_fault fault;
    tyto_fault_set(&fault, TYTO_OK, reader->source, line, key, "%s", text);
    tyto_text_make_printable(fault.text); /* what a label file says goes to a terminal */
    tyto_text_make_printable(fault.key);
    if (params->on_fault)
        params->on_fault(params->user, &fault, is_error);
}

static void TYTO_PRINTF(5, 0) report(struct tyto_label_reader *reader, bool is_error, uint32_t line,
                                     const char *key, const char *fmt, va_list args)
{
    if (reader->num_faults > TYTO_LABELS_MAX_FAULTS)
        return;
    char text[384];
    vsnprintf(text, sizeof(text), fmt, args);
    *(is_error ? &reader->labels.num_errors : &reader->labels.num_notes) += 1;
    if (++reader->num_faults <= TYTO_LABELS_MAX_FAULTS) {
        put_fault(reader, is_error, line, key, text);
        return;
    }
    put_fault(reader, true, line, NULL,
              "there is more to report than anyone can read: it stops "
              "here. Is this the right format?");
    if (!reader->err)
        reader->err = TYTO_ERR_FORMAT;
}

void tyto_label_error(struct tyto_label_reader *reader, uint32_t line, const char *key,
                      const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    report(reader, true, line, key, fmt, args);
    va_end(args);
}

void tyto_label_note(struct tyto_label_reader *reader, uint32_t line, const char *key,
                     const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    report(reader, false, line, key, fmt, args);
    va_end(args);
}

/* --- text ------------------------------------------------------------------------------------- */

struct tyto_label_lines tyto_label_lines(struct tyto_label_reader *reader, uint32_t max_bytes)
{
    const bool has_feeds = memchr(reader->bytes, '\n', reader->num_bytes) != NULL;
    return (struct tyto_label_lines){.at = reader->bytes,
                                     .end = reader->bytes + reader->num_bytes,
                                     .stop = has_feeds ? '\n' : '\r',
                                     .max_bytes = max_bytes};
}

/* Reports what makes a line unreadable. */
static bool is_sound(struct tyto_label_reader *reader, const struct tyto_label_lines *lines,
                     const char *text, size_t num_bytes)
{
    if (num_bytes > lines->max_bytes)
        tyto_label_error(reader, lines->line, NULL,
                         "the line is %zu bytes long, more than %u: is this a label file of this "
                         "format?",
                         num_bytes, lines->max_bytes);
    else if (memchr(text, '\0', num_bytes))
        tyto_label_error(reader, lines->line, NULL,
                         "the line holds a NUL byte: save the file as plain text (UTF-8)");
    else if (!tyto_text_is_utf8(text, num_bytes))
        tyto_label_error(reader, lines->line, NULL,
                         "the line is not UTF-8: save the file with that encoding");
    else
        return true;
    return false;
}

char *tyto_label_line(struct tyto_label_reader *reader, struct tyto_label_lines *lines)
{
    while (lines->at < lines->end && !reader->err) {
        char *text = lines->at;
        char *stop = memchr(text, lines->stop, (size_t)(lines->end - text));
        lines->at = stop ? stop + 1 : lines->end;
        stop = stop ? stop : lines->end;
        lines->line++;
        if (stop > text && stop[-1] == '\r')
            stop--;
        if (!is_sound(reader, lines, text, (size_t)(stop - text)))
            continue;
        *stop = '\0';
        return text;
    }
    return NULL;
}

bool tyto_label_number(const char *text, double *ret_value)
{
    if (!text[0] || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false;
    char *end;
    errno = 0;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

bool tyto_label_local_number(const char *text, double *ret_value)
{
    char number[64];
    const char *comma = strchr(text, ',');
    if (!comma || strchr(comma + 1, ',') || strchr(text, '.') || strlen(text) >= sizeof(number))
        return tyto_label_number(text, ret_value);
    snprintf(number, sizeof(number), "%s", text);
    number[comma - text] = '.';
    return tyto_label_number(number, ret_value);
}

/* [H:]MM:SS[.fff] or with a comma, as subtitles and spreadsheets write it. */
static bool read_clock(const char *text, double *ret_seconds)
{
    double whole_s = 0, last_s;
    const char *at = text;
    int num_colons = 0;
    for (const char *colon; (colon = strchr(at, ':')); at = colon + 1, num_colons++) {
        double part = 0;
        if (colon == at || colon - at > 6 || num_colons == 2)
            return false;
        for (; at < colon; at++) {
            if (*at < '0' || *at > '9')
                return false;
            part = part * 10 + (*at - '0');
        }
        if (num_colons > 0 && part >= 60)
            return false;
        whole_s = (whole_s + part) * 60;
    }
    if (num_colons == 0 || *at < '0' || *at > '9' || !tyto_label_local_number(at, &last_s) ||
        last_s >= 60)
        return false;
    *ret_seconds = whole_s + last_s;
    return true;
}

bool tyto_label_seconds(struct tyto_label_reader *reader, const char *text, uint32_t line,
                        const char *key, double *ret_seconds)
{
    if (tyto_label_number(text, ret_seconds) || read_clock(text, ret_seconds))
        return true;
    const char *hint = strchr(text, ':')   ? ": write seconds, as in 83.5, or 1:23.5, or 0:01:23.5"
                       : strchr(text, ',') ? ": write the decimal point as '.'"
                       : text[0] ? ": write seconds from the recording's begin, as in 83.5"
                                 : ": it is empty; write seconds, as in 83.5";
    tyto_label_error(reader, line, key, "'%.40s' is not a time%s", text, hint);
    return false;
}

bool tyto_label_modality(const char *text, uint8_t *ret_truth)
{
    if (strcasecmp(text, "both") == 0)
        *ret_truth = TYTO_TRUTH_BOTH;
    else if (strcasecmp(text, "heard") == 0)
        *ret_truth = TYTO_TRUTH_HEARD;
    else if (strcasecmp(text, "seen") == 0)
        *ret_truth = TYTO_TRUTH_SEEN;
    else
        return false;
    return true;
}

static bool has_word(const char *text, const char *word)
{
    const size_t num = strlen(word);
    for (const char *at = strcasestr(text, word); at; at = strcasestr(at + 1, word)) {
        if ((at == text || !isalpha((unsigned char)at[-1])) && !isalpha((unsigned char)at[num]))
            return true;
    }
    return false;
}

uint8_t tyto_label_word_truth(const char *text)
{
    const bool heard = has_word(text, "heard"), seen = has_word(text, "seen");
    return heard && !seen ? TYTO_TRUTH_HEARD : seen && !heard ? TYTO_TRUTH_SEEN : TYTO_TRUTH_BOTH;
}

/* with_slashes: also those of '/'. */
static void resolve_codes(const char *name, bool with_slashes, char *ret_path, size_t path_bytes)
{
    size_t num = 0;
    for (; *name && num + 1 < path_bytes; name++) {
        const int high = name[0] == '%' ? tyto_text_hex_digit(name[1]) : -1;
        const int low = high >= 0 ? tyto_text_hex_digit(name[2]) : -1;
        const int code = high * 16 + low;
        const bool is_code =
            low >= 0 && code >= 0x20 && code != 0x7F && (with_slashes || code != '/');
        ret_path[num++] = is_code ? (char)code : *name;
        name += is_code ? 2 : 0;
    }
    ret_path[num] = '\0';
}

static const char *last_of(const char *url)
{
    const char *name = url;
    for (const char *at = url; *at; at++) {
        if (*at == '/' || *at == '\\')
            name = at + 1;
    }
    return name;
}

void tyto_label_url_path(const char *url, char *ret_path, size_t path_bytes)
{
    const bool is_foreign = url[0] == '/' || strpbrk(url, ":\\") != NULL;
    resolve_codes(is_foreign ? last_of(url) : url, false, ret_path, path_bytes);
}

void tyto_label_own_path(const char *written, char *ret_path, size_t path_bytes)
{
    resolve_codes(written, true, ret_path, path_bytes);
    for (char *at = ret_path; *at; at++) {
        if (*at == '\\')
            *at = '/';
    }
    /* Folders of another machine say nothing here. */
    if (ret_path[0] == '/' || strchr(ret_path, ':')) {
        const char *last = last_of(ret_path);
        memmove(ret_path, last, strlen(last) + 1);
    }
}

void tyto_label_stem(const char *path, char *ret_stem, size_t stem_bytes)
{
    const char *slash = strrchr(path, '/');
    snprintf(ret_stem, stem_bytes, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(ret_stem, '.');
    if (dot && dot > ret_stem)
        *dot = '\0';
}

bool tyto_label_text_is_sound(struct tyto_label_reader *reader)
{
    uint32_t line = 1;
    if (tyto_text_is_utf8(reader->bytes, reader->num_bytes) &&
        !memchr(reader->bytes, '\0', reader->num_bytes))
        return true;
    const char *at = reader->bytes, *end = at + reader->num_bytes;
    for (; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        const size_t num = (size_t)(stop - at);
        if (!tyto_text_is_utf8(at, num) || memchr(at, '\0', num))
            break;
        at = stop + 1;
    }
    tyto_label_error(reader, line, NULL,
                     "the line is not UTF-8, or holds a NUL byte: save the file as UTF-8");
    return false;
}
