/* SPDX-License-Identifier: MIT */
/* The audio encoder: log-mel, the network on windows of it, statistics. Where the
 * network slides over time, all windows of a segment are one run over a taller
 * input (model/graph/stretch.h); otherwise each window is a row of its own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/encoder/audio_device.h"
#include "model/encoder/encoder.h"
#include "model/encoder/log_mel_cpu.h"
#include "model/graph/file.h"
#include "model/graph/stretch.h"

enum { SAMPLE_RATE_HZ = 16000, MAX_WINDOWS = 256 };

struct tyto_audio {
    struct tyto_encoder_file *file;
    struct tyto_graph tall; /* the network over all windows; used when stretched */
    bool stretched;
    struct tyto_audio_layout layout;
    uint32_t max_batch;
    struct tyto_executor *exec;
    struct tyto_log_mel_cpu *plain; /* CPU: these three */
    float *mel;                     /* (F, M) of one segment */
    struct tyto_buf *output;
    struct tyto_audio_device *device; /* VULKAN */
};

static enum tyto_err refuse(struct tyto_fault *ret_fault, enum tyto_err err, const char *path,
                            const char *text)
{
    return tyto_fault_set(ret_fault, err, path, 0, "tyto.frontend", "%s", text);
}

static enum tyto_err check_file(const struct tyto_encoder_file *file, const char *path,
                                struct tyto_fault *ret_fault)
{
    const struct tyto_value *in = &file->graph.values[0];

    if (file->kind != TYTO_ENCODER_AUDIO)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, "tyto.kind",
                              "is \"%s\": this is no audio encoder",
                              tyto_encoder_kind_name(file->kind));
    if (!file->has_frontend)
        return refuse(ret_fault, TYTO_ERR_FORMAT, path,
                      "missing: import the encoder together with its log-mel front end");
    if (file->frontend.sample_rate_hz != SAMPLE_RATE_HZ)
        return refuse(ret_fault, TYTO_ERR_UNSUPPORTED, path, "sample rate must be 16000 Hz");
    if (in->h != file->frontend.num_frames || in->w != file->frontend.num_mel || in->c != 1)
        return refuse(ret_fault, TYTO_ERR_SHAPE, path,
                      "frames and bands do not fit the network's input");
    return TYTO_OK;
}

static void fill_shape(const struct tyto_frontend *frontend, uint32_t segment_samples,
                       struct tyto_log_mel_shape *shape)
{
    *shape = (struct tyto_log_mel_shape){
        .num_samples = segment_samples,
        .fft = frontend->fft,
        .window_len = frontend->window_len,
        .hop = frontend->hop,
        .num_mel = frontend->num_mel,
        .window = frontend->window,
        .mel = frontend->mel,
        .form = frontend->form,
        .pcm_scale = frontend->pcm_scale,
        .floor = frontend->floor,
        .top_db = frontend->top_db,
        .post_scale = frontend->post_scale,
        .post_shift = frontend->post_shift,
    };
}

/* Windows of a segment, and how the network sees them. */
static enum tyto_err lay_out(struct tyto_audio *audio, const struct tyto_log_mel_shape *shape,
                             const char *path, struct tyto_fault *ret_fault)
{
    const struct tyto_frontend *frontend = &audio->file->frontend;
    const struct tyto_graph *graph = &audio->file->graph;
    const struct tyto_value *out = &graph->values[graph->out_idx];
    struct tyto_audio_layout *layout = &audio->layout;

    if (tyto_log_mel_check(shape) != TYTO_OK)
        return refuse(
            ret_fault, TYTO_ERR_SHAPE, path,
            "log-mel parameters are out of limits, or a segment is shorter than a window");
    layout->num_frames = tyto_log_mel_num_frames(shape);
    layout->num_mel = shape->num_mel;
    layout->window_frames = frontend->num_frames;
    layout->frames_hop = frontend->frames_hop;
    if (layout->num_frames < layout->window_frames)
        return refuse(ret_fault, TYTO_ERR_SHAPE, path,
                      "a segment has fewer frames than the network needs: use longer segments");
    layout->num_windows = (layout->num_frames - layout->window_frames) / layout->frames_hop + 1;
    if (layout->num_windows > MAX_WINDOWS)
        return refuse(ret_fault, TYTO_ERR_SHAPE, path, "too many windows in a segment");
    audio->stretched =
        tyto_graph_stretch(graph, layout->num_windows, layout->frames_hop, &audio->tall);
    layout->rows_per_segment = audio->stretched ? 1 : layout->num_windows;
    layout->row_frames = audio->stretched ? audio->tall.values[0].h : layout->window_frames;
    layout->num_places = layout->num_windows * out->h * out->w;
    layout->embedding = out->c;
    return TYTO_OK;
}

static enum tyto_err create_parts(struct tyto_audio *audio, const struct tyto_audio_params *params,
                                  const struct tyto_log_mel_shape *shape)
{
    const struct tyto_audio_layout *layout = &audio->layout;
    const uint64_t rows = (uint64_t)params->max_batch * layout->rows_per_segment;
    const size_t num_mel_floats = (size_t)layout->num_frames * layout->num_mel;
    const uint64_t out_bytes =
        sizeof(float) * (uint64_t)params->max_batch * tyto_audio_channels(audio);
    if (rows > UINT16_MAX)
        return TYTO_ERR_SHAPE;

    const struct tyto_executor_params exec_params = {
        .graph = audio->stretched ? &audio->tall : &audio->file->graph,
        .gpu = params->gpu,
        .exec = params->exec,
        .max_batch = (uint32_t)rows,
        .num_threads = params->num_threads,
        .log = params->log,
    };
    enum tyto_err err = tyto_executor_create(&exec_params, &audio->exec);
    if (err)
        return err;
    if (tyto_executor_kind(audio->exec) == TYTO_EXEC_VULKAN)
        return tyto_audio_device_create(params->gpu, shape, layout, params->max_batch, audio->exec,
                                        &audio->device);
    err = tyto_log_mel_cpu_create(shape, &audio->plain);
    if (!err)
        err = tyto_buf_create(params->gpu, TYTO_BUF_UPLOAD, out_bytes, &audio->output);
    audio->mel = malloc(num_mel_floats * sizeof(*audio->mel));
    return !err && !audio->mel ? TYTO_ERR_NOMEM : err;
}

