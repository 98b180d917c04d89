/* SPDX-License-Identifier: MIT */
#include "cli/localize/print.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "cli/event/json.h"

enum { NUM_TOP = 3 };

void tyto_localize_begin_file(struct tyto_localize_print *print, const char *file)
{
    tyto_secret_redact(file, print->file, sizeof(print->file));
    tyto_text_clean(print->shown_file, sizeof(print->shown_file), print->file);
    print->num_events = 0;
    print->has_head = false;
}

static void put_json(struct tyto_localize_print *print, struct tyto_json *json)
{
    if (!tyto_json_put_line(&json))
        print->failed = true;
}

static struct tyto_json *new_seconds(int64_t ns)
{
    return tyto_json_new_f64(round((double)ns / 1e6) / 1e3);
}

static const char *paint(const struct tyto_localize_print *print, const char *code)
{
    return print->style.color ? code : "";
}

#define DIM "\033[2m"
#define BOLD "\033[1m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

static void put_head(struct tyto_localize_print *print)
{
    if (print->has_head)
        return;
    print->has_head = true;
    printf("%s%s%s\n", paint(print, BOLD), print->shown_file, paint(print, PLAIN));
}

static void put_bar(const struct tyto_localize_print *print, float weight_audio)
{
    enum { CELLS = 8 };
    const int num_audio = (int)lroundf(fminf(fmaxf(weight_audio, 0), 1) * CELLS);
    for (int i = 0; i < CELLS; i++)
        fputs(print->style.ascii ? (i < num_audio ? "a" : "v") : (i < num_audio ? "▒" : "█"),
              stdout);
}

void tyto_localize_put_event(struct tyto_localize_print *print, const struct tyto_event *event)
{
    struct tyto_event copy = *event;
    copy.begin_unix_ns = copy.end_unix_ns = 0; /* when it was read says nothing about it */
    print->num_events++;
    if (print->is_json) {
        struct tyto_json *json = tyto_event_to_json(&copy, false);
        tyto_json_set(json, "file", tyto_json_new_name(print->file));
        put_json(print, json);
        return;
    }
    put_head(print);
    if (print->num_events == 1)
        printf("  %s%8s %8s  %-18s %-4s %6s %6s %6s  %-8s %s%s\n", paint(print, DIM), "begin",
               "end", "class", "by", "joint", "heard", "seen", "sound/pic", "where",
               paint(print, PLAIN));
    printf("  %7.2fs %7.2fs  %s%-18s%s %-4s %6.2f %6.2f %6.2f  ", (double)copy.begin_media_ns / 1e9,
           (double)copy.end_media_ns / 1e9, paint(print, BOLD), copy.class_name,
           paint(print, PLAIN), tyto_modality_name(copy.modality), (double)copy.scores.joint,
           (double)copy.scores.heard, (double)copy.scores.seen);
    put_bar(print, copy.weight_audio);
    printf("  %s", tyto_place_words(&copy.place));
    if (copy.has_av_offset && fabsf(copy.av_offset_ms) >= 300)
        printf("  sound %s by %.0f ms", copy.av_offset_ms > 0 ? "late" : "early",
               fabs((double)copy.av_offset_ms));
    putchar('\n');
    if (print->style.map && copy.place.rows > 0)
        for (uint32_t y = 0; y < copy.place.rows; y++) {
            printf("                      ");
            for (uint32_t x = 0; x < copy.place.cols; x++)
                printf(" %3u", copy.place.cells[y * copy.place.cols + x]);
            putchar('\n');
        }
}

static struct tyto_json *new_class_scores(const struct tyto_localize_print *print,
                                          const float *scores, uint32_t num)
{
    struct tyto_json *json = tyto_json_new_object();
    for (uint32_t k = 0; k < num; k++)
        tyto_json_set(json, tyto_engine_class_name(print->engine, k),
                      tyto_json_new_score((double)scores[k]));
    return json;
}

