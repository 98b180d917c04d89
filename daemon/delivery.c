/* SPDX-License-Identifier: MIT */
#include "daemon/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { MAX_QUERY = TYTO_HELLO_MAX_QUERY_ENDPOINTS };

struct tyto_delivery {
    const struct tyto_config *config;
    const struct tyto_log *log;
    struct tyto_access *access;   /* NULL: no keys */
    struct tyto_journal *journal; /* NULL: nothing is kept */
    struct tyto_publisher *publisher;
    struct tyto_query_server *query; /* NULL: nothing can be asked */
    /* Where it is to be. */
    char query_texts[MAX_QUERY][256];
    const char *query_endpoints[MAX_QUERY];
    uint32_t num_query;
};

/* --- the journal ---------------------------------------------------------------------------------
 */

static void open_journal(struct tyto_delivery *self)
{
    const struct tyto_config *config = self->config;
    char path[TYTO_CONFIG_PATH_MAX];
    struct tyto_fault fault = {.text = ""};
    snprintf(path, sizeof(path), "%s", config->journal.path);
    if (strcmp(path, "off") == 0 ||
        (!path[0] && !tyto_config_find_state(config, "journal", path, sizeof(path)))) {
        tyto_log_write(self->log, TYTO_LOG_INFO, "daemon",
                       "no journal: what a subscriber misses is lost to it");
        return;
    }
    const struct tyto_journal_params params = {
        .path = path,
        .max_age_ns = config->journal.max_age_ns,
        .max_messages = config->journal.max_messages,
        .max_score_age_ns = config->journal.max_score_age_ns,
        .max_score_bytes = config->journal.max_score_bytes,
        .is_synced = config->journal.is_synced,
        .log = self->log,
    };
    const enum tyto_err err = tyto_journal_open(&params, &self->journal, &fault);
    if (err)
        tyto_log_write(self->log, err == TYTO_ERR_UNSUPPORTED ? TYTO_LOG_INFO : TYTO_LOG_ERROR,
                       "journal", "%s: %s; events are published without a journal until a restart",
                       path, fault.text);
    else
        tyto_log_write(self->log, TYTO_LOG_INFO, "journal", "%s, messages %llu to %llu", path,
                       (unsigned long long)tyto_journal_oldest_seq(self->journal),
                       (unsigned long long)tyto_journal_last_seq(self->journal));
}

/* --- where to ask --------------------------------------------------------------------------------
 */

/* Beside an endpoint for events: the next port, or PATH.query. False: there is none. */
static bool query_beside(const char *endpoint, bool has_keys, char *ret_text, size_t text_bytes)
{
    struct tyto_fault fault;
    const char *colon = strrchr(endpoint, ':');
    if (strncmp(endpoint, "ipc://", 6) == 0)
        snprintf(ret_text, text_bytes, "%s.query", endpoint);
    else if (strcmp(colon + 1, "*") == 0)
        snprintf(ret_text, text_bytes, "%s", endpoint);
    else
        snprintf(ret_text, text_bytes, "%.*s:%ld", (int)(colon - endpoint), endpoint,
                 strtol(colon + 1, NULL, 10) + 1);
    return tyto_publisher_check_endpoint(ret_text, has_keys, &fault) == TYTO_OK;
}

static bool is_query_said(const struct tyto_config *config)
{
    return config->query_endpoints.num > 0;
}

static void choose_query(struct tyto_delivery *self)
{
    const struct tyto_config *config = self->config;
    const bool is_said = is_query_said(config);
    if (is_said && strcmp(config->query_endpoints.texts[0], "off") == 0)
        return;
    for (uint32_t i = 0; is_said && i < config->query_endpoints.num && i < MAX_QUERY; i++)
        self->query_endpoints[self->num_query++] = config->query_endpoints.texts[i];
    for (uint32_t i = 0; !is_said && i < config->endpoints.num && i < MAX_QUERY; i++) {
        char *text = self->query_texts[i];
        if (query_beside(config->endpoints.texts[i], self->access != NULL, text,
                         sizeof(self->query_texts[i])))
            self->query_endpoints[self->num_query++] = text;
    }
}

/* Whether all of it is known before it is bound: no port is left to the system. */
static bool is_known(const struct tyto_delivery *self)
{
    for (uint32_t i = 0; i < self->num_query; i++) {
        const size_t num = strlen(self->query_endpoints[i]);
        if (num > 0 && self->query_endpoints[i][num - 1] == '*')
            return false;
    }
    return true;
}

/* --- the publisher -------------------------------------------------------------------------------
 */

