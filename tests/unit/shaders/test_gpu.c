/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shaders/gemm/gemm.h"
#include "shaders/runtime/gpu.h"

static struct tyto_gpu *gpu;

static bool must_have_gpu(void)
{
    const char *require = getenv("TYTO_REQUIRE_GPU");

    return require && strcmp(require, "1") == 0;
}

static int open_gpu(void **state)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .validate = true};

    (void)state;
    return tyto_gpu_create(&params, &gpu) == TYTO_OK ? 0 : -1;
}

static int close_gpu(void **state)
{
    uint64_t num = tyto_gpu_num_validation_messages(gpu);

    (void)state;
    tyto_gpu_destroy(&gpu);
    return num == 0 && gpu == NULL ? 0 : -1;
}

/* --- devices ---------------------------------------------------------------- */

static void a_list_counts_beyond_its_room(void **state)
{
    struct tyto_gpu_info infos[8];
    uint32_t num = 0, num_again = 0;

    (void)state;
    assert_int_equal(tyto_gpu_list(infos, 8, &num), TYTO_OK);
    assert_true(num >= 1);
    assert_int_equal(infos[0].idx, 0);
    assert_true(infos[0].name[0] != '\0');
    assert_int_equal(tyto_gpu_list(NULL, 0, &num_again), TYTO_OK);
    assert_int_equal(num, num_again);
}

static void a_device_is_found_by_kind_and_by_index(void **state)
{
    const struct tyto_gpu_info *info = tyto_gpu_get_info(gpu);
    struct tyto_gpu *again = NULL;
    char idx[16];
    struct tyto_gpu_params params = {.device = idx};

    (void)state;
    (void)snprintf(idx, sizeof(idx), "%u", info->idx);
    assert_int_equal(tyto_gpu_create(&params, &again), TYTO_OK);
    assert_string_equal(tyto_gpu_get_info(again)->name, info->name);
    tyto_gpu_destroy(&again);
    if (info->kind == TYTO_GPU_KIND_CPU) {
        params.device = "cpu";
        assert_int_equal(tyto_gpu_create(&params, &again), TYTO_OK);
        tyto_gpu_destroy(&again);
    }
}

static void a_device_that_is_not_there_is_an_error(void **state)
{
    struct tyto_gpu *none = NULL;
    struct tyto_gpu_params params = {.device = "15"};

    (void)state;
    assert_int_equal(tyto_gpu_create(&params, &none), TYTO_ERR_NO_DEVICE);
    params.device = "1x";
    assert_int_equal(tyto_gpu_create(&params, &none), TYTO_ERR_INVALID);
    params.device = "fastest";
    assert_int_equal(tyto_gpu_create(&params, &none), TYTO_ERR_INVALID);
    params.device = "-1";
    assert_int_equal(tyto_gpu_create(&params, &none), TYTO_ERR_INVALID);
    assert_null(none);
}

static void lavapipe_is_told_to_start_no_threads(void **state)
{
    (void)state;
    assert_non_null(getenv("LP_NUM_THREADS"));
}

/* --- buffers ---------------------------------------------------------------- */

static void a_new_buffer_is_zero_even_in_used_memory(void **state)
{
    uint8_t data[1000], back[1000], zeros[1000] = {0};
    struct tyto_buf *buf = NULL;

    (void)state;
    memset(data, 0x5a, sizeof(data));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tyto_buf_create(gpu, TYTO_BUF_DEVICE, sizeof(data), &buf), TYTO_OK);
        assert_int_equal(tyto_buf_read(buf, 0, back, sizeof(back)), TYTO_OK);
        assert_memory_equal(back, zeros, sizeof(back));
        assert_int_equal(tyto_buf_write(buf, 0, data, sizeof(data)), TYTO_OK);
        assert_int_equal(tyto_buf_read(buf, 10, back, 990), TYTO_OK);
        assert_memory_equal(back, data, 990);
        tyto_buf_destroy(&buf);
        assert_null(buf);
    }
}

