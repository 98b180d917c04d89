/* SPDX-License-Identifier: MIT */
/* tyto label: are label files sound, and what is in them; any format to CSV. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/fault.h"
#include "cli/common/options.h"
#include "cli/common/progress.h"
#include "cli/event/json.h"
#include "cli/learn/learn.h"
#include "files/whole.h"
#include "options/common.h"
#include "trainer/labels/labels.h"
#include "trainer/media/read.h"

struct label {
    struct tyto_labels_params params;
    char *media_dir, *out;
    bool is_json, is_quiet, converts, without_progress;
    struct tyto_progress progress;
    uint32_t num_probed;
    struct tyto_json *faults; /* owned; only for JSON */
    uint32_t num_errors, num_notes;
};

/* --- options ------------------------------------------------------------------------- */

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct label, field)
static const struct tyto_option rows[] = {
    {.key = "media", .type = TYTO_OPTION_TEXT, AT(media_dir), .value = "DIR",
     .absent = "beside each label file",
     .help = "where the recordings are, also in folders below; then a recording that is not there "
             "is an error"},
    {.key = "format", .type = TYTO_OPTION_WORD, AT(params.format),
     .words = TYTO_WORDS(TYTO_LABEL_FORMAT_LIST), .help = "what the files are"},
    {.key = "fps", .type = TYTO_OPTION_F64, AT(params.fps), .min = 0.001, .max = 1000, .value = "N",
     .absent = "not known", .help = "pictures a second, for formats that count pictures and do not "
     "say"},
    {.key = "json", .type = TYTO_OPTION_FLAG, AT(is_json),
     .help = "check: one JSON object instead of text"},
    {.key = "quiet", .type = TYTO_OPTION_FLAG, AT(is_quiet), .help = "only errors, no notes"},
    {.key = "out", .letter = 'o', .type = TYTO_OPTION_TEXT, AT(out), .value = "FILE",
     .help = "convert: the CSV to write"},
    TYTO_OPTION_NO_PROGRESS(struct label, without_progress),
};
#undef AT
/* clang-format on */
static const struct tyto_option_group groups[] = {{.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)}};
static const struct tyto_command_argument arguments[] = {{"FILE", NULL}, {NULL, NULL}};

const struct tyto_command tyto_command_label = {
    .name = "tyto label",
    .summary = "check label files, or make one CSV of them",
    .usage = "tyto label check FILE... [OPTION...]\n"
             "tyto label convert FILE... -o OUT.csv [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = 1,
    .notes =
        "The CSV: file,class,begin_s,end_s,modality. A first row of these names may be left out. "
        "Modality is heard, seen or both; empty: both. No times: the event is somewhere in the "
        "recording (weak). No class: the recording holds only background.\n\n"
        "Of the daemon's events (tyto watch --json > events.jsonl) the last line of each id "
        "counts; "
        "correct class, begin_s, end_s or modality there, or add \"wrong\": true to drop an event."
        "\n\nExit status: 0 no errors, 1 errors were found, 2 wrong usage.",
    .examples = "tyto label check labels.csv --media recordings/\n"
                "tyto label check Annotations.txt --json | jq .classes\n"
                "tyto label convert *.eaf --media recordings/ -o labels.csv\n",
    .target_bytes = sizeof(struct label),
};

/* NULL: usable. */
static const char *take_arguments(struct label *label, char **words, int num_arguments)
{
    const char *verb = num_arguments > 0 ? words[0] : "";
    label->converts = strcmp(verb, "convert") == 0;
    if (!label->converts && strcmp(verb, "check") != 0)
        return "say check or convert first";
    if (num_arguments == 1)
        return "which label files?";
    if (label->converts && !label->out)
        return "convert needs -o OUT.csv";
    if (!label->converts && label->out)
        return "check writes nothing: leave out -o, or say convert";
    label->params.paths = (const char *const *)(words + 1);
    label->params.num_paths = (uint32_t)(num_arguments - 1);
    label->params.media_dir = label->media_dir;
    label->params.needs_media = label->media_dir != NULL;
    return NULL;
}

/* --- what is found ------------------------------------------------------------------- */

