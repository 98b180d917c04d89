/* SPDX-License-Identifier: MIT */
/* What a label says of an event, and how long a class name may be. */
#ifndef TYTO_TRAINER_LABELS_TRUTH_H
#define TYTO_TRAINER_LABELS_TRUTH_H

enum { TYTO_DATASET_NAME_BYTES = 65 }; /* of a class: 64 characters [a-z0-9_-] and the terminator */

/* Bits of truth: an event is heard, seen, or (both bits) both. */
enum { TYTO_TRUTH_HEARD = 1, TYTO_TRUTH_SEEN = 2, TYTO_TRUTH_BOTH = 3 };

#endif
