/* SPDX-License-Identifier: MIT */
#include "web/thresholds/tally.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "client/query.h"
#include "pipeline/recount/recount.h"
#include "web/common/errand.h"

enum { STEPS = TYTO_TALLY_STEPS, TIMEOUT_MS = 5000, TELL_MS = 300, MAX_CLASSES = 1024 };
static const float least = 0.01f, most = 0.99f; /* of a threshold that is tried */

struct of_class {
    char name[TYTO_ID_MAX + 1];
    bool is_known;       /* thresholds hold now */
    float thresholds[3]; /* 2: the class is off */
    uint32_t was, counts[STEPS];
};

struct of_camera {
    char id[TYTO_ID_MAX + 1];
    GArray *classes; /* of struct of_class */
    uint64_t num_segments;
};

struct tyto_tally {
    const struct tyto_tally_source *source;
    void (*on_change)(void *user);
    void *user;
    struct tyto_errand *errand; /* NULL: nothing is counted */
    guint timer;                /* source; 0: none */
    GPtrArray *cameras;         /* of struct of_camera; the errand's while there is one */
    int64_t from_unix_ns, to_unix_ns;
    bool was_counted; /* cameras hold what the last count gave */
    GMutex lock;      /* guards the rest */
    bool stop;
    double share; /* of the work that is done */
    char error[512];
};

static void free_camera(gpointer data)
{
    struct of_camera *camera = data;
    g_array_free(camera->classes, TRUE);
    g_free(camera);
}

static float moved(float threshold, int step)
{
    const double p = fmin(0.999, fmax(0.001, (double)threshold));
    const double odds = log(p / (1 - p)) + (double)(step - STEPS / 2) / 4;
    const float at = (float)(1 / (1 + exp(-odds)));
    return step == STEPS / 2 ? threshold : fminf(most, fmaxf(least, at));
}

/* NULL: there are too many. */
static struct of_class *class_of(struct of_camera *camera, const char *name)
{
    for (guint i = 0; i < camera->classes->len; i++) {
        struct of_class *one = &g_array_index(camera->classes, struct of_class, i);
        if (strcmp(one->name, name) == 0)
            return one;
    }
    if (camera->classes->len >= MAX_CLASSES)
        return NULL;
    struct of_class made = {.is_known = false};
    (void)g_strlcpy(made.name, name, sizeof(made.name));
    g_array_append_val(camera->classes, made);
    return &g_array_index(camera->classes, struct of_class, camera->classes->len - 1);
}

/* --- counting, on the errand's thread ----------------------------------------------------------
 */

/* One way to decide: as it was (step -1), or with thresholds moved. */
struct way {
    struct of_camera *camera;
    int step;
    struct tyto_recount *recount;
    struct tyto_class_rule *rules;
};

struct count {
    struct tyto_tally *tally;
    struct of_camera *camera;
    uint32_t at; /* number of the camera */
    struct way ways[1 + STEPS];
    enum tyto_err err;
};

static bool is_stopped(struct tyto_tally *tally)
{
    g_mutex_lock(&tally->lock);
    const bool is_stopped = tally->stop;
    g_mutex_unlock(&tally->lock);
    return is_stopped;
}

static void note_event(void *user, const struct tyto_event *event)
{
    const struct way *way = user;
    struct of_class *one =
        event->phase == TYTO_EVENT_PHASE_END ? class_of(way->camera, event->class_name) : NULL;
    if (one && way->step < 0)
        one->was++;
    else if (one)
        one->counts[way->step]++;
}

/* What holds now: of the newest page. */
static bool take_decision(void *user, const struct tyto_reply *page)
{
    struct count *count = user;
    if (!page->decision.thresholds)
        return true;
    g_array_set_size(count->camera->classes, 0);
    for (uint32_t k = 0; k < page->num_classes; k++) {
        struct of_class *one = class_of(count->camera, page->class_names[k]);
        if (!one)
            break;
        one->is_known = true;
        for (uint32_t task = 0; task < 3; task++)
            one->thresholds[task] = page->decision.thresholds[task * page->num_classes + k];
    }
    return !is_stopped(count->tally);
}

