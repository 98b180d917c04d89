# SPDX-License-Identifier: MIT
"""The ear: inverted residuals on log-mel, plain ReLU, nothing tyto's graph has no word for."""
import torch
import torch.nn.functional as F
from torch import nn

FRAMES, BANDS, CLASSES, TAUGHT = 96, 64, 521, 1024
MEAN, SCALE = -3.0, 1 / 3.0  # of log-mel before the first convolution; folded at export

# kernel, expansion (0: a dense convolution), channels, stride
SHAPES = {
    "wide": {"stem": 24, "head": 768, "feature": 512, "blocks": (
        (3, 0, 32, 2), (3, 96, 32, 1),
        (5, 128, 48, 2), (5, 136, 48, 1), (5, 136, 48, 1),
        (3, 240, 96, 2), (5, 288, 96, 1), (5, 288, 96, 1), (5, 288, 96, 1), (5, 320, 112, 1),
        (5, 448, 160, 2), (3, 640, 160, 1), (3, 640, 160, 1))},
    "tiny": {"stem": 8, "head": 64, "feature": 32, "blocks": (
        (3, 0, 16, 2), (3, 32, 16, 1), (5, 32, 24, 2), (3, 48, 24, 2), (3, 48, 32, 2))},
}


def conv(ins, outs, kernel, stride=1, groups=1, act=True):
    parts = [nn.Conv2d(ins, outs, kernel, stride, kernel // 2, groups=groups, bias=False),
             nn.BatchNorm2d(outs)]
    return nn.Sequential(*parts, nn.ReLU(True)) if act else nn.Sequential(*parts)


class Block(nn.Module):
    def __init__(self, ins, kernel, inner, outs, stride):
        super().__init__()
        self.short = stride == 1 and ins == outs
        if inner == 0:
            self.body = nn.Sequential(conv(ins, outs, kernel, stride))
        else:
            self.body = nn.Sequential(conv(ins, inner, 1), conv(inner, inner, kernel, stride, inner),
                                      conv(inner, outs, 1, act=False))

    def forward(self, x):
        return x + self.body(x) if self.short else self.body(x)


class Ear(nn.Module):
    """log-mel (n, 96, 64) -> pooled (n, head), feature (n, feature), logits of 521 classes, the
    teacher's embedding in units of its deviation (for training only)"""

    def __init__(self, shape="wide"):
        super().__init__()
        plan = SHAPES[shape]
        self.shape = shape
        self.stem = conv(1, plan["stem"], 3, 2)
        ins, blocks = plan["stem"], []
        for kernel, inner, outs, stride in plan["blocks"]:
            blocks.append(Block(ins, kernel, inner, outs, stride))
            ins = outs
        self.blocks = nn.Sequential(*blocks)
        self.last = conv(ins, plan["head"], 1)
        self.feature = nn.Linear(plan["head"], plan["feature"])
        self.scores = nn.Linear(plan["feature"], CLASSES)
        nn.init.constant_(self.scores.bias, -5.0)
        self.embedding = nn.Linear(plan["head"] + plan["feature"], TAUGHT)

    def trunk(self, x):
        x = ((x - MEAN) * SCALE)[:, None]
        return self.last(self.blocks(self.stem(x)))

    def forward(self, x):
        pooled = self.trunk(x).mean((2, 3))
        feature = F.relu(self.feature(pooled))
        return (pooled, feature, self.scores(feature),
                self.embedding(torch.cat([pooled, feature], 1)))


def cost(model):
    """parameters that are shipped, multiply-accumulates of a patch"""
    macs = []
    hooks = []
    for name, part in model.named_modules():
        if isinstance(part, nn.Conv2d):
            hooks.append(part.register_forward_hook(
                lambda m, _, y: macs.append(m.weight.numel() * y.shape[2] * y.shape[3])))
        elif isinstance(part, nn.Linear) and name != "embedding":
            hooks.append(part.register_forward_hook(lambda m, _, y: macs.append(m.weight.numel())))
    was = model.training
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, FRAMES, BANDS))
    model.train(was)
    for hook in hooks:
        hook.remove()
    folded = sum(m.weight.numel() + m.weight.shape[0] for n, m in model.named_modules()
                 if isinstance(m, (nn.Conv2d, nn.Linear)) and n != "embedding")
    return folded, sum(macs)


if __name__ == "__main__":
    for name in SHAPES:
        print(name, *cost(Ear(name)))
