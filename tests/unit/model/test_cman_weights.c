/* SPDX-License-Identifier: MIT */
/* A head's weights file: what is read from a good one, and what is said about bad ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/half.h"
#include "files/safetensors.h"
#include "model/cman/weights.h"
#include "tests/golden/fill.h"

enum { MAX_VALUES = 256, MAX_METAS = 8, SPARE = 4, CONFIG_BYTES = 512 };

static const struct tyto_cman_dims tiny = {
    .num_segments = 4,
    .num_places = 2,
    .audio_in = 3,
    .visual_in = 5,
    .audio_width = 4,
    .visual_width = 4,
    .match_width = 2,
    .when_width = 3,
    .hidden_width = 2,
    .which_width = 3,
    .head_width = 2,
    .num_classes = 2,
    .num_logits = 6,
    .head = TYTO_HEAD_MULTI_LABEL,
};

/* A head in the making: change it, then write it. */
struct draft {
    float values[TYTO_CMAN_NUM_TENSORS + SPARE][MAX_VALUES];
    struct tyto_tensor tensors[TYTO_CMAN_NUM_TENSORS + SPARE];
    struct tyto_meta metas[MAX_METAS];
    uint32_t num_tensors, num_metas;
    char config[CONFIG_BYTES];
    char path[64];
};

static void set_meta(struct draft *draft, const char *key, const char *value)
{
    for (uint32_t i = 0; i < draft->num_metas; i++)
        if (strcmp(draft->metas[i].key, key) == 0) {
            draft->metas[i].value = value;
            return;
        }
    draft->metas[draft->num_metas++] = (struct tyto_meta){key, value};
}

static void draft_init(struct draft *draft)
{
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];

    memset(draft, 0, sizeof(*draft));
    tyto_cman_list_tensors(&tiny, infos);
    draft->num_tensors = TYTO_CMAN_NUM_TENSORS;
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const size_t num = (size_t)infos[i].rows * (infos[i].cols ? infos[i].cols : 1);

        assert_true(num <= MAX_VALUES);
        golden_fill(infos[i].name, draft->values[i], num, 1.0f);
        draft->tensors[i] = (struct tyto_tensor){.name = infos[i].name,
                                                 .dtype = TYTO_DTYPE_F32,
                                                 .num_dims = infos[i].cols ? 2 : 1,
                                                 .dims = {infos[i].rows, infos[i].cols},
                                                 .data = draft->values[i]};
    }
    snprintf(draft->config, sizeof(draft->config),
             "{\"num_segments\":4,\"num_places\":2,\"audio_in\":3,\"visual_in\":5,"
             "\"audio_width\":4,\"visual_width\":4,\"match_width\":2,\"when_width\":3,"
             "\"hidden_width\":2,\"which_width\":3,\"head_width\":2,\"look_ahead\":1,"
             "\"head\":\"multi_label\"}");
    set_meta(draft, "tyto.format", "head/1");
    set_meta(draft, "tyto.config", draft->config);
    set_meta(draft, "tyto.classes", "[\"cat\",\"dog_2\"]");
    snprintf(draft->path, sizeof(draft->path), "/tmp/tyto-head-test-XXXXXX");
    const int fd = mkstemp(draft->path);
    assert_true(fd >= 0);
    close(fd);
}

static void replace_in_config(struct draft *draft, const char *from, const char *to)
{
    char changed[CONFIG_BYTES];
    char *at = strstr(draft->config, from);

    assert_non_null(at);
    snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - draft->config), draft->config, to,
             at + strlen(from));
    memcpy(draft->config, changed, sizeof(changed));
}

static enum tyto_err draft_load(struct draft *draft, struct tyto_cman_weights *ret_weights,
                                struct tyto_fault *ret_fault)
{
    enum tyto_err err = tyto_weights_write(draft->path, draft->tensors, draft->num_tensors,
                                           draft->metas, draft->num_metas, NULL);

    assert_int_equal(err, TYTO_OK);
    err = tyto_cman_weights_load(draft->path, ret_weights, ret_fault);
    unlink(draft->path);
    return err;
}

