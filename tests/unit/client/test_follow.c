/* SPDX-License-Identifier: MIT */
/* What a feed does with what comes in, against a daemon that is made of a few numbers: everything
 * is given once and in order, or told as lost, whatever does not come, comes twice or comes late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "client/follow.h"

enum { MAX_GIVEN = 8000, CHUNK = 64, MS = 1000000 };

/* --- a daemon ------------------------------------------------------------------------------------
 */

struct made_daemon {
    uint8_t log, boot;           /* stand for ids that hold only this */
    uint64_t last, oldest;       /* of its journal; oldest 0: none */
    uint64_t num_uncommitted;    /* the newest ones: not in the journal yet */
    bool is_silent;              /* it does not answer */
    enum tyto_query_error error; /* it answers that; 0: it does not */
    /* What it works on. */
    uint64_t id, next, to;
    bool is_snapshot;
    int credit;
};

static struct rig {
    struct made_daemon daemon;
    struct tyto_follow follow;
    uint64_t now_ns;
    uint64_t given[MAX_GIVEN];
    uint32_t num_given, num_snapshot;
    uint64_t lost_from[64], lost_to[64], lost_num[64];
    enum tyto_feed_loss lost_why[64];
    uint32_t num_lost;
    uint32_t num_of_kind[TYTO_FEED_REFUSED + 1];
    uint32_t num_sockets;
} rig;

static void fill_id(uint8_t ret_id[TYTO_UUID_BYTES], uint8_t value)
{
    memset(ret_id, value, TYTO_UUID_BYTES);
}

/* Every third one is of another class. */
static const char *class_of(uint64_t seq)
{
    return seq % 3 == 0 ? "cat" : "dog";
}

static bool is_wanted(uint64_t seq)
{
    return !rig.follow.params.is_filtered || strcmp(class_of(seq), "dog") == 0;
}

static struct tyto_envelope make_envelope(uint64_t seq)
{
    struct tyto_envelope envelope = {.seq = seq, .cam_seq = seq, .kind = TYTO_ENVELOPE_EVENT};
    struct tyto_event *event = &envelope.body.event;
    fill_id(envelope.log_id, rig.daemon.log);
    fill_id(envelope.boot_id, rig.daemon.boot);
    envelope.class_seq = seq % 3 == 0 ? seq / 3 : seq - seq / 3;
    uint8_t entropy[10] = {0};
    memcpy(entropy, &seq, sizeof(seq));
    tyto_event_id_format(1, entropy, event->id);
    snprintf(event->camera, sizeof(event->camera), "yard");
    snprintf(event->class_name, sizeof(event->class_name), "%s", class_of(seq));
    event->phase = TYTO_EVENT_PHASE_NEW;
    event->reason = TYTO_EVENT_REASON_ONSET;
    event->modality = TYTO_MODALITY_AV;
    event->clock_quality = TYTO_CLOCK_QUALITY_ARRIVAL;
    return envelope;
}

static size_t pack(uint64_t seq, uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES])
{
    const struct tyto_envelope envelope = make_envelope(seq);
    size_t num_bytes = 0;
    assert_int_equal(tyto_envelope_pack(&envelope, bytes, TYTO_ENVELOPE_MAX_BYTES, &num_bytes),
                     TYTO_OK);
    return num_bytes;
}

static void publish(uint64_t seq)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    const size_t num_bytes = pack(seq, bytes);
    const struct tyto_envelope envelope = make_envelope(seq);
    if (is_wanted(seq))
        tyto_follow_live(&rig.follow, &envelope, bytes, num_bytes);
    if (seq > rig.daemon.last)
        rig.daemon.last = seq;
}

static void hear(bool is_beat)
{
    struct tyto_follow_log log = {.last_seq = rig.daemon.last, .oldest_seq = rig.daemon.oldest};
    uint8_t boot_id[TYTO_UUID_BYTES];
    fill_id(log.log_id, rig.daemon.log);
    fill_id(boot_id, rig.daemon.boot);
    tyto_follow_heard(&rig.follow, rig.now_ns, boot_id, &log, is_beat);
    tyto_follow_set_may_ask(&rig.follow, true);
}

