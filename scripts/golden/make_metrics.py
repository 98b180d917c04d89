# SPDX-License-Identifier: MIT
"""Golden measures of filled grids, scores and spans (fill.py), written from the definitions in
NumPy without a look at trainer/eval: tests/unit/eval/test_metrics.c holds the C code against them.
    make_metrics.py [--out tests/golden]"""
import argparse
import itertools
import os

import numpy as np

import blob
from fill import fill

HERE = os.path.dirname(os.path.abspath(__file__))
CLIPS, T, K = 24, 10, 5


def uniform(name, shape):
    return (fill(name, shape).astype(np.float64) + 1) / 2


def lengths():
    return np.array([T - (i % 4) if i % 3 == 0 else T for i in range(CLIPS)])


# --- one class a segment ----------------------------------------------------------------------

def classes():
    truth = np.floor(uniform("metrics.truth", (CLIPS, T)) * (K + 1)).astype(int)
    first = np.floor(uniform("metrics.clip", (CLIPS,)) * (K + 1)).astype(int)
    keep = uniform("metrics.keep", (CLIPS, T)) < 0.6
    truth = np.where(keep, first[:, None], truth)
    wrong = np.floor(uniform("metrics.wrong", (CLIPS, T)) * (K + 1)).astype(int)
    pred = np.where(uniform("metrics.hit", (CLIPS, T)) < 0.55, truth, wrong)
    return truth, pred


def commonest(row):
    events = row[row != K]
    return int(np.bincount(events, minlength=K).argmax()) if len(events) else K


def segment_measures():
    truth, pred = classes()
    pairs = [(truth[c, :n], pred[c, :n]) for c, n in enumerate(lengths())]
    y = np.concatenate([a for a, _ in pairs])
    p = np.concatenate([b for _, b in pairs])
    confusion = np.zeros((K + 1, K + 1))
    np.add.at(confusion, (y, p), 1)
    with_event = [(a, b) for a, b in pairs if (a != K).any()]
    cat = np.mean([commonest(a) == commonest(b) for a, b in with_event])
    event = (p[y != K] != K).mean()
    quiet = (p[y == K] == K).mean()
    flips = sum(((b[1:] != b[:-1]) & (a[1:] == a[:-1])).sum() for a, b in pairs) / (len(y) / 60)
    figures = [(y == p).mean(), cat, event, quiet, (y[p == K] == K).mean(), (event + quiet) / 2,
               flips]
    per_class = []
    for k in range(K + 1):
        hits = confusion[k, k]
        per_class += [hits / confusion[:, k].sum(), hits / confusion[k].sum(),
                      2 * hits / (confusion[:, k].sum() + confusion[k].sum())]
    return np.array(figures), confusion, np.array(per_class)


# --- F-scores of AVVP ---------------------------------------------------------------------------

