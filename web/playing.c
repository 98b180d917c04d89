/* SPDX-License-Identifier: MIT */
#include "web/playing.h"

#include <errno.h>
#include <fcntl.h>
#include <libsoup/soup.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "web/common/errand.h"
#include "web/known/clips.h"
#include "web/media/remux.h"

enum {
    MAX_BYTES = 512 << 20, /* of one, and of all that are kept */
    MAX_MS = 20000,
    MAX_RUNNING = 2,
    MAX_FILMS = 8, /* that are made, wait, or are kept */
    MAX_WAITING = 64,
    KEPT_S = 120, /* after it was last asked for */
    LOOK_MS = 250,
};

enum state { WAITS, IS_MADE, IS_THERE };

/* A recording that is made ready, or was. */
struct film {
    struct tyto_playing *playing;
    char *clip, *path; /* owned */
    enum state state;
    struct tyto_errand *errand;
    atomic_bool is_over;
    enum tyto_err err;
    struct tyto_fault fault;
    struct tyto_remux_info info;
    GMappedFile *file; /* NULL: nothing of it plays */
    GQueue waiters;    /* of struct waiter, owned */
    uint64_t asked_ns;
};

struct waiter {
    SoupServerMessage *msg; /* held */
    bool is_play, is_gone;
};

struct tyto_playing {
    GQueue films; /* of struct film, owned; that was asked for last at the tail */
    guint num_waiting;
    guint timer; /* while there are films */
};

static void free_waiter(struct waiter *waiter)
{
    g_signal_handlers_disconnect_by_data(waiter->msg, waiter);
    g_object_unref(waiter->msg);
    g_free(waiter);
}

static void free_film(struct film *film)
{
    atomic_store(&film->is_over, true);
    tyto_errand_free(film->errand);
    for (struct waiter *waiter; (waiter = g_queue_pop_head(&film->waiters)) != NULL;) {
        film->playing->num_waiting--;
        free_waiter(waiter);
    }
    g_clear_pointer(&film->file, g_mapped_file_unref);
    g_free(film->clip);
    g_free(film->path);
    g_free(film);
}

/* --- making, on a thread of its own ------------------------------------------------------------
 */

/* A file that goes with its last descriptor. */
static int open_file(void)
{
    const char *dir = g_get_tmp_dir();
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* of a file system that has no such files */
        char *name = g_build_filename(dir, "tyto-film-XXXXXX", NULL);
        fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0)
            (void)unlink(name);
        g_free(name);
    }
    return fd;
}

static void make(void *user)
{
    struct film *film = user;
    const int fd = open_file();
    const struct tyto_remux_params params = {.path = film->path,
                                             .fd = fd,
                                             .max_bytes = MAX_BYTES,
                                             .max_ms = MAX_MS,
                                             .is_over = &film->is_over};
    if (fd < 0) {
        film->err = tyto_fault_set(&film->fault, TYTO_ERR_IO, g_get_tmp_dir(), 0, NULL, "%s",
                                   g_strerror(errno));
        return;
    }
    film->err = tyto_remux(&params, &film->info, &film->fault);
    if (!film->err && film->info.num_bytes > 0) {
        film->file = g_mapped_file_new_from_fd(fd, FALSE, NULL);
        if (!film->file)
            film->err =
                tyto_fault_set(&film->fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    }
    (void)close(fd);
}

/* --- answering, on the main loop -----------------------------------------------------------------
 */

static struct tyto_json *view_stream(const struct tyto_remux_stream *stream)
{
    if (!stream->is_there)
        return tyto_json_new_null();
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "codec", tyto_json_new_name(stream->codec));
    tyto_json_set(json, "plays", tyto_json_new_bool(stream->plays));
    return json;
}

static void tell(const struct film *film, SoupServerMessage *msg)
{
    const struct tyto_remux_info *info = &film->info;
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "plays", tyto_json_new_bool(film->file != NULL));
    tyto_json_set(json, "video", view_stream(&info->video));
    tyto_json_set(json, "audio", view_stream(&info->audio));
    tyto_json_set(json, "duration_s", tyto_json_new_f64((double)info->duration_ms / 1e3));
    tyto_json_set(json, "bytes", tyto_json_new_u64(info->num_bytes));
    tyto_http_json(msg, SOUP_STATUS_OK, json);
}

