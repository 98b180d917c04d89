/* SPDX-License-Identifier: MIT */
/* The pre-roll buffer, and the recorder between it and its folder, with coded
 * data that are numbers and clips that only count: no GStreamer, no cameras. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "pipeline/record/clip.h"
#include "pipeline/record/preroll.h"
#include "pipeline/record/record.h"
#include "tests/unit/pipeline/clip_folder.h"

#define S 1000000000ll
#define MS 1000000ll

static int num_refs; /* of all coded data */
static int coding;   /* of what is made now */

/* --- coded data and clips, made up -------------------------------------------------------- */

struct made {
    int refs, coding;
};

void tyto_coded_ref(const struct tyto_coded *coded)
{
    __atomic_add_fetch(&((struct made *)coded->sample)->refs, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&num_refs, 1, __ATOMIC_SEQ_CST);
}

void tyto_coded_unref(struct tyto_coded *coded)
{
    struct made *made = coded->sample;
    coded->sample = NULL;
    if (!made)
        return;
    __atomic_sub_fetch(&num_refs, 1, __ATOMIC_SEQ_CST);
    if (__atomic_sub_fetch(&made->refs, 1, __ATOMIC_SEQ_CST) == 0)
        free(made);
}

bool tyto_coded_is_alike(const struct tyto_coded *a, const struct tyto_coded *b)
{
    return ((struct made *)a->sample)->coding == ((struct made *)b->sample)->coding;
}

struct tyto_clip {
    FILE *file;
    int64_t zero_ns, last_ns[TYTO_NUM_STREAMS];
    bool has[TYTO_NUM_STREAMS];
};

static int64_t clip_bytes_fail_at; /* 0: never */

enum tyto_err tyto_clip_create(const struct tyto_clip_params *params, struct tyto_clip **ret_clip,
                               bool ret_has[TYTO_NUM_STREAMS], struct tyto_fault *ret_fault)
{
    struct tyto_clip *clip = calloc(1, sizeof(*clip));
    assert_non_null(clip);
    clip->file = fopen(params->path, "wb");
    clip->zero_ns = params->zero_ns;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        ret_has[i] = clip->has[i] = params->first[i] != NULL;
    if (!clip->file) {
        free(clip);
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, params->path, 0, NULL, "not there");
    }
    *ret_clip = clip;
    return TYTO_OK;
}

/* A line for each item: stream, time, key. */
enum tyto_err tyto_clip_push(struct tyto_clip *clip, enum tyto_stream stream,
                             const struct tyto_coded *coded, struct tyto_fault *ret_fault)
{
    if (clip_bytes_fail_at && ftell(clip->file) > clip_bytes_fail_at)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "the disk is full");
    fprintf(clip->file, "%d %lld %d %*s\n", (int)stream,
            (long long)((coded->pts_ns - clip->zero_ns) / MS), coded->is_key,
            (int)coded->num_bytes - 16, "");
    return TYTO_OK;
}

void tyto_clip_end_stream(struct tyto_clip *clip, enum tyto_stream stream)
{
    clip->has[stream] = false;
}

enum tyto_err tyto_clip_finish(struct tyto_clip **clip, struct tyto_fault *ret_fault)
{
    (void)ret_fault;
    tyto_clip_abandon(clip);
    return TYTO_OK;
}

void tyto_clip_abandon(struct tyto_clip **clip)
{
    if (!*clip)
        return;
    fclose((*clip)->file);
    free(*clip);
    *clip = NULL;
}

static struct tyto_coded make(int64_t pts_ns, int64_t duration_ns, bool is_key, uint32_t num_bytes)
{
    struct made *made = calloc(1, sizeof(*made));
    assert_non_null(made);
    *made = (struct made){.refs = 1, .coding = coding};
    __atomic_add_fetch(&num_refs, 1, __ATOMIC_SEQ_CST);
    return (struct tyto_coded){.sample = made,
                               .pts_ns = pts_ns,
                               .dts_ns = TYTO_CODED_NO_TIME,
                               .duration_ns = duration_ns,
                               .num_bytes = num_bytes,
                               .is_key = is_key};
}