static void a_range_past_the_end_is_refused(void **state)
{
    uint8_t data[64] = {0};
    struct tyto_buf *buf = NULL;

    (void)state;
    assert_int_equal(tyto_buf_create(gpu, TYTO_BUF_DEVICE, 50, &buf), TYTO_OK);
    assert_int_equal(tyto_buf_size_bytes(buf), 50);
    assert_int_equal(tyto_buf_write(buf, 0, data, 51), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_buf_write(buf, 51, data, 0), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_buf_write(buf, UINT64_MAX, data, 2), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_buf_read(buf, 25, data, 26), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_buf_read(buf, 25, data, 25), TYTO_OK);
    tyto_buf_destroy(&buf);
}

static void a_buffer_of_no_size_or_beyond_the_heap_is_refused(void **state)
{
    struct tyto_buf *buf = NULL;

    (void)state;
    assert_int_equal(tyto_buf_create(gpu, TYTO_BUF_DEVICE, 0, &buf), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_buf_create(gpu, TYTO_BUF_DEVICE, UINT64_MAX, &buf), TYTO_ERR_SHAPE);
    assert_null(buf);
}

static void buffers_made_and_dropped_in_any_order_keep_their_own_bytes(void **state)
{
    enum { NUM = 40, ROUNDS = 400 };
    struct tyto_buf *bufs[NUM] = {0};
    uint32_t sizes[NUM] = {0}, random = 1;

    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        random = random * 1664525u + 1013904223u;
        uint32_t i = (random >> 8) % NUM;
        uint8_t data[3000], back[3000];

        if (bufs[i]) {
            assert_int_equal(tyto_buf_read(bufs[i], 0, back, sizes[i]), TYTO_OK);
            for (uint32_t b = 0; b < sizes[i]; b++)
                assert_int_equal(back[b], i);
            tyto_buf_destroy(&bufs[i]);
        } else {
            sizes[i] = 1 + (random >> 4) % 3000;
            memset(data, (int)i, sizeof(data));
            assert_int_equal(
                tyto_buf_create(gpu, (enum tyto_buf_kind)(random % 3), sizes[i], &bufs[i]),
                TYTO_OK);
            assert_int_equal(tyto_buf_write(bufs[i], 0, data, sizes[i]), TYTO_OK);
        }
    }
    for (uint32_t i = 0; i < NUM; i++)
        tyto_buf_destroy(&bufs[i]);
}

/* --- kernels and plans ------------------------------------------------------- */

static void a_kernel_beyond_the_limits_is_refused(void **state)
{
    static const uint32_t no_spirv[5] = {0};
    static const enum tyto_bind_kind binds[TYTO_KERNEL_MAX_BINDS + 1] = {TYTO_BIND_STORAGE};
    struct tyto_kernel *kernel = NULL;
    struct tyto_kernel_params params = {
        .spirv = no_spirv, .spirv_bytes = sizeof(no_spirv), .binds = binds, .num_binds = 1};

    (void)state;
    params.num_binds = TYTO_KERNEL_MAX_BINDS + 1;
    assert_int_equal(tyto_kernel_create(gpu, &params, &kernel), TYTO_ERR_SHAPE);
    params.num_binds = 1;
    params.push_bytes = tyto_gpu_get_info(gpu)->max_push_bytes + 4;
    assert_int_equal(tyto_kernel_create(gpu, &params, &kernel), TYTO_ERR_SHAPE);
    params.push_bytes = 0;
    params.subgroup_size = 7;
    assert_int_equal(tyto_kernel_create(gpu, &params, &kernel), TYTO_ERR_UNSUPPORTED);
    params.subgroup_size = 0;
    params.spirv_bytes = 6;
    assert_int_equal(tyto_kernel_create(gpu, &params, &kernel), TYTO_ERR_INVALID);
    assert_null(kernel);
}

/* A product of two ones of the given size: the kernel that the tests here run. */
struct product {
    struct tyto_gemm *gemm;
    struct tyto_gemm_weights *weights;
    struct tyto_buf *x, *y;
    struct tyto_plan *plan;
};

