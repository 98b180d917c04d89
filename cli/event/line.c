/* SPDX-License-Identifier: MIT */
#include "cli/event/line.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum { BAR_CELLS = 10 };

static const char *color(const struct tyto_line_style *style, const char *code)
{
    return style->color ? code : "";
}

#define DIM "\033[2m"
#define BOLD "\033[1m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define BLUE "\033[34m"
#define CYAN "\033[36m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

static void clock_text(int64_t unix_ns, char ret_text[16])
{
    const time_t seconds = (time_t)(unix_ns / (int64_t)TYTO_NS_PER_S);
    struct tm parts;
    if (!localtime_r(&seconds, &parts) || strftime(ret_text, 16, "%H:%M:%S", &parts) == 0)
        snprintf(ret_text, 16, "--:--:--");
}

/* mm:ss.s of the media clock, or the local time of day where that is known better. */
static void begin_text(const struct tyto_event *event, char ret_text[24])
{
    if (event->clock_quality == TYTO_CLOCK_QUALITY_FILE || event->begin_unix_ns == 0) {
        const double s = (double)event->begin_media_ns / (double)TYTO_NS_PER_S;
        snprintf(ret_text, 24, "%02d:%04.1f", (int)(s / 60.0) % 6000, fmod(s, 60.0));
        return;
    }
    char text[16];
    clock_text(event->begin_unix_ns, text);
    snprintf(ret_text, 24, "%s.%d", text,
             (int)(event->begin_unix_ns % (int64_t)TYTO_NS_PER_S / 100000000));
}

static void put_bar(const struct tyto_line_style *style, const char *code, float value, FILE *out)
{
    const float bounded = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
    const int num_full = (int)lroundf(bounded * BAR_CELLS);
    fputs(color(style, code), out);
    for (int i = 0; i < BAR_CELLS; i++) {
        if (i == num_full)
            fputs(color(style, DIM), out);
        if (style->ascii)
            fputc(i < num_full ? '#' : '.', out);
        else
            fputs(i < num_full ? "█" : "·", out);
    }
    fputs(color(style, PLAIN), out);
    fprintf(out, " %3.0f%%", (double)(bounded * 100.0f));
}

const char *tyto_place_words(const struct tyto_place_map *place)
{
    static const char *const words[3][3] = {{"upper left", "upper middle", "upper right"},
                                            {"left", "centre", "right"},
                                            {"lower left", "lower middle", "lower right"}};
    const uint32_t num = place->rows * place->cols;
    if (num == 0 || num > sizeof(place->cells))
        return "";
    /* What stands out over the map's mean says where; a flat map says nothing. */
    double sum = 0.0;
    for (uint32_t i = 0; i < num; i++)
        sum += place->cells[i];
    const double mean = sum / num;
    double mass = 0.0;
    double row_mass = 0.0;
    double col_mass = 0.0;
    for (uint32_t i = 0; i < num; i++) {
        const double over = place->cells[i] - mean;
        if (over <= 0.0)
            continue;
        mass += over;
        row_mass += over * (i / place->cols + 0.5);
        col_mass += over * (i % place->cols + 0.5);
    }
    if (mass < 0.05 * 255.0 || mean > 230.0)
        return "everywhere";
    const int row = (int)(3.0 * row_mass / mass / place->rows);
    const int col = (int)(3.0 * col_mass / mass / place->cols);
    return words[row > 2 ? 2 : row][col > 2 ? 2 : col];
}

static void put_map(const struct tyto_line_style *style, const struct tyto_place_map *place,
                    FILE *out)
{
    static const char *const blocks[] = {"  ", "░░", "▒▒", "▓▓", "██"};
    static const char *const letters[] = {"  ", "..", "oo", "OO", "##"};
    if (place->rows * place->cols > sizeof(place->cells))
        return;
    for (uint32_t row = 0; row < place->rows; row++) {
        fprintf(out, "          %s|%s", color(style, DIM), color(style, PLAIN));
        for (uint32_t col = 0; col < place->cols; col++) {
            const uint32_t level = place->cells[row * place->cols + col] * 5u / 256u;
            fputs(style->ascii ? letters[level] : blocks[level], out);
        }
        fprintf(out, "%s|%s\n", color(style, DIM), color(style, PLAIN));
    }
}

