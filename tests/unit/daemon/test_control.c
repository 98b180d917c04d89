/* SPDX-License-Identifier: MIT */
/* The control socket: lines in, lines out, whatever clients do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control/control.h"
#include "tests/folder.h"

enum { MAX_ANSWER = 1 << 20, NUM_THREADS = 8, NUM_QUESTIONS = 200 };

static char folder[FOLDER_MAX];
static char path[64];

/* Says its number back, as often as is wanted. */
static struct tyto_json *echo(void *user, const struct tyto_json *request)
{
    uint32_t *num_asked = user;
    uint64_t number = 0, times = 1;
    (*num_asked)++; /* on one thread only: what the race detector watches */
    (void)tyto_json_u64(tyto_json_get(request, "number"), &number);
    (void)tyto_json_u64(tyto_json_get(request, "times"), &times);
    if (times == 0)
        return NULL; /* as when out of memory */
    struct tyto_json *numbers = tyto_json_new_array();
    for (uint64_t i = 0; i < times; i++)
        (void)tyto_json_append(numbers, tyto_json_new_u64(number));
    struct tyto_json *answer = tyto_json_new_object();
    (void)tyto_json_set(answer, "ok", tyto_json_new_bool(true));
    (void)tyto_json_set(answer, "numbers", numbers);
    return answer;
}

