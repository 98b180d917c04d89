/* SPDX-License-Identifier: MIT */
/* ZAP (RFC 27): libzmq asks at inproc://zeromq.zap.01 about each peer that shakes hands, and waits
 * for the answer. One thread answers. */
#include "daemon/access/access.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "base/clock.h"
#include "daemon/access/clients.h"
#include "files/key_file.h"

enum {
    ZAP_ENFORCE_DOMAIN = 93, /* of libzmq 4.3, declared with its draft API only */
    MAX_FRAMES = 16,
    FRAME_BYTES = 256,
    CHECK_MS = 20000,
    WAIT_MS = 1000,
    LOG_EVERY_S = 10,
};

#define DOMAIN "tyto"

struct tyto_access {
    struct tyto_log log;
    char clients_path[1024];
    char server_key[TYTO_KEY_CHARS + 1];
    pthread_mutex_t lock; /* guards clients and version */
    struct tyto_access_clients clients;
    uint64_t version;
    atomic_uint_fast64_t generation, num_refused;
    atomic_bool is_checking;           /* the stranger is ours */
    atomic_uint_fast64_t next_tell_ns; /* when a refusal is logged again */
    struct guard {
        struct tyto_access *access;
        void *zap; /* the thread's */
        pthread_t thread;
        atomic_uint_fast64_t turned_ns; /* when it last did anything, or found nothing to do */
    } guards[TYTO_ACCESS_MAX_CONTEXTS];
    uint32_t num_guards;
};

/* --- answers ---------------------------------------------------------------------------------- */

struct frame {
    char bytes[FRAME_BYTES];
    size_t num;
};

/* All frames of one request; those that do not fit count, but are not kept. 0: there is none, the
 * context has ended. */
static uint32_t receive(void *zap, struct frame frames[MAX_FRAMES])
{
    int has_more = 1;
    uint32_t num = 0;
    while (has_more) {
        struct frame surplus;
        struct frame *frame = num < MAX_FRAMES ? &frames[num] : &surplus;
        const int num_bytes = zmq_recv(zap, frame->bytes, sizeof(frame->bytes), 0);
        size_t option_bytes = sizeof(has_more);
        if (num_bytes < 0 && errno == EINTR)
            continue;
        if (num_bytes < 0 || zmq_getsockopt(zap, ZMQ_RCVMORE, &has_more, &option_bytes) != 0)
            return 0;
        frame->num = (size_t)num_bytes;
        num++;
    }
    return num;
}

static bool is_text(const struct frame *frame, const char *text)
{
    return frame->num == strlen(text) && memcmp(frame->bytes, text, frame->num) == 0;
}

/* Who a client is, to those who ask later: as he is now. */
static void name_user(const struct tyto_access_client *client,
                      char ret_user[TYTO_ACCESS_USER_MAX + 1])
{
    snprintf(ret_user, TYTO_ACCESS_USER_MAX + 1, "%s#%llu", client->name,
             (unsigned long long)client->version);
}

/* Whether the key of these frames is a client's; who he is then. */
static bool is_known(struct tyto_access *access, const struct frame *frames, uint32_t num,
                     char ret_user[TYTO_ACCESS_USER_MAX + 1])
{
    /* version, request, domain, address, identity, mechanism, key */
    if (num != 7 || !is_text(&frames[2], DOMAIN) || !is_text(&frames[5], "CURVE") ||
        frames[6].num != TYTO_ACCESS_KEY_BYTES)
        return false;
    pthread_mutex_lock(&access->lock);
    const struct tyto_access_client *client =
        tyto_access_clients_keyed(&access->clients, (const uint8_t *)frames[6].bytes);
    if (client)
        name_user(client, ret_user);
    pthread_mutex_unlock(&access->lock);
    return client != NULL;
}

