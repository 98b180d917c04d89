/* SPDX-License-Identifier: MIT */
/* libzmq's messages say on which descriptor they came, its monitor which descriptors come and go;
 * both may speak of the past, so a descriptor is looked at before it is shut down. What a peer
 * still had when it went is told without a descriptor: each connection keeps its own list, and only
 * what was added to it is ever counted down. */
#include "daemon/publish/subscribers.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/publish/endpoint.h"
#include "proto/event.h"

enum {
    MAX_PER_TURN = 256,
    MAX_NEWS_PER_TURN = 4096,
    MAX_RECORDS = 2 * TYTO_SUBSCRIBERS_MAX, /* with those that are cut off and not gone yet */
};

struct topic {
    uint32_t count; /* connections that have it; not used in a connection's own list */
    uint32_t num_bytes;
    uint8_t bytes[];
};

struct connection {
    int fd;
    bool is_cut;  /* shut down; its end has not been told yet */
    void *topics; /* tree of struct topic, owned */
    uint32_t num_topics, num_refused, num_bytes;
    double tokens; /* messages that it may send */
    uint64_t begin_ns, last_ns;
    bool has_spoken; /* it has sent a message, after its handshake */
    char user[TYTO_ACCESS_USER_MAX + 1];
};

struct tyto_subscribers {
    struct tyto_log log;
    uint32_t max_connections;
    struct tyto_access *access; /* NULL: everybody may everything */
    uint64_t generation;        /* of access, that the connections are by */
    uint32_t max_users;         /* 0: as many as connect */
    void *topics;               /* tree of struct topic, owned */
    uint32_t num_bytes;         /* of all topics */
    struct connection connections[MAX_RECORDS];
    struct tyto_subscribers_counts counts;
};

enum tyto_err tyto_subscribers_create(uint32_t max_connections, const struct tyto_log *log,
                                      struct tyto_subscribers **ret_subscribers)
{
    if (max_connections < 1 || max_connections > TYTO_SUBSCRIBERS_MAX)
        return TYTO_ERR_INVALID;
    struct tyto_subscribers *subscribers = calloc(1, sizeof(*subscribers));
    if (!subscribers)
        return TYTO_ERR_NOMEM;
    subscribers->max_connections = max_connections;
    if (log)
        subscribers->log = *log;
    *ret_subscribers = subscribers;
    return TYTO_OK;
}

void tyto_subscribers_admit(struct tyto_subscribers *subscribers, struct tyto_access *access,
                            uint32_t max_users)
{
    subscribers->access = access;
    subscribers->max_users = max_users;
    subscribers->generation = access ? tyto_access_generation(access) : 0;
}

void tyto_subscribers_forget(struct tyto_subscribers *subscribers)
{
    for (uint32_t i = 0; i < subscribers->counts.num_connections; i++)
        tdestroy(subscribers->connections[i].topics, free);
    tdestroy(subscribers->topics, free);
    subscribers->topics = NULL;
    subscribers->num_bytes = 0;
    subscribers->counts =
        (struct tyto_subscribers_counts){.num_cut_off = subscribers->counts.num_cut_off};
}

void tyto_subscribers_destroy(struct tyto_subscribers **subscribers)
{
    if (!subscribers || !*subscribers)
        return;
    tyto_subscribers_forget(*subscribers);
    free(*subscribers);
    *subscribers = NULL;
}

void tyto_subscribers_get_counts(const struct tyto_subscribers *subscribers,
                                 struct tyto_subscribers_counts *ret_counts)
{
    *ret_counts = subscribers->counts;
}

/* --- topics ------------------------------------------------------------------------------------
 */

static int compare_topics(const void *a, const void *b)
{
    const struct topic *x = a, *y = b;
    const uint32_t num = x->num_bytes < y->num_bytes ? x->num_bytes : y->num_bytes;
    const int order = memcmp(x->bytes, y->bytes, num);
    return order ? order : (x->num_bytes > y->num_bytes) - (x->num_bytes < y->num_bytes);
}

static bool is_below(const struct topic *topic, const char *prefix)
{
    const size_t num = strlen(prefix);
    return topic->num_bytes >= num && memcmp(topic->bytes, prefix, num) == 0;
}

static void count_kinds(struct tyto_subscribers_counts *counts, const struct topic *topic,
                        uint32_t by)
{
    counts->num_subscriptions += by;
    if (is_below(topic, "dbg/"))
        counts->num_debug_subscriptions += by;
    if (is_below(topic, "th/"))
        counts->num_thumbnail_subscriptions += by;
    if (is_below(topic, "lv/"))
        counts->num_live_subscriptions += by;
}