static enum tyto_err start_publisher(struct tyto_delivery *self, uint32_t max_connections,
                                     struct tyto_fault *ret_fault)
{
    const struct tyto_config *config = self->config;
    char state_path[TYTO_CONFIG_PATH_MAX];
    const struct tyto_publisher_params params = {
        .endpoints = (const char *const *)config->endpoints.texts,
        .num_endpoints = config->endpoints.num,
        .query_endpoints = self->query_endpoints,
        .num_query_endpoints = is_known(self) ? self->num_query : 0,
        .heartbeat_ms = (uint32_t)(config->heartbeat_ns / (int64_t)TYTO_NS_PER_MS),
        .version = TYTO_VERSION,
        .journal = self->journal,
        .state_path = tyto_config_find_state(config, "open", state_path, sizeof(state_path))
                          ? state_path
                          : NULL,
        .max_connections = max_connections,
        .max_users = config->max_users,
        .access = self->access,
        .log = self->log,
    };
    const enum tyto_err err = tyto_publisher_create(&params, &self->publisher, ret_fault);
    for (uint32_t i = 0; !err && i < params.num_endpoints; i++)
        tyto_log_write(self->log, TYTO_LOG_INFO, "daemon", "publishing on %s%s",
                       params.endpoints[i], self->access ? ", to whom has a key" : "");
    return err;
}

/* --- the query socket ----------------------------------------------------------------------------
 */

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static uint32_t take_waiting(void *user, uint64_t from_seq, struct tyto_outgoing **ret_outgoing,
                             uint32_t max)
{
    return tyto_publisher_take_waiting(user, from_seq, ret_outgoing, max);
}

static enum tyto_err start_query(struct tyto_delivery *self, struct tyto_fault *ret_fault)
{
    const bool is_said = is_query_said(self->config);
    const char *endpoints[MAX_QUERY];
    const struct tyto_query_server_params params = {
        .endpoints = self->query_endpoints,
        .num_endpoints = self->num_query,
        .journal_path = self->journal ? tyto_journal_path(self->journal) : NULL,
        .hello = tell_hello,
        .take_waiting = take_waiting,
        .user = self->publisher,
        .access = self->access,
        .log = self->log,
    };
    if (is_said && self->num_query == 0) /* "off" */
        return TYTO_OK;
    const enum tyto_err err = tyto_query_server_create(&params, &self->query, ret_fault);
    for (uint32_t i = 0; !err && i < params.num_endpoints; i++) {
        endpoints[i] = tyto_query_server_endpoint(self->query, i);
        tyto_log_write(self->log, TYTO_LOG_INFO, "daemon", "queries on %s%s", endpoints[i],
                       self->access ? ", of whom has a key" : "");
    }
    tyto_publisher_set_query(self->publisher, endpoints, err ? 0 : params.num_endpoints);
    if (!err || is_said || err == TYTO_ERR_INVALID) /* a stranger was let in */
        return err;
    /* Nobody asked for it: watching goes before being asked. */
    tyto_log_write(self->log, TYTO_LOG_WARNING, "daemon", "no query socket: %s; --query names one",
                   ret_fault->text);
    return TYTO_OK;
}

/* --- life ----------------------------------------------------------------------------------------
 */

enum tyto_err tyto_delivery_create(const struct tyto_config *config, uint32_t max_connections,
                                   struct tyto_access *access, const struct tyto_log *log,
                                   struct tyto_delivery **ret_delivery,
                                   struct tyto_fault *ret_fault)
{
    struct tyto_delivery *self = calloc(1, sizeof(*self));
    if (!self)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    self->config = config;
    self->log = log;
    self->access = access;
    open_journal(self);
    choose_query(self);
    enum tyto_err err = start_publisher(self, max_connections, ret_fault);
    if (!err)
        err = start_query(self, ret_fault);
    if (err)
        (void)tyto_delivery_destroy(&self);
    else
        *ret_delivery = self;
    return err;
}

bool tyto_delivery_destroy(struct tyto_delivery **delivery)
{
    if (!delivery || !*delivery)
        return true;
    struct tyto_delivery *self = *delivery;
    *delivery = NULL;
    if (!tyto_query_server_destroy(&self->query) || !tyto_publisher_destroy(&self->publisher))
        return false;
    tyto_journal_close(&self->journal);
    free(self);
    return true;
}

struct tyto_publisher *tyto_delivery_publisher(struct tyto_delivery *delivery)
{
    return delivery->publisher;
}

bool tyto_delivery_has_journal(const struct tyto_delivery *delivery)
{
    return delivery->journal != NULL;
}

const struct tyto_query_server *tyto_delivery_query(const struct tyto_delivery *delivery)
{
    return delivery->query;
}
