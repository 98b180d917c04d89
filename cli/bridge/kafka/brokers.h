/* SPDX-License-Identifier: MIT */
/* The addresses of a Kafka cluster's brokers. */
#ifndef TYTO_CLI_BRIDGE_KAFKA_BROKERS_H
#define TYTO_CLI_BRIDGE_KAFKA_BROKERS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_KAFKA_BROKERS_BYTES = 1024, TYTO_KAFKA_TOPIC_MAX = 249 };

struct tyto_kafka_brokers {
    char text[TYTO_KAFKA_BROKERS_BYTES]; /* HOST[:PORT],..., as librdkafka takes them */
    bool is_secure;                      /* kafkas */
    bool is_this_machine;                /* all of them: nobody else is on the way */
};

/* "kafka://HOST[:PORT][,HOST[:PORT]...]" or "kafkas://...", IPv6 addresses in [ ]. INVALID with
 * *ret_fault, which repeats nothing of it. */
TYTO_MUST_CHECK
enum tyto_err tyto_kafka_brokers_parse(const char *url, struct tyto_kafka_brokers *ret_brokers,
                                       struct tyto_fault *ret_fault);

/* Letters, digits, '.', '_' and '-', at most TYTO_KAFKA_TOPIC_MAX of them; not "." and "..". */
bool tyto_kafka_topic_is_valid(const char *topic);

#endif