/* Loads the draft, which must be refused with err and a text that holds both words. */
static void expect_refusal(struct draft *draft, enum tyto_err err, const char *word,
                           const char *word2)
{
    struct tyto_cman_weights weights;
    struct tyto_fault fault = {0};
    char text[1024];

    assert_int_equal(draft_load(draft, &weights, &fault), err);
    tyto_fault_print(&fault, text, sizeof(text));
    if (!strstr(text, word) || !strstr(text, word2))
        fail_msg("\"%s\" does not hold \"%s\" and \"%s\"", text, word, word2);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        assert_null(weights.tensors[i]);
    assert_null(weights.classes);
}

static void the_same(const struct tyto_cman_weights *a, const struct tyto_cman_weights *b)
{
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];

    assert_memory_equal(&a->dims, &b->dims, sizeof(a->dims));
    assert_int_equal(a->fusion, b->fusion);
    assert_string_equal(a->audio_encoder, b->audio_encoder);
    assert_string_equal(a->visual_encoder, b->visual_encoder);
    for (uint32_t i = 0; i < a->dims.num_classes; i++) {
        assert_string_equal(a->classes[i], b->classes[i]);
        assert_true(fabsf(a->thresholds[i] - b->thresholds[i]) < 6e-5f);
    }
    tyto_cman_list_tensors(&a->dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        assert_memory_equal(a->tensors[i], b->tensors[i],
                            infos[i].rows * (infos[i].cols ? infos[i].cols : 1) * sizeof(float));
}

static void what_was_read_is_written_the_same(void **state)
{
    static const char provenance[] = "\"quoted\", C:\\toys,\n{\"a\":1} gr\xc3\xbcn";

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct draft draft;
        struct tyto_cman_weights weights, again;
        struct tyto_weights *file = NULL;
        struct tyto_fault fault = {0};

        draft_init(&draft);
        if (i == 1) {
            replace_in_config(&draft, "\"look_ahead\":1", "\"look_ahead\":null");
            replace_in_config(&draft, "multi_label", "softmax");
            draft.tensors[TYTO_CMAN_HEAD_1_WEIGHT].dims[0] = 3;
            draft.tensors[TYTO_CMAN_HEAD_1_BIAS].dims[0] = 3;
            draft.tensors[TYTO_CMAN_SKIP_AUDIO].dims[0] = 3;
            draft.tensors[TYTO_CMAN_SKIP_VISUAL].dims[0] = 3;
            set_meta(&draft, "tyto.fusion", "early");
            set_meta(&draft, "tyto.encoders", "{\"visual\":\"a \\\"b\\\"\"}");
            set_meta(&draft, "tyto.thresholds", "[0.123456,0.9]");
        }
        assert_int_equal(draft_load(&draft, &weights, &fault), TYTO_OK);
        assert_int_equal(tyto_cman_weights_write(draft.path, &weights, provenance, &fault),
                         TYTO_OK);
        assert_int_equal(tyto_cman_weights_load(draft.path, &again, &fault), TYTO_OK);
        the_same(&weights, &again);
        assert_int_equal(tyto_weights_open(draft.path, &file, &fault), TYTO_OK);
        assert_string_equal(tyto_weights_meta(file, "tyto.provenance"), provenance);
        assert_string_equal(tyto_weights_meta(file, "tyto.config"), draft.config);
        tyto_weights_close(&file);
        unlink(draft.path);
        tyto_cman_weights_finish(&weights);
        tyto_cman_weights_finish(&again);
    }
}

