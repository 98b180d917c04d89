/* SPDX-License-Identifier: MIT */
#include "trainer/adapt/adapt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/adapt/fit.h"
#include "trainer/adapt/rows.h"
#include "trainer/data/eigen.h"
#include "trainer/eval/metrics/metrics.h"

enum { TASKS = TYTO_CMAN_NUM_TASKS, NUM_PARTS = 2 };

/* Of a new class: its scores begin at almost nothing and only the camera's clips lift them. On
 * composed cameras 0.25 to 0.4 told the same events of one, 0.5 fewer. */
static const float new_threshold = 0.4f;
/* Of the spread of all inputs, that is added to the spread of each: what hardly ever stirs is not
 * blown up. */
static const double least_spread = 0.01;

struct work {
    const struct tyto_adapt_params *p;
    struct tyto_adapt_rows kept, camera;
    uint32_t width, outputs, num_classes;
    float *remembered;       /* owned, (kept rows, outputs): what the head says of them */
    double *means, *spreads; /* owned, (width), of the kept inputs; the constant's are 0 and 1 */
    float *changes;          /* owned, (outputs, width), for inputs as they are standardised */
    float *logits;           /* owned, (most rows, outputs) */
    float *thresholds;       /* owned, (outputs) */
    uint32_t fits_done;
};

static double share_of(double log_odds)
{
    return 1 / (1 + exp(-log_odds));
}

/* --- inputs ------------------------------------------------------------------------------------
 */

static void standardise(const struct work *w, struct tyto_adapt_rows *rows)
{
    for (size_t r = 0; r < rows->num; r++)
        for (size_t i = 0; i + 1 < w->width; i++) {
            float *x = &rows->inputs[r * w->width + i];
            *x = (float)(((double)*x - w->means[i]) / w->spreads[i]);
        }
}

static void find_scales(struct work *w)
{
    const size_t inner = w->width - 1, num = w->kept.num;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < inner; i++) {
        double s = 0, ss = 0;
        for (size_t r = 0; r < num; r++) {
            const double x = (double)w->kept.inputs[r * w->width + i];
            s += x;
            ss += x * x;
        }
        w->means[i] = s / (double)num;
        w->spreads[i] = sqrt(fmax(0, ss / (double)num - w->means[i] * w->means[i]));
        sum += s;
        squares += ss;
    }
    const double mean = sum / (double)(num * inner);
    const double all = sqrt(fmax(0, squares / (double)(num * inner) - mean * mean));
    for (size_t i = 0; i < inner; i++)
        w->spreads[i] = fmax(w->spreads[i] + least_spread * all, 1e-6);
    w->means[inner] = 0;
    w->spreads[inner] = 1;
}

static enum tyto_err make_rows(struct work *w, struct tyto_fault *ret_fault)
{
    const struct tyto_adapt_params *p = w->p;
    const struct tyto_adapt_rows_params params[] = {{.head = p->head,
                                                     .clips = p->kept,
                                                     .hold_back = p->kept_hold_back,
                                                     .user = p->user,
                                                     .should_stop = p->should_stop},
                                                    {.head = p->head,
                                                     .clips = p->camera,
                                                     .hold_back = p->camera_hold_back,
                                                     .user = p->user,
                                                     .should_stop = p->should_stop}};
    enum tyto_err err = tyto_adapt_rows_make(&params[0], &w->kept, ret_fault);
    if (!err)
        err = tyto_adapt_rows_make(&params[1], &w->camera, ret_fault);
    if (err)
        return err;
    if (w->kept.num_learnt == 0 || w->camera.num_learnt == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_EMPTY, NULL, 0, NULL,
                              "no second of the clips has a label of its own");
    w->width = w->kept.width;
    w->outputs = w->kept.outputs;
    w->num_classes = p->kept->shape.num_classes;
    const size_t most = w->kept.num > w->camera.num ? w->kept.num : w->camera.num;
    w->remembered = calloc((size_t)w->kept.num * w->outputs, sizeof(float));
    w->means = calloc(w->width, sizeof(double));
    w->spreads = calloc(w->width, sizeof(double));
    w->changes = calloc((size_t)w->outputs * w->width, sizeof(float));
    w->logits = calloc(most * w->outputs, sizeof(float));
    w->thresholds = calloc(w->outputs, sizeof(float));
    if (!w->remembered || !w->means || !w->spreads || !w->changes || !w->logits || !w->thresholds)
        return TYTO_ERR_NOMEM;
    for (size_t i = 0; i < (size_t)w->kept.num * w->outputs; i++)
        if (i % w->num_classes < p->head->dims.num_classes)
            w->remembered[i] = (float)share_of((double)w->kept.starts[i]);
    find_scales(w);
    standardise(w, &w->kept);
    standardise(w, &w->camera);
    return TYTO_OK;
}

