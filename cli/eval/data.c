/* SPDX-License-Identifier: MIT */
#include "cli/eval/data.h"

#include <stdio.h>
#include <string.h>

#include "cli/common/fault.h"
#include "files/safetensors.h"
#include "trainer/data/dataset_cache.h"

enum { MAX_SHOWN_FAULTS = 20 };

struct telling {
    struct tyto_eval_data *data;
    uint32_t num_faults;
};

static void print_fault(struct tyto_progress *progress, const char *what,
                        const struct tyto_fault *fault)
{
    tyto_progress_clear(progress);
    tyto_fault_list(what, fault);
}

static void on_label_fault(void *user, const struct tyto_fault *fault, bool is_error)
{
    struct telling *telling = user;

    if (is_error && telling->num_faults++ < MAX_SHOWN_FAULTS)
        print_fault(telling->data->progress, "", fault);
}

static void on_media_fault(void *user, const struct tyto_fault *fault, bool is_left_out)
{
    const struct telling *telling = user;

    print_fault(telling->data->progress, is_left_out ? "left out: " : "note: ", fault);
}

static void on_features(void *user, const struct tyto_features_progress *progress)
{
    const struct telling *telling = user;
    char before[64];

    snprintf(before, sizeof(before), "features of %u of %u recordings", progress->num_done,
             progress->num_files);
    tyto_progress_put(telling->data->progress, progress->done_s, progress->total_s, before, NULL);
}

static bool should_stop(void *user)
{
    const struct telling *telling = user;

    return telling->data->should_stop(telling->data->user);
}

enum tyto_err tyto_eval_data_labels(struct tyto_eval_data *data, bool needs_media,
                                    struct tyto_labels *ret_labels, struct tyto_fault *ret_fault)
{
    struct telling telling = {.data = data};
    const struct tyto_labels_params params = {
        .paths = data->label_paths,
        .num_paths = data->num_label_paths,
        .format = data->format,
        .media_dir = data->media_dir,
        .needs_media = needs_media,
        .user = &telling,
        .on_fault = on_label_fault,
    };
    const enum tyto_err err = tyto_labels_read(&params, ret_labels);

    if (err)
        return tyto_fault_set(ret_fault, err, data->label_paths[0], 0, NULL,
                              "the labels cannot be used: %s (tyto label check tells all)",
                              tyto_err_text(err));
    return TYTO_OK;
}

/* A head names its encoder by the digest of the file, or by that of its layout. */
static enum tyto_err check_encoder(const char *said, const char *digest, const char *path,
                                   const char *head_path, const char *key,
                                   struct tyto_fault *ret_fault)
{
    struct tyto_weights *file = NULL;
    bool fits = !said[0] || !digest[0] || strcmp(said, digest) == 0;

    if (!fits && path && tyto_weights_open(path, &file, NULL) == TYTO_OK) {
        const char *layout = tyto_weights_meta(file, "tyto.layout");

        fits = layout && strcmp(said, layout) == 0;
        tyto_weights_close(&file);
    }
    if (fits)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, head_path, 0, key,
                          "was trained with encoder %.12s..., the features are of %.12s...: say "
                          "with --models where its own encoders are",
                          said, digest);
}

static enum tyto_err check_labels(const struct tyto_eval_data *data,
                                  const struct tyto_cman_weights *head,
                                  const struct tyto_labels *labels, struct tyto_fault *ret_fault)
{
    for (uint32_t i = 0; i < labels->num_classes && !data->skips_unknown; i++) {
        if (tyto_cman_find_class(head, labels->classes[i]) == UINT32_MAX)
            return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, data->label_paths[0], 0,
                                  labels->classes[i],
                                  "is none of the model's %u classes: with --skip-unknown it is "
                                  "background",
                                  head->dims.num_classes);
    }
    return TYTO_OK;
}

static enum tyto_err open_labelled(struct tyto_eval_data *data,
                                   const struct tyto_cman_weights *head,
                                   struct tyto_dataset **ret_dataset, struct tyto_fault *ret_fault)
{
    struct telling telling = {.data = data};
    struct tyto_features_params features;
    struct tyto_labels labels = {0};
    enum tyto_err err = tyto_media_options_get(&data->media, &features, ret_fault);

    if (err)
        return err;
    features.user = &telling;
    features.on_progress = on_features;
    features.on_fault = on_media_fault;
    features.should_stop = should_stop;
    err = tyto_eval_data_labels(data, true, &labels, ret_fault);
    if (err)
        return err;
    const struct tyto_dataset_cache_params params = {
        .labels = &labels,
        .features = &features,
        .num_segments = head->dims.num_segments,
        .classes = (const char(*)[TYTO_DATASET_NAME_BYTES])head->classes,
        .num_classes = head->dims.num_classes,
        .skips_unknown = data->skips_unknown,
    };
    err = check_labels(data, head, &labels, ret_fault);
    if (!err)
        err = tyto_dataset_cache_open(&params, ret_dataset, ret_fault);
    tyto_progress_clear(data->progress);
    tyto_labels_finish(&labels);
    return err;
}

static enum tyto_err check_classes(const struct tyto_dataset *dataset,
                                   const struct tyto_cman_weights *head, const char *head_path,
                                   struct tyto_fault *ret_fault)
{
    if (dataset->shape.num_classes != head->dims.num_classes)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, head_path, 0, "tyto.classes",
                              "the model knows %u classes, the data has %u", head->dims.num_classes,
                              dataset->shape.num_classes);
    for (uint32_t k = 0; k < head->dims.num_classes; k++)
        if (strcmp(head->classes[k], dataset->classes[k]) != 0)
            return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, head_path, 0, "tyto.classes",
                                  "the model's class %u is %s, the data's is %s", k,
                                  head->classes[k], dataset->classes[k]);
    return TYTO_OK;
}

enum tyto_err tyto_eval_data_open(struct tyto_eval_data *data, const struct tyto_cman_weights *head,
                                  const char *head_path, struct tyto_dataset **ret_dataset,
                                  struct tyto_fault *ret_fault)
{
    const struct tyto_ave_params ave = {.dir = data->ave_dir, .split = data->split};
    struct tyto_dataset *dataset = NULL;
    const bool is_ave = data->ave_dir;
    enum tyto_err err = is_ave ? tyto_ave_open(&ave, &dataset, ret_fault)
                               : open_labelled(data, head, &dataset, ret_fault);

    if (err)
        return err;
    err = check_classes(dataset, head, head_path, ret_fault);
    if (!err)
        err = check_encoder(head->audio_encoder, dataset->audio_encoder,
                            is_ave ? NULL : data->media.paths.audio, head_path,
                            "tyto.encoders audio", ret_fault);
    if (!err)
        err = check_encoder(head->visual_encoder, dataset->visual_encoder,
                            is_ave ? NULL : data->media.paths.visual, head_path,
                            "tyto.encoders visual", ret_fault);
    if (err)
        tyto_dataset_destroy(&dataset);
    else
        *ret_dataset = dataset;
    return err;
}
