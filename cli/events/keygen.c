/* SPDX-License-Identifier: MIT */
/* tyto keygen: a pair of keys, for tytod or for one who subscribes. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/common/fault.h"
#include "cli/common/options.h"
#include "cli/events/events.h"
#include "client/tyto.h"
#include "files/key_file.h"

enum { MAX_PATH = 1024 };

struct keygen {
    bool unused;
};

static const struct tyto_command_argument arguments[] = {
    {"NAME", "path without its ending: NAME.key becomes the secret key, NAME.pub the public one"},
    {NULL, NULL}};

const struct tyto_command tyto_command_keygen = {
    .name = "tyto keygen",
    .summary = "make a pair of keys, for tytod or for a subscriber",
    .usage = "tyto keygen NAME",
    .arguments = arguments,
    .notes = "Files that are there already are never overwritten. The secret key stays where it is "
             "used; the public one goes to the other side: tytod's to subscribers, theirs into "
             "tytod's file of clients. The line for that file is printed.",
    .examples = "tyto keygen server                 # publish: {server_key: server.key, ...}\n"
                "tyto keygen front-desk             # prints a line for publish.clients\n"
                "tyto watch tcp://192.168.1.4:5571 --server-key server.pub --key front-desk.key\n",
    .target_bytes = sizeof(struct keygen),
};

static int make(const char *name)
{
    char public_key[TYTO_CLIENT_KEY_BYTES], secret_key[TYTO_CLIENT_KEY_BYTES];
    char secret_path[MAX_PATH], public_path[MAX_PATH];
    struct tyto_fault fault = {.text = ""};
    const char *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    const int num = snprintf(secret_path, sizeof(secret_path), "%s.key", name);
    (void)snprintf(public_path, sizeof(public_path), "%s.pub", name);
    if (num >= MAX_PATH || !last[0])
        return tyto_options_complain(&tyto_command_keygen, "the name is too long, or empty");
    enum tyto_err err = tyto_client_make_keys(public_key, secret_key);
    if (!err)
        err = tyto_key_file_write(secret_path, true, secret_key, &fault);
    if (!err)
        err = tyto_key_file_write(public_path, false, public_key, &fault);
    explicit_bzero(secret_key, sizeof(secret_key));
    if (err) {
        tyto_fault_tell("keygen", &fault, err);
        return 1;
    }
    printf("%s viewer %s\n", tyto_text_is_name(last, 32) ? last : "NAME", public_key);
    return 0;
}

int tyto_cmd_keygen(int argc, char **argv)
{
    struct keygen keygen = {.unused = false};
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_keygen, argc, argv, &keygen, &num_arguments, &status))
        status = num_arguments == 1 ? make(argv[1])
                                    : tyto_options_complain(&tyto_command_keygen, "needs one name");
    tyto_command_finish(&tyto_command_keygen, &keygen);
    return status;
}