static struct topic *new_topic(const uint8_t *bytes, uint32_t num_bytes)
{
    struct topic *topic = malloc(sizeof(*topic) + num_bytes);
    if (topic) {
        topic->count = 1;
        topic->num_bytes = num_bytes;
        memcpy(topic->bytes, bytes, num_bytes);
    }
    return topic;
}

/* In the list of all. False: out of memory. */
static bool count_topic(struct tyto_subscribers *subscribers, const struct topic *topic)
{
    struct topic **found = tfind(topic, &subscribers->topics, compare_topics);
    if (found) {
        (*found)->count++;
        return true;
    }
    struct topic *added = new_topic(topic->bytes, topic->num_bytes);
    if (!added || !tsearch(added, &subscribers->topics, compare_topics)) {
        free(added);
        return false;
    }
    subscribers->num_bytes += topic->num_bytes;
    return true;
}

static void discount_topic(struct tyto_subscribers *subscribers, const struct topic *topic)
{
    struct topic **found = tfind(topic, &subscribers->topics, compare_topics);
    if (!found || --(*found)->count > 0)
        return;
    struct topic *gone = *found;
    (void)tdelete(gone, &subscribers->topics, compare_topics);
    subscribers->num_bytes -= gone->num_bytes;
    free(gone);
}

/* Takes topic. False: the connection has it already, or out of memory. */
static bool add_topic(struct tyto_subscribers *subscribers, struct connection *connection,
                      struct topic *topic)
{
    struct topic **found = tsearch(topic, &connection->topics, compare_topics);
    if (!found || *found != topic) {
        free(topic);
        return false;
    }
    if (!count_topic(subscribers, topic)) {
        (void)tdelete(topic, &connection->topics, compare_topics);
        free(topic);
        return false;
    }
    connection->num_topics++;
    connection->num_bytes += topic->num_bytes;
    count_kinds(&subscribers->counts, topic, 1);
    return true;
}

/* False: the connection does not have it. */
static bool remove_topic(struct tyto_subscribers *subscribers, struct connection *connection,
                         const struct topic *topic)
{
    struct topic **found = tfind(topic, &connection->topics, compare_topics);
    if (!found)
        return false;
    struct topic *held = *found;
    (void)tdelete(held, &connection->topics, compare_topics);
    discount_topic(subscribers, held);
    connection->num_topics--;
    connection->num_bytes -= held->num_bytes;
    count_kinds(&subscribers->counts, held, -1u);
    free(held);
    return true;
}

/* --- connections ----------------------------------------------------------------------------- */

static struct connection *find_connection(struct tyto_subscribers *subscribers, int fd)
{
    for (uint32_t i = 0; i < subscribers->counts.num_connections; i++) {
        if (subscribers->connections[i].fd == fd)
            return &subscribers->connections[i];
    }
    return NULL;
}

static void shut_down(struct tyto_subscribers *subscribers, const struct tyto_event_socket *socket,
                      int fd)
{
    subscribers->counts.num_cut_off +=
        tyto_endpoint_cut_off(socket->listen_fds, socket->num_endpoints, fd);
}

static void cut_off(struct tyto_subscribers *subscribers, const struct tyto_event_socket *socket,
                    struct connection *connection, const char *reason)
{
    if (connection->is_cut)
        return;
    connection->is_cut = true;
    shut_down(subscribers, socket, connection->fd);
    tyto_log_write(&subscribers->log, TYTO_LOG_WARNING, "publisher",
                   "a subscriber was cut off: it %s", reason);
}

/* Who has come and said nothing for the longest time makes room. */
static bool make_room(struct tyto_subscribers *subscribers, const struct tyto_event_socket *socket)
{
    struct connection *oldest = NULL;
    for (uint32_t i = 0; i < subscribers->counts.num_connections; i++) {
        struct connection *connection = &subscribers->connections[i];
        if (!connection->has_spoken && !connection->is_cut &&
            (!oldest || connection->begin_ns < oldest->begin_ns))
            oldest = connection;
    }
    if (!oldest)
        return false;
    oldest->is_cut = true;
    shut_down(subscribers, socket, oldest->fd);
    return true;
}

static void add_connection(struct tyto_subscribers *subscribers,
                           const struct tyto_event_socket *socket, int fd)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    const bool is_full = subscribers->counts.num_connections >= subscribers->max_connections;
    if (is_full)
        tyto_log_write(&subscribers->log, TYTO_LOG_WARNING, "publisher",
                       "a subscriber was turned away: %u are connected, no more are served",
                       subscribers->max_connections);
    if (subscribers->counts.num_connections == MAX_RECORDS ||
        (is_full && !make_room(subscribers, socket))) {
        shut_down(subscribers, socket, fd);
        return;
    }
    subscribers->connections[subscribers->counts.num_connections++] = (struct connection){
        .fd = fd, .tokens = TYTO_SUBSCRIBER_BURST, .begin_ns = now_ns, .last_ns = now_ns};
}

