/* SPDX-License-Identifier: MIT */
/* What is answered at once, with one reply. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/query/internal.h"

enum {
    MAX_LIST_ROWS = 20000, /* looked at for one page, whatever the filter */
    NAP_NS = 200000,
};

void tyto_query_begin(struct tyto_query_server *server, uint64_t request_id,
                      enum tyto_reply_kind kind)
{
    memset(&server->reply, 0, sizeof(server->reply));
    server->reply.id = request_id;
    server->reply.kind = kind;
    server->num_gathered = 0;
}

bool tyto_query_gather(struct tyto_query_server *server, const uint8_t *bytes, size_t num_bytes)
{
    struct tyto_reply *reply = &server->reply;
    if (reply->num_envelopes == TYTO_REPLY_MAX_ENVELOPES ||
        num_bytes > sizeof(server->gathered) - server->num_gathered)
        return false;
    uint8_t *copy = server->gathered + server->num_gathered;
    memcpy(copy, bytes, num_bytes);
    server->num_gathered += num_bytes;
    reply->envelopes[reply->num_envelopes++] = (struct tyto_bytes){copy, num_bytes};
    return true;
}

enum tyto_err tyto_query_send(struct tyto_query_server *server, const struct tyto_query_name *name)
{
    size_t num_bytes = 0;
    const enum tyto_err err =
        tyto_reply_pack(&server->reply, server->packed, sizeof(server->packed), &num_bytes);
    if (err)
        return TYTO_ERR_CLOSED;
    const enum tyto_err sent =
        tyto_query_socket_send(&server->socket, name, server->packed, num_bytes);
    if (!sent && server->paying)
        server->paying->bytes -= (double)num_bytes;
    return sent;
}

void tyto_query_reply(struct tyto_query_server *server, const struct tyto_query_name *name)
{
    const struct timespec nap = {0, NAP_NS};
    while (tyto_query_send(server, name) == TYTO_ERR_FULL && server->patience_ns >= NAP_NS) {
        server->patience_ns -= NAP_NS;
        nanosleep(&nap, NULL);
    }
}

void tyto_query_refuse(struct tyto_query_server *server, const struct tyto_query_name *name,
                       uint64_t request_id, enum tyto_query_error error, uint64_t oldest_seq,
                       const char *text)
{
    tyto_query_begin(server, request_id, TYTO_REPLY_ERROR);
    server->reply.error = error;
    server->reply.oldest_seq = oldest_seq;
    snprintf(server->reply.text, sizeof(server->reply.text), "%s", text);
    tyto_query_reply(server, name);
    atomic_fetch_add(&server->num_refused, 1);
}

struct tyto_journal_reader *tyto_query_reader(struct tyto_query_server *server,
                                              const struct tyto_query_name *name,
                                              uint64_t request_id)
{
    struct tyto_fault fault;
    if (server->reader && !tyto_journal_reader_is_current(server->reader))
        tyto_journal_reader_close(&server->reader);
    if (!server->journal_path[0])
        tyto_query_refuse(server, name, request_id, TYTO_QUERY_NO_JOURNAL, 0,
                          "this tytod keeps no journal");
    else if (!server->reader &&
             tyto_journal_reader_open(server->journal_path, &server->reader, &fault) != TYTO_OK)
        tyto_query_refuse(server, name, request_id, TYTO_QUERY_INTERNAL, 0, fault.text);
    return server->reader;
}

bool tyto_query_take_rights(struct tyto_query_server *server, const char *user)
{
    if (server->access)
        return tyto_access_get_rights(server->access, user, &server->rights);
    tyto_rights_of_all(&server->rights);
    return true;
}

void tyto_query_fail(struct tyto_query_server *server, const struct tyto_query_name *name,
                     uint64_t request_id, enum tyto_err err)
{
    char text[TYTO_STATE_TEXT_MAX];
    snprintf(text, sizeof(text), "the journal cannot be read: %s", tyto_err_text(err));
    tyto_log_write(&server->log, TYTO_LOG_WARNING, "query", "%s", text);
    tyto_query_refuse(server, name, request_id, TYTO_QUERY_INTERNAL, 0, text);
    tyto_journal_reader_close(&server->reader);
}

/* --- list ---------------------------------------------------------------------------------------
 */

struct gathering {
    struct tyto_query_server *server;
    uint32_t limit;
};

static bool gather_row(void *user, const struct tyto_journal_row *row)
{
    const struct gathering *gathering = user;
    if (!tyto_rights_allow(&gathering->server->rights, row->topic))
        return true;
    return gathering->server->reply.num_envelopes < gathering->limit &&
           tyto_query_gather(gathering->server, row->bytes, row->num_bytes);
}

