/* SPDX-License-Identifier: MIT */
/* What earlier runs have left: in the database, and set aside for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include "daemon/journal/internal.h"

static enum tyto_err read_patiently(enum tyto_err (*read)(struct tyto_journal *journal, void *user),
                                    struct tyto_journal *journal, void *user)
{
    const struct timespec nap = {0, (long)TYTO_JOURNAL_TRY_AGAIN_NS};
    enum tyto_err err = read(journal, user);
    for (int i = 1; i < TYTO_JOURNAL_MAX_TRIES && tyto_journal_may_pass(err); i++) {
        nanosleep(&nap, NULL);
        err = read(journal, user);
    }
    return err;
}

/* --- what was set aside --------------------------------------------------------------------------
 */

struct setting {
    uint64_t committed_seq;
    enum tyto_err (*visit)(void *user, const struct tyto_envelope *envelope, const uint8_t *bytes,
                           size_t num_bytes);
    void *user;
    struct tyto_envelope envelope;
};

static enum tyto_err visit_record(void *user, uint64_t seq, const uint8_t *bytes, size_t num_bytes)
{
    struct setting *setting = user;
    if (seq <= setting->committed_seq ||
        tyto_envelope_unpack(bytes, num_bytes, &setting->envelope) != TYTO_OK ||
        setting->envelope.seq != seq)
        return TYTO_OK;
    return setting->visit(setting->user, &setting->envelope, bytes, num_bytes);
}

enum tyto_err
tyto_journal_each_set_aside(struct tyto_journal *journal,
                            enum tyto_err (*visit)(void *user, const struct tyto_envelope *envelope,
                                                   const uint8_t *bytes, size_t num_bytes),
                            void *user)
{
    struct setting *setting = calloc(1, sizeof(*setting));
    if (!setting)
        return TYTO_ERR_NOMEM;
    setting->committed_seq = atomic_load(&journal->last_seq);
    setting->visit = visit;
    setting->user = user;
    const enum tyto_err err = tyto_reserve_each(&journal->reserve, visit_record, setting);
    free(setting);
    return err;
}

/* --- counters ------------------------------------------------------------------------------------
 */

struct counting {
    enum tyto_err (*visit)(void *user, const char *camera, const char *class_name, uint64_t num);
    void *user;
    uint64_t num_more; /* that may have been given beside those that are known */
};

static enum tyto_err count_set_aside(void *user, const struct tyto_envelope *envelope,
                                     const uint8_t *bytes, size_t num_bytes)
{
    const struct counting *counting = user;
    const bool is_event = envelope->kind == TYTO_ENVELOPE_EVENT;
    const struct tyto_event *event = &envelope->body.event;
    const char *camera = is_event ? event->camera : envelope->body.camera_state.camera;
    enum tyto_err err = TYTO_OK;
    (void)bytes;
    (void)num_bytes;
    if (!is_event && envelope->kind != TYTO_ENVELOPE_CAMERA_STATE)
        return TYTO_OK;
    if (is_event)
        err = counting->visit(counting->user, camera, event->class_name,
                              envelope->class_seq + counting->num_more);
    return !err ? counting->visit(counting->user, camera, NULL,
                                  envelope->cam_seq + counting->num_more)
                : err;
}

static enum tyto_err count_kept(struct tyto_journal *journal, void *user)
{
    const struct counting *counting = user;
    sqlite3_stmt *stmt = NULL;
    enum tyto_err err =
        tyto_sql_prepare(&journal->sql, "SELECT name, num FROM counters", &stmt, NULL);
    const uint64_t num_more = journal->is_begin_due ? counting->num_more : 0;
    int rc = SQLITE_DONE;
    while (!err && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        char name[2 * TYTO_ID_MAX + 3];
        snprintf(name, sizeof(name), "%s", tyto_sql_text(stmt, 0));
        char *class_name = name + strcspn(name, "/");
        if (*class_name == '/')
            *class_name++ = '\0';
        class_name[strcspn(class_name, "/")] = '\0';
        if (tyto_id_is_valid(name))
            err = counting->visit(counting->user, name,
                                  tyto_id_is_valid(class_name) ? class_name : NULL,
                                  (uint64_t)sqlite3_column_int64(stmt, 1) + num_more);
    }
    if (!err)
        err = tyto_sql_result(&journal->sql, rc, NULL);
    (void)sqlite3_finalize(stmt);
    return err;
}

