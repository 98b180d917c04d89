/* SPDX-License-Identifier: MIT */
#include "model/cman/host.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const double eps = 1e-12;

/* All memory of a run: counted first, then taken piece by piece, freed as one. Zeroed. */
struct work {
    double *memory;
    size_t num, at;
};

static double *doubles(struct work *work, size_t num)
{
    double *values = work->memory + work->at;

    work->at += num;
    return values;
}

static size_t count_doubles(const struct tyto_cman_dims *d, size_t n)
{
    const size_t stream_widths = (size_t)d->audio_width + d->visual_width;
    const size_t adapted =
        n * d->audio_in + n * d->num_places * d->visual_in + n * d->num_places * d->visual_width;
    const size_t where = n * (d->match_width + (size_t)d->num_places * d->match_width) +
                         d->num_places + n * stream_widths;
    const size_t when = 2 * (2 * n * d->when_width + n) + 2 * n * stream_widths;
    const size_t lstm = 2 * (2 * n * d->hidden_width + 12 * (size_t)d->hidden_width);
    const size_t which = 2 * (n * d->hidden_width + 3 * n * d->which_width + 2 * (n + 1));
    const size_t head =
        n * (2 * (size_t)d->hidden_width + d->head_width + 2 * (size_t)d->num_logits);

    return adapted + where + when + lstm + which + head;
}

/* y (m, n) = x (m, k) w^T + bias; bias may be NULL. */
static void linear(size_t m, size_t n, size_t k, const double *x, const float *w, const float *bias,
                   double *y)
{
    for (size_t r = 0; r < m; r++)
        for (size_t c = 0; c < n; c++) {
            double sum = bias ? (double)bias[c] : 0.0;

            for (size_t i = 0; i < k; i++)
                sum += x[r * k + i] * (double)w[c * k + i];
            y[r * n + c] = sum;
        }
}

