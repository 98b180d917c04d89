/* SPDX-License-Identifier: MIT */
/* getopt_long with bounded numbers. */
#include "demo/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help_text[] =
    "Usage: tyto-demo-camera [OPTION]...\n"
    "A camera for trying tyto without one: stamps of tuxpaint-stamps-default appear, sound and\n"
    "vanish in front of it. The same seed gives the same scene.\n"
    "\n"
    "  --seed N         which scene (1)\n"
    "  --seconds S      how long it is (90)\n"
    "  --fps N          pictures a second (12)\n"
    "  --port P         RTSP port on loopback, 0: any free one (8554)\n"
    "  --cameras N      serve the scene at /camera1../cameraN instead of /camera\n"
    "  --once           exit when the first viewer has seen the whole scene\n"
    "  --write F.mp4    write the scene to a file and exit\n"
    "  --truth F.csv    also write what happens when: class,begin_s,end_s,modality,box\n"
    "  --clip-link F    also make F a link to the rendered file in the cache\n"
    "  --list           print that and exit, without rendering\n"
    "  --stamps F.csv   table of stamps (share/tyto/demo/stamps.csv beside the program)\n"
    "  --stamps-dir D   their folder (/usr/share/tuxpaint/stamps)\n"
    "  --cache D        where rendered scenes are kept (~/.cache/tyto/demo)\n"
    "  --quiet          no progress (nor when stderr is no terminal)\n"
    "  --help\n"
    "\n"
    "Examples:\n"
    "  tyto-demo-camera --seed 7                      then: tytod rtsp://127.0.0.1:8554/camera\n"
    "  tyto-demo-camera --write clip.mp4 --truth t.csv    then: tyto localize clip.mp4\n";

int demo_fail(const char *what, const char *detail)
{
    fprintf(stderr, "tyto-demo-camera: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
    return EXIT_FAILURE;
}

static bool parse_number(const char *text, double low, double high, double *ret_value)
{
    char *end = NULL;

    errno = 0;
    double value = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(value >= low && value <= high)) {
        return false;
    }
    *ret_value = value;
    return true;
}

enum option_code {
    OPTION_SEED = 256,
    OPTION_SECONDS,
    OPTION_FPS,
    OPTION_PORT,
    OPTION_CAMERAS,
    OPTION_ONCE,
    OPTION_WRITE,
    OPTION_TRUTH,
    OPTION_CLIP_LINK,
    OPTION_LIST,
    OPTION_STAMPS,
    OPTION_STAMPS_DIR,
    OPTION_CACHE,
    OPTION_QUIET,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"seed", required_argument, NULL, OPTION_SEED},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"fps", required_argument, NULL, OPTION_FPS},
    {"port", required_argument, NULL, OPTION_PORT},
    {"cameras", required_argument, NULL, OPTION_CAMERAS},
    {"once", no_argument, NULL, OPTION_ONCE},
    {"write", required_argument, NULL, OPTION_WRITE},
    {"truth", required_argument, NULL, OPTION_TRUTH},
    {"clip-link", required_argument, NULL, OPTION_CLIP_LINK},
    {"list", no_argument, NULL, OPTION_LIST},
    {"stamps", required_argument, NULL, OPTION_STAMPS},
    {"stamps-dir", required_argument, NULL, OPTION_STAMPS_DIR},
    {"cache", required_argument, NULL, OPTION_CACHE},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* False when the value does not fit. */
static bool take_number(struct demo_options *options, int code)
{
    double value = 0.0;

    switch (code) {
    case OPTION_SEED:
        if (!parse_number(optarg, 0, 4294967295.0, &value)) {
            return false;
        }
        options->seed = (uint64_t)value;
        return true;
    case OPTION_SECONDS:
        return parse_number(optarg, 10, 24 * 3600, &options->seconds);
    case OPTION_FPS:
        if (!parse_number(optarg, 1, 60, &value)) {
            return false;
        }
        options->fps = (uint32_t)value;
        return true;
    case OPTION_PORT:
        if (!parse_number(optarg, 0, 65535, &value)) {
            return false;
        }
        options->port = (uint16_t)value;
        return true;
    case OPTION_CAMERAS:
        if (!parse_number(optarg, 1, 256, &value)) {
            return false;
        }
        options->num_cameras = (uint32_t)value;
        return true;
    default:
        return false;
    }
}

/* 0: go on; 1: help was printed; -1: an error was printed. */
int demo_options_parse(int argc, char **argv, struct demo_options *options)
{
    int code;

    while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (code) {
        case OPTION_ONCE:
            options->once = true;
            break;
        case OPTION_WRITE:
            options->write_path = optarg;
            break;
        case OPTION_TRUTH:
            options->truth_path = optarg;
            break;
        case OPTION_CLIP_LINK:
            options->link_path = optarg;
            break;
        case OPTION_LIST:
            options->list = true;
            break;
        case OPTION_STAMPS:
            options->table_path = optarg;
            break;
        case OPTION_STAMPS_DIR:
            options->stamps_dir = optarg;
            break;
        case OPTION_CACHE:
            options->cache_dir = optarg;
            break;
        case OPTION_QUIET:
            options->quiet = true;
            break;
        case OPTION_HELP:
            fputs(help_text, stdout);
            return 1;
        case '?':
            fputs("Try 'tyto-demo-camera --help'.\n", stderr);
            return -1;
        default:
            if (!take_number(options, code)) {
                demo_fail("not a number, or out of range", optarg);
                return -1;
            }
        }
    }
    if (optind != argc) {
        demo_fail("unexpected argument", argv[optind]);
        return -1;
    }
    return 0;
}
