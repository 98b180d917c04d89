/* SPDX-License-Identifier: MIT */
/* ELAN's .eaf: annotations on tiers between time slots. An annotation's text is the class; a tier
 * with "heard", "seen" or "both" in its name says the modality, and so does an annotation of these
 * words that refers to another. Slots without a time lie evenly between their neighbours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "trainer/labels/reader.h"
#include "trainer/labels/xml.h"

enum { ID_BYTES = 256, TEXT_BYTES = 256, MAX_REFERENCES = 32 };

#define NOWHERE UINT32_MAX

struct slot {
    double ms;
    bool is_known, is_guessed;
};

struct annotation {
    uint32_t line, tier;
    uint32_t slots[2];            /* NOWHERE in both: it refers to another */
    uint32_t parent;              /* by id */
    uint32_t part_idx, num_parts; /* of the annotation that it refers to, in its tier */
    uint8_t truth;
    bool is_modality; /* its text is the modality of what it refers to */
    char *text;       /* owned */
};

struct elan {
    struct tyto_label_reader *reader;
    struct tyto_strings slot_ids, annotation_ids;
    struct slot *slots;             /* owned */
    struct annotation *annotations; /* owned, in the order of the file */
    uint32_t *by_id;                /* owned: annotation number by id number; NOWHERE: not yet */
    uint32_t num_annotations, annotations_capacity, slots_capacity, by_id_capacity;
    uint32_t num_tiers;
    uint8_t tier_truth;
    char media[TYTO_LABEL_PATH_BYTES];
    bool has_video;
    double origin_ms, unit_ms;
};

/* A number for a slot's or annotation's id, with an item of its own. NOWHERE: reader->err is set.
 */
static uint32_t id_of(struct elan *elan, struct tyto_strings *ids, void **items, uint32_t *capacity,
                      size_t item_bytes, int fill, const char *id)
{
    uint32_t idx = NOWHERE;
    bool is_new = false;
    enum tyto_err err = tyto_grow(items, capacity, ids->num, item_bytes);
    if (!err)
        err = tyto_strings_add(ids, id, TYTO_LABELS_MAX_LABELS, &idx, &is_new);
    if (err)
        elan->reader->err = err;
    else if (is_new)
        memset((char *)*items + idx * item_bytes, fill, item_bytes);
    return err ? NOWHERE : idx;
}

static uint32_t slot_of(struct elan *elan, const char *id)
{
    void *items = elan->slots;
    const uint32_t idx =
        id_of(elan, &elan->slot_ids, &items, &elan->slots_capacity, sizeof(*elan->slots), 0, id);
    elan->slots = items;
    return idx;
}

static uint32_t annotation_id_of(struct elan *elan, const char *id)
{
    void *items = elan->by_id;
    const uint32_t idx = id_of(elan, &elan->annotation_ids, &items, &elan->by_id_capacity,
                               sizeof(*elan->by_id), 0xFF, id);
    elan->by_id = items;
    return idx;
}

/* --- reading the elements ------------------------------------------------------------ */

static void read_slot(struct elan *elan, const struct tyto_xml *xml)
{
    char id[ID_BYTES], value[64];
    double ms;
    tyto_xml_attribute(xml, "TIME_SLOT_ID", id, sizeof(id));
    const uint32_t idx = slot_of(elan, id);
    if (idx == NOWHERE || !tyto_xml_attribute(xml, "TIME_VALUE", value, sizeof(value)))
        return;
    if (tyto_label_number(value, &ms))
        elan->slots[idx] = (struct slot){.ms = ms * elan->unit_ms, .is_known = true};
    else
        tyto_label_error(elan->reader, tyto_xml_line(xml), id, "'%.40s' is not a time", value);
}

static void read_units(struct elan *elan, const struct tyto_xml *xml)
{
    char units[32], file[TYTO_LABEL_PATH_BYTES];
    elan->unit_ms = 1;
    if (tyto_xml_attribute(xml, "TIME_UNITS", units, sizeof(units))) {
        if (strcmp(units, "PAL-frames") == 0)
            elan->unit_ms = 1000.0 / 25;
        else if (strcmp(units, "NTSC-frames") == 0)
            elan->unit_ms = 1001.0 / 30;
        else if (strcmp(units, "milliseconds") != 0)
            tyto_label_error(elan->reader, tyto_xml_line(xml), "TIME_UNITS",
                             "'%s' is none of milliseconds, PAL-frames, NTSC-frames", units);
    }
    if (tyto_xml_attribute(xml, "MEDIA_FILE", file, sizeof(file)) && file[0])
        tyto_label_url_path(file, elan->media, sizeof(elan->media));
}

