/* SPDX-License-Identifier: MIT */
/* What only all lines together show: duplicates, overlaps, contradictions, misspelt classes, times
 * beyond a recording's end. Makes the final list of labels. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "trainer/labels/reader.h"

enum {
    MAX_MISSPELT = 64,  /* classes asked for; more are another language */
    RARE_FACTOR = 4,    /* a class is suspected when its neighbour is this much more frequent */
    END_SLACK_MS = 100, /* of recordings: what containers say is rounded to a frame */
};

static int compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_reading(const struct tyto_label *a, const struct tyto_label *b)
{
    const int by_source = compare_numbers(a->source_idx, b->source_idx);
    return by_source ? by_source : compare_numbers(a->line, b->line);
}

/* Background first, then by class and begin. */
static int compare_class(const void *left, const void *right)
{
    const struct tyto_label *a = &((const struct tyto_label_kept *)left)->label;
    const struct tyto_label *b = &((const struct tyto_label_kept *)right)->label;
    const int64_t keys[][2] = {{a->file_idx, b->file_idx},
                               {(uint32_t)(a->class_idx + 1), (uint32_t)(b->class_idx + 1)},
                               {!a->is_weak, !b->is_weak},
                               {a->begin_ns, b->begin_ns},
                               {a->end_ns, b->end_ns}};
    int order = 0;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !order; i++)
        order = compare_numbers(keys[i][0], keys[i][1]);
    return order ? order : compare_reading(a, b);
}

static int compare_time(const void *left, const void *right)
{
    const struct tyto_label *a = left, *b = right;
    int order = compare_numbers(a->file_idx, b->file_idx);
    order = order ? order : compare_numbers(a->begin_ns, b->begin_ns);
    order = order ? order : compare_numbers(a->end_ns, b->end_ns);
    order = order ? order : compare_numbers(a->class_idx, b->class_idx);
    return order ? order : compare_reading(a, b);
}

/* Faults from here on are of this label's file. */
static uint32_t at_label(struct tyto_label_reader *reader, const struct tyto_label *label)
{
    reader->source = reader->labels.sources[label->source_idx];
    return label->line;
}

static const char *source_of(const struct tyto_label_reader *reader, const struct tyto_label *label)
{
    return reader->labels.sources[label->source_idx];
}

/* label comes after other, of the same recording and class, and shares a modality with it. False:
 * it is to be dropped. */
static bool check_pair(struct tyto_label_reader *reader, struct tyto_label_kept *other,
                       const struct tyto_label_kept *kept)
{
    const struct tyto_label *label = &kept->label;
    struct tyto_label *first = &other->label;
    const char *name = reader->classes.items[label->class_idx];
    if (label->is_weak != first->is_weak || (!label->is_weak && label->begin_ns >= first->end_ns))
        return true;
    if (label->begin_ns == first->begin_ns && label->end_ns == first->end_ns) {
        if (!kept->merges)
            tyto_label_note(reader, at_label(reader, label), NULL,
                            "'%s' is the same as at %.100s:%u: delete one of them", name,
                            source_of(reader, first), first->line);
        first->truth |= label->truth;
        return false;
    }
    if (kept->merges && other->merges && label->truth == first->truth) {
        first->end_ns = label->end_ns > first->end_ns ? label->end_ns : first->end_ns;
        return false;
    }
    tyto_label_note(reader, at_label(reader, label), NULL,
                    "'%s' overlaps that at %.100s:%u: if they are one event, make them one", name,
                    source_of(reader, first), first->line);
    return true;
}

static void check_mixed(struct tyto_label_reader *reader, const struct tyto_label *label,
                        const struct tyto_label *background)
{
    if (background)
        tyto_label_error(reader, at_label(reader, background), NULL,
                         "the recording is said to be background, but has '%s' at %.100s:%u: "
                         "delete one of them",
                         reader->classes.items[label->class_idx], source_of(reader, label),
                         label->line);
}

