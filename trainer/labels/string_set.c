/* SPDX-License-Identifier: MIT */
#include "trainer/labels/string_set.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

enum tyto_err tyto_grow(void **items, uint32_t *capacity, uint32_t num, size_t item_bytes)
{
    if (num < *capacity)
        return TYTO_OK;
    const uint32_t more = *capacity ? *capacity * 2 : FIRST_CAPACITY;
    if (more <= *capacity)
        return TYTO_ERR_FULL;
    void *grown = reallocarray(*items, more, item_bytes);
    if (!grown)
        return TYTO_ERR_NOMEM;
    *items = grown;
    *capacity = more;
    return TYTO_OK;
}

/* FNV-1a; what an attacker could do with collisions is bounded by the limits on label files. */
static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

static uint32_t slot_of(const struct tyto_strings *strings, const char *text)
{
    uint32_t slot = hash_of(text) & (strings->num_slots - 1);
    while (strings->slots[slot] && strcmp(strings->items[strings->slots[slot] - 1], text) != 0)
        slot = (slot + 1) & (strings->num_slots - 1);
    return slot;
}

static enum tyto_err more_slots(struct tyto_strings *strings)
{
    if ((uint64_t)strings->num * 2 < strings->num_slots)
        return TYTO_OK;
    struct tyto_strings wider = *strings;
    wider.num_slots = strings->num_slots ? strings->num_slots * 2 : 4 * FIRST_CAPACITY;
    wider.slots = calloc(wider.num_slots, sizeof(*wider.slots));
    if (!wider.slots)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < strings->num; i++)
        wider.slots[slot_of(&wider, strings->items[i])] = i + 1;
    free(strings->slots);
    *strings = wider;
    return TYTO_OK;
}

enum tyto_err tyto_strings_add(struct tyto_strings *strings, const char *text, uint32_t max,
                               uint32_t *ret_idx, bool *ret_is_new)
{
    enum tyto_err err = more_slots(strings);
    if (err)
        return err;
    const uint32_t slot = slot_of(strings, text);
    if (ret_is_new)
        *ret_is_new = strings->slots[slot] == 0;
    if (strings->slots[slot]) {
        *ret_idx = strings->slots[slot] - 1;
        return TYTO_OK;
    }
    if (strings->num >= max)
        return TYTO_ERR_FULL;
    void *items = strings->items;
    err = tyto_grow(&items, &strings->capacity, strings->num, sizeof(*strings->items));
    strings->items = items;
    if (err)
        return err;
    char *copy = strdup(text);
    if (!copy)
        return TYTO_ERR_NOMEM;
    strings->items[strings->num] = copy;
    strings->slots[slot] = ++strings->num;
    *ret_idx = strings->num - 1;
    return TYTO_OK;
}

bool tyto_strings_find(const struct tyto_strings *strings, const char *text, uint32_t *ret_idx)
{
    if (!strings->num_slots)
        return false;
    const uint32_t slot = slot_of(strings, text);
    if (!strings->slots[slot])
        return false;
    *ret_idx = strings->slots[slot] - 1;
    return true;
}

void tyto_strings_finish(struct tyto_strings *strings)
{
    for (uint32_t i = 0; i < strings->num; i++)
        free(strings->items[i]);
    free(strings->items);
    free(strings->slots);
    *strings = (struct tyto_strings){0};
}
