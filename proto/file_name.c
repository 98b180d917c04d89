/* SPDX-License-Identifier: MIT */
#include "proto/file_name.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* The one form of a time in the name of a file: it sorts as times do, and has no colons. */
static const char form[] = "%Y%m%dT%H%M%SZ";

enum { TIME_CHARS = sizeof("20261123T155715Z") - 1 };

void tyto_file_name(char ret_name[TYTO_FILE_NAME_MAX], int64_t unix_ns, const char *class_name,
                    const char *event_id)
{
    const time_t seconds = (time_t)(unix_ns / (int64_t)TYTO_NS_PER_S);
    struct tm utc;
    char text[32];
    if (!gmtime_r(&seconds, &utc) || strftime(text, sizeof(text), form, &utc) != TIME_CHARS)
        snprintf(text, sizeof(text), "19700101T000000Z");
    snprintf(ret_name, TYTO_FILE_NAME_MAX, "%s-%s-%s", text, class_name, event_id);
}

bool tyto_file_name_read(const char *text, size_t num_chars, int64_t *ret_unix_s,
                         char ret_id[TYTO_ULID_CHARS + 1])
{
    static const char digits[] = "0123456789";
    char when[TIME_CHARS + 1];
    struct tm utc = {0};
    /* A dash on both sides of at least one character of a class. */
    if (num_chars < TIME_CHARS + 1 + 1 + 1 + TYTO_ULID_CHARS || num_chars >= TYTO_FILE_NAME_MAX)
        return false;
    snprintf(when, sizeof(when), "%s", text);
    snprintf(ret_id, TYTO_ULID_CHARS + 1, "%s", text + num_chars - TYTO_ULID_CHARS);
    /* strptime() takes fewer digits and spaces as well. */
    if (strspn(when, digits) != 8 || strspn(when + 9, digits) != 6)
        return false;
    const char *rest = strptime(when, form, &utc);
    *ret_unix_s = (int64_t)timegm(&utc);
    return rest && *rest == '\0' && text[TIME_CHARS] == '-' &&
           text[num_chars - TYTO_ULID_CHARS - 1] == '-' && tyto_event_id_is_valid(ret_id);
}
