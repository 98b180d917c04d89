/* SPDX-License-Identifier: MIT */
/* Completions for shells: everything that is known stands in the script, so that a TAB starts no
 * process. */
#include <string.h>

#include "options/command.h"

typedef void (*put_option_fn)(FILE *out, const struct tyto_command *command,
                              const struct tyto_option_group *group,
                              const struct tyto_option *option);

/* What stands behind the program's name: "train", "model push", "". */
static const char *path_of(const struct tyto_command *command)
{
    const size_t len = strcspn(command->name, " ");
    return command->name + len + (command->name[len] == ' ');
}

static bool is_program(const struct tyto_command *command)
{
    return path_of(command)[0] == '\0';
}

static bool is_second_level(const struct tyto_command *command)
{
    return strchr(path_of(command), ' ') != NULL;
}

static void put_program(FILE *out, const struct tyto_command *command)
{
    fprintf(out, "%.*s", (int)strcspn(command->name, " "), command->name);
}

static void for_each_option(FILE *out, const struct tyto_command *command, put_option_fn put)
{
    for (uint32_t g = 0; g < command->num_groups; g++) {
        for (uint32_t i = 0; i < command->groups[g].num_rows; i++) {
            if (!command->groups[g].rows[i].is_hidden)
                put(out, command, &command->groups[g], &command->groups[g].rows[i]);
        }
    }
}

/* "FILE" and "DIR" may begin a longer name, "FILE..." or "FILE.jsonl". */
static const char *kind_of(const char *value_name)
{
    const bool is_file = strncmp(value_name, "FILE", 4) == 0 || strcmp(value_name, "PATH") == 0 ||
                         strncmp(value_name, "MODEL", 5) == 0 ||
                         strcmp(value_name, "MANIFEST") == 0;
    const bool is_dir = strncmp(value_name, "DIR", 3) == 0 || strcmp(value_name, "RUN") == 0;
    return is_file ? "file" : is_dir ? "dir" : "";
}

static const char *argument_kind(const struct tyto_command *command)
{
    return command->arguments && command->arguments[0].name ? kind_of(command->arguments[0].name)
                                                            : "";
}

/* Commands directly below `above` ("": the program's, "model": import and so on). */
static void put_names(FILE *out, const struct tyto_command *const *commands, uint32_t num_commands,
                      const char *above, const char *between)
{
    const size_t len = strlen(above);
    const char *before = "";
    for (uint32_t i = 0; i < num_commands; i++) {
        const char *path = path_of(commands[i]);
        if (len > 0 && (strncmp(path, above, len) != 0 || path[len] != ' '))
            continue;
        const char *name = len > 0 ? path + len + 1 : path;
        if (!name[0] || strchr(name, ' '))
            continue;
        fprintf(out, "%s%s", before, name);
        before = between;
    }
}

/* --- bash ------------------------------------------------------------------------------------- */

static void put_bash_name(FILE *out, const struct tyto_command *command,
                          const struct tyto_option_group *group, const struct tyto_option *option)
{
    char name[64];
    (void)command;
    tyto_option_name(group, option, name, sizeof(name));
    fprintf(out, " %s", name);
    if (option->letter)
        fprintf(out, " -%c", option->letter);
}

static void put_bash_value(FILE *out, const struct tyto_command *command,
                           const struct tyto_option_group *group, const struct tyto_option *option)
{
    char name[64], value[64], words[256] = "";
    tyto_option_name(group, option, name, sizeof(name));
    tyto_option_value_name(option, value, sizeof(value));
    if (option->type == TYTO_OPTION_FLAG)
        return;
    if (option->words)
        tyto_words_print(option->words, " ", words, sizeof(words));
    fprintf(out, "    '%s%s%s'", path_of(command), is_program(command) ? "" : " ", name);
    if (option->letter)
        fprintf(out, " | '%s%s-%c'", path_of(command), is_program(command) ? "" : " ",
                option->letter);
    fprintf(out, ") kind='%s' words='%s' ;;\n", option->words ? "words" : kind_of(value), words);
}

static const char bash_head[] =
    "() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev='' command='' kind='' words='' options=''\n"
    "    COMPREPLY=()\n"
    "    [ \"$COMP_CWORD\" -gt 0 ] && prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    # --key=value comes as three words.\n"
    "    if [ \"$cur\" = = ]; then\n"
    "        cur=''\n"
    "    elif [ \"$prev\" = = ] && [ \"$COMP_CWORD\" -gt 2 ]; then\n"
    "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n";
