# SPDX-License-Identifier: MIT
"""The daemon's tracker in short, and how its events are scored against the truth."""
import numpy as np

ONSET_NUM, ONSET_WINDOW, HANG_OVER, OFF_RATIO = 2, 3, 2, 0.7


def events(scores, threshold):
    """scores (S): one class over the segments of a stream -> list of (begin, end)."""
    out, begin, last = [], None, None
    for t, score in enumerate(scores):
        if begin is None:
            low = max(0, t - ONSET_WINDOW + 1)
            hits = [i for i in range(low, t + 1) if scores[i] >= threshold]
            if score >= threshold and len(hits) >= ONSET_NUM:
                begin, last = hits[0], t
        elif score >= OFF_RATIO * threshold:
            last = t
        elif t - last >= HANG_OVER:
            out.append((begin, last + 1))
            begin = None
    if begin is not None:
        out.append((begin, last + 1))
    return out


def true_events(target, shortest=2, gap=2):
    """target (S) of 0/1 -> list of (begin, end), gaps up to `gap` closed."""
    out = []
    for t in np.nonzero(target)[0]:
        if out and t - out[-1][1] <= gap:
            out[-1] = (out[-1][0], t + 1)
        else:
            out.append((t, t + 1))
    return [(b, e) for b, e in out if np.sum(target[b:e]) >= shortest]


def score(found, truth, anywhere, slack=1):
    """-> (true events found, false events, onset errors). A found event is false when
    nothing of its class is there within `slack` of it; `anywhere` (S) is where."""
    hits, lags = 0, []
    for begin, end in truth:
        over = [f for f in found if f[0] < end + slack and f[1] > begin - slack]
        if over:
            hits += 1
            lags.append(over[0][0] - begin)
    false = sum(1 for b, e in found if not np.any(anywhere[max(0, b - slack):e + slack]))
    return hits, false, lags
