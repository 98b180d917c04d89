/* SPDX-License-Identifier: MIT */
/* Scores that were kept: one page of them, of rows that were decided alike. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/internal.h"
#include "daemon/scores/block.h"

enum { MAX_PAGE_BYTES = 192 * 1024 };

/* Where to go on: a row, and how many of its segments were told. */
struct place {
    int64_t id;
    uint32_t num_told;
};
enum { PLACE_BYTES = sizeof(int64_t) + sizeof(uint32_t) };

struct page {
    struct tyto_query_server *server;
    const struct tyto_request *request;
    struct place place, next;
    bool has_more, is_malformed;
    int64_t rules_id; /* 0: none yet */
    struct tyto_reply rules;
    uint32_t num_chosen, chosen[TYTO_REPLY_MAX_CLASSES]; /* of its classes */
    float thresholds[3 * TYTO_REPLY_MAX_CLASSES];
    uint8_t codes[3 * TYTO_REPLY_MAX_CLASSES]; /* of a segment, all classes */
    struct tyto_segment_scores segments[TYTO_REPLY_MAX_SEGMENTS];
    uint8_t told[MAX_PAGE_BYTES]; /* codes of segments, chosen classes */
    size_t num_told;
};

static bool is_asked(const struct tyto_request *request, const char *class_name)
{
    for (uint32_t i = 0; i < request->num_classes; i++) {
        if (strcmp(request->classes[i], class_name) == 0)
            return true;
    }
    return request->num_classes == 0;
}

/* Of the page's first row: what it says of all of them. */
static bool take_rules(struct page *page, const struct tyto_journal_score_row *row)
{
    struct tyto_reply *reply = &page->server->reply;
    if (tyto_reply_unpack(row->rules, row->num_rules, &page->rules) != TYTO_OK)
        return false;
    const struct tyto_reply *rules = &page->rules;
    if (rules->kind != TYTO_REPLY_SCORES || !rules->decision.thresholds)
        return false;
    for (uint32_t k = 0; k < rules->num_classes; k++) {
        if (is_asked(page->request, rules->class_names[k]))
            page->chosen[page->num_chosen++] = k;
    }
    for (uint32_t i = 0; i < page->num_chosen; i++) {
        reply->class_names[i] = rules->class_names[page->chosen[i]];
        for (size_t task = 0; task < 3; task++)
            page->thresholds[task * page->num_chosen + i] =
                rules->decision.thresholds[task * rules->num_classes + page->chosen[i]];
    }
    reply->num_classes = page->num_chosen;
    reply->decision = rules->decision;
    reply->decision.thresholds = page->num_chosen > 0 ? page->thresholds : NULL;
    memcpy(reply->model_digest, rules->model_digest, sizeof(reply->model_digest));
    page->rules_id = row->rules_id;
    return true;
}

static const uint8_t *choose(struct page *page, const uint8_t *codes)
{
    uint8_t *told = page->told + page->num_told;
    for (uint32_t i = 0; i < page->num_chosen; i++)
        told[i] = codes[page->chosen[i]];
    page->num_told += page->num_chosen;
    return told;
}

/* False: the page is full. */
static bool add_segment(struct page *page, const struct tyto_segment_scores *segment)
{
    struct tyto_reply *reply = &page->server->reply;
    if (reply->num_segments == TYTO_REPLY_MAX_SEGMENTS ||
        3 * (size_t)page->num_chosen + 64 * (size_t)(reply->num_segments + 1) >
            sizeof(page->told) - page->num_told)
        return false;
    struct tyto_segment_scores *told = &page->segments[reply->num_segments++];
    *told = *segment;
    told->joint = choose(page, segment->joint);
    told->heard = choose(page, segment->heard);
    told->seen = choose(page, segment->seen);
    return true;
}

static bool take_row(void *user, const struct tyto_journal_score_row *row)
{
    struct page *page = user;
    const uint32_t num_before = row->id == page->place.id ? page->place.num_told : 0;
    page->next = (struct place){row->id, num_before};
    page->has_more = page->rules_id != 0 && row->rules_id != page->rules_id;
    page->is_malformed = !page->rules_id && !take_rules(page, row);
    if (page->has_more || page->is_malformed)
        return false;
    struct tyto_segment_scores segment;
    size_t at = 0;
    for (uint32_t i = 0; at < row->num_bytes; i++) {
        if (!tyto_scores_segment_read(row->bytes, row->num_bytes, page->rules.num_classes, &at,
                                      &segment, page->codes))
            break; /* of a row that is damaged comes what can be read */
        if (i < num_before)
            continue;
        page->has_more = !add_segment(page, &segment);
        if (page->has_more)
            return false;
        page->next.num_told++;
    }
    page->next = (struct place){row->id + 1, 0};
    return true;
}

static bool read_place(const struct tyto_cursor *cursor, struct place *ret_place)
{
    *ret_place = (struct place){.id = 0};
    if (cursor->num_bytes == 0)
        return true;
    if (cursor->num_bytes != PLACE_BYTES)
        return false;
    memcpy(&ret_place->id, cursor->bytes, sizeof(ret_place->id));
    memcpy(&ret_place->num_told, cursor->bytes + sizeof(ret_place->id),
           sizeof(ret_place->num_told));
    return ret_place->id >= 0;
}

static enum tyto_err make_page(struct page *page)
{
    const struct tyto_request *request = page->request;
    struct tyto_reply *reply = &page->server->reply;
    const enum tyto_err err =
        tyto_journal_read_scores(page->server->reader, request->cameras[0], page->place.id,
                                 request->from_unix_ns, request->to_unix_ns, take_row, page);
    reply->segments = page->segments;
    if (!err && page->has_more) {
        memcpy(reply->cursor.bytes, &page->next.id, sizeof(page->next.id));
        memcpy(reply->cursor.bytes + sizeof(page->next.id), &page->next.num_told,
               sizeof(page->next.num_told));
        reply->cursor.num_bytes = PLACE_BYTES;
    }
    return !err && page->is_malformed ? TYTO_ERR_FORMAT : err;
}

void tyto_query_answer_scores(struct tyto_query_server *server, const struct tyto_query_name *name,
                              const struct tyto_request *request)
{
    char topic[TYTO_TOPIC_MAX_BYTES];
    struct place place;
    snprintf(topic, sizeof(topic), "dbg/%s/", request->cameras[0]);
    if (!tyto_rights_allow(&server->rights, topic)) {
        tyto_query_refuse(server, name, request->id, TYTO_QUERY_DENIED, 0,
                          "scores of this camera take the right to its debug scores");
        return;
    }
    if (!read_place(&request->cursor, &place)) {
        tyto_query_refuse(server, name, request->id, TYTO_QUERY_BAD_REQUEST, 0,
                          "this cursor is not of scores");
        return;
    }
    if (!tyto_query_reader(server, name, request->id))
        return;
    struct page *page = calloc(1, sizeof(*page));
    if (!page) {
        tyto_query_refuse(server, name, request->id, TYTO_QUERY_INTERNAL, 0, "out of memory");
        return;
    }
    page->server = server;
    page->request = request;
    page->place = place;
    tyto_query_begin(server, request->id, TYTO_REPLY_SCORES);
    const enum tyto_err err = make_page(page);
    if (err)
        tyto_query_fail(server, name, request->id, err);
    else
        tyto_query_reply(server, name);
    tyto_reply_clear(&page->rules);
    free(page);
}