static void a_baseline_says_that_it_is_one(void **state)
{
    static const char *const names[] = {"cman", "early", "audio", "visual"};
    struct tyto_cman_weights weights;
    struct draft draft;
    struct tyto_fault fault;

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        draft_init(&draft);
        set_meta(&draft, "tyto.fusion", names[i]);
        assert_int_equal(draft_load(&draft, &weights, &fault), TYTO_OK);
        assert_int_equal(weights.fusion, i);
        tyto_cman_weights_finish(&weights);
    }
    draft_init(&draft);
    assert_int_equal(draft_load(&draft, &weights, &fault), TYTO_OK);
    assert_int_equal(weights.fusion, TYTO_CMAN_FUSION_CMAN);
    tyto_cman_weights_finish(&weights);
    draft_init(&draft);
    set_meta(&draft, "tyto.fusion", "late");
    expect_refusal(&draft, TYTO_ERR_FORMAT, "tyto.fusion", "early");
}

static void a_good_file_is_read_whole(void **state)
{
    static struct draft draft;
    struct tyto_cman_weights weights;
    struct tyto_fault fault = {0};

    (void)state;
    draft_init(&draft);
    set_meta(&draft, "tyto.thresholds", "[0.25, 0.75]");
    set_meta(&draft, "tyto.thresholds_seen", "[0.6, 0.7]");
    set_meta(&draft, "tyto.encoders", "{\"audio\":\"abc\",\"visual\":\"def\"}");
    if (draft_load(&draft, &weights, &fault))
        fail_msg("%s", fault.text);
    assert_int_equal(weights.dims.num_segments, 4);
    assert_int_equal(weights.dims.visual_in, 5);
    assert_int_equal(weights.dims.num_classes, 2);
    assert_int_equal(weights.dims.num_logits, 6);
    assert_int_equal(weights.dims.look_ahead, 1);
    assert_string_equal(weights.classes[1], "dog_2");
    assert_true(weights.thresholds[0] == 0.25f && weights.thresholds[1] == 0.75f);
    assert_true(weights.thresholds[2] == 0 && weights.thresholds[3] == 0); /* heard: not said */
    assert_true(weights.thresholds[4] == 0.6f && weights.thresholds[5] == 0.7f);
    assert_string_equal(weights.audio_encoder, "abc");
    assert_string_equal(weights.visual_encoder, "def");
    assert_int_equal(strlen(weights.digest), 64);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        assert_true(weights.tensors[i][0] == draft.values[i][0]);
    tyto_cman_weights_finish(&weights);
}

static void what_is_optional_may_be_absent(void **state)
{
    static struct draft draft;
    struct tyto_cman_weights weights;
    struct tyto_fault fault = {0};

    (void)state;
    draft_init(&draft);
    replace_in_config(&draft, "\"audio_in\":3,\"visual_in\":5", "\"audio_in\":4,\"visual_in\":4");
    replace_in_config(&draft, "\"look_ahead\":1", "\"look_ahead\":null");
    memmove(draft.tensors, draft.tensors + 4,
            (TYTO_CMAN_NUM_TENSORS - 4) * sizeof(*draft.tensors)); /* both adapters */
    draft.num_tensors -= 4;
    if (draft_load(&draft, &weights, &fault))
        fail_msg("%s", fault.text);
    assert_null(weights.tensors[TYTO_CMAN_ADAPT_AUDIO_WEIGHT]);
    assert_null(weights.tensors[TYTO_CMAN_ADAPT_VISUAL_BIAS]);
    assert_true(weights.dims.look_ahead == UINT32_MAX);
    assert_true(weights.thresholds[1] == 0.5f);
    assert_string_equal(weights.audio_encoder, "");
    tyto_cman_weights_finish(&weights);
}

static void half_precision_is_read_as_numbers(void **state)
{
    static struct draft draft;
    static uint16_t halves[MAX_VALUES];
    struct tyto_cman_weights weights;
    struct tyto_fault fault = {0};
    const uint32_t which = TYTO_CMAN_WHEN_AUDIO_V;

    (void)state;
    draft_init(&draft);
    for (uint32_t i = 0; i < 16; i++)
        halves[i] = tyto_half_from_f32((float)i / 8 - 1);
    draft.tensors[which].dtype = TYTO_DTYPE_F16;
    draft.tensors[which].data = halves;
    if (draft_load(&draft, &weights, &fault))
        fail_msg("%s", fault.text);
    for (uint32_t i = 0; i < 16; i++)
        assert_true(weights.tensors[which][i] == (float)i / 8 - 1);
    tyto_cman_weights_finish(&weights);
}

