/* SPDX-License-Identifier: MIT */
/* From label files to labels: loads each, finds out its format, has it read, checks all. */
#include "trainer/labels/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/encoding.h"
#include "files/open.h"
#include "trainer/labels/reader.h"

enum { MAX_SOURCES = 1 << 16 };

typedef void (*read_fn)(struct tyto_label_reader *reader);

static const read_fn readers[TYTO_LABEL_NUM_FORMATS] = {
    [TYTO_LABEL_CSV] = tyto_label_read_csv,
    [TYTO_LABEL_AVE] = tyto_label_read_ave,
    [TYTO_LABEL_AUDACITY] = tyto_label_read_audacity,
    [TYTO_LABEL_ELAN] = tyto_label_read_elan,
    [TYTO_LABEL_CVAT] = tyto_label_read_cvat,
    [TYTO_LABEL_LABEL_STUDIO] = tyto_label_read_label_studio,
    [TYTO_LABEL_EVENTS] = tyto_label_read_events,
};

const char *tyto_label_format_name(enum tyto_label_format format)
{
    const char *word = tyto_word_of(TYTO_WORDS(TYTO_LABEL_FORMAT_LIST), format);
    return word ? word : "unknown";
}

/* --- which format -------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *suffix)
{
    const size_t num = strlen(name), num_suffix = strlen(suffix);
    return num >= num_suffix && strcasecmp(name + num - num_suffix, suffix) == 0;
}

/* In the first line that is not empty. */
static uint32_t count_in_line(const char *text, char letter)
{
    uint32_t num = 0;
    text += strspn(text, " \r\n");
    for (; *text && *text != '\n'; text++)
        num += *text == letter;
    return num;
}

/* Or with what Audacity writes below a label: '\\', TAB and frequencies. */
static bool begins_with_number(const char *text)
{
    text += strspn(text, " \r\n");
    const size_t num = strspn(text, "0123456789.,+-eE");
    return text[0] == '\\' || (num > 0 && text[num] == '\t');
}

static enum tyto_label_format guess_xml(const char *text)
{
    if (strstr(text, "<ANNOTATION_DOCUMENT"))
        return TYTO_LABEL_ELAN;
    return strstr(text, "<annotations") ? TYTO_LABEL_CVAT : TYTO_LABEL_AUTO;
}

/* AUTO: none of them. */
static enum tyto_label_format guess(const char *name, const char *text)
{
    const char first = text[strspn(text, " \t\r\n")];
    if (ends_with(name, ".eaf"))
        return TYTO_LABEL_ELAN;
    if (ends_with(name, ".csv"))
        return TYTO_LABEL_CSV;
    if (ends_with(name, ".jsonl") || ends_with(name, ".ndjson"))
        return TYTO_LABEL_EVENTS;
    if (first == '<')
        return guess_xml(text);
    if (first == '[')
        return TYTO_LABEL_LABEL_STUDIO;
    if (first == '{')
        return strstr(text, "\"annotations\"") ? TYTO_LABEL_LABEL_STUDIO : TYTO_LABEL_EVENTS;
    if (count_in_line(text, '&') == 4)
        return TYTO_LABEL_AVE;
    if (count_in_line(text, '\t') > 0)
        return begins_with_number(text) ? TYTO_LABEL_AUDACITY : TYTO_LABEL_CSV;
    if (ends_with(name, ".txt") && text[0] == '\0')
        return TYTO_LABEL_AUDACITY;
    return count_in_line(text, ',') > 0 || count_in_line(text, ';') > 0 ? TYTO_LABEL_CSV
                                                                        : TYTO_LABEL_AUTO;
}

/* --- reading ------------------------------------------------------------------------- */

static void fail_unknown(struct tyto_label_reader *reader)
{
    char words[128];
    tyto_words_print(TYTO_WORDS(TYTO_LABEL_FORMAT_LIST) + 1, ", ", words, sizeof(words));
    tyto_label_error(reader, 0, NULL,
                     "it is no label file that is known: say which with --format (%s)", words);
}

static void read_source(struct tyto_label_reader *reader)
{
    enum tyto_label_format format = reader->params->format;
    const enum tyto_err err = tyto_encoding_make_utf8(&reader->bytes, &reader->num_bytes);
    if (err == TYTO_ERR_FORMAT)
        tyto_label_error(reader, 0, NULL, "%s", tyto_open_reason(EILSEQ));
    else
        reader->err = err;
    if (err)
        return;
    if (format == TYTO_LABEL_AUTO)
        format = guess(reader->source, reader->bytes);
    if ((unsigned)format < TYTO_LABEL_NUM_FORMATS && readers[format])
        readers[format](reader);
    else
        fail_unknown(reader);
}

/* Makes name the label file that is being read. */
static enum tyto_err begin_source(struct tyto_label_reader *reader, const char *name)
{
    struct tyto_labels *labels = &reader->labels;
    labels->sources[labels->num_sources] = strdup(name);
    if (!labels->sources[labels->num_sources])
        return TYTO_ERR_NOMEM;
    reader->source = labels->sources[labels->num_sources];
    reader->source_idx = labels->num_sources++;
    return TYTO_OK;
}