static bool take_page(void *user, const struct tyto_reply *page)
{
    struct count *count = user;
    struct tyto_tally *tally = count->tally;
    for (size_t i = 0; i < G_N_ELEMENTS(count->ways) && !count->err; i++)
        count->err = tyto_recount_take(count->ways[i].recount, page);
    count->camera->num_segments += page->num_segments;
    const int64_t end_ns =
        page->num_segments > 0 ? page->segments[page->num_segments - 1].end_unix_ns : 0;
    const double part =
        (double)(end_ns - tally->from_unix_ns) / (double)(tally->to_unix_ns - tally->from_unix_ns);
    g_mutex_lock(&tally->lock);
    if (end_ns > 0)
        tally->share = (count->at + fmin(1, fmax(0, part))) / tally->cameras->len;
    const bool goes_on = !tally->stop && !count->err;
    g_mutex_unlock(&tally->lock);
    return goes_on;
}

static void close_ways(struct count *count)
{
    for (size_t i = 0; i < G_N_ELEMENTS(count->ways); i++) {
        tyto_recount_destroy(&count->ways[i].recount);
        g_free(count->ways[i].rules);
    }
}

static enum tyto_err open_ways(struct count *count)
{
    const GArray *classes = count->camera->classes;
    enum tyto_err err = TYTO_OK;
    for (int i = 0; i < 1 + STEPS && !err; i++) {
        struct way *way = &count->ways[i];
        *way = (struct way){.camera = count->camera, .step = i - 1};
        struct tyto_recount_params params = {
            .camera = count->camera->id, .sink = note_event, .user = way};
        if (way->step >= 0) {
            way->rules = g_new0(struct tyto_class_rule, classes->len + 1);
            for (guint k = 0; k < classes->len; k++) {
                const struct of_class *one = &g_array_index(classes, struct of_class, k);
                struct tyto_class_rule *rule = &way->rules[params.num_rules];
                if (one->thresholds[0] > 1)
                    continue; /* it stays off */
                (void)g_strlcpy(rule->class_name, one->name, sizeof(rule->class_name));
                rule->threshold = moved(one->thresholds[0], way->step);
                rule->threshold_heard = moved(one->thresholds[1], way->step);
                rule->threshold_seen = moved(one->thresholds[2], way->step);
                params.num_rules++;
            }
            params.rules = way->rules;
        }
        err = tyto_recount_create(&params, &way->recount);
    }
    return err;
}

/* The newest scores say what holds now; how long ago they are is not known. */
static enum tyto_err find_decision(struct count *count, struct tyto_query *query)
{
    static const int64_t spans_s[] = {900, 86400, 0};
    const int64_t since_ns = count->tally->from_unix_ns, now_ns = count->tally->to_unix_ns;
    enum tyto_err err = TYTO_OK;
    for (size_t i = 0; i < G_N_ELEMENTS(spans_s) && !err; i++) {
        const int64_t from_ns = now_ns - spans_s[i] * (int64_t)TYTO_NS_PER_S;
        const struct tyto_query_scores which = {
            .camera = count->camera->id,
            .from_unix_ns = spans_s[i] > 0 && from_ns > since_ns ? from_ns : since_ns};
        err = tyto_query_scores(query, &which, take_decision, count);
        if (count->camera->classes->len > 0)
            break;
    }
    return err;
}

static enum tyto_err count_camera(struct count *count, struct tyto_query *query)
{
    const struct tyto_query_scores which = {.camera = count->camera->id,
                                            .from_unix_ns = count->tally->from_unix_ns};
    enum tyto_err err = find_decision(count, query);
    if (!err)
        err = open_ways(count);
    if (!err)
        err = tyto_query_scores(query, &which, take_page, count);
    for (size_t i = 0; i < G_N_ELEMENTS(count->ways) && !err && !count->err; i++)
        tyto_recount_end(count->ways[i].recount);
    close_ways(count);
    return err ? err : count->err;
}

