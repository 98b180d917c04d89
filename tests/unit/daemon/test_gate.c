/* SPDX-License-Identifier: MIT */
/* libzmq listens, and more connect than there are descriptors. The clients are another process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zmq.h>

#include "base/clock.h"
#include "daemon/gate/gate.h"

enum { LIMIT = 120, KEPT = 80, MAX_CLIENTS = 400, WAIT_S = 60, NUM_WAYS = 2 };

struct listener {
    int fd;
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_in tcp;
    } address;
    socklen_t num_bytes;
    char endpoint[160];
};

static char folder[64];
static struct listener listeners[NUM_WAYS];
static int order_fd; /* to the clients; a stream of struct order, each answered by a byte */
static pid_t clients_pid;
static void *context, *xpub;
static int num_inherited; /* descriptors from KEPT on that were there before */
static int num_idle;      /* descriptors while nobody is connected */

struct order {
    int way; /* -1: all are closed */
    int num; /* that connect */
};

/* --- the clients ------------------------------------------------------------------------------ */

static void be_clients(int fd)
{
    static int fds[MAX_CLIENTS];
    int num = 0;
    struct order order;
    while (read(fd, &order, sizeof(order)) == (ssize_t)sizeof(order)) {
        while (order.way < 0 && num > 0)
            close(fds[--num]);
        for (int i = 0; order.way >= 0 && i < order.num && num < MAX_CLIENTS; i++) {
            const struct listener *listener = &listeners[order.way];
            fds[num] = socket(listener->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (fds[num] < 0 ||
                connect(fds[num++], &listener->address.any, listener->num_bytes) != 0)
                _exit(1);
        }
        if (write(fd, "", 1) != 1)
            _exit(1);
    }
    _exit(0);
}

static void tell_clients(int way, int num)
{
    const struct order order = {way, num};
    char answer;
    assert_int_equal(write(order_fd, &order, sizeof(order)), sizeof(order));
    assert_int_equal(read(order_fd, &answer, 1), 1);
}

/* --- the listening process -------------------------------------------------------------------- */

static int num_fds_from(int first)
{
    int num = 0;
    DIR *dir = opendir("/proc/self/fd");
    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        num += strtol(entry->d_name, NULL, 10) >= first &&
               strtol(entry->d_name, NULL, 10) != dirfd(dir);
    if (dir)
        closedir(dir);
    return num;
}

static int listen_at(struct listener *listener)
{
    listener->fd =
        socket(listener->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return listener->fd < 0 ||
           bind(listener->fd, &listener->address.any, listener->num_bytes) != 0 ||
           getsockname(listener->fd, &listener->address.any, &listener->num_bytes) != 0 ||
           listen(listener->fd, 256) != 0;
}

static int listen_and_fork(void **state)
{
    (void)state;
    int pair[2];
    snprintf(folder, sizeof(folder), "%s/tyto-XXXXXX", "/tmp");
    if (!mkdtemp(folder))
        return 1;
    listeners[0].address.local.sun_family = AF_UNIX;
    listeners[0].num_bytes = sizeof(struct sockaddr_un);
    snprintf(listeners[0].address.local.sun_path, sizeof(listeners[0].address.local.sun_path),
             "%s/events.sock", folder);
    snprintf(listeners[0].endpoint, sizeof(listeners[0].endpoint), "ipc://%s/events.sock", folder);
    listeners[1].address.tcp =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listeners[1].num_bytes = sizeof(struct sockaddr_in);
    if (listen_at(&listeners[0]) != 0 || listen_at(&listeners[1]) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return 1;
    snprintf(listeners[1].endpoint, sizeof(listeners[1].endpoint), "tcp://127.0.0.1:%u",
             ntohs(listeners[1].address.tcp.sin_port));
    clients_pid = fork();
    if (clients_pid == 0) {
        close(pair[0]);
        be_clients(pair[1]);
    }
    close(pair[1]);
    order_fd = pair[0];
    num_inherited = num_fds_from(KEPT);
    const struct rlimit limit = {LIMIT, LIMIT};
    context = zmq_ctx_new();
    xpub = zmq_socket(context, ZMQ_XPUB);
    if (clients_pid < 0 || !xpub || setrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        tyto_gate_set(KEPT) != TYTO_OK)
        return 1;
    for (int i = 0; i < NUM_WAYS; i++) {
        if (zmq_setsockopt(xpub, ZMQ_USE_FD, &listeners[i].fd, sizeof(int)) != 0 ||
            zmq_bind(xpub, listeners[i].endpoint) != 0)
            return 1;
    }
    num_idle = num_fds_from(0);
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    const int linger = 0;
    (void)zmq_setsockopt(xpub, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_close(xpub); /* and the listeners with it */
    zmq_ctx_term(context);
    close(order_fd);
    int status = 1;
    (void)waitpid(clients_pid, &status, 0);
    (void)unlink(listeners[0].address.local.sun_path);
    (void)rmdir(folder);
    return status;
}

static void wait_for_closed(uint64_t num)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    while (tyto_gate_num_closed() < num) {
        if (tyto_clock_mono_ns() > until_ns)
            fail_msg("%llu were closed, not %llu", (unsigned long long)tyto_gate_num_closed(),
                     (unsigned long long)num);
        usleep(1000);
    }
}

/* libzmq lets go of clients that have gone in its own time, and may take in some of those that
 * still waited: nobody is there once that has been so for a tenth of a second. */
static void wait_until_nobody_is_there(void)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    for (int num_times = 0; num_times < 20; num_times++) {
        if (num_fds_from(0) > num_idle)
            num_times = 0;
        assert_true(tyto_clock_mono_ns() < until_ns);
        usleep(5000);
    }
}

static void what_connects_beyond_its_share_is_closed_at_once(void **state)
{
    (void)state;
    for (int way = 0; way < NUM_WAYS; way++) {
        const uint64_t before = tyto_gate_num_closed();
        tell_clients(way, 150);
        wait_for_closed(before + 150 - KEPT);
        const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
        while (num_fds_from(KEPT) > num_inherited) /* one may just be on its way out */
            assert_true(tyto_clock_mono_ns() < until_ns);
        tell_clients(-1, 0);
    }
}

static void without_any_descriptor_who_connects_is_closed_too(void **state)
{
    (void)state;
    int fds[LIMIT];
    int num = 0;
    while (num < LIMIT && (fds[num] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        num++;
    assert_int_equal(errno, EMFILE);
    for (int way = 0; way < NUM_WAYS; way++) {
        const uint64_t before = tyto_gate_num_closed();
        tell_clients(way, 100);
        wait_for_closed(before + 100 - KEPT); /* those that are closed meanwhile leave room */
        tell_clients(-1, 0);
    }
    while (num > 0)
        close(fds[--num]);
}

static void what_is_kept_is_there_for_who_bounds_himself(void **state)
{
    (void)state;
    int pair[2], fds[LIMIT];
    int num = 0;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    wait_until_nobody_is_there();
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", folder);
    const int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listen_fd, 4), 0);
    errno = 0;
    assert_int_equal(tyto_gate_accept(listen_fd, SOCK_CLOEXEC), -1);
    assert_int_equal(errno, EAGAIN);
    while (num < LIMIT && (fds[num] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < KEPT + 2)
        num++;
    for (int i = 0; i < 2; i++) {
        pair[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(pair[i], (struct sockaddr *)&address, sizeof(address)), 0);
    }
    const uint64_t before = tyto_gate_num_closed();
    assert_int_equal(accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC), -1);
    assert_int_equal(errno, ECONNABORTED);
    assert_true(tyto_gate_num_closed() > before); /* other tests' clients may still be closed */
    const int fd = tyto_gate_accept(listen_fd, SOCK_CLOEXEC);
    assert_true(fd > KEPT);
    close(fd);
    close(pair[0]);
    close(pair[1]);
    close(listen_fd);
    for (; num >= 0; num--)
        close(fds[num]);
    (void)unlink(address.sun_path);
    assert_int_equal(tyto_gate_set(0), TYTO_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_connects_beyond_its_share_is_closed_at_once),
        cmocka_unit_test(without_any_descriptor_who_connects_is_closed_too),
        cmocka_unit_test(what_is_kept_is_there_for_who_bounds_himself),
    };
    return cmocka_run_group_tests(tests, listen_and_fork, end_all);
}
