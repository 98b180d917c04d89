/* SPDX-License-Identifier: MIT */
/* Opens a foreign model file and hands it to the importer it needs. */
#include "model/import/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/import/common/visual.h"
#include "model/import/onnx/onnx.h"
#include "model/import/tflite/tflite.h"

/* A flatbuffer's identifier stands at byte 4. */
static bool is_tflite(const uint8_t *bytes, size_t num_bytes)
{
    return num_bytes >= 8 && memcmp(bytes + 4, "TFL3", 4) == 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum tyto_err import_one(const struct tyto_import_params *params, const void *bytes,
                                size_t num_bytes, struct tyto_encoder_file **ret_file,
                                struct tyto_fault *ret_fault)
{
    struct tyto_build *build = NULL;
    struct tyto_encoder_file *file = NULL;
    enum tyto_err err = tyto_build_create(params->path, num_bytes, &build, ret_fault);
    if (err)
        return err;
    struct tyto_build_outs outs = {0};
    if (is_tflite(bytes, num_bytes))
        err = tyto_import_tflite(build, params, bytes, num_bytes, &outs);
    else
        err = tyto_import_onnx(build, params, bytes, num_bytes, &outs);
    if (!err && params->pooled_name)
        err = tyto_build_pooled(build, &outs);
    if (!err && params->detector)
        err = tyto_build_detector(build, params->detector, &outs);
    if (!err && params->letterbox)
        err = tyto_build_letterbox(build, &outs);
    if (!err)
        err = tyto_build_finish(build, &outs, &file);
    tyto_build_destroy(&build);
    if (!err)
        *ret_file = file;
    return err;
}

/* The same network once more, its input's sides exchanged. */
static enum tyto_err add_tall(const struct tyto_import_params *params, const void *bytes,
                              size_t num_bytes, struct tyto_encoder_file *file,
                              struct tyto_fault *ret_fault)
{
    struct tyto_import_params turned = *params;
    struct tyto_encoder_file *tall = NULL;
    turned.input_h = file->graph.values[0].w;
    turned.input_w = file->graph.values[0].h;
    const enum tyto_err err = import_one(&turned, bytes, num_bytes, &tall, ret_fault);
    if (err)
        return err;
    const char *wrong = tyto_encoder_file_set_tall(file, &tall->graph, &tall->detector);
    tyto_encoder_file_destroy(&tall);
    return wrong ? tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, params->path, 0, "--tall",
                                  "the graph for tall pictures %s", wrong)
                 : TYTO_OK;
}

enum tyto_err tyto_import_memory(const struct tyto_import_params *params, const void *bytes,
                                 size_t num_bytes, struct tyto_encoder_file **ret_file,
                                 struct tyto_fault *ret_fault)
{
    struct tyto_encoder_file *file = NULL;
    enum tyto_err err = import_one(params, bytes, num_bytes, &file, ret_fault);
    if (!err && params->tall)
        err = add_tall(params, bytes, num_bytes, file, ret_fault);
    if (err) {
        tyto_encoder_file_destroy(&file);
        return err;
    }
    snprintf(file->source, sizeof(file->source), "%s", base_name(params->path));
    tyto_digest_hex(bytes, num_bytes, file->source_sha256);
    *ret_file = file;
    return TYTO_OK;
}

struct mapping {
    void *bytes;
    size_t num_bytes;
};

static enum tyto_err map_file(const char *path, struct mapping *ret_map,
                              struct tyto_fault *ret_fault)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st = {0};
    if (fd < 0 || fstat(fd, &st) != 0) {
        const int saved = errno;
        if (fd >= 0)
            close(fd);
        return tyto_fault_set(ret_fault, saved == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                              0, "", "cannot open: %s", strerror(saved));
    }
    if (!S_ISREG(st.st_mode) || st.st_size < 1) {
        close(fd);
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, "",
                              S_ISREG(st.st_mode) ? "is empty" : "is not a regular file");
    }
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    const int saved = errno;
    close(fd);
    if (bytes == MAP_FAILED)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, "", "cannot map: %s",
                              strerror(saved));
    *ret_map = (struct mapping){.bytes = bytes, .num_bytes = (size_t)st.st_size};
    return TYTO_OK;
}

enum tyto_err tyto_import(const struct tyto_import_params *params,
                          struct tyto_encoder_file **ret_file, struct tyto_fault *ret_fault)
{
    struct mapping map;
    enum tyto_err err = map_file(params->path, &map, ret_fault);
    if (err)
        return err;
    err = tyto_import_memory(params, map.bytes, map.num_bytes, ret_file, ret_fault);
    munmap(map.bytes, map.num_bytes);
    return err;
}

/* The tables lie in the build's file: copies go to the encoder's. */
static enum tyto_err hand_over(const struct tyto_build *build, struct tyto_frontend front,
                               struct tyto_encoder_file *file)
{
    const struct tyto_value *input = &file->graph.values[0];
    if (front.num_mel != input->w || input->c != 1)
        return tyto_build_fail(build, TYTO_ERR_SHAPE,
                               "gives %u bands, the encoder's input is (%u,%u,%u)", front.num_mel,
                               input->h, input->w, input->c);
    const size_t num_mel = (size_t)(front.fft / 2 + 1) * front.num_mel;
    float *window = tyto_encoder_file_alloc(file, front.window_len);
    float *mel = tyto_encoder_file_alloc(file, num_mel);
    if (!window || !mel)
        return tyto_build_fail(build, TYTO_ERR_NOMEM, "out of memory");
    memcpy(window, front.window, front.window_len * sizeof(float));
    memcpy(mel, front.mel, num_mel * sizeof(float));
    front.window = window;
    front.mel = mel;
    front.num_frames = input->h;
    file->frontend = front;
    file->has_frontend = true;
    file->kind = TYTO_ENCODER_AUDIO;
    return TYTO_OK;
}

enum tyto_err tyto_import_frontend_memory(const char *path, const void *bytes, size_t num_bytes,
                                          struct tyto_encoder_file *file,
                                          struct tyto_fault *ret_fault)
{
    struct tyto_build *build = NULL;
    struct tyto_frontend front = file->frontend;
    enum tyto_err err = tyto_build_create(path, num_bytes, &build, ret_fault);
    if (err)
        return err;
    if (is_tflite(bytes, num_bytes))
        err = tyto_import_tflite_frontend(build, bytes, num_bytes, &front);
    else
        err = tyto_import_onnx_frontend(build, bytes, num_bytes, &front);
    if (!err)
        err = hand_over(build, front, file);
    tyto_build_destroy(&build);
    return err;
}

enum tyto_err tyto_import_frontend(const char *path, struct tyto_encoder_file *file,
                                   struct tyto_fault *ret_fault)
{
    struct mapping map;
    enum tyto_err err = map_file(path, &map, ret_fault);
    if (err)
        return err;
    err = tyto_import_frontend_memory(path, map.bytes, map.num_bytes, file, ret_fault);
    munmap(map.bytes, map.num_bytes);
    return err;
}
