/* SPDX-License-Identifier: MIT */
/* Threads that stand still are noticed, told of, and not fed for; a hundredth of a second here is a
 * second there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/service/process.h"
#include "daemon/service/watch.h"

enum { SCALE_MS = 40 };

struct world {
    int notify_fd;
    char notify_path[64];
    atomic_uint_fast64_t fast_turns, other_turns;
    _Atomic(const char *) ended; /* the thread that on_end was called for */
    atomic_int num_lines;
    char line[256];
};

static uint64_t turns_of(const void *user)
{
    return atomic_load((const atomic_uint_fast64_t *)user);
}

static void on_end(void *user, const char *name)
{
    struct world *world = user;
    atomic_store(&world->ended, name ? name : "teardown");
}

static void on_line(void *user, enum tyto_log_level level, const char *room, const char *text)
{
    struct world *world = user;
    (void)level;
    (void)room;
    snprintf(world->line, sizeof(world->line), "%s", text);
    atomic_fetch_add(&world->num_lines, 1);
}

static uint32_t num_fed(struct world *world)
{
    char text[256];
    ssize_t num;
    uint32_t num_fed = 0;
    while ((num = recv(world->notify_fd, text, sizeof(text) - 1, MSG_DONTWAIT)) > 0) {
        text[num] = '\0';
        num_fed += strcmp(text, "WATCHDOG=1") == 0;
    }
    return num_fed;
}

static struct tyto_watch *start(struct world *world, struct tyto_log *log)
{
    *log = (struct tyto_log){.sink = on_line, .user = world, .max_level = TYTO_LOG_DEBUG};
    const struct tyto_watch_params params = {
        .threads = {{"fast", turns_of, &world->fast_turns, NULL},
                    {"other", turns_of, &world->other_turns, NULL}},
        .num_threads = 2,
        .on_end = on_end,
        .user = world,
        .feed_every_ns = SCALE_MS * TYTO_NS_PER_MS,
        .scale_ms = SCALE_MS,
        .log = log,
    };
    struct tyto_watch *watch = NULL;
    assert_int_equal(tyto_watch_create(&params, &watch), TYTO_OK);
    return watch;
}

/* Both threads turn for so long. */
static void turn(struct world *world, uint32_t ms)
{
    for (uint32_t i = 0; i < ms; i++) {
        atomic_fetch_add(&world->fast_turns, 1);
        atomic_fetch_add(&world->other_turns, 1);
        usleep(1000);
    }
}

static void turn_other(struct world *world)
{
    atomic_fetch_add(&world->other_turns, 1);
    usleep(1000);
}

/* Meanwhile the other thread alone goes on. */
static bool wait_for(bool (*is_so)(struct world *world), struct world *world)
{
    for (int i = 0; i < 10000 && !is_so(world); i++)
        turn_other(world);
    return is_so(world);
}

static bool has_ended(struct world *world)
{
    return atomic_load(&world->ended) != NULL;
}

static bool has_told(struct world *world)
{
    return atomic_load(&world->num_lines) > 0;
}

static bool has_told_twice(struct world *world)
{
    return atomic_load(&world->num_lines) > 1;
}

static void
a_thread_that_stands_still_is_told_of_and_gets_no_food_and_ends_the_process(void **state)
{
    struct world *world = *state;
    struct tyto_log log;
    struct tyto_watch *watch = start(world, &log);
    turn(world, 10 * SCALE_MS);
    assert_true(num_fed(world) >= 2);
    assert_null(tyto_watch_standing(watch));
    assert_int_equal(atomic_load(&world->num_lines), 0);
    assert_true(wait_for(has_told, world));
    (void)num_fed(world); /* what was due for its last turns */
    assert_non_null(strstr(world->line, "the fast thread has stood still for 10 s"));
    for (int i = 0; i < 10000 && !tyto_watch_standing(watch); i++) /* it is told of before that */
        turn_other(world);
    assert_non_null(tyto_watch_standing(watch));
    assert_string_equal(tyto_watch_standing(watch), "fast");
    assert_true(wait_for(has_ended, world));
    assert_string_equal(atomic_load(&world->ended), "fast");
    assert_int_equal(num_fed(world), 0);
    tyto_watch_destroy(&watch);
}

