/* SPDX-License-Identifier: MIT */
/* Any bytes as tytod's YAML: a sound configuration, or an error that says something. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "daemon/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tyto_config *config = NULL;
    struct tyto_fault fault;
    memset(&fault, 0, sizeof(fault));
    const enum tyto_err err =
        tyto_config_parse((const char *)data, size, "fuzz.yaml", &config, &fault);
    if ((!err) != (config != NULL) || (err && !fault.text[0]))
        abort();
    if (config) {
        char shown[TYTO_CONFIG_URI_MAX];
        tyto_secret_redact(config->cameras[0].uri, shown, sizeof(shown));
        if (tyto_config_check(config, &fault) != TYTO_OK)
            abort();
    }
    tyto_config_destroy(&config);
    return 0;
}
