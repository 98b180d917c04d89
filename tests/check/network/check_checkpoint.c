/* SPDX-License-Identifier: MIT */
/* Checkpoints under SIGKILL: a child writes one after the other and is killed at any time; what
 * lies at the path afterwards is always whole, and one of those that were written. And what is
 * said of checkpoints that are not whole. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check/check.h"
#include "trainer/data/dataset_memory.h"
#include "trainer/loop/internal.h"

enum { T = 2, A = 4, V = 4, KILLS = 200 };

static const struct tyto_dataset_shape shape = {.num_clips = 1,
                                                .num_segments = T,
                                                .audio_in = A,
                                                .num_places = 1,
                                                .visual_in = V,
                                                .num_classes = 1};

static struct tyto_train *make(struct check *check, struct tyto_dataset *data)
{
    const struct tyto_train_params params = {
        .step = {.gpu = check->gpu,
                 .dims = {.num_segments = T,
                          .num_places = 1,
                          .audio_in = A,
                          .visual_in = V,
                          .audio_width = A,
                          .visual_width = V,
                          .match_width = 4,
                          .when_width = 4,
                          .hidden_width = 32, /* some 30 KB a row */
                          .which_width = 4,
                          .head_width = 4,
                          .num_classes = 1,
                          .num_logits = 3,
                          .head = TYTO_HEAD_MULTI_LABEL},
                 .batch = 1},
        .train = data,
        .num_epochs = 1,
    };
    struct tyto_train *train = NULL;
    struct tyto_fault fault = {0};

    check_must(tyto_train_create(&params, &train, &fault), "train");
    return train;
}

/* Checkpoint number n: its number is everywhere in it. */
static void number(struct tyto_train *train, uint32_t n)
{
    const uint64_t num = tyto_train_layout(train)->num;

    for (uint64_t i = 0; i < 3 * num; i++)
        train->rows[i] = (float)n;
    for (uint64_t i = 0; i < num; i++)
        train->best[i] = (float)n;
    train->num_steps = n;
}

/* The child: writes first, first + 1 and so on until it is killed; says when the first is there. */
static void write_for_ever(struct tyto_train *train, const char *path, uint32_t first, int says)
{
    struct tyto_fault fault = {0};

    for (uint32_t n = first;; n++) {
        number(train, n);
        if (tyto_train_write_rows(train, path, &fault) || (n == first && write(says, "", 1) != 1))
            _exit(1);
    }
}

static bool is_whole(struct tyto_train *train)
{
    const uint64_t num = tyto_train_layout(train)->num;
    float *rows = check_floats(num);
    bool good = true;

    check_must(tyto_step_read(train->step, rows, NULL, NULL), "read");
    for (uint64_t i = 0; i < num; i++)
        good &= rows[i] == (float)train->num_steps && train->best[i] == (float)train->num_steps;
    free(rows);
    return good;
}

/* Kills one child 0 to 8 ms after its first checkpoint; the number of its last whole checkpoint. */
static uint32_t kill_one(struct check *check, struct tyto_train *train, const char *path,
                         uint32_t first, uint32_t *num_bad)
{
    struct tyto_fault fault = {0};
    float share = 0;
    char byte = 0;
    int status = 0, ends[2];
    pid_t child = 0;

    if (pipe(ends))
        check_must(TYTO_ERR_IO, "pipe");
    child = fork();
    if (child == 0)
        write_for_ever(train, path, first, ends[1]);
    (void)close(ends[1]);
    if (read(ends[0], &byte, 1) != 1)
        ++*num_bad;
    (void)close(ends[0]);
    check_fill(check, &share, 1, 1);
    usleep((useconds_t)((share + 1) * 4000));
    (void)kill(child, SIGKILL);
    (void)waitpid(child, &status, 0);
    const enum tyto_err err = tyto_train_resume(train, path, &fault);

    if (err || !WIFSIGNALED(status) || !is_whole(train) || train->num_steps < first) {
        printf("  after checkpoint %u: %s %s\n", train->num_steps, tyto_err_text(err), fault.text);
        ++*num_bad;
    }
    return train->num_steps;
}

static void survives_kills(struct check *check, struct tyto_train *train, const char *dir)
{
    struct tyto_fault fault = {0};
    char path[96];
    uint32_t last = 1, num_bad = 0;

    snprintf(path, sizeof(path), "%s/checkpoint.safetensors", dir);
    number(train, 1);
    check_must(tyto_train_write_rows(train, path, &fault), "first");
    for (uint32_t i = 0; i < KILLS; i++)
        last = kill_one(check, train, path, last + 1, &num_bad);
    check_that(check, num_bad == 0, "%u of %d kills left no whole checkpoint", num_bad, KILLS);
    check_that(check, last > 1 + KILLS, "children were killed amidst later ones: %u", last);
}

/* Cut short, or a byte of its header changed: refused, and said why. */
static void refuses_what_is_not_whole(struct check *check, struct tyto_train *train,
                                      const char *dir)
{
    struct tyto_fault fault = {0};
    char path[96], bytes[64];
    FILE *file = NULL;

    snprintf(path, sizeof(path), "%s/bad.safetensors", dir);
    number(train, 7);
    check_must(tyto_train_write_rows(train, path, &fault), "write");
    check_err(check, tyto_train_resume(train, path, &fault), TYTO_OK, "a whole one");
    if (truncate(path, 1000))
        check_must(TYTO_ERR_IO, "truncate");
    check_err(check, tyto_train_resume(train, path, &fault), TYTO_ERR_FORMAT, "one cut short");
    check_that(check, strstr(fault.file, "bad.safetensors") && fault.text[0],
               "the fault names the file and says what is wrong: %s", fault.text);
    check_must(tyto_train_write_rows(train, path, &fault), "write");
    file = fopen(path, "r+");
    if (!file || fread(bytes, 1, sizeof(bytes), file) != sizeof(bytes) ||
        fseek(file, 8, SEEK_SET) || fputc('#', file) == EOF || fclose(file))
        check_must(TYTO_ERR_IO, "spoil");
    check_err(check, tyto_train_resume(train, path, &fault), TYTO_ERR_FORMAT,
              "one with a spoilt header");
    check_err(check, tyto_train_resume(train, "/nonexistent/x", &fault), TYTO_ERR_NOT_FOUND,
              "one that is not there");
    (void)unlink(path);
}

/* What a killed writer left under other names goes, too. */
static void clean(const char *dir)
{
    struct dirent *entry = NULL;
    DIR *list = opendir(dir);
    char path[512];

    while (list && (entry = readdir(list))) {
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        (void)unlink(path);
    }
    if (list)
        (void)closedir(list);
    (void)rmdir(dir);
}

int main(int argc, char **argv)
{
    float features[T * V] = {0};
    const struct tyto_dataset_memory memory = {features, features, NULL, NULL};
    char dir[] = "/tmp/tyto-check-checkpoint-XXXXXX";
    struct tyto_dataset *data = NULL;
    struct tyto_train *train = NULL;
    struct check check;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    if (check.bench)
        return check_close(&check);
    if (!mkdtemp(dir))
        check_must(TYTO_ERR_IO, "directory");
    check_must(tyto_dataset_memory_create(&shape, &memory, &data), "data set");
    train = make(&check, data);
    survives_kills(&check, train, dir);
    refuses_what_is_not_whole(&check, train, dir);
    tyto_train_destroy(&train);
    tyto_dataset_destroy(&data);
    clean(dir);
    return check_close(&check);
}
