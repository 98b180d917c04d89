/* SPDX-License-Identifier: MIT */
/* Built without librdkafka. */
#include "cli/bridge/kafka/kafka.h"

enum tyto_err tyto_kafka_create(const struct tyto_kafka_params *params, struct tyto_sink *ret_sink,
                                struct tyto_fault *ret_fault)
{
    (void)params;
    (void)ret_sink;
    return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                          "this tyto was built without librdkafka; scripts/setup installs it");
}
