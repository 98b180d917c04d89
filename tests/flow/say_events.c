/* SPDX-License-Identifier: MIT */
/* Stands in for tytod where only what it publishes matters: cameras, a model, events of the past
 * and of now, and scores for whoever wants them, as the arguments say, until SIGTERM.
 *
 *   say_events ENDPOINT NUM_PAST [CLIPS_URI|- [SERVER_KEY CLIENTS]]
 *
 * Prints a line when all of the past has been told. With CLIPS_URI ("file:///...") the last event
 * of the past names a recording there; with files of a key and of clients it asks for keys. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"

enum { NUM_CAMERAS = 3, NUM_CLASSES = 5, SEGMENTS = 8, SIDE = 7 };

static const char *const cameras[NUM_CAMERAS] = {"yard", "front-door", "workshop"};
static const char *const classes[NUM_CLASSES] = {"dog", "car", "speech", "drum", "bird"};
static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

static float wave(double at, double step)
{
    return (float)(0.5 + 0.5 * sin(at * step));
}

static void fill_place(struct tyto_place_map *place, double row, double col)
{
    place->rows = place->cols = SIDE;
    place->peak = 0.1f;
    for (int r = 0; r < SIDE; r++) {
        for (int c = 0; c < SIDE; c++) {
            const double far = (r - row) * (r - row) + (c - col) * (c - col);
            place->cells[r * SIDE + c] = (uint8_t)(255.0 * exp(-far / 2.5));
        }
    }
}

static void fill_event(struct tyto_event *event, uint32_t number, int64_t begin_ns,
                       int64_t lasts_ns)
{
    memset(event, 0, sizeof(*event));
    uint8_t entropy[10] = {0};
    memcpy(entropy, &number, sizeof(number));
    tyto_event_id_format((uint64_t)begin_ns, entropy, event->id);
    snprintf(event->camera, sizeof(event->camera), "%s", cameras[number % NUM_CAMERAS]);
    event->class_id = (number * 7 / 3) % NUM_CLASSES;
    snprintf(event->class_name, sizeof(event->class_name), "%s", classes[event->class_id]);
    event->phase = TYTO_EVENT_PHASE_NEW;
    event->reason = TYTO_EVENT_REASON_ONSET;
    event->begin_unix_ns = begin_ns;
    event->begin_media_ns = (int64_t)number * 20000000000;
    event->end_unix_ns = begin_ns + lasts_ns;
    event->end_media_ns = event->begin_media_ns + lasts_ns;
    event->clock_quality = TYTO_CLOCK_QUALITY_CAMERA;
    event->modality = (enum tyto_modality)(1 + number % 3);
    const bool is_heard = event->modality != TYTO_MODALITY_V;
    const bool is_seen = event->modality != TYTO_MODALITY_A;
    event->scores = (struct tyto_scores){
        .joint = is_heard && is_seen ? 0.7f + 0.25f * wave(number, 1.3) : 0.2f,
        .heard = is_heard ? 0.6f + 0.35f * wave(number, 1.1) : 0.1f,
        .seen = is_seen ? 0.55f + 0.4f * wave(number, 1.7) : 0.1f,
        .threshold = 0.5f,
    };
    event->weight_audio = is_heard ? (is_seen ? 0.45f : 0.9f) : 0.15f;
    event->weight_visual = 1.0f - event->weight_audio;
    event->onset_confidence = 0.9f;
    event->offset_confidence = 0.8f;
    fill_place(&event->place, 1.5 + 4.0 * (double)wave(number, 0.7),
               1.0 + 5.0 * (double)wave(number, 0.4));
    if (number % NUM_CAMERAS == 0) { /* of the yard */
        event->num_zones = 1;
        snprintf(event->zones[0], sizeof(event->zones[0]), "%s", number % 2 ? "drive" : "porch");
    }
    event->num_segments = SEGMENTS;
    event->segments_begin_media_ns = event->begin_media_ns - 2000000000;
    event->segment_hop_ns = 1000000000;
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        const float shape = i < 2 ? 0.15f : i < 6 ? 1.0f : 0.4f;
        event->segment_joint[i] = event->scores.joint * shape;
        event->segment_heard[i] = event->scores.heard * shape;
        event->segment_seen[i] = event->scores.seen * shape;
    }
    if (is_heard && is_seen) {
        struct tyto_event_alignment *alignment = &event->alignment;
        alignment->rows = SEGMENTS;
        alignment->cols = 7;
        alignment->before = 4;
        for (uint32_t row = 0; row < SEGMENTS; row++) {
            for (uint32_t col = 0; col < alignment->cols; col++) {
                const double away = (double)col - 4 + wave(number + row, 0.9);
                alignment->audio[row][col] = (uint8_t)(150 * exp(-away * away));
                alignment->visual[row][6 - col] = (uint8_t)(130 * exp(-away * away / 3));
            }
            alignment->trust[row] = (uint8_t)(90 + 90 * wave(row + number, 0.8));
        }
    }
    snprintf(event->model_digest, sizeof(event->model_digest), "%064x", 0x5eed);
}

