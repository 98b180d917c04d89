/* SPDX-License-Identifier: MIT */
/* Every allocation while label files of each format are read fails once, in turn:
 * TYTO_ERR_NOMEM, no leak, and no crash. */
#include "tests/unit/labels/labels_reading.h"

#include "tests/unit/fail_alloc.h"

char *__wrap_strdup(const char *text);
void *__wrap_reallocarray(void *memory, size_t num, size_t size);

char *__wrap_strdup(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    return copy ? memcpy(copy, text, strlen(text) + 1) : NULL;
}

void *__wrap_reallocarray(void *memory, size_t num, size_t size)
{
    return realloc(memory, num * size);
}

static const char *name, *text, *media_dir;

static enum tyto_err read_text(void)
{
    const struct tyto_labels_params params = {.media_dir = media_dir, .fps = 25};
    struct tyto_labels labels = {0};
    const enum tyto_err err = tyto_labels_read_memory(&params, name, text, strlen(text), &labels);
    tyto_labels_finish(&labels);
    return err;
}

static void each_format_runs_out_of_memory(void **state)
{
    static const char *const names[] = {"good.csv", "Annotations.txt", "track.txt",   "elan.eaf",
                                        "cvat.xml", "studio.json",     "events.jsonl"};
    (void)state;
    media_dir = "";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *bytes = corpus(names[i]);
        name = names[i];
        text = bytes;
        fail_each(read_text, 12);
        free(bytes);
    }
}

static void looking_for_recordings_runs_out_of_memory(void **state)
{
    char dir[] = "/tmp/tyto-labels-XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/a.mp4", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    media_dir = dir;
    name = "a.txt";
    text = "1\t2\tdog\n";
    fail_each(read_text, 16);
    remove(path);
    remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_runs_out_of_memory),
        cmocka_unit_test(looking_for_recordings_runs_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