static void every_tensor_must_be_there(void **state)
{
    static struct draft draft;

    (void)state;
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        draft_init(&draft);
        const char *name = draft.tensors[i].name;

        draft.tensors[i] = draft.tensors[--draft.num_tensors];
        expect_refusal(&draft, TYTO_ERR_NOT_FOUND, name, draft.path);
    }
}

static void every_shape_must_fit(void **state)
{
    static struct draft draft;

    (void)state;
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        draft_init(&draft);
        draft.tensors[i].dims[0]++;
        expect_refusal(&draft, TYTO_ERR_SHAPE, draft.tensors[i].name, draft.path);
        draft_init(&draft);
        draft.tensors[i].dims[draft.tensors[i].num_dims++] = 1;
        expect_refusal(&draft, TYTO_ERR_SHAPE, draft.tensors[i].name, draft.path);
    }
}

static void every_value_must_be_finite(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static struct draft draft;

    (void)state;
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        draft_init(&draft);
        draft.values[i][0] = bad[i % 3];
        expect_refusal(&draft, TYTO_ERR_FORMAT, draft.tensors[i].name, draft.path);
    }
}

static void a_tensor_of_another_network_is_refused(void **state)
{
    static struct draft draft;

    (void)state;
    draft_init(&draft);
    draft.tensors[draft.num_tensors++] = (struct tyto_tensor){.name = "adapt_audio.wieght",
                                                              .dtype = TYTO_DTYPE_F32,
                                                              .num_dims = 1,
                                                              .dims = {1},
                                                              .data = draft.values[0]};
    expect_refusal(&draft, TYTO_ERR_FORMAT, "adapt_audio.wieght", "no tensor");
    draft_init(&draft);
    draft.tensors[3].dtype = TYTO_DTYPE_I32;
    expect_refusal(&draft, TYTO_ERR_UNSUPPORTED, draft.tensors[3].name, "I32");
}

struct bad_meta {
    const char *key, *value;
    enum tyto_err err;
    const char *word;
};

static void bad_metadata_is_named(void **state)
{
    static const struct bad_meta cases[] = {
        {"tyto.format", "encoder/1", TYTO_ERR_FORMAT, "head's weights"},
        {"tyto.format", "head/2", TYTO_ERR_FORMAT, "head/1"},
        {"tyto.config", "", TYTO_ERR_FORMAT, "not JSON"},
        {"tyto.config", "{", TYTO_ERR_FORMAT, "not JSON"},
        {"tyto.config", "[]", TYTO_ERR_FORMAT, "not a head"},
        {"tyto.config", "{}", TYTO_ERR_SHAPE, "num_segments"},
        {"tyto.classes", "{}", TYTO_ERR_FORMAT, "array"},
        {"tyto.classes", "[]", TYTO_ERR_FORMAT, "1 to 1024"},
        {"tyto.classes", "[\"cat\"]", TYTO_ERR_SHAPE, "head.1.weight"},
        {"tyto.classes", "[\"cat\",\"dog\",\"cow\"]", TYTO_ERR_SHAPE, "head.1.weight"},
        {"tyto.classes", "[\"cat\",\"cat\"]", TYTO_ERR_FORMAT, "twice"},
        {"tyto.classes", "[\"cat\",\"Dog\"]", TYTO_ERR_FORMAT, "class 1"},
        {"tyto.classes", "[\"\",\"dog\"]", TYTO_ERR_FORMAT, "class 0"},
        {"tyto.classes", "[\"cat\",7]", TYTO_ERR_FORMAT, "class 1"},
        {"tyto.classes",
         "[\"0123456789012345678901234567890123456789012345678901234567890123x\",\"b\"]",
         TYTO_ERR_FORMAT, "class 0"},
        {"tyto.thresholds", "[0.5]", TYTO_ERR_FORMAT, "each class"},
        {"tyto.thresholds", "[0.5,1.5]", TYTO_ERR_FORMAT, "between 0 and 1"},
        {"tyto.thresholds", "[0.5,\"x\"]", TYTO_ERR_FORMAT, "between 0 and 1"},
        {"tyto.thresholds", "{}", TYTO_ERR_FORMAT, "each class"},
        {"tyto.thresholds_heard", "[0.5]", TYTO_ERR_FORMAT, "each class"},
        {"tyto.thresholds", "0.5", TYTO_ERR_FORMAT, "not JSON"},
        {"tyto.encoders", "no", TYTO_ERR_FORMAT, "not JSON"},
        {"tyto.layout", "0123", TYTO_ERR_FORMAT, "changed after training"},
    };
    static struct draft draft;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        draft_init(&draft);
        set_meta(&draft, cases[i].key, cases[i].value);
        expect_refusal(&draft, cases[i].err, cases[i].word, draft.path);
    }
}

