/* SPDX-License-Identifier: MIT */
/* The file: safetensors, metadata tyto.format "embedding/1" and tyto.encoders as a head's; tensors
 * NAME.weight (D, in) and NAME.bias (D) for the names sound (in = A) and picture (in = 2 V: the
 * highest of each column over the places, then its mean). */
#include "pipeline/networks/embedder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/safetensors.h"

enum { SOUND, PICTURE, NUM_SENSES, MAX_IN = 65536 };

struct sense {
    uint32_t num_in;
    float *weight, *bias; /* (D, num_in), (D); owned */
};

struct tyto_embedder {
    uint64_t space;
    uint32_t num_places, visual_in;
    struct sense senses[NUM_SENSES];
    float *pooled; /* (2 V), of the second that is looked at */
};

/* --- the file --------------------------------------------------------------------------------- */

static enum tyto_err read_sense(const struct tyto_weights *weights, const char *name,
                                uint32_t num_in, struct sense *ret_sense,
                                struct tyto_fault *ret_fault)
{
    const uint64_t dims[] = {TYTO_EMBEDDING_NUM, num_in};
    char text[64];
    ret_sense->num_in = num_in;
    ret_sense->weight = calloc((size_t)TYTO_EMBEDDING_NUM * num_in, sizeof(float));
    ret_sense->bias = calloc(TYTO_EMBEDDING_NUM, sizeof(float));
    if (!ret_sense->weight || !ret_sense->bias)
        return TYTO_ERR_NOMEM;
    snprintf(text, sizeof(text), "%s.weight", name);
    const enum tyto_err err =
        tyto_weights_read(weights, text, 2, dims, ret_sense->weight, ret_fault);
    snprintf(text, sizeof(text), "%s.bias", name);
    return err ? err : tyto_weights_read(weights, text, 1, dims, ret_sense->bias, ret_fault);
}

/* Whether the file names this encoder, by its digest or its layout. */
static bool is_named(const char *said, const char *digest, const char *layout)
{
    return strstr(said, digest) != NULL || (layout[0] && strstr(said, layout) != NULL);
}

static enum tyto_err check_encoders(const struct tyto_weights *weights,
                                    const struct tyto_head_fit *fit, struct tyto_fault *ret_fault)
{
    const char *path = tyto_weights_path(weights);
    const char *format = tyto_weights_meta(weights, "tyto.format");
    const char *said = tyto_weights_meta(weights, "tyto.encoders");
    if (!format || strcmp(format, "embedding/1") != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, "tyto.format",
                              "is not embedding/1");
    if (!said || !is_named(said, fit->audio.digest, fit->audio.layout) ||
        !is_named(said, fit->visual.digest, fit->visual.layout))
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, "tyto.encoders",
                              "it was made for other encoders than %s and %s", fit->audio.path,
                              fit->visual.path);
    return TYTO_OK;
}

/* The first 16 digits of the file's digest: what another file makes cannot be compared. */
static uint64_t space_of(const struct tyto_weights *weights)
{
    char digest[TYTO_DIGEST_HEX_BYTES];
    tyto_weights_digest(weights, digest);
    digest[16] = '\0';
    const uint64_t space = strtoull(digest, NULL, 16);
    return space ? space : 1;
}

enum tyto_err tyto_embedder_open(const char *path, const struct tyto_head_fit *fit,
                                 struct tyto_embedder **ret_embedder, struct tyto_fault *ret_fault)
{
    struct tyto_weights *weights = NULL;
    enum tyto_err err = tyto_weights_open(path, &weights, ret_fault);
    if (err)
        return err;
    struct tyto_embedder *embedder = calloc(1, sizeof(*embedder));
    err = embedder ? check_encoders(weights, fit, ret_fault) : TYTO_ERR_NOMEM;
    if (!err && (fit->audio_in > MAX_IN || fit->visual_in > MAX_IN))
        err = TYTO_ERR_SHAPE;
    if (!err)
        err = read_sense(weights, "sound", fit->audio_in, &embedder->senses[SOUND], ret_fault);
    if (!err)
        err = read_sense(weights, "picture", 2 * fit->visual_in, &embedder->senses[PICTURE],
                         ret_fault);
    if (!err) {
        embedder->space = space_of(weights);
        embedder->num_places = fit->num_places;
        embedder->visual_in = fit->visual_in;
        embedder->pooled = calloc(2 * (size_t)fit->visual_in, sizeof(float));
        err = embedder->pooled ? TYTO_OK : TYTO_ERR_NOMEM;
    }
    tyto_weights_close(&weights);
    if (err)
        tyto_embedder_close(&embedder);
    else
        *ret_embedder = embedder;
    return err;
}