static void softmax(size_t n, const double *x, double *y)
{
    double top = -INFINITY;
    double sum = 0.0;

    for (size_t i = 0; i < n; i++)
        top = fmax(top, x[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp(x[i] - top);
    for (size_t i = 0; i < n; i++)
        y[i] = exp(x[i] - top) / sum;
}

static double dot(size_t n, const double *a, const double *b)
{
    double sum = 0.0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double sigmoid(double v)
{
    return 1.0 / (1.0 + exp(-v));
}

/* Adapter (or nothing), then zeros where the modality is missing. */
static double *adapt(struct work *work, const float *x, size_t segments, size_t rows, size_t in,
                     size_t width, const float *w, const float *bias, const bool *has)
{
    const size_t m = segments * rows;
    double *wide = doubles(work, m * in);
    double *y = doubles(work, m * width);

    for (size_t i = 0; i < m * in; i++)
        wide[i] = (double)x[i];
    if (w)
        linear(m, width, in, wide, w, bias, y);
    else
        for (size_t i = 0; i < m * in; i++)
            y[i] = wide[i];
    for (size_t i = 0; i < m * width; i++)
        if (has && !has[i / (rows * width)])
            y[i] = 0.0;
    return y;
}

/* Attended pictures (n, dv); place (n, L). */
static double *where(struct work *work, const struct tyto_cman_weights *weights, size_t n,
                     const double *a, const double *v, float *place)
{
    const struct tyto_cman_dims *d = &weights->dims;
    float *const *t = weights->tensors;
    const size_t num_places = d->num_places;
    const size_t width = d->match_width;
    double *q = doubles(work, n * width);
    double *k = doubles(work, n * num_places * width);
    double *scores = doubles(work, num_places);
    double *out = doubles(work, n * d->visual_width);

    linear(n, width, d->audio_width, a, t[TYTO_CMAN_WHERE_AUDIO_WEIGHT],
           t[TYTO_CMAN_WHERE_AUDIO_BIAS], q);
    linear(n * num_places, width, d->visual_width, v, t[TYTO_CMAN_WHERE_VISUAL_WEIGHT],
           t[TYTO_CMAN_WHERE_VISUAL_BIAS], k);
    for (size_t s = 0; s < n; s++) {
        const double *query = q + s * width;

        for (size_t l = 0; l < num_places; l++) {
            const double *key = k + (s * num_places + l) * width;
            const double norms =
                fmax(sqrt(dot(width, query, query)), eps) * fmax(sqrt(dot(width, key, key)), eps);

            scores[l] = (double)t[TYTO_CMAN_WHERE_SCALE][0] * dot(width, query, key) / norms;
        }
        softmax(num_places, scores, scores);
        for (size_t l = 0; l < num_places; l++) {
            place[s * num_places + l] = (float)scores[l];
            for (size_t c = 0; c < d->visual_width; c++)
                out[s * d->visual_width + c] +=
                    scores[l] * v[(s * num_places + l) * d->visual_width + c];
        }
    }
    return out;
}

static size_t num_visible(size_t t, size_t n, uint32_t look_ahead)
{
    return look_ahead >= n - t ? n : t + look_ahead + 1;
}

static double *when(struct work *work, size_t n, size_t width, size_t key_width,
                    uint32_t look_ahead, const double *x, const float *wq, const float *wk,
                    const float *wv)
{
    double *q = doubles(work, n * key_width);
    double *k = doubles(work, n * key_width);
    double *v = doubles(work, n * width);
    double *w = doubles(work, n);
    double *out = doubles(work, n * width);

    linear(n, key_width, width, x, wq, NULL, q);
    linear(n, key_width, width, x, wk, NULL, k);
    linear(n, width, width, x, wv, NULL, v);
    for (size_t t = 0; t < n; t++) {
        const size_t seen = num_visible(t, n, look_ahead);

        for (size_t i = 0; i < seen; i++)
            w[i] = dot(key_width, q + t * key_width, k + i * key_width) / sqrt((double)key_width);
        softmax(seen, w, w);
        for (size_t c = 0; c < width; c++) {
            out[t * width + c] = x[t * width + c];
            for (size_t i = 0; i < seen; i++)
                out[t * width + c] += w[i] * v[i * width + c];
        }
    }
    return out;
}

/* One stream's tensors, by the names of the audio stream. */
static const float *of(const struct tyto_cman_weights *weights, enum tyto_cman_tensor audio,
                       uint32_t stream)
{
    return weights->tensors[tyto_cman_tensor_of(audio, stream)];
}

static void lstm(struct work *work, const struct tyto_cman_weights *weights, uint32_t stream,
                 size_t n, size_t width, const double *x, double *ret_h, double *ret_s)
{
    const size_t hidden = weights->dims.hidden_width;
    double *gates = doubles(work, 4 * hidden);
    double *recurrent = doubles(work, 4 * hidden);
    double *gate_x = doubles(work, hidden);
    double *gate_h = doubles(work, hidden);
    double *cell = doubles(work, hidden);
    double *h = doubles(work, hidden);

    for (size_t t = 0; t < n; t++) {
        linear(1, 4 * hidden, width, x + t * width, of(weights, TYTO_CMAN_LSTM_AUDIO_INPUT, stream),
               of(weights, TYTO_CMAN_LSTM_AUDIO_BIAS, stream), gates);
        linear(1, 4 * hidden, hidden, h, of(weights, TYTO_CMAN_LSTM_AUDIO_HIDDEN, stream), NULL,
               recurrent);
        linear(1, hidden, width, x + t * width, of(weights, TYTO_CMAN_LSTM_AUDIO_GATE_X, stream),
               NULL, gate_x);
        linear(1, hidden, hidden, h, of(weights, TYTO_CMAN_LSTM_AUDIO_GATE_H, stream), NULL,
               gate_h);
        for (size_t j = 0; j < hidden; j++) {
            const double i = sigmoid(gates[j] + recurrent[j]);
            const double f = sigmoid(gates[hidden + j] + recurrent[hidden + j]);
            const double g = tanh(gates[2 * hidden + j] + recurrent[2 * hidden + j]);
            const double o = sigmoid(gates[3 * hidden + j] + recurrent[3 * hidden + j]);

            cell[j] = f * cell[j] + i * g;
            h[j] = o * tanh(cell[j]);
            ret_h[t * hidden + j] = h[j];
            ret_s[t * hidden + j] = sigmoid(gate_x[j] + gate_h[j]) * tanh(cell[j]);
        }
    }
}

struct which_in {
    const double *h, *s; /* (n, hidden): this stream's */
    const double *other; /* (n, other_width): the other stream's self-attended segments */
    size_t n, other_width;
    uint32_t look_ahead, stream;
};

/* y (n, 2 hidden), this stream's half. */
static void which(struct work *work, const struct tyto_cman_weights *weights,
                  const struct which_in *in, double *y, float *beta, float *align)
{
    const size_t hidden = weights->dims.hidden_width;
    const size_t width = weights->dims.which_width;
    const size_t n = in->n;
    const float *u = of(weights, TYTO_CMAN_WHICH_AUDIO_H, in->stream);
    double *o = doubles(work, n * hidden);
    double *key = doubles(work, n * width);
    double *g = doubles(work, n * width);
    double *own = doubles(work, n * width);
    double *z = doubles(work, n + 1);
    double *w = doubles(work, n + 1);

    linear(n, hidden, in->other_width, in->other,
           of(weights, TYTO_CMAN_WHICH_AUDIO_OTHER_WEIGHT, in->stream),
           of(weights, TYTO_CMAN_WHICH_AUDIO_OTHER_BIAS, in->stream), o);
    linear(n, width, hidden, o, of(weights, TYTO_CMAN_WHICH_AUDIO_A, in->stream), NULL, key);
    linear(n, width, hidden, in->h, of(weights, TYTO_CMAN_WHICH_AUDIO_G, in->stream), NULL, g);
    linear(n, width, hidden, in->s, of(weights, TYTO_CMAN_WHICH_AUDIO_S, in->stream), NULL, own);
    for (size_t t = 0; t < n; t++) {
        const size_t seen = num_visible(t, n, in->look_ahead);

        for (size_t k = 0; k <= seen; k++) {
            const double *row = k < seen ? key + k * width : own + t * width;

            z[k] = 0.0;
            for (size_t i = 0; i < width; i++)
                z[k] += (double)u[i] * tanh(row[i] + g[t * width + i]);
        }
        softmax(seen + 1, z, w);
        beta[t] = (float)w[seen];
        const double share = w[seen];
        softmax(seen, z, w);
        for (size_t k = 0; k < n; k++)
            align[t * n + k] = k < seen ? (float)w[k] : 0.0f;
        for (size_t c = 0; c < hidden; c++) {
            double seen_other = 0.0;

            for (size_t k = 0; k < seen; k++)
                seen_other += w[k] * o[k * hidden + c];
            y[t * 2 * hidden + in->stream * hidden + c] =
                share * in->s[t * hidden + c] + (1.0 - share) * seen_other + in->h[t * hidden + c];
        }
    }
}

static void head(struct work *work, const struct tyto_cman_weights *weights, size_t n,
                 const double *y, const double *const *x, const struct tyto_cman_host_out *ret)
{
    const struct tyto_cman_dims *d = &weights->dims;
    float *const *t = weights->tensors;
    double *inner = doubles(work, n * d->head_width);
    double *out = doubles(work, n * d->num_logits);
    double *more = doubles(work, n * d->num_logits);

    linear(n, d->head_width, 2 * (size_t)d->hidden_width, y, t[TYTO_CMAN_HEAD_0_WEIGHT],
           t[TYTO_CMAN_HEAD_0_BIAS], inner);
    for (size_t i = 0; i < n * d->head_width; i++)
        inner[i] = fmax(inner[i], 0.0);
    linear(n, d->num_logits, d->head_width, inner, t[TYTO_CMAN_HEAD_1_WEIGHT],
           t[TYTO_CMAN_HEAD_1_BIAS], out);
    for (uint32_t s = 0; s < 2 && t[tyto_cman_skip_of(s)]; s++) {
        linear(n, d->num_logits, s == 0 ? d->audio_width : d->visual_width, x[s],
               t[tyto_cman_skip_of(s)], NULL, more);
        for (size_t i = 0; i < n * d->num_logits; i++)
            out[i] += more[i];
    }
    for (size_t i = 0; i < n * d->num_logits; i++)
        ret->logits[i] = (float)out[i];
    const double *const parts[] = {inner, x[0], x[1]};
    const size_t widths[] = {d->head_width, d->audio_width, d->visual_width};
    for (size_t r = 0, at = 0; ret->last && r < n; r++)
        for (int p = 0; p < 3; p++)
            for (size_t i = 0; i < widths[p]; i++)
                ret->last[at++] = (float)parts[p][r * widths[p] + i];
}

enum tyto_err tyto_cman_host_run(const struct tyto_cman_weights *weights,
                                 const struct tyto_cman_host_in *in,
                                 const struct tyto_cman_host_out *out)
{
    const struct tyto_cman_dims *d = &weights->dims;
    float *const *t = weights->tensors;
    const size_t n = in->num_segments;
    struct work all = {.num = count_doubles(d, n)};
    struct work *work = &all;
    const size_t width[2] = {d->audio_width, d->visual_width};
    const double *x[2];
    double *mixed[2], *h[2], *s[2];

    all.memory = calloc(all.num, sizeof(*all.memory));
    if (!all.memory)
        return TYTO_ERR_NOMEM;
    x[0] = adapt(work, in->audio, n, 1, d->audio_in, d->audio_width,
                 t[TYTO_CMAN_ADAPT_AUDIO_WEIGHT], t[TYTO_CMAN_ADAPT_AUDIO_BIAS], in->has_audio);
    const double *v =
        adapt(work, in->visual, n, d->num_places, d->visual_in, d->visual_width,
              t[TYTO_CMAN_ADAPT_VISUAL_WEIGHT], t[TYTO_CMAN_ADAPT_VISUAL_BIAS], in->has_visual);
    x[1] = where(work, weights, n, x[0], v, out->place);
    double *y = doubles(work, n * 2 * d->hidden_width);
    for (uint32_t i = 0; i < 2; i++) {
        mixed[i] =
            when(work, n, width[i], d->when_width, in->look_ahead, x[i],
                 of(weights, TYTO_CMAN_WHEN_AUDIO_Q, i), of(weights, TYTO_CMAN_WHEN_AUDIO_K, i),
                 of(weights, TYTO_CMAN_WHEN_AUDIO_V, i));
        h[i] = doubles(work, n * d->hidden_width);
        s[i] = doubles(work, n * d->hidden_width);
        lstm(work, weights, i, n, width[i], mixed[i], h[i], s[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        const struct which_in which_in = {h[i],           s[i], mixed[1 - i], n, width[1 - i],
                                          in->look_ahead, i};

        which(work, weights, &which_in, y, i == 0 ? out->beta_audio : out->beta_visual,
              i == 0 ? out->align_audio : out->align_visual);
    }
    head(work, weights, n, y, x, out);
    assert(all.at == all.num);
    free(all.memory);
    return TYTO_OK;
}
