/* SPDX-License-Identifier: MIT */
/* Who may connect to a ZeroMQ socket, and what he may read: CURVE, with ZAP's answers out of a file
 * of clients. Fails closed: a key that is not in the file is refused, and check_closed() proves it.
 *
 * The file of clients has one on each line, '#' begins a comment line:
 *     NAME ROLE PUBLIC-KEY [TOPIC-PREFIX...]
 * ROLE is viewer (events and states) or admin (everything); with prefixes, only topics that begin
 * with one of them. hello/, hb/ and md/ are everyone's. */
#ifndef TYTO_DAEMON_ACCESS_ACCESS_H
#define TYTO_DAEMON_ACCESS_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/access/rights.h"

enum {
    TYTO_ACCESS_NAME_MAX = 31,
    TYTO_ACCESS_USER_MAX = TYTO_ACCESS_NAME_MAX + 21, /* NAME#VERSION */
    TYTO_ACCESS_MAX_CONTEXTS = 4,
    TYTO_ACCESS_MAX_CLIENTS = 1024,
    TYTO_ACCESS_MAX_PREFIXES = 16, /* of one client */
    TYTO_ACCESS_FILE_MAX_BYTES = 256 * 1024,
};

struct tyto_access;

/* Reads both files. NOT_FOUND, IO, FORMAT, INVALID with *ret_fault (file, line); UNSUPPORTED:
 * libzmq was built without CURVE; NOMEM. log is borrowed until destroy. */
TYTO_MUST_CHECK
enum tyto_err tyto_access_create(const char *server_key_path, const char *clients_path,
                                 const struct tyto_log *log, struct tyto_access **ret_access,
                                 struct tyto_fault *ret_fault);
/* After the context that it guards has ended. */
void tyto_access_destroy(struct tyto_access **access);

/* Reads the file of clients again; on an error the old ones stay. Any thread. Errors as create. */
TYTO_MUST_CHECK
enum tyto_err tyto_access_reload(struct tyto_access *access, struct tyto_fault *ret_fault);

/* Answers for all sockets of this context (void * of zmq_ctx_new), before the first of them binds,
 * until the context ends; for TYTO_ACCESS_MAX_CONTEXTS of them, one after the other. IO, NOMEM,
 * FULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_access_guard(struct tyto_access *access, void *context);
/* Puts a socket of that context under it, before it binds. IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_access_protect(const struct tyto_access *access, void *socket);
/* Connects to a protected socket with a key made up on the spot, by a socket of type (of libzmq)
 * that goes with it. INVALID when that is let in, or is not refused within 20 s: nobody should be
 * served then. *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_access_check_closed(struct tyto_access *access, void *context, int type,
                                       const char *endpoint, struct tyto_fault *ret_fault);

/* Any thread, all of them. user is what a message says of its sender ("User-Id"): NAME#VERSION, as
 * it was when he shook hands; NULL: nothing. Who has another key or other rights by now is nobody.
 */

/* Another number after each reload that changed anything. */
uint64_t tyto_access_generation(const struct tyto_access *access);
bool tyto_access_knows(struct tyto_access *access, const char *user);
/* False: nobody, with no rights. */
bool tyto_access_get_rights(struct tyto_access *access, const char *user,
                            struct tyto_rights *ret_rights);
bool tyto_access_may_read(struct tyto_access *access, const char *user, const void *topic,
                          size_t num_bytes);
bool tyto_access_is_admin(struct tyto_access *access, const char *user);
/* When, by tyto_clock_mono_ns(), the thread that has stood still for longest last turned: each does
 * so once a second. Once all contexts are guarded; never waits. */
uint64_t tyto_access_turned_ns(const struct tyto_access *access);
/* Handshakes that were refused, ever, but for those of the check. */
uint64_t tyto_access_num_refused(const struct tyto_access *access);

#endif
