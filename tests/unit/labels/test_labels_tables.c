/* SPDX-License-Identifier: MIT */
/* Tables of labels as other tools and other countries write them, and the names of recordings that
 * came through tools. */
#include "tests/unit/labels/labels_reading.h"

#include <dirent.h>
#include <unistd.h>

static void columns_are_known_by_their_usual_names(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "file,class,begin_s,end_s",
        "filename,event_label,onset,offset",
        "Filename,Label,Start (s),Stop (s)",
        "\"file name\",category,start_time,end_time",
        "path,tag,start_seconds,end_seconds",
        "video_id,event,tmin,tmax",
        "audio_filename,sound,Begin Time (s),End Time (s)",
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "%s\na.wav,dog,3,6.6\n", headers[i]);
        assert_reads("x.csv", text, "a.wav dog 3..6.6 both @2\n", "");
    }
    assert_reads("x.csv", "file,class,start_ms,end_ms\na.wav,dog,3000,6600\n",
                 "a.wav dog 3..6.6 both @2\n", "");
    assert_reads("x.csv", "file,class,onset,duration\na.wav,dog,3,3.6\n",
                 "a.wav dog 3..6.6 both @2\n", "");
    assert_reads("x.csv", "file,class,offset,duration\na.wav,dog,3,3.6\n",
                 "a.wav dog 3..6.6 both @2\n", "");
    assert_reads("x.csv", ",class,file,onset,offset\n0,dog,a.wav,3,6.6\n",
                 "a.wav dog 3..6.6 both @2\n", "");
}

static void dcases_and_deseds_tables_are_read(void **state)
{
    (void)state;
    assert_reads("x.tsv", "filename\tonset\toffset\tevent_label\na.wav\t3\t6.6\tdog\nb.wav\t\t\t\n",
                 "a.wav dog 3..6.6 both @2\nb.wav background\n", "");
    assert_reads("x.txt", "a.wav\t3\t6.6\tdog\n", "a.wav dog 3..6.6 both @1\n", "");
    assert_reads("street.txt", "onset\toffset\tevent_label\n3\t6.6\tdog\n",
                 "street dog 3..6.6 both @2\n", "");
    assert_reads("x.tsv", "filename\tevent_labels\na.wav\tdog,cat\n",
                 "a.wav cat weak both @2\na.wav dog weak both @2\n", "");
}

static void semicolons_tabs_and_decimal_commas_are_read(void **state)
{
    (void)state;
    assert_reads("x.csv",
                 "\xEF\xBB\xBF"
                 "file;class;begin_s;end_s\r\na.wav;dog;1,5;3,25\r\n",
                 "a.wav dog 1.5..3.25 both @2\n", "");
    assert_reads("x.csv", "a.wav;dog;1,5;3,25\n", "a.wav dog 1.5..3.25 both @1\n", "");
    assert_reads("x.csv", "\"a;b.wav\",dog,1,2\n", "a;b.wav dog 1..2 both @1\n", "");
    assert_reads("x.csv", "file\tclass\tbegin_s\tend_s\na.wav\tdog\t1,5\t3.25\n",
                 "a.wav dog 1.5..3.25 both @2\n", "");
    assert_reads("x.txt", "1,5\t3,25\tdog\n", "x dog 1.5..3.25 both @1\n", ""); /* Audacity */
    assert_faults("x.csv", "file;class;begin_s;end_s\na.wav;dog;1.000,5;2\n",
                  "x.csv:2: begin_s: '1.000,5' is not a time: write the decimal point as '.'\n");
}

static void times_of_a_clock_are_read(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "a.wav,dog,0:03,0:06.5",
        "a.wav,dog,00:00:03.000,00:00:06.500",
        "a.wav,dog,\"00:00:03,000\",\"00:00:06,500\"",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_reads("x.csv", rows[i], "a.wav dog 3..6.5 both @1\n", "");
    assert_reads("x.csv", "file;class;begin_ms;end_ms\na.wav;dog;1:00:03,5;1:00:06\n",
                 "a.wav dog 3603.5..3606 both @2\n", "");
    assert_faults("x.csv", "a.wav,dog,0:72,2:00\n",
                  "x.csv:1: begin_s: '0:72' is not a time: write seconds, as in 83.5, or 1:23.5, "
                  "or 0:01:23.5\n");
}

