/* SPDX-License-Identifier: MIT */
/* The feature cache: what is in it is what the encoders give for the same picture and sound; it is
 * made once; data sets out of it carry the labels where they belong. */
#include "tests/unit/made_clip.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trainer/data/dataset_cache.h"

enum { NUM_FILES = 3 };

static char dir[] = "/tmp/tyto-features-XXXXXX";
static char paths[NUM_FILES][64], cache[64], visual_path[512], audio_path[512];
static const char *const files[NUM_FILES] = {paths[0], paths[1], paths[2]};

static struct tyto_features_params params; /* the callbacks of a test may be put in */
static uint32_t num_faults, num_left_out;
static char last_fault[1024];

static void on_fault(void *user, const struct tyto_fault *fault, bool is_left_out)
{
    (void)user;
    num_faults++;
    num_left_out += is_left_out;
    snprintf(last_fault, sizeof(last_fault), "%s: %s", fault->file, fault->text);
}

static void empty_cache(void)
{
    DIR *folder = opendir(cache);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", cache, entry->d_name);
        unlink(path);
    }
    if (folder)
        closedir(folder);
}

static uint32_t num_in_cache(void)
{
    uint32_t num = 0;
    DIR *folder = opendir(cache);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        num += strstr(entry->d_name, ".features") != NULL;
    if (folder)
        closedir(folder);
    return num;
}

static int make_files(void **state)
{
    (void)state;
    const char *corpus = getenv("TYTO_WEIGHTS_CORPUS");
    if (!corpus || !mkdtemp(dir))
        return -1;
    for (int i = 0; i < NUM_FILES; i++)
        snprintf(paths[i], sizeof(paths[i]), "%s/%d.mp4", dir, i);
    snprintf(cache, sizeof(cache), "%s/a/cache", dir);
    snprintf(visual_path, sizeof(visual_path), "%s/visual.safetensors", corpus);
    snprintf(audio_path, sizeof(audio_path), "%s/audio.safetensors", corpus);
    const struct made_clip made[NUM_FILES] = {
        {.length_s = 5, .beep_begin_s = 1, .beep_end_s = 3},
        {.length_s = 2, .no_audio = true, .first = 30},
        {.length_s = 3.4, .beep_begin_s = 0, .beep_end_s = 2, .no_video = true},
    };
    for (int i = 0; i < NUM_FILES; i++)
        make_clip(paths[i], &made[i]);
    params = (struct tyto_features_params){
        .visual_path = visual_path,
        .audio_path = audio_path,
        .cache_dir = cache,
        .exec = TYTO_EXEC_CPU,
        .max_batch = 3, /* recordings share batches and are split between them */
        .on_fault = on_fault,
    };
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    char path[80];
    empty_cache();
    rmdir(cache);
    snprintf(path, sizeof(path), "%s/a", dir);
    rmdir(path);
    for (int i = 0; i < NUM_FILES; i++)
        unlink(paths[i]);
    return rmdir(dir);
}

static struct tyto_features *run(const char *const *names, uint32_t num,
                                 struct tyto_features_progress *progress)
{
    struct tyto_features *features = NULL;
    struct tyto_fault fault = {0};
    if (tyto_features_create(&params, names, num, &features, &fault) ||
        tyto_features_run(features, progress, &fault))
        fail_msg("%s: %s", fault.file, fault.text);
    return features;
}

/* --- the truth: encoders on segments, one by one ------------------------------------------ */

struct direct {
    struct tyto_gpu *gpu;
    struct tyto_visual *visual;
    struct tyto_audio *audio;
    uint32_t num_audio, num_visual;
};

static void open_direct(struct direct *direct)
{
    const struct tyto_gpu_params gpu = {0};
    *direct = (struct direct){0};
    assert_int_equal(tyto_gpu_create(&gpu, &direct->gpu), TYTO_OK);
    const struct tyto_visual_params visual = {
        .weights_path = visual_path, .gpu = direct->gpu, .exec = TYTO_EXEC_CPU, .max_batch = 1};
    const struct tyto_audio_params audio = {.weights_path = audio_path,
                                            .gpu = direct->gpu,
                                            .exec = TYTO_EXEC_CPU,
                                            .max_batch = 1,
                                            .segment_samples = 16000};
    uint32_t rows, cols, channels;
    assert_int_equal(tyto_visual_create(&visual, &direct->visual, NULL), TYTO_OK);
    assert_int_equal(tyto_audio_create(&audio, &direct->audio, NULL), TYTO_OK);
    tyto_visual_shape(direct->visual, &rows, &cols, &channels);
    direct->num_visual = rows * cols * channels;
    direct->num_audio = tyto_audio_channels(direct->audio);
}

