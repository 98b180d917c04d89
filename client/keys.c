/* SPDX-License-Identifier: MIT */
#include "client/keys.h"

#include <string.h>

#include <zmq.h>

#include "client/tyto.h"

enum tyto_err tyto_client_make_keys(char ret_public[TYTO_CLIENT_KEY_BYTES],
                                    char ret_secret[TYTO_CLIENT_KEY_BYTES])
{
    return zmq_curve_keypair(ret_public, ret_secret) == 0 ? TYTO_OK : TYTO_ERR_UNSUPPORTED;
}

bool tyto_keys_set(void *socket, const char *server_key, const char *secret_key)
{
    char public_key[TYTO_CLIENT_KEY_BYTES];
    if (!server_key && !secret_key)
        return true;
    return server_key && secret_key && strlen(server_key) + 1 == TYTO_CLIENT_KEY_BYTES &&
           strlen(secret_key) + 1 == TYTO_CLIENT_KEY_BYTES &&
           zmq_curve_public(public_key, secret_key) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, TYTO_CLIENT_KEY_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, sizeof(public_key)) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, TYTO_CLIENT_KEY_BYTES) == 0;
}