static void make_product(struct tyto_gpu *on, uint32_t size, struct product *ret)
{
    size_t num = (size_t)size * size;
    float *ones = malloc(num * sizeof(*ones));

    assert_non_null(ones);
    for (size_t i = 0; i < num; i++)
        ones[i] = 1;
    assert_int_equal(tyto_gemm_create(on, &ret->gemm), TYTO_OK);
    assert_int_equal(
        tyto_gemm_weights_create(on, TYTO_WEIGHT_F32, ones, NULL, size, size, &ret->weights),
        TYTO_OK);
    assert_int_equal(tyto_buf_create(on, TYTO_BUF_DEVICE, num * 4, &ret->x), TYTO_OK);
    assert_int_equal(tyto_buf_create(on, TYTO_BUF_READBACK, num * 4, &ret->y), TYTO_OK);
    assert_int_equal(tyto_buf_write(ret->x, 0, ones, num * 4), TYTO_OK);
    assert_int_equal(tyto_plan_create(on, "product", &ret->plan), TYTO_OK);
    const struct tyto_gemm_args args = {.m = size, .x = {.buf = ret->x}, .y = {.buf = ret->y}};
    assert_int_equal(tyto_gemm_record(ret->gemm, ret->plan, ret->weights, &args), TYTO_OK);
    free(ones);
}

static void drop_product(struct product *product)
{
    tyto_plan_destroy(&product->plan);
    tyto_gemm_weights_destroy(&product->weights);
    tyto_gemm_destroy(&product->gemm);
    tyto_buf_destroy(&product->x);
    tyto_buf_destroy(&product->y);
}

static void a_plan_runs_as_often_as_wanted_once_it_is_finished(void **state)
{
    struct product product = {0};
    float back[16];

    (void)state;
    make_product(gpu, 16, &product);
    assert_int_equal(tyto_plan_run(product.plan), TYTO_ERR_INVALID);
    assert_int_equal(tyto_plan_finish(product.plan), TYTO_OK);
    assert_int_equal(tyto_plan_finish(product.plan), TYTO_ERR_INVALID);
    for (int i = 0; i < 5; i++) {
        float first = (float)i;

        assert_int_equal(tyto_buf_write(product.x, 0, &first, sizeof(first)), TYTO_OK);
        assert_int_equal(tyto_plan_run(product.plan), TYTO_OK);
        assert_int_equal(tyto_buf_read(product.y, 0, back, sizeof(back)), TYTO_OK);
        assert_true(back[0] == 15.0f + first);
    }
    drop_product(&product);
}

static void a_dispatch_beyond_the_limits_records_nothing(void **state)
{
    struct product product = {0};
    struct tyto_plan *plan = NULL;
    struct tyto_gemm_args args = {.m = 16};

    (void)state;
    make_product(gpu, 16, &product);
    args.x.buf = product.x;
    args.y.buf = product.y;
    assert_int_equal(tyto_plan_create(gpu, "refusals", &plan), TYTO_OK);
    args.m = 17;
    assert_int_equal(tyto_gemm_record(product.gemm, plan, product.weights, &args), TYTO_ERR_SHAPE);
    args.m = 0;
    assert_int_equal(tyto_gemm_record(product.gemm, plan, product.weights, &args), TYTO_ERR_SHAPE);
    args.m = 16;
    args.y.offset = 1;
    assert_int_equal(tyto_gemm_record(product.gemm, plan, product.weights, &args), TYTO_ERR_SHAPE);
    args.y.offset = 0;
    args.num_batches = UINT32_MAX;
    assert_int_equal(tyto_gemm_record(product.gemm, plan, product.weights, &args), TYTO_ERR_SHAPE);
    tyto_plan_destroy(&plan);
    drop_product(&product);
}

