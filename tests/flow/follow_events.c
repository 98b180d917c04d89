/* SPDX-License-Identifier: MIT */
/* A durable consumer by libtyto: follow_events ENDPOINT POSITION_FILE SECONDS [PREFIX...]. Says
 * each message in a line, and what is lost; its position is in the file. To be killed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/feed.h"

static void read_position(const char *path, struct tyto_feed_params *params)
{
    char line[TYTO_FEED_POSITION_CHARS + 2] = "";
    FILE *file = fopen(path, "r");
    if (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (tyto_feed_position_parse(line, &params->position) == TYTO_OK)
            params->start = TYTO_FEED_AFTER;
    }
    if (file)
        (void)fclose(file);
}

/* In place: whoever is killed has written all of it or nothing. */
static bool write_position(int fd, const struct tyto_feed *feed)
{
    char text[TYTO_FEED_POSITION_CHARS + 2];
    struct tyto_feed_position position;
    if (tyto_feed_get_position(feed, &position) != TYTO_OK)
        return true;
    tyto_feed_position_format(&position, text);
    const size_t num = strlen(text);
    text[num] = '\n';
    return pwrite(fd, text, num + 1, 0) == (ssize_t)num + 1;
}

static void say(const struct tyto_feed_item *item)
{
    static const char *const phases[] = {"?", "PHASE_NEW", "PHASE_UPDATE", "PHASE_END",
                                         "PHASE_RETRACTED"};
    if (item->kind == TYTO_FEED_LOST)
        printf("lost %llu %llu %llu %s\n", (unsigned long long)item->from_seq,
               (unsigned long long)item->to_seq, (unsigned long long)item->num_lost, item->text);
    if (item->kind == TYTO_FEED_LIVE_ONLY || item->kind == TYTO_FEED_REFUSED)
        printf("error %s\n", item->text);
    if (item->kind == TYTO_FEED_MESSAGE && item->message.kind == TYTO_MESSAGE_EVENT) {
        const struct tyto_event *event = &item->message.u.event;
        printf("%llu %s %s %s %s %s\n", (unsigned long long)item->message.seq, event->id,
               event->camera, event->class_name, phases[event->phase < 5 ? event->phase : 0],
               event->reason == TYTO_EVENT_REASON_RECOVERED ? "recovered" : "-");
    }
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    struct tyto_feed_params params = {.endpoint = argv[1],
                                      .start = TYTO_FEED_FROM_OLDEST,
                                      .prefixes = (const char *const *)argv + 4,
                                      .num_prefixes = (uint32_t)argc - 4};
    struct tyto_feed *feed = NULL;
    const struct tyto_feed_item *item = NULL;
    read_position(argv[2], &params);
    const int fd = open(argv[2], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    enum tyto_err err = tyto_feed_open(&params, &feed);
    const uint64_t end_ns =
        tyto_clock_mono_ns() + (uint64_t)(strtod(argv[3], NULL) * (double)TYTO_NS_PER_S);
    while ((!err || err == TYTO_ERR_TIMEOUT) && tyto_clock_mono_ns() < end_ns) {
        err = tyto_feed_next(feed, 100, &item);
        if (!err)
            say(item);
        if (!write_position(fd, feed))
            err = TYTO_ERR_IO;
    }
    struct tyto_feed_counts counts;
    if (feed) {
        tyto_feed_get_counts(feed, &counts);
        fprintf(stderr, "given %llu fetched %llu doubled %llu let go %llu lost %llu replays %u\n",
                (unsigned long long)counts.num_given, (unsigned long long)counts.num_fetched,
                (unsigned long long)counts.num_doubled, (unsigned long long)counts.num_let_go,
                (unsigned long long)counts.num_lost, counts.num_replays);
    }
    tyto_feed_close(&feed);
    (void)close(fd);
    return !err || err == TYTO_ERR_TIMEOUT ? 0 : 1;
}
