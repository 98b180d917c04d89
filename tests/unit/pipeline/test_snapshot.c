/* SPDX-License-Identifier: MIT */
/* Pictures of events: what is drawn and hidden in them, which are made, where they go and what
 * happens when there is no room. JPEGs are decoded by libjpeg itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

#include "base/clock.h"
#include "files/digest.h"
#include "pipeline/snapshot/canvas.h"
#include "pipeline/snapshot/jpeg.h"
#include "pipeline/snapshot/snapshot.h"
#include "tests/folder.h"

#define S 1000000000ll
#define UNIX 1700000000ll
enum { WIDTH = 960, HEIGHT = 540, MAX_TAKEN = 64, WAIT_S = 30 };

/* --- pictures ---------------------------------------------------------------------------------
 */

/* A chessboard of 6 pixels: detail everywhere. */
static uint8_t chess(uint32_t x, uint32_t y)
{
    return (x / 6 + y / 6) % 2 ? 220 : 30;
}

static int num_pictures; /* that are there */

static void release(struct tyto_picture *picture)
{
    __atomic_sub_fetch(&num_pictures, 1, __ATOMIC_SEQ_CST);
    free((void *)(uintptr_t)picture->frame.planes[0]);
    free(picture);
}

static struct tyto_picture *make_picture(int64_t pts_ns)
{
    struct tyto_picture *picture = calloc(1, sizeof(*picture));
    uint8_t *bytes = malloc((size_t)WIDTH * HEIGHT * 3);
    assert_true(picture && bytes);
    for (uint32_t i = 0; i < WIDTH * HEIGHT * 3; i++)
        bytes[i] = chess(i / 3 % WIDTH, i / 3 / WIDTH);
    picture->frame = (struct tyto_frame){.format = TYTO_PIXEL_RGB,
                                         .width = WIDTH,
                                         .height = HEIGHT,
                                         .planes = {bytes},
                                         .strides_bytes = {WIDTH * 3}};
    picture->pts_ns = pts_ns;
    atomic_init(&picture->num_refs, 1);
    picture->release = release;
    __atomic_add_fetch(&num_pictures, 1, __ATOMIC_SEQ_CST);
    return picture;
}

struct decoded {
    uint32_t width, height;
    uint8_t *rgb; /* owned */
};

static struct decoded decode(const uint8_t *bytes, size_t num)
{
    struct jpeg_decompress_struct codec;
    struct jpeg_error_mgr manager; /* on an error it ends the process: the test has failed */
    codec.err = jpeg_std_error(&manager);
    jpeg_create_decompress(&codec);
    jpeg_mem_src(&codec, bytes, num);
    assert_int_equal(jpeg_read_header(&codec, TRUE), JPEG_HEADER_OK);
    assert_true(jpeg_start_decompress(&codec));
    struct decoded decoded = {codec.output_width, codec.output_height, NULL};
    decoded.rgb = malloc((size_t)decoded.width * decoded.height * 3);
    assert_non_null(decoded.rgb);
    while (codec.output_scanline < codec.output_height) {
        JSAMPROW row = decoded.rgb + (size_t)codec.output_scanline * decoded.width * 3;
        jpeg_read_scanlines(&codec, &row, 1);
    }
    jpeg_finish_decompress(&codec);
    assert_int_equal(manager.num_warnings, 0);
    jpeg_destroy_decompress(&codec);
    return decoded;
}

/* Mean of how much neighbours across differ in a part of the picture, in levels. */
static double detail(const uint8_t *rgb, uint32_t width, uint32_t x0, uint32_t y0, uint32_t x1,
                     uint32_t y1)
{
    double sum = 0;
    for (uint32_t y = y0; y < y1; y++) {
        for (uint32_t x = x0; x + 1 < x1; x++) {
            const uint8_t *pixel = rgb + ((size_t)y * width + x) * 3;
            sum += abs(pixel[0] - pixel[3]);
        }
    }
    return sum / ((double)(y1 - y0) * (x1 - x0 - 1));
}

