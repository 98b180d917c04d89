/* SPDX-License-Identifier: MIT */
#include "web/users/limits.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Of names there are never more: NUM_NOBODIES, and users, some of whom may be gone. */
enum { NUM_ADDRESSES = 4096, NUM_BROWSERS = 1024, NUM_NAMES = 2048, NUM_NOBODIES = 1024 };

struct rule {
    double most;    /* tries that may be there */
    double every_s; /* one more */
};
static const struct rule of_address = {10, 3}, of_browser = {10, 3};
static const struct rule of_user_wrong = {10, 5}, of_user_fresh = {30, 2};

struct count {
    uint64_t key; /* 0: free */
    double spent; /* tries that are not there; falls with time */
    int64_t at_ms;
};

struct tyto_limits {
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    struct count addresses[NUM_ADDRESSES], browsers[NUM_BROWSERS];
    struct count wrong[NUM_NAMES], fresh[NUM_NAMES]; /* by name: of those who were wrong; others */
};

struct tyto_limits *tyto_limits_new(void)
{
    struct tyto_limits *limits = sodium_init() < 0 ? NULL : calloc(1, sizeof(*limits));
    if (limits)
        crypto_shorthash_keygen(limits->hash_key);
    return limits;
}

void tyto_limits_free(struct tyto_limits *limits)
{
    free(limits);
}

static uint64_t key_of(const struct tyto_limits *limits, const char *text)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t key = 0;
    _Static_assert(sizeof(hash) == sizeof(key), "a key is a short hash");
    (void)crypto_shorthash(hash, (const uint8_t *)text, strlen(text), limits->hash_key);
    memcpy(&key, hash, sizeof(key));
    return key ? key : 1;
}

static void refresh(struct count *count, const struct rule *rule, int64_t now_ms)
{
    count->spent -= (double)(now_ms - count->at_ms) / 1e3 / rule->every_s;
    if (count->spent < 0)
        count->spent = 0;
    count->at_ms = now_ms;
}

/* The count of a key, which may take the place of that which was used longest ago. */
static struct count *find(struct count *counts, uint32_t num, uint64_t key, const struct rule *rule,
                          int64_t now_ms)
{
    struct count *oldest = counts;
    for (uint32_t i = 0; i < num; i++) {
        if (counts[i].key == key) {
            refresh(&counts[i], rule, now_ms);
            return &counts[i];
        }
        if (counts[i].at_ms < oldest->at_ms || (!counts[i].key && oldest->key))
            oldest = &counts[i];
    }
    *oldest = (struct count){.key = key, .at_ms = now_ms};
    return oldest;
}

static double wait_s(const struct count *count, const struct rule *rule)
{
    const double lacking = count->spent + 1 - rule->most;
    return lacking > 0 ? lacking * rule->every_s : 0;
}

/* One or two counts that a try is taken of. */
struct purse {
    struct count *counts[2];
    const struct rule *rules[2];
    int num;
};

static struct purse purse_of(struct tyto_limits *limits, struct tyto_limits_try *attempt,
                             int64_t now_ms)
{
    struct purse purse = {.num = 1};
    if (attempt->browser) {
        purse.rules[0] = &of_browser;
        purse.counts[0] = find(limits->browsers, NUM_BROWSERS, key_of(limits, attempt->browser),
                               &of_browser, now_ms);
        return purse;
    }
    const uint64_t name_key = key_of(limits, attempt->name);
    const uint64_t shared_key = 1 + name_key % NUM_NOBODIES;
    purse.num = 2;
    purse.rules[0] = &of_address;
    purse.counts[0] = find(limits->addresses, NUM_ADDRESSES, key_of(limits, attempt->address),
                           &of_address, now_ms);
    purse.rules[1] = attempt->was_wrong ? &of_user_wrong : &of_user_fresh;
    purse.counts[1] = find(attempt->was_wrong ? limits->wrong : limits->fresh, NUM_NAMES,
                           attempt->is_user ? name_key : shared_key, purse.rules[1], now_ms);
    return purse;
}

uint32_t tyto_limits_take(struct tyto_limits *limits, struct tyto_limits_try *attempt,
                          int64_t now_ms)
{
    const struct count *address = find(limits->addresses, NUM_ADDRESSES,
                                       key_of(limits, attempt->address), &of_address, now_ms);
    attempt->was_wrong = address->spent > 0;
    const struct purse purse = purse_of(limits, attempt, now_ms);
    double longest_s = 0;
    for (int i = 0; i < purse.num; i++)
        longest_s = fmax(longest_s, wait_s(purse.counts[i], purse.rules[i]));
    for (int i = 0; longest_s <= 0 && i < purse.num; i++)
        purse.counts[i]->spent += 1;
    return longest_s > 0 ? (uint32_t)ceil(longest_s) : 0;
}

void tyto_limits_give_back(struct tyto_limits *limits, struct tyto_limits_try *attempt,
                           int64_t now_ms)
{
    const struct purse purse = purse_of(limits, attempt, now_ms);
    for (int i = 0; i < purse.num; i++)
        purse.counts[i]->spent = fmax(0, purse.counts[i]->spent - 1);
}
