/* SPDX-License-Identifier: MIT */
/* tyto adapt: the head learns a camera's own clips, new classes too, and keeps what it knew. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/media.h"
#include "cli/common/options.h"
#include "cli/common/progress.h"
#include "cli/event/json.h"
#include "cli/learn/learn.h"
#include "client/control/ask.h"
#include "files/replace.h"
#include "options/common.h"
#include "trainer/adapt/adapt.h"
#include "trainer/data/dataset_cache.h"
#include "trainer/data/kept.h"

enum {
    INTERRUPTED = 130,
    MAX_SHOWN_FAULTS = 20,
    KEPT_VAL_EVERY = 4,   /* of kept clips one in so many is measured on, not learnt from */
    CAMERA_VAL_EVERY = 5, /* of the camera's recordings, where there are MIN_RECORDINGS */
    MIN_RECORDINGS = 10,
    PATH_BYTES = 4096,
};

struct adapt {
    struct tyto_texts labels; /* owned, like the next ones */
    char *media_dir, *out, *head, *socket, *kept, *keep;
    struct tyto_media_options media;
    uint32_t rounds;
    double rehearse, hold, keep_mib;
    bool overwrites, without_progress, is_json;
    struct tyto_progress progress;
    uint32_t num_faults;
    struct tyto_cman_weights weights; /* of the head */
    char head_path[PATH_BYTES], kept_path[PATH_BYTES];
    char (*classes)[TYTO_DATASET_NAME_BYTES]; /* owned: the head's, then the new ones */
    uint32_t num_classes;
};

/* --- options --------------------------------------------------------------------------------- */

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct adapt, field)
static const struct tyto_option own_rows[] = {
    {.key = "labels", .type = TYTO_OPTION_TEXTS, AT(labels), .max = 64, .is_place = true,
     .value = "FILE", .is_needed = true,
     .help = "what is true of the camera's clips; may be given again"},
    {.key = "media", .type = TYTO_OPTION_TEXT, AT(media_dir), .is_place = true, .value = "DIR",
     .absent = "beside the labels", .help = "where the clips are"},
    {.key = "out", .type = TYTO_OPTION_TEXT, AT(out), .is_place = true, .value = "RUN",
     .help = "the folder of the new head"},
    {.key = "head", .type = TYTO_OPTION_TEXT, AT(head), .is_place = true, .value = "FILE",
     .absent = "what tytod serves, else the installed one", .help = "the head to begin with"},
    {.key = "socket", .type = TYTO_OPTION_TEXT, AT(socket), .is_place = true, .value = "PATH",
     .absent = "in the user's run-time folder, else /run/tyto/control.sock",
     .help = "control socket of the tytod that is asked what it serves; off: none is"},
    {.key = "kept", .type = TYTO_OPTION_TEXT, AT(kept), .is_place = true, .value = "FILE",
     .absent = "kept.safetensors beside the head, else beside the installed one", .help = "clips of what the head knows"},
};
static const struct tyto_option learning_rows[] = {
    {.key = "rounds", .type = TYTO_OPTION_U32, AT(rounds), .min = 1, .max = 1000,
     .help = "of five steps each; some twelve are all that it takes"},
    {.key = "rehearse", .type = TYTO_OPTION_F64, AT(rehearse), .min = 0, .max = 1e6,
     .help = "weight of the kept clips beside the camera's: the more, the less changes elsewhere"},
    {.key = "hold", .type = TYTO_OPTION_F64, AT(hold), .min = 1e-6, .max = 1e3,
     .help = "how much the last layer is held to what it was"},
    {.key = "overwrite", .type = TYTO_OPTION_FLAG, AT(overwrites),
     .help = "begin anew in a folder that holds a run"},
    {.key = "json", .letter = 'j', .type = TYTO_OPTION_FLAG, AT(is_json),
     .help = "JSON lines instead of text: what is done, each epoch, the figures"},
    TYTO_OPTION_NO_PROGRESS(struct adapt, without_progress),
};
static const struct tyto_option keep_rows[] = {
    {.key = "keep", .type = TYTO_OPTION_TEXT, AT(keep), .is_place = true, .value = "FILE",
     .help = "instead: choose clips of these labels, on which the head was trained, and write them "
             "to FILE, for --kept"},
    {.key = "keep_mib", .type = TYTO_OPTION_F64, AT(keep_mib), .min = 0.01, .max = 1024,
     .unit = "MiB", .help = "so large"},
};
#undef AT
/* clang-format on */

