/* SPDX-License-Identifier: MIT */
#include "cli/bridge/core/letter.h"

#include "cli/event/json.h"

struct tyto_json *tyto_bridge_letter(const struct tyto_message *message)
{
    if (message->kind == TYTO_MESSAGE_CAMERA_STATE)
        return tyto_camera_state_to_json(&message->u.camera_state);
    if (message->kind != TYTO_MESSAGE_EVENT)
        return NULL;
    struct tyto_json *json = tyto_event_to_json(&message->u.event, false);
    tyto_json_put_told(&json, message->publish_unix_ns, message->seq);
    return json;
}

static char *print(struct tyto_json *json)
{
    char *text = json ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    return text;
}

char *tyto_bridge_letter_text(const struct tyto_message *message)
{
    return print(tyto_bridge_letter(message));
}

char *tyto_bridge_picture_text(const struct tyto_thumbnail *about)
{
    return print(tyto_thumbnail_to_json(about));
}
