/* SPDX-License-Identifier: MIT */
/* tyto bridge mqtt. */
#include <stddef.h>
#include <stdio.h>

#include "cli/bridge/bridge.h"
#include "cli/bridge/core/secret_file.h"
#include "cli/bridge/internal.h"
#include "cli/bridge/mqtt/mqtt.h"
#include "cli/common/options.h"

enum { MS_PER_S = 1000, BYTES_PER_KIB = 1024 };

struct mqtt_options {
    struct tyto_bridge_options bridge;
    char *user, *password_file, *ca_file, *cert_file, *key_file, *client_id;
    char prefix[65], discovery_prefix[65];
    uint32_t window, max_picture_kib;
    bool without_discovery, without_pictures, is_plain;
};

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct mqtt_options, field)
static const struct tyto_option rows[] = {
    {.key = "user", .letter = 'u', .type = TYTO_OPTION_TEXT, AT(user), .value = "NAME",
     .absent = "nobody", .help = "who the broker knows the bridge as"},
    {.key = "password_file", .type = TYTO_OPTION_TEXT, AT(password_file), .value = "FILE",
     .is_place = true, .absent = "no password", .help = "a file with the user's password"},
    {.key = "ca_file", .type = TYTO_OPTION_TEXT, AT(ca_file), .value = "FILE", .is_place = true,
     .absent = "the system's", .help = "mqtts: who may vouch for the broker: certificates, PEM"},
    {.key = "cert_file", .type = TYTO_OPTION_TEXT, AT(cert_file), .value = "FILE",
     .is_place = true, .absent = "none", .help = "mqtts: the bridge's own certificate, PEM"},
    {.key = "key_file", .type = TYTO_OPTION_TEXT, AT(key_file), .value = "FILE", .is_place = true,
     .absent = "none", .help = "mqtts: its key, PEM"},
    {.key = "client_id", .type = TYTO_OPTION_TEXT, AT(client_id), .value = "TEXT",
     .absent = "the broker's choice", .help = "the client's id, where the broker asks for one"},
    {.key = "prefix", .type = TYTO_OPTION_CHARS, AT(prefix), .value = "TOPIC",
     .help = "what all topics begin with"},
    {.key = "discovery_prefix", .type = TYTO_OPTION_CHARS, AT(discovery_prefix), .value = "TOPIC",
     .help = "where Home Assistant looks for devices"},
    {.key = "no_discovery", .type = TYTO_OPTION_FLAG, AT(without_discovery),
     .help = "tell Home Assistant nothing of devices"},
    {.key = "no_pictures", .type = TYTO_OPTION_FLAG, AT(without_pictures),
     .help = "publish no pictures of events; tytod makes them where snapshots.send says so"},
    {.key = "max_picture_kib", .type = TYTO_OPTION_U32, AT(max_picture_kib), .min = 1,
     .max = TYTO_THUMBNAIL_MAX_BYTES / BYTES_PER_KIB, .unit = "KiB",
     .help = "larger pictures are left out; for brokers that take no large messages"},
    {.key = "window", .type = TYTO_OPTION_U32, AT(window), .min = 1, .max = TYTO_MQTT_MAX_WINDOW,
     .help = "so many messages may wait for the broker's acknowledgement"},
    {.key = "plain", .type = TYTO_OPTION_FLAG, AT(is_plain),
     .help = "send the password to other hosts without TLS, too"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {
    {.title = "Where to and how", .rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    TYTO_BRIDGE_GROUPS(struct mqtt_options),
};
static const struct tyto_command_argument arguments[] = {
    {"URL", "the broker: mqtt://HOST[:1883], or mqtts://HOST[:8883] with TLS"}, {NULL, NULL}};

static enum tyto_err init(void *target)
{
    struct mqtt_options *options = target;
    tyto_bridge_options_init(&options->bridge);
    snprintf(options->prefix, sizeof(options->prefix), "tyto");
    snprintf(options->discovery_prefix, sizeof(options->discovery_prefix), "homeassistant");
    options->window = TYTO_MQTT_DEFAULT_WINDOW;
    options->max_picture_kib = TYTO_THUMBNAIL_MAX_BYTES / BYTES_PER_KIB;
    return TYTO_OK;
}

const struct tyto_command tyto_command_bridge_mqtt = {
    .name = "tyto bridge mqtt",
    .summary =
        "publish events and camera states to an MQTT broker, with Home Assistant's discovery",
    .usage = "tyto bridge mqtt URL [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes =
        "Topics: PREFIX/status (online or offline, also the last will), PREFIX/CAMERA/events (each "
        "message about an event, JSON), PREFIX/CAMERA/state (JSON), PREFIX/CAMERA/availability, "
        "PREFIX/CAMERA/picture (the newest picture of an event, JPEG), "
        "PREFIX/CAMERA/picture/event (of which event: JSON), PREFIX/CAMERA/class/CLASS (ON while "
        "an event is open, else OFF). All but events are "
        "retained. Home Assistant gets a device for each camera with an entity for its events, one "
        "for its pictures and a binary sensor for each class.\n\n"
        "All are sent with QoS 1. What the broker has not acknowledged is sent again; id and rev "
        "tell what came twice.\n\n"
        "Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage.",
    .examples =
        "tyto bridge mqtt mqtt://localhost\n"
        "tyto bridge mqtt mqtts://broker.lan --ca-file ca.pem --user tyto --password-file "
        "mqtt.password\n"
        "tyto bridge mqtt mqtt://localhost --no-discovery --prefix home/cameras --phases all\n",
    .target_bytes = sizeof(struct mqtt_options),
    .init = init,
};

static int run(const struct mqtt_options *options, const char *url)
{
    char *password = NULL;
    struct tyto_fault fault = {.text = ""};
    struct tyto_sink sink;
    const struct tyto_log log = {tyto_bridge_tell, NULL, TYTO_LOG_INFO};
    enum tyto_err err = tyto_bridge_secret_read(options->password_file, &password, &fault);
    if (!err) {
        const struct tyto_mqtt_params params = {
            .url = url,
            .user = options->user,
            .password = password,
            .ca_file = options->ca_file,
            .cert_file = options->cert_file,
            .key_file = options->key_file,
            .client_id = options->client_id,
            .prefix = options->prefix,
            .discovery_prefix = options->without_discovery ? NULL : options->discovery_prefix,
            .version = TYTO_VERSION,
            .phases = options->bridge.phases,
            .window = options->window,
            .retry_first_ms = (uint32_t)(options->bridge.retry_s[0] * MS_PER_S),
            .retry_last_ms = (uint32_t)(options->bridge.retry_s[1] * MS_PER_S),
            .max_picture_bytes =
                options->without_pictures ? 0 : options->max_picture_kib * BYTES_PER_KIB,
            .allows_plain = options->is_plain,
            .log = &log,
        };
        err = tyto_mqtt_create(&params, &sink, &fault);
    }
    const int status = err ? tyto_bridge_fail("mqtt", &fault, err)
                           : tyto_bridge_run("mqtt", &options->bridge, &sink);
    tyto_bridge_secret_free(&password);
    return status;
}

int tyto_cmd_bridge_mqtt(int argc, char **argv)
{
    static struct mqtt_options options;
    const struct tyto_command *command = &tyto_command_bridge_mqtt;
    char url[512];
    int status = 0, num_arguments = 0;
    if (tyto_options_read(command, argc, argv, &options, &num_arguments, &status)) {
        if (num_arguments != 1)
            status = tyto_options_complain(command, num_arguments ? "one broker is enough"
                                                                  : "which broker?");
        else if (tyto_bridge_take_address(command, argv[1], url, sizeof(url), &status))
            status = run(&options, url);
    }
    tyto_command_finish(command, &options);
    return status;
}
