/* SPDX-License-Identifier: MIT */
/* tyto model import: an encoder from a TFLite or ONNX file.
 * tyto model info: what stands in a weights file, of an encoder or a head. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cmd/cmd.h"
#include "cli/common/fault.h"
#include "files/safetensors.h"
#include "model/graph/file.h"
#include "model/import/import.h"

static const char help[] =
    "tyto model: bring networks in, and look into weights files.\n\n"
    "usage: tyto model import FILE.{tflite,onnx} -o OUT.safetensors [OPTION...]\n"
    "       tyto model info FILE.safetensors [--layers]\n"
    "       tyto model push FILE.safetensors       (tyto model push --help)\n\n"
    "import turns an encoder into a file that tytod and tyto localize take:\n"
    "  -o, --out FILE          where to write it (needed)\n"
    "      --kind KIND         visual, audio or generic (default generic)\n"
    "      --output NAME       stop at this tensor; a part of its name will do; up to four\n"
    "      --input-tensor NAME begin at this tensor\n"
    "      --input HxW         another input size than the file's\n"
    "      --mean A[,B,C]      visual: x = (pixel - mean) * scale, pixel 0..255;\n"
    "      --scale A[,B,C]     default mean 127.5, scale 1/127.5\n"
    "      --letterbox         visual: pictures keep their shape, with stripes beside them; the\n"
    "                          last column of the features says where the picture is\n"
    "      --detector NAMES    visual: the outputs are features, class scores and boxes of an\n"
    "                          SSD; NAMES has the classes, one a line, ??? for the background\n"
    "      --frontend FILE     audio: take window, mel bands and logarithm from this file\n"
    "      --pcm-scale X       audio: samples in [-1,1] times X first\n"
    "      --post-scale X      audio: after the logarithm, times X\n"
    "      --post-shift X      audio: and then plus X\n"
    "      --patch-hop N       audio: frames between patches; with a front end in decibels\n"
    "                          these are 32768, 0.1, 2 and 8 (openWakeWord's), else 1, 1, 0\n"
    "                          and half a patch (YAMNet's)\n"
    "      --license TEXT      noted in the file\n"
    "      --help              this text\n\n"
    "examples:\n"
    "  tyto model import mobilenet_v2.onnx --kind visual -o visual.safetensors\n"
    "  tyto model import ssd.tflite --kind visual --input 224x224 \\\n"
    "       --output Conv_1/Relu6 -o visual.safetensors\n"
    "  tyto model import embedding_model.onnx --kind audio \\\n"
    "       --frontend melspectrogram.onnx -o audio.safetensors\n"
    "  tyto model import yamnet.tflite --kind audio --frontend yamnet.tflite \\\n"
    "       --output reduce_mean -o audio.safetensors\n"
    "  tyto model info visual.safetensors --layers\n";

enum { FAILED = 1, WRONG_USAGE = 2, MAX_NAMES_BYTES = 16384 };

struct import_options {
    struct tyto_import_params params;
    enum tyto_encoder_kind kind;
    const char *out, *frontend, *license;
    const char *names; /* file of the detector's classes */
    double mean[3], scale[3];
    double pcm_scale, post_scale, post_shift;
    uint32_t patch_hop;
};

static int usage_error(const char *what, const char *value)
{
    fprintf(stderr, "tyto model: %s%s%s; see tyto model --help\n", what, value ? ": " : "",
            value ? value : "");
    return WRONG_USAGE;
}

static int fault_error(const struct tyto_fault *fault)
{
    tyto_fault_tell("model", fault, TYTO_ERR_INTERNAL);
    return FAILED;
}

static bool read_number(const char *text, double *ret_value)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

/* One number for all three, or three. */
static bool read_three(const char *text, double ret_values[3])
{
    double values[3];
    for (int i = 0; i < 3; i++) {
        char *end;
        values[i] = strtod(text, &end);
        if (end == text || !isfinite(values[i]))
            return false;
        if (i == 0 && !*end) {
            ret_values[0] = ret_values[1] = ret_values[2] = values[0];
            return true;
        }
        if (*end != (i < 2 ? ',' : '\0'))
            return false;
        text = end + 1;
    }
    memcpy(ret_values, values, sizeof(values));
    return true;
}