static void close_direct(struct direct *direct)
{
    tyto_audio_destroy(&direct->audio);
    tyto_visual_destroy(&direct->visual);
    tyto_gpu_destroy(&direct->gpu);
}

/* binary16 keeps 11 bits. */
static void check_row(const float *got, const struct tyto_buf *want_buf, uint32_t num, bool has)
{
    float *want = calloc(num, sizeof(*want));
    bool any = false;
    assert_non_null(want);
    if (has)
        assert_int_equal(tyto_buf_read(want_buf, 0, want, num * sizeof(*want)), TYTO_OK);
    for (uint32_t i = 0; i < num; i++) {
        any |= want[i] != 0;
        if (fabsf(got[i] - want[i]) > 6e-4f * fabsf(want[i]) + 1e-6f)
            fail_msg("number %u of %u: %g, not %g", i, num, (double)got[i], (double)want[i]);
    }
    assert_int_equal(any, has);
    free(want);
}

static void cached_features_are_those_of_the_encoders(void **state)
{
    (void)state;
    struct direct direct;
    struct tyto_features_progress progress;
    struct tyto_features *features = run(files, NUM_FILES, &progress);
    assert_true(progress.num_done == 3 && progress.num_cached == 0 && progress.num_bad == 0);
    assert_true(progress.done_s == 5 + 2 + 3); /* 0.4 s are no segment */
    open_direct(&direct);
    float *audio = malloc(direct.num_audio * sizeof(*audio));
    float *visual = malloc(direct.num_visual * sizeof(*visual));
    for (uint32_t i = 0; i < NUM_FILES; i++) {
        const struct tyto_source_file_params source_params = {.path = files[i]};
        struct tyto_source_file *source = NULL;
        struct tyto_cache_file *shard = NULL;
        struct tyto_source_segment segment;
        assert_int_equal(tyto_cache_file_open(tyto_features_shard(features, i),
                                              tyto_features_key(features, i), &shard, NULL),
                         TYTO_OK);
        assert_int_equal(tyto_source_file_open(&source_params, &source, NULL), TYTO_OK);
        uint32_t num = 0;
        for (; tyto_source_file_next(source, &segment, NULL) == TYTO_OK; num++) {
            bool has_audio, has_visual;
            assert_int_equal(
                tyto_cache_file_read(shard, num, audio, visual, &has_audio, &has_visual), TYTO_OK);
            assert_true(has_audio == (i != 1) && has_visual == (i != 2));
            assert_true(has_audio == (segment.pcm != NULL) && has_visual == segment.has_picture);
            const float *pcm = segment.pcm;
            if (has_audio)
                assert_int_equal(tyto_audio_run(direct.audio, &pcm, 1), TYTO_OK);
            if (has_visual)
                assert_int_equal(tyto_visual_run(direct.visual, &segment.frame, 1), TYTO_OK);
            check_row(audio, tyto_audio_output(direct.audio), direct.num_audio, has_audio);
            check_row(visual, tyto_visual_output(direct.visual), direct.num_visual, has_visual);
            tyto_source_segment_finish(&segment);
        }
        assert_int_equal(num, tyto_cache_file_shape(shard)->num_segments);
        assert_int_equal(tyto_cache_file_read(shard, num, audio, visual, &(bool){0}, &(bool){0}),
                         TYTO_ERR_INVALID);
        tyto_source_file_close(&source);
        tyto_cache_file_close(&shard);
    }
    free(audio);
    free(visual);
    close_direct(&direct);
    tyto_features_destroy(&features);
}

