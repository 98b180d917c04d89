# SPDX-License-Identifier: MIT
"""Trains the head on the composed banks and writes it as safetensors.
    train.py --cache DIR --out weights/head.safetensors [--steps 1500]
Everything that is chosen (best step, thresholds) is chosen on the validation split."""
import argparse
import copy
import json
import os

import numpy as np
import torch
import torch.nn.functional as F

import clips
import cman
import track
import weights_file
from encoders import AUDIO_CHANNELS, VISUAL_CHANNELS

BASIS = 256  # principal components that visual features are trained in; folded at export
DECISION, DECISION_SINGLE = 0.5, 0.7  # scores at which the tracker notices: joint, one alone
NEVER = -12.0
COMPETITION = 0.04  # weight of the loss between classes; binary losses are about 0.06


class Basis:
    """Principal axes of the visual features and the scales of the audio features; made once
    and kept in the cache."""

    FIELDS = ("mean", "axes", "audio_mean", "audio_std")

    def __init__(self, cache):
        path = os.path.join(cache, "basis.npz")
        if not os.path.exists(path):
            np.savez(path, **self._make(cache))
        with np.load(path) as kept:
            self.mean, self.axes, self.audio_mean, self.audio_std = (kept[f] for f in self.FIELDS)

    def _make(self, cache):
        rng = np.random.default_rng(0)
        samples = []
        for bank in clips._load(cache, "visual", "train"):
            rows = bank["features"].reshape(-1, VISUAL_CHANNELS)
            samples.append(rows[rng.integers(0, len(rows), 20000)].astype(np.float32))
        x = np.concatenate(samples)
        mean = x.mean(0)
        values, axes = np.linalg.eigh(np.cov((x - mean).T.astype(np.float64)))
        values, axes = values[::-1][:BASIS], axes[:, ::-1][:, :BASIS]
        axes = (axes / (values ** 0.25 * values[0] ** 0.25)).astype(np.float32)
        axes *= 1.5 / np.sqrt(((x - mean) @ axes).var(0).mean())
        print("basis keeps %.3f of the variance" % (values.sum() / x.var(0).sum()))
        audio = np.concatenate([a["features"] for a in clips._load(cache, "audio", "train")])
        audio = audio.reshape(-1, AUDIO_CHANNELS)
        return {"mean": mean, "axes": axes, "audio_mean": audio.mean(0),
                "audio_std": audio.std(0) + 1e-3}

    def project(self, features):
        out = np.empty(features.shape[:2] + (BASIS,), np.float32)
        for i in range(0, len(features), 256):
            out[i:i + 256] = (features[i:i + 256].astype(np.float32) - self.mean) @ self.axes
        return out


def normalise(basis, batch):
    audio = (batch["audio"] - basis.audio_mean) / basis.audio_std
    return torch.from_numpy(audio.astype(np.float32)).clamp(-6, 6), \
        torch.from_numpy(batch["frames"])


def spoil_frames(rng, frames, bank):
    """(U,49,D): noise, dropped axes, and in half of the calls places covered by those of
    empty frames."""
    frames = frames + torch.randn_like(frames) * rng.uniform(0, 0.6)
    frames = F.dropout(frames, rng.uniform(0, 0.5))
    if rng.random() < 0.5:
        share = rng.uniform(0, 0.35)
        covers = torch.from_numpy(bank.places[rng.choice(bank.empty, len(frames))])
        hide = (torch.rand(len(frames), frames.shape[1], 1) < share).float()
        frames = frames * (1 - hide) + covers * hide
    return frames


def spoil_audio(rng, audio):
    audio = audio + torch.randn_like(audio) * rng.uniform(0, 0.35)
    return audio + 0.15 * torch.randn(audio.shape[0], 1, audio.shape[2])


def drop_modalities(rng, count, num_segments):
    has_audio, has_visual = torch.ones(count, num_segments), torch.ones(count, num_segments)
    for i in range(count):
        draw = rng.random()
        if draw < 0.15:
            has_audio[i] = 0
        elif draw < 0.30:
            has_visual[i] = 0
        elif draw < 0.36:
            has_audio[i, rng.integers(num_segments)] = 0
            has_visual[i, rng.integers(num_segments)] = 0
    return has_audio, has_visual