/* Old line ends, empty rows of a spreadsheet, notes of several lines, a line about the tool. */
static void tables_of_other_programs_are_read(void **state)
{
    (void)state;
    static const char labels[] = "a.wav dog 3..6.5 both @2\nb.wav cat 1..2 both @3\n";
    assert_reads("x.csv", "file,class,begin_s,end_s\ra.wav,dog,3,6.5\rb.wav,cat,1,2\r", labels, "");
    assert_reads(
        "x.csv",
        "file;class;begin_s;end_s;;\r\na.wav;dog;3,0;6,5;;\r\nb.wav;cat;1;2;;\r\n;;;;;\r\n", labels,
        "");
    assert_reads("x.csv", "# by a tool, 2026\n\nfile,class,begin_s,end_s\na.wav,dog,3,6.5\n",
                 "a.wav dog 3..6.5 both @4\n", "");
    assert_reads("x.csv",
                 "file,class,begin_s,end_s,x\na.wav,dog,3,6.5,\"it "
                 "\"\"barks\"\"\ntwice\n\"\nb.wav,cat,1,2,\n",
                 "a.wav dog 3..6.5 both @2\nb.wav cat 1..2 both @5\n",
                 "x.csv:1: x: the column is not read (note)\n");
    assert_reads("x.csv", "file,class,begin_s,end_s\n", "", "x.csv: the file has no rows (note)\n");
    assert_faults("x.csv", "Datei;Klasse;Beginn;Ende\na.wav;dog;3,0;6,5\n",
                  "x.csv:1: 'Datei', 'Klasse' and what follows are read as names of columns, and "
                  "are none that is known: call them file, class, begin_s and end_s\n");
    /* A quote that nobody closes is one mistake, wherever the file ends. */
    assert_faults("x.csv", "a.wav,\"dog,1,2\nb.wav,cat,1,2\n",
                  "x.csv:1: field 2 has a quote that is not closed, or stands inside: "
                  "write \"a \"\"b\"\"\" for a \"b\"\n");
}

static void times_under_other_names_are_not_lost_in_silence(void **state)
{
    (void)state;
    assert_faults("x.csv", "file,class,first_frame,last_frame\na.wav,dog,15,30\na.wav,cat,1,2\n",
                  "x.csv:1: first_frame: the column is not read (note)\n"
                  "x.csv:1: last_frame: the column is not read (note)\n"
                  "x.csv:2: the columns 'first_frame' and 'last_frame' hold numbers, and none is "
                  "read as a time: call those of times begin_s and end_s (in seconds)\n");
    assert_reads("x.csv", "file,class,score,who\na.wav,dog,0.5,me\n", "a.wav dog weak both @2\n",
                 "x.csv:1: score: the column is not read (note)\n"
                 "x.csv:1: who: the column is not read (note)\n");
    /* In minutes, with a unit, behind a row of background, in one column. */
    static const char *const rows[] = {"a.wav,dog,0:03,0:06.5", "a.wav,dog,3s,6.5s",
                                       "b.wav,,,\na.wav,dog,3,6.5"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[128], faults[512];
        snprintf(text, sizeof(text), "file,class,in,out\n%s\n", rows[i]);
        snprintf(faults, sizeof(faults),
                 "x.csv:1: in: the column is not read (note)\n"
                 "x.csv:1: out: the column is not read (note)\n"
                 "x.csv:%zu: the columns 'in' and 'out' hold numbers, and none is read as a "
                 "time: call those of times begin_s and end_s (in seconds)\n",
                 i == 2 ? (size_t)3 : (size_t)2);
        assert_faults("x.csv", text, faults);
    }
    assert_faults("x.csv", "file,class,time\na.wav,dog,3-6.5\n",
                  "x.csv:1: time: the column is not read (note)\n"
                  "x.csv:2: the column 'time' holds times that are not read: write them to two, "
                  "begin_s and end_s (in seconds)\n");
}

/* UrbanSound8K's: what is nearly one of our names stands beside the real one. */
static void a_name_that_is_near_is_no_error_beside_the_one_that_is_meant(void **state)
{
    (void)state;
    assert_reads("x.csv",
                 "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
                 "a.wav,7,3,6.6,1,5,3,dog\n",
                 "a.wav dog 3..6.6 both @2\n",
                 "x.csv:1: fsID: the column is not read (note)\n"
                 "x.csv:1: salience: the column is not read (note)\n"
                 "x.csv:1: fold: the column is not read (note)\n"
                 "x.csv:1: classID: the column is not read (note)\n");
}