static void note_refusal(struct tyto_access *access)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    if (atomic_load(&access->is_checking))
        return;
    atomic_fetch_add(&access->num_refused, 1);
    uint64_t next_ns = atomic_load(&access->next_tell_ns);
    if (now_ns < next_ns || !atomic_compare_exchange_strong(&access->next_tell_ns, &next_ns,
                                                            now_ns + LOG_EVERY_S * TYTO_NS_PER_S))
        return;
    tyto_log_write(&access->log, TYTO_LOG_WARNING, "access",
                   "a peer without a known key was refused, %llu so far",
                   (unsigned long long)atomic_load(&access->num_refused));
}

/* False: the context has ended. */
static bool answer_one(struct tyto_access *access, void *zap, struct frame *frames)
{
    static const int more = ZMQ_SNDMORE;
    char name[TYTO_ACCESS_USER_MAX + 1] = "";
    const uint32_t num = receive(zap, frames);
    if (num == 0)
        return false;
    const bool is_good = is_known(access, frames, num, name);
    if (!is_good)
        note_refusal(access);
    const struct frame *request = num > 1 ? &frames[1] : &frames[0];
    const bool is_sent = zmq_send(zap, "1.0", 3, more) >= 0 &&
                         zmq_send(zap, request->bytes, request->num, more) >= 0 &&
                         zmq_send(zap, is_good ? "200" : "400", 3, more) >= 0 &&
                         zmq_send(zap, is_good ? "OK" : "no", 2, more) >= 0 &&
                         zmq_send(zap, name, strlen(name), more) >= 0 &&
                         zmq_send(zap, "", 0, 0) >= 0;
    return is_sent || errno != ETERM;
}

static void *answer_all(void *user)
{
    struct guard *guard = user;
    struct frame *frames = calloc(MAX_FRAMES, sizeof(*frames));
    bool is_going = frames != NULL;
    pthread_setname_np(pthread_self(), "tyto-access");
    while (is_going) {
        zmq_pollitem_t item = {guard->zap, 0, ZMQ_POLLIN, 0};
        const int num = zmq_poll(&item, 1, WAIT_MS);
        if (num > 0)
            is_going = answer_one(guard->access, guard->zap, frames);
        else
            is_going = num == 0 || errno == EINTR;
        atomic_store(&guard->turned_ns, tyto_clock_mono_ns());
    }
    free(frames);
    zmq_close(guard->zap);
    return NULL;
}

enum tyto_err tyto_access_guard(struct tyto_access *access, void *context)
{
    const int no_wait = 0;
    if (access->num_guards == TYTO_ACCESS_MAX_CONTEXTS)
        return TYTO_ERR_FULL;
    struct guard *guard = &access->guards[access->num_guards];
    guard->access = access;
    guard->zap = zmq_socket(context, ZMQ_REP);
    atomic_store(&guard->turned_ns, tyto_clock_mono_ns());
    if (!guard->zap)
        return TYTO_ERR_NOMEM;
    enum tyto_err err = TYTO_OK;
    if (zmq_setsockopt(guard->zap, ZMQ_LINGER, &no_wait, sizeof(no_wait)) != 0 ||
        zmq_bind(guard->zap, "inproc://zeromq.zap.01") != 0)
        err = TYTO_ERR_IO;
    if (!err && pthread_create(&guard->thread, NULL, answer_all, guard) != 0)
        err = TYTO_ERR_NOMEM;
    access->num_guards += !err;
    if (err)
        zmq_close(guard->zap);
    return err;
}

enum tyto_err tyto_access_protect(const struct tyto_access *access, void *socket)
{
    const int yes = 1;
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof(yes)) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, access->server_key,
                       sizeof(access->server_key)) != 0 ||
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, DOMAIN, sizeof(DOMAIN) - 1) != 0)
        return TYTO_ERR_IO;
    /* Without an answer nobody is let in. A libzmq that does not know it shows at the check. */
    (void)zmq_setsockopt(socket, ZAP_ENFORCE_DOMAIN, &yes, sizeof(yes));
    return TYTO_OK;
}