/* The first camera that is asked for by name and may not be read; NULL: there is none. Whether
 * there is such a camera makes no difference. */
static const char *find_denied(const struct tyto_query_server *server,
                               const struct tyto_request *request)
{
    char prefix[TYTO_TOPIC_MAX_BYTES];
    for (uint32_t i = 0; i < request->num_cameras; i++) {
        snprintf(prefix, sizeof(prefix), "ev/%s/", request->cameras[i]);
        if (!tyto_rights_reach(&server->rights, prefix))
            return request->cameras[i];
    }
    return NULL;
}

/* True: there is one, and it is told. */
static bool refuse_denied(struct tyto_query_server *server, const struct tyto_query_name *name,
                          const struct tyto_request *request)
{
    char text[TYTO_STATE_TEXT_MAX];
    const char *denied = find_denied(server, request);
    if (denied) {
        snprintf(text, sizeof(text), "you may not read events of camera %s", denied);
        tyto_query_refuse(server, name, request->id, TYTO_QUERY_DENIED, 0, text);
    }
    return denied != NULL;
}

/* A cursor's bytes are a journal's cursor: its begin, then its id. */
static bool read_cursor(const struct tyto_cursor *cursor, struct tyto_journal_cursor *ret_place)
{
    memset(ret_place, 0, sizeof(*ret_place));
    if (cursor->num_bytes == 0)
        return true;
    if (cursor->num_bytes != sizeof(ret_place->begin_unix_ns) + TYTO_ULID_CHARS)
        return false;
    memcpy(&ret_place->begin_unix_ns, cursor->bytes, sizeof(ret_place->begin_unix_ns));
    memcpy(ret_place->id, cursor->bytes + sizeof(ret_place->begin_unix_ns), TYTO_ULID_CHARS);
    return tyto_event_id_is_valid(ret_place->id);
}

static void write_cursor(const struct tyto_journal_cursor *place, struct tyto_cursor *ret_cursor)
{
    memcpy(ret_cursor->bytes, &place->begin_unix_ns, sizeof(place->begin_unix_ns));
    memcpy(ret_cursor->bytes + sizeof(place->begin_unix_ns), place->id, TYTO_ULID_CHARS);
    ret_cursor->num_bytes = sizeof(place->begin_unix_ns) + TYTO_ULID_CHARS;
}

static void answer_list(struct tyto_query_server *server, const struct tyto_query_name *name,
                        const struct tyto_request *request)
{
    struct tyto_journal_filter filter = {
        .from_unix_ns = request->from_unix_ns,
        .to_unix_ns = request->to_unix_ns,
        .num_cameras = request->num_cameras,
        .num_classes = request->num_classes,
        .is_newest_first = request->is_newest_first,
        .is_open = request->is_open,
    };
    struct gathering gathering = {server,
                                  request->limit ? request->limit : TYTO_REPLY_MAX_ENVELOPES};
    struct tyto_journal_cursor place;
    bool has_more = false;
    memcpy(filter.cameras, request->cameras, sizeof(filter.cameras));
    memcpy(filter.classes, request->classes, sizeof(filter.classes));
    if (!read_cursor(&request->cursor, &place)) {
        tyto_query_refuse(server, name, request->id, TYTO_QUERY_BAD_REQUEST, 0,
                          "this cursor is not of a list");
        return;
    }
    if (refuse_denied(server, name, request))
        return;
    struct tyto_journal_reader *reader = tyto_query_reader(server, name, request->id);
    if (!reader)
        return;
    tyto_query_begin(server, request->id, TYTO_REPLY_PAGE);
    const enum tyto_err err = tyto_journal_list(reader, &filter, MAX_LIST_ROWS, gather_row,
                                                &gathering, &place, &has_more);
    if (err) {
        tyto_query_fail(server, name, request->id, err);
        return;
    }
    if (has_more)
        write_cursor(&place, &server->reply.cursor);
    tyto_query_reply(server, name);
}

/* --- find ---------------------------------------------------------------------------------------
 */

static bool may_read(void *user, const char *camera, const char *class_name)
{
    const struct tyto_query_server *server = user;
    char topic[TYTO_TOPIC_MAX_BYTES];
    snprintf(topic, sizeof(topic), "ev/%s/%s/", camera, class_name);
    return tyto_rights_allow(&server->rights, topic);
}