static void on_fault(void *user, const struct tyto_fault *fault, bool is_error)
{
    struct label *label = user;
    *(is_error ? &label->num_errors : &label->num_notes) += 1;
    if (!is_error && label->is_quiet)
        return;
    if (label->is_json) {
        struct tyto_json *json = tyto_json_new_object();
        tyto_json_set(json, "file", tyto_json_new_string(fault->file));
        tyto_json_set(json, "line", tyto_json_new_u64(fault->line));
        tyto_json_set(json, "key", tyto_json_new_string(fault->key));
        tyto_json_set(json, "text", tyto_json_new_string(fault->text));
        tyto_json_set(json, "is_error", tyto_json_new_bool(is_error));
        tyto_json_append(label->faults, json);
        return;
    }
    char text[1024];
    tyto_fault_print(fault, text, sizeof(text));
    tyto_progress_clear(&label->progress);
    fprintf(label->converts ? stderr : stdout, "%s%s\n", text, is_error ? "" : " (note)");
}

/* Labels of a recording that breaks off may lie where nothing is any more. */
static void look_whether_whole(struct label *label, const char *path)
{
    struct tyto_whole whole;
    struct tyto_fault fault;
    char why[192];
    tyto_whole_look(path, &whole);
    tyto_whole_text(&whole, why, sizeof(why));
    if (!why[0])
        return;
    (void)tyto_fault_set(&fault, TYTO_OK, path, 0, NULL, "%s", why);
    on_fault(label, &fault, true);
}

/* A recording that cannot be read is an error of its own. */
static bool get_duration(void *user, const char *path, int64_t *ret_duration_ns)
{
    struct label *label = user;
    struct tyto_source_file_info info;
    struct tyto_fault fault = {0};
    tyto_progress_put(&label->progress, label->num_probed++, 0, "recordings", NULL);
    if (tyto_source_file_probe(path, &info, &fault) != TYTO_OK) {
        on_fault(label, &fault, true);
        return false;
    }
    look_whether_whole(label, path);
    *ret_duration_ns = info.duration_ns;
    return info.duration_ns > 0;
}

struct sums {
    uint32_t labels, files, heard, seen, both, weak;
    double seconds;
};

static struct sums sum_class(const struct tyto_labels *labels, uint32_t class_idx)
{
    struct sums sums = {0};
    uint32_t file_idx = UINT32_MAX;
    for (uint32_t i = 0; i < labels->num_labels; i++) {
        const struct tyto_label *label = &labels->labels[i];
        if (label->class_idx != class_idx)
            continue;
        sums.labels++;
        sums.files += label->file_idx != file_idx;
        file_idx = label->file_idx;
        sums.heard += label->truth == TYTO_TRUTH_HEARD;
        sums.seen += label->truth == TYTO_TRUTH_SEEN;
        sums.both += label->truth == TYTO_TRUTH_BOTH;
        sums.weak += label->is_weak;
        sums.seconds += (double)(label->end_ns - label->begin_ns) / 1e9;
    }
    return sums;
}

static void count_files(const struct tyto_labels *labels, uint32_t *ret_background,
                        uint32_t *ret_missing)
{
    uint32_t at = 0;
    *ret_background = *ret_missing = 0;
    for (uint32_t file = 0; file < labels->num_files; file++) {
        const uint32_t begin = at;
        while (at < labels->num_labels && labels->labels[at].file_idx == file)
            at++;
        *ret_background += at == begin;
        *ret_missing += !labels->is_found[file];
    }
}

static void print_table(const struct label *label, const struct tyto_labels *labels)
{
    uint32_t num_background, num_missing;
    count_files(labels, &num_background, &num_missing);
    int width = 5;
    for (uint32_t i = 0; i < labels->num_classes; i++) {
        const int num = (int)strlen(labels->classes[i]);
        width = num > width ? num : width;
    }
    printf("%-*s %7s %7s %10s %7s %7s %7s %7s\n", width, "class", "files", "labels", "seconds",
           "heard", "seen", "both", "weak");
    struct sums all = {0};
    for (uint32_t i = 0; i < labels->num_classes; i++) {
        const struct sums sums = sum_class(labels, i);
        printf("%-*s %7u %7u %10.1f %7u %7u %7u %7u\n", width, labels->classes[i], sums.files,
               sums.labels, sums.seconds, sums.heard, sums.seen, sums.both, sums.weak);
        all.labels += sums.labels;
        all.seconds += sums.seconds;
        all.heard += sums.heard;
        all.seen += sums.seen;
        all.both += sums.both;
        all.weak += sums.weak;
    }
    printf("%-*s %7u %7u %10.1f %7u %7u %7u %7u\n", width, "all", labels->num_files, all.labels,
           all.seconds, all.heard, all.seen, all.both, all.weak);
    printf("\n%u recording%s, %u with background only; %u class%s; %u note%s\n", labels->num_files,
           labels->num_files == 1 ? "" : "s", num_background, labels->num_classes,
           labels->num_classes == 1 ? "" : "es", label->num_notes,
           label->num_notes == 1 ? "" : "s");
    if (num_missing > 0)
        printf("%u recording%s not found %s: say where with --media DIR\n", num_missing,
               num_missing == 1 ? " was" : "s were", "beside the label files");
}