/* --- the pre-roll buffer --------------------------------------------------------------------- */

/* [from, to) of pictures each 100 ms with a keyframe a second, and of sound each 50 ms. */
static void fill(struct tyto_preroll *preroll, int64_t from_ns, int64_t to_ns)
{
    for (int64_t ns = from_ns; ns < to_ns; ns += 50 * MS) {
        struct tyto_coded sound = make(ns, 50 * MS, true, 20);
        assert_int_equal(tyto_preroll_put(preroll, TYTO_STREAM_AUDIO, &sound), TYTO_OK);
        if (ns % (100 * MS) != 0)
            continue;
        struct tyto_coded picture = make(ns, 100 * MS, ns % S == 0, 100);
        assert_int_equal(tyto_preroll_put(preroll, TYTO_STREAM_VIDEO, &picture), TYTO_OK);
    }
}

static void a_preroll_buffer_holds_what_it_should_and_begins_with_a_keyframe(void **state)
{
    (void)state;
    struct tyto_preroll preroll;
    tyto_preroll_init(&preroll, 5 * S, 1 << 20);
    fill(&preroll, 300 * MS, 20 * S);
    const struct tyto_preroll_item *first =
        tyto_preroll_get(&preroll, TYTO_STREAM_VIDEO, preroll.queues[TYTO_STREAM_VIDEO].first);
    assert_true(first->coded.is_key);
    assert_int_equal(first->coded.pts_ns, 14 * S); /* the last keyframe before 19.95 - 5 s */
    first = tyto_preroll_get(&preroll, TYTO_STREAM_AUDIO, preroll.queues[TYTO_STREAM_AUDIO].first);
    assert_int_equal(first->coded.pts_ns, 14 * S);
    int64_t zero_ns;
    uint32_t epoch;
    uint64_t numbers[TYTO_NUM_STREAMS];
    assert_true(tyto_preroll_find(&preroll, 0, 16500 * MS, &zero_ns, &epoch, numbers));
    assert_int_equal(zero_ns, 16 * S);
    assert_true(tyto_preroll_find(&preroll, 0, 3 * S, &zero_ns, &epoch, numbers));
    assert_int_equal(zero_ns, 14 * S); /* it cannot begin earlier */
    assert_false(tyto_preroll_find(&preroll, 1, 3 * S, &zero_ns, &epoch, numbers));
    tyto_preroll_finish(&preroll);
    assert_int_equal(num_refs, 0);
}

static void a_preroll_buffer_is_bounded_by_bytes(void **state)
{
    (void)state;
    struct tyto_preroll preroll;
    tyto_preroll_init(&preroll, 1000 * S, 5000);
    for (int64_t s = 0; s < 50; s++) {
        fill(&preroll, s * S, (s + 1) * S);
        assert_true(preroll.num_bytes <= 5000);
    }
    assert_true(preroll.num_evicted_early > 0);
    assert_true(
        tyto_preroll_get(&preroll, TYTO_STREAM_VIDEO, preroll.queues[TYTO_STREAM_VIDEO].first)
            ->coded.is_key);
    /* One picture larger than everything: it is not held, and nothing breaks. */
    struct tyto_coded huge = make(50 * S, 0, true, 6000);
    assert_int_equal(tyto_preroll_put(&preroll, TYTO_STREAM_VIDEO, &huge), TYTO_OK);
    assert_true(preroll.num_bytes <= 5000);
    fill(&preroll, 50 * S + 100 * MS, 53 * S);
    assert_true(preroll.num_bytes <= 5000);
    tyto_preroll_finish(&preroll);
    assert_int_equal(num_refs, 0);
}

