/* SPDX-License-Identifier: MIT */
/* The smallest useful subscriber. Outside of this repository:
 *   cc example_subscriber.c $(pkg-config --cflags --libs tyto) */
#include <stdio.h>
#include <string.h>

#include "client/tyto.h"

int main(int argc, char **argv)
{
    struct tyto_client_params params;
    memset(&params, 0, sizeof(params));
    params.endpoint = argc > 1 ? argv[1] : NULL;
    struct tyto_client *client = NULL;
    enum tyto_err err = tyto_client_create(&params, &client);
    struct tyto_message message;
    while (!err) {
        err = tyto_client_next(client, -1, &message);
        if (err == TYTO_ERR_TIMEOUT) /* a signal that did not end us */
            err = TYTO_OK;
        else if (!err && message.kind == TYTO_MESSAGE_LOST)
            printf("%llu messages lost\n", (unsigned long long)message.num_lost);
        else if (!err && message.kind == TYTO_MESSAGE_EVENT)
            printf("%s %s %s joint %.2f heard %.2f seen %.2f\n", message.u.event.camera,
                   message.u.event.class_name, tyto_event_phase_name(message.u.event.phase),
                   (double)message.u.event.scores.joint, (double)message.u.event.scores.heard,
                   (double)message.u.event.scores.seen);
    }
    fprintf(stderr, "example_subscriber: %s\n", tyto_err_text(err));
    tyto_client_destroy(&client);
    return 1;
}
