/* SPDX-License-Identifier: MIT */
/* daemon/config/shard: one configuration for many hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/config/config.h"
#include "daemon/config/shard.h"

#define NUM_SHARD_IDS 2000

/* What another program has computed: FNV-1a, SplitMix64's last steps, and a jump in whole numbers.
 */
static void shards_are_the_same_on_every_machine(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        uint32_t num, shard;
    } known[] = {{"front-door", 2, 0},
                 {"front-door", 3, 2},
                 {"front-door", 5, 4},
                 {"front-door", 64, 58},
                 {"front-door", 4096, 2851},
                 {"yard", 2, 0},
                 {"yard", 3, 0},
                 {"yard", 5, 0},
                 {"yard", 64, 59},
                 {"yard", 4096, 2301},
                 {"cam1", 2, 1},
                 {"cam1", 3, 1},
                 {"cam1", 5, 1},
                 {"cam1", 64, 28},
                 {"cam1", 4096, 4015},
                 {"cam2", 2, 1},
                 {"cam2", 3, 1},
                 {"cam2", 5, 1},
                 {"cam2", 64, 46},
                 {"cam2", 4096, 296},
                 {"a", 2, 1},
                 {"a", 3, 1},
                 {"a", 5, 1},
                 {"a", 64, 57},
                 {"a", 4096, 572}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_int_equal(tyto_shard_of(known[i].id, known[i].num), known[i].shard);
}

static void shards_share_evenly_and_move_only_to_a_new_one(void **state)
{
    (void)state;
    for (uint32_t num = 1; num <= 12; num++) {
        uint32_t counts[16] = {0}, num_moved = 0;
        for (uint32_t i = 0; i < NUM_SHARD_IDS; i++) {
            char id[32];
            snprintf(id, sizeof(id), "cam%u", i);
            const uint32_t is = tyto_shard_of(id, num), next = tyto_shard_of(id, num + 1);
            assert_true(is < num);
            assert_true(next == is || next == num);
            counts[is]++;
            num_moved += next != is;
        }
        for (uint32_t i = 0; i < num; i++) {
            assert_true(counts[i] > NUM_SHARD_IDS / num * 7 / 10);
            assert_true(counts[i] < NUM_SHARD_IDS / num * 13 / 10);
        }
        assert_true(num_moved > NUM_SHARD_IDS / (num + 1) * 7 / 10);
        assert_true(num_moved < NUM_SHARD_IDS / (num + 1) * 13 / 10);
    }
}

static void each_camera_is_of_one_shard(void **state)
{
    (void)state;
    static const char text[] =
        "cameras:\n  - {id: a, uri: a.mp4, classes: {dog: {threshold: 0.4}}}\n"
        "  - {id: b, uri: b.mp4, zones: [{name: z, polygon: '0,0 1,0 1,1'}]}\n"
        "  - {id: c, uri: c.mp4, quiet_hours: [{times: 22:00-06:30, classes: dog}]}\n"
        "  - {id: d, uri: d.mp4}\n  - {id: e, uri: e.mp4}\nshard: 0/1\n";
    uint32_t num_taken = 0;
    for (uint32_t shard = 0; shard < 3; shard++) {
        struct tyto_config *config = NULL;
        struct tyto_fault fault = {.text = ""};
        assert_int_equal(tyto_config_parse(text, sizeof(text) - 1, "t.yaml", &config, &fault),
                         TYTO_OK);
        assert_string_equal(config->shard, "0/1");
        tyto_config_take_shard(config);
        assert_int_equal(config->num_cameras, 5);
        snprintf(config->shard, sizeof(config->shard), "%u/3", shard);
        tyto_config_take_shard(config);
        assert_int_equal(config->num_cameras + config->num_elsewhere, 5);
        for (uint32_t i = 0; i < config->num_cameras; i++)
            assert_int_equal(tyto_shard_of(config->cameras[i].id, 3), shard);
        num_taken += config->num_cameras;
        tyto_config_destroy(&config);
    }
    assert_int_equal(num_taken, 5);
}

static void bad_shards_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"3",     "3/3", "-1/3", "0/0",    "1/ 3",
                                        "/3",    "0/",  "0/3/", "0/4097", "99999999999999999999/3",
                                        "0x1/2", " 0/2"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tyto_fault fault = {.text = ""};
        assert_int_equal(tyto_shard_parse(texts[i], NULL, NULL, &fault), TYTO_ERR_INVALID);
        assert_non_null(strstr(fault.text, "must be I/N"));
    }
    uint32_t idx = 9, num = 9;
    assert_int_equal(tyto_shard_parse("", &idx, &num, NULL), TYTO_OK);
    assert_true(idx == 0 && num == 1);
    assert_int_equal(tyto_shard_parse("4095/4096", &idx, &num, NULL), TYTO_OK);
    assert_true(idx == 4095 && num == 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_the_same_on_every_machine),
        cmocka_unit_test(shards_share_evenly_and_move_only_to_a_new_one),
        cmocka_unit_test(each_camera_is_of_one_shard),
        cmocka_unit_test(bad_shards_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