static void complain(struct tyto_tally *tally, const char *camera, const char *text)
{
    g_mutex_lock(&tally->lock);
    g_snprintf(tally->error, sizeof(tally->error), "%s%s%s", camera ? camera : "",
               camera ? ": " : "", text);
    g_mutex_unlock(&tally->lock);
}

static const char *words_of(enum tyto_err err)
{
    switch ((int)err) {
    case TYTO_ERR_TIMEOUT:
        return "tytod does not answer";
    case TYTO_ERR_UNSUPPORTED:
        return "this tytod keeps no scores: journal.scores_mib";
    case TYTO_ERR_CLOSED:
        return "tytod does not let this page's key read scores: it takes the right to dbg/";
    default:
        return tyto_err_text(err);
    }
}

static void run(void *user)
{
    struct tyto_tally *tally = user;
    const struct tyto_query_params params = {.endpoint = tally->source->endpoint,
                                             .server_key = tally->source->server_key,
                                             .secret_key = tally->source->key,
                                             .timeout_ms = TIMEOUT_MS};
    struct tyto_query *query = NULL;
    enum tyto_err err = tyto_query_create(&params, &query);
    if (err)
        complain(tally, NULL, words_of(err));
    for (guint i = 0; i < tally->cameras->len && !err && !is_stopped(tally); i++) {
        struct count count = {
            .tally = tally, .camera = g_ptr_array_index(tally->cameras, i), .at = i};
        err = count_camera(&count, query);
        const char *said = err ? tyto_query_error_text(query) : "";
        if (err)
            complain(tally, count.camera->id, said[0] ? said : words_of(err));
    }
    if (!err && is_stopped(tally))
        complain(tally, NULL, "it was ended before it was done");
    tyto_query_destroy(&query);
}

/* --- on the main loop's thread ----------------------------------------------------------------
 */

static void done(void *user)
{
    struct tyto_tally *tally = user;
    tyto_errand_free(tally->errand);
    tally->errand = NULL;
    g_source_remove(tally->timer);
    tally->timer = 0;
    tally->was_counted = tally->error[0] == '\0';
    tally->on_change(tally->user);
}

static gboolean tell(gpointer user)
{
    struct tyto_tally *tally = user;
    tally->on_change(tally->user);
    return G_SOURCE_CONTINUE;
}

struct tyto_tally *tyto_tally_new(const struct tyto_tally_source *source,
                                  void (*on_change)(void *user), void *user)
{
    struct tyto_tally *tally = g_new0(struct tyto_tally, 1);
    tally->source = source;
    tally->on_change = on_change;
    tally->user = user;
    tally->cameras = g_ptr_array_new_with_free_func(free_camera);
    g_mutex_init(&tally->lock);
    return tally;
}

void tyto_tally_free(struct tyto_tally *tally)
{
    if (!tally)
        return;
    tyto_tally_cancel(tally);
    tyto_errand_free(tally->errand);
    if (tally->timer != 0)
        g_source_remove(tally->timer);
    g_ptr_array_free(tally->cameras, TRUE);
    g_mutex_clear(&tally->lock);
    g_free(tally);
}

enum tyto_err tyto_tally_start(struct tyto_tally *tally, const char *const *cameras,
                               uint32_t num_cameras, int64_t since_unix_ns)
{
    const int64_t now_ns = (int64_t)tyto_clock_unix_ns();
    if (tally->errand)
        return TYTO_ERR_EXISTS;
    if (num_cameras == 0 || num_cameras > TYTO_TALLY_MAX_CAMERAS || since_unix_ns >= now_ns)
        return TYTO_ERR_INVALID;
    for (uint32_t i = 0; i < num_cameras; i++) {
        if (!tyto_id_is_valid(cameras[i]))
            return TYTO_ERR_INVALID;
    }
    g_ptr_array_set_size(tally->cameras, 0);
    for (uint32_t i = 0; i < num_cameras; i++) {
        struct of_camera *camera = g_new0(struct of_camera, 1);
        (void)g_strlcpy(camera->id, cameras[i], sizeof(camera->id));
        camera->classes = g_array_new(FALSE, FALSE, sizeof(struct of_class));
        g_ptr_array_add(tally->cameras, camera);
    }
    tally->from_unix_ns = since_unix_ns;
    tally->to_unix_ns = now_ns;
    tally->was_counted = tally->stop = false;
    tally->share = 0;
    tally->error[0] = '\0';
    const struct tyto_errand_params params = {
        .name = "tally", .run = run, .done = done, .user = tally};
    tally->errand = tyto_errand_new(&params);
    tally->timer = g_timeout_add(TELL_MS, tell, tally);
    return TYTO_OK;
}

