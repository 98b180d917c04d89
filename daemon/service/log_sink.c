/* SPDX-License-Identifier: MIT */
#include "daemon/service/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/secret.h"
#include "base/thread.h"
#include "daemon/service/log_line.h"

enum {
    NUM_SHAPES = 64,
    TEXT_BYTES = 512,
    CHUNK_BYTES = 16 * 1024,
    PIPE_BYTES = 4096,
    WAIT_MS = 1000
};

#define FLUSH_NS TYTO_NS_PER_S
/* Who logs gives up when the lock is not to be had: it is held for copies only. */
#define LOCK_NS TYTO_NS_PER_S

/* Messages that differ in numbers alone. */
struct shape {
    uint64_t hash;      /* 0: free */
    uint64_t text_hash; /* of the last one that was written */
    uint64_t written_ns, seen_ns;
    double tokens;
    uint64_t num_held_back; /* since it was written */
    enum tyto_log_level level;
    char room[32];
    char text[TEXT_BYTES]; /* of the last one held back */
};

struct tyto_log_sink {
    int fd;
    atomic_uint level;
    struct tyto_log_style style;
    pthread_t thread;
    /* There is something for the thread. No condition: whoever signals one may have to wait for a
     * waiter that stands still. */
    int wake_fd;
    atomic_bool is_writing; /* changed under the lock */
    atomic_bool is_stuck;   /* the lock was not to be had when it was last wanted */
    atomic_uint_fast64_t num_turns;
    atomic_uint_fast64_t num_unlocked; /* lines that could not be written past the thread */

    pthread_mutex_t lock; /* guards all below; held for copies only */
    bool stop;
    bool is_left;          /* whoever had the sink is gone: it is the thread's */
    bool is_over;          /* the thread touches nothing any more, unless it is left */
    size_t at, num_bytes;  /* of the lines that wait, in buffer */
    uint64_t num_left_out; /* not told yet */
    uint64_t num_left_out_ever;
    struct shape shapes[NUM_SHAPES];
    char buffer[TYTO_LOG_SINK_BYTES]; /* round */
};

/* --- what waits: locked ---------------------------------------------------------------------- */

static void put_bytes(struct tyto_log_sink *sink, const char *bytes, size_t num_bytes)
{
    const size_t end = (sink->at + sink->num_bytes) % sizeof(sink->buffer);
    const size_t room = sizeof(sink->buffer) - end;
    const size_t num_first = num_bytes < room ? num_bytes : room;
    memcpy(sink->buffer + end, bytes, num_first);
    memcpy(sink->buffer, bytes + num_first, num_bytes - num_first);
    sink->num_bytes += num_bytes;
}

static bool put_line(struct tyto_log_sink *sink, enum tyto_log_level level, const char *room,
                     const char *text)
{
    char line[TYTO_LOG_LINE_BYTES];
    const size_t num_bytes = tyto_log_line(&sink->style, level, room, text, line);
    if (num_bytes > sizeof(sink->buffer) - sink->num_bytes)
        return false;
    put_bytes(sink, line, num_bytes);
    return true;
}

/* Once lines were left out, others are too, until there is room for many: then it is told. */
static void put(struct tyto_log_sink *sink, enum tyto_log_level level, const char *room,
                const char *text)
{
    char told[96];
    if (sink->num_left_out > 0 && sink->num_bytes < sizeof(sink->buffer) / 2) {
        snprintf(told, sizeof(told), "%llu lines were left out: nobody reads them fast enough",
                 (unsigned long long)sink->num_left_out);
        sink->num_left_out = 0;
        (void)put_line(sink, TYTO_LOG_WARNING, "log", told);
    }
    if (sink->num_left_out > 0 || !put_line(sink, level, room, text)) {
        sink->num_left_out++;
        sink->num_left_out_ever++;
    }
}

/* --- floods: locked ------------------------------------------------------------------------- */