static void play(const struct film *film, SoupServerMessage *msg)
{
    SoupMessageHeaders *headers = soup_server_message_get_response_headers(msg);
    if (!film->file) {
        tyto_http_error(msg, SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE,
                        "browsers play nothing of this recording: it can be downloaded");
        return;
    }
    GBytes *bytes = g_mapped_file_get_bytes(film->file);
    soup_message_headers_set_content_type(headers,
                                          film->info.video.plays ? "video/mp4" : "audio/mp4", NULL);
    soup_message_headers_replace(headers, "Accept-Ranges", "bytes");
    soup_message_body_append_bytes(soup_server_message_get_response_body(msg), bytes);
    soup_server_message_set_status(msg, SOUP_STATUS_OK, NULL);
    g_bytes_unref(bytes);
}

static void refuse(const struct film *film, SoupServerMessage *msg)
{
    const char *text = film->fault.text[0] ? film->fault.text : tyto_err_text(film->err);
    char said[512];
    switch ((int)film->err) {
    case TYTO_ERR_NOT_FOUND:
        tyto_http_error(msg, SOUP_STATUS_NOT_FOUND, "its recording is not there, or not yet whole");
        return;
    case TYTO_ERR_FULL:
        tyto_http_error(msg, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE,
                        "this recording is too large to be played here: it can be downloaded");
        return;
    default:
        g_snprintf(said, sizeof(said), "this recording %s", text);
        tyto_http_error(msg, SOUP_STATUS_INTERNAL_SERVER_ERROR, said);
    }
}

static void answer(const struct film *film, SoupServerMessage *msg, bool is_play)
{
    if (film->err)
        refuse(film, msg);
    else if (is_play)
        play(film, msg);
    else
        tell(film, msg);
}

static void start_next(struct tyto_playing *playing);

static void done(void *user)
{
    struct film *film = user;
    struct tyto_playing *playing = film->playing;
    film->state = IS_THERE;
    film->asked_ns = tyto_clock_mono_ns();
    g_clear_pointer(&film->errand, tyto_errand_free);
    if (film->err && film->err != TYTO_ERR_CLOSED && film->err != TYTO_ERR_NOT_FOUND)
        g_message("%s: %s", film->clip, film->fault.text);
    for (struct waiter *waiter; (waiter = g_queue_pop_head(&film->waiters)) != NULL;) {
        playing->num_waiting--;
        if (!waiter->is_gone) {
            answer(film, waiter->msg, waiter->is_play);
            soup_server_message_unpause(waiter->msg);
        }
        free_waiter(waiter);
    }
    if (film->err) { /* it is tried anew when it is asked for again */
        (void)g_queue_remove(&playing->films, film);
        free_film(film);
    }
    start_next(playing);
}

static void start_next(struct tyto_playing *playing)
{
    guint num = 0;
    for (const GList *at = playing->films.head; at; at = at->next)
        num += ((const struct film *)at->data)->state == IS_MADE;
    for (GList *at = playing->films.head; at && num < MAX_RUNNING; at = at->next) {
        struct film *film = at->data;
        if (film->state != WAITS)
            continue;
        film->state = IS_MADE;
        film->errand = tyto_errand_new(
            &(struct tyto_errand_params){.name = "film", .run = make, .done = done, .user = film});
        num++;
    }
}

/* --- what is kept ---------------------------------------------------------------------------- */

static guint64 bytes_of(const struct film *film)
{
    return film->file ? g_mapped_file_get_length(film->file) : 0;
}

/* Lets go what was not asked for lately; as much more as makes room. */
static void let_go(struct tyto_playing *playing, bool makes_room)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    guint64 sum = 0;
    for (GList *at = playing->films.tail, *before; at; at = before) {
        struct film *film = at->data;
        before = at->prev;
        sum += bytes_of(film);
        if (film->state == IS_THERE &&
            (sum > MAX_BYTES || now_ns - film->asked_ns > KEPT_S * (uint64_t)TYTO_NS_PER_S)) {
            g_queue_delete_link(&playing->films, at);
            free_film(film);
        }
    }
    for (GList *at = playing->films.head, *next; at && makes_room; at = next) {
        struct film *film = at->data;
        next = at->next;
        if (playing->films.length < MAX_FILMS)
            break;
        if (film->state == IS_THERE) {
            g_queue_delete_link(&playing->films, at);
            free_film(film);
        }
    }
}