static void reply(const struct tyto_reply *made)
{
    static uint8_t bytes[TYTO_REPLY_MAX_BYTES];
    struct tyto_reply unpacked;
    size_t num_bytes = 0;
    assert_int_equal(tyto_reply_pack(made, bytes, sizeof(bytes), &num_bytes), TYTO_OK);
    assert_int_equal(tyto_reply_unpack(bytes, num_bytes, &unpacked), TYTO_OK);
    tyto_follow_reply(&rig.follow, rig.now_ns, &unpacked);
}

static void refuse(enum tyto_query_error error)
{
    struct tyto_reply made = {.id = rig.daemon.id,
                              .kind = TYTO_REPLY_ERROR,
                              .error = error,
                              .oldest_seq = rig.daemon.oldest};
    snprintf(made.text, sizeof(made.text), "refused");
    rig.daemon.id = 0;
    reply(&made);
}

static void answer(void)
{
    static uint8_t bytes[CHUNK][TYTO_ENVELOPE_MAX_BYTES];
    struct made_daemon *daemon = &rig.daemon;
    struct tyto_reply made = {.id = daemon->id, .kind = TYTO_REPLY_CHUNK};
    if (daemon->id == 0 || daemon->credit == 0 || daemon->is_silent)
        return;
    if (daemon->error || daemon->oldest == 0) {
        refuse(daemon->error ? daemon->error : TYTO_QUERY_NO_JOURNAL);
        return;
    }
    if (!daemon->is_snapshot && daemon->next < daemon->oldest) {
        refuse(TYTO_QUERY_TOO_OLD);
        return;
    }
    const uint64_t committed = daemon->last - daemon->num_uncommitted;
    while (made.num_envelopes < CHUNK && daemon->next <= daemon->to) {
        const uint64_t seq = daemon->next++;
        made.num_missing += seq > committed;
        if (seq > committed || !is_wanted(seq))
            continue;
        const size_t num_bytes = pack(seq, bytes[made.num_envelopes]);
        made.envelopes[made.num_envelopes] =
            (struct tyto_bytes){bytes[made.num_envelopes], num_bytes};
        made.num_envelopes++;
    }
    daemon->credit--;
    made.next_seq = daemon->next;
    made.is_last = daemon->next > daemon->to;
    if (made.is_last)
        daemon->id = 0;
    reply(&made);
}

static void take_request(const struct tyto_request *request)
{
    static uint64_t id;
    struct made_daemon *daemon = &rig.daemon;
    uint8_t log_id[TYTO_UUID_BYTES];
    fill_id(log_id, daemon->log);
    daemon->id = ++id;
    daemon->credit = (int)request->credit;
    daemon->is_snapshot = request->kind == TYTO_REQUEST_SNAPSHOT;
    daemon->next = request->since_unix_ns ? (uint64_t)request->since_unix_ns : request->from_seq;
    daemon->to =
        request->to_seq > 0 && request->to_seq < daemon->last ? request->to_seq : daemon->last;
    if (daemon->is_snapshot) { /* one open event: the last one */
        daemon->next = daemon->last;
        daemon->to = daemon->last;
    } else {
        assert_memory_equal(request->log_id, log_id, TYTO_UUID_BYTES);
        assert_true(daemon->next > 0);
    }
    tyto_follow_asked(&rig.follow, rig.now_ns, id);
}

/* --- whoever follows -----------------------------------------------------------------------------
 */

static void note(const struct tyto_feed_item *item)
{
    rig.num_of_kind[item->kind]++;
    assert_non_null(item->text);
    if (item->kind == TYTO_FEED_LOST) {
        assert_true(rig.num_lost < 64);
        rig.lost_from[rig.num_lost] = item->from_seq;
        rig.lost_to[rig.num_lost] = item->to_seq;
        rig.lost_num[rig.num_lost] = item->num_lost;
        rig.lost_why[rig.num_lost++] = item->why;
    }
    if (item->kind != TYTO_FEED_MESSAGE)
        return;
    if (item->is_snapshot) {
        rig.num_snapshot++;
        return;
    }
    assert_true(rig.num_given < MAX_GIVEN);
    rig.given[rig.num_given++] = item->message.seq;
}

