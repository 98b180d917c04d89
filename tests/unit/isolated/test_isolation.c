/* SPDX-License-Identifier: MIT */
/* What the process of a camera is given of tytod's environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/service/isolation.h"

static void only_what_gstreamer_needs_is_handed_on(void **state)
{
    (void)state;
    char *const env[] = {(char *)(uintptr_t) "PATH=/bin",
                         (char *)(uintptr_t) "PATHS=/x",
                         (char *)(uintptr_t) "CAMERA_PASSWORD=geheim",
                         (char *)(uintptr_t) "GST_DEBUG=3",
                         (char *)(uintptr_t) "http_proxy=http://me:geheim@proxy:80",
                         (char *)(uintptr_t) "NOTIFY_SOCKET=/run/systemd/notify",
                         (char *)(uintptr_t) "CREDENTIALS_DIRECTORY=/run/credentials",
                         (char *)(uintptr_t) "LC_ALL=C.UTF-8",
                         (char *)(uintptr_t) "GST",
                         (char *)(uintptr_t) "=",
                         NULL};
    static const char *const kept[] = {"PATH=/bin", "GST_DEBUG=3", "LC_ALL=C.UTF-8"};
    char *chosen[TYTO_ISOLATION_MAX_ENV + 1];
    tyto_isolation_choose_env(env, chosen);
    for (int i = 0; i < 3; i++)
        assert_string_equal(chosen[i], kept[i]);
    assert_null(chosen[3]);
}

static void there_is_room_for_two_more(void **state)
{
    static char texts[2 * TYTO_ISOLATION_MAX_ENV][16];
    char *env[2 * TYTO_ISOLATION_MAX_ENV + 1], *chosen[TYTO_ISOLATION_MAX_ENV + 1];
    (void)state;
    for (int i = 0; i < 2 * TYTO_ISOLATION_MAX_ENV; i++) {
        snprintf(texts[i], sizeof(texts[i]), "GST_%d=", i);
        env[i] = texts[i];
    }
    env[2 * TYTO_ISOLATION_MAX_ENV] = NULL;
    tyto_isolation_choose_env(env, chosen);
    assert_string_equal(chosen[TYTO_ISOLATION_MAX_ENV - 3], texts[TYTO_ISOLATION_MAX_ENV - 3]);
    assert_null(chosen[TYTO_ISOLATION_MAX_ENV - 2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_gstreamer_needs_is_handed_on),
        cmocka_unit_test(there_is_room_for_two_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
