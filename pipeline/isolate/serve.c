/* SPDX-License-Identifier: MIT */
/* The process's side: a source as any other, emptied into a socket. It sends a thing of a stream
 * only where the parent has room for it, so that neither stream ever stands in the other's way;
 * what finds none is dropped, or waits, in the source's own rings, as without a process between. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "pipeline/isolate/coded.h"
#include "pipeline/isolate/isolate.h"
#include "pipeline/isolate/wire.h"

enum {
    START_MS = 10000,
    LIVE_TICK_MS = 40, /* a segment waits for seconds: nobody is in a hurry */
    FILE_TICK_MS = 2,
    END_MS = 30000, /* for the parent to close its end after OVER */
};

#define LOOK_NS (100 * TYTO_NS_PER_MS)   /* between two looks at the pipeline, as a session's */
#define STATUS_NS (250 * TYTO_NS_PER_MS) /* a status is due, whatever it says */
#define DESTROY_NS (2 * TYTO_NS_PER_S)

struct serving {
    int fd;
    struct tyto_coded_queue coded; /* no ring: nobody records */
    struct tyto_source *source;
    bool is_file;
    struct tyto_wire_reader reader;
    struct tyto_source_wishes wishes;
    uint64_t num_sent[TYTO_NUM_STREAMS];
    int64_t told_pos_ns[TYTO_NUM_STREAMS];
    struct tyto_source_status told;
    uint64_t told_ns, looked_ns;
    struct tyto_wire_over over;
    bool is_over; /* nothing comes but what the rings hold */
};

/* --- to the parent ---------------------------------------------------------------------------- */

static uint32_t describe_planes(const struct tyto_frame *frame, struct tyto_wire_media *media,
                                struct iovec planes[3])
{
    uint32_t row_bytes[3] = {0}, rows[3] = {0}, num = 0;
    if (!tyto_wire_planes(frame->format, frame->width, frame->height, row_bytes, rows))
        return 0;
    media->format = frame->format;
    media->width = frame->width;
    media->height = frame->height;
    media->bt709 = frame->bt709;
    media->full_range = frame->full_range;
    for (int i = 0; i < 3 && rows[i] > 0; i++) {
        media->strides_bytes[i] = frame->strides_bytes[i];
        media->plane_bytes[i] = (rows[i] - 1) * frame->strides_bytes[i] + row_bytes[i];
        planes[num++] = (struct iovec){(void *)(uintptr_t)frame->planes[i], media->plane_bytes[i]};
    }
    return num;
}

static enum tyto_err send_media(struct serving *serving, enum tyto_stream stream,
                                const struct tyto_media *media)
{
    struct tyto_wire_media fixed = {
        .stream = stream,
        .kind = media->kind,
        .pts_ns = media->pts_ns,
        .capture_unix_ns = media->capture_unix_ns,
        .in_ns = media->in_ns,
    };
    struct iovec bodies[3];
    uint32_t num_bodies = 0;
    if (media->kind == TYTO_MEDIA_SOUND) {
        fixed.num_samples = media->num_samples;
        bodies[num_bodies++] = (struct iovec){(void *)(uintptr_t)media->samples,
                                              media->num_samples * sizeof(*media->samples)};
    } else if (media->kind == TYTO_MEDIA_PICTURE) {
        num_bodies = describe_planes(&media->picture->frame, &fixed, bodies);
    }
    serving->num_sent[stream]++;
    return tyto_wire_send(serving->fd, TYTO_WIRE_MEDIA, &fixed, bodies, num_bodies);
}

static enum tyto_err send_position(struct serving *serving, enum tyto_stream stream, int64_t ns)
{
    const struct tyto_wire_position position = {.stream = stream, .ns = ns};
    if (ns <= serving->told_pos_ns[stream])
        return TYTO_OK;
    serving->told_pos_ns[stream] = ns;
    return tyto_wire_send(serving->fd, TYTO_WIRE_POSITION, &position, NULL, 0);
}