/* One turn; true when anything came of it. */
static bool turn(bool answers)
{
    static struct tyto_request request;
    struct tyto_feed_item item;
    uint64_t id = 0;
    if (tyto_follow_next(&rig.follow, &item) == TYTO_OK) {
        note(&item);
        return true;
    }
    rig.num_sockets += tyto_follow_wants_new_socket(&rig.follow);
    if (tyto_follow_wants_credit(&rig.follow, &id) && id == rig.daemon.id)
        rig.daemon.credit++;
    tyto_follow_look(&rig.follow, rig.now_ns);
    if (tyto_follow_wants(&rig.follow, rig.now_ns, &request))
        take_request(&request);
    if (answers && rig.daemon.id > 0 && !rig.daemon.is_silent && rig.daemon.credit > 0) {
        answer();
        return true;
    }
    return false;
}

/* Until nothing comes of it for `ms` of its time. */
static void run(uint64_t ms)
{
    for (uint64_t i = 0; i <= ms / 10; i++) {
        while (turn(true))
            continue;
        rig.now_ns += 10 * (uint64_t)MS;
    }
}

static void begin(const struct tyto_follow_params *params)
{
    tyto_follow_finish(&rig.follow);
    memset(&rig, 0, sizeof(rig));
    rig.now_ns = 1000 * (uint64_t)TYTO_NS_PER_S;
    rig.daemon = (struct made_daemon){.log = 1, .boot = 1, .oldest = 1};
    struct tyto_follow_params used = *params;
    used.answer_ns = used.answer_ns ? used.answer_ns : 5 * TYTO_NS_PER_S;
    used.patience_ns = used.patience_ns ? used.patience_ns : 30 * TYTO_NS_PER_S;
    tyto_follow_init(&rig.follow, &used);
}

static struct tyto_follow_params after(uint8_t log, uint64_t seq)
{
    struct tyto_follow_params params = {.start = TYTO_FEED_AFTER, .position = {.seq = seq}};
    fill_id(params.position.log_id, log);
    return params;
}

/* What was given is from..to, as far as it is wanted, once and in order. */
static void expect_given(uint64_t from, uint64_t to)
{
    uint32_t num = 0;
    for (uint64_t seq = from; seq <= to; seq++) {
        if (!is_wanted(seq))
            continue;
        if (num >= rig.num_given || rig.given[num] != seq)
            fail_msg("%llu was not given in its turn", (unsigned long long)seq);
        num++;
    }
    assert_int_equal(rig.num_given, num);
}

static void expect_position(uint8_t log, uint64_t seq)
{
    struct tyto_feed_position position;
    uint8_t log_id[TYTO_UUID_BYTES];
    fill_id(log_id, log);
    assert_int_equal(tyto_follow_position(&rig.follow, &position), TYTO_OK);
    assert_memory_equal(position.log_id, log_id, TYTO_UUID_BYTES);
    assert_int_equal(position.seq, seq);
}

/* --- tests ---------------------------------------------------------------------------------------
 */

static const struct tyto_follow_params from_oldest = {.start = TYTO_FEED_FROM_OLDEST};
static const struct tyto_follow_params from_now = {.start = TYTO_FEED_FROM_NOW};

static void what_comes_in_order_is_given_and_nothing_is_asked(void **state)
{
    (void)state;
    begin(&from_now);
    rig.daemon.last = 41; /* the hello is a moment old: 42 came before who listens did */
    hear(false);
    for (uint64_t seq = 43; seq <= 60; seq++)
        publish(seq);
    run(100);
    expect_given(43, 60);
    expect_position(1, 60);
    assert_int_equal(rig.follow.counts.num_replays, 0);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_CONNECTED], 1);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_CAUGHT_UP], 1);
}

static void a_gap_is_fetched_and_what_came_meanwhile_follows(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    publish(2);
    publish(5); /* 3 and 4 did not come */
    publish(6);
    assert_true(turn(false)); /* connected */
    run(100);
    publish(7);
    run(100);
    expect_given(1, 7);
    assert_int_equal(rig.follow.counts.num_replays, 1);
    assert_int_equal(rig.num_lost, 0);
}