def run(model, audio, frames, which, has_audio=None, has_visual=None):
    """Logits of clips whose frames are given once each."""
    a, v = model.adapt_audio(audio), model.adapt_visual(frames)[torch.from_numpy(which)]
    if has_audio is not None:
        a, v = a * has_audio[..., None], v * has_visual[..., None, None]
    return model.attend(a, v)["logits"]


def learn_pictures(model, bank, rng, steps, batch=96, rate=3e-3):
    """The visual adapter and where's resting query first, on single frames without sound,
    over all picture classes, two frames mixed."""
    classify = torch.nn.Linear(model.config["visual_width"], bank.all_shown.shape[1])
    classify.bias.data.fill_(-3.0)
    parts = list(classify.parameters()) + list(model.adapt_visual.parameters()) \
        + list(model.where.parameters())
    optimiser = torch.optim.AdamW(parts, lr=rate, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.15)
    silence = torch.zeros(batch, 1, model.config["audio_width"])
    running = None
    for _ in range(steps):
        idx, mate = rng.integers(0, len(bank.places), (2, batch))
        share = torch.from_numpy(rng.beta(0.4, 0.4, (batch, 1)).astype(np.float32))
        frames = torch.from_numpy(bank.places[idx]) * share[..., None] \
            + torch.from_numpy(bank.places[mate]) * (1 - share[..., None])
        target = torch.from_numpy(bank.all_shown[idx]) * share \
            + torch.from_numpy(bank.all_shown[mate]) * (1 - share)
        v = F.dropout(model.adapt_visual(spoil_frames(rng, frames, bank)), model.dropout)
        pooled, _ = model.where(silence, v[:, None])
        loss = F.binary_cross_entropy_with_logits(classify(F.dropout(pooled[:, 0], 0.3)),
                                                  target.clamp(0, 1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        running = float(loss) if running is None else 0.98 * running + 0.02 * float(loss)
    return classify, running


def loss_of(logits, target, weight, has_audio, has_visual):
    k = target.shape[-1] // 3
    ears, eyes = has_audio[..., None], has_visual[..., None]
    there = torch.cat([(ears * eyes).expand(-1, -1, k), ears.expand(-1, -1, k),
                       eyes.expand(-1, -1, k)], -1)
    loss = F.binary_cross_entropy_with_logits(logits, target * there, reduction="none",
                                              pos_weight=torch.tensor(2.0))
    total = (loss * weight).sum() / weight.sum()
    # Classes also compete, with "none of them" at logit 0, where at most one is there.
    for head in range(3):
        part = slice(head * k, (head + 1) * k)
        here = (target * there)[..., part]
        clear = (here.sum(-1) <= 1) & (weight[..., part].min(-1).values > 0)
        wanted = torch.where(here.sum(-1) > 0, here.argmax(-1), k)
        z = torch.cat([logits[..., part], torch.zeros_like(logits[..., :1])], -1)
        total = total + COMPETITION * F.cross_entropy(z[clear], wanted[clear])
    return total


def average_precision(score, target):
    order = np.argsort(-score)
    hit = target[order] > 0
    if not hit.any():
        return float("nan")
    precision = np.cumsum(hit) / (1 + np.arange(len(hit)))
    return float(precision[hit].mean())


@torch.no_grad()
def predict(model, basis, batch, size=32):
    model.eval()
    audio, frames = normalise(basis, batch)
    out = [run(model, audio[i:i + size], frames, batch["which"][i:i + size])
           for i in range(0, len(audio), size)]
    return torch.cat(out).numpy()


@torch.no_grad()
def seen_alone(model, classify, bank):
    """Mean AP over classes of the frames of a bank after learn_pictures()."""
    scores = []
    for i in range(0, len(bank.places), 64):
        v = model.adapt_visual(torch.from_numpy(bank.places[i:i + 64]))
        silence = torch.zeros(len(v), 1, model.config["audio_width"])
        scores.append(classify(model.where(silence, v[:, None])[0][:, 0]))
    scores = torch.cat(scores).numpy()
    out = {}
    for k, name in enumerate(bank.picture_names):
        if name in clips.CLASSES:
            out[name] = round(average_precision(scores[:, k], bank.all_shown[:, k]), 3)
    return out


def val_summary(model, basis, val):
    logits, k = predict(model, basis, val), len(clips.CLASSES)
    ap = np.full((3, k), np.nan)
    for head in range(3):
        for c in range(k):
            keep = val["weight"][..., head * k + c] > 0
            ap[head, c] = average_precision(logits[..., head * k + c][keep],
                                            val["target"][..., head * k + c][keep])
    return ap


def make_streams(bank, rng, count, clips_per_stream):
    """Longer recordings: clips one after the other. -> list of batches of one."""
    streams = []
    for _ in range(count):
        parts = [clips.batch(bank, rng, 1) for _ in range(clips_per_stream)]
        streams.append(clips.join(parts))
    return streams


@torch.no_grad()
def stream_logits(model, basis, stream):
    """As the daemon does it: a window per segment, read look_ahead before its end."""
    model.eval()
    ahead, t = model.config["look_ahead"], clips.NUM_SEGMENTS
    audio, frames = normalise(basis, stream)
    audio, which = audio[0].numpy(), stream["which"][0]
    windows = np.arange(len(audio) - t + 1)[:, None] + np.arange(t)
    logits = torch.cat([run(model, torch.from_numpy(audio[w]), frames, which[w])
                        for w in np.array_split(windows, -(-len(windows) // 16))])
    return torch.cat([logits[0, :t - 1 - ahead], logits[:, t - 1 - ahead]]).numpy()


def choose_shifts(streams, logits):
    """For each output the logit at which it is decided: the best of (events found - 0.75
    x false ones; heard or seen alone: 1.5 x) over the validation streams, drawn to what is best for all classes."""
    k = len(clips.CLASSES)
    grid = np.arange(-3, 6.01, 0.25)
    shifts, table = np.zeros(3 * k), np.zeros((3 * k, len(grid), 3))
    for o in range(3 * k):
        for g, cut in enumerate(grid):
            for stream, z in zip(streams, logits):
                n = len(z)
                target = stream["target"][0][:n, o]
                soft = (target > 0) | (stream["weight"][0][:n, o] == 0)
                score = 1 / (1 + np.exp(-(z[:, o] - cut)))
                truth = track.true_events(target)
                hits, false, _ = track.score(track.events(score, 0.5), truth, soft)
                table[o, g] += (hits, false, len(truth))
    for head in range(3):
        part = table[head * k:(head + 1) * k]
        gain = part[:, :, 0] - (0.75 if head == 0 else 1.5) * part[:, :, 1]
        common = gain.sum(0)
        best = int(np.argmax(common))
        for c in range(k):
            near = np.abs(grid - grid[best]) <= 1.5
            own = gain[c] + 0.3 * common / k
            own[~near] = -1e9
            shifts[head * k + c] = grid[int(np.argmax(own))]
    return shifts, table, grid


def stream_report(streams, logits, shifts):
    """Per head: events found, true events, false events, minutes, onset lags."""
    k, minutes = len(clips.CLASSES), sum(len(z) for z in logits) / 60
    report = {}
    for head, name in enumerate(("joint", "heard", "seen")):
        hits = false = total = 0
        lags, per_class = [], {}
        for c in range(k):
            ch = cf = ct = 0
            o = head * k + c
            for stream, z in zip(streams, logits):
                n = len(z)
                target = stream["target"][0][:n, o]
                soft = (target > 0) | (stream["weight"][0][:n, o] == 0)
                score = 1 / (1 + np.exp(-(z[:, o] - shifts[o])))
                truth = track.true_events(target)
                h, f, lag = track.score(track.events(score, 0.5), truth, soft)
                ch, cf, ct, lags = ch + h, cf + f, ct + len(truth), lags + lag
            per_class[clips.CLASSES[c]] = [ch, ct, cf]
            hits, false, total = hits + ch, false + cf, total + ct
        report[name] = {"found": hits, "true": total, "false": false,
                        "false_per_minute": round(false / minutes, 3),
                        "onset_within_1": round(float(np.mean(np.abs(lags) <= 1)), 3)
                        if lags else None, "per_class_found_true_false": per_class}
    report["minutes"] = round(minutes, 1)
    return report


def resume(model, basis, path):
    """The parameters of an exported head, with its adapters unfolded again."""
    tensors, _ = weights_file.read(path)
    state = {n: t.astype(np.float64) for n, t in tensors.items()}
    axes, w = basis.axes.astype(np.float64), state["adapt_visual.weight"]
    state["adapt_visual.bias"] = state["adapt_visual.bias"] + w @ basis.mean
    state["adapt_visual.weight"] = w @ axes @ np.linalg.inv(axes.T @ axes)
    w = state["adapt_audio.weight"]
    state["adapt_audio.bias"] = state["adapt_audio.bias"] + w @ basis.audio_mean
    state["adapt_audio.weight"] = w * basis.audio_std
    model.load_state_dict({n: torch.from_numpy(t.astype(np.float32)) for n, t in state.items()})


def export(path, model, basis, shifts, provenance):
    """Folds normalisation into the adapters and decisions into the last bias."""
    state = {n: p.detach().double().numpy() for n, p in model.state_dict().items()}
    w = state["adapt_visual.weight"] @ basis.axes.astype(np.float64).T
    state["adapt_visual.bias"] = state["adapt_visual.bias"] - w @ basis.mean
    state["adapt_visual.weight"] = w
    w = state["adapt_audio.weight"] / basis.audio_std
    state["adapt_audio.bias"] = state["adapt_audio.bias"] - w @ basis.audio_mean
    state["adapt_audio.weight"] = w
    k, single = len(clips.CLASSES), np.log(DECISION_SINGLE / (1 - DECISION_SINGLE))
    bias = state["head.1.bias"] - shifts
    bias[k:] += single
    heard, seen = provenance["can_be_heard"], provenance["can_be_seen"]
    for c, name in enumerate(clips.CLASSES):
        for head, able in ((0, name in heard and name in seen), (1, name in heard),
                           (2, name in seen)):
            if not able:
                state["head.1.weight"][head * k + c] = 0
                bias[head * k + c] = NEVER
    state["head.1.bias"] = bias
    tensors = {}
    for name, value in state.items():
        small = value.ndim < 2 or name.startswith("head.1")
        tensors[name] = value.astype(np.float32 if small else np.float16)
    metadata = {
        "tyto.format": "head/1",
        "tyto.config": json.dumps(model.config),
        "tyto.classes": json.dumps(clips.CLASSES),
        "tyto.thresholds": json.dumps([DECISION] * k),
        "tyto.layout": weights_file.layout_hash(tensors),
        "tyto.provenance": json.dumps(provenance),
    }
    weights_file.write(path, tensors, metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--picture-steps", type=int, default=900)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--decay", type=float, default=0.1)
    parser.add_argument("--dropout", type=float, default=0.4)
    parser.add_argument("--start", help="an exported head to go on from")
    parser.add_argument("--look-ahead", type=int, default=1)
    parser.add_argument("--picture-rate", type=float, default=0.3,
                        help="rate of the visual adapter after the first part, x --rate")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)

    basis = Basis(args.cache)
    bank = clips.Bank(args.cache, "train", basis.project)
    val_bank = clips.Bank(args.cache, "val", basis.project)
    val = clips.batch(val_bank, np.random.default_rng(5), 400)
    print("frames %d / %d, tracks %d / %d" % (
        len(bank.places), len(val_bank.places), len(bank.audio), len(val_bank.audio)),
        flush=True)

    config = dict(cman.CONFIG, look_ahead=args.look_ahead)
    model = cman.Cman(dict(config, visual_in=BASIS), len(clips.CLASSES))
    model.config = config
    model.where.scale.data.fill_(8.0)
    model.head[1].bias.data.fill_(-3.0)
    model.dropout = args.dropout
    if args.start:
        resume(model, basis, args.start)
        print("start: val AP", np.nanmean(val_summary(model, basis, val), 1).round(3), flush=True)
    elif args.picture_steps:
        classify, last = learn_pictures(model, bank, rng, args.picture_steps)
        ap = seen_alone(model, classify, val_bank)
        print("pictures alone: loss %.4f val AP %.3f %s" % (
            last, np.nanmean(list(ap.values())), ap), flush=True)
    slow = set(model.adapt_visual.parameters())
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1 and p not in slow],
         "weight_decay": args.decay, "lr": args.rate},
        {"params": [p for p in model.parameters() if p.dim() <= 1 and p not in slow],
         "weight_decay": 0, "lr": args.rate},
        {"params": list(slow), "weight_decay": args.decay, "lr": args.rate * args.picture_rate},
    ]
    optimiser = torch.optim.AdamW(groups, lr=args.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [g["lr"] for g in groups], args.steps,
                                                   pct_start=0.1)
    average, best, best_score = None, None, -1.0
    running = 0.0
    for step in range(1, args.steps + 1):
        model.train()
        data = clips.batch(bank, rng, args.batch)
        audio, frames = normalise(basis, data)
        audio, frames = spoil_audio(rng, audio), spoil_frames(rng, frames, bank)
        has_audio, has_visual = drop_modalities(rng, *audio.shape[:2])
        logits = run(model, audio, frames, data["which"], has_audio, has_visual)
        loss = loss_of(logits, torch.from_numpy(data["target"]),
                       torch.from_numpy(data["weight"]), has_audio, has_visual)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        running = 0.98 * running + 0.02 * float(loss) if step > 1 else float(loss)
        if average is None:
            average = copy.deepcopy(model)
        keep = min(0.99, (step + 1) / (step + 10))
        for a, p in zip(average.parameters(), model.parameters()):
            a.data.mul_(keep).add_(p.data, alpha=1 - keep)
        if step % 150 == 0 or step == args.steps:
            ap = val_summary(average, basis, val)
            means = np.nanmean(ap, 1)
            print("step %d loss %.4f val AP joint %.3f heard %.3f seen %.3f" % (
                (step, running) + tuple(means)), flush=True)
            if means[0] + 0.3 * means[1] + 0.3 * means[2] > best_score:
                best_score = means[0] + 0.3 * means[1] + 0.3 * means[2]
                best, best_ap = copy.deepcopy(average), ap

    streams = make_streams(val_bank, np.random.default_rng(9), 40, 6)
    logits = [stream_logits(best, basis, s) for s in streams]
    shifts, _, _ = choose_shifts(streams, logits)
    fresh = make_streams(val_bank, np.random.default_rng(10), 40, 6)
    report = stream_report(fresh, [stream_logits(best, basis, s) for s in fresh], shifts)
    can_hear = [clips.CLASSES[c] for c in bank.tracks_of if c < len(clips.CLASSES)]
    can_see = [clips.CLASSES[c] for c in bank.scenes_of if c < len(clips.CLASSES)]
    ap = {n: {c: None if np.isnan(v) else round(float(v), 3)
              for c, v in zip(clips.CLASSES, row)}
          for n, row in zip(("joint", "heard", "seen"), best_ap)}
    provenance = {
        "trained_by": "scripts/head/train.py", "seed": args.seed, "steps": args.steps,
        "val_segment_ap": ap, "val_streams": report, "can_be_heard": sorted(can_hear),
        "can_be_seen": sorted(can_see),
    }
    export(args.out, best, basis, shifts, provenance)
    size = os.path.getsize(args.out)
    print(json.dumps({"mean_ap": [round(float(x), 3) for x in np.nanmean(best_ap, 1)],
                      "streams": report, "bytes": size}, indent=1))


if __name__ == "__main__":
    main()
