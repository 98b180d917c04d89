/* SPDX-License-Identifier: MIT */
#include "cli/common/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tyto_option_number(const char *command, const char *name, const char *text, double min,
                        double max, double *ret)
{
    char *end;
    errno = 0;
    const double value = strtod(text, &end);
    if (errno == 0 && end != text && *end == '\0' && value >= min && value <= max) {
        *ret = value;
        return true;
    }
    fprintf(stderr, "tyto %s: --%s wants a number from %g to %g, not '%s'\n", command, name, min,
            max, text);
    return false;
}

bool tyto_option_count(const char *command, const char *name, const char *text, uint64_t min,
                       uint64_t max, uint64_t *ret)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && !strchr(text, '-') && value >= min &&
        value <= max) {
        *ret = value;
        return true;
    }
    fprintf(stderr, "tyto %s: --%s wants a whole number from %llu to %llu, not '%s'\n", command,
            name, (unsigned long long)min, (unsigned long long)max, text);
    return false;
}

bool tyto_option_choice(const char *command, const char *name, const char *text,
                        const char *const *choices, int *ret_idx)
{
    for (int i = 0; choices[i]; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *ret_idx = i;
            return true;
        }
    }
    fprintf(stderr, "tyto %s: --%s wants", command, name);
    for (int i = 0; choices[i]; i++)
        fprintf(stderr, "%s %s", i == 0 ? "" : choices[i + 1] ? "," : " or", choices[i]);
    fprintf(stderr, ", not '%s'\n", text);
    return false;
}

bool tyto_option_format(const char *command, const char *text, enum tyto_label_format *ret_format)
{
    const char *names[TYTO_LABEL_NUM_FORMATS + 1] = {0};
    int idx = 0;
    for (enum tyto_label_format i = 0; i < TYTO_LABEL_NUM_FORMATS; i++)
        names[i] = tyto_label_format_name(i);
    if (!tyto_option_choice(command, "format", text, names, &idx))
        return false;
    *ret_format = (enum tyto_label_format)idx;
    return true;
}

void tyto_option_unknown(const char *command, int option, const char *text)
{
    fprintf(stderr, "tyto %s: %s '%s'. See tyto %s --help.\n", command,
            option == ':' ? "a value is missing after" : "unknown option", text, command);
}