static void remove_connection(struct tyto_subscribers *subscribers, int fd)
{
    struct connection *connection = find_connection(subscribers, fd);
    if (!connection)
        return;
    while (connection->topics) /* the root of the tree, until there is none */
        (void)remove_topic(subscribers, connection, *(struct topic **)connection->topics);
    *connection = subscribers->connections[--subscribers->counts.num_connections];
}

/* One frame of an event and its address; false when there is none. */
static bool take_news(struct tyto_subscribers *subscribers, const struct tyto_event_socket *socket)
{
    struct {
        uint16_t event;
        uint32_t value;
    } news;
    uint8_t frame[6], address[256];
    if (zmq_recv(socket->monitor, frame, sizeof(frame), ZMQ_DONTWAIT) != (int)sizeof(frame))
        return false;
    (void)zmq_recv(socket->monitor, address, sizeof(address), ZMQ_DONTWAIT);
    memcpy(&news.event, frame, sizeof(news.event));
    memcpy(&news.value, frame + sizeof(news.event), sizeof(news.value));
    if (news.event == ZMQ_EVENT_DISCONNECTED)
        remove_connection(subscribers, (int)news.value);
    else if (!find_connection(subscribers, (int)news.value))
        add_connection(subscribers, socket, (int)news.value);
    return true;
}

/* Whether the connection may send one more. */
static bool spend(struct connection *connection)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    tyto_bucket_fill(&connection->tokens, (double)(now_ns - connection->last_ns) / 1e9,
                     TYTO_SUBSCRIBER_PER_S, TYTO_SUBSCRIBER_BURST);
    connection->last_ns = now_ns;
    return tyto_bucket_take(&connection->tokens);
}

static void cut_largest(struct tyto_subscribers *subscribers,
                        const struct tyto_event_socket *socket)
{
    struct connection *largest = NULL;
    for (uint32_t i = 0; i < subscribers->counts.num_connections; i++) {
        struct connection *connection = &subscribers->connections[i];
        if (!connection->is_cut && (!largest || connection->num_bytes > largest->num_bytes))
            largest = connection;
    }
    if (largest)
        cut_off(subscribers, socket, largest,
                "holds the most of more subscriptions than there is room for");
}

/* --- what comes upstream ---------------------------------------------------------------------- */

static bool is_about(const struct topic *topic, const char *prefix)
{
    const size_t num = topic->num_bytes < strlen(prefix) ? topic->num_bytes : strlen(prefix);
    return memcmp(topic->bytes, prefix, num) == 0;
}

/* Whoever speaks for the first time has shaken hands. */
static void greet(struct tyto_subscribers *subscribers, const struct tyto_event_socket *socket,
                  struct connection *connection, const char *user)
{
    uint32_t num_users = 0;
    for (uint32_t i = 0; i < subscribers->counts.num_connections; i++)
        num_users += subscribers->connections[i].has_spoken && !subscribers->connections[i].is_cut;
    connection->has_spoken = true;
    if (subscribers->access) {
        snprintf(connection->user, sizeof(connection->user), "%s", user ? user : "");
        if (!tyto_access_knows(subscribers->access, connection->user))
            cut_off(subscribers, socket, connection, "is nobody who is known");
    }
    if (subscribers->max_users && num_users >= subscribers->max_users)
        cut_off(subscribers, socket, connection, "is one more than publish.max_users");
}

/* Whose rights have changed must come again. */
static void check_rights(struct tyto_subscribers *subscribers,
                         const struct tyto_event_socket *socket)
{
    const uint64_t generation = tyto_access_generation(subscribers->access);
    if (generation == subscribers->generation)
        return;
    subscribers->generation = generation;
    for (uint32_t i = 0; i < subscribers->counts.num_connections; i++) {
        struct connection *connection = &subscribers->connections[i];
        if (connection->has_spoken && !tyto_access_knows(subscribers->access, connection->user))
            cut_off(subscribers, socket, connection, "has other rights now, or none");
    }
}

static bool may_read(const struct tyto_subscribers *subscribers,
                     const struct connection *connection, const struct topic *topic)
{
    if (!subscribers->access ||
        tyto_access_may_read(subscribers->access, connection->user, topic->bytes, topic->num_bytes))
        return true;
    char shown[64];
    snprintf(shown, sizeof(shown), "%.*s",
             (int)(topic->num_bytes < sizeof(shown) ? topic->num_bytes : sizeof(shown) - 1),
             (const char *)topic->bytes);
    tyto_text_make_printable(shown);
    tyto_log_write(&subscribers->log, TYTO_LOG_WARNING, "publisher",
                   "%.*s may not subscribe to '%s': it is beyond what the file of clients allows",
                   (int)strcspn(connection->user, "#"), connection->user, shown);
    return false;
}

