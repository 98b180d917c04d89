/* SPDX-License-Identifier: MIT */
/* Live cameras are decoded as little as can be; to see how far their sound lies behind, all
 * pictures are needed for a while. One camera at a time has its turn, the one that waits longest,
 * and more seldom where the offset is known or nothing is to be found. */
#include "base/clock.h"
#include "pipeline/engine/internal.h"

/* The first keyframe may take a second or more; then some chunks of the estimator fit. */
#define LOOK_NS (22 * TYTO_NS_PER_S)
#define PAUSE_NS (20 * TYTO_NS_PER_S)        /* to the next turn of one whose offset is not known */
#define PAUSE_KNOWN_NS (180 * TYTO_NS_PER_S) /* of one whose offset is */
#define PAUSE_HOPELESS_NS (600 * TYTO_NS_PER_S)

static uint64_t pause_of(const struct tyto_camera *camera)
{
    switch (tyto_session_alignment(camera->session)->estimate.status) {
    case TYTO_SYNC_CONFIDENT:
        return PAUSE_KNOWN_NS;
    case TYTO_SYNC_UNRELATED:
        return PAUSE_HOPELESS_NS;
    case TYTO_SYNC_LISTENING:
    case TYTO_SYNC_NUM_STATUSES:
        break;
    }
    return PAUSE_NS;
}

void tyto_engine_forget_looker(struct tyto_engine *engine, const struct tyto_camera *camera)
{
    if (engine->looker == camera)
        engine->looker = NULL;
}

static void end_look(struct tyto_engine *engine, uint64_t now_ns)
{
    tyto_session_set_looking(engine->looker->session, false);
    engine->looker->looked_ns = now_ns;
    engine->looker = NULL;
}

void tyto_engine_look(struct tyto_engine *engine, struct tyto_camera *first, uint64_t now_ns)
{
    if (engine->looker && tyto_session_can_look(engine->looker->session)) {
        /* a new connection has to be told, too */
        tyto_session_set_looking(engine->looker->session, true);
        if (now_ns < engine->look_until_ns)
            return;
    }
    if (engine->looker)
        end_look(engine, now_ns);
    struct tyto_camera *next = NULL;
    for (struct tyto_camera *camera = first; camera; camera = camera->next) {
        const bool waits = camera->looked_ns == 0 || now_ns - camera->looked_ns > pause_of(camera);
        if (waits && tyto_session_can_look(camera->session) &&
            (!next || camera->looked_ns < next->looked_ns))
            next = camera;
    }
    if (!next)
        return;
    engine->looker = next;
    engine->look_until_ns = now_ns + LOOK_NS;
    tyto_session_set_looking(next->session, true);
}
