/* SPDX-License-Identifier: MIT */
/* What the daemon told against labels: counted by hand on one recording, and hostile lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "trainer/eval/events/events.h"

/* cat is heard from 10 on and seen from 12 on, both until 20; dog is both, 30..34. */
static const char csv[] = "file,class,begin_s,end_s,modality\n"
                          "yard.mp4,cat,10,20,heard\n"
                          "yard.mp4,cat,12,20,seen\n"
                          "yard.mp4,dog,30,34,both\n"
                          "gate.mp4,dog,1,2,both\n";

struct told {
    char text[4096];
    uint32_t num, last_line;
};

static void on_fault(void *user, const struct tyto_fault *fault)
{
    struct told *told = user;

    told->num++;
    told->last_line = fault->line;
    snprintf(told->text, sizeof(told->text), "%s: %s", fault->key, fault->text);
}

static enum tyto_err measure(const char *lines, size_t num_bytes,
                             struct tyto_events_measures *ret_measures, struct told *told)
{
    const struct tyto_labels_params label_params = {.format = TYTO_LABEL_CSV, .media_dir = ""};
    struct tyto_labels labels;
    struct tyto_fault fault = {0};

    assert_int_equal(
        tyto_labels_read_memory(&label_params, "labels.csv", csv, strlen(csv), &labels), TYTO_OK);
    const struct tyto_events_params params = {.labels = &labels,
                                              .path = "events.jsonl",
                                              .offset_ms = 400,
                                              .user = told,
                                              .on_fault = on_fault};
    const enum tyto_err err =
        tyto_measure_events_memory(&params, lines, num_bytes, ret_measures, &fault);
    tyto_labels_finish(&labels);
    if (err && told->num == 0)
        snprintf(told->text, sizeof(told->text), "%s", fault.text);
    assert_true(!err || fault.text[0]);
    return err;
}

static void assert_equals(double got, double want)
{
    if (!(fabs(got - want) < 1e-9))
        fail_msg("%.12g is not %.12g", got, want);
}

#define EVENT(id, phase, name, modality, times)                                                    \
    "{\"type\":\"event\",\"camera\":\"yard\",\"id\":\"" id "\",\"phase\":\"" phase                 \
    "\",\"class\":\"" name "\",\"modality\":\"" modality                                           \
    "\",\"scores\":{\"joint\":0.9,\"heard\":0.8}," times "}\n"

static void events_are_matched_and_timed(void **state)
{
    static const char lines[] = "{\"type\":\"connected\",\"utc\":\"2026-01-01T00:00:00Z\"}\n" EVENT(
        "1", "new", "cat", "a",
        "\"begin_s\":10.5,\"begin_utc\":\"2026-01-01T00:00:10.500Z\","
        "\"told_utc\":\"2026-01-01T00:00:12.750Z\"")
        EVENT("1", "update", "cat", "av",
              "\"begin_s\":10.5,\"begin_utc\":\"2026-01-01T00:00:10.500Z\","
              "\"told_utc\":\"2026-01-01T00:00:15.000Z\"")
            EVENT("1", "end", "cat", "av", "\"begin_s\":10.5,\"end_s\":19.5")
                EVENT("1", "end", "cat", "a",
                      "\"begin_s\":0,\"end_s\":1") /* edited later: does not count */
        EVENT("2", "end", "dog", "v", "\"begin_s\":50,\"end_s\":52,\"av_offset_ms\":280")
            EVENT("3", "new", "dog", "av", "\"begin_s\":55") EVENT("4", "new", "dog", "av",
                                                                   "\"begin_s\":56")
                EVENT("4", "retracted", "dog", "av",
                      "\"begin_s\":56") "{\"type\":\"event\",\"camera\":\"unknown\",\"id\":\"5\","
                                        "\"class\":\"cat\",\"begin_s\":1,"
                                        "\"end_s\":2}\n"
                                        "{\"type\":\"camera\",\"camera\":\"yard\",\"num_segments\":"
                                        "60,\"num_dropped\":3}\n"
                                        "{\"type\":\"file\",\"file\":\"yard.mp4\",\"num_segments\":"
                                        "60,\"took_s\":6}\n";
    struct tyto_events_measures m;
    struct told told = {0};

    (void)state;
    assert_int_equal(measure(lines, strlen(lines), &m, &told), TYTO_OK);
    assert_int_equal(m.num_recordings, 1); /* nothing was told of gate.mp4 */
    assert_int_equal(m.num_events, 2);
    assert_int_equal(m.num_labels, 2);
    assert_int_equal(m.num_joint_events, 1);
    assert_int_equal(m.num_joint_labels, 2);
    assert_int_equal(m.num_open, 1);
    assert_int_equal(m.num_strange, 1);
    assert_equals(m.media_s, 60);
    assert_equals(m.any.at[1].f1, 0.5);
    assert_equals(m.any.onset_median_s, 0.5);
    assert_equals(m.any.offset_median_s, -0.5);
    assert_equals(m.any.latency_median_s, 2.75);
    assert_equals(m.any.miss_rate, 0.5);
    assert_equals(m.any.false_per_hour, 60);
    assert_equals(m.strays_per_minute, 2);       /* the dog's begin and end */
    assert_equals(m.joint.onset_median_s, -1.5); /* both from 12 on */
    assert_true(isnan(m.frame_map));
    assert_equals(m.told_offset_ms, 280);
    assert_equals(m.offset_error_ms, 120);
    assert_equals(m.realtime_share, 0.1);
    assert_int_equal(m.num_dropped, 3);
}