static void detail_goes_inside_of_boxes_and_nothing_changes_outside(void **state)
{
    (void)state;
    struct tyto_picture *picture = make_picture(0);
    struct tyto_canvas plain = {0}, hidden = {0};
    const struct tyto_box box = {0.25f, 0.2f, 0.5f, 0.8f};
    assert_int_equal(tyto_canvas_take(&plain, &picture->frame, WIDTH / 2), TYTO_OK);
    assert_int_equal(tyto_canvas_take(&hidden, &picture->frame, WIDTH / 2), TYTO_OK);
    assert_int_equal(plain.width, 480);
    assert_int_equal(plain.height, 270);
    tyto_canvas_pixelate(&hidden, &box);
    assert_true(detail(plain.rgb, 480, 120, 54, 240, 216) > 20);
    /* Squares of 36 pixels: at most every 36th neighbour differs, and by less than before. */
    assert_true(detail(hidden.rgb, 480, 120, 54, 240, 216) < 1);
    uint32_t num_inside = 0;
    for (uint32_t i = 0; i < 480 * 270; i++) {
        const uint32_t x = i % 480, y = i / 480;
        /* A tenth of the box around it: 12 and 16.2 pixels. */
        const bool is_inside = x >= 108 && x < 252 && y >= 37 && y < 233;
        num_inside += is_inside;
        if (!is_inside)
            assert_memory_equal(plain.rgb + 3 * i, hidden.rgb + 3 * i, 3);
    }
    assert_true(num_inside > 480 * 270 / 5);
    const struct tyto_polygon mask = {3, {{0, 0}, {1, 0}, {0, 1}}};
    tyto_canvas_mask(&plain, &mask, 1);
    assert_int_equal(plain.rgb[3 * (10 * 480 + 10)], 128);
    assert_memory_equal(plain.rgb + 3 * (260 * 480 + 470), hidden.rgb + 3 * (260 * 480 + 470), 3);
    tyto_canvas_finish(&plain);
    tyto_canvas_finish(&hidden);
    tyto_picture_unref(&picture);
}

/* A person at the edge, and far beyond it: no byte outside of the picture is touched (the sanitizer
 * sees it), and what is left of the box is hidden. */
static void boxes_at_the_edge_are_cut(void **state)
{
    (void)state;
    struct tyto_picture *picture = make_picture(0);
    struct tyto_canvas canvas = {0};
    const struct tyto_box boxes[] = {{0, 0, 1, 1},
                                     {0.9f, 0.9f, 1, 1},
                                     {0.5f, 0.5f, 0.5f, 0.5f},
                                     {-3, -3, 4, 4},
                                     {0.999f, 0, 1, 1}};
    assert_int_equal(tyto_canvas_take(&canvas, &picture->frame, 64), TYTO_OK);
    assert_int_equal(canvas.width, 64);
    assert_int_equal(canvas.height, 36);
    for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
        tyto_canvas_pixelate(&canvas, &boxes[i]);
        tyto_canvas_outline(&canvas, &boxes[i]);
    }
    tyto_canvas_finish(&canvas);
    tyto_picture_unref(&picture);
}

/* --- the whole --------------------------------------------------------------------------------
 */

struct taken {
    struct tyto_thumbnail thumbnail;
    uint8_t *bytes;
};

struct rig {
    struct tyto_snapshots *snapshots;
    struct tyto_snapshots_params params;
    pthread_mutex_t lock;
    bool is_holding; /* on_thumbnail waits */
    bool wants_live;
    uint32_t num_taken;
    struct taken taken[MAX_TAKEN];
    struct tyto_detector *detector;
};

static bool is_wanted(void *user)
{
    (void)user;
    return true;
}

static bool is_live_wanted(void *user)
{
    const struct rig *rig = user;
    return rig->wants_live;
}

static void on_thumbnail(void *user, const struct tyto_thumbnail *thumbnail, uint8_t *bytes)
{
    struct rig *rig = user;
    for (;;) {
        pthread_mutex_lock(&rig->lock);
        if (!rig->is_holding)
            break;
        pthread_mutex_unlock(&rig->lock);
        usleep(1000);
    }
    assert_true(rig->num_taken < MAX_TAKEN);
    rig->taken[rig->num_taken++] = (struct taken){*thumbnail, bytes};
    pthread_mutex_unlock(&rig->lock);
}

