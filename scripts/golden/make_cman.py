# SPDX-License-Identifier: MIT
"""Golden values of CMAN with filled weights and inputs (fill.py), from PyTorch.
    make_cman.py [--out tests/golden]"""
import argparse
import os

import torch

import blob
import cman
from fill import fill, weight_scale

HERE = os.path.dirname(os.path.abspath(__file__))

SMALL = dict(num_segments=6, num_places=9, audio_in=12, visual_in=20, audio_width=8,
             visual_width=16, match_width=10, when_width=8, hidden_width=12, which_width=6,
             head_width=14, look_ahead=None, head="multi_label")
FULL = dict(num_segments=10, num_places=49, audio_in=128, visual_in=512, audio_width=128,
            visual_width=512, match_width=128, when_width=128, hidden_width=128,
            which_width=128, head_width=64, look_ahead=None, head="softmax")
BIAS_SCALE = 0.125
OUTPUTS = ("logits", "place", "beta_audio", "beta_visual", "align_audio", "align_visual")


def build(config, num_classes, adapters, where_scale):
    model = cman.Cman(config, num_classes, adapters)
    for name, value in model.named_parameters():
        if name == "where.scale":
            value.data.fill_(where_scale)
            continue
        scale = weight_scale(value.shape[-1]) if value.dim() == 2 else BIAS_SCALE
        value.data.copy_(torch.from_numpy(fill(name, tuple(value.shape), scale)))
    return model.eval()


def inputs(config, batch):
    t, l = config["num_segments"], config["num_places"]
    audio = fill("in.audio", (batch, t, config["audio_in"]), 2.0)
    visual = fill("in.visual", (batch, t, l, config["visual_in"]), 2.0)
    return torch.from_numpy(audio), torch.from_numpy(visual)


def cases(model, audio, visual, variants):
    arrays = []
    for name, look_ahead, has_audio, has_visual in variants:
        with torch.no_grad():
            out = model(audio, visual, has_audio, has_visual, look_ahead)
        text = "no mask" if look_ahead is None else "look-ahead %d" % look_ahead
        if has_audio is not None:
            text += ", parts missing"
        arrays += [("%s_%s" % (name, key), out[key].numpy(), "%s, %s" % (key, text))
                   for key in OUTPUTS]
    return arrays


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=os.path.join(HERE, "..", "..", "tests", "golden"))
    args = parser.parse_args()
    torch.set_num_threads(1)

    model = build(SMALL, 5, True, 8.0)
    audio, visual = inputs(SMALL, 2)
    has_audio, has_visual = torch.ones(2, 6), torch.ones(2, 6)
    has_audio[0, 2] = has_audio[1, 0] = has_audio[1, 5] = 0
    has_visual[0, 3] = has_visual[0, 4] = has_visual[1, 0] = 0
    blob.write(args.out, "cman_small", cases(model, audio, visual, [
        ("all", None, None, None), ("ahead0", 0, None, None), ("ahead2", 2, None, None),
        ("missing", 1, has_audio, has_visual)]))

    model = build(FULL, 28, False, 1.0)
    audio, visual = inputs(FULL, 1)
    blob.write(args.out, "cman_full", cases(model, audio, visual, [
        ("all", None, None, None), ("ahead0", 0, None, None), ("ahead2", 2, None, None)]))


if __name__ == "__main__":
    main()
