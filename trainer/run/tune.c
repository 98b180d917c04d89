/* SPDX-License-Identifier: MIT */
/* A run that trains the picture encoder's last layer too: what it reads, and the encoder's file
 * that comes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/open.h"
#include "files/replace.h"
#include "files/safetensors.h"
#include "trainer/run/internal.h"

enum { COPY_BYTES = 1 << 16 };

static enum tyto_err refuse(const struct tyto_run_state *run, const char *why)
{
    return tyto_fault_set(run->fault, TYTO_ERR_INVALID, NULL, 0, "--tune-visual", "%s", why);
}

/* Whether the data sets' pictures are what the layer reads. */
static enum tyto_err check_widths(const struct tyto_run_state *run)
{
    if (run->params->train->shape.visual_in != run->layer.in)
        return refuse(run, "the features are not what the encoder's last layer reads");
    if (run->layer.in % 4 != 0 || run->layer.out % 4 != 0)
        return refuse(run, "the last layer's widths must be multiples of 4");
    return TYTO_OK;
}

enum tyto_err tyto_run_open_tune(struct tyto_run_state *run)
{
    const struct tyto_run_options *o = run->options;
    struct tyto_dataset *const data[] = {run->params->train, run->params->val};
    enum tyto_err err = TYTO_OK;

    if (!o->tune_visual)
        return TYTO_OK;
    if (!run->params->visual_path || !run->params->audio_path)
        return refuse(run, "is for recordings, whose encoder is at hand");
    if (o->fusion != TYTO_CMAN_FUSION_CMAN || o->contrast > 0)
        return refuse(run, "is for --fusion cman without --contrast");
    err = tyto_last_layer_read(run->params->visual_path, &run->layer, run->fault);
    if (!err)
        err = check_widths(run);
    for (uint32_t i = 0; i < 2 && !err; i++)
        if (data[i])
            err = tyto_last_layer_dataset(data[i], &run->layer, &run->encoded[i]);
    if (!err)
        tyto_run_note(run,
                      "tuning the picture encoder's last layer (%u x %u) at %g of the rate; "
                      "its adapters learn too, and there is no noise",
                      run->layer.out, run->layer.in, (double)o->tune_rate);
    return err;
}

void tyto_run_close_tune(struct tyto_run_state *run)
{
    for (uint32_t i = 0; i < 2; i++)
        tyto_dataset_destroy(&run->encoded[i]);
    tyto_last_layer_finish(&run->layer);
}

static bool copy_bytes(FILE *from, FILE *to)
{
    static char bytes[COPY_BYTES];
    size_t num = 0;

    while ((num = fread(bytes, 1, sizeof(bytes), from)) > 0)
        if (fwrite(bytes, 1, num, to) != num)
            return false;
    return !ferror(from);
}

/* The other encoder beside the tuned one, so that the folder serves as --models. */
static enum tyto_err copy_audio(struct tyto_run_state *run)
{
    char path[TYTO_RUN_PATH_MAX];
    struct tyto_replace *replace = NULL;
    enum tyto_err err = tyto_run_path(run->params->dir, "audio.safetensors", path, run->fault);

    if (err)
        return err;
    FILE *from = tyto_fopen_input(run->params->audio_path);
    err = from ? tyto_replace_begin(path, 0666, &replace) : TYTO_ERR_IO;
    FILE *to = replace ? tyto_replace_file(replace) : NULL;

    if (!err && !(to && copy_bytes(from, to)))
        err = TYTO_ERR_IO;
    if (from)
        fclose(from);
    if (!err)
        err = tyto_replace_commit(&replace);
    tyto_replace_abandon(&replace);
    if (err)
        return tyto_fault_set(run->fault, err, path, 0, NULL, "cannot be copied from %.200s",
                              run->params->audio_path);
    return TYTO_OK;
}

enum tyto_err tyto_run_export_tuned(struct tyto_run_state *run,
                                    char ret_digest[TYTO_DIGEST_HEX_BYTES])
{
    char path[TYTO_RUN_PATH_MAX];
    struct tyto_weights *file = NULL;
    enum tyto_err err = tyto_run_path(run->params->dir, "visual.safetensors", path, run->fault);

    tyto_train_get_tuned(run->train, run->layer.weight, run->layer.bias);
    if (!err)
        err = tyto_last_layer_write(&run->layer, run->params->visual_path, path, run->fault);
    if (!err)
        err = tyto_weights_open(path, &file, run->fault);
    if (!err)
        tyto_weights_digest(file, ret_digest);
    tyto_weights_close(&file);
    if (!err && run->encoded[1])
        snprintf(run->encoded[1]->visual_encoder, sizeof(run->encoded[1]->visual_encoder), "%s",
                 ret_digest);
    return err ? err : copy_audio(run);
}
