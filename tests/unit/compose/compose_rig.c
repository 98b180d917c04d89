/* SPDX-License-Identifier: MIT */
#include "tests/unit/compose/compose_rig.h"

const char *const names[] = {"dog", "cat", "cow", "drum"};

void on_fault(void *user, const struct tyto_fault *fault)
{
    struct fixture *f = user;
    if (f->num_faults < NUM_FAULTS)
        f->faults[f->num_faults] = *fault;
    f->num_faults++;
}

void touch(const struct fixture *f, const char *name)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", f->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static void put_line(const struct fixture *f, FILE *manifest, const char *kind, const char *class,
                     const char *split, int number)
{
    char name[64];
    snprintf(name, sizeof(name), "%s-%s-%s-%d", kind, class, split, number);
    touch(f, name);
    fprintf(manifest, "%s,%s,%s,%s,\"here, and there\"\n", name, kind, class, split);
}

void write_manifest(const struct fixture *f, const char *text)
{
    FILE *file = fopen(f->manifest, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

enum tyto_err read_assets(struct fixture *f, const char *split, const char *const *classes,
                          uint32_t num_classes, struct tyto_compose_assets *ret_assets)
{
    const struct tyto_compose_assets_params params = {
        .manifest = f->manifest,
        .split = split,
        .classes = classes,
        .num_classes = num_classes,
        .user = f,
        .on_fault = on_fault,
    };
    f->num_faults = 0;
    return tyto_compose_assets_read(&params, ret_assets);
}

int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_int_equal(folder_make(f->folder, "compose"), 0);
    snprintf(f->manifest, sizeof(f->manifest), "%s/manifest.csv", f->folder);
    FILE *manifest = fopen(f->manifest, "w");
    assert_non_null(manifest);
    fputs("path,kind,class,split,source\n", manifest);
    for (int i = 0; i < PER_CLASS; i++) {
        for (int c = 0; c < 4; c++) {
            put_line(f, manifest, "image", names[c], i == 0 ? "val" : "train", i);
            put_line(f, manifest, "audio", names[c], i == 0 ? "val" : "train", i);
        }
        put_line(f, manifest, "image", "background", "train", i);
        put_line(f, manifest, "image", "car", "train", i);
        put_line(f, manifest, "audio", "violin", "train", i);
        put_line(f, manifest, "audio", "other", "train", i);
    }
    fclose(manifest);
    assert_int_equal(read_assets(f, "train", NULL, 0, &f->assets), TYTO_OK);
    tyto_compose_options_default(&f->options);
    *state = f;
    return 0;
}

int teardown(void **state)
{
    struct fixture *f = *state;
    tyto_compose_assets_finish(&f->assets);
    assert_int_equal(folder_remove(f->folder), 0);
    free(f);
    return 0;
}

void make(struct fixture *f, struct tyto_compose_scene *scene, uint64_t clip)
{
    assert_int_equal(tyto_compose_scene_init(scene, &f->options, &f->assets, clip), TYTO_OK);
}
