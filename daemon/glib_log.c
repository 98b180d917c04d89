/* SPDX-License-Identifier: MIT */
#include "daemon/glib_log.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <glib.h>

/* Held while a line is handed over, which never waits: so that nobody has a log that is gone. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct tyto_log *current; /* NULL: none */

static const char *field_of(const GLogField *fields, gsize num_fields, const char *key)
{
    for (gsize i = 0; i < num_fields; i++) {
        if (strcmp(fields[i].key, key) == 0 && fields[i].length < 0)
            return fields[i].value;
    }
    return NULL;
}

static GLogWriterOutput take(GLogLevelFlags level, const GLogField *fields, gsize num_fields,
                             gpointer unused)
{
    (void)unused;
    /* Then GLib ends the process: this is the last chance to say why. */
    if (level & G_LOG_FLAG_FATAL)
        return g_log_writer_standard_streams(level, fields, num_fields, NULL);
    const bool is_wrong = level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
    const char *text = field_of(fields, num_fields, "MESSAGE");
    const char *domain = field_of(fields, num_fields, "GLIB_DOMAIN");
    pthread_mutex_lock(&lock);
    if (current && text)
        tyto_log_write(current, is_wrong ? TYTO_LOG_WARNING : TYTO_LOG_DEBUG, "library", "%s: %s",
                       domain ? domain : "GLib", text);
    pthread_mutex_unlock(&lock);
    return G_LOG_WRITER_HANDLED;
}

void tyto_glib_log_begin(const struct tyto_log *log)
{
    pthread_mutex_lock(&lock);
    current = log;
    pthread_mutex_unlock(&lock);
    g_log_set_writer_func(take, NULL, NULL);
}

void tyto_glib_log_end(void)
{
    pthread_mutex_lock(&lock);
    current = NULL;
    pthread_mutex_unlock(&lock);
}
