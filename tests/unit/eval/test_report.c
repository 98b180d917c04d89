/* SPDX-License-Identifier: MIT */
/* The page of a run with hostile names: well-formed, nothing loaded from anywhere, and the data in
 * it are the run's. `test_report FILE` writes the page to look at; what its script draws is
 * tests/flow/test_pages.py's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/json.h"
#include "tests/golden/fill.h"
#include "trainer/eval/report/report.h"

enum { CLIPS = 40, T = 10, K = 8, EPOCHS = 24 };

struct page {
    struct tyto_dataset *dataset;
    struct tyto_predictions predictions;
    struct tyto_measurement measurement;
    struct tyto_shift_point shifts[9], no_audio, no_visual;
    struct tyto_report_epoch epochs[EPOCHS];
};

static void nothing(struct tyto_dataset *dataset)
{
    (void)dataset;
}

/* A run of one class in each clip, sometimes only heard. */
static void fill_truth(struct tyto_dataset *dataset)
{
    float draws[CLIPS * 4];

    golden_fill("report.truth", draws, (size_t)CLIPS * 4, 1);
    for (size_t c = 0; c < CLIPS; c++) {
        const float *draw = draws + 4 * c;
        const size_t class_idx = (size_t)((draw[0] + 1) * 0.5f * K);
        const size_t begin = (size_t)((draw[1] + 1) * 2), num = 3 + (size_t)((draw[2] + 1) * 2);

        for (size_t t = begin; t < begin + num && t < T && c % 10 != 9; t++)
            dataset->truth[(c * T + t) * K + class_idx] =
                draw[3] > 0.7f && t == begin ? TYTO_TRUTH_HEARD : TYTO_TRUTH_BOTH;
    }
}

static void fill_scores(struct page *page)
{
    float *noise = calloc((size_t)CLIPS * T * K, sizeof(float));

    assert_non_null(noise);
    golden_fill("report.noise", noise, (size_t)CLIPS * T * K, 1);
    for (size_t i = 0; i < (size_t)CLIPS * T * K; i++) {
        const uint8_t truth = page->dataset->truth[i];
        const size_t clip = i / (T * K);
        const float logit =
            (truth == TYTO_TRUTH_BOTH ? 1.5f : -3.0f) + noise[i] * (float)(2 + clip % 4);
        float *scores = page->predictions.scores + i / K * 3 * K + i % K;

        scores[0] = 1 / (1 + expf(-logit));
        scores[K] = 1 / (1 + expf(-logit - ((truth & TYTO_TRUTH_HEARD) ? 1.0f : 0)));
        scores[2 * K] = 1 / (1 + expf(-logit - ((truth & TYTO_TRUTH_SEEN) ? 1.0f : 0)));
        page->predictions.weight_audio[i / K] = 0.5f + 0.4f * noise[i / K * K];
    }
    free(noise);
}

static void make_page(struct page *page)
{
    static const struct tyto_dataset_ops ops = {.destroy = nothing};
    static const char *const names[K] = {"<script>alert(1)</script>",
                                         "dog & \"cat\"",
                                         "it's_a_very_long_class_name_indeed_for_a_picture",
                                         "\xff\xfe\x01",
                                         "church_bell",
                                         "engine",
                                         "speech",
                                         "]]>-->"};
    const struct tyto_dataset_shape shape = {.num_clips = CLIPS,
                                             .num_segments = T,
                                             .audio_in = 1,
                                             .num_places = 1,
                                             .visual_in = 1,
                                             .num_classes = K};
    static const float thresholds[K] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f};

    *page = (struct page){0};
    assert_int_equal(tyto_dataset_create(&shape, &page->dataset), TYTO_OK);
    page->dataset->ops = &ops;
    for (size_t k = 0; k < K; k++)
        snprintf(page->dataset->classes[k], TYTO_DATASET_NAME_BYTES, "%s", names[k]);
    for (size_t c = 0; c < CLIPS; c++)
        assert_true(asprintf(&page->dataset->names[c],
                             c % 2 ? "clip-%zu.mp4@%zus" : "<img src=x onerror=\"%zu\">&%zu", c,
                             10 * c) > 0);
    page->dataset->len[0] = 7;
    fill_truth(page->dataset);
    page->predictions = (struct tyto_predictions){
        .num_clips = CLIPS,
        .num_segments = T,
        .num_classes = K,
        .num_logits = 3 * K,
        .head = TYTO_HEAD_MULTI_LABEL,
        .scores = calloc((size_t)CLIPS * T * 3 * K, sizeof(float)),
        .weight_audio = calloc((size_t)CLIPS * T, sizeof(float)),
    };
    assert_non_null(page->predictions.scores);
    assert_non_null(page->predictions.weight_audio);
    fill_scores(page);
    assert_int_equal(
        tyto_measure(page->dataset, &page->predictions, thresholds, &page->measurement), TYTO_OK);
    for (int32_t i = 0; i < 9; i++)
        page->shifts[i] = (struct tyto_shift_point){.shift = i - 4,
                                                    .on_video = 0.82 - 0.01 * abs(i - 4),
                                                    .on_both = 0.82 - 0.045 * abs(i - 4)};
    page->no_audio.on_video = 0.55;
    page->no_visual.on_video = 0.6;
    for (uint32_t i = 0; i < EPOCHS; i++)
        page->epochs[i] =
            (struct tyto_report_epoch){.epoch = i + 1,
                                       .train_loss = 0.9 * exp(-0.15 * i) + 0.05,
                                       .val_loss = 0.7 * exp(-0.2 * i) + 0.2 + 0.004 * i,
                                       .val_accuracy = 0.85 - 0.5 * exp(-0.25 * i),
                                       .is_best = i == 15};
}

