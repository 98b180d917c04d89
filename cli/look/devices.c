/* SPDX-License-Identifier: MIT */
/* tyto devices: what --device may name. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/common/options.h"
#include "cli/look/look.h"
#include "files/json.h"
#include "shaders/runtime/gpu.h"

enum { MAX_DEVICES = 16 };

struct devices {
    bool is_json;
};

static const struct tyto_option rows[] = {
    {.key = "json",
     .type = TYTO_OPTION_FLAG,
     TYTO_OPTION_AT(struct devices, is_json),
     .help = "one JSON object a line instead of a table"},
};
static const struct tyto_option_group groups[] = {{.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)}};

const struct tyto_command tyto_command_devices = {
    .name = "tyto devices",
    .summary = "list the Vulkan devices that --device may name",
    .usage = "tyto devices [--json]",
    .groups = groups,
    .num_groups = 1,
    .examples = "tyto devices\n"
                "tytod --device 1 rtsp://camera.local/stream\n"
                "tytod --device cpu rtsp://camera.local/stream   # never a GPU\n",
    .target_bytes = sizeof(struct devices),
};

static const char *kind_name(enum tyto_gpu_kind kind)
{
    switch (kind) {
    case TYTO_GPU_KIND_CPU:
        return "cpu";
    case TYTO_GPU_KIND_INTEGRATED:
        return "integrated";
    case TYTO_GPU_KIND_DISCRETE:
        return "discrete";
    case TYTO_GPU_KIND_OTHER:
        break;
    }
    return "other";
}

static void version_text(uint32_t version, char *ret_text, size_t text_bytes)
{
    /* VK_MAKE_API_VERSION: 3 bits variant, 7 major, 10 minor, 12 patch */
    snprintf(ret_text, text_bytes, "%u.%u.%u", version >> 22 & 0x7fu, version >> 12 & 0x3ffu,
             version & 0xfffu);
}

static int print_json(const struct tyto_gpu_info *info)
{
    char version[32];
    version_text(info->api_version, version, sizeof(version));
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "idx", tyto_json_new_u64(info->idx));
    tyto_json_set(json, "name", tyto_json_new_string(info->name));
    tyto_json_set(json, "driver", tyto_json_new_string(info->driver));
    tyto_json_set(json, "kind", tyto_json_new_string(kind_name(info->kind)));
    tyto_json_set(json, "vulkan", tyto_json_new_string(version));
    tyto_json_set(json, "memory_bytes", tyto_json_new_u64(info->heap_bytes));
    tyto_json_set(json, "subgroup_size", tyto_json_new_u64(info->subgroup_size));
    tyto_json_set(json, "fp16_storage", tyto_json_new_bool(info->fp16_storage));
    tyto_json_set(json, "fp16_math", tyto_json_new_bool(info->fp16_math));
    tyto_json_set(json, "cooperative_matrix", tyto_json_new_bool(info->coop_matrix));
    tyto_json_set(json, "usable", tyto_json_new_bool(info->usable));
    char *text = json ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    if (!text)
        return 1;
    printf("%s\n", text);
    free(text);
    return 0;
}

static void print_row(const struct tyto_gpu_info *info)
{
    char version[32];
    version_text(info->api_version, version, sizeof(version));
    printf("%3" PRIu32 "  %-10s  %-44.44s  %-10s  %6.1f GiB  %s%s%s\n", info->idx,
           kind_name(info->kind), info->name, version, (double)info->heap_bytes / (1 << 30),
           info->usable ? "usable" : "not usable", info->fp16_storage ? ", fp16" : "",
           info->coop_matrix ? ", cooperative matrix" : "");
}

int tyto_cmd_devices(int argc, char **argv)
{
    struct devices devices = {0};
    int num_arguments = 0, status = 0;
    if (!tyto_options_read(&tyto_command_devices, argc, argv, &devices, &num_arguments, &status))
        return status;
    if (num_arguments > 0) {
        (void)tyto_command_complain(&tyto_command_devices, "takes no '%.60s'", argv[1]);
        return 2;
    }
    const bool is_json = devices.is_json;
    static struct tyto_gpu_info infos[MAX_DEVICES];
    uint32_t num = 0;
    const enum tyto_err err = tyto_gpu_list(infos, MAX_DEVICES, &num);
    if (err || num == 0) {
        fprintf(stderr,
                "tyto devices: no Vulkan device%s%s. A software one comes with Debian's "
                "mesa-vulkan-drivers.\n",
                !err ? "" : ": ", !err ? "" : tyto_err_text(err));
        return 1;
    }
    if (!is_json)
        printf("idx  kind        name                                          vulkan          "
               "memory\n");
    for (uint32_t i = 0; i < num && i < MAX_DEVICES; i++) {
        if (!is_json)
            print_row(&infos[i]);
        else if (print_json(&infos[i]) != 0)
            status = 1;
    }
    return status;
}
