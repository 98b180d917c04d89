/* SPDX-License-Identifier: MIT */
/* Label files that are text, and what all formats share: each fault is said with its line. */
#include "tests/unit/labels/labels_reading.h"

#include <sys/stat.h>
#include <unistd.h>

/* --- CSV ----------------------------------------------------------------------------- */

static void a_csv_is_read_with_mark_quotes_and_line_breaks_of_windows(void **state)
{
    (void)state;
    assert_corpus_reads("good.csv",
                        "a.mp4 dog_bark 0.5..2.25 both @2\n"
                        "a.mp4 cat 3..4.000000001 seen @6\n"
                        "b, the second.mp4 dog_bark 1..2 heard @3\n"
                        "b2.mp4 cat weak both @4\n"
                        "yard.mp4 background\n",
                        "");
}

static void a_csv_needs_no_header_and_may_order_its_columns(void **state)
{
    (void)state;
    assert_reads("x.csv", "a.mp4,dog,1,2\n\n\"a \"\"b\"\".mp4\" , dog , 1 , 2 , SEEN\n",
                 "a.mp4 dog 1..2 both @1\na \"b\".mp4 dog 1..2 seen @3\n", "");
    assert_reads("x.csv", "Begin_s,End_s,Class,Who,File\n1,2,dog,me,a.mp4\n",
                 "a.mp4 dog 1..2 both @2\n", "x.csv:1: Who: the column is not read (note)\n");
    assert_reads("x.csv", "file,class\na.mp4,dog\n", "a.mp4 dog weak both @2\n", "");
    assert_reads("x.csv", "", "", "x.csv: the file has no rows (note)\n");
}

static void faults_of_a_csv_are_said_line_by_line(void **state)
{
    (void)state;
    assert_faults("x.csv",
                  "file,class,begin_s,end_s,modality\n"
                  "a.mp4\n"
                  "a.mp4,dog,1,2,both,more\n"
                  "a.mp4,\"dog,1,2\n"
                  "a.mp4,do\"g,1,2\n"
                  ",dog,1,2\n"
                  "a.mp4,dog,1:02,2\n"
                  "a.mp4,dog,1,\"2,5\"\n"
                  "a.mp4,dog,,2\n"
                  "a.mp4,dog,nan,2\n"
                  "a.mp4,dog,0x1,inf\n"
                  "a.mp4,dog,-1,2\n"
                  "a.mp4,dog,3,2\n"
                  "a.mp4,dog,3,3\n"
                  "a.mp4,dog,1,1e300\n"
                  "a.mp4,dog,1,2,herd\n"
                  "a.mp4,dog,1,2,smelt\n"
                  "a.mp4,,1,2,seen\n"
                  "a.mp4,?!,1,2\n"
                  "a.mp4,b\xC3\xA4r,1,2\n",
                  "x.csv:2: the row has 1 field, not file,class,begin_s,end_s[,modality]\n"
                  "x.csv:3: the row has 6 fields, not file,class,begin_s,end_s[,modality]: quote "
                  "a name that has a comma in it\n"
                  "x.csv:4: field 2 has a quote that is not closed, or stands inside: "
                  "write \"a \"\"b\"\"\" for a \"b\"\n"
                  "x.csv:5: field 2 has a quote that is not closed, or stands inside: "
                  "write \"a \"\"b\"\"\" for a \"b\"\n"
                  "x.csv:6: file: no recording is named: write its file name\n"
                  "x.csv:7: it ends at 2 s, before it begins at 62 s: swap them\n"
                  "x.csv:8: end_s: '2,5' is not a time: write the decimal point as '.'\n"
                  "x.csv:9: begin_s: '' is not a time: it is empty; write seconds, as in 83.5\n"
                  "x.csv:10: begin_s: 'nan' is not a time: write seconds from the recording's "
                  "begin, as in 83.5\n"
                  "x.csv:11: begin_s: '0x1' is not a time: write seconds from the recording's "
                  "begin, as in 83.5\n"
                  "x.csv:12: it begins at -1 s, before the recording does: times count from 0\n"
                  "x.csv:13: it ends at 2 s, before it begins at 3 s: swap them\n"
                  "x.csv:14: it begins and ends at 3 s: give it a length, or delete it\n"
                  "x.csv:15: it is 1e+300 s into the recording, more than a year: times are "
                  "seconds\n"
                  "x.csv:16: modality: 'herd' is none of heard, seen, both: did you mean 'heard'?\n"
                  "x.csv:17: modality: 'smelt' is none of heard, seen, both\n"
                  "x.csv:18: modality: a background recording is neither heard nor seen: leave it "
                  "empty, or name the class\n"
                  "x.csv:19: '?!' cannot be a class's name: write 1 to 64 letters a-z, digits, '_' "
                  "or '-'\n"
                  "x.csv:20: 'b\xC3\xA4r' cannot be a class's name: write 1 to 64 letters a-z, "
                  "digits, '_' or '-'\n");
}

