/* SPDX-License-Identifier: MIT */
#include "daemon/access/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "base/text.h"
#include "files/guarded.h"
#include "files/key_file.h"

struct reading {
    const char *path;
    uint32_t line;
    struct tyto_access_clients *clients;
    struct tyto_fault *ret_fault;
};

static enum tyto_err refuse(const struct reading *reading, const char *key, const char *text)
{
    return tyto_fault_set(reading->ret_fault, TYTO_ERR_FORMAT, reading->path, reading->line, key,
                          "%s", text);
}

static enum tyto_err no_memory(const struct reading *reading)
{
    return tyto_fault_set(reading->ret_fault, TYTO_ERR_NOMEM, reading->path, reading->line, NULL,
                          "out of memory");
}

static char *next_word(char **rest)
{
    return strtok_r(NULL, " \t\r", rest);
}

static enum tyto_err add_prefix(const struct reading *reading, struct tyto_access_client *client,
                                const char *prefix)
{
    const size_t num = strlen(prefix) + 1;
    if (client->num_prefixes == TYTO_ACCESS_MAX_PREFIXES)
        return refuse(reading, client->name, "has more than 16 topic prefixes");
    if (num > TYTO_RIGHTS_PREFIX_BYTES ||
        (strncmp(prefix, "ev/", 3) != 0 && strncmp(prefix, "st/", 3) != 0 &&
         strncmp(prefix, "dbg/", 4) != 0 && strncmp(prefix, "th/", 3) != 0 &&
         strncmp(prefix, "lv/", 3) != 0))
        return refuse(
            reading, client->name,
            "has a prefix that no topic begins with: they begin with ev/, st/, th/, lv/ or dbg/");
    char *grown = realloc(client->prefixes, client->num_prefix_bytes + num);
    if (!grown)
        return no_memory(reading);
    memcpy(grown + client->num_prefix_bytes, prefix, num);
    client->prefixes = grown;
    client->num_prefix_bytes += num;
    client->num_prefixes++;
    return TYTO_OK;
}

static enum tyto_err read_rights(const struct reading *reading, struct tyto_access_client *client,
                                 const char *role, const char *key, char **rest)
{
    client->is_admin = role && strcmp(role, "admin") == 0;
    if (!role || (!client->is_admin && strcmp(role, "viewer") != 0))
        return refuse(reading, client->name, "lacks a role: viewer or admin");
    if (!key || !tyto_key_is_valid(key) || !zmq_z85_decode(client->key, key))
        return refuse(reading, client->name,
                      "lacks a public key: 40 characters, as `tyto keygen` writes it");
    const struct tyto_access_client *twin =
        tyto_access_clients_keyed(reading->clients, client->key);
    if (twin)
        return refuse(reading, client->name, "has the key of a client above");
    enum tyto_err err = TYTO_OK;
    for (char *word = next_word(rest); !err && word; word = next_word(rest))
        err = add_prefix(reading, client, word);
    return err;
}

static enum tyto_err read_line(struct reading *reading, char *text)
{
    char *rest = NULL;
    char *name = strtok_r(text, " \t\r", &rest);
    if (!name || name[0] == '#')
        return TYTO_OK;
    struct tyto_access_clients *clients = reading->clients;
    if (!tyto_text_is_name(name, TYTO_ACCESS_NAME_MAX + 1))
        return refuse(reading, NULL, "a client's name has 1 to 31 characters of a-z 0-9 _ -");
    if (tyto_access_clients_named(clients, name))
        return refuse(reading, name, "is the name of a client above");
    if (clients->num == TYTO_ACCESS_MAX_CLIENTS)
        return refuse(reading, NULL, "more than 1024 clients");
    struct tyto_access_client *grown =
        realloc(clients->items, ((size_t)clients->num + 1) * sizeof(*grown));
    if (!grown)
        return no_memory(reading);
    clients->items = grown;
    struct tyto_access_client client = {.is_admin = false};
    snprintf(client.name, sizeof(client.name), "%s", name);
    char *role = next_word(&rest);
    char *key = next_word(&rest);
    const enum tyto_err err = read_rights(reading, &client, role, key, &rest);
    if (err)
        free(client.prefixes);
    else
        clients->items[clients->num++] = client;
    return err;
}