/* --- the check -------------------------------------------------------------------------------- */

/* Event of a handshake; 0: nothing came in time. */
static int wait_for_handshake(void *monitor)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + CHECK_MS * TYTO_NS_PER_MS;
    while (tyto_clock_mono_ns() < until_ns) {
        zmq_pollitem_t item = {monitor, 0, ZMQ_POLLIN, 0};
        uint8_t frame[6];
        char address[FRAME_BYTES];
        uint16_t event;
        if (zmq_poll(&item, 1, 100) <= 0 ||
            zmq_recv(monitor, frame, sizeof(frame), ZMQ_DONTWAIT) != (int)sizeof(frame))
            continue;
        (void)zmq_recv(monitor, address, sizeof(address), ZMQ_DONTWAIT);
        memcpy(&event, frame, sizeof(event));
        return event;
    }
    return 0;
}

static int try_key(void *socket, void *monitor, const char *server_public, const char *endpoint)
{
    static const char address[] = "inproc://tyto-access-check";
    const int no_wait = 0;
    char public_key[TYTO_KEY_CHARS + 1], secret_key[TYTO_KEY_CHARS + 1];
    const int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                       ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    if (zmq_curve_keypair(public_key, secret_key) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, TYTO_KEY_CHARS + 1) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, sizeof(public_key)) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, sizeof(secret_key)) != 0 ||
        zmq_setsockopt(socket, ZMQ_LINGER, &no_wait, sizeof(no_wait)) != 0 ||
        zmq_socket_monitor(socket, address, events) != 0 || zmq_connect(monitor, address) != 0 ||
        zmq_connect(socket, endpoint) != 0)
        return 0;
    return wait_for_handshake(monitor);
}

enum tyto_err tyto_access_check_closed(struct tyto_access *access, void *context, int type,
                                       const char *endpoint, struct tyto_fault *ret_fault)
{
    char server_public[TYTO_KEY_CHARS + 1];
    void *socket = zmq_socket(context, type);
    void *monitor = zmq_socket(context, ZMQ_PAIR);
    int event = 0;
    atomic_store(&access->is_checking, true);
    if (socket && monitor && zmq_curve_public(server_public, access->server_key) == 0)
        event = try_key(socket, monitor, server_public, endpoint);
    atomic_store(&access->is_checking, false);
    if (socket)
        (void)zmq_socket_monitor(socket, NULL, 0);
    if (monitor)
        zmq_close(monitor);
    if (socket)
        zmq_close(socket);
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED
                              ? "%.200s lets in a key that nobody knows: nobody is served"
                              : "%.200s did not refuse a key that nobody knows: nobody is served",
                          endpoint);
}

/* --- life ------------------------------------------------------------------------------------- */

enum tyto_err tyto_access_create(const char *server_key_path, const char *clients_path,
                                 const struct tyto_log *log, struct tyto_access **ret_access,
                                 struct tyto_fault *ret_fault)
{
    if (!zmq_has("curve"))
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                              "this libzmq was built without CURVE");
    struct tyto_access *access = calloc(1, sizeof(*access));
    if (!access)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    pthread_mutex_init(&access->lock, NULL);
    if (log)
        access->log = *log;
    snprintf(access->clients_path, sizeof(access->clients_path), "%s", clients_path);
    enum tyto_err err = tyto_key_file_read(server_key_path, true, access->server_key, ret_fault);
    if (!err)
        err = tyto_access_clients_read(clients_path, &access->clients, ret_fault);
    if (err) {
        tyto_access_destroy(&access);
        return err;
    }
    const struct tyto_access_clients none = {.num = 0};
    (void)tyto_access_clients_follow(&access->clients, &none, &access->version);
    *ret_access = access;
    return TYTO_OK;
}

