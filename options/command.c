/* SPDX-License-Identifier: MIT */
/* Our own reader rather than getopt_long: that one knows neither words behind an option ("--weak
 * mean"), nor older names, nor what was meant. */
#include "options/command.h"

#include <stdarg.h>
#include <string.h>

#include "base/nearest.h"
#include "base/secret.h"

enum { MAX_GROUPS = 16, MAX_NAMES = 160, NAME_CHARS = 48 };

/* One row of the command. */
struct found {
    const struct tyto_option_group *group;
    uint32_t group_idx, row_idx;
    bool is_alias;
};

struct reading {
    const struct tyto_command *command;
    void *target;
    int argc, at; /* at: of what is being read */
    char **argv;
    int num_arguments;
    uint64_t given[MAX_GROUPS];
};

/* --- finding ---------------------------------------------------------------------------------- */

static bool is_alias(const struct tyto_option *option, const char *name, size_t name_chars)
{
    for (const char *at = option->aliases; at && *at; at += *at == ',') {
        const size_t len = strcspn(at, ",");
        if (len == name_chars && strncmp(at, name, len) == 0)
            return true;
        at += len;
    }
    return false;
}

/* How well a row is called by name (without "--"): 3 exactly, 2 by an older name, 1 by its
 * beginning, 0 not at all. */
static int match(const struct tyto_option_group *group, const struct tyto_option *option,
                 const char *name, size_t name_chars)
{
    char own[NAME_CHARS];
    tyto_option_name(group, option, own, sizeof(own));
    if (strncmp(own + 2, name, name_chars) == 0 && name_chars > 0)
        return own[2 + name_chars] == '\0' ? 3 : option->is_hidden ? 0 : 1;
    return is_alias(option, name, name_chars) ? 2 : 0;
}

/* How many rows fit best; *ret_found is the last of them. */
static uint32_t find_name(const struct tyto_command *command, const char *name, size_t name_chars,
                          struct found *ret_found)
{
    int best = 0;
    uint32_t num = 0;
    for (uint32_t g = 0; g < command->num_groups; g++) {
        const struct tyto_option_group *group = &command->groups[g];
        for (uint32_t i = 0; i < group->num_rows; i++) {
            const int fit = match(group, &group->rows[i], name, name_chars);
            if (fit == 0 || fit < best)
                continue;
            num = fit > best ? 1 : num + 1;
            best = fit;
            *ret_found = (struct found){group, g, i, fit == 2};
        }
    }
    return best >= 2 ? 1 : num;
}

static bool find_letter(const struct tyto_command *command, char letter, struct found *ret_found)
{
    for (uint32_t g = 0; g < command->num_groups; g++) {
        for (uint32_t i = 0; i < command->groups[g].num_rows; i++) {
            if (command->groups[g].rows[i].letter == letter) {
                *ret_found = (struct found){&command->groups[g], g, i, false};
                return true;
            }
        }
    }
    return false;
}

/* --- complaining ------------------------------------------------------------------------------ */

enum tyto_command_result tyto_command_complain(const struct tyto_command *command, const char *fmt,
                                               ...)
{
    char whole[1024], text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(whole, sizeof(whole), fmt, args);
    va_end(args);
    tyto_secret_scrub(whole, text, sizeof(text));
    const size_t num = strlen(text);
    fprintf(stderr, "%s: %s%s See %s --help.\n", command->name, text,
            num > 0 && text[num - 1] == '?' ? "" : ".", command->name);
    return TYTO_COMMAND_WRONG;
}

