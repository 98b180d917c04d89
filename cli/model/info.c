/* SPDX-License-Identifier: MIT */
/* tyto model info: what stands in a weights file, of an encoder or a model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/common/fault.h"
#include "cli/common/options.h"
#include "cli/model/internal.h"
#include "cli/model/model.h"
#include "files/json.h"
#include "files/safetensors.h"
#include "model/paths/paths.h"
#include "options/common.h"

enum { FAILED = 1, LINE_CHARS = 80 };

static const char classes_key[] = "tyto.classes";

struct info_options {
    bool layers, only_classes, is_json;
    char *models_dir; /* owned */
};

#define AT(field) TYTO_OPTION_AT(struct info_options, field)
static const struct tyto_option info_rows[] = {
    {.key = "classes",
     .type = TYTO_OPTION_FLAG,
     AT(only_classes),
     .help = "of a model: the names of its classes, one a line, and nothing else"},
    {.key = "layers", .type = TYTO_OPTION_FLAG, AT(layers), .help = "of an encoder: each layer"},
    {.key = "json",
     .type = TYTO_OPTION_FLAG,
     AT(is_json),
     .help = "one JSON object: file, sha256, classes, metadata, tensors"},
    {.key = "models",
     .type = TYTO_OPTION_TEXT,
     AT(models_dir),
     .value = "DIR",
     .absent = "the installed ones",
     .help = "whose head.safetensors is told when no FILE is named"},
};
#undef AT
static const struct tyto_option_group info_groups[] = {
    {.rows = info_rows, .num_rows = TYTO_NUM_ROWS(info_rows)}};
static const struct tyto_command_argument file_arguments[] = {{"FILE", NULL}, {NULL, NULL}};

const struct tyto_command tyto_command_model_info = {
    .name = "tyto model info",
    .summary = "what stands in a weights file, of an encoder or a model: its classes",
    .usage = "tyto model info [FILE.safetensors] [--classes] [--layers] [--json]",
    .text =
        "Without FILE it is the installed model, which tytod takes when its configuration names "
        "no other.",
    .arguments = file_arguments,
    .groups = info_groups,
    .num_groups = 1,
    .examples = "tyto model info                            # the installed model\n"
                "tyto model info --classes                  # what it knows, a name a line\n"
                "tyto model info run/model.safetensors      # its classes, how it was trained\n"
                "tyto model info visual.safetensors --layers\n",
    .target_bytes = sizeof(struct info_options),
};

static int fail(const struct tyto_fault *fault)
{
    tyto_fault_tell("model", fault, TYTO_ERR_INTERNAL);
    return FAILED;
}

/* --- as text ---------------------------------------------------------------------------- */

void tyto_model_print_encoder(const struct tyto_encoder_file *file, const char *path)
{
    const struct tyto_graph *graph = &file->graph;
    const struct tyto_value *in = &graph->values[0], *out = &graph->values[graph->out_idx];
    uint64_t num_weights = 0;
    for (uint32_t i = 0; i < graph->num_layers; i++)
        num_weights += tyto_layer_num_weights(graph, &graph->layers[i]) +
                       tyto_layer_num_biases(graph, &graph->layers[i]);
    printf("%s: %s encoder, input %ux%ux%u, output %ux%ux%u, %u layers, %.2f M weights, %.0f M "
           "multiply-adds\n",
           path, tyto_encoder_kind_name(file->kind), in->h, in->w, in->c, out->h, out->w, out->c,
           graph->num_layers, (double)num_weights / 1e6, (double)tyto_graph_num_macs(graph) / 1e6);
}

static void print_tensor(const struct tyto_tensor *tensor)
{
    printf("  %-32s %-4s (", tensor->name, tyto_dtype_name(tensor->dtype));
    for (uint32_t i = 0; i < tensor->num_dims; i++)
        printf(i ? ", %llu" : "%llu", (unsigned long long)tensor->dims[i]);
    printf(")\n");
}

