/* SPDX-License-Identifier: MIT */
/* libtyto: subscribe to tytod's events from C. Reconnects by itself, tells when
 * messages were lost (by their sequence numbers, at the level subscribed to)
 * and when the daemon falls silent. One thread per client; no callbacks. */
#ifndef TYTO_CLIENT_TYTO_H
#define TYTO_CLIENT_TYTO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/event.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TYTO_CLIENT_DEFAULT_ENDPOINT TYTO_DEFAULT_ENDPOINT

enum { TYTO_CLIENT_MAX_CAMERAS = 64, TYTO_CLIENT_MAX_CLASSES = 64, TYTO_CLIENT_MAX_FILTERS = 400 };

struct tyto_client_params {
    const char *endpoint;       /* NULL: TYTO_CLIENT_DEFAULT_ENDPOINT */
    const char *const *cameras; /* only these; num_cameras 0: all */
    uint32_t num_cameras;
    const char *const *classes; /* only these; num_classes 0: all */
    uint32_t num_classes;
    bool debug;        /* debug scores as well */
    uint32_t recv_hwm; /* messages kept while nobody calls next; 0: 10000 */
    /* Keys as 40 characters of Z85, both or none: tytod's public one and the caller's secret one.
     * With others than tytod asks for, TYTO_MESSAGE_REFUSED comes. */
    const char *server_key, *secret_key;
};

enum tyto_refusal { /* why no hands are shaken */
                    TYTO_REFUSAL_NONE,
                    TYTO_REFUSAL_UNKNOWN_KEY, /* tytod does not know the caller's */
                    TYTO_REFUSAL_OTHER_KEY,   /* the other end has not the key that was given as its
                                                 own */
                    TYTO_REFUSAL_WANTS_KEYS,  /* and none were given */
};
/* For people; "" for NONE. Static. */
const char *tyto_refusal_text(enum tyto_refusal refusal);

enum tyto_message_kind {
    TYTO_MESSAGE_CONNECTED,    /* first sign of life: u.hello where has_hello */
    TYTO_MESSAGE_EVENT,        /* u.event */
    TYTO_MESSAGE_CAMERA_STATE, /* u.camera_state */
    TYTO_MESSAGE_MODEL_STATE,  /* u.model_state */
    TYTO_MESSAGE_DEBUG_SCORES, /* u.debug_scores */
    TYTO_MESSAGE_LOST,         /* num_lost messages were missed just before this */
    TYTO_MESSAGE_SILENT,       /* no heartbeat for three intervals; sent once */
    TYTO_MESSAGE_ALIVE,        /* heartbeats again after SILENT */
    TYTO_MESSAGE_RESTARTED,    /* another run of the daemon: numbers start anew */
    TYTO_MESSAGE_REFUSED,      /* refusal says why nothing comes; once, it is tried again */
};

struct tyto_message {
    enum tyto_message_kind kind;
    uint64_t seq, cam_seq, class_seq; /* of EVENT and the states; 0: a state told to newcomers */
    int64_t publish_unix_ns;
    uint64_t num_lost;         /* of LOST */
    bool has_hello;            /* of CONNECTED */
    enum tyto_refusal refusal; /* of REFUSED */
    union {
        struct tyto_hello hello;
        struct tyto_event event;
        struct tyto_camera_state camera_state;
        struct tyto_model_state model_state;
        struct tyto_debug_scores debug_scores;
    } u;
};

struct tyto_client;

enum { TYTO_CLIENT_KEY_BYTES = 41 }; /* with the terminator */
/* A new pair of keys. UNSUPPORTED: this libzmq has none. */
TYTO_MUST_CHECK
enum tyto_err tyto_client_make_keys(char ret_public[TYTO_CLIENT_KEY_BYTES],
                                    char ret_secret[TYTO_CLIENT_KEY_BYTES]);

/* Does not wait for the daemon: it may start later. TYTO_ERR_INVALID for a bad
 * endpoint, id or key or for too many filters (cameras x classes), NOMEM, IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_client_create(const struct tyto_client_params *params,
                                 struct tyto_client **ret_client);
void tyto_client_destroy(struct tyto_client **client);

/* The next message, waiting up to timeout_ms (-1: for ever, 0: not at all).
 * TYTO_ERR_TIMEOUT: none came, or too many that are not for the caller; IO. A signal that
 * interrupts the wait counts as TIMEOUT, so that a program can look at its flags. */
TYTO_MUST_CHECK
enum tyto_err tyto_client_next(struct tyto_client *client, int timeout_ms,
                               struct tyto_message *ret_message);

/* Readable when tyto_client_next(client, 0, ...) should be called until it
 * answers TIMEOUT; edge-like, for poll() loops that also wake once a second. */
int tyto_client_fd(const struct tyto_client *client);

struct tyto_client_counts {
    uint64_t num_received;  /* events and states */
    uint64_t num_lost;      /* known to be missed */
    uint64_t num_malformed; /* not understood: dropped */
    uint64_t num_filtered;  /* events of other classes that had to come along */
    uint32_t num_connects;  /* forced reconnects because of silence */
};
void tyto_client_get_counts(const struct tyto_client *client,
                            struct tyto_client_counts *ret_counts);

#ifdef __cplusplus
}
#endif

#endif
