/* SPDX-License-Identifier: MIT */
/* Private to this folder: finds recordings in a folder by name or stem. */
#ifndef TYTO_TRAINER_LABELS_MEDIA_H
#define TYTO_TRAINER_LABELS_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trainer/labels/string_set.h"

struct tyto_label_media { /* zeros: nothing looked at */
    char *dir;            /* owned; whose index this is */
    bool is_deep;
    struct tyto_strings paths;   /* of recordings below dir */
    struct tyto_strings names;   /* last part */
    struct tyto_strings stems;   /* last part without its suffix */
    uint32_t *by_name, *by_stem; /* owned: index of a path; UINT32_MAX: several */
    uint32_t capacity_names, capacity_stems;
    struct tyto_label_likes {
        struct tyto_strings keys; /* of names or stems: small letters, no spaces, no signs */
        uint32_t *by_key;         /* owned, as by_name */
        uint32_t capacity;
        bool is_made;
    } likes[2];  /* of names, of stems; made when something is not found */
    bool is_cut; /* more files than can be looked at */
};

enum tyto_label_found {
    TYTO_LABEL_FOUND,
    TYTO_LABEL_FOUND_NONE,
    TYTO_LABEL_FOUND_SEVERAL,
    TYTO_LABEL_FOUND_LIKE, /* its name became this one on its way through a tool */
    TYTO_LABEL_FOUND_NEAR, /* it may be meant */
};

/* Looks for a recording in dir (is_deep: and in its folders): by its path below dir, then by its
 * last part, or (is_stem) by its last part without suffix, where files with pictures win over those
 * with sound alone. NOMEM; otherwise *ret_found, and ret_path where it was found. */
TYTO_MUST_CHECK
enum tyto_err tyto_label_media_find(struct tyto_label_media *media, const char *dir, bool is_deep,
                                    const char *written, bool is_stem,
                                    enum tyto_label_found *ret_found, char *ret_path,
                                    size_t path_bytes);
/* What was not found, in the folder that was looked at last: the one recording whose name becomes
 * `written` when spaces become '_' and signs are dropped, as web tools do (LIKE); else one that
 * differs in case or in a letter or two (NEAR). NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_label_media_find_like(struct tyto_label_media *media, const char *written,
                                         bool is_stem, enum tyto_label_found *ret_found,
                                         char *ret_path, size_t path_bytes);
void tyto_label_media_finish(struct tyto_label_media *media);

#endif
