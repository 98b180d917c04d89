/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target without a fuzzer: over each file of its corpus as it is,
 * cut short, and with bytes changed by a fixed generator. The same inputs on
 * every run; built with sanitizers by scripts/test.
 *
 *   fuzz_NAME CORPUS_FOLDER [CHANGES_PER_FILE] */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { MAX_BYTES = 1 << 20, MAX_CHANGES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    return tyto_random_below(&random_state, limit);
}

/* The target gets an allocation of exactly num_bytes, so that a sanitizer sees one byte too far. */
static int run(const uint8_t *data, size_t num_bytes)
{
    uint8_t *exact = malloc(num_bytes > 0 ? num_bytes : 1);

    if (!exact) {
        return -1;
    }
    memcpy(exact, data, num_bytes);
    LLVMFuzzerTestOneInput(exact, num_bytes);
    free(exact);
    return 0;
}

static void change(uint8_t *data, size_t num_bytes)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7F, 0x80, 0xFF, '{', '"', '-'};
    uint32_t num = 1 + random_below(MAX_CHANGES);

    for (uint32_t i = 0; i < num; i++) {
        /* headers matter more than what they describe */
        uint32_t reach = random_below(2) != 0 ? (uint32_t)num_bytes : 256;
        size_t at = random_below(reach < num_bytes ? reach : (uint32_t)num_bytes);
        uint8_t edge = edges[random_below(sizeof(edges))];
        uint8_t flipped = (uint8_t)(data[at] ^ (1u << random_below(8)));
        data[at] = (uint8_t)(random_below(2) != 0 ? edge : flipped);
    }
}

static int replay(const uint8_t *data, size_t num_bytes, uint32_t num_changes)
{
    static uint8_t copy[MAX_BYTES];
    size_t step = num_bytes / 64 + 1;

    if (run(data, num_bytes) != 0) {
        return -1;
    }
    for (size_t cut = 0; cut < num_bytes; cut += step) {
        if (run(data, cut) != 0) {
            return -1;
        }
    }
    for (uint32_t i = 0; num_bytes > 0 && i < num_changes; i++) {
        memcpy(copy, data, num_bytes);
        change(copy, num_bytes);
        if (run(copy, random_below(4) == 0 ? random_below((uint32_t)num_bytes) : num_bytes) != 0) {
            return -1;
        }
    }
    return 0;
}

static int replay_file(const char *folder, const char *name, uint32_t num_changes)
{
    static uint8_t data[MAX_BYTES];
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
        return -1;
    }
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    size_t num_bytes = fread(data, 1, sizeof(data), file);
    fclose(file);
    return replay(data, num_bytes, num_changes);
}

int main(int argc, char **argv)
{
    uint32_t num_changes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 2000;
    uint32_t num_files = 0;
    DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
    struct dirent *entry;

    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER [CHANGES_PER_FILE]\n", argv[0]);
        return EXIT_FAILURE;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (replay_file(argv[1], entry->d_name, num_changes) != 0) {
            closedir(folder);
            return EXIT_FAILURE;
        }
        num_files++;
    }
    closedir(folder);
    printf("%u files, each whole, cut short, and %u times changed\n", num_files, num_changes);
    return num_files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
