/* SPDX-License-Identifier: MIT */
#include "daemon/config/reference.h"

#include "daemon/config/difference.h"
#include "daemon/config/schema.h"
#include "options/man.h"
#include "options/reference.h"

static const char reference_begin[] =
    "# The configuration of tytod\n\n"
    "<!-- Written by `tytod --print reference`; a test fails when it is stale. -->\n\n"
    "`tytod --config FILE` reads a YAML file; `tytod --check --config FILE` says whether it is "
    "good\n"
    "and where it is not. Everything but `cameras` may be left out. What the command line says "
    "goes\n"
    "before the file (`tytod --help`). Relative paths count from the file's folder. `tytod.yaml`, "
    "installed\n"
    "in `share/tyto/`, is a file to begin with.\n\n"
    "SIGHUP, or `reload` on the [control socket](control.md), reads file and command line again. A "
    "file with a\n"
    "mistake changes nothing: the log, `tyto status` and the metrics name file, line and key. Of a "
    "good one\n"
    "what differs is applied: cameras come, go and are connected anew, and the others lose no "
    "segment. What a\n"
    "running tytod cannot change stays as it is and is named, \"needs a restart\". There is room "
    "for "
    "as many\n"
    "cameras again as it began with, or 32.\n";

static const char reference_cameras[] =
    "\n## `cameras`: a list\n\n"
    "Each camera may also have a group `tracker` and a group `classes`, as below: what they say "
    "goes\n"
    "before what is said for all cameras, also where it is `false`, `0` or `weights`. A reload "
    "connects a camera\n"
    "anew of which any key here differs; `tracker` and `classes` it takes over as they are.\n\n";

static const char reference_classes_live[] = "\nA reload takes over all of them.\n";

static const char reference_classes[] =
    "\n## `classes`: a group for each class\n\n"
    "`classes: {dog: {threshold: 0.4}, wind: {publish: false}}`. The names are those of the "
    "network:\n"
    "`tyto model info` lists them.\n\n";

static const char example_begin[] =
    "# tytod's configuration. A line behind '#' shows its default, or says that it is an example.\n"
    "# `tytod --check --config FILE` says whether a file is good; `man tytod.yaml` what keys "
    "mean.\n"
    "# Written by `tytod --print example`.\n"
    "cameras:\n";

static const char man_text[] =
    "A YAML file for tytod --config FILE; tytod --check --config FILE says whether it is good. "
    "Everything but cameras may be left out. What the command line says goes before the file. "
    "Relative paths count from the file's folder.\n\n"
    "cameras is a list. Each camera may also have a group tracker and a group classes, as below: "
    "what they say goes before what is said for all cameras. classes has a group for each class of "
    "the network.\n\n"
    "SIGHUP reads the file again. A file with a mistake changes nothing; of a good one what "
    "differs is applied, and what takes a restart is named in the log and by tyto status.";

static const char man_example[] = "cameras:\n"
                                  "  - id: front-door\n"
                                  "    uri: rtsp://user:password@192.168.1.20/stream\n"
                                  "    classes: {dog: {threshold: 0.5}}\n"
                                  "tracker: {only_joint: true}\n"
                                  "classes: {wind: {publish: false}}\n"
                                  "record: {dir: /var/lib/tyto/clips}\n";

/* Which rows hold at once. */
static void put_live(FILE *out, enum tyto_config_group group_idx)
{
    const struct tyto_option_group *group = &tyto_config_groups[group_idx];
    uint32_t num_live = 0, num_put = 0;
    for (uint32_t i = 0; i < group->num_rows; i++)
        num_live += tyto_config_is_live(group_idx, i);
    fprintf(out, "\nA reload takes over %s",
            num_live == 0                 ? "none of them: they take a restart"
            : num_live == group->num_rows ? "all of them"
                                          : "");
    for (uint32_t i = 0; num_live < group->num_rows && i < group->num_rows; i++) {
        if (tyto_config_is_live(group_idx, i))
            fprintf(out, "%s`%s`", num_put++ > 0 ? ", " : "", group->rows[i].key);
    }
    fprintf(out, "%s.\n", num_put > 0 ? "; the others take a restart" : "");
}

static void put_group(FILE *out, enum tyto_config_group group_idx, const struct tyto_config *config)
{
    const struct tyto_option_group *group = &tyto_config_groups[group_idx];
    if (group->key)
        fprintf(out, "\n## `%s`: %s\n\n", group->key, group->title);
    else
        fprintf(out, "\n## At the top of the file: %s\n\n", group->title);
    tyto_options_put_reference(out, group, config);
    put_live(out, group_idx);
}

