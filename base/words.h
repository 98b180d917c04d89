/* SPDX-License-Identifier: MIT */
/* Words that a person writes for a value: one list each, as base/err.h has one for errors. The list
 * makes the enum and the words, so that neither can lack an entry or stand in another order. */
#ifndef TYTO_BASE_WORDS_H
#define TYTO_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One word; an array of them ends with a NULL word. */
struct tyto_word {
    const char *word;
    uint32_t value;
    const char *help; /* what it means; NULL: the word says it */
};

/* A list is #define TYTO_X_LIST(X) X(TYTO_X_ONE, "one", "what it means") ... ; then
 *     enum tyto_x { TYTO_X_LIST(TYTO_WORD_ENUM) };
 * and TYTO_WORDS(TYTO_X_LIST) is its array, which lives as long as the program at file scope. */
#define TYTO_WORD_ENUM(name, word, help) name,
#define TYTO_WORD_ROW(name, word, help) {word, name, help},
/* "one, two, " for a text that goes on. */
#define TYTO_WORD_TEXT(name, word, help) word ", "
#define TYTO_WORDS(LIST) ((const struct tyto_word[]){LIST(TYTO_WORD_ROW){NULL, 0, NULL}})

/* The word of a value; NULL when the list has none. */
const char *tyto_word_of(const struct tyto_word *words, uint32_t value);
/* Whether text is one of the words; then *ret_value is its value. */
bool tyto_word_find(const struct tyto_word *words, const char *text, uint32_t *ret_value);
/* "one, two, three"; cut to text_bytes. */
void tyto_words_print(const struct tyto_word *words, const char *between, char *ret_text,
                      size_t text_bytes);

#endif