static void drop_page(struct page *page)
{
    tyto_measurement_finish(&page->measurement);
    tyto_predictions_finish(&page->predictions);
    tyto_dataset_destroy(&page->dataset);
}

static struct tyto_report report_of(const struct page *page)
{
    static const struct tyto_report_pair pairs[] = {
        {"model", "run/<model>.safetensors"}, {"data", "a & b"}, {"seed", "1"}};

    return (struct tyto_report){.title = "Run \"one\" <of> many",
                                .pairs = pairs,
                                .num_pairs = 3,
                                .epochs = page->epochs,
                                .num_epochs = EPOCHS,
                                .dataset = page->dataset,
                                .predictions = &page->predictions,
                                .measurement = &page->measurement,
                                .shifts = page->shifts,
                                .num_shifts = 9,
                                .no_audio = &page->no_audio,
                                .no_visual = &page->no_visual};
}

/* --- what is looked for ----------------------------------------------------------------------- */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 8 << 20);

    assert_non_null(file);
    assert_non_null(text);
    const size_t num = fread(text, 1, (8 << 20) - 1, file);
    assert_true(num > 0 && feof(file));
    assert_int_equal(fclose(file), 0);
    return text;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* Only elements and attributes that load nothing; scripts are the page's own. */
static void check_node(const xmlNode *node)
{
    static const char *const elements[] = {"html", "head", "meta", "title",  "style",
                                           "body", "main", "p",    "script", NULL};
    static const char *const attributes[] = {"lang",       "charset", "name", "content",
                                             "http-equiv", "id",      "type", NULL};

    for (; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        if (!is_one_of((const char *)node->name, elements))
            fail_msg("element <%s>", (const char *)node->name);
        for (const xmlAttr *attr = node->properties; attr; attr = attr->next)
            if (!is_one_of((const char *)attr->name, attributes))
                fail_msg("attribute %s of <%s>", (const char *)attr->name,
                         (const char *)node->name);
        check_node(node->children);
    }
}