static void put_classes(FILE *out)
{
    const struct tyto_config_rule rule = {.publish = true};
    fputs(reference_classes, out);
    tyto_options_put_reference(out, &tyto_config_class_group, &rule);
    fputs(reference_classes_live, out);
}

enum tyto_err tyto_config_put_reference(FILE *out)
{
    struct tyto_config *config = NULL;
    struct tyto_config_camera camera;
    const enum tyto_err err = tyto_config_create(&config);
    if (err)
        return err;
    tyto_config_camera_init(&camera);
    fputs(reference_begin, out);
    fputs(reference_cameras, out);
    tyto_options_put_reference(out, &tyto_config_camera_group, &camera);
    for (int i = 0; i < TYTO_CONFIG_NUM_GROUPS; i++) {
        put_group(out, (enum tyto_config_group)i, config);
        if (i == TYTO_CONFIG_TRACKER)
            put_classes(out);
    }
    tyto_config_destroy(&config);
    return TYTO_OK;
}

/* What a camera must have stands without '#'. */
static void put_example_camera(FILE *out)
{
    struct tyto_option_group must = tyto_config_camera_group, may = tyto_config_camera_group;
    struct tyto_config_camera camera;
    tyto_config_camera_init(&camera);
    must.num_rows = 2;
    may.rows += must.num_rows;
    may.num_rows -= must.num_rows;
    fprintf(out, "  - %s: %s\n    %s: %s\n", must.rows[0].key, must.rows[0].example,
            must.rows[1].key, must.rows[1].example);
    tyto_options_put_example(out, &may, &camera, "    # ");
    fputs("    # tracker: {threshold: 0.6}          # an example; any key of tracker below\n"
          "    # classes: {dog: {threshold: 0.5}}   # an example; as classes below\n",
          out);
}

enum tyto_err tyto_config_put_example(FILE *out)
{
    struct tyto_config *config = NULL;
    const enum tyto_err err = tyto_config_create(&config);
    if (err)
        return err;
    fputs(example_begin, out);
    put_example_camera(out);
    for (int i = 0; i < TYTO_CONFIG_NUM_GROUPS; i++) {
        const struct tyto_option_group *group = &tyto_config_groups[i];
        fputc('\n', out);
        if (group->key)
            fprintf(out, "# %s:\n", group->key);
        tyto_options_put_example(out, group, config, group->key ? "#   " : "# ");
        if (i == TYTO_CONFIG_TRACKER)
            fputs("\n# classes:                              # an example; `tyto model info` lists "
                  "them\n"
                  "#   dog: {threshold: 0.4, threshold_heard: 0.6}\n"
                  "#   wind: {publish: false}\n",
                  out);
    }
    tyto_config_destroy(&config);
    return TYTO_OK;
}

static void put_man_group(FILE *out, const struct tyto_option_group *group, const void *defaults)
{
    if (group->key)
        fprintf(out, ".SS %s: %s\n", group->key, group->title);
    else
        fprintf(out, ".SS %s\n", group->title);
    tyto_man_put_rows(out, group, defaults, false);
}

enum tyto_err tyto_config_put_man(const char *version, FILE *out)
{
    struct tyto_config *config = NULL;
    struct tyto_config_camera camera;
    const struct tyto_config_rule rule = {.publish = true};
    const enum tyto_err err = tyto_config_create(&config);
    if (err)
        return err;
    tyto_config_camera_init(&camera);
    tyto_man_put_head(out, "tytod.yaml", 5, version, "configuration of tytod");
    fputs(".SH DESCRIPTION\n", out);
    tyto_man_put_text(out, man_text);
    fputs(".SH KEYS\n", out);
    put_man_group(out, &tyto_config_camera_group, &camera);
    for (int i = 0; i < TYTO_CONFIG_NUM_GROUPS; i++) {
        put_man_group(out, &tyto_config_groups[i], config);
        if (i == TYTO_CONFIG_TRACKER)
            put_man_group(out, &tyto_config_class_group, &rule);
    }
    fputs(".SH EXAMPLES\n", out);
    tyto_man_put_lines(out, man_example);
    fputs(".SH SEE ALSO\n", out);
    tyto_man_put_text(out, "tytod(8), tyto(1)");
    tyto_config_destroy(&config);
    return TYTO_OK;
}
