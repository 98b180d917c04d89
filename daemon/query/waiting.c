/* SPDX-License-Identifier: MIT */
/* While the disk cannot be written what was published lies in memory: it is told of as if it were
 * in the journal. */
#include <string.h>

#include "daemon/query/internal.h"

enum { AT_ONCE = 256 };

uint32_t tyto_query_take_waiting(struct tyto_query_server *server, uint64_t from_seq,
                                 struct tyto_outgoing **ret_outgoing, uint32_t max)
{
    return server->take_waiting ? server->take_waiting(server->user, from_seq, ret_outgoing, max)
                                : 0;
}

void tyto_query_release_waiting(struct tyto_outgoing *const *outgoing, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++)
        tyto_outgoing_release(outgoing[i]);
}

bool tyto_query_find_waiting(struct tyto_query_server *server, int64_t unix_ns, uint64_t *ret_seq)
{
    struct tyto_outgoing *waiting[AT_ONCE];
    uint32_t num = tyto_query_take_waiting(server, 0, waiting, AT_ONCE);
    bool is_found = false;
    const bool is_younger = num > 0 && waiting[0]->envelope.publish_unix_ns < unix_ns;
    while (num > 0) {
        uint32_t i = 0;
        while (i < num && waiting[i]->envelope.publish_unix_ns < unix_ns)
            i++;
        is_found = i < num;
        *ret_seq = is_found ? waiting[i]->envelope.seq : waiting[num - 1]->envelope.seq + 1;
        tyto_query_release_waiting(waiting, num);
        num = is_younger && !is_found ? tyto_query_take_waiting(server, *ret_seq, waiting, AT_ONCE)
                                      : 0;
    }
    return is_younger;
}

bool tyto_query_job_wants(const struct tyto_query_job *job, const char *topic)
{
    for (uint32_t i = 0; i < job->num_prefixes; i++) {
        if (strncmp(topic, job->prefixes[i], strlen(job->prefixes[i])) == 0)
            return true;
    }
    return job->num_prefixes == 0;
}
