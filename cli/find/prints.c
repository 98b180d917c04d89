/* SPDX-License-Identifier: MIT */
#include "cli/find/prints.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A score as a byte is in steps of 0.05 of its log-odds, 0 at 101. What lies below log-odds of -3,
 * a score of 0.05, says nothing. */
enum { NOTHING_CODE = 41, NUM_PARTS = 2 };

struct entry {
    struct tyto_print_event event;
    bool has[NUM_PARTS];
    uint8_t best[NUM_PARTS]; /* code of its own class where that was highest */
    float norm[NUM_PARTS];
    uint8_t values[NUM_PARTS][TYTO_PRINTS_MAX_CLASSES];
};

struct tyto_prints {
    struct entry *entries; /* by camera and begin, once they are sorted */
    uint32_t num, num_reserved;
    bool is_sorted;
    char classes[TYTO_PRINTS_MAX_CLASSES][TYTO_ID_MAX + 1];
    uint32_t num_classes;
};

enum tyto_err tyto_prints_create(struct tyto_prints **ret_prints)
{
    *ret_prints = calloc(1, sizeof(**ret_prints));
    return *ret_prints ? TYTO_OK : TYTO_ERR_NOMEM;
}

void tyto_prints_destroy(struct tyto_prints **prints)
{
    if (!*prints)
        return;
    free((*prints)->entries);
    free(*prints);
    *prints = NULL;
}

/* --- events --------------------------------------------------------------------------------------
 */

static int64_t end_of(const struct tyto_event *event)
{
    const int64_t lasted_ns = event->end_media_ns - event->begin_media_ns;
    return event->begin_unix_ns + (event->has_end && lasted_ns > 0 ? lasted_ns : 0);
}

enum tyto_err tyto_prints_add(struct tyto_prints *prints, const struct tyto_event *event)
{
    if (prints->num == TYTO_PRINTS_MAX_EVENTS)
        return TYTO_ERR_FULL;
    if (prints->num == prints->num_reserved) {
        const uint32_t num = prints->num_reserved ? 2 * prints->num_reserved : 256;
        struct entry *grown = realloc(prints->entries, num * sizeof(*grown));
        if (!grown)
            return TYTO_ERR_NOMEM;
        prints->entries = grown;
        prints->num_reserved = num;
    }
    struct entry *entry = &prints->entries[prints->num++];
    memset(entry, 0, sizeof(*entry));
    memcpy(entry->event.id, event->id, sizeof(entry->event.id));
    memcpy(entry->event.camera, event->camera, sizeof(entry->event.camera));
    memcpy(entry->event.class_name, event->class_name, sizeof(entry->event.class_name));
    entry->event.begin_unix_ns = event->begin_unix_ns;
    entry->event.end_unix_ns = end_of(event);
    entry->event.heard = event->scores.heard;
    entry->event.seen = event->scores.seen;
    prints->is_sorted = false;
    return TYTO_OK;
}

static int compare_entries(const void *a, const void *b)
{
    const struct tyto_print_event *one = &((const struct entry *)a)->event;
    const struct tyto_print_event *other = &((const struct entry *)b)->event;
    const int by_camera = strcmp(one->camera, other->camera);
    if (by_camera != 0)
        return by_camera;
    if (one->begin_unix_ns != other->begin_unix_ns)
        return one->begin_unix_ns < other->begin_unix_ns ? -1 : 1;
    return strcmp(one->id, other->id);
}

/* What was added twice is there once. */
static void sort(struct tyto_prints *prints)
{
    uint32_t num = 0;
    if (prints->num > 0)
        qsort(prints->entries, prints->num, sizeof(prints->entries[0]), compare_entries);
    for (uint32_t i = 0; i < prints->num; i++) {
        if (num > 0 && strcmp(prints->entries[num - 1].event.id, prints->entries[i].event.id) == 0)
            continue;
        if (num != i)
            prints->entries[num] = prints->entries[i];
        num++;
    }
    prints->num = num;
    prints->is_sorted = true;
}

/* --- scores --------------------------------------------------------------------------------------
 */

/* Its number among all that were met; -1: no room. */
static int class_of(struct tyto_prints *prints, const char *name)
{
    for (uint32_t i = 0; i < prints->num_classes; i++) {
        if (strcmp(prints->classes[i], name) == 0)
            return (int)i;
    }
    if (prints->num_classes == TYTO_PRINTS_MAX_CLASSES)
        return -1;
    snprintf(prints->classes[prints->num_classes], sizeof(prints->classes[0]), "%s", name);
    return (int)prints->num_classes++;
}

struct taking {
    const struct tyto_reply *page;
    int classes[TYTO_REPLY_MAX_CLASSES]; /* of the page, among all */
};

static void take_part(struct entry *entry, int part, const struct taking *taking,
                      const uint8_t *codes, uint32_t own)
{
    double sum = 0;
    if (entry->has[part] && codes[own] <= entry->best[part])
        return;
    entry->has[part] = true;
    entry->best[part] = codes[own];
    memset(entry->values[part], 0, sizeof(entry->values[part]));
    for (uint32_t i = 0; i < taking->page->num_classes; i++) {
        const int value = codes[i] > NOTHING_CODE ? codes[i] - NOTHING_CODE : 0;
        if (taking->classes[i] < 0)
            continue;
        entry->values[part][taking->classes[i]] = (uint8_t)value;
        sum += (double)(value * value);
    }
    entry->norm[part] = (float)sqrt(sum);
}