static uint64_t hash_of(enum tyto_log_level level, const char *room, const char *text,
                        bool with_numbers)
{
    uint64_t hash = tyto_hash(TYTO_HASH_INIT + level, room, strlen(room));
    while (*text) {
        const size_t num_digits = strspn(text, "0123456789");
        const size_t num_others = strcspn(text + num_digits, "0123456789");
        const size_t num_left_out = with_numbers ? 0 : num_digits;
        hash = tyto_hash(hash, text + num_left_out, num_digits - num_left_out + num_others);
        text += num_digits + num_others;
    }
    return hash ? hash : 1;
}

/* With thousands apart, for people. */
static void print_count(uint64_t count, char *ret_text, size_t text_bytes)
{
    char digits[24];
    size_t at = 0;
    const int num = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    for (int i = 0; i < num && at + 2 < text_bytes; i++) {
        if (i > 0 && (num - i) % 3 == 0)
            ret_text[at++] = ',';
        ret_text[at++] = digits[i];
    }
    ret_text[at] = '\0';
}

static void tell_held_back(struct tyto_log_sink *sink, struct shape *shape)
{
    char count[32], text[TEXT_BYTES + 64];
    if (shape->num_held_back == 0)
        return;
    print_count(shape->num_held_back, count, sizeof(count));
    snprintf(text, sizeof(text), "and %s more like: %s", count, shape->text);
    put(sink, shape->level, shape->room, text);
    shape->num_held_back = 0;
}

static struct shape *find_shape(struct tyto_log_sink *sink, uint64_t hash, uint64_t now_ns)
{
    struct shape *oldest = &sink->shapes[0];
    for (int i = 0; i < NUM_SHAPES; i++) {
        struct shape *shape = &sink->shapes[i];
        if (shape->hash == hash)
            return shape;
        if (shape->seen_ns < oldest->seen_ns)
            oldest = shape;
    }
    tell_held_back(sink, oldest);
    *oldest = (struct shape){.hash = hash, .tokens = TYTO_LOG_SINK_BURST, .seen_ns = now_ns};
    return oldest;
}

/* True when the message is to be counted, not written. */
static bool hold_back(struct tyto_log_sink *sink, enum tyto_log_level level, const char *room,
                      const char *text)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    const uint64_t text_hash = hash_of(level, room, text, true);
    struct shape *shape = find_shape(sink, hash_of(level, room, text, false), now_ns);
    shape->tokens += (double)(now_ns - shape->seen_ns) / 1e9 * TYTO_LOG_SINK_PER_S;
    if (shape->tokens > TYTO_LOG_SINK_BURST)
        shape->tokens = TYTO_LOG_SINK_BURST;
    shape->seen_ns = now_ns;
    const bool is_same =
        text_hash == shape->text_hash && now_ns - shape->written_ns < TYTO_NS_PER_S;
    if (!is_same && shape->tokens >= 1) {
        tell_held_back(sink, shape);
        shape->tokens -= 1;
        shape->text_hash = text_hash;
        shape->written_ns = now_ns;
        return false;
    }
    shape->num_held_back++;
    shape->level = level;
    snprintf(shape->room, sizeof(shape->room), "%s", room);
    snprintf(shape->text, sizeof(shape->text), "%.*s", (int)sizeof(shape->text) - 1, text);
    return true;
}

static void tell_all_held_back(struct tyto_log_sink *sink, uint64_t older_than_ns)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    for (int i = 0; i < NUM_SHAPES; i++) {
        struct shape *shape = &sink->shapes[i];
        if (shape->num_held_back > 0 && now_ns - shape->written_ns >= older_than_ns) {
            tell_held_back(sink, shape);
            shape->written_ns = now_ns;
        }
    }
}

/* Whoever holds it for good is waited for once. */
static bool take_lock(struct tyto_log_sink *sink)
{
    const bool ok = tyto_mutex_lock(&sink->lock, atomic_load(&sink->is_stuck) ? 0 : LOCK_NS);
    atomic_store(&sink->is_stuck, !ok);
    return ok;
}

static void wake(const struct tyto_log_sink *sink)
{
    const uint64_t one = 1;
    (void)!write(sink->wake_fd, &one, sizeof(one));
}

