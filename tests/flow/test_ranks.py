#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mpirun -np 2 tyto train: the run of one process, and files and words of the first alone.
    test_ranks.py TYTO MAKE_SMALL_MODELS"""
import csv
import os
import shutil
import subprocess
import sys
import tempfile

TYTO, MAKE = map(os.path.abspath, sys.argv[1:3])
CLIPS, SECONDS = 6, 3
MPIRUN = ["mpirun", "--oversubscribe", "-np", "2"]
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
# The last two are only how they get there.
EXACT, CLOSE = ("epoch",), ("train_loss", "val_loss", "norm")


def starts():
    if not shutil.which("mpirun"):
        return False
    return subprocess.run(MPIRUN + ["true"], env=ENVIRONMENT, check=False, timeout=60,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def record(folder):
    lines = ["file,class,begin_s,end_s,modality"]
    for i in range(CLIPS):
        name, sound = (("red", "sine=f=300"), ("blue", "anoisesrc=c=white"))[i % 2]
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-nostdin",
                        "-f", "lavfi", "-i", f"color={name}:s=64x48:r=5:d={SECONDS}",
                        "-f", "lavfi", "-i", f"{sound}:d={SECONDS}", "-map", "0:v", "-map", "1:a",
                        "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac",
                        os.path.join(folder, f"{i}.mp4")], check=True)
        lines.append(f"{i}.mp4,{name},1,{SECONDS},both")
    with open(os.path.join(folder, "labels.csv"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def train(folder, out, before):
    command = [TYTO, "train", "--labels", os.path.join(folder, "labels.csv"), "--val-share", "0.34",
               "--out", os.path.join(folder, out), "--models", os.path.join(folder, "models"),
               "--cache", os.path.join(folder, "cache"), "--segments", str(SECONDS),
               "--match", "8", "--when", "8", "--hidden", "8", "--which", "8", "--head-width", "8",
               "--batch", "3", "--shift", "1", "--warm-up", "2", "--rate", "0.02", "--basis", "4",
               "--device", "cpu", "--workers", "1", "--report", "none", "--epochs", "4",
               "--patience", "0"]
    done = subprocess.run(before + command, env=ENVIRONMENT, capture_output=True, text=True,
                          check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    with open(os.path.join(folder, out, "metrics.csv"), encoding="ascii", newline="") as file:
        return list(csv.DictReader(file)), done.stdout


def main():
    if not starts():
        print("SKIP: no mpirun, or it does not start here")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "models"))
        subprocess.run([MAKE, os.path.join(folder, "models")], check=True, timeout=60)
        record(folder)
        alone, _ = train(folder, "alone", [])
        together, said = train(folder, "together", MPIRUN)
        assert len(alone) == len(together) == 4, (alone, together)
        for one, two in zip(alone, together):
            for key in EXACT:
                assert one[key] == two[key], (key, one, two)
            for key in CLOSE:
                assert abs(float(one[key]) - float(two[key])) <= 1e-4 * max(1, abs(float(one[key]))), \
                    (key, one, two)
        assert said.count("epoch   1 ") == 1, said
        assert os.path.exists(os.path.join(folder, "together", "model.safetensors"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