static void pictures_that_stop_coming_do_not_hold_the_sound(void **state)
{
    (void)state;
    struct tyto_preroll preroll;
    tyto_preroll_init(&preroll, 5 * S, 1 << 20);
    fill(&preroll, 0, 3 * S);
    for (int64_t ns = 3 * S; ns < 100 * S; ns += 50 * MS) {
        struct tyto_coded sound = make(ns, 50 * MS, true, 20);
        assert_int_equal(tyto_preroll_put(&preroll, TYTO_STREAM_AUDIO, &sound), TYTO_OK);
    }
    assert_int_equal(preroll.queues[TYTO_STREAM_VIDEO].num, 0);
    assert_true(preroll.queues[TYTO_STREAM_AUDIO].num < 110);
    tyto_preroll_finish(&preroll);
}

static void a_picture_in_pieces_begins_with_its_first(void **state)
{
    (void)state;
    struct tyto_preroll preroll;
    tyto_preroll_init(&preroll, 5 * S, 1 << 20);
    for (int64_t ns = 0; ns < 9 * S; ns += 500 * MS) {
        for (int piece = 0; piece < 3; piece++) { /* parameters, then two slices */
            struct tyto_coded coded = make(ns, 0, ns % S == 0 && (piece > 0 || ns == 0), 10);
            assert_int_equal(tyto_preroll_put(&preroll, TYTO_STREAM_VIDEO, &coded), TYTO_OK);
        }
    }
    int64_t zero_ns;
    uint32_t epoch;
    uint64_t numbers[TYTO_NUM_STREAMS];
    assert_true(tyto_preroll_find(&preroll, 0, 6200 * MS, &zero_ns, &epoch, numbers));
    assert_int_equal(zero_ns, 6 * S);
    assert_int_equal(numbers[TYTO_STREAM_VIDEO] % 3, 0);
    assert_int_equal(preroll.queues[TYTO_STREAM_VIDEO].first % 3, 0);
    tyto_preroll_finish(&preroll);
}

/* --- the recorder -------------------------------------------------------------------------------
 */

struct rig {
    struct tyto_recorder *recorder;
    struct tyto_tap *tap;
    char dir[96];
};

static void open_rig(struct rig *rig, struct tyto_recorder_params params)
{
    snprintf(rig->dir, sizeof(rig->dir), "%s/clips", folder);
    params.store.dir = rig->dir;
    params.store.min_free_bytes = 1;
    assert_int_equal(tyto_recorder_create(&params, &rig->recorder), TYTO_OK);
    assert_int_equal(tyto_recorder_add_camera(rig->recorder, "front", 0, 3 * S, 10 * S, &rig->tap),
                     TYTO_OK);
    rig->tap->on_connected(rig->tap, true);
}

/* The camera gives [from, to), all of which is evaluated at once. */
static void play(struct rig *rig, int64_t from_ns, int64_t to_ns)
{
    for (int64_t ns = from_ns; ns < to_ns; ns += 50 * MS) {
        struct tyto_coded sound = make(ns, 50 * MS, true, 20);
        rig->tap->on_coded(rig->tap, TYTO_STREAM_AUDIO, &sound);
        if (ns % (100 * MS) != 0)
            continue;
        struct tyto_coded picture = make(ns, 100 * MS, ns % S == 0, 100);
        rig->tap->on_coded(rig->tap, TYTO_STREAM_VIDEO, &picture);
    }
    tyto_recorder_progress(rig->recorder, "front", to_ns);
}

static struct tyto_event tell(struct rig *rig, int number, enum tyto_event_phase phase,
                              int64_t begin_ns, int64_t end_ns)
{
    const uint8_t entropy[10] = {(uint8_t)number};
    struct tyto_event event = {.camera = "front",
                               .class_name = "dog",
                               .phase = phase,
                               .rev = phase == TYTO_EVENT_PHASE_NEW ? 0 : 1,
                               .modality = TYTO_MODALITY_AV,
                               .begin_media_ns = begin_ns,
                               .end_media_ns = end_ns,
                               .begin_unix_ns = 1700000000 * S + begin_ns,
                               .has_end = phase == TYTO_EVENT_PHASE_END};
    tyto_event_id_format(1700000000000000000u, entropy, event.id);
    tyto_recorder_event(rig->recorder, &event);
    return event;
}

