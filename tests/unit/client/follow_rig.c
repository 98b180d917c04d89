/* SPDX-License-Identifier: MIT */
#include "tests/unit/client/follow_rig.h"

struct rig rig;

static void fill_id(uint8_t ret_id[TYTO_UUID_BYTES], uint8_t value)
{
    memset(ret_id, value, TYTO_UUID_BYTES);
}

/* Every third one is of another class. */
static const char *class_of(uint64_t seq)
{
    return seq % 3 == 0 ? "cat" : "dog";
}

bool is_wanted(uint64_t seq)
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

void publish(uint64_t seq)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    const size_t num_bytes = pack(seq, bytes);
    const struct tyto_envelope envelope = make_envelope(seq);
    if (is_wanted(seq))
        tyto_follow_live(&rig.follow, &envelope, bytes, num_bytes);
    if (seq > rig.daemon.last)
        rig.daemon.last = seq;
}

void hear(bool is_beat)
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

void answer(void)
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

bool turn(bool answers)
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

void run(uint64_t ms)
{
    for (uint64_t i = 0; i <= ms / 10; i++) {
        while (turn(true))
            continue;
        rig.now_ns += 10 * (uint64_t)MS;
    }
}

void begin(const struct tyto_follow_params *params)
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

struct tyto_follow_params after(uint8_t log, uint64_t seq)
{
    struct tyto_follow_params params = {.start = TYTO_FEED_AFTER, .position = {.seq = seq}};
    fill_id(params.position.log_id, log);
    return params;
}

void expect_given(uint64_t from, uint64_t to)
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

void expect_position(uint8_t log, uint64_t seq)
{
    struct tyto_feed_position position;
    uint8_t log_id[TYTO_UUID_BYTES];
    fill_id(log_id, log);
    assert_int_equal(tyto_follow_position(&rig.follow, &position), TYTO_OK);
    assert_memory_equal(position.log_id, log_id, TYTO_UUID_BYTES);
    assert_int_equal(position.seq, seq);
}
