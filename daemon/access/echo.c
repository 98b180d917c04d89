/* SPDX-License-Identifier: MIT */
#include "daemon/access/echo.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <zmq.h>

#include "base/clock.h"

enum {
    IPC_FILTER_PID = 58, /* of libzmq 4.3: declared as deprecated, by what some builds leave out */
    EVERY_MS = 500,
};

struct tyto_echo {
    void *near, *far; /* a message goes from near to far */
    uint64_t next_ns;
    bool is_under_way;
    atomic_uint_fast64_t num;
};

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

static void *open_end(void *context)
{
    void *socket = zmq_socket(context, ZMQ_PAIR);
    if (socket)
        (void)set_int(socket, ZMQ_LINGER, 0);
    return socket;
}

/* A name that no file has, and of which the kernel says who knocks. */
static bool connect_ends(const struct tyto_echo *echo)
{
    char address[64];
    snprintf(address, sizeof(address), "ipc://@tyto-echo-%ld-%llx", (long)getpid(),
             (unsigned long long)tyto_clock_mono_ns());
    return set_int(echo->far, IPC_FILTER_PID, (int)getpid()) && zmq_bind(echo->far, address) == 0 &&
           zmq_connect(echo->near, address) == 0;
}

enum tyto_err tyto_echo_create(void *context, struct tyto_echo **ret_echo,
                               struct tyto_fault *ret_fault)
{
    struct tyto_echo *echo = calloc(1, sizeof(*echo));
    if (!echo)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "no memory for a socket");
    echo->near = open_end(context);
    echo->far = open_end(context);
    if (!echo->near || !echo->far || !connect_ends(echo))
        tyto_echo_destroy(&echo);
    *ret_echo = echo;
    return TYTO_OK;
}

void tyto_echo_turn(struct tyto_echo *echo)
{
    char byte = 0;
    if (!echo)
        return;
    if (echo->is_under_way && zmq_recv(echo->far, &byte, 1, ZMQ_DONTWAIT) >= 0) {
        echo->is_under_way = false;
        atomic_fetch_add(&echo->num, 1);
    }
    const uint64_t now_ns = tyto_clock_mono_ns();
    if (echo->is_under_way || now_ns < echo->next_ns)
        return;
    echo->is_under_way = zmq_send(echo->near, &byte, 1, ZMQ_DONTWAIT) >= 0;
    echo->next_ns = now_ns + EVERY_MS * TYTO_NS_PER_MS;
}

uint64_t tyto_echo_num(const struct tyto_echo *echo)
{
    return echo ? atomic_load(&echo->num) : 0;
}

void tyto_echo_destroy(struct tyto_echo **echo)
{
    if (!echo || !*echo)
        return;
    if ((*echo)->near)
        zmq_close((*echo)->near);
    if ((*echo)->far)
        zmq_close((*echo)->far);
    free(*echo);
    *echo = NULL;
}