static void set_up(struct rig *rig, const char *dir)
{
    memset(rig, 0, sizeof(*rig));
    pthread_mutex_init(&rig->lock, NULL);
    rig->detector = calloc(1, sizeof(*rig->detector));
    assert_non_null(rig->detector);
    rig->detector->num_classes = 2;
    snprintf(rig->detector->names[0], sizeof(rig->detector->names[0]), "person");
    snprintf(rig->detector->names[1], sizeof(rig->detector->names[1]), "dog");
    rig->params = (struct tyto_snapshots_params){
        .store = {.dir = dir, .min_free_bytes = 1},
        .sends = true,
        .width = 480,
        .quality = 90,
        .draws_box = true,
        .hides_people = true,
        .is_wanted = is_wanted,
        .is_live_wanted = is_live_wanted,
        .on_thumbnail = on_thumbnail,
        .user = rig,
    };
    assert_int_equal(tyto_snapshots_create(&rig->params, &rig->snapshots), TYTO_OK);
}

static void tear_down(struct rig *rig)
{
    assert_true(tyto_snapshots_destroy(&rig->snapshots));
    for (uint32_t i = 0; i < rig->num_taken; i++)
        free(rig->taken[i].bytes);
    free(rig->detector);
    pthread_mutex_destroy(&rig->lock);
    assert_int_equal(num_pictures, 0);
}

/* A person to the left, a dog to the right, and a second that scores this for the dog. */
static void segment(struct rig *rig, const char *camera, float score, bool has_detector,
                    uint32_t num_found)
{
    static const char *const names[] = {"dog"};
    const float none = 0;
    struct tyto_detection found[TYTO_SIGHT_MAX_FOUND] = {{0, 0.9f, 0.1f, 0.2f, 0.3f, 0.8f},
                                                         {1, 0.8f, 0.6f, 0.4f, 0.9f, 0.9f}};
    const struct tyto_evidence evidence = {
        .has_heard_seen = true, .joint = &score, .heard = &none, .seen = &none};
    struct tyto_picture *picture = make_picture(3 * S);
    const struct tyto_snapshot_segment told = {
        .camera = camera,
        .picture = picture,
        .unix_offset_ns = UNIX * S,
        .evidence = &evidence,
        .num_classes = 1,
        .class_names = names,
        .detector = has_detector ? rig->detector : NULL,
        .is_looked_at = true,
        .num_found = num_found,
        .found = found,
    };
    tyto_snapshots_segment(rig->snapshots, &told);
    tyto_picture_unref(&picture);
}

static struct tyto_event tell(struct rig *rig, const char *camera, int number,
                              enum tyto_event_phase phase, float score)
{
    struct tyto_event event = {.phase = phase,
                               .modality = TYTO_MODALITY_AV,
                               .begin_unix_ns = (UNIX + number) * S,
                               .num_segments = 1,
                               .segment_joint = {score}};
    snprintf(event.id, sizeof(event.id), "01HF7YAT00000000000000%04d", number);
    snprintf(event.camera, sizeof(event.camera), "%s", camera);
    snprintf(event.class_name, sizeof(event.class_name), "dog");
    tyto_snapshots_event(rig->snapshots, &event);
    return event;
}

static struct tyto_snapshots_status status_of(struct rig *rig)
{
    struct tyto_snapshots_status status;
    tyto_snapshots_get_status(rig->snapshots, &status);
    return status;
}

static uint32_t num_taken(struct rig *rig)
{
    pthread_mutex_lock(&rig->lock);
    const uint32_t num = rig->num_taken;
    pthread_mutex_unlock(&rig->lock);
    return num;
}

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;                   \
        while (!(condition) && tyto_clock_mono_ns() < until_ns)                                    \
            usleep(2000);                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static void a_picture_has_its_box_and_no_person(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t sha256[TYTO_DIGEST_BYTES];
    set_up(&rig, NULL);
    segment(&rig, "front", 0.6f, true, 2);
    assert_string_equal(tell(&rig, "front", 1, TYTO_EVENT_PHASE_NEW, 0.6f).snapshot_uri, "");
    WAIT_FOR(num_taken(&rig) == 1);
    const struct tyto_thumbnail *told = &rig.taken[0].thumbnail;
    assert_string_equal(told->camera, "front");
    assert_string_equal(told->class_name, "dog");
    assert_int_equal(told->media_ns, 3 * S);
    assert_int_equal(told->unix_ns, (UNIX + 3) * S);
    assert_true(told->has_box && told->is_blurred);
    tyto_digest_bytes(rig.taken[0].bytes, told->num_bytes, sha256);
    assert_memory_equal(sha256, told->sha256, sizeof(sha256));
    struct decoded decoded = decode(rig.taken[0].bytes, told->num_bytes);
    assert_int_equal(decoded.width, 480);
    assert_int_equal(decoded.height, 270);
    assert_int_equal(told->width, 480);
    assert_int_equal(told->height, 270);
    /* The dog's box (0.6, 0.4, 0.9, 0.9): green on its left edge, not in its middle. */
    const uint8_t *edge = decoded.rgb + 3 * (170 * 480 + 289);
    assert_true(edge[1] > 150 && edge[0] < 90 && edge[2] < 140);
    const uint8_t *middle = decoded.rgb + 3 * (175 * 480 + 360);
    assert_true(abs(middle[0] - middle[1]) < 40);
    assert_true(detail(decoded.rgb, 480, 56, 60, 136, 210) < 3);   /* the person */
    assert_true(detail(decoded.rgb, 480, 170, 60, 280, 210) > 20); /* beside it */
    free(decoded.rgb);
    tear_down(&rig);
}

