/* SPDX-License-Identifier: MIT */
#include "trainer/compose/sheet.h"

#include <stdlib.h>

#include "trainer/media/write.h"

enum { NUM_FRAMES = 6, JPEG_QUALITY = 7, WIDTH = 960, BAR = 14 };

struct shown_clip {
    uint8_t *jpegs[NUM_FRAMES]; /* owned */
    size_t bytes[NUM_FRAMES];
    char *truth; /* owned: SVG */
};

struct tyto_compose_sheet {
    uint32_t num_clips, width_px, height_px;
    struct shown_clip clips[];
};

enum tyto_err tyto_compose_sheet_create(const struct tyto_compose_options *options,
                                        uint32_t num_clips, struct tyto_compose_sheet **ret_sheet)
{
    struct tyto_compose_sheet *sheet =
        calloc(1, sizeof(*sheet) + (size_t)num_clips * sizeof(*sheet->clips));
    if (!sheet)
        return TYTO_ERR_NOMEM;
    sheet->num_clips = num_clips;
    sheet->width_px = options->width_px;
    sheet->height_px = options->height_px;
    *ret_sheet = sheet;
    return TYTO_OK;
}

void tyto_compose_sheet_destroy(struct tyto_compose_sheet **sheet)
{
    for (uint32_t i = 0; *sheet && i < (*sheet)->num_clips; i++) {
        for (uint32_t f = 0; f < NUM_FRAMES; f++)
            free((*sheet)->clips[i].jpegs[f]);
        free((*sheet)->clips[i].truth);
    }
    free(*sheet);
    *sheet = NULL;
}

void tyto_compose_sheet_put_frame(struct tyto_compose_sheet *sheet, uint32_t clip, uint32_t frame,
                                  uint32_t num_frames, const uint8_t *i420)
{
    for (uint32_t f = 0; f < NUM_FRAMES; f++) {
        struct shown_clip *shown = &sheet->clips[clip];
        if (frame != (2 * f + 1) * num_frames / (2 * NUM_FRAMES) || shown->jpegs[f])
            continue;
        if (tyto_sink_jpeg(i420, sheet->width_px, sheet->height_px, JPEG_QUALITY, &shown->jpegs[f],
                           &shown->bytes[f]) != TYTO_OK)
            shown->jpegs[f] = NULL;
    }
}

/* --- truth ---------------------------------------------------------------------------------- */

static void put_bar(FILE *out, uint32_t row, const struct tyto_compose_scene *scene,
                    int64_t begin_ns, int64_t end_ns, const char *style, const char *text,
                    const char *what)
{
    const double scale = (double)WIDTH / (double)scene->duration_ns;
    const double x = (double)begin_ns * scale, width = (double)(end_ns - begin_ns) * scale;
    fprintf(out,
            "<rect class=%s x=%.1f y=%u width=%.1f height=%d rx=2 /><text x=%.1f y=%u>%s %s"
            "</text>",
            style, x, row * (BAR + 2), width, BAR, x + 4, row * (BAR + 2) + BAR - 3, text, what);
}

void tyto_compose_sheet_put_scene(struct tyto_compose_sheet *sheet, uint32_t clip, const char *name,
                                  const struct tyto_compose_scene *scene,
                                  const struct tyto_compose_stock *stock)
{
    size_t bytes;
    char *text = NULL;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return;
    uint32_t row = 0;
    fprintf(out, "<h2>%s <small>%s", name, tyto_compose_kind_names[scene->acts[0].kind]);
    for (uint32_t i = 1; i < scene->num_acts; i++)
        fprintf(out, ", %s", tyto_compose_kind_names[scene->acts[i].kind]);
    fprintf(out, "; %s noise at %.0f dB", tyto_compose_noise_names[scene->noise],
            (double)scene->noise_db);
    if (scene->camera.offset_ns != 0)
        fprintf(out, "; sound %+.2f s", (double)scene->camera.offset_ns / 1e9);
    fprintf(out, "</small></h2><svg viewBox=\"0 0 %d %u\">", WIDTH,
            (scene->num_objects + scene->num_sounds) * (BAR + 2));
    for (uint32_t i = 0; i < scene->num_objects; i++, row++) {
        const struct tyto_compose_object *object = &scene->objects[i];
        const bool is_event = object->event != TYTO_COMPOSE_NO_EVENT;
        put_bar(out, row, scene, object->begin_ns, object->end_ns, is_event ? "s" : "d",
                stock->classes[stock->entries[object->entry_idx].class_idx].name,
                is_event ? "seen" : "seen, no label");
    }
    for (uint32_t i = 0; i < scene->num_sounds; i++, row++) {
        const struct tyto_compose_sound *sound = &scene->sounds[i];
        const bool is_event = sound->event != TYTO_COMPOSE_NO_EVENT;
        char what[48];
        snprintf(what, sizeof(what), "heard, %.0f dB%s", (double)sound->snr_db,
                 is_event ? "" : ", no label");
        put_bar(out, row, scene, sound->begin_ns, sound->end_ns, is_event ? "h" : "d",
                stock->classes[stock->entries[sound->entry_idx].class_idx].name, what);
    }
    fputs("</svg>\n", out);
    if (fclose(out) == 0) {
        free(sheet->clips[clip].truth);
        sheet->clips[clip].truth = text;
    } else {
        free(text);
    }
}

/* --- the page -------------------------------------------------------------------------------- */

static void put_base64(FILE *out, const uint8_t *bytes, size_t num)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < num; i += 3) {
        const size_t left = num - i;
        const uint32_t bits = (uint32_t)bytes[i] << 16 |
                              (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                              (left > 2 ? bytes[i + 2] : 0u);
        fputc(digits[bits >> 18], out);
        fputc(digits[bits >> 12 & 63], out);
        fputc(left > 1 ? digits[bits >> 6 & 63] : '=', out);
        fputc(left > 2 ? digits[bits & 63] : '=', out);
    }
}

void tyto_compose_sheet_print(const struct tyto_compose_sheet *sheet, FILE *out)
{
    fputs("<!doctype html><html lang=en><meta charset=utf-8><title>composed clips</title><style>"
          "body{font:14px system-ui,sans-serif;max-width:960px;margin:1em auto;background:#fff;"
          "color:#222}h2{font-size:1em;margin:1.5em 0 .3em}small{font-weight:400;color:#666}"
          ".f{display:flex}.f img{width:16.66%;display:block}svg{display:block;margin-top:2px}"
          "text{font-size:10px;fill:#fff}.s{fill:#2b6cb0}.h{fill:#c05621}.d{fill:#8a8a8a}"
          "</style><h1>Composed clips</h1><p>Blue: seen. Orange: heard. Grey: without label."
          "</p>\n",
          out);
    for (uint32_t i = 0; i < sheet->num_clips; i++) {
        const struct shown_clip *clip = &sheet->clips[i];
        if (!clip->truth)
            continue;
        const char *rest = clip->truth; /* heading, frames, bars */
        for (; *rest && !(rest[0] == '<' && rest[1] == 's' && rest[2] == 'v'); rest++)
            fputc(*rest, out);
        fputs("<div class=f>", out);
        for (uint32_t f = 0; f < NUM_FRAMES; f++) {
            fputs("<img alt=\"\" src=\"data:image/jpeg;base64,", out);
            if (clip->jpegs[f])
                put_base64(out, clip->jpegs[f], clip->bytes[f]);
            fputs("\">", out);
        }
        fprintf(out, "</div>%s", rest);
    }
    fputs("</html>\n", out);
}
