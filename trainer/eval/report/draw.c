/* SPDX-License-Identifier: MIT */
/* Text, numbers and axes: what charts and pages are drawn with. */
#include "trainer/eval/report/internal.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