static void a_beat_shows_what_is_missing_at_the_end(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    rig.daemon.last = 3;
    hear(true);
    run(100);
    expect_given(1, 3);
}

static void doubles_and_messages_out_of_order_are_given_once_in_order(void **state)
{
    (void)state;
    static const uint64_t order[] = {1, 1, 2, 5, 4, 3, 3, 6, 5, 6, 8, 7};
    begin(&from_now);
    hear(true);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        publish(order[i]);
    run(1000);
    expect_given(1, 8);
    assert_int_equal(rig.num_lost, 0);
    assert_true(rig.follow.counts.num_doubled >= 4);
}

static void a_position_is_gone_on_from(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 100);
    begin(&params);
    rig.daemon.last = 300;
    hear(false);
    publish(301);
    run(100);
    expect_given(101, 301);
    expect_position(1, 301);
}

static void all_that_is_kept_is_given_from_the_oldest_on(void **state)
{
    (void)state;
    begin(&from_oldest);
    rig.daemon.oldest = 50;
    rig.daemon.last = 200;
    hear(false);
    rig.daemon.oldest = 60; /* some has gone since the hello */
    run(100);
    expect_given(60, 200);
    assert_int_equal(rig.num_lost, 0);
}

static void a_time_is_gone_on_from(void **state)
{
    (void)state;
    struct tyto_feed_position position;
    const struct tyto_follow_params params = {.start = TYTO_FEED_FROM_TIME, .since_unix_ns = 70};
    begin(&params);
    rig.daemon.last = 99;
    hear(false);
    publish(100);
    assert_int_equal(tyto_follow_position(&rig.follow, &position), TYTO_ERR_EMPTY);
    run(100);
    expect_given(70, 100);
}

static void a_snapshot_comes_first_and_now_is_where_it_stands(void **state)
{
    (void)state;
    const struct tyto_follow_params params = {.start = TYTO_FEED_FROM_NOW, .with_snapshot = true};
    begin(&params);
    rig.daemon.last = 10;
    hear(false);
    publish(11); /* these two come before the snapshot is asked for, and are in it */
    publish(12);
    while (turn(false))
        continue;
    assert_int_equal(rig.num_given, 0);
    publish(13); /* and this one while it is on its way */
    run(100);
    publish(14);
    run(100);
    assert_int_equal(rig.num_snapshot, 1);
    expect_given(13, 14);
}

static void what_is_live_does_not_wait_for_a_snapshot_for_long(void **state)
{
    (void)state;
    const struct tyto_follow_params params = {.start = TYTO_FEED_FROM_NOW, .with_snapshot = true};
    for (int i = 0; i < 2; i++) {
        begin(&params);
        rig.daemon.last = 10;
        rig.daemon.is_silent = true;
        hear(true);
        tyto_follow_set_may_ask(&rig.follow, i == 0);
        publish(11);
        run(6000); /* of the 30 s that something missing is asked for */
        publish(12);
        run(100);
        expect_given(11, 12);
        assert_int_equal(rig.num_lost, 0);
    }
}

static void what_is_too_much_to_hold_is_fetched_in_its_turn(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 0);
    begin(&params);
    rig.daemon.last = 100;
    hear(false);
    while (turn(false))
        continue; /* 1 to 100 are asked for */
    for (uint64_t seq = 101; seq <= 101 + 3 * TYTO_FEED_MAX_HELD; seq++)
        publish(seq);
    assert_int_equal(rig.follow.held.num, TYTO_FEED_MAX_HELD);
    assert_true(rig.follow.counts.num_let_go > TYTO_FEED_MAX_HELD);
    run(5000);
    expect_given(1, 101 + 3 * TYTO_FEED_MAX_HELD);
    assert_int_equal(rig.num_lost, 0);
    assert_int_equal(rig.follow.held.num, 0);
}

