/* SPDX-License-Identifier: MIT */
/* tyto model, and tyto model import: an encoder from a TFLite or ONNX file. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/fault.h"
#include "cli/common/options.h"
#include "cli/events/events.h"
#include "cli/model/internal.h"
#include "cli/model/model.h"
#include "files/open.h"
#include "model/graph/file.h"
#include "model/import/import.h"

enum { FAILED = 1, MAX_NAMES_BYTES = 16384 };

struct import_options {
    struct tyto_import_params params;
    char *input, *out, *frontend, *license; /* owned */
    char *names;                            /* file of the detector's classes; owned */
    struct tyto_texts outputs;              /* the first is the features' */
    char *pooled;                           /* tensor; owned */
    bool letterbox, tall;
    uint32_t size[2]; /* height, width; 0: the file's */
    enum tyto_encoder_kind kind;
    double mean[3], scale[3];
    double pcm_scale, post_scale, post_shift; /* not a number: by the front end's form */
    uint32_t patch_hop;
};

static int fault_error(const struct tyto_fault *fault)
{
    tyto_fault_tell("model", fault, TYTO_ERR_INTERNAL);
    return FAILED;
}

/* One number for all three, or three. */
static enum tyto_err set_three(void *value, const char *text, struct tyto_fault *ret_fault)
{
    double values[3] = {0};
    const char *at = text;
    for (int i = 0; i < 3; i++) {
        char *end;
        values[i] = strtod(at, &end);
        const bool is_one = i == 0 && end != at && !*end;
        if (is_one)
            values[1] = values[2] = values[0];
        if (end == at || !isfinite(values[i]) || (!is_one && *end != (i < 2 ? ',' : '\0')))
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "'%.40s' must be a number, or three with commas between", text);
        if (is_one)
            break;
        at = end + 1;
    }
    memcpy(value, values, sizeof(values));
    return TYTO_OK;
}

static void print_three(const void *value, char *ret_text, size_t text_bytes)
{
    const double *values = value;
    if (values[0] == values[1] && values[1] == values[2])
        snprintf(ret_text, text_bytes, "%.6g", values[0]);
    else
        snprintf(ret_text, text_bytes, "%.6g,%.6g,%.6g", values[0], values[1], values[2]);
}

static enum tyto_err set_size(void *value, const char *text, struct tyto_fault *ret_fault)
{
    uint32_t *size = value;
    char *end;
    const unsigned long h = strtoul(text, &end, 10);
    const unsigned long w = *end == 'x' ? strtoul(end + 1, &end, 10) : 0;
    if (*end || h < 1 || w < 1 || h > TYTO_GRAPH_MAX_DIM || w > TYTO_GRAPH_MAX_DIM)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.40s' must be HxW, each from 1 to %d", text, TYTO_GRAPH_MAX_DIM);
    size[0] = (uint32_t)h;
    size[1] = (uint32_t)w;
    return TYTO_OK;
}

static void print_size(const void *value, char *ret_text, size_t text_bytes)
{
    const uint32_t *size = value;
    ret_text[0] = '\0';
    if (size[0] > 0)
        snprintf(ret_text, text_bytes, "%ux%u", size[0], size[1]);
}

/* --- options --------------------------------------------------------------------------- */

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct import_options, field)
#define SCALE(key_, field, help_, absent_)                                                         \
    {.key = key_, .type = TYTO_OPTION_F64, AT(field), .min = -1e9, .max = 1e9, .help = help_,      \
     .absent = absent_}