static const struct tyto_option_group groups[] = {
    {.title = "Options", .rows = own_rows, .num_rows = TYTO_NUM_ROWS(own_rows)},
    {.title = "Learning", .rows = learning_rows, .num_rows = TYTO_NUM_ROWS(learning_rows)},
    {.title = "Features",
     .rows = tyto_media_rows,
     .num_rows = TYTO_MEDIA_NUM_OPTIONS,
     .offset = offsetof(struct adapt, media)},
    {.title = "What the head knows", .rows = keep_rows, .num_rows = TYTO_NUM_ROWS(keep_rows)},
};

static enum tyto_err init_adapt(void *target)
{
    struct adapt *adapt = target;
    adapt->media.num_jobs = TYTO_FEATURES_DEFAULT_JOBS;
    adapt->rounds = 12;
    adapt->rehearse = 5;
    adapt->hold = 0.0015;
    adapt->keep_mib = 4;
    return TYTO_OK;
}

const struct tyto_command tyto_command_adapt = {
    .name = "tyto adapt",
    .summary = "teach the head a camera of your own, new classes too",
    .usage = "tyto adapt --labels FILE --out RUN [OPTION...]\n"
             "tyto adapt --labels FILE --keep KEPT [OPTION...]",
    .text =
        "Some twenty corrected clips do. The head that a running tytod serves, or the installed "
        "one, goes on learning: its last layer alone, from these clips, from a small set of "
        "what it knew, of which it must go on to say what it said, and held to what it was. So "
        "it does not forget, and thresholds stay. The result does not depend on a seed.",
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes = "Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
    .examples =
        "tyto adapt --labels corrected.csv --media clips/ --out yard\n"
        "tyto model push yard/model.safetensors\n"
        "tyto adapt --head run/model.safetensors --labels train.csv --keep kept.safetensors\n",
    .target_bytes = sizeof(struct adapt),
    .init = init_adapt,
};

/* --- what is printed ------------------------------------------------------------------------- */

/* {"type": type}; NULL: lines are for people. */
static struct tyto_json *new_line(const struct adapt *adapt, const char *type)
{
    struct tyto_json *json = adapt->is_json ? tyto_json_new_object() : NULL;
    if (json)
        tyto_json_set(json, "type", tyto_json_new_string(type));
    return json;
}

/* Takes the line. */
static void put_line(struct tyto_json *json)
{
    (void)tyto_json_put_line(&json);
    (void)fflush(stdout);
}

/* How much of one of the two parts of the work is done. */
static void put_work(const struct adapt *adapt, const char *what, double done, double total)
{
    struct tyto_json *json = new_line(adapt, "work");
    if (!json)
        return;
    tyto_json_set(json, "what", tyto_json_new_string(what));
    tyto_json_set(json, "share", tyto_json_new_f64(total > 0 ? fmin(1, done / total) : 0));
    put_line(json);
}

/* A sentence for people, as it is or as a line of JSON. */
static void say(struct adapt *adapt, const char *text)
{
    struct tyto_json *json = new_line(adapt, "note");
    tyto_progress_clear(&adapt->progress);
    if (json) {
        tyto_json_set(json, "text", tyto_json_new_name(text));
        put_line(json);
        return;
    }
    printf("%s\n", text);
    (void)fflush(stdout);
}

static void on_label_fault(void *user, const struct tyto_fault *fault, bool is_error)
{
    struct adapt *adapt = user;
    if (adapt->num_faults++ < MAX_SHOWN_FAULTS)
        tyto_fault_list(is_error ? "" : "note: ", fault);
}