/* With XPUB_MANUAL nothing is subscribed unless we say so: here rights are checked. Takes topic. */
static void subscribe(struct tyto_subscribers *subscribers, const struct tyto_event_socket *socket,
                      struct connection *connection, struct topic *topic,
                      struct tyto_subscribers_news *news)
{
    const bool is_long = topic->num_bytes > TYTO_TOPIC_MAX_BYTES;
    const bool is_refused = is_long || !may_read(subscribers, connection, topic);
    if (is_refused) {
        /* libzmq keeps it nevertheless, until the connection ends. */
        connection->num_refused++;
        connection->num_bytes += topic->num_bytes;
    }
    if (is_long)
        tyto_log_write(&subscribers->log, TYTO_LOG_WARNING, "publisher",
                       "a subscription was refused: its topic is longer than any topic");
    if (connection->num_topics + connection->num_refused >= TYTO_SUBSCRIBER_MAX_SUBSCRIPTIONS ||
        connection->num_bytes >= TYTO_SUBSCRIBER_MAX_BYTES)
        cut_off(subscribers, socket, connection, "has subscribed too often");
    if (is_refused || connection->is_cut) {
        free(topic);
        return;
    }
    const bool for_states = is_about(topic, "st/") || is_about(topic, "md/");
    const bool for_events = is_about(topic, "ev/");
    if (zmq_setsockopt(socket->xpub, ZMQ_SUBSCRIBE, topic->bytes, topic->num_bytes) != 0) {
        free(topic);
        return;
    }
    (void)add_topic(subscribers, connection, topic);
    news->for_states |= for_states;
    news->for_events |= for_events;
}

/* Its descriptor is -1 for what a peer that is gone leaves behind, which take_news() sees to. */
static void take_message(struct tyto_subscribers *subscribers,
                         const struct tyto_event_socket *socket, zmq_msg_t *message,
                         struct tyto_subscribers_news *news)
{
    const int fd = zmq_msg_get(message, ZMQ_SRCFD);
    const uint8_t *bytes = zmq_msg_data(message);
    const size_t num_bytes = zmq_msg_size(message);
    struct connection *connection = fd >= 0 ? find_connection(subscribers, fd) : NULL;
    if (!connection) /* gone, or turned away */
        return;
    if (!connection->has_spoken)
        greet(subscribers, socket, connection, zmq_msg_gets(message, "User-Id"));
    if (!spend(connection))
        cut_off(subscribers, socket, connection, "subscribes and unsubscribes without pause");
    if (num_bytes < 1 || bytes[0] > 1) /* the first byte says subscribe (1) or not (0) */
        return;
    struct topic *topic = new_topic(bytes + 1, (uint32_t)num_bytes - 1);
    if (!topic)
        return;
    if (bytes[0] == 1) {
        subscribe(subscribers, socket, connection, topic, news);
        return;
    }
    if (remove_topic(subscribers, connection, topic))
        (void)zmq_setsockopt(socket->xpub, ZMQ_UNSUBSCRIBE, topic->bytes, topic->num_bytes);
    free(topic);
}

/* Its connection is known by the time a message is: libzmq tells of it first. */
static bool take_one(struct tyto_subscribers *subscribers, const struct tyto_event_socket *socket,
                     struct tyto_subscribers_news *news)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    const bool is_there = zmq_msg_recv(&message, socket->xpub, ZMQ_DONTWAIT) >= 0;
    for (int i = 0; i < MAX_NEWS_PER_TURN && is_there && take_news(subscribers, socket); i++)
        ;
    if (is_there)
        take_message(subscribers, socket, &message, news);
    zmq_msg_close(&message);
    return is_there;
}

void tyto_subscribers_take(struct tyto_subscribers *subscribers,
                           const struct tyto_event_socket *socket,
                           struct tyto_subscribers_news *ret_news)
{
    *ret_news = (struct tyto_subscribers_news){.for_states = false};
    if (subscribers->access)
        check_rights(subscribers, socket);
    for (int i = 0; i < MAX_NEWS_PER_TURN && take_news(subscribers, socket); i++)
        ;
    for (int i = 0; i < MAX_PER_TURN && take_one(subscribers, socket, ret_news); i++)
        ;
    if (subscribers->num_bytes > TYTO_SUBSCRIBERS_MAX_TOPIC_BYTES)
        cut_largest(subscribers, socket);
    ret_news->is_over = subscribers->num_bytes > 2 * TYTO_SUBSCRIBERS_MAX_TOPIC_BYTES;
}
