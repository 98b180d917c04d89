/* SPDX-License-Identifier: MIT */
/* Who may come to the page: sessions that end, and tries that are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "web/users/limits.h"
#include "web/users/sessions.h"

enum { NUM_FLOOD = 10000 };

/* --- sessions -------------------------------------------------------------------------------- */

struct over {
    uint64_t last;
    uint32_t num;
};

static void on_over(void *user, uint64_t id)
{
    struct over *over = user;
    over->last = id;
    over->num++;
}

static struct tyto_user made(const char *name)
{
    struct tyto_user user = {.role = TYTO_ROLE_VIEWER, .hash = "$argon2id$v=19$m=8,t=1,p=1$x"};
    snprintf(user.name, sizeof(user.name), "%s", name);
    return user;
}

static void a_session_ends_by_rest_by_age_and_by_hand(void **state)
{
    (void)state;
    struct over over = {0};
    struct tyto_sessions *sessions = tyto_sessions_new(on_over, &over);
    const struct tyto_user anna = made("anna");
    char secret[TYTO_SESSION_SECRET_CHARS + 1];
    const struct tyto_session *session = tyto_sessions_begin(sessions, &anna, 1000, secret);
    const uint64_t id = session->id;
    assert_int_equal(strlen(secret), TYTO_SESSION_SECRET_CHARS);
    assert_null(strstr(secret, session->token));
    assert_non_null(tyto_sessions_use(sessions, secret, 1000 + TYTO_SESSION_IDLE_S - 1));
    assert_non_null(tyto_sessions_use(sessions, secret, 1000 + 2 * TYTO_SESSION_IDLE_S - 2));
    assert_null(tyto_sessions_use(sessions, secret, 1000 + 3 * TYTO_SESSION_IDLE_S - 2));
    assert_int_equal(over.last, id);
    assert_int_equal(tyto_sessions_num(sessions), 0);

    assert_non_null(tyto_sessions_begin(sessions, &anna, 0, secret));
    int64_t now_s = 0;
    for (; now_s + 3600 < TYTO_SESSION_WHOLE_S; now_s += 3600)
        assert_non_null(tyto_sessions_use(sessions, secret, now_s));
    tyto_sessions_sweep(sessions, TYTO_SESSION_WHOLE_S - 1);
    assert_int_equal(over.num, 1);
    tyto_sessions_sweep(sessions, TYTO_SESSION_WHOLE_S);
    assert_int_equal(over.num, 2);

    tyto_sessions_end(sessions, tyto_sessions_begin(sessions, &anna, 0, secret)->id);
    assert_null(tyto_sessions_use(sessions, secret, 1));
    tyto_sessions_end(sessions, 0);
    tyto_sessions_end(sessions, 12345);
    assert_int_equal(over.num, 3);
    tyto_sessions_free(sessions);
}

static void a_secret_is_a_secret(void **state)
{
    (void)state;
    struct over over = {0};
    struct tyto_sessions *sessions = tyto_sessions_new(on_over, &over);
    const struct tyto_user anna = made("anna");
    char secret[TYTO_SESSION_SECRET_CHARS + 1], other[TYTO_SESSION_SECRET_CHARS + 1];
    (void)tyto_sessions_begin(sessions, &anna, 0, secret);
    (void)tyto_sessions_begin(sessions, &anna, 0, other);
    assert_string_not_equal(secret, other);
    assert_null(tyto_sessions_use(sessions, "", 0));
    other[TYTO_SESSION_SECRET_CHARS - 1] = other[TYTO_SESSION_SECRET_CHARS - 1] == '0' ? '1' : '0';
    assert_null(tyto_sessions_use(sessions, other, 0));
    other[TYTO_SESSION_SECRET_CHARS - 1] = '\0';
    assert_null(tyto_sessions_use(sessions, other, 0));
    assert_non_null(tyto_sessions_use(sessions, secret, 0));
    tyto_sessions_free(sessions);
}

