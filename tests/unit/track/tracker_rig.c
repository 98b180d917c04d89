/* SPDX-License-Identifier: MIT */
#include "tests/unit/track/tracker_rig.h"

const char *const names[K] = {"dog", "guitar", "bell"};

void keep(void *user, const struct tyto_event *event)
{
    struct log *log = user;
    assert_true(log->num < MAX_EVENTS);
    log->events[log->num++] = *event;
}

struct tyto_tracker *make(struct tyto_tracker_params params, tyto_tracker_sink sink, void *user)
{
    const struct tyto_tracker_context context = {
        .camera = "yard",
        .num_classes = K,
        .class_names = names,
        .model_digest = "abc",
        .hop_ns = S,
        .sink = sink,
        .user = user,
    };
    struct tyto_tracker *tracker = NULL;
    assert_int_equal(tyto_tracker_create(&params, &context, &tracker), TYTO_OK);
    return tracker;
}

int64_t unix_offset_ns = 1700000000 * S;

void feed(struct tyto_tracker *tracker, int64_t t, float joint, float heard, float seen)
{
    const float j[K] = {joint}, h[K] = {heard}, v[K] = {seen};
    const struct tyto_observation o = {
        .begin_ns = t * S,
        .end_ns = (t + 1) * S,
        .unix_offset_ns = unix_offset_ns,
        .clock_quality = TYTO_CLOCK_QUALITY_CAMERA,
        .evidence.has_audio = true,
        .evidence.has_video = true,
        .evidence.has_heard_seen = true,
        .evidence.joint = j,
        .evidence.heard = h,
        .evidence.seen = v,
        .evidence.weight_audio = 0.25f,
        .evidence.weight_visual = 0.75f,
    };
    tyto_tracker_update(tracker, &o);
}
