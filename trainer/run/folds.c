/* SPDX-License-Identifier: MIT */
#include "trainer/run/folds.h"

#include <stdlib.h>

#include "base/random.h"
#include "trainer/loop/targets.h"

/* A recording: how it is ordered. */
struct group {
    uint32_t number;
    uint32_t class_idx; /* of its first clip that has one */
    uint64_t lot;
};

static int by_number(const void *a, const void *b)
{
    const struct group *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static int by_class_and_lot(const void *a, const void *b)
{
    const struct group *x = a, *y = b;

    if (x->class_idx != y->class_idx)
        return x->class_idx < y->class_idx ? -1 : 1;
    if (x->lot != y->lot)
        return x->lot < y->lot ? -1 : 1;
    return by_number(a, b);
}

/* Groups, owned, in the order in which they are dealt; NULL when out of memory. */
static struct group *list_groups(const struct tyto_dataset *data, uint64_t seed, uint32_t *ret_num)
{
    const uint32_t clips = data->shape.num_clips, classes = data->shape.num_classes;
    struct group *groups = calloc(clips, sizeof(*groups));
    uint32_t num = 0;

    if (!groups)
        return NULL;
    for (uint32_t i = 0; i < clips; i++) {
        uint64_t state = tyto_random_state(seed, data->groups[i], 0);

        groups[i] = (struct group){
            data->groups[i],
            tyto_targets_class(data->clip_truth + (size_t)i * classes, classes),
            tyto_random_bits(&state),
        };
    }
    qsort(groups, clips, sizeof(*groups), by_number);
    for (uint32_t i = 0; i < clips; i++) {
        if (num > 0 && groups[num - 1].number == groups[i].number) {
            if (groups[i].class_idx < groups[num - 1].class_idx)
                groups[num - 1].class_idx = groups[i].class_idx;
            continue;
        }
        groups[num++] = groups[i];
    }
    qsort(groups, num, sizeof(*groups), by_class_and_lot);
    *ret_num = num;
    return groups;
}

/* Place of each clip's group in the dealt order, owned by the caller: (num_clips). */
static enum tyto_err deal(const struct tyto_dataset *data, uint64_t seed, uint32_t min_groups,
                          uint32_t *ret_places, uint32_t *ret_num)
{
    uint32_t num = 0;
    struct group *groups = list_groups(data, seed, &num);

    if (!groups)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < num; i++)
        groups[i].lot = i; /* from here on: its place */
    qsort(groups, num, sizeof(*groups), by_number);
    for (uint32_t i = 0; i < data->shape.num_clips; i++) {
        const struct group key = {.number = data->groups[i]};
        const struct group *found = bsearch(&key, groups, num, sizeof(*groups), by_number);

        ret_places[i] = found ? (uint32_t)found->lot : 0;
    }
    free(groups);
    *ret_num = num;
    return num < min_groups ? TYTO_ERR_INVALID : TYTO_OK;
}

enum tyto_err tyto_folds_assign(const struct tyto_dataset *data, uint32_t num_folds, uint64_t seed,
                                uint32_t *ret_folds)
{
    uint32_t num = 0;
    const enum tyto_err err = deal(data, seed, num_folds, ret_folds, &num);

    for (uint32_t i = 0; i < data->shape.num_clips && !err; i++)
        ret_folds[i] %= num_folds;
    return err;
}

enum tyto_err tyto_folds_hold_out(const struct tyto_dataset *data, float share, uint64_t seed,
                                  bool *ret_is_val)
{
    uint32_t *places = calloc(data->shape.num_clips, sizeof(*places));
    uint32_t num = 0, wanted = 0;
    enum tyto_err err = places ? deal(data, seed, 2, places, &num) : TYTO_ERR_NOMEM;

    wanted = (uint32_t)((double)share * num + 0.5);
    wanted = wanted < 1 ? 1 : wanted;
    wanted = num > 0 && wanted > num - 1 ? num - 1 : wanted;
    for (uint32_t i = 0; i < data->shape.num_clips && !err; i++) {
        /* spread evenly over the dealt order, so over the classes */
        const uint64_t place = places[i];

        ret_is_val[i] = (place + 1) * wanted / num > place * wanted / num;
    }
    free(places);
    return err;
}
