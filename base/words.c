/* SPDX-License-Identifier: MIT */
#include "base/words.h"

#include <stdio.h>
#include <string.h>

const char *tyto_word_of(const struct tyto_word *words, uint32_t value)
{
    for (; words->word; words++) {
        if (words->value == value)
            return words->word;
    }
    return NULL;
}

bool tyto_word_find(const struct tyto_word *words, const char *text, uint32_t *ret_value)
{
    for (; words->word; words++) {
        if (strcmp(words->word, text) == 0) {
            *ret_value = words->value;
            return true;
        }
    }
    return false;
}

void tyto_words_print(const struct tyto_word *words, const char *between, char *ret_text,
                      size_t text_bytes)
{
    size_t num = 0;
    ret_text[0] = '\0';
    for (const struct tyto_word *word = words; word->word && num < text_bytes; word++) {
        const int len = snprintf(ret_text + num, text_bytes - num, "%s%s",
                                 word == words ? "" : between, word->word);
        num += len > 0 ? (size_t)len : 0;
    }
}