static void wrong_headers_say_what_to_do(void **state)
{
    (void)state;
    assert_faults("x.csv", "file,class,begn_s,file\n",
                  "x.csv:1: file: the column is there twice\n"
                  "x.csv:1: begn_s: there is no such column: did you mean 'begin_s'?\n");
    assert_faults("x.csv", "file,class,onset,Start (s)\n",
                  "x.csv:1: Start (s): the column is there twice, also as 'onset'\n"
                  "x.csv:1: onset: there is a column of begins and none of ends: call it end_s\n");
    assert_faults("x.csv", "file,class,end_s\na.mp4,dog,2\n",
                  "x.csv:1: there is a column of ends and none of begins: call it begin_s\n");
    assert_faults("x.csv", "filename,onset,offset\na.mp4,1,2\n",
                  "x.csv:1: there is no column of classes: call it class\n");
}

/* --- what all share ------------------------------------------------------------------ */

static void bytes_that_are_no_text_are_said(void **state)
{
    (void)state;
    struct reading reading;
    const char nul[] = "a.mp4,dog,1,2\na.mp4,d\0g,1,2\nb.mp4,dog,\xFF,2\n";
    reading_init(&reading);
    assert_int_equal(read_bytes(&reading, "x.csv", nul, sizeof(nul) - 1), TYTO_ERR_FORMAT);
    assert_string_equal(reading.faults,
                        "x.csv:2: the line holds a NUL byte: save the file as plain text (UTF-8)\n"
                        "x.csv:3: the line is not UTF-8: save the file with that encoding\n");
    reading_init(&reading);
    assert_int_equal(read_bytes(&reading, "x.csv", "\xFF\xFEx", 3), TYTO_ERR_FORMAT);
    assert_string_equal(reading.faults,
                        "x.csv: it is damaged UTF-16 or UTF-32: save it as UTF-8\n");

    static char over[8192 + 64] = "a.mp4,dog,1,2\n";
    memset(over + strlen(over), 'x', 8193);
    assert_faults("x.csv", over,
                  "x.csv:2: the line is 8193 bytes long, more than 8192: is this a label file of "
                  "this format?\n");
    assert_faults("x.csv", "a.mp4,dog,1,\x1B[31m\n",
                  "x.csv:1: end_s: '?[31m' is not a time: write seconds from the recording's "
                  "begin, as in 83.5\n");
    assert_faults("notes.doc", "dear diary\n",
                  "notes.doc: it is no label file that is known: say which with --format (csv, "
                  "ave, audacity, elan, cvat, label-studio, events)\n");
}