static void a_better_second_makes_another_and_a_worse_one_none(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, NULL);
    segment(&rig, "front", 0.5f, true, 2);
    tell(&rig, "front", 1, TYTO_EVENT_PHASE_NEW, 0.5f);
    WAIT_FOR(num_taken(&rig) == 1);
    segment(&rig, "front", 0.45f, true, 2);
    segment(&rig, "back", 0.9f, true, 2); /* another camera's */
    segment(&rig, "front", 0.8f, true, 2);
    WAIT_FOR(num_taken(&rig) == 2);
    assert_float_equal(rig.taken[1].thumbnail.score, 0.8f, 1e-6);
    tell(&rig, "front", 1, TYTO_EVENT_PHASE_END, 0.1f);
    segment(&rig, "front", 0.99f, true, 2); /* it has ended */
    WAIT_FOR(status_of(&rig).num_waiting == 0);
    assert_int_equal(status_of(&rig).num_made, 2);
    tear_down(&rig);
}

static void without_a_detector_of_people_none_is_made_and_with_too_many_all_is_hidden(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, NULL);
    segment(&rig, "front", 0.5f, false, 0);
    tell(&rig, "front", 1, TYTO_EVENT_PHASE_NEW, 0.5f);
    assert_int_equal(status_of(&rig).num_withheld, 1);
    segment(&rig, "back", 0.5f, true, TYTO_SIGHT_MAX_FOUND);
    tell(&rig, "back", 2, TYTO_EVENT_PHASE_NEW, 0.5f);
    WAIT_FOR(num_taken(&rig) == 1);
    assert_string_equal(rig.taken[0].thumbnail.camera, "back");
    struct decoded decoded = decode(rig.taken[0].bytes, rig.taken[0].thumbnail.num_bytes);
    assert_true(detail(decoded.rgb, 480, 170, 10, 280, 100) < 3);
    free(decoded.rgb);
    rig.params.hides_people = false;
    assert_int_equal(tyto_snapshots_change(rig.snapshots, &rig.params), TYTO_OK);
    segment(&rig, "front", 0.9f, false, 0);
    WAIT_FOR(num_taken(&rig) == 2);
    assert_false(rig.taken[1].thumbnail.is_blurred);
    tear_down(&rig);
}

