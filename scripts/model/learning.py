# SPDX-License-Identifier: MIT
"""What both heads share of learning: the rate's course, progress, and what is said of the result."""
import math
import sys

import numpy as np

import clips

LEAST = 5  # so often a class must be there to be judged


def rate_share(step, steps, warm):
    """Of the highest rate: rising over the first `warm` steps, falling as a cosine."""
    return min(1, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / steps))


def descend(optimizer, steps, warm, loss_of):
    """So many steps down the loss that loss_of() gives each time, each group at its share of its own rate"""
    for group in optimizer.param_groups:
        group.setdefault("rate", group["lr"])
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * rate_share(step, steps, warm)
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        progress(step + 1, steps, "steps")


def progress(done, total, what):
    """A line on a terminal that the next one overwrites; the last one stays."""
    if sys.stderr.isatty():
        print(f"\r{done} of {total} {what}", end="\n" if done >= total else "", file=sys.stderr)


def say_precision(what, classes, odds, there, known=None):
    """odds, there, known (n, classes): precision by class, the weakest first, of examples in which it
    is known whether the class is there"""
    precision = {}
    for at, name in enumerate(classes):
        rows = slice(None) if known is None else known[:, at]
        if there[rows, at].sum() >= LEAST:
            precision[name] = clips.average_precision(odds[rows, at], there[rows, at])
    print(f"mean average precision of {len(precision)} classes in {len(odds)} {what}: "
          f"{np.mean(list(precision.values())):.3f}")
    for name, value in sorted(precision.items(), key=lambda item: item[1]):
        print(f"  {name:14} {value:.2f}")
