/* SPDX-License-Identifier: MIT */
#include "cli/bridge/mqtt/security.h"

#include <mosquitto.h>

enum tyto_err tyto_mqtt_secure(struct mosquitto *mosq, const struct tyto_mqtt_params *params,
                               const struct tyto_mqtt_address *address,
                               struct tyto_fault *ret_fault)
{
    if (params->password && !address->is_secure && !address->is_this_machine &&
        !params->allows_plain)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "URL",
                              "is not mqtts: everybody on the way could read the password (--plain "
                              "sends it nevertheless)");
    if (params->password && !params->user)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "a password needs a user");
    if (params->user &&
        mosquitto_username_pw_set(mosq, params->user, params->password) != MOSQ_ERR_SUCCESS)
        return TYTO_ERR_NOMEM;
    if (!address->is_secure)
        return TYTO_OK;
    int code = MOSQ_ERR_SUCCESS;
    if (!params->ca_file)
        code = mosquitto_int_option(mosq, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    if (code == MOSQ_ERR_SUCCESS && (params->ca_file || params->cert_file))
        code = mosquitto_tls_set(mosq, params->ca_file, params->ca_file ? NULL : "/etc/ssl/certs",
                                 params->cert_file, params->key_file, NULL);
    if (code != MOSQ_ERR_SUCCESS)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "a certificate or key cannot be used (%s)", mosquitto_strerror(code));
    return TYTO_OK;
}
