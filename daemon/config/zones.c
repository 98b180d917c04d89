/* SPDX-License-Identifier: MIT */
#include "daemon/config/zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/schema.h"
#include "pipeline/track/options.h"

/* --- values ----------------------------------------------------------------------------------- */

static enum tyto_err check_name(const char *text, struct tyto_fault *ret_fault)
{
    if (tyto_zone_name_is_valid(text))
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          "'%.60s' must be 1 to %d characters of a-z, 0-9, '_' and '-'", text,
                          TYTO_ZONE_NAME_MAX);
}

enum tyto_err tyto_config_add_zone_name(void *value, const char *text, struct tyto_fault *ret_fault)
{
    struct tyto_zone_names *names = value;
    const enum tyto_err err = check_name(text, ret_fault);
    if (err)
        return err;
    if (names->num == TYTO_ZONES_MAX)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.60s' is one too many: %d at most", text, TYTO_ZONES_MAX);
    snprintf(names->names[names->num++], sizeof(names->names[0]), "%s", text);
    return TYTO_OK;
}

void tyto_config_print_zone_names(const void *value, char *ret_text, size_t text_bytes)
{
    const struct tyto_zone_names *names = value;
    size_t len = 0;
    ret_text[0] = '\0';
    for (uint32_t i = 0; i < names->num && len < text_bytes; i++) {
        const int num =
            snprintf(ret_text + len, text_bytes - len, "%s%s", i > 0 ? ", " : "", names->names[i]);
        len += num > 0 ? (size_t)num : 0;
    }
}

static enum tyto_err set_polygon(void *value, const char *text, struct tyto_fault *ret_fault)
{
    return tyto_polygon_read(text, value, ret_fault);
}

static void print_polygon(const void *value, char *ret_text, size_t text_bytes)
{
    tyto_polygon_print(value, ret_text, text_bytes);
}

static enum tyto_err set_times(void *value, const char *text, struct tyto_fault *ret_fault)
{
    return tyto_hours_read(text, value, ret_fault);
}

static void print_times(const void *value, char *ret_text, size_t text_bytes)
{
    tyto_hours_print(value, ret_text, text_bytes);
}

static enum tyto_err add_days(void *value, const char *text, struct tyto_fault *ret_fault)
{
    return tyto_hours_add_days(text, value, ret_fault);
}