void tyto_access_destroy(struct tyto_access **access)
{
    if (!access || !*access)
        return;
    for (uint32_t i = 0; i < (*access)->num_guards; i++)
        pthread_join((*access)->guards[i].thread, NULL);
    tyto_access_clients_finish(&(*access)->clients);
    explicit_bzero((*access)->server_key, sizeof((*access)->server_key));
    pthread_mutex_destroy(&(*access)->lock);
    free(*access);
    *access = NULL;
}

enum tyto_err tyto_access_reload(struct tyto_access *access, struct tyto_fault *ret_fault)
{
    struct tyto_access_clients clients;
    const enum tyto_err err = tyto_access_clients_read(access->clients_path, &clients, ret_fault);
    if (err)
        return err;
    pthread_mutex_lock(&access->lock);
    const bool differs = tyto_access_clients_follow(&clients, &access->clients, &access->version);
    struct tyto_access_clients before = access->clients;
    access->clients = clients;
    pthread_mutex_unlock(&access->lock);
    tyto_access_clients_finish(&before);
    if (differs)
        atomic_fetch_add(&access->generation, 1);
    return TYTO_OK;
}

/* --- questions -------------------------------------------------------------------------------- */

uint64_t tyto_access_generation(const struct tyto_access *access)
{
    return atomic_load(&access->generation);
}

uint64_t tyto_access_num_refused(const struct tyto_access *access)
{
    return atomic_load(&access->num_refused);
}

uint64_t tyto_access_turned_ns(const struct tyto_access *access)
{
    uint64_t first_ns = UINT64_MAX;
    for (uint32_t i = 0; i < access->num_guards; i++) {
        const uint64_t turned_ns = atomic_load(&access->guards[i].turned_ns);
        first_ns = turned_ns < first_ns ? turned_ns : first_ns;
    }
    return first_ns;
}

/* Under the lock; NULL: nobody. */
static const struct tyto_access_client *find(const struct tyto_access *access, const char *user)
{
    char name[TYTO_ACCESS_NAME_MAX + 1], as_is[TYTO_ACCESS_USER_MAX + 1];
    const size_t num = user ? strcspn(user, "#") : sizeof(name);
    if (num >= sizeof(name))
        return NULL;
    memcpy(name, user, num);
    name[num] = '\0';
    const struct tyto_access_client *client = tyto_access_clients_named(&access->clients, name);
    if (!client)
        return NULL;
    name_user(client, as_is);
    return strcmp(as_is, user) == 0 ? client : NULL;
}

bool tyto_access_knows(struct tyto_access *access, const char *user)
{
    pthread_mutex_lock(&access->lock);
    const bool is_known = find(access, user) != NULL;
    pthread_mutex_unlock(&access->lock);
    return is_known;
}

bool tyto_access_get_rights(struct tyto_access *access, const char *user,
                            struct tyto_rights *ret_rights)
{
    memset(ret_rights, 0, sizeof(*ret_rights));
    pthread_mutex_lock(&access->lock);
    const struct tyto_access_client *client = find(access, user);
    if (client)
        tyto_access_client_rights(client, ret_rights);
    pthread_mutex_unlock(&access->lock);
    return client != NULL;
}

bool tyto_access_may_read(struct tyto_access *access, const char *user, const void *topic,
                          size_t num_bytes)
{
    struct tyto_rights rights;
    char text[TYTO_RIGHTS_PREFIX_BYTES +
              1]; /* what lies behind the longest prefix does not matter */
    const size_t num = num_bytes < sizeof(text) ? num_bytes : sizeof(text) - 1;
    memcpy(text, topic, num);
    text[num] = '\0';
    return tyto_access_get_rights(access, user, &rights) && tyto_rights_allow(&rights, text);
}

bool tyto_access_is_admin(struct tyto_access *access, const char *user)
{
    pthread_mutex_lock(&access->lock);
    const struct tyto_access_client *client = find(access, user);
    const bool is_admin = client && client->is_admin;
    pthread_mutex_unlock(&access->lock);
    return is_admin;
}
