/* SPDX-License-Identifier: MIT */
/* What a process says, made into what its source gives: with every field looked at before, for the
 * process is one whose decoder may do whatever a camera's data make it do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/isolate/internal.h"

/* Media times beyond it would overflow when they are added to others. */
#define MAX_NS (INT64_MAX / 4)

/* --- fields ----------------------------------------------------------------------------------- */

/* Of bytes that came from elsewhere: a bool that is neither has no meaning in C. */
static bool are_bools(const bool *values, size_t num)
{
    uint8_t bytes[8];
    memcpy(bytes, values, num);
    bool are = true;
    for (size_t i = 0; i < num; i++)
        are = are && bytes[i] <= 1;
    return are;
}

static bool is_time(int64_t ns)
{
    return ns >= -MAX_NS && ns <= MAX_NS;
}

/* Its monotonic clock is ours: nothing has come later than now. */
static uint64_t past(uint64_t ns)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    return ns < now_ns ? ns : now_ns;
}

static bool is_text(const char *text, size_t text_bytes)
{
    return strnlen(text, text_bytes) < text_bytes;
}

/* --- sound and picture ------------------------------------------------------------------------ */

struct received_picture {
    struct tyto_picture picture;
    uint8_t *planes; /* owned */
};

static void release_picture(struct tyto_picture *picture)
{
    struct received_picture *received = picture->owner;
    free(received->planes);
    free(received);
}

static struct tyto_picture *make_picture(const struct tyto_wire_media *from, uint64_t in_ns,
                                         uint8_t *planes)
{
    struct received_picture *received = calloc(1, sizeof(*received));
    if (!received)
        return NULL;
    received->planes = planes;
    received->picture = (struct tyto_picture){
        .frame = {.format = (enum tyto_pixel_format)from->format,
                  .width = from->width,
                  .height = from->height,
                  .bt709 = from->bt709,
                  .full_range = from->full_range},
        .pts_ns = from->pts_ns,
        .in_ns = in_ns,
        .owner = received,
        .release = release_picture,
    };
    atomic_init(&received->picture.num_refs, 1);
    for (int i = 0; i < 3 && from->plane_bytes[i] > 0; i++) {
        received->picture.frame.planes[i] = planes;
        received->picture.frame.strides_bytes[i] = from->strides_bytes[i];
        planes += from->plane_bytes[i];
    }
    return &received->picture;
}

/* What is no number is silence: decoders make such of damaged data. */
static void make_finite(float *samples, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++)
        samples[i] = isfinite(samples[i]) ? samples[i] : 0.0f;
}

/* It may send no more than it was told that there is room for. */
static bool is_within_room(struct tyto_isolated *self, enum tyto_stream stream)
{
    pthread_mutex_lock(&self->tell_lock);
    const uint64_t num_taken = self->told.num_taken[stream];
    pthread_mutex_unlock(&self->tell_lock);
    return self->num_received[stream]++ - num_taken < tyto_wire_room(stream);
}

static enum tyto_err take_media(struct tyto_isolated *self)
{
    const struct tyto_wire_media *from = &self->reader.fixed.media;
    float *samples = (float *)(void *)self->reader.body;
    if (!is_within_room(self, (enum tyto_stream)from->stream) || !is_time(from->pts_ns) ||
        !are_bools(&from->bt709, 1) || !are_bools(&from->full_range, 1))
        return TYTO_ERR_FORMAT;
    struct tyto_media media = {
        .kind = (enum tyto_media_kind)from->kind,
        .pts_ns = from->pts_ns,
        .capture_unix_ns = from->capture_unix_ns <= INT64_MAX / 2 ? from->capture_unix_ns : 0,
        .in_ns = past(from->in_ns),
    };
    if (media.kind == TYTO_MEDIA_SOUND) {
        make_finite(samples, from->num_samples);
        media.samples = samples;
        media.num_samples = from->num_samples;
    } else if (media.kind == TYTO_MEDIA_PICTURE) {
        media.picture = make_picture(from, media.in_ns, self->reader.body);
        if (!media.picture)
            return TYTO_ERR_NOMEM;
        self->reader.body = NULL; /* the picture's */
    }
    const enum tyto_err err =
        tyto_source_fill(self->source, (enum tyto_stream)from->stream, &media, self->reader.body);
    if (err)
        tyto_picture_unref(&media.picture);
    else
        self->reader.body = NULL;
    return err == TYTO_ERR_FULL ? TYTO_ERR_FORMAT : err;
}

/* --- what it knows ---------------------------------------------------------------------------- */

