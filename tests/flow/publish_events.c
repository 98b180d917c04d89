/* SPDX-License-Identifier: MIT */
/* What delivers events in tytod, without cameras: publish_events JOURNAL ENDPOINT QUERY EVERY_US
 * [PICTURE_BYTES] publishes an event's NEW and END every so many microseconds (0: nothing) until
 * SIGTERM, and behind each NEW what stands for its picture, where somebody subscribes to pictures:
 * FF D8 FF, the event's id, zeroes. Cats look as dogs sound; of owls no embedding is known. To be
 * killed. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"
#include "files/digest.h"

static volatile sig_atomic_t is_ending;

static void on_signal(int number)
{
    (void)number;
    is_ending = 1;
}

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static enum tyto_err publish_picture(struct tyto_publisher *publisher,
                                     const struct tyto_event *event, uint32_t num_bytes)
{
    static const uint8_t head[] = {0xff, 0xd8, 0xff};
    struct tyto_thumbnail thumbnail = {
        .width = 4, .height = 3, .score = 0.5f, .unix_ns = event->begin_unix_ns};
    uint8_t *jpeg = calloc(1, num_bytes);
    if (!jpeg)
        return TYTO_ERR_NOMEM;
    memcpy(jpeg, head, sizeof(head));
    memcpy(jpeg + sizeof(head), event->id, TYTO_ULID_CHARS);
    thumbnail.num_bytes = num_bytes;
    memcpy(thumbnail.event_id, event->id, sizeof(thumbnail.event_id));
    memcpy(thumbnail.camera, event->camera, sizeof(thumbnail.camera));
    memcpy(thumbnail.class_name, event->class_name, sizeof(thumbnail.class_name));
    tyto_digest_bytes(jpeg, num_bytes, thumbnail.sha256);
    tyto_publisher_thumbnail(publisher, &thumbnail, jpeg);
    return TYTO_OK;
}

static void embed(struct tyto_event *event)
{
    const bool is_dog = strcmp(event->class_name, "dog") == 0;
    event->embeddings = (struct tyto_embeddings){.space = 0};
    if (!is_dog && strcmp(event->class_name, "cat") != 0)
        return;
    event->embeddings =
        (struct tyto_embeddings){.space = 1, .has_sound = true, .has_picture = true};
    event->embeddings.sound[is_dog ? 0 : 8] = 127;
    event->embeddings.picture[is_dog ? 16 : 0] = 127;
}

/* With the end: the picture of the second before answered. */
static void align(struct tyto_event *event)
{
    const bool is_end = event->phase == TYTO_EVENT_PHASE_END;
    event->num_segments = 3;
    event->segment_hop_ns = 1000000000;
    event->alignment = (struct tyto_event_alignment){
        .rows = is_end ? 2 : 0, .cols = is_end ? 3 : 0, .before = is_end ? 1 : 0};
    for (uint32_t row = 0; row < event->alignment.rows; row++) {
        event->alignment.audio[row][0] = 204;
        event->alignment.visual[row][1] = 51;
        event->alignment.trust[row] = 102;
    }
}

static enum tyto_err publish(struct tyto_publisher *publisher, uint32_t every_us,
                             uint32_t picture_bytes)
{
    static const char *const classes[] = {"dog", "cat", "owl"};
    struct tyto_event event = {.modality = TYTO_MODALITY_AV};
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; !err && !is_ending; i++) {
        const struct timespec nap = {0, every_us ? every_us * 500L : 100000000L};
        nanosleep(&nap, NULL);
        if (!every_us)
            continue;
        if (i % 2 == 0) {
            snprintf(event.camera, sizeof(event.camera), "cam%u", i / 2 % 2);
            snprintf(event.class_name, sizeof(event.class_name), "%s", classes[i / 2 % 3]);
            err = tyto_event_id_make(tyto_clock_unix_ns(), event.id);
            event.begin_unix_ns = (int64_t)tyto_clock_unix_ns();
            embed(&event);
        }
        event.phase = i % 2 ? TYTO_EVENT_PHASE_END : TYTO_EVENT_PHASE_NEW;
        event.reason = i % 2 ? TYTO_EVENT_REASON_OFFSET : TYTO_EVENT_REASON_ONSET;
        event.rev = i % 2;
        event.has_end = i % 2;
        event.end_unix_ns = (int64_t)tyto_clock_unix_ns();
        align(&event);
        if (!err)
            err = tyto_publisher_event(publisher, &event);
        if (!err && i % 2 == 0 && picture_bytes >= 64 && tyto_publisher_wants_thumbnails(publisher))
            err = publish_picture(publisher, &event, picture_bytes);
    }
    return err;
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6)
        return 2;
    const struct tyto_log log = {tyto_log_stderr, NULL, TYTO_LOG_INFO};
    const struct tyto_journal_params kept = {.path = argv[1], .log = &log};
    const char *endpoints[] = {argv[2]}, *query_endpoints[] = {argv[3]};
    struct tyto_journal *journal = NULL;
    struct tyto_publisher *publisher = NULL;
    struct tyto_query_server *server = NULL;
    struct tyto_fault fault = {.text = ""};
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    enum tyto_err err = tyto_journal_open(&kept, &journal, &fault);
    const struct tyto_publisher_params published = {.endpoints = endpoints,
                                                    .num_endpoints = 1,
                                                    .query_endpoints = query_endpoints,
                                                    .num_query_endpoints = 1,
                                                    .heartbeat_ms = 200,
                                                    .journal = journal,
                                                    .version = "test",
                                                    .log = &log};
    if (!err)
        err = tyto_publisher_create(&published, &publisher, &fault);
    const struct tyto_query_server_params asked = {.endpoints = query_endpoints,
                                                   .num_endpoints = 1,
                                                   .journal_path = argv[1],
                                                   .hello = tell_hello,
                                                   .user = publisher,
                                                   .log = &log};
    if (!err)
        err = tyto_query_server_create(&asked, &server, &fault);
    if (!err)
        err = publish(publisher, (uint32_t)strtoul(argv[4], NULL, 10),
                      argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 0);
    if (err)
        fprintf(stderr, "%s: %s\n", tyto_err_text(err), fault.text);
    (void)tyto_query_server_destroy(&server);
    (void)tyto_publisher_destroy(&publisher);
    tyto_journal_close(&journal);
    return !err ? 0 : 1;
}
