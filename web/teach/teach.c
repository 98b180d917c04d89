/* SPDX-License-Identifier: MIT */
#include "web/teach/teach.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "files/replace.h"
#include "web/teach/child.h"

enum {
    PATH_BYTES = TYTO_TEACH_PATH_MAX,
    MAX_NOTES = 16,
    MAX_ARGUMENTS = 32,
    MAX_RESULT_BYTES = 1 << 20,
    MAX_LABEL_BYTES = 64 << 20,
};

enum state { NONE, RUNNING, DONE, FAILED, STOPPED };
static const char *const state_names[] = {"none", "running", "done", "failed", "stopped"};

struct pair {
    bool is_there;
    double before, after;
};

struct tyto_teach {
    const struct tyto_teach_params *params;
    char *dir; /* owned, absolute */
    struct tyto_child *child;
    uint32_t run, num_clips;
    enum state state;
    bool was_cancelled;
    int64_t begin_ms, end_ms;
    char what[32], error[512];
    double share;
    GPtrArray *notes; /* of text, owned */
    GArray *epochs;   /* of double[3] */
    struct pair camera, kept;
    GPtrArray *results; /* of struct tyto_json: result.json of runs that are over, oldest first */
};

static int64_t now_ms(void)
{
    return (int64_t)(tyto_clock_unix_ns() / TYTO_NS_PER_MS);
}

static void free_json(gpointer data)
{
    struct tyto_json *json = data;
    tyto_json_destroy(&json);
}

static void run_path(const struct tyto_teach *teach, uint32_t run, const char *name,
                     char ret_path[PATH_BYTES])
{
    g_snprintf(ret_path, PATH_BYTES, "%s/run-%u%s%s", teach->dir, run, name[0] ? "/" : "", name);
}

/* --- showing ---------------------------------------------------------------------------------- */

static struct tyto_json *view_pair(const struct pair *pair)
{
    if (!pair->is_there)
        return tyto_json_new_null();
    struct tyto_json *json = tyto_json_new_array();
    (void)tyto_json_append(json, tyto_json_new_f64(pair->before));
    (void)tyto_json_append(json, tyto_json_new_f64(pair->after));
    return json;
}

static void set_head(const struct tyto_teach *teach, struct tyto_json *json)
{
    const int64_t end_ms = teach->state == RUNNING ? now_ms() : teach->end_ms;
    tyto_json_set(json, "run", tyto_json_new_u64(teach->run));
    tyto_json_set(json, "state", tyto_json_new_string(state_names[teach->state]));
    tyto_json_set(json, "clips", tyto_json_new_u64(teach->num_clips));
    tyto_json_set(json, "begin", tyto_json_new_u64((uint64_t)teach->begin_ms));
    tyto_json_set(json, "took_s", tyto_json_new_f64((double)(end_ms - teach->begin_ms) / 1e3));
    tyto_json_set(json, "camera", view_pair(&teach->camera));
    tyto_json_set(json, "kept", view_pair(&teach->kept));
    if (teach->error[0])
        tyto_json_set(json, "error", tyto_json_new_name(teach->error));
}

struct tyto_json *tyto_teach_view(const struct tyto_teach *teach)
{
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *notes = tyto_json_new_array(), *epochs = tyto_json_new_array();
    for (guint i = 0; i < teach->notes->len; i++)
        (void)tyto_json_append(notes, tyto_json_new_name(g_ptr_array_index(teach->notes, i)));
    for (guint i = 0; i < teach->epochs->len / 3; i++) {
        struct tyto_json *row = tyto_json_new_array();
        for (guint k = 0; k < 3; k++)
            (void)tyto_json_append(
                row, tyto_json_new_f64(g_array_index(teach->epochs, double, 3 * i + k)));
        (void)tyto_json_append(epochs, row);
    }
    set_head(teach, json);
    tyto_json_set(json, "what", tyto_json_new_string(teach->what));
    tyto_json_set(json, "share", tyto_json_new_f64(teach->share));
    tyto_json_set(json, "notes", notes);
    tyto_json_set(json, "epochs", epochs);
    return json;
}

