/* SPDX-License-Identifier: MIT */
/* Eigenvectors, the basis that is fitted on features, and data sets made from data sets: against
 * what defines them, on data whose directions are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trainer/data/basis.h"
#include "trainer/data/dataset_memory.h"
#include "trainer/data/eigen.h"

enum { CLIPS = 60, T = 4, A = 6, L = 9, V = 24, K = 2, OUT = 8, NUM = CLIPS * T * L };

static float audio[CLIPS * T * A], visual[NUM * V];
static bool has_audio[CLIPS * T], has_visual[CLIPS * T];
static double directions[V][V]; /* rows are orthonormal */

static double normal(void)
{
    static uint32_t state = 7;
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        state = state * 1664525u + 1013904223u;
        sum += (double)(state >> 8) / 16777216;
    }
    return sum - 6;
}

/* Deviation along direction i; all but the first OUT are small. */
static double deviation(int i)
{
    return i < OUT ? 8.0 / (1 + i) : 0.1;
}

static int make_features(void **state)
{
    (void)state;
    for (int i = 0; i < V; i++) {
        for (int c = 0; c < V; c++)
            directions[i][c] = normal();
        for (int j = 0; j < i; j++) {
            double dot = 0;
            for (int c = 0; c < V; c++)
                dot += directions[i][c] * directions[j][c];
            for (int c = 0; c < V; c++)
                directions[i][c] -= dot * directions[j][c];
        }
        double norm = 0;
        for (int c = 0; c < V; c++)
            norm += directions[i][c] * directions[i][c];
        for (int c = 0; c < V; c++)
            directions[i][c] /= sqrt(norm);
    }
    for (int n = 0; n < NUM; n++) {
        double row[V];
        for (int c = 0; c < V; c++)
            row[c] = c * 0.5;
        for (int i = 0; i < V; i++) {
            const double value = deviation(i) * normal();
            for (int c = 0; c < V; c++)
                row[c] += value * directions[i][c];
        }
        for (int c = 0; c < V; c++)
            visual[n * V + c] = (float)row[c];
    }
    for (int t = 0; t < CLIPS * T; t++) {
        for (int c = 0; c < A - 1; c++)
            audio[t * A + c] = (float)(10 * c + (1 + c) * normal());
        audio[t * A + A - 1] = 5; /* never changes */
        has_audio[t] = t % 5 != 0;
        has_visual[t] = t % 7 != 0;
    }
    return 0;
}

static struct tyto_dataset *make_dataset(void)
{
    const struct tyto_dataset_shape shape = {CLIPS, T, A, L, V, K};
    const struct tyto_dataset_memory memory = {audio, visual, has_audio, has_visual};
    struct tyto_dataset *dataset = NULL;
    assert_int_equal(tyto_dataset_memory_create(&shape, &memory, &dataset), TYTO_OK);
    for (uint32_t i = 0; i < CLIPS; i++) {
        dataset->truth[i * T * K] = (uint8_t)(i % 4);
        dataset->clip_truth[i * K] = (uint8_t)(i % 4);
        dataset->len[i] = 1 + i % T;
        dataset->groups[i] = i / 3;
        dataset->is_weak[i] = i % 2;
        dataset->names[i] = strdup("clip");
    }
    memcpy(dataset->classes[1], "dog", 4);
    return dataset;
}

static void eigenvectors_solve_what_they_should(void **state)
{
    (void)state;
    enum { N = 20 };
    double a[N][N], b[N][N], a_copy[N][N], b_copy[N][N], values[N];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j <= i; j++) {
            a[i][j] = a[j][i] = normal();
            b[i][j] = b[j][i] = i == j ? 30 : normal();
        }
    }
    memcpy(a_copy, a, sizeof(a));
    memcpy(b_copy, b, sizeof(b));
    assert_int_equal(tyto_eigen_symmetric(N, a[0], values), TYTO_OK);
    for (int v = 0; v < N; v++) {
        assert_true(v == 0 || values[v] <= values[v - 1]);
        double norm = 0;
        for (int i = 0; i < N; i++) {
            double product = 0;
            for (int j = 0; j < N; j++)
                product += a_copy[i][j] * a[v][j];
            assert_true(fabs(product - values[v] * a[v][i]) < 1e-12 * N);
            norm += a[v][i] * a[v][i];
        }
        assert_true(fabs(norm - 1) < 1e-12);
    }
    memcpy(a, a_copy, sizeof(a));
    assert_int_equal(tyto_eigen_definite(N, a[0], b[0], values), TYTO_OK);
    for (int v = 0; v < N; v++) {
        double scale = 0;
        for (int i = 0; i < N; i++) {
            double left = 0, right = 0;
            for (int j = 0; j < N; j++) {
                left += a_copy[i][j] * a[v][j];
                right += b_copy[i][j] * a[v][j];
            }
            assert_true(fabs(left - values[v] * right) < 1e-12 * N);
            scale += a[v][i] * right;
        }
        assert_true(fabs(scale - 1) < 1e-12 * N);
    }
    memcpy(a, a_copy, sizeof(a));
    memset(b, 0, sizeof(b));
    assert_int_equal(tyto_eigen_definite(N, a[0], b[0], values), TYTO_ERR_INVALID);
    a[3][2] = NAN;
    assert_int_equal(tyto_eigen_symmetric(N, a[0], values), TYTO_ERR_INVALID);
}