static void sessions_are_bounded_and_the_longest_unused_goes(void **state)
{
    (void)state;
    struct over over = {0};
    struct tyto_sessions *sessions = tyto_sessions_new(on_over, &over);
    const struct tyto_user anna = made("anna");
    char first[TYTO_SESSION_SECRET_CHARS + 1], second[TYTO_SESSION_SECRET_CHARS + 1];
    char rest[TYTO_SESSION_SECRET_CHARS + 1];
    (void)tyto_sessions_begin(sessions, &anna, 0, first);
    (void)tyto_sessions_begin(sessions, &anna, 1, second);
    assert_non_null(tyto_sessions_use(sessions, first, 2));
    for (int i = 2; i <= TYTO_SESSIONS_MAX_OF_USER; i++)
        (void)tyto_sessions_begin(sessions, &anna, 3, rest);
    assert_int_equal(tyto_sessions_num(sessions), TYTO_SESSIONS_MAX_OF_USER);
    assert_null(tyto_sessions_use(sessions, second, 4));
    assert_non_null(tyto_sessions_use(sessions, first, 4));
    for (int i = 0; i < TYTO_SESSIONS_MAX + 50; i++) {
        char name[TYTO_USER_NAME_MAX + 1];
        snprintf(name, sizeof(name), "u%d", i / TYTO_SESSIONS_MAX_OF_USER);
        const struct tyto_user user = made(name);
        (void)tyto_sessions_begin(sessions, &user, 10 + i, rest);
    }
    assert_int_equal(tyto_sessions_num(sessions), TYTO_SESSIONS_MAX);
    assert_null(tyto_sessions_use(sessions, first, 2000));
    assert_non_null(tyto_sessions_use(sessions, rest, 2000));
    tyto_sessions_free(sessions);
}

static void another_password_or_role_ends_sessions(void **state)
{
    (void)state;
    struct over over = {0};
    struct tyto_sessions *sessions = tyto_sessions_new(on_over, &over);
    struct tyto_user items[] = {made("anna"), made("viv"), made("eve"), made("ian")};
    struct tyto_users users = {.items = items, .num = 4};
    char secrets[4][TYTO_SESSION_SECRET_CHARS + 1];
    for (int i = 0; i < 4; i++)
        (void)tyto_sessions_begin(sessions, &items[i], 0, secrets[i]);
    tyto_sessions_follow(sessions, &users);
    assert_int_equal(over.num, 0);
    items[0].hash[10] = 'x';
    items[1].role = TYTO_ROLE_ADMIN;
    users.num = 3; /* ian is gone */
    tyto_sessions_follow(sessions, &users);
    assert_int_equal(over.num, 3);
    for (int i = 0; i < 4; i++)
        assert_int_equal(tyto_sessions_use(sessions, secrets[i], 1) != NULL, i == 2);
    tyto_sessions_free(sessions);
}

/* --- tries ------------------------------------------------------------------------------------ */

static uint32_t try(struct tyto_limits *limits, const char *address, const char *name,
                    const char *browser, int64_t now_ms)
{
    struct tyto_limits_try attempt = {
        .address = address, .name = name, .browser = browser, .is_user = name[0] != '-'};
    return tyto_limits_take(limits, &attempt, now_ms);
}

static void an_address_has_ten_tries_and_then_one_every_three_seconds(void **state)
{
    (void)state;
    struct tyto_limits *limits = tyto_limits_new();
    for (int i = 0; i < 10; i++) {
        char name[8];
        snprintf(name, sizeof(name), "u%d", i);
        assert_int_equal(try(limits, "10.0.0.1", name, NULL, 1000), 0);
    }
    const uint32_t wait_s = try(limits, "10.0.0.1", "u0", NULL, 1000);
    assert_int_equal(wait_s, 3);
    assert_int_equal(try(limits, "10.0.0.1", "u0", NULL, 1000 + 2900), 1);
    assert_int_equal(try(limits, "10.0.0.1", "u0", NULL, 1000 + 3000), 0);
    assert_int_not_equal(try(limits, "10.0.0.1", "u0", NULL, 1000 + 3000), 0);
    assert_int_equal(try(limits, "10.0.0.2", "u0", NULL, 1000 + 3000), 0);
    int num = 0;
    for (int64_t ms = 5000; ms < 5000 + 3600 * 1000; ms += 100)
        num += try(limits, "10.0.0.1", "-", NULL, ms) == 0;
    assert_in_range(num, 700, 1210); /* an hour of trying */
    tyto_limits_free(limits);
}

