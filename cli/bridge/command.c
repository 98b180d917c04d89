/* SPDX-License-Identifier: MIT */
/* tyto bridge: events for others. */
#include <string.h>

#include "cli/bridge/bridge.h"
#include "cli/bridge/internal.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"

const struct tyto_command tyto_command_bridge = {
    .name = "tyto bridge",
    .summary = "hand events on to others, each until it is acknowledged",
    .usage = "tyto bridge mqtt URL [OPTION...]\n"
             "tyto bridge webhook URL [OPTION...]\n"
             "tyto bridge kafka URL [OPTION...]",
    .text =
        "mqtt publishes events and camera states to an MQTT broker, and tells Home Assistant about "
        "them (tyto bridge mqtt --help). webhook posts each event to a web server, as JSON or as a "
        "message for ntfy or Slack "
        "(tyto bridge webhook --help). kafka produces them to a topic of a Kafka cluster "
        "(tyto bridge kafka --help).",
    .notes =
        "How far a bridge has come is stored when the other side has acknowledged: nothing is lost "
        "when a bridge, tytod or the other side is started again, as long as tytod's journal "
        "reaches back. What may come twice then has the same id and rev.",
    .examples = "tyto bridge mqtt mqtt://localhost\n"
                "tyto bridge webhook https://ntfy.sh/my-yard --template ntfy\n"
                "tyto bridge kafka kafka://localhost --topic cameras\n",
};

int tyto_cmd_bridge(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    int num_arguments = 0, status = 0;
    /* From the start on: some connect as soon as they are made. */
    tyto_interrupt_catch(0);
    if (strcmp(verb, "mqtt") == 0)
        return tyto_cmd_bridge_mqtt(argc - 1, argv + 1);
    if (strcmp(verb, "webhook") == 0)
        return tyto_cmd_bridge_webhook(argc - 1, argv + 1);
    if (strcmp(verb, "kafka") == 0)
        return tyto_cmd_bridge_kafka(argc - 1, argv + 1);
    if (!tyto_options_read(&tyto_command_bridge, argc, argv, NULL, &num_arguments, &status))
        return status;
    return tyto_options_complain(&tyto_command_bridge, "mqtt, webhook or kafka?");
}