static void files_are_kept_and_named_in_the_event(void **state)
{
    (void)state;
    struct rig rig;
    struct stat file;
    char dir[128];
    char folder[FOLDER_MAX];
    assert_int_equal(folder_make(folder, "snapshot"), 0);
    snprintf(dir, sizeof(dir), "%s/a b", folder);
    set_up(&rig, dir);
    segment(&rig, "front", 0.5f, true, 2);
    tell(&rig, "front", 1, TYTO_EVENT_PHASE_NEW, 0.5f);
    WAIT_FOR(status_of(&rig).num_written == 1);
    const struct tyto_event update = tell(&rig, "front", 1, TYTO_EVENT_PHASE_UPDATE, 0.5f);
    assert_true(strncmp(update.snapshot_uri, "file:///", 8) == 0);
    assert_non_null(strstr(update.snapshot_uri, "/a%20b/front/20231114T221321Z-dog-"));
    segment(&rig, "front", 0.9f, true, 2); /* in its place */
    const struct tyto_event end = tell(&rig, "front", 1, TYTO_EVENT_PHASE_END, 0.5f);
    assert_string_equal(end.snapshot_uri, update.snapshot_uri);
    WAIT_FOR(status_of(&rig).num_written == 2);
    assert_int_equal(status_of(&rig).store.num_clips, 1);
    char path[512];
    snprintf(path, sizeof(path), "%s/front/20231114T221321Z-dog-%s.jpg", dir, end.id);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal((uint64_t)file.st_size, status_of(&rig).store.num_bytes);

    /* Off: no picture and no name; on again, elsewhere. */
    rig.params.store.dir = "";
    rig.params.sends = false;
    assert_int_equal(tyto_snapshots_change(rig.snapshots, &rig.params), TYTO_OK);
    assert_false(tyto_snapshots_are_wanted(rig.snapshots));
    const uint64_t num_made = status_of(&rig).num_made;
    segment(&rig, "front", 0.5f, true, 2);
    tell(&rig, "front", 2, TYTO_EVENT_PHASE_NEW, 0.5f);
    assert_string_equal(tell(&rig, "front", 2, TYTO_EVENT_PHASE_END, 0.5f).snapshot_uri, "");
    char other[128];
    snprintf(other, sizeof(other), "%s/other", folder);
    rig.params.store.dir = other;
    assert_int_equal(tyto_snapshots_change(rig.snapshots, &rig.params), TYTO_OK);
    segment(&rig, "front", 0.5f, true, 2);
    tell(&rig, "front", 3, TYTO_EVENT_PHASE_NEW, 0.5f);
    WAIT_FOR(status_of(&rig).num_made == num_made + 1);
    WAIT_FOR(status_of(&rig).num_written == 3);
    assert_non_null(
        strstr(tell(&rig, "front", 3, TYTO_EVENT_PHASE_END, 0.5f).snapshot_uri, "/other/front/"));
    assert_int_equal(stat(path, &file), 0); /* what was there stays */
    tear_down(&rig);
    assert_int_equal(folder_remove(folder), 0);
}

static void the_quota_deletes_the_oldest_and_a_full_disk_is_told(void **state)
{
    (void)state;
    struct rig rig;
    char folder[FOLDER_MAX];
    assert_int_equal(folder_make(folder, "snapshot"), 0);
    set_up(&rig, folder);
    rig.params.store.max_bytes = 100000;
    assert_int_equal(tyto_snapshots_change(rig.snapshots, &rig.params), TYTO_OK);
    for (int i = 1; i <= 12; i++) {
        segment(&rig, "front", 0.5f, true, 2);
        tell(&rig, "front", i, TYTO_EVENT_PHASE_NEW, 0.5f);
        WAIT_FOR(status_of(&rig).num_written == (uint64_t)i);
        tell(&rig, "front", i, TYTO_EVENT_PHASE_END, 0.5f);
        assert_true(status_of(&rig).store.num_bytes <= 100000);
    }
    struct tyto_snapshots_status status = status_of(&rig);
    assert_true(status.store.num_deleted > 0);
    assert_int_equal(status.store.num_clips + status.store.num_deleted, 12);
    assert_false(status.is_failing);
    /* So much must stay free that no disk has it: as good as full. Pictures are sent all the same.
     */
    rig.params.store.min_free_bytes = 1ull << 60;
    assert_int_equal(tyto_snapshots_change(rig.snapshots, &rig.params), TYTO_OK);
    segment(&rig, "front", 0.5f, true, 2);
    tell(&rig, "front", 20, TYTO_EVENT_PHASE_NEW, 0.5f);
    WAIT_FOR(status_of(&rig).num_failed == 1);
    WAIT_FOR(num_taken(&rig) == 13);
    status = status_of(&rig);
    assert_true(status.is_failing);
    assert_non_null(strstr(status.text, "no room for snapshots: raise snapshots.max_gib"));
    assert_string_equal(tell(&rig, "front", 20, TYTO_EVENT_PHASE_END, 0.5f).snapshot_uri, "");
    rig.params.store.min_free_bytes = 1;
    assert_int_equal(tyto_snapshots_change(rig.snapshots, &rig.params), TYTO_OK);
    segment(&rig, "front", 0.5f, true, 2);
    tell(&rig, "front", 21, TYTO_EVENT_PHASE_NEW, 0.5f);
    WAIT_FOR(status_of(&rig).num_written == 13);
    assert_false(status_of(&rig).is_failing);
    tear_down(&rig);
    assert_int_equal(folder_remove(folder), 0);
}