static void print_layer(const struct tyto_graph *graph, uint32_t idx)
{
    const struct tyto_layer *layer = &graph->layers[idx];
    const struct tyto_value *out = &graph->values[layer->out_idx];
    printf("  %3u %-10s v%u", idx, tyto_layer_op_name(layer->op), layer->in_idx[0]);
    for (uint32_t i = 1; i < tyto_layer_num_inputs(layer); i++)
        printf("+v%u", layer->in_idx[i]);
    printf(" -> v%u (%u,%u,%u)", layer->out_idx, out->h, out->w, out->c);
    if (layer->kernel_h)
        printf(" %ux%u/%ux%u pad %u,%u,%u,%u", layer->kernel_h, layer->kernel_w, layer->stride_h,
               layer->stride_w, layer->pad_top, layer->pad_left, layer->pad_bottom,
               layer->pad_right);
    if (layer->act != TYTO_ACT_NONE)
        printf(" %s", tyto_act_name(layer->act));
    if (layer->act == TYTO_ACT_LEAKY_RELU)
        printf("(%g)", (double)layer->act_slope);
    if (layer->has_clamp_min)
        printf(" max(%g)", (double)layer->clamp_min);
    printf("\n");
}

static void print_metas(const struct tyto_weights *weights, bool has_classes)
{
    for (uint32_t i = 0; i < tyto_weights_num_metas(weights); i++) {
        const struct tyto_meta *meta = tyto_weights_meta_at(weights, i);
        char text[201]; /* as much as fits a screen, and no control characters */
        if (has_classes && strcmp(meta->key, classes_key) == 0)
            continue; /* all of them stand above */
        tyto_text_clean(text, sizeof(text), meta->value);
        printf("  %-16s %s%s\n", meta->key, text,
               strlen(meta->value) > sizeof(text) - 1 ? "..." : "");
    }
}

/* Lines of names, or one a line. */
static void print_classes(const struct tyto_json *classes, bool is_list)
{
    const uint32_t num = tyto_json_num_items(classes);
    size_t column = 0;
    if (!is_list)
        printf("classes: %u", num);
    for (uint32_t i = 0; i < num; i++) {
        const char *name = tyto_json_string(tyto_json_at(classes, i));
        char text[128];
        tyto_text_clean(text, sizeof(text), name ? name : "?");
        const size_t len = strlen(text);
        if (is_list) {
            printf("%s\n", text);
            continue;
        }
        const bool is_new = i == 0 || column + 1 + len > LINE_CHARS;
        printf(is_new ? "\n  %s" : " %s", text);
        column = is_new ? 2 + len : column + 1 + len;
    }
    if (!is_list)
        printf("\n");
}

static int print_encoder(const char *path, bool layers)
{
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    if (tyto_encoder_file_read(path, &file, &fault))
        return fail(&fault);
    tyto_model_print_encoder(file, path);
    for (uint32_t i = 0; layers && i < file->graph.num_layers; i++)
        print_layer(&file->graph, i);
    tyto_encoder_file_destroy(&file);
    return 0;
}

static int print_text(const struct tyto_weights *weights, const struct tyto_json *classes,
                      const char *path, bool layers)
{
    const char *format = tyto_weights_meta(weights, "tyto.format");
    const bool is_encoder = format && strcmp(format, "encoder/1") == 0;
    char digest[TYTO_DIGEST_HEX_BYTES], shown[512];
    tyto_weights_digest(weights, digest);
    tyto_text_clean(shown, sizeof(shown), path);
    if (is_encoder) {
        const int status = print_encoder(path, layers);
        if (status)
            return status;
    } else {
        printf("%s\n", shown);
    }
    printf("sha256 %s\n", digest);
    if (classes)
        print_classes(classes, false);
    printf("metadata\n");
    print_metas(weights, classes != NULL);
    printf("tensors: %u\n", tyto_weights_num_tensors(weights));
    for (uint32_t i = 0; !is_encoder && i < tyto_weights_num_tensors(weights); i++)
        print_tensor(tyto_weights_tensor(weights, i));
    return 0;
}

/* --- as JSON ---------------------------------------------------------------------------- */