static void a_copy_outside_or_onto_itself_is_refused(void **state)
{
    struct tyto_buf *a = NULL, *b = NULL;
    struct tyto_plan *plan = NULL;
    uint32_t value = 77, back = 0;

    (void)state;
    assert_int_equal(tyto_buf_create(gpu, TYTO_BUF_UPLOAD, 64, &a), TYTO_OK);
    assert_int_equal(tyto_buf_create(gpu, TYTO_BUF_READBACK, 64, &b), TYTO_OK);
    assert_int_equal(tyto_plan_create(gpu, "copy", &plan), TYTO_OK);
    assert_int_equal(tyto_plan_copy(plan, a, 0, b, 0, 65), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_plan_copy(plan, a, 60, b, 0, 8), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_plan_copy(plan, a, 0, b, 0, 0), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_plan_copy(plan, a, 0, a, 8, 16), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_plan_copy(plan, a, 4, b, 8, 4), TYTO_OK);
    assert_int_equal(tyto_plan_finish(plan), TYTO_OK);
    assert_int_equal(tyto_buf_write(a, 4, &value, 4), TYTO_OK);
    assert_int_equal(tyto_plan_run(plan), TYTO_OK);
    assert_int_equal(tyto_buf_read(b, 8, &back, 4), TYTO_OK);
    assert_int_equal(back, 77);
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&a);
    tyto_buf_destroy(&b);
}

/* In a program of its own: what has hung is left behind on purpose. */
static int run_into_the_timeout(void)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"),
                                           .wait_timeout_ns = 1000};
    struct tyto_gpu *slow = NULL;
    struct product product = {0};
    struct tyto_buf *buf = NULL;
    struct tyto_plan *plan = NULL;
    uint32_t word = 0;

    if (tyto_gpu_create(&params, &slow))
        return 1;
    make_product(slow, 512, &product);
    if (tyto_plan_finish(product.plan))
        return 2;
    if (tyto_plan_run(product.plan)) /* the first run has time to compile */
        return 3;
    if (tyto_plan_run(product.plan) != TYTO_ERR_TIMEOUT)
        return 4;
    if (tyto_plan_run(product.plan) != TYTO_ERR_DEVICE_LOST ||
        tyto_buf_read(product.y, 0, &word, 4) != TYTO_ERR_DEVICE_LOST ||
        tyto_buf_write(product.y, 0, &word, 4) != TYTO_ERR_DEVICE_LOST ||
        tyto_buf_create(slow, TYTO_BUF_DEVICE, 4, &buf) != TYTO_ERR_DEVICE_LOST ||
        tyto_plan_create(slow, "late", &plan) != TYTO_ERR_DEVICE_LOST)
        return 5;
    drop_product(&product);
    tyto_gpu_destroy(&slow);
    return 0;
}

