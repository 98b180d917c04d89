/* SPDX-License-Identifier: MIT */
/* --help: aligned, wrapped, with groups. */
#include <stdlib.h>
#include <string.h>

#include "options/command.h"

enum { COLUMNS = 80, MAX_HEAD = 26, LEAST_HEAD = 14 };

/* Words of text (whatever line breaks it has) behind `column` columns, of which `used` are taken.
 */
static void put_wrapped(FILE *out, const char *text, size_t len, int column, int used)
{
    int at = used;
    bool is_first = true;
    for (const char *end = text + len; text < end;) {
        while (text < end && (*text == ' ' || *text == '\n'))
            text++;
        size_t num = 0;
        while (text + num < end && text[num] != ' ' && text[num] != '\n')
            num++;
        if (num == 0)
            break;
        if (at > column && at + 1 + (int)num > COLUMNS) {
            fputc('\n', out);
            at = 0;
            is_first = true;
        }
        fprintf(out, "%*s%.*s", is_first ? column - at : 1, "", (int)num, text);
        at = (is_first ? column : at + 1) + (int)num;
        is_first = false;
        text += num;
    }
    fputc('\n', out);
}

/* Paragraphs, which empty lines part. */
static void put_paragraphs(FILE *out, const char *text)
{
    while (text && *text) {
        const char *end = strstr(text, "\n\n");
        const size_t len = end ? (size_t)(end - text) : strlen(text);
        put_wrapped(out, text, len, 0, 0);
        fputc('\n', out);
        text = end ? end + 2 : NULL;
    }
}

/* The first line behind `first`, the others as far in. */
static void put_lines(FILE *out, const char *first, const char *lines)
{
    const int column = (int)strlen(first);
    while (lines && *lines) {
        const size_t len = strcspn(lines, "\n");
        fprintf(out, "%*s%.*s\n", column, first, (int)len, lines);
        lines += len + (lines[len] == '\n');
        first = "";
    }
}

/* "--out FILE", "-o, --out FILE", "--weak [WORD]". */
static void print_head(const struct tyto_option_group *group, const struct tyto_option *option,
                       char *ret_text, size_t text_bytes)
{
    char name[48], value[48], letter[8] = "";
    tyto_option_name(group, option, name, sizeof(name));
    tyto_option_value_name(option, value, sizeof(value));
    if (option->letter)
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    snprintf(ret_text, text_bytes, "%s%s%s%s%s%s", letter, name, value[0] ? " " : "",
             option->alone ? "[" : "", value, option->alone ? "]" : "");
}

static void put_row(FILE *out, const char *head, const char *text, int column)
{
    int used = fprintf(out, "  %s", head);
    if (used + 2 > column) {
        fputc('\n', out);
        used = 0;
    }
    put_wrapped(out, text, strlen(text), column, used);
}

static void put_option(FILE *out, const struct tyto_option_group *group, uint32_t idx,
                       const void *defaults, int column)
{
    const struct tyto_option *option = &group->rows[idx];
    char head[128], text[2 * TYTO_OPTIONS_TEXT_MAX], words[256] = "", value[TYTO_OPTIONS_TEXT_MAX];
    print_head(group, option, head, sizeof(head));
    if (option->type == TYTO_OPTION_WORD && !strchr(head, '|'))
        tyto_words_print(option->words, ", ", words, sizeof(words));
    tyto_option_default_given(group, option, tyto_option_value(group, idx, defaults), value,
                              sizeof(value));
    const bool has_default = value[0] != '\0';
    snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", option->help, words[0] ? ": " : "", words,
             option->is_needed ? "; must be given" : "", has_default ? " (default: " : "",
             has_default ? value : "", has_default ? ")" : "");
    put_row(out, head, text, column);
}

/* Where help begins: behind the longest head that is not too long. */
static int find_column(const struct tyto_command *command)
{
    int column = LEAST_HEAD;
    for (uint32_t g = 0; g < command->num_groups; g++) {
        for (uint32_t i = 0; i < command->groups[g].num_rows; i++) {
            char head[128];
            print_head(&command->groups[g], &command->groups[g].rows[i], head, sizeof(head));
            const int num = (int)strlen(head);
            if (num > column && num <= MAX_HEAD)
                column = num;
        }
    }
    return column + 4;
}

static void put_groups(FILE *out, const struct tyto_command *command, const void *defaults)
{
    const int column = find_column(command);
    const struct tyto_command_argument *argument = command->arguments;
    bool has_any = false;
    for (; argument && argument->name; argument++) {
        if (!argument->help)
            continue;
        put_row(out, argument->name, argument->help, column);
        has_any = true;
    }
    for (uint32_t g = 0; g < command->num_groups; g++) {
        const struct tyto_option_group *group = &command->groups[g];
        if (group->title)
            fprintf(out, "%s%s:\n", has_any ? "\n" : "", group->title);
        for (uint32_t i = 0; i < group->num_rows; i++) {
            if (!group->rows[i].is_hidden)
                put_option(out, group, i, defaults, column);
        }
        has_any = true;
    }
    if (command->num_groups > 1)
        fputc('\n', out);
    put_row(out, command->version ? "--help, --version" : "--help",
            command->version ? "this text, the version" : "this text", column);
    fputc('\n', out);
}

enum tyto_err tyto_command_put_help(const struct tyto_command *command, FILE *out)
{
    void *defaults = tyto_command_target(command);
    if (!defaults)
        return TYTO_ERR_NOMEM;
    fprintf(out, "%s: %s.\n\n", command->name, command->summary);
    put_lines(out, "usage: ", command->usage);
    fputc('\n', out);
    put_paragraphs(out, command->text);
    put_groups(out, command, defaults);
    put_paragraphs(out, command->notes);
    fputs("examples:\n", out);
    put_lines(out, "  ", command->examples);
    tyto_command_free(command, &defaults);
    return TYTO_OK;
}