struct bad_config {
    const char *from, *to;
    enum tyto_err err;
    const char *word;
};

static void a_bad_configuration_is_named(void **state)
{
    static const struct bad_config cases[] = {
        {"\"num_segments\":4", "\"num_segments\":0", TYTO_ERR_SHAPE, "num_segments"},
        {"\"num_segments\":4", "\"num_segments\":65", TYTO_ERR_SHAPE, "1 to 64"},
        {"\"num_segments\":4", "\"num_segments\":-4", TYTO_ERR_SHAPE, "num_segments"},
        {"\"num_segments\":4", "\"num_segments\":\"4\"", TYTO_ERR_SHAPE, "num_segments"},
        {"\"num_places\":2", "\"num_places\":1025", TYTO_ERR_SHAPE, "1 to 1024"},
        {"\"audio_in\":3", "\"audio_in\":3.5", TYTO_ERR_SHAPE, "audio_in"},
        {"\"visual_in\":5", "\"visual_in\":4294967297", TYTO_ERR_SHAPE, "visual_in"},
        {"\"hidden_width\":2", "\"hidden_width\":4097", TYTO_ERR_SHAPE, "1 to 4096"},
        {"\"hidden_width\":2", "\"hidden_width\":3", TYTO_ERR_SHAPE, "lstm.audio"},
        {"\"head_width\":2", "\"head_width\":1e9", TYTO_ERR_SHAPE, "head_width"},
        {"\"which_width\":3,", "", TYTO_ERR_SHAPE, "which_width"},
        {"\"look_ahead\":1", "\"look_ahead\":65", TYTO_ERR_FORMAT, "look_ahead"},
        {"\"look_ahead\":1", "\"look_ahead\":-1", TYTO_ERR_FORMAT, "look_ahead"},
        {"multi_label", "binary", TYTO_ERR_FORMAT, "softmax"},
        {"multi_label", "softmax", TYTO_ERR_SHAPE, "head.1.weight"},
    };
    static struct draft draft;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        draft_init(&draft);
        replace_in_config(&draft, cases[i].from, cases[i].to);
        expect_refusal(&draft, cases[i].err, cases[i].word, draft.path);
    }
}

static void an_adapter_comes_whole_or_not_at_all(void **state)
{
    static struct draft draft;

    (void)state;
    draft_init(&draft);
    memmove(draft.tensors, draft.tensors + 2, (TYTO_CMAN_NUM_TENSORS - 2) * sizeof(*draft.tensors));
    draft.num_tensors -= 2;
    expect_refusal(&draft, TYTO_ERR_SHAPE, "audio_width", "adapt_audio");
    draft_init(&draft);
    draft.tensors[TYTO_CMAN_ADAPT_VISUAL_BIAS] = draft.tensors[--draft.num_tensors];
    expect_refusal(&draft, TYTO_ERR_NOT_FOUND, "adapt_visual.bias", draft.path);
}

