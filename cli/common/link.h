/* SPDX-License-Identifier: MIT */
/* Where tytod is, and the keys it may ask for: what every command that follows or asks it is told.
 */
#ifndef TYTO_CLI_COMMON_LINK_H
#define TYTO_CLI_COMMON_LINK_H

#include "base/err.h"
#include "base/fault.h"
#include "files/key_file.h"
#include "options/options.h"

struct tyto_link {
    char *server_key_file, *key_file; /* owned; NULL: not given */
    const char *server_key, *key;     /* once read, in key_texts; NULL: none are asked for */
    char key_texts[2][TYTO_KEY_CHARS + 1];
    char endpoint[256]; /* in full */
};

/* Options --server-key and --key of a struct tyto_link. */
enum { TYTO_LINK_NUM_ROWS = 2 };
extern const struct tyto_option tyto_link_rows[TYTO_LINK_NUM_ROWS];

/* Reads the keys and says where tytod is; argument: an endpoint, "ipc" for the socket file in the
 * user's run-time folder, or NULL for the default. INVALID (one key without the other, an endpoint
 * that is too long) and what reading a key file gives, with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_link_prepare(struct tyto_link *link, const char *argument,
                                struct tyto_fault *ret_fault);

#endif
