/* SPDX-License-Identifier: MIT */
/* Weights files: what is written comes back, and what is broken is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/half.h"
#include "files/json.h"
#include "files/safetensors.h"

static char dir[] = "/tmp/tyto-weights-XXXXXX";
static char path[64];

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/a.safetensors", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static struct tyto_tensor tensor(const char *name, enum tyto_dtype dtype, uint64_t rows,
                                 uint64_t columns, const void *data)
{
    return (struct tyto_tensor){
        .name = name, .dtype = dtype, .num_dims = 2, .dims = {rows, columns}, .data = data};
}

/* Opens "u64 length, header, data_bytes zeros" from memory. */
static enum tyto_err open_header(const char *header, size_t data_bytes,
                                 struct tyto_fault *ret_fault)
{
    const size_t length = strlen(header);
    uint8_t *bytes = calloc(1, 8 + length + data_bytes);
    assert_non_null(bytes);
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)length >> (8 * i));
    memcpy(bytes + 8, header, length);
    struct tyto_weights *weights = NULL;
    const enum tyto_err err =
        tyto_weights_open_memory(bytes, 8 + length + data_bytes, &weights, ret_fault);
    if (err)
        assert_null(weights);
    tyto_weights_close(&weights);
    free(bytes);
    return err;
}

static void what_was_written_comes_back(void **state)
{
    (void)state;
    const float a[6] = {1, -2, 3.5f, 0, 1e-30f, -0.1f};
    const uint16_t b[3] = {tyto_half_from_f32(1), tyto_half_from_f32(-0.5f),
                           tyto_half_from_f32(65504)};
    const struct tyto_tensor tensors[] = {tensor("z.half", TYTO_DTYPE_F16, 1, 3, b),
                                          tensor("a", TYTO_DTYPE_F32, 2, 3, a),
                                          tensor("empty", TYTO_DTYPE_F32, 0, 3, NULL)};
    const struct tyto_meta metas[] = {{"tyto.kind", "generic"}, {"note", "grün \"q\"\n"}};
    struct tyto_fault fault = {0};
    assert_int_equal(tyto_weights_write(path, tensors, 3, metas, 2, &fault), TYTO_OK);

    struct tyto_weights *weights = NULL;
    assert_int_equal(tyto_weights_open(path, &weights, &fault), TYTO_OK);
    assert_int_equal(tyto_weights_num_tensors(weights), 3);
    assert_string_equal(tyto_weights_meta(weights, "note"), "grün \"q\"\n");
    assert_null(tyto_weights_meta(weights, "absent"));
    float values[6];
    assert_int_equal(tyto_weights_read(weights, "a", 2, (const uint64_t[]){2, 3}, values, &fault),
                     TYTO_OK);
    assert_memory_equal(values, a, sizeof(a));
    assert_int_equal(
        tyto_weights_read(weights, "z.half", 2, (const uint64_t[]){1, 3}, values, &fault), TYTO_OK);
    assert_true(values[0] == 1 && values[1] == -0.5f && values[2] == 65504);
    assert_int_equal((uintptr_t)tyto_weights_find(weights, "a")->data % 8, 0);
    assert_int_equal(tyto_weights_read(weights, "a", 2, (const uint64_t[]){3, 2}, values, &fault),
                     TYTO_ERR_SHAPE);
    assert_string_equal(fault.text, "shape is (2,3), expected (3,2)");
    assert_int_equal(tyto_weights_read(weights, "b", 2, (const uint64_t[]){3, 2}, values, &fault),
                     TYTO_ERR_NOT_FOUND);
    char digest[TYTO_DIGEST_HEX_BYTES], again[TYTO_DIGEST_HEX_BYTES];
    tyto_weights_digest(weights, digest);
    assert_int_equal(strlen(digest), 64);
    tyto_digest_hex("abc", 3, again);
    assert_string_equal(again, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    tyto_weights_close(&weights);
    assert_null(weights);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    const float a[1] = {7};
    const struct tyto_tensor one = tensor("a", TYTO_DTYPE_F32, 1, 1, a);
    const struct tyto_tensor twice[] = {one, one};
    struct tyto_fault fault = {0};
    assert_int_equal(tyto_weights_write(path, &one, 1, NULL, 0, &fault), TYTO_OK);
    assert_int_equal(tyto_weights_write(path, twice, 2, NULL, 0, &fault), TYTO_ERR_EXISTS);
    assert_string_equal(fault.key, "a");
    assert_int_equal(tyto_weights_write("/nonexistent/x", &one, 1, NULL, 0, &fault), TYTO_ERR_IO);
    struct tyto_weights *weights = NULL;
    assert_int_equal(tyto_weights_open(path, &weights, &fault), TYTO_OK);
    assert_int_equal(tyto_weights_num_tensors(weights), 1);
    tyto_weights_close(&weights);
}

static void malformed_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        enum tyto_err err;
        const char *text; /* start of the fault's text */
    } cases[] = {
        {"", 0, TYTO_ERR_FORMAT, "header is not a JSON object"},
        {"[]", 0, TYTO_ERR_FORMAT, "header is not a JSON object"},
        {"{\"a\":1,\"a\":2}", 0, TYTO_ERR_FORMAT, "header is not a JSON object: duplicate"},
        {"{\"a\":1}", 0, TYTO_ERR_UNSUPPORTED, "tensor has an unknown dtype \"\""},
        {"{\"a\":{\"dtype\":\"Q4\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, TYTO_ERR_UNSUPPORTED,
         "tensor has an unknown dtype \"Q4\""},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, TYTO_ERR_FORMAT,
         "tensor has no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, TYTO_ERR_FORMAT,
         "dimension 0 is not"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, TYTO_ERR_FORMAT,
         "dimension 0 is not"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4,
         TYTO_ERR_SHAPE, "shape overflows"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}", 4,
         TYTO_ERR_FORMAT, "shape and data_offsets do not agree"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
         TYTO_ERR_SHAPE, "tensor has 9 dimensions"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, TYTO_ERR_FORMAT,
         "data_offsets reach outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, TYTO_ERR_FORMAT,
         "data_offsets reach outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4, TYTO_ERR_FORMAT,
         "data_offsets is not a pair"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
         4, TYTO_ERR_FORMAT, "tensor overlaps"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, TYTO_ERR_FORMAT,
         "bytes before this tensor"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, TYTO_ERR_FORMAT,
         "bytes at the end"},
        {"{\"__metadata__\":{\"a\":1}}", 0, TYTO_ERR_FORMAT, "metadata value is not a string"},
        {"{\"__metadata__\":[]}", 0, TYTO_ERR_FORMAT, "is not an object"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}   ", 4, TYTO_OK, ""},
        {"{\"a\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, TYTO_OK, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tyto_fault fault = {0};
        const enum tyto_err err = open_header(cases[i].header, cases[i].data_bytes, &fault);
        if (err != cases[i].err || strncmp(fault.text, cases[i].text, strlen(cases[i].text)) != 0)
            fail_msg("case %zu: %s, \"%s\"", i, tyto_err_text(err), fault.text);
    }
}

