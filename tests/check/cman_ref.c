/* SPDX-License-Identifier: MIT */
#include "tests/check/cman_ref.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double eps = 1e-12;

static double *doubles(size_t num)
{
    double *values = calloc(num, sizeof(*values));

    if (!values) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return values;
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
static double *adapt(const float *x, size_t segments, size_t rows, size_t in, size_t width,
                     const float *w, const float *bias, const bool *has)
{
    const size_t m = segments * rows;
    double *wide = doubles(m * in);
    double *y = doubles(m * width);

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
    free(wide);
    return y;
}

/* Attended pictures (n, dv); place (n, L). */
static double *where(const struct tyto_cman_weights *weights, size_t n, const double *a,
                     const double *v, float *place)
{
    const struct tyto_cman_dims *d = &weights->dims;
    float *const *t = weights->tensors;
    const size_t num_places = d->num_places;
    const size_t width = d->match_width;
    double *q = doubles(n * width);
    double *k = doubles(n * num_places * width);
    double *scores = doubles(num_places);
    double *out = doubles(n * d->visual_width);

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
    free(q);
    free(k);
    free(scores);
    return out;
}

static size_t num_visible(size_t t, size_t n, uint32_t look_ahead)
{
    return look_ahead >= n - t ? n : t + look_ahead + 1;
}

static double *when(size_t n, size_t width, size_t key_width, uint32_t look_ahead, const double *x,
                    const float *wq, const float *wk, const float *wv)
{
    double *q = doubles(n * key_width);
    double *k = doubles(n * key_width);
    double *v = doubles(n * width);
    double *w = doubles(n);
    double *out = doubles(n * width);

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
    free(q);
    free(k);
    free(v);
    free(w);
    return out;
}

/* One stream's tensors, by the names of the audio stream. */
static const float *of(const struct tyto_cman_weights *weights, enum tyto_cman_tensor audio,
                       uint32_t stream)
{
    return weights
        ->tensors[(uint32_t)audio + stream * (TYTO_CMAN_WHEN_VISUAL_Q - TYTO_CMAN_WHEN_AUDIO_Q)];
}

static void lstm(const struct tyto_cman_weights *weights, uint32_t stream, size_t n, size_t width,
                 const double *x, double *ret_h, double *ret_s)
{
    const size_t hidden = weights->dims.hidden_width;
    double *gates = doubles(4 * hidden);
    double *recurrent = doubles(4 * hidden);
    double *gate_x = doubles(hidden);
    double *gate_h = doubles(hidden);
    double *cell = doubles(hidden);
    double *h = doubles(hidden);

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
    free(gates);
    free(recurrent);
    free(gate_x);
    free(gate_h);
    free(cell);
    free(h);
}

struct which_in {
    const double *h, *s; /* (n, hidden): this stream's */
    const double *other; /* (n, other_width): the other stream's self-attended segments */
    size_t n, other_width;
    uint32_t look_ahead, stream;
};

/* y (n, 2 hidden), this stream's half. */
static void which(const struct tyto_cman_weights *weights, const struct which_in *in, double *y,
                  float *beta, float *align)
{
    const size_t hidden = weights->dims.hidden_width;
    const size_t width = weights->dims.which_width;
    const size_t n = in->n;
    const float *u = of(weights, TYTO_CMAN_WHICH_AUDIO_H, in->stream);
    double *o = doubles(n * hidden);
    double *key = doubles(n * width);
    double *g = doubles(n * width);
    double *own = doubles(n * width);
    double *z = doubles(n + 1);
    double *w = doubles(n + 1);

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
            align[t * n + k] = k < seen ? (float)w[k] : 0.0F;
        for (size_t c = 0; c < hidden; c++) {
            double seen_other = 0.0;

            for (size_t k = 0; k < seen; k++)
                seen_other += w[k] * o[k * hidden + c];
            y[t * 2 * hidden + in->stream * hidden + c] =
                share * in->s[t * hidden + c] + (1.0 - share) * seen_other + in->h[t * hidden + c];
        }
    }
    free(o);
    free(key);
    free(g);
    free(own);
    free(z);
    free(w);
}

static void head(const struct tyto_cman_weights *weights, size_t n, const double *y, float *logits)
{
    const struct tyto_cman_dims *d = &weights->dims;
    float *const *t = weights->tensors;
    double *inner = doubles(n * d->head_width);
    double *out = doubles(n * d->num_logits);

    linear(n, d->head_width, 2 * (size_t)d->hidden_width, y, t[TYTO_CMAN_HEAD_0_WEIGHT],
           t[TYTO_CMAN_HEAD_0_BIAS], inner);
    for (size_t i = 0; i < n * d->head_width; i++)
        inner[i] = fmax(inner[i], 0.0);
    linear(n, d->num_logits, d->head_width, inner, t[TYTO_CMAN_HEAD_1_WEIGHT],
           t[TYTO_CMAN_HEAD_1_BIAS], out);
    for (size_t i = 0; i < n * d->num_logits; i++)
        logits[i] = (float)out[i];
    free(inner);
    free(out);
}

void cman_ref(const struct tyto_cman_weights *weights, const struct cman_ref_in *in,
              const struct cman_ref_out *out)
{
    const struct tyto_cman_dims *d = &weights->dims;
    float *const *t = weights->tensors;
    const size_t n = in->num_segments;
    double *a = adapt(in->audio, n, 1, d->audio_in, d->audio_width, t[TYTO_CMAN_ADAPT_AUDIO_WEIGHT],
                      t[TYTO_CMAN_ADAPT_AUDIO_BIAS], in->has_audio);
    double *v =
        adapt(in->visual, n, d->num_places, d->visual_in, d->visual_width,
              t[TYTO_CMAN_ADAPT_VISUAL_WEIGHT], t[TYTO_CMAN_ADAPT_VISUAL_BIAS], in->has_visual);
    double *pooled = where(weights, n, a, v, out->place);
    const size_t width[2] = {d->audio_width, d->visual_width};
    double *x[2] = {a, pooled};
    double *mixed[2];
    double *h[2], *s[2];
    double *y = doubles(n * 2 * d->hidden_width);

    for (uint32_t i = 0; i < 2; i++) {
        mixed[i] =
            when(n, width[i], d->when_width, in->look_ahead, x[i],
                 of(weights, TYTO_CMAN_WHEN_AUDIO_Q, i), of(weights, TYTO_CMAN_WHEN_AUDIO_K, i),
                 of(weights, TYTO_CMAN_WHEN_AUDIO_V, i));
        h[i] = doubles(n * d->hidden_width);
        s[i] = doubles(n * d->hidden_width);
        lstm(weights, i, n, width[i], mixed[i], h[i], s[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        const struct which_in which_in = {h[i],           s[i], mixed[1 - i], n, width[1 - i],
                                          in->look_ahead, i};

        which(weights, &which_in, y, i == 0 ? out->beta_audio : out->beta_visual,
              i == 0 ? out->align_audio : out->align_visual);
    }
    head(weights, n, y, out->logits);
    for (uint32_t i = 0; i < 2; i++) {
        free(x[i]);
        free(mixed[i]);
        free(h[i]);
        free(s[i]);
    }
    free(v);
    free(y);
}