static void the_basis_finds_the_directions_of_the_data(void **state)
{
    (void)state;
    const struct tyto_basis_params params = {.visual_out = OUT, .seed = 1};
    struct tyto_dataset *dataset = make_dataset();
    struct tyto_basis basis;
    assert_int_equal(tyto_basis_fit(dataset, &params, &basis), TYTO_OK);
    assert_true(basis.visual_in == V && basis.visual_out == OUT);
    assert_true(basis.audio_in == A && basis.audio_out == 8);
    double kept = 0, all = 0;
    for (int i = 0; i < V; i++) {
        all += deviation(i) * deviation(i);
        kept += i < OUT ? deviation(i) * deviation(i) : 0;
    }
    assert_true(fabs(basis.kept - kept / all) < 2e-3);
    for (int i = 0; i < OUT; i++) {
        double dot = 0, norm = 0;
        for (int c = 0; c < V; c++) {
            dot += (double)basis.visual_weight[i * V + c] * directions[i][c];
            norm += pow((double)basis.visual_weight[i * V + c], 2);
        }
        /* one factor for all: a rotation, scaled to a mean variance of 1 */
        assert_true(fabs(sqrt(norm) - 1 / sqrt(kept / OUT)) < 0.03);
        if (i < 3) /* neighbours with like variances mix */
            assert_true(fabs(dot) / sqrt(norm) > 0.99);
    }
    for (int c = 0; c < A; c++) /* the channel that never changes, and the padding, are 0 */
        assert_true(basis.audio_weight[(A - 1) * A + c] == 0 && basis.audio_weight[7 * A + c] == 0);
    tyto_basis_finish(&basis);
    tyto_dataset_destroy(&dataset);
}

/* Mean and covariance of the first num channels over all rows that are there. */
static void moments(struct tyto_dataset *dataset, uint32_t num, double *mean, double *covariance)
{
    const struct tyto_dataset_shape *s = &dataset->shape;
    static float a[T * 64], v[T * L * 64];
    bool ha[T], hv[T];
    const struct tyto_dataset_clip clip = {a, v, ha, hv};
    double rows = 0;
    memset(mean, 0, num * sizeof(*mean));
    memset(covariance, 0, num * num * sizeof(*covariance));
    for (uint32_t i = 0; i < s->num_clips; i++) {
        assert_int_equal(tyto_dataset_read(dataset, i, &clip), TYTO_OK);
        for (uint32_t n = 0; n < T * L; n++) {
            const float *row = v + n * s->visual_in;
            assert_int_equal(hv[n / L], has_visual[i * T + n / L]);
            for (uint32_t c = 0; !hv[n / L] && c < num; c++)
                assert_true(row[c] == 0);
            rows += hv[n / L];
            for (uint32_t c = 0; hv[n / L] && c < num; c++) {
                mean[c] += (double)row[c];
                for (uint32_t d = 0; d < num; d++)
                    covariance[c * num + d] += (double)row[c] * (double)row[d];
            }
        }
    }
    for (uint32_t c = 0; c < num; c++)
        mean[c] /= rows;
    for (uint32_t c = 0; c < num * num; c++)
        covariance[c] = covariance[c] / rows - mean[c / num] * mean[c % num];
}

