/* SPDX-License-Identifier: MIT */
#include "demo/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "options/command.h"

enum { WRONG_USAGE = 2 };

#define PRINT_LIST(X)                                                                              \
    X(PRINT_NOTHING, "nothing", NULL)                                                              \
    X(PRINT_MAN, "man", NULL)                                                                      \
    X(PRINT_BASH, "bash", NULL)                                                                    \
    X(PRINT_ZSH, "zsh", NULL)                                                                      \
    X(PRINT_FISH, "fish", NULL)
enum print { PRINT_LIST(TYTO_WORD_ENUM) };

struct target {
    struct demo_options options;
    enum print print;
};

#define AT(field) TYTO_OPTION_AT(struct target, field)

/* clang-format off */
static const struct tyto_option rows[] = {
    {.key = "seed", .type = TYTO_OPTION_U64, AT(options.seed), .min = 0, .max = 4294967295.0,
     .help = "which scene: the same seed gives the same one"},
    {.key = "seconds", .type = TYTO_OPTION_F64, AT(options.seconds), .min = 10, .max = 600,
     .unit = "s", .help = "how long the scene is"},
    {.key = "fps", .type = TYTO_OPTION_U32, AT(options.fps), .min = 1, .max = 60,
     .help = "pictures a second"},
    {.key = "port", .type = TYTO_OPTION_U32, AT(options.port), .min = 0, .max = 65535,
     .help = "RTSP port on loopback; 0: any free one"},
    {.key = "cameras", .type = TYTO_OPTION_U32, AT(options.num_cameras), .min = 1, .max = 256,
     .help = "more than 1: serve the scene at /camera1, /camera2 and so on instead of /camera"},
    {.key = "once", .type = TYTO_OPTION_FLAG, AT(options.once),
     .help = "exit when the first viewer has seen the whole scene"},
    {.key = "write", .type = TYTO_OPTION_TEXT, AT(options.write_path), .is_place = true,
     .value = "FILE", .help = "write the scene to an MP4 file and exit"},
    {.key = "truth", .type = TYTO_OPTION_TEXT, AT(options.truth_path), .is_place = true,
     .value = "FILE", .help = "also write what happens when, as CSV: class,begin_s,end_s,modality"},
    {.key = "clip_link", .type = TYTO_OPTION_TEXT, AT(options.link_path), .is_place = true,
     .value = "FILE", .help = "also make FILE a link to the rendered file in the cache"},
    {.key = "list", .type = TYTO_OPTION_FLAG, AT(options.list),
     .help = "print what happens when and exit, without rendering"},
    {.key = "stamps", .type = TYTO_OPTION_TEXT, AT(options.table_path), .is_place = true,
     .value = "FILE", .absent = "share/tyto/demo/stamps.csv beside the program",
     .help = "manifest of stamps, as tyto compose reads it: path,kind,class,split; split is demo"},
    {.key = "stamps_dir", .type = TYTO_OPTION_TEXT, AT(options.stamps_dir), .is_place = true,
     .value = "DIR", .help = "folder from where its paths count"},
    {.key = "cache", .type = TYTO_OPTION_TEXT, AT(options.cache_dir), .is_place = true,
     .value = "DIR", .absent = "~/.cache/tyto/demo", .help = "where rendered scenes are kept"},
    {.key = "quiet", .type = TYTO_OPTION_FLAG, AT(options.quiet),
     .help = "no progress; nor is there any when stderr is no terminal"},
    {.key = "print", .type = TYTO_OPTION_WORD, AT(print), .words = TYTO_WORDS(PRINT_LIST),
     .is_hidden = true, .help = "for the build"},
};
/* clang-format on */
static const struct tyto_option_group groups[] = {{.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)}};

static enum tyto_err init(void *target)
{
    struct demo_options *options = &((struct target *)target)->options;
    *options = (struct demo_options){
        .seed = 1,
        .seconds = 90.0,
        .fps = 12,
        .num_cameras = 1,
        .port = 8554,
        .stamps_dir = strdup("/usr/share/tuxpaint/stamps"),
    };
    return options->stamps_dir ? TYTO_OK : TYTO_ERR_NOMEM;
}

static const struct tyto_command command = {
    .name = "tyto-demo-camera",
    .summary = "a camera for trying tyto without one",
    .usage = "tyto-demo-camera [OPTION...]",
    .text = "Stamps of tuxpaint-stamps-default appear, sound and vanish in front of it, as tyto "
            "compose "
            "stages them. The scene is rendered once, kept, and served over RTSP on loopback.",
    .groups = groups,
    .num_groups = 1,
    .examples =
        "tyto-demo-camera --seed 7                          # then: tytod "
        "rtsp://127.0.0.1:8554/camera\n"
        "tyto-demo-camera --write clip.mp4 --truth t.csv    # then: tyto localize clip.mp4\n",
    .version = TYTO_VERSION,
    .target_bytes = sizeof(struct target),
    .init = init,
};

static int print_text(enum print print)
{
    const struct tyto_command *const all[] = {&command};
    enum tyto_err err = TYTO_OK;
    if (print == PRINT_MAN)
        err = tyto_command_put_man(&command, 1, TYTO_VERSION, "tytod(8), tyto-compose(1)", stdout);
    else
        tyto_commands_put_completion(all, 1, (enum tyto_shell)(print - PRINT_BASH), stdout);
    return !err && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

bool demo_options_read(int argc, char **argv, struct demo_options *ret_options, int *ret_status)
{
    struct target target = {.print = PRINT_NOTHING};
    int num_arguments = 0;
    *ret_status = EXIT_FAILURE;
    enum tyto_command_result result = TYTO_COMMAND_DONE;
    if (init(&target)) {
        demo_fail(tyto_err_text(TYTO_ERR_NOMEM), NULL);
    } else {
        result = tyto_command_read(&command, argc, argv, &target, &num_arguments);
        if (result == TYTO_COMMAND_RUN && num_arguments > 0)
            result = tyto_command_complain(&command, "unexpected argument '%s'", argv[1]);
        *ret_status = result == TYTO_COMMAND_WRONG ? WRONG_USAGE : EXIT_SUCCESS;
        if (result == TYTO_COMMAND_RUN && target.print != PRINT_NOTHING) {
            *ret_status = print_text(target.print);
            result = TYTO_COMMAND_DONE;
        }
    }
    *ret_options = target.options;
    return result == TYTO_COMMAND_RUN;
}

void demo_options_finish(struct demo_options *options)
{
    struct target target = {.options = *options};
    tyto_command_finish(&command, &target);
    *options = (struct demo_options){.seed = 0};
}

int demo_fail(const char *what, const char *detail)
{
    fprintf(stderr, "tyto-demo-camera: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
    return EXIT_FAILURE;
}
