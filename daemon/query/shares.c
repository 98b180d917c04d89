/* SPDX-License-Identifier: MIT */
/* What one key may cost over all of its connections. Without keys nobody knows who is who: there
 * each connection has its own limits, and that is all. */
#include <string.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "daemon/query/internal.h"

static struct tyto_query_share *find_share(struct tyto_query_server *server, const char *user)
{
    const size_t num = sizeof(server->shares) / sizeof(server->shares[0]);
    struct tyto_query_share *oldest = &server->shares[0];
    for (size_t i = 0; i < num; i++) {
        struct tyto_query_share *share = &server->shares[i];
        if (strcmp(share->user, user) == 0)
            return share;
        if (share->last_ns < oldest->last_ns)
            oldest = share;
    }
    memset(oldest, 0, sizeof(*oldest));
    memcpy(oldest->user, user, strlen(user) + 1);
    oldest->requests = TYTO_QUERY_SERVER_USER_BURST;
    oldest->bytes = TYTO_QUERY_SERVER_USER_BURST_BYTES;
    oldest->last_ns = tyto_clock_mono_ns();
    return oldest;
}

struct tyto_query_share *tyto_query_share_of(struct tyto_query_server *server, const char *user)
{
    if (!server->access || !user[0])
        return NULL;
    struct tyto_query_share *share = find_share(server, user);
    const uint64_t now_ns = tyto_clock_mono_ns();
    const double s = (double)(now_ns - share->last_ns) / (double)TYTO_NS_PER_S;
    share->last_ns = now_ns;
    tyto_bucket_fill(&share->requests, s, TYTO_QUERY_SERVER_USER_REQUESTS_PER_S,
                     TYTO_QUERY_SERVER_USER_BURST);
    tyto_bucket_fill(&share->bytes, s, TYTO_QUERY_SERVER_USER_BYTES_PER_S,
                     TYTO_QUERY_SERVER_USER_BURST_BYTES);
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
