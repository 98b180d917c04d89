/* SPDX-License-Identifier: MIT */
/* How files of an event are named, without folder and ending: TIME-CLASS-ID, as
 * 20261123T155715Z-dog_bark-01KAKVQYR0Z0V9F8C7M6N5P4QR. Recordings and pictures are. */
#ifndef TYTO_PROTO_FILE_NAME_H
#define TYTO_PROTO_FILE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/event.h"

enum { TYTO_FILE_NAME_MAX = 128 }; /* bytes, its terminator among them */

/* unix_ns: the event's begin; of what has no year of four digits the time is that of 1970. */
void tyto_file_name(char ret_name[TYTO_FILE_NAME_MAX], int64_t unix_ns, const char *class_name,
                    const char *event_id);
/* Reads what tyto_file_name() wrote: num_chars of text, which may go on behind them. False: it is
 * no such name. What the class is called is not looked at. */
bool tyto_file_name_read(const char *text, size_t num_chars, int64_t *ret_unix_s,
                         char ret_id[TYTO_ULID_CHARS + 1]);

#endif
