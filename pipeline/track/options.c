/* SPDX-License-Identifier: MIT */
#include "pipeline/track/options.h"

#include "base/clock.h"
#include "model/cman/cman.h"

#define AT(field) TYTO_OPTION_AT(struct tyto_tracker_params, field)
#define STRING_OF(number) #number
#define STRING(number) STRING_OF(number)
#define WEIGHTS_LIST(X) X(0, "weights", NULL)
#define AUTO_LIST(X) X(0, "auto", NULL)

const struct tyto_option tyto_tracker_options[TYTO_TRACKER_NUM_OPTIONS] = {
    {.key = "threshold",
     .type = TYTO_OPTION_F32,
     AT(threshold),
     .min = 0.01,
     .max = 1,
     .words = TYTO_WORDS(WEIGHTS_LIST),
     .help = "joint score from which on a class counts as there; weights: what the weights file "
             "has for "
             "the class, else " STRING(TYTO_TRACKER_THRESHOLD)},
    {.key = "threshold_single",
     .aliases = "single",
     .type = TYTO_OPTION_F32,
     AT(threshold_single),
     .min = 0.01,
     .max = 1,
     .words = TYTO_WORDS(AUTO_LIST),
     .help = "the same for a class that is heard or seen alone; auto: " STRING(
         TYTO_CMAN_SINGLE_SHARE) " of the way from the class's threshold to 1"},
    {.key = "off_ratio",
     .type = TYTO_OPTION_F32,
     AT(off_ratio),
     .min = 0.05,
     .max = 1,
     .help = "an open event goes on while the score is at least this share of its threshold; from "
             "there "
             "on it is called heard, or seen"},
    {.key = "peak",
     .type = TYTO_OPTION_F32,
     AT(peak),
     .min = 0,
     .max = 1,
     .help =
         "an event is told once a score has come this share of the way from its threshold to 1; "
         "0: at once. More: fewer false events, and fewer that are faint"},
    {.key = "onset_num",
     .type = TYTO_OPTION_U32,
     AT(onset_num),
     .min = 1,
     .max = TYTO_TRACKER_MAX_WINDOW,
     .unit = "segments",
     .help = "an event opens when this many of the last onset_window segments show its class"},
    {.key = "onset_window",
     .type = TYTO_OPTION_U32,
     AT(onset_window),
     .min = 1,
     .max = TYTO_TRACKER_MAX_WINDOW,
     .unit = "segments",
     .words = TYTO_WORDS(AUTO_LIST),
     .help = "auto: 4, or onset_num where that is more"},
    {.key = "hang_over_s",
     .type = TYTO_OPTION_TIME,
     AT(hang_over_ns),
     .min = 0.1,
     .max = 600,
     .unit = "s",
     .help = "so long without a segment that shows the class ends the event"},
    {.key = "min_duration_s",
     .type = TYTO_OPTION_TIME,
     AT(min_duration_ns),
     .min = 0,
     .max = 600,
     .unit = "s",
     .help = "shorter events are not published"},
    {.key = "max_duration_s",
     .type = TYTO_OPTION_TIME,
     AT(max_duration_ns),
     .min = 1,
     .max = 86400,
     .unit = "s",
     .help = "a longer event ends, and another one goes on"},
    {.key = "update_every_s",
     .type = TYTO_OPTION_TIME,
     AT(update_every_ns),
     .min = 0.1,
     .max = 3600,
     .unit = "s",
     .help = "how often an open event is published again; a change of modality, and another zone, "
             "are at once"},
    {.key = "only_joint",
     .aliases = "joint-only",
     .type = TYTO_OPTION_FLAG,
     AT(only_joint),
     .help = "only events that are heard and seen"},
};

enum tyto_err tyto_option_check_id(const char *text, struct tyto_fault *ret_fault)
{
    if (tyto_id_is_valid(text))
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          "'%.60s' must be 1 to %d characters of a-z, 0-9, '_' and '-'", text,
                          TYTO_ID_MAX);
}

enum tyto_err tyto_tracker_params_check(const struct tyto_tracker_params *settled,
                                        struct tyto_fault *ret_fault)
{
    if (settled->onset_num > settled->onset_window)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "onset_num",
                              "%u is more than the %u segments of onset_window: it could never be "
                              "reached",
                              settled->onset_num, settled->onset_window);
    if (settled->min_duration_ns >= settled->max_duration_ns)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "min_duration_s",
                              "%.10g is not below max_duration_s (%.10g)",
                              (double)settled->min_duration_ns / (double)TYTO_NS_PER_S,
                              (double)settled->max_duration_ns / (double)TYTO_NS_PER_S);
    return TYTO_OK;
}
