/* SPDX-License-Identifier: MIT */
/* Label files that are XML or JSON: ELAN, CVAT, Label Studio, the daemon's own events. */
#include "tests/unit/labels/labels_reading.h"

#include "cli/event/json.h"
#include "files/json.h"

#define ELAN(slots, tiers)                                                                         \
    "<ANNOTATION_DOCUMENT>\n<HEADER TIME_UNITS=\"milliseconds\">"                                  \
    "<MEDIA_DESCRIPTOR MEDIA_URL=\"file:///x/a.mp4\" MIME_TYPE=\"video/mp4\"/></HEADER>\n"         \
    "<TIME_ORDER>" slots "</TIME_ORDER>\n" tiers "</ANNOTATION_DOCUMENT>\n"
#define SLOT(id, ms) "<TIME_SLOT TIME_SLOT_ID=\"" id "\" TIME_VALUE=\"" ms "\"/>"
#define NO_TIME(id) "<TIME_SLOT TIME_SLOT_ID=\"" id "\"/>"
#define ALIGNED(id, from, to, text)                                                                \
    "<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID=\"" id "\" TIME_SLOT_REF1=\"" from            \
    "\" TIME_SLOT_REF2=\"" to "\"><ANNOTATION_VALUE>" text                                         \
    "</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>\n"
#define REFERS(id, ref, text)                                                                      \
    "<ANNOTATION><REF_ANNOTATION ANNOTATION_ID=\"" id "\" ANNOTATION_REF=\"" ref                   \
    "\"><ANNOTATION_VALUE>" text "</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>\n"

static void elans_annotations_are_read(void **state)
{
    (void)state;
    assert_corpus_reads("elan.eaf",
                        "yard one.mp4 dog_bark 0.5..2.25 both @16\n"
                        "yard one.mp4 cat 3..4 heard @21\n"
                        "yard one.mp4 bell 4..4.5 both @38\n"
                        "yard one.mp4 bell_horn 4..5 heard @26\n"
                        "yard one.mp4 horn 4.5..5 both @43\n",
                        "elan.eaf:21: it is not aligned: read as 3 to 4 s, evenly between its "
                        "neighbours (note)\n"
                        "elan.eaf:26: it is not aligned: read as 4 to 5 s, evenly between its "
                        "neighbours (note)\n"
                        "elan.eaf:26: class 'bell & horn' is read as 'bell_horn' (note)\n"
                        "elan.eaf:38: it is not aligned: read as 4 to 5 s, evenly between its "
                        "neighbours (note)\n"
                        "elan.eaf:43: it is not aligned: read as 4 to 5 s, evenly between its "
                        "neighbours (note)\n");
}

static void faults_of_elan_are_said(void **state)
{
    (void)state;
    assert_faults("a.eaf",
                  ELAN(SLOT("t1", "100") SLOT("t2", "later") NO_TIME("t3"),
                       "<TIER TIER_ID=\"x\">\n" ALIGNED("a1", "t1", "t3", "dog")
                           ALIGNED("a2", "t1", "t1", "dog") ALIGNED("a2", "t1", "t1", " ")
                               REFERS("a4", "a9", "dog") REFERS("a5", "a6", "dog")
                                   REFERS("a6", "a5", "dog") "</TIER>\n"),
                  "a.eaf:3: t2: 'later' is not a time\n"
                  "a.eaf:7: a2: the annotation's id is there twice\n"
                  "a.eaf:5: t3: the time slot has no time, and none can be guessed: align the "
                  "annotation in ELAN\n"
                  "a.eaf:6: it begins and ends at 0.1 s: give it a length, or delete it\n"
                  "a.eaf:7: the annotation has no text: write the event's class\n"
                  "a.eaf:8: a9: the annotation that is referred to is not there\n"
                  "a.eaf:9: a6: annotations refer to one another in a circle\n"
                  "a.eaf:10: a5: annotations refer to one another in a circle\n");
    assert_faults("a.eaf", "<html>\n</html>\n",
                  "a.eaf:1: it is no ELAN file: it begins with <html>\n");
    assert_faults("a.eaf", "<ANNOTATION_DOCUMENT>\n<TIER>\n</ANNOTATION_DOCUMENT>\n",
                  "a.eaf:3: Opening and ending tag mismatch: TIER line 2 and "
                  "ANNOTATION_DOCUMENT\n");
    assert_faults("a.eaf", "", "a.eaf: the file is empty\n");
}

static void xml_cannot_grow_or_reach_out(void **state)
{
    (void)state;
    assert_faults("a.eaf",
                  "<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [\n<!ENTITY lol \"lol\">\n"
                  "<!ENTITY lol2 \"&lol;&lol;&lol;&lol;\">\n]>\n"
                  "<ANNOTATION_DOCUMENT AUTHOR=\"&lol2;\"/>\n",
                  "a.eaf:2: it has a document type (<!DOCTYPE ...>): delete that line\n");
    assert_faults("a.eaf", "<ANNOTATION_DOCUMENT AUTHOR=\"&lol2;\"/>\n",
                  "a.eaf:1: Entity 'lol2' not defined\n");
    static char deep[2048] = "<ANNOTATION_DOCUMENT>";
    for (int i = 0; i < 40; i++)
        snprintf(deep + strlen(deep), sizeof(deep) - strlen(deep), "<x>");
    assert_faults("a.eaf", deep, "a.eaf:1: its elements are too deep in one another\n");
}

