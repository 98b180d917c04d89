/* SPDX-License-Identifier: MIT */
/* roff of man(7), as mandoc and groff take it without a warning. */
#include "options/man.h"

#include <ctype.h>
#include <string.h>

#include "options/command.h"
#include "options/reference.h"

/* Text within a line; what roff would take for its own is escaped. */
static void put_escaped(FILE *out, const char *text, size_t len, bool is_at_begin)
{
    static const struct {
        char plain;
        const char *escaped;
    } list[] = {{'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"},
                {'`', "\\(ga"}, {'~', "\\(ti"}, {'^', "\\(ha"}};
    if (is_at_begin && len > 0 && text[0] == '.')
        fputs("\\&", out);
    for (size_t i = 0; i < len; i++) {
        const char *escaped = NULL;
        for (size_t k = 0; k < sizeof(list) / sizeof(list[0]); k++)
            escaped = list[k].plain == text[i] ? list[k].escaped : escaped;
        if (escaped)
            fputs(escaped, out);
        else
            fputc(text[i], out);
        if (text[i] == ',' && i + 1 < len && text[i + 1] != ' ')
            fputs("\\:", out); /* a long list without spaces may be broken here */
    }
}

void tyto_man_put_head(FILE *out, const char *name, int section, const char *version,
                       const char *summary)
{
    fprintf(out, ".\\\" Written from the tables of options.\n.TH ");
    for (const char *c = name; *c; c++)
        fputc(*c == ' ' ? '-' : toupper((unsigned char)*c), out);
    /* Ragged: a list that is broken at its commas cannot be stretched. */
    fprintf(out, " %d \"\" \"tyto %s\" tyto\n.ad l\n.SH NAME\n", section, version);
    for (const char *c = name; *c; c++)
        fputs(*c == ' ' || *c == '-' ? "\\-" : (char[]){*c, '\0'}, out);
    fputs(" \\- ", out);
    put_escaped(out, summary, strlen(summary), false);
    fputc('\n', out);
}

void tyto_man_put_text(FILE *out, const char *text)
{
    bool is_first = true;
    while (text && *text) {
        const char *end = strstr(text, "\n\n");
        size_t len = end ? (size_t)(end - text) : strlen(text);
        if (!is_first)
            fputs(".PP\n", out);
        is_first = false;
        while (len > 0) {
            size_t num = 0;
            while (num < len && text[num] != '\n')
                num++;
            if (num > 0) {
                put_escaped(out, text, num, true);
                fputc('\n', out);
            }
            num += num < len;
            text += num;
            len -= num;
        }
        text = end ? end + 2 : NULL;
    }
}

void tyto_man_put_lines(FILE *out, const char *lines)
{
    fputs(".nf\n", out);
    while (*lines) {
        const size_t len = strcspn(lines, "\n");
        put_escaped(out, lines, len, true);
        fputc('\n', out);
        lines += len + (lines[len] == '\n');
    }
    fputs(".fi\n", out);
}

static void put_bold(FILE *out, const char *text)
{
    fputs("\\fB", out);
    put_escaped(out, text, strlen(text), false);
    fputs("\\fR", out);
}

static void put_tag(FILE *out, const struct tyto_option_group *group,
                    const struct tyto_option *option, bool as_options)
{
    char name[64], value[64];
    fputs(".TP\n", out);
    if (!as_options) {
        put_bold(out, option->key);
        fputc('\n', out);
        return;
    }
    tyto_option_name(group, option, name, sizeof(name));
    tyto_option_value_name(option, value, sizeof(value));
    if (option->letter) {
        put_bold(out, (char[]){'-', option->letter, '\0'});
        fputs(", ", out);
    }
    put_bold(out, name);
    if (value[0]) {
        fprintf(out, " %s\\fI", option->alone ? "[" : "");
        put_escaped(out, value, strlen(value), false);
        fprintf(out, "\\fR%s", option->alone ? "]" : "");
    }
    fputc('\n', out);
}

/* "Help. 0.1 to 600 s. Default: 2." */
static void put_help(FILE *out, const struct tyto_option *option, const char *standard)
{
    static const char needed[] = "; must be given";
    char text[2 * TYTO_OPTIONS_TEXT_MAX], range[256];
    tyto_option_full_help(option, text, sizeof(text) - sizeof(needed));
    if (option->is_needed)
        memcpy(text + strlen(text), needed, sizeof(needed));
    text[0] = (char)toupper((unsigned char)text[0]);
    const size_t num = strlen(text);
    tyto_option_range(option, range, sizeof(range));
    const bool has_range = range[0] && option->type != TYTO_OPTION_FLAG;
    snprintf(text + num, sizeof(text) - num, ".%s%s%s%s%s%s%s%s", has_range ? " Value: " : "",
             has_range ? range : "", has_range && option->unit ? " (" : "",
             has_range && option->unit ? option->unit : "",
             has_range && option->unit ? ")."
             : has_range               ? "."
                                       : "",
             standard[0] ? " Default: " : "", standard, standard[0] ? "." : "");
    put_escaped(out, text, strlen(text), true);
    fputc('\n', out);
}

void tyto_man_put_rows(FILE *out, const struct tyto_option_group *group, const void *defaults,
                       bool as_options)
{
    for (uint32_t i = 0; i < group->num_rows; i++) {
        const struct tyto_option *option = &group->rows[i];
        char standard[TYTO_OPTIONS_TEXT_MAX];
        if (option->is_hidden)
            continue;
        put_tag(out, group, option, as_options);
        const void *value = tyto_option_value(group, i, defaults);
        if (as_options)
            tyto_option_default_given(group, option, value, standard, sizeof(standard));
        else
            tyto_option_default(option, value, standard, sizeof(standard));
        put_help(out, option, standard);
    }
}

static void put_options(FILE *out, const struct tyto_command *command, const void *defaults)
{
    fputs(".SH OPTIONS\n", out);
    const struct tyto_command_argument *argument = command->arguments;
    for (; argument && argument->name; argument++) {
        if (!argument->help)
            continue;
        fputs(".TP\n\\fI", out);
        put_escaped(out, argument->name, strlen(argument->name), false);
        fputs("\\fR\n", out);
        tyto_man_put_text(out, argument->help);
    }
    for (uint32_t g = 0; g < command->num_groups; g++) {
        if (command->groups[g].title)
            fprintf(out, ".SS %s\n", command->groups[g].title);
        tyto_man_put_rows(out, &command->groups[g], defaults, true);
    }
    fputs(".TP\n\\fB\\-\\-help\\fR\nPrint a short help.\n", out);
}

enum tyto_err tyto_command_put_man(const struct tyto_command *command, int section,
                                   const char *version, const char *see_also, FILE *out)
{
    void *defaults = tyto_command_target(command);
    if (!defaults)
        return TYTO_ERR_NOMEM;
    tyto_man_put_head(out, command->name, section, version, command->summary);
    fputs(".SH SYNOPSIS\n", out);
    tyto_man_put_lines(out, command->usage);
    if (command->text)
        fputs(".SH DESCRIPTION\n", out);
    tyto_man_put_text(out, command->text);
    put_options(out, command, defaults);
    if (command->notes)
        fputs(".SH NOTES\n", out);
    tyto_man_put_text(out, command->notes);
    fputs(".SH EXAMPLES\n", out);
    tyto_man_put_lines(out, command->examples);
    fputs(".SH SEE ALSO\n", out);
    tyto_man_put_text(out, see_also);
    tyto_command_free(command, &defaults);
    return TYTO_OK;
}
