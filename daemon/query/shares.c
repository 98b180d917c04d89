/* SPDX-License-Identifier: MIT */
/* What one key may cost over all of its connections. Without keys nobody knows who is who: there
 * each connection has its own limits, and that is all. */
#include <string.h>

#include "base/bucket.h"
#include "daemon/query/internal.h"

static bool is_share_of(const void *slot, const void *user)
{
    const struct tyto_query_share *share = slot;
    return strcmp(share->user, user) == 0;
}

struct tyto_query_share *tyto_query_share_of(struct tyto_query_server *server, const char *user)
{
    bool is_new = false;
    if (!server->access || !user[0])
        return NULL;
    struct tyto_query_share *share =
        tyto_query_find_slot(server->shares, sizeof(server->shares) / sizeof(server->shares[0]),
                             sizeof(server->shares[0]), is_share_of, user, &is_new);
    if (is_new) {
        memset(share, 0, sizeof(*share));
        memcpy(share->user, user, strlen(user) + 1);
    }
    const double s = tyto_query_touch_slot(&share->slot);
    tyto_bucket_fill(&share->requests, s, TYTO_QUERY_SERVER_USER_REQUESTS_PER_S,
                     TYTO_QUERY_SERVER_USER_BURST);
    tyto_bucket_fill(&share->bytes, s, server->user_bytes_per_s, server->user_burst_bytes);
    if (is_new) {
        share->requests = TYTO_QUERY_SERVER_USER_BURST;
        share->bytes = server->user_burst_bytes;
    }
    return share;
}

bool tyto_query_share_may_begin(const struct tyto_query_server *server,
                                const struct tyto_query_peer *peer)
{
    uint32_t num = 0;
    if (!server->access)
        return true;
    for (size_t i = 0; i < sizeof(server->peers) / sizeof(server->peers[0]); i++)
        num += server->peers[i].job.is_there && strcmp(server->peers[i].user, peer->user) == 0;
    return num < TYTO_QUERY_SERVER_USER_JOBS;
}
