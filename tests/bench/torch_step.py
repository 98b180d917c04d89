# SPDX-License-Identifier: MIT
"""A training step of 64 clips x 10 s in PyTorch, for scripts/gpu-check and step.py beside it:
    torch_step.py [--device cuda|cpu] [--threads N] [--steps N] [--results FILE]
Prints seconds and CPU seconds of each step. With --results (see tests/check/check.h) the best step
goes there, and on a GPU the ceilings of the card as PyTorch's own libraries reach them.
Exits 77 where there is no PyTorch or no such device."""
import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts", "golden"))
WARM_UP = 3


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--results")
    return parser.parse_args()


class Clock:
    """Seconds of a call, the device's work included."""

    def __init__(self, torch, device):
        self.wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def best(self, call, runs):
        times = []
        for _ in range(runs + WARM_UP):
            self.wait()
            begin, begin_cpu = time.monotonic(), time.process_time()
            call()
            self.wait()
            times.append((time.monotonic() - begin, time.process_time() - begin_cpu))
        return times[WARM_UP:]


def make_step(torch, device):
    import make_cman
    functional = torch.nn.functional
    torch.manual_seed(1)
    model = make_cman.build(make_cman.FULL, 28, False, 1.0).train().to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    audio = torch.rand(64, 10, 128, device=device)
    visual = torch.rand(64, 10, 49, 512, device=device)
    classes = torch.randint(0, 29, (640,), device=device)

    def step():
        optimiser.zero_grad()
        logits = model(audio, visual, None, None, None)["logits"]
        loss = functional.cross_entropy(logits.reshape(-1, 29), classes)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        return loss

    return step


def ceilings(torch, clock, tell):
    """A product of 8192 cubed in the three precisions, and a copy of 2 GiB."""
    n = 8192
    for name, dtype, tf32 in (("f32", torch.float32, False), ("tf32", torch.float32, True),
                              ("bf16", torch.bfloat16, False)):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a, b = (torch.randn(n, n, device="cuda", dtype=dtype) for _ in range(2))
        best = min(wall for wall, _ in clock.best(lambda: torch.mm(a, b), 5))
        tell("a product of 8192 cubed, %s" % name, best, 2.0 * n ** 3, 0)
    torch.backends.cuda.matmul.allow_tf32 = False
    a = torch.randn(512, 1024, 1024, device="cuda")
    b = torch.empty_like(a)
    best = min(wall for wall, _ in clock.best(lambda: b.copy_(a), 10))
    tell("a copy of 2 GiB on the device", best, 0, 2.0 * 4 * a.numel())


def main():
    args = parse()
    try:
        import torch
    except ImportError:
        print("SKIP: no PyTorch")
        return 77
    if args.device == "cuda" and not torch.cuda.is_available():
        print("SKIP: PyTorch has no GPU here")
        return 77
    if args.device == "cuda":
        torch.set_default_device("cuda")  # masks are made as the model runs
    if args.threads:
        torch.set_num_threads(args.threads)

    def tell(name, seconds, flop, num_bytes):
        if args.results:
            with open(args.results, "a", encoding="utf-8") as file:
                file.write("bench\t%s\t%.5f\t%.5f\t0\t%.6g\t%.6g\n" % (
                    name, seconds * 1e3, seconds * 1e3, flop, num_bytes))

    clock = Clock(torch, args.device)
    times = clock.best(make_step(torch, args.device), args.steps)
    for wall, cpu in times:
        print("%.6f %.6f" % (wall, cpu))
    where = torch.cuda.get_device_name() if args.device == "cuda" else "%d threads" % (
        torch.get_num_threads())
    tell("a step of 64 clips x 10 s, PyTorch %s, %s" % (torch.__version__, where),
         min(wall for wall, _ in times), 0, 0)
    if args.device == "cuda" and args.results:
        ceilings(torch, clock, tell)
    return 0


if __name__ == "__main__":
    sys.exit(main())