static void what_is_in_the_cache_is_not_made_again(void **state)
{
    (void)state;
    struct tyto_features_progress progress;
    char other[80];
    struct tyto_features *features = run(files, NUM_FILES, &progress);
    assert_int_equal(progress.num_cached, NUM_FILES);
    assert_true(progress.done_s == 0);
    char shard[256];
    snprintf(shard, sizeof(shard), "%s", tyto_features_shard(features, 1));
    tyto_features_destroy(&features);

    /* another name, the same content */
    snprintf(other, sizeof(other), "%s/copy.mp4", dir);
    assert_int_equal(link(paths[0], other), 0);
    const char *const copies[] = {other};
    features = run(copies, 1, &progress);
    assert_int_equal(progress.num_cached, 1);
    tyto_features_destroy(&features);
    unlink(other);

    /* a shard that is cut off is made again, and so is one that was made from something else */
    assert_int_equal(truncate(shard, 600), 0);
    features = run(files, NUM_FILES, &progress);
    assert_true(progress.num_cached == NUM_FILES - 1 && progress.num_bad == 0);
    assert_int_equal(unlink(shard), 0);
    assert_int_equal(link(tyto_features_shard(features, 0), shard), 0);
    tyto_features_destroy(&features);
    features = run(files, NUM_FILES, &progress);
    assert_int_equal(progress.num_cached, NUM_FILES - 1);
    tyto_features_destroy(&features);

    /* a recording that was changed, its size and its time of change kept, is another one */
    struct stat info;
    FILE *file = fopen(paths[1], "r+b");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    assert_int_equal(fseek(file, -1, SEEK_END), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_END), 0);
    fputc(byte ^ 1, file);
    fclose(file);
    const struct timespec times[] = {info.st_atim, info.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, paths[1], times, 0), 0);
    features = run(files, NUM_FILES, &progress);
    assert_int_equal(progress.num_cached, NUM_FILES - 1);
    tyto_features_destroy(&features);

    /* other pictures have shards of their own */
    params.pictures = TYTO_SOURCE_FILE_KEYFRAMES;
    features = run(files, NUM_FILES, &progress);
    params.pictures = TYTO_SOURCE_FILE_NEAREST;
    assert_int_equal(progress.num_cached, 0);
    tyto_features_destroy(&features);
    assert_int_equal(num_in_cache(), 2 * NUM_FILES + 1);
}

static bool stop_at_once(void *user)
{
    (void)user;
    return true;
}

static void stopping_leaves_nothing_half_done(void **state)
{
    (void)state;
    struct tyto_features *features = NULL;
    struct tyto_features_progress progress;
    struct tyto_fault fault = {0};
    empty_cache();
    params.should_stop = stop_at_once;
    assert_int_equal(tyto_features_create(&params, files, NUM_FILES, &features, &fault), TYTO_OK);
    assert_int_equal(tyto_features_run(features, &progress, &fault), TYTO_ERR_CLOSED);
    params.should_stop = NULL;
    assert_int_equal(num_in_cache(), 0);
    tyto_features_destroy(&features);
    features = run(files, NUM_FILES, &progress);
    assert_int_equal(num_in_cache(), NUM_FILES);
    tyto_features_destroy(&features);
}

static void what_cannot_be_read_is_told_and_left_out(void **state)
{
    (void)state;
    struct tyto_features_progress progress;
    const char *const names[] = {paths[0], visual_path, "/nowhere.mp4"};
    num_faults = num_left_out = 0;
    struct tyto_features *features = run(names, 3, &progress);
    assert_int_equal(num_faults, 2);
    assert_int_equal(num_left_out, 2);
    assert_int_equal(progress.num_bad, 2);
    assert_non_null(tyto_features_shard(features, 0));
    assert_null(tyto_features_shard(features, 1));
    assert_null(tyto_features_shard(features, 2));
    tyto_features_destroy(&features);

    struct tyto_fault fault = {0};
    struct tyto_features_params wrong = params;
    wrong.visual_path = "/nowhere.safetensors";
    assert_int_equal(tyto_features_create(&wrong, files, 1, &features, &fault), TYTO_ERR_NOT_FOUND);
    wrong = params;
    wrong.cache_dir = paths[0]; /* a file */
    assert_int_equal(tyto_features_create(&wrong, files, 1, &features, &fault), TYTO_ERR_IO);
    wrong = params;
    wrong.audio_path = visual_path; /* no audio encoder: found out when it is needed */
    wrong.cache_dir = cache;
    assert_int_equal(tyto_features_create(&wrong, files, 1, &features, &fault), TYTO_OK);
    assert_true(tyto_features_run(features, &progress, &fault) != TYTO_OK && fault.text[0]);
    tyto_features_destroy(&features);
}