static void a_thread_that_goes_on_is_told_of_and_fed_for_again(void **state)
{
    struct world *world = *state;
    struct tyto_log log;
    struct tyto_watch *watch = start(world, &log);
    turn(world, SCALE_MS);
    assert_true(wait_for(has_told, world));
    for (int i = 0; i < 1000 && !has_told_twice(world); i++)
        turn(world, 5);
    assert_non_null(strstr(world->line, "the fast thread goes on again"));
    (void)num_fed(world);
    turn(world, 10 * SCALE_MS);
    assert_true(num_fed(world) >= 2);
    assert_null(tyto_watch_standing(watch));
    assert_false(has_ended(world));
    tyto_watch_destroy(&watch);
}

/* Until its child goes on, as the kernel does with whoever waits for a disk. */
static void *wait_undisturbed(void *user)
{
    int *fds = user;
    char byte;
    pthread_setname_np(pthread_self(), "test-disk");
    if (vfork() == 0) {
        close(fds[1]); /* else it would outlive a test that has failed */
        (void)!read(fds[0], &byte, 1);
        _exit(0);
    }
    return NULL;
}

static bool waits(struct world *world)
{
    (void)world;
    return tyto_process_waits_for_disk("test-disk");
}

static void a_thread_that_waits_for_a_disk_ends_nothing(void **state)
{
    struct world *world = *state;
    pthread_t thread;
    int fds[2];
#ifdef __SANITIZE_THREAD__
    skip(); /* makes a fork of vfork, for which nobody waits */
#endif
    assert_false(waits(world));
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_undisturbed, fds), 0);
    assert_true(wait_for(waits, world));
    const struct tyto_log log = {.sink = on_line, .user = world, .max_level = TYTO_LOG_DEBUG};
    const struct tyto_watch_params params = {
        .threads = {{"fast", turns_of, &world->fast_turns, "test-disk"},
                    {"other", turns_of, &world->other_turns, NULL}},
        .num_threads = 2,
        .on_end = on_end,
        .user = world,
        .feed_every_ns = SCALE_MS * TYTO_NS_PER_MS,
        .scale_ms = SCALE_MS,
        .log = &log,
    };
    struct tyto_watch *watch = NULL;
    assert_int_equal(tyto_watch_create(&params, &watch), TYTO_OK);
    assert_true(wait_for(has_told, world));
    assert_non_null(strstr(world->line, "the fast thread has waited for a disk for 10 s"));
    (void)num_fed(world);
    const uint64_t num_looks = tyto_watch_num_looks(watch);
    for (int i = 0; i < 10000 && tyto_watch_num_looks(watch) < num_looks + 160; i++) {
        atomic_fetch_add(&world->other_turns, 1);
        usleep(1000);
    }
    assert_false(has_ended(world));
    assert_null(tyto_watch_standing(watch));
    assert_true(num_fed(world) >= 2);
    assert_int_equal(write(fds[1], "", 1), 1);
    pthread_join(thread, NULL);
    assert_true(
        wait_for(has_ended, world)); /* it does not turn, and no disk is to blame any more */
    tyto_watch_destroy(&watch);
    close(fds[0]);
    close(fds[1]);
}

static void an_end_that_takes_too_long_is_cut_short(void **state)
{
    struct world *world = *state;
    struct tyto_log log;
    struct tyto_watch *watch = start(world, &log);
    tyto_watch_expect_end(watch, 60);
    usleep(25 * SCALE_MS * 1000); /* nobody turns, and that is all right now */
    assert_int_equal(atomic_load(&world->num_lines), 0);
    tyto_watch_expect_end(watch, 2);
    assert_true(wait_for(has_ended, world));
    assert_string_equal(atomic_load(&world->ended), "teardown");
    tyto_watch_destroy(&watch);
    watch = start(world, &log);
    tyto_watch_expect_end(watch, 1000);
    tyto_watch_destroy(&watch); /* at once, when all has ended in time */
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (!world)
        return 1;
    snprintf(world->notify_path, sizeof(world->notify_path), "/tmp/tyto-watch-%ld", (long)getpid());
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", world->notify_path);
    (void)unlink(world->notify_path);
    world->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *state = world;
    return bind(world->notify_fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 ||
           setenv("NOTIFY_SOCKET", world->notify_path, 1) != 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    close(world->notify_fd);
    unlink(world->notify_path);
    unsetenv("NOTIFY_SOCKET");
    free(world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_thread_that_stands_still_is_told_of_and_gets_no_food_and_ends_the_process, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(a_thread_that_goes_on_is_told_of_and_fed_for_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_thread_that_waits_for_a_disk_ends_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_end_that_takes_too_long_is_cut_short, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
