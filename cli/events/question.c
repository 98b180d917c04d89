/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/common/fault.h"
#include "cli/events/internal.h"

bool tyto_link_find(struct tyto_link *link, const char *argument, const char *name)
{
    struct tyto_fault fault = {.text = ""};
    const enum tyto_err err = tyto_link_prepare(link, argument, &fault);
    if (err)
        tyto_fault_tell(name, &fault, err);
    return !err;
}

struct tyto_query *tyto_link_query(const struct tyto_link *link, const char *name, int *ret_status)
{
    enum tyto_refusal refusal = TYTO_REFUSAL_NONE;
    const struct tyto_query_params params = {.endpoint = link->endpoint,
                                             .server_key = link->server_key,
                                             .secret_key = link->key,
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
