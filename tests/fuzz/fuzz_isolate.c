/* SPDX-License-Identifier: MIT */
/* Any bytes as what the process of a camera says: they end the connection with an error, or fill a
 * source with things that are what they say. The first byte says who reads (its lowest bit: the
 * process itself) and whether there is a tap; what follows are messages of pipeline/isolate/wire.h,
 * in the layout of this machine. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/isolate/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

/* As the parent reads: what a socket holds at a time. */
enum { PIECE_BYTES = 32768 };

static volatile unsigned sum; /* so that what is read is read */

static void read_all(const void *bytes, size_t num_bytes)
{
    for (size_t i = 0; i < num_bytes; i++)
        sum += ((const uint8_t *)bytes)[i];
}

/* --- a source that is filled ------------------------------------------------------------------ */

static enum tyto_err wait_for(void *user, int timeout_ms, char *text, uint32_t text_bytes)
{
    (void)user, (void)timeout_ms, (void)text, (void)text_bytes;
    return TYTO_ERR_TIMEOUT;
}

static void on_wish(void *user)
{
    (void)user;
}

static bool destroy(void *user, uint64_t deadline_ns)
{
    (void)user, (void)deadline_ns;
    return true;
}

static void on_coded(struct tyto_tap *tap, enum tyto_stream stream, struct tyto_coded *coded)
{
    void *coding = NULL, *map = NULL;
    char *caps = NULL;
    const uint8_t *bytes = NULL;
    (void)tap;
    if (stream >= TYTO_NUM_STREAMS || coded->duration_ns < 0)
        abort();
    if (tyto_coded_map(coded, &coding, &caps, &bytes, &map) == TYTO_OK) {
        read_all(bytes, coded->num_bytes);
        tyto_coded_unmap(coded, map);
    }
    free(caps);
    tyto_coded_free_coding(coding);
    tyto_coded_free(coded);
}

static void on_connected(struct tyto_tap *tap, bool is_connected)
{
    (void)tap, (void)is_connected;
}

static void on_shift(struct tyto_tap *tap, int64_t shift_ns)
{
    (void)tap, (void)shift_ns;
}

static void count(struct tyto_tap *tap)
{
    (void)tap;
}

static struct tyto_tap tap = {.on_coded = on_coded,
                              .on_connected = on_connected,
                              .on_shift = on_shift,
                              .ref = count,
                              .unref = count};

static struct tyto_source *make_source(struct tyto_tap *own_tap)
{
    const struct tyto_source_params params = {.uri = "rtsp://127.0.0.1/x",
                                              .hop_ns = (int64_t)TYTO_NS_PER_S,
                                              .length_ns = (int64_t)TYTO_NS_PER_S,
                                              .tap = own_tap};
    const struct tyto_source_filler filler = {
        .wait = wait_for, .on_wish = on_wish, .destroy = destroy};
    struct tyto_source *source = NULL;
    struct tyto_fault fault;
    if (tyto_source_create_filled(&params, &filler, &source, &fault) != TYTO_OK)
        abort();
    return source;
}

/* --- what must hold --------------------------------------------------------------------------- */

static void check_picture(const struct tyto_picture *picture)
{
    const struct tyto_frame *frame = &picture->frame;
    uint32_t row_bytes[3], rows[3];
    if (!tyto_wire_planes(frame->format, frame->width, frame->height, row_bytes, rows))
        abort();
    for (int i = 0; i < 3; i++) {
        for (uint32_t y = 0; y < rows[i]; y++)
            read_all(frame->planes[i] + (size_t)y * frame->strides_bytes[i], row_bytes[i]);
    }
}

static void take_out(struct tyto_isolated *self)
{
    struct tyto_media media;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        while (tyto_source_pop(self->source, (enum tyto_stream)i, &media) == TYTO_OK) {
            self->told.num_taken[i]++;
            if (llabs(media.pts_ns) > INT64_MAX / 2 || media.in_ns > tyto_clock_mono_ns())
                abort();
            for (uint32_t k = 0; media.kind == TYTO_MEDIA_SOUND && k < media.num_samples; k++) {
                if (!isfinite(media.samples[k]))
                    abort();
            }
            if (media.kind == TYTO_MEDIA_PICTURE)
                check_picture(media.picture);
            tyto_media_release(&media);
        }
    }
}

static void check_text(const char *text)
{
    char printable[TYTO_WIRE_TEXT_MAX + 1];
    snprintf(printable, sizeof(printable), "%s", text);
    tyto_text_make_printable(printable);
    if (strcmp(text, printable) != 0)
        abort();
}

/* --- the two who read ------------------------------------------------------------------------- */

static enum tyto_err take_as_parent(struct tyto_isolated *self)
{
    char text[TYTO_WIRE_TEXT_MAX];
    const enum tyto_err err = tyto_isolated_take(self);
    if (err)
        return err;
    take_out(self);
    check_text(tyto_source_note(self->source));
    if (!self->is_over)
        return TYTO_OK;
    if (tyto_isolated_ending(self, text, sizeof(text)) == TYTO_OK)
        abort();
    check_text(text);
    return TYTO_ERR_CLOSED;
}

/* Whether a message of num_body_bytes had to be made room for that nobody sends. */
static void check_bounds(const struct tyto_wire_reader *reader)
{
    if (reader->num_body_bytes > 0 && !reader->body && reader->num_read > 0)
        abort();
}

static enum tyto_err read_piece(int fd, enum tyto_wire_side side, struct tyto_isolated *self)
{
    for (;;) {
        enum tyto_err err = tyto_wire_read(fd, side, &self->reader);
        if (err)
            return err;
        check_bounds(&self->reader);
        if (side == TYTO_WIRE_FROM_PROCESS)
            err = take_as_parent(self);
        else
            read_all(&self->reader.fixed, sizeof(self->reader.fixed));
        if (err)
            return err;
        tyto_wire_next(&self->reader);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    int fds[2];
    if (num_bytes == 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return 0;
    const enum tyto_wire_side side = data[0] & 1 ? TYTO_WIRE_TO_PROCESS : TYTO_WIRE_FROM_PROCESS;
    struct tyto_isolated self = {.tap = data[0] & 2 ? &tap : NULL};
    pthread_mutex_init(&self.tell_lock, NULL);
    self.source = make_source(self.tap);
    enum tyto_err err = TYTO_ERR_EMPTY;
    for (size_t at = 1; err == TYTO_ERR_EMPTY && at < num_bytes; at += PIECE_BYTES) {
        const size_t num = num_bytes - at < PIECE_BYTES ? num_bytes - at : PIECE_BYTES;
        if (send(fds[0], data + at, num, MSG_NOSIGNAL) != (ssize_t)num)
            abort();
        err = read_piece(fds[1], side, &self);
        if (!err)
            abort();
    }
    tyto_wire_next(&self.reader);
    (void)tyto_source_destroy(&self.source, TYTO_NS_PER_S);
    pthread_mutex_destroy(&self.tell_lock);
    close(fds[0]);
    close(fds[1]);
    return 0;
}