static void on_media_fault(void *user, const struct tyto_fault *fault, bool is_left_out)
{
    struct adapt *adapt = user;
    tyto_progress_clear(&adapt->progress);
    tyto_fault_list(is_left_out ? "left out: " : "note: ", fault);
}

static void on_features(void *user, const struct tyto_features_progress *progress)
{
    struct adapt *adapt = user;
    tyto_progress_put(&adapt->progress, progress->done_s, progress->total_s, "features", NULL);
    put_work(adapt, "features", progress->done_s, progress->total_s);
}

static void on_round(void *user, const struct tyto_adapt_round *round)
{
    struct tyto_json *json = new_line(user, "epoch");
    if (!json)
        return;
    tyto_json_set(json, "epoch", tyto_json_new_u64(round->round));
    tyto_json_set(json, "loss", tyto_json_new_f64(round->loss));
    tyto_json_set(json, "held_back_loss", tyto_json_new_f64(round->held_back_loss));
    tyto_json_set(json, "map", tyto_json_new_f64(round->held_back_map));
    put_line(json);
}

static void on_work(void *user, double share)
{
    struct adapt *adapt = user;
    tyto_progress_put(&adapt->progress, share, 1, "learning", NULL);
    put_work(adapt, "learning", share, 1);
}

/* --- data ------------------------------------------------------------------------------------- */

/* The head's classes, and those of the labels that it does not have. */
static enum tyto_err name_classes(struct adapt *adapt, const struct tyto_labels *labels)
{
    const uint32_t olds = adapt->weights.dims.num_classes;
    adapt->classes = calloc((size_t)olds + labels->num_classes, sizeof(*adapt->classes));
    if (!adapt->classes)
        return TYTO_ERR_NOMEM;
    for (uint32_t k = 0; k < olds; k++)
        memcpy(adapt->classes[k], adapt->weights.classes[k], sizeof(*adapt->classes));
    adapt->num_classes = olds;
    for (uint32_t i = 0; i < labels->num_classes; i++) {
        uint32_t k = 0;
        while (k < adapt->num_classes && strcmp(adapt->classes[k], labels->classes[i]) != 0)
            k++;
        if (k == adapt->num_classes) {
            char text[TYTO_DATASET_NAME_BYTES + 16];
            snprintf(text, sizeof(text), "new class: %s", labels->classes[i]);
            say(adapt, text);
            memcpy(adapt->classes[adapt->num_classes++], labels->classes[i],
                   sizeof(*adapt->classes));
        }
    }
    return TYTO_OK;
}

static enum tyto_err read_labels(struct adapt *adapt, struct tyto_labels *ret_labels,
                                 struct tyto_fault *ret_fault)
{
    const struct tyto_labels_params params = {
        .paths = (const char *const *)adapt->labels.texts,
        .num_paths = adapt->labels.num,
        .media_dir = adapt->media_dir,
        .needs_media = true,
        .user = adapt,
        .on_fault = on_label_fault,
    };
    const enum tyto_err err = tyto_labels_read(&params, ret_labels);
    if (err)
        return tyto_fault_set(ret_fault, err, adapt->labels.texts[0], 0, NULL,
                              "the labels cannot be used: %s (tyto label check shows all)",
                              tyto_err_text(err));
    return TYTO_OK;
}

static enum tyto_err open_camera(struct adapt *adapt, struct tyto_dataset **ret_data,
                                 struct tyto_fault *ret_fault)
{
    const struct tyto_cman_dims *dims = &adapt->weights.dims;
    struct tyto_features_params features;
    struct tyto_labels labels = {0};
    enum tyto_err err = tyto_media_options_get(&adapt->media, &features, ret_fault);
    if (!err)
        err = read_labels(adapt, &labels, ret_fault);
    if (!err)
        err = name_classes(adapt, &labels);
    if (err) {
        tyto_labels_finish(&labels);
        return err;
    }
    features.user = adapt;
    features.on_progress = on_features;
    features.on_fault = on_media_fault;
    features.should_stop = tyto_interrupt_should_stop;
    const struct tyto_dataset_cache_params params = {
        .labels = &labels,
        .features = &features,
        .num_segments = dims->num_segments,
        .classes = (const char(*)[TYTO_DATASET_NAME_BYTES])adapt->classes,
        .num_classes = adapt->num_classes,
    };
    err = tyto_dataset_cache_open(&params, ret_data, ret_fault);
    tyto_progress_clear(&adapt->progress);
    tyto_labels_finish(&labels);
    if (err)
        return err;
    const struct tyto_dataset_shape *shape = &(*ret_data)->shape;
    if (shape->audio_in != dims->audio_in || shape->visual_in != dims->visual_in ||
        shape->num_places != dims->num_places)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, adapt->head_path, 0, NULL,
                              "was trained with other encoders: name its own by --models");
    return TYTO_OK;
}

