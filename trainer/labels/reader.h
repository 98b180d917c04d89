/* SPDX-License-Identifier: MIT */
/* Private to this folder: what the readers of the formats share. A reader of a format goes through
 * a whole label file, reports what is wrong with tyto_label_error() and goes on; it stops only when
 * reader->err is set (out of memory, or over a limit). */
#ifndef TYTO_TRAINER_LABELS_READER_H
#define TYTO_TRAINER_LABELS_READER_H

#include "base/text.h"
#include "trainer/labels/labels.h"
#include "trainer/labels/media.h"
#include "trainer/labels/string_set.h"

enum { TYTO_LABEL_PATH_BYTES = 4096 };

/* A label before all have been read; class_idx NO_CLASS: the whole recording is said to be
 * background. */
struct tyto_label_kept {
    struct tyto_label label;
    bool merges;
};

#define TYTO_LABEL_NO_CLASS UINT32_MAX

struct tyto_label_reader {
    const struct tyto_labels_params *params;
    struct tyto_labels labels; /* being made; classes and files are in the order of mention */
    struct tyto_strings files, classes;
    struct tyto_strings written;   /* as label files name recordings, "DIR\nNAME" */
    uint32_t *file_of_written;     /* owned */
    struct tyto_strings spellings; /* of classes */
    uint32_t *class_of_spelling;   /* owned; UINT32_MAX: no class (already reported) */
    uint32_t found_capacity, written_capacity, spellings_capacity, kept_capacity;
    struct tyto_label_kept *kept; /* owned, (labels.num_labels) */
    struct tyto_label_media media;
    const char *source; /* the label file being read, and its number */
    uint32_t source_idx;
    char *bytes; /* of the label file: terminated, may be written to */
    size_t num_bytes;
    uint32_t num_faults;
    enum tyto_err err;
};

/* What a format says of an event. */
struct tyto_label_raw {
    uint32_t line;
    const char *key;        /* for faults; NULL: none */
    const char *class_name; /* as written */
    double begin_s, end_s;
    uint8_t truth;
    bool is_weak;
    bool merges; /* overlapping the same class is no fault: two dogs in a picture */
};

void tyto_label_error(struct tyto_label_reader *reader, uint32_t line, const char *key,
                      const char *fmt, ...) TYTO_PRINTF(4, 5);
void tyto_label_note(struct tyto_label_reader *reader, uint32_t line, const char *key,
                     const char *fmt, ...) TYTO_PRINTF(4, 5);

/* The number of a recording by its name as written, or (is_stem) by its name without the last
 * suffix. False when it has been reported as a fault, or reader->err is set. */
bool tyto_label_file(struct tyto_label_reader *reader, const char *written, bool is_stem,
                     uint32_t line, const char *key, uint32_t *ret_file_idx);
/* Checks and keeps an event. False: reported, or reader->err is set. */
bool tyto_label_add(struct tyto_label_reader *reader, uint32_t file_idx,
                    const struct tyto_label_raw *raw);
/* Makes a class known: its number, in the order of mention. False: reported, or reader->err. */
bool tyto_label_class(struct tyto_label_reader *reader, const struct tyto_label_raw *raw,
                      uint32_t *ret_class_idx);
/* The whole recording is background. */
void tyto_label_background(struct tyto_label_reader *reader, uint32_t file_idx, uint32_t line);
/* "heard", "seen", "both" (any case). */
bool tyto_label_modality(const char *text, uint8_t *ret_truth);
/* The modality that a tier's or control's name has as a word: "events (heard)"; else both. */
uint8_t tyto_label_word_truth(const char *text);
/* tyto_label_modality(), and reports what is none. */
bool tyto_label_read_modality(struct tyto_label_reader *reader, const char *text, uint32_t line,
                              const char *key, uint8_t *ret_truth);
/* A decimal number, finite; no hex, no spaces inside. */
bool tyto_label_number(const char *text, double *ret_value);
/* The same where no comma separates fields: "83,5" is a number, as half the world writes it. */
bool tyto_label_local_number(const char *text, double *ret_value);
/* Seconds, or hours, minutes and seconds with colons between; reports what is neither. */
bool tyto_label_seconds(struct tyto_label_reader *reader, const char *text, uint32_t line,
                        const char *key, double *ret_seconds);
/* A path out of a URL or path, percent codes resolved: whole when it is relative, else its last
 * part, as it is of another machine. */
void tyto_label_url_path(const char *url, char *ret_path, size_t path_bytes);
/* The same of a path that another machine's tools wrote: '\\' separates folders, too. */
void tyto_label_own_path(const char *written, char *ret_path, size_t path_bytes);
/* A path's last part without its suffix. */
void tyto_label_stem(const char *path, char *ret_stem, size_t stem_bytes);
/* Whether reader->bytes are UTF-8 without NUL; reports the line that is not. */
bool tyto_label_text_is_sound(struct tyto_label_reader *reader);

/* --- lines of text ------------------------------------------------------------------- */

struct tyto_label_lines {
    char *at, *end;
    uint32_t line; /* of the text given last */
    uint32_t max_bytes;
    char stop; /* what ends a line: a line feed; a carriage return where there is none of those */
};

/* Over reader->bytes; a byte order mark is skipped. */
struct tyto_label_lines tyto_label_lines(struct tyto_label_reader *reader, uint32_t max_bytes);
/* The next line, terminated, without its line break; lines that are too long, no UTF-8 or hold a
 * NUL have been reported and are left out. NULL at the end. */
char *tyto_label_line(struct tyto_label_reader *reader, struct tyto_label_lines *lines);

/* --- the formats --------------------------------------------------------------------- */

void tyto_label_read_csv(struct tyto_label_reader *reader);
void tyto_label_read_ave(struct tyto_label_reader *reader);
void tyto_label_read_audacity(struct tyto_label_reader *reader);
void tyto_label_read_elan(struct tyto_label_reader *reader);
void tyto_label_read_cvat(struct tyto_label_reader *reader);
void tyto_label_read_label_studio(struct tyto_label_reader *reader);
void tyto_label_read_events(struct tyto_label_reader *reader);

/* After the last label file: sorts, and checks what concerns several lines. */
void tyto_label_check_all(struct tyto_label_reader *reader);

#endif