static void segments_are_ranked(void **state)
{
    char lines[4096] = "";
    struct tyto_events_measures m;
    struct told told = {0};

    (void)state;
    for (int t = 28; t < 36; t++) {
        const size_t at = strlen(lines);

        snprintf(
            lines + at, sizeof(lines) - at,
            "{\"type\":\"segment\",\"file\":\"/other/yard.mp4\",\"begin_s\":%d.5,\"end_s\":%d.5,"
            "\"joint\":{\"dog\":%g,\"bird\":0.5}}\n",
            t, t + 1,
            t >= 29 && t < 34 && t != 31 ? 0.9 - t / 100.0
            : t == 31                    ? 0.1
                                         : 0.2);
    }
    assert_int_equal(measure(lines, strlen(lines), &m, &told), TYTO_OK);
    assert_int_equal(m.num_frames, 8);
    /* true are those from 29.5 to 33.5, half covered; 31.5 comes last of 8:
     * ranks 1 2 3 4 and 8, and the cat never comes within them */
    assert_equals(m.frame_map, (4 + 5.0 / 8) / 5);
    assert_int_equal(m.num_events, 0);
    assert_equals(m.any.miss_rate, 1);
}

static void bad_lines_are_all_told(void **state)
{
    static const struct {
        const char *line, *word;
    } cases[] = {
        {"{\"type\":\"event\"", "expected"},
        {"[1,2]", "object"},
        {"{\"x\":1}", "type"},
        {"{\"type\":\"event\",\"id\":\"1\"}", "neither a file nor a camera"},
        {"{\"type\":\"event\",\"camera\":\"yard\"}", "id"},
        {"{\"type\":\"event\",\"camera\":\"yard\",\"id\":\"1\"}", "begin_s"},
        {"{\"type\":\"event\",\"camera\":\"yard\",\"id\":\"1\",\"begin_s\":1e300}", "begin_s"},
        {"{\"type\":\"event\",\"camera\":\"yard\",\"id\":\"1\",\"begin_s\":1}", "class"},
        {"{\"type\":\"event\",\"camera\":\"yard\",\"id\":\"1\",\"begin_s\":1,\"class\":\"\"}",
         "class"},
        {"{\"type\":\"event\",\"camera\":\"yard\",\"id\":\"1\",\"begin_s\":1,\"class\":\"cat\"}",
         "end_s"},
        {"{\"type\":\"event\",\"camera\":\"yard\",\"id\":\"1\",\"begin_s\":5,\"end_s\":4,"
         "\"class\":\"cat\"}",
         "before"},
        {"{\"type\":\"segment\",\"camera\":\"yard\",\"begin_s\":0,\"end_s\":1}", "joint"},
        {"{\"type\":\"segment\",\"camera\":\"yard\",\"begin_s\":0,\"end_s\":1,"
         "\"joint\":{\"cat\":7}}",
         "score"},
    };
    struct tyto_events_measures m;
    char both[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct told told = {0};

        snprintf(both, sizeof(both), "\n%s\n%s", cases[i].line, cases[i].line);
        assert_int_equal(measure(both, strlen(both), &m, &told), TYTO_ERR_FORMAT);
        if (told.num != 2 || told.last_line != 3 || !strstr(told.text, cases[i].word))
            fail_msg("case %zu: %u faults, line %u: %s", i, told.num, told.last_line, told.text);
    }
}

static void a_zero_byte_and_nothing_at_all_are_told(void **state)
{
    struct tyto_events_measures m;
    struct told told = {0};

    (void)state;
    assert_int_equal(measure("{}\0{}", 5, &m, &told), TYTO_ERR_FORMAT);
    assert_non_null(strstr(told.text, "NUL"));
    told = (struct told){0};
    assert_int_equal(measure("", 0, &m, &told), TYTO_ERR_FORMAT);
    assert_non_null(strstr(told.text, "no recording"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_matched_and_timed),
        cmocka_unit_test(segments_are_ranked),
        cmocka_unit_test(bad_lines_are_all_told),
        cmocka_unit_test(a_zero_byte_and_nothing_at_all_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
