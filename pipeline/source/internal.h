/* SPDX-License-Identifier: MIT */
/* What the GStreamer files of a source share. Internal; no GStreamer header is
 * included here, its types are only named. */
#ifndef TYTO_PIPELINE_SOURCE_INTERNAL_H
#define TYTO_PIPELINE_SOURCE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/ring.h"
#include "base/turn.h"
#include "files/whole.h"
#include "pipeline/source/fill.h"
#include "pipeline/source/sampler.h"
#include "pipeline/source/source.h"

struct _GstBuffer;
struct _GstCaps;
struct _GstElement;
struct _GstMiniObject;
struct _GstPad;

struct tyto_ts_table;

enum tyto_uri_kind {
    TYTO_URI_FILE,
    TYTO_URI_RTSP,
    TYTO_URI_HTTP,
    TYTO_URI_SRT,
    TYTO_URI_V4L2,
    TYTO_URI_TEST,
};

enum { TYTO_SOURCE_MAX_HELD = 512 };

struct tyto_source_stream {
    struct tyto_source *source;
    enum tyto_stream which;
    struct tyto_ring *ring; /* of struct tyto_source_item; owned */
    atomic_bool claimed;    /* a pad of this kind was taken */
    atomic_bool linked;     /* and can be decoded */
    atomic_bool unusable;   /* or cannot */
    atomic_bool ended;      /* END was pushed */
    bool end_popped;        /* the popper's */
    _Atomic int64_t pos_ns;
    _Atomic uint64_t last_data_ns; /* 0: none yet */
    _Atomic int64_t newest_ns;     /* running time of the RTP packet that was taken last */
    struct tyto_sampler sampler;   /* of the streaming thread */
    bool marked_keys_only;         /* the decoder was told that only keyframes come */
    /* Coded since the last keyframe, and left out; owned. */
    struct _GstBuffer *held[TYTO_SOURCE_MAX_HELD];
    uint32_t num_held;
    size_t num_held_bytes;
    bool is_held_whole;   /* with the keyframe that was decoded, held is all that came */
    int64_t caught_up_ns; /* pictures up to here have been told of as left out */
    bool skipping;        /* from a keyframe to the next: see source->behind */
    bool looking;         /* likewise: see source->looking */
    bool is_raw;          /* nothing has to be decoded */
    _Atomic uint64_t num_skipped;
    _Atomic uint64_t num_taken; /* popped */
    struct _GstCaps *coding;    /* of one that is filled, and has a tap; owned; NULL: none */
    _Atomic uint64_t num_dropped_there; /* of a source that is filled: before it got here */
    atomic_uint num_timed, num_untimed; /* decoded pictures that say when they are, and others */
    atomic_int turn;                    /* enum tyto_turn: of what comes from the decoder now */
    /* Of a file: when its container says that the stream begins, and for how long it says itself
     * that nothing comes; what cannot be decoded is no such time. */
    int64_t coded_ns; /* the latest that came; of the streaming thread */
    _Atomic int64_t start_ns, gap_ns;
};

struct tyto_source {
    struct tyto_source_filler filler; /* zero: its own pipeline fills it */
    enum tyto_uri_kind kind;
    bool is_file;      /* finite: back-pressure instead of drops */
    bool failed_early; /* the pipeline said no when started; its bus has the reason */
    bool reconnects;
    char *uri;               /* owned */
    char *path;              /* of a file; owned; NULL: it is none */
    struct tyto_whole whole; /* of path, as it was opened */
    bool has_grown;          /* of one that is filled */
    struct tyto_source_options options;
    int64_t hop_ns, length_ns;
    struct tyto_tap *tap; /* NULL: none */
    int64_t base_ns;
    const struct tyto_log *log;
    struct tyto_ts_table *table;  /* owned: what is put into an MPEG-TS file; NULL: nothing */
    struct _GstElement *pipeline; /* owned; NULL: it is filled */
    _Atomic int64_t duration_ns;  /* of one that is filled */
    struct tyto_source_stream streams[TYTO_NUM_STREAMS];
    atomic_bool stopping;
    atomic_bool looking;      /* every picture is to be decoded, and to be had small */
    struct tyto_ring *looks;  /* of struct tyto_source_look; owned; NULL: a file has none */
    atomic_bool behind;       /* the networks are: leave pictures out before they are decoded */
    atomic_bool no_more_pads; /* of the topmost element */
    atomic_bool is_matroska;
    atomic_uint num_pending; /* parsers that may have more pads at once: until data flow */
    _Atomic uint64_t last_step_ns;
    atomic_bool waits_for_key;
    bool heard_of[TYTO_NUM_STREAMS]; /* the container has named such a stream; of tyto_source_wait()
                                      */
    bool has_heard;                  /* of any; likewise */
    bool has_left[TYTO_NUM_STREAMS]; /* it is named no more, for all that it was linked; likewise */
    bool names_now[TYTO_NUM_STREAMS]; /* what the last list named; likewise */
    bool changes;                     /* the file's tables change what a stream is */
    atomic_bool busy;                 /* rtspsrc is opening, closing... */
    atomic_uint num_connects;         /* of rtspsrc's own: it may have one */
    atomic_bool redirected;
    bool takes_news;
    uint32_t http_status; /* of the last answer; 0: none; of tyto_source_wait() */
    uint32_t num_refused; /* answers of 400 and more since data came last; likewise */
    uint64_t refused_after_ns;
    bool has_failed, refuses_transport, has_news, is_in_part; /* of tyto_source_wait() */
    uint32_t num_idle;         /* waits in a row in which nothing ran; likewise */
    pthread_mutex_t note_lock; /* guards note and redirect */
    char note[TYTO_SOURCE_NOTE_MAX];
    char redirect[TYTO_URI_MAX]; /* where rtspsrc would have connected to after its first time */
};