static void projected_features_are_centred_and_uncorrelated(void **state)
{
    (void)state;
    for (int whitening = 0; whitening < 2; whitening++) {
        const struct tyto_basis_params params = {.visual_out = OUT, .whitening = (float)whitening};
        const struct tyto_project_params project = {0};
        struct tyto_dataset *dataset = make_dataset(), *projected = NULL;
        struct tyto_basis basis;
        double mean[OUT], covariance[OUT * OUT], trace = 0;
        assert_int_equal(tyto_basis_fit(dataset, &params, &basis), TYTO_OK);
        assert_int_equal(tyto_dataset_project(dataset, &basis, &project, &projected), TYTO_OK);
        tyto_dataset_destroy(&dataset); /* not needed any more */
        assert_true(projected->shape.visual_in == OUT && projected->shape.audio_in == 8);
        assert_true(projected->truth[2 * T * K] == 2 && projected->len[2] == 3);
        assert_true(projected->is_weak[1] && projected->groups[7] == 2);
        assert_string_equal(projected->classes[1], "dog");
        moments(projected, OUT, mean, covariance);
        for (int i = 0; i < OUT; i++) {
            assert_true(fabs(mean[i]) < 1e-5);
            for (int j = 0; j < OUT; j++) {
                if (i != j || whitening)
                    assert_true(fabs(covariance[i * OUT + j] - (i == j)) < 1e-4);
            }
            trace += covariance[i * OUT + i];
        }
        assert_true(fabs(trace - OUT) < 1e-3);
        float a[T * 8];
        bool ha[T], hv[T];
        double sum[8] = {0}, squares[8] = {0}, rows = 0;
        for (uint32_t i = 0; i < CLIPS; i++) {
            const struct tyto_dataset_clip clip = {a, NULL, ha, hv};
            assert_int_equal(tyto_dataset_read(projected, i, &clip), TYTO_OK);
            for (int t = 0; t < T; t++) {
                rows += ha[t];
                for (int c = 0; c < 8; c++) {
                    assert_true(ha[t] || a[t * 8 + c] == 0);
                    sum[c] += (double)a[t * 8 + c];
                    squares[c] += pow((double)a[t * 8 + c], 2);
                }
            }
        }
        for (int c = 0; c < 8; c++) {
            assert_true(fabs(sum[c] / rows) < 1e-5);
            assert_true(fabs(squares[c] / rows - (c < A - 1)) < 1e-4);
        }
        tyto_dataset_destroy(&projected);
        tyto_basis_finish(&basis);
    }
}

static void what_is_too_large_for_memory_is_kept_in_a_file(void **state)
{
    (void)state;
    const struct tyto_basis_params params = {.visual_out = OUT};
    const struct tyto_project_params memory = {0}, file = {.max_bytes = 1000};
    const struct tyto_project_params nowhere = {.max_bytes = 1000, .temp_dir = "/nowhere"};
    struct tyto_dataset *dataset = make_dataset(), *a = NULL, *b = NULL;
    struct tyto_basis basis;
    assert_int_equal(tyto_basis_fit(dataset, &params, &basis), TYTO_OK);
    assert_int_equal(tyto_dataset_project(dataset, &basis, &memory, &a), TYTO_OK);
    assert_int_equal(tyto_dataset_project(dataset, &basis, &nowhere, &b), TYTO_ERR_IO);
    assert_int_equal(tyto_dataset_project(dataset, &basis, &file, &b), TYTO_OK);
    static float audios[2][T * 8], visuals[2][T * L * OUT];
    bool ha[2][T], hv[2][T];
    for (uint32_t i = CLIPS; i-- > 0;) {
        const struct tyto_dataset_clip in_memory = {audios[0], visuals[0], ha[0], hv[0]};
        const struct tyto_dataset_clip in_file = {audios[1], visuals[1], ha[1], hv[1]};
        assert_int_equal(tyto_dataset_read(a, i, &in_memory), TYTO_OK);
        assert_int_equal(tyto_dataset_read(b, i, &in_file), TYTO_OK);
        assert_memory_equal(audios[0], audios[1], sizeof(audios[0]));
        assert_memory_equal(hv[0], hv[1], sizeof(hv[0]));
        for (int n = 0; n < T * L * OUT; n++) /* binary16 */
            assert_true(fabsf(visuals[0][n] - visuals[1][n]) <=
                        1e-3f * fabsf(visuals[0][n]) + 1e-6f);
    }
    assert_int_equal(tyto_dataset_read(a, CLIPS, NULL), TYTO_ERR_INVALID);
    tyto_dataset_destroy(&a);
    tyto_dataset_destroy(&b);
    tyto_dataset_destroy(&dataset);
    tyto_basis_finish(&basis);
}

