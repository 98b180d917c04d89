/* SPDX-License-Identifier: MIT */
/* Text from outside: whether it is UTF-8, what of it may go to a terminal, which names are good,
 * and fields of CSV. Any thread. */
#ifndef TYTO_BASE_TEXT_H
#define TYTO_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Bytes of the UTF-8 character that text begins with, 1 to 4. 0: it is none, or num_bytes end
 * inside it. Overlong forms, surrogates and code points over U+10FFFF are none; NUL is one. */
size_t tyto_text_char_bytes(const char *text, size_t num_bytes);
bool tyto_text_is_utf8(const char *text, size_t num_bytes);

/* Whether text (at least one byte and its terminator) begins with a control character: C0, DEL, or
 * C1 (U+0080..U+009F), which terminals obey too. */
bool tyto_text_is_control(const char *text);
/* Copies text and puts '?' for control characters and for bytes that are not UTF-8, so that any
 * program may print it; cuts at a character's end. */
void tyto_text_clean(char *ret_text, size_t text_bytes, const char *text);
/* The same in place. A character that text ends inside of, because it had to be cut, goes. */
void tyto_text_make_printable(char *text);

/* Whether text is a name of a class or camera: 1 to name_bytes - 1 characters of a-z 0-9 _ -, so
 * that it needs no quotes anywhere. NULL is none. */
bool tyto_text_is_name(const char *text, size_t name_bytes);

/* Which of num texts is this one; num: none is. */
uint32_t tyto_text_find(const char *const *texts, uint32_t num, const char *text);

/* The value of a hexadecimal digit of either case; -1: it is none. */
int tyto_text_hex_digit(char digit);

/* text without spaces, tabs and line breaks at its ends; changes text. */
char *tyto_text_trim(char *text);
/* The field of a CSV line that begins at text (RFC 4180, without line breaks in quotes), terminated
 * and without spaces around it; changes text. *ret_next is where the next field begins, NULL behind
 * the last. False: a quote is not closed, or stands inside a field. */
bool tyto_text_csv_field(char *text, char **ret_field, char **ret_next);
/* The same of a table whose fields another separator is between. */
bool tyto_text_table_field(char *text, char separator, char **ret_field, char **ret_next);
/* Writes text as a field of CSV, in quotes where it needs them. */
void tyto_text_csv_put(FILE *file, const char *text);

#endif