struct tyto_json *tyto_teach_runs(const struct tyto_teach *teach)
{
    struct tyto_json *json = tyto_json_new_array();
    for (guint i = teach->results->len; i-- > 0;) {
        char *text = tyto_json_print(g_ptr_array_index(teach->results, i));
        struct tyto_json *copy = NULL;
        if (text && tyto_json_parse(text, strlen(text), &copy, NULL, 0) == TYTO_OK)
            (void)tyto_json_append(json, copy);
        free(text);
    }
    return json;
}

/* --- what the child says ----------------------------------------------------------------------
 */

static void take_pair(const struct tyto_json *line, const char *key, struct pair *pair)
{
    const struct tyto_json *values = tyto_json_get(line, key);
    pair->is_there = tyto_json_f64(tyto_json_at(values, 0), &pair->before) &&
                     tyto_json_f64(tyto_json_at(values, 1), &pair->after);
}

static void take_epoch(struct tyto_teach *teach, const struct tyto_json *line)
{
    static const char *const keys[] = {"loss", "held_back_loss", "map"};
    double values[3] = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        (void)tyto_json_f64(tyto_json_get(line, keys[i]), &values[i]);
    if (teach->epochs->len < 3 * TYTO_TEACH_MAX_EPOCHS)
        g_array_append_vals(teach->epochs, values, 3);
}

static void on_line(void *user, const char *text)
{
    struct tyto_teach *teach = user;
    struct tyto_json *line = NULL;
    if (tyto_json_parse(text, strlen(text), &line, NULL, 0) != TYTO_OK)
        return;
    const char *type = tyto_json_string(tyto_json_get(line, "type"));
    if (g_strcmp0(type, "work") == 0) {
        const char *what = tyto_json_string(tyto_json_get(line, "what"));
        (void)g_strlcpy(teach->what, what ? what : "", sizeof(teach->what));
        (void)tyto_json_f64(tyto_json_get(line, "share"), &teach->share);
    } else if (g_strcmp0(type, "note") == 0) {
        const char *note = tyto_json_string(tyto_json_get(line, "text"));
        if (note && teach->notes->len < MAX_NOTES)
            g_ptr_array_add(teach->notes, g_strndup(note, 200));
    } else if (g_strcmp0(type, "epoch") == 0) {
        take_epoch(teach, line);
    } else if (g_strcmp0(type, "done") == 0) {
        take_pair(line, "camera", &teach->camera);
        take_pair(line, "kept", &teach->kept);
    }
    tyto_json_destroy(&line);
    teach->params->on_change(teach->params->user);
}

static void keep_result(struct tyto_teach *teach)
{
    char path[PATH_BYTES];
    struct tyto_json *json = tyto_json_new_object();
    set_head(teach, json);
    char *text = tyto_json_print(json);
    run_path(teach, teach->run, "result.json", path);
    if (!text || tyto_replace_all(path, 0640, text, strlen(text)) != TYTO_OK)
        g_warning("%s: %s", path, g_strerror(errno));
    free(text);
    g_ptr_array_add(teach->results, json);
}

static void on_end(void *user, int status, bool was_late, const char *said)
{
    struct tyto_teach *teach = user;
    char path[PATH_BYTES];
    const bool has_model = tyto_teach_model(teach, teach->run, path, sizeof(path));
    teach->end_ms = now_ms();
    teach->state = teach->was_cancelled ? STOPPED : status == 0 && has_model ? DONE : FAILED;
    if (teach->was_cancelled)
        (void)g_strlcpy(teach->error, "it was ended before it was done", sizeof(teach->error));
    else if (was_late)
        g_snprintf(teach->error, sizeof(teach->error), "it was not done within %u minutes",
                   teach->params->max_s / 60);
    else if (teach->state == FAILED)
        (void)g_strlcpy(teach->error, said[0] ? said : "it ended without a model",
                        sizeof(teach->error));
    keep_result(teach);
    tyto_child_free(teach->child);
    teach->child = NULL;
    teach->params->on_change(teach->params->user);
}

/* --- beginning ------------------------------------------------------------------------------ */

