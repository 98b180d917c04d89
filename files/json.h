/* SPDX-License-Identifier: MIT */
/* JSON values, strictly: duplicate keys, trailing text, NUL in strings and
 * integers beyond 64 bits are refused. A thin layer over Jansson, so that one
 * file knows the library.
 *
 * Readers accept NULL values and answer with "absent", so that lookups chain. */
#ifndef TYTO_FILES_JSON_H
#define TYTO_FILES_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tyto_json;

/* Parses num_bytes of text (one value, usually an object). *ret_json is owned: free it with
 * tyto_json_destroy. FORMAT with the reason in error_text (may be NULL), NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_json_parse(const char *text, size_t num_bytes, struct tyto_json **ret_json,
                              char *error_text, size_t error_bytes);
/* The same; on FORMAT *ret_line is where, from 1. */
TYTO_MUST_CHECK
enum tyto_err tyto_json_parse_at(const char *text, size_t num_bytes, struct tyto_json **ret_json,
                                 char *error_text, size_t error_bytes, uint32_t *ret_line);
void tyto_json_destroy(struct tyto_json **json);

/* --- reading; results are borrowed from the value they are asked of ------------------ */

bool tyto_json_is_object(const struct tyto_json *json);
bool tyto_json_is_array(const struct tyto_json *json);
bool tyto_json_is_null(const struct tyto_json *json);       /* there, and null */
uint32_t tyto_json_num_items(const struct tyto_json *json); /* of an object or array, else 0 */
const struct tyto_json *tyto_json_get(const struct tyto_json *object, const char *key);
const struct tyto_json *tyto_json_at(const struct tyto_json *array, uint32_t idx);
/* NULL when it is no string. */
const char *tyto_json_string(const struct tyto_json *json);
/* False (and *ret untouched) when it is no whole number >= 0. */
bool tyto_json_u64(const struct tyto_json *json, uint64_t *ret_value);
/* The same with a bound: false when over max. */
bool tyto_json_u32(const struct tyto_json *json, uint32_t max, uint32_t *ret_value);
/* Any number, also a whole one. */
bool tyto_json_f64(const struct tyto_json *json, double *ret_value);
bool tyto_json_bool(const struct tyto_json *json, bool *ret_value);

/* Calls visit for each member in the order of the text; stops at the first error and gives it
 * back. */
typedef enum tyto_err (*tyto_json_visit)(void *user, const char *key,
                                         const struct tyto_json *value);
TYTO_MUST_CHECK
enum tyto_err tyto_json_each(const struct tyto_json *object, tyto_json_visit visit, void *user);

/* --- making. A NULL in any argument is carried along as NULL or false, so that only the last
 * step needs its check; value is always *taken*, also on failure. ---------------------- */

struct tyto_json *tyto_json_new_object(void);
struct tyto_json *tyto_json_new_array(void);
struct tyto_json *tyto_json_new_string(const char *text); /* NULL when not UTF-8 */
/* For names of files, which may be anything: each byte that is not ASCII becomes '?' in what is not
 * UTF-8. */
struct tyto_json *tyto_json_new_name(const char *text);
struct tyto_json *tyto_json_new_u64(uint64_t value); /* NULL over INT64_MAX */
struct tyto_json *tyto_json_new_f64(double value);   /* NULL when not finite */
struct tyto_json *tyto_json_new_bool(bool value);
struct tyto_json *tyto_json_new_null(void);
bool tyto_json_set(struct tyto_json *object, const char *key, struct tyto_json *value);
bool tyto_json_append(struct tyto_json *array, struct tyto_json *value);
/* The same where nobody is asked between the first step and the last: what cannot be added takes
 * the whole with it, and *object or *array is NULL from then on. */
void tyto_json_put(struct tyto_json **object, const char *key, struct tyto_json *value);
void tyto_json_push(struct tyto_json **array, struct tyto_json *value);
/* Compact text, owned by the caller (free()); NULL when out of memory. Floats keep 9 digits:
 * an f32 comes back unchanged. */
char *tyto_json_print(const struct tyto_json *json);

#endif