/* Of several recordings the first with pictures counts. */
static void read_media(struct elan *elan, const struct tyto_xml *xml)
{
    char type[64], origin[64], url[TYTO_LABEL_PATH_BYTES];
    double origin_ms = 0;
    tyto_xml_attribute(xml, "MIME_TYPE", type, sizeof(type));
    const bool is_video = strncmp(type, "video/", 6) == 0;
    if (elan->media[0] && (elan->has_video || !is_video))
        return;
    if ((!tyto_xml_attribute(xml, "RELATIVE_MEDIA_URL", url, sizeof(url)) || !url[0]) &&
        (!tyto_xml_attribute(xml, "MEDIA_URL", url, sizeof(url)) || !url[0]))
        return;
    if (tyto_xml_attribute(xml, "TIME_ORIGIN", origin, sizeof(origin)) &&
        !tyto_label_number(origin, &origin_ms))
        tyto_label_error(elan->reader, tyto_xml_line(xml), "TIME_ORIGIN",
                         "'%.40s' is not a number of milliseconds", origin);
    tyto_label_url_path(url, elan->media, sizeof(elan->media));
    elan->origin_ms = origin_ms;
    elan->has_video = is_video;
}

static void read_tier(struct elan *elan, const struct tyto_xml *xml)
{
    char name[ID_BYTES];
    tyto_xml_attribute(xml, "TIER_ID", name, sizeof(name));
    elan->num_tiers++;
    elan->tier_truth = tyto_label_word_truth(name);
}

static void read_annotation(struct elan *elan, const struct tyto_xml *xml, bool is_reference)
{
    struct tyto_label_reader *reader = elan->reader;
    char id[ID_BYTES], from[ID_BYTES], to[ID_BYTES];
    struct annotation annotation = {.line = tyto_xml_line(xml),
                                    .tier = elan->num_tiers,
                                    .slots = {NOWHERE, NOWHERE},
                                    .parent = NOWHERE,
                                    .num_parts = 1,
                                    .truth = elan->tier_truth};
    void *items = elan->annotations;
    reader->err = tyto_grow(&items, &elan->annotations_capacity, elan->num_annotations,
                            sizeof(*elan->annotations));
    elan->annotations = items;
    if (reader->err)
        return;
    tyto_xml_attribute(xml, "ANNOTATION_ID", id, sizeof(id));
    const uint32_t id_idx = annotation_id_of(elan, id);
    if (id_idx == NOWHERE)
        return;
    if (elan->by_id[id_idx] != NOWHERE)
        tyto_label_error(reader, annotation.line, id, "the annotation's id is there twice");
    elan->by_id[id_idx] = elan->num_annotations;
    if (is_reference) {
        tyto_xml_attribute(xml, "ANNOTATION_REF", from, sizeof(from));
        annotation.parent = annotation_id_of(elan, from);
    } else {
        tyto_xml_attribute(xml, "TIME_SLOT_REF1", from, sizeof(from));
        tyto_xml_attribute(xml, "TIME_SLOT_REF2", to, sizeof(to));
        annotation.slots[0] = slot_of(elan, from);
        annotation.slots[1] = slot_of(elan, to);
    }
    if (!reader->err)
        elan->annotations[elan->num_annotations++] = annotation;
}

static void begin_element(struct elan *elan, const struct tyto_xml *xml)
{
    const char *name = tyto_xml_name(xml);
    if (strcmp(name, "HEADER") == 0)
        read_units(elan, xml);
    else if (strcmp(name, "MEDIA_DESCRIPTOR") == 0)
        read_media(elan, xml);
    else if (strcmp(name, "TIME_SLOT") == 0)
        read_slot(elan, xml);
    else if (strcmp(name, "TIER") == 0)
        read_tier(elan, xml);
    else if (strcmp(name, "ALIGNABLE_ANNOTATION") == 0)
        read_annotation(elan, xml, false);
    else if (strcmp(name, "REF_ANNOTATION") == 0)
        read_annotation(elan, xml, true);
}

/* An annotation's text, that may come in pieces. */
static void add_text(struct elan *elan, const char *piece)
{
    if (elan->num_annotations == 0)
        return;
    struct annotation *annotation = &elan->annotations[elan->num_annotations - 1];
    char text[TEXT_BYTES];
    snprintf(text, sizeof(text), "%s%s", annotation->text ? annotation->text : "", piece);
    free(annotation->text);
    annotation->text = strdup(text);
    if (!annotation->text)
        elan->reader->err = TYTO_ERR_NOMEM;
}

