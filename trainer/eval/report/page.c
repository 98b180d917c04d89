/* SPDX-License-Identifier: MIT */
#include "trainer/eval/report/report.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "files/replace.h"
#include "trainer/eval/figures.h"
#include "trainer/eval/report/internal.h"

/* --- text ------------------------------------------------------------------------------------- */

/* --- axes ------------------------------------------------------------------------------------- */

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

enum tyto_err tyto_report_write(const char *path, const struct tyto_report *report,
                                struct tyto_fault *ret_fault)
{
    struct tyto_replace *replace = NULL;
    struct tyto_page page = {.report = report};
    enum tyto_err err = tyto_replace_begin(path, 0644, &replace);

    if (!err && !(page.file = tyto_replace_file(replace)))
        err = TYTO_ERR_NOMEM;
    if (!err) {
        put_page(&page);
        err = tyto_replace_commit(&replace);
    }
    tyto_replace_abandon(&replace);
    if (err == TYTO_ERR_IO)
        return tyto_fault_set(ret_fault, err, path, 0, NULL, "the report cannot be written: %s",
                              strerror(errno));
    return err;
}