/* As Excel saves "Unicode text", and as some editors do everything. */
static void text_in_wide_characters_is_read(void **state)
{
    static const char csv[] = "file,class,begin_s,end_s\na.mp4,dog,1,2\n";
    (void)state;
    for (uint32_t unit_bytes = 2; unit_bytes <= 4; unit_bytes += 2) {
        for (uint32_t has_mark = 0; has_mark < 2; has_mark++) {
            struct reading reading;
            char wide[4 * sizeof(csv)] = "\xFF\xFE\0\0";
            size_t num = has_mark ? unit_bytes : 0;
            for (const char *c = csv; *c; c++, num += unit_bytes) {
                memset(wide + num, 0, unit_bytes);
                wide[num] = *c;
            }
            reading_init(&reading);
            assert_int_equal(read_bytes(&reading, "x.txt", wide, num), TYTO_OK);
            assert_string_equal(reading.labels, "a.mp4 dog 1..2 both @2\n");
            assert_string_equal(reading.faults, "");
        }
    }
}

static void class_names_become_plain_and_changes_are_said_once(void **state)
{
    (void)state;
    assert_reads("x.csv",
                 "a.mp4,Dog Bark,1,2\na.mp4,Dog Bark,3,4\na.mp4,dog_bark,5,6\n"
                 "b.mp4,\" Frying (food) \",1,2\n",
                 "a.mp4 dog_bark 1..2 both @1\na.mp4 dog_bark 3..4 both @2\n"
                 "a.mp4 dog_bark 5..6 both @3\nb.mp4 frying_food 1..2 both @4\n",
                 "x.csv:1: class 'Dog Bark' is read as 'dog_bark' (note)\n"
                 "x.csv:4: class ' Frying (food) ' is read as 'frying_food' (note)\n");
}

static void classes_nearly_spelt_alike_are_asked_about(void **state)
{
    (void)state;
    assert_reads("x.csv",
                 "a.mp4,baby_cry,1,2\na.mp4,baby_cry,3,4\na.mp4,baby_cry,5,6\na.mp4,baby_cry,7,8\n"
                 "a.mp4,baby_cyr,9,10\na.mp4,horn,11,12\n",
                 "a.mp4 baby_cry 1..2 both @1\na.mp4 baby_cry 3..4 both @2\n"
                 "a.mp4 baby_cry 5..6 both @3\na.mp4 baby_cry 7..8 both @4\n"
                 "a.mp4 baby_cyr 9..10 both @5\na.mp4 horn 11..12 both @6\n",
                 "x.csv:5: class 'baby_cyr' has 1 label: did you mean 'baby_cry', which has 4? "
                 "(note)\n");
}

static void duplicates_go_and_overlaps_are_said(void **state)
{
    (void)state;
    assert_reads("x.csv",
                 "a.mp4,dog,1,5\n"
                 "a.mp4,dog,1,5\n"
                 "a.mp4,dog,2,3\n"
                 "a.mp4,dog,4,8,seen\n"
                 "a.mp4,cat,1,5\n"
                 "b.mp4,dog,1,5\n"
                 "c.mp4,dog,1,5,heard\n"
                 "c.mp4,dog,2,6,seen\n"
                 "d.mp4,dog\n"
                 "d.mp4,dog\n"
                 "d.mp4,cat,1,2\n",
                 "a.mp4 cat 1..5 both @5\na.mp4 dog 1..5 both @1\na.mp4 dog 2..3 both @3\n"
                 "a.mp4 dog 4..8 seen @4\nb.mp4 dog 1..5 both @6\nc.mp4 dog 1..5 heard @7\n"
                 "c.mp4 dog 2..6 seen @8\nd.mp4 dog weak both @9\nd.mp4 cat 1..2 both @11\n",
                 "x.csv:2: 'dog' is the same as at x.csv:1: delete one of them (note)\n"
                 "x.csv:3: 'dog' overlaps that at x.csv:1: if they are one event, make them one "
                 "(note)\n"
                 "x.csv:4: 'dog' overlaps that at x.csv:1: if they are one event, make them one "
                 "(note)\n"
                 "x.csv:10: 'dog' is the same as at x.csv:9: delete one of them (note)\n"
                 "x.csv:9: 'dog' has no times, but the recording has labels with times (x.csv:11): "
                 "give it times, too (note)\n");
}

