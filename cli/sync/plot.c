/* SPDX-License-Identifier: MIT */
#include "cli/sync/plot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/replace.h"

enum { WIDTH = 860, HEIGHT = 260, LEFT = 70, TOP = 16, RIGHT = 16, BOTTOM = 40, CELL = 36 };

static const char head[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>tyto sync</title><style>"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;"
    "color:#222;background:#fff}svg{max-width:100%%;height:auto}text{font-size:12px;fill:#444}"
    ".axis{stroke:#999;fill:none}.line{stroke:#1565c0;stroke-width:2;fill:none}"
    ".band{fill:#1565c0;opacity:.18}.null{stroke:#c62828;stroke-dasharray:5 4}"
    ".here{stroke:#2e7d32}.unsure{fill:#999}.sure{fill:#1565c0}</style>\n";

struct axes {
    double x0, x1, y0, y1; /* what is at the edges */
};

static double x_at(const struct axes *axes, double x)
{
    return LEFT + (x - axes->x0) / (axes->x1 - axes->x0) * (WIDTH - LEFT - RIGHT);
}

static double y_at(const struct axes *axes, double y)
{
    return HEIGHT - BOTTOM - (y - axes->y0) / (axes->y1 - axes->y0) * (HEIGHT - TOP - BOTTOM);
}

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '>' || *text == '&')
            fprintf(out, "&#%d;", *text);
        else
            fputc(*text, out);
    }
}

static void begin_plot(FILE *out, const struct axes *axes, const char *name, const char *x_name)
{
    fprintf(out,
            "<h2>%s</h2><svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" "
            "aria-label=\"%s\"><path class=\"axis\" d=\"M%d %dV%dH%d\"/>",
            name, WIDTH, HEIGHT, WIDTH, HEIGHT, name, LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT);
    for (int i = 0; i <= 4; i++) {
        const double x = axes->x0 + (axes->x1 - axes->x0) * i / 4;
        const double y = axes->y0 + (axes->y1 - axes->y0) * i / 4;
        fprintf(out,
                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.4g</text>"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>",
                x_at(axes, x), HEIGHT - BOTTOM + 16, x, LEFT - 6, y_at(axes, y) + 4, y);
    }
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", (WIDTH + LEFT) / 2,
            HEIGHT - 6, x_name);
}

static void put_offsets(FILE *out, const struct tyto_sync_estimate *estimates, uint32_t num)
{
    struct axes axes = {.x1 = 1, .y0 = 1e9, .y1 = -1e9};
    for (uint32_t i = 0; i < num; i++) {
        axes.x1 = fmax(axes.x1, (double)estimates[i].time_ns / 1e9);
        axes.y0 = fmin(axes.y0, (double)estimates[i].low_ns / 1e6);
        axes.y1 = fmax(axes.y1, (double)estimates[i].high_ns / 1e6);
    }
    axes.y0 = num ? axes.y0 - 20 : -1;
    axes.y1 = num ? axes.y1 + 20 : 1;
    begin_plot(out, &axes, "Offset over time (ms the sound lies behind)", "seconds");
    for (uint32_t i = 0; i < num; i++) {
        const struct tyto_sync_estimate *estimate = &estimates[i];
        const double x = x_at(&axes, (double)estimate->time_ns / 1e9);
        const bool sure = estimate->status == TYTO_SYNC_CONFIDENT;
        const double low = y_at(&axes, (double)estimate->low_ns / 1e6);
        const double high = y_at(&axes, (double)estimate->high_ns / 1e6);
        fprintf(out,
                "<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"5\" height=\"%.1f\"/>"
                "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n",
                x - 2.5, high, fmax(1, low - high), sure ? "sure" : "unsure", x,
                y_at(&axes, (double)estimate->offset_ns / 1e6));
    }
    fprintf(out, "</svg><p>Blue: confident. Grey: the best so far, not believed.</p>\n");
}