static bool read_size(const char *text, uint32_t *ret_h, uint32_t *ret_w)
{
    char *end;
    const unsigned long h = strtoul(text, &end, 10);
    if (end == text || *end != 'x')
        return false;
    text = end + 1;
    const unsigned long w = strtoul(text, &end, 10);
    if (end == text || *end || h < 1 || w < 1 || h > TYTO_GRAPH_MAX_DIM || w > TYTO_GRAPH_MAX_DIM)
        return false;
    *ret_h = (uint32_t)h;
    *ret_w = (uint32_t)w;
    return true;
}

static bool read_kind(const char *text, enum tyto_encoder_kind *ret_kind)
{
    for (int i = 0; i < TYTO_ENCODER_NUM_KINDS; i++)
        if (strcmp(text, tyto_encoder_kind_name((enum tyto_encoder_kind)i)) == 0) {
            *ret_kind = (enum tyto_encoder_kind)i;
            return true;
        }
    return false;
}

/* The first is the features'. */
static bool add_output(const char *name, struct tyto_import_params *params)
{
    if (!params->output_name)
        params->output_name = name;
    else if (params->num_more_outputs < TYTO_GRAPH_MAX_OUTS - 1)
        params->more_output_names[params->num_more_outputs++] = name;
    else
        return false;
    return true;
}

/* --- import ---------------------------------------------------------------------------- */

enum option_id {
    OPT_KIND = 256,
    OPT_OUTPUT,
    OPT_INPUT_TENSOR,
    OPT_INPUT,
    OPT_MEAN,
    OPT_SCALE,
    OPT_FRONTEND,
    OPT_PCM_SCALE,
    OPT_POST_SCALE,
    OPT_POST_SHIFT,
    OPT_PATCH_HOP,
    OPT_LICENSE,
    OPT_DETECTOR,
    OPT_LETTERBOX,
};

static const struct option import_long[] = {
    {"out", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {"kind", required_argument, NULL, OPT_KIND},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"input-tensor", required_argument, NULL, OPT_INPUT_TENSOR},
    {"input", required_argument, NULL, OPT_INPUT},
    {"mean", required_argument, NULL, OPT_MEAN},
    {"scale", required_argument, NULL, OPT_SCALE},
    {"frontend", required_argument, NULL, OPT_FRONTEND},
    {"pcm-scale", required_argument, NULL, OPT_PCM_SCALE},
    {"post-scale", required_argument, NULL, OPT_POST_SCALE},
    {"post-shift", required_argument, NULL, OPT_POST_SHIFT},
    {"patch-hop", required_argument, NULL, OPT_PATCH_HOP},
    {"license", required_argument, NULL, OPT_LICENSE},
    {"detector", required_argument, NULL, OPT_DETECTOR},
    {"letterbox", no_argument, NULL, OPT_LETTERBOX},
    {NULL, 0, NULL, 0},
};

static bool read_option(int opt, const char *arg, struct import_options *options)
{
    double number;
    switch (opt) {
    case 'o':
        options->out = arg;
        return true;
    case OPT_KIND:
        return read_kind(arg, &options->kind);
    case OPT_OUTPUT:
        return add_output(arg, &options->params);
    case OPT_INPUT_TENSOR:
        options->params.input_name = arg;
        return true;
    case OPT_INPUT:
        return read_size(arg, &options->params.input_h, &options->params.input_w);
    case OPT_MEAN:
        return read_three(arg, options->mean);
    case OPT_SCALE:
        return read_three(arg, options->scale);
    case OPT_FRONTEND:
        options->frontend = arg;
        return true;
    case OPT_PCM_SCALE:
        return read_number(arg, &options->pcm_scale);
    case OPT_POST_SCALE:
        return read_number(arg, &options->post_scale);
    case OPT_POST_SHIFT:
        return read_number(arg, &options->post_shift);
    case OPT_PATCH_HOP:
        if (!read_number(arg, &number) || number < 1 || number > 65536)
            return false;
        options->patch_hop = (uint32_t)number;
        return true;
    case OPT_LICENSE:
        options->license = arg;
        return true;
    case OPT_DETECTOR:
        options->names = arg;
        return true;
    case OPT_LETTERBOX:
        options->params.letterbox = true;
        return true;
    default:
        return false;
    }
}