static bool is_chosen(const char *line, const char *const *clips, uint32_t num_clips)
{
    for (uint32_t i = 0; i < num_clips; i++) {
        const size_t num = strlen(clips[i]);
        if (strncmp(line, clips[i], num) == 0 && line[num] == ',')
            return true;
    }
    return false;
}

/* The rows of the corrections that are about these recordings, into the run's folder. */
static enum tyto_err write_labels(struct tyto_teach *teach, const char *const *clips,
                                  uint32_t num_clips, const char *path,
                                  struct tyto_fault *ret_fault)
{
    char from[PATH_BYTES];
    char *text = NULL;
    gsize num_bytes = 0, num_rows = 0;
    g_snprintf(from, sizeof(from), "%s/labels.csv", teach->params->corrections);
    if (!g_file_get_contents(from, &text, &num_bytes, NULL) || num_bytes > MAX_LABEL_BYTES) {
        g_free(text);
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, from, 0, NULL,
                              "there are no corrections yet");
    }
    GString *out = g_string_new(NULL);
    for (char *line = text; *line;) {
        const size_t num = strcspn(line, "\n");
        if (line == text || is_chosen(line, clips, num_clips)) {
            g_string_append_len(out, line, (gssize)num);
            g_string_append_c(out, '\n');
            num_rows += line != text;
        }
        line += num + (line[num] == '\n');
    }
    enum tyto_err err = TYTO_OK;
    if (num_rows == 0)
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "clips",
                             "none of these recordings has been corrected");
    else if (tyto_replace_all(path, 0640, out->str, out->len) != TYTO_OK)
        err = tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", g_strerror(errno));
    (void)g_string_free(out, TRUE);
    g_free(text);
    return err;
}

static enum tyto_err spawn(struct tyto_teach *teach, const char *labels,
                           struct tyto_fault *ret_fault)
{
    const struct tyto_teach_params *params = teach->params;
    char out[PATH_BYTES], cache[PATH_BYTES];
    run_path(teach, teach->run, "model", out);
    g_snprintf(cache, sizeof(cache), "%s/cache", teach->dir);
    const char *argv[MAX_ARGUMENTS] = {
        params->program, "adapt", "--labels", labels, "--media", params->corrections,
        "--out",         out,     "--cache",  cache,  "--json",  "--no-progress"};
    for (uint32_t i = 0, at = 12; i < params->num_extra && at + 1 < MAX_ARGUMENTS; i++)
        argv[at++] = params->extra[i];
    const struct tyto_child_params child = {
        .argv = argv, .max_s = params->max_s, .on_line = on_line, .on_end = on_end, .user = teach};
    return tyto_child_start(&child, &teach->child, ret_fault);
}

static void begin_anew(struct tyto_teach *teach, uint32_t num_clips)
{
    g_ptr_array_set_size(teach->notes, 0);
    g_array_set_size(teach->epochs, 0);
    teach->camera = teach->kept = (struct pair){.is_there = false};
    teach->num_clips = num_clips;
    teach->was_cancelled = false;
    teach->share = 0;
    teach->error[0] = '\0';
    (void)g_strlcpy(teach->what, "features", sizeof(teach->what));
    teach->begin_ms = now_ms();
}

