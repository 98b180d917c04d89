/* SPDX-License-Identifier: MIT */
/* tyto bridge without network: a position moves only behind what is acknowledged, whatever order
 * acknowledgements come in; what is not delivered is tried again, what is refused is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/bridge/core/dead.h"
#include "cli/bridge/core/pump.h"
#include "tests/folder.h"

enum { MAX_PUT = 64 };

/* A source of num_items events, one number each, and a sink that does what it is told. */
struct rig {
    uint32_t num_items, at, window;
    struct tyto_feed_item item;
    uint64_t put[MAX_PUT], open[MAX_PUT]; /* seq of each delivery begun; tickets not reported yet */
    uint32_t tries[MAX_PUT];
    uint32_t num_put, num_open, num_turns, max_open;
    uint64_t hold;      /* this seq is never acknowledged; 0: none */
    uint64_t refuse;    /* this one is refused */
    uint32_t num_later; /* so many deliveries fail first */
    bool is_draining;
    uint32_t stop_at; /* after so many turns */
    uint64_t seq_of[MAX_PUT];
};

static enum tyto_err next(void *self, int timeout_ms, const struct tyto_feed_item **ret_item,
                          struct tyto_bridge_place *reterr_place)
{
    struct rig *rig = self;
    (void)timeout_ms;
    if (rig->at == rig->num_items)
        return TYTO_ERR_TIMEOUT;
    rig->at++;
    rig->item = (struct tyto_feed_item){.kind = TYTO_FEED_MESSAGE, .text = ""};
    rig->item.message.kind = TYTO_MESSAGE_EVENT;
    rig->item.message.seq = rig->at;
    rig->item.message.u.event.phase = TYTO_EVENT_PHASE_NEW;
    snprintf(rig->item.message.u.event.camera, TYTO_ID_MAX, "yard");
    snprintf(rig->item.message.u.event.class_name, TYTO_ID_MAX, rig->at % 2 ? "dog" : "cat");
    *ret_item = &rig->item;
    *reterr_place = (struct tyto_bridge_place){.is_known = true, .at = {.seq = rig->at}};
    return TYTO_OK;
}

static bool wants(void *self, const struct tyto_parcel *parcel)
{
    (void)self;
    return !parcel->is_snapshot;
}

static bool is_ready(void *self)
{
    (void)self;
    return true;
}

static enum tyto_err put(void *self, const struct tyto_parcel *parcel, struct tyto_fault *ret_fault)
{
    struct rig *rig = self;
    (void)ret_fault;
    assert_true(rig->num_put < MAX_PUT && rig->num_open < rig->window);
    rig->put[rig->num_put] = parcel->message->seq;
    rig->tries[rig->num_put++] = parcel->num_tries;
    rig->seq_of[parcel->ticket % MAX_PUT] = parcel->message->seq;
    rig->open[rig->num_open++] = parcel->ticket;
    if (rig->num_open > rig->max_open)
        rig->max_open = rig->num_open;
    return TYTO_OK;
}

static enum tyto_err turn(void *self, int timeout_ms, struct tyto_fault *ret_fault)
{
    struct rig *rig = self;
    (void)ret_fault;
    if (timeout_ms > 0)
        usleep(1000);
    rig->num_turns++;
    return TYTO_OK;
}

/* The newest first, so that acknowledgements come in the wrong order. */
static bool report(void *self, struct tyto_delivery_report *ret_report)
{
    struct rig *rig = self;
    /* Not before the window is full, then all of them. */
    rig->is_draining = rig->num_open == rig->window || rig->at == rig->num_items ||
                       (rig->is_draining && rig->num_open > 0);
    if (!rig->is_draining)
        return false;
    for (uint32_t i = rig->num_open; i-- > 0;) {
        const uint64_t seq = rig->seq_of[rig->open[i] % MAX_PUT];
        if (seq == rig->hold)
            continue;
        *ret_report = (struct tyto_delivery_report){.ticket = rig->open[i], .text = "because"};
        if (rig->num_later > 0) {
            rig->num_later--;
            ret_report->outcome = TYTO_DELIVERY_LATER;
        } else if (seq == rig->refuse) {
            ret_report->outcome = TYTO_DELIVERY_REFUSED;
        }
        rig->open[i] = rig->open[--rig->num_open];
        return true;
    }
    return false;
}

static bool should_stop(void *user)
{
    const struct rig *rig = user;
    return rig->num_turns >= rig->stop_at;
}

static char folder[FOLDER_MAX], path[FOLDER_MAX + 16], dead[FOLDER_MAX + 32];

static struct tyto_bridge_place stored(void)
{
    struct tyto_bridge_position *position = NULL;
    struct tyto_bridge_place place;
    struct tyto_fault fault = {.text = ""};
    assert_int_equal(tyto_bridge_position_open(path, &position, &place, &fault), TYTO_OK);
    tyto_bridge_position_close(&position);
    return place;
}

