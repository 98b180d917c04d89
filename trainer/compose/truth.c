/* SPDX-License-Identifier: MIT */
#include "trainer/compose/truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/json.h"

static const double ns_per_s = 1e9;

struct interval {
    int64_t begin_ns, end_ns;
};

/* When an event is seen and heard; both 0: it is not. */
struct event_times {
    const char *class_name;
    struct interval seen, heard;
};

static const char *class_of(const struct tyto_compose_assets *assets, uint32_t entry_idx)
{
    return assets->classes[assets->entries[entry_idx].class_idx].name;
}

static struct event_times find_event(const struct tyto_compose_scene *scene,
                                     const struct tyto_compose_assets *assets, uint32_t event)
{
    struct event_times times = {0};
    for (uint32_t i = 0; i < scene->num_objects; i++) {
        const struct tyto_compose_object *object = &scene->objects[i];
        if (object->event == event) {
            times.seen = (struct interval){object->begin_ns, object->end_ns};
            times.class_name = class_of(assets, object->entry_idx);
        }
    }
    for (uint32_t i = 0; i < scene->num_sounds; i++) {
        const struct tyto_compose_sound *sound = &scene->sounds[i];
        if (sound->event == event) {
            times.heard = (struct interval){sound->begin_ns, sound->end_ns};
            times.class_name = class_of(assets, sound->entry_idx);
        }
    }
    return times;
}

static void put_label(FILE *out, const char *file, const char *class_name, struct interval when,
                      const char *modality, uint32_t *num)
{
    if (when.end_ns <= when.begin_ns)
        return;
    fprintf(out, "%s,%s,%.3f,%.3f,%s\n", file, class_name, (double)when.begin_ns / ns_per_s,
            (double)when.end_ns / ns_per_s, modality);
    ++*num;
}

static void put_labels(FILE *out, const struct tyto_compose_scene *scene,
                       const struct tyto_compose_assets *assets, const char *file, uint32_t *num)
{
    for (uint32_t e = 0; e < scene->num_events; e++) {
        const struct event_times times = find_event(scene, assets, e);
        const bool is_same =
            times.seen.begin_ns == times.heard.begin_ns && times.seen.end_ns == times.heard.end_ns;
        if (!times.class_name)
            continue;
        if (is_same) {
            put_label(out, file, times.class_name, times.seen, "both", num);
        } else {
            put_label(out, file, times.class_name, times.seen, "seen", num);
            put_label(out, file, times.class_name, times.heard, "heard", num);
        }
    }
    if (*num == 0)
        fprintf(out, "%s,,,,\n", file); /* background */
}

/* AVE knows one event a clip, seen and heard at once, in whole seconds. */
static void put_annotation(FILE *out, const struct tyto_compose_scene *scene,
                           const struct tyto_compose_assets *assets, const char *file)
{
    const struct event_times times = find_event(scene, assets, 0);
    const int64_t begin_ns =
        times.seen.begin_ns > times.heard.begin_ns ? times.seen.begin_ns : times.heard.begin_ns;
    const int64_t end_ns =
        times.seen.end_ns < times.heard.end_ns ? times.seen.end_ns : times.heard.end_ns;
    /* a second belongs to it from half of it on */
    const int64_t begin_s = (begin_ns + 500000000) / 1000000000;
    const int64_t end_s = (end_ns + 500000000) / 1000000000;
    if (scene->num_events != 1 || times.seen.end_ns == 0 || times.heard.end_ns == 0 ||
        end_s <= begin_s)
        return;
    fprintf(out, "%s&%.*s&good&%lld&%lld\n", times.class_name, (int)strcspn(file, "."), file,
            (long long)begin_s, (long long)end_s);
}

/* --- the whole scene ------------------------------------------------------------------------- */

static void set_number(struct tyto_json *object, const char *key, double value, bool *ok)
{
    *ok &= tyto_json_set(object, key, tyto_json_new_f64(value));
}

static void set_text(struct tyto_json *object, const char *key, const char *text, bool *ok)
{
    *ok &= tyto_json_set(object, key, tyto_json_new_string(text));
}

static void set_times(struct tyto_json *object, int64_t begin_ns, int64_t end_ns, bool *ok)
{
    set_number(object, "begin_s", (double)begin_ns / ns_per_s, ok);
    set_number(object, "end_s", (double)end_ns / ns_per_s, ok);
}

static void set_entry(struct tyto_json *object, const struct tyto_compose_assets *assets,
                      uint32_t entry_idx, uint32_t event, bool *ok)
{
    set_text(object, "class", class_of(assets, entry_idx), ok);
    set_text(object, "path", assets->entries[entry_idx].name, ok);
    *ok &=
        tyto_json_set(object, "is_distractor", tyto_json_new_bool(event == TYTO_COMPOSE_NO_EVENT));
    if (event != TYTO_COMPOSE_NO_EVENT)
        *ok &= tyto_json_set(object, "event", tyto_json_new_u64(event));
}