static enum tyto_err load(struct tyto_label_reader *reader, int file)
{
    size_t capacity = 1 << 16;
    struct stat status;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
        status.st_size <= TYTO_LABELS_MAX_BYTES)
        capacity = (size_t)status.st_size + 2;
    reader->num_bytes = 0;
    for (;;) {
        char *grown = reader->num_bytes + 1 < capacity && reader->bytes
                          ? reader->bytes
                          : realloc(reader->bytes, capacity);
        if (!grown)
            return TYTO_ERR_NOMEM;
        reader->bytes = grown;
        const ssize_t num =
            read(file, reader->bytes + reader->num_bytes, capacity - 1 - reader->num_bytes);
        if (num < 0 && errno == EINTR)
            continue;
        if (num < 0)
            return TYTO_ERR_IO;
        reader->num_bytes += (size_t)num;
        reader->bytes[reader->num_bytes] = '\0';
        if (num == 0)
            return TYTO_OK;
        if (reader->num_bytes > TYTO_LABELS_MAX_BYTES)
            return TYTO_ERR_FULL;
        if (reader->num_bytes + 1 == capacity)
            capacity *= 2;
    }
}

static enum tyto_err read_path(struct tyto_label_reader *reader, const char *path)
{
    enum tyto_err err = begin_source(reader, path);
    if (err)
        return err;
    const int file = tyto_open_input(path);
    if (file < 0) {
        err = errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO;
        tyto_label_error(reader, 0, NULL, "it cannot be read: %s", tyto_open_reason(errno));
        return err;
    }
    err = load(reader, file);
    const int reason = errno;
    close(file);
    if (err == TYTO_ERR_IO)
        tyto_label_error(reader, 0, NULL, "it cannot be read: %s", strerror(reason));
    if (err == TYTO_ERR_FULL)
        tyto_label_error(reader, 0, NULL, "it is larger than %d MiB: split it",
                         TYTO_LABELS_MAX_BYTES >> 20);
    if (!err)
        read_source(reader);
    free(reader->bytes);
    reader->bytes = NULL;
    return err ? err : reader->err;
}

static enum tyto_err reader_init(struct tyto_label_reader *reader,
                                 const struct tyto_labels_params *params, uint32_t num_sources)
{
    *reader = (struct tyto_label_reader){.params = params};
    if (num_sources > MAX_SOURCES)
        return TYTO_ERR_FULL;
    reader->labels.sources = calloc(num_sources + 1, sizeof(*reader->labels.sources));
    return reader->labels.sources ? TYTO_OK : TYTO_ERR_NOMEM;
}

/* Hands over the labels, or frees them. */
static enum tyto_err reader_finish(struct tyto_label_reader *reader, enum tyto_err err,
                                   struct tyto_labels *ret_labels)
{
    struct tyto_labels *labels = &reader->labels;
    if (!err)
        tyto_label_check_all(reader);
    err = err ? err : reader->err;
    if (!err && labels->num_errors > 0 && !reader->params->keeps_rest)
        err = TYTO_ERR_FORMAT;
    labels->files = reader->files.items;
    labels->num_files = reader->files.num;
    reader->files.items = NULL;
    reader->files.num = 0;
    tyto_strings_finish(&reader->files);
    tyto_strings_finish(&reader->classes);
    tyto_strings_finish(&reader->written);
    tyto_strings_finish(&reader->spellings);
    tyto_label_media_finish(&reader->media);
    free(reader->file_of_written);
    free(reader->class_of_spelling);
    free(reader->kept);
    if (err)
        tyto_labels_finish(labels);
    else
        *ret_labels = *labels;
    return err;
}

enum tyto_err tyto_labels_read(const struct tyto_labels_params *params,
                               struct tyto_labels *ret_labels)
{
    struct tyto_label_reader reader;
    enum tyto_err err = reader_init(&reader, params, params->num_paths);
    enum tyto_err unreadable = TYTO_OK;
    for (uint32_t i = 0; i < params->num_paths && !err; i++) {
        err = read_path(&reader, params->paths[i]);
        if (err == TYTO_ERR_NOT_FOUND || err == TYTO_ERR_IO) { /* the others still have their say */
            unreadable = err;
            err = TYTO_OK;
        }
    }
    const enum tyto_err done = reader_finish(&reader, err, ret_labels);
    return done == TYTO_ERR_FORMAT && unreadable ? unreadable : done;
}

enum tyto_err tyto_labels_read_memory(const struct tyto_labels_params *params, const char *name,
                                      const void *bytes, size_t num_bytes,
                                      struct tyto_labels *ret_labels)
{
    struct tyto_label_reader reader;
    enum tyto_err err = reader_init(&reader, params, 1);
    if (!err)
        err = begin_source(&reader, name);
    if (!err && num_bytes > TYTO_LABELS_MAX_BYTES)
        err = TYTO_ERR_FULL;
    if (!err && !(reader.bytes = malloc(num_bytes + 1)))
        err = TYTO_ERR_NOMEM;
    if (!err) {
        if (num_bytes > 0)
            memcpy(reader.bytes, bytes, num_bytes);
        reader.bytes[num_bytes] = '\0';
        reader.num_bytes = num_bytes;
        read_source(&reader);
        err = reader.err;
    }
    free(reader.bytes);
    return reader_finish(&reader, err, ret_labels);
}

void tyto_labels_finish(struct tyto_labels *labels)
{
    for (uint32_t i = 0; labels->files && i < labels->num_files; i++)
        free(labels->files[i]);
    for (uint32_t i = 0; labels->sources && i < labels->num_sources; i++)
        free(labels->sources[i]);
    free(labels->labels);
    free(labels->files);
    free(labels->is_found);
    free(labels->classes);
    free(labels->classes_as_read);
    free(labels->sources);
    *labels = (struct tyto_labels){0};
}
