/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/paths.h"
#include "cli/common/link.h"
#include "client/tyto.h"

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct tyto_link, field)
const struct tyto_option tyto_link_rows[] = {
    {.key = "server_key", .type = TYTO_OPTION_TEXT, AT(server_key_file), .value = "FILE",
     .absent = "no keys", .help = "tytod's public key, where it asks for keys"},
    {.key = "key", .type = TYTO_OPTION_TEXT, AT(key_file), .value = "FILE", .absent = "no keys",
     .help = "your secret key; tytod knows you by the public one (tyto keygen)"},
};
#undef AT
/* clang-format on */

static enum tyto_err read_keys(struct tyto_link *link, struct tyto_fault *ret_fault)
{
    if (!link->server_key_file && !link->key_file)
        return TYTO_OK;
    if (!link->server_key_file || !link->key_file)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "--server-key and --key belong together");
    link->server_key = link->key_texts[0];
    link->key = link->key_texts[1];
    enum tyto_err err =
        tyto_key_file_read(link->server_key_file, false, link->key_texts[0], ret_fault);
    return !err ? tyto_key_file_read(link->key_file, true, link->key_texts[1], ret_fault) : err;
}

enum tyto_err tyto_link_prepare(struct tyto_link *link, const char *argument,
                                struct tyto_fault *ret_fault)
{
    char path[200];
    const enum tyto_err err = read_keys(link, ret_fault);
    if (err)
        return err;
    if (!argument)
        argument = TYTO_CLIENT_DEFAULT_ENDPOINT;
    if (strlen(argument) >= sizeof(link->endpoint))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "the endpoint is too long");
    snprintf(link->endpoint, sizeof(link->endpoint), "%s", argument);
    if (strcmp(argument, "ipc") != 0)
        return TYTO_OK;
    if (!tyto_paths_meeting("events.sock", path, sizeof(path)))
        (void)tyto_paths_system("events.sock", path, sizeof(path));
    snprintf(link->endpoint, sizeof(link->endpoint), "ipc://%s", path);
    return TYTO_OK;
}