/* A connection that waits is not read from: whether its viewer has gone has to be looked for. */
static gboolean look(gpointer user)
{
    struct tyto_playing *playing = user;
    for (GList *at = playing->films.head, *next; at; at = next) {
        struct film *film = at->data;
        bool is_wanted = film->state == IS_THERE;
        next = at->next;
        for (const GList *of = film->waiters.head; of; of = of->next) {
            const struct waiter *waiter = of->data;
            is_wanted |= !waiter->is_gone && tyto_http_is_open(waiter->msg);
        }
        if (is_wanted)
            continue;
        atomic_store(&film->is_over, true);
        if (film->state == WAITS) {
            g_queue_delete_link(&playing->films, at);
            free_film(film);
        }
    }
    let_go(playing, false);
    if (playing->films.length > 0)
        return G_SOURCE_CONTINUE;
    playing->timer = 0;
    return G_SOURCE_REMOVE;
}

static void on_finished(SoupServerMessage *msg, struct waiter *waiter)
{
    (void)msg;
    waiter->is_gone = true;
}

/* NULL: too many are waited for. */
static struct film *film_of(struct tyto_playing *playing, const char *recordings, const char *clip)
{
    for (GList *at = playing->films.head; at; at = at->next) {
        struct film *film = at->data;
        if (strcmp(film->clip, clip) == 0 && !atomic_load(&film->is_over)) {
            g_queue_unlink(&playing->films, at);
            g_queue_push_tail_link(&playing->films, at);
            return film;
        }
    }
    let_go(playing, true);
    if (playing->films.length >= MAX_FILMS)
        return NULL;
    struct film *film = g_new0(struct film, 1);
    film->playing = playing;
    film->clip = g_strdup(clip);
    film->path = g_build_filename(recordings, clip, NULL);
    g_queue_init(&film->waiters);
    g_queue_push_tail(&playing->films, film);
    if (playing->timer == 0)
        playing->timer = g_timeout_add(LOOK_MS, look, playing);
    return film;
}

static void ask(const struct tyto_web_request *request, const char *clip, bool is_play)
{
    struct tyto_playing *playing = request->serving->playing;
    struct film *film = playing->num_waiting < MAX_WAITING
                            ? film_of(playing, request->serving->params->recordings, clip)
                            : NULL;
    if (!film) {
        soup_message_headers_replace(soup_server_message_get_response_headers(request->msg),
                                     "Retry-After", "2");
        tyto_http_error(request->msg, SOUP_STATUS_SERVICE_UNAVAILABLE,
                        "too many recordings are asked for at once");
        return;
    }
    film->asked_ns = tyto_clock_mono_ns();
    if (film->state == IS_THERE) {
        answer(film, request->msg, is_play);
        return;
    }
    struct waiter *waiter = g_new0(struct waiter, 1);
    waiter->msg = g_object_ref(request->msg);
    waiter->is_play = is_play;
    g_signal_connect(waiter->msg, "finished", G_CALLBACK(on_finished), waiter);
    g_queue_push_tail(&film->waiters, waiter);
    playing->num_waiting++;
    soup_server_message_pause(waiter->msg);
    start_next(playing);
}

void tyto_playing_tell(const struct tyto_web_request *request, const char *clip)
{
    ask(request, clip, false);
}

void tyto_playing_play(const struct tyto_web_request *request, const char *clip)
{
    ask(request, clip, true);
}

struct tyto_playing *tyto_playing_new(void)
{
    struct tyto_playing *playing = g_new0(struct tyto_playing, 1);
    g_queue_init(&playing->films);
    return playing;
}

void tyto_playing_free(struct tyto_playing *playing)
{
    if (!playing)
        return;
    if (playing->timer != 0)
        g_source_remove(playing->timer);
    for (struct film *film; (film = g_queue_pop_head(&playing->films)) != NULL;)
        free_film(film);
    g_free(playing);
}