static struct tyto_control *open_control(uint32_t *num_asked)
{
    const struct tyto_control_params params = {.path = path, .answer = echo, .user = num_asked};
    struct tyto_control *control = NULL;
    struct tyto_fault fault = {.text = ""};
    if (tyto_control_create(&params, &control, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    return control;
}

static int dial(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const struct timeval timeout = {.tv_sec = 20};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    return fd;
}

static void say(int fd, const char *text)
{
    const size_t num = strlen(text);
    assert_int_equal(send(fd, text, num, MSG_NOSIGNAL), num);
}

/* One line, parsed; NULL at the end of the connection. */
static struct tyto_json *hear(int fd)
{
    char *line = malloc(MAX_ANSWER);
    struct tyto_json *json = NULL;
    size_t num = 0;
    assert_non_null(line);
    while (num < MAX_ANSWER) {
        const ssize_t got = recv(fd, line + num, 1, 0);
        if (got <= 0 || line[num] == '\n')
            break;
        num++;
    }
    if (num > 0)
        assert_int_equal(tyto_json_parse(line, num, &json, NULL, 0), TYTO_OK);
    free(line);
    return json;
}

static void hear_refusal(int fd, const char *words)
{
    struct tyto_json *json = hear(fd);
    bool ok = true;
    assert_true(tyto_json_bool(tyto_json_get(json, "ok"), &ok));
    assert_false(ok);
    assert_non_null(strstr(tyto_json_string(tyto_json_get(json, "text")), words));
    tyto_json_destroy(&json);
}

static void hear_number(int fd, uint64_t number)
{
    uint64_t got = 0;
    struct tyto_json *json = hear(fd);
    assert_true(tyto_json_u64(tyto_json_at(tyto_json_get(json, "numbers"), 0), &got));
    assert_int_equal(got, number);
    tyto_json_destroy(&json);
}

static void lines_are_answered_in_order_however_they_are_cut(void **state)
{
    uint32_t num_asked = 0;
    (void)state;
    struct tyto_control *control = open_control(&num_asked);
    const int fd = dial();
    say(fd, "{\"number\":1}\n{\"number\":2}\n\n{\"num");
    hear_number(fd, 1);
    hear_number(fd, 2);
    say(fd, "ber\":3}");
    usleep(20000);
    say(fd, "\n{\"number\":4,\"times\":50000}\n{\"number\":5}\n");
    hear_number(fd, 3);
    hear_number(fd, 4); /* larger than any buffer of the socket */
    hear_number(fd, 5);
    shutdown(fd, SHUT_WR);
    assert_null(hear(fd));
    close(fd);
    tyto_control_destroy(&control);
    assert_int_equal(num_asked, 5);
    assert_int_equal(access(path, F_OK), -1);
}

static void what_is_no_request_is_refused_and_the_next_one_answered(void **state)
{
    uint32_t num_asked = 0;
    char line[TYTO_CONTROL_LINE_MAX + 100];
    (void)state;
    struct tyto_control *control = open_control(&num_asked);
    int fd = dial();
    say(fd, "hello\n");
    hear_refusal(fd, "");
    say(fd, "[]\n");
    hear_refusal(fd, "JSON object");
    say(fd, "{\"number\":7}\n");
    hear_number(fd, 7);
    memset(line, ' ', sizeof(line));
    memcpy(line, "{\"number\":8}", 12);
    line[TYTO_CONTROL_LINE_MAX - 1] = '\n'; /* just short enough */
    line[TYTO_CONTROL_LINE_MAX] = '\0';
    say(fd, line);
    hear_number(fd, 8);
    line[TYTO_CONTROL_LINE_MAX - 1] = ' ';
    line[TYTO_CONTROL_LINE_MAX] = '\n';
    line[TYTO_CONTROL_LINE_MAX + 1] = '\0';
    say(fd, line);
    hear_refusal(fd, "4096");
    assert_null(hear(fd));
    close(fd);
    fd = dial();
    say(fd, "{\"number\":9,\"times\":0}\n"); /* no memory for an answer: let go */
    assert_null(hear(fd));
    close(fd);
    tyto_control_destroy(&control);
    assert_int_equal(num_asked, 3);
}

static void *ask_often(void *user)
{
    const uint64_t mine = (uint64_t)(uintptr_t)user;
    const int fd = dial();
    for (uint64_t i = 0; i < NUM_QUESTIONS; i++) {
        char line[64];
        snprintf(line, sizeof(line), "{\"number\":%llu}\n", (unsigned long long)(mine * 1000 + i));
        say(fd, line);
        hear_number(fd, mine * 1000 + i);
    }
    close(fd);
    return NULL;
}

static void many_clients_get_their_own_answers(void **state)
{
    uint32_t num_asked = 0;
    pthread_t threads[NUM_THREADS];
    int silent[TYTO_CONTROL_MAX_CLIENTS - NUM_THREADS];
    (void)state;
    struct tyto_control *control = open_control(&num_asked);
    for (int i = 0; i < TYTO_CONTROL_MAX_CLIENTS - NUM_THREADS; i++) {
        silent[i] = dial();
        say(silent[i], "{\"number\"");
    }
    for (uintptr_t i = 0; i < NUM_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, (void *)i), 0);
    for (int i = 0; i < NUM_THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < TYTO_CONTROL_MAX_CLIENTS - NUM_THREADS; i++)
        close(silent[i]);
    tyto_control_destroy(&control);
    assert_int_equal(num_asked, NUM_THREADS * NUM_QUESTIONS);
}

static void one_more_client_than_fit_is_served_in_place_of_an_idle_one(void **state)
{
    uint32_t num_asked = 0;
    int fds[TYTO_CONTROL_MAX_CLIENTS + 1];
    (void)state;
    struct tyto_control *control = open_control(&num_asked);
    for (int i = 0; i < TYTO_CONTROL_MAX_CLIENTS; i++) {
        fds[i] = dial();
        say(fds[i], "{\"number\":7}\n"); /* let in, in this order */
        hear_number(fds[i], 7);
    }
    say(fds[0], "{\"number\":8}\n"); /* the one after it has been idle longest */
    hear_number(fds[0], 8);
    for (int i = 2; i < TYTO_CONTROL_MAX_CLIENTS; i++)
        say(fds[i], "{"); /* a byte now and then is no request */
    fds[TYTO_CONTROL_MAX_CLIENTS] = dial();
    say(fds[TYTO_CONTROL_MAX_CLIENTS], "{\"number\":1}\n");
    hear_number(fds[TYTO_CONTROL_MAX_CLIENTS], 1);
    assert_null(hear(fds[1]));
    say(fds[0], "{\"number\":9}\n");
    hear_number(fds[0], 9);
    for (int i = 0; i <= TYTO_CONTROL_MAX_CLIENTS; i++)
        close(fds[i]);
    tyto_control_destroy(&control);
    assert_true(num_asked < 30);
}

/* Whoever clears /run clears it, too. What somebody puts there is not touched. */
static void a_socket_whose_file_is_removed_is_made_anew(void **state)
{
    uint32_t num_asked = 0;
    struct stat status;
    (void)state;
    struct tyto_control *control = open_control(&num_asked);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 200 && access(path, F_OK) != 0; i++)
        usleep(50000);
    int fd = dial();
    say(fd, "{\"number\":1}\n");
    hear_number(fd, 1);
    close(fd);
    assert_int_equal(unlink(path), 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    usleep(1500000);
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 200 && access(path, F_OK) != 0; i++)
        usleep(50000);
    fd = dial();
    say(fd, "{\"number\":2}\n");
    hear_number(fd, 2);
    close(fd);
    tyto_control_destroy(&control);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void the_socket_is_taken_over_only_from_the_dead(void **state)
{
    uint32_t num_asked = 0;
    struct tyto_control *control = NULL;
    struct tyto_fault fault = {.text = ""};
    struct stat stat_buf;
    struct tyto_control_params params = {.path = path, .answer = echo, .user = &num_asked};
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    (void)state;
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    close(fd); /* nobody listens, the file stays */
    control = open_control(&num_asked);
    assert_int_equal(stat(path, &stat_buf), 0);
    assert_int_equal(stat_buf.st_mode & 0777, 0660);
    struct tyto_control *second = NULL;
    assert_int_equal(tyto_control_create(&params, &second, &fault), TYTO_ERR_EXISTS);
    assert_non_null(strstr(fault.text, "another process"));
    assert_null(second);
    assert_int_equal(access(path, F_OK), 0); /* the first one's */
    tyto_control_destroy(&control);
    FILE *file = fopen(path, "w"); /* what is no socket is not removed */
    assert_non_null(file);
    fclose(file);
    assert_int_equal(tyto_control_create(&params, &second, &fault), TYTO_ERR_IO);
    assert_int_equal(unlink(path), 0);
    params.path = "here.sock";
    assert_int_equal(tyto_control_create(&params, &second, &fault), TYTO_ERR_INVALID);
    params.path = "/nonexistent/deep/here.sock";
    assert_int_equal(tyto_control_create(&params, &second, &fault), TYTO_ERR_IO);
}

static int make_folder(void **state)
{
    (void)state;
    if (folder_make(folder, "control") != 0)
        return 1;
    snprintf(path, sizeof(path), "%s/c.sock", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_answered_in_order_however_they_are_cut),
        cmocka_unit_test(what_is_no_request_is_refused_and_the_next_one_answered),
        cmocka_unit_test(many_clients_get_their_own_answers),
        cmocka_unit_test(one_more_client_than_fit_is_served_in_place_of_an_idle_one),
        cmocka_unit_test(a_socket_whose_file_is_removed_is_made_anew),
        cmocka_unit_test(the_socket_is_taken_over_only_from_the_dead),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