static void read_elements(struct elan *elan, struct tyto_xml *xml)
{
    bool in_value = false;
    while (!elan->reader->err) {
        switch (tyto_xml_next(xml)) {
        case TYTO_XML_BEGIN:
            if (tyto_xml_depth(xml) == 0 &&
                strcmp(tyto_xml_name(xml), "ANNOTATION_DOCUMENT") != 0) {
                tyto_label_error(elan->reader, tyto_xml_line(xml), NULL,
                                 "it is no ELAN file: it begins with <%.40s>", tyto_xml_name(xml));
                return;
            }
            in_value = strcmp(tyto_xml_name(xml), "ANNOTATION_VALUE") == 0;
            begin_element(elan, xml);
            break;
        case TYTO_XML_TEXT:
            if (in_value)
                add_text(elan, tyto_xml_text(xml));
            break;
        case TYTO_XML_END:
            in_value = false;
            break;
        case TYTO_XML_ERROR:
            tyto_label_error(elan->reader, tyto_xml_line(xml), NULL, "%s", tyto_xml_text(xml));
            return;
        case TYTO_XML_DONE:
            return;
        }
    }
}

/* --- times --------------------------------------------------------------------------- */

/* The slots of one tier's annotations, in their order: slot number i of them. */
static struct slot *tier_slot(struct elan *elan, uint32_t begin, uint32_t i)
{
    const uint32_t slot = elan->annotations[begin + i / 2].slots[i % 2];
    return slot == NOWHERE ? NULL : &elan->slots[slot];
}

/* Slots without a time, between first - 1 and last of the tier that have one: even steps. */
static void guess_between(struct elan *elan, uint32_t begin, uint32_t first, uint32_t last)
{
    const struct slot *left = tier_slot(elan, begin, first - 1);
    const struct slot *right = tier_slot(elan, begin, last);
    uint32_t num = 0, at = 0;
    for (uint32_t i = first; i < last; i++)
        num += i == first || tier_slot(elan, begin, i) != tier_slot(elan, begin, i - 1);
    for (uint32_t i = first; i < last; i++) {
        struct slot *slot = tier_slot(elan, begin, i);
        at += i == first || slot != tier_slot(elan, begin, i - 1);
        slot->ms = left->ms + (right->ms - left->ms) * at / (num + 1);
        slot->is_guessed = true;
    }
    for (uint32_t i = first; i < last; i++)
        tier_slot(elan, begin, i)->is_known = true;
}

static void guess_tier(struct elan *elan, uint32_t begin, uint32_t end)
{
    const uint32_t num = 2 * (end - begin);
    uint32_t first = NOWHERE; /* of a run of unknown ones */
    for (uint32_t i = 0; i < num; i++) {
        const struct slot *slot = tier_slot(elan, begin, i);
        if (!slot)
            return; /* a tier of references */
        if (!slot->is_known && first == NOWHERE)
            first = i;
        if (slot->is_known && first != NOWHERE) {
            if (first > 0 && slot->ms > tier_slot(elan, begin, first - 1)->ms)
                guess_between(elan, begin, first, i);
            first = NOWHERE;
        }
    }
}

/* How many parts the annotations of a tier that refer to one are of it. */
static enum tyto_err count_parts(struct elan *elan)
{
    const uint32_t num_ids = elan->annotation_ids.num;
    uint32_t *counts = calloc(num_ids ? num_ids : 1, sizeof(*counts));
    if (!counts)
        return TYTO_ERR_NOMEM;
    for (uint32_t begin = 0, end; begin < elan->num_annotations; begin = end) {
        const uint32_t tier = elan->annotations[begin].tier;
        for (end = begin; end < elan->num_annotations && elan->annotations[end].tier == tier;
             end++) {
            struct annotation *annotation = &elan->annotations[end];
            if (annotation->parent != NOWHERE)
                annotation->part_idx = counts[annotation->parent]++;
        }
        for (uint32_t i = begin; i < end; i++) {
            struct annotation *annotation = &elan->annotations[i];
            if (annotation->parent != NOWHERE)
                annotation->num_parts = counts[annotation->parent];
        }
        for (uint32_t i = begin; i < end; i++) {
            if (elan->annotations[i].parent != NOWHERE)
                counts[elan->annotations[i].parent] = 0;
        }
        guess_tier(elan, begin, end);
    }
    free(counts);
    return TYTO_OK;
}