/* Waits until so many recordings are written; their names, oldest first. */
static struct tyto_recorder_status wait_for(struct rig *rig, uint64_t num_written)
{
    struct tyto_recorder_status status = {0};
    for (int i = 0; i < 500; i++) {
        tyto_recorder_get_status(rig->recorder, &status);
        if (status.num_written >= num_written)
            break;
        usleep(20000);
    }
    assert_int_equal(status.num_written, num_written);
    return status;
}

/* What the clip of an event holds: first and last time of each stream. */
static void look_at(const struct tyto_event *event, long first[2], long last[2])
{
    FILE *file = fopen(event->clip_uri + sizeof("file://") - 1, "rb");
    char line[512];
    assert_non_null(file);
    first[0] = first[1] = -1;
    while (fgets(line, sizeof(line), file)) {
        char *end;
        const long stream = strtol(line, &end, 10);
        const long time_ms = strtol(end, &end, 10);
        assert_true(stream == 0 || stream == 1);
        if (first[stream] < 0) {
            first[stream] = time_ms;
            assert_int_equal(strtol(end, NULL, 10), 1); /* a keyframe */
        }
        last[stream] = time_ms;
    }
    fclose(file);
}

static void an_event_is_recorded_from_before_to_after(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, (struct tyto_recorder_params){.pre_ns = 2 * S, .post_ns = 1 * S});
    play(&rig, 0, 13 * S);
    tell(&rig, 1, TYTO_EVENT_PHASE_NEW, 10500 * MS, 0);
    play(&rig, 13 * S, 20 * S);
    const struct tyto_event event = tell(&rig, 1, TYTO_EVENT_PHASE_END, 10500 * MS, 14 * S);
    play(&rig, 20 * S, 25 * S);
    const struct tyto_recorder_status status = wait_for(&rig, 1);
    assert_int_equal(status.num_failed + status.num_cut, 0);
    long first[2], last[2];
    look_at(&event, first, last); /* from the keyframe at 8 s to 15 s, and not to 20 s */
    assert_int_equal(first[TYTO_STREAM_VIDEO], 0);
    assert_int_equal(last[TYTO_STREAM_VIDEO], 6900);
    assert_int_equal(first[TYTO_STREAM_AUDIO], 0);
    assert_int_equal(last[TYTO_STREAM_AUDIO], 6950);
    assert_non_null(strstr(read_file("clips/labels.csv"), ",dog,2.500,6.000,both\n"));
    assert_non_null(strstr(event.clip_uri, "/clips/front/20231114T221330Z-dog-"));
    tyto_recorder_destroy(&rig.recorder);
    assert_int_equal(num_refs, 0);
}

static void events_that_overlap_share_a_recording(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, (struct tyto_recorder_params){.pre_ns = 2 * S, .post_ns = 1 * S});
    play(&rig, 0, 13 * S);
    const struct tyto_event one = tell(&rig, 1, TYTO_EVENT_PHASE_NEW, 10 * S, 0);
    tell(&rig, 1, TYTO_EVENT_PHASE_END, 10 * S, 12 * S);
    /* Told of after the first is over; its time before lies within the other's time after. */
    play(&rig, 13 * S, 16 * S);
    usleep(300000);
    const struct tyto_event two = tell(&rig, 2, TYTO_EVENT_PHASE_NEW, 14 * S, 0);
    assert_string_equal(one.clip_uri, two.clip_uri);
    play(&rig, 16 * S, 20 * S);
    tell(&rig, 2, TYTO_EVENT_PHASE_END, 14 * S, 17 * S);
    play(&rig, 20 * S, 30 * S);
    wait_for(&rig, 1);
    const struct tyto_event three = tell(&rig, 3, TYTO_EVENT_PHASE_NEW, 28 * S, 0);
    assert_string_not_equal(one.clip_uri, three.clip_uri);
    tell(&rig, 3, TYTO_EVENT_PHASE_RETRACTED, 28 * S, 0);
    play(&rig, 30 * S, 40 * S);
    usleep(300000);
    wait_for(&rig, 1); /* what was taken back is not kept */
    tyto_recorder_destroy(&rig.recorder);
    const char *labels = read_file("clips/labels.csv");
    assert_non_null(strstr(labels, ",dog,2.000,4.000,both\n"));
    assert_non_null(strstr(labels, ",dog,6.000,9.000,both\n"));
    assert_null(strstr(labels, "T221348Z"));
}

