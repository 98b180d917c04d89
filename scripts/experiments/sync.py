#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How well `tyto sync` tells the offset between sound and picture, on composed footage whose objects
move with their sound. Scenes are composed into --work (what is there is kept), sound is moved by
`tyto sync` itself, so the truth is exact.

    sync.py --manifest DATA/manifest.csv --work DIR --tyto dist/bin/tyto [--split val] [--seed 31]

Choose with --split train, report with --split val.
"""
import argparse
import concurrent.futures
import json
import pathlib
import random
import statistics
import subprocess

MIXED = "both=0.6,several=0.2,heard=0.05,seen=0.05,mismatch=0.05,nothing=0.05"
RIGHT_MS = 60  # of what is told during a step: back where it belongs


def compose(args, name, clips, seconds, seed, moving, share):
    folder = args.work / f"{name}-{args.split}-{seed}"
    if not (folder / "labels.csv").exists():
        subprocess.run(
            [args.tyto, "compose", args.manifest, "--out", folder, "--split", args.split,
             "--clips", str(clips), "--seconds", str(seconds), "--seed", str(seed),
             "--size", "480x270", "--fps", "25", "--whole-seconds", "0", "--moving", str(moving),
             "--share", share, "--no-progress", "--force"],
            check=True)
    return sorted(folder.glob("clip-*.mp4"))[:clips]


def sync(args, file, *options):
    """All JSON lines of a run; the last one is the result."""
    done = subprocess.run(
        [args.tyto, "sync", file, "--json", "--every-s", "1", "--no-progress", *options],
        stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"sync.py: tyto sync {file} failed")
    return [json.loads(line) for line in done.stdout.splitlines()]


def auroc(high, low):
    return sum((a > b) + 0.5 * (a == b) for a in high for b in low) / (len(high) * len(low))


def error_ms(line, offset_s):
    return abs(line["offset_ms"] - 1000 * offset_s) if "offset_ms" in line else None


def related_and_not(args, pool, files, rng, name):
    """Each scene with its own sound, moved, and with those of others."""
    offsets = [round(rng.uniform(-2, 2), 3) for _ in files]
    own = list(pool.map(lambda j: sync(args, j[0], "--audio-shift", str(j[1]))[-1],
                        zip(files, offsets)))
    pairs = [(file, files[(i + k) % len(files)], round(rng.uniform(-2, 2), 3))
             for i, file in enumerate(files) for k in range(1, args.others + 1)]
    # acts begin every ten seconds in all scenes: other sound starts somewhere else
    other = list(pool.map(
        lambda j: sync(args, j[0], "--audio", j[1], "--audio-shift", str(j[2] + 3.7))[-1], pairs))
    errors = [error_ms(line, offset) for line, offset in zip(own, offsets)]
    told = sorted(e for e in errors if e is not None)
    print(f"{name}: {len(files)} scenes of 120 s, offsets -2..2 s")
    print(f"  confident                   {len(told)} of {len(files)} "
          f"({100 * len(told) / len(files):.0f} %)")
    if told:
        print(f"  error where confident       median {statistics.median(told):.1f} ms, "
              f"largest {told[-1]:.0f} ms, {sum(e > RIGHT_MS for e in told)} over {RIGHT_MS} ms")
    print(f"  unrelated sound             {sum('offset_ms' in x for x in other)} of {len(other)} "
          f"wrongly confident")
    print(f"  AUROC of the score          "
          f"{auroc([x['score'] for x in own], [x['score'] for x in other]):.3f}")


def steps(args, pool, files, rng):
    jobs = [(file, round(rng.uniform(-1.2, 1.2), 3), rng.choice((-1, 1)) * rng.uniform(0.2, 0.8))
            for file in files]
    runs = list(pool.map(
        lambda j: sync(args, j[0], "--audio-shift", str(j[1]), "--audio-step", f"120:{j[2]:.3f}"),
        jobs))
    back = []
    for (_, shift, step), lines in zip(jobs, runs):
        times = [x["time_s"] - 120 for x in lines if x["time_s"] > 120 and
                 (error_ms(x, shift + step) or 1e9) <= RIGHT_MS]
        back.append(times[0] if times else float("inf"))
    back.sort()
    print(f"step in the middle of {len(files)} scenes of 240 s whose sources act all the time: "
          f"back after {', '.join(f'{t:.0f}' for t in back)} s; "
          f"within 30 s: {sum(t <= 30 for t in back)} of {len(back)}")


def drifts(args, pool, files, rng):
    jobs = [(file, round(rng.uniform(-1, 1), 3), (100, -100)[i % 2])
            for i, file in enumerate(files)]
    runs = list(pool.map(
        lambda j: sync(args, j[0], "--audio-shift", str(j[1]), "--audio-drift", str(j[2])), jobs))
    for (_, shift, ppm), lines in zip(jobs, runs):
        errors = [error_ms(x, shift + ppm * 1e-6 * x["time_s"]) for x in lines]
        late = sorted(e for e, x in zip(errors, lines) if e is not None and x["time_s"] > 120)
        last = lines[-1]
        told = (f"{last['drift_ppm']:+.0f} ± {last['drift_error_ppm']:.0f} ppm"
                if "drift_ppm" in last else "none")
        print(f"drift of {ppm:+d} ppm over {last['time_s']:.0f} s: error after the first 120 s "
              f"median {statistics.median(late) if late else float('nan'):.0f} ms, largest "
              f"{late[-1] if late else float('nan'):.0f} ms; told {told}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--tyto", default="tyto")
    parser.add_argument("--split", default="val")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--others", type=int, default=2, help="unrelated sounds for each scene")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    args.work.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        mixed = compose(args, "mixed", args.scenes, 120, args.seed, 0.8, MIXED)
        related_and_not(args, pool, mixed, rng, "sources that act, distractors, silent objects")
        still = compose(args, "still", max(4, args.scenes // 3), 120, args.seed, 0, MIXED)
        related_and_not(args, pool, still, rng, "nothing acts: objects only come and go")
        acting = compose(args, "acting", max(4, args.scenes // 3), 240, args.seed, 1, "both=1")
        steps(args, pool, acting, rng)
        long = compose(args, "long", 2, 600, args.seed, 1, "both=1")
        drifts(args, pool, long, rng)


if __name__ == "__main__":
    main()
