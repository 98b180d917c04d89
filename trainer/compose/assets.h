/* SPDX-License-Identifier: MIT */
/* What footage is composed of: the pictures and sounds that a manifest lists, of one split only,
 * sorted into classes that become labels, distractors, backgrounds and noises. */
#ifndef TYTO_TRAINER_COMPOSE_ASSETS_H
#define TYTO_TRAINER_COMPOSE_ASSETS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/fault.h"
#include "trainer/data/dataset.h"

struct tyto_compose_entry {
    char *path;   /* as it can be opened */
    char *name;   /* as the manifest says it */
    char *source; /* where it comes from, for credits; may be "" */
    uint32_t class_idx, line;
    bool is_audio;
};

/* Indices of entries. */
struct tyto_compose_list {
    uint32_t *idxs;
    uint32_t num, room;
};

struct tyto_compose_class {
    char name[TYTO_DATASET_NAME_BYTES];
    bool is_wanted;
    struct tyto_compose_list pictures, sounds;
};

struct tyto_compose_assets {
    struct tyto_compose_entry *entries; /* owned, in the order of the manifest */
    uint32_t num_entries;
    struct tyto_compose_class *classes; /* owned, sorted by name */
    uint32_t num_classes;
    uint32_t *wanted; /* owned: classes that become labels */
    uint32_t num_wanted;
    /* Of class "background": places. Of class "other": sounds that are no event. Of classes that
     * were not asked for: distractors. */
    struct tyto_compose_list places, noises, odd_pictures, odd_sounds;
};

struct tyto_compose_assets_params {
    const char *manifest; /* CSV with a header: path,kind,class,split[,source] */
    const char *folder;   /* where its paths count from; NULL: from where it lies itself */
    const char *split;
    const char *const *classes; /* NULL: all that have pictures and sounds in the split */
    uint32_t num_classes;
    void *user;
    void (*on_fault)(void *user, const struct tyto_fault *fault); /* every bad line; may be NULL */
};

/* All bad lines and files that are not there are reported before FORMAT or NOT_FOUND is returned;
 * NOT_FOUND also when a class or the split is empty; IO, LIMIT as SHAPE, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_assets_read(const struct tyto_compose_assets_params *params,
                                       struct tyto_compose_assets *ret_assets);
/* The same from a stream; params->manifest is only its name, and where paths count from. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_assets_read_stream(const struct tyto_compose_assets_params *params,
                                              FILE *file, struct tyto_compose_assets *ret_assets);
void tyto_compose_assets_finish(struct tyto_compose_assets *assets);

#endif
