/* SPDX-License-Identifier: MIT */
/* tyto user: who may come to the page of tyto serve. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/common/fault.h"
#include "cli/common/options.h"
#include "cli/events/events.h"
#include "files/guarded.h"
#include "web/users/users.h"

struct user_options {
    char *users, *password_file;
    enum tyto_role role;
};

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct user_options, field)
static const struct tyto_option rows[] = {
    {.key = "users", .letter = 'u', .type = TYTO_OPTION_TEXT, AT(users), .value = "FILE",
     .is_place = true, .is_needed = true,
     .help = "the file that `tyto serve --users` reads; made, for its owner alone, if it is not there"},
    {.key = "role", .letter = 'r', .type = TYTO_OPTION_WORD, AT(role),
     .words = TYTO_WORDS(TYTO_ROLE_LIST),
     .help = "of a user who is added: a viewer looks, an admin corrects labels too"},
    {.key = "password_file", .letter = 'p', .type = TYTO_OPTION_TEXT, AT(password_file),
     .value = "FILE", .is_place = true, .absent = "asked for on the terminal",
     .help = "a file whose first line is the password, nobody else's to read"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {{.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)}};
static const struct tyto_command_argument arguments[] = {
    {"add NAME", "a new user; the name has 1 to 31 characters of a-z 0-9 _ -"},
    {"passwd NAME", "another password for a user"},
    {"remove NAME", "no such user any more"},
    {"list", "who there is, and as what"},
    {NULL, NULL}};

const struct tyto_command tyto_command_user = {
    .name = "tyto user",
    .summary = "who may come to the page of tyto serve: add, remove, list, change passwords",
    .usage = "tyto user add|passwd|remove NAME --users FILE [OPTION...]\n"
             "tyto user list --users FILE",
    .arguments = arguments,
    .groups = groups,
    .num_groups = 1,
    .notes = "The file has the hashes of passwords (Argon2id), never a password. A tyto serve that "
             "runs notices the change within seconds: who has another password or role, or is "
             "gone, is logged out everywhere.",
    .examples = "tyto user add anna --role admin --users serve.users\n"
                "tyto user add front-desk --users serve.users --password-file desk.password\n"
                "tyto serve --users serve.users\n",
    .target_bytes = sizeof(struct user_options),
};

enum { MAX_LINE = TYTO_USER_MAX_PASSWORD + 3 /* end of line */, MAX_FILE_BYTES = 4096 };

/* --- passwords ------------------------------------------------------------------------------- */

static enum tyto_err refuse(struct tyto_fault *ret_fault, const char *path, const char *text)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, path, 0, NULL, "%s", text);
}

static enum tyto_err read_file(const char *path, char ret_line[MAX_LINE],
                               struct tyto_fault *ret_fault)
{
    char text[MAX_FILE_BYTES + 1];
    const enum tyto_err err =
        tyto_guarded_read(path, TYTO_GUARD_OTHERS, "a password", text, sizeof(text), ret_fault);
    if (!err) {
        text[strcspn(text, "\r\n")] = '\0';
        /* What does not fit is too long for a password in any case. */
        snprintf(ret_line, MAX_LINE, "%.*s", MAX_LINE - 1, text);
    }
    explicit_bzero(text, sizeof(text));
    return err;
}

/* Without echo; ^C comes as a character, so that the terminal is never left without it. */
static enum tyto_err ask(const char *question, char ret_line[MAX_LINE],
                         struct tyto_fault *ret_fault)
{
    struct termios old;
    if (tcgetattr(STDIN_FILENO, &old) != 0)
        return refuse(ret_fault, NULL,
                      "here is no terminal to ask for the password: give --password-file FILE");
    struct termios quiet = old;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    fputs(question, stderr);
    const char *line = fgets(ret_line, MAX_LINE, stdin);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fputc('\n', stderr);
    if (!line || strchr(ret_line, '\003') || strchr(ret_line, '\034'))
        return refuse(ret_fault, NULL, "given up: nothing has changed");
    if (!strchr(ret_line, '\n'))
        return refuse(ret_fault, NULL, "the password is too long");
    ret_line[strcspn(ret_line, "\r\n")] = '\0';
    return TYTO_OK;
}

