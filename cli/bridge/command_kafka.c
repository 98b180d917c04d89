/* SPDX-License-Identifier: MIT */
/* tyto bridge kafka. */
#include <stddef.h>

#include "cli/bridge/bridge.h"
#include "cli/bridge/core/secret_file.h"
#include "cli/bridge/internal.h"
#include "cli/bridge/kafka/kafka.h"
#include "cli/common/options.h"

enum { MS_PER_S = 1000 };

struct kafka_options {
    struct tyto_bridge_options bridge;
    char *topic, *state_topic, *user, *password_file, *ca_file, *cert_file, *key_file,
        *key_password_file;
    enum tyto_sasl sasl;
    uint32_t window;
    bool is_plain;
};

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct kafka_options, field)
static const struct tyto_option rows[] = {
    {.key = "topic", .letter = 't', .type = TYTO_OPTION_TEXT, AT(topic), .value = "NAME",
     .absent = "tyto-events", .help = "the topic of events"},
    {.key = "state_topic", .type = TYTO_OPTION_TEXT, AT(state_topic), .value = "NAME",
     .absent = "none", .help = "the topic of camera states; none: they are not told"},
    {.key = "user", .letter = 'u', .type = TYTO_OPTION_TEXT, AT(user), .value = "NAME",
     .absent = "nobody", .help = "who the brokers know the bridge as, by SASL"},
    {.key = "password_file", .type = TYTO_OPTION_TEXT, AT(password_file), .value = "FILE",
     .is_place = true, .absent = "no password", .help = "a file with the user's password"},
    {.key = "sasl", .type = TYTO_OPTION_WORD, AT(sasl), .words = TYTO_WORDS(TYTO_SASL_LIST),
     .help = "how the user shows that he knows it"},
    {.key = "ca_file", .type = TYTO_OPTION_TEXT, AT(ca_file), .value = "FILE", .is_place = true,
     .absent = "the system's", .help = "kafkas: who may vouch for the brokers: certificates, PEM"},
    {.key = "cert_file", .type = TYTO_OPTION_TEXT, AT(cert_file), .value = "FILE",
     .is_place = true, .absent = "none", .help = "kafkas: the bridge's own certificate, PEM"},
    {.key = "key_file", .type = TYTO_OPTION_TEXT, AT(key_file), .value = "FILE", .is_place = true,
     .absent = "none", .help = "kafkas: its key, PEM"},
    {.key = "key_password_file", .type = TYTO_OPTION_TEXT, AT(key_password_file), .value = "FILE",
     .is_place = true, .absent = "it has none", .help = "kafkas: a file with the key's password"},
    {.key = "window", .type = TYTO_OPTION_U32, AT(window), .min = 1, .max = TYTO_SINK_MAX_WINDOW,
     .help = "so many messages may wait for the brokers' acknowledgement"},
    {.key = "plain", .type = TYTO_OPTION_FLAG, AT(is_plain),
     .help = "use the password with other hosts without TLS, too"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {
    {.title = "Where to and how", .rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    TYTO_BRIDGE_GROUPS(struct kafka_options),
};
static const struct tyto_command_argument arguments[] = {
    {"URL", "the cluster: kafka://HOST[:9092][,HOST...], or kafkas:// with TLS"}, {NULL, NULL}};

static enum tyto_err init(void *target)
{
    struct kafka_options *options = target;
    tyto_bridge_options_init(&options->bridge);
    options->window = TYTO_KAFKA_DEFAULT_WINDOW;
    return TYTO_OK;
}

const struct tyto_command tyto_command_bridge_kafka = {
    .name = "tyto bridge kafka",
    .summary = "produce events to a Kafka topic",
    .usage = "tyto bridge kafka URL [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes =
        "A message's key is the camera, its value the event as `tyto watch --json` prints it; the "
        "headers tyto-event and tyto-rev tell what came twice. The producer is idempotent and "
        "waits for all replicas in sync. Topics are not made: that is the cluster's to do.\n\n"
        "Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage.",
    .examples = "tyto bridge kafka kafka://localhost --topic cameras\n"
                "tyto bridge kafka kafkas://one.lan:9093,two.lan:9093 --ca-file ca.pem --user tyto "
                "--password-file kafka.password\n",
    .target_bytes = sizeof(struct kafka_options),
    .init = init,
};

static int run(const struct kafka_options *options, const char *url)
{
    char *password = NULL, *key_password = NULL;
    struct tyto_fault fault = {.text = ""};
    struct tyto_sink sink;
    const struct tyto_log log = {tyto_bridge_tell, NULL, TYTO_LOG_INFO};
    enum tyto_err err = tyto_bridge_secret_read(options->password_file, &password, &fault);
    if (!err)
        err = tyto_bridge_secret_read(options->key_password_file, &key_password, &fault);
    if (!err) {
        const struct tyto_kafka_params params = {
            .url = url,
            .topic = options->topic ? options->topic : "tyto-events",
            .state_topic = options->state_topic,
            .user = options->user,
            .password = password,
            .ca_file = options->ca_file,
            .cert_file = options->cert_file,
            .key_file = options->key_file,
            .key_password = key_password,
            .sasl = options->sasl,
            .phases = options->bridge.phases,
            .window = options->window,
            .retry_first_ms = (uint32_t)(options->bridge.retry_s[0] * MS_PER_S),
            .retry_last_ms = (uint32_t)(options->bridge.retry_s[1] * MS_PER_S),
            .allows_plain = options->is_plain,
            .log = &log,
        };
        err = tyto_kafka_create(&params, &sink, &fault);
    }
    tyto_bridge_secret_free(&password);
    tyto_bridge_secret_free(&key_password);
    return err ? tyto_bridge_fail("kafka", &fault, err)
               : tyto_bridge_run("kafka", &options->bridge, &sink);
}

int tyto_cmd_bridge_kafka(int argc, char **argv)
{
    static struct kafka_options options;
    const struct tyto_command *command = &tyto_command_bridge_kafka;
    char url[1100];
    int status = 0, num_arguments = 0;
    if (tyto_options_read(command, argc, argv, &options, &num_arguments, &status)) {
        if (num_arguments != 1)
            status = tyto_options_complain(command, num_arguments ? "one cluster is enough"
                                                                  : "which cluster?");
        else if (tyto_bridge_take_address(command, argv[1], url, sizeof(url), &status))
            status = run(&options, url);
    }
    tyto_command_finish(command, &options);
    return status;
}