/* As much as there is and the parent has room for. */
static enum tyto_err send_stream(struct serving *serving, enum tyto_stream stream, bool *ret_moved,
                                 bool *ret_empty)
{
    /* Before popping: whatever it says was passed has been pushed already. */
    const int64_t position_ns = tyto_source_position(serving->source, stream);
    struct tyto_media media;
    while (serving->num_sent[stream] - serving->wishes.num_taken[stream] < tyto_wire_room(stream)) {
        if (tyto_source_pop(serving->source, stream, &media) != TYTO_OK) {
            *ret_empty = true;
            return send_position(serving, stream, position_ns);
        }
        *ret_moved = true;
        enum tyto_err err = TYTO_OK;
        if (media.kind == TYTO_MEDIA_END) /* final, and what the end is judged by */
            err = send_position(serving, stream, tyto_source_position(serving->source, stream));
        if (!err)
            err = send_media(serving, stream, &media);
        tyto_media_release(&media);
        if (err)
            return err;
    }
    return TYTO_OK;
}

static enum tyto_err send_looks(struct serving *serving)
{
    struct tyto_wire_look look;
    enum tyto_err err = TYTO_OK;
    memset(&look, 0, sizeof(look));
    while (!err && tyto_source_look(serving->source, &look.pts_ns, look.grey) == TYTO_OK)
        err = tyto_wire_send(serving->fd, TYTO_WIRE_LOOK, &look, NULL, 0);
    return err;
}

static enum tyto_err send_status(struct serving *serving)
{
    struct tyto_source_status is;
    const struct tyto_source_status *was = &serving->told;
    const uint64_t now_ns = tyto_clock_mono_ns();
    tyto_source_get_status(serving->source, &is);
    bool is_due = now_ns - serving->told_ns >= STATUS_NS || is.is_settled != was->is_settled ||
                  is.waits_for_key != was->waits_for_key || strcmp(is.note, was->note) != 0;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        is_due |= is.has[i] != was->has[i] || is.expects[i] != was->expects[i] ||
                  (is.last_data_ns[i] != 0) != (was->last_data_ns[i] != 0);
    if (!is_due)
        return TYTO_OK;
    serving->told = is;
    serving->told_ns = now_ns;
    return tyto_wire_send(serving->fd, TYTO_WIRE_STATUS, &is, NULL, 0);
}

/* --- from the parent -------------------------------------------------------------------------- */

/* CLOSED: it has let go of us. */
static enum tyto_err read_wishes(struct serving *serving)
{
    for (;;) {
        const enum tyto_err err =
            tyto_wire_read(serving->fd, TYTO_WIRE_TO_PROCESS, &serving->reader);
        if (err)
            return err == TYTO_ERR_EMPTY ? TYTO_OK : err;
        if (serving->reader.head.kind != TYTO_WIRE_WISHES)
            return TYTO_ERR_FORMAT;
        serving->wishes = serving->reader.fixed.wishes;
        tyto_wire_next(&serving->reader);
        if (!serving->source)
            continue;
        tyto_source_set_looking(serving->source, serving->wishes.is_looking);
        tyto_source_set_behind(serving->source, serving->wishes.is_behind);
    }
}

static void wait_for_parent(const struct serving *serving, int timeout_ms)
{
    struct pollfd parent = {.fd = serving->fd, .events = POLLIN};
    (void)poll(&parent, 1, timeout_ms);
}

static enum tyto_err read_start(struct serving *serving)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    for (;;) {
        const enum tyto_err err =
            tyto_wire_read(serving->fd, TYTO_WIRE_TO_PROCESS, &serving->reader);
        if (err != TYTO_ERR_EMPTY)
            return err;
        const uint64_t ms = (tyto_clock_mono_ns() - begin_ns) / TYTO_NS_PER_MS;
        if (ms > START_MS)
            return TYTO_ERR_TIMEOUT;
        wait_for_parent(serving, START_MS - (int)ms);
    }
}

/* --- all -------------------------------------------------------------------------------------- */

static void note_over(struct serving *serving, enum tyto_err err, const char *text)
{
    serving->is_over = true;
    serving->over.err = err;
    snprintf(serving->over.text, sizeof(serving->over.text), "%.*s", TYTO_WIRE_TEXT_MAX - 1, text);
    if (serving->source)
        tyto_source_get_ending(serving->source, &serving->over.ending);
}