static enum tyto_err take_status(struct tyto_isolated *self)
{
    struct tyto_source_status *status = &self->reader.fixed.status;
    if (!are_bools(&status->is_settled, 1) || !are_bools(status->has, TYTO_NUM_STREAMS) ||
        !are_bools(status->expects, TYTO_NUM_STREAMS) || !are_bools(&status->waits_for_key, 1) ||
        !is_text(status->note, sizeof(status->note)) || status->duration_ns < 0)
        return TYTO_ERR_FORMAT;
    tyto_text_make_printable(status->note);
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        status->last_data_ns[i] = past(status->last_data_ns[i]);
    status->last_step_ns = past(status->last_step_ns);
    tyto_source_fill_status(self->source, status);
    return TYTO_OK;
}

static enum tyto_err take_position(struct tyto_isolated *self)
{
    const struct tyto_wire_position *position = &self->reader.fixed.position;
    if (position->stream >= TYTO_NUM_STREAMS || !is_time(position->ns))
        return TYTO_ERR_FORMAT;
    tyto_source_fill_position(self->source, (enum tyto_stream)position->stream, position->ns);
    return TYTO_OK;
}

static enum tyto_err take_look(struct tyto_isolated *self)
{
    const struct tyto_wire_look *look = &self->reader.fixed.look;
    if (!is_time(look->pts_ns))
        return TYTO_ERR_FORMAT;
    tyto_source_fill_look(self->source, look->pts_ns, look->grey);
    return TYTO_OK;
}

/* Caps, then data: what a recording is made of. */
static enum tyto_err take_coded(struct tyto_isolated *self)
{
    const struct tyto_wire_coded *from = &self->reader.fixed.coded;
    const char *caps = from->caps_bytes > 0 ? (const char *)self->reader.body : NULL;
    const bool is_good = self->tap && is_time(from->pts_ns) && from->duration_ns >= 0 &&
                         is_time(from->duration_ns) && are_bools(&from->is_key, 1) &&
                         (from->dts_ns == TYTO_CODED_NO_TIME || is_time(from->dts_ns)) &&
                         (!caps || (caps[0] && is_text(caps, from->caps_bytes) &&
                                    strlen(caps) + 1 == from->caps_bytes));
    if (!is_good)
        return TYTO_ERR_FORMAT;
    const struct tyto_coded coded = {.pts_ns = from->pts_ns,
                                     .dts_ns = from->dts_ns,
                                     .duration_ns = from->duration_ns,
                                     .num_bytes = from->data_bytes,
                                     .is_key = from->is_key};
    const uint8_t *data = self->reader.body ? self->reader.body + from->caps_bytes : NULL;
    return tyto_source_fill_coded(self->source, (enum tyto_stream)from->stream, caps, &coded, data);
}

static enum tyto_err take_over(struct tyto_isolated *self)
{
    struct tyto_wire_over *over = &self->reader.fixed.over;
    const bool is_known = over->err < TYTO_OK && over->err >= TYTO_ERR_INTERNAL;
    if (!is_known || over->err == TYTO_ERR_TIMEOUT || !is_text(over->text, sizeof(over->text)) ||
        !are_bools(&over->ending.has_news, 1) || !are_bools(&over->ending.refuses_transport, 1) ||
        !are_bools(&over->ending.has_grown, 1) || !are_bools(&over->ending.whole.tells_length, 1) ||
        !are_bools(&over->ending.whole.is_cut, 1) ||
        !are_bools(&over->ending.whole.is_damaged, 1) ||
        !are_bools(&over->ending.whole.lacks_index, 1) ||
        !is_text(over->ending.redirect, sizeof(over->ending.redirect)))
        return TYTO_ERR_FORMAT;
    tyto_text_make_printable(over->text);
    tyto_source_fill_ending(self->source, &over->ending);
    self->is_over = true;
    return TYTO_OK;
}

enum tyto_err tyto_isolated_take(struct tyto_isolated *self)
{
    switch (self->reader.head.kind) {
    case TYTO_WIRE_STATUS:
        return take_status(self);
    case TYTO_WIRE_MEDIA:
        return take_media(self);
    case TYTO_WIRE_POSITION:
        return take_position(self);
    case TYTO_WIRE_LOOK:
        return take_look(self);
    case TYTO_WIRE_CODED:
        return take_coded(self);
    case TYTO_WIRE_OVER:
        return take_over(self);
    default:
        return TYTO_ERR_FORMAT;
    }
}

enum tyto_err tyto_isolated_ending(const struct tyto_isolated *self, char *text,
                                   uint32_t text_bytes)
{
    snprintf(text, text_bytes, "%s", self->reader.fixed.over.text);
    return (enum tyto_err)self->reader.fixed.over.err;
}
