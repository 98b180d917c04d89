/* SPDX-License-Identifier: MIT */
/* An epoch of AVE's official files, every clip once in random order: clips a second, and the most
 * memory that was ever held.
 *
 *   scripts/golden/make_ave.py --full DIR
 *   bench_ave DIR */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "trainer/data/ave/ave.h"

static uint32_t random_below(uint64_t *state, uint32_t limit)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % limit);
}

/* MiB; -1 where a clip could not be read. */
static double read_epoch(struct tyto_dataset *dataset, const uint32_t *order)
{
    const struct tyto_dataset_shape *shape = &dataset->shape;
    const size_t num_audio = (size_t)shape->num_segments * shape->audio_in;
    const size_t num_visual = (size_t)shape->num_segments * shape->num_places * shape->visual_in;
    bool has[2][256];
    struct tyto_dataset_clip clip = {.audio = malloc(num_audio * sizeof(float)),
                                     .visual = malloc(num_visual * sizeof(float)),
                                     .has_audio = has[0],
                                     .has_visual = has[1]};
    double mib = (double)(num_audio + num_visual) * sizeof(float) / (1 << 20) * shape->num_clips;
    for (uint32_t i = 0; i < shape->num_clips && mib >= 0; i++) {
        if (!clip.audio || !clip.visual || tyto_dataset_read(dataset, order[i], &clip) != TYTO_OK)
            mib = -1;
    }
    free(clip.audio);
    free(clip.visual);
    return mib;
}

int main(int argc, char **argv)
{
    const struct tyto_ave_params params = {.dir = argc > 1 ? argv[1] : ".", .split = TYTO_AVE_ALL};
    struct tyto_dataset *dataset = NULL;
    struct tyto_fault fault = {0};
    uint64_t begin_ns = tyto_clock_mono_ns();
    if (tyto_ave_open(&params, &dataset, &fault) != TYTO_OK) {
        char text[1024];
        tyto_fault_print(&fault, text, sizeof(text));
        fprintf(stderr, "bench_ave: %s\n", text);
        return 1;
    }
    const uint32_t num = dataset->shape.num_clips;
    const double open_s = (double)(tyto_clock_mono_ns() - begin_ns) / 1e9;
    uint32_t *order = calloc(num, sizeof(*order));
    uint64_t state = 7;
    for (uint32_t i = 0; order && i < num; i++) {
        const uint32_t other = random_below(&state, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    begin_ns = tyto_clock_mono_ns();
    const double mib = order ? read_epoch(dataset, order) : -1;
    const double read_s = (double)(tyto_clock_mono_ns() - begin_ns) / 1e9;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    tyto_dataset_destroy(&dataset);
    free(order);
    if (mib < 0) {
        fprintf(stderr, "bench_ave: a clip cannot be read\n");
        return 1;
    }
    printf(
        "open %.2f s; %u clips in random order in %.2f s: %.0f clips/s, %.0f MiB/s; at most %.0f "
        "MiB of memory; %.1f s of CPU\n",
        open_s, num, read_s, num / read_s, mib / read_s, (double)usage.ru_maxrss / 1024,
        (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec);
    return 0;
}