static void an_oversized_header_is_refused(void **state)
{
    (void)state;
    const size_t length = (size_t)TYTO_WEIGHTS_MAX_HEADER_BYTES + 1;
    char *header = malloc(length + 1);
    assert_non_null(header);
    memset(header, ' ', length);
    header[length] = '\0';
    header[0] = '{';
    header[1] = '}';
    struct tyto_fault fault = {0};
    assert_int_equal(open_header(header, 0, &fault), TYTO_ERR_SHAPE);
    header[length - 1] = '\0';
    assert_int_equal(open_header(header, 0, &fault), TYTO_OK);
    /* deep nesting must not exhaust the stack */
    memset(header, '[', length - 1);
    memcpy(header, "{\"a\":", 5);
    assert_int_equal(open_header(header, 0, &fault), TYTO_ERR_FORMAT);
    free(header);
}

static void truncated_and_flipped_files_never_crash(void **state)
{
    (void)state;
    const float a[64] = {1};
    const struct tyto_tensor tensors[] = {tensor("a", TYTO_DTYPE_F32, 8, 8, a),
                                          tensor("b", TYTO_DTYPE_F32, 4, 16, a)};
    const struct tyto_meta metas[] = {{"k", "v"}};
    struct tyto_fault fault = {0};
    assert_int_equal(tyto_weights_write(path, tensors, 2, metas, 1, &fault), TYTO_OK);
    uint8_t good[4096], bytes[4096];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t num_bytes = fread(good, 1, sizeof(good), file);
    fclose(file);
    for (size_t cut = 0; cut < num_bytes; cut++) {
        struct tyto_weights *weights = NULL;
        assert_int_not_equal(tyto_weights_open_memory(good, cut, &weights, &fault), TYTO_OK);
    }
    srand48(1);
    for (int round = 0; round < 20000; round++) {
        memcpy(bytes, good, num_bytes);
        for (long flips = 1 + lrand48() % 4; flips > 0; flips--)
            bytes[(size_t)lrand48() % (num_bytes / 2)] ^= (uint8_t)(1u << (lrand48() % 8));
        struct tyto_weights *weights = NULL;
        if (tyto_weights_open_memory(bytes, num_bytes, &weights, &fault) == TYTO_OK) {
            for (uint32_t i = 0; i < tyto_weights_num_tensors(weights); i++) {
                const struct tyto_tensor *one = tyto_weights_tensor(weights, i);
                const uint8_t *end = (const uint8_t *)one->data + one->num_bytes;
                assert_true((const uint8_t *)one->data >= bytes && end <= bytes + num_bytes);
            }
        }
        tyto_weights_close(&weights);
    }
}