static bool gather_alike(void *user, const struct tyto_journal_row *row, float similarity)
{
    struct tyto_query_server *server = user;
    const uint32_t at = server->reply.num_envelopes;
    if (!tyto_query_gather(server, row->bytes, row->num_bytes))
        return false;
    server->reply.similarities[at] = similarity;
    return true;
}

static void answer_find(struct tyto_query_server *server, const struct tyto_query_name *name,
                        const struct tyto_request *request)
{
    struct tyto_journal_likeness likeness = {
        .like = request->like,
        .among = request->among,
        .filter = {.from_unix_ns = request->from_unix_ns,
                   .to_unix_ns = request->to_unix_ns,
                   .num_cameras = request->num_cameras,
                   .num_classes = request->num_classes},
        .max = request->limit ? request->limit : TYTO_REPLY_MAX_ENVELOPES,
        .may = may_read,
        .user = server,
    };
    memcpy(likeness.filter.cameras, request->cameras, sizeof(likeness.filter.cameras));
    memcpy(likeness.filter.classes, request->classes, sizeof(likeness.filter.classes));
    memcpy(likeness.but_id, request->event_id, sizeof(likeness.but_id));
    if (refuse_denied(server, name, request))
        return;
    struct tyto_journal_reader *reader = tyto_query_reader(server, name, request->id);
    if (!reader)
        return;
    tyto_query_begin(server, request->id, TYTO_REPLY_PAGE);
    server->reply.has_similarities = true;
    const enum tyto_err err = tyto_journal_find_alike(reader, &likeness, gather_alike, server);
    if (err)
        tyto_query_fail(server, name, request->id, err);
    else
        tyto_query_reply(server, name);
}

/* --- the others
 * -----------------------------------------------------------------------------------
 */

static void answer_get(struct tyto_query_server *server, const struct tyto_query_name *name,
                       const struct tyto_request *request)
{
    struct gathering gathering = {server, TYTO_REPLY_MAX_ENVELOPES};
    struct tyto_journal_reader *reader = tyto_query_reader(server, name, request->id);
    if (!reader)
        return;
    tyto_query_begin(server, request->id, TYTO_REPLY_PAGE);
    const enum tyto_err err = tyto_journal_get(reader, request->event_id, gather_row, &gathering);
    /* One that may not be read is as one that is not there. */
    if (err == TYTO_ERR_NOT_FOUND || (!err && server->reply.num_envelopes == 0))
        tyto_query_refuse(server, name, request->id, TYTO_QUERY_NOT_FOUND, 0,
                          "there is no event of this id, or not any more");
    else if (err)
        tyto_query_fail(server, name, request->id, err);
    else
        tyto_query_reply(server, name);
}

static void answer_schema(struct tyto_query_server *server, const struct tyto_query_name *name,
                          const struct tyto_request *request)
{
    tyto_query_begin(server, request->id, TYTO_REPLY_SCHEMA);
    server->reply.schema_event = tyto_schema_event();
    server->reply.schema_query = tyto_schema_query();
    tyto_query_reply(server, name);
}

static void answer_hello(struct tyto_query_server *server, const struct tyto_query_name *name,
                         const struct tyto_request *request)
{
    tyto_query_begin(server, request->id, TYTO_REPLY_HELLO);
    server->hello(server->user, &server->reply.hello);
    if (server->access)
        server->reply.num_readable = server->rights.num;
    for (uint32_t i = 0; i < server->reply.num_readable; i++)
        server->reply.readable[i] = server->rights.prefixes[i];
    tyto_query_reply(server, name);
}

void tyto_query_answer(struct tyto_query_server *server, const struct tyto_query_name *name,
                       const struct tyto_request *request)
{
    switch (request->kind) {
    case TYTO_REQUEST_HELLO:
        answer_hello(server, name, request);
        break;
    case TYTO_REQUEST_LIST:
        answer_list(server, name, request);
        break;
    case TYTO_REQUEST_GET:
        answer_get(server, name, request);
        break;
    case TYTO_REQUEST_SCHEMA:
        answer_schema(server, name, request);
        break;
    case TYTO_REQUEST_FIND:
        answer_find(server, name, request);
        break;
    case TYTO_REQUEST_SCORES:
    case TYTO_REQUEST_NONE:
    case TYTO_REQUEST_SNAPSHOT:
    case TYTO_REQUEST_REPLAY:
    case TYTO_REQUEST_CREDIT:
        tyto_query_refuse(server, name, request->id, TYTO_QUERY_BAD_REQUEST, 0,
                          "this tytod does not know what is asked");
        break;
    }
}
