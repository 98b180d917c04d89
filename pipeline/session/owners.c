/* SPDX-License-Identifier: MIT */
/* A session has two owners: whoever made it, and its connection thread. The last one frees it. */
#include <stdlib.h>

#include "pipeline/session/internal.h"

void tyto_session_free(struct tyto_session *session)
{
    pthread_cond_destroy(&session->changed);
    pthread_mutex_destroy(&session->lock);
    tyto_segmenter_destroy(&session->segmenter);
    tyto_align_finish(&session->align);
    free(session->uri);
    free(session);
}

void tyto_session_give_up(struct tyto_session *session)
{
    const bool last = --session->num_owners == 0;
    pthread_mutex_unlock(&session->lock);
    if (last)
        tyto_session_free(session);
}