/* Over the labels sorted by recording, class and begin; gives back how many are left. */
static uint32_t check_neighbours(struct tyto_label_reader *reader)
{
    struct tyto_label_kept *kept = reader->kept, *background = NULL;
    struct tyto_label_kept *reach[2] = {NULL, NULL}; /* ends last so far: heard, seen */
    uint32_t num = 0;
    for (uint32_t i = 0; i < reader->labels.num_labels; i++) {
        const struct tyto_label_kept current = kept[i];
        const struct tyto_label *label = &current.label;
        if (background && background->label.file_idx != label->file_idx)
            background = NULL;
        if (label->class_idx == TYTO_LABEL_NO_CLASS) {
            background = background ? background : &kept[i];
            continue;
        }
        if (background) {
            check_mixed(reader, label, &background->label);
            background = NULL;
        }
        bool is_kept = true;
        for (uint32_t bit = 0; bit < 2; bit++) {
            if (reach[bit] && (reach[bit]->label.file_idx != label->file_idx ||
                               reach[bit]->label.class_idx != label->class_idx))
                reach[bit] = NULL;
            if (is_kept && reach[bit] && (label->truth >> bit & 1) &&
                !(bit == 1 && reach[0] == reach[1] && (label->truth & 1)))
                is_kept = check_pair(reader, reach[bit], &current);
        }
        if (!is_kept)
            continue;
        kept[num] = current;
        for (uint32_t bit = 0; bit < 2; bit++) {
            if ((label->truth >> bit & 1) &&
                (!reach[bit] || label->is_weak != reach[bit]->label.is_weak ||
                 label->end_ns > reach[bit]->label.end_ns))
                reach[bit] = &kept[num];
        }
        num++;
    }
    return num;
}

/* A recording with and without times: what has none says nothing about when. */
static void check_weak(struct tyto_label_reader *reader, uint32_t num)
{
    for (uint32_t i = 0, begin = 0; i < num; i++) {
        const struct tyto_label *label = &reader->kept[i].label;
        if (label->file_idx != reader->kept[begin].label.file_idx)
            begin = i;
        const bool is_last = i + 1 == num || reader->kept[i + 1].label.file_idx != label->file_idx;
        const struct tyto_label *weak = NULL, *strong = NULL;
        for (uint32_t j = begin; is_last && j <= i; j++) {
            const struct tyto_label *other = &reader->kept[j].label;
            if (other->is_weak && !weak)
                weak = other;
            if (!other->is_weak && !strong)
                strong = other;
        }
        if (weak && strong)
            tyto_label_note(reader, at_label(reader, weak), NULL,
                            "'%s' has no times, but the recording has labels with times "
                            "(%.100s:%u): give it times, too",
                            reader->classes.items[weak->class_idx], source_of(reader, strong),
                            strong->line);
    }
}

/* Times against the recording's length. The recordings come one after the other. */
static void check_durations(struct tyto_label_reader *reader, uint32_t num)
{
    const struct tyto_labels_params *params = reader->params;
    const int64_t slack_ns = END_SLACK_MS * (int64_t)(TYTO_NS_PER_S / 1000);
    uint32_t file_idx = UINT32_MAX;
    int64_t duration_ns = 0;
    bool is_known = false;
    for (uint32_t i = 0; params->get_duration && i < num; i++) {
        struct tyto_label *label = &reader->kept[i].label;
        if (label->file_idx != file_idx) {
            file_idx = label->file_idx;
            is_known =
                reader->labels.is_found[file_idx] &&
                params->get_duration(params->user, reader->files.items[file_idx], &duration_ns);
        }
        if (!is_known || label->is_weak || label->end_ns <= duration_ns)
            continue;
        const char *name = reader->classes.items[label->class_idx];
        const double duration_s = (double)duration_ns / 1e9;
        if (label->begin_ns >= duration_ns)
            tyto_label_error(reader, at_label(reader, label), NULL,
                             "'%s' begins at %g s, but the recording %.100s is over at %g s: is it "
                             "of another recording?",
                             name, (double)label->begin_ns / 1e9, reader->files.items[file_idx],
                             duration_s);
        else if (label->end_ns > duration_ns + slack_ns)
            tyto_label_note(reader, at_label(reader, label), NULL,
                            "'%s' ends at %g s, but the recording %.100s at %g s: it is cut there",
                            name, (double)label->end_ns / 1e9, reader->files.items[file_idx],
                            duration_s);
        if (label->begin_ns < duration_ns)
            label->end_ns = duration_ns;
    }
}

