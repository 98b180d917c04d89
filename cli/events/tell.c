/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/event/json.h"
#include "cli/events/internal.h"
#include "pipeline/track/options.h"

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct tyto_tell_filter, field)
const struct tyto_option tyto_tell_filter_rows[] = {
    {.key = "camera", .letter = 'c', .type = TYTO_OPTION_TEXTS, AT(cameras),
     .max = TYTO_CLIENT_MAX_CAMERAS, .value = "ID", .absent = "all", .check = tyto_option_check_id,
     .help = "only this camera; may be given again"},
    {.key = "class", .letter = 'k', .type = TYTO_OPTION_TEXTS, AT(classes),
     .max = TYTO_CLIENT_MAX_CLASSES, .value = "NAME", .absent = "all", .check = tyto_option_check_id,
     .help = "only this class; may be given again"},
    {.key = "modality", .letter = 'm', .type = TYTO_OPTION_WORD, AT(modality),
     .words = TYTO_WORDS(TYTO_TELL_MODALITY_LIST), .help = "only events that are so"},
    {.key = "zone", .letter = 'z', .type = TYTO_OPTION_TEXTS, AT(zones), .max = TYTO_EVENT_MAX_ZONES,
     .value = "NAME", .absent = "all", .check = tyto_option_check_id,
     .help = "only events that have touched this zone by then; may be given again"},
};
#undef AT
#define AT(field) TYTO_OPTION_AT(struct tyto_tell, field)
const struct tyto_option tyto_tell_rows[] = {
    {.key = "json", .letter = 'j', .type = TYTO_OPTION_FLAG, AT(is_json),
     .help = "JSON lines instead of readable ones"},
    {.key = "segments", .type = TYTO_OPTION_FLAG, AT(with_segments),
     .help = "with --json: the scores of each segment of an event, and of an end which second of "
             "picture answered which of sound (alignment)"},
    {.key = "map", .type = TYTO_OPTION_FLAG, AT(style.map),
     .help = "the place map below NEW and END"},
    {.key = "updates", .type = TYTO_OPTION_FLAG, AT(with_updates),
     .help = "show UPDATE messages, too"},
    {.key = "color", .type = TYTO_OPTION_WORD, AT(color), .words = TYTO_WORDS(TYTO_COLOR_LIST),
     .help = "coloured lines"},
    {.key = "ascii", .type = TYTO_OPTION_FLAG, AT(style.ascii), .help = "no block characters"},
};
#undef AT
/* clang-format on */

/* --- which ---------------------------------------------------------------------------------------
 */

static bool is_among(const struct tyto_texts *texts, const char *text)
{
    for (uint32_t i = 0; i < texts->num; i++) {
        if (strcmp(texts->texts[i], text) == 0)
            return true;
    }
    return texts->num == 0;
}

static bool has_touched(const struct tyto_texts *zones, const struct tyto_event *event)
{
    bool has = zones->num == 0;
    for (uint32_t i = 0; i < event->num_zones && !has; i++)
        has = is_among(zones, event->zones[i]);
    return has;
}

static bool is_so(enum tyto_tell_modality wanted, enum tyto_modality modality)
{
    switch (wanted) {
    case TYTO_TELL_BOTH:
        return modality == TYTO_MODALITY_AV;
    case TYTO_TELL_HEARD:
        return modality == TYTO_MODALITY_A;
    case TYTO_TELL_SEEN:
        return modality == TYTO_MODALITY_V;
    case TYTO_TELL_ANY:
        break;
    }
    return true;
}

bool tyto_tell_is_wanted(const struct tyto_tell_filter *filter, const struct tyto_message *message)
{
    if (message->kind == TYTO_MESSAGE_CAMERA_STATE)
        return is_among(&filter->cameras, message->u.camera_state.camera);
    if (message->kind != TYTO_MESSAGE_EVENT)
        return true;
    const struct tyto_event *event = &message->u.event;
    return is_among(&filter->cameras, event->camera) &&
           is_among(&filter->classes, event->class_name) &&
           is_so(filter->modality, event->modality) && has_touched(&filter->zones, event);
}

/* --- how -----------------------------------------------------------------------------------------
 */

void tyto_tell_time(int64_t unix_ns, char ret_text[32])
{
    const time_t s = (time_t)(unix_ns / (int64_t)TYTO_NS_PER_S);
    struct tm parts;
    char text[24];
    if (!localtime_r(&s, &parts) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts) == 0)
        snprintf(text, sizeof(text), "----------");
    snprintf(ret_text, 32, "%s.%d", text,
             (int)(unix_ns % (int64_t)TYTO_NS_PER_S / (int64_t)(TYTO_NS_PER_S / 10)));
}

static int64_t now_of(const struct tyto_tell *tell, const struct tyto_message *message)
{
    return tell->is_past ? message->publish_unix_ns : (int64_t)tyto_clock_unix_ns();
}

/* What is told of the past may be of several days. */
static void put_day(struct tyto_tell *tell, int64_t unix_ns)
{
    char before[32] = "", now[32];
    tyto_tell_time(unix_ns, now);
    if (tell->day_unix_ns)
        tyto_tell_time(tell->day_unix_ns, before);
    tell->day_unix_ns = unix_ns;
    if (tell->is_past && strncmp(before, now, 10) != 0)
        printf("%.10s\n", now);
}