static void what_the_journal_keeps_no_more_is_told_as_lost(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 10);
    begin(&params);
    rig.daemon.oldest = 100;
    rig.daemon.last = 120;
    hear(false);
    run(100);
    expect_given(100, 120);
    assert_int_equal(rig.num_lost, 1);
    assert_int_equal(rig.lost_why[0], TYTO_FEED_TOO_OLD);
    assert_int_equal(rig.lost_from[0], 11);
    assert_int_equal(rig.lost_to[0], 99);
    assert_int_equal(rig.lost_num[0], 89);
}

static void what_is_not_committed_yet_is_given_where_it_came(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    run(10);
    rig.daemon.num_uncommitted = 3; /* the disk is full: 4, 5 and 6 are in memory alone */
    publish(4);
    publish(5);
    rig.daemon.last = 6; /* and 6 has not come */
    hear(true);
    run(1000);
    static const uint64_t expected[] = {1, 2, 3, 4, 5};
    assert_int_equal(rig.num_given, 5);
    assert_memory_equal(rig.given, expected, sizeof(expected));
    assert_int_equal(rig.num_lost, 1);
    assert_int_equal(rig.lost_num[0], 1);
    expect_position(1, 6);
}

static void another_log_is_begun_from_its_first_number(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    publish(2);
    publish(4); /* 3 cannot be fetched any more */
    rig.daemon = (struct made_daemon){.log = 2, .boot = 2, .oldest = 1, .last = 5};
    hear(false);
    publish(6);
    run(2000);
    static const uint64_t expected[] = {1, 2, 4, 1, 2, 3, 4, 5, 6};
    assert_int_equal(rig.num_given, 9);
    assert_memory_equal(rig.given, expected, sizeof(expected));
    assert_int_equal(rig.num_lost, 2);
    assert_int_equal(rig.lost_from[0], 3);
    assert_int_equal(rig.lost_to[0], 3);
    assert_int_equal(rig.lost_why[1], TYTO_FEED_OTHER_LOG);
    assert_int_equal(rig.lost_from[1], 5);
    assert_int_equal(rig.lost_to[1], 0);
    expect_position(2, 6);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_RESTARTED], 1);
}

static void a_log_that_was_set_back_is_told_and_gone_on_with(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 500);
    begin(&params);
    rig.daemon.last = 300; /* an older copy was put in its place */
    hear(true);
    run(100);
    publish(301);
    run(100);
    expect_given(301, 301);
    assert_int_equal(rig.num_lost, 1);
    assert_int_equal(rig.lost_why[0], TYTO_FEED_OTHER_LOG);
}

static void a_beat_that_waited_is_no_log_that_was_set_back(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 10);
    begin(&params);
    rig.daemon.last = 200;
    hear(false);
    run(100);
    rig.daemon.last = 150;
    hear(true);
    rig.daemon.last = 200;
    publish(201);
    run(100);
    expect_given(11, 201);
    assert_int_equal(rig.num_lost, 0);
}

static void the_next_run_of_the_daemon_is_asked_anew(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 0);
    begin(&params);
    rig.daemon.last = 1000;
    hear(false);
    for (int i = 0; i < 200; i++)
        (void)turn(i < 100); /* in the middle of it */
    assert_true(rig.num_given > 0 && rig.num_given < 1000);
    rig.daemon.boot = 2; /* killed */
    rig.daemon.id = 0;
    hear(false);
    publish(1001);
    run(3000);
    expect_given(1, 1001);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_RESTARTED], 1);
}

static void who_does_not_answer_is_given_up_after_a_while(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    run(10);
    rig.daemon.is_silent = true;
    publish(4);
    run(29000);
    assert_int_equal(rig.num_lost, 0);
    assert_true(rig.num_sockets >= 4); /* each answer that did not come asked for another one */
    expect_given(1, 1);
    run(3000);
    assert_int_equal(rig.num_lost, 1);
    assert_int_equal(rig.lost_why[0], TYTO_FEED_UNREACHABLE);
    assert_int_equal(rig.lost_from[0], 2);
    assert_int_equal(rig.lost_to[0], 3);
    publish(5);
    publish(7); /* it does not wait for each of them */
    run(100);
    assert_int_equal(rig.num_lost, 2);
    assert_int_equal(rig.num_given, 4);
    rig.daemon.is_silent = false;
    run(31000);
    publish(9); /* once it answers again nothing is lost */
    run(1000);
    assert_int_equal(rig.num_given, 6);
    assert_int_equal(rig.given[4], 8);
    assert_int_equal(rig.num_lost, 2);
}