static void background_with_events_is_a_contradiction(void **state)
{
    (void)state;
    assert_faults("x.csv", "a.mp4,dog,1,5\na.mp4,,,\nb.mp4,\n",
                  "x.csv:2: the recording is said to be background, but has 'dog' at x.csv:1: "
                  "delete one of them\n");
}

static bool know_duration(void *user, const char *path, int64_t *ret_duration_ns)
{
    const struct reading *reading = user;
    *ret_duration_ns = reading->duration_ns;
    return strcmp(path, reading->probed) == 0;
}

/* --- recordings ---------------------------------------------------------------------- */

static char dir[] = "/tmp/tyto-labels-XXXXXX";

static void touch(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static int make_dir(void **state)
{
    static const char *const names[] = {"b.mp4", "b.wav",     "one/a.mp4", "two/a.mp4",
                                        "c.txt", "two/d.mkv", "two/d.json"};
    char path[128];
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, i ? "two" : "one");
        if (mkdir(path, 0700) != 0)
            return -1;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        touch(names[i]);
    return 0;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"b.mp4",      "b.wav", "one/a.mp4", "two/a.mp4", "c.txt",
                                        "two/d.mkv",  "one",   "two",       "l.csv",     "out.csv",
                                        "two/d.json", "two",   ""};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)remove(path);
    }
    return 0;
}

static void without_dir(char *text)
{
    for (char *at = strstr(text, dir); at; at = strstr(text, dir))
        memmove(at, at + strlen(dir), strlen(at + strlen(dir)) + 1);
}

static void recordings_are_found_by_path_name_or_stem(void **state)
{
    (void)state;
    struct reading reading;
    reading_init(&reading);
    reading.params.media_dir = dir;
    reading.params.needs_media = true;
    reading.probed = dir; /* none */
    const char *csv = "./b.mp4,dog,1,2\none/a.mp4,dog,1,2\nd.mkv,dog,1,2\na.mp4,dog,1,2\n"
                      "a.mp4,dog,3,4\nnone.mp4,dog,1,2\nnone.mp4,dog,3,4\n";
    assert_int_equal(read_bytes(&reading, "x.csv", csv, strlen(csv)), TYTO_ERR_FORMAT);
    without_dir(reading.faults);
    assert_string_equal(
        reading.faults,
        "x.csv:4: file: several recordings in  are called 'a.mp4': give each its own name, or "
        "write "
        "its folder, too\n"
        "x.csv:6: file: there is no recording 'none.mp4' in : copy it there, or say where "
        "recordings are (--media DIR)\n");

    reading_init(&reading);
    reading.params.media_dir = dir;
    const char *ave = "Dog&b&good&0&10\nDog&d&good&0&10\nDog&none&good&0&10\n";
    assert_int_equal(read_bytes(&reading, "x.txt", ave, strlen(ave)), TYTO_OK);
    without_dir(reading.labels);
    assert_string_equal(reading.labels, "/b.mp4 dog 0..10 both @1\n/two/d.mkv dog 0..10 both @2\n"
                                        "none dog 0..10 both @3\n");
}

static void times_beyond_a_recording_are_said(void **state)
{
    (void)state;
    struct reading reading;
    char known[128];
    snprintf(known, sizeof(known), "%s/b.mp4", dir);
    reading_init(&reading);
    reading.params.media_dir = dir;
    reading.params.get_duration = know_duration;
    reading.probed = known;
    reading.duration_ns = 4000000000;
    const char *soft = "b.mp4,dog,1,4.05\nb.mp4,cat,1,9\nd.mkv,cat,1,9\n";
    assert_int_equal(read_bytes(&reading, "x.csv", soft, strlen(soft)), TYTO_OK);
    without_dir(reading.faults);
    without_dir(reading.labels);
    assert_string_equal(reading.faults, "x.csv:2: 'cat' ends at 9 s, but the recording /b.mp4 at 4 "
                                        "s: it is cut there (note)\n");
    assert_string_equal(reading.labels, "/b.mp4 cat 1..4 both @2\n/b.mp4 dog 1..4 both @1\n"
                                        "/two/d.mkv cat 1..9 both @3\n");
    const char *hard = "b.mp4,dog,4,5\n";
    reading.faults[0] = '\0';
    assert_int_equal(read_bytes(&reading, "x.csv", hard, strlen(hard)), TYTO_ERR_FORMAT);
    without_dir(reading.faults);
    assert_string_equal(reading.faults,
                        "x.csv:1: 'dog' begins at 4 s, but the recording /b.mp4 is over at 4 s: is "
                        "it of another recording?\n");
}

