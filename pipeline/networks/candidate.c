/* SPDX-License-Identifier: MIT */
#include "pipeline/networks/candidate.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/cman/host.h"

#define TOLERANCE 1e-3

enum { MAX_FILE_BYTES = 1 << 30 };

/* --- does it fit what runs? ---------------------------------------------------------------- */

static enum tyto_err check_encoder(const char *said, const char *digest, const char *layout,
                                   const char *running, const char *key, const char *path,
                                   struct tyto_fault *ret_fault)
{
    if (!said[0] || strcmp(said, digest) == 0 || (layout[0] && strcmp(said, layout) == 0))
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, key,
                          "was trained with encoder %.12s..., %s runs (%.12s...): train it with "
                          "that one, or restart with its own",
                          said, running, digest);
}

enum tyto_err tyto_head_fit_check(const struct tyto_head_fit *fit,
                                  const struct tyto_cman_weights *weights, const char *path,
                                  struct tyto_fault *ret_fault)
{
    const struct tyto_cman_dims *dims = &weights->dims;
    if (dims->num_places != fit->num_places || dims->visual_in != fit->visual_in ||
        dims->audio_in != fit->audio_in)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, path, 0, "tyto.config",
                              "was trained for other encoders: it wants %u x %u and %u features, "
                              "the encoders give %u x %u and %u",
                              dims->num_places, dims->visual_in, dims->audio_in, fit->num_places,
                              fit->visual_in, fit->audio_in);
    if (dims->num_segments != fit->num_segments && !fit->any_num_segments)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, path, 0, "tyto.config num_segments",
                              "looks back on %u segments, the running model on %u: restart to "
                              "change that, or set inference.segments",
                              dims->num_segments, fit->num_segments);
    if (dims->look_ahead != fit->look_ahead && !fit->any_look_ahead)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, path, 0, "tyto.config look_ahead",
                              "is not the running model's: restart to change that, or set "
                              "inference.look_ahead");
    const enum tyto_err err =
        check_encoder(weights->audio_encoder, fit->audio.digest, fit->audio.layout, fit->audio.path,
                      "tyto.encoders audio", path, ret_fault);
    return err ? err
               : check_encoder(weights->visual_encoder, fit->visual.digest, fit->visual.layout,
                               fit->visual.path, "tyto.encoders visual", path, ret_fault);
}

/* --- the self-check -------------------------------------------------------------------------- */

/* 0..2, as features behind a ReLU are; the same numbers each time. */
static void fill(float *values, size_t num, uint32_t seed)
{
    uint32_t state = seed;
    for (size_t i = 0; i < num; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) * 0x1p-23f;
    }
}

static enum tyto_err compute(struct tyto_new_head *head, const struct tyto_head_fit *fit)
{
    const struct tyto_cman_dims *d = &head->weights.dims;
    const size_t n =
        fit->num_segments < TYTO_NEW_HEAD_CHECKS ? fit->num_segments : TYTO_NEW_HEAD_CHECKS;
    const size_t num_visual = n * d->num_places * d->visual_in;
    head->num_checks = (uint32_t)n;
    head->audio = calloc(n * d->audio_in, sizeof(float));
    head->visual = calloc(num_visual, sizeof(float));
    head->logits = calloc(n * d->num_logits, sizeof(float));
    head->place = calloc(n * d->num_places, sizeof(float));
    head->beta_audio = calloc(n, sizeof(float));
    head->beta_visual = calloc(n, sizeof(float));
    float *align = calloc(2 * n * n, sizeof(float));
    enum tyto_err err = TYTO_ERR_NOMEM;
    if (head->audio && head->visual && head->logits && head->place && head->beta_audio &&
        head->beta_visual && align) {
        fill(head->audio, n * d->audio_in, 1);
        fill(head->visual, num_visual, 2);
        for (size_t i = 0; i < n; i++) {
            head->has_audio[i] = i != 1;
            head->has_visual[i] = i != 2;
        }
        const struct tyto_cman_host_in in = {(uint32_t)n,  fit->look_ahead, head->audio,
                                             head->visual, head->has_audio, head->has_visual};
        const struct tyto_cman_host_out out = {
            head->logits,  head->place, head->beta_audio, head->beta_visual, align,
            align + n * n, NULL};
        err = tyto_cman_host_run(&head->weights, &in, &out);
    }
    free(align);
    return err;
}

/* --- the file ------------------------------------------------------------------------------- */