static bool put_json(struct label *label, const struct tyto_labels *labels)
{
    struct tyto_json *json = tyto_json_new_object(), *classes = tyto_json_new_array();
    uint32_t num_background, num_missing;
    count_files(labels, &num_background, &num_missing);
    for (uint32_t i = 0; i < labels->num_classes; i++) {
        const struct sums sums = sum_class(labels, i);
        struct tyto_json *item = tyto_json_new_object();
        tyto_json_set(item, "class", tyto_json_new_string(labels->classes[i]));
        tyto_json_set(item, "files", tyto_json_new_u64(sums.files));
        tyto_json_set(item, "labels", tyto_json_new_u64(sums.labels));
        tyto_json_set(item, "seconds", tyto_json_new_f64(sums.seconds));
        tyto_json_set(item, "heard", tyto_json_new_u64(sums.heard));
        tyto_json_set(item, "seen", tyto_json_new_u64(sums.seen));
        tyto_json_set(item, "both", tyto_json_new_u64(sums.both));
        tyto_json_set(item, "weak", tyto_json_new_u64(sums.weak));
        tyto_json_append(classes, item);
    }
    tyto_json_set(json, "num_errors", tyto_json_new_u64(label->num_errors));
    tyto_json_set(json, "num_notes", tyto_json_new_u64(label->num_notes));
    tyto_json_set(json, "num_files", tyto_json_new_u64(labels->num_files));
    tyto_json_set(json, "num_background", tyto_json_new_u64(num_background));
    tyto_json_set(json, "num_missing", tyto_json_new_u64(num_missing));
    tyto_json_set(json, "num_labels", tyto_json_new_u64(labels->num_labels));
    tyto_json_set(json, "classes", classes);
    tyto_json_set(json, "faults", label->faults);
    label->faults = NULL;
    return tyto_json_put_line(&json);
}

static bool write_csv(const struct label *label, const struct tyto_labels *labels)
{
    struct tyto_fault fault = {0};
    if (tyto_labels_write_csv(labels, label->out, &fault) != TYTO_OK) {
        tyto_fault_tell("label", &fault, TYTO_ERR_INTERNAL);
        return false;
    }
    printf("%s: %u labels of %u classes in %u recordings\n", label->out, labels->num_labels,
           labels->num_classes, labels->num_files);
    return true;
}

static int run(struct label *label)
{
    label->params.user = label;
    label->params.on_fault = on_fault;
    label->params.get_duration = get_duration;
    tyto_progress_init(&label->progress, !label->without_progress);
    label->params.keeps_rest = !label->converts;
    label->faults = label->is_json ? tyto_json_new_array() : NULL;
    struct tyto_labels labels = {0};
    const enum tyto_err err = tyto_labels_read(&label->params, &labels);
    tyto_progress_clear(&label->progress);
    bool ok = !err && label->num_errors == 0;
    if (label->is_json && !label->converts)
        ok &= put_json(label, &labels);
    else if (label->converts && ok)
        ok = write_csv(label, &labels);
    else if (!label->converts && !err)
        print_table(label, &labels);
    fflush(stdout);
    if (err && err != TYTO_ERR_FORMAT)
        fprintf(stderr, "tyto label: %s\n", tyto_err_text(err));
    else if (label->num_errors > 0)
        fprintf(stderr, "tyto label: %u error%s\n", label->num_errors,
                label->num_errors == 1 ? "" : "s");
    tyto_json_destroy(&label->faults);
    tyto_labels_finish(&labels);
    return ok ? 0 : 1;
}

int tyto_cmd_label(int argc, char **argv)
{
    struct label label = {0};
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_label, argc, argv, &label, &num_arguments, &status)) {
        const char *wrong = take_arguments(&label, argv + 1, num_arguments);
        status = wrong ? tyto_options_complain(&tyto_command_label, wrong) : run(&label);
    }
    tyto_command_finish(&tyto_command_label, &label);
    return status;
}