static void what_is_written_as_csv_is_read_again(void **state)
{
    (void)state;
    struct reading reading, again;
    struct tyto_labels labels = {0};
    struct tyto_fault fault = {0};
    char in[64], out[64];
    snprintf(in, sizeof(in), "%s/l.csv", dir);
    snprintf(out, sizeof(out), "%s/out.csv", dir);
    FILE *file = fopen(in, "w");
    assert_non_null(file);
    fputs("b.mp4,dog,0.000000001,2,heard\none/a.mp4,cat\n\"x, \"\"y\"\".mp4\",dog,1,86400.25\n"
          "z.mp4,\n",
          file);
    fclose(file);
    const char *const ins[] = {in}, *const outs[] = {out};
    reading_init(&reading);
    reading.params.media_dir = NULL;
    reading.params.paths = ins;
    reading.params.num_paths = 1;
    assert_int_equal(tyto_labels_read(&reading.params, &labels), TYTO_OK);
    put_labels(&reading, &labels);
    assert_int_equal(tyto_labels_write_csv(&labels, out, &fault), TYTO_OK);
    assert_int_equal(tyto_labels_write_csv(&labels, "/dev/null/out.csv", &fault), TYTO_ERR_IO);
    assert_string_equal(fault.text, "it cannot be written: Not a directory");
    tyto_labels_finish(&labels);
    reading_init(&again);
    again.params.media_dir = NULL;
    again.params.paths = outs;
    again.params.num_paths = 1;
    assert_int_equal(tyto_labels_read(&again.params, &labels), TYTO_OK);
    put_labels(&again, &labels);
    tyto_labels_finish(&labels);
    without_dir(reading.labels);
    without_dir(again.labels);
    assert_string_equal(reading.labels, "/b.mp4 dog 1e-09..2 heard @1\n/one/a.mp4 cat weak both "
                                        "@2\nx, \"y\".mp4 dog 1..86400.25 both @3\n"
                                        "z.mp4 background\n");
    for (char *at = again.labels; (at = strchr(at, '@')); at++)
        at[1]--; /* the header's line */
    assert_string_equal(again.labels, reading.labels);
}

static void files_that_cannot_be_read_are_said_and_the_rest_is_checked(void **state)
{
    (void)state;
    struct reading reading;
    struct tyto_labels labels = {0};
    char in[64];
    snprintf(in, sizeof(in), "%s/l.csv", dir);
    const char *const paths[] = {"/nowhere/l.csv", in};
    reading_init(&reading);
    reading.params.paths = paths;
    reading.params.num_paths = 2;
    assert_int_equal(tyto_labels_read(&reading.params, &labels), TYTO_ERR_NOT_FOUND);
    assert_string_equal(reading.faults,
                        "/nowhere/l.csv: it cannot be read: No such file or directory\n");
    reading.params.keeps_rest = true;
    assert_int_equal(tyto_labels_read(&reading.params, &labels), TYTO_OK);
    assert_int_equal(labels.num_errors, 1);
    assert_int_equal(labels.num_labels, 3);
    tyto_labels_finish(&labels);
}

