/* SPDX-License-Identifier: MIT */
/* From a URI to elementary streams: one source element, parsebin behind it (one
 * per RTP stream), every wanted pad handed to gst_stream.c. gst_rtsp.c has what is RTSP's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gst/gst.h>

#include "files/matroska_turn.h"
#include "pipeline/container/mp4_turn.h"
#include "pipeline/container/ts_table.h"
#include "pipeline/source/internal.h"

/* --- everything that is one byte stream (or one device) ------------------------------- */

static enum tyto_err link_to_parser(struct tyto_source *source, GstElement *element)
{
    gst_bin_add(GST_BIN(source->pipeline), element);
    GstElement *parser = tyto_source_add_parser(source);
    if (!parser)
        return TYTO_ERR_UNSUPPORTED;
    atomic_store(&source->no_more_pads, true);
    return gst_element_link(element, parser) ? TYTO_OK : TYTO_ERR_INTERNAL;
}

static GstPadProbeReturn on_file_bytes(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    const struct tyto_source *source = user;
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    GstMapInfo map;
    (void)pad;
    if (!buffer || !GST_BUFFER_OFFSET_IS_VALID(buffer) || !gst_buffer_is_writable(buffer) ||
        !gst_buffer_map(buffer, &map, GST_MAP_READWRITE))
        return GST_PAD_PROBE_OK;
    tyto_ts_table_exchange(source->table, GST_BUFFER_OFFSET(buffer), map.data, map.size);
    gst_buffer_unmap(buffer, &map);
    return GST_PAD_PROBE_OK;
}

/* An MPEG-TS file that names a stream later than at its begin shall name it from there on. */
static void exchange_tables(struct tyto_source *source, GstElement *element, const char *path)
{
    struct tyto_ts_table table;
    const bool is_needed = tyto_ts_table_find(path, &table);
    source->changes = table.differs;
    if (!is_needed)
        return;
    source->table = malloc(sizeof(table));
    if (!source->table)
        return;
    *source->table = table;
    GstPad *pad = gst_element_get_static_pad(element, "src");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_PULL, on_file_bytes,
                      source, NULL);
    gst_object_unref(pad);
}

/* GStreamer shows the first picture of a moving PNG and says nothing of the others. The chunk that
 * makes it one comes before the picture's data. */
static bool is_moving_png(const char *path)
{
    static const char mark[] = "\x89PNG\r\n\x1A\n", moves[] = "acTL", data[] = "IDAT";
    char head[4096];
    FILE *file = fopen(path, "rbe");
    const size_t num = file ? fread(head, 1, sizeof(head), file) : 0;
    if (file)
        fclose(file);
    const char *at = num > 8 && memcmp(head, mark, 8) == 0 ? memmem(head, num, moves, 4) : NULL;
    const char *first = at ? memmem(head, num, data, 4) : NULL;
    return at && (!first || at < first);
}

/* Neither GStreamer nor its libav plug-in reads it, nor do they say so. */
static bool is_wave64(const char *path)
{
    char head[16] = "";
    FILE *file = fopen(path, "rbe");
    const size_t num = file ? fread(head, 1, sizeof(head), file) : 0;
    if (file)
        fclose(file);
    return num == sizeof(head) && memcmp(head, "riff\x2E\x91\xCF\x11", 8) == 0;
}

static enum tyto_err look_whether_whole(struct tyto_source *source, const char *path,
                                        struct tyto_fault *ret_fault)
{
    char why[192];
    tyto_whole_look(path, &source->whole);
    if (!source->whole.lacks_index)
        return TYTO_OK;
    tyto_whole_text(&source->whole, why, sizeof(why));
    return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL, "%s", why);
}

static enum tyto_err build_file(struct tyto_source *source, struct tyto_fault *ret_fault)
{
    char *path = NULL;
    if (strncmp(source->uri, "file://", 7) == 0) {
        path = g_filename_from_uri(source->uri, NULL, NULL);
        if (!path)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "not a file URI of this machine: '%s'", source->uri);
    } else {
        path = g_strdup(source->uri);
    }
    struct stat status;
    enum tyto_err err = TYTO_OK;
    if (stat(path, &status) != 0)
        err = tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path, 0,
                             NULL, "%s", strerror(errno));
    else if (S_ISDIR(status.st_mode))
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, path, 0, NULL, "is a directory");
    else if (!S_ISREG(status.st_mode)) /* opening a pipe waits for whoever writes to it */
        err = tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, path, 0, NULL,
                             "is no regular file: copy what it gives into one");
    else if (status.st_size == 0)
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL, "the file is empty");
    else if (access(path, R_OK) != 0)
        err = tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(errno));
    else if (is_moving_png(path))
        err = tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, path, 0, NULL,
                             "nothing installed that reads a moving PNG: convert it, as with "
                             "ffmpeg -i IN OUT.mp4");
    else if (is_wave64(path))
        err =
            tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, path, 0, NULL,
                           "nothing installed that reads Wave64: convert it, as with ffmpeg -i IN "
                           "OUT.wav");
    if (!err)
        err = look_whether_whole(source, path, ret_fault);
    if (!err) {
        /* Tags of what is in it may say more, and later. */
        enum tyto_turn turn = tyto_mp4_turn(path);
        turn = turn != TYTO_TURN_NONE ? turn : tyto_matroska_turn(path);
        atomic_store(&source->streams[TYTO_STREAM_VIDEO].turn, (int)turn);
        GstElement *element = tyto_source_make(source, "filesrc");
        if (element) {
            g_object_set(element, "location", path, NULL);
            exchange_tables(source, element, path);
            err = link_to_parser(source, element);
        } else {
            err = TYTO_ERR_UNSUPPORTED;
        }
    }
    source->path = path;
    return err;
}