static bool tell(struct tyto_publisher *publisher, struct tyto_event *event)
{
    if (tyto_publisher_event(publisher, event) != TYTO_OK)
        return false;
    event->phase = TYTO_EVENT_PHASE_END;
    event->reason = TYTO_EVENT_REASON_OFFSET;
    event->rev = 1;
    event->has_end = true;
    return tyto_publisher_event(publisher, event) == TYTO_OK;
}

static bool tell_cameras(struct tyto_publisher *publisher)
{
    for (int i = 0; i < NUM_CAMERAS; i++) {
        struct tyto_camera_state state = {.status = TYTO_CAMERA_STATUS_LIVE,
                                          .has_audio = true,
                                          .has_video = i != 2,
                                          .num_segments = 1200,
                                          .has_av_offset = i == 0,
                                          .av_offset_ms = 42.0f,
                                          .clock_quality = TYTO_CLOCK_QUALITY_CAMERA};
        state.since_unix_ns = (int64_t)tyto_clock_unix_ns() - 1200000000000;
        snprintf(state.camera, sizeof(state.camera), "%s", cameras[i]);
        snprintf(state.text, sizeof(state.text), "%s", "H.264 and AAC, <b>rtsp</b>");
        if (tyto_publisher_camera_state(publisher, &state) != TYTO_OK)
            return false;
    }
    struct tyto_model_state model = {.num_classes = NUM_CLASSES,
                                     .num_names = NUM_CLASSES,
                                     .config_generation = 1,
                                     .outcome = TYTO_MODEL_OUTCOME_LOADED};
    snprintf(model.digest, sizeof(model.digest), "%064x", 0x5eed);
    snprintf(model.device, sizeof(model.device), "%s", "llvmpipe");
    snprintf(model.exec, sizeof(model.exec), "%s", "vulkan");
    for (int i = 0; i < NUM_CLASSES; i++)
        snprintf(model.class_names[i], sizeof(model.class_names[i]), "%s", classes[i]);
    return tyto_publisher_model_state(publisher, &model) == TYTO_OK;
}

static void tell_scores(struct tyto_publisher *publisher, uint32_t turn)
{
    for (int i = 0; i < NUM_CAMERAS; i++) {
        struct tyto_debug_scores scores = {
            .has_audio = true, .has_video = i != 2, .num_top = NUM_CLASSES};
        snprintf(scores.camera, sizeof(scores.camera), "%s", cameras[i]);
        for (uint32_t k = 0; k < NUM_CLASSES; k++) {
            snprintf(scores.top[k].class_name, sizeof(scores.top[k].class_name), "%s", classes[k]);
            scores.top[k].heard = wave(turn + 3 * k, 0.21 + 0.1 * i) * (k == 0 ? 0.9f : 0.4f);
            scores.top[k].seen = wave(turn + 5 * k, 0.17 + 0.1 * i) * (k == 1 ? 0.8f : 0.3f);
            scores.top[k].joint = scores.top[k].heard * scores.top[k].seen;
        }
        tyto_publisher_debug(publisher, &scores);
    }
}