static void put_curve(FILE *out, const struct tyto_sync *sync)
{
    float curve[TYTO_SYNC_NUM_LAGS], null;
    struct tyto_sync_estimate estimate;
    const int reach_ms = TYTO_SYNC_REACH * TYTO_SYNC_LAG_MS;
    struct axes axes = {.x0 = -reach_ms, .x1 = reach_ms, .y1 = 1};
    tyto_sync_get_curve(sync, curve, &null);
    tyto_sync_get(sync, &estimate);
    for (int l = 0; l < TYTO_SYNC_NUM_LAGS; l++)
        axes.y1 = fmax(axes.y1, (double)curve[l] * 1.05);
    axes.y1 = fmax(axes.y1, (double)null * 1.05);
    begin_plot(out, &axes, "How well each lag agrees (surprise, nats)", "ms the sound lies behind");
    const double y = y_at(&axes, (double)null), x = x_at(&axes, (double)estimate.offset_ns / 1e6);
    fprintf(out,
            "<line class=\"null\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
            "<line class=\"here\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
            "<polyline class=\"line\" points=\"",
            LEFT, WIDTH - RIGHT, y, y, x, x, TOP, HEIGHT - BOTTOM);
    for (int l = 0; l < TYTO_SYNC_NUM_LAGS; l++)
        fprintf(out, "%.1f,%.1f ", x_at(&axes, (l - TYTO_SYNC_REACH) * TYTO_SYNC_LAG_MS),
                y_at(&axes, (double)curve[l]));
    fprintf(out, "\"/></svg><p>Dashed: one in twenty pairs of streams that share nothing reaches "
                 "this at some lag. Green: the offset.</p>\n");
}

static void put_cells(FILE *out, const struct tyto_sync *sync)
{
    float cells[TYTO_SYNC_NUM_PLACES];
    tyto_sync_get_cells(sync, cells);
    fprintf(out,
            "<h2>Where it agrees</h2><svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "role=\"img\" aria-label=\"map of cells\">",
            TYTO_SYNC_COLS * CELL, TYTO_SYNC_ROWS * CELL, TYTO_SYNC_COLS * CELL,
            TYTO_SYNC_ROWS * CELL);
    for (int i = 0; i < TYTO_SYNC_NUM_PLACES; i++) {
        const double share = fmin(1, fmax(0, (double)cells[i] / 8));
        fprintf(out,
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#1565c0\" "
                "fill-opacity=\"%.2f\"><title>%.1f</title></rect>\n",
                i % TYTO_SYNC_COLS * CELL, i / TYTO_SYNC_COLS * CELL, CELL - 1, CELL - 1,
                0.04 + 0.96 * share, (double)cells[i]);
    }
    fprintf(out, "</svg><p>Cells of the picture, the darker the more their motion agrees with the "
                 "sound at the offset (in standard deviations of moved sound; full at 8).</p>\n");
}

static void put_page(FILE *out, const char *title, const struct tyto_sync *sync,
                     const struct tyto_sync_estimate *estimates, uint32_t num_estimates)
{
    struct tyto_sync_estimate last;
    tyto_sync_get(sync, &last);
    fprintf(out, head);
    fprintf(out, "<h1>");
    put_text(out, title);
    fprintf(out, "</h1><p>%s", tyto_sync_status_text(last.status));
    if (last.status == TYTO_SYNC_CONFIDENT)
        fprintf(out, ": the sound lies %.0f ms behind the picture, confidence %.4f",
                (double)last.offset_ns / 1e6, last.confidence);
    fprintf(out, "</p>\n");
    put_offsets(out, estimates, num_estimates);
    put_curve(out, sync);
    put_cells(out, sync);
}

enum tyto_err tyto_sync_plot(const char *path, const char *title, const struct tyto_sync *sync,
                             const struct tyto_sync_estimate *estimates, uint32_t num_estimates,
                             struct tyto_fault *ret_fault)
{
    struct tyto_replace *page = NULL;
    enum tyto_err err = tyto_replace_begin(path, 0666, &page);
    FILE *out = err ? NULL : tyto_replace_file(page);
    if (!err && !out)
        err = TYTO_ERR_NOMEM;
    if (!err) {
        put_page(out, title, sync, estimates, num_estimates);
        err = tyto_replace_commit(&page);
    }
    const int why = errno;
    tyto_replace_abandon(&page);
    return err ? tyto_fault_set(ret_fault, err, path, 0, NULL, "%s",
                                err == TYTO_ERR_IO ? strerror(why) : tyto_err_text(err))
               : TYTO_OK;
}