static const char bash_tail[] =
    "    if [ \"$kind\" = words ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
    "    elif [ \"$kind\" = file ]; then\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "    elif [ \"$kind\" = dir ]; then\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
    "    fi\n"
    "}\n";

static void put_bash_options(FILE *out, const struct tyto_command *command)
{
    fprintf(out, "    '%s') options='", path_of(command));
    for_each_option(out, command, put_bash_name);
    fprintf(out, " --help' kind='%s' ;;\n", argument_kind(command));
}

static void put_bash_commands(FILE *out, const struct tyto_command *const *commands,
                              uint32_t num_commands)
{
    fputs("    local commands='", out);
    put_names(out, commands, num_commands, "", " ");
    fputs(
        "'\n    local below=''\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W \"$commands --help --version\" -- \"$cur\")\n"
        "        return\n"
        "    fi\n"
        "    command=${COMP_WORDS[1]}\n",
        out);
    for (uint32_t i = 0; i < num_commands; i++) {
        if (is_program(commands[i]) || !is_second_level(commands[i]))
            continue;
        const char *path = path_of(commands[i]);
        const int len = (int)strcspn(path, " ");
        fprintf(out, "    [ \"$command\" = %.*s ] && below+=' %s'\n", len, path, path + len + 1);
    }
    fputs("    if [ -n \"$below\" ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$below --help\" -- \"$cur\")\n"
          "        return\n"
          "    fi\n"
          "    [ -n \"$below\" ] && command=\"$command ${COMP_WORDS[2]}\"\n",
          out);
}

static void put_bash(FILE *out, const struct tyto_command *const *commands, uint32_t num_commands)
{
    fputs("# shellcheck shell=bash\n# Completions for bash, written from the tables of options.\n_",
          out);
    put_program(out, commands[0]);
    fputs(bash_head, out);
    if (num_commands > 1)
        put_bash_commands(out, commands, num_commands);
    fputs("    case \"$command\" in\n", out);
    for (uint32_t i = 0; i < num_commands; i++)
        put_bash_options(out, commands[i]);
    fputs("    esac\n"
          "    if [[ $cur == -* ]]; then\n"
          "        kind=words words=$options\n"
          "    else\n"
          "        case \"${command:+$command }$prev\" in\n",
          out);
    for (uint32_t i = 0; i < num_commands; i++)
        for_each_option(out, commands[i], put_bash_value);
    fputs("        esac\n    fi\n", out);
    fputs(bash_tail, out);
    fputs("complete -F _", out);
    put_program(out, commands[0]);
    fputc(' ', out);
    put_program(out, commands[0]);
    fputc('\n', out);
}

/* --- zsh -------------------------------------------------------------------------------------- */

static void put_zsh_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\", *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void put_zsh_action(FILE *out, const char *kind)
{
    fputs(kind[0] == 'f' ? "_files" : kind[0] == 'd' ? "_files -/" : "", out);
}

static void put_zsh_option(FILE *out, const struct tyto_command *command,
                           const struct tyto_option_group *group, const struct tyto_option *option)
{
    char name[64], value[64], words[256];
    (void)command;
    tyto_option_name(group, option, name, sizeof(name));
    tyto_option_value_name(option, value, sizeof(value));
    const bool has_value = option->type != TYTO_OPTION_FLAG;
    fprintf(out, "        '%s%s%s[", option->type == TYTO_OPTION_TEXTS ? "*" : "", name,
            has_value ? "=" : "");
    put_zsh_text(out, option->help);
    fputs("]", out);
    if (has_value) {
        fprintf(out, "%s", option->alone ? "::" : ":");
        put_zsh_text(out, value);
        fputc(':', out);
    }
    if (has_value && option->words) {
        tyto_words_print(option->words, " ", words, sizeof(words));
        fprintf(out, "(%s)", words);
    } else if (has_value) {
        put_zsh_action(out, kind_of(value));
    }
    fputs("' \\\n", out);
}

static void put_zsh_command(FILE *out, const struct tyto_command *command)
{
    fputs("    _arguments -s \\\n", out);
    for_each_option(out, command, put_zsh_option);
    fputs("        '(- *)--help[this text]' \\\n        '*:argument:", out);
    put_zsh_action(out, argument_kind(command));
    fputs("'\n", out);
}

static void put_zsh(FILE *out, const struct tyto_command *const *commands, uint32_t num_commands)
{
    fputs("#compdef ", out);
    put_program(out, commands[0]);
    fputs("\n# Completions for zsh, written from the tables of options.\n", out);
    if (num_commands == 1) {
        put_zsh_command(out, commands[0]);
        return;
    }
    fputs("local -a commands below\ncommands=(\n", out);
    for (uint32_t i = 0; i < num_commands; i++) {
        if (is_program(commands[i]) || is_second_level(commands[i]))
            continue;
        fprintf(out, "    '%s:", path_of(commands[i]));
        put_zsh_text(out, commands[i]->summary);
        fputs("'\n", out);
    }
    fputs(")\nif (( CURRENT == 2 )); then\n    _describe command commands\n    return\nfi\n"
          "local command=$words[2]\nbelow=()\ncase $command in\n",
          out);
    for (uint32_t i = 0; i < num_commands; i++) {
        if (is_program(commands[i]) || is_second_level(commands[i]))
            continue;
        fprintf(out, "%s) below=(", path_of(commands[i]));
        put_names(out, commands, num_commands, path_of(commands[i]), " ");
        fputs(") ;;\n", out);
    }
    fputs(
        "esac\nif (( $#below && CURRENT == 3 )); then\n    _values command $below\n    return\nfi\n"
        "if (( $#below )); then\n    command=\"$command $words[3]\"\n    shift words\n"
        "    (( CURRENT-- ))\nfi\nshift words\n(( CURRENT-- ))\ncase $command in\n",
        out);
    for (uint32_t i = 0; i < num_commands; i++) {
        if (is_program(commands[i]))
            continue;
        fprintf(out, "'%s')\n", path_of(commands[i]));
        put_zsh_command(out, commands[i]);
        fputs("    ;;\n", out);
    }
    fputs("esac\n", out);
}

/* --- fish ------------------------------------------------------------------------------------- */

static void put_fish_text(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

/* complete -c PROGRAM -n CONDITION: what stands before the rest of a line. */
static void put_fish_begin(FILE *out, const struct tyto_command *command)
{
    const char *path = path_of(command);
    const int len = (int)strcspn(path, " ");
    fputs("complete -c ", out);
    put_program(out, command);
    if (len > 0)
        fprintf(out, " -n '__fish_seen_subcommand_from %.*s", len, path);
    if (path[len])
        fprintf(out, "; and __fish_seen_subcommand_from %s", path + len + 1);
    fputs(len > 0 ? "'" : "", out);
}

static void put_fish_option(FILE *out, const struct tyto_command *command,
                            const struct tyto_option_group *group, const struct tyto_option *option)
{
    char name[64], value[64], words[256];
    tyto_option_name(group, option, name, sizeof(name));
    tyto_option_value_name(option, value, sizeof(value));
    put_fish_begin(out, command);
    fprintf(out, " -l %s", name + 2);
    if (option->letter)
        fprintf(out, " -s %c", option->letter);
    if (option->words) {
        tyto_words_print(option->words, " ", words, sizeof(words));
        fprintf(out, " -x -a '%s'", words);
    } else if (option->type != TYTO_OPTION_FLAG) {
        const char *kind = kind_of(value);
        fputs(kind[0] == 'f'   ? " -r -F"
              : kind[0] == 'd' ? " -x -a '(__fish_complete_directories)'"
                               : " -x",
              out);
    }
    fputs(" -d ", out);
    put_fish_text(out, option->help);
    fputc('\n', out);
}

static void put_fish(FILE *out, const struct tyto_command *const *commands, uint32_t num_commands)
{
    fputs("# Completions for fish, written from the tables of options.\n", out);
    for (uint32_t i = 0; i < num_commands; i++) {
        const char *path = path_of(commands[i]);
        const int len = (int)strcspn(path, " ");
        if (!is_program(commands[i])) {
            fputs("complete -c ", out);
            put_program(out, commands[i]);
            if (path[len])
                fprintf(out, " -n '__fish_seen_subcommand_from %.*s' -f -a %s -d ", len, path,
                        path + len + 1);
            else
                fprintf(out, " -n __fish_use_subcommand -f -a %s -d ", path);
            put_fish_text(out, commands[i]->summary);
            fputc('\n', out);
        }
        for_each_option(out, commands[i], put_fish_option);
        put_fish_begin(out, commands[i]);
        fputs(" -l help -d 'this text'\n", out);
    }
}

void tyto_commands_put_completion(const struct tyto_command *const *commands, uint32_t num_commands,
                                  enum tyto_shell shell, FILE *out)
{
    if (shell == TYTO_SHELL_BASH)
        put_bash(out, commands, num_commands);
    else if (shell == TYTO_SHELL_ZSH)
        put_zsh(out, commands, num_commands);
    else
        put_fish(out, commands, num_commands);
}
