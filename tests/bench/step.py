# SPDX-License-Identifier: MIT
"""A training step of 64 clips x 10 s beside PyTorch's, in turns, so that what else the machine does
falls on both: step.py CHECK_STEP [--reference cman_torch.py] [--rounds N]
Skipped (77) where there is no PyTorch or no reference."""
import argparse
import importlib.util
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCE = os.path.join(HERE, "..", "..", "..", "shared", "reference", "cman_torch.py")
STEPS = 6


def torch_rounds(path, num_threads):
    """Runs in a process of its own: seconds and CPU seconds of each step."""
    import torch
    import torch.nn.functional as functional
    torch.set_num_threads(num_threads)
    spec = importlib.util.spec_from_file_location("cman_torch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(1)
    model = module.CMAN()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    audio, visual = torch.rand(64, 10, 128), torch.rand(64, 10, 7, 7, 512)
    classes = torch.randint(0, 29, (640,))
    for _ in range(STEPS + 2):
        begin, begin_cpu = time.monotonic(), time.process_time()
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(audio, visual).reshape(-1, 29), classes)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        print(time.monotonic() - begin, time.process_time() - begin_cpu)


def times_of(command, environment=None):
    text = subprocess.run(command, env=dict(os.environ, **(environment or {})), check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return [tuple(map(float, line.split())) for line in text.splitlines()[-STEPS:]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--reference", default=REFERENCE)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--torch-threads", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch_threads:
        torch_rounds(args.reference, args.torch_threads)
        return 0
    has_torch = subprocess.run([sys.executable, "-c", "import torch"], check=False,
                               stderr=subprocess.DEVNULL).returncode == 0
    if not has_torch or not os.path.exists(args.reference):
        print("SKIP: no PyTorch or no %s" % args.reference)
        return 77
    # OpenBLAS would take all cores whatever PyTorch is told.
    kinds = {}
    for workers in (1, 2):
        kinds["tyto, %d worker%s" % (workers, "s" * (workers > 1))] = (
            [args.program, "--steps", str(workers), str(STEPS)], None)
        kinds["PyTorch, %d thread%s" % (workers, "s" * (workers > 1))] = (
            [sys.executable, os.path.abspath(__file__), args.program, "--reference", args.reference,
             "--torch-threads", str(workers)],
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
