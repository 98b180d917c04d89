# SPDX-License-Identifier: MIT
"""How both heads learn their classes: all at once, each yes or no, the rate falling as a cosine."""
import math
import sys

import torch


def learn(net, examples, norm, epochs, batch, rate, decay):
    """examples: features (n, width), there (n, classes), known (n, classes): whether an example says
    anything of the class; norm: mean and scale of features. Leaves net as it is for use."""
    features, there, known = examples
    mean, scale = norm
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    steps = epochs * len(features) // batch
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        rows = torch.randint(0, len(features), (batch,))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            net((features[rows].float() - mean) / scale), there[rows].float(), reduction="none")
        loss = (loss * known[rows]).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0 and sys.stderr.isatty():
            print(f"\r{step} of {steps} steps", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    net.eval()
