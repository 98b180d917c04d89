/* SPDX-License-Identifier: MIT */
/* Embeddings of events, beside the messages that brought them, and the search among them: all are
 * looked at, for they are few bytes each. A journal that was made before there were embeddings gets
 * the table when it is opened, and its old events stay without. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "daemon/journal/internal.h"

enum { MAX_LOOKED_AT = 300000, NUM_SENSES = 2 };

/* What a row's bytes are; in the order of the host, as the journal stays on it. */
struct vectors {
    uint64_t space;
    uint8_t has[NUM_SENSES], reserved[6];
    int8_t values[NUM_SENSES][TYTO_EMBEDDING_NUM];
};

/* Ids begin with their time, so that rows lie in its order. What the search needs of every row
 * stands first. */
static const char table[] =
    "CREATE TABLE IF NOT EXISTS embeddings(id TEXT PRIMARY KEY, vectors BLOB NOT NULL,"
    " begin_unix_ns INTEGER NOT NULL, end_unix_ns INTEGER, camera TEXT NOT NULL,"
    " class TEXT NOT NULL) WITHOUT ROWID";

enum tyto_err tyto_journal_set_up_embeddings(struct tyto_journal *journal,
                                             struct tyto_fault *ret_fault)
{
    return tyto_sql_run(&journal->sql, table, ret_fault);
}

/* --- writing ---------------------------------------------------------------------------------- */

static struct vectors vectors_of(const struct tyto_embeddings *embeddings)
{
    struct vectors vectors = {.space = embeddings->space,
                              .has = {embeddings->has_sound, embeddings->has_picture}};
    memcpy(vectors.values[0], embeddings->sound, TYTO_EMBEDDING_NUM);
    memcpy(vectors.values[1], embeddings->picture, TYTO_EMBEDDING_NUM);
    return vectors;
}