static void cvats_tracks_are_read(void **state)
{
    (void)state;
    /* two dogs at once are one stretch of dog */
    assert_corpus_reads("cvat.xml",
                        "yard.mp4 cat 0..0.04 seen @34\n"
                        "yard.mp4 dog 0.4..1.8 seen @21\n"
                        "yard.mp4 dog 2..3 seen @26\n",
                        "");
}

#define CVAT(text) "<annotations>\n<meta><source>a.mp4</source></meta>\n" text "</annotations>\n"

static void faults_of_cvat_are_said(void **state)
{
    (void)state;
    assert_faults("a.xml",
                  CVAT("<track label=\"dog\">\n<box frame=\"0\" outside=\"0\"/></track>\n"
                       "<track label=\"dog\"><box frame=\"0\" outside=\"0\"/></track>\n"),
                  "a.xml:3: fps: the file counts frames and does not say how many make a second: "
                  "say it with --fps N\n");
    struct reading reading;
    const char *text = CVAT("<track label=\"dog\">\n<box frame=\"x\" outside=\"0\"/>\n"
                            "<box frame=\"9\" outside=\"0\"/>\n<box frame=\"3\" outside=\"1\"/>\n"
                            "</track>\n<track><box frame=\"1\" outside=\"0\"/></track>\n"
                            "<image name=\"1.jpg\"/>\n<image name=\"2.jpg\"/>\n");
    reading_init(&reading);
    reading.params.fps = 30;
    assert_int_equal(read_bytes(&reading, "a.xml", text, strlen(text)), TYTO_ERR_FORMAT);
    assert_string_equal(reading.faults,
                        "a.xml:4: frame: 'x' is no number of a frame\n"
                        "a.xml:6: frame: frame 3 comes after frame 9: shapes of a track go by "
                        "time\n"
                        "a.xml:8: label: the track has no label: give it one in CVAT\n"
                        "a.xml:9: image: these are labels of single pictures: export as 'CVAT for "
                        "video 1.1'\n");
    assert_faults("a.xml", CVAT(""),
                  "a.xml: it has no tracks: export from CVAT as 'CVAT for video 1.1'\n");
    assert_faults("a.xml", "<annotations><meta><fps>0</fps></meta></annotations>",
                  "a.xml:1: fps: '0' is no number of pictures a second\n"
                  "a.xml: it has no tracks: export from CVAT as 'CVAT for video 1.1'\n");
}

static void label_studios_export_is_read(void **state)
{
    (void)state;
    assert_corpus_reads("studio.json",
                        "yard one.mp4 cat 0..1 seen @2\n"
                        "yard one.mp4 dog_bark 0..2 heard @2\n"
                        "yard one.mp4 dog_bark 4..5 heard @2\n"
                        "yard one.mp4 cat 5..10 seen @2\n"
                        "bell.wav bell 1.5..2.75 heard @12\n"
                        "bell.wav horn 1.5..2.75 heard @12\n"
                        "set/c.mp4 bell weak both @20\n",
                        "studio.json:12: [1].annotations[0].result[2]: results of type 'textarea' "
                        "are not read (note)\n"
                        "studio.json:23: [3]: nobody has annotated the task: it is left out "
                        "(note)\n");
}

static void faults_of_label_studio_are_said(void **state)
{
    (void)state;
    assert_faults("a.json",
                  "[\n{\"data\": {\"video\": \"a.mp4\"}, \"annotations\": [{\"result\": [\n"
                  "{\"type\": \"timelinelabels\", \"value\": {\"ranges\": [{\"start\": 1, "
                  "\"end\": 2}], \"timelinelabels\": [\"dog\"]}},\n"
                  "{\"type\": \"labels\", \"value\": {\"start\": 2, \"end\": 1, \"labels\": "
                  "[\"dog\"]}},\n"
                  "{\"type\": \"labels\", \"value\": {\"start\": \"2\", \"end\": 1, \"labels\": "
                  "[\"dog\"]}},\n"
                  "{\"type\": \"labels\", \"value\": {\"start\": 2, \"end\": 3}}, 7,\n"
                  "{\"type\": \"labels\", \"value\": {\"labels\": [7]}}]}]},\n"
                  "{\"id\": 4, \"video\": \"x.mp4\"},\n"
                  "{\"data\": {\"n\": 1}, \"annotations\": [{}]}]\n",
                  "a.json:2: [0].annotations[0].result[0]: it counts frames and does not say how "
                  "many make a second: say it with --fps N, or as \"frameRate\" in the task's "
                  "data\n"
                  "a.json:2: [0].annotations[0].result[1]: it ends at 1 s, before it begins at 2 "
                  "s: swap them\n"
                  "a.json:2: [0].annotations[0].result[2]: its start and end are no numbers of "
                  "seconds\n"
                  "a.json:2: [0].annotations[0].result[3]: the region has no label: give it one, "
                  "or delete it\n"
                  "a.json:2: [0].annotations[0].result[4]: the result has no type or no value: "
                  "export from Label Studio as JSON\n"
                  "a.json:2: [0].annotations[0].result[5]: a label is no text\n"
                  "a.json:8: [1]: it is no task with data and annotations: export from Label "
                  "Studio as JSON, not JSON-MIN\n"
                  "a.json:9: [2]: the task's data names no recording: it needs \"video\" or "
                  "\"audio\"\n");
    assert_faults("a.json", "[\n{\"data\": 1,\n}]",
                  "a.json:3: it is no JSON: string or '}' expected near '}'\n");
    assert_faults("a.json",
                  "[{\"data\": {\"video\": \"a.mp4\", \"fps\": 10}, \"annotations\": [{\"result\": "
                  "[{\"type\": \"timelinelabels\", \"value\": {\"ranges\": [{\"start\": 1e99}], "
                  "\"timelinelabels\": [\"dog\"]}}]}]}]",
                  "a.json:1: [0].annotations[0].result[0]: its start is no number of a frame\n");
}