static void a_daemon_that_is_down_does_not_use_up_patience(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    rig.daemon.is_silent = true;
    publish(4);
    run(3000);
    tyto_follow_set_silent(&rig.follow, true);
    run(120000);
    tyto_follow_set_silent(&rig.follow, false);
    rig.daemon.is_silent = false;
    rig.daemon.boot = 2;
    rig.daemon.id = 0;
    hear(false);
    run(3000);
    expect_given(1, 4);
    assert_int_equal(rig.num_lost, 0);
}

static void without_a_journal_what_is_missing_is_lost_at_once(void **state)
{
    (void)state;
    begin(&from_now);
    rig.daemon.oldest = 0;
    hear(true);
    publish(1);
    publish(4);
    run(5000);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_LIVE_ONLY], 1);
    assert_int_equal(rig.num_lost, 1);
    assert_int_equal(rig.lost_why[0], TYTO_FEED_NOT_KEPT);
    assert_int_equal(rig.lost_num[0], 2);
    assert_int_equal(rig.num_given, 2);
    rig.daemon.log = rig.daemon.boot = 2; /* each run is a log of its own */
    rig.daemon.last = 0;
    hear(false);
    publish(1);
    run(1000);
    assert_int_equal(rig.num_given, 3);
    assert_int_equal(rig.num_lost, 2);
    assert_int_equal(rig.lost_why[1], TYTO_FEED_OTHER_LOG);
}

static void a_daemon_that_says_late_where_to_ask_is_waited_for(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 10);
    begin(&params);
    rig.daemon.last = 20;
    hear(true);
    tyto_follow_set_may_ask(&rig.follow, false);
    run(20000); /* it has a journal */
    assert_int_equal(rig.num_given, 0);
    assert_int_equal(rig.num_lost, 0);
    hear(true);
    run(1000);
    expect_given(11, 20);
    rig.daemon.boot = 2; /* the next one takes even longer */
    hear(true);
    tyto_follow_set_may_ask(&rig.follow, false);
    run(31000);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_LIVE_ONLY], 1);
    rig.daemon.last = 22;
    hear(true);
    run(1000);
    expect_given(11, 22);
    assert_int_equal(rig.num_lost, 0);
}

static void some_topics_are_given_in_order_and_others_are_passed_over(void **state)
{
    (void)state;
    struct tyto_follow_params params = after(1, 20);
    params.is_filtered = true;
    begin(&params);
    rig.daemon.last = 100;
    hear(false);
    run(100);
    expect_given(21, 100);
    publish(101);
    publish(102); /* not wanted */
    publish(103);
    run(3000);
    expect_given(21, 103);
    publish(105); /* 104 did not come, 105 is not wanted: only asking shows it */
    hear(true);
    run(6000);
    expect_given(21, 105);
    expect_position(1, 105);
    assert_int_equal(rig.num_lost, 0);
    const uint32_t num_replays = rig.follow.counts.num_replays;
    run(60000);
    assert_int_equal(rig.follow.counts.num_replays, num_replays);
}

static void a_flood_of_some_topics_asks_no_more_than_a_daemon_bears(void **state)
{
    (void)state;
    struct tyto_follow_params params = after(1, 0);
    params.is_filtered = true;
    begin(&params);
    hear(false);
    for (uint64_t seq = 1; seq <= 1000; seq++) {
        publish(seq);
        run(20);
    }
    run(3000);
    expect_given(1, 1000);
    /* Two a second, in some 30 s. */
    assert_true(rig.follow.counts.num_replays < 75);
}

static void who_is_asked_too_much_is_asked_later(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    rig.daemon.error = TYTO_QUERY_RATE_LIMITED;
    publish(3);
    run(60000);
    assert_int_equal(rig.num_lost, 0);
    rig.daemon.error = 0;
    run(3000);
    expect_given(1, 3);
}