static void a_flood_from_an_address_keeps_nobody_else_out(void **state)
{
    (void)state;
    struct tyto_limits *limits = tyto_limits_new();
    int num = 0;
    for (int i = 0; i < NUM_FLOOD; i++)
        num += try(limits, "6.6.6.6", "anna", NULL, 1000 + i) == 0;
    assert_in_range(num, 10, 20);
    /* Another address; the same one by a browser that is known; another user of the other. */
    assert_int_equal(try(limits, "10.0.0.1", "anna", NULL, 11000), 0);
    assert_int_equal(try(limits, "6.6.6.6", "anna", "b1", 11000), 0);
    assert_int_equal(try(limits, "10.0.0.1", "viv", NULL, 11000), 0);
    /* The same address waits some seconds. */
    const uint32_t wait_s = try(limits, "6.6.6.6", "anna", NULL, 11000);
    assert_in_range(wait_s, 1, 60);
    assert_int_equal(try(limits, "6.6.6.6", "anna", NULL, 11000 + 1000 * (int64_t)wait_s), 0);
    tyto_limits_free(limits);
}

static void many_addresses_together_do_not_guess_faster(void **state)
{
    (void)state;
    struct tyto_limits *limits = tyto_limits_new();
    int num[2] = {0};
    for (int i = 0; i < 2 * NUM_FLOOD; i++) {
        char address[16];
        snprintf(address, sizeof(address), "10.%d.%d.1", i % 5000 / 250, i % 250);
        /* A name that nobody has looks as a user's does. */
        num[i % 2] += try(limits, address, i % 2 ? "-nobody" : "anna", NULL, 1000 + i) == 0;
    }
    /* In 20 s: 30 and one in two seconds, and 10 and one in five. */
    assert_in_range(num[0], 30, 56);
    assert_in_range(num[1], 30, 56);
    assert_int_equal(try(limits, "10.0.0.1", "anna", "b1", 21000), 0);
    tyto_limits_free(limits);
}

static void a_browser_has_its_own_and_a_right_password_gives_back(void **state)
{
    (void)state;
    struct tyto_limits *limits = tyto_limits_new();
    for (int i = 0; i < 10; i++)
        assert_int_equal(try(limits, "10.0.0.1", "anna", "b1", 1000), 0);
    assert_int_not_equal(try(limits, "10.0.0.1", "anna", "b1", 1000), 0);
    assert_int_equal(try(limits, "10.0.0.1", "anna", "b2", 1000), 0);
    assert_int_equal(try(limits, "10.0.0.1", "anna", NULL, 1000), 0);
    for (int i = 0; i < 200; i++) {
        struct tyto_limits_try attempt = {.address = "10.0.0.9", .name = "viv", .is_user = true};
        assert_int_equal(tyto_limits_take(limits, &attempt, 1000), 0);
        tyto_limits_give_back(limits, &attempt, 1000);
    }
    tyto_limits_free(limits);
}

/* --- passwords ------------------------------------------------------------------------------- */

static void a_password_is_right_or_not(void **state)
{
    (void)state;
    char hash[TYTO_USER_HASH_BYTES];
    struct tyto_fault fault;
    assert_int_equal(tyto_password_hash("long enough\n", hash, &fault), TYTO_ERR_INVALID);
    assert_int_equal(tyto_password_hash("too short", hash, &fault), TYTO_ERR_INVALID);
    assert_int_equal(tyto_password_hash("no \xff text at all", hash, &fault), TYTO_ERR_INVALID);
    assert_int_equal(tyto_password_hash("sch\xc3\xb6ne W\xc3\xb6rter", hash, &fault), TYTO_OK);
    assert_true(strncmp(hash, "$argon2id$", 10) == 0);
    assert_true(tyto_password_is_right(hash, "sch\xc3\xb6ne W\xc3\xb6rter"));
    assert_false(tyto_password_is_right(hash, "sch\xc3\xb6ne W\xc3\xb6rter "));
    assert_false(tyto_password_is_right(hash, ""));
    assert_false(tyto_password_is_right(NULL, "anything"));
    assert_false(tyto_password_is_right("$argon2id$nonsense", "anything"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_ends_by_rest_by_age_and_by_hand),
        cmocka_unit_test(a_secret_is_a_secret),
        cmocka_unit_test(sessions_are_bounded_and_the_longest_unused_goes),
        cmocka_unit_test(another_password_or_role_ends_sessions),
        cmocka_unit_test(an_address_has_ten_tries_and_then_one_every_three_seconds),
        cmocka_unit_test(a_flood_from_an_address_keeps_nobody_else_out),
        cmocka_unit_test(many_addresses_together_do_not_guess_faster),
        cmocka_unit_test(a_browser_has_its_own_and_a_right_password_gives_back),
        cmocka_unit_test(a_password_is_right_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
