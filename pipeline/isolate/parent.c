/* SPDX-License-Identifier: MIT */
/* The parent's side: begins a process, reads what it says whenever the connection thread waits for
 * the source, tells it what is wanted, and ends it. */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "pipeline/isolate/internal.h"

/* It says something twice a second at least, whatever its camera does. */
#define SILENT_NS (8 * TYTO_NS_PER_S)
/* Until it says its first word. Where GStreamer looks at all of its plug-ins once, because nothing
 * is known of them yet, that takes seconds. */
#define READY_NS (30 * TYTO_NS_PER_S)
/* For the camera to be told that nobody watches any more. */
#define GRACE_NS (3 * TYTO_NS_PER_S)
/* Between its last word and its end. */
#define DEATH_NS TYTO_NS_PER_S
/* So long it is read without a look at anything else. */
#define TURN_NS (20 * TYTO_NS_PER_MS)

/* Of those that go without being asked for: sound and pictures wait for room. A camera has some
 * hundred, a file that is recorded and read at fifty times its speed some thousand. */
#define MESSAGES_PER_S 5000.0
#define MESSAGES_BURST 10000.0

enum { MAX_READS_OF_LINES = 16 };

/* --- telling ---------------------------------------------------------------------------------- */

/* Room is told of when it is worth a message, and by whoever has time at once. */
static bool is_worth(const struct tyto_source_wishes *is, const struct tyto_source_wishes *was,
                     bool has_time)
{
    static const uint64_t enough[TYTO_NUM_STREAMS] = {
        [TYTO_STREAM_AUDIO] = TYTO_SOURCE_RING_SOUNDS / 8,
        [TYTO_STREAM_VIDEO] = 1,
    };
    bool is_it = is->is_looking != was->is_looking || is->is_behind != was->is_behind;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        is_it |= is->num_taken[i] - was->num_taken[i] >= (has_time ? 1 : enough[i]);
    return is_it;
}

static void tell(struct tyto_isolated *self, bool has_time)
{
    struct tyto_source_wishes wishes;
    pthread_mutex_lock(&self->tell_lock);
    tyto_source_get_wishes(self->source, &wishes);
    /* What finds no room is told later; that it is gone is seen by reading. */
    if (is_worth(&wishes, &self->told, has_time) &&
        tyto_wire_try_send(self->child.fd, TYTO_WIRE_WISHES, &wishes) == TYTO_OK)
        self->told = wishes;
    pthread_mutex_unlock(&self->tell_lock);
}

static void on_wish(void *user)
{
    tell(user, false);
}

/* --- lines ------------------------------------------------------------------------------------ */

static void end_line(struct tyto_isolated *self)
{
    char hidden[TYTO_ISOLATED_LINE_MAX], text[TYTO_ISOLATED_LINE_MAX];
    self->line[self->num_line] = '\0';
    tyto_text_make_printable(self->line);
    if (self->num_line > 0 && self->isolation.on_line) {
        tyto_secret_hide(self->uri, self->line, hidden, sizeof(hidden));
        tyto_secret_scrub(hidden, text, sizeof(text));
        self->isolation.on_line(self->isolation.user, self->camera, text);
    }
    self->num_line = 0;
}

