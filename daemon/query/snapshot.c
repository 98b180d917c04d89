/* SPDX-License-Identifier: MIT */
/* What there is now: the newest states and the latest message of each open event, of the journal
 * and of what waits for it. */
#include <stdlib.h>
#include <string.h>

#include "daemon/publish/backlog.h"
#include "daemon/query/internal.h"

enum { MAX_SNAPSHOT_BYTES = 4 << 20 }; /* 1,000 open events and more */

/* Messages that wait, the latest about each thing, by what they are about; owned. */
struct fresh {
    struct tyto_outgoing *all[TYTO_BACKLOG_MAX];
    uint32_t num;
    uint64_t last_seq; /* of all that wait; 0: none does */
    struct tyto_envelope unpacked;
};

struct reading {
    struct tyto_query_server *server;
    struct tyto_query_job *job;
    struct fresh *fresh; /* NULL: nothing waits */
};

/* --- what waits ----------------------------------------------------------------------------------
 */

/* An event, or the state of a camera or of the model. */
static int compare_things(const struct tyto_envelope *a, const struct tyto_envelope *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind == TYTO_ENVELOPE_EVENT)
        return strcmp(a->body.event.id, b->body.event.id);
    if (a->kind == TYTO_ENVELOPE_CAMERA_STATE)
        return strcmp(a->body.camera_state.camera, b->body.camera_state.camera);
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct tyto_envelope *a = &(*(struct tyto_outgoing *const *)left)->envelope;
    const struct tyto_envelope *b = &(*(struct tyto_outgoing *const *)right)->envelope;
    const int order = compare_things(a, b);
    if (order != 0)
        return order;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* A model that was refused says nothing of the one that serves. */
static bool tells(const struct tyto_outgoing *one)
{
    return one->num_bytes > 0 &&
           (one->envelope.kind != TYTO_ENVELOPE_MODEL_STATE ||
            one->envelope.body.model_state.outcome != TYTO_MODEL_OUTCOME_REJECTED);
}

static void gather_fresh(struct tyto_query_server *server, struct fresh *ret_fresh)
{
    struct tyto_outgoing **all = ret_fresh->all;
    const uint32_t num = tyto_query_take_waiting(server, 0, all, TYTO_BACKLOG_MAX);
    uint32_t num_telling = 0;
    ret_fresh->last_seq = num > 0 ? all[num - 1]->envelope.seq : 0;
    for (uint32_t i = 0; i < num; i++) {
        if (tells(all[i]))
            all[num_telling++] = all[i];
        else
            tyto_outgoing_release(all[i]);
    }
    qsort(all, num_telling, sizeof(struct tyto_outgoing *), compare);
    ret_fresh->num = 0;
    for (uint32_t i = 0; i < num_telling; i++) {
        if (i + 1 < num_telling && compare_things(&all[i]->envelope, &all[i + 1]->envelope) == 0)
            tyto_outgoing_release(all[i]); /* not the latest */
        else
            all[ret_fresh->num++] = all[i];
    }
}

/* Whether something that waits tells more of what this is about. */
static bool is_stale(struct fresh *fresh, const struct tyto_journal_row *row)
{
    if (fresh->num == 0 ||
        tyto_envelope_unpack(row->bytes, row->num_bytes, &fresh->unpacked) != TYTO_OK)
        return false;
    uint32_t low = 0, high = fresh->num;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = compare_things(&fresh->all[middle]->envelope, &fresh->unpacked);
        if (order == 0)
            return fresh->all[middle]->envelope.seq >= row->seq;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* --- all of it -----------------------------------------------------------------------------------
 */

/* False: there is no room. */
static bool keep_row(void *user, const struct tyto_journal_row *row)
{
    const struct reading *reading = user;
    struct tyto_query_job *job = reading->job;
    if (!tyto_query_job_wants(job, row->topic) || row->num_bytes > TYTO_ENVELOPE_MAX_BYTES ||
        !tyto_rights_allow(&reading->server->rights, row->topic) ||
        (reading->fresh && is_stale(reading->fresh, row)))
        return true;
    const size_t num = job->num_bytes + 2 + row->num_bytes;
    uint8_t *grown = num <= MAX_SNAPSHOT_BYTES ? realloc(job->bytes, num) : NULL;
    if (!grown)
        return false;
    job->bytes = grown;
    grown[job->num_bytes] = (uint8_t)row->num_bytes;
    grown[job->num_bytes + 1] = (uint8_t)(row->num_bytes >> 8);
    memcpy(grown + job->num_bytes + 2, row->bytes, row->num_bytes);
    job->num_bytes = num;
    return true;
}

static bool is_over(const struct tyto_envelope *envelope)
{
    return envelope->kind == TYTO_ENVELOPE_EVENT &&
           envelope->body.event.phase != TYTO_EVENT_PHASE_NEW &&
           envelope->body.event.phase != TYTO_EVENT_PHASE_UPDATE;
}

static enum tyto_err keep_fresh(const struct reading *reading, const struct fresh *fresh)
{
    struct reading plain = {reading->server, reading->job, NULL};
    for (uint32_t i = 0; i < fresh->num; i++) {
        const struct tyto_outgoing *one = fresh->all[i];
        const struct tyto_journal_row row = {one->envelope.seq, one->topic, one->bytes,
                                             one->num_bytes};
        if (!is_over(&one->envelope) && !keep_row(&plain, &row))
            return TYTO_ERR_FULL;
    }
    return TYTO_OK;
}

enum tyto_err tyto_query_snapshot_make(struct tyto_query_server *server,
                                       struct tyto_journal_reader *reader,
                                       struct tyto_query_job *job)
{
    struct fresh *fresh = malloc(sizeof(*fresh));
    struct reading reading = {server, job, fresh};
    if (!fresh)
        return TYTO_ERR_NOMEM;
    gather_fresh(server, fresh);
    enum tyto_err err = tyto_journal_snapshot(reader, keep_row, &reading, &job->to_seq);
    if (fresh->last_seq > job->to_seq)
        job->to_seq = fresh->last_seq;
    if (!err)
        err = keep_fresh(&reading, fresh);
    tyto_query_release_waiting(fresh->all, fresh->num);
    free(fresh);
    return err;
}