static double inside(float value)
{
    const double share = (double)value < 0 ? 0 : (double)value > 1 ? 1 : (double)value;
    return (double)(int64_t)(share * 10000 + 0.5) / 10000;
}

/* [time_s, x0, y0, x1, y1], of the part inside the picture, at begin, each half second, and just
 * before the end. */
static struct tyto_json *print_boxes(const struct tyto_compose_object *object,
                                     const struct tyto_compose_options *options, bool *ok)
{
    const int64_t step_ns = 500000000, frame_ns = (int64_t)(ns_per_s / options->fps);
    struct tyto_json *boxes = tyto_json_new_array();
    const float aspect = (float)options->width_px / (float)options->height_px;
    int64_t at_ns = object->begin_ns;
    for (bool is_last = false; !is_last;) {
        is_last = at_ns >= object->end_ns - frame_ns;
        at_ns = is_last ? object->end_ns - frame_ns : at_ns;
        at_ns = at_ns < object->begin_ns ? object->begin_ns : at_ns;
        const struct tyto_compose_box box = tyto_compose_object_box(object, aspect, at_ns);
        const double row[5] = {(double)at_ns / ns_per_s, inside(box.x0), inside(box.y0),
                               inside(box.x1), inside(box.y1)};
        struct tyto_json *line = tyto_json_new_array();
        for (int i = 0; i < 5; i++)
            *ok &= tyto_json_append(line, tyto_json_new_f64(row[i]));
        *ok &= tyto_json_append(boxes, line);
        at_ns = (at_ns / step_ns + 1) * step_ns;
    }
    return boxes;
}

static struct tyto_json *print_object(const struct tyto_compose_object *object,
                                      const struct tyto_compose_options *options,
                                      const struct tyto_compose_assets *assets, bool *ok)
{
    struct tyto_json *json = tyto_json_new_object();
    set_entry(json, assets, object->entry_idx, object->event, ok);
    set_times(json, object->begin_ns, object->end_ns, ok);
    set_text(json, "look", tyto_compose_look_names[object->look], ok);
    set_text(json, "entrance", tyto_compose_entrance_names[object->entrance], ok);
    set_text(json, "motion", tyto_compose_motion_names[object->motion], ok);
    *ok &= tyto_json_set(json, "boxes", print_boxes(object, options, ok));
    return json;
}

static struct tyto_json *print_sound(const struct tyto_compose_sound *sound,
                                     const struct tyto_compose_assets *assets, bool *ok)
{
    struct tyto_json *json = tyto_json_new_object();
    set_entry(json, assets, sound->entry_idx, sound->event, ok);
    set_times(json, sound->begin_ns, sound->end_ns, ok);
    set_number(json, "snr_db", (double)sound->snr_db, ok);
    set_number(json, "room_s", (double)sound->room_s, ok);
    set_number(json, "wet_db", sound->room_s > 0 ? (double)sound->wet_db : 0, ok);
    return json;
}

static struct tyto_json *print_act(const struct tyto_compose_act *act,
                                   const struct tyto_compose_assets *assets, bool *ok)
{
    struct tyto_json *json = tyto_json_new_object();
    set_text(json, "kind", tyto_compose_kind_names[act->kind], ok);
    set_times(json, act->begin_ns, act->end_ns, ok);
    set_text(json, "place",
             act->place_idx == TYTO_COMPOSE_NO_ENTRY ? "" : assets->entries[act->place_idx].name,
             ok);
    return json;
}

static struct tyto_json *print_camera(const struct tyto_compose_scene *scene, bool *ok)
{
    const struct tyto_compose_camera *camera = &scene->camera;
    struct tyto_json *json = tyto_json_new_object();
    *ok &= tyto_json_set(json, "number", tyto_json_new_u64(scene->camera_idx));
    set_number(json, "offset_s", (double)camera->offset_ns / ns_per_s, ok);
    set_number(json, "gain", (double)camera->gain, ok);
    set_number(json, "gamma", (double)camera->gamma, ok);
    set_number(json, "drift", (double)camera->drift, ok);
    set_number(json, "noise", (double)camera->noise, ok);
    set_number(json, "shake", (double)camera->shake, ok);
    *ok &= tyto_json_set(json, "blurs", tyto_json_new_u64(camera->num_blurs));
    *ok &= tyto_json_set(json, "quality", tyto_json_new_u64(camera->quality));
    return json;
}

