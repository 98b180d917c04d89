/* SPDX-License-Identifier: MIT */
/* A recording as segments. */
#include "trainer/media/read.h"

#include <libavcodec/avcodec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "base/segment_rule.h"
#include "files/file_end.h"
#include "trainer/media/internal.h"

#define NS_PER_S 1000000000ll
#define MIN_NS (NS_PER_S / 10)
#define MAX_LENGTH_NS (4 * NS_PER_S)
#define MAX_HOP_NS (60 * NS_PER_S)
/* So long a hole is damage (12 days at 1 s). */
enum { MAX_SEGMENTS = 1 << 20, MAX_SOUND_S = 24 * 3600, SOUND_STEP = 16000 };

struct tyto_source_file {
    struct tyto_source_file_params params;
    struct tyto_source_file_info info;
    struct tyto_sound *sound; /* NULL: there is none, or it is not wanted */
    struct tyto_video *video;
    uint32_t next_idx, num_samples;
    char *path; /* owned */
    struct tyto_file_end end;
};

enum tyto_err tyto_source_file_probe(const char *path, struct tyto_source_file_info *ret_info,
                                     struct tyto_fault *ret_fault)
{
    struct tyto_demux demux;
    const enum tyto_err err = tyto_demux_open(&demux, path, ret_info, ret_fault);
    if (!err)
        tyto_demux_close(&demux);
    return err;
}

static enum tyto_err open_sound(struct tyto_source_file *source, struct tyto_fault *ret_fault)
{
    struct tyto_demux demux;
    enum tyto_err err = tyto_demux_open(&demux, source->params.path, NULL, ret_fault);
    if (err)
        return err;
    err = tyto_demux_choose(&demux, false, 1, ret_fault);
    if (!err) {
        source->sound = malloc(sizeof(*source->sound));
        err = source->sound ? tyto_sound_init(source->sound, &demux) : TYTO_ERR_NOMEM;
        if (err) {
            free(source->sound);
            source->sound = NULL;
        }
    }
    tyto_demux_close(&demux);
    return err;
}

static enum tyto_err open_video(struct tyto_source_file *source, struct tyto_fault *ret_fault)
{
    struct tyto_demux demux;
    enum tyto_err err = tyto_demux_open(&demux, source->params.path, NULL, ret_fault);
    if (err)
        return err;
    err = tyto_demux_choose(&demux, true, source->params.num_threads, ret_fault);
    if (!err) {
        source->video = malloc(sizeof(*source->video));
        err = source->video ? tyto_video_init(source->video, &demux, source->params.pictures)
                            : TYTO_ERR_NOMEM;
    }
    tyto_demux_close(&demux);
    return err;
}

static enum tyto_err look_whether_whole(struct tyto_source_file *source,
                                        struct tyto_fault *ret_fault)
{
    char why[192];
    tyto_whole_look(source->path, &source->end.whole);
    tyto_whole_text(&source->end.whole, why, sizeof(why));
    if (!source->end.whole.lacks_index)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, source->path, 0, NULL, "%s", why);
}

enum tyto_err tyto_source_file_open(const struct tyto_source_file_params *params,
                                    struct tyto_source_file **ret_source,
                                    struct tyto_fault *ret_fault)
{
    struct tyto_source_file_params p = *params;
    p.segment_ns = p.segment_ns ? p.segment_ns : NS_PER_S;
    p.hop_ns = p.hop_ns ? p.hop_ns : p.segment_ns;
    if (p.segment_ns < MIN_NS || p.segment_ns > MAX_LENGTH_NS || p.hop_ns < MIN_NS ||
        p.hop_ns > MAX_HOP_NS)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, p.path, 0, NULL,
                              "segments of %.3f s every %.3f s are not possible",
                              (double)p.segment_ns / 1e9, (double)p.hop_ns / 1e9);
    struct tyto_source_file *source = calloc(1, sizeof(*source));
    if (!source)
        return TYTO_ERR_NOMEM;
    source->params = p;
    source->num_samples =
        (uint32_t)((p.segment_ns * TYTO_SOURCE_FILE_RATE_HZ + NS_PER_S / 2) / NS_PER_S);
    source->path = strdup(p.path);
    enum tyto_err err = source->path ? look_whether_whole(source, ret_fault) : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_source_file_probe(p.path, &source->info, ret_fault);
    if (!err && source->info.has_audio && !p.no_audio)
        err = open_sound(source, ret_fault);
    if (!err && source->info.has_video && !p.no_video)
        err = open_video(source, ret_fault);
    if (!err && !source->sound && !source->video)
        err = tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, p.path, 0, NULL,
                             "has neither sound nor picture");
    source->params.path = NULL; /* borrowed until here */
    if (err) {
        tyto_source_file_close(&source);
        return err;
    }
    *ret_source = source;
    return TYTO_OK;
}