static void a_long_event_goes_on_in_another_recording(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, (struct tyto_recorder_params){.pre_ns = S, .post_ns = S, .max_clip_ns = 5 * S});
    play(&rig, 0, 4 * S);
    tell(&rig, 1, TYTO_EVENT_PHASE_NEW, 2 * S, 0);
    for (int64_t s = 4; s < 16; s++) {
        play(&rig, s * S, (s + 1) * S);
        usleep(150000);
    }
    const struct tyto_event end = tell(&rig, 1, TYTO_EVENT_PHASE_END, 2 * S, 13 * S);
    play(&rig, 16 * S, 20 * S);
    wait_for(&rig, 3);
    long first[2], last[2];
    look_at(&end, first, last); /* the last of them: from the cut at 11 s on */
    assert_int_equal(last[TYTO_STREAM_VIDEO], 2900);
    tyto_recorder_destroy(&rig.recorder);
    const char *labels = read_file("clips/labels.csv");
    assert_non_null(strstr(labels, ",dog,1.000,5.000,both\n"));
    assert_non_null(strstr(labels, ",dog,0.000,5.000,both\n"));
    assert_non_null(strstr(labels, ",dog,0.000,2.000,both\n"));
}

static void a_clock_that_jumped_is_followed(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, (struct tyto_recorder_params){.pre_ns = 2 * S, .post_ns = S});
    rig.tap->on_shift(rig.tap, -100 * S); /* events lie 100 s before the camera's own times */
    play(&rig, 103 * S, 113 * S);
    tyto_recorder_progress(rig.recorder, "front", 13 * S);
    const struct tyto_event event = tell(&rig, 1, TYTO_EVENT_PHASE_NEW, 10 * S, 0);
    tell(&rig, 1, TYTO_EVENT_PHASE_END, 10 * S, 12 * S);
    play(&rig, 113 * S, 120 * S);
    tyto_recorder_progress(rig.recorder, "front", 20 * S);
    wait_for(&rig, 1);
    long first[2], last[2];
    look_at(&event, first, last);
    assert_int_equal(last[TYTO_STREAM_VIDEO], 4900);
    tyto_recorder_destroy(&rig.recorder);
    assert_non_null(strstr(read_file("clips/labels.csv"), ",dog,2.000,4.000,both\n"));
}

static void another_coding_begins_another_recording(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, (struct tyto_recorder_params){.pre_ns = S, .post_ns = S});
    play(&rig, 0, 5 * S);
    tell(&rig, 1, TYTO_EVENT_PHASE_NEW, 3 * S, 0);
    coding = 1;
    play(&rig, 5 * S, 12 * S);
    const struct tyto_recorder_status status = wait_for(&rig, 1);
    assert_int_equal(status.num_cut, 1);
    const struct tyto_event end = tell(&rig, 1, TYTO_EVENT_PHASE_END, 3 * S, 8 * S);
    play(&rig, 12 * S, 15 * S);
    wait_for(&rig, 2);
    long first[2], last[2];
    look_at(&end, first, last);
    assert_int_equal(last[TYTO_STREAM_VIDEO], 3900);
    tyto_recorder_destroy(&rig.recorder);
    const char *labels = read_file("clips/labels.csv");
    assert_non_null(strstr(labels, ",dog,1.000,3.000,both\n"));
    assert_non_null(strstr(labels, ",dog,0.000,3.000,both\n"));
}

