# SPDX-License-Identifier: MIT
"""Golden losses and gradient norms of ten training steps from filled weights and inputs
(fill.py), from PyTorch: clipping, AdamW, both heads.
    make_train.py [--out tests/golden]"""
import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

import blob
import make_cman
from fill import fill

STEPS, RATE, DECAY, MAX_NORM = 10, 2e-3, 0.01, 2.0


def train(model, audio, visual, has, look_ahead, loss_of):
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    losses, norms = [], []
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = loss_of(model(audio, visual, has[0], has[1], look_ahead)["logits"])
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)))
        losses.append(float(loss.detach()))
        optimiser.step()
    return np.array(losses, np.float32), np.array(norms, np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=os.path.join(make_cman.HERE, "..", "..", "tests", "golden"))
    args = parser.parse_args()
    torch.set_num_threads(1)

    model = make_cman.build(make_cman.SMALL, 5, True, 8.0)
    audio, visual = make_cman.inputs(make_cman.SMALL, 2)
    has = torch.ones(2, 6), torch.ones(2, 6)
    has[0][0, 2] = has[0][1, 0] = has[0][1, 5] = 0
    has[1][0, 3] = has[1][0, 4] = has[1][1, 0] = 0
    target = torch.from_numpy((fill("in.target", (2, 6, 15)) > 0.4).astype(np.float32))
    small = train(model, audio, visual, has, 1, lambda logits: F.binary_cross_entropy_with_logits(
        logits, target, pos_weight=torch.tensor(2.0)))

    model = make_cman.build(make_cman.FULL, 28, False, 1.0)
    audio, visual = make_cman.inputs(make_cman.FULL, 2)
    index = torch.from_numpy(((fill("in.class", (2, 10)) + 1) * 14.5).astype(np.int64))
    weight = 1 + 0.5 * (torch.arange(29) % 3)
    full = train(model, audio, visual, (None, None), None, lambda logits: F.cross_entropy(
        logits.reshape(-1, 29), index.reshape(-1), weight=weight))

    blob.write(args.out, "train", [
        ("small_losses", small[0], "multi-label, adapters, look-ahead 1, parts missing"),
        ("small_norms", small[1], "of all gradients"),
        ("full_losses", full[0], "softmax, class weights, no mask"),
        ("full_norms", full[1], "of all gradients")])
    print(small, full)


if __name__ == "__main__":
    main()
