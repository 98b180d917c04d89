/* SPDX-License-Identifier: MIT */
/* A sink that produces to a Kafka topic: an event's JSON, keyed by its camera, so that what a
 * camera tells lies in one partition and in order, with the headers tyto-event and tyto-rev, by
 * which consumers tell what came twice. The producer is idempotent: what the library sends again is
 * there once. A delivery is acknowledged when all replicas in sync have it. */
#ifndef TYTO_CLI_BRIDGE_KAFKA_KAFKA_H
#define TYTO_CLI_BRIDGE_KAFKA_KAFKA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/words.h"
#include "cli/bridge/core/phases.h"
#include "cli/bridge/core/sink.h"

#define TYTO_SASL_LIST(X)                                                                          \
    X(TYTO_SASL_SCRAM_512, "scram-sha-512", NULL)                                                  \
    X(TYTO_SASL_SCRAM_256, "scram-sha-256", NULL)                                                  \
    X(TYTO_SASL_PLAIN, "plain", "the password itself is sent")
enum tyto_sasl { TYTO_SASL_LIST(TYTO_WORD_ENUM) };

enum { TYTO_KAFKA_DEFAULT_WINDOW = 64 };

struct tyto_kafka_params {
    const char
        *url; /* kafka:// or kafkas://, see brokers.h; texts are borrowed until create returns */
    const char *topic;                /* of events */
    const char *state_topic;          /* of camera states; NULL: they are left out */
    const char *user, *password;      /* both or none */
    const char *ca_file;              /* PEM; NULL: the system's */
    const char *cert_file, *key_file; /* of this client, PEM; NULL: none */
    const char *key_password;         /* NULL: the key needs none */
    enum tyto_sasl sasl;
    enum tyto_phases phases;
    uint32_t window;                        /* deliveries that wait for the brokers, at most */
    uint32_t retry_first_ms, retry_last_ms; /* between two tries to connect */
    bool allows_plain;                      /* the password may go to other hosts without TLS */
    const struct tyto_log *log;             /* borrowed until the end */
};

/* Does not wait for the brokers: they may start later. *ret_sink is owned: ret_sink->destroy().
 * INVALID (no cluster's address, a bad topic, certificates, a password that would go in the open),
 * UNSUPPORTED (built without librdkafka), NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_kafka_create(const struct tyto_kafka_params *params, struct tyto_sink *ret_sink,
                                struct tyto_fault *ret_fault);

#endif
