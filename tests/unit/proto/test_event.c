/* SPDX-License-Identifier: MIT */
/* proto/event: the wire bytes, their limits, and hostile input. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event.pb-c.h"
#include "proto/event.h"

#include "tests/unit/proto/event_golden.h"

static uint8_t packed[TYTO_ENVELOPE_MAX_BYTES];

static void fill_ids(struct tyto_envelope *envelope)
{
    memset(envelope, 0, sizeof(*envelope));
    for (int i = 0; i < TYTO_UUID_BYTES; i++) {
        envelope->log_id[i] = (uint8_t)i;
        envelope->boot_id[i] = (uint8_t)(0xf0 + i);
    }
    envelope->seq = 1234567890123u;
    envelope->cam_seq = 77;
    envelope->class_seq = 5;
    envelope->publish_unix_ns = 1700000000123456789;
    envelope->publish_mono_ns = 987654321;
}

/* An event with every field set, of the kind that fills the most bytes. */
static void fill_event(struct tyto_envelope *envelope, uint32_t side, uint32_t num_segments)
{
    fill_ids(envelope);
    envelope->kind = TYTO_ENVELOPE_EVENT;
    struct tyto_event *event = &envelope->body.event;
    const uint8_t entropy[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    tyto_event_id_format(1700000000123456789u, entropy, event->id);
    snprintf(event->camera, sizeof(event->camera), "front-door");
    snprintf(event->class_name, sizeof(event->class_name), "dog_bark");
    event->class_id = 3;
    event->phase = TYTO_EVENT_PHASE_END;
    event->reason = TYTO_EVENT_REASON_OFFSET;
    event->rev = 4;
    event->has_end = true;
    event->begin_media_ns = 2000000000;
    event->end_media_ns = 5000000000;
    event->begin_unix_ns = 1700000000000000000;
    event->end_unix_ns = 1700000003000000000;
    event->clock_quality = TYTO_CLOCK_QUALITY_CAMERA;
    event->onset_confidence = 0.75f;
    event->offset_confidence = 0.5f;
    event->scores = (struct tyto_scores){0.875f, 0.75f, 0.625f, 0.5f};
    event->modality = TYTO_MODALITY_AV;
    event->weight_audio = 0.25f;
    event->weight_visual = 0.75f;
    event->place.rows = event->place.cols = side;
    event->place.peak = 0.125f;
    for (uint32_t i = 0; i < side * side; i++)
        event->place.cells[i] = (uint8_t)(i * 5);
    event->has_box = true;
    event->box = (struct tyto_box){0.25f, 0.5f, 0.75f, 1.0f};
    event->has_av_offset = true;
    event->av_offset_ms = -40.0f;
    event->num_segments = num_segments;
    event->segments_begin_media_ns = 2000000000;
    event->segment_hop_ns = 1000000000;
    for (uint32_t i = 0; i < num_segments; i++) {
        event->segment_joint[i] = 0.5f;
        event->segment_heard[i] = 0.25f;
        event->segment_seen[i] = (float)i / 64.0f;
    }
    snprintf(event->model_digest, sizeof(event->model_digest), "00ff00ff");
    event->config_generation = 2;
    for (int i = 0; i < TYTO_NUM_STAGES; i++) {
        event->stamps[i].in_ns = 1000u + (uint64_t)i;
        event->stamps[i].out_ns = 2000u + (uint64_t)i;
    }
}

static size_t pack(const struct tyto_envelope *envelope)
{
    size_t num_bytes = 0;
    assert_int_equal(tyto_envelope_pack(envelope, packed, sizeof(packed), &num_bytes), TYTO_OK);
    return num_bytes;
}

static void an_event_comes_back_as_it_was_sent(void **state)
{
    (void)state;
    struct tyto_envelope sent;
    struct tyto_envelope got;
    fill_event(&sent, 7, 3);
    snprintf(sent.body.event.clip_uri, sizeof(sent.body.event.clip_uri),
             "file:///clips/a%%20b.mkv");
    snprintf(sent.body.event.snapshot_uri, sizeof(sent.body.event.snapshot_uri),
             "file:///pictures/front/a.jpg");
    sent.body.event.num_zones = 2;
    snprintf(sent.body.event.zones[0], sizeof(sent.body.event.zones[0]), "drive");
    snprintf(sent.body.event.zones[1], sizeof(sent.body.event.zones[1]), "porch-2");
    struct tyto_embeddings *embeddings = &sent.body.event.embeddings;
    *embeddings = (struct tyto_embeddings){.space = UINT64_MAX, .has_sound = true};
    for (int i = 0; i < TYTO_EMBEDDING_NUM; i++)
        embeddings->sound[i] = (int8_t)(i - 40);
    const size_t num_bytes = pack(&sent);
    assert_int_equal(tyto_envelope_unpack(packed, num_bytes, &got), TYTO_OK);
    assert_memory_equal(&sent, &got, sizeof(sent));
}

/* Static, and copied as they are: assigning a structure may leave its padding as it was, and bytes
 * are compared. */
static void every_other_body_comes_back_as_it_was_sent(void **state)
{
    (void)state;
    struct tyto_envelope sent;
    struct tyto_envelope got;
    fill_ids(&sent);
    sent.kind = TYTO_ENVELOPE_CAMERA_STATE;
    static const struct tyto_camera_state camera_state = {.camera = "cam1",
                                                          .text = "caméra “prête”",
                                                          .status = TYTO_CAMERA_STATUS_LIVE,
                                                          .has_audio = true,
                                                          .since_unix_ns = 12,
                                                          .num_segments = 13,
                                                          .num_dropped = 14,
                                                          .num_reconnects = 15,
                                                          .has_av_offset = true,
                                                          .av_offset_ms = 1.5f,
                                                          .clock_quality =
                                                              TYTO_CLOCK_QUALITY_ARRIVAL};
    memcpy(&sent.body.camera_state, &camera_state, sizeof(camera_state));
    assert_int_equal(tyto_envelope_unpack(packed, pack(&sent), &got), TYTO_OK);
    assert_memory_equal(&sent, &got, sizeof(sent));
    fill_ids(&sent);
    sent.kind = TYTO_ENVELOPE_MODEL_STATE;
    static const struct tyto_model_state model_state = {.digest = "abc123",
                                                        .device = "llvmpipe",
                                                        .exec = "cpu",
                                                        .config_generation = 1,
                                                        .num_classes = 28,
                                                        .outcome = TYTO_MODEL_OUTCOME_REJECTED,
                                                        .previous_digest = "def456",
                                                        .text = "head.safetensors: tyto.config: no",
                                                        .num_names = 2,
                                                        .class_names = {"dog", "church_bell"}};
    memcpy(&sent.body.model_state, &model_state, sizeof(model_state));
    assert_int_equal(tyto_envelope_unpack(packed, pack(&sent), &got), TYTO_OK);
    assert_memory_equal(&sent, &got, sizeof(sent));
    fill_ids(&sent);
    sent.kind = TYTO_ENVELOPE_DEBUG_SCORES;
    static const struct tyto_debug_scores debug_scores = {
        .camera = "cam1",
        .begin_media_ns = 1,
        .end_media_ns = 2,
        .has_video = true,
        .num_top = 2,
        .top = {{"cat", 0.5f, 0.25f, 0.125f}, {"dog", 0.25f, 0.5f, 1.0f}}};
    memcpy(&sent.body.debug_scores, &debug_scores, sizeof(debug_scores));
    assert_int_equal(tyto_envelope_unpack(packed, pack(&sent), &got), TYTO_OK);
    assert_memory_equal(&sent, &got, sizeof(sent));
}

static void a_thumbnail_comes_back_as_it_was_sent_and_needs_its_picture(void **state)
{
    (void)state;
    struct tyto_envelope sent;
    struct tyto_envelope got;
    char topic[TYTO_TOPIC_MAX_BYTES];
    fill_ids(&sent);
    sent.kind = TYTO_ENVELOPE_THUMBNAIL;
    struct tyto_thumbnail *thumbnail = &sent.body.thumbnail;
    static const struct tyto_thumbnail made = {.event_id = "01HF7YAT00000000000000000A",
                                               .camera = "cam1",
                                               .class_name = "dog",
                                               .media_ns = 1,
                                               .unix_ns = 2,
                                               .width = 640,
                                               .height = 360,
                                               .score = 0.5f,
                                               .has_box = true,
                                               .box = {0.125f, 0.25f, 0.5f, 0.75f},
                                               .is_blurred = true,
                                               .num_bytes = TYTO_THUMBNAIL_MAX_BYTES,
                                               .sha256 = {1, 2, 3}};
    memcpy(thumbnail, &made, sizeof(made));
    assert_int_equal(tyto_envelope_unpack(packed, pack(&sent), &got), TYTO_OK);
    assert_memory_equal(&sent, &got, sizeof(sent));
    assert_int_equal(tyto_envelope_topic(&sent, topic, sizeof(topic)), TYTO_OK);
    assert_string_equal(topic, "th/cam1/");
    size_t num_bytes;
    /* Of what a camera sees now: of no event, and of no class then. */
    thumbnail->event_id[0] = '\0';
    assert_int_equal(tyto_envelope_pack(&sent, packed, sizeof(packed), &num_bytes),
                     TYTO_ERR_INVALID);
    memset(thumbnail->event_id, 0, sizeof(thumbnail->event_id));
    memset(thumbnail->class_name, 0, sizeof(thumbnail->class_name));
    assert_int_equal(tyto_envelope_unpack(packed, pack(&sent), &got), TYTO_OK);
    assert_memory_equal(&sent, &got, sizeof(sent));
    assert_int_equal(tyto_envelope_topic(&sent, topic, sizeof(topic)), TYTO_OK);
    assert_string_equal(topic, "lv/cam1/");
    thumbnail->num_bytes = 0;
    assert_int_equal(tyto_envelope_pack(&sent, packed, sizeof(packed), &num_bytes),
                     TYTO_ERR_INVALID);
    thumbnail->num_bytes = TYTO_THUMBNAIL_MAX_BYTES + 1;
    assert_int_equal(tyto_envelope_pack(&sent, packed, sizeof(packed), &num_bytes),
                     TYTO_ERR_INVALID);
}

static void fill_alignment(struct tyto_event_alignment *alignment, uint32_t rows, uint32_t cols)
{
    *alignment = (struct tyto_event_alignment){.rows = rows, .cols = cols, .before = cols - 1};
    for (uint32_t row = 0; row < rows && row < TYTO_ALIGNMENT_MAX_ROWS; row++) {
        for (uint32_t col = 0; col < cols && col < TYTO_ALIGNMENT_MAX_COLS; col++) {
            alignment->audio[row][col] = (uint8_t)(row * 16 + col);
            alignment->visual[row][col] = (uint8_t)(255 - row * 16 - col);
        }
        alignment->trust[row] = (uint8_t)(10 * row);
    }
}

static void an_alignment_comes_back_and_is_bounded(void **state)
{
    (void)state;
    struct tyto_envelope sent, got;
    fill_event(&sent, 7, TYTO_EVENT_MAX_SEGMENTS);
    struct tyto_event_alignment *alignment = &sent.body.event.alignment;
    fill_alignment(alignment, 5, 9);
    assert_int_equal(tyto_envelope_unpack(packed, pack(&sent), &got), TYTO_OK);
    assert_memory_equal(&got.body.event.alignment, alignment, sizeof(*alignment));
    static const uint32_t wrong[][4] = {/* rows, cols, before, segments */
                                        {TYTO_ALIGNMENT_MAX_ROWS + 1, 9, 3, 32},
                                        {5, TYTO_ALIGNMENT_MAX_COLS + 1, 3, 32},
                                        {5, 0, 0, 32},
                                        {5, 9, 9, 32},
                                        {5, 9, 3, 4}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        size_t num_bytes = 0;
        alignment->rows = wrong[i][0];
        alignment->cols = wrong[i][1];
        alignment->before = wrong[i][2];
        sent.body.event.num_segments = wrong[i][3];
        assert_int_equal(tyto_envelope_pack(&sent, packed, sizeof(packed), &num_bytes),
                         TYTO_ERR_INVALID);
    }
}

static void the_largest_messages_fit_an_envelope(void **state)
{
    (void)state;
    struct tyto_envelope sent;
    struct tyto_envelope got;
    fill_event(&sent, TYTO_PLACE_MAX_SIDE, TYTO_EVENT_MAX_SEGMENTS);
    struct tyto_event *event = &sent.body.event;
    memset(event->camera, 'c', TYTO_ID_MAX);
    memset(event->class_name, 'k', TYTO_ID_MAX);
    memset(event->model_digest, 'd', TYTO_DIGEST_MAX);
    memset(event->clip_uri, 'u', TYTO_CLIP_URI_MAX);
    memset(event->snapshot_uri, 's', TYTO_CLIP_URI_MAX);
    event->num_zones = TYTO_EVENT_MAX_ZONES;
    for (uint32_t i = 0; i < TYTO_EVENT_MAX_ZONES; i++)
        memset(event->zones[i], 'z', TYTO_ZONE_NAME_MAX);
    event->embeddings =
        (struct tyto_embeddings){.space = UINT64_MAX, .has_sound = true, .has_picture = true};
    for (int i = 0; i < TYTO_NUM_STAGES; i++)
        event->stamps[i].in_ns = event->stamps[i].out_ns = UINT64_MAX;
    fill_alignment(&event->alignment, TYTO_ALIGNMENT_MAX_ROWS, TYTO_ALIGNMENT_MAX_COLS);
    assert_int_equal(tyto_envelope_unpack(packed, pack(&sent), &got), TYTO_OK);
    assert_int_equal(got.body.event.alignment.rows, 0); /* what there was no room for */
    assert_string_equal(got.body.event.clip_uri, event->clip_uri);
    fill_ids(&sent);
    sent.kind = TYTO_ENVELOPE_HEARTBEAT;
    sent.body.heartbeat.num_cameras = TYTO_HEARTBEAT_MAX_CAMERAS;
    for (uint32_t i = 0; i < TYTO_HEARTBEAT_MAX_CAMERAS; i++) {
        memset(sent.body.heartbeat.cameras[i].camera, 'c', TYTO_ID_MAX);
        sent.body.heartbeat.cameras[i].cam_seq = UINT64_MAX;
    }
    memset(sent.body.heartbeat.model_digest, 'd', TYTO_DIGEST_MAX);
    assert_int_equal(tyto_envelope_unpack(packed, pack(&sent), &got), TYTO_OK);
    assert_memory_equal(&sent, &got, sizeof(sent));
    fill_ids(&sent);
    sent.kind = TYTO_ENVELOPE_MODEL_STATE;
    struct tyto_model_state *model = &sent.body.model_state;
    memset(model->digest, 'd', TYTO_DIGEST_MAX);
    memset(model->previous_digest, 'e', TYTO_DIGEST_MAX);
    memset(model->device, 'v', TYTO_STATE_TEXT_MAX);
    memset(model->text, 't', TYTO_STATE_TEXT_MAX);
    memset(model->exec, 'x', TYTO_ID_MAX);
    model->num_classes = UINT32_MAX;
    model->num_names = TYTO_MODEL_MAX_NAMES;
    for (uint32_t i = 0; i < TYTO_MODEL_MAX_NAMES; i++)
        memset(model->class_names[i], 'k', TYTO_ID_MAX);
    assert_int_equal(tyto_envelope_unpack(packed, pack(&sent), &got), TYTO_OK);
    assert_memory_equal(&sent, &got, sizeof(sent));
}

static void the_wire_bytes_are_those_of_version_1(void **state)
{
    (void)state;
    struct tyto_envelope envelope;
    fill_event(&envelope, 2, 1);
    const size_t num_bytes = pack(&envelope);
    if (num_bytes != sizeof(event_golden) || memcmp(packed, event_golden, num_bytes) != 0) {
        for (size_t i = 0; i < num_bytes; i++)
            fprintf(stderr, "0x%02x,%s", packed[i], i % 16 == 15 ? "\n" : " ");
    }
    assert_int_equal(num_bytes, sizeof(event_golden));
    assert_memory_equal(packed, event_golden, num_bytes);
}

static void a_field_out_of_its_limits_is_not_packed(void **state)
{
    (void)state;
    size_t num_bytes = 0;
    for (int broken = 0; broken < 12; broken++) {
        struct tyto_envelope envelope;
        fill_event(&envelope, 7, 3);
        struct tyto_event *event = &envelope.body.event;
        switch (broken) {
        case 0:
            snprintf(event->camera, sizeof(event->camera), "Front Door");
            break;
        case 1:
            event->camera[0] = '\0';
            break;
        case 2:
            memset(event->class_name, 'x', sizeof(event->class_name));
            break;
        case 3:
            event->id[3] = 'u';
            break;
        case 4:
            event->scores.heard = NAN;
            break;
        case 5:
            event->segment_seen[2] = INFINITY;
            break;
        case 6:
            event->num_segments = TYTO_EVENT_MAX_SEGMENTS + 1;
            break;
        case 7:
            event->place.rows = TYTO_PLACE_MAX_SIDE + 1;
            break;
        case 8:
            event->box.x1 = 0.1f;
            break;
        case 9:
            event->phase = (enum tyto_event_phase)0;
            break;
        case 10:
            event->av_offset_ms = NAN;
            break;
        case 11:
            envelope.kind = TYTO_ENVELOPE_NONE;
            break;
        default:
            break;
        }
        const enum tyto_err err = tyto_envelope_pack(&envelope, packed, sizeof(packed), &num_bytes);
        if (err != TYTO_ERR_INVALID)
            print_error("case %d was packed\n", broken);
        assert_int_equal(err, TYTO_ERR_INVALID);
    }
    struct tyto_envelope envelope;
    fill_event(&envelope, 7, 3);
    assert_int_equal(tyto_envelope_pack(&envelope, packed, 100, &num_bytes), TYTO_ERR_FULL);
    assert_int_equal(num_bytes, 0);
}

static void a_message_of_a_newer_minor_is_understood_and_survives(void **state)
{
    (void)state;
    struct tyto_envelope envelope;
    fill_event(&envelope, 0, 0);
    envelope.body.event.phase = (enum tyto_event_phase)99; /* an enum value from the future */
    size_t num_bytes = pack(&envelope);
    /* Fields 100 (varint) and 101 (bytes) of the Envelope that we do not know. */
    const uint8_t extra[] = {0xa0, 0x06, 0x2a, 0xaa, 0x06, 0x03, 'n', 'e', 'w'};
    memcpy(packed + num_bytes, extra, sizeof(extra));
    num_bytes += sizeof(extra);
    struct tyto_envelope got;
    assert_int_equal(tyto_envelope_unpack(packed, num_bytes, &got), TYTO_OK);
    assert_int_equal(got.body.event.phase, 99);
    assert_string_equal(tyto_event_phase_name(got.body.event.phase), "unknown");
    Tyto__V1__Envelope *raw = tyto__v1__envelope__unpack(NULL, num_bytes, packed);
    assert_non_null(raw);
    uint8_t again[TYTO_ENVELOPE_MAX_BYTES];
    assert_int_equal(tyto__v1__envelope__pack(raw, again), num_bytes);
    tyto__v1__envelope__free_unpacked(raw, NULL);
    assert_memory_equal(again + num_bytes - sizeof(extra), extra, sizeof(extra));
}

static void a_body_from_the_future_is_no_error(void **state)
{
    (void)state;
    struct tyto_envelope envelope;
    fill_ids(&envelope);
    envelope.kind = TYTO_ENVELOPE_HEARTBEAT;
    size_t num_bytes = pack(&envelope);
    for (size_t i = 0; i + 1 < num_bytes; i++) {
        if (packed[i] == 0x9a && packed[i + 1] == 0x01) /* tag of heartbeat, field 19 */
            packed[i] = 0xca, packed[i + 1] = 0x02;     /* field 41 */
    }
    struct tyto_envelope got;
    assert_int_equal(tyto_envelope_unpack(packed, num_bytes, &got), TYTO_OK);
    assert_int_equal(got.kind, TYTO_ENVELOPE_NONE);
    assert_int_equal(got.seq, envelope.seq);
}

static void control_characters_never_reach_a_reader(void **state)
{
    (void)state;
    struct tyto_envelope sent;
    struct tyto_envelope got;
    fill_ids(&sent);
    sent.kind = TYTO_ENVELOPE_CAMERA_STATE;
    sent.body.camera_state.status = TYTO_CAMERA_STATUS_LOST;
    snprintf(sent.body.camera_state.camera, sizeof(sent.body.camera_state.camera), "cam1");
    snprintf(sent.body.camera_state.text, sizeof(sent.body.camera_state.text),
             "a\033[2Jb\xff\xc2\x9b"
             "c\n");
    assert_int_equal(tyto_envelope_unpack(packed, pack(&sent), &got), TYTO_OK);
    assert_string_equal(got.body.camera_state.text, "a?[2Jb??c?");
    /* The same when the sender is not one of ours. */
    Tyto__V1__Envelope *raw = tyto__v1__envelope__unpack(NULL, pack(&sent), packed);
    memcpy(raw->camera_state->text, "\033]0;", 4);
    const size_t num_bytes = tyto__v1__envelope__pack(raw, packed);
    tyto__v1__envelope__free_unpacked(raw, NULL);
    assert_int_equal(tyto_envelope_unpack(packed, num_bytes, &got), TYTO_OK);
    assert_string_equal(got.body.camera_state.text, "?]0;Jb??c?");
}

static void topics_end_in_a_slash_and_ids_are_checked(void **state)
{
    (void)state;
    char topic[TYTO_TOPIC_MAX_BYTES];
    struct tyto_envelope envelope;
    fill_event(&envelope, 0, 0);
    assert_int_equal(tyto_envelope_topic(&envelope, topic, sizeof(topic)), TYTO_OK);
    assert_string_equal(topic, "ev/front-door/dog_bark/");
    assert_int_equal(tyto_envelope_topic(&envelope, topic, 10), TYTO_ERR_FULL);
    assert_int_equal(tyto_event_topic("cam1", NULL, topic, sizeof(topic)), TYTO_OK);
    assert_string_equal(topic, "ev/cam1/");
    assert_int_equal(tyto_event_topic(NULL, NULL, topic, sizeof(topic)), TYTO_OK);
    assert_string_equal(topic, "ev/");
    assert_int_equal(tyto_event_topic(NULL, "dog", topic, sizeof(topic)), TYTO_ERR_INVALID);
    assert_int_equal(tyto_event_topic("a/b", NULL, topic, sizeof(topic)), TYTO_ERR_INVALID);
    assert_false(tyto_id_is_valid(""));
    assert_false(tyto_id_is_valid(NULL));
    assert_false(tyto_id_is_valid("Cam"));
    assert_true(tyto_id_is_valid("cam_1-b"));
}

static void ulids_sort_by_time(void **state)
{
    (void)state;
    char first[TYTO_ULID_CHARS + 1];
    char second[TYTO_ULID_CHARS + 1];
    const uint8_t zeros[10] = {0};
    tyto_event_id_format(1469918176385000000u, zeros, first); /* the ULID specification's example */
    assert_memory_equal(first, "01ARYZ6S41", 10);
    assert_int_equal(tyto_event_id_make(1469918176385000000u, first), TYTO_OK);
    assert_int_equal(tyto_event_id_make(1469918176386000000u, second), TYTO_OK);
    assert_true(strcmp(first, second) < 0);
    assert_true(tyto_event_id_is_valid(first));
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void hostile_bytes_are_refused_or_sound(void **state)
{
    (void)state;
    uint64_t seed = 20240607;
    struct tyto_envelope envelope;
    fill_event(&envelope, 7, 10);
    uint8_t good[TYTO_ENVELOPE_MAX_BYTES];
    const size_t num_good = pack(&envelope);
    memcpy(good, packed, num_good);
    uint32_t num_sound = 0;
    for (int round = 0; round < 60000; round++) {
        uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
        size_t num_bytes = num_good;
        memcpy(bytes, good, num_good);
        if (round % 3 == 0) {
            num_bytes = next_random(&seed) % (num_good + 1);
        } else {
            const uint64_t num_flips = 1 + next_random(&seed) % 8;
            for (uint64_t i = 0; i < num_flips; i++)
                bytes[next_random(&seed) % num_good] = (uint8_t)next_random(&seed);
        }
        struct tyto_envelope got;
        const enum tyto_err err = tyto_envelope_unpack(bytes, num_bytes, &got);
        assert_true(!err || err == TYTO_ERR_FORMAT);
        if (!err && got.kind != TYTO_ENVELOPE_NONE) {
            size_t num_again = 0;
            assert_int_equal(tyto_envelope_pack(&got, packed, sizeof(packed), &num_again), TYTO_OK);
            num_sound++;
        }
        struct tyto_hello hello;
        const enum tyto_err hello_err = tyto_hello_unpack(bytes, num_bytes, &hello);
        assert_true(!hello_err || hello_err == TYTO_ERR_FORMAT);
    }
    assert_true(num_sound > 0);
}

static void a_small_message_cannot_claim_much_memory(void **state)
{
    (void)state;
    /* 2,000 empty zones or heartbeat cameras: refused or bounded, never a crash. */
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES + 1];
    struct tyto_envelope got;
    size_t at = 0;
    bytes[at++] = 0x9a, bytes[at++] = 0x01; /* heartbeat */
    bytes[at++] = 0xa0, bytes[at++] = 0x1f; /* 4000 bytes */
    for (int i = 0; i < 2000; i++)
        bytes[at++] = 0x12, bytes[at++] = 0x00; /* an empty CameraSeq */
    assert_int_equal(tyto_envelope_unpack(bytes, at, &got), TYTO_ERR_FORMAT);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(tyto_envelope_unpack(bytes, sizeof(bytes), &got), TYTO_ERR_FORMAT);
    assert_int_equal(tyto_envelope_unpack(bytes, 0, &got), TYTO_ERR_FORMAT);
}

static void a_hello_comes_back_as_it_was_sent(void **state)
{
    (void)state;
    struct tyto_hello sent;
    struct tyto_hello got;
    memset(&sent, 0, sizeof(sent));
    sent.schema_major = TYTO_SCHEMA_MAJOR;
    sent.seq = 12;
    sent.server_unix_ns = 13;
    sent.heartbeat_ms = 1000;
    memset(sent.log_id, 7, sizeof(sent.log_id));
    memset(sent.boot_id, 8, sizeof(sent.boot_id));
    snprintf(sent.version, sizeof(sent.version), "0.1.0");
    snprintf(sent.query_endpoints[0], sizeof(sent.query_endpoints[0]), "tcp://127.0.0.1:5572");
    snprintf(sent.query_endpoints[1], sizeof(sent.query_endpoints[1]),
             "ipc:///run/tyto/query.sock");
    sent.num_query_endpoints = 2;
    sent.oldest_seq = 17;
    size_t num_bytes = 0;
    assert_int_equal(tyto_hello_pack(&sent, packed, sizeof(packed), &num_bytes), TYTO_OK);
    assert_int_equal(tyto_hello_unpack(packed, num_bytes, &got), TYTO_OK);
    assert_memory_equal(&sent, &got, sizeof(sent));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_comes_back_as_it_was_sent),
        cmocka_unit_test(every_other_body_comes_back_as_it_was_sent),
        cmocka_unit_test(a_thumbnail_comes_back_as_it_was_sent_and_needs_its_picture),
        cmocka_unit_test(an_alignment_comes_back_and_is_bounded),
        cmocka_unit_test(the_largest_messages_fit_an_envelope),
        cmocka_unit_test(the_wire_bytes_are_those_of_version_1),
        cmocka_unit_test(a_field_out_of_its_limits_is_not_packed),
        cmocka_unit_test(a_message_of_a_newer_minor_is_understood_and_survives),
        cmocka_unit_test(a_body_from_the_future_is_no_error),
        cmocka_unit_test(control_characters_never_reach_a_reader),
        cmocka_unit_test(topics_end_in_a_slash_and_ids_are_checked),
        cmocka_unit_test(ulids_sort_by_time),
        cmocka_unit_test(hostile_bytes_are_refused_or_sound),
        cmocka_unit_test(a_small_message_cannot_claim_much_memory),
        cmocka_unit_test(a_hello_comes_back_as_it_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