static void the_daemons_events_are_read_as_corrected(void **state)
{
    (void)state;
    assert_corpus_reads("events.jsonl",
                        "yard cat 3.25..5.5 heard @3\nyard bell 10..11 seen @6\n"
                        "clip 1.mp4 bell 1..2 seen @7\nclip 2.mp4 background\n",
                        "");
}

static void an_event_as_the_daemon_prints_it_is_read(void **state)
{
    (void)state;
    struct tyto_event event = {.phase = TYTO_EVENT_PHASE_END,
                               .camera = "yard",
                               .class_name = "dog-bark",
                               .begin_media_ns = 1250000000,
                               .end_media_ns = 4750000000,
                               .has_end = true,
                               .modality = TYTO_MODALITY_V,
                               .id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"};
    struct tyto_json *json = tyto_event_to_json(&event, true);
    char *text = tyto_json_print(json);
    assert_non_null(text);
    assert_reads("watch.jsonl", text, "yard dog-bark 1.25..4.75 seen @1\n", "");
    free(text);
    tyto_json_destroy(&json);
}

static void faults_of_events_are_said(void **state)
{
    (void)state;
    assert_faults("e.jsonl",
                  "{\"type\":\"event\",\n"
                  "[]\n"
                  "{\"class\":\"dog\"}\n"
                  "{\"type\":\"event\",\"camera\":\"yard\",\"begin_s\":1,\"end_s\":2}\n"
                  "{\"type\":\"event\",\"camera\":\"yard\",\"class\":\"dog\",\"begin_s\":\"1\"}\n"
                  "{\"type\":\"event\",\"camera\":\"yard\",\"class\":\"dog\",\"end_s\":1}\n"
                  "{\"type\":\"event\",\"camera\":\"yard\",\"class\":\"dog\",\"begin_s\":1,"
                  "\"end_s\":2,\"modality\":\"hear\"}\n"
                  "{\"type\":\"event\",\"camera\":\"yard\",\"class\":\"dog\",\"begin_s\":1}\n"
                  "{\"type\":\"event\",\"class\":\"dog\",\"begin_s\":1,\"end_s\":2}\n"
                  "{\"type\":\"event\",\"camera\":\"yard\",\"class\":\"dog\",\"begin_s\":1,"
                  "\"end_s\":2,\"wrong\":\"yes\"}\n",
                  "e.jsonl:1: it is no JSON: string or '}' expected near end of file\n"
                  "e.jsonl:2: it is no JSON object: {\"type\": \"event\"...}\n"
                  "e.jsonl:3: type: the line lacks it: events have \"type\": \"event\"\n"
                  "e.jsonl:4: class: the event has none: write it, or add \"wrong\": true\n"
                  "e.jsonl:5: begin_s: it is not a number of seconds\n"
                  "e.jsonl:6: begin_s: the event lacks it: write seconds\n"
                  "e.jsonl:7: modality: 'hear' is none of heard, seen, both: did you mean "
                  "'heard'?\n"
                  "e.jsonl:10: wrong: it is neither true nor false\n"
                  "e.jsonl:8: end_s: the event has not ended here: add \"end_s\", or \"wrong\": "
                  "true\n"
                  "e.jsonl:9: camera: no recording is named: write its file name\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elans_annotations_are_read),
        cmocka_unit_test(faults_of_elan_are_said),
        cmocka_unit_test(xml_cannot_grow_or_reach_out),
        cmocka_unit_test(cvats_tracks_are_read),
        cmocka_unit_test(faults_of_cvat_are_said),
        cmocka_unit_test(label_studios_export_is_read),
        cmocka_unit_test(faults_of_label_studio_are_said),
        cmocka_unit_test(the_daemons_events_are_read_as_corrected),
        cmocka_unit_test(an_event_as_the_daemon_prints_it_is_read),
        cmocka_unit_test(faults_of_events_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