/* Gives the data in the page, owned. */
static struct tyto_json *check_page(const char *path)
{
    static const char *const banned[] = {"http:",    "https:",     "url(", "@import",
                                         "src=x o>", "alert(1)</", NULL};
    static const char mark[] = "id=\"data\">";
    xmlDoc *doc = xmlReadFile(path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
    char *text = read_file(path);
    struct tyto_json *data = NULL;
    char reason[200] = "";
    int num_scripts = 0;

    if (!doc)
        fail_msg("not well-formed: %s", xmlGetLastError()->message);
    check_node(xmlDocGetRootElement(doc));
    xmlFreeDoc(doc);
    for (const char *const *word = banned; *word; word++)
        if (strstr(text, *word))
            fail_msg("the page has '%s': %.60s", *word, strstr(text, *word));
    for (const char *at = text; (at = strstr(at, "<script")); at++)
        num_scripts++;
    assert_int_equal(num_scripts, 2); /* the data, and what draws them */
    assert_non_null(strstr(text, "default-src 'none'"));
    const char *begin = strstr(text, mark) + strlen(mark);
    const size_t num = strcspn(begin, "<");
    if (tyto_json_parse(begin, num, &data, reason, sizeof(reason)) != TYTO_OK)
        fail_msg("the data are no JSON: %s", reason);
    free(text);
    return data;
}

static const char *text_at(const struct tyto_json *array, uint32_t idx, const char *key)
{
    return tyto_json_string(tyto_json_get(tyto_json_at(array, idx), key));
}

static double number_at(const struct tyto_json *array, uint32_t idx, const char *key)
{
    double value = (double)NAN;

    (void)!tyto_json_f64(tyto_json_get(tyto_json_at(array, idx), key), &value);
    return value;
}

static void check_data(const struct tyto_json *data, const struct page *page)
{
    const struct tyto_measurement *j = &page->measurement;
    const struct tyto_json *classes = tyto_json_get(data, "classes");
    const struct tyto_json *epochs = tyto_json_get(data, "epochs");
    const struct tyto_json *figures = tyto_json_get(data, "figures");
    const struct tyto_json *shifts = tyto_json_get(data, "shifts");
    const struct tyto_json *best = tyto_json_get(data, "best");
    const struct tyto_json *worst = tyto_json_get(data, "worst");
    const struct tyto_json *confusion = tyto_json_get(data, "confusion");

    assert_string_equal(tyto_json_string(tyto_json_get(data, "title")), "Run \"one\" <of> many");
    assert_string_equal(text_at(tyto_json_get(data, "pairs"), 1, "value"), "a & b");
    assert_int_equal(tyto_json_num_items(classes), K + 1);
    assert_string_equal(text_at(classes, 0, "name"), "<script>alert(1)</script>");
    assert_string_equal(text_at(classes, 1, "name"), "dog & \"cat\"");
    assert_string_equal(text_at(classes, 3, "name"), "???");
    assert_string_equal(text_at(classes, K, "name"), "(background)");
    assert_int_equal(tyto_json_num_items(epochs), EPOCHS);
    assert_true(fabs(number_at(epochs, 23, "val_accuracy") - page->epochs[23].val_accuracy) < 1e-6);
    assert_string_equal(text_at(figures, 0, "key"), "accuracy");
    assert_true(fabs(number_at(figures, 0, "model") - j->model.segments.accuracy) < 1e-6);
    assert_int_equal(tyto_json_num_items(shifts), 9);
    assert_true(number_at(shifts, 0, "shift") == -4);
    for (uint32_t r = 0; r <= K; r++)
        for (uint32_t c = 0; c <= K; c++) {
            uint64_t num = 0;
            assert_true(tyto_json_u64(tyto_json_at(tyto_json_at(confusion, r), c), &num));
            assert_true(num == j->confusion[(size_t)r * (K + 1) + c]);
        }
    assert_int_equal(tyto_json_num_items(best), 6);
    assert_int_equal(tyto_json_num_items(worst), 6);
    for (uint32_t i = 1; i < 6; i++) {
        assert_true(number_at(best, i, "accuracy") <= number_at(best, i - 1, "accuracy"));
        assert_true(number_at(worst, i, "accuracy") >= number_at(worst, i - 1, "accuracy"));
    }
    assert_true(number_at(best, 5, "accuracy") > number_at(worst, 5, "accuracy"));
}

static void a_page_with_hostile_names_is_well_formed_and_loads_nothing(void **state)
{
    char path[] = "/tmp/tyto-report-XXXXXX";
    struct tyto_fault fault = {0};
    struct page page;
    const int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    make_page(&page);
    const struct tyto_report report = report_of(&page);
    assert_int_equal(tyto_report_write(path, &report, &fault), TYTO_OK);
    struct tyto_json *data = check_page(path);
    check_data(data, &page);
    tyto_json_destroy(&data);
    drop_page(&page);
    unlink(path);
}

static void a_page_needs_nothing_but_a_title(void **state)
{
    static const struct tyto_report_epoch one = {
        .epoch = 1, .train_loss = 0.5, .val_loss = (double)NAN, .val_accuracy = (double)NAN};
    char path[] = "/tmp/tyto-report-XXXXXX";
    struct tyto_report report = {.title = "empty"};
    const int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(tyto_report_write(path, &report, NULL), TYTO_OK);
    struct tyto_json *data = check_page(path);
    assert_null(tyto_json_get(data, "figures"));
    tyto_json_destroy(&data);
    report.epochs = &one;
    report.num_epochs = 1;
    assert_int_equal(tyto_report_write(path, &report, NULL), TYTO_OK);
    data = check_page(path);
    const struct tyto_json *epoch = tyto_json_at(tyto_json_get(data, "epochs"), 0);
    assert_true(tyto_json_is_null(tyto_json_get(epoch, "val_loss"))); /* not known */
    tyto_json_destroy(&data);
    unlink(path);
}

static void a_page_that_cannot_be_written_is_told_and_leaves_nothing(void **state)
{
    const struct tyto_report report = {.title = "nowhere"};
    struct tyto_fault fault = {0};

    (void)state;
    assert_int_equal(tyto_report_write("/nowhere/report.html", &report, &fault), TYTO_ERR_IO);
    assert_string_equal(fault.file, "/nowhere/report.html");
    assert_non_null(strstr(fault.text, "No such file"));
}

static int show(const char *path)
{
    struct page page;

    make_page(&page);
    const struct tyto_report report = report_of(&page);
    const enum tyto_err err = tyto_report_write(path, &report, NULL);
    drop_page(&page);
    return err ? 1 : 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_with_hostile_names_is_well_formed_and_loads_nothing),
        cmocka_unit_test(a_page_needs_nothing_but_a_title),
        cmocka_unit_test(a_page_that_cannot_be_written_is_told_and_leaves_nothing),
    };

    if (argc > 1)
        return show(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