static char *print_scene(const struct tyto_compose_scene *scene,
                         const struct tyto_compose_options *options,
                         const struct tyto_compose_assets *assets, const char *file, float gain)
{
    struct tyto_json *json = tyto_json_new_object(), *list = tyto_json_new_array();
    bool ok = true;
    set_text(json, "file", file, &ok);
    set_number(json, "seconds", (double)scene->duration_ns / ns_per_s, &ok);
    for (uint32_t i = 0; i < scene->num_acts; i++)
        ok &= tyto_json_append(list, print_act(&scene->acts[i], assets, &ok));
    ok &= tyto_json_set(json, "acts", list);
    list = tyto_json_new_array();
    for (uint32_t i = 0; i < scene->num_objects; i++)
        ok &= tyto_json_append(list, print_object(&scene->objects[i], options, assets, &ok));
    ok &= tyto_json_set(json, "objects", list);
    list = tyto_json_new_array();
    for (uint32_t i = 0; i < scene->num_sounds; i++)
        ok &= tyto_json_append(list, print_sound(&scene->sounds[i], assets, &ok));
    ok &= tyto_json_set(json, "sounds", list);
    ok &= tyto_json_set(json, "camera", print_camera(scene, &ok));
    set_text(json, "noise", tyto_compose_noise_names[scene->noise], &ok);
    set_number(json, "noise_db", (double)scene->noise_db, &ok);
    set_number(json, "gain", (double)gain, &ok);
    char *text = ok ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    return text;
}

enum tyto_err tyto_compose_truth_make(const struct tyto_compose_scene *scene,
                                      const struct tyto_compose_options *options,
                                      const struct tyto_compose_assets *assets, const char *file,
                                      float gain, struct tyto_compose_truth *ret_truth)
{
    struct tyto_compose_truth truth = {0};
    size_t bytes;
    FILE *out = open_memstream(&truth.labels, &bytes);
    bool ok = out != NULL;
    if (out) {
        put_labels(out, scene, assets, file, &truth.num_labels);
        ok = fclose(out) == 0 && truth.labels;
    }
    out = ok ? open_memstream(&truth.annotation, &bytes) : NULL;
    if (out) {
        put_annotation(out, scene, assets, file);
        ok = fclose(out) == 0 && truth.annotation;
    } else {
        ok = false;
    }
    truth.scene = ok ? print_scene(scene, options, assets, file, gain) : NULL;
    if (!truth.scene) {
        tyto_compose_truth_finish(&truth);
        return TYTO_ERR_NOMEM;
    }
    *ret_truth = truth;
    return TYTO_OK;
}

void tyto_compose_truth_finish(struct tyto_compose_truth *truth)
{
    free(truth->labels);
    free(truth->annotation);
    free(truth->scene);
    *truth = (struct tyto_compose_truth){0};
}

char *tyto_compose_options_print(const struct tyto_compose_options *options,
                                 const struct tyto_compose_assets *assets, const char *manifest,
                                 const char *split, uint32_t num_clips)
{
    struct tyto_json *json = tyto_json_new_object(), *shares = tyto_json_new_object();
    struct tyto_json *classes = tyto_json_new_array();
    bool ok = true;
    set_text(json, "manifest", manifest, &ok);
    set_text(json, "split", split, &ok);
    ok &= tyto_json_set(json, "clips", tyto_json_new_u64(num_clips));
    ok &= tyto_json_set(json, "seed", tyto_json_new_u64(options->seed));
    set_number(json, "seconds", options->seconds, &ok);
    set_number(json, "fps", options->fps, &ok);
    ok &= tyto_json_set(json, "width", tyto_json_new_u64(options->width_px));
    ok &= tyto_json_set(json, "height", tyto_json_new_u64(options->height_px));
    set_number(json, "min_snr_db", options->min_snr_db, &ok);
    set_number(json, "min_height", options->min_height, &ok);
    set_number(json, "max_height", options->max_height, &ok);
    set_number(json, "max_snr_db", options->max_snr_db, &ok);
    set_number(json, "max_offset_s", options->max_offset_s, &ok);
    set_number(json, "whole_seconds", options->whole_seconds, &ok);
    set_number(json, "distractors", options->distractors, &ok);
    set_number(json, "moving", options->moving, &ok);
    set_number(json, "lags", options->lags, &ok);
    set_number(json, "quiet_s", options->quiet_s, &ok);
    ok &= tyto_json_set(json, "still", tyto_json_new_bool(options->is_still));
    ok &= tyto_json_set(json, "clips_per_camera", tyto_json_new_u64(options->clips_per_camera));
    for (int i = 0; i < TYTO_COMPOSE_NUM_KINDS; i++)
        set_number(shares, tyto_compose_kind_names[i], options->shares[i], &ok);
    ok &= tyto_json_set(json, "shares", shares);
    for (uint32_t i = 0; i < assets->num_wanted; i++)
        ok &= tyto_json_append(classes,
                               tyto_json_new_string(assets->classes[assets->wanted[i]].name));
    ok &= tyto_json_set(json, "classes", classes);
    char *text = ok ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    return text;
}
