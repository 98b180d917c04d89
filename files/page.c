/* SPDX-License-Identifier: MIT */
#include "files/page.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "files/replace.h"

static const char begin_mark[] = "<script type=\"application/json\" id=\"data\">";
static const char end_mark[] = "</script>";

/* JSON that HTML and XML read as plain text: a browser ends a script at "</script" whatever that
 * stands in. Between tokens these characters do not come, so they are always inside a string. */
static void put_json(FILE *file, const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '>' || *text == '&')
            fprintf(file, "\\u%04x", (unsigned char)*text);
        else
            fputc(*text, file);
    }
}

enum tyto_err tyto_page_write(const char *path, const char *page, size_t num_bytes,
                              struct tyto_json *data, struct tyto_fault *ret_fault)
{
    char *text = tyto_json_print(data);
    tyto_json_destroy(&data);
    const char *begin = memmem(page, num_bytes, begin_mark, strlen(begin_mark));
    const char *rest = begin ? begin + strlen(begin_mark) : page;
    const char *end = memmem(rest, num_bytes - (size_t)(rest - page), end_mark, strlen(end_mark));
    struct tyto_replace *replace = NULL;
    enum tyto_err err = !text ? TYTO_ERR_NOMEM : !begin || !end ? TYTO_ERR_INTERNAL : TYTO_OK;
    if (!err)
        err = tyto_replace_begin(path, 0644, &replace);
    FILE *file = !err ? tyto_replace_file(replace) : NULL;
    if (file) {
        fwrite(page, 1, (size_t)(rest - page), file);
        put_json(file, text);
        fwrite(end, 1, num_bytes - (size_t)(end - page), file);
    }
    free(text);
    if (!err)
        err = file ? tyto_replace_commit(&replace) : TYTO_ERR_NOMEM;
    tyto_replace_abandon(&replace);
    if (err == TYTO_ERR_IO)
        return tyto_fault_set(ret_fault, err, path, 0, NULL, "it cannot be written: %s",
                              strerror(errno));
    return err;
}

struct tyto_json *tyto_page_text(const char *text)
{
    const size_t num_bytes = strlen(text) + 1;
    char *clean = malloc(num_bytes);
    if (!clean)
        return NULL;
    tyto_text_clean(clean, num_bytes, text);
    struct tyto_json *json = tyto_json_new_string(clean);
    free(clean);
    return json;
}

struct tyto_json *tyto_page_number(double value)
{
    return isfinite(value) ? tyto_json_new_f64(value) : tyto_json_new_null();
}

struct tyto_json *tyto_page_data_url(const char *media_type, const uint8_t *bytes, size_t num_bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t max = strlen("data:;base64,") + strlen(media_type) + (num_bytes + 2) / 3 * 4 + 1;
    char *text = malloc(max);
    if (!text)
        return NULL;
    char *at = text + snprintf(text, max, "data:%s;base64,", media_type);
    for (size_t i = 0; i < num_bytes; i += 3) {
        const size_t left = num_bytes - i;
        const uint32_t bits = (uint32_t)bytes[i] << 16 |
                              (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                              (left > 2 ? bytes[i + 2] : 0u);
        *at++ = digits[bits >> 18];
        *at++ = digits[bits >> 12 & 63];
        *at++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[bits & 63] : '=';
    }
    *at = '\0';
    struct tyto_json *json = tyto_json_new_string(text);
    free(text);
    return json;
}