static void a_seed_decides_which_places_are_looked_at(void **state)
{
    (void)state;
    struct tyto_basis basis[3];
    struct tyto_dataset *dataset = make_dataset();
    for (int i = 0; i < 3; i++) {
        const struct tyto_basis_params params = {
            .visual_out = OUT, .max_clips = 20, .seed = i == 2 ? 5 : 4};
        assert_int_equal(tyto_basis_fit(dataset, &params, &basis[i]), TYTO_OK);
    }
    assert_memory_equal(basis[0].visual_weight, basis[1].visual_weight, OUT * V * sizeof(float));
    assert_memory_not_equal(basis[0].visual_weight, basis[2].visual_weight,
                            OUT * V * sizeof(float));
    for (int i = 0; i < 3; i++)
        tyto_basis_finish(&basis[i]);
    const struct tyto_basis_params odd = {.visual_out = 6};
    assert_int_equal(tyto_basis_fit(dataset, &odd, &basis[0]), TYTO_ERR_SHAPE);
    tyto_dataset_destroy(&dataset);
}

static void early_fusion_puts_the_mean_picture_beside_the_sound(void **state)
{
    (void)state;
    struct tyto_dataset *dataset = make_dataset(), *fused = NULL;
    static float a[T * (A + V)], v[T * L * V];
    bool ha[T], hv[T];
    const struct tyto_dataset_clip clip = {a, v, ha, hv};
    assert_int_equal(tyto_dataset_fuse_early(&dataset, &fused), TYTO_OK);
    assert_null(dataset);
    assert_true(fused->shape.audio_in == A + V && fused->shape.num_places == L);
    for (uint32_t i = 0; i < CLIPS; i++) {
        assert_int_equal(tyto_dataset_read(fused, i, &clip), TYTO_OK);
        for (int t = 0; t < T; t++) {
            const int at = (int)i * T + t;
            assert_int_equal(ha[t], has_audio[at] || has_visual[at]);
            assert_false(hv[t]);
            assert_true(v[t * L * V] == 0);
            for (int c = 0; c < A; c++)
                assert_true(a[t * (A + V) + c] == (has_audio[at] ? audio[at * A + c] : 0));
            for (int c = 0; c < V; c++) {
                double mean = 0;
                for (int l = 0; l < L && has_visual[at]; l++)
                    mean += (double)visual[(at * L + l) * V + c] / L;
                assert_true(fabs((double)a[t * (A + V) + A + c] - mean) < 1e-4);
            }
        }
    }
    tyto_dataset_destroy(&fused);
}

static void a_view_shows_the_clips_it_was_asked_for(void **state)
{
    (void)state;
    const uint32_t clips[] = {7, 3, 7}, beyond[] = {CLIPS};
    struct tyto_dataset *dataset = make_dataset(), *view = NULL;
    static float a[2][T * A];
    bool ha[T], hv[T];
    assert_int_equal(tyto_dataset_view(dataset, beyond, 1, &view), TYTO_ERR_INVALID);
    assert_int_equal(tyto_dataset_view(dataset, clips, 3, &view), TYTO_OK);
    assert_int_equal(view->shape.num_clips, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct tyto_dataset_clip want = {a[0], NULL, ha, hv}, got = {a[1], NULL, ha, hv};
        assert_int_equal(tyto_dataset_read(dataset, clips[i], &want), TYTO_OK);
        assert_int_equal(tyto_dataset_read(view, i, &got), TYTO_OK);
        assert_memory_equal(a[0], a[1], sizeof(a[0]));
        assert_int_equal(view->truth[i * T * K], clips[i] % 4);
        assert_int_equal(view->groups[i], clips[i] / 3);
    }
    tyto_dataset_destroy(&view);
    tyto_dataset_destroy(&dataset);
    tyto_dataset_destroy(&dataset);
    const struct tyto_dataset_shape empty = {0, T, A, L, V, K}, huge = {1, T, A, L, 1 << 20, K};
    assert_int_equal(tyto_dataset_create(&empty, &view), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_dataset_create(&huge, &view), TYTO_ERR_SHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvectors_solve_what_they_should),
        cmocka_unit_test(the_basis_finds_the_directions_of_the_data),
        cmocka_unit_test(projected_features_are_centred_and_uncorrelated),
        cmocka_unit_test(what_is_too_large_for_memory_is_kept_in_a_file),
        cmocka_unit_test(a_seed_decides_which_places_are_looked_at),
        cmocka_unit_test(early_fusion_puts_the_mean_picture_beside_the_sound),
        cmocka_unit_test(a_view_shows_the_clips_it_was_asked_for),
    };
    return cmocka_run_group_tests(tests, make_features, NULL);
}
