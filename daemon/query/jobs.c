/* SPDX-License-Identifier: MIT */
/* Answers of many chunks: each is made when the peer has room for it and has said so. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/query/internal.h"

enum {
    ROWS_PER_TURN = 512,
    MAX_SNAPSHOTS = 8, /* at one time, of all peers */
};
/* Its key has had its share of bytes: it goes on when there is some again. */
#define SHARE_WAIT_NS (50 * TYTO_NS_PER_MS)
#define FULL_WAIT_NS (10 * TYTO_NS_PER_MS)

void tyto_query_job_end(struct tyto_query_peer *peer)
{
    free(peer->job.prefixes);
    free(peer->job.bytes);
    memset(&peer->job, 0, sizeof(peer->job));
}

void tyto_query_jobs_forget(void *user, int fd)
{
    struct tyto_query_server *server = user;
    for (size_t i = 0; i < sizeof(server->peers) / sizeof(server->peers[0]); i++) {
        if (server->peers[i].name.num_bytes > 0 && server->peers[i].fd == fd) {
            tyto_query_job_end(&server->peers[i]);
            server->peers[i].fd = -1;
        }
    }
}

/* Whether anything of what is asked may be read. */
static bool reaches_any(const struct tyto_query_server *server, const struct tyto_request *request)
{
    for (uint32_t i = 0; i < request->num_prefixes; i++) {
        if (tyto_rights_reach(&server->rights, request->prefixes[i]))
            return true;
    }
    return request->num_prefixes == 0;
}

/* --- beginning -----------------------------------------------------------------------------------
 */

/* False: refused. */
static bool begin_replay(struct tyto_query_server *server, struct tyto_query_peer *peer,
                         const struct tyto_request *request)
{
    struct tyto_query_job *job = &peer->job;
    struct tyto_hello hello;
    struct tyto_journal_reader *reader = tyto_query_reader(server, &peer->name, request->id);
    enum tyto_err err = TYTO_OK;
    if (!reader)
        return false;
    server->hello(server->user, &hello);
    if (request->has_log_id && memcmp(request->log_id, hello.log_id, TYTO_UUID_BYTES) != 0) {
        tyto_query_refuse(server, &peer->name, request->id, TYTO_QUERY_UNKNOWN_LOG, 0,
                          "these numbers are of another log: start over");
        return false;
    }
    job->next_seq = request->from_seq > 0 ? request->from_seq : 1;
    job->to_seq = request->to_seq > 0 && request->to_seq < hello.seq ? request->to_seq : hello.seq;
    if (request->since_unix_ns &&
        !tyto_query_find_waiting(server, request->since_unix_ns, &job->next_seq))
        err = tyto_journal_find_time(reader, request->since_unix_ns, &job->next_seq);
    if (err) {
        tyto_query_fail(server, &peer->name, request->id, err);
        return false;
    }
    if (job->next_seq < hello.oldest_seq && job->next_seq <= job->to_seq) {
        tyto_query_refuse(server, &peer->name, request->id, TYTO_QUERY_TOO_OLD, hello.oldest_seq,
                          "older messages are not kept any more");
        return false;
    }
    return true;
}

static uint32_t num_snapshots(const struct tyto_query_server *server)
{
    uint32_t num = 0;
    for (size_t i = 0; i < sizeof(server->peers) / sizeof(server->peers[0]); i++)
        num += server->peers[i].job.is_there && server->peers[i].job.is_snapshot;
    return num;
}

static bool begin_snapshot(struct tyto_query_server *server, struct tyto_query_peer *peer,
                           const struct tyto_request *request)
{
    struct tyto_query_job *job = &peer->job;
    if (num_snapshots(server) >= MAX_SNAPSHOTS) {
        tyto_query_refuse(server, &peer->name, request->id, TYTO_QUERY_RATE_LIMITED, 0,
                          "many ask for snapshots: try again in a second");
        return false;
    }
    struct tyto_journal_reader *reader = tyto_query_reader(server, &peer->name, request->id);
    if (!reader)
        return false;
    job->is_snapshot = true;
    /* One that is too large is cut: its rest comes with the next messages of these events. */
    const enum tyto_err err = tyto_query_snapshot_make(server, reader, job);
    if (err && err != TYTO_ERR_FULL) {
        tyto_query_fail(server, &peer->name, request->id, err);
        return false;
    }
    return true;
}