static void put_segment_json(struct tyto_localize_print *print,
                             const struct tyto_segment_result *result)
{
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "type", tyto_json_new_string("segment"));
    tyto_json_set(json, "file", tyto_json_new_name(print->file));
    tyto_json_set(json, "begin_s", new_seconds(result->begin_ns));
    tyto_json_set(json, "end_s", new_seconds(result->end_ns));
    tyto_json_set(json, "audio", tyto_json_new_string(tyto_lack_text(result->audio_lack)));
    tyto_json_set(json, "video", tyto_json_new_string(tyto_lack_text(result->video_lack)));
    tyto_json_set(json, "joint",
                  new_class_scores(print, result->evidence.joint, result->num_classes));
    if (result->evidence.has_heard_seen) {
        tyto_json_set(json, "heard",
                      new_class_scores(print, result->evidence.heard, result->num_classes));
        tyto_json_set(json, "seen",
                      new_class_scores(print, result->evidence.seen, result->num_classes));
    }
    struct tyto_json *weights = tyto_json_new_object();
    tyto_json_set(weights, "audio", tyto_json_new_score((double)result->evidence.weight_audio));
    tyto_json_set(weights, "visual", tyto_json_new_score((double)result->evidence.weight_visual));
    tyto_json_set(json, "weights", weights);
    put_json(print, json);
}

static float best_of(const struct tyto_segment_result *result, uint32_t k)
{
    if (!result->evidence.has_heard_seen)
        return result->evidence.joint[k];
    return fmaxf(result->evidence.joint[k],
                 fmaxf(result->evidence.heard[k], result->evidence.seen[k]));
}

void tyto_localize_put_segment(struct tyto_localize_print *print,
                               const struct tyto_segment_result *result)
{
    if (print->is_json) {
        put_segment_json(print, result);
        return;
    }
    put_head(print);
    printf("  %s%7.2fs%s", paint(print, DIM), (double)result->begin_ns / 1e9, paint(print, PLAIN));
    float below = INFINITY; /* classes of the same score count once; good enough to look at */
    for (int top = 0; top < NUM_TOP; top++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t k = 0; k < result->num_classes; k++) {
            if (best_of(result, k) < below &&
                (best == UINT32_MAX || best_of(result, k) > best_of(result, best)))
                best = k;
        }
        if (best == UINT32_MAX)
            break;
        below = best_of(result, best);
        printf("  %-16s %.2f", tyto_engine_class_name(print->engine, best),
               (double)result->evidence.joint[best]);
        if (result->evidence.has_heard_seen)
            printf(" h%.2f s%.2f", (double)result->evidence.heard[best],
                   (double)result->evidence.seen[best]);
    }
    if (!result->evidence.has_audio)
        printf("  %sno sound: %s%s", paint(print, DIM), tyto_lack_text(result->audio_lack),
               paint(print, PLAIN));
    if (!result->evidence.has_video)
        printf("  %sno picture: %s%s", paint(print, DIM), tyto_lack_text(result->video_lack),
               paint(print, PLAIN));
    putchar('\n');
}

void tyto_localize_end_file(struct tyto_localize_print *print,
                            const struct tyto_localize_file *file)
{
    if (!file->ok)
        fprintf(stderr, "%s: %s\n", print->shown_file, file->text);
    if (print->is_json) {
        struct tyto_json *json = tyto_json_new_object();
        tyto_json_set(json, "type", tyto_json_new_string("file"));
        tyto_json_set(json, "file", tyto_json_new_name(print->file));
        tyto_json_set(json, "ok", tyto_json_new_bool(file->ok));
        if (!file->ok)
            tyto_json_set(json, "error", tyto_json_new_name(file->text));
        tyto_json_set(json, "has_audio", tyto_json_new_bool(file->has_audio));
        tyto_json_set(json, "has_video", tyto_json_new_bool(file->has_video));
        tyto_json_set(json, "num_segments", tyto_json_new_u64(file->num_segments));
        tyto_json_set(json, "num_segments_without_audio",
                      tyto_json_new_u64(file->num_missing_audio));
        tyto_json_set(json, "num_segments_without_video",
                      tyto_json_new_u64(file->num_missing_video));
        tyto_json_set(json, "num_events", tyto_json_new_u64(print->num_events));
        tyto_json_set(json, "took_s", new_seconds((int64_t)file->took_ns));
        put_json(print, json);
        return;
    }
    if (!file->ok && file->num_segments == 0)
        return;
    put_head(print);
    printf("  %s%u event%s in %llu segments", paint(print, DIM), print->num_events,
           print->num_events == 1 ? "" : "s", (unsigned long long)file->num_segments);
    if (!file->has_audio)
        printf(", no sound");
    else if (file->num_missing_audio > 0)
        printf(", %llu without sound", (unsigned long long)file->num_missing_audio);
    if (!file->has_video)
        printf(", no picture");
    else if (file->num_missing_video > 0)
        printf(", %llu without picture", (unsigned long long)file->num_missing_video);
    printf("; read in %.1f s%s\n", (double)file->took_ns / 1e9, paint(print, PLAIN));
    if (fflush(stdout) != 0)
        print->failed = true;
}
