# SPDX-License-Identifier: MIT
"""Golden values of the shipped ear, by PyTorch from its file.
    make_ear.py [--sound FILE] [--out tests/golden]
--sound takes the second of sound out of a recording (python3-soundfile) instead of making it:
for a check on real sound, by TYTO_GOLDEN_DIR."""
import argparse
import os
import sys

import numpy as np
import torch

import blob
from fill import fill

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "ear"))
import encoder_file  # noqa: E402

SAMPLES, PATCH = 16000, 15600


def made():
    """A falling noise on two saw teeth, the second half an octave up."""
    n = np.arange(SAMPLES)
    pitch = np.where(n < SAMPLES // 2, 311, 622)
    saw = (n * pitch % SAMPLES) / SAMPLES + (n * 1243 % SAMPLES) / SAMPLES - 1.0
    return (0.125 * saw + fill("ear", SAMPLES, 0.25) * (1.0 - n / SAMPLES)).astype(np.float32)


def recorded(path):
    import soundfile
    pcm, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate != SAMPLES or len(pcm) < SAMPLES:
        raise SystemExit(f"{path}: a second or more of 16 kHz is needed")
    return pcm[:SAMPLES].mean(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sound")
    parser.add_argument("--out", default=os.path.join(HERE, "..", "..", "tests", "golden"))
    args = parser.parse_args()
    pcm = recorded(args.sound) if args.sound else made()
    ear = encoder_file.Encoder(os.path.join(HERE, "..", "..", "weights", "ear.safetensors"))
    quiet = np.where(np.arange(SAMPLES) < SAMPLES // 2, 0, pcm / np.float32(1024))
    segments = torch.from_numpy(np.stack([pcm, quiet, np.zeros(SAMPLES)]).astype(np.float32))
    with torch.no_grad():
        mel = ear.log_mel(segments)
        patches = mel[:, :96]
        feature, scores = ear.outputs(patches)
    statistics = torch.cat([mel.mean(1), mel.std(1, unbiased=False)], 1)
    blob.write(args.out, "ear", [
        ("pcm", pcm, "a second of sound"),
        ("features", torch.cat([feature, statistics], 1).numpy(),
         "of pcm, of pcm/1024 with its first half silent, of silence"),
        ("patch", patches[0].numpy(), "the network's input for pcm"),
        ("scores", scores[0].numpy(), "its second output for patch"),
    ])


if __name__ == "__main__":
    main()