/* --- measuring ---------------------------------------------------------------------------------
 */

static void set_thresholds(struct work *w)
{
    const struct tyto_cman_weights *head = w->p->head;
    const size_t olds = head->dims.num_classes;
    for (size_t i = 0; i < w->outputs; i++) {
        const size_t task = i / w->num_classes, k = i % w->num_classes;
        const float own = k < olds ? head->thresholds[task * olds + k] : new_threshold;
        /* A task that the head says no threshold of follows from joint's, as in the daemon. */
        w->thresholds[i] = own > 0 ? own : tyto_cman_single_threshold(head->thresholds[k]);
    }
}

/* w->logits <- of the rows from number first on, with changes (NULL: before). */
static void predict(struct work *w, const struct tyto_adapt_rows *rows, const float *changes)
{
    const size_t first = rows->num_learnt, num = rows->num - first;
    memcpy(w->logits, rows->starts + first * w->outputs, num * w->outputs * sizeof(float));
    if (changes)
        tyto_eigen_product((uint32_t)num, w->outputs, w->width, rows->inputs + first * w->width,
                           changes, 1, w->logits);
}

/* F1 of what is held back; NAN where nothing is. */
static double f1_of(struct work *w, const struct tyto_adapt_rows *rows, const float *changes)
{
    const size_t cells = (size_t)(rows->num - rows->num_learnt) * w->outputs;
    const float *truth = rows->truth + (size_t)rows->num_learnt * w->outputs;
    double hits = 0, told = 0, wanted = 0;
    predict(w, rows, changes);
    for (size_t i = 0; i < cells; i++) {
        const bool is = truth[i] > 0;
        const bool says = share_of((double)w->logits[i]) >= (double)w->thresholds[i % w->outputs];
        hits += is && says;
        told += says;
        wanted += is;
    }
    return cells == 0 ? (double)NAN : told + wanted > 0 ? 2 * hits / (told + wanted) : 0;
}

/* Mean over the rows held back of the cross-entropy, and the mean average precision. */
static enum tyto_err judge(struct work *w, const struct tyto_adapt_rows *rows, const float *changes,
                           struct tyto_adapt_round *ret)
{
    const size_t num = rows->num - rows->num_learnt;
    const float *truth = rows->truth + (size_t)rows->num_learnt * w->outputs;
    float *scores = calloc(num + 1, sizeof(*scores));
    bool *is = calloc(num + 1, sizeof(*is));
    double *aps = calloc(w->outputs, sizeof(*aps));
    enum tyto_err err = scores && is && aps ? TYTO_OK : TYTO_ERR_NOMEM;
    double loss = 0;
    predict(w, rows, changes);
    for (size_t k = 0; k < w->outputs && !err; k++) {
        for (size_t r = 0; r < num; r++) {
            const double x = (double)w->logits[r * w->outputs + k];
            scores[r] = (float)x;
            is[r] = truth[r * w->outputs + k] > 0;
            loss += fmax(x, 0) - (is[r] ? x : 0) + log1p(exp(-fabs(x)));
        }
        err = tyto_average_precision(scores, is, num, &aps[k]);
    }
    ret->held_back_loss = num > 0 ? loss / (double)num : (double)NAN;
    ret->held_back_map = !err ? tyto_mean(aps, w->outputs) : (double)NAN;
    free(scores);
    free(is);
    free(aps);
    return err;
}

/* --- learning ----------------------------------------------------------------------------------
 */

static bool on_round(void *user, const struct tyto_fit_progress *progress, const float *changes)
{
    struct work *w = user;
    const struct tyto_adapt_params *p = w->p;
    struct tyto_adapt_round round = {
        .round = progress->round, .num_rounds = progress->num_rounds, .loss = progress->loss};
    if (p->should_stop && p->should_stop(p->user))
        return false;
    if (w->fits_done == 0 && p->on_round) {
        const bool has_own = w->camera.num > w->camera.num_learnt;
        if (judge(w, has_own ? &w->camera : &w->kept, changes, &round) != TYTO_OK)
            return false;
        p->on_round(p->user, &round);
    }
    if (p->on_work)
        p->on_work(p->user, (w->fits_done + (double)progress->round / progress->num_rounds) / 2);
    return true;
}

static enum tyto_err learn(struct work *w, bool from_all)
{
    const struct tyto_fit_part parts[NUM_PARTS] = {
        {.num = from_all ? w->kept.num : w->kept.num_learnt,
         .inputs = w->kept.inputs,
         .starts = w->kept.starts,
         .targets = w->remembered,
         .weight = w->p->rehearse},
        {.num = from_all ? w->camera.num : w->camera.num_learnt,
         .inputs = w->camera.inputs,
         .starts = w->camera.starts,
         .targets = w->camera.truth,
         .weight = 1}};
    const struct tyto_fit_params params = {.width = w->width,
                                           .outputs = w->outputs,
                                           .parts = parts,
                                           .num_parts = NUM_PARTS,
                                           .hold = w->p->hold,
                                           .num_rounds = w->p->num_rounds,
                                           .user = w,
                                           .on_round = on_round};
    const enum tyto_err err = tyto_fit(&params, w->changes);
    w->fits_done++;
    return err;
}