static const struct tyto_option rows[] = {
    {.key = "out", .letter = 'o', .type = TYTO_OPTION_TEXT, AT(out), .value = "FILE",
     .is_needed = true, .help = "where to write it"},
    {.key = "kind", .type = TYTO_OPTION_WORD, AT(kind), .words = TYTO_WORDS(TYTO_ENCODER_LIST),
     .help = "what it becomes"},
    {.key = "output", .type = TYTO_OPTION_TEXTS, AT(outputs), .max = TYTO_GRAPH_MAX_OUTS,
     .value = "NAME", .absent = "the model's own",
     .help = "stop at this tensor; a part of its name will do; may be given again"},
    {.key = "input_tensor", .type = TYTO_OPTION_TEXT, AT(input), .value = "NAME",
     .absent = "the model's input, or the first tensor behind what cannot be imported",
     .help = "begin at this tensor"},
    {.key = "input", .type = TYTO_OPTION_OTHER, AT(size), .value = "HxW", .set = set_size,
     .print = print_size, .absent = "the file's", .help = "another input size"},
    {.key = "license", .type = TYTO_OPTION_TEXT, AT(license), .value = "TEXT",
     .help = "noted in the file"},
};
static const struct tyto_option visual_rows[] = {
    {.key = "mean", .type = TYTO_OPTION_OTHER, AT(mean), .value = "A[,B,C]", .set = set_three,
     .print = print_three, .help = "x = (pixel - mean) * scale, pixel 0..255"},
    {.key = "scale", .type = TYTO_OPTION_OTHER, AT(scale), .value = "A[,B,C]", .set = set_three,
     .print = print_three, .help = "the same; 0.00784314 is 1/127.5"},
    {.key = "letterbox", .type = TYTO_OPTION_FLAG, AT(letterbox),
     .help = "pictures keep their shape, with stripes beside them; the last column of the features "
             "says where the picture is"},
    {.key = "tall", .type = TYTO_OPTION_FLAG, AT(tall),
     .help = "pictures that are higher than wide go through the same network with the input's sides "
             "exchanged"},
    {.key = "pooled", .type = TYTO_OPTION_TEXT, AT(pooled), .value = "NAME",
     .help = "the highest values of this finer tensor at each place are features, too"},
    {.key = "detector", .type = TYTO_OPTION_TEXT, AT(names), .value = "FILE",
     .help = "the outputs are features, class scores and boxes of an SSD; FILE has the classes, one "
             "a line, ??? for the background"},
};
static const struct tyto_option audio_rows[] = {
    {.key = "frontend", .type = TYTO_OPTION_TEXT, AT(frontend), .value = "FILE",
     .help = "take window, mel bands and logarithm from this file"},
    SCALE("pcm_scale", pcm_scale, "samples in [-1,1] times this first",
          "32768 for a front end in decibels (openWakeWord's), else 1 (YAMNet's)"),
    SCALE("post_scale", post_scale, "after the logarithm, times this", "0.1 in decibels, else 1"),
    SCALE("post_shift", post_shift, "and then plus this", "2 in decibels, else 0"),
    {.key = "patch_hop", .type = TYTO_OPTION_U32, AT(patch_hop), .min = 1, .max = 65536,
     .absent = "8 in decibels, else half a patch", .help = "frames between patches"},
};
#undef AT
/* clang-format on */