static const char *phase_color(enum tyto_event_phase phase)
{
    switch (phase) {
    case TYTO_EVENT_PHASE_NEW:
        return BOLD GREEN;
    case TYTO_EVENT_PHASE_END:
        return CYAN;
    case TYTO_EVENT_PHASE_RETRACTED:
        return RED;
    case TYTO_EVENT_PHASE_UPDATE:
        break;
    }
    return DIM;
}

void tyto_line_head(const struct tyto_line_style *style, FILE *out)
{
    fprintf(out, "%s%-8s  %-12s %-16s %-9s %-10s %7s  %-15s  %-15s  %s%s\n", color(style, DIM),
            "time", "camera", "class", "phase", "begin", "length", "heard", "seen", "place",
            color(style, PLAIN));
}

void tyto_line_event(const struct tyto_line_style *style, const struct tyto_event *event,
                     int64_t now_unix_ns, FILE *out)
{
    char now[16];
    char begin[24];
    char length[16] = "";
    clock_text(now_unix_ns, now);
    begin_text(event, begin);
    if (event->has_end)
        snprintf(length, sizeof(length), "%.1f s",
                 (double)(event->end_media_ns - event->begin_media_ns) / (double)TYTO_NS_PER_S);
    else if (event->num_segments > 0 && event->phase == TYTO_EVENT_PHASE_UPDATE)
        snprintf(length, sizeof(length), "...");
    fprintf(out, "%s%s%s  %-12s %s%-16s%s %s%-9s%s %-10s %7s  ", color(style, DIM), now,
            color(style, PLAIN), event->camera, color(style, BOLD), event->class_name,
            color(style, PLAIN), color(style, phase_color(event->phase)),
            tyto_event_phase_name(event->phase), color(style, PLAIN), begin, length);
    put_bar(style, YELLOW, event->scores.heard, out);
    fputs("  ", out);
    put_bar(style, BLUE, event->scores.seen, out);
    const char *place = tyto_place_words(&event->place);
    if (event->modality == TYTO_MODALITY_A)
        place = "heard only";
    fprintf(out, "  %s", place);
    if (event->modality == TYTO_MODALITY_V)
        fprintf(out, "%sseen only", place[0] ? ", " : "");
    if (event->phase == TYTO_EVENT_PHASE_END && event->reason != TYTO_EVENT_REASON_OFFSET)
        fprintf(out, "  %s(%s)%s", color(style, DIM), tyto_event_reason_name(event->reason),
                color(style, PLAIN));
    fputc('\n', out);
    if (style->map && event->phase != TYTO_EVENT_PHASE_UPDATE)
        put_map(style, &event->place, out);
}

void tyto_line_camera(const struct tyto_line_style *style, const struct tyto_camera_state *state,
                      int64_t now_unix_ns, FILE *out)
{
    char text[sizeof(state->text) + 128];
    const bool is_live = state->status == TYTO_CAMERA_STATUS_LIVE;
    const char *streams = "";
    if (is_live)
        streams = state->has_audio && state->has_video ? ": sound and picture"
                  : state->has_audio                   ? ": sound, no picture"
                  : state->has_video                   ? ": picture, no sound"
                                                       : "";
    /* What the status says already need not be said again. */
    const char *status = tyto_camera_status_name(state->status);
    const bool has_text = state->text[0] && !is_live && strcmp(state->text, status) != 0;
    snprintf(text, sizeof(text), "camera %s is %s%s%s%s", state->camera, status, streams,
             has_text ? ": " : "", has_text ? state->text : "");
    const bool is_bad = state->status == TYTO_CAMERA_STATUS_LOST ||
                        state->status == TYTO_CAMERA_STATUS_STALLED ||
                        state->status == TYTO_CAMERA_STATUS_FAILED;
    tyto_line_notice(style, is_bad, now_unix_ns, text, out);
}

void tyto_line_notice(const struct tyto_line_style *style, bool is_bad, int64_t now_unix_ns,
                      const char *text, FILE *out)
{
    char now[16];
    clock_text(now_unix_ns, now);
    fprintf(out, "%s%s%s  %s%s%s\n", color(style, DIM), now, color(style, PLAIN),
            color(style, is_bad ? RED : DIM), text, color(style, PLAIN));
}