static void endless_faults_end(void **state)
{
    (void)state;
    struct reading reading;
    const size_t num_bytes = 2 * (TYTO_LABELS_MAX_FAULTS + 50);
    char *text = malloc(num_bytes);
    assert_non_null(text);
    for (size_t i = 0; i < num_bytes; i++)
        text[i] = i % 2 ? '\n' : 'x';
    reading_init(&reading);
    reading.params.format = TYTO_LABEL_CSV;
    assert_int_equal(read_bytes(&reading, "x.csv", text, num_bytes), TYTO_ERR_FORMAT);
    free(text);
}

/* --- AVE, Audacity ------------------------------------------------------------------- */

static void aves_annotations_are_read(void **state)
{
    (void)state;
    assert_corpus_reads("Annotations.txt",
                        "RUhOCu3LNXM church_bell 0..10 both @2\nRUhOCu3LNXM bark 2..10 both @5\n"
                        "MH3m4AwEcRY male_speech_man_speaking 6..8 both @3\n"
                        "VWi2ENBuTbw background\n",
                        "Annotations.txt:2: class 'Church bell' is read as 'church_bell' (note)\n"
                        "Annotations.txt:3: class 'Male speech, man speaking' is read as "
                        "'male_speech_man_speaking' (note)\n"
                        "Annotations.txt:5: class 'Bark' is read as 'bark' (note)\n");
    assert_faults("a.txt",
                  "bark&x&good&0&10\nbark&x&good&0\nbark&x&good&zero&1\nbark&&good&0&1\n"
                  "bark&x&good&5&1\n",
                  "a.txt:2: the row has 4 fields, not category&id&quality&begin&end\n"
                  "a.txt:3: begin: 'zero' is not a time: write seconds from the recording's begin, "
                  "as in 83.5\n"
                  "a.txt:4: id: no recording is named: write its file name\n"
                  "a.txt:5: it ends at 1 s, before it begins at 5 s: swap them\n");
}

static void audacitys_tracks_are_read(void **state)
{
    (void)state;
    assert_corpus_reads("track.txt", "track dog_bark 0.5..2.25 both @1\ntrack cat 3..4 both @3\n",
                        "track.txt:1: class 'dog bark' is read as 'dog_bark' (note)\n");
    assert_reads("empty.txt", "", "empty background\n",
                 "empty.txt: it has no labels: its recording counts as background (note)\n");
    assert_faults("t.txt", "1\t2\tdog\n1\t2\n3\t3\tmark\n1:05\t2\tdog\n1\t2\t\n",
                  "t.txt:2: it is not begin TAB end TAB class: export it from Audacity by File, "
                  "Export, Export Labels\n"
                  "t.txt:3: 'mark' at 3 s is a point: drag its ends apart in Audacity, or delete "
                  "it\n"
                  "t.txt:4: it ends at 2 s, before it begins at 65 s: swap them\n"
                  "t.txt:5: the label has no text: write the event's class\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_csv_is_read_with_mark_quotes_and_line_breaks_of_windows),
        cmocka_unit_test(a_csv_needs_no_header_and_may_order_its_columns),
        cmocka_unit_test(faults_of_a_csv_are_said_line_by_line),
        cmocka_unit_test(wrong_headers_say_what_to_do),
        cmocka_unit_test(bytes_that_are_no_text_are_said),
        cmocka_unit_test(text_in_wide_characters_is_read),
        cmocka_unit_test(class_names_become_plain_and_changes_are_said_once),
        cmocka_unit_test(classes_nearly_spelt_alike_are_asked_about),
        cmocka_unit_test(duplicates_go_and_overlaps_are_said),
        cmocka_unit_test(background_with_events_is_a_contradiction),
        cmocka_unit_test(recordings_are_found_by_path_name_or_stem),
        cmocka_unit_test(times_beyond_a_recording_are_said),
        cmocka_unit_test(what_is_written_as_csv_is_read_again),
        cmocka_unit_test(files_that_cannot_be_read_are_said_and_the_rest_is_checked),
        cmocka_unit_test(endless_faults_end),
        cmocka_unit_test(aves_annotations_are_read),
        cmocka_unit_test(audacitys_tracks_are_read),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
