/* SPDX-License-Identifier: MIT */
/* What can be chosen, as tables: one row has a knob's key, type, unit, range, words and help text,
 * and where its value lies in a struct. Everything else is made from the rows: reading YAML
 * (daemon/config), command lines (command.h) and JSON (json.h), --help, man pages, the reference
 * and completions. A row has no default: that is what the struct holds after its owner has set it
 * up.
 *
 * Rows are constant; values belong to one thread. */
#ifndef TYTO_OPTIONS_OPTIONS_H
#define TYTO_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/words.h"

enum { TYTO_OPTIONS_TEXT_MAX = 1024, TYTO_OPTIONS_MAX_ROWS = 64 };

enum tyto_option_type {
    TYTO_OPTION_FLAG, /* bool */
    TYTO_OPTION_WORD, /* uint32_t or an enum: one of the row's words */
    TYTO_OPTION_U32,
    TYTO_OPTION_U64,
    TYTO_OPTION_F32,
    TYTO_OPTION_F64,
    TYTO_OPTION_TIME,  /* int64_t, nanoseconds; written in the row's unit */
    TYTO_OPTION_BYTES, /* uint64_t; written in the row's unit */
    TYTO_OPTION_RANGE, /* double[2], low and high: "LOW:HIGH" */
    TYTO_OPTION_CHARS, /* char[size] */
    TYTO_OPTION_TEXT,  /* char *, owned; NULL: not given */
    TYTO_OPTION_TEXTS, /* struct tyto_texts; at most `max` of them */
    TYTO_OPTION_OTHER, /* set() and print() of the row do it */
};

/* Texts of one kind. */
struct tyto_texts {
    char **texts; /* owned, each too */
    uint32_t num;
};

/* A copy that shares nothing, over texts without any. NOMEM: finish() what there is. */
TYTO_MUST_CHECK
enum tyto_err tyto_texts_copy(const struct tyto_texts *texts, struct tyto_texts *ret_texts);
void tyto_texts_finish(struct tyto_texts *texts);

struct tyto_option {
    const char *key;     /* "hang_over_s": so in YAML and JSON; --hang-over-s on a command line */
    const char *name;    /* there, instead: "models"; NULL: from the key */
    const char *aliases; /* "single,solo": older names, taken for one release; NULL: none */
    char letter;         /* -o; 0: none */
    bool is_place;       /* a path or a URI: in a file, a relative one counts from its folder */
    enum tyto_option_type type;
    size_t offset, size; /* of the value in its struct */
    double min, max;  /* of a number as written, or of how many texts; both counted in. OTHER with
                         a max: a list of as many, set() adds one */
    const char *unit; /* "s", "ms", "days", "MiB", "GiB"; of others for people only */
    const struct tyto_word *words; /* WORD: all; a number: words for special values. Or NULL */
    const char *value;             /* "FILE", for people; NULL: from the type */
    const char *help;    /* one sentence or more, any length, in lower case, no full stop */
    bool is_needed;      /* must be given; for people: whoever reads checks it */
    bool is_hidden;      /* not in --help, man pages and completions */
    const char *absent;  /* what holds when nothing is given, where no value says it */
    const char *example; /* a value for the example file, where the default is none */
    const char *alone;   /* what --key without a value means; NULL: it must have one */
    /* Another condition of a text: INVALID with the whole complaint in ret_fault->text. */
    enum tyto_err (*check)(const char *text, struct tyto_fault *ret_fault);
    /* TEXTS: whether two of them mean the same, so that one is too many; or NULL. */
    bool (*is_same)(const char *text, const char *other);
    /* OTHER: reads a text into the value; writes the value ("": none). */
    enum tyto_err (*set)(void *value, const char *text, struct tyto_fault *ret_fault);
    void (*print)(const void *value, char *ret_text, size_t text_bytes);
};