/* Of each second while somebody wants them, small, without a box and a file; none of a second whose
 * people cannot be hidden, and those of events have room whatever happens. */
static void what_cameras_see_now_is_made_for_those_who_look(void **state)
{
    (void)state;
    char folder[] = "/tmp/tyto-snapshots-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct rig rig;
    set_up(&rig, folder);
    rig.params.width = 640;
    assert_int_equal(tyto_snapshots_change(rig.snapshots, &rig.params), TYTO_OK);
    segment(&rig, "front", 0.5f, true, 2);
    rig.wants_live = true;
    segment(&rig, "front", 0.5f, false, 0);
    segment(&rig, "back", 0.5f, true, 2);
    WAIT_FOR(num_taken(&rig) == 1);
    const struct tyto_thumbnail *seen = &rig.taken[0].thumbnail;
    assert_string_equal(seen->event_id, "");
    assert_string_equal(seen->class_name, "");
    assert_string_equal(seen->camera, "back");
    assert_int_equal(seen->width, 480);
    assert_false(seen->has_box);
    assert_true(seen->is_blurred);
    pthread_mutex_lock(&rig.lock);
    rig.is_holding = true;
    pthread_mutex_unlock(&rig.lock);
    for (int i = 0; i < 2 * TYTO_SNAPSHOTS_MAX_WAITING; i++) {
        char camera[16];
        snprintf(camera, sizeof(camera), "camera%d", i);
        segment(&rig, camera, 0.5f, true, 2);
    }
    assert_true(status_of(&rig).num_waiting <= TYTO_SNAPSHOTS_MAX_WAITING / 2);
    const uint64_t num_dropped = status_of(&rig).num_dropped;
    rig.wants_live = false;
    segment(&rig, "front", 0.5f, true, 2);
    tell(&rig, "front", 1, TYTO_EVENT_PHASE_NEW, 0.5f);
    assert_int_equal(status_of(&rig).num_dropped, num_dropped);
    pthread_mutex_lock(&rig.lock);
    rig.is_holding = false;
    pthread_mutex_unlock(&rig.lock);
    WAIT_FOR(status_of(&rig).num_written == 1 && status_of(&rig).num_waiting == 0);
    tear_down(&rig);
    assert_int_equal(folder_remove(folder), 0);
}

/* Whoever takes pictures stands still: a bounded number waits, the rest is counted, and nobody who
 * tells of events waits for it. */
static void what_finds_no_room_is_dropped(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, NULL);
    rig.is_holding = true;
    enum { NUM = 40 };
    for (int i = 0; i < NUM; i++) {
        segment(&rig, "front", 0.5f, true, 2);
        tell(&rig, "front", i, TYTO_EVENT_PHASE_NEW, 0.5f);
    }
    struct tyto_snapshots_status status = status_of(&rig);
    assert_true(status.num_waiting <= TYTO_SNAPSHOTS_MAX_WAITING);
    assert_true(status.num_dropped >= NUM - TYTO_SNAPSHOTS_MAX_WAITING - 1);
    assert_true(num_pictures <= TYTO_SNAPSHOTS_MAX_WAITING + 2);
    pthread_mutex_lock(&rig.lock);
    rig.is_holding = false;
    pthread_mutex_unlock(&rig.lock);
    WAIT_FOR(status_of(&rig).num_waiting == 0);
    tear_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detail_goes_inside_of_boxes_and_nothing_changes_outside),
        cmocka_unit_test(boxes_at_the_edge_are_cut),
        cmocka_unit_test(a_picture_has_its_box_and_no_person),
        cmocka_unit_test(a_better_second_makes_another_and_a_worse_one_none),
        cmocka_unit_test(without_a_detector_of_people_none_is_made_and_with_too_many_all_is_hidden),
        cmocka_unit_test(files_are_kept_and_named_in_the_event),
        cmocka_unit_test(the_quota_deletes_the_oldest_and_a_full_disk_is_told),
        cmocka_unit_test(what_cameras_see_now_is_made_for_those_who_look),
        cmocka_unit_test(what_finds_no_room_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