enum tyto_err tyto_journal_put_embeddings(struct tyto_journal *journal,
                                          const struct tyto_event *event,
                                          struct tyto_fault *ret_fault)
{
    const struct tyto_embeddings *embeddings = &event->embeddings;
    const struct vectors vectors = vectors_of(embeddings);
    if (event->phase == TYTO_EVENT_PHASE_RETRACTED) {
        sqlite3_stmt *drop = journal->stmts[TYTO_JOURNAL_DROP_EMBEDDINGS];
        (void)sqlite3_bind_text(drop, 1, event->id, -1, SQLITE_STATIC);
        return tyto_sql_step(&journal->sql, drop, ret_fault);
    }
    if (embeddings->space == 0 || (!embeddings->has_sound && !embeddings->has_picture))
        return TYTO_OK;
    sqlite3_stmt *put = journal->stmts[TYTO_JOURNAL_PUT_EMBEDDINGS];
    (void)sqlite3_bind_text(put, 1, event->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(put, 2, &vectors, sizeof(vectors), SQLITE_STATIC);
    (void)sqlite3_bind_int64(put, 3, event->begin_unix_ns);
    if (event->has_end)
        (void)sqlite3_bind_int64(put, 4, event->end_unix_ns);
    (void)sqlite3_bind_text(put, 5, event->camera, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(put, 6, event->class_name, -1, SQLITE_STATIC);
    return tyto_sql_step(&journal->sql, put, ret_fault);
}

/* --- the search ------------------------------------------------------------------------------- */

enum column { ID, BEGIN, END, CAMERA, CLASS };

struct match {
    char id[TYTO_ULID_CHARS + 1];
    float similarity;
};

struct search {
    const struct tyto_journal_likeness *likeness;
    struct vectors like;
    int16_t wide[NUM_SENSES][TYTO_EMBEDDING_NUM]; /* like's values: products of 16 bits are fast */
    float norms[NUM_SENSES];                      /* of like */
    uint32_t num_senses;                          /* that like has */
    uint32_t num_looked_at;
    float similarity; /* of the row that is at hand */
    bool has_moment;  /* that is left out */
    char camera[TYTO_ID_MAX + 1];
    int64_t begin_unix_ns, end_unix_ns;
    uint32_t num;
    struct match matches[TYTO_JOURNAL_MAX_ALIKE]; /* the most alike first */
};

static void widen(const int8_t *values, int16_t ret_wide[TYTO_EMBEDDING_NUM])
{
    for (int i = 0; i < TYTO_EMBEDDING_NUM; i++)
        ret_wide[i] = values[i];
}

static int32_t dot(const int16_t *a, const int16_t *b)
{
    int32_t sum = 0;
    for (int i = 0; i < TYTO_EMBEDDING_NUM; i++)
        sum += a[i] * b[i];
    return sum;
}

static float cosine(const int16_t *like, float norm, const int8_t *values)
{
    int16_t wide[TYTO_EMBEDDING_NUM];
    widen(values, wide);
    const float product = norm * sqrtf((float)dot(wide, wide));
    return product > 0 ? (float)dot(like, wide) / product : 0;
}

/* False: it cannot be compared, or has nothing to be compared with. */
static bool compare(const struct search *search, const struct vectors *vectors,
                    float *ret_similarity)
{
    const enum tyto_among among = search->likeness->among;
    float sum = 0;
    bool has_any = false;
    if (vectors->space != search->like.space)
        return false;
    for (int sense = 0; sense < NUM_SENSES; sense++) {
        const int other = among == TYTO_AMONG_OWN ? sense : among == TYTO_AMONG_PICTURES;
        if (!search->like.has[sense] || !vectors->has[other])
            continue;
        has_any = true;
        sum += cosine(search->wide[sense], search->norms[sense], vectors->values[other]);
    }
    *ret_similarity = sum / (float)search->num_senses;
    return has_any;
}

static bool is_among(const char *text, const char (*names)[TYTO_ID_MAX + 1], uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        if (strcmp(names[i], text) == 0)
            return true;
    }
    return num == 0;
}

static bool is_wanted(const struct search *search, sqlite3_stmt *stmt)
{
    const struct tyto_journal_likeness *likeness = search->likeness;
    const struct tyto_journal_filter *filter = &likeness->filter;
    const int64_t begin_ns = sqlite3_column_int64(stmt, BEGIN);
    const bool has_end = sqlite3_column_type(stmt, END) != SQLITE_NULL;
    const int64_t end_ns = has_end ? sqlite3_column_int64(stmt, END) : INT64_MAX;
    const char *camera = tyto_sql_text(stmt, CAMERA), *class_name = tyto_sql_text(stmt, CLASS);
    if ((filter->from_unix_ns && end_ns < filter->from_unix_ns) ||
        (filter->to_unix_ns && begin_ns >= filter->to_unix_ns) ||
        !is_among(camera, filter->cameras, filter->num_cameras) ||
        !is_among(class_name, filter->classes, filter->num_classes))
        return false;
    if (search->has_moment && begin_ns <= search->end_unix_ns && end_ns >= search->begin_unix_ns &&
        strcmp(camera, search->camera) == 0)
        return false;
    return !likeness->may || likeness->may(likeness->user, camera, class_name);
}

static void keep(struct search *search, const char *id, float similarity)
{
    struct match *matches = search->matches;
    uint32_t at = search->num < search->likeness->max ? search->num++ : search->num - 1;
    for (; at > 0 && matches[at - 1].similarity < similarity; at--)
        matches[at] = matches[at - 1];
    matches[at].similarity = similarity;
    snprintf(matches[at].id, sizeof(matches[at].id), "%s", id);
}

/* is_alike(VECTORS) in SQL: whether the row is to be looked at in full. Most are not, and of these
 * nothing but the vectors is unpacked. True as well where enough have been looked at. */
static void is_alike(sqlite3_context *context, int num_args, sqlite3_value **args)
{
    struct search *search = sqlite3_user_data(context);
    const uint32_t max = search->likeness->max;
    struct vectors vectors;
    bool is_more = search->num_looked_at++ >= MAX_LOOKED_AT;
    (void)num_args;
    const void *bytes = sqlite3_value_blob(args[0]);
    if (!is_more && bytes && sqlite3_value_bytes(args[0]) == (int)sizeof(vectors)) {
        memcpy(&vectors, bytes, sizeof(vectors));
        is_more = compare(search, &vectors, &search->similarity) && search->similarity > 0 &&
                  (search->num < max || search->similarity > search->matches[max - 1].similarity);
    }
    sqlite3_result_int(context, is_more);
}

/* For the while of one search; search NULL: no more. */
static enum tyto_err let_call(struct tyto_sql *sql, struct search *search)
{
    return tyto_sql_result(sql,
                           sqlite3_create_function(sql->db, "is_alike", 1,
                                                   SQLITE_UTF8 | SQLITE_DIRECTONLY, search,
                                                   search ? is_alike : NULL, NULL, NULL),
                           NULL);
}

/* When and where that was which is left out. */
static enum tyto_err find_moment(struct tyto_sql *sql, struct search *search)
{
    sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_DONE;
    if (!search->likeness->but_id[0])
        return TYTO_OK;
    enum tyto_err err = tyto_sql_prepare(
        sql, "SELECT begin_unix_ns, end_unix_ns, camera FROM events WHERE id = ?1", &stmt, NULL);
    if (!err) {
        (void)sqlite3_bind_text(stmt, 1, search->likeness->but_id, -1, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
        err = tyto_sql_result(sql, rc, NULL);
    }
    if (!err && rc == SQLITE_ROW) {
        const bool has_end = sqlite3_column_type(stmt, 1) != SQLITE_NULL;
        search->has_moment = true;
        search->begin_unix_ns = sqlite3_column_int64(stmt, 0);
        search->end_unix_ns = has_end ? sqlite3_column_int64(stmt, 1) : INT64_MAX;
        snprintf(search->camera, sizeof(search->camera), "%s", tyto_sql_text(stmt, 2));
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

static enum tyto_err look_at_all(struct tyto_sql *sql, struct search *search)
{
    static const char text[] = "SELECT id, begin_unix_ns, end_unix_ns, camera, class FROM"
                               " embeddings WHERE is_alike(vectors) ORDER BY id DESC";
    sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_DONE;
    enum tyto_err err = let_call(sql, search);
    if (!err)
        err = tyto_sql_prepare(sql, text, &stmt, NULL);
    while (!err && (rc = sqlite3_step(stmt)) == SQLITE_ROW &&
           search->num_looked_at <= MAX_LOOKED_AT) {
        if (is_wanted(search, stmt))
            keep(search, tyto_sql_text(stmt, ID), search->similarity);
    }
    if (!err)
        err = tyto_sql_result(sql, rc, NULL);
    (void)sqlite3_finalize(stmt);
    (void)!let_call(sql, NULL);
    return err;
}

static enum tyto_err tell(struct tyto_sql *sql, const struct search *search,
                          tyto_journal_visit_alike visit, void *user)
{
    sqlite3_stmt *stmt = NULL;
    bool is_taken = true;
    enum tyto_err err = tyto_sql_prepare(sql,
                                         "SELECT m.seq, m.topic, m.bytes FROM events e JOIN"
                                         " messages m ON m.seq = e.seq WHERE e.id = ?1",
                                         &stmt, NULL);
    for (uint32_t i = 0; !err && is_taken && i < search->num; i++) {
        (void)sqlite3_bind_text(stmt, 1, search->matches[i].id, -1, SQLITE_STATIC);
        const int rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            const struct tyto_journal_row row = tyto_journal_row_of(stmt, 0);
            is_taken = visit(user, &row, search->matches[i].similarity);
        }
        err = tyto_sql_result(sql, rc, NULL);
        (void)sqlite3_reset(stmt);
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

enum tyto_err tyto_journal_find_alike(struct tyto_journal_reader *reader,
                                      const struct tyto_journal_likeness *likeness,
                                      tyto_journal_visit_alike visit, void *user)
{
    struct tyto_sql *sql = tyto_journal_reader_sql(reader);
    struct search search = {.likeness = likeness, .like = vectors_of(&likeness->like)};
    int64_t num_tables = 0;
    enum tyto_err err = tyto_sql_number(
        sql, "SELECT count(*) FROM sqlite_master WHERE name = 'embeddings'", &num_tables, NULL);
    for (int i = 0; i < NUM_SENSES; i++) {
        widen(search.like.values[i], search.wide[i]);
        search.norms[i] = sqrtf((float)dot(search.wide[i], search.wide[i]));
        search.num_senses += search.like.has[i];
    }
    if (err || num_tables == 0 || search.num_senses == 0 || likeness->max == 0 ||
        likeness->max > TYTO_JOURNAL_MAX_ALIKE)
        return err;
    err = tyto_sql_run(sql, "BEGIN", NULL);
    if (err)
        return err;
    err = find_moment(sql, &search);
    if (!err)
        err = look_at_all(sql, &search);
    if (!err)
        err = tell(sql, &search, visit, user);
    (void)sqlite3_exec(sql->db, "COMMIT", NULL, NULL, NULL);
    return err;
}