static uint32_t num_groups(const struct tyto_dataset *data)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < data->shape.num_clips; i++)
        most = data->groups[i] > most ? data->groups[i] : most;
    return most + 1;
}

/* --- learning --------------------------------------------------------------------------------- */

static void print_figures(const char *name, const double f1[2])
{
    if (!isnan(f1[0]))
        printf("%s: F1 of segments %.3f before, %.3f after\n", name, f1[0], f1[1]);
}

static void tell_figures(const struct adapt *adapt, const struct tyto_adapt_figures *figures,
                         const char *path)
{
    struct tyto_json *json = new_line(adapt, "done");
    const double *const values[] = {figures->camera, figures->kept};
    static const char *const names[] = {"camera", "kept"};
    if (!json) {
        print_figures("clips of the camera that were not learnt from", figures->camera);
        print_figures("kept clips that were not learnt from", figures->kept);
        printf("%s is written; tyto model push brings it into a running tytod\n", path);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        struct tyto_json *pair = tyto_json_new_array();
        for (size_t k = 0; k < 2; k++)
            (void)tyto_json_append(pair, tyto_json_new_f64(values[i][k]));
        tyto_json_set(json, names[i], isnan(values[i][0]) ? tyto_json_new_null() : pair);
        if (isnan(values[i][0]))
            tyto_json_destroy(&pair);
    }
    tyto_json_set(json, "path", tyto_json_new_name(path));
    put_line(json);
}

/* What the head was made of, for people. */
static void write_card(const struct adapt *adapt, const struct tyto_dataset *camera,
                       const struct tyto_adapt_figures *figures)
{
    char path[PATH_BYTES + 32], text[8192];
    const double *const values[] = {figures->camera, figures->kept};
    static const char *const names[] = {"clips of the camera", "kept clips"};
    int num =
        snprintf(text, sizeof(text),
                 "# Model card\n\n%s (%.12s) learnt a camera: `tyto adapt`, %u clips, rehearse "
                 "%g, hold %g, %u rounds. Only its last layer and the maps straight to the "
                 "scores differ.\n\n",
                 adapt->head_path, adapt->weights.digest, camera->shape.num_clips, adapt->rehearse,
                 adapt->hold, adapt->rounds);
    for (uint32_t k = adapt->weights.dims.num_classes;
         k < adapt->num_classes && num < (int)sizeof(text) - 256; k++)
        num += snprintf(text + num, sizeof(text) - (size_t)num, "- new class: %s\n",
                        adapt->classes[k]);
    for (size_t i = 0; i < 2; i++)
        if (!isnan(values[i][0]) && num < (int)sizeof(text) - 256)
            num += snprintf(text + num, sizeof(text) - (size_t)num,
                            "- F1 of seconds of %s, measured while they were not learnt from: %.3f "
                            "before, %.3f after\n",
                            names[i], values[i][0], values[i][1]);
    snprintf(path, sizeof(path), "%s/model-card.md", adapt->out);
    if (tyto_replace_all(path, 0644, text, strlen(text)) != TYTO_OK)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
}