static enum tyto_err ask_twice(char ret_line[MAX_LINE], struct tyto_fault *ret_fault)
{
    char again[MAX_LINE] = "";
    enum tyto_err err = ask("Password: ", ret_line, ret_fault);
    if (!err)
        err = ask("Once more: ", again, ret_fault);
    if (!err && strcmp(ret_line, again) != 0)
        err = refuse(ret_fault, NULL, "these are two passwords: nothing has changed");
    explicit_bzero(again, sizeof(again));
    return err;
}

static enum tyto_err set_password(const struct user_options *options, struct tyto_user *user,
                                  struct tyto_fault *ret_fault)
{
    char line[MAX_LINE] = "";
    enum tyto_err err = options->password_file ? read_file(options->password_file, line, ret_fault)
                                               : ask_twice(line, ret_fault);
    if (!err)
        err = tyto_password_hash(line, user->hash, ret_fault);
    explicit_bzero(line, sizeof(line));
    return err;
}

/* --- what can be done -------------------------------------------------------------------------
 */

static enum tyto_err add(const struct user_options *options, struct tyto_users *users,
                         const char *name, struct tyto_fault *ret_fault)
{
    struct tyto_user *user = NULL;
    const enum tyto_err err = tyto_users_add(users, name, options->role, &user, ret_fault);
    return err ? err : set_password(options, user, ret_fault);
}

static enum tyto_err change(const struct user_options *options, struct tyto_users *users,
                            const char *verb, const char *name, struct tyto_fault *ret_fault)
{
    struct tyto_user *user = tyto_users_find(users, name);
    if (!user)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, options->users, 0, NULL,
                              "has no user '%.40s'", name);
    if (strcmp(verb, "passwd") == 0)
        return set_password(options, user, ret_fault);
    tyto_users_remove(users, user);
    return TYTO_OK;
}

static int list(const struct tyto_users *users)
{
    for (uint32_t i = 0; i < users->num; i++)
        printf("%-32s %s\n", users->items[i].name, tyto_role_name(users->items[i].role));
    return fflush(stdout) == 0 ? 0 : 1;
}

static int run(const struct user_options *options, const char *verb, const char *name)
{
    struct tyto_users users = {.num = 0};
    struct tyto_fault fault = {.text = ""};
    const bool is_add = strcmp(verb, "add") == 0, is_list = strcmp(verb, "list") == 0;
    int status = 0;
    enum tyto_err err = tyto_users_read(options->users, &users, &fault);
    if (err == TYTO_ERR_NOT_FOUND && is_add)
        err = TYTO_OK;
    if (!err && is_list)
        status = list(&users);
    else if (!err)
        err = is_add ? add(options, &users, name, &fault)
                     : change(options, &users, verb, name, &fault);
    if (!err && !is_list)
        err = tyto_users_write(options->users, &users, &fault);
    tyto_users_finish(&users);
    if (err)
        tyto_fault_tell("user", &fault, err);
    return err ? 1 : status;
}

int tyto_cmd_user(int argc, char **argv)
{
    struct user_options options = {.users = NULL};
    int status = 0, num = 0;
    if (tyto_options_read(&tyto_command_user, argc, argv, &options, &num, &status)) {
        const char *verb = num > 0 ? argv[1] : "";
        const bool has_name =
            strcmp(verb, "add") == 0 || strcmp(verb, "passwd") == 0 || strcmp(verb, "remove") == 0;
        if (!has_name && strcmp(verb, "list") != 0)
            status = tyto_options_complain(&tyto_command_user, "add, passwd, remove or list?");
        else if (num != 1 + has_name)
            status = tyto_options_complain(&tyto_command_user, has_name ? "one name is expected"
                                                                        : "list needs no name");
        else if (!options.users)
            status = tyto_options_complain(&tyto_command_user, "--users FILE is needed");
        else
            status = run(&options, verb, has_name ? argv[2] : NULL);
    }
    tyto_command_finish(&tyto_command_user, &options);
    return status;
}
