/* SPDX-License-Identifier: MIT */
/* What is secret in a URI, and keeping it out of whatever people see: users and passwords, what
 * stands behind '?' and '#', and in a path values of password= and the like, USER:PASSWORD, and
 * folders and names that look drawn by lot, as tokens do: twelve or more letters and digits that
 * change between one and the other as words do not. A password that is written as it is, with '@',
 * '/', '?' or '#' in it, is meant, too. Any thread. */
#ifndef TYTO_BASE_SECRET_H
#define TYTO_BASE_SECRET_H

#include <stddef.h>

/* The URI with *** for what is secret; other texts as they are. */
void tyto_secret_redact(const char *uri, char *ret_text, size_t text_bytes);
/* What is in doubt about a URI, in words that tell nothing of it, when a user or password seems to
 * hold '@', '/', '?' or '#' as they are, or the port is no number; NULL: it has one meaning.
 * Static.
 */
const char *tyto_secret_doubt(const char *uri);
/* Somebody else's words about the URI: text with *** for the URI's secrets wherever they stand in
 * it, as written or decoded. */
void tyto_secret_hide(const char *uri, const char *text, char *ret_text, size_t text_bytes);
/* Any text: each word in it that is or may be a URI is redacted, one that was cut as well. */
void tyto_secret_scrub(const char *text, char *ret_text, size_t text_bytes);
/* Overwrites what is secret with '*' where it stands, in NAME=URI as well: what others see of a
 * process's command line. */
void tyto_secret_blank(char *argument);

#endif