static void take_lines(struct tyto_isolated *self)
{
    char bytes[1024];
    for (int turn = 0; turn < MAX_READS_OF_LINES; turn++) {
        const ssize_t num = read(self->child.lines_fd, bytes, sizeof(bytes));
        for (ssize_t i = 0; i < num; i++) {
            if (bytes[i] == '\n' || self->num_line == sizeof(self->line) - 1)
                end_line(self);
            if (bytes[i] != '\n')
                self->line[self->num_line++] = bytes[i];
        }
        self->is_line_over |= num == 0;
        if (num < (ssize_t)sizeof(bytes))
            return;
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum tyto_err lose(struct tyto_isolated *self, const char *why, char *text,
                          uint32_t text_bytes)
{
    self->is_lost = true;
    snprintf(text, text_bytes, "its process %s", why);
    return TYTO_ERR_IO;
}

/* Its end of the socket is closed. */
static enum tyto_err explain_death(struct tyto_isolated *self, char *text, uint32_t text_bytes)
{
    char how[96];
    if (!tyto_child_has_ended(&self->child, DEATH_NS))
        return lose(self, "says no more", text, text_bytes);
    tyto_child_print_end(&self->child, how, sizeof(how));
    return lose(self, how, text, text_bytes);
}

static bool may_say_more(struct tyto_isolated *self, uint64_t now_ns)
{
    if (self->reader.head.kind == TYTO_WIRE_MEDIA)
        return true;
    tyto_bucket_fill(&self->num_allowed, (double)(now_ns - self->filled_ns) / 1e9, MESSAGES_PER_S,
                     MESSAGES_BURST);
    self->filled_ns = now_ns;
    return tyto_bucket_take(&self->num_allowed);
}

/* TIMEOUT: all that has come, or as much as there is time for, is taken. */
static enum tyto_err take_messages(struct tyto_isolated *self, char *text, uint32_t text_bytes)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    for (uint64_t now_ns = begin_ns; now_ns - begin_ns < TURN_NS; now_ns = tyto_clock_mono_ns()) {
        const uint64_t num_before = self->reader.num_read;
        enum tyto_err err = tyto_wire_read(self->child.fd, TYTO_WIRE_FROM_PROCESS, &self->reader);
        if (self->reader.num_read > num_before)
            self->heard_ns = now_ns;
        if (err == TYTO_ERR_EMPTY)
            return TYTO_ERR_TIMEOUT;
        if (err == TYTO_ERR_CLOSED)
            return explain_death(self, text, text_bytes);
        if (!err && !may_say_more(self, now_ns))
            return lose(self, "sends more than there can be: ended", text, text_bytes);
        if (!err)
            err = tyto_isolated_take(self);
        if (err == TYTO_ERR_FORMAT)
            return lose(self, "says what cannot be: ended", text, text_bytes);
        if (err)
            return lose(self, tyto_err_text(err), text, text_bytes);
        if (self->is_over)
            return tyto_isolated_ending(self, text, text_bytes);
        tyto_wire_next(&self->reader);
    }
    return TYTO_ERR_TIMEOUT;
}

static enum tyto_err wait_for(void *user, int timeout_ms, char *text, uint32_t text_bytes)
{
    struct tyto_isolated *self = user;
    const uint64_t until_ns =
        tyto_clock_mono_ns() + (uint64_t)timeout_ms * (uint64_t)TYTO_NS_PER_MS;
    for (;;) {
        if (self->is_over)
            return tyto_isolated_ending(self, text, text_bytes);
        take_lines(self);
        const enum tyto_err err = take_messages(self, text, text_bytes);
        if (err != TYTO_ERR_TIMEOUT)
            return err;
        tell(self, true);
        const uint64_t now_ns = tyto_clock_mono_ns();
        if (now_ns - self->heard_ns > SILENT_NS)
            return lose(self, "does not answer: ended", text, text_bytes);
        if (now_ns >= until_ns)
            return TYTO_ERR_TIMEOUT;
        struct pollfd fds[] = {
            {.fd = self->child.fd, .events = POLLIN},
            {.fd = self->is_line_over ? -1 : self->child.lines_fd, .events = POLLIN}};
        (void)poll(fds, 2, (int)((until_ns - now_ns) / TYTO_NS_PER_MS) + 1);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static void free_isolated(struct tyto_isolated *self)
{
    tyto_wire_next(&self->reader);
    pthread_mutex_destroy(&self->tell_lock);
    free(self->uri);
    free(self);
}

static bool destroy(void *user, uint64_t deadline_ns)
{
    struct tyto_isolated *self = user;
    const uint64_t grace_ns = deadline_ns < GRACE_NS ? deadline_ns : GRACE_NS;
    const bool is_gone = tyto_child_end(&self->child, self->is_lost ? 0 : grace_ns);
    take_lines(self);
    end_line(self);
    close(self->child.lines_fd);
    free_isolated(self);
    return is_gone;
}

static enum tyto_err begin(struct tyto_isolated *self, const struct tyto_source_params *params,
                           struct tyto_fault *ret_fault)
{
    const struct tyto_wire_start start = {
        .version = TYTO_WIRE_VERSION,
        .options = params->options,
        .hop_ns = params->hop_ns,
        .length_ns = params->length_ns,
        .base_ns = params->base_ns,
        .av_offset_ns = params->tap ? params->tap->av_offset_ns : 0,
        .has_tap = params->tap != NULL,
        .reconnects = params->reconnects,
        .takes_news = params->takes_news,
    };
    const struct iovec uri = {self->uri, strlen(self->uri)};
    char title[32 + TYTO_ISOLATED_ID_MAX];
    snprintf(title, sizeof(title), "tyto-source: %s", self->camera);
    enum tyto_err err = tyto_child_begin(self->isolation.program, title, self->isolation.env,
                                         &self->child, ret_fault);
    /* The socket is empty: this goes at once. */
    if (!err)
        err = tyto_wire_send(self->child.fd, TYTO_WIRE_START, &start, &uri, 1);
    if (err && self->child.pid > 0) {
        (void)tyto_child_end(&self->child, 0);
        close(self->child.lines_fd);
    }
    return err;
}

static enum tyto_err wait_for_word(struct tyto_isolated *self, struct tyto_fault *ret_fault)
{
    struct pollfd word = {.fd = self->child.fd, .events = POLLIN};
    if (poll(&word, 1, (int)(READY_NS / TYTO_NS_PER_MS)) > 0)
        return TYTO_OK;
    (void)tyto_child_end(&self->child, 0);
    close(self->child.lines_fd);
    return tyto_fault_set(ret_fault, TYTO_ERR_TIMEOUT, NULL, 0, NULL,
                          "its process says nothing: ended");
}

/* Until one process has found GStreamer's plug-ins the others wait: else each would look for them.
 */
static pthread_mutex_t first_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool has_been_one;

static enum tyto_err begin_and_hear(struct tyto_isolated *self,
                                    const struct tyto_source_params *params,
                                    struct tyto_fault *ret_fault)
{
    const bool may_be_first = !atomic_load(&has_been_one);
    if (may_be_first)
        pthread_mutex_lock(&first_lock);
    enum tyto_err err = begin(self, params, ret_fault);
    if (!err)
        err = wait_for_word(self, ret_fault);
    if (!err)
        atomic_store(&has_been_one, true);
    if (may_be_first)
        pthread_mutex_unlock(&first_lock);
    return err;
}

enum tyto_err tyto_isolate_create(const struct tyto_isolation *isolation, const char *camera,
                                  const struct tyto_source_params *params,
                                  struct tyto_source **ret_source, int *ret_pid,
                                  struct tyto_fault *ret_fault)
{
    struct tyto_isolated *self = calloc(1, sizeof(*self));
    struct tyto_source *source = NULL;
    if (!self)
        return TYTO_ERR_NOMEM;
    pthread_mutex_init(&self->tell_lock, NULL);
    self->isolation = *isolation;
    self->tap = params->tap;
    self->uri = strdup(params->uri);
    snprintf(self->camera, sizeof(self->camera), "%s", camera);
    enum tyto_err err = self->uri ? begin_and_hear(self, params, ret_fault) : TYTO_ERR_NOMEM;
    if (err) {
        free_isolated(self);
        return err;
    }
    self->heard_ns = self->filled_ns = tyto_clock_mono_ns();
    self->num_allowed = MESSAGES_BURST;
    const struct tyto_source_filler filler = {
        .user = self, .wait = wait_for, .on_wish = on_wish, .destroy = destroy};
    err = tyto_source_create_filled(params, &filler, &source, ret_fault);
    if (err) {
        self->is_lost = true;
        (void)destroy(self, 0);
        return err;
    }
    self->source = source;
    *ret_pid = (int)self->child.pid;
    *ret_source = source;
    return TYTO_OK;
}