static enum tyto_err adapt_head(struct adapt *adapt, struct tyto_dataset *camera,
                                struct tyto_dataset *kept, struct tyto_fault *ret_fault)
{
    char path[PATH_BYTES + 32], text[PATH_BYTES + 96];
    struct tyto_adapt_figures figures;
    const struct tyto_adapt_params params = {
        .head = &adapt->weights,
        .kept = kept,
        .camera = camera,
        .kept_hold_back = KEPT_VAL_EVERY,
        .camera_hold_back = num_groups(camera) >= MIN_RECORDINGS ? CAMERA_VAL_EVERY : 0,
        .rehearse = adapt->rehearse,
        .hold = adapt->hold,
        .num_rounds = adapt->rounds,
        .user = adapt,
        .on_round = on_round,
        .on_work = on_work,
        .should_stop = tyto_interrupt_should_stop,
    };
    snprintf(text, sizeof(text), "learning from %u clips, and %u kept ones; it begins with %s",
             camera->shape.num_clips, kept->shape.num_clips, adapt->head_path);
    say(adapt, text);
    snprintf(path, sizeof(path), "%s/model.safetensors", adapt->out);
    const enum tyto_err err = tyto_adapt(&params, path, &figures, ret_fault);
    tyto_progress_clear(&adapt->progress);
    if (err)
        return err;
    write_card(adapt, camera, &figures);
    tell_figures(adapt, &figures, path);
    return TYTO_OK;
}

/* --- running -----------------------------------------------------------------------------------
 */

/* Where tytod has read what it serves, as long as the file is still that; false: nobody serves
 * anything, or it cannot be had. */
static bool ask_head(struct adapt *adapt)
{
    static const char *const places[] = {"path", "starts_with"};
    struct tyto_json *request = tyto_json_new_object(), *answer = NULL;
    struct tyto_fault fault;
    bool is_found = false;
    if (adapt->socket && strcmp(adapt->socket, "off") == 0) {
        tyto_json_destroy(&request);
        return false;
    }
    tyto_json_set(request, "command", tyto_json_new_string("status"));
    const enum tyto_err err = tyto_ask_daemon(adapt->socket, request, &answer, &fault);
    const struct tyto_json *model = tyto_json_get(answer, "model");
    const char *digest = tyto_json_string(tyto_json_get(model, "digest"));
    for (size_t i = 0; i < 2 && !err && digest && !is_found; i++) {
        const char *path = tyto_json_string(tyto_json_get(model, places[i]));
        struct tyto_cman_weights weights;
        if (!path || tyto_cman_weights_load(path, &weights, &fault) != TYTO_OK)
            continue;
        is_found = strcmp(weights.digest, digest) == 0 &&
                   snprintf(adapt->head_path, PATH_BYTES, "%s", path) < PATH_BYTES;
        tyto_cman_weights_finish(&weights);
    }
    tyto_json_destroy(&request);
    tyto_json_destroy(&answer);
    return is_found;
}

static bool beside(const char *path, char ret_path[PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    return snprintf(ret_path, PATH_BYTES, "%.*skept.safetensors",
                    slash ? (int)(slash + 1 - path) : 0, path) < PATH_BYTES;
}

static enum tyto_err find_head(struct adapt *adapt, struct tyto_fault *ret_fault)
{
    struct tyto_model_paths *paths = calloc(1, sizeof(*paths)); /* big */
    enum tyto_err err = paths ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err && adapt->head)
        snprintf(paths->head, sizeof(paths->head), "%s", adapt->head);
    if (!err)
        err = tyto_model_paths_find(adapt->media.models_dir, paths, ret_fault);
    if (!err && (adapt->head || adapt->keep || !ask_head(adapt)))
        snprintf(adapt->head_path, sizeof(adapt->head_path), "%s", paths->head);
    /* What is pushed or in a run's folder has no kept clips beside it. */
    if (!err && adapt->kept)
        snprintf(adapt->kept_path, sizeof(adapt->kept_path), "%s", adapt->kept);
    else if (!err &&
             (!beside(adapt->head_path, adapt->kept_path) || access(adapt->kept_path, R_OK) != 0))
        err = beside(adapt->head ? paths->visual : paths->head, adapt->kept_path)
                  ? TYTO_OK
                  : TYTO_ERR_INVALID;
    free(paths);
    return err ? err : tyto_cman_weights_load(adapt->head_path, &adapt->weights, ret_fault);
}

