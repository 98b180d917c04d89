/* SPDX-License-Identifier: MIT */
/* make_small_models DIR: small networks for tests of the daemon: visual, audio, head (dog, cat,
 * car), encoders of which the last layer can be tuned (tunable, even-audio), other (dog, owl), and
 * heads that must be refused: wide (other encoders), stranger (trained with another sound encoder),
 * early (a baseline). */
#include <stdio.h>

#include "tests/flow/small_models.h"

static const char *path_of(const char *dir, const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s.safetensors", dir, name);
    return path;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        struct small_head head;
    } heads[] = {
        {"head", {.seed = "a", .classes = "[\"dog\",\"cat\",\"car\"]", .num_classes = 3}},
        {"other", {.seed = "b", .classes = "[\"owl\",\"dog\"]", .num_classes = 2}},
        {"wide", {.seed = "c", .classes = "[\"dog\"]", .num_classes = 1, .visual = 9}},
        {"stranger",
         {.seed = "d",
          .classes = "[\"dog\"]",
          .num_classes = 1,
          .encoders = "{\"audio\":\"0123456789abcdef\"}"}},
        {"early", {.seed = "e", .classes = "[\"dog\"]", .num_classes = 1, .fusion = "early"}},
    };
    if (argc != 2) {
        fprintf(stderr, "usage: make_small_models DIR\n");
        return 2;
    }
    enum tyto_err err = small_visual_write(path_of(argv[1], "visual"));
    if (!err)
        err = small_audio_write(path_of(argv[1], "audio"));
    if (!err)
        err = small_tunable_write(path_of(argv[1], "tunable"));
    if (!err)
        err = small_even_audio_write(path_of(argv[1], "even-audio"));
    for (unsigned i = 0; !err && i < sizeof(heads) / sizeof(heads[0]); i++)
        err = small_head_write(path_of(argv[1], heads[i].name), &heads[i].head);
    if (err)
        fprintf(stderr, "make_small_models: %s\n", tyto_err_text(err));
    return err ? 1 : 0;
}