void tyto_tell_begin(struct tyto_tell *tell)
{
    tell->style.color = tyto_color_is_wanted(tell->color);
    if (!tell->is_json)
        tyto_line_head(&tell->style, stdout);
    (void)fflush(stdout);
}

static void put_event(struct tyto_tell *tell, const struct tyto_message *message)
{
    const struct tyto_event *event = &message->u.event;
    if (event->phase == TYTO_EVENT_PHASE_UPDATE && !tell->with_updates && !tell->is_json)
        return;
    if (!tell->is_json) {
        put_day(tell, now_of(tell, message));
        tyto_line_event(&tell->style, event, now_of(tell, message), stdout);
        return;
    }
    struct tyto_json *json = tyto_event_to_json(event, tell->with_segments);
    if (tell->is_snapshot)
        tyto_json_put(&json, "snapshot", tyto_json_new_bool(true));
    tyto_json_put_told(&json, message->publish_unix_ns, message->seq);
    (void)tyto_json_put_line(&json);
}

static void put_camera(struct tyto_tell *tell, const struct tyto_message *message)
{
    if (!tell->is_json) {
        put_day(tell, now_of(tell, message));
        tyto_line_camera(&tell->style, &message->u.camera_state, now_of(tell, message), stdout);
        return;
    }
    struct tyto_json *json = tyto_camera_state_to_json(&message->u.camera_state);
    if (json)
        (void)tyto_json_put_line(&json);
}

static void put_json_model(struct tyto_json *json, const struct tyto_model_state *model)
{
    struct tyto_json *names = tyto_json_new_array();
    const bool is_rejected = model->outcome == TYTO_MODEL_OUTCOME_REJECTED;
    for (uint32_t i = 0; i < model->num_names; i++)
        (void)tyto_json_append(names, tyto_json_new_string(model->class_names[i]));
    tyto_json_set(json, "digest", tyto_json_new_string(model->digest));
    tyto_json_set(json, "outcome", tyto_json_new_string(is_rejected ? "rejected" : "loaded"));
    tyto_json_set(json, "previous_digest", tyto_json_new_string(model->previous_digest));
    tyto_json_set(json, "text", tyto_json_new_string(model->text));
    tyto_json_set(json, "device", tyto_json_new_string(model->device));
    tyto_json_set(json, "exec", tyto_json_new_string(model->exec));
    tyto_json_set(json, "num_classes", tyto_json_new_u64(model->num_classes));
    tyto_json_set(json, "classes", names);
}

static void put_model(struct tyto_tell *tell, const struct tyto_message *message)
{
    const struct tyto_model_state *model = &message->u.model_state;
    const bool is_rejected = model->outcome == TYTO_MODEL_OUTCOME_REJECTED;
    char text[512];
    if (is_rejected)
        snprintf(text, sizeof(text), "a model was refused, %.12s goes on: %s", model->digest,
                 model->text);
    else if (model->previous_digest[0])
        snprintf(text, sizeof(text), "model %.12s has taken over from %.12s, %u classes",
                 model->digest, model->previous_digest, model->num_classes);
    else
        snprintf(text, sizeof(text), "model %.12s, %u classes, %s on %s", model->digest,
                 model->num_classes, model->exec, model->device);
    if (tell->is_json) {
        struct tyto_json *json = tyto_json_new_object();
        tyto_json_set(json, "type", tyto_json_new_string("model"));
        tyto_json_set(json, "utc", tyto_json_new_utc(now_of(tell, message)));
        put_json_model(json, model);
        (void)tyto_json_put_line(&json);
        return;
    }
    put_day(tell, now_of(tell, message));
    tyto_line_notice(&tell->style, is_rejected, now_of(tell, message), text, stdout);
}

void tyto_tell_message(struct tyto_tell *tell, const struct tyto_message *message)
{
    if (message->kind == TYTO_MESSAGE_EVENT)
        put_event(tell, message);
    else if (message->kind == TYTO_MESSAGE_CAMERA_STATE)
        put_camera(tell, message);
    else if (message->kind == TYTO_MESSAGE_MODEL_STATE)
        put_model(tell, message);
    (void)fflush(stdout);
}

void tyto_tell_notice(struct tyto_tell *tell, const char *type, bool is_bad, const char *text,
                      struct tyto_json *json)
{
    const int64_t now_ns = (int64_t)tyto_clock_unix_ns();
    if (!tell->is_json) {
        tyto_line_notice(&tell->style, is_bad, now_ns, text, stdout);
        tyto_json_destroy(&json);
        (void)fflush(stdout);
        return;
    }
    if (!json)
        json = tyto_json_new_object();
    tyto_json_set(json, "type", tyto_json_new_string(type));
    tyto_json_set(json, "utc", tyto_json_new_utc(now_ns));
    tyto_json_set(json, "text", tyto_json_new_string(text));
    (void)tyto_json_put_line(&json);
    (void)fflush(stdout);
}