/* gst_build.c: makes source->pipeline for source->uri, not yet started. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_build(struct tyto_source *source, struct tyto_fault *ret_fault);
/* gst_rtsp.c: adds rtspsrc for source->uri. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_build_rtsp(struct tyto_source *source);
/* gst_rtsp_limit.c: whether bodies of RTSP answers are bounded, as they are in a program whose
 * functions the dynamic linker prefers. */
bool tyto_source_limits_bodies(void);
/* gst_parse.c: a parsebin whose pads are attached, in the pipeline; NULL with the note set. */
struct _GstElement *tyto_source_add_parser(struct tyto_source *source);
/* gst_parse.c: sets a property of an element that has it in some versions only. */
void tyto_source_set_if_has(struct _GstElement *element, const char *property, const char *value);
/* gst_stream.c: chains a pad of known caps to its appsink. */
void tyto_source_attach(struct tyto_source *source, struct _GstPad *pad,
                        const struct _GstCaps *caps);
/* gst_stream.c: running time of a buffer at a pad. False: it has none. */
bool tyto_source_running_ns(struct _GstPad *pad, struct _GstBuffer *buffer, int64_t *ret_ns);
/* gst_tap.c: what passes this pad goes to source->tap, too. */
void tyto_source_tap(struct tyto_source_stream *stream, struct _GstPad *pad);
/* gst_tap.c: before the pipeline is filled. */
void tyto_source_prepare_tap(struct tyto_source *source);
/* gst_sink.c: remembers what a stream lacks; the first note stays. */
void tyto_source_set_note(struct tyto_source *source, const char *text);
/* gst_sink.c: data came in. A parser shows all its pads before any data. */
void tyto_source_touch(struct tyto_source_stream *stream);
/* gst_sink.c: something came out, or there was no room for it. */
void tyto_source_step(struct tyto_source *source);
/* gst_sink.c: keeps what is left out until the next keyframe comes, and forgets it. */
void tyto_source_hold(struct tyto_source_stream *stream, struct _GstBuffer *buffer);
void tyto_source_drop_held(struct tyto_source_stream *stream);
/* gst_sink.c: the stream has come to ns; whatever was before is in the ring already. */
void tyto_source_pass(struct tyto_source_stream *stream, int64_t ns);
/* gst_sink.c: connects an appsink to the stream's ring. */
void tyto_source_connect_sink(struct tyto_source_stream *stream, struct _GstElement *sink);
/* gst_sink.c: the element of that name, or NULL with the note set. */
struct _GstElement *tyto_source_make(struct tyto_source *source, const char *factory);

/* A decoded picture, small. */
struct tyto_source_look {
    int64_t pts_ns;
    uint8_t grey[TYTO_SYNC_GREY_BYTES];
};
/* gst_look.c: keeps a small copy of a decoded buffer, if its format is one that it knows. */
void tyto_source_keep_look(struct tyto_source_stream *stream, struct _GstPad *pad,
                           struct _GstBuffer *buffer, int64_t pts_ns);

struct tyto_source_item;
/* gst_pop.c: what goes through the rings; object is taken on success. turn: of a picture. NULL: out
 * of memory. */
struct tyto_source_item *tyto_source_new_item(struct _GstMiniObject *object, enum tyto_turn turn);
/* gst_pop.c: it arrives only now. */
void tyto_source_stamp_item(struct tyto_source_item *item);
void tyto_source_free_item(struct tyto_source_item *item);
/* gst_pop.c: the same of what is whole already: its picture, and memory (NULL: none; free()), are
 * taken on success. NULL: out of memory. */
struct tyto_source_item *tyto_source_new_whole_item(const struct tyto_media *media, void *memory);

/* uri.c: what a person wrote to a scheme; file paths become absolute file:// later. */
TYTO_MUST_CHECK
enum tyto_err tyto_uri_kind_of(const char *uri, enum tyto_uri_kind *ret_kind,
                               struct tyto_fault *ret_fault);
/* uri.c: schemes do not mind case, libraries do. */
void tyto_uri_lower_scheme(char *uri);
/* uri.c: to, with the user and password of from where they are of one scheme and host, and to names
 * none: what a camera's redirect leaves out. */
void tyto_uri_keep_user(const char *from, const char *to, char *ret_uri, size_t uri_bytes);
/* uri.c: the value of key in "?a=1&b=2", or fallback. */
double tyto_uri_number(const char *uri, const char *key, double fallback);

#endif