static void a_wait_that_runs_out_loses_the_device_for_good(void **state)
{
    char program[] = "test_gpu", option[] = "--run-into-the-timeout";
    char *const argv[] = {program, option, NULL};
    int status = 0;
    pid_t child = 0;

    (void)state;
    /* Not a fork: drivers of real GPUs open nothing in a process that inherits them open. */
    assert_int_equal(posix_spawn(&child, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- the pipeline cache --------------------------------------------------------- */

static bool find_cache(const char *dir, char *path, size_t path_bytes)
{
    DIR *stream = opendir(dir);
    struct dirent *entry = NULL;
    bool found = false;

    assert_non_null(stream);
    while ((entry = readdir(stream))) {
        if (strncmp(entry->d_name, "pipelines-", 10) == 0) {
            assert_false(found); /* one file: no temporary one is left */
            (void)snprintf(path, path_bytes, "%s/%s", dir, entry->d_name);
            found = true;
        }
    }
    (void)closedir(stream);
    return found;
}

static void run_with_cache(const char *dir)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .cache_dir = dir};
    struct product product = {0};
    struct tyto_gpu *own = NULL;
    float back = 0;

    assert_int_equal(tyto_gpu_create(&params, &own), TYTO_OK);
    make_product(own, 16, &product);
    assert_int_equal(tyto_plan_finish(product.plan), TYTO_OK);
    assert_int_equal(tyto_plan_run(product.plan), TYTO_OK);
    assert_int_equal(tyto_buf_read(product.y, 0, &back, sizeof(back)), TYTO_OK);
    assert_true(back == 16.0f);
    drop_product(&product);
    tyto_gpu_destroy(&own);
}

static void damage(const char *path, const char *how)
{
    struct stat st;
    FILE *file = fopen(path, "r+b");

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &st), 0);
    if (strcmp(how, "cut") == 0) {
        assert_int_equal(ftruncate(fileno(file), st.st_size - 1), 0);
    } else if (strcmp(how, "empty") == 0) {
        assert_int_equal(ftruncate(fileno(file), 0), 0);
    } else if (strcmp(how, "size") == 0) {
        assert_int_equal(fseek(file, 40, SEEK_SET), 0);
        assert_int_equal(fwrite("\xff\xff\xff\xff\xff\xff\xff\xff", 1, 8, file), 8);
    } else {
        assert_int_equal(fseek(file, st.st_size - 1, SEEK_SET), 0);
        int last = fgetc(file);
        assert_int_equal(fseek(file, st.st_size - 1, SEEK_SET), 0);
        assert_int_equal(fputc(last ^ 1, file), last ^ 1);
    }
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_pipeline_cache_is_replaced(void **state)
{
    static const char *const hows[] = {"cut", "empty", "size", "bit"};
    char root[] = "/tmp/tyto-test-gpu-XXXXXX", dir[64], path[512];

    (void)state;
    assert_non_null(mkdtemp(root));
    (void)snprintf(dir, sizeof(dir), "%s/a/b", root);
    run_with_cache(dir);
    assert_true(find_cache(dir, path, sizeof(path)));
    run_with_cache(dir);
    for (size_t i = 0; i < sizeof(hows) / sizeof(*hows); i++) {
        damage(path, hows[i]);
        run_with_cache(dir);
        assert_true(find_cache(dir, path, sizeof(path)));
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    (void)snprintf(dir, sizeof(dir), "%s/a", root);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(rmdir(root), 0);
}

static void a_cache_folder_that_cannot_be_made_is_no_error(void **state)
{
    (void)state;
    run_with_cache("/proc/no/such/folder");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--run-into-the-timeout") == 0)
        _exit(run_into_the_timeout()); /* what is left behind on purpose is no leak to report */

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_counts_beyond_its_room),
        cmocka_unit_test(a_device_is_found_by_kind_and_by_index),
        cmocka_unit_test(a_device_that_is_not_there_is_an_error),
        cmocka_unit_test(lavapipe_is_told_to_start_no_threads),
        cmocka_unit_test(a_new_buffer_is_zero_even_in_used_memory),
        cmocka_unit_test(a_range_past_the_end_is_refused),
        cmocka_unit_test(a_buffer_of_no_size_or_beyond_the_heap_is_refused),
        cmocka_unit_test(buffers_made_and_dropped_in_any_order_keep_their_own_bytes),
        cmocka_unit_test(a_kernel_beyond_the_limits_is_refused),
        cmocka_unit_test(a_plan_runs_as_often_as_wanted_once_it_is_finished),
        cmocka_unit_test(a_dispatch_beyond_the_limits_records_nothing),
        cmocka_unit_test(a_copy_outside_or_onto_itself_is_refused),
        cmocka_unit_test(a_wait_that_runs_out_loses_the_device_for_good),
        cmocka_unit_test(a_damaged_pipeline_cache_is_replaced),
        cmocka_unit_test(a_cache_folder_that_cannot_be_made_is_no_error),
    };
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE")};
    struct tyto_gpu *probe = NULL;

    if (tyto_gpu_create(&params, &probe) == TYTO_ERR_NO_DEVICE && !must_have_gpu()) {
        printf("SKIP: no Vulkan device\n");
        return 77;
    }
    tyto_gpu_destroy(&probe);
    return cmocka_run_group_tests(tests, open_gpu, close_gpu);
}
