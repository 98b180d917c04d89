/* SPDX-License-Identifier: MIT */
/* In the place of the journal where the build has no SQLite. */
#include <stddef.h>

#include "daemon/journal/journal.h"

enum tyto_err tyto_journal_open(const struct tyto_journal_params *params,
                                struct tyto_journal **ret_journal, struct tyto_fault *ret_fault)
{
    *ret_journal = NULL;
    return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, params->path, 0, NULL,
                          "tytod was built without SQLite");
}

void tyto_journal_close(struct tyto_journal **journal)
{
    (void)journal;
}

const char *tyto_journal_path(const struct tyto_journal *journal)
{
    (void)journal;
    return "";
}

const uint8_t *tyto_journal_log_id(const struct tyto_journal *journal)
{
    static const uint8_t none[TYTO_UUID_BYTES];
    (void)journal;
    return none;
}

uint64_t tyto_journal_oldest_seq(const struct tyto_journal *journal)
{
    (void)journal;
    return 0;
}

uint64_t tyto_journal_last_seq(const struct tyto_journal *journal)
{
    (void)journal;
    return 0;
}

uint64_t tyto_journal_first_free(const struct tyto_journal *journal)
{
    (void)journal;
    return 0;
}

enum tyto_err tyto_journal_each_counter(struct tyto_journal *journal,
                                        enum tyto_err (*visit)(void *user, const char *camera,
                                                               const char *class_name,
                                                               uint64_t num),
                                        void *user)
{
    (void)journal;
    (void)visit;
    (void)user;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err tyto_journal_each_open(struct tyto_journal *journal,
                                     enum tyto_err (*visit)(void *user,
                                                            const struct tyto_event *event),
                                     void *user)
{
    (void)journal;
    (void)visit;
    (void)user;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err tyto_journal_commit(struct tyto_journal *journal,
                                  const struct tyto_journal_entry *entries, uint32_t num,
                                  struct tyto_fault *ret_fault)
{
    (void)journal;
    (void)entries;
    (void)num;
    (void)ret_fault;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err
tyto_journal_each_set_aside(struct tyto_journal *journal,
                            enum tyto_err (*visit)(void *user, const struct tyto_envelope *envelope,
                                                   const uint8_t *bytes, size_t num_bytes),
                            void *user)
{
    (void)journal;
    (void)visit;
    (void)user;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err tyto_journal_set_aside(struct tyto_journal *journal,
                                     const struct tyto_journal_entry *entry)
{
    (void)journal;
    (void)entry;
    return TYTO_ERR_UNSUPPORTED;
}

void tyto_journal_note_unwritten(struct tyto_journal *journal, uint64_t seq)
{
    (void)journal;
    (void)seq;
}

enum tyto_err tyto_journal_stay(struct tyto_journal *journal, struct tyto_fault *ret_fault)
{
    (void)journal;
    (void)ret_fault;
    return TYTO_OK;
}

bool tyto_journal_tend(struct tyto_journal *journal)
{
    (void)journal;
    return false;
}

enum tyto_err tyto_journal_reader_open(const char *path, struct tyto_journal_reader **ret_reader,
                                       struct tyto_fault *ret_fault)
{
    *ret_reader = NULL;
    return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, path, 0, NULL,
                          "tytod was built without SQLite");
}

bool tyto_journal_reader_is_current(const struct tyto_journal_reader *reader)
{
    (void)reader;
    return true;
}

void tyto_journal_reader_close(struct tyto_journal_reader **reader)
{
    (void)reader;
}

enum tyto_err tyto_journal_read(struct tyto_journal_reader *reader, uint64_t from_seq,
                                uint64_t to_seq, uint32_t max_rows, tyto_journal_visit visit,
                                void *user, uint64_t *ret_next_seq)
{
    (void)reader;
    (void)from_seq;
    (void)to_seq;
    (void)max_rows;
    (void)visit;
    (void)user;
    (void)ret_next_seq;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err tyto_journal_find_time(struct tyto_journal_reader *reader, int64_t unix_ns,
                                     uint64_t *ret_seq)
{
    (void)reader;
    (void)unix_ns;
    (void)ret_seq;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err tyto_journal_snapshot(struct tyto_journal_reader *reader, tyto_journal_visit visit,
                                    void *user, uint64_t *ret_seq)
{
    (void)reader;
    (void)visit;
    (void)user;
    (void)ret_seq;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err tyto_journal_list(struct tyto_journal_reader *reader,
                                const struct tyto_journal_filter *filter, uint32_t max_rows,
                                tyto_journal_visit visit, void *user,
                                struct tyto_journal_cursor *reterr_cursor, bool *ret_has_more)
{
    (void)reader;
    (void)filter;
    (void)max_rows;
    (void)visit;
    (void)user;
    (void)reterr_cursor;
    (void)ret_has_more;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err tyto_journal_get(struct tyto_journal_reader *reader, const char *id,
                               tyto_journal_visit visit, void *user)
{
    (void)reader;
    (void)id;
    (void)visit;
    (void)user;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err tyto_journal_put_scores(struct tyto_journal *journal,
                                      struct tyto_journal_scores *const *rows, uint32_t num,
                                      struct tyto_fault *ret_fault)
{
    (void)journal;
    (void)rows;
    (void)num;
    (void)ret_fault;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err tyto_journal_read_scores(struct tyto_journal_reader *reader, const char *camera,
                                       int64_t from_id, int64_t from_unix_ns, int64_t to_unix_ns,
                                       tyto_journal_visit_scores visit, void *user)
{
    (void)reader;
    (void)camera;
    (void)from_id;
    (void)from_unix_ns;
    (void)to_unix_ns;
    (void)visit;
    (void)user;
    return TYTO_ERR_UNSUPPORTED;
}

enum tyto_err tyto_journal_find_alike(struct tyto_journal_reader *reader,
                                      const struct tyto_journal_likeness *likeness,
                                      tyto_journal_visit_alike visit, void *user)
{
    (void)reader;
    (void)likeness;
    (void)visit;
    (void)user;
    return TYTO_ERR_UNSUPPORTED;
}