static struct tyto_json *tensor_json(const struct tyto_tensor *tensor)
{
    struct tyto_json *json = tyto_json_new_object(), *shape = tyto_json_new_array();
    for (uint32_t i = 0; i < tensor->num_dims; i++)
        tyto_json_push(&shape, tyto_json_new_u64(tensor->dims[i]));
    tyto_json_put(&json, "name", tyto_json_new_string(tensor->name));
    tyto_json_put(&json, "dtype", tyto_json_new_string(tyto_dtype_name(tensor->dtype)));
    tyto_json_put(&json, "shape", shape);
    return json;
}

static int print_json(const struct tyto_weights *weights, const struct tyto_json *classes,
                      const char *path)
{
    struct tyto_json *json = tyto_json_new_object(), *names = tyto_json_new_array();
    struct tyto_json *metas = tyto_json_new_object(), *tensors = tyto_json_new_array();
    char digest[TYTO_DIGEST_HEX_BYTES];
    tyto_weights_digest(weights, digest);
    for (uint32_t i = 0; i < tyto_json_num_items(classes); i++) {
        const char *name = tyto_json_string(tyto_json_at(classes, i));
        tyto_json_push(&names, tyto_json_new_string(name ? name : "?"));
    }
    for (uint32_t i = 0; i < tyto_weights_num_metas(weights); i++) {
        const struct tyto_meta *meta = tyto_weights_meta_at(weights, i);
        tyto_json_put(&metas, meta->key, tyto_json_new_string(meta->value));
    }
    for (uint32_t i = 0; i < tyto_weights_num_tensors(weights); i++)
        tyto_json_push(&tensors, tensor_json(tyto_weights_tensor(weights, i)));
    tyto_json_put(&json, "file", tyto_json_new_name(path));
    tyto_json_put(&json, "sha256", tyto_json_new_string(digest));
    tyto_json_put(&json, "classes", names);
    tyto_json_put(&json, "metadata", metas);
    tyto_json_put(&json, "tensors", tensors);
    char *text = json ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    if (!text) {
        const struct tyto_fault fault = {.text = ""};
        tyto_fault_tell("model", &fault, TYTO_ERR_NOMEM);
        return FAILED;
    }
    printf("%s\n", text);
    free(text);
    return 0;
}

/* --- the command ------------------------------------------------------------------------ */

static int print_info(const char *path, const struct info_options *options)
{
    struct tyto_weights *weights = NULL;
    struct tyto_json *classes = NULL;
    struct tyto_fault fault = {0};
    int status = 0;
    if (tyto_weights_open(path, &weights, &fault))
        return fail(&fault);
    const char *text = tyto_weights_meta(weights, classes_key);
    if (text && (tyto_json_parse(text, strlen(text), &classes, NULL, 0) != TYTO_OK ||
                 !tyto_json_is_array(classes)))
        tyto_json_destroy(&classes); /* shown below as it is */
    if (options->only_classes && !classes) {
        (void)tyto_fault_set(&fault, TYTO_ERR_NOT_FOUND, path, 0, classes_key,
                             "is not there: only a model knows classes, as head.safetensors does");
        status = fail(&fault);
    } else if (options->is_json) {
        status = print_json(weights, classes, path);
    } else if (options->only_classes) {
        print_classes(classes, true);
    } else {
        status = print_text(weights, classes, path, options->layers);
    }
    tyto_json_destroy(&classes);
    tyto_weights_close(&weights);
    return status;
}

int tyto_model_info(int argc, char **argv)
{
    const struct tyto_command *command = &tyto_command_model_info;
    struct info_options options = {0};
    struct tyto_model_paths paths = {0};
    struct tyto_fault fault = {0};
    int status = 0, num_files = 0;
    if (tyto_options_read(command, argc, argv, &options, &num_files, &status)) {
        if (num_files > 1)
            status = tyto_options_complain(command, "needs one file at most");
        else if (num_files == 1 && options.models_dir)
            status = tyto_options_complain(command, "FILE or --models, not both");
        else if (options.is_json && (options.layers || options.only_classes))
            status = tyto_options_complain(command, "--json tells all: --classes and --layers do "
                                                    "not go with it");
        else if (num_files == 1)
            status = print_info(argv[1], &options);
        else if (tyto_model_paths_find(options.models_dir, &paths, &fault) != TYTO_OK)
            status = fail(&fault);
        else
            status = print_info(paths.head, &options);
    }
    tyto_command_finish(command, &options);
    return status;
}