void tyto_embedder_close(struct tyto_embedder **embedder)
{
    if (!embedder || !*embedder)
        return;
    for (int s = 0; s < NUM_SENSES; s++) {
        free((*embedder)->senses[s].weight);
        free((*embedder)->senses[s].bias);
    }
    free((*embedder)->pooled);
    free(*embedder);
    *embedder = NULL;
}

/* --- a second --------------------------------------------------------------------------------- */

static float dot(uint32_t num, const float *a, const float *b)
{
    float sums[8] = {0}; /* apart, so that the compiler may add them side by side */
    uint32_t i = 0;
    for (; i + 8 <= num; i += 8) {
        for (uint32_t lane = 0; lane < 8; lane++)
            sums[lane] += a[i + lane] * b[i + lane];
    }
    for (; i < num; i++)
        sums[0] += a[i] * b[i];
    return ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
           ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

/* Its largest number becomes 127 or -127. False: there is no direction in it. */
static bool round_off(const float *values, int8_t ret_values[TYTO_EMBEDDING_NUM])
{
    float most = 0;
    for (int i = 0; i < TYTO_EMBEDDING_NUM; i++) {
        if (!isfinite(values[i]))
            return false;
        most = fmaxf(most, fabsf(values[i]));
    }
    for (int i = 0; i < TYTO_EMBEDDING_NUM && most > 0; i++)
        ret_values[i] = (int8_t)lrintf(values[i] / most * 127);
    return most > 0;
}

static bool run_sense(const struct sense *sense, const float *x,
                      int8_t ret_values[TYTO_EMBEDDING_NUM])
{
    float values[TYTO_EMBEDDING_NUM];
    for (uint32_t i = 0; i < TYTO_EMBEDDING_NUM; i++)
        values[i] =
            sense->bias[i] + dot(sense->num_in, sense->weight + (size_t)i * sense->num_in, x);
    return round_off(values, ret_values);
}

/* Over the places: the highest of each column, then its mean. */
static void pool(struct tyto_embedder *embedder, const float *visual)
{
    const uint32_t num = embedder->visual_in;
    float *highest = embedder->pooled, *mean = embedder->pooled + num;
    memcpy(highest, visual, num * sizeof(*visual));
    memcpy(mean, visual, num * sizeof(*visual));
    for (uint32_t place = 1; place < embedder->num_places; place++) {
        const float *row = visual + (size_t)place * num;
        for (uint32_t i = 0; i < num; i++) {
            highest[i] = row[i] > highest[i] ? row[i] : highest[i];
            mean[i] += row[i];
        }
    }
    for (uint32_t i = 0; i < num; i++)
        mean[i] /= (float)embedder->num_places;
}

void tyto_embedder_run(struct tyto_embedder *embedder, const float *audio, const float *visual,
                       struct tyto_embeddings *ret_embeddings)
{
    memset(ret_embeddings, 0, sizeof(*ret_embeddings));
    ret_embeddings->space = embedder->space;
    if (audio)
        ret_embeddings->has_sound =
            run_sense(&embedder->senses[SOUND], audio, ret_embeddings->sound);
    if (!visual)
        return;
    pool(embedder, visual);
    ret_embeddings->has_picture =
        run_sense(&embedder->senses[PICTURE], embedder->pooled, ret_embeddings->picture);
}