static void a_missing_file_is_named(void **state)
{
    struct tyto_cman_weights weights;
    struct tyto_fault fault = {0};

    (void)state;
    assert_int_equal(tyto_cman_weights_load("/nowhere/head.safetensors", &weights, &fault),
                     TYTO_ERR_NOT_FOUND);
    assert_string_equal(fault.file, "/nowhere/head.safetensors");
}

static unsigned char *read_all(const char *path, size_t *ret_num)
{
    unsigned char *bytes = malloc(1 << 16);
    FILE *file = fopen(path, "rb");

    assert_non_null(bytes);
    assert_non_null(file);
    *ret_num = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    assert_in_range(*ret_num, 100, (1 << 16) - 1);
    return bytes;
}

/* A copy of exactly the size, so that the sanitizer sees each byte read beyond it. */
static enum tyto_err load_copy(const unsigned char *bytes, size_t num, struct tyto_fault *ret_fault)
{
    struct tyto_cman_weights weights;
    unsigned char *copy = malloc(num > 0 ? num : 1);
    enum tyto_err err = TYTO_OK;

    assert_non_null(copy);
    memcpy(copy, bytes, num);
    err = tyto_cman_weights_load_memory(copy, num, &weights, ret_fault);
    free(copy);
    tyto_cman_weights_finish(&weights);
    return err;
}

static void cut_and_broken_files_never_crash(void **state)
{
    static struct draft draft;
    struct tyto_fault fault = {0};
    size_t num = 0;

    (void)state;
    draft_init(&draft);
    assert_int_equal(tyto_weights_write(draft.path, draft.tensors, draft.num_tensors, draft.metas,
                                        draft.num_metas, NULL),
                     TYTO_OK);
    unsigned char *bytes = read_all(draft.path, &num);
    unlink(draft.path);
    assert_int_equal(load_copy(bytes, num, &fault), TYTO_OK);
    for (size_t cut = 0; cut < num; cut += cut < 64 ? 1 : 29) {
        fault.text[0] = '\0';
        assert_int_not_equal(load_copy(bytes, cut, &fault), TYTO_OK);
        assert_true(fault.text[0] != '\0');
    }
    for (uint64_t i = 0; i < 3000; i++) {
        const uint64_t random = golden_splitmix64(i);
        const size_t at = (i % 2 ? random % num : random % 4000) % num;
        const unsigned char was = bytes[at];

        bytes[at] = (unsigned char)(random >> 40);
        fault.text[0] = '\0';
        if (load_copy(bytes, num, &fault))
            assert_true(fault.text[0] != '\0');
        bytes[at] = was;
    }
    free(bytes);
}

/* The one that is in the repository. */
static void the_first_head_can_be_read(void **state)
{
    const char *golden = getenv("TYTO_GOLDEN_DIR");
    struct tyto_cman_weights weights;
    struct tyto_fault fault = {0};
    char path[1024];

    (void)state;
    snprintf(path, sizeof(path), "%s/../../weights/head.safetensors",
             golden ? golden : "tests/golden");
    if (access(path, R_OK) != 0)
        skip();
    if (tyto_cman_weights_load(path, &weights, &fault))
        fail_msg("%s", fault.text);
    assert_true(weights.dims.num_classes > 0);
    tyto_cman_weights_finish(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read_whole),
        cmocka_unit_test(what_was_read_is_written_the_same),
        cmocka_unit_test(a_baseline_says_that_it_is_one),
        cmocka_unit_test(what_is_optional_may_be_absent),
        cmocka_unit_test(half_precision_is_read_as_numbers),
        cmocka_unit_test(every_tensor_must_be_there),
        cmocka_unit_test(every_shape_must_fit),
        cmocka_unit_test(every_value_must_be_finite),
        cmocka_unit_test(a_tensor_of_another_network_is_refused),
        cmocka_unit_test(bad_metadata_is_named),
        cmocka_unit_test(a_bad_configuration_is_named),
        cmocka_unit_test(an_adapter_comes_whole_or_not_at_all),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(cut_and_broken_files_never_crash),
        cmocka_unit_test(the_first_head_can_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