static enum tyto_command_result fail_unknown(const struct tyto_command *command, const char *text,
                                             uint32_t num_found)
{
    static char names[MAX_NAMES][NAME_CHARS]; /* one command is read by a process */
    const char *list[MAX_NAMES] = {"--help"};
    char typed[NAME_CHARS];
    uint32_t num = 1;
    snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(text, "="), text);
    for (uint32_t g = 0; g < command->num_groups; g++) {
        const struct tyto_option_group *group = &command->groups[g];
        for (uint32_t i = 0; i < group->num_rows && num < MAX_NAMES; i++) {
            if (group->rows[i].is_hidden)
                continue;
            tyto_option_name(group, &group->rows[i], names[num], sizeof(names[num]));
            list[num] = names[num];
            num++;
        }
    }
    if (num_found > 1)
        return tyto_command_complain(command, "'%.60s' may mean several options", typed);
    const char *near = tyto_nearest(typed, list, num);
    if (near)
        return tyto_command_complain(command, "unknown option '%.60s': did you mean '%s'?", typed,
                                     near);
    return tyto_command_complain(command, "unknown option '%.60s'", typed);
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum tyto_command_result give(struct reading *reading, const struct found *found,
                                     const char *text)
{
    struct tyto_fault fault = {.text = ""};
    char name[NAME_CHARS];
    const enum tyto_err err = tyto_option_give(found->group, found->row_idx, reading->target,
                                               &reading->given[found->group_idx], text, &fault);
    if (!err)
        return TYTO_COMMAND_RUN;
    tyto_option_name(found->group, &found->group->rows[found->row_idx], name, sizeof(name));
    return tyto_command_complain(reading->command, "%s: %s", name, fault.text);
}

/* The value of a row that is spelled `spelled`; behind: what stands behind "=" or a letter, or
 * NULL. */
static enum tyto_command_result take(struct reading *reading, const struct found *found,
                                     const char *spelled, const char *behind)
{
    const struct tyto_option *option = &found->group->rows[found->row_idx];
    const char *next = reading->at + 1 < reading->argc ? reading->argv[reading->at + 1] : NULL;
    const bool is_flag = option->type == TYTO_OPTION_FLAG;
    const char *alone = is_flag ? "true" : option->alone;
    uint32_t word = 0;
    if (behind)
        return give(reading, found, behind);
    const bool has_word =
        next && ((option->words && tyto_word_find(option->words, next, &word)) ||
                 (is_flag && (strcmp(next, "false") == 0 || strcmp(next, "true") == 0)));
    if (alone && !has_word)
        return give(reading, found, alone);
    if (!next || (next[0] == '-' && next[1] == '-'))
        return tyto_command_complain(reading->command, "a value is missing after '%s'", spelled);
    reading->at++;
    return give(reading, found, next);
}

static enum tyto_command_result take_long(struct reading *reading, const char *text)
{
    const size_t name_chars = strcspn(text + 2, "=");
    const char *behind = text[2 + name_chars] == '=' ? text + 3 + name_chars : NULL;
    struct found found = {0};
    char name[NAME_CHARS];
    if (strcmp(text, "--help") == 0)
        return tyto_command_put_help(reading->command, stdout) == TYTO_OK ? TYTO_COMMAND_DONE
                                                                          : TYTO_COMMAND_WRONG;
    if (strcmp(text, "--version") == 0 && reading->command->version) {
        printf("%s %s\n", reading->command->name, reading->command->version);
        return TYTO_COMMAND_DONE;
    }
    const uint32_t num = find_name(reading->command, text + 2, name_chars, &found);
    if (num != 1)
        return fail_unknown(reading->command, text, num);
    tyto_option_name(found.group, &found.group->rows[found.row_idx], name, sizeof(name));
    if (found.is_alias)
        fprintf(stderr, "%s: --%.*s is called %s now; the old name goes with the next release\n",
                reading->command->name, (int)name_chars, text + 2, name);
    return take(reading, &found, name, behind);
}

static enum tyto_command_result take_short(struct reading *reading, const char *text)
{
    struct found found = {0};
    if (strcmp(text, "-h") == 0)
        return take_long(reading, "--help");
    if (!find_letter(reading->command, text[1], &found))
        return fail_unknown(reading->command, text, 0);
    return take(reading, &found, text, text[2] ? text + 2 : NULL);
}

enum tyto_command_result tyto_command_read(const struct tyto_command *command, int argc,
                                           char **argv, void *target, int *ret_num_arguments)
{
    struct reading reading = {
        .command = command, .target = target, .argc = argc, .at = 1, .argv = argv};
    enum tyto_command_result result = TYTO_COMMAND_RUN;
    bool are_over = false;
    for (; reading.at < argc && result == TYTO_COMMAND_RUN; reading.at++) {
        char *text = argv[reading.at];
        if (are_over || text[0] != '-' || !text[1])
            argv[1 + reading.num_arguments++] = text;
        else if (strcmp(text, "--") == 0)
            are_over = true;
        else
            result = text[1] == '-' ? take_long(&reading, text) : take_short(&reading, text);
    }
    *ret_num_arguments = reading.num_arguments;
    return result;
}
