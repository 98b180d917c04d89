/* SPDX-License-Identifier: MIT */
/* What a source tells, as one value, and the same put into a source that has no pipeline: the
 * fields that its functions look at are those that a pipeline would set. */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/source/internal.h"

enum tyto_err tyto_source_fill(struct tyto_source *source, enum tyto_stream which,
                               const struct tyto_media *media, void *memory)
{
    struct tyto_source_stream *stream = &source->streams[which];
    struct tyto_source_item *item = tyto_source_new_whole_item(media, memory);
    if (!item)
        return TYTO_ERR_NOMEM;
    const enum tyto_err err = tyto_ring_push(stream->ring, item);
    if (err) { /* what it holds is not ours */
        free(item);
        return err;
    }
    if (media->kind == TYTO_MEDIA_END)
        atomic_store(&stream->ended, true);
    tyto_source_step(source);
    return TYTO_OK;
}

void tyto_source_fill_position(struct tyto_source *source, enum tyto_stream stream, int64_t ns)
{
    tyto_source_pass(&source->streams[stream], ns);
}

/* --- what there is to know -------------------------------------------------------------------- */

void tyto_source_get_status(const struct tyto_source *source, struct tyto_source_status *ret_status)
{
    struct tyto_source_status status = {
        .waits_for_key = tyto_source_waits_for_key(source),
        .last_step_ns = tyto_source_last_step_ns(source),
        .num_skipped = tyto_source_num_skipped(source),
        .duration_ns = tyto_source_duration_ns(source),
    };
    status.is_settled = tyto_source_get_streams(source, &status.has[TYTO_STREAM_AUDIO],
                                                &status.has[TYTO_STREAM_VIDEO]);
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        status.expects[i] = tyto_source_expects(source, (enum tyto_stream)i);
        status.last_data_ns[i] = tyto_source_last_data_ns(source, (enum tyto_stream)i);
        status.num_dropped[i] = tyto_source_num_dropped(source, (enum tyto_stream)i);
    }
    snprintf(status.note, sizeof(status.note), "%s", tyto_source_note(source));
    *ret_status = status;
}

void tyto_source_fill_status(struct tyto_source *source, const struct tyto_source_status *status)
{
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        struct tyto_source_stream *stream = &source->streams[i];
        atomic_store(&stream->linked, status->is_settled && status->has[i]);
        atomic_store(&stream->claimed, status->expects[i]);
        atomic_store(&stream->last_data_ns, status->last_data_ns[i]);
        atomic_store(&stream->num_dropped_there, status->num_dropped[i]);
    }
    atomic_store(&source->streams[TYTO_STREAM_VIDEO].num_skipped, status->num_skipped);
    atomic_store(&source->no_more_pads, status->is_settled);
    atomic_store(&source->waits_for_key, status->waits_for_key);
    atomic_store(&source->duration_ns, status->duration_ns);
    if (status->last_step_ns > atomic_load(&source->last_step_ns))
        atomic_store(&source->last_step_ns, status->last_step_ns);
    if (status->note[0])
        tyto_source_set_note(source, status->note);
}

void tyto_source_get_ending(struct tyto_source *source, struct tyto_source_ending *ret_ending)
{
    struct tyto_source_ending ending = {
        .has_news = tyto_source_has_news(source),
        .refuses_transport = tyto_source_refuses_transport(source),
        .has_grown = tyto_source_has_grown(source),
        .whole = *tyto_source_whole(source),
    };
    if (!tyto_source_redirect(source, ending.redirect, sizeof(ending.redirect)))
        ending.redirect[0] = '\0';
    *ret_ending = ending;
}

void tyto_source_fill_ending(struct tyto_source *source, const struct tyto_source_ending *ending)
{
    source->has_news = ending->has_news;
    source->refuses_transport = ending->refuses_transport;
    source->has_grown = ending->has_grown;
    source->whole = ending->whole;
    pthread_mutex_lock(&source->note_lock);
    snprintf(source->redirect, sizeof(source->redirect), "%s", ending->redirect);
    pthread_mutex_unlock(&source->note_lock);
}

void tyto_source_get_wishes(const struct tyto_source *source, struct tyto_source_wishes *ret_wishes)
{
    *ret_wishes = (struct tyto_source_wishes){
        .is_looking = atomic_load(&source->looking),
        .is_behind = atomic_load(&source->behind),
    };
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        ret_wishes->num_taken[i] = atomic_load(&source->streams[i].num_taken);
}