void tyto_source_file_close(struct tyto_source_file **source)
{
    if (!source || !*source)
        return;
    if ((*source)->sound)
        tyto_sound_finish((*source)->sound);
    if ((*source)->video)
        tyto_video_finish((*source)->video);
    free((*source)->sound);
    free((*source)->video);
    free((*source)->path);
    free(*source);
    *source = NULL;
}

const struct tyto_source_file_info *tyto_source_file_get_info(const struct tyto_source_file *source)
{
    return &source->info;
}

/* That neither stream has anything for. */
static int64_t gap_of(const struct tyto_source_file *source)
{
    const int64_t sound_ns = source->sound ? source->sound->demux.gap_ns : INT64_MAX;
    const int64_t video_ns = source->video ? source->video->demux.gap_ns : INT64_MAX;
    return sound_ns < video_ns ? sound_ns : video_ns;
}

void tyto_source_file_end_text(const struct tyto_source_file *source, char *ret_text,
                               uint32_t text_bytes)
{
    struct tyto_file_end end = source->end;
    struct stat status;
    end.has_grown =
        stat(source->path, &status) == 0 && (uint64_t)status.st_size > source->end.whole.num_bytes;
    end.duration_ns = source->info.duration_ns;
    end.gap_ns = gap_of(source);
    end.wants_all = !source->params.no_audio && !source->params.no_video;
    tyto_file_end_text(&end, ret_text, text_bytes);
}

uint64_t tyto_source_file_num_bad(const struct tyto_source_file *source)
{
    return (source->sound ? source->sound->demux.num_bad : 0) +
           (source->video ? source->video->demux.num_bad : 0);
}

static int64_t sample_idx(int64_t ns)
{
    return ns / NS_PER_S * TYTO_SOURCE_FILE_RATE_HZ +
           (ns % NS_PER_S * TYTO_SOURCE_FILE_RATE_HZ + NS_PER_S / 2) / NS_PER_S;
}

/* --- segments ----------------------------------------------------------------------------- */

static enum tyto_err get_sound(struct tyto_source_file *source, struct tyto_source_segment *segment)
{
    if (!source->sound)
        return TYTO_OK;
    float *pcm = malloc(source->num_samples * sizeof(*pcm));
    if (!pcm)
        return TYTO_ERR_NOMEM;
    uint32_t num;
    const enum tyto_err err = tyto_sound_get(source->sound, sample_idx(segment->begin_ns),
                                             source->num_samples, pcm, &num);
    if (!err && tyto_segment_audio_share(num, source->num_samples) >= TYTO_SEGMENT_MIN_AUDIO_SHARE)
        segment->pcm = pcm;
    else
        free(pcm);
    return err;
}

static enum tyto_err get_picture(struct tyto_source_file *source,
                                 struct tyto_source_segment *segment)
{
    if (!source->video)
        return TYTO_OK;
    const int64_t length_ns = source->params.segment_ns, hop_ns = source->params.hop_ns;
    const int64_t edge_ns = tyto_segment_edge_ns(hop_ns, length_ns);
    AVFrame *av, *held = NULL;
    enum tyto_err err =
        tyto_video_get(source->video, segment->begin_ns - edge_ns,
                       segment->begin_ns + length_ns / 2, segment->end_ns + edge_ns, &av);
    if (err || !av)
        return err;
    /* A neighbour's picture alone makes no segment. */
    if (!segment->pcm && (av->pts < segment->begin_ns || av->pts >= segment->end_ns))
        return TYTO_OK;
    err = tyto_frame_from_av(av, source->video->demux.turn, &held, &segment->frame);
    if (err == TYTO_ERR_NOMEM)
        return err;
    if (err) { /* larger than any encoder takes, or of a strange kind */
        source->video->demux.num_bad++;
        return TYTO_OK;
    }
    segment->has_picture = true;
    segment->picture_ns = av->pts;
    segment->held = held;
    return TYTO_OK;
}

/* Up to where there is anything, as far as is known; what has not ended has no end yet. */
static int64_t content_end(const struct tyto_source_file *source)
{
    int64_t end_ns = 0;
    const struct tyto_sound *sound = source->sound;
    const struct tyto_video *video = source->video;
    if (sound && !sound->over)
        return INT64_MAX;
    if (sound && sound->end_idx > 0)
        end_ns = sound->end_idx / TYTO_SOURCE_FILE_RATE_HZ * NS_PER_S +
                 sound->end_idx % TYTO_SOURCE_FILE_RATE_HZ * NS_PER_S / TYTO_SOURCE_FILE_RATE_HZ;
    if (video && !video->over)
        return INT64_MAX;
    if (video && video->end_ns > end_ns)
        end_ns = video->end_ns;
    return end_ns;
}