static const struct tyto_option_group import_groups[] = {
    {.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    {.title = "Of a picture's encoder",
     .rows = visual_rows,
     .num_rows = TYTO_NUM_ROWS(visual_rows)},
    {.title = "Of a sound's encoder", .rows = audio_rows, .num_rows = TYTO_NUM_ROWS(audio_rows)},
};
static const struct tyto_command_argument file_arguments[] = {{"FILE", NULL}, {NULL, NULL}};

static enum tyto_err init_import(void *target)
{
    struct import_options *options = target;
    for (int i = 0; i < 3; i++) {
        options->mean[i] = 127.5;
        options->scale[i] = 1 / 127.5;
    }
    options->pcm_scale = options->post_scale = options->post_shift = (double)NAN;
    return TYTO_OK;
}

const struct tyto_command tyto_command_model_import = {
    .name = "tyto model import",
    .summary = "an encoder that tytod and tyto take, from a TFLite or ONNX file",
    .usage = "tyto model import FILE.{tflite,onnx} -o OUT.safetensors [OPTION...]",
    .arguments = file_arguments,
    .groups = import_groups,
    .num_groups = TYTO_NUM_ROWS(import_groups),
    .examples = "tyto model import mobilenet_v2.onnx --kind visual -o visual.safetensors\n"
                "tyto model import ssd.tflite --kind visual --input 224x224 \\\n"
                "     --output Conv_1/Relu6 -o visual.safetensors\n"
                "tyto model import ssd.tflite --kind visual --input 224x384 --letterbox --tall \\\n"
                "     --output Conv_1/Relu6 --output class_predictions --output box_encodings \\\n"
                "     --detector ssd.names -o visual.safetensors   # keeps shapes, finds boxes\n"
                "tyto model import embedding_model.onnx --kind audio \\\n"
                "     --frontend melspectrogram.onnx -o audio.safetensors\n"
                "tyto model import yamnet.tflite --kind audio --frontend yamnet.tflite \\\n"
                "     --output reduce_mean -o audio.safetensors\n",
    .target_bytes = sizeof(struct import_options),
    .init = init_import,
};

static const struct tyto_command_argument verbs[] = {
    {"import", "make an encoder's file of a TFLite or ONNX file (tyto model import --help)"},
    {"fetch", "make an encoder of a network at its public address (tyto model fetch --help)"},
    {"info", "say what stands in a weights file (tyto model info --help)"},
    {"push", "change the model of a running tytod (tyto model push --help)"},
    {NULL, NULL}};

const struct tyto_command tyto_command_model = {
    .name = "tyto model",
    .summary = "bring networks in, look into weights files, change a running tytod's",
    .usage = "tyto model import FILE.{tflite,onnx} -o OUT.safetensors [OPTION...]\n"
             "tyto model fetch yamnet [-o OUT.safetensors]\n"
             "tyto model info [FILE.safetensors] [--classes] [--layers]\n"
             "tyto model push FILE.safetensors",
    .arguments = verbs,
    .examples = "tyto model import mobilenet_v2.onnx --kind visual -o visual.safetensors\n"
                "tyto model info --classes\n"
                "tyto model push run/model.safetensors\n",
};

/* --- import ---------------------------------------------------------------------------- */

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
                              struct tyto_fault *ret_fault)
{
    file->kind = options->kind;
    snprintf(file->license, sizeof(file->license), "%s", options->license ? options->license : "");
    if (options->kind == TYTO_ENCODER_VISUAL) {
        if (file->graph.values[0].c != (file->fit == TYTO_FIT_LETTERBOX ? 4 : 3))
            return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, options->params.path, 0, "--kind",
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
    const enum tyto_err err = tyto_import_frontend(options->frontend, file, ret_fault);
    if (!err)
        scale_frontend(&file->frontend, options);
    return err;
}

/* As TensorFlow's object detection makes its single-shot detectors. */
static const struct tyto_import_detector ssd = {
    .side_px = 300, .min_scale = 0.2f, .max_scale = 0.95f, .centre_scale = 10, .size_scale = 5};

static enum tyto_err read_names(const char *path, char text[MAX_NAMES_BYTES],
                                struct tyto_fault *ret_fault)
{
    FILE *file = tyto_fopen_text(path);
    if (!file)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, "--detector", "cannot open: %s",
                              tyto_open_reason(errno));
    const size_t num = fread(text, 1, MAX_NAMES_BYTES, file);
    const bool broken = ferror(file) || num == MAX_NAMES_BYTES;
    fclose(file);
    if (broken)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, "--detector",
                              "cannot be read, or is longer than %d bytes", MAX_NAMES_BYTES);
    text[num] = '\0';
    return TYTO_OK;
}