void tyto_query_job_begin(struct tyto_query_server *server, struct tyto_query_peer *peer,
                          struct tyto_request *request)
{
    struct tyto_query_job *job = &peer->job;
    if (job->is_there) {
        tyto_query_refuse(server, &peer->name, request->id, TYTO_QUERY_RATE_LIMITED, 0,
                          "one replay or snapshot at a time");
        return;
    }
    if (!tyto_query_share_may_begin(server, peer)) {
        tyto_query_refuse(server, &peer->name, request->id, TYTO_QUERY_RATE_LIMITED, 0,
                          "your key has as many replays and snapshots at a time as one may have");
        return;
    }
    if (!reaches_any(server, request)) {
        tyto_query_refuse(server, &peer->name, request->id, TYTO_QUERY_DENIED, 0,
                          "you may read none of these topics");
        return;
    }
    job->request_id = request->id;
    job->credit = request->credit;
    job->prefixes = request->prefixes;
    job->num_prefixes = request->num_prefixes;
    request->prefixes = NULL;
    request->num_prefixes = 0;
    job->is_there = request->kind == TYTO_REQUEST_SNAPSHOT ? begin_snapshot(server, peer, request)
                                                           : begin_replay(server, peer, request);
    if (job->is_there)
        atomic_fetch_add(&server->num_replays, 1);
    else
        tyto_query_job_end(peer);
}

void tyto_query_job_credit(struct tyto_query_peer *peer, const struct tyto_request *request)
{
    struct tyto_query_job *job = &peer->job;
    if (!job->is_there || job->request_id != request->id)
        return; /* it has ended meanwhile */
    job->credit += request->credit;
    if (job->credit > TYTO_QUERY_MAX_CREDIT)
        job->credit = TYTO_QUERY_MAX_CREDIT;
}

/* --- going on ------------------------------------------------------------------------------------
 */

struct reading {
    struct tyto_query_server *server;
    struct tyto_query_job *job;
    uint64_t expected_seq;
};

static bool take_row(void *user, const struct tyto_journal_row *row)
{
    struct reading *reading = user;
    const bool is_wanted = tyto_query_job_wants(reading->job, row->topic);
    const bool may_read = tyto_rights_allow(&reading->server->rights, row->topic);
    if (is_wanted && may_read && !tyto_query_gather(reading->server, row->bytes, row->num_bytes))
        return false;
    reading->job->num_withheld += is_wanted && !may_read;
    reading->job->num_missing += row->seq - reading->expected_seq;
    reading->expected_seq = row->seq + 1;
    return true;
}

/* What waits for the journal, where the job has come to it. Else *ret_to_seq is how far the journal
 * has all that there is: what waits is told of in its turn. */
static void read_waiting(struct tyto_query_server *server, struct tyto_query_job *job,
                         uint64_t *ret_to_seq)
{
    struct tyto_outgoing *waiting[TYTO_REPLY_MAX_ENVELOPES];
    struct reading reading = {server, job, job->next_seq};
    const uint32_t num =
        tyto_query_take_waiting(server, job->next_seq, waiting, TYTO_REPLY_MAX_ENVELOPES);
    const bool is_there = num > 0 && waiting[0]->envelope.seq == job->next_seq;
    *ret_to_seq = job->to_seq;
    if (num > 0 && waiting[0]->envelope.seq <= job->to_seq)
        *ret_to_seq = waiting[0]->envelope.seq - 1;
    for (uint32_t i = 0; is_there && i < num; i++) {
        const struct tyto_outgoing *one = waiting[i];
        const struct tyto_journal_row row = {one->envelope.seq, one->topic, one->bytes,
                                             one->num_bytes};
        if (row.seq > job->to_seq || (row.num_bytes > 0 && !take_row(&reading, &row)))
            break;
    }
    job->next_seq = reading.expected_seq;
    tyto_query_release_waiting(waiting, num);
}