/* Everything that may happen, at random: what was given and what was told as lost is everything,
 * nothing is given twice, and numbers of one log only rise. */
static void whatever_happens_each_is_given_once_or_told_as_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed;
        struct tyto_follow_params params = after(1, 0);
        params.is_filtered = seed % 2 == 0;
        begin(&params);
        hear(false);
        for (int i = 0; i < 1500; i++) {
            const uint64_t what = tyto_random_bits(&random) % 100;
            if (what < 60)
                publish(rig.daemon.last + 1);
            else if (what < 75)
                rig.daemon.last++; /* it does not come */
            else if (what < 80 && rig.daemon.last > 0)
                publish(1 + tyto_random_bits(&random) % rig.daemon.last); /* again */
            else if (what < 85)
                hear(true);
            else if (what == 85) {
                rig.daemon.boot++;
                rig.daemon.id = 0;
                hear(false);
            } else if (what == 86)
                rig.daemon.oldest += (rig.daemon.last - rig.daemon.oldest + 1) / 4;
            else if (what == 87)
                rig.daemon.is_silent = !rig.daemon.is_silent;
            else
                run(tyto_random_bits(&random) % 300);
        }
        rig.daemon.is_silent = false;
        hear(true);
        run(60000);
        hear(true);
        run(10000);
        expect_position(1, rig.daemon.last);
        uint64_t before = 0;
        uint32_t num_lost = 0;
        for (uint32_t i = 0; i < rig.num_given; i++) {
            assert_true(rig.given[i] > before);
            for (uint64_t seq = before + 1; seq < rig.given[i]; seq++) {
                bool is_told = !is_wanted(seq);
                for (uint32_t l = 0; l < rig.num_lost && !is_told; l++)
                    is_told = seq >= rig.lost_from[l] && seq <= rig.lost_to[l];
                if (!is_told)
                    fail_msg("seed %llu: %llu was neither given nor told as lost",
                             (unsigned long long)seed, (unsigned long long)seq);
                num_lost++;
            }
            before = rig.given[i];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_in_order_is_given_and_nothing_is_asked),
        cmocka_unit_test(a_gap_is_fetched_and_what_came_meanwhile_follows),
        cmocka_unit_test(a_beat_shows_what_is_missing_at_the_end),
        cmocka_unit_test(doubles_and_messages_out_of_order_are_given_once_in_order),
        cmocka_unit_test(a_position_is_gone_on_from),
        cmocka_unit_test(all_that_is_kept_is_given_from_the_oldest_on),
        cmocka_unit_test(a_time_is_gone_on_from),
        cmocka_unit_test(a_snapshot_comes_first_and_now_is_where_it_stands),
        cmocka_unit_test(what_is_live_does_not_wait_for_a_snapshot_for_long),
        cmocka_unit_test(what_is_too_much_to_hold_is_fetched_in_its_turn),
        cmocka_unit_test(what_the_journal_keeps_no_more_is_told_as_lost),
        cmocka_unit_test(what_is_not_committed_yet_is_given_where_it_came),
        cmocka_unit_test(another_log_is_begun_from_its_first_number),
        cmocka_unit_test(a_log_that_was_set_back_is_told_and_gone_on_with),
        cmocka_unit_test(a_beat_that_waited_is_no_log_that_was_set_back),
        cmocka_unit_test(the_next_run_of_the_daemon_is_asked_anew),
        cmocka_unit_test(who_does_not_answer_is_given_up_after_a_while),
        cmocka_unit_test(a_daemon_that_is_down_does_not_use_up_patience),
        cmocka_unit_test(without_a_journal_what_is_missing_is_lost_at_once),
        cmocka_unit_test(a_daemon_that_says_late_where_to_ask_is_waited_for),
        cmocka_unit_test(some_topics_are_given_in_order_and_others_are_passed_over),
        cmocka_unit_test(a_flood_of_some_topics_asks_no_more_than_a_daemon_bears),
        cmocka_unit_test(who_is_asked_too_much_is_asked_later),
        cmocka_unit_test(whatever_happens_each_is_given_once_or_told_as_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