static void values_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    const float a[2] = {1, NAN};
    const struct tyto_tensor one = tensor("a", TYTO_DTYPE_F32, 1, 2, a);
    struct tyto_fault fault = {0};
    float values[2];
    assert_int_equal(tyto_weights_write(path, &one, 1, NULL, 0, &fault), TYTO_OK);
    struct tyto_weights *weights = NULL;
    assert_int_equal(tyto_weights_open(path, &weights, &fault), TYTO_OK);
    assert_int_equal(tyto_weights_read(weights, "a", 2, (const uint64_t[]){1, 2}, values, &fault),
                     TYTO_ERR_FORMAT);
    tyto_weights_close(&weights);
}

static void every_half_survives_the_way_to_f32_and_back(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 65536; half++) {
        const float value = tyto_half_to_f32((uint16_t)half);
        if (isnan(value))
            assert_true((half & 0x7c00u) == 0x7c00u && (half & 1023u) != 0);
        else
            assert_int_equal(tyto_half_from_f32(value), half);
    }
    assert_int_equal(tyto_half_from_f32(65520), 0x7c00); /* rounds up to infinity */
    assert_int_equal(tyto_half_from_f32(65519.9f), 0x7bff);
    assert_int_equal(tyto_half_from_f32(0x1p-25f), 0); /* tie to even */
    assert_int_equal(tyto_half_from_f32(0x1.8p-25f), 1);
    assert_int_equal(tyto_half_from_f32(1 + 0x1p-11f), 0x3c00);
    assert_int_equal(tyto_half_from_f32(1 + 0x3p-11f), 0x3c02);
}

static void the_layout_forgets_order_and_dtype_only(void **state)
{
    (void)state;
    const struct tyto_tensor ab[] = {tensor("a", TYTO_DTYPE_F32, 2, 3, NULL),
                                     tensor("b", TYTO_DTYPE_F16, 1, 1, NULL)};
    const struct tyto_tensor ba[] = {tensor("b", TYTO_DTYPE_F32, 1, 1, NULL),
                                     tensor("a", TYTO_DTYPE_F32, 2, 3, NULL)};
    const struct tyto_tensor other[] = {tensor("a", TYTO_DTYPE_F32, 3, 2, NULL), ba[0]};
    char x[TYTO_DIGEST_HEX_BYTES], y[TYTO_DIGEST_HEX_BYTES], z[TYTO_DIGEST_HEX_BYTES];
    assert_int_equal(tyto_weights_layout(ab, 2, x), TYTO_OK);
    assert_int_equal(tyto_weights_layout(ba, 2, y), TYTO_OK);
    assert_int_equal(tyto_weights_layout(other, 2, z), TYTO_OK);
    assert_string_equal(x, y);
    assert_string_not_equal(x, z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_comes_back),
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
        cmocka_unit_test(malformed_headers_are_refused),
        cmocka_unit_test(an_oversized_header_is_refused),
        cmocka_unit_test(truncated_and_flipped_files_never_crash),
        cmocka_unit_test(values_that_are_not_finite_are_refused),
        cmocka_unit_test(every_half_survives_the_way_to_f32_and_back),
        cmocka_unit_test(the_layout_forgets_order_and_dtype_only),
    };
    return cmocka_run_group_tests_name("weights", tests, make_dir, remove_dir);
}
