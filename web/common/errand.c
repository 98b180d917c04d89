/* SPDX-License-Identifier: MIT */
#include "web/common/errand.h"

#include <glib.h>

struct tyto_errand {
    struct tyto_errand_params params;
    GThread *thread; /* NULL: joined */
    GMutex lock;     /* guards idle */
    guint idle;      /* source; 0: none */
};

static gboolean tell(gpointer user)
{
    struct tyto_errand *errand = user;
    (void)g_thread_join(errand->thread);
    errand->thread = NULL;
    errand->idle = 0;
    errand->params.done(errand->params.user); /* may free it */
    return G_SOURCE_REMOVE;
}

static gpointer run(gpointer user)
{
    struct tyto_errand *errand = user;
    errand->params.run(errand->params.user);
    g_mutex_lock(&errand->lock);
    errand->idle = g_idle_add(tell, errand);
    g_mutex_unlock(&errand->lock);
    return NULL;
}

struct tyto_errand *tyto_errand_new(const struct tyto_errand_params *params)
{
    struct tyto_errand *errand = g_new0(struct tyto_errand, 1);
    errand->params = *params;
    g_mutex_init(&errand->lock);
    errand->thread = g_thread_new(params->name, run, errand);
    return errand;
}

void tyto_errand_free(struct tyto_errand *errand)
{
    if (!errand)
        return;
    if (errand->thread)
        (void)g_thread_join(errand->thread);
    if (errand->idle != 0)
        g_source_remove(errand->idle);
    g_mutex_clear(&errand->lock);
    g_free(errand);
}