/* Through what it refers to, to slots. False: reported. */
static bool times_of(struct elan *elan, uint32_t idx, double ret_ms[2])
{
    const struct annotation *annotation = &elan->annotations[idx];
    double from = 0, to = 1; /* as parts of the annotation that has slots */
    for (uint32_t depth = 0; annotation->parent != NOWHERE; depth++) {
        const uint32_t parent = elan->by_id[annotation->parent];
        if (parent == NOWHERE || depth == MAX_REFERENCES) {
            tyto_label_error(elan->reader, elan->annotations[idx].line,
                             elan->annotation_ids.items[annotation->parent],
                             parent == NOWHERE ? "the annotation that is referred to is not there"
                                               : "annotations refer to one another in a circle");
            return false;
        }
        from = (annotation->part_idx + from) / annotation->num_parts;
        to = (annotation->part_idx + to) / annotation->num_parts;
        annotation = &elan->annotations[parent];
    }
    const struct slot *slots[2];
    for (uint32_t i = 0; i < 2; i++) {
        slots[i] = &elan->slots[annotation->slots[i]];
        if (!slots[i]->is_known) {
            tyto_label_error(elan->reader, elan->annotations[idx].line,
                             elan->slot_ids.items[annotation->slots[i]],
                             "the time slot has no time, and none can be guessed: align the "
                             "annotation in ELAN");
            return false;
        }
    }
    if (slots[0]->is_guessed || slots[1]->is_guessed)
        tyto_label_note(elan->reader, elan->annotations[idx].line, NULL,
                        "it is not aligned: read as %g to %g s, evenly between its neighbours",
                        slots[0]->ms / 1e3, slots[1]->ms / 1e3);
    ret_ms[0] = slots[0]->ms + (slots[1]->ms - slots[0]->ms) * from + elan->origin_ms;
    ret_ms[1] = slots[0]->ms + (slots[1]->ms - slots[0]->ms) * to + elan->origin_ms;
    return true;
}

/* "heard" about another annotation. */
static void apply_modalities(struct elan *elan)
{
    for (uint32_t i = 0; i < elan->num_annotations; i++) {
        struct annotation *annotation = &elan->annotations[i];
        uint8_t truth;
        const uint32_t parent =
            annotation->parent == NOWHERE ? NOWHERE : elan->by_id[annotation->parent];
        if (parent == NOWHERE || !annotation->text ||
            !tyto_label_modality(tyto_text_trim(annotation->text), &truth))
            continue;
        annotation->is_modality = true;
        elan->annotations[parent].truth = truth;
    }
}

static void add_events(struct elan *elan)
{
    struct tyto_label_reader *reader = elan->reader;
    uint32_t file_idx;
    const bool is_named = elan->media[0] != '\0';
    if (!is_named)
        tyto_label_stem(reader->source, elan->media, sizeof(elan->media));
    if (!tyto_label_file(reader, elan->media, !is_named, 0, "MEDIA_DESCRIPTOR", &file_idx))
        return;
    for (uint32_t i = 0; i < elan->num_annotations && !reader->err; i++) {
        const struct annotation *annotation = &elan->annotations[i];
        const char *text = annotation->text ? tyto_text_trim(annotation->text) : "";
        struct tyto_label_raw raw = {
            .line = annotation->line, .class_name = text, .truth = annotation->truth};
        double ms[2];
        if (annotation->is_modality)
            continue;
        if (!text[0]) {
            tyto_label_error(reader, annotation->line, NULL,
                             "the annotation has no text: write the event's class");
        } else if (times_of(elan, i, ms)) {
            raw.begin_s = ms[0] / 1e3;
            raw.end_s = ms[1] / 1e3;
            (void)tyto_label_add(reader, file_idx, &raw);
        }
    }
    if (elan->num_annotations == 0)
        tyto_label_note(reader, 0, NULL,
                        "it has no annotations: its recording counts as background");
}

void tyto_label_read_elan(struct tyto_label_reader *reader)
{
    struct elan elan = {.reader = reader, .unit_ms = 1};
    struct tyto_xml *xml = NULL;
    const uint32_t num_errors = reader->labels.num_errors;
    if (!tyto_label_text_is_sound(reader))
        return;
    reader->err = tyto_xml_create(reader->bytes, reader->num_bytes, &xml);
    if (!reader->err)
        read_elements(&elan, xml);
    tyto_xml_destroy(&xml);
    if (!reader->err && (reader->labels.num_errors == num_errors || elan.num_annotations > 0)) {
        const enum tyto_err err = count_parts(&elan);
        reader->err = err ? err : reader->err;
        if (!reader->err) {
            apply_modalities(&elan);
            add_events(&elan);
        }
    }
    for (uint32_t i = 0; i < elan.num_annotations; i++)
        free(elan.annotations[i].text);
    free(elan.annotations);
    free(elan.slots);
    free(elan.by_id);
    tyto_strings_finish(&elan.slot_ids);
    tyto_strings_finish(&elan.annotation_ids);
}
