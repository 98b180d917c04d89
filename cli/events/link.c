/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/paths.h"
#include "cli/common/fault.h"
#include "cli/events/internal.h"

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
    link->has_keys = true;
    enum tyto_err err =
        tyto_key_file_read(link->server_key_file, false, link->server_key, ret_fault);
    return !err ? tyto_key_file_read(link->key_file, true, link->key, ret_fault) : err;
}

bool tyto_link_prepare(struct tyto_link *link, const char *argument, const char *name)
{
    char path[200];
    struct tyto_fault fault = {.text = ""};
    const enum tyto_err err = read_keys(link, &fault);
    if (err) {
        tyto_fault_tell(name, &fault, err);
        return false;
    }
    if (!argument)
        argument = TYTO_CLIENT_DEFAULT_ENDPOINT;
    if (strlen(argument) >= sizeof(link->endpoint)) {
        fprintf(stderr, "tyto %s: the endpoint is too long\n", name);
        return false;
    }
    snprintf(link->endpoint, sizeof(link->endpoint), "%s", argument);
    if (strcmp(argument, "ipc") != 0)
        return true;
    if (!tyto_paths_meeting("events.sock", path, sizeof(path)))
        (void)tyto_paths_system("events.sock", path, sizeof(path));
    snprintf(link->endpoint, sizeof(link->endpoint), "ipc://%s", path);
    return true;
}

struct tyto_query *tyto_link_query(const struct tyto_link *link, const char *name, int *ret_status)
{
    enum tyto_refusal refusal = TYTO_REFUSAL_NONE;
    const struct tyto_query_params params = {.endpoint = link->endpoint,
                                             .server_key = link->has_keys ? link->server_key : NULL,
                                             .secret_key = link->has_keys ? link->key : NULL,
                                             .ret_refusal = &refusal};
    struct tyto_query *query = NULL;
    const enum tyto_err err = tyto_query_create(&params, &query);
    *ret_status = err == TYTO_ERR_INVALID ? 2 : 1;
    if (err == TYTO_ERR_CLOSED)
        fprintf(stderr, "tyto %s: %s: %s (--server-key, --key)\n", name, link->endpoint,
                tyto_refusal_text(refusal));
    else if (err == TYTO_ERR_UNSUPPORTED)
        fprintf(stderr,
                "tyto %s: tytod at %s has no query socket for that kind of address "
                "(publish.query in its configuration)\n",
                name, link->endpoint);
    else if (err)
        fprintf(stderr, "tyto %s: cannot ask tytod at %s: %s\n", name, link->endpoint,
                err == TYTO_ERR_TIMEOUT ? "nobody answers" : tyto_err_text(err));
    return query;
}

int tyto_link_complain(const struct tyto_query *query, const char *name, enum tyto_err err)
{
    const char *text = tyto_query_error_text(query);
    if (err == TYTO_ERR_TIMEOUT && !text[0])
        text = "no answer came";
    fprintf(stderr, "tyto %s: %s\n", name, text[0] ? text : tyto_err_text(err));
    return 1;
}
