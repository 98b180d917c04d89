/* SPDX-License-Identifier: MIT */
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/secret.h"
#include "base/text.h"

enum tyto_err tyto_fault_set(struct tyto_fault *ret_fault, enum tyto_err err, const char *file,
                             uint32_t line, const char *key, const char *fmt, ...)
{
    if (!ret_fault)
        return err;
    tyto_secret_redact(file ? file : "", ret_fault->file, sizeof(ret_fault->file));
    ret_fault->line = line;
    char text[2 * sizeof(ret_fault->text)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    /* What people wrote stands in it: nothing of it may be a secret, or move a terminal's cursor.
     */
    tyto_secret_scrub(text, ret_fault->text, sizeof(ret_fault->text));
    tyto_secret_scrub(key ? key : "", ret_fault->key, sizeof(ret_fault->key));
    tyto_text_make_printable(ret_fault->file);
    tyto_text_make_printable(ret_fault->key);
    tyto_text_make_printable(ret_fault->text);
    return err;
}

void tyto_fault_print(const struct tyto_fault *fault, char *buf, size_t buf_bytes)
{
    char where[320] = "";
    if (fault->file[0] && fault->line)
        snprintf(where, sizeof(where), "%s:%u: ", fault->file, fault->line);
    else if (fault->file[0])
        snprintf(where, sizeof(where), "%s: ", fault->file);
    snprintf(buf, buf_bytes, "%s%s%s%s", where, fault->key, fault->key[0] ? ": " : "", fault->text);
    tyto_text_make_printable(buf);
}