enum tyto_err tyto_audio_create(const struct tyto_audio_params *params,
                                struct tyto_audio **ret_audio, struct tyto_fault *ret_fault)
{
    const char *path = params->weights_path;
    struct tyto_log_mel_shape shape;
    struct tyto_audio *audio = calloc(1, sizeof(*audio));
    if (!audio)
        return TYTO_ERR_NOMEM;

    audio->max_batch = params->max_batch;
    enum tyto_err err = params->max_batch > 0 ? TYTO_OK : TYTO_ERR_INVALID;
    if (!err)
        err = tyto_encoder_file_read(path, &audio->file, ret_fault);
    if (!err)
        err = check_file(audio->file, path, ret_fault);
    if (!err) {
        fill_shape(&audio->file->frontend, params->segment_samples, &shape);
        err = lay_out(audio, &shape, path, ret_fault);
    }
    if (!err) {
        err = create_parts(audio, params, &shape);
        if (err)
            err = tyto_fault_set(ret_fault, err, path, 0, NULL,
                                 "the audio encoder cannot be set up: %s", tyto_err_text(err));
    }
    if (err) {
        tyto_audio_destroy(&audio);
        return err;
    }
    *ret_audio = audio;
    return TYTO_OK;
}

void tyto_audio_destroy(struct tyto_audio **audio)
{
    if (!audio || !*audio)
        return;
    tyto_audio_device_destroy(&(*audio)->device);
    tyto_executor_destroy(&(*audio)->exec);
    tyto_log_mel_cpu_destroy(&(*audio)->plain);
    tyto_buf_destroy(&(*audio)->output);
    tyto_encoder_file_destroy(&(*audio)->file);
    free((*audio)->mel);
    free(*audio);
    *audio = NULL;
}

uint32_t tyto_audio_channels(const struct tyto_audio *audio)
{
    return audio->layout.embedding + 2 * audio->layout.num_mel;
}

enum tyto_exec tyto_audio_exec(const struct tyto_audio *audio)
{
    return tyto_executor_kind(audio->exec);
}

/* Mean and, when ret_std is not NULL, population standard deviation over rows. */
static void row_stats(const float *rows, uint32_t num_rows, uint32_t width, float *ret_mean,
                      float *ret_std)
{
    for (uint32_t c = 0; c < width; c++) {
        double sum = 0.0, squares = 0.0;
        for (uint32_t r = 0; r < num_rows; r++)
            sum += (double)rows[(size_t)r * width + c];
        const double mean = sum / num_rows;
        ret_mean[c] = (float)mean;
        if (!ret_std)
            continue;
        for (uint32_t r = 0; r < num_rows; r++) {
            const double d = (double)rows[(size_t)r * width + c] - mean;
            squares += d * d;
        }
        ret_std[c] = (float)sqrt(squares / num_rows);
    }
}

static enum tyto_err run_plain(struct tyto_audio *audio, const float *const *pcm,
                               uint32_t num_segments)
{
    const struct tyto_audio_layout *layout = &audio->layout;
    const size_t row_floats = (size_t)layout->row_frames * layout->num_mel;
    const uint32_t channels = tyto_audio_channels(audio);
    float *in = tyto_buf_map(tyto_executor_input(audio->exec));
    float *out = tyto_buf_map(audio->output);

    for (uint32_t i = 0; i < num_segments; i++) {
        float *stats = out + (size_t)i * channels + layout->embedding;
        tyto_log_mel_cpu_run(audio->plain, pcm[i], audio->mel);
        row_stats(audio->mel, layout->num_frames, layout->num_mel, stats, stats + layout->num_mel);
        for (uint32_t r = 0; r < layout->rows_per_segment; r++) {
            const float *from = audio->mel + (size_t)r * layout->frames_hop * layout->num_mel;
            memcpy(in + (size_t)(i * layout->rows_per_segment + r) * row_floats, from,
                   row_floats * sizeof(*in));
        }
    }
    enum tyto_err err = tyto_executor_run(audio->exec, num_segments * layout->rows_per_segment);
    if (err)
        return err;
    const float *embeddings = tyto_buf_map(tyto_executor_output(audio->exec));
    for (uint32_t i = 0; i < num_segments; i++)
        row_stats(embeddings + (size_t)i * layout->num_places * layout->embedding,
                  layout->num_places, layout->embedding, out + (size_t)i * channels, NULL);
    return TYTO_OK;
}

enum tyto_err tyto_audio_run(struct tyto_audio *audio, const float *const *pcm,
                             uint32_t num_segments)
{
    if (num_segments == 0 || num_segments > audio->max_batch)
        return TYTO_ERR_INVALID;
    if (audio->device)
        return tyto_audio_device_run(audio->device, pcm, num_segments);
    return run_plain(audio, pcm, num_segments);
}

const struct tyto_buf *tyto_audio_output(const struct tyto_audio *audio)
{
    return audio->device ? tyto_audio_device_output(audio->device) : audio->output;
}