void tyto_tally_cancel(struct tyto_tally *tally)
{
    g_mutex_lock(&tally->lock);
    tally->stop = true;
    g_mutex_unlock(&tally->lock);
}

static struct tyto_json *view_class(const struct of_class *one)
{
    struct tyto_json *json = tyto_json_new_object(), *counts = tyto_json_new_array();
    struct tyto_json *thresholds = tyto_json_new_array();
    for (int step = 0; step < STEPS; step++)
        (void)tyto_json_append(counts, tyto_json_new_u64(one->counts[step]));
    for (int task = 0; task < 3; task++)
        (void)tyto_json_append(thresholds,
                               tyto_json_new_f64(round((double)one->thresholds[task] * 1e4) / 1e4));
    tyto_json_set(json, "name", tyto_json_new_string(one->name));
    tyto_json_set(json, "off", tyto_json_new_bool(!one->is_known || one->thresholds[0] > 1));
    tyto_json_set(json, "thresholds", thresholds);
    tyto_json_set(json, "was", tyto_json_new_u64(one->was));
    tyto_json_set(json, "counts", counts);
    return json;
}

/* Classes of which nothing would ever have been told are left out. */
static bool is_quiet(const struct of_class *one)
{
    uint32_t all = one->was;
    for (int step = 0; step < STEPS; step++)
        all |= one->counts[step];
    return all == 0;
}

static struct tyto_json *view_camera(const struct of_camera *camera)
{
    struct tyto_json *json = tyto_json_new_object(), *classes = tyto_json_new_array();
    for (guint i = 0; i < camera->classes->len; i++) {
        const struct of_class *one = &g_array_index(camera->classes, struct of_class, i);
        if (!is_quiet(one))
            (void)tyto_json_append(classes, view_class(one));
    }
    tyto_json_set(json, "id", tyto_json_new_string(camera->id));
    tyto_json_set(json, "segments", tyto_json_new_u64(camera->num_segments));
    tyto_json_set(json, "num_classes", tyto_json_new_u64(camera->classes->len));
    tyto_json_set(json, "classes", classes);
    return json;
}

struct tyto_json *tyto_tally_view(struct tyto_tally *tally, bool is_whole)
{
    struct tyto_json *json = tyto_json_new_object();
    g_mutex_lock(&tally->lock);
    const char *state = tally->errand        ? "counting"
                        : tally->error[0]    ? "failed"
                        : tally->was_counted ? "done"
                                             : "none";
    tyto_json_set(json, "state", tyto_json_new_string(state));
    tyto_json_set(json, "share", tyto_json_new_f64(round(tally->share * 1e3) / 1e3));
    if (!tally->errand && tally->error[0])
        tyto_json_set(json, "error", tyto_json_new_name(tally->error));
    g_mutex_unlock(&tally->lock);
    if (!is_whole || !tally->was_counted)
        return json;
    struct tyto_json *steps = tyto_json_new_array(), *cameras = tyto_json_new_array();
    for (int step = 0; step < STEPS; step++)
        (void)tyto_json_append(steps, tyto_json_new_f64((double)(step - STEPS / 2) / 4));
    for (guint i = 0; i < tally->cameras->len; i++)
        (void)tyto_json_append(cameras, view_camera(g_ptr_array_index(tally->cameras, i)));
    tyto_json_set(json, "from", tyto_json_new_u64((uint64_t)(tally->from_unix_ns / 1000000)));
    tyto_json_set(json, "to", tyto_json_new_u64((uint64_t)(tally->to_unix_ns / 1000000)));
    tyto_json_set(json, "steps", steps);
    tyto_json_set(json, "cameras", cameras);
    return json;
}
