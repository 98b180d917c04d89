/* SPDX-License-Identifier: MIT */
/* Label files in tests: what is read and what is said about it, as text. */
#ifndef TYTO_TESTS_LABELS_READING_H
#define TYTO_TESTS_LABELS_READING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trainer/labels/labels.h"

struct reading {
    char faults[8192]; /* "file:line: key: text", a note with " (note)" behind, a line each */
    char labels[8192]; /* "recording class begin..end truth @line", weak: "weak"; a line each */
    struct tyto_labels_params params;
    const char *probed; /* recording whose duration is known */
    int64_t duration_ns;
};

static void put(char *text, size_t text_bytes, const char *line)
{
    const size_t num = strlen(text);
    snprintf(text + num, text_bytes - num, "%s\n", line);
}

static void on_fault(void *user, const struct tyto_fault *fault, bool is_error)
{
    struct reading *reading = user;
    char text[1024];
    tyto_fault_print(fault, text, sizeof(text) - 8);
    if (!is_error)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " (note)");
    put(reading->faults, sizeof(reading->faults), text);
}

static void reading_init(struct reading *reading)
{
    memset(reading, 0, sizeof(*reading));
    reading->params =
        (struct tyto_labels_params){.media_dir = "", .user = reading, .on_fault = on_fault};
}

static void put_labels(struct reading *reading, const struct tyto_labels *labels)
{
    static const char *const truths[] = {"none", "heard", "seen", "both"};
    uint32_t at = 0;
    for (uint32_t file = 0; file < labels->num_files; file++) {
        const uint32_t begin = at;
        char line[512];
        for (; at < labels->num_labels && labels->labels[at].file_idx == file; at++) {
            const struct tyto_label *label = &labels->labels[at];
            char times[64] = "weak";
            if (!label->is_weak)
                snprintf(times, sizeof(times), "%.10g..%.10g", (double)label->begin_ns / 1e9,
                         (double)label->end_ns / 1e9);
            snprintf(line, sizeof(line), "%s %s %s %s @%u", labels->files[file],
                     labels->classes[label->class_idx], times, truths[label->truth], label->line);
            put(reading->labels, sizeof(reading->labels), line);
        }
        snprintf(line, sizeof(line), "%s background", labels->files[file]);
        if (at == begin)
            put(reading->labels, sizeof(reading->labels), line);
    }
    assert_int_equal(at, labels->num_labels);
}

static enum tyto_err read_bytes(struct reading *reading, const char *name, const void *bytes,
                                size_t num_bytes)
{
    struct tyto_labels labels = {0};
    reading->params.user = reading;
    const enum tyto_err err =
        tyto_labels_read_memory(&reading->params, name, bytes, num_bytes, &labels);
    if (!err)
        put_labels(reading, &labels);
    tyto_labels_finish(&labels);
    return err;
}

/* Of a good file: these labels, these notes. */
static inline void assert_reads(const char *name, const char *text, const char *labels,
                                const char *notes)
{
    struct reading reading;
    reading_init(&reading);
    reading.params.fps = 25;
    const enum tyto_err err = read_bytes(&reading, name, text, strlen(text));
    assert_string_equal(reading.faults, notes);
    assert_string_equal(reading.labels, labels);
    assert_int_equal(err, TYTO_OK);
}

/* Of a bad one: these faults, and nothing is given. */
static inline void assert_faults(const char *name, const char *text, const char *faults)
{
    struct reading reading;
    reading_init(&reading);
    const enum tyto_err err = read_bytes(&reading, name, text, strlen(text));
    assert_string_equal(reading.faults, faults);
    assert_int_equal(err, TYTO_ERR_FORMAT);
}

/* A file of the fuzzer's corpus, which is whole. Owned: free(). */
static inline char *corpus(const char *name)
{
    char path[512];
    const char *golden = getenv("TYTO_GOLDEN_DIR");
    assert_non_null(golden);
    snprintf(path, sizeof(path), "%s/../fuzz/corpus/labels/%s", golden, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    return text;
}

static inline void assert_corpus_reads(const char *name, const char *labels, const char *notes)
{
    char *text = corpus(name);
    assert_reads(name, text, labels, notes);
    free(text);
}

#endif