static enum tyto_err read_all(struct reading *reading, char *text)
{
    enum tyto_err err = TYTO_OK;
    for (char *line = text; !err && line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        reading->line++;
        err = read_line(reading, line);
        line = end ? end + 1 : NULL;
    }
    return err;
}

enum tyto_err tyto_access_clients_read(const char *path, struct tyto_access_clients *ret_clients,
                                       struct tyto_fault *ret_fault)
{
    struct reading reading = {.path = path, .clients = ret_clients, .ret_fault = ret_fault};
    const size_t text_bytes = TYTO_ACCESS_FILE_MAX_BYTES + 1;
    *ret_clients = (struct tyto_access_clients){.num = 0};
    char *text = malloc(text_bytes);
    if (!text)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, path, 0, NULL, "out of memory");
    enum tyto_err err =
        tyto_guarded_read(path, TYTO_GUARD_WRITING, "keys", text, text_bytes, ret_fault);
    if (!err)
        err = read_all(&reading, text);
    free(text);
    if (err)
        tyto_access_clients_finish(ret_clients);
    return err;
}

void tyto_access_clients_finish(struct tyto_access_clients *clients)
{
    for (uint32_t i = 0; i < clients->num; i++)
        free(clients->items[i].prefixes);
    free(clients->items);
    *clients = (struct tyto_access_clients){.num = 0};
}

static bool is_same(const struct tyto_access_client *a, const struct tyto_access_client *b)
{
    return memcmp(a->key, b->key, sizeof(a->key)) == 0 && a->is_admin == b->is_admin &&
           a->num_prefix_bytes == b->num_prefix_bytes &&
           (a->num_prefix_bytes == 0 || memcmp(a->prefixes, b->prefixes, a->num_prefix_bytes) == 0);
}

bool tyto_access_clients_follow(struct tyto_access_clients *clients,
                                const struct tyto_access_clients *before, uint64_t *version)
{
    bool differs = clients->num != before->num;
    for (uint32_t i = 0; i < clients->num; i++) {
        struct tyto_access_client *client = &clients->items[i];
        const struct tyto_access_client *old = tyto_access_clients_named(before, client->name);
        const bool is_kept = old && is_same(old, client);
        client->version = is_kept ? old->version : ++*version;
        differs |= !is_kept;
    }
    return differs;
}

const struct tyto_access_client *
tyto_access_clients_named(const struct tyto_access_clients *clients, const char *name)
{
    for (uint32_t i = 0; name && i < clients->num; i++) {
        if (strcmp(clients->items[i].name, name) == 0)
            return &clients->items[i];
    }
    return NULL;
}

const struct tyto_access_client *
tyto_access_clients_keyed(const struct tyto_access_clients *clients,
                          const uint8_t key[TYTO_ACCESS_KEY_BYTES])
{
    for (uint32_t i = 0; i < clients->num; i++) {
        if (memcmp(clients->items[i].key, key, TYTO_ACCESS_KEY_BYTES) == 0)
            return &clients->items[i];
    }
    return NULL;
}

static void add_right(struct tyto_rights *rights, const char *prefix)
{
    snprintf(rights->prefixes[rights->num++], TYTO_RIGHTS_PREFIX_BYTES, "%s", prefix);
}

void tyto_access_client_rights(const struct tyto_access_client *client,
                               struct tyto_rights *ret_rights)
{
    if (client->is_admin && client->num_prefixes == 0) {
        tyto_rights_of_all(ret_rights);
        return;
    }
    memset(ret_rights, 0, sizeof(*ret_rights));
    add_right(ret_rights, "hello/");
    add_right(ret_rights, "hb/");
    add_right(ret_rights, "md/");
    if (client->num_prefixes == 0) {
        add_right(ret_rights, "ev/");
        add_right(ret_rights, "st/");
    }
    const char *prefix = client->prefixes;
    for (uint32_t i = 0; i < client->num_prefixes; i++, prefix += strlen(prefix) + 1)
        add_right(ret_rights, prefix);
}