static int import(struct import_options *options, const char *path)
{
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    char names[MAX_NAMES_BYTES];
    struct tyto_import_detector detector = ssd;
    struct tyto_import_params *params = &options->params;
    enum tyto_err err = TYTO_OK;
    *params = (struct tyto_import_params){.path = path,
                                          .input_name = options->input,
                                          .input_h = options->size[0],
                                          .input_w = options->size[1],
                                          .letterbox = options->letterbox,
                                          .tall = options->tall,
                                          .pooled_name = options->pooled};
    for (uint32_t i = 0; i < options->outputs.num; i++) {
        if (i == 0)
            params->output_name = options->outputs.texts[0];
        else
            params->more_output_names[params->num_more_outputs++] = options->outputs.texts[i];
    }
    if (options->names) {
        err = read_names(options->names, names, &fault);
        detector.names = names;
        params->detector = &detector;
    }
    if (!err)
        err = tyto_import(params, &file, &fault);
    if (!err)
        err = complete(file, options, &fault);
    if (!err)
        err = tyto_encoder_file_write(file, options->out, &fault);
    if (!err)
        tyto_model_print_encoder(file, options->out);
    tyto_encoder_file_destroy(&file);
    return err ? fault_error(&fault) : 0;
}

static int run_import(int argc, char **argv)
{
    const struct tyto_command *command = &tyto_command_model_import;
    struct import_options options = {0};
    int status = 0, num_files = 0;
    if (tyto_options_read(command, argc, argv, &options, &num_files, &status)) {
        if (num_files != 1 || !options.out)
            status = tyto_options_complain(command, "needs one file and -o OUT.safetensors");
        else if (options.frontend && options.kind != TYTO_ENCODER_AUDIO)
            status = tyto_options_complain(command, "--frontend goes with --kind audio");
        else if ((options.names || options.letterbox || options.tall || options.pooled) &&
                 options.kind != TYTO_ENCODER_VISUAL)
            status = tyto_options_complain(
                command, "--detector, --letterbox, --pooled and --tall go with --kind visual");
        else if (options.pooled && options.outputs.num == TYTO_GRAPH_MAX_OUTS)
            status = tyto_options_complain(command, "--pooled leaves room for three outputs");
        else
            status = import(&options, argv[1]);
    }
    tyto_command_finish(command, &options);
    return status;
}

/* --- fetch ----------------------------------------------------------------------------- */

/* As `tyto model import FILE --kind audio --frontend FILE --output reduce_mean`: the output is what
 * the network's scores are made of. */
static int run_fetch(int argc, char **argv)
{
    struct tyto_model_fetched fetched;
    int status = tyto_model_fetch(argc, argv, &fetched);
    if (status != 0 || !fetched.is_there)
        return status;
    char name[] = "tyto model import", kind[] = "--kind=audio", output[] = "--output=reduce_mean";
    char frontend[] = "--frontend", out[] = "--out", license[] = "--license", text[32];
    snprintf(text, sizeof(text), "%s", fetched.license);
    char *args[] = {name, fetched.path, kind,    output, frontend, fetched.path,
                    out,  fetched.out,  license, text,   NULL};
    status = run_import((int)(sizeof(args) / sizeof(*args)) - 1, args);
    if (status == 0)
        unlink(fetched.path);
    return status;
}

int tyto_cmd_model(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    int num_arguments = 0, status = 0;
    if (strcmp(verb, "import") == 0)
        return run_import(argc - 1, argv + 1);
    if (strcmp(verb, "fetch") == 0)
        return run_fetch(argc - 1, argv + 1);
    if (strcmp(verb, "info") == 0)
        return tyto_model_info(argc - 1, argv + 1);
    if (strcmp(verb, "push") == 0)
        return tyto_cmd_model_push(argc - 1, argv + 1);
    if (!tyto_options_read(&tyto_command_model, argc, argv, NULL, &num_arguments, &status))
        return status;
    return tyto_options_complain(&tyto_command_model, "import, fetch, info or push?");
}