/* Of 4 s that its header speaks of, num_s are there. */
static void write_sound(const char *path, uint32_t num_s)
{
    static const uint8_t head[] = {'R', 'I', 'F',  'F',  36,  0xF4, 1,    0,    'W',  'A', 'V',
                                   'E', 'f', 'm',  't',  ' ', 16,   0,    0,    0,    1,   0,
                                   1,   0,   0x40, 0x1F, 0,   0,    0x80, 0x3E, 0,    0,   2,
                                   0,   16,  0,    'd',  'a', 't',  'a',  0,    0xFA, 0,   0};
    static const uint8_t second[16000];
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(head, 1, sizeof(head), file), sizeof(head));
    for (uint32_t i = 0; i < num_s; i++)
        assert_int_equal(fwrite(second, 1, sizeof(second), file), sizeof(second));
    fclose(file);
}

static void a_recording_that_breaks_off_is_told_at_every_run(void **state)
{
    (void)state;
    struct tyto_features_progress progress;
    char whole[80], cut[80];
    snprintf(whole, sizeof(whole), "%s/whole.wav", dir);
    snprintf(cut, sizeof(cut), "%s/cut.wav", dir);
    write_sound(whole, 4);
    write_sound(cut, 2);
    const char *const names[] = {whole, cut};
    for (uint32_t i = 0; i < 2; i++) {
        num_faults = num_left_out = 0;
        struct tyto_features *features = run(names, 2, &progress);
        assert_int_equal(progress.num_cached, 2 * i);
        assert_int_equal(progress.num_part, 1);
        assert_int_equal(progress.num_bad, 0);
        assert_int_equal(num_faults, 1);
        assert_int_equal(num_left_out, 0);
        assert_non_null(strstr(last_fault, "cut.wav: read in part: 2 "));
        assert_non_null(strstr(last_fault, "copy or record it again"));
        assert_non_null(tyto_features_shard(features, 1));
        tyto_features_destroy(&features);
    }
    unlink(whole);
    unlink(cut);
}

/* --- data sets ------------------------------------------------------------------------------ */

#define MS *1000000ll

static char *const file_names[NUM_FILES] = {paths[0], paths[1], paths[2]};
static char classes[2][TYTO_DATASET_NAME_BYTES] = {"bird", "dog"};
static char *const sources[] = {(char[]){"labels.csv"}};
/* by file, then begin */
static struct tyto_label label_list[] = {
    {.file_idx = 0, .class_idx = 1, .begin_ns = 0, .end_ns = 400 MS, .truth = 3},
    {.file_idx = 0, .class_idx = 0, .begin_ns = 500 MS, .end_ns = 2400 MS, .truth = 1},
    {.file_idx = 0, .class_idx = 1, .begin_ns = 1000 MS, .end_ns = 1300 MS, .truth = 2},
    {.file_idx = 0, .class_idx = 1, .begin_ns = 1100 MS, .end_ns = 1400 MS, .truth = 2},
    {.file_idx = 0, .class_idx = 1, .begin_ns = 1700 MS, .end_ns = 1850 MS, .truth = 2, .line = 9},
    {.file_idx = 0, .class_idx = 0, .begin_ns = 4200 MS, .end_ns = 99000 MS, .truth = 3},
    {.file_idx = 1, .class_idx = 1, .truth = 3, .is_weak = true},
};

static struct tyto_labels make_labels(void)
{
    return (struct tyto_labels){
        .num_labels = sizeof(label_list) / sizeof(label_list[0]),
        .num_files = NUM_FILES,
        .num_classes = 2,
        .num_sources = 1,
        .labels = label_list,
        .files = (char **)(uintptr_t)file_names,
        .classes = classes,
        .sources = (char **)(uintptr_t)sources,
    };
}