static enum tyto_err create(struct serving *serving, void (*confine)(void))
{
    const struct tyto_wire_start *start = &serving->reader.fixed.start;
    struct tyto_fault fault = {.text = ""};
    char uri[TYTO_URI_MAX + 1] = "";
    enum tyto_err err = read_start(serving);
    if (err)
        return err;
    if (serving->reader.head.kind != TYTO_WIRE_START || start->version != TYTO_WIRE_VERSION)
        return TYTO_ERR_FORMAT;
    memcpy(uri, serving->reader.body ? (const char *)serving->reader.body : "",
           serving->reader.num_body_bytes);
    if (start->has_tap)
        err = tyto_coded_queue_init(&serving->coded, start->av_offset_ns);
    if (err)
        return err;
    const struct tyto_source_params params = {
        .uri = uri,
        .options = start->options,
        .hop_ns = start->hop_ns,
        .length_ns = start->length_ns,
        .base_ns = start->base_ns,
        .tap = start->has_tap ? &serving->coded.tap : NULL,
        .reconnects = start->reconnects,
        .takes_news = start->takes_news,
    };
    tyto_source_warm();
    if (confine)
        confine();
    err = tyto_source_check_uri(uri, &serving->is_file, &fault);
    if (!err)
        err = tyto_source_create(&params, &serving->source, &fault);
    tyto_wire_next(&serving->reader);
    if (err)
        note_over(serving, err, fault.text[0] ? fault.text : tyto_err_text(err));
    return TYTO_OK;
}

static void look_at_pipeline(struct serving *serving)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    char text[TYTO_WIRE_TEXT_MAX] = "";
    if (serving->is_over || now_ns - serving->looked_ns < LOOK_NS)
        return;
    serving->looked_ns = now_ns;
    const enum tyto_err err = tyto_source_wait(serving->source, 0, text, sizeof(text));
    if (err != TYTO_ERR_TIMEOUT)
        note_over(serving, err, text);
}

/* One turn. *ret_moved: there may be more at once. CLOSED: OVER has been sent, or nobody is there.
 */
static enum tyto_err turn(struct serving *serving, bool *ret_moved)
{
    bool is_empty[TYTO_NUM_STREAMS] = {false, false};
    enum tyto_err err = read_wishes(serving);
    if (serving->source)
        look_at_pipeline(serving);
    if (!err && serving->source)
        err = send_status(serving);
    for (int i = 0; !err && serving->source && i < TYTO_NUM_STREAMS; i++)
        err = send_stream(serving, (enum tyto_stream)i, ret_moved, &is_empty[i]);
    if (!err && serving->source)
        err = send_looks(serving);
    if (!err && serving->coded.ring)
        err = tyto_coded_queue_send(&serving->coded, serving->fd);
    const bool is_done =
        !serving->source || (is_empty[TYTO_STREAM_AUDIO] && is_empty[TYTO_STREAM_VIDEO]);
    if (err || !serving->is_over || !is_done || *ret_moved)
        return err;
    err = tyto_wire_send(serving->fd, TYTO_WIRE_OVER, &serving->over, NULL, 0);
    return err ? err : TYTO_ERR_CLOSED;
}

int tyto_isolate_serve(int fd, void (*confine)(void))
{
    /* Not on the stack: threads that hang keep its tap. */
    static struct serving serving = {.told_pos_ns = {INT64_MIN, INT64_MIN}};
    serving.fd = fd;
    enum tyto_err err = create(&serving, confine);
    while (!err) {
        bool moved = false;
        err = turn(&serving, &moved);
        if (!err && !moved)
            wait_for_parent(&serving, serving.is_file ? FILE_TICK_MS : LIVE_TICK_MS);
    }
    const bool is_told = err == TYTO_ERR_CLOSED && serving.is_over;
    const uint64_t begin_ns = tyto_clock_mono_ns();
    while (is_told && read_wishes(&serving) == TYTO_OK &&
           tyto_clock_mono_ns() - begin_ns < END_MS * TYTO_NS_PER_MS)
        wait_for_parent(&serving, LIVE_TICK_MS);
    (void)tyto_source_destroy(&serving.source, DESTROY_NS);
    tyto_wire_next(&serving.reader);
    return err == TYTO_ERR_CLOSED ? 0 : 1;
}
