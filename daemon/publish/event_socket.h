/* SPDX-License-Identifier: MIT */
/* The XPUB socket: its options, where it listens, and making it anew. Of the publisher's thread,
 * once that runs. Together with subscribers.c it is what keeps a peer from costing more than its
 * share: libzmq itself keeps whatever a peer sends. */
#ifndef TYTO_DAEMON_PUBLISH_EVENT_SOCKET_H
#define TYTO_DAEMON_PUBLISH_EVENT_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "daemon/access/echo.h"
#include "daemon/publish/publisher.h"

enum { TYTO_EVENT_SOCKET_LINGER_MS = 1000 };

struct tyto_event_socket {
    void *context;
    void *xpub;                 /* NULL while it cannot be had: see remake */
    void *monitor;              /* tells of connections that come and go */
    struct tyto_echo *echo;     /* of the context; NULL: it cannot be had */
    struct tyto_access *access; /* NULL: anybody may connect */
    uint32_t send_hwm, num_made;
    uint32_t num_endpoints;
    char endpoints[TYTO_PUBLISHER_MAX_ENDPOINTS][256];
    int listen_fds[TYTO_PUBLISHER_MAX_ENDPOINTS]; /* ours; libzmq accepts on duplicates */
};

/* Listens everywhere; nobody is served before start. INVALID, IO, NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_event_socket_open(struct tyto_event_socket *self,
                                     const struct tyto_publisher_params *params,
                                     struct tyto_fault *ret_fault);
/* Serves whom listen_fds hear of. IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_event_socket_start(struct tyto_event_socket *self);
/* Once started: INVALID with *ret_fault when there are keys and a stranger is not refused. */
TYTO_MUST_CHECK
enum tyto_err tyto_event_socket_check_closed(const struct tyto_event_socket *self,
                                             struct tyto_fault *ret_fault);
/* Closes the socket, all connections and all that libzmq holds of them; the new one is not started
 * yet. Those who connect anew, as libzmq does by itself, go on. On an error xpub is NULL: to be
 * tried again. IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_event_socket_remake(struct tyto_event_socket *self);
/* Each new subscriber of its topic gets these bytes at once, in one frame. IO; OK without a socket.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_event_socket_welcome(struct tyto_event_socket *self, const uint8_t *bytes,
                                        size_t num_bytes);
/* To whom it concerns; never waits. OK also while there is no socket, and nobody to send to. */
TYTO_MUST_CHECK
enum tyto_err tyto_event_socket_send(struct tyto_event_socket *self, const char *topic,
                                     const uint8_t *bytes, size_t num_bytes);
/* The same with a third frame, of which the socket, also without a connection, calls release(bytes,
 * user), on any thread, once nobody needs it; on errors, too. */
TYTO_MUST_CHECK
enum tyto_err tyto_event_socket_send_with(struct tyto_event_socket *self, const char *topic,
                                          const uint8_t *bytes, size_t num_bytes,
                                          uint8_t *attachment, size_t attachment_bytes,
                                          void (*release)(void *bytes, void *user), void *user);
/* The same in one frame, the topic in front of the bytes. */
TYTO_MUST_CHECK
enum tyto_err tyto_event_socket_send_frame(struct tyto_event_socket *self, const uint8_t *bytes,
                                           size_t num_bytes);
/* Until something has come in, here or on one of the num_fds (at most 4) descriptors, or timeout_ms
 * are over. False: it cannot be waited any more. */
bool tyto_event_socket_wait(struct tyto_event_socket *self, const int *fds, uint32_t num_fds,
                            int timeout_ms);
/* Lets subscribers fetch what waits for them, for TYTO_EVENT_SOCKET_LINGER_MS at most. */
void tyto_event_socket_close(struct tyto_event_socket *self);

#endif