/* --- the new head ------------------------------------------------------------------------------
 */

/* A row of the last layer, or of a map straight to the scores: old (NULL: 0) and what is added. */
static void add_row(const struct work *w, size_t logit, size_t first, size_t num, const float *old,
                    float *ret_row)
{
    const float *changes = w->changes + logit * w->width + first;
    for (size_t i = 0; i < num; i++)
        ret_row[i] =
            (float)((old ? (double)old[i] : 0) + (double)changes[i] / w->spreads[first + i]);
}

static float bias_of(const struct work *w, size_t logit, float old)
{
    const float *changes = w->changes + logit * w->width;
    const size_t inner = w->width - 1;
    double bias = (double)old + (double)changes[inner] * (double)w->kept.inputs[inner];
    for (size_t i = 0; i < inner; i++)
        bias -= (double)changes[i] * w->means[i] / w->spreads[i];
    return (float)bias;
}

static enum tyto_err write_head(struct work *w, const char *path, struct tyto_fault *ret_fault)
{
    static const enum tyto_cman_tensor tensors[] = {TYTO_CMAN_HEAD_1_WEIGHT, TYTO_CMAN_SKIP_AUDIO,
                                                    TYTO_CMAN_SKIP_VISUAL};
    const struct tyto_cman_weights *old = w->p->head;
    const struct tyto_cman_dims *d = &old->dims;
    const size_t widths[] = {d->head_width, d->audio_width, d->visual_width};
    struct tyto_cman_weights new = *old;
    float *made[3] = {NULL, NULL, NULL}, *bias = calloc(w->outputs, sizeof(float));
    enum tyto_err err = bias ? TYTO_OK : TYTO_ERR_NOMEM;
    for (size_t part = 0, first = 0; part < 3 && !err; first += widths[part++]) {
        made[part] = calloc(w->outputs * widths[part], sizeof(float));
        if (!made[part])
            err = TYTO_ERR_NOMEM;
        for (size_t i = 0; i < w->outputs && !err; i++) {
            const size_t k = i % w->num_classes, from = i / w->num_classes * d->num_classes + k;
            const float *rows = k < d->num_classes ? old->tensors[tensors[part]] : NULL;
            add_row(w, i, first, widths[part], rows ? rows + from * widths[part] : NULL,
                    made[part] + i * widths[part]);
            bias[i] = bias_of(w, i,
                              k < d->num_classes ? old->tensors[TYTO_CMAN_HEAD_1_BIAS][from]
                                                 : TYTO_ADAPT_NEW_CLASS);
        }
        new.tensors[tensors[part]] = made[part];
    }
    new.tensors[TYTO_CMAN_HEAD_1_BIAS] = bias;
    new.dims.num_classes = w->num_classes;
    new.dims.num_logits = w->outputs;
    new.classes = w->p->kept->classes;
    new.thresholds = w->thresholds;
    if (!err)
        err = tyto_cman_weights_write(path, &new, "tyto adapt; see the model card beside it",
                                      ret_fault);
    for (int i = 0; i < 3; i++)
        free(made[i]);
    free(bias);
    return err;
}

/* --- all ---------------------------------------------------------------------------------------
 */

static void free_work(struct work *w)
{
    tyto_adapt_rows_finish(&w->kept);
    tyto_adapt_rows_finish(&w->camera);
    free(w->remembered);
    free(w->means);
    free(w->spreads);
    free(w->changes);
    free(w->logits);
    free(w->thresholds);
}

enum tyto_err tyto_adapt(const struct tyto_adapt_params *params, const char *path,
                         struct tyto_adapt_figures *ret_figures, struct tyto_fault *ret_fault)
{
    struct work work = {.p = params};
    if (params->head->dims.head != TYTO_HEAD_MULTI_LABEL)
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, "head",
                              "only a head that tells heard, seen and both can be adapted");
    enum tyto_err err = make_rows(&work, ret_fault);
    if (!err) {
        set_thresholds(&work);
        err = learn(&work, false);
    }
    if (!err) {
        const struct tyto_adapt_rows *const rows[] = {&work.kept, &work.camera};
        double *const figures[] = {ret_figures->kept, ret_figures->camera};
        for (int i = 0; i < 2; i++) {
            figures[i][0] = f1_of(&work, rows[i], NULL);
            figures[i][1] = f1_of(&work, rows[i], work.changes);
        }
        err = learn(&work, true);
    }
    if (!err)
        err = write_head(&work, path, ret_fault);
    free_work(&work);
    return err;
}
