/* SPDX-License-Identifier: MIT */
/* The weights file as weights.c reads it. */
#include <math.h>
#include <stdlib.h>

#include "files/json.h"
#include "files/safetensors.h"
#include "model/cman/weights.h"

/* --- the metadata as JSON -------------------------------------------------------------------- */

/* Text of json, owned; destroys json. NULL when out of memory, or when is_whole is false. */
static char *finish(struct tyto_json *json, bool is_whole)
{
    char *text = is_whole ? tyto_json_print(json) : NULL;

    tyto_json_destroy(&json);
    return text;
}

static char *print_config(const struct tyto_cman_dims *dims)
{
    struct tyto_json *json = tyto_json_new_object();
    bool is_whole = json != NULL;

#define SET_DIM(name, max)                                                                         \
    is_whole = is_whole && tyto_json_set(json, #name, tyto_json_new_u64(dims->name));
    TYTO_CMAN_DIM_LIST(SET_DIM)
#undef SET_DIM
    is_whole = is_whole &&
               tyto_json_set(json, "look_ahead",
                             dims->look_ahead == UINT32_MAX ? tyto_json_new_null()
                                                            : tyto_json_new_u64(dims->look_ahead));
    is_whole =
        is_whole && tyto_json_set(json, "head", tyto_json_new_string(tyto_head_name(dims->head)));
    return finish(json, is_whole);
}

static char *print_classes(const struct tyto_cman_weights *weights)
{
    struct tyto_json *json = tyto_json_new_array();
    bool is_whole = json != NULL;

    for (uint32_t i = 0; i < weights->dims.num_classes && is_whole; i++)
        is_whole = tyto_json_append(json, tyto_json_new_string(weights->classes[i]));
    return finish(json, is_whole);
}

/* Of one task; NULL also where the weights say nothing of it. */
static char *print_thresholds(const struct tyto_cman_weights *weights, enum tyto_cman_task task)
{
    const float *thresholds = weights->thresholds + task * (size_t)weights->dims.num_classes;
    struct tyto_json *json = tyto_json_new_array();
    bool is_whole = json != NULL;

    for (uint32_t i = 0; i < weights->dims.num_classes && is_whole; i++) {
        const double value = round((double)thresholds[i] * 1e4) / 1e4; /* says enough */

        is_whole = value > 0 && tyto_json_append(json, tyto_json_new_f64(value));
    }
    return finish(json, is_whole);
}

static char *print_encoders(const struct tyto_cman_weights *weights)
{
    struct tyto_json *json = tyto_json_new_object();
    const bool is_whole =
        json && tyto_json_set(json, "audio", tyto_json_new_string(weights->audio_encoder)) &&
        tyto_json_set(json, "visual", tyto_json_new_string(weights->visual_encoder));

    return finish(json, is_whole);
}

/* --- the file -------------------------------------------------------------------------------- */

/* Those that are there; their number. */
static uint32_t list_tensors(const struct tyto_cman_weights *weights,
                             struct tyto_tensor ret_tensors[TYTO_CMAN_NUM_TENSORS])
{
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    uint32_t num = 0;

    tyto_cman_list_tensors(&weights->dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        if (weights->tensors[i])
            ret_tensors[num++] = (struct tyto_tensor){.name = infos[i].name,
                                                      .dtype = TYTO_DTYPE_F32,
                                                      .num_dims = infos[i].cols > 0 ? 2 : 1,
                                                      .dims = {infos[i].rows, infos[i].cols},
                                                      .data = weights->tensors[i]};
    return num;
}

enum { CONFIG, CLASSES, ENCODERS, THRESHOLDS, NUM_TEXTS = THRESHOLDS + TYTO_CMAN_NUM_TASKS };

enum tyto_err tyto_cman_weights_write(const char *path, const struct tyto_cman_weights *weights,
                                      const char *provenance, struct tyto_fault *ret_fault)
{
    const bool has_encoders = weights->audio_encoder[0] || weights->visual_encoder[0];
    char layout[TYTO_DIGEST_HEX_BYTES] = "";
    char *texts[NUM_TEXTS] = {
        [CONFIG] = print_config(&weights->dims),
        [CLASSES] = print_classes(weights),
        [ENCODERS] = print_encoders(weights),
    };
    struct tyto_tensor tensors[TYTO_CMAN_NUM_TENSORS];
    const uint32_t num_tensors = list_tensors(weights, tensors);
    struct tyto_meta metas[10] = {{"tyto.format", "head/1"},
                                  {"tyto.config", texts[CONFIG]},
                                  {"tyto.classes", texts[CLASSES]},
                                  {"tyto.layout", layout},
                                  {"tyto.provenance", provenance ? provenance : ""}};
    uint32_t num = 5;
    for (uint32_t task = 0; weights->thresholds && task < TYTO_CMAN_NUM_TASKS; task++)
        texts[THRESHOLDS + task] = print_thresholds(weights, (enum tyto_cman_task)task);
    const bool is_whole = texts[CONFIG] && texts[CLASSES] && texts[ENCODERS] &&
                          (texts[THRESHOLDS] || !weights->thresholds);
    enum tyto_err err = is_whole ? TYTO_OK : TYTO_ERR_NOMEM;

    for (uint32_t task = 0; task < TYTO_CMAN_NUM_TASKS; task++)
        if (texts[THRESHOLDS + task])
            metas[num++] =
                (struct tyto_meta){tyto_cman_threshold_names[task], texts[THRESHOLDS + task]};
    if (has_encoders)
        metas[num++] = (struct tyto_meta){"tyto.encoders", texts[ENCODERS]};
    if (weights->fusion != TYTO_CMAN_FUSION_CMAN)
        metas[num++] = (struct tyto_meta){"tyto.fusion", tyto_cman_fusion_name(weights->fusion)};
    if (!err)
        err = tyto_weights_layout(tensors, num_tensors, layout);
    if (!err)
        err = tyto_weights_write(path, tensors, num_tensors, metas, num, ret_fault);
    for (uint32_t i = 0; i < NUM_TEXTS; i++)
        free(texts[i]);
    return err;
}