/* A copy, not a mapping: someone may cut the file while we read, and that must not end us. */
static enum tyto_err read_bytes(const char *path, void **ret_bytes, size_t *ret_num,
                                struct tyto_fault *ret_fault)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat stat = {0};
    if (fd < 0)
        return tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                              0, NULL, "cannot open: %s", strerror(errno));
    enum tyto_err err = TYTO_OK;
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size > MAX_FILE_BYTES)
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL,
                             "is no regular file of at most %d MiB", MAX_FILE_BYTES >> 20);
    uint8_t *bytes = !err ? malloc((size_t)stat.st_size + 1) : NULL;
    if (!err && !bytes)
        err = tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, path, 0, NULL, "out of memory");
    size_t num = 0;
    for (ssize_t got = 1; !err && got != 0 && num < (size_t)stat.st_size;) {
        got = read(fd, bytes + num, (size_t)stat.st_size - num);
        if (got < 0 && errno != EINTR)
            err = tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "cannot read: %s",
                                 strerror(errno));
        num += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (err) {
        free(bytes);
        return err;
    }
    *ret_bytes = bytes;
    *ret_num = num;
    return TYTO_OK;
}

static enum tyto_err load(const char *path, struct tyto_cman_weights *ret_weights,
                          struct tyto_fault *ret_fault)
{
    struct tyto_fault fault = {0};
    void *bytes = NULL;
    size_t num = 0;
    enum tyto_err err = read_bytes(path, &bytes, &num, ret_fault);
    if (err)
        return err;
    err = tyto_cman_weights_load_memory(bytes, num, ret_weights, &fault);
    free(bytes);
    return !err ? TYTO_OK
                : tyto_fault_set(ret_fault, err, path, fault.line, fault.key, "%s", fault.text);
}

enum tyto_err tyto_new_head_create(const char *path, const struct tyto_head_fit *fit,
                                   const char *serves, struct tyto_new_head **ret_head,
                                   struct tyto_fault *ret_fault)
{
    struct tyto_new_head *head = calloc(1, sizeof(*head));
    if (!head)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, path, 0, NULL, "out of memory");
    head->path = strdup(path);
    enum tyto_err err = head->path ? load(path, &head->weights, ret_fault) : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_head_fit_check(fit, &head->weights, path, ret_fault);
    if (!err && strcmp(head->weights.digest, serves) != 0)
        err = compute(head, fit);
    if (err) {
        if (err == TYTO_ERR_NOMEM)
            tyto_fault_set(ret_fault, err, path, 0, NULL, "out of memory");
        tyto_new_head_destroy(&head);
        return err;
    }
    *ret_head = head;
    return TYTO_OK;
}

void tyto_new_head_destroy(struct tyto_new_head **head)
{
    if (!head || !*head)
        return;
    tyto_cman_weights_finish(&(*head)->weights);
    free((*head)->path);
    free((*head)->audio);
    free((*head)->visual);
    free((*head)->logits);
    free((*head)->place);
    free((*head)->beta_audio);
    free((*head)->beta_visual);
    free(*head);
    *head = NULL;
}

static enum tyto_err compare(const struct tyto_new_head *head, const char *what, const float *got,
                             const float *want, size_t num, struct tyto_fault *ret_fault)
{
    for (size_t i = 0; i < num; i++) {
        const double g = (double)got[i], w = (double)want[i];
        if (isfinite(g) && isfinite(w) && fabs(g - w) <= TOLERANCE * fmax(1.0, fabs(w)))
            continue;
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, head->path, 0, "self-check",
                              "%s %zu is %g on the device and %g in plain C: such weights cannot "
                              "be served; train anew, or export again",
                              what, i, g, w);
    }
    return TYTO_OK;
}

enum tyto_err tyto_new_head_compare(const struct tyto_new_head *head,
                                    const struct tyto_cman_dims *dims,
                                    const struct tyto_cman_result *result,
                                    struct tyto_fault *ret_fault)
{
    const size_t n = head->num_checks;
    if (result->num_valid != n)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, head->path, 0, "self-check",
                              "the window holds %u segments, not %zu", result->num_valid, n);
    enum tyto_err err =
        compare(head, "logit", result->logits, head->logits, n * dims->num_logits, ret_fault);
    if (!err)
        err = compare(head, "place", result->place, head->place, n * dims->num_places, ret_fault);
    if (!err)
        err = compare(head, "audio sentinel", result->beta_audio, head->beta_audio, n, ret_fault);
    if (!err)
        err =
            compare(head, "visual sentinel", result->beta_visual, head->beta_visual, n, ret_fault);
    return err;
}
