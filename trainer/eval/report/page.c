/* SPDX-License-Identifier: MIT */
#include "trainer/eval/report/report.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trainer/eval/figures.h"
#include "trainer/eval/report/internal.h"

/* --- text ------------------------------------------------------------------------------------- */

void tyto_page_put(struct tyto_page *page, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vfprintf(page->file, fmt, args);
    va_end(args);
}

/* Bytes of the UTF-8 character at text, 0 when it is none, or none that XML takes. */
static uint32_t utf8_bytes(const unsigned char *text)
{
    const unsigned char c = text[0];
    const uint32_t num = c < 0x80                ? 1
                         : c >= 0xc2 && c < 0xe0 ? 2
                         : (c & 0xf0) == 0xe0    ? 3
                         : c >= 0xf0 && c < 0xf5 ? 4
                                                 : 0;
    for (uint32_t i = 1; i < num; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if (num == 1 && (c < 0x20 || c == 0x7f))
        return c == '\t' || c == '\n' ? 1 : 0;
    if (num == 3) {
        const uint32_t code =
            (uint32_t)(c & 15) << 12 | (uint32_t)(text[1] & 63) << 6 | (uint32_t)(text[2] & 63);

        return code < 0x800 || (code >= 0xd800 && code < 0xe000) || code >= 0xfffe ? 0 : 3;
    }
    if (num == 4 && ((c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f)))
        return 0;
    return num;
}

static void put_char(FILE *file, const char *text, uint32_t num)
{
    switch (num == 1 ? *text : 'x') {
    case '&':
        (void)fputs("&amp;", file);
        break;
    case '<':
        (void)fputs("&lt;", file);
        break;
    case '>':
        (void)fputs("&gt;", file);
        break;
    case '"':
        (void)fputs("&quot;", file);
        break;
    case '\'':
        (void)fputs("&#39;", file);
        break;
    default:
        (void)fwrite(text, 1, num, file);
    }
}

void tyto_page_text_cut(struct tyto_page *page, const char *text, uint32_t max)
{
    for (uint32_t i = 0; *text; i++) {
        const uint32_t num = utf8_bytes((const unsigned char *)text);

        if (i + 1 == max && text[num > 0 ? num : 1]) {
            (void)fputs("\xe2\x80\xa6", page->file);
            return;
        }
        if (num == 0)
            (void)fputc('?', page->file);
        else
            put_char(page->file, text, num);
        text += num > 0 ? num : 1;
    }
}

void tyto_page_text(struct tyto_page *page, const char *text)
{
    tyto_page_text_cut(page, text ? text : "", UINT32_MAX);
}

/* --- axes ------------------------------------------------------------------------------------- */

double tyto_axes_x(const struct tyto_axes *a, double x)
{
    return a->left + (x - a->x0) / (a->x1 - a->x0) * a->width;
}

double tyto_axes_y(const struct tyto_axes *a, double y)
{
    return a->top + a->height - (y - a->y0) / (a->y1 - a->y0) * a->height;
}

/* A step of 1, 2 or 5 times a power of ten that gives about num steps. */
static double nice_step(double range, double num)
{
    const double rough = range / num, power = pow(10, floor(log10(rough)));
    const double rest = rough / power;

    return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}

void tyto_page_axes(struct tyto_page *page, const struct tyto_axes *a, bool is_share,
                    const char *x_name, const char *y_name)
{
    const double right = a->left + a->width, bottom = a->top + a->height;
    const double y_step = nice_step(a->y1 - a->y0, 5);
    const double x_step = fmax(nice_step(a->x1 - a->x0, a->width / 60), is_share ? 0 : 1e-9);
    const double eps = 1e-9;

    for (double y = ceil(a->y0 / y_step - eps) * y_step; y <= a->y1 + eps; y += y_step) {
        const double at = tyto_axes_y(a, y);

        tyto_page_put(page,
                      "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                      a->left, right, at, at);
        tyto_page_put(page, "<text class=\"tick end\" x=\"%.1f\" y=\"%.1f\">%g</text>", a->left - 8,
                      at + 4,
                      fabs(y) < eps ? 0
                      : is_share    ? round(y * 1000) / 10
                                    : y);
    }
    for (double x = ceil(a->x0 / x_step - eps) * x_step; x <= a->x1 + eps; x += x_step)
        tyto_page_put(page, "<text class=\"tick mid\" x=\"%.1f\" y=\"%.1f\">%g</text>",
                      tyto_axes_x(a, x), bottom + 18, fabs(x) < eps ? 0 : x);
    tyto_page_put(page, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                  a->left, right, bottom, bottom);
    tyto_page_put(page, "<text class=\"name mid\" x=\"%.1f\" y=\"%.1f\">%s</text>",
                  a->left + a->width / 2, bottom + 36, x_name);
    tyto_page_put(page, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">%s</text>", a->left - 34,
                  a->top - 10, y_name);
}

/* --- the page --------------------------------------------------------------------------------- */

static const char style[] =
    ":root{color-scheme:light dark;--bg:#fafaf7;--card:#fff;--ink:#1f2430;--soft:#667085;"
    "--line:#e4e4de;--grid:#ecece6;--a:#0f766e;--b:#c2570c;--c:#6d5bd0;--good:#0f766e;"
    "--bad:#c2410c;--truth:#3f4657;--sound:#6d5bd0;--sight:#d9a514}"
    "@media(prefers-color-scheme:dark){:root{--bg:#14161a;--card:#1c1f25;--ink:#e7e8ea;"
    "--soft:#98a1b2;--line:#2e333c;--grid:#2a2e36;--a:#2fbfae;--b:#f59a56;--c:#a99cf5;"
    "--good:#2fbfae;--bad:#f2805a;--truth:#c3c8d2;--sound:#a99cf5;--sight:#e8bd3f}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--bg);color:var(--ink);"
    "font:15px/1.5 system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    "main{max-width:1080px;margin:0 auto;padding:36px 24px 72px}"
    "h1{font-size:26px;font-weight:650;letter-spacing:-.01em;margin:0 0 4px;"
    "overflow-wrap:anywhere}"
    "h2{font-size:17px;font-weight:650;margin:0 0 12px}"
    "p.note{color:var(--soft);font-size:13px;margin:0 0 14px;max-width:76ch}"
    "section{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:22px 24px;margin-top:20px;overflow-x:auto}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:14px;"
    "margin-top:22px}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:14px 16px}"
    ".card b{display:block;font-size:27px;font-weight:650;line-height:1.25;"
    "font-variant-numeric:tabular-nums}"
    ".card span{color:var(--soft);font-size:13px;display:block}"
    "table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}"
    "th,td{padding:5px 12px 5px 0;text-align:left;border-bottom:1px solid var(--grid);"
    "vertical-align:top}"
    "td.n,th.n{text-align:right;padding-right:0;padding-left:18px;white-space:nowrap}"
    "th{color:var(--soft);font-weight:550}tr.group th{color:var(--ink);padding-top:16px;"
    "font-weight:650}td.v{overflow-wrap:anywhere}td.m{font-weight:600}td.low{color:var(--soft)}"
    ".two{display:grid;grid-template-columns:repeat(auto-fit,minmax(430px,1fr));gap:20px}"
    ".two section{min-width:0}"
    "svg{display:block;max-width:100%;height:auto;font:12px system-ui,'Segoe UI',Roboto,"
    "'DejaVu Sans',sans-serif}"
    "svg text{fill:var(--ink);font-variant-numeric:tabular-nums}"
    "svg .tick{fill:var(--soft);font-size:11.5px}svg .name{fill:var(--soft)}"
    "svg .halo{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}"
    "svg .mid{text-anchor:middle}svg .end{text-anchor:end}"
    "svg .grid{stroke:var(--grid)}svg .axis{stroke:var(--soft);stroke-opacity:.6}"
    "svg .line{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}"
    "svg .dash{stroke-dasharray:5 5}svg .thin{stroke-width:1.4}"
    "svg .sa{stroke:var(--a)}svg .sb{stroke:var(--b)}svg .sc{stroke:var(--c)}"
    "svg .ss{stroke:var(--soft)}"
    "svg .fa{fill:var(--a)}svg .fb{fill:var(--b)}svg .fc{fill:var(--c)}svg .fs{fill:var(--soft)}"
    "svg .good{fill:var(--good)}svg .bad{fill:var(--bad)}svg .truth{fill:var(--truth)}"
    "svg .void{fill:var(--grid)}svg .sound{fill:var(--sound)}svg .sight{fill:var(--sight)}"
    "svg .back{fill:var(--card)}svg .frame{fill:none;stroke:var(--line)}"
    ".clips{display:grid;grid-template-columns:repeat(auto-fit,minmax(430px,1fr));gap:22px 28px}"
    ".clip h3{font-size:13.5px;font-weight:600;margin:0 0 6px;overflow-wrap:anywhere}"
    ".clip h3 span{color:var(--soft);font-weight:400}"
    "i.key{display:inline-block;width:11px;height:11px;border-radius:3px;margin:0 5px 0 12px;"
    "vertical-align:-1px}i.key:first-child{margin-left:0}"
    "@media(max-width:560px){.two,.clips{grid-template-columns:1fr}}"
    "@media print{section,.card{break-inside:avoid}}";

static void put_head(struct tyto_page *page)
{
    const char *title = page->report->title ? page->report->title : "tyto";

    (void)fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<title>",
                page->file);
    tyto_page_text(page, title);
    (void)fputs("</title>\n<style>", page->file);
    (void)fputs(style, page->file);
    (void)fputs("</style>\n</head>\n<body>\n<main>\n<h1>", page->file);
    tyto_page_text(page, title);
    (void)fputs("</h1>\n", page->file);
}

static void put_card(struct tyto_page *page, double value, const char *name, const char *fmt, ...)
    TYTO_PRINTF(4, 5);

static void put_card(struct tyto_page *page, double value, const char *name, const char *fmt, ...)
{
    char text[24];
    va_list args;

    if (isnan(value))
        return;
    tyto_figure_print(value, TYTO_FIGURE_SHARE, text);
    tyto_page_put(page, "<div class=\"card\"><span>%s</span><b>%s&#160;%%</b><span>", name, text);
    va_start(args, fmt);
    (void)vfprintf(page->file, fmt, args);
    va_end(args);
    (void)fputs("</span></div>\n", page->file);
}

static void put_cards(struct tyto_page *page)
{
    const struct tyto_report *report = page->report;
    const struct tyto_judgement *j = report->judgement;
    const double retention = tyto_shift_retention(report->shifts, report->num_shifts);

    if (!j)
        return;
    (void)fputs("<div class=\"cards\">\n", page->file);
    put_card(page, j->model.segments.accuracy, "segments right", "nothing at all: %.1f, all: %.1f",
             j->background.segments.accuracy * 100, j->all_event.segments.accuracy * 100);
    put_card(page, j->model.segments.cat_acc, "clips right", "by their commonest class");
    put_card(page, j->model.seg_f.joint, "F1 of segments", "knowing the class alone: %.1f",
             j->all_event.seg_f.joint * 100);
    put_card(page, j->model.ev_f.joint, "F1 of events", "at IoU 0.5; knowing the class alone: %.1f",
             j->all_event.ev_f.joint * 100);
    put_card(page, j->model.map_joint, "mAP of segments", "by chance: %.1f",
             j->background.map_joint * 100);
    put_card(page, retention, "kept when sound is shifted", "of the accuracy, mean over shifts");
    (void)fputs("</div>\n", page->file);
}

static void put_pairs(struct tyto_page *page)
{
    if (page->report->num_pairs == 0)
        return;
    (void)fputs("<section>\n<h2>What was run</h2>\n<table>\n", page->file);
    for (uint32_t i = 0; i < page->report->num_pairs; i++) {
        (void)fputs("<tr><th>", page->file);
        tyto_page_text(page, page->report->pairs[i].key);
        (void)fputs("</th><td class=\"v\">", page->file);
        tyto_page_text(page, page->report->pairs[i].value);
        (void)fputs("</td></tr>\n", page->file);
    }
    (void)fputs("</table>\n</section>\n", page->file);
}

static void put_figure(struct tyto_page *page, const struct tyto_figure *figure)
{
    char text[24];

    tyto_page_put(page, "<tr><td>%s</td>", figure->text);
    tyto_figure_print(figure->model, figure->unit, text);
    tyto_page_put(page, "<td class=\"n m\">%s</td>", text);
    tyto_figure_print(figure->background, figure->unit, text);
    tyto_page_put(page, "<td class=\"n low\">%s</td>", text);
    tyto_figure_print(figure->all_event, figure->unit, text);
    tyto_page_put(page, "<td class=\"n low\">%s</td></tr>\n", text);
}

static void put_figures(struct tyto_page *page)
{
    const struct tyto_report *report = page->report;
    struct tyto_figure figures[TYTO_FIGURES_MAX];
    const char *group = "";

    if (!report->judgement)
        return;
    const uint32_t num = tyto_figures_list(report->judgement, figures);
    (void)fputs(
        "<section>\n<h2>Figures</h2>\n<p class=\"note\">In per cent where no unit is given. "
        "Beside the model, two that need no training: one that never predicts anything, and "
        "one that knows what happens in a clip and predicts it from beginning to end."
        "</p>\n<table>\n<tr><th></th><th class=\"n\">model</th><th class=\"n\">nothing</th>"
        "<th class=\"n\">class, all the time</th></tr>\n",
        page->file);
    for (uint32_t i = 0; i < num; i++) {
        if (strcmp(group, figures[i].group) != 0)
            tyto_page_put(page, "<tr class=\"group\"><th colspan=\"4\">%s</th></tr>\n",
                          figures[i].group);
        group = figures[i].group;
        put_figure(page, &figures[i]);
    }
    (void)fputs("</table>\n</section>\n", page->file);
}

static void put_page(struct tyto_page *page)
{
    put_head(page);
    put_cards(page);
    tyto_page_curves(page);
    if (page->report->judgement) {
        (void)fputs("<div class=\"two\">\n", page->file);
        tyto_page_reliability(page);
        tyto_page_shifts(page);
        (void)fputs("</div>\n", page->file);
        tyto_page_confusion(page);
        tyto_page_clips(page);
    }
    put_figures(page);
    put_pairs(page);
    (void)fputs("</main>\n</body>\n</html>\n", page->file);
}

/* --- the file --------------------------------------------------------------------------------- */

static enum tyto_err fail(struct tyto_fault *ret_fault, const char *path)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "the report cannot be written: %s",
                          strerror(errno));
}

enum tyto_err tyto_report_write(const char *path, const struct tyto_report *report,
                                struct tyto_fault *ret_fault)
{
    char *temp = NULL;
    enum tyto_err err = TYTO_OK;

    if (asprintf(&temp, "%s.XXXXXX", path) < 0)
        return TYTO_ERR_NOMEM;
    const int fd = mkstemp(temp);
    struct tyto_page page = {.file = fd >= 0 ? fdopen(fd, "w") : NULL, .report = report};
    if (!page.file) {
        err = fail(ret_fault, path);
        if (fd >= 0) {
            (void)close(fd);
            (void)unlink(temp);
        }
        free(temp);
        return err;
    }
    put_page(&page);
    const bool is_whole =
        !ferror(page.file) && fflush(page.file) == 0 && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
    if (fclose(page.file) != 0 || !is_whole || rename(temp, path) != 0) {
        err = fail(ret_fault, path);
        (void)unlink(temp);
    }
    free(temp);
    return err;
}