/* TYTO_TEST_PICTURE: a JPEG that all cameras see. */
static void tell_sights(struct tyto_publisher *publisher)
{
    const char *path = getenv("TYTO_TEST_PICTURE");
    FILE *file = path ? fopen(path, "rb") : NULL;
    for (int i = 0; file && i < NUM_CAMERAS - 1; i++) { /* the last one has no picture */
        struct tyto_thumbnail sight = {.width = 480, .height = 270};
        uint8_t *jpeg = malloc(TYTO_THUMBNAIL_MAX_BYTES);
        if (!jpeg)
            break;
        rewind(file);
        sight.num_bytes = (uint32_t)fread(jpeg, 1, TYTO_THUMBNAIL_MAX_BYTES, file);
        sight.unix_ns = (int64_t)tyto_clock_unix_ns();
        snprintf(sight.camera, sizeof(sight.camera), "%s", cameras[i]);
        tyto_publisher_thumbnail(publisher, &sight, jpeg);
    }
    if (file)
        (void)fclose(file);
}

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static void nap(void)
{
    const struct timespec some = {.tv_nsec = 50000000};
    (void)nanosleep(&some, NULL);
}

/* The past is told only to who listens: waits for a subscriber. */
static bool tell_past(struct tyto_publisher *publisher, uint32_t num, const char *clips)
{
    struct tyto_publisher_counts counts = {0};
    while (!is_over && counts.num_subscriptions == 0) {
        nap();
        tyto_publisher_get_counts(publisher, &counts);
    }
    const int64_t now_ns = (int64_t)tyto_clock_unix_ns();
    const int64_t apart_ns = num > 200 ? 40000000000 : 90000000000;
    static struct tyto_event event;
    for (uint32_t i = 0; i < num && !is_over; i++) {
        fill_event(&event, i, now_ns - (int64_t)(num - i) * apart_ns - 20000000000,
                   2000000000 + (int64_t)(i % 7) * 1700000000);
        if (clips && i + 1 == num)
            snprintf(event.clip_uri, sizeof(event.clip_uri), "%s", clips);
        if (!tell(publisher, &event))
            return false;
        if (i % 400 == 399)
            nap(); /* a subscriber may be 1,000 messages behind */
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    const char *endpoints[] = {argv[1]};
    struct tyto_access *access = NULL;
    struct tyto_publisher *publisher = NULL;
    struct tyto_fault fault = {0};
    if (argc > 5 && tyto_access_create(argv[4], argv[5], NULL, &access, &fault) != TYTO_OK) {
        fprintf(stderr, "say_events: %s\n", fault.text);
        return 1;
    }
    const char *clips = argc > 3 && strcmp(argv[3], "-") != 0 ? argv[3] : NULL;
    char asked_endpoint[512];
    snprintf(asked_endpoint, sizeof(asked_endpoint), "%s.query", argv[1]);
    const char *query_endpoints[] = {asked_endpoint};
    const struct tyto_publisher_params params = {.endpoints = endpoints,
                                                 .num_endpoints = 1,
                                                 .query_endpoints = query_endpoints,
                                                 .num_query_endpoints = 1,
                                                 .heartbeat_ms = 200,
                                                 .access = access,
                                                 .version = "test"};
    if (tyto_publisher_create(&params, &publisher, &fault) != TYTO_OK) {
        fprintf(stderr, "say_events: %s\n", fault.text);
        return 1;
    }
    /* It keeps nothing, and says so to who asks. */
    struct tyto_query_server *server = NULL;
    const struct tyto_query_server_params asked = {.endpoints = query_endpoints,
                                                   .num_endpoints = 1,
                                                   .access = access,
                                                   .hello = tell_hello,
                                                   .user = publisher};
    if (tyto_query_server_create(&asked, &server, &fault) != TYTO_OK) {
        fprintf(stderr, "say_events: %s\n", fault.text);
        return 1;
    }
    const uint32_t num_past = (uint32_t)strtoul(argv[2], NULL, 10);
    bool ok = tell_cameras(publisher) && tell_past(publisher, num_past, clips);
    printf("told %u\n", num_past);
    (void)fflush(stdout);
    static struct tyto_event event;
    for (uint32_t turn = 0; ok && !is_over; turn++) {
        nap();
        if (turn % 10 == 0 && tyto_publisher_wants_debug(publisher))
            tell_scores(publisher, turn / 10);
        if (turn % 20 == 0 && tyto_publisher_wants_live(publisher))
            tell_sights(publisher);
        if (turn % 120 == 60) {
            fill_event(&event, num_past + turn / 120, (int64_t)tyto_clock_unix_ns() - 3000000000,
                       3000000000);
            ok = tell(publisher, &event);
        }
    }
    (void)tyto_query_server_destroy(&server);
    (void)tyto_publisher_destroy(&publisher);
    tyto_access_destroy(&access);
    return ok ? 0 : 1;
}