static void take_segment(struct entry *entry, const struct taking *taking,
                         const struct tyto_segment_scores *segment)
{
    uint32_t own = 0;
    while (own < taking->page->num_classes &&
           strcmp(taking->page->class_names[own], entry->event.class_name) != 0)
        own++;
    if (own == taking->page->num_classes || !segment->has_heard_seen)
        return;
    if (segment->has_audio)
        take_part(entry, 0, taking, segment->heard, own);
    if (segment->has_video)
        take_part(entry, 1, taking, segment->seen, own);
}

static bool overlaps(const struct tyto_print_event *event, int64_t begin_ns, int64_t end_ns)
{
    return event->begin_unix_ns < end_ns && event->end_unix_ns >= begin_ns;
}

void tyto_prints_take(struct tyto_prints *prints, const char *camera, const struct tyto_reply *page)
{
    struct taking taking = {.page = page};
    if (page->num_segments == 0)
        return;
    if (!prints->is_sorted)
        sort(prints);
    for (uint32_t i = 0; i < page->num_classes; i++)
        taking.classes[i] = class_of(prints, page->class_names[i]);
    const int64_t begin_ns = page->segments[0].begin_unix_ns;
    const int64_t end_ns = page->segments[page->num_segments - 1].end_unix_ns;
    for (uint32_t k = 0; k < prints->num; k++) {
        struct entry *entry = &prints->entries[k];
        if (strcmp(entry->event.camera, camera) != 0 || !overlaps(&entry->event, begin_ns, end_ns))
            continue;
        for (uint32_t i = 0; i < page->num_segments; i++) {
            const struct tyto_segment_scores *segment = &page->segments[i];
            if (overlaps(&entry->event, segment->begin_unix_ns, segment->end_unix_ns))
                take_segment(entry, &taking, segment);
        }
    }
}

/* --- finding -------------------------------------------------------------------------------------
 */

static float cosine(const struct entry *a, int part_a, const struct entry *b, int part_b,
                    uint32_t num_classes)
{
    uint32_t sum = 0;
    const float norms = a->norm[part_a] * b->norm[part_b];
    if (norms <= 0.0f)
        return 0.0f;
    for (uint32_t i = 0; i < num_classes; i++)
        sum += (uint32_t)a->values[part_a][i] * b->values[part_b][i];
    return (float)sum / norms;
}

static float similarity_of(const struct entry *a, enum tyto_print by, const struct entry *b,
                           enum tyto_print among, uint32_t num_classes)
{
    if (by == TYTO_PRINT_ANY)
        return 0.5f * (cosine(a, 0, b, 0, num_classes) + cosine(a, 1, b, 1, num_classes));
    return cosine(a, by == TYTO_PRINT_PICTURE, b, among == TYTO_PRINT_PICTURE, num_classes);
}

/* Keeps the matches sorted, the most alike first; there is room, or the last one is less alike. */
static void keep(struct tyto_print_match *matches, uint32_t max, uint32_t *reterr_num,
                 const struct tyto_print_match *match)
{
    uint32_t at = *reterr_num < max ? (*reterr_num)++ : max - 1;
    for (; at > 0 && matches[at - 1].similarity < match->similarity; at--)
        matches[at] = matches[at - 1];
    matches[at] = *match;
}

static bool is_same_moment(const struct tyto_print_event *a, const struct tyto_print_event *b)
{
    return overlaps(a, b->begin_unix_ns, b->end_unix_ns + 1) && strcmp(a->camera, b->camera) == 0;
}

enum tyto_err tyto_prints_find(const struct tyto_prints *prints, const char *id, enum tyto_print by,
                               enum tyto_print among, uint32_t max,
                               struct tyto_print_match *ret_matches, uint32_t *ret_num)
{
    const struct entry *like = NULL;
    *ret_num = 0;
    for (uint32_t i = 0; !like && i < prints->num; i++) {
        if (strcmp(prints->entries[i].event.id, id) == 0)
            like = &prints->entries[i];
    }
    if (!like)
        return TYTO_ERR_NOT_FOUND;
    const bool has_sound = like->norm[0] > 0.0f, has_picture = like->norm[1] > 0.0f;
    if ((by == TYTO_PRINT_SOUND && !has_sound) || (by == TYTO_PRINT_PICTURE && !has_picture) ||
        (!has_sound && !has_picture))
        return TYTO_ERR_EMPTY;
    for (uint32_t i = 0; max > 0 && i < prints->num; i++) {
        const struct entry *entry = &prints->entries[i];
        const struct tyto_print_match match = {
            &entry->event, similarity_of(like, by, entry, among, prints->num_classes)};
        if (match.similarity > 0.0f &&
            (*ret_num < max || match.similarity > ret_matches[max - 1].similarity) &&
            !is_same_moment(&entry->event, &like->event))
            keep(ret_matches, max, ret_num, &match);
    }
    return TYTO_OK;
}