static enum tyto_err keep(struct adapt *adapt, struct tyto_dataset *data,
                          struct tyto_fault *ret_fault)
{
    const struct tyto_kept_params params = {
        .head = &adapt->weights,
        .dataset = data,
        .max_bytes = (uint64_t)(adapt->keep_mib * 1048576),
        .should_stop = tyto_interrupt_should_stop,
    };
    uint32_t num = 0;
    const enum tyto_err err = tyto_kept_write(adapt->keep, &params, &num, ret_fault);
    if (!err)
        printf("%s: %u of %u clips\n", adapt->keep, num, data->shape.num_clips);
    return err;
}

static enum tyto_err make_dir(const struct adapt *adapt, struct tyto_fault *ret_fault)
{
    char path[PATH_BYTES + 32];
    snprintf(path, sizeof(path), "%s/model.safetensors", adapt->out);
    if (!adapt->overwrites && access(path, F_OK) == 0)
        return tyto_fault_set(
            ret_fault, TYTO_ERR_EXISTS, adapt->out, 0, NULL,
            "holds a run already: --overwrite begins anew, or give another --out");
    if (tyto_folder_make(adapt->out, 0777) != TYTO_OK)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, adapt->out, 0, NULL, "cannot be made");
    return TYTO_OK;
}

static enum tyto_err run(struct adapt *adapt, struct tyto_fault *ret_fault)
{
    struct tyto_dataset *camera = NULL, *kept_clips = NULL;
    enum tyto_err err = find_head(adapt, ret_fault);
    if (!err && adapt->weights.dims.head != TYTO_HEAD_MULTI_LABEL)
        err = tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, adapt->head_path, 0, "head",
                             "only a head that tells heard, seen and both can be adapted");
    if (!err && !adapt->keep)
        err = make_dir(adapt, ret_fault);
    if (!err)
        err = open_camera(adapt, &camera, ret_fault);
    if (!err && adapt->keep && adapt->num_classes > adapt->weights.dims.num_classes)
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, adapt->labels.texts[0], 0,
                             adapt->classes[adapt->weights.dims.num_classes],
                             "is none of the head's classes: keep what it was trained on");
    if (!err && adapt->keep) {
        err = keep(adapt, camera, ret_fault);
        tyto_dataset_destroy(&camera);
        return err;
    }
    if (!err)
        err = tyto_kept_open(adapt->kept_path, &adapt->weights,
                             (const char(*)[TYTO_DATASET_NAME_BYTES])adapt->classes,
                             adapt->num_classes, &kept_clips, ret_fault);
    if (!err)
        err = adapt_head(adapt, camera, kept_clips, ret_fault);
    tyto_dataset_destroy(&camera);
    tyto_dataset_destroy(&kept_clips);
    return err;
}

int tyto_cmd_adapt(int argc, char **argv)
{
    static struct adapt adapt; /* big: paths */
    struct tyto_fault fault = {0};
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_adapt, argc, argv, &adapt, &num_arguments, &status)) {
        if (num_arguments > 0 || adapt.labels.num == 0 || !adapt.out == !adapt.keep) {
            status = tyto_options_complain(&tyto_command_adapt,
                                           "needs --labels FILE, and --out RUN or --keep FILE");
        } else {
            tyto_interrupt_catch(INTERRUPTED);
            tyto_progress_init(&adapt.progress, !adapt.without_progress);
            const enum tyto_err err = run(&adapt, &fault);
            tyto_progress_clear(&adapt.progress);
            if (err && err != TYTO_ERR_CLOSED)
                tyto_fault_tell("adapt", &fault, err);
            status = !err ? 0 : err == TYTO_ERR_CLOSED ? INTERRUPTED : 1;
        }
    }
    if (adapt.weights.dims.num_classes > 0)
        tyto_cman_weights_finish(&adapt.weights);
    free(adapt.classes);
    tyto_command_finish(&tyto_command_adapt, &adapt);
    return status;
}
