/* SPDX-License-Identifier: MIT */
#include "options/reference.h"

#include <string.h>

enum { COMMENT_COLUMN = 44 };

void tyto_option_full_help(const struct tyto_option *option, char *ret_text, size_t text_bytes)
{
    size_t num = 0;
    snprintf(ret_text, text_bytes, "%s", option->help);
    for (const struct tyto_word *word = option->words; word && word->word; word++) {
        num = strlen(ret_text);
        if (word->help)
            snprintf(ret_text + num, text_bytes - num, "; %s: %s", word->word, word->help);
    }
}

/* What a value may be, for a person: "0.1 to 600 s", "FILE". */
static void print_takes(const struct tyto_option *option, char *ret_text, size_t text_bytes)
{
    tyto_option_range(option, ret_text, text_bytes);
    if (!ret_text[0])
        tyto_option_value_name(option, ret_text, text_bytes);
    const size_t num = strlen(ret_text);
    if (option->type == TYTO_OPTION_TEXTS)
        snprintf(ret_text + num, text_bytes - num, ", or a list of them");
    else if (option->unit && !option->words)
        snprintf(ret_text + num, text_bytes - num, " %s", option->unit);
    else if (option->unit) /* "0.01 to 36500, or unlimited" */
        snprintf(ret_text + num, text_bytes - num, " (%s)", option->unit);
}

static void put_cell(FILE *out, const char *text)
{
    fputs("| ", out);
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
    fputc(' ', out);
}

void tyto_options_put_reference(FILE *out, const struct tyto_option_group *group,
                                const void *target)
{
    fprintf(out, "| key | value | default | meaning |\n|---|---|---|---|\n");
    for (uint32_t i = 0; i < group->num_rows; i++) {
        const struct tyto_option *option = &group->rows[i];
        char text[TYTO_OPTIONS_TEXT_MAX];
        fprintf(out, "| `%s` ", option->key);
        print_takes(option, text, sizeof(text));
        put_cell(out, text);
        tyto_option_default(option, tyto_option_value(group, i, target), text, sizeof(text));
        if (option->is_needed)
            put_cell(out, "must be given");
        else if (text[0] && (!option->absent || strcmp(text, option->absent) != 0))
            fprintf(out, "| `%s` ", text);
        else
            put_cell(out, text);
        tyto_option_full_help(option, text, sizeof(text));
        put_cell(out, text);
        fprintf(out, "|\n");
    }
}

void tyto_options_put_example(FILE *out, const struct tyto_option_group *group, const void *target,
                              const char *before)
{
    for (uint32_t i = 0; i < group->num_rows; i++) {
        const struct tyto_option *option = &group->rows[i];
        const bool is_list = option->type == TYTO_OPTION_TEXTS && !option->example;
        char value[TYTO_OPTIONS_TEXT_MAX], line[TYTO_OPTIONS_TEXT_MAX + 128], takes[256];
        tyto_option_default(option, tyto_option_value(group, i, target), value, sizeof(value));
        const bool is_absent = option->absent && strcmp(value, option->absent) == 0;
        if (is_absent && option->example)
            snprintf(value, sizeof(value), "%s", option->example);
        else if (is_absent || !value[0])
            continue;
        snprintf(line, sizeof(line), "%s%s: %s%s%s", before, option->key, is_list ? "[" : "", value,
                 is_list ? "]" : "");
        print_takes(option, takes, sizeof(takes));
        if (is_absent)
            snprintf(takes, sizeof(takes), "an example; default: %s", option->absent);
        fprintf(out, "%-*s # %s\n", COMMENT_COLUMN, line, takes);
    }
}
