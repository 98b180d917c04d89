/* SPDX-License-Identifier: MIT */
/* How long it takes to hold one event against 100,000 others by their prints, best of ten: what
 * `tyto find` does once it has the scores. Fails over 50 ms. */
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "cli/find/prints.h"

enum { NUM_EVENTS = 100000, NUM_CLASSES = 56, NUM_RUNS = 10, NUM_CAMERAS = 10, MAX = 10 };

static enum tyto_err fill(struct tyto_prints *prints)
{
    static char class_names[NUM_CLASSES][16];
    static struct tyto_reply page = {
        .kind = TYTO_REPLY_SCORES, .num_segments = 1, .num_classes = NUM_CLASSES};
    uint8_t heard[NUM_CLASSES], seen[NUM_CLASSES];
    uint64_t chance = 1;
    enum tyto_err err = TYTO_OK;
    for (int i = 0; i < NUM_CLASSES; i++) {
        snprintf(class_names[i], sizeof(class_names[i]), "class%d", i);
        page.class_names[i] = class_names[i];
    }
    /* A camera's events in one second: one piece of scores gives all of them a print. */
    for (int i = 0; !err && i < NUM_EVENTS; i++) {
        struct tyto_event event = {.begin_unix_ns = (int64_t)TYTO_NS_PER_S * (1 + i)};
        snprintf(event.id, sizeof(event.id), "%026d", i);
        snprintf(event.camera, sizeof(event.camera), "cam%d", i % NUM_CAMERAS);
        snprintf(event.class_name, sizeof(event.class_name), "class%d", i % NUM_CLASSES);
        err = tyto_prints_add(prints, &event);
    }
    for (int camera = 0; !err && camera < NUM_CAMERAS; camera++) {
        char name[16];
        for (int i = 0; i < NUM_CLASSES; i++) {
            heard[i] = (uint8_t)(255 * tyto_random_share(&chance));
            seen[i] = (uint8_t)(255 * tyto_random_share(&chance));
        }
        struct tyto_segment_scores segment = {.begin_unix_ns = 1,
                                              .end_unix_ns = INT64_MAX / 2,
                                              .has_audio = true,
                                              .has_video = true,
                                              .has_heard_seen = true,
                                              .heard = heard,
                                              .seen = seen};
        snprintf(name, sizeof(name), "cam%d", camera);
        page.segments = &segment;
        tyto_prints_take(prints, name, &page);
    }
    return err;
}

int main(void)
{
    struct tyto_prints *prints = NULL;
    struct tyto_print_match matches[MAX];
    char id[TYTO_ULID_CHARS + 1];
    double best_ms = 1e9;
    uint32_t num = 0;
    enum tyto_err err = tyto_prints_create(&prints);
    if (!err)
        err = fill(prints);
    for (int i = 0; !err && i < NUM_RUNS; i++) {
        const uint64_t begin_ns = tyto_clock_mono_ns();
        snprintf(id, sizeof(id), "%026d", 7 * i);
        err = tyto_prints_find(prints, id, TYTO_PRINT_ANY, TYTO_PRINT_ANY, MAX, matches, &num);
        const double ms = (double)(tyto_clock_mono_ns() - begin_ns) / (double)TYTO_NS_PER_MS;
        best_ms = ms < best_ms ? ms : best_ms;
    }
    tyto_prints_destroy(&prints);
    if (err || num != MAX) {
        fprintf(stderr, "bench_find: %s, %u found\n", tyto_err_text(err), num);
        return 1;
    }
    printf("one event against %d others, by sound and picture: %.1f ms\n", NUM_EVENTS, best_ms);
    return best_ms > 50;
}