static void print_summary(const struct tyto_encoder_file *file, const char *path)
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

static float given_or(double given, double missing)
{
    return (float)(isnan(given) ? missing : given);
}

/* What a front end's file does not say. */
static void scale_frontend(struct tyto_frontend *front, const struct import_options *options)
{
    const bool decibels = front->form == TYTO_LOG_FORM_DB_POWER;
    const uint32_t half = (front->num_frames + 1) / 2;
    front->pcm_scale = given_or(options->pcm_scale, decibels ? 32768 : 1);
    front->post_scale = given_or(options->post_scale, decibels ? 0.1 : 1);
    front->post_shift = given_or(options->post_shift, decibels ? 2 : 0);
    front->frames_hop = options->patch_hop ? options->patch_hop : decibels ? 8 : half;
}

static enum tyto_err complete(struct tyto_encoder_file *file, const struct import_options *options,
                              struct tyto_fault *fault)
{
    file->kind = options->kind;
    snprintf(file->license, sizeof(file->license), "%s", options->license ? options->license : "");
    if (options->kind == TYTO_ENCODER_VISUAL) {
        if (file->graph.values[0].c != (file->fit == TYTO_FIT_LETTERBOX ? 4 : 3))
            return tyto_fault_set(fault, TYTO_ERR_SHAPE, options->params.path, 0, "--kind",
                                  "a visual encoder's input needs 3 channels, this has %u",
                                  file->graph.values[0].c);
        for (int i = 0; i < 3; i++) {
            file->mean[i] = (float)options->mean[i];
            file->scale[i] = (float)options->scale[i];
        }
    }
    if (!options->frontend)
        return TYTO_OK;
    file->frontend = (struct tyto_frontend){.sample_rate_hz = 16000};
    const enum tyto_err err = tyto_import_frontend(options->frontend, file, fault);
    if (!err)
        scale_frontend(&file->frontend, options);
    return err;
}

/* As TensorFlow's object detection makes its single-shot detectors. */
static const struct tyto_import_detector ssd = {
    .side_px = 300, .min_scale = 0.2f, .max_scale = 0.95f, .centre_scale = 10, .size_scale = 5};

static enum tyto_err read_names(const char *path, char text[MAX_NAMES_BYTES],
                                struct tyto_fault *fault)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return tyto_fault_set(fault, TYTO_ERR_IO, path, 0, "--detector", "cannot open: %s",
                              strerror(errno));
    const size_t num = fread(text, 1, MAX_NAMES_BYTES, file);
    const bool broken = ferror(file) || num == MAX_NAMES_BYTES;
    fclose(file);
    if (broken)
        return tyto_fault_set(fault, TYTO_ERR_FORMAT, path, 0, "--detector",
                              "cannot be read, or is longer than %d bytes", MAX_NAMES_BYTES);
    text[num] = '\0';
    return TYTO_OK;
}

