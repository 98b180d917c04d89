/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <stddef.h>
#include <string.h>

enum { MAX_CHARS = 64 };

static size_t least(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Letters to change, add, take away or swap with their neighbour (optimal string alignment). */
static size_t distance(const char *a, size_t num_a, const char *b, size_t num_b)
{
    size_t rows[3][MAX_CHARS + 1];
    for (size_t j = 0; j <= num_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= num_a; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        row[0] = i;
        for (size_t j = 1; j <= num_b; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                const size_t swapped = rows[(i + 1) % 3][j - 2] + 1;
                row[j] = row[j] < swapped ? row[j] : swapped;
            }
        }
    }
    return rows[num_a % 3][num_b];
}

const char *tyto_nearest(const char *word, const char *const *names, uint32_t num)
{
    const char *best = NULL;
    size_t best_distance = MAX_CHARS;
    const size_t num_word = strnlen(word, MAX_CHARS + 1);
    if (num_word == 0 || num_word > MAX_CHARS)
        return NULL;
    for (uint32_t i = 0; i < num; i++) {
        const size_t num_name = strnlen(names[i], MAX_CHARS + 1);
        if (num_name > MAX_CHARS)
            continue;
        const size_t apart = distance(word, num_word, names[i], num_name);
        const size_t longer = num_word > num_name ? num_word : num_name;
        if (apart < best_distance && apart <= (longer + 2) / 3) {
            best_distance = apart;
            best = names[i];
        }
    }
    return best;
}