/* Some of what is left. */
static enum tyto_err read_chunk(struct tyto_query_server *server, struct tyto_query_job *job)
{
    const uint64_t from_seq = job->next_seq;
    uint64_t to_seq = job->to_seq, next_seq = 0;
    read_waiting(server, job, &to_seq);
    if (job->next_seq > from_seq || job->next_seq > to_seq)
        return TYTO_OK;
    struct reading reading = {server, job, job->next_seq};
    const enum tyto_err err = tyto_journal_read(server->reader, job->next_seq, to_seq,
                                                ROWS_PER_TURN, take_row, &reading, &next_seq);
    if (err)
        return err;
    job->num_missing += next_seq - reading.expected_seq;
    job->next_seq = next_seq;
    return TYTO_OK;
}

static void gather_snapshot(struct tyto_query_server *server, struct tyto_query_job *job)
{
    while (job->at_bytes < job->num_bytes) {
        const uint8_t *item = job->bytes + job->at_bytes;
        const size_t num = (size_t)item[0] | (size_t)item[1] << 8;
        if (!tyto_query_gather(server, item + 2, num))
            break;
        job->at_bytes += 2 + num;
    }
}

/* Fills the reply. */
static enum tyto_err make_chunk(struct tyto_query_server *server, struct tyto_query_job *job)
{
    struct tyto_reply *reply = &server->reply;
    enum tyto_err err = TYTO_OK;
    tyto_query_begin(server, job->request_id, TYTO_REPLY_CHUNK);
    if (job->is_snapshot)
        gather_snapshot(server, job);
    else
        err = read_chunk(server, job);
    reply->is_last =
        job->is_snapshot ? job->at_bytes == job->num_bytes : job->next_seq > job->to_seq;
    reply->next_seq = job->is_snapshot ? job->to_seq + 1 : job->next_seq;
    reply->num_missing = job->num_missing;
    reply->num_withheld = job->num_withheld;
    return err;
}

/* True: it has more to do at once. */
static bool run_job(struct tyto_query_server *server, struct tyto_query_peer *peer)
{
    struct tyto_query_job *job = &peer->job;
    const struct tyto_query_job before = *job;
    enum tyto_err err = TYTO_OK;
    if (!tyto_query_take_rights(server, peer->user)) {
        tyto_query_job_end(peer);
        return false;
    }
    if (!job->is_snapshot && !tyto_query_reader(server, &peer->name, job->request_id)) {
        tyto_query_job_end(peer);
        return false;
    }
    server->paying = tyto_query_share_of(server, peer->user);
    if (server->paying && server->paying->bytes <= 0) {
        job->retry_ns = tyto_clock_mono_ns() + SHARE_WAIT_NS;
        return false;
    }
    err = make_chunk(server, job);
    if (err) {
        tyto_query_fail(server, &peer->name, job->request_id, err);
        tyto_query_job_end(peer);
        return false;
    }
    if (server->reply.num_envelopes == 0 && !server->reply.is_last)
        return true; /* nothing in these rows is wanted: no chunk for them */
    const bool is_last = server->reply.is_last;
    /* Its name may be another connection's from the moment on at which it ends. */
    tyto_query_socket_look_after(&server->socket, tyto_query_jobs_forget, server);
    if (!job->is_there)
        return false;
    err = tyto_query_send(server, &peer->name);
    if (err == TYTO_ERR_FULL) {
        *job = before;
        job->retry_ns = tyto_clock_mono_ns() + FULL_WAIT_NS;
        return false;
    }
    job->credit--;
    job->num_missing = job->num_withheld = 0;
    atomic_fetch_add(&server->num_replayed, server->reply.num_envelopes);
    if (err || is_last) {
        tyto_query_job_end(peer);
        return false;
    }
    return job->credit > 0;
}

bool tyto_query_jobs_run(struct tyto_query_server *server)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    bool has_more = false;
    for (size_t i = 0; i < sizeof(server->peers) / sizeof(server->peers[0]); i++) {
        struct tyto_query_peer *peer = &server->peers[i];
        if (peer->job.is_there && peer->job.credit > 0 && now_ns >= peer->job.retry_ns)
            has_more |= run_job(server, peer);
    }
    return has_more;
}