enum tyto_err tyto_journal_each_counter(struct tyto_journal *journal,
                                        enum tyto_err (*visit)(void *user, const char *camera,
                                                               const char *class_name,
                                                               uint64_t num),
                                        void *user)
{
    struct counting counting = {visit, user, journal->num_unwritten};
    const enum tyto_err err = read_patiently(count_kept, journal, &counting);
    return !err ? tyto_journal_each_set_aside(journal, count_set_aside, &counting) : err;
}

/* --- open events ---------------------------------------------------------------------------------
 */

/* The latest about each event: what is set aside, or what the database has of others. */
struct latest {
    struct tyto_event *all; /* owned */
    uint32_t num, max_num;
    const struct latest *others; /* not to be in it; may be NULL */
};

static struct tyto_event *find(const struct latest *latest, const char *id)
{
    for (uint32_t i = latest->num; i-- > 0;) { /* mostly it is one of the last */
        if (strcmp(latest->all[i].id, id) == 0)
            return &latest->all[i];
    }
    return NULL;
}

static enum tyto_err append(struct latest *latest, const struct tyto_event *event)
{
    if (latest->num == latest->max_num) {
        const uint32_t max_num = latest->max_num ? 2 * latest->max_num : 64;
        struct tyto_event *grown = realloc(latest->all, max_num * sizeof(*grown));
        if (!grown)
            return TYTO_ERR_NOMEM;
        latest->all = grown;
        latest->max_num = max_num;
    }
    latest->all[latest->num++] = *event;
    return TYTO_OK;
}

static enum tyto_err keep_latest(void *user, const struct tyto_envelope *envelope,
                                 const uint8_t *bytes, size_t num_bytes)
{
    struct latest *latest = user;
    const struct tyto_event *event = &envelope->body.event;
    (void)bytes;
    (void)num_bytes;
    if (envelope->kind != TYTO_ENVELOPE_EVENT)
        return TYTO_OK;
    struct tyto_event *found = find(latest, event->id);
    if (!found)
        return append(latest, event);
    *found = *event;
    return TYTO_OK;
}

/* Those of the database about which nothing is set aside, into a struct latest. */
static enum tyto_err read_open(struct tyto_journal *journal, void *user)
{
    struct latest *kept = user;
    struct tyto_envelope *envelope = malloc(sizeof(*envelope));
    sqlite3_stmt *stmt = NULL;
    enum tyto_err err =
        envelope ? tyto_sql_prepare(&journal->sql,
                                    "SELECT m.bytes FROM events e JOIN messages m ON m.seq = e.seq"
                                    " WHERE e.is_open ORDER BY e.begin_unix_ns, e.id",
                                    &stmt, NULL)
                 : TYTO_ERR_NOMEM;
    int rc = SQLITE_DONE;
    kept->num = 0;
    while (!err && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const int num_bytes = sqlite3_column_bytes(stmt, 0);
        if (tyto_envelope_unpack(sqlite3_column_blob(stmt, 0), (size_t)num_bytes, envelope) ==
                TYTO_OK &&
            envelope->kind == TYTO_ENVELOPE_EVENT && !find(kept->others, envelope->body.event.id))
            err = append(kept, &envelope->body.event);
    }
    if (!err)
        err = tyto_sql_result(&journal->sql, rc, NULL);
    (void)sqlite3_finalize(stmt);
    free(envelope);
    return err;
}

enum tyto_err tyto_journal_each_open(struct tyto_journal *journal,
                                     enum tyto_err (*visit)(void *user,
                                                            const struct tyto_event *event),
                                     void *user)
{
    struct latest latest = {NULL, 0, 0, NULL}, kept = {NULL, 0, 0, &latest};
    enum tyto_err err = tyto_journal_each_set_aside(journal, keep_latest, &latest);
    if (!err)
        err = read_patiently(read_open, journal, &kept);
    for (uint32_t i = 0; !err && i < kept.num; i++)
        err = visit(user, &kept.all[i]);
    for (uint32_t i = 0; !err && i < latest.num; i++) {
        const enum tyto_event_phase phase = latest.all[i].phase;
        if (phase == TYTO_EVENT_PHASE_NEW || phase == TYTO_EVENT_PHASE_UPDATE)
            err = visit(user, &latest.all[i]);
    }
    free(latest.all);
    free(kept.all);
    return err;
}
