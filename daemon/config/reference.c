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
    "before what is said for all cameras, also where it is `false`, `0` or `weights`. And it may "
    "have\n"
    "the lists `zones`, `masks` and `quiet_hours`. A reload connects a camera anew of which any "
    "key "
    "here or\n"
    "a mask differs; all else it takes over as it is.\n\n";

static const char reference_classes_live[] = "\nA reload takes over all of them.\n";

static const char reference_zones[] =
    "\n### `zones`: a list of a camera\n\n"
    "`zones: [{name: drive, polygon: \"0.1,0.5 0.9,0.5 0.9,1 0.1,1\"}]`, at most 16. Events name "
    "the "
    "zones\n"
    "that they have touched: `zones` in the protocol, of an END all of them. The place of a second "
    "is the\n"
    "box in which the class was seen, or where the detector does not know the class, the box of "
    "where the\n"
    "sound is in the picture. It touches a zone when they have a tenth of the smaller of both in "
    "common.\n"
    "What is only heard has no place: it touches no zone, and no event of a class with "
    "`required_zones`\n"
    "begins by it. Nor has what is seen in silence, if its class is none of the detector's "
    "(`weights/eye.md`).\n\n";

static const char reference_zone_classes[] =
    "\nA zone may have a group `classes`: `classes: {dog: {threshold: 0.8}}` is what a dog in this "
    "zone needs,\n"
    "more or less than elsewhere. Where several zones that are touched say something, the lowest "
    "holds.\n\n";

static const char reference_masks[] =
    "\n### `masks`: a list of a camera\n\n"
    "`masks: [{polygon: \"0,0 1,0 1,0.1 0,0.1\"}]`, at most 16: the street beyond the fence, the "
    "clock in the\n"
    "corner of the picture, a television. They are painted over in a copy of the picture before "
    "the network\n"
    "sees it, and what moves there does not count for the offset between sound and picture. "
    "Recordings show\n"
    "them as they are. What sounds is heard wherever it is.\n\n";

static const char reference_quiet[] =
    "\n## `quiet_hours`: a list, for all cameras or in one\n\n"
    "`quiet_hours: [{times: 22:00-06:30, days: [mon-fri], classes: [dog], threshold: 0.9}]`. A "
    "camera's own\n"
    "list goes in the place of that for all. They decide about the begin of events: one that has "
    "begun goes\n"
    "on, and one that would have begun in them begins when they are over, if it still goes on. On "
    "days when\n"
    "clocks change they follow the clock on the wall: an hour that comes twice is quiet twice. "
    "Of a file\n"
    "the time is when it is read.\n\n";

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
    "the network. A camera's zones, masks and quiet_hours are lists.\n\n"
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

static void put_lists_of_camera(FILE *out)
{
    const struct tyto_zone zone = {.num_classes = 0};
    const struct tyto_zone_class class = {.threshold = 0};
    const struct tyto_polygon mask = {.num = 0};
    fputs(reference_zones, out);
    tyto_options_put_reference(out, &tyto_config_zone_group, &zone);
    fputs(reference_zone_classes, out);
    tyto_options_put_reference(out, &tyto_config_zone_class_group, &class);
    fputs(reference_masks, out);
    tyto_options_put_reference(out, &tyto_config_mask_group, &mask);
}

static void put_quiet(FILE *out)
{
    const struct tyto_quiet quiet = {.threshold = 0};
    fputs(reference_quiet, out);
    tyto_options_put_reference(out, &tyto_config_quiet_group, &quiet);
    fputs(reference_classes_live, out);
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
    put_lists_of_camera(out);
    for (int i = 0; i < TYTO_CONFIG_NUM_GROUPS; i++) {
        put_group(out, (enum tyto_config_group)i, config);
        if (i == TYTO_CONFIG_TRACKER) {
            put_classes(out);
            put_quiet(out);
        }
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
          "    # classes: {dog: {threshold: 0.5}}   # an example; as classes below\n"
          "    # zones:                             # examples, like what follows\n"
          "    #   - {name: drive, polygon: \"0.1,0.5 0.9,0.5 0.9,1 0.1,1\"}\n"
          "    # masks:\n"
          "    #   - {polygon: \"0,0 1,0 1,0.1 0,0.1\"}\n",
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
                  "#   wind: {publish: false}\n"
                  "\n# quiet_hours:                          # an example\n"
                  "#   - {times: 22:00-06:30, days: [mon-fri], classes: [dog]}\n",
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
    const struct tyto_zone zone = {.num_classes = 0};
    const struct tyto_zone_class class = {.threshold = 0};
    const struct tyto_polygon mask = {.num = 0};
    const struct tyto_quiet quiet = {.threshold = 0};
    const enum tyto_err err = tyto_config_create(&config);
    if (err)
        return err;
    tyto_config_camera_init(&camera);
    tyto_man_put_head(out, "tytod.yaml", 5, version, "configuration of tytod");
    fputs(".SH DESCRIPTION\n", out);
    tyto_man_put_text(out, man_text);
    fputs(".SH KEYS\n", out);
    put_man_group(out, &tyto_config_camera_group, &camera);
    put_man_group(out, &tyto_config_zone_group, &zone);
    put_man_group(out, &tyto_config_zone_class_group, &class);
    put_man_group(out, &tyto_config_mask_group, &mask);
    for (int i = 0; i < TYTO_CONFIG_NUM_GROUPS; i++) {
        put_man_group(out, &tyto_config_groups[i], config);
        if (i == TYTO_CONFIG_TRACKER) {
            put_man_group(out, &tyto_config_class_group, &rule);
            put_man_group(out, &tyto_config_quiet_group, &quiet);
        }
    }
    fputs(".SH EXAMPLES\n", out);
    tyto_man_put_lines(out, man_example);
    fputs(".SH SEE ALSO\n", out);
    tyto_man_put_text(out, "tytod(8), tyto(1)");
    tyto_config_destroy(&config);
    return TYTO_OK;
}