static int run_import(int argc, char **argv)
{
    struct import_options options = {.mean = {127.5, 127.5, 127.5},
                                     .scale = {1 / 127.5, 1 / 127.5, 1 / 127.5},
                                     .pcm_scale = NAN, /* not given: by the front end's form */
                                     .post_scale = NAN,
                                     .post_shift = NAN};
    int opt;
    opterr = 0;
    optind = 1;
    while ((opt = getopt_long(argc, argv, "o:h", import_long, NULL)) != -1) {
        if (opt == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (opt == '?')
            return usage_error("unknown option, or its value is missing", argv[optind - 1]);
        if (!read_option(opt, optarg, &options))
            return usage_error("wrong value", optarg);
    }
    if (argc - optind != 1 || !options.out)
        return usage_error("import needs one file and -o OUT.safetensors", NULL);
    if (options.frontend && options.kind != TYTO_ENCODER_AUDIO)
        return usage_error("--frontend goes with --kind audio", NULL);
    if ((options.names || options.params.letterbox) && options.kind != TYTO_ENCODER_VISUAL)
        return usage_error("--detector and --letterbox go with --kind visual", NULL);
    options.params.path = argv[optind];

    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    char names[MAX_NAMES_BYTES];
    struct tyto_import_detector detector = ssd;
    enum tyto_err err = TYTO_OK;
    if (options.names) {
        err = read_names(options.names, names, &fault);
        detector.names = names;
        options.params.detector = &detector;
    }
    if (!err)
        err = tyto_import(&options.params, &file, &fault);
    if (!err)
        err = complete(file, &options, &fault);
    if (!err)
        err = tyto_encoder_file_write(file, options.out, &fault);
    if (!err)
        print_summary(file, options.out);
    tyto_encoder_file_destroy(&file);
    return err ? fault_error(&fault) : 0;
}

/* --- info ------------------------------------------------------------------------------ */

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

static void print_metas(const struct tyto_weights *weights)
{
    for (uint32_t i = 0; i < tyto_weights_num_metas(weights); i++) {
        const struct tyto_meta *meta = tyto_weights_meta_at(weights, i);
        char text[201]; /* as much as fits a screen, and no control characters */
        tyto_text_clean(text, sizeof(text), meta->value);
        printf("  %-16s %s%s\n", meta->key, text,
               strlen(meta->value) > sizeof(text) - 1 ? "..." : "");
    }
}

static int print_encoder(const char *path, bool layers)
{
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    if (tyto_encoder_file_read(path, &file, &fault))
        return fault_error(&fault);
    print_summary(file, path);
    for (uint32_t i = 0; layers && i < file->graph.num_layers; i++)
        print_layer(&file->graph, i);
    tyto_encoder_file_destroy(&file);
    return 0;
}

static int print_info(const char *path, bool layers)
{
    struct tyto_weights *weights = NULL;
    struct tyto_fault fault = {0};
    if (tyto_weights_open(path, &weights, &fault))
        return fault_error(&fault);
    const char *format = tyto_weights_meta(weights, "tyto.format");
    const bool is_encoder = format && strcmp(format, "encoder/1") == 0;
    char digest[TYTO_DIGEST_HEX_BYTES];
    tyto_weights_digest(weights, digest);
    int status = 0;
    if (is_encoder)
        status = print_encoder(path, layers);
    if (!status) {
        printf("sha256 %s\nmetadata\n", digest);
        print_metas(weights);
        printf("tensors: %u\n", tyto_weights_num_tensors(weights));
        for (uint32_t i = 0; !is_encoder && i < tyto_weights_num_tensors(weights); i++)
            print_tensor(tyto_weights_tensor(weights, i));
    }
    tyto_weights_close(&weights);
    return status;
}

static int run_info(int argc, char **argv)
{
    static const struct option info_long[] = {
        {"layers", no_argument, NULL, 'l'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool layers = false;
    int opt;
    opterr = 0;
    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", info_long, NULL)) != -1) {
        if (opt == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (opt != 'l')
            return usage_error("unknown option", argv[optind - 1]);
        layers = true;
    }
    if (argc - optind != 1)
        return usage_error("info needs one file", NULL);
    return print_info(argv[optind], layers);
}

int tyto_cmd_model(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : NULL;
    if (verb && strcmp(verb, "import") == 0)
        return run_import(argc - 1, argv + 1);
    if (verb && strcmp(verb, "info") == 0)
        return run_info(argc - 1, argv + 1);
    if (verb && strcmp(verb, "push") == 0)
        return tyto_cmd_model_push(argc - 1, argv + 1);
    if (verb && (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0)) {
        fputs(help, stdout);
        return 0;
    }
    return usage_error(verb ? "there is no such command" : "import, info or push?", verb);
}