def grids():
    """(clips, T, K, 3): heard, seen, both; runs rather than noise."""
    heard = np.repeat(uniform("metrics.heard", (CLIPS, T // 2, K)), 2, axis=1) < 0.25
    seen = np.repeat(uniform("metrics.seen", (CLIPS, T // 2, K)), 2, axis=1) < 0.25
    heard[3] = seen[3] = False
    truth = np.stack([heard, seen, heard & seen], -1)
    flip = uniform("metrics.flip", (CLIPS, T, K, 3)) < 0.12
    pred = truth ^ flip
    pred[3] = pred[5] = False
    return truth, pred


def runs(row):
    out, t = [], 0
    for value, group in itertools.groupby(row):
        n = len(list(group))
        if value:
            out.append((t, t + n))
        t += n
    return out


def iou(a, b):
    both = max(0, min(a[1], b[1]) - max(a[0], b[0]))
    return both / (a[1] - a[0] + b[1] - b[0] - both)


def counts(truth, pred, events):
    if not events:
        return np.array([(truth & pred).sum(), (~truth & pred).sum(), (truth & ~pred).sum()])
    t, p = runs(truth), runs(pred)
    tp = sum(any(iou(a, b) >= 0.5 for b in t) for a in p)
    fn = sum(not any(iou(a, b) >= 0.5 for b in p) for a in t)
    return np.array([tp, len(p) - tp, fn])


def mean_f(rows):
    active = [r for r in rows if r.sum() > 0]
    return np.mean([2 * r[0] / (2 * r[0] + r[1] + r[2]) for r in active]) if active else 1.0


def f_scores(events, background):
    truth, pred = grids()
    if background:
        truth = np.concatenate([truth, ~truth.any(2, keepdims=True)], 2)
        pred = np.concatenate([pred, ~pred.any(2, keepdims=True)], 2)
    sums = []
    for c, n in enumerate(lengths()):
        per = [[counts(truth[c, :n, k, s], pred[c, :n, k, s], events)
                for k in range(truth.shape[2])] for s in range(3)]
        both = [a + b for a, b in zip(per[0], per[1])]
        types = [mean_f(rows) for rows in per]
        sums.append(types + [np.mean(types), mean_f(both)])
    return np.mean(sums, axis=0)


# --- rankings -----------------------------------------------------------------------------------

def ranked():
    scores = np.round(uniform("metrics.scores", (300,)) * 40) / 40
    truth = uniform("metrics.positive", (300,)) < 0.2 + 0.5 * scores
    return scores, truth


def average_precision(scores, truth):
    """Sum over thresholds of (recall step) x precision."""
    out, recall = 0.0, 0.0
    for threshold in np.unique(scores)[::-1]:
        taken = scores >= threshold
        now = (truth & taken).sum() / truth.sum()
        out += (now - recall) * (truth & taken).sum() / taken.sum()
        recall = now
    return out


def auroc(scores, truth):
    a, b = scores[truth][:, None], scores[~truth][None]
    return ((a > b) + 0.5 * (a == b)).mean()


def calibration(scores, truth):
    bins = np.minimum((scores.astype(np.float32).astype(np.float64) * 10).astype(int), 9)
    ece = 0
    for b in range(10):
        here = bins == b
        if here.any():
            ece += here.mean() * abs(scores[here].mean() - truth[here].mean())
    return ece, ((scores - truth) ** 2).mean()


# --- spans --------------------------------------------------------------------------------------

def spans():
    """Rows of recording, class, begin, end, score, emitted."""
    n = 60
    truth = np.zeros((n, 6))
    truth[:, 0] = np.arange(n) % 4
    truth[:, 1] = np.floor(uniform("metrics.span_class", (n,)) * K)
    truth[:, 2] = np.floor(uniform("metrics.span_begin", (n,)) * 120)
    truth[:, 3] = truth[:, 2] + 1 + np.floor(uniform("metrics.span_length", (n,)) * 12)
    pred = np.repeat(truth, 2, axis=0)[:100]
    pred[:, 2] += np.round(fill("metrics.span_on", (100,)).astype(np.float64) * 8) / 4
    pred[:, 3] += np.round(fill("metrics.span_off", (100,)).astype(np.float64) * 8) / 4
    pred[:, 3] = np.maximum(pred[:, 3], pred[:, 2] + 0.25)
    pred[::9, 1] = (pred[::9, 1] + 1) % K
    pred[:, 4] = np.round(uniform("metrics.span_score", (100,)) * 1024) / 1024
    pred[:, 5] = pred[:, 2] + 1 + np.round(uniform("metrics.span_late", (100,)) * 16) / 4
    return truth.astype(np.float32).astype(np.float64), pred.astype(np.float32).astype(np.float64)


def tiou(a, b):
    both = min(a[3], b[3]) - max(a[2], b[2])
    return max(0, both) / ((a[3] - a[2]) + (b[3] - b[2]) - max(0, both))


def match(truth, pred, fits):
    """ActivityNet: by falling score, the best fitting one that is free."""
    free, pairs = set(range(len(truth))), []
    for i in np.argsort(-pred[:, 4], kind="stable"):
        best = None
        for j in sorted(free):
            if (truth[j, :2] == pred[i, :2]).all():
                how = fits(truth[j], pred[i])
                if how is not None and (best is None or how > best[0]):
                    best = how, j
        pairs.append((i, best[1] if best else None))
        if best:
            free.discard(best[1])
    return pairs


def voc_ap(hits, num):
    tp = np.cumsum(hits)
    fp = np.cumsum(1 - np.array(hits))
    precision = np.hstack([0, tp / np.maximum(tp + fp, 1e-9), 0])
    recall = np.hstack([0, tp / num, 1])
    for i in range(len(precision) - 1)[::-1]:
        precision[i] = max(precision[i], precision[i + 1])
    at = np.where(recall[1:] != recall[:-1])[0] + 1
    return np.sum((recall[at] - recall[at - 1]) * precision[at])


def span_measures():
    truth, pred = spans()

    def by_tiou(limit):
        return lambda t, p: tiou(t, p) if tiou(t, p) >= limit else None

    def by_onset(limit):
        return lambda t, p: -abs(t[2] - p[2]) if abs(t[2] - p[2]) <= limit else None

    out = []
    for limit in (0.3, 0.5, 0.7):
        hits = sum(j is not None for _, j in match(truth, pred, by_tiou(limit)))
        out += [hits / len(pred), hits / len(truth), 2 * hits / (len(pred) + len(truth))]
    for limit in np.arange(1, 10) / 10:
        aps = []
        for k in range(K):
            t, p = truth[truth[:, 1] == k], pred[pred[:, 1] == k]
            if len(t):
                aps.append(voc_ap([j is not None for _, j in match(t, p, by_tiou(limit))], len(t)))
        out.append(np.mean(aps))
    out.append(np.mean(out[-9:]))
    for limit in (0.5, 1.0):
        hits = sum(j is not None for _, j in match(truth, pred, by_onset(limit)))
        out.append(2 * hits / (len(pred) + len(truth)))
    pairs = [(i, j) for i, j in match(truth, pred, by_tiou(0.3)) if j is not None]
    out.append(len(pairs))
    for column in (2, 3):
        errors = np.array([pred[i, column] - truth[j, column] for i, j in pairs])
        out += [np.median(errors), np.quantile(np.abs(errors), 0.9)]
    overlap = np.array([[tiou(t, p) > 0 and (t[:2] == p[:2]).all() for p in pred] for t in truth])
    late = [pred[row, 5].min() - t[2] for t, row in zip(truth, overlap) if row.any()]
    out += [len(late), 1 - len(late) / len(truth), np.median(late), np.quantile(late, 0.95)]
    out.append((~overlap.any(0)).sum() / (480 / 3600))
    return np.array(out)


# --- in step ------------------------------------------------------------------------------------

def cml():
    distances = [uniform("metrics.cml_" + way, (CLIPS, T, T)).astype(np.float32).astype(np.float64)
                 for way in ("a2v", "v2a")]
    nums = np.floor(uniform("metrics.cml_num", (CLIPS,)) * 9).astype(int) + 2
    begins = np.floor(uniform("metrics.cml_begin", (CLIPS,)) * (T - nums + 1)).astype(int)
    out, used = [], 0
    for way in range(2):
        errors, chance = [], []
        for c in range(CLIPS):
            n, b = nums[c], begins[c]
            if n >= T:
                continue
            d = distances[way][c].copy()
            if c % 2:  # half of the clips can be found
                for i in range(n):
                    d[b + i, b + i] *= 0.25
            sums = [sum(d[b + i, s + i] for i in range(n)) for s in range(T - n + 1)]
            errors.append(abs(int(np.argmin(sums)) - b))
            chance.append(1 / (T - n + 1))
        used = len(errors)
        out += [np.mean(np.array(errors) == 0), np.mean(errors)]
    return np.array(out + [np.mean(chance), used])


def offsets():
    truth = np.floor(uniform("metrics.offset", (40,)) * 9) - 4
    guess = truth + np.round(fill("metrics.offset_error", (40,)).astype(np.float64) * 8) / 4
    guess[::11] = np.nan
    sure = uniform("metrics.offset_sure", (40,)).astype(np.float32)
    there = ~np.isnan(guess)

    def whole(x):
        return np.sign(x) * np.floor(np.abs(x) + 0.5)

    off = np.abs(whole(guess[there]) - whole(truth[there]))
    return np.array([(off == 0).sum() / 40, (off <= 1).sum() / 40,
                     np.median(np.abs(guess - truth)[there]) * 1000, auroc(sure, truth == 0)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=os.path.join(HERE, "..", "..", "tests", "golden"))
    args = parser.parse_args()
    figures, confusion, per_class = segment_measures()
    scores, truth = ranked()
    rank = [average_precision(scores, truth), auroc(scores, truth), *calibration(scores, truth)]
    f = [f_scores(events, background) for events in (False, True) for background in (False, True)]
    blob.write(args.out, "metrics", [
        ("segments", figures, "right, clips, recalls, precision, balance, flips"),
        ("confusion", confusion, "rows are true"),
        ("classes", per_class, "precision, recall, F1 of each"),
        ("f", np.array(f), "segments, events; each without and with background"),
        ("rank", np.array(rank), "average precision, AUROC, ECE, Brier"),
        ("spans", span_measures(), "P R F1, mAP, onset F1, errors, detection"),
        ("cml", cml(), "A2V and its error, V2A and its error, chance, clips"),
        ("offsets", offsets(), "exact, within one, median ms, AUROC")])


if __name__ == "__main__":
    main()