enum tyto_err tyto_teach_start(struct tyto_teach *teach, const char *const *clips,
                               uint32_t num_clips, struct tyto_fault *ret_fault)
{
    char path[PATH_BYTES];
    if (teach->child)
        return tyto_fault_set(ret_fault, TYTO_ERR_EXISTS, NULL, 0, NULL,
                              "a model is being taught already");
    if (teach->results->len >= TYTO_TEACH_MAX_RUNS)
        return tyto_fault_set(ret_fault, TYTO_ERR_FULL, teach->dir, 0, NULL,
                              "holds %u runs: delete some of them, then start this server again",
                              teach->results->len);
    const uint32_t run = teach->run + 1;
    run_path(teach, run, "", path);
    if (g_mkdir_with_parents(path, 0750) != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", g_strerror(errno));
    run_path(teach, run, "labels.csv", path);
    enum tyto_err err = write_labels(teach, clips, num_clips, path, ret_fault);
    if (err) { /* nothing was begun */
        run_path(teach, run, "", path);
        (void)rmdir(path);
        return err;
    }
    teach->run = run;
    begin_anew(teach, num_clips);
    err = spawn(teach, path, ret_fault);
    teach->state = err ? FAILED : RUNNING;
    if (err) {
        teach->end_ms = teach->begin_ms;
        tyto_fault_print(ret_fault, teach->error, sizeof(teach->error));
        keep_result(teach);
    }
    teach->params->on_change(teach->params->user);
    return err;
}

void tyto_teach_cancel(struct tyto_teach *teach)
{
    if (!teach->child || teach->state != RUNNING)
        return;
    teach->was_cancelled = true;
    tyto_child_stop(teach->child);
}

bool tyto_teach_model(const struct tyto_teach *teach, uint32_t run, char *ret_path,
                      size_t path_bytes)
{
    g_snprintf(ret_path, path_bytes, "%s/run-%u/model/model.safetensors", teach->dir, run);
    return run > 0 && access(ret_path, R_OK) == 0;
}

/* --- earlier runs ------------------------------------------------------------------------------
 */

static gint by_number(gconstpointer a, gconstpointer b)
{
    return *(const gint *)a - *(const gint *)b;
}

/* One that has no result was cut off. */
static void load_run(struct tyto_teach *teach, uint32_t run)
{
    char path[PATH_BYTES];
    char *text = NULL;
    gsize num_bytes = 0;
    struct tyto_json *json = NULL;
    run_path(teach, run, "result.json", path);
    if (g_file_get_contents(path, &text, &num_bytes, NULL) && num_bytes <= MAX_RESULT_BYTES &&
        tyto_json_parse(text, num_bytes, &json, NULL, 0) == TYTO_OK && tyto_json_is_object(json)) {
        g_ptr_array_add(teach->results, json);
    } else {
        tyto_json_destroy(&json);
        json = tyto_json_new_object();
        tyto_json_set(json, "run", tyto_json_new_u64(run));
        tyto_json_set(json, "state", tyto_json_new_string(state_names[STOPPED]));
        tyto_json_set(json, "error", tyto_json_new_string("the server was ended meanwhile"));
        g_ptr_array_add(teach->results, json);
    }
    teach->run = run;
    g_free(text);
}

static void load_runs(struct tyto_teach *teach)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(gint));
    GDir *dir = g_dir_open(teach->dir, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir)) != NULL;) {
        guint64 number = 0;
        if (g_str_has_prefix(name, "run-") &&
            g_ascii_string_to_unsigned(name + 4, 10, 1, 1000000, &number, NULL)) {
            const gint run = (gint)number;
            g_array_append_val(numbers, run);
        }
    }
    if (dir)
        g_dir_close(dir);
    g_array_sort(numbers, by_number);
    for (guint i = 0; i < numbers->len; i++)
        load_run(teach, (uint32_t)g_array_index(numbers, gint, i));
    g_array_free(numbers, TRUE);
}

enum tyto_err tyto_teach_new(const struct tyto_teach_params *params, struct tyto_teach **ret_teach,
                             struct tyto_fault *ret_fault)
{
    char *dir = g_mkdir_with_parents(params->dir, 0750) == 0 ? realpath(params->dir, NULL) : NULL;
    if (!dir)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, params->dir, 0, "teach", "%s",
                              g_strerror(errno));
    struct tyto_teach *teach = g_new0(struct tyto_teach, 1);
    teach->params = params;
    teach->dir = dir;
    teach->notes = g_ptr_array_new_with_free_func(g_free);
    teach->epochs = g_array_new(FALSE, FALSE, sizeof(double));
    teach->results = g_ptr_array_new_with_free_func(free_json);
    load_runs(teach);
    *ret_teach = teach;
    return TYTO_OK;
}

void tyto_teach_free(struct tyto_teach *teach)
{
    if (!teach)
        return;
    tyto_child_free(teach->child);
    g_ptr_array_free(teach->notes, TRUE);
    g_array_free(teach->epochs, TRUE);
    g_ptr_array_free(teach->results, TRUE);
    free(teach->dir);
    g_free(teach);
}