static struct tyto_bridge_counts run(struct rig *rig, const char *const *classes,
                                     uint32_t num_classes)
{
    struct tyto_bridge_position *position = NULL;
    struct tyto_bridge_counts counts = {0};
    struct tyto_fault fault = {.text = ""};
    const struct tyto_bridge_source source = {.self = rig, .next = next};
    const struct tyto_sink sink = {.self = rig,
                                   .name = "test",
                                   .window = rig->window,
                                   .wants = wants,
                                   .is_ready = is_ready,
                                   .put = put,
                                   .turn = turn,
                                   .report = report};
    struct tyto_pump_params params = {.source = &source,
                                      .sink = &sink,
                                      .dead_path = dead,
                                      .classes = classes,
                                      .num_classes = num_classes,
                                      .should_stop = should_stop,
                                      .user = rig,
                                      .retry_first_ms = 1,
                                      .retry_last_ms = 4,
                                      .store_every_ms = 0,
                                      .linger_ms = 1};
    unlink(path);
    unlink(dead);
    assert_int_equal(tyto_bridge_position_open(path, &position, &params.place, &fault), TYTO_OK);
    assert_false(params.place.is_known);
    params.position = position;
    assert_int_equal(tyto_pump_run(&params, &counts, &fault), TYTO_OK);
    tyto_bridge_position_close(&position);
    return counts;
}

static void test_all_is_delivered_and_stored(void **state)
{
    (void)state;
    struct rig rig = {.num_items = 10, .window = 4, .stop_at = 200};
    const struct tyto_bridge_counts counts = run(&rig, NULL, 0);
    assert_int_equal(counts.num_taken, 10);
    assert_int_equal(rig.num_put, 10);
    assert_int_equal(rig.max_open, 4);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(rig.put[i], i + 1);
    assert_int_equal(stored().at.seq, 10);
}

static void test_a_position_waits_for_the_oldest(void **state)
{
    (void)state;
    struct rig rig = {.num_items = 6, .window = 4, .hold = 3, .stop_at = 200};
    const struct tyto_bridge_counts counts = run(&rig, NULL, 0);
    assert_int_equal(counts.num_taken, 5); /* 1, 2, 4 and what fits behind them */
    assert_int_equal(stored().at.seq, 2);
    rig = (struct rig){.num_items = 6, .window = 4, .hold = 1, .stop_at = 200};
    (void)run(&rig, NULL, 0);
    assert_false(stored().is_known); /* nothing was stored */
}

static void test_what_fails_is_tried_again(void **state)
{
    (void)state;
    struct rig rig = {.num_items = 3, .window = 1, .num_later = 5, .stop_at = 2000};
    const struct tyto_bridge_counts counts = run(&rig, NULL, 0);
    assert_int_equal(counts.num_taken, 3);
    assert_int_equal(counts.num_tries_failed, 5);
    assert_int_equal(rig.num_put, 8);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(rig.put[i], 1); /* those behind it wait */
        assert_int_equal(rig.tries[i], i);
    }
    assert_int_equal(stored().at.seq, 3);
}

static void test_what_is_refused_is_kept_and_passed_by(void **state)
{
    (void)state;
    struct rig rig = {.num_items = 5, .window = 2, .refuse = 4, .stop_at = 200};
    char line[4096] = "";
    const struct tyto_bridge_counts counts = run(&rig, NULL, 0);
    assert_int_equal(counts.num_taken, 4);
    assert_int_equal(counts.num_refused, 1);
    assert_int_equal(stored().at.seq, 5);
    FILE *file = fopen(dead, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    assert_non_null(strstr(line, "\"why\":\"because\""));
    assert_non_null(strstr(line, "\"seq\":4"));
}

static void test_other_classes_move_the_position_and_no_more(void **state)
{
    (void)state;
    static const char *const classes[] = {"cat"};
    struct rig rig = {.num_items = 7, .window = 3, .stop_at = 200};
    const struct tyto_bridge_counts counts = run(&rig, classes, 1);
    assert_int_equal(counts.num_taken, 3);
    assert_int_equal(counts.num_skipped, 4);
    assert_int_equal(stored().at.seq, 7);
}

static void test_a_full_file_of_refused_events_stays(void **state)
{
    (void)state;
    struct tyto_message message = {.kind = TYTO_MESSAGE_EVENT};
    struct tyto_fault fault = {.text = ""};
    unlink(dead);
    assert_int_equal(tyto_bridge_dead_add(dead, &message, "why", &fault), TYTO_OK);
    assert_int_equal(truncate(dead, TYTO_BRIDGE_DEAD_MAX_BYTES - 10), 0);
    assert_int_equal(tyto_bridge_dead_add(dead, &message, "why", &fault), TYTO_ERR_FULL);
    unlink(dead);
}

static int make_folder(void **state)
{
    (void)state;
    if (folder_make(folder, "bridge") != 0)
        return 1;
    snprintf(path, sizeof(path), "%s/position", folder);
    snprintf(dead, sizeof(dead), "%s.refused", path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_delivered_and_stored),
        cmocka_unit_test(test_a_position_waits_for_the_oldest),
        cmocka_unit_test(test_what_fails_is_tried_again),
        cmocka_unit_test(test_what_is_refused_is_kept_and_passed_by),
        cmocka_unit_test(test_other_classes_move_the_position_and_no_more),
        cmocka_unit_test(test_a_full_file_of_refused_events_stays),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