static void print_days(const void *value, char *ret_text, size_t text_bytes)
{
    tyto_hours_print_days(*(const uint32_t *)value, ret_text, text_bytes);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* clang-format off */
#define GROUP(key_, title_, text_, rows_)                                                          \
    {.key = key_, .title = title_, .text = text_, .rows = rows_, .num_rows = TYTO_NUM_ROWS(rows_)}
#define POLYGON(struct_, field_)                                                                   \
    {.key = "polygon", .type = TYTO_OPTION_OTHER, .offset = field_,                                \
     .size = sizeof(struct tyto_polygon), .value = "X,Y X,Y X,Y ...", .is_needed = true,           \
     .example = "0.1,0.5 0.9,0.5 0.9,1 0.1,1", .set = set_polygon, .print = print_polygon,         \
     .help = "3 to 32 corners, as shares of the upright picture: x to the right, y downwards, "    \
             "0 to 1; its edges do not cross. `tyto serve` draws them"}

#define AT(field) TYTO_OPTION_AT(struct tyto_zone, field)
static const struct tyto_option zone_rows[] = {
    {.key = "name", .type = TYTO_OPTION_CHARS, AT(name), .value = "NAME", .is_needed = true,
     .example = "drive", .check = check_name,
     .help = "in events: a-z, 0-9, '_' and '-', at most 32 characters"},
    POLYGON(struct tyto_zone, offsetof(struct tyto_zone, polygon)),
    {.key = "only", .type = TYTO_OPTION_TEXTS, AT(only), .max = TYTO_ZONES_MAX_CLASSES,
     .value = "CLASS", .absent = "all of them", .example = "[car, person]",
     .check = tyto_option_check_id, .help = "the classes whose events it is for"},
};
const struct tyto_option_group tyto_config_zone_group =
    GROUP("zones", "Zones", NULL, zone_rows);

#undef AT
#define AT(field) TYTO_OPTION_AT(struct tyto_zone_class, field)
static const struct tyto_option zone_class_rows[] = {
    {.key = "threshold", .type = TYTO_OPTION_F32, AT(threshold), .min = 0.01, .max = 1,
     .absent = "the class's", .example = "0.8",
     .help = "joint score from which on what lies in the zone counts"},
    {.key = "threshold_seen", .type = TYTO_OPTION_F32, AT(threshold_seen), .min = 0.01, .max = 1,
     .absent = "follows from threshold, else the class's", .example = "0.8",
     .help = "the same when it is seen alone"},
};
const struct tyto_option_group tyto_config_zone_class_group =
    GROUP("classes", "Classes in a zone", NULL, zone_class_rows);

static const struct tyto_option mask_rows[] = {POLYGON(struct tyto_polygon, 0)};
const struct tyto_option_group tyto_config_mask_group =
    GROUP("masks", "Masks", NULL, mask_rows);

#undef AT
#define AT(field) TYTO_OPTION_AT(struct tyto_quiet, field)
static const struct tyto_option quiet_rows[] = {
    {.key = "times", .type = TYTO_OPTION_OTHER, AT(hours), .value = "HH:MM-HH:MM",
     .is_needed = true, .example = "22:00-06:30", .set = set_times, .print = print_times,
     .help = "from the first on, before the second, by the clock on the wall; a second time that is "
             "not after the first is of the next day"},
    {.key = "days", .type = TYTO_OPTION_OTHER, AT(hours.days), .max = TYTO_HOURS_DAYS,
     .value = "DAY, or a list of them", .absent = "every day", .example = "[mon-fri, sun]",
     .set = add_days, .print = print_days,
     .help = "on which they begin: mon, tue, wed, thu, fri, sat, sun, or like mon-fri"},
    {.key = "classes", .type = TYTO_OPTION_TEXTS, AT(classes), .max = TYTO_ZONES_MAX_CLASSES,
     .value = "CLASS", .absent = "all of them", .example = "[dog]", .check = tyto_option_check_id,
     .help = "which classes are quiet then"},
    {.key = "threshold", .type = TYTO_OPTION_F32, AT(threshold), .min = 0.01, .max = 1,
     .absent = "no event of them begins", .example = "0.9",
     .help = "score that an event needs to begin then, whether it is heard, seen or both, where its "
             "own threshold is lower"},
};
const struct tyto_option_group tyto_config_quiet_group =
    GROUP("quiet_hours", "Quiet hours", NULL, quiet_rows);
/* clang-format on */

/* --- lists ------------------------------------------------------------------------------------ */

static enum tyto_err no_memory(struct tyto_yaml *yaml)
{
    return tyto_fault_set(yaml->fault, TYTO_ERR_NOMEM, yaml->file, 0, NULL, "out of memory");
}

static enum tyto_err read_class(struct tyto_yaml *yaml, const char *key,
                                const struct yaml_node_s *node, uint32_t idx, void *user)
{
    struct tyto_zone *zone = user;
    if (!tyto_id_is_valid(key))
        return tyto_yaml_fail(yaml, node, key,
                              "is no class name (a-z, 0-9, '_' and '-'); "
                              "`tyto model info` lists them");
    struct tyto_zone_class *grown =
        realloc(zone->classes, ((size_t)idx + 1) * sizeof(*zone->classes));
    if (!grown)
        return no_memory(yaml);
    zone->classes = grown;
    zone->num_classes = idx + 1;
    grown[idx] = (struct tyto_zone_class){0};
    snprintf(grown[idx].class_name, sizeof(grown[idx].class_name), "%s", key);
    return tyto_yaml_mapping(yaml, node, &tyto_config_zone_class_group, NULL, 0, &grown[idx]);
}

static enum tyto_err read_zone_classes(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                       void *target)
{
    return tyto_yaml_members(yaml, node, TYTO_ZONES_MAX_CLASSES, read_class, target);
}

static enum tyto_err read_zone(struct tyto_yaml *yaml, const struct yaml_node_s *node, uint32_t idx,
                               void *user)
{
    static const struct tyto_yaml_part parts[] = {{.key = "classes", .read = read_zone_classes}};
    struct tyto_zones *zones = user;
    struct tyto_zone *grown = realloc(zones->zones, ((size_t)idx + 1) * sizeof(*zones->zones));
    if (!grown)
        return no_memory(yaml);
    zones->zones = grown;
    zones->num_zones = idx + 1;
    struct tyto_zone *zone = &grown[idx];
    *zone = (struct tyto_zone){.num_classes = 0};
    const enum tyto_err err =
        tyto_yaml_mapping(yaml, node, &tyto_config_zone_group, parts, 1, zone);
    if (err)
        return err;
    if (!zone->name[0])
        return tyto_yaml_fail(yaml, node, NULL, "lacks its 'name': events will tell it");
    if (zone->polygon.num == 0)
        return tyto_yaml_fail(yaml, node, zone->name,
                              "lacks its 'polygon': its corners, as shares of the picture");
    for (uint32_t i = 0; i < idx; i++) {
        if (strcmp(grown[i].name, zone->name) == 0)
            return tyto_yaml_fail(yaml, node, zone->name,
                                  "is the name of another zone of this camera: names must differ");
    }
    return TYTO_OK;
}

enum tyto_err tyto_config_read_zones(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                     void *target)
{
    struct tyto_config_camera *camera = target;
    return tyto_yaml_sequence(yaml, node, TYTO_ZONES_MAX, read_zone, &camera->zones);
}

static enum tyto_err read_mask(struct tyto_yaml *yaml, const struct yaml_node_s *node, uint32_t idx,
                               void *user)
{
    struct tyto_zones *zones = user;
    struct tyto_polygon *grown = realloc(zones->masks, ((size_t)idx + 1) * sizeof(*zones->masks));
    if (!grown)
        return no_memory(yaml);
    zones->masks = grown;
    zones->num_masks = idx + 1;
    grown[idx].num = 0;
    const enum tyto_err err =
        tyto_yaml_mapping(yaml, node, &tyto_config_mask_group, NULL, 0, &grown[idx]);
    if (!err && grown[idx].num == 0)
        return tyto_yaml_fail(yaml, node, NULL,
                              "lacks its 'polygon': its corners, as shares of the picture");
    return err;
}

enum tyto_err tyto_config_read_masks(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                     void *target)
{
    struct tyto_config_camera *camera = target;
    return tyto_yaml_sequence(yaml, node, TYTO_ZONES_MAX_MASKS, read_mask, &camera->zones);
}

static enum tyto_err read_quiet(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                uint32_t idx, void *user)
{
    struct tyto_config_quiet *quiet = user;
    struct tyto_quiet *grown = realloc(quiet->items, ((size_t)idx + 1) * sizeof(*quiet->items));
    if (!grown)
        return no_memory(yaml);
    quiet->items = grown;
    quiet->num = idx + 1;
    grown[idx] = (struct tyto_quiet){.threshold = 0};
    const enum tyto_err err =
        tyto_yaml_mapping(yaml, node, &tyto_config_quiet_group, NULL, 0, &grown[idx]);
    if (!err && grown[idx].hours.begin_min == grown[idx].hours.end_min)
        return tyto_yaml_fail(yaml, node, NULL, "lacks its 'times': like 22:00-06:30");
    return err;
}

enum tyto_err tyto_config_read_quiet(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                     struct tyto_config_quiet *quiet)
{
    return tyto_yaml_sequence(yaml, node, TYTO_QUIET_MAX, read_quiet, quiet);
}
