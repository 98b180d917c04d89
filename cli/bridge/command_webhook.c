/* SPDX-License-Identifier: MIT */
/* tyto bridge webhook. */
#include <string.h>

#include "cli/bridge/bridge.h"
#include "cli/bridge/core/secret_file.h"
#include "cli/bridge/internal.h"
#include "cli/bridge/webhook/webhook.h"
#include "cli/common/options.h"

struct webhook_options {
    struct tyto_bridge_options bridge;
    enum tyto_template template;
    char *url_file, *secret_file, *token_file, *ca_file, *picture_base;
    enum tyto_pictures_mode pictures;
    double timeout_s, picture_wait_s;
    bool is_plain;
};

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct webhook_options, field)
static const struct tyto_option rows[] = {
    {.key = "template", .letter = 't', .type = TYTO_OPTION_WORD, AT(template),
     .words = TYTO_WORDS(TYTO_TEMPLATE_LIST), .help = "what is posted"},
    {.key = "url_file", .type = TYTO_OPTION_TEXT, AT(url_file), .value = "FILE", .is_place = true,
     .absent = "URL", .help = "a file with the address, where that is a secret, as Slack's is"},
    {.key = "secret_file", .type = TYTO_OPTION_TEXT, AT(secret_file), .value = "FILE",
     .is_place = true, .absent = "no signature",
     .help = "a file with a secret that signs each body, in the header X-Tyto-Signature"},
    {.key = "token_file", .type = TYTO_OPTION_TEXT, AT(token_file), .value = "FILE",
     .is_place = true, .absent = "no token",
     .help = "a file with a token, for the header Authorization: Bearer"},
    {.key = "ca_file", .type = TYTO_OPTION_TEXT, AT(ca_file), .value = "FILE", .is_place = true,
     .absent = "the system's", .help = "who may vouch for the server: certificates, PEM"},
    {.key = "timeout_s", .type = TYTO_OPTION_F64, AT(timeout_s), .min = 0.1, .max = 600,
     .unit = "s", .help = "of each try, from connecting to the end of the answer"},
    {.key = "pictures", .type = TYTO_OPTION_WORD, AT(pictures),
     .words = TYTO_WORDS(TYTO_PICTURES_LIST),
     .help = "how an event's picture goes with it; tytod makes them where snapshots.send says so"},
    {.key = "picture_base", .type = TYTO_OPTION_TEXT, AT(picture_base), .value = "URL",
     .absent = "none", .help = "where the receiver finds what tytod keeps in snapshots.dir"},
    {.key = "picture_wait_s", .type = TYTO_OPTION_F64, AT(picture_wait_s), .min = 0, .max = 60,
     .unit = "s", .help = "an event waits so long for its picture, then goes without"},
    {.key = "plain", .type = TYTO_OPTION_FLAG, AT(is_plain),
     .help = "send the token to other hosts without TLS, too"},
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {
    {.title = "Where to and how", .rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    TYTO_BRIDGE_GROUPS(struct webhook_options),
};
static const struct tyto_command_argument arguments[] = {
    {"URL", "where to post, http or https; or --url-file"}, {NULL, NULL}};

static enum tyto_err init(void *target)
{
    struct webhook_options *options = target;
    tyto_bridge_options_init(&options->bridge);
    options->timeout_s = 10;
    options->picture_wait_s = 3;
    return TYTO_OK;
}

const struct tyto_command tyto_command_bridge_webhook = {
    .name = "tyto bridge webhook",
    .summary = "post each event to a web server",
    .usage = "tyto bridge webhook URL [OPTION...]\n"
             "tyto bridge webhook --url-file FILE [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes =
        "A 2xx is the acknowledgement. After 5xx, 408, 425, 429 and where there is no answer in "
        "time the event is posted again until it is taken, and those behind it wait; a "
        "Retry-After counts, up to 10 minutes. Any other 3xx or 4xx is for good: the event goes to "
        "the file of --refused. Redirects are not followed.\n\n"
        "X-Tyto-Event and X-Tyto-Rev tell two deliveries of the same from two events, X-Tyto-Try "
        "counts. X-Tyto-Signature is t=SECONDS,v1=HEX: the HMAC-SHA256 by the secret over SECONDS, "
        "a dot and the body.\n\n"
        "A picture that the server does not take (4xx) is left out when the event is posted again."
        "\n\n"
        "Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage.",
    .examples =
        "tyto bridge webhook http://localhost:8123/api/webhook/tyto-events\n"
        "tyto bridge webhook https://ntfy.sh/my-yard --template ntfy --class dog --pictures "
        "attach\n"
        "tyto bridge webhook --url-file slack.url --template slack --camera front-door\n"
        "tyto bridge webhook https://example.org/events --secret-file hook.secret --phases all\n",
    .target_bytes = sizeof(struct webhook_options),
    .init = init,
};

static int run(const struct webhook_options *options, const char *url)
{
    char *url_text = NULL, *secret = NULL, *token = NULL;
    struct tyto_fault fault = {.text = ""};
    struct tyto_sink sink;
    enum tyto_err err = tyto_bridge_secret_read(options->url_file, &url_text, &fault);
    if (!err)
        err = tyto_bridge_secret_read(options->secret_file, &secret, &fault);
    if (!err)
        err = tyto_bridge_secret_read(options->token_file, &token, &fault);
    if (!err) {
        const struct tyto_webhook_params params = {
            .url = url_text ? url_text : url,
            .secret = secret,
            .token = token,
            .ca_file = options->ca_file,
            .template = options->template,
            .phases = options->bridge.phases,
            .pictures = options->pictures,
            .picture_base = options->picture_base,
            .picture_wait_ms = (uint32_t)(options->picture_wait_s * 1000),
            .timeout_ms = (uint32_t)(options->timeout_s * 1000),
            .allows_plain = options->is_plain,
        };
        err = tyto_webhook_create(&params, &sink, &fault);
    }
    tyto_bridge_secret_free(&url_text);
    tyto_bridge_secret_free(&secret);
    tyto_bridge_secret_free(&token);
    return err ? tyto_bridge_fail("webhook", &fault, err)
               : tyto_bridge_run("webhook", &options->bridge, &sink);
}

int tyto_cmd_bridge_webhook(int argc, char **argv)
{
    static struct webhook_options options;
    static char url[2048];
    const struct tyto_command *command = &tyto_command_bridge_webhook;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(command, argc, argv, &options, &num_arguments, &status)) {
        const int num_urls = num_arguments + (options.url_file != NULL);
        if (num_urls != 1)
            status = tyto_options_complain(command,
                                           num_urls ? "one address is enough" : "which address?");
        else if (!num_arguments ||
                 tyto_bridge_take_address(command, argv[1], url, sizeof(url), &status))
            status = run(&options, url);
    }
    explicit_bzero(url, sizeof(url));
    tyto_command_finish(command, &options);
    return status;
}