static void labels_count_where_they_cover_half_a_segment(void **state)
{
    (void)state;
    const struct tyto_labels labels = make_labels();
    const struct tyto_dataset_cache_params open = {
        .labels = &labels, .features = &params, .num_segments = 3};
    struct tyto_dataset *dataset = NULL;
    struct tyto_fault fault = {0};
    if (tyto_dataset_cache_open(&open, &dataset, &fault))
        fail_msg("%s", fault.text);
    assert_true(dataset->shape.num_clips == 4 && dataset->shape.num_segments == 3);
    assert_true(dataset->shape.num_places == 30 && dataset->shape.visual_in == 8);
    static const uint32_t len[] = {3, 2, 2, 3}, groups[] = {0, 0, 1, 2};
    /* (clips, T, {bird, dog}); the three pieces of dog in the second segment cover 0.55 s of it,
     * 0.4 s in the first are too few */
    static const uint8_t truth[4][3][2] = {{{1, 0}, {1, 2}, {0, 0}}, {{0, 0}, {3, 0}, {0, 0}}};
    static const uint8_t clip_truth[4][2] = {{1, 2}, {3, 0}, {0, 3}, {0, 0}};
    assert_memory_equal(dataset->len, len, sizeof(len));
    assert_memory_equal(dataset->groups, groups, sizeof(groups));
    assert_memory_equal(dataset->truth, truth, sizeof(truth));
    assert_memory_equal(dataset->clip_truth, clip_truth, sizeof(clip_truth));
    assert_true(!dataset->is_weak[0] && dataset->is_weak[2] && !dataset->is_weak[3]);
    assert_string_equal(dataset->names[1], "0.mp4@3s");
    assert_int_equal(strlen(dataset->visual_encoder), 64);
    assert_string_equal(dataset->classes[1], "dog");

    float audio[3 * 256], *visual = malloc(3 * 30 * 8 * sizeof(*visual));
    bool has_audio[3], has_visual[3];
    const struct tyto_dataset_clip clip = {audio, visual, has_audio, has_visual};
    assert_true(dataset->shape.audio_in <= 256);
    assert_int_equal(tyto_dataset_read(dataset, 1, &clip), TYTO_OK);
    assert_true(has_audio[1] && has_visual[1] && !has_audio[2] && !has_visual[2]);
    assert_int_equal(tyto_dataset_read(dataset, 3, &clip), TYTO_OK);
    assert_true(has_audio[2] && !has_visual[0] && visual[0] == 0);
    free(visual);
    tyto_dataset_destroy(&dataset);
}

static void given_classes_decide_the_order_and_what_is_known(void **state)
{
    (void)state;
    const struct tyto_labels labels = make_labels();
    const char given[3][TYTO_DATASET_NAME_BYTES] = {"dog", "cat", "bird"};
    struct tyto_dataset_cache_params open = {.labels = &labels,
                                             .features = &params,
                                             .num_segments = 5,
                                             .classes = given,
                                             .num_classes = 3};
    struct tyto_dataset *dataset = NULL;
    struct tyto_fault fault = {0};
    assert_int_equal(tyto_dataset_cache_open(&open, &dataset, &fault), TYTO_OK);
    assert_true(dataset->shape.num_classes == 3 && dataset->shape.num_clips == 3);
    assert_true(dataset->clip_truth[0] == 2 && dataset->clip_truth[1] == 0 &&
                dataset->clip_truth[2] == 3);
    tyto_dataset_destroy(&dataset);
    open.num_classes = 2; /* no bird any more */
    assert_int_equal(tyto_dataset_cache_open(&open, &dataset, &fault), TYTO_ERR_FORMAT);
    assert_string_equal(fault.key, "bird");
    open.skips_unknown = true;
    assert_int_equal(tyto_dataset_cache_open(&open, &dataset, &fault), TYTO_OK);
    assert_true(dataset->clip_truth[0] == 2 && dataset->clip_truth[1] == 0);
    tyto_dataset_destroy(&dataset);
}

static void without_a_single_recording_there_is_no_data_set(void **state)
{
    (void)state;
    char *const gone[] = {(char[]){"/nowhere.mp4"}};
    struct tyto_labels labels = make_labels();
    const struct tyto_dataset_cache_params open = {.labels = &labels, .features = &params};
    struct tyto_dataset *dataset = NULL;
    struct tyto_fault fault = {0};
    labels.files = (char **)(uintptr_t)gone;
    labels.num_files = 1;
    assert_int_equal(tyto_dataset_cache_open(&open, &dataset, &fault), TYTO_ERR_FORMAT);
    assert_non_null(strstr(fault.text, "not one of 1 recordings"));
    assert_null(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cached_features_are_those_of_the_encoders),
        cmocka_unit_test(what_is_in_the_cache_is_not_made_again),
        cmocka_unit_test(stopping_leaves_nothing_half_done),
        cmocka_unit_test(what_cannot_be_read_is_told_and_left_out),
        cmocka_unit_test(a_recording_that_breaks_off_is_told_at_every_run),
        cmocka_unit_test(labels_count_where_they_cover_half_a_segment),
        cmocka_unit_test(given_classes_decide_the_order_and_what_is_known),
        cmocka_unit_test(without_a_single_recording_there_is_no_data_set),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