static void excels_line_of_the_separator_is_no_row(void **state)
{
    (void)state;
    assert_reads("x.csv", "sep=;\nfile;class;begin_s;end_s\na.wav;dog;1,5;2\n",
                 "a.wav dog 1.5..2 both @3\n", "");
}

/* --- names of recordings ----------------------------------------------------------------- */

static char dir[64];

static int make_recordings(void **state)
{
    static const char *const names[] = {"a.wav",      "My clip (1).wav", "IMG_0042.MOV", "b c.wav",
                                        "twin 1.wav", "twin (1).wav",    "T\u00fcr.wav"};
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/tyto-names-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        FILE *file = fopen(path, "wb");
        if (!file)
            return -1;
        fclose(file);
    }
    return 0;
}

static int remove_recordings(void **state)
{
    (void)state;
    DIR *folder = opendir(dir);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        unlink(path);
    }
    if (folder)
        closedir(folder);
    return rmdir(dir);
}

/* What `written` is found as, and what is said of it, without the folder's name. */
static void look_for(const char *written, const char *want_found, const char *want_said)
{
    struct reading reading;
    char text[256], found[128];
    reading_init(&reading);
    reading.params.media_dir = dir;
    reading.params.needs_media = true;
    snprintf(text, sizeof(text), "%s,dog,1,2\n", written);
    (void)read_bytes(&reading, "x.csv", text, strlen(text));
    snprintf(found, sizeof(found), "%s/%s dog", dir, want_found);
    if (want_found[0])
        assert_non_null(strstr(reading.labels, found));
    else
        assert_string_equal(reading.labels, "");
    if (want_said[0])
        assert_non_null(strstr(reading.faults, want_said));
    else
        assert_string_equal(reading.faults, "");
}

static void names_of_other_machines_are_found(void **state)
{
    (void)state;
    look_for("C:\\Users\\x\\clips\\a.wav", "a.wav", "");
    look_for("clips\\a.wav", "a.wav", "");
    look_for("\\\\server\\share\\a.wav", "a.wav", "");
    look_for("/Volumes/disk/a.wav", "a.wav", "");
    look_for("file:///Volumes/disk/b%20c.wav", "b c.wav", "");
    look_for("clips%2Fa.wav", "a.wav", "");
    look_for("https://host/x/a.wav", "a.wav", "");
}

static void names_that_tools_have_changed_are_found_with_a_note(void **state)
{
    (void)state;
    look_for("My_clip_1.wav", "My clip (1).wav", "'My_clip_1.wav' is taken for 'My clip (1).wav'");
    look_for("b_c.wav", "b c.wav", "is taken for");
    look_for("Tu\u0308r.wav", "T\u00fcr.wav", "is taken for");        /* as macOS writes it */
    look_for("twin_1.wav", "", "there is no recording 'twin_1.wav'"); /* it may be either */
}

static void names_that_are_nearly_right_are_asked_for(void **state)
{
    (void)state;
    look_for("img_0042.mov", "", "did you mean 'IMG_0042.MOV'?");
    look_for("IMG_0043.MOV", "", "did you mean 'IMG_0042.MOV'?");
    look_for("my_CLIP_1.wav", "", "did you mean 'My clip (1).wav'?");
    look_for("something.wav", "", "copy it there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_known_by_their_usual_names),
        cmocka_unit_test(dcases_and_deseds_tables_are_read),
        cmocka_unit_test(excels_line_of_the_separator_is_no_row),
        cmocka_unit_test(semicolons_tabs_and_decimal_commas_are_read),
        cmocka_unit_test(times_of_a_clock_are_read),
        cmocka_unit_test(tables_of_other_programs_are_read),
        cmocka_unit_test(times_under_other_names_are_not_lost_in_silence),
        cmocka_unit_test(a_name_that_is_near_is_no_error_beside_the_one_that_is_meant),
        cmocka_unit_test(names_of_other_machines_are_found),
        cmocka_unit_test(names_that_tools_have_changed_are_found_with_a_note),
        cmocka_unit_test(names_that_are_nearly_right_are_asked_for),
    };
    return cmocka_run_group_tests(tests, make_recordings, remove_recordings);
}