/* Where and how large a row's value is. */
#define TYTO_OPTION_AT(type, field)                                                                \
    .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define TYTO_NUM_ROWS(rows) ((uint32_t)(sizeof(rows) / sizeof((rows)[0])))

/* Rows that belong together, whose struct lies within a larger one: the target. */
struct tyto_option_group {
    const char *key;    /* of the group in YAML; NULL: its rows stand at the top */
    const char *title;  /* heading in --help and the reference */
    const char *text;   /* a sentence under it in the reference; or NULL */
    const char *prefix; /* --models-visual; NULL: none */
    const struct tyto_option *rows;
    uint32_t num_rows; /* <= TYTO_OPTIONS_MAX_ROWS */
    size_t offset;     /* of the rows' struct in the target */
    size_t marks; /* of a uint64_t in the target, whose bit i says that row i was given; 0: none */
};

/* The value of a row in the group's target. */
void *tyto_option_value(const struct tyto_option_group *group, uint32_t row_idx,
                        const void *target);

/* Reads a text into a value. A text that does not fit gives INVALID with the complaint in
 * ret_fault->text ("'x' must be ..."; file, line and key are the caller's) and leaves the value as
 * it was. TEXTS: adds one; FULL as INVALID. NOMEM. ret_fault may be NULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_option_set(const struct tyto_option *option, void *value, const char *text,
                              struct tyto_fault *ret_fault);
/* The same for a row of a group; sets its mark. The first text for a row of TEXTS that has no mark
 * in *given replaces what is there. */
TYTO_MUST_CHECK
enum tyto_err tyto_option_give(const struct tyto_option_group *group, uint32_t row_idx,
                               void *target, uint64_t *given, const char *text,
                               struct tyto_fault *ret_fault);
/* A value as tyto_option_set() reads it; "" for a text that is not given; TEXTS with commas. */
void tyto_option_print(const struct tyto_option *option, const void *value, char *ret_text,
                       size_t text_bytes);
/* Whether two values of a row are the same; of an OTHER: as it prints them. */
bool tyto_option_is_same(const struct tyto_option *option, const void *value, const void *other);
/* Puts a copy of a value in the place of another, which is freed where it is a TEXT or TEXTS. No
 * row may be an OTHER. NOMEM: the other stays as it was. */
TYTO_MUST_CHECK
enum tyto_err tyto_option_copy(const struct tyto_option *option, const void *from, void *to);
/* Frees a TEXT or TEXTS; other values stay. */
void tyto_option_clear(const struct tyto_option *option, void *value);
void tyto_options_finish(const struct tyto_option_group *groups, uint32_t num_groups, void *target);

/* Copies the values whose bits are in marks; no row may be a TEXT or TEXTS. */
void tyto_options_overlay(const struct tyto_option *rows, uint32_t num_rows, const void *from,
                          uint64_t marks, void *to);

/* --- for people ------------------------------------------------------------------------------ */

/* "--onset-num"; --PREFIX-key in a group with a prefix. */
void tyto_option_name(const struct tyto_option_group *group, const struct tyto_option *option,
                      char *ret_text, size_t text_bytes);
/* "N", "S", "auto|vulkan|cpu"; "" for a flag. */
void tyto_option_value_name(const struct tyto_option *option, char *ret_text, size_t text_bytes);
/* "0.01 to 1", "1 to 64, or weights", "auto, vulkan, cpu", "true or false"; "" for a plain text. */
void tyto_option_range(const struct tyto_option *option, char *ret_text, size_t text_bytes);
/* What holds when nothing is given, by a value that was set up; "" when that is nothing. */
void tyto_option_default(const struct tyto_option *option, const void *value, char *ret_text,
                         size_t text_bytes);
/* The same for a command line: nothing of a flag that is off, and how to turn it off where it is
 * on. */
void tyto_option_default_given(const struct tyto_option_group *group,
                               const struct tyto_option *option, const void *value, char *ret_text,
                               size_t text_bytes);

#endif
