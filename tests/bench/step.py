# SPDX-License-Identifier: MIT
"""A training step of 64 clips x 10 s beside PyTorch's, in turns, so that what else the machine does
falls on both: step.py CHECK_STEP [--rounds N]
Skipped (77) where there is no PyTorch."""
import argparse
import os
import subprocess
import sys

TORCH_STEP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_step.py")
STEPS = 6


def times_of(command, environment=None):
    text = subprocess.run(command, env=dict(os.environ, **(environment or {})), check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return [tuple(map(float, line.split())) for line in text.splitlines()[-STEPS:]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if subprocess.run([sys.executable, "-c", "import torch"], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("SKIP: no PyTorch")
        return 77
    # OpenBLAS would take all cores whatever PyTorch is told.
    kinds = {}
    for workers in (1, 2):
        kinds["tyto, %d worker%s" % (workers, "s" * (workers > 1))] = (
            [args.program, "--steps", str(workers), str(STEPS)], None)
        kinds["PyTorch, %d thread%s" % (workers, "s" * (workers > 1))] = (
            [sys.executable, TORCH_STEP, "--threads", str(workers), "--steps", str(STEPS)],
            {"OMP_NUM_THREADS": str(workers), "OPENBLAS_NUM_THREADS": str(workers)})
    times = {kind: [] for kind in kinds}
    for _ in range(args.rounds):
        for kind, (command, environment) in kinds.items():
            times[kind] += times_of(command, environment)
    for kind, pairs in times.items():
        walls, cpus = sorted(wall for wall, _ in pairs), sorted(cpu for _, cpu in pairs)
        print("%-20s best %7.1f ms  median %7.1f ms  CPU %7.1f ms" % (
            kind, walls[0] * 1e3, walls[len(walls) // 2] * 1e3, cpus[0] * 1e3))
    print("load %.1f of %d cores" % (os.getloadavg()[0], os.cpu_count()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
