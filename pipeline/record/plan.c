/* SPDX-License-Identifier: MIT */
/* Which events one recording is wanted for, and from when to when. */
#include "base/clock.h"
#include "pipeline/record/internal.h"
#include <stdio.h>
#include <string.h>

static struct tyto_record_plan *find_plan(struct tyto_record_camera *camera, const char *event_id,
                                          struct tyto_record_label **ret_label)
{
    for (uint32_t i = 0; i < camera->num_plans; i++) {
        struct tyto_record_plan *plan = &camera->plans[i];
        for (uint32_t k = 0; k < plan->num_labels; k++) {
            *ret_label = &plan->labels[k];
            if (plan->labels[k].is_open && strcmp(plan->labels[k].event_id, event_id) == 0)
                return plan;
        }
    }
    return NULL;
}

static struct tyto_record_plan *new_plan(struct tyto_record_camera *camera)
{
    if (camera->num_plans == TYTO_RECORD_MAX_PLANS)
        return NULL;
    struct tyto_record_plan *plan = &camera->plans[camera->num_plans++];
    memset(plan, 0, sizeof(*plan));
    plan->made_ns = tyto_clock_mono_ns();
    return plan;
}

/* The recording that an event belongs to which begins now. */
static struct tyto_record_plan *plan_for(struct tyto_record_camera *camera, int64_t begin_ns,
                                         const struct tyto_event *event)
{
    struct tyto_record_plan *last =
        camera->num_plans > 0 ? &camera->plans[camera->num_plans - 1] : NULL;
    if (last && !last->is_closed && last->num_labels < TYTO_RECORD_MAX_LABELS &&
        (last->num_open > 0 || begin_ns <= last->end_ns))
        return last;
    struct tyto_record_plan *plan = new_plan(camera);
    if (!plan)
        return NULL;
    plan->begin_ns = begin_ns;
    tyto_file_name(plan->name, event->begin_unix_ns, event->class_name, event->id);
    return plan;
}

static void close_label(struct tyto_record_plan *plan, struct tyto_record_label *label)
{
    label->is_open = false;
    if (--plan->num_open == 0)
        plan->settled_ns = tyto_clock_mono_ns();
}

static struct tyto_record_plan *begin_event(struct tyto_record_camera *camera,
                                            const struct tyto_event *event, int64_t shift_ns)
{
    const int64_t begin_ns = event->begin_media_ns - shift_ns;
    struct tyto_record_plan *plan = plan_for(camera, begin_ns - camera->pre_ns, event);
    if (!plan)
        return NULL;
    struct tyto_record_label *label = &plan->labels[plan->num_labels++];
    memset(label, 0, sizeof(*label));
    memcpy(label->event_id, event->id, sizeof(label->event_id));
    memcpy(label->label.class_name, event->class_name, sizeof(label->label.class_name));
    label->label.begin_ns = begin_ns;
    label->is_open = true;
    plan->num_open++;
    plan->settled_ns = 0;
    plan->is_retracted = false;
    return plan;
}

static void take_back(struct tyto_record_plan *plan, struct tyto_record_label *label)
{
    close_label(plan, label);
    *label = plan->labels[--plan->num_labels];
    plan->is_retracted = plan->num_labels == 0;
}

struct tyto_record_plan *tyto_record_take_event(struct tyto_recorder *recorder,
                                                struct tyto_record_camera *camera,
                                                const struct tyto_event *event)
{
    const int64_t shift_ns = atomic_load(&camera->shift_ns);
    struct tyto_record_label *label;
    struct tyto_record_plan *plan = find_plan(camera, event->id, &label);
    if (event->phase == TYTO_EVENT_PHASE_RETRACTED) {
        if (plan)
            take_back(plan, label);
        return NULL;
    }
    /* An event may be published only when it ends (shorter ones are not): it begins then. */
    if (!plan && event->rev == 0 && !atomic_load(&recorder->is_failing)) {
        plan = begin_event(camera, event, shift_ns);
        label = plan ? &plan->labels[plan->num_labels - 1] : NULL;
    }
    if (!plan)
        return NULL;
    label->label.modality = event->modality;
    if (event->phase == TYTO_EVENT_PHASE_END) {
        label->label.end_ns = event->end_media_ns - shift_ns;
        const int64_t end_ns = label->label.end_ns + camera->post_ns;
        if (end_ns > plan->end_ns || plan->num_labels == 1)
            plan->end_ns = end_ns;
        close_label(plan, label);
    }
    return plan;
}

void tyto_record_close(struct tyto_record_camera *camera, int64_t at_ns, bool go_on, uint32_t epoch)
{
    struct tyto_record_plan *plan = &camera->plans[0];
    plan->is_closed = true;
    struct tyto_record_plan *next = plan->num_open > 0 && go_on ? new_plan(camera) : NULL;
    for (uint32_t i = 0; i < plan->num_labels; i++) {
        struct tyto_record_label *label = &plan->labels[i];
        if (!label->is_open)
            continue;
        if (next) {
            next->labels[next->num_labels++] = *label;
            next->num_open++;
        }
        label->label.end_ns = at_ns;
        close_label(plan, label);
    }
    if (!next)
        return;
    /* Named by the time of the cut, else it would have the name of the first. */
    const struct tyto_record_label *first = &next->labels[0];
    const int64_t now_ns = (int64_t)tyto_clock_unix_ns();
    tyto_file_name(next->name, now_ns, first->label.class_name, first->event_id);
    next->begin_ns = at_ns;
    next->end_ns = at_ns;
    next->min_epoch = epoch;
}