static void a_disk_that_fails_is_told_once_and_tried_again_later(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, (struct tyto_recorder_params){.pre_ns = S, .post_ns = S});
    clip_bytes_fail_at = 8000;
    play(&rig, 0, 5 * S);
    const struct tyto_event event = tell(&rig, 1, TYTO_EVENT_PHASE_NEW, 3 * S, 0);
    assert_true(event.clip_uri[0]);
    play(&rig, 5 * S, 12 * S);
    struct tyto_recorder_status status = {0};
    for (int i = 0; i < 500 && !status.is_failing; i++) {
        usleep(20000);
        tyto_recorder_get_status(rig.recorder, &status);
    }
    assert_true(status.is_failing);
    assert_non_null(strstr(status.text, "the disk is full"));
    assert_string_equal(tell(&rig, 1, TYTO_EVENT_PHASE_END, 3 * S, 8 * S).clip_uri, "");
    assert_string_equal(tell(&rig, 2, TYTO_EVENT_PHASE_NEW, 11 * S, 0).clip_uri, "");
    tyto_recorder_destroy(&rig.recorder);
    /* What there was room for is kept, and labelled as far as it goes. */
    long first[2], last[2];
    look_at(&event, first, last);
    assert_int_equal(first[TYTO_STREAM_VIDEO], 0);
    assert_in_range(last[TYTO_STREAM_VIDEO], 1000, 9000);
    const char *label = strstr(read_file("clips/labels.csv"), ",dog,1.000,");
    assert_non_null(label);
    assert_in_range((uintmax_t)(strtod(label + 11, NULL) * 1000), 1001,
                    (uintmax_t)last[TYTO_STREAM_VIDEO] + 100);
    assert_int_equal(status.num_cut, 1);
}

static void what_is_open_at_the_end_is_kept(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, (struct tyto_recorder_params){.pre_ns = S, .post_ns = 5 * S});
    play(&rig, 0, 5 * S);
    const struct tyto_event event = tell(&rig, 1, TYTO_EVENT_PHASE_NEW, 3 * S, 0);
    rig.tap->ref(rig.tap); /* a source that hangs */
    struct tyto_tap *tap = rig.tap;
    tyto_recorder_destroy(&rig.recorder);
    struct tyto_coded late = make(6 * S, 0, true, 10);
    tap->on_coded(tap, TYTO_STREAM_VIDEO, &late);
    tap->unref(tap);
    long first[2], last[2];
    look_at(&event, first, last);
    assert_int_equal(last[TYTO_STREAM_VIDEO], 2900);
    assert_non_null(strstr(read_file("clips/labels.csv"), ",dog,1.000,3.000,both\n"));
    assert_int_equal(num_refs, 0);
}

static int begin(void **state)
{
    num_refs = coding = 0;
    clip_bytes_fail_at = 0;
    return make_folder(state);
}

#define BEGUN(test) cmocka_unit_test_setup_teardown(test, begin, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_preroll_buffer_holds_what_it_should_and_begins_with_a_keyframe),
        cmocka_unit_test(a_preroll_buffer_is_bounded_by_bytes),
        cmocka_unit_test(pictures_that_stop_coming_do_not_hold_the_sound),
        cmocka_unit_test(a_picture_in_pieces_begins_with_its_first),
        BEGUN(an_event_is_recorded_from_before_to_after),
        BEGUN(events_that_overlap_share_a_recording),
        BEGUN(a_long_event_goes_on_in_another_recording),
        BEGUN(a_clock_that_jumped_is_followed),
        BEGUN(another_coding_begins_another_recording),
        BEGUN(a_disk_that_fails_is_told_once_and_tried_again_later),
        BEGUN(what_is_open_at_the_end_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