/* Warns of classes that are rare and nearly spelt like a frequent one. */
static void check_spelling(struct tyto_label_reader *reader, uint32_t num)
{
    const uint32_t num_classes = reader->classes.num;
    uint32_t counts[TYTO_LABELS_MAX_CLASSES] = {0}, num_asked = 0;
    const struct tyto_label *first[TYTO_LABELS_MAX_CLASSES] = {NULL};
    const char *names[TYTO_LABELS_MAX_CLASSES];
    for (uint32_t i = 0; i < num; i++) {
        const struct tyto_label *label = &reader->kept[i].label;
        const uint32_t class_idx = label->class_idx;
        counts[class_idx]++;
        if (!first[class_idx] || compare_reading(label, first[class_idx]) < 0)
            first[class_idx] = label;
    }
    for (uint32_t i = 0; i < num_classes && num_asked < MAX_MISSPELT; i++) {
        uint32_t num_names = 0;
        for (uint32_t j = 0; first[i] && j < num_classes; j++) {
            if (j != i && counts[j] >= RARE_FACTOR * counts[i])
                names[num_names++] = reader->classes.items[j];
        }
        const char *near =
            num_names > 0 ? tyto_nearest(reader->classes.items[i], names, num_names) : NULL;
        num_asked += num_names > 0;
        uint32_t near_idx = 0;
        if (near && tyto_strings_find(&reader->classes, near, &near_idx))
            tyto_label_note(reader, at_label(reader, first[i]), NULL,
                            "class '%s' has %u label%s: did you mean '%s', which has %u?",
                            reader->classes.items[i], counts[i], counts[i] == 1 ? "" : "s", near,
                            counts[near_idx]);
    }
}

static int compare_names(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

/* Classes by name; labels are renumbered. */
static enum tyto_err sort_classes(struct tyto_label_reader *reader, uint32_t num_labels)
{
    struct tyto_labels *labels = &reader->labels;
    const uint32_t num = reader->classes.num;
    const char *names[TYTO_LABELS_MAX_CLASSES];
    labels->num_classes = num;
    labels->classes = calloc(num ? num : 1, sizeof(*labels->classes));
    labels->classes_as_read = calloc(num ? num : 1, sizeof(*labels->classes_as_read));
    if (!labels->classes || !labels->classes_as_read)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < num; i++)
        names[i] = reader->classes.items[i];
    qsort(names, num, sizeof(names[0]), compare_names);
    for (uint32_t i = 0; i < num; i++) {
        uint32_t as_read = 0;
        memcpy(labels->classes[i], names[i], strlen(names[i]) + 1);
        if (tyto_strings_find(&reader->classes, names[i], &as_read))
            labels->classes_as_read[as_read] = i;
    }
    for (uint32_t i = 0; i < num_labels; i++) {
        uint32_t *class_idx = &reader->kept[i].label.class_idx;
        *class_idx = labels->classes_as_read[*class_idx];
    }
    return TYTO_OK;
}

void tyto_label_check_all(struct tyto_label_reader *reader)
{
    struct tyto_labels *labels = &reader->labels;
    if (labels->num_labels > 0)
        qsort(reader->kept, labels->num_labels, sizeof(*reader->kept), compare_class);
    const uint32_t num = check_neighbours(reader);
    check_weak(reader, num);
    check_durations(reader, num);
    check_spelling(reader, num);
    labels->num_labels = 0;
    labels->labels = calloc(num ? num : 1, sizeof(*labels->labels));
    if (!labels->labels || sort_classes(reader, num) != TYTO_OK) {
        reader->err = TYTO_ERR_NOMEM;
        return;
    }
    for (uint32_t i = 0; i < num; i++)
        labels->labels[i] = reader->kept[i].label;
    labels->num_labels = num;
    if (num > 0)
        qsort(labels->labels, num, sizeof(*labels->labels), compare_time);
}