static enum tyto_err build_stream(struct tyto_source *source, struct tyto_fault *ret_fault)
{
    GError *error = NULL;
    GstElement *element = gst_element_make_from_uri(GST_URI_SRC, source->uri, NULL, &error);
    if (!element) {
        const bool missing = error && error->code == GST_URI_ERROR_UNSUPPORTED_PROTOCOL;
        g_clear_error(&error);
        return tyto_fault_set(ret_fault, missing ? TYTO_ERR_UNSUPPORTED : TYTO_ERR_INVALID, NULL, 0,
                              NULL,
                              missing ? "no GStreamer plugin for this scheme is installed"
                                      : "not a URI that GStreamer understands");
    }
    if (source->kind == TYTO_URI_HTTP) {
        tyto_source_set_if_has(element, "is-live", "true");
        tyto_source_set_if_has(element, "do-timestamp", "true");
        tyto_source_set_if_has(element, "timeout", "10");
        tyto_source_set_if_has(element, "retries", "0");
        /* libsoup would follow 20 without pause: see take_answer() in gst_end.c. */
        tyto_source_set_if_has(element, "automatic-redirect", "false");
        tyto_source_set_if_has(element, "user-agent", "tyto");
    } else if (source->kind == TYTO_URI_SRT) {
        char text[16];
        snprintf(text, sizeof(text), "%u",
                 source->options.latency_ms ? source->options.latency_ms
                                            : TYTO_SOURCE_DEFAULT_LATENCY_MS);
        tyto_source_set_if_has(element, "latency", text);
        tyto_source_set_if_has(element, "auto-reconnect", "false");
    }
    return link_to_parser(source, element);
}

/* --- test:// ---------------------------------------------------------------------------- */

static void add_test_stream(struct tyto_source *source, const char *bin_text, bool *failed)
{
    GstElement *bin = gst_parse_bin_from_description(bin_text, TRUE, NULL);
    if (!bin) {
        *failed = true;
        return;
    }
    gst_bin_add(GST_BIN(source->pipeline), bin);
    GstPad *pad = gst_element_get_static_pad(bin, "src");
    GstCaps *caps = gst_pad_query_caps(pad, NULL);
    tyto_source_attach(source, pad, caps);
    gst_caps_unref(caps);
    gst_object_unref(pad);
}

/* ?live=1&audio=1&video=1&seconds=10&width=320&height=240&fps=10&pattern=0&wave=0 */
static enum tyto_err build_test(struct tyto_source *source, struct tyto_fault *ret_fault)
{
    const char *live = source->is_file ? "false" : "true";
    const double seconds = tyto_uri_number(source->uri, "seconds", -1);
    const int fps = (int)tyto_uri_number(source->uri, "fps", 10);
    const int width = (int)tyto_uri_number(source->uri, "width", 320);
    const int height = (int)tyto_uri_number(source->uri, "height", 240);
    const int pattern = (int)tyto_uri_number(source->uri, "pattern", 0);
    const int wave = (int)tyto_uri_number(source->uri, "wave", 0);
    if (fps < 1 || fps > 120 || width < 16 || width > 8192 || height < 16 || height > 8192 ||
        pattern < 0 || pattern > 25 || wave < 0 || wave > 12 || (source->is_file && seconds <= 0))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "test:// option out of range (live=0 needs seconds=N)");
    char text[320];
    bool failed = false;
    if (tyto_uri_number(source->uri, "video", 1) != 0) {
        snprintf(text, sizeof(text),
                 "videotestsrc is-live=%s num-buffers=%d pattern=%d ! "
                 "capsfilter caps=video/x-raw,format=I420,width=%d,height=%d,framerate=%d/1",
                 live, seconds < 0 ? -1 : (int)(seconds * fps), pattern, width, height, fps);
        add_test_stream(source, text, &failed);
    }
    if (tyto_uri_number(source->uri, "audio", 1) != 0) {
        snprintf(text, sizeof(text),
                 "audiotestsrc is-live=%s num-buffers=%d samplesperbuffer=320 wave=%d ! "
                 "capsfilter caps=audio/x-raw,format=F32LE,rate=16000,channels=1",
                 live, seconds < 0 ? -1 : (int)(seconds * 50), wave);
        add_test_stream(source, text, &failed);
    }
    atomic_store(&source->no_more_pads, true);
    return failed ? TYTO_ERR_UNSUPPORTED : TYTO_OK;
}

enum tyto_err tyto_source_build(struct tyto_source *source, struct tyto_fault *ret_fault)
{
    source->pipeline = gst_pipeline_new(NULL);
    if (!source->pipeline)
        return TYTO_ERR_NOMEM;
    if (source->tap)
        tyto_source_prepare_tap(source);
    enum tyto_err err = TYTO_ERR_INTERNAL;
    switch (source->kind) {
    case TYTO_URI_RTSP:
        err = tyto_source_build_rtsp(source);
        break;
    case TYTO_URI_FILE:
        err = build_file(source, ret_fault);
        break;
    case TYTO_URI_HTTP:
    case TYTO_URI_SRT:
    case TYTO_URI_V4L2:
        err = build_stream(source, ret_fault);
        break;
    case TYTO_URI_TEST:
        err = build_test(source, ret_fault);
        break;
    }
    if (err == TYTO_ERR_UNSUPPORTED && source->note[0])
        tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", source->note);
    return err;
}