enum tyto_err tyto_source_file_next(struct tyto_source_file *source,
                                    struct tyto_source_segment *ret_segment,
                                    struct tyto_fault *ret_fault)
{
    const int64_t begin_ns = (int64_t)source->next_idx * source->params.hop_ns;
    struct tyto_source_segment segment = {
        .idx = source->next_idx,
        .begin_ns = begin_ns,
        .end_ns = begin_ns + source->params.segment_ns,
    };
    enum tyto_err err = get_sound(source, &segment);
    if (!err)
        err = get_picture(source, &segment);
    if (err) {
        tyto_source_segment_finish(&segment);
        return tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
    }
    const int64_t left_ns = content_end(source) - begin_ns;
    const bool is_stub = left_ns < source->params.segment_ns / 2 && source->next_idx > 0;
    if (left_ns <= 0 || is_stub || source->next_idx >= MAX_SEGMENTS) {
        tyto_source_segment_finish(&segment);
        const bool any = (source->sound && source->sound->any) ||
                         (source->video && (source->video->any || source->video->num_ready > 0));
        if (!any)
            return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, NULL, 0, NULL,
                                  "nothing in it could be decoded%s%s: is it damaged?",
                                  tyto_demux_said()[0] ? ": " : "", tyto_demux_said());
        return TYTO_ERR_EMPTY;
    }
    if (source->end.read_ns == 0)
        source->end.begin_ns = begin_ns;
    if (segment.pcm || segment.has_picture)
        source->end.read_ns += source->params.hop_ns;
    source->next_idx++;
    *ret_segment = segment;
    return TYTO_OK;
}

void tyto_source_segment_finish(struct tyto_source_segment *segment)
{
    AVFrame *held = segment->held;
    av_frame_free(&held);
    free(segment->pcm);
    *segment = (struct tyto_source_segment){0};
}

/* --- whole files ---------------------------------------------------------------------------- */

enum tyto_err tyto_source_file_read_sound(const char *path, int64_t max_ns, float **ret_samples,
                                          uint64_t *ret_num, struct tyto_fault *ret_fault)
{
    const struct tyto_source_file_params params = {.path = path, .no_video = true};
    struct tyto_source_file *source = NULL;
    enum tyto_err err = tyto_source_file_open(&params, &source, ret_fault);
    if (err)
        return err;
    if (max_ns > MAX_SOUND_S * NS_PER_S)
        max_ns = MAX_SOUND_S * NS_PER_S;
    const uint64_t max = max_ns > 0 ? (uint64_t)sample_idx(max_ns) : 0;
    float *samples = NULL;
    uint64_t num = 0, cap = 0;
    while (!err && num < max && !(source->sound->over && num > 0)) {
        if (cap - num < SOUND_STEP) {
            cap = cap * 2 + SOUND_STEP;
            float *larger = realloc(samples, cap * sizeof(*samples));
            if (!larger) {
                err = TYTO_ERR_NOMEM;
                break;
            }
            samples = larger;
        }
        uint32_t num_there;
        err = tyto_sound_get(source->sound, (int64_t)num, SOUND_STEP, samples + num, &num_there);
        num += SOUND_STEP;
        if (source->sound->over && (int64_t)num < source->sound->end_idx)
            continue;
        if (source->sound->over)
            num = source->sound->end_idx > 0 ? (uint64_t)source->sound->end_idx : 0;
        if (num == 0)
            break;
    }
    num = num < max ? num : max;
    if (!err && num == 0)
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL,
                             "its sound could not be decoded%s%s", tyto_demux_said()[0] ? ": " : "",
                             tyto_demux_said());
    tyto_source_file_close(&source);
    if (err) {
        free(samples);
        return err;
    }
    *ret_samples = samples;
    *ret_num = num;
    return TYTO_OK;
}

enum tyto_err tyto_source_file_read_picture(const char *path,
                                            struct tyto_source_picture *ret_picture,
                                            struct tyto_fault *ret_fault)
{
    const struct tyto_source_file_params params = {.path = path, .no_audio = true};
    struct tyto_source_file *source = NULL;
    enum tyto_err err = tyto_source_file_open(&params, &source, ret_fault);
    if (err)
        return err;
    AVFrame *av = NULL;
    /* Nearest to long before: the first. */
    err = tyto_video_get(source->video, INT64_MIN / 4, INT64_MIN / 8, INT64_MAX / 4, &av);
    if (!err)
        err = av ? tyto_picture_from_av(av, tyto_turn_of_av(av, source->video->demux.turn),
                                        ret_picture)
                 : TYTO_ERR_FORMAT;
    if (err)
        tyto_fault_set(ret_fault, err, path, 0, NULL, "its picture could not be decoded%s%s",
                       tyto_demux_said()[0] ? ": " : "", tyto_demux_said());
    tyto_source_file_close(&source);
    return err;
}