static bool takes_more(int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLOUT};
    return poll(&item, 1, 0) > 0 && (item.revents & (POLLERR | POLLNVAL)) == 0;
}

/* Past the thread, which stands still and has the lock: in a piece that a pipe takes whole or not
 * at all. */
static void write_past(struct tyto_log_sink *sink, enum tyto_log_level level, const char *room,
                       const char *text)
{
    char line[TYTO_LOG_LINE_BYTES];
    const size_t num_bytes = tyto_log_line(&sink->style, level, room, text, line);
    if (num_bytes > PIPE_BYTES || !takes_more(sink->fd) ||
        write(sink->fd, line, num_bytes) != (ssize_t)num_bytes)
        atomic_fetch_add(&sink->num_unlocked, 1);
}

static void write_line(void *user, enum tyto_log_level level, const char *room, const char *text)
{
    struct tyto_log_sink *sink = user;
    char shown[TYTO_LOG_LINE_BYTES / 2];
    if ((unsigned)level > atomic_load(&sink->level))
        return;
    tyto_secret_scrub(text, shown, sizeof(shown)); /* whoever has written it */
    if (!take_lock(sink)) {
        write_past(sink, level, room, shown);
        return;
    }
    if (!hold_back(sink, level, room, shown))
        put(sink, level, room, shown);
    pthread_mutex_unlock(&sink->lock);
    wake(sink);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* May hang for ever: nobody waits for it. */
static void write_out(int fd, const char *bytes, size_t num_bytes)
{
    while (num_bytes > 0) {
        const ssize_t num = write(fd, bytes, num_bytes);
        struct pollfd item = {.fd = fd, .events = POLLOUT};
        if (num < 0 && errno == EAGAIN)
            (void)poll(&item, 1, -1);
        else if (num < 0 && errno != EINTR)
            return; /* nobody will ever read it */
        bytes += num > 0 ? num : 0;
        num_bytes -= num > 0 ? (size_t)num : 0;
    }
}

static size_t take(struct tyto_log_sink *sink, char *ret_bytes, size_t max)
{
    const size_t room = sizeof(sink->buffer) - sink->at;
    size_t num = sink->num_bytes < max ? sink->num_bytes : max;
    num = num < room ? num : room;
    memcpy(ret_bytes, sink->buffer + sink->at, num);
    sink->at = (sink->at + num) % sizeof(sink->buffer);
    sink->num_bytes -= num;
    return num;
}

static void free_sink(struct tyto_log_sink *sink)
{
    if (sink->wake_fd >= 0)
        close(sink->wake_fd);
    pthread_mutex_destroy(&sink->lock);
    free(sink);
}

static void wait_for_lines(const struct tyto_log_sink *sink)
{
    uint64_t num;
    struct pollfd item = {.fd = sink->wake_fd, .events = POLLIN};
    if (poll(&item, 1, WAIT_MS) > 0)
        (void)!read(sink->wake_fd, &num, sizeof(num));
}

static void *run(void *user)
{
    struct tyto_log_sink *sink = user;
    char bytes[CHUNK_BYTES];
    pthread_setname_np(pthread_self(), "tyto-log");
    pthread_mutex_lock(&sink->lock);
    for (;;) {
        if (sink->num_bytes == 0 && !sink->stop) {
            pthread_mutex_unlock(&sink->lock);
            wait_for_lines(sink);
            pthread_mutex_lock(&sink->lock);
        }
        atomic_fetch_add(&sink->num_turns, 1);
        tell_all_held_back(sink, sink->stop ? 0 : TYTO_NS_PER_S);
        if (sink->num_bytes == 0 && sink->stop)
            break;
        const size_t num_bytes = take(sink, bytes, sizeof(bytes));
        atomic_store(&sink->is_writing, num_bytes > 0);
        pthread_mutex_unlock(&sink->lock);
        write_out(sink->fd, bytes, num_bytes);
        pthread_mutex_lock(&sink->lock);
        atomic_store(&sink->is_writing, false);
    }
    sink->is_over = true;
    const bool is_ours = sink->is_left;
    pthread_mutex_unlock(&sink->lock);
    if (is_ours)
        free_sink(sink);
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

enum tyto_err tyto_log_sink_create(const struct tyto_log_sink_params *params,
                                   struct tyto_log_sink **ret_sink)
{
    struct tyto_log_sink *sink = calloc(1, sizeof(*sink));
    if (!sink)
        return TYTO_ERR_NOMEM;
    const bool is_tty = isatty(params->fd);
    sink->fd = params->fd;
    atomic_init(&sink->level, (unsigned)params->level);
    sink->style.is_json = params->format == TYTO_LOG_FORMAT_JSON;
    sink->style.is_color = is_tty && !getenv("NO_COLOR");
    sink->style.is_journal = !is_tty && getenv("JOURNAL_STREAM") != NULL;
    pthread_mutex_init(&sink->lock, NULL);
    sink->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sink->wake_fd < 0 || pthread_create(&sink->thread, NULL, run, sink) != 0) {
        free_sink(sink);
        return TYTO_ERR_NOMEM;
    }
    *ret_sink = sink;
    return TYTO_OK;
}

struct tyto_log tyto_log_sink_log(struct tyto_log_sink *sink)
{
    /* The level is looked at in write_line(): it may change. */
    return (struct tyto_log){.sink = write_line, .user = sink, .max_level = TYTO_LOG_DEBUG};
}

void tyto_log_sink_set_level(struct tyto_log_sink *sink, enum tyto_log_level level)
{
    atomic_store(&sink->level, (unsigned)level);
}

uint64_t tyto_log_sink_num_left_out(struct tyto_log_sink *sink)
{
    pthread_mutex_lock(&sink->lock);
    const uint64_t num = sink->num_left_out_ever;
    pthread_mutex_unlock(&sink->lock);
    return num + atomic_load(&sink->num_unlocked);
}

uint64_t tyto_log_sink_num_turns(struct tyto_log_sink *sink)
{
    if (atomic_load(&sink->is_writing) && !takes_more(sink->fd))
        atomic_fetch_add(&sink->num_turns, 1);
    return atomic_load(&sink->num_turns);
}

/* In the thread's place, in pieces that a pipe takes whole or not at all. */
static void write_waiting(struct tyto_log_sink *sink)
{
    char bytes[CHUNK_BYTES];
    while (sink->num_bytes > 0 && takes_more(sink->fd)) {
        const size_t num_bytes = take(sink, bytes, PIPE_BYTES);
        if (write(sink->fd, bytes, num_bytes) < 0)
            return;
    }
}

static bool is_written(struct tyto_log_sink *sink)
{
    if (!take_lock(sink))
        return false;
    const bool is_written = sink->num_bytes == 0 && !atomic_load(&sink->is_writing);
    pthread_mutex_unlock(&sink->lock);
    return is_written;
}

void tyto_log_sink_flush(struct tyto_log_sink *sink)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + FLUSH_NS;
    while (!is_written(sink) && tyto_clock_mono_ns() < until_ns)
        nanosleep(&(struct timespec){.tv_nsec = 2 * (long)TYTO_NS_PER_MS}, NULL);
    if (!take_lock(sink))
        return;
    if (sink->num_bytes > 0)
        write_waiting(sink);
    pthread_mutex_unlock(&sink->lock);
}

void tyto_log_sink_destroy(struct tyto_log_sink **sink)
{
    if (!sink || !*sink)
        return;
    struct tyto_log_sink *self = *sink;
    *sink = NULL;
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_mutex_unlock(&self->lock);
    wake(self);
    if (!tyto_thread_join(self->thread, FLUSH_NS)) {
        pthread_mutex_lock(&self->lock);
        const bool is_over = self->is_over;
        self->is_left = !is_over;
        pthread_detach(self->thread);
        pthread_mutex_unlock(&self->lock);
        if (!is_over)
            return; /* it frees what it has when its write comes back */
    }
    free_sink(self);
}
